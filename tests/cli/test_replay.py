"""`replay`: again through today's code, and nothing twice."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from adapter.flow.replay import Replay
from adapter.infra.models import ActionRow, DeliveryRow, DocumentRow, EventRow, MessageRow
from tests.cli.conftest import CREATED, FIXTURES, REFUNDED, Outside, Service
from tests.house import CONFIGURATION, House

NO_SENDER = CONFIGURATION.replace('email = "billing@lighthouse.example"\n', "")


@pytest.fixture
def mute(tmp_path: Path) -> Iterator[Service]:
    """A running service without any sender for its mails: the mail of its one order is a dead letter."""
    with Outside() as outside:
        service = Service(tmp_path, outside, NO_SENDER)
        service.run("apply", str(service.configuration))
        service.start()
        try:
            assert service.send(CREATED, "orders/create") == 200
            service.idle()
            assert service.rows("SELECT kind FROM action WHERE state = 'dead'") == [("send_invoice",)]
            yield service
        finally:
            service.stop()


def counted(service: Service) -> list[int]:
    """How many events, documents, mails and messages there are."""
    return [service.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in ("event", "document", "email", "message")]  # noqa: S608


def test_dead_letters_deliveries_and_mails_again(mute: Service) -> None:
    """A dead mail goes out once its cause is mended; a delivery and a done mail are repeated only as far as nothing happens twice."""
    (mail, delivery) = mute.rows("SELECT (SELECT id FROM action WHERE state = 'dead'), (SELECT id FROM delivery)")[0]

    assert mute.run("replay", "dead", "--dry-run").stdout == "would replay: 1 send_invoice\n"
    assert mute.rows("SELECT state FROM action WHERE id = ?", mail) == [("dead",)]

    mute.stop()
    mute.start(ADAPTER_MAIL_FROM="billing@lighthouse.example")
    assert mute.run("replay", "dead", "--source", "shopify", "--kind", "send_invoice").stdout == "replayed: 1 send_invoice\n"
    mute.until(lambda: len(mute.outside.mails) == 1)
    mute.idle()
    before = counted(mute)

    assert mute.run("replay", "delivery", delivery).stdout == "replayed: 1 normalise\n"
    refused = mute.run("replay", "action", mail, code=1).stdout
    assert refused == f"replayed: nothing\nnot replayed: {mail}: send_invoice is done; --again does it once more\n"
    mute.until(lambda: mute.rows("SELECT 1 FROM action WHERE kind = 'normalise' AND state = 'done' AND attempts = 1"))
    mute.idle()
    assert counted(mute) == before
    assert len(mute.outside.mails) == 1

    assert mute.run("replay", "action", mail, "--again").stdout == "replayed: 1 send_invoice\n"
    mute.until(lambda: len(mute.outside.mails) == 2)
    assert len({message_from_bytes(sent)["Message-ID"] for sent in mute.outside.mails}) == 1
    mute.idle()
    assert counted(mute) == before


def test_what_is_not_replayed_says_why(day: Service) -> None:
    """Done work, unknown ids and sources, times that are none; nothing is made due by any of it."""
    (issue,) = day.rows("SELECT id FROM action WHERE kind = 'issue_invoice'")[0]
    (reading, delivery) = day.rows("SELECT id, subject FROM action WHERE kind = 'normalise' AND state = 'done'")[0]
    told = day.run("replay", "action", issue, reading, "nothing-of-the-kind", "--again", code=1).stdout.splitlines()
    assert sorted(told) == sorted(
        [
            "replayed: nothing",
            f"not replayed: {issue}: issue_invoice is done",
            f"not replayed: {reading}: normalise is done; to read its delivery again: replay delivery {delivery}",
            "not replayed: nothing-of-the-kind: there is no action with this id",
        ]
    )
    assert day.run("replay", "source", "shopify", "--until", "2001-01-01").stdout == "replayed: nothing\n"
    assert "SOURCE: 'etsy' does not exist; there are: shopify" in day.run("replay", "source", "etsy", code=2).stderr
    assert "--since: 'noon' is not a time" in day.run("replay", "source", "shopify", "--since", "noon", code=2).stderr
    assert day.rows("SELECT 1 FROM action WHERE parameters LIKE '%replayed%'") == []


async def test_a_source_s_deliveries_in_a_range_of_time(house: House) -> None:
    """On both dispatchers: everything is read again at low priority, what is erased is told, and nothing comes of it twice."""
    assert await house.send("shopify", (FIXTURES / CREATED).read_bytes(), "orders/create") == 200
    assert await house.send("shopify", (FIXTURES / REFUNDED).read_bytes(), "refunds/create") == 200
    await house.idle()
    everything = (EventRow.all(), DocumentRow.all(), MessageRow.all(), ActionRow.exclude(kind="retention"))  # that comes with the day
    before = [await rows.count() for rows in everything]
    mails = len(house.around.mails)
    deliveries = await DeliveryRow.all().order_by("id")
    await DeliveryRow.filter(id=deliveries[1].id).update(body=b"")

    now = house.app.clock.now()
    early = Replay(house.app.dispatcher, house.app.clock)
    await early.source("shopify", now, None)
    assert early.report.replayed == {}
    replay = Replay(house.app.dispatcher, house.app.clock)
    await replay.source("shopify", now - timedelta(hours=1), now)
    assert (replay.report.replayed, replay.report.erased, replay.report.refused) == ({"normalise": 1}, 1, {})
    row = await ActionRow.get(key=f"normalise:{deliveries[0].id}")
    assert (row.priority, row.parameters) == (-70, {"replayed": True})
    await house.idle()

    await row.refresh_from_db()
    assert (row.state, row.outcome["new"], row.attempts) == ("done", 0, 1)
    assert [await rows.count() for rows in everything] == before
    assert len(house.around.mails) == mails


async def test_a_message_again_reaches_its_consumer_again(embedded_house: House) -> None:
    """Only on purpose, and under the same id: consumers recognise it."""
    house = embedded_house
    assert await house.send("shopify", (FIXTURES / CREATED).read_bytes(), "orders/create") == 200
    await house.idle()
    message = await MessageRow.filter(type="invoice.created").get()
    delivering = await ActionRow.get(kind="deliver", subject=message.id)
    sent = len(house.around.messages)

    once = Replay(house.app.dispatcher, house.app.clock)
    await once.actions([delivering.id])
    assert once.report.refused == {delivering.id: "deliver is done; --again does it once more"}
    await Replay(house.app.dispatcher, house.app.clock, again=True).actions([delivering.id])
    await house.idle()

    assert len(house.around.messages) == sent + 1
    assert [got.headers["webhook-id"] for got in house.around.messages].count(message.id) == 2
