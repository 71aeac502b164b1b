from datetime import date
from decimal import Decimal

import pytest
import segno.helpers
from stdnum import iso11649

from adapter.domain.document import Bank, Document, DocumentLine, DocumentParty, DocumentTotals, Seller, Settlement
from adapter.domain.order import Address
from adapter.domain.payment_code import PaymentScheme, payment_code, payment_reference, spaced_reference, swiss_bill

SWISS = Address(street="Seestrasse 12a", postcode="8002", city="Zürich", country="CH")
QR_IBAN = "CH44 3199 9123 0008 8901 2"
SWISS_IBAN = "CH58 0079 1123 0008 8901 2"


def invoice(gross=25940, currency="EUR", bank=None, seller=None, **more):
    bank = {"iban": "DE02 1203 0000 0000 2020 51", "bic": "BYLADEM1001", **(bank or {})}
    values = {
        "kind": "invoice", "mode": "live", "number": "INV-2026-000123", "issue_date": date(2026, 11, 20), "currency": currency,
        "prices_include_tax": True, "totals": DocumentTotals(net=gross, tax=0, gross=gross),
        "seller": Seller(**{"name": "Lindenhof Keramik GmbH", "address": SWISS, "bank": Bank(**bank), **(seller or {})}),
        "lines": (
            DocumentLine(position=1, kind="goods", name="Mug", quantity=Decimal(1), unit_price=Decimal(1), net=gross, tax=0, gross=gross),
        ),
    }  # fmt: skip
    return Document(**{**values, **more})


def code(document, paid=0):
    return payment_code(document, Settlement(paid=paid))


def test_a_sepa_transfer_says_what_the_european_payments_council_prescribes():
    found = code(invoice(), paid=10000)
    assert found.scheme is PaymentScheme.EPC
    assert found.text.split("\n") == [
        "BCD", "002", "1", "SCT", "BYLADEM1001", "Lindenhof Keramik GmbH", "DE02120300000000202051", "EUR159.40", "", "", "INV-2026-000123",
    ]  # fmt: skip


def test_a_structured_reference_stands_in_place_of_the_text():
    document = invoice(bank={"creditor_reference": "iso11649", "bic": None})
    assert payment_reference(document) == "RF98INV2026000123"
    assert iso11649.is_valid("RF98INV2026000123")
    assert spaced_reference(payment_reference(document)) == "RF98 INV2 0260 0012 3"
    assert code(document).text.split("\n")[7:] == ["EUR259.40", "", "RF98INV2026000123"]


def test_another_library_says_the_same():
    text = code(invoice(gross=25941)).text
    theirs = segno.helpers.make_epc_qr(
        "Lindenhof Keramik GmbH", "DE02120300000000202051", Decimal("259.41"), text="INV-2026-000123", bic="BYLADEM1001", encoding=1
    )
    assert segno.make_qr(text.encode(), error="m", boost_error=False).matrix == theirs.matrix


@pytest.mark.parametrize("paid", [25940, 30000])
def test_nothing_is_due_and_there_is_no_code(paid):
    for document in (
        invoice(), invoice(currency="CHF", bank={"iban": SWISS_IBAN}), invoice(currency="INR", bank={"upi": "shop@bank"}),
    ):  # fmt: skip
        assert code(document, paid=paid) is None


def test_a_credit_note_has_no_code():
    assert code(invoice(kind="credit_note")) is None


@pytest.mark.parametrize(
    "document",
    [
        invoice(currency="USD"),
        invoice(currency="CHF"),
        invoice(bank={"iban": "DE03 1203 0000 0000 2020 51"}),
        invoice(bank={"iban": None}),
        invoice(bank={"iban": "BR15 0000 0000 0000 1093 2840 814P 2"}),
        invoice(bank={"iban": "GB33 BUKB 2020 1555 5555 55", "bic": None}),
        invoice(bank={"holder": "x" * 71}),
        invoice(gross=100_000_000_000),
        invoice(number="x" * 141),
        invoice(number="茶" * 100),
        invoice(seller={"bank": None}),
        invoice(currency="INR", bank={"upi": "no address"}),
    ],
)
def test_what_a_scheme_cannot_say_exactly_has_no_code(document):
    assert code(document) is None


@pytest.mark.parametrize(("gross", "amount"), [(1, "EUR0.01"), (99_999_999_999, "EUR999999999.99")])
def test_the_smallest_and_the_largest_amount(gross, amount):
    assert amount in code(invoice(gross=gross)).text.split("\n")


def test_a_swiss_bill_has_structured_addresses():
    buyer = DocumentParty(name="Pia Muster", address=Address(street="Rue du Lac", postcode="1003", city="Lausanne", country="CH"))
    found = code(invoice(currency="CHF", bank={"iban": SWISS_IBAN}, buyer=buyer), paid=940)
    assert found.scheme is PaymentScheme.SWISS
    assert found.text.split("\r\n") == [
        "SPC", "0200", "1", "CH5800791123000889012",
        "S", "Lindenhof Keramik GmbH", "Seestrasse", "12a", "8002", "Zürich", "CH",
        "", "", "", "", "", "", "",
        "250.00", "CHF",
        "S", "Pia Muster", "Rue du Lac", "", "1003", "Lausanne", "CH",
        "NON", "", "INV-2026-000123", "EPD",
    ]  # fmt: skip


def test_a_qr_iban_gets_a_qr_reference():
    document = invoice(currency="CHF", bank={"iban": QR_IBAN, "qr_reference_prefix": "210000"})
    assert payment_reference(document) == "210000000000000020260001238"
    assert spaced_reference(payment_reference(document)) == "21 00000 00000 00002 02600 01238"
    assert code(document).text.split("\r\n")[-4:] == ["QRR", "210000000000000020260001238", "INV-2026-000123", "EPD"]


def test_a_qr_iban_without_a_qr_reference_is_no_bill():
    document = invoice(currency="CHF", bank={"iban": QR_IBAN}, payment_reference="RF98INV2026000123")
    assert swiss_bill(document, Settlement()) is None
    assert code(document) is None
    assert code(invoice(currency="CHF", bank={"iban": QR_IBAN}, number="INV")) is None
    assert code(invoice(currency="CHF", bank={"iban": QR_IBAN}, number="INV-000")) is None


def test_a_qr_reference_needs_a_qr_iban():
    document = invoice(currency="CHF", bank={"iban": SWISS_IBAN}, payment_reference="210000000003139471430009017")
    assert code(document) is None


def test_a_creditor_reference_on_a_swiss_bill():
    document = invoice(currency="CHF", bank={"iban": SWISS_IBAN, "creditor_reference": "iso11649"})
    assert code(document).text.split("\r\n")[-4:] == ["SCOR", "RF98INV2026000123", "INV-2026-000123", "EPD"]


@pytest.mark.parametrize(
    "address",
    [
        SWISS.model_copy(update={"postcode": None}),
        SWISS.model_copy(update={"city": "C" * 36}),
        SWISS.model_copy(update={"city": "チューリヒ"}),
        None,
    ],
)
def test_no_swiss_bill_without_a_complete_address(address):
    assert code(invoice(currency="CHF", bank={"iban": SWISS_IBAN}, seller={"address": address})) is None
    # In euro, a SEPA transfer needs no address.
    assert code(invoice(bank={"iban": SWISS_IBAN}, seller={"address": address})).scheme is PaymentScheme.EPC


def test_a_debtor_who_does_not_fit_is_left_to_be_written_in():
    buyer = DocumentParty(name="青い器", address=Address(street="神宮前 1-2-3", city="渋谷区", postcode="150-0001", country="JP"))
    assert code(invoice(currency="CHF", bank={"iban": SWISS_IBAN}, buyer=buyer)).text.split("\r\n")[20:27] == [""] * 7


def test_a_receipt_is_not_overfull():
    long = DocumentParty(name="Wort " * 13, address=SWISS.model_copy(update={"street": "Lange Strasse " * 5, "city": "Ort " * 8}))
    seller = {"name": "Name " * 13, "address": SWISS.model_copy(update={"street": "Lange Strasse " * 5, "city": "Ort " * 8})}
    bank = {"iban": SWISS_IBAN}
    assert code(invoice(currency="CHF", bank=bank, buyer=long)).text.split("\r\n")[21] == ("Wort " * 13).strip()
    assert (
        code(invoice(currency="CHF", bank=bank, seller={**seller, "bank": Bank(**bank)}, buyer=long)).text.split("\r\n")[20:27] == [""] * 7
    )


def test_a_upi_link():
    document = invoice(currency="INR", gross=123456, bank={"upi": "lindenhof.shop@examplebank", "holder": "Lindenhof & Co"})
    assert code(document) == payment_code(document, Settlement())
    assert code(document).text == "upi://pay?pa=lindenhof.shop@examplebank&pn=Lindenhof%20%26%20Co&am=1234.56&cu=INR&tn=INV-2026-000123"


def test_what_a_document_prescribes_is_quoted():
    assert payment_reference(invoice(payment_reference="Contract 7")) == "Contract 7"
    assert payment_reference(invoice()) == "INV-2026-000123"


def test_documents_without_the_new_fields_keep_their_digest():
    assert not {"upi", "creditor_reference", "qr_reference_prefix", "terms", "font"} & set(invoice().canonical().split('"'))
