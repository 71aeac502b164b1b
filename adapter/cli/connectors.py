"""`connector list` and `connector new`."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import connectors as built_in
from adapter.connector import connectors
from adapter.errors import Misconfigured
from adapter.scaffold import new_connector

connectors_application = typer.Typer(help="The platforms that can be connected.", no_args_is_help=True)


@connectors_application.command("list")
def list_connectors() -> None:
    """Every installed connector with its topics and its settings."""
    table = Table("connector", "platform", "topics", "settings")
    for name, connector in connectors().items():
        fields = connector.settings.model_fields
        settings = ", ".join(field + ("*" if info.is_required() else "") for field, info in fields.items())
        table.add_row(name, connector.title, ", ".join(connector.events), settings or "-")
    Console().print(table)


@connectors_application.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits and underscores; the folder's name.")],
    title: Annotated[str | None, typer.Option(help="The platform's name as people write it.")] = None,
    into: Annotated[Path | None, typer.Option(help="Folder to make it in; the built-in connectors' by default.")] = None,
) -> None:
    """Make a new connector: one folder that works at once and passes the conformance kit."""
    target = into or Path(built_in.__path__[0])
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise Misconfigured("NAME", f"{name!r}: use lower case letters, digits and underscores")
    for path in new_connector(name, title or name.replace("_", " ").title(), target):
        print(path)
    print(f"next: read {target / name / 'README.md'}, replace the fixture with a real payload, run the tests")
