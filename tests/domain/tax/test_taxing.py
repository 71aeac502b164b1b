"""What a seller is told, and the tax side of an invoice as one."""

from datetime import date
from decimal import Decimal

import pytest

from adapter.domain.entity import Entity
from adapter.domain.issue import draft_invoice
from adapter.domain.phrases import in_english
from adapter.domain.tax.adopt import Severity
from adapter.domain.tax.advice import advice
from adapter.domain.tax.settings import TaxSettings
from adapter.domain.tax.supply import sale
from adapter.domain.tax.taxing import taxed
from tests.domain.baskets import line, order
from tests.domain.sales import NUMBERS, ON, buyer, seller
from tests.domain.sales import taxed as taxed_at

REGISTERED = {"registrations": [{"country": "DE", "number": NUMBERS["DE"]}]}


@pytest.mark.parametrize(
    ("settings", "computes"),
    [({}, False), (REGISTERED, True), ({"oss": "DE"}, True), ({"ioss": True}, True), ({"rules": [{"name": "Tax", "rate": "0.1"}]}, True),
     ({"small_business": True}, False), ({"holding": ["error"]}, False)],
)  # fmt: skip
def test_when_tax_is_computed(settings: dict[str, object], computes: bool) -> None:
    assert TaxSettings.model_validate(settings).computes is computes


@pytest.mark.parametrize("total", ["100.00", "99.99", "100.01"])
def test_the_total_is_never_raised(total: str) -> None:
    """Prices without tax, a total that leaves no room for any: it is in there, whether the order is paid or not."""
    basket = order(total, "0", line("a", "100.00"), includes=False, buyer=buyer("DE"), tax_given_by="nobody")
    entity = seller("DE", **REGISTERED)
    for state in ("pending", "paid"):
        stated = basket.model_copy(update={"progress": basket.progress.model_copy(update={"financial": state})})
        body = taxed(stated, sale(stated, entity, ON), language="en", translate=in_english)
        assert body.totals.gross == int(total.replace(".", ""))
        assert body.totals.tax == 1597
        assert {"tax_computed", "tax_within_total"} <= {finding.code for finding in body.findings}


def test_an_order_without_lines_bears_its_tax_too() -> None:
    basket = order("119.00", "0", buyer=buyer("DE"), tax_given_by="nobody")
    body = taxed(basket, sale(basket, seller("DE", **REGISTERED), ON), language="en", translate=in_english)
    assert [(each.rate, each.base, each.tax) for each in body.taxes] == [(Decimal("0.19"), 10000, 1900)]


def test_where_no_tax_is_due_none_is_computed() -> None:
    basket = order("119.00", "0", line("a", "119.00"), buyer=buyer("US"), tax_given_by="nobody")
    body = taxed(basket, sale(basket, seller("DE", **REGISTERED), ON), language="en", translate=in_english)
    assert ([each.category.value for each in body.taxes], body.totals.tax) == (["G"], 0)


def test_a_mention_is_said_once_in_each_language() -> None:
    words = {"VAT exempt export of goods": "Steuerfreie Ausfuhrlieferung"}
    basket = order("100.00", "0", line("a", "100.00"), buyer=buyer("US"))
    facts = sale(basket, seller("DE"), ON)
    said = taxed(basket, facts, language="en", translate=in_english, second=("de", lambda text: words.get(text, text)))
    assert said.mentions == ("VAT exempt export of goods / Steuerfreie Ausfuhrlieferung",)
    assert taxed(basket, facts, language="en", translate=in_english, second=("en", in_english)).mentions == ("VAT exempt export of goods",)


def test_a_seller_is_told_what_its_country_wants() -> None:
    """Poland: a PDF is not the invoice to a business. Germany: nothing today, two dates to come."""
    polish = {finding.code: finding for finding in advice(seller("PL", number="PL8567346215"), date(2026, 11, 20))}
    assert polish["duty_clearance"].severity is Severity.WARNING
    assert "a PDF alone is not the invoice: KSeF" in polish["duty_clearance"].message
    german = advice(seller("DE"), date(2026, 11, 20))
    assert [finding.code for finding in german if finding.code.startswith("duty")] == ["duty_coming", "duty_coming"]
    assert [finding.code for finding in advice(seller("DE", number="DE1"), ON) if finding.severity is Severity.ERROR] == [
        "seller_vat_id_missing"
    ]


@pytest.mark.parametrize(
    ("country", "zone", "placed_at", "rate", "known"),
    [
        ("FI", "Europe/Helsinki", "2025-12-31T21:59:59Z", "14", True),
        ("FI", "Europe/Helsinki", "2025-12-31T22:00:00Z", "14", False),
        ("FI", "Europe/Helsinki", "2024-08-31T21:00:00Z", "24", False),
        ("EE", "Europe/Tallinn", "2025-06-30T20:59:59Z", "22", True),
        ("EE", "Europe/Tallinn", "2025-06-30T21:00:00Z", "24", True),
        ("RO", "Europe/Bucharest", "2025-07-31T20:59:59Z", "19", True),
        ("RO", "Europe/Bucharest", "2025-07-31T21:00:00Z", "19", False),
        ("DE", "Europe/Berlin", "2020-12-31T22:59:59Z", "16", True),
        ("DE", "Europe/Berlin", "2020-12-31T23:00:00Z", "16", False),
        ("CH", "Europe/Zurich", "2023-12-31T23:00:00Z", "8", False),
    ],
)
def test_a_rate_changes_at_midnight_of_the_seller(country: str, zone: str, placed_at: str, rate: str, known: bool) -> None:
    entity = Entity.model_validate({**seller(country, number=_NUMBERS.get(country)).model_dump(), "time_zone": zone})
    basket = taxed_at(buyer(country), rate, placed_at=placed_at)
    _, findings = draft_invoice(basket, entity, "shop-1", number="INV-1", issue_date=ON)
    assert ("rate_unknown" not in {finding.code for finding in findings}) is known


_NUMBERS = {"FI": "FI20774740", "EE": "EE100931558", "RO": "RO18547290", "CH": "CHE-100.155.212 MWST"}
