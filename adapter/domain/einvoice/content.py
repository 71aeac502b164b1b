"""What EN 16931 wants to know of a document, computed once and then written in either syntax.

Comments and docstrings name the business terms (BT) and groups (BG) of EN 16931-1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from adapter.domain.document import Document, DocumentKind, NationalTax, Original, Settlement, TaxCategory
from adapter.domain.einvoice.lines import Line, Vat, einvoice_lines, split_rounding
from adapter.domain.einvoice.parties import EParty, buyer_party, recipient_party, seller_party
from adapter.domain.einvoice.profile import NotRepresentable, Profile
from adapter.domain.einvoice.xml import decimal
from adapter.domain.money import Minor, exponent, from_minor, plain, text
from adapter.domain.payment_code import payment_reference
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
class Payment:
    """BG-16. `code` is of UNTDID 4461: 1 not defined, 30 credit transfer, 58 SEPA credit transfer, 68 online payment service."""

    code: str
    name: str | None
    reference: str
    iban: str | None = None
    holder: str | None = None
    bic: str | None = None


@dataclass(frozen=True)
class Content:
    """An e-invoice. Amounts in minor units of `currency`; all of a credit note are positive."""

    profile: Profile
    german: bool
    """Whether Germany's rules hold: those of XRechnung, which Peppol has taken over for business between Germans (DE-R-001 to DE-R-031)."""
    number: str
    type_code: str
    issue_date: date
    due_date: date | None
    tax_point: date | None
    currency: str
    national_tax: NationalTax | None
    buyer_reference: str | None
    order: str | None
    original: Original | None
    notes: tuple[str, ...]
    seller: EParty
    buyer: EParty
    recipient: EParty | None
    delivered: date
    payment: Payment
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
    if exponent(document.currency) > 2:
        raise NotRepresentable(f"{document.currency} has {exponent(document.currency)} decimal places: EN 16931 knows two")
    invoiced, rounding = split_rounding(document)
    lines = einvoice_lines(document, invoiced)
    groups = _groups(document, lines, {str(line.position): line.tax for line in invoiced})
    net, tax = sum(line.net for line in lines), sum(group.tax for group in groups)
    paid = min(max(settlement.paid, 0), max(document.totals.gross, 0))
    invoice = document.kind is DocumentKind.INVOICE
    due = net + tax + rounding - paid
    seller, buyer = _parties(document, profile)
    german = profile is Profile.XRECHNUNG or (profile is Profile.PEPPOL and _country(seller) == _country(buyer) == "DE")
    result = Content(
        profile=profile,
        german=german,
        number=one_line(document.number),
        type_code="380" if invoice else "381",
        issue_date=document.issue_date,
        due_date=(document.due_date or document.issue_date) if due > 0 else None,
        tax_point=document.tax_point,
        currency=document.currency,
        national_tax=document.national_tax if document.national_tax and document.national_tax.currency != document.currency else None,
        buyer_reference=_buyer_reference(document, profile),
        order=_orders(document),
        original=document.original,
        notes=_notes(document),
        seller=seller,
        buyer=buyer,
        recipient=_recipient(document, german, groups),
        delivered=document.supply_date or (document.original.issue_date if document.original else document.issue_date),
        payment=_payment(document, settlement, due),
        lines=lines,
        groups=groups,
        net=net,
        tax=tax,
        gross=net + tax,
        paid=paid,
        rounding=rounding,
        due=due,
    )
    missing = _missing(result)
    if missing:
        raise NotRepresentable(f"{profile} needs {', '.join(missing)}")
    return _without_vat_ids(result)


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
    if vat.category in {TaxCategory.STANDARD, TaxCategory.ZERO}:
        return VatGroup(vat, base, tax, None, None)
    reason = one_line((own.exemption if own else None) or " ".join(document.mentions)) or None
    return VatGroup(vat, base, tax, reason, (own.exemption_code if own else None) or _CODES.get(vat.category))


def _notes(document: Document) -> tuple[str, ...]:
    texts = (document.reason or "", *document.mentions, *document.notes)
    return tuple(dict.fromkeys(note for each in texts if (note := printable(each).strip())))


def _orders(document: Document) -> str | None:
    return ", ".join(one_line(order.number) for order in document.orders) or None


def _buyer_reference(document: Document, profile: Profile) -> str | None:
    """BT-10: what the buyer asked for, such as a Leitweg-ID; XRechnung and Peppol want one, and take the order's number."""
    stated = one_line(document.metadata.get("buyer_reference", ""))
    return stated or (_orders(document) if profile in {Profile.XRECHNUNG, Profile.PEPPOL} else None)


def _payment(document: Document, settlement: Settlement, due: Minor) -> Payment:
    reference, method = one_line(payment_reference(document)), one_line(settlement.method or "") or None
    bank = document.seller.bank
    iban = "".join((bank.iban or "").split()).upper() if bank else ""
    if document.kind is DocumentKind.INVOICE and due > 0 and bank and iban:
        holder, bic = one_line(bank.holder or "") or None, "".join((bank.bic or "").split()).upper() or None
        return Payment("58" if document.currency == "EUR" else "30", None, reference, iban, holder, bic)
    return Payment("68", method, reference) if settlement.paid > 0 else Payment("1", None, reference)


def _recipient(document: Document, german: bool, groups: Sequence[VatGroup]) -> EParty | None:
    """BG-13, BG-15: where it differs from the buyer, and always for an intra-Community supply (BR-IC-12)."""
    intra = any(group.vat.category is TaxCategory.INTRA_COMMUNITY for group in groups)
    stated = document.ship_to or (document.buyer if intra else None)
    recipient = recipient_party(stated) if stated else None
    if recipient is None or recipient.place is None:
        return None
    complete = recipient.place.city and recipient.place.postcode
    # Germany knows no place without a city and a postcode (BR-DE-10, BR-DE-11).
    return recipient if complete or intra or not german else None


def _parties(document: Document, profile: Profile) -> tuple[EParty, EParty]:
    """BG-4 and BG-7. Raises `NotRepresentable` where one cannot be told from others: without a country, and a seller without any number."""
    seller = seller_party(document.seller, profile)
    if seller.place is None:
        raise NotRepresentable("the seller's address has no country: EN 16931 wants one (BT-40)")
    if seller.vat is None and seller.tax_number is None and seller.legal is None:
        raise NotRepresentable("the seller has neither a VAT id nor a tax number nor a registration: EN 16931 wants one (BR-CO-26)")
    buyer = buyer_party(document.buyer, profile) if document.buyer else None
    if buyer is None or buyer.place is None:
        raise NotRepresentable("the buyer's address has no country: EN 16931 wants one (BT-55)")
    return seller, buyer


def _country(party: EParty) -> str | None:
    return party.place.country if party.place else None


def _missing(invoice: Content) -> list[str]:
    """What Peppol and Germany want beyond the norm, in words: their rule sets may not be at hand to say so."""
    if invoice.profile not in {Profile.PEPPOL, Profile.XRECHNUNG}:
        return []
    wanted: list[tuple[object, str]] = [
        (invoice.seller.address, "an electronic address of the seller (BT-34)"),
        (invoice.buyer.address, "an electronic address of the buyer (BT-49)"),
        (invoice.buyer_reference, "a buyer reference (BT-10)"),
    ]
    if invoice.german:
        contact, place, destination = invoice.seller.contact, invoice.seller.place, invoice.buyer.place
        wanted += [
            (contact and contact.phone, "a telephone number of the seller (BR-DE-6)"),
            (contact and contact.email, "an e-mail address of the seller (BR-DE-7)"),
            (place and place.city, "the seller's city (BR-DE-3)"),
            (place and place.postcode, "the seller's postcode (BR-DE-4)"),
            (destination and destination.city, "the buyer's city (BR-DE-8)"),
            (destination and destination.postcode, "the buyer's postcode (BR-DE-9)"),
        ]
    return [name for value, name in wanted if not value]


def _without_vat_ids(invoice: Content) -> Content:
    """What is outside the scope of VAT names nobody's VAT id (BR-O-02)."""
    if all(group.vat.category is not TaxCategory.OUT_OF_SCOPE for group in invoice.groups):
        return invoice
    return replace(invoice, seller=replace(invoice.seller, vat=None), buyer=replace(invoice.buyer, vat=None))
