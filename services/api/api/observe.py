"""Counts, times and logs every request. The route's pattern is kept, never the query, a header or a body."""

import logging
import time
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import IN_FLIGHT, REQUESTS, SECONDS

log = logging.getLogger("api.requests")

# Asked every few seconds by healthchecks and monitors: worth a line only when they fail.
QUIET = ("/health", "/metrics")


class Observe:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id = str(uuid.uuid4())
        begin = time.perf_counter()
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, observed)
        finally:
            IN_FLIGHT.dec()
            seconds = time.perf_counter() - begin
            route = getattr(scope.get("route"), "path", "none")
            REQUESTS.labels(scope["method"], route, status).inc()
            SECONDS.labels(scope["method"], route).observe(seconds)
            fields = {
                "request": request_id,
                "method": scope["method"],
                "route": route,
                "path": scope["path"],
                "status": status,
                "milliseconds": round(1000 * seconds, 1),
            }
            level = logging.DEBUG if route in QUIET and status == 200 else logging.INFO
            log.log(level, "request", extra={"fields": fields})
