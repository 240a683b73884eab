#!/bin/sh
# Builds one image with whichever builder the docker client has. Prints nothing on success; the last lines on failure.
# Usage: [PLUMBLINE_BUILD=token] build-image.sh <options of docker build> <context>
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if docker buildx version >/dev/null 2>&1; then
    docker buildx build --load --progress plain --label "plumbline.build=${PLUMBLINE_BUILD:-}" "$@" >"$log" 2>&1
else
    DOCKER_BUILDKIT=0 docker build --label "plumbline.build=${PLUMBLINE_BUILD:-}" "$@" >"$log" 2>&1
fi
code=$?
if [ "$code" -ne 0 ]; then
    echo "the image could not be built; the last lines of the build:" >&2
    tail -n 30 "$log" >&2
fi
exit "$code"
