"""Invoices and credit notes as they are frozen: everything that is printed, in minor units, with nothing left to compute or look up.

A finalised document is never changed; PDF and e-invoice are derived from it. What happens to it afterwards (payments, credits, mail) is
not part of it.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from adapter.domain.clearance import ClearanceMark
from adapter.domain.frozen import Frozen
from adapter.domain.money import Amount, CurrencyCode, Minor
from adapter.domain.order import Address, LineKind, Name, TaxId


class DocumentKind(StrEnum):
    """The two kinds of document. A correction upwards is an invoice, downwards a credit note."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class DocumentStatus(StrEnum):
    """Where a document stands. A credit note is `open` once finalised and stays so; an invoice moves with payments and credits."""

    DRAFT = "draft"
    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PAST_DUE = "past_due"
    CREDITED = "credited"


class Mode(StrEnum):
    """A property of an entity. Test documents have their own series and a watermark and never reach a customer."""

    TEST = "test"
    LIVE = "live"


class TaxCategory(StrEnum):
    """UNCL5305 codes as EN 16931 uses them. IGIC is the tax of the Canary Islands, IPSI that of Ceuta and Melilla."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    INTRA_COMMUNITY = "K"
    EXPORT = "G"
    OUT_OF_SCOPE = "O"
    IGIC = "L"
    IPSI = "M"

    @property
    def taxed(self) -> bool:
        """Whether tax is charged: VAT, IGIC or IPSI, at a rate."""
        return self in {TaxCategory.STANDARD, TaxCategory.IGIC, TaxCategory.IPSI}


class DocumentParty(Frozen):
    """A party as printed."""

    name: Name
    company: Name | None = None
    address: Address | None = None
    email: Name | None = None
    phone: Name | None = None
    tax_ids: tuple[TaxId, ...] = ()
    customer_id: Name | None = None

    @property
    def is_business(self) -> bool:
        """Whether it is named as one."""
        return self.company is not None or bool(self.tax_ids)


class Bank(Frozen):
    """Where money that is due can be sent."""

    holder: Name | None = None
    iban: Name | None = None
    bic: Name | None = None
    name: Name | None = None
    upi: Name | None = None
    """A UPI address such as `shop@bank`, for payments in Indian rupees."""
    creditor_reference: Literal["iso11649"] | None = None
    """Whether transfers quote a structured creditor reference (`RF…`), made of the document's number, instead of the number itself."""
    qr_reference_prefix: Annotated[str, Field(pattern=r"^[0-9]{0,20}$")] | None = None
    """The digits with which a Swiss QR reference begins, as the bank that gave the QR-IBAN prescribes them."""


Terms = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000)]


class Seller(DocumentParty):
    """The entity as printed: beside the party, its bank, web address and small print."""

    website: Name | None = None
    registration: Name | None = None
    """Register and number, such as `HRB 12345, Amtsgericht Berlin`."""
    bank: Bank | None = None
    footer: Name | None = None
    terms: Terms | None = None
    """Terms of sale or payment, printed in small letters at the end."""
    contact: Name | None = None
    """The person or department that answers questions about the document (EN 16931 BT-41)."""


class LineTax(Frozen):
    """One tax on a line: `rate` is a fraction (0.19 for 19 %), None where the platform states no rate."""

    category: TaxCategory
    name: Name
    rate: Amount | None = None
    amount: Minor


class DocumentLine(Frozen):
    """A printed line. `net + tax = gross`; `amount` is the one of net and gross that the document's prices speak.

    `unit_price` is before discounts, in major units with as many places as the platform states; `discount` is positive minor units that
    are already taken off. All amounts of a credit note are positive too: the kind of document says that they go back.
    """

    position: int = Field(ge=1)
    kind: LineKind
    name: Name
    quantity: Amount
    unit: str = "C62"
    unit_price: Amount
    discount: Minor = 0
    discount_name: Name | None = None
    net: Minor
    tax: Minor
    gross: Minor
    taxes: tuple[LineTax, ...] = ()
    sku: Name | None = None
    description: Name | None = None
    order_line: Name | None = None
    """The id of the order's line."""
    original_line: int | None = None
    """On a credit note, the position on the invoice that this line gives back."""
    by_amount: bool | None = None
    """On a credit note, true where an amount was placed on the line without the line itself coming back."""
    parent: int | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> "DocumentLine":
        if self.net + self.tax != self.gross or sum(tax.amount for tax in self.taxes) != self.tax:
            raise ValueError(
                f"line {self.position}: net {self.net} + tax {self.tax} must be gross {self.gross}, and its taxes must sum to its tax"
            )
        return self


class TaxGroup(Frozen):
    """The tax breakdown: one row per category, rate and name. `base` is the sum of the nets that bear it."""

    category: TaxCategory
    name: Name
    rate: Amount | None = None
    base: Minor
    tax: Minor
    exemption: Name | None = None
    """Why no tax is charged, in words (EN 16931 BT-120)."""
    exemption_code: Name | None = None
    """The same as a code of the European list VATEX, such as `VATEX-EU-132` (BT-121); absent where the category says it all."""


class DocumentTotals(Frozen):
    """`net + tax = gross`; `discount` and `shipping` are parts of them for information."""

    net: Minor
    tax: Minor
    gross: Minor
    discount: Minor = 0
    shipping: Minor = 0


class NationalTax(Frozen):
    """The total tax once more, in the currency of the state where it is due (VAT Directive Art. 230; EN 16931 BT-6, BT-111)."""

    currency: CurrencyCode
    tax: Minor
    rate: Amount
    """Units of `currency` for one unit of the document's."""
    source: Name | None = None
    """Whose rate it is, such as `ECB`."""
    rate_date: date | None = None


class OrderReference(Frozen):
    """The order that a document is about."""

    source: Name
    id: Name
    number: Name
    placed_on: date | None = None


class Original(Frozen):
    """The invoice that a credit note corrects (VAT Directive Art. 219)."""

    number: Name
    issue_date: date
    sha256: str


Font = Literal["Noto Sans", "Noto Serif", "Liberation Sans", "Liberation Serif", "DejaVu Sans", "DejaVu Serif"]
"""Free typefaces with TrueType outlines and a real bold face: others would be drawn in a way that makes files large (Type 3 fonts)."""


class Branding(Frozen):
    """How the entity's documents look. `logo` is the SHA-256 of a stored image; colours are `#rrggbb`; `font` is an installed typeface."""

    logo: str | None = None
    logo_type: str | None = None
    accent: str = "#1f3a5f"
    font: Font | None = None
    """The typeface of Latin, Greek and Cyrillic text; `Noto Sans` where absent. Other scripts are set in the Noto Sans of theirs."""
    paper: str = Field(default="A4", pattern="^(A4|Letter)$")


AMENDS = "amends"
"""The entry of a document's metadata that names the invoice to which it is an amendment."""


class Document(Frozen):
    """An invoice or credit note, complete."""

    schema_version: int = 1
    template_version: int = 1
    kind: DocumentKind
    mode: Mode
    number: Name
    issue_date: date
    supply_date: date | None = None
    due_date: date | None = None
    currency: CurrencyCode
    language: str = "en"
    second_language: str | None = None
    """A language in which headings and mentions are said as well."""
    prices_include_tax: bool
    seller: Seller
    buyer: DocumentParty | None = None
    ship_to: DocumentParty | None = None
    lines: tuple[DocumentLine, ...] = Field(min_length=1)
    taxes: tuple[TaxGroup, ...] = ()
    totals: DocumentTotals
    orders: tuple[OrderReference, ...] = ()
    original: Original | None = None
    reason: Name | None = None
    notes: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    """`buyer_reference` is what the buyer wants to find on its e-invoice (EN 16931 BT-10), such as a Leitweg-ID."""
    branding: Branding = Branding()
    tax_point: date | None = None
    """When the tax becomes due, where that is neither the issue nor the supply date (EN 16931 BT-7)."""
    national_tax: NationalTax | None = None
    payment_reference: Name | None = None
    """What a transfer should quote (EN 16931 BT-83); the document's number where absent."""

    @property
    def shows_tax(self) -> bool:
        """Whether the page speaks of tax: not where all is exempt or outside its scope, which the mentions say. Small enterprises and
        margin schemes may show none, not even one of zero (VAT Directive Art. 289, 325)."""
        return any(group.tax or group.category not in {TaxCategory.EXEMPT, TaxCategory.OUT_OF_SCOPE} for group in self.taxes)

    @model_validator(mode="after")
    def _adds_up(self) -> "Document":
        sums = (sum(line.net for line in self.lines), sum(line.tax for line in self.lines), sum(line.gross for line in self.lines))
        if sums != (self.totals.net, self.totals.tax, self.totals.gross):
            raise ValueError(
                f"the lines add up to net, tax, gross {sums}, the totals say {self.totals.net, self.totals.tax, self.totals.gross}"
            )
        if sum(group.tax for group in self.taxes) != self.totals.tax:
            raise ValueError("the tax breakdown does not add up to the total tax")
        return self


class Settlement(Frozen):
    """What has been paid of an invoice, and how its clearance stands, when its PDF is made: the only things on the page that are not frozen
    with the document."""

    paid: Minor = 0
    method: Name | None = None
    paid_on: date | None = None
    clearance: ClearanceMark | None = None
    """None where the document need not be cleared."""


def due(document: Document, settlement: Settlement) -> Minor:
    """What is still to be paid: never below zero; nothing on a credit note."""
    return max(0, document.totals.gross - settlement.paid) if document.kind is DocumentKind.INVOICE else 0
