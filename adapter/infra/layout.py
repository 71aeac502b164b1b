"""What the templates of pages and mails share: the Jinja environment of a language, its filters, typefaces, colours, the foot of pages."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any
from unicodedata import east_asian_width

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from adapter.domain.document import Font, LineTax, Seller, TaxCategory, TaxGroup
from adapter.domain.text import one_line, printable
from adapter.infra.language import TEMPLATES, Language, language
from adapter.infra.postal import address_lines

_INDIC = ("Devanagari", "Bengali", "Gujarati", "Gurmukhi", "Kannada", "Malayalam", "Oriya", "Sinhala", "Tamil", "Telugu")
"""Named, because fontconfig takes Grantha for Tamil, whose vowels it has not all."""
_SCRIPTS = ("Noto Sans", *(f"Noto Sans {script}" for script in ("Arabic", "Hebrew", "Thai", *_INDIC)))
_CJK = {"ja": "JP", "ko": "KR", "zh-Hant": "TC", "zh-TW": "TC", "zh-HK": "TC", "zh": "SC"}
_CJK_COUNTRIES = {"JP": "JP", "KR": "KR", "KP": "KR", "CN": "SC", "SG": "SC", "TW": "TC", "HK": "TC", "MO": "TC"}

DEFAULT_ACCENT = "#1f3a5f"
_PALE = (0xF4, 0xF6, 0xF8)
"""The ground behind the words that ask for a payment."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@cache
def environment(tag: str, second_tag: str | None = None) -> Environment:
    """The templates in one language: words by `_`, amounts and dates by filters that take their values as a document has them; headings
    by `both`, which says them in a second language as well where there is one.

    HTML is escaped always, plain text (`.txt.j2`) never; an unknown name is an error.
    """
    words = language(tag)
    second = language(second_tag) if second_tag else None
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(disabled_extensions=("txt.j2",), default=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        finalize=_drawable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(words.words, newstyle=True)  # type: ignore[attr-defined]
    made.globals["language"] = words
    made.globals["both"] = lambda message: both(message, words, second)
    made.filters.update(
        day=words.day,
        percent=words.percent,
        quantity=words.quantity,
        css_text=css_text,
        isolated=lambda text: Markup("<bdi>{}</bdi>").format(_drawable(text)),
        address=lambda address: address_lines(address, words),
        tax_id_label=lambda kind: tax_id_label(kind, words),
        group_tax=lambda tax: tax_label(tax, words),
    )
    return made


def both(message: str, words: Language, second: Language | None) -> Markup:
    """A heading in a language, and in the second one where that says it in other words."""
    first = words.translate(message)
    made = Markup("<bdi>{}</bdi>").format(first)
    other = second.translate(message) if second else first
    if second is None or other == first:
        return made
    spoken = Markup('<bdi lang="{}" dir="{}">{}</bdi>').format(second.tag, second.direction, other)
    return made + Markup(' <span class="second"><span class="stroke">/ </span>{}</span>').format(spoken)


def _drawable(value: object) -> object:
    return printable(value) if type(value) is str else value


def css_text(text: str) -> Markup:
    """A text as a CSS string, quotes included, in which nothing can end the string, the style sheet or the element around it."""
    escaped = "".join(
        character if character.isalnum() or character == " " or ord(character) > 0xA0 else f"\\{ord(character):x} "
        for character in printable(text)
    )
    return Markup(f'"{escaped}"')  # noqa: S704


def fonts(tag: str, countries: Sequence[str | None], first: Font | None = None) -> Markup:
    """The font stack as a CSS value, with a seller's own typeface before all others.

    Han characters look different by country: the document's language decides, then the parties'.
    A TrueType build of Noto CJK is preferred over the OpenType one of most distributions, whose outlines Chromium turns into Type 3 fonts.
    """
    spoken = next((name for prefix, name in _CJK.items() if f"{tag}-".startswith(f"{prefix}-")), None)
    known = [spoken, *(_CJK_COUNTRIES.get(country or "") for country in countries)]
    order = list(dict.fromkeys([*(name for name in known if name), "SC", "JP", "KR", "TC"]))
    cjk = [family for name in order for family in (f"Noto Sans {name}", f"Noto Sans CJK {name}")]
    families = ", ".join(f'"{name}"' for name in dict.fromkeys([*([first] if first else []), *_SCRIPTS, *cjk, "Noto Color Emoji"]))
    return Markup(f"{families}, sans-serif")  # noqa: S704


def check_accent(accent: str) -> None:
    """Raise ValueError for what is no colour. Every colour is taken: words on it or in it are made dark or light enough to be read."""
    if not _COLOUR.fullmatch(accent):
        raise ValueError(f"{accent!r:.40} is not a colour such as {DEFAULT_ACCENT}")


def colours(accent: str) -> dict[str, Markup]:
    """`accent` as given (the default where it is no `#rrggbb`), `ink` (the accent, darkened until it can be read on white and on pale
    grey) and `on_accent` (black or white, whichever can be read on it). The contrast is that of WCAG 2, 1.4.3: 4.5 to 1."""
    accent = accent.lower() if _COLOUR.fullmatch(accent) else DEFAULT_ACCENT
    channels = [int(accent[at : at + 2], 16) for at in (1, 3, 5)]
    on_accent = "#ffffff" if 1.05 / (_luminance(channels) + 0.05) >= 4.5 else "#000000"
    while (_luminance(_PALE) + 0.05) / (_luminance(channels) + 0.05) < 4.5:
        channels = [channel * 9 // 10 for channel in channels]
    ink = "#" + "".join(f"{channel:02x}" for channel in channels)
    return {"accent": Markup(accent), "ink": Markup(ink), "on_accent": Markup(on_accent)}  # noqa: S704


def _luminance(channels: Sequence[int]) -> float:
    linear = [value / 12.92 if (value := channel / 255) <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for channel in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def tax_label(tax: LineTax | TaxGroup, words: Language) -> str:
    """`VAT 19%`; the name alone where there is no rate, where it says the rate already, and where no tax is charged for another reason than
    a rate of zero: what is exempt bears none."""
    if tax.rate is None or "%" in tax.name or not has_rate(tax):
        return tax.name
    return f"{tax.name} {words.percent(tax.rate)}"


def has_rate(tax: LineTax | TaxGroup) -> bool:
    """Whether a rate stands on the page: of what is taxed or zero rated."""
    return tax.category.taxed or tax.category is TaxCategory.ZERO


def tax_id_label(kind: str, words: Language) -> str:
    """What a tax number is called, by the kind that connectors and entities give it."""
    _ = words.words.gettext
    labels: dict[str, Any] = {
        "eu_vat": _("VAT ID"),
        "gb_vat": _("VAT no."),
        "ch_uid": "UID",
        "no_vat": "MVA",
        "au_abn": "ABN",
        "nz_gst": _("GST no."),
        "in_gst": "GSTIN",
        "us_ein": "EIN",
        "de_tax_number": _("Tax number"),
        "tax_number": _("Tax number"),
        "vat": _("VAT no."),
    }
    return str(labels.get(kind, _("Tax ID")))


def furniture(seller: Seller, words: Language) -> str:
    """The seller at the foot of every page: name and address, then register and tax numbers, each cut to two lines."""
    ids = [f"{tax_id_label(tax_id.kind, words)} {tax_id.value}" for tax_id in seller.tax_ids]
    lines = ([seller.name, *address_lines(seller.address, words)], [text for text in (seller.registration, *ids) if text])
    joined = (" · ".join(words.isolated(one_line(part)) for part in line) for line in lines if line)
    return "\n".join(_cut(line, 140) for line in joined)


def _cut(line: str, room: int) -> str:
    """As much of a line as takes the room of so many letters; an ideograph takes that of two."""
    for at, character in enumerate(line):
        room -= 2 if east_asian_width(character) in "WF" else 1
        if room < 0:
            return line[:at].rstrip() + "\u2069" * (line[:at].count("\u2068") - line[:at].count("\u2069")) + " …"
    return line


def page_count(words: Language) -> Markup:
    """`Page 1 of 3` as CSS content, in whatever order the language puts it."""
    counters = {"{page}": "counter(page)", "{pages}": "counter(pages)"}
    _ = words.translate
    text = _("Page %(page)s of %(pages)s") % {"page": "{page}", "pages": "{pages}"}
    parts = [counters.get(part) or css_text(part) for part in re.split(r"(\{pages?\})", text) if part]
    return Markup(" ".join(parts))  # noqa: S704
