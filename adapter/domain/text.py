"""Text that can be drawn."""

import unicodedata

_BREAKS = {"\r\n": "\n", "\r": "\n", "\v": "\n", "\f": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n", "\t": " "}
_UNDRAWABLE = frozenset({"Cc", "Cs", "Co"})


def printable(text: str) -> str:
    """The text in Unicode's composed form (NFC), without what no font can draw.

    Dropped are control characters, lone surrogates, private use and noncharacters: in a PDF they would become the glyph `.notdef`, which
    PDF/A forbids (ISO 19005-3, 6.2.11.8). What is merely unknown to this Python's Unicode is kept: it may be in a name. Line breaks of
    every kind become `\\n`, tabs a space.
    """
    if text.isascii() and text.isprintable():
        return text
    for found, wanted in _BREAKS.items():
        text = text.replace(found, wanted)
    text = "".join(character for character in text if character == "\n" or _drawable(character))
    return unicodedata.normalize("NFC", text)


def _drawable(character: str) -> bool:
    code = ord(character)
    return unicodedata.category(character) not in _UNDRAWABLE and code & 0xFFFE != 0xFFFE and not 0xFDD0 <= code <= 0xFDEF


def one_line(text: str) -> str:
    """`printable` text with every run of white space as one space: for titles, subjects and names of files."""
    return " ".join(printable(text).split())
