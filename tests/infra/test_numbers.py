"""Numbers without gaps: many processes, rollbacks, the turn of the year, a clock that is set back."""

import asyncio
import multiprocessing
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapter.apply import apply
from adapter.configuration import Configuration, EntityConfiguration
from adapter.domain.document import DocumentKind, Mode
from adapter.domain.entity import Entity
from adapter.domain.order import Address
from adapter.infra import database
from adapter.infra.database import transaction
from adapter.infra.files import Files
from adapter.infra.models import CounterRow, DocumentRow, EntityRow, SeriesRow, SourceRow
from adapter.infra.numbers import PeriodReport, draw, report
from adapter.infra.secrets import Vault
from adapter.settings import load_settings
from tests.house import PATIENCE, open_migrated

ENTITY = Entity(id="lighthouse", name="Lighthouse", address=Address(country="DE"), time_zone="Europe/Berlin", mode="live")
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DRAWS, PROCESSES = 100, 4


class RolledBack(Exception):
    """A transaction that failed after it had drawn its number."""


async def _opened(data: Path, url: str | None) -> AsyncIterator[None]:
    await open_migrated(load_settings({}, data=data, database_url=url))
    await EntityRow.get_or_create(id=ENTITY.id, defaults={"mode": "live", "settings": ENTITY.model_dump(mode="json", exclude_none=True)})
    yield
    await database.disconnect()


@pytest.fixture
async def opened(tmp_path: Path, database_url: str | None) -> AsyncIterator[None]:
    """A database of each kind with one entity."""
    async for _ in _opened(tmp_path, database_url):
        yield


async def drawn(now: datetime, entity: Entity = ENTITY, kind: DocumentKind = DocumentKind.INVOICE) -> tuple[str, date]:
    """The next number in a transaction of its own."""
    async with transaction():
        return await draw(entity, kind, now)


def _draw_many(data: str, url: str | None, seed: int, results: "multiprocessing.Queue[list[str]]") -> None:
    async def run() -> None:
        async for _ in _opened(Path(data), url):
            chance, found = random.Random(seed), []
            for _time in range(DRAWS):
                fails = chance.random() < 0.1
                try:
                    async with transaction():
                        number, _day = await draw(ENTITY, DocumentKind.INVOICE, NOW)
                        if fails:
                            raise RolledBack
                    found.append(number)
                except RolledBack:
                    continue
            results.put(found)

    asyncio.run(run())


async def test_four_processes_and_rollbacks(tmp_path: Path, database_url: str | None) -> None:
    """400 draws, a tenth of them rolled back: 1…N, no gap, no number twice, each process's own in order."""
    async for _ in _opened(tmp_path, database_url):
        await drawn(NOW)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # so that the processes are there at once
    results: multiprocessing.Queue[list[str]] = context.Queue()
    arguments = [(str(tmp_path), database_url, seed, results) for seed in range(PROCESSES)]
    processes = [context.Process(target=_draw_many, args=each) for each in arguments]
    for process in processes:
        process.start()
    lists = [await asyncio.to_thread(results.get, True, PATIENCE) for _ in processes]
    for process in processes:
        await asyncio.to_thread(process.join, PATIENCE)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    assert all(each == sorted(each) for each in lists)
    numbers = sorted(number for each in lists for number in each)
    assert 300 < len(numbers) < DRAWS * PROCESSES
    assert numbers == [f"INV-2026-{n:06}" for n in range(2, len(numbers) + 2)]


async def test_the_year_changes_in_the_entitys_own_time_zone(opened: None) -> None:
    """A second before and a second after midnight in Berlin, an hour before it is in London."""
    midnight = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert await drawn(midnight - timedelta(microseconds=1)) == ("INV-2026-000001", date(2026, 12, 31))
    assert await drawn(midnight) == ("INV-2027-000001", date(2027, 1, 1))
    london = ENTITY.model_copy(update={"id": "london", "time_zone": "Europe/London"})
    await EntityRow.create(id="london", mode="live", settings={})
    assert await drawn(midnight, london) == ("INV-2026-000001", date(2026, 12, 31))


@pytest.mark.parametrize(
    ("zone", "last", "first"),
    [
        ("Pacific/Honolulu", datetime(2027, 1, 1, 9, 30, tzinfo=UTC), datetime(2027, 1, 1, 10, tzinfo=UTC)),  # 23:30 and midnight
        ("Pacific/Kiritimati", datetime(2026, 12, 31, 9, 59, tzinfo=UTC), datetime(2026, 12, 31, 10, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 12, 31, 18, 14, 59, tzinfo=UTC), datetime(2026, 12, 31, 18, 15, tzinfo=UTC)),
    ],
)
async def test_the_year_and_the_month_change_where_the_entity_is(
    opened: None, tmp_path: Path, zone: str, last: datetime, first: datetime
) -> None:
    """On the last day of the year there, whatever day it is elsewhere."""
    there = ENTITY.model_copy(update={"time_zone": zone})
    assert await drawn(last, there) == ("INV-2026-000001", date(2026, 12, 31))
    assert await drawn(first, there) == ("INV-2027-000001", date(2027, 1, 1))
    await SeriesRow.all().update(format="{yy}{month:02}-{n:03}", reset="monthly")
    assert await drawn(first, there) == ("2701-001", date(2027, 1, 1))


async def test_a_clock_that_was_set_back(opened: None) -> None:
    """Numbers and dates stay in one order: nobody gets a number after, and a date before, his predecessor's."""
    tomorrow = NOW + timedelta(days=50)
    assert await drawn(tomorrow) == ("INV-2027-000001", date(2027, 1, 9))
    assert await drawn(NOW) == ("INV-2027-000002", date(2027, 1, 9))
    assert await drawn(tomorrow + timedelta(days=1)) == ("INV-2027-000003", date(2027, 1, 10))


async def test_kinds_and_modes_have_series_of_their_own(opened: None) -> None:
    """Four counters, each from one."""
    test = ENTITY.model_copy(update={"mode": Mode.TEST})
    found = [(await drawn(NOW, entity, kind))[0] for entity in (ENTITY, test) for kind in DocumentKind]
    assert found == ["INV-2026-000001", "CN-2026-000001", "TEST-INV-2026-000001", "TEST-CN-2026-000001"]


async def _apply(tmp_path: Path, now: datetime = NOW, **series: object) -> list[str]:
    wanted = EntityConfiguration.model_validate(ENTITY.model_dump(mode="json") | {"series": {"invoice": series}})
    vault = Vault([Vault.new_key()])
    return await apply(Configuration(entities=(wanted,)), tmp_path, Files(str(tmp_path / "files")), vault, now)


UPDATED = "entity lighthouse: updated (live)"


async def test_the_next_number_is_set_forward_only(opened: None, tmp_path: Path) -> None:
    """Taken over from another system at 500; applied again it changes nothing, and it never goes back, which is told each time."""
    assert await _apply(tmp_path, format="R-{year}-{n}", next_number=500) == [UPDATED]
    assert (await drawn(NOW))[0] == "R-2026-500"
    assert await _apply(tmp_path, format="R-{year}-{n}", next_number=500) == [UPDATED]
    assert (await drawn(NOW))[0] == "R-2026-501"
    for _ in range(2):
        assert await _apply(tmp_path, format="R-{year}-{n}", next_number=3) == [
            UPDATED,
            "series lighthouse/invoice: counts on at 502; next_number 3 is not followed, because a series only counts forward",
        ]
    assert (await drawn(NOW))[0] == "R-2026-502"
    assert await CounterRow.all().count() == 1
    assert await _apply(tmp_path, format="R-{year}-{n}", next_number=503) == [UPDATED]
    assert await _apply(tmp_path, format="R-{year}-{n}", next_number=600) == [UPDATED]
    assert (await drawn(NOW))[0] == "R-2026-600"
    assert (await CounterRow.get()).elsewhere == [[1, 499], [503, 502], [503, 599]]


@pytest.mark.parametrize(("reset", "format", "first"), [
    ("yearly", "R-{year}-{n}", "R-2027-1"), ("monthly", "{yy}{month:02}-{n}", "2701-1"), ("never", "R-{n}", "R-502")
])  # fmt: skip
@pytest.mark.parametrize("next_number", [500, 3])
async def test_a_takeover_is_not_repeated_in_the_next_period(
    opened: None, tmp_path: Path, reset: str, format: str, first: str, next_number: int
) -> None:
    """The configuration that still names 500, or that was refused, is applied again in January: the count starts again at one."""
    series = {"format": format, "reset": reset}
    await _apply(tmp_path, **series, next_number=500)
    for _ in range(2):
        await drawn(NOW)
    told = await _apply(tmp_path, **series, next_number=next_number)
    assert len(told) == (1 if next_number == 500 else 2)
    january = NOW + timedelta(days=50)
    await _apply(tmp_path, january, **series, next_number=next_number)
    assert (await drawn(january))[0] == first


async def test_counting_by_other_periods_repeats_no_number(opened: None, tmp_path: Path) -> None:
    """A series that never started again and now does every year counts on until then."""
    await _apply(tmp_path, format="R-{year}-{n}", reset="never")
    assert [(await drawn(NOW))[0] for _ in range(3)] == ["R-2026-1", "R-2026-2", "R-2026-3"]
    await _apply(tmp_path, format="R-{year}-{n}", reset="yearly")
    assert (await drawn(NOW))[0] == "R-2026-4"
    assert (await drawn(NOW + timedelta(days=365)))[0] == "R-2027-1"


async def test_months(opened: None, tmp_path: Path) -> None:
    """A count that starts again every month."""
    await _apply(tmp_path, format="{yy}{month:02}-{n:03}", reset="monthly")
    found = [(await drawn(NOW + timedelta(days=days)))[0] for days in (0, 1, 10, 11, 12)]
    assert found == ["2611-001", "2611-002", "2611-003", "2612-001", "2612-002"]


async def test_the_report(opened: None, tmp_path: Path) -> None:
    """What is drawn, what another system gave, what comes next; a number whose document is not there is named, one that is imported not."""
    assert await report(NOW) == []
    await _apply(tmp_path, format="R.{year}-{n}", next_number=500)
    numbers = [(await drawn(NOW))[0] for _ in range(3)]
    found = (await report(NOW))[0]
    assert (found.entity, found.mode, found.kind, found.format, found.reset, found.period) == (
        "lighthouse", "live", "invoice", "R.{year}-{n}", "yearly", "2026",
    )  # fmt: skip
    assert found.next_numbers == ("R.2026-503", "R.2026-504", "R.2026-505")
    assert found.warnings == ()
    assert found.missing == tuple(numbers)
    await SourceRow.create(id="shop", entity_id=ENTITY.id, connector="standard", sealed="", options={})
    for number in numbers:
        await add_document(number)
    assert (await report(NOW))[0].periods == (PeriodReport("2026", "R.2026-502", 502, 499, 0, ()),)
    await SeriesRow.all().update(format="{year}/{n:04}")
    assert (await drawn(NOW + timedelta(days=42)))[0] == "2027/0001"
    await add_document("2027/0001")
    later = (await report(NOW))[0]
    assert [(each.period, each.drawn, each.missing) for each in later.periods] == [("2026", 502, ()), ("2027", 1, ())]
    assert (later.period, later.next_numbers[0]) == ("2027", "2027/0002")
    await CounterRow.filter(period="2027").update(drawn=3)
    assert (await report(NOW, "lighthouse"))[0].missing == ("no. 2 of {year}/{n:04}", "no. 3 of {year}/{n:04}")
    assert await report(NOW, "other") == []


async def add_document(number: str, **more: object) -> None:
    """A document that has this number and nothing else of interest."""
    values: dict[str, Any] = {
        "created_at": NOW, "key": f"invoice:shop:{number}", "entity_id": ENTITY.id, "source_id": "shop", "order_id": number, "mode": "live",
        "kind": "invoice", "number": number, "currency": "EUR", "total": 0, "tax_total": 0, "issue_date": date(2026, 11, 20), "content": "",
        "sha256": "", "findings": [], "status": "open",
    }  # fmt: skip
    await DocumentRow.create(**values | more)
