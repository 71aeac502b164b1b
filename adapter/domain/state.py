"""The fold: what a source's events about one order come to, in whatever order and however often they arrive."""

from datetime import UTC, datetime
from decimal import Decimal

from pydantic import AwareDatetime, Field

from adapter.domain.event import Event, EventType
from adapter.domain.frozen import Frozen, digest
from adapter.domain.money import exact_sum
from adapter.domain.order import FinancialStatus, FulfilmentStatus, Order, Payment, PaymentKind, Refund

PAID_STATUSES = frozenset({FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED})
"""The states of the money in which the whole total has come in at some time."""

PAYING_KINDS = frozenset({PaymentKind.SALE, PaymentKind.CAPTURE, PaymentKind.GIFT_CARD, PaymentKind.STORE_CREDIT})
"""The movements that bring money in; an authorisation only promises it."""

_UNPAID_STATUSES = frozenset({FinancialStatus.UNKNOWN, FinancialStatus.PENDING, FinancialStatus.AUTHORISED, FinancialStatus.PARTIALLY_PAID})
_FULFILMENT_RANK = {
    FulfilmentStatus.UNKNOWN: 0,
    FulfilmentStatus.UNFULFILLED: 1,
    FulfilmentStatus.PARTIAL: 2,
    FulfilmentStatus.FULFILLED: 3,
    FulfilmentStatus.RESTOCKED: 4,
}
_PAYMENT_RANK = {"pending": 0, "failure": 1, "success": 2}
_NEVER = datetime.min.replace(tzinfo=UTC)


def paid_amount(order: Order) -> Decimal:
    """What has been paid of an order in major units, refunds not deducted.

    The whole total once the platform has called it paid; else the larger of its own figure and the successful payments.
    """
    if order.progress.financial in PAID_STATUSES:
        return order.totals.total
    received = exact_sum(payment.amount for payment in order.payments if payment.kind in PAYING_KINDS and payment.status == "success")
    return max(received, order.totals.paid or Decimal(0))


class OrderState(Frozen):
    """Everything known about one order: the newest snapshot, every refund and payment ever seen, and when each fact was first true."""

    order: Order | None = None
    refunds: tuple[Refund, ...] = ()
    payments: tuple[Payment, ...] = ()
    facts: dict[EventType, AwareDatetime | None] = Field(default_factory=dict)
    """The types of event that were seen, each with the earliest time that one of them stated."""

    @property
    def paid(self) -> bool:
        """Whether the whole total has come in at some time, even if it was given back since."""
        order = self._merged()
        if EventType.PAYMENT_CONFIRMED in self.facts or order is None:
            return EventType.PAYMENT_CONFIRMED in self.facts
        return order.progress.financial in PAID_STATUSES or 0 < order.totals.total <= paid_amount(order)

    @property
    def cancelled(self) -> bool:
        """Whether the order was ever cancelled."""
        progress = self.order.progress if self.order else None
        stated = progress is not None and (progress.cancelled or progress.cancelled_at is not None)
        return stated or EventType.ORDER_CANCELLED in self.facts

    def effective(self) -> Order | None:
        """The newest snapshot with every refund and payment ever seen, and with the facts that arrived beside snapshots.

        An order whose payment was confirmed counts as paid, and one whose cancellation was announced as cancelled, although the newest
        snapshot may not say so yet: unless it is newer and says how much came in, since the order has grown after it was paid.
        """
        order = self._merged()
        if order is None:
            return None
        progress = order.progress
        if EventType.PAYMENT_CONFIRMED in self.facts and progress.financial in _UNPAID_STATUSES and not self._owed_since(order):
            paid_at = progress.paid_at or self.facts[EventType.PAYMENT_CONFIRMED]
            progress = progress.model_copy(update={"financial": FinancialStatus.PAID, "paid_at": paid_at})
        if self.cancelled:
            cancelled_at = progress.cancelled_at or self.facts.get(EventType.ORDER_CANCELLED)
            progress = progress.model_copy(update={"cancelled": True, "cancelled_at": cancelled_at})
        return order.model_copy(update={"progress": progress})

    def _owed_since(self, order: Order) -> bool:
        confirmed = self.facts[EventType.PAYMENT_CONFIRMED]
        newer = order.version is not None and (confirmed is None or order.version > confirmed)
        return newer and order.progress.financial is FinancialStatus.PARTIALLY_PAID and paid_amount(order) > 0

    def _merged(self) -> Order | None:
        return self.order and self.order.model_copy(update={"refunds": self.refunds, "payments": self.payments})


def fold(state: OrderState, event: Event) -> OrderState:
    """The state with one more event. Any permutation of the same events, with any repetitions, ends in an equal state."""
    snapshots = [order for order in (state.order, event.order) if order is not None]
    refunds = [*state.refunds, *(event.order.refunds if event.order else ()), *([event.refund] if event.refund else ())]
    payments = [*state.payments, *(event.order.payments if event.order else ()), *([event.payment] if event.payment else ())]
    return OrderState(
        order=_newest(snapshots),
        refunds=_refunds(refunds),
        payments=_payments(payments),
        facts={**state.facts, event.type: _earliest(state.facts.get(event.type), event.at)},
    )


def _newest(snapshots: list[Order]) -> Order | None:
    """By version, then by what can only grow (refunds, money, fulfilment, cancellation), then by content: equal versions do differ."""
    if not snapshots:
        return None
    return max(snapshots, key=_age if len({_age(order) for order in snapshots}) > 1 else _content)


def _age(order: Order) -> tuple[object, ...]:
    progress = order.progress
    return (
        order.version or _NEVER,
        len(order.refunds),
        paid_amount(order),
        _FULFILMENT_RANK[progress.fulfilment],
        progress.cancelled or progress.cancelled_at is not None,
    )


def _content(value: Frozen) -> str:
    return digest(value.canonical())


def _refunds(refunds: list[Refund]) -> tuple[Refund, ...]:
    """One per id, oldest first. Of two that differ the one that says more wins: a platform may state a refund first by its amount alone.
    It has succeeded once anybody says so."""
    chosen: dict[str, Refund] = {}
    for refund in refunds:
        other = chosen.get(refund.id, refund)
        status = max(refund.status, other.status, key=("pending", "failure", None).index)
        chosen[refund.id] = max(refund, other, key=_detail).model_copy(update={"status": status})
    return tuple(sorted(chosen.values(), key=lambda refund: (refund.at or _NEVER, refund.id)))


def _detail(refund: Refund) -> tuple[int, bool, bool, str]:
    parts = len(refund.lines) + len(refund.adjustments) + (refund.shipping is not None)
    return parts, refund.money is not None, refund.at is not None, _content(refund.model_copy(update={"status": None}))


def _payments(payments: list[Payment]) -> tuple[Payment, ...]:
    """One per id, oldest first; a success wins over a failure, and both over what was still pending."""
    chosen: dict[str, Payment] = {}
    for payment in payments:
        other = chosen.get(payment.id)
        if other is None or _outcome(payment) > _outcome(other):
            chosen[payment.id] = payment
    return tuple(sorted(chosen.values(), key=lambda payment: (payment.at or _NEVER, payment.id)))


def _outcome(payment: Payment) -> tuple[int, bool, str]:
    return _PAYMENT_RANK[payment.status], payment.at is not None, _content(payment)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two times, None being unknown; of two ways to write one moment always the same."""
    known = [time for time in (one, other) if time is not None]
    return min(known, key=lambda time: (time, time.isoformat()), default=None)
