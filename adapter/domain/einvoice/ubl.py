"""OASIS UBL 2.1, Invoice and CreditNote: the syntax of Peppol and one of XRechnung's two."""

import re
from xml.etree.ElementTree import Element

from adapter.domain.document import Document, Settlement
from adapter.domain.einvoice.content import Content, VatGroup, content
from adapter.domain.einvoice.lines import Line
from adapter.domain.einvoice.parties import EParty, Place
from adapter.domain.einvoice.payment import Payment
from adapter.domain.einvoice.profile import Profile, Syntax
from adapter.domain.einvoice.xml import add, decimal, document_bytes, maybe, number
from adapter.domain.money import text

_COMPONENTS = {
    "xmlns:cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "xmlns:cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def ubl(document: Document, profile: Profile, settlement: Settlement | None = None) -> bytes:
    """The document as a UBL Invoice or CreditNote in UTF-8. `settlement` says what has been paid, or given back of a credit note.

    Raises `NotRepresentable` with the reason where the profile cannot say what the document says, ValueError for a profile that is not
    written in this syntax.
    """
    if Syntax.UBL not in profile.syntaxes:
        raise ValueError(f"{profile} is not written in UBL")
    invoice = content(document, profile, settlement or Settlement())
    kind = "CreditNote" if invoice.type_code == "381" else "Invoice"
    root = Element(kind, {"xmlns": f"urn:oasis:names:specification:ubl:schema:xsd:{kind}-2", **_COMPONENTS})
    _header(root, invoice, kind)
    _references(root, invoice)
    _party(add(add(root, "cac:AccountingSupplierParty"), "cac:Party"), invoice, invoice.seller)
    _party(add(add(root, "cac:AccountingCustomerParty"), "cac:Party"), invoice, invoice.buyer)
    _delivery(root, invoice)
    if invoice.payment:
        _payment(root, invoice, invoice.payment, kind)
    _taxes(root, invoice)
    _totals(root, invoice)
    for line in invoice.lines:
        _line(root, invoice, line, kind)
    return document_bytes(root)


def _header(root: Element, invoice: Content, kind: str) -> None:
    add(root, "cbc:CustomizationID", invoice.profile.guideline)
    maybe(root, "cbc:ProfileID", invoice.profile.process)
    add(root, "cbc:ID", invoice.number)
    add(root, "cbc:IssueDate", invoice.issue_date.isoformat())
    tax_point = invoice.tax_point.isoformat() if invoice.tax_point else None
    if kind == "CreditNote":
        # A credit note has its tax point before, an invoice after its type and notes.
        maybe(root, "cbc:TaxPointDate", tax_point)
    elif invoice.due_date:
        add(root, "cbc:DueDate", invoice.due_date.isoformat())
    add(root, f"cbc:{kind}TypeCode", invoice.type_code)
    for note in _notes(invoice):
        add(root, "cbc:Note", note)
    if kind == "Invoice":
        maybe(root, "cbc:TaxPointDate", tax_point)
    add(root, "cbc:DocumentCurrencyCode", invoice.currency)
    if invoice.national_tax:
        add(root, "cbc:TaxCurrencyCode", invoice.national_tax.currency)
    maybe(root, "cbc:BuyerReference", invoice.buyer_reference)


def _notes(invoice: Content) -> tuple[str, ...]:
    """One note in Peppol (PEPPOL-EN16931-R002); nowhere three characters between number signs, which would be a code (BR-CL-08)."""
    notes = invoice.notes if invoice.profile is not Profile.PEPPOL else tuple(filter(None, ["\n".join(invoice.notes)]))
    return tuple(re.sub(r"#(?=[^#]{3}#)", "", note, flags=re.DOTALL) for note in notes)


def _references(root: Element, invoice: Content) -> None:
    if invoice.order:
        add(add(root, "cac:OrderReference"), "cbc:ID", invoice.order)
    if invoice.preceding:
        reference = add(add(root, "cac:BillingReference"), "cac:InvoiceDocumentReference")
        add(reference, "cbc:ID", invoice.preceding.number)
        if invoice.preceding.issue_date:
            add(reference, "cbc:IssueDate", invoice.preceding.issue_date.isoformat())


def _party(element: Element, invoice: Content, party: EParty) -> None:
    if party.address:
        add(element, "cbc:EndpointID", party.address.value, schemeID=party.address.scheme)
    if party.identifier:
        add(add(element, "cac:PartyIdentification"), "cbc:ID", party.identifier)
    if party.place:
        _place(add(element, "cac:PostalAddress"), party.place)
    if party.vat:
        _tax_scheme(element, party.vat, "VAT")
    if party.tax_number:
        _tax_scheme(element, party.tax_number, "TAX" if invoice.profile is Profile.PEPPOL else "FC")
    entity = add(element, "cac:PartyLegalEntity")
    add(entity, "cbc:RegistrationName", party.name)
    if party.legal:
        add(entity, "cbc:CompanyID", party.legal.value, schemeID=party.legal.scheme)
    if party.contact:
        contact = add(element, "cac:Contact")
        maybe(contact, "cbc:Name", party.contact.name)
        maybe(contact, "cbc:Telephone", party.contact.phone)
        maybe(contact, "cbc:ElectronicMail", party.contact.email)


def _tax_scheme(element: Element, value: str, scheme: str) -> None:
    registration = add(element, "cac:PartyTaxScheme")
    add(registration, "cbc:CompanyID", value)
    add(add(registration, "cac:TaxScheme"), "cbc:ID", scheme)


def _place(element: Element, place: Place) -> None:
    maybe(element, "cbc:StreetName", place.street)
    maybe(element, "cbc:AdditionalStreetName", place.street_2)
    maybe(element, "cbc:CityName", place.city)
    maybe(element, "cbc:PostalZone", place.postcode)
    maybe(element, "cbc:CountrySubentity", place.region)
    add(add(element, "cac:Country"), "cbc:IdentificationCode", place.country)


def _delivery(root: Element, invoice: Content) -> None:
    delivery = add(root, "cac:Delivery")
    add(delivery, "cbc:ActualDeliveryDate", invoice.delivered.isoformat())
    if invoice.recipient and invoice.recipient.place:
        _place(add(add(delivery, "cac:DeliveryLocation"), "cac:Address"), invoice.recipient.place)
        add(add(add(delivery, "cac:DeliveryParty"), "cac:PartyName"), "cbc:Name", invoice.recipient.name)


def _payment(root: Element, invoice: Content, payment: Payment, kind: str) -> None:
    means = add(root, "cac:PaymentMeans")
    add(means, "cbc:PaymentMeansCode", payment.code, name=payment.name)
    if kind == "CreditNote" and invoice.due_date:
        add(means, "cbc:PaymentDueDate", invoice.due_date.isoformat())
    add(means, "cbc:PaymentID", payment.reference)
    if payment.iban:
        account = add(means, "cac:PayeeFinancialAccount")
        add(account, "cbc:ID", payment.iban)
        maybe(account, "cbc:Name", payment.holder)
        if payment.bic:
            add(add(account, "cac:FinancialInstitutionBranch"), "cbc:ID", payment.bic)


def _taxes(root: Element, invoice: Content) -> None:
    total = add(root, "cac:TaxTotal")
    add(total, "cbc:TaxAmount", invoice.amount(invoice.tax), currencyID=invoice.currency)
    for group in invoice.groups:
        subtotal = add(total, "cac:TaxSubtotal")
        add(subtotal, "cbc:TaxableAmount", invoice.amount(group.base), currencyID=invoice.currency)
        add(subtotal, "cbc:TaxAmount", invoice.amount(group.tax), currencyID=invoice.currency)
        _category(add(subtotal, "cac:TaxCategory"), invoice, group)
    if invoice.national_tax:
        national = invoice.national_tax
        add(add(root, "cac:TaxTotal"), "cbc:TaxAmount", text(national.tax, national.currency), currencyID=national.currency)


def _category(element: Element, invoice: Content, group: VatGroup) -> None:
    add(element, "cbc:ID", group.vat.category.value)
    maybe(element, "cbc:Percent", invoice.rate(group))
    maybe(element, "cbc:TaxExemptionReasonCode", group.code)
    maybe(element, "cbc:TaxExemptionReason", group.reason)
    add(add(element, "cac:TaxScheme"), "cbc:ID", "VAT")


def _totals(root: Element, invoice: Content) -> None:
    totals = add(root, "cac:LegalMonetaryTotal")
    amounts = [
        ("cbc:LineExtensionAmount", invoice.net),
        ("cbc:TaxExclusiveAmount", invoice.net),
        ("cbc:TaxInclusiveAmount", invoice.gross),
        ("cbc:PrepaidAmount", invoice.paid),
        *([("cbc:PayableRoundingAmount", invoice.rounding)] if invoice.rounding else []),
        ("cbc:PayableAmount", invoice.due),
    ]
    for tag, amount in amounts:
        add(totals, tag, invoice.amount(amount), currencyID=invoice.currency)


def _line(root: Element, invoice: Content, line: Line, kind: str) -> None:
    element = add(root, f"cac:{kind}Line")
    add(element, "cbc:ID", line.id)
    quantity = "cbc:CreditedQuantity" if kind == "CreditNote" else "cbc:InvoicedQuantity"
    add(element, quantity, number(line.quantity), unitCode=line.unit)
    add(element, "cbc:LineExtensionAmount", invoice.amount(line.net), currencyID=invoice.currency)
    if line.allowance:
        allowance = add(element, "cac:AllowanceCharge")
        add(allowance, "cbc:ChargeIndicator", "false")
        add(allowance, "cbc:AllowanceChargeReasonCode", "95")
        maybe(allowance, "cbc:AllowanceChargeReason", line.allowance_reason)
        add(allowance, "cbc:Amount", invoice.amount(line.allowance), currencyID=invoice.currency)
    item = add(element, "cac:Item")
    maybe(item, "cbc:Description", line.description)
    add(item, "cbc:Name", line.name)
    if line.sku:
        add(add(item, "cac:SellersItemIdentification"), "cbc:ID", line.sku)
    category = add(item, "cac:ClassifiedTaxCategory")
    add(category, "cbc:ID", line.vat.category.value)
    if line.vat.percent is not None:
        add(category, "cbc:Percent", decimal(line.vat.percent))
    add(add(category, "cac:TaxScheme"), "cbc:ID", "VAT")
    price = add(element, "cac:Price")
    add(price, "cbc:PriceAmount", decimal(line.price), currencyID=invoice.currency)
    if line.price_quantity is not None:
        add(price, "cbc:BaseQuantity", number(line.price_quantity), unitCode=line.unit)
