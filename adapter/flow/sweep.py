"""Sweep: what time alone brings about. Overdue invoices, waits that came to nothing, sources gone silent."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog

from adapter.actions.settle import settle
from adapter.domain.document import DocumentStatus
from adapter.domain.rules import ActionKind
from adapter.domain.source import SourceOptions
from adapter.domain.state import OrderState
from adapter.errors import described
from adapter.flow.retention import schedule_retention
from adapter.flow.route import emitter
from adapter.infra import metrics
from adapter.infra.database import DATABASE_DOWN, connection, transaction
from adapter.infra.models import ActionRow, DocumentRow, EndpointRow, SourceRow
from adapter.infra.queue import DEAD, DUE, SKIPPED, WAITING, invoice_fact, lock_order
from adapter.infra.services import Services
from adapter.infra.sources import entity_of

log = structlog.get_logger()

UNPAID = (DocumentStatus.OPEN.value, DocumentStatus.PARTIALLY_PAID.value)
RECHECK = timedelta(minutes=5)


async def sweep(services: Services) -> None:
    """One look at everything. Each step is safe to run in several processes at once."""
    await mark_overdue(services)
    await end_waits(services)
    await watch_sources(services)
    await schedule_retention(services)
    await measure(services)
    metrics.LAST_SWEEP.set(services.clock.now().timestamp())


async def mark_overdue(services: Services) -> None:
    """Invoices whose due date is over in their entity's time zone become past due, each with one `invoice.overdue`."""
    now = services.clock.now()
    # The furthest-ahead time zone decides which rows are worth a look; the entity's own decides.
    rows = await DocumentRow.filter(kind="invoice", status__in=UNPAID, due_date__lt=(now + timedelta(hours=14)).date()).select_related(
        "entity"
    )
    for row in rows:
        today = now.astimezone(entity_of(row.entity).zone).date()
        if row.due_date is not None and row.due_date < today:
            try:
                await _mark_overdue(row, services)
            except DATABASE_DOWN:
                raise
            except Exception as error:  # one that cannot be read must not keep the others from their date
                log.error("an invoice could not be looked at", document=row.id, error=described(error))


async def _mark_overdue(found: DocumentRow, services: Services) -> None:
    now = services.clock.now()
    async with transaction():
        order_row = await lock_order(found.source_id, found.order_id)
        row = await DocumentRow.filter(id=found.id).select_for_update().get()
        order = OrderState.model_validate_json(order_row.state).effective() if order_row else None
        if order is None or row.status not in UNPAID:
            return
        await settle(row, order, entity_of(await row.entity), now, emitter(services), services.dispatcher)


async def end_waits(services: Services) -> None:
    """Waiting actions look again from time to time; what waited in vain for days ends, with the reason. It goes on nevertheless when its
    fact comes after all: an order may be fulfilled, and so invoiced, weeks after a refund."""
    now = services.clock.now()
    limit = now - timedelta(days=services.settings.wait_days)
    for row in await ActionRow.filter(state=WAITING, waits_since__lt=limit):
        harmless = await _is_harmless(row)
        reason = f"waited {services.settings.wait_days} days for {row.waits_for}, which never came"
        ended: Mapping[str, Any] = {
            "state": SKIPPED if harmless else DEAD, "error": reason, "waits_since": None, "finished_at": now
        }  # fmt: skip
        await ActionRow.filter(id=row.id, state=WAITING).update(**ended)
        log.warning("an action waited in vain", action=row.id, kind=row.kind, source=row.source_id, order=row.order_id, fact=row.waits_for)
    stale = await ActionRow.filter(state=WAITING, started_at__lt=now - RECHECK)
    if stale:
        async with transaction():
            await ActionRow.filter(id__in=[row.id for row in stale], state=WAITING).update(state=DUE, next_at=now, queued=False)


async def _is_harmless(row: ActionRow) -> bool:
    """Whether nothing is missing when an action's fact never comes: a cancellation, or a mail or credit note of an invoice that the rules
    did not want, or do not want yet. A refund of what should have been invoiced is for a person to see."""
    if row.kind == ActionKind.ISSUE_CREDIT_NOTE and row.parameters.get("refund") is None:
        return True
    if row.source_id is None or row.order_id is None or row.waits_for != invoice_fact(row.source_id, row.order_id):
        return False
    unwanted = ActionRow.filter(source_id=row.source_id, order_id=row.order_id, kind=ActionKind.ISSUE_INVOICE.value, state=SKIPPED)
    return row.kind == ActionKind.SEND_INVOICE or await unwanted.exists()


async def watch_sources(services: Services) -> None:
    """A source that had deliveries and has none any more is told of: shops switch webhooks off without a word."""
    now = services.clock.now()
    metrics.SILENT_SOURCES.clear()
    for row in await SourceRow.filter(active=True, last_delivery_at__isnull=False):
        hours = SourceOptions.model_validate(row.options).silent_hours or services.settings.silent_hours
        silent = row.last_delivery_at is not None and now - row.last_delivery_at > timedelta(hours=hours)
        metrics.SILENT_SOURCES.labels(row.id).set(int(silent))
        if silent and row.silent_since is None:
            await SourceRow.filter(id=row.id, silent_since__isnull=True).update(silent_since=now)
            log.warning("source is silent: check that its webhooks are still switched on", source=row.id, hours=hours)


async def measure(services: Services) -> None:
    """Bring the gauges up to date."""
    metrics.BACKLOG.clear()
    counts = await connection().execute_query_dict(
        "SELECT kind, state, COUNT(*) AS n FROM action WHERE state IN ('due', 'running', 'waiting', 'held', 'dead') GROUP BY kind, state"
    )
    for count in counts:
        metrics.BACKLOG.labels(count["kind"], count["state"]).set(count["n"])
    oldest = await ActionRow.filter(state=DUE, next_at__lte=services.clock.now()).order_by("next_at").first()
    age = (services.clock.now() - oldest.next_at).total_seconds() if oldest is not None and oldest.next_at is not None else 0
    metrics.OLDEST_DUE.set(age)
    metrics.ENDPOINTS_OFF.set(await EndpointRow.filter(active=False, disabled_reason__isnull=False).count())
