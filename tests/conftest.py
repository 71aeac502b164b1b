"""Fixtures of the whole suite: databases, and a running house with everything real around it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from importlib import import_module
from itertools import count
from pathlib import Path
from pkgutil import walk_packages
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg import sql

import adapter
import connectors
from adapter.app import migrate
from adapter.clock import SimulatedClock
from adapter.infra import database
from adapter.settings import load_settings
from tests.house import PATIENCE, House, Neighbourhood, reserved

POSTGRES = os.environ.get("ADAPTER_TEST_POSTGRES", "")
DEFAULT_POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
LONG = bool(os.environ.get("ADAPTER_TEST_LONG"))

# The examples of property tests follow from the code alone, so that what was green once is green again: another random example that
# finds a fault is welcome, but not in a run that asks whether one change may land. ADAPTER_TEST_LONG=1 looks for new ones. How long an
# example takes says more of the machine than of the code.
hypothesis_settings.register_profile(
    "suite", derandomize=not LONG, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
hypothesis_settings.load_profile("suite")
# Examples are also drawn from the constants of every module that is loaded by then: here all are, whichever tests run first.
for _package in (adapter, connectors):
    for _module in walk_packages(_package.__path__, f"{_package.__name__}."):
        if not _module.name.endswith("__main__"):
            import_module(_module.name)

OWNER, _NUMBERS = uuid4().hex[:12], count(1)
"""This process in the names of its databases; it holds the advisory lock of that name for as long as it lives."""


@pytest.fixture(scope="session")
def administrator() -> Iterator[psycopg.Connection]:
    """A connection to a PostgreSQL server. Required where ADAPTER_TEST_POSTGRES is set; else used when one runs here."""
    url = POSTGRES or DEFAULT_POSTGRES
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=30)
    except psycopg.OperationalError as error:
        if POSTGRES:
            pytest.fail(f"ADAPTER_TEST_POSTGRES is set, but {url} cannot be reached: {error}")
        pytest.skip("no PostgreSQL on 127.0.0.1:5432; set ADAPTER_TEST_POSTGRES to a server's URL")
    with connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [OWNER])
        _remove_left_over(connection)
        yield connection


def _remove_left_over(connection: psycopg.Connection) -> None:
    """Remove the databases of test runs that were killed: nobody holds their lock any more."""
    found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'adapter\\_suite\\_%'").fetchall()
    for (name,) in found:
        owner = name.split("_")[2]
        if owner != OWNER and connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [owner]).fetchone() == (True,):
            _drop(connection, name)
            connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", [owner])


def _create(connection: psycopg.Connection, template: str = "template1") -> str:
    """A new database, a copy of another one; its name. Waits for whoever still leaves that one."""
    name, end = f"adapter_suite_{OWNER}_{next(_NUMBERS)}", time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
            return name
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _drop(connection: psycopg.Connection, name: str) -> None:
    """Remove a database and whoever is connected to it."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            return
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.fixture(scope="session")
def postgres_server(administrator: psycopg.Connection) -> str:
    """The URL of the PostgreSQL server."""
    return POSTGRES or DEFAULT_POSTGRES


def _url(server: str, name: str) -> str:
    return f"{server.rsplit('/', 1)[0]}/{name}"


@pytest.fixture
def postgres_url(administrator: psycopg.Connection, postgres_server: str) -> Iterator[str]:
    """A fresh, empty database."""
    name = _create(administrator)
    yield _url(postgres_server, name)
    _drop(administrator, name)


@pytest.fixture(scope="session")
def migrated_template(administrator: psycopg.Connection, postgres_server: str) -> Iterator[str]:
    """The name of a database that has every table, to copy."""
    name = _create(administrator)
    settings = load_settings({}, database_url=_url(postgres_server, name))

    async def make() -> None:
        await database.connect(settings)
        await migrate(settings)
        await database.disconnect()

    asyncio.run(make())
    yield name
    _drop(administrator, name)


@pytest.fixture
def migrated_postgres_url(administrator: psycopg.Connection, postgres_server: str, migrated_template: str) -> Iterator[str]:
    """A fresh database that has every table."""
    name = _create(administrator, migrated_template)
    yield _url(postgres_server, name)
    _drop(administrator, name)


@pytest.fixture
def own_port() -> Iterator[int]:
    """A port of loopback that is this test's alone: connections are refused until the test listens there."""
    with reserved() as taken:
        yield taken.getsockname()[1]


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
