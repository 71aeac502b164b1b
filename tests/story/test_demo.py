"""The demo as people run it: once in peace, once with a service that is killed meanwhile. Both come to the same."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pikepdf import Pdf

DOCUMENTS = [
    ("shop", "1001", "invoice", "INV-000001", "credited", "EUR", "124.70", "17.02"),
    ("shop", "1001", "credit_note", "CN-000001", "open", "EUR", "44.10", "7.04"),
    ("shop", "1001", "credit_note", "CN-000002", "open", "EUR", "80.60", "9.98"),
    ("woo", "2001", "invoice", "INV-000002", "paid", "GBP", "64.80", "10.80"),
    ("woo", "2001", "credit_note", "CN-000003", "open", "GBP", "8.00", "1.33"),
    ("downloads", "23077", "invoice", "INV-000003", "paid", "USD", "29.00", "0.00"),
    ("backend", "B-77", "invoice", "INV-000004", "paid", "JPY", "11550", "1050"),
    ("shop", "1002", "invoice", "INV-000005", "credited", "EUR", "44.90", "7.17"),
    ("shop", "1002", "credit_note", "CN-000004", "open", "EUR", "44.90", "7.17"),
    ("backend", "B-78", "invoice", "INV-000006", "past_due", "EUR", "238.00", "38.00"),
]
MAILS = [
    ("wiebke.hansen@kunde.example", "Rechnung zu Bestellung #1001", "INV-000001"),
    ("wiebke.hansen@kunde.example", "Rechnungskorrektur zu Bestellung #1001", "CN-000001"),
    ("wiebke.hansen@kunde.example", "Rechnungskorrektur zu Bestellung #1001", "CN-000002"),
    ("nia.prosser@customer.example", "Invoice for Order #2001", "INV-000002"),
    ("nia.prosser@customer.example", "Credit note for Order #2001", "CN-000003"),
    ("dana.whitlock@customer.example", "Invoice for Order #23077", "INV-000003"),
    ("misaki.takahashi@customer.example", "Invoice for Order #B-77", "INV-000004"),
    ("aoife.byrne@customer.example", "Invoice for Order #1002", "INV-000005"),
    ("aoife.byrne@customer.example", "Credit note for Order #1002", "CN-000004"),
    ("buchhaltung@petersen-werft.example", "Zahlungserinnerung: Rechnung INV-000006", "INV-000006"),
]
MESSAGES = [
    *((f"INV-00000{n}", type) for n in range(1, 6) for type in ("invoice.created", "invoice.paid", "invoice.sent")),
    ("INV-000006", "invoice.created"),
    ("INV-000006", "invoice.overdue"),
    *((f"CN-00000{n}", type) for n in range(1, 5) for type in ("credit_note.created", "credit_note.sent")),
]


@pytest.mark.xdist_group("demo")  # one after the other, on one worker
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [0, 2])
def test_the_day_comes_to_the_same_with_and_without_kills(tmp_path: Path, kills: int) -> None:
    out = tmp_path / "demo-output"
    command = [sys.executable, "-m", "adapter.cli", "demo", "--out", str(out), "--crash", str(kills)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=840, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))

    assert [promise for promise in report["promises"] if not promise["ok"]] == []
    assert report["kills"] == kills
    assert f"{len(report['promises'])} of {len(report['promises'])} promises kept" in ended.stdout
    assert _documents(report, out) == DOCUMENTS
    assert _mails(report, out) == sorted(MAILS)
    assert _messages(report, out) == sorted(MESSAGES)
    assert not (out / "data").exists()
    if not kills:
        assert {entry["copies"] for entry in (*report["mails"], *report["messages"])} == {1}


def _short(number: str, year: str) -> str:
    return number.replace(f"-{year}-", "-")


def _documents(report: dict[str, Any], out: Path) -> list[tuple[str, ...]]:
    found = []
    for document in report["documents"]:
        pdf = out / document["pdf"]
        assert sha256(pdf.read_bytes()).hexdigest() == document["pdf_sha256"]
        with Pdf.open(pdf) as opened:
            assert len(opened.pages) == 1
        year = document["issue_date"][:4]
        facts = [document[key] for key in ("source", "order", "kind", "number", "status", "currency", "total", "tax_total")]
        found.append(tuple(_short(fact, year) for fact in facts))
    return found


def _mails(report: dict[str, Any], out: Path) -> list[tuple[str, ...]]:
    """Each by recipient, subject and the document attached, whose bytes are the stored PDF's."""
    pdfs = {f"{document['number']}.pdf": document for document in report["documents"]}
    found = []
    for mail in report["mails"]:
        [(name, digest)] = mail["attachments"].items()
        document = pdfs[name]
        assert digest == document["pdf_sha256"]
        assert mail["message_id"].encode() in (out / mail["file"]).read_bytes()
        year = document["issue_date"][:4]
        found.append((mail["to"], _short(mail["subject"], year), _short(document["number"], year)))
    assert len({mail["message_id"] for mail in report["mails"]}) == len(found)
    return sorted(found)


def _messages(report: dict[str, Any], out: Path) -> list[tuple[str, ...]]:
    years = {document["number"]: document["issue_date"][:4] for document in report["documents"]}
    for message in report["messages"]:
        sent = json.loads((out / message["file"]).read_text(encoding="utf-8"))
        assert sent["headers"]["webhook-id"] == message["id"]
        assert sent["headers"]["webhook-signature"].startswith("v1,")
        assert sent["body"]["type"] == message["type"]
        assert sent["body"]["test"] is False
    assert len({message["id"] for message in report["messages"]}) == len(report["messages"])
    return sorted((_short(message["document"], years[message["document"]]), message["type"]) for message in report["messages"])
