"""Text that can be drawn."""

import re
import unicodedata
from collections.abc import Iterator

_BREAKS = {"\r\n": "\n", "\r": "\n", "\v": "\n", "\f": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n", "\t": " "}
_UNDRAWABLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(15))
    + "\U000f0000-\U0010ffff\u202a-\u202e\u206a-\u206f\ufeff\ufff9-\ufffb]"
)
"""Control characters, surrogates, private use, noncharacters; embeddings and overrides of direction, which show the text around them as
something else (UAX 9 prefers isolates), what Unicode has deprecated, the byte order mark, annotations."""
_ISOLATES, _END = frozenset("\u2066\u2067\u2068"), "\u2069"
_ISOLATE = re.compile("[\u2066-\u2069]")
_MARKS = 8
"""As many marks are drawn on one letter: more would cover the lines above and below, and no language has as many."""
_LONG_RUN = re.compile(rf"\W{{{_MARKS + 1}}}")


def printable(text: str) -> str:
    """The text in Unicode's composed form (NFC), without what no font can draw, and without what would disturb the text around it.

    Dropped are control characters, lone surrogates, private use and noncharacters: in a PDF they would become the glyph `.notdef`, which
    PDF/A forbids (ISO 19005-3, 6.2.11.8). So are overrides of the direction of writing and more than eight marks on one letter; isolates
    are closed. What is merely unknown to this Python's Unicode is kept: it may be in a name. Line breaks of every kind become `\\n`, tabs a
    space.
    """
    if text.isascii() and text.isprintable():
        return text
    for found, wanted in _BREAKS.items():
        text = text.replace(found, wanted)
    text = unicodedata.normalize("NFC", _UNDRAWABLE.sub("", text))
    if _LONG_RUN.search(text):
        text = "".join(_with_few_marks(text))
    return "".join(_closed(text)) if _ISOLATE.search(text) else text


def dropped(text: str) -> frozenset[str]:
    """The characters that `printable` leaves out altogether; not those that it makes a break or a space."""
    return frozenset(_UNDRAWABLE.findall(text)) - _BREAKS.keys()


def _with_few_marks(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks <= _MARKS:
            yield character


def _closed(text: str) -> Iterator[str]:
    """Every isolate with its end, and no end without one."""
    opened = 0
    for character in text:
        opened += (character in _ISOLATES) - (character == _END)
        if opened >= 0:
            yield character
        opened = max(0, opened)
    yield _END * opened


def one_line(text: str) -> str:
    """`printable` text with every run of white space as one space: for titles, subjects and names of files."""
    return " ".join(printable(text).split())
