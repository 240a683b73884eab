"""Buckets: create, get, list, update, empty, delete. All in the caller's role."""

from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .. import errors
from ..auth import caller_of
from ..names import check_bucket_name, check_mime_patterns, is_uuid, parse_size
from ..server import field, json_body, message, rendered, server_of, texts

_COLUMNS = "id, name, owner, owner_id, public, type, file_size_limit, allowed_mime_types, created_at, updated_at"
_SORTABLE = ("id", "name", "created_at", "updated_at")
# Objects removed in one transaction when a bucket is emptied.
_BATCH = 500


async def _run(request: Request, work: Any, as_caller: bool = True) -> Any:
    server = server_of(request)
    caller = caller_of(request, server.config.jwt_secret)
    return await server.database.run(work, caller if as_caller else None, (request.method, request.url.path))


def _limits(body: dict[str, Any], largest: int) -> dict[str, Any]:
    """The columns that the body sets, with their values; null takes a limit away."""
    columns: dict[str, Any] = {}
    if "file_size_limit" in body:
        size = field(body, "file_size_limit", (int, str))
        columns["file_size_limit"] = None if size is None else parse_size(size, largest)
    if "allowed_mime_types" in body:
        types = texts(body, "allowed_mime_types")
        columns["allowed_mime_types"] = None if types is None else check_mime_patterns([kind for kind in types if kind])
    return columns


async def create(request: Request) -> Response:
    server = server_of(request)
    caller = caller_of(request, server.config.jwt_secret)
    body = await json_body(request)
    name = check_bucket_name(field(body, "name", str, required=True))
    identifier = check_bucket_name(field(body, "id", str) or name)
    limits = _limits(body, server.config.file_size_limit)

    async def work(connection: asyncpg.Connection) -> None:
        try:
            await connection.execute(
                """
                insert into storage.buckets (id, name, owner, owner_id, public, file_size_limit, allowed_mime_types)
                values ($1, $2, $3, $4, $5, $6, $7)
                """,
                identifier, name, caller.owner if is_uuid(caller.owner) else None, caller.owner,
                field(body, "public", bool) or False, limits.get("file_size_limit"), limits.get("allowed_mime_types"),
            )
        except asyncpg.UniqueViolationError as error:
            raise errors.bucket_exists() from error

    await _run(request, work)
    return JSONResponse({"name": name})


async def get(request: Request) -> Response:
    async def work(connection: asyncpg.Connection) -> asyncpg.Record | None:
        return await connection.fetchrow(
            f"select {_COLUMNS} from storage.buckets where id = $1", request.path_params["bucket"]
        )

    row = await _run(request, work)
    if row is None:
        raise errors.no_such_bucket()
    return JSONResponse(rendered(row))


async def list_all(request: Request) -> Response:
    query = request.query_params
    column = query.get("sortColumn", "name")
    order = query.get("sortOrder", "asc")
    if column not in _SORTABLE:
        raise errors.invalid_request("querystring/sortColumn must be equal to one of the allowed values")
    if order not in ("asc", "desc"):
        raise errors.invalid_request("querystring/sortOrder must be equal to one of the allowed values")
    numbers: dict[str, int | None] = {}
    for key in ("limit", "offset"):
        text = query.get(key)
        if text is not None and not text.isdigit():
            raise errors.invalid_request(f"querystring/{key} must be integer")
        numbers[key] = None if text is None else int(text)

    async def work(connection: asyncpg.Connection) -> list[asyncpg.Record]:
        return await connection.fetch(
            f"""
            select {_COLUMNS} from storage.buckets where strpos(lower(name), lower($1)) > 0 or $1 = ''
            order by {column} {order}, id limit $2 offset $3
            """,
            query.get("search", ""), numbers["limit"], numbers["offset"] or 0,
        )

    return JSONResponse([rendered(row) for row in await _run(request, work)])


async def update(request: Request) -> Response:
    server = server_of(request)
    caller_of(request, server.config.jwt_secret)
    body = await json_body(request)
    columns = _limits(body, server.config.file_size_limit)
    public = field(body, "public", bool)
    if public is not None:
        columns["public"] = public
    # Without a column to set, the row is written as it is: the caller's right to write it is asked all the same.
    settings = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, 2)) or "name = name"

    async def work(connection: asyncpg.Connection) -> str:
        return await connection.execute(
            f"update storage.buckets set {settings} where id = $1", request.path_params["bucket"], *columns.values()
        )

    if await _run(request, work) == "UPDATE 0":
        raise errors.no_such_bucket()
    return message("Successfully updated")


async def empty(request: Request) -> Response:
    bucket = request.path_params["bucket"]

    async def visible(connection: asyncpg.Connection) -> bool:
        return await connection.fetchval("select exists (select from storage.buckets where id = $1)", bucket)

    async def some(connection: asyncpg.Connection) -> tuple[int, list[str]]:
        rows = await connection.fetch(
            "select id, name from storage.objects where bucket_id = $1 limit $2", bucket, _BATCH
        )
        gone = await connection.fetch(
            "delete from storage.objects where bucket_id = $1 and id = any($2) returning id",
            bucket, [row["id"] for row in rows],
        )
        kept = {row["id"] for row in rows} - {row["id"] for row in gone}
        return len(rows), [row["name"] for row in rows if row["id"] in kept]

    if not await _run(request, visible):
        raise errors.no_such_bucket()
    while True:
        found, kept = await _run(request, some)
        if found > 0:
            server_of(request).housekeeping.soon()
        if kept:
            names = " ,".join(kept)
            raise errors.access_denied(f"Cannot delete: {names}, you may have SELECT but not DELETE permissions")
        if found == 0:
            return message("Successfully emptied")


async def delete(request: Request) -> Response:
    bucket = request.path_params["bucket"]

    async def holds_objects(connection: asyncpg.Connection) -> bool | None:
        return await connection.fetchval(
            """
            select exists (select from storage.objects where bucket_id = b.id) from storage.buckets b where id = $1
            """,
            bucket,
        )

    async def work(connection: asyncpg.Connection) -> str:
        try:
            return await connection.execute("delete from storage.buckets where id = $1", bucket)
        except asyncpg.ForeignKeyViolationError as error:
            raise errors.bucket_not_empty() from error

    # Asked as the owner of the tables: objects that the caller cannot see also keep a bucket.
    found = await _run(request, holds_objects, as_caller=False)
    if found is None:
        raise errors.no_such_bucket()
    if found:
        raise errors.bucket_not_empty()
    if await _run(request, work) == "DELETE 0":
        raise errors.no_such_bucket()
    return message("Successfully deleted")
