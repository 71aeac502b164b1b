"""How documents stand that have to be cleared, as it is kept beside them."""

from datetime import UTC, tzinfo
from typing import Any

from tortoise import fields

from adapter.domain.clearance import ClearanceMark, ClearanceState
from adapter.infra.models import DocumentRow, Row


class ClearanceRow(Row):
    """The clearance of a document that has to be cleared, written with the document."""

    document: fields.ForeignKeyRelation[DocumentRow] = fields.ForeignKeyField("adapter.DocumentRow", on_delete=fields.CASCADE)
    document_id: str
    state = fields.CharField(max_length=18)
    """A `domain.clearance.ClearanceState`."""
    request = fields.TextField(null=True)
    """What was submitted, frozen: each attempt sends the same."""
    external_id = fields.CharField(max_length=255, null=True)
    """The name that the service gave it, or the authority."""
    time = fields.DatetimeField(null=True)
    """When it was cleared or rejected."""
    qr = fields.TextField(null=True)
    receipt = fields.TextField(null=True)
    """The answer that decided, as it came."""
    errors: Any = fields.JSONField()

    class Meta:
        table = "clearance"
        unique_together = (("document_id",),)

    def mark(self, zone: tzinfo) -> ClearanceMark:
        """What the document's page says of it. What a pending request is called is nothing to print."""
        state = ClearanceState(self.state)
        if state is not ClearanceState.CLEARED:
            return ClearanceMark(state=state)
        on = self.time.astimezone(zone).date() if self.time else None
        return ClearanceMark(state=state, id=self.external_id, on=on, qr=self.qr)

    def facts(self) -> dict[str, Any]:
        """The same for consumers, `show` and exports."""
        time = self.time.astimezone(UTC).isoformat() if self.time else None
        return {"state": self.state, "id": self.external_id, "time": time, "qr": self.qr, "errors": self.errors}


async def clearance_of(document_id: str) -> ClearanceRow | None:
    """A document's clearance; None where it need not be cleared."""
    return await ClearanceRow.get_or_none(document_id=document_id)
