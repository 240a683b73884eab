"""Runs the server. A stop signal lets the requests in flight end first."""

import logging
import signal
import sys

import uvicorn

from .app import create_app
from .config import load_config


def main() -> None:
    config = load_config()
    logging.basicConfig(level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    # uvicorn has handlers of its own while it serves, and afterwards raises the signal again for these: a stop that was
    # asked for is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.run(
        create_app(config),
        host="0.0.0.0",
        port=config.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Longer than a load balancer keeps an idle connection, so that it never writes into one that closes.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=config.stop_patience,
    )


main()
