"""A webhook and an invoice as SellApp writes them.

The webhook is documented at https://sell.app/docs/api/webhooks, the invoice at https://sell.app/docs/api/invoices. The page lists the
fields; their shapes are those of its examples. An amount is an object as https://github.com/whitecube/php-prices writes it: `base` for one
unit, `total.exclusive` and `total.inclusive` in minor units as texts, `vat` in percent. Older editions of the page show plain amounts in
the same places, so both are read.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from adapter.domain.lenient import Key, NeededKey, Payload, Stated, Text, text
from adapter.domain.money import CurrencyCode, currency_code, exact, exponent

Amounts = Literal["minor", "major"]
_LONGEST_NAME = 200
_MOST_PROPERTIES = 200


def _money(value: Any) -> Any:
    """A plain amount as the object that newer editions write."""
    return {"total": value} if isinstance(value, str | int | Decimal) and not isinstance(value, bool) and value != "" else value or None


def _paid(value: Any) -> Any:
    """As `_money`; None for an amount in no currency of a country, such as coins, and for one of another shape, such as theirs."""
    amount = _money(value)
    if not isinstance(amount, dict) or amount.get("total") is None:
        return None
    try:
        return amount | {"currency": currency_code(amount["currency"])} if "currency" in amount else amount
    except ValueError:
        return None


def _pair(value: Any) -> Any:
    return {"exclusive": value, "inclusive": value} if isinstance(value, str | int | Decimal) else value


def _whole(value: Any) -> Any:
    """A list of objects; anything that is not one holds nothing that can be read."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _record(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


Record = Annotated[dict[str, Any], BeforeValidator(_record)]
Flag = Annotated[bool | None, BeforeValidator(lambda value: value if isinstance(value, bool) else None)]


class Pair(Payload):
    """An amount without and with tax, as written."""

    exclusive: Annotated[Decimal, BeforeValidator(exact)]
    inclusive: Annotated[Decimal, BeforeValidator(exact)]


class Price(Payload):
    """An amount: `units` times `base`, with modifiers, is `total`. `vat` is a percentage."""

    currency: CurrencyCode | None = None
    units: Stated = None
    vat: Stated = None
    total: Annotated[Pair, BeforeValidator(_pair)]


Money = Annotated[Price | None, BeforeValidator(_money)]
Paid = Annotated[Price | None, BeforeValidator(_paid)]


class GatewayData(Payload):
    """What of a gateway's own data is read; all of it is kept with the payment."""

    total: Paid = None
    transaction_id: Key = None


class Gateway(Payload):
    """How it is paid. The newer edition keeps the details in `data`, the older one beside the type."""

    type: Text = None
    transaction: Key = None
    total: Paid = None
    data: Annotated[GatewayData, BeforeValidator(_record)] = GatewayData()


class PaymentPart(Payload):
    """The invoice's `payment`."""

    fee: Money = None
    gateway: Annotated[Gateway, BeforeValidator(_record)] = Gateway()
    subtotal: Money = None
    expires_at: Text = None
    full_price: Money = None
    original_amount: Money = None


class StatusEntry(Payload):
    """One status and since when."""

    status: Text = None
    setAt: Text = None  # noqa: N815 - the platform's spelling
    updatedAt: Text = None  # noqa: N815


class StatusPart(Payload):
    """The past statuses and the present one."""

    history: Annotated[tuple[StatusEntry, ...], BeforeValidator(_whole)] = ()
    status: Annotated[StatusEntry, BeforeValidator(lambda value: {"status": value} if isinstance(value, str) else value)]


class CustomerVat(Payload):
    """The tax that the order carries, in minor units, and the country whose tax it is."""

    amount: Stated = None


class Customer(Payload):
    """Who bought. `location` is the city that the IP address points to."""

    id: Key = None
    email: Text = None
    country: Text = None
    location: Text = None
    ip: Text = None
    proxied: Flag = None
    browser_agent: Text = None
    vat_id: Key = None
    vat: Annotated[CustomerVat | None, BeforeValidator(lambda value: value if isinstance(value, dict) else None)] = None
    billing_details: Record = Field(default_factory=dict)
    discord_data: Record = Field(default_factory=dict)


class Variant(Payload):
    """A bought product variant. Only id, product and title are documented; quantity and price are read where they are given."""

    id: Key = None
    product_id: Key = None
    title: Text = None
    product_title: Text = None
    quantity: Stated = None
    total: Money = None
    price: Money = None
    additional_information: Annotated[list[dict[str, Any]], BeforeValidator(_whole)] = Field(default_factory=list)


class Invoice(Payload):
    """SellApp's invoice, which is an order."""

    id: NeededKey
    payment: PaymentPart
    status: Annotated[StatusPart, BeforeValidator(lambda value: {"status": value} if isinstance(value, str) else value)]
    webhooks: Any = None
    feedback: Text = None
    created_at: Text = None
    updated_at: Text = None
    store_id: Key = None
    coupon_id: Key = None
    subscription_id: Key = None
    customer_information: Annotated[Customer, BeforeValidator(_record)] = Customer()
    product_variants: Annotated[tuple[Variant, ...], BeforeValidator(_whole)] = ()
    products: Annotated[tuple[Variant, ...], BeforeValidator(_whole)] = ()


def major(value: Decimal, currency: str, amounts: Amounts) -> Decimal:
    """An amount as written in major units: with a point it always is, without one it counts minor units unless the setting says not."""
    if amounts == "major" or value.as_tuple().exponent != 0:
        return value
    return value.scaleb(-exponent(currency))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text, number and flag inside a JSON value with its path, such as `gateway.data.total.base`."""
    members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, member in members:
        yield from flat(member, f"{name}.{step}" if name else str(step))
    if isinstance(value, bool):
        yield name, "true" if value else "false"
    elif (found := text(value)) is not None:
        yield name, found


def properties(value: Any, name: str = "") -> dict[str, str]:
    """`flat` as properties: at most 200, names cut at 200 characters."""
    return {path[:_LONGEST_NAME]: found for (path, found), _ in zip(flat(value, name), range(_MOST_PROPERTIES), strict=False)}
