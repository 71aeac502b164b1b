"""Transactions: nesting, what follows a commit, errors that are kept, and tasks that stay usable when the database goes away."""

import asyncio
import multiprocessing
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tortoise.exceptions import OperationalError

from adapter.errors import Misconfigured
from adapter.infra import database
from adapter.infra.database import after_commit, connection, transaction
from adapter.infra.models import EntityRow
from adapter.settings import Settings, load_settings
from tests.house import PATIENCE, open_migrated


async def _opened(settings: Settings) -> AsyncIterator[Settings]:
    await open_migrated(settings)
    yield settings
    await database.disconnect()


@pytest.fixture
async def settings(tmp_path: Path, database_url: str | None) -> AsyncIterator[Settings]:
    """An open, empty database of each kind."""
    async for opened in _opened(load_settings({}, data=tmp_path, database_url=database_url)):
        yield opened


async def _add(id: str) -> None:
    await EntityRow.create(id=id, mode="test", settings={})


async def _ids() -> list[str]:
    return sorted([row.id for row in await EntityRow.all()])


async def test_a_transaction_inside_another_is_the_same(settings: Settings) -> None:
    """What the inner one wrote goes when the outer one fails, and nothing that waited for the commit is called."""
    called: list[str] = []

    async def outer(fails: bool) -> None:
        async with transaction():
            await _add("outer")
            async with transaction():
                await _add("inner")
                after_commit(lambda: called.append("committed"))
            assert called == []
            if fails:
                raise ValueError("the first error")

    with pytest.raises(ValueError, match="the first error"):
        await outer(fails=True)
    assert (await _ids(), called) == ([], [])
    await outer(fails=False)
    assert (await _ids(), called) == (["inner", "outer"], ["committed"])
    after_commit(lambda: called.append("at once"))
    assert called == ["committed", "at once"]


async def test_the_first_error_is_kept_when_the_rollback_fails_too(migrated_postgres_url: str, tmp_path: Path) -> None:
    """The connection is cut inside the transaction: the error of the work is told, not that of the rollback."""
    async for _ in _opened(load_settings({}, data=tmp_path, database_url=migrated_postgres_url)):
        with pytest.raises(ValueError, match="what really happened"):
            await _fail_without_a_connection(migrated_postgres_url)
        await _add("later")
        assert await _ids() == ["later"]


async def _fail_without_a_connection(url: str) -> None:
    async with transaction():
        await _add("lost")
        await _terminate(url)
        raise ValueError("what really happened")


async def _terminate(url: str) -> None:
    """Cut every other connection to this database."""
    other = await asyncpg.connect(url)
    try:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await other.close()


async def test_one_task_survives_cut_connections(migrated_postgres_url: str, tmp_path: Path) -> None:
    """A loop that lives as long as the process: five times the server cuts every connection, and each time the same task goes on."""
    async for _ in _opened(load_settings({}, data=tmp_path, database_url=migrated_postgres_url)):
        for number in range(5):
            await _terminate(migrated_postgres_url)
            end = time.monotonic() + PATIENCE
            while True:
                try:
                    async with transaction():
                        await _add(f"e{number}")
                    break
                except database.DATABASE_DOWN:
                    assert time.monotonic() < end, "the task is poisoned"
            assert await _ids() == [f"e{each}" for each in range(number + 1)]


async def test_a_transaction_that_cannot_begin_leaves_nothing_behind(tmp_path: Path) -> None:
    """Locked beyond the time-out: an error of the database, no poisoned task, no lock of our own that stays."""
    async for _ in _opened(load_settings({}, data=tmp_path)):
        await connection().execute_query("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(tmp_path / "adapter.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for _attempt in range(2):
            with pytest.raises(OperationalError, match="database is locked"):
                await _in_transaction("locked")
        assert await _ids() == []
        other.execute("ROLLBACK")
        other.close()
        await _in_transaction("free")
        assert await _ids() == ["free"]


async def _in_transaction(id: str) -> None:
    async with transaction():
        await _add(id)


def _count(data: str, times: int) -> None:
    """Read, think, write: what fails at once under a plain BEGIN."""

    async def run() -> None:
        async for _ in _opened(load_settings({}, data=Path(data))):
            for _time in range(times):
                async with transaction():
                    row = await EntityRow.get(id="counter")
                    await asyncio.sleep(0.001)
                    row.settings = {"n": row.settings["n"] + 1}
                    await row.save(update_fields=["settings"])

    asyncio.run(run())


async def test_two_processes_read_and_then_write(tmp_path: Path) -> None:
    """BEGIN IMMEDIATE: each waits for the other, none fails, nothing is lost."""
    async for _ in _opened(load_settings({}, data=tmp_path)):
        await EntityRow.create(id="counter", mode="test", settings={"n": 0})
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # so that the processes are there at once
    processes = [context.Process(target=_count, args=(str(tmp_path), 30)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.join, PATIENCE)
    assert [process.exitcode for process in processes] == [0, 0]
    async for _ in _opened(load_settings({}, data=tmp_path)):
        assert (await EntityRow.get(id="counter")).settings == {"n": 60}


async def test_tasks_beside_a_transaction_do_not_see_it(settings: Settings) -> None:
    """Two tasks, one transaction each: neither writes in the other's."""

    written = asyncio.Event()

    async def fails() -> None:
        async with transaction():
            await _add("rolled-back")
            written.set()
            await asyncio.sleep(0.05)
            raise ValueError

    async def succeeds() -> None:
        await written.wait()
        async with transaction():
            await _add("kept")

    results = await asyncio.gather(asyncio.create_task(fails()), asyncio.create_task(succeeds()), return_exceptions=True)
    assert isinstance(results[0], ValueError)
    assert await _ids() == ["kept"]


async def test_migrations_are_applied_once(postgres_url: str, tmp_path: Path) -> None:
    """On both databases: all at first, none after that."""
    for url in (None, postgres_url):
        await database.connect(load_settings({}, data=tmp_path, database_url=url))
        assert await database.pending_migrations() != []
        assert await database.migrate() != []
        assert await database.migrate() == await database.pending_migrations() == []
        await database.disconnect()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgres://postgres@127.0.0.1:1/adapter", "ADAPTER_DATABASE_URL: the database cannot be reached"),
        ("postgres://postgres@127.0.0.1:5432", "ADAPTER_DATABASE_URL: must name a host and a database"),
    ],
)
async def test_a_database_that_is_not_there(tmp_path: Path, url: str, problem: str) -> None:
    """The setting is named; the password is not."""
    with pytest.raises(Misconfigured, match=problem):
        await _connect(load_settings({}, data=tmp_path, database_url=url))
    await database.disconnect()


async def _connect(settings: Settings) -> Any:
    await database.connect(settings)
