"""The words, numbers and dates of a document in its language.

Words come from gettext catalogues, compiled in memory: `templates/locale/<language>/LC_MESSAGES/` with `documents.po`, the words of
documents and mails, and `mentions.po`, those that the law wants said. A further language is a further folder; English is the language of
the sources. Everything else (dates, numbers, currencies, units, names of countries, the direction
of writing) comes from the Unicode CLDR through Babel, for every locale there is.
"""

import gettext
import re
from copy import copy
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.core import UnknownLocaleError, get_global
from babel.dates import format_date
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import NumberPattern, parse_pattern
from babel.units import format_unit

import adapter
from adapter.domain.money import Minor, exponent, from_minor
from adapter.errors import Misconfigured

TEMPLATES = Path(adapter.__file__).parent.parent / "templates"
_LOCALES = TEMPLATES / "locale"
_MESSAGES = "LC_MESSAGES"

_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=-?\d)")
"""CLDR puts a space between a currency's letters and a digit (`KWD 1.234`); Babel does not."""
_PIECES = frozenset({"C62", "H87", "EA", "ONE", "NAR", "PCE"})
_UNITS = {
    "GRM": "mass-gram", "KGM": "mass-kilogram", "TNE": "mass-tonne", "LBR": "mass-pound", "ONZ": "mass-ounce",
    "MLT": "volume-milliliter", "LTR": "volume-liter", "MMT": "length-millimeter", "CMT": "length-centimeter", "MTR": "length-meter",
    "KMT": "length-kilometer", "MTK": "area-square-meter", "MIN": "duration-minute", "HUR": "duration-hour", "DAY": "duration-day",
    "WEE": "duration-week", "MON": "duration-month", "ANN": "duration-year", "KWH": "energy-kilowatt-hour",
}  # fmt: skip
"""UN/ECE Recommendation 20 to CLDR. Pieces are printed as the number alone, a unit that is not here by its code."""


class Language:
    """One language: `tag` is what `<html lang>` says, `words` its catalogue. Made by `language`."""

    def __init__(self, locale: Locale, words: gettext.NullTranslations) -> None:
        self.locale = locale
        self.words = words
        self.tag = str(locale).replace("_", "-")
        self.direction = "rtl" if locale.character_order == "right-to-left" else "ltr"

    def translate(self, text: str) -> str:
        """An English text of the sources in this language; what the catalogues do not know stays as it is."""
        return self.words.gettext(text) if text else ""

    def isolated(self, text: str) -> str:
        """A value for plain text in which it stands among words: where those run from right to left it keeps a direction of its own
        (Unicode's first strong isolate), so that `2026-0001` does not become `0001-2026`."""
        return f"\u2068{text}\u2069" if text and self.direction == "rtl" else text

    def money(self, amount: Minor, currency: str) -> str:
        """Minor units with the currency's sign and ISO 4217's number of places, as the locale writes them: `1.234,50 €`."""
        places = exponent(currency)
        return self._currency(from_minor(amount, currency), currency, places, places)

    def price(self, amount: Decimal, currency: str) -> str:
        """A unit price: at least the currency's places, and as many more (up to 6) as it has."""
        places = exponent(currency)
        stated = -int(amount.normalize().as_tuple().exponent)
        return self._currency(_rounded(amount, 6), currency, places, max(places, min(stated, 6)))

    def percent(self, rate: Decimal) -> str:
        """A fraction as a percentage with up to 4 places: 0.08875 is `8.875%`."""
        text: str = _with_places(self.locale.percent_formats[None], 0, 4).apply(_rounded(rate, 6), self.locale)
        return text

    def quantity(self, amount: Decimal, unit: str = "C62") -> str:
        """A quantity with up to 6 places and its unit; nothing is added for pieces."""
        number: str = parse_pattern("#,##0.######").apply(_rounded(amount, 6), self.locale)
        if unit in _PIECES:
            return number
        if unit not in _UNITS:
            return f"{number} {unit}"
        return format_unit(_rounded(amount, 6), _UNITS[unit], "short", format="#,##0.######", locale=self.locale)

    def day(self, when: date) -> str:
        """A date: `20 Nov 2026`, `20.11.2026`, …"""
        return format_date(when, "medium", locale=self.locale)

    def country(self, code: str) -> str:
        """A country's name, or its code where the language has no name for it."""
        return str(self.locale.territories.get(code, code))

    def _currency(self, amount: Decimal, currency: str, least: int, most: int) -> str:
        pattern = _with_places(self.locale.currency_formats["standard"], least, most)
        text: str = pattern.apply(amount, self.locale, currency=currency, currency_digits=False)
        if self.direction == "rtl":
            text = text.replace("-", "\u200e-")
        return _LETTER_BEFORE_DIGIT.sub("\u00a0", text)


@cache
def language(tag: str) -> Language:
    """The language of a tag such as `de`, `de-AT` or `ar_EG`.

    Words fall back from the region to the language to English, numbers and dates from an unknown locale to its language to English.
    """
    locale = _locale(tag)
    folder = _folder(locale)
    return Language(locale, _catalogue(folder) if folder else gettext.NullTranslations())


def languages() -> tuple[str, ...]:
    """The languages that documents can be written in, as tags: `ar`, `cs`, … `zh-Hans`."""
    return tuple(sorted(folder.name.replace("_", "-") for folder in _LOCALES.iterdir() if (folder / _MESSAGES).is_dir()))


def is_translated(tag: str) -> bool:
    """Whether documents can be written in the language of this tag.

    A region without words of its own has those of its language (`pt-BR`, `fr-CH`), one that writes in another script has none
    (`zh-TW`: traditional characters are not simplified ones).
    """
    locale = _known(tag)
    return locale is not None and _folder(locale) is not None


def same(one: str, other: str) -> bool:
    """Whether documents in two languages would have the same words."""
    return _folder(_locale(one)) == _folder(_locale(other))


def _known(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def _locale(tag: str) -> Locale:
    return _known(tag) or _known(tag.replace("_", "-").partition("-")[0]) or Locale("en")


def _folder(locale: Locale) -> Path | None:
    """The catalogues of a locale: its own, else those of its language in its script, else those of its language."""
    script = locale.script or str(get_global("likely_subtags").get(locale.language, "")).partition("_")[2].partition("_")[0]
    folders = [_LOCALES / name for name in (str(locale), f"{locale.language}_{script}", locale.language)]
    return next((folder for folder in folders if (folder / _MESSAGES).is_dir()), None)


def _catalogue(folder: Path) -> gettext.NullTranslations:
    """The words of documents, and behind them those of the law."""
    words, mentions = (_compiled(folder / _MESSAGES / name) for name in ("documents.po", "mentions.po"))
    words.add_fallback(mentions)
    return words


def _compiled(path: Path) -> gettext.NullTranslations:
    compiled = BytesIO()
    write_mo(compiled, _read(path))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _read(path: Path) -> Catalog:
    try:
        with path.open("rb") as source:
            return read_po(source, abort_invalid=True)
    except (OSError, ValueError, PoFileError) as error:
        raise Misconfigured(str(path), f"is not a readable gettext catalogue: {error}") from error


def _with_places(pattern: NumberPattern, least: int, most: int) -> NumberPattern:
    """The locale's pattern with another number of decimal places than the CLDR's."""
    made = copy(pattern)
    made.frac_prec = (least, most)
    return made


def _rounded(amount: Decimal, places: int) -> Decimal:
    """Half away from zero, because Babel by itself rounds half to even."""
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
