"""The kit is worth what it catches: each fault, put into a sound connector, fails the test that is there for it."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from adapter.conformance import ConnectorSuite
from adapter.conformance.mutations import LARGE_ID
from adapter.connector import Connector, Context, Json, Pull, SourceSettings
from adapter.domain.event import Event, EventType
from adapter.errors import GiveUp
from connectors.standard import connector as sound

TOPIC = "order.completed"
CASE = "order.completed--german-business-discount"


def faulty(translate: Callable[[Json, Context], Sequence[Event]]) -> Connector:
    """The sound connector with another translator for one topic."""
    return replace(sound, events={**sound.events, TOPIC: translate})


def suite(connector: Connector, **attributes: Any) -> ConnectorSuite:
    return type("TestFaulty", (ConnectorSuite,), {"connector": connector, **attributes})()


def run(connector: Connector, test: str) -> None:
    """Run one standard test on the case that the faults are about, or without a case."""
    kit = suite(connector)
    method = getattr(kit, test)
    if "case" in method.__code__.co_varnames[: method.__code__.co_argcount]:
        method(next(case for case in kit.cases() if str(case) == CASE))
    else:
        method()


def sound_fixtures() -> Path:
    return Path(__file__).parents[2] / "connectors/standard/fixtures"


def right(payload: Json, context: Context) -> list[Event]:
    return list(sound.events[TOPIC](payload, context))


def trusts_keys(payload: Json, context: Context) -> list[Event]:
    return right(payload, context) if payload["data"]["lines"][0]["id"] else []


def tells_names(payload: Json, context: Context) -> list[Event]:
    try:
        return right(payload, context)
    except GiveUp:
        raise GiveUp(f"cannot read {payload}"[:900]) from None


def changes_its_input(payload: Json, context: Context) -> list[Event]:
    events = right(payload, context)
    payload["data"].pop("tags", None)
    return events


_calls = itertools.count()


def keeps_state(payload: Json, context: Context) -> list[Event]:
    return [event.model_copy(update={"note": str(next(_calls))}) for event in right(payload, context)]


def draws_keys(payload: Json, context: Context) -> list[Event]:
    return [event.model_copy(update={"key": str(next(_calls))}) for event in right(payload, context)]


def says_it_twice(payload: Json, context: Context) -> list[Event]:
    return right(payload, context) * 2


def makes_invoices(payload: Json, context: Context) -> list[Event]:
    return [Event(type=EventType.INVOICE_CREATED, key="1", order_id="1")]


def loses_a_line(payload: Json, context: Context) -> list[Event]:
    return [
        event.model_copy(update={"order": event.order.model_copy(update={"lines": event.order.lines[:-1]})}) if event.order else event
        for event in right(payload, context)
    ]


def doubles_a_quantity(payload: Json, context: Context) -> list[Event]:
    return [
        event.model_copy(
            update={
                "order": event.order.model_copy(
                    update={"lines": tuple(line.model_copy(update={"quantity": 9}) for line in event.order.lines)}
                )
            }
        )
        if event.order
        else event
        for event in right(payload, context)
    ]


def asks_the_body(payload: Json, context: Context) -> Sequence[Pull]:
    channel = payload["data"].get("channel") if isinstance(payload, dict) and isinstance(payload.get("data"), dict) else None
    return [Pull("order", f"https://{'shop' if channel else 'evil'}.example/orders/1")]


def anyone(body: bytes, headers: Mapping[str, Sequence[str]], secrets: Sequence[str], url: str, now: datetime) -> None:
    """A signature that everything has."""


class Undescribed(SourceSettings):
    shop: str = ""


class Readable(SourceSettings):
    api_key: str = Field(default="", description="The key of the platform's API")


FAULTS: list[tuple[Connector, str]] = [
    (faulty(trusts_keys), "test_changed_bodies"),
    (faulty(tells_names), "test_changed_bodies"),
    (faulty(changes_its_input), "test_same_input_gives_the_same_facts"),
    (faulty(keeps_state), "test_same_input_gives_the_same_facts"),
    (faulty(keeps_state), "test_expected_facts"),
    (faulty(draws_keys), "test_delivered_twice_gives_the_same_keys"),
    (faulty(says_it_twice), "test_each_fact_is_stated_once"),
    (faulty(makes_invoices), "test_facts_are_the_platforms"),
    (faulty(loses_a_line), "test_totals_add_up"),
    (faulty(doubles_a_quantity), "test_lines_add_up"),
    (replace(sound, pull=asks_the_body), "test_a_body_does_not_choose_whom_to_ask"),
    (replace(sound, settings=Undescribed), "test_settings_are_described"),
    (replace(sound, settings=Readable), "test_settings_are_described"),
    (replace(sound, events={**sound.events, "order.weighed": right}), "test_readme_mentions_every_topic"),
    (replace(sound, name="Über"), "test_it_is_a_connector"),
    (replace(sound, topic=lambda payload, hint: payload["type"]), "test_changed_bodies"),
]


def _name(value: object) -> str:
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize(("connector", "test"), FAULTS, ids=_name)
def test_a_fault_is_caught(connector: Connector, test: str) -> None:
    run(sound, test)
    with pytest.raises(AssertionError):
        run(connector, test)


def test_an_undeclared_topic_is_caught() -> None:
    events = {topic: translate for topic, translate in sound.events.items() if topic != TOPIC}
    kit = suite(replace(sound, events=events))
    undeclared = next(case for case in kit.cases() if case.topic == TOPIC)
    with pytest.raises(AssertionError, match="declared 0 times"):
        kit.test_topic_is_declared(undeclared)


def test_a_signature_that_everything_has_is_caught() -> None:
    kit = suite(replace(sound, signature=anyone), sign=lambda self, body, secret: {"x-signature": secret})
    for test in (
        kit.test_missing_signature_is_refused, kit.test_signature_sent_twice_is_refused, kit.test_every_changed_signature_is_refused,
        kit.test_other_secret_is_refused, kit.test_empty_secret_never_verifies, kit.test_every_flipped_bit_is_refused,
        kit.test_reserialised_body_is_refused, kit.test_old_secret_is_accepted_while_listed,
    ):  # fmt: skip
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            test()


def test_ids_read_through_doubles_are_caught(tmp_path: Path) -> None:
    body = (sound_fixtures() / f"{CASE}.json").read_text(encoding="utf-8").replace('"basket": "f3a9"', '"basket": "f3a9", "basket_id": 7')
    (tmp_path / f"{CASE}.json").write_text(body, encoding="utf-8")

    def reads(payload: Json, context: Context) -> list[Event]:
        metadata = payload["data"]["metadata"]
        without = {**payload, "data": {**payload["data"], "metadata": {}}}
        basket = int(float(metadata["basket_id"]))
        return [event.model_copy(update={"customer_id": str(basket)}) for event in right(without, context)]

    kit = suite(faulty(reads), fixtures=tmp_path)
    with pytest.raises(AssertionError, match=str(LARGE_ID - 1)):
        kit.test_large_ids_keep_their_digits(kit.cases()[0])


def test_a_standard_test_is_not_removed_or_replaced_silently() -> None:
    suite(sound).test_no_override()
    with pytest.raises(AssertionError, match="test_changed_bodies"):
        suite(sound, test_changed_bodies=None).test_no_override()
    with pytest.raises(AssertionError, match="test_totals_add_up"):
        suite(sound, test_totals_add_up=lambda self, case: None).test_no_override()


def test_a_standard_test_may_be_expected_to_fail_with_a_reason() -> None:
    @pytest.mark.xfail(reason="the platform rounds each line up")
    def expected(self: object, case: object) -> None:
        """Not yet."""

    suite(sound, test_totals_add_up=expected).test_no_override()
    with pytest.raises(AssertionError):
        suite(sound, test_totals_add_up=pytest.mark.xfail(lambda self, case: None)).test_no_override()
