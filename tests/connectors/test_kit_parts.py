"""The parts of the kit: what it finds in code, in a folder of fixtures and in a body."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import Field

from adapter.conformance.fixtures import discover, topic_of
from adapter.conformance.mutations import mutations, paths, personal_texts, value_at
from adapter.conformance.purity import impurities
from adapter.connector import SourceSettings
from connectors.standard import connector as sound


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("import aiohttp", "1: imports aiohttp"),
        ("from os import environ", "1: imports os.environ"),
        ("from datetime import datetime\nnow = datetime.now()", "2: calls datetime.now"),
        ("value = float('1')", "1: calls float"),
        ("import json\nvalue = json.loads('1.5')", "2: calls json.loads"),
        ("from adapter.infra import models", "1: imports adapter.infra.models; a connector stands on"),
        ("from connectors.shopify import connector", "1: imports connectors.shopify.connector, another connector"),
        ("from ..shopify import connector", "1: imports from outside its own package"),
        ("def late():\n    import random", "2: imports random"),
    ],
)
def test_impure_code_is_found(tmp_path: Path, code: str, finding: str) -> None:
    (tmp_path / "normalise.py").write_text(code, encoding="utf-8")
    assert [found[: len("normalise.py:") + len(finding)] for found in impurities(tmp_path, "connectors.acme")] == [
        f"normalise.py:{finding}"
    ]


@pytest.mark.parametrize(
    "code",
    [
        "from datetime import datetime, time",
        "from adapter.domain.order import Order",
        "from connectors.acme.payload import Body",
        "from .payload import Body",
        "from urllib.parse import quote",
    ],
)
def test_pure_code_is_left_alone(tmp_path: Path, code: str) -> None:
    (tmp_path / "normalise.py").write_text(code, encoding="utf-8")
    assert impurities(tmp_path, "connectors.acme") == []


@pytest.mark.parametrize(
    ("prefix", "topic"),
    [
        ("orders_create", "orders/create"),
        ("order_transactions_create", "order_transactions/create"),
        ("order.completed", "order.completed"),
        ("orders_weigh_all", "orders/weigh_all"),
    ],
)
def test_a_file_name_stands_for_a_topic(prefix: str, topic: str) -> None:
    connector = replace(
        sound, events=dict.fromkeys(["orders/create", "order_transactions/create", "order.completed"], sound.events["order.completed"])
    )
    assert topic_of(prefix, connector) == topic


def test_pulled_answers_and_settings_belong_to_the_case_of_their_name(tmp_path: Path) -> None:
    class Shop(SourceSettings):
        currency: str = Field(default="EUR", description="The currency of orders")

    for name, text in {
        "order.completed--plain": '{"type": "order.completed"}',
        "order.completed--pulled": '{"type": "order.completed"}',
        "pulled-order--pulled": '{"amount": 1.10}',
        "settings": '{"currency": "CHF"}',
        "settings--pulled": '{"currency": "USD"}',
    }.items():
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")

    plain, pulled = discover(replace(sound, settings=Shop), tmp_path)

    assert (str(plain), plain.context.pulled, plain.context.settings) == ("order.completed--plain", {}, Shop(currency="CHF"))
    assert (str(pulled), pulled.context.settings) == ("order.completed--pulled", Shop(currency="USD"))
    assert str(pulled.context.pulled["order"]["amount"]) == "1.10"


def test_a_file_without_a_case_is_named(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"order\.json: name it <topic>--<case>\.json"):
        discover(sound, tmp_path)


def test_every_place_is_removed_nulled_and_replaced() -> None:
    payload = {"a": {"b": [1, 2, 3]}, "c": "x"}
    assert list(paths(payload)) == [("a",), ("a", "b"), ("a", "b", 0), ("a", "b", 1), ("c",)]
    made = dict(mutations(payload, 10_000))
    assert made["a.b.0 removed"] == {"a": {"b": [2, 3]}, "c": "x"}
    assert made["c is null"] == {"a": {"b": [1, 2, 3]}, "c": None}
    assert made["c is in a list"] == {"a": {"b": [1, 2, 3]}, "c": ["x"]}
    assert made["c is huge number"] == {"a": {"b": [1, 2, 3]}, "c": 10**30}
    assert payload == {"a": {"b": [1, 2, 3]}, "c": "x"}


def test_a_limit_keeps_each_removal_and_null() -> None:
    payload = {f"key {number}": number for number in range(100)}
    made = [what for what, _ in mutations(payload, 400)]
    assert len(made) < 600
    assert {f"key {number} removed" for number in range(100)} | {f"key {number} is null" for number in range(100)} <= set(made)


def test_personal_texts_are_those_of_people() -> None:
    payload = {
        "name": "#1001", "contact_email": "ada@shop.example", "lines": [{"name": "Notebook"}],
        "buyer": {"name": "Ada Example", "phone": "+49 30 5550", "address": {"street": "Lindenallee 7", "country": "DE"}},
    }  # fmt: skip
    assert personal_texts(payload) == {"ada@shop.example", "Ada Example", "+49 30 5550", "Lindenallee 7"}
    assert value_at(payload, ("buyer", "address", "country")) == "DE"
