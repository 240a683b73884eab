"""A multipart/form-data body, read as a stream: small fields are kept, the one file is passed on piece by piece."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.multipart import MultipartParser, parse_options_header

from . import errors

# Bytes; what Supabase Storage allows for user metadata.
LARGEST_FIELD = 1024 * 1024
_MOST_PARTS = 32


@dataclass
class Form:
    """What has been read so far; whole when `read_form` has ended."""

    fields: dict[str, str] = field(default_factory=dict)
    # Content type of the file's part; None until the file begins.
    file_type: str | None = None


class _Part:
    def __init__(self) -> None:
        self.headers: dict[str, bytes] = {}
        self.header_name = b""
        self.header_value = b""
        self.name = ""
        self.is_file = False
        self.value = bytearray()


async def read_form(chunks: AsyncIterator[bytes], content_type: str, form: Form) -> AsyncIterator[bytes]:
    """Yields the bytes of the file; `form` fills up on the way. Yields one empty piece when the file begins."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise errors.no_content()
    pieces: list[bytes] = []
    part = _Part()
    parts = 0

    def begin() -> None:
        nonlocal part, parts
        part = _Part()
        parts += 1
        if parts > _MOST_PARTS:
            raise errors.invalid_request("body has too many parts")

    def header_name(data: bytes, start: int, end: int) -> None:
        part.header_name += data[start:end]

    def header_value(data: bytes, start: int, end: int) -> None:
        part.header_value += data[start:end]

    def header_end() -> None:
        part.headers[part.header_name.decode("latin-1").lower()] = part.header_value
        part.header_name = part.header_value = b""

    def headers_finished() -> None:
        options = parse_options_header(part.headers.get("content-disposition", b""))[1]
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        part.is_file = b"filename" in options
        if part.is_file:
            if form.file_type is not None:
                raise errors.invalid_request("body has more than one file")
            form.file_type = part.headers.get("content-type", b"application/octet-stream").decode("latin-1")
            pieces.append(b"")

    def data(chunk: bytes, start: int, end: int) -> None:
        if part.is_file:
            pieces.append(chunk[start:end])
            return
        part.value += chunk[start:end]
        if len(part.value) > LARGEST_FIELD:
            raise errors.too_large(part.name or "field")

    def part_end() -> None:
        if not part.is_file:
            form.fields[part.name] = part.value.decode("utf-8", "replace")

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": begin,
            "on_header_field": header_name,
            "on_header_value": header_value,
            "on_header_end": header_end,
            "on_headers_finished": headers_finished,
            "on_part_data": data,
            "on_part_end": part_end,
        },
    )
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True

    parser.callbacks["on_end"] = end
    async for chunk in chunks:
        try:
            parser.write(chunk)
        except ValueError as error:
            raise errors.no_content() from error
        for piece in pieces:
            yield piece
        pieces.clear()
    # A body that stops in the middle of the file must not pass for a whole one.
    if not ended or form.file_type is None:
        raise errors.no_content()
