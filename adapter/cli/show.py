"""`show`: what happened, from the database, beside a running service."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from adapter.cli.options import Data, Json, connected, settings_of
from adapter.cli.tree import StoryTree, action_line, clearance_line, clock, einvoice_line, hint, line
from adapter.clock import Clock
from adapter.domain.document import DocumentKind
from adapter.domain.frozen import digest
from adapter.infra.archive import drawings_of, file_facts
from adapter.infra.files import Files
from adapter.infra.models import DocumentRow, SourceRow
from adapter.infra.standing import UNKNOWN_SOURCE, source_standings, unfinished
from adapter.infra.story import OLDEST_FIRST, document_facts, email_facts, find_orders, order_story
from adapter.settings import Settings

show_application = typer.Typer(help="What happened: an order's story, a document, the sources, the dead letters.", no_args_is_help=True)

NOT_A_TERMINAL = 10_000
"""Columns where the output is a file or another program: lines are kept whole."""


@show_application.command()
def order(
    source: Annotated[str, typer.Argument(help="The source's id.")],
    number: Annotated[str, typer.Argument(help="The order's number, or the platform's id for it.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """One order's story: delivery, event, action, document, mail, message."""
    _show(data, as_json, lambda settings: _order(settings, source, number), lambda story: [StoryTree(story).tree()])


@show_application.command()
def document(
    number: Annotated[str, typer.Argument(help="The document's number.")],
    data: Data = None,
    entity: Annotated[str | None, typer.Option(help="The entity, where several have this number.")] = None,
    mode: Annotated[str | None, typer.Option(help="test or live, where both have this number.")] = None,
    kind: Annotated[DocumentKind | None, typer.Option(help="Where an invoice and a credit note have this number.")] = None,
    as_json: Json = False,
) -> None:
    """One invoice or credit note in full, with its mails."""
    wanted = {name: value for name, value in (("entity_id", entity), ("mode", mode), ("kind", kind and kind.value)) if value}
    _show(data, as_json, lambda settings: _document(settings, number, wanted), _document_lines)


@show_application.command()
def sources(data: Data = None, as_json: Json = False) -> None:
    """Each source: its last delivery, whether it has gone silent, and what was refused for which reason."""

    async def read(settings: Settings) -> list[dict[str, Any]]:
        return await source_standings(Clock().now(), settings.silent_hours)

    _show(data, as_json, read, lambda found: [_source_line(source) for source in found] or [Text("there is no source yet: see `apply`")])


@show_application.command()
def dead(data: Data = None, as_json: Json = False) -> None:
    """What wants a look: dead and held actions, and those that wait; `replay action ID` does one again, `dismiss ID` ends it."""

    async def read(settings: Settings) -> list[dict[str, Any]]:
        return await unfinished()

    def shown(found: list[dict[str, Any]]) -> list[Text]:
        return [line for action in found for line in _unfinished_lines(action)] or [Text("nothing is dead, held or waiting")]

    _show(data, as_json, read, shown)


class _NotFound(Exception):
    """What was asked for is not there, or not clear; says what is."""


Read = Callable[[Settings], Awaitable[Any]]
Shown = Callable[[Any], Sequence[RenderableType]]


def _show(data: Path | None, as_json: bool, read: Read, shown: Shown) -> None:
    settings = settings_of(data)

    async def run() -> Any:
        async with connected(settings):
            return await read(settings)

    try:
        found = asyncio.run(run())
    except _NotFound as missing:
        print(missing, file=sys.stderr)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(found, indent=2))
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else NOT_A_TERMINAL)
    for part in shown(found):
        console.print(part)


async def _order(settings: Settings, source: str, number: str) -> dict[str, Any]:
    found = await find_orders(source, number)
    if len(found) == 1:
        return await order_story(found[0], Files(settings.files))
    if found:
        ids = ", ".join(row.order_id for row in found)
        raise _NotFound(f"source {source} has {len(found)} orders with the number {number}: name one by its id out of {ids}")
    sources = [row.id for row in await SourceRow.all().order_by("id").only("id")]
    if source not in sources:
        raise _NotFound(f"there is no source {source!r}; there are: {', '.join(sources) or 'none'}")
    raise _NotFound(
        f"source {source} has no order with the number or id {number!r}; `show dead` tells of deliveries that could not be read"
    )


async def _document(settings: Settings, number: str, wanted: dict[str, str]) -> dict[str, Any]:
    rows = await DocumentRow.filter(number=number, **wanted).order_by(*OLDEST_FIRST)
    if not rows:
        raise _NotFound(f"there is no document with the number {number!r}")
    if len(rows) > 1:
        owners = "; ".join(f"--entity {row.entity_id} --mode {row.mode} --kind {row.kind}" for row in rows)
        raise _NotFound(f"{len(rows)} documents have the number {number}, tell them apart by: {owners}")
    files = Files(settings.files)
    return {
        **await document_facts(rows[0], files),
        "content_intact": digest(rows[0].content) == rows[0].sha256,
        "files": await file_facts(rows[0].id, files),
        "drawn_by": [row.id for row in await drawings_of(rows[0].id)],
        "emails": await email_facts(rows, files),
    }


def _document_lines(document: dict[str, Any]) -> list[Text]:
    currency = document["currency"]
    order = ", ".join(f"{order['source']} {order['number']}" for order in document["orders"])
    due = f"due {document['due_date']}" if document["due_date"] else ""
    original = f"of {document['original']}" if document["original"] else ""
    told = [
        line(document["kind"], document["number"], original, document["status"], "for order", order),
        line("entity", document["entity"], f"({document['mode']})", "issued", document["issue_date"], due),
    ]
    for item in document["lines"]:
        prices = f"{item['quantity']} × {item['unit_price']}"
        less = f"less {item['discount']}" if item["discount"].strip("0.") else ""
        told.append(_indented(f"{item['position']}.", prices, less, "=", item["total"], currency, item["name"]))
    told += [_tax_line(tax, currency) for tax in document["taxes"]]
    if national := document["national_tax"]:
        told.append(
            _indented("tax", national["tax"], national["currency"], "at", national["rate"], national["source"], national["rate_date"])
        )
    told.append(line("total", document["total"], currency, "with tax", document["tax_total"]))
    told.append(line("paid", document["amount_paid"], "credited", document["amount_credited"], *document["credit_notes"]))
    told.append(line("PDF", document["pdf_path"] or document["pdf_sha256"] or "not drawn yet"))
    told += [clearance_line(document["clearance"])] if document["clearance"] else []
    told += [einvoice_line(einvoice) for einvoice in document["einvoices"]]
    told += [line("finding", ", ".join(f"{name} {value}" for name, value in finding.items())) for finding in document["findings"]]
    told += _file_lines(document)
    for mail in document["emails"]:
        told.append(line("mail", mail["kind"], mail["state"], "to", mail["recipient"], mail["reply"], time=mail["time"]))
    return told


def _tax_line(tax: dict[str, Any], currency: str) -> Text:
    """A row of the breakdown, with why it bears no tax."""
    return _indented("tax", tax["category"], tax["name"], tax["rate"], "on", tax["base"], "=", tax["tax"], currency, tax["exemption"])


def _file_lines(document: dict[str, Any]) -> list[Text]:
    """The hashes of a document, each checked just now; what is wrong is told with what to do."""
    told = [line("content", document["sha256"], "intact" if document["content_intact"] else "was changed after it was issued")]
    told += [line("file", file["kind"], file["sha256"], file["state"], time=file["time"]) for file in document["files"]]
    broken = {file["kind"] for file in document["files"] if file["state"] != "ok"}
    if "eml" in broken:
        told.append(_indented("a mail is as it was sent: restore it from a backup"))
    if broken - {"eml"} and document["drawn_by"]:
        told.append(_indented(f"made again by: storefront-adapter replay action {document['drawn_by'][-1]}"))
    return told


def _indented(*parts: object) -> Text:
    """A line under another."""
    return Text("  ").append_text(line(*parts))


def _source_line(source: dict[str, Any]) -> Text:
    refused = ", ".join(f"{count} {reason}" for reason, count in source["rejections"].items())
    refused = f"refused: {refused}" if refused else "nothing refused"
    if source["id"] == UNKNOWN_SOURCE:
        return line("unknown sources,", refused)
    silent = f"silent: nothing for more than {source['silent_hours']} hours, check the shop's webhooks," if source["silent"] else ""
    off = "" if source["active"] else "switched off,"
    kind = f"({source['connector']}, entity {source['entity']}, {source['mode']})"
    return line(source["id"], kind, off, "last delivery", f"{clock(source['last_delivery_at'])},", silent, refused)


def _unfinished_lines(action: dict[str, Any]) -> list[Text]:
    about = " ".join(filter(None, (action["source"], action["order"])))
    advice = hint(action)
    return [action_line(action).append(f"  {about}"), *([_indented(advice)] if advice is not None else [])]
