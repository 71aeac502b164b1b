"""Announcing our events to consumers: one message per event and endpoint, its body frozen, delivered by Standard Webhooks."""

import json
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from adapter.actions.candidates import candidates, wait_for_delay
from adapter.domain.frozen import canonical_json
from adapter.domain.rules import ActionKind, Conditions, choose
from adapter.domain.state import OrderState
from adapter.errors import GiveUp, Ignored, NotYet, TryAgain
from adapter.infra.database import transaction
from adapter.infra.models import AttemptRow, EndpointRow, EventRow, MessageRow, OrderRow, new_id
from adapter.infra.outbound import Reply, retry_after
from adapter.infra.queue import Work, enqueue, order_fact
from adapter.infra.secrets import Vault
from adapter.infra.services import Run
from adapter.signature import standard_headers

SCHEDULE = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""The pauses between the ten attempts, 75 hours in all (Standard Webhooks, "Deliverability and reliability")."""
JITTER = 0.2
GIVE_UP_ON_ENDPOINT = timedelta(days=5)
KEPT_RESPONSE = 4_000


async def notify(run: Run) -> Mapping[str, Any] | None:
    """Freeze one message for each endpoint of the entity that asked for the event."""
    async with transaction():
        event = await EventRow.filter(id=run.action.event_id).select_related("source").get()
        await _judge(run, event)
        endpoints = await EndpointRow.filter(entity_id=event.source.entity_id, active=True)  # type: ignore[attr-defined]
        wanted = [endpoint for endpoint in endpoints if any(fnmatchcase(event.type, pattern) for pattern in endpoint.events)]
        now = run.services.clock.now()
        body = envelope(event)
        works = []
        for endpoint in wanted:
            message = MessageRow(
                id=new_id(), created_at=now, endpoint_id=endpoint.id, event_id=event.id, type=event.type, body=body, state="pending"
            )
            await MessageRow.bulk_create([message], ignore_conflicts=True)
            works.append(
                Work(f"deliver:{endpoint.id}:{event.id}", ActionKind.DELIVER, event.source_id, event_id=event.id, subject=message.id)
            )
        await enqueue(works, now, run.services.dispatcher)
        outcome = {"messages": len(wanted)}
        await run.finish(outcome)
    return outcome


async def _judge(run: Run, event: EventRow) -> None:
    """Apply the rules that asked for this: their conditions where they have any, and their delay. Events of the adapter's own are about
    documents, which exist because a rule was met already."""
    rules = candidates(run.action.parameters)
    if any(rule.conditions != Conditions() for rule in rules) and event.order_id is not None:
        row = await OrderRow.get_or_none(source_id=event.source_id, order_id=event.order_id)
        order = OrderState.model_validate_json(row.state).effective() if row else None
        if order is None:
            raise NotYet(order_fact(event.source_id, event.order_id))
        wait_for_delay(run, choose(rules, order))
    elif rules:
        wait_for_delay(run, rules[0])


def envelope(event: EventRow) -> str:
    """The body that consumers get: `type`, `timestamp`, `data`, and `test` in test mode."""
    return canonical_json({"type": event.type, "timestamp": event.created_at.isoformat(), "data": event.data, "test": event.test})


async def deliver(run: Run) -> Mapping[str, Any] | None:
    """One attempt at one message."""
    message = await MessageRow.filter(id=run.action.subject).select_related("endpoint").first()
    if message is None:
        raise Ignored("the endpoint was deleted")
    if message.state == "delivered" and not run.action.parameters.get("replayed"):
        return {"state": "delivered"}
    if not message.endpoint.active:
        await MessageRow.filter(id=message.id).update(state="cancelled")
        raise Ignored(f"endpoint {message.endpoint.name} is switched off: {message.endpoint.disabled_reason or 'by its owner'}")
    number = await AttemptRow.filter(message_id=message.id).count() + 1
    reply = await _post(run, message)
    async with transaction():
        await _record(run, message, number, reply)
        if reply.status is not None and 200 <= reply.status < 300:
            outcome = {"status": reply.status, "attempts": number}
            await run.finish(outcome)
            return outcome
    raise await _failure(run, message, number, reply)


async def _post(run: Run, message: MessageRow) -> Reply:
    now = run.services.clock.now()
    body = message.body.encode()
    endpoint = message.endpoint
    headers = standard_headers(message.id, now, body, live_secrets(run.services.vault, endpoint.sealed, now))
    return await run.services.outbound.post(endpoint.url, body, {**endpoint.headers, **headers})


async def _record(run: Run, message: MessageRow, number: int, reply: Reply) -> None:
    now = run.services.clock.now()
    await AttemptRow.create(
        id=new_id(),
        created_at=now,
        message_id=message.id,
        number=number,
        status=reply.status,
        milliseconds=round(reply.seconds * 1000),
        error=reply.error[:500] if reply.error else None,
        response=reply.body[:KEPT_RESPONSE].decode("utf-8", "replace").replace("\x00", "") or None,
    )
    if reply.status is not None and 200 <= reply.status < 300:
        await MessageRow.filter(id=message.id).update(state="delivered", delivered_at=now)
        await EndpointRow.filter(id=message.endpoint_id, failing_since__isnull=False).update(failing_since=None)
    else:
        await EndpointRow.filter(id=message.endpoint_id, failing_since__isnull=True).update(failing_since=now)


async def _failure(run: Run, message: MessageRow, number: int, reply: Reply) -> Exception:
    """What follows from an attempt that failed; the endpoint is switched off when it is gone or has failed for days."""
    said = f"{message.endpoint.name} answered {reply.status}" if reply.status is not None else f"{message.endpoint.name}: {reply.error}"
    now = run.services.clock.now()
    reason = None
    if reply.status == 410:
        reason = "it answered 410 Gone"
    elif message.endpoint.failing_since and now - message.endpoint.failing_since > GIVE_UP_ON_ENDPOINT:
        reason = f"every attempt since {message.endpoint.failing_since:%Y-%m-%d %H:%M} failed"
    if reason is not None:
        await EndpointRow.filter(id=message.endpoint_id).update(active=False, disabled_reason=reason)
    if reason is not None or number > len(SCHEDULE):
        await MessageRow.filter(id=message.id).update(state="failed")
        return GiveUp(f"{said}; " + (f"the endpoint was switched off because {reason}" if reason else f"attempt {number} was the last"))
    return TryAgain(said, after=pause(number, retry_after(reply.headers, now)))


def pause(number: int, asked: timedelta | None) -> timedelta:
    """How long to wait after attempt `number`: the schedule within a fifth, or what the consumer asked, clamped to once and twice that."""
    base = SCHEDULE[number - 1] * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, guards nothing
    return min(max(asked, base), 2 * base) if asked is not None else base


def seal_secrets(vault: Vault, secrets: list[tuple[str, datetime | None]]) -> str:
    """The encrypted form of an endpoint's secrets, newest first, each with the end of its overlap (None: live)."""
    return vault.seal(json.dumps([{"secret": secret, "until": until.isoformat() if until else None} for secret, until in secrets]))


def open_secrets(vault: Vault, sealed: str) -> list[tuple[str, datetime | None]]:
    """The secrets of an endpoint as they were sealed."""
    items = json.loads(vault.open(sealed))
    return [(item["secret"], datetime.fromisoformat(item["until"]) if item["until"] else None) for item in items]


def live_secrets(vault: Vault, sealed: str, now: datetime) -> list[str]:
    """The secrets that sign at this moment, newest first."""
    return [secret for secret, until in open_secrets(vault, sealed) if until is None or now < until]
