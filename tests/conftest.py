"""Fixtures of the whole suite: databases, and a running house with everything real around it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from adapter.app import migrate
from adapter.clock import SimulatedClock
from adapter.infra import database
from adapter.settings import load_settings
from tests.house import House, Neighbourhood

POSTGRES = os.environ.get("ADAPTER_TEST_POSTGRES", "")
DEFAULT_POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a PostgreSQL server. Required where ADAPTER_TEST_POSTGRES is set; else used when one runs here."""
    url = POSTGRES or DEFAULT_POSTGRES

    async def reach() -> None:
        await (await asyncpg.connect(url, timeout=5)).close()

    try:
        asyncio.run(reach())
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        if POSTGRES:
            pytest.fail(f"ADAPTER_TEST_POSTGRES is set, but {url} cannot be reached: {error}")
        pytest.skip("no PostgreSQL on 127.0.0.1:5432; set ADAPTER_TEST_POSTGRES to a server's URL")
    return url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty database."""
    name = f"adapter_test_{uuid4().hex[:12]}"
    asyncio.run(_execute(postgres_server, f"CREATE DATABASE {name}"))
    yield postgres_server.rsplit("/", 1)[0] + f"/{name}"
    asyncio.run(_execute(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def migrated_template(postgres_server: str) -> Iterator[str]:
    """The name of a database that has every table, to copy."""
    name = f"adapter_template_{uuid4().hex[:12]}"
    url = postgres_server.rsplit("/", 1)[0] + f"/{name}"

    async def make() -> None:
        await _execute(postgres_server, f"CREATE DATABASE {name}")
        settings = load_settings({}, database_url=url)
        await database.connect(settings)
        await migrate(settings)
        await database.disconnect()

    asyncio.run(make())
    yield name
    asyncio.run(_execute(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture
def migrated_postgres_url(postgres_server: str, migrated_template: str) -> Iterator[str]:
    """A fresh database that has every table."""
    name = f"adapter_test_{uuid4().hex[:12]}"
    asyncio.run(_execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    yield postgres_server.rsplit("/", 1)[0] + f"/{name}"
    asyncio.run(_execute(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Each test that uses it runs on both databases: None is the embedded one."""
    return request.getfixturevalue("migrated_postgres_url") if request.param == "postgres" else None


@pytest.fixture
async def neighbourhood() -> AsyncIterator[Neighbourhood]:
    """A real mail server and a real consumer on loopback."""
    async with Neighbourhood() as around:
        yield around


@pytest.fixture
async def house(tmp_path: Path, database_url: str | None, neighbourhood: Neighbourhood) -> AsyncIterator[House]:
    """The whole service in this process, on each database, configured with one shop per platform."""
    async with House(tmp_path / "data", database_url, neighbourhood) as running:
        yield running


@pytest.fixture
async def embedded_house(tmp_path: Path, neighbourhood: Neighbourhood) -> AsyncIterator[House]:
    """The whole service in this process on the embedded database alone."""
    async with House(tmp_path / "data", None, neighbourhood) as running:
        yield running


@pytest.fixture
def clock() -> SimulatedClock:
    """Friday, 20 November 2026, 10:00 UTC, until a test moves it."""
    return SimulatedClock(datetime(2026, 11, 20, 10, tzinfo=UTC))


@pytest.fixture
async def still_house(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> AsyncIterator[House]:
    """The service on the embedded database with a clock that stands, where nothing works by itself: see `House.run_due`."""
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock) as running:
        yield running


@pytest.fixture
async def still_houses(
    tmp_path: Path, database_url: str | None, neighbourhood: Neighbourhood, clock: SimulatedClock
) -> AsyncIterator[House]:
    """A still house on each database."""
    async with House(tmp_path / "data", database_url, neighbourhood, working=False, clock=clock) as running:
        yield running
