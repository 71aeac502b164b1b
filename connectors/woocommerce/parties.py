"""Who bought and who receives, from WooCommerce's billing and shipping addresses and the meta entries of VAT plugins."""

import re
from collections.abc import Sequence
from typing import Any

from adapter.domain.order import Address, Party, TaxId
from connectors.woocommerce.payload import Contact, WooOrder, text

_REGION_CODE = re.compile(r"[A-Z0-9]{1,3}(-[A-Z0-9]{1,3})?", re.ASCII)
_VAT_KINDS = (
    (
        re.compile(r"(?:AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[0-9A-Z+*]{2,12}", re.ASCII),
        "eu_vat",
    ),
    (re.compile(r"GB[0-9A-Z]{5,12}", re.ASCII), "gb_vat"),
    (re.compile(r"CHE[0-9]{9}[A-Z]*", re.ASCII), "ch_uid"),
)


def buyer_of(woo: WooOrder, vat_number_fields: Sequence[str]) -> Party:
    """The customer; the VAT number is the first that one of the plugins' meta keys holds, in the order of the setting."""
    stated = {entry.key: _number(entry.value) for entry in woo.meta_data if entry.key in vat_number_fields}
    number = next((stated[key] for key in vat_number_fields if stated.get(key)), None)
    identity = (_tax_id(number),) if number and len(number) <= 255 else ()
    return Party(
        name=_name(woo.billing),
        company=woo.billing.company,
        email=woo.billing.email,
        phone=woo.billing.phone,
        address=_address(woo.billing),
        tax_ids=identity,
        business=True if identity else None,
        customer_id=woo.customer_id,
        ip=woo.customer_ip_address,
        browser_agent=woo.customer_user_agent,
    )


def _number(value: Any) -> str | None:
    """A number as most plugins write it, or inside the evidence of Aelia's EU VAT Assistant."""
    exemption = value.get("exemption") if isinstance(value, dict) else None
    return text(exemption.get("vat_number") if isinstance(exemption, dict) else value)


def recipient_of(contact: Contact) -> Party | None:
    """The shipping address; None for orders that ship nothing, whose address is empty."""
    address = _address(contact)
    if address is None and not _name(contact) and not contact.company:
        return None
    return Party(name=_name(contact), company=contact.company, phone=contact.phone, address=address)


def _name(contact: Contact) -> str | None:
    return " ".join(part for part in (contact.first_name, contact.last_name) if part) or None


def _address(contact: Contact) -> Address | None:
    country = contact.country if contact.country and re.fullmatch(r"[A-Za-z]{2}", contact.country, re.ASCII) else None
    address = Address(
        street=contact.address_1,
        street_2=contact.address_2,
        city=contact.city,
        postcode=contact.postcode,
        region=contact.state,
        region_code=contact.state if contact.state and _REGION_CODE.fullmatch(contact.state) else None,
        country=country,
    )
    return address if address != Address() else None


def _tax_id(number: str) -> TaxId:
    compact = re.sub(r"[\s.\-/]", "", number).upper()
    return TaxId(kind=next((kind for pattern, kind in _VAT_KINDS if pattern.fullmatch(compact)), "unknown"), value=compact or number)
