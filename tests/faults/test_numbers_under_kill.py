"""Numbers under the worst: four processes issue at once, a tenth of their transactions fails, and they are killed again and again."""

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
from tests.house import PATIENCE
from tests.infra.test_numbers import ENTITY, RolledBack, add_document

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
PROCESSES = 4
INVOICES = 4_000 if os.environ.get("ADAPTER_TEST_LONG") else 500
"""How many are issued at least."""
KILLS = INVOICES // 50
"""How often a process is killed; between two kills, so many are issued at least."""


@asynccontextmanager
async def opened(data: Path, url: str | None) -> AsyncIterator[None]:
    """The database of these settings."""
    await database.connect(load_settings({}, data=data, database_url=url))
    try:
        yield
    finally:
        await database.disconnect()


def _issue(data: str, url: str | None, seed: int, enough: str) -> None:
    """Issue until the file `enough` is there; one time in ten, fail after the number was drawn and the document written."""

    async def run() -> None:
        chance = random.Random(seed)
        async with opened(Path(data), url):
            while not Path(enough).exists():  # noqa: ASYNC240 - nothing else waits in this process
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
        await _race(tmp_path, database_url)
        numbers = await DocumentRow.all().order_by("number").values_list("number", flat=True)
        assert len(numbers) >= INVOICES
        assert numbers == [f"INV-2026-{n:06}" for n in range(1, len(numbers) + 1)]
        assert (await CounterRow.get()).drawn == len(numbers)
        found = (await report(NOW))[0]
        assert (found.missing, found.next_numbers[0]) == ((), f"INV-2026-{len(numbers) + 1:06}")


async def _race(data: Path, url: str | None) -> None:
    """Have the processes issue; kill one after every so many documents and put another in its place, then let them end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # so that a new process is there at once
    chance, enough = random.Random(INVOICES), data / "enough"

    def start(seed: int) -> BaseProcess:
        process = context.Process(target=_issue, args=(str(data), url, seed, str(enough)), daemon=True)
        process.start()
        return process

    running = [start(seed) for seed in range(PROCESSES)]
    try:
        for killed in range(KILLS + 1):
            while await DocumentRow.all().count() < INVOICES * (killed + 1) // (KILLS + 1):
                assert [process.exitcode for process in running] == [None] * PROCESSES
                await asyncio.sleep(0.02)
            if killed < KILLS:
                victim = chance.randrange(PROCESSES)
                running[victim].kill()
                await asyncio.to_thread(running[victim].join)
                running[victim] = start(1_000 + killed)
        enough.touch()
        for process in running:
            await asyncio.to_thread(process.join, PATIENCE)
        assert [process.exitcode for process in running] == [0] * PROCESSES
    finally:
        for process in running:
            process.kill()
