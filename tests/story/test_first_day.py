"""One Shopify order from its first webhook to its credit note, on both databases."""

from io import BytesIO
from pathlib import Path

from lxml import etree
from pikepdf import Pdf

import connectors.shopify
from adapter.domain.money import text
from adapter.infra.story import document_facts
from tests.house import House

FIXTURES = Path(connectors.shopify.__path__[0]) / "fixtures"


async def test_an_order_becomes_an_invoice_a_mail_a_credit_note_and_messages(house: House) -> None:
    """Created and paid in one snapshot, then partly refunded: two documents, two mails, each event announced once."""
    created = (FIXTURES / "orders_create--eur-two-rates-code-shipping.json").read_bytes()
    refunded = (FIXTURES / "refunds_create--partial.json").read_bytes()

    assert await house.send("shopify", created, "orders/create") == 200
    assert await house.send("shopify", refunded, "refunds/create") == 200
    assert await house.send("shopify", created, "orders/create") == 200
    await house.idle()

    documents = [(row.kind, row.number[:4], row.status, row.total) for row, _ in await house.documents()]
    assert documents == [("invoice", "INV-", "paid", 13513), ("credit_note", "CN-2", "open", 5391)]
    assert len(house.around.mails) == 2
    for row, document in await house.documents():
        [einvoice] = (await document_facts(row, house.app.services.files))["einvoices"]
        assert (einvoice["profile"], einvoice["valid"]) == ("factur-x", True)
        with Pdf.open(BytesIO(await house.app.services.files.get(row.pdf_sha256 or ""))) as pdf:
            inside = etree.fromstring(pdf.attachments["factur-x.xml"].get_file().read_bytes())
        assert inside.findtext(".//{*}GrandTotalAmount") == text(document.totals.gross, document.currency)
        assert inside.findtext(".//{*}TaxTotalAmount") == text(document.totals.tax, document.currency)
    assert sorted(house.verified(message)["type"] for message in house.around.messages) == [
        "credit_note.created",
        "credit_note.sent",
        "invoice.created",
        "invoice.paid",
        "invoice.sent",
    ]
