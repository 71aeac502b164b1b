"""Making a document's files from its frozen content and what has been paid: the PDF, and its e-invoices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from adapter.actions.candidates import source_of
from adapter.actions.einvoice import Made, is_recorded, make, record
from adapter.domain.document import Document, Settlement
from adapter.domain.einvoice import Standing
from adapter.domain.frozen import digest
from adapter.domain.issue import settlement
from adapter.domain.state import OrderState
from adapter.errors import GiveUp
from adapter.infra.archive import keep
from adapter.infra.clearances import clearance_of
from adapter.infra.coverage import coverage_findings
from adapter.infra.database import transaction
from adapter.infra.hybrid import attach
from adapter.infra.models import DocumentRow, EntityRow, OrderRow
from adapter.infra.queue import lock_order
from adapter.infra.services import Run, Services
from adapter.infra.sources import entity_of

log = structlog.get_logger()


@dataclass(frozen=True)
class Current:
    """A document's files as they stand now, all of the same settlement. `einvoices` are those that its entity wants."""

    settlement: Settlement
    pdf: bytes
    einvoices: tuple[Made, ...]


async def render(run: Run) -> Mapping[str, Any] | None:
    """Make the PDF and the e-invoices of a document, if what is stored is not what they show now."""
    await source_of(run)
    row = await DocumentRow.get(id=run.action.subject)
    files = await current(run.services, row)
    warnings = {found.severity.value: found.message for found in coverage_findings(Document.model_validate_json(row.content))}
    return {"document": row.number, "bytes": len(files.pdf)} | {each.kind.value: each.standing.value for each in files.einvoices} | warnings


async def current(services: Services, row: DocumentRow) -> Current:
    """The document's files as they stand now, made if need be, with the settlement that they show.

    What has been paid may change while a page is drawn; the one that is kept is never older than what is known.
    """
    document = Document.model_validate_json(row.content)
    entity = entity_of(await EntityRow.get(id=row.entity_id))
    while True:
        paid = await settled(services, row, document)
        made = await make(services, row, document, paid, entity)
        embedded = next((each.xml for each in made if each.kind.embedded and each.standing is Standing.VALID), None)
        shown = [row.sha256, paid.canonical(), str(document.template_version), *([digest(embedded)] if embedded else [])]
        wanted = digest(":".join(shown))
        there = await _intact(services, row) if row.pdf_of == wanted else None
        content = there or await _drawn(services, document, paid, embedded)
        if there and is_recorded(row, made) and await _are_kept(services, made):
            return Current(paid, content, made)
        now = services.clock.now()
        for each in made:
            if each.xml is not None:
                await keep(services.files, row.id, "xml", each.xml, now)
        stored = await keep(services.files, row.id, "pdf", content, now)
        async with transaction():
            await lock_order(row.source_id, row.order_id)
            if await settled(services, row, document) == paid:
                await DocumentRow.filter(id=row.id).update(pdf_sha256=stored, pdf_of=wanted)
                await record(services, row.id, made)
                return Current(paid, content, made)


async def _intact(services: Services, row: DocumentRow) -> bytes | None:
    """The stored PDF; None where it is missing or was changed: it is then drawn again, which gives the same bytes or a new version."""
    if row.pdf_sha256 is None:
        return None
    content = await services.files.find(row.pdf_sha256)
    if content is None:
        log.warning("a stored PDF is missing or was changed; it is drawn again", document=row.id, sha256=row.pdf_sha256)
    return content


async def _are_kept(services: Services, made: Sequence[Made]) -> bool:
    """Whether the store has every e-invoice as it was written."""
    return all([await services.files.find(digest(each.xml)) == each.xml for each in made if each.xml is not None])


async def _drawn(services: Services, document: Document, paid: Settlement, embedded: bytes | None) -> bytes:
    logo = await services.files.get(document.branding.logo) if document.branding.logo else None
    return await services.renderer.pdf(document, paid, logo, [attach(embedded)] if embedded else [])


async def settled(services: Services, row: DocumentRow, document: Document) -> Settlement:
    """What a document's page says beside what is frozen: what has been paid, and how its clearance stands."""
    clearance = await clearance_of(row.id)
    source = await services.sources.get(row.source_id)
    mark = clearance.mark(source.entity.zone) if clearance and source else None
    if row.kind != "invoice":
        return Settlement(clearance=mark)
    order_row = await OrderRow.get_or_none(source_id=row.source_id, order_id=row.order_id)
    order = OrderState.model_validate_json(order_row.state).effective() if order_row else None
    if source is None or order is None:
        raise GiveUp(f"order {row.order_id} of document {row.number} is gone")
    return settlement(order, document, source.entity.zone).model_copy(update={"clearance": mark})
