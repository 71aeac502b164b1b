"""Running the day: the service and its neighbours are started, every step is sent and waited for, and the promises are judged."""

import asyncio
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from adapter.demo import report
from adapter.demo.day import EXPECTED, PLATFORMS, Chapter, Step, day
from adapter.demo.neighbours import Neighbours
from adapter.demo.promises import Ledger, Story, judge_orders, judge_whole, lasting, unfinished, unknown
from adapter.demo.service import Service, ServiceFailed
from adapter.demo.timeline import Timeline
from adapter.signature import new_secret

LIMIT = 120.0
"""Seconds in which what a step brings about must have come; then its promise is broken and the day goes on."""
TICK = 1.8
"""Seconds of silence after which the timeline says what is being waited for."""
LATEST_KILL = 0.8
Answer = TypeVar("Answer")
CONFIGURATION = Path(__file__).with_name("config.toml")


async def run(out: Path, *, keep: bool, crash: int) -> bool:
    """Tell the day and leave its traces in `out`; returns whether every promise was kept.

    `crash` is how many times the service is killed (SIGKILL) at random moments and started again on the same data. `keep` leaves the
    data folder for a look around. Raises `ServiceFailed` when the service cannot be configured or started at all.
    """
    report.clear(out)
    timeline = Timeline(out / "timeline.log")
    try:
        secrets = {f"{source.upper()}_SECRET": new_secret(os.urandom(32)) for source in (*PLATFORMS, "consumer")}
        async with Neighbours(secrets["CONSUMER_SECRET"], timeline.say) as around:
            kept = await _Day(out, timeline, around, secrets, crash).tell()
    finally:
        timeline.close()
        if not keep:
            shutil.rmtree(out / "data", ignore_errors=True)
    return kept


class _Day:
    def __init__(self, out: Path, timeline: Timeline, around: Neighbours, secrets: dict[str, str], crash: int) -> None:
        self._out, self._timeline, self._around, self._secrets, self._crash = out, timeline, around, secrets, crash
        self._service = Service(out.resolve(), around.smtp_port, secrets, timeline.say)
        self._ledger = Ledger()

    async def tell(self) -> bool:
        started = time.monotonic()
        chapters = day(datetime.now(UTC))
        try:
            await self._open()
            moments = self._moments(chapters)
            for chapter in chapters:
                self._timeline.chapter(chapter.title)
                for step in chapter.steps:
                    await self._step(step, moments.pop(0))
            self._timeline.chapter("Looking at every order")
            stories = await self._stories()
            code = await self._service.stop()
        finally:
            await self._service.stop()
        self._ledger.judge("the service ends in good order when it is asked to", code in {0, None}, _ending(code))
        if self._crash:
            self._ledger.judge("it was killed as often as asked", self._service.kills == self._crash, f"{self._service.kills} times")
        judge_orders(stories, self._around, self._ledger)
        judge_whole(stories, self._around, self._ledger)
        seconds = round(time.monotonic() - started, 1)
        report.write(self._out, stories, self._around, self._ledger, {"kills": self._service.kills, "seconds": seconds})
        self._timeline.show(report.table(stories, self._around))
        report.tell(self._timeline.console, self._ledger, self._out)
        return not self._ledger.broken

    async def _open(self) -> None:
        self._timeline.chapter("Opening the shop")
        configuration = self._out / CONFIGURATION.name
        configuration.write_text(CONFIGURATION.read_text(encoding="utf-8").replace("@CONSUMER@", self._around.consumer), encoding="utf-8")
        self._timeline.say("demo", f"mail server on port {self._around.smtp_port}, consumer at {self._around.consumer}")
        self._timeline.say("demo", f"apply {configuration}")
        for line in (await self._told(self._service.command("apply", str(configuration)), "applying")).splitlines():
            self._timeline.say("service", line, "service")
        await self._told(self._service.start(), "the service starts")

    def _moments(self, chapters: Sequence[Chapter]) -> list[list[float]]:
        """For each step the seconds after its beginning at which the service is killed."""
        count = sum(len(chapter.steps) for chapter in chapters)
        hit = [random.randrange(count) for _ in range(self._crash)]  # noqa: S311 - moments, not secrets
        return [[random.uniform(0, LATEST_KILL) for _ in range(hit.count(index))] for index in range(count)]  # noqa: S311

    async def _step(self, step: Step, kills: list[float]) -> None:
        before = await self._settled(step.source, step.number) if step.changes_nothing else None
        killers = [asyncio.create_task(self._kill(after)) for after in kills]
        await self._send(step)
        await self._wait_for(step)
        if step.comes_too_early:
            await self._wait_for_waiting(step)
        await asyncio.gather(*killers)
        if before is not None:
            after = await self._settled(step.source, step.number)
            copies = [sum(each["copies"] for each in story["deliveries"]) for story in (before, after)]
            unchanged = lasting(before) == lasting(after) and (copies[0] < copies[1]) is not step.forged
            name = "the forged request" if step.forged else "the repeated request"
            told = f"the story of #{step.number} is word for word the same; {copies[0]} deliveries before, {copies[1]} after"
            self._ledger.judge(f"{name} changes nothing", unchanged, told if unchanged else f"the story of #{step.number} differs")
            self._timeline.say(
                "demo", f"#{step.number} " + ("is as it was before" if unchanged else "HAS CHANGED"), "" if unchanged else "broken"
            )

    async def _kill(self, after: float) -> None:
        await asyncio.sleep(after)
        await self._service.crash()

    async def _send(self, step: Step) -> None:
        secret = "a made-up secret that nobody gave out" if step.forged else self._secrets[f"{step.source.upper()}_SECRET"]
        self._timeline.say(step.source, f"#{step.number} {step.what}, {len(step.body)} bytes", "sent")
        try:
            status = await self._service.send(
                step.source, PLATFORMS[step.source], step.body, step.headers, secret, f"msg_{step.number.replace('-', '')}"
            )
        except TimeoutError:
            status = 0
        self._ledger.judge(f"#{step.number} {step.what} is answered {step.answer}", status == step.answer, f"answer {status}")
        self._timeline.say(step.source, f"→ {status}" if status else "→ no answer", "answer" if status == step.answer else "broken")

    async def _wait_for(self, step: Step) -> None:
        """Until the order's messages and mails are there, or the limit is over; never silent."""
        end = time.monotonic() + LIMIT
        while missing := self._missing(step):
            if time.monotonic() > end:
                self._ledger.judge(f"#{step.number} {step.what} has its consequences within {LIMIT:.0f} s", False, f"missing: {missing}")
                self._timeline.say("demo", f"GIVING UP on {missing}", "broken")
                return
            self._around.arrived.clear()
            try:
                await asyncio.wait_for(self._around.arrived.wait(), TICK)
            except TimeoutError:
                self._timeline.say("demo", f"waiting for {missing}")

    def _missing(self, step: Step) -> str:
        lacking = Counter(step.events) - self._around.events_of(step.source, step.number)
        mails = step.mails - len(self._around.mails_of(step.source, step.number))
        parts = [*lacking.elements(), *([f"{mails} mail{'s' * (mails > 1)}"] if mails > 0 else [])]
        return f"{', '.join(parts)} of #{step.number}" if parts else ""

    async def _settled(self, source: str, number: str) -> Story:
        """The order's story once nothing more is to come of it."""
        end = time.monotonic() + LIMIT
        while True:
            story = await self._told(self._service.show(source, number), f"looking at {source} #{number}")
            left = unfinished(story)
            if not left or time.monotonic() > end:
                return story
            self._timeline.say("demo", f"#{number}: {', '.join(left)}")
            await asyncio.sleep(0.5)

    async def _wait_for_waiting(self, step: Step) -> None:
        """Until what came too early is known to wait for its order."""
        end = time.monotonic() + LIMIT
        waiting: list[str] = []
        while not waiting and time.monotonic() < end:
            try:
                story = await self._told(self._service.show(step.source, step.comes_too_early), f"looking at {step.source} #{step.number}")
                waiting = [left for left in unfinished(story) if " waits for " in left]
            except ServiceFailed:
                waiting = []  # the delivery is stored, but was not read yet
        told = ", ".join(waiting)
        self._ledger.judge(f"#{step.number} {step.what} waits for what it lacks", bool(waiting), told or "nothing waits")
        self._timeline.say("demo", told or "NOTHING WAITS", "" if waiting else "broken")

    async def _told(self, work: Coroutine[Any, Any, Answer], what: str) -> Answer:
        """Do something that may take seconds, and say so meanwhile."""
        task = asyncio.create_task(work)
        while not (await asyncio.wait([task], timeout=TICK))[0]:
            self._timeline.say("demo", f"{what} …")
        return task.result()

    async def _stories(self) -> dict[tuple[str, str], Story]:
        two_at_a_time = asyncio.Semaphore(2)

        async def look(source: str, number: str) -> Story:
            async with two_at_a_time:
                try:
                    story = await self._settled(source, number)
                except ServiceFailed as problem:
                    self._timeline.say("demo", str(problem), "broken")
                    return unknown(source, number)
            numbers = ", ".join(document["number"] for document in story["documents"])
            self._timeline.say("demo", f"{source} #{number}: {story['order']['status']}, {numbers}")
            return story

        orders = [(expected.source, expected.number) for expected in EXPECTED]
        return dict(zip(orders, await asyncio.gather(*(look(*order) for order in orders)), strict=True))


def _ending(code: int | None) -> str:
    return "it is somebody else's process" if code is None else f"exit code {code}"


def main(out: Path, *, keep: bool, crash: int) -> int:
    """Run the day; 0 when every promise was kept, 1 when one was broken or the service could not be brought up."""
    try:
        return 0 if asyncio.run(run(out, keep=keep, crash=crash)) else 1
    except ServiceFailed as problem:
        print(f"the demo could not go on: {problem}")  # noqa: T201 - the terminal is what it is for
        return 1
