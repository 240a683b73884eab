"""What a crash, an overwrite or a removal left on the volume, cleared up by what the database says. Never by guessing:
a file goes when a committed row says that its version was discarded, or when it never left incoming and no row names
it.
"""

import asyncio
import logging

import asyncpg

from .database import Database
from .errors import StorageError
from .volume import Volume

log = logging.getLogger("storage")
# Seconds between two rounds when nothing calls for one.
_INTERVAL = 60


class Housekeeping:
    def __init__(self, database: Database, volume: Volume) -> None:
        self._database = database
        self._volume = volume
        self._wanted = asyncio.Event()

    def soon(self) -> None:
        """Something was discarded."""
        self._wanted.set()

    async def run(self) -> None:
        """Rounds, for as long as the server runs; the first one at its start."""
        while True:
            try:
                await self._settle_incoming()
                await self._remove_discarded()
            except StorageError:
                # The database is away; the next round will do.
                await asyncio.sleep(1)
                continue
            except Exception:
                log.exception("housekeeping failed")
            try:
                await asyncio.wait_for(self._wanted.wait(), _INTERVAL)
            except asyncio.TimeoutError:
                pass
            self._wanted.clear()

    async def _settle_incoming(self) -> None:
        versions = await asyncio.to_thread(self._volume.unsettled)
        if not versions:
            return

        async def known(connection: asyncpg.Connection) -> set[str]:
            rows = await connection.fetch("select version from storage.objects where version = any($1)", versions)
            return {row["version"] for row in rows}

        named = await self._database.run(known)
        for version in versions:
            await asyncio.to_thread(self._volume.keep if version in named else self._volume.drop, version)
        log.info("settled %d files of interrupted uploads, %d of them acknowledged", len(versions), len(named))

    async def _remove_discarded(self) -> None:
        async def discarded(connection: asyncpg.Connection) -> list[str]:
            # A version that an object names again (restored rows) stays.
            rows = await connection.fetch(
                """
                select d.version from storage.discarded_versions d
                where not exists (select from storage.objects o where o.version = d.version) limit 1000
                """
            )
            return [row["version"] for row in rows]

        while versions := await self._database.run(discarded):
            for version in versions:
                await asyncio.to_thread(self._volume.drop, version)

            async def forget(connection: asyncpg.Connection, gone: list[str] = versions) -> None:
                await connection.execute("delete from storage.discarded_versions where version = any($1)", gone)

            await self._database.run(forget)
