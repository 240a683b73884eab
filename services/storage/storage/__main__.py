"""Runs the server. A stop signal lets the requests in flight end first."""

import logging

import uvicorn

from .app import create_app
from .config import load_config


def main() -> None:
    config = load_config()
    logging.basicConfig(level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
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
