"""A basket of documents as they leave the house: archivable, accessible, drawn completely, with codes that can be read."""

import subprocess
from io import BytesIO

import pikepdf
import pytest
import zxingcpp
from PIL import Image, ImageDraw
from pypdf import PdfReader

from adapter.domain.document import Bank, Branding, Mode, Settlement
from adapter.domain.order import Address
from adapter.domain.payment_code import PaymentScheme, payment_code
from adapter.infra.coverage import coverage_findings, installed_families, missing, shown
from adapter.infra.language import languages
from adapter.infra.logo import drawable_logo
from adapter.infra.pages import document_html
from adapter.infra.renderer import Renderer
from tests.infra.conftest import BUYER, SELLER, line

pytestmark = pytest.mark.asyncio(loop_scope="session")

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 60"><defs><linearGradient id="g"><stop offset="0" stop-color="#c33"/>'
    b'<stop offset="1" stop-color="#33c"/></linearGradient></defs><circle cx="30" cy="30" r="28" fill="#842" opacity="0.5"/>'
    b'<rect x="70" y="10" width="120" height="40" rx="8" fill="url(#g)"/></svg>'
)
SWISS = SELLER.model_copy(
    update={
        "address": Address(street="Seestrasse 12", postcode="8002", city="Zürich", country="CH"),
        "bank": Bank(iban="CH44 3199 9123 0008 8901 2", qr_reference_prefix="210000"),
    }
)
INDIAN = SELLER.model_copy(update={"bank": Bank(upi="lindenhof@examplebank")})
UNDRAWABLE = "\U000323b0"


def logo(kind):
    image = Image.new("RGBA", (400, 160), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((10, 10, 150, 150), fill=(200, 40, 40, 128))
    out = BytesIO()
    (image.convert("RGB") if kind == "JPEG" else image).save(out, kind)
    return drawable_logo(out.getvalue())


def rates():
    names = ("Mug", "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 3, "A name that goes on and on " * 9)
    return [line(n + 1, names[n % 3], 100_000_007 * (n + 1), [("VAT", f"0.{n + 1:02}")]) for n in range(10)]


def used_codes(pdf):
    """Each font of a PDF with the character codes that its pages draw."""
    found = []

    def read(stream, resources):
        fonts, font, codes = resources.get("/Font", {}), None, {}
        for operands, operator in pikepdf.parse_content_stream(stream):
            match str(operator):
                case "Tf":
                    font = str(operands[0])
                case "Tj" | "TJ":
                    strings = operands[0] if str(operator) == "TJ" else operands
                    drawn = b"".join(bytes(part) for part in strings if isinstance(part, pikepdf.String))
                    codes[font] = codes.get(font, b"") + drawn
                case "Do":
                    form = resources.XObject[str(operands[0])]
                    if form.Subtype == "/Form":
                        read(form, form.get("/Resources", resources))
        found.extend((fonts[name], drawn) for name, drawn in codes.items())

    with pikepdf.open(BytesIO(pdf)) as document:
        for page in document.pages:
            read(page, page.Resources)
        return [(str(font.Subtype), str(font.get("/BaseFont", "")), drawn) for font, drawn in found]


def boxes(pdf):
    """How often a PDF draws `.notdef`: glyph 0 of its composite fonts."""
    return sum(
        drawn[at : at + 2] == b"\0\0" for kind, _, drawn in used_codes(pdf) if kind == "/Type0" for at in range(0, len(drawn), 2)
    )  # fmt: skip


def codes_on(pdf, tmp_path):
    (tmp_path / "document.pdf").write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "150", "-png", str(tmp_path / "document.pdf"), str(tmp_path / "page")], check=True)
    found = []
    for path in sorted(tmp_path.glob("page-*.png")):
        with Image.open(path) as image:
            found += [code.text for code in zxingcpp.read_barcodes(image)]
    return found


CASES = {
    "one page with a SEPA code": ({}, None),
    "five pages": ({"lines": 110}, None),
    "ten rates, long names, large sums": ({"lines": rates()}, None),
    "Swiss bill": ({"lines": 3, "seller": SWISS, "currency": "CHF", "language": "de"}, None),
    "Swiss bill in test mode on Letter": (
        {"lines": 3, "seller": SWISS, "currency": "CHF", "language": "it", "mode": Mode.TEST, "branding": Branding(paper="Letter")}, None,
    ),
    "UPI": ({"lines": 3, "seller": INDIAN, "currency": "INR"}, None),
    "PNG logo, Noto Serif": ({"branding": Branding(font="Noto Serif", accent="#f5f5f5")}, "PNG"),
    "JPEG logo, Liberation Sans": ({"branding": Branding(font="Liberation Sans", accent="#c97b12")}, "JPEG"),
    "WebP logo, DejaVu Serif": ({"branding": Branding(font="DejaVu Serif")}, "WEBP"),
    "SVG logo, terms": ({"seller": SELLER.model_copy(update={"terms": "Goods remain ours until they are paid. " * 60})}, "SVG"),
    "credit note": ({"kind": "credit_note", "language": "fr"}, "SVG"),
    "what no font has": ({"notes": (f"a{UNDRAWABLE}b",)}, None),
    "Indian names": ({"notes": ("வுமன் நன்றி", "धन्यवाद क्षि", "ধন্যবাদ আভার ਧੰਨਵਾਦ ಧನ್ಯವಾದ നന്ദി ధన్యవాదాలు ස්තූතියි")}, None),
    **{f"in {tag}": ({"lines": 2, "language": tag, "mode": Mode.TEST}, "SVG") for tag in languages()},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_every_document_is_archivable_accessible_complete_and_the_same_again(chromium, make, validate, case):
    fields, kind = CASES[case]
    document, picture = make(**fields), kind and (drawable_logo(SVG) if kind == "SVG" else logo(kind))
    pdf = await Renderer(chromium).pdf(document, Settlement(paid=100), picture)
    assert validate(pdf) == []
    assert boxes(await chromium.pdf(document_html(document, Settlement(paid=100), picture))) == 0
    assert await Renderer(chromium).pdf(document, Settlement(paid=100), picture) == pdf


async def test_a_thousand_lines_are_archivable_and_accessible(chromium, make, validate):
    assert validate(await Renderer(chromium).pdf(make(1000), Settlement())) == []


@pytest.mark.parametrize(
    ("fields", "scheme"),
    [
        ({}, PaymentScheme.EPC),
        ({"language": "ar", "branding": Branding(paper="Letter")}, PaymentScheme.EPC),
        ({"seller": SWISS, "currency": "CHF", "language": "de"}, PaymentScheme.SWISS),
        ({"seller": SWISS, "currency": "EUR", "buyer": None, "branding": Branding(paper="Letter")}, PaymentScheme.SWISS),
        ({"seller": INDIAN, "currency": "INR"}, PaymentScheme.UPI),
    ],
)
async def test_the_drawn_code_says_what_was_decided_and_so_does_the_page(chromium, make, tmp_path, fields, scheme):
    document, settlement = make(2, **fields), Settlement(paid=1)
    wanted = payment_code(document, settlement)
    assert wanted.scheme is scheme
    pdf = await Renderer(chromium).pdf(document, settlement)
    found = codes_on(pdf, tmp_path)
    assert [text.replace("\r\n", "\n") for text in found] == [wanted.text.replace("\r\n", "\n")]
    words = "".join("".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages).split())
    bank = document.seller.bank
    assert (bank.iban or bank.upi).replace(" ", "") in words


async def test_the_payment_part_is_at_the_foot_of_its_own_a4_page(chromium, make):
    pdf = await Renderer(chromium).pdf(make(40, seller=SWISS, currency="CHF", branding=Branding(paper="Letter")), Settlement())
    *others, last = PdfReader(BytesIO(pdf)).pages
    assert [round(side / 72 * 25.4) for side in last.mediabox[2:]] == [210, 297]
    assert {round(page.mediabox[2] / 72 * 25.4) for page in others} == {216}
    heights = []
    last.extract_text(visitor_text=lambda text, cm, tm, *_: heights.append((text.strip(), cm[5] + tm[5] * cm[3])))
    at = {text: height / 72 * 25.4 for text, height in heights if text}
    assert 90 < at["Receipt"] < 100
    assert "Page 1 of" not in last.extract_text()


@pytest.mark.parametrize("seller", [SELLER, SWISS, INDIAN])
async def test_nothing_is_asked_for_on_what_is_paid(make, seller):
    currency = {SELLER: "EUR", SWISS: "CHF", INDIAN: "INR"}[seller]
    for paid in (make(2, seller=seller, currency=currency), make(2, seller=seller, currency=currency, kind="credit_note")):
        html = document_html(paid, Settlement(paid=10**9))
        assert "<img" not in html
        assert " QR" not in html


async def test_what_the_code_says_stands_beside_it_for_those_who_cannot_see_it(make):
    html = document_html(make(2), Settlement())
    assert 'alt="SEPA QR: Please pay €88.90 by Dec 4, 2026"' in html
    swiss = document_html(make(2, seller=SWISS, currency="CHF"), Settlement())
    assert "Reference: 21 00000 00000 00002 02600 01238" in swiss


async def test_the_chosen_typeface_is_the_one_in_the_file(chromium, make):
    installed = [family for family in ("Noto Serif", "Liberation Serif", "DejaVu Sans") if family in installed_families()]
    assert "Noto Serif" in installed
    for family in installed:
        pdf = await Renderer(chromium).pdf(make(2, branding=Branding(font=family)), Settlement())
        names = {name.partition("+")[2].split("-")[0] for _, name, _ in used_codes(pdf)}
        assert names == {family.replace(" ", "")}


async def test_characters_that_no_font_has_are_named_and_not_drawn_as_boxes(chromium, make):
    assert missing(f"Maya Okafor 茶 كوب 🍵 \u200d\ufe0f\u202e{UNDRAWABLE}") == [UNDRAWABLE]
    assert shown(f"茶{UNDRAWABLE}") == "茶[U+323B0]"
    document = make(1, buyer=BUYER.model_copy(update={"name": f"Ada {UNDRAWABLE} Example"}))
    text = PdfReader(BytesIO(await Renderer(chromium).pdf(document, Settlement()))).pages[0].extract_text()
    assert "Ada [U+323B0] Example" in text
    assert [(finding.severity.value, finding.code, finding.message) for finding in coverage_findings(document)] == [
        ("warning", "text_not_drawable",
         "no installed font has U+323B0: shown as code points in brackets; install a font that has them"),
    ]  # fmt: skip
    assert coverage_findings(make(1)) == []


async def test_marks_that_no_font_has_on_their_letter_are_named_and_not_drawn_as_boxes(chromium, make):
    assert shown("<p>\u0651</p> e\u0323\u0301 茶\u0302い 🎉\u0336 ✊🏽 1️⃣ வு") == (
        "<p>\u0651</p> e\u0323\u0301 茶[U+0302]い 🎉[U+0336] ✊🏽 1️⃣ வு"
    )
    document = make(1, notes=("茶\u0302い", "茶\u0336\u0302"))
    assert boxes(await chromium.pdf(document_html(document, Settlement()))) == 0
    assert [finding.message.partition(":")[0] for finding in coverage_findings(document)] == [
        "no installed font has U+8336 with U+0302, U+8336 with U+0336 with U+0302"
    ]


async def test_boxes_that_chromium_draws_all_the_same_are_left_out_and_still_read(chromium, make, validate):
    """It takes one font for the letter, although another has the mark on it as well."""
    document = make(1, notes=("he\u0650re a\u180fb",))
    assert boxes(await chromium.pdf(document_html(document, Settlement()))) == 2
    pdf = await Renderer(chromium).pdf(document, Settlement())
    assert boxes(pdf) == 0
    assert validate(pdf) == []
    assert b"FEFF00650650" in PdfReader(BytesIO(pdf)).pages[0].get_contents().get_data()


async def test_a_box_would_be_seen(chromium, make):
    """What the count of boxes is worth: without the code point in its place, the character is one."""
    html = document_html(make(1, notes=(f"a{UNDRAWABLE}b",)), Settlement())
    assert boxes(await chromium.pdf(html)) == 0
    assert boxes(await chromium.pdf(html.replace("[U+323B0]", UNDRAWABLE))) == 1
