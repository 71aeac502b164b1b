"""Documents of made-up shops, and one browser for all tests of this folder."""

from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import page
import pytest
import pytest_asyncio

from adapter.domain.document import (
    Bank,
    Document,
    DocumentKind,
    DocumentLine,
    DocumentParty,
    DocumentTotals,
    LineTax,
    Mode,
    OrderReference,
    Seller,
    TaxCategory,
    TaxGroup,
)
from adapter.domain.money import allocate, divide_half_up
from adapter.domain.order import Address, LineKind, TaxId
from adapter.infra.browser import find_chromium
from adapter.infra.chromium import Chromium
from tests.house import PATIENCE

SELLER = Seller(
    name="Lindenhof Keramik GmbH",
    address=Address(street="Lindenstraße 12", postcode="10969", city="Berlin", country="DE"),
    email="hello@lindenhof.example",
    phone="+49 30 5550100",
    website="www.lindenhof.example",
    tax_ids=(TaxId(kind="eu_vat", value="DE123456789"),),
    registration="HRB 12345 B, Amtsgericht Charlottenburg",
    bank=Bank(holder="Lindenhof Keramik GmbH", iban="DE02120300000000202051", bic="BYLADEM1001", name="Beispielbank"),
)
BUYER = DocumentParty(
    name="Maya Okafor",
    company="Okafor & Daughters Ltd",
    address=Address(street="14 Harbour Row", city="Bristol", postcode="BS1 4RN", country="GB"),
    email="maya@okafor.example",
    tax_ids=(TaxId(kind="gb_vat", value="GB999999973"),),
    customer_id="C-20417",
)
GOODS = (
    ("Stoneware mug “Nordsee”, 350 ml", "MUG-NRD-350", "24.90"),
    ("Dinner plate, speckled white, 27 cm", "PLT-SPK-27", "32.00"),
    ("Serving bowl with lid", "BWL-LID-02", "58.50"),
    ("Espresso cup & saucer, set of two", "ESP-SET-2", "29.90"),
    ("Linen tea towel", "LIN-TWL", "12.00"),
)

Make = Callable[..., Document]


def line(position: int, name: str, gross: int, rates: list[tuple[str, str]], **more: Any) -> DocumentLine:
    """A line whose taxes are contained in `gross`."""
    whole = sum(Decimal(rate) for _, rate in rates)
    net = divide_half_up(gross * 10**6, int((1 + whole) * 10**6))
    shares = allocate(gross - net, [int(Decimal(rate) * 10**6) for _, rate in rates]) if rates else []
    taxes = tuple(
        LineTax(category=TaxCategory.STANDARD, name=name, rate=Decimal(rate), amount=share)
        for (name, rate), share in zip(rates, shares, strict=True)
    )
    values: dict[str, Any] = {"kind": LineKind.GOODS, "quantity": Decimal(1), "unit_price": Decimal(gross) / 100, **more}
    return DocumentLine(position=position, name=name, net=net, tax=gross - net, gross=gross, taxes=taxes, **values)


def document(lines: list[DocumentLine], **more: Any) -> Document:
    """An invoice over these lines, its totals and tax breakdown added up."""
    groups: dict[tuple[str, Decimal | None], list[int]] = {}
    for entry in lines:
        for tax in entry.taxes:
            group = groups.setdefault((tax.name, tax.rate), [0, 0])
            group[0] += entry.net
            group[1] += tax.amount
    values: dict[str, Any] = {
        "kind": DocumentKind.INVOICE,
        "mode": Mode.LIVE,
        "number": "INV-2026-000123",
        "issue_date": date(2026, 11, 20),
        "supply_date": date(2026, 11, 19),
        "due_date": date(2026, 12, 4),
        "currency": "EUR",
        "language": "en",
        "prices_include_tax": True,
        "seller": SELLER,
        "buyer": BUYER,
        "orders": (OrderReference(source="shop", id="5001", number="1001", placed_on=date(2026, 11, 18)),),
        "notes": ("Order #1001",),
        "metadata": {"order_id": "5001", "order_number": "1001"},
        **more,
    }
    totals = {"net": sum(x.net for x in lines), "tax": sum(x.tax for x in lines), "gross": sum(x.gross for x in lines)}
    return Document(
        lines=tuple(lines),
        taxes=tuple(
            TaxGroup(category=TaxCategory.STANDARD, name=name, rate=rate, base=base, tax=tax)
            for (name, rate), (base, tax) in groups.items()
        ),
        totals=DocumentTotals(**{**totals, **values.pop("totals", {})}),
        **values,
    )


def goods(count: int, tax: str = "VAT", rate: str = "0.19") -> list[DocumentLine]:
    """That many lines of a potter's shop, the third one with a discount."""
    lines = []
    for index in range(count):
        name, sku, price = GOODS[index % len(GOODS)]
        quantity = 1 + index % 3
        discount = 500 if index % 5 == 2 else 0
        lines.append(
            line(
                index + 1,
                name,
                int(Decimal(price) * 100) * quantity - discount,
                [(tax, rate)],
                sku=sku,
                quantity=Decimal(quantity),
                unit_price=Decimal(price),
                discount=discount,
                discount_name="AUTUMN5" if discount else None,
            )
        )
    return lines


@pytest.fixture
def make() -> Make:
    """`make(lines=10, **fields)`: an invoice of a potter's shop; `lines` is a number or the lines themselves."""

    def made(lines: int | list[DocumentLine] = 10, **fields: Any) -> Document:
        return document(goods(lines) if isinstance(lines, int) else lines, **fields)

    return made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    """A running browser, shared; tests that hurt their browser start one of their own."""
    executable = find_chromium()
    assert executable is not None, "no Chromium: run `storefront-adapter doctor --install`"
    running = Chromium(executable, timeout=PATIENCE)
    yield running
    await running.close()


@pytest.fixture
def validate() -> Callable[[bytes], list[str]]:
    """What an independent validator finds against PDF/A-3a and PDF/UA-1; empty for a conforming file."""

    def findings(pdf: bytes) -> list[str]:
        reports = [page.validate_pdf_bytes(pdf, profile=profile) for profile in ("3a", "ua1")]
        return [f"{failure.rule_id}: {failure.message}" for report in reports for failure in report.failures]

    return findings
