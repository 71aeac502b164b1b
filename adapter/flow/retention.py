"""Retention: once a day, what need not be kept any longer goes, for ever, and nothing else does.

An invoice, its credit notes and everything that tells of their order belong together, and go together: on the day after the retention
of the youngest of them has ended, in its entity's time zone, unless the entity is under legal hold. Left behind are the numbers, which hold
nobody's data and show that the series was complete, and the digests of deliveries, by which a copy is recognised that comes again.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from tortoise.expressions import Q

from adapter.actions.privacy import ERASED, erase_people
from adapter.domain.entity import Entity
from adapter.domain.rules import ActionKind
from adapter.infra import metrics
from adapter.infra.archive import FileRow, delete_files
from adapter.infra.database import transaction
from adapter.infra.models import (
    ActionRow,
    DeliveryRow,
    DocumentRow,
    EmailRow,
    EntityRow,
    EventRow,
    MessageRow,
    OrderRow,
    SeriesRow,
    SourceRow,
)
from adapter.infra.numbers import NumberRow
from adapter.infra.queue import HELD, OPEN_STATES, RUNNING, Work, enqueue, lock_order
from adapter.infra.services import Run, Services
from adapter.infra.sources import entity_of
from adapter.infra.vat_checks import VatCheckRow

log = structlog.get_logger()

BATCH = 200
Pair = tuple[str, str]
"""A source's id and an order's id."""


async def schedule_retention(services: Services) -> None:
    """One action a day, whichever process comes first."""
    now = services.clock.now()
    key = f"{ActionKind.RETENTION.value}:{now.date().isoformat()}"
    if not await ActionRow.filter(key=key).exists():
        async with transaction():
            await enqueue([Work(key, ActionKind.RETENTION)], now, services.dispatcher)


async def retention(run: Run) -> Mapping[str, Any]:
    """Delete what has been kept long enough. What was done before an error stays done, and is not done again."""
    counts: Counter[str] = Counter()
    try:
        counts["deliveries_erased"] += await erase_deliveries(run.services)
        if erased := await erase_orders(run.services):
            counts["orders_erased"] += erased
        for row in await EntityRow.all().order_by("id"):
            await _end_of(entity_of(row), run.services, counts)
    finally:
        for what, count in counts.items():
            metrics.REMOVED.labels(what).inc(count)
        log.info("retention", **counts)
    return dict(counts)


async def erase_deliveries(services: Services) -> int:
    """Erase the bodies of deliveries that came long ago and led to no document; returns how many."""
    limit = services.clock.now() - timedelta(days=services.settings.delivery_days)
    last, erased = "", 0
    old = DeliveryRow.filter(created_at__lt=limit).exclude(body=ERASED).order_by("id").limit(BATCH)
    while ids := [row.id for row in await old.filter(id__gt=last).only("id")]:
        async with transaction():
            useless = set(ids) - await _useful(ids)
            erased += await DeliveryRow.filter(id__in=list(useless)).update(body=ERASED, headers={}) if useless else 0
        last = ids[-1]
    return erased


async def _useful(ids: Sequence[str]) -> set[str]:
    """Those of the deliveries that are still to be read, or whose order has a document or may get one."""
    readings = await ActionRow.filter(key__in=[f"{ActionKind.NORMALISE.value}:{id}" for id in ids])
    orders: dict[str, set[Pair]] = {id: set() for id in ids}
    for reading in readings:
        if reading.subject in orders and reading.source_id and reading.order_id:
            orders[reading.subject].add((reading.source_id, reading.order_id))
    unknown = [id for id in ids if not orders[id]]
    for event in await EventRow.filter(delivery_id__in=unknown, order_id__isnull=False) if unknown else []:
        orders[event.delivery_id or ""].add((event.source_id, event.order_id or ""))
    alive = await _alive({order_id for pairs in orders.values() for _, order_id in pairs})
    unread = {reading.subject for reading in readings if reading.state in OPEN_STATES}
    return {id for id in ids if id in unread or orders[id] & alive}


async def _alive(order_ids: Collection[str]) -> set[Pair]:
    """Those orders with one of these ids that have a document, or may get one from what is to be done or held."""
    names = list(order_ids)
    alive = {(row.source_id, row.order_id) for row in await DocumentRow.filter(order_id__in=names).only("id", "source_id", "order_id")}
    to_do = ActionRow.filter(order_id__in=names, state__in=(*OPEN_STATES, HELD)).only("id", "source_id", "order_id")
    return alive | {(row.source_id or "", row.order_id or "") for row in await to_do}


async def erase_orders(services: Services) -> int:
    """Erase the people's details of orders that led to no document, long after the last news of them; returns how many orders.

    Where a platform has news of one after all, it sends the whole order again. An erased order counts as changed, so that it is looked at
    once in a period and not every day.
    """
    now = services.clock.now()
    limit = now - timedelta(days=services.settings.order_days)
    kept = {source.id for source in await SourceRow.all().select_related("entity") if entity_of(source.entity).legal_hold}
    last, erased = "", 0
    old = OrderRow.filter(updated_at__lt=limit).order_by("id").limit(BATCH).only("id", "source_id", "order_id")
    while rows := await old.filter(id__gt=last):
        alive = await _alive({row.order_id for row in rows})
        for row in rows:
            if row.source_id not in kept and (row.source_id, row.order_id) not in alive:
                erased += await _erase_order(row.source_id, row.order_id, limit, now)
        last = rows[-1].id
    return erased


async def _erase_order(source_id: str, order_id: str, limit: datetime, now: datetime) -> int:
    async with transaction():
        row = await lock_order(source_id, order_id)
        if row is None or row.updated_at >= limit or (source_id, order_id) in await _alive([order_id]):
            return 0
        return await erase_people([row], now)


async def _end_of(entity: Entity, services: Services, counts: Counter[str]) -> None:
    """Everything of an entity whose retention is over."""
    if entity.legal_hold:
        return
    today = services.clock.now().astimezone(entity.zone).date()
    newest = date(today.year - entity.retention_years - 1, 12, 31)
    rows = (
        await DocumentRow.filter(entity_id=entity.id, issue_date__lte=newest)
        .order_by("issue_date", "id")
        .only("id", "source_id", "order_id")
    )
    for source_id, order_id in dict.fromkeys((row.source_id, row.order_id) for row in rows):
        documents = await _mark(entity, source_id, order_id, newest)
        if documents:
            known = await delete_files(services.files, documents)
            counts.update(await _delete(source_id, order_id, documents, known, today))
    # An invoice may rest on a check of the year before its own.
    proofs = VatCheckRow.filter(entity_id=entity.id, created_at__lt=datetime(newest.year, 1, 1, tzinfo=UTC))
    if checks := await proofs.delete():
        counts["vat_checks"] += checks


async def _mark(entity: Entity, source_id: str, order_id: str, newest: date) -> list[str]:
    """The documents of an order, if all of them have been kept long enough and nothing is being done with them; marked as such."""
    async with transaction():
        await lock_order(source_id, order_id)
        of_order = {"source_id": source_id, "order_id": order_id}
        rows = await DocumentRow.filter(**of_order).select_for_update()
        if any(row.issue_date > newest for row in rows) or await ActionRow.filter(**of_order, state=RUNNING).exists():
            return []
        for row in rows:
            await DocumentRow.filter(id=row.id).update(retained_until=entity.retained_until(row.issue_date))
    return [row.id for row in rows]


async def _delete(source_id: str, order_id: str, documents: list[str], known: set[str], today: date) -> Mapping[str, int]:
    """Delete all that tells of an order, once its files are gone; nothing when a file came meanwhile: the next day deletes that too.

    The other way round, a crash between the two would leave files that nobody knows of.
    """
    of_order = {"source_id": source_id, "order_id": order_id}
    async with transaction():
        await lock_order(source_id, order_id)
        files = {str(digest) for digest in await FileRow.filter(document_id__in=documents).values_list("sha256", flat=True)}
        if files != known or await DocumentRow.filter(**of_order).count() != len(documents):
            return {}
        deliveries = await _deliveries(source_id, order_id)
        events = [str(id) for id in await EventRow.filter(**of_order).values_list("id", flat=True)]
        messages = [str(id) for id in await MessageRow.filter(event_id__in=events).values_list("id", flat=True)]
        await ActionRow.filter(Q(**of_order) | Q(event_id__in=events) | Q(kind=ActionKind.DELIVER.value, subject__in=messages)).delete()
        await MessageRow.filter(id__in=messages).delete()
        await EventRow.filter(id__in=events).delete()
        mails = await EmailRow.filter(document_id__in=documents).delete()
        await FileRow.filter(document_id__in=documents).delete()
        for row in await DocumentRow.filter(id__in=documents):
            series = await SeriesRow.get(entity_id=row.entity_id, mode=row.mode, kind=row.kind)
            await NumberRow.filter(series_id=series.id, number=row.number).update(removed_on=today)
        await DocumentRow.filter(id__in=documents).delete()
        await OrderRow.filter(**of_order).delete()
        await DeliveryRow.filter(id__in=deliveries).update(body=ERASED, headers={})
    return {"documents": len(documents), "files": len(files), "mails": mails, "messages": len(messages), "deliveries": len(deliveries)}


async def _deliveries(source_id: str, order_id: str) -> list[str]:
    """The deliveries that told of an order and of no other one that is still there."""
    of_order = {"source_id": source_id, "order_id": order_id}
    told = {event.delivery_id for event in await EventRow.filter(**of_order).only("id", "delivery_id") if event.delivery_id}
    told |= {
        row.subject for row in await ActionRow.filter(**of_order, kind=ActionKind.NORMALISE.value).only("id", "subject") if row.subject
    }
    others = (
        await EventRow.filter(source_id=source_id, delivery_id__in=list(told)).exclude(order_id=order_id).only("id", "delivery_id")
        if told
        else []
    )
    return sorted(told - {event.delivery_id for event in others})
