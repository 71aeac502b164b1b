"""Mail: stable ids, honest outcomes, templates, and nobody reached in test mode."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from adapter.clock import SimulatedClock
from adapter.flow.replay import Replay
from adapter.infra.models import ActionRow, EmailRow, EventRow
from tests.house import CONFIGURATION, House, Neighbourhood
from tests.orders import an_order, completed, event, refunded

WITHOUT = ("render", "notify", "deliver")
SOURCE = '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
TEMPLATES = """
[source.options.mail.invoice."*"]
subject = "Your order {order_number}: {invoice_number}"
message = "Thank you for {total}."
[source.options.mail.invoice.de]
subject = "Rechnung {invoice_number}"
[source.options.mail.collegial."*"]
subject = "For the books: {invoice_number}"
"""


async def send_action(kind: str = "send_invoice") -> ActionRow:
    """The one mail's action."""
    return await ActionRow.get(kind=kind)


async def outcome(kind: str = "send_invoice") -> tuple[str, str | None]:
    """Its state and error."""
    row = await send_action(kind)
    return row.state, row.error


async def sent() -> int:
    """How often an invoice was announced as sent."""
    return await EventRow.filter(type="invoice.sent").count()


async def test_the_mail_of_an_invoice(still_house: House) -> None:
    """To the buyer, once, with the PDF, in plain text and HTML; announced as sent."""
    await still_house.send("standard", completed("o-1001", paid=True))
    await still_house.run_due(without=WITHOUT)
    (mail,) = still_house.around.parsed_mails()
    assert (mail["to"], mail["subject"]) == ("ida@sommer.example", "Invoice for Order #1001")
    assert mail["from"].addresses[0].addr_spec == "billing@lighthouse.example"
    (attachment,) = mail.iter_attachments()
    assert attachment.get_filename() == "INV-2026-000001.pdf"
    assert attachment.get_content().startswith(b"%PDF-")
    assert {part.get_content_type() for part in mail.walk()} >= {"text/plain", "text/html"}
    row = await EmailRow.get()
    assert (row.state, row.reply, row.message_id) == ("sent", "250 OK", mail["message-id"])
    assert await outcome() == ("done", None)
    assert await sent() == 1
    assert await still_house.app.services.files.get(row.eml_sha256) != b""


async def test_a_passing_refusal_is_tried_again_under_the_same_id(still_house: House, clock: SimulatedClock) -> None:
    """4xx: later, and the receiver can tell that it is one mail."""
    still_house.around.mail_answers = ["451 busy, come back"]
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=WITHOUT)
    first = await EmailRow.get()
    assert (await send_action()).state == "due"
    assert (still_house.around.mails, first.state, await sent()) == ([], "sending", 0)
    clock.advance(timedelta(seconds=3))
    await still_house.run_due(without=WITHOUT)
    (mail,) = still_house.around.parsed_mails()
    row = await EmailRow.get()
    assert (row.id, row.state, mail["message-id"]) == (first.id, "sent", first.message_id)
    assert await outcome() == ("done", None)


async def test_a_refusal_for_good_is_a_dead_letter_with_the_reply(still_house: House) -> None:
    """5xx: the merchant reads why; nothing is announced, nothing is sent again by itself; a replay tries once more."""
    still_house.around.mail_answers = ["550 5.1.1 no such user ida@sommer.example here"]
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=WITHOUT)
    assert await outcome() == ("dead", "the mail server refused the mail for good: 550 5.1.1 no such user … here")
    assert ((await EmailRow.get()).state, await sent(), still_house.around.mails) == ("refused", 0, [])
    row = await send_action()
    await ActionRow.filter(id=row.id).update(state="due", parameters=row.parameters | {"replayed": True})
    await still_house.run_due(without=WITHOUT)
    assert (await outcome(), len(still_house.around.mails), await EmailRow.all().count()) == (("done", None), 1, 1)


@pytest.fixture
def falling_silent() -> Iterator[int]:
    """A mail server that takes the whole message and hangs up without a word; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"220 hello\r\n")
                stream.flush()
                for line in stream:
                    command = line.strip().upper()
                    stream.write(b"354 go on\r\n" if command == b"DATA" else b"250 ok\r\n")
                    stream.flush()
                    if command == b"DATA":
                        while stream.readline() not in {b".\r\n", b""}:
                            pass
                        break

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


async def test_an_unknown_outcome_is_held_and_not_sent_again(
    tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock, falling_silent: int
) -> None:
    """It may have been sent: a person decides."""
    neighbourhood.smtp_port = falling_silent
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock) as house:
        await house.send("standard", completed(paid=True))
        await house.run_due(without=WITHOUT)
        state, error = await outcome()
        assert (state, error is not None and "it may have been sent" in error) == ("held", True)
        assert ((await EmailRow.get()).state, await sent()) == ("unknown", 0)
        clock.advance(timedelta(days=30))
        await house.run_due(without=WITHOUT)
        assert (await EmailRow.get()).state == "unknown"


async def test_no_address(still_house: House) -> None:
    """The invoice is made, the mail is skipped with the reason."""
    await still_house.send("standard", completed(paid=True, buyer={"name": "Ida Sommer"}))
    await still_house.run_due(without=WITHOUT)
    assert await outcome() == ("skipped", "the order names no e-mail address, and the rule no recipient")
    assert (await EmailRow.all().count(), still_house.around.mails) == (0, [])


@pytest.mark.parametrize(
    "address",
    ["not an address", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example", "x" * 400 + "@long.example"],
    ids=["none", "two", "header", "long"],
)
async def test_addresses_that_are_none(still_houses: House, address: str) -> None:
    """The invoice is made, the mail is skipped; what a person must do is told without the address. Once it is mended, a replay sends."""
    await still_houses.send("standard", completed(paid=True, buyer={"email": address}))
    await still_houses.run_due(without=WITHOUT)
    state, error = await outcome()
    assert state == "skipped"
    assert error is not None
    assert error.startswith("invalid_recipient: the buyer's address ")
    assert error.endswith("; correct it in the shop, have the order sent again, then replay this action")
    assert address not in error
    assert (await EmailRow.all().count(), still_houses.around.mails, await sent()) == (0, [], 0)

    await still_houses.send("standard", event("order.updated", an_order(paid=True, version="2026-11-21T09:00:00Z")))
    await still_houses.run_due(without=WITHOUT)
    await Replay(still_houses.app.dispatcher, still_houses.app.clock).actions([(await send_action()).id])
    await still_houses.run_due(without=WITHOUT)
    assert (await outcome(), len(still_houses.around.mails), await sent()) == (("done", None), 1, 1)


async def test_copies_go_out_although_the_buyer_s_address_is_none(still_house: House) -> None:
    """Those who get copies get them; that the buyer did not is told, and nobody is told that the invoice was sent."""
    rule = '[[source.rules]]\nevent = "payment.confirmed"\naction = "send_invoice"\n'
    await still_house.configure(SOURCE + rule + 'parameters = { copies = ["books@lighthouse.example"] }\n')
    await still_house.send("standard", completed(paid=True, buyer={"email": "ida at sommer.example"}))
    await still_house.run_due(without=WITHOUT)
    state, error = await outcome()
    assert (state, error is not None and error.startswith("invalid_recipient") and error.endswith("only copies were sent")) == (
        "skipped",
        True,
    )
    assert ([mail["to"] for mail in still_house.around.parsed_mails()], await sent()) == (["books@lighthouse.example"], 0)


async def test_recipients_and_copies_of_the_rule(still_house: House) -> None:
    """Each gets a mail of its own, and no address twice."""
    rule = '[[source.rules]]\nevent = "payment.confirmed"\naction = "send_invoice"\n[source.rules.parameters]\n'
    lists = 'recipients = ["shop@lighthouse.example"]\ncopies = ["books@lighthouse.example", "shop@lighthouse.example"]\n'
    await still_house.configure(SOURCE + rule + lists)
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=WITHOUT)
    mails = still_house.around.parsed_mails()
    assert sorted([mail["to"] for mail in mails]) == ["books@lighthouse.example", "shop@lighthouse.example"]
    assert len({mail["message-id"] for mail in mails}) == 2
    assert await sent() == 1


@pytest.mark.parametrize(
    ("rule", "locale", "subject"),
    [
        ("", "en", "Your order 1: INV-2026-000001"),
        ("", "de", "Rechnung INV-2026-000001"),
        ('language = "de"', "en", "Rechnung INV-2026-000001"),
        ('template = "collegial"', "de", "For the books: INV-2026-000001"),
    ],
)
async def test_templates_per_language_and_rule(still_house: House, rule: str, locale: str, subject: str) -> None:
    """The buyer's language, or the rule's; the rule's template, or the one of the kind."""
    rules = f'[[source.rules]]\nevent = "payment.confirmed"\naction = "send_invoice"\nparameters = {{ {rule} }}\n' if rule else ""
    await still_house.configure(SOURCE + rules + TEMPLATES)
    await still_house.send("standard", completed(paid=True, locale=locale))
    await still_house.run_due(without=WITHOUT)
    (mail,) = still_house.around.parsed_mails()
    assert mail["subject"] == subject


async def test_test_mode_reaches_nobody_but_the_allow_listed(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> None:
    """A customer's mail stays in the outbox, whole; an allow-listed address gets it, whatever its case."""
    async with House(tmp_path / "data", None, neighbourhood, mode="test", working=False, clock=clock) as house:
        text = CONFIGURATION.format(mode="test", consumer=neighbourhood.consumer)
        allowed = text.replace('mode = "test"', 'mode = "test"\ntest_recipients = ["Tester@lighthouse.example"]')
        await house.configure(allowed)
        await house.send("standard", completed("o-1", paid=True))
        await house.send("standard", completed("o-2", paid=True, buyer={"email": "tester@Lighthouse.example"}))
        await house.run_due(without=WITHOUT)
        assert [mail["to"].lower() for mail in neighbourhood.parsed_mails()] == ["tester@lighthouse.example"]
        rows = {row.recipient: row for row in await EmailRow.all()}
        kept = rows["ida@sommer.example"]
        assert (kept.state, kept.reply) == ("outbox", "test mode: kept, not sent")
        whole: Any = message_from_bytes(await house.app.services.files.get(kept.eml_sha256), policy=default)
        assert (whole["to"], whole["message-id"]) == ("ida@sommer.example", kept.message_id)
        assert await sent() == 2


async def test_without_a_mail_server(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> None:
    """Mail stays in the outbox, and nobody is told that it was sent."""
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock, smtp_host=None) as house:
        assert house.app.services.mailer is None
        await house.send("standard", completed(paid=True))
        await house.run_due(without=WITHOUT)
        row = await EmailRow.get()
        assert (row.state, row.reply) == ("outbox", "ADAPTER_SMTP_HOST is not set: kept, not sent")
        assert (await outcome(), await sent()) == (("done", None), 0)


async def test_a_credit_note_is_mailed_by_itself(still_house: House) -> None:
    """Once, with its own PDF."""
    await still_house.send("standard", completed(paid=True))
    await still_house.send("standard", refunded())
    await still_house.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    await still_house.run_due(without=WITHOUT)
    names = [[part.get_filename() for part in mail.iter_attachments()] for mail in still_house.around.parsed_mails()]
    assert sorted(names) == [["CN-2026-000001.pdf"], ["INV-2026-000001.pdf"]]
    assert await EventRow.filter(type="credit_note.sent").count() == 1
