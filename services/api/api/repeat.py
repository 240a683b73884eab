"""Repeats work that is safe to repeat while a connection behind the api is lost, until a deadline."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from api.errors import Unavailable
from api.metrics import REPEATS

T = TypeVar("T")

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5


async def repeat(
    dependency: str, work: Callable[[], Awaitable[T]], lost: tuple[type[BaseException], ...], within_seconds: float
) -> T:
    """
    The result of `work`, which must have the same effect done once or several times. An error of the kinds in `lost`
    makes it run again; raises Unavailable when the deadline passes.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + within_seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(end):
                return await work()
        except lost as error:
            if clock() + pause >= end:
                raise Unavailable(dependency) from error
            REPEATS.labels(dependency).inc()
            fields = {"dependency": dependency, "because": type(error).__name__}
            log.log(logging.INFO if pause == FIRST_PAUSE_SECONDS else logging.DEBUG, "repeating", extra={"fields": fields})
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
