"""The database cut off, locked or full under load: 503 or 200 and never anything else, and afterwards as if nothing had happened."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest

from adapter.infra.models import ActionRow, DocumentRow, EmailRow, MessageRow
from tests.faults.processes import Storefronts, all_done, estate
from tests.house import PATIENCE, House, Neighbourhood
from tests.story.outcome import Outcome, assert_gapless, outcome
from tests.story.stories import STORIES, Delivery, Story

HOLDS_THE_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
database.execute("ROLLBACK")
"""
LONG = bool(os.environ.get("ADAPTER_TEST_LONG"))
CUTS = 30 if LONG else 4

pytestmark = pytest.mark.timeout(1_800 if LONG else 900)


def orders(start: int, count: int) -> list[tuple[Story, int, list[Delivery]]]:
    """Stories in turns, each about an order of its own."""
    return [(story, number, story.tell(number)) for number in range(start, start + count) for story in (STORIES[number % len(STORIES)],)]


async def assert_like(told: list[tuple[Story, int, list[Delivery]]], calm: dict[str, Outcome]) -> None:
    """Each order came to what its story comes to when nothing happens."""
    for story, number, _ in told:
        assert await outcome(story, number) == calm[story.name], f"{story.name} {number}"
    await assert_gapless()


def port_of(house: House) -> int:
    """Where the door of a house in this process is."""
    port = urlsplit(house.address).port
    assert port is not None
    return port


async def calm_day(house: House) -> dict[str, Outcome]:
    """What each story comes to while nothing is wrong."""
    told = orders(len(STORIES) * 100, len(STORIES))
    await Storefronts(port_of(house)).tell([deliveries for _, _, deliveries in told], 0.01)
    await all_done()
    return {story.name: await outcome(story, number) for story, number, _ in told}


async def assert_everything_once(around: Neighbourhood) -> None:
    """No mail and no message twice: nobody was killed, so not even copies."""
    assert set(Counter(str(mail["Message-ID"]) for mail in around.parsed_mails()).values()) == {1}
    sent = Counter(message.headers["webhook-id"] for message in around.messages)
    assert set(sent) == {row.id for row in await MessageRow.all()}


async def test_every_connection_cut_again_and_again(tmp_path: Path, migrated_postgres_url: str) -> None:
    """What a restart of PostgreSQL does to its clients: the service answers 503 for moments, and recovers by itself."""
    server, name = migrated_postgres_url.rsplit("/", 1)
    async with Neighbourhood() as around, House(tmp_path / "data", migrated_postgres_url, around) as house:
        calm = await calm_day(house)
        told = orders(5_000, 40 if LONG else 12)
        shops = Storefronts(port_of(house))
        admin = await asyncpg.connect(f"{server}/postgres")

        async def cut() -> None:
            for _ in range(CUTS):
                await asyncio.sleep(0.5)
                await admin.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)

        try:
            await asyncio.gather(cut(), shops.tell([deliveries for _, _, deliveries in told], 0.25))
        finally:
            await admin.close()
        assert set(shops.answers) <= {"200", "503"}
        after = orders(6_000, 1)
        async with asyncio.timeout(PATIENCE):
            await Storefronts(port_of(house)).tell([deliveries for _, _, deliveries in after], 0.01)
        await all_done()
        await assert_like([*told, *after], calm)
        await assert_everything_once(around)


async def test_another_process_holds_the_lock(tmp_path: Path, neighbourhood: Neighbourhood) -> None:
    """A backup or a curious person on the embedded database: requests wait, and are answered when the lock is gone."""
    async with House(tmp_path / "data", None, neighbourhood) as house:
        calm = await calm_day(house)
        told = orders(5_000, 10)
        shops = Storefronts(port_of(house))
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDS_THE_LOCK, str(tmp_path / "data" / "adapter.db"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"locked\n"

        async def hold() -> None:
            await asyncio.sleep(3)
            await holder.communicate(b"enough\n")

        await asyncio.gather(hold(), shops.tell([deliveries for _, _, deliveries in told], 0.1))
        assert set(shops.answers) <= {"200", "503"}
        await all_done()
        await assert_like(told, calm)
        await assert_everything_once(neighbourhood)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def of_no_use(number: int) -> Delivery:
    """A large webhook of a topic that nobody knows: it is stored, and nothing follows."""
    return Delivery("standard", "", json.dumps({"type": "order.unheard-of", "number": number, "data": "x" * 900_000}).encode())


async def test_disk_full(small_disk: Path, tmp_path: Path) -> None:
    """503 while nothing can be stored; with room again, everything that was sent is there, each document once."""
    async with Neighbourhood() as around, estate(tmp_path / "house", around) as house:
        shutil.move(tmp_path / "house" / "data", small_disk / "data")
        (tmp_path / "house" / "data").symlink_to(small_disk / "data")
        await house.serve()
        told = orders(5_000, 8)
        shops = Storefronts(house.port)
        filler = small_disk / "filler"

        async def fill() -> None:
            while shops.answers.get("200", 0) < 6:  # noqa: ASYNC110 - the counter is all there is to see
                await asyncio.sleep(0.01)
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(b"\0" * 65_536):
                        pass
                except OSError:
                    pass
            async with aiohttp.ClientSession() as client:
                # The database's files may have room inside that was used before: these need more.
                large = [asyncio.create_task(shops.send(client, of_no_use(number))) for number in range(8)]
                while not shops.answers.get("503"):  # noqa: ASYNC110 - the counter is all there is to see
                    await asyncio.sleep(0.05)
                await asyncio.sleep(1)
                filler.unlink()
                await asyncio.gather(*large)

        await asyncio.gather(fill(), shops.tell([deliveries for _, _, deliveries in told], 0.25))
        assert {said for said in shops.answers if said.isdigit()} == {"200", "503"}
        async with house.looking():
            await all_done()
            assert await DocumentRow.filter(kind="invoice").count() == len(told)
            assert await DocumentRow.filter(pdf_sha256__isnull=True).count() == 0
            assert await ActionRow.filter(state="dead").count() == 0
            await assert_gapless()
            # A mail that was under way when its outcome could not be written may have gone out again; it is the same then.
            assert {str(mail["Message-ID"]) for mail in around.parsed_mails()} == {row.message_id for row in await EmailRow.all()}
            assert {message.headers["webhook-id"] for message in around.messages} == {row.id for row in await MessageRow.all()}
        await house.stop("serve")
        assert sqlite3.connect(small_disk / "data" / "adapter.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
