"""Shopify's refund: lines and other parts on one side, transactions on the other.

A refund reads the same whether it came by `refunds/create` or inside `order.refunds`: nothing outside of it is consulted.
Vendor's page: https://shopify.dev/docs/api/admin-rest/latest/resources/refund
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain

from adapter.domain.money import exponent
from adapter.domain.order import Adjustment, Refund, RefundLine
from connectors.shopify.payload import SHOP, Money, NotStated, Record, Side, Unreadable

_ZERO, _ONE = Decimal(0), Decimal(1)
_NO_CURRENCY = {None, "XXX"}


def refund(record: Record, side: Side) -> Refund:
    """The refund in the wanted money, or in the shop's money when one of its amounts is not stated in the wanted one."""
    try:
        return _refund(record, Money(side))
    except NotStated:
        return _refund(record, SHOP)


def _refund(record: Record, money: Money) -> Refund:
    currency = _currency(record, money)
    returned = _returned(record, currency)
    lines = tuple(_line(item, money) for item in record.records("refund_line_items"))
    shipping, shipping_tax = _shipping(record, money, sum((line.amount for line in lines), _ZERO), returned)
    return Refund(
        id=record.needed_identifier("id"),
        at=record.moment("processed_at") or record.moment("created_at"),
        reason=record.text("note"),
        lines=lines,
        shipping=shipping,
        shipping_tax=shipping_tax,
        adjustments=(*_discrepancies(record, money), *_other_charges(record, money)),
        money=returned,
        owed=record.data.get("transactions") == [],
    )


def _line(item: Record, money: Money) -> RefundLine:
    quantity = item.number("quantity") or _ZERO
    amount = money.amount(item, "subtotal")
    if amount is None:  # before 2015 a refund line had no amounts of its own
        price = money.amount(item.record("line_item"), "price")
        if price is None:
            raise Unreadable(item.where("subtotal"), "is missing, and so is line_item.price")
        amount = price * quantity
    line = item.identifier("line_item_id") or item.record("line_item").identifier("id")
    if line is None:
        raise Unreadable(item.where("line_item_id"), "is missing")
    return RefundLine(line=line, quantity=quantity, amount=amount, tax=money.amount(item, "total_tax"))


def _shipping(record: Record, money: Money, lines: Decimal, returned: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Shipping given back and its tax, by the convention of the shop's prices; it is stated up to twice, and counted once.

    `refund_shipping_lines` follows the shop's prices as refund lines do. The older adjustment of kind `shipping_refund` is negative and in
    shops with prices including tax sometimes without the tax and sometimes with it:
    https://community.shopify.com/c/graphql-basics-and/is-the-shipping-refund-net-or-gross/td-p/2036893
    """
    adjusted = [item for item in record.records("order_adjustments") if item.text("kind") == "shipping_refund"]
    shipping_lines = list(record.records("refund_shipping_lines"))
    tax = -money.total(iter(adjusted), "tax_amount") if adjusted else None
    stated = [money.amount(line, "subtotal_amount") for line in shipping_lines]
    if any(amount is not None for amount in stated):
        taxes = [amount for line in shipping_lines if (amount := money.amount(line, "tax_amount")) is not None]
        return sum((amount for amount in stated if amount is not None), _ZERO), sum(taxes, _ZERO) if taxes else tax
    if tax is None:
        return None, None
    amount = -money.total(iter(adjusted), "amount")
    others = sum((adjustment.amount for adjustment in _discrepancies(record, money)), _ZERO)
    contains_tax = returned is not None and lines + amount + others == returned
    return (amount + tax if _prices_include_tax(record) and not contains_tax else amount), tax


def _discrepancies(record: Record, money: Money) -> Iterator[Adjustment]:
    """The other adjustments, one of each kind. Shopify's are lines minus money, so a positive one means that less was paid back: the sign
    turns. What cancels out is left away, as is what only says that the money is still on its way."""
    found: dict[str, tuple[Decimal, Decimal, str | None]] = {}
    on_its_way = _on_its_way(record)
    for item in record.records("order_adjustments"):
        kind = item.text("kind", 255) or "adjustment"
        if kind == "shipping_refund" or item.path == on_its_way:
            continue
        net, tax, reason = found.get(kind, (_ZERO, _ZERO, None))
        net -= money.amount(item, "amount") or _ZERO
        tax -= money.amount(item, "tax_amount") or _ZERO
        found[kind] = net, tax, reason or item.text("reason")
    for kind, (net, tax, reason) in found.items():
        if net or tax:
            yield Adjustment(kind=kind, amount=net + tax if _prices_include_tax(record) else net, tax=tax or None, reason=reason)


def _on_its_way(record: Record) -> str | None:
    """The path of the adjustment by which Shopify sets off a pending refund until its money has moved, when another one takes it back
    (https://shopify.dev/docs/api/admin-graphql/latest/enums/OrderAdjustmentDiscrepancyReason): it is as large as what is pending."""
    pending = [item for item in record.records("transactions") if item.text("kind") == "refund" and item.text("status") == "pending"]
    amount = sum((item.needed_number("amount") for item in pending), _ZERO)
    currencies = {item.text("currency") for item in pending}
    for item in record.records("order_adjustments") if pending else ():
        stated = [item.record("amount_set").record(side) for side in ("presentment_money", "shop_money")]
        amounts = {each.number("amount") for each in stated if {each.text("currency_code")} == currencies}
        if item.text("kind") != "shipping_refund" and amount in (amounts or {item.number("amount")}):
            return item.path
    return None


def _other_charges(record: Record, money: Money) -> Iterator[Adjustment]:
    for kind, key in (("duty", "total_duties"), ("fee", "total_additional_fees")):
        amount = money.amount(record, key)
        if amount:
            yield Adjustment(kind=kind, amount=amount)


def _returned(record: Record, currency: str | None) -> Decimal | None:
    """What is paid back: the refund transactions that were successful or are on their way. None when there are no transactions, or when one
    is in a currency other than the refund's amounts (transactions are in the currency of the payment and have no second amount)."""
    transactions = list(record.records("transactions"))
    if not transactions:
        return None
    paid = [item for item in transactions if item.text("kind") == "refund" and item.text("status") in {"success", "pending"}]
    if currency is not None and any(item.text("currency") not in {currency, *_NO_CURRENCY} for item in paid):
        return None
    return sum((item.needed_number("amount") for item in paid), _ZERO)


def _currency(record: Record, money: Money) -> str | None:
    """The currency of the refund's amounts, as the first set that names one says."""
    parts = chain(record.records("refund_line_items"), record.records("order_adjustments"), record.records("refund_shipping_lines"))
    for part in chain([record], parts):
        for key in ("subtotal_set", "amount_set", "subtotal_amount_set", "total_duties_set"):
            code = part.record(key).record(money.side).text("currency_code")
            if code not in _NO_CURRENCY:
                return code
    return None


def _prices_include_tax(record: Record) -> bool | None:
    """Whether the shop's prices contain tax, as the refunded lines show; None when they do not show it.

    A refund does not say so itself, but a line's price, rates and taxes do: tax is either price x rate, or price x rate / (1 + rate).
    """
    lines = [item.record("line_item") for item in record.records("refund_line_items")]
    lines += [item.record("shipping_line") for item in record.records("refund_shipping_lines")]
    verdicts = {verdict for line in lines if (verdict := _line_includes_tax(line)) is not None}
    return verdicts.pop() if len(verdicts) == 1 else None


def _line_includes_tax(line: Record) -> bool | None:
    taxes = list(line.records("tax_lines"))
    rate = sum((tax.number("rate") or _ZERO for tax in taxes), _ZERO)
    tax = SHOP.total(iter(taxes), "price")
    price = SHOP.amount(line, "price")
    quantity = line.number("quantity")
    base = (price or _ZERO) * (_ONE if quantity is None else quantity) - SHOP.total(line.records("discount_allocations"), "amount")
    if base <= 0 or rate <= 0 or tax <= 0:
        return None
    unit = Decimal(1).scaleb(-_places(taxes)) * len(taxes)
    added = abs(tax - base * rate) <= unit
    contained = abs(tax - base * rate / (1 + rate)) <= unit
    return contained if added != contained else None


def _places(taxes: list[Record]) -> int:
    """Decimal places of the shop's currency; two where it is not named."""
    code = taxes[0].record("price_set").record("shop_money").text("currency_code")
    try:
        return exponent(code) if code else 2
    except ValueError:
        return 2
