from contextlib import suppress
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapter.domain.credit import remaining
from adapter.domain.document import Document
from adapter.domain.ledger import apportion
from adapter.domain.order import Adjustment, FinancialStatus, Order
from adapter.errors import Held, Ignored
from tests.domain.baskets import (
    ENTITY,
    assert_sound,
    back,
    credit,
    groups,
    invoice_of,
    line,
    order,
    orders,
    paid,
    refund,
    refunds,
    rows,
    tax,
)

GERMAN = paid(
    order(
        "119.90",
        "17.73",
        line("mug", "100.00", tax("0.19", "15.97"), quantity="4", unit_price="25.00"),
        line("book", "15.00", tax("0.07", "0.98")),
        line("parcel", "4.90", tax("0.19", "0.78"), kind="shipping"),
    )
)
DISCOUNTED = paid(
    order(
        "128.52",
        "20.52",
        line("kettle", "119.00", tax("0.19", "19.00")),
        line("filter", "23.80", tax("0.19", "3.80")),
        line("rebate", "-14.28", tax("0.19", "-2.28"), kind="discount"),
    )
)


def left(invoice: Document, notes: list[Document]) -> list[tuple[int, int, int]]:
    return [(each.net, each.tax, each.gross) for each in remaining(invoice, notes)]


def assert_nothing_left(invoice: Document, notes: list[Document]) -> None:
    for each in remaining(invoice, notes):
        assert (each.net, each.tax, each.gross, [tax.amount for tax in each.taxes]) == (0, 0, 0, [0] * len(each.taxes))
    for group in invoice.taxes:
        same = [g for note in notes for g in note.taxes if (g.category, g.name, g.rate) == (group.category, group.name, group.rate)]
        assert (sum(g.base for g in same), sum(g.tax for g in same)) == (group.base, group.tax)


def test_a_cancellation_mirrors_the_invoice() -> None:
    invoice = invoice_of(GERMAN)
    note, findings = credit(GERMAN, invoice, [], None)
    assert rows(note) == rows(invoice)
    assert note.taxes == invoice.taxes
    assert note.totals == invoice.totals
    assert [(each.quantity, each.unit_price, each.original_line) for each in note.lines] == [
        (Decimal(4), Decimal("25.00"), 1),
        (Decimal(1), Decimal("15.00"), 2),
        (Decimal(1), Decimal("4.90"), 3),
    ]
    assert findings == ()
    assert_nothing_left(invoice, [note])


def test_a_refund_of_goods_then_the_rest() -> None:
    invoice = invoice_of(GERMAN)
    first, _ = credit(GERMAN, invoice, [], refund("r1", back("mug", "25.00"), money="25.00"))
    assert rows(first) == [("Mug", 2101, 399, 2500)]
    assert (first.lines[0].quantity, first.lines[0].unit_price, first.lines[0].original_line) == (Decimal(1), Decimal("25.00"), 1)
    assert groups(first) == [("S", "0.19", 2101, 399)]
    rest, _ = credit(GERMAN, invoice, [first], None)
    assert rows(rest) == [("Mug", 6302, 1198, 7500), ("Book", 1402, 98, 1500), ("Parcel", 412, 78, 490)]
    assert_nothing_left(invoice, [first, rest])


def test_an_amount_alone_is_spread_by_what_is_left() -> None:
    invoice = invoice_of(GERMAN)
    note, findings = credit(GERMAN, invoice, [], refund(money="10.00"))
    assert rows(note) == [("Refund: Mug", 701, 133, 834), ("Refund: Book", 117, 8, 125), ("Refund: Parcel", 34, 7, 41)]
    assert note.totals.gross == 1000
    assert findings == ()


def test_shipping_only() -> None:
    invoice = invoice_of(GERMAN)
    note, _ = credit(GERMAN, invoice, [], refund(shipping="4.90", money="4.90"))
    assert rows(note) == [("Parcel", 412, 78, 490)]
    assert note.totals.shipping == 490
    with_kind = Adjustment(kind="shipping_refund", amount=Decimal("2.00"))
    assert rows(credit(GERMAN, invoice, [], refund("r2", money="2.00", adjustments=[with_kind]))[0]) == [("Parcel", 168, 32, 200)]
    beyond, _ = credit(GERMAN, invoice, [note], refund("r2", shipping="2.00", money="2.00"))
    assert [(row[0], row[3]) for row in rows(beyond)] == [("Shipping: Mug", 174), ("Shipping: Book", 26)]


def test_a_duty_a_fee_and_a_tip_come_back_as_they_were_charged() -> None:
    """With the tax of their own lines, or with none; what such a line has not, the others give."""
    basket = paid(
        order(
            "135.90",
            "17.87",
            line("mug", "100.00", tax("0.19", "15.97")),
            line("wrapping", "11.90", tax("0.19", "1.90"), kind="fee"),
            line("duty", "14.00", kind="duty"),
            line("tip", "10.00", kind="tip"),
        )
    )
    invoice = invoice_of(basket)
    kinds = {"duty": "14.00", "fee": "5.95", "tip": "10.00"}
    moves = [Adjustment(kind=kind, amount=Decimal(amount)) for kind, amount in kinds.items()]
    note, findings = credit(basket, invoice, [], refund("r1", adjustments=moves))
    assert rows(note) == [("Duty", 1400, 0, 1400), ("Wrapping", 500, 95, 595), ("Tip", 1000, 0, 1000)]
    assert findings == ()
    again, _ = credit(basket, invoice, [note], refund("r2", adjustments=[Adjustment(kind="duty", amount=Decimal("10.00"))]))
    assert [(row[0], row[3]) for row in rows(again)] == [("Duty: Mug", 944), ("Duty: Wrapping", 56)]


def test_net_prices_add_the_tax_of_the_refund() -> None:
    basket = paid(order("130.90", "20.90", line("desk", "100.00", tax("0.19", "19.00")),
                        line("freight", "10.00", tax("0.19", "1.90"), kind="shipping"), includes=False))  # fmt: skip
    invoice = invoice_of(basket)
    stated, _ = credit(basket, invoice, [], refund("r1", back("desk", "50.00", "9.50"), shipping="10.00", shipping_tax="1.90"))
    assert rows(stated) == [("Desk", 5000, 950, 5950), ("Freight", 1000, 190, 1190)]
    unstated, _ = credit(basket, invoice, [], refund("r1", back("desk", "50.00"), shipping="10.00"))
    assert rows(unstated) == rows(stated)


def test_a_restocking_fee_is_a_negative_line_with_its_tax() -> None:
    invoice = invoice_of(GERMAN)
    fee = Adjustment(kind="restocking_fee", amount=Decimal("-5.00"))
    note, findings = credit(GERMAN, invoice, [], refund("r1", back("mug", "100.00", quantity="4"), adjustments=[fee], money="95.00"))
    assert rows(note) == [("Mug", 8403, 1597, 10000), ("Restocking fee: Mug", -420, -80, -500)]
    assert findings == ()
    assert left(invoice, [note])[0] == (420, 80, 500)
    rest, _ = credit(GERMAN, invoice, [note], None)
    assert_nothing_left(invoice, [note, rest])


def test_more_money_than_goods() -> None:
    invoice = invoice_of(GERMAN)
    goodwill = Adjustment(kind="refund_discrepancy", amount=Decimal("3.00"), reason="Goodwill")
    note, _ = credit(GERMAN, invoice, [], refund("r1", back("mug", "25.00"), adjustments=[goodwill], money="28.00"))
    assert note.totals.gross == 2800
    assert [row[0] for row in rows(note)] == ["Mug", "Goodwill: Mug", "Goodwill: Book", "Goodwill: Parcel"]
    unexplained, findings = credit(GERMAN, invoice, [], refund("r1", back("mug", "25.00"), money="28.00"))
    assert [row[3] for row in rows(unexplained)] == [2500, 237, 47, 16]
    assert [finding.code for finding in findings] == ["refund_difference"]


def test_money_that_follows_goods_settles_them() -> None:
    """Two mugs came back and nothing was paid; then the money for them, and 3.00 more; then 2.00 of goodwill."""
    goods = refund("r1", back("mug", "50.00", quantity="2"), owed=True)
    later, beyond, goodwill = refund("r2", money="40.00"), refund("r3", money="13.00"), refund("r4", money="2.00")
    basket = GERMAN.model_copy(update={"refunds": (goods, later, beyond, goodwill)})
    invoice = invoice_of(basket)
    first, _ = credit(basket, invoice, [], goods)
    assert rows(first) == [("Mug", 4201, 799, 5000)]
    with pytest.raises(Ignored, match="for what was given back before"):
        credit(basket, invoice, [first], later)
    second, _ = credit(basket, invoice, [first], beyond)
    assert second.totals.gross == 300
    third, _ = credit(basket, invoice, [first, second], goodwill)
    assert third.totals.gross == 200


def test_money_that_is_heard_of_before_its_goods_settles_them_too() -> None:
    """The same notes in sum, whichever is heard of first: 50.00 and 15.00 of goods, 40.00 of money and 13.00."""
    mugs, book = refund("r1", back("mug", "50.00", quantity="2"), owed=True), refund("r2", back("book", "15.00"), owed=True)
    basket = GERMAN.model_copy(update={"refunds": (mugs, book, refund("r3", money="40.00"), refund("r4", money="13.00"))})
    invoice = invoice_of(basket)
    for told in permutations(basket.refunds):
        notes: list[Document] = []
        for each in told:
            with suppress(Ignored):
                notes.append(credit(basket, invoice, notes, each)[0])
        assert sum(note.totals.gross for note in notes) == 6500


def test_one_refund_over_two_gateways_with_a_discrepancy() -> None:
    """195.66 + 3.98 - 89.64 = 110.00: lines and their tax, less what was not paid back."""
    basket = paid(order("405.97", "7.97", line("player-1", "199.00", tax("0.02", "3.98")), line("player-2", "199.00", tax("0.02", "3.99")),
                        includes=False, currency="USD"))  # fmt: skip
    invoice = invoice_of(basket)
    less = Adjustment(kind="refund_discrepancy", amount=Decimal("-89.64"), reason="Refund discrepancy")
    note, _ = credit(basket, invoice, [], refund("r1", back("player-1", "195.66", "3.98"), adjustments=[less], money="110.00"))
    assert [(row[0], row[3]) for row in rows(note)] == [("Player 1", 19964), ("Refund discrepancy: Player 1", -8964)]
    assert note.totals.gross == 11000
    rest, _ = credit(basket, invoice, [note], None)
    assert note.totals.gross + rest.totals.gross == 40597
    assert_nothing_left(invoice, [note, rest])


def test_less_money_than_goods_takes_the_discount_back_first() -> None:
    invoice = invoice_of(DISCOUNTED)
    note, _ = credit(DISCOUNTED, invoice, [], refund("r1", back("kettle", "119.00"), money="107.10"))
    assert rows(note) == [("Kettle", 10000, 1900, 11900), ("Adjustment: Rebate", -1000, -190, -1190)]
    assert left(invoice, [note]) == [(0, 0, 0), (2000, 380, 2380), (-200, -38, -238)]


def test_an_amount_alone_gives_back_the_discount_in_proportion() -> None:
    invoice = invoice_of(DISCOUNTED)
    note, _ = credit(DISCOUNTED, invoice, [], refund(money="64.26"))
    assert [row[3] for row in rows(note)] == [5950, 1190, -714]
    rest, _ = credit(DISCOUNTED, invoice, [note], refund("r2", money="64.26"))
    assert_nothing_left(invoice, [note, rest])


def test_the_note_that_uses_up_the_total_empties_every_line() -> None:
    invoice = invoice_of(DISCOUNTED)
    goods = refund("r1", back("kettle", "107.10"), back("filter", "21.42"), money="128.52")
    note, _ = credit(DISCOUNTED, invoice, [], goods)
    assert [(row[0], row[3]) for row in rows(note)] == [("Kettle", 11900), ("Filter", 2380), ("Rebate", -1428)]
    assert_nothing_left(invoice, [note])


def test_lines_that_the_invoice_does_not_have() -> None:
    invoice = invoice_of(GERMAN)
    note, findings = credit(GERMAN, invoice, [], refund("r1", back("unknown", "11.99"), money="11.99"))
    assert [(row[0], row[3]) for row in rows(note)] == [("Refund: Mug", 1000), ("Refund: Book", 150), ("Refund: Parcel", 49)]
    assert [finding.code for finding in findings] == ["refund_beyond_line"]


def test_more_than_a_line_has_left_goes_to_the_others() -> None:
    invoice = invoice_of(GERMAN)
    note, findings = credit(GERMAN, invoice, [], refund("r1", back("book", "20.00"), money="20.00"))
    assert [(row[0], row[3]) for row in rows(note)] == [("Book", 1500), ("Refund: Mug", 477), ("Refund: Parcel", 23)]
    assert [finding.code for finding in findings] == ["refund_beyond_line"]


def test_a_free_line_comes_back_for_nothing() -> None:
    lines = [line("gift", "0.00", tax("0.19", "0.00"), quantity="2"), line("mug", "11.90", tax("0.19", "1.90"))]
    basket = paid(order("11.90", "1.90", *lines))
    invoice = invoice_of(basket)
    note, _ = credit(basket, invoice, [], refund("r1", back("gift", "0.00", quantity="2"), back("mug", "5.95")))
    assert [(row[0], row[3]) for row in rows(note)] == [("Gift", 0), ("Mug", 595)]
    assert note.lines[0].quantity == 2
    assert rows(credit(basket, invoice, [], None)[0]) == rows(invoice)
    amount, _ = credit(basket, invoice, [], refund(money="11.90"))
    assert_nothing_left(invoice, [amount])


def test_a_tax_on_a_line_that_comes_to_nothing_ends_with_the_last_note() -> None:
    basket = paid(order("11.90", "2.09", line("gift", "0.00", tax("0.19", "0.19")), line("mug", "11.90", tax("0.19", "1.90"))))
    invoice = invoice_of(basket)
    assert rows(invoice)[0] == ("Gift", -19, 19, 0)
    half, _ = credit(basket, invoice, [], refund(money="5.95"))
    assert rows(half) == [("Refund: Mug", 500, 95, 595)]
    rest, _ = credit(basket, invoice, [half], refund("r2", money="5.95"))
    assert rows(rest) == [("Refund: Mug", 500, 95, 595), ("Gift", -19, 19, 0)]
    assert_nothing_left(invoice, [half, rest])


def test_goods_without_money() -> None:
    invoice = invoice_of(GERMAN)
    returned = refund("r1", back("mug", "25.00"), money="0")
    with pytest.raises(Ignored, match="goods were returned, no money"):
        credit(GERMAN, invoice, [], returned)
    unpaid = GERMAN.model_copy(update={"progress": GERMAN.progress.model_copy(update={"financial": FinancialStatus.PENDING})})
    note, _ = credit(unpaid, invoice, [], returned)
    assert rows(note) == [("Mug", 2101, 399, 2500)]
    mostly = unpaid.model_copy(update={"totals": unpaid.totals.model_copy(update={"paid": Decimal("109.90")})})
    assert credit(mostly, invoice, [], returned)[0].totals.gross == 1000
    balanced = Adjustment(kind="refund_discrepancy", amount=Decimal("-25.00"))
    assert credit(unpaid, invoice, [], refund("r1", back("mug", "25.00"), adjustments=[balanced], money="0"))[0].totals.gross == 2500


@pytest.mark.parametrize(
    ("stated", "tax_given_back", "codes"),
    [("4.00", 400, []), ("3.99", 399, []), ("4.01", 399, ["refund_tax_differs"]), ("0", 399, ["refund_tax_differs"])],
)
def test_the_tax_that_the_platform_refunds(stated: str, tax_given_back: int, codes: list[str]) -> None:
    """Its own figure for goods where that is the share of the line within a cent; 3.9925 for one mug of four."""
    invoice = invoice_of(GERMAN)
    note, findings = credit(GERMAN, invoice, [], refund("r1", back("mug", "25.00", stated), money="25.00"))
    assert rows(note) == [("Mug", 2500 - tax_given_back, tax_given_back, 2500)]
    assert [finding.code for finding in findings] == codes
    rest, _ = credit(GERMAN, invoice, [note], refund("r2", back("mug", "75.00", "11.98", quantity="3"), money="75.00"))
    assert rows(rest)[0][2] == 1597 - tax_given_back
    assert_nothing_left(invoice, [note, rest, credit(GERMAN, invoice, [note, rest], None)[0]])


def test_the_tax_that_the_platform_refunds_of_shipping() -> None:
    invoice = invoice_of(GERMAN)
    note, _ = credit(GERMAN, invoice, [], refund(shipping="2.45", shipping_tax="0.40", money="2.45"))
    assert rows(note) == [("Parcel", 205, 40, 245)]


def test_nothing_to_give_back() -> None:
    invoice = invoice_of(GERMAN)
    everything, _ = credit(GERMAN, invoice, [], None)
    for nothing in (None, refund(money="5.00")):
        with pytest.raises(Ignored, match="nothing is left of the invoice to give back: credit note CN-1 did"):
            credit(GERMAN, invoice, [everything], nothing)
    for nothing in (refund(), refund(money="0")):
        with pytest.raises(Ignored, match="gives nothing back"):
            credit(GERMAN, invoice, [], nothing)


def test_more_than_is_left_is_held_with_the_figures() -> None:
    invoice = invoice_of(GERMAN)
    first, _ = credit(GERMAN, invoice, [], refund(money="100.00"))
    with pytest.raises(Held, match=r"refund r2 returns 19\.91 EUR, but only 19\.90 EUR of invoice INV-1 is left"):
        credit(GERMAN, invoice, [first], refund("r2", money="19.91"))
    tolerant = ENTITY.model_copy(update={"tax": ENTITY.tax.model_copy(update={"tolerated": ("over_refund",)})})
    rest, findings = credit(GERMAN, invoice, [first], refund("r2", money="19.91"), entity=tolerant)
    assert (rest.totals.gross, [finding.code for finding in findings]) == (1990, ["over_refund"])
    assert_nothing_left(invoice, [first, rest])
    goods, findings = credit(GERMAN, invoice, [first], refund("r2", back("mug", "100.00", quantity="4")), entity=tolerant)
    assert [finding.code for finding in findings] == ["over_refund", "refund_beyond_line", "refund_difference"]
    assert_nothing_left(invoice, [first, goods])
    with pytest.raises(Held, match=r"takes 3\.00 EUR from the buyer"):
        credit(GERMAN, invoice, [], refund("r3", adjustments=[Adjustment(kind="fee", amount=Decimal(-3))]))


def test_what_is_kept_beyond_the_goods_is_settled_against_what_is_given() -> None:
    invoice = invoice_of(GERMAN)
    moves = [Adjustment(kind="fee", amount=Decimal(-20)), Adjustment(kind="goodwill", amount=Decimal(30))]
    note, _ = credit(GERMAN, invoice, [], refund("r1", back("mug", "5.00"), adjustments=moves))
    assert note.totals.gross == 1500
    assert {row[0].split(":")[0] for row in rows(note)} == {"Mug", "Adjustment"}


def test_an_order_in_another_currency_is_held() -> None:
    with pytest.raises(Held, match="the order is in USD, its invoice INV-1 in EUR"):
        credit(GERMAN.model_copy(update={"currency": "USD"}), invoice_of(GERMAN), [], None)


@pytest.mark.parametrize(
    ("whole", "given", "step", "moved"),
    [
        ([19, 100], [0, 0], 60, [10, 50]),
        ([19, 100], [10, 50], 59, [9, 50]),
        ([50, 50], [0, 0], 1, [1, 0]),  # half goes to the tax
        ([40, 40, 20], [0, 0, 0], 1, [1, 0, 0]),  # rounded one by one the two taxes would be 0 and the last of them overdue
        ([19, 100], [10, 50], -60, [-10, -50]),
        ([-19, -100], [0, 0], -60, [-10, -50]),
        ([120, -20], [0, 0], 50, [60, -10]),
        ([5, -5], [0, 0], 0, [0, 0]),
    ],
)
def test_apportioning(whole: list[int], given: list[int], step: int, moved: list[int]) -> None:
    assert apportion(whole, given, step) == moved


@settings(max_examples=800, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=6), st.lists(st.integers(1, 30), max_size=20))
def test_apportioning_never_overshoots_and_ends_exactly(whole: list[int], steps: list[int]) -> None:
    given_back = [0] * len(whole)
    for wanted in [*steps, sum(whole)]:
        step = min(wanted, sum(whole) - sum(given_back))
        moved = apportion(whole, given_back, step)
        assert sum(moved) == step
        assert all(0 <= more <= total - done for more, total, done in zip(moved, whole, given_back, strict=True))
        given_back = [done + more for done, more in zip(given_back, moved, strict=True)]
        if len(whole) == 2 and sum(whole):
            assert given_back[0] == (2 * whole[0] * sum(given_back) + sum(whole)) // (2 * sum(whole))
    assert given_back == whole


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
)
@given(orders(), st.data())
def test_any_refunds_then_the_rest_leave_nothing(basket: Order, data: st.DataObject) -> None:
    if basket.totals.total <= 0:
        return
    basket = paid(basket) if data.draw(st.booleans()) else basket
    invoice = invoice_of(basket)
    frozen = invoice.canonical()
    notes: list[Document] = []
    for number in range(data.draw(st.integers(0, 4))):
        try:
            note, _ = credit(basket, invoice, notes, data.draw(refunds(basket, number)))
        except (Held, Ignored):
            continue
        assert_sound(note)
        assert note.totals.gross > 0
        notes.append(note)
        for mine, whole in zip(remaining(invoice, notes), invoice.lines, strict=True):
            assert min(0, whole.gross) <= mine.gross <= max(0, whole.gross)
            if all(min(0, whole.gross) <= tax.amount <= max(0, whole.gross) for tax in whole.taxes):
                assert all(
                    min(0, tax.amount) <= rest.amount <= max(0, tax.amount) for rest, tax in zip(mine.taxes, whole.taxes, strict=True)
                )
                assert min(0, whole.net) <= mine.net <= max(0, whole.net)
    if sum(each.gross for each in remaining(invoice, notes)):
        note, _ = credit(basket, invoice, notes, None)
        assert_sound(note)
        notes.append(note)
    assert sum(note.totals.gross for note in notes) == invoice.totals.gross
    assert_nothing_left(invoice, notes)
    assert invoice.canonical() == frozen
    with pytest.raises(Ignored):
        credit(basket, invoice, notes, None)
