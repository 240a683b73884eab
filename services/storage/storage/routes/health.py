"""GET /status says that the server runs; GET /health asks the database and the volume."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..server import Server

# Seconds for which an answer is given again, so that many who ask cost no more than one.
_FRESH = 1.0
# Seconds; less than the time-out of those who ask.
_PATIENCE = 2.0


class Health:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._asking = asyncio.Lock()
        self._answer = False
        self._asked_at = float("-inf")

    async def healthy(self) -> bool:
        async with self._asking:
            if time.monotonic() - self._asked_at > _FRESH:
                database, volume = await asyncio.gather(
                    self._server.database.answers(_PATIENCE), asyncio.to_thread(self._server.volume.writable)
                )
                self._answer = database and volume
                self._asked_at = time.monotonic()
            return self._answer


async def status(_: Request) -> Response:
    return Response(status_code=200)


async def health(request: Request) -> Response:
    """200 either way, as Supabase Storage answers: who asks must read the body."""
    healthy = await request.app.state.health.healthy()
    return JSONResponse({"healthy": healthy}, headers={"cache-control": "no-store"})


