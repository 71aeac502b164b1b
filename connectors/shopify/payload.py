"""Reading Shopify's JSON: anything may be missing, null or empty, ids exceed 2**53, and every amount exists in up to two moneys.

Shapes: https://shopify.dev/docs/api/admin-rest/latest/resources/order and the samples of https://shopify.dev/docs/api/webhooks
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from adapter.domain.money import exact

_LONGEST_NAME = 2_000
_LARGEST_ID = 10**200

Side = Literal["shop_money", "presentment_money"]


class Unreadable(ValueError):
    """A field that is needed is missing or is not what Shopify documents. `field` is its path in the body."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


class NotStated(Exception):
    """An amount exists in the shop's money, but not in the presentment money that is being read. Never leaves this package."""


@dataclass(frozen=True)
class Record:
    """A JSON object and its path in the body, so that an error can name the field. Readers give None for missing, null and empty."""

    data: Mapping[str, Any]
    path: str = ""

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def where(self, key: str) -> str:
        """The path of a field of this object, such as `line_items[0].price`."""
        return f"{self.path}.{key}" if self.path else key

    def text(self, key: str, limit: int = _LONGEST_NAME) -> str | None:
        """A text without surrounding white space, cut at `limit` characters; numbers are written out."""
        value = self.data.get(key)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = format(value, "f") if isinstance(value, Decimal) else str(value) if abs(value) < _LARGEST_ID else None
        return value.strip()[:limit] or None if isinstance(value, str) else None

    def identifier(self, key: str) -> str | None:
        """An id as text: Shopify's are integers beyond 2**53, so a number with a point has already lost digits and is refused."""
        value = self.data.get(key)
        if isinstance(value, Decimal | float):
            raise Unreadable(self.where(key), "is a number with a point, an id is an integer: it lost digits on its way")
        return self.text(key)

    def needed_identifier(self, key: str) -> str:
        """As `identifier`; raises `Unreadable` when there is none."""
        value = self.identifier(key)
        if value is None:
            raise Unreadable(self.where(key), "is missing")
        return value

    def number(self, key: str) -> Decimal | None:
        """An amount, quantity or rate, stated as decimal text or as a JSON number. Raises `Unreadable` for anything else."""
        value = self.data.get(key)
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            return None
        try:
            return exact(value)
        except ValueError as error:
            raise Unreadable(self.where(key), f"is not a number: {error}") from error

    def needed_number(self, key: str) -> Decimal:
        """As `number`; raises `Unreadable` when there is none."""
        value = self.number(key)
        if value is None:
            raise Unreadable(self.where(key), "is missing")
        return value

    def flag(self, key: str) -> bool | None:
        """A JSON boolean."""
        value = self.data.get(key)
        return value if isinstance(value, bool) else None

    def moment(self, key: str) -> datetime | None:
        """A time with its offset; a text without one says no moment and is left out."""
        value = self.data.get(key)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return moment if moment is not None and moment.utcoffset() is not None else None

    def record(self, key: str) -> "Record":
        """A nested object; an empty one when there is none."""
        value = self.data.get(key)
        return Record(value if isinstance(value, Mapping) else {}, self.where(key))

    def records(self, key: str) -> Iterator["Record"]:
        """The objects of a list; what is no object is passed over, as is a list that is null."""
        value = self.data.get(key)
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, Mapping):
                yield Record(item, f"{self.where(key)}[{index}]")


@dataclass(frozen=True)
class Money:
    """Reads amounts in one of Shopify's two moneys and never mixes them.

    Flat amounts (`price`) are in the shop's money; `price_set` has both. `currency` is what presentment amounts must be in, where known.
    """

    side: Side
    currency: str | None = None

    def amount(self, record: Record, key: str) -> Decimal | None:
        """The amount named `key`, or None. Raises `NotStated` when it is there, is not zero, and not in this money."""
        both = record.record(f"{key}_set")
        shop = record.number(key)
        if shop is None:
            shop = both.record("shop_money").number("amount")
        if self.side == "shop_money" or not shop:
            return shop if shop is not None else both.record(self.side).number("amount")
        stated = both.record(self.side)
        amount = stated.number("amount")
        if amount is None or (self.currency is not None and stated.text("currency_code") not in (None, self.currency)):
            raise NotStated(record.where(key))
        return amount

    def needed(self, record: Record, key: str) -> Decimal:
        """As `amount`; raises `Unreadable` when there is none."""
        amount = self.amount(record, key)
        if amount is None:
            raise Unreadable(record.where(key), "is missing")
        return amount

    def total(self, records: Iterator[Record], key: str) -> Decimal:
        """The sum of the amounts named `key`; what states none counts as nothing."""
        return sum((self.amount(record, key) or Decimal(0) for record in records), Decimal(0))


SHOP = Money("shop_money")
