"""Who bought, and where it goes. Any part may be missing: drafts, point of sale and imports have no customer at all."""

import re
from collections.abc import Iterable

from adapter.domain.order import Address, Party, TaxId
from connectors.shopify.payload import Record


def buyer(payload: Record, vat_id_attributes: Iterable[str]) -> Party | None:
    """The buyer with the billing address, else the customer's own default address; None when the order names nobody."""
    customer, client, billing = payload.record("customer"), payload.record("client_details"), payload.record("billing_address")
    if not billing.data:
        billing = customer.record("default_address")
    tax_ids = tuple(_tax_ids(payload, vat_id_attributes))
    party = Party(
        name=_name(billing) or _name(customer),
        company=billing.text("company"),
        email=payload.text("email") or payload.text("contact_email") or customer.text("email"),
        phone=payload.text("phone") or billing.text("phone") or customer.text("phone"),
        address=_address(billing) if billing.data else None,
        tax_ids=tax_ids,
        customer_id=customer.identifier("id"),
        business=True if tax_ids or payload.record("company").data else None,
        locale=payload.text("customer_locale"),
        ip=payload.text("browser_ip") or client.text("browser_ip"),
        browser_agent=client.text("user_agent"),
    )
    return party if party != Party() else None


def recipient(address: Record) -> Party | None:
    """Whom the goods are sent to; None when nothing is sent."""
    if not address.data:
        return None
    return Party(name=_name(address), company=address.text("company"), phone=address.text("phone"), address=_address(address))


def _name(record: Record) -> str | None:
    joined = " ".join(part for part in (record.text("first_name"), record.text("last_name")) if part)
    return record.text("name") or joined[:2_000] or None


def _address(record: Record) -> Address:
    country = record.text("country_code")
    return Address(
        street=record.text("address1"),
        street_2=record.text("address2"),
        city=record.text("city"),
        postcode=record.text("zip"),
        region=record.text("province"),
        region_code=record.text("province_code"),
        country=country if country and re.fullmatch("[A-Za-z]{2}", country) else None,
    )


_EU = re.compile("AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI")


def _tax_ids(payload: Record, names: Iterable[str]) -> Iterable[TaxId]:
    wanted = {_bare(name) for name in names}
    for item in payload.records("note_attributes"):
        name, value = item.text("name"), item.text("value", 255)
        if name and value and _bare(name) in wanted:
            yield TaxId(kind=_tax_id_kind(_bare(value).upper()), value=value)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _tax_id_kind(value: str) -> str:
    if re.fullmatch(r"CHE\d{9}(MWST|TVA|IVA)?", value):
        return "ch_uid"
    if re.fullmatch(r"GB(\d{9}(\d{3})?|(GD|HA)\d{3})", value):
        return "gb_vat"
    return "eu_vat" if _EU.match(value) and re.search(r"\d", value) else "unknown"
