"""What an entity and a document lack in law, and what a PDF is worth in a country."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from adapter.domain.document import Document, DocumentKind, Mode
from adapter.domain.entity import Entity
from adapter.domain.issue import draft_invoice
from adapter.domain.order import Address
from adapter.domain.tax.adopt import Severity
from adapter.domain.tax.duties import NO_DUTY, TABLE, Audience, DutyKind, clearance, coming
from adapter.domain.tax.requirements import missing, missing_on, title, titles
from tests.domain.baskets import line, order, tax
from tests.domain.sales import ON, seller, taxed

COMPLETE = seller("DE").model_copy(update={"time_zone": "Europe/Berlin"})


def errors(findings: Any) -> list[str]:
    return [finding.code for finding in findings if finding.severity is Severity.ERROR]


def found(findings: Any) -> list[str]:
    return [finding.code for finding in findings]


def entity(**changes: Any) -> Entity:
    return Entity.model_validate(COMPLETE.model_dump() | changes)


def document(basket: Any = None, of: Entity = COMPLETE, **changes: Any) -> Document:
    basket = basket or taxed({"name": "Ada", "address": {"street": "Weg 1", "postcode": "1", "city": "Bonn", "country": "DE"}}, "19")
    invoice = draft_invoice(basket, of, "shop-1", number="INV-1", issue_date=ON)[0]
    return invoice.model_copy(update=changes)


def test_a_complete_entity_lacks_nothing() -> None:
    assert missing(COMPLETE) == ()
    assert COMPLETE.mode is Mode.TEST


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"address": {"city": "Berlin", "country": "DE"}}, "address_incomplete", "missing: street, postcode"),
        ({"address": {"city": "Berlin"}}, "address_incomplete", "address.country"),
        ({"tax_ids": []}, "seller_vat_id_missing", "tax_ids: add the seller's VAT number"),
        ({"tax_ids": [], "tax": {"small_business": True}}, "seller_tax_id_missing", "tax number"),
        ({"tax": {"oss": "US"}}, "oss_no_member_state", "tax.oss: US"),
    ],
)
def test_what_is_missing_is_told_when_the_entity_is_configured(changes: dict[str, Any], code: str, named: str) -> None:
    findings = missing(entity(**changes))
    assert errors(findings) == [code]
    assert named in findings[0].message


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tax_ids": [{"kind": "eu_vat", "value": "DE136695976"}, {"kind": "eu_vat", "value": "DE123456789"}]}, "tax_id_malformed"),
        ({"tax_ids": [{"kind": "eu_vat", "value": "ATU13585627"}]}, "tax_id_of_other_country"),
        ({"tax": {"registrations": [{"country": "AT", "number": "ATU1"}]}}, "registration_malformed"),
        ({"tax": {"small_business": True, "oss": "DE"}}, "small_business_with_oss"),
        (
            {"tax_ids": [{"kind": "eu_vat", "value": "DE136695976"}, {"kind": "eu_sme", "value": "DE136695976"}]},
            "tax_id_malformed",
        ),
        ({"time_zone": "UTC"}, "time_zone_default"),
    ],
)
def test_what_looks_wrong_is_said_without_an_error(changes: dict[str, Any], code: str) -> None:
    findings = missing(entity(**changes))
    assert (errors(findings), found(findings)) == ([], [code])


def test_other_countries_name_their_number() -> None:
    address = {"street": "1 Kiln Way", "postcode": "3000", "city": "Melbourne"}
    assert "ABN" in missing(entity(tax_ids=[], address={**address, "country": "AU"}))[0].message
    assert missing(entity(tax_ids=[], address={**address, "country": "US"})) == ()
    assert missing(entity(tax_ids=[{"kind": "abn", "value": "83914571673"}], address={**address, "country": "AU"})) == ()
    emirates = {**address, "country": "AE"}
    trn = [{"kind": "ae_trn", "value": "100123456700003"}]
    assert found(missing(entity(tax_ids=trn, address=emirates, second_language="ar"))) == []
    assert found(missing(entity(tax_ids=trn, address=emirates))) == ["language_wanted"]
    assert found(missing(entity(tax_ids=[], address=emirates, language="ar-AE"))) == ["seller_vat_id_missing"]
    small = {"tax_ids": [{"kind": "de_tax_number", "value": "12/345/67890"}], "tax": {"small_business": True}}
    assert missing(entity(**small)) == ()


@pytest.mark.parametrize("country", ["ES", "IC", "EA"])
def test_a_spanish_number_is_one_in_the_islands_too(country: str) -> None:
    address = {"street": "Calle 1", "postcode": "35001", "city": "Las Palmas", "country": country}
    for value in ("B64717838", "ESB64717838"):
        assert missing(entity(tax_ids=[{"kind": "eu_vat", "value": value}], address=address)) == ()


def test_what_japan_wants() -> None:
    """A registration number, a company's or an individual's, and one rounding for each rate."""
    address = {"street": "1-1", "postcode": "100-0001", "city": "Tokyo", "country": "JP"}
    for number in ("T8010401050387", "T1234567890123"):
        assert missing(entity(tax_ids=[{"kind": "vat", "value": number}], address=address)) == ()
    assert (
        "registration number (T and 13 digits)" in missing(entity(tax_ids=[{"kind": "vat", "value": "T123"}], address=address))[0].message
    )
    registered = {"tax_ids": [{"kind": "vat", "value": "T8010401050387"}], "address": address}
    assert found(missing(entity(**registered, tax={"rounding": "line"}))) == ["rounding_per_line"]
    assert found(missing(entity(**registered, tax={"rounding": "group"}))) == []


@pytest.mark.parametrize(
    ("country", "value", "sound"),
    [
        ("CH", "CHE-100.155.212", False), ("CH", "CHE-100.155.212 MWST", True), ("CH", "CHE-100.155.212 TVA", True),
        ("NO", "NO 974 760 673", False), ("NO", "NO 974 760 673 MVA", True), ("AU", "51824753556", True), ("NZ", "49091850", True),
        ("CA", "123456782RT0001", True), ("IN", "27AAPFU0939F1ZV", True), ("IN", "27AAPFU0939F1ZX", False), ("GB", "GB980780684", True),
    ],
)  # fmt: skip
def test_the_number_that_each_country_wants(country: str, value: str, sound: bool) -> None:
    address = {"street": "Street 1", "postcode": "1000", "city": "Town", "country": country}
    findings = missing(entity(tax_ids=[{"kind": "vat", "value": value}], address=address))
    assert ("seller_vat_id_missing" not in errors(findings)) is sound


def test_a_complete_document_lacks_nothing() -> None:
    assert missing_on(document()) == ()


def test_a_business_needs_a_full_address_and_a_consumer_does_not() -> None:
    address = {"country": "DE"}
    firm = taxed({"name": "Ada", "company": "Ada Example GmbH", "address": address}, "200")
    person = taxed({"name": "Ada", "address": address}, "200")
    assert errors(missing_on(document(firm))) == ["buyer_address_missing"]
    assert (errors(missing_on(document(person))), found(missing_on(document(person)))) == ([], ["buyer_address_missing"])


@pytest.mark.parametrize(
    ("country", "currency", "gross", "simplified"),
    [
        ("DE", "EUR", 25000, True), ("DE", "EUR", 25001, False), ("FR", "EUR", 15001, False), ("NL", "EUR", 10000, True),
        ("NL", "EUR", 10001, False), ("SE", "SEK", 400000, True), ("SE", "EUR", 100, False), ("GB", "GBP", 25000, True),
        ("CH", "CHF", 40000, True), ("CH", "CHF", 40001, False), ("AT", "EUR", 40000, True), ("ES", "EUR", 40001, False),
        ("IT", "EUR", 40000, True), ("PL", "PLN", 45001, False), ("GB", "GBP", 25001, False), ("AE", "AED", 1000001, False),
        ("IN", "INR", 4999999, True), ("IN", "INR", 5000000, False), ("NO", "NOK", 100, False), ("BR", "BRL", 1, False),
    ],
)  # fmt: skip
def test_small_documents_may_be_simplified(country: str, currency: str, gross: int, simplified: bool) -> None:
    total = f"{gross // 100}.{gross % 100:02d}"
    to = {"name": "Ada", "company": "Ada Example", "address": {"country": country}}
    basket = order(total, "0.01", line("a", total, tax("0.19", "0.01")), currency=currency, buyer=to)
    of = seller(country).model_copy(update={"tax_ids": COMPLETE.tax_ids})
    assert ("buyer_address_missing" in errors(missing_on(document(basket, of)))) is not simplified


@pytest.mark.parametrize("country", ["AU", "CA", "JP", "NZ"])
def test_some_countries_want_the_buyer_s_name_and_no_address(country: str) -> None:
    to = {"name": "Ada", "company": "Ada Example", "address": {"country": country}}
    currency = {"AU": "AUD", "CA": "CAD", "JP": "JPY", "NZ": "NZD"}[country]
    basket = order("200000", "1", line("a", "200000", tax("0.1", "1")), currency=currency, buyer=to)
    of = seller(country).model_copy(update={"tax_ids": COMPLETE.tax_ids})
    assert found(missing_on(document(basket, of))) == []
    assert found(missing_on(document(basket, of, buyer=None))) == ["buyer_missing"]


def test_what_goes_to_another_member_state_is_never_simplified() -> None:
    """Art. 33: a distance sale of 10 euro needs the buyer where an invoice is made at all."""
    at_home, abroad = (
        order("10.00", "0.10", line("a", "10.00", tax("0.19", "0.10")), buyer={"name": "Ada", "address": {"country": country}})
        for country in ("DE", "FR")
    )
    assert found(missing_on(document(at_home))) == []
    assert found(missing_on(document(abroad))) == ["buyer_address_missing"]
    sent = at_home.model_copy(update={"ship_to": abroad.buyer})
    assert found(missing_on(document(sent))) == ["buyer_address_missing"]


def test_a_full_invoice_to_a_business_has_unit_prices_without_tax() -> None:
    to = {"name": "Ada", "company": "Ada GmbH", "address": {"street": "Weg 1", "postcode": "1", "city": "Bonn", "country": "DE"}}

    def said(total: str, buyer: dict[str, Any], *, includes: bool = True, of: Entity = COMPLETE) -> list[str]:
        net = total if includes else str(Decimal(total) - 19)
        return found(missing_on(document(order(total, "19", line("a", net, tax("0.19", "19")), includes=includes, buyer=buyer), of)))

    assert said("519", to) == ["unit_price_with_tax"]
    assert said("519", to, includes=False) == []
    assert said("119", to) == [], "a simplified invoice needs none"
    assert said("519", {**to, "company": None}) == []
    assert said("519", to, of=seller("JP").model_copy(update={"tax_ids": COMPLETE.tax_ids})) == []


def test_numbers_that_india_would_refuse() -> None:
    indian = document().seller.model_copy(update={"address": Address(street="1 Kiln Way", city="Pune", postcode="411001", country="IN")})
    assert found(missing_on(document(number="INV-2026-0000001", seller=indian))) == []
    assert "number_too_long" in found(missing_on(document(number="INV-2026-00000001", seller=indian)))
    assert missing_on(document(number="INV-2026-00000001")) == ()


def test_what_a_document_lacks_in_itself() -> None:
    assert errors(missing_on(document(kind=DocumentKind.CREDIT_NOTE))) == ["original_missing"]
    assert found(missing_on(document(number="INVOICE"))) == ["number_without_digit"]
    rateless = order("119.00", "19.00", line("a", "119.00", tax(None, "19.00")), buyer={"name": "Ada"})
    assert found(missing_on(document(rateless))) == ["rate_missing"]


def test_titles_by_country() -> None:
    assert title(document()) == "Invoice"
    assert title(document(kind=DocumentKind.CREDIT_NOTE)) == "Credit note"
    named = {country: (titles(country).invoice, titles(country).credit_note, titles(country).tax) for country in ("GB", "CH", "NO", "NZ")}
    assert set(named.values()) == {("Invoice", "Credit note", "VAT"), ("Invoice", "Credit note", "GST")}
    assert named["NZ"][2] == "GST"
    assert titles("IN") == titles("SG") == ("Tax invoice", "Credit note", "GST")
    assert titles("AE").invoice == "Tax invoice"
    assert titles("JP") == ("Invoice", "Credit note", "Consumption tax")
    assert titles("CA") == ("Invoice", "Credit note", "GST/HST")
    assert (titles("AU").invoice, titles("AU").credit_note, titles("AU").tax) == ("Tax invoice", "Adjustment note", "GST")
    assert titles("AU", taxed=False).invoice == "Invoice"
    assert titles("US").credit_note == "Credit memo"
    assert titles("ZZ").invoice == "Invoice"


@pytest.mark.parametrize(
    ("country", "on", "business", "large", "kind", "pdf_enough"),
    [
        ("DE", "2026-11-20", True, True, DutyKind.NONE, True),
        ("DE", "2027-01-01", True, False, DutyKind.NONE, True),
        ("DE", "2027-01-01", True, True, DutyKind.E_INVOICE, False),
        ("DE", "2028-01-01", True, False, DutyKind.E_INVOICE, False),
        ("DE", "2028-01-01", False, True, DutyKind.NONE, True),
        ("FR", "2026-11-20", True, True, DutyKind.E_INVOICE, False),
        ("FR", "2026-11-20", True, False, DutyKind.NONE, True),
        ("FR", "2026-11-20", False, True, DutyKind.REPORTING, True),
        ("BE", "2026-11-20", True, False, DutyKind.E_INVOICE, False),
        ("BE", "2025-12-31", True, True, DutyKind.NONE, True),
        ("PL", "2026-11-20", True, False, DutyKind.CLEARANCE, False),
        ("PL", "2026-11-20", False, False, DutyKind.NONE, True),
        ("IT", "2026-11-20", True, False, DutyKind.CLEARANCE, False),
        ("HR", "2026-11-20", False, False, DutyKind.FISCALISATION, False),
        ("RO", "2026-11-20", False, False, DutyKind.CLEARANCE, False),
        ("HU", "2026-11-20", False, False, DutyKind.REPORTING, True),
        ("PT", "2026-11-20", False, False, DutyKind.FISCALISATION, False),
        ("ES", "2026-11-20", True, True, DutyKind.NONE, True),
        ("ES", "2027-07-01", False, False, DutyKind.FISCALISATION, False),
        ("US", "2026-11-20", True, True, DutyKind.NONE, True),
    ],
)
def test_what_a_pdf_is_worth(country: str, on: str, business: bool, large: bool, kind: DutyKind, pdf_enough: bool) -> None:
    duty = clearance(country, date.fromisoformat(on), business=business, large=large)
    assert (duty.kind, duty.pdf_enough) == (kind, pdf_enough)


def test_sales_abroad_are_no_domestic_business() -> None:
    assert clearance("BE", ON, business=True, domestic=False) == NO_DUTY
    assert clearance("FR", ON, business=True, domestic=False, large=True).kind is DutyKind.REPORTING
    assert clearance("IT", ON, business=False, domestic=False) == NO_DUTY


def test_duties_to_come_and_the_table_itself() -> None:
    assert [row.since.isoformat() for row in coming("DE", ON)] == ["2027-01-01", "2028-01-01"]
    assert coming("US", ON) == ()
    assert all(row.duty.note and (row.duty.source or not row.duty.verified) for row in TABLE)
    assert {row.audience for row in TABLE} == set(Audience)
