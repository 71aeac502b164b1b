"""What is printed, read back from the PDF: where it stands, and that it is what was frozen."""

import re
from io import BytesIO

import pikepdf
import pytest
from pypdf import PdfReader

from adapter.domain.document import Settlement
from adapter.infra.renderer import Renderer

pytestmark = pytest.mark.asyncio(loop_scope="session")


def pages(pdf):
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


# Without a rule for it, the totals of 12 lines would stand alone on a second page, those of 39 and 63 on a third and fourth.
@pytest.mark.parametrize("lines", [1, 2, 3, 11, 12, 16, 38, 39, 40, 47, 63])
async def test_totals_stand_with_the_last_lines_and_what_is_to_be_paid(chromium, make, validate, lines):
    pdf = await Renderer(chromium).pdf(make(lines), Settlement(paid=100))
    *before, last = pages(pdf)
    assert not any("Total excl. tax" in page or "Please pay" in page for page in before)
    assert "Total excl. tax" in last
    assert "Please pay" in last
    positions = [int(found) for found in re.findall(r"^(\d+) [A-Z]", last.partition("Description")[2], re.MULTILINE)]
    assert positions[-2:] == [number for number in (lines - 1, lines) if number]
    assert validate(pdf) == []


async def test_a_reader_is_told_of_the_totals_after_the_lines_and_not_among_them(chromium, make):
    pdf = await Renderer(chromium).pdf(make(3), Settlement())
    with pikepdf.open(BytesIO(pdf)) as document:
        tables = [item for item in document.objects if isinstance(item, pikepdf.Dictionary) and item.get("/S") == "/Table"]
        rows = [[str(kid.S) for kid in table.K if isinstance(kid, pikepdf.Dictionary)] for table in tables]
        assert sorted(rows, key=len) == [["/TR"] * 2, ["/TR"] * 3, ["/TR"] * 4]
        assert len({table.P.objgen for table in tables}) <= 2
    shown = " ".join("".join(pages(pdf)).split())
    assert shown.index("Serving bowl") < shown.index("Tax breakdown") < shown.index("Total excl. tax") < shown.index("Please pay")


async def test_short_remarks_stand_beside_the_totals_and_long_ones_below(chromium, make):
    short = "\n".join(pages(await Renderer(chromium).pdf(make(2, notes=("Thank you.",)), Settlement())))
    assert short.index("Thank you.") < short.index("Please pay")
    long = "\n".join(pages(await Renderer(chromium).pdf(make(2, notes=("Thank you. " * 30,)), Settlement())))
    assert long.index("Thank you.") > long.index("Please pay")
