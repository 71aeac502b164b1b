import asyncio
import os
import signal
import socket
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from adapter.errors import GiveUp, TryAgain
from adapter.infra.browser import find_chromium
from adapter.infra.chromium import Chromium
from tests.house import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELLO = "<!DOCTYPE html><title>Hello</title><p>Hello from the page</p>"
SLOW = "<!DOCTYPE html><title>Long</title><table>" + "<tr><td>cell<td>cell<td>cell" * 60_000 + "</table>"


def text(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def descendants(kind: str = "") -> list[int]:
    """Living processes below this one whose command line contains `kind`."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
            command = (entry.parent / "cmdline").read_text()
        except OSError:
            continue
        parents[int(entry.parent.name)] = (int(parent), state, command)

    def below(pid: int) -> Iterator[int]:
        for child, (parent, _, _) in parents.items():
            if parent == pid:
                yield child
                yield from below(child)

    return [pid for pid in below(os.getpid()) if parents[pid][1] != "Z" and kind in parents[pid][2]]


def lives(pid: int) -> bool:
    """Whether a process runs or is stopped, whoever its parent is by now."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(processes) -> bool:
    """Whether the processes end; the kernel takes its time to let a killed one go."""
    end = time.monotonic() + PATIENCE
    while processes() and time.monotonic() < end:  # noqa: ASYNC110 - what is asked lies in /proc
        await asyncio.sleep(0.01)
    return not processes()


@asynccontextmanager
async def browser(**options):
    """A browser of the test's own, with its processes: `(chromium, processes)`; `processes(kind)` are those that it brought."""
    before = set(descendants())
    running = Chromium(find_chromium(), **{"timeout": PATIENCE, **options})
    try:
        yield running, lambda kind="": [pid for pid in descendants(kind) if pid not in before]
    finally:
        await running.close()


async def test_a_document_becomes_a_tagged_pdf(chromium):
    pdf = await chromium.pdf(HELLO)
    assert text(pdf) == "Hello from the page"
    assert b"/StructTreeRoot" in pdf
    assert int(chromium.version.split(".")[0]) >= 128


PROBES = {
    "head": '<base href="{url}/base/"><link rel=stylesheet href="{url}/sheet"><link rel=preconnect href="{url}"><link rel=dns-prefetch '
    'href="//127.0.0.1:{port}"><link rel=prefetch href="{url}/prefetch"><link rel=preload as=image href="{url}/preload">'
    '<link rel=modulepreload href="{url}/module"><link rel=icon href="{url}/icon"><link rel=manifest href="{url}/manifest">',
    "style": "<style>@import url({url}/import); @font-face {{ font-family: Stolen; src: url({url}/font) }} body {{ font-family: Stolen; "
    "background: url({url}/background); cursor: url({url}/cursor), auto }} p {{ background: image-set('{url}/set' 1x); "
    "list-style-image: url({url}/list); filter: url({url}/filter#f) }} @page {{ @top-left {{ content: url({url}/margin) }} }}</style>",
    "media": '<img src="{url}/image"><img src="relative.png"><img srcset="{url}/srcset 2x"><picture><source srcset="{url}/source"><img>'
    "</picture>"
    '<video src="{url}/video" poster="{url}/poster"></video><audio src="{url}/audio"></audio><input type=image src="{url}/input">',
    "frames": '<iframe src="{url}/frame"></iframe><iframe srcdoc=\'<img src="{url}/srcdoc">\'></iframe><object data="{url}/object">'
    '</object><embed src="{url}/embed"><iframe src="file:///etc/hostname"></iframe><iframe src="file:///etc/passwd"></iframe>',
    "svg": '<svg><image href="{url}/svg"/><use href="{url}/use#a"/><foreignObject><img src="{url}/foreign"></foreignObject></svg>',
    "script": '<script src="{url}/script"></script><script>fetch("{url}/fetch"); new WebSocket("ws://127.0.0.1:{port}/socket");'
    'navigator.sendBeacon("{url}/beacon"); new EventSource("{url}/events"); document.body.textContent = "scripts run"</script>'
    '<img src=x onerror="document.body.textContent = \'scripts run\'"><form action="{url}/form"><input name=a autofocus></form>'
    '<a ping="{url}/ping" href="{url}/a">link</a>',
    "everything named": '<img src="http://probe.example/"><link rel=stylesheet href="https://probe.example/x"><iframe src="http://localhost:{port}/"></iframe>',
}


@asynccontextmanager
async def listener():
    """A server on loopback; yields its port and the list of what was ever sent to it."""
    heard = []

    async def answer(reader, writer):
        heard.append(await reader.read(200))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize("probe", PROBES)
async def test_nothing_gets_out(chromium, probe):
    async with listener() as (port, heard):
        markup = PROBES[probe].format(url=f"http://127.0.0.1:{port}", port=port)
        pdf = await chromium.pdf(f"<!DOCTYPE html><html><head><title>t</title></head><body><p>still here</p>{markup}</body></html>")
        await asyncio.sleep(0.1)
    assert heard == []
    assert "still here" in text(pdf)
    assert "scripts run" not in text(pdf)
    assert "root:" not in text(pdf)
    assert socket.gethostname() not in text(pdf)


async def test_a_page_that_leaves_itself_is_refused_and_the_next_one_is_whole(chromium):
    async with listener() as (port, heard):
        with pytest.raises(GiveUp, match="left its own page"):
            await chromium.pdf(f'<meta http-equiv=refresh content="0;url=http://127.0.0.1:{port}/gone"><p>text</p>')
        assert text(await chromium.pdf(HELLO)) == "Hello from the page"
        assert text(await chromium.pdf('<meta http-equiv=refresh content="60;url=file:///etc/passwd"><p>early</p>')) == "early"
        assert text(await chromium.pdf(HELLO)) == "Hello from the page"
    assert heard == []


async def test_pictures_are_there_when_the_page_is_printed(chromium):
    picture = BytesIO()
    Image.effect_noise((400, 300), 90).save(picture, "PNG")
    url = f"data:image/png;base64,{b64encode(picture.getvalue()).decode()}"
    for _ in range(3):
        pdf = await chromium.pdf(f'<title>Logo</title><img alt="Logo" src="{url}">')
        assert [image.image.size for image in PdfReader(BytesIO(pdf)).pages[0].images] == [(400, 300)]


async def test_a_browser_killed_in_the_middle_costs_nothing_but_time():
    async with browser() as (chromium, processes):
        await chromium.pdf(HELLO)
        hanging = processes("--type=renderer")
        for pid in hanging:
            os.kill(pid, signal.SIGSTOP)  # so that the print is not over before the browser is killed
        printing = asyncio.create_task(chromium.pdf(SLOW[:20_000]))
        await asyncio.sleep(0.05)
        assert chromium.busy == 1
        os.kill(chromium._running.pid, signal.SIGKILL)
        assert "cell" in text(await printing)
        assert (chromium.renders, chromium.failures, chromium.restarts) == (2, 0, 1)
        assert await gone(lambda: [pid for pid in hanging if lives(pid)])


async def test_a_renderer_killed_costs_a_page():
    async with browser() as (chromium, processes):
        await chromium.pdf(HELLO)
        for pid in processes("--type=renderer"):
            os.kill(pid, signal.SIGKILL)
        assert text(await chromium.pdf(HELLO)) == "Hello from the page"
        assert (chromium.renders, chromium.failures, chromium.restarts) == (2, 0, 0)


async def test_what_a_discarded_page_says_late_is_not_heard():
    async with browser(pages=1) as (chromium, _):
        await chromium.pdf(HELLO)
        slot = chromium._slots._queue[0]
        old = slot.page._impl_obj
        await chromium._discard(slot)
        await chromium.pdf(HELLO)
        old.emit("crash", old)
        assert not slot.crashed.is_set()
        slot.page._impl_obj.emit("crash", slot.page._impl_obj)
        assert slot.crashed.is_set()


async def given_up_after(seconds, chromium, html):
    """The document printed, where its first attempt alone has so little time."""
    chromium.timeout = seconds
    printing = asyncio.create_task(chromium.pdf(html))
    await asyncio.sleep(0)  # the attempt has begun, with its time
    chromium.timeout = PATIENCE
    return await printing


@pytest.mark.parametrize(("kind", "restarts"), [("--type=renderer", 0), ("--no-startup-window", 1)])
async def test_a_process_that_hangs_is_replaced(kind, restarts, monkeypatch):
    monkeypatch.setattr("adapter.infra.chromium.ANSWERS", PATIENCE if not restarts else 1)
    async with browser() as (chromium, processes):
        await chromium.pdf(HELLO)
        for pid in processes(kind):
            os.kill(pid, signal.SIGSTOP)
        assert text(await given_up_after(1, chromium, HELLO)) == "Hello from the page"
        assert (chromium.renders, chromium.failures, chromium.restarts) == (2, 0, restarts)


async def test_a_document_that_never_ends_is_given_up_and_hurts_nobody():
    async with browser() as (chromium, _):
        await chromium.pdf(HELLO)
        chromium.timeout = 0.7
        with pytest.raises(GiveUp, match=r"not printed within 0\.7 s, twice"):
            await chromium.pdf(SLOW)
        chromium.timeout = PATIENCE
        assert text(await chromium.pdf(HELLO)) == "Hello from the page"
        assert chromium.failures == 1
        assert chromium.busy == 0


async def test_a_book_is_refused(chromium):
    with pytest.raises(GiveUp, match="has 501 pages"):
        await chromium.pdf("<title>t</title>" + '<p style="break-after: page">x' * 500 + "<p>x")


async def test_a_page_is_replaced_after_so_many_documents_and_after_a_long_one():
    async with browser(pages=1, recycle_after=2) as (chromium, _):
        seen = []
        for html in (HELLO, HELLO, HELLO, "<table>" + "<tr><td>x" * 600 + "</table>", HELLO):
            await chromium.pdf(html)
            seen.append(chromium._slots._queue[0].page)
        assert seen[0] is not None
        assert seen[1] is None
        assert seen[2] not in {None, seen[0]}
        assert seen[3] is None
        assert chromium.restarts == 0


async def test_documents_share_the_pages_in_turn():
    async with browser(pages=2) as (chromium, _):
        pdfs = await asyncio.gather(*(chromium.pdf(f"<title>t</title><p>document {number}") for number in range(12)))
        assert [text(pdf) for pdf in pdfs] == [f"document {number}" for number in range(12)]
        assert chromium.renders == 12


@pytest.mark.parametrize("killed", [False, True])
async def test_nothing_is_left_behind(monkeypatch, tmp_path, killed):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with browser() as (chromium, processes):
        await chromium.pdf(HELLO)
        assert list(tmp_path.iterdir()) != []
        if killed:
            os.kill(chromium._running.pid, signal.SIGKILL)
        await chromium.close()
        assert await gone(processes)
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(TryAgain, match="shut down"):
            await chromium.pdf(HELLO)


BUS = "[1120/171203.5:ERROR:dbus/bus.cc:408] Failed to connect to the bus: Failed to connect to socket /run/dbus/system_bus_socket"
NAMESPACES = """[1120/171547.8:FATAL:zygote_host_impl_linux.cc:130] No usable sandbox! If this is a Debian system, please install the
chromium-sandbox package to solve this problem. If you want to live dangerously, you can try using --no-sandbox."""


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("libnss3.so is missing", r"\(.*/chromium\) does not start: libnss3\.so is missing$"),
        (
            "libnss3.so is missing\n" + BUS + "\n" + BUS.replace("171203.5", "171209.7"),
            r"start: libnss3\.so is missing Failed to connect to the bus: \S",
        ),
        (
            "first\n" + "\n".join(f"this is line {number}" for number in range(45)) + "\nlast",
            r"start: first this is line 0 .* … .* line 44 last$",
        ),
        (NAMESPACES, r"start: its sandbox is made of user namespaces, and this user may make none: allow them \(in Docker by a seccomp"),
    ],
)
async def test_a_browser_that_does_not_start_says_why(tmp_path, stderr, expected):
    broken = tmp_path / "chromium"
    broken.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{stderr}\nEND\nexit 127\n")
    broken.chmod(0o755)
    chromium = Chromium(broken)
    with pytest.raises(TryAgain, match=expected) as refused:
        await chromium.start()
    assert len(str(refused.value)) < 700 + len(str(tmp_path))
    assert "--no-sandbox" not in str(refused.value)
    assert str(refused.value).count("Failed to connect to the bus") <= 1
    await chromium.close()


async def test_the_sandbox_is_off_for_root_alone(monkeypatch):
    chromium = Chromium(Path("/nowhere"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert chromium.sandboxed
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not chromium.sandboxed
