"""VAT rates by country, day, kind and place."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.tax.rates import KNOWN_SINCE, RateKind, fraction, known_rates, rate, rates
from adapter.domain.tax.territory import EU, TERRITORIES, place

NOVEMBER_2026 = date(2026, 11, 20)
STANDARD = {
    "AT": "20", "BE": "21", "BG": "20", "HR": "25", "CY": "19", "CZ": "21", "DK": "25", "EE": "24", "FI": "25.5", "FR": "20", "DE": "19",
    "GR": "24", "HU": "27", "IE": "23", "IT": "22", "LV": "21", "LT": "21", "LU": "17", "MT": "18", "NL": "21", "PL": "23", "PT": "23",
    "RO": "21", "SK": "23", "SI": "22", "ES": "21", "SE": "25", "GB": "20", "XI": "20", "CH": "8.1", "LI": "8.1", "NO": "25", "IS": "24",
    "TR": "20", "UA": "20", "RS": "20", "MC": "20", "IM": "20", "EL": "24", "AE": "5", "AU": "10", "JP": "10", "NZ": "15",
}  # fmt: skip


@pytest.mark.parametrize("country", STANDARD)
def test_the_standard_rates_of_november_2026(country: str) -> None:
    assert rate(country, NOVEMBER_2026) == Decimal(STANDARD[country]) / 100


@pytest.mark.parametrize(
    ("country", "on", "kind", "wanted"),
    [
        ("DE", date(2020, 6, 30), "standard", "0.19"),
        ("DE", date(2020, 7, 1), "standard", "0.16"),
        ("DE", date(2020, 12, 31), "reduced", "0.05"),
        ("DE", date(2021, 1, 1), "reduced", "0.07"),
        ("FI", date(2024, 8, 31), "standard", "0.24"),
        ("FI", date(2024, 9, 1), "standard", "0.255"),
        ("FI", date(2025, 12, 31), "intermediate", "0.14"),
        ("FI", date(2026, 1, 1), "intermediate", "0.135"),
        ("EE", date(2023, 12, 31), "standard", "0.2"),
        ("EE", date(2025, 6, 30), "standard", "0.22"),
        ("EE", date(2025, 7, 1), "standard", "0.24"),
        ("RO", date(2025, 7, 31), "standard", "0.19"),
        ("RO", date(2025, 8, 1), "reduced", "0.11"),
        ("SK", date(2025, 1, 1), "standard", "0.23"),
        ("LT", date(2025, 12, 31), "intermediate", "0.09"),
        ("LT", date(2026, 1, 1), "intermediate", "0.12"),
        ("LU", date(2023, 6, 1), "standard", "0.16"),
        ("IE", date(2020, 9, 1), "standard", "0.21"),
        ("CZ", date(2023, 12, 31), "intermediate", "0.15"),
        ("CZ", date(2024, 1, 1), "reduced", "0.12"),
        ("CH", date(2023, 12, 31), "standard", "0.077"),
        ("CH", date(2024, 1, 1), "reduced", "0.026"),
        ("AT", date(2026, 6, 30), "super_reduced", None),
        ("AT", date(2026, 7, 1), "super_reduced", "0.049"),
        ("FR", NOVEMBER_2026, "reduced", "0.055"),
        ("FR", NOVEMBER_2026, "super_reduced", "0.021"),
        ("DK", NOVEMBER_2026, "reduced", None),
        ("SA", date(2020, 6, 30), "standard", "0.05"),
        ("SA", date(2020, 7, 1), "standard", "0.15"),
        ("SG", date(2022, 12, 31), "standard", "0.07"),
        ("SG", date(2024, 1, 1), "standard", "0.09"),
        ("EE", date(2024, 1, 1), "standard", "0.22"),
        ("LU", date(2022, 12, 31), "standard", "0.17"),
        ("LU", date(2024, 1, 1), "standard", "0.17"),
        ("IE", date(2020, 8, 31), "standard", "0.23"),
        ("IE", date(2021, 3, 1), "standard", "0.23"),
        ("SK", date(2024, 12, 31), "standard", "0.2"),
        ("RO", date(2025, 8, 1), "standard", "0.21"),
    ],
)
def test_rates_change_on_their_day(country: str, on: date, kind: str, wanted: str | None) -> None:
    assert rate(country, on, kind) == (None if wanted is None else Decimal(wanted))


@pytest.mark.parametrize(
    ("country", "postcode", "wanted"),
    [
        ("ES", "35001", "0.07"), ("ES", "38 670", "0.07"), ("IC", None, "0.07"), ("ES", "28013", "0.21"),
        ("DE", "78266", "0"), ("DE", "27498", "0"), ("DE", "27499", "0.19"), ("IT", "23041", "0"), ("IT", "22061", "0"),
        ("IT", "23030", "0.22"), ("IT", "22060", "0.22"), ("IT", "20121", "0.22"), ("FI", "22100", "0.255"), ("GR", "63086", "0"),
        ("FR", "97110", "0.085"), ("FR", "97400", "0.085"),
        ("FR", "97300", "0"), ("FR", "97600", "0"), ("FR", "75001", "0.2"), ("PT", "9500-321", "0.16"), ("PT", "9000-017", "0.22"),
        ("PT", "1000-001", "0.23"), ("AT", "6691", "0.19"), ("AT", "6993", "0.19"), ("AT", "1010", "0.2"), ("RE", None, "0.085"),
        ("AT", "87491", "0.19"), ("AT", "87568", "0.19"), ("FR", "97133", "0"), ("FR", "97150", "0"), ("FR", "97122", "0.085"),
        ("MC", "98000", "0.2"), ("AX", None, "0.255"), ("GB", "BT1 5GS", "0.2"), ("IM", "IM1 1AA", "0.2"), ("GB", "JE2 4UA", "0"),
        ("DK", "3900", "0"), ("DK", "2300", "0.25"),
    ],
)  # fmt: skip
def test_special_territories_by_postcode(country: str, postcode: str | None, wanted: str) -> None:
    assert rate(country, NOVEMBER_2026, postcode=postcode) == Decimal(wanted)


def test_special_territories_by_region() -> None:
    assert rate("ES", NOVEMBER_2026, region="ES-GC") == Decimal("0.07")
    assert rate("ES", NOVEMBER_2026, region="Canarias") == Decimal("0.07")
    assert rate("IT", NOVEMBER_2026, region="Livigno") == 0
    assert rate("PT", date(2021, 6, 30), region="Açores") == Decimal("0.18")
    assert rate("PT", date(2021, 7, 1), region="Açores") == Decimal("0.16")
    assert rate("PT", NOVEMBER_2026, region="PT-30") == Decimal("0.22")
    assert rate("PT", date(2024, 9, 30), "reduced", region="Madeira") == Decimal("0.05")
    assert rate("PT", date(2024, 10, 1), "reduced", region="Madeira") == Decimal("0.04")


def test_where_the_union_is() -> None:
    belfast, paris, las_palmas, saint_denis = (
        place("GB", "BT1 5GS"), place("FR", "75001"), place("ES", "35001"), place("RE"),
    )  # fmt: skip
    assert belfast.in_eu(goods=True)
    assert not belfast.in_eu(goods=False)
    assert (belfast.vat_country(goods=True), belfast.vat_country(goods=False)) == ("XI", "GB")
    assert paris.in_eu(goods=False)
    assert not las_palmas.in_eu(goods=True)
    assert not saint_denis.in_eu(goods=True)
    assert place("PT", "9500").in_eu(goods=True)
    assert not place("GB", "SW1A 1AA").in_eu(goods=True)
    assert place("MC").in_eu(goods=True)


@pytest.mark.parametrize(("country", "postcode"), [("ES", "51001"), ("ES", "52006"), ("EA", None)])
def test_what_ipsi_comes_to_is_not_known(country: str, postcode: str | None) -> None:
    assert rate(country, NOVEMBER_2026, postcode=postcode) is None
    assert known_rates("EA", NOVEMBER_2026) == frozenset()


def test_igic_and_ipsi_are_no_vat() -> None:
    canaries, ceuta, melilla, madrid = place("ES", "38001"), place("EA"), place("ES", "52001"), place("ES", "28013")
    assert [where.category.value for where in (canaries, ceuta, melilla, madrid)] == ["L", "M", "M", "S"]
    assert [where.vat_country(goods=False) for where in (canaries, ceuta, melilla, madrid)] == ["IC", "EA", "EA", "ES"]
    assert [where.charges_tax for where in (canaries, ceuta, place("DE", "27498"))] == [True, True, False]
    assert {Decimal("0.03"), Decimal("0.07"), Decimal("0.095")} <= known_rates("IC", NOVEMBER_2026)
    assert Decimal("0.07") not in known_rates("ES", NOVEMBER_2026)


def test_known_rates_have_those_of_a_country_and_its_regions() -> None:
    assert known_rates("DE", NOVEMBER_2026) == {Decimal("0.19"), Decimal("0.07")}
    assert Decimal("0.085") in known_rates("FR", NOVEMBER_2026)
    assert Decimal("0.19") in known_rates("AT", NOVEMBER_2026)
    assert Decimal("0.14") not in known_rates("FI", NOVEMBER_2026)
    assert Decimal("0.14") in known_rates("FI", date(2025, 12, 31))
    assert Decimal("0.048") in known_rates("IE", NOVEMBER_2026)
    assert Decimal("0.1111") in known_rates("NO", NOVEMBER_2026)


def test_nothing_is_said_that_is_not_known() -> None:
    assert rate("US", NOVEMBER_2026) is None
    assert rate("DE", KNOWN_SINCE - timedelta(days=1)) is None
    assert rate("TR", date(2023, 1, 1)) is None
    assert known_rates("US", NOVEMBER_2026) == frozenset()
    with pytest.raises(ValueError, match="luxury"):
        rate("DE", NOVEMBER_2026, "luxury")


@given(st.sampled_from(sorted(EU)), st.dates(min_value=KNOWN_SINCE, max_value=date(2030, 1, 1)))
def test_every_member_state_has_a_standard_rate_within_the_directive(country: str, on: date) -> None:
    standard = rate(country, on)
    assert standard is not None
    assert Decimal("0.15") <= standard <= Decimal("0.27")
    assert standard in known_rates(country, on)
    known = rates(country, on)
    assert known is not None
    assert all(reduced < known.standard for reduced in known.reduced)


@given(st.sampled_from(TERRITORIES), st.sampled_from(RateKind), st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 1, 1)))
def test_a_territory_never_raises(territory, kind, on) -> None:  # type: ignore[no-untyped-def]
    for region in territory.regions:
        rate(territory.country, on, kind, region=region)


@given(st.decimals(min_value=0, max_value=100, places=2))
def test_a_fraction_is_exact_and_plain(percent: Decimal) -> None:
    assert fraction(percent) * 100 == percent
    assert "E" not in str(fraction(percent))
