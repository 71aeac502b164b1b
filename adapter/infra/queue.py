"""Actions as rows: adding them in the transaction of their cause, and releasing those that waited for a fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from adapter.domain.frozen import digest
from adapter.domain.rules import ActionKind
from adapter.infra.models import ActionRow, OrderRow, new_id

DUE, RUNNING, WAITING = "due", "running", "waiting"
DONE, SKIPPED, HELD, DEAD, CANCELLED = "done", "skipped", "held", "dead", "cancelled"
OPEN_STATES = (DUE, RUNNING, WAITING)
ENDED_STATES = (DONE, SKIPPED, HELD, DEAD, CANCELLED)
_UNTIL_THEN = (WAITING, HELD, DEAD, SKIPPED)
"""The states in which an action may still name a fact that makes it due."""
LONGEST = 400
"""Characters of the columns that hold names of facts and keys of documents."""

PRIORITY = {
    ActionKind.NORMALISE: 30,
    ActionKind.ISSUE_INVOICE: 20,
    ActionKind.ISSUE_CREDIT_NOTE: 20,
    ActionKind.AMEND_INVOICE: 20,
    ActionKind.CHECK_VAT_ID: 20,
    ActionKind.DELIVER: 5,
    ActionKind.NOTIFY: 15,
}
DOCUMENTS = (ActionKind.ISSUE_INVOICE, ActionKind.ISSUE_CREDIT_NOTE, ActionKind.AMEND_INVOICE)
"""The kinds that make documents."""
BULK = -100
"""Added to the priority of replays and other bulk work, so that what a storefront just sent comes first."""
LANE_WIDTH = 4
"""How many messages to one consumer are under way at a time: one that hangs holds up its own messages and nothing else."""


@dataclass(frozen=True)
class Work:
    """An action to be added. `key` says what it is for: the same key is never added twice."""

    key: str
    kind: ActionKind
    source_id: str | None = None
    order_id: str | None = None
    event_id: str | None = None
    subject: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    not_before: datetime | None = None


class Dispatcher(Protocol):
    """Decides where and when an action runs; the row stays the truth."""

    async def dispatch(self, rows: Sequence[ActionRow]) -> None:
        """See to it that these rows run. Called in the transaction that wrote them."""


def row_of(work: Work, now: datetime) -> ActionRow:
    """The row that stands for a piece of work, due now or at its time."""
    return ActionRow(
        id=new_id(),
        created_at=now,
        key=work.key,
        kind=work.kind.value,
        state=DUE,
        priority=PRIORITY.get(work.kind, 10),
        source_id=work.source_id,
        order_id=work.order_id,
        event_id=work.event_id,
        subject=work.subject,
        parameters=dict(work.parameters),
        next_at=max(now, work.not_before) if work.not_before else now,
    )


async def enqueue(works: Sequence[Work], now: datetime, dispatcher: Dispatcher) -> list[ActionRow]:
    """Add actions and have them dispatched; those whose key exists already are left alone. Returns the new rows."""
    if not works:
        return []
    rows = [row_of(work, now) for work in works]
    await ActionRow.bulk_create(rows, ignore_conflicts=True)
    inserted = {row.id for row in await ActionRow.filter(id__in=[row.id for row in rows]).only("id")}
    added = [row for row in rows if row.id in inserted]
    await dispatcher.dispatch(added)
    return added


async def release(fact: str, now: datetime, dispatcher: Dispatcher) -> None:
    """Make due what waited for this fact, though in vain for days, or is held until it comes. Called in the transaction that establishes
    it, under the order's lock."""
    await _go_on(await ActionRow.filter(state__in=_UNTIL_THEN, waits_for=fact), now, dispatcher)


async def reconsider(source_id: str, order_id: str, now: datetime, dispatcher: Dispatcher) -> None:
    """Have the documents that are held judged anew. Called in the transaction that changes their order, under its lock."""
    of_order = {"source_id": source_id, "order_id": order_id, "kind__in": [kind.value for kind in DOCUMENTS]}
    await _go_on(await ActionRow.filter(**of_order, state=HELD), now, dispatcher)


async def _go_on(rows: Sequence[ActionRow], now: datetime, dispatcher: Dispatcher) -> None:
    if not rows:
        return
    await ActionRow.filter(id__in=[row.id for row in rows], state__in=_UNTIL_THEN).update(
        state=DUE, waits_for=None, waits_since=None, next_at=now, queued=False, finished_at=None
    )
    for row in rows:
        row.state, row.next_at, row.queued = DUE, now, False
    await dispatcher.dispatch(rows)


async def end(
    action: ActionRow,
    state: str,
    now: datetime,
    dispatcher: Dispatcher,
    *,
    outcome: Mapping[str, Any] | None = None,
    error: str | None = None,
    waits_for: str | None = None,
) -> None:
    """End an action and release what waited for that. Called in a transaction, so that a crash cannot come between the two. Who accepted
    what stays with the outcome.

    One that has ended is left as it is: its last transaction may have been committed although the answer was lost.
    """
    await ActionRow.filter(id=action.id, state__in=OPEN_STATES).update(
        state=state,
        outcome={**(outcome or {}), **{name: action.parameters[name] for name in ("accepted",) if name in action.parameters}},
        error=error,
        waits_for=waits_for,
        waits_since=None,
        finished_at=now,
        attempts=action.attempts + 1,
    )
    if action.kind in {ActionKind.ISSUE_CREDIT_NOTE, ActionKind.AMEND_INVOICE, ActionKind.CHECK_VAT_ID}:
        await release(ended_fact(action.key), now, dispatcher)


async def lock_order(source_id: str, order_id: str) -> OrderRow | None:
    """The order's row, locked until the transaction ends: whoever changes or judges an order does so alone."""
    return await OrderRow.filter(source_id=source_id, order_id=order_id).select_for_update().first()


def lane(row: ActionRow) -> str | None:
    """What a row shares with the others that may not take every slot: the consumer to which it delivers; None for everything else."""
    return row.key.rpartition(":")[0] if row.kind == ActionKind.DELIVER else None


def order_fact(source_id: str, order_id: str) -> str:
    """The name of the fact that an order's content is known."""
    return f"order:{source_id}:{order_id}"


def invoice_fact(source_id: str, order_id: str) -> str:
    """The name of the fact that an order's invoice exists; also the invoice's key."""
    return f"invoice:{source_id}:{order_id}"


def ended_fact(key: str) -> str:
    """The name of the fact that the action with this key came to an end, whichever."""
    return bounded(f"ended:{key}")


def refund_fact(source_id: str, order_id: str, refund_id: str) -> str:
    """The name of the fact that what a refund of an order gives back is known."""
    return bounded(f"refund:{source_id}:{order_id}:{refund_id}")


def cleared_fact(document_id: str) -> str:
    """The name of the fact that a document's clearance has been decided, one way or the other."""
    return f"cleared:{document_id}"


def bounded(text: str) -> str:
    """A key or the name of a fact as its column takes it: platforms' ids may be long, and three of them too long together."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 65]}#{digest(text)}"
