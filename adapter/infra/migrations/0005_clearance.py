from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from adapter.infra.models import new_id


class Migration(migrations.Migration):
    dependencies = [("adapter", "0004_tax")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ClearanceRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "document",
                    fields.ForeignKeyField(
                        "adapter.DocumentRow", source_field="document_id", db_constraint=True, to_field="id", on_delete=OnDelete.CASCADE
                    ),
                ),
                ("state", fields.CharField(max_length=18)),
                ("request", fields.TextField(null=True, unique=False)),
                ("external_id", fields.CharField(null=True, max_length=255)),
                ("time", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("qr", fields.TextField(null=True, unique=False)),
                ("receipt", fields.TextField(null=True, unique=False)),
                ("errors", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "clearance",
                "app": "adapter",
                "unique_together": (("document_id",),),
                "pk_attr": "id",
                "table_description": "The clearance of a document that has to be cleared, written with the document.",
            },
            bases=["Row"],
        ),
    ]
