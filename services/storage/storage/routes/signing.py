"""Signed download URLs, for one object or for many."""

from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .. import errors
from ..auth import caller_of, sign_url
from ..names import check_bucket_name, check_key
from ..server import field, json_body, server_of, texts

_NOT_FOUND = "Either the object does not exist or you do not have access to it"


async def _visible(request: Request, names: list[str]) -> set[str]:
    """Those of the objects that the caller may read."""

    async def work(connection: asyncpg.Connection) -> list[asyncpg.Record]:
        return await connection.fetch(
            "select name from storage.objects where bucket_id = $1 and name = any($2)",
            request.path_params["bucket"], names,
        )

    server = server_of(request)
    caller = caller_of(request, server.config.jwt_secret)
    rows = await server.database.run(work, caller, (request.method, request.url.path))
    return {row["name"] for row in rows}


def _seconds(body: dict[str, Any]) -> int:
    seconds = field(body, "expiresIn", int, required=True)
    if seconds < 1:
        raise errors.invalid_request("body/expiresIn must be >= 1")
    return seconds


def _url(request: Request, name: str, seconds: int) -> str:
    path = f"{request.path_params['bucket']}/{name}"
    return f"/object/sign/{path}?token={sign_url(path, seconds, server_of(request).config.jwt_secret)}"


async def sign(request: Request) -> Response:
    caller_of(request, server_of(request).config.jwt_secret)
    check_bucket_name(request.path_params["bucket"])
    name = check_key(request.path_params["name"])
    body = await json_body(request)
    seconds = _seconds(body)
    if field(body, "transform", dict):
        raise errors.not_supported("imageTransformation")
    if not await _visible(request, [name]):
        raise errors.no_such_key()
    return JSONResponse({"signedURL": _url(request, name, seconds)})


async def sign_many(request: Request) -> Response:
    caller_of(request, server_of(request).config.jwt_secret)
    check_bucket_name(request.path_params["bucket"])
    body = await json_body(request)
    seconds = _seconds(body)
    names = texts(body, "paths", required=True) or []
    visible = await _visible(request, names)
    return JSONResponse(
        [
            {
                "error": None if name in visible else _NOT_FOUND,
                "path": name,
                "signedURL": _url(request, name, seconds) if name in visible else None,
            }
            for name in names
        ]
    )
