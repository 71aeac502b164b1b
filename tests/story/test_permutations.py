"""Whatever the order in which a story's webhooks arrive, and however often: the same documents, one number, mail and message each."""

import asyncio
import os
import random
import time
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest

from adapter.infra.models import ActionRow
from adapter.infra.queue import DUE, RUNNING
from tests.house import PATIENCE, House, Neighbourhood
from tests.story.outcome import assert_gapless, outcome
from tests.story.stories import STORIES, Delivery, Story

LONG = bool(os.environ.get("ADAPTER_TEST_LONG"))
EXAMPLES = 120 if LONG else 8
"""How many orders of arrival are tried per story; all of them where there are no more."""
AT_ONCE = 4
"""How many stories are told side by side."""


def orders_of_arrival(length: int, examples: int) -> list[tuple[int, ...]]:
    """Every permutation, else a sample that begins with the order of events and its reverse."""
    if length <= 5:
        every = list(permutations(range(length)))
        if len(every) <= examples:
            return every
    chosen = random.Random(length)
    forward = tuple(range(length))
    sample = {forward: None, forward[::-1]: None}
    while len(sample) < examples:
        sample[tuple(chosen.sample(forward, length))] = None
    return list(sample)


async def quiet() -> None:
    """Wait until nothing that changes the books is due; pages and mails may still be under way."""
    books = ActionRow.filter(kind__in=("normalise", "issue_invoice", "issue_credit_note", "amend_invoice"), state__in=(DUE, RUNNING))
    end = time.monotonic() + PATIENCE
    while await books.exists():
        assert time.monotonic() < end, f"still to be done: {await books.values('kind', 'state', 'error')}"
        await asyncio.sleep(0.01)


async def tell(house: House, deliveries: list[Delivery], *, at_once: bool) -> None:
    """Send each delivery twice at the same time: one after the other's consequences, or all at once."""

    async def twice(delivery: Delivery) -> None:
        answers = await asyncio.gather(*(house.send(delivery.source, delivery.body, delivery.topic) for _ in range(2)))
        assert answers == [200, 200]

    if at_once:
        await asyncio.gather(*(twice(delivery) for delivery in deliveries))
    else:
        for delivery in deliveries:
            await twice(delivery)
            await quiet()


async def check(house: House, story: Story, examples: int) -> None:
    """Tell a story in many orders of arrival, each about an order of its own, and compare what they came to with the first."""
    tried = orders_of_arrival(len(story.tell(1)), examples)
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, arrival: tuple[int, ...]) -> None:
        deliveries = story.tell(number)
        async with limit:
            await tell(house, [deliveries[index] for index in arrival], at_once=number % 4 == 3)

    await asyncio.gather(*(one(1_000 + number, arrival) for number, arrival in enumerate(tried)))
    await house.idle(2 * PATIENCE + len(tried))
    expected = await outcome(story, 1_000)
    assert expected["documents"]
    assert expected["open"] == []
    for number, arrival in enumerate(tried):
        assert await outcome(story, 1_000 + number) == expected, f"arrival {arrival}"
    await assert_gapless()
    mails = Counter(str(mail["Message-ID"]) for mail in house.around.parsed_mails())
    assert set(mails.values()) <= {1}
    assert len(mails) == len(tried) * sum(expected["mails"].values())
    messages = Counter((house.verified(message)["type"], message.event["data"]["id"]) for message in house.around.messages)
    assert set(messages.values()) <= {1}
    assert len(messages) == len(tried) * sum(expected["messages"].values())


@pytest.mark.timeout(1_200 if LONG else 600)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
async def test_the_order_of_arrival_does_not_matter(story: Story, embedded_house: House) -> None:
    await check(embedded_house, story, EXAMPLES)


@pytest.mark.timeout(1_200 if LONG else 600)
@pytest.mark.parametrize("story", [STORIES[0], STORIES[5]] if not LONG else STORIES, ids=lambda story: story.name)
async def test_the_order_of_arrival_does_not_matter_on_postgres(
    story: Story, tmp_path: Path, postgres_url: str, neighbourhood: Neighbourhood
) -> None:
    async with House(tmp_path / "data", postgres_url, neighbourhood) as house:
        await check(house, story, EXAMPLES)
