"""Exchange rates that a merchant or a job feeds, for the tax in the national currency."""

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from pydantic import ValidationError
from tortoise import fields

from adapter.domain.tax.exchange import MAXIMUM_AGE, ExchangeRate, ecb_rates
from adapter.errors import GiveUp
from adapter.infra.models import Row, new_id

COLUMNS = ("day", "base", "quote", "rate", "source")


class RateRow(Row):
    """An exchange rate as it was published: units of `quote` for one of `base`, never changed once it is here."""

    base = fields.CharField(max_length=3)
    quote = fields.CharField(max_length=3)
    day = fields.DateField()
    source = fields.CharField(max_length=255)
    rate = fields.CharField(max_length=64)

    class Meta:
        table = "exchange_rate"
        unique_together = (("day", "base", "quote", "source"),)


def parse_rates(body: bytes) -> tuple[ExchangeRate, ...]:
    """The rates in a file: the European Central Bank's XML, or CSV in UTF-8 with the columns `day`, `base`, `quote`, `rate`, `source`.

    Raises `GiveUp` naming the line for what is neither.
    """
    return ecb_rates(body) if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else _csv_rates(body)


def _csv_rates(body: bytes) -> tuple[ExchangeRate, ...]:
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig")), strict=True)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise GiveUp(f"line 1: a file of exchange rates begins with {','.join(COLUMNS)}")
        found = tuple(_rate(row, reader.line_num) for row in reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise GiveUp(f"this is no CSV file of exchange rates: {error}") from None
    if not found:
        raise GiveUp("there are no exchange rates in the file")
    return found


def _rate(row: dict[str, str | None], line: int) -> ExchangeRate:
    try:
        return ExchangeRate.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        raise GiveUp(f"line {line}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


async def store_rates(rates: Iterable[ExchangeRate], now: datetime) -> int:
    """Keep rates; returns how many were new. One that is there stays as it is: documents were made with it."""
    rows = [
        RateRow(id=new_id(), created_at=now, base=one.base, quote=one.quote, day=one.day, source=one.source, rate=format(one.rate, "f"))
        for one in rates
    ]
    await RateRow.bulk_create(rows, ignore_conflicts=True)
    return await RateRow.filter(id__in=[row.id for row in rows]).count()


async def rates_around(day: date) -> tuple[ExchangeRate, ...]:
    """The rates that may be used for a supply on a day."""
    rows = await RateRow.filter(day__lte=day, day__gte=day - MAXIMUM_AGE - timedelta(days=1)).order_by("day", "source", "base", "quote")
    return tuple(ExchangeRate.model_validate({name: getattr(row, name) for name in COLUMNS}) for row in rows)
