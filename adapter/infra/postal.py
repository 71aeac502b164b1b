"""Postal addresses in the order of their country.

The orders are those of the Universal Postal Union's address sheets. Nothing is required and nothing is rewritten: a part that is missing
is left out, and the capitals of a city stay as they were typed.
"""

import re

from adapter.domain.order import Address
from adapter.infra.language import Language

_USUAL = "A|Z C|S"
_FORMATS = {
    "AE": "A|C|S", "AU": "A|C S Z", "BD": "A|C - Z", "BR": "A|C - S|Z", "CA": "A|C S Z", "CN": "Z|SC|A", "CO": "A|C, S, Z",
    "EG": "A|C|S|Z", "GB": "A|C|S|Z", "HK": "A|C|S", "HU": "C|A|Z", "ID": "A|C|S Z", "IE": "A|C|S|Z", "IL": "A|C Z", "IN": "A|C Z|S",
    "IT": "A|Z C S", "JP": "〒Z|SC|A", "KR": "SC|A|Z", "LV": "A|C, Z", "MX": "A|Z C, S", "NZ": "A|C Z", "PK": "A|C-Z", "RU": "A|C|S|Z",
    "SA": "A|C Z", "SG": "A|C Z", "TH": "A|C|S Z", "TR": "A|Z C/S", "TW": "Z|SC|A", "US": "A|C, S Z", "VN": "A|C|S Z", "ZA": "A|C|Z",
}  # fmt: skip
"""Lines, divided by `|`: A the street, one line each, C the city, S the region, Z the postcode."""
_LATIN = {"CN": "A|C, S Z", "HK": "A|C|S", "JP": "A|C, S Z", "KR": "A|C, S Z", "TW": "A|C, S Z"}
"""Where an address in Latin letters goes from the small to the big, and one in the country's own from the big to the small."""
_BY_CODE = frozenset({"AU", "BR", "CA", "IT", "US"})
"""Where the region is written as its code."""
_OTHER_SCRIPT = re.compile("[\u0370-\u1dff\u2e80-\uffef]")


def address_lines(address: Address | None, words: Language) -> list[str]:
    """The lines of an address, the country last and in the document's language; empty where nothing is known of it."""
    if address is None:
        return []
    code = address.country or ""
    region = address.region_code if code in _BY_CODE and address.region_code else address.region
    parts = {"C": address.city, "S": region if region != address.city else None, "Z": address.postcode}
    typed = " ".join(filter(None, (address.street, address.street_2, *parts.values())))
    order = _FORMATS.get(code, _USUAL) if _OTHER_SCRIPT.search(typed) else _LATIN.get(code, _FORMATS.get(code, _USUAL))
    found: list[str | None] = []
    for line in order.split("|"):
        found.extend((address.street, address.street_2) if line == "A" else (_line(line, parts),))
    return [line for line in (*found, words.country(code) if code else None) if line]


def _line(pattern: str, parts: dict[str, str | None]) -> str:
    """The parts of one line that are there; what stands between two only where both are, or comes nearest to it."""
    line = between = ""
    for index, piece in enumerate(re.split("([CSZ])", pattern)):
        if piece not in parts:
            between = piece
        elif parts[piece]:
            line += (between if line or index == 1 else "") + str(parts[piece])
    return line
