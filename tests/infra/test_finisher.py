import struct
import subprocess
from datetime import UTC, date, datetime
from io import BytesIO

import pikepdf
import pytest
from pypdf import PdfReader

from adapter.domain.document import Branding, DocumentParty, Original, Seller, Settlement
from adapter.domain.order import Address, TaxId
from adapter.errors import GiveUp
from adapter.infra.browser import find_chromium
from adapter.infra.chromium import Chromium
from adapter.infra.finisher import Attached, finish
from adapter.infra.glyphs import usual, with_joined_strings, with_usual_characters, without_boxes
from adapter.infra.pages import document_html
from adapter.infra.renderer import Renderer
from adapter.infra.structure import with_artifacts
from adapter.infra.typeface import without_hints
from tests.house import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREATED = datetime(2026, 11, 20, tzinfo=UTC)
WORLD = {
    "seller": Seller(
        name="株式会社 青い器",
        address=Address(street="神宮前 1-2-3", city="渋谷区", region="東京都", postcode="150-0001", country="JP"),
        tax_ids=(TaxId(kind="unknown", value="T1234567890123"),),
    ),
    "buyer": DocumentParty(name="محمد العربي", address=Address(street="شارع الملك فهد ١٢", city="الرياض", country="SA")),
}


def pages(pdf):
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def picture(pdf, tmp_path, name):
    source = tmp_path / f"{name}.pdf"
    source.write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "50", str(source), str(tmp_path / name)], check=True)
    return [path.read_bytes() for path in sorted(tmp_path.glob(f"{name}-*.ppm"))]


CASES = {
    "ten lines": {},
    "120 lines": {"lines": 120},
    "test mode on Letter": {"lines": 40, "mode": "test", "branding": Branding(paper="Letter", accent="#ffd23f")},
    "German": {"language": "de", "lines": 4},
    "credit note": {
        "lines": 2, "kind": "credit_note", "reason": "Arrived broken", "mentions": ("Reverse charge",),
        "original": Original(number="INV-2026-000100", issue_date=date(2026, 10, 1), sha256="0" * 64),
    },
    "the world": {**WORLD, "lines": 3, "language": "ja", "notes": ("Mug 🍵 👩‍🎨 ₿ ₴ 你好 안녕하세요 שלום ไทย हिन्दी e\u0301 \u202eevil",)},
    "right to left": {**WORLD, "lines": 3, "language": "ar", "currency": "SAR"},
    "right to left and English": {**WORLD, "lines": 3, "language": "ar", "second_language": "en", "currency": "AED"},
    "Polish": {"lines": 2, "language": "pl", "currency": "PLN"},
    "Greek and German": {"lines": 2, "language": "el", "second_language": "de"},
    "Hungarian": {"lines": 2, "language": "hu", "currency": "HUF"},
    "Chinese": {**WORLD, "lines": 2, "language": "zh-CN", "currency": "CNY"},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_every_document_is_pdf_a_and_accessible(chromium, make, validate, case):
    pdf = await Renderer(chromium).pdf(make(**CASES[case]), Settlement(paid=500))
    assert validate(pdf) == []


async def test_what_chromium_prints_is_neither(chromium, make, validate):
    assert validate(await chromium.pdf(document_html(make(), Settlement()))) != []


async def test_ten_lines_fit_on_a_page_and_in_23_kilobytes(chromium, make):
    plain = make(10, seller=make(1).seller.model_copy(update={"bank": None}))
    pdf = await Renderer(chromium).pdf(plain, Settlement())
    assert len(pages(pdf)) == 1
    assert len(pdf) < 23_000


async def test_long_documents_repeat_their_headings_and_tear_no_row(chromium, make):
    found = pages(await Renderer(chromium).pdf(make(110), Settlement()))
    assert len(found) == 5
    for number, content in enumerate(found, 1):
        assert f"Page {number} of 5" in content
        assert "INV-2026-000123" in content
        assert "Description" in content
        assert content.count("Serving bowl with lid") == content.count("Discount AUTUMN5")
    assert "Total excl. tax" in found[-1]
    assert "Tax breakdown" in found[-1]


async def test_the_same_document_has_the_same_bytes(chromium, make):
    renderer, document = Renderer(chromium), make(7, mode="test")
    first = await renderer.pdf(document, Settlement())
    await renderer.pdf(make(30), Settlement())
    await renderer.pdf(make(3, **WORLD), Settlement())
    assert await renderer.pdf(document, Settlement()) == first
    fresh = Chromium(find_chromium(), timeout=PATIENCE)
    try:
        assert await Renderer(fresh).pdf(document, Settlement()) == first
    finally:
        await fresh.close()
    assert await renderer.pdf(document, Settlement(paid=100)) != first


async def test_finishing_changes_neither_words_nor_looks(chromium, make, tmp_path):
    printed = await chromium.pdf(document_html(make(40, mode="test"), Settlement()))
    finished = finish(printed, title="Invoice", language="en", created=CREATED)
    assert pages(finished) == pages(printed)
    before, after = picture(printed, tmp_path, "printed"), picture(finished, tmp_path, "finished")
    assert len(before) == len(after) == 3
    for one, other in zip(before, after, strict=True):
        # Glyphs that are joined to a string may be rounded to another hundredth of a pixel.
        different = sum(a != b for a, b in zip(one, other, strict=True))
        assert different < len(one) / 1000
    assert len(finished) < len(printed) / 3


async def test_what_is_drawn_can_be_read_again(chromium, make):
    names = ("茶碗「青海波」", "كوب", "Ünïcode “quoted” & <b>bold</b>", "안녕하세요", "Ελληνικά", "Кириллица", "🍵", "₿ ₴ €")
    content = "\n".join(pages(await Renderer(chromium).pdf(make(2, notes=names), Settlement())))
    for name in names:
        assert name in content
    assert "\x00" not in content


async def test_the_file_says_what_it_is(chromium, make):
    reader = PdfReader(BytesIO(await Renderer(chromium).pdf(make(language="de-AT"), Settlement())))
    assert reader.metadata.title == "Rechnung INV-2026-000123"
    assert reader.metadata.creator == "Storefront Adapter"
    assert reader.metadata.creation_date == datetime(2026, 11, 20, tzinfo=UTC)
    assert reader.root_object["/Lang"] == "de-AT"
    assert reader.xmp_metadata.dc_title == {"x-default": "Rechnung INV-2026-000123"}
    assert [item.title for item in reader.outline if not isinstance(item, list)] == ["Rechnung INV-2026-000123"]


async def test_attached_files_come_back_as_they_were(chromium, make, validate):
    printed = await chromium.pdf(document_html(make(2), Settlement()))
    xml = "<Invoice>ä</Invoice>".encode()
    files = [
        Attached("terms.txt", "text/plain", "Supplement", "Terms", b"none"),
        Attached("factur-x.xml", "text/xml", "Alternative", "Factur-X", xml),
    ]
    pdf = finish(printed, title="Invoice", language="en", created=CREATED, attachments=files)
    assert validate(pdf) == []
    reader = PdfReader(BytesIO(pdf))
    assert {name: content[0] for name, content in reader.attachments.items()} == {"factur-x.xml": xml, "terms.txt": b"none"}
    assert [entry.get_object()["/AFRelationship"] for entry in reader.root_object["/AF"]] == ["/Alternative", "/Supplement"]


async def test_links_are_described(chromium, validate):
    printed = await chromium.pdf(
        '<!DOCTYPE html><html lang=en><title>t</title><style>html{font-family:"Noto Sans"}</style><h1>Hi</h1>'
        '<p>See <a href="https://shop.example/terms">our terms</a></p>'
    )
    pdf = finish(printed, title="t", language="en", created=CREATED)
    with pikepdf.open(BytesIO(pdf)) as document:
        assert str(document.pages[0].Annots[0].Contents) == "https://shop.example/terms"
    assert validate(pdf) == []


async def test_tags_are_few_and_carry_no_numbers_of_the_browser(chromium, make):
    finished = finish(await chromium.pdf(document_html(make(3), Settlement())), title="t", language="en", created=CREATED)
    with pikepdf.open(BytesIO(finished)) as document:
        elements = [item for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/P" in item and "/S" in item]
        kinds = [str(item.S) for item in elements]
        assert kinds.count("/TR") == 1 + 3 + 1 + 1 + 3
        assert {str(item.P.S) for item in elements if item.S == "/NonStruct"} <= {"/Document", "/NonStruct"}
        assert "/IDTree" not in document.Root.StructTreeRoot
        assert not any("/ID" in item for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/S" in item)


async def test_what_is_no_tagged_pdf_is_refused():
    blank = BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        document.save(blank)
    with pytest.raises(GiveUp, match="has no tags"):
        finish(blank.getvalue(), title="t", language="en", created=CREATED)
    with pytest.raises(GiveUp, match="is no PDF"):
        finish(b"<html>", title="t", language="en", created=CREATED)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("q\nBT\n/F4 9 Tf\n<0033> Tj\nET\nQ", "q\n/Artifact BMC\nBT\n/F4 9 Tf\n<0033> Tj\nET\nEMC\nQ"),
        ("/P <</MCID 0 >>BDC\nBT\n<01> Tj\nET\nEMC", "/P <</MCID 0 >>BDC\nBT\n<01> Tj\nET\nEMC"),
        ("0 0 9 9 re\nW* n\n1 1 2 2 re\nf", "0 0 9 9 re\nW* n\n/Artifact BMC\n1 1 2 2 re\nf\nEMC"),
        ("0 0 m\n9 9 l\nh\nS\n/X5 Do", "/Artifact BMC\n0 0 m\n9 9 l\nh\nS\nEMC\n/Artifact BMC\n/X5 Do\nEMC"),
        ("/P <</MCID 0 >>BDC\n/Span BMC\nEMC\n0 0 1 1 re\nf\nEMC", "/P <</MCID 0 >>BDC\n/Span BMC\nEMC\n0 0 1 1 re\nf\nEMC"),
    ],
)
async def test_what_is_painted_outside_of_the_tags_is_decoration(content, expected):
    assert with_artifacts(content.encode()).decode() == expected


async def test_glyphs_that_follow_each_other_become_one_string():
    content = "BT\n/F4 10 Tf\n1 0 0 -1 9 9 Tm\n<0001> Tj\n5 0 Td <0002> Tj\n6 0 Td <00030001> Tj\n20.5 0 Td <0001> Tj\n5 0 Td <0002> Tj\nET"
    assert with_joined_strings(content.encode(), {b"F4": (1000, {1: 500, 2: 600})}).decode() == (
        "BT\n/F4 10 Tf\n1 0 0 -1 9 9 Tm\n<0001000200030001> Tj\n31.5 0 Td <00010002> Tj\nET"
    )
    assert with_joined_strings(content.encode(), {}).decode() == content


async def test_glyphs_of_another_font_stay_where_they_were():
    """What a joined string leaves out of a move is made up for by the next one, in whatever font, and is forgotten with a new matrix."""
    fonts = {b"F4": (1000, {1: 500})}
    joined = "BT\n/F4 10 Tf\n1 0 0 -1 0 9 Tm\n<0001> Tj\n5 0 Td <0001> Tj\n"
    assert with_joined_strings(f"{joined}/F7 10 Tf\n5 0 Td <B1> Tj\nET".encode(), fonts).decode() == (
        "BT\n/F4 10 Tf\n1 0 0 -1 0 9 Tm\n<00010001> Tj\n/F7 10 Tf\n10 0 Td <B1> Tj\nET"
    )
    assert with_joined_strings(f"{joined}ET\nBT\n1 0 0 -1 0 19 Tm\n27 0 Td <0001> Tj\nET".encode(), fonts).decode() == (
        "BT\n/F4 10 Tf\n1 0 0 -1 0 9 Tm\n<00010001> Tj\nET\nBT\n1 0 0 -1 0 19 Tm\n27 0 Td <0001> Tj\nET"
    )


async def test_a_box_becomes_the_room_that_it_took():
    fonts = {b"F4": (1000, {0: 600, 1: 500})}
    assert without_boxes(b"/F4 9 Tf\n<00010000000100010000> Tj\n5 0 Td <0000> Tj\n5 1 Td <0001> Tj\n/F7 9 Tf\n<0000> Tj", fonts) == (
        b"/F4 9 Tf\n[<0001> -600 <00010001> -600] TJ\n5 0 Td [-600] TJ\n5 1 Td <0001> Tj\n/F7 9 Tf\n<0000> Tj"
    )


async def test_look_alikes_are_read_as_what_people_type():
    assert usual("⻘海⽊ ﻌ ﻻ 豈 Å ½ ① A\0") == "青海木 ع لا 豈 Å ½ ① A\ufffd"
    cmap = b"begin\n1 beginbfchar\n<0003> <2ED8>\nendbfchar\n1 beginbfrange\n<0005> <0006> <0041>\nendbfrange\nend\n"
    assert with_usual_characters(cmap) == b"begin\n3 beginbfchar\n<0003> <9752>\n<0005> <0041>\n<0006> <0042>\nendbfchar\nend\n"
    unchanged = cmap.replace(b"2ED8", b"9752")
    assert with_usual_characters(unchanged) == unchanged
    emoji = b"begin\n1 beginbfrange\n<05> <06> <D83CDFFF>\nendbfrange\nend\n"
    assert with_usual_characters(emoji) == b"begin\n2 beginbfchar\n<05> <D83CDFFF>\n<06> <D83DDC00>\nendbfchar\nend\n"


async def test_fonts_keep_their_outlines_and_lose_their_hints(chromium, make):
    printed = await chromium.pdf(document_html(make(2), Settlement()))
    with pikepdf.open(BytesIO(printed)) as document:
        fonts = [item.FontFile2.read_bytes() for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/FontFile2" in item]
    assert len(fonts) == 2
    for font in fonts:
        slim = without_hints(font)
        assert len(slim) < len(font)
        assert sorted(slim[12 + 16 * index : 16 + 16 * index] for index in range(6)) == [
            b"glyf",
            b"head",
            b"hhea",
            b"hmtx",
            b"loca",
            b"maxp",
        ]
        padded = slim + bytes(-len(slim) % 4)
        assert sum(struct.unpack(f">{len(padded) // 4}L", padded)) & 0xFFFFFFFF == 0xB1B0AFBA
        assert without_hints(slim) == slim
    with pytest.raises((struct.error, KeyError)):
        without_hints(fonts[0][:200])


async def test_a_thousand_lines_are_printed(chromium, make):
    found = pages(await Renderer(chromium).pdf(make(1000), Settlement()))
    assert "1000" in found[-1] or "1000" in found[-2]
    assert sum(content.count("Linen tea towel") for content in found) == 200
    assert 30 < len(found) < 60
