"""The bytes. Each upload is a file of its own, named by its version (a uuid), so no name that a client chose ever
becomes a path and nothing is ever overwritten.

    incoming/<version>            being written, or whole and on disk but its row not known to be committed
    objects/<2 hex>/<version>     its row was committed

An upload is written to incoming and flushed, then its row is committed, then the file moves to objects. A file that a
crash left in incoming is judged by the database: it belongs to an object, or nobody was told that it arrived.
"""

import asyncio
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

_READ_SIZE = 256 * 1024
# Bytes gathered before a thread is asked to write them.
_WRITE_SIZE = 256 * 1024


class Volume:
    def __init__(self, root: str) -> None:
        self._incoming = Path(root) / "incoming"
        self._objects = Path(root) / "objects"
        self._lock: BinaryIO | None = None
        self._root = Path(root)
        # Versions that this process is writing or committing at the moment.
        self._busy: set[str] = set()

    def open(self) -> None:
        """Takes the volume for this process alone (waits up to 10 s for another one to let go) and lays its folders."""
        self._lock = open(self._root / ".lock", "wb")
        deadline = time.monotonic() + 10
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SystemExit("another server is using this volume") from None
                time.sleep(0.1)
        self._incoming.mkdir(exist_ok=True)
        self._objects.mkdir(exist_ok=True)
        for number in range(256):
            (self._objects / f"{number:02x}").mkdir(exist_ok=True)
        _flush_folder(self._objects)
        _flush_folder(self._root)

    def writable(self) -> bool:
        """Whether a file can be made and removed, and there is room for one."""
        probe = self._incoming / ".health"
        try:
            probe.write_bytes(b"1")
            probe.unlink()
            room = os.statvfs(self._root)
            return room.f_bavail * room.f_frsize > 1024 * 1024
        except OSError:
            return False

    def begin(self) -> "Upload":
        version = str(uuid.uuid4())
        self._busy.add(version)
        return Upload(self, version, self._incoming / version)

    def keep(self, version: str) -> None:
        """The row is committed: the file takes its final place. May be done again."""
        try:
            os.rename(self._incoming / version, self._final(version))
        except FileNotFoundError:
            if not self._final(version).exists():
                raise
        finally:
            self._busy.discard(version)

    def drop(self, version: str) -> None:
        """No row names the version, or none does any more. May be done again."""
        if not _is_version(version):
            return
        (self._incoming / version).unlink(missing_ok=True)
        self._final(version).unlink(missing_ok=True)
        self._busy.discard(version)

    def release(self, version: str) -> None:
        """Nobody works on the version any more, and its fate is not known: `unsettled` will list it."""
        self._busy.discard(version)

    def unsettled(self) -> list[str]:
        """Versions in incoming that nobody is working on."""
        return [name for name in os.listdir(self._incoming) if name not in self._busy and not name.startswith(".")]

    def read(self, version: str) -> BinaryIO | None:
        """The open file, or None when it is not there (any more). It may be on its way from incoming to objects."""
        if not _is_version(version):
            return None
        for path in (self._final(version), self._incoming / version, self._final(version)):
            try:
                return open(path, "rb", buffering=0)
            except FileNotFoundError:
                continue
        return None

    def _final(self, version: str) -> Path:
        return self._objects / version[:2] / version


class Upload:
    """A file that is being written. Memory use does not depend on its size."""

    def __init__(self, volume: Volume, version: str, path: Path) -> None:
        self._volume = volume
        self.version = version
        self._path = path
        self._file: BinaryIO | None = None
        self._pending = bytearray()
        self._md5 = hashlib.md5(usedforsecurity=False)
        # Bytes received so far.
        self.size = 0

    @property
    def etag(self) -> str:
        return f'"{self._md5.hexdigest()}"'

    async def write(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        self._pending += data
        if len(self._pending) >= _WRITE_SIZE:
            await self._spill()

    async def flush(self) -> None:
        """Returns when the bytes and the file's name are on disk."""
        await self._spill()
        await asyncio.to_thread(self._settle)

    async def discard(self) -> None:
        await asyncio.to_thread(self._close)
        await asyncio.to_thread(self._volume.drop, self.version)

    async def _spill(self) -> None:
        data, self._pending = self._pending, bytearray()
        await asyncio.to_thread(self._append, data)

    def _append(self, data: bytearray) -> None:
        if self._file is None:
            self._file = open(self._path, "xb", buffering=0)
        self._md5.update(data)
        view = memoryview(data)
        while len(view) > 0:
            view = view[self._file.write(view) :]

    def _settle(self) -> None:
        assert self._file is not None
        os.fsync(self._file.fileno())
        self._close()
        _flush_folder(self._path.parent)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


async def stream(file: BinaryIO, first: int, length: int) -> AsyncIterator[bytes]:
    """So many bytes from the position `first`; closes the file."""
    try:
        while length > 0:
            data = await asyncio.to_thread(os.pread, file.fileno(), min(_READ_SIZE, length), first)
            if data == b"":
                raise OSError("the file is shorter than it was")
            first += len(data)
            length -= len(data)
            yield data
    finally:
        file.close()


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_version(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
