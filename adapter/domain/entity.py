"""A legal seller: the tenant boundary, and what its documents need."""

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from adapter.domain.clearance import Clearance
from adapter.domain.document import Bank, Branding, Mode, Seller, Terms
from adapter.domain.einvoice import EInvoice
from adapter.domain.frozen import Frozen
from adapter.domain.money import CurrencyCode
from adapter.domain.order import Address, Name, TaxId
from adapter.domain.tax.settings import TaxSettings


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin")
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]
EntityId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Chosen by the merchant, stable for ever: lower case letters, digits and hyphens."""


class Entity(Frozen):
    """Everything about a seller that documents, mails and dates depend on."""

    id: EntityId
    mode: Mode = Mode.TEST
    name: Name
    address: Address
    email: Name | None = None
    phone: Name | None = None
    contact: Name | None = None
    """The person or department that answers questions about documents; e-invoices name it (EN 16931 BT-41), else the entity's name."""
    website: Name | None = None
    registration: Name | None = None
    tax_ids: tuple[TaxId, ...] = ()
    time_zone: TimeZone = "UTC"
    language: str = "en"
    second_language: str | None = None
    """A language in which headings and mentions of documents are said as well, such as the authority's."""
    currency: CurrencyCode | None = None
    bank: Bank | None = None
    footer: Name | None = None
    terms: Terms | None = None
    """Terms of sale or payment, printed in small letters at the end of every document."""
    notes: tuple[str, ...] = ()
    payment_days: int = Field(default=14, ge=0, le=3_650)
    """Days from the issue date until an unpaid invoice is due, where the order says nothing."""
    tax: TaxSettings = TaxSettings()
    branding: Branding = Branding()
    einvoices: tuple[EInvoice, ...] = (EInvoice.FACTUR_X,)
    """The e-invoices that are made of each document: `factur-x` goes into the PDF, the others are mailed beside it. Empty for none."""
    einvoice_policy: Literal["warn", "hold"] = "warn"
    """What follows where one of them is invalid, or cannot say what the document says: the document goes out without it and a finding
    tells so, or its mails are held until a person replays them."""
    clearance: Clearance | None = None
    """Who is asked to accept documents where a PDF alone is not the invoice; None where nobody is."""
    mail_from: Name | None = None
    """The sender of mails to customers, such as `Example Shop <billing@shop.example>`; the process's default where absent."""
    reply_to: Name | None = None
    reminder_days: tuple[Annotated[int, Field(ge=0, le=365)], ...] = (0, 7, 14)
    """Days after the due date on which an unpaid invoice is reminded of."""
    test_recipients: tuple[str, ...] = ()
    """In test mode, the only addresses that mail is really sent to; everything else stays in the outbox."""
    retention_years: int = Field(default=10, ge=1, le=100)
    """Years for which documents are kept after the end of the calendar year of their issue date; then they and what belongs to them are
    deleted. Ten years satisfy every member state and the one-stop shop's records (Regulation 282/2011 Art. 63c)."""
    legal_hold: bool = False
    """Whether nothing of this seller is deleted for now, such as during an audit or a lawsuit."""

    @model_validator(mode="after")
    def _really_cleared(self) -> "Entity":
        if self.mode is Mode.LIVE and self.clearance is not None and self.clearance.connector == "sandbox":
            raise ValueError("clearance.connector: the sandbox clears nothing and is for test mode; a live entity needs http")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which this entity's dates are decided."""
        return ZoneInfo(self.time_zone)

    def retained_until(self, issue_date: date) -> date:
        """The last day on which a document of that date, in the entity's time zone, is kept."""
        return date(issue_date.year + self.retention_years, 12, 31)

    def seller(self) -> Seller:
        """The entity as its documents print it."""
        return Seller(
            name=self.name, address=self.address, email=self.email, phone=self.phone, tax_ids=self.tax_ids,
            website=self.website, registration=self.registration, bank=self.bank, footer=self.footer, terms=self.terms,
            contact=self.contact,
        )  # fmt: skip
