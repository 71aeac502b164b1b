"""What a seller is told when it is configured: which of its data the e-invoices lack that it wants, and where they are set."""

from collections.abc import Iterator

from stdnum import iban as iban_number

from adapter.domain.document import Seller, TaxCategory
from adapter.domain.einvoice.kinds import EInvoice
from adapter.domain.einvoice.needs import Need, is_german, sale_needs, seller_needs
from adapter.domain.einvoice.parties import EParty, seller_party
from adapter.domain.einvoice.profile import Profile
from adapter.domain.entity import Entity
from adapter.domain.order import TaxId
from adapter.domain.tax.adopt import Finding, Severity
from adapter.domain.tax.supply import SALES_TAX


def einvoice_advice(entity: Entity) -> tuple[Finding, ...]:
    """What each e-invoice that the entity wants lacks: warnings for what keeps it from being made, infos for what single sales need.

    What comes with an order, the buyer's address and reference, is told as an info too. None of it stops anything.
    """
    told: dict[tuple[Severity, str], list[EInvoice]] = {}
    seller = _seller(entity)
    for kind in dict.fromkeys(entity.einvoices):
        party = seller_party(seller, kind.profile)
        for need in seller_needs(party, kind.profile, german=is_german(kind.profile, party.country, party.country)):
            told.setdefault((Severity.WARNING, _said(need)), []).append(kind)
        for severity, message in (*_of_sales(entity, party), *_of_payment(seller, party, kind.profile), *_of_orders(party, kind.profile)):
            told.setdefault((severity, message), []).append(kind)
    return tuple(
        Finding(severity=severity, code="einvoice_data", message=f"einvoices, {', '.join(kinds)}: {message}")
        for (severity, message), kinds in sorted(told.items(), key=lambda item: item[0][0] is not Severity.WARNING)
    )


def _seller(entity: Entity) -> Seller:
    """The seller with all of its numbers: which of them a document names depends on where its tax is due."""
    seller = entity.seller()
    numbers = tuple(TaxId(kind="vat", value=registration.number) for registration in entity.tax.registrations)
    return seller.model_copy(update={"tax_ids": (*seller.tax_ids, *numbers)})


def _said(need: Need) -> str:
    return f"needs {need.words}" + (f": set {need.setting}" if need.setting else "")


def _of_sales(entity: Entity, party: EParty) -> Iterator[tuple[Severity, str]]:
    """What only some sales need. Small enterprises exempt theirs, and a country of sales tax knows one category."""
    for category, severity, sales in (
        (TaxCategory.STANDARD, Severity.WARNING, "sales with or without tax"),
        (TaxCategory.EXPORT, Severity.INFO, "exports and sales to businesses in other member states"),
        (TaxCategory.OUT_OF_SCOPE, Severity.INFO, "what is not subject to VAT, such as services to businesses outside of the Union,"),
    ):
        if category is not TaxCategory.STANDARD and party.country in SALES_TAX:
            return
        if category is TaxCategory.EXPORT and entity.tax.small_business:
            continue
        needs = list(sale_needs(party, {category}))
        for need in needs:
            yield severity, f"for {sales} {_said(need)}"
        if needs and category is TaxCategory.STANDARD:
            return


def _of_payment(seller: Seller, party: EParty, profile: Profile) -> Iterator[tuple[Severity, str]]:
    iban = (seller.bank.iban or "") if seller.bank else ""
    if not iban and profile is Profile.PEPPOL and party.country == "NL":
        yield Severity.WARNING, "between Dutch parties needs the account for what is due (NL-R-008): set bank.iban"
    elif not iban and profile in {Profile.PEPPOL, Profile.XRECHNUNG}:
        yield Severity.INFO, "names no account for what is due (BG-17): set bank.iban"
    elif iban and not iban_number.is_valid(iban):
        yield Severity.WARNING, f"bank.iban is no valid IBAN (BR-DE-19): {iban!r:.40}"


def _of_orders(party: EParty, profile: Profile) -> Iterator[tuple[Severity, str]]:
    """What an order has to bring along."""
    if profile is Profile.PEPPOL:
        yield (
            Severity.INFO,
            "the buyer's electronic address (BT-49) follows from its VAT id, or is a tax id of kind `peppol` such as 0208:0123456789;"
            " who has neither, as consumers have, gets none",
        )
        if party.country == "NO":
            yield Severity.INFO, "companies of the Foretaksregisteret say so (NO-R-002): set tax_ids with kind `tax_number` to that word"
    if profile in {Profile.PEPPOL, Profile.XRECHNUNG}:
        yield (
            Severity.INFO,
            "the buyer's reference (BT-10), such as a Leitweg-ID, is the order's detail `buyer_reference`, else its purchase order, else"
            " the order's number",
        )
