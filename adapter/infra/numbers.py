"""Numbers: drawn without gaps, in the order of time, safe with any number of processes on both databases; and the proof of it."""

from dataclasses import dataclass
from datetime import date, datetime

from tortoise import fields
from tortoise.expressions import F
from tortoise.models import Model

from adapter.domain.document import DocumentKind, Mode
from adapter.domain.entity import Entity
from adapter.domain.numbering import NumberFormat, Reset, period
from adapter.infra.models import CounterRow, DocumentRow, EntityRow, SeriesRow, new_id
from adapter.infra.sources import entity_of

DEFAULT_FORMATS = {DocumentKind.INVOICE: "INV-{year}-{n:06}", DocumentKind.CREDIT_NOTE: "CN-{year}-{n:06}"}


class NumberRow(Model):
    """A number that was drawn, for ever: it stays when its document is gone, so that the series can be shown to be complete."""

    id = fields.CharField(max_length=36, primary_key=True, default=new_id)
    series: fields.ForeignKeyRelation[SeriesRow] = fields.ForeignKeyField("adapter.SeriesRow", on_delete=fields.RESTRICT)
    period = fields.CharField(max_length=10)
    n = fields.BigIntField()
    number = fields.CharField(max_length=64)
    removed_on = fields.DateField(null=True)
    """The day on which its document was deleted because its retention was over."""

    class Meta:
        table = "number"
        unique_together = (("series_id", "period", "n"), ("series_id", "number"))


def default_format(kind: DocumentKind, mode: Mode) -> str:
    """The format of a series that nobody configured; test documents are told apart by their numbers too."""
    return ("TEST-" if mode is Mode.TEST else "") + DEFAULT_FORMATS[kind]


async def series_of(entity: Entity, kind: DocumentKind) -> SeriesRow:
    """The entity's series for this kind in its present mode, made with the default format at first use."""
    row = SeriesRow(
        entity_id=entity.id, mode=entity.mode.value, kind=kind.value, format=default_format(kind, entity.mode), reset=Reset.YEARLY.value
    )
    await SeriesRow.bulk_create([row], ignore_conflicts=True)
    return await SeriesRow.get(entity_id=entity.id, mode=entity.mode.value, kind=kind.value)


async def draw(entity: Entity, kind: DocumentKind, now: datetime) -> tuple[str, date]:
    """The next number and its issue date, in the present transaction: a rollback gives the number back, so there are no gaps.

    The series stays locked until the transaction ends. The issue date is today in the entity's time zone, and never before that of the
    previous number even when the clock was set back.
    """
    series = await SeriesRow.filter(id=(await series_of(entity, kind)).id).select_for_update().get()
    today = now.astimezone(entity.zone).date()
    newest = await CounterRow.filter(series_id=series.id, last_date__gt=today).order_by("-last_date").first()
    day = newest.last_date if newest is not None and newest.last_date is not None else today
    key = period(day, Reset(series.reset))
    await CounterRow.bulk_create([CounterRow(series_id=series.id, period=key)], ignore_conflicts=True)
    await CounterRow.filter(series_id=series.id, period=key).update(drawn=F("drawn") + 1, last_date=day)
    counter = await CounterRow.get(series_id=series.id, period=key)
    number = NumberFormat.parse(series.format, series.reset).number(counter.drawn, day)
    await NumberRow.create(series_id=series.id, period=key, n=counter.drawn, number=number)
    return number, day


async def take_over(series: SeriesRow, next_number: int | None, key: str, first: int = 1) -> str | None:
    """Have a series, which the caller has locked, count on at `next_number` in the period `key`, and not before `first`.

    Another system has given the numbers until then; they are noted, so that they are no gaps. Each `next_number` is followed once: that a
    configuration still names it is no reason to jump in the next period too. Returns why it is not followed, to be told.
    """
    if next_number is None and first == 1:
        return None
    await CounterRow.bulk_create([CounterRow(series_id=series.id, period=key)], ignore_conflicts=True)
    counter = await CounterRow.get(series_id=series.id, period=key)
    least = max(counter.drawn + 1, first)
    follow = next_number is not None and next_number != series.next_number and next_number >= least
    start = next_number if follow and next_number is not None else least
    if follow or start > counter.drawn + 1:
        elsewhere = [*(counter.elsewhere or []), [counter.drawn + 1, start - 1]]
        await CounterRow.filter(id=counter.id).update(drawn=start - 1, elsewhere=elsewhere)
    if next_number is None:
        return None
    await SeriesRow.filter(id=series.id).update(next_number=next_number)
    counters = await CounterRow.filter(series_id=series.id)
    if any(last == next_number - 1 for each in counters for _, last in each.elsewhere or []):
        return None
    return f"counts on at {start}; next_number {next_number} is not followed, because a series only counts forward"


@dataclass(frozen=True)
class PeriodReport:
    """One period of a series: the last number and its running number, how many were given by another system, how many documents are gone
    because their retention was over, and the numbers that should have a document and have none."""

    period: str
    last: str | None
    drawn: int
    elsewhere: int
    removed: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class SeriesReport:
    """A series: how it is written, what comes next, what its country dislikes about it, and each of its periods, oldest first."""

    entity: str
    mode: str
    kind: str
    format: str
    reset: str
    period: str
    next_numbers: tuple[str, ...]
    warnings: tuple[str, ...]
    periods: tuple[PeriodReport, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The missing numbers of all periods; empty as it should be."""
        return tuple(number for each in self.periods for number in each.missing)


async def report(now: datetime, entity_id: str | None = None) -> list[SeriesReport]:
    """Every series that there is, or every one of an entity."""
    wanted = {"entity_id": entity_id} if entity_id is not None else {}
    rows = await SeriesRow.filter(**wanted).order_by("entity_id", "mode", "kind")
    return [await _series_report(row, now) for row in rows]


async def _series_report(row: SeriesRow, now: datetime) -> SeriesReport:
    entity_id: str = row.entity_id  # type: ignore[attr-defined]
    entity = entity_of(await EntityRow.get(id=entity_id))
    written = NumberFormat.parse(row.format, row.reset)
    # Counters, then numbers, then documents: what is drawn meanwhile is then no gap.
    counters = await CounterRow.filter(series_id=row.id).order_by("period")
    numbers: dict[str, list[NumberRow]] = {counter.period: [] for counter in counters}
    for number in await NumberRow.filter(series_id=row.id, period__in=list(numbers)).order_by("n"):
        numbers[number.period].append(number)
    documents = DocumentRow.filter(entity_id=entity_id, mode=row.mode, kind=row.kind)
    existing = {str(number) for number in await documents.values_list("number", flat=True)}
    today = max([now.astimezone(entity.zone).date(), *(counter.last_date for counter in counters if counter.last_date)])
    current = written.period(today)
    drawn = next((counter.drawn for counter in counters if counter.period == current), 0)
    return SeriesReport(
        entity=entity_id,
        mode=row.mode,
        kind=row.kind,
        format=row.format,
        reset=row.reset,
        period=current,
        next_numbers=written.next_numbers(3, today, drawn + 1),
        warnings=written.warnings(entity.address.country),
        periods=tuple(_period_report(counter, numbers[counter.period], written, existing) for counter in counters),
    )


def _period_report(counter: CounterRow, rows: list[NumberRow], written: NumberFormat, existing: set[str]) -> PeriodReport:
    elsewhere = {n for first, last in counter.elsewhere or [] for n in range(first, last + 1)}
    known = {row.n for row in rows} | elsewhere
    missing = [(row.n, row.number) for row in rows if row.removed_on is None and row.number not in existing]
    missing += [(n, f"no. {n} of {written.text}") for n in range(1, counter.drawn + 1) if n not in known]
    return PeriodReport(
        period=counter.period,
        last=rows[-1].number if rows else None,
        drawn=counter.drawn,
        elsewhere=len(elsewhere),
        removed=sum(row.removed_on is not None for row in rows),
        missing=tuple(number for _, number in sorted(missing)),
    )
