"""Receive: the door. Reads a request within its bounds, has it verified and stored, and answers exactly as storefronts need it.

Every storefront punishes answers other than 2xx, so what is verified is stored and answered 200 even when nobody can read it; nothing
that happens later changes the answer.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from aiohttp import web
from tortoise.expressions import F

from adapter.connector import Hint, Inbound
from adapter.errors import Rejected, described
from adapter.flow.store import Received, Store
from adapter.flow.verify import verify
from adapter.infra import metrics
from adapter.infra.database import DATABASE_DOWN, transaction
from adapter.infra.models import RejectionRow
from adapter.infra.services import Services
from adapter.infra.sources import Source

log = structlog.get_logger()

STORAGE_SECONDS = 10.0
"""For each word with the database: who has hung up by then sends again, and one that falls silent must not gather requests."""
UNKNOWN = "-"
"""How sources are counted that do not exist: anybody may invent their names."""
REJECTION_REASONS = 500
"""How many (source, reason) pairs are sampled; beyond, refusals are only counted in the metrics."""


class Door:
    """`POST /hooks/{source_id}`."""

    def __init__(self, services: Services, store: Store) -> None:
        self._services = services
        self._store = store
        self._strikes: dict[str, tuple[datetime, int]] = {}
        self._refused: dict[tuple[str, str], int] = {}

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; see the table in the README for every answer there is."""
        source_id = request.match_info["source_id"]
        known = UNKNOWN
        try:
            async with asyncio.timeout(STORAGE_SECONDS):
                source = await self._services.sources.get(source_id)
            known = source.id if source is not None else UNKNOWN
            return await self._handle(request, source_id, source)
        except web.HTTPException as error:
            self._count(known, str(error.status))
            raise
        except Exception as error:
            # Whatever it is, the store must send again: the delivery is not durable.
            down = isinstance(error, DATABASE_DOWN)
            log.error("storage is down" if down else "the door failed", source=known, error=described(error))
            self._count(known, "503")
            return web.Response(status=503, headers={"Retry-After": "30"})

    async def _handle(self, request: web.Request, source_id: str, source: Source | None) -> web.Response:
        inbound = await self._read(request, source_id)
        headers = all_headers(request)
        now = self._services.clock.now()
        if source is not None and source.active and source.connector.handshake is not None:
            answer = source.connector.handshake(inbound, source.settings)
            if answer is not None:
                self._count(source_id, "handshake")
                return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)
        try:
            verify(source, inbound, headers, now)
        except Rejected as rejected:
            return self._refuse(request, source, source_id, rejected, now)
        if source is None or not source.active:
            # A source that its owner switched off: the store learns that nobody listens, and stops; nothing is kept.
            self._count(source_id if source else UNKNOWN, "inactive")
            return web.Response(status=404)
        hint = source.connector.hint(inbound.headers)
        async with asyncio.timeout(STORAGE_SECONDS):
            new = await self._store.add(_received(source, hint, inbound, now))
        self._count(source_id, "stored" if new else "duplicate")
        return web.Response(status=200)

    async def _read(self, request: web.Request, source_id: str) -> Inbound:
        if "Content-Encoding" in request.headers:
            raise web.HTTPUnsupportedMediaType(text="send the body without Content-Encoding")
        limit = self._services.settings.max_body
        if request.content_length is not None and request.content_length > limit:
            raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=request.content_length)
        body = bytearray()
        try:
            async with asyncio.timeout(self._services.settings.body_timeout):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=len(body))
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body did not arrive in time") from None
        except (ConnectionError, web.RequestPayloadError):
            raise web.HTTPBadRequest(text="the body broke off") from None
        url = f"{self._services.settings.address}/hooks/{source_id}" + (f"?{request.query_string}" if request.query_string else "")
        single = {name: values[0] for name, values in all_headers(request).items()}
        return Inbound(request.method, url, single, bytes(body), dict(request.query))

    def _refuse(self, request: web.Request, source: Source | None, source_id: str, rejected: Rejected, now: datetime) -> web.Response:
        known = source.id if source is not None else UNKNOWN
        self._count(known, rejected.reason)
        pair = (known, rejected.reason)
        if pair in self._refused or len(self._refused) < REJECTION_REASONS:
            self._refused[pair] = self._refused.get(pair, 0) + 1
        log.info("request refused", source=known, reason=rejected.reason)
        if self._too_many(request.remote or "-", now):
            return web.Response(status=429, headers={"Retry-After": "60"})
        return web.Response(status=404 if source is None else 401)

    def _too_many(self, address: str, now: datetime) -> bool:
        """Counts wrong signatures per client and minute; a right one is never refused for them."""
        since, count = self._strikes.get(address, (now, 0))
        since, count = (since, count + 1) if now - since < timedelta(minutes=1) else (now, 1)
        if len(self._strikes) > 10_000:
            self._strikes.clear()
        self._strikes[address] = (since, count)
        return count > self._services.settings.rejections_per_minute

    def _count(self, source: str, outcome: str) -> None:
        metrics.HOOKS.labels(source, outcome).inc()

    async def flush_refusals(self) -> None:
        """Write what was refused since the last time as counts per source and reason."""
        counts, self._refused = self._refused, {}
        if not counts:
            return
        now = self._services.clock.now()
        try:
            async with transaction():
                for (source, reason), count in sorted(counts.items()):
                    row = RejectionRow(source_key=source, reason=reason, count=0, created_at=now)
                    await RejectionRow.bulk_create([row], ignore_conflicts=True)
                    await RejectionRow.filter(source_key=source, reason=reason).update(count=F("count") + count, created_at=now)
        except DATABASE_DOWN:
            for pair, count in counts.items():
                self._refused[pair] = self._refused.get(pair, 0) + count
            raise


def all_headers(request: web.Request) -> Mapping[str, Sequence[str]]:
    """Every value of every header, by lower-case name."""
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        headers.setdefault(name.lower(), []).append(value)
    return headers


def _received(source: Source, hint: Hint, inbound: Inbound, now: datetime) -> Received:
    kept = {name: _storable(value[:1_000]) for name, value in inbound.headers.items() if name in source.connector.headers}
    return Received(source.id, _storable(hint.topic[:255]), kept, inbound.body, now)


def _storable(text: str) -> str:
    """A header's text as both databases take it: bytes that are not UTF-8 arrive as half characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
