"""A seller's tax settings: all of them optional, and refused where they say nothing."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from adapter.domain.entity import Entity
from adapter.domain.frozen import digest
from adapter.domain.issue import draft_invoice
from adapter.domain.tax.registrations import numbers_in_force
from adapter.domain.tax.settings import Exemption, Registration, TaxRule, TaxSettings
from tests.domain.sales import ON, buyer, seller, taxed


def test_an_entity_needs_none_and_its_documents_do_not_depend_on_them() -> None:
    plain = seller("DE")
    assert plain.tax == TaxSettings()
    assert Entity.model_validate_json(plain.model_dump_json(exclude_none=True)) == plain
    told = plain.model_copy(update={"tax": TaxSettings(oss="DE", registrations=(Registration(country="AT", number="ATU13585627"),))})
    drafts = [
        draft_invoice(taxed(buyer("DE"), "19"), entity, "shop-1", number="INV-1", issue_date=ON)[0].canonical() for entity in (plain, told)
    ]
    assert digest(drafts[0]) == digest(drafts[1])
    assert "ATU13585627" not in drafts[1]


@pytest.mark.parametrize(("on", "covers"), [("2024-12-31", False), ("2025-01-01", True), ("2026-06-30", True), ("2026-07-01", False)])
def test_a_registration_is_in_force_from_its_first_to_its_last_day(on: str, covers: bool) -> None:
    registration = Registration(country="AT", number="ATU13585627", valid_from=date(2025, 1, 1), valid_until=date(2026, 6, 30))
    assert registration.covers(date.fromisoformat(on)) is covers
    assert numbers_in_force((), (registration,), "DE", date.fromisoformat(on)) == ({"AT": registration.number} if covers else {})


def test_the_one_stop_shop_from_its_day() -> None:
    assert not TaxSettings().oss_on(ON)
    assert TaxSettings(oss="DE").oss_on(ON)
    assert not TaxSettings(oss="DE", oss_from=date(2027, 1, 1)).oss_on(ON)


@pytest.mark.parametrize(
    "wrong",
    [
        {"exemption": {}},
        {"exemption": {"code": "132"}},
        {"margin_scheme": "cars"},
        {"rules": [{"name": "VAT"}]},
        {"rules": [{"name": "VAT", "rate": "0.19", "postcodes": ["9;DROP"]}]},
        {"rules": [{"name": "VAT", "rate": 0.19}]},
        {"vat_id_wait_hours": -1},
        {"vat": True},
    ],
)
def test_settings_that_say_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TaxSettings.model_validate(wrong)


def test_postcodes_are_codes_beginnings_or_ranges() -> None:
    rule = TaxRule.model_validate({"name": "Tax", "rate": "0.1", "postcodes": ["94103", "bt*", "10000..10999", "SW1A 1AA"]})
    assert rule.postcodes == ("94103", "BT*", "10000..10999", "SW1A 1AA")
    assert Exemption(code="vatex-eu-132").code == "VATEX-EU-132"
