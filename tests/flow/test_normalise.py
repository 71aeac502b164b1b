"""A stored delivery becomes events: pulls, facts that are recorded once, and the fold under concurrency."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import connectors.woocommerce
from adapter.clock import SimulatedClock
from adapter.connector import connector
from adapter.domain.state import OrderState
from adapter.flow.act import RETRIES, act
from adapter.infra.models import ActionRow, DeliveryRow, DocumentRow, EventRow, OrderRow, new_id
from tests.house import SECRETS, House
from tests.orders import an_order, completed, event, refunded

FIXTURES = Path(connectors.woocommerce.__path__[0]) / "fixtures"
REFUNDED = (FIXTURES / "order.updated--partial-refund.json").read_bytes()
ROWS = (FIXTURES / "pulled-refunds--partial-refund.json").read_bytes()
WITHOUT = ("render", "send_invoice", "send_credit_note", "notify", "deliver")

WOOCOMMERCE = """
[[source]]
id = "woocommerce"
entity = "lighthouse"
connector = "woocommerce"
secrets = ["env:WOOCOMMERCE"]
settings = {{ site = "{site}", consumer_key = "env:REST_KEY", consumer_secret = "env:REST_SECRET" }}
"""


@dataclass
class Shop:
    """A shop's REST API on loopback; `status` is of every answer."""

    address: str = ""
    status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """The rows of refunds."""
        self.asked.append((request.path, request.headers["Authorization"]))
        return web.Response(status=self.status, body=ROWS, content_type="application/json")


@pytest.fixture
async def shop(still_house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """A shop with REST credentials, configured as the source `woocommerce`."""
    found = Shop()
    application = web.Application()
    application.router.add_get("/{path:.*}", found.answer)
    server = TestServer(application)
    await server.start_server()
    found.address = str(server.make_url("")).rstrip("/")
    monkeypatch.setitem(SECRETS, "rest_key", "ck_made_up")
    monkeypatch.setitem(SECRETS, "rest_secret", "cs_made_up")
    await still_house.configure(WOOCOMMERCE.format(site=found.address))
    yield found
    await server.close()


async def _send(house: House, shop: Shop) -> ActionRow:
    headers = {"X-WC-Webhook-Source": shop.address}
    assert await house.send("woocommerce", REFUNDED, "order.updated", **headers) == 200
    await house.run_due(without=WITHOUT)
    return await ActionRow.get(kind="normalise")


async def test_refund_rows_are_pulled(still_house: House, shop: Shop) -> None:
    """The order lists a refund by its amount; its rows come from the REST API, asked with the source's own key."""
    row = await _send(still_house, shop)
    assert (row.state, row.error, row.attempts) == ("done", None, 1)
    ((path, authorization),) = shop.asked
    assert path.startswith("/wp-json/wc/v3/orders/")
    assert path.endswith("/refunds")
    assert authorization.startswith("Basic ")
    (order,) = await OrderRow.all()
    (refund,) = OrderState.model_validate_json(order.state).refunds
    assert refund.lines


async def test_a_key_that_is_refused_is_a_dead_letter_that_says_what_to_do(still_house: House, shop: Shop) -> None:
    """401: no retry helps. Nothing is recorded of the delivery."""
    shop.status = 401
    row = await _send(still_house, shop)
    assert (row.state, row.attempts) == ("dead", 1)
    assert row.error == "127.0.0.1 answered the pull refunds with 401: check the API key or token of this source"
    assert await EventRow.all().count() == await OrderRow.all().count() == 0


@pytest.mark.parametrize("down", [False, True])
async def test_a_shop_that_is_ill_is_asked_again(still_house: House, shop: Shop, clock: SimulatedClock, own_port: int, down: bool) -> None:
    """500 and no connection: the same delivery later, then as if nothing had been."""
    if down:
        await still_house.configure(WOOCOMMERCE.format(site=f"http://127.0.0.1:{own_port}"))
        await still_house.send("woocommerce", REFUNDED, "order.updated")
        await still_house.run_due(without=WITHOUT)
        row = await ActionRow.get(kind="normalise")
    else:
        shop.status = 500
        row = await _send(still_house, shop)
    assert (row.state, row.attempts) == ("due", 1)
    assert row.error is not None
    assert ("failed: connect" if down else "answered the pull refunds with 500") in row.error
    assert row.next_at is not None
    assert clock.now() < row.next_at <= clock.now() + RETRIES[0] * 1.2
    assert await EventRow.all().count() == 0

    shop.status = 200
    await still_house.configure(WOOCOMMERCE.format(site=shop.address))
    clock.advance(RETRIES[0] * 1.2)
    await still_house.run_due(without=WITHOUT)
    row = await ActionRow.get(kind="normalise")
    assert (row.state, row.attempts, row.error) == ("done", 2, None)


async def test_a_fact_is_recorded_once_whatever_brings_it(still_houses: House) -> None:
    """The same order in three snapshots and a confirmation: one fact of each type, and an update per content."""
    await still_houses.send("standard", event("order.created", an_order(version="2026-11-20T09:00:01+00:00")))
    await still_houses.send("standard", event("order.completed", an_order(paid=True, version="2026-11-20T09:00:02+00:00")))
    await still_houses.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    await still_houses.send("standard", event("order.updated", an_order(paid=True, version="2026-11-20T09:00:02+00:00")))
    await still_houses.run_due(without=WITHOUT)
    found = sorted([row.type for row in await EventRow.filter(type__startswith="order.")])
    assert found == ["order.completed", "order.created", "order.updated", "order.updated"]
    assert await EventRow.filter(type="payment.confirmed").count() == 1
    assert await DocumentRow.all().count() == 1


async def test_the_fold_under_concurrency(still_houses: House) -> None:
    """Twelve refunds of one order, read at the same moment: none is lost, none is twice."""
    await still_houses.send("standard", completed(total="1190.00", paid=True))
    for number in range(12):
        await still_houses.send("standard", refunded(refund=f"r-{number}", money="1.19"))
    ids = [row.id for row in await ActionRow.filter(kind="normalise")]
    await asyncio.gather(*(asyncio.create_task(act(id, still_houses.app.services)) for id in ids * 2))
    row = await OrderRow.get(order_id="o-1")
    assert [refund.id for refund in OrderState.model_validate_json(row.state).refunds] == sorted(f"r-{number}" for number in range(12))
    assert await EventRow.filter(type="refund.issued").count() == 12
    assert await ActionRow.filter(kind="issue_credit_note").count() == 12


async def test_an_empty_body_is_a_dead_letter_and_an_erased_one_is_skipped(still_house: House, clock: SimulatedClock) -> None:
    """The digest tells what was received."""
    for digest in (sha256(b"").hexdigest(), sha256(b"{}").hexdigest()):
        delivery = DeliveryRow(id=new_id(), created_at=clock.now(), source_id="standard", topic="", digest=digest, headers={}, body=b"")
        await delivery.save()
        key = f"normalise:{delivery.id}"
        await ActionRow.create(
            id=new_id(), created_at=clock.now(), key=key, kind="normalise", state="due", source_id="standard", subject=delivery.id,
            parameters={}, next_at=clock.now(),
        )  # fmt: skip
    await still_house.run_due()
    assert await still_house.actions() == [
        ("normalise", "dead", "not_json: Expecting value at line 1 column 1"),
        ("normalise", "skipped", "the delivery was erased, on a privacy request or because it led to no document"),
    ]


@pytest.mark.parametrize(
    "placed_at", ["0001-01-01T00:00:00-14:00", "1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00"]
)
async def test_a_time_that_cannot_be_is_a_dead_letter(still_house: House, placed_at: str) -> None:
    """It would stand on an invoice. An order of some years ago, or a few days ahead, is one."""
    await still_house.send("standard", completed(placed_at=placed_at))
    await still_house.send("standard", completed("o-2", placed_at="2019-02-28T10:00:00+01:00"))
    await still_house.send("standard", completed("o-3", placed_at="2026-11-27T10:00:00+01:00"))
    await still_house.run_due(without=WITHOUT)
    read = {row.state: row.error for row in await ActionRow.filter(kind="normalise")}
    assert set(read) == {"dead", "done"}
    assert (read["dead"] or "").startswith("bad_time: order.")
    assert {row.order_id for row in await DocumentRow.all()} == {"o-2", "o-3"}


async def test_an_id_as_long_as_ids_may_be(still_houses: House) -> None:
    """255 characters of an order's id and of a refund's: no key outgrows its column."""
    order, refund = "ö" * 255, "r" * 255
    await still_houses.send("standard", event("order.completed", an_order(order, number="7", paid=True)))
    await still_houses.send("standard", refunded(order, refund))
    await still_houses.send("standard", event("order.cancelled", an_order(order, number="7", paid=True, version="2026-11-21T00:00:00Z")))
    await still_houses.run_due(without=WITHOUT)
    assert {state for _, state, _ in await still_houses.actions(kind__in=["normalise", "issue_invoice", "issue_credit_note"])} == {"done"}
    assert sorted([row.total for row in await DocumentRow.all()]) == [5950, 5950, 11900]


async def test_a_connector_that_stumbles_is_a_dead_letter_without_the_body(
    still_house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pure function fails again on the same body: no retries, and the reason repeats nothing that a buyer wrote."""

    def stumble(payload: Any, context: Any) -> Any:
        raise KeyError(payload["data"]["buyer"]["email"])

    monkeypatch.setitem(connector("standard").events, "order.completed", stumble)  # type: ignore[arg-type]
    await still_house.send("standard", completed())
    await still_house.run_due()
    ((_, state, error),) = await still_house.actions()
    assert state == "dead"
    assert error is not None
    assert error.startswith("the standard connector failed on this body (KeyError in normalise.py:")
    assert "sommer" not in error
    assert "sommer" not in "".join(capsys.readouterr())
