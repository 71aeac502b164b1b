"""`replay`: stored deliveries and actions that ended go through today's code once more."""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from adapter.app import App
from adapter.cli.options import Data, require_database, settings_of
from adapter.domain.rules import ActionKind
from adapter.errors import Misconfigured
from adapter.flow.replay import Decision, Replay, Report
from adapter.infra.models import SourceRow

replay_application = typer.Typer(
    help="Send stored deliveries or dead actions through today's code. Nothing is done twice; a running service takes them up by itself.",
    no_args_is_help=True,
)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many of what.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decided; the system's user where it is left out.")]
Ids = Annotated[list[str], typer.Argument(help="As `show` names them.")]


@replay_application.command()
def delivery(ids: Ids, data: Data = None, dry_run: DryRun = False) -> None:
    """Read stored deliveries again."""
    _run(data, dry_run, False, lambda replay: replay.deliveries(list(dict.fromkeys(ids))))


@replay_application.command()
def action(
    ids: Ids,
    data: Data = None,
    dry_run: DryRun = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also mails and messages that succeeded: their recipients get them once more.")
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option("--accept", metavar="REASON", help="Held ones go on although something does not fit; kept with the outcome."),
    ] = None,
    by: By = None,
) -> None:
    """Make actions due again: dead, held, skipped, waiting, or retrying ones. With --accept a held one goes on as it is."""
    decision = Decision(by or user(), accept) if accept is not None else None
    _run(data, dry_run, again, lambda replay: replay.actions(list(dict.fromkeys(ids))), decision)


def dismiss(
    ids: Ids,
    because: Annotated[str, typer.Option("--because", metavar="REASON", help="Kept with the action.")],
    by: By = None,
    data: Data = None,
    dry_run: DryRun = False,
) -> None:
    """End dead, held or waiting actions that were dealt with otherwise: done by hand, or not wanted. `replay action` revives them."""
    _run(data, dry_run, False, lambda replay: replay.dismiss(list(dict.fromkeys(ids)), Decision(by or user(), because)), verb="dismiss")


@replay_application.command()
def source(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="The source's id.")],
    data: Data = None,
    since: Annotated[str | None, typer.Option(help="Deliveries from this time on, such as 2026-11-20 or 2026-11-20T14:00+01:00.")] = None,
    until: Annotated[str | None, typer.Option(help="Deliveries before this time; UTC where it names no offset.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Read again what a source delivered, all of it or in a range of time."""
    start, end = _moment("--since", since), _moment("--until", until)

    async def run(replay: Replay) -> None:
        await _check_source(name)
        await replay.source(name, start, end)

    _run(data, dry_run, False, run)


@replay_application.command()
def dead(
    data: Data = None,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    kind: Annotated[ActionKind | None, typer.Option(help="Only of this kind.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Make dead letters due again. What is held wants a look first: replay it by its id."""

    async def run(replay: Replay) -> None:
        if source is not None:
            await _check_source(source)
        await replay.dead(source, kind)

    _run(data, dry_run, False, run)


def user() -> str:
    """Who runs this, as the system names them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return f"user {os.getuid()}"


def _run(
    data: Path | None,
    dry_run: bool,
    again: bool,
    work: Callable[[Replay], Awaitable[None]],
    accept: Decision | None = None,
    verb: str = "replay",
) -> None:
    settings = settings_of(data)
    require_database(settings)

    async def run() -> Report:
        async with App(settings).opened() as opened:
            replay = Replay(opened.dispatcher, opened.clock, again=again, accept=accept, dry_run=dry_run)
            await work(replay)
            return replay.report

    report = asyncio.run(run())
    for line in lines(report, dry_run, verb):
        print(line)
    if report.refused:
        raise typer.Exit(1)


def lines(report: Report, dry_run: bool, verb: str = "replay") -> list[str]:
    """A report in words."""
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(report.replayed.items()))
    past = {"replay": "replayed", "dismiss": "dismissed"}[verb]
    told = [f"{f'would {verb}' if dry_run else past}: {counts or 'nothing'}"]
    if report.erased:
        told.append(f"erased: {report.erased} (the body is gone, at a privacy request or after its time, so there is nothing to read)")
    if report.under_way:
        told.append(f"under way: {report.under_way} (runs by itself)")
    return told + [f"not {past}: {id}: {reason}" for id, reason in report.refused.items()]


async def _check_source(id: str) -> None:
    if not await SourceRow.filter(id=id).exists():
        names = [row.id for row in await SourceRow.all().order_by("id").only("id")]
        raise Misconfigured("SOURCE", f"{id!r} does not exist; there are: {', '.join(names) or 'none'}")


def _moment(option: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Misconfigured(option, f"{value!r} is not a time such as 2026-11-20 or 2026-11-20T14:00+01:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
