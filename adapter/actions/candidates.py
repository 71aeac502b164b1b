"""What every rule-driven action begins with: the order as it is known now, and the row of the table that applies to it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from adapter.domain.order import Order
from adapter.domain.rules import Rule, choose
from adapter.domain.state import OrderState
from adapter.domain.tax.adopt import TOTAL_MISMATCH, with_difference
from adapter.domain.tax.stated import TAX_MISMATCH, with_stated_tax
from adapter.errors import GiveUp, NotYet, TryAgain
from adapter.infra.models import ActionRow
from adapter.infra.queue import lock_order, order_fact
from adapter.infra.services import Run
from adapter.infra.sources import Source


@dataclass(frozen=True)
class Case:
    """An action's source, order and rule."""

    source: Source
    state: OrderState
    order: Order
    rule: Rule


def reference(action: ActionRow) -> tuple[str, str]:
    """The source and the order that an action is about."""
    if action.source_id is None or action.order_id is None:
        raise GiveUp(f"action {action.kind} {action.id} names no order")
    return action.source_id, action.order_id


async def source_of(run: Run) -> Source:
    """The action's source. Raises `GiveUp` when it is gone."""
    source = await run.services.sources.get(run.action.source_id or "")
    if source is None:
        raise GiveUp(f"source {run.action.source_id} does not exist any more")
    return source


async def locked_case(run: Run) -> Case:
    """The case, with the order's row locked until the present transaction ends.

    What a person has accepted holds nothing any more. Raises `NotYet` while the order's content is unknown, `Ignored` when no rule applies
    and `TryAgain` while the rule's delay runs.
    """
    source_id, order_id = reference(run.action)
    source = await source_of(run)
    row = await lock_order(source_id, order_id)
    state = OrderState.model_validate_json(row.state) if row else OrderState()
    order = state.effective()
    if order is None:
        raise NotYet(order_fact(source_id, order_id))
    rule = choose(candidates(run.action.parameters), order)
    wait_for_delay(run, rule)
    codes = accepted(run.action.parameters)
    if codes:
        order = with_stated_tax(order) if TAX_MISMATCH in codes else order
        order = with_difference(order) if TOTAL_MISMATCH in codes else order
        tax = source.entity.tax.model_copy(update={"tolerated": (*source.entity.tax.tolerated, *sorted(codes))})
        source = replace(source, entity=source.entity.model_copy(update={"tax": tax}))
    return Case(source, state, order, rule)


def accepted(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The codes of what a person has looked at and lets pass in this action."""
    return frozenset(code for acceptance in parameters.get("accepted", ()) for code in acceptance["codes"])


def candidates(parameters: Mapping[str, Any]) -> list[Rule]:
    """The rows that asked for the action, as they were when the event was routed."""
    return [Rule.model_validate(rule) for rule in parameters.get("rules", ())]


def wait_for_delay(run: Run, rule: Rule) -> None:
    """Raise `TryAgain` until the rule's hours after the event are over."""
    start = datetime.fromisoformat(run.action.parameters["at"]) if "at" in run.action.parameters else run.action.created_at
    left = start + timedelta(hours=rule.parameters.delay_hours) - run.services.clock.now()
    if left > timedelta(0):
        raise TryAgain(f"not before {rule.parameters.delay_hours} hours after the event", after=left)
