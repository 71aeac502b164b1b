from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapter.domain.document import DocumentKind, DocumentStatus, Mode, Settlement, TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.frozen import digest
from adapter.domain.issue import draft_credit_note, draft_invoice, settlement, status
from adapter.domain.order import Order, Refund
from adapter.errors import Held
from tests.domain.baskets import ENTITY, TODAY, assert_sound, credit, invoice_of, line, order, paid, tax

LATE = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
"""The 18th in Greenwich, the 19th in Berlin."""
ADDRESS = {"street": "Tonweg 8", "city": "Kiel", "postcode": "24103", "country": "DE"}
BUYER = {"name": "Mara Vogel", "email": "mara@buyer.example", "address": ADDRESS}


def basket(**more: Any) -> Order:
    return order("11.90", "1.90", line("mug", "11.90", tax("0.19", "1.90")), **more)


def test_an_invoice_is_complete() -> None:
    entity = ENTITY.model_copy(update={"notes": ("Thank you.",), "language": "de"})
    invoice, findings = draft_invoice(
        basket(placed_at=LATE, buyer=BUYER), entity, "shop-1", number="INV-2026-000001", issue_date=TODAY, notes=["Fragile"]
    )
    assert_sound(invoice)
    assert findings == ()
    assert (invoice.kind, invoice.mode, invoice.number, invoice.language) == (DocumentKind.INVOICE, Mode.TEST, "INV-2026-000001", "de")
    assert (invoice.issue_date, invoice.supply_date, invoice.due_date) == (TODAY, date(2026, 11, 19), date(2026, 12, 4))
    assert invoice.seller == entity.seller()
    assert invoice.notes == ("Order #1001", "Thank you.", "Fragile")
    assert invoice.metadata == {"order_id": "9001", "order_number": "1001", "source": "shop-1"}
    reference = invoice.orders[0]
    assert (reference.source, reference.id, reference.number, reference.placed_on) == ("shop-1", "9001", "1001", date(2026, 11, 19))
    assert invoice.taxes[0].category is TaxCategory.STANDARD


def test_a_number_with_its_own_sign_is_not_signed_twice() -> None:
    assert invoice_of(basket(number="#1001")).notes == ("Order #1001",)


def test_payments_refunds_and_fulfilment_leave_the_invoice_alone() -> None:
    plain = basket(placed_at=LATE)
    later = basket(
        placed_at=LATE,
        version=LATE,
        payments=[{"id": "p", "kind": "sale", "amount": "11.90"}],
        refunds=[{"id": "r", "money": "5.00"}],
        progress={"financial": "partially_refunded", "fulfilment": "fulfilled", "fulfilled_at": "2026-11-19T12:00:00Z", "cancelled": True},
    )
    assert invoice_of(plain).canonical() == invoice_of(later).canonical()


def test_the_supply_date() -> None:
    progress = {"fulfilled_at": "2026-11-20T08:00:00Z"}
    placed = basket(placed_at="2026-11-20T08:00:00Z")
    assert invoice_of(placed).supply_date is None
    shipped = basket(placed_at=LATE, progress=progress)

    def on_fulfilment(order: Order) -> date | None:
        return draft_invoice(order, ENTITY, "s", number="1", issue_date=date(2026, 11, 22), on_fulfilment=True)[0].supply_date

    assert on_fulfilment(shipped) == date(2026, 11, 20)
    assert on_fulfilment(basket(placed_at=LATE)) == date(2026, 11, 19)
    assert invoice_of(basket()).supply_date is None


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        ({}, date(2026, 12, 4)),
        ({"due_days": 0}, TODAY),
        ({"due_days": 30}, date(2026, 12, 20)),
        ({"due_date": "2027-01-31", "due_days": 3}, date(2027, 1, 31)),
    ],
)
def test_the_due_date_follows_the_terms(terms: dict[str, Any], due: date) -> None:
    assert invoice_of(basket(**terms)).due_date == due
    assert invoice_of(paid(basket(**terms))).due_date == due


@pytest.mark.parametrize(
    ("buyer", "name", "company"),
    [
        (BUYER | {"company": "Vogel Keramik"}, "Mara Vogel", "Vogel Keramik"),
        ({"name": "", "company": "Vogel Keramik"}, "Vogel Keramik", None),
        ({"email": "mara@buyer.example"}, "mara@buyer.example", None),
        ({"address": {}}, "Customer", None),
        (None, "Customer", None),
    ],
)
def test_the_buyer_has_always_a_name(buyer: dict[str, Any] | None, name: str, company: str | None) -> None:
    printed = invoice_of(basket(buyer=buyer)).buyer
    assert printed is not None
    assert (printed.name, printed.company) == (name, company)
    assert printed.address is None or printed.address.city == "Kiel"


def test_the_recipient_is_printed_where_it_differs() -> None:
    def recipient(**party: Any) -> str | None:
        printed = invoice_of(basket(buyer=BUYER, ship_to=party)).ship_to
        return printed and printed.name

    assert recipient(name="Mara Vogel", address=ADDRESS) is None
    assert recipient(address=ADDRESS) is None
    assert recipient(name="Jon Vogel") is None
    assert recipient(name="Jon Vogel", address=ADDRESS) == "Jon Vogel"
    assert recipient(address=ADDRESS | {"city": "Lübeck"}) == "Mara Vogel"


def test_a_negative_total_is_no_invoice() -> None:
    with pytest.raises(Held, match=r"-5\.00 EUR is no amount to invoice"):
        invoice_of(order("-5.00", "0", line("a", "-5.00")))


def test_a_credit_note_names_its_invoice() -> None:
    charged = paid(basket(buyer=BUYER))
    invoice = invoice_of(charged)
    moved = ENTITY.model_copy(update={"name": "Kiln AG", "mode": Mode.LIVE, "language": "fr"})
    note, _ = draft_credit_note(
        invoice,
        [],
        charged,
        moved,
        "shop-1",
        number="CN-1",
        issue_date=date(2027, 1, 3),
        refund=Refund(id="r7", money=Decimal(5)),
        reason="Chipped",
    )
    assert_sound(note)
    assert note.original is not None
    assert (note.original.number, note.original.issue_date, note.original.sha256) == ("INV-1", TODAY, digest(invoice.canonical()))
    assert (note.kind, note.mode, note.language, note.due_date, note.reason) == (DocumentKind.CREDIT_NOTE, Mode.TEST, "en", None, "Chipped")
    assert (note.buyer, note.orders, note.seller.name) == (invoice.buyer, invoice.orders, "Kiln AG")
    assert note.notes == ("Order #1001",)
    assert note.metadata["refund_id"] == "r7"
    assert note.totals.gross == 500
    assert credit(charged, invoice, [], Refund(id="r7", money=Decimal(5), reason="Too late"))[0].reason == "Too late"


def test_what_was_paid_and_how() -> None:
    payments = [
        {"id": "1", "kind": "gift_card", "amount": "1.90", "gateway": "gift_card", "at": LATE},
        {"id": "2", "kind": "sale", "amount": "5.00", "method": "Visa", "gateway": "bank"},
        {"id": "3", "kind": "sale", "amount": "5.00", "status": "failure", "gateway": "other"},
        {"id": "4", "kind": "refund", "amount": "2.00", "gateway": "bank"},
    ]
    partly = basket(payments=payments)
    invoice = invoice_of(partly)
    assert settlement(partly, invoice) == Settlement(paid=690, method="gift_card, Visa", paid_on=date(2026, 11, 18))
    assert settlement(partly, invoice, ENTITY.zone).paid_on == date(2026, 11, 19)
    assert settlement(paid(partly), invoice).paid == 1190
    assert settlement(basket(progress={"financial": "refunded"}), invoice).paid == 1190
    stated = partly.model_copy(update={"totals": partly.totals.model_copy(update={"paid": Decimal(8)}), "payments": ()})
    assert settlement(stated, invoice) == Settlement(paid=800)
    assert settlement(basket(), invoice) == Settlement()


@pytest.mark.parametrize(
    ("money", "credited", "today", "stands"),
    [
        (0, 0, date(2026, 12, 4), DocumentStatus.OPEN),
        (0, 0, date(2026, 12, 5), DocumentStatus.PAST_DUE),
        (500, 0, TODAY, DocumentStatus.PARTIALLY_PAID),
        (500, 0, date(2026, 12, 5), DocumentStatus.PAST_DUE),
        (1190, 0, date(2026, 12, 5), DocumentStatus.PAID),
        (690, 500, TODAY, DocumentStatus.PAID),
        (1190, 500, TODAY, DocumentStatus.PAID),
        (0, 500, TODAY, DocumentStatus.OPEN),
        (1190, 1190, TODAY, DocumentStatus.CREDITED),
        (0, 1190, date(2027, 12, 5), DocumentStatus.CREDITED),
    ],
)
def test_where_an_invoice_stands(money: int, credited: int, today: date, stands: DocumentStatus) -> None:
    assert status(invoice_of(basket()), Settlement(paid=money), credited, today) is stands


def test_a_free_order_is_paid_and_a_credit_note_stays_open() -> None:
    free = order("0", "0", line("sample", "0.00"))
    assert status(invoice_of(free), Settlement(), 0, TODAY) is DocumentStatus.PAID
    charged = paid(basket())
    note, _ = credit(charged, invoice_of(charged), [], None)
    assert status(note, Settlement(), 0, date(2030, 1, 1)) is DocumentStatus.OPEN


def test_an_entity_speaks_the_language_it_is_asked_for() -> None:
    entity = Entity.model_validate({**ENTITY.model_dump(), "language": "de"})
    invoice, _ = draft_invoice(basket(), entity, "s", number="1", issue_date=TODAY, language="fr")
    assert invoice.language == "fr"
