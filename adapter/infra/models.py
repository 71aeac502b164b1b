"""The tables. Names are those of design words; every promise of "once" is a unique constraint here, never a check before an insert.

The docstrings of the tables become comments in the database, whose migrations stand neither apostrophes nor semicolons in them.
"""

from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model
from uuid_utils import uuid7


def new_id() -> str:
    """A fresh identifier that sorts by time of creation."""
    return str(uuid7())


class Row(Model):
    """What every table has."""

    id = fields.CharField(max_length=36, primary_key=True, default=new_id)
    created_at = fields.DatetimeField()

    class Meta:
        abstract = True


class EntityRow(Model):
    """A legal seller, `settings` is a `domain.entity.Entity`."""

    id = fields.CharField(max_length=63, primary_key=True)
    mode = fields.CharField(max_length=4)
    settings: Any = fields.JSONField()

    class Meta:
        table = "entity"


class SourceRow(Model):
    """The configured door of one store. `sealed` is encrypted JSON: the signing secrets and the settings of the connector."""

    id = fields.CharField(max_length=63, primary_key=True)
    entity: fields.ForeignKeyRelation[EntityRow] = fields.ForeignKeyField("adapter.EntityRow", on_delete=fields.RESTRICT)
    connector = fields.CharField(max_length=63)
    sealed = fields.TextField()
    options: Any = fields.JSONField()
    """Mail templates and the like, see `configuration.SourceOptions`."""
    active = fields.BooleanField(default=True)
    last_delivery_at = fields.DatetimeField(null=True)
    silent_since = fields.DatetimeField(null=True)

    class Meta:
        table = "source"


class RuleRow(Model):
    """A row of the event-to-action table of a source, a source without rows uses the default table."""

    id = fields.CharField(max_length=36, primary_key=True, default=new_id)
    source: fields.ForeignKeyRelation[SourceRow] = fields.ForeignKeyField("adapter.SourceRow", on_delete=fields.CASCADE)
    position = fields.IntField()
    rule: Any = fields.JSONField()

    class Meta:
        table = "rule"
        unique_together = (("source_id", "position"),)


class SeriesRow(Model):
    """A number sequence of one entity, mode and kind."""

    id = fields.CharField(max_length=36, primary_key=True, default=new_id)
    entity: fields.ForeignKeyRelation[EntityRow] = fields.ForeignKeyField("adapter.EntityRow", on_delete=fields.RESTRICT)
    mode = fields.CharField(max_length=4)
    kind = fields.CharField(max_length=16)
    format = fields.CharField(max_length=100)
    reset = fields.CharField(max_length=8)
    next_number = fields.BigIntField(null=True)
    """The number at which the configuration last asked to count on, so that it is followed once and not again in each new period."""

    class Meta:
        table = "series"
        unique_together = (("entity_id", "mode", "kind"),)


class CounterRow(Model):
    """The last number drawn of a series in one period, `last_date` keeps numbers and issue dates in the same order."""

    id = fields.CharField(max_length=36, primary_key=True, default=new_id)
    series: fields.ForeignKeyRelation[SeriesRow] = fields.ForeignKeyField("adapter.SeriesRow", on_delete=fields.RESTRICT)
    period = fields.CharField(max_length=10)
    drawn = fields.BigIntField(default=0)
    last_date = fields.DateField(null=True)
    elsewhere: Any = fields.JSONField(null=True)
    """Ranges `[first, last]` that were counted past and not drawn here: another system gave them to its documents."""

    class Meta:
        table = "counter"
        unique_together = (("series_id", "period"),)


class DeliveryRow(Row):
    """One received, verified request, byte for byte."""

    source: fields.ForeignKeyRelation[SourceRow] = fields.ForeignKeyField("adapter.SourceRow", on_delete=fields.RESTRICT)
    source_id: str
    topic = fields.CharField(max_length=255)
    digest = fields.CharField(max_length=64)
    headers: Any = fields.JSONField()
    body = fields.BinaryField()
    copies = fields.IntField(default=1)
    """How often the same request came."""

    class Meta:
        table = "delivery"
        unique_together = (("source_id", "topic", "digest"),)


class RejectionRow(Row):
    """A bounded sample of refused requests, without their bodies."""

    source_key = fields.CharField(max_length=63)
    reason = fields.CharField(max_length=63)
    count = fields.IntField(default=1)

    class Meta:
        table = "rejection"
        unique_together = (("source_key", "reason"),)


class OrderRow(Row):
    """The state folded from the events of a source about one order, `state` is a `domain.state.OrderState`."""

    source: fields.ForeignKeyRelation[SourceRow] = fields.ForeignKeyField("adapter.SourceRow", on_delete=fields.RESTRICT)
    source_id: str
    order_id = fields.CharField(max_length=255)
    number = fields.CharField(max_length=255, null=True, db_index=True)
    state = fields.TextField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "orders"
        unique_together = (("source_id", "order_id"),)


class EventRow(Row):
    """One canonical fact. `data` is the event (without its snapshot, which the order keeps) or, for ours, what consumers are told."""

    source: fields.ForeignKeyRelation[SourceRow] = fields.ForeignKeyField("adapter.SourceRow", on_delete=fields.RESTRICT)
    source_id: str
    type = fields.CharField(max_length=40)
    key = fields.CharField(max_length=255)
    order_id = fields.CharField(max_length=255, null=True)
    delivery_id = fields.CharField(max_length=36, null=True)
    at = fields.DatetimeField(null=True)
    test = fields.BooleanField(default=False)
    data: Any = fields.JSONField()

    class Meta:
        table = "event"
        unique_together = (("source_id", "type", "key"),)
        indexes = (Index(fields=("source_id", "order_id")),)


class ActionRow(Row):
    """One consequence, the row is the truth about work."""

    key = fields.CharField(max_length=600, unique=True)
    kind = fields.CharField(max_length=32)
    state = fields.CharField(max_length=10)
    priority = fields.IntField(default=0)
    source_id = fields.CharField(max_length=63, null=True)
    order_id = fields.CharField(max_length=255, null=True)
    event_id = fields.CharField(max_length=36, null=True)
    subject = fields.CharField(max_length=36, null=True)
    """The id of the delivery, document or message that the action is about, where it is about one."""
    parameters: Any = fields.JSONField()
    attempts = fields.IntField(default=0)
    next_at = fields.DatetimeField(null=True)
    queued = fields.BooleanField(default=False)
    """Whether a job of the dispatcher carries this row, only the PostgreSQL dispatcher uses it."""
    waits_for = fields.CharField(max_length=400, null=True, db_index=True)
    waits_since = fields.DatetimeField(null=True)
    error = fields.TextField(null=True)
    outcome: Any = fields.JSONField(null=True)
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "action"
        indexes = (Index(fields=("state", "next_at")), Index(fields=("source_id", "order_id")), Index(fields=("event_id",)))


class DocumentRow(Row):
    """An invoice or a credit note. `content` and what is drawn from it never change, status, sums and PDF do."""

    key = fields.CharField(max_length=400, unique=True)
    """What the document is for, such as `invoice:<source>:<order>`: one document per fact."""
    entity: fields.ForeignKeyRelation[EntityRow] = fields.ForeignKeyField("adapter.EntityRow", on_delete=fields.RESTRICT)
    entity_id: str
    source: fields.ForeignKeyRelation[SourceRow] = fields.ForeignKeyField("adapter.SourceRow", on_delete=fields.RESTRICT)
    source_id: str
    order_id = fields.CharField(max_length=255)
    mode = fields.CharField(max_length=4)
    kind = fields.CharField(max_length=16)
    number = fields.CharField(max_length=64)
    original_id = fields.CharField(max_length=36, null=True, db_index=True)
    currency = fields.CharField(max_length=3)
    total = fields.BigIntField()
    tax_total = fields.BigIntField()
    issue_date = fields.DateField()
    due_date = fields.DateField(null=True)
    content = fields.TextField()
    sha256 = fields.CharField(max_length=64)
    findings: Any = fields.JSONField()
    status = fields.CharField(max_length=16)
    paid = fields.BigIntField(default=0)
    credited = fields.BigIntField(default=0)
    pdf_sha256 = fields.CharField(max_length=64, null=True)
    pdf_of = fields.CharField(max_length=64, null=True)
    """Digest of what the PDF shows: content, settlement and template version."""
    retained_until = fields.DateField(null=True)
    """The last day of its retention, set when that is over and not before: the database deletes no document without it."""

    class Meta:
        table = "document"
        unique_together = (("entity_id", "mode", "kind", "number"),)
        indexes = (Index(fields=("source_id", "order_id")), Index(fields=("status", "due_date")))


class EmailRow(Row):
    """One mail to a customer and what became of it."""

    action_key = fields.CharField(max_length=600, unique=True)
    document_id = fields.CharField(max_length=36, db_index=True)
    kind = fields.CharField(max_length=16)
    message_id = fields.CharField(max_length=255, unique=True)
    recipient = fields.CharField(max_length=320)
    subject = fields.CharField(max_length=998)
    state = fields.CharField(max_length=10)
    """sending, sent, refused, unknown, or outbox (kept, not handed to a mail server)."""
    reply = fields.TextField(null=True)
    eml_sha256 = fields.CharField(max_length=64)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "email"


class EndpointRow(Row):
    """An outbound consumer. `sealed` is encrypted JSON: the live secrets with the end of their overlap, newest first."""

    name = fields.CharField(max_length=63)
    entity: fields.ForeignKeyRelation[EntityRow] = fields.ForeignKeyField("adapter.EntityRow", on_delete=fields.CASCADE)
    entity_id: str
    url = fields.CharField(max_length=2000)
    events: Any = fields.JSONField()
    headers: Any = fields.JSONField()
    sealed = fields.TextField()
    active = fields.BooleanField(default=True)
    disabled_reason = fields.CharField(max_length=255, null=True)
    failing_since = fields.DatetimeField(null=True)

    class Meta:
        table = "endpoint"
        unique_together = (("entity_id", "name"),)


class MessageRow(Row):
    """One event to one endpoint, its body frozen."""

    endpoint: fields.ForeignKeyRelation[EndpointRow] = fields.ForeignKeyField("adapter.EndpointRow", on_delete=fields.CASCADE)
    endpoint_id: str
    event_id = fields.CharField(max_length=36, db_index=True)
    type = fields.CharField(max_length=40)
    body = fields.TextField()
    state = fields.CharField(max_length=10)
    """pending, delivered, failed or cancelled."""
    delivered_at = fields.DatetimeField(null=True)

    class Meta:
        table = "message"
        unique_together = (("endpoint_id", "event_id"),)


class AttemptRow(Row):
    """One try to deliver a message."""

    message: fields.ForeignKeyRelation[MessageRow] = fields.ForeignKeyField("adapter.MessageRow", on_delete=fields.CASCADE)
    message_id: str
    number = fields.IntField()
    status = fields.IntField(null=True)
    milliseconds = fields.IntField()
    error = fields.CharField(max_length=500, null=True)
    response = fields.TextField(null=True)

    class Meta:
        table = "attempt"


class PrivacyRow(Row):
    """A privacy request of a platform and what was done about it."""

    source_id = fields.CharField(max_length=63)
    kind = fields.CharField(max_length=40)
    customer_id = fields.CharField(max_length=255, null=True)
    report: Any = fields.JSONField()

    class Meta:
        table = "privacy_request"
