"""Credit notes: what a refund, or a cancellation, gives back of an invoice.

The money that was returned decides the total; the goods decide where it is placed. How a line's taxes follow is `domain.ledger`'s: the
tax that the platform states for goods where it is that of the invoice in proportion, within a unit, and the latter everywhere else.

Refunds that are known are credited in the order of their times (`actions.issue`). One that is heard of only when the note of a later one is
issued finds less: the totals of the notes are the same, and so is the sum of their taxes once the last has been given back. Of each rate
the tax of one note can then be one unit another for goods of the same line, two for money alone; where both kinds mix, money alone is
placed on what the goods have left, so on other lines. A cancellation that is heard of before its refund gives back everything, and the
refund is ignored, with the name of that note.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapter.domain.document import Document, DocumentLine, LineTax
from adapter.domain.frozen import Frozen
from adapter.domain.ledger import Bucket, Ledger
from adapter.domain.money import Minor, divide_half_up, exact_sum, from_minor, place, text, to_minor
from adapter.domain.order import LineKind, Order, Refund
from adapter.domain.phrases import Phrase, Translate, adjustment_name, in_english, say
from adapter.domain.state import paid_amount
from adapter.domain.tax.adopt import Finding, Severity
from adapter.errors import Held, Ignored

_SHIPPING_ADJUSTMENTS = frozenset({"shipping", "shipping_refund"})


class Remaining(Frozen):
    """What credit notes have left of one line of an invoice, signed as on the invoice."""

    position: int
    net: Minor
    tax: Minor
    gross: Minor
    taxes: tuple[LineTax, ...] = ()


class Credited(Frozen):
    """The lines of a credit note, and what was noticed."""

    lines: tuple[DocumentLine, ...]
    findings: tuple[Finding, ...] = ()


@dataclass
class _Part:
    """One thing that a refund states: its gross and the tax in it in major units, and the bucket that it is about, if it names one."""

    name: str
    amount: Decimal
    bucket: Bucket | None = None
    quantity: Decimal = Decimal(1)
    tax: Decimal | None = None
    line: str = ""
    shipping: bool = False
    adjustment: bool = False
    placed: Minor = 0


def remaining(invoice: Document, earlier: Sequence[Document]) -> tuple[Remaining, ...]:
    """What is left of each line of `invoice` after its `earlier` credit notes, in the order of the invoice."""
    result = []
    for bucket in Ledger.after(invoice, earlier).buckets:
        taxes = bucket.left_taxes()
        tax = sum(each.amount for each in taxes)
        result.append(Remaining(position=bucket.line.position, net=bucket.left - tax, tax=tax, gross=bucket.left, taxes=taxes))
    return tuple(result)


def credit_lines(
    invoice: Document,
    earlier: Sequence[Document],
    *,
    refund: Refund | None,
    order: Order,
    translate: Translate = in_english,
    taken_off: Mapping[str, Minor] | None = None,
) -> Credited:
    """The lines that give back `refund`, or everything that is left where it is None.

    `taken_off` is what credit notes gave back because the order changed, by the id of the order's line: a refund of such a line is the
    same fact, as far as the line has nothing left.

    Each line names the invoice's line that it gives back (`original_line`). What a refund returns without naming goods is placed on all
    lines by their remaining gross; what it keeps (a restocking fee, less money than the goods were worth) is a negative line. The note
    that gives back the last of the total leaves zero in every line and every tax, negative lines included.

    Raises `Ignored` where nothing is left or nothing is given back, and where goods of a paid order come back without money; on an
    unpaid order their value reduces the debt. Raises `Held`, with the figures, where more is returned than is left.
    """
    ledger = Ledger.after(invoice, earlier, translate)
    if ledger.left == 0:
        notes = ", ".join(note.number for note in earlier)
        raise Ignored(f"nothing is left of the invoice to give back{f': credit note {notes} did' if notes else ''}")
    if refund is None:
        ledger.give_rest()
        return Credited(lines=ledger.lines())
    parts = _parts(ledger, refund, order)
    money = _money(ledger, refund, order, parts)
    money, findings = _without_changes(ledger, parts, money, taken_off or {})
    if money > ledger.left:
        currency = invoice.currency
        raise Held(
            f"over_refund: refund {refund.id} returns {text(money, currency)} {currency}, but only {text(ledger.left, currency)} {currency}"
            f" of invoice {invoice.number} is left: check the refund in the shop"
        )
    findings += _place(ledger, parts, money)
    lines = ledger.lines()
    return Credited(lines=lines, findings=(*findings, *_other_taxes(ledger, lines)))


def _without_changes(ledger: Ledger, parts: Sequence[_Part], money: Minor, taken_off: Mapping[str, Minor]) -> tuple[Minor, list[Finding]]:
    """The money, and by the way the parts, without what was credited when the order changed: goods that are not in their line any more."""
    credited = 0
    gone = dict(taken_off)
    for part in parts:
        charged = part.bucket.left + part.bucket.by_amount if part.bucket else 0
        same = max(0, min(part.placed - max(0, charged), gone.get(part.line, 0)))
        gone[part.line] = gone.get(part.line, 0) - same
        part.placed -= same
        credited += same
    if not credited:
        return money, []
    stated = text(credited, ledger.invoice.currency)
    if money == credited:
        raise Ignored(f"the {stated} {ledger.invoice.currency} that the refund gives back were credited when the order changed")
    if money < credited:
        kept = text(credited - money, ledger.invoice.currency)
        raise Held(f"less_refunded: {stated} were credited when the order changed, {kept} less was paid back: invoice that by hand")
    return money - credited, [_info("amended_before", f"{stated} of the refund had been credited when the order changed")]


def _other_taxes(ledger: Ledger, lines: Sequence[DocumentLine]) -> Iterator[Finding]:
    """Where the platform states another tax than the invoice's in proportion."""
    currency = ledger.invoice.currency
    for entry, line in zip(ledger.entries, lines, strict=True):
        if entry.tax is not None and abs(entry.tax - line.tax) > 1:
            stated, given = text(entry.tax, currency), text(line.tax, currency)
            message = f"the refund states {stated} of tax in line {entry.bucket.line.position} of the invoice, whose share is {given}"
            yield _info("refund_tax_differs", message)


def _parts(ledger: Ledger, refund: Refund, order: Order) -> list[_Part]:
    """What the refund states, each with its gross."""
    buckets: dict[str, Bucket] = {}
    for bucket in ledger.buckets:
        if bucket.line.order_line:
            buckets.setdefault(bucket.line.order_line, bucket)
    parts = []
    for line in refund.lines:
        own = buckets.get(line.line)
        gross = _gross(order, line.amount, line.tax, [own.line] if own else [])
        parts.append(
            _Part(
                own.line.name if own else say(Phrase.REFUND, ledger.translate), gross, own, line.quantity or Decimal(1), line.tax, line.line
            )
        )
    charges = [bucket.line for bucket in ledger.buckets if bucket.line.kind is LineKind.SHIPPING]
    if refund.shipping:
        gross = _gross(order, refund.shipping, refund.shipping_tax, charges)
        parts.append(_Part(say(Phrase.SHIPPING, ledger.translate), gross, tax=refund.shipping_tax, shipping=True))
    for adjustment in refund.adjustments:
        shipping = adjustment.kind in _SHIPPING_ADJUSTMENTS and adjustment.amount > 0
        gross = _gross(order, adjustment.amount, adjustment.tax, charges if shipping else [])
        name = adjustment_name(adjustment.kind, adjustment.reason, ledger.translate)
        parts.append(_Part(name, gross, shipping=shipping, adjustment=not shipping))
    return parts


def _gross(order: Order, amount: Decimal, tax: Decimal | None, lines: Sequence[DocumentLine]) -> Decimal:
    """A refunded amount with its tax; where the tax is not stated, with that of the lines it is about."""
    if order.prices_include_tax:
        return amount
    net = sum(line.net for line in lines)
    if tax is None and net:
        return from_minor(divide_half_up(to_minor(amount, order.currency) * sum(line.gross for line in lines), net), order.currency)
    return exact_sum((amount, tax or Decimal(0)))


def _money(ledger: Ledger, refund: Refund, order: Order, parts: Sequence[_Part]) -> Minor:
    """The gross of the note. Sets what each part comes to in minor units."""
    currency = order.currency
    stated = exact_sum(part.amount for part in parts)
    money = to_minor(stated if refund.money is None else refund.money, currency)
    for part, amount in zip(parts, place([part.amount for part in parts], money or to_minor(stated, currency), currency), strict=True):
        part.placed = amount
    if refund.money is not None and money == 0 and parts:
        return _debt_relief(ledger, order, parts)
    beyond = money - max(0, to_minor(stated, currency))
    if refund.money is not None and beyond > 0:
        settled = min(beyond, _owed(ledger, refund, order))
        if settled == money:
            raise Ignored("the money is for what was given back before without any")
        money -= settled
    if money == 0:
        raise Ignored("the refund gives nothing back")
    if money < 0:
        raise Held(f"negative_refund: refund {refund.id} takes {text(-money, currency)} {currency} from the buyer: invoice that by hand")
    return money


def _owed(ledger: Ledger, refund: Refund, order: Order) -> Minor:
    """What refunds before this one gave back without money, as far as money that came after them has not settled it."""
    owed = 0
    for each in order.refunds[: next((index for index, other in enumerate(order.refunds) if other.id == refund.id), 0)]:
        stated = to_minor(exact_sum(part.amount for part in _parts(ledger, each, order)), order.currency)
        if each.owed:
            owed += max(0, stated)
        elif each.money is not None:
            owed -= min(owed, max(0, to_minor(each.money, order.currency) - stated))
    return owed


def _debt_relief(ledger: Ledger, order: Order, parts: Sequence[_Part]) -> Minor:
    """What goods that came back without money take off the debt: their value, at most what is owed."""
    value = sum(part.placed for part in parts)
    if value <= 0:
        value = sum(part.placed for part in parts if not part.adjustment)
    relief = min(value, ledger.left - to_minor(paid_amount(order), order.currency))
    if relief <= 0:
        raise Ignored("goods were returned, no money")
    return relief


def _place(ledger: Ledger, parts: Sequence[_Part], money: Minor) -> list[Finding]:
    """Goods and shipping on their lines, as far as those have something left; the rest, and what else was stated, as adjustments."""
    findings = []
    currency = ledger.invoice.currency
    stated = sum(part.placed for part in parts)
    loose = 0
    adjustments: dict[str, Minor] = {}
    for part in parts:
        rest = part.placed
        if part.bucket is not None:
            rest -= _take(ledger, part.bucket, part)
        elif part.shipping:
            rest -= _take_shipping(ledger, part)
        if part.adjustment or part.shipping:
            adjustments[part.name] = adjustments.get(part.name, 0) + rest
        else:
            loose += rest
        if rest and not part.adjustment:
            findings.append(_info("refund_beyond_line", f"{text(rest, currency)} of the refund has no line of the invoice left to go to"))
    if money != stated and stated:
        findings.append(_info("refund_difference", f"{text(stated, currency)} is stated, {text(money, currency)} is given back"))
    name = say(Phrase.ADJUSTMENT if money != stated and stated else Phrase.REFUND, ledger.translate)
    adjustments[name] = adjustments.get(name, 0) + loose + money - stated
    _adjust(ledger, {name: amount for name, amount in adjustments.items() if amount})
    return findings


def _take(ledger: Ledger, bucket: Bucket, part: _Part) -> Minor:
    """As much of a part as its line has left; the same sign, never more."""
    left = bucket.left
    gross = min(max(part.placed, 0), left) if left > 0 else max(min(part.placed, 0), left)
    if gross or (part.placed == 0 and left == 0 and bucket.line.gross == 0):
        ledger.take(bucket, gross, part.name, part.quantity, goods=True, tax=_tax(ledger, part, gross))
    return gross


def _tax(ledger: Ledger, part: _Part, gross: Minor) -> Minor | None:
    """The tax that the platform states in a part which is given back as it is stated."""
    return to_minor(part.tax, ledger.invoice.currency) if part.tax is not None and gross == part.placed else None


def _take_shipping(ledger: Ledger, part: _Part) -> Minor:
    """As much of a part as the charges for shipping have left."""
    charges = [bucket for bucket in ledger.buckets if bucket.line.kind is LineKind.SHIPPING and bucket.left > 0]
    gross = max(0, min(part.placed, sum(bucket.left for bucket in charges)))
    if len(charges) == 1 and gross:
        ledger.take(charges[0], gross, charges[0].line.name, goods=True, tax=_tax(ledger, part, gross))
    else:
        ledger.spread(gross, charges, [bucket.left for bucket in charges], None)
    return gross


def _adjust(ledger: Ledger, adjustments: dict[str, Minor]) -> None:
    """First what is kept, then what is given beyond the goods: so the latter always fits. What is kept of more than the goods came to
    is settled against the latter, as one line."""
    kept = sum(amount for amount in adjustments.values() if amount < 0)
    if not ledger.can_give_less(kept):
        net = sum(adjustments.values())
        adjustments = {say(Phrase.ADJUSTMENT, ledger.translate): net} if net else {}
    for name, amount in adjustments.items():
        if amount < 0:
            ledger.give_less(amount, name)
    for name, amount in adjustments.items():
        if amount > 0:
            ledger.give_more(amount, name)


def _info(code: str, message: str) -> Finding:
    return Finding(severity=Severity.INFO, code=code, message=message)
