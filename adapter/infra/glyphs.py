"""The text of a PDF by Chromium: what a copy or a search finds, and how it is written down.

A font may draw two characters with one glyph, and Chromium names the first of them: 青 comes back as the radical ⻘, an Arabic letter as
the shape that it has in its place. And it positions every glyph by itself, although most stand where their widths put them.
"""

import re
from collections.abc import Iterable, Mapping
from unicodedata import normalize

from pikepdf import Array, Dictionary, Name, Object, Pdf

_RADICALS = (
    "⺂乛⺃乚⺅亻⺉刂⺋㔾⺎兀⺏尣⺐尢⺒巳⺓幺⺔彑⺕彐⺖忄⺘扌⺙攵⺛旡⺞歺⺟母⺠民⺡氵⺣灬⺤爫⺦丬⺨犭⺫罒⺭礻⺯糹⺰纟⺱罓⺲罒⺳㓁⺹耂⺺肀⺾艹⺿艹⻂衤⻃覀⻄西"
    "⻅见⻆角⻈讠⻉贝⻋车⻌辶⻍辶⻎辶⻐钅⻑長⻒镸⻓长⻔门⻖阝⻘青⻙韦⻚页⻛风⻜飞⻝食⻟飠⻠饣⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜⻲亀⻳龟"
)
"""CJK Radicals Supplement and the ideograph of the same shape, in turn: the pairs of Unicode's EquivalentUnifiedIdeograph.txt that share a
glyph in Noto Sans CJK. For all other look-alikes NFKC knows the usual character."""
_USUAL = dict(zip(_RADICALS[::2], _RADICALS[1::2], strict=True))
_SHAPES = ((0x2F00, 0x2FDF), (0xF900, 0xFAFF), (0xFB1D, 0xFDFF), (0xFE80, 0xFEFC), (0x2F800, 0x2FA1F))
"""Kangxi radicals, compatibility ideographs, Hebrew and Arabic presentation forms."""
_FORBIDDEN = frozenset("\0\ufeff\ufffe")
"""What a glyph must not stand for (ISO 19005-3, 6.2.11.7.2); Chromium writes U+0000 for a ligature that has no character."""

_MAPPINGS = re.compile(rb"\d+ beginbf(?:char|range)\n.*endbf(?:char|range)\n", re.DOTALL)
_MAPPING = re.compile(rb"<([0-9A-F]+)> (?:<([0-9A-F]+)> )?<([0-9A-F]+)>\n")
_FONT = re.compile(rb"/(\S+) ([\d.]+) Tf")
_SHOW = re.compile(rb"(?:(-?[\d.]+) 0 Td )?<([0-9A-F]+)> Tj")
_SHOWN = re.compile(rb"(.*)<([0-9A-F]+)> Tj")

Widths = tuple[float, Mapping[int, float]]
"""A font's default width and those of its glyphs, in thousandths of its size."""


def usual(text: str) -> str:
    """The text with every look-alike replaced by the character that people type, and U+FFFD for what is none."""
    return "".join(
        "\ufffd" if character in _FORBIDDEN else normalize("NFKC", character) if _is_shape(character) else _USUAL.get(character, character)
        for character in text
    )


def _is_shape(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _SHAPES)


def name_characters(document: Pdf) -> None:
    """Let every font's map to Unicode name the usual characters."""
    for font in document.objects:
        if isinstance(font, Dictionary) and font.get("/Type") == Name.Font and "/ToUnicode" in font:
            stream = font.ToUnicode
            before = stream.read_bytes()
            after = with_usual_characters(before)
            if after != before:
                stream.write(after)


def with_usual_characters(cmap: bytes) -> bytes:
    """A ToUnicode map, rewritten glyph by glyph where one of its characters has to change.

    So it is where a range's last byte would pass 255, as Chromium's of emoji do and no range may (ISO 32000-1, 9.10.3).
    """
    found, named = _MAPPINGS.search(cmap), characters(cmap)
    better = {glyph: usual(text) for glyph, text in named.items()}
    mappings = _MAPPING.findall(found[0] if found else b"")
    too_far = any(int(value[-2:], 16) + int(last or first, 16) - int(first, 16) > 255 for first, last, value in mappings)
    if found is None or (better == named and not too_far):
        return cmap
    width = max(len(first) for first, _, _ in mappings)
    lines = [b"<%0*X> <%s>\n" % (width, glyph, text.encode("utf-16-be").hex().upper().encode()) for glyph, text in better.items()]
    blocks = (lines[at : at + 100] for at in range(0, len(lines), 100))
    return cmap[: found.start()] + b"".join(b"%d beginbfchar\n%sendbfchar\n" % (len(b), b"".join(b)) for b in blocks) + cmap[found.end() :]


def characters(cmap: bytes) -> dict[int, str]:
    """What each code of a ToUnicode map stands for."""
    found, named = _MAPPINGS.search(cmap), {}
    for first, last, value in _MAPPING.findall(found[0] if found else b""):
        text = bytes.fromhex(value.decode()).decode("utf-16-be", "replace")
        for offset in range(int(last or first, 16) - int(first, 16) + 1):
            named[int(first, 16) + offset] = text[:-1] + chr(ord(text[-1]) + offset)
    return named


def glyph_widths(page: Object) -> dict[bytes, Widths]:
    """The widths of a page's fonts of two-byte codes, by the names that its content gives them."""
    fonts = page.get("/Resources", Dictionary()).get("/Font", Dictionary())
    return {name[1:].encode(): _widths(font.DescendantFonts[0]) for name, font in fonts.items() if font.Subtype == Name.Type0}


def _widths(font: Object) -> Widths:
    """`/DW` and `/W` (ISO 32000-1, 9.7.4.3): `first [w …]` and `first last w`."""
    widths: dict[int, float] = {}
    entries = list(font.get("/W", ()))
    while entries:
        first, second = int(entries.pop(0)), entries.pop(0)
        if isinstance(second, Array):
            widths.update((first + offset, float(width)) for offset, width in enumerate(second))
        else:
            widths.update(dict.fromkeys(range(first, int(second) + 1), float(entries.pop(0))))
    return float(font.get("/DW", 1000)), widths


def with_joined_strings(content: bytes, fonts: Mapping[bytes, Widths]) -> bytes:
    """A content stream whose glyphs are one string wherever each stands at the end of the one before, within a hundredth of a unit.

    A move (`Td`) counts from where the last one led, so what a joined string leaves out is added to the next one, in whatever font, until
    the text matrix (`Tm`) is set anew.
    """
    out: list[bytes] = []
    widths: Widths | None = None
    # Of the string that was written last, from where it began: where its last glyphs begin and where they end.
    size = position = end = 0.0
    for line in content.split(b"\n"):
        shown = _SHOW.fullmatch(line)
        if shown is None:
            font = _FONT.fullmatch(line)
            if font is not None:
                widths, size = fonts.get(font[1]), float(font[2])
            elif line.endswith(b" Tm"):
                position = 0.0
            out.append(line)
            continue
        if widths is None and position == 0.0:
            out.append(line)
            continue
        length = 0.0 if widths is None else size / 1000 * _advance(shown[2], widths)
        position += float(shown[1] or 0)
        if widths is not None and shown[1] is not None and abs(position - end) < 0.01 and out[-1].endswith(b"> Tj"):
            out[-1] = out[-1][:-4] + shown[2] + b"> Tj"
            end += length
        else:
            moved = b"" if shown[1] is None else b"%s 0 Td " % (b"%.5f" % position).rstrip(b"0").rstrip(b".")
            out.append(moved + b"<" + shown[2] + b"> Tj")
            position, end = 0.0, length
    return b"\n".join(out)


def without_boxes(content: bytes, fonts: Mapping[bytes, Widths]) -> bytes:
    """A content stream that leaves the room of glyph 0 empty, which a font draws for what it has not (ISO 19005-3, 6.2.11.8).

    Chromium shows it where it takes one font for a letter and another would have had the marks on it as well. What it stood for is still
    read: it is the `ActualText` around it.
    """
    if b"0000" not in content:
        return content
    out: list[bytes] = []
    widths: Widths | None = None
    for line in content.split(b"\n"):
        font, shown = _FONT.fullmatch(line), _SHOWN.fullmatch(line)
        widths = fonts.get(font[1]) if font else widths
        if shown is None or widths is None or 0 not in _codes(shown[2]):
            out.append(line)
            continue
        room = b"%g" % -_advance(b"0000", widths)
        parts = (b"<%04X>" % code if code else room for code in _codes(shown[2]))
        out.append(shown[1] + b"[" + b" ".join(parts).replace(b"> <", b"") + b"] TJ")
    return b"\n".join(out)


def _advance(codes: bytes, widths: Widths) -> float:
    default, known = widths
    return sum(known.get(code, default) for code in _codes(codes))


def _codes(codes: bytes) -> Iterable[int]:
    return (int(codes[at : at + 4], 16) for at in range(0, len(codes), 4))
