"""The loop: takes jobs, works on a few at once, and leaves none behind when it is stopped."""

import asyncio
import logging
import tempfile
import time
from pathlib import Path

from worker.errors import BadDocument, LeaseLost, Unavailable
from worker.extraction import extract_apart
from worker.jobs import Job, Jobs
from worker.metrics import BUSY, CHUNKS, JOBS, SECONDS
from worker.settings import Settings
from worker.storage import Storage
from worker.turn import Turn

log = logging.getLogger(__name__)

# Seconds before a job that was given back because of an outage is taken again.
OUTAGE_PAUSE_SECONDS = 2.0
# Seconds between two questions whose turn it is.
TURN_PAUSE_SECONDS = 0.25


class Loop:
    def __init__(self, settings: Settings, jobs: Jobs, storage: Storage, wake_up: asyncio.Event, turn: Turn) -> None:
        self._settings = settings
        self._jobs = jobs
        self._storage = storage
        self._wake_up = wake_up
        self._turn = turn
        self._running: set[asyncio.Task[None]] = set()
        self._beat = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether the loop has come round lately; looking for work may last as long as a repeated transaction."""
        return time.monotonic() - self._beat < self._settings.wait_seconds + 3 * self._settings.poll_seconds

    async def run(self) -> None:
        """Until cancelled; then every running job is given back before this ends."""
        try:
            while True:
                self._beat = time.monotonic()
                if not await self._turn.ask():
                    await asyncio.sleep(TURN_PAUSE_SECONDS)
                    continue
                self._wake_up.clear()
                if await self._take_what_fits() and len(self._running) < self._settings.concurrency:
                    continue
                await self._pause()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _take_what_fits(self) -> bool:
        """Whether a job was taken."""
        if len(self._running) >= self._settings.concurrency:
            return False
        # Shielded: a stop in the middle of a take must know the job that it has to give back.
        taking = asyncio.ensure_future(self._jobs.take())
        try:
            job = await asyncio.shield(taking)
        except Unavailable as error:
            log.warning("no look for work", extra={"fields": {"because": str(error)}})
            return False
        except asyncio.CancelledError:
            job = (await asyncio.gather(taking, return_exceptions=True))[0]
            if isinstance(job, Job):
                await self._leave(job, self._jobs.give_back(job, "the worker was stopped"), "given_back")
            raise
        except Exception:  # noqa: BLE001 (the loop must go on: the next look may go well)
            log.exception("no look for work")
            return False
        if job is None:
            return False
        task = asyncio.create_task(self._work(job))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake_up.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._wake_up.wait()
        except TimeoutError:
            pass

    async def _work(self, job: Job) -> None:
        """One job from its take to its end, whatever that is."""
        begin = time.perf_counter()
        BUSY.inc()
        try:
            await self._judge(job)
        finally:
            BUSY.dec()
            SECONDS.observe(time.perf_counter() - begin)

    async def _judge(self, job: Job) -> None:
        settings = self._settings
        try:
            if job.attempt > settings.max_attempts:
                raise BadDocument("the worker was lost each time that it worked on it")
            chunks = await self._process(job)
            await self._jobs.finish(job, chunks)
            CHUNKS.inc(len(chunks))
            self._tell(job, "processed", chunks=len(chunks))
        except asyncio.CancelledError:
            await self._leave(job, self._jobs.give_back(job, "the worker was stopped"), "given_back")
            raise
        except LeaseLost as error:
            self._tell(job, "lease_lost", because=str(error))
        except Unavailable as error:
            act = self._jobs.give_back(job, str(error), OUTAGE_PAUSE_SECONDS)
            await self._leave(job, act, "given_back", str(error))
        except Exception as error:  # noqa: BLE001 (a document must never stop the loop)
            reason = str(error) if isinstance(error, BadDocument) else f"unexpected: {type(error).__name__}"
            if not isinstance(error, BadDocument):
                log.exception("job failed", extra={"fields": {"document": str(job.document)}})
            if job.attempt >= settings.max_attempts:
                await self._leave(job, self._jobs.set_aside(job, reason), "set_aside", reason)
            else:
                after = settings.backoff_seconds * 4 ** (job.attempt - 1)
                await self._leave(job, self._jobs.retry(job, reason, after), "retried", reason)

    async def _process(self, job: Job) -> list[str]:
        """The chunks; the lease is renewed meanwhile. Raises BadDocument, LeaseLost, Unavailable."""
        with tempfile.TemporaryDirectory(prefix="document-") as folder:
            file = Path(folder, "content")
            extracting = asyncio.create_task(self._fetch_and_extract(job, file))
            renewing = asyncio.create_task(self._keep_lease(job))
            try:
                await asyncio.wait((extracting, renewing), return_when=asyncio.FIRST_COMPLETED)
                if not extracting.done():
                    renewing.result()
                return await extracting
            finally:
                extracting.cancel()
                renewing.cancel()
                await asyncio.gather(extracting, renewing, return_exceptions=True)

    async def _fetch_and_extract(self, job: Job, file: Path) -> list[str]:
        await self._storage.fetch(job.storage_path, file)
        return await extract_apart(file, job.content_type, self._settings.extract_seconds)

    async def _keep_lease(self, job: Job) -> None:
        """Ends only with LeaseLost."""
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            try:
                await self._jobs.renew(job)
            except Unavailable as error:
                # The work goes on: if nobody took the job meanwhile, the lease's token still counts.
                log.warning("lease not renewed", extra={"fields": {"document": str(job.document), "because": str(error)}})

    async def _leave(self, job: Job, act: object, outcome: str, because: str = "") -> None:
        try:
            await act  # type: ignore[misc]
            self._tell(job, outcome, because=because)
        except LeaseLost as error:
            self._tell(job, "lease_lost", because=str(error))
        except Unavailable as error:
            # The lease runs out by itself.
            log.warning("job not left", extra={"fields": {"document": str(job.document), "because": str(error)}})

    def _tell(self, job: Job, outcome: str, **more: object) -> None:
        JOBS.labels(outcome).inc()
        fields = {"document": str(job.document), "attempt": job.attempt, "outcome": outcome, **more}
        log.info("job ended", extra={"fields": fields})
