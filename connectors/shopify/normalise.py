"""A whole Shopify order becomes our order. Vendor's page: https://shopify.dev/docs/api/admin-rest/latest/resources/order"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from adapter.domain.money import currency_code
from adapter.domain.order import (
    FinancialStatus,
    FulfilmentStatus,
    Order,
    OtherCurrency,
    Payment,
    PaymentKind,
    Progress,
    TaxGivenBy,
    Totals,
)
from connectors.shopify import charges
from connectors.shopify.buyer import buyer, recipient
from connectors.shopify.edit import Edited, edited
from connectors.shopify.payload import SHOP, Money, NotStated, Record, Side, Unreadable
from connectors.shopify.refund import refund
from connectors.shopify.settings import ShopifySettings

FINANCIAL = {
    "pending": FinancialStatus.PENDING,
    "authorized": FinancialStatus.AUTHORISED,
    "partially_paid": FinancialStatus.PARTIALLY_PAID,
    "paid": FinancialStatus.PAID,
    "partially_refunded": FinancialStatus.PARTIALLY_REFUNDED,
    "refunded": FinancialStatus.REFUNDED,
    "voided": FinancialStatus.VOIDED,
    "expired": FinancialStatus.VOIDED,  # an authorisation that was never captured: nothing can come of it any more
}
FULFILMENT = {
    "unfulfilled": FulfilmentStatus.UNFULFILLED,
    "partial": FulfilmentStatus.PARTIAL,
    "fulfilled": FulfilmentStatus.FULFILLED,
    "restocked": FulfilmentStatus.RESTOCKED,
}
PAYMENT_KINDS = {
    "sale": PaymentKind.SALE,
    "capture": PaymentKind.CAPTURE,
    "authorization": PaymentKind.AUTHORISATION,
    "emv_authorization": PaymentKind.AUTHORISATION,
    "void": PaymentKind.VOID,
}
PAYMENT_STATUS = {"success": "success", "failure": "failure", "error": "failure"}
_PAYING_GATEWAYS = {"gift_card": PaymentKind.GIFT_CARD, "shopify_store_credit": PaymentKind.STORE_CREDIT}
_RATE_PLACES = Decimal("0.00000001")


def wanted_side(settings: ShopifySettings) -> Side:
    """Which of Shopify's two moneys the invoice speaks."""
    return "presentment_money" if settings.money == "presentment" else "shop_money"


def order(payload: Record, settings: ShopifySettings) -> Order:
    """The order in the wanted money; in the shop's money as a whole when one of its amounts is not stated in the wanted one.

    Raises `Unreadable` naming the field when the body is not an order.
    """
    payload.needed_identifier("id")
    if wanted_side(settings) == "presentment_money" and _presentment(payload) != _currency(payload, "currency"):
        try:
            return _order(payload, settings, Money("presentment_money", _presentment(payload)))
        except NotStated:
            pass
    return _order(payload, settings, SHOP)


def _order(payload: Record, settings: ShopifySettings, money: Money) -> Order:
    lines = charges.lines(payload, money)
    rounded, total = charges.rounding(payload, money, lines)
    tax = charges.total_tax(payload, money)
    currency = _currency(payload, "currency") if money is SHOP else _presentment(payload)
    edit = edited(payload, money, [*lines, *rounded], total, tax, currency)
    charged = edit.lines if edit else (*lines, *rounded)
    name = payload.text("name", 200)
    shipped = charges.quantities(payload, "fulfillments", "line_items", "id")
    refunded = charges.quantities(payload, "refunds", "refund_line_items", "line_item_id")
    moved = {"quantity_shipped": shipped, "quantity_refunded": refunded}
    return Order(
        id=payload.needed_identifier("id"),
        number=(name or "").lstrip("#") or payload.text("order_number") or payload.text("number") or payload.needed_identifier("id"),
        name=name,
        placed_at=payload.moment("processed_at") or payload.moment("created_at"),
        version=payload.moment("updated_at"),
        test=payload.flag("test") is True,
        channel=payload.text("source_name"),
        locale=payload.text("customer_locale"),
        tags=tuple(tag.strip() for tag in (payload.text("tags", 60_000) or "").split(",") if tag.strip()),
        notes=payload.text("note", 60_000),
        metadata=_metadata(payload),
        currency=currency,
        prices_include_tax=payload.flag("taxes_included") is True,
        tax_given_by=_tax_given_by(payload, tax is None),
        totals=_totals(payload, money, total, tax, edit, sum((line.amount for line in rounded), Decimal(0))),
        buyer=buyer(payload, settings.vat_id_attributes),
        ship_to=recipient(payload.record("shipping_address")),
        lines=tuple(
            line.model_copy(update={field: found[line.id] for field, found in moved.items() if line.id in found}) for line in charged
        ),
        taxes=edit.taxes if edit else charges.taxes(payload, money),
        payments=tuple(payment(item) for item in _payments(payload, money)),
        refunds=tuple(refund(item, wanted_side(settings)) for item in payload.records("refunds")),
        progress=_progress(payload),
        **_terms(payload.record("payment_terms")),
        coupon=", ".join(charges.discount_codes(payload))[:2_000] or None,
    )


def _currency(payload: Record, key: str) -> str:
    code = payload.text(key)
    if code is None:
        raise Unreadable(payload.where(key), "is missing")
    try:
        return currency_code(code)
    except ValueError as error:
        raise Unreadable(payload.where(key), f"is wrong: {error}") from error


def _presentment(payload: Record) -> str:
    return _currency(payload, "presentment_currency" if payload.text("presentment_currency") else "currency")


def _tax_given_by(payload: Record, untaxed: bool) -> TaxGivenBy:
    parts = [payload, *payload.records("line_items"), *charges.shipping_lines(payload)]
    liable = [tax.flag("channel_liable") is True for part in parts for tax in part.records("tax_lines")]
    if liable and all(liable):
        return TaxGivenBy.MARKETPLACE
    return TaxGivenBy.NOBODY if untaxed else TaxGivenBy.PLATFORM


def _totals(payload: Record, money: Money, total: Decimal, tax: Decimal | None, edit: Edited | None, rounding: Decimal) -> Totals:
    due = _due(payload, money)
    if edit is not None:
        total, tax = edit.total, edit.tax
    now = "current_" if edit is not None and edit.current else ""
    unchanged = bool(now) or (
        not list(payload.records("refunds")) and payload.number("current_total_price") in (None, payload.number("total_price"))
    )
    shipping = money.amount(payload, "total_shipping_price")
    if shipping is None:
        shipping = money.total(charges.shipping_lines(payload), "price")
    return Totals(
        total=total,
        tax=tax or Decimal(0),
        subtotal=money.amount(payload, f"{now}subtotal_price"),
        discount=money.amount(payload, f"{now}total_discounts") or Decimal(0),
        shipping=shipping,
        rounding=rounding,
        # `total_outstanding` belongs to the current total, which this total is not after a refund.
        due=due if unchanged else None,
        paid=total - due if unchanged and due is not None else None,
        other_currency=_other(payload, money, total, f"{now}total_price"),
    )


def _due(payload: Record, money: Money) -> Decimal | None:
    """`total_outstanding` has no presentment twin: nothing outstanding is nothing in any currency, other amounts are the shop's.

    None once an authorisation has lapsed: then nothing outstanding does not mean that it was paid.
    """
    if FINANCIAL.get(payload.text("financial_status") or "") is FinancialStatus.VOIDED:
        return None
    due = payload.number("total_outstanding")
    return due if money is SHOP or not due else None


def _other(payload: Record, money: Money, total: Decimal, key: str) -> OtherCurrency | None:
    """The total in the other money. Shopify states no rate: it is the quotient of the two totals, to eight places."""
    shop, presentment = _currency(payload, "currency"), _presentment(payload)
    if shop == presentment:
        return None
    code = presentment if money is SHOP else shop
    try:
        other = (Money("presentment_money", presentment) if money is SHOP else SHOP).amount(payload, key)
    except NotStated:
        return None
    if other is None:
        return None
    rate = (other / total).quantize(_RATE_PLACES, ROUND_HALF_UP) if total else None
    return OtherCurrency(currency=code, total=other, rate=rate)


def _metadata(payload: Record) -> dict[str, str]:
    """The order's additional details under their own names, and what Shopify says beside them with the prefix `shopify_`."""
    company = payload.record("company")
    gateways = payload.data.get("payment_gateway_names")
    own = {
        "shopify_payment_gateways": ", ".join(
            name for name in (gateways if isinstance(gateways, list) else ()) if isinstance(name, str) and name
        ),
        "shopify_purchase_order": payload.text("po_number"),
        "shopify_confirmation_number": payload.text("confirmation_number"),
        "shopify_company_id": company.identifier("id"),
        "shopify_company_location_id": company.identifier("location_id"),
    }
    return charges.properties(payload, "note_attributes") | {key: value for key, value in own.items() if value}


def _progress(payload: Record) -> Progress:
    financial, fulfilment = payload.text("financial_status"), payload.text("fulfillment_status")
    unshipped = FulfilmentStatus.UNFULFILLED if "fulfillment_status" in payload else FulfilmentStatus.UNKNOWN
    state = FULFILMENT.get(fulfilment, FulfilmentStatus.UNKNOWN) if fulfilment else unshipped
    times = [item.moment("created_at") for item in payload.records("fulfillments") if item.text("status") == "success"]
    cancelled = payload.moment("cancelled_at")
    return Progress(
        financial=FINANCIAL.get(financial or "", FinancialStatus.UNKNOWN),
        fulfilment=state,
        platform_financial_status=financial,
        platform_fulfilment_status=fulfilment,
        fulfilled_at=max((time for time in times if time), default=None) if state is FulfilmentStatus.FULFILLED else None,
        cancelled=payload.text("cancelled_at") is not None,
        cancelled_at=cancelled,
        cancel_reason=payload.text("cancel_reason"),
    )


def _terms(terms: Record) -> dict[str, object]:
    """When the last instalment is due, and in how many days the terms say."""
    due = [time.date() for item in terms.records("payment_schedules") if (time := item.moment("due_at"))]
    days = terms.number("due_in_days")
    fits = days is not None and 0 <= days <= 3_650 and days == int(days)
    return {"due_date": max(due, default=None), "due_days": int(days) if fits and days is not None else None}


def _payments(payload: Record, money: Money) -> Iterator[Record]:
    """Transactions are no part of Shopify's own order webhooks; some senders add them. Those in another currency are left out."""
    code = _currency(payload, "currency") if money is SHOP else _presentment(payload)
    for item in payload.records("transactions"):
        if item.text("kind") in PAYMENT_KINDS and item.text("currency") in {code, None}:
            yield item


def payment(transaction: Record) -> Payment:
    """A transaction that is no refund, in the currency of the payment."""
    gateway, details = transaction.text("gateway"), transaction.record("payment_details")
    kind = PAYMENT_KINDS[transaction.text("kind") or ""]
    if kind in {PaymentKind.SALE, PaymentKind.CAPTURE}:
        kind = _PAYING_GATEWAYS.get(gateway or "", kind)
    return Payment(
        id=transaction.needed_identifier("id"),
        kind=kind,
        amount=transaction.needed_number("amount"),
        status=PAYMENT_STATUS.get(transaction.text("status") or "", "pending"),
        gateway=gateway,
        method=details.text("credit_card_company") or details.text("payment_method_name"),
        transaction_id=transaction.text("authorization") or transaction.text("payment_id"),
        at=transaction.moment("processed_at") or transaction.moment("created_at"),
    )
