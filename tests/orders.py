"""Orders of made-up buyers, as a backend of one's own sends them."""

from typing import Any

AT = "2026-11-20T09:00:00+00:00"


def an_order(id: str = "o-1", *, total: str = "119.00", paid: bool = False, **changes: Any) -> dict[str, Any]:
    """An order of one lamp, 19 % VAT included; `changes` replace whole fields."""
    order: dict[str, Any] = {
        "id": id,
        "number": id.removeprefix("o-") if id.startswith("o-") else id,
        "placed_at": "2026-11-20T10:00:00+01:00",
        "version": AT,
        "currency": "EUR",
        "prices_include_tax": True,
        "totals": {"total": total, "tax": vat(total)},
        "buyer": {"name": "Ida Sommer", "email": "ida@sommer.example", "customer_id": "c-7", "address": {"city": "Kiel", "country": "DE"}},
        "lines": [
            {"id": "1", "kind": "goods", "name": "Lamp", "quantity": "1", "unit_price": total, "amount": total,
             "taxes": [{"name": "VAT 19 %", "rate": "0.19", "amount": vat(total)}]}
        ],
        "progress": {"financial": "paid", "paid_at": AT} if paid else {"financial": "pending"},
    }  # fmt: skip
    return order | changes


def vat(total: str) -> str:
    """The 19 % in a gross of whole cents that divides without a rest, such as 119.00, 59.50 or 0.00."""
    cents = int(total.replace(".", ""))
    assert cents * 19 % 119 == 0, f"{total} holds no whole cents of 19 %"
    tax = cents * 19 // 119
    return f"{tax // 100}.{tax % 100:02}"


def event(type: str, data: dict[str, Any], at: str = AT) -> dict[str, Any]:
    """The envelope of Standard Webhooks around an order or a fact about one."""
    return {"type": type, "timestamp": at, "data": data}


def completed(id: str = "o-1", **changes: Any) -> dict[str, Any]:
    """A placed order."""
    return event("order.completed", an_order(id, **changes))


def refunded(id: str = "o-1", refund: str = "r-1", money: str = "59.50", at: str = AT) -> dict[str, Any]:
    """Money given back for an order."""
    returned = {"id": refund, "at": at, "money": money, "adjustments": [{"kind": "goodwill", "amount": money}]}
    return event("refund.issued", {"order_id": id, "refund": returned}, at)
