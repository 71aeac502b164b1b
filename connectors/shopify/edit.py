"""What an edited order charges now.

`total_price` and `total_tax` follow what an edit adds or discounts, and not what it takes off; the `current_*` totals follow both, and
refunds as well. A line that was taken off stays: `quantity` counts what was removed, `current_quantity` does not
(https://shopify.dev/docs/api/admin-graphql/latest/objects/LineItem). Refunds lower `current_quantity` too, so that what they gave back
is set off first: only what is missing beyond it was taken off by an edit. Without refunds the `current_*` totals are the order's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from adapter.domain.money import exponent
from adapter.domain.order import Line, Tax
from connectors.shopify import charges
from connectors.shopify.payload import Money, NotStated, Record

_ZERO = Decimal(0)


@dataclass(frozen=True)
class Edited:
    """The lines and figures of an order after its edits. `current` says whether they are the `current_*` totals of the body."""

    lines: tuple[Line, ...]
    total: Decimal
    tax: Decimal
    taxes: tuple[Tax, ...]
    current: bool


def edited(order: Record, money: Money, lines: Sequence[Line], total: Decimal, tax: Decimal | None, currency: str) -> Edited | None:
    """The order after its edits, or None where the body proves none: then the figures stand as they were stated.

    `lines`, `total` and `tax` are the original ones in `money`. A cancelled order keeps what was charged: its cancellation gives it back.
    """
    if order.text("cancelled_at") is not None:
        return None
    unit = Decimal(1).scaleb(-exponent(currency))
    removed = _removed(order)
    kept = tuple(line for each in lines if (line := _kept(each, removed.get(each.id, _ZERO), unit)) is not None)
    borne = sum((each.amount for line in kept for each in line.taxes), _ZERO)
    included = order.flag("taxes_included") is True
    charged = sum((line.amount for line in kept), _ZERO)
    if any(order.records("refunds")):
        whole = charged + (_ZERO if included else borne)
        proven = removed and kept and _returned(order) <= whole
        return Edited(kept, whole, borne, (), current=False) if proven else None
    now, now_tax = _stated(order, money, "current_total_price"), _stated(order, money, "current_total_tax")
    added = now != total and charged + (_ZERO if included else tax or _ZERO) != total
    if now is None or not (removed or added) or not _unrefunded(order):
        return None
    now_tax = borne if now_tax is None else now_tax
    if abs(charged + (_ZERO if included else now_tax) - now) > unit * len(lines) or not kept:
        return None
    summary = charges.taxes(order, money)
    fits = sum((each.amount for each in summary), _ZERO) == now_tax
    return Edited(kept, now, now_tax, summary if fits else (), current=True)


def _returned(order: Record) -> Decimal:
    """The money of all refunds: more than is charged after an edit tells that the quantities lack what a refund took."""
    moved = (item for refund in order.records("refunds") for item in refund.records("transactions"))
    return sum((item.number("amount") or _ZERO for item in moved if item.text("kind") == "refund"), _ZERO)


def _unrefunded(order: Record) -> bool:
    """Whether the body says that nothing was refunded, so that an edit took off what is missing. One without its refunds does not."""
    refunded = order.text("financial_status") in {"partially_refunded", "refunded"}
    return isinstance(order.data.get("refunds"), list) and not refunded


def _stated(order: Record, money: Money, key: str) -> Decimal | None:
    try:
        return money.amount(order, key)
    except NotStated:
        return None


def _removed(order: Record) -> Mapping[str, Decimal]:
    """How much of each line was taken off beyond what refunds gave back."""
    refunded = charges.quantities(order, "refunds", "refund_line_items", "line_item_id")
    found = {}
    for item in order.records("line_items"):
        line, quantity, current = item.identifier("id"), item.number("quantity"), item.number("current_quantity")
        if line is not None and quantity is not None and current is not None and current >= 0:
            missing = quantity - current - refunded.get(line, _ZERO)
            if missing > 0:
                found[line] = missing
    return found


def _kept(line: Line, removed: Decimal, unit: Decimal) -> Line | None:
    """A line without what was removed, its discounts and taxes in proportion; None where nothing is left of it."""
    if not removed:
        return line
    if removed >= line.quantity:
        return None
    quantity = line.quantity - removed

    def part(amount: Decimal) -> Decimal:
        return (amount * quantity / line.quantity).quantize(unit, ROUND_HALF_UP)

    discounts = tuple(each.model_copy(update={"amount": part(each.amount)}) for each in line.discounts)
    amount = (line.unit_price or _ZERO) * quantity - sum((each.amount for each in discounts), _ZERO)
    taxes = tuple(each.model_copy(update={"amount": part(each.amount)}) for each in line.taxes)
    return line.model_copy(update={"quantity": quantity, "amount": amount, "discounts": discounts, "taxes": taxes})
