"""The database: a pool that finds it again after it was away, transactions in the caller's role, and the schema."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import asyncpg

from . import errors
from .auth import Caller

log = logging.getLogger("storage")
T = TypeVar("T")
Work = Callable[[asyncpg.Connection], Awaitable[T]]

# The connection is gone or not to be had, and nothing says that the statement itself is at fault.
AWAY = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InterfaceError,
)
STRANGE = (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError)
# Any number; the lock of whoever brings the schema up to date.
_SCHEMA_LOCK = 5_000_000_001
_SCHEMA = Path(__file__).parent / "schema"


class Database:
    def __init__(self, url: str, patience: float) -> None:
        self._url = url
        self._patience = patience
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    def close(self) -> None:
        self._forget()

    def _forget(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    async def run(self, work: Work[T], caller: Caller | None = None, request: tuple[str, str] = ("", "")) -> T:
        """Runs `work` in one transaction, in the caller's role (without one: as the owner of the tables, who passes
        row-level security).

        When the connection is lost the whole transaction is tried again, until the server's patience ends: so `work`
        must be something that does no harm when an unanswered commit had in fact been made.
        """
        deadline = time.monotonic() + self._patience
        pause = 0.05
        while True:
            try:
                return await self._once(work, caller, request)
            except asyncpg.DataError as error:
                # A value that does not fit its column, such as a number of 20 digits.
                raise errors.invalid_request("a value is out of range") from error
            except STRANGE as error:
                # Another database than the one this pool was opened on: restored, or made anew.
                log.warning("the schema is gone: %s", error)
                self._forget()
                if time.monotonic() > deadline:
                    raise errors.database_away() from error
            except AWAY as error:
                if time.monotonic() + pause > deadline:
                    log.warning("the database is away: %s", str(error) or type(error).__name__)
                    raise errors.database_away() from error
            except asyncpg.InsufficientPrivilegeError as error:
                raise errors.row_level_security() from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.5)

    async def answers(self, seconds: float) -> bool:
        """Whether the tables can be read, asked once and right now."""

        async def ask(connection: asyncpg.Connection) -> None:
            await connection.execute("select from storage.buckets limit 1")

        try:
            await asyncio.wait_for(self._once(ask, None, ("", "")), seconds)
            return True
        except STRANGE:
            self._forget()
            return False
        except Exception as error:
            log.debug("health: %s", str(error) or type(error).__name__)
            return False

    async def _once(self, work: Work[T], caller: Caller | None, request: tuple[str, str]) -> T:
        pool = await self._open()
        async with pool.acquire(timeout=5) as connection:
            async with connection.transaction():
                if caller is not None:
                    # What `set local role` does, and the claims for auth.uid() and its like, in one round trip.
                    await connection.execute(
                        """
                        select set_config('role', $1, true), set_config('request.jwt.claims', $2, true),
                            set_config('request.jwt.claim.role', $1, true),
                            set_config('request.jwt.claim.sub', $3, true),
                            set_config('request.method', $4, true), set_config('request.path', $5, true)
                        """,
                        caller.role, json.dumps(caller.claims), caller.owner or "", *request,
                    )
                return await work(connection)

    async def _open(self) -> asyncpg.Pool:
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    pool = await asyncpg.create_pool(
                        self._url, min_size=1, max_size=10, timeout=5, command_timeout=30,
                        max_inactive_connection_lifetime=300, init=_prepare,
                        server_settings={"application_name": "storage", "search_path": "storage", "timezone": "UTC"},
                    )
                    try:
                        async with pool.acquire(timeout=5) as connection:
                            await _apply_schema(connection)
                    except BaseException:
                        pool.terminate()
                        raise
                    self._pool = pool
        return self._pool


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def _apply_schema(connection: asyncpg.Connection) -> None:
    async with connection.transaction():
        await connection.execute(f"select pg_advisory_xact_lock({_SCHEMA_LOCK})")
        await connection.execute("set local client_min_messages = warning")
        for file in sorted(_SCHEMA.glob("*.sql")):
            await connection.execute(file.read_text())
    log.info("the schema is in order")
