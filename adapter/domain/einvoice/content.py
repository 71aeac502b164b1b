"""What EN 16931 wants to know of a document, computed once and then written in either syntax.

Comments and docstrings name the business terms (BT) and groups (BG) of EN 16931-1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from adapter.domain.document import AMENDS, Document, DocumentKind, NationalTax, Settlement, TaxCategory
from adapter.domain.einvoice.lines import Line, Vat, einvoice_lines, split_rounding
from adapter.domain.einvoice.needs import buyer_needs, is_german, sale_needs, seller_needs
from adapter.domain.einvoice.parties import EParty, buyer_party, recipient_party, seller_party
from adapter.domain.einvoice.payment import Payment, payment
from adapter.domain.einvoice.profile import NotRepresentable, Profile
from adapter.domain.einvoice.reference import KEY
from adapter.domain.einvoice.xml import decimal
from adapter.domain.money import Minor, exponent, from_minor, plain, text
from adapter.domain.text import one_line, printable

_CODES = {
    TaxCategory.REVERSE_CHARGE: "VATEX-EU-AE",
    TaxCategory.INTRA_COMMUNITY: "VATEX-EU-IC",
    TaxCategory.EXPORT: "VATEX-EU-G",
    TaxCategory.OUT_OF_SCOPE: "VATEX-EU-O",
}
"""The exemption codes (BT-121) that follow from the category; an exemption proper (E) has a reason of its own."""


@dataclass(frozen=True)
class VatGroup:
    """BG-23. Amounts in minor units."""

    vat: Vat
    base: Minor
    tax: Minor
    reason: str | None
    code: str | None


@dataclass(frozen=True)
class Preceding:
    """BG-3: the invoice that a credit note corrects, or that an additional invoice adds to, whose date its note tells."""

    number: str
    issue_date: date | None = None


@dataclass(frozen=True)
class Content:
    """An e-invoice. Amounts in minor units of `currency`; all of a credit note are positive."""

    profile: Profile
    german: bool
    """Whether Germany's rules hold, see `needs.is_german`."""
    number: str
    type_code: str
    issue_date: date
    due_date: date | None
    tax_point: date | None
    currency: str
    national_tax: NationalTax | None
    buyer_reference: str | None
    order: str | None
    preceding: Preceding | None
    notes: tuple[str, ...]
    seller: EParty
    buyer: EParty
    recipient: EParty | None
    delivered: date
    payment: Payment | None
    lines: tuple[Line, ...]
    groups: tuple[VatGroup, ...]
    net: Minor
    tax: Minor
    gross: Minor
    paid: Minor
    rounding: Minor
    due: Minor

    def amount(self, amount: Minor) -> str:
        """Minor units as text in major units."""
        return text(amount, self.currency)

    def rate(self, group: VatGroup) -> str | None:
        """BT-119 in per cent. What is outside of VAT has none, but Germany wants a rate in every group (BR-DE-14)."""
        if group.vat.percent is None:
            return "0.00" if self.german else None
        return decimal(group.vat.percent)


def content(document: Document, profile: Profile, settlement: Settlement) -> Content:
    """The e-invoice of a document. Raises `NotRepresentable`; all the data that a profile lacks are named in one reason."""
    for currency in (document.currency, *([document.national_tax.currency] if document.national_tax else [])):
        if exponent(currency) > 2:
            raise NotRepresentable(f"{currency} has {exponent(currency)} decimal places: EN 16931 knows two")
    invoiced, rounding = split_rounding(document)
    lines = einvoice_lines(document, invoiced)
    groups = _groups(document, lines, {str(line.position): line.tax for line in invoiced})
    net, tax = sum(line.net for line in lines), sum(group.tax for group in groups)
    paid = min(max(settlement.paid, 0), max(document.totals.gross, 0))
    invoice = document.kind is DocumentKind.INVOICE
    due = net + tax + rounding - paid
    seller, buyer, reference = *_parties(document, profile, groups), _buyer_reference(document, profile)
    german = is_german(profile, seller.country, buyer.country)
    return Content(
        profile=profile,
        german=german,
        number=one_line(document.number),
        type_code="380" if invoice else "381",
        issue_date=document.issue_date,
        due_date=(document.due_date or document.issue_date) if due > 0 else None,
        tax_point=document.tax_point,
        currency=document.currency,
        national_tax=document.national_tax if document.national_tax and document.national_tax.currency != document.currency else None,
        buyer_reference=reference,
        order=_orders(document),
        preceding=_preceding(document),
        notes=_notes(document),
        seller=seller,
        buyer=buyer,
        recipient=_recipient(document, german, groups),
        delivered=document.supply_date or (document.original.issue_date if document.original else document.issue_date),
        payment=payment(document, settlement, due, profile, seller, buyer),
        lines=lines,
        groups=groups,
        net=net,
        tax=tax,
        gross=net + tax,
        paid=paid,
        rounding=rounding,
        due=due,
    )


def _groups(document: Document, lines: Sequence[Line], taxes: dict[str, Minor]) -> tuple[VatGroup, ...]:
    """BG-23: the base and the tax as charged, per category and rate, however the document names its taxes."""
    sums: dict[Vat, tuple[Minor, Minor]] = {}
    for line in lines:
        base, tax = sums.get(line.vat, (0, 0))
        sums[line.vat] = (base + line.net, tax + taxes[line.id])
    return tuple(_group(document, vat, base, tax) for vat, (base, tax) in sums.items())


def _group(document: Document, vat: Vat, base: Minor, tax: Minor) -> VatGroup:
    rate = vat.percent or Decimal(0)
    expected = from_minor(base, document.currency) * rate / 100
    if abs(from_minor(tax, document.currency) - round(expected, 2)) >= 1:
        raise NotRepresentable(
            f"the tax of {text(tax, document.currency)} {document.currency} at {plain(rate)} % is 1.00 or more away from base x rate"
            f" ({plain(round(expected, 2))}): EN 16931 does not accept that (BR-CO-17)"
        )
    own = next((group for group in document.taxes if group.category is vat.category and (group.exemption or group.exemption_code)), None)
    if vat.category.taxed or vat.category is TaxCategory.ZERO:
        return VatGroup(vat, base, tax, None, None)
    reason = one_line((own.exemption if own else None) or " ".join(document.mentions)) or None
    code = (own.exemption_code if own else None) or _CODES.get(vat.category)
    if reason is None and code is None:
        raise NotRepresentable(f"no reason is named for what is of category {vat.category}: EN 16931 wants one (BR-{vat.category}-10)")
    return VatGroup(vat, base, tax, reason, code)


def _notes(document: Document) -> tuple[str, ...]:
    texts = (document.reason or "", *document.mentions, *document.notes)
    return tuple(dict.fromkeys(note for each in texts if (note := printable(each).strip())))


def _orders(document: Document) -> str | None:
    return ", ".join(one_line(order.number) for order in document.orders) or None


def _preceding(document: Document) -> Preceding | None:
    if document.original:
        return Preceding(one_line(document.original.number), document.original.issue_date)
    return Preceding(one_line(document.metadata[AMENDS])) if AMENDS in document.metadata else None


def _buyer_reference(document: Document, profile: Profile) -> str | None:
    """BT-10: what the buyer asked for, such as a Leitweg-ID; XRechnung and Peppol want one, and take the order's number."""
    stated = one_line(document.metadata.get(KEY, ""))
    return stated or (_orders(document) if profile in {Profile.XRECHNUNG, Profile.PEPPOL} else None)


def _recipient(document: Document, german: bool, groups: Sequence[VatGroup]) -> EParty | None:
    """BG-13, BG-15: where it differs from the buyer, and always for an intra-Community supply (BR-IC-12)."""
    intra = any(group.vat.category is TaxCategory.INTRA_COMMUNITY for group in groups)
    stated = (document.ship_to, document.buyer if intra else None)
    recipient = next((found for party in stated if party and (found := recipient_party(party)).place), None)
    if recipient is None or recipient.place is None:
        return None
    complete = recipient.place.city and recipient.place.postcode
    # Germany knows no place without a city and a postcode (BR-DE-10, BR-DE-11).
    return recipient if complete or intra or not german else None


def _parties(document: Document, profile: Profile, groups: Sequence[VatGroup]) -> tuple[EParty, EParty]:
    """BG-4 and BG-7, without VAT ids where something is outside the scope of VAT (BR-O-02). Raises `NotRepresentable` where they lack what
    the profile wants: its rule set may not be at hand to say so."""
    categories = {group.vat.category for group in groups}
    seller = seller_party(document.seller, profile)
    buyer = buyer_party(document.buyer, profile) if document.buyer else None
    needs = [
        *seller_needs(seller, profile, german=is_german(profile, seller.country, buyer.country if buyer else None)),
        *sale_needs(seller, categories),
        *buyer_needs(buyer, seller, profile, categories, _buyer_reference(document, profile)),
    ]
    if needs or buyer is None:
        raise NotRepresentable(f"{profile} needs {', '.join(need.words for need in needs)}")
    if TaxCategory.OUT_OF_SCOPE in categories:
        return replace(seller, vat=None), replace(buyer, vat=None)
    return seller, buyer
