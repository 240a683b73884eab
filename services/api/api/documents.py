"""What the api does with documents: the order of its acts is what keeps the promises."""

import hashlib
import logging
from datetime import datetime
from uuid import UUID, uuid4, uuid5

import asyncpg

from api.auth import Caller
from api.database import Database
from api.errors import ApiError
from api.metrics import DOCUMENT_BYTES, DOCUMENTS, ORPHANS
from api.storage import Storage
from api.uploads import Upload
from api.wakeup import WakeUp

log = logging.getLogger(__name__)

# Ids of documents that were posted with an Idempotency-Key are UUIDs of version 5 in this namespace.
KEYED = UUID("6f0a5a0e-1f0c-4e0e-9c55-0d2c1f7a4b11")

COLUMNS = "d.id, d.owner, d.name, d.content_type, d.size, d.status, d.reason, d.created_at, d.processed_at"
WITH_CHUNKS = f"{COLUMNS}, (select count(*) from app.chunks c where c.document_id = d.id) as chunk_count"


class Documents:
    def __init__(self, database: Database, storage: Storage, wake_up: WakeUp) -> None:
        self._database = database
        self._storage = storage
        self._wake_up = wake_up

    async def add(self, caller: Caller, upload: Upload, key: str | None) -> asyncpg.Record:
        """
        Stores the bytes, then the row (a trigger adds the job in the same transaction), then wakes the worker. A
        failure before the row leaves no document; one after it loses nothing. Every act may be repeated: the id is
        chosen first. With a key the id follows from owner and key, so that a second post is the same document.
        """
        document = uuid5(KEYED, f"{caller.owner or 'service'}:{key}") if key else uuid4()
        # The digest keeps another content under the same key from overwriting this one.
        path = f"{caller.owner or 'service'}/{document}/{hashlib.sha256(upload.content).hexdigest()}"
        if key and (known := await self._known(caller, document)):
            return self._same(known, path)
        await self._storage.put(path, upload.content, upload.content_type)

        async def work(connection: asyncpg.Connection) -> asyncpg.Record:
            await connection.execute(
                """insert into app.documents (id, owner, name, content_type, size, storage_path, idempotency_key)
                   values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing""",
                document,
                caller.owner,
                upload.name,
                upload.content_type,
                len(upload.content),
                path,
                key,
            )
            return await connection.fetchrow(
                f"select {WITH_CHUNKS}, d.storage_path from app.documents d where d.id = $1", document
            )

        row = await self._database.run(caller, work)
        if row is None or row["storage_path"] != path:
            await self._forget_object(path)
            if row is None:
                raise ApiError(409, "removed", "the document was removed while it was posted")
            return self._same(row, path)
        DOCUMENTS.inc()
        DOCUMENT_BYTES.inc(len(upload.content))
        self._wake_up.send(str(document))
        return row

    async def get(self, caller: Caller, document: UUID) -> asyncpg.Record:
        """Raises ApiError 404, also for a document that is another's."""
        row = await self._known(caller, document)
        if row is None:
            raise not_found()
        return row

    async def chunks(self, caller: Caller, document: UUID) -> list[asyncpg.Record]:
        """In the order of the text."""
        return await self._database.run(
            caller,
            lambda connection: connection.fetch(
                "select index, content from app.chunks where document_id = $1 order by index", document
            ),
        )

    async def page(self, caller: Caller, limit: int, after: tuple[datetime, UUID] | None) -> list[asyncpg.Record]:
        """At most `limit` documents, newest first, that come after the given one."""
        position = "" if after is None else "where (d.created_at < $2 or (d.created_at = $2 and d.id > $3))"
        return await self._database.run(
            caller,
            lambda connection: connection.fetch(
                f"select {WITH_CHUNKS} from app.documents d {position} order by d.created_at desc, d.id limit $1",
                limit,
                *(after or ()),
            ),
        )

    async def remove(self, caller: Caller, document: UUID) -> None:
        """
        Removes the row (job and chunks go with it), then the bytes. The other way round, a failure in between would
        leave a document without its bytes. Raises ApiError 404.
        """
        paths: list[str] = []

        async def work(connection: asyncpg.Connection) -> None:
            path = await connection.fetchval(
                "delete from app.documents where id = $1 returning storage_path", document
            )
            if path is not None:
                paths.append(path)

        await self._database.run(caller, work)
        # More than one path: a commit whose answer was lost, repeated. None: it was never there.
        if not paths:
            raise not_found()
        await self._forget_object(paths[0])

    async def _known(self, caller: Caller, document: UUID) -> asyncpg.Record | None:
        return await self._database.run(
            caller,
            lambda connection: connection.fetchrow(
                f"select {WITH_CHUNKS}, d.storage_path from app.documents d where d.id = $1", document
            ),
        )

    def _same(self, row: asyncpg.Record, path: str) -> asyncpg.Record:
        if row["storage_path"] != path:
            raise ApiError(409, "key_reused", "this Idempotency-Key was used for another content")
        return row

    async def _forget_object(self, path: str) -> None:
        try:
            await self._storage.remove(path)
        except Exception as error:  # noqa: BLE001 (no document points to it: nobody sees it, so nobody has to wait)
            ORPHANS.inc()
            log.warning("object not removed", extra={"fields": {"path": path, "because": str(error)}})


def not_found() -> ApiError:
    return ApiError(404, "not_found", "there is no such document")
