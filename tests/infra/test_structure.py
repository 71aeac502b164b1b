"""Tags that say what is there: words in paragraphs, headings and cells, decoration in nothing (PDF/UA-1, 7.1)."""

import re
from io import BytesIO

import pikepdf
import pytest
from pikepdf import Array, Dictionary

from adapter.domain.document import Settlement
from adapter.infra.decoration import release_decoration
from adapter.infra.logo import drawable_logo
from adapter.infra.renderer import Renderer
from tests.infra.test_basket import CASES as BASKET
from tests.infra.test_basket import SVG
from tests.infra.test_finisher import CASES

pytestmark = pytest.mark.asyncio(loop_scope="session")

GROUPS = {"/Document", "/NonStruct", "/Table", "/TR", "/L", "/LI"}
MARKED = re.compile(rb"/(\w+) <</MCID (\d+) >>BDC\n(.*?)\nEMC\n", re.DOTALL)


def kids(element):
    found = element.get("/K", Array())
    return list(found) if isinstance(found, Array) else [found]


def tagged(document):
    """What is drawn in each marked content, by page and number; and every such place in the structure tree with its kind of element."""
    drawn = {
        (page.obj.objgen, int(number)): content
        for page in document.pages
        for _, number, content in MARKED.findall(page.Contents.read_bytes())
    }  # fmt: skip
    found, waiting = [], kids(document.Root.StructTreeRoot)
    while waiting:
        element = waiting.pop()
        for kid in kids(element):
            if isinstance(kid, Dictionary) and "/S" in kid:
                waiting.append(kid)
            elif isinstance(kid, int) or "/MCID" in kid:
                page, number = (element.Pg, kid) if isinstance(kid, int) else (kid.get("/Pg", element.get("/Pg")), int(kid.MCID))
                found.append(((page.objgen, number), str(element.S)))
    return drawn, found


@pytest.mark.parametrize(
    "case", ["ten lines", "120 lines", "credit note", "right to left and English", "Swiss bill", "UPI", "SVG logo, terms"]
)
async def test_words_are_in_paragraphs_headings_and_cells_and_decoration_in_nothing(chromium, make, case):
    fields = CASES[case] if case in CASES else BASKET[case][0]
    pdf = await Renderer(chromium).pdf(make(**fields), Settlement(), drawable_logo(SVG))
    with pikepdf.open(BytesIO(pdf)) as document:
        drawn, found = tagged(document)
        assert sorted(place for place, _ in found) == sorted(drawn)
        assert {kind for _, kind in found} <= {"/P", "/H1", "/H2", "/TH", "/TD", "/Figure", "/Link"}
        assert [place for place, kind in found if kind != "/Figure" and b"BT" not in drawn[place]] == []
        assert [kind for _, kind in found].count("/Figure") >= 1


async def test_lines_and_grounds_become_artifacts_and_figures_stay(chromium):
    square = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>"
    printed = await chromium.pdf(
        "<!DOCTYPE html><html lang=en><title>t</title><h1 style='border-bottom:3px solid'>One</h1><hr>"
        f'<table><tr><td style="background:red">Two<td style="border:1px solid;background:linear-gradient(red,blue)"></table>'
        f'<img alt=Square src="{square}">'
    )
    with pikepdf.open(BytesIO(printed)) as document:
        before = tagged(document)
        release_decoration(document)
        after = tagged(document)
        numbers = document.Root.StructTreeRoot.ParentTree.Nums[1]
        assert [index for index, element in enumerate(numbers) if element is not None] == sorted(number for (_, number), _ in after[1])
    assert len(before[1]) > len(after[1]) == 3
    words = [place for place, content in before[0].items() if b"BT" in content]
    assert [place for place, kind in before[1] if place in words or kind == "/Figure"] == [place for place, _ in after[1]]


async def test_a_heading_that_every_page_repeats_is_said_once(chromium, make):
    pdf = await Renderer(chromium).pdf(make(120, language="ar", second_language="en"), Settlement())
    with pikepdf.open(BytesIO(pdf)) as document:
        assert len(document.pages) > 3
        # Lines begin on the first page; breakdown and totals, which have headings of their own, are on the last.
        pages = {page for (page, _), kind in tagged(document)[1] if kind == "/TH"}
        assert pages == {document.pages[0].obj.objgen, document.pages[-1].obj.objgen}


async def test_a_heading_that_goes_on_over_the_page_is_said_to_its_end(chromium):
    words = " ".join(f"word {number}" for number in range(3_000))
    printed = await chromium.pdf(f"<!DOCTYPE html><html lang=en><title>t</title><h1>One</h1><table><tr><th>{words}<td>Two</table>")
    with pikepdf.open(BytesIO(printed)) as document:
        before = tagged(document)[1]
        release_decoration(document)
        assert len(document.pages) > 1
        assert tagged(document)[1] == before
