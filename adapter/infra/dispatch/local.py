"""The local dispatcher: one process works through the due rows of the embedded database by itself.

Only this process runs actions, so no claim is needed: what runs is known here. An order has one running action at a time; each kind has a
limit. At start, rows that a killed process left `running` are due again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from tortoise.expressions import Q

from adapter.clock import Clock
from adapter.domain.rules import ActionKind
from adapter.errors import described
from adapter.infra.database import after_commit
from adapter.infra.models import ActionRow
from adapter.infra.queue import DUE, LANE_WIDTH, RUNNING, lane

log = structlog.get_logger()

LIMITS: Mapping[str, int] = {
    ActionKind.CHECK_VAT_ID: 2,
    ActionKind.RENDER: 4,
    ActionKind.SEND_INVOICE: 6,
    ActionKind.SEND_CREDIT_NOTE: 6,
    ActionKind.SEND_REMINDER: 4,
    ActionKind.DELIVER: 10,
    ActionKind.CLEAR: 4,
}
"""How many of a kind run at a time, beside the process's whole `concurrency`; the others have no limit of their own. So a mail server or a
consumer that hangs leaves room for what a storefront just sent."""
POLL = 0.5
LONGEST_PAUSE = 300
"""Seconds before an action runs again that was running when the process died."""
LOOK_AHEAD = 100
"""How many rows that may run are looked at in one go."""


class LocalDispatcher:
    """Runs actions in this process."""

    def __init__(self, run: Callable[[str], Awaitable[None]], clock: Clock, concurrency: int) -> None:
        self._run = run
        self._clock = clock
        self._concurrency = concurrency
        self._wake = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[bool]] = {}
        self._kinds: Counter[str] = Counter()
        self._lanes: Counter[str | None] = Counter()
        self._orders: set[tuple[str | None, str]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self._lost = True

    async def dispatch(self, rows: Sequence[ActionRow]) -> None:
        """Look again once the present transaction is committed."""
        if rows:
            after_commit(self._wake.set)

    async def start(self) -> None:
        """Take up what a killed process left, and begin."""
        self._stopping = False
        self._loop = asyncio.create_task(self._work(), name="dispatcher")

    async def stop(self, patience: float = 6.0) -> None:
        """Start nothing more and let what runs finish, at most `patience` seconds; the rest is taken up at the next start."""
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            await self._loop
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def idle(self) -> bool:
        """Whether nothing runs and nothing is due."""
        return not self._tasks and not await ActionRow.filter(state__in=(DUE, RUNNING), next_at__lte=self._clock.now()).exists()

    async def _work(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                if self._lost:
                    await self._recover()
                await self._start_due()
            except Exception as error:  # a loop that ended here would leave every row undone
                self._lost = True
                log.error("the database does not answer; looking again", error=described(error))
                await asyncio.sleep(1)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL)

    async def _recover(self) -> None:
        """Rows that are `running` although no task of this process runs them: a killed process's, or one whose outcome was not written."""
        self._lost = False
        lost = [row for row in await ActionRow.filter(state=RUNNING).only("id", "attempts") if row.id not in self._tasks]
        for row in lost:
            # What took its process along more than once comes later each time, so that the others get done in between.
            pause = timedelta(seconds=min(2**row.attempts, LONGEST_PAUSE) if row.attempts else 0)
            begun_again = {"state": DUE, "next_at": self._clock.now() + pause, "attempts": row.attempts + 1}
            await ActionRow.filter(id=row.id, state=RUNNING).update(**begun_again)
        if lost:
            log.info("actions of a stopped run are due again", count=len(lost))

    async def _start_due(self) -> None:
        while len(self._tasks) < self._concurrency and not self._stopping:
            rows = await self._candidates()
            before = len(self._tasks)
            for row in rows:
                if len(self._tasks) < self._concurrency and self._may_run(row):
                    self._begin(row)
            if len(self._tasks) == before or len(rows) < LOOK_AHEAD:
                return

    async def _candidates(self) -> Sequence[ActionRow]:
        """Due rows that nothing holds back, the most urgent first. What may not run now is left out here, so that no backlog of it hides
        the others."""
        due = ActionRow.filter(state=DUE, next_at__lte=self._clock.now())
        if self._tasks:
            due = due.filter(id__not_in=list(self._tasks))
        if full := [kind for kind in self._kinds if self._is_full(kind)]:
            due = due.filter(kind__not_in=full)
        for full_lane in [each for each in self._lanes if each and self._lanes[each] >= LANE_WIDTH]:
            due = due.exclude(key__startswith=f"{full_lane}:")
        if self._orders:
            due = due.filter(Q(order_id__isnull=True) | Q(order_id__not_in=[order for _, order in self._orders]))
        rows: Sequence[ActionRow] = (
            await due.order_by("-priority", "next_at", "id").limit(LOOK_AHEAD).only("id", "key", "kind", "source_id", "order_id")
        )
        return rows

    def _is_full(self, kind: str) -> bool:
        return self._kinds[kind] >= LIMITS.get(kind, self._concurrency)

    def _may_run(self, row: ActionRow) -> bool:
        busy = row.order_id is not None and (row.source_id, row.order_id) in self._orders
        own = lane(row)
        crowded = own is not None and self._lanes[own] >= LANE_WIDTH
        return not self._is_full(row.kind) and not busy and not crowded

    def _begin(self, row: ActionRow) -> None:
        order = (row.source_id, row.order_id) if row.order_id is not None else None
        own = lane(row)
        self._kinds[row.kind] += 1
        self._lanes[own] += 1
        if order:
            self._orders.add(order)
        task = asyncio.create_task(self._guarded(row.id), name=f"{row.kind} {row.id}")
        self._tasks[row.id] = task

        def done(_: asyncio.Task[bool]) -> None:
            self._tasks.pop(row.id, None)
            self._kinds[row.kind] -= 1
            self._lanes[own] -= 1
            if not self._lanes[own]:
                del self._lanes[own]
            if order:
                self._orders.discard(order)
            self._lost |= task.cancelled() or not task.result()
            self._wake.set()

        task.add_done_callback(done)

    async def _guarded(self, id: str) -> bool:
        """Whether the action's outcome was written."""
        try:
            await self._run(id)
        except Exception as error:
            log.error("the outcome of an action could not be written; it will run again", action=id, error=described(error))
            await asyncio.sleep(1)
            return False
        return True
