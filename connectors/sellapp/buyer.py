"""Who bought, from an invoice's `customer_information`."""

import re

from adapter.domain.lenient import text
from adapter.domain.order import Address, Party, TaxId
from connectors.sellapp.payload import Customer

_BILLING = {
    "name": ("name", "full_name"),
    "company": ("company", "company_name", "business_name"),
    "phone": ("phone",),
    "street": ("line1", "address_line_1", "address_1", "street", "address"),
    "street_2": ("line2", "address_line_2", "address_2"),
    "city": ("city",),
    "postcode": ("postal_code", "postcode", "zip", "zip_code"),
    "region": ("state", "region", "province"),
    "country": ("country", "country_code"),
    "tax_id": ("vat_id", "tax_id", "vat_number"),
}
"""The names under which the parts of `billing_details` are found: SellApp documents the object but not what is in it."""
_COUNTRY = re.compile(r"[A-Za-z]{2}", re.ASCII)
_EU_VAT = re.compile(r"(?:AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[0-9A-Z+*]{2,12}", re.ASCII)


def buyer_of(customer: Customer) -> Party:
    """The customer. The city that the IP address points to is a location, not an address."""
    given = customer.billing_details
    nested = given.get("address")
    given = {**given, **nested} if isinstance(nested, dict) else given
    found = {part: next((value for name in names if (value := text(given.get(name)))), None) for part, names in _BILLING.items()}
    country = next((code for code in (found["country"], customer.country) if code and _COUNTRY.fullmatch(code)), None)
    address = Address(
        street=found["street"], street_2=found["street_2"], city=found["city"], postcode=found["postcode"], region=found["region"],
        country=country,
    )  # fmt: skip
    number = re.sub(r"[\s.\-/]", "", customer.vat_id or found["tax_id"] or "").upper()[:255]
    identity = (TaxId(kind="eu_vat" if _EU_VAT.fullmatch(number) else "unknown", value=number),) if number else ()
    return Party(
        name=found["name"],
        company=found["company"],
        email=customer.email,
        phone=found["phone"],
        address=address if address != Address() else None,
        tax_ids=identity,
        business=True if identity else None,
        customer_id=customer.id,
        ip=customer.ip,
        location=customer.location,
        proxied=customer.proxied,
        browser_agent=customer.browser_agent,
    )
