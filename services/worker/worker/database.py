"""Postgres: transactions that are repeated on another connection when theirs is lost."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from worker.errors import Unavailable
from worker.metrics import REPEATS

T = TypeVar("T")

log = logging.getLogger(__name__)

# What says that a connection, not the statement, is at fault. asyncpg's own argument errors are ValueErrors, see below.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.InterfaceError,
    # A connection that ends in the middle of its own bookkeeping: "cannot switch to state …".
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5


class Database:
    def __init__(self, url: str, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        # min_size 0: nothing is connected until it is needed, so that the worker starts when Postgres is down.
        self._pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=6,
            max_inactive_connection_lifetime=60,
            timeout=wait_seconds,
            command_timeout=30,
            server_settings={"application_name": "worker"},
        )

    async def open(self) -> None:
        await self._pool

    async def close(self) -> None:
        self._pool.terminate()

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """
        The result of `work`, done in one transaction. `work` may run several times, also after a commit whose answer
        was lost: it must have the same effect then. Raises Unavailable.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + self._wait_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(end):
                    return await self.run_once(work)
            except LOST as error:
                if clock() + pause >= end:
                    raise Unavailable("postgres does not answer") from error
                REPEATS.labels("postgres").inc()
                fields = {"dependency": "postgres", "because": type(error).__name__}
                level = logging.INFO if pause == FIRST_PAUSE_SECONDS else logging.DEBUG
                log.log(level, "repeating", extra={"fields": fields})
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def run_once(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """As `run`, without repeats: raises what happened."""
        connection = await self._pool.acquire()
        try:
            async with connection.transaction():
                return await work(connection)
        except ValueError as error:
            raise RuntimeError("a statement and its arguments disagree") from error
        except (asyncio.CancelledError, *LOST):
            # Closed hard: a polite end would wait for a server that may be gone.
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection)
