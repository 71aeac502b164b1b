"""Which e-invoices there are, and why a document cannot be one."""

from enum import StrEnum

from adapter.errors import AdapterError

BILLING = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
"""The business process (BT-23) of Peppol BIS Billing, which XRechnung uses as well."""


class Syntax(StrEnum):
    """The two syntaxes of EN 16931-3: UN/CEFACT Cross Industry Invoice and OASIS UBL 2.1."""

    CII = "cii"
    UBL = "ubl"


class Profile(StrEnum):
    """Whose rules an e-invoice follows.

    `en16931` is the European norm itself (EN 16931-1:2017), `factur-x` the norm's profile of Factur-X 1.0 = ZUGFeRD 2, to be attached to
    the PDF, `xrechnung` Germany's XRechnung 3.0, `peppol` Peppol BIS Billing 3.0.
    """

    EN16931 = "en16931"
    FACTUR_X = "factur-x"
    XRECHNUNG = "xrechnung"
    PEPPOL = "peppol"

    @property
    def guideline(self) -> str:
        """The specification identifier (BT-24)."""
        match self:
            case Profile.XRECHNUNG:
                return "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
            case Profile.PEPPOL:
                return "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
            case _:
                return "urn:cen.eu:en16931:2017"

    @property
    def process(self) -> str | None:
        """The business process type (BT-23), where the profile wants one."""
        return BILLING if self in {Profile.XRECHNUNG, Profile.PEPPOL} else None

    @property
    def syntaxes(self) -> frozenset[Syntax]:
        """In which syntaxes the profile is written here."""
        match self:
            case Profile.FACTUR_X:
                return frozenset({Syntax.CII})
            case Profile.PEPPOL:
                return frozenset({Syntax.UBL})
            case _:
                return frozenset(Syntax)


class NotRepresentable(AdapterError):
    """The document cannot be an e-invoice of this profile: the reason names what the norm does not know or what the document lacks."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
