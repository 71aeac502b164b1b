"""Credit notes: what a refund, or a cancellation, gives back of an invoice.

The money that was returned decides the total; the goods decide where it is placed. How a line's taxes follow is `domain.ledger`'s: the
tax that the platform states for goods where it is that of the invoice in proportion, within a unit, and the latter everywhere else.

Refunds that are known are credited in the order of their times (`actions.issue`). One that is heard of only when the note of a later one is
issued finds less: the totals of the notes are the same, and so is the sum of their taxes once the last has been given back. Of each rate
the tax of one note can then be one unit another for goods of the same line, up to three for money alone; where both kinds mix, money
alone is placed on what the goods have left, so on other lines. A cancellation that is heard of before its refund gives back everything,
and the refund is ignored, with the name of that note.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from adapter.domain.document import Document, DocumentLine, LineTax
from adapter.domain.frozen import Frozen
from adapter.domain.ledger import Bucket, Ledger
from adapter.domain.money import Minor, text, to_minor
from adapter.domain.order import LineKind, Order, Refund
from adapter.domain.phrases import Phrase, Translate, in_english, say
from adapter.domain.refunded import Part, info, money_of, parts_of, without_changes
from adapter.domain.tax.adopt import Finding, Severity
from adapter.errors import Held, Ignored

OVER_REFUND = "over_refund"
"""The code of more money that went back than is left of the invoice."""


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
    tolerated: Collection[str] = (),
) -> Credited:
    """The lines that give back `refund`, or everything that is left where it is None.

    `taken_off` is what credit notes gave back because the order changed, by the id of the order's line: a refund of such a line is the
    same fact, as far as the line has nothing left.

    Each line names the invoice's line that it gives back (`original_line`). What a refund returns without naming goods is placed on all
    lines by their remaining gross; what it keeps (a restocking fee, less money than the goods were worth) is a negative line. The note
    that gives back the last of the total leaves zero in every line and every tax, negative lines included.

    Raises `Ignored` where nothing is left or nothing is given back, and where goods of a paid order come back without money; on an
    unpaid order their value reduces the debt. Raises `Held`, with the figures, where more is returned than is left; where `over_refund` is
    `tolerated`, what is left is given back.
    """
    ledger = Ledger.after(invoice, earlier, translate)
    if ledger.left == 0:
        notes = ", ".join(note.number for note in earlier)
        raise Ignored(f"nothing is left of the invoice to give back{f': credit note {notes} did' if notes else ''}")
    if refund is None:
        ledger.give_rest()
        return Credited(lines=ledger.lines())
    parts = parts_of(ledger, refund, order)
    money = money_of(ledger, earlier, refund, order, parts)
    money, findings = without_changes(ledger, parts, money, taken_off or {})
    if money > ledger.left:
        currency = invoice.currency
        told = (
            f"refund {refund.id} returns {text(money, currency)} {currency}, but only {text(ledger.left, currency)} {currency}"
            f" of invoice {invoice.number} is left"
        )
        if OVER_REFUND not in tolerated:
            raise Held(f"{OVER_REFUND}: {told}: check the refund in the shop", accept=[OVER_REFUND])
        money = ledger.left
        findings.append(Finding(severity=Severity.WARNING, code=OVER_REFUND, message=told))
    findings += _place(ledger, parts, money)
    lines = ledger.lines()
    return Credited(lines=lines, findings=(*findings, *_other_taxes(ledger, lines)))


def _other_taxes(ledger: Ledger, lines: Sequence[DocumentLine]) -> Iterator[Finding]:
    """Where the platform states another tax than the invoice's in proportion."""
    currency = ledger.invoice.currency
    for entry, line in zip(ledger.entries, lines, strict=True):
        if entry.tax is not None and abs(entry.tax - line.tax) > 1:
            stated, given = text(entry.tax, currency), text(line.tax, currency)
            message = f"the refund states {stated} of tax in line {entry.bucket.line.position} of the invoice, whose share is {given}"
            yield info("refund_tax_differs", message)


def _place(ledger: Ledger, parts: Sequence[Part], money: Minor) -> list[Finding]:
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
        elif part.charge:
            rest -= _take_charge(ledger, part, part.charge)
        if part.adjustment or part.charge:
            adjustments[part.name] = adjustments.get(part.name, 0) + rest
        else:
            loose += rest
        if rest and not part.adjustment:
            findings.append(info("refund_beyond_line", f"{text(rest, currency)} of the refund has no line of the invoice left to go to"))
    if money != stated and stated:
        findings.append(info("refund_difference", f"{text(stated, currency)} is stated, {text(money, currency)} is given back"))
    name = say(Phrase.ADJUSTMENT if money != stated and stated else Phrase.REFUND, ledger.translate)
    adjustments[name] = adjustments.get(name, 0) + loose + money - stated
    _adjust(ledger, {name: amount for name, amount in adjustments.items() if amount})
    return findings


def _take(ledger: Ledger, bucket: Bucket, part: Part) -> Minor:
    """As much of a part as its line has left; the same sign, never more."""
    left = bucket.left
    gross = min(max(part.placed, 0), left) if left > 0 else max(min(part.placed, 0), left)
    if gross or (part.placed == 0 and left == 0 and bucket.line.gross == 0):
        ledger.take(bucket, gross, part.name, part.quantity, goods=True, tax=_tax(ledger, part, gross))
    return gross


def _tax(ledger: Ledger, part: Part, gross: Minor) -> Minor | None:
    """The tax that the platform states in a part which is given back as it is stated."""
    return to_minor(part.tax, ledger.invoice.currency) if part.tax is not None and gross == part.placed else None


def _take_charge(ledger: Ledger, part: Part, kind: LineKind) -> Minor:
    """As much of a part as the charges of a kind, such as shipping, have left."""
    charges = [bucket for bucket in ledger.buckets if bucket.line.kind is kind and bucket.left > 0]
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
