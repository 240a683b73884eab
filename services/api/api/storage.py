"""The storage service (Supabase Storage's contract), with the service key: objects of one bucket."""

import asyncio
import logging
from urllib.parse import quote

import httpx

from api.repeat import repeat

log = logging.getLogger(__name__)


class StorageBusy(Exception):
    """Storage answered that it cannot just now."""


class StorageRefused(Exception):
    """Storage refused for a reason that a repeat does not change."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"storage answered {status} {code}")
        self.status = status
        self.code = code


LOST = (httpx.TransportError, StorageBusy, TimeoutError)


class Storage:
    def __init__(self, url: str, bucket: str, key: str, wait_seconds: float) -> None:
        self._bucket = bucket
        self._wait_seconds = wait_seconds
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {key}", "apikey": key},
            timeout=httpx.Timeout(wait_seconds, pool=None),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def healthy(self) -> bool:
        """Whether storage says so itself: its answer is 200 also when it is not."""
        answer = await self._client.get("/health")
        return answer.status_code == 200 and answer.json().get("healthy") is True

    async def ensure_bucket(self) -> None:
        """Makes the bucket when it is missing; a bucket that another made meanwhile is as good. Raises Unavailable."""

        async def work() -> None:
            try:
                await self._send("GET", f"/bucket/{quote(self._bucket, safe='')}")
            except StorageRefused as missing:
                if missing.status != 404:
                    raise
                try:
                    await self._send("POST", "/bucket", json={"id": self._bucket, "name": self._bucket, "public": False})
                    log.info("bucket made", extra={"fields": {"bucket": self._bucket}})
                except StorageRefused as refused:
                    if refused.status != 409:
                        raise

        await repeat("storage", work, LOST, self._wait_seconds)

    async def ensure_bucket_sometime(self) -> None:
        """As `ensure_bucket`, until it went well: for the time when the api starts before storage does."""
        while True:
            try:
                return await self.ensure_bucket()
            except Exception as error:  # noqa: BLE001 (whatever it was, the next try or the first upload tells)
                log.warning("bucket not ensured yet", extra={"fields": {"because": str(error)}})
                await asyncio.sleep(2)

    async def put(self, path: str, content: bytes, content_type: str) -> None:
        """Stores the object; the same again is the same object. Raises Unavailable, StorageRefused."""

        async def work() -> None:
            headers = {"content-type": content_type, "x-upsert": "true"}
            await self._send("POST", f"/object/{self._bucket}/{quote(path)}", content=content, headers=headers)

        try:
            await repeat("storage", work, LOST, self._wait_seconds)
        except StorageRefused as refused:
            if refused.status != 404:
                raise
            await self.ensure_bucket()
            await repeat("storage", work, LOST, self._wait_seconds)

    async def remove(self, path: str) -> None:
        """Removes the object; one that is not there is removed. Raises Unavailable, StorageRefused."""

        async def work() -> None:
            await self._send("DELETE", f"/object/{self._bucket}", json={"prefixes": [path]})

        await repeat("storage", work, LOST, self._wait_seconds)

    async def _send(self, method: str, path: str, **content: object) -> None:
        answer = await self._client.request(method, path, **content)
        if answer.is_success:
            return
        # Handled errors come as HTTP 400 with the real status in the body.
        status, code = answer.status_code, ""
        try:
            envelope = answer.json()
            status = int(envelope.get("statusCode", status))
            code = str(envelope.get("code") or envelope.get("error") or "")
        except (ValueError, AttributeError, TypeError):
            pass
        if max(status, answer.status_code) >= 500 or status == 429:
            raise StorageBusy(f"storage answered {status} {code}")
        raise StorageRefused(status, code)
