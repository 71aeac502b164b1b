"""Every answer of the door, and what is kept of each request."""

import asyncio
import json
import sqlite3
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg
import pytest

from adapter.clock import SimulatedClock
from adapter.flow import verify as verify_stage
from adapter.infra.database import connection
from adapter.infra.models import ActionRow, DeliveryRow, EventRow, RejectionRow
from tests.house import PATIENCE, SECRETS, House, Neighbourhood, signed_headers
from tests.orders import completed, event

BODY = json.dumps(completed()).encode()


class Answer:
    """An answer as a storefront gets it."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


async def post(house: House, path: str, body: Any, headers: Any = None, method: str = "POST") -> Answer:
    """Send exactly this."""
    async with house.client.request(method, f"{house.address}{path}", data=body, headers=headers) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


def signed(house: House, body: bytes, source: str = "standard", topic: str = "", secret: str | None = None) -> dict[str, str]:
    """The headers with which a storefront signs this body now."""
    return signed_headers(source, body, house.app.clock.now().timestamp(), topic, secret)


async def stored() -> int:
    """How many deliveries there are."""
    return await DeliveryRow.all().count()


async def reasons(house: House) -> dict[tuple[str, str], int]:
    """Refusals as they are kept: source and reason to their count."""
    await house.app.door.flush_refusals()
    return {(row.source_key, row.reason): row.count for row in await RejectionRow.all()}


async def test_new_then_seen_before(still_house: House) -> None:
    """Both are 200 with an empty body; the second one is only counted."""
    headers = signed(still_house, BODY)
    first = await post(still_house, "/hooks/standard", BODY, headers)
    second = await post(still_house, "/hooks/standard", BODY, headers)

    assert [(answer.status, answer.body) for answer in (first, second)] == [(200, b""), (200, b"")]
    (row,) = await DeliveryRow.all()
    assert (row.copies, bytes(row.body)) == (2, BODY)
    assert await still_house.actions() == [("normalise", "due", None)]


async def test_a_replay_under_a_new_id_and_time_has_no_second_effect(still_house: House, clock: SimulatedClock) -> None:
    """The body alone says what happened."""
    await post(still_house, "/hooks/standard", BODY, signed(still_house, BODY))
    clock.advance(timedelta(days=90))
    assert (await post(still_house, "/hooks/standard", BODY, signed(still_house, BODY))).status == 200
    assert await stored() == 1


async def test_every_byte_is_kept_and_only_listed_headers(still_house: House) -> None:
    """Not even white space of a body changes; cookies and tokens of a proxy are not kept."""
    body = b'\xef\xbb\xbf {\r\n\t"type" : "order.unheard-of", "name": "\\u00e9 \xc3\xa9"}  \n'
    headers = signed(still_house, body) | {"Cookie": "session=1", "Authorization": "Bearer made-up", "X-Forwarded-For": "192.0.2.1"}
    assert (await post(still_house, "/hooks/standard", body, headers)).status == 200
    (row,) = await DeliveryRow.all()
    assert bytes(row.body) == body
    assert set(row.headers) == {"webhook-id", "webhook-timestamp"}


async def test_header_bytes_that_no_database_takes(house: House) -> None:
    """A topic with bytes beyond UTF-8 is stored with replacements; it never costs the delivery, nor those stored with it."""
    body = b'{"id": 1}'
    head = signed(house, body, "shopify")
    head["X-Shopify-Topic"] = "orders/\udcff\udcfe"
    raw = b"POST /hooks/shopify HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n"
    raw += b"".join(f"{name}: {value}\r\n".encode("utf-8", "surrogateescape") for name, value in head.items()) + b"\r\n" + body
    assert (await _raw(house, raw)).startswith(b"HTTP/1.1 200")
    (row,) = await DeliveryRow.all()
    assert row.topic == "orders/??"


async def test_an_unknown_topic_is_kept_and_skipped(still_house: House) -> None:
    """200, and the delivery says why nothing followed."""
    assert await still_house.send("shopify", {"id": 1}, "orders/imagined") == 200
    assert await still_house.run_due() == ["normalise"]
    assert await still_house.actions() == [("normalise", "skipped", "topic 'orders/imagined' is not known to the shopify connector")]
    assert await EventRow.all().count() == 0


@pytest.mark.parametrize(
    ("source", "topic", "body", "reason"),
    [
        ("standard", "", b"", "not_json: Expecting value at line 1 column 1"),
        ("standard", "", b"not json", "not_json: Expecting value at line 1 column 1"),
        ("standard", "", b'{"type": "a", "type": "b"}', 'duplicate_key: "type" occurs twice'),
        ("standard", "", b'{"type": "order.completed", "timestamp": "now"}', "timestamp: "),
        ("shopify", "orders/create", b"[1, 2]", "Shopify orders/create: the body is list, not a JSON object"),
        ("shopify", "orders/paid", b'{"id": 7, "title": "A product", "variants": []}', "Shopify orders/paid: "),
        ("woocommerce", "order.updated", b'{"code": "woocommerce_rest_cannot_view", "message": "no", "data": {"status": 401}}',
         "WooCommerce sent the error woocommerce_rest_cannot_view (status 401)"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_a_dead_letter(still_house: House, source: str, topic: str, body: bytes, reason: str) -> None:
    """Verified but unreadable: 200 all the same, or the store would switch the webhook off."""
    assert await still_house.send(source, body, topic) == 200
    await still_house.run_due()
    ((kind, state, error),) = await still_house.actions()
    assert (kind, state) == ("normalise", "dead")
    assert error is not None
    assert error.startswith(reason)
    assert await EventRow.all().count() == 0


async def test_pings_are_answered_and_not_kept(still_house: House) -> None:
    """WooCommerce's ping is unsigned."""
    answer = await post(still_house, "/hooks/woocommerce", b"webhook_id=12", {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 200
    assert await stored() == 0
    assert await reasons(still_house) == {}


def _flipped(signature: str) -> str:
    return ("A" if signature[0] != "A" else "B") + signature[1:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda value: None, "missing_signature"),
        (lambda value: " ", "missing_signature"),
        (_flipped, "bad_signature"),
        (lambda value: value.rstrip("="), "bad_signature"),
        (lambda value: value + "A", "bad_signature"),
        (lambda value: "é" + value, "bad_signature"),
    ],
    ids=["missing", "empty", "other", "unpadded", "longer", "not-ascii"],
)
async def test_wrong_signatures(still_house: House, change: Any, reason: str) -> None:
    """401 with an empty body; nothing is stored but a count."""
    headers = signed(still_house, BODY, "shopify", "orders/create")
    value = change(headers.pop("x-shopify-hmac-sha256"))
    if value is not None:
        headers["x-shopify-hmac-sha256"] = value
    answer = await post(still_house, "/hooks/shopify", BODY, headers)
    assert (answer.status, answer.body) == (401, b"")
    assert await stored() == 0
    assert await ActionRow.all().count() == 0
    assert await reasons(still_house) == {("shopify", reason): 1}


async def test_two_signatures_are_ambiguous(still_house: House) -> None:
    """Which of them a reader takes must not matter."""
    headers = [("X-Shopify-Hmac-Sha256", "AAAA"), *signed(still_house, BODY, "shopify", "orders/create").items()]
    raw = f"POST /hooks/shopify HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(BODY)}\r\n"
    raw += "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    assert (await _raw(still_house, raw.encode() + BODY)).startswith(b"HTTP/1.1 401")
    assert await stored() == 0
    assert await reasons(still_house) == {("shopify", "ambiguous_signature"): 1}


async def test_another_tenants_secret_and_a_changed_body(still_house: House) -> None:
    """The signature is this source's over these bytes, or none."""
    other = signed(still_house, BODY, "shopify", "orders/create", SECRETS["woocommerce"])
    changed = signed(still_house, BODY, "shopify", "orders/create")
    assert (await post(still_house, "/hooks/shopify", BODY, other)).status == 401
    assert (await post(still_house, "/hooks/shopify", BODY + b" ", changed)).status == 401
    assert await stored() == 0


async def test_unknown_sources(still_house: House) -> None:
    """404 with an empty body, under one name in the counts, whatever name was tried."""
    for name in ("nobody", "somebody"):
        answer = await post(still_house, f"/hooks/{name}", BODY, signed(still_house, BODY))
        assert (answer.status, answer.body) == (404, b"")
    assert await reasons(still_house) == {("-", "unknown_source"): 2}
    assert (await post(still_house, "/hooks/NOT_A_NAME", BODY)).status == 404


async def test_an_unknown_source_costs_a_signature_too(still_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways end in the same verification of the whole body: sources are not found by timing."""
    verified: list[int] = []
    verify = verify_stage.signature.verify

    def watched(scheme: Any, body: bytes, *rest: Any) -> None:
        verified.append(len(body))
        verify(scheme, body, *rest)

    monkeypatch.setattr(verify_stage.signature, "verify", watched)
    await post(still_house, "/hooks/nobody", BODY, signed(still_house, BODY))
    await post(still_house, "/hooks/standard", BODY, signed(still_house, BODY, secret=SECRETS["consumer"]))
    assert verified == [len(BODY), len(BODY)]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_other_methods(still_house: House, method: str) -> None:
    """405 naming what is allowed."""
    answer = await post(still_house, "/hooks/standard", None, method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert await stored() == 0


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity", "gzip, gzip", "nonsense", ""])
async def test_no_content_encoding(still_house: House, encoding: str) -> None:
    """415 before anything is decoded: a signature is over the bytes on the wire."""
    raw = f"POST /hooks/standard HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: {encoding}\r\n"
    raw += f"Content-Length: {len(BODY)}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in signed(still_house, BODY).items())
    assert (await _raw(still_house, raw.encode() + b"\r\n" + BODY)).startswith(b"HTTP/1.1 415")
    assert await stored() == 0


@pytest.fixture
async def small_house(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> Any:
    """A house that takes 2 KiB, and loses patience after three wrong signatures."""
    limits = {"max_body": 2_048, "body_timeout": 60, "rejections_per_minute": 3}
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock, **limits) as running:
        yield running


async def test_the_limit_and_one_byte_more(small_house: House) -> None:
    """2,048 bytes are taken, 2,049 are 413, said beforehand or not."""
    full = json.dumps(event("order.unheard-of", {})).encode().ljust(2_048)
    more = full + b" "

    async def chunks() -> Any:
        for start in range(0, len(more), 100):
            yield more[start : start + 100]

    async def fitting() -> Any:
        yield full

    assert (await post(small_house, "/hooks/standard", full, signed(small_house, full))).status == 200
    assert (await post(small_house, "/hooks/standard", fitting(), signed(small_house, full))).status == 200
    assert (await post(small_house, "/hooks/standard", more, signed(small_house, more))).status == 413
    assert (await post(small_house, "/hooks/standard", chunks(), signed(small_house, more))).status == 413
    assert (await post(small_house, "/hooks/nobody", more)).status == 413
    (row,) = await DeliveryRow.all()
    assert (row.copies, bytes(row.body)) == (2, full)


async def test_a_body_that_does_not_arrive(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock) -> None:
    """408 after the time that a body has."""
    raw = b"POST /hooks/standard HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{"
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock, body_timeout=1) as impatient:
        assert (await _raw(impatient, raw)).startswith(b"HTTP/1.1 408")
        assert await stored() == 0


@pytest.mark.parametrize(
    "garbage", [b"POST /hooks/standard HTTP/9.9.9\r\n\r\n", b"POST /hooks/standard HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd"]
)
async def test_broken_http_names_no_version(small_house: House, garbage: bytes) -> None:
    """400, and no hint of what runs here."""
    answer = await _raw(small_house, garbage)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"aiohttp" not in answer
    assert b"Python" not in answer


async def test_a_body_that_is_announced_and_never_sent(small_house: House) -> None:
    """`Expect: 100-continue`, and then silence: told to go on, then 408."""
    raw = b"POST /hooks/standard HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"
    host, _, port = small_house.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 408" in answer


async def test_a_chunk_that_is_none(small_house: House) -> None:
    """A body that breaks off inside its chunks is the sender's fault, not a failure of the storage."""
    raw = b"POST /hooks/standard HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\r\nzz\r\n"
    assert (await _raw(small_house, raw)).startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert await stored() == 0


async def test_too_many_wrong_signatures(small_house: House, clock: SimulatedClock) -> None:
    """429 for the wrong ones only, and only for a minute."""
    wrong = signed(small_house, BODY) | {"webhook-signature": "v1,AAAA"}
    found = [(await post(small_house, "/hooks/standard", BODY, wrong)).status for _ in range(5)]
    assert found == [401, 401, 401, 429, 429]
    assert (await post(small_house, "/hooks/standard", BODY, signed(small_house, BODY))).status == 200
    limited = await post(small_house, "/hooks/nobody", BODY)
    assert (limited.status, limited.headers["Retry-After"], limited.body) == (429, "60", b"")
    clock.advance(timedelta(seconds=60))
    wrong = signed(small_house, BODY) | {"webhook-signature": "v1,AAAA"}
    assert (await post(small_house, "/hooks/standard", BODY, wrong)).status == 401
    assert await stored() == 1


async def test_a_locked_database(still_house: House, tmp_path: Path) -> None:
    """503 with Retry-After while somebody else holds the file, and 200 after that."""
    await connection().execute_query("PRAGMA busy_timeout = 100")
    other = sqlite3.connect(tmp_path / "data" / "adapter.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        answer = await post(still_house, "/hooks/standard", BODY, signed(still_house, BODY))
        assert (answer.status, answer.headers["Retry-After"], answer.body) == (503, "30", b"")
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert (await post(still_house, "/hooks/standard", BODY, signed(still_house, BODY))).status == 200
    assert await stored() == 1


async def test_a_database_that_is_gone(tmp_path: Path, postgres_server: str, postgres_url: str, neighbourhood: Neighbourhood) -> None:
    """503 while PostgreSQL refuses, and 200 once it is back, without a restart."""
    name = postgres_url.rpartition("/")[2]
    async with House(tmp_path / "data", postgres_url, neighbourhood, working=False) as house:
        admin = await asyncpg.connect(postgres_server)
        try:
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            for _ in range(3):
                answer = await post(house, "/hooks/standard", BODY, signed(house, BODY))
                assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
            assert (await post(house, "/healthz/ready", None, method="GET")).status == 503
            assert (await post(house, "/healthz/live", None, method="GET")).status == 200
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        finally:
            await admin.close()
        assert (await post(house, "/hooks/standard", BODY, signed(house, BODY))).status == 200
        assert await stored() == 1
        assert (await post(house, "/healthz/ready", None, method="GET")).status == 200


class Valve:
    """A way to a server that can fall silent: bytes go nowhere, and no connection is closed."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self.open = asyncio.Event()
        self.open.set()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._there)
        self._tasks += [
            asyncio.create_task(self._pass_on(reader, there_writer)),
            asyncio.create_task(self._pass_on(there_reader, writer)),
        ]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while part := await reader.read(65_536):
                await self.open.wait()
                writer.write(part)
        finally:
            writer.close()


async def test_a_database_that_falls_silent(
    tmp_path: Path, migrated_postgres_url: str, neighbourhood: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 within its time, and 200 once it speaks again; what was answered is stored, once."""
    parts = urlsplit(migrated_postgres_url)
    async with Valve(parts.hostname or "", parts.port or 5432) as valve:
        through = migrated_postgres_url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{valve.port}")
        async with House(tmp_path / "data", through, neighbourhood, working=False) as house:
            monkeypatch.setattr("adapter.infra.sources.FRESH", timedelta(hours=1))
            house.app.services.sources.forget()
            assert (await post(house, "/hooks/standard", BODY, signed(house, BODY))).status == 200
            valve.open.clear()
            monkeypatch.setattr("adapter.flow.receive.STORAGE_SECONDS", 0.5)
            monkeypatch.setattr("adapter.flow.store.COMMIT_SECONDS", 1.0)
            more = json.dumps(event("order.unheard-of", {"more": 1})).encode()
            for _ in range(3):
                answer = await post(house, "/hooks/standard", more, signed(house, more))
                assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
            valve.open.set()
            monkeypatch.setattr("adapter.flow.receive.STORAGE_SECONDS", PATIENCE)
            monkeypatch.setattr("adapter.flow.store.COMMIT_SECONDS", PATIENCE)
            async with asyncio.timeout(PATIENCE):
                while (await post(house, "/hooks/standard", more, signed(house, more))).status != 200:  # noqa: ASYNC110 - it is asked again
                    await asyncio.sleep(0.1)
            assert sorted(bytes(row.body) for row in await DeliveryRow.all()) == sorted([BODY, more])


BOUND = """
[[source]]
id = "shopify"
entity = "lighthouse"
connector = "shopify"
secrets = ["env:SHOPIFY", "env:OLDER"]
settings = {{ shop_domain = "{shop}" }}
active = {active}
"""


async def _configured(house: House, shop: str, active: str = "true") -> None:
    SECRETS["older"] = "a made-up older secret"
    try:
        await house.configure(BOUND.format(shop=shop, active=active))
    finally:
        del SECRETS["older"]


async def test_another_shop_with_the_same_app(still_house: House) -> None:
    """One app secret signs for many shops: a delivery of another one is refused."""
    await _configured(still_house, "nordlicht-demo.myshopify.com")
    assert await still_house.send("shopify", {"id": 1}, "orders/create") == 200
    headers = {"X-Shopify-Shop-Domain": "somebody-else.myshopify.com"}
    assert await still_house.send("shopify", {"id": 2}, "orders/create", **headers) == 401
    assert await stored() == 1
    assert await reasons(still_house) == {("shopify", "other_shop"): 1}


async def test_both_secrets_while_one_is_changed(still_house: House) -> None:
    """The old and the new one are accepted, a third is not."""
    await _configured(still_house, "nordlicht-demo.myshopify.com")
    for secret, status in ((None, 200), ("a made-up older secret", 200), ("a made-up third secret", 401)):
        body = json.dumps({"id": str(secret)}).encode()
        headers = signed(still_house, body, "shopify", "orders/create", secret)
        assert (await post(still_house, "/hooks/shopify", body, headers)).status == status
    assert await stored() == 2


async def test_a_source_that_is_switched_off(still_house: House) -> None:
    """Rightly signed it is 404, and nothing is kept: the store is to stop sending. Wrongly signed it is 401 as ever."""
    await _configured(still_house, "nordlicht-demo.myshopify.com", "false")
    assert await still_house.send("shopify", {"id": 1}, "orders/create") == 404
    headers = signed(still_house, b"{}", "shopify", "orders/create", "another made-up secret")
    assert (await post(still_house, "/hooks/shopify", b"{}", headers)).status == 401
    assert await stored() == 0


async def test_health_metrics_and_schemas(still_house: House) -> None:
    """What orchestrators and backends read; no answer names a version."""
    await post(still_house, "/hooks/standard", BODY, signed(still_house, BODY))
    for path, part in (
        ("/healthz/live", b'"ok"'),
        ("/healthz/ready", b'"database": "ok", "files": "ok"'),
        ("/metrics", b'adapter_hooks_total{outcome="stored",source="standard"}'),
        ("/schemas/order/1.json", b'"prices_include_tax"'),
    ):
        answer = await post(still_house, path, None, method="GET")
        assert (answer.status, part in answer.body) == (200, True), path
        assert answer.headers["Server"] == "storefront-adapter"
    assert (await post(still_house, "/schemas/order/9.json", None, method="GET")).status == 404
    assert (await post(still_house, "/", None, method="GET")).status == 404


async def test_the_wrong_encoding(still_house: House) -> None:
    """A signature in hexadecimal where base64 is expected is refused by its own reason, which a merchant can be told."""
    headers = signed(still_house, BODY, "shopify", "orders/create")
    headers["x-shopify-hmac-sha256"] = b64decode(headers["x-shopify-hmac-sha256"]).hex()
    assert (await post(still_house, "/hooks/shopify", BODY, headers)).status == 401
    assert await reasons(still_house) == {("shopify", "wrong_encoding"): 1}


async def _raw(house: House, content: bytes) -> bytes:
    """Send bytes on a socket and return what comes back until the service closes."""
    host, _, port = house.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(content)
    await writer.drain()
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
    return answer
