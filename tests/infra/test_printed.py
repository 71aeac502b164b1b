"""What is printed, read back from the PDF: where it stands, and that it is what was frozen."""

import re
import subprocess
from datetime import date
from decimal import Decimal
from io import BytesIO
from random import Random

import pikepdf
import pytest
from babel.dates import format_date
from pypdf import PdfReader

from adapter.domain.document import Original, Settlement
from adapter.infra.language import languages
from adapter.infra.renderer import Renderer
from tests.infra.conftest import document, line

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


def read(pdf, path, tool, *options):
    """What one of poppler's tools, pdfinfo or pdftotext, says of a PDF."""
    path.write_bytes(pdf)
    command = [tool, *options, str(path), *(["-"] if tool == "pdftotext" else [])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def tables_of(told):
    """The tables of `pdfinfo -struct-text`, which is what the tags tell a screen reader, as rows of cells."""
    tables, depth = [], 0
    for indent, word in ((len(each) - len(each.lstrip()), each.strip()) for each in told.splitlines()):
        if word.startswith("Table"):
            tables.append([])
            depth = indent
        elif not word.startswith('"') and indent <= depth:
            depth = 0
        elif depth and word == "TR":
            tables[-1].append([])
        elif depth and word.rstrip(":") in {"TD", "TH"}:
            tables[-1][-1].append("")
        elif word.startswith('"') and depth and tables[-1]:
            tables[-1][-1][-1] += word[1:-1] + " "
    return [[[" ".join(cell.split()) for cell in row] for row in table] for table in tables]


def minor(text):
    """An amount as printed, in minor units: its digits, and its sign."""
    digits = int("".join(character for character in text if character.isdigit()))
    return -digits if re.search("[-−\u2212]", text) else digits


TAXES = (("VAT", "0.19"), ("VAT", "0.07"), ("Local tax", "0.0825"), ("VAT", "0"))
NAMES = ("Mug", "Becher „Nordsee“", "Kubek żółty", "茶碗", "Ποτήρι", "Very long name of a thing " * 4)


def at_random(seed, language):
    """A document of that seed; a credit note where it is odd."""
    chance = Random(seed)
    currency = chance.choice(("EUR", "USD", "JPY", "KWD", "CHF", "HUF"))
    lines = [
        line(
            number, chance.choice(NAMES).strip(), chance.choice((0, 5, 199, 123_456, 99_999_999)), [chance.choice(TAXES)],
            quantity=Decimal(chance.choice(("1", "2.5", "1000"))), unit_price=Decimal(chance.choice(("0.015", "3", "1234.5"))),
            discount=chance.choice((0, 0, 345)), sku=chance.choice((None, "SKU-7")),
        )
        for number in range(1, chance.choice((1, 2, 9, 35)) + 1)
    ]  # fmt: skip
    kinds = {"kind": "credit_note", "original": Original(number="OLD-1", issue_date=date(2025, 2, 28), sha256="0" * 64)} if seed % 2 else {}
    return document(lines, language=language, currency=currency, prices_include_tax=chance.random() < 0.5, **kinds)


def without_spaces(text):
    """A space at the end of a printed line is not in the file; marks of direction are."""
    return re.sub(r"[\s\u200e\u200f]", "", text)


# What the tags say of Arabic cannot be read by poppler, which leaves out whatever has an ActualText.
@pytest.mark.parametrize(("seed", "language"), list(enumerate(language for language in languages() if language != "ar")))
async def test_what_is_printed_is_what_was_frozen(chromium, tmp_path, seed, language):
    frozen = at_random(seed, language)
    paid = 0 if seed % 2 else frozen.totals.gross // 3
    pdf = await Renderer(chromium).pdf(frozen, Settlement(paid=paid))
    lines, breakdown, totals = tables_of(read(pdf, tmp_path / "read.pdf", "pdfinfo", "-struct-text"))
    assert [int(row[0]) for row in lines[1:]] == [line.position for line in frozen.lines]
    for row, told in zip(lines[1:], frozen.lines, strict=True):
        assert without_spaces(row[1]).startswith(without_spaces(told.name))
        assert Decimal(re.sub("[^0-9]", "", row[2])) == Decimal(str(told.quantity).replace(".", ""))
        assert minor(row[3]) == int(shifted(told.unit_price, frozen.currency))
        assert minor(row[-1]) == (told.gross if frozen.prices_include_tax else told.net)
    assert [(minor(row[1]), minor(row[2])) for row in breakdown[1:]] == [(group.base, group.tax) for group in frozen.taxes]
    assert all(row[0].startswith(group.name) for row, group in zip(breakdown[1:], frozen.taxes, strict=True))
    assert [minor(row[-1]) for row in totals] == amounts(frozen, paid)
    days = [frozen.issue_date, frozen.supply_date, *([frozen.original.issue_date] if frozen.original else [])]
    stated = [frozen.number, frozen.buyer.name, frozen.buyer.company, frozen.seller.name, *(id.value for id in frozen.seller.tax_ids)]
    stated += [format_date(day, "medium", locale=language.replace("-", "_")) for day in days]
    stated += [part for party in (frozen.buyer, frozen.seller) for part in (party.address.street, party.address.city, party.email)]
    text = without_spaces(read(pdf, tmp_path / "read.pdf", "pdftotext"))
    assert [said for said in stated if without_spaces(said) not in text] == []


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_printed_from_right_to_left_is_what_was_frozen(chromium, tmp_path, seed):
    frozen = at_random(seed, "ar")
    text = read(await Renderer(chromium).pdf(frozen, Settlement()), tmp_path / "read.pdf", "pdftotext")
    printed = {int(re.sub("[.,]", "", figure)) for figure in re.findall(r"\d[\d.,]*", text)}
    lines = {line.gross if frozen.prices_include_tax else line.net for line in frozen.lines}
    groups = {amount for group in frozen.taxes for amount in (group.base, group.tax)}
    assert {*amounts(frozen, 0), *lines, *groups} - printed == set()
    assert [said for said in (frozen.number, frozen.buyer.company, frozen.seller.tax_ids[0].value) if said not in text] == []


def amounts(frozen, paid):
    """What stands among the totals, from the top."""
    charged = any(group.tax for group in frozen.taxes)
    owed = [-paid, frozen.totals.gross - paid] if paid else []
    return [frozen.totals.net, *([frozen.totals.tax] if charged else []), frozen.totals.gross, *owed]


def shifted(price, currency):
    """A price without its point: with the currency's places, or as many more as it has."""
    places = max({"JPY": 0, "KWD": 3}.get(currency, 2), -int(price.normalize().as_tuple().exponent))
    return price.scaleb(places)
