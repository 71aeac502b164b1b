"""`doctor`: whether this machine and these settings can do the work, and what to do where they cannot."""

import asyncio
from typing import Annotated

import typer

from adapter.cli.checks import examine, problem
from adapter.cli.options import Data, settings_of
from adapter.errors import Misconfigured
from adapter.infra import browser
from adapter.settings import Settings


def doctor(
    data: Data = None,
    install: Annotated[bool, typer.Option("--install", help="First bring a Chromium and the fonts onto this machine.")] = False,
) -> None:
    """Check settings, database, browser, fonts, mail, clock, disk and keys; ends with 1 when something would stop invoices."""
    try:
        settings = settings_of(data)
    except Misconfigured as error:
        print(problem("settings", str(error), stops=True))
        raise typer.Exit(1) from None
    if install:
        try:
            browser.install(lambda line: print(line, flush=True), str(settings.chromium) if settings.chromium else None)
        except Misconfigured as error:
            print(f"the installation is not complete: {error}")
    if asyncio.run(_report(settings)):
        raise typer.Exit(1)


async def _report(settings: Settings) -> bool:
    """Print every finding as it comes; whether one of them stops invoices."""
    stops = False
    async for finding in examine(settings):
        print(finding, flush=True)
        stops |= finding.stops
    return stops
