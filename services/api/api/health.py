"""GET /health: asks Postgres, Redis and storage, all at once, and believes only what they answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from api.auth import Caller
from api.database import Database
from api.storage import Storage
from api.wakeup import WakeUp

TIMEOUT_SECONDS = 2.0


class Health:
    def __init__(self, revision: str, database: Database, storage: Storage, wake_up: WakeUp) -> None:
        self._revision = revision
        self._database = database
        self._checks: dict[str, Callable[[], Awaitable[bool]]] = {
            "postgres": self._ask_postgres,
            "redis": wake_up.ping,
            "storage": storage.healthy,
        }
        self._asking: asyncio.Task[dict[str, object]] | None = None

    async def report(self) -> tuple[int, dict[str, object]]:
        """HTTP status and body. Whoever asks while an answer is on its way gets the same answer."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        checks = await asyncio.shield(self._asking)
        well = all(check["status"] == "ok" for check in checks.values())  # type: ignore[index]
        return 200 if well else 503, {
            "status": "ok" if well else "unavailable",
            "revision": self._revision,
            "checks": checks,
        }

    async def _ask(self) -> dict[str, object]:
        answers = await asyncio.gather(*(self._judge(check) for check in self._checks.values()))
        return dict(zip(self._checks, answers))

    async def _judge(self, check: Callable[[], Awaitable[bool]]) -> dict[str, object]:
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

    async def _ask_postgres(self) -> bool:
        # The table that everything is about, as a role that sees it: a server without the schema is not healthy.
        async def work(connection: object) -> bool:
            return await connection.fetchval("select count(*) >= 0 from (select from app.documents limit 1) one")  # type: ignore[attr-defined]

        return await self._database.run_once(Caller("service_role", None), work)
