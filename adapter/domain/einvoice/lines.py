"""The lines of a document as EN 16931 wants them: net prices, one VAT category each, never a negative price."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapter.domain.document import Document, DocumentLine, TaxCategory
from adapter.domain.einvoice.profile import NotRepresentable
from adapter.domain.money import Minor, divide_half_up, from_minor, quotient, to_minor
from adapter.domain.order import LineKind
from adapter.domain.text import one_line, printable

_TOLERANCE = Decimal("0.02")
"""How far quantity x price may be from the line's net (PEPPOL-EN16931-R120)."""


@dataclass(frozen=True)
class Vat:
    """A category (BT-151) and its rate in per cent (BT-152), None where the category has none."""

    category: TaxCategory
    percent: Decimal | None


@dataclass(frozen=True)
class Line:
    """BG-25. `net` (BT-131) and `allowance` (BT-136) in minor units; `price` (BT-146) in major units for `price_quantity` (BT-149)."""

    id: str
    name: str
    description: str | None
    sku: str | None
    quantity: Decimal
    unit: str
    price: Decimal
    price_quantity: Decimal | None
    allowance: Minor
    allowance_reason: str | None
    net: Minor
    vat: Vat


def split_rounding(document: Document) -> tuple[tuple[DocumentLine, ...], Minor]:
    """The lines that are invoiced, and what is rounded outside of tax (BT-114), in minor units."""
    rounding = tuple(line for line in document.lines if line.kind is LineKind.ROUNDING and not line.taxes)
    if len(rounding) == len(document.lines):
        return document.lines, 0
    return tuple(line for line in document.lines if line not in rounding), sum(line.net for line in rounding)


def einvoice_lines(document: Document, lines: Sequence[DocumentLine]) -> tuple[Line, ...]:
    """BG-25 for each line. Raises `NotRepresentable` for taxes that the norm has no place for."""
    untaxed = _untaxed(lines)
    return tuple(_line(document, line, _vat(line, untaxed)) for line in lines)


def _line(document: Document, line: DocumentLine, vat: Vat) -> Line:
    allowance = _net_discount(document, line)
    if line.net + allowance < 0:
        # An allowance on what is given back would be a charge; the price is the net one then.
        allowance = 0
    amount = line.net + allowance
    quantity = abs(line.quantity) or Decimal(1)
    price, price_quantity = _price(document, line, abs(amount), quantity)
    return Line(
        id=str(line.position),
        name=one_line(line.name) or one_line(line.sku or "") or line.kind.value,
        description=printable(line.description or "").strip() or None,
        sku=one_line(line.sku or "") or None,
        quantity=-quantity if amount < 0 else quantity,
        unit=line.unit,
        price=price,
        price_quantity=price_quantity,
        allowance=allowance,
        allowance_reason=one_line(line.discount_name or "") or None,
        net=line.net,
        vat=vat,
    )


def _price(document: Document, line: DocumentLine, amount: Minor, quantity: Decimal) -> tuple[Decimal, Decimal | None]:
    """The price of one, or where six places are not enough for that, the price of all and their number."""
    whole = from_minor(amount, document.currency)
    prices = [quotient(whole, quantity, document.currency)]
    if not document.prices_include_tax and line.unit_price >= 0 and line.unit_price == round(line.unit_price, 6):
        prices.insert(0, line.unit_price)
    fitting = (price for price in prices if abs(quantity * price - whole) <= _TOLERANCE)
    price = next(fitting, None)
    return (whole, quantity) if price is None else (price, None)


def _net_discount(document: Document, line: DocumentLine) -> Minor:
    """The line's discount without tax; nothing where the document states none or a negative one."""
    if line.discount <= 0:
        return 0
    if not document.prices_include_tax:
        return line.discount
    if line.gross:
        return abs(divide_half_up(line.discount * line.net, line.gross))
    rates = sum((tax.rate or Decimal(0) for tax in line.taxes), Decimal(1))
    return to_minor(from_minor(line.discount, document.currency) / rates, document.currency)


def _vat(line: DocumentLine, untaxed: TaxCategory) -> Vat:
    if len(line.taxes) > 1:
        names = ", ".join(tax.name for tax in line.taxes)
        raise NotRepresentable(f"line {line.position} bears several taxes ({names}): EN 16931 knows one VAT category per line")
    if not line.taxes:
        return _vat_without_tax(untaxed)
    tax = line.taxes[0]
    if not tax.category.taxed:
        if tax.amount:
            raise NotRepresentable(f"line {line.position} is of category {tax.category} but bears tax")
        return _vat_without_tax(tax.category)
    if tax.rate is None or tax.rate <= 0:
        raise NotRepresentable(f"line {line.position} bears {tax.name} without a rate: EN 16931 wants the rate of every taxed line")
    return Vat(tax.category, (tax.rate * 100).normalize())


def _vat_without_tax(category: TaxCategory) -> Vat:
    return Vat(category, None if category is TaxCategory.OUT_OF_SCOPE else Decimal(0))


def _untaxed(lines: Sequence[DocumentLine]) -> TaxCategory:
    """The category of lines that state no tax: the document's only one where that is without tax, else zero rated."""
    categories = {tax.category for line in lines for tax in line.taxes}
    if len(categories) == 1 and not any(category.taxed for category in categories):
        return categories.pop()
    return TaxCategory.ZERO
