"""Bodies that are almost right: every place of a recorded one, one at a time, removed or holding something else."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeGuard

from adapter.connector import Json

Step = str | int
Path = tuple[Step, ...]

HUGE_TEXT = "9" * 10_000
HUGE_NUMBER = 10**30
LARGE_ID = 9_007_199_254_740_993
"""2^53 + 1: the first integer that a double cannot hold."""

_REPLACEMENTS: Sequence[tuple[str, Any]] = (
    ("null", None),
    ("huge text", HUGE_TEXT),
    ("huge number", HUGE_NUMBER),
    ("negative huge decimal", Decimal("-1E+30")),
    ("many places", Decimal("0.1234567890123456789012345678901234567")),
    ("NaN text", "NaN"),
    ("Infinity text", "Infinity"),
    ("exponent text", "1e400"),
    ("text of a noisy float", "10.799999999999999"),
    ("other digits", "١٢٫٣٠"),
    ("empty text", ""),
    ("date that is none", "0000-00-00T00:00:00"),
    ("true", True),
    ("zero", 0),
    ("minus one", -1),
    ("empty list", []),
    ("empty object", {}),
)

_PERSONAL_KEYS = (
    "name", "first_name", "last_name", "firstname", "lastname", "company", "email", "phone", "street", "street_2", "address1", "address2",
    "address_1", "address_2", "ip", "browser_ip", "ip_address", "contact_email", "customer_ip_address", "default_address", "full_name",
)  # fmt: skip
_PEOPLE = ("buyer", "ship_to", "customer", "billing", "shipping", "address", "person", "contact", "client", "recipient", "user")


def is_mapping(value: Json) -> TypeGuard[dict[str, Json]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def paths(value: Json, at: Path = (), samples: int = 2) -> Iterator[Path]:
    """Every place in a JSON value, outermost first; of the items of a list the first `samples`, as the others are alike."""
    if at:
        yield at
    members: Sequence[tuple[Step, Json]] = ()
    if is_mapping(value):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value[:samples]))
    for step, member in members:
        yield from paths(member, (*at, step), samples)


def value_at(value: Json, path: Path) -> Json:
    """What stands at a place."""
    for step in path:
        value = value[step]
    return value


def replaced(value: Json, path: Path, by: Json) -> Json:
    """A copy with something else at a place; what is not on the way there is shared."""
    if not path:
        return by
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


def removed(value: Json, path: Path) -> Json:
    """A copy without a place."""
    copy = value.copy()
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = removed(value[path[0]], path[1:])
    return copy


def mutations(payload: Json, limit: int) -> Iterator[tuple[str, Json]]:
    """(what was done, the changed body): the whole body and every place in it, removed and as each kind of wrong value.

    At most about `limit`: where there are more, every place keeps its removal and its null, and the other kinds take turns.
    """
    for kind, other in _REPLACEMENTS:
        yield f"the body is {kind}", other
    places = list(paths(payload))
    kinds = len(_REPLACEMENTS) + 3
    stride = max(1, -(-len(places) * kinds // max(limit, 1)))
    for number, path in enumerate(places):
        name = ".".join(map(str, path))
        original = value_at(payload, path)
        yield f"{name} removed", removed(payload, path)
        wrong = [*_REPLACEMENTS, ("in a list", [original]), ("in an object", {"value": original})]
        for turn, (kind, other) in enumerate(wrong):
            if turn == 0 or (turn + number) % stride == 0:
                yield f"{name} is {kind}", replaced(payload, path, other)


def with_large_ids(payload: Json) -> Iterator[tuple[Path, Json]]:
    """Every place whose key is `id` or ends in `_id` and holds a number or its digits, with `LARGE_ID` there in the same type."""
    for path in paths(payload):
        original, key = value_at(payload, path), path[-1]
        if not isinstance(key, str) or not (key == "id" or key.endswith("_id")) or isinstance(original, bool):
            continue
        if isinstance(original, int):
            yield path, replaced(payload, path, LARGE_ID)
        elif isinstance(original, str) and original.isdecimal():
            yield path, replaced(payload, path, str(LARGE_ID))


def personal_texts(payload: Json) -> set[str]:
    """What identifies people in a body: their names, addresses, e-mails, phones, by the names of the keys; shorter than five letters is
    too likely to occur by chance."""
    found = set()
    for path in paths(payload, samples=10_000):
        value, key = value_at(payload, path), str(path[-1]).lower()
        about_people = any(person in str(step).lower() for step in path[:-1] for person in _PEOPLE)
        personal = (key in _PERSONAL_KEYS and (about_people or key not in {"name", "company"})) or key.endswith("email")
        if isinstance(value, str) and personal and len(value) >= 5:
            found.add(value)
    return found
