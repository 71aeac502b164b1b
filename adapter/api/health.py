"""Health for orchestrators and metrics for Prometheus."""

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from adapter.errors import AdapterError
from adapter.infra.database import DATABASE_DOWN, connection, pending_migrations
from adapter.infra.services import Services


class Health:
    """`/healthz/live`, `/healthz/ready` and `/metrics`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def live(self, request: web.Request) -> web.Response:
        """200 while the process answers at all."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """200 when deliveries can be taken: database there and up to date, files writable; else 503 with what fails."""
        checks = {"database": await self._database(), "files": await self._files()}
        status = 200 if all(problem == "ok" for problem in checks.values()) else 503
        return web.json_response({"status": "ok" if status == 200 else "unavailable", "checks": checks}, status=status)

    async def metrics(self, request: web.Request) -> web.Response:
        """Everything that is counted, in Prometheus' text format."""
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _database(self) -> str:
        try:
            async with asyncio.timeout(5):
                await connection().execute_query("SELECT 1")
                pending = await pending_migrations()
        except DATABASE_DOWN as error:
            return f"does not answer: {type(error).__name__}"
        return f"lacks {', '.join(pending)}" if pending else "ok"

    async def _files(self) -> str:
        try:
            await self._services.files.put(b"ready")
        except AdapterError as error:
            return str(error).partition("\n")[0]
        return "ok"
