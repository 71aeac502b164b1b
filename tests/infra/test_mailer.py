"""Sending: real servers for what works, a rude one for what does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import AuthResult, Envelope, Session

from adapter.errors import GiveUp, TryAgain
from adapter.infra.mailer import Mailer, Sent, compose
from tests.house import PATIENCE, hurry
from tests.infra.certificates import certificate
from tests.infra.sample_mail import MAIL

# ---- a real server ----------------------------------------------------------------------------------------------------------------------


class Inbox:
    """What a server accepted."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []

    async def handle_DATA(self, server: object, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 queued as 42"


@pytest.fixture
async def smtp() -> AsyncIterator[Callable[..., tuple[Inbox, int]]]:
    controllers: list[UnthreadedController] = []

    async def start(**options: object) -> tuple[Inbox, int]:
        inbox = Inbox()
        controller = UnthreadedController(
            inbox, hostname="127.0.0.1", port=0, server_hostname="mail.shop.example", loop=asyncio.get_running_loop(), **options
        )
        controller.server = await controller._create_server()
        controllers.append(controller)
        return inbox, controller.server.sockets[0].getsockname()[1]

    yield start
    for controller in controllers:
        controller.server.close()


def mailer(port: int, **given: object) -> Mailer:
    return Mailer(**{"host": "127.0.0.1", "port": port, "security": "none", "timeout": PATIENCE} | given)


async def test_a_mail_arrives_byte_for_byte(smtp) -> None:
    inbox, port = await smtp()
    sent = await mailer(port).send(replace(MAIL, to=("Jane <jane@buyer.example>", "joerg@bücher.example")))
    assert (sent.state, sent.reply) == ("sent", "250 queued as 42")
    [envelope] = inbox.envelopes
    assert envelope.mail_from == "billing@shop.example"
    assert envelope.rcpt_tos == ["jane@buyer.example", "joerg@xn--bcher-kva.example"]
    assert envelope.original_content == compose(replace(MAIL, to=("Jane <jane@buyer.example>", "joerg@bücher.example"))).as_bytes()


@pytest.mark.parametrize(
    "text", ["\n.\n", "a\r.\rb", "a\n.\r\nMAIL FROM:<x@evil.example>\r\n", "..\n.a\n.\n", ".", "\r\n.\r\n", "a\x00b\x85c\u2028d"]
)
async def test_dots_and_line_ends_smuggle_nothing(smtp, text: str) -> None:
    inbox, port = await smtp()
    mail = replace(MAIL, text=text, attachments=())
    assert (await mailer(port).send(mail)).state == "sent"
    [envelope] = inbox.envelopes
    assert envelope.original_content == compose(mail).as_bytes()
    assert envelope.rcpt_tos == ["jane@buyer.example"]


async def test_a_server_without_extensions_gets_the_same_bytes(smtp) -> None:
    inbox, port = await smtp(enable_SMTPUTF8=False, decode_data=False)
    await mailer(port).send(MAIL)
    assert inbox.envelopes[0].original_content == compose(MAIL).as_bytes()


async def test_a_mail_beyond_the_servers_size_is_refused(smtp) -> None:
    inbox, port = await smtp(data_size_limit=2_000)
    sent = await mailer(port).send(MAIL)
    assert sent.state == "refused"
    assert sent.reply.startswith("552 ")
    assert inbox.envelopes == []


def signs_in(server: object, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"shop", b"word word"), handled=False)


async def test_starttls_and_sign_in(smtp, tmp_path, monkeypatch) -> None:
    context, path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    inbox, port = await smtp(tls_context=context, require_starttls=True, authenticator=signs_in, auth_required=True)
    good = mailer(port, security="starttls", username="shop", password="word word")
    assert await good.check() == "mail.shop.example"
    assert (await good.send(MAIL)).state == "sent"
    assert inbox.encrypted == [True]
    with pytest.raises(GiveUp, match="does not accept ADAPTER_SMTP_USERNAME and ADAPTER_SMTP_PASSWORD: 535") as caught:
        await mailer(port, security="starttls", username="shop", password="other word").send(MAIL)
    assert "other word" not in str(caught.value)
    with pytest.raises(GiveUp, match=r"530.*set ADAPTER_SMTP_USERNAME"):
        await mailer(port, security="starttls").send(MAIL)
    with pytest.raises(GiveUp, match=r"530.*ADAPTER_SMTP_SECURITY"):
        await mailer(port).send(MAIL)
    assert len(inbox.envelopes) == 1


async def test_tls_from_the_start(smtp, tmp_path, monkeypatch) -> None:
    context, path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    inbox, port = await smtp(ssl_context=context)
    assert (await mailer(port, security="tls").send(MAIL)).state == "sent"
    assert len(inbox.envelopes) == 1


@pytest.mark.parametrize(("name", "trusted", "problem"), [("127.0.0.1", False, "self-signed"), ("shop.example", True, "mismatch")])
@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_bad_certificates_send_nothing(smtp, tmp_path, monkeypatch, *, security, name, trusted, problem) -> None:
    context, path = certificate(tmp_path, name=name)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    inbox, port = await smtp(**{"ssl_context" if security == "tls" else "tls_context": context})
    with pytest.raises(TryAgain, match=rf"no valid certificate .*{problem}.*ADAPTER_SMTP_HOST"):
        await mailer(port, security=security).send(MAIL)
    assert inbox.envelopes == []


async def test_missing_starttls_and_missing_sign_in(smtp) -> None:
    inbox, port = await smtp()
    with pytest.raises(GiveUp, match=r"does not offer STARTTLS.*ADAPTER_SMTP_SECURITY"):
        await mailer(port, security="starttls").send(MAIL)
    with pytest.raises(GiveUp, match="does not offer STARTTLS"):
        await mailer(port, security="starttls").check()
    with pytest.raises(GiveUp, match="no way to sign in; leave out ADAPTER_SMTP_USERNAME"):
        await mailer(port, username="shop", password="word").send(MAIL)
    assert inbox.envelopes == []


# ---- a rude server ----------------------------------------------------------------------------------------------------------------------

Rude = Callable[..., Awaitable[int]]
SILENCE = "silence"


@pytest.fixture
async def rude() -> AsyncIterator[Rude]:
    """An SMTP server that answers each command with what the test says: `None` closes the connection, `...` says nothing for ever."""
    servers: list[asyncio.Server] = []

    async def start(log: list[str], **answers: object) -> int:
        replies: dict[str, object] = {
            "greeting": "220 mail.shop.example ready", "EHLO": "250-mail.shop.example\r\n250 SIZE 1000000", "HELO": "250 mail.shop.example",
            "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "message": "250 queued", "QUIT": "221 bye",
        } | answers  # fmt: skip

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async def say(key: str) -> bool:
                log.append(SILENCE if replies[key] is ... else key)
                reply = replies[key].pop(0) if isinstance(replies[key], list) else replies[key]
                if reply is ...:
                    await reader.read()
                if reply is None or reply is ...:
                    return False
                writer.write(str(reply).encode() + b"\r\n")
                return not str(reply).startswith("421")

            try:
                going = await say("greeting")
                while going and (line := await reader.readline()):
                    verb = line[:4].decode().upper()
                    going = await say(verb) and verb != "QUIT"
                    if going and verb == "DATA" and str(replies["DATA"]).startswith("354"):
                        await reader.readuntil(b"\r\n.\r\n")
                        going = await say("message")
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()


async def sent_through_silence(port: int, log: list[str], **changes: object) -> Sent:
    """The outcome of a mail; once the server has fallen silent its time is over at once."""
    sending = asyncio.create_task(mailer(port).send(replace(MAIL, **changes)))
    while SILENCE not in log and not sending.done():  # noqa: ASYNC110 - the log is all there is to see
        await asyncio.sleep(0.01)
    async with hurry():
        return await sending


async def test_a_polite_run_of_the_rude_server(rude) -> None:
    log: list[str] = []
    assert (await mailer(await rude(log)).send(MAIL)).state == "sent"
    assert log == ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "message", "QUIT"]


@pytest.mark.parametrize("message", [None, ...], ids=["dropped", "silent"])
async def test_lost_after_the_message_is_unknown(rude, message: object) -> None:
    log: list[str] = []
    port = await rude(log, message=message)
    sent = await (mailer(port).send(MAIL) if message is None else sent_through_silence(port, log))
    assert sent.state == "unknown"
    assert sent.reply.startswith("the mail was handed over, but no reply came: ")
    assert log == ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "message" if message is None else SILENCE]


@pytest.mark.parametrize(
    "answers",
    [
        {"greeting": "421 busy"}, {"greeting": "450 later"}, {"greeting": None}, {"greeting": ...}, {"greeting": "nonsense"},
        {"EHLO": "421 busy"}, {"EHLO": None}, {"EHLO": ...},
        {"MAIL": "421 busy"}, {"MAIL": "451 later"}, {"MAIL": None}, {"MAIL": ...},
        {"RCPT": "450 mailbox busy"}, {"RCPT": "421 closing"}, {"RCPT": None}, {"RCPT": ["250 ok", "451 later"]},
        {"DATA": "451 later"}, {"DATA": None}, {"DATA": ...},
        {"message": "421 closing"}, {"message": "451 later"}, {"message": "452 disk full"},
    ],
    ids=str,
)  # fmt: skip
async def test_temporary_faults_are_tried_again(rude, answers: dict[str, object]) -> None:
    log: list[str] = []
    port = await rude(log, **answers)
    two = ("a@buyer.example", "b@buyer.example")
    with pytest.raises(TryAgain, match=r"the mail server 127\.0\.0\.1"):
        await (sent_through_silence(port, log, to=two) if ... in answers.values() else mailer(port).send(replace(MAIL, to=two)))
    assert ("message" in log) == ("message" in answers)


@pytest.mark.parametrize(
    ("answers", "reply"),
    [
        ({"MAIL": "550 no such sender"}, "550 no such sender"),
        ({"MAIL": "552 too big"}, "552 too big"),
        ({"RCPT": "550 <jane@buyer.example> unknown"}, "550 <…> unknown"),
        ({"DATA": "554 no valid recipients"}, "554 no valid recipients"),
        ({"message": "552 5.3.4 message\x1b too big"}, "552 5.3.4 message too big"),
        ({"message": "554-line one\r\n554 line two"}, "554 line one line two"),
    ],
    ids=str,
)
async def test_permanent_refusals_are_outcomes(rude, answers: dict[str, object], reply: str) -> None:
    log: list[str] = []
    sent = await mailer(await rude(log, **answers)).send(MAIL)
    assert (sent.state, sent.reply) == ("refused", reply)
    assert ("message" in log) == ("message" in answers)


async def test_one_of_two_recipients_is_refused(rude) -> None:
    log: list[str] = []
    port = await rude(log, RCPT=["250 ok", "550 b@buyer.example unknown"])
    sent = await mailer(port).send(replace(MAIL, to=("a@buyer.example", "b@buyer.example")))
    assert (sent.state, sent.reply) == ("sent", "250 queued; a recipient was refused: 550 … unknown")


async def test_a_rude_goodbye_does_not_change_the_outcome(rude) -> None:
    for goodbye in (None, "500 what", ...):
        log: list[str] = []
        port = await rude(log, QUIT=goodbye)
        sent = await (sent_through_silence(port, log) if goodbye is ... else mailer(port).send(MAIL))
        assert sent.state == "sent"


async def test_an_old_server_is_greeted_the_old_way(rude) -> None:
    log: list[str] = []
    port = await rude(log, EHLO="502 what")
    assert await mailer(port).check() == "mail.shop.example"
    assert (await mailer(port).send(MAIL)).state == "sent"


async def test_a_server_that_wants_no_clients(rude) -> None:
    with pytest.raises(GiveUp, match=r"554 no service.*ADAPTER_SMTP_HOST"):
        await mailer(await rude([], greeting="554 no service here")).check()


async def test_no_server_and_a_server_without_tls(rude, own_port) -> None:
    with pytest.raises(TryAgain, match=rf"the mail server 127.0.0.1:{own_port} cannot be used.*ADAPTER_SMTP_HOST"):
        await mailer(own_port).send(MAIL)
    with pytest.raises(TryAgain, match="ADAPTER_SMTP_PORT"):
        await mailer(await rude([]), security="tls").send(MAIL)


async def test_a_mail_that_cannot_be_composed_connects_to_nobody(rude) -> None:
    log: list[str] = []
    port = await rude(log)
    with pytest.raises(GiveUp, match="invalid_recipient"):
        await mailer(port).send(replace(MAIL, to=("nobody",)))
    assert log == []
