"""Embedded TrueType fonts without what only screens need.

Hinting instructions move outlines to the pixels of old screens; a PDF viewer's anti-aliasing ignores them, and they are half of a small
font. A PDF also needs no tables for looking characters up or shaping them: it names glyphs by number, already shaped.
Format: the OpenType specification, chapters glyf, loca, maxp and head.
"""

import struct
from itertools import pairwise

from pikepdf import Dictionary, Name, Pdf

_NEEDED = (b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp")
"""The tables of an embedded TrueType font program (ISO 32000-1, 9.9), those of instructions left out."""

_ARGUMENTS_ARE_WORDS, _SCALE, _MORE, _XY_SCALE, _MATRIX, _INSTRUCTIONS = 0x1, 0x8, 0x20, 0x40, 0x80, 0x100


def slim_fonts(document: Pdf) -> None:
    """Rewrite every embedded TrueType font; one that is not what the format says is left as it is."""
    for descriptor in document.objects:
        if isinstance(descriptor, Dictionary) and descriptor.get("/Type") == Name.FontDescriptor and "/FontFile2" in descriptor:
            stream = descriptor.FontFile2
            try:
                font = without_hints(stream.read_bytes())
            except (struct.error, KeyError, IndexError, ValueError):
                continue
            stream.write(font)
            stream["/Length1"] = len(font)


def without_hints(font: bytes) -> bytes:
    """The font program with outlines and metrics alone. Raises struct.error, KeyError, IndexError or ValueError for a broken one."""
    tables = _tables(font)
    kept = {tag: tables[tag] for tag in _NEEDED}
    long_offsets = struct.unpack_from(">h", kept[b"head"], 50)[0] == 1
    count = struct.unpack_from(">H", kept[b"maxp"], 4)[0]
    if long_offsets:
        offsets = struct.unpack_from(f">{count + 1}L", kept[b"loca"])
    else:
        offsets = tuple(2 * half for half in struct.unpack_from(f">{count + 1}H", kept[b"loca"]))
    outlines, moved = bytearray(), [0]
    for start, end in pairwise(offsets):
        if end > start:
            glyph = _glyph(kept[b"glyf"][start:end])
            outlines += glyph + bytes(-len(glyph) % 4)
        moved.append(len(outlines))
    kept[b"glyf"] = bytes(outlines)
    kept[b"loca"] = struct.pack(f">{count + 1}L", *moved) if long_offsets else struct.pack(f">{count + 1}H", *(at // 2 for at in moved))
    # From maxTwilightPoints to maxSizeOfInstructions: what an interpreter would have had to provide for.
    kept[b"maxp"] = kept[b"maxp"][:16] + bytes(12) + kept[b"maxp"][28:]
    return _assembled(kept)


def _tables(font: bytes) -> dict[bytes, bytes]:
    count = struct.unpack_from(">H", font, 4)[0]
    entries = (struct.unpack_from(">4sLLL", font, 12 + 16 * index) for index in range(count))
    return {tag: font[start : start + length] for tag, _, start, length in entries}


def _glyph(glyph: bytes) -> bytes:
    """One outline without its instructions."""
    contours = struct.unpack_from(">h", glyph)[0]
    if contours >= 0:
        at = 10 + 2 * contours
        length = struct.unpack_from(">H", glyph, at)[0]
        return glyph[:at] + b"\0\0" + glyph[at + 2 + length :]
    made, at, more = bytearray(glyph), 10, True
    while more:
        flags = struct.unpack_from(">H", glyph, at)[0]
        struct.pack_into(">H", made, at, flags & ~_INSTRUCTIONS)
        more = bool(flags & _MORE)
        at += 8 if flags & _ARGUMENTS_ARE_WORDS else 6
        at += 2 if flags & _SCALE else 4 if flags & _XY_SCALE else 8 if flags & _MATRIX else 0
    return bytes(made[:at])


def _assembled(tables: dict[bytes, bytes]) -> bytes:
    head = tables[b"head"]
    tables = {**tables, b"head": head[:8] + bytes(4) + head[12:]}
    power = len(tables).bit_length() - 1
    span = 16 << power
    directory = struct.pack(">LHHHH", 0x00010000, len(tables), span, power, 16 * len(tables) - span)
    body, start = bytearray(), 12 + 16 * len(tables)
    for tag in sorted(tables):
        table = tables[tag]
        directory += struct.pack(">4sLLL", tag, _checksum(table), start + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    font = bytearray(directory + body)
    adjustment = (0xB1B0AFBA - _checksum(bytes(font))) & 0xFFFFFFFF
    at = font.index(tables[b"head"], start)
    struct.pack_into(">L", font, at + 8, adjustment)
    return bytes(font)


def _checksum(data: bytes) -> int:
    data += bytes(-len(data) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(data) // 4}L", data)
    return sum(words) & 0xFFFFFFFF
