"""Reads a posted document from the request: raw or multipart, bounded in size, checked before anything is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.errors import ApiError

CONTENT_TYPES = ("text/plain", "text/markdown", "text/html", "application/xhtml+xml", "application/pdf")


@dataclass(frozen=True)
class Upload:
    name: str
    content_type: str
    content: bytes


class Buffer:
    """Bounds the bytes of all uploads that are in memory at once: further requests wait for their share."""

    def __init__(self, capacity: int) -> None:
        self._free = capacity
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def share(self, size: int) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            async with self._changed:
                self._free += size
                self._changed.notify_all()


def expected_size(request: Request, limit: int) -> int:
    """Bytes that the body may need in memory. Raises ApiError 413 when it announces too many."""
    multipart = is_multipart(request)
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdigit() else limit
    if size > limit + (64 * 1024 if multipart else 0):
        raise too_large(limit)
    # The parser of a multipart body copies once.
    return 2 * size if multipart else size


def is_multipart(request: Request) -> bool:
    return media_type(request.headers.get("content-type", "")) == "multipart/form-data"


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def too_large(limit: int) -> ApiError:
    return ApiError(413, "too_large", f"a document has at most {limit} bytes")


async def read_upload(request: Request, limit: int) -> Upload:
    """Raises ApiError 400, 413 or 415."""
    if is_multipart(request):
        upload = await _read_multipart(request, limit)
    else:
        content = b"".join([part async for part in _bounded(request, limit)])
        upload = Upload(_header_name(request) or "untitled", request.headers.get("content-type", ""), content)
    if media_type(upload.content_type) not in CONTENT_TYPES:
        raise ApiError(415, "unsupported", f"the content type must be one of {', '.join(CONTENT_TYPES)}")
    if len(upload.content_type) > 255 or not upload.content_type.isprintable():
        raise ApiError(400, "invalid", "the content type is not valid")
    if not 1 <= len(upload.name) <= 255 or not upload.name.isprintable():
        raise ApiError(400, "invalid", "the name must have 1 to 255 printable characters")
    if len(upload.content) > limit:
        raise too_large(limit)
    if not upload.content:
        raise ApiError(400, "empty", "the document is empty")
    return upload


def _header_name(request: Request) -> str:
    # Header values are Latin-1; anything else comes percent-encoded.
    return unquote(request.headers.get("x-document-name", "")).strip()


async def _bounded(request: Request, limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large(limit)
        yield part


async def _read_multipart(request: Request, limit: int) -> Upload:
    class InMemory(MultiPartParser):
        # /tmp is memory as well: spooling there would only hide it from the buffer's account.
        spool_max_size = limit + 1

    try:
        parser = InMemory(request.headers, _bounded(request, limit + 64 * 1024), max_files=1, max_fields=8)
        form = await parser.parse()
    except MultiPartException as error:
        raise ApiError(400, "invalid", f"the multipart body is not valid: {error.message}") from error
    try:
        for _, value in form.multi_items():
            if isinstance(value, UploadFile):
                name = _header_name(request) or (value.filename or "").strip() or "untitled"
                return Upload(name, value.content_type or "", await value.read())
    finally:
        await form.close()
    raise ApiError(400, "invalid", "the multipart body has no file")
