"""What a refund states: its parts with their gross, and how much money of it is still to be credited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapter.domain.document import Document, DocumentLine
from adapter.domain.ledger import Bucket, Ledger
from adapter.domain.money import Minor, divide_half_up, exact_sum, from_minor, place, text, to_minor
from adapter.domain.order import LineKind, Order, Refund
from adapter.domain.phrases import Phrase, adjustment_name, say
from adapter.domain.state import paid_amount
from adapter.domain.tax.adopt import Finding, Severity
from adapter.errors import Held, Ignored

_CHARGES = {
    "shipping": LineKind.SHIPPING,
    "shipping_refund": LineKind.SHIPPING,
    "duty": LineKind.DUTY,
    "fee": LineKind.FEE,
    "tip": LineKind.TIP,
}
"""The kinds of lines that adjustments of a kind give back: a duty bears no tax, and so does what is given back of it."""


@dataclass
class Part:
    """One thing that a refund states: its gross and the tax in it in major units, and the bucket that it is about, if it names one."""

    name: str
    amount: Decimal
    bucket: Bucket | None = None
    quantity: Decimal = Decimal(1)
    tax: Decimal | None = None
    line: str = ""
    charge: LineKind | None = None
    """The kind of lines that it gives back, where it names no line."""
    adjustment: bool = False
    placed: Minor = 0


def parts_of(ledger: Ledger, refund: Refund, order: Order) -> list[Part]:
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
            Part(
                own.line.name if own else say(Phrase.REFUND, ledger.translate), gross, own, line.quantity or Decimal(1), line.tax, line.line
            )
        )
    charges: dict[LineKind | None, list[DocumentLine]] = {}
    for bucket in ledger.buckets:
        charges.setdefault(bucket.line.kind, []).append(bucket.line)
    if refund.shipping:
        gross = _gross(order, refund.shipping, refund.shipping_tax, charges.get(LineKind.SHIPPING, []))
        parts.append(Part(say(Phrase.SHIPPING, ledger.translate), gross, tax=refund.shipping_tax, charge=LineKind.SHIPPING))
    for adjustment in refund.adjustments:
        charge = _CHARGES.get(adjustment.kind) if adjustment.amount > 0 else None
        gross = _gross(order, adjustment.amount, adjustment.tax, charges.get(charge, []))
        name = adjustment_name(adjustment.kind, adjustment.reason, ledger.translate)
        parts.append(Part(name, gross, tax=adjustment.tax, charge=charge, adjustment=charge is not LineKind.SHIPPING))
    return parts


def _gross(order: Order, amount: Decimal, tax: Decimal | None, lines: Sequence[DocumentLine]) -> Decimal:
    """A refunded amount with its tax; where the tax is not stated, with that of the lines it is about."""
    if order.prices_include_tax:
        return amount
    net = sum(line.net for line in lines)
    if tax is None and net:
        return from_minor(divide_half_up(to_minor(amount, order.currency) * sum(line.gross for line in lines), net), order.currency)
    return exact_sum((amount, tax or Decimal(0)))


def money_of(ledger: Ledger, earlier: Sequence[Document], refund: Refund, order: Order, parts: Sequence[Part]) -> Minor:
    """The gross of the note. Sets what each part comes to in minor units."""
    currency = order.currency
    stated = exact_sum(part.amount for part in parts)
    money = to_minor(stated if refund.money is None else refund.money, currency)
    for part, amount in zip(parts, place([part.amount for part in parts], money or to_minor(stated, currency), currency), strict=True):
        part.placed = amount
    if refund.money is not None and money == 0 and parts:
        return _debt_relief(ledger, order, parts)
    if refund.owed and money > 0:
        money -= min(money, _settled(ledger, earlier, refund, order))
        if money == 0:
            raise Ignored("the goods were given back with the money that was paid for them")
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
        stated = to_minor(exact_sum(part.amount for part in parts_of(ledger, each, order)), order.currency)
        if each.owed:
            owed += max(0, stated)
        elif each.money is not None:
            owed -= min(owed, max(0, to_minor(each.money, order.currency) - stated))
    return owed


def _settled(ledger: Ledger, earlier: Sequence[Document], refund: Refund, order: Order) -> Minor:
    """What of goods that were given back without money has been credited already with money that came later but was heard of first."""
    noted = {note.metadata["refund_id"]: note.totals.gross for note in earlier if "refund_id" in note.metadata}
    place = next((index for index, other in enumerate(order.refunds) if other.id == refund.id), len(order.refunds))

    def stated(each: Refund) -> Minor:
        return max(0, to_minor(exact_sum(part.amount for part in parts_of(ledger, each, order)), order.currency))

    money = sum(max(0, noted[each.id] - stated(each)) for each in order.refunds[place + 1 :] if not each.owed and each.id in noted)
    used = sum(max(0, stated(each) - noted.get(each.id, 0)) for each in order.refunds[:place] if each.owed)
    return max(0, money - used)


def _debt_relief(ledger: Ledger, order: Order, parts: Sequence[Part]) -> Minor:
    """What goods that came back without money take off the debt: their value, at most what is owed."""
    value = sum(part.placed for part in parts)
    if value <= 0:
        value = sum(part.placed for part in parts if not part.adjustment)
    relief = min(value, ledger.left - to_minor(paid_amount(order), order.currency))
    if relief <= 0:
        raise Ignored("goods were returned, no money")
    return relief


def without_changes(ledger: Ledger, parts: Sequence[Part], money: Minor, taken_off: Mapping[str, Minor]) -> tuple[Minor, list[Finding]]:
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
    return money - credited, [info("amended_before", f"{stated} of the refund had been credited when the order changed")]


def info(code: str, message: str) -> Finding:
    """Something that is recorded and holds nothing."""
    return Finding(severity=Severity.INFO, code=code, message=message)
