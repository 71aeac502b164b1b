"""Everything that the database holds encrypted, and whether the keys open it."""

from collections.abc import Mapping, Sequence

from adapter.errors import Misconfigured
from adapter.infra.models import EndpointRow, EntityRow, SourceRow
from adapter.infra.secrets import SETTING, Vault
from adapter.infra.sources import entity_of


async def sealed() -> dict[str, list[str]]:
    """What is stored encrypted, by whose it is: sources, endpoints and clearance services."""
    found = {f"source {row.id}": [row.sealed] for row in await SourceRow.all().order_by("id")}
    for endpoint in await EndpointRow.all().order_by("entity_id", "name"):
        found[f"endpoint {endpoint.name} of {endpoint.entity_id}"] = [endpoint.sealed]
    for entity in map(entity_of, await EntityRow.all().order_by("id")):
        if entity.clearance is not None and entity.clearance.secrets:
            found[f"the clearance of {entity.id}"] = list(entity.clearance.secrets)
    return found


def check_keys(vault: Vault, stored: Mapping[str, Sequence[str]]) -> None:
    """Raise `Misconfigured`, naming whose secrets stay closed, where the keys are not those with which they were encrypted."""
    closed = [name for name, texts in stored.items() if not all(_opens(vault, text) for text in texts)]
    if closed:
        raise Misconfigured(SETTING, f"does not open the secrets of {', '.join(closed)}: put the old key back, behind the new one")


def _opens(vault: Vault, text: str) -> bool:
    try:
        vault.open(text)
    except Misconfigured:
        return False
    return True
