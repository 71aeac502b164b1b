"""Clearance: submitted once and frozen, asked about until it is decided; until then pages say so and mails wait."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY

from adapter.actions.render import current
from adapter.clock import SimulatedClock
from adapter.configuration import Reader
from adapter.domain.clearance import ClearanceState
from adapter.domain.document import Document
from adapter.flow.act import act
from adapter.flow.replay import Decision, Replay
from adapter.infra.clearances import ClearanceRow
from adapter.infra.models import ActionRow, DocumentRow, EmailRow, EntityRow, EventRow, MessageRow
from adapter.infra.story import document_facts
from adapter.signature import STANDARD_WEBHOOKS, new_secret, verify
from tests.house import CONFIGURATION, SECRETS, House, Neighbourhood, hurry
from tests.orders import an_order, completed, event, refunded

WITHOUT = ("notify", "deliver")
ALONE = (*WITHOUT, "render", "send_invoice", "send_credit_note")
SOURCE = '[[source]]\nid = "standard"\nentity = "lighthouse"\nconnector = "standard"\nsecrets = ["env:STANDARD"]\n'
CLEARED = {"state": "cleared", "id": "KSEF-1", "time": "2026-11-20T11:00:00Z", "qr": "https://tax.example/q/1", "receipt": {"upo": "1.10"}}
REJECTED = {"state": "rejected", "id": "KSEF-1", "errors": ["buyer unknown", "rate 19 is not known here"]}
PENDING = {"state": "pending", "id": "req/7"}


@dataclass
class Service:
    """A merchant's clearance service: `answers` are those to come, each a body, a status, or None for one that never comes."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.set()
        self.requests.append((request.method, request.raw_path, dict(request.headers), body))
        answer = self.answers.pop(0)
        if answer is None:
            await self.closing.wait()
        if isinstance(answer, int):
            return web.Response(status=answer, text="down")
        return web.Response(text=answer if isinstance(answer, str) else json.dumps(answer))

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Method and path of each request."""
        return [(method, path) for method, path, _, _ in self.requests]


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    made = Service()
    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{rest:.*}", made.answer)
    server = TestServer(application)
    await server.start_server()
    made.url = str(server.make_url("/clear"))
    yield made
    made.closing.set()
    await server.close()


@pytest.fixture
async def authority() -> AsyncIterator[Service]:
    """The service that clears documents."""
    async with service() as made:
        yield made


@pytest.fixture
def secrets() -> Iterator[str]:
    SECRETS["clearance"] = new_secret(b"clearance" * 4)
    yield SECRETS["clearance"]
    del SECRETS["clearance"]


def configuration(around: Neighbourhood, clearance: str, mode: str = "live") -> str:
    entity = CONFIGURATION.format(mode=mode, consumer=around.consumer)
    return entity.replace('time_zone = "Europe/Berlin"', f'time_zone = "Europe/Berlin"\nclearance = {{ {clearance} }}') + SOURCE


def http(authority: Service, more: str = "") -> str:
    return f'connector = "http", url = "{authority.url}", secrets = ["env:CLEARANCE"]{more}'


@pytest.fixture
async def small_house(still_house: House, authority: Service, secrets: str) -> House:
    """The same on the embedded database alone."""
    await still_house.configure(configuration(still_house.around, http(authority)))
    return still_house


@pytest.fixture
async def cleared_house(still_houses: House, authority: Service, secrets: str) -> House:
    """A still house, on each database, whose documents have to be cleared."""
    await still_houses.configure(configuration(still_houses.around, http(authority)))
    return still_houses


async def clearing() -> tuple[str, str | None]:
    """State and error of the one clearance's action."""
    row = await ActionRow.get(kind="clear")
    return row.state, row.error


async def later(house: House, clock: SimulatedClock, without: tuple[str, ...] = WITHOUT) -> list[str]:
    """Run what is due after the next pause."""
    clock.advance(timedelta(minutes=30))
    return await house.run_due(without=without)


def counted(state: str, connector: str = "http") -> float:
    return REGISTRY.get_sample_value("adapter_clearances_total", {"connector": connector, "state": state}) or 0


def text_of(pdf: bytes, folder: Path) -> str:
    """The words of a PDF as poppler reads them."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    path = folder / "page.pdf"
    path.write_bytes(pdf)
    return subprocess.run([tool, "-layout", path, "-"], capture_output=True, text=True, check=True).stdout


async def test_cleared_at_once(cleared_house: House, authority: Service, secrets: str, tmp_path: Path) -> None:
    """One signed request with the document as it was frozen and its e-invoice; what came back is kept, shown, counted and printed."""
    authority.answers = [CLEARED]
    before = counted("cleared"), counted("awaiting_clearance")
    await cleared_house.send("standard", completed(paid=True))
    await cleared_house.run_due(without=WITHOUT)

    row = await DocumentRow.get()
    ((method, path, headers, body),) = authority.requests
    assert (method, path, headers["webhook-id"]) == ("POST", "/clear", row.id)
    verify(
        STANDARD_WEBHOOKS, body, {name.lower(): [value] for name, value in headers.items()}, [secrets], "", cleared_house.app.clock.now()
    )
    request = json.loads(body)
    assert (request["type"], request["test"], request["data"]["number"], request["data"]["sha256"]) == (
        "clearance.requested", False, row.number, row.sha256,
    )  # fmt: skip
    assert Document.model_validate(request["data"]["document"]).canonical() == row.content
    for einvoice in request["data"]["einvoices"]:
        assert (einvoice["profile"], einvoice["xml"].startswith("<?xml")) == ("factur-x", True)

    kept = await ClearanceRow.get()
    assert (kept.document_id, kept.state, kept.external_id, kept.qr, kept.errors) == (row.id, "cleared", "KSEF-1", CLEARED["qr"], [])
    assert json.loads(kept.receipt or "") == CLEARED
    assert await clearing() == ("done", None)
    assert (counted("cleared"), counted("awaiting_clearance")) == (before[0] + 1, before[1] + 1)

    facts = await document_facts(row, cleared_house.app.services.files)
    assert facts["clearance"] == {
        "state": "cleared",
        "id": "KSEF-1",
        "time": "2026-11-20T11:00:00+00:00",
        "qr": CLEARED["qr"],
        "errors": [],
    }
    assert (await EventRow.get(type="invoice.created")).data["clearance"]["state"] == "awaiting_clearance"
    told = await EventRow.get(type="invoice.cleared")
    assert (told.key, told.test, told.data["clearance"]["id"]) == (row.id, False, "KSEF-1")
    await cleared_house.run_due(without=("deliver",))
    assert await MessageRow.filter(event_id=told.id).count() == 1
    assert (row.content, row.status) == ((await DocumentRow.get()).content, "paid")
    (mail,) = cleared_house.around.parsed_mails()
    (pdf, *_) = mail.iter_attachments()
    words = text_of(pdf.get_content(), tmp_path)
    assert "KSEF-1" in words
    assert "Awaiting clearance" not in words


async def test_pages_say_so_and_mails_wait_while_it_is_pending(
    cleared_house: House, authority: Service, clock: SimulatedClock, tmp_path: Path
) -> None:
    """Asked again by the name that the service gave, until it has decided; then the page is another one, and the mail leaves."""
    authority.answers = [PENDING, PENDING, CLEARED]
    await cleared_house.send("standard", completed(paid=True))
    await cleared_house.run_due(without=WITHOUT)
    row = await DocumentRow.get()
    files = cleared_house.app.services.files
    assert "Awaiting clearance" in text_of(await files.get(row.pdf_sha256 or ""), tmp_path)
    assert "req/7" not in text_of(await files.get(row.pdf_sha256 or ""), tmp_path)
    state, error = await clearing()
    assert (state, error) == ("due", "clearance: INV-2026-000001 is pending as req/7; the service is asked again")
    waiting = await ActionRow.get(kind="send_invoice")
    assert (waiting.state, waiting.waits_for) == ("waiting", f"cleared:{row.id}")
    assert (cleared_house.around.mails, await EmailRow.all().count()) == ([], 0)
    facts = await document_facts(row, files)
    assert facts["clearance"]["state"] == "awaiting_clearance"

    await later(cleared_house, clock)
    assert (cleared_house.around.mails, (await clearing())[0]) == ([], "due")
    await later(cleared_house, clock)
    assert authority.seen == [("POST", "/clear"), ("GET", "/clear/req%2F7"), ("GET", "/clear/req%2F7")]
    assert await clearing() == ("done", None)
    (mail,) = cleared_house.around.parsed_mails()
    (pdf, *_) = mail.iter_attachments()
    words = text_of(pdf.get_content(), tmp_path)
    assert ("Awaiting clearance" in words, "Clearance number" in words, "KSEF-1" in words) == (False, True, True)
    after = await DocumentRow.get()
    assert after.pdf_sha256 != row.pdf_sha256
    assert (after.content, after.sha256) == (row.content, row.sha256)
    assert (await current(cleared_house.app.services, after)).pdf == await files.get(after.pdf_sha256 or "")


async def test_rejected(cleared_house: House, authority: Service, tmp_path: Path) -> None:
    """A dead letter with the reasons; the mail is held with them, the page says so, the document is what it was."""
    authority.answers = [REJECTED]
    before = counted("rejected")
    await cleared_house.send("standard", completed(paid=True))
    await cleared_house.run_due(without=WITHOUT)
    reasons = "buyer unknown; rate 19 is not known here"
    told = f"clearance: INV-2026-000001 was rejected: {reasons}"
    assert await clearing() == ("dead", f"{told}; correct it by a credit note and a new order event")
    mail = await ActionRow.get(kind="send_invoice")
    assert (mail.state, mail.error) == ("held", f"{told}; it is not mailed")
    assert (cleared_house.around.mails, counted("rejected")) == ([], before + 1)
    row = await DocumentRow.get()
    facts = await document_facts(row, cleared_house.app.services.files)
    assert (facts["clearance"]["state"], facts["clearance"]["errors"]) == ("rejected", REJECTED["errors"])
    words = text_of(await cleared_house.app.services.files.get(row.pdf_sha256 or ""), tmp_path)
    assert ("Clearance rejected" in words, "KSEF-1" in words) == (True, False)
    assert (await EventRow.get(type="invoice.rejected")).data["clearance"]["errors"] == REJECTED["errors"]


async def test_a_rejected_one_is_submitted_again_by_whoever_replays_it(cleared_house: House, authority: Service) -> None:
    """The same request under the same id, and once it is cleared its mail leaves; a run that is merely repeated submits nothing."""
    authority.answers = [REJECTED, CLEARED]
    await cleared_house.send("standard", completed(paid=True))
    await cleared_house.run_due(without=WITHOUT)
    action = await ActionRow.get(kind="clear")
    await ActionRow.filter(id=action.id).update(state="due")
    await cleared_house.run_due(without=WITHOUT)
    assert ((await clearing())[0], len(authority.requests)) == ("dead", 1)

    services = cleared_house.app.services
    await Replay(services.dispatcher, services.clock).actions([action.id])
    await cleared_house.run_due(without=WITHOUT)
    first, second = authority.requests
    assert (first[3], first[2]["webhook-id"]) == (second[3], second[2]["webhook-id"])
    assert (await clearing(), len(cleared_house.around.mails)) == (("done", None), 1)


async def test_a_rejected_one_is_mailed_where_a_person_says_so(cleared_house: House, authority: Service) -> None:
    """Who, when and why stay with the mail; a replay alone sends nothing."""
    authority.answers = [REJECTED]
    await cleared_house.send("standard", completed(paid=True))
    await cleared_house.run_due(without=WITHOUT)
    mail, services = await ActionRow.get(kind="send_invoice"), cleared_house.app.services
    await Replay(services.dispatcher, services.clock).actions([mail.id])
    await cleared_house.run_due(without=WITHOUT)
    assert ((await ActionRow.get(id=mail.id)).state, cleared_house.around.mails) == ("held", [])
    await Replay(services.dispatcher, services.clock, accept=Decision("ada", "agreed with the buyer")).actions([mail.id])
    await cleared_house.run_due(without=WITHOUT)
    sent = await ActionRow.get(id=mail.id)
    assert (sent.state, sent.outcome["accepted"][0]["because"]) == ("done", "agreed with the buyer")
    assert len(cleared_house.around.mails) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (500, "answered 500 about INV-2026-000001"),
        (429, "answered 429 about INV-2026-000001"),
        ("<html>hello", "cannot be read"),
        ('{"state": "cleared"', "cannot be read"),
    ],
)
async def test_a_fault_passes(small_house: House, authority: Service, clock: SimulatedClock, answer: Any, error: str) -> None:
    """The same bytes under the same id again, also when the order has been paid meanwhile; it is cleared once."""
    authority.answers = [answer, CLEARED]
    await small_house.send("standard", completed())
    await small_house.run_due(without=ALONE)
    state, said = await clearing()
    assert (state, error in (said or "")) == ("due", True)
    assert (await ClearanceRow.get()).state == "awaiting_clearance"
    await small_house.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    await later(small_house, clock, ALONE)
    first, second = authority.requests
    assert (first[3], first[2]["webhook-id"]) == (second[3], second[2]["webhook-id"])
    assert first[2]["webhook-timestamp"] != second[2]["webhook-timestamp"]
    assert await clearing() == ("done", None)


async def test_a_service_that_hangs_is_left(small_house: House, authority: Service, clock: SimulatedClock) -> None:
    """After the client's time; then as any other fault."""
    authority.answers = [None, CLEARED]
    await small_house.send("standard", completed(paid=True))
    running = asyncio.create_task(small_house.run_due(without=ALONE))
    await authority.asked.wait()
    async with hurry():
        await running
    state, said = await clearing()
    assert (state, said) == ("due", "clearance: the service was not reached about INV-2026-000001: timeout: no answer within 15 s")
    await later(small_house, clock, ALONE)
    assert await clearing() == ("done", None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (401, "the service answered 401 about INV-2026-000001; check clearance.url and clearance.secrets of the entity"),
        ({"state": "perhaps"}, "not of the shape that was agreed: state:"),
        ({"state": "cleared"}, "an answer that is cleared names its `id`"),
        ({"state": "pending", "id": ".."}, "not only full stops"),
        (CLEARED | {"qr": "x" * 2_001}, "the code has 2001 bytes"),
        (CLEARED | {"time": "2026-11-20T11:00:00"}, "time:"),
        ([], "not of the shape that was agreed"),
    ],
)
async def test_what_a_person_must_mend(small_house: House, authority: Service, answer: Any, error: str) -> None:
    """Dead at once, and nothing is cleared by it."""
    authority.answers = [answer]
    await small_house.send("standard", completed(paid=True))
    await small_house.run_due(without=ALONE)
    state, said = await clearing()
    assert (state, error in (said or "")) == ("dead", True), said
    assert (await ClearanceRow.get()).state == "awaiting_clearance"


async def test_killed_between_the_answer_and_its_record(cleared_house: House, authority: Service) -> None:
    """The request goes out again, the same under the same id; what is recorded once is recorded once."""
    authority.answers = [CLEARED, CLEARED, CLEARED]
    await cleared_house.send("standard", completed(paid=True))
    await cleared_house.run_due(without=(*WITHOUT, "clear"))
    action = await ActionRow.get(kind="clear")
    cut = asyncio.create_task(act(action.id, cleared_house.app.services))
    await authority.asked.wait()
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    await ActionRow.filter(id=action.id).update(state="due")
    await cleared_house.run_due(without=WITHOUT)
    assert len({body for _, _, _, body in authority.requests}) == 1
    assert {headers["webhook-id"] for _, _, headers, _ in authority.requests} == {(await DocumentRow.get()).id}
    done = len(authority.requests)
    await ActionRow.filter(id=action.id).update(state="due")
    await cleared_house.run_due(without=WITHOUT)
    assert (len(authority.requests), await clearing(), len(cleared_house.around.mails)) == (done, ("done", None), 1)
    renders = await ActionRow.filter(kind="render", key__endswith=":cleared").count()
    assert (renders, await ClearanceRow.all().count()) == (1, 1)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_whatever_comes_first(small_house: House, authority: Service, clock: SimulatedClock, order: tuple[int, ...]) -> None:
    """Invoice and credit note are each submitted once and mailed once, in whatever order the webhooks come, and however often."""
    authority.answers = [PENDING, CLEARED | {"id": "A"}, PENDING, CLEARED | {"id": "B"}]
    deliveries = [completed(paid=True), event("payment.confirmed", {"order_id": "o-1"}), refunded()]
    for place in (*order, *order):
        await small_house.send("standard", deliveries[place])
        await small_house.run_due(without=(*WITHOUT, "clear"))
    for _ in range(3):
        await later(small_house, clock)
    assert sorted(method for method, _ in authority.seen) == ["GET", "GET", "POST", "POST"]
    assert len({headers["webhook-id"] for method, _, headers, _ in authority.requests if method == "POST"}) == 2
    assert [row.state for row in await ClearanceRow.all()] == ["cleared", "cleared"]
    assert sorted(await EmailRow.all().values_list("kind", "state")) == [("credit_note", "sent"), ("invoice", "sent")]


async def test_only_the_documents_that_are_named_and_mails_that_do_not_wait(still_house: House, authority: Service, secrets: str) -> None:
    """Credit notes need no clearance here, and the invoice is mailed at once, marked."""
    more = ', documents = ["invoice"], hold_mail = false'
    await still_house.configure(configuration(still_house.around, http(authority, more)))
    authority.answers = [PENDING]
    await still_house.send("standard", completed(paid=True))
    await still_house.send("standard", refunded())
    await still_house.run_due(without=WITHOUT)
    assert (len(still_house.around.mails), authority.seen, await ClearanceRow.all().count()) == (2, [("POST", "/clear")], 1)


async def test_without_clearance_nothing_is_different(still_house: House) -> None:
    """No row, no action, no word."""
    await still_house.send("standard", completed(paid=True))
    await still_house.run_due(without=WITHOUT)
    row = await DocumentRow.get()
    assert (await ClearanceRow.all().count(), await ActionRow.filter(kind="clear").count()) == (0, 0)
    assert (await document_facts(row, still_house.app.services.files))["clearance"] is None


@pytest.mark.parametrize(("name", "state"), [("Ida Sommer", ClearanceState.CLEARED), ("REJECT", ClearanceState.REJECTED)])
async def test_the_sandbox_rehearses(still_house: House, clock: SimulatedClock, name: str, state: ClearanceState) -> None:
    """Pending first, then as the buyer's name wants it; in test mode alone."""
    await still_house.configure(configuration(still_house.around, 'connector = "sandbox"', "test"))
    buyer = an_order()["buyer"] | {"name": name}
    await still_house.send("standard", completed(paid=True, buyer=buyer))
    await still_house.run_due(without=WITHOUT)
    assert ((await clearing())[0], (await ActionRow.get(kind="send_invoice")).state) == ("due", "waiting")
    await later(still_house, clock)
    kept = await ClearanceRow.get()
    assert (kept.state, kept.external_id) == (state.value, f"SANDBOX-{(await DocumentRow.get()).number}")
    assert (await clearing())[0] == ("done" if state is ClearanceState.CLEARED else "dead")
    assert (await ActionRow.get(kind="send_invoice")).state == ("done" if state is ClearanceState.CLEARED else "held")


async def test_the_secret_is_stored_encrypted_and_by_the_newest_key(still_house: House, authority: Service, secrets: str) -> None:
    """Never in plain text; applying again encrypts it anew."""
    await still_house.configure(configuration(still_house.around, http(authority)))
    first = (await EntityRow.get()).settings["clearance"]["secrets"]
    assert (secrets in json.dumps((await EntityRow.get()).settings), len(first)) == (False, 1)
    assert still_house.app.services.vault.open(first[0]) == secrets
    await still_house.configure(SOURCE)
    second = (await EntityRow.get()).settings["clearance"]["secrets"]
    assert (second != first, still_house.app.services.vault.open(second[0])) == (True, secrets)


@pytest.mark.parametrize(
    ("clearance", "mode", "problem"),
    [
        ('connector = "sandbox"', "live", "the sandbox clears nothing and is for test mode"),
        ('connector = "http"', "live", "the connector http needs `url`"),
        ('connector = "http", url = "ftp://x.example", secrets = ["env:CLEARANCE"]', "live", "must start with https:// or http://"),
        ('connector = "http", url = "https://x.example/c", secrets = ["plain"]', "live", "use env:NAME or file:PATH"),
        ('connector = "http", url = "https://x.example/c", secrets = ["env:SHORT"]', "live", "too short"),
    ],
)
def test_what_check_says(tmp_path: Path, clearance: str, mode: str, problem: str) -> None:
    """With the line of the file, and without the secret."""
    path = tmp_path / "shop.toml"
    entity = CONFIGURATION.format(mode=mode, consumer="https://c.example/in")
    path.write_text(entity.replace('time_zone = "Europe/Berlin"', f"clearance = {{ {clearance} }}"), encoding="utf-8")
    environment = {"CONSUMER": SECRETS["consumer"], "CLEARANCE": new_secret(b"clearance" * 4), "SHORT": "whsec_c2hvcnQ="}
    reader = Reader(path, environment)
    assert reader.read() is None
    (found,) = reader.problems
    assert problem in found.message
    assert found.line is not None
