"""Whose turn it is: of two workers that stand side by side for a moment, only the one that serves takes jobs.

The worker asks for /health under the service's own name. In a deployment that name leads to the worker that serves, so
a candidate that is still being proven sees another instance, or nobody, and waits. Where nothing stands between, as in
`docker compose up`, the name leads to the worker itself.
"""

import logging

import aiohttp

log = logging.getLogger(__name__)

# Longest wait for an answer; while the deployer holds the name, there is none.
TIMEOUT_SECONDS = 2.0


class Turn:
    def __init__(self, url: str | None, instance: str) -> None:
        """`url`: /health under the service's own name; without it the worker always works."""
        self._url = url
        self._instance = instance
        self._mine = url is None

    @property
    def mine(self) -> bool:
        """Once it is this worker's turn, it stays so: it is ended by being stopped."""
        return self._mine

    async def ask(self) -> bool:
        if self._mine or self._url is None:
            return True
        try:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._url) as answer:
                body = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
        self._mine = isinstance(body, dict) and body.get("instance") == self._instance
        if self._mine:
            log.info("takes jobs from now on")
        return self._mine
