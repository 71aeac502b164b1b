"""Orders that change after their invoice: one additional invoice or credit note per change, none for what a refund credits."""

from itertools import permutations
from typing import Any

import pytest

from adapter.infra.models import ActionRow, CounterRow, EventRow
from tests.house import House
from tests.orders import an_order, completed, event, refunded, vat

WITHOUT = ("render", "notify", "deliver", "send_invoice", "send_credit_note", "send_reminder")


def article(id: str, gross: str) -> dict[str, Any]:
    """A line of one piece, 19 % VAT included."""
    taxes = [{"name": "VAT 19 %", "rate": "0.19", "amount": vat(gross)}]
    return {"id": id, "kind": "goods", "name": f"Article {id}", "quantity": "1", "unit_price": gross, "amount": gross, "taxes": taxes}


LAMP, SHADE, CORD = article("1", "119.00"), article("2", "59.50"), article("3", "23.80")


def changed(total: str, *lines: dict[str, Any], minute: int = 10, **more: Any) -> dict[str, Any]:
    """The order with other lines, as its shop tells of it."""
    return event("order.updated", an_order(total=total, lines=list(lines), version=f"2026-11-20T10:{minute}:00Z", **more))


async def books(house: House) -> list[tuple[str, str, int, str, int, int]]:
    """Kind, number, total, status, paid and credited of every document, oldest first."""
    return [(row.kind, row.number, row.total, row.status, row.paid, row.credited) for row, _ in await house.documents()]


async def amendments(house: House) -> list[tuple[str, str | None]]:
    """State and error of every amendment."""
    return [(state, error) for _, state, error in await house.actions(kind="amend_invoice")]


async def test_what_was_added_is_invoiced_once(still_houses: House) -> None:
    """However often the snapshot comes: one additional invoice, announced, mailed and drawn; money pays the first invoice first."""
    await still_houses.send("standard", completed(paid=True))
    await still_houses.run_due(without=WITHOUT)
    for _time in range(3):
        await still_houses.send("standard", changed("178.50", LAMP, SHADE, progress={"financial": "partially_paid"}))
    await still_houses.run_due(without=WITHOUT)
    assert await books(still_houses) == [
        ("invoice", "INV-2026-000001", 11900, "paid", 11900, 0),
        ("invoice", "INV-2026-000002", 5950, "paid", 5950, 0),
    ]
    assert [state for state, _ in await amendments(still_houses)] == ["done"]
    assert await EventRow.filter(type="invoice.created").count() == 2
    added = (await still_houses.documents())[1][1]
    assert [(line.name, line.gross, line.tax) for line in added.lines] == [("Article 2", 5950, 950)]
    assert added.notes[:2] == ("Order #1", "In addition to invoice INV-2026-000001 of 2026-11-20")
    assert await ActionRow.filter(kind="send_invoice", state="due").count() == 2


async def test_an_order_that_is_not_paid_owes_the_additional_invoice(still_house: House) -> None:
    """119.00 of 178.50 came in: the first invoice is paid, the second is open; then the rest comes."""
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    part = {"id": "p-1", "kind": "sale", "amount": "119.00"}
    await still_house.send("standard", changed("178.50", LAMP, SHADE, payments=[part]))
    await still_house.run_due(without=WITHOUT)
    assert [(status, paid) for _, _, _, status, paid, _ in await books(still_house)] == [("paid", 11900), ("open", 0)]
    rest = {"id": "p-2", "kind": "sale", "amount": "59.50"}
    await still_house.send("standard", changed("178.50", LAMP, SHADE, minute=20, payments=[part, rest]))
    await still_house.run_due(without=WITHOUT)
    assert [(status, paid) for _, _, _, status, paid, _ in await books(still_house)] == [("paid", 11900), ("paid", 5950)]
    assert await EventRow.filter(type="invoice.paid").count() == 2


async def test_what_is_gone_is_credited(still_houses: House) -> None:
    """The credit note names the invoice, whose status follows."""
    await still_houses.send("standard", event("order.completed", an_order(total="178.50", lines=[LAMP, SHADE])))
    await still_houses.run_due(without=WITHOUT)
    await still_houses.send("standard", changed("119.00", LAMP))
    await still_houses.run_due(without=WITHOUT)
    assert await books(still_houses) == [
        ("invoice", "INV-2026-000001", 17850, "open", 0, 5950),
        ("credit_note", "CN-2026-000001", 5950, "open", 0, 0),
    ]
    note = (await still_houses.documents())[1][1]
    assert note.original is not None
    assert (note.original.number, note.reason) == ("INV-2026-000001", "Order changed")
    assert await EventRow.filter(type="credit_note.created").count() == 1


async def test_an_exchange_makes_both_and_comes_to_nothing(still_houses: House) -> None:
    await still_houses.send("standard", event("order.completed", an_order(total="178.50", paid=True, lines=[LAMP, SHADE])))
    await still_houses.run_due(without=WITHOUT)
    await still_houses.send("standard", changed("178.50", LAMP, article("4", "59.50"), paid=True))
    await still_houses.run_due(without=WITHOUT)
    assert await books(still_houses) == [
        ("invoice", "INV-2026-000001", 17850, "paid", 17850, 5950),
        ("invoice", "INV-2026-000002", 5950, "paid", 5950, 0),
        ("credit_note", "CN-2026-000001", 5950, "open", 0, 0),
    ]
    assert sorted([counter.drawn for counter in await CounterRow.all()]) == [1, 2]


async def test_a_refund_of_what_left_the_order_is_its_only_credit_note(still_houses: House) -> None:
    """Whichever is heard of first: the refund's note stands, and the change adds none."""
    shade = {"id": "r-1", "at": "2026-11-20T10:05:00Z", "money": "59.50", "lines": [{"line": "2", "quantity": "1", "amount": "59.50"}]}
    await still_houses.send("standard", event("order.completed", an_order(total="178.50", paid=True, lines=[LAMP, SHADE])))
    await still_houses.run_due(without=WITHOUT)
    await still_houses.send("standard", changed("119.00", LAMP, paid=True, refunds=[shade]))
    await still_houses.run_due(without=(*WITHOUT, "issue_credit_note"))
    ((state, error),) = await amendments(still_houses)
    assert state == "waiting"
    assert error is not None
    assert "ended:issue_credit_note" in error
    await still_houses.send("standard", event("refund.issued", {"order_id": "o-1", "refund": shade}))
    await still_houses.run_due(without=WITHOUT)
    assert [row[:3] for row in await books(still_houses)] == [
        ("invoice", "INV-2026-000001", 17850), ("credit_note", "CN-2026-000001", 5950)
    ]  # fmt: skip
    assert await amendments(still_houses) == [("skipped", "the documents charge what the order does")]


@pytest.mark.parametrize(
    ("returned", "arrival"),
    [
        *((None, arrival) for arrival in permutations(range(3))),
        *(("2", arrival) for arrival in ((0, 1, 2), (0, 2, 1), (2, 0, 1))),  # only what was invoiced can come back
    ],
)
async def test_a_change_and_a_refund_come_to_the_same_in_any_order(
    still_house: House, returned: str | None, arrival: tuple[int, ...]
) -> None:
    """Of 178.50 a shade for 59.50 leaves the order: 59.50 of money alone are given back beyond that, those for the shade are the same."""
    refund: dict[str, Any] = {"id": "r-1", "at": "2026-11-20T10:05:00Z", "money": "59.50"}
    if returned:
        refund["lines"] = [{"line": returned, "quantity": "1", "amount": "59.50"}]
    told = [
        event("order.completed", an_order(total="178.50", paid=True, lines=[LAMP, SHADE])),
        changed("119.00", LAMP, paid=True),
        event("refund.issued", {"order_id": "o-1", "refund": refund}),
    ]
    for index in arrival:
        await still_house.send("standard", told[index])
        await still_house.run_due(without=WITHOUT)
    signed = [(1 if row.kind == "invoice" else -1, row) for row, _ in await still_house.documents()]
    assert sum(sign * row.total for sign, row in signed) == (11900 if returned else 5950)
    assert sum(sign * row.tax_total for sign, row in signed) == (1900 if returned else 950)
    assert not await ActionRow.filter(state__in=("held", "dead", "waiting")).exists()


async def test_a_refund_of_what_was_added_waits_for_its_invoice(still_houses: House) -> None:
    """178.50 of what was an invoice of 119.00: nothing is held, the notes add up to what was charged."""
    await still_houses.send("standard", completed(paid=True))
    await still_houses.run_due(without=WITHOUT)
    await still_houses.send("standard", changed("178.50", LAMP, SHADE, paid=True))
    await still_houses.send("standard", refunded(money="178.50", at="2026-11-20T11:00:00Z"))
    await still_houses.run_due(without=(*WITHOUT, "amend_invoice"))
    assert [state for _, state, _ in await still_houses.actions(kind="issue_credit_note")] == ["waiting"]
    await still_houses.run_due(without=WITHOUT)
    assert await books(still_houses) == [
        ("invoice", "INV-2026-000001", 11900, "credited", 11900, 11900),
        ("invoice", "INV-2026-000002", 5950, "credited", 5950, 5950),
        ("credit_note", "CN-2026-000001", 17850, "open", 0, 0),
    ]
    note = (await still_houses.documents())[2][1]
    assert note.notes[1] == "Also concerns invoice INV-2026-000002 of 2026-11-20"


async def test_a_cancellation_gives_back_what_amendments_have_left(still_houses: House) -> None:
    await still_houses.send("standard", event("order.completed", an_order(total="178.50", lines=[LAMP, SHADE])))
    await still_houses.run_due(without=WITHOUT)
    await still_houses.send("standard", changed("142.80", LAMP, CORD))
    await still_houses.run_due(without=WITHOUT)
    gone = {"financial": "voided", "cancelled": True, "cancelled_at": "2026-11-20T12:00:00Z"}
    await still_houses.send("standard", changed("142.80", LAMP, CORD, minute=59, progress=gone))
    await still_houses.run_due(without=WITHOUT)
    found = await books(still_houses)
    assert [(kind, total) for kind, _, total, *_ in found] == [
        ("invoice", 17850), ("invoice", 2380), ("credit_note", 5950), ("credit_note", 14280)
    ]  # fmt: skip
    assert [(status, credited) for kind, _, _, status, _, credited in found if kind == "invoice"] == [
        ("credited", 17850),
        ("credited", 2380),
    ]
    rows = await still_houses.documents()
    assert sum(row.tax_total if row.kind == "invoice" else -row.tax_total for row, _ in rows) == 0


async def test_nothing_is_asked_for_where_nothing_is_charged_anew(still_house: House) -> None:
    """Snapshots before the invoice, older ones, and those that only move the order on make no work at all."""
    await still_house.send("standard", completed())
    await still_house.send("standard", changed("178.50", LAMP, SHADE))
    await still_house.run_due(without=WITHOUT)
    await still_house.send("standard", changed("178.50", LAMP, SHADE, minute=30, tags=["late"]))
    await still_house.send("standard", event("order.updated", an_order(version="2026-11-20T08:00:00Z")))
    await still_house.run_due(without=WITHOUT)
    assert [row[:3] for row in await books(still_house)] == [("invoice", "INV-2026-000001", 17850)]
    assert await amendments(still_house) == []


async def test_a_merchant_may_switch_it_off(still_house: House) -> None:
    source = '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
    await still_house.configure(source + '[[source.rules]]\nevent = "order.updated"\naction = "amend_invoice"\nenabled = false\n')
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    await still_house.send("standard", changed("178.50", LAMP, SHADE))
    await still_house.run_due(without=WITHOUT)
    assert [row[:3] for row in await books(still_house)] == [("invoice", "INV-2026-000001", 11900)]
    assert await amendments(still_house) == []


async def test_a_change_of_currency_is_held(still_house: House) -> None:
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    await still_house.send("standard", changed("119.00", LAMP, currency="USD"))
    await still_house.run_due(without=WITHOUT)
    ((state, error),) = await amendments(still_house)
    assert state == "held"
    assert error is not None
    assert "now in USD" in error
    assert len(await books(still_house)) == 1


async def test_refunds_and_an_exchange_never_wait_for_one_another(still_houses: House) -> None:
    """A refund of more than is left waits for the exchange, a later one for that refund, and the exchange for neither."""
    await still_houses.send("standard", event("order.completed", an_order(total="178.50", paid=True, lines=[LAMP, SHADE])))
    await still_houses.run_due(without=WITHOUT)
    await still_houses.send("standard", changed("142.80", LAMP, CORD, paid=True))
    await still_houses.send("standard", refunded(refund="r-1", money="190.40", at="2026-11-20T11:00:00Z"))
    await still_houses.send("standard", refunded(refund="r-2", money="23.80", at="2026-11-20T12:00:00Z"))
    await still_houses.run_due(without=(*WITHOUT, "amend_invoice"))
    assert [state for _, state, _ in await still_houses.actions(kind="issue_credit_note")] == ["waiting", "waiting"]
    await still_houses.run_due(without=WITHOUT)
    assert [row[:3] for row in await books(still_houses)] == [
        ("invoice", "INV-2026-000001", 17850), ("invoice", "INV-2026-000002", 2380),
        ("credit_note", "CN-2026-000001", 5950), ("credit_note", "CN-2026-000002", 2380),
    ]  # fmt: skip
    (_, first, error), (_, second, _) = await still_houses.actions(kind="issue_credit_note")
    assert (first, second) == ("held", "done")
    assert error is not None
    assert "refund r-1 returns 190.40 EUR, but only 142.80 EUR of invoice INV-2026-000001 is left" in error


async def test_a_refund_of_what_was_added_waits_while_the_amendment_waits_for_something_else(still_house: House) -> None:
    """The amendment asks about a VAT number first: what it will charge may be what is given back."""
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=WITHOUT)
    await still_house.send("standard", changed("178.50", LAMP, SHADE, paid=True))
    await still_house.run_due(without=(*WITHOUT, "amend_invoice"))
    asking = ActionRow.filter(kind="amend_invoice")
    await asking.update(state="waiting", waits_for="ended:check_vat_id:standard:o-1:1")
    await still_house.send("standard", refunded(money="178.50", at="2026-11-20T11:00:00Z"))
    await still_house.run_due(without=WITHOUT)
    assert [state for _, state, _ in await still_house.actions(kind="issue_credit_note")] == ["waiting"]
    await asking.update(state="due", waits_for=None)
    await still_house.run_due(without=WITHOUT)
    assert [total for _, _, total, *_ in await books(still_house)] == [11900, 5950, 17850]
