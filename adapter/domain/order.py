"""The canonical order: everything that a connector says about an order, in one frozen model.

Amounts are exact Decimals in major units of `Order.currency`, as the platform states them; a document places them as minor units.
Whether amounts of lines, discounts, refund lines and adjustments contain tax is one fact per order: `prices_include_tax`.

The identity that holds for every order, checked once for all platforms (`domain.tax.adopt`):

    totals.total = sum of line.amount over all lines + (0 if prices_include_tax else totals.tax)

Shipping, fees, tips, duties, order-level discounts that the platform does not spread, and cash rounding are lines, so that a total is a
sum over one list. A gift card that pays is a payment; a gift card that is sold is a line.

What a connector cannot know it leaves out; it never guesses.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from adapter.domain.frozen import Frozen
from adapter.domain.money import Amount, CurrencyCode

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]
CountryCode = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{2}$")]
Identifier = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class LineKind(StrEnum):
    """What a line is. `discount` is an order-level discount that the platform did not spread; `rounding` is cash rounding."""

    GOODS = "goods"
    SERVICE = "service"
    DIGITAL = "digital"
    GIFT_CARD = "gift_card"
    SHIPPING = "shipping"
    FEE = "fee"
    TIP = "tip"
    DUTY = "duty"
    DISCOUNT = "discount"
    ROUNDING = "rounding"


class Stage(StrEnum):
    """How binding the checkout is. Only a placed order is invoiced."""

    DRAFT = "draft"
    PENDING = "pending"
    PLACED = "placed"


class FinancialStatus(StrEnum):
    """The state of the money, in our words."""

    PENDING = "pending"
    AUTHORISED = "authorised"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    FAILED = "failed"
    UNKNOWN = "unknown"


class FulfilmentStatus(StrEnum):
    """The state of the goods, in our words."""

    UNFULFILLED = "unfulfilled"
    PARTIAL = "partial"
    FULFILLED = "fulfilled"
    RESTOCKED = "restocked"
    UNKNOWN = "unknown"


class TaxGivenBy(StrEnum):
    """Who computed the tax that the order states. `nobody`: the order carries no tax data and the adapter computes it."""

    PLATFORM = "platform"
    MARKETPLACE = "marketplace"
    NOBODY = "nobody"


class TaxId(Frozen):
    """A tax number as stated; `kind` is lower case, such as `eu_vat`, `gb_vat`, `ch_uid`, `unknown`.

    A national number without a country's prefix is a `tax_number`. E-invoices also know entries of registers, such as `fr_siren` (see
    `einvoice.parties.REGISTERS`), and `peppol` for an electronic address with its scheme, such as `0208:0123456789`.
    """

    kind: Identifier
    value: Identifier


class Address(Frozen):
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    street: Name | None = None
    street_2: Name | None = None
    city: Name | None = None
    postcode: Name | None = None
    region: Name | None = None
    region_code: Name | None = None
    country: CountryCode | None = None


class Party(Frozen):
    """A buyer or a recipient. Anything may be missing; an e-mail is text as given and checked only when mail is sent."""

    name: Name | None = None
    company: Name | None = None
    email: Name | None = None
    phone: Name | None = None
    address: Address | None = None
    tax_ids: tuple[TaxId, ...] = ()
    customer_id: Identifier | None = None
    business: bool | None = None
    locale: Name | None = None
    ip: Name | None = None
    location: Name | None = None
    proxied: bool | None = None
    browser_agent: Name | None = None


class Tax(Frozen):
    """One tax on a line or on the order. `rate` is a fraction (0.19 for 19 %); `amount` is in the order's currency."""

    name: Name
    amount: Amount
    rate: Amount | None = None
    jurisdiction: Name | None = None
    compound: bool = False
    marketplace_collected: bool = False


class Discount(Frozen):
    """A reduction that is already contained in the line's `amount`; `amount` is positive."""

    amount: Amount
    name: Name | None = None
    code: Name | None = None


class Line(Frozen):
    """One thing that is charged. `amount` is after discounts: quantity x unit_price - sum of discounts, up to the platform's rounding."""

    id: Identifier
    kind: LineKind
    name: Name
    amount: Amount
    quantity: Amount = Decimal(1)
    unit: Annotated[str, StringConstraints(max_length=3)] = "C62"
    """UN/ECE Recommendation 20 code; C62 is one piece."""
    unit_price: Amount | None = None
    sku: Name | None = None
    description: Name | None = None
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()
    taxable: bool | None = None
    parent: Identifier | None = None
    """The line whose bundle this one is part of."""
    properties: dict[str, str] = Field(default_factory=dict)
    quantity_shipped: Amount | None = None
    quantity_cancelled: Amount | None = None
    quantity_refunded: Amount | None = None


class OtherCurrency(Frozen):
    """The same total in the platform's second currency; `rate` is units of that currency for one unit of the order's."""

    currency: CurrencyCode
    total: Amount
    rate: Amount | None = None


class Totals(Frozen):
    """The platform's own totals. `total` is what the buyer was charged and the truth for every document."""

    total: Amount
    tax: Amount = Decimal(0)
    subtotal: Amount | None = None
    discount: Amount = Decimal(0)
    shipping: Amount = Decimal(0)
    rounding: Amount = Decimal(0)
    paid: Amount | None = None
    due: Amount | None = None
    other_currency: OtherCurrency | None = None


class PaymentKind(StrEnum):
    """What moved. A gift card or store credit pays; it does not discount."""

    SALE = "sale"
    AUTHORISATION = "authorisation"
    CAPTURE = "capture"
    GIFT_CARD = "gift_card"
    STORE_CREDIT = "store_credit"
    REFUND = "refund"
    VOID = "void"


class Payment(Frozen):
    """A movement of money, or an attempt; `status` is `success`, `pending` or `failure`."""

    id: Identifier
    kind: PaymentKind
    amount: Amount
    status: Annotated[str, StringConstraints(pattern="^(success|pending|failure)$")] = "success"
    gateway: Name | None = None
    method: Name | None = None
    transaction_id: Name | None = None
    fee: Amount | None = None
    at: AwareDatetime | None = None
    properties: dict[str, str] = Field(default_factory=dict)


class RefundLine(Frozen):
    """Goods or a charge given back; `amount` and `tax` follow the order's `prices_include_tax`, both positive."""

    line: Identifier
    quantity: Amount = Decimal(0)
    amount: Amount
    tax: Amount | None = None


class Adjustment(Frozen):
    """What else a refund changes. `amount` is signed and **positive when more money goes back to the buyer**; tax as in `RefundLine`."""

    kind: Identifier
    amount: Amount
    tax: Amount | None = None
    reason: Name | None = None


class Refund(Frozen):
    """One refund. Money and goods may differ; both are kept. `money` is what was actually returned to the buyer, tax included, and None
    where the platform does not say; `shipping` is the part of the order's shipping that is given back (convention as `RefundLine`)."""

    id: Identifier
    at: AwareDatetime | None = None
    reason: Name | None = None
    lines: tuple[RefundLine, ...] = ()
    shipping: Amount | None = None
    shipping_tax: Amount | None = None
    adjustments: tuple[Adjustment, ...] = ()
    money: Amount | None = None
    owed: bool = False
    """Whether nothing has been returned for it yet: money that comes later without goods of its own settles it, rather than more."""
    status: Literal["pending", "failure"] | None = None
    """`pending` before it is certain that the money goes back, when nothing is credited, and `failure` when it does not; else absent."""

    @property
    def decided(self) -> bool:
        """Whether it is known that the money goes back, or that it does not."""
        return self.status != "pending"


class StatusChange(Frozen):
    """An entry of the platform's own status history, in its words."""

    status: Name
    at: AwareDatetime | None = None
    note: Name | None = None


class Progress(Frozen):
    """How far the order is."""

    stage: Stage = Stage.PLACED
    financial: FinancialStatus = FinancialStatus.UNKNOWN
    fulfilment: FulfilmentStatus = FulfilmentStatus.UNKNOWN
    platform_status: Name | None = None
    platform_financial_status: Name | None = None
    platform_fulfilment_status: Name | None = None
    history: tuple[StatusChange, ...] = ()
    paid_at: AwareDatetime | None = None
    fulfilled_at: AwareDatetime | None = None
    delivered_at: AwareDatetime | None = None
    cancelled_at: AwareDatetime | None = None
    cancel_reason: Name | None = None
    cancelled: bool = False
    expires_at: AwareDatetime | None = None


class Order(Frozen):
    """An order as a storefront states it at one moment (`version`)."""

    id: Identifier
    number: Identifier
    """What the merchant and the buyer call it, such as `1001`; printed as `Order #1001`."""
    name: Name | None = None
    placed_at: AwareDatetime | None = None
    version: AwareDatetime | None = None
    """The platform's time of the last change. Equal versions are told apart by their content, never dropped."""
    test: bool = False
    channel: Name | None = None
    locale: Name | None = None
    tags: tuple[Name, ...] = ()
    notes: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    currency: CurrencyCode
    prices_include_tax: bool
    tax_given_by: TaxGivenBy = TaxGivenBy.PLATFORM
    totals: Totals
    buyer: Party | None = None
    ship_to: Party | None = None
    lines: tuple[Line, ...] = Field(default=(), max_length=10_000)
    taxes: tuple[Tax, ...] = ()
    """The order's own summary per name and rate; it wins over the sum of the lines."""
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    progress: Progress = Progress()
    due_days: int | None = Field(default=None, ge=0, le=3_650)
    due_date: date | None = None
    coupon: Name | None = None
    subscription: Name | None = None
    renewal: bool = False
    feedback: Name | None = None
