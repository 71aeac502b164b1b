"""The facts of a sale that decide its tax, and what the law makes of each kind of thing sold: the category, whose tax, at which rate.

Places of supply after VAT Directive 2006/112/EC Art. 31-33 (goods), 44, 45 and 58 (services, electronic ones), exemptions Art. 138 and 146,
reverse charge Art. 196, small enterprises Art. 284, vouchers Art. 30a-30b. Other VAT and GST countries are read by the same outline. The
special cases of Art. 46-57 (land, events, transport, restaurants) are not told apart: nothing in an order says that a service is one.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from adapter.domain.document import TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.frozen import Frozen
from adapter.domain.order import Address, LineKind, Name, Order, Party, TaxGivenBy
from adapter.domain.tax.mentions import Mention
from adapter.domain.tax.rates import fraction, rates_at
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


class Sale(Frozen):
    """Everything about an order and its parties that decides the tax: `goods_to` is where goods go, `buyer` where the buyer is."""

    seller: Address
    seller_number: Name | None = None
    """The seller's VAT number, prefix included, in force on the day."""
    settings: TaxSettings = TaxSettings()
    on: date
    goods_to: Address | None = None
    buyer: Address | None = None
    buyer_name: Name | None = None
    business: bool = False
    vat_id: Name | None = None
    check: VatIdCheck | None = None

    @property
    def home(self) -> Place:
        """Where the seller is established."""
        return _place(self.seller) or place("ZZ")

    def destination(self, nature: Nature) -> Place | None:
        """Where goods arrive, or where the buyer of a service is; None where the order does not say."""
        return _place(self.goods_to) if nature is Nature.GOODS else _place(self.buyer)

    def registered_in(self, country: str) -> bool:
        """Whether the seller has a registration there on the day: one of the settings, or the country of its own number."""
        own = self.seller_number is not None and self.seller_number.startswith(vat_prefix(country))
        return own or self.settings.registered_in(country, self.on)

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
    seller_number = first_vat_number(entity.tax_ids, entity.address.country)
    addressed = [party.address for party in (ship_to, buyer) if party and party.address and party.address.country]
    where = _place(addressed[-1]) if addressed else None
    abroad = bool(buyer.company) and where is not None and not where.in_eu(goods=False)
    own = [registration.number for registration in entity.tax.registrations if registration.covers(on)]
    return Sale(
        seller=entity.address,
        seller_number=str(seller_number) if seller_number else next(iter(own), None),
        settings=entity.tax,
        on=on,
        goods_to=addressed[0] if addressed else None,
        buyer=addressed[-1] if addressed else None,
        buyer_name=buyer.company or buyer.name,
        business=buyer.business if buyer.business is not None else number is not None or abroad,
        vat_id=str(number) if number else None,
        check=check,
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
    if sale.settings.small_business:
        code = "VATEX-FR-FRANCHISE" if sale.home.country == "FR" else None
        return Treatment(TaxCategory.EXEMPT, Scheme.SMALL_BUSINESS, mention=Mention.SMALL_BUSINESS, code=code)
    there = sale.destination(nature)
    if there is None or _is_home(sale.home, there, goods=goods):
        if sale.settings.domestic_reverse_charge and sale.business and sale.vat_id is not None:
            return _REVERSE_CHARGE._replace(scheme=Scheme.DOMESTIC)
        return _taxed(sale, there or sale.home, Scheme.DOMESTIC, goods=goods)
    if sale.home.in_eu(goods=goods) and there.in_eu(goods=goods):
        return _within_union(sale, nature, there)
    return _abroad(sale, nature, there)


def number_to_check(sale: Sale, kinds: Iterable[LineKind]) -> VatNumber | None:
    """The buyer's VAT number where the tax of the sale depends on its being registered, to be asked about before the document is made."""
    treatments = (due(sale, nature) for nature in dict.fromkeys(natures(kinds)))
    depends = any(one.category in {TaxCategory.INTRA_COMMUNITY, TaxCategory.REVERSE_CHARGE} for one in treatments)
    return vat_number(sale.vat_id) if depends and sale.vat_id else None


def marketplace_collected(order: Order) -> bool:
    """Whether a marketplace collected the tax: it is then the one who supplies the buyer, and no VAT invoice is made in the seller's name
    (VAT Directive Art. 14a)."""
    taxes = (*order.taxes, *(tax for line in order.lines for tax in line.taxes))
    return order.tax_given_by is TaxGivenBy.MARKETPLACE or any(tax.marketplace_collected for tax in taxes)


def _place(address: Address | None) -> Place | None:
    if address is None or address.country is None:
        return None
    return place(address.country, address.postcode, address.region_code or address.region)


def _is_home(home: Place, there: Place, *, goods: bool) -> bool:
    if home.country != there.country:
        return False
    if not goods:
        return True
    return (home.outside == there.outside and home.in_eu(goods=True) == there.in_eu(goods=True)) or home.country == "GB"


def _within_union(sale: Sale, nature: Nature, there: Place) -> Treatment:
    goods = nature is Nature.GOODS
    if sale.business and sale.vat_id is not None and sale.vat_id_state is not VatIdState.INVALID:
        if not goods:
            return _REVERSE_CHARGE
        if sale.vat_id[:2] in VIES - {vat_prefix(sale.home.vat_country(goods=True))}:
            return _INTRA_COMMUNITY
    if nature is Nature.SERVICE:
        return _taxed(sale, sale.home, Scheme.DOMESTIC, goods=False)
    if sale.registered_in(there.vat_country(goods=goods)):
        return _taxed(sale, there, Scheme.REGISTERED, goods=goods)
    if sale.settings.oss_on(sale.on):
        return _taxed(sale, there, Scheme.OSS, goods=goods)
    return _taxed(sale, sale.home, Scheme.HOME_RATE, goods=goods)


def _abroad(sale: Sale, nature: Nature, there: Place) -> Treatment:
    goods = nature is Nature.GOODS
    if there.country != sale.home.country and not there.outside and sale.registered_in(there.vat_country(goods=goods)):
        return _taxed(sale, there, Scheme.REGISTERED, goods=goods)
    to_consumer_in_union = there.in_eu(goods=goods) and not sale.business
    if goods:
        return _taxed(sale, there, Scheme.IOSS, goods=True) if to_consumer_in_union and sale.settings.ioss else _EXPORT
    if nature is Nature.DIGITAL and to_consumer_in_union and sale.settings.oss_on(sale.on):
        return _taxed(sale, there, Scheme.OSS, goods=False)
    return _OUTSIDE if sale.business or nature is Nature.DIGITAL else _taxed(sale, sale.home, Scheme.DOMESTIC, goods=False)


def _taxed(sale: Sale, there: Place, scheme: Scheme, *, goods: bool) -> Treatment:
    known = rates_at(there, sale.on)
    return Treatment(TaxCategory.STANDARD, scheme, there.vat_country(goods=goods), fraction(known.standard) if known else None)


_OUTSIDE = Treatment(TaxCategory.OUT_OF_SCOPE, Scheme.EXEMPT, mention=Mention.OUTSIDE_SCOPE, code="VATEX-EU-O")
_EXPORT = Treatment(TaxCategory.EXPORT, Scheme.EXEMPT, mention=Mention.EXPORT, code="VATEX-EU-G")
_REVERSE_CHARGE = Treatment(TaxCategory.REVERSE_CHARGE, Scheme.EXEMPT, mention=Mention.REVERSE_CHARGE, code="VATEX-EU-AE")
_INTRA_COMMUNITY = Treatment(TaxCategory.INTRA_COMMUNITY, Scheme.EXEMPT, mention=Mention.INTRA_COMMUNITY, code="VATEX-EU-IC")
