"""One mail with everything in it."""

from datetime import UTC, datetime

from adapter.infra.mail import Attachment, Mail

PDF = Attachment("Rechnung 1001.pdf", "application/pdf", b"%PDF-1.7\n\x00\xff\r\n.\r\n" * 50)
MAIL = Mail(
    sender="Müller & Söhne, Bücher <billing@shop.example>",
    to=("Jane Doe <jane@buyer.example>",),
    subject="Rechnung für Bestellung №1001",
    text="Guten Tag,\n\nanbei Ihre Rechnung über 19,99 €.\n",
    html="<html><head><style>p{color:red}</style></head><body><p>Guten Tag</p></body></html>",
    message_id="<0190.invoice@shop.example>",
    date=datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
    reply_to="help@shop.example",
    language="de",
    attachments=(PDF,),
    headers={"X-Order": "1001"},
)
