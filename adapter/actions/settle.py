"""Bringing an invoice's status in step with its order's payments and its credit notes."""

from datetime import datetime

from adapter.domain.document import Document, DocumentKind, DocumentStatus, Mode
from adapter.domain.entity import Entity
from adapter.domain.event import EventType
from adapter.domain.issue import settlement, status
from adapter.domain.order import Order
from adapter.domain.rules import ActionKind
from adapter.infra.models import ActionRow, DocumentRow
from adapter.infra.queue import DUE, Dispatcher, Work, enqueue
from adapter.infra.services import Emit
from adapter.infra.summary import summary

SETTLED = frozenset({DocumentStatus.PAID.value, DocumentStatus.CREDITED.value})


async def settle(row: DocumentRow, order: Order, entity: Entity, now: datetime, emit: Emit, dispatcher: Dispatcher) -> None:
    """Update an invoice's row; record `invoice.paid` when it came to be paid, and have its PDF say so; `invoice.overdue` when its due
    date is over and it is not.

    Called in a transaction that holds the order's lock.
    """
    if row.kind != DocumentKind.INVOICE:
        return
    document = Document.model_validate_json(row.content)
    paid = settlement(order, document, entity.zone)
    standing = status(document, paid, row.credited, now.astimezone(entity.zone).date())
    shown = row.status in SETTLED and row.paid == paid.paid
    if (row.status, row.paid) != (standing.value, paid.paid):
        row.status, row.paid = standing.value, paid.paid
        await row.save(update_fields=["status", "paid"])
    if standing is DocumentStatus.PAID or (standing is DocumentStatus.CREDITED and paid.paid >= document.totals.gross):
        await emit(EventType.INVOICE_PAID, row.id, row.source_id, row.order_id, await summary(row, document), is_test(row, order))
        if not shown:
            await draw_later(row, f"render:{row.id}:{paid.paid}", now, dispatcher)
    elif standing is DocumentStatus.PAST_DUE:
        await emit(EventType.INVOICE_OVERDUE, row.id, row.source_id, row.order_id, await summary(row, document), is_test(row, order))


async def draw_later(row: DocumentRow, key: str, now: datetime, dispatcher: Dispatcher) -> None:
    """Have a document's files made. Called in a transaction that holds the order's lock.

    An action that has not begun will draw what is known when it runs, and so what the present transaction writes: locked, it cannot begin
    before that is committed. So an order that is paid at once is drawn once; one that is paid later is drawn before, for whoever looks at
    the open invoice, and again, because nobody may be mailed (a mail makes sure of its own PDF) and the one in the archive must say paid.
    """
    of_order = {"source_id": row.source_id, "order_id": row.order_id}
    drawing = ActionRow.filter(**of_order, kind=ActionKind.RENDER.value, subject=row.id, state=DUE, attempts=0)
    if await drawing.select_for_update().first() is None:
        await enqueue([Work(key, ActionKind.RENDER, row.source_id, row.order_id, subject=row.id)], now, dispatcher)


def is_test(row: DocumentRow, order: Order) -> bool:
    """Whether consumers are to be told that a document is play: it stays so when its entity goes live."""
    return order.test or row.mode == Mode.TEST
