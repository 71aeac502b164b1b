"""UN/CEFACT Cross Industry Invoice (D16B, D22B): the syntax of Factur-X, ZUGFeRD and one of XRechnung's two."""

from datetime import date
from xml.etree.ElementTree import Element

from adapter.domain.document import Document, Settlement
from adapter.domain.einvoice.content import Content, VatGroup, content
from adapter.domain.einvoice.lines import Line
from adapter.domain.einvoice.parties import EParty
from adapter.domain.einvoice.payment import Payment
from adapter.domain.einvoice.profile import Profile, Syntax
from adapter.domain.einvoice.xml import add, compact, decimal, document_bytes, maybe, number
from adapter.domain.money import text

_NAMESPACES = {
    "xmlns:rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "xmlns:ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "xmlns:qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "xmlns:udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}


def cii(document: Document, profile: Profile, settlement: Settlement | None = None) -> bytes:
    """The document as a Cross Industry Invoice in UTF-8. `settlement` says what has been paid, or given back of a credit note.

    Raises `NotRepresentable` with the reason where the profile cannot say what the document says, ValueError for a profile that is not
    written in this syntax.
    """
    if Syntax.CII not in profile.syntaxes:
        raise ValueError(f"{profile} is not written as a Cross Industry Invoice")
    invoice = content(document, profile, settlement or Settlement())
    root = Element("rsm:CrossIndustryInvoice", _NAMESPACES)
    _header(root, invoice)
    transaction = add(root, "rsm:SupplyChainTradeTransaction")
    for line in invoice.lines:
        _line(transaction, invoice, line)
    _agreement(transaction, invoice)
    _delivery(transaction, invoice)
    _settlement(transaction, invoice)
    return document_bytes(root)


def _header(root: Element, invoice: Content) -> None:
    context = add(root, "rsm:ExchangedDocumentContext")
    if invoice.profile.process:
        add(add(context, "ram:BusinessProcessSpecifiedDocumentContextParameter"), "ram:ID", invoice.profile.process)
    add(add(context, "ram:GuidelineSpecifiedDocumentContextParameter"), "ram:ID", invoice.profile.guideline)
    header = add(root, "rsm:ExchangedDocument")
    add(header, "ram:ID", invoice.number)
    add(header, "ram:TypeCode", invoice.type_code)
    _date(add(header, "ram:IssueDateTime"), invoice.issue_date)
    for note in invoice.notes:
        add(add(header, "ram:IncludedNote"), "ram:Content", note)


def _line(transaction: Element, invoice: Content, line: Line) -> None:
    item = add(transaction, "ram:IncludedSupplyChainTradeLineItem")
    add(add(item, "ram:AssociatedDocumentLineDocument"), "ram:LineID", line.id)
    product = add(item, "ram:SpecifiedTradeProduct")
    maybe(product, "ram:SellerAssignedID", line.sku)
    add(product, "ram:Name", line.name)
    maybe(product, "ram:Description", line.description)
    price = add(add(item, "ram:SpecifiedLineTradeAgreement"), "ram:NetPriceProductTradePrice")
    add(price, "ram:ChargeAmount", decimal(line.price))
    if line.price_quantity is not None:
        add(price, "ram:BasisQuantity", number(line.price_quantity), unitCode=line.unit)
    add(add(item, "ram:SpecifiedLineTradeDelivery"), "ram:BilledQuantity", number(line.quantity), unitCode=line.unit)
    settlement = add(item, "ram:SpecifiedLineTradeSettlement")
    tax = add(settlement, "ram:ApplicableTradeTax")
    add(tax, "ram:TypeCode", "VAT")
    add(tax, "ram:CategoryCode", line.vat.category.value)
    if line.vat.percent is not None:
        add(tax, "ram:RateApplicablePercent", decimal(line.vat.percent))
    if line.allowance:
        allowance = add(settlement, "ram:SpecifiedTradeAllowanceCharge")
        add(add(allowance, "ram:ChargeIndicator"), "udt:Indicator", "false")
        add(allowance, "ram:ActualAmount", invoice.amount(line.allowance))
        add(allowance, "ram:ReasonCode", "95")
        maybe(allowance, "ram:Reason", line.allowance_reason)
    add(add(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation"), "ram:LineTotalAmount", invoice.amount(line.net))


def _agreement(transaction: Element, invoice: Content) -> None:
    agreement = add(transaction, "ram:ApplicableHeaderTradeAgreement")
    maybe(agreement, "ram:BuyerReference", invoice.buyer_reference)
    _party(add(agreement, "ram:SellerTradeParty"), invoice.seller)
    _party(add(agreement, "ram:BuyerTradeParty"), invoice.buyer)
    if invoice.order:
        add(add(agreement, "ram:BuyerOrderReferencedDocument"), "ram:IssuerAssignedID", invoice.order)


def _party(element: Element, party: EParty) -> None:
    maybe(element, "ram:ID", party.identifier)
    add(element, "ram:Name", party.name)
    if party.legal:
        add(add(element, "ram:SpecifiedLegalOrganization"), "ram:ID", party.legal.value, schemeID=party.legal.scheme)
    if party.contact:
        contact = add(element, "ram:DefinedTradeContact")
        maybe(contact, "ram:PersonName", party.contact.name)
        if party.contact.phone:
            add(add(contact, "ram:TelephoneUniversalCommunication"), "ram:CompleteNumber", party.contact.phone)
        if party.contact.email:
            add(add(contact, "ram:EmailURIUniversalCommunication"), "ram:URIID", party.contact.email)
    if party.place:
        place = add(element, "ram:PostalTradeAddress")
        maybe(place, "ram:PostcodeCode", party.place.postcode)
        maybe(place, "ram:LineOne", party.place.street)
        maybe(place, "ram:LineTwo", party.place.street_2)
        maybe(place, "ram:CityName", party.place.city)
        add(place, "ram:CountryID", party.place.country)
        maybe(place, "ram:CountrySubDivisionName", party.place.region)
    if party.address:
        add(add(element, "ram:URIUniversalCommunication"), "ram:URIID", party.address.value, schemeID=party.address.scheme)
    if party.tax_number:
        add(add(element, "ram:SpecifiedTaxRegistration"), "ram:ID", party.tax_number, schemeID="FC")
    if party.vat:
        add(add(element, "ram:SpecifiedTaxRegistration"), "ram:ID", party.vat, schemeID="VA")


def _delivery(transaction: Element, invoice: Content) -> None:
    delivery = add(transaction, "ram:ApplicableHeaderTradeDelivery")
    if invoice.recipient:
        _party(add(delivery, "ram:ShipToTradeParty"), invoice.recipient)
    _date(add(add(delivery, "ram:ActualDeliverySupplyChainEvent"), "ram:OccurrenceDateTime"), invoice.delivered)


def _settlement(transaction: Element, invoice: Content) -> None:
    settlement = add(transaction, "ram:ApplicableHeaderTradeSettlement")
    if invoice.payment:
        add(settlement, "ram:PaymentReference", invoice.payment.reference)
    if invoice.national_tax:
        add(settlement, "ram:TaxCurrencyCode", invoice.national_tax.currency)
    add(settlement, "ram:InvoiceCurrencyCode", invoice.currency)
    if invoice.payment:
        _payment(settlement, invoice.payment)
    for group in invoice.groups:
        _group(settlement, invoice, group)
    if invoice.due_date:
        _date(add(add(settlement, "ram:SpecifiedTradePaymentTerms"), "ram:DueDateDateTime"), invoice.due_date)
    _totals(settlement, invoice)
    if invoice.preceding:
        reference = add(settlement, "ram:InvoiceReferencedDocument")
        add(reference, "ram:IssuerAssignedID", invoice.preceding.number)
        if invoice.preceding.issue_date:
            issued = add(reference, "ram:FormattedIssueDateTime")
            add(issued, "qdt:DateTimeString", compact(invoice.preceding.issue_date), format="102")


def _payment(settlement: Element, payment: Payment) -> None:
    means = add(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
    add(means, "ram:TypeCode", payment.code)
    maybe(means, "ram:Information", payment.name)
    if payment.iban:
        account = add(means, "ram:PayeePartyCreditorFinancialAccount")
        add(account, "ram:IBANID", payment.iban)
        maybe(account, "ram:AccountName", payment.holder)
        if payment.bic:
            add(add(means, "ram:PayeeSpecifiedCreditorFinancialInstitution"), "ram:BICID", payment.bic)


def _group(settlement: Element, invoice: Content, group: VatGroup) -> None:
    tax = add(settlement, "ram:ApplicableTradeTax")
    add(tax, "ram:CalculatedAmount", invoice.amount(group.tax))
    add(tax, "ram:TypeCode", "VAT")
    maybe(tax, "ram:ExemptionReason", group.reason)
    add(tax, "ram:BasisAmount", invoice.amount(group.base))
    add(tax, "ram:CategoryCode", group.vat.category.value)
    maybe(tax, "ram:ExemptionReasonCode", group.code)
    if invoice.tax_point:
        add(add(tax, "ram:TaxPointDate"), "udt:DateString", compact(invoice.tax_point), format="102")
    maybe(tax, "ram:RateApplicablePercent", invoice.rate(group))


def _totals(settlement: Element, invoice: Content) -> None:
    totals = add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    add(totals, "ram:LineTotalAmount", invoice.amount(invoice.net))
    add(totals, "ram:TaxBasisTotalAmount", invoice.amount(invoice.net))
    add(totals, "ram:TaxTotalAmount", invoice.amount(invoice.tax), currencyID=invoice.currency)
    if invoice.national_tax:
        amount = text(invoice.national_tax.tax, invoice.national_tax.currency)
        add(totals, "ram:TaxTotalAmount", amount, currencyID=invoice.national_tax.currency)
    if invoice.rounding:
        add(totals, "ram:RoundingAmount", invoice.amount(invoice.rounding))
    add(totals, "ram:GrandTotalAmount", invoice.amount(invoice.gross))
    add(totals, "ram:TotalPrepaidAmount", invoice.amount(invoice.paid))
    add(totals, "ram:DuePayableAmount", invoice.amount(invoice.due))


def _date(parent: Element, day: date) -> None:
    add(parent, "udt:DateTimeString", compact(day), format="102")
