from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from adapter.infra.models import new_id


class Migration(migrations.Migration):
    dependencies = [("adapter", "0002_archive")]

    initial = False

    operations = [
        ops.CreateModel(
            name="EInvoiceRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "document",
                    fields.ForeignKeyField(
                        "adapter.DocumentRow", source_field="document_id", db_constraint=True, to_field="id", on_delete=OnDelete.CASCADE
                    ),
                ),
                ("profile", fields.CharField(max_length=16)),
                ("xml_sha256", fields.CharField(null=True, max_length=64)),
                ("verdict", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("reason", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "einvoice",
                "app": "adapter",
                "unique_together": (("document_id", "profile"),),
                "pk_attr": "id",
                "table_description": "An e-invoice of a document as it stands now, made again when what has been paid changes.",
            },
            bases=["Row"],
        ),
    ]
