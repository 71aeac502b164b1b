"""Consumers and mail servers that are down, hang, answer nonsense or break off: nothing is lost, doubled, or waits for another."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapter.infra.models import ActionRow, EmailRow, EndpointRow, MessageRow
from adapter.infra.queue import LANE_WIDTH
from tests.house import PATIENCE, House, Neighbourhood
from tests.story.stories import STORIES

ENDPOINT = """
[[endpoint]]
name = "{name}"
entity = "lighthouse"
url = "http://127.0.0.1:{port}/in"
secrets = ["env:CONSUMER"]
"""
LIFE = next(story for story in STORIES if story.name == "standard-life")
ANNOUNCED = {"invoice.created": 1, "invoice.paid": 1, "invoice.sent": 1, "credit_note.created": 2, "credit_note.sent": 2}


async def tell(house: House, number: int) -> None:
    """One order's whole story."""
    for delivery in LIFE.tell(number):
        assert await house.send(delivery.source, delivery.body, delivery.topic) == 200


async def until(condition: Any) -> None:
    """Wait until a condition that is asked again and again holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - what is asked lies in a database
            await asyncio.sleep(0.02)


@dataclass
class Silent:
    """A consumer that takes requests and does not answer before it is told to go away."""

    begun: int = 0
    ended: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.begun += 1
        gone = asyncio.create_task(reader.read())
        released = asyncio.create_task(self.go.wait())
        await asyncio.wait({gone, released}, return_when=asyncio.FIRST_COMPLETED)
        self.ended += 1
        gone.cancel()
        writer.close()


@asynccontextmanager
async def listening(serve: Any) -> AsyncIterator[int]:
    """A server on loopback that speaks whatever `serve` speaks; gives its port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_consumer_that_hangs_delays_nobody(tmp_path: Path, database_url: str | None, neighbourhood: Neighbourhood) -> None:
    """While more of its messages than there are slots wait for one consumer, orders are invoiced, and the other consumer is told."""
    silent = Silent()
    async with listening(silent.serve) as port:
        silence = ENDPOINT.format(name="silent", port=port)
        async with House(tmp_path / "data", database_url, neighbourhood, configuration=silence) as house:
            house.app.outbound._timeout = 4 * PATIENCE  # none of them is over before this test is
            await house.app.outbound.close()
            await house.app.outbound.start()
            for number in range(3_000, 3_005):
                await tell(house, number)

            async def told() -> bool:
                return silent.begun > 0 and await MessageRow.filter(state="delivered").count() == 5 * sum(ANNOUNCED.values())

            await until(told)

            assert 0 < silent.begun <= LANE_WIDTH
            assert silent.ended == 0
            assert Counter(message.event["type"] for message in neighbourhood.messages) == {type: 5 * n for type, n in ANNOUNCED.items()}
            assert await MessageRow.filter(state="pending").count() == 5 * sum(ANNOUNCED.values())
            silent.go.set()


async def test_a_consumer_that_is_down_and_comes_back(tmp_path: Path, neighbourhood: Neighbourhood, own_port: int) -> None:
    """Its messages are tried again later, with the same ids."""
    async with House(tmp_path / "data", None, neighbourhood, configuration=ENDPOINT.format(name="late", port=own_port)) as house:
        await tell(house, 3_100)

        async def all_tried() -> bool:
            return await ActionRow.filter(kind="deliver", attempts__gte=1).count() == 2 * sum(ANNOUNCED.values())

        await until(all_tried)
        assert await MessageRow.filter(state="pending").count() == sum(ANNOUNCED.values())
        received: list[str] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            received.append(head.lower().partition("webhook-id: ")[2].partition("\r\n")[0])
            writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            await writer.drain()
            writer.close()

        async def all_delivered() -> bool:
            await ActionRow.filter(kind="deliver", state="due").update(next_at=house.app.clock.now())
            return await MessageRow.filter(state="delivered").count() == 2 * sum(ANNOUNCED.values())

        server = await asyncio.start_server(serve, "127.0.0.1", own_port)
        await until(all_delivered)
        server.close()
        endpoint = await EndpointRow.get(name="late")
        assert sorted(received) == sorted([row.id for row in await MessageRow.filter(endpoint_id=endpoint.id)])


GARBAGE = [
    b"not HTTP at all\r\n\r\n",
    b"HTTP/1.1 999 What\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 500 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\n\xff\x00\xfe",
    b"",
]


@pytest.mark.parametrize("answer", GARBAGE, ids=["no http", "status 999", "negative length", "redirect", "binary error", "nothing"])
async def test_a_consumer_that_answers_nonsense(answer: bytes, tmp_path: Path, neighbourhood: Neighbourhood) -> None:
    """It counts as not delivered, with a reason; the other consumer is told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    async with listening(serve) as port:
        odd = ENDPOINT.format(name="odd", port=port)
        async with House(tmp_path / "data", None, neighbourhood, configuration=odd) as house:
            story = next(story for story in STORIES if story.name == "standard-cancelled")
            delivery = story.tell(3_200)[0]
            assert await house.send(delivery.source, delivery.body, delivery.topic) == 200

            endpoint = await EndpointRow.get(name="odd")

            async def settled() -> bool:
                rows = await ActionRow.filter(kind="deliver")
                odd = [(row.state, bool(row.error)) for row in rows if row.key.startswith(f"deliver:{endpoint.id}:")]
                good = [row.state for row in rows if not row.key.startswith(f"deliver:{endpoint.id}:")]
                return odd == [("due", True)] * 3 and good == ["done"] * 3

            await until(settled)
            assert await MessageRow.filter(endpoint_id=endpoint.id, state="pending").count() == 3
            assert await MessageRow.exclude(endpoint_id=endpoint.id).filter(state="delivered").count() == 3


async def test_a_consumer_that_is_gone_is_switched_off(tmp_path: Path, neighbourhood: Neighbourhood) -> None:
    """410 ends all of its messages, and only its."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    async with listening(serve) as port:
        gone = ENDPOINT.format(name="gone", port=port)
        async with House(tmp_path / "data", None, neighbourhood, configuration=gone) as house:
            await tell(house, 3_300)
            await house.idle()
            endpoint = await EndpointRow.get(name="gone")
            assert (endpoint.active, endpoint.disabled_reason) == (False, "it answered 410 Gone")
            states = {row.state for row in await MessageRow.filter(endpoint_id=endpoint.id)}
            assert states <= {"failed", "cancelled"}
            assert await MessageRow.exclude(endpoint_id=endpoint.id).exclude(state="delivered").count() == 0


async def test_a_mail_server_that_is_down_and_comes_back(tmp_path: Path, neighbourhood: Neighbourhood) -> None:
    """Mails wait for it; each goes out once."""
    async with House(tmp_path / "data", None, neighbourhood) as house:
        neighbourhood.close_mail()
        await tell(house, 3_400)

        async def tried() -> bool:
            return await ActionRow.filter(kind__startswith="send_", attempts__gte=1).count() == 3

        await until(tried)
        assert await EmailRow.filter(state="sent").count() == 0
        await neighbourhood.open_mail()

        async def all_sent() -> bool:
            await ActionRow.filter(kind__startswith="send_", state="due").update(next_at=house.app.clock.now())
            return await EmailRow.filter(state="sent").count() == 3

        await until(all_sent)
        mails = Counter(str(mail["Message-ID"]) for mail in neighbourhood.parsed_mails())
        assert sorted(mails.values()) == [1, 1, 1]


async def test_a_mail_server_that_breaks_off_with_the_mail_in_its_hands(tmp_path: Path, neighbourhood: Neighbourhood) -> None:
    """Whether it was sent is not known: it is shown, and not sent again by itself."""
    taken = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            command = line[:4].upper()
            if command == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                taken += 1
                writer.transport.abort()
                return
            writer.write(b"250 mail.example\r\n")

    async with listening(serve) as port, House(tmp_path / "data", None, neighbourhood, smtp_port=port) as house:
        await tell(house, 3_500)
        await house.idle()
        assert Counter(row.state for row in await EmailRow.all()) == {"unknown": 3}
        assert Counter(row.state for row in await ActionRow.filter(kind__startswith="send_")) == {"held": 3}
        assert taken == 3
        assert "invoice.sent" not in [message.event["type"] for message in neighbourhood.messages]


async def test_a_mail_server_that_never_speaks_delays_no_document(tmp_path: Path, neighbourhood: Neighbourhood) -> None:
    """Connections are taken and nothing is said: invoices are issued, drawn and announced all the same."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        async with House(tmp_path / "data", None, neighbourhood, smtp_port=port, concurrency=12) as house:
            for number in range(3_600, 3_605):
                await tell(house, number)

            async def announced() -> bool:
                return Counter(message.event["type"] for message in neighbourhood.messages) == {
                    "invoice.created": 5,
                    "invoice.paid": 5,
                    "credit_note.created": 10,
                }

            await until(announced)
            assert await EmailRow.exclude(state="sending").count() == 0
            mute.close()  # so that the house need not wait for it
