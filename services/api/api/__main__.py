"""Starts the api: one uvicorn process that ends its requests in flight before it stops."""

import signal
import sys

import uvicorn

from api.app import create_app
from api.logs import configure_logs
from api.settings import Settings


def main() -> None:
    settings = Settings.from_environment()
    configure_logs("api", settings.revision, settings.log_level)
    # uvicorn raises the signal again when it has ended; an ordered stop is not a failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        create_app(settings),
        host="0.0.0.0",
        port=8000,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        # Below compose's stop_grace_period of 20 s.
        timeout_graceful_shutdown=15,
    )


main()
