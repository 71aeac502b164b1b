"""The whole basket for e-invoices, with sellers of many countries and numbers, places with rules of their own, changes of orders."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from adapter.domain.amend import difference
from adapter.domain.amended import additional_invoice, amending_note
from adapter.domain.document import Document, LineTax, Settlement, TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.issue import draft_credit_note, draft_invoice
from adapter.domain.order import Adjustment, Order, Refund
from adapter.domain.tax.adopt import tax_groups
from adapter.domain.tax.exchange import ExchangeRate
from tests.domain.baskets import TODAY, back, line, paid, refund, tax
from tests.domain.einvoices import CASES, ENTITY, FRANCE, HOME, SWITZERLAND, Case, invoice, party, sold

AMERICA = party("Cedar Supply Inc.", "US", ("peppol", "0060:123456789"))
NUMBERS: dict[str, str] = {
    "AU": "au_abn 51824753556", "BE": "eu_vat BE0403019261", "CH": "ch_uid CHE-107.787.577 MWST", "DK": "eu_vat DK13585628",
    "FI": "eu_vat FI20774740", "FR": "eu_vat FR40303265045", "GB": "gb_vat GB980780684", "IT": "eu_vat IT00743110157",
    "DE": "eu_vat DE136695976", "NL": "eu_vat NL004495445B01", "NO": "no_vat NO974760673MVA", "PL": "eu_vat PL8567346215",
    "SE": "eu_vat SE556012579001",
}  # fmt: skip
RATES = [ExchangeRate(base="EUR", quote="PLN", rate=Decimal("4.3127"), source="NBP", day=date(2026, 11, 17))]


def seller(country: str, *ids: tuple[str, str], **changes: Any) -> Entity:
    """A seller of another country, with its usual number or with `ids`."""
    kind, _, value = NUMBERS.get(country, "").partition(" ")
    numbers = ids or ((kind, value),)
    address = {"street": "Kiln Road 3", "postcode": "1011", "city": "Claytown", "country": country}
    tax_ids = [{"kind": kind, "value": value} for kind, value in numbers]
    told = {**ENTITY.model_dump(mode="json"), "address": address, "tax_ids": tax_ids, "registration": None}
    return Entity.model_validate(told | changes)


def at_home(country: str, rate: str, currency: str = "EUR", **changes: Any) -> Document:
    """A sale between two businesses of one country, at its rate."""
    kind, _, value = NUMBERS[country].partition(" ")
    tax_amount = Decimal(100) * Decimal(rate)
    basket = sold(
        f"{100 + tax_amount:.2f}", f"{tax_amount:.2f}", line("kiln", "100.00", tax(rate, f"{tax_amount:.2f}")),
        includes=False, currency=currency, buyer=party("Clay Buyers", country, (kind, value)),
    )  # fmt: skip
    return invoice(basket, seller(country, **changes))


def without_tax(entity: Entity, buyer: dict[str, Any], kind: str = "goods") -> Document:
    """A sale that bears no tax, for the reason that the law has."""
    return invoice(sold("90.00", "0", line("kiln-plan", "90.00", kind=kind), buyer=buyer), entity)


def small(*ids: tuple[str, str], country: str = "DE") -> Document:
    """What a small enterprise sells."""
    return without_tax(seller(country, *ids, tax={"small_business": True}), FRANCE)


def of_category(category: TaxCategory, rate: str) -> Document:
    """A sale under the tax of the Canary Islands, or of Ceuta and Melilla."""
    spanish = seller("ES", ("eu_vat", "ESB58378431"))
    buyer = party("Alfarería del Puerto SL", "ES", ("eu_vat", "ESA28015865"))
    document = invoice(sold("110.00", "10.00", line("kiln", "110.00", tax(rate, "10.00")), buyer=buyer), spanish)
    first = document.lines[0]
    lines = (first.model_copy(update={"taxes": (LineTax(category=category, name="IGIC", rate=Decimal(rate), amount=1000),)}),)
    return document.model_copy(update={"lines": lines, "taxes": tax_groups(lines)})


def shop() -> Order:
    """Two rates, a set with its parts, shipping, and a tip on which nothing is due."""
    return paid(
        sold(
            "172.50", "22.02", line("mug", "107.10", tax("0.19", "17.10"), quantity="3", unit_price="35.70"),
            line("book", "53.50", tax("0.07", "3.50")), line("page", "0.00", tax("0.07", "0.00"), parent="book"),
            line("parcel", "8.90", tax("0.19", "1.42"), kind="shipping"), line("cup", "3.00", kind="tip"),
        )
    )  # fmt: skip


def returned(wanted: Refund | None, earlier: Sequence[Refund] = ()) -> Document:
    """The last of some credit notes for `shop`."""
    original, notes = invoice(shop()), []
    for each in (*earlier, wanted):
        number = f"CN-{len(notes) + 1}"
        drafted, _ = draft_credit_note(
            original, notes, shop(), ENTITY, "shop-1", number=number, issue_date=date(2026, 12, 1), refund=each, reason=None
        )
        notes.append(drafted)
    return notes[-1]


def amount_only(amount: str) -> Refund:
    return refund("r-amount", money=amount, adjustments=[Adjustment(kind="goodwill", amount=Decimal(amount))])


def changed(*, more: bool) -> Document:
    """The additional invoice, or the credit note, of an order that was changed after its invoice."""
    first = invoice(sold("119.00", "19.00", line("kiln", "119.00", tax("0.19", "19.00"))))
    now = "142.80" if more else "95.20"
    share = "22.80" if more else "15.20"
    current = invoice(sold(now, share, line("kiln", now, tax("0.19", share)))).model_copy(update={"number": "INV-2026-000043"})
    amendment = difference((first,), (), current)
    assert amendment is not None
    if more:
        return additional_invoice((first,), (), amendment.added, current)
    return amending_note((first,), (), amendment.removed, current, number="CN-2026-000009", issue_date=TODAY)


def zloty_note() -> Document:
    """A credit note keeps the exchange rate of its invoice."""
    buyer = party("Garnek Sp. z o.o.", "PL", ("eu_vat", "PL5260001246"))
    basket = paid(sold("123.00", "23.00", line("vase", "123.00", tax("0.23", "23.00")), buyer=buyer))
    original, _ = draft_invoice(basket, seller("PL"), "shop-1", number="INV-7", issue_date=TODAY, rates=RATES)
    wanted = amount_only("41.00")
    drafted, _ = draft_credit_note(
        original, (), basket, seller("PL"), "shop-1", number="CN-7", issue_date=date(2026, 12, 1), refund=wanted, reason=None
    )
    return drafted


BASKET = CASES | {
    "O, by the register": lambda: Case(without_tax(ENTITY, AMERICA, "service")),
    "O, by the tax number": lambda: Case(
        without_tax(seller("DE", ("eu_vat", "DE136695976"), ("tax_number", "30/123/45678")), AMERICA, "service")
    ),
    "O, by the register within the VAT id": lambda: Case(without_tax(seller("BE"), AMERICA, "service")),
    "small enterprise with a tax number alone": lambda: Case(small(("tax_number", "30/123/45678"), ("peppol", "9930:DE30123"))),
    "small enterprise with a SIRET alone": lambda: Case(small(("fr_siret", "30326504500017"), country="FR")),
    "Australia, export": lambda: Case(without_tax(seller("AU"), FRANCE)),
    "Denmark at home": lambda: Case(at_home("DK", "0.25", "DKK")),
    "Denmark at home, paid": lambda: Case(at_home("DK", "0.25", "DKK"), Settlement(paid=12500, method="MobilePay")),
    "Finland at home": lambda: Case(at_home("FI", "0.255")),
    "Italy at home": lambda: Case(at_home("IT", "0.22")),
    "Netherlands at home": lambda: Case(at_home("NL", "0.21")),
    "Netherlands at home, paid": lambda: Case(at_home("NL", "0.21"), Settlement(paid=12100, method="iDEAL")),
    "Norway at home": lambda: Case(at_home("NO", "0.25", "NOK", tax_ids=[
        {"kind": "no_vat", "value": "NO974760673MVA"}, {"kind": "tax_number", "value": "Foretaksregisteret"}])),
    "Sweden at home, in euro": lambda: Case(at_home("SE", "0.25")),
    "Switzerland at home": lambda: Case(at_home("CH", "0.081", "CHF")),
    "to Kosovo": lambda: Case(without_tax(ENTITY, party("Qeramika", "XK", ("peppol", "0088:1234567890128")))),
    "IGIC": lambda: Case(of_category(TaxCategory.IGIC, "0.10")),
    "IPSI": lambda: Case(of_category(TaxCategory.IPSI, "0.10")),
    "margin scheme": lambda: Case(without_tax(Entity.model_validate(
        {**ENTITY.model_dump(mode="json"), "tax": {"margin_scheme": "second_hand"}}), HOME)),
    "domestic reverse charge": lambda: Case(without_tax(Entity.model_validate(
        {**ENTITY.model_dump(mode="json"), "tax": {"domestic_reverse_charge": True}}), HOME)),
    "bundle": lambda: Case(invoice(shop())),
    "credit note, shipping alone": lambda: Case(returned(refund("r1", back("parcel", "8.90")))),
    "credit note, an amount alone": lambda: Case(returned(amount_only("13.37"))),
    "credit note, one cent": lambda: Case(returned(amount_only("0.01"))),
    "credit note, what goodwill has left": lambda: Case(returned(None, [amount_only("13.37")])),
    "credit note, tax in zloty": lambda: Case(zloty_note()),
    "additional invoice": lambda: Case(changed(more=True)),
    "credit note for what an order lost": lambda: Case(changed(more=False)),
    "to Switzerland in francs, paid in part by a gift card": lambda: Case(invoice(sold(
        "100.00", "0", line("vase", "100.00"), currency="CHF", buyer=SWITZERLAND)), Settlement(paid=4000, method="Gift card")),
}  # fmt: skip
