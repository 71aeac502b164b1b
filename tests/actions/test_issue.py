"""Documents: one per fact, numbers without gaps, corrections that follow their original."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapter.clock import SimulatedClock
from adapter.domain.document import Document
from adapter.flow.replay import Decision, Replay
from adapter.infra.models import ActionRow, CounterRow, DocumentRow, EventRow
from tests.house import CONFIGURATION, House, Neighbourhood
from tests.orders import an_order, completed, event, refunded

WITHOUT = ("render", "notify", "deliver", "send_invoice", "send_credit_note", "send_reminder")


async def totals(house: House) -> list[tuple[str, str, int]]:
    """Kind, number and total of every document, oldest first."""
    return [(row.kind, row.number, row.total) for row, _ in await house.documents()]


async def test_one_invoice_whatever_asks_for_it(still_houses: House) -> None:
    """Two rows ask on two events: one document, one number, one fact."""
    rules = "".join(f'[[source.rules]]\nevent = "{name}"\naction = "issue_invoice"\n' for name in ("order.completed", "payment.confirmed"))
    source = '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
    await still_houses.configure(source + rules)
    for version in range(3):
        await still_houses.send("standard", completed(paid=True, version=f"2026-11-20T09:00:0{version}Z"))
    await still_houses.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    await still_houses.run_due(without=WITHOUT)
    assert await totals(still_houses) == [("invoice", "INV-2026-000001", 11900)]
    assert (await CounterRow.get()).drawn == 1
    assert await EventRow.filter(type="invoice.created").count() == 1
    assert await EventRow.filter(type="invoice.paid").count() == 1


async def test_what_is_frozen(still_house: House) -> None:
    """Canonical JSON with its digest; order and number in the metadata and in the note."""
    await still_house.send("standard", completed("o-1001", paid=True))
    await still_house.run_due(without=WITHOUT)
    ((row, document),) = await still_house.documents()
    assert document.metadata == {"order_id": "o-1001", "order_number": "1001", "source": "standard"}
    assert document.notes[0] == "Order #1001"
    assert row.content == document.canonical()
    assert (row.status, row.paid, row.tax_total, row.due_date and row.due_date.isoformat()) == ("paid", 11900, 1900, "2026-12-04")


async def test_a_number_comes_back_when_issuing_fails(still_houses: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything after the draw is rolled back with it: no gap, no half document, and the next try takes the same number."""
    broken: list[str] = []

    async def fails(*arguments: object) -> None:
        if not broken:
            broken.append("once")
            raise OSError("the database broke off")

    monkeypatch.setattr("adapter.actions.issue.release", fails)
    await still_houses.send("standard", completed())
    await still_houses.run_due(without=WITHOUT)
    assert await DocumentRow.all().count() == await CounterRow.all().count() == await EventRow.filter(type="invoice.created").count() == 0
    still_houses.app.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    await still_houses.run_due(without=WITHOUT)
    assert await totals(still_houses) == [("invoice", "INV-2026-000001", 11900)]


async def test_credit_notes_for_refunds_and_a_cancellation_for_the_rest(still_houses: House) -> None:
    """Two refunds and the cancellation, all at once and twice: the notes add up to the invoice, the last leaves no tax."""
    for _time in range(2):
        await still_houses.send("standard", event("order.cancelled", an_order(paid=True, version="2026-11-20T12:00:00Z")))
        await still_houses.send("standard", refunded(refund="r-2", money="23.80", at="2026-11-20T11:00:00Z"))
        await still_houses.send("standard", refunded(refund="r-1", money="59.50", at="2026-11-20T10:30:00Z"))
        await still_houses.send("standard", completed(paid=True))
    await still_houses.run_due(without=WITHOUT)
    assert await totals(still_houses) == [
        ("invoice", "INV-2026-000001", 11900),
        ("credit_note", "CN-2026-000001", 5950),
        ("credit_note", "CN-2026-000002", 2380),
        ("credit_note", "CN-2026-000003", 3570),
    ]
    invoice, *notes = await still_houses.documents()
    assert sum(row.tax_total for row, _ in notes) == invoice[0].tax_total
    assert (invoice[0].status, invoice[0].credited) == ("credited", 11900)
    assert {note.original and note.original.sha256 for _, note in notes} == {invoice[0].sha256}
    assert await EventRow.filter(type="credit_note.created").count() == 3


async def test_refunds_that_are_numbered_anew_in_each_order(still_houses: House) -> None:
    """The first refund of one order is not the first refund of another: each is credited, whichever came before its order."""
    await still_houses.send("standard", refunded("o-1", "1"))
    await still_houses.send("standard", completed("o-1", paid=True))
    await still_houses.send("standard", completed("o-2", paid=True))
    await still_houses.send("standard", refunded("o-2", "1", money="23.80"))
    await still_houses.run_due(without=WITHOUT)
    notes = await DocumentRow.filter(kind="credit_note")
    assert sorted([(row.order_id, row.total) for row in notes]) == [("o-1", 5950), ("o-2", 2380)]


async def test_more_than_is_left_is_credited_as_far_as_it_goes_where_somebody_accepts_that(still_houses: House) -> None:
    await still_houses.send("standard", completed(paid=True))
    await still_houses.send("standard", refunded(refund="r-1", money="100.00"))
    await still_houses.send("standard", refunded(refund="r-2", money="23.80", at="2026-11-20T11:00:00Z"))
    await still_houses.run_due(without=WITHOUT)
    held = await ActionRow.get(state="held")
    assert (held.outcome, held.error) == (
        {"accept": ["over_refund"]},
        "over_refund: refund r-2 returns 23.80 EUR, but only 19.00 EUR of invoice INV-2026-000001 is left: check the refund in the shop",
    )
    await Replay(still_houses.app.dispatcher, still_houses.app.clock, accept=Decision("ada", "returned his postage")).actions([held.id])
    await still_houses.run_due(without=WITHOUT)
    assert [total for _, _, total in await totals(still_houses)] == [11900, 10000, 1900]
    invoice, *notes = await still_houses.documents()
    assert (invoice[0].status, sum(row.tax_total for row, _ in notes)) == ("credited", 1900)


async def test_a_refund_on_its_way_is_credited_when_it_has_succeeded(still_houses: House) -> None:
    """Later refunds do not wait for it; one that fails is never credited, and the cancellation gives back what is left then."""
    await still_houses.send("standard", completed(paid=True))
    for number in (1, 2):
        await still_houses.send("standard", with_status(f"r-{number}", "pending"))
    await still_houses.send("standard", refunded(refund="r-3", money="23.80", at="2026-11-20T11:00:00Z"))
    await still_houses.send("standard", event("order.cancelled", an_order(paid=True, version="2026-11-20T12:00:00Z")))
    await still_houses.run_due(without=WITHOUT)
    assert [total for _, _, total in await totals(still_houses)] == [11900, 2380]
    await still_houses.send("standard", with_status("r-2", "failure"))
    await still_houses.send("standard", with_status("r-1", None))
    await still_houses.run_due(without=WITHOUT)
    assert [total for _, _, total in await totals(still_houses)] == [11900, 2380, 5950, 3570]
    assert sorted((state, error) for _, state, error in await still_houses.actions(kind="issue_credit_note") if error) == [
        ("skipped", "the refund failed: no money went back")
    ]


def with_status(refund: str, status: str | None) -> dict[str, Any]:
    """59.50 given back, as far as is known."""
    told = refunded(refund=refund, at="2026-11-20T10:30:00Z")
    told["data"]["refund"]["status"] = status
    return told


async def test_more_than_is_left_is_held(still_house: House) -> None:
    """A third refund above the invoice makes no document and takes no number."""
    await still_house.send("standard", completed(paid=True))
    for number in range(1, 4):
        await still_house.send("standard", refunded(refund=f"r-{number}", at=f"2026-11-20T1{number}:00:00Z"))
    await still_house.run_due(without=WITHOUT)
    assert [total for _, _, total in await totals(still_house)] == [11900, 5950, 5950]
    states = sorted([state for _, state, _ in await still_house.actions(kind="issue_credit_note")])
    assert states in (["done", "done", "held"], ["done", "done", "skipped"])
    assert sorted([(row.drawn) for row in await CounterRow.all()]) == [1, 2]


async def test_a_test_entity_has_series_of_its_own_for_ever(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> None:
    """An invoice of the test days that is corrected after the entity went live gets a test credit note, mailed to nobody."""
    async with House(tmp_path / "data", None, neighbourhood, mode="test", working=False, clock=clock) as house:
        await house.send("standard", completed(paid=True))
        await house.run_due(without=("render", "send_invoice"))
        await house.configure(CONFIGURATION.format(mode="live", consumer=neighbourhood.consumer))
        await house.send("standard", refunded())
        await house.send("standard", completed("o-2", paid=True))
        await house.run_due(without=("render",))
        assert sorted([(row.number, row.mode) for row, _ in await house.documents()]) == [
            ("INV-2026-000001", "live"),
            ("TEST-CN-2026-000001", "test"),
            ("TEST-INV-2026-000001", "test"),
        ]
        told = {(found["data"]["number"], found["test"]) for found in (house.verified(message) for message in neighbourhood.messages)}
        assert told == {("TEST-INV-2026-000001", True), ("TEST-CN-2026-000001", True), ("INV-2026-000001", False)}
        mails = neighbourhood.parsed_mails()
        assert [mail["subject"] for mail in mails] == ["Invoice for Order #2"]


async def test_the_language_is_the_buyers_where_there_are_words_for_it(still_house: House) -> None:
    """German for a German locale, the entity's English for one that nobody translated."""
    await still_house.send("standard", completed("o-1", locale="de-AT"))
    await still_house.send("standard", completed("o-2", locale="tlh"))
    await still_house.run_due(without=WITHOUT)
    found = {row.order_id: document.language for row, document in await still_house.documents()}
    assert found["o-1"].startswith("de")
    assert found["o-2"] == "en"


async def test_a_second_language_is_the_source_s_else_the_entity_s(still_house: House) -> None:
    """None where it would say the same words; what the adapter names is in the first language, the order's note in English."""
    source = '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
    await still_house.configure(source + '[source.options]\nsecond_language = "de"\n')
    await still_house.send("standard", completed("o-1", locale="fr-CH", buyer={}))
    await still_house.send("standard", completed("o-2", locale="de-AT"))
    await still_house.run_due(without=WITHOUT)
    found = {row.order_id: document for row, document in await still_house.documents()}
    assert (found["o-1"].language, found["o-1"].second_language) == ("fr-CH", "de")
    assert (found["o-2"].language, found["o-2"].second_language) == ("de-AT", None)
    assert found["o-1"].buyer is not None
    assert found["o-1"].buyer.name == "Client"
    assert found["o-1"].notes[0] == "Order #1"


async def test_a_document_is_never_changed(still_house: House) -> None:
    """Later snapshots, payments and refunds change its row's standing, never its content."""
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    before = await DocumentRow.get(kind="invoice")
    later = an_order(paid=True, version="2026-11-21T00:00:00Z", buyer={"name": "Somebody Else"}, tags=["changed"])
    await still_house.send("standard", event("order.updated", later))
    await still_house.send("standard", refunded())
    await still_house.run_due(without=WITHOUT)
    after = await DocumentRow.get(kind="invoice")
    assert (after.content, after.sha256, after.number) == (before.content, before.sha256, before.number)
    assert (before.status, after.status, after.paid, after.credited) == ("open", "paid", 11900, 5950)
    assert Document.model_validate_json(after.content).buyer is not None
