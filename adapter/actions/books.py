"""The documents of one order as they stand: what an amendment and a refund are measured against."""

from dataclasses import dataclass
from datetime import datetime

from adapter.actions.settle import settle
from adapter.domain.amended import allot, is_amendment
from adapter.domain.document import Document, DocumentKind
from adapter.domain.entity import Entity
from adapter.domain.order import Order
from adapter.infra.models import DocumentRow
from adapter.infra.queue import Dispatcher
from adapter.infra.services import Emit


@dataclass(frozen=True)
class Books:
    """An order's invoices, its own one first, and its credit notes, each oldest first."""

    invoice_rows: tuple[DocumentRow, ...]
    invoices: tuple[Document, ...]
    credits: tuple[Document, ...]

    @property
    def amendments(self) -> tuple[Document, ...]:
        """What was made because the order changed: additional invoices and credit notes."""
        return (*self.invoices[1:], *(note for note in self.credits if is_amendment(note)))

    @property
    def refunds(self) -> tuple[Document, ...]:
        """The credit notes for refunds and for a cancellation."""
        return tuple(note for note in self.credits if not is_amendment(note))

    async def credit(self, note: Document, order: Order, entity: Entity, now: datetime, emit: Emit, dispatcher: Dispatcher) -> None:
        """Count a new credit note towards the invoices that it gives back, and bring their statuses in step."""
        shares = allot(self.invoices, [row.credited for row in self.invoice_rows], note)
        for row, share in zip(self.invoice_rows, shares, strict=True):
            if share:
                row.credited += share
                await row.save(update_fields=["credited"])
            await settle(row, order, entity, now, emit, dispatcher)


async def books_of(source_id: str, order_id: str) -> Books:
    """The documents of an order, read in the transaction that holds its lock."""
    rows = await DocumentRow.filter(source_id=source_id, order_id=order_id).order_by("created_at", "id")
    invoice_rows = tuple(row for row in rows if row.kind == DocumentKind.INVOICE)
    return Books(
        invoice_rows,
        tuple(Document.model_validate_json(row.content) for row in invoice_rows),
        tuple(Document.model_validate_json(row.content) for row in rows if row.kind == DocumentKind.CREDIT_NOTE),
    )
