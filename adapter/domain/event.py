"""Canonical events, and the facts that a snapshot of an order states.

An event is unique by source, type and `key`, the platform's own id for the fact; that of a refund or payment is unique within its order.
So a fact may be read from any number of deliveries, in any order: the first one records it and the others change nothing.
"""

from enum import StrEnum

from pydantic import AwareDatetime

from adapter.domain.frozen import Frozen, digest
from adapter.domain.order import FinancialStatus, FulfilmentStatus, Identifier, Name, Order, Payment, Refund, Stage


class EventType(StrEnum):
    """Every event there is. The last block is made by the adapter itself and re-enters at route."""

    ORDER_CREATED = "order.created"
    ORDER_COMPLETED = "order.completed"
    ORDER_UPDATED = "order.updated"
    ORDER_FULFILLED = "order.fulfilled"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_DELETED = "order.deleted"
    PAYMENT_RECEIVED = "payment.received"
    PAYMENT_CONFIRMED = "payment.confirmed"
    PAYMENT_FAILED = "payment.failed"
    REFUND_ISSUED = "refund.issued"
    PRIVACY_DATA_REQUEST = "privacy.data_request"
    PRIVACY_REDACT_CUSTOMER = "privacy.redact_customer"
    PRIVACY_REDACT_SHOP = "privacy.redact_shop"
    SOURCE_UNINSTALLED = "source.uninstalled"

    INVOICE_CREATED = "invoice.created"
    INVOICE_SENT = "invoice.sent"
    INVOICE_PAID = "invoice.paid"
    INVOICE_OVERDUE = "invoice.overdue"
    INVOICE_CLEARED = "invoice.cleared"
    INVOICE_REJECTED = "invoice.rejected"
    CREDIT_NOTE_CREATED = "credit_note.created"
    CREDIT_NOTE_SENT = "credit_note.sent"
    CREDIT_NOTE_CLEARED = "credit_note.cleared"
    CREDIT_NOTE_REJECTED = "credit_note.rejected"


_WITHIN_AN_ORDER = frozenset({EventType.PAYMENT_RECEIVED, EventType.PAYMENT_FAILED, EventType.REFUND_ISSUED})


class Event(Frozen):
    """One fact. `order` is a snapshot, `payment` and `refund` are the moved money; what a type does not need is absent."""

    type: EventType
    key: Identifier
    order_id: Identifier | None = None
    """The platform's id of the order; absent only for privacy requests and the life of a source."""
    at: AwareDatetime | None = None
    order: Order | None = None
    payment: Payment | None = None
    refund: Refund | None = None
    customer_id: Name | None = None
    email: Name | None = None
    note: Name | None = None
    test: bool = False

    @property
    def identity(self) -> str:
        """`key` as the fact is recorded under, at most 255 characters: a platform may number refunds and payments anew in each order, so
        those are named with their order."""
        if self.type not in _WITHIN_AN_ORDER or self.order_id in (None, self.key):
            return self.key
        named = f"{self.order_id}:{self.key}"
        return named if len(named) <= 255 else f"{named[:190]}:{digest(named)}"


_PAID = {FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED}


def facts(order: Order) -> list[Event]:
    """Every fact that this snapshot states, the snapshot itself first, as `order.updated` keyed by its content.

    A connector whose payload is a whole order needs nothing else: which topic brought the snapshot does not matter, so a lost or late
    `orders/paid` is made good by any later snapshot that says paid.
    """
    progress = order.progress

    def fact(type: EventType, key: str = order.id, **more: object) -> Event:
        return Event.model_validate({"type": type, "key": key, "order_id": order.id, "test": order.test, **more})

    stated = [
        fact(EventType.ORDER_UPDATED, f"{order.id[:200]}:{digest(order.canonical())[:32]}", at=order.version, order=order),
        fact(EventType.ORDER_CREATED, at=order.placed_at),
    ]
    if progress.stage is Stage.PLACED:
        stated.append(fact(EventType.ORDER_COMPLETED, at=order.placed_at))
    if progress.stage is Stage.PLACED and progress.financial in _PAID:
        stated.append(fact(EventType.PAYMENT_CONFIRMED, at=progress.paid_at))
    if progress.financial is FinancialStatus.FAILED:
        stated.append(fact(EventType.PAYMENT_FAILED))
    if progress.fulfilment is FulfilmentStatus.FULFILLED:
        stated.append(fact(EventType.ORDER_FULFILLED, at=progress.fulfilled_at))
    if progress.cancelled or progress.cancelled_at is not None:
        stated.append(fact(EventType.ORDER_CANCELLED, at=progress.cancelled_at))
    given_back = (refund for refund in order.refunds if refund.status is None)
    stated.extend(fact(EventType.REFUND_ISSUED, refund.id, at=refund.at, refund=refund) for refund in given_back)
    return stated
