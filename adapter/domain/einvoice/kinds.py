"""The e-invoices that a seller may want of each of its documents."""

from enum import StrEnum

from adapter.domain.document import Document, Settlement
from adapter.domain.einvoice.cii import cii
from adapter.domain.einvoice.profile import Profile, Syntax
from adapter.domain.einvoice.ubl import ubl


class EInvoice(StrEnum):
    """A profile in a syntax. `factur-x` is a part of the PDF, the others are files beside it."""

    FACTUR_X = "factur-x"
    XRECHNUNG_CII = "xrechnung-cii"
    XRECHNUNG_UBL = "xrechnung-ubl"
    PEPPOL_UBL = "peppol-ubl"

    @property
    def profile(self) -> Profile:
        """Whose rules it follows."""
        match self:
            case EInvoice.FACTUR_X:
                return Profile.FACTUR_X
            case EInvoice.PEPPOL_UBL:
                return Profile.PEPPOL
            case _:
                return Profile.XRECHNUNG

    @property
    def syntax(self) -> Syntax:
        """How it is written."""
        return Syntax.UBL if self in {EInvoice.XRECHNUNG_UBL, EInvoice.PEPPOL_UBL} else Syntax.CII

    @property
    def embedded(self) -> bool:
        """Whether it travels inside of the PDF."""
        return self is EInvoice.FACTUR_X

    def concerns(self, document: Document) -> bool:
        """Whether the buyer can have one: Peppol reaches businesses and authorities, not people."""
        return self.profile is not Profile.PEPPOL or (document.buyer is not None and document.buyer.is_business)

    def write(self, document: Document, settlement: Settlement) -> bytes:
        """The e-invoice in UTF-8. Raises `NotRepresentable` with the reason where it cannot say what the document says."""
        writer = ubl if self.syntax is Syntax.UBL else cii
        return writer(document, self.profile, settlement)
