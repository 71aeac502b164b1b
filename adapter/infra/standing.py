"""How the sources stand, and what wants a person's look: plain values, ready for JSON."""

from collections import Counter
from datetime import datetime, timedelta

from adapter.domain.source import SourceOptions
from adapter.infra.models import ActionRow, RejectionRow, SourceRow
from adapter.infra.queue import DEAD, HELD, WAITING
from adapter.infra.story import OLDEST_FIRST, Facts, action_facts

UNKNOWN_SOURCE = "-"
"""Under this name the door counts what it refused for no source that there is."""


async def source_standings(now: datetime, silent_hours: int) -> list[Facts]:
    """Each source with its last delivery, whether it has gone silent, and what the door refused, by reason.

    `silent_hours` is the process's setting, for sources without their own. Requests for unknown sources come last, as `id` "-".
    """
    refused: dict[str, dict[str, int]] = {}
    for row in await RejectionRow.all().order_by("-count", "reason"):
        refused.setdefault(row.source_key, {})[row.reason] = row.count
    standings: list[Facts] = []
    for source in await SourceRow.all().select_related("entity").order_by("id"):
        last = source.last_delivery_at
        hours = SourceOptions.model_validate(source.options).silent_hours or silent_hours
        standings.append(
            {
                "id": source.id,
                "connector": source.connector,
                "entity": source.entity.id,
                "mode": source.entity.mode,
                "active": source.active,
                "last_delivery_at": last.isoformat() if last else None,
                "silent": source.active and last is not None and now - last > timedelta(hours=hours),
                "silent_hours": hours,
                "rejections": refused.pop(source.id, {}),
            }
        )
    unknown: Counter[str] = Counter()
    for reasons in refused.values():
        unknown.update(reasons)
    return standings + ([{"id": UNKNOWN_SOURCE, "rejections": dict(unknown)}] if unknown else [])


async def unfinished() -> list[Facts]:
    """The actions that are dead, held or waiting, in this order, the oldest first."""
    return [action_facts(row) for state in (DEAD, HELD, WAITING) for row in await ActionRow.filter(state=state).order_by(*OLDEST_FIRST)]
