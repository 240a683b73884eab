"""An upload, from the first question to the answer.

    1. may the caller? The row is written in the caller's role and rolled back, before a byte is read.
    2. the bytes go to a new file, counted against the limit, and are flushed to disk.
    3. the row is committed. From here on the object is the new one, whole; until here it was the old one, whole.
    4. the file takes its final place, and the answer goes out.
"""

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
from starlette.requests import ClientDisconnect, Request

from . import errors
from .auth import Caller
from .multipart import LARGEST_FIELD, Form, read_form
from .names import check_mime_type, is_empty_folder, is_uuid
from .server import Server
from .volume import Upload

log = logging.getLogger("storage")
# Bytes that a multipart body may have beside its file.
_FORM_OVERHEAD = 2 * LARGEST_FIELD

_INSERT = """
    insert into storage.objects as o (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
    values ($1, $2, $3, $4, $5, $6, $7)
"""
_REPLACE = """
    on conflict (bucket_id, name) do update set owner = excluded.owner, owner_id = excluded.owner_id,
        version = excluded.version, metadata = excluded.metadata, user_metadata = excluded.user_metadata
"""


@dataclass(frozen=True)
class Target:
    bucket: str
    name: str
    # Whether an object of that name is replaced, or is an error.
    upsert: bool
    # Who will own the object.
    owner: str | None


@dataclass
class _Received:
    mime_type: str
    cache_control: str
    user_metadata: dict[str, Any] | None


class _Rollback(Exception):
    """Ends a transaction that was only a question."""


async def receive(server: Server, request: Request, target: Target, caller: Caller) -> str:
    """Stores the body of the request as the object; answers its id once bytes and row are durable."""
    bucket = await _ask_permission(server, request, target, caller)
    limit = server.config.file_size_limit
    if bucket["file_size_limit"] is not None:
        limit = min(limit, bucket["file_size_limit"])
    allowed: list[str] | None = bucket["allowed_mime_types"]
    if is_empty_folder(target.name):
        limit, allowed = 0, None
    upload = server.volume.begin()
    try:
        received = await _receive_bytes(request, upload, limit, allowed)
        await upload.flush()
    except BaseException as error:
        await asyncio.shield(upload.discard())
        if isinstance(error, OSError):
            log.error("cannot write to the volume: %s", error)
            raise errors.internal() from error
        if isinstance(error, ClientDisconnect):
            raise errors.invalid_request("the request ended before its body") from error
        raise
    # Not stopped half way when the client goes: what is committed is also put in its place.
    return await asyncio.shield(_commit(server, target, upload, received))


async def _ask_permission(server: Server, request: Request, target: Target, caller: Caller) -> asyncpg.Record:
    async def bucket_of(connection: asyncpg.Connection) -> asyncpg.Record | None:
        return await connection.fetchrow(
            "select file_size_limit, allowed_mime_types from storage.buckets where id = $1", target.bucket
        )

    bucket = await server.database.run(bucket_of)
    if bucket is None:
        raise errors.no_such_bucket()

    async def rehearse(connection: asyncpg.Connection) -> None:
        await _write_row(connection, target, "1", None, None)
        raise _Rollback

    try:
        await server.database.run(rehearse, caller, (request.method, request.url.path))
    except _Rollback:
        pass
    return bucket


async def _receive_bytes(request: Request, upload: Upload, limit: int, allowed: list[str] | None) -> _Received:
    content_type = request.headers.get("content-type") or "application/octet-stream"
    multipart = content_type.startswith("multipart/form-data")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit + (_FORM_OVERHEAD if multipart else 0):
        raise errors.too_large()
    if multipart:
        form = Form()
        first = True
        async for piece in read_form(request.stream(), content_type, form):
            if first:
                check_mime_type(form.fields.get("contentType") or form.file_type or "", allowed)
                first = False
            await _take(upload, piece, limit)
        cache = form.fields.get("cacheControl")
        return _Received(
            form.fields.get("contentType") or form.file_type or "application/octet-stream",
            f"max-age={cache}" if cache else "no-cache",
            _parse_metadata(form.fields.get("metadata") or form.fields.get("userMetadata")),
        )
    check_mime_type(content_type, allowed)
    async for piece in _body(request):
        await _take(upload, piece, limit)
    return _Received(
        content_type,
        request.headers.get("cache-control") or "no-cache",
        _parse_metadata(_unpack(request.headers.get("x-metadata"))),
    )


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        yield piece


async def _take(upload: Upload, piece: bytes, limit: int) -> None:
    if upload.size + len(piece) > limit:
        raise errors.too_large()
    await upload.write(piece)


async def _commit(server: Server, target: Target, upload: Upload, received: _Received) -> str:
    metadata = {
        "eTag": upload.etag,
        "size": upload.size,
        "mimetype": received.mime_type,
        "cacheControl": received.cache_control,
        "lastModified": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "contentLength": upload.size,
        "httpStatusCode": 200,
    }
    tried = False

    async def commit(connection: asyncpg.Connection) -> str:
        nonlocal tried
        # After a commit that was never answered: had it been made?
        row = None
        if tried:
            row = await connection.fetchrow("select id from storage.objects where version = $1", upload.version)
        tried = True
        if row is None:
            row = await _write_row(connection, target, upload.version, metadata, received.user_metadata)
        return str(row["id"])

    try:
        key = await server.database.run(commit)
    except errors.StorageError as error:
        if error.code == "DatabaseTimeout":
            # The commit may have been made: the file stays until the database can say so.
            server.volume.release(upload.version)
            server.housekeeping.soon()
        else:
            await asyncio.to_thread(server.volume.drop, upload.version)
        raise
    except BaseException:
        server.volume.release(upload.version)
        server.housekeeping.soon()
        raise
    await asyncio.to_thread(server.volume.keep, upload.version)
    server.housekeeping.soon()
    return key


async def _write_row(
    connection: asyncpg.Connection,
    target: Target,
    version: str,
    metadata: dict[str, Any] | None,
    user_metadata: dict[str, Any] | None,
) -> asyncpg.Record:
    owner = target.owner if is_uuid(target.owner) else None
    statement = _INSERT + (_REPLACE if target.upsert else "")
    try:
        # `returning` asks row-level security for the right to read, so the rehearsal goes without it.
        values = (target.bucket, target.name, owner, target.owner, version, metadata, user_metadata)
        if metadata is None:
            return await connection.execute(statement, *values)
        return await connection.fetchrow(f"{statement} returning o.id", *values)
    except asyncpg.UniqueViolationError as error:
        raise errors.key_exists() from error
    except asyncpg.ForeignKeyViolationError as error:
        raise errors.no_such_bucket() from error


def _unpack(header: str | None) -> str | None:
    try:
        return None if header is None else base64.b64decode(header).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _parse_metadata(text: str | None) -> dict[str, Any] | None:
    """User metadata that is no JSON object is passed over in silence, as Supabase Storage does."""
    try:
        value = None if text is None else json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
