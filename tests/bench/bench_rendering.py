"""Documents per second: our renderer beside the loop that everybody writes first, and beside WeasyPrint where it is installed.

All print the same HTML. `renderer` also makes that HTML and finishes the file as PDF/A-3a and PDF/UA-1, which the others do not.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from statistics import median
from time import perf_counter

import pytest
from playwright.async_api import async_playwright

from adapter.domain.document import Document, Settlement
from adapter.infra.browser import find_chromium
from adapter.infra.chromium import Chromium
from adapter.infra.pages import document_html
from adapter.infra.renderer import Renderer
from tests.bench.measure import percentile, table
from tests.infra.conftest import document, goods

pytestmark = pytest.mark.timeout(600)

DOCUMENTS, ROUNDS = 20, 3
Print = Callable[[Document], Awaitable[bytes]]


def documents() -> list[Document]:
    """Invoices of ten lines, each with a number of its own."""
    return [document(goods(10), number=f"INV-2026-{number:06}") for number in range(DOCUMENTS)]


async def one_by_one(print_one: Print) -> tuple[list[float], int]:
    """Milliseconds of each document, and the size of the last."""
    taken, size = [], 0
    for one in documents():
        started = perf_counter()
        size = len(await print_one(one))
        taken.append((perf_counter() - started) * 1000)
    return taken, size


async def two_at_a_time(print_one: Print) -> float:
    """Documents per second with two under way."""
    waiting = documents()
    started = perf_counter()

    async def worker() -> None:
        while waiting:
            await print_one(waiting.pop())

    await asyncio.gather(worker(), worker())
    return DOCUMENTS / (perf_counter() - started)


def weasyprint() -> Print | None:
    """WeasyPrint in a thread, or None where it is not installed: it is no dependency of this project."""
    try:
        html = importlib.import_module("weasyprint").HTML
    except (ImportError, OSError) as error:
        print(f"\nWeasyPrint is left out, as it cannot be imported: {error}")
        return None

    async def print_one(one: Document) -> bytes:
        pdf: bytes = await asyncio.to_thread(lambda: html(string=document_html(one, Settlement(), None)).write_pdf())
        return pdf

    return print_one


async def test_rendering() -> None:
    executable = find_chromium()
    assert executable is not None
    async with AsyncExitStack() as stack:
        chromium = Chromium(executable, pages=2)
        stack.push_async_callback(chromium.close)
        renderer = Renderer(chromium)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=executable)
        stack.push_async_callback(browser.close)

        async def loop(one: Document) -> bytes:
            page = await browser.new_page()
            await page.set_content(document_html(one, Settlement(), None))
            pdf = await page.pdf(print_background=True, prefer_css_page_size=True, tagged=True, outline=True)
            await page.close()
            return pdf

        variants: dict[str, Print] = {
            "playwright: new page each": loop,
            "chromium: reused page": lambda one: chromium.pdf(document_html(one, Settlement(), None)),
            "renderer: with PDF/A": lambda one: renderer.pdf(one, Settlement()),
        }
        if (other := weasyprint()) is not None:
            variants["WeasyPrint"] = other
        await measure(variants)


async def measure(variants: dict[str, Print]) -> None:
    single: dict[str, list[float]] = {name: [] for name in variants}
    double: dict[str, list[float]] = {name: [] for name in variants}
    sizes: dict[str, int] = {}
    for print_one in variants.values():
        await asyncio.gather(*(print_one(one) for one in documents()[:4]))
    for _ in range(ROUNDS):
        for name, print_one in variants.items():
            taken, sizes[name] = await one_by_one(print_one)
            single[name].extend(taken)
            double[name].append(await two_at_a_time(print_one))
    base = next(iter(variants))
    table(
        f"Rendering: invoices of ten lines, {ROUNDS} interleaved rounds of {DOCUMENTS}, medians",
        ("printed by", "ms p50", "ms p99", "ratio", "two at a time, per second", "ratio", "bytes"),
        [
            (
                name,
                median(single[name]),
                percentile(single[name], 0.99),
                median(single[base]) / median(single[name]),
                median(double[name]),
                median(double[name]) / median(double[base]),
                sizes[name],
            )
            for name in variants
        ],
    )
