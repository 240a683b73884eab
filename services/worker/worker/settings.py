"""Everything that the environment decides, read once. Values that are secret never show in the text of this object."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    storage_url: str
    storage_bucket: str
    service_role_key: str = field(repr=False)
    # /health under the service's own name, which leads to the worker that serves; see turn.py.
    self_url: str | None = None
    log_level: str = "info"
    # What runs here, as the deployer names it; /health reports it.
    revision: str = "development"
    # Jobs at the same time: a long one does not keep short ones waiting.
    concurrency: int = 2
    # Seconds between two looks for work when nobody wakes the worker up.
    poll_seconds: float = 2.0
    # Seconds that a job belongs to the worker that took it; renewed every third of it.
    lease_seconds: float = 30.0
    # Seconds that reading one document may take.
    extract_seconds: float = 120.0
    # Times that a document is tried before it is set aside.
    max_attempts: int = 3
    # Seconds before the second try; four times as long before each further one.
    backoff_seconds: float = 2.0
    # Seconds that a transaction is repeated while connections are lost.
    wait_seconds: float = 15.0

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises KeyError with the name of a variable that is missing."""

        def number(name: str, default: float) -> float:
            return float(environment.get(name, default))

        return Settings(
            database_url=environment["DATABASE_URL"],
            redis_url=environment["REDIS_URL"],
            storage_url=environment["STORAGE_URL"].rstrip("/"),
            storage_bucket=environment["STORAGE_BUCKET"],
            service_role_key=environment["SERVICE_ROLE_KEY"],
            self_url=environment.get("SELF_URL"),
            log_level=environment.get("LOG_LEVEL", Settings.log_level),
            revision=environment.get("PLUMBLINE_REVISION", Settings.revision),
            concurrency=int(number("WORKER_CONCURRENCY", Settings.concurrency)),
            poll_seconds=number("POLL_SECONDS", Settings.poll_seconds),
            lease_seconds=number("LEASE_SECONDS", Settings.lease_seconds),
            extract_seconds=number("EXTRACT_SECONDS", Settings.extract_seconds),
            max_attempts=int(number("MAX_ATTEMPTS", Settings.max_attempts)),
            backoff_seconds=number("BACKOFF_SECONDS", Settings.backoff_seconds),
            wait_seconds=number("WAIT_SECONDS", Settings.wait_seconds),
        )
