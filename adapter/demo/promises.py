"""What was promised, and whether it was kept: judged by what the neighbours received and by what the product shows of each order."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from pikepdf import Pdf, PdfError

from adapter.demo.day import EXPECTED, Expected, ExpectedDocument
from adapter.demo.neighbours import Neighbours

Story = dict[str, Any]
Stories = Mapping[tuple[str, str], Story]


@dataclass(frozen=True)
class Promise:
    """One promise with the evidence for or against it."""

    promise: str
    ok: bool
    evidence: str


@dataclass
class Ledger:
    """Promises as they are judged during the day."""

    promises: list[Promise] = field(default_factory=list)

    def judge(self, promise: str, ok: bool, evidence: str) -> None:
        """Note one."""
        self.promises.append(Promise(promise, ok, evidence))

    @property
    def broken(self) -> list[Promise]:
        """Those that were not kept."""
        return [promise for promise in self.promises if not promise.ok]


def unfinished(story: Story) -> list[str]:
    """The actions that are not through with: running, waiting, or due before long. The reminders of later days are not among them."""
    soon = datetime.now(UTC) + timedelta(hours=12)
    return [
        f"{action['kind']} is {action['state']}" + (f", waits for {action['waits_for']}" if action["waits_for"] else "")
        for action in story["actions"]
        if action["state"] in {"running", "waiting"} or (action["state"] == "due" and datetime.fromisoformat(action["next_at"]) < soon)
    ]


def unknown(source: str, number: str) -> Story:
    """The story of an order that the product does not know."""
    order = {"source": source, "number": number, "status": "unknown", "currency": None, "total": None}
    return {"order": order, **{part: [] for part in ("deliveries", "events", "actions", "documents", "emails", "messages")}}


def lasting(story: Story) -> Story:
    """The story without what a repeated delivery may change: how many copies of it came."""
    return story | {"deliveries": [{key: value for key, value in each.items() if key != "copies"} for each in story["deliveries"]]}


def judge_orders(stories: Stories, around: Neighbours, ledger: Ledger) -> None:
    """Everything about each order."""
    for expected in EXPECTED:
        story = stories[expected.source, expected.number]
        order = f"#{expected.number}"
        documents = _documents(story, expected)
        wanted = [(each.kind, each.total, each.status, expected.currency) for each in expected.documents]
        found = [(each["kind"], each["total"], each["status"], each["currency"]) for each in documents]
        ledger.judge(f"{order}: exactly the documents expected", found == wanted, "; ".join(map(" ".join, found)) or "none")
        for document, about in zip(documents, expected.documents, strict=False):
            number = document["number"]
            ledger.judge(f"{number}: its PDF is there and is what was stored", *pdf_kept(document))
            ledger.judge(f"{number}: one mail brought it", *mail_kept(document, about, expected, story, around))
        ledger.judge(f"{order}: one verified message per event", *messages_kept(expected, story, around))
        if expected.credited_fully:
            ledger.judge(f"{order}: the credit notes come to the invoice", *_credited(documents))
        failed = [f"{action['kind']}: {action['error']}" for action in story["actions"] if action["state"] in {"dead", "held"}]
        ledger.judge(f"{order}: nothing failed for good", not failed, "; ".join(failed) or f"none of {len(story['actions'])} actions")


def judge_whole(stories: Stories, around: Neighbours, ledger: Ledger) -> None:
    """What is true of the day as a whole."""
    documents = [document for story in stories.values() for document in story["documents"]]
    for kind in ("invoice", "credit_note"):
        numbers = sorted(document["number"] for document in documents if document["kind"] == kind)
        counts = [int(re.sub(r".*\D", "", number)) for number in numbers]
        gapless = counts == list(range(1, len(counts) + 1))
        ledger.judge(f"the numbers of all {kind.replace('_', ' ')}s follow each other without a gap", gapless, ", ".join(numbers))
    wanted = sum(len(expected.documents) for expected in EXPECTED)
    copies = sum(mail.copies for mail in around.mails.values())
    differing = sum(mail.differing for mail in around.mails.values())
    ledger.judge(
        "no mail beside those, and copies of a mail are the same",
        len(around.mails) == wanted and not differing,
        f"{len(around.mails)} mails by Message-ID in {copies} copies",
    )
    events = sum(expected.events.total() for expected in EXPECTED)
    copies = sum(message.copies for message in around.messages.values())
    differing = sum(message.differing for message in around.messages.values())
    ledger.judge(
        "no message beside those, and copies of a message are the same",
        len(around.messages) == events and not differing,
        f"{len(around.messages)} messages by webhook-id in {copies} copies",
    )
    ledger.judge(
        "every message was signed as Standard Webhooks want it", not around.refused, "; ".join(around.refused) or "all of them verified"
    )


def pdf_kept(document: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a document's PDF is a readable one with the stored digest."""
    if not document["pdf_path"]:
        return False, "no PDF"
    content = Path(document["pdf_path"]).read_bytes()
    digest = sha256(content).hexdigest()
    try:
        with Pdf.open(document["pdf_path"]) as pdf:
            pages = len(pdf.pages)
    except PdfError as error:
        return False, f"cannot be read: {error}"
    kept = content.startswith(b"%PDF-") and digest == document["pdf_sha256"] and pages > 0
    return kept, f"{len(content)} bytes, {pages} page{'s' * (pages > 1)}, SHA-256 {digest[:16]}…"


def mail_kept(
    document: Mapping[str, Any], about: ExpectedDocument, expected: Expected, story: Story, around: Neighbours
) -> tuple[bool, str]:
    """Whether exactly one mail, by Message-ID, brought a document, with the stored PDF and the right subject."""
    attached = {f"{document['number']}.pdf": document["pdf_sha256"]}
    mails = [mail for mail in around.mails_of(expected.source, expected.number) if set(mail.attachments) == set(attached)]
    known = [mail["message_id"] for mail in story["emails"] if mail["document"] == document["number"] and mail["state"] == "sent"]
    subject = about.subject.format(number=document["number"])
    kept = [(mail.message_id, mail.subject, mail.attachments) for mail in mails] == [(each, subject, attached) for each in known]
    told = "; ".join(f"{mail.message_id} to {mail.recipient}: {mail.subject}" for mail in mails) or "none"
    return kept and len(mails) == 1, told


def messages_kept(expected: Expected, story: Story, around: Neighbours) -> tuple[bool, str]:
    """Whether each event was told by exactly one message, by webhook-id, and the product knows that it was delivered."""
    found: Counter[str] = around.events_of(expected.source, expected.number)
    known = {message["id"] for message in story["messages"] if message["state"] == "delivered"}
    received = {id for id, message in around.messages.items() if (expected.source, expected.number) in message.orders}
    return found == expected.events and known == received, ", ".join(f"{count} {type}" for type, count in sorted(found.items())) or "none"


def _documents(story: Story, expected: Expected) -> Sequence[Mapping[str, Any]]:
    """As expected: the invoice, then the credit notes in the order of their making."""
    return sorted(story["documents"], key=lambda document: (document["kind"] != "invoice", document["number"]))


def _credited(documents: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
    notes = [Decimal(document["total"]) for document in documents if document["kind"] == "credit_note"]
    taxes = [Decimal(document["tax_total"]) for document in documents if document["kind"] == "credit_note"]
    invoices = [document for document in documents if document["kind"] == "invoice"]
    sums = (sum(notes, Decimal(0)), sum(taxes, Decimal(0)))
    wanted = [(Decimal(invoice["total"]), Decimal(invoice["tax_total"])) for invoice in invoices]
    return wanted == [sums], f"{' + '.join(map(str, notes))} = {sums[0]}, tax {sums[1]}"


def documents_in_order(stories: Stories) -> Iterator[tuple[Expected, Mapping[str, Any]]]:
    """Every document with its order, as the table and the report list them."""
    for expected in EXPECTED:
        for document in _documents(stories[expected.source, expected.number], expected):
            yield expected, document
