"""Mandatory mentions: in the document's language, and in the words of the seller's law."""

from string import ascii_letters

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.tax.adopt import Severity
from adapter.domain.tax.mentions import LAW, MSGIDS, WORDINGS, Mention, legal_wording, printed, unverified


def untranslated(text: str) -> str:
    return text


def shouted(text: str) -> str:
    return text.upper()


@pytest.mark.parametrize(
    ("country", "language", "wanted"),
    [
        ("DE", "de", "Steuerschuldnerschaft des Leistungsempfängers"),
        ("DE", "en", "Reverse charge / Steuerschuldnerschaft des Leistungsempfängers"),
        ("DE", "de-AT", "Steuerschuldnerschaft des Leistungsempfängers"),
        ("FR", "de", "Steuerschuldnerschaft des Leistungsempfängers / Autoliquidation"),
        ("PL", "pl", "Odwrotne obciążenie"),
        ("CZ", "cs", "Daň odvede zákazník"),
        ("IE", "en", "Reverse charge"),
        ("NL", "ja", "Reverse charge / Btw verlegd"),
    ],
)
def test_reverse_charge_in_the_language_and_in_the_words_of_the_law(country: str, language: str, wanted: str) -> None:
    assert printed([Mention.REVERSE_CHARGE], country, language, untranslated) == (wanted,)


def test_national_words_are_for_the_country_s_own_sellers() -> None:
    assert printed([Mention.SMALL_BUSINESS], "FR", "fr", untranslated) == ("TVA non applicable, art. 293 B du CGI",)
    assert printed([Mention.SMALL_BUSINESS], "DE", "de", untranslated) == ("Steuerbefreiung für Kleinunternehmer (§ 19 UStG)",)
    assert printed([Mention.SMALL_BUSINESS], "AT", "de", shouted) == (Mention.SMALL_BUSINESS.text.upper(),)
    assert printed([Mention.INTRA_COMMUNITY], "BE", "fr", shouted) == (Mention.INTRA_COMMUNITY.text.upper(),)
    assert printed([Mention.INTRA_COMMUNITY], "FR", "en", untranslated) == (
        "VAT exempt intra-Community supply, Art. 138 of Directive 2006/112/EC / Exonération TVA, art. 262 ter-I du CGI",
    )


def test_each_mention_stands_once_and_in_order() -> None:
    mentions = [Mention.EXPORT, Mention.REVERSE_CHARGE, Mention.EXPORT]
    assert printed(mentions, "US", "en", untranslated) == ("VAT exempt export of goods", "Reverse charge")


def test_what_is_not_verified_is_reported() -> None:
    (finding,) = unverified([Mention.MARGIN_SECOND_HAND], "DE", "de", untranslated)
    assert (finding.severity, finding.code) == (Severity.WARNING, "mention_unverified")
    assert "Gebrauchtgegenstände/Sonderregelung" in finding.message
    (finding,) = unverified([Mention.EXPORT], "US", "ja", untranslated)
    assert "is not translated into 'ja'" in finding.message
    (finding,) = unverified([Mention.EXPORT], "US", "ja", shouted)
    assert (finding.severity, finding.code) == (Severity.INFO, "mention_unverified")
    assert finding.message == ("mention export: no source has confirmed the words 'VAT EXEMPT EXPORT OF GOODS' in 'ja': have them checked")
    assert [finding.severity for finding in unverified([Mention.EXPORT], "US", "en", untranslated)] == [Severity.INFO]
    assert [finding.severity for finding in unverified([Mention.REVERSE_CHARGE], "IE", "fi", untranslated)] == [Severity.INFO]
    for country, language in (("DE", "en"), ("DE", "ja"), ("IE", "en"), ("IE", "pl")):
        assert unverified([Mention.REVERSE_CHARGE], country, language, shouted) == (), "the law's words stand there"
    (finding,) = unverified([Mention.REVERSE_CHARGE], "FI", "en", untranslated)
    assert "Käännetty verovelvollisuus" in finding.message


def test_every_mention_has_english_words_and_a_provision() -> None:
    assert set(LAW) == set(Mention)
    assert {mention.text for mention in Mention} <= set(MSGIDS)
    assert len(set(MSGIDS)) == len(MSGIDS)
    assert all(wording.source and wording.text for wording in WORDINGS.values())
    assert legal_wording(Mention.REVERSE_CHARGE, "US") is None


@given(
    st.lists(st.sampled_from(Mention)),
    st.sampled_from(["DE", "FR", "ES", "IT", "US", "GB", "FI"]),
    st.text(ascii_letters, min_size=2, max_size=5),
)
def test_a_mention_always_has_words(mentions: list[Mention], country: str, language: str) -> None:
    sentences = printed(mentions, country, language, untranslated)
    assert len(sentences) == len(set(mentions))
    assert all(sentences)
    unverified(mentions, country, language, untranslated)
