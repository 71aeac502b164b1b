"""What `doctor` finds out about the rules for e-invoices."""

from pathlib import Path

from adapter.cli.rules_check import rule_sets
from adapter.settings import load_settings

ANY = (
    '<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:svrl="http://purl.oclc.org/dsdl/svrl">'
    '<xsl:template match="/"><svrl:schematron-output><svrl:fired-rule context="/"/>{}</svrl:schematron-output></xsl:template>'
    "</xsl:stylesheet>"
)
NO = '<svrl:failed-assert id="HOUSE-1" flag="fatal" location="/*"><svrl:text>no</svrl:text></svrl:failed-assert>'


async def test_rule_sets_that_are_never_run_and_those_that_refuse_are_named(tmp_path: Path) -> None:
    (tmp_path / "XRechnung.xslt").write_text(ANY.format(""))
    (tmp_path / "Peppol-UBL.xslt").write_text(ANY.format(NO))
    artefacts, refusals = await rule_sets(load_settings({}, data=tmp_path, rules=tmp_path))
    assert artefacts["rules/XRechnung.xslt"] == "is never run: its name says neither cii nor ubl"
    assert len(artefacts["rules/Peppol-UBL.xslt"]) == 16
    assert refusals == ["HOUSE-1 (peppol-ubl)"]
