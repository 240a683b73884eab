"""The table of routes, and what holds for every request: its log line, and errors in one shape.

Not here yet, and where it goes: copy and move (routes/objects.py; a copy is an upload whose bytes come from the
volume), signed uploads (routes/signing.py), resumable uploads and image transformation (files of their own in routes/).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import errors
from .config import Config
from .database import Database
from .housekeeping import Housekeeping
from .routes import buckets, downloads, health, objects, signing
from .server import Server
from .volume import Volume

log = logging.getLogger("storage")
READ = ["GET", "HEAD"]

ROUTES = [
    Route("/status", health.status, methods=["GET"]),
    Route("/health", health.health, methods=["GET"]),
    Route("/bucket", buckets.create, methods=["POST"]),
    Route("/bucket", buckets.list_all, methods=["GET"]),
    Route("/bucket/{bucket}", buckets.get, methods=["GET"]),
    Route("/bucket/{bucket}", buckets.update, methods=["PUT"]),
    Route("/bucket/{bucket}", buckets.delete, methods=["DELETE"]),
    Route("/bucket/{bucket}/empty", buckets.empty, methods=["POST"]),
    Route("/object/list/{bucket}", objects.list_folder, methods=["POST"]),
    Route("/object/sign/{bucket}", signing.sign_many, methods=["POST"]),
    Route("/object/sign/{bucket}/{name:path}", signing.sign, methods=["POST"]),
    Route("/object/sign/{bucket}/{name:path}", downloads.get_signed, methods=READ),
    Route("/object/public/{bucket}/{name:path}", downloads.get_or_head_public, methods=READ),
    Route("/object/authenticated/{bucket}/{name:path}", downloads.get_or_head_authenticated, methods=READ),
    Route("/object/info/public/{bucket}/{name:path}", downloads.info_public, methods=READ),
    Route("/object/info/authenticated/{bucket}/{name:path}", downloads.info_authenticated, methods=READ),
    Route("/object/info/{bucket}/{name:path}", downloads.info, methods=READ),
    Route("/object/{bucket}", objects.remove_many, methods=["DELETE"]),
    Route("/object/{bucket}/{name:path}", objects.upload, methods=["POST", "PUT"]),
    Route("/object/{bucket}/{name:path}", objects.remove, methods=["DELETE"]),
    Route("/object/{bucket}/{name:path}", downloads.get_or_head, methods=READ),
]


def create_app(config: Config) -> ASGIApp:
    database = Database(config.database_url, config.database_patience)
    volume = Volume(config.volume)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        server = Server(config, database, volume, Housekeeping(database, volume))
        app.state.server = server
        app.state.health = health.Health(server)
        await asyncio.to_thread(volume.open)
        # The server answers from now on; the database may come later.
        task = asyncio.create_task(server.housekeeping.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        database.close()

    app = Starlette(
        routes=ROUTES,
        lifespan=lifespan,
        exception_handlers={
            errors.StorageError: _storage_error,
            HTTPException: _http_error,
            Exception: _unexpected,
        },
    )
    return RequestLog(app)


async def _storage_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.StorageError)
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    """What the router itself refuses: unknown routes and methods, both 404 as in Supabase Storage."""
    assert isinstance(error, HTTPException)
    body = {
        "statusCode": "404",
        "error": "Not Found",
        "message": f"Route {request.method}:{request.url.path} not found",
        "code": "InvalidRequest",
    }
    return JSONResponse(body, 404)


async def _unexpected(_: Request, __: Exception) -> Response:
    return errors.internal().response()


class RequestLog:
    """One line a request, without its query (a signed URL's token is a secret), and the trace of what went wrong."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.monotonic()
        path = scope["raw_path"].decode("latin-1").partition("?")[0]
        status = 0
        whole = False

        async def watch(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                whole = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            log.debug("%s %s: the client went away", scope["method"], path)
        except Exception:
            log.exception("%s %s failed", scope["method"], path)
            if not whole:
                # The server then cuts the connection, so that half an answer does not pass for a whole one.
                raise
        finally:
            level = logging.DEBUG if path in ("/health", "/status") else logging.INFO
            log.log(level, "%s %s %d %.0f ms", scope["method"], path, status, (time.monotonic() - begun) * 1000)
