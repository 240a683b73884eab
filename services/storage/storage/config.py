"""Settings: what the environment says, checked once at the start. The names are those of Supabase Storage."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    port: int
    database_url: str
    jwt_secret: str
    volume: str
    # Bytes. The largest object; a bucket can only lower it.
    file_size_limit: int
    log_level: str
    # Seconds that a request waits for a database that is away (restarting, or held by the load balancer).
    database_patience: float = 10.0
    # Seconds that requests in flight get on a stop; below compose's stop_grace_period of 20.
    stop_patience: int = 15


def load_config(environment: "os._Environ[str] | dict[str, str]" = os.environ) -> Config:
    """Reads the environment; raises SystemExit with one line for the first thing that is missing or wrong."""

    def required(name: str) -> str:
        value = environment.get(name, "")
        if value == "":
            raise SystemExit(f"{name} is not set")
        return value

    def number(name: str, default: str) -> int:
        text = environment.get(name, "") or default
        if not text.isdigit():
            raise SystemExit(f"{name} is {text!r}, expected a whole number")
        return int(text)

    backend = environment.get("STORAGE_BACKEND", "") or "file"
    if backend != "file":
        raise SystemExit(f"STORAGE_BACKEND is {backend!r}; this server knows only 'file'")
    return Config(
        port=number("SERVER_PORT", "5000"),
        database_url=required("DATABASE_URL"),
        jwt_secret=required("AUTH_JWT_SECRET"),
        volume=required("FILE_STORAGE_BACKEND_PATH"),
        file_size_limit=number("FILE_SIZE_LIMIT", "52428800"),
        log_level=(environment.get("LOG_LEVEL", "") or "info").lower(),
    )
