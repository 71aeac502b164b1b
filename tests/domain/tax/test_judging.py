"""What is judged of a credit note: what it does not share with the invoice that it corrects."""

from typing import Any

import pytest

from adapter.domain.document import Document
from adapter.domain.entity import Entity
from adapter.domain.issue import draft_credit_note, draft_invoice
from adapter.domain.order import Order
from adapter.domain.tax.adopt import Finding, Severity
from adapter.errors import Held
from tests.domain.sales import ON, seller, taxed

COMPLETE = {"street": "Weg 1", "postcode": "24103", "city": "Kiel", "country": "DE"}
FIRM = {"name": "Ada", "company": "Ada Example GmbH"}
HOLDS = {"holding": ["error", "warning"]}


def sold(to: dict[str, Any]) -> tuple[Order, Document]:
    basket = taxed(to, "300")
    return basket, draft_invoice(basket, seller("DE"), "shop-1", number="INV-1", issue_date=ON)[0]


def credited(basket: Order, invoice: Document, entity: Entity, number: str = "CN-1") -> tuple[Document, tuple[Finding, ...]]:
    return draft_credit_note(invoice, (), basket, entity, "shop-1", number=number, issue_date=ON, refund=None, reason=None)


def test_a_sound_note_has_nothing_to_say() -> None:
    basket, invoice = sold({**FIRM, "address": COMPLETE})
    assert credited(basket, invoice, seller("DE", **HOLDS))[1] == ()


def test_what_the_seller_lacks_by_now_is_found_and_held_where_it_wants_that() -> None:
    basket, invoice = sold({**FIRM, "address": COMPLETE})
    moved = {"address": {"city": "Berlin", "country": "DE"}}
    _, findings = credited(basket, invoice, Entity.model_validate({**seller("DE").model_dump(), **moved}))
    assert [(finding.severity, finding.code) for finding in findings] == [(Severity.ERROR, "address_incomplete")]
    strict = Entity.model_validate({**seller("DE", **HOLDS).model_dump(), **moved})
    with pytest.raises(Held, match=r"^address_incomplete: seller\.address: .*missing: street, postcode$"):
        credited(basket, invoice, strict)
    tolerant = seller("DE", **HOLDS, tolerated=["address_incomplete"]).model_dump()
    assert [finding.code for finding in credited(basket, invoice, Entity.model_validate({**tolerant, **moved}))[1]] == [
        "address_incomplete"
    ]


def test_what_the_invoice_lacks_already_is_said_and_holds_nothing() -> None:
    basket, invoice = sold({**FIRM, "address": {"country": "DE"}})
    _, findings = credited(basket, invoice, seller("DE", **HOLDS))
    assert [(finding.severity, finding.code) for finding in findings] == [(Severity.ERROR, "buyer_address_missing")]
    with pytest.raises(Held, match="buyer_address_missing"):
        draft_invoice(basket, seller("DE", **HOLDS), "shop-1", number="INV-1", issue_date=ON)


def test_a_number_without_a_digit_is_the_note_s_own() -> None:
    basket, invoice = sold({**FIRM, "address": COMPLETE})
    with pytest.raises(Held, match="number_without_digit"):
        credited(basket, invoice, seller("DE", **HOLDS), number="NOTE")


def test_tax_that_is_given_back_without_a_number_of_the_seller() -> None:
    basket, invoice = sold({**FIRM, "address": COMPLETE})
    nameless = invoice.model_copy(update={"seller": invoice.seller.model_copy(update={"tax_ids": ()})})
    _, findings = credited(basket, nameless, seller("DE").model_copy(update={"tax_ids": ()}))
    assert [(finding.severity, finding.code) for finding in findings] == [(Severity.WARNING, "seller_not_registered")]


def test_an_invoice_that_is_not_final_is_compared_and_not_held() -> None:
    basket, _ = sold({**FIRM, "address": {"country": "DE"}})
    draft, findings = draft_invoice(basket, seller("DE", **HOLDS), "shop-1", number="0", issue_date=ON, final=False)
    assert draft.totals.gross == 40000
    assert "rate_unknown" in [finding.code for finding in findings]
