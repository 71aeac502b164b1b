"""Sales for the tests of the tax: sellers, buyers, and orders between them."""

from datetime import UTC, date, datetime
from typing import Any

from adapter.domain.document import TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.order import Order
from adapter.domain.tax.adopt import adopt
from adapter.domain.tax.classify import Classified, classify
from adapter.domain.tax.supply import Sale, sale
from adapter.domain.tax.vat_id import VatIdCheck, VatIdState
from tests.domain.baskets import line, order, tax

ON = date(2026, 11, 20)
NUMBERS = {
    "DE": "DE136695976",
    "NL": "NL004495445B01",
    "GR": "EL094259216",
    "AT": "ATU13585627",
    "FR": "FR40303265045",
    "GB": "GB980780684",
}
VAT = tax("0.19", "19.00")


def seller(country: str = "DE", *, number: str | None = None, **settings: Any) -> Entity:
    number = number or NUMBERS.get(country)
    return Entity.model_validate(
        {
            "id": "kiln",
            "name": "Kiln & Clay GmbH",
            "address": {"street": "Ofenweg 3", "postcode": "10115", "city": "Berlin", "country": country},
            "tax_ids": [{"kind": "eu_vat", "value": number}] if number else [],
            "tax": settings,
        }
    )


def buyer(country: str | None, *, number: str | None = None, postcode: str | None = None, **more: Any) -> dict[str, Any]:
    ids = [{"kind": "eu_vat", "value": number}] if number else []
    return {"name": "Ada Example", "address": {"country": country, "postcode": postcode}, "tax_ids": ids, **more}


def checked(number: str, state: VatIdState = VatIdState.VALID, **more: Any) -> VatIdCheck:
    return VatIdCheck(number=number, state=state, checked_at=datetime(2026, 11, 20, tzinfo=UTC), **more)


def taxed(to: dict[str, Any] | None, rate: str, kind: str = "goods", **more: Any) -> Order:
    """100.00 net and its tax at `rate` per cent, net prices."""
    amount = f"{rate}.00" if rate != "0" else "0"
    fraction = f"{int(rate) / 100:.2f}"
    lines = (line("a", "100.00", tax(fraction, amount), kind=kind),)
    return order(f"{100 + int(rate)}.00", amount, *lines, includes=False, buyer=to, **more)


def untaxed(to: dict[str, Any] | None, *kinds: str, **more: Any) -> Order:
    """100.00 for each kind, no tax."""
    lines = [line(f"line-{index}", "100.00", kind=kind) for index, kind in enumerate(kinds or ("goods",))]
    return order(f"{100 * len(lines)}.00", "0", *lines, includes=False, buyer=to, **more)


def facts(basket: Order, entity: Entity, check: VatIdCheck | None = None, on: date = ON) -> Sale:
    return sale(basket, entity, on, check)


def classified(basket: Order, entity: Entity, check: VatIdCheck | None = None, on: date = ON) -> Classified:
    return classify(facts(basket, entity, check, on), adopt(basket))


def categories(result: Classified) -> list[TaxCategory]:
    return [group.category for group in result.taxes]


def codes(result: Classified) -> list[str]:
    return [finding.code for finding in result.findings]
