"""E-invoices by EN 16931-1, from the frozen document alone: what the page says, for machines.

`content` says what the standard wants to know of a document, `cii` and `ubl` write it in the two syntaxes of the standard.
"""

from adapter.domain.einvoice.cii import cii
from adapter.domain.einvoice.kinds import EInvoice
from adapter.domain.einvoice.profile import NotRepresentable, Profile, Syntax
from adapter.domain.einvoice.ubl import ubl
from adapter.domain.einvoice.verdict import RuleFinding, Standing, Verdict, standing

__all__ = ["EInvoice", "NotRepresentable", "Profile", "RuleFinding", "Standing", "Syntax", "Verdict", "cii", "standing", "ubl"]
