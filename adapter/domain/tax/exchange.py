"""VAT in the national currency: exchange rates with their source and day, and the tax that follows from them.

VAT Directive Art. 230: whatever a document's currency, the VAT payable stands in the currency of the state where it is due, converted by
Art. 91 (the European Central Bank's rate of the day, or of the last day that has one). Poland takes the rate of the business day before
(ustawa o VAT Art. 31a), and everywhere a credit note keeps the rate of the invoice it corrects.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from xml.parsers import expat

from eu_vat_rates_data import get_rate
from pydantic import Field

from adapter.domain.document import NationalTax, TaxGroup
from adapter.domain.frozen import Frozen
from adapter.domain.money import Amount, CurrencyCode, Minor, currency_code, divide_half_up, exact, from_minor, to_minor
from adapter.domain.order import Name
from adapter.domain.tax.supply import Scheme
from adapter.errors import GiveUp

ECB = "European Central Bank"
ECB_URL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
MAXIMUM_AGE = timedelta(days=10)
"""How old a rate may be: longer than any row of holidays."""
_DAY_BEFORE = frozenset({"PLN"})
_CONTEXT = Context(prec=40, rounding=ROUND_HALF_UP)
_PLACES = Decimal(1).scaleb(-10)
_ECB_NAMESPACE = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref"
_EURO_SINCE = {"BG": (date(2026, 1, 1), "BGN"), "HR": (date(2023, 1, 1), "HRK")}
"""Countries that took the euro, and what they had before."""


class ExchangeRate(Frozen):
    """One rate: `rate` units of `quote` for one unit of `base`, as `source` published it for `day`."""

    base: CurrencyCode
    quote: CurrencyCode
    rate: Amount = Field(gt=0)
    source: Name
    day: date


def ecb_rates(body: bytes) -> tuple[ExchangeRate, ...]:
    """The rates of the ECB's daily (or historical) file: units of each currency for one euro.

    Raises `GiveUp` for what is not that file: no XML, a document type (no entities are expanded), a day, code or rate that is none, or
    nothing at all. Currencies that ISO 4217 has dropped since are left out.
    """
    found: list[ExchangeRate] = []
    day: list[date] = []

    def element(name: str, attributes: dict[str, str]) -> None:
        if name != f"{_ECB_NAMESPACE} Cube":
            return
        if "time" in attributes:
            day[:] = [date.fromisoformat(attributes["time"])]
        if "currency" in attributes:
            rate = exact(attributes.get("rate"))
            if _is_currency(attributes["currency"]):
                found.append(ExchangeRate(base="EUR", quote=attributes["currency"], rate=rate, source=ECB, day=day[0]))

    def doctype(*_: object) -> None:
        raise ValueError("a document type is not allowed")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = element
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, IndexError) as error:
        raise GiveUp(f"this is not the exchange rate file of the European Central Bank: {error}") from None
    if not found:
        raise GiveUp("the exchange rate file of the European Central Bank has no rates in it")
    return tuple(found)


def rate_for(rates: Iterable[ExchangeRate], base: str, quote: str, on: date) -> ExchangeRate | None:
    """The rate from one currency to another on a day: the latest published for that day or one of the ten before, from one source.

    For Polish zloty the latest before that day. A rate that is stated the other way round is inverted, one that is stated for both against
    a third currency crossed, rounded half up to ten places. None where there is none: then a merchant has to state it.
    """
    if base == quote:
        return ExchangeRate(base=base, quote=quote, rate=Decimal(1), source="same currency", day=on)
    last = on - timedelta(days=1) if quote in _DAY_BEFORE else on
    usable = [rate for rate in rates if last - MAXIMUM_AGE <= rate.day <= last]
    by_day: dict[tuple[date, str], list[ExchangeRate]] = {}
    for rate in usable:
        by_day.setdefault((rate.day, rate.source), []).append(rate)
    for _, published in sorted(by_day.items(), key=lambda item: item[0][0], reverse=True):
        if found := _direct(published, base, quote) or _crossed(published, base, quote):
            return found
    return None


def national_tax(groups: Iterable[TaxGroup], currency: str, rate: ExchangeRate) -> Minor:
    """The tax of a document's groups, which are in `currency`, in minor units of the rate's quote currency: converted as one sum."""
    if rate.base != currency:
        raise ValueError(f"the exchange rate is for {rate.base}, the document is in {currency}")
    return to_minor(_CONTEXT.multiply(from_minor(sum(group.tax for group in groups), currency), rate.rate), rate.quote)


def national(groups: Iterable[TaxGroup], currency: str, rate: ExchangeRate) -> NationalTax:
    """`national_tax` with the rate that it came from, as it is kept with a document."""
    tax = national_tax(groups, currency, rate)
    return NationalTax(currency=rate.quote, tax=tax, rate=rate.rate, source=rate.source, rate_date=rate.day)


def credited(original: NationalTax, invoiced: Minor, before: Sequence[NationalTax], credited_tax: Minor) -> NationalTax:
    """The national tax of a credit note, at the invoice's own rate.

    `invoiced` is the invoice's tax and `credited_tax` that of all its credit notes with this one, in the document's currency; `before` are
    the earlier notes' figures. Rounded cumulatively, so that the last note leaves exactly nothing.
    """
    whole = divide_half_up(original.tax * credited_tax, invoiced) if invoiced else 0
    return original.model_copy(update={"tax": whole - sum(note.tax for note in before)})


def national_currency(country: str, on: date) -> str | None:
    """The currency in which VAT of a country is declared (45 European countries), or None where nothing is known of one."""
    since, before = _EURO_SINCE.get(country, (date.min, ""))
    if on < since:
        return before
    stated = get_rate(country)
    return stated["currency"] if stated else None


def wanted_currency(country: str, scheme: Scheme, currency: str, on: date, setting: str | None = None) -> str | None:
    """The currency in which the VAT of a document must also stand, or None.

    `country` is the one whose tax is due. Sales under the One-Stop Shops are declared in euro and need none (VAT Directive
    Art. 369h). `setting` is the entity's own choice.
    """
    if scheme in {Scheme.OSS, Scheme.IOSS, Scheme.SMALL_BUSINESS, Scheme.EXEMPT}:
        return None
    wanted = setting or national_currency(country, on)
    return wanted if wanted and wanted != currency else None


def _is_currency(code: str) -> bool:
    try:
        currency_code(code)
    except ValueError:
        return False
    return True


def _direct(published: Sequence[ExchangeRate], base: str, quote: str) -> ExchangeRate | None:
    for rate in published:
        if (rate.base, rate.quote) == (base, quote):
            return rate
        if (rate.base, rate.quote) == (quote, base):
            inverse = _CONTEXT.divide(Decimal(1), rate.rate)
            return rate.model_copy(update={"base": base, "quote": quote, "rate": _shortened(inverse)})
    return None


def _crossed(published: Sequence[ExchangeRate], base: str, quote: str) -> ExchangeRate | None:
    """Through a third currency that both are stated against, such as the euro."""
    for third in dict.fromkeys(currency for rate in published for currency in (rate.base, rate.quote)):
        first, second = _direct(published, third, base), _direct(published, third, quote)
        if first is not None and second is not None:
            crossed = _CONTEXT.divide(second.rate, first.rate)
            return second.model_copy(update={"base": base, "quote": quote, "rate": _shortened(crossed)})
    return None


def _shortened(rate: Decimal) -> Decimal:
    return Decimal(format(rate.quantize(_PLACES, context=_CONTEXT).normalize(_CONTEXT), "f"))
