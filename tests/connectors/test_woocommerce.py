"""WooCommerce: what each recorded webhook becomes, to the cent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapter.conformance import ConnectorSuite
from adapter.conformance.fixtures import discover
from adapter.connector import Context
from adapter.domain.event import EventType
from adapter.domain.order import FinancialStatus, FulfilmentStatus, LineKind, Order, PaymentKind, Refund, RefundLine, Stage, TaxId
from adapter.errors import GiveUp, Ignored
from connectors.woocommerce import connector as woocommerce
from connectors.woocommerce.connector import WooCommerceSettings

FIXTURES = Path(__file__).parents[2] / "connectors" / "woocommerce" / "fixtures"
CASES = {case.path.stem: case for case in discover(woocommerce, FIXTURES)}

CREATED = ["order.updated", "order.created"]
PLACED = [*CREATED, "order.completed"]
PAID = [*PLACED, "payment.confirmed"]
ORDERS = {
    "action.woocommerce_order_status_completed--by-rest": ("72.90", "11.64", [*PAID, "refund.issued"]),
    "order.created--bundle": ("58.00", "9.27", PAID),
    "order.created--fractional-quantity": ("31.79", "5.30", PAID),
    "order.created--gift-card-pays": ("42.05", "0", PAID),
    "order.created--negative-fee": ("57.00", "9.10", PAID),
    "order.created--pending": ("49.00", "8.17", CREATED),
    "order.created--renewal": ("9.90", "1.58", PAID),
    "order.created--us-exclusive-guest": ("94.18", "7.68", PAID),
    "order.created--yen": ("4180", "380", PAID),
    "order.restored--from-the-trash": ("49.00", "8.17", PAID),
    "order.updated--cancelled-after-payment": ("49.00", "8.17", [*PAID, "order.cancelled"]),
    "order.updated--cancelled-before-payment": ("49.00", "8.17", [*CREATED, "order.cancelled"]),
    "order.updated--completed": ("49.00", "8.17", [*PAID, "order.fulfilled"]),
    "order.updated--eur-inclusive-two-rates": ("94.85", "11.96", PAID),
    "order.updated--fully-refunded": ("49.00", "8.17", [*PAID, "order.fulfilled", "refund.issued"]),
    "order.updated--on-hold-bank-transfer": ("49.00", "8.17", PLACED),
    "order.updated--partial-refund": ("72.90", "11.64", [*PAID, "refund.issued"]),
    "order.updated--payment-failed": ("49.00", "8.17", [*CREATED, "payment.failed"]),
    "order.updated--processing": ("49.00", "8.17", PAID),
    "order.updated--refund-by-amount": ("72.90", "11.64", [*PAID, "refund.issued"]),
    "order.updated--refunded-without-refunds": ("49.00", "8.17", [*PAID, "refund.issued"]),
    "order.updated--shipping-without-row": ("31.95", "0.00", PAID),
    "order.updated--store-credit-pays": ("105.00", "7.62", PAID),
    "order.updated--wholesale-odd-types": ("240.00", "0", PLACED),
}
NO_ORDER = {
    "action.woocommerce_payment_complete--by-name",
    "order.created--auto-draft",
    "order.deleted--trashed",
    "order.updated--checkout-draft",
    "order.updated--rest-error",
    "order.updated--subscription-body",
    "order.updated--trashed",
    "product.updated--ignored",
}


class TestConformance(ConnectorSuite):
    connector = woocommerce


def order(name: str) -> Order:
    snapshot = CASES[name].events()[0].order
    assert snapshot is not None
    return snapshot


def refund(name: str) -> Refund:
    [issued] = order(name).refunds
    return issued


def off_by(snapshot: Order) -> Decimal:
    """How far the platform's total is from the canonical identity."""
    tax = Decimal(0) if snapshot.prices_include_tax else snapshot.totals.tax
    return snapshot.totals.total - sum((line.amount for line in snapshot.lines), Decimal(0)) - tax


def translate(body: Any, topic: str = "order.updated", settings: WooCommerceSettings | None = None, **pulled: Any) -> Any:
    context = Context(topic=topic, settings=settings or WooCommerceSettings(), pulled=pulled)
    return woocommerce.events[topic](body, context)


def changed(name: str, **changes: Any) -> dict[str, Any]:
    return {**CASES[name].payload, **changes}


def test_every_fixture_is_listed() -> None:
    assert set(CASES) == set(ORDERS) | NO_ORDER


@pytest.mark.parametrize(("name", "expected"), ORDERS.items())
def test_total_tax_facts_and_identity(name: str, expected: tuple[str, str, list[str]]) -> None:
    events = CASES[name].events()
    snapshot = order(name)
    assert (snapshot.totals.total, snapshot.totals.tax) == (Decimal(expected[0]), Decimal(expected[1]))
    assert [event.type for event in events] == expected[2]
    assert off_by(snapshot) == 0
    assert {event.order_id for event in events} == {snapshot.id}


def test_prices_with_tax_are_those_the_customer_saw() -> None:
    snapshot = order("order.updated--eur-inclusive-two-rates")
    cup, book, shipping, wrapping = snapshot.lines
    assert snapshot.prices_include_tax
    assert (cup.name, cup.sku, cup.quantity, cup.unit_price, cup.amount) == (
        "Espresso cup – Speckled", "CUP-SP", 2, Decimal("29.90"), Decimal("53.82"),
    )  # fmt: skip
    assert (cup.discounts[0].amount, cup.discounts[0].code) == (Decimal("5.98"), "spring10")
    assert cup.properties == {"Glaze": "Speckled & matt"}
    assert [(tax.name, tax.rate, tax.amount) for tax in cup.taxes] == [("MwSt. 19 %", Decimal("0.19"), Decimal("8.593109"))]
    assert (book.unit_price, book.amount, book.taxes[0].rate) == (Decimal("12.50"), Decimal("33.75"), Decimal("0.07"))
    assert (shipping.kind, shipping.name, shipping.amount) == (LineKind.SHIPPING, "DHL Paket", Decimal("4.90"))
    assert (wrapping.kind, wrapping.amount, wrapping.taxable) == (LineKind.FEE, Decimal("2.38"), True)
    assert [(tax.name, tax.rate, tax.amount) for tax in snapshot.taxes] == [
        ("MwSt. 19 %", Decimal("0.19"), Decimal("9.75")),
        ("MwSt. 7 %", Decimal("0.07"), Decimal("2.21")),
    ]
    totals = snapshot.totals
    assert (totals.subtotal, totals.discount, totals.shipping) == (Decimal("97.30"), Decimal("9.73"), Decimal("4.90"))
    assert (totals.paid, totals.due, snapshot.coupon) == (Decimal("94.85"), 0, "spring10")
    assert snapshot.placed_at == datetime(2026, 3, 2, 9, 14, 5, tzinfo=UTC)
    assert snapshot.version == datetime(2026, 3, 2, 9, 15, 30, tzinfo=UTC)
    [payment] = snapshot.payments
    assert (payment.kind, payment.amount, payment.status, payment.gateway, payment.transaction_id) == (
        PaymentKind.SALE, Decimal("94.85"), "success", "stripe", "pi_example_1801",
    )  # fmt: skip


def test_prices_without_tax_stay_net_for_a_guest() -> None:
    snapshot = order("order.created--us-exclusive-guest")
    assert not snapshot.prices_include_tax
    assert [(line.amount, line.unit_price) for line in snapshot.lines] == [
        (Decimal("54.00"), Decimal("18.00")),
        (Decimal("25.00"), Decimal("25.00")),
        (Decimal("7.50"), Decimal("7.50")),
    ]
    assert (snapshot.taxes[0].rate, snapshot.taxes[0].amount) == (Decimal("0.08875"), Decimal("7.68"))
    assert snapshot.buyer is not None
    assert (snapshot.buyer.customer_id, snapshot.buyer.name) == (None, "Dana Whitlock")
    assert snapshot.buyer.address is not None
    assert (snapshot.buyer.address.region_code, snapshot.buyer.address.country) == ("NY", "US")


def test_a_life_from_pending_to_completed() -> None:
    pending, processing, completed = (
        order(f"order.{name}").progress for name in ("created--pending", "updated--processing", "updated--completed")
    )
    assert (pending.stage, pending.financial, pending.paid_at) == (Stage.PENDING, FinancialStatus.PENDING, None)
    assert (processing.stage, processing.financial, processing.fulfilment) == (
        Stage.PLACED, FinancialStatus.PAID, FulfilmentStatus.UNFULFILLED,
    )  # fmt: skip
    assert processing.paid_at == datetime(2026, 3, 3, 8, 1, 39, tzinfo=UTC)
    assert (completed.fulfilment, completed.fulfilled_at) == (FulfilmentStatus.FULFILLED, datetime(2026, 3, 4, 14, 29, 59, tzinfo=UTC))
    assert order("order.created--pending").payments[0].status == "pending"


def test_unpaid_orders() -> None:
    transfer = order("order.updated--on-hold-bank-transfer")
    assert (transfer.progress.stage, transfer.progress.financial) == (Stage.PLACED, FinancialStatus.PENDING)
    assert (transfer.totals.paid, transfer.totals.due, transfer.payments[0].method) == (0, Decimal("49.00"), "Direct bank transfer")
    cancelled = order("order.updated--cancelled-before-payment")
    assert (cancelled.progress.stage, cancelled.progress.cancelled, cancelled.progress.financial) == (
        Stage.PENDING, True, FinancialStatus.VOIDED,
    )  # fmt: skip
    assert cancelled.payments == ()
    failed = order("order.updated--payment-failed")
    assert (failed.progress.financial, failed.payments[0].status) == (FinancialStatus.FAILED, "failure")


def test_partial_refund_by_line_with_shipping() -> None:
    assert refund("order.updated--partial-refund") == Refund(
        id="4102",
        at=datetime(2026, 3, 9, 16, 20, 4, tzinfo=UTC),
        reason="One mug arrived broken",
        lines=(RefundLine(line="641", quantity=Decimal(1), amount=Decimal("14.00"), tax=Decimal("2.24")),),
        shipping=Decimal("5.90"),
        shipping_tax=Decimal("0.94"),
        money=Decimal("19.90"),
    )
    assert order("order.updated--partial-refund").progress.financial is FinancialStatus.PARTIALLY_REFUNDED


def test_refunds_without_rows() -> None:
    assert refund("order.updated--refund-by-amount") == Refund(id="4111", money=Decimal("10.00"))
    assert refund("order.updated--refunded-without-refunds") == Refund(id="1803:full", money=Decimal("49.00"))
    whole = refund("order.updated--fully-refunded")
    assert (whole.id, whole.money, whole.lines, whole.reason) == ("1899", Decimal("49.00"), (), "Order fully refunded")
    assert order("order.updated--fully-refunded").progress.financial is FinancialStatus.REFUNDED


def test_a_refunded_discount_fee_is_an_adjustment_against_the_buyer() -> None:
    body = changed("order.created--negative-fee", refunds=[{"id": 5001, "reason": "", "total": "-57.00"}])
    original = {"key": "_refunded_item_id"}
    details = {
        "id": 5001,
        "amount": "57.00",
        "line_items": [{"id": 1, "quantity": -1, "total": "-50.42", "total_tax": "-9.58", "meta_data": [{**original, "value": 671}]}],
        "fee_lines": [{"id": 2, "name": "Discount", "total": "2.52", "total_tax": "0.48", "meta_data": [{**original, "value": "672"}]}],
        "shipping_lines": [],
    }
    [issued] = translate(body, refunds=[details])[0].order.refunds
    assert [(line.line, line.quantity, line.amount) for line in issued.lines] == [("671", 1, Decimal("60.00"))]
    assert [(item.kind, item.amount, item.tax) for item in issued.adjustments] == [("fee", Decimal("-3.00"), Decimal("-0.48"))]


def test_bundle_keeps_parent_and_parts() -> None:
    bundle, cup, jar, _ = order("order.created--bundle").lines
    assert (bundle.parent, cup.parent, jar.parent) == (None, "651", "651")
    assert (bundle.amount, cup.amount, cup.quantity, cup.unit_price, jar.amount) == (Decimal("40.00"), 0, 2, 0, Decimal("18.00"))


def test_fractional_quantity_and_a_rate_that_only_the_code_states() -> None:
    snapshot = order("order.created--fractional-quantity")
    canvas, thread = snapshot.lines
    assert (canvas.quantity, canvas.unit_price, canvas.amount) == (Decimal("1.75"), Decimal("13.354286"), Decimal("23.37"))
    assert (thread.quantity, thread.unit_price, thread.taxes[0].amount) == (2, Decimal("1.56"), Decimal("0.6232"))
    assert (snapshot.taxes[0].name, snapshot.taxes[0].rate) == ("VAT", Decimal("0.20"))
    without = changed(
        "order.created--fractional-quantity", tax_lines=[{"rate_id": 20, "rate_code": "GB-VAT-1", "label": "VAT", "tax_total": "5.30"}]
    )
    assert translate(without)[0].order.taxes[0].rate is None


def test_negative_fee_is_a_discount_and_yen_has_no_places() -> None:
    fee = order("order.created--negative-fee").lines[1]
    assert (fee.kind, fee.name, fee.amount) == (LineKind.DISCOUNT, "Regular customer discount", Decimal("-3.00"))
    yen = order("order.created--yen")
    assert (yen.currency, yen.lines[0].unit_price, yen.lines[1].amount) == ("JPY", Decimal(1760), Decimal(660))


def test_gift_card_pays_and_its_code_is_not_kept() -> None:
    snapshot = order("order.created--gift-card-pays")
    card, rest = snapshot.payments
    assert (card.kind, card.amount, card.method) == (PaymentKind.GIFT_CARD, Decimal(30), "Gift card …NPQR")
    assert (rest.amount, snapshot.totals.paid) == (Decimal("12.05"), Decimal("42.05"))
    assert "ABCD-EFGH" not in snapshot.canonical()
    kept = translate(changed("order.created--gift-card-pays", total="42.05"))[0].order
    assert kept.totals.total == Decimal("42.05"), "another plugin leaves the order's total as it was"


def test_store_credit_of_a_plugin_pays_and_its_code_is_not_kept() -> None:
    snapshot = order("order.updated--store-credit-pays")
    assert [(each.kind, each.amount) for each in snapshot.payments] == [(PaymentKind.GIFT_CARD, 25), (PaymentKind.SALE, 80)]
    assert snapshot.totals.total == snapshot.totals.paid == 105
    assert (snapshot.coupon, "treue-25" in snapshot.canonical()) == (None, False)
    discounted = translate(changed("order.updated--store-credit-pays", total="105.00"))[0].order
    assert [(each.kind, each.amount) for each in discounted.payments] == [(PaymentKind.SALE, 105)], "the rows say that it did not pay"


def test_rates_without_the_noise_of_binary_numbers() -> None:
    assert [str(tax.rate) for tax in order("order.updated--store-credit-pays").taxes] == ["0.026", "0.081"]


def test_the_language_of_the_buyer_and_a_shipping_whose_row_is_missing() -> None:
    """WPML keeps the language with the order's meta, Polylang beside it."""
    assert order("order.updated--store-credit-pays").locale == "de"
    snapshot = order("order.updated--shipping-without-row")
    assert snapshot.locale == "pt"
    assert [(line.kind, line.amount) for line in snapshot.lines][1:] == [(LineKind.SHIPPING, Decimal("10.91"))]


@pytest.mark.parametrize(
    "entry",
    [
        {"key": "_billing_eu_vat", "value": "PT 999 999 990"},
        {"key": "VAT Number", "value": "PT999999990"},
        {"key": "_eu_vat_evidence", "value": {"location": {"is_valid": True}, "exemption": {"vat_number": "PT999999990"}}},
    ],
)
def test_vat_numbers_of_well_known_plugins(entry: dict[str, Any]) -> None:
    buyer = translate(changed("order.updated--shipping-without-row", meta_data=[entry]))[0].order.buyer
    assert buyer.tax_ids == (TaxId(kind="eu_vat", value="PT999999990"),)


def test_renewal_names_its_subscription() -> None:
    snapshot = order("order.created--renewal")
    assert (snapshot.renewal, snapshot.subscription, snapshot.channel) == (True, "1711", "subscription")


def test_odd_types_own_status_and_vat_number() -> None:
    snapshot = order("order.updated--wholesale-odd-types")
    assert (snapshot.id, snapshot.number, snapshot.progress.platform_status) == ("1814", "W-2026-0007", "wholesale")
    assert snapshot.placed_at is not None
    assert snapshot.placed_at.utcoffset() == timedelta(hours=1)
    assert snapshot.buyer is not None
    assert snapshot.buyer.tax_ids == (TaxId(kind="eu_vat", value="NL8122734B01"),)
    assert snapshot.buyer.business is True
    assert snapshot.metadata["Cost centre"] == "KST 7"
    unlisted = translate(CASES["order.updated--wholesale-odd-types"].payload)[0].order
    assert unlisted.progress.stage is Stage.PENDING, "an unpaid order in a plugin's status is not binding unless it is listed"
    paid = translate(changed("order.updated--wholesale-odd-types", date_paid_gmt="2026-03-02T10:00:00"))[0].order
    assert paid.progress.stage is Stage.PLACED


@pytest.mark.parametrize("name", ["order.created--auto-draft", "order.updated--checkout-draft", "order.updated--subscription-body"])
def test_drafts_and_subscriptions_are_nothing(name: str) -> None:
    case = CASES[name]
    with pytest.raises(Ignored):
        case.translate(case.payload)


def test_rest_error_says_what_to_do() -> None:
    case = CASES["order.updated--rest-error"]
    with pytest.raises(GiveUp, match=r"woocommerce_rest_cannot_view \(status 401\).*delete the webhook.*create it again"):
        case.translate(case.payload)


def test_deletion_is_read_from_the_body_not_from_the_topic() -> None:
    [deleted] = CASES["order.deleted--trashed"].events()
    assert (deleted.type, deleted.key, deleted.order_id) == (EventType.ORDER_DELETED, "1803", "1803")
    assert [event.type for event in CASES["order.updated--trashed"].events()] == [EventType.ORDER_DELETED]
    replayed = translate(CASES["order.updated--processing"].payload, topic="order.deleted")
    assert [event.type for event in replayed] == PAID


def test_order_is_the_same_for_the_tunnel() -> None:
    case = CASES["order.updated--processing"]
    assert translate({"data": case.payload}) == case.events()
