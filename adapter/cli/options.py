"""What every command takes and begins with: the data folder, the settings, and the database as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from adapter import logs
from adapter.errors import Misconfigured
from adapter.infra import database
from adapter.infra.models import EntityRow
from adapter.settings import Settings, load_settings

Data = Annotated[Path | None, typer.Option("--data", help="Folder for the embedded database, the files and the keys (ADAPTER_DATA).")]
Json = Annotated[bool, typer.Option("--json", help="As one JSON value, amounts as decimal texts.")]


def settings_of(data: Path | None, **given: object) -> Settings:
    """The settings with the options of the command line on top, and logs set up by them."""
    settings = load_settings(None, data=data, **given)
    logs.configure(settings.log_level, settings.log_format)
    return settings


def require_database(settings: Settings) -> None:
    """Refuse a data folder without a database: a mistyped folder would otherwise be made, and look like an empty service."""
    file = database.embedded_file(settings)
    if file is not None and not file.exists():
        raise Misconfigured("ADAPTER_DATA", f"there is no database in {settings.data}: name the folder that `serve` uses with --data")


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[None]:
    """The database, to be read beside a running service; nothing is made, migrated or changed."""
    require_database(settings)
    await database.connect(settings)
    try:
        if pending := await database.pending_migrations():
            raise Misconfigured("ADAPTER_DATA", f"the database lacks {', '.join(pending)}: run `storefront-adapter migrate`")
        yield
    finally:
        await database.disconnect()


async def check_entity(option: str, id: str | None) -> None:
    """Refuse the name of an entity that does not exist, and say which do."""
    if id is not None and not await EntityRow.filter(id=id).exists():
        names = [row.id for row in await EntityRow.all().order_by("id").only("id")]
        raise Misconfigured(option, f"{id!r} does not exist; there are: {', '.join(names) or 'none'}")
