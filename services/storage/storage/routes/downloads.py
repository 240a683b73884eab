"""Reading one object: its bytes (whole or a range), its headers, its description. By role, by public bucket, or by a
signed URL."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime, formatdate, parsedate_to_datetime
from urllib.parse import quote

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from .. import errors
from ..auth import Caller, caller_of, caller_or_nobody, check_signed_url
from ..ranges import parse_range
from ..server import rendered, server_of
from ..volume import stream

log = logging.getLogger("storage")
_COLUMNS = "id, bucket_id, name, version, metadata, user_metadata, created_at, updated_at"
# Who may find the object: answers its row, or raises.
Finder = Callable[[], Awaitable[asyncpg.Record]]


async def _find(request: Request, caller: Caller | None) -> asyncpg.Record:
    bucket, name = request.path_params["bucket"], request.path_params["name"]

    async def work(connection: asyncpg.Connection) -> asyncpg.Record | None:
        return await connection.fetchrow(
            f"select {_COLUMNS} from storage.objects where bucket_id = $1 and name = $2", bucket, name
        )

    row = await server_of(request).database.run(work, caller, (request.method, request.url.path))
    if row is None:
        raise errors.no_such_key()
    return row


async def _bucket_is_public(request: Request) -> bool:
    """Raises NoSuchBucket when there is none."""

    async def work(connection: asyncpg.Connection) -> bool | None:
        return await connection.fetchval(
            "select coalesce(public, false) from storage.buckets where id = $1", request.path_params["bucket"]
        )

    public = await server_of(request).database.run(work)
    if public is None:
        raise errors.no_such_bucket()
    return public


def _in_role(request: Request, must_have_token: bool) -> Finder:
    """A public bucket is open to all; in another one, row-level security decides."""

    async def find() -> asyncpg.Record:
        secret = server_of(request).config.jwt_secret
        caller = caller_of(request, secret) if must_have_token else caller_or_nobody(request, secret)
        if await _bucket_is_public(request):
            return await _find(request, None)
        if not caller.authenticated:
            raise errors.no_such_bucket()
        return await _find(request, caller)

    return find


def _in_public(request: Request) -> Finder:
    async def find() -> asyncpg.Record:
        if not await _bucket_is_public(request):
            raise errors.no_such_bucket()
        return await _find(request, None)

    return find


async def get_or_head(request: Request) -> Response:
    return await _render(request, _in_role(request, must_have_token=False))


async def get_or_head_authenticated(request: Request) -> Response:
    return await _render(request, _in_role(request, must_have_token=True))


async def get_or_head_public(request: Request) -> Response:
    return await _render(request, _in_public(request))


async def get_signed(request: Request) -> Response:
    token = request.query_params.get("token")
    if token is None:
        raise errors.invalid_request("querystring must have required property 'token'")
    path = f"{request.path_params['bucket']}/{request.path_params['name']}"
    expires = check_signed_url(token, path, server_of(request).config.jwt_secret)
    return await _render(request, lambda: _find(request, None), formatdate(expires, usegmt=True))


async def info(request: Request) -> Response:
    return await _describe(request, _in_role(request, must_have_token=False))


async def info_authenticated(request: Request) -> Response:
    return await _describe(request, _in_role(request, must_have_token=True))


async def info_public(request: Request) -> Response:
    return await _describe(request, _in_public(request))


async def _describe(_: Request, find: Finder) -> Response:
    row = await find()
    metadata = row["metadata"] or {}
    body = {
        "id": row["id"],
        "name": row["name"],
        "version": row["version"],
        "bucket_id": row["bucket_id"],
        "size": metadata.get("size"),
        "content_type": metadata.get("mimetype"),
        "cache_control": metadata.get("cacheControl"),
        "etag": metadata.get("eTag"),
        "metadata": row["user_metadata"],
        "last_modified": row["updated_at"],
        "created_at": row["created_at"],
    }
    return JSONResponse(rendered(body), headers={"cache-control": "no-cache"})


async def _render(request: Request, find: Finder, expires: str | None = None) -> Response:
    row = await find()
    file = await asyncio.to_thread(server_of(request).volume.read, row["version"] or "")
    if file is None:
        # It was replaced between the two looks: the second one finds the new version.
        row = await find()
        file = await asyncio.to_thread(server_of(request).volume.read, row["version"] or "")
    if file is None:
        log.error("the file of version %s is missing on the volume", row["version"])
        raise errors.no_such_key()
    try:
        metadata = row["metadata"] or {}
        size = os.fstat(file.fileno()).st_size
        if size != metadata.get("size"):
            log.error("version %s has %d bytes, its row says %s", row["version"], size, metadata.get("size"))
            raise errors.internal()
        headers = _headers(request, row, expires)
        if _not_modified(request, headers):
            file.close()
            del headers["content-type"]
            return Response(status_code=304, headers=headers)
        wanted = None
        if request.headers.get("if-range") in (None, headers["etag"], headers["last-modified"]):
            wanted = parse_range(request.headers.get("range"), size)
    except BaseException:
        file.close()
        raise
    first, last = wanted or (0, size - 1)
    headers["content-length"] = str(last - first + 1)
    if wanted is not None:
        headers["content-range"] = f"bytes {first}-{last}/{size}"
    if request.method == "HEAD":
        file.close()
        return Response(status_code=200 if wanted is None else 206, headers=headers)
    return StreamingResponse(stream(file, first, last - first + 1), 200 if wanted is None else 206, headers)


def _headers(request: Request, row: asyncpg.Record, expires: str | None) -> dict[str, str]:
    metadata = row["metadata"] or {}
    mime_type = metadata.get("mimetype") or "application/octet-stream"
    headers = {
        "accept-ranges": "bytes",
        # A page that somebody uploaded must not run as one of this address.
        "content-type": "text/plain" if "text/html" in mime_type.lower() else mime_type,
        "etag": metadata.get("eTag") or f'"{row["version"]}"',
        "last-modified": format_datetime(_modified(row), usegmt=True),
        "cache-control": metadata.get("cacheControl") or "no-cache",
        "x-content-type-options": "nosniff",
    }
    if expires is not None:
        del headers["cache-control"]
        headers["expires"] = expires
    download = request.query_params.get("download")
    if download == "":
        headers["content-disposition"] = "attachment;"
    elif download is not None:
        name = quote(download, safe="!'()*")
        headers["content-disposition"] = f"attachment; filename={name}; filename*=UTF-8''{name};"
    return headers


def _modified(row: asyncpg.Record) -> datetime:
    return row["updated_at"].astimezone(UTC).replace(microsecond=0)


def _not_modified(request: Request, headers: dict[str, str]) -> bool:
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or headers["etag"] in (tag.strip().removeprefix("W/") for tag in tags.split(","))
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
        return parsedate_to_datetime(headers["last-modified"]) <= moment.replace(tzinfo=moment.tzinfo or UTC)
    except (ValueError, TypeError):
        return False
