"""Act: one run of one action, and what becomes of it. The class of an error decides; nothing else does."""

import random
from collections.abc import Mapping
from datetime import timedelta
from time import perf_counter
from typing import Any

import structlog

from adapter.actions.amend import amend_invoice
from adapter.actions.check_vat_id import check_vat_id
from adapter.actions.clear import clear
from adapter.actions.email import send_credit_note, send_invoice, send_reminder
from adapter.actions.issue import issue_credit_note, issue_invoice
from adapter.actions.notify import deliver, notify
from adapter.actions.privacy import privacy
from adapter.actions.render import render
from adapter.domain.clearance import ClearanceState
from adapter.domain.rules import ActionKind
from adapter.domain.state import OrderState
from adapter.errors import GiveUp, Held, Ignored, Misconfigured, NotYet, TryAgain, described
from adapter.flow.normalise import normalise
from adapter.flow.retention import retention
from adapter.flow.route import emitter
from adapter.infra import metrics
from adapter.infra.clearances import ClearanceRow
from adapter.infra.database import transaction
from adapter.infra.models import ActionRow, DocumentRow, OrderRow
from adapter.infra.queue import DEAD, DONE, DUE, ENDED_STATES, HELD, RUNNING, SKIPPED, WAITING, end, ended_fact, lock_order, refund_fact
from adapter.infra.services import Handlers, Run, Services

log = structlog.get_logger()

HANDLERS: Handlers = {
    ActionKind.NORMALISE: normalise,
    ActionKind.CHECK_VAT_ID: check_vat_id,
    ActionKind.ISSUE_INVOICE: issue_invoice,
    ActionKind.ISSUE_CREDIT_NOTE: issue_credit_note,
    ActionKind.AMEND_INVOICE: amend_invoice,
    ActionKind.RENDER: render,
    ActionKind.CLEAR: clear,
    ActionKind.SEND_INVOICE: send_invoice,
    ActionKind.SEND_CREDIT_NOTE: send_credit_note,
    ActionKind.SEND_REMINDER: send_reminder,
    ActionKind.NOTIFY: notify,
    ActionKind.DELIVER: deliver,
    ActionKind.PRIVACY: privacy,
    ActionKind.RETENTION: retention,
}

RETRIES = tuple(timedelta(seconds=seconds) for seconds in (2, 15, 60, 300, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400))
"""The pauses after a fault, three days in all; deliveries to consumers have a schedule of their own."""


async def act(action_id: str, services: Services) -> None:
    """Run an action that is due. Raises only when the database is away: the row then says `running`, and the dispatcher finds it."""
    now = services.clock.now()
    claimed = await ActionRow.filter(id=action_id, state__in=(DUE, RUNNING)).update(state=RUNNING, started_at=now)
    row = await ActionRow.get_or_none(id=action_id) if claimed else None
    if row is None:
        return
    run = Run(row, services, emitter(services))
    with structlog.contextvars.bound_contextvars(action=row.id, kind=row.kind, source=row.source_id, order=row.order_id):
        started = perf_counter()
        outcome = await _attempt(run)
        metrics.ACTION_SECONDS.labels(row.kind).observe(perf_counter() - started)
        metrics.ACTIONS.labels(row.kind, outcome).inc()


async def _attempt(run: Run) -> str:
    if run.action.attempts > len(RETRIES):
        told = f"was begun {run.action.attempts} times and never came to an end: its process died each time; replay it to try once more"
        await _end(run, DEAD, None, told)
        log.error("action takes its process along", attempts=run.action.attempts)
        return DEAD
    try:
        result = await HANDLERS[ActionKind(run.action.kind)](run)
    except Exception as error:
        return await _failed(run, error)
    if not run.finished:
        await _end(run, DONE, result, None)
    return DONE


async def _failed(run: Run, error: Exception) -> str:
    match error:
        case Ignored():
            state = SKIPPED
        case NotYet():
            await _wait(run, error)
            return WAITING
        case TryAgain():
            state = await _retry(run, error, error.after)
        case Held():
            await _hold(run, error)
            log.warning("action is held", reason=described(error)[:500])
            return HELD
        case GiveUp() | Misconfigured():
            state = DEAD
        case _:
            log.error("action failed unexpectedly", error=described(error))
            state = await _retry(run, error, None)
    if state != DUE:
        await _end(run, state, None, described(error))
        (log.info if state == SKIPPED else log.warning)("action ended", state=state, reason=described(error)[:500])
    return state


async def _end(run: Run, state: str, outcome: Mapping[str, Any] | None, error: str | None) -> None:
    async with transaction():
        await end(run.action, state, run.services.clock.now(), run.services.dispatcher, outcome=outcome, error=error)


async def _hold(run: Run, error: Held) -> None:
    outcome = {"accept": list(error.accept)} if error.accept else None
    async with transaction():
        now, dispatcher = run.services.clock.now(), run.services.dispatcher
        await end(run.action, HELD, now, dispatcher, outcome=outcome, error=described(error), waits_for=error.fact)


async def _retry(run: Run, error: Exception, after: timedelta | None) -> str:
    attempts = run.action.attempts + 1
    if attempts > len(RETRIES):
        return DEAD
    pause = after if after is not None else RETRIES[attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
    now = run.services.clock.now()
    next_at = now + max(pause, timedelta(seconds=1))
    await ActionRow.filter(id=run.action.id, state=RUNNING).update(
        state=DUE, attempts=attempts, next_at=next_at, queued=False, waits_for=None, waits_since=None, error=described(error)
    )
    log.info("action will be tried again", attempts=attempts, next_at=next_at.isoformat(), reason=described(error)[:500])
    return DUE


async def _wait(run: Run, error: NotYet) -> None:
    """Wait for the fact, unless it came true since the action looked. Facts about an order are established under its lock, as this is."""
    action, now = run.action, run.services.clock.now()
    async with transaction():
        if action.source_id and action.order_id:
            await lock_order(action.source_id, action.order_id)
        there = await _established(error.fact, action)
        since = action.waits_since if action.waits_for == error.fact else None
        state: dict[str, Any] = (
            {"state": DUE, "next_at": now, "waits_for": None, "waits_since": None}
            if there
            else {"state": WAITING, "next_at": None, "waits_for": error.fact, "waits_since": since or now}
        )
        await ActionRow.filter(id=action.id, state=RUNNING).update(**state, queued=False, error=described(error))
        if there:
            await action.refresh_from_db()
            await run.services.dispatcher.dispatch([action])


async def _established(fact: str, action: ActionRow) -> bool:
    """Whether a fact is true, read in the transaction that holds the order's lock."""
    kind, _, rest = fact.partition(":")
    source_id, _, id = rest.partition(":")
    if kind == "invoice":
        return await DocumentRow.filter(key=fact).exists()
    if kind == "cleared":
        return await ClearanceRow.filter(document_id=rest).exclude(state=ClearanceState.AWAITING.value).exists()
    if kind == "order":
        return await OrderRow.filter(source_id=source_id, order_id=id, number__isnull=False).exists()
    if kind == "refund":
        row = await OrderRow.get_or_none(source_id=action.source_id, order_id=action.order_id)
        known = OrderState.model_validate_json(row.state).refunds if row else ()
        decided = (refund.id for refund in known if refund.decided)
        return any(refund_fact(action.source_id or "", action.order_id or "", id) == fact for id in decided)
    others = ActionRow.filter(source_id=action.source_id, order_id=action.order_id, state__in=ENDED_STATES)
    return any(ended_fact(other.key) == fact for other in await others.only("key"))
