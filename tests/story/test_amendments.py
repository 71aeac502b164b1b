"""Orders that are edited after their invoice: whatever arrives first, the documents come to the same total and the same tax by rate."""

import asyncio
import json
import time
from collections import Counter
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from adapter.domain.document import Document
from adapter.infra.models import ActionRow, DocumentRow
from adapter.infra.queue import DEAD, HELD, WAITING
from tests.house import PATIENCE, House
from tests.story.outcome import assert_gapless
from tests.story.stories import Delivery, fixture, shopify_order, shopify_refund, woocommerce_order

Json = dict[str, Any]
FIRST = 5_000


def shopify(name: str, n: int, minute: int, **changes: Any) -> Json:
    """An edited order as its webhook shows it, under the number of the story's order."""
    own = {key: shopify_order(n, minute, "paid")[key] for key in ("id", "order_number", "name", "admin_graphql_api_id", "updated_at")}
    return fixture("shopify", name) | own | changes


def exchanged_and_refunded(n: int) -> list[Delivery]:
    """A book for a candle of the same price; then a lamp comes back."""
    back = shopify_refund(n, 1, lamps=1)
    edited = shopify("orders_updated--exchanged", n, 30)
    return [
        delivery("shopify", "orders/create", shopify_order(n, 15, "paid")),
        delivery("shopify", "orders/updated", edited),
        delivery("shopify", "refunds/create", back),
    ]


def taken_off_then_added(n: int) -> list[Delivery]:
    """The book goes; later it is there again, and a candle with it."""
    return [
        delivery("shopify", "orders/create", shopify_order(n, 15, "paid")),
        delivery("shopify", "orders/updated", shopify("orders_updated--edited-down", n, 30)),
        delivery("shopify", "orders/updated", shopify("orders_updated--edited-up", n, 40)),
    ]


def changed_by_the_admin(n: int) -> list[Delivery]:
    """A WooCommerce order loses its last line of goods."""
    edited = woocommerce_order(n, 30, "processing")
    gone = edited["line_items"].pop()
    taxed = {str(part["id"]): part["total"] for part in gone["taxes"]}
    for line in edited["tax_lines"]:
        line["tax_total"] = less(line["tax_total"], taxed.get(str(line["rate_id"]), "0"))
    for key, parts in (("total", ("total", "total_tax")), ("total_tax", ("total_tax",)), ("cart_tax", ("total_tax",))):
        for part in parts:
            edited[key] = less(edited[key], gone[part])
    return [
        delivery("woocommerce", "order.created", woocommerce_order(n, 16, "processing")),
        delivery("woocommerce", "order.updated", edited),
        delivery("woocommerce", "order.updated", edited | {"status": "completed", "date_modified_gmt": edited["date_modified_gmt"]}),
    ]


def less(amount: str, by: str) -> str:
    """The difference of two decimal texts."""
    return format(Decimal(amount) - Decimal(by), "f")


def delivery(source: str, topic: str, body: Json) -> Delivery:
    return Delivery(source, topic, json.dumps(body).encode())


STORIES = {story.__name__: story for story in (exchanged_and_refunded, taken_off_then_added, changed_by_the_admin)}


async def sums(order_id: str) -> tuple[int, dict[str, int]]:
    """Total and tax by rate of all documents of an order, credit notes taken off."""
    total, taxes = 0, Counter[str]()
    for row in await DocumentRow.filter(order_id=order_id):
        sign = 1 if row.kind == "invoice" else -1
        total += sign * row.total
        for group in Document.model_validate_json(row.content).taxes:
            taxes[str(group.rate)] += sign * group.tax
    return total, {rate: amount for rate, amount in taxes.items() if amount}


async def settled() -> None:
    """Wait until nothing that makes documents is under way."""
    kinds = ("normalise", "issue_invoice", "issue_credit_note", "amend_invoice")
    books = ActionRow.filter(kind__in=kinds, state__in=("due", "running"))
    end = time.monotonic() + PATIENCE
    while await books.exists():
        assert time.monotonic() < end, f"still to be done: {await books.values('kind', 'state', 'error')}"
        await asyncio.sleep(0.01)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", STORIES)
async def test_edits_come_to_the_same_in_any_order(name: str, embedded_house: House) -> None:
    """Told one by one and all at once, each delivery twice."""
    tried = [*permutations(range(3))]
    ids = []
    for number, arrival in enumerate(tried):
        deliveries = STORIES[name](FIRST + number)
        ids.append(str(json.loads(deliveries[0].body)["id"]))
        for index in arrival:
            one = deliveries[index]
            assert await asyncio.gather(*(embedded_house.send(one.source, one.body, one.topic) for _ in range(2))) == [200, 200]
            if number % 3:
                await settled()
    await embedded_house.idle(2 * PATIENCE)
    assert await ActionRow.filter(state__in=(DEAD, HELD, WAITING)).values("kind", "state", "error") == []
    expected = await sums(ids[0])
    assert expected[0] > 0
    for arrival, order_id in zip(tried, ids, strict=True):
        assert await sums(order_id) == expected, f"arrival {arrival}"
    await assert_gapless()
