"""How an invoice is to be paid or was (BG-16), and what single countries allow of it in Peppol."""

from dataclasses import dataclass

from adapter.domain.document import Document, DocumentKind, Settlement
from adapter.domain.einvoice.parties import EParty
from adapter.domain.einvoice.profile import NotRepresentable, Profile
from adapter.domain.money import Minor
from adapter.domain.payment_code import payment_reference
from adapter.domain.text import one_line


@dataclass(frozen=True)
class Payment:
    """BG-16. `code` is of UNTDID 4461: 1 not defined, 30 credit transfer, 31 debit transfer, 58 SEPA credit transfer, 68 online payment
    service."""

    code: str
    name: str | None
    reference: str
    iban: str | None = None
    holder: str | None = None
    bic: str | None = None


def payment(document: Document, settlement: Settlement, due: Minor, profile: Profile, seller: EParty, buyer: EParty) -> Payment | None:
    """BG-16: the seller's account while something is due on an invoice, else how it was paid.

    None where Peppol's rules for the Netherlands leave no word for it and nothing is due; raises `NotRepresentable` where something is.
    """
    reference, method = one_line(payment_reference(document)), one_line(settlement.method or "") or None
    within = seller.country if profile is Profile.PEPPOL and seller.country == buyer.country else None
    owed = document.kind is DocumentKind.INVOICE and due > 0
    transfer = _transfer(document, reference, within) if owed else None
    if transfer is not None:
        return transfer
    if within == "NL":
        if owed:
            raise NotRepresentable("peppol between Dutch parties needs the seller's account for what is due, see `bank.iban` (NL-R-008)")
        return None
    if settlement.paid > 0 and within != "DK":  # Denmark knows no online payment service (DK-R-005)
        return Payment("68", method, reference)
    return Payment("1", None, reference)


def _transfer(document: Document, reference: str, within: str | None) -> Payment | None:
    """A credit transfer to the seller's account, if it has one. Sweden calls none of its own SEPA (SE-R-012), Denmark knows no other than
    SEPA's and the one that names the bank as well (DK-R-005, DK-R-006)."""
    bank = document.seller.bank
    iban = "".join((bank.iban or "").split()).upper() if bank else ""
    if bank is None or not iban:
        return None
    holder, bic = one_line(bank.holder or "") or None, "".join((bank.bic or "").split()).upper() or None
    code = "58" if document.currency == "EUR" and within != "SE" else "30"
    if within == "DK" and code == "30":
        if bic is None:
            return None
        code = "31"
    return Payment(code, None, reference, iban, holder, bic)
