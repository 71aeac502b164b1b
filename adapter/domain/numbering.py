"""Document numbers: formats such as `INV-{year}-{n:06}`, and when their count starts again.

A number must be unique and consecutive (VAT Directive Art. 226(2)), France asks for no gap, India for at most 16 letters, digits, `-` and
`/` (rule 46), Italy for at most 20 characters (FatturaPA 2.1.1.4), French e-invoices for at most 35 of `A-Z a-z 0-9 - + _ /`, Romania for a
digit. What makes numbers collide or is refused somewhere for certain is an error; what only some country dislikes is a warning.
"""

import re
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from itertools import pairwise
from string import Formatter
from typing import NamedTuple

from pydantic import model_validator

from adapter.domain.frozen import Frozen
from adapter.errors import Misconfigured

MAX_LENGTH = 35
LONGEST = {"IN": ("India", 16), "IT": ("Italy", 20)}
"""How many characters a number may have in a country."""
_MANY = 999_999
"""A count that a series may well reach in one period: what lengths are measured with."""

_PORTABLE = re.compile(r"[A-Za-z0-9\-/_+.]*")
_WIDTH = re.compile(r"0?[1-9]?[0-9]?")
_FIELDS = ("year", "yy", "month", "n")


class Reset(StrEnum):
    """When a series starts again at its first number, in the entity's time zone."""

    NEVER = "never"
    YEARLY = "yearly"
    MONTHLY = "monthly"


def period(day: date, reset: Reset) -> str:
    """The key of the counter that a day belongs to: `all`, `2026` or `2026-11`."""
    match reset:
        case Reset.NEVER:
            return "all"
        case Reset.YEARLY:
            return f"{day.year:04}"
        case Reset.MONTHLY:
            return f"{day.year:04}-{day.month:02}"


class _Piece(NamedTuple):
    """A field of a format, or a literal text where `field` is empty; `width` is what it is padded to with zeros."""

    field: str
    literal: str = ""
    width: int = 0


class NumberFormat(Frozen):
    """How the numbers of a series are written, and when they start again.

    The text holds `{n}` once (`{n:06}` pads it with zeros) and may hold `{year}`, `{yy}` and `{month}` (`{month:02}`) of the issue date.
    Raises `Misconfigured` for what is not portable or would give one number to two documents.
    """

    text: str
    reset: Reset = Reset.NEVER

    @model_validator(mode="after")
    def _is_sound(self) -> "NumberFormat":
        pieces = list(self._pieces())
        fields = [piece.field for piece in pieces if piece.field]
        if fields.count("n") != 1:
            raise self._problem("must contain {n}, the running number, exactly once, such as INV-{year}-{n:06}")
        if self.reset is not Reset.NEVER and not {"year", "yy"} & set(fields):
            raise self._problem(
                f"numbers would collide: the count starts again {self.reset}, so the format must contain {{year}} or {{yy}}"
            )
        if self.reset is Reset.MONTHLY and "month" not in fields:
            raise self._problem("numbers would collide: the count starts again monthly, so the format must contain {month:02}")
        if self._is_ambiguous(pieces):
            raise self._problem("numbers would collide: write {month:02}, or a character other than a digit between {month} and {n}")
        if self._longest() > MAX_LENGTH:
            raise self._problem(f"makes numbers of {self._longest()} characters; at most {MAX_LENGTH} are accepted")
        return self

    @classmethod
    def parse(cls, text: str, reset: Reset | str = Reset.NEVER) -> "NumberFormat":
        """The format of that text. Raises `Misconfigured` naming what is wrong with it."""
        if reset not in list(Reset):
            raise Misconfigured("number reset", f"{reset!r} is not one of never, yearly, monthly")
        return cls(text=text, reset=Reset(reset))

    def number(self, n: int, day: date) -> str:
        """The number `n` of a document issued on `day` in the entity's time zone."""
        if n < 1:
            raise ValueError(f"{n} is no running number: they start at 1")
        values = {"year": day.year, "yy": day.year % 100, "month": day.month, "n": n}
        return "".join(piece.literal or f"{values[piece.field]:0{piece.width}}" for piece in self._pieces())

    def next_numbers(self, count: int, day: date, first: int = 1) -> tuple[str, ...]:
        """The `count` numbers from `first` on, for a preview."""
        return tuple(self.number(n, day) for n in range(first, first + count))

    def period(self, day: date) -> str:
        """The key of the counter from which a document of that day takes its number."""
        return period(day, self.reset)

    def same_numbers(self, other: "NumberFormat") -> bool:
        """Whether both write the same numbers, apart from how far they are padded and when their counts start again."""
        return [piece[:2] for piece in self._pieces()] == [piece[:2] for piece in other._pieces()]

    def warnings(self, country: str | None = None) -> tuple[str, ...]:
        """What is allowed but refused in some countries, or in the one that is named (ISO 3166-1 alpha-2)."""
        longest = self._longest()
        found = [
            f"numbers reach {longest} characters; {name} accepts at most {most}"
            for code, (name, most) in LONGEST.items()
            if country in {None, code} and longest > most
        ]
        if country == "IN" and any(character in self.text for character in "_+."):
            found.append("India accepts letters, digits, - and / only")
        if country in {None, "FR"} and "." in self.text:
            found.append("a point is not accepted in numbers of French e-invoices; use - or /")
        if country in {None, "FR"} and self.reset is Reset.MONTHLY:
            found.append(
                "a count that starts again every month needs a reason in some countries, such as France; yearly is accepted everywhere"
            )
        return tuple(found)

    def _pieces(self) -> Iterator[_Piece]:
        try:
            parsed = list(Formatter().parse(self.text))
        except ValueError as error:
            raise self._problem(f"cannot be read: {error}") from error
        for literal, field, width, conversion in parsed:
            if not _PORTABLE.fullmatch(literal):
                raise self._problem(f"{literal!r} has characters beyond A-Z a-z 0-9 - / _ + . that are refused in some countries")
            if literal:
                yield _Piece("", literal)
            if field is None:
                continue
            if field not in _FIELDS or conversion or not _WIDTH.fullmatch(width or ""):
                raise self._problem(f"{{{field}}} is not known; there are {{year}}, {{yy}}, {{month:02}} and {{n:06}}")
            yield _Piece(field, width=max(int(width or 0), {"year": 4, "yy": 2}.get(field, 1)))

    def _is_ambiguous(self, pieces: list[_Piece]) -> bool:
        """Whether January's 11 and November's 1 could be written alike: two fields of open width with nothing but digits between."""
        open_fields = [index for index, piece in enumerate(pieces) if piece.field == "n" or (piece.field == "month" and piece.width < 2)]
        between = [pieces[a + 1 : b] for a, b in pairwise(open_fields)]
        return any(all(piece.field or piece.literal.isdigit() for piece in gap) for gap in between)

    def _longest(self) -> int:
        return len(self.number(_MANY, date(2026, 12, 31)))

    def _problem(self, problem: str) -> Misconfigured:
        return Misconfigured(f"number format {self.text!r}", problem)
