"""A Chromium process with its driver: started without any way to a network, ended without leaving anything behind."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, CDPSession, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from adapter.errors import TryAgain
from adapter.infra.scratch import Scratch

_ARGUMENTS = (
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-quic",
    "--disable-gpu",
    "--no-pings",
    "--no-first-run",
    "--font-render-hinting=none",
)


NO_SANDBOX = (
    "its sandbox is made of user namespaces, and this user may make none: allow them (in Docker by a seccomp profile, see the README; "
    "elsewhere by kernel.unprivileged_userns_clone, user.max_user_namespaces or an AppArmor profile)"
)
_STAMP = re.compile(r"^\[[^\]]*\]\s*")
"""`[1120/171203.844:ERROR:file.cc:130]`, with which Chromium begins its lines."""


@dataclass
class Running:
    """One browser with its driver. `pid` is the browser's own, to kill it when it no longer listens."""

    driver: Playwright
    browser: Browser
    context: BrowserContext
    session: CDPSession
    pid: int
    folder: Scratch
    gone: asyncio.Event = field(default_factory=asyncio.Event)


async def launch(executable: Path, *, sandbox: bool) -> Running:
    """Start a browser without a network. Raises `TryAgain` with its own words when it does not start."""
    folder = Scratch()
    driver = await _driver(folder.name)
    try:
        browser = await driver.chromium.launch(
            executable_path=executable,
            args=list(_ARGUMENTS),
            chromium_sandbox=sandbox,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
            env={**os.environ, "TMPDIR": folder.name, "TZ": "UTC", "LANG": "C.UTF-8"},
            timeout=30_000,
        )
        session = await browser.new_browser_cdp_session()
        processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
        pid = next(int(process["id"]) for process in processes if process["type"] == "browser")
        context = await browser.new_context(java_script_enabled=False, offline=True, service_workers="block", accept_downloads=False)
    except BaseException as error:
        await bounded(driver.stop(), 5)
        folder.cleanup()
        if isinstance(error, PlaywrightError):
            raise TryAgain(f"Chromium ({executable}) does not start: {_reason(error.message)}") from error
        raise
    running = Running(driver, browser, context, session, pid, folder)
    browser.on("disconnected", lambda _: running.gone.set())
    return running


def _reason(told: str) -> str:
    """What the browser itself said, in at most 600 characters: each line once, the first ones, which tend to say why, and the last."""
    lines = [line.partition("[err] ")[2] for line in told.splitlines() if "[err] " in line] or told.splitlines()
    said = " ".join(dict.fromkeys(_STAMP.sub("", line).strip() for line in lines))
    if "No usable sandbox" in said:
        return NO_SANDBOX
    return said if len(said) <= 600 else f"{said[:400]} … {said[-197:]}"


async def _driver(folder: str) -> Playwright:
    """Start the driver with `folder` for its temporary files: it makes the browser's profile there and, where either of the two is killed,
    leaves it lying. The driver takes its environment from this process, there is no other way to tell it."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = folder
    try:
        return await async_playwright().start()
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


async def bounded(work: Awaitable[Any], seconds: float) -> bool:
    """Whether the work was done in time; what a dead browser says to it does not matter."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    except Exception:
        return True
    return True


async def end(running: Running, patience: float = 5) -> None:
    """Close the browser, by force when it does not do so itself, then the driver, which removes the browser's profile."""
    if running.browser.is_connected() and (not patience or not await bounded(running.browser.close(), patience)):
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    await bounded(running.driver.stop(), 5)
    running.folder.cleanup()
