"""Documents as files for the accountant and the auditor: PDF, e-invoices, frozen content and mails under names of our own making, an index
that a spreadsheet opens safely, and the hash of every file."""

import csv
import io
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from adapter.domain.document import Document, DocumentKind
from adapter.domain.frozen import digest
from adapter.domain.money import text
from adapter.domain.text import one_line
from adapter.errors import AdapterError
from adapter.infra.bundle import Bundle, bundle
from adapter.infra.einvoices import valid_einvoices
from adapter.infra.files import Files
from adapter.infra.models import DocumentRow, EmailRow

INDEX = "index.csv"
COLUMNS = (
    "number", "kind", "status", "issue_date", "due_date", "currency", "net", "tax", "total", "paid", "credited",
    "order_number", "source", "buyer_name", "buyer_country", "original", "sha256", "file", "einvoices", "einvoices_sha256",
    "content", "content_sha256", "mails", "mails_sha256",
)  # fmt: skip
_PAGE = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Selection:
    """Which documents: of an entity, issued from a day to a day (both included), of a kind; what is None is not asked."""

    entity: str | None = None
    first: date | None = None
    last: date | None = None
    kind: DocumentKind | None = None


@dataclass
class Exported:
    """One document of an export. `files` has the SHA-256 of each file by its name; `problem` says why one is missing."""

    number: str
    files: dict[str, str] = field(default_factory=dict)
    problem: str | None = None


async def export(out: Path, selection: Selection, files: Files, now: datetime) -> AsyncIterator[Exported]:
    """Write the selected documents into a folder, or into a ZIP where the path ends so, oldest first and one at a time; then the index
    and the hashes. Raises OSError when that cannot be written.

    An index or a ZIP that is there stays until the new one is complete.
    """
    with bundle(out) as target, tempfile.TemporaryFile() as file:
        index = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
        writer = csv.writer(index)
        writer.writerow(COLUMNS)
        async for row in _selected(selection):
            exported = await _write(target, row, files)
            writer.writerow([cell(value) for value in _values(row, exported)])
            yield exported
        index.flush()
        target.copy(INDEX, file, now)
        target.finish(now)


def cell(value: str) -> str:
    """A text that no spreadsheet takes for a formula: one line, and with an apostrophe before what begins like one. Numbers stay numbers.

    Source: OWASP, "CSV Injection" (https://owasp.org/www-community/attacks/CSV_Injection); full-width signs count too.
    """
    clean = one_line(value)
    return f"'{clean}" if clean.startswith(_FORMULA) and not _NUMBER.fullmatch(clean) else clean


def base_name(row: DocumentRow) -> str:
    """`lighthouse_live_invoice_INV-2026-000001_3f2a91c07b5e`: letters, digits, `.`, `-` and `_` only, and unique by the document's digest,
    whatever the number holds."""
    number = _UNSAFE.sub("-", row.number)
    return f"{row.entity_id}_{row.mode}_{row.kind}_{number}_{row.sha256[:12]}"


async def _selected(selection: Selection) -> AsyncIterator[DocumentRow]:
    wanted: dict[str, Any] = {
        "entity_id": selection.entity,
        "issue_date__gte": selection.first,
        "issue_date__lte": selection.last,
        "kind": selection.kind and selection.kind.value,
    }
    query = DocumentRow.filter(**{name: value for name, value in wanted.items() if value is not None}).order_by("id")
    last = ""
    while ids := [row.id for row in await query.filter(id__gt=last).limit(_PAGE).only("id")]:
        for id in ids:
            yield await DocumentRow.get(id=id)
        last = ids[-1]


async def _write(target: Bundle, row: DocumentRow, files: Files) -> Exported:
    """Write a document's files; what is missing or damaged is told, and the others are written."""
    exported, base = Exported(row.number), base_name(row)
    if row.pdf_sha256 is None:
        exported.problem = "its PDF is not drawn yet: let the service run, or look at `show dead`"
    mails = await EmailRow.filter(document_id=row.id).order_by("created_at", "id")
    stored = [
        *([(f"{base}.pdf", row.pdf_sha256)] if row.pdf_sha256 else []),
        *((f"{base}_{each.profile}.xml", each.xml_sha256 or "") for each in await valid_einvoices(row.id)),
        *((f"{base}_mail-{number}.eml", mail.eml_sha256) for number, mail in enumerate(mails, start=1)),
    ]
    for name, sha256 in stored:
        try:
            target.put(name, await files.get(sha256), row.created_at)
            exported.files[name] = sha256
        except AdapterError as error:
            exported.problem = exported.problem or str(error)
    content = row.content.encode()
    target.put(f"{base}.json", content, row.created_at)
    exported.files[f"{base}.json"] = digest(content)
    if digest(content) != row.sha256:
        exported.problem = f"its content was changed after it was issued: its SHA-256 is {digest(content)}, not {row.sha256}"
    return exported


def _values(row: DocumentRow, exported: Exported) -> tuple[str, ...]:
    document = Document.model_validate_json(row.content)
    buyer = document.buyer
    country = buyer.address.country if buyer and buyer.address else None
    names: dict[str, list[str]] = {}
    for name in exported.files:
        names.setdefault(name.rpartition(".")[2], []).append(name)
    listed = [
        (" ".join(names.get(kind, [])), " ".join(exported.files[name] for name in names.get(kind, []))) for kind in ("xml", "json", "eml")
    ]
    pdf = "".join(names.get("pdf", []))
    amounts = (document.totals.net, row.tax_total, row.total, row.paid, row.credited)
    return (
        row.number,
        row.kind,
        row.status,
        row.issue_date.isoformat(),
        row.due_date.isoformat() if row.due_date else "",
        row.currency,
        *(text(amount, row.currency) for amount in amounts),
        ", ".join(order.number for order in document.orders),
        row.source_id,
        (buyer.company or buyer.name) if buyer else "",
        country or "",
        document.original.number if document.original else "",
        exported.files.get(pdf, ""),
        pdf,
        *(value for pair in listed for value in pair),
    )
