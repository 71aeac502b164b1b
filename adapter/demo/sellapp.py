"""What SellApp sends about an order of a digital product, with the whole invoice in the body."""

from datetime import datetime, timedelta
from typing import Any

Payload = dict[str, Any]

STORE = 77


def order(at: datetime, status: str) -> Payload:
    """Invoice 23077, `PENDING` or `PAID`: a pattern collection for 29.00 USD."""
    paid = status == "PAID"
    changed = at + timedelta(seconds=30) if paid else at
    return {
        "event": "order.paid" if paid else "order.created",
        "store": STORE,
        "data": {
            "id": 23077,
            "store_id": STORE,
            "created_at": at.isoformat(),
            "updated_at": changed.isoformat(),
            "status": {
                "status": {"status": status, "setAt": changed.isoformat(), "updatedAt": changed.isoformat()},
                "history": [{"status": "PENDING", "setAt": at.isoformat(), "updatedAt": at.isoformat()}] if paid else [],
            },
            "payment": {
                "fee": _price("87"),
                "gateway": {"type": "STRIPE", "data": {"total": _price("2900"), "transaction_id": "pi_example_23077"}},
                "subtotal": _price("2900"),
                "full_price": _price("2900"),
                "original_amount": _price("2900"),
                "expires_at": (at + timedelta(hours=9)).isoformat(),
            },
            "coupon_id": None,
            "subscription_id": None,
            "feedback": "",
            "webhooks": [],
            "customer_information": {
                "id": 6001,
                "email": "dana.whitlock@customer.example",
                "country": "US",
                "location": "Portland",
                "ip": "198.51.100.23",
                "proxied": False,
                "billing_details": {"name": "Dana Whitlock", "line1": "88 Alder Street", "city": "Portland", "postal_code": "97205"}
                | {"state": "OR", "country": "US"},
            },
            "product_variants": [{"id": 511, "product_id": 92, "product_title": "Knot patterns", "title": "Complete collection"}],
        },
    }


def _price(cents: str) -> Payload:
    return {"base": cents, "currency": "USD", "units": 1, "vat": 0, "total": {"exclusive": cents, "inclusive": cents}}
