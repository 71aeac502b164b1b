"""The service killed at any moment, and started again: the same documents, mails and messages as if nothing had happened."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapter.app import DOOR_SECONDS
from adapter.infra.models import ActionRow, DeliveryRow, DocumentRow, EmailRow, MessageRow
from tests.faults.processes import Estate, Storefronts, all_done, estate
from tests.house import PATIENCE, Neighbourhood
from tests.story.outcome import Outcome, assert_gapless, outcome
from tests.story.stories import STORIES, Delivery, Story

LONG = bool(os.environ.get("ADAPTER_TEST_LONG"))
KILLS = 50 if LONG else 3
"""How often the service is killed at a random moment, beside the named ones."""
ORDERS = 60 if LONG else 10

pytestmark = pytest.mark.timeout(1_800 if LONG else 900)


@dataclass
class SlowNeighbourhood(Neighbourhood):
    """Whose mail server and consumer take a moment to answer, and say so: what happens in that moment is between the deed and its mark."""

    moment: float = 0.15
    mailing: asyncio.Event = field(default_factory=asyncio.Event)
    posting: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = await super().handle_DATA(server, session, envelope)
        self.mailing.set()
        await asyncio.sleep(self.moment)
        return answer

    async def _consume(self, request: web.Request) -> web.Response:
        answer = await super()._consume(request)
        self.posting.set()
        await asyncio.sleep(self.moment)
        return answer


def orders() -> list[tuple[Story, int, list[Delivery]]]:
    """The stories to tell, in turns, each about an order of its own."""
    return [(story, 2_000 + number, story.tell(2_000 + number)) for number in range(ORDERS) for story in (STORIES[number % len(STORIES)],)]


async def table() -> dict[str, Outcome]:
    """What every order came to."""
    return {f"{story.name} {number}": await outcome(story, number) for story, number, _ in orders()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """The table of a run in which nothing goes wrong."""
    return asyncio.run(undisturbed(tmp_path_factory.mktemp("calm")))


async def undisturbed(folder: Path) -> dict[str, Outcome]:
    """Tell every story to a service that nothing happens to; returns its table."""
    async with Neighbourhood() as around, estate(folder, around) as calm:
        await calm.serve()
        await Storefronts(calm.port).tell([deliveries for _, _, deliveries in orders()], 0.02)
        async with calm.looking():
            await all_done()
            found = await table()
        await calm.stop("serve")
        await calm.assert_nothing_left()
        return found


async def assert_once(around: Neighbourhood) -> None:
    """Every mail and message that the books know arrived, none that they do not know; copies carry the same id."""
    mails = Counter(str(mail["Message-ID"]) for mail in around.parsed_mails())
    assert set(mails) == {row.message_id for row in await EmailRow.all()}
    assert await EmailRow.exclude(state="sent").count() == 0
    messages = Counter(message.headers["webhook-id"] for message in around.messages)
    assert set(messages) == {row.id for row in await MessageRow.all()}
    assert await MessageRow.exclude(state="delivered").count() == 0
    assert await DocumentRow.filter(pdf_sha256__isnull=True).count() == 0


Wait = Callable[[], Awaitable[object]]


def one_more(**condition: Any) -> Callable[[SlowNeighbourhood], Awaitable[Wait]]:
    """A moment: when there is one more such action than now. Rows stay, so that it is not missed, however late one looks."""

    async def prepare(_: SlowNeighbourhood) -> Wait:
        rows = ActionRow.filter(**condition)
        before = await rows.count()

        async def wait() -> None:
            while await rows.count() == before:  # noqa: ASYNC110 - what is asked lies in a database
                await asyncio.sleep(0.001)

        return wait

    return prepare


async def _mailing(around: SlowNeighbourhood) -> Wait:
    around.mailing.clear()
    return around.mailing.wait


async def _posting(around: SlowNeighbourhood) -> Wait:
    around.posting.clear()
    return around.posting.wait


MOMENTS: dict[str, Callable[[SlowNeighbourhood], Awaitable[Wait]]] = {
    "between store and normalise": one_more(kind="normalise"),
    "between issue and render": one_more(kind="render"),
    "while a page is drawn": one_more(kind="render", started_at__isnull=False),
    "between mail and mark": _mailing,
    "between message and mark": _posting,
}


async def killed_at_every_moment(
    house: Estate, around: SlowNeighbourhood, names: tuple[str, ...], restart: Callable[[str], Awaitable[None]]
) -> None:
    """Kill one of the processes at each named moment of an order's story, then at random ones of all the others."""
    chance, shops = random.Random(20_260_302), Storefronts(house.port)
    stories = [deliveries for _, _, deliveries in orders()]
    for moment, deliveries in zip(MOMENTS, stories, strict=False):
        name = names[0] if len(names) == 1 or "store" in moment else chance.choice(names[1:])
        wait = await MOMENTS[moment](around)

        async def then(name: str = name, wait: Wait = wait) -> None:
            async with asyncio.timeout(PATIENCE):
                await wait()
            await house.kill(name)
            await restart(name)

        await asyncio.gather(shops.tell([deliveries], 0.1), then())

    async def at_random() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.1, 1.2))
            name = chance.choice(names)
            await house.kill(name)
            await restart(name)

    await asyncio.gather(shops.tell(stories[len(MOMENTS) :], 0.3), at_random())


@pytest.mark.xdist_group("killed at any moment")  # both compare with the same calm day
async def test_killed_at_any_moment(tmp_path: Path, expected: dict[str, Outcome]) -> None:
    """On the embedded database, with one process that does everything."""
    async with SlowNeighbourhood() as around, estate(tmp_path / "house", around) as house:
        await house.serve()

        async def restart(_: str) -> None:
            await house.serve()

        async with house.looking():
            await killed_at_every_moment(house, around, ("serve",), restart)
            await all_done()
            assert await table() == expected
            await assert_gapless()
            await assert_once(around)
        await house.stop("serve")
        await house.assert_nothing_left()


@pytest.mark.xdist_group("killed at any moment")
async def test_killed_at_any_moment_on_postgres(tmp_path: Path, postgres_url: str, expected: dict[str, Outcome]) -> None:
    """With a door and two workers, of which one is always left."""
    async with SlowNeighbourhood() as around, estate(tmp_path / "house", around, postgres_url) as house:

        async def start(name: str) -> None:
            await (house.serve() if name == "serve" else house.start(name, "work"))

        names = ("serve", "work 1", "work 2")
        await asyncio.gather(*(start(name) for name in names))
        async with house.looking():
            await killed_at_every_moment(house, around, names, start)
            await all_done()
            assert await table() == expected
            await assert_gapless()
            await assert_once(around)
        for name in names:
            await house.stop(name)
        await house.assert_nothing_left()


async def test_stopped_under_load(tmp_path: Path) -> None:
    """SIGTERM: every request that was taken is answered, the process ends by itself, and the next start finishes the work."""
    async with Neighbourhood() as around, estate(tmp_path / "house", around) as house:
        await house.serve()
        shops, told = Storefronts(house.port), [deliveries for _, _, deliveries in orders()]

        async def stopped() -> float:
            while shops.answers.get("200", 0) < 8:  # noqa: ASYNC110 - the counter is all there is to see
                await asyncio.sleep(0.01)
            begun = time.monotonic()
            await house.stop("serve")
            seconds = time.monotonic() - begun
            await house.serve()
            return seconds

        seconds, _ = await asyncio.gather(stopped(), shops.tell(told, 0.02))
        assert {said for said in shops.answers if said.isdigit()} == {"200"}
        async with house.looking():
            await all_done()
            # What was stored without an answer was sent once more. Before the door's seconds are over nobody is cut off.
            stored = sum([row.copies for row in await DeliveryRow.all()])
            assert stored == sum(map(len, told)) or seconds > DOOR_SECONDS
            assert await DocumentRow.filter(kind="invoice").count() == ORDERS
            await assert_gapless()
            await assert_once(around)
        await house.stop("serve")
        await house.assert_nothing_left()


async def test_browser_killed_while_it_draws(tmp_path: Path) -> None:
    """SIGKILL to every process of Chromium, again and again: every document still gets its PDF, and nothing is left over."""
    async with Neighbourhood() as around, estate(tmp_path / "house", around) as house:
        await house.serve()
        chance = random.Random(20_260_302)

        def browsers() -> list[int]:
            return [number for number, command in house.living().items() if "--headless" in command]

        killed = asyncio.Event()

        async def kill_browsers() -> None:
            """A browser starts because something is to be drawn: it is killed while it starts, while it draws, or a moment later."""
            for _ in range(20 if LONG else 5):
                while not browsers():  # noqa: ASYNC110 - what is asked lies in /proc
                    await asyncio.sleep(0.02)
                await asyncio.sleep(chance.uniform(0, 0.8))
                for number in browsers():
                    with suppress(ProcessLookupError):
                        os.kill(number, signal.SIGKILL)
                        killed.set()

        async with house.looking():
            killing = asyncio.create_task(kill_browsers())
            await asyncio.gather(killed.wait(), Storefronts(house.port).tell([deliveries for _, _, deliveries in orders()], 0.2))
            await all_done()
            killing.cancel()
            assert await DocumentRow.filter(kind="invoice").count() == ORDERS
            await assert_once(around)
        await house.stop("serve")
        await house.assert_nothing_left()
