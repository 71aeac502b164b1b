import re
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.clearance import ClearanceMark
from adapter.domain.document import (
    Branding,
    Document,
    DocumentKind,
    DocumentParty,
    LineTax,
    NationalTax,
    OrderReference,
    Original,
    Settlement,
    TaxCategory,
    TaxGroup,
)
from adapter.domain.order import Address
from adapter.domain.phrases import Phrase, say
from adapter.errors import GiveUp, Misconfigured
from adapter.infra.language import language, languages
from adapter.infra.layout import colours, css_text, fonts
from adapter.infra.pages import check_template, document_html, document_title, mail_parts
from adapter.infra.postal import address_lines


def words(html):
    """What a reader sees, one line per element that starts one."""
    body = re.sub(r"<(?:p|tr|h1|h2|table|section|div)\b", "\n\\g<0>", html.partition("<body")[2])
    lines = (" ".join(re.sub(r"<[^>]*>", " ", line.partition("\n")[0]).split()) for line in re.sub(r"(?<!>)\n", " ", body).split("\n"))
    return [unescape(line).lstrip(">").strip() for line in lines if line]


def text(html):
    return "\n".join(line for line in words(html) if line)


def test_the_page_says_everything_that_an_invoice_must(make):
    shown = text(document_html(make(3), Settlement()))
    for expected in (
        "Invoice INV-2026-000123", "Issue date Nov 20, 2026", "Date of supply Nov 19, 2026", "Due date Dec 4, 2026", "Order 1001",
        "Okafor & Daughters Ltd", "Maya Okafor", "VAT no. GB999999973", "Lindenhof Keramik GmbH", "10969 Berlin", "VAT ID DE123456789",
        "Customer no. C-20417", "Dinner plate, speckled white, 27 cm PLT-SPK-27", "Discount AUTUMN5 -€5.00",
        "Please pay €259.40 by Dec 4, 2026", "IBAN DE02 1203 0000 0000 2020 51", "Reference INV-2026-000123", "Order #1001",
    ):  # fmt: skip
        assert expected in shown
    assert "TEST" not in shown


def test_amounts_stand_in_totals_and_breakdown(make):
    shown = text(document_html(make(3), Settlement()))
    assert "Total excl. tax €217.98" in shown
    assert "VAT 19% €41.42" in shown
    assert re.search(r"VAT 19%\s+€217\.98 €41\.42", shown)
    assert "Total €259.40" in shown


@pytest.mark.parametrize(
    ("paid", "expected", "absent"),
    [
        (0, ["Please pay €259.40 by Dec 4, 2026", "Due date Dec 4, 2026", "IBAN"], ["Amount due", "Paid"]),
        (10000, ["Paid -€100.00", "Amount due €159.40", "Please pay €159.40 by Dec 4, 2026"], ["Paid in full"]),
        (25940, ["Paid in full, thank you", "Nov 18, 2026 by Visa"], ["Please pay", "IBAN", "Due date", "Amount due"]),
    ],
)
def test_the_state_of_the_payment_is_said(make, paid, expected, absent):
    shown = text(document_html(make(3), Settlement(paid=paid, method="Visa", paid_on=date(2026, 11, 18))))
    assert [part for part in expected if part not in shown] == []
    assert [part for part in absent if part in shown] == []


def test_a_credit_note_names_its_invoice_and_stays_positive(make):
    note = make(
        2, kind="credit_note", number="CN-7", due_date=None, reason="Arrived broken",
        original=Original(number="INV-1", issue_date=date(2026, 10, 1), sha256="0" * 64),
    )  # fmt: skip
    shown = text(document_html(note, Settlement()))
    assert document_title(note) == "Credit note CN-7"
    for expected in ("Credit note CN-7", "Corrects invoice INV-1 (Oct 1, 2026)", "Total credited €88.90", "Reason: Arrived broken"):
        assert expected in shown
    assert "We credit you €88.90" in shown
    assert "-€" not in shown
    assert "Please pay" not in shown
    assert "Refunded: €88.90" in text(document_html(note, Settlement(paid=8890)))


def test_in_german_everything_is_german(make):
    shown = text(document_html(make(3, language="de"), Settlement()))
    for expected in ("Rechnung INV-2026-000123", "Datum 20.11.2026", "Deutschland", "Bitte zahlen Sie 259,40 € bis zum 04.12.2026"):
        assert expected in shown
    assert not re.search(r"\b(Invoice|Bill to|Amount|Total|Quantity)\b", shown)


@pytest.mark.parametrize("tag", languages())
def test_in_every_language_the_page_and_the_mails_say_nothing_in_english(make, tag):
    """Every English message that the language says otherwise is absent, in documents and mails of every kind."""
    original = Original(number="4711", issue_date=date(2026, 10, 1), sha256="0" * 64)
    invoice = make(3, language=tag, mode="test", buyer=make(1).buyer.model_copy(update={"name": "Б", "company": None}))
    note = invoice.model_copy(update={"kind": DocumentKind.CREDIT_NOTE, "original": original, "reason": "Я"})
    shown = [text(document_html(each, Settlement(paid=paid))) for each in (invoice, note) for paid in (0, 5000, 25940)]
    for kind, each in (("invoice", invoice), ("credit_note", note), ("reminder", invoice)):
        for paid in (0, 25940):
            parts = mail(each, kind, paid=paid)
            assert parts.subject
            assert "%(" not in parts.subject + parts.text + parts.html
            shown += [parts.subject, parts.text]
    said = "\n".join(shown)
    assert "%(" not in said
    if tag != "en":
        english = (
            "Invoice",
            "Credit note",
            "Bill to",
            "Issue date",
            "Taxable amount",
            "Amount due",
            "Hello",
            "Order #",
            "attached",
            "Please",
        )
        assert [words for words in english if re.search(rf"\b{words}", said)] == []


def test_the_note_that_names_the_order_is_printed_in_the_language_of_the_document(make):
    shown = text(document_html(make(1, language="de", notes=("Order #1001", "Order #7")), Settlement()))
    assert "Bestellung #1001" in shown
    assert "Order #7" in shown


@pytest.mark.parametrize("tag", languages())
@pytest.mark.parametrize("phrase", [Phrase.IN_ADDITION, Phrase.ALSO_CONCERNS])
def test_a_note_that_names_another_invoice_dates_it_as_the_language_does(make, tag, phrase):
    spoken = language(tag)
    note = say(phrase, spoken.translate, number="INV-7", date="2026-10-01")
    shown = text(document_html(make(1, language=tag, notes=(note, "Thanks 2026-10-01")), Settlement()))
    expected = say(phrase, spoken.translate, number=spoken.isolated("INV-7"), date=spoken.isolated(spoken.day(date(2026, 10, 1))))
    assert expected in shown
    assert shown.count("2026-10-01") == (2 if spoken.day(date(2026, 10, 1)) == "2026-10-01" else 1)


def test_a_note_like_ours_with_a_date_that_does_not_exist_stays_as_it_is(make):
    note = "In addition to invoice 7 of 2026-02-30"
    assert note in text(document_html(make(1, notes=(note,)), Settlement()))


def test_a_second_language_says_the_headings_as_well(make):
    html = document_html(make(3, language="de", second_language="fr-CH"), Settlement())
    shown = text(html)
    for expected in (
        "Rechnung / Facture INV-2026-000123", "Datum / Date d’émission 20.11.2026", "Rechnungsempfänger / Facturé à",
        "Beschreibung / Désignation", "Gesamtbetrag / Total TTC 259,40 €", "Verwendungszweck / Référence",
    ):  # fmt: skip
        assert expected in shown
    assert '<bdi lang="fr-CH" dir="ltr">Facture</bdi>' in html
    assert "Bitte zahlen Sie 259,40 € bis zum 04.12.2026" in shown
    assert (
        "/" not in text(document_html(make(1, language="de", second_language="de-AT", orders=()), Settlement())).partition("Rechnung ")[2]
    )
    assert '<bdi lang="ar" dir="rtl">فاتورة</bdi>' in document_html(make(1, second_language="ar"), Settlement())


def test_what_stands_among_arabic_words_keeps_its_direction(make):
    number = "2026-0001"
    document = make(1, language="ar", number=number, original=Original(number="7-1", issue_date=date(2026, 10, 1), sha256="0" * 64))
    parts = mail(document, "credit_note")
    assert parts.subject == "إشعار دائن للطلب \u2066#\u20681001\u2069\u2069"
    assert f"\u2068{number}\u2069" in parts.text
    assert "\u20687-1\u2069" in parts.text
    assert "\u2068Maya Okafor\u2069" in parts.text
    assert re.search(r'<table (?=[^>]*lang="ar")(?=[^>]*dir="rtl")', parts.html)  # mail programs drop what html and body say
    html = document_html(document, Settlement())
    assert f'<span class="number" dir="ltr">{number}</span>' in html
    assert "<bdi>\u20687-1\u2069 (" in html
    assert "\u2068Lindenhof Keramik GmbH\u2069 · \u2068Lindenstraße 12\u2069" in html
    assert "\u2068" not in document_html(make(1, language="de"), Settlement())


@pytest.mark.parametrize(
    ("country", "tag", "title"),
    [("AU", "en", "Tax invoice"), ("AU", "de", "Rechnung (Tax invoice)"), ("AE", "ar", "فاتورة ضريبية"), ("DE", "ja", "請求書")],
)
def test_the_title_is_what_the_seller_s_law_calls_it(make, country, tag, title):
    seller = make(1).seller.model_copy(update={"address": Address(city="X", country=country)})
    assert document_title(make(1, seller=seller, language=tag)) == f"{title} INV-2026-000123"


def test_what_somebody_typed_is_text_and_nothing_else(make):
    evil = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7 * 7 }}"
    party = DocumentParty(name=evil, company=evil, address=Address(street=evil, city=evil, country="DE"), email=evil)
    document = make(
        [make(1).lines[0].model_copy(update={"name": evil, "sku": evil, "description": evil, "discount_name": evil, "discount": 1})],
        buyer=party, ship_to=party.model_copy(update={"name": "x" + evil}), number=evil, notes=(evil,), mentions=(evil,), reason=evil,
        seller=make(1).seller.model_copy(update={"name": evil, "footer": evil, "registration": evil}),
    )  # fmt: skip
    html = document_html(document, Settlement(paid=1, method=evil))
    assert html.count("<script") == 0
    assert html.count("<img") == html.count('<img src="data:image/svg+xml;base64,') == 1
    assert html.count("</style>") == html.count("</title>") == 1
    assert "49049" not in html
    assert evil in text(html)


EVIL = "a\x00\x07\x7f\ue000\ufeff\u202e\u2067\u2069\u2069z"


FREE = {
    "name", "company", "street", "city", "email", "phone", "website", "footer", "terms", "registration", "holder", "sku", "description",
    "discount_name", "exemption", "reason", "source", "number", "customer_id", "value",
}  # fmt: skip


def evil(value):
    """A document's fields with a text of that kind in every one that somebody writes freely."""
    if isinstance(value, dict):
        return {key: EVIL if key in FREE and isinstance(part, str) else evil(part) for key, part in value.items()}
    return [EVIL if part == "free" else evil(part) for part in value] if isinstance(value, list | tuple) else value


def test_undrawable_characters_reach_neither_page_nor_mail_from_any_field(make):
    assert "line one\nline two" in document_html(make(1, notes=("line one\nline two",)), Settlement())
    filled = make(
        3, notes=("free",), mentions=("free",), reason="x", original=Original(number="1", issue_date=date(2026, 10, 1), sha256="0" * 64),
        national_tax=NationalTax(currency="PLN", tax=1, rate=Decimal(4), source="x", rate_date=date(2026, 10, 1)),
        seller=make(1).seller.model_copy(update={"footer": "x", "terms": "x"}),
    )  # fmt: skip
    document = Document.model_validate(evil(filled.model_dump()))
    settlement = Settlement(paid=1, method=EVIL, clearance=ClearanceMark(state="cleared", id=EVIL))
    parts = mail_parts("reminder", document=document, settlement=settlement, seller=document.seller, language="en", brand=document.branding)
    for shown in (document_html(document, settlement), document_title(document), parts.subject, parts.text, parts.html):
        assert "a\u2067\u2069z" in shown
        assert re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\ue000\ufeff\u202e]", shown) == []
        assert "\u2069\u2069" not in shown


def test_the_policy_is_the_first_thing_in_the_head(make):
    html = document_html(make(1), Settlement())
    assert html.partition("<head>")[2].strip().startswith('<meta http-equiv="Content-Security-Policy" content="default-src')
    assert "http:" not in html
    assert "https:" not in html


def test_the_recipient_is_shown_only_when_it_is_not_the_buyer(make):
    buyer = make(1).buyer
    assert "Ship to" not in text(document_html(make(1, ship_to=buyer), Settlement()))
    assert "Ship to" not in text(document_html(make(1, ship_to=buyer.model_copy(update={"phone": "1"})), Settlement()))
    assert "Ship to" in text(document_html(make(1, ship_to=buyer.model_copy(update={"name": "Sam"})), Settlement()))
    assert "Bill to" not in text(document_html(make(1, buyer=None), Settlement()))


def test_several_taxes_on_a_line_are_named(make):
    first = make(1).lines[0]
    rates = (("CA State Tax", "0.06", 149), ("LA County Tax", "0.0025", 6))
    taxes = tuple(LineTax(category=TaxCategory.STANDARD, name=name, rate=Decimal(rate), amount=amount) for name, rate, amount in rates)
    line = first.model_copy(update={"taxes": taxes, "net": 2490, "tax": 155, "gross": 2645})
    document = make([line], prices_include_tax=False, currency="USD", branding=Branding(paper="Letter"))
    html = document_html(document, Settlement())
    assert "size: Letter;" in html
    shown = text(html)
    assert "CA State Tax 6%" in shown
    assert "LA County Tax 0.25%" in shown
    assert "excl. tax" in shown


def test_an_exemption_is_explained_once(make):
    group = TaxGroup(category=TaxCategory.REVERSE_CHARGE, name="VAT", rate=Decimal(0), base=0, tax=0, exemption="Art. 196")
    document = make(1, mentions=("Art. 196",))
    with_another = text(document_html(document.model_copy(update={"taxes": (*document.taxes, group)}), Settlement()))
    assert re.search(r"^Art\. 196 €0\.00 €0\.00$", with_another, re.MULTILINE)
    alone = make([make(1).lines[0].model_copy(update={"taxes": (), "net": 2490, "tax": 0, "gross": 2490})], mentions=("Art. 196",))
    alone = alone.model_copy(update={"taxes": (group.model_copy(update={"base": 2490}),)})
    shown = text(document_html(alone, Settlement()))
    assert shown.count("Art. 196") == 1
    assert "incl. tax" not in shown
    assert "Art. 196" in text(document_html(alone.model_copy(update={"mentions": ()}), Settlement()))


def test_test_documents_wear_a_watermark(make):
    assert '<div class="watermark" aria-hidden="true"><span>TEST</span></div>' in document_html(make(1, mode="test"), Settlement())


def test_the_logo_is_a_picture_that_was_made_safe(make):
    png = b"\x89PNG\r\n\x1a\n..."
    assert 'src="data:image/png;base64,iVBORw0KGgouLi4=" alt="Lindenhof Keramik GmbH"' in document_html(make(1), Settlement(), png)
    with pytest.raises(GiveUp, match="not a PNG, JPEG, GIF, WebP or SVG"):
        document_html(make(1), Settlement(), b"<svg onload='alert(1)'/>")


def test_right_to_left_documents_are_turned_around(make):
    html = document_html(make(1, language="ar"), Settlement())
    assert '<html lang="ar" dir="rtl">' in html
    assert re.search(r"@bottom-left \{ content: [^;]*counter\(page\)", html)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (Address(street="1 Main St", city="Springfield", region="Illinois", region_code="IL", postcode="62701", country="US"),
         ["1 Main St", "Springfield, IL 62701", "United States"]),
        (Address(street="Lindenstr. 1", city="Berlin", region="Berlin", postcode="10969", country="DE"),
         ["Lindenstr. 1", "10969 Berlin", "Germany"]),
        (Address(street="神宮前 1-2-3", city="渋谷区", region="東京都", postcode="150-0001", country="JP"),
         ["〒150-0001", "東京都渋谷区", "神宮前 1-2-3", "Japan"]),
        (Address(street="1-2-3 Jingumae", city="Shibuya-ku", region="Tokyo", postcode="150-0001", country="JP"),
         ["1-2-3 Jingumae", "Shibuya-ku, Tokyo 150-0001", "Japan"]),
        (Address(street="12 Rose St", city="Springfield", postcode="62701", country="US"),
         ["12 Rose St", "Springfield 62701", "United States"]),
        (Address(street="Via Roma 1", city="MILANO", region="Milano", region_code="MI", postcode="20121", country="IT"),
         ["Via Roma 1", "20121 MILANO MI", "Italy"]),
        (Address(street="Fő utca 2", city="Budapest", postcode="1011", country="HU"), ["Budapest", "Fő utca 2", "1011", "Hungary"]),
        (Address(street="Rua A, 5", street_2="Bl. 2", city="Campinas", region_code="SP", postcode="13010-001", country="BR"),
         ["Rua A, 5", "Bl. 2", "Campinas - SP", "13010-001", "Brazil"]),
        (Address(postcode="150-0001", country="JP"), ["150-0001", "Japan"]),
        (Address(city="Bristol", postcode="BS1 4RN", country="GB"), ["Bristol", "BS1 4RN", "United Kingdom"]),
        (Address(), []),
        (None, []),
    ],
)  # fmt: skip
def test_addresses_follow_their_country(address, expected):
    assert address_lines(address, language("en")) == expected


def test_colours_can_be_read_whatever_the_accent_is():
    assert colours("#1F3A5F") == {"accent": "#1f3a5f", "ink": "#1f3a5f", "on_accent": "#ffffff"}
    assert colours("#ffd23f")["on_accent"] == "#000000"
    assert colours("#ffd23f")["ink"] == "#866e20"
    assert colours("red; } body { display: none")["accent"] == "#1f3a5f"


def luminance(colour):
    """Relative luminance by WCAG 2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@given(st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True))
def test_words_can_be_read_on_and_in_every_accent(accent):
    made = colours(accent)
    assert contrast(made["on_accent"], made["accent"]) >= 4.5
    assert contrast(made["ink"], "#f4f6f8") >= 4.5
    assert made["on_accent"] == ("#ffffff" if contrast("#ffffff", accent) >= 4.5 else "#000000")


def test_css_strings_cannot_be_left():
    assert css_text('a"b\\c</style>\nd') == r'"a\22 b\5c c\3c \2f style\3e \a d"'
    assert css_text("Büro 茶") == '"Büro 茶"'


def test_han_characters_are_drawn_as_their_country_writes_them():
    assert str(fonts("zh-Hant-TW", [])).index("CJK TC") < str(fonts("zh-Hant-TW", [])).index("CJK JP")
    assert str(fonts("en", ["DE", "JP"])).index("CJK JP") < str(fonts("en", ["DE", "JP"])).index("CJK SC")


def mail(document, kind="invoice", paid=0, **more):
    settings = {"language": document.language, "brand": document.branding, "seller": document.seller, **more}
    return mail_parts(kind, document=document, settlement=Settlement(paid=paid), **settings)


@pytest.mark.parametrize(
    ("kind", "tag", "subject"),
    [
        ("invoice", "en", "Invoice for Order #1001"),
        ("invoice", "de", "Rechnung zu Bestellung #1001"),
        ("credit_note", "en", "Credit note for Order #1001"),
        ("reminder", "en", "Payment reminder: invoice INV-2026-000123"),
        ("reminder", "de", "Zahlungserinnerung: Rechnung INV-2026-000123"),
    ],
)
def test_mails_have_a_subject_of_their_kind(make, kind, tag, subject):
    assert mail(make(3), kind, language=tag).subject == subject


def test_both_bodies_of_a_mail_say_the_same(make):
    parts = mail(make(3))
    for expected in ("Hello Maya Okafor,", "INV-2026-000123 for €259.40", "Please pay €259.40 by Dec 4, 2026.", "hello@lindenhof.example"):
        assert expected in parts.text
        assert expected in text(parts.html)
    assert "style=" in parts.html
    assert "<img" not in parts.html
    assert "paid in full" in mail(make(3), paid=25940).text
    assert "TEST" not in parts.text
    assert "TEST: this is not a real document." in mail(make(3, mode="test")).text


@pytest.mark.parametrize(
    ("tag", "name", "greeting"),
    [("en", "Customer", "Hello,"), ("de", "Kunde", "Guten Tag,"), ("ja", "お客様", "お客様各位"),
     ("de", "maya@okafor.example", "Guten Tag,"), ("ja", "Maya", "Maya 様"), ("de", "Customer", "Guten Tag Customer,")],
)  # fmt: skip
def test_who_has_no_name_is_greeted_without_one(make, tag, name, greeting):
    document = make(1, language=tag, buyer=make(1).buyer.model_copy(update={"name": name}))
    assert mail(document).text.startswith(greeting + "\n")
    assert mail(make(1, language=tag, buyer=None)).text.startswith({"en": "Hello,", "de": "Guten Tag,", "ja": "お客様各位"}[tag])


def test_an_order_s_own_number_sign_is_not_doubled(make):
    document = make(1, orders=(OrderReference(source="s", id="1", number="#1001"),))
    assert mail(document).subject == "Invoice for Order #1001"
    assert mail(make(1, orders=())).subject == "Invoice INV-2026-000123"


def test_merchants_write_their_own_words(make):
    parts = mail(
        make(3, buyer=make(3).buyer.model_copy(update={"name": "<b>{total}</b>"})),
        subject_template="Your {invoice_number}\r\nBcc: x@y.example",
        message_template="Dear {buyer},\n\nplease pay {amount_due} of {total} by {due_date}. (ok)\n{seller}",
    )
    assert parts.subject == "Your INV-2026-000123 Bcc: x@y.example"
    assert "Dear <b>{total}</b>,\n\nplease pay €259.40 of €259.40 by Dec 4, 2026. (ok)\nLindenhof Keramik GmbH" in parts.text
    assert "Dear &lt;b&gt;{total}&lt;/b&gt;," in parts.html


@pytest.mark.parametrize("template", ["{customer}", "{total.__class__}", "{0}", "{}", "{{ 7 * 7 }}", "{total!r}", "{total:>10000000000}"])
def test_what_is_no_placeholder_is_refused_with_those_that_are(make, template):
    with pytest.raises(Misconfigured, match=r"message_template: \{.*\} is not a placeholder; there are \{order_number\}, .*\{amount_due\}"):
        mail(make(1), message_template=f"Hello {template}")
    with pytest.raises(Misconfigured, match="subject_template"):
        check_template("subject_template", template)
