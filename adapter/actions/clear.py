"""Having documents cleared where a PDF alone is not the invoice: submitted once as they were frozen, asked about until it is decided."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from adapter.actions.einvoice import make
from adapter.actions.render import settled
from adapter.domain.clearance import Answer, Clearance, ClearanceState, read_answer, rehearsal
from adapter.domain.document import Document, Mode
from adapter.domain.einvoice import Standing
from adapter.domain.entity import Entity
from adapter.domain.event import EventType
from adapter.domain.frozen import canonical_json
from adapter.domain.rules import ActionKind
from adapter.domain.state import OrderState
from adapter.errors import GiveUp, Held, NotYet, TryAgain
from adapter.infra import metrics
from adapter.infra.clearances import ClearanceRow, clearance_of
from adapter.infra.database import after_commit, transaction
from adapter.infra.models import DocumentRow, EntityRow, OrderRow, new_id
from adapter.infra.outbound import Reply, retry_after
from adapter.infra.queue import Work, cleared_fact, enqueue, lock_order, release
from adapter.infra.services import Run
from adapter.infra.sources import entity_of
from adapter.infra.summary import summary
from adapter.signature import standard_headers

KEPT_ANSWER = 2**20
"""How many bytes of an answer are read: receipts are long, signed XML among them."""

REJECTED = "clearance"
"""The code of a document that was not cleared."""


async def begin(run: Run, row: DocumentRow, entity: Entity) -> None:
    """Have a new document cleared, where its entity's documents are. Called in the transaction that freezes it."""
    settings = entity.clearance
    if settings is None or row.kind not in settings.documents:
        return
    now = run.services.clock.now()
    await ClearanceRow.create(id=new_id(), created_at=now, document_id=row.id, state=ClearanceState.AWAITING.value, errors=[])
    work = Work(f"clear:{row.id}", ActionKind.CLEAR, row.source_id, row.order_id, subject=row.id)
    await enqueue([work], now, run.services.dispatcher)
    after_commit(partial(_count, settings, ClearanceState.AWAITING))


async def mail_may_leave(row: DocumentRow, entity: Entity, accepted: Collection[str]) -> None:
    """Raise `NotYet` while a document awaits clearance, `Held` where that was refused, unless its entity mails documents regardless, or a
    person does this one. What is held goes on by itself when the document is cleared after all."""
    clearance = await clearance_of(row.id)
    if clearance is None or (entity.clearance is not None and not entity.clearance.hold_mail):
        return
    if clearance.state == ClearanceState.REJECTED:
        if REJECTED in accepted:
            return
        told = f"{REJECTED}: {row.number} was rejected: {_listed(clearance.errors)}; it is not mailed"
        raise Held(told, accept=[REJECTED], fact=cleared_fact(row.id))
    if clearance.state != ClearanceState.CLEARED:
        raise NotYet(cleared_fact(row.id))


async def clear(run: Run) -> Mapping[str, Any] | None:
    """Submit a document, or ask what became of it; ends when it is cleared or rejected.

    Whoever replays a rejected one submits the same request once more: the service may have been mistaken, the document does not change.
    """
    row = await DocumentRow.get(id=run.action.subject)
    known = await ClearanceRow.get(document_id=row.id)
    if known.state == ClearanceState.CLEARED:
        return _outcome(row, known.external_id)
    if known.state == ClearanceState.REJECTED and not run.action.parameters.get("replayed"):
        raise _rejected(row, known.errors)
    entity = entity_of(await EntityRow.get(id=row.entity_id))
    settings = entity.clearance
    if settings is None:
        raise GiveUp(f"clearance: entity {entity.id} names no clearance service any more; set one, apply, and replay the action")
    body = await _said(run, row, known, entity, settings)
    try:
        answer = read_answer(body)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'answer'}: {item['msg']}" for item in error.errors())
        raise GiveUp(f"clearance: the answer about {row.number} is not of the shape that was agreed: {wrong}"[:2_000]) from None
    except GiveUp as error:
        raise TryAgain(f"clearance: the answer about {row.number} cannot be read: {error}") from None
    return await _decide(run, row, settings, answer, body)


async def _said(run: Run, row: DocumentRow, known: ClearanceRow, entity: Entity, settings: Clearance) -> bytes:
    """The answer's body: to the submission, or to the question once a submission is pending."""
    asked = known.state == ClearanceState.AWAITING and known.external_id is not None
    document = Document.model_validate_json(row.content)
    if settings.connector == "sandbox":
        if row.mode != Mode.TEST:
            raise GiveUp(f"clearance: {row.number} is a live document, which the sandbox cannot clear; set the connector http and replay")
        buyer = document.buyer
        rejected = buyer is not None and "REJECT" in {buyer.name, buyer.company}
        return rehearsal(f"SANDBOX-{row.number}", asked=asked, rejected=rejected)
    now, url = run.services.clock.now(), (settings.url or "").rstrip("/")
    method, body = ("GET", b"") if asked else ("POST", await _request(run, row, document, known, entity))
    if asked:
        url = f"{url}/{quote(known.external_id or '', safe='')}"
    # The document's id stays the same over all attempts: by it the service knows a request that it has seen.
    headers = standard_headers(row.id, now, body, [run.services.vault.open(secret) for secret in settings.secrets])
    return _answered(await run.services.outbound.ask(method, url, body or None, headers, KEPT_ANSWER), row, now)


async def _request(run: Run, row: DocumentRow, document: Document, known: ClearanceRow, entity: Entity) -> bytes:
    """What is submitted: written once, so that what was paid between two attempts makes no second request under the same id."""
    if known.request is None:
        made = await make(run.services, row, document, await settled(run.services, row, document), entity)
        valid = [each for each in made if each.standing is Standing.VALID and each.xml is not None]
        request = {
            "type": "clearance.requested",
            "timestamp": row.created_at.isoformat(),
            "test": row.mode == Mode.TEST,
            "data": {
                "id": row.id,
                "number": row.number,
                "sha256": row.sha256,
                "document": document.model_dump(mode="json", exclude_none=True),
                "einvoices": [{"profile": each.kind.value, "xml": (each.xml or b"").decode()} for each in valid],
            },
        }
        await ClearanceRow.filter(id=known.id, request__isnull=True).update(request=canonical_json(request))
        await known.refresh_from_db(fields=["request"])
    return (known.request or "").encode()


def _answered(reply: Reply, row: DocumentRow, now: datetime) -> bytes:
    """The body of a 2xx answer. Raises `TryAgain` for what passes by itself, `GiveUp` for what a setting must mend."""
    if reply.status is None:
        wrong = f"clearance: the service was not reached about {row.number}: {reply.error}"
        raise (GiveUp if (reply.error or "").startswith(("blocked_", "invalid_")) else TryAgain)(wrong)
    said = f"clearance: the service answered {reply.status} about {row.number}"
    if reply.status in {408, 425, 429} or reply.status >= 500:
        raise TryAgain(said, retry_after(reply.headers, now))
    if not 200 <= reply.status < 300:
        raise GiveUp(f"{said}; check clearance.url and clearance.secrets of the entity, then replay the action")
    return reply.body


async def _decide(run: Run, row: DocumentRow, settings: Clearance, answer: Answer, body: bytes) -> Mapping[str, Any]:
    """Keep an answer. Once it is decided the page is drawn again and what waited goes on, in the same transaction."""
    now = run.services.clock.now()
    outcome = _outcome(row, answer.id)
    state = ClearanceState.AWAITING if answer.state == "pending" else ClearanceState(answer.state)
    values: dict[str, Any] = {"state": state.value, "external_id": answer.id}
    if state is not ClearanceState.AWAITING:
        errors = list(answer.errors) if state is ClearanceState.REJECTED else []
        values |= {"time": answer.time or now, "qr": answer.qr, "receipt": body.decode(), "errors": errors}
    async with transaction():
        await lock_order(row.source_id, row.order_id)
        await ClearanceRow.filter(document_id=row.id).exclude(state=ClearanceState.CLEARED.value).update(**values)
        if state is not ClearanceState.AWAITING:
            render = Work(f"render:{row.id}:{state.value}", ActionKind.RENDER, row.source_id, row.order_id, subject=row.id)
            await enqueue([render], now, run.services.dispatcher)
            await release(cleared_fact(row.id), now, run.services.dispatcher)
            after_commit(partial(_count, settings, state))
            await _announce(run, row, state)
        if state is ClearanceState.CLEARED:
            await run.finish(outcome)
    if state is ClearanceState.AWAITING:
        raise TryAgain(f"clearance: {row.number} is pending as {answer.id}; the service is asked again")
    if state is ClearanceState.REJECTED:
        raise _rejected(row, answer.errors)
    return outcome


async def _announce(run: Run, row: DocumentRow, state: ClearanceState) -> None:
    """Tell consumers what was decided. A rejected document may be cleared later; each is told once."""
    order_row = await OrderRow.get(source_id=row.source_id, order_id=row.order_id)
    order = OrderState.model_validate_json(order_row.state).effective()
    type = EventType(f"{row.kind}.{state.value}")
    data = await summary(row, Document.model_validate_json(row.content))
    await run.emit(type, row.id, row.source_id, row.order_id, data, row.mode == Mode.TEST or (order is not None and order.test))


def _rejected(row: DocumentRow, errors: Any) -> GiveUp:
    return GiveUp(f"clearance: {row.number} was rejected: {_listed(errors)}; correct it by a credit note and a new order event"[:2_000])


def _listed(errors: Any) -> str:
    return "; ".join(errors) or "the service gave no reason"


def _outcome(row: DocumentRow, id: str | None) -> dict[str, Any]:
    return {"document": row.number, "clearance": id}


def _count(settings: Clearance, state: ClearanceState) -> None:
    metrics.CLEARANCES.labels(settings.connector, state.value).inc()
