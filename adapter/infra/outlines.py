"""Type 3 fonts of outlines as CFF fonts.

Chromium draws typefaces with PostScript outlines, such as Noto Sans CJK, as Type 3 fonts: every glyph a stream of its own, never more than
256 in a font. A page in Japanese has eighty of them, which take most of its bytes, which readers draw coarsely, and in which no two
characters of a word share a font. Here each typeface becomes one font again, with the same outlines, widths and characters.
Format: ISO 32000-1, 9.6.5 and 9.7.4.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream

from adapter.infra.cff import WIDTH, Segment, cff_font, charstring
from adapter.infra.glyphs import characters

_FONT = re.compile(rb"/(\S+) ([\d.]+) Tf")
_SHOWN = re.compile(rb"(.*)<([0-9A-F]+)> Tj", re.DOTALL)
_UNUSED = Name("/g0")
"""What Chromium calls the glyph at codes that it does not use."""

Point = tuple[int, int]


class _Foreign(Exception):
    """Something is written in a way that this module does not know."""


@dataclass
class _Face:
    """One typeface: its Type 3 fonts become one. Glyphs are numbered as they come; 0 is what is drawn for no character."""

    name: str
    resource: str
    """What pages call the new font: the name of the first of the old ones."""
    glyphs: list[tuple[int, bytes]] = field(default_factory=lambda: [(WIDTH, charstring(WIDTH, []))])
    """Width in thousandths, and charstring."""
    said: dict[int, str] = field(default_factory=dict)
    box: list[int] = field(default_factory=lambda: [0, 0, 0, 0])


def join_outlines(document: Pdf) -> None:
    """Replace the Type 3 fonts whose glyphs are nothing but filled outlines. Where one cannot be understood, all stay as they are."""
    places = list(_places(document))
    fonts = {font.objgen: (name, font) for place in places for name, font in _fonts(place).items() if font.Subtype == Name.Type3}
    faces: dict[str, _Face] = {}
    codes: dict[tuple[int, int], dict[int, int]] = {}
    try:
        for key, (name, font) in sorted(fonts.items(), key=lambda each: each[0]):
            if _is_outlined(font):
                face = faces.setdefault(_face_name(font), _Face(_face_name(font), name[1:]))
                codes[key] = _taken(face, font)
        contents = [
            (stream, with_new_codes(stream.read_bytes(), _renamed(place, faces, codes))) for place in places for stream in _contents(place)
        ]
        made = {name: _font(document, face) for name, face in faces.items()}
    except (_Foreign, ValueError, KeyError, IndexError, AttributeError, ArithmeticError):
        return
    for stream, content in contents:
        stream.write(content)
    for place in places:
        for name, font in list(_fonts(place).items()):
            if font.objgen in codes:
                del place.Resources.Font[name]
                place.Resources.Font[f"/{faces[_face_name(font)].resource}"] = made[_face_name(font)]


def with_new_codes(content: bytes, fonts: Mapping[bytes, tuple[str, Mapping[int, int]]]) -> bytes:
    """A content stream, one operation per line as Skia writes it, in which the text of `fonts` (resource name to new name and codes) is in
    codes of two bytes. A font that is chosen already is not chosen again. Raises `_Foreign` where text is shown in another way."""
    out: list[bytes] = []
    codes: Mapping[int, int] | None = None
    chosen = b""
    for operation in content.split(b"\n"):
        line, font = operation, _FONT.fullmatch(operation)
        if line == b"BT":
            chosen, codes = b"", None
        if font is not None:
            name, codes = fonts.get(font[1], (font[1].decode(), None))
            choice = b"/%s %s Tf" % (name.encode(), font[2])
            if choice != chosen:
                out.append(choice)
            chosen = choice
            continue
        if codes is not None and line.endswith((b"Tj", b"TJ", b"'", b'"')):
            shown = _SHOWN.fullmatch(line)
            if shown is None:
                raise _Foreign(line)
            line = shown[1] + b"<" + b"".join(b"%04X" % codes[code] for code in bytes.fromhex(shown[2].decode())) + b"> Tj"
        out.append(line)
    return b"\n".join(out)


def _places(document: Pdf) -> Iterator[Object]:
    """The pages, and the forms that are drawn on them."""
    waiting: list[Object] = [page.obj for page in document.pages]
    seen: set[tuple[int, int]] = set()
    while waiting:
        place = waiting.pop()
        if place.objgen in seen:
            continue
        seen.add(place.objgen)
        yield place
        drawn = place.get("/Resources", Dictionary()).get("/XObject", Dictionary())
        waiting.extend(item for item in drawn.values() if item.get("/Subtype") == Name.Form)


def _fonts(place: Object) -> Mapping[str, Object]:
    """The fonts of a page or form by their names."""
    return dict(place.get("/Resources", Dictionary()).get("/Font", Dictionary()).items())


def _contents(place: Object) -> list[Object]:
    if isinstance(place, Stream):
        return [place]
    contents = place.get("/Contents")
    return list(contents) if isinstance(contents, Array) else [] if contents is None else [contents]


def _renamed(
    place: Object, faces: Mapping[str, _Face], codes: Mapping[tuple[int, int], Mapping[int, int]]
) -> dict[bytes, tuple[str, Mapping[int, int]]]:
    return {
        name[1:].encode(): (faces[_face_name(font)].resource, codes[font.objgen])
        for name, font in _fonts(place).items()
        if font.objgen in codes
    }


def _is_outlined(font: Object) -> bool:
    return all(b" d1\n" in glyph.read_bytes()[:80] for glyph in font.CharProcs.values())


def _face_name(font: Object) -> str:
    return str(font.FontDescriptor.FontName)[1:]


def _taken(face: _Face, font: Object) -> dict[int, int]:
    """Take the glyphs of a Type 3 font into its typeface; its codes to the new ones."""
    scale = [float(value) * 1000 for value in font.FontMatrix]
    said = characters(font.ToUnicode.read_bytes())
    new: dict[int, int] = {}
    code = 0
    for entry in font.Encoding.Differences:
        if not isinstance(entry, Name):
            code = int(entry)
            continue
        if entry != _UNUSED:
            new[code] = len(face.glyphs)
            face.said[len(face.glyphs)] = said[code]
            face.glyphs.append(_glyph(face, font.CharProcs[str(entry)].read_bytes(), scale[0], scale[3]))
        code += 1
    return new


def _glyph(face: _Face, program: bytes, across: float, up: float) -> tuple[int, bytes]:
    """A glyph's program (`w 0 x y x y d1`, a path, `f`) as width and charstring."""
    head, *lines = program.decode().strip().split("\n")
    width, _, *corners = (float(value) for value in head.removesuffix(" d1").split())
    _widen(face.box, _points(corners, across, up))
    start: Point = (0, 0)
    at: Point = (0, 0)
    drawn: list[Segment] = []
    for line in lines:
        *values, operator = line.split()
        points = _points([float(value) for value in values], across, up)
        if operator == "m" and len(points) == 1:
            start = points[0]
            drawn.append(("rmoveto", _between(at, points)))
        elif operator == "l" and len(points) == 1:
            drawn.append(("rlineto", _between(at, points)))
        elif (operator, len(points)) in {("c", 3), ("v", 2), ("y", 2)}:  # a control point may be the one before, or the last
            points = [at, *points] if operator == "v" else [*points, points[-1]] if operator == "y" else points
            drawn.append(("rrcurveto", _between(at, points)))
        elif operator == "h":
            points = [start]  # a path is closed by itself, but where it goes on counts from the last point
            if at != start:
                drawn.append(("rlineto", _between(at, points)))
        elif operator == "f" and not points:
            continue
        else:
            raise _Foreign(line)
        at = points[-1]
    advance = round(width * across)
    return advance, charstring(advance, drawn)


def _points(values: Sequence[float], across: float, up: float) -> list[Point]:
    """Points in thousandths of the font's size."""
    return [(round(x * across), round(y * up)) for x, y in zip(values[::2], values[1::2], strict=True)]


def _widen(box: list[int], corners: Sequence[Point]) -> None:
    across, up = ([corner[axis] for corner in corners] for axis in (0, 1))
    box[:] = [min(box[0], *across), min(box[1], *up), max(box[2], *across), max(box[3], *up)]


def _between(at: Point, points: Iterable[Point]) -> tuple[int, ...]:
    """The steps from a point over others, as Type 2 counts them: each from the one before."""
    steps: list[int] = []
    for x, y in points:
        steps += (x - at[0], y - at[1])
        at = (x, y)
    return tuple(steps)


def _font(document: Pdf, face: _Face) -> Object:
    """The typeface as a font of a PDF, its codes the ids of its characters."""
    program = Stream(document, cff_font(face.name, face.box, [made for _, made in face.glyphs]), Subtype=Name.CIDFontType0C)
    left, bottom, right, top = face.box
    descriptor = Dictionary(
        Type=Name.FontDescriptor, FontName=Name(f"/{face.name}"), Flags=4, FontBBox=Array([left, bottom, right, top]), ItalicAngle=0,
        Ascent=top, Descent=bottom, CapHeight=top, StemV=80, FontFile3=document.make_indirect(program),
    )  # fmt: skip
    described = Dictionary(
        Type=Name.Font, Subtype=Name.CIDFontType0, BaseFont=Name(f"/{face.name}"), DW=WIDTH, W=_widths(face),
        CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0), FontDescriptor=document.make_indirect(descriptor),
    )  # fmt: skip
    return document.make_indirect(
        Dictionary(
            Type=Name.Font, Subtype=Name.Type0, BaseFont=Name(f"/{face.name}-Identity-H"), Encoding=Name("/Identity-H"),
            DescendantFonts=Array([document.make_indirect(described)]), ToUnicode=document.make_indirect(Stream(document, _meanings(face))),
        )
    )  # fmt: skip


def _widths(face: _Face) -> Array:
    """`/W`: the widths that are not the usual one, in runs."""
    entries: list[object] = []
    last = -2
    for glyph, (width, _) in enumerate(face.glyphs):
        if width == WIDTH:
            continue
        if glyph != last + 1:
            entries += [glyph, Array()]
        entries[-1].append(width)  # type: ignore[attr-defined]
        last = glyph
    return Array(entries)


def _meanings(face: _Face) -> bytes:
    """The map of codes to Unicode."""
    lines = [b"<%04X> <%s>\n" % (code, text.encode("utf-16-be").hex().upper().encode()) for code, text in face.said.items()]
    blocks = (lines[first : first + 100] for first in range(0, len(lines), 100))
    return (
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        b"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        + b"".join(b"%d beginbfchar\n%sendbfchar\n" % (len(block), b"".join(block)) for block in blocks)
        + b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    )
