"""Money: exact Decimals as a platform states them, integer minor units once they are placed on a document. Never a float."""

import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Annotated, Any

from iso4217 import Currency
from pydantic import AfterValidator, BeforeValidator, PlainSerializer

_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,20})?", re.ASCII)
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)


def exact(value: Any) -> Decimal:
    """A stated amount as an exact Decimal, in major units.

    Takes a plain decimal text (`"-12.30"`), an int or a finite Decimal (as the JSON parser makes them). Refuses floats, booleans,
    exponents in text, underscores, spaces, other digits than 0-9, NaN and anything beyond 15 digits before or 20 after the point.
    """
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 40:
        value = format(value, "f")
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise ValueError(f'{value!r:.40} is not an amount: write it as a decimal text such as "12.30"')
    result = Decimal(value)
    return result if result else Decimal(0)


def plain(value: Decimal) -> str:
    """A Decimal as plain text without exponent and without a negative zero."""
    return format(value if value else abs(value), "f")


def currency_code(value: str) -> str:
    """An ISO 4217 code in capitals; raises ValueError for a code that the standard does not know."""
    code = value.upper() if isinstance(value, str) else ""
    if code not in _CODES:
        raise ValueError(f"{value!r:.20} is not an ISO 4217 currency code such as EUR")
    return code


_CODES = frozenset(currency.code for currency in Currency)

Amount = Annotated[Decimal, BeforeValidator(exact), PlainSerializer(plain, return_type=str)]
"""An exact amount, rate or quantity in major units; a decimal text on the wire."""

CurrencyCode = Annotated[str, AfterValidator(currency_code)]
"""An ISO 4217 alphabetic code."""

Minor = int
"""An amount in the minor unit of its document's currency (cents of EUR, yen of JPY, fils of KWD)."""


def exponent(currency: str) -> int:
    """How many decimal places the currency has by ISO 4217: EUR 2, JPY 0, KWD 3. Codes without minor units (XAU) count as 0."""
    return Currency(currency_code(currency)).exponent or 0


def to_minor(amount: Decimal, currency: str) -> Minor:
    """Major units to integer minor units, rounded half away from zero (the commercial rounding)."""
    return int(amount.scaleb(exponent(currency), _CONTEXT).quantize(Decimal(1), context=_CONTEXT))


def from_minor(amount: Minor, currency: str) -> Decimal:
    """Integer minor units to an exact Decimal in major units with the currency's number of places."""
    return Decimal(amount).scaleb(-exponent(currency), _CONTEXT)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum without the rounding to 28 digits that `sum` does."""
    result = Decimal(0)
    for amount in amounts:
        result = _CONTEXT.add(result, amount)
    return result


def quotient(amount: Decimal, quantity: Decimal, currency: str) -> Decimal:
    """The price of one: `amount / quantity` in major units, with the currency's places and up to six where they are needed.

    Six is what EN 16931 validators accept of a unit price. Raises ZeroDivisionError for a quantity of zero.
    """
    if not quantity:
        raise ZeroDivisionError("cannot divide an amount by a quantity of zero")
    price = _CONTEXT.divide(amount, quantity).quantize(Decimal(1).scaleb(-6), context=_CONTEXT)
    places = Decimal(1).scaleb(-exponent(currency))
    short = price.quantize(places, context=_CONTEXT)
    return short if short == price else price.normalize(_CONTEXT)


def text(amount: Minor, currency: str) -> str:
    """Minor units as the decimal text of the wire: 1999 EUR is `"19.99"`, 500 JPY is `"500"`."""
    return plain(from_minor(amount, currency))


def divide_half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator, rounded half away from zero, in integers only."""
    if denominator == 0:
        raise ZeroDivisionError("cannot divide an amount by zero")
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    numerator, denominator = abs(numerator), abs(denominator)
    return sign * ((2 * numerator + denominator) // (2 * denominator))


def allocate(total: Minor, weights: Sequence[int]) -> list[Minor]:
    """Split `total` over non-negative `weights` by largest remainder.

    The shares add up to `total` exactly, each is less than one unit from its ideal, a weight of zero gets zero, and ties go to the
    earlier weight. Raises ValueError for a negative weight, or when there is something to split and no weight to give it to.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("weights of an allocation must not be negative")
    whole = sum(weights)
    if whole == 0:
        if total == 0:
            return [0] * len(weights)
        raise ValueError(f"{total} minor units cannot be allocated: every weight is zero")
    sign, amount = (-1, -total) if total < 0 else (1, total)
    shares = [amount * weight // whole for weight in weights]
    remainders = [amount * weight % whole for weight in weights]
    left = amount - sum(shares)
    for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[:left]:
        shares[index] += 1
    return [sign * share for share in shares]


def share_out(total: Minor, parts: Sequence[int]) -> list[Minor]:
    """Split `total` in proportion to signed `parts`, such as goods and the discount on them, by largest remainder.

    The shares add up to `total` exactly, and each is its ideal `total x part / sum of parts` rounded down or up; so where `total` lies
    between zero and the sum, no share exceeds its part or turns its sign. Ties go to the earlier part. Raises ValueError when there is
    something to split and the parts add up to zero.
    """
    whole = sum(parts)
    if whole == 0:
        if total == 0:
            return [0] * len(parts)
        raise ValueError(f"{total} minor units cannot be shared out: the parts add up to zero")
    sign = -1 if whole < 0 else 1
    ideals = [divmod(sign * total * part, sign * whole) for part in parts]
    shares = [whole_units for whole_units, _ in ideals]
    for index in sorted(range(len(parts)), key=lambda i: (-ideals[i][1], i))[: total - sum(shares)]:
        shares[index] += 1
    return shares


def place(amounts: Sequence[Decimal], total: Minor, currency: str) -> list[Minor]:
    """Exact amounts in major units as minor units that add up to `total`, where rounding alone can do that.

    Each is rounded half away from zero; if the sum then misses `total`, those nearest to the other side of their rounding go there, so
    that every amount is still less than one unit from what was stated. Where not even that reaches `total`, the difference is not one of
    rounding: all keep their half-up value and the caller decides about `total - sum(result)`.
    """
    exacts = [amount.scaleb(exponent(currency), _CONTEXT) for amount in amounts]
    placed = [int(exact_amount.quantize(Decimal(1), context=_CONTEXT)) for exact_amount in exacts]
    gap = total - sum(placed)
    step = 1 if gap > 0 else -1
    movable = [index for index, unit in enumerate(placed) if (exacts[index] - unit) * step > 0]
    if gap and abs(gap) <= len(movable):
        for index in sorted(movable, key=lambda i: (-abs(exacts[i] - placed[i]), i))[: abs(gap)]:
            placed[index] += step
    return placed
