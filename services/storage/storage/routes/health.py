"""GET /status says that the server runs; GET /health asks the database and the volume."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..server import Server

# Seconds; less than the time-out of those who ask.
_PATIENCE = 2.0


class Health:
    """Many who ask at once cost no more than one, and no answer is older than its question: who comes while a check
    runs shares the next one."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._running: asyncio.Task[bool] | None = None
        self._next: asyncio.Task[bool] | None = None

    async def healthy(self) -> bool:
        if self._next is None:
            self._next = asyncio.create_task(self._check_after(self._running))
        return await asyncio.shield(self._next)

    async def _check_after(self, earlier: asyncio.Task[bool] | None) -> bool:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._running, self._next = self._next, None
        database, volume = await asyncio.gather(
            self._server.database.answers(_PATIENCE), asyncio.to_thread(self._server.volume.writable)
        )
        return database and volume


async def status(_: Request) -> Response:
    return Response(status_code=200)


async def health(request: Request) -> Response:
    """200 either way, as Supabase Storage answers: who asks must read the body."""
    healthy = await request.app.state.health.healthy()
    return JSONResponse({"healthy": healthy}, headers={"cache-control": "no-store"})
