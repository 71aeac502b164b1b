"""What time alone brings about: overdue invoices, reminders, waits that end, sources gone silent, gauges."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from adapter.clock import SimulatedClock
from adapter.flow.sweep import sweep
from adapter.infra.models import ActionRow, DocumentRow, EventRow, OrderRow, SourceRow
from tests.house import House, Neighbourhood
from tests.orders import an_order, completed, event, refunded

WITHOUT = ("render", "notify", "deliver", "send_invoice", "send_credit_note", "send_reminder")


async def status(house: House) -> tuple[str, int]:
    """The invoice's status and how often it was told to be overdue, after a sweep."""
    await sweep(house.app.services)
    await house.run_due(without=WITHOUT)
    return (await DocumentRow.get(kind="invoice")).status, await EventRow.filter(type="invoice.overdue").count()


@pytest.mark.parametrize(
    ("due", "last_moment"),
    [
        ("2026-12-04", datetime(2026, 12, 4, 22, 59, 59, tzinfo=UTC)),
        ("2027-03-27", datetime(2027, 3, 27, 22, 59, 59, tzinfo=UTC)),
        ("2027-03-28", datetime(2027, 3, 28, 21, 59, 59, tzinfo=UTC)),
    ],
    ids=["winter", "the night before summer time", "the day of summer time"],
)
async def test_overdue_begins_at_local_midnight(still_house: House, clock: SimulatedClock, due: str, last_moment: datetime) -> None:
    """In Berlin, to the second, also on the day that has 23 hours; told once."""
    await still_house.send("standard", completed(due_date=due))
    await still_house.run_due(without=WITHOUT)
    clock.advance(last_moment - clock.now())
    assert await status(still_house) == ("open", 0)
    clock.advance(timedelta(seconds=1))
    assert await status(still_house) == ("past_due", 1)
    assert await status(still_house) == ("past_due", 1)


async def test_overdue_although_something_else_noticed_first(still_house: House, clock: SimulatedClock) -> None:
    """A snapshot that arrives after the due date must not take the sweep's notice away; nor must an invoice that is born overdue."""
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    clock.advance(timedelta(days=15))
    await still_house.send("standard", event("order.updated", an_order(version="2026-12-05T00:00:00Z", tags=["late"])))
    await still_house.run_due(without=WITHOUT)
    assert await status(still_house) == ("past_due", 1)
    await still_house.send("standard", completed("o-2", due_date="2026-11-01"))
    await still_house.run_due(without=WITHOUT)
    assert await EventRow.filter(type="invoice.overdue").count() == 2


async def test_a_paid_invoice_is_never_overdue(still_house: House, clock: SimulatedClock) -> None:
    """Nor one that is credited in full, nor one of which what is left has been paid."""
    await still_house.send("standard", completed("o-1", paid=True))
    await still_house.send("standard", completed("o-2"))
    await still_house.send("standard", event("order.cancelled", an_order("o-2", version="2026-11-20T10:00:00Z")))
    await still_house.run_due(without=WITHOUT)
    clock.advance(timedelta(days=400))
    await sweep(still_house.app.services)
    assert {row.order_id: row.status for row in await DocumentRow.filter(kind="invoice")} == {"o-1": "paid", "o-2": "credited"}
    assert await EventRow.filter(type="invoice.overdue").count() == 0


async def test_reminders_on_their_days_and_none_after_payment(still_house: House, clock: SimulatedClock) -> None:
    """At once, after seven days, after fourteen, counted from the due date; the last one is skipped because the money came."""
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    clock.advance(timedelta(days=15))
    await sweep(still_house.app.services)
    await still_house.run_due(without=WITHOUT[:5])
    assert [mail["subject"] for mail in still_house.around.parsed_mails()] != []
    assert len(still_house.around.mails) == 1
    clock.advance(datetime(2026, 12, 11, 22, 59, 59, tzinfo=UTC) - clock.now())
    await still_house.run_due(without=WITHOUT[:5])
    assert len(still_house.around.mails) == 1
    clock.advance(timedelta(seconds=1))
    await still_house.run_due(without=WITHOUT[:5])
    assert len(still_house.around.mails) == 2
    await still_house.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    clock.advance(timedelta(days=7))
    await still_house.run_due(without=WITHOUT[:5])
    assert len(still_house.around.mails) == 2
    states = sorted([(row.state, row.error) for row in await ActionRow.filter(kind="send_reminder")], key=str)
    number = (await DocumentRow.get()).number
    assert states == [("done", None), ("done", None), ("skipped", f"invoice {number} is paid: nothing to remind of")]
    assert (await DocumentRow.get()).status == "paid"
    assert {mail["to"] for mail in still_house.around.parsed_mails()} == {"ida@sommer.example"}
    assert len({mail["message-id"] for mail in still_house.around.parsed_mails()}) == 2


@pytest.mark.parametrize(
    ("noticed", "at_once", "later"),
    [(10, 1, [datetime(2026, 12, 18, 23, tzinfo=UTC)]), (40, 1, [])],
    ids=["ten days late", "forty days late"],
)
async def test_late_notice_sends_one_reminder(
    still_houses: House, clock: SimulatedClock, noticed: int, at_once: int, later: list[datetime]
) -> None:
    """A service that was away: the newest reminder that is due, not all of them at once, and the others on their days."""
    await still_houses.send("standard", completed())
    await still_houses.run_due(without=WITHOUT)
    clock.advance(datetime(2026, 12, 4, 23, tzinfo=UTC) + timedelta(days=noticed) - clock.now())
    await sweep(still_houses.app.services)
    rows = await ActionRow.filter(kind="send_reminder").order_by("next_at")
    assert [row.next_at for row in rows] == [clock.now()] * at_once + later
    await still_houses.run_due(without=WITHOUT[:5])
    assert len(still_houses.around.mails) == at_once


async def test_waits_that_come_to_nothing(still_house: House, clock: SimulatedClock) -> None:
    """After seven days a refund without an order is a dead letter; a cancellation of what was never invoiced is not."""
    await still_house.send("standard", refunded("o-7"))
    await still_house.send("standard", event("order.cancelled", an_order("o-8", progress={"stage": "pending", "cancelled": True})))
    await still_house.run_due(without=WITHOUT)
    assert await ActionRow.filter(state="waiting").count() == 2
    for _day in range(7):
        clock.advance(timedelta(days=1))
        await sweep(still_house.app.services)
        await still_house.run_due(without=WITHOUT)
    assert await ActionRow.filter(state="waiting").count() == 2
    clock.advance(timedelta(seconds=1))
    await sweep(still_house.app.services)
    rows = {row.order_id: (row.state, row.error) for row in await ActionRow.filter(kind="issue_credit_note")}
    assert rows == {
        "o-7": ("dead", "waited 7 days for order:standard:o-7, which never came"),
        "o-8": ("skipped", "waited 7 days for invoice:standard:o-8, which never came"),
    }
    assert await DocumentRow.all().count() == 0


async def test_an_order_that_gets_no_invoice_is_no_dead_letter(still_house: House, clock: SimulatedClock) -> None:
    """Its mail and its credit note come to nothing, since the rules want no invoice of it."""
    source = '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
    rule = '[[source.rules]]\nevent = "order.completed"\naction = "issue_invoice"\nconditions = { not_countries = ["DE"] }\n'
    await still_house.configure(source + rule)
    await still_house.send("standard", completed(paid=True))
    await still_house.send("standard", refunded())
    await still_house.run_due(without=WITHOUT[:3])
    clock.advance(timedelta(days=8))
    await sweep(still_house.app.services)
    rows = await ActionRow.filter(kind__in=["issue_invoice", "send_invoice", "issue_credit_note"])
    assert {row.kind: row.state for row in rows} == dict.fromkeys(("issue_invoice", "send_invoice", "issue_credit_note"), "skipped")
    assert (await DocumentRow.all().count(), still_house.around.mails) == (0, [])


async def test_what_waited_in_vain_goes_on_when_its_fact_comes_after_all(still_houses: House, clock: SimulatedClock) -> None:
    """An order that is refunded in part at once, and invoiced when it is fulfilled a month later."""
    source = '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
    await still_houses.configure(source + '[[source.rules]]\nevent = "order.fulfilled"\naction = "issue_invoice"\n')
    await still_houses.send("standard", completed(paid=True))
    await still_houses.send("standard", refunded())
    await still_houses.run_due(without=WITHOUT)
    clock.advance(timedelta(days=30))
    await sweep(still_houses.app.services)
    assert [(row.state, row.error) for row in await ActionRow.filter(kind="issue_credit_note")] == [
        ("dead", "waited 7 days for invoice:standard:o-1, which never came")
    ]
    await still_houses.send("standard", event("order.fulfilled", an_order(paid=True, version="2026-12-20T10:00:00Z")))
    await still_houses.run_due(without=WITHOUT)
    assert [(row.kind, row.total) for row in await DocumentRow.all().order_by("created_at", "id")] == [
        ("invoice", 11900), ("credit_note", 5950)
    ]  # fmt: skip
    assert [row.state for row in await ActionRow.filter(kind="issue_credit_note")] == ["done"]


async def test_a_wait_begins_when_it_begins(still_house: House, clock: SimulatedClock) -> None:
    """An action that was asked for a month ago and waits since today is not ended today."""
    source = '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
    rule = '[[source.rules]]\nevent = "order.completed"\naction = "send_invoice"\nparameters = { delay_hours = 720 }\n'
    off = '[[source.rules]]\nevent = "order.fulfilled"\naction = "issue_invoice"\n'
    await still_house.configure(source + rule + off)
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    clock.advance(timedelta(days=31))
    await still_house.run_due(without=WITHOUT[:3])
    await sweep(still_house.app.services)
    await still_house.run_due(without=WITHOUT[:3])
    row = await ActionRow.get(kind="send_invoice")
    assert (row.state, row.waits_for, row.waits_since) == ("waiting", "invoice:standard:o-1", clock.now())


async def test_silent_sources(still_house: House, clock: SimulatedClock) -> None:
    """Told once after 48 hours, or the source's own time; one that never spoke is not silent."""
    patient = (
        '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
        "options = { silent_hours = 100 }\n"
    )
    await still_house.configure(patient)
    await still_house.send("standard", completed())
    await still_house.send("sellapp", b"{}")
    clock.advance(timedelta(hours=48))
    await sweep(still_house.app.services)
    assert {row.id for row in await SourceRow.filter(silent_since__isnull=False)} == set()
    silent = clock.advance(timedelta(seconds=1))
    await sweep(still_house.app.services)
    clock.advance(timedelta(hours=1))
    await sweep(still_house.app.services)
    rows = {row.id: row.silent_since for row in await SourceRow.filter(silent_since__isnull=False)}
    assert rows == {"sellapp": silent}
    assert REGISTRY.get_sample_value("adapter_source_silent", {"source": "sellapp"}) == 1
    assert REGISTRY.get_sample_value("adapter_source_silent", {"source": "standard"}) == 0
    assert REGISTRY.get_sample_value("adapter_source_silent", {"source": "shopify"}) is None


async def test_gauges(still_house: House, clock: SimulatedClock) -> None:
    """What is to be done and what a person should look at; not what is over."""
    await still_house.send("standard", completed())
    await still_house.send("standard", b"unreadable")
    await still_house.run_due(without=(*WITHOUT, "issue_invoice"))
    clock.advance(timedelta(seconds=90))
    await sweep(still_house.app.services)
    found = {(kind, state): REGISTRY.get_sample_value("adapter_backlog", {"kind": kind, "state": state})
             for kind, state in (("normalise", "dead"), ("issue_invoice", "due"), ("normalise", "done"))}  # fmt: skip
    assert found == {("normalise", "dead"): 1, ("issue_invoice", "due"): 1, ("normalise", "done"): None}
    assert REGISTRY.get_sample_value("adapter_oldest_due_seconds") == 90
    assert REGISTRY.get_sample_value("adapter_last_sweep_timestamp_seconds") == clock.now().timestamp()


async def test_one_broken_invoice_stops_nothing(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> None:
    """A row that cannot be read costs itself its reminder, not the others theirs."""
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock) as house:
        await house.send("standard", completed("o-1"))
        await house.send("standard", completed("o-2"))
        await house.run_due(without=WITHOUT)
        await OrderRow.filter(order_id="o-1").update(state="{broken")
        clock.advance(timedelta(days=20))
        await sweep(house.app.services)
        assert {row.order_id: row.status for row in await DocumentRow.all()} == {"o-1": "open", "o-2": "past_due"}
        assert REGISTRY.get_sample_value("adapter_last_sweep_timestamp_seconds") == clock.now().timestamp()
