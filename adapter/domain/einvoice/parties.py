"""Sellers, buyers and recipients as EN 16931 wants them: identifiers with their schemes, electronic addresses, contacts."""

import re
from dataclasses import dataclass
from email.utils import parseaddr

from adapter.domain.document import DocumentParty, Seller
from adapter.domain.einvoice.profile import Profile
from adapter.domain.order import Address, TaxId
from adapter.domain.tax.vat_id import vat_number
from adapter.domain.text import one_line

REGISTERS = {
    "au_abn": "0151", "be_kbo": "0208", "ch_uid": "0183", "dk_cvr": "0184", "duns": "0060", "ee_registrikood": "0191", "fi_ytunnus": "0212",
    "fr_siren": "0002", "fr_siret": "0009", "gln": "0088", "is_kennitala": "0196", "lei": "0199", "lt_kodas": "0200", "lv_regnr": "0218",
    "nl_kvk": "0106", "nl_oin": "0190", "no_orgnr": "0192", "se_orgnr": "0007", "sg_uen": "0195",
}  # fmt: skip
"""Kinds of `TaxId` that are entries of a register, and the register's code in ISO/IEC 6523 (BT-30, BT-47)."""

_PRIVATE_REGISTERS = frozenset({"duns", "gln", "lei"})
"""Registers that no tax office goes by."""

_COUNTRIES = {"AC": "SH", "EA": "ES", "IC": "ES", "TA": "SH", "XK": "1A"}
"""How the code list of EN 16931 writes places that shops know by codes beside ISO 3166-1; 1A is its own code for Kosovo (BR-CL-14)."""

_PEPPOL_REGISTERS = {"DK": {"0184"}, "IS": {"0196"}, "NL": {"0106", "0190"}, "SE": {"0007"}}
"""Where Peppol takes entries of these registers alone (DK-R-014, DK-R-017, IS-R-002, NL-R-003, NL-R-005, SE-R-003)."""

_F_TAX = "GODKÄND FÖR F-SKATT"
"""The only tax number that Peppol takes of a Swedish seller (SE-R-005)."""

_VAT_ADDRESSES = {
    "AD": "9922", "AL": "9923", "AT": "9914", "BA": "9924", "BG": "9926", "CH": "9927", "CY": "9928", "CZ": "9929", "DE": "9930",
    "EE": "9931", "EL": "9933", "ES": "9920", "FR": "9957", "GB": "9932", "GR": "9933", "HR": "9934", "HU": "9910",
    "IE": "9935", "IT": "0211", "LI": "9936", "LT": "9937", "LU": "9938", "LV": "9939", "MC": "9940", "ME": "9941", "MK": "9942",
    "MT": "9943", "NL": "9944", "PL": "9945", "PT": "9946", "RO": "9947", "RS": "9948", "SI": "9949", "SK": "9950", "SM": "9951",
    "TR": "9952", "VA": "9953",
}  # fmt: skip
"""Electronic address schemes that take a VAT id as it is, by its prefix (code list EAS of the European Commission)."""

_WITHIN_VAT_ID = {
    "BE": ("0208", re.compile(r"BE(\d{10})")), "CH": ("0183", re.compile(r"(CHE\d{9}).*")), "DK": ("0184", re.compile(r"DK(\d{8})")),
    "FI": ("0212", re.compile(r"FI(\d{8})")), "FR": ("0002", re.compile(r"FR[0-9A-Z]{2}(\d{9})")),
    "NO": ("0192", re.compile(r"NO(\d{9})(?:MVA)?")), "SE": ("0007", re.compile(r"SE(\d{10})01")),
}  # fmt: skip
"""Where a VAT id contains the company's entry in its country's register: the register's code, and the entry."""


@dataclass(frozen=True)
class Identifier:
    """A value and the code of its scheme, if it has one."""

    value: str
    scheme: str | None = None


@dataclass(frozen=True)
class Place:
    """A postal address: `country` is ISO 3166-1 alpha-2."""

    country: str
    street: str | None = None
    street_2: str | None = None
    city: str | None = None
    postcode: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class Contact:
    """BG-6, BG-9."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class EParty:
    """BG-4, BG-7 or BG-13. `vat` is BT-31 or BT-48, `tax_number` BT-32, `legal` BT-30 or BT-47, `address` BT-34 or BT-49."""

    name: str
    place: Place | None
    contact: Contact | None = None
    vat: str | None = None
    tax_number: str | None = None
    legal: Identifier | None = None
    address: Identifier | None = None

    @property
    def country(self) -> str | None:
        """Where the party is, as ISO 3166-1 alpha-2."""
        return self.place.country if self.place else None

    @property
    def identifier(self) -> str | None:
        """BT-29: the tax number where the party goes by no other, since by the VAT id and the register alone it counts as told from others
        (BR-CO-26)."""
        return self.tax_number if self.vat is None and self.legal is None else None


def seller_party(seller: Seller, profile: Profile) -> EParty:
    """BG-4. The contact is the entity's, else its own name; a register entry in words is an identifier without a scheme."""
    registration = one_line(seller.registration or "")
    vat = vat_id(seller)
    name, place = _name(seller), _place(seller.address)
    tax_number = _tax_number(seller.tax_ids, vat)
    swedish = profile is Profile.PEPPOL and place is not None and place.country == "SE"
    return EParty(
        name=name,
        place=place,
        contact=_contact(seller.contact or name, seller),
        vat=vat,
        tax_number=None if swedish and tax_number and tax_number.upper() != _F_TAX else tax_number,
        legal=_taken(_legal(seller.tax_ids) or _within(vat) or (Identifier(registration) if registration else None), place, profile),
        address=_address(seller, vat, profile),
    )


def buyer_party(buyer: DocumentParty, profile: Profile) -> EParty:
    """BG-7: the company where there is one, and the person as its contact."""
    vat, place = vat_id(buyer), _place(buyer.address)
    return EParty(
        name=_name(buyer),
        place=place,
        contact=_contact(buyer.name, buyer) if buyer.company else None,
        vat=vat,
        legal=_taken(_legal(buyer.tax_ids), place, profile),
        address=_address(buyer, vat, profile),
    )


def recipient_party(recipient: DocumentParty) -> EParty:
    """BG-13: a name and an address."""
    return EParty(name=_name(recipient), place=_place(recipient.address))


def vat_id(party: DocumentParty) -> str | None:
    """The VAT id in capitals and digits, with its country's prefix (BR-CO-09); one of unknown kind counts if it is well formed."""
    country = party.address.country if party.address else None
    for id in party.tax_ids:
        found = vat_number(id.value, country)
        if found and (_is_vat(id.kind) or _is_gst(id.kind) or (id.kind == "unknown" and found.register)):
            return str(found)
        if _is_vat(id.kind) and _compact(id.value)[:2].isalpha():
            return _compact(id.value)
    return None


def _is_vat(kind: str) -> bool:
    return kind in {"vat", "ch_uid"} or kind.endswith("_vat")


def _is_gst(kind: str) -> bool:
    """Whether it is the number of a tax like VAT by another name, which has the same place in an e-invoice."""
    return kind == "au_abn" or kind.endswith("_gst")


def _tax_number(ids: tuple[TaxId, ...], vat: str | None) -> str | None:
    """BT-32: a number of the tax office's, such as a German Steuernummer, a GSTIN or an EIN. Where the seller has neither that nor a VAT
    id, it is the register entry by which its country's tax office knows it, such as a SIREN or an ABN."""
    entries = [_compact(id.value) for id in ids if id.kind in REGISTERS.keys() - _PRIVATE_REGISTERS]
    others = [id for id in ids if id.kind not in REGISTERS and id.kind != "peppol"]
    if vat:
        others, entries = [id for id in others if id.kind != "unknown" and not _is_vat(id.kind)], []
    return next(iter([*(one_line(id.value) for id in others), *entries]), None)


def _name(party: DocumentParty) -> str:
    return one_line(party.company or "") or one_line(party.name)


def _place(address: Address | None) -> Place | None:
    if address is None or address.country is None:
        return None
    street, street_2, city, postcode, region = (
        one_line(part or "") or None
        for part in (address.street, address.street_2, address.city, address.postcode, address.region or address.region_code)
    )
    return Place(_COUNTRIES.get(address.country, address.country), street or street_2, street_2 if street else None, city, postcode, region)


def _contact(name: str, party: DocumentParty) -> Contact:
    return Contact(one_line(name) or None, one_line(party.phone or "") or None, _email(party))


def _email(party: DocumentParty) -> str | None:
    """The bare address, also of one like `Shop <billing@shop.example>`."""
    stated = one_line(party.email or "")
    return parseaddr(stated)[1] or stated or None


def _legal(ids: tuple[TaxId, ...]) -> Identifier | None:
    return next((Identifier(_compact(id.value), REGISTERS[id.kind]) for id in ids if id.kind in REGISTERS and id.kind != "ch_uid"), None)


def _taken(legal: Identifier | None, place: Place | None, profile: Profile) -> Identifier | None:
    """A register entry, where the profile takes it."""
    registers = _PEPPOL_REGISTERS.get(place.country) if place and profile is Profile.PEPPOL else None
    return legal if legal is None or registers is None or legal.scheme in registers else None


def _within(vat: str | None) -> Identifier | None:
    """The entry in a register that a VAT id contains."""
    scheme, pattern = _WITHIN_VAT_ID.get((vat or "")[:2], ("", None))
    found = pattern.fullmatch(vat or "") if pattern else None
    return Identifier(found[1], scheme) if found else None


def _address(party: DocumentParty, vat: str | None, profile: Profile) -> Identifier | None:
    """What the party says itself (`peppol`, such as `0208:0123456789`); in Peppol what its ids give; its e-mail address otherwise."""
    stated = next((id.value for id in party.tax_ids if id.kind == "peppol"), "").strip()
    scheme, _, value = stated.partition(":")
    if value:
        return Identifier(value, scheme)
    if profile is not Profile.PEPPOL:
        email = _email(party)
        return Identifier(email, "EM") if email else None
    if vat and vat[:2] in _VAT_ADDRESSES:
        return Identifier(vat, _VAT_ADDRESSES[vat[:2]])
    entry = _within(vat) or _legal(party.tax_ids)
    if entry and entry.scheme == REGISTERS["fi_ytunnus"]:
        # Finland's addresses are OVT codes: 0037, which is the tax administration's, and the company's number.
        return Identifier(f"0037{entry.value}", "0216")
    return entry


def _compact(value: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", value.upper())
