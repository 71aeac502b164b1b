"""Computing the tax of an order that states none (`tax_given_by = nobody`): by rules, exactly, rounded half up to the cent.

The result is an order with taxes on its lines, which `domain.tax.adopt` takes like one whose tax the platform computed. Everything between
the stated amounts and the rounded tax is a fraction of integers: nothing is rounded twice.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from adapter.domain.money import Minor, divide_half_up, exact_sum, exponent, from_minor, place, text, to_minor
from adapter.domain.order import Address, Line, LineKind, Order, Tax, TaxGivenBy
from adapter.domain.state import paid_amount
from adapter.domain.tax.settings import BuyerKind, Rounding, TaxRule, TaxRuleKind
from adapter.domain.tax.supply import Nature, Sale, Scheme, Treatment, due, natures
from adapter.domain.tax.territory import place as place_of
from adapter.errors import Held

_UNTAXED = frozenset({LineKind.GIFT_CARD, LineKind.TIP, LineKind.DUTY, LineKind.ROUNDING})
"""Kinds that a rule has to name to tax them."""
_UNITS = frozenset({LineKind.GOODS, LineKind.SERVICE, LineKind.DIGITAL})
"""Kinds that have units; fixed amounts are for these unless a rule names others."""


def rules_for(sale: Sale, kinds: Iterable[LineKind], name: str = "VAT") -> tuple[TaxRule, ...]:
    """The rules for a sale of lines of these kinds: the entity's own that are in force, then VAT as the law has it.

    VAT is computed where the seller is registered for it, at the standard rate of the country whose tax is due, on the price plus the taxes
    of the own rules, and called `name`; IGIC in the Canary Islands. There is none for small enterprises, margin schemes, exempt sellers,
    and where the sale is not taxed.
    """
    own = tuple(rule for rule in sale.settings.rules if _in_force(rule, sale))
    listed = list(dict.fromkeys(kinds))
    by_rate: dict[tuple[str, Decimal], list[LineKind]] = {}
    for kind, nature in zip(listed, natures(listed), strict=True):
        treatment = due(sale, nature)
        if treatment.rate and _is_vat_charged(sale, nature, treatment):
            by_rate.setdefault((treatment.tax or name, treatment.rate), []).append(kind)
    priority = max((rule.priority for rule in own), default=0) + 1
    vat = (
        TaxRule(name=called, rate=rate, line_kinds=tuple(kinds), priority=min(priority, 100), compound=bool(own))
        for (called, rate), kinds in by_rate.items()
    )
    return (*own, *vat)


def compute(order: Order, rules: Sequence[TaxRule], sale: Sale, rounding: Rounding = Rounding.LINE) -> Order:
    """The order with the taxes of `rules` on its lines and in its total; the order itself where no rule applies to any line, and where
    somebody has computed its tax already.

    With inclusive prices the tax is a part of what was charged and the total stays. With exclusive prices it is added to the total, unless
    the total already holds it. Raises `Held` where it would be added to an order that is already paid, where fixed taxes exceed the price
    they are contained in, and where a fixed amount is in another currency than the order.
    """
    if order.tax_given_by is not TaxGivenBy.NOBODY:
        return order
    rules = sorted(dict.fromkeys(rule for rule in rules if _in_force(rule, sale)), key=lambda rule: rule.priority)
    matching = [[rule for rule in rules if _matches(rule, line, sale)] for line in order.lines]
    if not any(matching):
        return order
    _check_currency(order, rules)
    per_order = _per_order(order, rules, matching)
    exact = [
        _exact(line, applied, {id(rule): per_order[id(rule), index] for rule in applied if (id(rule), index) in per_order}, order)
        for index, (line, applied) in enumerate(zip(order.lines, matching, strict=True))
    ]
    placed = _rounded(rules, matching, exact, order.currency, rounding)
    lines = tuple(
        line.model_copy(update={"taxes": tuple(_tax(share, order.currency) for share in shares)})
        for line, shares in zip(order.lines, placed, strict=True)
    )
    tax = sum(share.amount for shares in placed for share in shares)
    totals = order.totals.model_copy(update={"tax": from_minor(tax, order.currency), "total": _total(order, tax)})
    return order.model_copy(update={"lines": lines, "taxes": (), "totals": totals, "tax_given_by": TaxGivenBy.PLATFORM})


@dataclass(frozen=True)
class _Share:
    """What one rule comes to on one line, in minor units."""

    rule: TaxRule
    amount: Minor


def _is_vat_charged(sale: Sale, nature: Nature, treatment: Treatment) -> bool:
    settings, home = sale.settings, sale.home.vat_country(goods=nature is Nature.GOODS)
    if not treatment.category.taxed or treatment.country is None:
        return False
    if (settings.margin_scheme and nature is Nature.GOODS) or (settings.exemption and treatment.country == home):
        return False
    if treatment.scheme in {Scheme.OSS, Scheme.IOSS}:
        return True
    return sale.registered_in(treatment.country) or (treatment.scheme is not Scheme.REGISTERED and sale.seller_number is not None)


def _in_force(rule: TaxRule, sale: Sale) -> bool:
    return (rule.valid_from is None or rule.valid_from <= sale.on) and (rule.valid_until is None or sale.on <= rule.valid_until)


def _matches(rule: TaxRule, line: Line, sale: Sale) -> bool:
    if line.taxable is False or (rule.line_kinds and line.kind not in rule.line_kinds):
        return False
    if not rule.line_kinds and line.kind in _UNTAXED and not line.taxable:
        return False
    if not rule.line_kinds and rule.kind is not TaxRuleKind.PERCENTAGE and line.kind not in _UNITS:
        return False
    if rule.buyer is not BuyerKind.ANY and sale.business is not (rule.buyer is BuyerKind.BUSINESS):
        return False
    return _is_in(rule, sale.buyer if line.kind in {LineKind.SERVICE, LineKind.DIGITAL} else sale.goods_to)


def _is_in(rule: TaxRule, address: Address | None) -> bool:
    if rule.country is None and not rule.regions and not rule.postcodes:
        return True
    if address is None or address.country is None:
        return False
    if rule.country is not None and rule.country not in {address.country, place_of(address.country).country}:
        return False
    if rule.regions:
        known = {(name or "").casefold().removeprefix(f"{address.country.casefold()}-") for name in (address.region_code, address.region)}
        if not known & {region.casefold().removeprefix(f"{address.country.casefold()}-") for region in rule.regions}:
            return False
    return not rule.postcodes or any(_has_postcode(pattern, address.postcode or "") for pattern in rule.postcodes)


def _has_postcode(pattern: str, postcode: str) -> bool:
    code, wanted = re.sub(r"[\s-]", "", postcode).upper(), re.sub(r"[\s-]", "", pattern).upper()
    if not code:
        return False
    if wanted.isdigit() and postcode.strip().startswith(f"{wanted}-"):  # a ZIP code with its extension
        return True
    first, dots, last = wanted.partition("..")
    if dots:
        return len(first) <= len(code) and first <= code[: len(first)] and code[: len(last)] <= last
    return code.startswith(wanted[:-1]) if wanted.endswith("*") else code == wanted


def _check_currency(order: Order, rules: Iterable[TaxRule]) -> None:
    for rule in rules:
        if rule.currency is not None and rule.currency != order.currency:
            raise Held(f"tax_currency: the tax {rule.name!r} is an amount in {rule.currency}, but the order is in {order.currency}")


def _per_order(order: Order, rules: Sequence[TaxRule], matching: Sequence[Sequence[TaxRule]]) -> dict[tuple[int, int], Fraction]:
    """What each line bears of the amounts per order, in proportion to what the lines cost."""
    shares: dict[tuple[int, int], Fraction] = {}
    for rule in rules:
        if rule.kind is not TaxRuleKind.PER_ORDER or rule.amount is None:
            continue
        bearing = [index for index, applied in enumerate(matching) if rule in applied]
        weights = [Fraction(abs(order.lines[index].amount)) for index in bearing]
        if bearing and not any(weights):
            weights = [Fraction(1)] * len(bearing)
        shares |= {(id(rule), index): Fraction(rule.amount) * weight / sum(weights) for index, weight in zip(bearing, weights, strict=True)}
    return shares


def _exact(line: Line, rules: Sequence[TaxRule], per_order: dict[int, Fraction], order: Order) -> list[Fraction]:
    """What each rule comes to on a line, exactly, in major units. Each tax is `slope x net + fixed`; with inclusive prices the net follows
    from the sum of all."""
    slopes: list[Fraction] = []
    fixed: list[Fraction] = []
    for rule in rules:
        lower = [index for index, other in enumerate(rules[: len(slopes)]) if rule.compound and other.priority < rule.priority]
        if rule.kind is TaxRuleKind.PERCENTAGE:
            rate = Fraction(rule.rate or 0)
            slopes.append(rate * (1 + sum(slopes[index] for index in lower)))
            fixed.append(rate * sum(fixed[index] for index in lower))
        else:
            slopes.append(Fraction(0))
            quantity = Fraction(line.quantity) if line.amount >= 0 else -Fraction(line.quantity)
            fixed.append(per_order.get(id(rule), Fraction(rule.amount or 0) * quantity))
    net = Fraction(line.amount)
    if order.prices_include_tax:
        net = (net - sum(fixed)) / (1 + sum(slopes))
        if line.amount > 0 and net < 0:
            raise Held(f"tax_exceeds_price: the taxes of line {line.id} come to more than the price that contains them")
    return [slope * net + amount for slope, amount in zip(slopes, fixed, strict=True)]


def _rounded(
    rules: Sequence[TaxRule],
    matching: Sequence[Sequence[TaxRule]],
    exact: Sequence[Sequence[Fraction]],
    currency: str,
    rounding: Rounding,
) -> list[list[_Share]]:
    """The taxes of each line in minor units, adding up to what is rounded: the line's, the rule's or the document's. An amount per order is
    whole, however many lines share it."""
    unit = 10 ** exponent(currency)
    result = [
        [_Share(rule, _half_up(amount * unit)) for rule, amount in zip(applied, amounts, strict=True)]
        for applied, amounts in zip(matching, exact, strict=True)
    ]
    if rounding is Rounding.LINE:
        rules = [rule for rule in rules if rule.kind is TaxRuleKind.PER_ORDER]
    members = {id(rule): [(line, applied.index(rule)) for line, applied in enumerate(matching) if rule in applied] for rule in rules}
    sums = [sum((exact[line][position] for line, position in members[id(rule)]), Fraction(0)) for rule in rules]
    targets = [_half_up(amount * unit) for amount in sums]
    if rounding is Rounding.DOCUMENT:
        targets = place([_decimal(amount) for amount in sums], _half_up(sum(sums, Fraction(0)) * unit), currency)
    for rule, target in zip(rules, targets, strict=True):
        where = members[id(rule)]
        amounts = place([_decimal(exact[line][position]) for line, position in where], target, currency)
        if where:
            amounts[-1] += target - sum(amounts)
        for (line, position), amount in zip(where, amounts, strict=True):
            result[line][position] = _Share(rule, amount)
    return result


def _half_up(amount: Fraction) -> Minor:
    return divide_half_up(amount.numerator, amount.denominator)


def _decimal(amount: Fraction) -> Decimal:
    """A fraction with 15 decimal places, cut off: enough to compare remainders, and never beyond a half that was not reached."""
    scaled = abs(amount.numerator) * 10**15 // amount.denominator
    return Decimal(scaled if amount >= 0 else -scaled).scaleb(-15)


def _tax(share: _Share, currency: str) -> Tax:
    rule = share.rule
    rate = rule.rate if rule.kind is TaxRuleKind.PERCENTAGE else None
    return Tax(name=rule.name, amount=from_minor(share.amount, currency), rate=rate, compound=rule.compound)


def _total(order: Order, tax: Minor) -> Decimal:
    """The total with its tax: what was charged, unless exclusive prices have it still to be added."""
    if order.prices_include_tax:
        return order.totals.total
    lines = to_minor(exact_sum(line.amount for line in order.lines), order.currency)
    stated = to_minor(order.totals.total, order.currency)
    if abs(stated - lines) > len(order.lines) or not tax:
        return order.totals.total
    if stated > 0 and paid_amount(order) >= order.totals.total:
        raise Held(
            f"tax_on_paid_order: {text(tax, order.currency)} {order.currency} of tax would be added to an order that is paid: say that its"
            " prices include tax, or issue the document by hand"
        )
    return from_minor(stated + tax, order.currency)
