"""Documents as they are classified, judged by the official rules of EN 16931."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from adapter.domain.document import Document
from adapter.domain.einvoice import Profile, cii, ubl
from adapter.domain.entity import Entity
from adapter.domain.issue import draft_invoice
from adapter.domain.order import Address, Order
from adapter.domain.tax.adopt import adopt
from adapter.domain.tax.classify import classify, worded
from adapter.domain.tax.supply import sale
from adapter.domain.tax.vat_id import VatIdCheck
from adapter.infra.validation import Validator
from tests.domain.baskets import line, order, tax
from tests.domain.sales import NUMBERS, ON, buyer, checked, seller, taxed, untaxed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def validator() -> AsyncIterator[Validator]:
    running = Validator()
    await running.start()
    yield running
    await running.close()


def at(country: str, number: str | None = None, **more: Any) -> dict[str, Any]:
    to = buyer(country, number=number, **more)
    return {**to, "address": {"street": "Street 1", "postcode": "1000", "city": "Town", "country": country}}


def registered(entity: Entity) -> Entity:
    """With a number that is not one of VAT: a document outside the scope of VAT must not name one (BR-O-02), and yet its seller."""
    ids = [*entity.model_dump()["tax_ids"], {"kind": "fr_siren", "value": "303265045"}]
    return Entity.model_validate({**entity.model_dump(), "tax_ids": ids})


MIXED = order(
    "179.00",
    "19.00",
    line("a", "100.00", tax("0.19", "19.00")),
    line("t", "10.00", kind="tip"),
    line("g", "50.00", kind="gift_card"),
    line("gift", "0.00"),
    includes=False,
    buyer=at("DE"),
)
SPANISH = "ESB64717838"
CANARIES = {"street": "Calle 1", "postcode": "35001", "city": "Las Palmas", "country": "ES"}
CEUTA = {"street": "Calle 1", "postcode": "51001", "city": "Ceuta", "country": "ES"}
CANARIAN = seller("ES", number=SPANISH).model_copy(update={"address": Address.model_validate(CANARIES)})
CASES: dict[str, tuple[Order, Entity, VatIdCheck | None]] = {
    "domestic": (taxed(at("DE"), "19"), seller("DE"), None),
    "one-stop shop": (taxed(at("FR"), "20"), seller("DE", oss="DE"), None),
    "intra-Community": (untaxed(at("NL", NUMBERS["NL"]), "goods", "shipping"), seller("DE"), checked(NUMBERS["NL"])),
    "reverse charge": (untaxed(at("GR", NUMBERS["GR"]), "service"), seller("DE"), checked(NUMBERS["GR"])),
    "export": (untaxed(at("US"), "goods", "shipping"), seller("DE"), None),
    "outside the scope": (untaxed(at("US", business=True), "service"), registered(seller("FR")), None),
    "voucher": (untaxed(at("FR"), "gift_card"), registered(seller("FR")), None),
    "small business": (untaxed(at("FR")), seller("FR", small_business=True), None),
    "margin scheme": (untaxed(at("DE")), seller("DE", margin_scheme="second_hand"), None),
    "exempt": (untaxed(at("DE"), "service"), seller("DE", exemption={"reason": "§ 4 Nr. 14 UStG"}), None),
    "zero rated": (untaxed(at("GB")), seller("GB"), None),
    "IGIC": (taxed({**at("ES"), "address": CANARIES}, "7"), CANARIAN, None),
    "IPSI": (
        taxed({**at("ES"), "address": CEUTA}, "4"),
        seller("ES", number=SPANISH, registrations=[{"country": "EA", "number": SPANISH}]),
        None,
    ),
    "triangular": (
        untaxed(at("NL", NUMBERS["NL"]), tags=["chain"]),
        seller("DE", triangular_tags=["chain"]),
        checked(NUMBERS["NL"]),
    ),
    "registered abroad": (
        taxed(at("AT"), "20"),
        seller("DE", registrations=[{"country": "AT", "number": NUMBERS["AT"]}]),
        None,
    ),
    "taxed, tip, voucher and gift": (MIXED, seller("DE"), None),
}


def document(basket: Order, entity: Entity, check: VatIdCheck | None) -> Document:
    invoice = draft_invoice(basket, entity, "shop-1", number="INV-1", issue_date=ON)[0]
    result = classify(sale(basket, entity, ON, check), adopt(basket))
    taxes, mentions, _ = worded(result, entity.address.country or "", "en", str)
    return invoice.model_copy(update={"lines": result.lines, "taxes": taxes, "mentions": mentions, "supply_date": ON})


@pytest.mark.parametrize("write", [cii, ubl])
@pytest.mark.parametrize("case", CASES)
async def test_what_is_classified_is_valid(validator: Validator, case: str, write: Any) -> None:
    verdict = await validator.validate(write(document(*CASES[case]), Profile.EN16931), Profile.EN16931)
    assert [finding.rule for finding in verdict.findings] == []
    assert verdict.valid
