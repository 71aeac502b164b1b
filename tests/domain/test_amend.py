"""Orders that change after their invoice: what is more is invoiced in addition, what is less is credited, to the cent."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.domain.amend import charge_changed, difference
from adapter.domain.amended import additional_invoice, amending_note, charged, is_amendment, own_share
from adapter.domain.document import Document, DocumentKind, NationalTax
from adapter.domain.money import text
from adapter.domain.order import Order, Refund
from adapter.errors import Held, Ignored
from tests.domain.baskets import TODAY, back, credit, groups, invoice_of, line, order, refund, rows, tax


@dataclass
class Books:
    """An order's documents as they are made, one after the other."""

    invoices: list[Document] = field(default_factory=list)
    credits: list[Document] = field(default_factory=list)

    def see(self, basket: Order) -> None:
        """The order as it stands now: its invoice if it has none, else what changed."""
        current = invoice_of(basket)
        if not self.invoices:
            self.invoices.append(current)
            return
        amendment = difference(self.invoices, self.credits, current)
        if amendment is None:
            return
        invoices, credits = tuple(self.invoices), tuple(self.credits)
        gone = sum(each.gross for each in amendment.removed)
        if amendment.added:
            self.invoices.append(additional_invoice(invoices, credits, amendment.added, current, removed=gone))
        if amendment.removed:
            number = f"CN-{len(self.credits) + 1}"
            self.credits.append(amending_note(invoices, credits, amendment.removed, current, number=number, issue_date=TODAY))

    def give_back(self, basket: Order, refund: Refund | None) -> None:
        """A refund's credit note."""
        refunds = [note for note in self.credits if not is_amendment(note)]
        amendments = [*self.invoices[1:], *(note for note in self.credits if is_amendment(note))]
        self.credits.append(credit(basket, self.invoices[0], refunds, refund, amendments)[0])

    @property
    def total(self) -> int:
        return sum(each.totals.gross for each in self.invoices) - sum(each.totals.gross for each in self.credits)

    def taxes(self) -> dict[str, int]:
        """The tax of all documents together by rate, zeros left out."""
        found: dict[str, int] = {}
        for document in (*self.invoices, *self.credits):
            sign = -1 if document.kind is DocumentKind.CREDIT_NOTE else 1
            for group in document.taxes:
                found[str(group.rate)] = found.get(str(group.rate), 0) + sign * group.tax
        return {rate: amount for rate, amount in found.items() if amount}


def books(*baskets: Order) -> Books:
    found = Books()
    for basket in baskets:
        found.see(basket)
    return found


MUG = line("mug", "100.00", tax("0.19", "15.97"), quantity="4", unit_price="25.00")
BOOK = line("book", "15.00", tax("0.07", "0.98"))
PLATE = line("plate", "11.90", tax("0.19", "1.90"), quantity="2", unit_price="5.95")
FIRST = order("115.00", "16.95", MUG, BOOK)


def test_a_line_that_was_added_is_invoiced_in_addition() -> None:
    found = books(FIRST, order("126.90", "18.85", MUG, BOOK, PLATE))
    first, added = found.invoices
    assert found.credits == []
    assert rows(added) == [("Plate", 1000, 190, 1190)]
    assert (added.lines[0].quantity, added.lines[0].unit_price, added.lines[0].original_line) == (Decimal(2), Decimal("5.95"), 3)
    assert groups(added) == [("S", "0.19", 1000, 190)]
    assert added.notes[:2] == ("Order #1001", "In addition to invoice INV-1 of 2026-11-20")
    assert (added.metadata["amends"], added.metadata["charged_before"]) == (first.number, "11500")
    assert added.kind is DocumentKind.INVOICE


def test_more_pieces_are_invoiced_by_piece() -> None:
    found = books(FIRST, order("165.00", "24.93", MUG | {"quantity": "6", "amount": "150.00", "taxes": [tax("0.19", "23.95")]}, BOOK))
    (more,) = found.invoices[1].lines
    assert (more.quantity, more.unit_price, more.gross, more.tax) == (Decimal(2), Decimal("25.00"), 5000, 798)
    assert [(each.quantity, each.gross) for each in charged(found.invoices, found.credits).lines] == [
        (Decimal(6), 15000),
        (Decimal(1), 1500),
    ]


def test_a_line_that_is_gone_is_credited() -> None:
    found = books(FIRST, order("100.00", "15.97", MUG))
    (note,) = found.credits
    assert len(found.invoices) == 1
    assert rows(note) == [("Book", 1402, 98, 1500)]
    assert note.original is not None
    assert note.original.number == "INV-1"
    assert (note.reason, note.metadata["amends"]) == ("Order changed", "INV-1")
    assert [each.name for each in charged(found.invoices, found.credits).lines] == ["Mug"]


def test_an_exchange_of_equal_value_is_two_documents_that_come_to_nothing() -> None:
    other = line("bowl", "15.00", tax("0.19", "2.39"))
    found = books(FIRST, order("115.00", "18.36", MUG, other))
    assert rows(found.invoices[1]) == [("Bowl", 1261, 239, 1500)]
    assert rows(found.credits[0]) == [("Book", 1402, 98, 1500)]
    assert found.total == 11500
    assert found.taxes() == {"0.19": 1836}
    assert found.invoices[1].metadata["charged_before"] == "10000"


def test_a_lower_price_is_credited_once() -> None:
    cheaper = order("95.00", "13.75", MUG | {"amount": "80.00", "unit_price": "20.00", "taxes": [tax("0.19", "12.77")]}, BOOK)
    found = books(FIRST, cheaper, cheaper)
    assert [rows(note) for note in found.credits] == [[("Mug", 1680, 320, 2000)]]
    assert (found.credits[0].lines[0].quantity, found.credits[0].lines[0].unit_price) == (Decimal(1), Decimal("20.00"))


def test_another_rate_takes_the_line_back_and_charges_it_anew() -> None:
    found = books(FIRST, order("115.00", "18.36", MUG, BOOK | {"taxes": [tax("0.19", "2.39")]}))
    assert rows(found.credits[0]) == [("Book", 1402, 98, 1500)]
    assert rows(found.invoices[1]) == [("Book", 1261, 239, 1500)]


def test_a_discount_that_was_granted_later_is_credited_and_taken_away_again_invoiced() -> None:
    rebate = line("rebate", "-11.90", tax("0.19", "-1.90"), kind="discount")
    found = books(FIRST, order("103.10", "15.05", MUG, BOOK, rebate))
    assert rows(found.credits[0]) == [("Rebate", 1000, 190, 1190)]
    found.see(FIRST)
    assert rows(found.invoices[1]) == [("Rebate", 1000, 190, 1190)]
    assert (found.total, found.taxes()) == (11500, {"0.07": 98, "0.19": 1597})


def test_what_a_refund_gave_back_is_not_credited_again() -> None:
    found = books(FIRST)
    found.give_back(FIRST, refund("r1", back("book", "15.00"), money="15.00"))
    found.see(order("100.00", "15.97", MUG))
    assert len(found.credits) == 1
    assert found.total == 10000
    amendment = difference(found.invoices, found.credits, invoice_of(order("50.00", "7.98", MUG | {"amount": "50.00", "quantity": "2",
                           "taxes": [tax("0.19", "7.98")]})))  # fmt: skip
    assert amendment is not None
    assert [each.gross for each in amendment.removed] == [5000]
    assert [finding.code for finding in amendment.findings] == ["refunded_before"]


def test_a_refund_may_give_back_what_was_added() -> None:
    wider = order("126.90", "18.85", MUG, BOOK, PLATE)
    found = books(FIRST, wider)
    found.give_back(wider, refund("r1", back("plate", "11.90", quantity="2"), money="11.90"))
    assert rows(found.credits[0]) == [("Plate", 1000, 190, 1190)]
    found.give_back(wider, None)
    assert (found.total, found.taxes()) == (0, {})
    with pytest.raises(Ignored, match="nothing is left"):
        found.give_back(wider, None)


LATER = {
    "gone": order("100.00", "15.97", MUG),
    "exchanged": order("115.00", "18.36", MUG, line("bowl", "15.00", tax("0.19", "2.39"))),
    "taxed otherwise": order("115.00", "18.36", MUG, BOOK | {"taxes": [tax("0.19", "2.39")]}),
    "fewer": order("65.00", "8.96", MUG | {"amount": "50.00", "quantity": "2", "taxes": [tax("0.19", "7.98")]}, BOOK),
}
REFUNDS = {
    "money": refund("r1", money="23.00"),
    "much money": refund("r1", money="60.00"),
    "goods": refund("r1", back("book", "15.00"), money="15.00"),
}


@pytest.mark.parametrize(("change", "what"), sorted({*product(LATER, REFUNDS)} - {("taxed otherwise", "goods")}))
def test_a_change_and_a_refund_come_to_the_same_whichever_is_heard_of_first(change: str, what: str) -> None:
    """Money alone leaves with no line, goods that leave the order are not credited twice, and the rest leaves nothing."""
    later, returned = LATER[change], REFUNDS[what]
    changed_first, refunded_first = books(FIRST, later), books(FIRST)
    with suppress(Ignored):
        changed_first.give_back(later, returned)
    refunded_first.give_back(FIRST, returned)
    refunded_first.see(later)
    assert changed_first.total == refunded_first.total
    for found in (changed_first, refunded_first):
        found.see(later)
        found.give_back(later, None)
        assert (found.total, found.taxes()) == (0, {})


def test_what_was_given_back_by_amount_goes_from_a_line_that_leaves_to_one_that_stays() -> None:
    found = books(FIRST)
    found.give_back(FIRST, refund("r1", money="23.00"))
    assert rows(found.credits[0]) == [("Refund: Mug", 1681, 319, 2000), ("Refund: Book", 280, 20, 300)]
    found.see(order("100.00", "15.97", MUG))
    assert rows(found.credits[1]) == [("Book", 1402, 98, 1500), ("Refund: Book", -280, -20, -300), ("Refund: Mug", 252, 48, 300)]
    assert (found.total, found.taxes()) == (7700, {"0.19": 1597 - 319 - 48})


def test_a_change_that_uses_up_the_total_empties_every_line() -> None:
    """0.64 less a discount of 0.12, of which 0.36 were given back; then 0.16 of goods leave the order."""
    rebate = line("rebate", "-0.12", tax("0.19", "-0.02"), kind="discount")
    found = books(order("0.52", "-0.02", line("bead", "0.64", quantity="4", unit_price="0.16"), rebate))
    found.give_back(order("0.52", "-0.02"), refund("r1", money="0.36"))
    found.see(order("0.36", "-0.02", line("bead", "0.48", quantity="3", unit_price="0.16"), rebate))
    assert [(row[0], row[3]) for row in rows(found.credits[1])] == [("Bead", 16), ("Bead", 4), ("Rebate", -4)]
    assert (found.total, found.taxes()) == (0, {})


def test_no_more_goods_have_come_back_than_were_returned() -> None:
    """A bead of three comes back, which uses up what an amount has left; then two leave the order: the amount stays given back."""
    beads = [line("bead", f"0.{33 - 11 * gone}", quantity=str(3 - gone), unit_price="0.11") for gone in range(3)]
    rebate = line("rebate", "-0.13", kind="discount")
    mug = line("mug", "25.00", tax("0.19", "3.99"))
    cheap, dear = order("0.20", "0", beads[0], rebate), order("24.98", "3.99", beads[2], rebate, mug)
    found = books(cheap)
    found.give_back(cheap, refund("r1", money="0.09"))
    found.give_back(cheap, refund("r2", back("bead", "0.11"), money="0.11"))
    assert [(row[0], row[3]) for row in rows(found.credits[1])] == [("Bead", 11), ("Bead", 7), ("Rebate", -7)]
    found.see(dear)
    assert found.total == 2498 - 20


def test_an_order_that_costs_nothing_changes_like_any_other() -> None:
    """A discount of everything: what is added is invoiced, what goes is credited, and nothing else is said."""
    gift = line("gift", "11.90", tax("0.19", "1.90"))
    free = line("free", "-11.90", tax("0.19", "-1.90"), kind="discount")
    found = books(order("0.00", "0.00", gift, free), order("15.00", "0.98", gift, free, BOOK), order("0.00", "0.00", gift, free))
    assert [rows(document) for document in (*found.invoices[1:], *found.credits)] == [[("Book", 1402, 98, 1500)]] * 2


def test_what_moves_leaves_nothing_in_the_national_currency_either() -> None:
    """16.95 EUR of tax are 182.42 SEK: an amount, a change that moves a part of it, another amount, and the rest."""
    found = books(FIRST)
    sek = NationalTax(currency="SEK", tax=18242, rate=Decimal("10.7622"), source="ECB")
    found.invoices[0] = found.invoices[0].model_copy(update={"national_tax": sek})
    found.give_back(FIRST, refund("r1", money="60.00"))
    gone = order("100.00", "15.97", MUG)
    found.see(gone)
    found.give_back(gone, refund("r2", money="7.77"))
    found.give_back(gone, None)
    assert found.total == 0
    taxes = [note.national_tax.tax for note in found.credits if note.national_tax]
    assert (len(taxes), sum(taxes)) == (4, 18242)
    for note, national in zip(found.credits, taxes, strict=True):
        assert abs(national - note.totals.tax * Decimal("10.7622")) < 6


def test_less_money_than_was_credited_when_the_order_changed_is_held() -> None:
    gone = order("100.00", "15.97", MUG)
    with pytest.raises(Held, match=r"15\.00 were credited when the order changed, 2\.00 less was paid back"):
        books(FIRST, gone).give_back(gone, refund("r1", back("book", "15.00"), money="13.00"))


def test_what_was_kept_of_goods_stays_charged_when_they_leave_the_order() -> None:
    found = books(FIRST)
    found.give_back(FIRST, refund("r1", back("book", "15.00"), money="13.00"))
    found.see(order("100.00", "15.97", MUG))
    assert found.total == 10200


def test_a_discount_of_which_refunds_gave_back_a_part_is_not_taken_away() -> None:
    with_rebate = order("103.10", "15.05", MUG, BOOK, line("rebate", "-11.90", tax("0.19", "-1.90"), kind="discount"))
    found = books(with_rebate)
    found.give_back(with_rebate, refund("r1", money="20.00"))
    with pytest.raises(Held, match="a part of the discount in line 3"):
        found.see(FIRST)


def test_goods_that_came_back_are_not_taxed_otherwise() -> None:
    found = books(FIRST)
    found.give_back(FIRST, REFUNDS["goods"])
    with pytest.raises(Held, match="goods of line 2 of the invoice, whose tax changed"):
        found.see(LATER["taxed otherwise"])


def test_a_refund_of_goods_that_were_credited_when_the_order_changed_is_the_same_fact() -> None:
    found = books(FIRST, LATER["gone"])
    with pytest.raises(Ignored, match=r"the 15\.00 EUR that the refund gives back were credited when the order changed"):
        found.give_back(LATER["gone"], REFUNDS["goods"])


def test_nothing_that_is_not_charged_is_a_change() -> None:
    renamed = order("115.00", "16.95", MUG | {"name": "Big mug"}, BOOK, tags=["late"], notes="call first")
    assert difference([invoice_of(FIRST)], [], invoice_of(renamed)) is None
    assert not charge_changed(FIRST, order("115.00", "16.95", MUG, BOOK, tags=["late"]))
    assert charge_changed(FIRST, order("100.00", "15.97", MUG))
    assert charge_changed(None, FIRST)
    assert not charge_changed(None, None)


def test_another_currency_is_held() -> None:
    with pytest.raises(Held, match="now in USD"):
        difference([invoice_of(FIRST)], [], invoice_of(order("115.00", "16.95", MUG, BOOK, currency="USD")))


def test_the_earlier_invoice_is_paid_first() -> None:
    first, added = books(FIRST, order("126.90", "18.85", MUG, BOOK, PLATE)).invoices
    assert [(own_share(paid, 12690, first), own_share(paid, 12690, added)) for paid in (0, 5000, 11500, 12000, 12690)] == [
        (0, 0), (5000, 0), (11500, 0), (11500, 500), (11500, 1190)
    ]  # fmt: skip
    assert own_share(12000, 11500, first) == 12000


RATES = ("0.19", "0.07", "0.055")


@dataclass(frozen=True)
class Piece:
    """One line of a made-up order: so many pieces at a price in cents."""

    quantity: int
    price: int


@st.composite
def lives(draw: st.DrawFn) -> tuple[bool, list[list[Piece]], list[tuple[int, int]]]:
    """Whether prices include tax, successive contents of an order (a line each), and refunds of whole pieces (line, pieces) that every one
    of the contents still charges."""
    count = draw(st.integers(1, 4))
    prices = [draw(st.integers(1, 9_999)) for _ in range(count)]
    versions = [[Piece(draw(st.integers(0, 5)), price) for price in prices] for _ in range(draw(st.integers(1, 5)))]
    refunds = []
    for index in range(count):
        least = min(version[index].quantity for version in versions)
        refunds.extend((index, 1) for _ in range(draw(st.integers(0, least))))
    return draw(st.booleans()), versions, refunds


def basket_of(pieces: Sequence[Piece], *, includes: bool) -> Order:
    lines: list[dict[str, Any]] = []
    total = taxed = 0
    for index, piece in enumerate(pieces):
        if piece.quantity:
            amount, contained = piece.quantity * piece.price, piece.quantity * tax_of(index, piece.price, includes=includes)
            total, taxed = total + amount + (0 if includes else contained), taxed + contained
            stated = tax(RATES[index % 3], text(contained, "EUR"))
            lines.append(line(f"l{index}", text(amount, "EUR"), stated, quantity=str(piece.quantity), unit_price=text(piece.price, "EUR")))
    lines.append(line("parcel", "5.00", tax("0", "0.00"), kind="shipping"))
    return order(text(total + 500, "EUR"), text(taxed, "EUR"), *lines, includes=includes)


def tax_of(index: int, price: int, *, includes: bool) -> int:
    rate = int(Decimal(RATES[index % 3]) * 1000)
    return price * rate // (1000 + rate) if includes else price * rate // 1000


@given(lives(), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_whatever_arrives_in_whatever_order_the_documents_say_what_is_charged(
    life: tuple[bool, list[list[Piece]], list[tuple[int, int]]], random: Any
) -> None:
    """Edits are seen in the order of their versions, some of them not at all; refunds come before, between or after them."""
    includes, versions, refunds = life
    last = basket_of(versions[-1], includes=includes)
    direct = told(life, list(range(len(refunds))), [len(versions) - 1], after=len(versions))
    expected = invoice_of(last).totals.gross - sum(
        pieces * (versions[-1][index].price + (0 if includes else tax_of(index, versions[-1][index].price, includes=False)))
        for index, pieces in refunds
    )
    assert direct.total == expected
    seen = sorted({*random.sample(range(len(versions)), random.randint(0, len(versions) - 1)), len(versions) - 1})
    order_of_refunds = random.sample(range(len(refunds)), len(refunds))
    other = told(life, order_of_refunds, seen, after=random.randint(0, len(seen)))
    assert other.total == expected
    assert other.taxes() == direct.taxes()
    charge = charged(other.invoices, other.credits)
    assert charge.totals == invoice_of(last).totals
    for document in (*other.invoices, *other.credits):
        assert document.totals.gross >= 0
    assert difference(other.invoices, other.credits, invoice_of(last)) is None


def told(life: tuple[bool, list[list[Piece]], list[tuple[int, int]]], refunds: list[int], seen: list[int], *, after: int) -> Books:
    """The books after these versions, the refunds being heard of after the first `after` of them (of which there is at least one)."""
    includes, versions, given_back = life
    found = Books()
    for position, version in enumerate(seen):
        found.see(basket_of(versions[version], includes=includes))
        if position + 1 == min(max(1, after), len(seen)):
            for number in refunds:
                index, pieces = given_back[number]
                price = versions[version][index].price
                contained = text(tax_of(index, price, includes=includes), "EUR")
                returned = refund(f"r{number}", back(f"l{index}", text(pieces * price, "EUR"), contained, quantity=str(pieces)))
                found.give_back(basket_of(versions[version], includes=includes), returned)
    return found
