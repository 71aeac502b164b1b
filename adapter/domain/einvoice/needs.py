"""What an e-invoice has to know of its parties, in words and with the rule that wants it: what is not there cannot be said.

Rules whose names begin with BR are of EN 16931-1 and of XRechnung (BR-DE), the others are those of Peppol BIS Billing for single countries.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapter.domain.document import TaxCategory
from adapter.domain.einvoice.parties import EParty
from adapter.domain.einvoice.profile import Profile

_NEED_NUMBER = {
    TaxCategory.STANDARD: "BR-S-02",
    TaxCategory.ZERO: "BR-Z-02",
    TaxCategory.EXEMPT: "BR-E-02",
    TaxCategory.REVERSE_CHARGE: "BR-AE-02",
    TaxCategory.IGIC: "BR-AF-02",
    TaxCategory.IPSI: "BR-AG-02",
}
"""Categories for which the seller's VAT id or tax number is needed."""
_NEED_VAT_ID = {TaxCategory.INTRA_COMMUNITY: "BR-IC-02", TaxCategory.EXPORT: "BR-G-02"}
"""Categories for which it is the VAT id alone."""


@dataclass(frozen=True)
class Need:
    """Something that lacks. `setting` is where a seller says it in its configuration, None where it is the buyer's to know."""

    words: str
    setting: str | None = None


def is_german(profile: Profile, seller: str | None, buyer: str | None) -> bool:
    """Whether Germany's rules hold: those of XRechnung, which Peppol has taken over for business between Germans (DE-R-001 to DE-R-031)."""
    return profile is Profile.XRECHNUNG or (profile is Profile.PEPPOL and seller == buyer == "DE")


def seller_needs(seller: EParty, profile: Profile, *, german: bool) -> Iterator[Need]:
    """What every e-invoice of a seller lacks."""
    place = seller.place
    if place is None:
        yield Need("the seller's country (BT-40)", "address.country")
        return
    if not any((seller.vat, seller.tax_number, seller.legal)):
        yield Need("a VAT id, a tax number or a register entry of the seller (BR-CO-26)", "tax_ids or registration")
    if profile in {Profile.PEPPOL, Profile.XRECHNUNG} and seller.address is None:
        named = "tax_ids with kind `peppol`, such as 0208:0123456789" if profile is Profile.PEPPOL else "email"
        yield Need("an electronic address of the seller (BT-34)", named)
    if german:
        yield from _german_seller(seller)
    if profile is Profile.PEPPOL:
        yield from _national_seller(seller)


def sale_needs(seller: EParty, categories: Iterable[TaxCategory]) -> Iterator[Need]:
    """What a seller lacks for what it sells: for each category one of its numbers, by itself or through the buyer's eyes."""
    present = set(categories)
    if not any((seller.vat, seller.tax_number, seller.legal)):
        return  # which `seller_needs` says
    if TaxCategory.OUT_OF_SCOPE in present:
        if not seller.legal and not seller.tax_number:
            words = "a register entry or a tax number of the seller, since its VAT id may not be named outside the scope of VAT (BR-O-02)"
            yield Need(words, "registration, or tax_ids with kind `tax_number`")
        return
    if rules := [rule for category, rule in _NEED_VAT_ID.items() if category in present and not seller.vat]:
        yield Need(f"the seller's VAT id ({', '.join(rules)})", "tax_ids")
    elif not seller.vat and not seller.tax_number:
        rules = [rule for category, rule in _NEED_NUMBER.items() if category in present]
        if rules:
            yield Need(f"a VAT id or a tax number of the seller ({', '.join(rules)})", "tax_ids")


def buyer_needs(
    buyer: EParty | None, seller: EParty, profile: Profile, categories: Iterable[TaxCategory], reference: str | None
) -> Iterator[Need]:
    """What an e-invoice lacks of its buyer."""
    if buyer is None or buyer.place is None:
        yield Need("the buyer's country (BT-55)")
        return
    if TaxCategory.INTRA_COMMUNITY in categories and not buyer.vat:
        yield Need("the buyer's VAT id (BR-IC-02)")
    if TaxCategory.REVERSE_CHARGE in categories and not buyer.vat and not buyer.legal:
        yield Need("the buyer's VAT id (BR-AE-02)")
    if profile in {Profile.PEPPOL, Profile.XRECHNUNG}:
        if buyer.address is None:
            yield Need("an electronic address of the buyer (BT-49)")
        if not reference:
            yield Need("a buyer reference (BT-10)")
    if is_german(profile, seller.country, buyer.country):
        if not buyer.place.city:
            yield Need("the buyer's city (BR-DE-8)")
        if not buyer.place.postcode:
            yield Need("the buyer's postcode (BR-DE-9)")
    if profile is Profile.PEPPOL and seller.country == buyer.country:
        yield from _national_buyer(buyer)


def _german_seller(seller: EParty) -> Iterator[Need]:
    contact, place = seller.contact, seller.place
    if not contact or not contact.phone or sum(character.isdigit() for character in contact.phone) < 3:
        yield Need("a telephone number of the seller (BR-DE-6)", "phone")
    if not contact or not contact.email or contact.email.count("@") != 1:
        yield Need("an e-mail address of the seller (BR-DE-7)", "email")
    if not place or not place.city:
        yield Need("the seller's city (BR-DE-3)", "address.city")
    if not place or not place.postcode:
        yield Need("the seller's postcode (BR-DE-4)", "address.postcode")


def _national_seller(seller: EParty) -> Iterator[Need]:
    """What Peppol wants of the sellers of single countries."""
    place = seller.place
    complete = place is not None and place.street and place.city and place.postcode
    match seller.country:
        case "DK" if seller.legal is None:
            yield Need("the seller's CVR number (DK-R-002, DK-R-014)", "tax_ids with kind `dk_cvr`")
        case "GR":
            yield Need("a MARK of myDATA and a number of six parts, which are not known here (GR-R-001, GR-R-004)")
        case "IS" if seller.legal is None:
            yield Need("the seller's kennitala (IS-R-002)", "tax_ids with kind `is_kennitala`")
    if seller.country in {"IS", "IT", "NL"} and not complete:
        yield Need("the seller's street, city and postcode (IS-R-003, IT-R-002, NL-R-002)", "address")


def _national_buyer(buyer: EParty) -> Iterator[Need]:
    """What Peppol wants of buyers in the seller's own country."""
    place = buyer.place
    complete = place is not None and place.street and place.city and place.postcode
    if buyer.country == "IS" and buyer.legal is None:
        yield Need("the buyer's kennitala (IS-R-004)")
    if buyer.country in {"IS", "NL"} and not complete:
        yield Need("the buyer's street, city and postcode (IS-R-005, NL-R-004)")
