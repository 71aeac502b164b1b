"""Tax computed where the order states none: exact values, and properties over thousands of orders."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapter.domain.order import Order
from adapter.domain.phrases import in_english
from adapter.domain.tax.adopt import adopt
from adapter.domain.tax.compute import compute, rules_for
from adapter.domain.tax.settings import Rounding, TaxRule, TaxRuleKind
from adapter.domain.tax.taxing import taxed
from adapter.errors import Held
from tests.domain.baskets import line, order
from tests.domain.sales import buyer, facts, seller

EUR = {"currency": "EUR"}


def rule(name: str = "VAT", rate: str | None = "0.19", **more: Any) -> TaxRule:
    return TaxRule.model_validate({"name": name, "rate": rate, **more})


def fixed(name: str, amount: str, kind: str = "per_unit", **more: Any) -> TaxRule:
    return TaxRule.model_validate({"name": name, "kind": kind, "amount": amount, "currency": "EUR", **more})


def plain(total: str, *lines: dict[str, Any], includes: bool = True, to: dict[str, Any] | None = None, **more: Any) -> Order:
    return order(total, "0", *lines, includes=includes, buyer=to or buyer("DE"), tax_given_by="nobody", **more)


def computed(basket: Order, *rules: TaxRule, rounding: Rounding = Rounding.LINE, **settings: Any) -> Order:
    return compute(basket, rules, facts(basket, seller("DE", **settings)), rounding)


def taxes(basket: Order) -> list[list[tuple[str, Decimal]]]:
    return [[(tax.name, tax.amount) for tax in one.taxes] for one in basket.lines]


def test_a_percentage_in_the_price_and_on_top() -> None:
    contained = computed(plain("119.00", line("a", "119.00")), rule())
    assert (taxes(contained), contained.totals.tax, contained.totals.total) == (
        [[("VAT", Decimal("19.00"))]],
        Decimal("19.00"),
        Decimal("119.00"),
    )
    added = computed(plain("100.00", line("a", "100.00"), includes=False), rule())
    assert (added.totals.tax, added.totals.total) == (Decimal("19.00"), Decimal("119.00"))
    for basket in (contained, added):
        adopted = adopt(basket)
        assert (adopted.totals.net, adopted.totals.tax, adopted.totals.gross) == (10000, 1900, 11900)
        assert adopted.findings == ()


def test_half_a_cent_is_rounded_up() -> None:
    basket = computed(plain("0.50", line("a", "0.50"), includes=False), rule(rate="0.19"))
    assert basket.totals.tax == Decimal("0.10")  # 0.095
    assert computed(plain("-0.50", line("a", "-0.50"), includes=False), rule(rate="0.19")).totals.tax == Decimal("-0.10")


@pytest.mark.parametrize(("rounding", "total"), [(Rounding.LINE, "0.03"), (Rounding.GROUP, "0.04"), (Rounding.DOCUMENT, "0.04")])
def test_rounding_by_line_or_by_rate(rounding: Rounding, total: str) -> None:
    lines = [line(name, "0.14") for name in "abc"]
    basket = computed(plain("0.42", *lines, includes=False), rule(rate="0.1"), rounding=rounding)
    assert basket.totals.tax == Decimal(total)  # 3 x 0.014
    assert sum(one.taxes[0].amount for one in basket.lines) == Decimal(total)
    assert adopt(basket).totals.tax == Decimal(total) * 100


def test_rounding_by_document_is_over_all_rates() -> None:
    lines = [line("a", "0.14"), line("b", "0.14", kind="service")]
    rules = [rule("A", "0.1", line_kinds=["goods"]), rule("B", "0.1", line_kinds=["service"])]
    assert computed(plain("0.28", *lines, includes=False), *rules, rounding=Rounding.GROUP).totals.tax == Decimal("0.02")
    assert computed(plain("0.28", *lines, includes=False), *rules, rounding=Rounding.DOCUMENT).totals.tax == Decimal("0.03")


def test_compound_taxes_in_the_order_of_priority() -> None:
    gst, pst = rule("GST", "0.05"), rule("PST", "0.0975", priority=2, compound=True)
    added = computed(plain("100.00", line("a", "100.00"), includes=False), pst, gst)
    assert taxes(added) == [[("GST", Decimal("5.00")), ("PST", Decimal("10.24"))]]  # 105.00 x 0.0975 = 10.2375
    contained = computed(plain("115.24", line("a", "115.24")), pst, gst)
    assert taxes(contained) == [[("GST", Decimal("5.00")), ("PST", Decimal("10.24"))]]
    beside = computed(plain("100.00", line("a", "100.00"), includes=False), gst, rule("PST", "0.0975", priority=2))
    assert taxes(beside) == [[("GST", Decimal("5.00")), ("PST", Decimal("9.75"))]]


def test_fixed_taxes_per_unit_and_per_order() -> None:
    lines = (line("a", "30.00", quantity="3"), line("b", "10.00"), line("s", "5.00", kind="shipping"))
    eco = computed(plain("45.00", *lines, includes=False), fixed("Eco fee", "0.25"))
    assert taxes(eco) == [[("Eco fee", Decimal("0.75"))], [("Eco fee", Decimal("0.25"))], []]
    assert eco.totals.total == Decimal("46.00")
    once = computed(plain("45.00", *lines, includes=False), fixed("Stamp duty", "2.00", "per_order"))
    assert taxes(once) == [[("Stamp duty", Decimal("1.50"))], [("Stamp duty", Decimal("0.50"))], []]
    both = computed(plain("10.00", line("a", "10.00"), includes=False), fixed("Eco fee", "1.00"), rule(priority=2, compound=True))
    assert taxes(both) == [[("Eco fee", Decimal("1.00")), ("VAT", Decimal("2.09"))]]  # (10.00 + 1.00) x 0.19
    contained = computed(plain("13.09", line("a", "13.09")), fixed("Eco fee", "1.00"), rule(priority=2, compound=True))
    assert taxes(contained) == [[("Eco fee", Decimal("1.00")), ("VAT", Decimal("2.09"))]]
    assert adopt(contained).totals.net == 1000


@pytest.mark.parametrize(
    ("restriction", "applies"),
    [
        ({"country": "US"}, True), ({"country": "CA"}, False), ({"regions": ["CA"]}, True), ({"regions": ["us-ca"]}, True),
        ({"regions": ["California"]}, True), ({"regions": ["NY"]}, False), ({"postcodes": ["94103"]}, True),
        ({"postcodes": ["941*"]}, True), ({"postcodes": ["9410"]}, False),
        ({"postcodes": ["94000..94999"]}, True), ({"postcodes": ["95000..95999", "10001"]}, False), ({"buyer": "business"}, False),
        ({"buyer": "consumer"}, True), ({"line_kinds": ["goods"]}, True), ({"line_kinds": ["shipping"]}, False),
        ({"valid_from": "2026-11-20"}, True), ({"valid_from": "2026-11-21"}, False), ({"valid_until": "2026-11-19"}, False),
    ],
)  # fmt: skip
def test_which_rules_apply(restriction: dict[str, Any], applies: bool) -> None:
    to = {"name": "Ada", "address": {"country": "US", "region_code": "CA", "region": "California", "postcode": "94103-0001"}}
    basket = plain("100.00", line("a", "100.00"), includes=False, to=to, currency="USD")
    result = computed(basket, rule("Sales tax", "0.08625", **restriction))
    assert result.totals.tax == (Decimal("8.63") if applies else 0)
    if not applies:
        assert result == basket


def test_what_is_not_taxable_is_not_taxed() -> None:
    lines = (line("a", "10.00"), line("g", "10.00", kind="gift_card"), line("t", "10.00", kind="tip"), line("n", "10.00", taxable=False))
    result = computed(plain("40.00", *lines, includes=False), rule(rate="0.1"))
    assert [len(one.taxes) for one in result.lines] == [1, 0, 0, 0]
    assert computed(plain("10.00", line("t", "10.00", kind="tip", taxable=True), includes=False), rule(rate="0.1")).totals.tax == 1


def test_a_tax_is_never_added_to_a_paid_order() -> None:
    basket = plain("100.00", line("a", "100.00"), includes=False, progress={"financial": "paid"})
    with pytest.raises(Held, match=r"tax_on_paid_order: 19\.00 EUR"):
        computed(basket, rule())
    settled = plain("119.00", line("a", "100.00"), includes=False, progress={"financial": "paid"})
    assert computed(settled, rule()).totals.total == Decimal("119.00")
    assert adopt(computed(settled, rule())).totals.gross == 11900
    contained = plain("100.00", line("a", "100.00"), progress={"financial": "paid"})
    assert computed(contained, rule()).totals.tax == Decimal("15.97")


def test_a_tax_that_is_given_is_never_computed_again() -> None:
    given = plain("119.00", line("a", "119.00")).model_copy(update={"tax_given_by": "platform"})
    assert computed(given, rule()) == given
    again = computed(plain("119.00", line("a", "119.00")), rule())
    assert computed(again, rule(rate="0.07")) == again


def test_a_cent_that_the_total_has_beside_its_lines_stays() -> None:
    basket = computed(plain("100.01", line("a", "100.00"), includes=False), rule())
    assert (basket.totals.total, adopt(basket).totals.gross) == (Decimal("119.01"), 11901)


def test_refusals_name_what_is_wrong() -> None:
    with pytest.raises(Held, match="tax_currency: the tax 'Eco fee' is an amount in EUR, but the order is in USD"):
        computed(plain("1.00", line("a", "1.00"), currency="USD"), fixed("Eco fee", "0.25"))
    with pytest.raises(Held, match="tax_exceeds_price"):
        computed(plain("1.00", line("a", "1.00")), fixed("Eco fee", "2.00"))
    with pytest.raises(ValidationError, match="is a percentage: give a rate"):
        rule(rate=None)
    with pytest.raises(ValidationError, match="is a fixed amount"):
        TaxRule(name="Eco", kind="per_unit", rate=Decimal("0.1"))
    with pytest.raises(ValidationError):
        rule(rate=0.19)


def test_other_currencies() -> None:
    yen = computed(plain("1000", line("a", "1000"), includes=False, currency="JPY"), rule(rate="0.1"))
    assert (yen.totals.tax, adopt(yen).totals.gross) == (100, 1100)
    dinar = computed(plain("1.000", line("a", "1.000"), includes=False, currency="KWD"), rule(rate="0.0505"))
    assert (dinar.totals.tax, adopt(dinar).totals.tax) == (Decimal("0.051"), 51)


@pytest.mark.parametrize(
    ("country", "to", "kinds", "settings", "wanted"),
    [
        ("DE", buyer("DE"), ["goods"], {}, ["0.19"]),
        ("DE", buyer("FR"), ["goods"], {}, ["0.19"]),
        ("DE", buyer("FR"), ["goods", "shipping"], {"oss": "DE"}, ["0.2"]),
        ("DE", buyer("FR"), ["goods"], {"oss": "DE", "oss_from": "2027-01-01"}, ["0.19"]),
        ("DE", buyer("AT", postcode="6691"), ["goods"], {"oss": "DE"}, ["0.19"]),
        ("DE", buyer("AT"), ["goods"], {"registrations": [{"country": "AT", "number": "ATU13585627"}]}, ["0.2"]),
        ("DE", buyer("NL", number="NL004495445B01"), ["goods"], {"oss": "DE"}, []),
        ("DE", buyer("FR"), ["goods", "service"], {"oss": "DE"}, ["0.2", "0.19"]),
        ("DE", buyer("US"), ["goods"], {}, []),
        ("DE", buyer("US"), ["service"], {}, ["0.19"]),
        ("DE", buyer("DE", postcode="27498"), ["goods"], {}, []),
        ("DE", buyer("DE"), ["goods"], {"small_business": True}, []),
        ("DE", buyer("DE"), ["goods"], {"margin_scheme": "second_hand"}, []),
        ("DE", buyer("DE"), ["goods"], {"exemption": {"reason": "§ 4 Nr. 14 UStG"}}, []),
        ("US", buyer("US"), ["goods"], {}, []),
        ("CH", buyer("DE"), ["goods"], {"ioss": True}, ["0.19"]),
        ("DE", buyer("DE"), ["gift_card"], {}, []),
    ],
)
def test_vat_as_the_law_has_it(country: str, to: dict[str, Any], kinds: list[str], settings: dict[str, Any], wanted: list[str]) -> None:
    basket = plain("100.00", *(line(kind, "100.00", kind=kind) for kind in kinds), to=to)
    number = "CHE-100.155.212 MWST" if country == "CH" else None
    rules = rules_for(facts(basket, seller(country, number=number, **settings)), [one.kind for one in basket.lines])
    assert [str(each.rate) for each in rules] == wanted


def test_vat_on_the_day_and_on_top_of_own_taxes() -> None:
    basket = plain("100.00", line("a", "100.00"), includes=False)
    entity = seller("DE", rules=[{"name": "Eco fee", "kind": "per_unit", "amount": "1.00", "currency": "EUR"}])
    known = facts(basket, entity, on=date(2020, 10, 1))
    result = compute(basket, rules_for(known, [one.kind for one in basket.lines]), known)
    assert taxes(result) == [[("Eco fee", Decimal("1.00")), ("VAT", Decimal("16.16"))]]
    unregistered = seller("DE").model_copy(update={"tax_ids": ()})
    assert rules_for(facts(basket, unregistered), [one.kind for one in basket.lines]) == ()


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("includes", [True, False])
def test_an_amount_per_order_is_whole_however_many_lines_share_it(rounding: Rounding, includes: bool) -> None:
    lines = [line(f"line-{index}", "10.00") for index in range(3)]
    result = computed(plain("30.00", *lines, includes=includes), fixed("Stamp duty", "1.00", "per_order"), rounding=rounding)
    assert sorted(amount for one in taxes(result) for _, amount in one) == [Decimal("0.33"), Decimal("0.33"), Decimal("0.34")]
    assert (result.totals.tax, adopt(result).totals.tax) == (Decimal("1.00"), 100)


@pytest.mark.parametrize(("country", "settings", "tax"), [("JP", {}, 26), ("JP", {"rounding": "line"}, 27), ("AU", {}, 27)])
def test_japan_rounds_once_for_each_rate(country: str, settings: dict[str, Any], tax: int) -> None:
    """Three lines of 97 yen with 8.82 each in them: 26.45 in all, but 9 by line."""
    lines = [line(f"line-{index}", "97") for index in range(3)]
    number = {"JP": "T8010401050387", "AU": "51824753556"}[country]
    entity = seller(country, number=number, registrations=[{"country": country, "number": number}], **settings)
    basket = order("291", "0", *lines, currency="JPY", buyer=buyer(country), tax_given_by="nobody")
    assert taxed(basket, facts(basket, entity), language="en", translate=in_english).totals.tax == tax


AMOUNTS = st.decimals(min_value=Decimal("1.00"), max_value=Decimal("9999.99"), places=2)
RATES = st.decimals(min_value=0, max_value=Decimal("0.4"), places=4)


@st.composite
def computations(draw: st.DrawFn) -> tuple[Order, list[TaxRule], Rounding]:
    amounts = draw(st.lists(AMOUNTS, min_size=1, max_size=12))
    lines = [line(f"line-{index}", str(amount), quantity=str(draw(st.integers(1, 5)))) for index, amount in enumerate(amounts)]
    includes = draw(st.booleans())
    rates = draw(st.lists(RATES, min_size=1, max_size=3))
    rules = [rule(f"Tax {index}", str(rate), priority=index + 1, compound=draw(st.booleans())) for index, rate in enumerate(rates)]
    if draw(st.booleans()):
        rules.append(fixed("Eco fee", "0.01", draw(st.sampled_from(["per_unit", "per_order"])), priority=draw(st.integers(1, 4))))
    return plain(str(sum(amounts)), *lines, includes=includes), rules, draw(st.sampled_from(Rounding))


@given(computations())
def test_what_is_computed_is_adopted_to_the_cent(case: tuple[Order, list[TaxRule], Rounding]) -> None:
    basket, rules, rounding = case
    result = computed(basket, *rules, rounding=rounding)
    adopted = adopt(result)
    assert {finding.code for finding in adopted.findings} <= {"category_unclassified"}
    assert adopted.totals.tax == result.totals.tax * 100
    if basket.prices_include_tax:
        assert result.totals.total == basket.totals.total
    else:
        assert adopted.totals.net == basket.totals.total * 100
        assert result.totals.total == basket.totals.total + result.totals.tax


@given(computations())
def test_fixed_amounts_come_to_what_they_are(case: tuple[Order, list[TaxRule], Rounding]) -> None:
    """Per order the amount once, per unit as often as there are units: to the cent, wherever it is rounded."""
    basket, rules, rounding = case
    result = computed(basket, *rules, rounding=rounding)
    for each in (each for each in rules if each.amount is not None):
        times = 1 if each.kind is TaxRuleKind.PER_ORDER else sum(one.quantity for one in basket.lines)
        bore = sum((tax.amount for one in result.lines for tax in one.taxes if tax.name == each.name), Decimal(0))
        assert bore == times * each.amount


@given(computations())
def test_inclusive_and_exclusive_agree(case: tuple[Order, list[TaxRule], Rounding]) -> None:
    """What is added to a net price is found again in the gross one, within half a cent for each tax and line."""
    basket, rules, _ = case
    assume(all(each.kind is not TaxRuleKind.PER_ORDER for each in rules))
    net = basket.model_copy(update={"prices_include_tax": False})
    added = computed(net, *rules)
    grossed = tuple(
        one.model_copy(update={"amount": one.amount + sum((tax.amount for tax in other.taxes), Decimal(0)), "taxes": ()})
        for one, other in zip(net.lines, added.lines, strict=True)
    )
    total = sum((one.amount for one in grossed), Decimal(0))
    totals = net.totals.model_copy(update={"total": total})
    gross = net.model_copy(update={"lines": grossed, "totals": totals, "prices_include_tax": True})
    found = computed(gross, *rules)
    for one, other in zip(added.lines, found.lines, strict=True):
        for tax, again in zip(one.taxes, other.taxes, strict=True):
            assert abs(tax.amount - again.amount) <= Decimal("0.01") * (1 + len(rules))


@given(computations())
def test_each_rounding_is_within_half_a_cent_of_what_it_rounds(case: tuple[Order, list[TaxRule], Rounding]) -> None:
    basket, rules, _ = case
    percentages = [each for each in rules if each.rate is not None and not each.compound]
    basket = basket.model_copy(update={"prices_include_tax": False})
    net = sum(Fraction(one.amount) for one in basket.lines)
    ideal = {each.name: net * Fraction(each.rate or 0) for each in percentages}
    cent = Fraction(1, 200)
    grouped = computed(basket, *percentages, rounding=Rounding.GROUP)
    whole = computed(basket, *percentages, rounding=Rounding.DOCUMENT)
    for name, exact in ideal.items():
        amount = sum(Fraction(tax.amount) for one in grouped.lines for tax in one.taxes if tax.name == name)
        assert abs(amount - exact) <= cent
    assert abs(Fraction(whole.totals.tax) - sum(ideal.values())) <= cent
    by_line = computed(basket, *percentages, rounding=Rounding.LINE)
    for one in by_line.lines:
        for tax in one.taxes:
            assert abs(Fraction(tax.amount) - Fraction(one.amount) * Fraction(tax.rate or 0)) <= cent
