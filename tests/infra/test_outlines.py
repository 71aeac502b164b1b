import re
import subprocess
from datetime import UTC, datetime
from io import BytesIO

import pikepdf
import pytest
from pypdf import PdfReader

from adapter.domain.document import DocumentParty, Seller, Settlement
from adapter.domain.order import Address
from adapter.infra import finisher
from adapter.infra.cff import cff_font, charstring
from adapter.infra.outlines import join_outlines, with_new_codes
from adapter.infra.pages import document_html

JAPANESE = {
    "language": "ja",
    "currency": "JPY",
    "seller": Seller(
        name="株式会社 青い器", address=Address(street="神宮前 1-2-3", city="渋谷区", region="東京都", postcode="150-0001", country="JP")
    ),
    "buyer": DocumentParty(name="山田 花子", company="山田商事株式会社", address=Address(street="梅田 2-4-9", city="大阪市", country="JP")),
    "notes": ("毎度ありがとうございます。🍵 またのご利用をお待ちしております。",),
}


def finished(printed):
    return finisher.finish(printed, title="請求書", language="ja", created=datetime(2026, 11, 20, tzinfo=UTC))


def fonts(pdf):
    with pikepdf.open(BytesIO(pdf)) as document:
        return sorted(str(font.Subtype)[1:] for font in document.pages[0].Resources.Font.values())


def picture(pdf, path):
    path.write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "200", "-gray", str(path), str(path.with_suffix(""))], check=True)
    return next(path.parent.glob(f"{path.stem}-*.pgm")).read_bytes()


@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_in_japanese_has_two_fonts_more_than_one_in_english_and_less_than_half_of_its_bytes(
    chromium, make, validate, tmp_path, monkeypatch
):
    printed = await chromium.pdf(document_html(make(10, **JAPANESE), Settlement()))
    assert fonts(printed).count("Type3") > 50
    joined = finished(printed)
    monkeypatch.setattr(finisher, "join_outlines", lambda document: None)
    apart = finished(printed)
    assert [font for font in fonts(joined) if font != "Type3"] == ["Type0"] * 4
    assert fonts(joined).count("Type3") == 1  # the cup of tea is a coloured picture
    assert len(joined) < 48_000
    assert len(joined) < len(apart) / 2
    assert validate(joined) == []
    text = [re.sub(r"\s", "", PdfReader(BytesIO(pdf)).pages[0].extract_text()) for pdf in (joined, apart)]
    assert "株式会社青い器" in text[0]
    assert "毎度ありがとうございます。🍵またのご利用をお待ちしております。" in text[0]
    assert text[0] == text[1]
    one, other = picture(joined, tmp_path / "joined.pdf"), picture(apart, tmp_path / "apart.pdf")
    assert len(one) == len(other)
    # The same shapes; what differs is how gently a reader draws their edges.
    assert sum(abs(a - b) > 128 for a, b in zip(one, other, strict=True)) < len(one) / 2000


def type_3(program=b"1000 0 0 0 800 700 d1\n0 0 m\n800 0 l\n800 -700 l\nh\nf\n", content=b"BT\n/F5 10 Tf\n1 0 0 -1 0 9 Tm\n<01> Tj\nET"):
    document = pikepdf.new()
    document.add_blank_page()
    cmap = b"1 begincodespacerange\n<00> <FF>\nendcodespacerange\n1 beginbfchar\n<01> <9752>\nendbfchar\n"
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type3, FontMatrix=[0.001, 0, 0, -0.001, 0, 0],
        FontDescriptor=pikepdf.Dictionary(FontName=pikepdf.Name("/AAAAAA+Own")), ToUnicode=document.make_stream(cmap),
        Encoding=pikepdf.Dictionary(Differences=[0, pikepdf.Name("/g0"), pikepdf.Name("/g7")]),
        CharProcs=pikepdf.Dictionary({"/g0": document.make_stream(b"9 0 0 0 9 9 d1\nf\n"), "/g7": document.make_stream(program)}),
    )  # fmt: skip
    page = document.pages[0].obj
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary({"/F5": document.make_indirect(font)}))
    page.Contents = document.make_stream(content)
    return document


def test_a_glyph_keeps_its_outline_its_width_and_its_character():
    document = type_3()
    join_outlines(document)
    page = document.pages[0]
    font = page.Resources.Font["/F5"]
    assert font.BaseFont == "/AAAAAA+Own-Identity-H"
    assert page.Contents.read_bytes().split(b"\n")[3] == b"<0001> Tj"
    assert b"<0001> <9752>" in font.ToUnicode.read_bytes()
    described = font.DescendantFonts[0]
    assert list(described.FontDescriptor.FontBBox) == [0, -700, 800, 0]
    triangle = charstring(1000, [("rmoveto", (0, 0)), ("rlineto", (800, 0)), ("rlineto", (0, 700)), ("rlineto", (-800, -700))])
    assert described.FontDescriptor.FontFile3.read_bytes() == cff_font("AAAAAA+Own", (0, -700, 800, 0), [charstring(1000, []), triangle])


@pytest.mark.parametrize(
    ("program", "content"),
    [
        (b"1000 0 0 0 800 700 d1\n0 0 800 700 re\nf\n", b"BT\n/F5 10 Tf\n<01> Tj\nET"),
        (b"1000 0 0 0 800 700 d1\n0 0 m\n9 9 l\nh\nS\n", b"BT\n/F5 10 Tf\n<01> Tj\nET"),
        (b"1000 0 0 0 800 700 d1\n0 0 m\n99999 9 l\nh\nf\n", b"BT\n/F5 10 Tf\n<01> Tj\nET"),
        (b"1000 0 d0\n/X1 Do\n", b"BT\n/F5 10 Tf\n<01> Tj\nET"),
        (b"1000 0 0 0 800 700 d1\n0 0 m\n9 9 l\nh\nf\n", b"BT\n/F5 10 Tf\n[<01> 3 <01>] TJ\nET"),
        (b"1000 0 0 0 800 700 d1\n0 0 m\n9 9 l\nh\nf\n", b"BT\n/F5 10 Tf\n<02> Tj\nET"),
    ],
)
def test_what_is_written_in_another_way_stays_as_it_is(program, content):
    document = type_3(program, content)
    join_outlines(document)
    assert document.pages[0].Resources.Font["/F5"].Subtype == "/Type3"
    assert document.pages[0].Contents.read_bytes() == content


def test_a_font_is_chosen_once():
    fonts = {b"F5": ("F5", {1: 1}), b"F6": ("F5", {1: 2})}
    content = b"BT\n/F5 10 Tf\n<01> Tj\n/F6 10 Tf\n10 0 Td <0101> Tj\n/F4 10 Tf\n<0041> Tj\nET\nBT\n/F6 10 Tf\n<01> Tj\nET"
    assert with_new_codes(content, fonts) == (
        b"BT\n/F5 10 Tf\n<0001> Tj\n10 0 Td <00020002> Tj\n/F4 10 Tf\n<0041> Tj\nET\nBT\n/F5 10 Tf\n<0002> Tj\nET"
    )


@pytest.mark.parametrize(
    ("width", "drawn", "expected"),
    [
        (1000, [], "0e"),
        (500, [], "f8880e"),
        (1000, [("rmoveto", (0, -107)), ("rlineto", (108, -1131)), ("rlineto", (1132, 1))], "8b2015f700feff1c046c8c050e"),
        (1000, [("rrcurveto", (1, 2, 3, 4, 5, 6))] * 9, "8c8d8e8f9091" * 8 + "08" + "8c8d8e8f9091" + "080e"),
    ],
)
def test_charstrings_are_those_of_the_note(width, drawn, expected):
    """Adobe Technical Note 5177, 3.2: how numbers are written; 3.1: at most 48 operands before an operator."""
    assert charstring(width, drawn).hex() == expected
