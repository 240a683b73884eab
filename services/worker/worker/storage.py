"""Fetches the bytes of a document from the storage service, with the service key, into a file."""

from pathlib import Path
from urllib.parse import quote

import aiohttp

from worker.errors import BadDocument, Unavailable

PART_BYTES = 256 * 1024


class Storage:
    def __init__(self, url: str, bucket: str, key: str) -> None:
        self._url = url
        self._bucket = bucket
        self._session = aiohttp.ClientSession(
            headers={"authorization": f"Bearer {key}", "apikey": key},
            timeout=aiohttp.ClientTimeout(total=120, sock_connect=15, sock_read=30),
        )

    async def close(self) -> None:
        await self._session.close()

    async def healthy(self) -> bool:
        """Whether storage says so itself: its answer is 200 also when it is not."""
        async with self._session.get(f"{self._url}/health") as answer:
            return answer.status == 200 and (await answer.json()).get("healthy") is True

    async def fetch(self, path: str, file: Path) -> None:
        """Raises BadDocument when storage has no such object, Unavailable when it does not answer."""
        try:
            async with self._session.get(f"{self._url}/object/{self._bucket}/{quote(path)}") as answer:
                if answer.status != 200:
                    status = await _status(answer)
                    if status == 404:
                        raise BadDocument("its bytes are not in storage")
                    raise Unavailable(f"storage answered {status}")
                with file.open("wb") as target:
                    async for part in answer.content.iter_chunked(PART_BYTES):
                        target.write(part)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable("storage does not answer") from error


async def _status(answer: aiohttp.ClientResponse) -> int:
    """Handled errors come as HTTP 400 with the real status in the body."""
    try:
        return int((await answer.json()).get("statusCode", answer.status))
    except (aiohttp.ClientError, ValueError, AttributeError, TypeError):
        return answer.status
