"""Rules that change and a validator that fails while documents are under way: what was not found valid does not leave."""

import os
import signal
from pathlib import Path

from adapter.actions.render import current
from adapter.clock import SimulatedClock
from adapter.flow.replay import Replay
from adapter.infra.models import ActionRow, DocumentRow
from adapter.infra.story import document_facts
from tests.actions.test_einvoice import BUYER, counted, files, names, want
from tests.house import House, Neighbourhood
from tests.orders import completed

NO = (
    '<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:svrl="http://purl.oclc.org/dsdl/svrl">'
    '<xsl:template match="/"><svrl:schematron-output><svrl:fired-rule context="/"/>'
    '<svrl:failed-assert id="HOUSE-1" flag="fatal" location="/*"><svrl:text>not like this</svrl:text></svrl:failed-assert>'
    "</svrl:schematron-output></xsl:template></xsl:stylesheet>"
)
"""A rule set that refuses everything."""


async def test_rules_that_are_dropped_in_are_asked_before_a_document_leaves_again(
    tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock
) -> None:
    """What was valid by the norm alone leaves no longer, and does again when the rule set was taken out."""
    (rules := tmp_path / "rules").mkdir()
    before = counted("factur-x", "invalid")
    async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock, rules=rules) as house:
        await house.send("standard", completed(paid=True))
        await house.run_due(without=("notify", "deliver"))
        row = await DocumentRow.get()
        assert (await files(house, row))[1] is not None

        (rules / "House-CII.xslt").write_text(NO)
        made = await current(house.app.services, row)
        assert [(each.standing.value, each.rules) for each in made.einvoices] == [("invalid", ("HOUSE-1",))]
        row = await DocumentRow.get()
        assert (await files(house, row))[1] is None
        assert [finding["message"] for finding in row.findings] == ["factur-x: breaks HOUSE-1"]
        assert counted("factur-x", "invalid") == before + 1
        [told] = (await document_facts(row, house.app.services.files))["einvoices"]
        assert (told["standing"], [finding["message"] for finding in told["findings"]]) == ("invalid", ["not like this"])

        (rules / "House-CII.xslt").unlink()
        await current(house.app.services, row)
        row = await DocumentRow.get()
        assert (await files(house, row))[1] is not None
        assert row.findings == []


async def test_a_validator_that_is_killed_is_started_again(still_house: House) -> None:
    validator = still_house.app.services.validator
    await validator.start()
    assert validator.pid is not None
    os.kill(validator.pid, signal.SIGKILL)
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=("notify", "deliver"))
    row = await DocumentRow.get()
    assert (await files(still_house, row))[1] is not None
    assert row.findings == []


async def test_what_was_not_checked_in_time_is_held_and_leaves_once_it_was(still_house: House) -> None:
    await want(still_house, "factur-x", "xrechnung-ubl", policy="hold")
    before = counted("factur-x", "unchecked")
    still_house.app.services.validator.timeout = 0.0001
    await still_house.send("standard", completed(paid=True, buyer=BUYER))
    await still_house.run_due(without=("notify", "deliver"))
    row = await DocumentRow.get()
    assert (await files(still_house, row))[1] is None
    assert [(finding["severity"], finding["code"]) for finding in row.findings] == [("warning", "einvoice_unchecked")] * 2
    assert "not checked, the e-invoice was not validated within 0.0001 seconds" in row.findings[0]["message"]
    assert counted("factur-x", "unchecked") == before + 1
    held = await ActionRow.get(kind="send_invoice")
    assert (held.state, still_house.around.mails) == ("held", [])

    still_house.app.services.validator.timeout = 120
    await Replay(still_house.app.dispatcher, still_house.app.clock).actions([held.id])
    await still_house.run_due(without=("notify", "deliver"))
    row = await DocumentRow.get()
    assert ((await ActionRow.get(id=held.id)).state, row.findings) == ("done", [])
    assert (await files(still_house, row))[1] is not None
    [mail] = still_house.around.parsed_mails()
    assert names(mail) == [f"{row.number}.pdf", f"{row.number}_xrechnung-ubl.xml"]
