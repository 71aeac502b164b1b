"""A SellApp invoice as the canonical order.

SellApp states every amount without and with tax; the canonical order speaks the amounts with tax, which are what the customer saw and paid.
What was charged is the gateway's total; before a gateway was chosen, the full price. The whole `payment` object is kept with the payment,
and what else has no place of its own with the order's metadata, under the names that SellApp gives them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from pydantic import ValidationError

from adapter.connector import Json
from adapter.domain.lenient import read, text, unreadable
from adapter.domain.money import exact_sum, quotient, to_minor
from adapter.domain.order import (
    Discount,
    FinancialStatus,
    FulfilmentStatus,
    Line,
    LineKind,
    Order,
    Payment,
    PaymentKind,
    Progress,
    Refund,
    Stage,
    StatusChange,
    Tax,
    TaxGivenBy,
    Totals,
)
from adapter.errors import GiveUp
from connectors.sellapp.buyer import buyer_of
from connectors.sellapp.payload import Amounts, Invoice, Price, StatusEntry, Variant, major, properties

_STAGES = {
    "PENDING": (Stage.PENDING, FinancialStatus.PENDING),
    "PARTIAL": (Stage.PENDING, FinancialStatus.PARTIALLY_PAID),
    "REVIEW": (Stage.PENDING, FinancialStatus.UNKNOWN),
    "FAILED": (Stage.PENDING, FinancialStatus.FAILED),
    "PAID": (Stage.PLACED, FinancialStatus.PAID),
    "COMPLETED": (Stage.PLACED, FinancialStatus.PAID),
    "DISPUTING": (Stage.PLACED, FinancialStatus.PAID),
    "REVERSED": (Stage.PLACED, FinancialStatus.UNKNOWN),
    "REFUNDED": (Stage.PLACED, FinancialStatus.REFUNDED),
}
"""What a status says. A disputed payment has been made and a reversed one taken back by the bank, which is no refund that the merchant
granted. `VOIDED` and statuses that are not known depend on what came before."""
_SETTLED = frozenset({"PAID", "COMPLETED"})
_UNPAID = frozenset({"FAILED", "VOIDED"})


@dataclass(frozen=True)
class Charge:
    """The amounts of an invoice in major units."""

    currency: str
    amounts: Amounts
    price: Price
    before: Decimal
    """With tax and before a coupon; never less than the total."""

    @property
    def total(self) -> Decimal:
        """What the buyer is charged, tax included."""
        return self.of(self.price.total.inclusive)

    def of(self, value: Decimal) -> Decimal:
        """An amount as written in major units."""
        return major(value, self.currency, self.amounts)


def order_of(value: Json, amounts: Amounts, *, test: bool = False) -> Order:
    """The canonical order of an invoice as the API gives it. Raises `GiveUp` naming the field when it is not one."""
    invoice = read(Invoice, value, "The SellApp invoice")
    try:
        return _order(invoice, value, amounts, test)
    except ValidationError as error:
        raise unreadable("The SellApp invoice", error) from None


def _order(invoice: Invoice, raw: Mapping[str, Json], amounts: Amounts, test: bool) -> Order:
    charge = _charge(invoice, amounts)
    progress = _progress(invoice)
    paid = progress.paid_at is not None or progress.financial in (FinancialStatus.PAID, FinancialStatus.REFUNDED)
    tax = _tax(invoice, charge)
    kept = {name: raw.get(name) for name in ("store_id", "webhooks")}
    customer = raw.get("customer_information")
    if isinstance(customer, Mapping):
        kept |= {name: customer.get(name) for name in ("vat", "discord_data", "billing_details")}
    return Order(
        id=invoice.id,
        number=invoice.id,
        placed_at=_moment(invoice.created_at),
        version=_moment(invoice.updated_at),
        test=test,
        metadata=properties(kept),
        currency=charge.currency,
        prices_include_tax=True,
        tax_given_by=TaxGivenBy.NOBODY if tax is None else TaxGivenBy.PLATFORM,
        totals=Totals(
            total=charge.total,
            tax=tax.amount if tax else Decimal(0),
            subtotal=charge.before,
            discount=charge.before - charge.total,
            paid=charge.total if paid else Decimal(0),
            due=Decimal(0) if paid else charge.total,
        ),
        buyer=buyer_of(invoice.customer_information),
        lines=_lines(invoice, charge, tax),
        taxes=(tax,) if tax and tax.amount else (),
        payments=_payments(invoice, raw, charge, progress),
        refunds=(Refund(id=f"{invoice.id}:full", money=charge.total),) if progress.financial is FinancialStatus.REFUNDED else (),
        progress=progress,
        coupon=invoice.coupon_id,
        subscription=invoice.subscription_id,
        feedback=invoice.feedback,
    )


def _charge(invoice: Invoice, amounts: Amounts) -> Charge:
    payment = invoice.payment
    stated = [price for price in (payment.subtotal, payment.full_price, payment.original_amount) if price]
    gateway = payment.gateway.total or payment.gateway.data.total
    currency = next((price.currency for price in (*stated, gateway) if price and price.currency), None)
    if currency is None:
        raise GiveUp("The SellApp invoice cannot be read: payment.subtotal.currency is missing and no other amount names a currency")
    if gateway and gateway.currency not in (None, currency):
        # Paid in another currency, such as a coin: the invoice speaks the currency of the shop's prices.
        gateway = None
    price = gateway or payment.full_price or payment.subtotal or payment.original_amount
    if price is None:
        raise GiveUp(
            "The SellApp invoice cannot be read: payment has neither a gateway total nor a full_price, subtotal or original_amount"
        )
    total = major(price.total.inclusive, currency, amounts)
    full = payment.full_price if payment.full_price and payment.full_price.currency in (None, currency) else None
    before = major(full.total.inclusive, currency, amounts) if full and invoice.coupon_id else total
    return Charge(currency, amounts, price, max(before, total))


def _tax(invoice: Invoice, charge: Charge) -> Tax | None:
    """The tax in the charge; None where the invoice does not speak of tax at all. The rate is given only if it explains the amount."""
    pair, stated = charge.price.total, invoice.customer_information.vat
    amount = charge.of(pair.inclusive) - charge.of(pair.exclusive)
    if not amount and stated is not None and stated.amount:
        amount = major(stated.amount, charge.currency, "minor")
    if not amount and stated is None:
        return None
    rate = (charge.price.vat or Decimal(0)) / 100
    expected = (charge.total - amount) * rate
    explains = abs(to_minor(expected, charge.currency) - to_minor(amount, charge.currency)) <= 1
    return Tax(name="VAT", amount=amount, rate=rate if rate and explains else None)


def _lines(invoice: Invoice, charge: Charge, tax: Tax | None) -> tuple[Line, ...]:
    """A line per product where the invoice states what each cost, else one line for the whole charge."""
    variants = invoice.product_variants or invoice.products
    each = [_cost(variant, charge) for variant in variants]
    costs = [cost for cost in each if cost is not None]
    if len(variants) < 2 or len(costs) < len(variants) or exact_sum(costs) not in (charge.total, charge.before):
        return (_whole(invoice, variants, charge, tax),)
    lines = [_line(variant, number, cost) for number, (variant, cost) in enumerate(zip(variants, costs, strict=True), 1)]
    off = exact_sum(costs) - charge.total
    if off:
        lines.append(Line(id="coupon", kind=LineKind.DISCOUNT, name="Coupon", amount=-off))
    return tuple(lines)


def _cost(variant: Variant, charge: Charge) -> Decimal | None:
    if variant.total:
        return charge.of(variant.total.total.inclusive)
    if variant.price:
        return charge.of(variant.price.total.inclusive) * (Decimal(1) if variant.quantity is None else variant.quantity)
    return None


def _whole(invoice: Invoice, variants: Sequence[Variant], charge: Charge, tax: Tax | None) -> Line:
    only = variants[0] if len(variants) == 1 else None
    quantity = (only.quantity or charge.price.units if only else None) or Decimal(1)
    off = charge.before - charge.total
    return Line(
        id=(only and only.id) or invoice.id,
        kind=LineKind.DIGITAL,
        name=", ".join(_title(variant) for variant in variants)[:1_000] or f"Order {invoice.id}",
        amount=charge.total,
        quantity=quantity,
        unit_price=quotient(charge.before, quantity, charge.currency),
        sku=None,
        discounts=(Discount(amount=off, name="Coupon", code=invoice.coupon_id),) if off else (),
        taxes=(tax,) if tax and tax.amount else (),
        properties=_answers(variants),
    )


def _line(variant: Variant, number: int, cost: Decimal) -> Line:
    return Line(
        id=variant.id or f"product-{number}",
        kind=LineKind.DIGITAL,
        name=_title(variant),
        amount=cost,
        quantity=Decimal(1) if variant.quantity is None else variant.quantity,
        properties=_answers([variant]),
    )


def _title(variant: Variant) -> str:
    parts = (variant.product_title, variant.title)
    return " – ".join(part for part in parts if part) or f"Product {variant.product_id or variant.id or ''}".strip()


def _answers(variants: Iterable[Variant]) -> dict[str, str]:
    """What the customer answered to the merchant's questions."""
    asked = [entry for variant in variants for entry in variant.additional_information]
    return {(text(entry.get("label")) or "")[:200]: text(entry.get("value")) or "" for entry in asked if text(entry.get("label"))}


def _progress(invoice: Invoice) -> Progress:
    now = invoice.status.status
    status = (now.status or "").upper()
    entries = (*invoice.status.history, now)
    settled = {(entry.status or "").upper(): entry for entry in reversed(entries) if (entry.status or "").upper() in _SETTLED}
    reached = next((settled[name] for name in ("PAID", "COMPLETED") if name in settled), None)
    assumed = (Stage.PLACED, FinancialStatus.UNKNOWN) if reached else (Stage.PENDING, FinancialStatus.UNKNOWN)
    stage, financial = _STAGES.get(status, assumed)
    completed = settled.get("COMPLETED")
    return Progress(
        stage=stage,
        financial=FinancialStatus.VOIDED if status == "VOIDED" else financial,
        fulfilment=FulfilmentStatus.FULFILLED if completed else FulfilmentStatus.UNFULFILLED,
        platform_status=now.status,
        platform_financial_status=now.status,
        history=tuple(StatusChange(status=entry.status or "", at=_since(entry)) for entry in entries if entry.status),
        paid_at=_since(reached),
        fulfilled_at=_since(completed),
        cancelled=status == "VOIDED",
        cancelled_at=_since(now) if status == "VOIDED" else None,
        expires_at=_moment(invoice.payment.expires_at),
    )


def _payments(invoice: Invoice, raw: Mapping[str, Json], charge: Charge, progress: Progress) -> tuple[Payment, ...]:
    part, fee = invoice.payment, invoice.payment.fee
    status = "success" if progress.paid_at else "failure" if (progress.platform_status or "").upper() in _UNPAID else "pending"
    payment = Payment(
        id=f"payment:{invoice.id}",
        kind=PaymentKind.SALE,
        amount=charge.total,
        status=status,
        gateway=part.gateway.type,
        transaction_id=part.gateway.data.transaction_id or part.gateway.transaction,
        fee=charge.of(fee.total.inclusive) if fee and fee.currency in (None, charge.currency) else None,
        at=progress.paid_at,
        properties=properties(raw.get("payment")),
    )
    return (payment,)


def _since(entry: StatusEntry | None) -> datetime | None:
    return _moment(entry.setAt or entry.updatedAt) if entry else None


def _moment(written: str | None) -> datetime | None:
    """A time as written; SellApp's end in Z. None for none and for what is not a time."""
    try:
        found = datetime.fromisoformat(written) if written else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
