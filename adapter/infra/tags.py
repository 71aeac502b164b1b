"""The structure tree of a PDF: its elements and what is in them (ISO 32000-1, 14.7)."""

from collections.abc import Iterator
from typing import TypeGuard

from pikepdf import Array, Dictionary, Object

MEANING = ("/Alt", "/ActualText", "/Lang", "/E", "/T")

Place = tuple[tuple[int, int], int]
"""A page, and the number of marked content on it."""


def is_element(kid: object) -> TypeGuard[Object]:
    """Whether something in an element is an element itself, rather than content or a reference."""
    return isinstance(kid, Dictionary) and "/S" in kid


def is_wrapper(kid: object) -> TypeGuard[Object]:
    """Whether something is an element that says nothing of what is in it."""
    return is_element(kid) and str(kid.S) == "/NonStruct" and not any(key in kid for key in MEANING)


def children(element: Object) -> list[Object]:
    """What is in an element: elements, numbers of marked content, references."""
    kids = element.get("/K")
    if kids is None:
        return []
    return list(kids) if isinstance(kids, Array) else [kids]


def place(kid: object, element: Object) -> Place | None:
    """Where an element's kid is drawn; None for what is no marked content."""
    number, page = (kid.get("/MCID"), kid.get("/Pg")) if isinstance(kid, Dictionary) else (kid, None)
    if not isinstance(number, int):
        return None
    page = page or element.get("/Pg")
    return None if page is None else (page.objgen, number)


def is_within(element: Object | None, kind: str) -> bool:
    """Whether an element is of this kind, or in one that is."""
    while element is not None and str(element.get("/S")) != kind:
        element = element.get("/P")
    return element is not None


def numbered(node: Object) -> Iterator[tuple[int, Object]]:
    """The entries of a number tree."""
    for kid in node.get("/Kids", ()):
        yield from numbered(kid)
    entries = list(node.get("/Nums", ()))
    yield from zip(map(int, entries[::2]), entries[1::2], strict=True)
