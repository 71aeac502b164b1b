"""Who the service talks to: a mail server that keeps every mail, and a consumer that verifies every webhook before it answers 200."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from hashlib import sha256
from typing import Any, Self

from aiohttp import web
from aiosmtpd.smtp import SMTP

from adapter.errors import Rejected
from adapter.signature import STANDARD_WEBHOOKS, verify

HOST = "127.0.0.1"
Say = Callable[[str, str, str], None]


@dataclass
class ReceivedMail:
    """One mail, by its Message-ID; `copies` counts how often it came."""

    message_id: str
    recipient: str
    subject: str
    content: bytes
    attachments: dict[str, str]
    """File name to the SHA-256 of what is attached."""
    copies: int = 1
    differing: int = 0
    """Copies whose attachment was another."""


@dataclass
class ReceivedMessage:
    """One verified webhook, by its webhook-id."""

    id: str
    headers: dict[str, str]
    event: dict[str, Any]
    copies: int = 1
    differing: int = 0
    """Copies whose body was another."""

    @property
    def orders(self) -> set[tuple[str, str]]:
        """(source, number) of the orders that it is about."""
        return {(order["source"], order["number"]) for order in self.event["data"]["orders"]}


@dataclass
class Neighbours:
    """The mail server and the consumer, between `async with`."""

    secret: str
    say: Say
    mails: dict[str, ReceivedMail] = field(default_factory=dict)
    messages: dict[str, ReceivedMessage] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """Webhooks that did not verify, each with the reason."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._smtp = await loop.create_server(lambda: SMTP(self, hostname="mail.example", enable_SMTPUTF8=True, loop=loop), HOST, 0)
        self.smtp_port: int = self._smtp.sockets[0].getsockname()[1]
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/webhooks", self._consume)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.consumer = f"http://{HOST}:{self._runner.addresses[0][1]}/webhooks"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._smtp.close()
        await self._runner.cleanup()

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - the mail server's name for it
        """Take a mail."""
        content: bytes = envelope.content
        parsed = message_from_bytes(content, _class=EmailMessage, policy=default)
        attachments = {
            part.get_filename() or "": sha256(part.get_payload(decode=True)).hexdigest()  # type: ignore[arg-type]
            for part in parsed.iter_attachments()
        }
        mail = ReceivedMail(str(parsed["Message-ID"]), envelope.rcpt_tos[0], str(parsed["Subject"]), content, attachments)
        known = self.mails.setdefault(mail.message_id, mail)
        if known is not mail:
            known.copies += 1
            known.differing += known.attachments != mail.attachments
        again = f" (copy {known.copies} of the same mail)" if known.copies > 1 else ""
        self.say("mail", f"to {mail.recipient}: {mail.subject}, with {', '.join(attachments)}{again}", "mail")
        self.arrived.set()
        return "250 OK"

    async def _consume(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        try:
            verify(STANDARD_WEBHOOKS, body, headers, [self.secret], str(request.url), datetime.now(UTC))
        except Rejected as reason:
            self.refused.append(str(reason))
            self.say("message", f"NOT VERIFIED: {reason}", "broken")
            return web.Response(status=401)
        message = ReceivedMessage(headers["webhook-id"][0], {name: ", ".join(values) for name, values in headers.items()}, json.loads(body))
        known = self.messages.setdefault(message.id, message)
        if known is not message:
            known.copies += 1
            known.differing += known.event != message.event
        again = f" (copy {known.copies} of the same message)" if known.copies > 1 else ""
        data = message.event["data"]
        self.say("message", f"{message.event['type']} {data['number']} {data['total']} {data['currency']}, verified{again}", "message")
        self.arrived.set()
        return web.Response(status=200)

    def events_of(self, source: str, number: str) -> Counter[str]:
        """How many messages of each type came about an order."""
        return Counter(message.event["type"] for message in self.messages.values() if (source, number) in message.orders)

    def documents_of(self, source: str, number: str) -> set[str]:
        """The numbers of the documents that messages named for an order."""
        return {message.event["data"]["number"] for message in self.messages.values() if (source, number) in message.orders}

    def mails_of(self, source: str, number: str) -> list[ReceivedMail]:
        """The mails that carry a document of an order."""
        names = {f"{document}.pdf" for document in self.documents_of(source, number)}
        return [mail for mail in self.mails.values() if names & set(mail.attachments)]
