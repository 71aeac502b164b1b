"""Orders per second from the signed webhook to the delivered message: invoice, PDF, e-mail and three outbound events for each."""

import asyncio
import json
from copy import deepcopy
from pathlib import Path
from time import perf_counter

import pytest

from adapter.infra.models import DocumentRow
from tests.bench.measure import table
from tests.house import House, Neighbourhood

pytestmark = pytest.mark.timeout(600)

ORDERS, SENDERS = 100, 16
ORDER = {
    "id": "",
    "number": "",
    "currency": "EUR",
    "prices_include_tax": True,
    "totals": {"total": "23.80", "tax": "3.80"},
    "progress": {"financial": "paid"},
    "buyer": {"name": "Ada Example", "email": "ada@shop.example", "address": {"city": "Berlin", "country": "DE"}},
    "lines": [
        {
            "id": "1",
            "kind": "goods",
            "name": "Notebook",
            "quantity": "2",
            "unit_price": "11.90",
            "amount": "23.80",
            "taxes": [{"name": "VAT 19 %", "rate": "0.19", "amount": "3.80"}],
        }
    ],
}


def message(number: int) -> bytes:
    order = deepcopy(ORDER) | {"id": str(number), "number": str(number)}
    return json.dumps({"type": "payment.confirmed", "timestamp": "2026-03-02T09:15:00Z", "data": order}).encode()


async def test_end_to_end(tmp_path: Path, database_url: str | None, neighbourhood: Neighbourhood) -> None:
    async with House(tmp_path / "data", database_url, neighbourhood, log_level="error") as house:
        assert await house.send("standard", message(0)) == 200
        await reach(neighbourhood, 1)
        sent: dict[str, float] = {}
        started = perf_counter()
        waiting = list(range(1, ORDERS + 1))

        async def sender() -> None:
            while waiting:
                number = waiting.pop(0)
                sent[str(number)] = perf_counter()
                assert await house.send("standard", message(number)) == 200

        await asyncio.gather(*(sender() for _ in range(SENDERS)))
        accepted = perf_counter() - started
        await reach(neighbourhood, ORDERS + 1)
        elapsed = perf_counter() - started
        assert await DocumentRow.filter(kind="invoice", pdf_sha256__isnull=False).count() == ORDERS + 1
    table(
        f"End to end, {'PostgreSQL' if database_url else 'SQLite'}: {ORDERS} paid orders; for each an invoice, PDF/A, mail, three messages",
        ("orders", "all accepted after s", "all delivered after s", "orders per second"),
        [(ORDERS, accepted, elapsed, ORDERS / elapsed)],
    )


async def reach(around: Neighbourhood, orders: int) -> None:
    """Wait until that many orders have their mail and their three messages, exactly."""
    for _ in range(15_000):
        if len(around.mails) >= orders and len(around.messages) >= 3 * orders:
            break
        await asyncio.sleep(0.02)
    assert (len(around.mails), len(around.messages)) == (orders, 3 * orders)
