"""Outbound webhooks: filters, frozen bodies, retries, rotation, and endpoints that are switched off."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook

from adapter.actions.notify import SCHEDULE
from adapter.clock import Clock, SimulatedClock
from adapter.infra.models import ActionRow, AttemptRow, EndpointRow, MessageRow
from adapter.signature import new_secret
from tests.house import SECRETS, House, Neighbourhood, Received
from tests.orders import completed

WITHOUT = ("render", "send_invoice", "send_credit_note", "send_reminder")

ENDPOINT = """
[[endpoint]]
name = "consumer"
entity = "lighthouse"
url = "{url}"
secrets = {secrets}
events = {events}
active = {active}
"""


async def endpoint(house: House, *, secrets: str = '["env:CONSUMER"]', events: str = '["invoice.created"]', **more: str) -> None:
    """Configure the consumer."""
    values = {"url": house.around.consumer, "active": "true"} | more
    await house.configure(ENDPOINT.format(secrets=secrets, events=events, **values))


async def deliver_action() -> ActionRow:
    """The one delivery to the consumer."""
    return await ActionRow.get(kind="deliver")


def ids(messages: list[Received]) -> set[str]:
    """The distinct webhook ids."""
    return {message.headers["webhook-id"] for message in messages}


async def test_only_what_was_asked_for(still_house: House) -> None:
    """Of created and paid, the one that the endpoint names; thin, with the ids to fetch the rest by."""
    await endpoint(still_house)
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=WITHOUT)
    (message,) = still_house.around.messages
    told = still_house.verified(message)
    assert (told["type"], told["test"], told["data"]["total"], told["data"]["number"]) == (
        "invoice.created",
        False,
        "119.00",
        "INV-2026-000001",
    )
    assert (told["timestamp"], told["data"]["orders"]) == (
        "2026-11-20T10:00:00+00:00",
        [{"id": "o-1", "number": "1", "source": "standard"}],
    )
    assert "sommer" not in message.body.decode()


async def test_both_libraries_verify(tmp_path: Path, neighbourhood: Neighbourhood) -> None:
    """standardwebhooks and svix, with the secret as it is written; not with another one."""
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=Clock()) as house:
        await house.send("standard", completed(buyer={"name": "Zoë Ünal 李"}))
        await house.run_due(without=WITHOUT)
        (message,) = neighbourhood.messages
        for library in (StandardWebhook, SvixWebhook):
            library(SECRETS["consumer"]).verify(message.body, message.headers)
            with pytest.raises(Exception, match="signature"):
                library(new_secret(b"another!" * 4)).verify(message.body, message.headers)


async def test_retries_keep_body_and_id(still_house: House, clock: SimulatedClock) -> None:
    """Ten attempts over 75 hours, each within a fifth of the schedule: the same bytes and id, a new time and signature."""
    await endpoint(still_house)
    still_house.around.answers = [500] * 10
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    for number, pause in enumerate(SCHEDULE, 1):
        row = await deliver_action()
        assert (row.state, row.attempts, row.error) == ("due", number, "consumer answered 500")
        assert row.next_at is not None
        assert pause * 0.8 - timedelta(seconds=1) <= row.next_at - clock.now() <= pause * 1.2
        clock.advance(pause * 1.2)
        await still_house.run_due(without=WITHOUT)
    messages = still_house.around.messages
    assert (len(messages), len({message.body for message in messages}), len(ids(messages))) == (10, 1, 1)
    assert len({message.headers["webhook-signature"] for message in messages}) == 10
    row = await deliver_action()
    assert (row.state, row.error) == ("dead", "consumer answered 500; attempt 10 was the last")
    assert (await MessageRow.get()).state == "failed"
    assert [attempt.status for attempt in await AttemptRow.all().order_by("number")] == [500] * 10


async def test_a_failure_and_then_success(still_house: House, clock: SimulatedClock) -> None:
    """The endpoint's trouble is over with the first success."""
    await endpoint(still_house)
    still_house.around.answers = [503]
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    assert (await EndpointRow.get()).failing_since == clock.now()
    clock.advance(timedelta(seconds=6))
    await still_house.run_due(without=WITHOUT)
    row = await deliver_action()
    assert (row.state, row.outcome, row.attempts) == ("done", {"attempts": 2, "status": 200}, 2)
    assert (await EndpointRow.get()).failing_since is None
    assert (await MessageRow.get()).delivered_at == clock.now()


@pytest.mark.parametrize(("asked", "least", "most"), [("1", 4, 6), ("8", 8, 8), ("999999", 8, 12), ("soon", 4, 6), ("-5", 4, 6)])
async def test_retry_after_is_clamped(still_house: House, clock: SimulatedClock, asked: str, least: int, most: int) -> None:
    """Between the schedule's own pause (5 s within a fifth) and twice that."""
    await endpoint(still_house)
    still_house.around.answers, still_house.around.answer_headers = [429], {"Retry-After": asked}
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    row = await deliver_action()
    assert row.next_at is not None
    assert timedelta(seconds=least) <= row.next_at - clock.now() <= timedelta(seconds=most)


async def test_gone(still_house: House) -> None:
    """410 switches the endpoint off; what was queued for it is cancelled, and nothing more is sent."""
    await endpoint(still_house)
    still_house.around.answers = [410]
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    row = await EndpointRow.get()
    assert (row.active, row.disabled_reason) == (False, "it answered 410 Gone")
    action = await deliver_action()
    assert (action.state, action.error) == ("dead", "consumer answered 410; the endpoint was switched off because it answered 410 Gone")
    await still_house.send("standard", completed("o-2"))
    await still_house.run_due(without=WITHOUT)
    assert len(still_house.around.messages) == 1
    assert await MessageRow.all().count() == 1


async def test_five_days_of_failures(still_house: House, clock: SimulatedClock) -> None:
    """Not at five days to the second, but at the first failure after them."""
    await endpoint(still_house)
    still_house.around.answers = [500] * 50
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    clock.advance(timedelta(days=5))
    await still_house.run_due(without=WITHOUT)
    assert (await EndpointRow.get()).active
    clock.advance(timedelta(hours=1))
    await still_house.run_due(without=WITHOUT)
    row = await EndpointRow.get()
    assert (row.active, row.disabled_reason) == (False, "every attempt since 2026-11-20 10:00 failed")
    await endpoint(still_house)
    assert ((await EndpointRow.get()).active, (await EndpointRow.get()).failing_since) == (True, None)


async def test_switched_off_by_its_owner(still_house: House) -> None:
    """Queued work is cancelled with the reason; no request is made."""
    await endpoint(still_house)
    await still_house.send("standard", completed())
    await still_house.run_due(without=(*WITHOUT, "deliver"))
    await endpoint(still_house, active="false")
    await still_house.run_due(without=WITHOUT)
    action = await deliver_action()
    assert (action.state, action.error) == ("skipped", "endpoint consumer is switched off: by its owner")
    assert (await MessageRow.get()).state == "cancelled"
    assert still_house.around.messages == []


async def test_changing_the_secret(still_house: House, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sign for a day, so that a retry that spans the change verifies with either; then the new one alone."""
    newer = new_secret(b"newer..." * 4)
    monkeypatch.setitem(SECRETS, "newer", newer)
    await endpoint(still_house)
    await endpoint(still_house, secrets='["env:NEWER"]')
    for id, count in (("o-1", 2), ("o-2", 2), ("o-3", 1)):
        await still_house.send("standard", completed(id))
        await still_house.run_due(without=WITHOUT)
        signatures = still_house.around.messages[-1].headers["webhook-signature"].split(" ")
        assert len(signatures) == count, id
        assert all(len(base64.b64decode(signature.removeprefix("v1,"))) == 32 for signature in signatures)
        if count == 2:
            still_house.verified(still_house.around.messages[-1])
            clock.advance(timedelta(hours=23, minutes=59, seconds=59) if id == "o-1" else timedelta(seconds=1))
    with pytest.raises(Exception, match="no accepted secret"):
        still_house.verified(still_house.around.messages[-1])


async def test_private_addresses_are_not_reached(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> None:
    """An endpoint whose network is not allowed any more: the attempt is recorded, no socket is opened."""
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock) as house:
        await EndpointRow.all().update(url="http://10.11.12.13/in")
        await house.send("standard", completed())
        await house.run_due(without=WITHOUT)
        (attempt,) = await AttemptRow.all()
        assert (attempt.status, attempt.error is not None and attempt.error.startswith("blocked_address: ")) == (None, True)
        assert (await deliver_action()).state == "due"


async def test_test_mode_says_so(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> None:
    """Every message of a test entity."""
    async with House(tmp_path / "data", None, neighbourhood, mode="test", working=False, clock=clock) as house:
        await house.send("standard", completed(paid=True))
        await house.run_due(without=WITHOUT)
        assert {(message.event["type"], message.event["test"]) for message in neighbourhood.messages} == {
            ("invoice.created", True),
            ("invoice.paid", True),
        }
