"""`export`: every document with all of its files in a folder or a ZIP, with an index and hashes."""

import asyncio
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from adapter.cli.options import Data, check_entity, connected, settings_of
from adapter.clock import Clock
from adapter.domain.document import DocumentKind
from adapter.errors import Misconfigured
from adapter.infra.bundle import verify as verified
from adapter.infra.export import INDEX, Exported, Selection
from adapter.infra.export import export as export_documents
from adapter.infra.files import Files
from adapter.settings import Settings


def export(
    out: Annotated[Path, typer.Option(help="Folder to write into, or a ZIP where the name ends with .zip; made when it is missing.")],
    data: Data = None,
    entity: Annotated[str | None, typer.Option(help="Only this entity's documents.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Issued on this day or later, such as 2026-01-01.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Issued on this day or earlier.")] = None,
    kind: Annotated[DocumentKind | None, typer.Option(help="Only invoices, or only credit notes.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing: read an earlier export again, and compare its hashes.")] = False,
) -> None:
    """Write every document's PDF, e-invoices, content and mails with an index.csv. Ends with 1 when a file is missing, after writing the
    others; with --verify, when one is not what was written."""
    if verify:
        _verify(out)
        return
    settings = settings_of(data)
    selection = Selection(entity, _day("--from", first), _day("--to", last), kind)
    try:
        written, missing = asyncio.run(_run(settings, out, selection))
    except OSError as error:
        raise Misconfigured("--out", f"{out} cannot be written: {error.strerror}") from None
    print(f"{written} of {written + len(missing)} documents written to {out}, listed in {out / INDEX}")
    for exported in missing:
        print(f"missing: {exported.number}: {exported.problem}", file=sys.stderr)
    if missing:
        raise typer.Exit(1)


async def _run(settings: Settings, out: Path, selection: Selection) -> tuple[int, list[Exported]]:
    written, missing = 0, []
    async with connected(settings):
        await check_entity("--entity", selection.entity)
        async for exported in export_documents(out, selection, Files(settings.files), Clock().now()):
            if exported.problem is None:
                written += 1
            else:
                missing.append(exported)
    return written, missing


def _verify(out: Path) -> None:
    intact, wrong = 0, 0
    try:
        for name, problem in verified(out):
            if problem is None:
                intact += 1
            else:
                wrong += 1
                print(f"{name} {problem}", file=sys.stderr)
    except OSError as error:
        raise Misconfigured("--out", f"{out} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Misconfigured("--out", str(error)) from None
    print(f"{intact} files are what was written to {out}" + (f", {wrong} are not" if wrong else ""))
    if wrong:
        raise typer.Exit(1)


def _day(option: str, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Misconfigured(option, f"{value!r} is not a day such as 2026-01-31") from None
