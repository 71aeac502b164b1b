"""The event-to-action table at work: own rows, conditions, delays, and what stays of the default table."""

from datetime import timedelta

import pytest

from adapter.clock import SimulatedClock
from adapter.infra.models import ActionRow, DocumentRow
from tests.house import House
from tests.orders import an_order, completed, event

SOURCE = """
[[source]]
id = "standard"
entity = "lighthouse"
connector = "standard"
secrets = ["env:STANDARD"]
"""
FULFILLED = {"financial": "paid", "fulfilment": "fulfilled", "fulfilled_at": "2026-11-20T09:30:00+00:00"}
WITHOUT = ("render", "notify", "deliver", "send_invoice", "send_credit_note")


async def outcome(house: House, kind: str) -> list[tuple[str, str | None]]:
    """State and error of the actions of one kind."""
    return [(state, error) for _, state, error in await house.actions(kind=kind)]


async def test_the_default_table(still_house: House) -> None:
    """A paid order: an invoice, its mail, and nothing else to do."""
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=("render", "notify", "deliver", "send_invoice"))
    kinds = sorted([kind for kind, _, _ in await still_house.actions()])
    assert kinds == ["issue_invoice", "normalise", "notify", "notify", "render", "send_invoice"]


async def test_issuing_on_another_event_after_some_hours(still_house: House, clock: SimulatedClock) -> None:
    """Fulfilled plus 48 hours: not a second before, counted from when it was fulfilled."""
    rule = '[[source.rules]]\nevent = "order.fulfilled"\naction = "issue_invoice"\nparameters = { delay_hours = 48 }\n'
    await still_house.configure(SOURCE + rule)
    await still_house.send("standard", completed(progress=FULFILLED))
    await still_house.run_due(without=WITHOUT)
    assert await DocumentRow.all().count() == 0
    clock.advance(timedelta(hours=47, minutes=29, seconds=59))
    assert await still_house.run_due(without=WITHOUT) == []
    clock.advance(timedelta(seconds=1))
    assert await still_house.run_due(without=WITHOUT) == ["issue_invoice"]
    (row,) = await DocumentRow.all()
    assert (row.number, row.issue_date.isoformat()) == ("INV-2026-000001", "2026-11-22")


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ('countries = ["fr", "IT"]', "country DE is not one of FR, IT"),
        ('not_countries = ["DE"]', "country DE is excluded"),
        ('currencies = ["USD"]', "currency EUR is not one of USD"),
        ('total_at_least = "119.01"', "total 119.00 is below 119.01"),
        ('total_at_most = "118.99"', "total 119.00 is above 118.99"),
        ('gateways = ["invoice"]', "gateway is not one of invoice"),
        ('tags = ["wholesale"]', "has none of the tags wholesale"),
        ("test = true", "the order is not a test"),
        ('countries = ["DE"]\ntotal_at_least = "119.00"\ntotal_at_most = "119.00"\ngateways = ["paypal"]\ntags = ["vip"]', None),
    ],
)
async def test_conditions(still_house: House, conditions: str, reason: str | None) -> None:
    """A rule whose conditions an order does not meet is skipped with the reason; bounds are included, case does not matter."""
    rule = f'[[source.rules]]\nevent = "order.completed"\naction = "issue_invoice"\n[source.rules.conditions]\n{conditions}\n'
    await still_house.configure(SOURCE + rule)
    payments = [{"id": "p-1", "kind": "sale", "amount": "119.00", "gateway": "PayPal"}]
    await still_house.send("standard", completed(payments=payments, tags=["VIP"]))
    await still_house.run_due(without=WITHOUT)
    expected = ("done", None) if reason is None else ("skipped", f"no rule applies: {reason}")
    assert await outcome(still_house, "issue_invoice") == [expected]
    assert await DocumentRow.all().count() == (reason is None)


async def test_the_first_row_that_applies_decides(still_house: House, clock: SimulatedClock) -> None:
    """Two rows for one action: Germans after an hour, all others at once."""
    rules = """
[[source.rules]]
event = "order.completed"
action = "issue_invoice"
conditions = { countries = ["DE"] }
parameters = { delay_hours = 2 }
[[source.rules]]
event = "order.completed"
action = "issue_invoice"
parameters = { language = "de" }
"""
    await still_house.configure(SOURCE + rules)
    await still_house.send("standard", completed("o-1"))
    await still_house.send("standard", completed("o-2", buyer={"address": {"country": "AT"}}))
    await still_house.run_due(without=WITHOUT)
    documents = await still_house.documents()
    assert [(row.order_id, document.language) for row, document in documents] == [("o-2", "de")]
    clock.advance(timedelta(hours=1))
    await still_house.run_due(without=WITHOUT)
    documents = await still_house.documents()
    assert [(row.order_id, document.language) for row, document in documents] == [("o-2", "de"), ("o-1", "en")]


async def test_a_row_that_is_switched_off(still_house: House) -> None:
    """A disabled row replaces the default one, so that nothing is issued; the rest of the default table stays."""
    rule = '[[source.rules]]\nevent = "order.completed"\naction = "issue_invoice"\nenabled = false\n'
    await still_house.configure(SOURCE + rule)
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=("send_invoice",))
    assert sorted([kind for kind, _, _ in await still_house.actions()]) == ["normalise", "send_invoice"]


@pytest.mark.parametrize(("switch", "documents"), [("true", 1), ("false", 0)])
async def test_orders_that_cost_nothing(still_house: House, switch: str, documents: int) -> None:
    """The merchant says whether they get an invoice."""
    rule = f'[[source.rules]]\nevent = "order.completed"\naction = "issue_invoice"\nparameters = {{ zero_totals = {switch} }}\n'
    await still_house.configure(SOURCE + rule)
    await still_house.send("standard", completed(total="0.00"))
    await still_house.run_due(without=WITHOUT)
    assert await DocumentRow.all().count() == documents
    ((state, error),) = await outcome(still_house, "issue_invoice")
    skipped = ("skipped", "the order cost nothing, and the rule says that such orders get no invoice")
    assert (state, error) == (("done", None) if documents else skipped)


async def test_test_orders_never_issue(still_house: House) -> None:
    """Nor are they mailed or announced, whatever happens to them."""
    await still_house.send("standard", completed(test=True, paid=True))
    await still_house.send("standard", event("order.cancelled", an_order(test=True, paid=True, version="2026-11-20T10:00:00Z")))
    await still_house.run_due()
    assert await DocumentRow.all().count() == 0
    assert {state for kind, state, _ in await still_house.actions() if kind != "normalise"} == {"skipped"}
    assert await outcome(still_house, "issue_invoice") == [("skipped", "no rule applies: the order is a test")]


async def test_notification_rules_have_conditions_too(still_house: House) -> None:
    """A consumer that only wants what goes to France is not told of Germany."""
    rule = '[[source.rules]]\nevent = "invoice.created"\naction = "notify"\nconditions = { countries = ["FR"] }\n'
    await still_house.configure(SOURCE + rule)
    await still_house.send("standard", completed())
    await still_house.run_due(without=("render",))
    assert await outcome(still_house, "notify") == [("skipped", "no rule applies: country DE is not one of FR")]
    assert await ActionRow.filter(kind="deliver").count() == 0
    assert still_house.around.messages == []
