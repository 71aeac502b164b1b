"""What Shopify sends about two orders of Hafenkontor: shop prices in EUR that contain German VAT."""

from datetime import datetime
from typing import Any

Payload = dict[str, Any]

SHOP_DOMAIN = "hafenkontor-demo.myshopify.com"
LANTERN_ORDER, BELL_ORDER = "6441000000000001001", "6441000000000001002"
_STANDARD, _REDUCED = ("DE MwSt", "0.19"), ("DE MwSt reduziert", "0.07")

LANTERN = {"id": 44100000000000101, "title": "Sturmlaterne", "sku": "HK-LAT-01", "quantity": 2, "price": "49.00", "discount": "9.80"}
ATLAS = {"id": 44100000000000102, "title": "Seekarten-Atlas", "sku": "HK-ATL-07", "quantity": 1, "price": "34.00", "discount": "3.40"}
BELL = {"id": 44100000000000201, "title": "Ship's bell", "sku": "HK-BEL-03", "quantity": 1, "price": "39.00", "discount": "0.00"}

FROM_KIEL = {
    "email": "wiebke.hansen@kunde.example",
    "locale": "de-DE",
    "address": {"name": "Wiebke Hansen", "address1": "Fördeweg 8", "city": "Kiel", "zip": "24103", "country_code": "DE"},
}
FROM_CORK = {
    "email": "aoife.byrne@customer.example",
    "locale": "en-IE",
    "address": {"name": "Aoife Byrne", "address1": "4 Quay Lane", "city": "Cork", "zip": "T12 XY00", "country_code": "IE"},
}


def lantern_order(at: datetime, *, paid: bool) -> Payload:
    """#1001: two lanterns and an atlas, two tax rates, ten percent off, shipping: 124.70 EUR."""
    lines = [_line(LANTERN, _STANDARD, "14.08"), _line(ATLAS, _REDUCED, "2.00")]
    totals = {"items": "132.00", "off": "13.20", "total": "124.70", "tax": "17.02"}
    taxes = [_tax(_STANDARD, "15.02"), _tax(_REDUCED, "2.00")]
    order = _order(LANTERN_ORDER, "1001", FROM_KIEL, lines, totals, taxes, at, paid=paid)
    code = {"type": "discount_code", "code": "MOIN10", "value": "10.0", "value_type": "percentage", "target_type": "line_item"}
    return order | {"discount_codes": [{"code": "MOIN10", "amount": "13.20", "type": "percentage"}], "discount_applications": [code]}


def bell_order(at: datetime) -> Payload:
    """#1002: a ship's bell with shipping, paid: 44.90 EUR."""
    totals = {"items": "39.00", "off": "0.00", "total": "44.90", "tax": "7.17"}
    lines = [_line(BELL, _STANDARD, "6.23")]
    return _order(BELL_ORDER, "1002", FROM_CORK, lines, totals, [_tax(_STANDARD, "7.17")], at, paid=True)


def lantern_refund(at: datetime) -> Payload:
    """One of the two lanterns came broken: 44.10 EUR."""
    return _refund("944000000001", LANTERN_ORDER, "Eine Laterne zerbrochen", [_refunded(LANTERN, 1, "44.10", "7.04")], "44.10", at)


def rest_refund(at: datetime) -> Payload:
    """Everything else goes back too, with the shipping: 80.60 EUR."""
    lines = [_refunded(LANTERN, 1, "44.10", "7.04"), _refunded(ATLAS, 1, "30.60", "2.00")]
    return _refund("944000000002", LANTERN_ORDER, "Widerruf", lines, "80.60", at, shipping=True)


def bell_refund(at: datetime) -> Payload:
    """The whole order #1002: 44.90 EUR."""
    return _refund("944000000003", BELL_ORDER, "Changed my mind", [_refunded(BELL, 1, "39.00", "6.23")], "44.90", at, shipping=True)


def _money(key: str, amount: str) -> Payload:
    """Shopify states every amount twice more: in the shop's money and in the buyer's, which are the same here."""
    both = {side: {"amount": amount, "currency_code": "EUR"} for side in ("shop_money", "presentment_money")}
    return {key: amount, f"{key}_set": both}


def _tax(rate: tuple[str, str], amount: str) -> Payload:
    return {"title": rate[0], "rate": float(rate[1]), "channel_liable": False, **_money("price", amount)}


def _line(item: Payload, rate: tuple[str, str], tax: str) -> Payload:
    discounted = item["discount"] != "0.00"
    return {
        **{key: item[key] for key in ("id", "title", "sku", "quantity")},
        **_money("price", item["price"]),
        "name": item["title"],
        "current_quantity": item["quantity"],
        "gift_card": False,
        "requires_shipping": True,
        "taxable": True,
        "tax_lines": [_tax(rate, tax)],
        "discount_allocations": [{"discount_application_index": 0, **_money("amount", item["discount"])}] if discounted else [],
    }


def _order(
    id: str, number: str, buyer: Payload, lines: list[Payload], totals: Payload, taxes: list[Payload], at: datetime, *, paid: bool
) -> Payload:
    shipping = {"id": int(id) + 7, "title": "DHL Paket", "code": "DHL", **_money("price", "5.90"), "tax_lines": [_tax(_STANDARD, "0.94")]}
    return {
        "id": int(id),
        "name": f"#{number}",
        "order_number": int(number),
        "created_at": at.isoformat(),
        "processed_at": at.isoformat(),
        "updated_at": at.isoformat(),
        "currency": "EUR",
        "presentment_currency": "EUR",
        "customer_locale": buyer["locale"],
        "email": buyer["email"],
        "test": False,
        "source_name": "web",
        "financial_status": "paid" if paid else "pending",
        "fulfillment_status": None,
        "payment_gateway_names": ["shopify_payments"],
        "taxes_included": True,
        "total_outstanding": "0.00" if paid else totals["total"],
        **_money("total_line_items_price", totals["items"]),
        **_money("total_discounts", totals["off"]),
        **_money("total_price", totals["total"]),
        **_money("current_total_price", totals["total"]),
        **_money("total_tax", totals["tax"]),
        "tax_lines": taxes,
        "line_items": lines,
        "shipping_lines": [{**shipping, "discount_allocations": [], "is_removed": False}],
        "customer": {"id": int(id) % 10_000 + 7_300_000_000_000, "email": buyer["email"]},
        "billing_address": buyer["address"],
        "shipping_address": buyer["address"],
        "fulfillments": [],
        "refunds": [],
    }


def _refunded(item: Payload, quantity: int, amount: str, tax: str) -> Payload:
    return {
        "id": item["id"] + 5_000,
        "line_item_id": item["id"],
        "quantity": quantity,
        "restock_type": "return",
        **_money("subtotal", amount),
        **_money("total_tax", tax),
    }


def _refund(id: str, order_id: str, note: str, lines: list[Payload], money: str, at: datetime, *, shipping: bool = False) -> Payload:
    back = {"id": int(id) + 70, **_money("subtotal_amount", "5.90"), **_money("tax_amount", "0.94")}
    paid_back = {
        "id": int(id) + 90,
        "kind": "refund",
        "status": "success",
        "amount": money,
        "currency": "EUR",
        "gateway": "shopify_payments",
    }
    return {
        "id": int(id),
        "order_id": int(order_id),
        "created_at": at.isoformat(),
        "processed_at": at.isoformat(),
        "note": note,
        "refund_line_items": lines,
        "refund_shipping_lines": [back] if shipping else [],
        "order_adjustments": [],
        "transactions": [paid_back],
    }
