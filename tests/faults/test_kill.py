"""The service killed at any moment, and started again: the same documents, mails and messages as if nothing had happened."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapter.infra.models import ActionRow, DocumentRow, EmailRow, MessageRow
from tests.faults.processes import Estate, Storefronts, all_done, estate
from tests.house import Neighbourhood
from tests.story.outcome import Outcome, assert_gapless, outcome
from tests.story.stories import STORIES, Delivery, Story

LONG = bool(os.environ.get("ADAPTER_TEST_LONG"))
KILLS = 50 if LONG else 3
"""How often the service is killed at a random moment, beside the named ones."""
ORDERS = 60 if LONG else 10

pytestmark = pytest.mark.timeout(900 if LONG else 300)


@dataclass
class SlowNeighbourhood(Neighbourhood):
    """Whose mail server and consumer take a moment to answer, and say so: what happens in that moment is between the deed and its mark."""

    moment: float = 0.15
    mailing: asyncio.Event = field(default_factory=asyncio.Event)
    posting: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        answer = await super().handle_DATA(server, session, envelope)
        self._loop.call_soon_threadsafe(self.mailing.set)
        await asyncio.sleep(self.moment)
        return answer

    async def _consume(self, request: web.Request) -> web.Response:
        answer = await super()._consume(request)
        self.posting.set()
        await asyncio.sleep(self.moment)
        return answer

    async def __aenter__(self) -> "SlowNeighbourhood":
        self._loop = asyncio.get_running_loop()
        return await super().__aenter__()


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
            await all_done(180)
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


def seen(**condition: Any) -> Callable[[SlowNeighbourhood], Awaitable[None]]:
    """A moment: when an action of this kind and state is in the database."""

    async def wait(_: SlowNeighbourhood) -> None:
        rows = ActionRow.filter(**condition)
        for _ in range(100_000):
            if await rows.exists():
                return
            await asyncio.sleep(0.001)

    return wait


async def _mailing(around: SlowNeighbourhood) -> None:
    around.mailing.clear()
    await around.mailing.wait()


async def _posting(around: SlowNeighbourhood) -> None:
    around.posting.clear()
    await around.posting.wait()


MOMENTS: dict[str, Callable[[SlowNeighbourhood], Awaitable[None]]] = {
    "between store and normalise": seen(kind="normalise", state__in=("due", "running")),
    "between issue and render": seen(kind="render", state="due"),
    "while a page is drawn": seen(kind="render", state="running"),
    "between mail and mark": _mailing,
    "between message and mark": _posting,
}


async def killed_at(moment: str, house: Estate, around: SlowNeighbourhood, name: str, restart: Callable[[], Awaitable[None]]) -> None:
    """Wait for a moment, kill, start again."""
    async with asyncio.timeout(60):
        await MOMENTS[moment](around)
    await house.kill(name)
    await restart()


async def killed_at_every_moment(
    house: Estate, around: SlowNeighbourhood, names: tuple[str, ...], restart: Callable[[str], Awaitable[None]]
) -> None:
    """Kill one of the processes at each named moment of an order's story, then at random ones of all the others."""
    chance, shops = random.Random(20_260_302), Storefronts(house.port)
    stories = [deliveries for _, _, deliveries in orders()]
    for moment, deliveries in zip(MOMENTS, stories, strict=False):
        name = names[0] if len(names) == 1 or "store" in moment else chance.choice(names[1:])
        await asyncio.gather(shops.tell([deliveries], 0.1), killed_at(moment, house, around, name, lambda name=name: restart(name)))  # type: ignore[misc]

    async def at_random() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.1, 1.2))
            name = chance.choice(names)
            await house.kill(name)
            await restart(name)

    await asyncio.gather(shops.tell(stories[len(MOMENTS) :], 0.3), at_random())


async def test_killed_at_any_moment(tmp_path: Path, expected: dict[str, Outcome]) -> None:
    """On the embedded database, with one process that does everything."""
    async with SlowNeighbourhood() as around, estate(tmp_path / "house", around) as house:
        await house.serve()

        async def restart(_: str) -> None:
            await house.serve()

        async with house.looking():
            await killed_at_every_moment(house, around, ("serve",), restart)
            await all_done(180)
            assert await table() == expected
            await assert_gapless()
            await assert_once(around)
        await house.stop("serve")
        await house.assert_nothing_left()


async def test_killed_at_any_moment_on_postgres(tmp_path: Path, postgres_url: str, expected: dict[str, Outcome]) -> None:
    """With a door and two workers, of which one is always left."""
    async with SlowNeighbourhood() as around, estate(tmp_path / "house", around, postgres_url) as house:

        async def start(name: str) -> None:
            await (house.serve() if name == "serve" else house.start(name, "work"))

        names = ("serve", "work 1", "work 2")
        await asyncio.gather(*(start(name) for name in names))
        async with house.looking():
            await killed_at_every_moment(house, around, names, start)
            await all_done(180)
            assert await table() == expected
            await assert_gapless()
            await assert_once(around)
        for name in names:
            await house.stop(name)
        await house.assert_nothing_left()


async def test_stopped_under_load(tmp_path: Path) -> None:
    """SIGTERM: every request that was taken is answered, the end comes within ten seconds, and the next start finishes the work."""
    async with Neighbourhood() as around, estate(tmp_path / "house", around) as house:
        await house.serve()
        shops = Storefronts(house.port)

        async def stopped() -> float:
            while shops.answers.get("200", 0) < 8:  # noqa: ASYNC110 - the counter is all there is to see
                await asyncio.sleep(0.01)
            seconds = await house.stop("serve")
            await house.serve()
            return seconds

        seconds, _ = await asyncio.gather(stopped(), shops.tell([deliveries for _, _, deliveries in orders()], 0.02))
        assert set(shops.answers) <= {"200", "ClientConnectorError"}
        assert seconds < 10
        async with house.looking():
            await all_done(180)
            assert await DocumentRow.filter(kind="invoice").count() == ORDERS
            await assert_gapless()
            await assert_once(around)
        await house.stop("serve")
        await house.assert_nothing_left()


async def test_browser_killed_while_it_draws(tmp_path: Path) -> None:
    """SIGKILL to every process of Chromium, again and again: every document still gets its PDF, and nothing is left over."""
    async with Neighbourhood() as around, estate(tmp_path / "house", around) as house:
        await house.serve()
        kills: list[int] = []

        async def kill_browsers() -> None:
            drawing = seen(kind__in=("render", "send_invoice", "send_credit_note"), state="running")
            with suppress(TimeoutError):
                while len(kills) < (20 if LONG else 5):
                    async with asyncio.timeout(10):
                        await drawing(around)  # type: ignore[arg-type]
                    browsers = [number for number, command in house.living().items() if "--headless" in command]
                    for number in browsers:
                        with suppress(ProcessLookupError):
                            os.kill(number, signal.SIGKILL)
                    kills.extend([len(browsers)] if browsers else [])
                    await asyncio.sleep(0.1)

        async with house.looking():
            await asyncio.gather(kill_browsers(), Storefronts(house.port).tell([deliveries for _, _, deliveries in orders()], 0.2))
            await all_done(180)
            assert kills
            assert await DocumentRow.filter(kind="invoice").count() == ORDERS
            await assert_once(around)
        await house.stop("serve")
        await house.assert_nothing_left()
