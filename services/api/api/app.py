"""Puts the api together. It starts whatever is down behind it; /health then says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api.database import Database
from api.documents import Documents
from api.drain import Drain
from api.errors import install_error_handlers
from api.health import Health
from api.observe import Observe
from api.routes import router
from api.settings import Settings
from api.storage import Storage
from api.uploads import Buffer
from api.wakeup import WakeUp


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = Database(settings.database_url, settings.wait_seconds)
        storage = Storage(
            settings.storage_url, settings.storage_bucket, settings.service_role_key, settings.wait_seconds
        )
        wake_up = WakeUp(settings.redis_url)
        await database.open()
        app.state.settings = settings
        app.state.buffer = Buffer(settings.buffered_bytes)
        app.state.documents = Documents(database, storage, wake_up)
        app.state.health = Health(settings.revision, database, storage, wake_up)
        bucket = asyncio.create_task(storage.ensure_bucket_sometime())
        try:
            yield
        finally:
            bucket.cancel()
            await asyncio.gather(bucket, return_exceptions=True)
            await wake_up.close()
            await storage.close()
            await database.close()

    app = FastAPI(
        title="Insurance navigator",
        description="Takes documents in, keeps them safe, tells what became of them.",
        version=settings.revision,
        lifespan=lifespan,
        # The schema is served by a route of its own, which asks for a role.
        openapi_url=None,
    )
    install_error_handlers(app)
    app.include_router(router)
    app.add_middleware(Drain)
    app.add_middleware(Observe)
    return app
