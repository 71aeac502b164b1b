"""Sending mail over SMTP, with an honest outcome: sent, refused, or unknown when the server fell silent with the mail in its hands."""

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass
from typing import Literal

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from adapter.errors import GiveUp, TryAgain
from adapter.infra.mail import Attachment, Mail, compose, split_address

__all__ = ["Attachment", "Mail", "Mailer", "Sent", "compose"]

PATIENCE = 10
"""The reply to the whole message may take this many times as long as others (RFC 5321, 4.5.3.2.6): servers scan it first, and giving up
too early means not knowing."""

_ADDRESS = re.compile(r"[^\s<>,;:]+@[^\s<>,;:]+")
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_START_INPUT = 354


@dataclass(frozen=True)
class Sent:
    """The outcome of a mail. `sent`: the server took it. `refused`: it never will, `reply` says why. `unknown`: the connection was lost, or
    no reply came, after the mail had been handed over; it may have been sent, so it is shown and not sent again by itself.

    `reply` is the server's text without addresses. When some of several recipients were refused the mail is `sent`, and `reply` says so.
    """

    state: Literal["sent", "refused", "unknown"]
    reply: str


class Mailer:
    """One SMTP server. Every mail has a session of its own: a kept one may be stale, and that is noticed only inside the next mail."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        username: str | None = None,
        password: str | None = None,
        security: Literal["none", "starttls", "tls"],
        timeout: float = 30.0,
    ) -> None:
        """`timeout` is in seconds, for each step."""
        self._host = host
        self._port = port
        self._username = username
        self._password = password
        self._security = security
        self._timeout = timeout

    async def send(self, mail: Mail) -> Sent:
        """Send one mail.

        Raises `TryAgain` for everything that passes and happened before the mail was handed over (no connection, timeouts, 4xx, also as
        the reply to the message), `GiveUp` for a mail that cannot be composed and for settings that the server does not accept.
        """
        content = compose(mail).as_bytes()
        _, sender = split_address(mail.sender, "invalid_sender", "the sender")
        recipients = [split_address(to, "invalid_recipient", "a recipient")[1] for to in mail.to]
        session = await self._session()
        try:
            return await self._deliver(session, sender, recipients, content)
        finally:
            await self._quit(session)

    async def check(self) -> str:
        """Connect, greet and sign in, and return the name that the server gives itself. Raises as `send`."""
        session = await self._session()
        name = session.last_ehlo_response or session.last_helo_response
        await self._quit(session)
        return _said(name.message.partition("\n")[0].partition(" ")[0]) if name else self._host

    async def _session(self) -> SMTP:
        server = f"the mail server {self._host}:{self._port}"
        session = SMTP(hostname=self._host, port=self._port, timeout=self._timeout, use_tls=self._security == "tls", start_tls=False)
        try:
            await session.connect()
            await _greet(session)
            if self._security == "starttls":
                await self._start_tls(session, server)
            if self._username is not None:
                await self._sign_in(session, server)
        except (SMTPException, OSError) as error:
            session.close()
            raise self._unreachable(server, error) from None
        except BaseException:
            session.close()
            raise
        return session

    async def _start_tls(self, session: SMTP, server: str) -> None:
        if not session.supports_extension("starttls"):
            raise GiveUp(f"{server} does not offer STARTTLS, so nothing was sent; set ADAPTER_SMTP_SECURITY to what it does offer")
        await session.starttls()
        await _greet(session)

    async def _sign_in(self, session: SMTP, server: str) -> None:
        setting = "ADAPTER_SMTP_USERNAME and ADAPTER_SMTP_PASSWORD"
        if not session.supported_auth_methods:
            raise GiveUp(f"{server} offers no way to sign in; leave out {setting}, or set ADAPTER_SMTP_SECURITY so that it does")
        try:
            await session.login(self._username or "", self._password or "")
        except SMTPAuthenticationError as error:
            if _temporary(error.code):
                raise
            raise GiveUp(f"{server} does not accept {setting}: {_said(error.code, error.message)}") from None

    def _unreachable(self, server: str, error: Exception) -> GiveUp | TryAgain:
        cause = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TryAgain(f"{server} has no valid certificate ({cause.verify_message}); renew it, or correct ADAPTER_SMTP_HOST")
        if isinstance(cause, ssl.SSLError):
            return TryAgain(f"{server} does not speak TLS on this port; check ADAPTER_SMTP_PORT and ADAPTER_SMTP_SECURITY")
        if isinstance(error, SMTPResponseException):
            told = f"{server} answered {_said(error.code, error.message)}"
            return TryAgain(told) if _temporary(error.code) else GiveUp(f"{told}; check ADAPTER_SMTP_HOST and ADAPTER_SMTP_PORT")
        return TryAgain(
            f"{server} cannot be used: {_said(str(error) or type(error).__name__)}; check ADAPTER_SMTP_HOST and ADAPTER_SMTP_PORT"
        )

    async def _deliver(self, session: SMTP, sender: str, recipients: list[str], content: bytes) -> Sent:
        try:
            await session.mail(sender, options=[f"SIZE={len(content)}"] if session.supports_extension("size") else [])
            refused = await _recipients(session, recipients)
            if len(refused) == len(recipients):
                return Sent("refused", "; ".join(refused))
            started = await session.execute_command(b"DATA")
            if started.code != _START_INPUT:
                raise SMTPDataError(started.code, started.message)
            protocol = session.protocol
            if protocol is None:
                raise ConnectionError("the connection was lost")
            protocol.write(_stuffed(content))
        except SMTPResponseException as error:
            return self._answered(error)
        except (SMTPException, OSError) as error:
            raise TryAgain(f"the mail server {self._host} was lost before the mail was handed over: {_said(str(error))}") from None
        # From here on the server may have the whole mail: only its reply tells.
        try:
            response = await protocol.read_response(timeout=self._timeout * PATIENCE)
        except (SMTPException, OSError) as error:
            return Sent("unknown", f"the mail was handed over, but no reply came: {_said(str(error))}")
        if response.code // 100 != 2:
            return self._answered(SMTPDataError(response.code, response.message))
        return Sent(
            "sent", "; ".join([_said(response.code, response.message), *(f"a recipient was refused: {reply}" for reply in refused)])
        )

    def _answered(self, error: SMTPResponseException) -> Sent:
        reply = _said(error.code, error.message)
        if error.code == 530:
            raise GiveUp(
                f"the mail server {self._host} wants a sign-in or TLS: {reply}; set ADAPTER_SMTP_USERNAME or ADAPTER_SMTP_SECURITY"
            )
        if _temporary(error.code):
            raise TryAgain(f"the mail server {self._host} answered {reply}")
        return Sent("refused", reply)

    async def _quit(self, session: SMTP) -> None:
        with contextlib.suppress(SMTPException, OSError, asyncio.TimeoutError):
            await session.quit(timeout=min(self._timeout, 5.0))
        session.close()


async def _greet(session: SMTP) -> None:
    """EHLO, or HELO for a server that does not know it."""
    try:
        await session.ehlo()
    except SMTPHeloError as error:
        if _temporary(error.code) or not session.is_connected:
            raise
        await session.helo()


async def _recipients(session: SMTP, recipients: list[str]) -> list[str]:
    """Name every recipient; the replies for those that are refused for good. A temporary refusal of one is raised: nothing was sent yet, so
    the whole mail can be tried again without anyone getting it twice."""
    refused = []
    for recipient in recipients:
        try:
            await session.rcpt(recipient)
        except SMTPRecipientRefused as error:
            if _temporary(error.code) or error.code == 530:
                raise
            refused.append(_said(error.code, error.message))
    return refused


def _stuffed(content: bytes) -> bytes:
    """The message as DATA carries it: our composer writes CRLF only, lines that start with a dot get a second one, a lone dot ends it.

    Written here and not by `SMTP.data`, which does not tell whether it failed before or after the message was handed over.
    """
    return re.sub(rb"(?m)^\.", b"..", content) + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _temporary(code: int) -> bool:
    """Everything that is not a clear refusal: 4xx, and answers that are no SMTP."""
    return not 500 <= code < 600


def _said(*parts: int | str) -> str:
    """A server's text without the addresses it repeats and without control characters, at most 300 characters."""
    return _ADDRESS.sub("…", _CONTROL.sub(" ", " ".join(map(str, parts)))).strip()[:300]
