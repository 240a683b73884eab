"""
The queue in Postgres. A job is held by a lease: a token, new for every take, and a time. Whoever holds the token may
renew, finish, fail or give back; every such act checks the token in its own transaction, so that of two workers that
both believe to have a job only one can write.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from worker.database import Database
from worker.errors import LeaseLost

# One that this token already holds comes first: a take whose commit was not answered, repeated.
TAKE = """
update app.jobs set state = 'running', attempts = attempts + 1, lease_owner = $1, lease_until = now() + $2
where document_id = (
    select document_id from app.jobs
    where (state = 'queued' and available_at <= now()) or (state = 'running' and lease_until < now())
    order by available_at, document_id limit 1 for update skip locked
) returning document_id, attempts
"""
HELD = "select document_id, attempts from app.jobs where state = 'running' and lease_owner = $1"
RENEW = """
update app.jobs set lease_until = now() + $3 where document_id = $1 and lease_owner = $2 returning document_id
"""
LEAVE = """
update app.jobs set state = $3, lease_owner = null, lease_until = null, last_error = $4,
    attempts = greatest(0, attempts - $5::int), available_at = now() + $6
where document_id = $1 and lease_owner = $2 returning document_id
"""
NOTHING = timedelta(0)


@dataclass(frozen=True)
class Job:
    document: UUID
    # Which try this is, from 1.
    attempt: int
    token: str
    storage_path: str
    content_type: str


class Jobs:
    def __init__(self, database: Database, worker: str, lease_seconds: float) -> None:
        self._database = database
        self._worker = worker
        self._lease = timedelta(seconds=lease_seconds)

    async def take(self) -> Job | None:
        """The job that has waited longest, or None. A job whose lease ran out counts as waiting. Raises Unavailable."""
        token = f"{self._worker}/{uuid4()}"

        async def work(connection: asyncpg.Connection) -> Job | None:
            row = await connection.fetchrow(HELD, token) or await connection.fetchrow(TAKE, token, self._lease)
            if row is None:
                return None
            document = await connection.fetchrow(
                """update app.documents set status = 'processing' where id = $1
                   returning storage_path, content_type""",
                row["document_id"],
            )
            if document is None:
                raise LeaseLost("the document was removed")
            return Job(row["document_id"], row["attempts"], token, document["storage_path"], document["content_type"])

        try:
            return await self._database.run(work)
        except LeaseLost:
            return None

    async def renew(self, job: Job) -> None:
        """Raises LeaseLost, Unavailable."""

        async def work(connection: asyncpg.Connection) -> None:
            if await connection.fetchval(RENEW, job.document, job.token, self._lease) is None:
                raise LeaseLost("the lease is another's")

        await self._database.run(work)

    async def finish(self, job: Job, chunks: list[str]) -> None:
        """Chunks, document and job in one transaction; whatever chunks were there are replaced. Raises LeaseLost."""

        async def work(connection: asyncpg.Connection) -> None:
            await self._leave(connection, job, "done", None, 0, NOTHING)
            await connection.execute("delete from app.chunks where document_id = $1", job.document)
            await connection.execute(
                """insert into app.chunks (document_id, index, content)
                   select $1, position - 1, content from unnest($2::text[]) with ordinality as c (content, position)""",
                job.document,
                chunks,
            )
            await connection.execute(
                "update app.documents set status = 'processed', reason = null, processed_at = now() where id = $1",
                job.document,
            )

        await self._database.run(work)

    async def retry(self, job: Job, reason: str, after_seconds: float) -> None:
        """Queues the job again, not before the given time. Raises LeaseLost, Unavailable."""
        await self._again(job, reason, 0, timedelta(seconds=after_seconds))

    async def give_back(self, job: Job, reason: str, after_seconds: float = 0.0) -> None:
        """Queues the job again as if this try had not been. Raises LeaseLost, Unavailable."""
        await self._again(job, reason, 1, timedelta(seconds=after_seconds))

    async def set_aside(self, job: Job, reason: str) -> None:
        """The document failed for good; its chunks of an earlier time go. Raises LeaseLost, Unavailable."""

        async def work(connection: asyncpg.Connection) -> None:
            await self._leave(connection, job, "failed", reason, 0, NOTHING)
            await connection.execute("delete from app.chunks where document_id = $1", job.document)
            await connection.execute(
                "update app.documents set status = 'failed', reason = $2 where id = $1", job.document, reason
            )

        await self._database.run(work)

    async def count(self) -> dict[str, int]:
        """Jobs by state. One try only: raises what happened."""
        rows = await self._database.run_once(
            lambda connection: connection.fetch("select state, count(*) from app.jobs group by state")
        )
        return {row["state"]: row["count"] for row in rows}

    async def _again(self, job: Job, reason: str, uncounted: int, after: timedelta) -> None:
        async def work(connection: asyncpg.Connection) -> None:
            await self._leave(connection, job, "queued", reason, uncounted, after)
            await connection.execute("update app.documents set status = 'queued' where id = $1", job.document)

        await self._database.run(work)

    async def _leave(
        self, connection: asyncpg.Connection, job: Job, state: str, reason: str | None, uncounted: int, after: timedelta
    ) -> None:
        left = await connection.fetchval(LEAVE, job.document, job.token, state, reason, uncounted, after)
        if left is None:
            raise LeaseLost("the lease is another's, or the document was removed")
