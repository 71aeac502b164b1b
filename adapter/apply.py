"""Bringing the database to what a configuration says: created or updated, idempotently, in one transaction."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from adapter.actions.notify import open_secrets, seal_secrets
from adapter.configuration import Configuration, EndpointConfiguration, EntityConfiguration, SeriesConfiguration, SourceConfiguration
from adapter.domain.document import DocumentKind
from adapter.domain.entity import Entity
from adapter.domain.numbering import period
from adapter.errors import Misconfigured
from adapter.infra.database import transaction
from adapter.infra.files import Files
from adapter.infra.logo import read_logo
from adapter.infra.models import CounterRow, EndpointRow, EntityRow, RuleRow, SeriesRow, SourceRow, new_id
from adapter.infra.numbers import series_of, take_over
from adapter.infra.secrets import Vault
from adapter.infra.sources import seal

OVERLAP = timedelta(hours=24)
"""How long a secret that a configuration no longer names goes on signing messages to its endpoint."""
MOST_SECRETS = 10
"""That sign a message to one endpoint at a time."""


async def apply(configuration: Configuration, folder: Path, files: Files, vault: Vault, now: datetime) -> list[str]:
    """Create or update everything; returns a line for each thing. Nothing is deleted: what a file does not name stays as it is, but its
    secrets too are encrypted with the newest key from now on, so that an older one can be taken away."""
    async with transaction():
        entities = [line for entity in configuration.entities for line in await _entity(_sealed(entity, vault), folder, files, now)]
        sources = [await _source(source, vault) for source in configuration.sources]
        endpoints = [await _endpoint(endpoint, vault, now) for endpoint in configuration.endpoints]
        await _rotate(vault)
    return [*entities, *sources, *endpoints]


def _sealed(wanted: EntityConfiguration, vault: Vault) -> EntityConfiguration:
    """The entity as it is stored: the secrets of its clearance service encrypted."""
    if wanted.clearance is None:
        return wanted
    secrets = tuple(vault.seal(secret) for secret in wanted.clearance.secrets)
    return wanted.model_copy(update={"clearance": wanted.clearance.model_copy(update={"secrets": secrets})})


async def _rotate(vault: Vault) -> None:
    for row in await EntityRow.all():
        if clearance := row.settings.get("clearance"):
            secrets = [vault.rotate(secret) for secret in clearance.get("secrets", ())]
            await EntityRow.filter(id=row.id).update(settings=row.settings | {"clearance": clearance | {"secrets": secrets}})
    for source in await SourceRow.all():
        await SourceRow.filter(id=source.id).update(sealed=vault.rotate(source.sealed))
    for endpoint in await EndpointRow.all():
        await EndpointRow.filter(id=endpoint.id).update(sealed=vault.rotate(endpoint.sealed))


async def _entity(wanted: EntityConfiguration, folder: Path, files: Files, now: datetime) -> list[str]:
    entity = wanted.entity()
    if wanted.logo is not None:
        logo = await files.put(read_logo(folder / wanted.logo))
        entity = entity.model_copy(update={"branding": entity.branding.model_copy(update={"logo": logo})})
    row, made = await EntityRow.update_or_create(
        id=entity.id, defaults={"mode": entity.mode.value, "settings": entity.model_dump(mode="json", exclude_none=True)}
    )
    told = [f"entity {row.id}: {'created' if made else 'updated'} ({entity.mode.value})"]
    for kind, series in wanted.series.items():
        refused = await _series(entity, DocumentKind(kind), series, now.astimezone(entity.zone).date())
        told += [f"series {entity.id}/{kind}: {refused}"] if refused else []
    return told


async def _series(entity: Entity, kind: DocumentKind, wanted: SeriesConfiguration, today: date) -> str | None:
    """A series only ever counts forward: a number that was drawn is never drawn again, also when it starts again at other times now.
    Returns what to tell when the configuration asks for something else."""
    stored = await SeriesRow.filter(id=(await series_of(entity, kind)).id).select_for_update().get()
    first = 1
    if stored.reset != wanted.reset:
        first += max([counter.drawn for counter in await CounterRow.filter(series_id=stored.id)], default=0)
    stored.format, stored.reset = wanted.format, wanted.reset.value
    await stored.save(update_fields=["format", "reset"])
    return await take_over(stored, wanted.next_number, period(today, wanted.reset), first)


async def _source(wanted: SourceConfiguration, vault: Vault) -> str:
    if not await EntityRow.exists(id=wanted.entity):
        raise Misconfigured(f"source {wanted.id}.entity", f"there is no entity {wanted.entity!r}")
    values = {
        "entity_id": wanted.entity,
        "connector": wanted.connector,
        "sealed": seal(vault, wanted.secrets, wanted.settings),
        "options": wanted.options.model_dump(mode="json", exclude_none=True),
        "active": wanted.active,
    }
    row, made = await SourceRow.get_or_create(id=wanted.id, defaults=values)
    if not made:
        if row.entity_id != wanted.entity:  # type: ignore[attr-defined]
            raise Misconfigured(
                f"source {wanted.id}.entity", "an existing source cannot move to another entity; give the new one its own id"
            )
        await SourceRow.filter(id=wanted.id).update(**values)
    await RuleRow.filter(source_id=wanted.id).delete()
    await RuleRow.bulk_create(
        [
            RuleRow(source_id=wanted.id, position=position, rule=rule.model_dump(mode="json", exclude_none=True))
            for position, rule in enumerate(wanted.rules)
        ]
    )
    return f"source {wanted.id}: {'created' if made else 'updated'} ({wanted.connector}, {len(wanted.rules) or 'default'} rules)"


async def _endpoint(wanted: EndpointConfiguration, vault: Vault, now: datetime) -> str:
    if not await EntityRow.exists(id=wanted.entity):
        raise Misconfigured(f"endpoint {wanted.name}.entity", f"there is no entity {wanted.entity!r}")
    existing = await EndpointRow.get_or_none(entity_id=wanted.entity, name=wanted.name)
    secrets: list[tuple[str, datetime | None]] = [(secret, None) for secret in wanted.secrets]
    if existing is not None:
        for secret, until in open_secrets(vault, existing.sealed):
            if secret not in wanted.secrets and (until is None or until > now):
                secrets.append((secret, until or now + OVERLAP))
    if len(secrets) > MOST_SECRETS:
        told = f"{len(secrets)} would sign at the same time, at most {MOST_SECRETS} may: old ones end {OVERLAP} after they were replaced"
        raise Misconfigured(f"endpoint {wanted.name}.secrets", told)
    values: dict[str, Any] = {
        "url": wanted.url,
        "events": list(wanted.events),
        "headers": wanted.headers,
        "sealed": seal_secrets(vault, secrets),
        "active": wanted.active,
        "disabled_reason": None,
        "failing_since": None,
    }
    if existing is None:
        await EndpointRow.create(id=new_id(), created_at=now, name=wanted.name, entity_id=wanted.entity, **values)
    else:
        await EndpointRow.filter(id=existing.id).update(**values)
    return f"endpoint {wanted.entity}/{wanted.name}: {'created' if existing is None else 'updated'} ({wanted.url})"
