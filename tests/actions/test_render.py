"""PDFs: drawn once, again when what they show has changed, byte-identical when nothing has."""

import pytest

from adapter.actions.render import current
from adapter.flow.replay import Replay
from adapter.infra.archive import file_facts
from adapter.infra.models import ActionRow, DocumentRow
from tests.house import House
from tests.orders import completed, event

WITHOUT = ("notify", "deliver", "send_invoice")


async def test_drawn_once_and_again_when_it_came_to_be_paid(still_house: House) -> None:
    """The open invoice, then the paid one; in between and after that nothing is drawn."""
    await still_house.send("standard", completed())
    await still_house.run_due(without=WITHOUT)
    unpaid = await DocumentRow.get()
    assert unpaid.pdf_sha256 is not None
    files = still_house.app.services.files
    assert (await files.get(unpaid.pdf_sha256)).startswith(b"%PDF-")

    now = await current(still_house.app.services, unpaid)
    assert (now.settlement.paid, now.pdf) == (0, await files.get(unpaid.pdf_sha256))

    await still_house.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    await still_house.run_due(without=WITHOUT)
    paid = await DocumentRow.get()
    assert paid.pdf_sha256 not in {None, unpaid.pdf_sha256}
    assert (paid.content, paid.sha256) == (unpaid.content, unpaid.sha256)
    assert {row.state for row in await ActionRow.filter(kind="render")} == {"done"}


@pytest.mark.parametrize("drawn_between", [False, True], ids=["at once", "drawn in between"])
@pytest.mark.parametrize("first", ["order", "payment"])
async def test_the_mailed_and_the_stored_page_say_paid(still_houses: House, first: str, drawn_between: bool) -> None:
    """Whichever is heard of first: the mail carries what is stored, which says paid; a page that nobody can have seen is not drawn."""
    order, payment = completed(), event("payment.confirmed", {"order_id": "o-1"})
    alone = ("notify", "deliver", *(() if drawn_between else ("render", "send_invoice")))
    for sent in (order, payment) if first == "order" else (payment, order):
        assert await still_houses.send("standard", sent) == 200
        await still_houses.run_due(without=alone)
    await still_houses.run_due(without=("notify", "deliver"))

    row = await DocumentRow.get()
    assert (row.status, row.paid, row.pdf_sha256 is not None) == ("paid", row.total, True)
    stored = await still_houses.app.services.files.get(row.pdf_sha256 or "")
    now = await current(still_houses.app.services, row)
    assert (now.settlement.paid, now.pdf) == (row.total, stored)
    (mail,) = still_houses.around.parsed_mails()
    assert [part.get_content() for part in mail.iter_attachments()] == [stored]
    drawings = await ActionRow.filter(kind="render").order_by("created_at", "id")
    assert [each.state for each in drawings] == ["done"] * (2 if first == "order" and drawn_between else 1)


async def test_the_same_document_gives_the_same_bytes(still_house: House) -> None:
    """A file that was lost is drawn again, to the byte."""
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=WITHOUT)
    before = await DocumentRow.get()
    assert before.pdf_sha256 is not None
    path = still_house.app.services.files.path(before.pdf_sha256)
    assert path is not None
    path.unlink()
    again = await current(still_house.app.services, before)
    assert path.read_bytes() == again.pdf
    assert (await DocumentRow.get()).pdf_sha256 == before.pdf_sha256


@pytest.mark.parametrize("damage", ["missing", "changed"])
async def test_what_was_damaged_is_drawn_again_by_a_replay(still_house: House, damage: str) -> None:
    """The render action, which is done, is replayed: the PDF and the e-invoice are there again as they were, and nothing else happened."""
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=WITHOUT)
    row, files = await DocumentRow.get(), still_house.app.services.files
    before = await file_facts(row.id, files)
    assert [(each["kind"], each["state"]) for each in before] == [("xml", "ok"), ("pdf", "ok")]
    for each in before:
        path = files.path(each["sha256"])
        assert path is not None
        path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert {each["state"] for each in await file_facts(row.id, files)} == {damage}

    ids = [action.id for action in await ActionRow.filter(kind="render")]
    replay = Replay(still_house.app.dispatcher, still_house.app.clock)
    await replay.actions(ids)
    assert (replay.report.refused, replay.report.replayed["render"]) == ({}, len(ids))
    assert set(await still_house.run_due(without=WITHOUT)) == {"render"}
    assert await file_facts(row.id, files) == before
    assert {action.state for action in await ActionRow.filter(kind="render")} == {"done"}


async def test_what_cannot_be_drawn_is_told(still_house: House) -> None:
    """A character that no installed font has stands on the page as its code point, and a warning with what was done."""
    sent = completed()
    sent["data"]["lines"][0]["name"] += " \U000323b0"
    await still_house.send("standard", sent)
    await still_house.run_due(without=WITHOUT)
    outcome = (await ActionRow.get(kind="render")).outcome
    assert outcome["warning"].startswith("no installed font has U+323B0: shown as code points in brackets")
