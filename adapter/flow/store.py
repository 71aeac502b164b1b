"""Store: verified deliveries become durable before they are answered, many in one commit.

Each request waits for its own row; a writer takes what has gathered meanwhile into one transaction. So the disk is synchronised once for
many deliveries, at full durability. A delivery that is there already changes nothing but its count of copies.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from tortoise.exceptions import IntegrityError
from tortoise.expressions import F

from adapter.domain.rules import ActionKind
from adapter.infra.database import transaction
from adapter.infra.models import DeliveryRow, SourceRow, new_id
from adapter.infra.queue import Work, enqueue
from adapter.infra.services import Services

BATCH = 200
COMMIT_SECONDS = 30.0
"""For one transaction: a database that fell silent without closing the connection would keep the next ones waiting for as long."""
PATIENCE = 2.0
"""Seconds for the last batch when the process stops."""
_ROW_AT_FAULT = (IntegrityError, ValueError)
"""What one row alone may be to blame for; the others of its batch are then written one by one."""


@dataclass(frozen=True)
class Received:
    """A verified request, ready to be stored."""

    source_id: str
    topic: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime


class Store:
    """The one writer of deliveries in a process, between `start` and `stop`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._queue: asyncio.Queue[tuple[Received, asyncio.Future[bool]]] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write(), name="store")

    async def stop(self) -> None:
        """Write what is waiting, then end. A database that does not answer is not waited for: nobody was told that these are stored."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._queue.join()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def add(self, received: Received) -> bool:
        """Whether the delivery was new. Returns only once it is durable; raises what the database raised when it could not be written."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((received, written))
        return await written

    async def _write(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            # A task of its own: a broken connection must not stay in this one's context.
            await asyncio.create_task(self._commit(batch))
            for _ in batch:
                self._queue.task_done()

    async def _commit(self, batch: "list[tuple[Received, asyncio.Future[bool]]]") -> None:
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                new = await self._insert([received for received, _ in batch])
        except Exception as error:
            if len(batch) > 1 and isinstance(error, _ROW_AT_FAULT):
                for one in batch:
                    await self._commit([one])
                return
            for _, written in batch:
                if not written.done():
                    written.set_exception(error)
            return
        for (_, written), is_new in zip(batch, new, strict=True):
            if not written.done():
                written.set_result(is_new)

    async def _insert(self, batch: list[Received]) -> list[bool]:
        """Which of the batch are new. Rows are locked in one order everywhere, so that two processes never wait for each other."""
        rows = [
            DeliveryRow(
                id=new_id(),
                created_at=received.at,
                source_id=received.source_id,
                topic=received.topic,
                digest=sha256(received.body).hexdigest(),
                headers=dict(received.headers),
                body=received.body,
            )
            for received in batch
        ]
        async with transaction():
            ordered = sorted(rows, key=lambda row: (row.source_id, row.digest, row.topic))
            await DeliveryRow.bulk_create(ordered, ignore_conflicts=True)
            inserted = {row.id for row in await DeliveryRow.filter(id__in=[row.id for row in rows]).only("id")}
            works = [Work(f"normalise:{row.id}", ActionKind.NORMALISE, row.source_id, subject=row.id) for row in rows if row.id in inserted]
            for row in ordered:
                if row.id not in inserted:
                    same = DeliveryRow.filter(source_id=row.source_id, topic=row.topic, digest=row.digest)
                    await same.update(copies=F("copies") + 1)
            newest = {row.source_id: row.created_at for row in ordered}
            for source_id, at in newest.items():
                await SourceRow.filter(id=source_id).update(last_delivery_at=at, silent_since=None)
            await enqueue(works, self._services.clock.now(), self._services.dispatcher)
        return [row.id in inserted for row in rows]
