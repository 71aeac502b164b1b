"""Mailing documents. A mail's Message-ID is stable, its outcome is kept, and test mode never reaches a customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Literal

from adapter.actions.candidates import Case, accepted, locked_case, reference
from adapter.actions.clear import mail_may_leave
from adapter.actions.render import Current, current
from adapter.actions.settle import is_test
from adapter.domain.document import Document, DocumentStatus, Mode
from adapter.domain.einvoice import Standing
from adapter.domain.event import EventType
from adapter.domain.frozen import digest
from adapter.domain.tax.adopt import marketplace_sale
from adapter.errors import GiveUp, Held, Ignored, NotYet
from adapter.infra.archive import keep
from adapter.infra.database import insist, transaction
from adapter.infra.mail import Attachment, Mail, compose, split_address
from adapter.infra.models import DocumentRow, EmailRow, new_id
from adapter.infra.pages import mail_parts
from adapter.infra.queue import invoice_fact
from adapter.infra.services import Run
from adapter.infra.summary import summary

MailKind = Literal["invoice", "credit_note", "reminder"]
EINVOICE = "einvoice"
"""The code of an e-invoice that cannot leave."""
SENDING, OUTBOX = "sending", "outbox"


async def send_invoice(run: Run) -> Mapping[str, Any] | None:
    """Mail an order's invoice, waiting for it while it does not exist; or the additional one that the action names."""
    fact = invoice_fact(*reference(run.action))
    async with transaction():
        case = await locked_case(run)
        row = await (DocumentRow.get(id=run.action.subject) if run.action.subject else DocumentRow.get_or_none(key=fact))
        if row is None:
            if marketplace_sale(case.order):
                raise Ignored("a marketplace collected the tax and invoices the buyer: there is no invoice to send")
            raise NotYet(fact)
    return await _send(run, case, row, "invoice")


async def send_credit_note(run: Run) -> Mapping[str, Any] | None:
    """Mail the credit note that the action names."""
    async with transaction():
        case = await locked_case(run)
    return await _send(run, case, await DocumentRow.get(id=run.action.subject), "credit_note")


async def send_reminder(run: Run) -> Mapping[str, Any] | None:
    """Remind of an invoice that is past due, unless it was settled meanwhile."""
    async with transaction():
        case = await locked_case(run)
        row = await DocumentRow.get(id=run.action.subject)
        if row.status != DocumentStatus.PAST_DUE:
            raise Ignored(f"invoice {row.number} is {row.status}: nothing to remind of")
    return await _send(run, case, row, "reminder")


async def _send(run: Run, case: Case, row: DocumentRow, kind: MailKind) -> Mapping[str, Any]:
    addressees = _addressees(case)
    await mail_may_leave(row, case.source.entity, accepted(run.action.parameters))
    files = await current(run.services, row)
    _hold_for_a_look(run, case, row, files)
    states: dict[str, str] = {}
    for recipient in addressees.all:
        mail = _mail(run, case, row, kind, recipient, files)
        states[mail.message_id] = await _hand_over(run, case, row, kind, mail)
    counted = {"sent", OUTBOX} if _is_play(case, row) else {"sent"}
    reached = addressees.problem is None or addressees.has_first
    if kind != "reminder" and reached and counted & set(states.values()):
        await _record_sent(run, case, row, kind)
    outcome = await _judged(states)
    if not reached:
        raise Ignored(f"{addressees.problem}; only copies were sent")
    return {**outcome, **({"problem": addressees.problem} if addressees.problem else {})}


@dataclass(frozen=True)
class Addressees:
    """Who gets a mail, nobody twice. `problem` says what is wrong with an address that is none, without naming it; `has_first` whether
    anybody is left for whom the mail is, beside those who get copies."""

    all: tuple[str, ...]
    has_first: bool
    problem: str | None


def _addressees(case: Case) -> Addressees:
    """Those of the rule, else the buyer. What is no address keeps nobody else from their mail. Raises `Ignored` where nobody is left."""
    parameters, problem = case.rule.parameters, None
    buyer = case.order.buyer.email if case.order.buyer else None
    valid = []
    named = parameters.recipients or ((buyer,) if buyer else ())
    for address in (*named, *parameters.copies):
        try:
            split_address(address, "invalid_recipient", "the buyer's address" if address == buyer else "an address of the rule")
            valid.append(address)
        except GiveUp as error:
            advice = (
                "correct it in the shop, have the order sent again" if address == buyer else "correct it in the configuration, apply it"
            )
            problem = f"invalid_recipient: {str(error).partition(': ')[2]}; {advice}, then replay this action"
    if not valid:
        raise Ignored(problem or "the order names no e-mail address, and the rule no recipient")
    return Addressees(tuple(dict.fromkeys(valid)), not set(named).isdisjoint(valid), problem)


async def _judged(states: Mapping[str, str]) -> Mapping[str, Any]:
    if "refused" in states.values():
        refused = await EmailRow.filter(message_id__in=list(states), state="refused").order_by("id")
        said = "; ".join(dict.fromkeys(row.reply or "without a reason" for row in refused))
        raise GiveUp(f"the mail server refused the mail for good: {said}")
    if "unknown" in states.values():
        raise Held("the connection was lost after the mail was handed over: it may have been sent; replay the action to send it again")
    return {"mails": len(states), "state": next(iter(states.values()))}


def _mail(run: Run, case: Case, row: DocumentRow, kind: MailKind, recipient: str, files: Current) -> Mail:
    document = Document.model_validate_json(row.content)
    entity, options = case.source.entity, case.source.options
    language = case.rule.parameters.language or document.language
    texts = options.template(case.rule.parameters.template or kind, language)
    parts = mail_parts(
        kind,
        document=document,
        settlement=files.settlement,
        seller=document.seller,
        language=language,
        subject_template=texts.subject,
        message_template=texts.message,
        brand=entity.branding,
    )
    sender = entity.mail_from or run.services.settings.mail_from or entity.email
    if sender is None:
        raise GiveUp(f"no sender: set mail_from (or email) of entity {entity.id}, or ADAPTER_MAIL_FROM, then replay the action")
    host = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return Mail(
        sender=sender,
        to=(recipient,),
        subject=parts.subject,
        text=parts.text,
        html=parts.html,
        message_id=f"<{digest(f'{run.action.key}|{recipient}')[:40]}@{host}>",
        date=run.action.created_at,
        reply_to=entity.reply_to,
        language=language,
        attachments=_attachments(row, files),
    )


def _hold_for_a_look(run: Run, case: Case, row: DocumentRow, files: Current) -> None:
    """Raise `Held` where an e-invoice cannot leave and the entity wants to know that first; who accepts that has looked."""
    problems = [each.problem for each in files.einvoices if each.problem is not None]
    if problems and case.source.entity.einvoice_policy == "hold" and EINVOICE not in accepted(run.action.parameters):
        raise Held(f"{EINVOICE}: {row.number} as {'; '.join(problems)}; accepted, it is sent without", accept=[EINVOICE])


def _attachments(row: DocumentRow, files: Current) -> tuple[Attachment, ...]:
    """The PDF, and beside it the valid e-invoices that are no part of it."""
    name = row.number.replace("/", "-")
    beside = [each for each in files.einvoices if each.standing is Standing.VALID and not each.kind.embedded]
    return (
        Attachment(f"{name}.pdf", "application/pdf", files.pdf),
        *(Attachment(f"{name}_{each.kind}.xml", "application/xml", each.xml) for each in beside if each.xml is not None),
    )


async def _hand_over(run: Run, case: Case, row: DocumentRow, kind: MailKind, mail: Mail) -> str:
    """Send one mail unless its outcome is known. The row is written first: a mail whose outcome a crash hid goes out again under the same
    Message-ID, by which receivers tell a copy."""
    recipient, services = mail.to[0], run.services
    key = f"{run.action.key}|{digest(recipient)[:16]}"
    known = await EmailRow.get_or_none(action_key=key)
    if known is not None and _stands(known, run.action.parameters):
        return known.state
    eml = await keep(services.files, row.id, "eml", compose(mail).as_bytes(), services.clock.now())
    if known is None:
        known = await EmailRow.create(
            id=new_id(),
            created_at=services.clock.now(),
            action_key=key,
            document_id=row.id,
            kind=kind,
            message_id=mail.message_id,
            recipient=recipient,
            subject=mail.subject,
            state=SENDING,
            eml_sha256=eml,
        )
    state, reply = await _deliver(run, case, row, mail)
    now = services.clock.now()
    await insist(lambda: EmailRow.filter(id=known.id).update(state=state, reply=reply, eml_sha256=eml, finished_at=now))
    return state


def _stands(known: EmailRow, parameters: Mapping[str, Any]) -> bool:
    """Whether a mail's outcome is final: not one that a replay is to try once more, nor one older than the wish to send it again."""
    if known.state == SENDING or (known.state in {"unknown", "refused"} and parameters.get("replayed")):
        return False
    again = parameters.get("again")
    return again is None or (known.finished_at is not None and known.finished_at >= datetime.fromisoformat(again))


async def _deliver(run: Run, case: Case, row: DocumentRow, mail: Mail) -> tuple[str, str]:
    entity = case.source.entity
    allowed = {address.casefold() for address in entity.test_recipients}
    if _is_play(case, row) and mail.to[0].casefold() not in allowed:
        return OUTBOX, "test mode: kept, not sent"
    if run.services.mailer is None:
        return OUTBOX, "ADAPTER_SMTP_HOST is not set: kept, not sent"
    sent = await run.services.mailer.send(mail)
    return sent.state, sent.reply


async def _record_sent(run: Run, case: Case, row: DocumentRow, kind: MailKind) -> None:
    type = EventType.INVOICE_SENT if kind == "invoice" else EventType.CREDIT_NOTE_SENT
    async with transaction():
        fresh = await DocumentRow.get(id=row.id)
        data = await summary(fresh, Document.model_validate_json(fresh.content))
        await run.emit(type, row.id, row.source_id, row.order_id, data, is_test(row, case.order))


def _is_play(case: Case, row: DocumentRow) -> bool:
    """Whether a mail must not reach a customer: a test document stays one when its entity goes live."""
    return case.source.entity.mode is Mode.TEST or row.mode == Mode.TEST
