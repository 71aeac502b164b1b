"""What an endpoint's address and headers may be. Pure: names are not resolved here, the socket has the last word."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, ip_address

from yarl import URL

from adapter.errors import Misconfigured
from adapter.infra.addresses import Guard

MAXIMUM_URL = 2_048
MAXIMUM_HEADERS = 20
MAXIMUM_HEADER_VALUE = 4_096

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_VALUE = re.compile(r"[\x20-\x7e]*")
_LOCALHOST = IPv4Address("127.0.0.1")

_OWN_HEADERS = frozenset(
    {
        "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
        "upgrade", "expect", "accept-encoding", "user-agent", "forwarded", "via",
    }
)  # fmt: skip
_OWN_PREFIXES = ("webhook-", "svix-", "proxy-", "x-forwarded-", "sec-")


def check_endpoint_url(url: str, *, allowed_networks: Iterable[str], allowed_ports: Iterable[int]) -> str:
    """The address as it will be used (host in lower case, international names in punycode).

    Refuses, with `Misconfigured("url", …)`: other schemes than http and https, user info, fragments, white space and control characters,
    hosts that are neither a name nor a plain IP address, literal addresses that are not public, ports that are not allowed. An allowed
    network lifts the last two for its addresses; what a name stands for is judged at every connect.
    """
    refused = refusal(url, Guard(allowed_networks, allowed_ports))
    if refused is not None:
        raise Misconfigured("url", refused)
    return str(URL(url))


def refusal(url: str, guard: Guard) -> str | None:
    """Why this address is not acceptable, as `code: text`, or None. The parser is the client's own, so that both read the same host."""
    if problem := _malformed(url):
        return f"invalid_url: {problem}"
    try:
        parsed = URL(url)
        host, port = parsed.raw_host, parsed.port
    except ValueError as error:
        return f"invalid_url: cannot be read: {error}"[:300]
    if parsed.scheme not in {"http", "https"}:
        return f"invalid_url: must start with https:// or http://, not {parsed.scheme!r:.20}"
    if not host or port is None:
        return "invalid_url: has no host; write it as https://shop.example/hooks"
    return _host_refusal(host, port, guard)


def _malformed(url: str) -> str | None:
    """What is wrong with the text, before any parser could fold it into something else."""
    if len(url) > MAXIMUM_URL:
        return f"is longer than {MAXIMUM_URL} characters"
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in url):
        return "contains white space, a backslash or a control character"
    if "#" in url:
        return "must not contain a fragment (#)"
    if "@" in url.partition("//")[2].partition("/")[0].partition("?")[0]:
        return "must not contain a user name or password; use a header"
    return None


def _host_refusal(host: str, port: int, guard: Guard) -> str | None:
    try:
        ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
            return f"invalid_url: {host!r:.80} is neither a host name nor a plain IP address"
        if labels[-1] == "localhost" and not guard.allows(_LOCALHOST):
            return guard.refusal(str(_LOCALHOST), port)
        # With allowed networks, the name may stand for one of their addresses, where any port is right: left to the connect.
        return None if port in guard.ports or (guard.networks and port) else guard.port_refusal(port)
    return guard.refusal(host, port)


def check_endpoint_headers(headers: Mapping[str, str]) -> None:
    """Raise `Misconfigured("headers", …)` for headers that a merchant must not set on outbound messages: those that frame the request,
    that we sign or write ourselves, or that are not one line of visible ASCII."""
    if len(headers) > MAXIMUM_HEADERS:
        raise Misconfigured("headers", f"{len(headers)} headers are too many; at most {MAXIMUM_HEADERS}")
    for name, value in headers.items():
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            raise Misconfigured("headers", f"{name!r:.40} is not a header name")
        if lower in _OWN_HEADERS or lower.startswith(_OWN_PREFIXES):
            raise Misconfigured("headers", f"{name} is set by the adapter itself; remove it")
        if len(value) > MAXIMUM_HEADER_VALUE or not _VALUE.fullmatch(value):
            raise Misconfigured(
                "headers", f"the value of {name} must be one line of at most {MAXIMUM_HEADER_VALUE} visible ASCII characters"
            )
