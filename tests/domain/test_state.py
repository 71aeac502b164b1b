from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.domain.event import Event, EventType, facts
from adapter.domain.order import FinancialStatus, FulfilmentStatus, Order, Payment, Refund
from adapter.domain.state import OrderState, fold, paid_amount
from tests.domain.baskets import line, order

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TIMES = [None, NOON, NOON + timedelta(hours=1), NOON.astimezone(timezone(timedelta(hours=2)))]


def snapshot(version: datetime | None = NOON, **more: Any) -> Order:
    return order("10.00", "0", line("a", "10.00"), version=version, **more)


def seen(*events: Event) -> OrderState:
    return reduce(fold, events, OrderState())


def updated(basket: Order) -> Event:
    return Event(type=EventType.ORDER_UPDATED, key="k", order_id=basket.id, at=basket.version, order=basket)


def test_the_newest_snapshot_wins_whenever_it_arrives() -> None:
    old, new = snapshot(NOON, notes="old"), snapshot(NOON + timedelta(seconds=1), notes="new")
    assert seen(updated(old), updated(new)) == seen(updated(new), updated(old))
    assert seen(updated(new), updated(old)).order == new
    assert seen(updated(old), updated(snapshot(None, notes="unversioned"))).order == old


def test_equal_versions_are_told_apart_by_what_can_only_grow() -> None:
    base = snapshot()
    refunded = snapshot(refunds=[Refund(id="r1", money=Decimal(1))])
    paid = snapshot(progress={"financial": "paid"})
    fulfilled = snapshot(progress={"fulfilment": "fulfilled"})
    cancelled = snapshot(progress={"cancelled": True})
    ladder = [base, cancelled, fulfilled, paid, refunded]
    for lower, higher in pairwise(ladder):
        assert seen(updated(higher), updated(lower)).order == higher
        assert seen(updated(lower), updated(higher)).order == higher


def test_refunds_and_payments_are_united_from_everywhere() -> None:
    first, second = Refund(id="r1", money=Decimal(1), at=NOON + timedelta(hours=2)), Refund(id="r2", money=Decimal(2), at=NOON)
    sale = Payment(id="p1", kind="sale", amount=Decimal(4))
    state = seen(
        updated(snapshot(NOON, refunds=[first])),
        Event(type=EventType.REFUND_ISSUED, key="r2", order_id="9001", refund=second),
        Event(type=EventType.PAYMENT_RECEIVED, key="p1", order_id="9001", payment=sale),
        updated(snapshot(NOON + timedelta(days=1), notes="without them")),
    )
    effective = state.effective()
    assert effective is not None
    assert effective.notes == "without them"
    assert [each.id for each in effective.refunds] == ["r2", "r1"]
    assert effective.payments == (sale,)
    assert (state.paid, paid_amount(effective)) == (False, Decimal(4))


def test_of_two_accounts_of_one_fact_the_fuller_wins() -> None:
    thin = Refund(id="r1", money=Decimal(5))
    full = Refund.model_validate({"id": "r1", "lines": [{"line": "a", "amount": "5"}], "money": "5"})
    pending, done = (Payment.model_validate({"id": "p", "kind": "sale", "amount": "5", "status": each}) for each in ("pending", "success"))
    one = snapshot(refunds=[thin], payments=[done])
    other = snapshot(refunds=[full], payments=[pending])
    for state in (seen(updated(one), updated(other)), seen(updated(other), updated(one))):
        assert (state.refunds, state.payments) == ((full,), (done,))


def test_a_refund_has_succeeded_once_anybody_says_so() -> None:
    """Whichever account says more of it, in any order; one that is on its way is no fact yet."""
    pending = Refund.model_validate({"id": "r1", "lines": [{"line": "a", "amount": "5"}], "money": "5", "status": "pending"})
    thin = Refund(id="r1", money=Decimal(5))
    for state in (seen(updated(snapshot(refunds=[pending])), issued(thin)), seen(issued(thin), updated(snapshot(refunds=[pending])))):
        assert state.refunds == (pending.model_copy(update={"status": None}),)
    assert not pending.decided
    assert [each.type for each in facts(snapshot(refunds=[pending, thin.model_copy(update={"id": "r2"})]))].count("refund.issued") == 1


def issued(refund: Refund) -> Event:
    return Event(type=EventType.REFUND_ISSUED, key=refund.id, order_id="9001", refund=refund)


def test_facts_keep_their_earliest_time() -> None:
    def paid_at(at: datetime | None) -> Event:
        return Event(type=EventType.PAYMENT_CONFIRMED, key="9001", order_id="9001", at=at)

    assert seen(paid_at(None)).facts == {EventType.PAYMENT_CONFIRMED: None}
    assert seen(paid_at(None), paid_at(NOON), paid_at(NOON + timedelta(hours=1))).facts == {EventType.PAYMENT_CONFIRMED: NOON}
    assert seen(paid_at(None)).paid


def test_facts_that_the_snapshot_does_not_know_yet_count() -> None:
    state = seen(
        updated(snapshot(progress={"financial": "pending"})),
        Event(type=EventType.PAYMENT_CONFIRMED, key="9001", order_id="9001", at=NOON),
        Event(type=EventType.ORDER_CANCELLED, key="9001", order_id="9001", at=NOON),
    )
    effective = state.effective()
    assert effective is not None
    assert effective.progress.financial is FinancialStatus.PAID
    assert (effective.progress.paid_at, effective.progress.cancelled, effective.progress.cancelled_at) == (NOON, True, NOON)
    assert (state.paid, state.cancelled) == (True, True)


def test_an_order_that_grew_after_it_was_paid_owes_the_rest() -> None:
    """What a newer snapshot says came in counts; one that is not newer, or names no money, does not know of the payment."""

    def financial(version: datetime, confirmed_at: datetime | None = NOON, **totals: str) -> FinancialStatus:
        confirmed = Event(type=EventType.PAYMENT_CONFIRMED, key="9001", order_id="9001", at=confirmed_at)
        grown = snapshot(version, progress={"financial": "partially_paid"})
        grown = grown.model_copy(update={"totals": grown.totals.model_copy(update={key: Decimal(paid) for key, paid in totals.items()})})
        effective = seen(confirmed, updated(grown)).effective()
        assert effective == seen(updated(grown), confirmed).effective()
        assert effective is not None
        return effective.progress.financial

    assert financial(NOON + timedelta(hours=1), paid="4") is FinancialStatus.PARTIALLY_PAID
    assert financial(NOON, None, paid="4") is FinancialStatus.PARTIALLY_PAID
    assert financial(NOON + timedelta(hours=1)) is FinancialStatus.PAID
    assert financial(NOON, paid="4") is FinancialStatus.PAID


def test_an_order_of_which_nothing_is_known() -> None:
    state = OrderState()
    assert (state.effective(), state.paid, state.cancelled) == (None, False, False)


def test_payments_alone_can_pay_an_order() -> None:
    def state(kind: str, amount: str, status: str = "success") -> OrderState:
        return seen(updated(snapshot(payments=[{"id": "p", "kind": kind, "amount": amount, "status": status}])))

    assert state("gift_card", "10").paid
    assert not state("sale", "9.99").paid
    assert not state("sale", "10", "failure").paid
    assert not state("authorisation", "10").paid
    assert not seen(updated(order("0", "0"))).paid


def test_a_state_survives_being_stored() -> None:
    state = seen(*facts(snapshot(refunds=[{"id": "r1", "money": "3"}], progress={"financial": "paid"}, placed_at=NOON)))
    assert OrderState.model_validate_json(state.canonical()) == state


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    times = st.sampled_from(TIMES)
    refund = st.builds(
        Refund,
        id=st.sampled_from(["r1", "r2", "r3"]),
        money=st.sampled_from([None, Decimal(1), Decimal("1.0"), Decimal(2)]),
        at=times,
        status=st.sampled_from([None, "pending", "failure"]),
    )
    payment = st.builds(
        Payment,
        id=st.sampled_from(["p1", "p2"]),
        kind=st.sampled_from(["sale", "gift_card"]),
        amount=st.sampled_from([Decimal(4), Decimal(10)]),
        status=st.sampled_from(["success", "pending", "failure"]),
        at=times,
    )
    basket = st.builds(
        snapshot,
        version=times,
        notes=st.sampled_from([None, "a", "b"]),
        refunds=st.lists(refund, max_size=2),
        payments=st.lists(payment, max_size=2),
        progress=st.fixed_dictionaries(
            {
                "financial": st.sampled_from(list(FinancialStatus)),
                "fulfilment": st.sampled_from(list(FulfilmentStatus)),
                "cancelled": st.booleans(),
            }
        ),
    )
    event = st.one_of(
        st.builds(updated, basket),
        st.builds(Event, type=st.just(EventType.REFUND_ISSUED), key=st.just("r"), refund=refund, at=times),
        st.builds(Event, type=st.just(EventType.PAYMENT_RECEIVED), key=st.just("p"), payment=payment, at=times),
        st.builds(Event, type=st.sampled_from(list(EventType)), key=st.just("k"), at=times),
    )
    return draw(st.lists(event, min_size=1, max_size=6))


@settings(max_examples=1500, deadline=None)
@given(events(), st.data())
def test_any_order_of_arrival_with_repetitions_ends_in_one_state(story: list[Event], data: st.DataObject) -> None:
    told = seen(*story)
    again = data.draw(st.permutations([*story, *data.draw(st.lists(st.sampled_from(story), max_size=4))]))
    retold = seen(*again)
    assert retold == told
    assert retold.canonical() == told.canonical()
    assert fold(told, data.draw(st.sampled_from(story))) == told
    effective = told.effective()
    assert effective is None or (effective.refunds, effective.payments) == (told.refunds, told.payments)
