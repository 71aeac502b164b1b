import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapter.domain.document import Settlement
from adapter.domain.einvoice import NotRepresentable, Profile, RuleFinding, Syntax, cii, ubl
from adapter.domain.money import exponent
from adapter.domain.order import Adjustment, Order
from adapter.domain.tax.adopt import Severity
from adapter.errors import GiveUp, Held, Ignored, Misconfigured, TryAgain
from adapter.infra.validation import Validator
from tests.conftest import LONG
from tests.domain.baskets import orders, refund
from tests.domain.einvoice_cases import BASKET
from tests.domain.einvoices import CASES, FRANCE, HOME, PLACED, SWITZERLAND, Case, invoice, note
from tests.house import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")

WRITERS = {Syntax.CII: cii, Syntax.UBL: ubl}
WRITTEN = [(profile, syntax) for profile in Profile for syntax in sorted(profile.syntaxes)]
RULES = Path(os.environ["ADAPTER_RULES"]) if "ADAPTER_RULES" in os.environ else None
"""Official rule sets beyond those that come with the packages, if there are any at hand."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def validator() -> AsyncIterator[Validator]:
    running = Validator(RULES, timeout=PATIENCE)
    await running.start()
    yield running
    await running.close()


def errors(findings: tuple[RuleFinding, ...]) -> list[str]:
    return sorted({finding.rule for finding in findings if finding.severity is Severity.ERROR})


@pytest.mark.parametrize(("profile", "syntax"), WRITTEN)
@pytest.mark.parametrize("case", BASKET)
async def test_every_document_is_valid(validator: Validator, case: str, profile: Profile, syntax: Syntax) -> None:
    made = BASKET[case]()
    verdict = await validator.validate(WRITERS[syntax](made.document, profile, made.settlement), profile)
    assert [finding for finding in verdict.findings if finding.severity is not Severity.INFO] == []
    assert verdict.valid


def random_cases(count: int) -> list[Case]:
    """Invoices and credit notes of orders as platforms make them."""
    made: list[Case] = []
    shares = st.sampled_from([None, None, Decimal(1), Decimal("0.5"), Decimal("0.013")])

    @given(basket=orders(), buyer=st.sampled_from([HOME, FRANCE, SWITZERLAND]), paid=st.sampled_from([0, 1, 2]), share=shares)
    @settings(max_examples=count, suppress_health_check=[HealthCheck.filter_too_much])
    def draw(basket: Order, buyer: dict[str, Any], paid: int, share: Decimal | None) -> None:
        basket = Order.model_validate({**basket.model_dump(), "placed_at": PLACED, "buyer": buyer})
        try:
            document = invoice(basket)
            if share is not None:
                given_back = round(basket.totals.total * share, exponent(basket.currency))
                adjustment = Adjustment(kind="goodwill", amount=given_back)
                document = note(document, basket, refund("r1", money=format(given_back, "f"), adjustments=[adjustment]))
        except (Held, Ignored):
            return
        made.append(Case(document, Settlement(paid=document.totals.gross * paid // 2)))

    draw()
    return made


async def test_whatever_is_written_of_random_orders_is_valid(validator: Validator) -> None:
    """What cannot be said is no e-invoice, and says why; everything else is accepted."""
    written, refused = 0, Counter[str]()
    for made in random_cases(3_000 if LONG else 100):
        for profile, syntax in WRITTEN:
            try:
                xml = WRITERS[syntax](made.document, profile, made.settlement)
            except NotRepresentable as error:
                refused[error.reason] += 1
                continue
            verdict = await validator.validate(xml, profile)
            assert [finding for finding in verdict.findings if finding.severity is not Severity.INFO] == [], xml.decode()
            written += 1
    assert written > 100
    known = ("decimal places", "several taxes", "away from base x rate")
    assert [reason for reason in refused if not any(words in reason for words in known)] == []


def swapped(text: str, found: str, wanted: str) -> bytes:
    assert text.count(found) == 1, f"{found} stands {text.count(found)} times in the e-invoice"
    return text.replace(found, wanted).encode()


NET = CASES["domestic, net prices"]
"""7.00, 16.74 and 29.22, that is 52.96, and 10.06 of tax: 63.02."""

MUTANTS = [
    (Syntax.CII, "<ram:LineTotalAmount>16.74<", "<ram:LineTotalAmount>16.75<", ["BR-CO-10", "BR-S-08"]),
    (Syntax.CII, "<ram:TaxBasisTotalAmount>52.96<", "<ram:TaxBasisTotalAmount>52.97<", ["BR-CO-13", "BR-CO-15"]),
    (Syntax.CII, '<ram:TaxTotalAmount currencyID="EUR">10.06<', '<ram:TaxTotalAmount currencyID="EUR">10.07<', ["BR-CO-14", "BR-CO-15"]),
    (Syntax.CII, "<ram:GrandTotalAmount>63.02<", "<ram:GrandTotalAmount>63.03<", ["BR-CO-15", "BR-CO-16"]),
    (Syntax.CII, "<ram:DuePayableAmount>63.02<", "<ram:DuePayableAmount>63.01<", ["BR-CO-16"]),
    (Syntax.CII, "<ram:TypeCode>380<", "<ram:TypeCode>999<", ["FX-SCH-A-000555"]),
    (Syntax.CII, "<ram:ChargeAmount>8.37<", "<ram:ChargeAmount>-8.37<", ["BR-27"]),
    (Syntax.CII, "</ram:GrandTotalAmount>", "</ram:GrandTotalAmount><ram:GrandTotalAmount>63.02</ram:GrandTotalAmount>", ["XSD"]),
    (Syntax.UBL, '<cbc:LineExtensionAmount currencyID="EUR">16.74<', '<cbc:LineExtensionAmount currencyID="EUR">16.75<', ["BR-CO-10"]),
    (Syntax.UBL, 'ExclusiveAmount currencyID="EUR">52.96<', 'ExclusiveAmount currencyID="EUR">52.97<', ["BR-CO-13", "BR-CO-15"]),
    (Syntax.UBL, 'InclusiveAmount currencyID="EUR">63.02<', 'InclusiveAmount currencyID="EUR">63.03<', ["BR-CO-15", "BR-CO-16"]),
    (Syntax.UBL, '<cbc:PayableAmount currencyID="EUR">63.02<', '<cbc:PayableAmount currencyID="EUR">63.01<', ["BR-CO-16"]),
    (Syntax.UBL, "<cbc:DocumentCurrencyCode>EUR<", "<cbc:DocumentCurrencyCode>EUX<", ["BR-CL-04"]),
    (Syntax.UBL, '<cbc:PayableAmount currencyID="EUR">63.02<', '<cbc:PayableAmount currencyID="EUR">much<', ["XSD"]),
]  # fmt: skip


@pytest.mark.parametrize(("syntax", "found", "wanted", "rules"), MUTANTS)
async def test_one_cent_is_noticed(validator: Validator, syntax: Syntax, found: str, wanted: str, rules: list[str]) -> None:
    written = WRITERS[syntax](NET().document, Profile.EN16931).decode()
    verdict = await validator.validate(swapped(written, found, wanted), Profile.EN16931)
    assert not verdict.valid
    assert set(rules) <= set(errors(verdict.findings))
    assert all(finding.message for finding in verdict.findings)


@pytest.mark.parametrize(("syntax", "rule"), [(Syntax.CII, "FX-SCH-A-000613"), (Syntax.UBL, "BR-CL-23")])
async def test_a_unit_that_nobody_knows_is_invalid(validator: Validator, syntax: Syntax, rule: str) -> None:
    document = NET().document
    lines = tuple(line.model_copy(update={"unit": "QQQ"}) for line in document.lines)
    verdict = await validator.validate(WRITERS[syntax](document.model_copy(update={"lines": lines}), Profile.EN16931), Profile.EN16931)
    assert not verdict.valid
    assert rule in errors(verdict.findings)


LAUGHS = '<!DOCTYPE a [<!ENTITY b "haha">' + "".join(f'<!ENTITY b{n} "{"&b;" * 10}">' for n in range(9)) + "]><a>&b8;</a>"

HOSTILE = {
    "a document type": b"<!DOCTYPE Invoice><Invoice/>",
    "a billion laughs": LAUGHS.encode(),
    "a file of the machine": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>',
    "another encoding": '<?xml version="1.0" encoding="utf-16"?><Invoice/>'.encode("utf-16"),
    "an encoding that lies": b'<?xml version="1.0" encoding="utf-16"?><Invoice/>',
    "cut off": b"<Invoice",
    "nothing": b"",
    "another root": b"<html/>",
    "no XML": b"%PDF-1.7",
    "a deep well": b"<a>" * 100_000,
    "too long": b" " * (33 * 1024 * 1024),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_files_are_refused(validator: Validator, case: str) -> None:
    pid = validator.pid
    verdict = await validator.validate(HOSTILE[case], Profile.EN16931)
    assert not verdict.valid
    assert [finding.rule for finding in verdict.findings] == ["XML"]
    assert validator.pid == pid


async def test_a_byte_order_mark_does_not_matter(validator: Validator) -> None:
    written = cii(NET().document, Profile.FACTUR_X)
    assert (await validator.validate(b"\xef\xbb\xbf" + written, Profile.FACTUR_X)).valid


async def test_the_verdict_names_what_was_asked(validator: Validator) -> None:
    verdict = await validator.validate(ubl(NET().document, Profile.PEPPOL), Profile.PEPPOL)
    assert {"factur-x", "saxonche", "EN16931-UBL-validation.xslt"} <= set(verdict.artefacts)
    assert all(verdict.artefacts.values())
    if RULES is None:
        assert [finding.message for finding in verdict.findings] == [
            "Peppol BIS Billing has rules of its own, which were not at hand: EN 16931 alone was checked"
        ]


SHEET = """<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:svrl="http://purl.oclc.org/dsdl/svrl">
<xsl:template match="/"><svrl:schematron-output>{body}</svrl:schematron-output></xsl:template></xsl:stylesheet>"""
FIRED = '<svrl:fired-rule context="/"/>'
BROKEN = FIRED + '<svrl:failed-assert id="{id}" flag="{flag}" location="/*"><svrl:text>[{id}] says no</svrl:text></svrl:failed-assert>'


async def test_dropped_in_rules_are_run_for_their_profile_and_syntax(tmp_path: Path) -> None:
    def drop(name: str, body: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SHEET.format(body=body))

    drop("xr/XRechnung-CII-validation.xsl", BROKEN.format(id="OWN-1", flag="fatal"))
    drop("PEPPOL-EN16931-UBL.xslt", BROKEN.format(id="OWN-2", flag="warning"))
    drop("House_UBL.xslt", BROKEN.format(id="OWN-3", flag="information"))
    drop("public.xslt", BROKEN.format(id="OWN-4", flag="fatal"))
    validator, document = Validator(tmp_path, timeout=PATIENCE), NET().document
    try:
        found = {}
        for profile, syntax in WRITTEN:
            verdict = await validator.validate(WRITERS[syntax](document, profile), profile)
            found[profile, syntax] = (verdict.valid, [(finding.rule, finding.severity.value) for finding in verdict.findings])
        assert found == {
            (Profile.EN16931, Syntax.CII): (True, []),
            (Profile.EN16931, Syntax.UBL): (True, [("OWN-3", "info")]),
            (Profile.FACTUR_X, Syntax.CII): (True, []),
            (Profile.XRECHNUNG, Syntax.CII): (False, [("OWN-1", "error")]),
            (Profile.XRECHNUNG, Syntax.UBL): (True, [("OWN-3", "info"), ("RULES", "info")]),
            (Profile.PEPPOL, Syntax.UBL): (True, [("OWN-3", "info"), ("OWN-2", "warning")]),
        }
        drop(
            "House_UBL.xslt",
            '<svrl:text><xsl:value-of select="xs:integer(\'x\')" xmlns:xs="http://www.w3.org/2001/XMLSchema"/></svrl:text>',
        )
        os.utime(tmp_path / "House_UBL.xslt", (1, 1))
        verdict = await validator.validate(ubl(document, Profile.EN16931), Profile.EN16931)
        assert (verdict.valid, [finding.rule for finding in verdict.findings]) == (False, ["XSLT"])
        drop("House_UBL.xslt", "")
        os.utime(tmp_path / "House_UBL.xslt", (2, 2))
        verdict = await validator.validate(ubl(document, Profile.EN16931), Profile.EN16931)
        assert [finding.message for finding in verdict.findings] == ["rules/House_UBL.xslt has run no rule: it is not for this file"]
        (tmp_path / "House_UBL.xslt").write_text("no style sheet")
        with pytest.raises(GiveUp, match="the rules cannot be run"):
            await validator.validate(ubl(document, Profile.EN16931), Profile.EN16931)
    finally:
        await validator.close()


async def test_a_folder_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="ADAPTER_RULES"):
        Validator(tmp_path / "nowhere")


async def test_a_process_that_dies_is_started_again() -> None:
    validator, written = Validator(timeout=PATIENCE), ubl(NET().document, Profile.EN16931)
    try:
        await validator.start()
        first = validator.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        verdicts = await asyncio.gather(*(validator.validate(written, Profile.EN16931) for _ in range(4)))
        assert all(verdict.valid for verdict in verdicts)
        assert validator.pid not in {None, first}
    finally:
        await validator.close()
    assert validator.pid is None


async def test_a_slow_answer_is_not_taken_for_the_next_one() -> None:
    validator, document = Validator(), NET().document
    try:
        validator.timeout = 0.01
        with pytest.raises(TryAgain, match=r"within 0\.01 seconds"):
            await validator.validate(ubl(document, Profile.EN16931), Profile.EN16931)
        assert validator.pid is None
        validator.timeout = PATIENCE
        asked = asyncio.create_task(validator.validate(ubl(document, Profile.EN16931), Profile.EN16931))
        await asyncio.sleep(0.05)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        broken = swapped(ubl(document, Profile.EN16931).decode(), "<cbc:InvoiceTypeCode>380<", "<cbc:InvoiceTypeCode>999<")
        assert errors((await validator.validate(broken, Profile.EN16931)).findings) == ["BR-CL-01"]
    finally:
        await validator.close()


async def test_a_file_over_which_the_process_dies_twice_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dies.py"
    program.write_text("import sys\nsys.stdin.readline()\n")
    monkeypatch.setattr("adapter.infra.validation._PROGRAM", program)
    validator = Validator()
    with pytest.raises(GiveUp, match="dies over this e-invoice"):
        await validator.validate(b"<a/>", Profile.EN16931)
    await validator.close()


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.05)


async def test_the_process_ends_with_its_parent() -> None:
    program = (
        "import asyncio, os\nfrom adapter.infra.validation import Validator\n"
        "async def main():\n    v = Validator()\n    await v.start()\n    print(v.pid, flush=True)\n    os._exit(0)\nasyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await parent.wait()
    await asyncio.to_thread(wait_until_gone, pid)
