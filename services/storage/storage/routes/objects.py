"""Objects: upload, remove, list. All in the caller's role."""

from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .. import errors
from ..auth import caller_of
from ..names import check_bucket_name, check_key
from ..server import field, json_body, message, rendered, server_of, texts
from ..uploads import Target, receive

_COLUMNS = """
    id, bucket_id, name, owner, owner_id, version, metadata, user_metadata, created_at, updated_at, last_accessed_at
"""
_SORTABLE = ("name", "updated_at", "created_at", "last_accessed_at")


async def _run(request: Request, work: Any) -> Any:
    server = server_of(request)
    caller = caller_of(request, server.config.jwt_secret)
    return await server.database.run(work, caller, (request.method, request.url.path))


async def upload(request: Request) -> Response:
    """POST makes an object, and replaces one with `x-upsert: true`; PUT always replaces."""
    server = server_of(request)
    caller = caller_of(request, server.config.jwt_secret)
    target = Target(
        check_bucket_name(request.path_params["bucket"]),
        check_key(request.path_params["name"]),
        request.method == "PUT" or request.headers.get("x-upsert") == "true",
        caller.owner,
    )
    identifier = await receive(server, request, target, caller)
    return JSONResponse({"Id": identifier, "Key": f"{target.bucket}/{target.name}"})


async def _remove(request: Request, names: list[str]) -> list[asyncpg.Record]:
    async def work(connection: asyncpg.Connection) -> list[asyncpg.Record]:
        return await connection.fetch(
            f"delete from storage.objects where bucket_id = $1 and name = any($2) returning {_COLUMNS}",
            request.path_params["bucket"], names,
        )

    rows = await _run(request, work)
    if rows:
        server_of(request).housekeeping.soon()
    return rows


async def remove(request: Request) -> Response:
    if not await _remove(request, [request.path_params["name"]]):
        raise errors.no_such_key()
    return message("Successfully deleted")


async def remove_many(request: Request) -> Response:
    """Answers what was removed; names that are not there, or not the caller's, are left out."""
    caller_of(request, server_of(request).config.jwt_secret)
    names = texts(await json_body(request), "prefixes", required=True) or []
    return JSONResponse([rendered(row) for row in await _remove(request, names)])


async def list_folder(request: Request) -> Response:
    caller_of(request, server_of(request).config.jwt_secret)
    body = await json_body(request)
    prefix = field(body, "prefix", str)
    if prefix is None:
        raise errors.invalid_request("body must have required property 'prefix'")
    if prefix != "" and not prefix.endswith("/"):
        prefix += "/"
    limit = field(body, "limit", int)
    offset = field(body, "offset", int)
    if (limit is not None and limit < 1) or (offset is not None and offset < 0):
        raise errors.invalid_request("body/limit must be >= 1 and body/offset must be >= 0")
    sort = field(body, "sortBy", dict) or {}
    column = sort.get("column") or "name"
    order = sort.get("order") or "asc"
    if column not in _SORTABLE:
        raise errors.invalid_request("body/sortBy/column must be equal to one of the allowed values")
    if order not in ("asc", "desc"):
        raise errors.invalid_request("body/sortBy/order must be equal to one of the allowed values")

    async def work(connection: asyncpg.Connection) -> list[asyncpg.Record]:
        return await connection.fetch(
            "select * from storage.search($1, $2, $3, $4, $5, $6, $7, $8)",
            prefix, check_bucket_name(request.path_params["bucket"]), limit or 100, prefix.count("/") + 1, offset or 0,
            field(body, "search", str) or "", column, order,
        )

    return JSONResponse([rendered(row) for row in await _run(request, work)])
