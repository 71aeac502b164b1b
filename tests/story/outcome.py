"""What an order came to, and whether a whole database keeps its promises."""

from collections import Counter
from typing import Any

from adapter.domain.document import Document
from adapter.infra.models import ActionRow, CounterRow, DocumentRow, EmailRow, EventRow, MessageRow
from adapter.infra.queue import DEAD, HELD, WAITING
from tests.story.stories import Story

Outcome = dict[str, Any]


async def outcome(story: Story, number: int) -> Outcome:
    """What an order came to, without what differs from order to order (ids, numbers, times)."""
    order_id = story.order_id(number)
    rows = await DocumentRow.filter(order_id=order_id)
    documents = {row.id: Document.model_validate_json(row.content) for row in rows}
    mails = Counter((mail.kind, mail.state) for mail in await EmailRow.filter(document_id__in=list(documents)))
    events = {event.id: event.type for event in await EventRow.filter(order_id=order_id)}
    messages = Counter(message.type for message in await MessageRow.filter(event_id__in=list(events)))
    lost = [(row.kind, row.error) for row in await ActionRow.filter(order_id=order_id, state__in=(DEAD, HELD, WAITING))]
    return {
        "documents": sorted(_shown(row, documents[row.id], taxes=not (story.shared_lines and row.kind == "credit_note")) for row in rows),
        "tax": sum(row.tax_total if row.kind == "invoice" else -row.tax_total for row in rows),
        "mails": dict(mails),
        "messages": dict(messages),
        "open": lost,
    }


def _shown(row: DocumentRow, document: Document, *, taxes: bool) -> tuple[Any, ...]:
    standing = (row.kind, row.total, row.status, row.paid, row.credited, document.reason or "")
    if not taxes:
        return standing
    lines = [(line.name, str(line.quantity), line.net, line.tax, line.gross) for line in document.lines]
    groups = sorted((group.name, str(group.rate), group.base, group.tax) for group in document.taxes)
    return (*standing, row.tax_total, lines, groups)


async def assert_gapless() -> None:
    """Every series has in every year the numbers 1 to N, once each, and its counter says N."""
    numbers: dict[str, list[int]] = {}
    for row in await DocumentRow.all():
        year, _, number = row.number.rpartition("-")
        numbers.setdefault(year, []).append(int(number))
    assert {year: sorted(found) for year, found in numbers.items()} == {
        year: [*range(1, len(found) + 1)] for year, found in numbers.items()
    }
    assert sorted(counter.drawn for counter in await CounterRow.all()) == sorted(len(found) for found in numbers.values())
