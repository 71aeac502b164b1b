"""Where things are supplied and whose number stands on the document: taxes other than VAT, chains, places, small enterprises."""

from datetime import date
from typing import Any

import pytest

from adapter.domain.document import Document, TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.issue import draft_credit_note, draft_invoice
from adapter.domain.order import Address, Order, TaxId
from adapter.domain.tax.adopt import Severity
from adapter.domain.tax.classify import worded
from adapter.domain.tax.mentions import Mention
from adapter.domain.tax.registrations import is_sme_number
from adapter.domain.tax.supply import Nature, Scheme, due
from tests.domain.baskets import line, order, tax
from tests.domain.sales import NUMBERS, ON, buyer, categories, checked, classified, codes, facts, seller, taxed, untaxed

S, Z, E, AE, K, G, OUTSIDE, IGIC, IPSI = TaxCategory
SPANISH = "ESB64717838"
ISLANDS, CEUTA, MADRID = ({"country": "ES", "postcode": code} for code in ("35001", "51001", "28013"))
AUSTRIAN = {"country": "AT", "number": NUMBERS["AT"]}


def in_(address: dict[str, str], number: str = SPANISH, **settings: Any) -> Entity:
    complete = Address.model_validate({**address, "street": "Calle 1", "city": "Town"})
    return seller("ES", number=number, **settings).model_copy(update={"address": complete})


def to(address: dict[str, str], **more: Any) -> dict[str, Any]:
    return {**buyer("ES", **more), "address": address}


def invoice(basket: Order, entity: Entity, **more: Any) -> Document:
    return draft_invoice(basket, entity, "shop-1", number="INV-1", issue_date=ON, **more)[0]


def vat_ids(document: Document) -> list[str]:
    return [tax_id.value for tax_id in document.seller.tax_ids]


# The Canary Islands, Ceuta and Melilla


def test_igic_within_the_canary_islands() -> None:
    result = classified(taxed(to(ISLANDS), "7"), in_(ISLANDS))
    assert (categories(result), codes(result), result.mentions) == ([IGIC], [], ())
    assert [group.name for group in result.taxes] == ["IGIC"], "a shop that says VAT there means IGIC"
    assert codes(classified(taxed(to(ISLANDS), "21"), in_(ISLANDS))) == ["rate_unknown"]


def test_ipsi_within_ceuta_has_no_known_rates() -> None:
    result = classified(taxed(to(CEUTA), "4"), in_(CEUTA))
    assert (categories(result), codes(result)) == ([IPSI], [])


def test_a_seller_on_the_mainland_exports_to_the_islands_unless_it_is_registered_there() -> None:
    mainland = seller("ES", number=SPANISH)
    export = classified(untaxed(to(ISLANDS)), mainland)
    assert (categories(export), codes(export)) == ([G], [])
    registered = in_(MADRID, registrations=[{"country": "IC", "number": "B64717838"}])
    assert categories(classified(taxed(to(ISLANDS), "7"), registered)) == [IGIC]
    assert codes(classified(taxed(to(ISLANDS), "7"), registered)) == []
    assert codes(classified(taxed(to(MADRID), "21"), registered)) == []
    assert categories(classified(taxed(to(MADRID), "21"), registered)) == [S]


def test_igic_that_is_charged_without_a_registration_is_igic_all_the_same() -> None:
    lines = (line("a", "100.00", tax("0.07", "7.00", "IGIC 7%")),)
    result = classified(order("107.00", "7.00", *lines, includes=False, buyer=to(ISLANDS)), seller("ES", number=SPANISH))
    assert (categories(result), result.taxes[0].name) == ([IGIC], "IGIC 7%")
    assert [(finding.severity, finding.code) for finding in result.findings] == [(Severity.ERROR, "not_registered")]


@pytest.mark.parametrize(("kind", "business", "category"), [("service", True, OUTSIDE), ("digital", False, OUTSIDE), ("goods", False, G)])
def test_what_goes_from_the_mainland_to_the_islands_is_no_domestic_sale(kind: str, business: bool, category: TaxCategory) -> None:
    assert categories(classified(untaxed(to(ISLANDS, business=business), kind), seller("ES", number=SPANISH))) == [category]


def test_igic_is_computed_by_its_own_name_and_rate() -> None:
    basket = order("107.00", "0", line("a", "107.00"), buyer=to(ISLANDS), tax_given_by="nobody")
    document = invoice(basket, in_(ISLANDS, registrations=[{"country": "IC", "number": SPANISH}]))
    assert [(group.category, group.name, str(group.rate), group.tax) for group in document.taxes] == [(IGIC, "IGIC", "0.07", 700)]


# Triangular transactions: what the tag says, and what can be judged


def test_a_chain_names_the_reverse_charge_and_article_141() -> None:
    entity = seller("DE", triangular_tags=["Dreieck"])
    basket = untaxed(buyer("NL", number=NUMBERS["NL"]), tags=["new", "dreieck"])
    result = classified(basket, entity, checked(NUMBERS["NL"]))
    assert (categories(result), result.mentions, codes(result)) == ([AE], (Mention.REVERSE_CHARGE, Mention.TRIANGULAR), [])
    _, mentions, found = worded(result, "DE", "en", str)
    assert mentions == (
        "Reverse charge / Steuerschuldnerschaft des Leistungsempfängers",
        "Intra-Community triangular transaction, Art. 141 of Directive 2006/112/EC",
    )
    assert [finding.code for finding in found] == ["mention_unverified"]
    assert categories(classified(untaxed(buyer("NL", number=NUMBERS["NL"])), entity, checked(NUMBERS["NL"]))) == [K]


def test_what_speaks_against_a_chain() -> None:
    other = untaxed(buyer("AT", number=NUMBERS["NL"]), tags=["chain"])
    assert "triangular_unfit" in codes(classified(other, seller("DE", triangular_tags=["chain"]), checked(NUMBERS["NL"])))
    there = seller("DE", triangular_tags=["chain"], registrations=[{"country": "NL", "number": "NL004495445B01"}])
    basket = untaxed(buyer("NL", number=NUMBERS["NL"]), tags=["chain"])
    assert codes(classified(basket, there, checked(NUMBERS["NL"]))) == ["triangular_unfit"]
    consumer = untaxed(buyer("NL"), tags=["chain"])
    assert codes(classified(consumer, seller("DE", triangular_tags=["chain"]))) == ["zero_without_reason"]


# Where services take place


@pytest.mark.parametrize(
    ("settings", "rate", "scheme", "code"),
    [
        ({}, "21", Scheme.UNREGISTERED, ["not_registered"]),
        ({}, "19", Scheme.UNREGISTERED, ["rate_of_home"]),
        ({"oss": "DE"}, "21", Scheme.OSS, []),
        ({"registrations": [{"country": "ES", "number": SPANISH}]}, "21", Scheme.REGISTERED, []),
    ],
)
def test_a_service_takes_place_where_its_tag_says(settings: dict[str, Any], rate: str, scheme: Scheme, code: list[str]) -> None:
    """A ticket for an evening in Madrid, sold by a German seller to a German."""
    entity = seller("DE", service_places={"madrid": "ES"}, **settings)
    basket = taxed(buyer("DE"), rate, "service", tags=["Madrid"])
    assert (due(facts(basket, entity), Nature.SERVICE).scheme, codes(classified(basket, entity))) == (scheme, code)
    untagged = taxed(buyer("DE"), "19", "service")
    assert codes(classified(untagged, entity)) == []


def test_a_place_outside_the_union_is_outside_the_scope() -> None:
    entity = seller("DE", service_places={"zurich": "CH"})
    assert categories(classified(untaxed(buyer("DE"), "service", tags=["zurich"]), entity)) == [OUTSIDE]
    assert categories(classified(taxed(buyer("DE"), "19", tags=["zurich"]), entity)) == [S], "goods are where they go"


# Small enterprises


def test_a_small_enterprise_and_a_business_abroad() -> None:
    """Services to a business in another member state are the buyer's to tax, unless the Union's scheme exempts them there."""
    basket = untaxed(buyer("NL", number=NUMBERS["NL"]), "service")
    small = seller("DE", small_business=True)
    assert categories(classified(basket, small, checked(NUMBERS["NL"]))) == [AE]
    wider = Entity.model_validate({**small.model_dump(), "tax_ids": [{"kind": "eu_sme", "value": "DE136695976-EX"}]})
    result = classified(basket, wider, checked(NUMBERS["NL"]))
    assert (categories(result), result.mentions) == ([E], (Mention.SMALL_BUSINESS,))
    assert vat_ids(invoice(basket, wider)) == ["DE136695976-EX"]
    assert categories(classified(untaxed(buyer("NL", number=NUMBERS["NL"])), small)) == [E], "goods are exempt at home"


def test_a_small_enterprise_is_told_what_sales_abroad_need() -> None:
    small = seller("DE", small_business=True)
    assert codes(classified(untaxed(buyer("FR")), small)) == ["small_business_abroad"]
    assert codes(classified(untaxed(buyer("DE")), small)) == []
    wider = Entity.model_validate({**small.model_dump(), "tax_ids": [{"kind": "eu_sme", "value": "DE136695976-EX"}]})
    assert codes(classified(untaxed(buyer("FR")), wider)) == []


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        ("DE136695976-EX", True), ("PL1234567890EX", True), ("de 136 695 976-ex", True), ("DE136695976", False), ("-EX", False),
        ("DE-EX", False),
    ],
)  # fmt: skip
def test_the_number_of_the_union_s_scheme_ends_with_ex(value: str, sound: bool) -> None:
    assert is_sme_number(value) is sound


# The number on the document


@pytest.mark.parametrize(
    ("basket", "settings", "number"),
    [
        (taxed(buyer("DE"), "19"), {"registrations": [AUSTRIAN]}, NUMBERS["DE"]),
        (taxed(buyer("AT"), "20"), {"registrations": [AUSTRIAN]}, NUMBERS["AT"]),
        (taxed(buyer("NL"), "19"), {"registrations": [{"country": "NL", "number": NUMBERS["NL"]}]}, NUMBERS["DE"]),
        (taxed(buyer("AT"), "20"), {"registrations": [{**AUSTRIAN, "valid_until": "2026-11-20"}]}, NUMBERS["AT"]),
        (taxed(buyer("AT"), "20"), {"registrations": [{**AUSTRIAN, "valid_until": "2026-11-19"}]}, NUMBERS["DE"]),
        (taxed(buyer("FR"), "20"), {"registrations": [AUSTRIAN], "oss": "DE"}, NUMBERS["DE"]),
        (taxed(buyer("FR"), "20"), {"registrations": [AUSTRIAN], "oss": "AT"}, NUMBERS["AT"]),
        (untaxed(buyer("NL", number=NUMBERS["NL"])), {"registrations": [AUSTRIAN]}, NUMBERS["DE"]),
        (untaxed(buyer("US")), {"registrations": [AUSTRIAN]}, NUMBERS["DE"]),
        (taxed(buyer("DE"), "19"), {"registrations": [{"country": "DE", "number": "DE811569869"}]}, "DE811569869"),
    ],
)
def test_the_number_is_the_one_of_the_registration_whose_tax_is_due(basket: Order, settings: dict[str, Any], number: str) -> None:
    """And what is no VAT number stays."""
    entity = seller("DE", **settings)
    entity = entity.model_copy(update={"tax_ids": (*entity.tax_ids, TaxId(kind="tax_number", value="27/123/45678"))})
    assert vat_ids(invoice(basket, entity)) == [number, "27/123/45678"]


def test_a_number_among_the_tax_ids_is_a_registration_too() -> None:
    ids = [{"kind": "eu_vat", "value": NUMBERS["DE"]}, {"kind": "eu_vat", "value": NUMBERS["AT"]}]
    entity = Entity.model_validate({**seller("DE").model_dump(), "tax_ids": ids})
    assert vat_ids(invoice(taxed(buyer("AT"), "20"), entity)) == [NUMBERS["AT"]]
    assert vat_ids(invoice(taxed(buyer("DE"), "19"), entity)) == [NUMBERS["DE"]]
    assert codes(classified(taxed(buyer("AT"), "20"), entity)) == []


def test_goods_there_and_a_service_at_home_name_both() -> None:
    lines = (line("a", "100.00", tax("0.20", "20.00")), line("b", "100.00", tax("0.19", "19.00"), kind="service"))
    basket = order("239.00", "39.00", *lines, includes=False, buyer=buyer("AT"))
    assert sorted(vat_ids(invoice(basket, seller("DE", registrations=[AUSTRIAN])))) == [NUMBERS["AT"], NUMBERS["DE"]]


def test_northern_ireland_names_xi_towards_the_union_alone() -> None:
    ids = [{"kind": "gb_vat", "value": "GB980780684"}, {"kind": "eu_vat", "value": "XI980780684"}]
    address = {"street": "1 Kiln Way", "postcode": "BT1 5GS", "city": "Belfast", "country": "GB"}
    entity = Entity.model_validate({**seller("GB").model_dump(), "tax_ids": ids, "address": address})
    assert vat_ids(invoice(taxed(buyer("GB"), "20"), entity)) == ["GB980780684"]
    assert vat_ids(invoice(untaxed(buyer("NL", number=NUMBERS["NL"])), entity)) == ["XI980780684"]


def test_a_credit_note_names_the_number_of_its_invoice() -> None:
    basket = taxed(buyer("AT"), "20")
    sold = invoice(basket, seller("DE", registrations=[AUSTRIAN]))
    ended = seller("DE", registrations=[{**AUSTRIAN, "valid_until": "2026-11-20"}])
    more: dict[str, Any] = {"number": "CN-1", "issue_date": date(2027, 1, 5), "refund": None, "reason": None}
    note, _ = draft_credit_note(sold, (), basket, ended, "shop-1", **more)
    assert vat_ids(note) == vat_ids(sold) == [NUMBERS["AT"]]
    nameless = sold.model_copy(update={"seller": sold.seller.model_copy(update={"tax_ids": ()})})
    assert vat_ids(draft_credit_note(nameless, (), basket, ended, "shop-1", **more)[0]) == [NUMBERS["DE"]]
