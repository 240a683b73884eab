"""Postgres: transactions in the name of a caller, repeated on another connection when theirs is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from api.auth import Caller
from api.repeat import repeat

T = TypeVar("T")

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

ENTER = "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)"


class Database:
    def __init__(self, url: str, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        # min_size 0: nothing is connected until it is needed, so that the api starts when Postgres is down.
        self._pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=10,
            max_inactive_connection_lifetime=60,
            timeout=wait_seconds,
            command_timeout=5,
            server_settings={"application_name": "api"},
        )

    async def open(self) -> None:
        await self._pool

    async def close(self) -> None:
        self._pool.terminate()

    async def run(self, caller: Caller, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """
        The result of `work`, done in one transaction as the caller's role and under its claims. `work` may run several
        times, also after a commit whose answer was lost: it must have the same effect then. Raises Unavailable.
        """
        return await repeat("postgres", lambda: self.run_once(caller, work), LOST, self._wait_seconds)

    async def run_once(self, caller: Caller, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """As `run`, without repeats: raises what happened."""
        connection = await self._pool.acquire()
        try:
            async with connection.transaction():
                await connection.execute(ENTER, caller.role, caller.claims)
                return await work(connection)
        except ValueError as error:
            raise RuntimeError("a statement and its arguments disagree") from error
        except (asyncio.CancelledError, *LOST):
            # Closed hard: a polite end would wait for a server that may be gone.
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection)
