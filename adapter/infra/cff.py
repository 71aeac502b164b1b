"""Fonts in the Compact Font Format, as a PDF embeds them: outlines by number, with their widths and nothing else.

Formats: Adobe Technical Notes 5176 (CFF) and 5177 (Type 2 charstrings).
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from typing import Literal

WIDTH = 1000
"""The width that charstrings leave out, in thousandths of the font's size: that of an ideograph."""

Segment = tuple[Literal["rmoveto", "rlineto", "rrcurveto"], tuple[int, ...]]
"""An operator of Type 2 with its operands: steps in x and y, each from the point before."""

_OPERATORS = {"rmoveto": 21, "rlineto": 5, "rrcurveto": 8}
_AT_ONCE = {"rmoveto": 1, "rlineto": 24, "rrcurveto": 8}
"""How many segments fit on the stack of 48 operands."""
_ENDCHAR = b"\x0e"


def charstring(width: int, drawn: Sequence[Segment]) -> bytes:
    """A glyph's outline. Raises OverflowError for a step of more than 32,767."""
    return (b"" if width == WIDTH else _number(width)) + b"".join(_operations(drawn)) + _ENDCHAR


def cff_font(name: str, box: Sequence[int], charstrings: Sequence[bytes]) -> bytes:
    """A font whose glyphs are chosen by character ids, which are their numbers; the first one stands for what is missing.

    `box` holds left, bottom, right and top of all glyphs together. Raises OverflowError for less than two of them, or more than 65,535.
    """
    count = len(charstrings)
    private = _number(WIDTH) + b"\x14" + _number(0) + b"\x15"  # defaultWidthX, nominalWidthX
    charset = b"\x02\0\x01" + (count - 2).to_bytes(2, "big")
    select = b"\x03\0\x01\0\0\0" + count.to_bytes(2, "big")
    outlines = _index(charstrings)
    before, strings = b"\x01\0\x04\x04" + _index([name.encode()]), _index([b"Adobe", b"Identity"]) + _index([])

    def top(*offsets: int) -> bytes:
        ros = b"\xf8\x1b\xf8\x1c" + _number(0) + b"\x0c\x1e"  # Adobe and Identity are the strings 391 and 392
        bounds = b"".join(map(_number, box)) + b"\x05"
        places = zip(offsets, (b"\x0f", b"\x0c\x25", b"\x11", b"\x0c\x24"), strict=True)  # charset, FDSelect, CharStrings, FDArray
        return ros + bounds + _number(count) + b"\x0c\x22" + b"".join(_offset(at) + operator for at, operator in places)

    def dictionaries(at: int) -> bytes:
        return _index([_number(len(private)) + _offset(at) + b"\x12"])

    begin = len(before) + len(_index([top(0, 0, 0, 0)])) + len(strings)
    at = list(accumulate(map(len, (charset, select, outlines, dictionaries(0))), initial=begin))
    return before + _index([top(*at[:4])]) + strings + charset + select + outlines + dictionaries(at[4]) + private


def _operations(drawn: Sequence[Segment]) -> Iterator[bytes]:
    """Segments of the same kind share an operator, as many as the stack holds."""
    for kind, segments in groupby(drawn, key=lambda segment: segment[0]):
        steps = [operands for _, operands in segments]
        for first in range(0, len(steps), _AT_ONCE[kind]):
            together = steps[first : first + _AT_ONCE[kind]]
            yield b"".join(_number(value) for operands in together for value in operands) + bytes([_OPERATORS[kind]])


def _number(value: int) -> bytes:
    """An operand, which charstrings and DICTs write alike."""
    if -107 <= value <= 107:
        return bytes([value + 139])
    if 108 <= abs(value) <= 1131:
        rest = abs(value) - 108
        return bytes([(247 if value > 0 else 251) + (rest >> 8), rest & 0xFF])
    return b"\x1c" + value.to_bytes(2, "big", signed=True)


def _offset(value: int) -> bytes:
    """An operand of a DICT that always takes five bytes."""
    return b"\x1d" + value.to_bytes(4, "big")


def _index(items: Sequence[bytes]) -> bytes:
    """An INDEX."""
    if not items:
        return b"\0\0"
    ends = list(accumulate(map(len, items), initial=1))
    size = (ends[-1].bit_length() + 7) // 8
    return len(items).to_bytes(2, "big") + bytes([size]) + b"".join(end.to_bytes(size, "big") for end in ends) + b"".join(items)
