"""Amending: what an order that changed after its invoice needs in addition, by an invoice, a credit note, or both."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from adapter.actions.books import Books, books_of
from adapter.actions.candidates import Case, locked_case, reference
from adapter.actions.check_vat_id import known_check
from adapter.actions.issue import freeze, render_later
from adapter.actions.settle import is_test, settle
from adapter.domain.amend import Amendment, difference
from adapter.domain.amended import additional_invoice, amending_note
from adapter.domain.document import Document, DocumentKind
from adapter.domain.entity import Entity
from adapter.domain.event import EventType
from adapter.domain.issue import draft_invoice, supply_day
from adapter.domain.rules import ActionKind
from adapter.domain.tax.adopt import Finding
from adapter.domain.tax.judging import judged
from adapter.domain.tax.vat_id import VatIdCheck
from adapter.errors import Ignored, NotYet
from adapter.infra import language as languages
from adapter.infra.database import transaction
from adapter.infra.models import ActionRow
from adapter.infra.numbers import draw
from adapter.infra.queue import OPEN_STATES, Work, bounded, ended_fact, enqueue
from adapter.infra.rates import rates_around
from adapter.infra.services import Run
from adapter.infra.summary import summary


async def amend_invoice(run: Run) -> Mapping[str, Any] | None:
    """The documents for what changed of an order since its last one.

    An additional invoice is made at once. A credit note waits for the credit notes of refunds that are known: what a refund gives back is
    not credited a second time because it has left the order.
    """
    source_id, order_id = reference(run.action)
    waiting: str | None = None
    async with transaction():
        case = await locked_case(run)
        books = await books_of(source_id, order_id)
        if not books.invoices:
            raise Ignored("the order has no invoice yet: it will be of the order as it stands then")
        if case.order.progress.cancelled:
            raise Ignored("the order is cancelled: the credit note of its cancellation gives back what is left")
        entity, now = case.source.entity, run.services.clock.now()
        supplied = supply_day(case.order, entity, on_fulfilment=False)
        check = await known_check(run, case, supplied or now.astimezone(entity.zone).date())
        if not isinstance(check, NotYet):
            numbers, waiting = await _amend(run, case, books, check, now)
            if waiting is None:
                await run.finish({"documents": numbers})
                return {"documents": numbers}
    raise check if isinstance(check, NotYet) else NotYet(ended_fact(waiting or ""))


async def _amend(run: Run, case: Case, books: Books, check: VatIdCheck | None, now: datetime) -> tuple[list[str], str | None]:
    """The numbers of the documents that were made, and the key of the action for which a credit note has to wait."""
    first = books.invoices[0]
    # A test invoice is amended by test documents, whatever the entity's mode has become.
    entity = case.source.entity.model_copy(update={"mode": first.mode})
    current, noticed = await _current(case, entity, first, check, now.astimezone(entity.zone).date())
    amendment = difference(books.invoices, books.credits, current, languages.language(first.language).translate)
    if amendment is None:
        raise Ignored("the documents charge what the order does")
    numbers = []
    if amendment.added:
        numbers.append(await _invoice(run, case, books, entity, amendment, current, noticed, now))
    if amendment.removed:
        waiting = await _uncredited(run, case)
        if waiting is not None:
            return numbers, waiting
        numbers.append(await _note(run, case, books, entity, amendment, current, now))
    return numbers, None


async def _current(
    case: Case, entity: Entity, first: Document, check: VatIdCheck | None, today: date
) -> tuple[Document, tuple[Finding, ...]]:
    """The invoice that the order would get today, in the languages of its first one, and what is noticed about its tax."""
    return draft_invoice(
        case.order,
        entity,
        case.source.id,
        number="0",
        issue_date=today,
        language=first.language,
        second_language=first.second_language,
        translate=languages.language(first.language).translate,
        translate_second=languages.language(first.second_language or first.language).translate,
        check=check,
        rates=await rates_around(supply_day(case.order, entity, on_fulfilment=False) or today),
        final=False,
    )


async def _invoice(
    run: Run,
    case: Case,
    books: Books,
    entity: Entity,
    amendment: Amendment,
    current: Document,
    noticed: tuple[Finding, ...],
    now: datetime,
) -> str:
    number, day = await draw(entity, DocumentKind.INVOICE, now)
    spoken = languages.language(current.language).translate
    days = (current.due_date - current.issue_date) if current.due_date else None
    dated = current.model_copy(update={"number": number, "issue_date": day, "due_date": day + days if days is not None else None})
    gone = sum(line.gross for line in amendment.removed)
    invoice = additional_invoice(books.invoices, books.credits, amendment.added, dated, removed=gone, translate=spoken)
    findings = judged(invoice, (*noticed, *amendment.findings), entity.tax)
    row = await freeze(run, _key(run, books, DocumentKind.INVOICE), entity, invoice, findings)
    await run.emit(EventType.INVOICE_CREATED, row.id, row.source_id, row.order_id, await summary(row, invoice), is_test(row, case.order))
    for each in (*books.invoice_rows, row):
        await settle(each, case.order, entity, now, run.emit, run.services.dispatcher)
    await render_later(run, row)
    await _mail(run, case, row.id, now)
    return number


async def _note(run: Run, case: Case, books: Books, entity: Entity, amendment: Amendment, current: Document, now: datetime) -> str:
    number, day = await draw(entity, DocumentKind.CREDIT_NOTE, now)
    spoken = languages.language(current.language).translate
    note = amending_note(books.invoices, books.credits, amendment.removed, current, number=number, issue_date=day, translate=spoken)
    key = _key(run, books, DocumentKind.CREDIT_NOTE)
    findings = judged(note, amendment.findings, entity.tax, books.invoices[0])
    row = await freeze(run, key, entity, note, findings, books.invoice_rows[0].id)
    await run.emit(EventType.CREDIT_NOTE_CREATED, row.id, row.source_id, row.order_id, await summary(row, note), is_test(row, case.order))
    await books.credit(note, case.order, entity, now, run.emit, run.services.dispatcher)
    await render_later(run, row)
    return number


def _key(run: Run, books: Books, kind: DocumentKind) -> str:
    """Unlike a refund a change has no name of its own; under the order's lock the documents that it found are one."""
    source_id, order_id = reference(run.action)
    return bounded(f"amendment:{source_id}:{order_id}:{len(books.invoices) + len(books.credits)}:{kind.value}")


async def _uncredited(run: Run, case: Case) -> str | None:
    """The key of an action that is still to credit a known refund; not of one that waits for an amendment, itself or behind another.

    So nobody waits for himself: the actions of an order run one at a time, a refund waits for earlier ones and for an amendment that does
    not wait for a refund itself, and an amendment waits for a refund behind which there is no amendment.
    """
    source_id, order_id = reference(run.action)
    known = {refund.id for refund in case.state.refunds if refund.decided}
    open_notes = await ActionRow.filter(
        source_id=source_id, order_id=order_id, kind=ActionKind.ISSUE_CREDIT_NOTE.value, state__in=OPEN_STATES
    ).order_by("id")
    awaited = {ended_fact(other.key): other.waits_for or "" for other in open_notes}
    for other in open_notes:
        fact = other.waits_for or ""
        while fact in awaited:
            fact = awaited[fact]
        if other.parameters["refund"] in known and not fact.startswith(ended_fact(ActionKind.AMEND_INVOICE.value)):
            return other.key
    return None


async def _mail(run: Run, case: Case, document_id: str, now: datetime) -> None:
    """Mail an additional invoice as the source's rows for invoices say, without waiting for a payment: there is something to pay."""
    rules = [rule for rule in case.source.rules if rule.action is ActionKind.SEND_INVOICE and rule.enabled]
    if rules:
        stated = [
            rule.model_dump(mode="json", exclude_defaults=True) | {"event": rule.event, "action": rule.action.value} for rule in rules
        ]
        parameters = {"rules": stated, "at": now.isoformat()}
        source_id, order_id = reference(run.action)
        work = Work(f"send_invoice:{document_id}", ActionKind.SEND_INVOICE, source_id, order_id, subject=document_id, parameters=parameters)
        await enqueue([work], now, run.services.dispatcher)
