"""The connections of the door: bounded in number, and in the time that they may wait for a request's head.

The web framework bounds how long a connection may be idle, not how long the head of a request may take: one byte a minute would hold a
connection for as long as its sender likes. A request's body is bounded where it is read (`flow.receive`).
"""

import asyncio
import resource
from typing import Any

import structlog
from aiohttp import web

from adapter.errors import described
from adapter.infra import metrics

log = structlog.get_logger()

HEAD_SECONDS = 10.0
"""In which a request's head must have arrived, from its first byte on; on a new connection from the start."""
IDLE_SECONDS = 75.0
"""Between two requests. Longer than reverse proxies keep their connections (60 s), so that none is closed as it is used."""
MOST_CONNECTIONS = 1_000
NO_SOURCE = "-"


def most_connections() -> int:
    """At most half of the files that this process may open: the database, the browser and outbound messages need the others."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, files // 2)


class Connection(web.RequestHandler):
    """One connection. When there are too many, the one that has waited longest without a request makes room for a new one."""

    __slots__ = ("_head_seconds", "_head_timer", "_most", "_quiet_since")

    def __init__(self, server: web.Server, *, head_seconds: float, most: int, **more: Any) -> None:
        super().__init__(server, **more)
        self._head_seconds = head_seconds
        self._most = most
        self._head_timer: asyncio.TimerHandle | None = None
        self._quiet_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make room if need be, and expect a head."""
        others = self._manager.connections if self._manager is not None else []
        if len(others) >= self._most:
            self._make_room(others)
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """The first bytes of a head start its time, its end stops it."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._stop_timer()
        elif self._head_timer is None and self._waits():
            self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Expect nothing more."""
        self._stop_timer()
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """An empty answer and one line: neither the answer nor the log repeats what was sent."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        if status == web.HTTPBadRequest.status_code:
            metrics.HOOKS.labels(NO_SOURCE, str(status)).inc()
            log.info("malformed request refused", reason=type(exc).__name__)
        else:
            log.error("a request failed", path=request.path, error=described(exc) if exc else None)
        answer = web.Response(status=status)
        answer.force_close()
        return answer

    def _waits(self) -> bool:
        """Whether no request is being answered or its body read."""
        between = self._waiter is not None and not self._waiter.done()
        return not self._force_close and (between or self._request_count == 0)

    def _expect_head(self) -> None:
        self._quiet_since = self._loop.time()
        self._head_timer = self._loop.call_later(self._head_seconds, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        metrics.HOOKS.labels(NO_SOURCE, "408").inc()
        self.force_close()

    def _make_room(self, others: list[web.RequestHandler]) -> None:
        waiting = [each for each in others if isinstance(each, Connection) and each._waits()]
        if waiting:
            # Whoever has sent a whole request before is the last to go.
            min(waiting, key=lambda each: (each._request_count > 0, each._quiet_since)).force_close()
        metrics.HOOKS.labels(NO_SOURCE, "crowded").inc()


class Site(web.BaseSite):
    """Where the door listens."""

    def __init__(self, runner: web.BaseRunner, host: str, port: int, head_seconds: float = HEAD_SECONDS, most: int | None = None) -> None:
        """`runner` must have been set up; `head_seconds` and `most` bound its connections."""
        super().__init__(runner)
        self._host, self._port = host, port
        self._limits: dict[str, Any] = {"head_seconds": head_seconds, "most": most or most_connections()}

    @property
    def name(self) -> str:
        """The address that was asked for."""
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises `OSError` when the address cannot be had."""
        await super().start()
        loop = asyncio.get_running_loop()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner was not set up")
        options: dict[str, Any] = {
            "auto_decompress": False,  # a signature is over the bytes on the wire
            "access_log": None,
            "keepalive_timeout": IDLE_SECONDS,
        }
        self._server = await loop.create_server(lambda: Connection(server, loop=loop, **options, **self._limits), self._host, self._port)
