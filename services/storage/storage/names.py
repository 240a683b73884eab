"""What names, sizes and content types may look like. Pure functions; the rules are those of Supabase Storage."""

import re

from . import errors

_KEY = re.compile(r"[\w/!\-.*'() &$@=;:+,?]+", re.ASCII)
_BUCKET = re.compile(r"[\w!\-.*'() &$@=;:+,?]{1,63}", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(gb|mb|kb|b)", re.IGNORECASE)
_MIME_PATTERN = re.compile(r"[a-zA-Z0-9\-+.]+/([a-zA-Z0-9\-+.]+(;\s*charset=[a-zA-Z0-9\-]+)?|\*)|\*(/\*)?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_UNITS = {"GB": 10**9, "MB": 10**6, "KB": 1000, "B": 1}

# Bytes of UTF-8; Postgres cannot index much longer ones together with the bucket.
LONGEST_KEY = 1024


def check_key(name: str) -> str:
    """The name of an object. Names never become paths here; still, none may look like a way out of a folder."""
    if not _KEY.fullmatch(name) or len(name) > LONGEST_KEY or any(part in (".", "..") for part in name.split("/")):
        raise errors.invalid_key(name)
    return name


def check_bucket_name(name: str) -> str:
    if not _BUCKET.fullmatch(name) or name in (".", ".."):
        raise errors.invalid_bucket_name()
    return name


def parse_size(value: int | str, largest: int) -> int:
    """Bytes of a bucket's limit, given as a number or as text like `20MB`; not above the server's own limit."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        if match is None:
            raise errors.invalid_file_size_limit()
        value = int(float(match[1]) * _UNITS[match[2].upper()])
    if value > largest:
        raise errors.too_large()
    return value


def check_mime_patterns(patterns: list[str]) -> list[str]:
    for pattern in patterns:
        if len(pattern) > 1000 or not _MIME_PATTERN.fullmatch(pattern):
            raise errors.invalid_mime_type(pattern)
    return patterns


def check_mime_type(mime_type: str, allowed: list[str] | None) -> None:
    """Does nothing when a bucket that allows `allowed` (all when null or empty) may hold this content type."""
    if not allowed:
        return
    kind, _, subtype = _essence(mime_type).partition("/")
    for pattern in allowed:
        allowed_kind, _, allowed_subtype = _essence(pattern).partition("/")
        if allowed_kind == "*" or (allowed_kind == kind and allowed_subtype in ("*", subtype) and subtype != ""):
            return
    raise errors.invalid_mime_type(mime_type)


def _essence(mime_type: str) -> str:
    return mime_type.split(";", 1)[0].strip().lower()


def is_uuid(text: str | None) -> bool:
    return text is not None and _UUID.fullmatch(text) is not None


def is_empty_folder(name: str) -> bool:
    """The placeholder by which clients make an empty folder; it holds no bytes."""
    return name.endswith(".emptyFolderPlaceholder")
