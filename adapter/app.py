"""The composition root: builds each part once and owns the order in which they start and stop."""

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import structlog
from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from adapter import __version__
from adapter.api.connections import Site
from adapter.api.routes import web_application
from adapter.clock import Clock
from adapter.errors import Misconfigured
from adapter.flow.act import act
from adapter.flow.receive import Door
from adapter.flow.store import Store
from adapter.flow.sweep import sweep
from adapter.infra import database
from adapter.infra.browser import find_chromium
from adapter.infra.chromium import Chromium
from adapter.infra.database import DATABASE_DOWN
from adapter.infra.dispatch.distributed import DistributedDispatcher, create_job_tables
from adapter.infra.dispatch.local import LocalDispatcher
from adapter.infra.files import Files
from adapter.infra.mailer import Mailer
from adapter.infra.outbound import Outbound
from adapter.infra.renderer import Renderer
from adapter.infra.scratch import remove_left_over
from adapter.infra.sealed import check_keys, sealed
from adapter.infra.secrets import Vault
from adapter.infra.services import Services
from adapter.infra.sources import Sources
from adapter.infra.validation import Validator
from adapter.settings import Settings

log = structlog.get_logger()

KEY_FILE = "secret.key"
DOOR_SECONDS = 5
"""For requests that are being answered when the process is told to stop; who is cut off was not answered, and sends again."""
NOWHERE = Path("/nonexistent/chromium")
"""Stands for a browser that is not installed; nothing that renders starts without one."""


class App:
    """Every part of one process. Use it inside `opened`."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.vault = Vault(keys_of(settings))
        self.executable = find_chromium(str(settings.chromium) if settings.chromium else None)
        self.chromium = Chromium(self.executable or NOWHERE, pages=settings.render_pages, timeout=settings.render_timeout)
        self.validator = Validator(settings.rules)
        self.dispatcher = self._dispatcher()
        self.outbound = Outbound(allowed_networks=settings.allowed_networks, user_agent=f"storefront-adapter/{__version__}")
        self.services = Services(
            settings=settings,
            clock=self.clock,
            vault=self.vault,
            files=Files(settings.files),
            sources=Sources(self.vault, self.clock),
            renderer=Renderer(self.chromium),
            mailer=mailer_of(settings),
            outbound=self.outbound,
            dispatcher=self.dispatcher,
            validator=self.validator,
        )
        self._stopping: asyncio.Task[None] | None = None
        self.store = Store(self.services)
        self.door = Door(self.services, self.store)

    def _dispatcher(self) -> LocalDispatcher | DistributedDispatcher:
        async def run(action_id: str) -> None:
            await act(action_id, self.services)

        if self.settings.is_postgres and self.settings.database_url is not None:
            url = self.settings.database_url.get_secret_value()
            return DistributedDispatcher(url, run, self.clock, self.settings.concurrency)
        return LocalDispatcher(run, self.clock, self.settings.concurrency)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["App"]:
        """Connect to the database, whose schema must be there: it is brought about by itself on the embedded one."""
        await database.connect(self.settings)
        try:
            if not self.settings.is_postgres:
                await migrate(self.settings)
            elif pending := await database.pending_migrations():
                raise Misconfigured("ADAPTER_DATABASE_URL", f"the database lacks {', '.join(pending)}: run `storefront-adapter migrate`")
            yield self
        finally:
            await database.disconnect()

    @asynccontextmanager
    async def working(self) -> AsyncIterator["App"]:
        """Run actions and the sweep."""
        if self.executable is None:
            raise Misconfigured("ADAPTER_CHROMIUM", "no headless Chromium was found: run `storefront-adapter doctor --install`")
        remove_left_over()
        self._stopping = None
        await self.outbound.start()
        await self.dispatcher.start()
        sweeper = asyncio.create_task(self._sweep(), name="sweep")
        try:
            yield self
        finally:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)
            await self.stop_actions()
            await self.chromium.close()
            await self.validator.close()
            await self.outbound.close()
            remove_left_over()  # also of a predecessor that was killed and whose browser outlived it into this run

    def stop_actions(self) -> "asyncio.Task[None]":
        """Begin to let what runs finish, for six seconds; the same task each time. Before the door closes, so that both end together
        within the ten seconds that orchestrators give."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self.dispatcher.stop(), name="stop actions")
        return self._stopping

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[str]:
        """Open the door; yields the address. Requests that were accepted are answered before it closes."""
        await self.store.start()
        runner = web.AppRunner(web_application(self.services, self.door), shutdown_timeout=DOOR_SECONDS)
        await runner.setup()
        try:
            try:
                await Site(runner, host, port).start()
            except OSError as error:
                raise Misconfigured("ADAPTER_PORT", f"cannot listen at {host}:{port}: {error.strerror or error}; choose another") from None
            bound = runner.addresses[0]
            yield f"http://{bound[0]}:{bound[1]}"
        finally:
            await runner.cleanup()
            await self.store.stop()
            with suppress(*DATABASE_DOWN):  # counts of what was refused, no more
                await self.door.flush_refusals()

    async def _sweep(self) -> None:
        while True:
            try:
                # A task of its own: a broken connection must not stay in this one's context.
                await asyncio.create_task(self._sweep_once())
            except DATABASE_DOWN:
                log.exception("the sweep could not reach the database; trying again")
            except Exception:
                log.exception("the sweep failed; trying again")
            await asyncio.sleep(self.settings.sweep_seconds)

    async def _sweep_once(self) -> None:
        await sweep(self.services)
        await self.door.flush_refusals()


async def migrate(settings: Settings) -> Sequence[str]:
    """Bring the open database to the newest schema, and make the tables of the job queue on PostgreSQL."""
    applied = await database.migrate()
    if settings.is_postgres and settings.database_url is not None and await create_job_tables(settings.database_url.get_secret_value()):
        applied = [*applied, "job queue"]
    return applied


async def serve(settings: Settings, ready: Callable[[str], None], work: bool | None = None) -> None:
    """Receive webhooks, and work unless that is left to `work` processes, until SIGTERM or SIGINT."""
    check_parser()
    app = App(settings)
    works = not settings.is_postgres if work is None else work
    with exclusive(settings):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(app.opened())
            check_keys(app.vault, await sealed())
            if works:
                await stack.enter_async_context(app.working())
            ready(await stack.enter_async_context(app.listening(settings.host, settings.port)))
            await _stopped()
            log.info("stopping")
            if works:
                app.stop_actions()


async def work(settings: Settings, ready: Callable[[], None]) -> None:
    """Run actions of a PostgreSQL database until SIGTERM or SIGINT."""
    if not settings.is_postgres:
        raise Misconfigured("ADAPTER_DATABASE_URL", "is not set: on the embedded database `serve` does the work by itself")
    app = App(settings)
    async with app.opened():
        check_keys(app.vault, await sealed())
        async with app.working():
            ready()
            await _stopped()


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def check_parser() -> None:
    """Refuse to serve with the slow parser, which had request smuggling flaws that the compiled one had not (CVE-2026-111750)."""
    if HttpRequestParser is HttpRequestParserPy:
        raise Misconfigured("aiohttp", "is installed without its compiled parser; install a wheel, and unset AIOHTTP_NO_EXTENSIONS")


class exclusive:  # noqa: N801 - reads as a statement
    """Holds the data folder for one serving process on the embedded database; a second one is refused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        if self._settings.is_postgres:
            return
        database.make_folder(self._settings)
        self._file = (self._settings.data / "lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured("ADAPTER_DATA", f"{self._settings.data} is in use by another `serve`") from None

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def keys_of(settings: Settings) -> list[str]:
    """The configured keys, else the one in the data folder, which is made at first."""
    if settings.secret_keys is not None:
        return [key.strip() for key in settings.secret_keys.get_secret_value().split(",") if key.strip()]
    path = settings.data / KEY_FILE
    if not path.exists():
        database.make_folder(settings)
        _write_once(path, Vault.new_key())
    return path.read_text(encoding="ascii").split()


def _write_once(path: Path, content: str) -> None:
    """Make a file for its owner alone, whole or not at all, unless another process was first."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=".", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)


def mailer_of(settings: Settings) -> Mailer | None:
    """The configured mail server; None where there is none, and mail stays in the outbox."""
    if settings.smtp_host is None:
        return None
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    return Mailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=password,
        security=settings.smtp_security,
    )
