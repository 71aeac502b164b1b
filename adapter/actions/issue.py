"""Issuing documents: number, document and what follows from it, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from adapter.actions.books import books_of
from adapter.actions.candidates import Case, candidates, locked_case, reference
from adapter.actions.check_vat_id import known_check
from adapter.actions.clear import begin
from adapter.actions.settle import draw_later, is_test, settle
from adapter.domain.document import Document, DocumentKind, DocumentStatus
from adapter.domain.entity import Entity
from adapter.domain.event import EventType
from adapter.domain.frozen import digest
from adapter.domain.issue import draft_credit_note, draft_invoice, supply_day
from adapter.domain.order import Refund
from adapter.domain.rules import ActionKind
from adapter.domain.tax.adopt import Finding, refuse_marketplace
from adapter.domain.tax.vat_id import VatIdCheck
from adapter.errors import Held, Ignored, NotYet
from adapter.infra import language as languages
from adapter.infra import metrics
from adapter.infra.database import after_commit, transaction
from adapter.infra.models import ActionRow, DocumentRow, new_id
from adapter.infra.numbers import draw
from adapter.infra.queue import OPEN_STATES, bounded, ended_fact, invoice_fact, refund_fact, release
from adapter.infra.rates import rates_around
from adapter.infra.services import Run
from adapter.infra.summary import summary

CANCELLATION = "cancellation"
"""What a credit note is for when no single refund is."""


async def issue_invoice(run: Run) -> Mapping[str, Any] | None:
    """The invoice of an order, once, whatever events ask for it."""
    source_id, order_id = reference(run.action)
    key = invoice_fact(source_id, order_id)
    async with transaction():
        case = await locked_case(run)
        existing = await DocumentRow.get_or_none(key=key)
        if existing is not None:
            return {"document": existing.number}
        if case.order.totals.total == 0 and not case.rule.parameters.zero_totals:
            raise Ignored("the order cost nothing, and the rule says that such orders get no invoice")
        entity = case.source.entity
        on_fulfilment = any(rule.event == EventType.ORDER_FULFILLED for rule in candidates(run.action.parameters))
        supplied = supply_day(case.order, entity, on_fulfilment=on_fulfilment)
        check = await known_check(run, case, supplied or run.services.clock.now().astimezone(entity.zone).date())
        if not isinstance(check, NotYet):
            return {"document": await _issue_invoice(run, case, key, check, on_fulfilment=on_fulfilment)}
    raise check


async def _issue_invoice(run: Run, case: Case, key: str, check: VatIdCheck | None, *, on_fulfilment: bool) -> str:
    entity, now = case.source.entity, run.services.clock.now()
    number, day = await draw(entity, DocumentKind.INVOICE, now)
    spoken = language(case)
    second = second_language(case, spoken)
    document, findings = draft_invoice(
        case.order,
        entity,
        case.source.id,
        number=number,
        issue_date=day,
        language=spoken,
        second_language=second,
        translate=languages.language(spoken).translate,
        translate_second=languages.language(second or spoken).translate,
        on_fulfilment=on_fulfilment,
        check=check,
        rates=await rates_around(supply_day(case.order, entity, on_fulfilment=on_fulfilment) or day),
    )
    row = await freeze(run, key, entity, document, findings)
    await run.emit(EventType.INVOICE_CREATED, row.id, row.source_id, row.order_id, await summary(row, document), is_test(row, case.order))
    await settle(row, case.order, entity, now, run.emit, run.services.dispatcher)
    await release(key, now, run.services.dispatcher)
    await render_later(run, row)
    await run.finish({"document": number})
    return number


async def issue_credit_note(run: Run) -> Mapping[str, Any] | None:
    """The credit note for one refund, or for what is left of the invoice when the order was cancelled."""
    source_id, order_id = reference(run.action)
    subject = run.action.parameters["refund"]
    key = bounded(f"credit:{source_id}:{order_id}:{subject or CANCELLATION}")
    async with transaction():
        case = await locked_case(run)
        existing = await DocumentRow.get_or_none(key=key)
        if existing is not None:
            return {"document": existing.number}
        invoice_row = await DocumentRow.filter(key=invoice_fact(source_id, order_id)).select_for_update().first()
        if invoice_row is None:
            refuse_marketplace(case.order)
            raise NotYet(invoice_fact(source_id, order_id))
        refund = _refund(case, subject)
        await _wait_for_earlier(run, case, refund)
        try:
            number = await _issue_note(run, case, key, invoice_row, refund)
        except Held:
            await _wait_for_amendment(run)  # it may be what an additional invoice will charge that is given back
            raise
    return {"document": number}


async def _issue_note(run: Run, case: Case, key: str, invoice_row: DocumentRow, refund: Refund | None) -> str:
    entity, now = case.source.entity, run.services.clock.now()
    invoice = Document.model_validate_json(invoice_row.content)
    books = await books_of(invoice_row.source_id, invoice_row.order_id)
    earlier, amendments = books.refunds, books.amendments
    reason = case.order.progress.cancel_reason if refund is None else refund.reason
    drafted: dict[str, Any] = {"refund": refund, "reason": reason, "amendments": amendments}
    drafted["translate"] = languages.language(invoice.language).translate
    # Drafted once without a number, so that a note that is not needed draws none.
    draft_credit_note(invoice, earlier, case.order, entity, case.source.id, number="0", issue_date=date.min, **drafted)
    # A test invoice is corrected by a test document, whatever the entity's mode has become.
    number, day = await draw(entity.model_copy(update={"mode": invoice.mode}), DocumentKind.CREDIT_NOTE, now)
    note, findings = draft_credit_note(invoice, earlier, case.order, entity, case.source.id, number=number, issue_date=day, **drafted)
    row = await freeze(run, key, entity, note, findings, invoice_row.id)
    await run.emit(EventType.CREDIT_NOTE_CREATED, row.id, row.source_id, row.order_id, await summary(row, note), is_test(row, case.order))
    await books.credit(note, case.order, entity, now, run.emit, run.services.dispatcher)
    await render_later(run, row)
    await run.finish({"document": number})
    return number


def _refund(case: Case, subject: str | None) -> Refund | None:
    if subject is None:
        return None
    found = next((refund for refund in case.state.refunds if refund.id == subject), None)
    if found is not None and found.status == "failure":
        raise Ignored("the refund failed: no money went back")
    if found is None or not found.decided:
        raise NotYet(refund_fact(case.source.id, case.order.id, subject))
    return found


async def _wait_for_earlier(run: Run, case: Case, refund: Refund | None) -> None:
    """Refunds are credited in the order of their times, as far as they are known, and a cancellation what they leave: so that the same
    refunds make the same notes whichever was heard of first."""
    source_id, order_id = reference(run.action)
    known = [each.id for each in case.state.refunds if each.decided]
    others = ActionRow.filter(source_id=source_id, order_id=order_id, kind=ActionKind.ISSUE_CREDIT_NOTE.value, state__in=OPEN_STATES)
    for other in await others.exclude(id=run.action.id).order_by("id"):
        if refund is None or other.parameters["refund"] in known[: known.index(refund.id)]:
            raise NotYet(ended_fact(other.key))


async def _wait_for_amendment(run: Run) -> None:
    """Wait for an amendment that may still charge something; one that waits for a credit note has made its invoice already."""
    source_id, order_id = reference(run.action)
    amending = ActionRow.filter(source_id=source_id, order_id=order_id, kind=ActionKind.AMEND_INVOICE.value, state__in=OPEN_STATES)
    for other in await amending.order_by("id"):
        if not (other.waits_for or "").startswith(ended_fact(ActionKind.ISSUE_CREDIT_NOTE.value)):
            raise NotYet(ended_fact(other.key))


def language(case: Case) -> str:
    """The document's language: the rule's, else the buyer's, else the source's, else the entity's; only one that we have words for."""
    buyer = case.order.buyer.locale if case.order.buyer else None
    wanted = (case.rule.parameters.language, case.order.locale, buyer, case.source.options.language)
    return next((tag for tag in wanted if tag and languages.is_translated(tag)), case.source.entity.language)


def second_language(case: Case, first: str) -> str | None:
    """The language in which headings and mentions are said as well: the source's, else the entity's.

    None where that is the first one, or has no catalogue."""
    wanted = case.source.options.second_language or case.source.entity.second_language
    return wanted if wanted and languages.is_translated(wanted) and not languages.same(wanted, first) else None


async def freeze(
    run: Run, key: str, entity: Entity, document: Document, findings: Sequence[Finding], original_id: str | None = None
) -> DocumentRow:
    """Store a document under the fact that it is for, in the transaction that drew its number."""
    source_id, order_id = reference(run.action)
    content = document.canonical()
    after_commit(lambda: _count(findings))
    row = await DocumentRow.create(
        id=new_id(),
        created_at=run.services.clock.now(),
        key=key,
        entity_id=entity.id,
        source_id=source_id,
        order_id=order_id,
        mode=document.mode.value,
        kind=document.kind.value,
        number=document.number,
        original_id=original_id,
        currency=document.currency,
        total=document.totals.gross,
        tax_total=document.totals.tax,
        issue_date=document.issue_date,
        due_date=document.due_date,
        content=content,
        sha256=digest(content),
        findings=[finding.model_dump(mode="json") for finding in findings],
        status=DocumentStatus.OPEN.value,
    )
    await begin(run, row, entity)
    return row


def _count(findings: Sequence[Finding]) -> None:
    for finding in findings:
        metrics.FINDINGS.labels(finding.code, finding.severity.value).inc()


async def render_later(run: Run, row: DocumentRow) -> None:
    """Have a new document drawn."""
    await draw_later(row, f"render:{row.id}", run.services.clock.now(), run.services.dispatcher)
