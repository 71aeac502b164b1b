"""SVG drawings made safe: what cannot run, load, move or grow is kept, everything else is refused with its name.

A drawing is not repaired: what is dropped could be what it is about. It is shown as an image besides, where browsers run no script and
load nothing.
"""

import re

from lxml import etree

from adapter.errors import Misconfigured

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_ELEMENTS = 5_000
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SHAPES = frozenset({"svg", "g", "defs", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "style"})
_PAINT = frozenset({"linearGradient", "radialGradient", "stop", "clipPath"})
_SILENT = frozenset({"title", "desc", "metadata"})
"""What is not drawn: left out."""
_ATTRIBUTES = frozenset({
    "class", "clip-path", "clip-rule", "clipPathUnits", "color", "cx", "cy", "d", "display", "fill", "fill-opacity", "fill-rule",
    "fx", "fy", "gradientTransform", "gradientUnits", "height", "id", "offset", "opacity", "overflow", "points",
    "preserveAspectRatio", "r", "rx", "ry", "shape-rendering", "spreadMethod", "stop-color", "stop-opacity", "stroke",
    "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity",
    "stroke-width", "style", "transform", "vector-effect", "version", "viewBox", "visibility", "width", "x", "x1", "x2", "y", "y1",
    "y2",
})  # fmt: skip
_LOCAL = re.compile(r"url\(\s*[\"']?#[\w.:-]+[\"']?\s*\)")
_LENGTH = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(?:px)?\s*")
_EVIL_STYLE = re.compile(
    r"url|@|\\|<|(?:expression|src|image[\w-]*)\s*\(|(?:animation|transition|filter|mask|behavior|binding)[\w-]*\s*:", re.IGNORECASE
)
_NO_NUMBER = re.compile(r"#[\w.:-]+")
_HUGE = re.compile(r"(?<![\d.])\d{9}|\d[eE]\+?0*(?:[6-9]|\d\d)")
"""A number of nine digits or more before the point: integers of PDF/A end at 2,147,483,647 (ISO 19005-3, 6.1.13)."""


def safe_svg(content: bytes) -> bytes:
    """The drawing, written anew: without comments, metadata and editors' own markup, with a `viewBox` and with a size of its own.

    Kept are shapes, groups, gradients and clipping. Raises `Misconfigured` for scripts, events, text (fonts differ from machine to
    machine), embedded pictures and pages, references of any kind to something outside, filters, masks, animation, repeated parts
    (`use`, which can grow without bound), entities, numbers of nine digits, more than 256 KB or 5,000 elements, and for what is no SVG.
    """
    if len(content) > MAXIMUM_BYTES:
        raise _refused(f"has {len(content)} bytes; at most {MAXIMUM_BYTES} are taken: simplify it, or save it as a PNG")
    root = _parsed(content)
    elements = list(root.iter())
    if len(elements) > MAXIMUM_ELEMENTS:
        raise _refused(f"has {len(elements)} elements; at most {MAXIMUM_ELEMENTS} are taken: simplify it, or save it as a PNG")
    for element in elements:
        _made_safe(element)
    _sized(root)
    etree.cleanup_namespaces(root, keep_ns_prefixes=[])
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=False))


def _parsed(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _refused(f"cannot be read: {error}") from None
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise _refused("declares entities; export it as plain SVG")
    if root.tag != f"{{{_SVG}}}svg":
        raise _refused(f"begins with {root.tag}, which is not the element svg of {_SVG}")
    return etree.fromstring(etree.tostring(root), parser)  # without the document type


def _made_safe(element: etree._Element) -> None:
    if not isinstance(element.tag, str):
        raise _refused("refers to an entity; export it as plain SVG")
    name = etree.QName(element)
    if name.namespace != _SVG or name.localname in _SILENT:
        _left_out(element)
        return
    if name.localname not in _SHAPES | _PAINT:
        raise _refused(f"line {element.sourceline}: holds <{name.localname}>; only shapes, groups, gradients and clipping are taken")
    for attribute, value in list(element.attrib.items()):
        _check_attribute(element, str(attribute), str(value))
    if name.localname == "style" and (len(element) or _evil(element.text or "")):
        raise _refused(f"line {element.sourceline}: its style sheet loads, moves or filters something")


def _check_attribute(element: etree._Element, name: str, value: str) -> None:
    kind = etree.QName(element).localname
    if name == _XLINK and kind in {"linearGradient", "radialGradient"} and re.fullmatch(r"#[\w.:-]+", value):
        return
    if name in {_XLINK, "href"} or name.lower().startswith("on"):
        raise _refused(f"line {element.sourceline}: <{kind}> has {name.rpartition('}')[2]}, which could load or run something")
    if name not in _ATTRIBUTES:
        del element.attrib[name]
    elif name not in {"id", "class"} and _HUGE.search(_NO_NUMBER.sub("", value)):
        raise _refused(f"line {element.sourceline}: {name} of <{kind}> has a number that is too large to be printed")
    elif _evil(value):
        raise _refused(f"line {element.sourceline}: {name} of <{kind}> refers to something outside or has an effect that is not drawn")


def _evil(style: str) -> bool:
    return _EVIL_STYLE.search(_LOCAL.sub("", style)) is not None


def _left_out(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _sized(root: etree._Element) -> None:
    """Give the drawing a `viewBox` and that box's size, so that it is drawn whole and in proportion."""
    box = root.get("viewBox")
    if box is None:
        sides = [_LENGTH.fullmatch(root.get(side, "")) for side in ("width", "height")]
        if not all(sides):
            raise _refused("has neither a viewBox nor a width and a height in pixels")
        box = "0 0 " + " ".join(side[1] for side in sides if side)
    numbers = re.findall(r"-?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?", box)
    if len(numbers) != 4 or float(numbers[2]) <= 0 or float(numbers[3]) <= 0:
        raise _refused(f"has the viewBox {box!r:.60}, which is not x, y, width and height")
    root.set("viewBox", " ".join(numbers))
    root.set("width", numbers[2])
    root.set("height", numbers[3])


def _refused(problem: str) -> Misconfigured:
    return Misconfigured("logo", f"the SVG {problem}")
