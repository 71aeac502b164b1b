"""The database cut off, locked or full under load: 503 or 200 and never anything else, and afterwards as if nothing had happened."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from adapter.infra.models import ActionRow, DocumentRow, MessageRow
from tests.faults.processes import Storefronts, all_done, estate
from tests.house import House, Neighbourhood
from tests.story.outcome import Outcome, assert_gapless, outcome
from tests.story.stories import STORIES, Delivery, Story

LONG = bool(os.environ.get("ADAPTER_TEST_LONG"))
CUTS = 30 if LONG else 4

pytestmark = pytest.mark.timeout(600 if LONG else 300)


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
    await all_done(180)
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
        async with asyncio.timeout(10):
            await Storefronts(port_of(house)).tell([deliveries for _, _, deliveries in after], 0.01)
        await all_done(180)
        await assert_like([*told, *after], calm)
        await assert_everything_once(around)


async def test_another_process_holds_the_lock(tmp_path: Path, neighbourhood: Neighbourhood) -> None:
    """A backup or a curious person on the embedded database: requests wait, and are answered when the lock is gone."""
    async with House(tmp_path / "data", None, neighbourhood) as house:
        calm = await calm_day(house)
        told = orders(5_000, 10)
        shops = Storefronts(port_of(house))
        holder = await asyncio.create_subprocess_exec("sqlite3", str(tmp_path / "data" / "adapter.db"), stdin=subprocess.PIPE)
        assert holder.stdin is not None
        holder.stdin.write(b"BEGIN IMMEDIATE;\n")

        async def hold() -> None:
            await asyncio.sleep(3)
            holder.stdin.write(b"ROLLBACK;\n.quit\n")  # type: ignore[union-attr]
            await holder.wait()

        await asyncio.gather(hold(), shops.tell([deliveries for _, _, deliveries in told], 0.1))
        assert set(shops.answers) <= {"200", "503"}
        await all_done(180)
        await assert_like(told, calm)
        await assert_everything_once(neighbourhood)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_disk_full(small_disk: Path, tmp_path: Path) -> None:
    """503 while nothing can be stored; with room again, everything that was sent is there, and nothing twice."""
    async with Neighbourhood() as around, estate(tmp_path / "house", around) as house:
        shutil.move(tmp_path / "house" / "data", small_disk / "data")
        (tmp_path / "house" / "data").symlink_to(small_disk / "data")
        await house.serve()
        told = orders(5_000, 8)
        shops = Storefronts(house.port)
        filler = small_disk / "filler"

        async def fill() -> None:
            await asyncio.sleep(1)
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(b"\0" * 65_536):
                        pass
                except OSError:
                    pass
            while not shops.answers.get("503"):  # noqa: ASYNC110 - the counter is all there is to see
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            filler.unlink()

        await asyncio.gather(fill(), shops.tell([deliveries for _, _, deliveries in told], 0.25))
        assert set(shops.answers) == {"200", "503"}
        async with house.looking():
            await all_done(180)
            assert await DocumentRow.filter(kind="invoice").count() == len(told)
            assert await DocumentRow.filter(pdf_sha256__isnull=True).count() == 0
            assert await ActionRow.filter(state="dead").count() == 0
            await assert_gapless()
            await assert_everything_once(around)
        assert await house.stop("serve") < 10
        assert sqlite3.connect(small_disk / "data" / "adapter.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
