"""
Reads the rest of a refused request before the refusal is sent: a client that is still sending would see its connection
break instead of the answer. Bounded in bytes and time; what is read is thrown away.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 64 * 1024 * 1024
MAX_SECONDS = 10.0


class Drain:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        # A client that asks first (Expect: 100-continue) has not sent anything yet.
        over = any(name == b"expect" for name, _ in scope["headers"])

        async def receiving() -> Message:
            nonlocal over
            message = await receive()
            over = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def rest() -> None:
            size = 0
            while not over and size < MAX_BYTES:
                size += len((await receiving()).get("body", b""))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400 and not over:
                try:
                    async with asyncio.timeout(MAX_SECONDS):
                        await rest()
                except TimeoutError:
                    pass
            await send(message)

        await self._app(scope, receiving, sending)
