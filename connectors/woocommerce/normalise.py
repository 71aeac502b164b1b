"""A WooCommerce order as the canonical order.

On the wire every total is without tax, also in shops that show prices with tax. Where `prices_include_tax` is set, tax is added back here,
so that an invoice shows the prices that the customer saw; else amounts stay net. Either way the canonical identity is WooCommerce's own:
total = sum of (total + total_tax) over items, shipping and fees, minus what gift cards paid.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from adapter.domain.lenient import unreadable
from adapter.domain.money import exact_sum, quotient
from adapter.domain.order import (
    Discount,
    FinancialStatus,
    FulfilmentStatus,
    Line,
    LineKind,
    Order,
    Payment,
    PaymentKind,
    Progress,
    Refund,
    Stage,
    Tax,
    Totals,
)
from connectors.woocommerce.parties import buyer_of, recipient_of
from connectors.woocommerce.payload import GiftCard, Meta, RefundDetails, Row, TaxLine, WooOrder, text
from connectors.woocommerce.refunds import refunds_of

PLACED = frozenset({"on-hold", "processing", "completed", "refunded"})
NOT_PLACED = frozenset({"pending", "failed"})

_CREDITS = frozenset({"smart_coupons_contribution", "_ywgc_applied_gift_cards"})
"""Where Smart Coupons keeps the store credit, and YITH Gift Cards the cards, by which they lowered an order's total."""

_RATE_PLACES = Decimal("0.0001")
_PERCENT = re.compile(r"(?<![0-9.,])([0-9]{1,3}(?:[.,][0-9]{1,6})?) ?%", re.ASCII)
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class Shop:
    """What the reading of an order depends on beside the order: the merchant's settings."""

    zone: ZoneInfo
    vat_number_fields: Sequence[str]
    placed_statuses: Sequence[str]


def order_of(woo: WooOrder, shop: Shop, details: Sequence[RefundDetails] = ()) -> Order:
    """The canonical order. `details` are the refunds as the REST API gives them; without them a refund is an amount only. Raises `GiveUp`
    when a field does not fit, such as an unknown currency."""
    status = (woo.status or "").removeprefix("wc-")
    gross = woo.prices_include_tax
    used = _gift_cards(woo)
    codes = [coupon.code for coupon in woo.coupon_lines if coupon.code and coupon.code not in {card.code for card in used}]
    lines = _lines(woo, codes)
    charged = _charged(woo, lines, exact_sum(card.amount for card in used))
    used, cards = (used, charged - woo.total) if charged != woo.total else ((), Decimal(0))
    paid_at = moment(woo.date_paid_gmt, woo.date_paid, shop.zone)
    completed_at = moment(woo.date_completed_gmt, woo.date_completed, shop.zone)
    meta = {entry.key: entry for entry in woo.meta_data if entry.key}
    renewal = text(meta["_subscription_renewal"].value) if "_subscription_renewal" in meta else None
    try:
        refunds = refunds_of(woo, status, charged, details, lambda gmt, local: moment(gmt, local, shop.zone))
        progress = Progress(
            stage=_stage(status, shop, settled=paid_at is not None or completed_at is not None, paid=paid_at is not None),
            financial=_financial(status, paid_at is not None, charged, refunds),
            fulfilment=FulfilmentStatus.FULFILLED if status == "completed" or completed_at else FulfilmentStatus.UNFULFILLED,
            platform_status=status,
            paid_at=paid_at,
            fulfilled_at=completed_at,
            cancelled=status == "cancelled",
        )
        return Order(
            id=woo.id,
            number=woo.number or woo.id,
            placed_at=moment(woo.date_created_gmt, woo.date_created, shop.zone),
            version=moment(woo.date_modified_gmt, woo.date_modified, shop.zone),
            channel=woo.created_via,
            locale=text(meta["wpml_language"].value) if "wpml_language" in meta else woo.lang,
            notes=woo.customer_note,
            metadata=_properties(woo.meta_data) | ({"order_key": woo.order_key} if woo.order_key else {}),
            currency=woo.currency,
            prices_include_tax=gross,
            totals=Totals(
                total=charged,
                tax=woo.total_tax,
                subtotal=exact_sum(_part(row.subtotal, row.subtotal_tax, gross, row) for row in woo.line_items),
                discount=woo.discount_total + (woo.discount_tax if gross else 0),
                shipping=woo.shipping_total + (woo.shipping_tax if gross else 0),
                paid=charged if paid_at else cards,
                due=Decimal(0) if paid_at else woo.total,
            ),
            buyer=buyer_of(woo, shop.vat_number_fields),
            ship_to=recipient_of(woo.shipping),
            lines=tuple(lines),
            taxes=tuple(
                Tax(name=_tax_name(line), amount=line.tax_total + line.shipping_tax_total, rate=_rate(line), compound=line.compound)
                for line in woo.tax_lines
            ),
            payments=tuple(_payments(woo, used, status, paid_at)),
            refunds=refunds,
            progress=progress,
            coupon=", ".join(codes) or None,
            subscription=renewal,
            renewal=renewal is not None,
        )
    except ValidationError as error:
        raise unreadable("The WooCommerce order", error) from None


def moment(gmt: str | None, local: str | None, zone: ZoneInfo) -> datetime | None:
    """A time from its `_gmt` field, which is UTC without saying so, else from the site's local time; None for neither or for zeros."""
    for written, assumed in ((gmt, UTC), (local, zone)):
        try:
            found = datetime.fromisoformat(written) if written else None
        except ValueError:
            found = None
        if found is not None:
            return found if found.tzinfo else found.replace(tzinfo=assumed)
    return None


def _part(net: Decimal | None, tax: Decimal | None, gross: bool, row: Row) -> Decimal:
    """A row's stated amount in the order's convention; a missing subtotal is the total, because nothing was taken off."""
    if net is None:
        net, tax = row.total, row.total_tax
    return net + (tax or 0) if gross else net


def _gift_cards(woo: WooOrder) -> Sequence[GiftCard]:
    """Cards and credit that paid a part: of the Gift Cards extension, else as other plugins keep them, `{code: amount}`."""
    found = list(woo.gift_cards)
    for entry in woo.meta_data if not found else ():
        for code, amount in entry.value.items() if entry.key in _CREDITS and isinstance(entry.value, dict) else ():
            with suppress(ValidationError):
                found.append(GiftCard.model_validate({"code": code, "amount": amount}))
    return found


def _charged(woo: WooOrder, lines: Sequence[Line], cards: Decimal) -> Decimal:
    """What the buyer was charged. The Gift Cards extension lowers the order's total by what its cards paid; other plugins write the same
    fields without doing so, and the sum of the rows tells which."""
    stated = exact_sum(line.amount for line in lines) + (0 if woo.prices_include_tax else woo.total_tax)
    return woo.total + cards if abs(woo.total + cards - stated) <= abs(woo.total - stated) else woo.total


def _lines(woo: WooOrder, codes: Sequence[str]) -> list[Line]:
    names = {line.rate_id: line for line in woo.tax_lines if line.rate_id}
    only = woo.tax_lines[0] if len(woo.tax_lines) == 1 else None
    known = {row.id for row in woo.line_items}
    found: list[Line] = []
    shipping = woo.shipping_lines or _shipping_total(woo)
    kinds = ((LineKind.GOODS, woo.line_items), (LineKind.SHIPPING, shipping), (LineKind.FEE, woo.fee_lines))
    for kind, row in ((kind, row) for kind, rows in kinds for row in rows):
        amount = _part(row.total, row.total_tax, woo.prices_include_tax, row)
        before = max(amount, _part(row.subtotal, row.subtotal_tax, woo.prices_include_tax, row)) if amount >= 0 else amount
        quantity = Decimal(1) if row.quantity is None else row.quantity
        parent = row.bundled_by or row.composite_parent
        try:
            found.append(
                Line(
                    id=row.id or f"{kind.value}-{len(found) + 1}",
                    kind=LineKind.DISCOUNT if kind is LineKind.FEE and amount < 0 else kind,
                    name=row.name or row.method_title or row.parent_name or kind.value.capitalize(),
                    amount=amount,
                    quantity=quantity,
                    unit_price=quotient(before, quantity, woo.currency) if quantity else None,
                    sku=row.sku,
                    discounts=_discounts(before - amount, codes),
                    taxes=tuple(_taxes(row, names, only)),
                    taxable=None if row.tax_status is None else row.tax_status != "none",
                    parent=parent if parent in known and parent != row.id else None,
                    properties=_properties(row.meta_data),
                )
            )
        except ValidationError as error:
            raise unreadable("A line of the WooCommerce order", error) from None
    return found


def _shipping_total(woo: WooOrder) -> tuple[Row, ...]:
    """The shipping of an order that lost its rows of it, as API filters of plugins leave it."""
    return (Row(total=woo.shipping_total, total_tax=woo.shipping_tax),) if woo.shipping_total else ()


def _discounts(amount: Decimal, codes: Sequence[str]) -> tuple[Discount, ...]:
    """What coupons took off a line. Which of several coupons took how much is not stated per line, so they are named together."""
    if amount <= 0:
        return ()
    return (Discount(amount=amount, name=", ".join(codes) or None, code=codes[0] if len(codes) == 1 else None),)


def _taxes(row: Row, names: dict[str, TaxLine], only: TaxLine | None) -> Iterable[Tax]:
    """The taxes of a row. Rows without shares, or whose shares name no rate of the order, still state their tax as one amount."""
    for share in row.taxes:
        line = names.get(share.id or "", only)
        if share.total or line:
            yield Tax(name=_tax_name(line), amount=share.total, rate=_rate(line), compound=bool(line and line.compound))
    if not row.taxes and row.total_tax:
        yield Tax(name=_tax_name(only), amount=row.total_tax, rate=_rate(only), compound=bool(only and only.compound))


def _tax_name(line: TaxLine | None) -> str:
    return (line and (line.label or line.rate_code)) or "Tax"


def _rate(line: TaxLine | None) -> Decimal | None:
    """The rate as a fraction where the order states it: `rate_percent`, else a percentage written in the label or the code.

    WooCommerce keeps a percentage to four decimals and writes it as a binary number, with servers' noise: 2.6000000000000001.
    """
    if line is None:
        return None
    if line.rate_percent is not None:
        return Decimal(format(line.rate_percent.quantize(_RATE_PLACES, ROUND_HALF_UP).normalize(), "f")).scaleb(-2)
    written = _PERCENT.search(line.label or "") or _PERCENT.search(line.rate_code or "")
    return Decimal(written[1].replace(",", ".")).scaleb(-2) if written else None


def _properties(metas: Iterable[Meta]) -> dict[str, str]:
    """What the shop shows about a row: entries that are texts and whose name does not begin with an underscore, without HTML."""
    shown = ((entry.display_key or entry.key, entry.key, text(entry.display_value) or text(entry.value)) for entry in metas)
    return {name[:200]: _TAG.sub("", value).strip() for name, key, value in shown if name and key and value and not key.startswith("_")}


def _payments(woo: WooOrder, cards: Sequence[GiftCard], status: str, paid_at: datetime | None) -> Iterable[Payment]:
    for number, card in enumerate(cards, 1):
        if card.amount:
            # The code itself can be spent by whoever reads it.
            ending = f"Gift card …{card.code[-4:]}" if card.code and len(card.code) > 8 else "Gift card"
            identity = f"gift-card:{woo.id}:{card.id or number}"
            yield Payment(id=identity, kind=PaymentKind.GIFT_CARD, amount=card.amount, gateway="gift_card", method=ending, at=paid_at)
    if woo.total and woo.payment_method and (paid_at or status != "cancelled"):
        yield Payment(
            id=f"payment:{woo.id}",
            kind=PaymentKind.SALE,
            amount=woo.total,
            status="success" if paid_at else "failure" if status == "failed" else "pending",
            gateway=woo.payment_method,
            method=woo.payment_method_title,
            transaction_id=woo.transaction_id,
            at=paid_at,
        )


def _stage(status: str, shop: Shop, settled: bool, paid: bool) -> Stage:
    """A cancelled order was binding only if it had been paid or completed; a plugin's own status counts once it was paid or is listed."""
    if status in NOT_PLACED:
        placed = False
    elif status == "cancelled":
        placed = settled
    else:
        placed = status in PLACED or paid or status in shop.placed_statuses
    return Stage.PLACED if placed else Stage.PENDING


def _financial(status: str, paid: bool, charged: Decimal, refunds: Sequence[Refund]) -> FinancialStatus:
    returned = exact_sum(refund.money or Decimal(0) for refund in refunds)
    if status == "failed":
        return FinancialStatus.FAILED
    if status == "refunded" or (refunds and returned >= charged):
        return FinancialStatus.REFUNDED
    if refunds:
        return FinancialStatus.PARTIALLY_REFUNDED
    if paid:
        return FinancialStatus.PAID
    return FinancialStatus.VOIDED if status == "cancelled" else FinancialStatus.PENDING
