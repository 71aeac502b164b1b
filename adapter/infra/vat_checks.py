"""What registers said about buyers' VAT numbers, as it is kept."""

from tortoise import fields
from tortoise.indexes import Index

from adapter.infra.models import Row


class VatCheckRow(Row):
    """A question to a register about the VAT number of a buyer and its answer, kept as proof."""

    entity_id = fields.CharField(max_length=63)
    number = fields.CharField(max_length=40)
    state = fields.CharField(max_length=12)
    consultation_number = fields.CharField(max_length=255, null=True)
    content = fields.TextField()
    """A `domain.tax.vat_id.VatIdCheck`."""
    action_id = fields.CharField(max_length=36)

    class Meta:
        table = "vat_check"
        indexes = (Index(fields=("entity_id", "number")),)
