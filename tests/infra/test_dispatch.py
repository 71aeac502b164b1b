"""One contract for both dispatchers: the local one on SQLite, procrastinate on PostgreSQL."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapter.clock import Clock
from adapter.domain.rules import ActionKind
from adapter.infra import database
from adapter.infra.database import transaction
from adapter.infra.dispatch.distributed import DistributedDispatcher
from adapter.infra.dispatch.local import LIMITS, LocalDispatcher
from adapter.infra.models import ActionRow, new_id
from adapter.infra.queue import DONE, DUE, RUNNING, Work, enqueue
from adapter.settings import Settings, load_settings
from tests.house import PATIENCE, open_migrated


class Bench:
    """A dispatcher over an empty database. A run takes no time, unless `does` says otherwise; all that happened is noted."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.ran: list[str] = []
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.does: Callable[[ActionRow], Awaitable[None]] | None = None
        self.dispatcher = self.another()

    def another(self, concurrency: int = 8) -> Any:
        """A dispatcher as another process would have."""
        if self.settings.database_url is not None:
            return DistributedDispatcher(self.settings.database_url.get_secret_value(), self.run, self.clock, concurrency)
        return LocalDispatcher(self.run, self.clock, concurrency)

    async def run(self, id: str) -> None:
        """What `act` does, in short."""
        if not await ActionRow.filter(id=id, state__in=(DUE, RUNNING)).update(state=RUNNING, started_at=self.clock.now()):
            return
        row = await ActionRow.get(id=id)
        for name in (row.kind, f"order {row.order_id}"):
            self.running[name] += 1
            self.most[name] = max(self.most[name], self.running[name])
        try:
            self.ran.append(row.key)
            if self.does:
                await self.does(row)
        finally:
            self.running[row.kind] -= 1
            self.running[f"order {row.order_id}"] -= 1
        await ActionRow.filter(id=id).update(state=DONE)

    async def add(self, *keys: str, kind: ActionKind = ActionKind.NOTIFY, **more: Any) -> list[ActionRow]:
        """Add actions and have them dispatched, as their cause's transaction does."""
        async with transaction():
            return await enqueue([Work(key, kind, "shop", **more) for key in keys], self.clock.now(), self.dispatcher)

    async def begun(self, count: int) -> None:
        """Wait until so many runs have begun."""
        end = time.monotonic() + PATIENCE
        while len(self.ran) < count:
            assert time.monotonic() < end, f"begun: {self.ran}"
            await asyncio.sleep(0.01)

    async def done(self, count: int) -> None:
        """Wait until so many actions are done."""
        end = time.monotonic() + PATIENCE
        while await ActionRow.filter(state=DONE).count() < count:
            assert time.monotonic() < end, f"done: {self.ran}"
            await asyncio.sleep(0.02)

    def hold(self) -> asyncio.Event:
        """Let no run end before this event is set."""
        released = asyncio.Event()

        async def wait(row: ActionRow) -> None:
            await released.wait()

        self.does = wait
        return released


@pytest.fixture
async def bench(tmp_path: Path, database_url: str | None) -> AsyncIterator[Bench]:
    """The bench on each database."""
    settings = load_settings({}, data=tmp_path, database_url=database_url)
    await open_migrated(settings)
    yield Bench(settings)
    await database.disconnect()


async def test_runs_what_is_due_once(bench: Bench) -> None:
    """Whatever was added before the start and after it; a rolled back transaction adds nothing."""
    await bench.add("before")
    await bench.dispatcher.start()
    await bench.add("after-1", "after-2")
    await bench.add("after-1")
    try:
        async with transaction():
            await enqueue([Work("never", ActionKind.NOTIFY)], bench.clock.now(), bench.dispatcher)
            raise RuntimeError("rolled back")
    except RuntimeError:
        pass
    await bench.done(3)
    await bench.dispatcher.stop()
    assert sorted(bench.ran) == ["after-1", "after-2", "before"]


async def test_the_most_urgent_first(bench: Bench) -> None:
    """By priority, then by time; one at a time so that the order is seen."""
    bench.dispatcher = bench.another(concurrency=1)
    await bench.add("deliver", kind=ActionKind.DELIVER)
    await bench.add("first", "second", kind=ActionKind.NOTIFY)
    await bench.add("normalise", kind=ActionKind.NORMALISE)
    await bench.dispatcher.start()
    await bench.done(4)
    await bench.dispatcher.stop()
    assert bench.ran == ["normalise", "first", "second", "deliver"]


async def test_what_is_for_later_runs_later(bench: Bench) -> None:
    """Not before its time, and then by itself."""
    at = bench.clock.now() + timedelta(seconds=0.7)
    await bench.add("later", not_before=at)
    started: list[datetime] = []

    async def note(row: ActionRow) -> None:
        started.append(bench.clock.now())

    bench.does = note
    await bench.dispatcher.start()
    await bench.done(1)
    await bench.dispatcher.stop()
    assert len(started) == 1
    assert started[0] >= at


async def test_one_action_per_order_at_a_time(bench: Bench) -> None:
    """Orders wait for themselves and not for each other."""
    released = bench.hold()
    await bench.add("a1", "a2", "a3", order_id="A")
    await bench.add("b1", "b2", order_id="B")
    await bench.add("c1", "c2")
    await bench.dispatcher.start()
    await bench.begun(4)
    assert sorted(key[0] for key in bench.ran) == ["a", "b", "c", "c"]
    released.set()
    await bench.done(7)
    await bench.dispatcher.stop()
    assert (bench.most["order A"], bench.most["order B"]) == (1, 1)
    assert len(bench.ran) == 7


async def test_a_row_that_a_dead_process_left_runs_again(bench: Bench) -> None:
    """A killed process leaves `running` behind."""
    past = datetime.now(UTC) - timedelta(minutes=5)
    await ActionRow.create(
        id=new_id(), created_at=past, key="left", kind="notify", state=RUNNING, parameters={}, next_at=past, started_at=past, queued=True
    )  # fmt: skip
    await bench.dispatcher.start()
    await bench.done(1)
    await bench.dispatcher.stop()
    assert bench.ran == ["left"]


async def test_what_takes_its_process_along_comes_later_each_time(bench: Bench) -> None:
    """Each time that a process died with it is counted; on one process it then waits, so that it keeps nobody else from their turn."""
    past = datetime.now(UTC) - timedelta(minutes=5)
    left = {"kind": "notify", "state": RUNNING, "parameters": {}, "next_at": past, "started_at": past, "created_at": past, "queued": True}
    await ActionRow.create(id=new_id(), key="poison", attempts=3, **left)
    await ActionRow.create(id=new_id(), key="bystander", attempts=0, **left)
    await bench.dispatcher.start()
    await bench.begun(1)

    async with asyncio.timeout(PATIENCE):
        while {row.key: row.attempts for row in await ActionRow.all()} != {"poison": 4, "bystander": 1}:  # noqa: ASYNC110 - lies in a database
            await asyncio.sleep(0.02)
    await bench.dispatcher.stop()
    poison = await ActionRow.get(key="poison")
    if bench.settings.database_url is None:
        assert (bench.ran, poison.state) == (["bystander"], DUE)
        assert poison.next_at is not None
        assert poison.next_at > datetime.now(UTC) - timedelta(minutes=1)


async def test_a_failing_database_write_does_not_lose_the_row(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome could not be written: the action runs again."""
    monkeypatch.setattr("adapter.infra.dispatch.distributed.LOST", timedelta(0))
    monkeypatch.setattr("adapter.infra.dispatch.distributed.LOOK_FOR_LOST", 0.5)

    async def fails_once(row: ActionRow) -> None:
        if len(bench.ran) == 1:
            raise OSError("the connection was lost")

    bench.does = fails_once
    await bench.add("once more")
    await bench.dispatcher.start()
    await bench.done(1)
    await bench.dispatcher.stop()
    assert bench.ran == ["once more", "once more"]


async def test_stopping_lets_running_work_finish(bench: Bench) -> None:
    """What runs is finished, what has not begun stays due."""
    bench.dispatcher = bench.another(concurrency=2)
    released = bench.hold()
    await bench.add("1", "2", "3", "4")
    await bench.dispatcher.start()
    await bench.begun(2)
    stopping = asyncio.create_task(bench.dispatcher.stop())
    await takes_no_more(bench.dispatcher)
    assert not stopping.done()
    released.set()
    await stopping
    assert len(bench.ran) == 2
    assert Counter([row.state for row in await ActionRow.all()]) == {DONE: 2, DUE: 2}


async def takes_no_more(dispatcher: Any) -> None:
    """Wait until a dispatcher that is being stopped has heard of it."""
    local = isinstance(dispatcher, LocalDispatcher)
    while not (dispatcher._stopping if local else dispatcher._library._stop_event.is_set()):  # noqa: ASYNC110 - it is a flag
        await asyncio.sleep(0.01)


async def test_it_starts_again(bench: Bench) -> None:
    """After a stop, the same rows are taken up by the next process."""
    await bench.dispatcher.start()
    await bench.dispatcher.stop()
    await bench.add("left over")
    bench.dispatcher = bench.another()
    await bench.dispatcher.start()
    await bench.done(1)
    await bench.dispatcher.stop()
    assert bench.ran == ["left over"]


async def test_limits_per_kind(tmp_path: Path) -> None:
    """Pages are drawn four at a time, however many processes' worth of room there is."""
    await open_migrated(settings := load_settings({}, data=tmp_path))
    bench = Bench(settings)
    bench.dispatcher = bench.another(concurrency=20)
    released = bench.hold()
    await bench.add(*(f"page {number}" for number in range(12)), kind=ActionKind.RENDER)
    await bench.add(*(f"fact {number}" for number in range(12)), kind=ActionKind.NOTIFY)
    await bench.dispatcher.start()
    await bench.begun(12 + LIMITS[ActionKind.RENDER])
    assert bench.running["notify"] == 12
    released.set()
    await bench.done(24)
    await bench.dispatcher.stop()
    await database.disconnect()
    assert bench.most["render"] == LIMITS[ActionKind.RENDER]


async def test_a_backlog_hides_nothing(tmp_path: Path) -> None:
    """10,000 urgent rows that may not run now (a full kind, a busy order) do not keep a modest one from running."""
    await open_migrated(settings := load_settings({}, data=tmp_path))
    bench = Bench(settings)
    bench.dispatcher = bench.another(concurrency=20)
    hold = asyncio.Event()

    async def held(row: ActionRow) -> None:
        if row.kind != ActionKind.DELIVER:
            await hold.wait()

    bench.does = held
    now = bench.clock.now()
    rows = [
        ActionRow(id=new_id(), created_at=now, key=f"{kind}{n}", kind=kind, state=DUE, priority=10, parameters={}, next_at=now, **more)
        for kind, more in (("render", {}), ("issue_invoice", {"source_id": "shop", "order_id": "busy"}))
        for n in range(5_000)
    ]
    await ActionRow.bulk_create(rows, batch_size=500)
    await bench.dispatcher.start()
    await bench.add("modest", kind=ActionKind.DELIVER)
    await bench.begun(6)
    await bench.done(1)
    assert (await ActionRow.get(key="modest")).state == DONE
    assert Counter(row.kind for row in await ActionRow.filter(state=RUNNING)) == {"render": 4, "issue_invoice": 1}
    await ActionRow.filter(state=DUE).delete()
    hold.set()
    await bench.dispatcher.stop()
    await database.disconnect()


@pytest.fixture
async def shared(tmp_path: Path, migrated_postgres_url: str) -> AsyncIterator[Bench]:
    """The bench on PostgreSQL alone."""
    await database.connect(settings := load_settings({}, data=tmp_path, database_url=migrated_postgres_url))
    yield Bench(settings)
    await database.disconnect()


async def test_two_workers_share_the_work(shared: Bench) -> None:
    """60 actions of 20 orders, two workers: each once, and an order never twice at a time."""
    both = asyncio.Event()

    async def until_both_work(row: ActionRow) -> None:
        if shared.running["notify"] > 4:
            both.set()
        await asyncio.wait_for(both.wait(), PATIENCE)

    shared.does = until_both_work
    workers = [shared.another(4), shared.another(4)]
    for order in range(20):
        await shared.add(*(f"{order}-{number}" for number in range(3)), order_id=f"o-{order}")
    await asyncio.gather(*(worker.start() for worker in workers))
    await shared.done(60)
    await asyncio.gather(*(worker.stop() for worker in workers))
    assert Counter(shared.ran) == Counter(f"{order}-{number}" for order in range(20) for number in range(3))
    assert max(shared.most[f"order o-{order}"] for order in range(20)) == 1


async def test_workers_come_back_after_the_database(shared: Bench) -> None:
    """Every connection is cut, the library's own too: work goes on without a restart."""
    await shared.dispatcher.start()
    await shared.add("before")
    await shared.done(1)
    url = shared.settings.database_url
    assert url is not None
    other = await database.asyncpg.connect(url.get_secret_value())
    try:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await other.close()
    end = time.monotonic() + PATIENCE
    while True:
        try:
            await asyncio.create_task(_add(shared))
            break
        except database.DATABASE_DOWN:
            assert time.monotonic() < end
            await asyncio.sleep(0.1)
    await shared.done(2)
    await shared.dispatcher.stop()
    assert shared.ran == ["before", "after"]


async def _add(bench: Bench) -> None:
    await bench.add("after")
