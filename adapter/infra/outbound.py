"""The only HTTP client of the product. Every socket goes through one guard, so that a name, a literal address and a name that changes its
address between two attempts are all judged by what is really connected to."""

import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from adapter.connector import Json, Pull
from adapter.domain.parsing import parse_json
from adapter.errors import GiveUp, TryAgain
from adapter.infra.addresses import Guard
from adapter.infra.outbound_rules import check_endpoint_headers, check_endpoint_url, refusal

__all__ = ["Outbound", "Reply", "check_endpoint_headers", "check_endpoint_url", "retry_after"]

ALLOWED_PORTS = frozenset({80, 443, 8080, 8443})
KEPT_BYTES = 16 * 1024
"""How much of an answer to an outbound message is kept to be shown."""
PULLED_BYTES = 10 * 1024 * 1024
MAXIMUM_WAIT = timedelta(days=1)


@dataclass(frozen=True)
class Reply:
    """What came of one POST. `status` is None when no answer came, and `error` then says why as `code: text`; the codes are `invalid_url`,
    `invalid_request`, `blocked_address`, `blocked_port`, `dns`, `connect`, `tls`, `timeout`, `reset` and `bad_response`.

    With a status there is no error: how the rest of the answer (`body`, at most 16 KiB of a message's) went does not change what the
    receiver said.
    """

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    error: str | None = None


class _Blocked(OSError):
    """The guard refused an address; the message is the guard's."""


class _GuardedResolver(AbstractResolver):
    """Refuses a name if any of its addresses is refused, so that mixing a private one among public ones gains nothing."""

    def __init__(self, resolver: AbstractResolver, guard: Guard) -> None:
        self._resolver = resolver
        self._guard = guard

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            if refused := self._guard.refusal(result["host"], port):
                raise _Blocked(refused)
        return results

    async def close(self) -> None:
        await self._resolver.close()


class Outbound:
    """Sends signed messages to endpoints and executes pulls. One instance per process, between `start` and `close`."""

    def __init__(
        self,
        *,
        allowed_networks: Sequence[str] = (),
        allowed_ports: frozenset[int] = ALLOWED_PORTS,
        timeout: float = 15.0,
        user_agent: str,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`timeout` is the whole time of a request in seconds. `resolver` replaces the system's DNS. Raises `Misconfigured` for a network
        that is none."""
        self._guard = Guard(allowed_networks, allowed_ports)
        self._timeout = timeout
        self._user_agent = user_agent
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the client; nothing is connected yet."""
        resolver = _GuardedResolver(self._resolver or aiohttp.ThreadedResolver(), self._guard)
        connector = aiohttp.TCPConnector(
            socket_factory=self._socket,
            resolver=resolver,
            use_dns_cache=False,
            force_close=True,  # a kept connection may be stale, and a POST on it fails although the receiver is well
            limit=100,
            ssl=ssl.create_default_context(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the client; harmless when it is not open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _socket(self, address: tuple[Any, Any, Any, Any, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, (host, port, *_) = address
        if refused := self._guard.refusal(host, port):
            raise _Blocked(refused)
        return socket.socket(family, kind, protocol)

    def _request(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        if self._session is None:
            raise RuntimeError("call start() before sending")
        sent = CIMultiDict(
            {"User-Agent": self._user_agent, "Accept-Encoding": "identity", **({"Content-Type": "application/json"} if body else {})}
        )
        sent.update(headers)
        return self._session.request(method, URL(url), data=body, headers=sent, allow_redirects=False)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send one message and return what came of it. Never raises for a bad address, a bad header or trouble in the network."""
        return await self.ask("POST", url, body, headers)

    async def ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], kept: int = KEPT_BYTES) -> Reply:
        """The same with any method, and with as many bytes of the answer as are wanted."""
        started = monotonic()
        if refused := refusal(url, self._guard):
            return Reply(None, error=refused)
        try:
            async with self._request(method, url, body, headers) as response:
                said = await _shown(response, kept)
                response.close()
                return Reply(response.status, _headers(response), said, monotonic() - started)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(None, seconds=monotonic() - started, error=self._explained(error))

    async def fetch(self, pull: Pull) -> Json:
        """Execute a pull and return the parsed JSON of a 2xx answer.

        Raises `TryAgain` for trouble in the network and for 408, 425, 429 and 5xx (after `Retry-After`, up to a day); `GiveUp` for every
        other status, addresses that are not allowed, and answers that are not strict JSON of at most 10 MiB.
        """
        if refused := refusal(pull.url, self._guard):
            raise GiveUp(f"the pull {pull.name} cannot be made: {refused}")
        host = URL(pull.url).host
        body = None if pull.body is None else json.dumps(pull.body, ensure_ascii=False, allow_nan=False).encode()
        try:
            async with self._request(pull.method, pull.url, body, {"Accept": "application/json", **pull.headers}) as response:
                _check_status(host, pull.name, response)
                content = await _read(response, PULLED_BYTES + 1)
                response.close()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = self._explained(error)
            if problem.startswith(("blocked_", "invalid_")):
                raise GiveUp(f"the pull {pull.name} from {host} cannot be made: {problem}") from None
            raise TryAgain(f"the pull {pull.name} from {host} failed: {problem}") from None
        if len(content) > PULLED_BYTES:
            raise GiveUp(f"{host} answered the pull {pull.name} with more than {PULLED_BYTES} bytes; ask for fewer objects")
        try:
            return parse_json(content)
        except GiveUp as error:
            raise GiveUp(f"{host} answered the pull {pull.name} with what is not JSON; check the store's address ({error})") from None

    def _explained(self, error: Exception) -> str:
        """One stable code and a text for whatever the client raised."""
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        match error:
            case _ if isinstance(cause, _Blocked):
                text = str(cause)
            case TimeoutError():
                text = f"timeout: no answer within {self._timeout:g} s"
            case _ if isinstance(cause, ssl.SSLError) or isinstance(error, aiohttp.ClientSSLError):
                text = f"tls: {_tls_problem(cause)}"
            case aiohttp.ClientConnectorDNSError():
                text = f"dns: {error.host} does not resolve"
            case aiohttp.ClientConnectorError():
                text = f"connect: {error.strerror or error.os_error}"
            case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
                text = "bad_response: the answer is not valid HTTP"
            case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
                text = "reset: the connection was closed before an answer"
            case ValueError():
                text = "invalid_request: a header cannot be sent; remove line breaks and control characters from it"
            case _:
                text = f"connect: {error}"
        return text[:300]


def _tls_problem(cause: object) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message.rstrip(".") or "the certificate is not valid for this host"
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return cause.reason.replace("_", " ").lower()
    return "the handshake failed"


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Names in lower case; a header sent several times is joined by commas, as RFC 9110 reads it."""
    return {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """At most `limit` bytes of the body; nothing beyond is read."""
    content = bytearray()
    while len(content) < limit and (part := await response.content.read(limit - len(content))):
        content += part
    return bytes(content)


async def _shown(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """What can be had of the body within the time and the limit. The status has been given: a body that fails does not take it back."""
    content = bytearray()
    try:
        while len(content) < limit and (part := await response.content.read(limit - len(content))):
            content += part
    except (aiohttp.ClientError, OSError):
        response.close()
    return bytes(content)


def _check_status(host: str | None, name: str, response: aiohttp.ClientResponse) -> None:
    status = response.status
    told = f"{host} answered the pull {name} with {status}"
    if status in {408, 425, 429} or status >= 500:
        raise TryAgain(f"{told}; it is tried again", retry_after(_headers(response)))
    if 200 <= status < 300:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise GiveUp(f"{told} and a compressed body although none was asked for")
        return
    advice = {
        401: "check the API key or token of this source",
        403: "give the API key or token of this source the right to read this",
        404: "check the store's address in this source; or the object was deleted",
    }
    if status < 400:
        raise GiveUp(f"{told}: redirects are not followed; correct the store's address in this source")
    raise GiveUp(f"{told}: {advice.get(status, 'check the settings of this source')}")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> timedelta | None:
    """How long an answer (headers by lower-case name) asks to be left alone: seconds or a date, never negative and at most a day; None when
    it does not ask, or not readably. A date is compared with the answer's own `Date`, so that a wrong clock here does not matter; else
    with `now`, or the system's clock."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), MAXIMUM_WAIT)
    asked = _date(value)
    if asked is None:
        return None
    return min(max(asked - (_date(headers.get("date", "")) or now or datetime.now(UTC)), timedelta(0)), MAXIMUM_WAIT)


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
