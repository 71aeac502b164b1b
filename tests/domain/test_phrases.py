"""What the adapter itself says in a document is said in the document's language; what somebody else said stays as it was."""

import pytest

from adapter.domain.document import Document
from adapter.domain.frozen import digest
from adapter.domain.issue import draft_credit_note, draft_invoice
from adapter.domain.order import Adjustment, LineKind, Refund
from adapter.domain.phrases import Phrase, adjustment_name, cancellation_reason, in_english, line_name, say
from tests.domain.baskets import ENTITY, TODAY, assert_sound, back, invoice_of, line, order, paid, refund, tax

GERMAN = {
    "Order #%(number)s": "Bestellung #%(number)s",
    "Customer": "Kunde",
    "Rounding difference of the shop": "Rundungsdifferenz des Shops",
    "Refund": "Erstattung",
    "Adjustment": "Anpassung",
    "%(name)s: %(line)s": "%(name)s – %(line)s",
    "Shipping": "Versand",
    "Coupon": "Gutschein",
    "VAT": "USt.",
    "Tax": "USt.",
    "Restocking fee": "Wiedereinlagerungsgebühr",
    "Goodwill": "Kulanz",
    "Additional fees": "Zusätzliche Gebühren",
    "Not in stock": "Nicht lieferbar",
    "Order cancelled": "Bestellung storniert",
}


def german(text: str) -> str:
    return GERMAN.get(text, text)


BASKET = paid(
    order(
        "16.80",
        "2.68",
        line("mug", "11.90", tax("0.19", "1.90"), name="Shipping crate", discounts=[{"amount": "1.00", "name": "Coupon"}]),
        line("parcel", "4.90", tax("0.19", "0.78"), kind="shipping", name="Shipping"),
    )
)


def in_german(basket=BASKET) -> Document:
    return draft_invoice(basket, ENTITY, "shop-1", number="INV-1", issue_date=TODAY, language="de", translate=german)[0]


def note_in_german(invoice: Document, given_back: Refund | None, reason: str | None = None, basket=BASKET) -> Document:
    drafted = {"number": "CN-1", "issue_date": TODAY, "refund": given_back, "reason": reason, "translate": german}
    return draft_credit_note(invoice, [], basket, ENTITY, "shop-1", **drafted)[0]


def test_what_nobody_named_is_named_in_the_language_of_the_document() -> None:
    invoice = in_german()
    assert_sound(invoice)
    assert invoice.buyer is not None
    assert invoice.buyer.name == "Kunde"
    assert [each.name for each in invoice.lines] == ["Shipping crate", "Versand"]
    assert invoice.lines[0].discount_name == "Gutschein"
    assert {(group.name, str(group.rate)) for group in invoice.taxes} == {("USt.", "0.19")}


def test_the_note_that_names_the_order_is_the_same_in_every_language() -> None:
    assert in_german().notes == invoice_of(BASKET).notes == ("Order #1001",)


def test_an_order_without_lines_and_the_shop_s_rounding() -> None:
    assert [each.name for each in in_german(order("9.00", "0")).lines] == ["Bestellung #1001"]
    missing = order("20.01", "0", line("a", "10.00"), line("b", "10.00"))
    assert in_german(missing).lines[-1].name == "Rundungsdifferenz des Shops"


def test_two_taxes_are_never_called_the_same() -> None:
    both = order("12.00", "2.00", line("a", "12.00", tax("0.10", "1.00", "VAT"), tax("0.10", "1.00", "Tax")))
    invoice = in_german(both)
    assert [each.name for each in invoice.taxes] == ["VAT", "Tax"]
    assert_sound(note_in_german(invoice, None, basket=both))


def test_refunds_are_spread_in_the_language_of_the_invoice() -> None:
    note = note_in_german(in_german(), refund(money="8.40"))
    assert_sound(note)
    assert [each.name for each in note.lines] == ["Erstattung – Shipping crate", "Erstattung – Versand"]
    kept = refund("r", back("mug", "11.90"), adjustments=[Adjustment(kind="restocking_fee", amount="-2.00")], money="9.90")
    assert [each.name for each in note_in_german(in_german(), kept).lines] == [
        "Shipping crate",
        "Wiedereinlagerungsgebühr – Shipping crate",
    ]


def test_a_cancellation_gives_its_reason_in_words_for_the_buyer() -> None:
    assert note_in_german(in_german(), None, "inventory").reason == "Nicht lieferbar"
    assert note_in_german(in_german(), None, "fraud").reason == "Bestellung storniert"
    assert note_in_german(in_german(), None, "Called us").reason == "Called us"
    assert note_in_german(in_german(), None).reason is None


def test_a_refund_s_reason_is_somebody_s_own() -> None:
    assert note_in_german(in_german(), refund(money="1.00", reason="other"), "other").reason == "other"
    assert cancellation_reason("OTHER", in_english) == "Order cancelled"


@pytest.mark.parametrize(
    ("kind", "reason", "name"),
    [
        ("restocking_fee", None, "Wiedereinlagerungsgebühr"),
        ("restocking_fee", "Restocking fee", "Wiedereinlagerungsgebühr"),
        ("restocking_fee", "Scratched", "Scratched"),
        ("shipping_refund", "Shipping refund", "Versand"),
        ("goodwill", None, "Kulanz"),
        ("fee", None, "Zusätzliche Gebühren"),
        ("good_will", None, "Good will"),
        ("good_will", "Good Will", "Good Will"),
    ],
)
def test_adjustments_are_named_by_their_reason_else_by_their_kind(kind: str, reason: str | None, name: str) -> None:
    assert adjustment_name(kind, reason, german) == name


def test_only_the_names_that_connectors_find_are_translated() -> None:
    assert line_name(LineKind.GOODS, "Shipping", german) == "Shipping"
    assert line_name(LineKind.SHIPPING, "DHL Express", german) == "DHL Express"


def test_values_are_put_in_as_they_are() -> None:
    assert say(Phrase.OF_LINE, german, name="100 %", line="%(name)s") == "100 % – %(name)s"


def test_a_document_without_a_second_language_has_the_digest_that_it_had() -> None:
    invoice = invoice_of(BASKET)
    assert "second_language" not in invoice.canonical()
    assert digest(invoice.canonical()) != digest(invoice.model_copy(update={"second_language": "en"}).canonical())


def test_the_credit_note_speaks_the_second_language_of_its_invoice() -> None:
    invoice, _ = draft_invoice(BASKET, ENTITY, "s", number="1", issue_date=TODAY, language="de", second_language="fr", translate=german)
    assert (invoice.language, invoice.second_language) == ("de", "fr")
    assert note_in_german(invoice, None).second_language == "fr"
