"""Which characters the installed fonts can draw. What none of them has is told and shown as its code point, never as an empty box."""

import re
import shutil
import subprocess
import unicodedata
from functools import cache

from adapter.domain.document import Document
from adapter.domain.tax.adopt import Finding, Severity
from adapter.domain.text import printable

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""What shapes or separates its neighbours and is never drawn itself, beside the format characters (Default_Ignorable_Code_Point)."""


def installed_families() -> frozenset[str]:
    """The typefaces that fontconfig knows; empty where it is missing."""
    return frozenset(name for line in _listed("%{family}\n") for name in line.split(","))


@cache
def _drawn() -> bytes | None:
    """A flag for each code point: whether some installed font has a glyph for it; None where fontconfig cannot say."""
    flags = bytearray(0x110000)
    for line in _listed("%{charset}\n"):
        for span in line.split():
            first, _, last = span.partition("-")
            start, end = int(first, 16), int(last or first, 16)
            flags[start : end + 1] = b"\1" * (end + 1 - start)
    return bytes(flags) if any(flags) else None


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
    drawn = _drawn()
    if drawn is None or text.isascii():
        return []
    return [character for character in sorted(set(text)) if not drawn[ord(character)] and not _ignorable(character)]


def shown(text: str) -> str:
    """The text with `[U+12345]` in place of each character that no installed font can draw."""
    return text.translate({ord(character): f"[U+{ord(character):04X}]" for character in missing(text)})


def coverage_findings(document: Document) -> list[Finding]:
    """A warning where something in a document cannot be drawn on this machine."""
    lacking = missing(printable(document.canonical()))
    if not lacking:
        return []
    named = ", ".join(f"U+{ord(character):04X}" for character in lacking[:10]) + (" …" if len(lacking) > 10 else "")
    told = f"no installed font has {named}: shown as code points in brackets; install a font that has them"
    return [Finding(severity=Severity.WARNING, code="text_not_drawable", message=told)]


def _ignorable(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Zs"} or _INVISIBLE.match(character) is not None
