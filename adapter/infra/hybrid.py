"""Factur-X, which is ZUGFeRD: the e-invoice inside of the PDF that says the same."""

from adapter.infra.finisher import Attached

FILE_NAME = "factur-x.xml"
"""The one name that readers look for (Factur-X 1.0, 6.2)."""


def attach(xml: bytes) -> Attached:
    """A Factur-X invoice of the profile EN 16931 as a file of its PDF: an alternative representation of the same invoice."""
    return Attached(
        name=FILE_NAME,
        mime="text/xml",
        relationship="Alternative",
        description="Factur-X/ZUGFeRD invoice",
        content=xml,
        factur_x="EN 16931",
    )
