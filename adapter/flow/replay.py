"""Replay: stored deliveries, and actions that ended, go through today's code once more. And what a person decides about those that cannot.

Nothing is done twice by that: the unique keys of events, actions, documents and mails recognise what is there. A replay only makes rows
due again, at low priority; whoever runs actions takes them up.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapter.clock import Clock
from adapter.domain.rules import ActionKind
from adapter.infra.database import transaction
from adapter.infra.models import ActionRow, DeliveryRow
from adapter.infra.queue import (
    BULK,
    CANCELLED,
    DEAD,
    DONE,
    DUE,
    HELD,
    PRIORITY,
    RUNNING,
    SKIPPED,
    WAITING,
    Dispatcher,
    ended_fact,
    release,
)

BATCH = 200
REPEATABLE = frozenset({ActionKind.SEND_INVOICE, ActionKind.SEND_CREDIT_NOTE, ActionKind.SEND_REMINDER, ActionKind.DELIVER})
"""What may be done once more on purpose: it reaches somebody outside, who may have lost it. Drawing may always be: what is stored and
intact stays as it is, and what is missing or was changed is made again."""

UNFINISHED = (DEAD, HELD, WAITING)
"""What a person may end."""


@dataclass(frozen=True)
class Decision:
    """Who decided something, and why. Kept with the action's outcome."""

    by: str
    because: str

    def at(self, now: datetime) -> dict[str, str]:
        """As it is kept."""
        return {"by": self.by, "at": now.isoformat(), "because": self.because}


@dataclass
class Report:
    """What a replay did, or in a dry run would have done."""

    replayed: Counter[str] = field(default_factory=Counter)
    """How many of each kind of action; those that were dismissed, where that was asked."""
    under_way: int = 0
    erased: int = 0
    """Deliveries whose body was erased, or that never had one: there is nothing to read."""
    refused: dict[str, str] = field(default_factory=dict)
    """The id of what was not replayed, to the reason."""


class Replay:
    """One replay; `report` adds up over its calls. `again` repeats mails and messages that had succeeded; `accept` lets held
    actions go on as they are; `dry_run` changes nothing."""

    def __init__(
        self, dispatcher: Dispatcher, clock: Clock, *, again: bool = False, accept: Decision | None = None, dry_run: bool = False
    ) -> None:
        self.report = Report()
        self._dispatcher = dispatcher
        self._clock = clock
        self._again = again
        self._accept = accept
        self._dry_run = dry_run

    async def deliveries(self, ids: Sequence[str]) -> None:
        """Normalise these deliveries again."""
        for batch in _batches(ids):
            await self._deliveries(batch)

    async def actions(self, ids: Sequence[str]) -> None:
        """Make these actions due again, where that does nothing twice; or, where that was accepted, let them go on."""
        for batch in _batches(ids):
            await self._make_due(self._refusal if self._accept is None else _unacceptable, id__in=batch)
            known = {row.id for row in await ActionRow.filter(id__in=batch).only("id")}
            self._refuse_unknown(batch, known, "action")

    async def source(self, source_id: str, since: datetime | None, until: datetime | None) -> None:
        """Normalise again the deliveries of a source that came at `since` or later and before `until`, oldest first."""
        wanted: dict[str, Any] = {"source_id": source_id}
        wanted |= {"created_at__gte": since} if since else {}
        wanted |= {"created_at__lt": until} if until else {}
        async for ids in _pages(DeliveryRow, wanted):
            await self._deliveries(ids)

    async def dead(self, source_id: str | None, kind: ActionKind | None) -> None:
        """Make every dead letter due again, or those of one source or kind."""
        wanted: dict[str, Any] = {"state": DEAD}
        wanted |= {"source_id": source_id} if source_id else {}
        wanted |= {"kind": kind.value} if kind else {}
        async for ids in _pages(ActionRow, wanted):
            await self._make_due(self._refusal, id__in=ids)

    async def dismiss(self, ids: Sequence[str], decision: Decision) -> None:
        """End actions that wait for somebody or something, because they were dealt with otherwise; a replay revives them."""
        for batch in _batches(ids):
            async with transaction():
                rows = await ActionRow.filter(id__in=batch).order_by("created_at", "id").select_for_update()
                for row in rows:
                    await self._dismiss(row, decision)
            self._refuse_unknown(batch, {row.id for row in rows}, "action")

    async def _dismiss(self, row: ActionRow, decision: Decision) -> None:
        if row.state not in UNFINISHED:
            self.report.refused[row.id] = f"{row.kind} is {row.state}: only what is {', '.join(UNFINISHED)} can be dismissed"
            return
        self.report.replayed[row.kind] += 1
        if self._dry_run:
            return
        now = self._clock.now()
        outcome = {**(row.outcome or {}), "dismissed": decision.at(now)}
        outcome.pop("accept", None)
        ended = {"state": SKIPPED, "outcome": outcome, "waits_for": None, "waits_since": None, "finished_at": now}
        await ActionRow.filter(id=row.id).update(**ended)
        await release(ended_fact(row.key), now, self._dispatcher)

    async def _deliveries(self, ids: Sequence[str]) -> None:
        known = {row.id for row in await DeliveryRow.filter(id__in=ids).only("id")}
        empty = {row.id for row in await DeliveryRow.filter(id__in=ids, body=b"").only("id")}
        self._refuse_unknown(ids, known, "delivery")
        self.report.erased += len(empty)
        await self._make_due(lambda _: None, key__in=[f"{ActionKind.NORMALISE.value}:{id}" for id in ids if id in known - empty])

    async def _make_due(self, refusal: Callable[[ActionRow], str | None], **wanted: Any) -> None:
        """Judge rows under their lock; those without a `refusal` are made due and dispatched in the same transaction."""
        now = self._clock.now()
        async with transaction():
            passed = []
            for row in await ActionRow.filter(**wanted).order_by("created_at", "id").select_for_update():
                if _is_under_way(row):
                    self.report.under_way += 1
                elif reason := refusal(row):
                    self.report.refused[row.id] = reason
                else:
                    passed.append(row)
            self.report.replayed.update(row.kind for row in passed)
            if self._dry_run:
                return
            for row in passed:
                await self._renew(row, now)
            await self._dispatcher.dispatch(passed)

    async def _renew(self, row: ActionRow, now: datetime) -> None:
        marks: dict[str, Any] = {"replayed": True}
        if row.state == DONE and row.kind in REPEATABLE:
            marks["again"] = now.isoformat()
        if self._accept is not None:
            acceptance = {"codes": (row.outcome or {})["accept"], **self._accept.at(now)}
            marks["accepted"] = [*row.parameters.get("accepted", ()), acceptance]
        changes: dict[str, Any] = {
            "state": DUE,
            "next_at": now,
            "queued": False,
            "attempts": 0,
            "priority": PRIORITY.get(ActionKind(row.kind), 10) + BULK,
            "parameters": {**row.parameters, **marks},
            "waits_for": None,
            "waits_since": None,
            "error": None,
            "finished_at": None,
        }
        await ActionRow.filter(id=row.id).update(**changes)
        row.update_from_dict(changes)

    def _refusal(self, row: ActionRow) -> str | None:
        """Why an action is not done again, and what to do instead."""
        if row.state == CANCELLED:
            return f"{row.kind} was cancelled"
        if row.state != DONE:
            return None
        if row.kind == ActionKind.NORMALISE:
            return f"normalise is done; to read its delivery again: replay delivery {row.subject}"
        if row.kind == ActionKind.RENDER:
            return None
        if row.kind not in REPEATABLE:
            return f"{row.kind} is done"
        return None if self._again else f"{row.kind} is done; --again does it once more"

    def _refuse_unknown(self, ids: Sequence[str], known: set[str], what: str) -> None:
        self.report.refused.update({id: f"there is no {what} with this id" for id in ids if id not in known})


def _unacceptable(row: ActionRow) -> str | None:
    if row.state != HELD:
        return f"{row.kind} is {row.state}, not held: there is nothing to accept"
    if not (row.outcome or {}).get("accept"):
        return f"{row.kind} cannot be done with these data: mend them where they come from, or do by hand what it was for and dismiss it"
    return None


def _is_under_way(row: ActionRow) -> bool:
    """What runs is left to end, and what was never tried to its own time; a retry need not wait, unless a job carries it already."""
    return row.state == RUNNING or (row.state == DUE and (row.attempts == 0 or row.queued))


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


async def _pages(table: type[DeliveryRow] | type[ActionRow], wanted: dict[str, Any]) -> AsyncIterator[Sequence[str]]:
    """The ids of matching rows, oldest first, a batch at a time: ids sort by their time of creation."""
    last = ""
    while ids := [row.id for row in await table.filter(**wanted, id__gt=last).order_by("id").limit(BATCH).only("id")]:
        yield ids
        last = ids[-1]
