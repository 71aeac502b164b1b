"""E-invoices in the running service: inside the PDF or beside it where they are valid, and never silently left out where they are not."""

import json
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pikepdf import Pdf
from prometheus_client import REGISTRY

from adapter.actions.render import current
from adapter.domain.einvoice import Profile
from adapter.flow.replay import Decision, Replay
from adapter.infra.einvoices import EInvoiceRow
from adapter.infra.models import ActionRow, DocumentRow
from adapter.infra.story import document_facts
from tests.house import CONFIGURATION, House
from tests.orders import an_order, completed, event, refunded

WITHOUT = ("notify", "deliver", "send_invoice")
SUMS = "{*}SupplyChainTradeTransaction/{*}ApplicableHeaderTradeSettlement/{*}SpecifiedTradeSettlementHeaderMonetarySummation/{*}"
BUYER = {
    "name": "Ida Sommer", "company": "Sommer Licht GmbH", "email": "ida@sommer.example",
    "address": {"street": "Deichweg 2", "postcode": "24103", "city": "Kiel", "country": "DE"},
    "tax_ids": [{"kind": "eu_vat", "value": "DE136695976"}],
}  # fmt: skip


async def want(house: House, *einvoices: str, policy: str = "warn") -> None:
    """Have the seller want these e-invoices."""
    wishes = f'einvoices = {json.dumps(einvoices)}\neinvoice_policy = "{policy}"\nphone = "+49 40 5550100"\n'
    text = CONFIGURATION.format(mode="live", consumer=house.around.consumer)
    await house.configure(text.replace("time_zone", f"{wishes}time_zone", 1))


async def files(house: House, row: DocumentRow) -> tuple[bytes, bytes | None]:
    """A document's stored PDF, and the e-invoice inside of it."""
    assert row.pdf_sha256 is not None
    content = await house.app.services.files.get(row.pdf_sha256)
    with Pdf.open(BytesIO(content)) as pdf:
        inside = {name: bytes(pdf.attachments[name].get_file().read_bytes()) for name in pdf.attachments}
    return content, inside.get("factur-x.xml")


def sums(xml: bytes, *names: str) -> list[str | None]:
    """Amounts of a Cross Industry Invoice's totals."""
    root = etree.fromstring(xml)
    return [root.findtext(SUMS + name) for name in names]


def odd(**changes: Any) -> dict[str, Any]:
    """An order in a unit that no e-invoice knows."""
    order = an_order(paid=True, **changes)
    return event("order.completed", order | {"lines": [order["lines"][0] | {"unit": "QQQ"}]})


def names(mail: EmailMessage) -> list[str | None]:
    """The file names of a mail's attachments."""
    return [part.get_filename() for part in mail.iter_attachments()]


def counted(profile: str, verdict: str) -> float:
    return REGISTRY.get_sample_value("adapter_einvoices_total", {"profile": profile, "verdict": verdict}) or 0


async def test_the_pdf_carries_what_it_says_and_again_when_it_came_to_be_paid(still_house: House) -> None:
    """Open: the whole sum is due. Paid: nothing is, in a new XML in a new PDF. A lost PDF is drawn again to the byte."""
    before = counted("factur-x", "valid")
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    row = await DocumentRow.get()
    _, unpaid = await files(still_house, row)
    assert unpaid is not None
    assert sums(unpaid, "TaxBasisTotalAmount", "TaxTotalAmount", "GrandTotalAmount", "TotalPrepaidAmount", "DuePayableAmount") == [
        "100.00", "19.00", "119.00", "0.00", "119.00",
    ]  # fmt: skip
    assert (await still_house.app.services.validator.validate(unpaid, Profile.FACTUR_X)).findings == ()

    await still_house.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    await still_house.run_due(without=WITHOUT)
    row = await DocumentRow.get()
    pdf, paid = await files(still_house, row)
    assert paid is not None
    assert sums(paid, "GrandTotalAmount", "TotalPrepaidAmount", "DuePayableAmount") == ["119.00", "119.00", "0.00"]
    assert (row.findings, counted("factur-x", "valid")) == ([], before + 2)

    [told] = (await document_facts(row, still_house.app.services.files))["einvoices"]
    assert (told["profile"], told["valid"], told["standing"], told["findings"]) == ("factur-x", True, "valid", [])
    assert told["xml_path"] == str(still_house.app.services.files.path(told["xml_sha256"]))
    assert await still_house.app.services.files.get(told["xml_sha256"]) == paid
    assert "saxonche" in told["checked_by"]

    path = still_house.app.services.files.path(row.pdf_sha256 or "")
    assert path is not None
    path.unlink()
    assert (await current(still_house.app.services, row)).pdf == pdf
    assert path.read_bytes() == pdf
    assert counted("factur-x", "valid") == before + 2


async def test_a_credit_note_is_of_type_381_and_names_its_invoice(still_house: House) -> None:
    await still_house.send("standard", completed(paid=True))
    await still_house.send("standard", refunded())
    await still_house.run_due(without=("notify", "deliver"))
    invoice, note = await DocumentRow.get(kind="invoice"), await DocumentRow.get(kind="credit_note")
    _, xml = await files(still_house, note)
    assert xml is not None
    root = etree.fromstring(xml)
    assert root.findtext("{*}ExchangedDocument/{*}TypeCode") == "381"
    assert root.findtext(".//{*}InvoiceReferencedDocument/{*}IssuerAssignedID") == invoice.number
    assert sums(xml, "GrandTotalAmount") == ["59.50"]


async def test_what_cannot_be_said_goes_out_plain_with_the_reason(still_house: House) -> None:
    """Two taxes of two jurisdictions on one line: EN 16931 knows one per line."""
    taxes = [{"name": "State Tax", "rate": "0.06", "amount": "6.00"}, {"name": "City Tax", "rate": "0.02", "amount": "2.00"}]
    order = an_order(total="119.00") | {
        "currency": "USD", "prices_include_tax": False, "totals": {"total": "108.00", "tax": "8.00"},
        "lines": [{"id": "1", "kind": "goods", "name": "Lamp", "unit_price": "100.00", "amount": "100.00", "taxes": taxes}],
        "progress": {"financial": "paid", "paid_at": "2026-11-20T09:00:00+00:00"},
    }  # fmt: skip
    await still_house.send("standard", event("order.completed", order))
    await still_house.run_due(without=("notify", "deliver"))
    row, kept = await DocumentRow.get(), await EInvoiceRow.get()
    assert (await files(still_house, row))[1] is None
    reason = "line 1 bears several taxes (State Tax, City Tax): EN 16931 knows one VAT category per line"
    assert (kept.xml_sha256, kept.verdict, kept.reason) == (None, None, reason)
    assert row.findings[-1] == {"severity": "info", "code": "einvoice_not_representable", "message": f"factur-x: {reason}"}
    assert still_house.app.services.validator.pid is None
    [mail] = still_house.around.parsed_mails()
    assert names(mail) == [f"{row.number}.pdf"]


async def test_an_invalid_one_stays_and_its_document_goes_with_a_finding(still_house: House) -> None:
    before = counted("factur-x", "invalid")
    await still_house.send("standard", odd())
    await still_house.run_due(without=("notify", "deliver"))
    row = await DocumentRow.get()
    assert (await files(still_house, row))[1] is None
    broken = {"severity": "warning", "code": "einvoice_invalid", "message": "factur-x: breaks FX-SCH-A-000613"}
    assert [finding for finding in row.findings if finding["code"].startswith("einvoice_")] == [broken]
    [told] = (await document_facts(row, still_house.app.services.files))["einvoices"]
    assert (told["valid"], [finding["rule"] for finding in told["findings"]]) == (False, ["FX-SCH-A-000613"])
    assert b"QQQ" in await still_house.app.services.files.get(told["xml_sha256"])
    assert len(still_house.around.mails) == 1
    assert counted("factur-x", "invalid") == before + 1


async def test_a_seller_may_have_its_mail_held_until_somebody_has_looked(still_house: House) -> None:
    await want(still_house, "factur-x", policy="hold")
    await still_house.send("standard", odd())
    await still_house.run_due(without=("notify", "deliver"))
    held = await ActionRow.get(kind="send_invoice")
    number = (await DocumentRow.get()).number
    assert (held.state, held.error) == (
        "held",
        f"einvoice: {number} as factur-x: breaks FX-SCH-A-000613; accepted, it is sent without",
    )
    assert still_house.around.mails == []

    services = still_house.app.services
    await Replay(services.dispatcher, services.clock).actions([held.id])
    await still_house.run_due(without=("notify", "deliver"))
    assert ((await ActionRow.get(id=held.id)).state, still_house.around.mails) == ("held", [])
    await Replay(services.dispatcher, services.clock, accept=Decision("ada", "the buyer wants paper")).actions([held.id])
    await still_house.run_due(without=("notify", "deliver"))
    [mail] = still_house.around.parsed_mails()
    assert names(mail) == [f"{number}.pdf"]
    assert (await ActionRow.get(id=held.id)).state == "done"


async def test_files_beside_the_pdf_are_attached_where_they_are_valid(still_house: House) -> None:
    await want(still_house, "xrechnung-cii", "xrechnung-ubl", "peppol-ubl")
    await still_house.send("standard", completed(paid=True, buyer=BUYER))
    await still_house.run_due(without=("notify", "deliver"))
    row = await DocumentRow.get()
    assert (await files(still_house, row))[1] is None
    [mail] = still_house.around.parsed_mails()
    beside = [f"{row.number}_{profile}.xml" for profile in ("xrechnung-cii", "xrechnung-ubl", "peppol-ubl")]
    assert names(mail) == [f"{row.number}.pdf", *beside]
    roots = [etree.fromstring(part.get_content()) for part in list(mail.iter_attachments())[1:]]  # type: ignore[attr-defined]
    assert [etree.QName(root).localname for root in roots] == ["CrossIndustryInvoice", "Invoice", "Invoice"]
    assert roots[2].findtext("{*}LegalMonetaryTotal/{*}PrepaidAmount") == "119.00"


async def test_one_of_several_may_lack_something(still_house: House) -> None:
    """A business without an address in Peppol: the document and the other one go out."""
    await want(still_house, "factur-x", "peppol-ubl")
    await still_house.send("standard", completed(paid=True, buyer={**BUYER, "tax_ids": [], "company": "Example & Daughters"}))
    await still_house.run_due(without=("notify", "deliver"))
    row = await DocumentRow.get()
    assert (await files(still_house, row))[1] is not None
    [mail] = still_house.around.parsed_mails()
    assert names(mail) == [f"{row.number}.pdf"]
    assert [(finding["code"], finding["message"]) for finding in row.findings] == [
        ("einvoice_not_representable", "peppol-ubl: peppol needs an electronic address of the buyer (BT-49)")
    ]


async def test_people_get_nothing_by_peppol_and_nobody_waits_for_that(still_house: House) -> None:
    """Who has mails held until every e-invoice is valid does not mean the one that a person cannot receive."""
    await want(still_house, "factur-x", "peppol-ubl", policy="hold")
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=("notify", "deliver"))
    row = await DocumentRow.get()
    assert (await files(still_house, row))[1] is not None
    assert (row.findings, len(still_house.around.mails)) == ([], 1)


async def test_where_no_validator_starts_documents_go_out_plain(
    still_house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A platform without it, told in a finding; once it is there the document has its e-invoice and no finding."""
    program = tmp_path / "lacking.py"
    program.write_text("import a_library_that_is_not_installed\n")
    with monkeypatch.context() as lacking:
        lacking.setattr("adapter.infra.validation._PROGRAM", program)
        await still_house.send("standard", completed(paid=True))
        await still_house.run_due(without=("notify", "deliver"))
    row = await DocumentRow.get()
    assert (await files(still_house, row))[1] is None
    assert [finding["code"] for finding in row.findings] == ["einvoice_unchecked"]
    assert "not checked, the validator dies over this e-invoice" in row.findings[0]["message"]
    assert len(still_house.around.mails) == 1

    await current(still_house.app.services, row)
    row = await DocumentRow.get()
    assert (await files(still_house, row))[1] is not None
    assert row.findings == []


async def test_who_wants_none_pays_for_none(still_house: House) -> None:
    await want(still_house)
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    assert (await files(still_house, await DocumentRow.get()))[1] is None
    assert (await EInvoiceRow.all().count(), still_house.app.services.validator.pid) == (0, None)
