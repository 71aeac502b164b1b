"""What WooCommerce sends about an order of Hafenkontor's British shop: prices in GBP that contain VAT, written without it."""

from datetime import datetime, timedelta
from typing import Any

Payload = dict[str, Any]

SITE = "https://shop.hafenkontor.example/"


def order(at: datetime, status: str, *, refunded: bool = False) -> Payload:
    """#2001 in one of its states (`pending`, `processing`, `completed`): three mugs and a teapot, 64.80 GBP, 8.00 of it refunded."""
    paid = status != "pending"
    completed = status == "completed"
    buyer = {"first_name": "Nia", "last_name": "Prosser", "address_1": "12 Harbour Row", "city": "Swansea", "postcode": "SA1 0XX"}
    contact = {**buyer, "country": "GB", "company": "", "address_2": "", "state": ""}
    return {
        "id": 2001,
        "number": "2001",
        "parent_id": 0,
        "status": status,
        "currency": "GBP",
        "prices_include_tax": True,
        "total": "64.80",
        "total_tax": "10.80",
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "4.00",
        "shipping_tax": "0.80",
        "cart_tax": "10.00",
        "created_via": "checkout",
        "customer_id": 58,
        "customer_note": "",
        "order_key": "wc_order_example2001",
        "billing": {**contact, "email": "nia.prosser@customer.example", "phone": ""},
        "shipping": contact,
        "payment_method": "stripe",
        "payment_method_title": "Credit card",
        "transaction_id": "pi_example_2001" if paid else "",
        "date_created_gmt": _gmt(at),
        "date_modified_gmt": _gmt(at + timedelta(seconds=(paid + completed + refunded) * 10)),
        "date_paid_gmt": _gmt(at + timedelta(seconds=10)) if paid else None,
        "date_completed_gmt": _gmt(at + timedelta(seconds=20)) if completed else None,
        "line_items": [_row(901, "Enamel mug", "MUG", 3, "20.00", "4.00"), _row(902, "Teapot", "POT", 1, "30.00", "6.00")],
        "shipping_lines": [{"id": 903, "method_title": "Royal Mail", "total": "4.00", "total_tax": "0.80", "taxes": _shares("0.80")}],
        "fee_lines": [],
        "coupon_lines": [],
        "tax_lines": [
            {"id": 904, "rate_id": 2, "rate_code": "GB-VAT-1", "label": "VAT", "tax_total": "10.00", "shipping_tax_total": "0.80"}
            | {"compound": False, "rate_percent": 20}
        ],
        "refunds": [{"id": 2045, "reason": "One mug arrived chipped", "total": "-8.00"}] if refunded else [],
        "meta_data": [],
    }


def _row(id: int, name: str, sku: str, quantity: int, net: str, tax: str) -> Payload:
    amounts = {"subtotal": net, "subtotal_tax": tax, "total": net, "total_tax": tax, "taxes": _shares(tax)}
    return {"id": id, "name": name, "sku": sku, "product_id": id - 800, "quantity": quantity, **amounts, "meta_data": []}


def _shares(tax: str) -> list[Payload]:
    return [{"id": 2, "total": tax, "subtotal": tax}]


def _gmt(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")
