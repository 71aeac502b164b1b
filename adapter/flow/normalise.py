"""Normalise: a stored delivery becomes events. Pulls are made first; then events, order state and routed actions commit together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from adapter.actions.candidates import source_of
from adapter.actions.privacy import ERASED
from adapter.connector import Connector, Context, Json, Pull
from adapter.domain.event import Event
from adapter.domain.frozen import digest
from adapter.domain.parsing import parse_json
from adapter.errors import AdapterError, GiveUp, Ignored, TryAgain, described
from adapter.flow.route import record
from adapter.infra import metrics
from adapter.infra.database import transaction
from adapter.infra.models import ActionRow, DeliveryRow
from adapter.infra.services import Run, Services
from adapter.infra.sources import Source

log = structlog.get_logger()

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), timedelta(days=366)


async def normalise(run: Run) -> Mapping[str, Any] | None:
    """Read one delivery with its source's connector, as that is today."""
    source = await source_of(run)
    delivery = await DeliveryRow.get(id=run.action.subject)
    if delivery.body == ERASED and delivery.digest != digest(ERASED):
        raise Ignored("the delivery was erased, on a privacy request or because it led to no document")
    events = await read(delivery, source, run.services)
    async with transaction():
        new = await record(events, source, delivery.id, run.services)
        outcome = {"events": len(events), "new": new}
        orders = {event.order_id for event in events if event.order_id is not None}
        if len(orders) == 1:
            # A delivery that brought nothing new has no event that would name it.
            await ActionRow.filter(id=run.action.id).update(order_id=orders.pop())
        await run.finish(outcome)
    return outcome


async def read(delivery: DeliveryRow, source: Source, services: Services) -> Sequence[Event]:
    """The events that a delivery states. Raises `Ignored` for topics that are deliberately nothing, `GiveUp` for what cannot be read."""
    payload = parse_json(delivery.body)
    connector = source.connector
    with _trusting(connector):
        hint = connector.hint(delivery.headers)
        topic = connector.topic(payload, hint)
    if topic in connector.ignored:
        raise Ignored(f"topic {topic} is of no use for invoices")
    translate = connector.events.get(topic)
    if translate is None:
        metrics.UNKNOWN_TOPICS.labels(source.id).inc()
        log.warning("unknown topic", source=source.id, topic=topic[:100], delivery=delivery.id)
        raise Ignored(f"topic {topic[:100]!r} is not known to the {connector.name} connector")
    context = Context(topic=topic, settings=source.settings, hint=hint)
    with _trusting(connector):
        pulls = connector.pull(payload, context) if connector.pull is not None else ()
    pulled = await _pull(source, pulls, services)
    with _trusting(connector):
        events = translate(payload, Context(topic=topic, settings=source.settings, hint=hint, pulled=pulled))
    _check_times(events, services.clock.now())
    return events


def _check_times(events: Sequence[Event], now: datetime) -> None:
    """Refuse what happened when there were no such shops, or will in more than a year: it would stand on an invoice."""
    for event in events:
        for what, at in (("at", event.at), ("order.placed_at", event.order.placed_at if event.order else None)):
            if at is not None and not (EARLIEST < at.replace(tzinfo=UTC) < now + LATEST):
                raise GiveUp(f"bad_time: {event.type.value}: {what} is {at.isoformat()}; correct it in the shop, and have it sent again")


@contextmanager
def _trusting(connector: Connector) -> Iterator[None]:
    """A connector is a pure function: what it stumbles over once it will stumble over again, so that is a dead letter at once."""
    try:
        yield
    except AdapterError:
        raise
    except Exception as error:
        raise GiveUp(f"the {connector.name} connector failed on this body ({described(error)}); replay it once that is mended") from error


async def _pull(source: Source, pulls: Sequence[Pull], services: Services) -> Mapping[str, Json]:
    pulled: dict[str, Json] = {}
    for pull in pulls:
        try:
            pulled[pull.name] = await services.outbound.fetch(pull)
        except (GiveUp, TryAgain):
            if not pull.optional:
                raise
            log.warning("optional pull failed", source=source.id, pull=pull.name)
    return pulled
