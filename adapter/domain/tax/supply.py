"""The facts of a sale that decide its tax, and what the law makes of each kind of thing sold: the category, whose tax, at which rate.

Places of supply after VAT Directive 2006/112/EC Art. 31-33 (goods), 44, 45 and 58 (services, electronic ones), exemptions Art. 138 and
146, reverse charge Art. 196, triangular trade Art. 141 and 197, small enterprises Art. 284, vouchers Art. 30a-30b. Other VAT and GST
countries are read by the same outline. Nothing in an order says that a service is one of Art. 46-57 (land, events, transport, restaurants),
or that goods came from a third party in another member state: only a tag of the merchant's does (`TaxSettings.service_places`,
`triangular_tags`).
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from adapter.domain.document import TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.frozen import Frozen
from adapter.domain.order import Address, LineKind, Name, Order, Party
from adapter.domain.tax.mentions import Mention
from adapter.domain.tax.rates import fraction, rates_at
from adapter.domain.tax.registrations import numbers_in_force, sme_number
from adapter.domain.tax.settings import TaxSettings
from adapter.domain.tax.territory import Place, place
from adapter.domain.tax.vat_id import VIES, VatIdCheck, VatIdState, VatNumber, first_vat_number, party_vat_number, vat_number, vat_prefix

SALES_TAX = frozenset({"US"})
"""Countries without VAT or GST: what is charged stands as the storefront states it, and nothing is said where nothing is charged."""


class Nature(StrEnum):
    """What a line is to the tax. `none`: no supply of its own (vouchers, tips, duties, cash rounding)."""

    GOODS = "goods"
    SERVICE = "service"
    DIGITAL = "digital"
    NONE = "none"


class Scheme(StrEnum):
    """By which rule a sale is taxed where it is, or not."""

    DOMESTIC = "domestic"
    REGISTERED = "registered"
    OSS = "oss"
    IOSS = "ioss"
    HOME_RATE = "home_rate"
    """A consumer in another member state at the seller's own rate: right below the threshold of Art. 59c (10,000 EUR a year)."""
    UNREGISTERED = "unregistered"
    """In a country where the seller has neither a registration nor the One-Stop Shop to declare it."""
    TRIANGULAR = "triangular"
    SMALL_BUSINESS = "small_business"
    EXEMPT = "exempt"


class Treatment(NamedTuple):
    """What the law makes of a sale. `country` is the one whose tax is due (XI for goods in Northern Ireland), None where none is; `rate`
    its standard rate as a fraction where it is known."""

    category: TaxCategory
    scheme: Scheme
    country: str | None = None
    rate: Decimal | None = None
    mention: Mention | None = None
    code: str | None = None
    tax: str | None = None
    """The name of a tax that is charged instead of VAT: IGIC, IPSI."""


class Sale(Frozen):
    """Everything about an order and its parties that decides the tax: `goods_to` is where goods go, `buyer` where the buyer is."""

    seller: Address
    seller_number: Name | None = None
    """The seller's VAT number at home, else any it has, prefix included, in force on the day."""
    numbers: dict[str, str] = Field(default_factory=dict)
    """Every VAT number of the seller that is in force on the day, by its country (XI, IC and EA apart)."""
    sme_number: Name | None = None
    settings: TaxSettings = TaxSettings()
    on: date
    goods_to: Address | None = None
    buyer: Address | None = None
    buyer_name: Name | None = None
    business: bool = False
    vat_id: Name | None = None
    check: VatIdCheck | None = None
    triangular: bool = False
    performed_in: str | None = None
    """The country in which services and digital goods are supplied, where a tag of the order says so."""

    @property
    def home(self) -> Place:
        """Where the seller is established."""
        return _place(self.seller) or place("ZZ")

    def destination(self, nature: Nature) -> Place | None:
        """Where goods arrive, or where the buyer of a service is; None where the order does not say."""
        if nature is Nature.GOODS:
            return _place(self.goods_to)
        return place(self.performed_in) if self.performed_in else _place(self.buyer)

    def registered_in(self, country: str) -> bool:
        """Whether the seller has a number of that country on the day."""
        return country in self.numbers

    @property
    def vat_id_state(self) -> VatIdState:
        """What is known of the buyer's number; a check of another number counts for nothing."""
        if self.check is None or self.check.number != self.vat_id:
            return VatIdState.NOT_CHECKED
        return self.check.state


def sale(order: Order, entity: Entity, on: date, check: VatIdCheck | None = None) -> Sale:
    """The facts of an order. `on` is the day of supply, `check` the answer of a register about the buyer's number.

    The buyer is a business where the platform says so, and, where it says nothing, with a well-formed VAT number or, outside the Union,
    where there is often none, with the name of a company.
    """
    buyer, ship_to = order.buyer or Party(), order.ship_to
    number = party_vat_number(buyer)
    home = entity.address.country
    numbers = numbers_in_force(entity.tax_ids, entity.tax.registrations, home, on)
    stated = first_vat_number(entity.tax_ids, home)
    established = _place(entity.address)
    at_home = numbers.get(established.vat_country(goods=False)) if established else None
    addressed = [party.address for party in (ship_to, buyer) if party and party.address and party.address.country]
    where = _place(addressed[-1]) if addressed else None
    abroad = bool(buyer.company) and where is not None and not where.in_eu(goods=False)
    tagged = {tag.casefold() for tag in order.tags}
    return Sale(
        seller=entity.address,
        seller_number=at_home or (str(stated) if stated else next(iter(numbers.values()), None)),
        numbers=numbers,
        sme_number=sme_number(entity.tax_ids),
        settings=entity.tax,
        on=on,
        goods_to=addressed[0] if addressed else None,
        buyer=addressed[-1] if addressed else None,
        buyer_name=buyer.company or buyer.name,
        business=buyer.business if buyer.business is not None else number is not None or abroad,
        vat_id=str(number) if number else None,
        check=check,
        triangular=not tagged.isdisjoint(tag.casefold() for tag in entity.tax.triangular_tags),
        performed_in=next((country for tag, country in entity.tax.service_places.items() if tag.casefold() in tagged), None),
    )


def natures(kinds: Iterable[LineKind]) -> list[Nature]:
    """The nature of each line; shipping, fees and discounts share that of what they go with: goods, else services, else digital."""
    listed = list(kinds)
    main = next((_NATURES[kind] for kind in (LineKind.GOODS, LineKind.SERVICE, LineKind.DIGITAL) if kind in listed), Nature.SERVICE)
    return [main if kind in _ANCILLARY else _NATURES[kind] for kind in listed]


_ANCILLARY = frozenset({LineKind.SHIPPING, LineKind.FEE, LineKind.DISCOUNT})
_NATURES = {
    LineKind.GOODS: Nature.GOODS,
    LineKind.SERVICE: Nature.SERVICE,
    LineKind.DIGITAL: Nature.DIGITAL,
    LineKind.GIFT_CARD: Nature.NONE,
    LineKind.TIP: Nature.NONE,
    LineKind.DUTY: Nature.NONE,
    LineKind.ROUNDING: Nature.NONE,
}


def due(sale: Sale, nature: Nature) -> Treatment:
    """What the law prescribes for a thing of that nature, whatever was charged.

    A buyer whose number a register calls invalid is no business here; one whose number could not be checked is.
    """
    goods = nature is Nature.GOODS
    if nature is Nature.NONE:
        return _OUTSIDE
    there = sale.destination(nature)
    at_home = there is None or _is_home(sale.home, there, goods=goods)
    if sale.settings.small_business and not (_owed_by_buyer(sale, nature) and not at_home and sale.sme_number is None):
        code = "VATEX-FR-FRANCHISE" if sale.home.country == "FR" else None
        return Treatment(TaxCategory.EXEMPT, Scheme.SMALL_BUSINESS, mention=Mention.SMALL_BUSINESS, code=code)
    if at_home:
        if sale.settings.domestic_reverse_charge and sale.business and sale.vat_id is not None:
            return _REVERSE_CHARGE._replace(scheme=Scheme.DOMESTIC)
        return _taxed(sale, there or sale.home, Scheme.DOMESTIC, goods=goods)
    if there is not None and sale.home.in_eu(goods=goods) and there.in_eu(goods=goods):
        return _within_union(sale, nature, there)
    return _abroad(sale, nature, there or sale.home)


def selling_numbers(sale: Sale, treatments: Iterable[Treatment]) -> dict[str, str]:
    """The numbers under which the seller makes these supplies, by country: abroad that of its registration there, under the One-Stop Shop
    that of the member state of identification, else the one at home."""
    wanted = dict.fromkeys(_number_of(sale, treatment) for treatment in treatments)
    chosen = {country: sale.numbers[country] for country in wanted if country in sale.numbers}
    if not chosen and sale.seller_number is not None:
        chosen = {country: number for country, number in sale.numbers.items() if number == sale.seller_number}
    return chosen


def _number_of(sale: Sale, treatment: Treatment) -> str:
    if treatment.scheme is Scheme.OSS and sale.settings.oss is not None:
        return place(sale.settings.oss).country
    if treatment.scheme is Scheme.REGISTERED and treatment.country is not None:
        return treatment.country
    return sale.home.vat_country(goods=treatment.category is TaxCategory.INTRA_COMMUNITY)  # XI is for trade with the Union alone


def number_to_check(sale: Sale, kinds: Iterable[LineKind]) -> VatNumber | None:
    """The buyer's VAT number where the tax of the sale depends on its being registered, to be asked about before the document is made."""
    treatments = (due(sale, nature) for nature in dict.fromkeys(natures(kinds)))
    depends = any(one.category in {TaxCategory.INTRA_COMMUNITY, TaxCategory.REVERSE_CHARGE} for one in treatments)
    return vat_number(sale.vat_id) if depends and sale.vat_id else None


def _place(address: Address | None) -> Place | None:
    if address is None or address.country is None:
        return None
    return place(address.country, address.postcode, address.region_code or address.region)


def _is_home(home: Place, there: Place, *, goods: bool) -> bool:
    if home.vat_country(goods=False) != there.vat_country(goods=False) or home.outside != there.outside:
        return False
    return not goods or home.in_eu(goods=True) == there.in_eu(goods=True) or home.country == "GB"


def _owed_by_buyer(sale: Sale, nature: Nature) -> bool:
    """Whether the buyer of a service is a business in another member state, which owes the tax itself (Art. 196)."""
    there = sale.destination(nature)
    known = sale.business and sale.vat_id is not None and sale.vat_id_state is not VatIdState.INVALID
    within = there is not None and sale.home.in_eu(goods=False) and there.in_eu(goods=False)
    return nature is not Nature.GOODS and known and within and sale.performed_in is None


def _to_business(sale: Sale, nature: Nature) -> Treatment | None:
    """What is not taxed because the buyer is a business in another member state, or None."""
    if _owed_by_buyer(sale, nature):
        return _REVERSE_CHARGE
    if nature is not Nature.GOODS or not sale.business or sale.vat_id is None or sale.vat_id_state is VatIdState.INVALID:
        return None
    if sale.triangular:
        return _TRIANGULAR
    return _INTRA_COMMUNITY if sale.vat_id[:2] in VIES - {vat_prefix(sale.home.vat_country(goods=True))} else None


def _within_union(sale: Sale, nature: Nature, there: Place) -> Treatment:
    goods = nature is Nature.GOODS
    if exempt := _to_business(sale, nature):
        return exempt
    if nature is Nature.SERVICE and sale.performed_in is None:
        return _taxed(sale, sale.home, Scheme.DOMESTIC, goods=False)
    if sale.registered_in(there.vat_country(goods=goods)):
        return _taxed(sale, there, Scheme.REGISTERED, goods=goods)
    if sale.settings.oss_on(sale.on) and not (sale.performed_in and sale.business):
        return _taxed(sale, there, Scheme.OSS, goods=goods)
    if sale.performed_in is not None:
        return _taxed(sale, there, Scheme.UNREGISTERED, goods=False)
    return _taxed(sale, sale.home, Scheme.HOME_RATE, goods=goods)


def _abroad(sale: Sale, nature: Nature, there: Place) -> Treatment:
    goods = nature is Nature.GOODS
    authority = there.vat_country(goods=goods)
    if authority != sale.home.vat_country(goods=goods) and there.charges_tax and sale.registered_in(authority):
        return _taxed(sale, there, Scheme.REGISTERED, goods=goods)
    to_consumer_in_union = there.in_eu(goods=goods) and not sale.business
    if goods:
        return _taxed(sale, there, Scheme.IOSS, goods=True) if to_consumer_in_union and sale.settings.ioss else _EXPORT
    if (nature is Nature.DIGITAL or sale.performed_in) and to_consumer_in_union and sale.settings.oss_on(sale.on):
        return _taxed(sale, there, Scheme.OSS, goods=False)
    outside = sale.business or nature is Nature.DIGITAL or sale.performed_in is not None
    return _OUTSIDE if outside else _taxed(sale, sale.home, Scheme.DOMESTIC, goods=False)


def _taxed(sale: Sale, there: Place, scheme: Scheme, *, goods: bool) -> Treatment:
    known = rates_at(there, sale.on)
    rate = fraction(known.standard) if known else None
    own = there.territory.tax if there.territory else None
    return Treatment(there.category, scheme, there.vat_country(goods=goods), rate, tax=own)


_OUTSIDE = Treatment(TaxCategory.OUT_OF_SCOPE, Scheme.EXEMPT, mention=Mention.OUTSIDE_SCOPE, code="VATEX-EU-O")
_EXPORT = Treatment(TaxCategory.EXPORT, Scheme.EXEMPT, mention=Mention.EXPORT, code="VATEX-EU-G")
_REVERSE_CHARGE = Treatment(TaxCategory.REVERSE_CHARGE, Scheme.EXEMPT, mention=Mention.REVERSE_CHARGE, code="VATEX-EU-AE")
_TRIANGULAR = _REVERSE_CHARGE._replace(scheme=Scheme.TRIANGULAR)
_INTRA_COMMUNITY = Treatment(TaxCategory.INTRA_COMMUNITY, Scheme.EXEMPT, mention=Mention.INTRA_COMMUNITY, code="VATEX-EU-IC")
