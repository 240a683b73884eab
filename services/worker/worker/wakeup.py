"""Listens on Redis for the api's wake-ups. Without Redis the worker polls: only time is lost, no document."""

import asyncio
import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

CHANNEL = "documents:queued"
PING_SECONDS = 10.0
RECONNECT_SECONDS = 1.0


class WakeUp:
    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        self.event = asyncio.Event()
        self.listening = False

    async def listen(self) -> None:
        """Sets `event` on every wake-up and on every new connection (what was said in between is lost). Never ends."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    self.listening = True
                    self.event.set()
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=PING_SECONDS)
                        if message is None:
                            await channel.ping()
                        else:
                            self.event.set()
            except (RedisError, OSError, TimeoutError) as error:
                if self.listening:
                    log.warning("redis lost, polling", extra={"fields": {"because": type(error).__name__}})
                self.listening = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def close(self) -> None:
        await self._redis.aclose()
