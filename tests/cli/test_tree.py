from typing import Any

import pytest

from adapter.cli.tree import einvoice_line


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"standing": "valid"}, "e-invoice peppol-ubl valid /xml"),
        (
            {"standing": "valid", "findings": [("RULES", "info", "EN 16931 alone was checked"), ("BR-X", "info", "something")]},
            "e-invoice peppol-ubl valid RULES EN 16931 alone was checked: /xml",
        ),
        (
            {"standing": "invalid", "findings": [("BR-1", "error", "[BR-1]-A number is wanted."), ("BR-2", "warning", "No.")]},
            "e-invoice peppol-ubl invalid BR-1 A number is wanted.; BR-2 No.: /xml",
        ),
        (
            {"standing": "not_representable", "reason": "peppol needs the buyer's country (BT-55)", "xml_path": None},
            "e-invoice peppol-ubl not_representable peppol needs the buyer's country (BT-55): not made",
        ),
    ],
)
def test_an_e_invoice_says_how_it_stands_and_why(facts: dict[str, Any], told: str) -> None:
    findings = [{"rule": rule, "severity": severity, "message": message} for rule, severity, message in facts.pop("findings", ())]
    given = {"profile": "peppol-ubl", "reason": None, "findings": findings, "xml_path": "/xml", "xml_sha256": None}
    assert einvoice_line(given | facts).plain.strip() == told
