"""GET /health, open to all, and GET /metrics, for the holder of the service key."""

import asyncio
import hmac
import socket
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from worker.jobs import Jobs
from worker.loop import Loop
from worker.metrics import QUEUE, exposition
from worker.settings import Settings
from worker.storage import Storage
from worker.turn import Turn
from worker.wakeup import WakeUp

TIMEOUT_SECONDS = 2.0
STATES = ("queued", "running", "done", "failed")


class Web:
    def __init__(
        self, settings: Settings, jobs: Jobs, storage: Storage, loop: Loop, wake_up: WakeUp, turn: Turn
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._storage = storage
        self._loop = loop
        self._wake_up = wake_up
        self._turn = turn
        self._asking: asyncio.Task[dict[str, dict[str, object]]] | None = None

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/health", self._health), web.get("/metrics", self._metrics)])
        return app

    async def _health(self, _: web.Request) -> web.Response:
        """200 when Postgres and storage answer and the loop comes round. Redis is told, but the worker works without."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        checks = await asyncio.shield(self._asking)
        well = all(check["status"] == "ok" for check in checks.values())
        body = {
            "status": "ok" if well else "unavailable",
            "revision": self._settings.revision,
            "instance": socket.gethostname(),
            "turn": "working" if self._turn.mine else "standing by",
            "checks": checks,
            "redis": "listening" if self._wake_up.listening else "lost, polling",
        }
        return web.json_response(body, status=200 if well else 503)

    async def _ask(self) -> dict[str, dict[str, object]]:
        postgres, storage = await asyncio.gather(_judge(self._count), _judge(self._storage.healthy))
        loop = {"status": "ok"} if self._loop.alive else {"status": "failed", "reason": "has not come round"}
        return {"postgres": postgres, "storage": storage, "loop": loop}

    async def _count(self) -> bool:
        counts = await self._jobs.count()
        for state in STATES:
            QUEUE.labels(state).set(counts.get(state, 0))
        return True

    async def _metrics(self, request: web.Request) -> web.Response:
        offered = request.headers.get("authorization", "")
        expected = f"Bearer {self._settings.service_role_key}"
        if not hmac.compare_digest(offered.encode(), expected.encode()):
            message = {"error": "unauthorized", "message": "the service key is needed"}
            return web.json_response(message, status=401, headers={"WWW-Authenticate": "Bearer"})
        await _judge(self._count)
        body, content_type = exposition()
        return web.Response(body=body, headers={"content-type": content_type})


async def _judge(check: Callable[[], Awaitable[bool]]) -> dict[str, object]:
    begin = time.perf_counter()
    failure = None
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            if not await check():
                failure = "says that it is not healthy"
    except Exception as error:  # noqa: BLE001 (every failure is the answer that was asked for)
        failure = f"no answer ({type(error).__name__})"
    milliseconds = round(1000 * (time.perf_counter() - begin), 1)
    if failure is None:
        return {"status": "ok", "milliseconds": milliseconds}
    return {"status": "failed", "milliseconds": milliseconds, "reason": failure}
