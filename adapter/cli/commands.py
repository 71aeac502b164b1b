"""The commands. Each takes the same settings, from options, the environment and the optional TOML file."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from adapter import app
from adapter.apply import apply as apply_configuration
from adapter.cli.connectors import connectors_application
from adapter.cli.demo import demo
from adapter.cli.doctor import doctor
from adapter.cli.export import export
from adapter.cli.numbers import numbers
from adapter.cli.options import Data, connected, settings_of
from adapter.cli.replay import dismiss, replay_application
from adapter.cli.show import show_application
from adapter.clock import Clock
from adapter.configuration import Configuration, Reader
from adapter.domain.tax.advice import advice
from adapter.errors import GiveUp, Misconfigured
from adapter.infra import database
from adapter.infra.rates import parse_rates, store_rates
from adapter.settings import Settings

application = typer.Typer(
    name="storefront-adapter",
    help="Signed storefront webhooks in; invoices, PDFs, mails, credit notes and signed webhooks out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
application.add_typer(connectors_application, name="connector")
application.add_typer(show_application, name="show")
application.add_typer(replay_application, name="replay")

File = Annotated[Path, typer.Argument(help="The configuration, a TOML file.", dir_okay=False)]


@application.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (ADAPTER_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one (ADAPTER_PORT).")] = None,
    work: Annotated[
        bool | None, typer.Option("--work/--no-work", help="Also run actions here; by default on the embedded database only.")
    ] = None,
) -> None:
    """Receive webhooks, and on the embedded database do all the work too."""
    settings = settings_of(data, host=host, port=port)

    def ready(address: str) -> None:
        print(f"storefront-adapter is ready at {address} (data in {settings.data.resolve()})", flush=True)

    asyncio.run(app.serve(settings, ready, work))


@application.command()
def work(data: Data = None) -> None:
    """Run the actions of a PostgreSQL database, beside any number of other workers."""
    asyncio.run(app.work(settings_of(data), lambda: print("storefront-adapter works", flush=True)))


@application.command()
def migrate(data: Data = None) -> None:
    """Bring the database to the newest schema."""
    settings = settings_of(data)

    async def run() -> None:
        await database.connect(settings)
        try:
            applied = await app.migrate(settings)
        finally:
            await database.disconnect()
        print("applied: " + ", ".join(applied) if applied else "the database is up to date")

    asyncio.run(run())


@application.command()
def check(file: File, data: Data = None) -> None:
    """Say line by line what is wrong with a configuration; nothing is touched."""
    configuration = _read(file, settings_of(data))
    found = configuration
    print(f"{file}: ok ({len(found.entities)} entities, {len(found.sources)} sources, {len(found.endpoints)} endpoints)")
    _advise(found)


@application.command()
def apply(file: File, data: Data = None) -> None:
    """Create or update what a configuration describes."""
    settings = settings_of(data)
    configuration = _read(file, settings)

    async def run() -> list[str]:
        async with app.App(settings).opened() as opened:
            services = opened.services
            return await apply_configuration(configuration, file.parent, services.files, services.vault, services.clock.now())

    for line in asyncio.run(run()):
        print(line)
    for source in configuration.sources:
        print(f"webhooks of {source.id} go to {settings.address}/hooks/{source.id}")
    _advise(configuration)


@application.command()
def rates(
    file: Annotated[Path, typer.Argument(help="The European Central Bank's XML, or CSV: day,base,quote,rate,source.", dir_okay=False)],
    data: Data = None,
) -> None:
    """Keep exchange rates, for invoices whose tax must also stand in the national currency."""
    settings = settings_of(data)
    try:
        found = parse_rates(file.read_bytes())
    except OSError as error:
        raise Misconfigured(str(file), f"cannot be read: {error.strerror}") from None
    except GiveUp as error:
        raise Misconfigured(str(file), str(error)) from None

    async def run() -> int:
        async with connected(settings), database.transaction():
            return await store_rates(found, Clock().now())

    print(f"{file}: {len(found)} exchange rates, {asyncio.run(run())} of them new")


application.command()(demo)
application.command()(export)
application.command()(numbers)
application.command()(doctor)
application.command()(dismiss)


def _advise(configuration: Configuration) -> None:
    """Say what each seller's invoices lack in law, and what its country wants beside them."""
    for entity in configuration.entities:
        for finding in advice(entity, Clock().now().astimezone(entity.zone).date()):
            print(f"seller {entity.id}, {finding.severity.value}: {finding.message}")


def _read(file: Path, settings: Settings) -> Configuration:
    reader = Reader(file, allowed_networks=settings.allowed_networks)
    configuration = reader.read()
    if configuration is None:
        for problem in reader.problems:
            print(f"{file}: {problem}", file=sys.stderr)
        raise typer.Exit(1)
    return configuration
