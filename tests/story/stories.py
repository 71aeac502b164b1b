"""The webhooks of an order's life on each platform, made from the connectors' own fixtures under an order id of one's choice."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """One webhook: whose, of what topic, and its body."""

    source: str
    topic: str
    body: bytes


@dataclass(frozen=True)
class Story:
    """`tell(n)` gives the deliveries about order number `n` in the order in which they happened, and `order_id(n)` its id.

    Where two refunds give back parts of the same line, the cent of tax that does not divide goes to the one that is heard of first
    (`shared_lines`): the notes' totals and the sum of their tax are the same in any order, the tax of each alone need not be.
    """

    name: str
    tell: Callable[[int], list[Delivery]]
    order_id: Callable[[int], str]
    shared_lines: bool = False


def fixture(source: str, name: str) -> Json:
    """A fixture of a connector, parsed; amounts that are JSON numbers stay texts of the same digits when written again."""
    folder = Path(next(iter(import_module(f"connectors.{source}").__path__))) / "fixtures"
    parsed: Json = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return parsed


def _delivery(source: str, topic: str, body: Json) -> Delivery:
    return Delivery(source, topic, json.dumps(body, ensure_ascii=False).encode())


# Shopify: 2 lamps 107.82, a book 22.41, shipping 4.90; 135.13 EUR in all, tax included.

LAMP, BOOK, SHIPPING = 15000000000000101, 15000000000000102, 5600000000001


def _shopify(n: int) -> int:
    return 6_200_000_000_000_000_000 + n


def shopify_order(n: int, minute: int, financial: str, **changes: Any) -> Json:
    """The order as its webhooks show it at a minute."""
    order = fixture("shopify", "orders_create--eur-two-rates-code-shipping")
    order |= {"id": _shopify(n), "order_number": n, "name": f"#{n}", "admin_graphql_api_id": f"gid://shopify/Order/{_shopify(n)}"}
    order |= {"financial_status": financial, "updated_at": f"2026-03-02T09:{minute:02}:00+01:00"}
    if financial == "pending":
        order |= {"total_outstanding": order["total_price"]}
    return order | changes


def shopify_refund(n: int, part: int, *, lamps: int = 0, books: int = 0, shipping: bool = False) -> Json:
    """A refund of so many lamps and books, and of the shipping."""
    refund = fixture("shopify", "refunds_create--partial")
    items = []
    for line, quantity, price, tax in ((LAMP, lamps, "53.91", "8.61"), (BOOK, books, "22.41", "1.47")):
        if quantity:
            gross, contained = (f"{int(text.replace('.', '')) * quantity:03}" for text in (price, tax))
            items.append(
                {
                    "id": n * 100 + part * 10 + line % 10,
                    "line_item_id": line,
                    "quantity": quantity,
                    "restock_type": "return",
                    "subtotal": f"{gross[:-2]}.{gross[-2:]}",
                    "total_tax": f"{contained[:-2] or 0}.{contained[-2:]}",
                }
            )
    returned = 5391 * lamps + 2241 * books + 490 * shipping
    transaction = refund["transactions"][0] | {
        "id": 7_200_000_000_000 + n * 10 + part,
        "order_id": _shopify(n),
        "amount": f"{returned // 100}.{returned % 100:02}",
    }
    refund |= {"id": 940_000_000_000 + n * 10 + part, "order_id": _shopify(n), "note": f"Part {part}"}
    refund |= {"created_at": f"2026-03-02T09:{40 + part}:00+01:00", "processed_at": f"2026-03-02T09:{40 + part}:00+01:00"}
    refund |= {"refund_line_items": items, "transactions": [transaction]}
    if shipping:
        refund["order_adjustments"] = [
            {"id": n * 10 + part, "kind": "shipping_refund", "reason": "Shipping refund", "amount": "-4.12", "tax_amount": "-0.78"}
        ]
        money = {"amount": "4.90", "currency_code": "EUR"}
        refund["refund_shipping_lines"] = [
            {
                "id": n * 10 + part,
                "shipping_line_id": SHIPPING,
                "subtotal_amount_set": {"shop_money": money, "presentment_money": money},
                "shipping_line": shopify_order(n, 15, "paid")["shipping_lines"][0],
            }
        ]
    return refund


def _shopify_life(n: int) -> list[Delivery]:
    return _shopify_refunded(n, shopify_refund(n, 1, books=1), shopify_refund(n, 2, lamps=2, shipping=True))


def _shopify_halves(n: int) -> list[Delivery]:
    return _shopify_refunded(n, shopify_refund(n, 1, lamps=1), shopify_refund(n, 2, lamps=1, books=1, shipping=True))


def _shopify_refunded(n: int, first: Json, rest: Json) -> list[Delivery]:
    return [
        _delivery("shopify", "orders/create", shopify_order(n, 15, "pending")),
        _delivery("shopify", "orders/paid", shopify_order(n, 20, "paid")),
        _delivery("shopify", "orders/fulfilled", shopify_order(n, 30, "paid", fulfillment_status="fulfilled")),
        _delivery("shopify", "refunds/create", first),
        _delivery("shopify", "refunds/create", rest),
    ]


def _shopify_cancelled(n: int) -> list[Delivery]:
    whole = shopify_refund(n, 1, lamps=2, books=1, shipping=True)
    cancelled = {"cancelled_at": "2026-03-02T09:45:00+01:00", "cancel_reason": "customer", "refunds": [whole]}
    return [
        _delivery("shopify", "orders/create", shopify_order(n, 15, "paid")),
        _delivery("shopify", "orders/cancelled", shopify_order(n, 45, "refunded", **cancelled)),
        _delivery("shopify", "refunds/create", whole),
    ]


def _shopify_cancelled_for_less(n: int) -> list[Delivery]:
    """One lamp was kept, its price was not given back; the cancellation still ends the order, as the shop's books have it."""
    part = shopify_refund(n, 1, lamps=1, books=1)
    cancelled = {"cancelled_at": "2026-03-02T09:45:00+01:00", "cancel_reason": "customer", "refunds": [part]}
    return [
        _delivery("shopify", "orders/create", shopify_order(n, 15, "paid")),
        _delivery("shopify", "orders/cancelled", shopify_order(n, 45, "partially_refunded", **cancelled)),
        _delivery("shopify", "refunds/create", part),
        _delivery("shopify", "orders/updated", shopify_order(n, 46, "partially_refunded", **cancelled)),
    ]


def _shopify_edited(n: int) -> list[Delivery]:
    edit = fixture("shopify", "orders_edited--one-added-one-removed")
    edit["order_edit"] |= {"id": 880_000_000 + n, "order_id": _shopify(n)}
    current = {"current_total_price": "81.22", "note": "Only one lamp, please"}
    return [
        _delivery("shopify", "orders/create", shopify_order(n, 15, "paid")),
        _delivery("shopify", "orders/edited", edit),
        _delivery("shopify", "orders/updated", shopify_order(n, 25, "paid", **current)),
    ]


# WooCommerce: cups, books, wrapping and shipping; 94.85 EUR in all, tax included. Refunds come inside the order.


def woocommerce_order(n: int, minute: int, status: str, *, paid: bool = True, refunds: tuple[str, ...] = (), **changes: Any) -> Json:
    """The order as its webhooks show it at a minute; `refunds` are the amounts given back so far."""
    order = fixture("woocommerce", "order.updated--eur-inclusive-two-rates")
    modified = {"date_modified": f"2026-03-02T10:{minute:02}:00", "date_modified_gmt": f"2026-03-02T09:{minute:02}:00"}
    order |= {"id": n, "number": str(n), "status": status, "order_key": f"wc_order_example{n}"} | modified
    if not paid:
        order |= {"date_paid": None, "date_paid_gmt": None, "transaction_id": ""}
    if status in {"completed", "refunded"}:
        order |= {"date_completed": "2026-03-02T10:30:00", "date_completed_gmt": "2026-03-02T09:30:00"}
    order["refunds"] = [{"id": n * 10 + index, "reason": f"Part {index}", "total": f"-{amount}"} for index, amount in enumerate(refunds, 1)]
    return order | changes


def _woocommerce_life(n: int) -> list[Delivery]:
    return [
        _delivery("woocommerce", "order.created", woocommerce_order(n, 15, "pending", paid=False)),
        _delivery("woocommerce", "order.updated", woocommerce_order(n, 16, "processing")),
        _delivery("woocommerce", "order.updated", woocommerce_order(n, 30, "completed")),
        _delivery("woocommerce", "order.updated", woocommerce_order(n, 40, "completed", refunds=("19.90",))),
        _delivery("woocommerce", "order.updated", woocommerce_order(n, 41, "refunded", refunds=("19.90", "74.95"))),
    ]


def _woocommerce_cancelled(n: int) -> list[Delivery]:
    return [
        _delivery("woocommerce", "order.created", woocommerce_order(n, 15, "on-hold", paid=False)),
        _delivery("woocommerce", "order.updated", woocommerce_order(n, 20, "processing")),
        _delivery("woocommerce", "order.updated", woocommerce_order(n, 40, "cancelled", refunds=("94.85",))),
    ]


# SellApp: webhooks that hold the whole invoice, 27.00 USD.


def sellapp_invoice(n: int, minute: int, status: str, *earlier: str) -> Json:
    """The invoice at a minute in a status, after earlier ones."""
    invoice: Json = fixture("sellapp", "pulled-invoice--coupon-on-priced-products")["data"]

    def entry(name: str, at: int) -> Json:
        return {"status": name, "setAt": f"2026-03-02T10:{at:02}:00.000000Z", "updatedAt": f"2026-03-02T10:{at:02}:00.000000Z"}

    history = [entry(name, 10 + index) for index, name in enumerate(earlier)]
    return invoice | {
        "id": n,
        "status": {"history": history, "status": entry(status, minute)},
        "updated_at": f"2026-03-02T10:{minute:02}:00.000000Z",
    }


def _sellapp_life(n: int) -> list[Delivery]:
    def delivery(event: str, invoice: Json) -> Delivery:
        return _delivery("sellapp", event, {"event": event, "data": invoice, "store": 77})

    return [
        delivery("order.created", sellapp_invoice(n, 10, "PENDING")),
        delivery("order.paid", sellapp_invoice(n, 11, "PAID", "PENDING")),
        delivery("order.completed", sellapp_invoice(n, 12, "COMPLETED", "PENDING", "PAID")),
        delivery("order.disputed", sellapp_invoice(n, 20, "REFUNDED", "PENDING", "PAID", "COMPLETED")),
    ]


# A backend of one's own: 83.37 EUR in all, tax included.


def _standard(type: str, minute: int, data: Json) -> Delivery:
    return _delivery("standard", type, {"type": type, "timestamp": f"2026-03-02T09:{minute:02}:00Z", "data": data})


def standard_order(n: int, stage: str, financial: str, **progress: Any) -> Json:
    """The order as such a backend sends it."""
    order: Json = deepcopy(fixture("standard", "order.completed--german-business-discount")["data"])
    order |= {"id": f"b-{n}", "number": str(n), "name": f"#{n}", "payments": []}
    del order["version"]
    order["totals"] |= {"paid": "0.00", "due": "83.37"} if financial == "pending" else {}
    order["progress"] = {"stage": stage, "financial": financial, "fulfilment": "unfulfilled"} | progress
    return order


def _standard_life(n: int) -> list[Delivery]:
    first = {
        "id": f"r-{n}-1",
        "reason": "Damaged",
        "lines": [{"line": "1", "quantity": "1", "amount": "8.01", "tax": "0.52"}],
        "money": "8.01",
    }
    rest = {"id": f"r-{n}-2", "reason": "Returned", "money": "75.36"}
    return [
        _standard("order.created", 0, standard_order(n, "pending", "pending")),
        _standard("payment.confirmed", 1, {"order_id": f"b-{n}"}),
        _standard("order.fulfilled", 2, standard_order(n, "placed", "paid")),
        _standard("refund.issued", 3, {"order_id": f"b-{n}", "refund": first}),
        _standard("refund.issued", 4, {"order_id": f"b-{n}", "refund": rest}),
    ]


def _standard_cancelled(n: int) -> list[Delivery]:
    whole = {"id": f"r-{n}-1", "reason": "Cancelled", "money": "83.37"}
    return [
        _standard("order.completed", 0, standard_order(n, "placed", "paid")),
        _standard("order.cancelled", 3, standard_order(n, "placed", "refunded") | {"refunds": [whole]}),
        _standard("refund.issued", 3, {"order_id": f"b-{n}", "refund": whole}),
    ]


STORIES = [
    Story("shopify-life", _shopify_life, lambda n: str(_shopify(n))),
    Story("shopify-halves", _shopify_halves, lambda n: str(_shopify(n)), shared_lines=True),
    Story("shopify-cancelled", _shopify_cancelled, lambda n: str(_shopify(n))),
    Story("shopify-cancelled-for-less", _shopify_cancelled_for_less, lambda n: str(_shopify(n))),
    Story("shopify-edited", _shopify_edited, lambda n: str(_shopify(n))),
    Story("woocommerce-life", _woocommerce_life, str),
    Story("woocommerce-cancelled", _woocommerce_cancelled, str),
    Story("sellapp-life", _sellapp_life, str),
    Story("standard-life", _standard_life, lambda n: f"b-{n}", shared_lines=True),
    Story("standard-cancelled", _standard_cancelled, lambda n: f"b-{n}"),
]
