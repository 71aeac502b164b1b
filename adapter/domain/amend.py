"""An order that changed after its invoice: what to invoice in addition, and what to credit.

What the documents of an order charge is its invoices less the credit notes for changes; credit notes for refunds stand beside it, since
an order's total is what was charged, refunds not deducted. A change is whatever the order's invoice would say differently today, so a
document follows from amounts alone: what is more goes on an additional invoice, what is less on a credit note (VAT Directive Art. 219),
an exchange on both. Afterwards the documents charge, line by line and tax by tax, what the order does.

Goods that a refund has given back are not credited again when they leave the order; what refunds gave back by amount alone goes from a
line that leaves to those that stay. So the sum of all documents does not depend on what was heard of first. An amount reduces each line by
what the line had left when its credit note was made: how it divides among the rates may therefore differ, what it comes to never does.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from adapter.domain.amended import TaxKey, charged, is_amendment, line_tax, tax_key, work_in
from adapter.domain.document import Document, DocumentLine
from adapter.domain.frozen import Frozen
from adapter.domain.ledger import Bucket, Ledger, apportion
from adapter.domain.money import Minor, from_minor, text, to_minor
from adapter.domain.order import Order
from adapter.domain.phrases import Phrase, Translate, in_english, say
from adapter.domain.tax.adopt import Finding, Severity
from adapter.errors import Held


class Amendment(Frozen):
    """The lines of an additional invoice and of a credit note; either may be empty. `original_line` is a position of `charged`."""

    added: tuple[DocumentLine, ...] = ()
    removed: tuple[DocumentLine, ...] = ()
    findings: tuple[Finding, ...] = ()


def charge_changed(before: Order | None, after: Order | None) -> bool:
    """Whether the newest snapshot states other charges than the one before it: only then is there something to compare."""
    if before is None or after is None:
        return before is not after
    return _charges(before) != _charges(after)


def _charges(order: Order) -> tuple[object, ...]:
    lines = tuple((line.id, line.name, line.quantity, line.amount, line.taxes) for line in order.lines)
    return order.totals.total, order.totals.tax, order.currency, order.prices_include_tax, order.taxes, lines


def difference(
    invoices: Sequence[Document], credits: Sequence[Document], current: Document, translate: Translate = in_english
) -> Amendment | None:
    """What the documents of an order lack, or have too much, against `current`: the invoice that the order would get today.

    `credits` are all credit notes of the order; `translate` names what moves. Returns None where the documents say what the order does,
    apart from cents that moved between the net and the tax of a line whose price did not change. Raises `Held` where the currency or the
    convention of prices is another, where more would be credited than is left, where goods that came back are taxed otherwise now, and
    where a discount is taken away of which refunds have given back more than is left of it.
    """
    whole = charged(invoices, credits)
    if (current.currency, current.prices_include_tax) != (whole.currency, whole.prices_include_tax):
        raise Held(f"amendment: the order is now in {current.currency} or states its prices otherwise than invoice {whole.number} does")
    before, after = _named(whole.lines), _named(current.lines)
    pairs = {line.position: (line, _in_the_words_of(line, after[name]) if name in after else None) for name, line in before.items()}
    freed = _freed(Ledger.after(whole, credits, translate), pairs)
    ledger = Ledger.after(whole, credits, translate, also=freed)
    buckets = {bucket.line.position: bucket for bucket in ledger.buckets}
    work = _Work(current.currency, current.prices_include_tax)
    fresh = max([line.position for document in invoices for line in document.lines] + [_last(invoices, credits)])
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old is None:
            fresh += 1
        work.compare(old, new, buckets.get(old.position) if old else None, old.position if old else fresh)
    amendment = work.result()
    if amendment is None:
        return None
    given = sum(line.gross for line in amendment.removed) - sum(line.gross for line in amendment.added)
    back = sum(line.gross for line in freed)
    if given > ledger.left + back:
        raise Held(
            f"over_credit: the order was changed by {text(given, whole.currency)} {whole.currency} less, but only"
            f" {text(ledger.left + back, whole.currency)} of invoice {whole.number} is left: compare its refunds with the order"
        )
    lines = {line.position: line for line in whole.lines}
    work_in(lines, amendment.added, 1)
    work_in(lines, amendment.removed, -1)
    settled = _settled(Ledger.after(whole.model_copy(update={"lines": tuple(lines.values())}), credits, translate, also=freed), -back)
    return amendment.model_copy(update={"removed": _numbered([*amendment.removed, *freed, *settled])})


def _settled(ledger: Ledger, amount: Minor) -> tuple[DocumentLine, ...]:
    """Lines that place what was taken back elsewhere; where nothing is left after that, they empty every line, as the last refund does."""
    if not any(any(bucket.given) for bucket in ledger.buckets) and not amount:
        return ()
    ledger.give_more(amount, say(Phrase.REFUND, ledger.translate))
    return ledger.lines()


def _freed(ledger: Ledger, pairs: Mapping[int, tuple[DocumentLine, DocumentLine | None]]) -> tuple[DocumentLine, ...]:
    """Negative lines that take back what refunds gave by amount on lines that have not enough left for what is taken off them."""
    refund = say(Phrase.REFUND, ledger.translate)
    for bucket in ledger.buckets:
        old, new = pairs[bucket.line.position]
        reduction, given = _reduction(old, new), old.gross - bucket.left
        if old.gross < 0 and abs(new.gross if new else 0) < abs(given):
            raise Held(
                f"discount_changed: a refund gave back a part of the discount in line {old.position} of the invoice: amend it by hand"
            )
        if new is not None and new.gross and reduction == _delta(None, old) and given > bucket.by_amount:
            raise Held(f"tax_changed: a refund gave back goods of line {old.position} of the invoice, whose tax changed: amend it by hand")
        if old.gross > 0 and bucket.by_amount > 0 and not _fits(bucket, *reduction):
            name = say(Phrase.OF_LINE, ledger.translate, name=refund, line=old.name)
            ledger.take(bucket, -bucket.by_amount, name[:2_000])
    return ledger.lines() if ledger.entries else ()


def _last(invoices: Sequence[Document], credits: Sequence[Document]) -> int:
    """The last position of the charge that was ever given out."""
    amendments = [document for document in (*invoices, *credits) if is_amendment(document)]
    return max((line.original_line or 0 for document in amendments for line in document.lines), default=0)


def _named(lines: Sequence[DocumentLine]) -> dict[tuple[str, int], DocumentLine]:
    """Lines by the order's line that they are about; those about none, such as differences of rounding, by their kind."""
    found: dict[tuple[str, int], DocumentLine] = {}
    for line in lines:
        name, nth = line.order_line or line.kind.value, 0
        while (name, nth) in found:
            nth += 1
        found[name, nth] = line
    return found


class _Work:
    """The lines of an amendment in the making. `cents` are differences of a unit at most, that go with either document."""

    def __init__(self, currency: str, prices_include_tax: bool) -> None:
        self.currency, self.prices_include_tax = currency, prices_include_tax
        self.added: list[DocumentLine] = []
        self.removed: list[DocumentLine] = []
        self.cents: list[tuple[DocumentLine, dict[TaxKey, Minor], Minor]] = []
        self.findings: list[Finding] = []

    def compare(self, old: DocumentLine | None, new: DocumentLine | None, bucket: Bucket | None, position: int) -> None:
        """Place what changed of one line, `position` of the charge."""
        if old is not None and new is not None:
            new = _in_the_words_of(old, new)
        taxes, net = _delta(old, new)
        parts = [*taxes.values(), net]
        model = new or old
        if not any(parts) or model is None:
            return
        model = model.model_copy(update={"original_line": position})
        if min(parts) >= 0:
            self.added.append(self._line(model, old, new, taxes, net))
        elif max(parts) <= 0:
            self._credit(model, old, new, bucket, *_reduction(old, new))
        elif max(map(abs, parts)) <= 1:
            self.cents.append((model, taxes, net))
        else:  # another tax on the same goods: the line goes, and comes back as it is now
            if old is not None:
                self._credit(old.model_copy(update={"original_line": position}), old, None, bucket, *_reduction(old, new))
            if new is not None:
                self.added.append(self._line(model, None, new, *_delta(None, new)))

    def _credit(
        self,
        model: DocumentLine,
        old: DocumentLine | None,
        new: DocumentLine | None,
        bucket: Bucket | None,
        taxes: dict[TaxKey, Minor],
        net: Minor,
    ) -> None:
        """Credit a line's part, as far as refunds have left it."""
        if bucket is not None and bucket.line.gross > 0:
            left = {tax_key(tax): tax.amount for tax in bucket.left_taxes()}
            left_net = bucket.left - sum(left.values())
            wanted, free = net + sum(taxes.values()), bucket.left + min(0, bucket.by_amount)
            if not _fits(bucket, taxes, net) or wanted > free or wanted == bucket.left:
                gross = min(wanted, free)
                if gross < wanted:
                    self._note_refunded(wanted - gross)
                if gross <= 0:
                    return
                *amounts, net = apportion([*left.values(), left_net], [0] * (len(left) + 1), gross)
                taxes = dict(zip(left, amounts, strict=True))
        self.removed.append(self._line(model, old, new, taxes, net))

    def _note_refunded(self, gross: Minor) -> None:
        message = f"{text(gross, self.currency)} {self.currency} of what was taken off the order had been given back by a refund already"
        self.findings.append(Finding(severity=Severity.INFO, code="refunded_before", message=message))

    def _line(
        self, model: DocumentLine, old: DocumentLine | None, new: DocumentLine | None, taxes: Mapping[TaxKey, Minor], net: Minor
    ) -> DocumentLine:
        """`model` with the amounts that changed, by piece where pieces came or went."""
        tax = sum(taxes.values())
        amount = net + tax if self.prices_include_tax else net
        quantity, unit_price, discount = self._measure(old, new, amount)
        changed = {
            "position": 1,
            "quantity": quantity,
            "unit_price": unit_price,
            "discount": discount,
            "discount_name": model.discount_name if discount else None,
            "net": net,
            "tax": tax,
            "gross": net + tax,
            "taxes": tuple(line_tax(key, part) for key, part in taxes.items()),
            "parent": None,
        }
        return model.model_copy(update=changed)

    def _measure(self, old: DocumentLine | None, new: DocumentLine | None, amount: Minor) -> tuple[Decimal, Decimal, Minor]:
        """Quantity, unit price and discount of the amount: pieces at their price where that is what changed, else the amount once."""
        pieces = abs((new.quantity if new else Decimal(0)) - (old.quantity if old else Decimal(0)))
        model = new or old
        price = model.unit_price if model else Decimal(0)
        if pieces and (old is None or new is None or old.unit_price == new.unit_price):
            discount = to_minor(pieces * price, self.currency) - amount
            if discount >= 0 and price >= 0:
                return pieces, price, discount
        return Decimal(1), from_minor(amount, self.currency), 0

    def result(self) -> Amendment | None:
        """The amendment, its lines numbered."""
        if not self.added and not self.removed:
            return None
        for model, taxes, net in self.cents:
            if self.added:
                self.added.append(self._line(model, model, model, taxes, net))
            else:
                self.removed.append(self._line(model, model, model, {key: -amount for key, amount in taxes.items()}, -net))
        return Amendment(added=_numbered(self.added), removed=_numbered(self.removed), findings=tuple(self.findings))


def _delta(old: DocumentLine | None, new: DocumentLine | None) -> tuple[dict[TaxKey, Minor], Minor]:
    """How much more a line charges than before: each of its taxes, and its net."""
    taxes: dict[TaxKey, Minor] = {}
    for line, sign in ((old, -1), (new, 1)):
        for tax in line.taxes if line else ():
            taxes[tax_key(tax)] = taxes.get(tax_key(tax), 0) + sign * tax.amount
    return taxes, (new.net if new else 0) - (old.net if old else 0)


def _reduction(old: DocumentLine | None, new: DocumentLine | None) -> tuple[dict[TaxKey, Minor], Minor]:
    """What is to be credited of a line, its taxes and its net: what it charges less, or all of it where it is taxed otherwise now."""
    taxes, net = _delta(new, old)
    parts = [*taxes.values(), net]
    if min(parts) >= 0:
        return taxes, net
    return ({}, 0) if max(parts) <= 0 or max(map(abs, parts)) <= 1 else _delta(None, old)


def _fits(bucket: Bucket, taxes: Mapping[TaxKey, Minor], net: Minor) -> bool:
    """Whether earlier notes have left that much of each tax of a line, and of its net."""
    left = {tax_key(tax): tax.amount for tax in bucket.left_taxes()}
    return all(0 <= amount <= left.get(key, 0) for key, amount in taxes.items()) and 0 <= net <= bucket.left - sum(left.values())


def _in_the_words_of(old: DocumentLine, new: DocumentLine) -> DocumentLine:
    """A line with its taxes named as on the invoice, where the rates are the same: a name, or a category that the seller's settings
    have changed since, is no change of the order."""
    names = {tax.rate: tax for tax in old.taxes}
    if len(names) != len(old.taxes) or {tax.rate for tax in new.taxes} != set(names) or len(new.taxes) != len(old.taxes):
        return new
    taxes = tuple(names[tax.rate].model_copy(update={"amount": tax.amount}) for tax in new.taxes)
    return new.model_copy(update={"taxes": taxes})


def _numbered(lines: Sequence[DocumentLine]) -> tuple[DocumentLine, ...]:
    return tuple(line.model_copy(update={"position": position}) for position, line in enumerate(lines, start=1))
