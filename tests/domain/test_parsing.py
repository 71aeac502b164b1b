"""The strict JSON parser: exact numbers, and one reading or none."""

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.parsing import parse_json
from adapter.errors import GiveUp


def code(body: bytes) -> str:
    with pytest.raises(GiveUp) as caught:
        parse_json(body)
    return str(caught.value).partition(":")[0]


def test_numbers_are_exact() -> None:
    value = parse_json(b'{"price":12345678901234567.89,"id":820982911946154508123,"rate":0.190,"tiny":1e-7,"big":1.5E+3}')
    assert value == {
        "price": Decimal("12345678901234567.89"),
        "id": 820982911946154508123,
        "rate": Decimal("0.190"),
        "tiny": Decimal("1e-7"),
        "big": Decimal("1500"),
    }
    assert [type(number) for number in value.values()] == [Decimal, int, Decimal, Decimal, Decimal]
    assert str(value["rate"]) == "0.190"


@pytest.mark.parametrize(("written", "exact"), [(b"-0", "0"), (b"-0.0", "0.0"), (b"-0.00", "0.00"), (b"-0e5", "0E+5"), (b"-1.50", "-1.50")])
def test_negative_zero_is_zero(written: bytes, exact: str) -> None:
    assert str(parse_json(written)) == exact


def test_a_key_twice_is_refused_by_name() -> None:
    with pytest.raises(GiveUp, match=r'^duplicate_key: "total" occurs twice$'):
        parse_json(b'{"total":1,"total":999}')
    assert code(b'{"order":{"a":1,"\\u0061":2}}') == "duplicate_key"
    assert parse_json(b'[{"a":1},{"a":2}]') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "1e999999999", "1e-999999999", "0e999999999", "1E+1000000", "1e41"]
)
def test_numbers_that_are_none_or_endless(number: str) -> None:
    assert code(b'{"total":%s}' % number.encode()) == "bad_number"


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_the_number_of_digits_is_bounded(sign: bytes) -> None:
    assert abs(parse_json(sign + b"9" * 40)) == 10**40 - 1
    assert code(sign + b"9" * 41) == "bad_number"
    assert code(sign + b"9" * 5000) == "bad_number"
    assert parse_json(sign + b"1." + b"9" * 39).copy_abs() == Decimal("1." + "9" * 39)
    assert code(sign + b"1." + b"9" * 40) == "bad_number"
    assert code(sign + b"1." + b"9" * 100_000) == "bad_number"
    assert code(b"1e" + b"9" * 100_000) == "bad_number"


@pytest.mark.parametrize("number", ["1_000", "\u0661\u0662", "+1", "01", "1.", ".5", "0x10", "1,5", "--1"])
def test_numbers_that_json_does_not_know(number: str) -> None:
    assert code(b'{"total":%s}' % number.encode()) == "not_json"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    levels = 64 // (opening.count(b"[") + opening.count(b"{"))
    assert parse_json(opening * levels + b"1" + closing * levels)
    assert code(opening * (levels + 1) + b"1" + closing * (levels + 1)) == "too_deep"
    assert code(opening * 1_000 + b"1" + closing * 1_000) == "too_deep"
    assert code(opening * 100_000 + b"1" + closing * 100_000) == "too_deep"
    assert code(opening * 100_000) in {"too_deep", "not_json"}


def test_texts_are_utf8() -> None:
    assert parse_json(b'\xef\xbb\xbf{"name":"M\xc3\xbcller \xe6\xbc\xa2 \\u00fc \\ud83d\\ude00"}') == {"name": "Müller 漢 ü 😀"}
    assert code('{"a":1}'.encode("utf-16")) == "not_utf8"
    assert code('{"a":1}'.encode("utf-16-le")) == "not_json"
    assert code(b'{"a":"\xff"}') == "not_utf8"
    assert code(b'{"a":"\xed\xa0\x80"}') == "not_utf8"


@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000b", r"\ud800", r"\udc00x", r"\ude00\ud83d"])
@pytest.mark.parametrize("place", ['"%s"', '["%s"]', '{"a":"%s"}', '{"%s":1}', '{"a":[{"b":["%s"]}]}'])
def test_texts_that_cannot_be_stored(text: str, place: str) -> None:
    assert code((place % text).encode()) == "bad_text"


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"\xef\xbb\xbf", b"{", b'{"a":1}x', b'{"a":1}{"b":2}', b'{"a":1,}', b"[1,]", b"{'a':1}", b'{"a":1}//', b'"\n"', b"{a:1}"],
)
def test_what_is_not_json(body: bytes) -> None:
    assert code(body) == "not_json"


@pytest.mark.parametrize(("body", "value"), [(b"null", None), (b"[]", []), (b'"text"', "text"), (b"true", True), (b" 7 ", 7)])
def test_any_value_may_stand_at_the_top(body: bytes, value: object) -> None:
    assert parse_json(body) == value


@given(st.binary(max_size=200))
def test_total_over_bytes(body: bytes) -> None:
    with contextlib.suppress(GiveUp):
        parse_json(body)


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**39), 10**39) | _texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_texts, inner, max_size=5),
    max_leaves=20,
)


@given(_values, st.booleans())
def test_reads_back_what_was_written(value: object, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value
