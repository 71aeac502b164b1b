"""Adopting an order: the storefront's charge and its tax, placed as the lines, tax groups and totals of a document.

The storefront's figures are the truth about what the customer paid; nothing is computed again. The official e-invoice validators accept
a tax that is less than one unit away from base x rate (EN 16931, BR-CO-17), so a document can agree with the charge to the cent.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

from adapter.domain.document import DocumentLine, DocumentTotals, LineTax, TaxCategory, TaxGroup
from adapter.domain.frozen import Frozen
from adapter.domain.money import Minor, exact_sum, from_minor, place, quotient, text, to_minor
from adapter.domain.order import Line, LineKind, Order, TaxGivenBy
from adapter.domain.phrases import Phrase, Translate, discount_name, in_english, line_name, say, tax_name
from adapter.domain.tax.stated import TaxKey, tax_per_line
from adapter.errors import Held, Ignored

TOTAL_MISMATCH = "total_mismatch"
"""The code of a difference that is no matter of rounding."""


class Severity(StrEnum):
    """How much a finding matters: an error is likely wrong in law, a warning may be, an info is recorded. Which of them hold a document is
    the entity's to say (`TaxSettings.holding`)."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(Frozen):
    """Something that was noticed while a document was made. `code` is stable; `message` names the figures, never a person."""

    severity: Severity
    code: str
    message: str


class Adopted(Frozen):
    """The body of an invoice. `totals.gross` is exactly the order's `totals.total` in minor units."""

    lines: tuple[DocumentLine, ...]
    taxes: tuple[TaxGroup, ...]
    totals: DocumentTotals
    findings: tuple[Finding, ...] = ()


def adopt(order: Order, translate: Translate = in_english) -> Adopted:
    """The order's lines, tax and totals in minor units; what nobody named is named by `translate`.

    The tax of each name and rate is the order's own summary figure, else what its lines state; the total is always what was charged.
    A difference of at most one minor unit per line between the lines and the total becomes a line of kind `rounding`. Raises `Held`,
    with the figures, where the difference is larger and where the stated taxes contradict each other, and as `refuse_marketplace` does.
    """
    refuse_marketplace(order)
    findings: list[Finding] = []
    lines = order.lines or (only_line(order, translate),)
    if order.tax_given_by is TaxGivenBy.NOBODY:
        taxes: list[dict[TaxKey, Minor]] = [{} for _ in lines]
        findings.append(_finding(Severity.WARNING, "no_tax_data", "the shop states no tax data: the document charges no tax"))
    else:
        taxes, remarks = tax_per_line(order, lines)
        findings.extend(_finding(Severity(severity), code, message) for severity, code, message in remarks)
    amounts, difference = _amounts(order, lines, sum(sum(borne.values()) for borne in taxes))
    categories = _categories(taxes)
    names = _tax_names(categories, translate)
    positions = {line.id: position for position, line in reversed(list(enumerate(lines, start=1)))}
    placed = [
        _line(
            order,
            line,
            position=position,
            parent=positions.get(line.parent or ""),
            amount=amount,
            taxes=tuple(LineTax(category=categories[key], name=names[key], rate=key.rate, amount=tax) for key, tax in borne.items()),
            translate=translate,
        )
        for position, (line, amount, borne) in enumerate(zip(lines, amounts, taxes, strict=True), start=1)
    ]
    if difference:
        placed.append(_rounding_line(order, len(placed) + 1, difference, translate))
        findings.append(
            _finding(
                Severity.INFO, "rounding_difference", f"the lines miss the total by {text(difference, order.currency)} {order.currency}"
            )
        )
    untaxed = [str(line.position) for line in placed if line.gross and not line.tax and line.kind is not LineKind.ROUNDING]
    if untaxed and order.tax_given_by is not TaxGivenBy.NOBODY:
        findings.append(_finding(Severity.INFO, "category_unclassified", f"no tax is charged on line {', '.join(untaxed[:20])}"))
    document_lines = tuple(placed)
    return Adopted(
        lines=document_lines,
        taxes=tax_groups(document_lines),
        totals=totals(document_lines, prices_include_tax=order.prices_include_tax),
        findings=tuple(findings),
    )


def classify(rate: Decimal | None, tax: Minor) -> TaxCategory:
    """The legal category of a stated tax. The one place where it is decided: taxed is standard, everything else counts as zero rated."""
    return TaxCategory.STANDARD if tax or (rate is not None and rate > 0) else TaxCategory.ZERO


def tax_groups(lines: Sequence[DocumentLine]) -> tuple[TaxGroup, ...]:
    """The breakdown of document lines: per category, name and rate the tax, and as base the net of the lines that bear it."""
    groups: dict[tuple[TaxCategory, str, Decimal | None], tuple[Minor, Minor]] = {}
    for line in lines:
        for tax in line.taxes:
            key = (tax.category, tax.name, tax.rate)
            base, amount = groups.get(key, (0, 0))
            groups[key] = (base + line.net, amount + tax.amount)
    return tuple(
        TaxGroup(category=category, name=name, rate=rate, base=base, tax=amount)
        for (category, name, rate), (base, amount) in groups.items()
    )


def totals(lines: Sequence[DocumentLine], *, prices_include_tax: bool) -> DocumentTotals:
    """The sums of document lines; the discount (positive) and the shipping in the tax convention of the document's prices."""

    def stated(kind: LineKind) -> Minor:
        return sum(line.gross if prices_include_tax else line.net for line in lines if line.kind is kind)

    return DocumentTotals(
        net=sum(line.net for line in lines),
        tax=sum(line.tax for line in lines),
        gross=sum(line.gross for line in lines),
        discount=sum(line.discount for line in lines) - stated(LineKind.DISCOUNT),
        shipping=stated(LineKind.SHIPPING),
    )


def _finding(severity: Severity, code: str, message: str) -> Finding:
    return Finding(severity=severity, code=code, message=message)


def marketplace_sale(order: Order) -> bool:
    """Whether a marketplace collected all of the tax: then it is who supplies the buyer, and invoices (VAT Directive Art. 14a)."""
    whole = (flags and all(flags) for flags in _collected(order))
    return order.tax_given_by is TaxGivenBy.MARKETPLACE or any(whole)


def refuse_marketplace(order: Order) -> None:
    """Raise `Ignored` for a marketplace's sale, `Held` where it collected the tax of a part: what the seller has to invoice of that is for
    a person to say."""
    if marketplace_sale(order):
        raise Ignored(
            "marketplace_tax: a marketplace collected the tax: it invoices the buyer, no VAT invoice is made in this seller's name"
        )
    if any(any(flags) for flags in _collected(order)):
        raise Held("marketplace_tax: a marketplace collected a part of the tax: what is left is for this seller to invoice by hand")


def _collected(order: Order) -> tuple[list[bool], list[bool]]:
    """For each tax of the order's summary, and of its lines, whether a marketplace collected it."""
    of_lines = (tax for line in order.lines for tax in line.taxes)
    return [tax.marketplace_collected for tax in order.taxes if tax.amount], [tax.marketplace_collected for tax in of_lines if tax.amount]


def only_line(order: Order, translate: Translate) -> Line:
    """What a platform that states no lines has sold: the order as one line."""
    amount = order.totals.total
    if not order.prices_include_tax and order.tax_given_by is not TaxGivenBy.NOBODY:
        amount = exact_sum((amount, -order.totals.tax))
    name = say(Phrase.ORDER, translate, number=order.number.lstrip("#"))
    return Line(id=order.id, kind=LineKind.GOODS, name=name, amount=amount, taxes=order.taxes)


def with_difference(order: Order) -> Order:
    """The order with what its lines miss of its total as a line of its own, which bears no tax: for a person who has compared it with what
    the customer paid and has it invoiced nevertheless."""
    tax = Decimal(0) if order.prices_include_tax or order.tax_given_by is TaxGivenBy.NOBODY else order.totals.tax
    missing = exact_sum((order.totals.total, -tax, *(-line.amount for line in order.lines)))
    if not missing or not order.lines:
        return order
    line = Line(id="difference", kind=LineKind.ROUNDING, name=Phrase.SHOP_ROUNDING, amount=missing, unit_price=missing)
    return order.model_copy(update={"lines": (*order.lines, line)})


def _amounts(order: Order, lines: Sequence[Line], tax: Minor) -> tuple[list[Minor], Minor]:
    """The lines' amounts in minor units, and what is missing to the amount charged; `Held` where that is no matter of rounding."""
    currency = order.currency
    total = to_minor(order.totals.total, currency)
    target = total if order.prices_include_tax else total - tax
    stated = exact_sum(line.amount for line in lines)
    if abs(exact_sum((from_minor(target, currency), -stated))) > from_minor(len(lines), currency):
        plus_tax = "" if order.prices_include_tax else f" + tax {text(tax, currency)}"
        raise Held(
            f"{TOTAL_MISMATCH}: the lines add up to {text(to_minor(stated, currency), currency)}{plus_tax}, but the order's total is"
            f" {text(total, currency)} {currency}: compare the order with what the customer paid",
            accept=[TOTAL_MISMATCH],
        )
    amounts = place([line.amount for line in lines], target, currency)
    return amounts, target - sum(amounts)


def _categories(taxes: Sequence[dict[TaxKey, Minor]]) -> dict[TaxKey, TaxCategory]:
    """One category per name and rate, so that a line on which a tax comes to nothing stays in its group."""
    sizes: dict[TaxKey, Minor] = {}
    for borne in taxes:
        for key, tax in borne.items():
            sizes[key] = sizes.get(key, 0) + abs(tax)
    return {key: classify(key.rate, size) for key, size in sizes.items()}


def _tax_names(taxes: Iterable[TaxKey], translate: Translate) -> dict[TaxKey, str]:
    """The names of taxes as printed; as stated where two of the same rate would be called the same."""
    names = {key: tax_name(key.name, translate) for key in taxes}
    distinct = {(name, key.rate) for key, name in names.items()}
    return names if len(distinct) == len(names) else {key: key.name for key in names}


def _line(
    order: Order,
    line: Line,
    *,
    position: int,
    parent: int | None,
    amount: Minor,
    taxes: tuple[LineTax, ...],
    translate: Translate,
) -> DocumentLine:
    tax = sum(tax.amount for tax in taxes)
    net = amount - tax if order.prices_include_tax else amount
    reductions = exact_sum(discount.amount for discount in line.discounts)
    unit_price = line.unit_price
    if unit_price is None:
        unit_price = quotient(exact_sum((line.amount, reductions)), line.quantity or Decimal(1), order.currency)
    names = dict.fromkeys(discount_name(name, translate) for discount in line.discounts if (name := discount.name or discount.code))
    return DocumentLine(
        position=position,
        kind=line.kind,
        name=line_name(line.kind, line.name, translate),
        quantity=line.quantity,
        unit=line.unit,
        unit_price=unit_price,
        discount=to_minor(reductions, order.currency),
        discount_name=", ".join(names)[:2_000] or None,
        net=net,
        tax=tax,
        gross=net + tax,
        taxes=taxes,
        sku=line.sku,
        description=line.description,
        order_line=line.id,
        parent=parent if parent != position else None,
    )


def _rounding_line(order: Order, position: int, amount: Minor, translate: Translate) -> DocumentLine:
    return DocumentLine(
        position=position,
        kind=LineKind.ROUNDING,
        name=say(Phrase.SHOP_ROUNDING, translate),
        quantity=Decimal(1),
        unit_price=from_minor(amount, order.currency),
        net=amount,
        tax=0,
        gross=amount,
    )
