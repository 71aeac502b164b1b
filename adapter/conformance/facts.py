"""What a connector makes of recorded deliveries: the expected facts, the same ones each time, with totals that add up."""

import copy
import json
import os
import random
from collections import defaultdict
from decimal import Decimal

from adapter.conformance.base import Suite
from adapter.conformance.fixtures import Case
from adapter.connector import Hint
from adapter.domain.event import Event, EventType
from adapter.domain.money import exponent
from adapter.domain.order import Line, Order
from adapter.domain.state import OrderState, fold

UPDATE_GOLDENS = "UPDATE_GOLDENS"
_SHUFFLES = 20
_OURS = {type for type in EventType if type.value.startswith(("invoice.", "credit_note."))}


class FactTests(Suite):
    """Every recorded delivery, as it is."""

    def test_there_are_fixtures(self) -> None:
        """A connector is known by recorded deliveries, at least one of which states an order."""
        assert any(event.order for case in self.cases() if case.translated for event in case.events())

    def test_topic_is_declared(self, any_case: Case) -> None:
        """A topic stands in `events` or in `ignored`, and not in both."""
        declared = (any_case.topic in self.connector.events) + (any_case.topic in self.connector.ignored)
        assert declared == 1, f"{any_case.topic} is declared {declared} times in `events` and `ignored`"

    def test_topic_is_read(self, any_case: Case) -> None:
        """The connector reads the topic that the file's name claims."""
        assert self.connector.topic(any_case.payload, Hint(topic=any_case.topic)) == any_case.topic

    def test_expected_facts(self, case: Case) -> None:
        """Exactly the facts of the golden file come out; where none do, the reason is the expected one."""
        outcome = case.outcome()
        if os.environ.get(UPDATE_GOLDENS):
            case.golden.parent.mkdir(exist_ok=True)
            case.golden.write_text(json.dumps(outcome, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        assert case.golden.exists(), f"{case.golden} is missing: run once with {UPDATE_GOLDENS}=1 and read what it wrote"
        assert outcome == json.loads(case.golden.read_text(encoding="utf-8"))

    def test_no_golden_without_its_fixture(self) -> None:
        """A golden file whose fixture was renamed or removed says nothing any more."""
        goldens = {case.golden for case in self.cases() if case.translated}
        left = {file for folder in {golden.parent for golden in goldens} for file in folder.glob("*")} - goldens
        assert not left

    def test_same_input_gives_the_same_facts(self, case: Case) -> None:
        """A translator keeps no state and leaves its input as it was."""
        before = copy.deepcopy(case.payload)
        first = case.outcome()
        assert case.payload == before, "the translator changed its input"
        assert case.outcome() == first

    def test_facts_are_the_platforms(self, case: Case) -> None:
        """No connector speaks of invoices and credit notes: those facts are made by the adapter."""
        assert not [event.type for event in case.events() if event.type in _OURS]

    def test_each_fact_is_stated_once(self, case: Case) -> None:
        """Type and key are the identity of a fact: two of them in one delivery would be one fact said twice."""
        keys = _keys(case.events())
        assert len(keys) == len(set(keys))

    def test_delivered_twice_gives_the_same_keys(self, case: Case) -> None:
        """A repeated delivery is recognised by the keys of its facts."""
        assert _keys(case.events()) == _keys(case.events())

    def test_any_order_gives_the_same_state(self) -> None:
        """The facts of all deliveries about an order, shuffled and with repetitions, fold into one state."""
        by_order: dict[str, list[Event]] = defaultdict(list)
        for case in self.cases():
            for event in case.events() if case.translated else []:
                if event.order_id is not None:
                    by_order[event.order_id].append(event)
        shuffle = random.Random(0).shuffle  # noqa: S311 - the same shuffles in every run
        for order_id, events in by_order.items():
            expected = _folded(events)
            for _ in range(_SHUFFLES):
                shuffled = events * 2
                shuffle(shuffled)
                assert _folded(shuffled) == expected, f"the state of order {order_id} depends on the order of arrival"

    def test_totals_add_up(self, case: Case) -> None:
        """The total is the sum of the lines' amounts, plus the tax where prices exclude it, up to one minor unit for each line."""
        for order in _orders(case):
            stated = sum((line.amount for line in order.lines), Decimal(0))
            stated += 0 if order.prices_include_tax else order.totals.tax
            tolerance = _minor_unit(order) * max(len(order.lines), 1)
            assert abs(order.totals.total - stated) <= tolerance, f"total {order.totals.total}, lines {stated}"

    def test_lines_add_up(self, case: Case) -> None:
        """A line's amount is quantity x unit price minus its discounts, up to one minor unit for each piece."""
        for order in _orders(case):
            for line in order.lines:
                computed = _computed(line)
                tolerance = _minor_unit(order) * max(abs(line.quantity), Decimal(1))
                assert computed is None or abs(line.amount - computed) <= tolerance, f"line {line.id}: {line.amount}, computed {computed}"


def _keys(events: list[Event]) -> list[tuple[EventType, str]]:
    return [(event.type, event.key) for event in events]


def _folded(events: list[Event]) -> OrderState:
    state = OrderState()
    for event in events:
        state = fold(state, event)
    return state


def _orders(case: Case) -> list[Order]:
    return [event.order for event in case.events() if event.order is not None]


def _minor_unit(order: Order) -> Decimal:
    return Decimal(1).scaleb(-exponent(order.currency))


def _computed(line: Line) -> Decimal | None:
    if line.unit_price is None:
        return None
    return line.quantity * line.unit_price - sum((discount.amount for discount in line.discounts), Decimal(0))
