"""VAT in the national currency: rates, days, and what credit notes keep."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.document import NationalTax, TaxCategory, TaxGroup
from adapter.domain.tax.exchange import (
    ECB,
    ExchangeRate,
    credited,
    ecb_rates,
    national,
    national_currency,
    national_tax,
    rate_for,
    wanted_currency,
)
from adapter.domain.tax.supply import Scheme
from adapter.errors import GiveUp

FRIDAY = date(2026, 11, 20)
FILE = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube>
    <Cube time='2026-11-20'><Cube currency='USD' rate='1.1000'/><Cube currency='PLN' rate='4.3090'/>
    <Cube currency='JPY' rate='171.94'/></Cube>
    <Cube time='2026-11-19'><Cube currency='USD' rate='1.2500'/><Cube currency='PLN' rate='4.2500'/></Cube>
  </Cube>
</gesmes:Envelope>"""
RATES = ecb_rates(FILE.encode())


def group(tax: int) -> TaxGroup:
    return TaxGroup(category=TaxCategory.STANDARD, name="VAT", rate=Decimal("0.19"), base=tax * 5, tax=tax)


def test_the_file_of_the_central_bank() -> None:
    assert len(RATES) == 5
    assert RATES[0] == ExchangeRate(base="EUR", quote="USD", rate=Decimal("1.1000"), source=ECB, day=FRIDAY)
    assert {rate.day for rate in RATES} == {FRIDAY, date(2026, 11, 19)}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"not xml", b"<a/>", FILE.replace("1.1000", "1,1").encode(), FILE.replace("1.1000", "-1").encode(),
        FILE.replace("1.1000", "NaN").encode(), FILE.replace("2026-11-20", "20.11.2026").encode(),
        FILE.replace(" time='2026-11-20'", "").encode(), FILE.replace(" rate='1.1000'", "").encode(),
        FILE.replace("<gesmes:Envelope", "<!DOCTYPE x [<!ENTITY a 'b'>]><gesmes:Envelope").encode(), "\ud800".encode("utf-8", "replace"),
    ],
)  # fmt: skip
def test_what_is_not_the_file_is_refused(body: bytes) -> None:
    with pytest.raises(GiveUp, match="European Central Bank"):
        ecb_rates(body)


def test_currencies_that_no_longer_exist_are_left_out() -> None:
    assert len(ecb_rates(FILE.replace("JPY", "ZZZ").encode())) == 4


@pytest.mark.parametrize(
    ("base", "quote", "on", "wanted", "day"),
    [
        ("EUR", "USD", FRIDAY, "1.1000", FRIDAY),
        ("EUR", "USD", FRIDAY + timedelta(days=2), "1.1000", FRIDAY),
        ("EUR", "USD", FRIDAY - timedelta(days=1), "1.2500", date(2026, 11, 19)),
        ("USD", "EUR", FRIDAY, "0.9090909091", FRIDAY),
        ("EUR", "PLN", FRIDAY, "4.2500", date(2026, 11, 19)),
        ("EUR", "PLN", FRIDAY + timedelta(days=3), "4.3090", FRIDAY),
        ("USD", "PLN", FRIDAY, "3.4", date(2026, 11, 19)),
        ("USD", "JPY", FRIDAY, "156.3090909091", FRIDAY),
        ("EUR", "EUR", FRIDAY, "1", FRIDAY),
    ],
)
def test_the_rate_of_a_day(base: str, quote: str, on: date, wanted: str, day: date) -> None:
    rate = rate_for(RATES, base, quote, on)
    assert rate is not None
    assert (rate.base, rate.quote, rate.rate, rate.day) == (base, quote, Decimal(wanted), day)


def test_no_rate_is_invented() -> None:
    assert rate_for(RATES, "EUR", "GBP", FRIDAY) is None
    assert rate_for(RATES, "EUR", "USD", FRIDAY + timedelta(days=11)) is None
    assert rate_for(RATES, "EUR", "USD", date(2026, 11, 18)) is None
    assert rate_for(RATES, "EUR", "PLN", date(2026, 11, 19)) is None
    assert rate_for((), "EUR", "USD", FRIDAY) is None


def test_the_sum_of_the_tax_is_converted_once() -> None:
    rate = rate_for(RATES, "EUR", "PLN", FRIDAY)
    assert rate is not None
    assert national_tax([group(1), group(1), group(1)], "EUR", rate) == 13  # 0.03 x 4.25 = 0.1275
    assert national_tax([group(1900)], "EUR", rate) == 8075
    kept = national([group(1900)], "EUR", rate)
    assert (kept.currency, kept.tax, kept.rate, kept.source, kept.rate_date) == ("PLN", 8075, Decimal("4.2500"), ECB, date(2026, 11, 19))
    yen = rate_for(RATES, "EUR", "JPY", FRIDAY)
    assert yen is not None
    assert national_tax([group(1900)], "EUR", yen) == 3267  # 19.00 x 171.94 = 3266.86
    with pytest.raises(ValueError, match="is for EUR, the document is in USD"):
        national_tax([group(1)], "USD", yen)


def test_which_currency_is_asked_for() -> None:
    assert wanted_currency("PL", Scheme.DOMESTIC, "EUR", FRIDAY) == "PLN"
    assert wanted_currency("PL", Scheme.DOMESTIC, "PLN", FRIDAY) is None
    assert wanted_currency("PL", Scheme.OSS, "EUR", FRIDAY) is None
    assert wanted_currency("DE", Scheme.DOMESTIC, "USD", FRIDAY) == "EUR"
    assert wanted_currency("US", Scheme.DOMESTIC, "EUR", FRIDAY) is None
    assert wanted_currency("GB", Scheme.DOMESTIC, "EUR", FRIDAY) == "GBP"
    assert wanted_currency("US", Scheme.DOMESTIC, "EUR", FRIDAY, "USD") == "USD"
    assert (national_currency("BG", date(2025, 12, 31)), national_currency("BG", date(2026, 1, 1))) == ("BGN", "EUR")


@given(st.integers(1, 10**7), st.decimals(min_value="0.0001", max_value=400, places=4), st.data())
def test_credit_notes_at_the_original_rate_leave_nothing(tax: int, rate: Decimal, data: st.DataObject) -> None:
    original = NationalTax(currency="PLN", tax=national_tax([group(tax)], "EUR", _rate(rate)), rate=rate, source="NBP", rate_date=FRIDAY)
    notes: list[NationalTax] = []
    done = 0
    while done < tax and len(notes) < 6:
        done = tax if len(notes) == 5 else data.draw(st.integers(done + 1, tax))
        notes.append(credited(original, tax, notes, done))
        assert notes[-1].tax >= 0
        assert (notes[-1].rate, notes[-1].rate_date) == (rate, FRIDAY)
    assert sum(note.tax for note in notes) == original.tax
    assert credited(original, 0, [], 0).tax == 0


def _rate(rate: Decimal) -> ExchangeRate:
    return ExchangeRate(base="EUR", quote="PLN", rate=rate, source="NBP", day=FRIDAY)
