"""What a payment code on an invoice says, so that nobody types an account number: decided here, drawn by `adapter.infra.payment_drawing`.

Three schemes: EPC069-12 v2.1 of the European Payments Council (SEPA transfers in euro), the Swiss QR-bill (implementation guidelines 2.3 of
SIX: structured addresses alone) and UPI links (NPCI, rupees). A document that one of them cannot say exactly gets no code: the words
on the page always say how to pay.
"""

import re
from enum import StrEnum
from urllib.parse import quote

from qrbill.bill import QRBill, StructuredAddress
from stdnum import iban as ibans
from stdnum import iso11649
from stdnum.ch import esr
from stdnum.iso7064 import mod_97_10

from adapter.domain.document import Document, DocumentParty, Settlement, due
from adapter.domain.frozen import Frozen
from adapter.domain.money import Minor, text
from adapter.domain.tax.territory import EU
from adapter.domain.text import one_line

LARGEST: Minor = 99_999_999_999
"""999 999 999.99, the largest amount of EPC069-12 and of the Swiss guidelines."""
_EEA = EU | {"IS", "LI", "NO"}
_SEPA_OUTSIDE = frozenset({"AD", "AL", "CH", "GB", "GI", "MC", "MD", "ME", "MK", "RS", "SM", "VA"})
"""The countries of IBANs that SEPA transfers reach beside the EEA (EPC409-09): there a BIC must be stated."""
_SWISS_TEXT = re.compile(r"[\x20-\x7e\xa0-\u017fȘșȚț€]*")
"""What a Swiss code may be written with (guidelines 2.3, 4.1.1)."""
_VPA = re.compile(r"[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9.-]{1,63}")
_HOUSE = re.compile(r"(.*\D)[ ,]+(\d+ ?[A-Za-z]?(?:[-/]\d+ ?[A-Za-z]?)?)")


class PaymentScheme(StrEnum):
    """Whose code it is."""

    EPC = "epc"
    SWISS = "swiss"
    UPI = "upi"


class PaymentCode(Frozen):
    """`text` is what the code encodes, character by character (UTF-8)."""

    scheme: PaymentScheme
    text: str


def payment_code(document: Document, settlement: Settlement) -> PaymentCode | None:
    """The code to print; None where nothing is due, or where no scheme can say who is to be paid, in what currency or how much."""
    if not 0 < due(document, settlement) <= LARGEST:
        return None
    bill = swiss_bill(document, settlement)
    if bill is not None:
        return PaymentCode(scheme=PaymentScheme.SWISS, text=bill.qr_data())
    return _epc(document, settlement) or _upi(document, settlement)


def payment_reference(document: Document) -> str:
    """What a transfer quotes, the same in words, code and e-invoice: the document's own reference, else one made of its number.

    A Swiss QR-IBAN needs a reference of 27 digits (QRR): the bank's prefix, the number's digits, a check digit. An entity whose
    `bank.creditor_reference` is `iso11649` gets one that begins with `RF`. Otherwise it is the number itself.
    """
    bank, number = document.seller.bank, document.number
    if document.payment_reference or bank is None:
        return document.payment_reference or number
    if _is_qr_iban(_iban(document)):
        prefix, digits = bank.qr_reference_prefix or "", re.sub(r"[^0-9]", "", number)
        body = prefix + digits.rjust(26 - len(prefix), "0")
        return f"{body}{esr.calc_check_digit(body)}" if digits.strip("0") and len(body) == 26 else number
    if bank.creditor_reference == "iso11649":
        body = re.sub(r"[^A-Z0-9]", "", number.upper())
        return f"RF{mod_97_10.calc_check_digits(f'{body}RF')}{body}" if 0 < len(body) <= 21 else number
    return number


def spaced_reference(reference: str) -> str:
    """A reference as it is printed: groups as banks write them, where it is a structured one."""
    if iso11649.is_valid(reference):
        return str(iso11649.format(reference))
    return str(esr.format(reference)) if _is_qrr(reference) else reference


def swiss_bill(document: Document, settlement: Settlement, language: str = "en", kind: type[QRBill] = QRBill) -> QRBill | None:
    """The Swiss QR-bill of what is due, as a `kind` of bill, its words in de, fr, it or (else) en.

    None where the guidelines do not allow one. It needs a Swiss or Liechtenstein IBAN, CHF or EUR, and the creditor's postcode, city and
    country in fields of their own.
    """
    bank = document.seller.bank
    creditor = _structured(document.seller, bank.holder if bank else None)
    account, left = _iban(document), due(document, settlement)
    if not account.startswith(("CH", "LI")) or document.currency not in {"CHF", "EUR"} or creditor is None or not 0 < left <= LARGEST:
        return None
    reference = payment_reference(document)
    structured = _is_qrr(reference) or iso11649.is_valid(reference)
    if _is_qr_iban(account) != _is_qrr(reference):
        return None
    said = one_line(document.number if structured else reference)
    debtor = _structured(document.buyer) if document.buyer else None
    try:
        return kind(
            account=account,
            creditor=creditor,
            debtor=debtor if debtor and _receipt_lines(creditor) + _receipt_lines(debtor) <= 10 else None,
            amount=text(left, document.currency),
            currency=document.currency,
            reference_number=reference if structured else None,
            additional_information=said if _SWISS_TEXT.fullmatch(said) else "",
            language=language if language in {"de", "fr", "it"} else "en",
        )
    except ValueError:
        return None


def _epc(document: Document, settlement: Settlement) -> PaymentCode | None:
    """EPC069-12, version 002: lines of name, IBAN, amount and either a structured reference or a text, never both."""
    bank, account = document.seller.bank, _iban(document)
    country = account[:2]
    if bank is None or document.currency != "EUR" or country not in _EEA | _SEPA_OUTSIDE:
        return None
    name, bic = one_line(bank.holder or document.seller.name), re.sub(r"\s", "", bank.bic or "").upper()
    reference = one_line(payment_reference(document))
    structured = bool(iso11649.is_valid(reference))
    if not 0 < len(name) <= 70 or len(reference) > 140 or (country in _SEPA_OUTSIDE and not bic):
        return None
    amount = f"EUR{text(due(document, settlement), 'EUR')}"
    remittance = (iso11649.compact(reference), "") if structured else ("", reference)
    said = "\n".join(("BCD", "002", "1", "SCT", bic, name, account, amount, "", *remittance)).rstrip("\n")
    return PaymentCode(scheme=PaymentScheme.EPC, text=said) if len(said.encode()) <= 331 else None


def _upi(document: Document, settlement: Settlement) -> PaymentCode | None:
    """A UPI link: `pa` is the payee's address, `tn` the note that comes back with the payment."""
    bank = document.seller.bank
    if bank is None or not bank.upi or document.currency != "INR" or not _VPA.fullmatch(bank.upi):
        return None
    values = {
        "pa": bank.upi,
        "pn": one_line(bank.holder or document.seller.name),
        "am": text(due(document, settlement), "INR"),
        "cu": "INR",
        "tn": one_line(payment_reference(document))[:80],
    }
    return PaymentCode(
        scheme=PaymentScheme.UPI, text="upi://pay?" + "&".join(f"{key}={quote(value, safe='@')}" for key, value in values.items())
    )


def _iban(document: Document) -> str:
    """The seller's account, without spaces; empty where there is none or its check digits are wrong."""
    stated = document.seller.bank.iban if document.seller.bank else None
    return str(ibans.compact(stated)) if stated and ibans.is_valid(stated) else ""


def _is_qr_iban(account: str) -> bool:
    """Whether the institution's number is one of those for payments with a QR reference (guidelines 2.3, 2.4)."""
    return account[:2] in {"CH", "LI"} and 30_000 <= int(account[4:9]) <= 31_999


def _is_qrr(reference: str) -> bool:
    compact = reference.replace(" ", "")
    return len(compact) == 27 and compact.strip("0") != "" and bool(esr.is_valid(compact))


def _receipt_lines(address: dict[str, str]) -> int:
    """How many lines of 38 characters a receipt takes for an address: ten fit for both, else the debtor is left to be written in."""
    return sum(1 for _ in StructuredAddress(**address).as_paragraph(max_chars=38))


def _structured(party: DocumentParty, name: str | None = None) -> dict[str, str] | None:
    """A party as a structured address; None where postcode, city or country is missing, or something is too long or in other letters."""
    address = party.address
    if address is None or not (address.postcode and address.city and address.country):
        return None
    street = one_line(address.street or "")
    house = _HOUSE.fullmatch(street)
    found = {
        "name": one_line(name or party.company or party.name),
        "street": house[1].rstrip(" ,") if house else street,
        "house_num": house[2] if house else "",
        "pcode": one_line(address.postcode),
        "city": one_line(address.city),
        "country": address.country,
    }
    limits = {"name": 70, "street": 70, "house_num": 16, "pcode": 16, "city": 35, "country": 2}
    fits = all(len(value) <= limits[key] and _SWISS_TEXT.fullmatch(value) for key, value in found.items())
    return found if fits and found["name"] else None
