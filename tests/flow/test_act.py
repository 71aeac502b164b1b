"""One run of one action, and what becomes of it: the class of an error decides."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from adapter.clock import SimulatedClock
from adapter.domain.rules import ActionKind
from adapter.errors import GiveUp, Held, Ignored, Misconfigured, NotYet, TryAgain
from adapter.flow import act as act_stage
from adapter.flow.act import RETRIES, act
from adapter.flow.replay import Replay
from adapter.infra.database import transaction
from adapter.infra.models import ActionRow, DocumentRow, EventRow, OrderRow
from adapter.infra.queue import Work, enqueue, lock_order, order_fact, refund_fact, release
from adapter.infra.services import Run
from tests.house import House
from tests.orders import an_order, completed, event, refunded

WITHOUT = ("render", "notify", "deliver", "send_invoice", "send_credit_note")


def handled(monkeypatch: pytest.MonkeyPatch, does: Callable[[Run], Any]) -> None:
    """Let `privacy` actions do this."""

    async def handler(run: Run) -> Any:
        result = does(run)
        return await result if hasattr(result, "__await__") else result

    monkeypatch.setitem(act_stage.HANDLERS, ActionKind.PRIVACY, handler)  # type: ignore[arg-type]


async def run_one(house: House, key: str = "privacy:1", **more: Any) -> ActionRow:
    """Add an action and run what is due."""
    async with transaction():
        await enqueue([Work(key, ActionKind.PRIVACY, "standard", **more)], house.app.clock.now(), house.app.services.dispatcher)
    await house.run_due()
    return await ActionRow.get(key=key)


def raising(error: Exception) -> Callable[[Run], None]:
    """A handler that fails so."""

    def does(run: Run) -> None:
        raise error

    return does


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (Ignored("nothing to do"), "skipped", "nothing to do"),
        (Held("does not add up"), "held", "does not add up"),
        (GiveUp("a person must look"), "dead", "a person must look"),
        (Misconfigured("ADAPTER_X", "is wrong"), "dead", "ADAPTER_X: is wrong"),
    ],
)
async def test_ends(still_house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str, text: str) -> None:
    """Each class has its end, with the reason, the time and the attempt."""
    handled(monkeypatch, raising(error))
    row = await run_one(still_house)
    assert (row.state, row.error, row.attempts, row.finished_at) == (state, text, 1, still_house.app.clock.now())


async def test_a_result_is_kept(still_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a handler returns is the outcome; one attempt is one attempt, finished inside or not."""
    handled(monkeypatch, lambda run: {"document": "INV-1"})
    row = await run_one(still_house)
    assert (row.state, row.outcome, row.attempts) == ("done", {"document": "INV-1"}, 1)

    async def finishes(run: Run) -> None:
        async with transaction():
            await run.finish({"document": "INV-2"})

    handled(monkeypatch, finishes)
    row = await run_one(still_house, "privacy:2")
    assert (row.state, row.outcome, row.attempts) == ("done", {"document": "INV-2"}, 1)


async def test_retries_and_their_schedule(still_house: House, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven pauses, each within a fifth of the schedule, and then a dead letter that says what the last fault was."""
    handled(monkeypatch, raising(TryAgain("the mail server is away")))
    row = await run_one(still_house)
    for number, pause in enumerate(RETRIES, 1):
        assert (row.state, row.attempts, row.error) == ("due", number, "the mail server is away")
        assert row.next_at is not None
        assert pause * 0.8 - timedelta(seconds=1) <= row.next_at - clock.now() <= pause * 1.2
        assert await still_house.run_due() == []
        clock.advance(pause * 1.2)
        assert await still_house.run_due() == ["privacy"]
        row = await ActionRow.get(key="privacy:1")
    assert (row.state, row.attempts, row.error) == ("dead", 12, "the mail server is away")


async def test_a_fault_that_says_when(still_house: House, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """`after` is kept to the second, and is no way to try for ever."""
    handled(monkeypatch, raising(TryAgain("busy", after=timedelta(hours=5))))
    row = await run_one(still_house)
    assert row.next_at == clock.now() + timedelta(hours=5)
    for _ in RETRIES:
        clock.advance(timedelta(hours=5))
        await still_house.run_due()
    row = await ActionRow.get(key="privacy:1")
    assert (row.state, row.error) == ("dead", "busy")


async def test_an_unexpected_error_is_tried_again_and_tells_no_secret(still_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the row nor the log repeats the message of an error that is not ours."""
    handled(monkeypatch, raising(ValueError("ida@sommer.example is no number")))
    row = await run_one(still_house)
    assert (row.state, row.attempts) == ("due", 1)
    assert row.error is not None
    assert row.error.startswith("ValueError in act.py:")
    assert "ida" not in row.error


async def test_an_error_after_finishing_takes_the_end_back(still_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end belongs to the transaction: where that is rolled back the action is tried again."""

    async def fails_late(run: Run) -> None:
        async with transaction():
            await run.finish({"document": "INV-1"})
            raise TryAgain("the transaction was lost")

    handled(monkeypatch, fails_late)
    row = await run_one(still_house)
    assert (row.state, row.attempts, row.error) == ("due", 1, "the transaction was lost")


async def test_an_end_whose_answer_was_lost_stands(still_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Committed, but the connection broke before we heard of it: what is done stays done."""

    async def hears_nothing(run: Run) -> None:
        async with transaction():
            await run.finish({"document": "INV-1"})
        run.finished = False
        raise OSError("connection reset")

    handled(monkeypatch, hears_nothing)
    row = await run_one(still_house)
    assert (row.state, row.outcome, row.attempts) == ("done", {"document": "INV-1"}, 1)


async def test_a_kind_that_this_version_does_not_know(still_house: House, clock: SimulatedClock) -> None:
    """A row of a newer version waits for one."""
    await ActionRow.create(
        created_at=clock.now(), key="x", kind="teleport", state="due", parameters={}, next_at=clock.now()
    )  # fmt: skip
    await still_house.run_due()
    row = await ActionRow.get(key="x")
    assert (row.state, row.attempts) == ("due", 1)


async def test_what_took_its_process_along_too_often_is_a_dead_letter(still_houses: House) -> None:
    """It is not begun a thirteenth time; somebody who replays it may try."""
    await still_houses.send("standard", completed())
    row = await ActionRow.get(kind="normalise")
    await ActionRow.filter(id=row.id).update(attempts=12)
    await act(row.id, still_houses.app.services)
    dead = await ActionRow.get(id=row.id)
    assert (dead.state, (dead.error or "").partition(":")[0]) == ("dead", "was begun 12 times and never came to an end")
    await Replay(still_houses.app.dispatcher, still_houses.app.clock).actions([row.id])
    await act(row.id, still_houses.app.services)
    assert (await ActionRow.get(id=row.id)).state == "done"


async def test_what_is_over_is_not_run_again(still_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second job for the same row finds it done."""
    runs: list[str] = []
    handled(monkeypatch, lambda run: runs.append(run.action.id))
    row = await run_one(still_house)
    await act_stage.act(row.id, still_house.app.services)
    await act_stage.act("no such row", still_house.app.services)
    assert runs == [row.id]


async def test_a_mail_waits_for_its_invoice_and_a_refund_for_its_order(still_houses: House) -> None:
    """Whichever comes first: the refund, the confirmation, then the order, and all is done."""
    await still_houses.send("standard", refunded())
    await still_houses.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    await still_houses.run_due(without=("render", "notify", "deliver"))
    waiting = {row.kind: (row.state, row.waits_for) for row in await ActionRow.filter(state="waiting")}
    assert waiting == {
        "issue_credit_note": ("waiting", "order:standard:o-1"),
        "send_invoice": ("waiting", "order:standard:o-1"),
    }
    assert await DocumentRow.all().count() == 0

    await still_houses.send("standard", completed())
    ran = await still_houses.run_due(without=WITHOUT)
    assert ran.count("issue_credit_note") >= 1
    assert sorted([(row.kind, row.total) for row in await DocumentRow.all()]) == [("credit_note", 5950), ("invoice", 11900)]
    assert await ActionRow.filter(state="waiting").count() == 0
    assert (await ActionRow.get(kind="send_invoice")).state == "due"


@pytest.mark.parametrize("fact", ["invoice:standard:o-1", "order:standard:o-1", "refund:standard:o-1:r-1", "ended:privacy:other"])
async def test_a_fact_that_came_true_meanwhile_is_not_waited_for(still_houses: House, monkeypatch: pytest.MonkeyPatch, fact: str) -> None:
    """The race: the action looks, the fact is established and releases nobody, and only then the action begins to wait."""
    runs: list[str] = []

    async def looks_too_early(run: Run) -> None:
        runs.append("run")
        if len(runs) > 1:
            return
        handled(monkeypatch, lambda run: None)
        async with transaction():
            other = Work("privacy:other", ActionKind.PRIVACY, "standard", "o-1")
            await enqueue([other], still_houses.app.clock.now(), still_houses.app.services.dispatcher)
        await still_houses.send("standard", completed(paid=True))
        await still_houses.send("standard", refunded())
        await still_houses.run_due(without=WITHOUT)
        handled(monkeypatch, looks_too_early)
        raise NotYet(fact)

    handled(monkeypatch, looks_too_early)
    row = await run_one(still_houses, order_id="o-1")
    assert (row.state, runs) == ("done", ["run", "run"])


async def test_a_fact_that_does_not_come_is_waited_for_once(
    still_house: House, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hot loop; the wait is timed from when it began, and the fact's release ends it."""
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    runs: list[str] = []

    def waits(run: Run) -> None:
        runs.append("run")
        if len(runs) < 2:
            raise NotYet(refund_fact("standard", "o-1", "r-9"))

    handled(monkeypatch, waits)
    row = await run_one(still_house, order_id="o-1")
    assert (row.state, row.waits_for, row.waits_since, row.attempts) == ("waiting", "refund:standard:o-1:r-9", clock.now(), 0)
    assert row.error == "waits for refund:standard:o-1:r-9"
    await still_house.send("standard", refunded(refund="r-9"))
    await still_house.run_due(without=WITHOUT)
    row = await ActionRow.get(key="privacy:1")
    assert (row.state, row.waits_for, row.waits_since, runs) == ("done", None, None, ["run", "run"])


async def test_releasing_is_part_of_the_transaction(still_house: House, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is rolled back released nobody."""
    handled(monkeypatch, raising(NotYet(order_fact("standard", "o-5"))))
    await run_one(still_house, order_id="o-5")
    with suppress(RuntimeError):
        async with transaction():
            await lock_order("standard", "o-5")
            await release(order_fact("standard", "o-5"), clock.now(), still_house.app.services.dispatcher)
            raise RuntimeError
    assert (await ActionRow.get(key="privacy:1")).state == "waiting"


async def test_held_documents(still_house: House) -> None:
    """An order that does not add up is held with the figures, draws no number, and its mail waits."""
    wrong = an_order(paid=True, totals={"total": "150.00", "tax": "19.00"})
    await still_house.send("standard", event("order.completed", wrong))
    await still_house.run_due(without=("render", "notify", "deliver"))
    ((_, state, error),) = await still_house.actions(kind="issue_invoice")
    assert state == "held"
    assert error is not None
    assert error.startswith("total_mismatch: the lines add up to 119.00, but the order's total is 150.00 EUR")
    assert (await ActionRow.get(kind="send_invoice")).state == "waiting"
    assert await DocumentRow.all().count() == 0
    assert await EventRow.filter(type="invoice.created").count() == 0
    await still_house.send("standard", completed("o-2"))
    await still_house.run_due(without=WITHOUT)
    assert [row.number for row in await DocumentRow.all()] == ["INV-2026-000001"]
    assert await OrderRow.all().count() == 2
