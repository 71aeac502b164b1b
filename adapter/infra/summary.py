"""A document as consumers, the API and `show` see it: amounts as decimal texts."""

from typing import Any

from adapter.domain.document import Document
from adapter.domain.money import text
from adapter.infra.clearances import clearance_of
from adapter.infra.models import DocumentRow


async def summary(row: DocumentRow, document: Document) -> dict[str, Any]:
    """What outbound messages say about a document: thin, with the ids to fetch the rest by."""
    clearance = await clearance_of(row.id)
    return {
        "id": row.id,
        "kind": row.kind,
        "number": row.number,
        "status": row.status,
        "clearance": clearance.facts() if clearance else None,
        "currency": row.currency,
        "total": text(row.total, row.currency),
        "tax_total": text(row.tax_total, row.currency),
        "amount_paid": text(row.paid, row.currency),
        "amount_credited": text(row.credited, row.currency),
        "issue_date": row.issue_date.isoformat(),
        "due_date": row.due_date.isoformat() if row.due_date else None,
        "entity": row.entity_id,
        "orders": [{"source": order.source, "id": order.id, "number": order.number} for order in document.orders],
        "original": document.original.number if document.original else None,
        "sha256": row.sha256,
        "metadata": document.metadata,
    }


async def details(row: DocumentRow, document: Document) -> dict[str, Any]:
    """A document in full, as `show --json` and exports print it."""
    currency = row.currency
    return {
        **await summary(row, document),
        "taxes": [
            {
                "category": group.category.value,
                "name": group.name,
                "rate": str(group.rate) if group.rate is not None else None,
                "base": text(group.base, currency),
                "tax": text(group.tax, currency),
                "exemption": group.exemption,
                "exemption_code": group.exemption_code,
            }
            for group in document.taxes
        ],
        "mentions": list(document.mentions),
        "national_tax": _national_tax(document),
        "lines": [
            {
                "position": line.position,
                "kind": line.kind.value,
                "name": line.name,
                "sku": line.sku,
                "quantity": format(line.quantity, "f"),
                "unit_price": format(line.unit_price, "f"),
                "discount": text(line.discount, currency),
                "net": text(line.net, currency),
                "tax": text(line.tax, currency),
                "total": text(line.gross, currency),
            }
            for line in document.lines
        ],
        "findings": row.findings,
        "pdf_sha256": row.pdf_sha256,
    }


def _national_tax(document: Document) -> dict[str, Any] | None:
    """The tax in the national currency, with how it was converted."""
    tax = document.national_tax
    if tax is None:
        return None
    return {
        "currency": tax.currency,
        "tax": text(tax.tax, tax.currency),
        "rate": format(tax.rate, "f"),
        "source": tax.source,
        "rate_date": tax.rate_date.isoformat() if tax.rate_date else None,
    }
