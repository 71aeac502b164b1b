from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from adapter.infra.models import new_id


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="ActionRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("key", fields.CharField(unique=True, max_length=600)),
                ("kind", fields.CharField(max_length=32)),
                ("state", fields.CharField(max_length=10)),
                ("priority", fields.IntField(default=0)),
                ("source_id", fields.CharField(null=True, max_length=63)),
                ("order_id", fields.CharField(null=True, max_length=255)),
                ("event_id", fields.CharField(null=True, max_length=36)),
                ("subject", fields.CharField(null=True, max_length=36)),
                ("parameters", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("attempts", fields.IntField(default=0)),
                ("next_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("queued", fields.BooleanField(default=False)),
                ("waits_for", fields.CharField(null=True, db_index=True, max_length=400)),
                ("waits_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("error", fields.TextField(null=True, unique=False)),
                ("outcome", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "action",
                "app": "adapter",
                "indexes": [Index(fields=["state", "next_at"]), Index(fields=["source_id", "order_id"]), Index(fields=["event_id"])],
                "pk_attr": "id",
                "table_description": "One consequence, the row is the truth about work.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="EmailRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("action_key", fields.CharField(unique=True, max_length=600)),
                ("document_id", fields.CharField(db_index=True, max_length=36)),
                ("kind", fields.CharField(max_length=16)),
                ("message_id", fields.CharField(unique=True, max_length=255)),
                ("recipient", fields.CharField(max_length=320)),
                ("subject", fields.CharField(max_length=998)),
                ("state", fields.CharField(max_length=10)),
                ("reply", fields.TextField(null=True, unique=False)),
                ("eml_sha256", fields.CharField(max_length=64)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "email",
                "app": "adapter",
                "pk_attr": "id",
                "table_description": "One mail to a customer and what became of it.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="EntityRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=63)),
                ("mode", fields.CharField(max_length=4)),
                ("settings", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "entity",
                "app": "adapter",
                "pk_attr": "id",
                "table_description": "A legal seller, `settings` is a `domain.entity.Entity`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="EndpointRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("name", fields.CharField(max_length=63)),
                (
                    "entity",
                    fields.ForeignKeyField(
                        "adapter.EntityRow", source_field="entity_id", db_constraint=True, to_field="id", on_delete=OnDelete.CASCADE
                    ),
                ),
                ("url", fields.CharField(max_length=2000)),
                ("events", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("headers", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("sealed", fields.TextField(unique=False)),
                ("active", fields.BooleanField(default=True)),
                ("disabled_reason", fields.CharField(null=True, max_length=255)),
                ("failing_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "endpoint",
                "app": "adapter",
                "unique_together": (("entity_id", "name"),),
                "pk_attr": "id",
                "table_description": "An outbound consumer. `sealed` is encrypted JSON: the live secrets with the end of their overlap, newest first.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="MessageRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "endpoint",
                    fields.ForeignKeyField(
                        "adapter.EndpointRow", source_field="endpoint_id", db_constraint=True, to_field="id", on_delete=OnDelete.CASCADE
                    ),
                ),
                ("event_id", fields.CharField(db_index=True, max_length=36)),
                ("type", fields.CharField(max_length=40)),
                ("body", fields.TextField(unique=False)),
                ("state", fields.CharField(max_length=10)),
                ("delivered_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "message",
                "app": "adapter",
                "unique_together": (("endpoint_id", "event_id"),),
                "pk_attr": "id",
                "table_description": "One event to one endpoint, its body frozen.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="AttemptRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "message",
                    fields.ForeignKeyField(
                        "adapter.MessageRow", source_field="message_id", db_constraint=True, to_field="id", on_delete=OnDelete.CASCADE
                    ),
                ),
                ("number", fields.IntField()),
                ("status", fields.IntField(null=True)),
                ("milliseconds", fields.IntField()),
                ("error", fields.CharField(null=True, max_length=500)),
                ("response", fields.TextField(null=True, unique=False)),
            ],
            options={"table": "attempt", "app": "adapter", "pk_attr": "id", "table_description": "One try to deliver a message."},
            bases=["Row"],
        ),
        ops.CreateModel(
            name="PrivacyRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("source_id", fields.CharField(max_length=63)),
                ("kind", fields.CharField(max_length=40)),
                ("customer_id", fields.CharField(null=True, max_length=255)),
                ("report", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "privacy_request",
                "app": "adapter",
                "pk_attr": "id",
                "table_description": "A privacy request of a platform and what was done about it.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="RejectionRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("source_key", fields.CharField(max_length=63)),
                ("reason", fields.CharField(max_length=63)),
                ("count", fields.IntField(default=1)),
            ],
            options={
                "table": "rejection",
                "app": "adapter",
                "unique_together": (("source_key", "reason"),),
                "pk_attr": "id",
                "table_description": "A bounded sample of refused requests, without their bodies.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="SeriesRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                (
                    "entity",
                    fields.ForeignKeyField(
                        "adapter.EntityRow", source_field="entity_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("mode", fields.CharField(max_length=4)),
                ("kind", fields.CharField(max_length=16)),
                ("format", fields.CharField(max_length=100)),
                ("reset", fields.CharField(max_length=8)),
            ],
            options={
                "table": "series",
                "app": "adapter",
                "unique_together": (("entity_id", "mode", "kind"),),
                "pk_attr": "id",
                "table_description": "A number sequence of one entity, mode and kind.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CounterRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                (
                    "series",
                    fields.ForeignKeyField(
                        "adapter.SeriesRow", source_field="series_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("period", fields.CharField(max_length=10)),
                ("drawn", fields.BigIntField(default=0)),
                ("last_date", fields.DateField(null=True)),
            ],
            options={
                "table": "counter",
                "app": "adapter",
                "unique_together": (("series_id", "period"),),
                "pk_attr": "id",
                "table_description": "The last number drawn of a series in one period, `last_date` keeps numbers and issue dates in the same order.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SourceRow",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=63)),
                (
                    "entity",
                    fields.ForeignKeyField(
                        "adapter.EntityRow", source_field="entity_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("connector", fields.CharField(max_length=63)),
                ("sealed", fields.TextField(unique=False)),
                ("options", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("active", fields.BooleanField(default=True)),
                ("last_delivery_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("silent_since", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "source",
                "app": "adapter",
                "pk_attr": "id",
                "table_description": "The configured door of one store. `sealed` is encrypted JSON: the signing secrets and the settings of the connector.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DeliveryRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "source",
                    fields.ForeignKeyField(
                        "adapter.SourceRow", source_field="source_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("topic", fields.CharField(max_length=255)),
                ("digest", fields.CharField(max_length=64)),
                ("headers", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("body", fields.BinaryField()),
                ("copies", fields.IntField(default=1)),
            ],
            options={
                "table": "delivery",
                "app": "adapter",
                "unique_together": (("source_id", "topic", "digest"),),
                "pk_attr": "id",
                "table_description": "One received, verified request, byte for byte.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="DocumentRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("key", fields.CharField(unique=True, max_length=400)),
                (
                    "entity",
                    fields.ForeignKeyField(
                        "adapter.EntityRow", source_field="entity_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "source",
                    fields.ForeignKeyField(
                        "adapter.SourceRow", source_field="source_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("order_id", fields.CharField(max_length=255)),
                ("mode", fields.CharField(max_length=4)),
                ("kind", fields.CharField(max_length=16)),
                ("number", fields.CharField(max_length=64)),
                ("original_id", fields.CharField(null=True, db_index=True, max_length=36)),
                ("currency", fields.CharField(max_length=3)),
                ("total", fields.BigIntField()),
                ("tax_total", fields.BigIntField()),
                ("issue_date", fields.DateField()),
                ("due_date", fields.DateField(null=True)),
                ("content", fields.TextField(unique=False)),
                ("sha256", fields.CharField(max_length=64)),
                ("findings", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("status", fields.CharField(max_length=16)),
                ("paid", fields.BigIntField(default=0)),
                ("credited", fields.BigIntField(default=0)),
                ("pdf_sha256", fields.CharField(null=True, max_length=64)),
                ("pdf_of", fields.CharField(null=True, max_length=64)),
            ],
            options={
                "table": "document",
                "app": "adapter",
                "unique_together": (("entity_id", "mode", "kind", "number"),),
                "indexes": [Index(fields=["source_id", "order_id"]), Index(fields=["status", "due_date"])],
                "pk_attr": "id",
                "table_description": "An invoice or a credit note. `content` and what is drawn from it never change, status, sums and PDF do.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="EventRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "source",
                    fields.ForeignKeyField(
                        "adapter.SourceRow", source_field="source_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("type", fields.CharField(max_length=40)),
                ("key", fields.CharField(max_length=255)),
                ("order_id", fields.CharField(null=True, max_length=255)),
                ("delivery_id", fields.CharField(null=True, max_length=36)),
                ("at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("test", fields.BooleanField(default=False)),
                ("data", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "event",
                "app": "adapter",
                "unique_together": (("source_id", "type", "key"),),
                "indexes": [Index(fields=["source_id", "order_id"])],
                "pk_attr": "id",
                "table_description": "One canonical fact. `data` is the event (without its snapshot, which the order keeps) or, for ours, what consumers are told.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="OrderRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "source",
                    fields.ForeignKeyField(
                        "adapter.SourceRow", source_field="source_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("order_id", fields.CharField(max_length=255)),
                ("number", fields.CharField(null=True, db_index=True, max_length=255)),
                ("state", fields.TextField(unique=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "orders",
                "app": "adapter",
                "unique_together": (("source_id", "order_id"),),
                "pk_attr": "id",
                "table_description": "The state folded from the events of a source about one order, `state` is a `domain.state.OrderState`.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="RuleRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                (
                    "source",
                    fields.ForeignKeyField(
                        "adapter.SourceRow", source_field="source_id", db_constraint=True, to_field="id", on_delete=OnDelete.CASCADE
                    ),
                ),
                ("position", fields.IntField()),
                ("rule", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "rule",
                "app": "adapter",
                "unique_together": (("source_id", "position"),),
                "pk_attr": "id",
                "table_description": "A row of the event-to-action table of a source, a source without rows uses the default table.",
            },
            bases=["Model"],
        ),
    ]
