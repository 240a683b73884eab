#!/bin/sh
# Builds one image with whichever builder the docker client has. Prints nothing on success; the last lines on failure.
# An image that carries the token already is left alone: a release that is put back keeps the image that it was committed with.
# Usage: [PLUMBLINE_BUILD=token] build-image.sh <reference> <options of docker build> <context>
set -u
reference=$1
shift
if [ -n "${PLUMBLINE_BUILD:-}" ]; then
    token=$(docker image inspect --format '{{index .Config.Labels "plumbline.build"}}' "$reference" 2>/dev/null)
    [ "$token" = "$PLUMBLINE_BUILD" ] && exit 0
fi
set -- --tag "$reference" "$@"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if docker buildx version >/dev/null 2>&1; then
    docker buildx build --load --progress plain --label "plumbline.build=${PLUMBLINE_BUILD:-}" "$@" >"$log" 2>&1
else
    # This builder leaves the container of a step that failed, unless it is told not to.
    DOCKER_BUILDKIT=0 docker build --force-rm --label "plumbline.build=${PLUMBLINE_BUILD:-}" "$@" >"$log" 2>&1
fi
code=$?
if [ "$code" -ne 0 ]; then
    echo "the image could not be built; the last lines of the build:" >&2
    tail -n 30 "$log" >&2
fi
exit "$code"
