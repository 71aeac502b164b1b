"""The outbound client against real servers on loopback: misbehaving consumers, forbidden addresses, changing names."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from yarl import URL

from adapter.connector import Pull
from adapter.errors import GiveUp, Misconfigured, TryAgain
from adapter.infra.outbound import Outbound, check_endpoint_headers, check_endpoint_url, retry_after
from tests.house import PATIENCE, hurry
from tests.infra.certificates import certificate

PORTS = frozenset({80, 443, 8080, 8443})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REFUSED_HOSTS = [
    "127.0.0.1", "127.254.254.254", "0.0.0.1", "10.254.0.0", "100.100.0.0", "169.254.169.254", "172.16.10.65",
    "192.0.0.255", "192.88.99.3", "192.168.10.65", "198.18.0.0", "198.51.100.65", "203.0.113.6", "224.1.2.3",
    "240.240.240.240", "255.255.255.255", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[2001:db8::1]",
    "[3fff::dead:beef]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[100::1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001::1]", "[2001:10::1]", "[5f00::1]", "[::7f00:1]", "[::127.0.0.1]",
    "[fe80::1%25eth0]", "localhost", "LOCALHOST", "api.localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1",
    "0x7f000001", "0", "127.0.0.1.", "①②⑦.0.0.1", "127。0。0。1", "%31%32%37.0.0.1",
]  # fmt: skip


class Names(AbstractResolver):
    """Answers each lookup with the next list of addresses, and the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not addresses:
            raise OSError("no such name")
        family_of = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family_of[ip_address(one).version], proto=0, flags=0)
            for one in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Every socket that the process opens from here on."""
    opened: list[socket.socket] = []
    real = socket.socket

    class Spy(real):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: object, **named: object) -> None:
            super().__init__(*arguments, **named)
            opened.append(self)

    monkeypatch.setattr(socket, "socket", Spy)
    return opened


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[TestServer]]]:
    servers: list[TestServer] = []

    async def start(handler: Handler, context: ssl.SSLContext | None = None) -> TestServer:
        application = web.Application(client_max_size=2**20)
        application.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(application, host="127.0.0.1", scheme="https" if context else "http")
        await server.start_server(ssl=context)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def client() -> AsyncIterator[Callable[..., Awaitable[Outbound]]]:
    clients: list[Outbound] = []

    async def make(**given: object) -> Outbound:
        outbound = Outbound(**{"allowed_networks": ["127.0.0.0/8"], "timeout": PATIENCE, "user_agent": "test/1"} | given)
        await outbound.start()
        clients.append(outbound)
        return outbound

    yield make
    for outbound in clients:
        await outbound.close()


async def raw_server(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> tuple[asyncio.Server, str]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


# ---- sending ----------------------------------------------------------------------------------------------------------------------------


async def test_a_message_arrives_byte_for_byte(serve, client) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, dict(request.headers), await request.read()))
        return web.Response(status=202, text="thanks", headers={"X-Trace": "a"})

    server = await serve(handler)
    outbound = await client()
    reply = await outbound.post(str(server.make_url("/in?a=%26")), b'{"a": "\xc3\xbc"}', {"webhook-id": "msg_1"})
    [(method, path, headers, body)] = seen
    assert (method, path, body) == ("POST", "/in?a=%26", b'{"a": "\xc3\xbc"}')
    assert headers["webhook-id"] == "msg_1"
    assert headers["User-Agent"] == "test/1"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Content-Type"] == "application/json"
    assert (reply.status, reply.body, reply.error, reply.headers["x-trace"]) == (202, b"thanks", None, "a")
    assert 0 < reply.seconds < PATIENCE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(serve, client, status: int) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    server = await serve(handler)
    reply = await (await client()).post(str(server.make_url("/")), b"{}", {})
    assert (reply.status, reply.error, seen) == (status, None, ["/"])


async def test_no_proxy_from_the_environment(serve, client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.path)

    server = await serve(handler)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    reply = await (await client()).post(str(server.make_url("/direct")), b"{}", {})
    assert (reply.status, reply.body) == (200, b"/direct")


async def test_no_answer_in_time(serve, client) -> None:
    asked, over = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        asked.set()
        await over.wait()
        return web.Response()

    server = await serve(handler)
    posting = asyncio.create_task((await client(timeout=30.0)).post(str(server.make_url("/")), b"{}", {}))
    await asked.wait()
    async with hurry():
        reply = await posting
    over.set()
    assert (reply.status, reply.error) == (None, "timeout: no answer within 30 s")


@pytest.mark.parametrize("length", ["Content-Length: 1073741824", "Transfer-Encoding: chunked"], ids=["1 GB", "endless"])
async def test_of_a_huge_answer_only_the_beginning_is_read(client, length: str) -> None:
    written = 0
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode())
            while True:
                writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" if "chunked" in length else b"x" * 0x10000)
                await writer.drain()
                written += 0x10000
        except ConnectionError:
            gone.set()
        finally:
            writer.close()

    server, url = await raw_server(answer)
    async with server:
        reply = await (await client()).post(url, b"{}", {})
        await asyncio.wait_for(gone.wait(), PATIENCE)
    assert (reply.status, reply.error, len(reply.body)) == (200, None, 16_384)
    assert written < 32 * 2**20  # what the kernel buffered, not a gigabyte


async def test_a_trickling_answer_ends_with_the_time(client) -> None:
    begun = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nab")
        await writer.drain()
        begun.set()
        await reader.read()
        writer.close()

    server, url = await raw_server(answer)
    async with server:
        posting = asyncio.create_task((await client()).post(url, b"{}", {}))
        await begun.wait()
        await asyncio.sleep(0.2)  # what was written lies in this machine: it is read at the next turn of this loop
        async with hurry():
            reply = await posting
    assert (reply.status, reply.body, reply.error) == (200, b"ab", None)


async def test_compressed_answers_stay_compressed(serve, client) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    server = await serve(handler)
    outbound = await client()
    reply = await outbound.post(str(server.make_url("/")), b"{}", {})
    assert reply.body == bomb[:16_384]
    with pytest.raises(GiveUp, match="compressed body although none was asked for"):
        await outbound.fetch(Pull("order", str(server.make_url("/"))))


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (b"", "reset: the connection was closed before an answer"),
        (b"HTTP/1.1 200", "reset: the connection was closed before an answer"),
        (b"\x00\x01\x02 nonsense\r\n\r\n", "bad_response: the answer is not valid HTTP"),
        (
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(10_000)) + b"\r\n",
            "bad_response: the answer is not valid HTTP",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "bad_response: the answer is not valid HTTP"),
    ],
    ids=["nothing", "half a line", "nonsense", "10 000 headers", "long header"],
)
async def test_answers_that_are_none(client, wire: bytes, error: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        writer.write(wire)
        writer.close()

    server, url = await raw_server(answer)
    async with server:
        reply = await (await client()).post(url, b"{}", {})
    assert (reply.status, reply.error) == (None, error)


async def test_a_reset_connection_and_a_closed_port(client) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    server, url = await raw_server(answer)
    outbound = await client()
    async with server:
        reply = await outbound.post(url, b"{}", {})
    assert reply.status is None
    assert reply.error.startswith("reset: ")
    reply = await outbound.post(url, b"{}", {})
    assert reply.status is None
    assert reply.error.startswith("connect: ")


@pytest.mark.parametrize("headers", [{"X": "a\r\nB: c"}, {"X": "a\nb"}, {"X\r\n": "a"}, {"X": "\x00"}])
async def test_headers_cannot_break_out(serve, client, headers: dict[str, str]) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response()

    server = await serve(handler)
    reply = await (await client()).post(str(server.make_url("/")), b"{}", headers)
    assert reply.status is None
    assert reply.error.startswith("invalid_request: ")
    assert seen == []


# ---- TLS --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expired", "name", "trusted", "error"),
    [
        (False, "127.0.0.1", True, None),
        (True, "127.0.0.1", True, "tls: certificate has expired"),
        (False, "127.0.0.1", False, "tls: self-signed certificate"),
        (False, "shop.example", True, "tls: IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
)
async def test_certificates_are_checked(serve, client, tmp_path, monkeypatch, *, expired, name, trusted, error) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="safe")

    context, path = certificate(tmp_path, expired=expired, name=name)
    server = await serve(handler, context)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    reply = await (await client()).post(str(server.make_url("/")), b"{}", {})
    assert (reply.error, reply.body) == (error, b"" if error else b"safe")


async def test_old_tls_and_no_tls(serve, client, tmp_path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    plain = await serve(handler)
    reply = await (await client()).post(str(plain.make_url("/")).replace("http://", "https://"), b"{}", {})
    assert reply.status is None
    assert reply.error.startswith("tls: ")


# ---- forbidden addresses ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", REFUSED_HOSTS)
async def test_forbidden_hosts_are_refused_at_creation_and_at_sending_without_a_socket(client, sockets, host: str) -> None:
    url = f"http://{host}/"
    with pytest.raises(Misconfigured) as caught:
        check_endpoint_url(url, allowed_networks=[], allowed_ports=PORTS)
    assert caught.value.setting == "url"
    outbound = await client(allowed_networks=[])
    reply = await outbound.post(url, b"{}", {})
    assert reply.status is None
    assert reply.error.startswith(("blocked_address: ", "invalid_url: "))
    with pytest.raises(GiveUp):
        await outbound.fetch(Pull("order", url))
    assert sockets == []


@pytest.mark.parametrize(
    "url",
    [
        "http://user@127.0.0.1/", "http://user:pass@shop.example/", "http://@shop.example/", "http://:@shop.example/",
        "http://127.0.0.1#@shop.example/", "http://shop.example/#fragment", "http://shop.example\\@127.0.0.1/", "http:///x", "http://", "",
        "http://exa mple.example/", "http://shop.example/\r\nX: y", "http://shop.example/\x00", "http://shop.example/\u2028", " http://a.example",
        "file:///etc/passwd", "gopher://shop.example/", "ftp://shop.example/", "data:text/plain,x", "ws://shop.example/", "tcp://a.example:80",
        "//shop.example/", "shop.example", "/path", "http://shop.example:22/", "http://shop.example:25/", "http://shop.example:6379/",
        "http://shop.example:0/", "http://shop.example:65536/", "http://shop.example:-1/", "http://shop.example:x/", "http://[::1/",
        "http://[shop.example]/", "http://-shop.example/", "http://shop..example/", "http://shop.example/" + "a" * 2048, "http://\ud800.example/",
    ],
)  # fmt: skip
async def test_odd_addresses(client, sockets, url: str) -> None:
    with pytest.raises(Misconfigured, match=r"^url: "):
        check_endpoint_url(url, allowed_networks=[], allowed_ports=PORTS)
    outbound = await client(allowed_networks=[])
    reply = await outbound.post(url, b"{}", {})
    assert reply.status is None
    assert reply.error.startswith(("blocked_", "invalid_url: "))
    assert sockets == []


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://Shop.Example/Hooks?a=1&b=%26", "https://shop.example/Hooks?a=1&b=%26"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://8.8.8.8:8080/x", "http://8.8.8.8:8080/x"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("https://a_b.shop.example./", "https://a_b.shop.example./"),
    ],
)
def test_good_addresses(url: str, used: str) -> None:
    assert check_endpoint_url(url, allowed_networks=[], allowed_ports=PORTS) == used


def test_international_names_are_used_in_punycode() -> None:
    used = check_endpoint_url("https://bücher.example/", allowed_networks=[], allowed_ports=PORTS)
    assert URL(used).raw_host == "xn--bcher-kva.example"


def test_an_allowed_network_lifts_its_addresses_and_their_ports() -> None:
    for url in ("http://127.0.0.1:9999/", "http://localhost:9999/", "http://[::ffff:127.0.0.1]:9999/", "http://consumer.lan:9999/"):
        assert check_endpoint_url(url, allowed_networks=["127.0.0.0/8"], allowed_ports=PORTS)
    for url in ("http://10.0.0.1/", "http://8.8.8.8:9999/", "http://127.0.0.1.:80/", "ftp://127.0.0.1/", "http://consumer.lan:0/"):
        with pytest.raises(Misconfigured):
            check_endpoint_url(url, allowed_networks=["127.0.0.0/8"], allowed_ports=PORTS)


async def test_a_name_with_one_private_address_is_refused(client, sockets) -> None:
    names = Names(["8.8.8.8", "10.0.0.7"])
    reply = await (await client(allowed_networks=[], resolver=names)).post("https://mixed.example/", b"{}", {})
    assert reply.status is None
    assert reply.error.startswith("blocked_address: 10.0.0.7 is not a public address")
    assert (names.asked, sockets) == (["mixed.example"], [])


async def test_a_name_that_changes_to_a_private_address_is_refused_at_its_next_use(serve, client) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.host)
        return web.Response()

    server = await serve(handler)
    outbound = await client(resolver=Names(["127.0.0.1"], ["169.254.169.254"], ["::ffff:10.0.0.1"]))
    url = f"http://rebinding.example:{server.port}/"
    assert check_endpoint_url(url, allowed_networks=["127.0.0.0/8"], allowed_ports=PORTS) == url
    assert (await outbound.post(url, b"{}", {})).status == 200
    assert (await outbound.post(url, b"{}", {})).error.startswith("blocked_address: 169.254.169.254 ")
    assert (await outbound.post(url, b"{}", {})).error.startswith("blocked_address: ::ffff:10.0.0.1 ")
    with pytest.raises(GiveUp, match="blocked_address"):
        await outbound.fetch(Pull("order", url))
    assert seen == [f"rebinding.example:{server.port}"]


async def test_a_public_name_on_a_forbidden_port_is_refused_at_the_socket(client, sockets) -> None:
    reply = await (await client(resolver=Names(["8.8.8.8"]))).post("http://shop.example:6379/", b"{}", {})
    assert reply.error.startswith("blocked_port: port 6379 is not allowed")
    assert sockets == []


async def test_a_name_that_does_not_resolve(client) -> None:
    outbound = await client(resolver=Names([]))
    reply = await outbound.post("http://shop.example/", b"{}", {})
    assert (reply.status, reply.error) == (None, "dns: shop.example does not resolve")
    with pytest.raises(TryAgain, match=r"from shop.example failed: dns"):
        await outbound.fetch(Pull("order", "http://shop.example/"))


# ---- pulls ------------------------------------------------------------------------------------------------------------------------------


async def test_a_pull_is_executed_and_parsed_exactly(serve, client) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers["Authorization"], request.headers["Accept"], await request.read()))
        return web.Response(body=b'{"total": 19.90, "id": 820982911946154508123}')

    server = await serve(handler)
    outbound = await client()
    url = str(server.make_url("/orders/1"))
    assert await outbound.fetch(Pull("order", url, {"Authorization": "Bearer word"})) == {
        "total": Decimal("19.90"),
        "id": 820982911946154508123,
    }
    await outbound.fetch(Pull("order", url, {"Authorization": "Bearer word"}, "POST", {"query": "{ ü }"}))
    assert seen == [
        ("GET", "Bearer word", "application/json", b""),
        ("POST", "Bearer word", "application/json", '{"query": "{ ü }"}'.encode()),
    ]


@pytest.mark.parametrize(
    ("status", "headers", "error", "after", "message"),
    [
        (429, {"Retry-After": "7"}, TryAgain, timedelta(seconds=7), r"127.0.0.1 answered the pull order with 429"),
        (503, {"Retry-After": "999999"}, TryAgain, timedelta(days=1), "with 503"),
        (500, {}, TryAgain, None, "with 500"),
        (408, {}, TryAgain, None, "with 408"),
        (401, {}, GiveUp, None, "with 401: check the API key"),
        (403, {}, GiveUp, None, "with 403: give the API key"),
        (404, {}, GiveUp, None, "with 404: check the store's address"),
        (418, {}, GiveUp, None, "with 418: check the settings"),
        (302, {"Location": "/"}, GiveUp, None, "with 302: redirects are not followed"),
    ],
)
async def test_what_a_status_means(serve, client, *, status, headers, error, after, message) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    server = await serve(handler)
    with pytest.raises(error, match=message) as caught:
        await (await client()).fetch(Pull("order", str(server.make_url("/"))))
    assert getattr(caught.value, "after", None) == after


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":1,"a":2}', b"\xff"])
async def test_a_pull_that_is_not_json(serve, client, body: bytes) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body)

    server = await serve(handler)
    with pytest.raises(GiveUp, match=r"127.0.0.1 answered the pull order with what is not JSON"):
        await (await client()).fetch(Pull("order", str(server.make_url("/"))))


async def test_the_size_of_a_pull_is_bounded(serve, client) -> None:
    size = 10 * 2**20

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b'"' + b"x" * (size - 2 + int(request.query["more"])) + b'"')

    server = await serve(handler)
    outbound = await client()
    assert len(await outbound.fetch(Pull("order", str(server.make_url("/?more=0"))))) == size - 2
    with pytest.raises(GiveUp, match="more than 10485760 bytes"):
        await outbound.fetch(Pull("order", str(server.make_url("/?more=1"))))


async def test_a_pull_whose_answer_breaks_off_is_tried_again(client) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"a":')
        writer.close()

    server, url = await raw_server(answer)
    async with server:
        with pytest.raises(TryAgain, match=r"the pull order from 127\.0\.0\.1 failed"):
            await (await client()).fetch(Pull("order", url))


# ---- headers ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "x"}, {"Content-Length": "1"}, {"Transfer-Encoding": "chunked"}, {"webhook-signature": "v1,x"}, {"Svix-Id": "x"},
        {"Connection": "close"}, {"Content-Encoding": "gzip"}, {"Proxy-Authorization": "x"}, {"X-Forwarded-For": "x"}, {"X": "a\r\nB: c"},
        {"X\r\nB": "c"}, {"X": "ü"}, {"X Y": "z"}, {"": "x"}, {"X": "a\x00"}, {"X": "a" * 4097}, {f"X-{n}": "y" for n in range(21)},
    ],
)  # fmt: skip
def test_forbidden_headers(headers: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match=r"^headers: "):
        check_endpoint_headers(headers)


def test_allowed_headers() -> None:
    check_endpoint_headers({"Authorization": "Bearer word", "X-Api-Key": "word", "X-Empty": ""})


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("10", 10), ("0", 0), ("999999", 86_400), ("9" * 100, 86_400), ("-5", None), ("abc", None), ("", None), ("1.5", None), ("١٠", None),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30), ("Fri, 20 Nov 2026 11:00:00 GMT", 0), ("Fri, 20 Nov 2036 12:00:00 GMT", 86_400),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
    ],
)  # fmt: skip
def test_retry_after(value: str, wait: int | None) -> None:
    asked = retry_after({"retry-after": value, "date": "Fri, 20 Nov 2026 12:00:00 GMT"})
    assert asked == (None if wait is None else timedelta(seconds=wait))
    assert retry_after({"retry-after": value}, datetime(2026, 11, 20, 12, tzinfo=UTC)) == asked
    assert retry_after({}) is None
