"""Privacy requests: reported, erased as far as the law allows, recorded without personal data; and documents that still work."""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import connectors.shopify
from adapter.infra.models import DeliveryRow, DocumentRow, OrderRow, PrivacyRow
from tests.house import House

FIXTURES = Path(connectors.shopify.__path__[0]) / "fixtures"
WITHOUT = ("render", "notify", "deliver", "send_invoice", "send_credit_note")


def body(name: str) -> dict[str, Any]:
    """A recorded body."""
    parsed: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return parsed


async def bought(house: House) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order of the customer whom the recorded requests are about, and the customer."""
    order = body("orders_create--eur-two-rates-code-shipping")
    customer = body("customers_redact--one-customer")["customer"]
    order["customer"] = {**(order.get("customer") or {}), "id": customer["id"], "email": customer["email"]}
    order["email"] = order["contact_email"] = customer["email"]
    assert await house.send("shopify", order, "orders/create") == 200
    await house.run_due(without=WITHOUT)
    return order, customer


async def test_a_data_request_is_reported(still_house: House) -> None:
    """What is held is named; nothing is erased."""
    order, customer = await bought(still_house)
    await still_house.send("shopify", body("customers_data_request--one-customer") | {"customer": customer}, "customers/data_request")
    await still_house.run_due(without=WITHOUT)
    row = await PrivacyRow.get()
    assert (row.kind, row.customer_id) == ("privacy.data_request", str(customer["id"]))
    assert row.report == {"orders": [str(order["order_number"])], "documents_kept": ["INV-2026-000001"], "mails": 0}
    assert (await DeliveryRow.filter(topic="orders/create").get()).body != b""
    assert customer["email"] in (await OrderRow.get()).state


async def test_redaction_erases_what_no_law_keeps(still_house: House, tmp_path: Path) -> None:
    """The address is nowhere in the database but in the issued invoice; a later refund still gets its credit note."""
    order, customer = await bought(still_house)
    redact = body("customers_redact--one-customer")
    await still_house.send("shopify", redact, "customers/redact")
    await still_house.run_due(without=WITHOUT)

    row = await PrivacyRow.get()
    assert (row.kind, row.customer_id) == ("privacy.redact_customer", None)
    assert row.report == {
        "orders": [str(order["order_number"])],
        "documents_kept": ["INV-2026-000001"],
        "mails": 0,
        "erased": {"orders": 1, "deliveries": 2},
    }
    assert {bytes(each.body) for each in await DeliveryRow.all()} == {b""}
    assert await DocumentRow.all().count() == 1

    with sqlite3.connect(tmp_path / "data" / "adapter.db") as reader:
        tables = [name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        holding = {table for table in tables for line in reader.execute(f'SELECT * FROM "{table}"') if customer["email"] in str(line)}  # noqa: S608
    reader.close()
    assert holding <= {"document"}

    refund = body("refunds_create--partial")
    assert refund["order_id"] == order["id"]
    await still_house.send("shopify", refund, "refunds/create")
    await still_house.run_due(without=WITHOUT)
    assert [row.kind for row, _ in await still_house.documents()] == ["invoice", "credit_note"]


async def test_a_copy_that_was_erased_stays_erased(still_house: House) -> None:
    """The same delivery again is recognised by its digest and brings nothing back."""
    order, customer = await bought(still_house)
    await still_house.send("shopify", body("customers_redact--one-customer"), "customers/redact")
    await still_house.run_due(without=WITHOUT)
    assert await still_house.send("shopify", order, "orders/create") == 200
    await still_house.run_due(without=WITHOUT)
    assert not re.search(re.escape(customer["email"]), (await OrderRow.get()).state)
    assert (await DeliveryRow.filter(topic="orders/create").get()).copies == 2


async def test_a_whole_shop(still_house: House) -> None:
    """Every order of the source, and of no other one."""
    await bought(still_house)
    await still_house.send("shopify", body("shop_redact--after-uninstall"), "shop/redact")
    await still_house.run_due(without=WITHOUT)
    row = await PrivacyRow.get()
    assert row.report["erased"] == {"orders": 1, "deliveries": 2}
    assert "@" not in (await OrderRow.get()).state


async def test_an_uninstalled_app_is_recorded(still_house: House) -> None:
    """Nothing is erased by it."""
    await bought(still_house)
    await still_house.send("shopify", body("app_uninstalled--shop"), "app/uninstalled")
    await still_house.run_due(without=WITHOUT)
    row = await PrivacyRow.get()
    assert (row.kind, row.report) == ("source.uninstalled", {"orders": [], "documents_kept": [], "mails": 0})
    assert (await DeliveryRow.filter(topic="orders/create").get()).body != b""


async def test_deliveries_that_brought_nothing_new_are_erased_too(still_house: House) -> None:
    """The same order with other bytes makes no new event, but holds the buyer as well; another buyer's order stays."""
    order, customer = await bought(still_house)
    assert await still_house.send("shopify", order | {"note_attributes": []}, "orders/create") == 200
    other = order | {"id": 999, "order_number": 999, "email": "else@shop.example", "contact_email": "else@shop.example"}
    other["customer"] = order["customer"] | {"id": 998, "email": "else@shop.example"}
    assert await still_house.send("shopify", other, "orders/create") == 200
    await still_house.run_due(without=WITHOUT)
    assert await still_house.send("shopify", body("customers_redact--one-customer"), "customers/redact") == 200
    await still_house.run_due(without=WITHOUT)
    bodies = [bytes(row.body) for row in await DeliveryRow.all()]
    assert len(bodies) == 4
    assert [b"else@shop.example" in body for body in bodies if body] == [True]
    assert not any(customer["email"].encode() in body for body in bodies)
    assert (await PrivacyRow.get()).report["erased"] == {"orders": 1, "deliveries": 3}


async def test_a_shop_that_is_gone_leaves_nothing_unread_behind(still_house: House) -> None:
    """Also what nobody could read is erased."""
    await bought(still_house)
    assert await still_house.send("shopify", b"a buyer, unreadable", "orders/create") == 200
    await still_house.send("shopify", body("shop_redact--after-uninstall"), "shop/redact")
    await still_house.run_due(without=WITHOUT)
    assert {bytes(row.body) for row in await DeliveryRow.all()} == {b""}
