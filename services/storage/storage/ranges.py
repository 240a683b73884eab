"""The Range header. Pure functions."""

import re

from . import errors

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that are asked for; None when all are.

    A header that is not one byte range (another unit, several ranges, no numbers) is ignored, as RFC 9110 allows; a
    range that starts behind the end is refused with 416.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or (match[1] == "" and match[2] == ""):
        return None
    if match[1] == "":
        length = int(match[2])
        if length == 0 or size == 0:
            raise errors.invalid_range(size)
        return max(0, size - length), size - 1
    first = int(match[1])
    last = int(match[2]) if match[2] != "" else size - 1
    if match[2] != "" and last < first:
        return None
    if first >= size:
        raise errors.invalid_range(size)
    return first, min(last, size - 1)
