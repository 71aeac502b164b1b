"""What the law wants said on a document: one mention per case, in the document's language and in the words that a country's law prescribes.

The English text of a mention is its msgid in the catalogues. Words that a law or a court fixes are not left to translators: they stand in
`WORDINGS`, each with its source and with `verified` where that source was read. That table alone says what is verified: catalogues flag all
other words as unverified (a test compares them), and a document that says such words says so in a finding. They are never passed off.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from adapter.domain.tax.adopt import Finding, Severity


class Mention(StrEnum):
    """The key of a mention; its English text is `text`, the provision behind it `LAW`."""

    REVERSE_CHARGE = "reverse_charge"
    TRIANGULAR = "triangular"
    INTRA_COMMUNITY = "intra_community"
    EXPORT = "export"
    ZERO_RATED = "zero_rated"
    EXEMPT = "exempt"
    SMALL_BUSINESS = "small_business"
    OUTSIDE_SCOPE = "outside_scope"
    VOUCHER = "voucher"
    MARGIN_SECOND_HAND = "margin_second_hand"
    MARGIN_ART = "margin_art"
    MARGIN_COLLECTORS = "margin_collectors"
    MARGIN_TRAVEL = "margin_travel"
    CASH_ACCOUNTING = "cash_accounting"

    @property
    def text(self) -> str:
        """The English words, which are the msgid of the catalogues."""
        return _TEXTS[self]

    @property
    def law(self) -> str:
        """The provision that asks for it."""
        return LAW[self]


_TEXTS = {
    Mention.REVERSE_CHARGE: "Reverse charge",
    Mention.TRIANGULAR: "Intra-Community triangular transaction, Art. 141 of Directive 2006/112/EC",
    Mention.INTRA_COMMUNITY: "VAT exempt intra-Community supply, Art. 138 of Directive 2006/112/EC",
    Mention.EXPORT: "VAT exempt export of goods",
    Mention.ZERO_RATED: "Zero rated",
    Mention.EXEMPT: "Exempt from VAT",
    Mention.SMALL_BUSINESS: "Exempt from VAT under the special scheme for small enterprises",
    Mention.OUTSIDE_SCOPE: "Not subject to VAT",
    Mention.VOUCHER: "Multi-purpose voucher: VAT is charged when it is redeemed",
    Mention.MARGIN_SECOND_HAND: "Margin scheme - Second-hand goods",
    Mention.MARGIN_ART: "Margin scheme - Works of art",
    Mention.MARGIN_COLLECTORS: "Margin scheme - Collector's items and antiques",
    Mention.MARGIN_TRAVEL: "Margin scheme - Travel agents",
    Mention.CASH_ACCOUNTING: "Cash accounting",
}

LAW = {
    Mention.REVERSE_CHARGE: "VAT Directive Art. 226(11a)",
    Mention.TRIANGULAR: "VAT Directive Art. 42, 141, 197",
    Mention.INTRA_COMMUNITY: "VAT Directive Art. 226(11), Art. 138",
    Mention.EXPORT: "VAT Directive Art. 226(11), Art. 146",
    Mention.ZERO_RATED: "UK VATREC5010",
    Mention.EXEMPT: "VAT Directive Art. 226(11)",
    Mention.SMALL_BUSINESS: "VAT Directive Art. 226(11), Art. 284",
    Mention.OUTSIDE_SCOPE: "EN 16931 BR-O-10",
    Mention.VOUCHER: "VAT Directive Art. 30b(2)",
    Mention.MARGIN_SECOND_HAND: "VAT Directive Art. 226(14)",
    Mention.MARGIN_ART: "VAT Directive Art. 226(14)",
    Mention.MARGIN_COLLECTORS: "VAT Directive Art. 226(14)",
    Mention.MARGIN_TRAVEL: "VAT Directive Art. 226(13)",
    Mention.CASH_ACCOUNTING: "VAT Directive Art. 226(7a)",
}

TITLES = ("Invoice", "Credit note", "Tax invoice", "Adjustment note", "Credit memo")
"""Titles of documents by country (`requirements.title`), as msgids."""
EXEMPT_BECAUSE = "Exempt from VAT: %(reason)s"
REMARKS = (
    "VAT in %(currency)s: %(amount)s",
    "Exchange rate: 1 %(base)s = %(rate)s %(currency)s (%(source)s, %(date)s)",
    EXEMPT_BECAUSE,
)
"""Sentences with values, as msgids."""
MSGIDS = (*_TEXTS.values(), *TITLES, *REMARKS)
"""Everything here that catalogues have to translate."""


class Wording(NamedTuple):
    """Fixed words. `verified`: the source was read and says exactly this."""

    text: str
    verified: bool
    source: str


_LUXURY_TRUST = "CJEU C-247/21 Luxury Trust Automobil, which quotes Art. 226(11a) in this language"
_CGI = "CGI ann. II art. 242 nonies A"
_GOBL = "Real Decreto 1619/2012 art. 6, as invopop/gobl has it"

WORDINGS: dict[tuple[Mention, str], Wording] = {
    **{
        (Mention.REVERSE_CHARGE, language): Wording(text, True, _LUXURY_TRUST)
        for language, text in {
            "en": "Reverse charge",
            "de": "Steuerschuldnerschaft des Leistungsempfängers",
            "fr": "Autoliquidation",
            "es": "Inversión del sujeto pasivo",
            "it": "Inversione contabile",
            "nl": "Btw verlegd",
            "pl": "Odwrotne obciążenie",
            "pt": "Autoliquidação",
            "sv": "Omvänd betalningsskyldighet",
            "da": "Omvendt betalingspligt",
            "cs": "Daň odvede zákazník",
            "ro": "Taxare inversă",
            "hu": "Fordított adózás",
            "el": "Αντίστροφη επιβάρυνση",
            "lt": "Atvirkštinis apmokestinimas",
        }.items()
    },
    (Mention.REVERSE_CHARGE, "fi"): Wording("Käännetty verovelvollisuus", False, "usual; the directive's wording was read inflected only"),
    (Mention.SMALL_BUSINESS, "de"): Wording("Steuerbefreiung für Kleinunternehmer (§ 19 UStG)", True, "UStAE 14.7a(1), § 34a UStDV"),
    (Mention.SMALL_BUSINESS, "fr"): Wording("TVA non applicable, art. 293 B du CGI", True, _CGI),
    (Mention.INTRA_COMMUNITY, "fr"): Wording("Exonération TVA, art. 262 ter-I du CGI", True, _CGI),
    (Mention.EXPORT, "fr"): Wording("Exonération TVA, art. 262-I du CGI", True, _CGI),
    (Mention.MARGIN_SECOND_HAND, "fr"): Wording("Régime particulier - Biens d'occasion", True, _CGI),
    (Mention.MARGIN_ART, "fr"): Wording("Régime particulier - Objets d'art", True, _CGI),
    (Mention.MARGIN_COLLECTORS, "fr"): Wording("Régime particulier - Objets de collection et d'antiquité", True, _CGI),
    (Mention.MARGIN_TRAVEL, "fr"): Wording("Régime particulier - Agences de voyages", True, _CGI),
    (Mention.MARGIN_SECOND_HAND, "es"): Wording("Régimen especial de los bienes usados", True, _GOBL),
    (Mention.MARGIN_ART, "es"): Wording("Régimen especial de los objetos de arte", True, _GOBL),
    (Mention.MARGIN_COLLECTORS, "es"): Wording("Régimen especial de las antigüedades y objetos de colección", True, _GOBL),
    (Mention.MARGIN_TRAVEL, "es"): Wording("Régimen especial de las agencias de viajes", True, _GOBL),
    (Mention.CASH_ACCOUNTING, "es"): Wording("Régimen especial del criterio de caja", True, _GOBL),
    (Mention.MARGIN_SECOND_HAND, "de"): Wording("Gebrauchtgegenstände/Sonderregelung", False, "§ 14a(6) UStG, from general knowledge"),
    (Mention.MARGIN_ART, "de"): Wording("Kunstgegenstände/Sonderregelung", False, "§ 14a(6) UStG, from general knowledge"),
    (Mention.MARGIN_COLLECTORS, "de"): Wording(
        "Sammlungsstücke und Antiquitäten/Sonderregelung", False, "§ 14a(6) UStG, from general knowledge"
    ),
    (Mention.MARGIN_TRAVEL, "de"): Wording("Sonderregelung für Reisebüros", False, "§ 14a(6) UStG, from general knowledge"),
}
"""Fixed words by mention and language. Those of small enterprises and margin schemes cite national law and are right for the country's own
sellers alone (`_NATIONAL`)."""

_LANGUAGES = {
    "AT": "de", "BE": "nl", "CY": "el", "CZ": "cs", "DE": "de", "DK": "da", "ES": "es", "FI": "fi", "FR": "fr", "GR": "el", "HU": "hu",
    "IT": "it", "LT": "lt", "LU": "fr", "NL": "nl", "PL": "pl", "PT": "pt", "RO": "ro", "SE": "sv",
}  # fmt: skip
"""The language in which a country's authority reads its mentions, where `WORDINGS` has words in it."""
_NATIONAL = {
    Mention.SMALL_BUSINESS, Mention.INTRA_COMMUNITY, Mention.EXPORT, Mention.CASH_ACCOUNTING, Mention.MARGIN_SECOND_HAND,
    Mention.MARGIN_ART, Mention.MARGIN_COLLECTORS, Mention.MARGIN_TRAVEL,
}  # fmt: skip
_HOME = {"de": "DE", "fr": "FR", "es": "ES"}


def legal_wording(mention: Mention, country: str) -> Wording | None:
    """The words that the law of the seller's country has for a mention, in that country's language, or None where none are known here."""
    language = _LANGUAGES.get(country)
    return _fixed(mention, language, country) if language else None


def printed(mentions: Iterable[Mention], country: str, language: str, translate: Callable[[str], str]) -> tuple[str, ...]:
    """The sentences for a document of a seller in `country`: each in the document's language, then, after ` / `, in the country's legal
    words where these differ. `translate` is the catalogue's gettext for the document's language."""
    return tuple(
        _sentence(mention, country, language.partition("-")[0].partition("_")[0], translate) for mention in dict.fromkeys(mentions)
    )


def unverified(mentions: Iterable[Mention], country: str, language: str, translate: Callable[[str], str]) -> tuple[Finding, ...]:
    """What is not verified of the words that `printed` gives: a warning where the law of the seller's country has words of its own that
    nobody has read there, and where there are but English ones; else, where the law's words do not stand beside them, an info."""
    findings = []
    language = language.partition("-")[0].partition("_")[0]
    for mention in dict.fromkeys(mentions):
        own, legal = _fixed(mention, language, country), legal_wording(mention, country)
        words = own.text if own else translate(mention.text)
        if legal is not None:
            if not legal.verified:
                findings.append(_finding(mention, f"the legal wording {legal.text!r} ({legal.source}) is not verified"))
        elif own is None and language != "en" and words == mention.text:
            findings.append(_finding(mention, f"{words!r} is not translated into {language!r} and stands in English"))
        elif own is None or not own.verified:
            told = f"no source has confirmed the words {words!r} in {language!r}: have them checked"
            findings.append(_finding(mention, told, Severity.INFO))
    return tuple(findings)


def _fixed(mention: Mention, language: str, country: str) -> Wording | None:
    """Fixed words in a language; those that cite national law only for that country's sellers."""
    if mention in _NATIONAL and _HOME.get(language) != country and language != "en":
        return None
    return WORDINGS.get((mention, language))


def _sentence(mention: Mention, country: str, language: str, translate: Callable[[str], str]) -> str:
    own, legal = _fixed(mention, language, country), legal_wording(mention, country)
    first = own.text if own else translate(mention.text)
    if legal is None or legal.text.casefold() == first.casefold():
        return first
    return f"{first} / {legal.text}"


def _finding(mention: Mention, message: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(severity=severity, code="mention_unverified", message=f"mention {mention.value}: {message}")
