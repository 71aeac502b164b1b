from datetime import date
from decimal import Decimal

import pytest

from adapter.errors import Misconfigured
from adapter.infra.language import _catalogue, is_translated, language, same

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("tag", "amount", "currency", "expected"),
    [
        ("en", 123450, "EUR", "€1,234.50"),
        ("de", 123450, "EUR", f"1.234,50{NBSP}€"),
        ("en", -500, "USD", "-$5.00"),
        ("en", 500, "JPY", "¥500"),
        ("en", 1234, "KWD", f"KWD{NBSP}1.234"),
        ("de", 100, "IRR", f"1,00{NBSP}IRR"),
        ("xx-nonsense", 100, "EUR", "€1.00"),
    ],
)
def test_money_has_the_places_of_iso_4217_in_the_form_of_the_locale(tag, amount, currency, expected):
    assert language(tag).money(amount, currency) == expected


def test_prices_keep_the_places_that_the_platform_states():
    english = language("en")
    assert english.price(Decimal("3"), "EUR") == "€3.00"
    assert english.price(Decimal("0.0125"), "EUR") == "€0.0125"
    assert english.price(Decimal("3.10"), "EUR") == "€3.10"
    assert english.price(Decimal("0.00000050"), "EUR") == "€0.000001"


def test_halves_are_rounded_up_as_money_is():
    assert language("en").percent(Decimal("0.0000125")) == "0.0013%"
    assert language("en").percent(Decimal("0.08875")) == "8.875%"
    assert language("de").percent(Decimal("0.19")) == f"19{NBSP}%"


def test_quantities_have_their_unit_unless_they_are_pieces():
    assert language("en").quantity(Decimal("2.50")) == "2.5"
    assert language("de").quantity(Decimal("1234.5"), "KGM") == "1.234,5 kg"
    assert language("en").quantity(Decimal("1"), "HUR") == "1 hr"
    assert language("en").quantity(Decimal("3"), "XBX") == "3 XBX"


def test_dates_countries_and_direction():
    assert language("en").day(date(2026, 11, 20)) == "Nov 20, 2026"
    assert language("de-AT").day(date(2026, 11, 20)) == "20.11.2026"
    assert language("de").country("US") == "Vereinigte Staaten"
    assert language("en").country("QQ") == "QQ"
    assert [language(tag).direction for tag in ("en", "ar", "he", "fa-IR", "ja")] == ["ltr", "rtl", "rtl", "rtl", "ltr"]


def test_words_fall_back_from_the_region_to_the_language_to_english():
    assert language("de_CH").translate("Invoice") == "Rechnung"
    assert language("ko").translate("Invoice") == "Invoice"
    assert language("ja").translate("") == ""


@pytest.mark.parametrize(
    ("tag", "translated", "invoice"),
    [
        ("en_US", True, "Invoice"),
        ("pt_BR", True, "Fatura"),
        ("fr_CH", True, "Facture"),
        ("de_DE_formal", True, "Rechnung"),
        ("zh", True, "账单"),
        ("zh-CN", True, "账单"),
        ("zh_Hans_SG", True, "账单"),
        ("zh-TW", False, "Invoice"),
        ("zh-Hant", False, "Invoice"),
        ("he", False, "Invoice"),
        ("C", False, "Invoice"),
        ("", False, "Invoice"),
    ],
)
def test_a_region_has_the_words_of_its_language_in_its_script(tag, translated, invoice):
    assert (is_translated(tag), language(tag).translate("Invoice")) == (translated, invoice)


def test_numbers_and_dates_are_those_of_the_region():
    assert language("de-CH").money(123450, "CHF") == f"CHF{NBSP}1’234.50"
    assert language("fr").money(123450, "EUR") == f"1\u202f234,50{NBSP}€"
    assert language("pt-BR").day(date(2026, 11, 20)) == "20 de nov. de 2026"
    assert language("ja").day(date(2026, 11, 20)) == "2026/11/20"


def test_two_languages_are_the_same_where_their_words_are():
    assert same("de-AT", "de")
    assert same("zh-CN", "zh-Hans")
    assert not same("zh-TW", "zh-CN")
    assert not same("de", "en")


def test_values_among_words_from_right_to_left_keep_their_own_direction():
    assert language("ar").isolated("2026-0001") == "\u20682026-0001\u2069"
    assert language("ar").isolated("") == ""
    assert language("de").isolated("2026-0001") == "2026-0001"
    assert language("ar").money(-500, "SAR") == f"\u200f\u200e-5.00{NBSP}ر.س.\u200f"


def test_what_the_law_wants_said_is_in_the_catalogue():
    assert language("cs").translate("Reverse charge") == "Daň odvede zákazník"


def test_a_broken_catalogue_is_named(tmp_path):
    folder = tmp_path / "xx" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "documents.po").write_text('msgid "Tax"\nmsgstr "Tax"\n', encoding="utf-8")
    (folder / "mentions.po").write_text('msgid "broken\n', encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"mentions\.po.*is not a readable gettext catalogue"):
        _catalogue(tmp_path / "xx")
