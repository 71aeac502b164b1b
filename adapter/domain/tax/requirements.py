"""What a legal invoice needs: told when an entity is configured, and again for each document.

Fields of a full invoice after VAT Directive Art. 226, of a simplified one after Art. 226b (with the states' limits), the United Kingdom's
VAT Regulations 1995 reg. 14 and 16A, the Swiss MWSTG Art. 26, and the Australian GST Act s. 29-70. What is marked with K is general
knowledge.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from adapter.domain.document import Document, DocumentKind, DocumentParty, TaxCategory
from adapter.domain.entity import Entity
from adapter.domain.money import to_minor
from adapter.domain.order import Address
from adapter.domain.tax.adopt import Finding, Severity
from adapter.domain.tax.registrations import SME_KIND, is_sme_number, is_vat_kind
from adapter.domain.tax.settings import Rounding
from adapter.domain.tax.supply import SALES_TAX
from adapter.domain.tax.territory import EU, place
from adapter.domain.tax.vat_id import first_vat_number, has_known_form, vat_number, vat_prefix

_NO_POSTCODES = frozenset({"AE", "HK", "IE", "QA"})
"""Countries where an address is complete without a postcode."""
_NUMBER_NAMES = {
    "AU": "ABN", "CA": "GST/HST number", "CH": "UID with MWST, TVA or IVA", "GB": "VAT registration number", "IN": "GSTIN",
    "JP": "registration number (T and 13 digits)", "NO": "organisation number with MVA", "NZ": "GST number",
}  # fmt: skip
_KINDS_OF_VAT = frozenset({"eu_vat", "gb_vat", "xi_vat", "ch_uid", "vat"})


class Limit(NamedTuple):
    """Up to which amount, tax included, a document may be simplified: without the buyer's name and address."""

    currency: str
    amount: Decimal


_SIMPLIFIED = {
    "AT": Limit("EUR", Decimal(400)),
    "AU": Limit("AUD", Decimal("999.99")),
    "CA": Limit("CAD", Decimal("499.99")),
    "AE": Limit("AED", Decimal(10_000)),
    "CH": Limit("CHF", Decimal(400)),
    "DE": Limit("EUR", Decimal(250)),
    "ES": Limit("EUR", Decimal(400)),
    "FR": Limit("EUR", Decimal(150)),
    "GB": Limit("GBP", Decimal(250)),
    "IN": Limit("INR", Decimal("49999.99")),
    "IT": Limit("EUR", Decimal(400)),
    "NZ": Limit("NZD", Decimal(1_000)),
    "PL": Limit("PLN", Decimal(450)),
    "SE": Limit("SEK", Decimal(4_000)),
}
"""DE, AT, ES, FR, IT, PL, SE: the states' use of Art. 238 (K); elsewhere in the Union 100 EUR (Art. 220a). AE, CA, IN, NZ: K."""
_NAME_SUFFICES = frozenset({"AU", "CA", "JP", "NZ"})
"""Countries whose full invoice tells who the buyer is, and not where (AU: identity or ABN, GST Act s. 29-70; CA, JP, NZ: K)."""
_NET_PRICES = EU | {"GB"}
"""Countries whose full invoice has unit prices without tax (Art. 226(8); VAT Regulations 1995 reg. 14)."""
_LONGEST_NUMBER = {"IN": 16}
"""CGST Rules, rule 46 (K)."""
_SECOND_LANGUAGES = {"AE": "ar"}
"""Countries whose tax invoices also speak this language (K)."""


class Titles(NamedTuple):
    """What documents are called, and the name of the tax; the first two are msgids."""

    invoice: str
    credit_note: str
    tax: str


_TITLES = {
    "AE": Titles("Tax invoice", "Credit note", "VAT"),
    "AU": Titles("Tax invoice", "Adjustment note", "GST"),
    "CA": Titles("Invoice", "Credit note", "GST/HST"),
    "IN": Titles("Tax invoice", "Credit note", "GST"),
    "JP": Titles("Invoice", "Credit note", "Consumption tax"),
    "NZ": Titles("Invoice", "Credit note", "GST"),
    "SG": Titles("Tax invoice", "Credit note", "GST"),
    "US": Titles("Invoice", "Credit memo", "Sales tax"),
}
"""`Tax invoice` and `Adjustment note` are prescribed in Australia (GST Act s. 29-70, 29-75); AE, IN, SG: K. NZ asks for no title."""


def titles(country: str, *, taxed: bool = True) -> Titles:
    """The words of a seller's country. What bears no tax is an invoice, never a tax invoice."""
    words = _TITLES.get(country, Titles("Invoice", "Credit note", "VAT"))
    return words if taxed else words._replace(invoice="Invoice")


def title(document: Document) -> str:
    """The msgid of a document's title, by the seller's country."""
    words = titles(_country(document.seller.address) or "", taxed=bool(document.totals.tax))
    return words.credit_note if document.kind is DocumentKind.CREDIT_NOTE else words.invoice


def missing(entity: Entity) -> tuple[Finding, ...]:
    """What an entity lacks for legal invoices: errors for what every invoice needs, warnings for what some need or what looks wrong."""
    return tuple(_of_entity(entity))


def missing_on(document: Document) -> tuple[Finding, ...]:
    """What a document lacks in law. Where the buyer is a consumer or the amount small, less is needed."""
    return tuple(_of_document(document))


def _of_entity(entity: Entity) -> Iterator[Finding]:
    yield from _of_address("address", entity.address, "the seller's")
    country = entity.address.country
    if country is None:
        return
    yield from _of_numbers(entity, country)
    yield from _of_settings(entity, country)


def _of_numbers(entity: Entity, country: str) -> Iterator[Finding]:
    number = first_vat_number(entity.tax_ids, country)
    unproven = any(is_vat_kind(tax_id.kind) for tax_id in entity.tax_ids) and not has_known_form(place(country).country)
    if number is None and not unproven and country not in SALES_TAX:
        named = _NUMBER_NAMES.get(country, "VAT number")
        if not entity.tax.small_business:
            yield _error("seller_vat_id_missing", f"tax_ids: add the seller's {named}; documents that charge or exempt tax need it")
        elif not entity.tax_ids:
            yield _error("seller_tax_id_missing", "tax_ids: add the seller's tax number; documents of small enterprises need one as well")
    for index, tax_id in enumerate(entity.tax_ids):
        if tax_id.kind == SME_KIND and not is_sme_number(tax_id.value):
            yield _warning("tax_id_malformed", f"tax_ids[{index}]: a number of the Union's scheme for small enterprises ends with -EX")
        if tax_id.kind in _KINDS_OF_VAT and vat_number(tax_id.value, country) is None and not unproven:
            yield _warning("tax_id_malformed", f"tax_ids[{index}]: the {tax_id.kind} is not well formed: compare it with the registration")
    if number is not None and country in EU and number.prefix != vat_prefix(place(country).country):
        yield _warning("tax_id_of_other_country", f"tax_ids: the VAT number is of {number.prefix}, the address in {country}")
    for index, registration in enumerate(entity.tax.registrations):
        issuer = place(registration.country).country
        if vat_number(registration.number, issuer) is None and has_known_form(issuer):
            yield _warning(
                "registration_malformed", f"tax.registrations[{index}]: the number for {registration.country} is not well formed"
            )


def _of_settings(entity: Entity, country: str) -> Iterator[Finding]:
    if entity.tax.oss is not None and place(entity.tax.oss).country not in EU:
        yield _error("oss_no_member_state", f"tax.oss: {entity.tax.oss} is no member state of the European Union")
    if entity.tax.small_business and (entity.tax.oss or entity.tax.ioss):
        yield _warning("small_business_with_oss", "tax: a small enterprise charges no VAT, also not through the One-Stop Shop: check both")
    if country == "JP" and entity.tax.rounds(country) is not Rounding.GROUP:
        yield _warning("rounding_per_line", "tax.rounding: Japan wants the tax of an invoice rounded once for each rate: leave it out")
    wanted = _SECOND_LANGUAGES.get(country)
    if wanted and wanted not in {tag.partition("-")[0] for tag in (entity.language, entity.second_language or "")}:
        yield _info("language_wanted", f'second_language: invoices in {country} also speak {wanted!r}: set second_language = "{wanted}"')
    if entity.time_zone == "UTC":
        yield _info("time_zone_default", "time_zone: days and years are decided in UTC: name the seller's zone, such as Europe/Berlin")


def _of_document(document: Document) -> Iterator[Finding]:
    country = _country(document.seller.address)
    yield from _of_address("seller.address", document.seller.address, "the seller's")
    if document.kind is DocumentKind.CREDIT_NOTE and document.original is None:
        yield _error("original_missing", "original: a credit note names the invoice that it corrects (VAT Directive Art. 219)")
    gives_back_tax = document.kind is DocumentKind.CREDIT_NOTE and bool(document.totals.tax) and country not in SALES_TAX
    if gives_back_tax and first_vat_number(document.seller.tax_ids, country) is None:
        yield _warning("seller_not_registered", "seller.tax_ids: tax is given back, but the seller has no VAT or GST number")
    if not any(character.isdigit() for character in document.number):
        yield _warning("number_without_digit", "number: has no digit; some authorities refuse it")
    longest = _LONGEST_NUMBER.get(country or "")
    if longest and len(document.number) > longest:
        yield _warning("number_too_long", f"number: has {len(document.number)} characters; {country} takes at most {longest}")
    if any(tax.rate is None and tax.tax for tax in document.taxes) and country not in SALES_TAX:
        yield _warning("rate_missing", "taxes: the order states a tax without its rate, which an invoice must show (Art. 226(9))")
    untaxed = [group for group in document.taxes if not group.tax and not group.category.taxed and group.category is not TaxCategory.ZERO]
    if any(not group.exemption and not group.exemption_code for group in untaxed) and not document.mentions:
        yield _error("exemption_missing", "taxes: no tax is charged and no reason is named (Art. 226(11))")
    if country in SALES_TAX or _is_simplified(document, country):
        return
    if country in _NET_PRICES and document.prices_include_tax and document.totals.tax and document.buyer and document.buyer.is_business:
        told = "lines: unit prices are stated with tax, as the shop does; a full invoice to a business has them without (Art. 226(8))"
        yield _info("unit_price_with_tax", told)
    yield from _of_buyer(document, name_suffices=country in _NAME_SUFFICES)


def _of_buyer(document: Document, *, name_suffices: bool) -> Iterator[Finding]:
    buyer = document.buyer
    finding = _error if buyer and buyer.is_business else _info
    if buyer is None:
        yield _info("buyer_missing", "buyer: a full invoice names the buyer; a consumer needs none")
    elif not name_suffices and not _is_complete(buyer):
        yield finding("buyer_address_missing", "buyer.address: a full invoice has the buyer's street, city and country (Art. 226(5))")


def _is_simplified(document: Document, country: str | None) -> bool:
    """Whether a document may be simplified: small enough in its country's currency, and no sale that always needs a full one: to another
    member state (Art. 33, 138), or taxed by the buyer (Art. 220a(2), 238(3)). In another currency it never counts as small."""
    if any(group.category in {TaxCategory.INTRA_COMMUNITY, TaxCategory.REVERSE_CHARGE} for group in document.taxes):
        return False
    recipient = document.ship_to or document.buyer
    there = _country(recipient.address) if recipient else None
    if country in EU and there in EU and there != country:
        return False
    limit = _SIMPLIFIED.get(country or "", Limit("EUR", Decimal(100)) if country in EU else None)
    if limit is None or document.currency != limit.currency:
        return False
    return document.totals.gross <= to_minor(limit.amount, limit.currency)


def _of_address(field: str, address: Address | None, whose: str) -> Iterator[Finding]:
    if address is None or address.country is None:
        yield _error("address_incomplete", f"{field}.country: {whose} country is missing; everything about tax depends on it")
        return
    lacking = [name for name in ("street", "city") if not getattr(address, name)]
    if not address.postcode and address.country not in _NO_POSTCODES:
        lacking.append("postcode")
    if lacking:
        yield _error("address_incomplete", f"{field}: {whose} full address must stand on invoices; missing: {', '.join(lacking)}")


def _is_complete(party: DocumentParty) -> bool:
    address = party.address
    return address is not None and bool((address.street or address.street_2) and address.city and address.country)


def _country(address: Address | None) -> str | None:
    return place(address.country).country if address and address.country else None


def _error(code: str, message: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message)


def _warning(code: str, message: str) -> Finding:
    return Finding(severity=Severity.WARNING, code=code, message=message)


def _info(code: str, message: str) -> Finding:
    return Finding(severity=Severity.INFO, code=code, message=message)
