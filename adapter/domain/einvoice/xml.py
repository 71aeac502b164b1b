"""Writing XML, element by element, with the prefixes of the standards' own examples."""

from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from adapter.domain.money import plain


def add(parent: Element, tag: str, text: str | None = None, **attributes: str | None) -> Element:
    """A new last child of `parent`; attributes that are None are left out."""
    element = SubElement(parent, tag, {name: value for name, value in attributes.items() if value is not None})
    element.text = text
    return element


def maybe(parent: Element, tag: str, text: str | None, **attributes: str | None) -> None:
    """A new last child of `parent` where there is something to say: the standards forbid empty elements."""
    if text:
        add(parent, tag, text, **attributes)


def document_bytes(root: Element) -> bytes:
    """UTF-8 with a declaration and without a byte order mark, indented."""
    indent(root)
    result: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return result


def number(value: Decimal) -> str:
    """A quantity without superfluous zeros and without an exponent."""
    return plain(value.normalize())


def decimal(value: Decimal) -> str:
    """A price or a rate with at least two places, and without an exponent."""
    short = round(value, 2)
    return plain(short if short == value else value.normalize())


def compact(day: date) -> str:
    """A day as `20261120` (UNTDID 2379, format 102)."""
    return f"{day:%Y%m%d}"
