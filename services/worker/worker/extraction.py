"""
Reads one document in a process of its own, so that one that hangs, eats memory or crashes its reader cannot take the
worker along. `python3.11 -m worker.extraction FILE CONTENT_TYPE` prints a JSON array: the chunks. It exits 3 with a
reason on standard error when the document cannot be read.
"""

import asyncio
import json
import logging
import resource
import sys
from pathlib import Path

from worker.chunks import split
from worker.errors import BadDocument
from worker.text import extract

BAD_DOCUMENT = 3
# Bytes of address space of the process; compose gives the whole container 512 MB.
MEMORY_BYTES = 400 * 1024 * 1024


async def extract_apart(file: Path, content_type: str, limit_seconds: float) -> list[str]:
    """The chunks of the document. Raises BadDocument; the process is gone whenever this returns or raises."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker.extraction",
        str(file),
        content_type,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit_seconds):
            output, problem = await process.communicate()
    except TimeoutError as error:
        raise BadDocument(f"reading it took longer than {limit_seconds:g} seconds") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return json.loads(output)
    if process.returncode == BAD_DOCUMENT:
        raise BadDocument(problem.decode("utf-8", "replace").strip())
    raise BadDocument(f"its reader stopped with {process.returncode}")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # If memory runs out all the same, this process goes, not the worker.
    Path("/proc/self/oom_score_adj").write_text("1000")
    # Standard error is for the reason alone.
    logging.disable()
    file, content_type = sys.argv[1:3]
    try:
        chunks = split(extract(Path(file), content_type))
    except BadDocument as bad:
        print(bad, file=sys.stderr)
        sys.exit(BAD_DOCUMENT)
    except MemoryError:
        print("reading it takes too much memory", file=sys.stderr)
        sys.exit(BAD_DOCUMENT)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    json.dump(chunks, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
