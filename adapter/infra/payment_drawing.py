"""Payment codes as pictures: the codes of `adapter.domain.payment_code` as SVG, and the payment part of a Swiss bill."""

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Any

import segno
from markupsafe import Markup
from qrbill.bill import QRBill, mm

from adapter.domain.document import Document, Settlement
from adapter.domain.payment_code import PaymentCode, PaymentScheme, swiss_bill

_CAPTIONS = {PaymentScheme.EPC: "SEPA QR", PaymentScheme.UPI: "UPI QR", PaymentScheme.SWISS: "Swiss QR"}
"""What the codes are known as in every language."""
_FONT = "Liberation Sans,Arial,Helvetica"
"""The Swiss guidelines (3.4) allow Arial, Frutiger, Helvetica and Liberation Sans, and no other typeface."""


class _Slip(QRBill):  # type: ignore[misc] # the library is untyped
    """The payment part, with the receipt's empty field 52 mm × 20 mm large (guidelines, 3.6.2): the library's 25 mm run into the amount."""

    font_family = _FONT

    def draw_blank_rect(self, dwg: Any, grp: Any, x: Any, y: Any, width: float, height: float) -> None:
        super().draw_blank_rect(dwg, grp, x, y, width, min(height, mm(20)) if width == mm(52) else height)


@dataclass(frozen=True)
class DrawnCode:
    """A picture beside the words that say how to pay. `source` is a `data:` URL, `caption` its name."""

    source: Markup
    caption: str


def drawn_code(code: PaymentCode) -> DrawnCode:
    """A payment's code."""
    return DrawnCode(drawn_symbol(code.text), _CAPTIONS[code.scheme])


def drawn_symbol(text: str) -> Markup:
    """A QR code as a `data:` URL, with the four modules of white around it that readers need; level M, as EPC069-12 prescribes."""
    symbol = segno.make_qr(text.encode(), error="m", boost_error=False)
    drawn = BytesIO()
    symbol.save(drawn, kind="svg", border=4, light="#fff", omitsize=True, xmldecl=False, svgclass=None, lineclass=None)
    return _data_url(drawn.getvalue())


def drawn_slip(document: Document, settlement: Settlement) -> DrawnCode | None:
    """The payment part with its receipt, 210 mm × 106 mm (1 mm of it for the scissors); None without a Swiss bill.

    Its words are in the document's language where that is one of the bill's, else in English.
    """
    bill = swiss_bill(document, settlement, document.language.partition("-")[0], _Slip)
    if bill is None:
        return None
    drawn = StringIO()
    bill.as_svg(drawn)
    return DrawnCode(_data_url(drawn.getvalue().encode()), _CAPTIONS[PaymentScheme.SWISS])


def _data_url(svg: bytes) -> Markup:
    return Markup(f"data:image/svg+xml;base64,{b64encode(svg).decode()}")  # noqa: S704 - base64 alone
