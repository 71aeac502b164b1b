"""What is held until a person has looked: corrected where it comes from, let pass on purpose, or dealt with otherwise."""

from typing import Any

import pytest

from adapter.cli.tree import action_line, hint
from adapter.flow.replay import Decision, Replay
from adapter.infra.models import ActionRow, DocumentRow
from adapter.infra.story import action_facts
from tests.house import CONFIGURATION, House
from tests.orders import an_order, completed, event

WITHOUT = ("render", "notify", "deliver", "send_invoice", "send_credit_note", "send_reminder")
ADA = Decision("ada", "compared with the till")


async def issue() -> ActionRow:
    """The one action that is to make an invoice."""
    return await ActionRow.get(kind="issue_invoice")


async def told(house: House, sent: dict[str, Any]) -> ActionRow:
    """The invoice's action once a delivery has been worked on."""
    assert await house.send("standard", sent) == 200
    await house.run_due(without=WITHOUT)
    return await issue()


async def accept(house: House, id: str, decision: Decision = ADA) -> dict[str, str]:
    """Let an action pass, and run it; why that was refused, if it was."""
    replay = Replay(house.app.dispatcher, house.app.clock, accept=decision)
    await replay.actions([id])
    await house.run_due(without=WITHOUT)
    return replay.report.refused


async def hold(house: House, tax: str) -> None:
    """Have the seller want to see something first."""
    text = CONFIGURATION.format(mode="live", consumer=house.around.consumer)
    await house.configure(text.replace("\n[[endpoint]]", f"\n[entity.tax]\n{tax}\n\n[[endpoint]]"))


async def test_a_difference_is_let_pass_with_who_when_and_why(still_houses: House) -> None:
    """The invoice charges what the customer paid; what the lines miss is a line of its own, without tax."""
    held = await told(still_houses, completed(totals={"total": "124.00", "tax": "19.00"}))
    assert (held.state, held.outcome) == ("held", {"accept": ["total_mismatch"]})
    assert (held.error or "").startswith("total_mismatch: the lines add up to 119.00, but the order's total is 124.00 EUR")
    advice = hint(action_facts(held))
    assert advice is not None
    assert str(advice) == (
        f"corrected in the shop, it is tried again by itself; to let it pass: replay action {held.id} --accept REASON;"
        f" dealt with otherwise: dismiss {held.id} --because REASON"
    )
    await Replay(still_houses.app.dispatcher, still_houses.app.clock).actions([held.id])
    await still_houses.run_due(without=WITHOUT)
    assert ((await issue()).state, await DocumentRow.all().count()) == ("held", 0)

    assert await accept(still_houses, held.id) == {}
    done, ((row, document),) = await issue(), await still_houses.documents()
    acceptance = {"codes": ["total_mismatch"], "by": "ada", "at": still_houses.app.clock.now().isoformat(), "because": ADA.because}
    assert (done.state, done.outcome) == ("done", {"document": row.number, "accepted": [acceptance]})
    assert (row.total, row.tax_total) == (12_400, 1_900)
    assert [(line.kind.value, line.gross, line.tax) for line in document.lines] == [("goods", 11_900, 1_900), ("rounding", 500, 0)]
    assert "accepted by ada at 2026-11-20" in str(action_line(action_facts(done)))
    assert await accept(still_houses, held.id) == {held.id: "issue_invoice is done, not held: there is nothing to accept"}


async def test_taxes_that_contradict_each_other_are_let_pass(still_house: House) -> None:
    """The taxes of the lines stand, not the total that the shop put beside them."""
    held = await told(still_house, completed(totals={"total": "119.00", "tax": "12.00"}))
    assert (held.state, held.outcome) == ("held", {"accept": ["tax_mismatch"]})
    assert await accept(still_house, held.id) == {}
    row = await DocumentRow.get()
    assert (row.total, row.tax_total) == (11_900, 1_900)


async def test_findings_are_let_pass_one_by_one(still_houses: House) -> None:
    """What was accepted is what had been seen: another reason holds the document again, and both decisions are kept."""
    await hold(still_houses, 'holding = ["no_tax_data"]')
    lamp = an_order()["lines"][0] | {"taxes": []}
    untaxed = {"tax_given_by": "nobody", "lines": [lamp], "totals": {"total": "124.00", "tax": "0"}}
    held = await told(still_houses, completed(**untaxed))
    assert (held.state, held.outcome) == ("held", {"accept": ["total_mismatch"]})
    await accept(still_houses, held.id)
    held = await issue()
    assert (held.state, held.outcome["accept"]) == ("held", ["no_tax_data"])
    await accept(still_houses, held.id, Decision("grace", "a club without tax"))
    done = await issue()
    assert done.state == "done"
    assert [(each["codes"], each["by"]) for each in done.outcome["accepted"]] == [(["total_mismatch"], "ada"), (["no_tax_data"], "grace")]
    assert "no_tax_data" in [finding["code"] for finding in (await DocumentRow.get()).findings]


@pytest.mark.parametrize("wrong", [{"totals": {"total": "124.00", "tax": "19.00"}}, {"totals": {"total": "119.00", "tax": "12.00"}}])
async def test_an_order_that_was_corrected_is_invoiced_by_itself(still_houses: House, wrong: dict[str, Any]) -> None:
    """Nobody has to replay anything; while it is still wrong it stays held."""
    assert (await told(still_houses, completed(**wrong))).state == "held"
    assert (
        await told(still_houses, event("order.updated", an_order(version="2026-11-20T10:00:00Z", tags=["seen"], **wrong)))
    ).state == "held"
    assert (await told(still_houses, event("order.updated", an_order(version="2026-11-20T11:00:00Z")))).state == "done"
    assert (await DocumentRow.get()).total == 11_900


async def test_what_no_decision_can_mend_is_dismissed(still_houses: House) -> None:
    """An order that changed its currency after its invoice: no document can say that. Somebody does it by hand and says so; the action is
    neither dead nor held any more, and a replay revives it."""
    await told(still_houses, completed(paid=True))
    await told(still_houses, event("order.updated", an_order(paid=True, version="2026-11-20T10:00:00Z", currency="USD")))
    held = await ActionRow.get(kind="amend_invoice")
    assert (held.state, held.outcome) == ("held", {})
    assert (await accept(still_houses, held.id))[held.id].startswith("amend_invoice cannot be done with these data: ")

    replay = Replay(still_houses.app.dispatcher, still_houses.app.clock)
    await replay.dismiss([held.id, "nothing-of-the-kind", (await issue()).id], Decision("grace", "credited by hand"))
    assert (replay.report.replayed, replay.report.refused) == (
        {"amend_invoice": 1},
        {
            "nothing-of-the-kind": "there is no action with this id",
            (await issue()).id: "issue_invoice is done: only what is dead, held, waiting can be dismissed",
        },
    )
    row = await ActionRow.get(id=held.id)
    decision = {"by": "grace", "at": still_houses.app.clock.now().isoformat(), "because": "credited by hand"}
    assert (row.state, row.outcome, row.error) == ("skipped", {"dismissed": decision}, held.error)
    await told(still_houses, event("order.updated", an_order(paid=True, version="2026-11-20T11:00:00Z", currency="USD", tags=["x"])))
    assert (await ActionRow.get(id=held.id)).state == "skipped"
    await Replay(still_houses.app.dispatcher, still_houses.app.clock).actions([held.id])
    await still_houses.run_due(without=WITHOUT)
    assert (await ActionRow.get(id=held.id)).state == "held"
