from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapter.domain.money import (
    allocate,
    currency_code,
    divide_half_up,
    exact,
    exact_sum,
    exponent,
    from_minor,
    place,
    plain,
    quotient,
    share_out,
    text,
    to_minor,
)


@pytest.mark.parametrize(
    ("value", "result"),
    [("12.30", "12.30"), ("-0.00", "0"), (5, "5"), (Decimal("1.10"), "1.10"), (Decimal("1E+2"), "100"), ("0." + "1" * 20, "0." + "1" * 20)],
)
def test_amounts_are_taken_exactly(value: Any, result: str) -> None:
    assert plain(exact(value)) == result


@pytest.mark.parametrize(
    "value",
    [1.5, True, None, "", "1e3", "1_000", " 1", "+1", "١", "NaN", Decimal("NaN"), Decimal("Infinity"), Decimal("1E+60"), "1" * 16, "1."],
)
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        exact(value)


@pytest.mark.parametrize(("currency", "places"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("XAU", 0)])
def test_minor_units_follow_iso_4217(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("2.675", "EUR", 268),
        ("-2.675", "EUR", -268),
        ("0.004999", "EUR", 0),
        ("500", "JPY", 500),
        ("499.5", "JPY", 500),
        ("1.2345", "KWD", 1235),
    ],
)
def test_rounding_is_half_away_from_zero(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


def test_text_of_the_wire() -> None:
    assert [text(1999, "EUR"), text(-5, "EUR"), text(0, "EUR"), text(500, "JPY"), text(1235, "KWD")] == [
        "19.99",
        "-0.05",
        "0.00",
        "500",
        "1.235",
    ]
    assert from_minor(1999, "EUR") == Decimal("19.99")


def test_a_currency_that_the_standard_does_not_know_is_refused() -> None:
    assert currency_code("eur") == "EUR"
    with pytest.raises(ValueError, match="'EURO' is not an ISO 4217"):
        currency_code("EURO")


def test_sums_beyond_28_digits_stay_exact() -> None:
    assert exact_sum([Decimal("100000000000000"), Decimal("0.00000000000000000001")]) == Decimal("100000000000000.00000000000000000001")


@pytest.mark.parametrize(
    ("amount", "quantity", "currency", "price"),
    [("10.00", "4", "EUR", "2.50"), ("10.00", "3", "EUR", "3.333333"), ("1000", "3", "JPY", "333.333333"), ("9", "1.5", "KWD", "6.000")],
)
def test_the_price_of_one(amount: str, quantity: str, currency: str, price: str) -> None:
    assert plain(quotient(Decimal(amount), Decimal(quantity), currency)) == price


def test_nothing_is_divided_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        quotient(Decimal(1), Decimal(0), "EUR")
    with pytest.raises(ZeroDivisionError):
        divide_half_up(1, 0)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**6), 10**6).filter(bool))
def test_division_rounds_half_away_from_zero(numerator: int, denominator: int) -> None:
    result, ideal = divide_half_up(numerator, denominator), Fraction(numerator, denominator)
    assert abs(result - ideal) <= Fraction(1, 2)
    assert abs(result) >= abs(ideal) or abs(result - ideal) < Fraction(1, 2)


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_allocation_is_exact_and_near_its_ideal(total: int, weights: list[int]) -> None:
    assume(sum(weights))
    shares = allocate(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total * weight, sum(weights))) < 1
        assert weight or share == 0


def test_allocation_refuses_what_has_no_answer() -> None:
    assert allocate(0, [0, 0]) == [0, 0]
    assert allocate(1, [1, 1]) == [1, 0]
    with pytest.raises(ValueError, match="every weight is zero"):
        allocate(5, [0, 0])
    with pytest.raises(ValueError, match="must not be negative"):
        allocate(5, [1, -1])


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=20))
def test_sharing_out_over_signed_parts(total: int, parts: list[int]) -> None:
    whole = sum(parts)
    assume(whole)
    shares = share_out(total, parts)
    assert sum(shares) == total
    for share, part in zip(shares, parts, strict=True):
        assert abs(share - Fraction(total * part, whole)) < 1
        if total * whole >= 0 and abs(total) <= abs(whole):
            assert min(0, part) <= share <= max(0, part)


def test_sharing_out_over_parts_that_cancel_is_refused() -> None:
    assert share_out(0, [5, -5]) == [0, 0]
    with pytest.raises(ValueError, match="add up to zero"):
        share_out(1, [5, -5])


@pytest.mark.parametrize(
    ("amounts", "total", "placed"),
    [
        (["0.588", "0.735"], 133, [59, 74]),
        (["0.583", "0.744"], 133, [58, 75]),
        (["0.335", "0.335", "0.33"], 100, [33, 34, 33]),
        (["0.50", "0.49"], 100, [50, 49]),  # no digit was cut off: the difference is not one of rounding
        (["-0.335", "1.335"], 100, [-34, 134]),
        ([], 7, []),
    ],
)
def test_placing_amounts_with_many_digits(amounts: list[str], total: int, placed: list[int]) -> None:
    assert place([Decimal(amount) for amount in amounts], total, "EUR") == placed


@given(st.lists(st.integers(-(10**9), 10**9), max_size=20))
def test_placing_meets_the_rounded_sum(millionths: list[int]) -> None:
    amounts = [Decimal(each).scaleb(-6) for each in millionths]
    total = to_minor(exact_sum(amounts), "EUR")
    placed = place(amounts, total, "EUR")
    assert sum(placed) == total
    assert all(abs(unit - amount * 100) < 1 for unit, amount in zip(placed, amounts, strict=True))
