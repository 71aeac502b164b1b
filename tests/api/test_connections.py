"""The door's connections on real sockets: slow heads, too many of them, and requests that are no HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapter.api.connections import MOST_CONNECTIONS, Site, most_connections
from tests.house import hurry

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
REQUEST = b"GET /here HTTP/1.1\r\nHost: x\r\n\r\n"


async def _here(request: web.Request) -> web.Response:
    return web.Response(text="here")


async def _fails(request: web.Request) -> web.Response:
    raise RuntimeError("ada@shop.example")


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens a connection to a door that gives a head half a minute, and has room for four."""
    application = web.Application()
    application.add_routes([web.get("/here", _here), web.get("/fails", _fails)])
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await Site(runner, "127.0.0.1", 0, head_seconds=30, most=4).start()
    writers = []

    async def open_one() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        writers.append(writer)
        return reader, writer

    yield open_one
    for writer in writers:
        writer.close()
    await runner.cleanup()


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes = REQUEST) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


async def _closed(reader: asyncio.StreamReader) -> bytes:
    """What still came before the other side closed; nothing where it did so in the middle of what was sent to it."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.fixture
def idle_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that may be idle for days, for who lets the clock leap."""
    monkeypatch.setattr("adapter.api.connections.IDLE_SECONDS", 1_000_000)


async def test_a_head_that_never_ends_is_cut_off(idle_for_long: None, connect: Connect) -> None:
    """Nothing at all, half a head, and one byte at a time; a connection that is idle after its request is left alone meanwhile."""
    idle = await connect()
    assert (await _answered(*idle)).endswith(b"here")
    silent, half = await connect(), await connect()
    half[1].write(REQUEST[:-4])
    async with hurry():
        assert await _closed(silent[0]) == b""
        assert await _closed(half[0]) == b""

    trickling = await connect()
    cut = asyncio.create_task(_closed(trickling[0]))
    async with hurry(1):
        for byte in REQUEST[:-4] * 100:
            if cut.done():
                break
            trickling[1].write(bytes([byte]))
            await asyncio.sleep(1.5)
        assert await cut == b""

    assert (await _answered(*idle)).endswith(b"here")
    idle[1].write(REQUEST[:-4])
    async with hurry():
        assert await _closed(idle[0]) == b""


async def test_a_head_in_two_parts_is_answered(connect: Connect) -> None:
    """Also when two requests come at once and the second is finished later."""
    reader, writer = await connect()
    writer.write(REQUEST[:9])
    assert (await _answered(reader, writer, REQUEST[9:] + REQUEST[:9])).endswith(b"here")
    assert (await _answered(reader, writer, REQUEST[9:])).endswith(b"here")


async def test_who_waits_longest_makes_room(connect: Connect) -> None:
    """Four connections are open; the fifth is served, and one of those goes that has never sent a request."""
    served = await connect()
    assert (await _answered(*served)).endswith(b"here")
    waiting = [await connect() for _ in range(3)]
    for _, writer in waiting:
        writer.write(REQUEST[:9])
        await writer.drain()
    fifth = await connect()
    assert (await _answered(*fifth)).endswith(b"here")
    assert await _closed(waiting[0][0]) == b""
    assert (await _answered(*served)).endswith(b"here")


@pytest.mark.parametrize(
    "garbage",
    [
        b"POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        b"POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
        b"POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\nabcd",
        b"GET /here HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: ada@shop.example\r\n" % number for number in range(5_000)) + b"\r\n",
        b"GET /here HTTP/1.1\r\nHost: x\r\nX-Long: " + b"ada@shop.example" * 600 + b"\r\n\r\n",
        b"GET /here HTTP/1.1\r\nHost: x\r\nada@shop.example\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not TLS here",
    ],
    ids=["length and chunks", "two lengths", "signed length", "negative length", "5,000 headers", "9 kB header", "no colon", "TLS"],
)
async def test_what_is_no_http_is_one_line(connect: Connect, garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """400 without a word, and one line in the log that repeats nothing of it and has no traceback."""
    caplog.set_level(logging.INFO)
    reader, writer = await connect()
    with capture_logs() as lines:
        writer.write(garbage)
        answer = await _closed(reader)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert answer.endswith(b"\r\n\r\n")
    (line,) = lines
    assert (line["event"], line["reason"].isidentifier(), "exc_info" in line) == ("malformed request refused", True, False)
    assert caplog.records == []


async def test_a_handler_that_fails_says_nothing(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """500 and empty; the log names the place, not the message, which may repeat what somebody wrote."""
    reader, writer = await connect()
    with capture_logs() as lines:
        answer = await _answered(reader, writer, REQUEST.replace(b"/here", b"/fails"))
    assert answer.startswith(b"HTTP/1.1 500")
    assert answer.endswith(b"\r\n\r\n")
    assert [(line["event"], line["error"].startswith("RuntimeError in ")) for line in lines] == [("a request failed", True)]
    assert caplog.records == []


def test_half_of_the_files_are_left_for_the_work() -> None:
    """The bound is a number that this machine can hold."""
    assert 1 <= most_connections() <= MOST_CONNECTIONS
