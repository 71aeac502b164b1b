"""Connecting, migrating, and transactions that cannot poison the task they run in."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import get_connections
from tortoise.exceptions import BaseORMException
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.transactions import in_transaction

from adapter.errors import Misconfigured
from adapter.settings import Settings

APP = "adapter"
APPS = {
    APP: {
        "models": [
            "adapter.infra.models",
            "adapter.infra.archive",
            "adapter.infra.numbers",
            "adapter.infra.einvoices",
            "adapter.infra.clearances",
            "adapter.infra.rates",
            "adapter.infra.vat_checks",
        ],
        "default_connection": "default",
        "migrations": "adapter.infra.migrations",
    }
}
"""Where the tables are described."""
DATABASE_DOWN = (
    OSError,
    BaseORMException,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    sqlite3.Error,
)
"""What the database raises when it is away, locked or refuses; the answer to a storefront is then 503. The ORM translates only some of its
drivers' errors: those of a connection that was cut come as they are."""


def config(settings: Settings) -> dict[str, Any]:
    """The ORM's configuration for these settings; used by its own command line through `TORTOISE` too."""
    if settings.is_postgres and settings.database_url is not None:
        connection: Any = _postgres(settings.database_url.get_secret_value())
    else:
        connection = {"engine": "adapter.infra.sqlite", "credentials": {"file_path": str(embedded_file(settings))}}
    return {
        "connections": {"default": connection},
        "apps": APPS,
        "use_tz": True,
        "timezone": "UTC",
    }


def embedded_file(settings: Settings) -> Path | None:
    """The file of the embedded database; None on PostgreSQL."""
    if settings.is_postgres:
        return None
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    return Path(url.removeprefix("sqlite://") or settings.data / "adapter.db")


def _postgres(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    try:
        port = parts.port or 5432
    except ValueError:
        port = 0
    if not parts.hostname or not port or not parts.path.strip("/"):
        raise Misconfigured("ADAPTER_DATABASE_URL", "must name a host and a database: postgres://user:password@host:5432/name")
    return {
        "engine": "tortoise.backends.asyncpg",
        "credentials": {
            "host": parts.hostname,
            "port": port,
            "user": parts.username or "postgres",
            "password": parts.password or "",
            "database": parts.path.strip("/"),
            "minsize": 1,
            "maxsize": 20,
            "application_name": "storefront-adapter",
        },
    }


TORTOISE = config(Settings())
"""For the ORM's own command line: `tortoise -c adapter.infra.database.TORTOISE makemigrations`."""


async def connect(settings: Settings) -> None:
    """Open the database. Raises `Misconfigured` naming the setting when it cannot be reached."""
    if (file := embedded_file(settings)) is not None:
        make_folder(settings)
        _check_file(file)
    # The ORM keeps statements per table, not per kind of database: another database in the same process needs its own.
    EXECUTOR_CACHE.clear()
    await Tortoise.init(config=config(settings), _enable_global_fallback=True)
    try:
        await connection().execute_query("SELECT 1")
    except DATABASE_DOWN as error:
        await disconnect()  # an open file would keep the process from ending
        told = f"the database cannot be reached: {error or type(error).__name__}; look whether it runs, and at each part of the address"
        raise Misconfigured("ADAPTER_DATABASE_URL", told) from error


def _check_file(file: Path) -> None:
    """Raise `Misconfigured` for what is no database or cannot be opened, before the driver has a thread that waits for it."""
    try:
        with closing(sqlite3.connect(file)) as opened:
            opened.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise Misconfigured("ADAPTER_DATA", f"{file} cannot be used as the database: {error}") from None


def make_folder(settings: Settings) -> None:
    """Make the data folder where it is missing. Raises `Misconfigured` where it cannot be."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured("ADAPTER_DATA", f"{settings.data} cannot be made: {error.strerror}") from None


async def disconnect() -> None:
    """Close every connection."""
    await Tortoise.close_connections()


def connection() -> BaseDBAsyncClient:
    """The connection of the present context: the transaction's own inside one."""
    return get_connections().get("default")


def is_postgres() -> bool:
    """Whether the open database is PostgreSQL."""
    return connection().capabilities.dialect == "postgres"


def _executor() -> MigrationExecutor:
    return MigrationExecutor(connection(), APPS)


async def pending_migrations() -> list[str]:
    """Names of the migrations that the open database lacks."""
    executor = _executor()
    await executor.recorder.ensure_schema(executor._schema_editor(atomic=False))
    return [step.migration.name for step in await executor.plan([MigrationTarget(APP, "__latest__")]) if not step.backward]


async def migrate() -> list[str]:
    """Bring the open database to the newest schema; returns the names of the migrations that were applied."""
    pending = await pending_migrations()
    if pending:
        await _executor().migrate([MigrationTarget(APP, "__latest__")])
    return pending


PATIENCE = (0.2, 1.0, 3.0, 6.0)
"""Seconds between the attempts to write down what has happened already."""


async def insist(write: Callable[[], Awaitable[Any]]) -> None:
    """Write what is a fact outside of the database already (a mail went out), through a restart of it: unwritten, it would be done again.

    Raises what the database raised when it stays away. Not for use inside a transaction.
    """
    for pause in PATIENCE:
        try:
            await write()
            return
        except DATABASE_DOWN:
            await asyncio.sleep(pause)
    await write()


_after_commit: ContextVar[list[Any] | None] = ContextVar("after_commit", default=None)


@asynccontextmanager
async def transaction() -> AsyncIterator[BaseDBAsyncClient]:
    """A transaction; inside another one, the same.

    The ORM sets its context variable before BEGIN, so that a BEGIN that fails on a stale connection would break every later query of the
    task; here the context is put back. The first error is kept when the rollback fails too.
    """
    if _after_commit.get() is not None:
        yield connection()
        return
    context = in_transaction("default")
    client: Any = None
    try:
        client = await context.__aenter__()
    except BaseException:
        token = getattr(context, "token", None)
        if token is not None:
            get_connections().reset(token)
        client = getattr(context, "client", None)
        if client is not None and client._connection is not None and client._parent._pool is not None:
            await client._parent._pool.release(client._connection)
        raise
    callbacks: list[Any] = []
    marker = _after_commit.set(callbacks)
    try:
        try:
            yield client
        except BaseException as error:
            try:
                await context.__aexit__(type(error), error, error.__traceback__)
            except Exception as rollback_error:
                raise error from rollback_error
            raise
        await context.__aexit__(None, None, None)
    finally:
        _after_commit.reset(marker)
    for callback in callbacks:
        callback()


def after_commit(callback: Any) -> None:
    """Call once the present transaction is committed; at once outside of one."""
    callbacks = _after_commit.get()
    if callbacks is None:
        callback()
    else:
        callbacks.append(callback)
