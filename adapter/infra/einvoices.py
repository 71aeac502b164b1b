"""The e-invoices of documents as they are kept: which there are, what was said of them, and which may leave."""

from typing import Any

from tortoise import fields

from adapter.domain.einvoice import Standing, Verdict, standing
from adapter.infra.models import DocumentRow, Row


class EInvoiceRow(Row):
    """An e-invoice of a document as it stands now, made again when what has been paid changes."""

    document: fields.ForeignKeyRelation[DocumentRow] = fields.ForeignKeyField("adapter.DocumentRow", on_delete=fields.CASCADE)
    document_id: str
    profile = fields.CharField(max_length=16)
    """Which one, see `domain.einvoice.EInvoice`."""
    xml_sha256 = fields.CharField(max_length=64, null=True)
    """None where the document cannot be such an e-invoice."""
    verdict: Any = fields.JSONField(null=True)
    """A `domain.einvoice.Verdict`, None where none was given."""
    reason = fields.TextField(null=True)
    """Why there is no XML, or no verdict."""

    class Meta:
        table = "einvoice"
        unique_together = (("document_id", "profile"),)

    @property
    def said(self) -> Verdict | None:
        """What the rules said of it."""
        return Verdict.model_validate(self.verdict) if self.verdict is not None else None

    @property
    def standing(self) -> Standing:
        """What became of it."""
        return standing(self.xml_sha256 is not None, self.said)


async def einvoices_of(document_id: str) -> list[EInvoiceRow]:
    """Every e-invoice of a document, by profile."""
    return await EInvoiceRow.filter(document_id=document_id).order_by("profile")


async def valid_einvoices(document_id: str) -> list[EInvoiceRow]:
    """Those that may leave; each has an XML."""
    return [row for row in await einvoices_of(document_id) if row.standing is Standing.VALID]
