"""What an order's documents charge together, and the documents that follow it when it changes."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from adapter.domain.document import AMENDS, Document, DocumentKind, DocumentLine, LineTax, NationalTax, Original, TaxCategory
from adapter.domain.frozen import digest
from adapter.domain.money import Minor
from adapter.domain.phrases import Phrase, Translate, in_english, say
from adapter.domain.tax.adopt import tax_groups, totals
from adapter.domain.tax.classify import inherited
from adapter.domain.tax.exchange import credited
from adapter.domain.tax.registrations import corrected_ids

CHARGED_BEFORE = "charged_before"
"""The entry of an additional invoice's metadata that says what the order's documents charged before it, in minor units: money that came
in pays them first."""


TaxKey = tuple[TaxCategory, str, Decimal | None]
"""What makes two taxes of a line the same one: category, name and rate."""


def tax_key(tax: LineTax) -> TaxKey:
    """The key of a line's tax."""
    return tax.category, tax.name, tax.rate


def line_tax(key: TaxKey, amount: Minor) -> LineTax:
    """A line's tax of that key."""
    return LineTax(category=key[0], name=key[1], rate=key[2], amount=amount)


def is_amendment(document: Document) -> bool:
    """Whether a document was made because the order changed, rather than for its first content, a refund or a cancellation."""
    return AMENDS in document.metadata


def charged(invoices: Sequence[Document], credits: Sequence[Document]) -> Document:
    """What the documents of an order charge, refunds not deducted, as one invoice: the first, with every amendment worked in.

    `invoices` in the order of their numbers, the first one being the order's own; of `credits` only amendments count. Lines keep their
    positions; what an amendment added comes after them, and what amendments took away entirely is left out.
    """
    first = invoices[0]
    amendments = [*invoices[1:], *(note for note in credits if is_amendment(note))]
    if not amendments:
        return first
    lines = {line.position: line for line in first.lines}
    for document in amendments:
        sign = -1 if document.kind is DocumentKind.CREDIT_NOTE else 1
        work_in(lines, document.lines, sign)
    merged = tuple(lines[position] for position in sorted(lines))
    kept = tuple(line for line in merged if any((line.net, line.tax, *(tax.amount for tax in line.taxes))) or line in first.lines) or merged
    return Document.model_validate(
        dict(first)
        | {
            "lines": kept,
            "taxes": inherited(tax_groups(kept), first),
            "totals": totals(kept, prices_include_tax=first.prices_include_tax),
            "national_tax": _national_sum(first, amendments),
        }
    )


def work_in(lines: dict[int, DocumentLine], changes: Iterable[DocumentLine], sign: int) -> None:
    """Add what an amendment charges to lines by position, or with a `sign` of -1 take it away; what refunds gave back is no charge."""
    for line in changes:
        if not line.by_amount:
            position = line.original_line or len(lines) + 1
            lines[position] = _merged(lines.get(position), line, position, sign)


def taken_off(amendments: Iterable[Document]) -> dict[str, Minor]:
    """What credit notes took off each line of an order because it changed, by the line's id."""
    found: dict[str, Minor] = {}
    for line in (line for note in amendments if note.kind is DocumentKind.CREDIT_NOTE for line in note.lines):
        if line.order_line and not line.by_amount:
            found[line.order_line] = found.get(line.order_line, 0) + line.gross
    return found


def moved_tax(amendments: Iterable[Document]) -> Minor:
    """The tax by which amendments have credited more than what they took off: of refunds that went from one line to another."""
    return sum(line.tax for note in amendments for line in note.lines if line.by_amount and is_amendment(note))


def _merged(own: DocumentLine | None, line: DocumentLine, position: int, sign: int) -> DocumentLine:
    """A line with what an amendment adds to it, or takes from it."""
    amounts = {tax_key(tax): tax.amount for tax in own.taxes} if own else {}
    for each in line.taxes:
        amounts[tax_key(each)] = amounts.get(tax_key(each), 0) + sign * each.amount
    quantity, unit_price = line.quantity, line.unit_price
    if own is not None:
        by_piece = own.unit_price == line.unit_price
        quantity, unit_price = own.quantity + sign * line.quantity if by_piece else own.quantity, own.unit_price
    net, tax = (own.net if own else 0) + sign * line.net, sum(amounts.values())
    changed = {
        "position": position,
        "original_line": None,
        "quantity": quantity,
        "unit_price": unit_price,
        "discount": (own.discount if own else 0) + sign * line.discount,
        "net": net,
        "tax": tax,
        "gross": net + tax,
        "taxes": tuple(line_tax(key, amount) for key, amount in amounts.items()),
    }
    return (own or line).model_copy(update=changed)


def _national_sum(first: Document, amendments: Sequence[Document]) -> NationalTax | None:
    """The national tax of the charge, at the rate of its first invoice."""
    if first.national_tax is None:
        return None
    signed = [(-1 if each.kind is DocumentKind.CREDIT_NOTE else 1, each.national_tax) for each in amendments]
    more = sum(sign * national.tax for sign, national in signed if national)
    return first.national_tax.model_copy(update={"tax": first.national_tax.tax + more})


def own_share(paid: Minor, total: Minor, invoice: Document) -> Minor:
    """What of the money that came in for an order, and of its total, pays this one of its invoices: the earlier ones are paid first."""
    gross, before = invoice.totals.gross, invoice.metadata.get(CHARGED_BEFORE)
    if before is None:
        return min(paid, gross) if total > gross else paid
    return gross if paid >= total else max(0, min(paid - int(before), gross))


def additional_invoice(
    invoices: Sequence[Document],
    credits: Sequence[Document],
    lines: tuple[DocumentLine, ...],
    current: Document,
    *,
    removed: Minor = 0,
    translate: Translate = in_english,
) -> Document:
    """The invoice for what is new of an order: `lines`, and everything else as `current`, the invoice that the order would get today.

    Its note names the first invoice. `removed` is what the same change takes off by a credit note.
    """
    first = invoices[0]
    sums = totals(lines, prices_include_tax=current.prices_include_tax)
    national = current.national_tax and credited(current.national_tax, current.totals.tax, [], sums.tax)
    added_to = say(Phrase.IN_ADDITION, translate, number=first.number, date=first.issue_date.isoformat())
    before = charged(invoices, credits).totals.gross - removed
    return Document.model_validate(
        dict(current)
        | {
            "lines": lines,
            "taxes": inherited(tax_groups(lines), current),
            "totals": sums,
            "national_tax": national,
            "notes": (*current.notes[:1], added_to, *current.notes[1:]),
            "metadata": current.metadata | {AMENDS: first.number, CHARGED_BEFORE: str(before)},
        }
    )


def amending_note(
    invoices: Sequence[Document],
    credits: Sequence[Document],
    lines: tuple[DocumentLine, ...],
    current: Document,
    *,
    number: str,
    issue_date: date,
    translate: Translate = in_english,
) -> Document:
    """The credit note for what is gone from an order: `lines` are given back of its first invoice; seller and notes are as in `current`."""
    first, whole = invoices[0], charged(invoices, credits)
    sums = totals(lines, prices_include_tax=first.prices_include_tax)
    national = whole.national_tax and credited(whole.national_tax, whole.totals.tax - moved_tax(credits), [], sums.tax)
    return Document(
        kind=DocumentKind.CREDIT_NOTE,
        mode=first.mode,
        number=number,
        issue_date=issue_date,
        supply_date=first.supply_date,
        currency=first.currency,
        language=first.language,
        second_language=first.second_language,
        prices_include_tax=first.prices_include_tax,
        seller=current.seller.model_copy(update={"tax_ids": corrected_ids(first.seller.tax_ids, current.seller.tax_ids)}),
        buyer=first.buyer,
        ship_to=first.ship_to,
        lines=lines,
        taxes=inherited(tax_groups(lines), whole),
        totals=sums,
        mentions=first.mentions,
        national_tax=national,
        orders=first.orders,
        original=Original(number=first.number, issue_date=first.issue_date, sha256=digest(first.canonical())),
        reason=say(Phrase.ORDER_CHANGED, translate),
        notes=(*current.notes[:1], *further_references(invoices, lines, translate), *current.notes[1:]),
        metadata=current.metadata | {AMENDS: first.number},
        branding=current.branding,
    )


def further_references(invoices: Sequence[Document], lines: Sequence[DocumentLine], translate: Translate) -> tuple[str, ...]:
    """Which additional invoices a credit note of these lines concerns beside the first one (VAT Directive Art. 219: unambiguously)."""
    given = {line.original_line for line in lines}
    return tuple(
        say(Phrase.ALSO_CONCERNS, translate, number=each.number, date=each.issue_date.isoformat())
        for each in invoices[1:]
        if given & {line.original_line for line in each.lines}
    )


def allot(invoices: Sequence[Document], credits: Sequence[Minor], note: Document) -> list[Minor]:
    """What a credit note gives back of each invoice, of which `credits` has been given back before: of the newest one that has the line,
    as far as that has something left, and what remains of the others."""
    rooms = [max(0, invoice.totals.gross - credited) for invoice, credited in zip(invoices, credits, strict=True)]
    held = [{line.original_line or line.position for line in invoice.lines} for invoice in invoices]
    wanted = [0] * len(invoices)
    for line in note.lines:
        wanted[max((index for index, positions in enumerate(held) if line.original_line in positions), default=0)] += line.gross
    shares = [max(0, min(want, room)) for want, room in zip(wanted, rooms, strict=True)]
    rest = note.totals.gross - sum(shares)
    for index, room in enumerate(rooms):
        step = max(-shares[index], min(rest, room - shares[index]))
        shares[index], rest = shares[index] + step, rest - step
    return [shares[0] + rest, *shares[1:]]
