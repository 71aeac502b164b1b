"""What does not fit together about a document's tax, as findings. Nothing here changes anything; `domain.tax.classify` asks."""

import re
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal

from adapter.domain.document import DocumentLine, TaxCategory, TaxGroup
from adapter.domain.money import plain
from adapter.domain.tax.adopt import Finding, Severity
from adapter.domain.tax.rates import known_rates
from adapter.domain.tax.supply import Nature, Sale, Scheme, Treatment
from adapter.domain.tax.territory import Place, place
from adapter.domain.tax.vat_id import VatIdState, vat_number

_NOWHERE = "where the seller has neither a registration nor uses the One-Stop Shop"
_ONE_ROUNDING = frozenset({"JP"})
_NEEDS_VAT_IDS = frozenset({TaxCategory.REVERSE_CHARGE, TaxCategory.INTRA_COMMUNITY})


def of_seller(sale: Sale, *, charged: bool) -> Iterator[Finding]:
    """What is wrong with the seller for this document, whoever buys."""
    if charged and sale.settings.small_business:
        yield _error("small_business_charges_tax", "the seller is a small enterprise and shows no VAT, but the order charges it")
    elif charged and sale.seller_number is None:
        yield _warning("seller_not_registered", "tax is charged, but the seller has no VAT or GST number: add it to the entity's tax ids")
    abroad = sale.destination(Nature.GOODS)
    if sale.settings.small_business and sale.sme_number is None and not charged and _is_elsewhere_in_union(sale, abroad):
        yield _info(
            "small_business_abroad",
            "exempt as a sale at home: to consumers in other member states that is right below 10,000 EUR a year; beyond it the scheme of"
            " the Union needs a number that ends with EX (tax id `eu_sme`)",
        )
    if not sale.home.charges_tax:
        yield _warning(
            "special_territory", f"the seller is in {sale.home.territory and sale.home.territory.name}: its own tax is not known here"
        )


def _is_elsewhere_in_union(sale: Sale, there: Place | None) -> bool:
    inside = there is not None and there.in_eu(goods=True) and sale.home.in_eu(goods=True)
    return there is not None and inside and not sale.business and there.vat_country(goods=True) != sale.home.vat_country(goods=True)


def of_charged(sale: Sale, line: DocumentLine, treatment: Treatment) -> Iterator[Finding]:
    """What is wrong with the taxes of a line that bears some, compared with what the law prescribes."""
    rates = [tax.rate for tax in line.taxes if tax.rate]
    if not rates or treatment.scheme is Scheme.SMALL_BUSINESS:
        return
    if not treatment.category.taxed:
        yield from _taxed_although(sale, treatment, rates)
        return
    expected = known_rates(treatment.country or "", sale.on)
    for rate in rates:
        if expected and rate not in expected:
            yield _wrong_rate(sale, treatment, rate)
        elif treatment.scheme is Scheme.UNREGISTERED:
            yield _error("not_registered", f"{percent(rate)} is the tax of {treatment.country}, {_NOWHERE}")
        elif treatment.scheme is Scheme.HOME_RATE:
            yield _info(
                "home_rate_abroad", f"{percent(rate)} of {treatment.country} to a consumer in another member state: below 10,000 EUR a year"
            )


def of_rounding(sale: Sale, groups: Iterable[TaxGroup]) -> Iterator[Finding]:
    """Where a storefront rounded the tax of each line although the seller's country wants one rounding for each rate of an invoice (Japan,
    qualified invoices). Up, down or half up is the seller's choice, so that a single rounding is less than one unit away."""
    if sale.home.country not in _ONE_ROUNDING:
        return
    for group in groups:
        if group.rate and abs(group.tax * (1 + group.rate) - (group.base + group.tax) * group.rate) >= 1 + group.rate:
            yield _warning(
                "tax_rounded_per_line",
                f"the shop's tax of {percent(group.rate)} is no single rounding: {sale.home.country} wants the tax of an invoice"
                " rounded once for each rate; the document says what was charged: have the shop round by order",
            )


def of_buyer(sale: Sale, categories: Collection[TaxCategory]) -> Iterator[Finding]:
    """What is wrong with the buyer's number and the transport, where a category depends on them."""
    if not _NEEDS_VAT_IDS.intersection(categories):
        return
    if sale.seller_number is None:
        yield _error("seller_vat_id_missing", "the seller's VAT number must stand on this document: add it to the entity's tax ids")
    if TaxCategory.INTRA_COMMUNITY in categories and sale.goods_to is None:
        yield _error("transport_unknown", "an intra-Community supply (Art. 138) needs the country to which the goods went")
    if sale.vat_id is None:
        yield _error("vat_id_missing", "the buyer's VAT number must stand on this document")
        return
    match sale.vat_id_state:
        case VatIdState.INVALID:
            yield _error("vat_id_invalid", "the register says that the buyer's VAT number is not valid, and no tax was charged")
        case VatIdState.UNAVAILABLE:
            yield _warning(
                "vat_id_unavailable", f"the register could not be asked about the buyer's VAT number: {sale.check and sale.check.reason}"
            )
        case VatIdState.NOT_CHECKED:
            yield _warning("vat_id_not_checked", "the buyer's VAT number has not been checked with its register")
        case VatIdState.VALID:
            yield from _proven(sale)
            yield from _told_apart(sale)


def of_triangle(sale: Sale) -> Iterator[Finding]:
    """What speaks against a sale as the second one in a triangular transaction (Art. 141): the buyer is identified where the goods arrive,
    the seller is not. Where they came from, and from whom, no order says: the merchant's tag is believed."""
    there, number = sale.destination(Nature.GOODS), vat_number(sale.vat_id or "")
    arrival = there.vat_country(goods=True) if there else None
    if number is not None and arrival is not None and place(number.country).vat_country(goods=True) != arrival:
        yield _error(
            "triangular_unfit", f"the goods go to {arrival}, the buyer's VAT number is of {number.country}: Art. 141 needs one of {arrival}"
        )
    if arrival is not None and sale.registered_in(arrival):
        yield _error("triangular_unfit", f"the seller is registered in {arrival}, where the goods arrive: Art. 141 is not for such sellers")


def without_reason(sale: Sale, nature: Nature, treatment: Treatment, *, zero_rated: bool) -> Finding:
    """A line without tax although the law would tax it."""
    there = sale.destination(nature)
    crosses = there is not None and there.vat_country(goods=nature is Nature.GOODS) != sale.home.vat_country(goods=nature is Nature.GOODS)
    if crosses and sale.vat_id is not None and sale.vat_id_state is VatIdState.INVALID:
        return _error("vat_id_invalid", "no tax was charged, but the register says that the buyer's VAT number is not valid")
    if crosses and sale.business:
        needed = "an intra-Community supply (Art. 138)" if nature is Nature.GOODS else "a reverse charge (Art. 196)"
        return _error("vat_id_missing", f"no tax was charged to a business in another country: {needed} needs its VAT number")
    if zero_rated:
        return _info("zero_rated_assumed", f"no tax was charged: taken to be zero rated in {treatment.country}")
    where = treatment.country or "the seller's country"
    return _error(
        "zero_without_reason",
        f"no tax was charged on {nature.value} taxed in {where}: name the exemption in the entity's tax settings, or correct the order",
    )


def percent(rate: Decimal) -> str:
    """A fraction as it is said: 0.19 is `19 %`."""
    return f"{plain(rate.scaleb(2).normalize())} %"


def _taxed_although(sale: Sale, treatment: Treatment, rates: list[Decimal]) -> Iterator[Finding]:
    shown = ", ".join(dict.fromkeys(percent(rate) for rate in rates))
    there = sale.destination(Nature.GOODS)
    if treatment.category is TaxCategory.EXPORT and there and there.charges_tax:
        authority = there.vat_country(goods=True)
        foreign = known_rates(authority, sale.on)
        if foreign.issuperset(rates) and not known_rates(sale.home.country, sale.on).issuperset(rates):
            yield _error("not_registered", f"{shown} is the tax of {authority}, where the seller has no registration")
            return
    wording = {
        TaxCategory.EXPORT: ("tax_on_export", "on goods that leave for another country, which could be exempt"),
        TaxCategory.INTRA_COMMUNITY: ("tax_on_intra_community", "to a business in another member state, which could be exempt (Art. 138)"),
        TaxCategory.REVERSE_CHARGE: ("tax_on_reverse_charge", "to a business that owes the tax itself (reverse charge)"),
        TaxCategory.OUT_OF_SCOPE: ("tax_outside_scope", "on what is not subject to VAT here"),
    }
    code, circumstances = wording.get(treatment.category, ("tax_on_exempt", "on what is exempt"))
    yield _warning(code, f"{shown} is charged {circumstances}")


def _wrong_rate(sale: Sale, treatment: Treatment, rate: Decimal) -> Finding:
    for nature in (Nature.GOODS, Nature.SERVICE):
        there = sale.destination(nature)
        country = there.vat_country(goods=nature is Nature.GOODS) if there else None
        own = country in {treatment.country, sale.home.vat_country(goods=nature is Nature.GOODS)}
        if country and not own and rate in known_rates(country, sale.on):
            return _error("not_registered", f"{percent(rate)} is the tax of {country}, {_NOWHERE}")
    if treatment.scheme is not Scheme.DOMESTIC and rate in known_rates(sale.home.country, sale.on):
        return _warning(
            "rate_of_home", f"{percent(rate)} is the seller's rate, but the tax of {treatment.country} is due ({treatment.scheme.value})"
        )
    return _warning("rate_unknown", f"there is no tax rate of {percent(rate)} in {treatment.country} on {sale.on.isoformat()}")


def _proven(sale: Sale) -> Iterator[Finding]:
    """What proves that the number was asked about; the whole answer is kept beside the document."""
    if sale.check and sale.check.source and sale.check.checked_at:
        under = f", consultation number {sale.check.consultation_number}" if sale.check.consultation_number else ""
        yield _info("vat_id_valid", f"{sale.check.source} said on {sale.check.checked_at.isoformat()} that the VAT number is valid{under}")


def _told_apart(sale: Sale) -> Iterator[Finding]:
    """A valid number that may be another company's: a register says nothing about who bought."""
    number = vat_number(sale.vat_id or "")
    if number and sale.buyer and sale.buyer.country and number.country not in {place(sale.buyer.country).country, "XI"}:
        yield _info("vat_id_other_country", f"the buyer is in {sale.buyer.country}, the VAT number is of {number.country}")
    registered = sale.check.name if sale.check else None
    if registered and sale.buyer_name and not _words(registered) & _words(sale.buyer_name):
        yield _warning("vat_id_other_name", "the register knows the buyer's VAT number under a name that shares no word with the buyer's")


def _words(name: str) -> set[str]:
    return {word for word in re.findall(r"\w+", name.casefold()) if len(word) > 2}


def _error(code: str, message: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message)


def _warning(code: str, message: str) -> Finding:
    return Finding(severity=Severity.WARNING, code=code, message=message)


def _info(code: str, message: str) -> Finding:
    return Finding(severity=Severity.INFO, code=code, message=message)
