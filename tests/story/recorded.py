"""Payloads that platforms really sent or document, from a folder beside the project; what each should come to, worked out from itself."""

import json
import os
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("ADAPTER_TEST_FIXTURES") or Path(__file__).parents[2].parent / "shared" / "fixtures")
PLATFORMS = ("shopify", "woocommerce", "sellapp", "standard-webhooks")
EXPONENTS = {"JPY": 0, "KWD": 3}

Json = dict[str, Any]

_ROW = re.compile(r"^\| (?P<file>\S+\.json) \| (?P<topic>[^|]*) \|")
_AMOUNT = re.compile(r"-?[0-9]+\.[0-9]+")
_NO_AMOUNTS = frozenset({"rate", "value", "rate_percent", "quantity", "latitude", "longitude", "version", "api_version"})


@dataclass(frozen=True)
class Case:
    """One body under one topic, as one store of its own sends it."""

    name: str
    platform: str
    topic: str
    body: bytes


@dataclass(frozen=True)
class Charge:
    """What a platform charged for an order, in minor units, as its own payload says."""

    currency: str
    total: int
    tax: int
    cancelled: bool = False
    refunded: int = 0


def recorded() -> Iterator[Case]:
    """Every payload of the folder as it is, and where it is wrapped in an envelope that is not the platform's, unwrapped as well."""
    for platform in PLATFORMS:
        topics = _topics(platform)
        for path in sorted((FOLDER / platform).glob("*.json")):
            body = path.read_bytes()
            topic = topics.get(path.name) or path.name.partition("--")[0]
            yield Case(path.name, platform, topic, body)
            wrapped = _inner(platform, json.loads(body))
            if wrapped is not None:
                yield Case(f"{path.name} unwrapped", platform, topic, json.dumps(wrapped).encode())


def _topics(platform: str) -> dict[str, str]:
    """The topic of each file by the index; what only an API answers is sent as if it were the order's webhook."""
    index = (FOLDER / "INDEX.md").read_text(encoding="utf-8")
    section = index.partition(f"\n## {platform}\n")[2].partition("\n## ")[0]
    found = {}
    for row in filter(None, map(_ROW.match, section.splitlines())):
        topic = row["topic"].strip()
        if " " in topic or topic == "orders/*":
            topic = "orders/updated" if platform == "shopify" else "order.updated"
        found[row["file"]] = topic
    return found


def _inner(platform: str, value: Any) -> Json | None:
    key = {"shopify": "order", "woocommerce": "data"}.get(platform, "")
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) and "id" in inner else None


def charge(platform: str, payload: Any) -> Charge | None:
    """What the order in a body was charged, or None where the body is no order that may be invoiced."""
    payload = _inner(platform, payload) or payload
    if not isinstance(payload, dict):
        return None
    read = {"shopify": _shopify_charge, "woocommerce": _woocommerce_charge}.get(platform)
    return read(payload) if read else None


def _shopify_charge(order: Json) -> Charge | None:
    if "line_items" not in order or "total_price" not in order or order.get("test") or order["currency"] == "example string":
        return None
    returned = [item for refund in order.get("refunds") or () for item in refund["transactions"] if item["status"] == "success"]
    return Charge(
        currency=order["currency"],
        total=minor(order["total_price"], order["currency"]),
        tax=minor(order.get("total_tax") or 0, order["currency"]),
        cancelled=order.get("cancelled_at") is not None,
        refunded=sum(minor(item["amount"], order["currency"]) for item in returned),
    )


def _woocommerce_charge(order: Json) -> Charge | None:
    status = order.get("status")
    if "line_items" not in order or "currency" not in order or order.get("type") == "shop_subscription" or "billing_period" in order:
        return None
    if status not in {"on-hold", "processing", "completed", "refunded"} and not (status == "cancelled" and order.get("date_paid")):
        return None
    cards = sum(minor(card["amount"], order["currency"]) for card in order.get("gift_cards") or ())
    return Charge(
        currency=order["currency"],
        total=minor(order["total"], order["currency"]) + cards,  # a gift card pays, it does not discount
        tax=minor(order["total_tax"], order["currency"]),
        cancelled=status == "cancelled",
        refunded=sum(minor(refund["total"].lstrip("-"), order["currency"]) for refund in order.get("refunds") or ()),
    )


def minor(amount: str | float, currency: str) -> int:
    """An amount that is written in the currency's own places, in minor units."""
    scaled = Decimal(str(amount)).scaleb(EXPONENTS.get(currency, 2))
    assert scaled == int(scaled), f"{amount} {currency}"
    return int(scaled)


def variations(case: Case, number: int) -> Iterator[Case]:
    """The order of a case with other ids, in other states, with refunds and in other currencies, each as a case of its own."""
    order = deepcopy(_inner(case.platform, json.loads(case.body)) or json.loads(case.body))
    vary = _shopify_variations if case.platform == "shopify" else _woocommerce_variations
    for index, (what, changes) in enumerate(vary(order)):
        changed = deepcopy(order) | {"id": 7_000_000_000_000_000_000 + number * 100 + index} | changes
        yield Case(f"{case.name}, {what}", case.platform, case.topic, json.dumps(changed).encode())
    for currency in EXPONENTS:
        if order["currency"] not in EXPONENTS:
            yield Case(f"{case.name}, in {currency}", case.platform, case.topic, json.dumps(in_currency(order, currency)).encode())


def _shopify_variations(order: Json) -> Iterator[tuple[str, Json]]:
    whole = [line | {"current_quantity": line["quantity"]} for line in order["line_items"]]  # nothing was given back
    kept = {name: order[name.removeprefix("current_")] for name in order if name.removeprefix("current_") in order}
    live = kept | {"test": False, "cancelled_at": None, "cancel_reason": None, "refunds": [], "line_items": whole}
    for status in ("pending", "authorized", "partially_paid", "paid"):
        yield status, live | {"financial_status": status}
    yield "fulfilled", live | {"financial_status": "paid", "fulfillment_status": "fulfilled"}
    yield "cancelled", live | {"financial_status": "voided", "cancelled_at": "2027-01-02T03:04:05Z", "cancel_reason": "customer"}
    for part in (1, 2):
        amount = str((Decimal(order["total_price"]) / part).quantize(Decimal("0.01")))
        transaction = {"id": 1, "kind": "refund", "status": "success", "amount": amount, "currency": order["currency"]}
        refund = {"id": 9_000 + part, "created_at": "2027-01-02T03:04:05Z", "transactions": [transaction], "refund_line_items": []}
        yield f"one {part}th refunded", live | {"financial_status": "refunded" if part == 1 else "partially_refunded", "refunds": [refund]}


def _woocommerce_variations(order: Json) -> Iterator[tuple[str, Json]]:
    paid = {"date_paid": "2027-01-02T03:04:05", "date_paid_gmt": "2027-01-02T03:04:05", "refunds": []}
    unpaid = {"date_paid": None, "date_paid_gmt": None, "refunds": []}
    yield "on-hold", unpaid | {"status": "on-hold"}
    yield "pending", unpaid | {"status": "pending"}
    for status in ("processing", "completed", "cancelled"):
        yield status, paid | {"status": status}
    for part in (1, 2):
        amount = str((Decimal(order["total"]) / part).quantize(Decimal("0.01")))
        refund = {"id": 9_000 + part, "reason": "", "total": f"-{amount}"}
        yield f"one {part}th refunded", paid | {"status": "refunded" if part == 1 else "completed", "refunds": [refund]}


def in_currency(order: Json, currency: str) -> Json:
    """The same digits in a currency of other places: 12.34 becomes 1234 yen or 1.234 dinars."""
    was, places = order["currency"], EXPONENTS[currency]

    def change(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: change(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [change(item, key) for item in value]
        if isinstance(value, str) and value == was:
            return currency
        if isinstance(value, str) and _AMOUNT.fullmatch(value) and key not in _NO_AMOUNTS:
            return format(Decimal(value).scaleb(2 - places), "f")
        if isinstance(value, int) and key == "amount":
            return format(Decimal(value).scaleb(2 - places), "f")
        return value

    changed: Json = change(order, "")
    return changed
