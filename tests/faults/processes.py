"""The real service in processes of its own, storefronts that retry, and a look at what processes leave behind."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp

from adapter.app import migrate
from adapter.infra import database
from adapter.infra.models import ActionRow
from adapter.infra.queue import DUE, RUNNING
from adapter.settings import Settings, load_settings
from tests.house import CONFIGURATION, PATIENCE, SECRETS, SOURCE, Neighbourhood, reserved, signed_headers
from tests.story.stories import Delivery

ROOT = Path(__file__).parents[2]
RETRY = 0.1
"""Seconds after which a storefront sends again what was not answered 200; real ones wait longer."""
LIMIT = aiohttp.ClientTimeout(total=PATIENCE)


@dataclass
class Estate:
    """A data folder, a database and the processes of the service on them. `mark` is in the environment of every one of them, and of what
    they start, with a mark of its own; those of killed ones are in `killed`."""

    folder: Path
    around: Neighbourhood
    database_url: str | None = None
    mark: str = field(default_factory=lambda: uuid4().hex)
    reserved: socket.socket = field(default_factory=reserved)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where `serve` listens, also after it was killed."""
        port: int = self.reserved.getsockname()[1]
        return port

    @property
    def settings(self) -> Settings:
        """The settings of the processes, for looking into their database."""
        return load_settings({}, data=self.folder / "data", database_url=self.database_url)

    @property
    def environment(self) -> dict[str, str]:
        """What every process gets: nothing of the tests' own settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ADAPTER_")}
        own = {
            "ADAPTER_DATA": str(self.folder / "data"),
            "ADAPTER_SMTP_HOST": "127.0.0.1",
            "ADAPTER_SMTP_PORT": str(self.around.smtp_port),
            "ADAPTER_SMTP_SECURITY": "none",
            "ADAPTER_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
            "ADAPTER_SWEEP_SECONDS": "1",
            "ADAPTER_RENDER_TIMEOUT": "120",
            "ADAPTER_LOG_FORMAT": "json",
            "TMPDIR": str(self.folder / "tmp"),
        }
        if self.database_url:
            # Three processes at full width, and those of the test runs beside them, would need more connections than a server has.
            own |= {"ADAPTER_DATABASE_URL": self.database_url, "ADAPTER_CONCURRENCY": "8"}
        return {**inherited, **own, **{name.upper(): secret for name, secret in SECRETS.items()}}

    async def configure(self) -> None:
        """Bring the database to its schema and apply a configuration with a store per platform."""
        sources = "".join(SOURCE.format(name=name, variable=name.upper()) for name in SECRETS if name != "consumer")
        path = self.folder / "stores.toml"
        path.write_text(CONFIGURATION.format(mode="live", consumer=self.around.consumer) + sources, encoding="utf-8")
        if self.database_url:
            async with self.looking():
                await migrate(self.settings)
        process = await self._run("apply", "apply", str(path))
        assert await process.wait() == 0, self.log("apply")

    async def start(self, name: str, *arguments: str) -> None:
        """Start a process, and wait until it says that it is ready."""
        self.processes[name] = await self._run(name, *arguments)
        ready = {"serve": "is ready at", "work": "works"}[arguments[0]]
        end = time.monotonic() + PATIENCE
        while ready not in self.log(name).rpartition("--- start ---")[2]:
            assert self.processes[name].returncode is None, self.log(name)
            assert time.monotonic() < end, f"{name} does not get ready:\n{self.log(name)}"
            await asyncio.sleep(0.05)

    async def serve(self) -> None:
        """Start `serve` under the name "serve", always on the same port."""
        await self.start("serve", "serve", "--port", str(self.port))

    async def _run(self, name: str, *arguments: str) -> asyncio.subprocess.Process:
        with (self.folder / f"{name}.log").open("ab") as log:
            log.write(b"--- start ---\n")
            log.flush()
            command = (sys.executable, "-m", "adapter.cli", *arguments)
            self.marks[name] = uuid4().hex
            environment = {**self.environment, "ADAPTER_TEST_MARK": f"{self.mark} {self.marks[name]}"}
            return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)

    def log(self, name: str) -> str:
        """What a process has written so far."""
        path = self.folder / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    async def kill(self, name: str) -> None:
        """SIGKILL to one process, and to nothing that it started."""
        process = self.processes.pop(name)
        self.killed.append(self.marks[name])
        process.kill()
        await process.wait()

    async def stop(self, name: str) -> None:
        """SIGTERM to a process, which has to end well. What killed ones have started has noticed by then that they are gone."""
        process = self.processes.pop(name)
        for mark in self.killed:
            await self.gone(mark)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0, self.log(name)[-3_000:]

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """With a connection of the test's own to the processes' database."""
        await database.connect(self.settings)
        try:
            yield
        finally:
            await database.disconnect()

    def living(self, mark: str = "") -> dict[int, str]:
        """All processes that carry this mark, or the estate's, with their command lines; zombies that nobody waits for included."""
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with suppress(OSError):
                if (mark or self.mark).encode() in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
        return found

    async def gone(self, mark: str = "") -> None:
        """Wait until no process with this mark, or the estate's, is there any more."""
        end = time.monotonic() + PATIENCE
        while living := self.living(mark):
            assert time.monotonic() < end, living
            await asyncio.sleep(0.1)

    async def assert_nothing_left(self) -> None:
        """No process of the service, its driver or its browser runs any more, and nothing lies in the folder for temporary files."""
        await self.gone()
        left = sorted(str(path.relative_to(self.folder)) for path in (self.folder / "tmp").glob("**/*"))
        assert not left, left[:20]

    async def close(self) -> None:
        """End whatever a failed test has left running."""
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()
        for number in self.living():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        self.reserved.close()


@asynccontextmanager
async def estate(folder: Path, around: Neighbourhood, database_url: str | None = None) -> AsyncIterator[Estate]:
    """A configured estate; whatever still runs at the end is ended."""
    found = Estate(folder, around, database_url)
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    try:
        await found.configure()
        yield found
    finally:
        await found.close()


async def all_done() -> None:
    """Wait until nothing is due or running in the connected database; what is tried again later counts."""
    unfinished = ActionRow.filter(state__in=(DUE, RUNNING))
    end = time.monotonic() + 2 * PATIENCE
    while await unfinished.exists():
        assert time.monotonic() < end, f"still to do: {await unfinished.values('kind', 'state', 'error', 'next_at')}"
        await asyncio.sleep(0.1)


@dataclass
class Storefronts:
    """Stores that send their webhooks and send them again until they are answered 200. `answers` counts everything that came back."""

    port: int
    answers: dict[str, int] = field(default_factory=dict)

    async def send(self, client: aiohttp.ClientSession, delivery: Delivery) -> None:
        """One webhook, until it is accepted."""
        while True:
            headers = signed_headers(delivery.source, delivery.body, time.time(), delivery.topic)
            try:
                url = f"http://127.0.0.1:{self.port}/hooks/{delivery.source}"
                async with client.post(url, data=delivery.body, headers=headers, timeout=LIMIT) as answer:
                    said = str(answer.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                said = type(error).__name__
            self.answers[said] = self.answers.get(said, 0) + 1
            if said == "200":
                return
            assert not said.startswith("4"), f"{said}: {delivery.topic}"
            await asyncio.sleep(RETRY)

    async def tell(self, stories: Sequence[Sequence[Delivery]], pause: float) -> None:
        """Tell stories side by side, each in its order, beginning one every `pause` seconds."""
        async with aiohttp.ClientSession() as client:

            async def one(number: int, deliveries: Sequence[Delivery]) -> None:
                await asyncio.sleep(number * pause)
                for delivery in deliveries:
                    await self.send(client, delivery)
                    await asyncio.sleep(pause / 2)

            await asyncio.gather(*(one(number, deliveries) for number, deliveries in enumerate(stories)))
