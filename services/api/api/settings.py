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
    jwt_secret: str = field(repr=False)
    log_level: str = "info"
    # What runs here, as the deployer names it; /health reports it.
    revision: str = "development"
    # Bytes of the largest document that is taken.
    max_document_bytes: int = 20 * 1024 * 1024
    # Bytes of documents held in memory at once, over all requests; further ones wait.
    buffered_bytes: int = 100 * 1024 * 1024
    # Seconds that a request may wait for what is behind it (lost connections are replaced meanwhile), then 503.
    wait_seconds: float = 15.0

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises KeyError with the name of a variable that is missing."""
        return Settings(
            database_url=environment["DATABASE_URL"],
            redis_url=environment["REDIS_URL"],
            storage_url=environment["STORAGE_URL"].rstrip("/"),
            storage_bucket=environment["STORAGE_BUCKET"],
            service_role_key=environment["SERVICE_ROLE_KEY"],
            jwt_secret=environment["JWT_SECRET"],
            log_level=environment.get("LOG_LEVEL", Settings.log_level),
            revision=environment.get("PLUMBLINE_REVISION", Settings.revision),
            max_document_bytes=int(environment.get("MAX_DOCUMENT_BYTES", Settings.max_document_bytes)),
            wait_seconds=float(environment.get("WAIT_SECONDS", Settings.wait_seconds)),
        )
