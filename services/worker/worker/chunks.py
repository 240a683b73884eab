"""
Splits a text into chunks for search: at most SIZE characters, made of whole sentences, each beginning with the last
sentences of the one before (at most OVERLAP characters), so that what stands on a border is found from both sides. A
sentence longer than SIZE is cut at white space, a word longer than SIZE anywhere.
"""

import re
from collections.abc import Iterator

SIZE = 1000
OVERLAP = 150

# A sentence ends after . ! ? … (and closing quotes or brackets) before white space, or at a blank line. Abbreviations
# split as well: a chunk may then begin in the middle of a sentence, which the overlap makes up for.
SENTENCE = re.compile(r"\S.*?(?:[.!?…。！？][\"'”’»)\]]*(?=\s|$)|(?=\n\s*\n)|$)", re.DOTALL)


def split(text: str, size: int = SIZE, overlap: int = OVERLAP) -> list[str]:
    """The chunks in order; the same text always gives the same ones."""
    chunks: list[str] = []
    current: list[str] = []
    length = 0
    fresh = False
    for sentence in _pieces(text, size):
        if length + len(sentence) + 1 > size and fresh:
            chunks.append(" ".join(current))
            current, length, fresh = _tail(current, overlap), 0, False
            length = sum(len(piece) + 1 for piece in current)
            if length + len(sentence) + 1 > size:
                current, length = [], 0
        current.append(sentence)
        length += len(sentence) + 1
        fresh = True
    if fresh:
        chunks.append(" ".join(current))
    return chunks


def _tail(sentences: list[str], overlap: int) -> list[str]:
    kept: list[str] = []
    length = 0
    for sentence in reversed(sentences):
        length += len(sentence) + 1
        if length > overlap:
            break
        kept.insert(0, sentence)
    return kept


def _pieces(text: str, size: int) -> Iterator[str]:
    # One less than size: a piece is counted with the space after it.
    longest = size - 1
    for match in SENTENCE.finditer(text):
        sentence = " ".join(match.group().split())
        begin = 0
        while len(sentence) - begin > longest:
            border = sentence.rfind(" ", begin + 1, begin + longest + 1)
            end = border if border > 0 else begin + longest
            yield sentence[begin:end]
            begin = end + (border > 0)
        if begin < len(sentence):
            yield sentence[begin:]
