from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from adapter.domain.document import TaxCategory
from adapter.domain.money import to_minor
from adapter.domain.order import LineKind, Order
from adapter.domain.tax.adopt import Adopted, adopt, classify, marketplace_sale
from adapter.errors import Held, Ignored
from tests.domain.baskets import line, order, orders, tax


def lines_of(adopted: Adopted) -> list[tuple[int, int, int]]:
    return [(each.net, each.tax, each.gross) for each in adopted.lines]


def groups_of(adopted: Adopted) -> list[tuple[str, str, int, int]]:
    return [(each.category.value, str(each.rate), each.base, each.tax) for each in adopted.taxes]


def codes(adopted: Adopted) -> list[str]:
    return [f"{finding.severity.value} {finding.code}" for finding in adopted.findings]


GERMAN = order(
    "121.85",
    "17.11",
    line("mug", "89.95", tax("0.19", "14.36"), quantity="5", unit_price="19.99", discounts=[{"amount": "10.00", "code": "FIVE"}]),
    line("clay-book", "24.90", tax("0.07", "1.63"), sku="BK-1"),
    line("parcel", "4.90", tax("0.19", "0.78"), kind="shipping"),
    line("gift-wrap", "2.10", tax("0.19", "0.34"), kind="fee"),
    taxes=[tax("0.19", "15.48"), tax("0.07", "1.63")],
)


def test_german_gross_prices_with_two_rates() -> None:
    adopted = adopt(GERMAN)
    assert lines_of(adopted) == [(7559, 1436, 8995), (2327, 163, 2490), (412, 78, 490), (176, 34, 210)]
    assert groups_of(adopted) == [("S", "0.19", 8147, 1548), ("S", "0.07", 2327, 163)]
    assert adopted.totals.model_dump() == {"net": 10474, "tax": 1711, "gross": 12185, "discount": 1000, "shipping": 490}
    assert adopted.lines[0].discount_name == "FIVE"
    assert adopted.lines[1].unit_price == Decimal("24.90")
    assert adopted.findings == ()


def test_british_net_prices() -> None:
    lines = [line("lamp", "60.00", tax("0.20", "12.00")), line("post", "5.00", tax("0.20", "1.00"), kind="shipping")]
    adopted = adopt(order("78.00", "13.00", *lines, includes=False, currency="GBP"))
    assert lines_of(adopted) == [(6000, 1200, 7200), (500, 100, 600)]
    assert groups_of(adopted) == [("S", "0.20", 6500, 1300)]


def test_american_state_and_county_share_a_base() -> None:
    basket = order(
        "130.66",
        "10.66",
        line("chair", "100.00", tax("0.0725", "7.25", "California"), tax("0.0225", "2.25", "Alameda County")),
        line("coffee", "10.00", taxable=False),
        line("freight", "10.00", tax("0.0725", "0.73", "California"), kind="shipping"),
        includes=False,
        currency="USD",
        taxes=[tax("0.0725", "7.98", "California"), tax("0.0225", "2.68", "Alameda County")],
    )
    with pytest.raises(Held, match=r"0\.43 USD of the tax 'Alameda County' belongs to no line"):
        adopt(basket)
    agreed = basket.model_copy(
        update={
            "taxes": (basket.taxes[0], basket.taxes[1].model_copy(update={"amount": Decimal("2.25")})),
            "totals": basket.totals.model_copy(update={"tax": Decimal("10.23"), "total": Decimal("130.23")}),
        }
    )
    adopted = adopt(agreed)
    assert lines_of(adopted) == [(10000, 950, 10950), (1000, 0, 1000), (1000, 73, 1073)]
    assert groups_of(adopted) == [("S", "0.0725", 11000, 798), ("S", "0.0225", 10000, 225)]
    assert codes(adopted) == ["info category_unclassified"]


def test_yen_are_rounded_once_per_rate() -> None:
    basket = order(
        "3240",
        "257",
        line("tea", "1080", tax("0.08", "80")),
        line("sweets", "1080", tax("0.08", "80")),
        line("cup", "1080", tax("0.10", "98.18")),
        currency="JPY",
        taxes=[tax("0.08", "159"), tax("0.10", "98")],
    )
    adopted = adopt(basket)
    assert groups_of(adopted) == [("S", "0.08", 2001, 159), ("S", "0.10", 982, 98)]
    assert adopted.totals.gross == 3240


def test_dinars_have_three_places() -> None:
    basket = order("13.127", "0.625", line("dates", "12.502", tax("0.05", "0.6251")), includes=False, currency="KWD")
    assert lines_of(adopt(basket)) == [(12502, 625, 13127)]


def test_woocommerce_taxes_with_six_places_meet_the_total() -> None:
    basket = order(
        "8.33",
        "1.33",
        line("soap", "3.092784", tax("0.19", "0.588")),
        line("brush", "3.907216", tax("0.19", "0.735")),
        includes=False,
        taxes=[tax("0.19", "1.323")],
    )
    adopted = adopt(basket)
    assert lines_of(adopted) == [(309, 59, 368), (391, 74, 465)]
    assert groups_of(adopted) == [("S", "0.19", 700, 133)]


def test_gross_prices_stated_as_net_with_many_places_need_no_rounding_line() -> None:
    line_of = [line(f"pin-{n}", "8.403361", tax("0.19", "1.596639")) for n in range(3)]
    adopted = adopt(order("30.00", "4.79", *line_of, includes=False))
    assert adopted.totals.model_dump() == {"net": 2521, "tax": 479, "gross": 3000, "discount": 0, "shipping": 0}
    assert all(each.kind is LineKind.GOODS for each in adopted.lines)


def test_the_order_summary_wins_over_the_lines() -> None:
    lines = [line("a", "9.99", tax("0.19", "1.60")), line("b", "9.99", tax("0.19", "1.60")), line("c", "9.99", tax("0.19", "1.60"))]
    adopted = adopt(order("29.97", "4.79", *lines, taxes=[tax("0.19", "4.79")]))
    assert lines_of(adopted) == [(840, 159, 999), (839, 160, 999), (839, 160, 999)]
    assert adopted.totals.tax == 479


def test_without_a_summary_the_lines_are_led_to_the_total_tax() -> None:
    adopted = adopt(order("19.98", "3.19", line("a", "9.99", tax("0.19", "1.60")), line("b", "9.99", tax("0.19", "1.60"))))
    assert adopted.totals.tax == 319
    assert codes(adopted) == ["info tax_total_differs"]


def test_a_summary_under_other_names_is_recognised() -> None:
    lines = [line("a", "11.90", tax("0.19", "1.90", "MwSt")), line("b", "10.70", tax("0.07", "0.70", "MwSt"))]
    adopted = adopt(order("22.60", "2.60", *lines, taxes=[tax("0.19", "1.90", "DE MwSt 19 %"), tax("0.07", "0.70", "DE MwSt 7 %")]))
    assert [(each.name, each.tax) for each in adopted.taxes] == [("DE MwSt 19 %", 190), ("DE MwSt 7 %", 70)]
    without_rates = [line("a", "11.90", tax(None, "1.90", "Tax"))]
    assert groups_of(adopt(order("11.90", "1.90", *without_rates, taxes=[tax("0.19", "1.90")]))) == [("S", "0.19", 1000, 190)]


def test_a_summary_that_fits_no_line_gives_way_to_the_lines() -> None:
    lines = [line("a", "11.90", tax("0.19", "1.90")), line("b", "10.70", tax("0.07", "0.70"))]
    adopted = adopt(order("22.60", "2.60", *lines, taxes=[tax(None, "2.60", "All taxes")]))
    assert groups_of(adopted) == [("S", "0.19", 1000, 190), ("S", "0.07", 1000, 70)]
    assert codes(adopted) == ["info tax_summary_unmatched"]


def test_an_unknown_rate_stays_unknown() -> None:
    adopted = adopt(order("11.90", "1.90", line("a", "11.90", tax(None, "1.90"))))
    assert groups_of(adopted) == [("S", "None", 1000, 190)]


def test_taxes_of_the_order_alone_are_spread_over_taxable_lines() -> None:
    lines = [
        line("desk", "100.00"),
        line("rebate", "-10.00", kind="discount"),
        line("voucher", "50.00", kind="gift_card"),
        line("thanks", "3.00", kind="tip"),
        line("freight", "10.00", kind="shipping"),
        line("paper", "5.00", taxable=False),
    ]
    adopted = adopt(order("177.00", "19.00", *lines, includes=False, taxes=[tax("0.19", "19.00")]))
    assert [each.tax for each in adopted.lines] == [1900, -190, 0, 0, 190, 0]
    assert groups_of(adopted) == [("S", "0.19", 10000, 1900)]
    assert codes(adopted) == ["info tax_spread", "info category_unclassified"]
    untold = adopt(order("177.00", "19.00", *lines, includes=False))
    assert [(each.name, each.rate, each.tax) for each in untold.taxes] == [("Tax", None, 1900)]


def test_what_no_line_states_goes_to_the_lines_that_state_nothing() -> None:
    lines = [line("desk", "119.00", tax("0.19", "19.00")), line("freight", "11.90", kind="shipping")]
    adopted = adopt(order("130.90", "20.90", *lines, taxes=[tax("0.19", "20.90")]))
    assert [each.tax for each in adopted.lines] == [1900, 190]
    assert codes(adopted) == ["warning tax_spread"]
    assert [each.tax for each in adopt(order("130.90", "20.90", *lines)).lines] == [1900, 190]


def test_a_discount_of_the_order_carries_its_own_taxes() -> None:
    lines = [line("desk", "119.00", tax("0.19", "19.00")), line("rebate", "-11.90", tax("0.19", "-1.90"), kind="discount")]
    adopted = adopt(order("107.10", "17.10", *lines))
    assert lines_of(adopted) == [(10000, 1900, 11900), (-1000, -190, -1190)]
    assert groups_of(adopted) == [("S", "0.19", 9000, 1710)]
    assert adopted.totals.discount == 1190


def test_lines_that_come_to_nothing() -> None:
    lines = [
        line("sample", "0.00", tax("0.19", "0.00"), unit_price="5.00", discounts=[{"amount": "5.00", "name": "Free sample"}]),
        line("b", "11.90", tax("0.19", "1.90")),
    ]
    adopted = adopt(order("11.90", "1.90", *lines))
    assert lines_of(adopted) == [(0, 0, 0), (1000, 190, 1190)]
    assert groups_of(adopted) == [("S", "0.19", 1000, 190)]
    assert adopted.findings == ()


def test_prices_with_tax_but_no_tax_at_all() -> None:
    adopted = adopt(order("10.00", "0.00", line("a", "10.00")))
    assert lines_of(adopted) == [(1000, 0, 1000)]
    assert adopted.taxes == ()
    assert codes(adopted) == ["info category_unclassified"]


def test_a_stated_rate_of_zero_is_its_own_group() -> None:
    adopted = adopt(order("21.90", "1.90", line("book", "10.00", tax("0", "0.00")), line("a", "11.90", tax("0.19", "1.90"))))
    assert groups_of(adopted) == [("Z", "0", 1000, 0), ("S", "0.19", 1000, 190)]
    assert [classify(None, 0), classify(Decimal("0.2"), 0), classify(None, -5)] == [
        TaxCategory.ZERO,
        TaxCategory.STANDARD,
        TaxCategory.STANDARD,
    ]


def test_a_total_tax_left_out_is_made_up_for_by_the_lines() -> None:
    adopted = adopt(order("119.00", "0", line("a", "119.00", tax("0.19", "19.00"))))
    assert adopted.totals.tax == 1900
    assert codes(adopted) == ["warning tax_total_missing"]


def test_fractional_quantities_bundles_and_derived_prices() -> None:
    lines = [
        line("set", "30.00", tax("0.19", "4.79")),
        line("cloth", "0.00", tax("0.19", "0.00"), quantity="2.5", unit="MTR", parent="set"),
        line("ribbon", "10.00", tax("0.19", "1.60"), quantity="3"),
        line("orphan", "0.00", parent="gone", quantity="0"),
    ]
    adopted = adopt(order("40.00", "6.39", *lines))
    assert [each.parent for each in adopted.lines] == [None, 1, None, None]
    assert (adopted.lines[1].quantity, adopted.lines[1].unit) == (Decimal("2.5"), "MTR")
    assert adopted.lines[2].unit_price == Decimal("3.333333")


def test_cash_rounding_stated_as_a_line_is_no_difference() -> None:
    adopted = adopt(order("10.05", "0.75", line("a", "10.03", tax("0.081", "0.75")), line("cash", "0.02", kind="rounding"), currency="CHF"))
    assert lines_of(adopted) == [(928, 75, 1003), (2, 0, 2)]
    assert adopted.findings == ()


@pytest.mark.parametrize(("total", "difference"), [("20.01", 1), ("19.98", -2)])
def test_a_small_difference_of_the_shop_is_a_named_line(total: str, difference: int) -> None:
    adopted = adopt(order(total, "0", line("a", "10.00"), line("b", "10.00")))
    assert adopted.totals.gross == to_minor(Decimal(total), "EUR")
    last = adopted.lines[-1]
    assert (last.kind, last.name, last.gross, last.tax) == (LineKind.ROUNDING, "Rounding difference of the shop", difference, 0)
    assert "info rounding_difference" in codes(adopted)


def test_a_larger_difference_is_held_with_the_figures() -> None:
    with pytest.raises(Held, match=r"the lines add up to 20\.00, but the order's total is 20\.03 EUR"):
        adopt(order("20.03", "0", line("a", "10.00"), line("b", "10.00")))
    with pytest.raises(Held, match=r"the lines add up to 20\.00 \+ tax 3\.80, but the order's total is 20\.00 EUR"):
        adopt(order("20.00", "3.80", line("a", "20.00", tax("0.19", "3.80")), includes=False))


def test_contradicting_taxes_are_held_with_the_figures() -> None:
    with pytest.raises(Held, match=r"the taxes add up to 19\.00 EUR, but the order's total tax is 22\.61 EUR"):
        adopt(order("119.00", "22.61", line("a", "119.00", tax("0.19", "19.00"))))


def test_a_platform_without_lines_is_one_line() -> None:
    adopted = adopt(order("24.20", "4.20", number="#77", taxes=[tax("0.21", "4.20")], includes=False))
    assert [(each.name, each.net, each.tax, each.gross) for each in adopted.lines] == [("Order #77", 2000, 420, 2420)]
    assert groups_of(adopt(order("24.20", "4.20"))) == [("S", "None", 2000, 420)]
    assert adopt(order("9.00", "0")).totals.gross == 900
    assert adopt(order("0", "0")).totals.gross == 0


def test_what_a_marketplace_collected_is_the_marketplace_s_to_invoice() -> None:
    reason = "a marketplace collected the tax: it invoices the buyer, no VAT invoice is made in this seller's name"
    flagged = tax("0.19", "1.90", marketplace_collected=True)
    orders_refused: list[dict[str, Any]] = [{"tax_given_by": "marketplace"}, {"taxes": [flagged]}]
    for more in orders_refused:
        with pytest.raises(Ignored, match=reason):
            adopt(order("11.90", "1.90", line("a", "11.90", tax("0.19", "1.90")), **more))
    with pytest.raises(Ignored, match=reason):
        adopt(order("11.90", "1.90", line("a", "11.90", flagged), line("b", "0.00")))


def test_what_a_marketplace_collected_of_a_part_is_a_person_s_to_invoice() -> None:
    flagged = tax("0.19", "1.90", marketplace_collected=True)
    mixed = order("23.80", "3.80", line("a", "11.90", flagged), line("b", "11.90", tax("0.19", "1.90")))
    with pytest.raises(Held, match=r"^marketplace_tax: a marketplace collected a part of the tax: .* by hand$"):
        adopt(mixed)
    free = order("11.90", "1.90", line("a", "11.90", tax("0.19", "1.90")), line("b", "5.00", tax("0", "0", marketplace_collected=True)))
    assert not marketplace_sale(free)


def test_without_tax_data_no_tax_is_charged() -> None:
    adopted = adopt(order("10.00", "0", line("a", "10.00"), includes=False, tax_given_by="nobody"))
    assert lines_of(adopted) == [(1000, 0, 1000)]
    assert codes(adopted) == ["warning no_tax_data"]


def test_many_taxes_of_one_name_on_a_line_are_one() -> None:
    adopted = adopt(order("110.00", "10.00", line("a", "100.00", tax("0.05", "5.00"), tax("0.05", "5.00", compound=True)), includes=False))
    assert [len(each.taxes) for each in adopted.lines] == [1]
    assert groups_of(adopted) == [("S", "0.05", 10000, 1000)]


@settings(max_examples=2000, deadline=None)
@given(orders())
def test_the_document_agrees_with_every_charge(basket: Order) -> None:
    adopted = adopt(basket)
    count, currency = len(basket.lines), basket.currency
    total = to_minor(basket.totals.total, currency)
    assert adopted.totals.gross == total == sum(each.gross for each in adopted.lines)
    assert adopted.totals.tax == sum(group.tax for group in adopted.taxes) == sum(each.tax for each in adopted.lines)
    assert abs(adopted.totals.tax - to_minor(basket.totals.tax, currency)) <= count
    for stated in basket.taxes:
        group = sum(group.tax for group in adopted.taxes if (group.name, group.rate) == (stated.name, stated.rate))
        assert abs(group - stated.amount.scaleb({"EUR": 2, "JPY": 0, "KWD": 3}[currency])) < 1
    for group in adopted.taxes:
        assert group.base == sum(
            each.net for each in adopted.lines if any((tax.name, tax.rate) == (group.name, group.rate) for tax in each.taxes)
        )
    for mine, theirs in zip(adopted.lines, basket.lines, strict=False):
        assert mine.net + mine.tax == mine.gross
        assert abs((mine.gross if basket.prices_include_tax else mine.net) - to_minor(theirs.amount, currency)) <= 1
        if theirs.taxes:
            assert abs(mine.tax - to_minor(sum((tax.amount for tax in theirs.taxes), Decimal(0)), currency)) <= count + len(theirs.taxes)
    rounding = [each.gross for each in adopted.lines if each.name == "Rounding difference of the shop"]
    assert all(abs(amount) <= count + 1 for amount in rounding)
