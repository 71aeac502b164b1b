"""Group commit: many deliveries in one transaction, each counted once."""

import asyncio
from datetime import timedelta

import pytest
from tortoise.exceptions import IntegrityError

from adapter.clock import SimulatedClock
from adapter.flow.store import Received
from adapter.infra.models import ActionRow, DeliveryRow, SourceRow
from tests.house import PATIENCE, House
from tests.orders import completed


async def test_200_deliveries_at_once_some_of_them_twice(still_houses: House) -> None:
    """80 orders once, 40 of them thrice: 120 rows of work would be wrong, 80 are right, and every copy is counted."""
    orders = [f"o-{number}" for number in range(80)] + [f"o-{number}" for number in range(40)] * 3
    statuses = await asyncio.gather(*(still_houses.send("standard", completed(id)) for id in orders))

    assert statuses == [200] * 200
    rows = await DeliveryRow.all()
    assert sorted(row.copies for row in rows) == [1] * 40 + [4] * 40
    works = await ActionRow.all()
    assert {work.key for work in works} == {f"normalise:{row.id}" for row in rows}
    assert {(work.kind, work.state) for work in works} == {("normalise", "due")}
    assert len(works) == 80


async def test_one_bad_row_does_not_fail_the_others(still_houses: House, clock: SimulatedClock) -> None:
    """A delivery that no database takes is refused alone, although it shares its transaction."""
    store = still_houses.app.store
    good = [Received("standard", "", {}, f"body {number}".encode(), clock.now()) for number in range(20)]
    bad = Received("a-source-that-was-deleted", "", {}, b"body", clock.now())
    results = await asyncio.gather(*(store.add(received) for received in [*good[:10], bad, *good[10:]]), return_exceptions=True)

    assert isinstance(results.pop(10), IntegrityError)
    assert results == [True] * 20
    assert await DeliveryRow.all().count() == await ActionRow.all().count() == 20


async def test_stopping_writes_what_was_accepted(still_house: House, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that waits for its transaction is lost when the process ends in order."""
    monkeypatch.setattr("adapter.flow.store.PATIENCE", PATIENCE)
    store = still_house.app.store
    waiting = [asyncio.create_task(store.add(Received("standard", "", {}, bytes([number]), clock.now()))) for number in range(250)]
    await asyncio.sleep(0)
    await store.stop()
    assert await asyncio.gather(*waiting) == [True] * 250
    assert await DeliveryRow.all().count() == 250


async def test_a_source_speaks_again(still_house: House, clock: SimulatedClock) -> None:
    """A delivery, new or not, ends a source's silence."""
    await still_house.send("standard", completed())
    await SourceRow.filter(id="standard").update(silent_since=clock.now())
    later = clock.advance(timedelta(days=3))
    await still_house.send("standard", completed())
    row = await SourceRow.get(id="standard")
    assert (row.last_delivery_at, row.silent_since) == (later, None)


async def test_the_same_body_under_two_topics_is_two_deliveries(still_house: House) -> None:
    """A delivery is unique by source, topic and body: headers may lie, so neither is dropped."""
    for topic in ("orders/create", "orders/updated"):
        assert await still_house.send("shopify", {"id": 5}, topic) == 200
    assert sorted([row.topic for row in await DeliveryRow.all()]) == ["orders/create", "orders/updated"]


@pytest.mark.parametrize("source", ["shopify", "woocommerce"])
async def test_the_same_body_at_two_sources(still_house: House, source: str) -> None:
    """Sources never share deliveries."""
    await still_house.send("sellapp", b"{}")
    await still_house.send(source, b"{}", "x")
    assert sorted([row.source_id for row in await DeliveryRow.all()]) == sorted(["sellapp", source])
