"""The parts that every route shares."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse

from . import errors
from .config import Config
from .database import Database
from .housekeeping import Housekeeping
from .volume import Volume

_LARGEST_JSON = 1024 * 1024


@dataclass(frozen=True)
class Server:
    config: Config
    database: Database
    volume: Volume
    housekeeping: Housekeeping


def server_of(request: Request) -> Server:
    return request.app.state.server


async def json_body(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty one when there is none."""
    text = b""
    async for piece in request.stream():
        text += piece
        if len(text) > _LARGEST_JSON:
            raise errors.too_large("body")
    try:
        body = json.loads(text) if text else {}
    except ValueError as error:
        raise errors.invalid_request("body is not valid JSON") from error
    if not isinstance(body, dict):
        raise errors.invalid_request("body must be object")
    return body


def field(body: dict[str, Any], name: str, kinds: type | tuple[type, ...], required: bool = False) -> Any:
    """The value of a field, or None; refuses one of another kind."""
    if body.get(name) is None:
        if required:
            raise errors.invalid_request(f"body must have required property '{name}'")
        return None
    value = body[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        names = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise errors.invalid_request(f"body/{name} must be {names}")
    return value


def texts(body: dict[str, Any], name: str, required: bool = False) -> list[str] | None:
    """A list of texts, or None; a required one has at least one."""
    values = field(body, name, list, required)
    if values is None:
        return None
    if not all(isinstance(value, str) for value in values):
        raise errors.invalid_request(f"body/{name} must be array of string")
    if required and not values:
        raise errors.invalid_request(f"body/{name} must NOT have fewer than 1 items")
    return values


def rendered(row: Any) -> dict[str, Any]:
    """A row as JSON: times as JavaScript writes them."""
    return {key: _render(value) for key, value in row.items()}


def _render(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID) else value


def message(text: str) -> JSONResponse:
    return JSONResponse({"message": text})
