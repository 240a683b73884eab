"""From the bytes of a document to its text: plain text, HTML, PDF. Pure functions; run in a process of their own."""

import codecs
import re
from email.message import Message
from pathlib import Path

from worker.errors import BadDocument

# Characters of the longest text that is taken out of one document.
MAX_CHARACTERS = 20_000_000

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def extract(file: Path, content_type: str) -> str:
    """The text, without what Postgres cannot hold. Raises BadDocument when there is none to be had."""
    header = Message()
    header["content-type"] = content_type
    kind = header.get_content_type()
    if kind == "application/pdf":
        text = text_of_pdf(file)
    elif kind in ("text/html", "application/xhtml+xml"):
        text = text_of_html(file.read_bytes(), header.get_param("charset"))
    elif kind in ("text/plain", "text/markdown"):
        text = decode(file.read_bytes(), header.get_param("charset"))
    else:
        raise BadDocument(f"the content type {kind} is not understood")
    # NUL, and halves of surrogate pairs, which broken fonts in PDFs produce.
    text = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if len(text) > MAX_CHARACTERS:
        raise BadDocument(f"it has more than {MAX_CHARACTERS} characters of text")
    if not text.strip():
        raise BadDocument("there is no text in it")
    return text


def decode(content: bytes, charset: object = None) -> str:
    """A byte order mark decides, then the declared charset, then UTF-8 if it fits, then the likeliest."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    for encoding in (charset, "utf-8"):
        if isinstance(encoding, str):
            try:
                return content.decode(encoding)
            except (LookupError, UnicodeDecodeError):
                continue
    from charset_normalizer import from_bytes

    # The head is enough to tell, and bounds the time.
    best = from_bytes(content[:64_000]).best()
    # Without coherence it is a guess, as in short texts: then Western European.
    return content.decode(best.encoding if best and best.coherence > 0 else "cp1252", "replace")


def text_of_html(content: bytes, charset: object = None) -> str:
    """What a reader sees: no scripts, styles, templates or comments; blocks apart by blank lines."""
    from lxml import etree, html

    declared = charset or _meta_charset(content)
    try:
        parser = html.HTMLParser(encoding="utf-8", huge_tree=True)
        root = html.document_fromstring(decode(content, declared).encode("utf-8"), parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise BadDocument("the HTML cannot be read") from error
    parts: list[str] = []
    title = root.findtext(".//title")
    if title:
        parts += [title, "\n\n"]
    # Iterative: deep nesting must not end in a RecursionError.
    hidden = 0
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            if not hidden:
                parts.append(element.tail or "")
            continue
        name = element.tag.rpartition("}")[2]
        if event == "start":
            hidden += name in HIDDEN
            if name in BLOCKS:
                parts.append("\n\n")
            if not hidden:
                parts.append(element.text or "")
        else:
            hidden -= name in HIDDEN
            if name in BLOCKS:
                parts.append("\n\n")
            if not hidden:
                parts.append(element.tail or "")
    paragraphs = re.split(r"\n\s*\n", "".join(parts))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


HIDDEN = frozenset(("script", "style", "template", "noscript", "head", "svg", "iframe", "object"))
BLOCKS = frozenset(
    "address article aside blockquote br caption dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 "
    "h4 h5 h6 header hr li main nav ol p pre section summary table td th tr ul".split()
)


def _meta_charset(content: bytes) -> str | None:
    found = re.search(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{2,40})", content[:4096], re.IGNORECASE)
    return found.group(1).decode("ascii") if found else None


def text_of_pdf(file: Path) -> str:
    """The text layer of every page. Raises BadDocument for an encrypted or broken file."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadDocument("the PDF is encrypted")
        pages: list[str] = []
        size = 0
        for page in reader.pages:
            pages.append(page.extract_text())
            size += len(pages[-1])
            if size > MAX_CHARACTERS:
                break
        return "\n\n".join(pages)
    except BadDocument:
        raise
    except RecursionError as error:
        raise BadDocument("the PDF is nested too deeply") from error
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, OSError, AssertionError) as error:
        raise BadDocument(f"the PDF cannot be read ({type(error).__name__})") from error
    except NotImplementedError as error:
        raise BadDocument("the PDF uses something that is not understood") from error
