"""Signed requests per second at the door: one commit for what has gathered, one commit per delivery, and nothing stored at all."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from adapter.domain.rules import ActionKind
from adapter.flow.receive import Door
from adapter.flow.store import Received, Store
from adapter.infra.database import transaction
from adapter.infra.models import DeliveryRow, SourceRow, new_id
from adapter.infra.queue import Work, row_of
from tests.bench.measure import table
from tests.house import SECRETS, House, Neighbourhood

pytestmark = pytest.mark.timeout(600)

CONNECTIONS, SECONDS, ROUNDS = 32, 3, 3


class OneCommitEach(Store):
    """The way that everybody writes first: every request has a transaction of its own, with the same rows in it and as few statements as
    one delivery needs."""

    async def add(self, received: Received) -> bool:
        return await asyncio.create_task(self._add(received))

    async def _add(self, received: Received) -> bool:
        delivery = DeliveryRow(
            id=new_id(),
            created_at=received.at,
            source_id=received.source_id,
            topic=received.topic,
            digest=sha256(received.body).hexdigest(),
            headers=dict(received.headers),
            body=received.body,
        )
        work = Work(f"normalise:{delivery.id}", ActionKind.NORMALISE, received.source_id, subject=delivery.id)
        action = row_of(work, received.at)
        async with transaction():
            await delivery.save(force_create=True)
            await action.save(force_create=True)
            await SourceRow.filter(id=received.source_id).update(last_delivery_at=received.at, silent_since=None)
            await self._services.dispatcher.dispatch([action])
        return True


class Nothing(Store):
    """What the door costs without a database: parsing, verifying, answering."""

    async def add(self, received: Received) -> bool:
        return True


VARIANTS: dict[str, type[Store]] = {"nothing stored": Nothing, "one commit each": OneCommitEach, "group commit": Store}


@asynccontextmanager
async def door(house: House, kind: type[Store]) -> AsyncIterator[str]:
    """A second door of the same service, with another way of storing; yields its address."""
    app = house.app
    app.store = kind(app.services)
    app.door = Door(app.services, app.store)
    async with app.listening("127.0.0.1", 0) as address:
        yield address


async def load(address: str, run: str) -> dict[str, Any]:
    arguments = [f"{address}/hooks/standard", SECRETS["standard"], str(CONNECTIONS), str(SECONDS), run]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.load", *arguments, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    result: dict[str, Any] = json.loads(output)
    assert list(result["statuses"]) == ["200"], result["statuses"]
    return result


async def test_ingestion(tmp_path: Path, database_url: str | None, neighbourhood: Neighbourhood) -> None:
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
    async with House(tmp_path / "data", database_url, neighbourhood, working=False, log_level="error") as house:
        for turn in range(ROUNDS):
            for name, kind in VARIANTS.items():
                async with door(house, kind) as address:
                    results[name].append(await load(address, f"{kind.__name__}-{turn}"))
    rates = {name: median(result["rate"] for result in found) for name, found in results.items()}
    table(
        f"Ingestion, {'PostgreSQL' if database_url else 'SQLite'}: signed deliveries of 1 kB, {CONNECTIONS} connections, "
        f"{ROUNDS} interleaved rounds of {SECONDS} s, medians",
        ("stored", "per second", "ratio", "p50 ms", "p99 ms"),
        [
            (name, rates[name], rates[name] / rates["one commit each"], median(r["p50"] for r in found), median(r["p99"] for r in found))
            for name, found in results.items()
        ],
    )
