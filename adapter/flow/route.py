"""Route: recording a fact once, and adding the actions that the source's table asks for. Our own facts come in here again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from adapter.actions.settle import settle
from adapter.domain.amend import charge_changed
from adapter.domain.document import DocumentKind
from adapter.domain.event import Event, EventType
from adapter.domain.rules import ActionKind, Rule, route
from adapter.domain.state import OrderState, fold
from adapter.errors import GiveUp
from adapter.infra.models import DocumentRow, EventRow, OrderRow, new_id
from adapter.infra.queue import Work, enqueue, invoice_fact, lock_order, order_fact, reconsider, refund_fact, release
from adapter.infra.services import Emit, Services
from adapter.infra.sources import Source

PRIVACY_EVENTS = frozenset(
    {EventType.PRIVACY_DATA_REQUEST, EventType.PRIVACY_REDACT_CUSTOMER, EventType.PRIVACY_REDACT_SHOP, EventType.SOURCE_UNINSTALLED}
)


async def record(events: Sequence[Event], source: Source, delivery_id: str, services: Services) -> int:
    """Fold a delivery's events into their order's state and route those that are new. Returns how many were.

    Called in a transaction. Every event is folded, new or not: folding is idempotent, and a snapshot may say more than the facts that it
    repeats.
    """
    by_order: dict[str | None, list[Event]] = {}
    for event in events:
        by_order.setdefault(event.order_id, []).append(event)
    new = 0
    for order_id, group in sorted(by_order.items(), key=lambda item: item[0] or ""):
        changed = order_id is not None and await _fold(group, source, order_id, services)
        new += await _insert(group, source, delivery_id, services, changed=changed)
        if order_id is not None:
            await _settle(source, order_id, services)
    return new


async def _fold(events: Sequence[Event], source: Source, order_id: str, services: Services) -> bool:
    """Bring the order's state up to date. Returns whether it charges something else than before."""
    now = services.clock.now()
    blank = OrderRow(
        id=new_id(),
        created_at=now,
        source_id=source.id,
        order_id=order_id,
        state=OrderState().model_dump_json(exclude_none=True),
        updated_at=now,
    )
    await OrderRow.bulk_create([blank], ignore_conflicts=True)
    row = await lock_order(source.id, order_id)
    if row is None:
        raise GiveUp(f"order {order_id} vanished while it was being read")
    before = OrderState.model_validate_json(row.state)
    after = before
    for event in events:
        after = fold(after, event)
    if after == before:
        return False
    row.state = after.model_dump_json(exclude_none=True)
    row.number = after.order.number if after.order else row.number
    row.updated_at = now
    await row.save(update_fields=["state", "number", "updated_at"])
    await reconsider(source.id, order_id, now, services.dispatcher)
    if before.order is None and after.order is not None:
        await release(order_fact(source.id, order_id), now, services.dispatcher)
    for refund in {refund.id for refund in after.refunds if refund.decided} - {refund.id for refund in before.refunds if refund.decided}:
        await release(refund_fact(source.id, order_id, refund), now, services.dispatcher)
    return charge_changed(before.order, after.order)


async def _insert(events: Sequence[Event], source: Source, delivery_id: str, services: Services, *, changed: bool) -> int:
    now = services.clock.now()
    rows = [
        EventRow(
            id=new_id(),
            created_at=now,
            source_id=source.id,
            type=event.type.value,
            key=event.identity,
            order_id=event.order_id,
            delivery_id=delivery_id,
            at=event.at,
            test=event.test,
            data=event.model_dump(mode="json", exclude_none=True, exclude={"order", "type", "key", "order_id", "at", "test"}),
        )
        for event in events
    ]
    await EventRow.bulk_create(rows, ignore_conflicts=True)
    inserted = {row.id for row in await EventRow.filter(id__in=[row.id for row in rows]).only("id")}
    works = [work for row in rows if row.id in inserted for work in works_of(row, source) if changed or not _is_stale(work, row)]
    await enqueue([work for work in works if await _is_wanted(work)], now, services.dispatcher)
    return len(inserted)


def _is_stale(work: Work, event: EventRow) -> bool:
    """Whether an amendment is asked for by a snapshot that charges what the one before it did."""
    return work.kind is ActionKind.AMEND_INVOICE and event.type == EventType.ORDER_UPDATED


async def _is_wanted(work: Work) -> bool:
    """Only what is invoiced can be amended: an invoice that is still to be made will be of the order as it stands then."""
    if work.kind is not ActionKind.AMEND_INVOICE or work.source_id is None or work.order_id is None:
        return True
    return await DocumentRow.filter(key=invoice_fact(work.source_id, work.order_id)).exists()


async def _settle(source: Source, order_id: str, services: Services) -> None:
    rows = await DocumentRow.filter(source_id=source.id, order_id=order_id, kind=DocumentKind.INVOICE.value).order_by("created_at", "id")
    order_row = await OrderRow.get(source_id=source.id, order_id=order_id)
    order = OrderState.model_validate_json(order_row.state).effective()
    if order is None:
        return
    for row in rows:
        await settle(row, order, source.entity, services.clock.now(), emitter(services), services.dispatcher)


def emitter(services: Services) -> Emit:
    """How actions record facts of ours."""

    async def emit(type: EventType, key: str, source_id: str, order_id: str, data: Mapping[str, Any], test: bool) -> None:
        source = await services.sources.get(source_id)
        if source is None:
            raise GiveUp(f"source {source_id} does not exist any more")
        now = services.clock.now()
        test = test or source.entity.mode.value == "test"
        row = EventRow(
            id=new_id(),
            created_at=now,
            source_id=source_id,
            type=type.value,
            key=key,
            order_id=order_id,
            at=now,
            test=test,
            data=dict(data),
        )
        await EventRow.bulk_create([row], ignore_conflicts=True)
        if await EventRow.filter(id=row.id).exists():
            await enqueue(works_of(row, source), now, services.dispatcher)

    return emit


def works_of(event: EventRow, source: Source) -> list[Work]:
    """The actions that follow from a recorded event."""
    type = EventType(event.type)
    if type in PRIVACY_EVENTS:
        return [Work(f"privacy:{event.id}", ActionKind.PRIVACY, source.id, event_id=event.id)]
    return [work for kind, rows in route(type, source.rules).items() for work in _works(kind, rows, event, source)]


def _works(kind: ActionKind, rules: Sequence[Rule], event: EventRow, source: Source) -> list[Work]:
    start = event.at if event.at is not None and event.at < event.created_at else event.created_at
    parameters: dict[str, Any] = {
        "rules": [
            rule.model_dump(mode="json", exclude_defaults=True) | {"event": rule.event, "action": rule.action.value} for rule in rules
        ],
        "at": start.isoformat(),
    }
    not_before = start + timedelta(hours=min(rule.parameters.delay_hours for rule in rules))

    def work(key: str, subject: str | None = None, **more: Any) -> Work:
        order_id = None if kind is ActionKind.NOTIFY else event.order_id
        later = more.pop("not_before", not_before)
        return Work(f"{kind.value}:{key}", kind, source.id, order_id, event.id, subject, {**parameters, **more}, later)

    order = f"{source.id}:{event.order_id}"
    match kind:
        case ActionKind.ISSUE_INVOICE | ActionKind.SEND_INVOICE:
            return [work(order)]
        case ActionKind.ISSUE_CREDIT_NOTE:
            refund = _refund_of(event) if event.type == EventType.REFUND_ISSUED else None
            return [work(f"{order}:{refund or 'cancellation'}", refund=refund)]
        case ActionKind.SEND_CREDIT_NOTE:
            return [work(event.key, event.key)] if event.type == EventType.CREDIT_NOTE_CREATED else []
        case ActionKind.SEND_REMINDER:
            days = _reminders(event, source) if event.type == EventType.INVOICE_OVERDUE else {}
            delay = not_before - start
            return [work(f"{event.key}:{day}", event.key, not_before=at + delay) for day, at in days.items()]
        case _:
            return [work(event.id)]


def _refund_of(event: EventRow) -> str:
    """The refund's id within its order; of an event that only names it, what follows the order in its key."""
    stated = event.data.get("refund")
    return str(stated["id"]) if stated else event.key.removeprefix(f"{event.order_id}:")


def _reminders(event: EventRow, source: Source) -> dict[int, datetime]:
    """When an overdue invoice is reminded of: so many days after its due date is over in the seller's time zone, whenever that was
    noticed. Of several days that are past already the last one counts: nobody gets all reminders at once."""
    over = datetime.combine(date.fromisoformat(event.data["due_date"]) + timedelta(days=1), time(), source.entity.zone)
    days = {day: (over + timedelta(days=day)).astimezone(UTC) for day in sorted(source.entity.reminder_days)}
    late = [day for day, at in days.items() if at <= event.created_at]
    return {day: at for day, at in days.items() if day not in late[:-1]}
