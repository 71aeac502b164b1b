"""The dispatcher for PostgreSQL: procrastinate carries each due action as a job to any number of worker processes and machines.

The job is enqueued in the transaction that wrote the row, with the order as its lock; heartbeats are the library's. Times of retries are
the row's: a job exists only while its action is due now, so that nothing that waits for a later time blocks an order or a worker.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import procrastinate
import structlog
from procrastinate.worker import Worker
from tortoise.expressions import F

from adapter.clock import Clock
from adapter.domain.frozen import digest
from adapter.errors import described
from adapter.infra.database import connection, transaction
from adapter.infra.models import ActionRow
from adapter.infra.queue import DUE, LANE_WIDTH, RUNNING, lane

log = structlog.get_logger()

QUEUE, TASK = "actions", "run_action"
POLL = 0.5
HEARTBEAT, STALLED = 5.0, 15.0
LOST = timedelta(seconds=10)
LOOK_FOR_LOST = 5.0
BATCH = 200

_DEFER = f"""
SELECT procrastinate_defer_jobs_v1(ARRAY(
    SELECT ROW('{QUEUE}', '{TASK}', priority, lock, NULL, args::jsonb, NULL)::procrastinate_job_to_defer_v1
    FROM unnest($1::int[], $2::text[], $3::text[]) AS job(priority, lock, args)))
"""  # noqa: S608 - constants only
_FIND_LOST = """
UPDATE action SET state = 'due', queued = false, attempts = attempts + CASE WHEN state = 'running' THEN 1 ELSE 0 END WHERE id IN (
    SELECT a.id FROM action a
    WHERE ((a.state = 'due' AND a.queued AND a.next_at < $1) OR (a.state = 'running' AND a.started_at < $1))
    AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing') AND j.args->>'action_id' = a.id))
"""

_MARKED = "SELECT id, args->>'action_id' AS action_id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = $1"


def job_app(url: str) -> procrastinate.App:
    """Procrastinate on the same database; its tables are made by `migrate`."""
    parts = urlsplit(url)
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=parts._replace(scheme="postgresql").geturl(), max_size=4))


async def create_job_tables(url: str) -> bool:
    """Make procrastinate's tables where they do not exist; returns whether they were made."""
    app = job_app(url)
    async with app.open_async():
        if await app.check_connection_async():
            return False
        await app.schema_manager.apply_schema_async()
        return True


class DistributedDispatcher:
    """Enqueues jobs; between `start` and `stop` also runs them."""

    def __init__(self, url: str, run: Callable[[str], Awaitable[None]], clock: Clock, concurrency: int) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self._app = job_app(url)
        self._tasks: list[asyncio.Task[None]] = []
        self._worker: asyncio.Task[None] | None = None
        self._library: Worker | None = None
        self._running: set[str] = set()
        self._idle: set[int] = set()

        async def run_action(action_id: str) -> None:
            self._running.add(action_id)
            try:
                await run(action_id)
            finally:
                self._running.discard(action_id)

        self._app.task(name=TASK, queue=QUEUE)(run_action)

    async def dispatch(self, rows: Sequence[ActionRow]) -> None:
        """Enqueue a job for each row that is due now, in the present transaction; later ones are enqueued when their time comes."""
        now = self._clock.now()
        due = [row for row in rows if row.next_at is not None and row.next_at <= now]
        if not due:
            return
        locks = [_lock(row) for row in due]
        arguments = [json.dumps({"action_id": row.id}) for row in due]
        await connection().execute_query(_DEFER, [[row.priority for row in due], locks, arguments])
        await ActionRow.filter(id__in=[row.id for row in due]).update(queued=True)

    async def start(self) -> None:
        """Begin to run jobs."""
        await self._app.open_async()
        self._worker = asyncio.create_task(self._repeat(self._run_jobs, 1.0), name="worker")
        self._tasks = [
            asyncio.create_task(self._repeat(self._enqueue_due, POLL), name="enqueue due"),
            asyncio.create_task(self._repeat(self._rescue, 5.0), name="rescue"),
            asyncio.create_task(self._repeat(self._find_lost, LOOK_FOR_LOST), name="find lost"),
        ]

    async def stop(self) -> None:
        """Take no more jobs and let what runs finish."""
        for task in [*self._tasks, *([self._worker] if self._worker else [])]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._app.close_async()

    async def _run_jobs(self) -> None:
        """The library's worker, which ends with an error when it loses the database."""
        self._library = Worker(
            self._app,
            queues=[QUEUE],
            concurrency=self._concurrency,
            fetch_job_polling_interval=POLL,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=STALLED,
            delete_jobs="always",
            install_signal_handlers=False,
            shutdown_graceful_timeout=6,
        )
        await self._library.run()  # type: ignore[no-untyped-call]  # the library leaves it without types

    async def _repeat(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                # A task of its own: a broken connection must not stay in this one's context.
                await asyncio.create_task(_run(work))
            except Exception as error:  # a loop that ended here would leave every row undone
                log.error("the database does not answer; trying again", error=described(error))
            await asyncio.sleep(seconds)

    async def _enqueue_due(self) -> None:
        async with transaction():
            rows = (
                await ActionRow.filter(state=DUE, queued=False, next_at__lte=self._clock.now())
                .order_by("-priority", "next_at")
                .limit(BATCH)
                .select_for_update(skip_locked=True)
            )
            await self.dispatch(rows)

    async def _rescue(self) -> None:
        for job in await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
            await ActionRow.filter(id=job.task_kwargs.get("action_id"), state=RUNNING).update(attempts=F("attempts") + 1)
            await self._app.job_manager.retry_job(job)
            log.warning("a job of a dead worker runs again", action=job.task_kwargs.get("action_id"))
        await self._rescue_own()

    async def _rescue_own(self) -> None:
        """Jobs that are marked as running here at two looks and do not run: their start or their end was lost with a connection. To the
        library their worker lives, so it would leave them, and their order locked, for ever."""
        worker = self._library.worker_id if self._library else None
        marked = await connection().execute_query_dict(_MARKED, [worker]) if worker is not None else []
        idle = {job["id"] for job in marked if job["action_id"] not in self._running}
        for id in idle & self._idle:
            await self._app.job_manager.retry_job_by_id_async(id, retry_at=datetime.now(UTC))
            log.warning("a job whose end was not written runs again", job=id)
        self._idle = idle

    async def _find_lost(self) -> None:
        await connection().execute_query(_FIND_LOST, [self._clock.now() - LOST])


def _lock(row: ActionRow) -> str | None:
    """What runs one at a time: the actions of an order, and those of each of the few places that one consumer's messages have."""
    if row.order_id is not None:
        return f"{row.source_id}:{row.order_id}"
    own = lane(row)
    return f"{own}:{int(digest(row.id)[:8], 16) % LANE_WIDTH}" if own else None


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
