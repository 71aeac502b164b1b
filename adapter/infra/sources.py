"""Sources with everything that is needed to serve them, read from the database and kept for a second."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapter.clock import Clock
from adapter.connector import Connector, SourceSettings, connector
from adapter.domain.entity import Entity
from adapter.domain.rules import Rule, table
from adapter.domain.source import SourceOptions
from adapter.infra.models import EntityRow, RuleRow, SourceRow
from adapter.infra.secrets import Vault

FRESH = timedelta(seconds=1)


@dataclass(frozen=True)
class Source:
    """One store's configured door."""

    id: str
    entity: Entity
    connector: Connector
    settings: SourceSettings
    secrets: tuple[str, ...]
    options: SourceOptions
    rules: tuple[Rule, ...]
    active: bool


def seal(vault: Vault, secrets: Sequence[str], settings: dict[str, object]) -> str:
    """The encrypted form of a source's signing secrets (newest first) and its connector's settings."""
    return vault.seal(json.dumps({"secrets": list(secrets), "settings": settings}, sort_keys=True))


def unseal(vault: Vault, sealed: str) -> tuple[tuple[str, ...], dict[str, object]]:
    """The signing secrets and the connector's settings as they were sealed."""
    opened = json.loads(vault.open(sealed))
    return tuple(opened["secrets"]), opened["settings"]


class Sources:
    """Looks sources up. A change made by another process counts after a second at the latest."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._kept: dict[str, tuple[datetime, Source]] = {}

    async def get(self, id: str) -> Source | None:
        """The source, or None when there is none of that name. Unknown names are not kept: anybody may invent them."""
        now = self._clock.now()
        kept = self._kept.get(id)
        if kept is not None and timedelta(0) <= now - kept[0] < FRESH:
            return kept[1]
        row = await SourceRow.filter(id=id).select_related("entity").first()
        if row is None:
            self._kept.pop(id, None)
            return None
        source = await self._read(row)
        self._kept[id] = (now, source)
        return source

    def forget(self) -> None:
        """Read everything anew at the next look."""
        self._kept.clear()

    async def _read(self, row: SourceRow) -> Source:
        secrets, settings = unseal(self._vault, row.sealed)
        found = connector(row.connector)
        own = [Rule.model_validate(rule.rule) for rule in await RuleRow.filter(source_id=row.id).order_by("position")]
        return Source(
            id=row.id,
            entity=entity_of(row.entity),
            connector=found,
            settings=found.settings.model_validate(settings),
            secrets=secrets,
            options=SourceOptions.model_validate(row.options),
            rules=table(own),
            active=row.active,
        )


def entity_of(row: EntityRow) -> Entity:
    """The entity that a row holds."""
    return Entity.model_validate(row.settings)
