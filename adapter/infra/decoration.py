"""What Chromium tags although it is no content: lines and grounds of tables and boxes, and the headings of a table on its further pages.

PDF/UA-1 wants neither in the structure tree (7.1): a reader would say a column's heading as often as there are pages.
"""

import re
from collections import Counter
from collections.abc import Iterable

from pikepdf import Array, Dictionary, Object, Pdf

from adapter.infra.tags import Place, children, is_element, is_within, is_wrapper, numbered, place

_START = re.compile(rb"/\w+ <</MCID (\d+) >>BDC\n")
_DRAWING = re.compile(_START.pattern + rb"(?:(?!BT\n|EMC\n)[^\n]*(?<! Do)(?<!BDC)(?<!BMC)\n)*EMC\n")
"""Marked content that sets no text and paints no picture: lines, grounds, or nothing at all."""
_SHOWN = re.compile(rb"<([0-9A-F]+)> Tj")

Number = tuple[int, int]
"""What an object of a PDF is known by."""


def release_decoration(document: Pdf) -> None:
    """Take lines, grounds and repeated headings out of the structure tree, and mark them as artifacts. Nothing moves on any page."""
    tree = document.Root.get("/StructTreeRoot")
    owners = dict(numbered(tree.ParentTree)) if tree is not None and "/ParentTree" in tree else {}
    headings = _headings(entry for entry in owners.values() if isinstance(entry, Array))
    first: dict[Number, tuple[Number, list[bytes]]] = {}
    losing: dict[Number, tuple[Object, set[Place]]] = {}
    for page in document.pages:
        stream, elements = page.get("/Contents"), owners.get(int(page.get("/StructParents", -1)))
        if elements is None or stream is None or isinstance(stream, Array):
            continue
        content, number = stream.read_bytes(), page.obj.objgen
        gone = {*_drawings(content, elements), *_repeated(content, elements, headings, first, number)}
        stream.write(_with_artifacts(content, gone))
        for each in gone:
            losing.setdefault(elements[each].objgen, (elements[each], set()))[1].add((number, each))
            elements[each] = None
    for element, places in losing.values():
        _set_children(element, [kid for kid in children(element) if place(kid, element) not in places])


def _with_artifacts(content: bytes, numbers: set[int]) -> bytes:
    return _START.sub(lambda found: b"/Artifact BMC\n" if int(found[1]) in numbers else found[0], content)


def _drawings(content: bytes, elements: Object) -> Iterable[int]:
    """The numbers of a page's marked content that is no word and not in a figure."""
    for found in _DRAWING.finditer(content):
        number = int(found[1])
        element = elements[number] if number < len(elements) else None
        if isinstance(element, Dictionary) and not is_within(element, "/Figure"):
            yield number


def _headings(pages: Iterable[Object]) -> set[Number]:
    """The elements in headings of tables that have content on several pages."""
    found: dict[Number, Object] = {}
    count: Counter[Number] = Counter()
    for page in pages:
        elements = {element.objgen: element for element in page if isinstance(element, Dictionary)}
        found.update(elements)
        count.update(elements.keys())
    return {number for number, often in count.items() if often > 1 and is_within(found[number], "/TH")}


def _repeated(
    content: bytes, elements: Object, headings: set[Number], first: dict[Number, tuple[Number, list[bytes]]], page: Number
) -> Iterable[int]:
    """The numbers of a page's headings that say what they said on the page before; `first` keeps what they said where they came first."""
    for number, element in enumerate(elements):
        if isinstance(element, Dictionary) and element.objgen in headings:
            shown = _SHOWN.findall(content.partition(b"<</MCID %d >>BDC\n" % number)[2].partition(b"\nEMC\n")[0])
            before, said = first.setdefault(element.objgen, (page, shown))
            if before != page and said == shown:
                yield number


def _set_children(element: Object, kids: list[Object]) -> None:
    """Give an element these kids; a wrapper without any leaves its parent."""
    if kids or not is_wrapper(element):
        element["/K"] = Array(kids)
    elif (parent := element.get("/P")) is not None:
        _set_children(parent, [kid for kid in children(parent) if not (is_element(kid) and kid.objgen == element.objgen)])
