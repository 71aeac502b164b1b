"""The tax side of an invoice, in one go: computed where the order states none, adopted, classified, put into words, and converted.

Amounts are never raised above what was charged: prices without tax whose total leaves no room for any are taken to include it.
"""

from collections.abc import Iterable, Sequence

from pydantic import Field

from adapter.domain.document import DocumentLine, DocumentTotals, NationalTax, TaxGroup
from adapter.domain.frozen import Frozen
from adapter.domain.money import exact_sum, from_minor
from adapter.domain.order import Order, TaxGivenBy
from adapter.domain.phrases import Translate, tax_name
from adapter.domain.tax.adopt import Finding, Severity, adopt, only_line
from adapter.domain.tax.classify import Classified, classify, worded
from adapter.domain.tax.compute import compute, rules_for
from adapter.domain.tax.exchange import ExchangeRate, national, rate_for, wanted_currency
from adapter.domain.tax.rates import known_rates
from adapter.domain.tax.requirements import titles
from adapter.domain.tax.supply import Nature, Sale, Scheme, due, natures, selling_numbers

_SUPERSEDED = "category_unclassified"
"""What `adopt` remarks where nobody classifies."""


class Taxed(Frozen):
    """The body of an invoice with its legal categories. `order` is the one that was adopted: with the taxes that were computed."""

    order: Order
    lines: tuple[DocumentLine, ...]
    taxes: tuple[TaxGroup, ...]
    totals: DocumentTotals
    mentions: tuple[str, ...] = ()
    national_tax: NationalTax | None = None
    numbers: dict[str, str] = Field(default_factory=dict)
    """The seller's VAT numbers under which it is sold, by country (`supply.selling_numbers`)."""
    findings: tuple[Finding, ...] = ()


def taxed(
    order: Order,
    facts: Sale,
    *,
    language: str,
    translate: Translate,
    second: tuple[str, Translate] | None = None,
    rates: Sequence[ExchangeRate] = (),
) -> Taxed:
    """The lines, taxes and mentions of an order's invoice, and what was noticed.

    `second` is a further language, with its catalogue, in which the mentions are said as well; `rates` are the exchange rates at hand.
    Raises `Held` as `compute` and `adopt` do.
    """
    order, computed = with_tax(order, facts, translate)
    adopted = adopt(order, translate)
    country = facts.home.country
    classified = classify(facts, adopted, tax_name(titles(country).tax, translate))
    taxes, mentions, unproven = worded(classified, country, language, translate)
    if second is not None:
        _, again, also_unproven = worded(classified, country, *second)
        mentions, unproven = _twice(mentions, again), (*unproven, *also_unproven)
    national_tax, lacking = _national_tax(classified, facts, order.currency, rates)
    noticed = (*computed, *adopted.findings, *classified.findings, *unproven, *lacking)
    return Taxed(
        order=order,
        lines=classified.lines,
        taxes=taxes,
        totals=adopted.totals,
        mentions=mentions,
        national_tax=national_tax,
        numbers=_numbers(classified, facts),
        findings=tuple(dict.fromkeys(finding for finding in noticed if finding.code != _SUPERSEDED)),
    )


def with_tax(order: Order, facts: Sale, translate: Translate) -> tuple[Order, tuple[Finding, ...]]:
    """The order with the tax that its storefront left out, where the entity's settings have it computed (`TaxSettings.computes`).

    The total stays what was charged: with prices that include tax it is taken out of them, without them it must be in the total already.
    """
    if order.tax_given_by is not TaxGivenBy.NOBODY or not facts.settings.computes:
        return order, ()
    whole = order if order.lines else order.model_copy(update={"lines": (only_line(order, translate),)})
    contained = whole.prices_include_tax or not _leaves_room(whole)
    rules = rules_for(facts, [line.kind for line in whole.lines], titles(facts.home.country).tax)
    result = compute(whole.model_copy(update={"prices_include_tax": contained}), rules, facts, facts.settings.rounds(facts.home.country))
    if result.tax_given_by is TaxGivenBy.NOBODY:
        return order, ()
    findings = [
        Finding(severity=Severity.INFO, code="tax_computed", message="the shop states no tax: it was computed by the entity's tax settings")
    ]
    if contained and not order.prices_include_tax:
        told = "the shop states prices without tax and charged none: the tax was taken out of the total, which is what the customer paid"
        findings.append(Finding(severity=Severity.WARNING, code="tax_within_total", message=told))
    return result, tuple(findings)


def _leaves_room(order: Order) -> bool:
    """Whether the total is more than the lines come to, beyond rounding."""
    room = exact_sum((order.totals.total, *(-line.amount for line in order.lines)))
    return room > from_minor(len(order.lines), order.currency)


def _twice(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Each mention in both languages, no words of it said twice."""
    both = (dict.fromkeys((*one.split(" / "), *other.split(" / "))) for one, other in zip(first, second, strict=True))
    return tuple(" / ".join({part.casefold(): part for part in parts}.values()) for parts in both)


def _numbers(classified: Classified, facts: Sale) -> dict[str, str]:
    """Under which numbers the lines are sold: the one at home where its rate was charged although another country's is due."""
    used = []
    for line, nature in zip(classified.lines, natures(line.kind for line in classified.lines), strict=True):
        treatment, charged = due(facts, nature), {tax.rate for tax in line.taxes if tax.rate}
        if charged and treatment.scheme is Scheme.REGISTERED and not charged & known_rates(treatment.country or "", facts.on):
            at_home = charged & known_rates(facts.home.country, facts.on)
            treatment = treatment._replace(scheme=Scheme.DOMESTIC) if at_home else treatment
        if nature is not Nature.NONE:
            used.append(treatment)
    return selling_numbers(facts, used)


def _national_tax(
    classified: Classified, facts: Sale, currency: str, rates: Iterable[ExchangeRate]
) -> tuple[NationalTax | None, tuple[Finding, ...]]:
    """The tax in the currency of the state where it is due, where that is another one than the document's."""
    if not sum(group.tax for group in classified.taxes):
        return None, ()
    kinds = natures(line.kind for line in classified.lines)
    treatments = [due(facts, nature) for line, nature in zip(classified.lines, kinds, strict=True) if line.tax]
    where = next((one for one in treatments if one.category.taxed and one.country), None)
    wanted = where and wanted_currency(where.country or "", where.scheme, currency, facts.on, facts.settings.tax_currency)
    if not wanted:
        return None, ()
    rate = rate_for(rates, currency, wanted, facts.on)
    if rate is None:
        told = f"the tax must also stand in {wanted}, but no exchange rate from {currency} is known for {facts.on.isoformat()}"
        missing = Finding(
            severity=Severity.WARNING, code="exchange_rate_missing", message=f"{told}: `storefront-adapter rates FILE` takes one"
        )
        return None, (missing,)
    return national(classified.taxes, currency, rate), ()
