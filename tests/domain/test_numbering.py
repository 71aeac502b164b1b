from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.numbering import NumberFormat, Reset, period
from adapter.errors import Misconfigured

DAY = date(2026, 3, 7)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("INV-{year}-{n:06}", "INV-2026-000042"),
        ("{yy}{month:02}/{n}", "2603/42"),
        ("RE_{month}-{n:3}", "RE_3-042"),
        ("{n}", "42"),
        ("A.{n}+{year}", "A.42+2026"),
    ],
)
def test_numbers_are_written_as_the_format_says(text: str, number: str) -> None:
    assert NumberFormat.parse(text).number(42, DAY) == number


def test_a_number_that_outgrows_its_padding_is_written_in_full() -> None:
    assert NumberFormat.parse("{n:02}").next_numbers(3, DAY, first=99) == ("99", "100", "101")


@pytest.mark.parametrize(
    ("text", "reset", "problem"),
    [
        ("INV-{year}", "never", "must contain {n}"),
        ("", "never", "must contain {n}"),
        ("{n}-{n}", "never", "exactly once"),
        ("INV {n}", "never", "'INV ' has characters beyond"),
        ("№{n}", "never", "has characters beyond"),
        ("#{n}", "never", "has characters beyond"),
        ("INV-{n}", "yearly", "must contain {year} or {yy}"),
        ("INV-{n}", "monthly", "must contain {year} or {yy}"),
        ("{year}-{n}", "monthly", "must contain {month:02}"),
        ("{year}-{month}{n}", "monthly", "write {month:02}"),
        ("{year}-{n}0{month}", "never", "write {month:02}"),
        ("{month}{year}{n}", "monthly", "write {month:02}"),
        ("{day}-{n}", "never", "{day} is not known"),
        ("{n:>6}", "never", "{n} is not known"),
        ("{n!r}", "never", "{n} is not known"),
        ("{n.real}", "never", "{n.real} is not known"),
        ("{0}{n}", "never", "{0} is not known"),
        ("{n", "never", "cannot be read"),
        ("INVOICE-OF-THE-KILN-{year}-{n:020}", "never", "makes numbers of 45 characters; at most 35"),
        ("{n}", "daily", "'daily' is not one of never, yearly, monthly"),
    ],
)
def test_formats_that_cannot_work_are_refused(text: str, reset: str, problem: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        NumberFormat.parse(text, reset)
    assert problem in str(refused.value)


def test_warnings_name_who_refuses() -> None:
    assert NumberFormat.parse("INV-{year}-{n:06}", "yearly").warnings() == ()
    long, longer, point, monthly = NumberFormat.parse("INVOICE.{year}-{month:02}-{n:06}", "monthly").warnings()
    assert long == "numbers reach 22 characters; India accepts at most 16"
    assert longer == "numbers reach 22 characters; Italy accepts at most 20"
    assert "French" in point
    assert "France" in monthly
    assert NumberFormat.parse("INVOICE.{year}-{month:02}-{n:06}", "monthly").warnings("IN") == (
        long,
        "India accepts letters, digits, - and / only",
    )
    assert NumberFormat.parse("INVOICE.{year}-{month:02}-{n:06}", "monthly").warnings("IT") == (longer,)
    assert NumberFormat.parse("INV_{yy}-{n}").warnings("IN") == ("India accepts letters, digits, - and / only",)
    assert NumberFormat.parse("INV/{yy}-{n}").warnings("IN") == ()
    assert NumberFormat.parse("INVOICE.{year}-{month:02}-{n:06}", "monthly").warnings("FR") == (point, monthly)
    assert NumberFormat.parse("INVOICE.{year}-{month:02}-{n:06}", "monthly").warnings("DE") == ()


@pytest.mark.parametrize(("reset", "key"), [(Reset.NEVER, "all"), (Reset.YEARLY, "2026"), (Reset.MONTHLY, "2026-03")])
def test_the_counter_of_a_day(reset: Reset, key: str) -> None:
    assert period(DAY, reset) == key
    assert NumberFormat.parse("{year}-{month:02}-{n}", reset).period(DAY) == key


def test_numbers_start_at_one() -> None:
    with pytest.raises(ValueError, match="start at 1"):
        NumberFormat.parse("{n}").number(0, DAY)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("{year}-{n}", "{year}-{n:06}", True), ("INV-{n}", "CN-{n}", False), ("{n}-{year}", "{year}-{n}", False), ("A{n:3}", "A{n}", True)],
)
def test_two_series_that_write_the_same_numbers(one: str, other: str, same: bool) -> None:
    assert NumberFormat.parse(one).same_numbers(NumberFormat.parse(other)) is same


PIECES = st.sampled_from(["{year}", "{yy}", "{month}", "{month:02}", "{n}", "{n:03}", "-", "1", "A"])
DAYS = [date(2025, 12, 31) + timedelta(days=31 * step) for step in range(0, 26, 1)]
COUNTS = [1, 2, 11, 12, 21, 101, 110, 111, 1101, 1111]


@given(st.lists(PIECES, max_size=5), st.sampled_from(list(Reset)))
def test_no_accepted_format_gives_one_number_twice(pieces: list[str], reset: Reset) -> None:
    try:
        accepted = NumberFormat.parse("".join(pieces), reset)
    except Misconfigured:
        return
    drawn: dict[str, tuple[str, int]] = {}
    for day, n in product(DAYS, COUNTS):
        counter = (accepted.period(day), n)
        if reset is not Reset.NEVER:  # without a reset each count is drawn once, on one day
            assert drawn.setdefault(accepted.number(n, day), counter) == counter
