"""SellApp: what each recorded webhook becomes, with and without the invoice; the store check and the request for the invoice."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from adapter.conformance import ConnectorSuite
from adapter.conformance.fixtures import discover
from adapter.connector import Context, Hint, Inbound
from adapter.domain.event import Event
from adapter.domain.order import FinancialStatus, LineKind, Order, Refund, Stage, Tax, TaxGivenBy, TaxId
from adapter.domain.parsing import parse_json
from adapter.errors import GiveUp, Rejected
from adapter.signature import Scheme, sign, verify
from connectors.sellapp import connector as sellapp
from connectors.sellapp.connector import SellAppSettings

FIXTURES = Path(__file__).parents[2] / "connectors" / "sellapp" / "fixtures"
SHARED = Path(os.environ.get("ADAPTER_TEST_FIXTURES") or Path(__file__).parents[3] / "shared" / "fixtures") / "sellapp"
CASES = {case.path.stem: case for case in discover(sellapp, FIXTURES)}
WITH_KEY = SellAppSettings(api_key=SecretStr("example-key"), store="launch-lab")

CREATED = ["order.updated", "order.created"]
PAID = [*CREATED, "order.completed", "payment.confirmed"]
DONE = [*PAID, "order.fulfilled"]
ORDERS = {
    "order.completed--coupon": ("USD", "24.00", "0", DONE),
    "order.completed--coupon-on-priced-products": ("USD", "27.00", "0", DONE),
    "order.completed--coin": ("USD", "45.00", "0", DONE),
    "order.completed--crypto": ("USD", "45.00", "0", DONE),
    "order.completed--older-edition": ("USD", "19", "0", DONE),
    "order.completed--pulled": ("USD", "19.99", "0", DONE),
    "order.completed--refunded": ("USD", "19.99", "0", [*DONE, "refund.issued"]),
    "order.completed--test": ("USD", "19.99", "0", DONE),
    "order.created--pending": ("USD", "19.99", "0", CREATED),
    "order.created--voided": ("USD", "19.99", "0", [*CREATED, "order.cancelled"]),
    "order.disputed--after-delivery": ("USD", "19.99", "0", DONE),
    "order.paid--fat": ("EUR", "24.20", "4.20", PAID),
    "order.paid--yen": ("JPY", "1100", "100", PAID),
}


class TestConformance(ConnectorSuite):
    connector = sellapp


def order(name: str) -> Order:
    snapshot = CASES[name].events()[0].order
    assert snapshot is not None
    return snapshot


def invoice(name: str, **changes: Any) -> dict[str, Any]:
    """The pulled invoice of a case, with changes."""
    return {**CASES[name].context.pulled["invoice"]["data"], **changes}


def translate(topic: str, data: Any, pulled: Any = None, **more: Any) -> list[Event]:
    context = Context(topic=topic, settings=SellAppSettings(), pulled={} if pulled is None else {"invoice": pulled})
    return list(sellapp.events[topic]({"event": topic, "data": data, "store": 77, **more}, context))


def test_every_fixture_is_listed() -> None:
    assert set(CASES) == {*ORDERS, "order.completed--thin", "product.updated--ignored"}


@pytest.mark.parametrize(("name", "expected"), ORDERS.items())
def test_total_tax_facts_and_identity(name: str, expected: tuple[str, str, str, list[str]]) -> None:
    events, snapshot = CASES[name].events(), order(name)
    assert (snapshot.currency, snapshot.totals.total, snapshot.totals.tax) == (expected[0], Decimal(expected[1]), Decimal(expected[2]))
    assert [event.type for event in events] == expected[3]
    assert snapshot.prices_include_tax
    assert snapshot.totals.total == sum((line.amount for line in snapshot.lines), Decimal(0))
    assert snapshot.test == (name == "order.completed--test")
    assert {(event.order_id, event.test) for event in events} == {(snapshot.id, snapshot.test)}


def test_without_the_invoice_the_facts_are_kept() -> None:
    events = CASES["order.completed--thin"].events()
    assert [(event.type, event.key, event.order) for event in events] == [
        ("order.updated", "23601:order.completed", None),
        ("order.created", "23601", None),
        ("order.completed", "23601", None),
        ("payment.confirmed", "23601", None),
        ("order.fulfilled", "23601", None),
    ]
    assert [event.type for event in translate("order.paid", {"id": 7})] == PAID
    assert [event.type for event in translate("order.created", {"id": 7})] == CREATED
    assert [event.type for event in translate("order.disputed", {"id": 7})] == CREATED
    assert all(event.test for event in translate("order.paid", {"id": 7, "test": True}))


def test_an_invoice_that_lags_behind_its_webhook_loses_no_fact() -> None:
    late = invoice("order.created--pending")
    assert [event.type for event in translate("order.paid", {"id": late["id"]}, late)] == PAID


def test_invoice_model_is_kept_in_full() -> None:
    snapshot = order("order.completed--pulled")
    assert (snapshot.number, snapshot.feedback) == ("23602", "Arrived at once, thank you!")
    assert snapshot.placed_at == datetime(2026, 3, 2, 10, 0, 11, tzinfo=UTC)
    assert snapshot.version == datetime(2026, 3, 2, 10, 4, 50, tzinfo=UTC)
    assert snapshot.metadata == {"store_id": "77"}
    progress = snapshot.progress
    assert [(entry.status, entry.at) for entry in progress.history] == [
        ("PENDING", datetime(2026, 3, 2, 10, 0, 11, tzinfo=UTC)),
        ("COMPLETED", datetime(2026, 3, 2, 10, 4, 50, tzinfo=UTC)),
    ]
    assert (progress.stage, progress.financial, progress.platform_status) == (Stage.PLACED, FinancialStatus.PAID, "COMPLETED")
    assert progress.expires_at == datetime(2026, 3, 2, 19, 0, 11, tzinfo=UTC)
    [payment] = snapshot.payments
    assert (payment.gateway, payment.transaction_id, payment.amount, payment.fee) == (
        "STRIPE", "pi_example_0001", Decimal("19.99"), Decimal("0.60"),
    )  # fmt: skip
    for name in ("fee", "subtotal", "full_price", "original_amount", "gateway.data.total"):
        assert {f"{name}.base", f"{name}.currency", f"{name}.vat", f"{name}.total.inclusive"} <= set(payment.properties)
    buyer = snapshot.buyer
    assert buyer is not None
    assert buyer.address is not None
    assert (buyer.email, buyer.ip, buyer.proxied, buyer.location, buyer.browser_agent, buyer.customer_id) == (
        "remy.castell@mail.example", "198.51.100.23", False, "Portland", "ExampleBrowser/1.0", "5150",
    )  # fmt: skip
    assert (buyer.address.country, buyer.address.city) == ("US", None)
    assert (snapshot.lines[0].kind, snapshot.lines[0].name) == (LineKind.DIGITAL, "Texture pack – Personal licence")
    assert snapshot.tax_given_by is TaxGivenBy.NOBODY


def test_tax_and_business_customer_of_a_whole_invoice_in_the_webhook() -> None:
    snapshot = order("order.paid--fat")
    tax = Tax(name="VAT", amount=Decimal("4.20"), rate=Decimal("0.21"))
    assert (snapshot.taxes, snapshot.tax_given_by) == ((tax,), TaxGivenBy.PLATFORM)
    [line] = snapshot.lines
    assert (line.name, line.amount, line.taxes) == ("Sprite set, Sound set", Decimal("24.20"), (tax,))
    buyer = snapshot.buyer
    assert buyer is not None
    assert buyer.address is not None
    assert (buyer.name, buyer.company, buyer.address.city, buyer.address.postcode) == ("Imke Bos", "Bos Games B.V.", "Rotterdam", "3011 AA")
    assert buyer.tax_ids == (TaxId(kind="eu_vat", value="NL850000000B01"),)
    assert (snapshot.metadata["vat.amount"], snapshot.metadata["vat.country"]) == ("420", "NL")


def test_rate_is_given_only_where_it_explains_the_tax() -> None:
    price = {"base": "1000", "currency": "EUR", "units": 1, "vat": 50, "total": {"exclusive": "1000", "inclusive": "1200"}}
    payment = {"gateway": {"type": "STRIPE", "data": {"total": price}}, "subtotal": price}
    [taxed] = translate("order.paid", invoice("order.completed--pulled", payment=payment))[0].order.taxes  # type: ignore[union-attr]
    assert (taxed.amount, taxed.rate) == (Decimal("2.00"), None)


def test_coupons() -> None:
    [line] = order("order.completed--coupon").lines
    assert (line.quantity, line.unit_price, line.amount, line.properties) == (
        2,
        Decimal("15.00"),
        Decimal("24.00"),
        {"Which program?": "Paint Example 9"},
    )
    assert [(discount.amount, discount.code) for discount in line.discounts] == [(Decimal("6.00"), "12")]
    priced = order("order.completed--coupon-on-priced-products")
    assert [(line.kind, line.name, line.quantity, line.amount) for line in priced.lines] == [
        (LineKind.DIGITAL, "Brush pack", 2, Decimal("20.00")),
        (LineKind.DIGITAL, "Palette", 1, Decimal("10.00")),
        (LineKind.DISCOUNT, "Coupon", 1, Decimal("-3.00")),
    ]
    assert (priced.coupon, priced.totals.subtotal, priced.totals.discount) == ("12", Decimal("30.00"), Decimal("3.00"))


def test_crypto_details_stay_with_the_payment() -> None:
    [payment] = order("order.completed--crypto").payments
    assert (payment.gateway, payment.transaction_id) == ("LITECOIN", "LTC-EXAMPLE-1")
    assert payment.properties["gateway.data.crypto.address"] == "ltc1-example-address"
    assert payment.properties["gateway.data.crypto.amount_received"] == "0.51320000"
    assert payment.properties["gateway.data.crypto.txids.0"] == "example-txid-1"


def test_dispute_credits_nothing_and_a_refund_is_the_whole() -> None:
    disputed = order("order.disputed--after-delivery")
    assert (disputed.progress.platform_status, disputed.progress.financial, disputed.refunds) == ("DISPUTING", FinancialStatus.PAID, ())
    assert order("order.completed--refunded").refunds == (Refund(id="23609:full", money=Decimal("19.99")),)
    voided = order("order.created--voided").progress
    assert (voided.stage, voided.cancelled, voided.financial) == (Stage.PENDING, True, FinancialStatus.VOIDED)


def test_older_edition_with_plain_amounts_in_major_units() -> None:
    snapshot = order("order.completed--older-edition")
    assert (snapshot.totals.total, snapshot.subscription, snapshot.lines[0].name) == (Decimal(19), "88", "Order 23611")
    assert (snapshot.payments[0].gateway, snapshot.payments[0].transaction_id, snapshot.payments[0].fee) == (
        "PAYPAL", "PAYID-EXAMPLE", Decimal("0.57"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "data", [None, [], {}, {"id": None}, {"id": "1/../2"}, {"id": -1}, {"id": True}, {"id": 5, "payment": {}}], ids=repr
)
def test_unreadable_bodies_are_given_up(data: Any) -> None:
    with pytest.raises(GiveUp):
        translate("order.completed", data)


def test_an_answer_about_another_invoice_is_refused() -> None:
    with pytest.raises(GiveUp, match="about invoice 99, but the API answered with invoice 23602"):
        translate("order.completed", {"id": 99}, invoice("order.completed--pulled"))


def test_pull() -> None:
    assert sellapp.pull is not None
    thin, fat = CASES["order.completed--thin"].payload, CASES["order.paid--fat"].payload
    with_key = Context(topic="order.completed", settings=WITH_KEY)
    [pulled] = sellapp.pull(thin, with_key)
    assert (pulled.name, pulled.method, pulled.url) == ("invoice", "GET", "https://sell.app/api/v2/invoices/23601")
    assert dict(pulled.headers) == {"authorization": "Bearer example-key", "accept": "application/json", "x-store": "launch-lab"}
    assert sellapp.pull(fat, with_key) == ()
    assert sellapp.pull(thin, Context(topic="order.completed", settings=SellAppSettings())) == ()
    for hostile in ("1/../2", "7?x=1", -1, None, True):
        assert sellapp.pull({"event": "order.completed", "data": {"id": hostile}}, with_key) == ()


def test_store_check() -> None:
    assert sellapp.check is not None
    body = b'{"event":"order.completed","data":{"id":236},"store":1}'
    inbound = Inbound(method="POST", url="https://adapter.example/hooks/sellapp", headers={}, body=body)
    assert sellapp.check(inbound, SellAppSettings()) is None
    assert sellapp.check(inbound, SellAppSettings(store_id=1)) is None
    assert sellapp.check(inbound, SellAppSettings(store_id=2)) == "the webhook names store 1, but this source is set up for store 2"


@pytest.mark.parametrize("header", ["signature", "x-sellapp-signature"])
def test_signature_under_either_name_and_nothing_unsigned(header: str) -> None:
    scheme, body, now = sellapp.signature, CASES["order.completed--thin"].body, datetime(2026, 3, 2, tzinfo=UTC)
    assert isinstance(scheme, Scheme)
    [signature] = sign(scheme, body, "a made-up webhook secret", timestamp=now).values()
    assert len(signature) == 64
    verify(scheme, body, {header: [signature]}, ["a made-up webhook secret"], "", now)
    with pytest.raises(Rejected):
        verify(scheme, body + b" ", {header: [signature]}, ["a made-up webhook secret"], "", now)
    for headers in ({}, {header: ["0" * 64]}, {header: [""]}, {header: [signature, signature]}):
        with pytest.raises(Rejected):
            verify(scheme, body, headers, ["a made-up webhook secret"], "", now)


def test_topic_is_the_bodys() -> None:
    assert sellapp.topic({"event": "order.paid"}, Hint(topic="order.created")) == "order.paid"
    assert [sellapp.topic(body, Hint()) for body in (None, {}, {"event": 1}, {"event": "x" * 101})] == ["", "", "", ""]


@pytest.mark.parametrize(
    "wrong", [{"base_url": "http://sell.app/api/v2"}, {"base_url": "sell.app"}, {"store": "a b"}, {"amounts": "cents"}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SellAppSettings.model_validate(wrong)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no published payloads in {SHARED}; set ADAPTER_TEST_FIXTURES")
def test_published_payloads() -> None:
    files = sorted(SHARED.glob("*.json"))
    assert files
    for file in files:
        body = parse_json(file.read_bytes())
        topic = sellapp.topic(body, Hint())
        events = sellapp.events[topic](body, Context(topic=topic, settings=SellAppSettings()))
        assert {event.order_id for event in events} == {str(body["data"]["id"])}
