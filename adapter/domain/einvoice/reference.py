"""The buyer's reference (BT-10) as an order brings it along: a Leitweg-ID, a cost centre, the number of a purchase order."""

from collections.abc import Mapping

from adapter.domain.order import Order
from adapter.domain.text import one_line

KEY = "buyer_reference"
"""Where a document's metadata have it."""
_NAMES = (KEY, "leitweg_id", "purchase_order", "po_number", "shopify_purchase_order")
"""Details of an order that are one, best first, in small letters with `_` between words: note attributes of a Shopify order and its
purchase order, metadata of WooCommerce's and of an order by our own schema."""


def buyer_reference(order: Order) -> dict[str, str]:
    """What a document's metadata say of it; nothing where the order has none."""
    stated = {
        "_".join(name.casefold().replace("-", " ").replace("_", " ").split()): one_line(value) for name, value in order.metadata.items()
    }
    return next(({KEY: value} for name in _NAMES if (value := stated.get(name, ""))), {})


def inherited_reference(metadata: Mapping[str, str]) -> dict[str, str]:
    """The same for a document that corrects one with these metadata."""
    return {KEY: metadata[KEY]} if KEY in metadata else {}
