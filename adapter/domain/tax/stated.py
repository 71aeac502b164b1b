"""The taxes that an order states, placed on its lines in minor units: per line and per name and rate, adding up to the order's figures."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from adapter.domain.money import Minor, allocate, exact_sum, place, share_out, text, to_minor
from adapter.domain.order import Line, LineKind, Order, Tax
from adapter.errors import Held

TAX_MISMATCH = "tax_mismatch"
"""The code of taxes that contradict each other."""
_UNTAXED_KINDS = frozenset({LineKind.GIFT_CARD, LineKind.TIP, LineKind.DUTY, LineKind.ROUNDING})
"""Kinds that bear tax only where the platform says so: a multi-purpose voucher is taxed when it is used, tips and duties are no sale."""


class TaxKey(NamedTuple):
    """What tells one tax of an order from another."""

    name: str
    rate: Decimal | None


Remark = tuple[str, str, str]
"""Severity, code and message of something that was noticed."""


@dataclass
class _Placing:
    """The order at hand, and what was noticed on the way."""

    order: Order
    lines: Sequence[Line]
    stated: list[dict[TaxKey, Decimal]]
    remarks: list[Remark] = field(default_factory=list)

    @cached_property
    def bearing(self) -> dict[TaxKey, list[int]]:
        """For each tax, the lines that state it."""
        found: dict[TaxKey, list[int]] = {}
        for index, taxes in enumerate(self.stated):
            for key in taxes:
                found.setdefault(key, []).append(index)
        return found

    @property
    def tolerance(self) -> Minor:
        return len(self.lines)

    def money(self, amount: Minor) -> str:
        return f"{text(amount, self.order.currency)} {self.order.currency}"


def tax_per_line(order: Order, lines: Sequence[Line]) -> tuple[list[dict[TaxKey, Minor]], list[Remark]]:
    """For each of `lines` its taxes in minor units, and what was noticed.

    Taxes that only the order states are spread over its taxable lines by amount. Raises `Held`, with the figures, where the order's
    summary, its total tax and the taxes of its lines contradict each other by more than one minor unit per line.
    """
    placing, summary = _read(order, lines)
    figures = _figures(placing, summary)
    result: list[dict[TaxKey, Minor]] = [dict.fromkeys(taxes, 0) for taxes in placing.stated]
    for key, figure in figures.items():
        for index, amount in _over_lines(placing, key, figure).items():
            result[index][key] = amount
    return result, placing.remarks


def with_stated_tax(order: Order) -> Order:
    """The order with the sum of the taxes that it states, by its summary and else by its lines, as its total tax: for a person who has
    compared them and has it invoiced although the shop's total tax is another one."""
    placing, summary = _read(order, order.lines)
    return order.model_copy(update={"totals": order.totals.model_copy(update={"tax": exact_sum(_exact(placing, summary).values())})})


def _read(order: Order, lines: Sequence[Line]) -> tuple[_Placing, dict[TaxKey, Decimal]]:
    summary = _merged(order.taxes)
    stated = [_merged(line.taxes) for line in lines]
    names = _same_taxes((key for taxes in stated for key in taxes), summary)
    return _Placing(order, lines, [{names.get(key, key): amount for key, amount in taxes.items()} for taxes in stated]), summary


def _of_lines(placing: _Placing) -> dict[TaxKey, Decimal]:
    return {key: exact_sum(placing.stated[index][key] for index in indexes) for key, indexes in placing.bearing.items()}


def _exact(placing: _Placing, summary: Mapping[TaxKey, Decimal]) -> dict[TaxKey, Decimal]:
    """What is stated of each tax."""
    of_lines = _of_lines(placing)
    return {**of_lines, **{key: amount for key, amount in summary.items() if amount or key in of_lines}}


def _merged(taxes: Iterable[Tax]) -> dict[TaxKey, Decimal]:
    merged: dict[TaxKey, Decimal] = {}
    for tax in taxes:
        key = TaxKey(tax.name or "Tax", tax.rate)
        merged[key] = exact_sum((merged.get(key, Decimal(0)), tax.amount))
    return merged


def _same_taxes(of_lines: Iterable[TaxKey], of_summary: Iterable[TaxKey]) -> dict[TaxKey, TaxKey]:
    """Which tax of the summary a line's tax is, where the platform names them differently or leaves out a rate in one of the places.

    Taken to be the same where both sides have only one left of a rate, then of a name, then at all; never two of different rates.
    """
    mine, theirs = dict.fromkeys(of_lines), dict.fromkeys(of_summary)
    same = {key: key for key in mine if key in theirs}
    features: tuple[Callable[[TaxKey], object], ...] = (lambda key: key.rate, lambda key: key.name, lambda key: True)
    for feature in features:
        taken = set(same.values())
        left, right = (
            _single([key for key in mine if key not in same], feature),
            _single([key for key in theirs if key not in taken], feature),
        )
        pairs = [(left[value], right[value]) for value in left if value is not None and value in right]
        same.update({a: b for a, b in pairs if a.rate == b.rate or a.rate is None or b.rate is None})
    return same


def _single(keys: Sequence[TaxKey], feature: Callable[[TaxKey], object]) -> dict[object, TaxKey]:
    """The taxes that no other one shares a feature with, by that feature."""
    counts = Counter(feature(key) for key in keys)
    return {feature(key): key for key in keys if counts[feature(key)] == 1}


def _figures(placing: _Placing, summary: Mapping[TaxKey, Decimal]) -> dict[TaxKey, Minor]:
    """What each tax comes to: the order's summary, else the sum of its lines, rounded so that together they are the total tax."""
    order, currency = placing.order, placing.order.currency
    of_lines = _of_lines(placing)
    total = to_minor(order.totals.tax, currency)
    foreign = [key for key, amount in summary.items() if amount and key not in of_lines]
    if foreign and of_lines and abs(to_minor(exact_sum(of_lines.values()), currency) - total) <= placing.tolerance:
        placing.remarks.append(("info", "tax_summary_unmatched", f"the order's tax summary names {foreign[0].name!r}, which no line bears"))
        summary = {}
    exact = _exact(placing, summary)
    if not exact and total:
        exact = {TaxKey("Tax", None): order.totals.tax}
    figures = dict(zip(exact, place(list(exact.values()), total, currency), strict=True))
    gap = total - sum(figures.values())
    return _with_gap(placing, figures, gap, has_summary=bool(summary)) if gap else figures


def _with_gap(placing: _Placing, figures: dict[TaxKey, Minor], gap: Minor, *, has_summary: bool) -> dict[TaxKey, Minor]:
    """The figures where they and the order's total tax differ by `gap`, beyond what rounding explains."""
    total = to_minor(placing.order.totals.tax, placing.order.currency)
    stated = f"the taxes add up to {placing.money(total - gap)}, but the order's total tax is {placing.money(total)}"
    if abs(gap) <= placing.tolerance:
        placing.remarks.append(("info", "tax_total_differs", stated))
        if has_summary:
            return figures
        weights = [abs(figure) for figure in figures.values()]
        shares = allocate(gap, weights if any(weights) else [1] * len(weights))
        return {key: figure + share for (key, figure), share in zip(figures.items(), shares, strict=True)}
    if total == 0:
        placing.remarks.append(("warning", "tax_total_missing", f"{stated}: the stated taxes are taken"))
        return figures
    if not has_summary and len(figures) == 1 and not all(placing.stated):
        return {key: figure + gap for key, figure in figures.items()}
    raise Held(f"{TAX_MISMATCH}: {stated}: correct the order's taxes or issue the document by hand", accept=[TAX_MISMATCH])


def _over_lines(placing: _Placing, key: TaxKey, figure: Minor) -> dict[int, Minor]:
    """One tax on the lines that bear it, by line index, adding up to `figure`."""
    bearing = placing.bearing.get(key, [])
    shares = place([placing.stated[index][key] for index in bearing], figure, placing.order.currency)
    gap = figure - sum(shares)
    weights = [abs(share) or int(bool(placing.lines[index].amount)) for index, share in zip(bearing, shares, strict=True)]
    if gap and any(weights) and abs(gap) <= placing.tolerance:
        shares = [share + more for share, more in zip(shares, allocate(gap, weights), strict=True)]
        gap = 0
    result = dict(zip(bearing, shares, strict=True))
    if gap:
        severity = "warning" if any(placing.stated) else "info"
        placing.remarks.append((severity, "tax_spread", f"{placing.money(gap)} of {key.name!r} is stated for no line: spread by amount"))
        for index, share in _spread(placing, key, gap, bearing).items():
            result[index] = result.get(index, 0) + share
    return result


def _spread(placing: _Placing, key: TaxKey, gap: Minor, bearing: Sequence[int]) -> dict[int, Minor]:
    """What no line states of a tax, over the taxable lines that state none, else over all taxable lines, in proportion to their amounts."""
    amounts = [to_minor(line.amount, placing.order.currency) for line in placing.lines]
    taxable = [index for index, line in enumerate(placing.lines) if amounts[index] and _is_taxable(line)]
    silent = [index for index in taxable if not placing.stated[index]]
    if bearing:
        chosen = [index for index in silent if (amounts[index] > 0) == (gap > 0)]
    else:
        chosen = silent or taxable or [index for index, amount in enumerate(amounts) if amount]
        if sum(amounts[index] for index in chosen) == 0:
            chosen = [index for index in chosen if amounts[index] > 0]
    if not chosen:
        raise Held(
            f"{TAX_MISMATCH}: {placing.money(gap)} of the tax {key.name!r} belongs to no line of the order:"
            " correct the order's taxes or issue the document by hand"
        )
    return dict(zip(chosen, share_out(gap, [amounts[index] for index in chosen]), strict=True))


def _is_taxable(line: Line) -> bool:
    return line.kind not in _UNTAXED_KINDS if line.taxable is None else line.taxable
