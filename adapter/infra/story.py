"""The story of an order as the tables tell it: delivery, event, action, document, mail, message. Plain values, ready for JSON.

Times are ISO 8601 in UTC, amounts decimal texts. What belongs together names each other's ids: an event its delivery, an action its event
or subject, a mail and a message the action that made it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tortoise.expressions import Q

from adapter.domain.document import Document, DocumentKind
from adapter.domain.einvoice import Standing
from adapter.domain.money import text, to_minor
from adapter.domain.rules import ActionKind
from adapter.domain.state import OrderState
from adapter.infra.einvoices import EInvoiceRow, einvoices_of
from adapter.infra.files import Files
from adapter.infra.models import ActionRow, AttemptRow, DeliveryRow, DocumentRow, EmailRow, EventRow, MessageRow, OrderRow
from adapter.infra.summary import details

OLDEST_FIRST = ("created_at", "id")
_ISSUES = {"invoice": ActionKind.ISSUE_INVOICE, "credit": ActionKind.ISSUE_CREDIT_NOTE}
"""What a document's key begins with, to the action that makes such documents."""

Facts = dict[str, Any]


async def find_orders(source_id: str, name: str) -> list[OrderRow]:
    """The orders of a source with this number, or else with this id of the platform's; several where a number was given twice."""
    orders = OrderRow.filter(source_id=source_id).order_by(*OLDEST_FIRST)
    return await orders.filter(number=name) or await orders.filter(order_id=name) or await orders.filter(number=name.removeprefix("#"))


async def order_story(row: OrderRow, files: Files) -> Facts:
    """Everything that is known about one order, under `order`, `deliveries`, `events`, `actions`, `documents`, `emails`, `messages`."""
    of_order = {"source_id": row.source_id, "order_id": row.order_id}
    events = await EventRow.filter(**of_order).order_by(*OLDEST_FIRST)
    documents = await DocumentRow.filter(**of_order).order_by(*OLDEST_FIRST)
    read = await ActionRow.filter(kind=ActionKind.NORMALISE.value, **of_order)
    delivery_ids = {event.delivery_id for event in events if event.delivery_id} | {action.subject for action in read if action.subject}
    deliveries = await DeliveryRow.filter(id__in=list(delivery_ids)).order_by(*OLDEST_FIRST).only(*_DELIVERY)
    messages = await MessageRow.filter(event_id__in=[event.id for event in events]).select_related("endpoint").order_by(*OLDEST_FIRST)
    actions = await ActionRow.filter(
        Q(**of_order)
        | Q(event_id__in=[event.id for event in events])
        | Q(kind=ActionKind.NORMALISE.value, subject__in=[delivery.id for delivery in deliveries])
    ).order_by(*OLDEST_FIRST)
    return {
        "order": _order(row),
        "deliveries": await _deliveries(deliveries),
        "events": [_event(event) for event in events],
        "actions": [action_facts(action) for action in actions],
        "documents": [await document_facts(document, files, actions) for document in documents],
        "emails": await email_facts(documents, files, actions),
        "messages": await _messages(messages, actions),
    }


_DELIVERY = ("id", "source_id", "topic", "digest", "copies", "created_at")


def _order(row: OrderRow) -> Facts:
    order = OrderState.model_validate_json(row.state).effective()
    facts: Facts = {"id": row.order_id, "number": row.number, "source": row.source_id, "updated_at": _time(row.updated_at)}
    if order is None:
        return {**facts, "status": "unknown", "currency": None, "total": None, "test": False}
    progress = order.progress
    return {
        **facts,
        "name": order.name,
        "status": "cancelled" if progress.cancelled else progress.financial.value,
        "stage": progress.stage.value,
        "financial": progress.financial.value,
        "fulfilment": progress.fulfilment.value,
        "currency": order.currency,
        "total": text(to_minor(order.totals.total, order.currency), order.currency),
        "tax": text(to_minor(order.totals.tax, order.currency), order.currency),
        "placed_at": _time(order.placed_at),
        "version": _time(order.version),
        "test": order.test,
    }


async def _deliveries(rows: Sequence[DeliveryRow]) -> list[Facts]:
    erased = {row.id for row in await DeliveryRow.filter(id__in=[row.id for row in rows], body=b"").only("id")}
    return [
        {
            "id": row.id,
            "topic": row.topic,
            "time": _time(row.created_at),
            "copies": row.copies,
            "digest": row.digest,
            "erased": row.id in erased,
        }
        for row in rows
    ]


def _event(row: EventRow) -> Facts:
    return {
        "id": row.id,
        "type": row.type,
        "key": row.key,
        "at": _time(row.at),
        "time": _time(row.created_at),
        "test": row.test,
        "delivery": row.delivery_id,
    }


def action_facts(row: ActionRow) -> Facts:
    """One action: what it is about, how it stands, what it waits for and when it is next tried."""
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "source": row.source_id,
        "order": row.order_id,
        "event": row.event_id,
        "subject": row.subject,
        "time": _time(row.created_at),
        "attempts": row.attempts,
        "next_at": _time(row.next_at) if row.state == "due" else None,
        "waits_for": row.waits_for,
        "waits_since": _time(row.waits_since),
        "started_at": _time(row.started_at),
        "finished_at": _time(row.finished_at),
        "outcome": row.outcome,
        "error": row.error,
    }


async def document_facts(row: DocumentRow, files: Files, actions: Sequence[ActionRow] = ()) -> Facts:
    """A document in full. `pdf_path` is where its PDF lies; None while there is none, or where files are kept remotely."""
    prefix, _, subject = row.key.partition(":")
    made_by = f"{_ISSUES[prefix].value}:{subject}" if prefix in _ISSUES else ""
    return {
        **await details(row, Document.model_validate_json(row.content)),
        "mode": row.mode,
        "time": _time(row.created_at),
        "pdf_path": _path(files, row.pdf_sha256),
        "einvoices": [_einvoice(each, files) for each in await einvoices_of(row.id)],
        "credit_notes": await _credit_notes(row),
        "action": next((action.id for action in actions if action.key == made_by), None),
    }


def _einvoice(row: EInvoiceRow, files: Files) -> Facts:
    verdict, stands = row.said, row.standing
    return {
        "profile": row.profile,
        "standing": stands.value,
        "valid": stands is Standing.VALID,
        "reason": row.reason,
        "findings": [finding.model_dump(mode="json") for finding in verdict.findings] if verdict else [],
        "checked_by": verdict.artefacts if verdict else {},
        "time": _time(row.created_at),
        "xml_sha256": row.xml_sha256,
        "xml_path": _path(files, row.xml_sha256),
    }


async def _credit_notes(row: DocumentRow) -> list[str]:
    """The numbers of an invoice's credit notes."""
    notes = DocumentRow.filter(original_id=row.id, kind=DocumentKind.CREDIT_NOTE.value).order_by(*OLDEST_FIRST)
    return [note.number for note in await notes.only("number")]


async def email_facts(documents: Sequence[DocumentRow], files: Files, actions: Sequence[ActionRow] = ()) -> list[Facts]:
    """The mails that brought these documents, or were to bring them."""
    numbers = {document.id: document.number for document in documents}
    makers = {action.key: action.id for action in actions}
    rows = await EmailRow.filter(document_id__in=list(numbers)).order_by(*OLDEST_FIRST)
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "document": numbers[row.document_id],
            "recipient": row.recipient,
            "subject": row.subject,
            "state": row.state,
            "reply": row.reply,
            "message_id": row.message_id,
            "time": _time(row.finished_at or row.created_at),
            "eml_path": _path(files, row.eml_sha256),
            "action": makers.get(row.action_key.rpartition("|")[0]),
        }
        for row in rows
    ]


async def _messages(rows: Sequence[MessageRow], actions: Sequence[ActionRow]) -> list[Facts]:
    makers = {action.subject: action.id for action in actions if action.kind == ActionKind.DELIVER.value}
    attempts: dict[str, list[Facts]] = {row.id: [] for row in rows}
    for attempt in await AttemptRow.filter(message_id__in=list(attempts)).order_by("number", *OLDEST_FIRST):
        attempts[attempt.message_id].append(
            {
                "number": attempt.number,
                "time": _time(attempt.created_at),
                "status": attempt.status,
                "milliseconds": attempt.milliseconds,
                "error": attempt.error,
            }
        )
    return [
        {
            "id": row.id,
            "type": row.type,
            "endpoint": row.endpoint.name,
            "url": row.endpoint.url,
            "state": row.state,
            "time": _time(row.created_at),
            "delivered_at": _time(row.delivered_at),
            "event": row.event_id,
            "action": makers.get(row.id),
            "attempts": attempts[row.id],
        }
        for row in rows
    ]


def _path(files: Files, digest: str | None) -> str | None:
    path = files.path(digest) if digest else None
    return str(path) if path is not None and path.exists() else None


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment is not None else None
