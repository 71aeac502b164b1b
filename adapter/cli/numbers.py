"""`numbers`: every series, what comes next, and the proof that no number is missing."""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from adapter.cli.options import Data, Json, check_entity, connected, settings_of
from adapter.clock import Clock
from adapter.infra.numbers import PeriodReport, SeriesReport, report
from adapter.settings import Settings


def numbers(
    entity: Annotated[str | None, typer.Argument(help="Only this entity's series.")] = None, data: Data = None, as_json: Json = False
) -> None:
    """Each series with its last and next numbers, and which numbers are missing. Ends with 1 when one is."""
    found = asyncio.run(_read(settings_of(data), entity))
    if as_json:
        print(json.dumps([asdict(each) | {"missing": each.missing} for each in found], indent=2))
    for line in [] if as_json else [line for each in found for line in lines(each)] or ["there is no series yet: see `apply`"]:
        print(line)
    missing = [f"missing: {each.entity} {each.mode} {each.kind}: {number}" for each in found for number in each.missing]
    for line in missing:
        print(line, file=sys.stderr)
    if missing:
        raise typer.Exit(1)


async def _read(settings: Settings, entity: str | None) -> list[SeriesReport]:
    async with connected(settings):
        await check_entity("ENTITY", entity)
        return await report(Clock().now(), entity)


def lines(series: SeriesReport) -> list[str]:
    """One series in words."""
    starts = {"never": "never starts again", "yearly": "starts again every year", "monthly": "starts again every month"}[series.reset]
    return [
        f"{series.entity} {series.mode} {series.kind}: {series.format}, {starts}; next {', '.join(series.next_numbers)}",
        *(f"  warning: {warning}" for warning in series.warnings),
        *(f"  {_period(period)}" for period in series.periods),
    ]


def _period(period: PeriodReport) -> str:
    told = [f"last {period.last} (no. {period.drawn})" if period.last else f"none drawn, counted to {period.drawn}"]
    told += [f"{period.elsewhere} given by another system"] if period.elsewhere else []
    told += [f"{period.removed} whose retention is over"] if period.removed else []
    told += [f"{len(period.missing)} missing" if period.missing else "none missing"]
    return f"{period.period}: {', '.join(told)}"
