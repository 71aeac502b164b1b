"""Which characters the installed fonts can draw. What none of them has is told and shown as its code point, never as an empty box."""

import re
import shutil
import subprocess
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from adapter.domain.document import Document
from adapter.domain.tax.adopt import Finding, Severity
from adapter.domain.text import dropped, printable

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""What shapes or separates its neighbours and is never drawn itself, beside the format characters (Default_Ignorable_Code_Point)."""

_SKIN_TONES = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
_NOTHING = re.compile("(?!)")


def installed_families() -> frozenset[str]:
    """The typefaces that fontconfig knows; empty where it is missing."""
    return frozenset(name for line in _listed("%{family}\n") for name in line.split(","))


@cache
def _spans() -> tuple[tuple[list[int], list[int]], ...]:
    """The code points of every installed font: where its spans begin, and where they end. Empty where fontconfig cannot say."""
    fonts = [[span.partition("-") for span in line.split()] for line in dict.fromkeys(_listed("%{charset}\n"))]
    return tuple(([int(first, 16) for first, _, _ in font], [int(last or first, 16) for first, _, last in font]) for font in fonts if font)


@lru_cache(10_000)
def _fonts_with(character: str) -> int:
    """The fonts that have a character, a bit for each."""
    code, found = ord(character), 0
    for number, (starts, ends) in enumerate(_spans()):
        at = bisect_right(starts, code) - 1
        found |= (at >= 0 and code <= ends[at]) << number
    return found


def _listed(fields: str) -> list[str]:
    tool = shutil.which("fc-list")
    if tool is None:
        return []
    try:
        told = subprocess.run([tool, "-f", fields], capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return told.splitlines()


def missing(text: str) -> list[str]:
    """The characters of a text that no installed font can draw, in order of their code points."""
    if text.isascii() or not _spans():
        return []
    return [character for character in sorted(set(text)) if not _fonts_with(character) and not _ignorable(character)]


def unjoined(text: str) -> list[str]:
    """Letters with the marks on them that no installed font has together. Chromium sets both in one font, and draws boxes without it."""
    return sorted({found for found in _marked(text).findall(text) if _joined(found) != found})


def shown(text: str) -> str:
    """The text with `[U+12345]` in place of each character that no installed font can draw, by itself or on the letter that it is on."""
    text = text.translate({ord(character): _named(character) for character in missing(text)})
    return _marked(text).sub(lambda found: _joined(found[0]), text)


def _marked(text: str) -> re.Pattern[str]:
    """What finds each of the text's letters that has marks on it, with them."""
    marks = "" if text.isascii() or not _spans() else "".join(filter(_is_mark, set(text)))
    return re.compile(f"[^{marks}][{marks}]+") if marks else _NOTHING


def _is_mark(character: str) -> bool:
    return (unicodedata.category(character) in {"Mn", "Mc", "Me"} and not _ignorable(character)) or character in _SKIN_TONES


def _joined(marked: str) -> str:
    """The letter and its marks, each mark that no font has with what is before it as its code point."""
    letter = marked[0]
    # An element's start and what is not drawn are no letter that a mark could be on.
    fonts = -1 if letter == ">" or letter.isspace() or _ignorable(letter) else _fonts_with(letter)
    out = letter
    for mark in marked[1:]:
        if fonts & _fonts_with(mark):
            fonts &= _fonts_with(mark)
            out += mark
        else:
            fonts = _fonts_with("]")
            out += _named(mark)
    return out


def _named(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def coverage_findings(document: Document) -> list[Finding]:
    """A warning where something in a document cannot be drawn, on this machine or on any."""
    texts = tuple(_texts(document.model_dump()))
    text = printable("\n".join(texts))
    told = []
    if lacking := [*missing(text), *unjoined(text)]:
        told.append(f"no installed font has {_list(lacking)}: shown as code points in brackets; install a font that has them")
    if gone := sorted(dropped("\n".join(texts))):
        told.append(f"nothing can be drawn for {_list(gone)}: left out of the page")
    return [Finding(severity=Severity.WARNING, code="text_not_drawable", message="; ".join(told))] if told else []


def _texts(value: object) -> Iterator[str]:
    """Every text in the fields of a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _list(characters: Sequence[str]) -> str:
    named = ", ".join(" with ".join(f"U+{ord(each):04X}" for each in together) for together in characters[:10])
    return named + " …" * (len(characters) > 10)


def _ignorable(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Zs"} or _INVISIBLE.match(character) is not None
