"""The checks of `doctor`, one finding each. They change nothing, and make nothing where there is no service yet."""

import os
import shutil
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from adapter.app import KEY_FILE, keys_of, mailer_of
from adapter.cli.rules_check import rule_sets
from adapter.clock import Clock
from adapter.connector import connectors
from adapter.domain.tax.adopt import Severity
from adapter.domain.tax.advice import advice
from adapter.errors import AdapterError, Misconfigured
from adapter.infra import browser, database
from adapter.infra.chromium import Chromium
from adapter.infra.coverage import installed_families
from adapter.infra.database import DATABASE_DOWN
from adapter.infra.files import Files
from adapter.infra.models import EntityRow, SourceRow
from adapter.infra.sealed import check_keys, sealed
from adapter.infra.secrets import Vault
from adapter.infra.sources import entity_of
from adapter.settings import Settings

SMALL_DISK, FULL_DISK = 2**30, 2**26
"""Free bytes below which a warning is due, and below which documents are in danger."""
CLOCK_DRIFT, CLOCK_WRONG = timedelta(seconds=5), timedelta(minutes=5)
"""A signed time is accepted within five minutes."""
TEST_PAGE = '<!doctype html><html lang="en"><title>Test</title><style>@page { size: A4 }</style><p>Storefront Adapter</p></html>'


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at and how it is; for a `problem` also what to do. `stops`: invoices would not be made or sent."""

    what: str
    told: str
    problem: bool = False
    stops: bool = False

    def __str__(self) -> str:
        return f"{'problem' if self.problem else 'ok':<8} {self.what:<11} {self.told}"


def ok(what: str, told: str) -> Finding:
    """Nothing to do."""
    return Finding(what, told)


def problem(what: str, told: str, *, stops: bool) -> Finding:
    """Something to do."""
    return Finding(what, told, problem=True, stops=stops)


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Every finding, as it is made."""
    public = "" if settings.public_url else " (ADAPTER_PUBLIC_URL is not set)"
    yield ok("settings", f"data in {settings.data.resolve()}, webhooks at {settings.address}/hooks/…{public}")
    async for finding in _database(settings):
        yield finding
    async for finding in _chromium(settings):
        yield finding
    yield _fonts()
    yield await _einvoices(settings)
    yield await _mail(settings)
    yield _time_zones()
    yield _disk(settings)
    yield await _files(settings)
    yield _connectors()


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    file = database.embedded_file(settings)
    if file is not None and not file.exists():
        yield ok("database", f"{file} is made by `serve` or `apply`")
        yield _key(settings)
        return
    try:
        await database.connect(settings)
        yield ok("database", await _server(file))
        yield await _migrations(settings)
        yield await _clock()
        yield await _secrets(settings)
        yield await _typefaces()
        async for finding in _sellers():
            yield finding
    except (Misconfigured, *DATABASE_DOWN) as error:
        yield problem("database", f"{error or type(error).__name__}; look at ADAPTER_DATABASE_URL, and whether the server runs", stops=True)
    finally:
        await database.disconnect()


async def _server(file: Path | None) -> str:
    question = "SELECT sqlite_version() AS version" if file else "SELECT current_setting('server_version') AS version"
    answer = (await database.connection().execute_query_dict(question))[0]["version"]
    return f"SQLite {answer}, {file}" if file else f"PostgreSQL {answer}"


async def _migrations(settings: Settings) -> Finding:
    pending = await database.pending_migrations()
    if settings.is_postgres:
        question = "SELECT to_regclass('procrastinate_jobs') IS NULL AS lacking"
        pending += ["the job queue"] if (await database.connection().execute_query_dict(question))[0]["lacking"] else []
        if pending:
            return problem("migrations", f"lacks {', '.join(pending)}: run `storefront-adapter migrate`", stops=True)
    return ok("migrations", f"{', '.join(pending)} will run by itself" if pending else "up to date")


async def _clock() -> Finding:
    """Beside the database's clock, which is this machine's own for the embedded one."""
    question = "SELECT now() AS now" if database.is_postgres() else "SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now') AS now"
    there = (await database.connection().execute_query_dict(question))[0]["now"]
    there = there if isinstance(there, datetime) else datetime.fromisoformat(there).replace(tzinfo=UTC)
    now = Clock().now()
    apart = abs(now - there)
    if apart > CLOCK_DRIFT:
        told = f"{apart.total_seconds():.0f} s away from the database's: set both by NTP"
        return problem("clock", told, stops=apart >= CLOCK_WRONG)
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, as the database's")


async def _secrets(settings: Settings) -> Finding:
    """Whether each source has its connector, and the key opens every secret that is stored."""
    key = _key(settings)
    stored = {} if await database.pending_migrations() else await sealed()
    if not stored or key.stops:
        return key
    if settings.secret_keys is None and not (settings.data / KEY_FILE).exists():
        told = f"{settings.data / KEY_FILE} is gone, and with it the secrets of {', '.join(stored)}: restore it from a backup"
        return problem("keys", told, stops=True)
    lacking = sorted({row.connector for row in await SourceRow.all()} - set(connectors()))
    if lacking:
        return problem("sources", f"need connectors that are not installed: {', '.join(lacking)}", stops=True)
    try:
        vault = Vault(keys_of(settings))
        check_keys(vault, stored)
    except Misconfigured as error:
        return problem("keys", str(error), stops=True)
    return key if key.problem else ok("keys", f"{key.told}; opens the secrets of {', '.join(stored)}")


async def _sellers() -> AsyncIterator[Finding]:
    """What each seller's invoices lack in law, and what its country wants beside a PDF; none of it stops them."""
    rows = [] if await database.pending_migrations() else await EntityRow.all().order_by("id")
    for entity in map(entity_of, rows):
        for found in advice(entity, Clock().now().astimezone(entity.zone).date()):
            told = f"{entity.id}: {found.message}"
            yield ok("seller", told) if found.severity is Severity.INFO else problem("seller", told, stops=False)


def _key(settings: Settings) -> Finding:
    """The key that secrets are sealed with must be readable to this user, and to nobody else."""
    if settings.secret_keys is not None:
        return ok("keys", "from ADAPTER_SECRET_KEYS")
    path = settings.data / KEY_FILE
    try:
        held = path.stat()
        path.read_text(encoding="ascii")
    except FileNotFoundError:
        return ok("keys", f"{path} is made by `serve` or `apply`")
    except OSError as error:
        return problem("keys", f"{path} cannot be read: {error.strerror}; run as its owner", stops=True)
    mode = stat.S_IMODE(held.st_mode)
    if mode & 0o077:
        return problem("keys", f"{path} is open to other users (mode {mode:o}): chmod 600 {path}", stops=False)
    return ok("keys", f"{path} is for its owner alone")


async def _chromium(settings: Settings) -> AsyncIterator[Finding]:
    try:
        executable = browser.find_chromium(str(settings.chromium) if settings.chromium else None)
    except Misconfigured as error:
        yield problem("chromium", str(error), stops=True)
        return
    if executable is None:
        yield problem("chromium", "no headless Chromium was found: run `storefront-adapter doctor --install`", stops=True)
        return
    chromium = Chromium(executable, pages=1, timeout=settings.render_timeout)
    try:
        content = await chromium.pdf(TEST_PAGE)
    except AdapterError as error:
        yield problem("chromium", f"{error}; try `storefront-adapter doctor --install`, or set ADAPTER_CHROMIUM", stops=True)
        yield problem("sandbox", "is not known to work before Chromium starts", stops=False)
        return
    finally:
        await chromium.close()
    yield ok("chromium", f"{chromium.version}, {executable}; drew a test page of {len(content)} bytes")
    if chromium.sandboxed:
        yield ok("sandbox", "Chromium's own sandbox is on")
    else:
        yield problem("sandbox", "is off because this process is root, where Chromium refuses it: run as another user", stops=False)


async def _typefaces() -> Finding:
    """Those that entities chose, and the one that Swiss payment parts are printed in."""
    chosen: dict[str, str] = {}
    for row in await EntityRow.all():
        branding, bank = row.settings.get("branding") or {}, row.settings.get("bank") or {}
        if branding.get("font"):
            chosen.setdefault(branding["font"], row.id)
        if str(bank.get("iban") or "").upper().startswith(("CH", "LI")):
            chosen.setdefault("Liberation Sans", row.id)
    missing = sorted(chosen.keys() - installed_families())
    if missing:
        told = ", ".join(f"{font} of entity {chosen[font]}" for font in missing)
        packages = ", ".join(sorted({browser.TYPEFACES[font] for font in missing}))
        return problem("typefaces", f"not installed, another one is printed: {told}; install {packages}", stops=False)
    return ok("typefaces", ", ".join(sorted(chosen)) or "as they come")


def _fonts() -> Finding:
    missing = browser.fonts_missing()
    if missing:
        packages = sorted({browser.SCRIPTS[script][1] for script in missing})
        told = f"none for {', '.join(missing)}: run `storefront-adapter doctor --install`, or install {', '.join(packages)}"
        return problem("fonts", told, stops=False)
    return ok("fonts", f"for {', '.join(browser.SCRIPTS)}")


async def _einvoices(settings: Settings) -> Finding:
    """Documents go out without e-invoices where the rules cannot be asked: that stops no invoice, but wants a look."""
    try:
        artefacts, refusals = await rule_sets(settings)
    except AdapterError as error:
        told = f"cannot be checked, and documents go out without them: {error}; install this package again, and look at ADAPTER_RULES"
        return problem("e-invoices", told, stops=False)
    told = ", ".join(f"{name} {version}" for name, version in artefacts.items())
    if refusals:
        return problem("e-invoices", f"a right one is refused by {', '.join(refusals)}, replace that rule set: {told}", stops=False)
    return ok("e-invoices", told)


async def _mail(settings: Settings) -> Finding:
    mailer = mailer_of(settings)
    if mailer is None:
        return ok("mail", "ADAPTER_SMTP_HOST is not set: mail stays in the outbox")
    try:
        return ok("mail", f"{await mailer.check()} takes mail at {settings.smtp_host}:{settings.smtp_port} ({settings.smtp_security})")
    except AdapterError as error:
        return problem("mail", str(error), stops=True)


def _time_zones() -> Finding:
    try:
        ZoneInfo("Europe/Berlin")
    except KeyError:
        return problem("time zones", "there are no data: install the package tzdata", stops=True)
    return ok("time zones", f"{len(available_timezones())}, tzdata {version('tzdata')}")


def _disk(settings: Settings) -> Finding:
    folder = _existing(settings.data)
    free = shutil.disk_usage(folder).free
    told = f"{free / 2**30:.1f} GiB free at {folder}"
    if free < SMALL_DISK:
        return problem("disk", f"{told}: make room, or move ADAPTER_DATA", stops=free < FULL_DISK)
    return ok("disk", told)


async def _files(settings: Settings) -> Finding:
    """Where PDFs and mails go: a remote store is asked, a local folder must be writable, or the one that it will be made in."""
    local = Path(settings.files.removeprefix("file://"))
    if "://" not in settings.files.removeprefix("file://"):
        folder = _existing(local)
        if not os.access(folder, os.W_OK | os.X_OK):
            return problem("files", f"{folder} is not writable for this user: change its owner, or set ADAPTER_DATA", stops=True)
        return ok("files", str(local))
    try:
        await Files(settings.files).put(b"ready")
    except AdapterError as error:
        return problem("files", str(error), stops=True)
    return ok("files", settings.files)


def _connectors() -> Finding:
    try:
        names = ", ".join(connectors())
    except Misconfigured as error:
        return problem("connectors", str(error), stops=True)
    return ok("connectors", names) if names else problem("connectors", "none is installed: install this package again", stops=True)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(folder for folder in (path.resolve(), *path.resolve().parents) if folder.exists())
