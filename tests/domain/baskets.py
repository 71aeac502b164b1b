"""Orders for the tests of the domain: builders for hand-written baskets, and strategies for thousands of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import strategies as st

from adapter.domain.document import Document, DocumentKind, Mode
from adapter.domain.entity import Entity
from adapter.domain.issue import draft_credit_note, draft_invoice
from adapter.domain.money import exponent, from_minor
from adapter.domain.order import Adjustment, FinancialStatus, Order, Refund, RefundLine
from adapter.domain.tax.adopt import Finding

ENTITY = Entity.model_validate(
    {
        "id": "kiln",
        "name": "Kiln & Clay GmbH",
        "address": {"street": "Ofenweg 3", "postcode": "10115", "city": "Berlin", "country": "DE"},
        "tax_ids": [{"kind": "eu_vat", "value": "DE136695976"}],
        "time_zone": "Europe/Berlin",
    }
)
TODAY = date(2026, 11, 20)


def tax(rate: str | None, amount: str, name: str = "VAT", **more: Any) -> dict[str, Any]:
    return {"name": name, "rate": rate, "amount": amount, **more}


def line(id: str, amount: str, *taxes: dict[str, Any], kind: str = "goods", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "name": id.replace("-", " ").capitalize(), "amount": amount, "taxes": taxes, **more}


def order(total: str, tax_total: str, *lines: dict[str, Any], includes: bool = True, currency: str = "EUR", **more: Any) -> Order:
    base = {"id": "9001", "number": "1001", "currency": currency, "prices_include_tax": includes}
    return Order.model_validate({**base, "totals": {"total": total, "tax": tax_total}, "lines": lines, **more})


def paid(basket: Order) -> Order:
    return basket.model_copy(update={"progress": basket.progress.model_copy(update={"financial": FinancialStatus.PAID})})


def invoice_of(basket: Order) -> Document:
    return draft_invoice(basket, ENTITY, "shop-1", number="INV-1", issue_date=TODAY)[0]


def credit(
    basket: Order,
    invoice: Document,
    earlier: Sequence[Document],
    refund: Refund | None,
    amendments: Sequence[Document] = (),
    entity: Entity = ENTITY,
) -> tuple[Document, tuple[Finding, ...]]:
    more: dict[str, Any] = {"refund": refund, "reason": None, "amendments": amendments}
    return draft_credit_note(invoice, earlier, basket, entity, "shop-1", number=f"CN-{len(earlier) + 1}", issue_date=TODAY, **more)


def refund(id: str = "r1", *lines: RefundLine, money: str | None = None, adjustments: Sequence[Adjustment] = (), **more: Any) -> Refund:
    return Refund.model_validate({"id": id, "lines": lines, "money": money, "adjustments": tuple(adjustments), **more})


def back(id: str, amount: str, tax: str | None = None, quantity: str = "1") -> RefundLine:
    return RefundLine.model_validate({"line": id, "amount": amount, "tax": tax, "quantity": quantity})


def rows(document: Document) -> list[tuple[str, int, int, int]]:
    """The lines as (name, net, tax, gross)."""
    return [(each.name, each.net, each.tax, each.gross) for each in document.lines]


def groups(document: Document) -> list[tuple[str, str | None, int, int]]:
    """The breakdown as (category, rate, base, tax)."""
    return [(each.category.value, None if each.rate is None else str(each.rate), each.base, each.tax) for each in document.taxes]


def assert_sound(document: Document) -> None:
    """What holds for every document, whatever it is about."""
    assert document.kind in DocumentKind
    assert document.mode in Mode
    for each in document.lines:
        assert each.net + each.tax == each.gross
        assert sum(tax.amount for tax in each.taxes) == each.tax
    assert sum(each.gross for each in document.lines) == document.totals.gross
    assert sum(group.tax for group in document.taxes) == document.totals.tax
    for group in document.taxes:
        bearing = [
            each
            for each in document.lines
            for tax in each.taxes
            if (tax.category, tax.name, tax.rate) == (group.category, group.name, group.rate)
        ]
        assert group.base == sum(each.net for each in bearing)


@dataclass(frozen=True)
class Money:
    """How a platform rounds: the places that it states of a tax, and the places of the currency."""

    currency: str
    tax_places: int

    def round(self, value: Decimal, places: int) -> Decimal:
        return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Orders as platforms make them: gross or net prices, up to three taxes a line, discount lines, free lines, taxes with many places."""
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    places = exponent(currency)
    money = Money(currency, draw(st.sampled_from([places, places, 6])))
    includes = draw(st.booleans())
    level = draw(st.sampled_from(["lines", "both", "order"]))
    regimes = draw(
        st.sampled_from(
            [[("0.19",), ("0.07",), ("0.19",), ()], [("0.0725", "0.01", "0.005"), ("0.0725",)], [("0.20",), ("0",)], [()], [("0.10",)]]
        )
    )
    if level == "order":
        regimes = [regimes[0]]
    kinds = ["goods", "goods", "digital", "shipping", "fee", "discount", "tip"]
    lines = []
    sums: dict[str, Decimal] = {}
    for index in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(kinds))
        minor = draw(st.one_of(st.just(0), st.integers(1, 300), st.integers(1, 200_000)))
        amount = from_minor(minor, currency) * (-1 if kind == "discount" else 1)
        rates = draw(st.sampled_from(regimes)) if kind != "tip" else ()
        whole = sum((Decimal(rate) for rate in rates), Decimal(0))
        taxes = []
        for rate in rates:
            exact = amount * Decimal(rate) / (1 + whole if includes else 1)
            stated = money.round(exact, money.tax_places)
            taxes.append(tax(rate, format(stated, "f"), f"Tax {rate}"))
            sums[rate] = sums.get(rate, Decimal(0)) + stated
        quantity = draw(st.sampled_from(["1", "2", "3", "1.5"]))
        lines.append(line(f"line-{index}", format(amount, "f"), *(taxes if level != "order" else ()), kind=kind, quantity=quantity))
    tax_total = money.round(sum(sums.values(), Decimal(0)), places)
    charged = sum((Decimal(each["amount"]) for each in lines), Decimal(0)) + (0 if includes else tax_total)
    summary = [tax(rate, format(money.round(value, money.tax_places), "f"), f"Tax {rate}") for rate, value in sums.items()]
    off = from_minor(draw(st.sampled_from([0, 0, 0, 1, -1])), currency)
    return order(
        format(charged + off, "f"),
        format(tax_total, "f"),
        *lines,
        includes=includes,
        currency=currency,
        taxes=summary if level != "lines" else (),
    )


@st.composite
def refunds(draw: st.DrawFn, basket: Order, number: int) -> Refund:
    """Refunds of every shape; amounts may be too large, lines unknown, money other than the goods' worth."""

    def amount(upper: int) -> Decimal:
        return from_minor(draw(st.integers(1, max(1, upper))), basket.currency)

    upper = 60_000
    lines = []
    for _ in range(draw(st.integers(0, 3))):
        target = draw(st.sampled_from([*(each.id for each in basket.lines), "unknown"]))
        stated = draw(st.one_of(st.none(), st.just(Decimal(0))))
        lines.append(RefundLine(line=target, quantity=Decimal(draw(st.integers(0, 2))), amount=amount(upper), tax=stated))
    adjustments = [
        Adjustment(
            kind=draw(st.sampled_from(["restocking_fee", "refund_discrepancy"])), amount=amount(3_000) * draw(st.sampled_from([1, -1]))
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    return Refund(
        id=f"r{number}",
        lines=tuple(lines),
        adjustments=tuple(adjustments),
        shipping=draw(st.one_of(st.none(), st.just(amount(1_500)))),
        money=draw(st.one_of(st.none(), st.just(amount(upper)), st.just(amount(300)))),
    )
