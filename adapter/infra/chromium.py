"""HTML to PDF by a headless Chromium that cannot reach any network, cannot run scripts, and cannot hang.

Chromium is driven over the DevTools protocol: a reused page per slot saves nearly all of the cost of a print. Nothing gets out, by
independent means: scripts are off, the only proxy is a dead one (loopback included), no name resolves, and the page is emulated offline;
the documents' own Content-Security-Policy is one more. A print that takes too long, or a renderer that dies, costs that page or that
browser and nothing else.
"""

import asyncio
import os
import re
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import CDPSession, Page
from playwright.async_api import Error as PlaywrightError

from adapter.errors import GiveUp, TryAgain
from adapter.infra.browser_process import Running, bounded, end, launch

MAXIMUM_BYTES = 20 * 1024 * 1024
MAXIMUM_PAGES = 500
ANSWERS = 5.0
"""Seconds in which a browser that is well closes a page, and answers a question."""
MANY_ROWS = 500
"""A document with more table rows leaves the renderer with hundreds of megabytes: its page is not used again."""

_PRINT = {
    "printBackground": True,
    "preferCSSPageSize": True,
    "generateTaggedPDF": True,
    "generateDocumentOutline": True,
    "transferMode": "ReturnAsBase64",
}
_ROW = re.compile(r"<tr\b", re.IGNORECASE)
_PAGE = re.compile(rb"/Type\s*/Page\b")


class _Overdue(Exception):
    """A print did not end in time."""


class _Lost(Exception):
    """The page or its browser died under a print. Playwright does not end what is under way on a session then."""


class _Navigated(Exception):
    """The page is no longer the document that it was given."""


@dataclass
class _Slot:
    """One page that documents take turns on."""

    running: Running | None = None
    page: Page | None = None
    session: CDPSession | None = None
    frame: str = ""
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    crashed: asyncio.Event = field(default_factory=asyncio.Event)
    renders: int = 0


class Chromium:
    """A browser and its pages. Starts at the first document, and again whenever it died.

    `pages` documents are printed at a time; `timeout` is the longest that one print may take, in seconds; a page is replaced after
    `recycle_after` documents. The counters are plain numbers for the metrics.
    """

    def __init__(self, executable: Path, *, pages: int = 2, timeout: float = 20.0, recycle_after: int = 200) -> None:
        self.executable = executable
        self.pages = pages
        self.timeout = timeout
        self.recycle_after = recycle_after
        self.version = ""
        """Such as `156.0.8078.79`; empty before the first start."""
        self.busy = 0
        self.renders = 0
        self.failures = 0
        self.restarts = 0
        self._running: Running | None = None
        self._closed = False
        self._lock = asyncio.Lock()
        self._slots: asyncio.LifoQueue[_Slot] = asyncio.LifoQueue()
        for _ in range(pages):
            self._slots.put_nowait(_Slot())

    @property
    def sandboxed(self) -> bool:
        """Whether Chromium's own sandbox is on: always, unless this process is root, where Chromium refuses it."""
        return os.geteuid() != 0

    async def start(self) -> None:
        """Start the browser now instead of at the first document. Raises `TryAgain` with the browser's own words when it does not start."""
        self._closed = False
        await self._browser()

    async def close(self) -> None:
        """End the browser, its driver and their temporary files. A print that is under way fails with `TryAgain`."""
        self._closed = True
        async with self._lock:
            running, self._running = self._running, None
            if running is not None:
                await end(running)

    async def pdf(self, html: str) -> bytes:
        """The document as Chromium prints it: tagged, with an outline, on the paper of its own `@page`.

        A page or browser that dies is replaced and the document printed again, at most twice. Raises `TryAgain` when the browser does not
        come back, and `GiveUp` for a document that ran out of time twice, that cannot be printed, that is larger than 20 MB or longer than
        500 pages, or that navigated away from itself.
        """
        slot = await self._slots.get()
        self.busy += 1
        try:
            content = await self._printed(slot, html)
            _check(content)
        except BaseException:
            self.failures += 1
            raise
        else:
            self.renders += 1
            return content
        finally:
            self.busy -= 1
            self._slots.put_nowait(slot)

    async def _printed(self, slot: _Slot, html: str) -> bytes:
        overdue = 0
        problem = ""
        for attempt in range(3):
            if attempt == 2 and not overdue:
                await self._restart(slot.running)
            try:
                content = await self._print(slot, html)
                slot.renders += 1
                if slot.renders >= self.recycle_after or len(_ROW.findall(html)) > MANY_ROWS:
                    await self._discard(slot)
                return content
            except _Overdue:
                overdue += 1
                await self._discard(slot)
                if overdue == 2:
                    raise GiveUp(f"the document was not printed within {self.timeout:g} s, twice: it is too large or too complex") from None
            except _Navigated as error:
                await self._discard(slot)
                raise GiveUp(f"the document left its own page for {error}: it carries markup that nobody should have let in") from None
            except (PlaywrightError, _Lost) as error:
                problem = str(error).partition("\n")[0]
                await self._discard(slot)
            except asyncio.CancelledError:
                await self._discard(slot)
                raise
        if "invalid print parameters" in problem:
            raise GiveUp(f"the document cannot be printed: {problem}")
        raise TryAgain(f"the browser failed three times, the last time with: {problem}")

    async def _print(self, slot: _Slot, html: str) -> bytes:
        """One attempt: over when the print is done, its time is up, or its page or browser is gone."""
        running = await self._browser()
        work = asyncio.create_task(self._converse(slot, running, html))
        ends = {work, asyncio.create_task(slot.crashed.wait()), asyncio.create_task(running.gone.wait())}
        try:
            await asyncio.wait(ends, timeout=self.timeout, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            if running.gone.is_set() or slot.crashed.is_set():
                raise _Lost("the browser went away" if running.gone.is_set() else "the page crashed")
            raise _Overdue
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _converse(self, slot: _Slot, running: Running, html: str) -> bytes:
        session = await self._page(slot, running)
        slot.loaded.clear()
        await session.send("Page.setDocumentContent", {"frameId": slot.frame, "html": html})
        with suppress(TimeoutError):
            async with asyncio.timeout(self.timeout / 4):
                await slot.loaded.wait()
        result = await session.send("Page.printToPDF", _PRINT)
        # A meta refresh blanks the page even where its target is blocked.
        frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]
        if frame["url"] != "about:blank" or frame.get("unreachableUrl"):
            raise _Navigated(str(frame.get("unreachableUrl") or frame["url"])[:200])
        return b64decode(result["data"])

    async def _page(self, slot: _Slot, running: Running) -> CDPSession:
        """The slot's page, made new when it has none or when its browser is gone."""
        if slot.session is not None and slot.running is running:
            return slot.session
        slot.running, slot.page, slot.session, slot.renders = running, None, None, 0
        slot.crashed.clear()
        page = slot.page = await running.context.new_page()
        session = slot.session = await running.context.new_cdp_session(page)
        # What is heard late of a page that was discarded says nothing of the one in its place.
        page.on("crash", lambda _: slot.crashed.set() if slot.page is page else None)
        session.on("Page.loadEventFired", lambda _: slot.loaded.set() if slot.session is session else None)
        await session.send("Page.enable")
        slot.frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        return session

    async def _discard(self, slot: _Slot) -> None:
        """Close the slot's page; where the browser does not do that, or no longer answers, it is ended too."""
        page, running = slot.page, slot.running
        slot.page = slot.session = None
        slot.crashed.clear()
        if running is None or running is not self._running or running.gone.is_set():
            return
        closed = page is None or await bounded(page.close(), ANSWERS)
        if not closed or not await bounded(running.session.send("Browser.getVersion"), ANSWERS):
            await self._restart(running)

    async def _browser(self) -> Running:
        """The browser that is running, or a new one."""
        async with self._lock:
            if self._closed:
                raise TryAgain("the browser is being shut down")
            running = self._running
            if running is not None and running.browser.is_connected():
                return running
            if running is not None:
                self._running = None
                self.restarts += 1
                await end(running)
            self._running = await launch(self.executable, sandbox=self.sandboxed)
            self.version = self._running.browser.version
            return self._running

    async def _restart(self, running: Running | None) -> None:
        """End this browser, unless somebody else has already done so."""
        async with self._lock:
            if running is not None and running is self._running:
                self._running = None
                self.restarts += 1
                await end(running, patience=0)


def _check(content: bytes) -> None:
    if len(content) > MAXIMUM_BYTES:
        raise GiveUp(
            f"the document is {len(content) / 1024 / 1024:.1f} MB as a PDF; at most {MAXIMUM_BYTES // 1024 // 1024} MB are printed"
        )
    pages = len(_PAGE.findall(content))
    if not 1 <= pages <= MAXIMUM_PAGES:
        raise GiveUp(f"the document has {pages} pages; 1 to {MAXIMUM_PAGES} are printed")
