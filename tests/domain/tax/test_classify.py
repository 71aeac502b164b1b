"""The legal category of what was charged, the reason where nothing was, and what does not fit together."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given

from adapter.domain.document import TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.issue import draft_credit_note, draft_invoice
from adapter.domain.order import LineKind
from adapter.domain.tax.adopt import Severity, adopt
from adapter.domain.tax.classify import classify, holding, inherited, worded
from adapter.domain.tax.mentions import Mention
from adapter.domain.tax.settings import TaxSettings
from adapter.domain.tax.supply import Nature, due, natures, number_to_check, sale
from adapter.domain.tax.vat_id import VatIdState
from tests.domain.baskets import line, order, orders, tax
from tests.domain.sales import NUMBERS, ON, buyer, categories, checked, classified, codes, facts, seller, taxed, untaxed

S, Z, E, AE, K, G, OUTSIDE, IGIC, IPSI = TaxCategory


def plain(text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("entity", "basket"),
    [
        (seller("DE"), taxed(buyer("DE"), "19")),
        (seller("DE"), taxed(None, "7")),
        (seller("DE", oss="DE"), taxed(buyer("FR"), "20")),
        (seller("DE", registrations=[{"country": "AT", "number": "ATU13585627"}]), taxed(buyer("AT"), "20")),
        (seller("DE"), taxed(buyer("FR"), "19", "service")),
        (seller("GB"), taxed(buyer("GB", postcode="BT1 5GS"), "20")),
        (seller("CH", number="CHE-100.155.212 MWST", ioss=True), taxed(buyer("DE"), "19")),
        (seller("DE"), taxed(buyer("AT", number=NUMBERS["DE"]), "19")),
    ],
)
def test_what_is_taxed_rightly_has_nothing_to_say(entity: Entity, basket: Any) -> None:
    result = classified(basket, entity)
    assert categories(result) == [S]
    assert [code for code in codes(result) if code != "home_rate_abroad"] == []
    assert (result.mentions, result.reasons) == ((), ())
    assert result.lines == adopt(basket).lines


def test_goods_to_a_business_in_another_member_state() -> None:
    result = classified(untaxed(buyer("NL", number=NUMBERS["NL"])), seller("DE"), checked(NUMBERS["NL"]))
    assert categories(result) == [K]
    assert result.taxes[0].exemption_code == "VATEX-EU-IC"
    assert (result.taxes[0].base, result.taxes[0].rate) == (10000, 0)
    assert result.mentions == (Mention.INTRA_COMMUNITY,)
    assert codes(result) == []


@pytest.mark.parametrize("kind", ["service", "digital"])
def test_services_to_a_business_in_another_member_state(kind: str) -> None:
    result = classified(untaxed(buyer("GR", number=NUMBERS["GR"]), kind), seller("DE"), checked(NUMBERS["GR"]))
    assert categories(result) == [AE]
    assert result.mentions == (Mention.REVERSE_CHARGE,)
    groups, mentions, findings = worded(result, "DE", "en", plain)
    assert mentions == ("Reverse charge / Steuerschuldnerschaft des Leistungsempfängers",)
    assert groups[0].exemption == mentions[0]
    assert findings == ()


@pytest.mark.parametrize(
    ("state", "severity", "code"),
    [
        (VatIdState.UNAVAILABLE, Severity.WARNING, "vat_id_unavailable"),
        (VatIdState.NOT_CHECKED, Severity.WARNING, "vat_id_not_checked"),
        (VatIdState.INVALID, Severity.ERROR, "vat_id_invalid"),
    ],
)
def test_unavailable_is_not_invalid(state: VatIdState, severity: Severity, code: str) -> None:
    basket = untaxed(buyer("NL", number=NUMBERS["NL"]))
    result = classified(basket, seller("DE"), checked(NUMBERS["NL"], state))
    assert [(finding.severity, finding.code) for finding in result.findings] == [(severity, code)]
    assert categories(result) == ([Z] if state is VatIdState.INVALID else [K])
    assert result.lines[0].gross == 10000, "a tax is never added to what was charged"


def test_a_check_of_another_number_proves_nothing() -> None:
    result = classified(untaxed(buyer("NL", number=NUMBERS["NL"])), seller("DE"), checked(NUMBERS["GR"]))
    assert codes(result) == ["vat_id_not_checked"]


def test_a_valid_number_of_somebody_else_is_noticed() -> None:
    basket = untaxed(buyer("NL", number=NUMBERS["NL"], company="Molen Voorbeeld B.V."))
    same = checked(NUMBERS["NL"], name="VOORBEELD MOLEN BV")
    other = checked(NUMBERS["NL"], name="Tulpen Export BV")
    assert codes(classified(basket, seller("DE"), same)) == []
    assert codes(classified(basket, seller("DE"), other)) == ["vat_id_other_name"]
    elsewhere = untaxed(buyer("FR", number=NUMBERS["NL"]))
    assert codes(classified(elsewhere, seller("DE"), checked(NUMBERS["NL"]))) == ["vat_id_other_country"]


def test_an_intra_community_supply_needs_numbers_and_a_destination() -> None:
    no_number = classified(untaxed(buyer("NL", business=True)), seller("DE"))
    assert (categories(no_number), codes(no_number)) == ([Z], ["vat_id_missing"])
    own_country = classified(untaxed(buyer("NL", number="DE136695976")), seller("DE"))
    assert (categories(own_country), codes(own_country)) == ([Z], ["vat_id_missing"])
    entity = seller("DE").model_copy(update={"tax_ids": ()})
    result = classified(untaxed(buyer("NL", number=NUMBERS["NL"])), entity, checked(NUMBERS["NL"]))
    assert (categories(result), codes(result)) == ([K], ["seller_vat_id_missing"])


def test_zero_without_a_reason() -> None:
    result = classified(untaxed(buyer("DE")), seller("DE"))
    assert categories(result) == [Z]
    assert [(finding.severity, finding.code) for finding in result.findings] == [(Severity.ERROR, "zero_without_reason")]
    domestic_business = classified(untaxed(buyer("DE", number=NUMBERS["DE"])), seller("DE"))
    assert (categories(domestic_business), codes(domestic_business)) == ([Z], ["zero_without_reason"])
    consumer = classified(untaxed(buyer("FR")), seller("DE", oss="DE"))
    assert codes(consumer) == ["zero_without_reason"]


def test_domestic_reverse_charge_only_where_the_seller_says_so() -> None:
    result = classified(untaxed(buyer("AT", number=NUMBERS["AT"])), seller("AT", domestic_reverse_charge=True), checked(NUMBERS["AT"]))
    assert (categories(result), result.mentions, codes(result)) == ([AE], (Mention.REVERSE_CHARGE,), [])
    consumer = classified(untaxed(buyer("AT")), seller("AT", domestic_reverse_charge=True))
    assert codes(consumer) == ["zero_without_reason"]


@pytest.mark.parametrize(
    ("to", "entity"),
    [
        (buyer("US"), seller("DE")),
        (buyer("CH"), seller("DE")),
        (buyer("ES", postcode="35001"), seller("DE")),
        (buyer("ES", postcode="35001"), seller("ES", number="ESB64717838")),
        (buyer("DE", postcode="27498"), seller("DE")),
        (buyer("GB", postcode="SW1A 1AA"), seller("DE")),
        (buyer("DE"), seller("GB")),
        (buyer("DE"), seller("CH", number="CHE-100.155.212 MWST")),
        (buyer("FI", postcode="22100"), seller("DE")),
        (buyer("RE"), seller("FR")),
    ],
)
def test_exports_of_goods(to: dict[str, Any], entity: Entity) -> None:
    result = classified(untaxed(to, "goods", "shipping"), entity)
    assert categories(result) == [G]
    assert result.taxes[0].base == 20000
    assert result.mentions == (Mention.EXPORT,)
    assert codes(result) == []


def test_northern_ireland_is_in_the_union_for_goods_alone() -> None:
    to = buyer("GB", postcode="BT1 5GS", number="XI980780684")
    assert categories(classified(untaxed(to), seller("DE"), checked("XI980780684"))) == [K]
    assert categories(classified(untaxed(to, "service"), seller("DE"))) == [OUTSIDE]
    assert categories(classified(untaxed(buyer("MC", number=NUMBERS["FR"])), seller("DE"), checked(NUMBERS["FR"]))) == [K]


def test_services_outside_the_union() -> None:
    business = classified(untaxed(buyer("US", business=True), "service"), seller("DE"))
    assert (categories(business), business.mentions, business.taxes[0].rate) == ([OUTSIDE], (Mention.OUTSIDE_SCOPE,), None)
    digital = classified(untaxed(buyer("US"), "digital"), seller("DE"))
    assert categories(digital) == [OUTSIDE]
    consumer = classified(untaxed(buyer("US"), "service"), seller("DE"))
    assert codes(consumer) == ["zero_without_reason"]


def test_outside_the_scope_stands_alone_or_not_at_all() -> None:
    voucher = classified(untaxed(buyer("DE"), "gift_card"), seller("DE"))
    assert (categories(voucher), voucher.mentions) == ([OUTSIDE], (Mention.VOUCHER,))
    lines = (line("a", "100.00", tax("0.19", "19.00")), line("t", "10.00", kind="tip"))
    mixed = classified(order("129.00", "19.00", *lines, includes=False, buyer=buyer("DE")), seller("DE"))
    assert categories(mixed) == [S, E]
    assert mixed.mentions == (Mention.OUTSIDE_SCOPE,)
    assert codes(mixed) == []
    lines = (*lines, line("g", "50.00", kind="gift_card"))
    both = classified(order("179.00", "19.00", *lines, includes=False, buyer=buyer("DE")), seller("DE"))
    groups, mentions, _ = worded(both, "DE", "en", plain)
    assert (categories(both), groups[1].base, groups[1].exemption) == ([S, E], 6000, "; ".join(mentions))


@pytest.mark.parametrize("kinds", [("goods", "shipping"), ("service",)])
def test_a_credit_note_keeps_the_category_of_its_invoice(kinds: tuple[str, ...]) -> None:
    basket, entity = untaxed(buyer("NL", number=NUMBERS["NL"]), *kinds), seller("DE")
    result = classified(basket, entity, checked(NUMBERS["NL"]))
    invoice = draft_invoice(basket, entity, "shop-1", number="INV-1", issue_date=ON)[0]
    invoice = invoice.model_copy(update={"lines": result.lines, "taxes": result.taxes})
    note = draft_credit_note(
        invoice, (), basket, entity, "shop-1", number="CN-1", issue_date=ON, refund=None, reason=None
    )[0]  # fmt: skip
    assert [group.category for group in note.taxes] == categories(result)
    assert [group.base for group in note.taxes] == [group.base for group in invoice.taxes]
    groups = worded(result, "DE", "en", plain)[0]
    again = inherited(note.taxes, invoice.model_copy(update={"taxes": groups}))
    assert [(group.exemption, group.exemption_code) for group in again] == [(group.exemption, group.exemption_code) for group in groups]
    assert all(group.exemption and group.exemption_code for group in again)


def test_which_number_is_worth_a_question() -> None:
    goods = [LineKind.GOODS, LineKind.SHIPPING]
    to = buyer("NL", number=NUMBERS["NL"])
    assert str(number_to_check(facts(untaxed(to), seller("DE")), goods)) == NUMBERS["NL"]
    assert number_to_check(facts(untaxed(buyer("DE", number=NUMBERS["DE"])), seller("DE")), goods) is None
    assert number_to_check(facts(untaxed(buyer("US")), seller("DE")), goods) is None


def test_small_business() -> None:
    result = classified(untaxed(buyer("FR")), seller("FR", small_business=True))
    assert (categories(result), result.taxes[0].exemption_code, codes(result)) == ([E], "VATEX-FR-FRANCHISE", [])
    assert worded(result, "FR", "fr", plain)[1] == ("TVA non applicable, art. 293 B du CGI",)
    german = classified(untaxed(buyer("DE")), seller("DE", small_business=True))
    assert worded(german, "DE", "de", plain)[1] == ("Steuerbefreiung für Kleinunternehmer (§ 19 UStG)",)
    wrong = classified(taxed(buyer("DE"), "19"), seller("DE", small_business=True))
    assert [(finding.severity, finding.code) for finding in wrong.findings] == [(Severity.ERROR, "small_business_charges_tax")]


def test_margin_scheme_and_exemptions_of_the_seller() -> None:
    result = classified(untaxed(buyer("DE")), seller("DE", margin_scheme="second_hand"))
    assert (categories(result), result.taxes[0].exemption_code, result.mentions) == ([E], "VATEX-EU-F", (Mention.MARGIN_SECOND_HAND,))
    medicine = seller("DE", exemption={"code": "VATEX-EU-132-1C", "reason": "Heilbehandlung, § 4 Nr. 14 UStG"})
    exempt = classified(untaxed(buyer("DE"), "service"), medicine)
    groups, mentions, _ = worded(exempt, "DE", "de", plain)
    assert (groups[0].category, groups[0].exemption_code, groups[0].exemption) == (E, "VATEX-EU-132-1C", mentions[0])
    assert mentions == ("Exempt from VAT: Heilbehandlung, § 4 Nr. 14 UStG",)


@pytest.mark.parametrize(
    ("basket", "entity", "severity", "code"),
    [
        (taxed(buyer("FR"), "20"), seller("DE"), Severity.ERROR, "not_registered"),
        (taxed(buyer("FR"), "19"), seller("DE"), Severity.INFO, "home_rate_abroad"),
        (taxed(buyer("FR"), "19"), seller("DE", oss="DE"), Severity.WARNING, "rate_of_home"),
        (taxed(buyer("DE"), "16"), seller("DE"), Severity.WARNING, "rate_unknown"),
        (taxed(buyer("US"), "19"), seller("DE"), Severity.WARNING, "tax_on_export"),
        (taxed(buyer("GB"), "20"), seller("DE"), Severity.ERROR, "not_registered"),
        (taxed(buyer("NL", number=NUMBERS["NL"]), "19"), seller("DE"), Severity.WARNING, "tax_on_intra_community"),
        (taxed(buyer("NL", number=NUMBERS["NL"]), "19", "digital"), seller("DE"), Severity.WARNING, "tax_on_reverse_charge"),
        (taxed(buyer("US"), "19", "digital"), seller("DE"), Severity.WARNING, "tax_outside_scope"),
    ],
)
def test_what_was_charged_wrongly_is_said(basket: Any, entity: Entity, severity: Severity, code: str) -> None:
    result = classified(basket, entity)
    assert categories(result) == [S]
    assert [(finding.severity, finding.code) for finding in result.findings] == [(severity, code)]
    assert result.lines == adopt(basket).lines


@pytest.mark.parametrize(
    ("taxes", "code"),
    [
        (("9", "9", "9"), []),
        (("9", "9", "8"), []),
        (("9", "8", "8"), ["tax_rounded_per_line"]),
        (("10", "9", "9"), ["tax_rounded_per_line"]),
    ],
)
def test_a_storefront_that_rounds_each_line_is_told_what_japan_wants(taxes: tuple[str, ...], code: list[str]) -> None:
    """Of 294 yen with 10 % in them 26.73 are tax: 26 or 27 is one rounding, 25 or 28 is several. What was charged stays."""
    lines = [line(f"line-{index}", "98", tax("0.10", amount)) for index, amount in enumerate(taxes)]
    basket = order("294", str(sum(map(int, taxes))), *lines, currency="JPY", buyer=buyer("JP"))
    result = classified(basket, seller("JP", number="T8010401050387"))
    assert codes(result) == code
    assert sum(group.tax for group in result.taxes) == sum(map(int, taxes))
    assert "tax_rounded_per_line" not in codes(classified(basket, seller("AU", number="51824753556")))


def test_a_rate_is_judged_on_its_day() -> None:
    assert codes(classified(taxed(buyer("DE"), "16"), seller("DE"), on=date(2020, 10, 1))) == []
    assert codes(classified(taxed(buyer("DE"), "19"), seller("DE"), on=date(2020, 10, 1))) == ["rate_unknown"]


def test_tax_without_a_number_of_the_seller() -> None:
    entity = seller("DE").model_copy(update={"tax_ids": ()})
    assert codes(classified(taxed(buyer("DE"), "19"), entity)) == ["seller_not_registered"]


def test_sales_tax_countries_keep_what_was_charged() -> None:
    basket = untaxed(buyer("US"))
    result = classified(basket, seller("US"))
    assert (result.lines, result.taxes, result.findings) == (adopt(basket).lines, adopt(basket).taxes, ())


def test_zero_rates_of_the_united_kingdom() -> None:
    result = classified(untaxed(buyer("GB")), seller("GB"))
    assert (categories(result), result.mentions, codes(result)) == ([Z], (Mention.ZERO_RATED,), ["zero_rated_assumed"])


def test_a_gift_in_the_parcel_stands_with_what_was_sold() -> None:
    lines = (line("a", "100.00", tax("0.19", "19.00")), line("gift", "0.00"))
    result = classified(order("119.00", "19.00", *lines, includes=False, buyer=buyer("DE")), seller("DE"))
    assert categories(result) == [S]
    assert [each.rate for each in result.lines[1].taxes] == [result.lines[0].taxes[0].rate]


def test_a_free_order_needs_no_reason() -> None:
    basket = order("0.00", "0", line("sample", "0.00"), buyer=buyer("DE"))
    assert (categories(classified(basket, seller("DE"))), codes(classified(basket, seller("DE")))) == ([Z], [])


def test_a_company_outside_the_union_is_a_business() -> None:
    company = classified(untaxed(buyer("US", company="Example Inc."), "service"), seller("DE"))
    assert (categories(company), codes(company)) == ([OUTSIDE], [])
    assert not facts(untaxed(buyer("FR", company="Exemple SARL")), seller("DE")).business


def test_shipping_and_fees_share_the_nature_of_what_they_go_with() -> None:
    goods = natures([LineKind.SHIPPING, LineKind.GOODS, LineKind.DIGITAL, LineKind.TIP])
    assert goods == [Nature.GOODS, Nature.GOODS, Nature.DIGITAL, Nature.NONE]
    assert natures([LineKind.FEE, LineKind.DIGITAL]) == [Nature.DIGITAL, Nature.DIGITAL]
    assert natures([LineKind.FEE]) == [Nature.SERVICE]


def test_what_holds_a_document_is_the_entity_s_choice() -> None:
    findings = classified(untaxed(buyer("DE")), seller("DE")).findings
    assert holding(findings, TaxSettings()) == ()
    assert [finding.code for finding in holding(findings, TaxSettings(holding=("error",)))] == ["zero_without_reason"]
    assert holding(findings, TaxSettings(holding=("error",), tolerated=("zero_without_reason",))) == ()
    warned = classified(taxed(buyer("DE"), "16"), seller("DE")).findings
    assert holding(warned, TaxSettings()) == ()
    assert [finding.code for finding in holding(warned, TaxSettings(holding=("rate_unknown",)))] == ["rate_unknown"]


def test_facts_of_an_order() -> None:
    basket = untaxed(buyer("NL", number=NUMBERS["NL"]), ship_to=buyer("FR"))
    known = facts(basket, seller("DE"))
    assert known.goods_to is not None
    assert known.buyer is not None
    assert (known.goods_to.country, known.buyer.country, known.business, known.vat_id) == ("FR", "NL", True, NUMBERS["NL"])
    assert due(known, Nature.GOODS).category is K
    assert not sale(untaxed(buyer("NL", number=NUMBERS["NL"], business=False)), seller("DE"), ON).business
    unknown = sale(untaxed(None), seller("DE"), ON)
    assert (unknown.goods_to, unknown.business, due(unknown, Nature.GOODS).country) == (None, False, "DE")


@given(orders())
def test_classifying_never_changes_an_amount(basket: Any) -> None:
    adopted = adopt(basket)
    for entity in (seller("DE"), seller("FR", small_business=True), seller("US"), seller("GB")):
        result = classify(sale(basket, entity, ON), adopted)
        amounts = [(one.net, one.tax, one.gross) for one in result.lines]
        assert amounts == [(one.net, one.tax, one.gross) for one in adopted.lines]
        assert sum(group.tax for group in result.taxes) == adopted.totals.tax
        if categories(result).count(OUTSIDE):
            assert set(categories(result)) == {OUTSIDE}
