"""From the wire form to facts. What the type of a message says holds, even where the order in it does not say so itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapter.connector import Context, Json, Translate
from adapter.domain.event import Event, EventType, facts
from adapter.domain.order import FinancialStatus, FulfilmentStatus, Order, Progress, Stage
from adapter.errors import GiveUp
from connectors.standard.payload import Envelope, OrderFact, PaymentFact, RefundFact, read

_PAID_BEFORE = {FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED}

_STATED: Mapping[EventType, Mapping[str, Any]] = {
    EventType.ORDER_COMPLETED: {"stage": Stage.PLACED},
    EventType.ORDER_FULFILLED: {"fulfilment": FulfilmentStatus.FULFILLED},
    EventType.ORDER_CANCELLED: {"cancelled": True},
    EventType.PAYMENT_CONFIRMED: {"stage": Stage.PLACED, "financial": FinancialStatus.PAID},
}
"""What a type says about the order's progress. Money that was paid and given back was paid too, and a paid checkout is binding."""

_WHEN = {EventType.ORDER_FULFILLED: "fulfilled_at", EventType.ORDER_CANCELLED: "cancelled_at", EventType.PAYMENT_CONFIRMED: "paid_at"}
"""The time of progress that the message's `timestamp` is, where the order does not state it."""


def _progress(type: EventType, envelope: Envelope, stated: Progress) -> Progress:
    changes = dict(_STATED.get(type, {}))
    if stated.financial in _PAID_BEFORE:
        changes.pop("financial", None)
    when = _WHEN.get(type)
    if when and getattr(stated, when) is None:
        changes[when] = envelope.timestamp
    return stated.model_copy(update=changes)


def _order(type: EventType, envelope: Envelope) -> Sequence[Event]:
    order = read(Order, envelope.data, "data")
    return facts(
        order.model_copy(
            update={"version": order.version or envelope.timestamp, "progress": _progress(type, envelope, order.progress)},
        )
    )


def _payment_confirmed(type: EventType, envelope: Envelope) -> Sequence[Event]:
    if "order_id" not in envelope.data:
        return _order(type, envelope)
    fact = read(OrderFact, envelope.data, "data")
    return [Event(type=type, key=fact.order_id, order_id=fact.order_id, at=envelope.timestamp, test=fact.test)]


def _payment(type: EventType, envelope: Envelope) -> Sequence[Event]:
    fact = read(PaymentFact, envelope.data, "data")
    payment = fact.payment
    says = "failure" if type is EventType.PAYMENT_FAILED else "success"
    if "status" in payment.model_fields_set and payment.status != says:
        raise GiveUp(f"data.payment.status: {payment.status!r} contradicts the type {type.value}: send {says!r}, or leave it out")
    payment = payment.model_copy(update={"status": says})
    at = payment.at or envelope.timestamp
    return [Event(type=type, key=payment.id, order_id=fact.order_id, at=at, payment=payment, test=fact.test)]


def _refund(type: EventType, envelope: Envelope) -> Sequence[Event]:
    fact = read(RefundFact, envelope.data, "data")
    at = fact.refund.at or envelope.timestamp
    return [Event(type=type, key=fact.refund.id, order_id=fact.order_id, at=at, refund=fact.refund, test=fact.test)]


def _translate(type: EventType, reader: Callable[[EventType, Envelope], Sequence[Event]]) -> Translate:
    def translate(payload: Json, context: Context) -> Sequence[Event]:
        envelope = read(Envelope, payload)
        if envelope.type != type:
            raise GiveUp(f"type: the body does not say {type.value}, which its topic was")
        return reader(type, envelope)

    return translate


EVENTS: Mapping[str, Translate] = {
    type.value: _translate(type, reader)
    for type, reader in {
        EventType.ORDER_CREATED: _order,
        EventType.ORDER_COMPLETED: _order,
        EventType.ORDER_UPDATED: _order,
        EventType.ORDER_FULFILLED: _order,
        EventType.ORDER_CANCELLED: _order,
        EventType.PAYMENT_RECEIVED: _payment,
        EventType.PAYMENT_CONFIRMED: _payment_confirmed,
        EventType.PAYMENT_FAILED: _payment,
        EventType.REFUND_ISSUED: _refund,
    }.items()
}
