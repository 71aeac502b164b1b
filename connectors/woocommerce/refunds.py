"""WooCommerce's refunds as canonical refunds.

The order lists its refunds with an amount only; their rows are read from `/orders/{id}/refunds`
(https://woocommerce.github.io/woocommerce-rest-api-docs/#order-refunds), where quantities and totals are negative.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from adapter.domain.money import exact_sum
from adapter.domain.order import Adjustment, Refund, RefundLine
from connectors.woocommerce.payload import RefundDetails, RefundSummary, Row, WooOrder, text

Moment = Callable[[str | None, str | None], datetime | None]


def refunds_of(woo: WooOrder, status: str, charged: Decimal, details: Sequence[RefundDetails], moment: Moment) -> tuple[Refund, ...]:
    """Every refund that the order states. An order that is `refunded` and lists none is one refund of the whole: `<order id>:full`."""
    known = {detail.id: detail for detail in details if detail.id}
    found = tuple(_refund(summary, known.get(summary.id or ""), woo.prices_include_tax, moment) for summary in woo.refunds if summary.id)
    if not found and status == "refunded" and charged > 0:
        return (Refund(id=f"{woo.id}:full", money=charged),)
    return found


def _refund(summary: RefundSummary, details: RefundDetails | None, gross: bool, moment: Moment) -> Refund:
    if details is None:
        return Refund(id=summary.id or "", reason=summary.reason, money=abs(summary.total))
    lines, adjustments = [], []
    for row in (*details.line_items, *details.fee_lines):
        amount, tax = _returned(row, gross)
        original = _original(row)
        if original and amount >= 0 and tax >= 0:
            if amount or row.quantity:
                lines.append(RefundLine(line=original, quantity=abs(row.quantity or 0), amount=amount, tax=tax))
        elif amount or tax:
            # A negative fee that is taken back, or a row whose original is gone: it changes the sum but is nothing that was delivered.
            adjustments.append(Adjustment(kind="fee" if row in details.fee_lines else "item", amount=amount, tax=tax, reason=row.name))
    shipping = [_returned(row, gross) for row in details.shipping_lines]
    return Refund(
        id=summary.id or "",
        at=moment(details.date_created_gmt, details.date_created),
        reason=details.reason or summary.reason,
        lines=tuple(lines),
        shipping=exact_sum(amount for amount, _ in shipping) if shipping else None,
        shipping_tax=exact_sum(tax for _, tax in shipping) if shipping else None,
        adjustments=tuple(adjustments),
        money=abs(details.amount) or abs(summary.total),
    )


def _returned(row: Row, gross: bool) -> tuple[Decimal, Decimal]:
    """What a row gives back, positive, in the order's convention, and the tax in it or on it."""
    return -(row.total + row.total_tax) if gross else -row.total, -row.total_tax


def _original(row: Row) -> str | None:
    """The id of the order's row that a refund's row gives back."""
    return next((text(entry.value) for entry in row.meta_data if entry.key == "_refunded_item_id"), None)
