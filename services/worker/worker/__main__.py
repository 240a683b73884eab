"""Starts the worker; SIGTERM and SIGINT make it give its jobs back and end."""

import asyncio
import logging
import signal
import socket

from aiohttp import web

from worker.database import Database
from worker.jobs import Jobs
from worker.logs import configure_logs
from worker.loop import Loop
from worker.settings import Settings
from worker.storage import Storage
from worker.turn import Turn
from worker.wakeup import WakeUp
from worker.web import Web

log = logging.getLogger("worker")


async def main() -> None:
    settings = Settings.from_environment()
    configure_logs("worker", settings.revision, settings.log_level)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    database = Database(settings.database_url, settings.wait_seconds)
    await database.open()
    storage = Storage(settings.storage_url, settings.storage_bucket, settings.service_role_key)
    wake_up = WakeUp(settings.redis_url)
    jobs = Jobs(database, socket.gethostname(), settings.lease_seconds)
    turn = Turn(settings.self_url, socket.gethostname())
    loop = Loop(settings, jobs, storage, wake_up.event, turn)
    runner = web.AppRunner(
        Web(settings, jobs, storage, loop, wake_up, turn).application(), access_log=None, handle_signals=False
    )
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 8001).start()

    working = asyncio.create_task(loop.run())
    listening = asyncio.create_task(wake_up.listen())
    stopping = asyncio.create_task(stop.wait())
    log.info("working")
    try:
        # A loop that ends by itself is a defect: end with it, the engine starts the worker again.
        await asyncio.wait((working, listening, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in (working, listening):
            if task.done():
                task.result()
        log.info("stopping")
    finally:
        working.cancel()
        listening.cancel()
        await asyncio.gather(working, listening, return_exceptions=True)
        await runner.cleanup()
        await wake_up.close()
        await storage.close()
        await database.close()
    log.info("stopped")


asyncio.run(main())
