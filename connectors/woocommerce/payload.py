"""An order and a refund as WooCommerce's REST API v3 writes them, which is also the body of a webhook.

https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties. Plugins add to it, leave things out and write numbers as texts,
so everything that is not money or identity may be missing, null or of another type.
"""

from decimal import Decimal
from html import unescape
from typing import Annotated, Any

from pydantic import BeforeValidator

from adapter.domain import lenient
from adapter.domain.lenient import Payload, Stated
from adapter.domain.money import CurrencyCode, exact


def text(value: Any) -> str | None:
    """A text or number as text with WordPress's HTML entities decoded (`&ndash;`), cut at 2,000 characters; None for anything else."""
    return lenient.text(unescape(value) if isinstance(value, str) else value)


def _key(value: Any) -> str | None:
    """An id, which plugins send as number or text; WordPress writes 0 or an empty text for "none"."""
    found = lenient.key(value)
    return found if found != "0" else None


def _amount(value: Any) -> Decimal:
    """An amount; nothing is zero, as WooCommerce writes an empty text for it."""
    found = lenient.stated(value)
    return Decimal(0) if found is None else found


def _rows(value: Any) -> Any:
    """A list. PHP writes an array with gaps as an object, and an empty one sometimes as null, false or an empty text."""
    if isinstance(value, dict):
        return list(value.values())
    return [] if value is None or value is False or value == "" else value


def _objects(value: Any) -> list[Any]:
    """The objects of a list that is only additional information; anything else in it is passed over."""
    rows = _rows(value)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


Text = Annotated[str | None, BeforeValidator(text)]
Key = Annotated[str | None, BeforeValidator(_key)]
Money = Annotated[Decimal, BeforeValidator(_amount)]
Flag = Annotated[bool, BeforeValidator(lambda value: False if value is None or value == "" else value)]


class Meta(Payload):
    """One entry of `meta_data`; a value may be anything that PHP can write."""

    key: Text = None
    value: Any = None
    display_key: Text = None
    display_value: Any = None


Metas = Annotated[tuple[Meta, ...], BeforeValidator(_objects)]


class TaxShare(Payload):
    """The part of one tax rate in a row; `id` is the `rate_id` of a tax line. More decimals than the row's own total."""

    id: Key = None
    total: Money = Decimal(0)


class Row(Payload):
    """A line item, shipping line or fee line of an order or a refund. All totals are without tax, whatever the shop shows; `subtotal` is
    before coupons. In a refund quantities and totals are negative."""

    id: Key = None
    name: Text = None
    method_title: Text = None
    parent_name: Text = None
    sku: Text = None
    quantity: Stated = None
    subtotal: Stated = None
    subtotal_tax: Stated = None
    total: Money = Decimal(0)
    total_tax: Money = Decimal(0)
    tax_status: Text = None
    taxes: Annotated[tuple[TaxShare, ...], BeforeValidator(_objects)] = ()
    meta_data: Metas = ()
    bundled_by: Key = None
    composite_parent: Key = None


Rows = Annotated[tuple[Row, ...], BeforeValidator(_rows)]


class TaxLine(Payload):
    """The order's tax per rate. `rate_percent` exists since WooCommerce 3.7."""

    rate_id: Key = None
    rate_code: Text = None
    label: Text = None
    compound: Flag = False
    tax_total: Money = Decimal(0)
    shipping_tax_total: Money = Decimal(0)
    rate_percent: Stated = None


class Coupon(Payload):
    """A coupon; its discount is already inside the rows."""

    code: Text = None


class GiftCard(Payload):
    """A card of the Gift Cards extension that paid a part; the order's total is what was left."""

    id: Key = None
    code: Text = None
    amount: Money = Decimal(0)


class RefundSummary(Payload):
    """A refund as the order lists it: `total` is negative and contains tax."""

    id: Key = None
    reason: Text = None
    total: Money = Decimal(0)


class RefundDetails(Payload):
    """A refund as `/orders/{id}/refunds` gives it: `amount` is positive and contains tax, the rows are negative."""

    id: Key = None
    amount: Money = Decimal(0)
    reason: Text = None
    date_created: Text = None
    date_created_gmt: Text = None
    line_items: Rows = ()
    fee_lines: Rows = ()
    shipping_lines: Rows = ()


class Contact(Payload):
    """A billing or shipping address."""

    first_name: Text = None
    last_name: Text = None
    company: Text = None
    address_1: Text = None
    address_2: Text = None
    city: Text = None
    state: Text = None
    postcode: Text = None
    country: Text = None
    email: Text = None
    phone: Text = None


class WooOrder(Payload):
    """The whole order. Times without `_gmt` are the site's local time; neither carries an offset."""

    id: Annotated[str, BeforeValidator(_key)]
    number: Key = None
    status: Annotated[str, BeforeValidator(text)]
    currency: CurrencyCode
    total: Annotated[Decimal, BeforeValidator(exact)]
    total_tax: Money = Decimal(0)
    prices_include_tax: Flag = False
    discount_total: Money = Decimal(0)
    discount_tax: Money = Decimal(0)
    shipping_total: Money = Decimal(0)
    shipping_tax: Money = Decimal(0)
    created_via: Text = None
    customer_id: Key = None
    customer_note: Text = None
    customer_ip_address: Text = None
    customer_user_agent: Text = None
    order_key: Text = None
    lang: Text = None
    """The buyer's language where Polylang adds it."""
    billing: Annotated[Contact, BeforeValidator(lambda value: value if isinstance(value, dict) else {})] = Contact()
    shipping: Annotated[Contact, BeforeValidator(lambda value: value if isinstance(value, dict) else {})] = Contact()
    payment_method: Text = None
    payment_method_title: Text = None
    transaction_id: Text = None
    date_created: Text = None
    date_created_gmt: Text = None
    date_modified: Text = None
    date_modified_gmt: Text = None
    date_paid: Text = None
    date_paid_gmt: Text = None
    date_completed: Text = None
    date_completed_gmt: Text = None
    line_items: Rows = ()
    shipping_lines: Rows = ()
    fee_lines: Rows = ()
    tax_lines: Annotated[tuple[TaxLine, ...], BeforeValidator(_rows)] = ()
    coupon_lines: Annotated[tuple[Coupon, ...], BeforeValidator(_objects)] = ()
    gift_cards: Annotated[tuple[GiftCard, ...], BeforeValidator(_rows)] = ()
    refunds: Annotated[tuple[RefundSummary, ...], BeforeValidator(_rows)] = ()
    meta_data: Metas = ()
