"""What a seller's tax depends on: registrations, schemes, and rules of the merchant's own. Part of an entity; all of it optional."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from adapter.domain.frozen import Frozen
from adapter.domain.money import Amount, CurrencyCode
from adapter.domain.order import CountryCode, Identifier, LineKind, Name

Postcode = Annotated[
    str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z0-9 -]{1,12}(\*|\.\.[A-Za-z0-9 -]{1,12})?$")
]
"""A postcode, one with `*` at its end for all that begin so, or a range such as `10000..10999`."""


class Registration(Frozen):
    """A registration for VAT or GST: the country (XI for goods in Northern Ireland, IC for IGIC in the Canary Islands, EA for IPSI in Ceuta
    and Melilla), the number as printed, and since and until when."""

    country: CountryCode
    number: Identifier
    valid_from: date | None = None
    valid_until: date | None = None

    def covers(self, on: date) -> bool:
        """Whether it is in force on a day."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_until is None or on <= self.valid_until)


class MarginScheme(StrEnum):
    """The special schemes that tax the margin and show no VAT (VAT Directive Art. 306-325, the mentions in Art. 226(13) and (14))."""

    SECOND_HAND = "second_hand"
    ART = "art"
    COLLECTORS = "collectors"
    TRAVEL = "travel"


class BuyerKind(StrEnum):
    """Whom a rule is for."""

    ANY = "any"
    BUSINESS = "business"
    CONSUMER = "consumer"


class TaxRuleKind(StrEnum):
    """How a rule computes: a percentage of the price, an amount per unit of quantity, or one per order."""

    PERCENTAGE = "percentage"
    PER_UNIT = "per_unit"
    PER_ORDER = "per_order"


class TaxRule(Frozen):
    """One tax, and when it applies. What is left empty does not restrict it.

    `rate` is a fraction (0.19) for a percentage, `amount` major units of `currency` for the two fixed kinds. Rules are applied in ascending
    `priority`; a `compound` one is computed on the price plus the taxes of all lower priorities.
    """

    name: Name
    kind: TaxRuleKind = TaxRuleKind.PERCENTAGE
    rate: Amount | None = Field(default=None, ge=0, le=10)
    amount: Amount | None = Field(default=None, ge=0)
    currency: CurrencyCode | None = None
    priority: int = Field(default=1, ge=1, le=100)
    compound: bool = False
    country: CountryCode | None = None
    regions: tuple[Name, ...] = ()
    """Names or codes of regions, compared without regard to case."""
    postcodes: tuple[Postcode, ...] = ()
    buyer: BuyerKind = BuyerKind.ANY
    line_kinds: tuple[LineKind, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _complete(self) -> "TaxRule":
        if self.kind is TaxRuleKind.PERCENTAGE:
            if self.rate is None or self.amount is not None:
                raise ValueError(f"the tax rule {self.name!r} is a percentage: give a rate such as 0.19 and no amount")
        elif self.amount is None or self.currency is None or self.rate is not None:
            raise ValueError(f"the tax rule {self.name!r} is a fixed amount: give an amount and its currency, and no rate")
        return self


class Exemption(Frozen):
    """Why sales without tax are exempt: a VATEX code (EN 16931 BT-121) or a text that names the provision, or both."""

    code: Annotated[str, StringConstraints(to_upper=True, pattern=r"^(?i:VATEX)-[A-Za-z0-9-]{2,30}$")] | None = None
    reason: Name | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Exemption":
        if not self.code and not self.reason:
            raise ValueError("an exemption needs a code such as VATEX-EU-132-1I, or a reason")
        return self


class Rounding(StrEnum):
    """Where a computed tax is rounded to the minor unit, half up: each line, each rate's group, or the whole document."""

    LINE = "line"
    GROUP = "group"
    DOCUMENT = "document"


class TaxSettings(Frozen):
    """A seller's tax. Where nothing is set, documents are made as the storefront charged, and nothing that is noticed keeps one back.

    Tax is computed for orders whose storefront states none where `computes`: where a registration, a One-Stop Shop or a rule is named here.
    A VAT number among the entity's tax ids is not enough: many who have one leave their tax out of a storefront on purpose, and a document
    that owes tax which nobody charged is worse than one that says what it lacks.
    """

    registrations: tuple[Registration, ...] = ()
    """Beside the VAT numbers among the entity's tax ids. Where the tax of a document is due, that country's number in force on the day of
    supply is the one that stands on it."""
    small_business: bool = False
    """The scheme for small enterprises (VAT Directive Art. 284): no VAT is charged or shown. Who uses it in other member states has a
    number that ends with EX, which is a tax id of kind `eu_sme`."""
    oss: CountryCode | None = None
    """The member state of identification of the Union One-Stop Shop; sales to consumers elsewhere then bear the buyer's rate."""
    oss_from: date | None = None
    ioss: bool = False
    """Registered for the Import One-Stop Shop. The number goes into customs data, never onto a document, so it is not asked for."""
    margin_scheme: MarginScheme | None = None
    """Goods without tax are sold under this scheme."""
    domestic_reverse_charge: bool = False
    """Sells goods or services for which the seller's own country makes a domestic business buyer liable (Art. 199, 199a)."""
    triangular_tags: tuple[Name, ...] = ()
    """Orders that carry one of these tags are the second sale in a triangular transaction (Art. 141, 197): goods that came straight from a
    supplier in another member state. Nothing else in an order says so."""
    service_places: dict[Name, CountryCode] = Field(default_factory=dict)
    """Where the services of an order that carries a tag are supplied, by the tag: events, land, restaurants, transport (Art. 46-57)."""
    exemption: Exemption | None = None
    """The reason for domestic sales without tax, such as medicine or education."""
    cash_accounting: bool = False
    rules: tuple[TaxRule, ...] = ()
    """Taxes of the merchant's own, computed where the order states none and before VAT: sales tax, eco fees."""
    rounding: Rounding | None = None
    """By line where nothing is said; in Japan by group, since its law wants one rounding for each rate of an invoice."""
    tax_currency: CurrencyCode | None = None
    """The currency in which VAT must also stand, where it is not that of the country of the address."""
    holding: tuple[Identifier, ...] = ()
    """The findings that hold a document until a person has looked: codes such as `zero_without_reason`, or severities such as `error`."""
    tolerated: tuple[Identifier, ...] = ()
    """Codes of findings that hold no document, whatever `holding` says."""
    check_vat_ids: bool = False
    """Ask VIES about a buyer's VAT number, before the document is made, where the tax depends on it. A number that VIES calls invalid
    although no tax was charged holds the document, unless `vat_id_invalid` is tolerated."""
    vat_id_wait_hours: int = Field(default=0, ge=0, le=720)
    """How long a document waits for a register that is unavailable, before it is issued with a warning."""

    def rounds(self, country: str) -> Rounding:
        """Where a seller in a country rounds a computed tax."""
        return self.rounding or (Rounding.GROUP if country == "JP" else Rounding.LINE)

    @property
    def computes(self) -> bool:
        """Whether tax is computed where the order states none."""
        return bool(self.rules or self.registrations or self.oss or self.ioss)

    def oss_on(self, on: date) -> bool:
        """Whether the Union One-Stop Shop is used on a day."""
        return self.oss is not None and (self.oss_from is None or self.oss_from <= on)
