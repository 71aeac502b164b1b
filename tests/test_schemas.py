"""The published schema says exactly what the adapter reads."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from adapter.domain.money import Amount
from adapter.domain.order import Order
from adapter.schemas import SCHEMAS, schema

FIXTURES = Path(__file__).parents[1] / "connectors/standard/fixtures"
ORDER = {"id": "1", "number": "1", "currency": "EUR", "prices_include_tax": True, "totals": {"total": "11.90"}}
LINE = {"id": "1", "kind": "goods", "name": "Notebook", "amount": "11.90"}
validator = Draft202012Validator(schema("order"))


def readable(data: Any) -> bool:
    try:
        Order.model_validate(data)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    published = schema(name)
    Draft202012Validator.check_schema(published)
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert published["$id"] == f"/schemas/{name}/{SCHEMAS[name].version}.json"
    assert json.loads(json.dumps(published)) == published


def test_an_unknown_schema_names_those_that_exist() -> None:
    with pytest.raises(KeyError, match="there is no schema 'invoice'; there are: order"):
        schema("invoice")


def recorded_orders() -> list[Any]:
    bodies = [json.loads(file.read_bytes(), parse_float=Decimal) for file in sorted(FIXTURES.glob("*.json"))]
    return [body["data"] for body in bodies if "totals" in body["data"]]


def test_recorded_orders_are_valid() -> None:
    orders = recorded_orders()
    assert len(orders) == 9
    for order in orders:
        assert [error.message for error in validator.iter_errors(order)] == []


@pytest.mark.parametrize("order", recorded_orders(), ids=lambda order: order["id"])
def test_what_the_adapter_writes_is_valid_and_read_again(order: Any) -> None:
    written = json.loads(Order.model_validate(order).canonical())
    assert validator.is_valid(written)
    assert Order.model_validate(written) == Order.model_validate(order)


@pytest.mark.parametrize(
    "order",
    [
        {**ORDER, "total": "11.90"},
        {**ORDER, "id": 1},
        {**ORDER, "id": ""},
        {**ORDER, "totals": {"total": "12,30"}},
        {**ORDER, "totals": {"total": None}},
        {**ORDER, "totals": {}},
        {**ORDER, "lines": [{**LINE, "kind": "thing"}]},
        {**ORDER, "lines": [{**LINE, "amount": "1e3"}]},
        {**ORDER, "lines": [{**LINE, "unit": "PIECES"}]},
        {**ORDER, "lines": [LINE] * 10_001},
        {**ORDER, "buyer": {"address": {"country": "DEU"}}},
        {**ORDER, "due_days": -1},
        {key: value for key, value in ORDER.items() if key != "currency"},
    ],
)
def test_schema_and_adapter_refuse_the_same(order: Any) -> None:
    assert not validator.is_valid(order)
    assert not readable(order)


@given(
    st.from_regex(r"-?[0-9]{0,17}(\.[0-9]{0,22})?", fullmatch=True)
    | st.text(max_size=12).filter(lambda text: not text.endswith(chr(10)))
    | st.integers(-(10**17), 10**17)
)
def test_schema_and_adapter_agree_on_amounts(value: Any) -> None:
    def read() -> bool:
        try:
            TypeAdapter(Amount).validate_python(value)
        except ValidationError:
            return False
        return True

    assert validator.is_valid({**ORDER, "totals": {"total": value}}) == read()
