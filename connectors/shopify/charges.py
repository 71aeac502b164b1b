"""The lines of a Shopify order, so that their sum is its total.

Shopify: total_price = sum of price x quantity - total_discounts + shipping + (0 if taxes_included else total_tax) + tip, with the ordered
`quantity`: `current_quantity` and the `current_*` totals follow edits and refunds, `total_price` does not.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain

from adapter.domain.order import Discount, Line, LineKind, Tax
from connectors.shopify.payload import SHOP, Money, Record

_ZERO = Decimal(0)


def lines(order: Record, money: Money) -> list[Line]:
    """Everything that was charged, in Shopify's order: items, shipping, discounts that were not allocated, tips, duties, fees."""
    reductions = list(order.records("discount_applications"))
    items = [_item(item, money, reductions, position) for position, item in enumerate(order.records("line_items"))]
    shipping = [_shipping(item, money, reductions, position) for position, item in enumerate(shipping_lines(order))]
    charged = [*items, *shipping, *_unallocated(order, money), *_tip(order, money)]
    others = [*_duties(order, money), *_fees(order, money)]
    if others and _balance(charged, order, money) == money.needed(order, "total_price"):
        others = []  # collected on delivery or contained in the prices: not part of what was charged
    return _with_unique_ids([*charged, *others])


def rounding(order: Record, money: Money, charged: Sequence[Line]) -> tuple[list[Line], Decimal]:
    """The line of cash rounding, if any, and the total with it.

    Shopify rounds what is received in cash, not the order: https://shopify.dev/changelog/new-cash-rounding-on-order-and-order-transaction
    """
    total = money.needed(order, "total_price")
    amount = money.amount(order, "total_cash_rounding_payment_adjustment")
    if not amount:
        return [], total
    line = Line(id="rounding", kind=LineKind.ROUNDING, name="Cash rounding", amount=amount)
    contained = _balance([*charged, line], order, money) == total
    return [line], total if contained else total + amount


def total_tax(order: Record, money: Money) -> Decimal | None:
    """The order's tax as stated, else the sum of its tax lines; None when it carries no tax data at all."""
    stated = money.amount(order, "total_tax")
    if stated is not None:
        return stated
    own = list(order.records("tax_lines"))
    parts = chain(order.records("line_items"), shipping_lines(order))
    taxes = own or [tax for part in parts for tax in part.records("tax_lines")]
    return money.total(iter(taxes), "price") if taxes else None


def taxes(record: Record, money: Money) -> tuple[Tax, ...]:
    """The tax lines of an order, an item, a shipping line or a duty."""
    return tuple(
        Tax(
            name=tax.text("title") or "Tax",
            amount=money.amount(tax, "price") or _ZERO,
            rate=tax.number("rate"),
            marketplace_collected=tax.flag("channel_liable") is True,
        )
        for tax in record.records("tax_lines")
    )


def shipping_lines(order: Record) -> Iterator[Record]:
    """The shipping lines that are still part of the order: an edit that takes one off only marks it."""
    return (line for line in order.records("shipping_lines") if line.flag("is_removed") is not True)


def quantities(order: Record, holders: str, items: str, id_key: str) -> Mapping[str, Decimal]:
    """Quantities per line id, summed over the `items` of every one of the `holders` (fulfilments that did not fail, or refunds)."""
    found: dict[str, Decimal] = {}
    for holder in order.records(holders):
        if holders == "fulfillments" and holder.text("status") != "success":
            continue
        for item in holder.records(items):
            line = item.identifier(id_key)
            if line is not None:
                found[line] = found.get(line, _ZERO) + (item.number("quantity") or _ZERO)
    return found


def _item(item: Record, money: Money, reductions: Sequence[Record], position: int) -> Line:
    quantity, price = item.needed_number("quantity"), money.needed(item, "price")
    discounts = _discounts(item, money, reductions)
    return Line(
        id=item.identifier("id") or f"item-{position}",
        kind=_kind(item),
        name=item.text("title") or item.text("name") or item.text("sku") or "Item",
        description=item.text("variant_title"),
        sku=item.text("sku"),
        quantity=quantity,
        unit_price=price,
        discounts=discounts,
        amount=price * quantity - sum((discount.amount for discount in discounts), _ZERO),
        taxes=taxes(item, money),
        taxable=item.flag("taxable"),
        properties=properties(item, "properties"),
    )


def _kind(item: Record) -> LineKind:
    """`requires_shipping: false` says digital goods or a service, without saying which: such an item stays goods."""
    if item.flag("gift_card"):
        return LineKind.GIFT_CARD
    return LineKind.TIP if _is_tip(item) else LineKind.GOODS


def _is_tip(item: Record) -> bool:
    """Only tips have these: https://shopify.dev/docs/api/admin-rest/latest/resources/order (line_items.tip_payment_gateway)."""
    return item.text("tip_payment_gateway") is not None or item.text("tip_payment_method") is not None


def properties(record: Record, key: str) -> dict[str, str]:
    """A list of `{name, value}` as a mapping; names that begin with `_` are an app's own and not meant for people."""
    pairs = ((item.text("name"), item.text("value")) for item in record.records(key))
    return {name: value for name, value in pairs if name and value and not name.startswith("_")}


def _shipping(item: Record, money: Money, reductions: Sequence[Record], position: int) -> Line:
    price, discounts = money.needed(item, "price"), _discounts(item, money, reductions)
    return Line(
        id=f"shipping-{item.identifier('id') or position}",
        kind=LineKind.SHIPPING,
        name=item.text("title") or item.text("code") or "Shipping",
        unit_price=price,
        discounts=discounts,
        amount=price - sum((discount.amount for discount in discounts), _ZERO),
        taxes=taxes(item, money),
    )


def _discounts(item: Record, money: Money, reductions: Sequence[Record]) -> tuple[Discount, ...]:
    found = []
    for allocation in item.records("discount_allocations"):
        amount, index = money.amount(allocation, "amount"), allocation.number("discount_application_index")
        if not amount:
            continue
        applied = reductions[int(index)] if index is not None and 0 <= index < len(reductions) else Record({})
        found.append(Discount(amount=amount, name=applied.text("title") or applied.text("description"), code=applied.text("code")))
    return tuple(found)


def _unallocated(order: Record, money: Money) -> Iterator[Line]:
    """What `total_discounts` has beyond the allocations (old and made-up bodies have none), as one line. Nothing spreads it here: how
    it falls on rates of tax is for the document to say."""
    parts = chain(order.records("line_items"), shipping_lines(order))
    allocated = sum((money.total(part.records("discount_allocations"), "amount") for part in parts), _ZERO)
    left = (money.amount(order, "total_discounts") or _ZERO) - allocated
    if left > 0:
        codes = ", ".join(discount_codes(order))
        yield Line(id="discount", kind=LineKind.DISCOUNT, name="Discount", description=codes or None, amount=-left)


def discount_codes(order: Record) -> list[str]:
    """The codes that the buyer entered."""
    return [code for item in order.records("discount_codes") if (code := item.text("code"))]


def _tip(order: Record, money: Money) -> Iterator[Line]:
    """The tip that is not an item of the order already."""
    items = ((item, item.number("quantity") or _ZERO) for item in order.records("line_items") if _is_tip(item))
    itemised = sum(((SHOP.amount(item, "price") or _ZERO) * quantity for item, quantity in items), _ZERO)
    received = SHOP.amount(order, "total_tip_received") or _ZERO
    if received > 0 and not itemised:
        yield Line(id="tip", kind=LineKind.TIP, name="Tip", amount=money.needed(order, "total_tip_received"))


def _duties(order: Record, money: Money) -> Iterator[Line]:
    amount = money.amount(order, "original_total_duties")
    if amount:
        duties = (duty for item in order.records("line_items") for duty in item.records("duties"))
        yield Line(
            id="duties",
            kind=LineKind.DUTY,
            name="Import duties",
            amount=amount,
            taxes=tuple(tax for duty in duties for tax in taxes(duty, money)),
        )


def _fees(order: Record, money: Money) -> Iterator[Line]:
    amount = money.amount(order, "original_total_additional_fees")
    if amount:
        yield Line(id="fees", kind=LineKind.FEE, name="Additional fees", amount=amount)


def _balance(charged: Sequence[Line], order: Record, money: Money) -> Decimal:
    added = _ZERO if order.flag("taxes_included") else total_tax(order, money) or _ZERO
    return sum((line.amount for line in charged), added)


def _with_unique_ids(found: Sequence[Line]) -> list[Line]:
    seen: set[str] = set()
    unique = []
    for position, line in enumerate(found):
        own = line if line.id not in seen else line.model_copy(update={"id": f"{line.id}-{position}"})
        seen.add(own.id)
        unique.append(own)
    return unique
