"""What platforms write loosely, read."""

from decimal import Decimal
from typing import Any

import pytest

from adapter.domain.lenient import Key, Payload, Stated, Text, read
from adapter.errors import GiveUp


class Body(Payload):
    """A body with one field of each kind."""

    name: Text = None
    id: Key = None
    amount: Stated = None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Lamp ", "Lamp"),
        (7, "7"),
        (Decimal("1E+3"), "1000"),
        ("x" * 3_000, "x" * 2_000),
        ("  ", None),
        (True, None),
        ({"a": 1}, None),
        (None, None),
    ],
)
def test_texts(value: Any, expected: str | None) -> None:
    assert read(Body, {"name": value, "unknown": 1}, "The order").name == expected


def test_an_id_is_whole_or_none() -> None:
    assert read(Body, {"id": 9_007_199_254_740_993}, "The order").id == "9007199254740993"
    assert read(Body, {"id": "x" * 256}, "The order").id is None


def test_amounts_are_exact_and_nothing_is_none() -> None:
    assert str(read(Body, {"amount": " 12.340 "}, "The order").amount) == "12.340"
    assert read(Body, {"amount": ""}, "The order").amount is None


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(GiveUp, match=r"^The order cannot be read: amount: .*'12,30'"):
        read(Body, {"amount": "12,30"}, "The order")
    with pytest.raises(GiveUp, match=r"^The order cannot be read: the body: "):
        read(Body, [1], "The order")
