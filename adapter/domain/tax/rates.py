"""VAT rates with their dates: what is current from a kept package, what was before from a table of our own.

Current rates come from `eu-vat-rates-data` (MIT; the European Commission's TEDB, read daily; 45 countries). Its numbers are floats, so each
becomes a Decimal by its shortest text. It has no dates and lists a country's regional rates beside the others; both are mended here.

`_ENDED` holds the rates that no longer apply, each with its last day. Sources, compared with each other: the regimes of `invopop/gobl`
(Apache-2.0, 2026-07-02, with `since` dates), `ibericode/vat-rates` (MIT, 2025-08-12, with `effective_from`), the European Commission's
notice of 1 January 2024 (Luxembourg, Czechia), the Swiss Federal Tax Administration's of 12 December 2022 (8.1 %), and the Austrian
decision on basic food (4.9 % from 1 July 2026). IGIC's 7 and 3 % are gobl's, the Azores' 18 % until June 2021 general knowledge. Temporary
rates of 2020 to 2024 for single goods (food, energy, restaurants) are not in the table.

Nothing is said about days before 2020, nor, for countries outside the Union whose history was not checked, before 2026.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache

from eu_vat_rates_data import get_rate

from adapter.domain.tax.territory import EU, Place, place

KNOWN_SINCE = date(2020, 1, 1)
"""No rate is known of a day before this."""
UNCHECKED_SINCE = date(2026, 1, 1)
"""No rate is known of a day before this in a country whose history was not checked."""
_CHECKED = EU | {"GB", "CH", "LI", "NO", "IS", "AE", "AU", "JP", "NZ", "SA", "SG"}


class RateKind(StrEnum):
    """Of two reduced rates `reduced` is the lower and `intermediate` the higher one."""

    STANDARD = "standard"
    INTERMEDIATE = "intermediate"
    REDUCED = "reduced"
    SUPER_REDUCED = "super_reduced"
    PARKING = "parking"


@dataclass(frozen=True)
class Rates:
    """The rates of one country at one time, in per cent. `reduced` in ascending order."""

    standard: Decimal
    reduced: tuple[Decimal, ...] = ()
    super_reduced: Decimal | None = None
    parking: Decimal | None = None

    def of(self, kind: RateKind) -> Decimal | None:
        """The rate of that kind in per cent, or None where the country has none."""
        match kind:
            case RateKind.STANDARD:
                return self.standard
            case RateKind.REDUCED:
                return self.reduced[0] if self.reduced else None
            case RateKind.INTERMEDIATE:
                return self.reduced[-1] if len(self.reduced) > 1 else None
            case RateKind.SUPER_REDUCED:
                return self.super_reduced
            case RateKind.PARKING:
                return self.parking

    def all(self) -> frozenset[Decimal]:
        """Every rate above zero."""
        return frozenset(rate for rate in (self.standard, *self.reduced, self.super_reduced, self.parking) if rate)


def _rates(standard: str, *reduced: str, super_reduced: str | None = None, parking: str | None = None) -> Rates:
    return Rates(
        Decimal(standard),
        tuple(sorted(Decimal(rate) for rate in reduced)),
        Decimal(super_reduced) if super_reduced else None,
        Decimal(parking) if parking else None,
    )


_ENDED: dict[str, tuple[tuple[date, Rates], ...]] = {
    "AT": ((date(2026, 6, 30), _rates("20", "10", "13")),),
    "CH": ((date(2023, 12, 31), _rates("7.7", "2.5", "3.7")),),
    "CZ": ((date(2023, 12, 31), _rates("21", "10", "15")),),
    "DE": ((date(2020, 6, 30), _rates("19", "7")), (date(2020, 12, 31), _rates("16", "5"))),
    "EE": (
        (date(2023, 12, 31), _rates("20", "5", "9")),
        (date(2024, 12, 31), _rates("22", "5", "9")),
        (date(2025, 6, 30), _rates("22", "9", "13")),
    ),
    "FI": ((date(2024, 8, 31), _rates("24", "10", "14")), (date(2025, 12, 31), _rates("25.5", "10", "14"))),
    "IE": (
        (date(2020, 8, 31), _rates("23", "9", "13.5", super_reduced="4.8")),
        (date(2021, 2, 28), _rates("21", "9", "13.5", super_reduced="4.8")),
    ),
    "LI": ((date(2023, 12, 31), _rates("7.7", "2.5", "3.7")),),
    "LT": ((date(2025, 12, 31), _rates("21", "5", "9")),),
    "LU": (
        (date(2022, 12, 31), _rates("17", "8", super_reduced="3", parking="14")),
        (date(2023, 12, 31), _rates("16", "7", super_reduced="3", parking="13")),
    ),
    "RO": ((date(2025, 7, 31), _rates("19", "5", "9")),),
    "SA": ((date(2020, 6, 30), _rates("5")),),
    "SG": ((date(2022, 12, 31), _rates("7")), (date(2023, 12, 31), _rates("8"))),
    "SK": ((date(2024, 12, 31), _rates("20", "10")),),
}
"""Rates that ended, per country in the order of their last days."""

_OTHER_CURRENT = {
    "AE": _rates("5"), "AU": _rates("10"), "JP": _rates("10", "8"), "NZ": _rates("15"), "SA": _rates("15"), "SG": _rates("9"),
}  # fmt: skip
"""Countries that the package does not have (gobl: AE since 2018-01-01, SA since 2020-07-01, SG since 2024-01-01; AU, JP and NZ, which have
not changed since 2020, are general knowledge)."""

_REGIONAL = {"AT": ("19",), "FR": ("0.9", "1.05", "8.5", "13"), "GR": ("4", "17"), "PT": ("16", "22")}
"""Rates in the package's lists that apply in a part of the country alone: Jungholz and Mittelberg, Corsica and the overseas departments,
Aegean islands, Azores and Madeira."""
_ALSO_KNOWN = {
    **_REGIONAL, "GR": ("4", "9", "17"), "PT": ("4", "5", "9", "12", "16", "22"), "IC": ("5", "9.5", "15", "20"), "IE": ("4.8",),
    "NO": ("11.11",),
}  # fmt: skip
"""Further rates that may stand on a document: regional ones, livestock in Ireland, raw fish in Norway (both gobl). IGIC's beside 7 and 3 %
are general knowledge."""

_TERRITORIES: dict[str, tuple[tuple[date, Rates], ...]] = {
    "canary_islands": ((date.max, _rates("7", "3")),),
    "guadeloupe": ((date.max, _rates("8.5", "2.1")),),
    "martinique": ((date.max, _rates("8.5", "2.1")),),
    "reunion": ((date.max, _rates("8.5", "2.1")),),
    "azores": ((date(2021, 6, 30), _rates("18", "4", "9")), (date.max, _rates("16", "4", "9"))),
    "madeira": ((date(2024, 9, 30), _rates("22", "5", "12")), (date.max, _rates("22", "4", "12"))),
    "jungholz": ((date.max, _rates("19", "10", "13")),),
    "mittelberg": ((date.max, _rates("19", "10", "13")),),
}


def rates(country: str, on: date, postcode: str | None = None, region: str | None = None) -> Rates | None:
    """All rates in per cent that apply at an address on a day, or None where they are not known."""
    return rates_at(place(country, postcode, region), on)


def rates_at(where: Place, on: date) -> Rates | None:
    """`rates` for an address that has been placed."""
    if on < KNOWN_SINCE or (where.country not in _CHECKED and on < UNCHECKED_SINCE):
        return None
    territory = where.territory
    if territory is not None and territory.name in _TERRITORIES:
        return next(known for until, known in _TERRITORIES[territory.name] if on <= until)
    if territory is not None and where.outside:
        return None if territory.tax else Rates(Decimal(0))
    return _of_country(where.country, on)


def rate(
    country: str,
    on: date,
    kind: RateKind | str = RateKind.STANDARD,
    postcode: str | None = None,
    region: str | None = None,
) -> Decimal | None:
    """One rate as a fraction (0.19 for 19 %), or None where it is not known or there is none of that kind.

    Zero where the country's VAT is not charged at the address at all and no other tax is known to be (Heligoland, Livigno, …); IGIC's in
    the Canary Islands; None in Ceuta and Melilla, whose IPSI depends on the goods.
    """
    known = rates(country, on, postcode, region)
    percent = known.of(RateKind(kind)) if known else None
    return None if percent is None else fraction(percent)


def known_rates(country: str, on: date) -> frozenset[Decimal]:
    """Every rate above zero, as fractions, that applies anywhere in the country on that day; empty where none is known."""
    known = rates(country, on)
    if known is None:
        return frozenset()
    regional = (Decimal(rate) for rate in _ALSO_KNOWN.get(place(country).vat_country(goods=True), ()))
    return frozenset(fraction(percent) for percent in (*known.all(), *regional))


def fraction(percent: Decimal) -> Decimal:
    """Per cent to the fraction in which orders and documents keep rates, without trailing zeros: 19 is 0.19, 8.1 is 0.081."""
    scaled = percent.scaleb(-2)
    return Decimal(format(scaled.normalize(), "f")) if scaled else Decimal(0)


def _of_country(country: str, on: date) -> Rates | None:
    for until, ended in _ENDED.get(country, ()):
        if on <= until:
            return ended
    return _current(country)


@cache
def _current(country: str) -> Rates | None:
    if country in _OTHER_CURRENT:
        return _OTHER_CURRENT[country]
    stated = get_rate(country)
    if stated is None:
        return None
    regional = {Decimal(rate) for rate in _REGIONAL.get(country, ())}
    reduced = sorted({Decimal(str(rate)).normalize() for rate in stated["reduced"]} - regional)
    super_reduced, parking = (
        None if rate is None else Decimal(str(rate)).normalize() for rate in (stated["super_reduced"], stated["parking"])
    )
    return Rates(
        Decimal(str(stated["standard"])).normalize(),
        tuple(reduced),
        None if super_reduced in {*regional, *reduced} else super_reduced,
        parking,
    )
