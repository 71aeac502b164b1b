"""What Hafenkontor's own backend sends by Standard Webhooks: the canonical order as JSON."""

from datetime import datetime, timedelta
from typing import Any

Payload = dict[str, Any]


def paid_order(at: datetime) -> Payload:
    """B-77, `order.completed` and paid: two tea caddies to Tokyo for 11550 JPY, a currency without decimals."""
    data = {
        "id": "backend-77",
        "number": "B-77",
        "placed_at": at.isoformat(),
        "locale": "en",
        "currency": "JPY",
        "prices_include_tax": True,
        "totals": {"total": "11550", "tax": "1050", "paid": "11550", "due": "0"},
        "buyer": {
            "name": "高橋 美咲",
            "email": "misaki.takahashi@customer.example",
            "address": {"street": "港町 1-2-3", "city": "東京", "postcode": "105-0000", "country": "JP"},
        },
        "lines": [
            _line("1", "goods", "Tea caddy 茶筒", "2", "5500", "11000", "Consumption tax", "0.10", "1000"),
            _line("2", "shipping", "Airmail", "1", "550", "550", "Consumption tax", "0.10", "50"),
        ],
        "payments": [{"id": "backend-77-1", "kind": "sale", "amount": "11550", "gateway": "cardhouse", "method": "Visa"}],
        "progress": {"financial": "paid", "paid_at": at.isoformat()},
    }
    return {"type": "order.completed", "timestamp": at.isoformat(), "data": data}


def unpaid_order(at: datetime) -> Payload:
    """B-78, `order.completed` on account: navigation lessons for 238.00 EUR that were due ten days ago."""
    data = {
        "id": "backend-78",
        "number": "B-78",
        "placed_at": (at - timedelta(days=24)).isoformat(),
        "locale": "de-DE",
        "currency": "EUR",
        "prices_include_tax": False,
        "totals": {"total": "238.00", "tax": "38.00", "paid": "0.00", "due": "238.00"},
        "due_date": (at - timedelta(days=10)).date().isoformat(),
        "buyer": {
            "name": "Sönke Petersen",
            "company": "Petersen Werft GmbH",
            "email": "buchhaltung@petersen-werft.example",
            "tax_ids": [{"kind": "eu_vat", "value": "DE999999999"}],
            "business": True,
            "address": {"street": "Helling 3", "city": "Flensburg", "postcode": "24937", "country": "DE"},
        },
        "lines": [_line("1", "service", "Navigationskurs", "2", "100.00", "200.00", "MwSt", "0.19", "38.00")],
        "progress": {"financial": "pending"},
    }
    return {"type": "order.completed", "timestamp": at.isoformat(), "data": data}


def _line(id: str, kind: str, name: str, quantity: str, unit_price: str, amount: str, tax: str, rate: str, tax_amount: str) -> Payload:
    taxes = [{"name": tax, "rate": rate, "amount": tax_amount}]
    return {"id": id, "kind": kind, "name": name, "quantity": quantity, "unit_price": unit_price, "amount": amount, "taxes": taxes}
