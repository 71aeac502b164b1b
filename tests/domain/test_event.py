"""Under which key a fact is recorded."""

import pytest

from adapter.domain.event import Event, EventType


@pytest.mark.parametrize("type", [EventType.REFUND_ISSUED, EventType.PAYMENT_RECEIVED, EventType.PAYMENT_FAILED])
def test_moved_money_is_named_with_its_order(type: EventType) -> None:
    """Two orders may each have a refund 1."""
    first, second = (Event(type=type, key="1", order_id=order).identity for order in ("a", "b"))
    assert (first, second) == ("a:1", "b:1")


def test_facts_about_an_order_are_named_by_their_key() -> None:
    assert Event(type=EventType.ORDER_COMPLETED, key="a", order_id="a").identity == "a"
    assert Event(type=EventType.PAYMENT_FAILED, key="a", order_id="a").identity == "a"
    assert Event(type=EventType.PRIVACY_DATA_REQUEST, key="request").identity == "request"


def test_long_ids_fit_and_stay_apart() -> None:
    """255 characters of an order's id and of a refund's."""
    first, second = (Event(type=EventType.REFUND_ISSUED, key="r" * 254 + end, order_id="o" * 255).identity for end in "xy")
    assert len(first) == len(second) == 255
    assert first != second
