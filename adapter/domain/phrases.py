"""What the adapter itself says in a document: names of lines that nobody else named, a buyer without a name, reasons.

A document says everything in its own language from the moment it is frozen, and can be read for ever without a catalogue. The domain
reads none: whoever drafts a document passes `translate`, the catalogue's gettext of the document's language.
"""

from collections.abc import Callable
from enum import StrEnum

from adapter.domain.order import LineKind

Translate = Callable[[str], str]
"""The catalogue's gettext: an English text (the msgid) to the one of a language; what it does not know it returns as it is."""


class Phrase(StrEnum):
    """The English texts, which are the msgids of the catalogues; values are put in by `%(name)s`."""

    ORDER = "Order #%(number)s"
    CUSTOMER = "Customer"
    SHOP_ROUNDING = "Rounding difference of the shop"
    CASH_ROUNDING = "Cash rounding"
    REFUND = "Refund"
    ADJUSTMENT = "Adjustment"
    REFUND_DISCREPANCY = "Refund discrepancy"
    OF_LINE = "%(name)s: %(line)s"
    SHIPPING = "Shipping"
    DISCOUNT = "Discount"
    COUPON = "Coupon"
    TIP = "Tip"
    IMPORT_DUTIES = "Import duties"
    ADDITIONAL_FEES = "Additional fees"
    ITEM = "Item"
    GOODWILL = "Goodwill"
    RESTOCKING_FEE = "Restocking fee"
    RETURN_FEE = "Return fee"
    TAX = "Tax"
    VAT = "VAT"
    CANCELLED_BY_CUSTOMER = "Cancelled at the customer's request"
    NOT_IN_STOCK = "Not in stock"
    PAYMENT_DECLINED = "Payment declined"
    ORDER_CANCELLED = "Order cancelled"
    ORDER_CHANGED = "Order changed"
    IN_ADDITION = "In addition to invoice %(number)s of %(date)s"
    ALSO_CONCERNS = "Also concerns invoice %(number)s of %(date)s"


_CHARGES = {
    LineKind.GOODS: {Phrase.ITEM},
    LineKind.SHIPPING: {Phrase.SHIPPING},
    LineKind.DISCOUNT: {Phrase.DISCOUNT, Phrase.COUPON},
    LineKind.TIP: {Phrase.TIP},
    LineKind.DUTY: {Phrase.IMPORT_DUTIES},
    LineKind.FEE: {Phrase.ADDITIONAL_FEES},
    LineKind.ROUNDING: {Phrase.CASH_ROUNDING, Phrase.SHOP_ROUNDING},
}
"""The names that connectors give to what their platform leaves without one."""
_ADJUSTMENTS = {
    "adjustment": Phrase.ADJUSTMENT,
    "refund_discrepancy": Phrase.REFUND_DISCREPANCY,
    "shipping": Phrase.SHIPPING,
    "shipping_refund": Phrase.SHIPPING,
    "restocking_fee": Phrase.RESTOCKING_FEE,
    "return_fee": Phrase.RETURN_FEE,
    "goodwill": Phrase.GOODWILL,
    "item": Phrase.ITEM,
    "fee": Phrase.ADDITIONAL_FEES,
}
_CANCELLATIONS = {
    "customer": Phrase.CANCELLED_BY_CUSTOMER,
    "inventory": Phrase.NOT_IN_STOCK,
    "declined": Phrase.PAYMENT_DECLINED,
    "fraud": Phrase.ORDER_CANCELLED,
    "staff": Phrase.ORDER_CANCELLED,
    "other": Phrase.ORDER_CANCELLED,
}
"""The codes by which platforms name a cancellation's reason. What a shop suspects of a buyer is not for the buyer's document."""


def in_english(text: str) -> str:
    """The `Translate` of documents in English."""
    return text


def say(phrase: Phrase, translate: Translate, **values: str) -> str:
    """A phrase in a language, with its values put in."""
    return translate(phrase.value) % values


def line_name(kind: LineKind, name: str, translate: Translate) -> str:
    """The name of an order's line as printed: as the shop says it, translated only where a connector had to find one."""
    return translate(name) if name in _CHARGES.get(kind, ()) else name


def discount_name(name: str, translate: Translate) -> str:
    """The name of a discount as printed."""
    return translate(name) if name in _CHARGES[LineKind.DISCOUNT] else name


def tax_name(name: str, translate: Translate) -> str:
    """The name of a tax as printed; `VAT` and `Tax` say no more in English than in another language."""
    return translate(name) if name in {Phrase.VAT, Phrase.TAX} else name


def adjustment_name(kind: str, reason: str | None, translate: Translate) -> str:
    """The name of what a refund adjusts: the shop's reason, unless it only repeats the kind, else the kind in words."""
    words = kind.replace("_", " ").capitalize()
    if reason and reason.casefold() != words.casefold():
        return reason
    phrase = _ADJUSTMENTS.get(kind)
    return say(phrase, translate) if phrase else reason or words


def cancellation_reason(reason: str | None, translate: Translate) -> str | None:
    """Why an order was cancelled, in words for the buyer; what is no known code was written by somebody and stays."""
    phrase = _CANCELLATIONS.get((reason or "").casefold())
    return say(phrase, translate) if phrase else reason
