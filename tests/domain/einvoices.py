"""A basket of documents for e-invoices: what a shop sells at home and abroad, with every kind of tax, discount and return."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from adapter.domain.document import Document, LineTax, NationalTax, Settlement, TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.issue import draft_credit_note, draft_invoice
from adapter.domain.order import Order, Refund
from adapter.domain.tax.adopt import tax_groups
from tests.domain.baskets import TODAY, back, line, order, paid, refund, tax

ENTITY = Entity.model_validate(
    {
        "id": "kiln",
        "name": "Kiln & Clay GmbH",
        "address": {"street": "Ofenweg 3", "postcode": "10115", "city": "Berlin", "country": "DE"},
        "email": "billing@kiln.example",
        "phone": "+49 30 5550100",
        "contact": "Accounts",
        "registration": "HRB 12345, Amtsgericht Berlin",
        "tax_ids": [{"kind": "eu_vat", "value": "DE123456788"}],
        "bank": {"holder": "Kiln & Clay GmbH", "iban": "DE02 1203 0000 0000 2020 51", "bic": "BYLADEM1001"},
        "time_zone": "Europe/Berlin",
    }
)
PLACED = datetime(2026, 11, 18, 10, tzinfo=UTC)


def party(name: str, country: str, *ids: tuple[str, str]) -> dict[str, Any]:
    return {
        "name": "Mara Vogel",
        "company": name,
        "email": "mara@buyer.example",
        "address": {"street": "Tonweg 8", "street_2": "2. OG", "city": "Hafenstadt", "postcode": "24103", "country": country},
        "tax_ids": [{"kind": kind, "value": value} for kind, value in ids],
    }


HOME = party("Vogel Haushaltswaren KG", "DE", ("eu_vat", "DE136695976"))
FRANCE = party("Poterie du Port SARL", "FR", ("eu_vat", "FR11999999998"))
SWITZERLAND = party("Töpferei Seeblick AG", "CH", ("ch_uid", "CHE-107.787.577 MWST"))


@dataclass(frozen=True)
class Case:
    document: Document
    settlement: Settlement = field(default_factory=Settlement)


def invoice(basket: Order, entity: Entity = ENTITY, **changes: Any) -> Document:
    document, _ = draft_invoice(basket, entity, "shop-1", number="INV-2026-000042", issue_date=TODAY)
    return document.model_copy(update=changes)


def sold(total: str, tax_total: str, *lines: dict[str, Any], buyer: dict[str, Any] = HOME, **more: Any) -> Order:
    return order(total, tax_total, *lines, buyer=buyer, placed_at=PLACED, **more)


def cents(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.01"), ROUND_HALF_UP), "f")


def many(count: int, *, includes: bool, rates: tuple[str, ...] = ("0.19",)) -> Order:
    """Lines with awkward prices; the tax of each is rounded by itself, as shops do."""
    lines, taxes, amounts = [], Decimal(0), Decimal(0)
    for index in range(count):
        rate = Decimal(rates[index % len(rates)])
        price, quantity = Decimal(f"{7 + index % 13}.{(37 * index) % 100:02}"), 1 + index % 4
        amount = price * quantity
        due = Decimal(cents(amount * rate / (1 + rate) if includes else amount * rate))
        lines.append(
            line(f"item-{index}", str(amount), tax(str(rate), str(due)), quantity=quantity, unit_price=str(price), sku=f"SKU-{index}")
        )
        taxes, amounts = taxes + due, amounts + amount
    return sold(str(amounts if includes else amounts + taxes), str(taxes), *lines, includes=includes)


def mugs() -> Order:
    """Forty times 3.33 with 0.53 of tax: 19 % of the net would be eight cents more."""
    return sold("133.20", "21.20", *(line(f"mug-{index}", "3.33", tax("0.19", "0.53")) for index in range(40)))


def untaxed(category: TaxCategory, buyer: dict[str, Any], **group: Any) -> Document:
    """Goods, a discount and shipping without tax, for the reason that `category` gives."""
    basket = sold(
        "104.90", "0", line("bowl", "110.00", quantity=2, unit_price="55.00"), line("autumn", "-10.00", kind="discount"),
        line("parcel", "4.90", kind="shipping"), includes=False, buyer=buyer,
    )  # fmt: skip
    document = invoice(basket)
    lines = tuple(
        each.model_copy(update={"taxes": (LineTax(category=category, name="VAT", rate=Decimal(0), amount=0),)}) for each in document.lines
    )
    groups = tuple(each.model_copy(update=group) for each in tax_groups(lines))
    return document.model_copy(update={"lines": lines, "taxes": groups, "mentions": ()})


def discounts() -> Order:
    mug = line(
        "mug", "44.82", tax("0.19", "7.16"), quantity=2, unit_price="24.90", discounts=[{"amount": "4.98", "name": "TEN PER CENT"}]
    )  # fmt: skip
    gift = line("tea", "0.00", tax("0.07", "0.00"), unit_price="6.50", discounts=[{"amount": "6.50", "code": "FREETEA"}])
    return sold("46.84", "7.48", mug, gift, line("voucher", "-2.97", tax("0.19", "-0.47"), kind="discount"),
                line("parcel", "4.99", tax("0.19", "0.79"), kind="shipping"))  # fmt: skip


def weighed() -> Order:
    """Six places of a price are not enough for 12,345 screws, nor are whole numbers for clay."""
    return sold(
        "370.65", "59.18",
        line("screws", "245.67", tax("0.19", "46.68"), quantity="12345", unit_price="0.0199"),
        line("clay", "23.46", tax("0.19", "4.46"), quantity="3.351", unit_price="7.00", unit="KGM"),
        line("advice", "42.34", tax("0.19", "8.04"), quantity="0.3333", unit_price="127.03", unit="HUR", kind="service"),
        includes=False,
    )  # fmt: skip


def returned(full: bool) -> Document:
    basket = paid(many(6, includes=True, rates=("0.19", "0.07")))
    original = invoice(basket)
    wanted: Refund | None = None if full else refund("r1", back("item-1", "16.74", quantity="2"), back("item-2", "5.00"))
    return note(original, basket, wanted)


def note(original: Document, basket: Order, wanted: Refund | None) -> Document:
    drafted, _ = draft_credit_note(
        original, (), basket, ENTITY, "shop-1",
        number="CN-2026-000007", issue_date=date(2026, 12, 1), refund=wanted, reason="Arrived broken",
    )  # fmt: skip
    return drafted


def kept() -> Document:
    """Goods come back, a restocking fee is kept: a negative line on the credit note."""
    basket = paid(sold("119.00", "19.00", line("kiln", "119.00", tax("0.19", "19.00"), quantity=1, unit_price="119.00")))
    fee = {"kind": "restocking_fee", "amount": "-11.90", "tax": "-1.90"}
    return note(invoice(basket), basket, Refund.model_validate({"id": "r1", "lines": [back("kiln", "119.00")], "adjustments": [fee]}))


def zloty() -> Document:
    address = {"street": "ul. Gliniana 4", "postcode": "80-001", "city": "Gdańsk", "country": "PL"}
    polish = Entity.model_validate({**ENTITY.model_dump(), "address": address, "tax_ids": [{"kind": "eu_vat", "value": "PL8567346215"}]})
    national = NationalTax(currency="PLN", tax=9919, rate=Decimal("4.3127"), source="NBP", rate_date=date(2026, 11, 19))
    buyer = party("Garnek Sp. z o.o.", "PL", ("eu_vat", "PL5260001246"))
    return invoice(sold("123.00", "23.00", line("vase", "123.00", tax("0.23", "23.00")), buyer=buyer), polish, national_tax=national)


def francs() -> Document:
    basket = sold("108.15", "8.10", line("vase", "108.12", tax("0.081", "8.10")), line("rounding", "0.03", kind="rounding"),
                  currency="CHF", buyer=SWITZERLAND)  # fmt: skip
    return invoice(basket)


def odd_words() -> Document:
    odd = {"name": "Mug <b>\x00&\u200b ]]>\t#AAI#", "description": "\ufffe two\r\nlines", "sku": "\x07"}
    mug = {**line("mug", "11.90", tax("0.19", "1.90")), **odd}
    basket = sold("11.90", "1.90", mug, buyer={**HOME, "company": "Tom & Jerry <script>"})
    return invoice(basket, notes=("#XYZ# note", "a#b#", "  "), mentions=("Mention",))


def with_tips() -> Order:
    return sold("43.90", "1.90", line("mug", "11.90", tax("0.19", "1.90", "USt")), line("cup", "2.00", kind="tip"),
                line("card", "30.00", kind="gift_card"))  # fmt: skip


def two_names() -> Order:
    parcel = line("parcel", "11.90", tax("0.19", "1.90", "Shipping VAT"), kind="shipping")
    return sold("35.70", "5.70", line("mug", "23.80", tax("0.19", "3.80", "VAT")), parcel)


FREE = ("pot", "0.00", tax("0.19", "0.00"))

CASES: dict[str, Callable[[], Case]] = {
    "domestic, net prices": lambda: Case(invoice(many(3, includes=False))),
    "domestic, gross prices, 40 lines": lambda: Case(invoice(mugs())),
    "two rates": lambda: Case(invoice(many(7, includes=True, rates=("0.19", "0.07")))),
    "discounts on lines and on the order, shipping": lambda: Case(invoice(discounts())),
    "many pieces, weights and hours": lambda: Case(invoice(weighed())),
    "tips and gift cards": lambda: Case(invoice(with_tips())),
    "one rate by two names": lambda: Case(invoice(two_names())),
    "AE": lambda: Case(untaxed(TaxCategory.REVERSE_CHARGE, FRANCE, exemption="Reverse charge")),
    "K": lambda: Case(untaxed(TaxCategory.INTRA_COMMUNITY, FRANCE)),
    "G": lambda: Case(untaxed(TaxCategory.EXPORT, SWITZERLAND)),
    "E": lambda: Case(untaxed(TaxCategory.EXEMPT, HOME, exemption="Education, Art. 132 (1) (i)", exemption_code="VATEX-EU-132-1I")),
    "E in words alone": lambda: Case(untaxed(TaxCategory.EXEMPT, HOME, exemption="Kein Umsatzsteuerausweis gemäß § 19 UStG")),
    "O": lambda: Case(untaxed(TaxCategory.OUT_OF_SCOPE, HOME)),
    "Z": lambda: Case(untaxed(TaxCategory.ZERO, HOME)),
    "euro with the tax in zloty": lambda: Case(zloty()),
    "francs, rounded in cash": lambda: Case(francs(), Settlement(paid=10815, method="Cash")),
    "yen": lambda: Case(invoice(sold("1100", "100", line("bowl", "1100", tax("0.10", "100"), quantity=3), currency="JPY"))),
    "credit note, partial": lambda: Case(returned(full=False)),
    "credit note, full, given back": lambda: Case(document := returned(full=True), Settlement(paid=document.totals.gross, method="Card")),
    "credit note less a fee": lambda: Case(kept()),
    "200 lines": lambda: Case(invoice(many(200, includes=True, rates=("0.19", "0.07")))),
    "nothing to pay": lambda: Case(invoice(sold("0.00", "0.00", line(*FREE, unit_price="9.00", discounts=[{"amount": "9.00"}])))),
    "paid": lambda: Case(invoice(many(2, includes=True)), Settlement(paid=2374, method="Visa, gift card", paid_on=TODAY)),
    "paid in part": lambda: Case(invoice(many(2, includes=True)), Settlement(paid=1000, method="Gift card")),
    "due without a bank account": lambda: Case(invoice(many(2, includes=True), ENTITY.model_copy(update={"bank": None}))),
    "sent elsewhere, tax point, references": lambda: Case(
        invoice(
            sold("11.90", "1.90", line("mug", "11.90", tax("0.19", "1.90")), ship_to=party("Lager Nord", "DE")),
            tax_point=date(2026, 11, 30), payment_reference="RF18539007547034", metadata={"buyer_reference": "04011000-12345-34"},
        )
    ),
    "odd words": lambda: Case(odd_words()),
}  # fmt: skip
