"""Tells the worker through Redis that there is something to do. Best effort: the worker polls, Postgres is the truth."""

import asyncio
import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.metrics import WAKE_UPS_LOST

log = logging.getLogger(__name__)

CHANNEL = "documents:queued"
TIMEOUT_SECONDS = 2.0


class WakeUp:
    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
        self._running: set[asyncio.Task[None]] = set()

    def send(self, document: str) -> None:
        """Returns at once: nobody who posts a document waits for Redis."""
        task = asyncio.create_task(self._publish(document))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def ping(self) -> bool:
        return bool(await self._redis.ping())

    async def close(self) -> None:
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._redis.aclose()

    async def _publish(self, document: str) -> None:
        try:
            async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                await self._redis.publish(CHANNEL, document)
        except (RedisError, OSError, TimeoutError) as error:
            WAKE_UPS_LOST.inc()
            log.info("wake-up lost", extra={"fields": {"document": document, "because": type(error).__name__}})
