"""VAT numbers as people type them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.order import Address, Party, TaxId
from adapter.domain.tax.vat_id import VIES, VatIdCheck, VatIdState, VatNumber, party_vat_number, vat_number, wait_until


@pytest.mark.parametrize(
    ("typed", "country", "wanted", "register"),
    [
        ("DE 136.695.976", None, "DE136695976", "vies"),
        ("136695976", "DE", "DE136695976", "vies"),
        ("el 094259216", None, "EL094259216", "vies"),
        ("GR094259216", None, "EL094259216", "vies"),
        ("094259216", "GR", "EL094259216", "vies"),
        ("B64717838", "ES", "ESB64717838", "vies"),
        ("NL004495445B01", "DE", "NL004495445B01", "vies"),
        ("XI 980 7806 84", "GB", "XI980780684", "vies"),
        ("GB980780684", None, "GB980780684", "hmrc"),
        ("CHE-100.155.212 MWST", None, "CHE100155212MWST", "uid"),
        ("NO 995 525 828 MVA", None, "NO995525828MVA", "brreg"),
        ("83 914 571 673", "AU", "AU83914571673", "abr"),
        ("T5835678256246", "JP", "JP5835678256246", None),
        ("27AAPFU0939F1ZV", "IN", "IN27AAPFU0939F1ZV", None),
        ("49-098-576", "NZ", "NZ49098576", None),
    ],
)
def test_numbers_are_read(typed: str, country: str | None, wanted: str, register: str | None) -> None:
    number = vat_number(typed, country)
    assert number is not None
    assert (str(number), number.register) == (wanted, register)


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("DE123456789", None),  # a wrong check digit
        ("136695976", None),  # no country
        ("CHE-100.155.212", "CH"),  # a company number that is not registered for VAT
        ("995525828", "NO"),
        ("XX123", "US"),
        ("12-3456789", "US"),
        ("", "DE"),
        ("CHE", None),
        ("ÄÖ123", None),
    ],
)
def test_what_is_no_vat_number_is_none(typed: str, country: str | None) -> None:
    assert vat_number(typed, country) is None


def test_greece_is_el_in_numbers_and_gr_as_a_country() -> None:
    number = vat_number("EL094259216")
    assert number == VatNumber("EL", "094259216")
    assert number.country == "GR"
    assert VatNumber("XI", "980780684").country == "XI"
    assert len(VIES) == 28
    assert {"EL", "XI"} <= VIES
    assert not {"GR", "GB"} & VIES


def test_the_number_of_a_party_is_the_first_that_is_one() -> None:
    ids = (TaxId(kind="unknown", value="n/a"), TaxId(kind="unknown", value="ATU13585627"), TaxId(kind="eu_vat", value="136695976"))
    party = Party(tax_ids=ids, address=Address(country="DE"))
    assert str(party_vat_number(party)) == "DE136695976"
    assert party_vat_number(Party()) is None
    assert party_vat_number(None) is None


def test_a_check_that_was_not_made_says_so() -> None:
    check = VatIdCheck(number="DE136695976")
    assert check.state is VatIdState.NOT_CHECKED
    assert check.consultation_number is None


def test_a_document_waits_for_a_register_that_is_unavailable_and_for_no_other() -> None:
    asked = datetime(2026, 11, 20, 9, tzinfo=UTC)
    unavailable = VatIdCheck(number="DE136695976", state=VatIdState.UNAVAILABLE)
    assert wait_until(unavailable, asked, 24) == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert wait_until(unavailable, asked, 0) is None
    assert wait_until(VatIdCheck(number="DE136695976", state=VatIdState.INVALID), asked, 24) is None


@given(st.text(max_size=40), st.sampled_from([None, "DE", "ES", "CH", "US", "ZZ", "JP"]))
def test_nothing_that_is_typed_raises(typed: str, country: str | None) -> None:
    number = vat_number(typed, country)
    assert number is None or vat_number(str(number)) == number or number.prefix in {"JP", "AU", "NZ", "IN", "CA"}
