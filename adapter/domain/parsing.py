"""The one JSON parser for input that is not ours: nothing that another reader could read differently, and never a float."""

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any, NoReturn

from adapter.errors import GiveUp

Json = Any
"""A parsed JSON value: numbers with a point or an exponent are Decimals, integers are ints, nothing is a float."""

MAXIMUM_DEPTH = 64
MAXIMUM_DIGITS = 40
"""Ids exceed 2^53 and amounts may carry many places, but no honest number is longer than this."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def parse_json(body: bytes) -> Json:
    """Parse JSON strictly: UTF-8 (a byte order mark is accepted), no key twice in one object, no NaN or Infinity, no number beyond
    40 digits or 40 places from the point, no nesting beyond 64, no NUL and no lone surrogate in a text. A negative zero becomes zero.

    Any JSON value may stand at the top. Raises `GiveUp`, and nothing else, with one of these codes before the colon: `not_utf8`,
    `not_json`, `duplicate_key`, `bad_number`, `too_deep`, `bad_text`. The caller bounds the size.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GiveUp(f"not_utf8: byte {error.start} of the body is not UTF-8") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise GiveUp(f"not_json: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    _check(value)
    return value


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise GiveUp(f"duplicate_key: {_shown(twice)} occurs twice")
    return result


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAXIMUM_DIGITS:
        _bad_number(text)
    return int(text)


def _decimal(text: str) -> Decimal:
    digits, _, exponent = text.lower().partition("e")
    if len(digits.lstrip("-")) > MAXIMUM_DIGITS + 1 or len(exponent) > 4 or abs(int(exponent or 0)) > MAXIMUM_DIGITS:
        _bad_number(text)
    value = Decimal(text)
    return value if value else value.copy_abs()


def _constant(text: str) -> NoReturn:
    raise GiveUp(f"bad_number: {text} is not a number in JSON")


def _bad_number(text: str) -> NoReturn:
    raise GiveUp(f"bad_number: {text[:20]}{'…' if len(text) > 20 else ''} has more than {MAXIMUM_DIGITS} digits or places")


def _check(value: Json) -> None:
    """Depth and texts, level by level without recursion. Postgres can store neither NUL nor a lone surrogate."""
    level, depth = [value], 0
    while level:
        depth += 1
        below: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                for key, member in item.items():
                    _check_text(key, "a key")
                    if isinstance(member, str):
                        _check_text(member, _shown(key))
                    elif isinstance(member, dict | list):
                        below.append(member)
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                _check_text(item, "a text")
        if depth > MAXIMUM_DEPTH and any(isinstance(item, dict | list) for item in level):
            raise _too_deep()
        level = below


def _check_text(text: str, where: str) -> None:
    if _UNSTORABLE.search(text):
        raise GiveUp(f"bad_text: {where} contains NUL or half a character (a lone surrogate)")


def _too_deep() -> GiveUp:
    return GiveUp(f"too_deep: more than {MAXIMUM_DEPTH} levels of nesting")


def _shown(key: str) -> str:
    return json.dumps(key[:40])
