"""The real service as a process of its own: configured, started, killed, started again, asked, and sent signed requests."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Any

import aiohttp

from adapter.connector import connector
from adapter.demo.neighbours import HOST, Say
from adapter.signature import Scheme, sign

COMMAND = (sys.executable, "-m", "adapter.cli")
KEPT_SETTINGS = ("ADAPTER_CHROMIUM",)
"""What the demo takes over of its caller's settings; all else are the embedded defaults."""
PATIENCE = 120.0
"""Seconds in which the service must have started, and in which a storefront gets an answer."""
PAUSE = 0.2
RETRY = 1.0
GRACE = 10.0
"""Seconds in which whoever killed the service may start it again; then the demo does."""


class ServiceFailed(RuntimeError):
    """A command of the product failed; the message is what it said."""


class Service:
    """One data folder, one port, and the process that serves them. `secrets` are by the name of their environment variable."""

    def __init__(self, folder: Path, smtp_port: int, secrets: Mapping[str, str], say: Say) -> None:
        self.data = folder / "data"
        self.port = _free_port()
        self.kills = 0
        self._log = folder / "service.log"
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ADAPTER_") or name in KEPT_SETTINGS},
            **secrets,
            "ADAPTER_DATA": str(self.data),
            "ADAPTER_HOST": HOST,
            "ADAPTER_PORT": str(self.port),
            "ADAPTER_SMTP_HOST": HOST,
            "ADAPTER_SMTP_PORT": str(smtp_port),
            "ADAPTER_SMTP_SECURITY": "none",
            "ADAPTER_ALLOWED_NETWORKS": f"{HOST}/32",
            "ADAPTER_SWEEP_SECONDS": "2",
        }
        settings = {name: value for name, value in self._environment.items() if name.startswith("ADAPTER_")}
        (folder / "service.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")

    async def command(self, *arguments: str) -> str:
        """Run a command of the product on the same data and return what it printed. Raises `ServiceFailed` when it fails."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        printed, problem = await process.communicate()
        if process.returncode:
            raise ServiceFailed(f"{' '.join(arguments)}: {problem.decode(errors='replace').strip()[-2_000:]}")
        return printed.decode()

    async def show(self, source: str, number: str) -> dict[str, Any]:
        """An order's whole story."""
        story: dict[str, Any] = json.loads(await self.command("show", "order", source, number, "--json"))
        return story

    async def start(self) -> None:
        """Start the service and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*COMMAND, "serve", env=self._environment, stdout=log, stderr=log)
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as client:
            while not await self._is_ready(client):
                if self._process.returncode is not None:
                    raise ServiceFailed(f"the service ended with {self._process.returncode}: {self._log.read_text()[-2_000:]}")
                await asyncio.sleep(PAUSE)
        self._watcher = asyncio.create_task(self._watch(self._process), name="watch the service")
        self._say("service", f"ready at http://{HOST}:{self.port}, process {self._process.pid}", "service")

    async def _is_ready(self, client: aiohttp.ClientSession) -> bool:
        try:
            async with client.get(f"http://{HOST}:{self.port}/healthz/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """See to it that a service which somebody else killed goes on: started again by them with `service.env`, else by the demo."""
        code = await process.wait()
        if self._changing.locked() or process is not self._process:
            return
        self._process = None
        self._say("service", f"ENDED FROM OUTSIDE with {code}; giving {GRACE:.0f} s to whoever did it to start it again", "broken")
        end = asyncio.get_running_loop().time() + GRACE
        async with aiohttp.ClientSession() as client:
            while asyncio.get_running_loop().time() < end:
                if await self._is_ready(client):
                    self._say("service", "answers again: somebody else has started it", "service")
                    return
                await asyncio.sleep(PAUSE)
        async with self._changing:
            await self.start()

    async def crash(self) -> None:
        """`kill -9`, then a new process on the same data folder and port."""
        async with self._changing:
            if self._process is None:
                return
            self._process.kill()
            await self._process.wait()
            self.kills += 1
            self._say("service", f"KILLED (SIGKILL, process {self._process.pid}); starting it again", "broken")
            await self.start()

    async def stop(self) -> int | None:
        """Ask the service to end (SIGTERM) and return its exit code; None when none of ours runs."""
        async with self._changing:
            if self._process is None:
                return None
            process, self._process = self._process, None
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(PATIENCE):
                    return await process.wait()
            except TimeoutError:
                process.kill()
                return await process.wait()

    async def send(self, source: str, platform: str, body: bytes, headers: Mapping[str, str], secret: str, id: str) -> int:
        """POST a signed webhook and return the status; sent again until there is an answer other than 503, as storefronts do."""
        url = f"http://{HOST}:{self.port}/hooks/{source}"
        scheme = connector(platform).signature
        if not isinstance(scheme, Scheme):
            raise TypeError(f"{platform} signs by a function, which cannot be turned round")
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
            while True:
                signed = sign(scheme, body, secret, id=id, timestamp=datetime.now(UTC), url=url)
                try:
                    async with client.post(url, data=body, headers={"Content-Type": "application/json", **headers, **signed}) as answer:
                        if answer.status != 503:
                            return answer.status
                except (aiohttp.ClientError, TimeoutError) as problem:
                    self._say(source, f"no answer ({type(problem).__name__}), sending it again", "sent")
                await asyncio.sleep(RETRY)


def _free_port() -> int:
    with socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
