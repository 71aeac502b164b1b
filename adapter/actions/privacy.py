"""Privacy requests of a platform: what is held about a customer is reported, and what the law does not oblige to keep is erased.

Issued documents and their files stay: tax law obliges the seller to keep them (EU: Directive 2006/112/EC Art. 247; GDPR Art. 17(3)(b)).
So do the mails that brought them: they are commercial letters (Germany: HGB § 257). Raw deliveries and the buyer's details in the order's
state go.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapter.domain.event import EventType
from adapter.domain.order import Order, Party
from adapter.domain.rules import ActionKind
from adapter.domain.state import OrderState
from adapter.infra.database import transaction
from adapter.infra.models import ActionRow, DeliveryRow, DocumentRow, EmailRow, EventRow, OrderRow, PrivacyRow
from adapter.infra.services import Run

ERASED = b""
"""What an erased delivery's body is replaced with; its digest stays, so that a replayed copy is still recognised."""


async def privacy(run: Run) -> Mapping[str, Any] | None:
    """Do what one request asks for and keep a record of it without personal data."""
    event = await EventRow.get(id=run.action.event_id)
    async with transaction():
        rows = await _orders(event)
        redact = event.type in {EventType.PRIVACY_REDACT_CUSTOMER, EventType.PRIVACY_REDACT_SHOP}
        documents = await DocumentRow.filter(source_id=event.source_id, order_id__in=[row.order_id for row in rows])
        report: dict[str, Any] = {
            "orders": [row.number or row.order_id for row in rows],
            "documents_kept": [row.number for row in documents],
            "mails": await EmailRow.filter(document_id__in=[row.id for row in documents]).count(),
        }
        if redact:
            orders = await erase_people(rows, run.services.clock.now())
            report["erased"] = {"orders": orders, "deliveries": await _erase_deliveries(event, rows)}
            # The request names its person too.
            kept = {name: value for name, value in event.data.items() if name not in {"customer_id", "email"}}
            await EventRow.filter(id=event.id).update(data=kept)
        await PrivacyRow.create(
            created_at=run.services.clock.now(),
            source_id=event.source_id,
            kind=event.type,
            customer_id=None if redact else event.data.get("customer_id"),
            report=report,
        )
        await run.finish(report)
    return report


async def _orders(event: EventRow) -> list[OrderRow]:
    rows = await OrderRow.filter(source_id=event.source_id)
    if event.type in {EventType.PRIVACY_REDACT_SHOP, EventType.SOURCE_UNINSTALLED}:
        return rows if event.type == EventType.PRIVACY_REDACT_SHOP else []
    customer, email = event.data.get("customer_id"), (event.data.get("email") or "").casefold()

    def concerns(row: OrderRow) -> bool:
        buyer = _buyer(row)
        return bool(buyer) and ((customer and buyer.customer_id == customer) or (email and (buyer.email or "").casefold() == email)) is True

    return [row for row in rows if concerns(row)]


def _buyer(row: OrderRow) -> Party:
    order = OrderState.model_validate_json(row.state).order
    return order.buyer or Party() if order else Party()


async def erase_people(rows: list[OrderRow], now: datetime) -> int:
    """Leave nothing of their people in these orders, whose rows are locked, but the countries; returns how many orders had any content."""
    erased_orders = 0
    for row in rows:
        state = OrderState.model_validate_json(row.state)
        if state.order is not None:
            erased_orders += 1
            payments = tuple(payment.model_copy(update={"properties": {}}) for payment in state.payments)
            erased = state.model_copy(update={"order": _anonymous(state.order), "payments": payments})
            row.state = erased.model_dump_json(exclude_none=True)
            row.updated_at = now
            await row.save(update_fields=["state", "updated_at"])
    return erased_orders


def _anonymous(order: Order) -> Order:
    """The order with nothing of its people but the countries, which tax depends on."""
    history = tuple(change.model_copy(update={"note": None}) for change in order.progress.history)
    return order.model_copy(
        update={
            "buyer": _place(order.buyer),
            "ship_to": _place(order.ship_to),
            "notes": None,
            "metadata": {},
            "feedback": None,
            "lines": tuple(line.model_copy(update={"properties": {}}) for line in order.lines),
            "payments": tuple(payment.model_copy(update={"properties": {}}) for payment in order.payments),
            "progress": order.progress.model_copy(update={"history": history}),
        }
    )


def _place(party: Party | None) -> Party | None:
    if party is None or party.address is None:
        return None
    return Party(address=party.address.model_copy(update={"street": None, "street_2": None, "city": None, "postcode": None}))


async def _erase_deliveries(event: EventRow, rows: list[OrderRow]) -> int:
    """The request itself and every delivery about these orders, also those that brought nothing new; all of a shop that is gone."""
    everything = DeliveryRow.filter(source_id=event.source_id).exclude(body=ERASED)
    if event.type == EventType.PRIVACY_REDACT_SHOP:
        return await everything.update(body=ERASED, headers={})
    of_orders: dict[str, Any] = {"source_id": event.source_id, "order_id__in": [row.order_id for row in rows]}
    ids = {each.delivery_id for each in await EventRow.filter(**of_orders).only("id", "delivery_id")}
    ids |= {row.subject for row in await ActionRow.filter(kind=ActionKind.NORMALISE.value, **of_orders).only("id", "subject")}
    ids.add(event.delivery_id)
    return await everything.filter(id__in=[id for id in ids if id]).update(body=ERASED, headers={})
