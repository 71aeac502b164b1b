"""What the day leaves behind: files, a report that programs can read, and a table for people."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adapter.demo.day import EXPECTED, Expected
from adapter.demo.neighbours import Neighbours
from adapter.demo.promises import Ledger, Stories, documents_in_order, mail_kept, messages_kept, pdf_kept

MADE = ("pdfs", "mails", "outbound", "data", "config.toml", "timeline.log", "service.log", "service.env", "report.json")
"""What the demo writes into its folder, and so may remove from it."""


def clear(out: Path) -> None:
    """Make the folder ready: what an earlier demo left in it goes, everything else stays."""
    out.mkdir(parents=True, exist_ok=True)
    for name in MADE:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in ("pdfs", "mails", "outbound"):
        (out / name).mkdir()


def write(out: Path, stories: Stories, around: Neighbours, ledger: Ledger, facts: Mapping[str, Any]) -> None:
    """Copy the PDFs, write mails and messages as they were received, and `report.json`."""
    documents = []
    for expected, document in documents_in_order(stories):
        pdf = out / "pdfs" / f"{document['number']}.pdf"
        if document["pdf_path"]:
            shutil.copyfile(document["pdf_path"], pdf)
        kept = ("kind", "number", "status", "currency", "total", "tax_total", "amount_paid", "amount_credited", "issue_date", "pdf_sha256")
        order = {"source": expected.source, "order": expected.number}
        documents.append(order | {key: document[key] for key in kept} | {"pdf": str(pdf.relative_to(out))})
    report = {
        "orders": [_order(expected, stories) for expected in EXPECTED],
        "documents": documents,
        "mails": _mails(out / "mails", around),
        "messages": _messages(out / "outbound", around),
        "promises": [asdict(promise) for promise in ledger.promises],
        **facts,
    }
    (out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _order(expected: Expected, stories: Stories) -> dict[str, Any]:
    story = stories[expected.source, expected.number]
    kept = ("source", "number", "status", "currency", "total")
    return {key: story["order"][key] for key in kept} | {"title": expected.title}


def _mails(folder: Path, around: Neighbours) -> list[dict[str, Any]]:
    listed = []
    for position, mail in enumerate(around.mails.values(), 1):
        file = folder / f"{position:02}-{Path(next(iter(mail.attachments), 'mail')).stem}.eml"
        file.write_bytes(mail.content)
        facts = {"message_id": mail.message_id, "to": mail.recipient, "subject": mail.subject, "attachments": mail.attachments}
        listed.append(facts | {"copies": mail.copies, "file": f"{folder.name}/{file.name}"})
    return listed


def _messages(folder: Path, around: Neighbours) -> list[dict[str, Any]]:
    listed = []
    for position, message in enumerate(around.messages.values(), 1):
        type, document = message.event["type"], message.event["data"]["number"]
        file = folder / f"{position:02}-{type}-{document}.json"
        file.write_text(
            json.dumps({"headers": message.headers, "body": message.event}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        facts = {"id": message.id, "type": type, "document": document, "orders": sorted(number for _, number in message.orders)}
        listed.append(facts | {"copies": message.copies, "file": f"{folder.name}/{file.name}"})
    return listed


def table(stories: Stories, around: Neighbours) -> Table:
    """Order → documents → totals → PDF → mail → messages, each with a mark that says whether it was verified."""
    made = Table(title="What became of the day", title_justify="left", show_lines=False, pad_edge=False)
    for column in ("order", "document", "status", "total", "PDF", "mail", "messages"):
        made.add_column(column, overflow="fold", justify="right" if column == "total" else "left")
    for expected in EXPECTED:
        story = stories[expected.source, expected.number]
        documents = [document for each, document in documents_in_order(stories) if each is expected]
        events = ", ".join(f"{type} ×{count}" if count > 1 else type for type, count in sorted(expected.events.items()))
        for position, document in enumerate(documents):
            about = expected.documents[position] if position < len(expected.documents) else None
            as_expected = about is not None and (document["kind"], document["total"], document["status"]) == (
                about.kind,
                about.total,
                about.status,
            )
            mailed, _ = mail_kept(document, about, expected, story, around) if about else (False, "")
            recipient = next((mail["recipient"] for mail in story["emails"] if mail["document"] == document["number"]), "-")
            made.add_row(
                f"[bold]{expected.source} #{expected.number}[/bold]" if position == 0 else "",
                f"{_mark(as_expected)} {document['number']}",
                escape(document["status"]),
                f"{document['total']} {document['currency']}",
                f"{_mark(pdf_kept(document)[0])} pdfs/{document['number']}.pdf",
                f"{_mark(mailed)} {escape(recipient)}",
                f"{_mark(messages_kept(expected, story, around)[0])} {events}" if position == 0 else "",
                end_section=position == len(documents) - 1,
            )
    return made


def tell(console: Console, ledger: Ledger, out: Path) -> None:
    """Which promises were kept."""
    for promise in ledger.broken:
        console.print(f"[bold red]BROKEN[/bold red] {escape(promise.promise)}: {escape(promise.evidence)}", soft_wrap=True)
    kept = len(ledger.promises) - len(ledger.broken)
    style = "bold red" if ledger.broken else "bold green"
    console.print(f"[{style}]{kept} of {len(ledger.promises)} promises kept.[/{style}] PDFs, mails, messages and report.json are in {out}/")


def _mark(ok: bool) -> str:
    return "[green]✓[/green]" if ok else "[bold red]✗[/bold red]"
