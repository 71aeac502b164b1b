"""What the type of a message states beyond the order in it, and what is refused."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from adapter.connector import Context, Hint, SourceSettings
from adapter.domain.event import Event, EventType
from adapter.domain.order import FinancialStatus, FulfilmentStatus, Stage
from adapter.errors import GiveUp
from connectors.standard import connector

AT = "2026-03-02T09:15:00Z"
ORDER = {
    "id": "1001", "number": "1001", "currency": "EUR", "prices_include_tax": True, "totals": {"total": "11.90", "tax": "1.90"},
    "lines": [{"id": "1", "kind": "goods", "name": "Notebook", "amount": "11.90"}],
}  # fmt: skip
PENDING = {**ORDER, "progress": {"stage": "pending", "financial": "pending", "fulfilment": "unfulfilled"}}


def events(type: str, data: Any, timestamp: Any = AT) -> Sequence[Event]:
    return connector.events[type]({"type": type, "timestamp": timestamp, "data": data}, Context(type, SourceSettings()))


def types(type: str, data: Any) -> list[str]:
    return [event.type.value for event in events(type, data)]


def refusal(type: str, data: Any, timestamp: Any = AT) -> str:
    with pytest.raises(GiveUp) as refused:
        events(type, data, timestamp)
    return str(refused.value)


@pytest.mark.parametrize(
    ("type", "stated"),
    [
        ("order.created", ["order.updated", "order.created"]),
        ("order.updated", ["order.updated", "order.created"]),
        ("order.completed", ["order.updated", "order.created", "order.completed"]),
        ("order.fulfilled", ["order.updated", "order.created", "order.fulfilled"]),
        ("order.cancelled", ["order.updated", "order.created", "order.cancelled"]),
        ("payment.confirmed", ["order.updated", "order.created", "order.completed", "payment.confirmed"]),
    ],
)
def test_a_type_states_its_fact_although_the_order_does_not(type: str, stated: list[str]) -> None:
    assert types(type, PENDING) == stated


def test_an_order_that_says_nothing_is_placed_and_neither_paid_nor_fulfilled() -> None:
    assert types("order.updated", ORDER) == ["order.updated", "order.created", "order.completed"]


def test_a_type_changes_only_what_it_speaks_of() -> None:
    order = events("order.fulfilled", PENDING)[0].order
    assert order is not None
    progress = order.progress
    assert (progress.stage, progress.financial) == (Stage.PENDING, FinancialStatus.PENDING)
    assert progress.fulfilment is FulfilmentStatus.FULFILLED
    assert (progress.paid_at, progress.cancelled_at) == (None, None)


def test_the_timestamp_fills_the_version_and_the_time_of_what_the_type_states() -> None:
    order = events("order.cancelled", ORDER)[0].order
    assert order is not None
    assert order.version == order.progress.cancelled_at
    assert order.version is not None
    assert order.version.isoformat() == "2026-03-02T09:15:00+00:00"
    assert order.placed_at is None


def test_the_order_knows_its_own_times_better_than_the_message() -> None:
    stated = "2026-02-01T00:00:00Z"
    order = events("payment.confirmed", {**ORDER, "version": stated, "progress": {"paid_at": stated}})[0].order
    assert order is not None
    assert order.version == order.progress.paid_at
    assert order.version is not None
    assert order.version.isoformat() == "2026-02-01T00:00:00+00:00"


def test_a_refunded_order_stays_refunded_when_its_payment_is_confirmed() -> None:
    stated = events("payment.confirmed", {**ORDER, "progress": {"financial": "partially_refunded"}})
    assert stated[0].order is not None
    assert stated[0].order.progress.financial is FinancialStatus.PARTIALLY_REFUNDED
    assert stated[-1].type is EventType.PAYMENT_CONFIRMED


def test_a_confirmed_payment_by_order_id_is_the_same_fact_as_by_order() -> None:
    [by_id] = events("payment.confirmed", {"order_id": "1001"})
    by_order = events("payment.confirmed", ORDER)[-1]
    assert (by_id.type, by_id.key, by_id.order_id, by_id.at) == (by_order.type, by_order.key, by_order.order_id, by_order.at)


@pytest.mark.parametrize(("type", "status"), [("payment.received", "success"), ("payment.failed", "failure")])
def test_a_payment_is_what_its_type_says(type: str, status: str) -> None:
    [event] = events(type, {"order_id": "1001", "payment": {"id": "p1", "kind": "sale", "amount": "11.90"}, "test": True})
    assert (event.type.value, event.key, event.order_id, event.test) == (type, "p1", "1001", True)
    assert event.payment is not None
    assert (event.payment.status, event.payment.amount) == (status, Decimal("11.90"))


@pytest.mark.parametrize(
    ("type", "status", "right"), [("payment.received", "failure", "success"), ("payment.failed", "success", "failure")]
)
def test_a_payment_that_contradicts_its_type_is_refused(type: str, status: str, right: str) -> None:
    message = refusal(type, {"order_id": "1001", "payment": {"id": "p1", "kind": "sale", "amount": "11.90", "status": status}})
    assert message == f"data.payment.status: '{status}' contradicts the type {type}: send '{right}', or leave it out"


def test_a_refund_is_a_fact_of_its_own() -> None:
    refund = {"id": "r1", "lines": [{"line": "1", "quantity": 1, "amount": Decimal("11.9"), "tax": "1.90"}], "money": "11.90"}
    [event] = events("refund.issued", {"order_id": "1001", "refund": refund})
    assert (event.type, event.key, event.order_id) == (EventType.REFUND_ISSUED, "r1", "1001")
    assert event.at is not None
    assert event.at.isoformat() == "2026-03-02T09:15:00+00:00"
    assert event.refund is not None
    assert (event.refund.money, event.refund.lines[0].amount) == (Decimal("11.90"), Decimal("11.9"))


def test_json_numbers_are_exact() -> None:
    order = events("order.created", {**ORDER, "totals": {"total": Decimal("12345678901234.67"), "tax": 0}})[0].order
    assert order is not None
    assert str(order.totals.total) == "12345678901234.67"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({**ORDER, "totals": {"total": "12,30"}}, "data.totals.total: '12,30' is not an amount"),
        ({**ORDER, "totals": {"total": 12.3}}, "data.totals.total: 12.3 is not an amount"),
        ({**ORDER, "total": "11.90"}, "data.total: Extra inputs are not permitted"),
        ({**ORDER, "lines": [ORDER["lines"][0], {"id": "2"}]}, "data.lines.1.kind: Field required; data.lines.1.name: Field required"),
        ({**ORDER, "id": 1001}, "data.id: Input should be a valid string"),
        ({**ORDER, "currency": "EURO"}, "data.currency: 'EURO' is not an ISO 4217 currency code such as EUR"),
        ({**ORDER, "placed_at": "2026-03-02T09:15:00"}, "data.placed_at: Input should have timezone info"),
        ([], "data: Input should be a valid dictionary"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(data: Any, message: str) -> None:
    assert refusal("order.completed", data).startswith(message)


def test_a_message_says_when_it_happened() -> None:
    assert refusal("order.completed", ORDER, "2026-03-02T09:15:00").startswith("timestamp: Input should have timezone info")


def test_many_problems_are_counted() -> None:
    message = refusal("order.completed", {**ORDER, **{f"unknown_{number}": 1 for number in range(9)}})
    assert message.endswith("(and 4 more). The fields of an order are described by /schemas/order/1.json")
    assert message.count("Extra inputs are not permitted") == 5


@pytest.mark.parametrize(
    ("payload", "topic"),
    [({"type": "order.completed"}, "order.completed"), ({"type": "x" * 101}, ""), ({"type": 1}, ""), ({}, ""), ([], ""), (None, "")],
)
def test_the_topic_is_the_type_of_the_signed_body(payload: Any, topic: str) -> None:
    assert connector.topic(payload, Hint(topic="order.cancelled")) == topic


@pytest.mark.parametrize("header", ["webhook-id", "svix-id"])
def test_the_delivery_id_is_a_hint(header: str) -> None:
    assert connector.hint({header: "msg_1"}) == Hint(delivery_id="msg_1")
