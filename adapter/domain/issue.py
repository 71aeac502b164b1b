"""From an order to its documents: the complete content of an invoice or credit note, and where an invoice stands.

A document depends on what was ordered and charged alone, never on payments or refunds that a snapshot happens to know: so the events of
an order may arrive in any order and the invoice is the same. What was paid stands beside it, in its `Settlement`.
"""

from collections.abc import Sequence
from datetime import UTC, date, timedelta, tzinfo

from adapter.domain.amended import charged, further_references, moved_tax, own_share, taken_off
from adapter.domain.credit import credit_lines
from adapter.domain.document import (
    Document,
    DocumentKind,
    DocumentParty,
    DocumentStatus,
    NationalTax,
    OrderReference,
    Original,
    Settlement,
    TaxCategory,
)
from adapter.domain.einvoice.reference import buyer_reference, inherited_reference
from adapter.domain.entity import Entity
from adapter.domain.frozen import digest
from adapter.domain.money import Minor, text, to_minor
from adapter.domain.order import Order, Party, Refund, TaxGivenBy
from adapter.domain.phrases import Phrase, Translate, cancellation_reason, in_english, say
from adapter.domain.state import PAYING_KINDS, paid_amount
from adapter.domain.tax.adopt import Finding, tax_groups, totals
from adapter.domain.tax.classify import inherited
from adapter.domain.tax.exchange import ExchangeRate, credited
from adapter.domain.tax.judging import judged
from adapter.domain.tax.registrations import corrected_ids, printed_ids
from adapter.domain.tax.supply import sale
from adapter.domain.tax.taxing import Taxed, taxed
from adapter.domain.tax.vat_id import VatIdCheck
from adapter.errors import Held


def draft_invoice(
    order: Order,
    entity: Entity,
    source_id: str,
    *,
    number: str,
    issue_date: date,
    language: str | None = None,
    second_language: str | None = None,
    translate: Translate = in_english,
    translate_second: Translate = in_english,
    notes: Sequence[str] = (),
    on_fulfilment: bool = False,
    check: VatIdCheck | None = None,
    rates: Sequence[ExchangeRate] = (),
    final: bool = True,
) -> tuple[Document, tuple[Finding, ...]]:
    """The invoice of an order as it will be frozen, and what was noticed.

    `number` and `issue_date` are the caller's to draw. The supply date is the day in the entity's time zone on which the order was
    placed; where the invoice is issued on fulfilment (`on_fulfilment`: the fact is certain then) the day of fulfilment. It is left out
    where it is the issue date, unless the supply goes to another member state. `translate` names in `language` what nobody named,
    `translate_second` does in `second_language`. The seller's VAT number is the one of the country whose tax is due. `check` is what a
    register says about the buyer's, `rates` are the exchange rates at hand. Raises `Held` where the order does not add up, comes to less
    than nothing, or has what the entity wants looked at first; the last only of a `final` invoice, not of one to compare others with.
    """
    supplied = supply_day(order, entity, on_fulfilment=on_fulfilment)
    facts = sale(order, entity, supplied or issue_date, check)
    second = (second_language, translate_second) if second_language else None
    body = taxed(order, facts, language=language or entity.language, translate=translate, second=second, rates=rates)
    if body.totals.gross < 0:
        raise Held(f"negative_total: {text(body.totals.gross, order.currency)} {order.currency} is no amount to invoice")
    buyer = _buyer(order.buyer, translate)
    invoice = Document(
        kind=DocumentKind.INVOICE,
        mode=entity.mode,
        number=number,
        issue_date=issue_date,
        supply_date=facts.on if facts.on != issue_date or _is_intra_community(body) else None,
        due_date=_due_date(order, entity, issue_date),
        currency=order.currency,
        language=language or entity.language,
        second_language=second_language,
        prices_include_tax=body.order.prices_include_tax,
        seller=entity.seller().model_copy(update={"tax_ids": printed_ids(entity.tax_ids, body.numbers, entity.address.country)}),
        buyer=buyer,
        ship_to=_recipient(order.ship_to, buyer),
        lines=body.lines,
        taxes=body.taxes,
        totals=body.totals,
        mentions=body.mentions,
        national_tax=body.national_tax,
        orders=(_reference(order, entity, source_id),),
        notes=(_order_note(order), *entity.notes, *notes),
        metadata={"order_id": order.id, "order_number": order.number, "source": source_id} | buyer_reference(order),
        branding=entity.branding,
    )
    return invoice, judged(invoice, body.findings, entity.tax) if final else body.findings


def draft_credit_note(
    invoice: Document,
    earlier: Sequence[Document],
    order: Order,
    entity: Entity,
    source_id: str,
    *,
    number: str,
    issue_date: date,
    refund: Refund | None,
    reason: str | None,
    translate: Translate = in_english,
    amendments: Sequence[Document] = (),
) -> tuple[Document, tuple[Finding, ...]]:
    """The credit note for one refund, or for all that is left of an invoice (`refund` None), and what was noticed.

    `earlier` are the finalised credit notes of the same invoice for refunds, `amendments` the further invoices of the order and the credit
    notes for what was taken off it: what is given back is part of what they charge together. The buyer, the language and the mode are
    the invoice's; the seller is the entity as it is now, but for the VAT number; `translate` is that of the invoice's language. Reasons
    for what is not taxed, mentions and the exchange rate are the invoice's too. Raises `Ignored` where there is nothing to give back, and
    `Held` where more is refunded than is left, and where the note lacks what its invoice did not and the entity wants looked at first.
    """
    if order.currency != invoice.currency:
        raise Held(f"currency_mismatch: the order is in {order.currency}, its invoice {invoice.number} in {invoice.currency}")
    if order.tax_given_by is TaxGivenBy.NOBODY:  # what it charged includes the tax that was taken out of it
        order = order.model_copy(update={"prices_include_tax": invoice.prices_include_tax})
    invoices = [invoice, *(each for each in amendments if each.kind is DocumentKind.INVOICE)]
    changes = [each for each in amendments if each.kind is DocumentKind.CREDIT_NOTE]
    whole = charged(invoices, changes)
    given = credit_lines(
        whole,
        [*earlier, *changes],
        refund=refund,
        order=order,
        translate=translate,
        taken_off=taken_off(changes),
        tolerated=entity.tax.tolerated,
    )
    sums = totals(given.lines, prices_include_tax=invoice.prices_include_tax)
    metadata = {"order_id": order.id, "order_number": order.number, "source": source_id} | inherited_reference(invoice.metadata)
    note = Document(
        kind=DocumentKind.CREDIT_NOTE,
        mode=invoice.mode,
        number=number,
        issue_date=issue_date,
        supply_date=invoice.supply_date,
        currency=invoice.currency,
        language=invoice.language,
        second_language=invoice.second_language,
        prices_include_tax=invoice.prices_include_tax,
        seller=entity.seller().model_copy(update={"tax_ids": corrected_ids(invoice.seller.tax_ids, entity.tax_ids)}),
        buyer=invoice.buyer,
        ship_to=invoice.ship_to,
        lines=given.lines,
        taxes=inherited(tax_groups(given.lines), whole),
        totals=sums,
        mentions=invoice.mentions,
        national_tax=_national_tax(whole, whole.totals.tax - moved_tax(changes), earlier, sums.tax),
        orders=invoice.orders,
        original=Original(number=invoice.number, issue_date=invoice.issue_date, sha256=digest(invoice.canonical())),
        reason=(reason or refund.reason) if refund else cancellation_reason(reason, translate),
        notes=(_order_note(order), *further_references(invoices, given.lines, translate), *entity.notes),
        metadata=metadata | ({"refund_id": refund.id} if refund else {}),
        branding=entity.branding,
    )
    return note, judged(note, given.findings, entity.tax, invoice)


def supply_day(order: Order, entity: Entity, *, on_fulfilment: bool) -> date | None:
    """The day of supply in the entity's time zone; None where the order does not tell."""
    moment = (order.progress.fulfilled_at if on_fulfilment else None) or order.placed_at
    return moment.astimezone(entity.zone).date() if moment else None


def settlement(order: Order, invoice: Document, zone: tzinfo = UTC) -> Settlement:
    """What has been paid of the order towards this invoice, refunds not deducted, how, and on which day in `zone`."""
    successes = [payment for payment in order.payments if payment.kind in PAYING_KINDS and payment.status == "success"]
    methods = dict.fromkeys(name for payment in successes if (name := payment.method or payment.gateway))
    moment = order.progress.paid_at or max((payment.at for payment in successes if payment.at), default=None)
    paid = own_share(to_minor(paid_amount(order), invoice.currency), to_minor(order.totals.total, invoice.currency), invoice)
    return Settlement(
        paid=paid,
        method=", ".join(methods)[:2_000] or None,
        paid_on=moment.astimezone(zone).date() if moment and paid else None,
    )


def status(invoice: Document, settlement: Settlement, credited: Minor, today: date) -> DocumentStatus:
    """Where an invoice stands on a day in the entity's time zone; `credited` is the gross of its finalised credit notes.

    What is overdue is past due even where a part has been paid. A credit note is always `open`.
    """
    if invoice.kind is DocumentKind.CREDIT_NOTE:
        return DocumentStatus.OPEN
    gross = invoice.totals.gross
    if 0 < gross <= credited:
        return DocumentStatus.CREDITED
    if settlement.paid >= gross - credited:
        return DocumentStatus.PAID
    if invoice.due_date is not None and today > invoice.due_date:
        return DocumentStatus.PAST_DUE
    return DocumentStatus.PARTIALLY_PAID if settlement.paid > 0 else DocumentStatus.OPEN


def _is_intra_community(body: Taxed) -> bool:
    """Whether the day of delivery has to stand on the document, also where it is the issue date (EN 16931 BR-IC-11)."""
    return any(group.category is TaxCategory.INTRA_COMMUNITY for group in body.taxes)


def _national_tax(invoice: Document, whole: Minor, earlier: Sequence[Document], tax: Minor) -> NationalTax | None:
    """A credit note's tax in the national currency, at the rate of its invoice; `whole` is the tax that credit notes for refunds may give
    back together."""
    if invoice.national_tax is None:
        return None
    before = [note.national_tax for note in earlier if note.national_tax]
    return credited(invoice.national_tax, whole, before, sum(note.totals.tax for note in earlier) + tax)


def _due_date(order: Order, entity: Entity, issue_date: date) -> date:
    days = entity.payment_days if order.due_days is None else order.due_days
    return order.due_date or issue_date + timedelta(days=days)


def _order_note(order: Order) -> str:
    """`Order #1001`, in English in every document, so that software finds it; the page says it in the document's language."""
    return say(Phrase.ORDER, in_english, number=order.number.lstrip("#"))


def _reference(order: Order, entity: Entity, source_id: str) -> OrderReference:
    placed_on = order.placed_at.astimezone(entity.zone).date() if order.placed_at else None
    return OrderReference(source=source_id, id=order.id, number=order.number, placed_on=placed_on)


def _buyer(party: Party | None, translate: Translate) -> DocumentParty:
    party = party or Party()
    name = party.name or party.company or party.email or say(Phrase.CUSTOMER, translate)
    return DocumentParty(
        name=name,
        company=party.company if party.company and party.company != name else None,
        address=party.address if party.address and any(party.address.model_dump().values()) else None,
        email=party.email or None,
        phone=party.phone or None,
        tax_ids=party.tax_ids,
        customer_id=party.customer_id,
    )


def _recipient(party: Party | None, buyer: DocumentParty) -> DocumentParty | None:
    """The recipient as printed, where it says something else than the buyer."""
    if party is None or not party.address or not any(party.address.model_dump().values()):
        return None
    name = party.name or party.company or buyer.name
    company = party.company if party.company and party.company != name else None
    if party.address == buyer.address and name in {buyer.name, buyer.company} and company in {None, buyer.company}:
        return None
    return DocumentParty(name=name, company=company, address=party.address, phone=party.phone or None)
