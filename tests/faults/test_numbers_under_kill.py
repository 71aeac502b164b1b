"""Numbers under the worst: four processes issue at once, a tenth of their transactions fails, and each is killed again and again."""

import asyncio
import multiprocessing
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

from adapter.domain.document import DocumentKind
from adapter.infra import database
from adapter.infra.database import transaction
from adapter.infra.models import CounterRow, DocumentRow, EntityRow, SourceRow
from adapter.infra.numbers import draw, report
from adapter.settings import load_settings
from tests.infra.test_numbers import ENTITY, RolledBack, add_document

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
PROCESSES = 4
INVOICES = 1_000 if os.environ.get("ADAPTER_TEST_LONG") else 250
"""What each process is to issue on average."""
KILLS = INVOICES // 25


@asynccontextmanager
async def opened(data: Path, url: str | None) -> AsyncIterator[None]:
    """The database of these settings."""
    await database.connect(load_settings({}, data=data, database_url=url))
    try:
        yield
    finally:
        await database.disconnect()


def _issue(data: str, url: str | None, seed: int, goal: int) -> None:
    """Issue until there are as many documents as are to be; one time in ten, fail after the number was drawn and the document written."""

    async def run() -> None:
        chance = random.Random(seed)
        async with opened(Path(data), url):
            while await DocumentRow.all().count() < goal:
                fails = chance.random() < 0.1
                try:
                    async with transaction():
                        number, day = await draw(ENTITY, DocumentKind.INVOICE, NOW)
                        await add_document(number, issue_date=day)
                        if fails:
                            raise RolledBack
                except RolledBack:
                    continue

    asyncio.run(run())


async def test_no_gap_whatever_dies(tmp_path: Path, database_url: str | None) -> None:
    """Every number from 1 to N has its one document, in the order of their dates, and the report finds nothing missing."""
    async with opened(tmp_path, database_url):
        await database.migrate()
        await EntityRow.create(id=ENTITY.id, mode="live", settings=ENTITY.model_dump(mode="json", exclude_none=True))
        await SourceRow.create(id="shop", entity_id=ENTITY.id, connector="standard", sealed="", options={})
        killed = await _race(tmp_path, database_url, PROCESSES * INVOICES)
        assert killed == KILLS
        numbers = await DocumentRow.all().order_by("number").values_list("number", flat=True)
        assert len(numbers) >= PROCESSES * INVOICES
        assert numbers == [f"INV-2026-{n:06}" for n in range(1, len(numbers) + 1)]
        assert (await CounterRow.get()).drawn == len(numbers)
        found = (await report(NOW))[0]
        assert (found.missing, found.next_numbers[0]) == ((), f"INV-2026-{len(numbers) + 1:06}")


async def _race(data: Path, url: str | None, goal: int) -> int:
    """Have the processes issue; kill one at every so many documents and put another in its place. Returns how many were killed."""
    context = multiprocessing.get_context("spawn")
    chance, killed = random.Random(goal), 0

    def start(seed: int) -> BaseProcess:
        process = context.Process(target=_issue, args=(str(data), url, seed, goal), daemon=True)
        process.start()
        return process

    running = [start(seed) for seed in range(PROCESSES)]
    try:
        while any(process.is_alive() for process in running):
            issued = await DocumentRow.all().count()
            if killed < KILLS and issued > goal * killed // (KILLS + 1):
                victim = chance.randrange(PROCESSES)
                running[victim].kill()
                await asyncio.to_thread(running[victim].join)
                killed += 1
                running[victim] = start(1_000 + killed)
            await asyncio.sleep(0.02)
        assert [process.exitcode for process in running] == [0] * PROCESSES
    finally:
        for process in running:
            process.kill()
    return killed
