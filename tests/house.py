"""The whole service in the test's own process, with a real mail server and a real consumer around it."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.smtp import SMTP

from adapter.app import App, migrate
from adapter.apply import apply
from adapter.clock import Clock
from adapter.configuration import Reader
from adapter.connector import connector
from adapter.domain.document import Document
from adapter.flow.act import act
from adapter.infra import database
from adapter.infra.models import ActionRow, DocumentRow
from adapter.infra.queue import DUE, RUNNING
from adapter.settings import Settings, load_settings
from adapter.signature import STANDARD_WEBHOOKS, Scheme, new_secret, sign, verify

SECRETS = {name: f"a made-up secret of the {name} shop" for name in ("shopify", "woocommerce", "sellapp")} | {
    "standard": new_secret(b"standard" * 4),
    "consumer": new_secret(b"consumer" * 4),
}

CONFIGURATION = """
[[entity]]
id = "lighthouse"
name = "Lighthouse Goods Ltd"
mode = "{mode}"
time_zone = "Europe/Berlin"
email = "billing@lighthouse.example"
address = {{ street = "1 Harbour Road", postcode = "20457", city = "Hamburg", country = "DE" }}
tax_ids = [{{ kind = "eu_vat", value = "DE123456788" }}]

[[endpoint]]
name = "consumer"
entity = "lighthouse"
url = "{consumer}"
secrets = ["env:CONSUMER"]
"""
SOURCE = """
[[source]]
id = "{name}"
entity = "lighthouse"
connector = "{name}"
secrets = ["env:{variable}"]
"""


PATIENCE = 120.0
"""Seconds in which what a test waits for must have come. They cost nothing where it comes, and are far more than a slow machine needs."""


def reserved() -> socket.socket:
    """A port of loopback of one's own, as long as this socket is open: connections to it are refused until one listens there oneself.

    A free port that was only looked up may be somebody else's before it is used.
    """
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", 0))
    return taken


@asynccontextmanager
async def hurry(seconds: float = 60) -> AsyncIterator[None]:
    """The clock of the running loop leaps by so many seconds, a hundred times a second: whoever waits for a time to be over need not.

    So a test can wait for what it needs without a limit that a slow machine would miss, and then let the limit pass. Limits of the test's
    own pass too: inside of this, `pytest` alone guards against hanging.
    """
    loop = asyncio.get_running_loop()
    before, leapt = loop.time, 0.0
    loop.time = lambda: before() + leapt  # type: ignore[method-assign]

    async def leap() -> None:
        nonlocal leapt
        while True:
            leapt += seconds
            await asyncio.sleep(0.01)

    leaping = asyncio.create_task(leap())
    try:
        yield
    finally:
        leaping.cancel()
        await asyncio.gather(leaping, return_exceptions=True)


@dataclass
class Received:
    """A message as a consumer got it."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The parsed body."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass
class Neighbourhood:
    """Who the service talks to: a mail server and a consumer. `answers` are the statuses of the next answers, 200 after them, and
    `mail_answers` those of the mail server, 250 after them; `answer_headers` go with every answer of the consumer."""

    mails: list[bytes] = field(default_factory=list)
    messages: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    answer_headers: dict[str, str] = field(default_factory=dict)
    mail_answers: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._reserved = reserved()
        self.smtp_port: int = self._reserved.getsockname()[1]
        await self.open_mail()
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/in", self._consume)
        self._server = TestServer(application)
        await self._server.start_server()
        self.consumer = str(self._server.make_url("/in"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._smtp.close()
        self._reserved.close()
        await self._server.close()

    async def open_mail(self) -> None:
        """Have the mail server listen."""
        loop = asyncio.get_running_loop()
        self._smtp = await loop.create_server(
            lambda: SMTP(self, hostname="mail.example", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", self.smtp_port
        )

    def close_mail(self) -> None:
        """Have the mail server refuse connections."""
        self._smtp.close()

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.mail_answers:
            return self.mail_answers.pop(0)
        self.mails.append(envelope.content)
        return "250 OK"

    async def _consume(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.messages.append(Received({name.lower(): value for name, value in request.headers.items()}, body))
        return web.Response(status=self.answers.pop(0) if self.answers else 200, headers=self.answer_headers)

    def parsed_mails(self) -> list[EmailMessage]:
        """The mails that arrived, parsed."""
        return [message_from_bytes(mail, policy=default) for mail in self.mails]  # type: ignore[misc]


class House:
    """The service: connected, listening and working, configured with one source per platform (of the same name) and one endpoint."""

    def __init__(
        self,
        data: Path,
        database_url: str | None,
        around: Neighbourhood,
        *,
        mode: str = "live",
        configuration: str = "",
        working: bool = True,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self.around = around
        self._data, self._mode, self._more, self._works = data, mode, configuration, working
        self._clock = clock
        given: dict[str, Any] = {
            "data": data,
            "database_url": database_url,
            "smtp_host": "127.0.0.1",
            "smtp_port": around.smtp_port,
            "smtp_security": "none",
            "allowed_networks": "127.0.0.0/8,::1/128",
            "sweep_seconds": 1,
            "render_timeout": 120,
        }
        self.settings = load_settings({}, **given | settings)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.app = App(self.settings, self._clock)
        self.app.validator.timeout = PATIENCE
        await open_migrated(self.settings)
        await database.disconnect()
        await self._stack.enter_async_context(self.app.opened())
        await self.configure(CONFIGURATION.format(mode=self._mode, consumer=self.around.consumer) + self._sources() + self._more)
        if self._works:
            await self._stack.enter_async_context(self.app.working())
        else:
            await self.app.outbound.start()
            self._stack.push_async_callback(self.app.outbound.close)
            self._stack.push_async_callback(self.app.chromium.close)
            self._stack.push_async_callback(self.app.validator.close)
        self.address = await self._stack.enter_async_context(self.app.listening("127.0.0.1", 0))
        self.client = await self._stack.enter_async_context(aiohttp.ClientSession())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _sources(self) -> str:
        named = [name for name in SECRETS if name != "consumer"]
        return "".join(SOURCE.format(name=name, variable=name.upper()) for name in named if f'id = "{name}"' not in self._more)

    async def configure(self, text: str) -> None:
        """Apply a configuration; secrets are `env:<PLATFORM IN CAPITALS>` and `env:CONSUMER`."""
        path = self._data / "test.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        environment = {name.upper(): secret for name, secret in SECRETS.items()}
        reader = Reader(path, environment, allowed_networks=self.settings.allowed_networks)
        configuration = reader.read()
        assert configuration is not None, [str(problem) for problem in reader.problems]
        services = self.app.services
        await apply(configuration, path.parent, services.files, services.vault, services.clock.now())
        services.sources.forget()

    async def send(self, source: str, body: bytes | dict[str, Any], topic: str = "", **headers: str) -> int:
        """Send a correctly signed webhook of a platform and return the answer's status."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = signed_headers(source, content, self.app.services.clock.now().timestamp(), topic)
        async with self.client.post(f"{self.address}/hooks/{source}", data=content, headers=signed | headers) as answer:
            return answer.status

    async def idle(self, seconds: float = PATIENCE) -> None:
        """Wait until nothing runs and nothing is due within the next three seconds; what fails is tried again after two, more or less."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            soon = self.app.clock.now() + timedelta(seconds=3)
            busy = await ActionRow.filter(state__in=(DUE, RUNNING), next_at__lte=soon).values("kind", "state", "error")
            if not busy:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"still busy after {seconds} s: {busy}")

    async def run_due(self, *, without: Collection[str] = ()) -> list[str]:
        """Where nothing works by itself: run what is due, the most urgent first, until nothing is; returns the kinds in their order."""
        ran: list[str] = []
        due = ActionRow.filter(state=DUE, kind__not_in=list(without)) if without else ActionRow.filter(state=DUE)
        while row := await due.filter(next_at__lte=self.app.clock.now()).order_by("-priority", "next_at", "id").first():
            await asyncio.create_task(act(row.id, self.app.services))
            ran.append(row.kind)
            assert len(ran) < 500, f"the same work again and again: {ran[-5:]}"
        return ran

    async def actions(self, **wanted: Any) -> list[tuple[str, str, str | None]]:
        """Kind, state and error of the matching actions, oldest first."""
        rows = await ActionRow.filter(**wanted).order_by("created_at", "id")
        return [(row.kind, row.state, row.error) for row in rows]

    async def documents(self) -> list[tuple[DocumentRow, Document]]:
        """Every document, oldest first."""
        return [(row, Document.model_validate_json(row.content)) for row in await DocumentRow.all().order_by("created_at", "id")]

    def verified(self, message: Received) -> dict[str, Any]:
        """A message's event, after its signature was checked."""
        headers = {name: [value] for name, value in message.headers.items()}
        verify(STANDARD_WEBHOOKS, message.body, headers, [SECRETS["consumer"]], "", self.app.services.clock.now())
        return message.event


_template: list[bytes] = []


async def open_migrated(settings: Settings) -> None:
    """Open a database that has every table. The embedded one is migrated once in a session; the others are copies."""
    file = settings.data / "adapter.db"
    if not settings.is_postgres and _template and not file.exists():
        settings.data.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_template[0])
    await database.connect(settings)
    applied = await migrate(settings)
    if applied and not settings.is_postgres and not _template:
        copy = Path(f"{file}.copy")
        await database.connection().execute_query(f"VACUUM INTO '{copy}'")
        _template.append(await asyncio.to_thread(copy.read_bytes))


def signed_headers(source: str, body: bytes, timestamp: float, topic: str = "", secret: str | None = None) -> dict[str, str]:
    """The headers with which a platform sends this body."""
    scheme = connector(source).signature
    assert isinstance(scheme, Scheme)
    signature = sign(scheme, body, secret or SECRETS[source], id=f"msg_{abs(hash(body))}", timestamp=datetime.fromtimestamp(timestamp, UTC))
    platform = {
        "shopify": {"X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": "nordlicht-demo.myshopify.com"},
        "woocommerce": {"X-WC-Webhook-Topic": topic},
    }.get(source, {})
    return {"Content-Type": "application/json", **signature, **platform}
