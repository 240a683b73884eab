"""Logs as one JSON object a line on standard output. Texts of documents and connection strings are never logged."""

import json
import logging
import sys
from datetime import datetime, timezone


class JsonFormatter(logging.Formatter):
    """time, level, service, revision, message, whatever `extra={"fields": …}` adds, and the error with its trace."""

    def __init__(self, service: str, revision: str) -> None:
        super().__init__()
        self._about = {"service": service, "revision": revision}

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **self._about,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure_logs(service: str, revision: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service, revision))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
