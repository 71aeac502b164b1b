from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from adapter.infra.models import new_id


class Migration(migrations.Migration):
    dependencies = [("adapter", "0003_einvoices")]

    initial = False

    operations = [
        ops.CreateModel(
            name="RateRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("base", fields.CharField(max_length=3)),
                ("quote", fields.CharField(max_length=3)),
                ("day", fields.DateField()),
                ("source", fields.CharField(max_length=255)),
                ("rate", fields.CharField(max_length=64)),
            ],
            options={
                "table": "exchange_rate",
                "app": "adapter",
                "unique_together": (("day", "base", "quote", "source"),),
                "pk_attr": "id",
                "table_description": "An exchange rate as it was published: units of `quote` for one of `base`, never changed once it is here.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="VatCheckRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("entity_id", fields.CharField(max_length=63)),
                ("number", fields.CharField(max_length=40)),
                ("state", fields.CharField(max_length=12)),
                ("consultation_number", fields.CharField(null=True, max_length=255)),
                ("content", fields.TextField(unique=False)),
                ("action_id", fields.CharField(max_length=36)),
            ],
            options={
                "table": "vat_check",
                "app": "adapter",
                "indexes": [Index(fields=["entity_id", "number"])],
                "pk_attr": "id",
                "table_description": "A question to a register about the VAT number of a buyer and its answer, kept as proof.",
            },
            bases=["Row"],
        ),
    ]
