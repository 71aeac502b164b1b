"""What credit notes give back of an invoice, line by line, so that the last one leaves exactly nothing.

A bucket is a line of the invoice with each of its taxes and its net. Giving back a gross amount moves each of them in proportion,
cumulatively: after `refunded` of `gross`, a tax of T should have given back T x refunded / gross. What rounding to whole units takes from
a tax on one line of a note the next line of that note gets, so that each rate of the note is the exact share, rounded once, however many
lines bear it (EN 16931 accepts a whole unit of the currency, BR-CO-17). No tax and no net ever runs against the refund, and a line that
is given back entirely gives what is left of each. A tax that the platform states for goods is taken where it is the exact share within a
unit. A negative line of the invoice (a discount) is a bucket like any other: giving it back takes from the note what it took from the
invoice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from adapter.domain.amended import TaxKey, is_amendment, tax_key
from adapter.domain.document import Document, DocumentLine, LineTax
from adapter.domain.money import Minor, divide_half_up, from_minor, quotient, share_out
from adapter.domain.phrases import Phrase, Translate, in_english, say


@dataclass
class Bucket:
    """One line of the invoice. `whole` and `given` are its taxes in their order and then its net, signed as on the invoice."""

    line: DocumentLine
    whole: list[Minor]
    given: list[Minor]
    taken: Minor = 0
    """The gross that the note at hand gives back."""
    by_amount: Minor = 0
    """What of the gross that was given back was an amount placed on the line, less what was kept of it."""

    @property
    def left(self) -> Minor:
        """The gross that is still to be given back, with the sign of the invoice's line."""
        return self.line.gross - sum(self.given) - self.taken

    def left_taxes(self) -> tuple[LineTax, ...]:
        """What earlier notes have left of each tax."""
        left = [whole - given for whole, given in zip(self.whole, self.given, strict=True)]
        return tuple(tax.model_copy(update={"amount": amount}) for tax, amount in zip(self.line.taxes, left[:-1], strict=True))


@dataclass
class Entry:
    """One line of the note at hand: so much of a bucket, under a name."""

    bucket: Bucket
    gross: Minor
    name: str
    quantity: Decimal = Decimal(1)
    goods: bool = False
    """Whether the invoice's line itself comes back, rather than an amount that is placed on it."""
    tax: Minor | None = None
    """What the platform says is the tax in it."""

    @property
    def is_whole_line(self) -> bool:
        """Whether this gives back a line of the invoice at once, as it was charged."""
        return self.goods and self.gross == self.bucket.line.gross and self.quantity == self.bucket.line.quantity


@dataclass
class Ledger:
    """The buckets of an invoice after its earlier credit notes, and the entries of the note that is being made."""

    invoice: Document
    buckets: list[Bucket]
    entries: list[Entry] = field(default_factory=list)
    translate: Translate = in_english

    @classmethod
    def after(
        cls, invoice: Document, earlier: Sequence[Document], translate: Translate = in_english, also: Sequence[DocumentLine] = ()
    ) -> "Ledger":
        """The ledger of an invoice from which `earlier` credit notes, and lines `also`, have already given back; `translate` names the
        entries. Credit notes for changes of the order count with what they move of refunds: what they take off is not in the invoice."""
        buckets = {
            line.position: Bucket(line, [*(tax.amount for tax in line.taxes), line.net], [0] * (len(line.taxes) + 1))
            for line in invoice.lines
        }
        returned = (line for note in earlier for line in note.lines if line.by_amount or not is_amendment(note))
        for line in (line for line in (*returned, *also) if line.original_line in buckets):
            bucket = buckets[line.original_line or 0]
            bucket.by_amount += line.gross if line.by_amount else 0
            amounts = {tax_key(tax): tax.amount for tax in line.taxes}
            taxes = [amounts.get(tax_key(tax), 0) for tax in bucket.line.taxes]
            bucket.given = [given + more for given, more in zip(bucket.given, [*taxes, line.gross - sum(taxes)], strict=True)]
        return cls(invoice, list(buckets.values()), translate=translate)

    @property
    def left(self) -> Minor:
        """The gross of the invoice that is still to be given back."""
        return sum(bucket.left for bucket in self.buckets)

    def take(
        self, bucket: Bucket, gross: Minor, name: str, quantity: Decimal = Decimal(1), *, goods: bool = False, tax: Minor | None = None
    ) -> None:
        """Give back `gross` of a bucket, of which the platform says that `tax` is tax; the caller keeps it between what the note has taken
        and what is left."""
        bucket.taken += gross
        self.entries.append(Entry(bucket, gross, name, quantity, goods, tax))

    def spread(self, gross: Minor, buckets: Sequence[Bucket], parts: Sequence[Minor], name: str | None) -> None:
        """Give back `gross` over buckets in proportion to `parts`, each entry named after the amount and the invoice's line."""
        for bucket, share in zip(buckets, share_out(gross, parts), strict=True):
            if share:
                own = bucket.line.name
                whole = own if name is None else say(Phrase.OF_LINE, self.translate, name=name, line=own)
                self.take(bucket, share, whole[:2_000])

    def give_more(self, gross: Minor, name: str) -> None:
        """Place a positive amount, at most what is left, on all lines by their remaining gross."""
        open_buckets = [bucket for bucket in self.buckets if bucket.left]
        self.spread(gross, open_buckets, [bucket.left for bucket in open_buckets], name)

    def can_give_less(self, gross: Minor) -> bool:
        """Whether the note can give back that much (negative) less."""
        return -gross <= sum(-min(0, bucket.left) + max(0, bucket.taken) for bucket in self.buckets)

    def give_less(self, gross: Minor, name: str) -> None:
        """Place a negative amount: on negative lines that are left, such as the discount on the goods that come back, and beyond
        those on what this note gives back, by its gross. Never below zero on any line."""
        discounts = [bucket for bucket in self.buckets if bucket.left < 0]
        on_discounts = max(gross, sum(bucket.left for bucket in discounts))
        self.spread(on_discounts, discounts, [bucket.left for bucket in discounts], name)
        returned = [bucket for bucket in self.buckets if bucket.taken > 0]
        self.spread(gross - on_discounts, returned, [bucket.taken for bucket in returned], name)

    def give_rest(self) -> None:
        """Give back everything that is left, as the invoice's lines; one that nothing was given back of comes back as it was charged."""
        for bucket in self.buckets:
            untouched = not any(bucket.given) and not bucket.taken
            if bucket.left or any(self._owed(bucket)) or (untouched and not bucket.line.gross):
                self.take(bucket, bucket.left, bucket.line.name, bucket.line.quantity if untouched else Decimal(1), goods=True)

    def lines(self) -> tuple[DocumentLine, ...]:
        """The entries as lines of a credit note. A note that gives back the last of the invoice's total empties every bucket."""
        closing = self.left == 0
        if closing:
            self._close()
        last = {id(entry.bucket): entry for entry in self.entries}
        positions = {
            entry.bucket.line.position: position for position, entry in reversed(list(enumerate(self.entries, start=1))) if entry.goods
        }
        result = []
        carried: dict[TaxKey, Fraction] = {}
        for position, entry in enumerate(self.entries, start=1):
            bucket = entry.bucket
            ends = closing and last[id(bucket)] is entry
            step = self._owed(bucket) if ends else self._step(entry, carried)
            as_charged = entry.is_whole_line and not any(bucket.given)
            bucket.given = [given + more for given, more in zip(bucket.given, step, strict=True)]
            result.append(self._line(position, entry, step, positions, as_charged=as_charged))
        return tuple(result)

    def _step(self, entry: Entry, carried: dict[TaxKey, Fraction]) -> list[Minor]:
        """What an entry gives back of each tax and of the net. `carried` is what rounding has taken from each tax in the note so far."""
        bucket = entry.bucket
        stated = self._as_stated(entry)
        if stated is not None:
            return stated
        keys = [tax_key(tax) for tax in bucket.line.taxes]
        step = apportion(bucket.whole, bucket.given, entry.gross, [carried.get(key, Fraction(0)) for key in keys])
        for key, exact, moved in zip(keys, exact_step(bucket.whole, bucket.given, entry.gross), step, strict=False):
            carried[key] = carried.get(key, Fraction(0)) + exact - moved
        return step

    def _as_stated(self, entry: Entry) -> list[Minor] | None:
        """The step with the tax that the platform states; None where it states none, or one that is more than a unit from the exact share
        or does not fit into what is left."""
        whole, given = entry.bucket.whole, entry.bucket.given
        if entry.tax is None or entry.gross == entry.bucket.line.gross - sum(given) or any(part * sum(whole) < 0 for part in whole):
            return None
        share = sum(exact_step(whole, [0] * len(whole), entry.gross)[:-1])
        if not share or abs(share - entry.tax) > 1:
            return None
        *taxes, net = [total - done for total, done in zip(whole, given, strict=True)]
        own = entry.gross - entry.tax
        if entry.tax * sum(taxes) < 0 or abs(entry.tax) > abs(sum(taxes)) or own * net < 0 or abs(own) > abs(net):
            return None
        return [*apportion(whole[:-1], given[:-1], entry.tax), own]

    def _owed(self, bucket: Bucket) -> list[Minor]:
        return [whole - given for whole, given in zip(bucket.whole, bucket.given, strict=True)]

    def _close(self) -> None:
        """What single lines still have although the total is used up (a discount was given back by amount, say): it cancels out. It joins
        what the note gives back of the line, unless that is a part of its goods: no more goods come back than were returned."""
        entries = {id(entry.bucket): entry for entry in self.entries}
        for bucket in self.buckets:
            own = entries.get(id(bucket))
            if own is not None and (not own.goods or own.gross + bucket.left in {own.gross, bucket.line.gross}):
                own.gross += bucket.left
                bucket.taken += bucket.left
            elif bucket.left or any(self._owed(bucket)):
                self.take(bucket, bucket.left, bucket.line.name)

    def _line(self, position: int, entry: Entry, step: Sequence[Minor], positions: dict[int, int], *, as_charged: bool) -> DocumentLine:
        original = entry.bucket.line
        gross, net = sum(step), step[-1]
        stated = from_minor(gross if self.invoice.prices_include_tax else net, self.invoice.currency)
        return DocumentLine(
            position=position,
            kind=original.kind,
            name=entry.name,
            quantity=entry.quantity,
            unit=original.unit if entry.goods else "C62",
            unit_price=original.unit_price if as_charged else quotient(stated, entry.quantity or Decimal(1), self.invoice.currency),
            discount=original.discount if as_charged else 0,
            discount_name=original.discount_name if as_charged else None,
            net=net,
            tax=gross - net,
            gross=gross,
            taxes=tuple(tax.model_copy(update={"amount": amount}) for tax, amount in zip(original.taxes, step[:-1], strict=True)),
            sku=original.sku if entry.goods else None,
            description=original.description if entry.goods else None,
            order_line=original.order_line,
            original_line=original.position,
            by_amount=None if entry.goods else True,
            parent=positions.get(original.parent or 0) if entry.goods else None,
        )


def exact_step(whole: Sequence[Minor], given: Sequence[Minor], step: Minor) -> list[Fraction]:
    """What each component lacks of its exact share once `step` more of their sum is given back. Zeros where the sum is zero."""
    gross, after = sum(whole), sum(given) + step
    if gross == 0:
        return [Fraction(0)] * len(whole)
    return [Fraction(component * after, gross) - done for component, done in zip(whole, given, strict=True)]


def apportion(whole: Sequence[Minor], given: Sequence[Minor], step: Minor, carried: Sequence[Fraction] = ()) -> list[Minor]:
    """How much of each component moves when `step` more of their sum is given back.

    Cumulative: each comes as near to `component x (given + step) / sum` as whole units allow, ties in favour of the earlier one (the
    taxes stand before the net: half-up). `carried` is how much more the first components are to get at the expense of the last. The
    result adds up to `step`, runs in its direction only, and never overshoots a component; at the end it is what is left. Components that
    run against their sum (a tax above the gross) are rounded one by one, and the last takes the rest. A sum of zero moves nothing.
    """
    gross, after = sum(whole), sum(given) + step
    if gross == 0 or step == 0:
        return [0] * len(whole)
    if any(component * gross < 0 for component in whole):
        moved = [divide_half_up(component * after, gross) - done for component, done in zip(whole[:-1], given[:-1], strict=True)]
        return [*moved, step - sum(moved)]
    sign = 1 if step > 0 else -1
    limits = whole if step * gross > 0 else [0] * len(whole)
    exact = exact_step(whole, given, step)
    for index, more in enumerate(carried):
        exact[index] += more
        exact[-1] -= more
    wanted = [sign * part for part in exact]
    room = [sign * (limit - done) for limit, done in zip(limits, given, strict=True)]
    shares = [min(max(0, int(want // 1)), space) for want, space in zip(wanted, room, strict=True)]
    while (gap := abs(step) - sum(shares)) != 0:
        if gap > 0:
            index = max((i for i, share in enumerate(shares) if share < room[i]), key=lambda i: wanted[i] - shares[i])
            shares[index] += 1
        else:
            index = min((i for i, share in enumerate(shares) if share > 0), key=lambda i: wanted[i] - shares[i])
            shares[index] -= 1
    return [sign * share for share in shares]
