"""The tax of documents, from a delivery to the e-invoice: named, proven, computed, converted, inherited, held where that is wanted."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY

from adapter.clock import Clock, SimulatedClock
from adapter.domain.document import Document, Settlement
from adapter.domain.einvoice import Profile, cii
from adapter.domain.rules import ActionKind
from adapter.domain.tax.vat_id import VatIdCheck
from adapter.errors import GiveUp
from adapter.infra.models import ActionRow, CounterRow, DocumentRow
from adapter.infra.pages import document_html
from adapter.infra.queue import Work, enqueue
from adapter.infra.rates import parse_rates, rates_around, store_rates
from adapter.infra.vat_checks import VatCheckRow
from tests.house import SOURCE, House, Neighbourhood
from tests.orders import completed, refunded

FIXTURES = Path(__file__).parents[2] / "connectors"
WITHOUT = ("render", "notify", "deliver", "send_invoice", "send_credit_note", "send_reminder")
GERMAN, FRENCH, DUTCH, POLISH = "DE136695976", "FR40303265045", "NL004495445B01", "PL8567346215"
ENTITY = """
[[entity]]
id = "lighthouse"
name = "Lighthouse Goods Ltd"
mode = "live"
time_zone = "Europe/Berlin"
address = {{ street = "1 Harbour Road", postcode = "20457", city = "Town", country = "{country}" }}
tax_ids = [{ids}]
[entity.tax]
{tax}
"""
ECB = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <Cube><Cube time='2026-11-19'><Cube currency='PLN' rate='4.2500'/></Cube></Cube>
  <Cube><Cube time='2026-11-20'><Cube currency='PLN' rate='4.3090'/></Cube></Cube>
</gesmes:Envelope>"""


class Vies:
    """VIES on loopback: says what `reply` says, and remembers what was asked."""

    def __init__(self) -> None:
        self.reply: dict[str, Any] = {
            "valid": True, "requestIdentifier": "WAPIAAAAexample1", "name": "ATELIER SOMMER", "address": "---",
        }  # fmt: skip
        self.asked: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        return web.json_response(self.reply)


UNAVAILABLE = {"actionSucceed": False, "errorWrappers": [{"error": "MS_UNAVAILABLE"}]}


@pytest.fixture
def vies() -> Vies:
    return Vies()


@pytest.fixture
async def shop(tmp_path: Path, neighbourhood: Neighbourhood, clock: SimulatedClock, vies: Vies) -> AsyncIterator[House]:
    """A house whose clock stands and where nothing works by itself, which asks the VIES of the test."""
    application = web.Application()
    application.router.add_post("/vies", vies.handle)
    async with TestServer(application) as server:
        url = str(server.make_url("/vies"))
        async with House(tmp_path / "data", None, neighbourhood, working=False, clock=clock, vies_url=url) as house:
            yield house


async def sell(house: House, country: str = "DE", number: str | None = GERMAN, tax: str = "") -> None:
    """Have the house sell in a country, with these tax settings."""
    ids = f'{{ kind = "eu_vat", value = "{number}" }}' if number else ""
    await house.configure(ENTITY.format(country=country, ids=ids, tax=tax) + SOURCE.format(name="standard", variable="STANDARD"))


def to(country: str, number: str | None = None, **more: Any) -> dict[str, Any]:
    """A buyer."""
    ids = [{"kind": "eu_vat", "value": number}] if number else []
    address = {"street": "Street 1", "postcode": "75001", "city": "Town", "country": country}
    return {"name": "Atelier Sommer", "email": "ida@sommer.example", "address": address, "tax_ids": ids, **more}


def charged(total: str, tax: str, rate: str | None, kind: str = "goods", **more: Any) -> dict[str, Any]:
    """An order of one line with this tax included, or with none."""
    taxes = [{"name": "VAT", "rate": rate, "amount": tax}] if rate else []
    line = {"id": "1", "kind": kind, "name": "Lamp", "quantity": "1", "unit_price": total, "amount": total, "taxes": taxes}
    return completed(totals={"total": total, "tax": tax}, lines=[line], **more)


async def issued(house: House, order: dict[str, Any]) -> tuple[DocumentRow, Document]:
    """The only document that an order leads to."""
    assert await house.send("standard", order) == 200
    await house.run_due(without=WITHOUT)
    ((row, document),) = await house.documents()
    return row, document


def groups(document: Document) -> list[tuple[str, str | None, int, int]]:
    """The breakdown as (category, rate, base, tax)."""
    return [(each.category.value, str(each.rate) if each.rate is not None else None, each.base, each.tax) for each in document.taxes]


def codes(row: DocumentRow, *severities: str) -> set[str]:
    """The codes of a document's findings of these severities."""
    return {finding["code"] for finding in row.findings if finding["severity"] in severities}


def shown(document: Document) -> str:
    """The words of the page, without its style sheet."""
    return re.sub(r"<[^>]+>", " ", document_html(document, Settlement()).partition("</style>")[2])


def xml(document: Document) -> str:
    """The document as an e-invoice."""
    return cii(document, Profile.EN16931, Settlement()).decode()


# What is said where tax is charged, and where none is


async def test_a_domestic_sale(shop: House) -> None:
    await sell(shop)
    row, document = await issued(shop, charged("119.00", "19.00", "0.19", buyer=to("DE")))
    assert groups(document) == [("S", "0.19", 10000, 1900)]
    assert (document.mentions, document.supply_date) == ((), None)
    assert codes(row, "error", "warning") == set()


async def test_goods_to_a_business_in_another_member_state(shop: House) -> None:
    """Art. 138: said in words, by code, with the day of delivery, in both languages; what was not checked is said too."""
    await sell(shop)
    row, document = await issued(shop, charged("100.00", "0.00", None, buyer=to("FR", FRENCH)))
    assert groups(document) == [("K", "0", 10000, 0)]
    assert document.mentions == ("VAT exempt intra-Community supply, Art. 138 of Directive 2006/112/EC",)
    assert (document.taxes[0].exemption_code, str(document.supply_date)) == ("VATEX-EU-IC", "2026-11-20")
    assert codes(row, "error", "warning") == {"vat_id_not_checked"}
    written = xml(document)
    assert "<ram:ExemptionReasonCode>VATEX-EU-IC</ram:ExemptionReasonCode>" in written
    assert FRENCH in written
    assert "Art. 138" in document_html(document, Settlement())


async def test_services_to_a_business_in_another_member_state(shop: House) -> None:
    await sell(shop)
    _, document = await issued(shop, charged("100.00", "0.00", None, "service", buyer=to("FR", FRENCH), locale="fr"))
    assert groups(document) == [("AE", "0", 10000, 0)]
    assert document.mentions == ("Autoliquidation / Steuerschuldnerschaft des Leistungsempfängers",)
    assert "VATEX-EU-AE" in xml(document)


async def test_an_export(shop: House) -> None:
    await sell(shop)
    row, document = await issued(shop, charged("100.00", "0.00", None, buyer=to("US")))
    assert (groups(document), document.mentions) == ([("G", "0", 10000, 0)], ("VAT exempt export of goods",))
    assert codes(row, "error", "warning") == set()


async def test_a_small_business(shop: House) -> None:
    await sell(shop, tax="small_business = true")
    row, document = await issued(shop, charged("100.00", "0.00", None, buyer=to("DE"), locale="de"))
    assert (groups(document), document.mentions) == ([("E", "0", 10000, 0)], ("Steuerbefreiung für Kleinunternehmer (§ 19 UStG)",))
    assert codes(row, "error", "warning") == set()
    page = shown(document)
    assert "100,00" in page
    assert "§ 19 UStG" in page
    assert [word for word in ("%", "zzgl.", "inkl.", "Nettobetrag", "Steuerbetrag", "USt", "MwSt", "VAT") if word in page] == ["USt"]
    assert page.count("USt") == page.count("§ 19 UStG") + page.count("USt-IdNr."), "no tax is shown, not even one of zero"
    await shop.send("standard", refunded(money="40.00"))
    await shop.run_due(without=WITHOUT)
    note = (await shop.documents())[-1][1]
    assert (note.shows_tax, "%" in shown(note), note.mentions) == (False, False, document.mentions)


async def test_what_is_exempt_shows_no_rate_and_what_is_zero_rated_does(shop: House) -> None:
    await sell(shop)
    _, document = await issued(shop, charged("100.00", "0.00", None, buyer=to("FR", FRENCH)))
    assert document.shows_tax
    assert "0%" not in shown(document)
    await sell(shop, "GB", "GB980780684")
    await shop.send("standard", charged("50.00", "0.00", None, id="o-2", number="2", currency="GBP", buyer=to("GB")))
    await shop.run_due(without=WITHOUT)
    assert "0%" in shown((await shop.documents())[-1][1])


async def test_the_number_of_a_registration_abroad_stands_on_the_page_and_in_the_e_invoice(shop: House) -> None:
    """The page, its foot and the e-invoice take it from the frozen document."""
    await sell(shop, tax=f'registrations = [{{ country = "FR", number = "{FRENCH}", valid_from = 2026-11-20 }}]')
    row, document = await issued(shop, charged("120.00", "20.00", "0.20", buyer=to("FR")))
    assert [(tax_id.kind, tax_id.value) for tax_id in document.seller.tax_ids] == [("eu_vat", FRENCH)]
    assert codes(row, "error", "warning") == set()
    page, written = document_html(document, Settlement()), xml(document)
    assert (page.count(FRENCH), GERMAN in page, written.count(FRENCH), GERMAN in written) == (2, False, 1, False)
    await shop.send("standard", charged("119.00", "19.00", "0.19", id="o-2", number="2", buyer=to("DE")))
    await shop.run_due(without=WITHOUT)
    at_home = (await shop.documents())[-1][1]
    assert [tax_id.value for tax_id in at_home.seller.tax_ids] == [GERMAN]


@pytest.mark.parametrize(("placed", "number"), [("2026-11-19T22:59:59Z", GERMAN), ("2026-11-19T23:00:00Z", FRENCH)])
async def test_a_registration_begins_at_midnight_of_the_seller(shop: House, placed: str, number: str) -> None:
    await sell(shop, tax=f'oss = "DE"\nregistrations = [{{ country = "FR", number = "{FRENCH}", valid_from = 2026-11-20 }}]')
    _, document = await issued(shop, charged("120.00", "20.00", "0.20", buyer=to("FR"), placed_at=placed))
    assert [tax_id.value for tax_id in document.seller.tax_ids] == [number]


async def test_a_consumer_elsewhere_through_the_one_stop_shop(shop: House) -> None:
    """The buyer's rate, by the seller's rules; declared in euro."""
    await sell(shop, tax='oss = "DE"')
    row, document = await issued(shop, charged("120.00", "20.00", "0.20", buyer=to("FR")))
    assert groups(document) == [("S", "0.20", 10000, 2000)]
    assert codes(row, "error", "warning") == set()


async def test_without_the_one_stop_shop_the_same_sale_is_remarked_on_and_issued(shop: House) -> None:
    await sell(shop)
    row, document = await issued(shop, charged("120.00", "20.00", "0.20", buyer=to("FR")))
    assert document.totals.gross == 12000
    assert codes(row, "error") == {"not_registered"}


async def test_a_seller_in_the_united_kingdom(shop: House) -> None:
    """Its own rate, nothing of the Union; books without tax are zero rated."""
    await sell(shop, "GB", "GB980780684")
    row, document = await issued(shop, charged("120.00", "20.00", "0.20", currency="GBP", buyer=to("GB")))
    assert [(each.category.value, each.tax) for each in document.taxes] == [("S", 2000)]
    assert codes(row, "error", "warning") == set()
    await shop.send("standard", charged("50.00", "0.00", None, id="o-2", number="2", currency="GBP", buyer=to("GB")))
    await shop.run_due(without=WITHOUT)
    books = (await shop.documents())[-1][1]
    assert (groups(books), books.mentions) == ([("Z", "0", 5000, 0)], ("Zero rated",))


async def test_a_marketplace_invoices_what_it_collected_the_tax_of(shop: House) -> None:
    """An order as Shopify sends it, with `channel_liable` taxes, paid and cancelled: no document, no mail, no alarm, no wait; what the
    merchant sees is why."""
    await sell(shop)
    text = ENTITY.format(country="DE", ids=f'{{ kind = "eu_vat", value = "{GERMAN}" }}', tax="")
    await shop.configure(text + SOURCE.format(name="shopify", variable="SHOPIFY"))
    order = json.loads((FIXTURES / "shopify/fixtures/orders_create--marketplace-collects-tax.json").read_text())
    assert await shop.send("shopify", order, "orders/create") == 200
    assert await shop.send("shopify", {**order, "financial_status": "paid"}, "orders/paid") == 200
    assert await shop.send("shopify", {**order, "cancelled_at": "2026-11-20T10:00:00Z"}, "orders/cancelled") == 200
    await shop.run_due(without=("render", "notify", "deliver"))
    ended = {kind: (state, error) for kind, state, error in await shop.actions(order_id=str(order["id"]))}
    told = "marketplace_tax: a marketplace collected the tax: it invoices the buyer, no VAT invoice is made in this seller's name"
    assert ended["issue_invoice"] == ended["issue_credit_note"] == ("skipped", told)
    assert ended["send_invoice"] == ("skipped", "a marketplace collected the tax and invoices the buyer: there is no invoice to send")
    assert {state for state, _ in ended.values()} <= {"done", "skipped"}
    assert await DocumentRow.all().count() == await CounterRow.all().count() == 0


async def test_what_a_marketplace_collected_of_a_part_is_held(shop: House) -> None:
    await sell(shop)
    flagged = {**LAMP, "taxes": [{**LAMP["taxes"][0], "marketplace_collected": True}]}
    other = {**LAMP, "id": "2"}
    await shop.send("standard", completed(totals={"total": "238.00", "tax": "38.00"}, lines=[flagged, other], buyer=to("DE")))
    await shop.run_due(without=WITHOUT)
    ((_, state, error),) = await shop.actions(kind="issue_invoice")
    assert (state, error and error.partition(":")[0]) == ("held", "marketplace_tax")
    assert await DocumentRow.all().count() == await CounterRow.all().count() == 0


async def test_a_second_language_says_the_mentions_as_well(shop: House) -> None:
    await sell(shop)
    text = ENTITY.format(country="DE", ids=f'{{ kind = "eu_vat", value = "{GERMAN}" }}', tax="")
    text = text.replace("[entity.tax]", 'second_language = "de"\n[entity.tax]')
    await shop.configure(text + SOURCE.format(name="standard", variable="STANDARD"))
    _, document = await issued(shop, charged("100.00", "0.00", None, buyer=to("US")))
    assert document.mentions == ("VAT exempt export of goods / Steuerfreie Ausfuhrlieferung",)


# What holds


async def test_nothing_is_held_unless_the_seller_says_so(shop: House) -> None:
    """No tax on a domestic sale, without a reason: an error that is recorded, counted, and issued."""
    before = counted("zero_without_reason")
    await sell(shop)
    row, document = await issued(shop, charged("100.00", "0.00", None, buyer=to("DE")))
    assert (document.totals.gross, codes(row, "error")) == (10000, {"zero_without_reason"})
    assert counted("zero_without_reason") == before + 1


@pytest.mark.parametrize("holding", ['holding = ["error"]', 'holding = ["zero_without_reason"]'])
async def test_what_the_seller_wants_to_see_first_is_held_and_issued_once_it_is_tolerated(shop: House, holding: str) -> None:
    """No number is drawn for what is held, and nothing counted."""
    before = counted("zero_without_reason")
    await sell(shop, tax=holding)
    await shop.send("standard", charged("100.00", "0.00", None, buyer=to("DE")))
    await shop.run_due(without=WITHOUT)
    ((_, state, error),) = await shop.actions(kind="issue_invoice")
    assert (state, error and error.partition(":")[0]) == ("held", "zero_without_reason")
    assert await DocumentRow.all().count() == await CounterRow.all().count() == counted("zero_without_reason") - before == 0
    await sell(shop, tax=f'{holding}\ntolerated = ["zero_without_reason"]')
    await ActionRow.filter(kind="issue_invoice").update(state="due", next_at=shop.app.clock.now())
    await shop.run_due(without=WITHOUT)
    assert [row.number for row, _ in await shop.documents()] == ["INV-2026-000001"]


def counted(code: str) -> float:
    """How often a finding was counted."""
    return REGISTRY.get_sample_value("adapter_findings_total", {"code": code, "severity": "error"}) or 0.0


# What follows an invoice is judged too

LAMP = {"id": "1", "kind": "goods", "name": "Lamp", "quantity": "1", "unit_price": "119.00", "amount": "119.00",
        "taxes": [{"name": "VAT", "rate": "0.19", "amount": "19.00"}]}  # fmt: skip
SHADE = {"id": "2", "kind": "goods", "name": "Shade", "quantity": "1", "unit_price": "50.00", "amount": "50.00"}


async def changed(house: House, total: str, tax: str, *lines: dict[str, Any]) -> None:
    """The order as it stands after an edit."""
    order = completed(totals={"total": total, "tax": tax}, lines=list(lines), buyer=to("DE"), version="2026-11-21T09:00:00Z")
    assert await house.send("standard", {**order, "type": "order.updated", "timestamp": "2026-11-21T09:00:00Z"}) == 200
    await house.run_due(without=WITHOUT)


async def test_an_additional_invoice_is_judged_as_an_invoice_is(shop: House) -> None:
    await sell(shop)
    await issued(shop, completed(totals={"total": "119.00", "tax": "19.00"}, lines=[LAMP], buyer=to("DE")))
    await changed(shop, "169.00", "19.00", LAMP, SHADE)
    row, more = (await shop.documents())[-1]
    assert (more.kind.value, more.totals.gross, codes(row, "error")) == ("invoice", 5000, {"zero_without_reason"})


async def test_an_additional_invoice_is_held_and_a_credit_note_for_the_same_order_is_not(shop: House) -> None:
    """What is added waits for the seller and draws no number; what is taken off is the invoice's tax and nobody's question."""
    holding = 'holding = ["error"]'
    await sell(shop, tax=holding)
    await issued(shop, completed(totals={"total": "119.00", "tax": "19.00"}, lines=[LAMP], buyer=to("DE")))
    await changed(shop, "169.00", "19.00", LAMP, SHADE)
    ((_, state, error),) = await shop.actions(kind="amend_invoice")
    assert (state, error and error.partition(":")[0]) == ("held", "zero_without_reason")
    assert len(await shop.documents()) == 1
    await sell(shop, tax=f'{holding}\ntolerated = ["zero_without_reason"]')
    await ActionRow.filter(kind="amend_invoice").update(state="due", next_at=shop.app.clock.now())
    await shop.run_due(without=WITHOUT)
    assert [row.number for row, _ in await shop.documents()] == ["INV-2026-000001", "INV-2026-000002"]


async def test_what_an_edit_takes_off_is_credited_whatever_is_thought_of_the_rest(shop: House) -> None:
    await sell(shop)
    await issued(shop, completed(totals={"total": "169.00", "tax": "19.00"}, lines=[LAMP, SHADE], buyer=to("DE")))
    await sell(shop, tax='holding = ["error", "warning"]')
    await changed(shop, "50.00", "0.00", SHADE)
    row, note = (await shop.documents())[-1]
    assert (note.kind.value, note.totals.gross, note.totals.tax) == ("credit_note", 11900, 1900)
    assert codes(row, "error", "warning") == set()


async def test_a_credit_note_of_a_seller_that_has_lost_its_address_is_held(shop: House) -> None:
    await sell(shop)
    await issued(shop, charged("119.00", "19.00", "0.19", buyer=to("DE")))
    text = ENTITY.format(country="DE", ids=f'{{ kind = "eu_vat", value = "{GERMAN}" }}', tax='holding = ["error"]')
    text = text.replace('street = "1 Harbour Road", ', "")
    await shop.configure(text + SOURCE.format(name="standard", variable="STANDARD"))
    await shop.send("standard", refunded(money="59.50"))
    await shop.run_due(without=WITHOUT)
    ((_, state, error),) = await shop.actions(kind="issue_credit_note")
    assert (state, error and error.partition(":")[0]) == ("held", "address_incomplete")
    assert await CounterRow.filter(series__kind="credit_note").count() == 0
    await sell(shop, tax='holding = ["error"]')
    await ActionRow.filter(kind="issue_credit_note").update(state="due", next_at=shop.app.clock.now())
    await shop.run_due(without=WITHOUT)
    assert [row.number for row, _ in await shop.documents()] == ["INV-2026-000001", "CN-2026-000001"]


# VIES

CHECKED = "check_vat_ids = true"


async def test_nobody_is_asked_by_default(shop: House, vies: Vies) -> None:
    await sell(shop)
    await issued(shop, charged("100.00", "0.00", None, buyer=to("FR", FRENCH)))
    assert (vies.asked, await VatCheckRow.all().count()) == ([], 0)


async def test_a_valid_number_is_proven_and_asked_about_once_a_day(shop: House, vies: Vies, clock: SimulatedClock) -> None:
    """The consultation number is kept with the answer and stands in the document's findings."""
    await sell(shop, tax=CHECKED)
    row, document = await issued(shop, charged("100.00", "0.00", None, buyer=to("FR", FRENCH)))
    assert groups(document) == [("K", "0", 10000, 0)]
    assert codes(row, "error", "warning") == set()
    (proof,) = [finding["message"] for finding in row.findings if finding["code"] == "vat_id_valid"]
    assert proof == "VIES said on 2026-11-20T10:00:00+00:00 that the VAT number is valid, consultation number WAPIAAAAexample1"
    (kept,) = await VatCheckRow.all()
    assert (kept.entity_id, kept.number, kept.state, kept.consultation_number) == ("lighthouse", FRENCH, "valid", "WAPIAAAAexample1")
    asked = {"countryCode": "FR", "vatNumber": FRENCH[2:], "requesterMemberStateCode": "DE", "requesterNumber": GERMAN[2:]}
    assert vies.asked == [asked]
    for hours, questions in ((23, 1), (2, 2)):
        clock.advance(timedelta(hours=hours))
        order = f"o-{questions}{hours}"
        await shop.send("standard", charged("100.00", "0.00", None, id=order, number=order, buyer=to("FR", FRENCH)))
        await shop.run_due(without=WITHOUT)
        assert len(vies.asked) == questions
    assert len(await shop.documents()) == 3


async def test_a_seller_outside_the_union_asks_by_its_registration_in_it(shop: House, vies: Vies) -> None:
    """A Swiss seller with goods in Germany; the whole answer is kept."""
    registered = f'registrations = [{{ country = "DE", number = "{GERMAN}" }}]'
    await sell(shop, "CH", "CHE-100.155.212 MWST", tax=f"{CHECKED}\n{registered}")
    await ask_about(shop, FRENCH)
    assert vies.asked[0]["requesterNumber"] == GERMAN[2:]
    (kept,) = await VatCheckRow.all()
    check = VatIdCheck.model_validate_json(kept.content)
    assert json.loads(check.answer or "") == vies.reply


async def ask_about(house: House, number: str) -> None:
    """Have the register asked about a number, as an action for an order does."""
    await enqueue(
        [Work(f"check_vat_id:test:{number}", ActionKind.CHECK_VAT_ID, "standard", "o-1", parameters={"number": number})],
        house.app.clock.now(),
        house.app.services.dispatcher,
    )
    await house.run_due(without=WITHOUT)


async def test_a_sale_that_does_not_depend_on_the_number_asks_nobody(shop: House, vies: Vies) -> None:
    await sell(shop, tax=CHECKED)
    await issued(shop, charged("119.00", "19.00", "0.19", buyer=to("DE", GERMAN)))
    assert vies.asked == []


async def test_an_invalid_number_without_tax_is_held(shop: House, vies: Vies) -> None:
    vies.reply = {"valid": False, "userError": "INVALID"}
    await sell(shop, tax=CHECKED)
    await shop.send("standard", charged("100.00", "0.00", None, buyer=to("FR", FRENCH)))
    await shop.run_due(without=WITHOUT)
    ((_, state, error),) = await shop.actions(kind="issue_invoice")
    assert (state, error and error.partition(":")[0]) == ("held", "vat_id_invalid")
    assert [kept.state for kept in await VatCheckRow.all()] == ["invalid"]
    assert await DocumentRow.all().count() == await CounterRow.all().count() == 0


async def test_a_register_that_is_away_is_waited_for_and_then_the_document_says_so(shop: House, vies: Vies, clock: SimulatedClock) -> None:
    """Asked again at growing intervals for six hours; unavailable is not invalid."""
    vies.reply = UNAVAILABLE
    await sell(shop, tax=f"{CHECKED}\nvat_id_wait_hours = 6")
    await shop.send("standard", charged("100.00", "0.00", None, buyer=to("FR", FRENCH)))
    for minutes in (0, 1, 4, 16, 64, 256):
        clock.advance(timedelta(minutes=minutes))
        await shop.run_due(without=WITHOUT)
        assert [state for _, state, _ in await shop.actions(kind="issue_invoice")] == ["waiting"]
        assert await DocumentRow.all().count() == 0
    clock.advance(timedelta(minutes=19))
    await shop.run_due(without=WITHOUT)
    ((row, document),) = await shop.documents()
    assert (groups(document), codes(row, "error", "warning")) == ([("K", "0", 10000, 0)], {"vat_id_unavailable"})
    assert len(vies.asked) == 7


async def test_a_register_that_comes_back_ends_the_waiting(shop: House, vies: Vies, clock: SimulatedClock) -> None:
    answer, vies.reply = vies.reply, UNAVAILABLE
    await sell(shop, tax=f"{CHECKED}\nvat_id_wait_hours = 6")
    await shop.send("standard", charged("100.00", "0.00", None, buyer=to("FR", FRENCH)))
    await shop.run_due(without=WITHOUT)
    vies.reply = answer
    clock.advance(timedelta(minutes=1))
    await shop.run_due(without=WITHOUT)
    ((row, _),) = await shop.documents()
    assert codes(row, "error", "warning") == set()
    assert [kept.state for kept in await VatCheckRow.all()] == ["valid"]


async def test_without_hours_to_wait_it_is_issued_at_once(shop: House, vies: Vies) -> None:
    vies.reply = UNAVAILABLE
    await sell(shop, tax=CHECKED)
    row, _ = await issued(shop, charged("100.00", "0.00", None, buyer=to("FR", FRENCH)))
    assert codes(row, "error", "warning") == {"vat_id_unavailable"}
    assert len(vies.asked) == 1


# Tax that the storefront left out


async def test_no_tax_is_computed_where_the_settings_do_not_ask_for_it(shop: House) -> None:
    await sell(shop)
    row, document = await issued(shop, charged("119.00", "0.00", None, tax_given_by="nobody", buyer=to("DE")))
    assert (document.totals.gross, document.totals.tax) == (11900, 0)
    assert "no_tax_data" in codes(row, "warning")


@pytest.mark.parametrize("includes", [True, False])
async def test_tax_is_taken_out_of_what_was_charged_never_added(shop: House, includes: bool) -> None:
    """The total is what the customer paid, whatever the storefront says about its prices; credit notes follow."""
    await sell(shop, tax=f'registrations = [{{ country = "DE", number = "{GERMAN}" }}]')
    order = charged("119.00", "0.00", None, tax_given_by="nobody", prices_include_tax=includes, buyer=to("DE"))
    row, document = await issued(shop, order)
    assert (groups(document), document.totals.gross) == ([("S", "0.19", 10000, 1900)], 11900)
    assert document.prices_include_tax
    assert "no_tax_data" not in codes(row, "warning")
    assert codes(row, "warning") == (set() if includes else {"tax_within_total"})
    await shop.send("standard", refunded(money="59.50"))
    await shop.run_due(without=WITHOUT)
    note = (await shop.documents())[-1][1]
    assert (note.totals.net, note.totals.tax, note.totals.gross) == (5000, 950, 5950)


async def test_a_total_that_holds_the_tax_already_is_believed(shop: House) -> None:
    await sell(shop, tax=f'registrations = [{{ country = "DE", number = "{GERMAN}" }}]')
    line = {"id": "1", "kind": "goods", "name": "Lamp", "quantity": "1", "unit_price": "100.00", "amount": "100.00"}
    more = {"tax_given_by": "nobody", "prices_include_tax": False, "buyer": to("DE"), "lines": [line]}
    row, document = await issued(shop, completed(totals={"total": "119.00", "tax": "0.00"}, **more))
    assert (document.totals.net, document.totals.tax, document.prices_include_tax) == (10000, 1900, False)
    assert codes(row, "warning") == set()


# The national currency


async def test_tax_in_zloty_at_the_rate_of_the_day_before_kept_by_the_credit_notes(shop: House) -> None:
    """Two partial credit notes and the rest come to the invoice's zloty exactly, though newer rates are there by then."""
    await sell(shop, "PL", POLISH)
    assert await store_rates(parse_rates(ECB.encode()), Clock().now()) == 2
    assert await store_rates(parse_rates(ECB.encode()), Clock().now()) == 0
    row, document = await issued(shop, charged("123.00", "23.00", "0.23", buyer=to("PL")))
    kept = document.national_tax
    assert kept is not None
    assert (kept.currency, kept.tax, str(kept.rate), kept.source, str(kept.rate_date)) == (
        "PLN", 9775, "4.2500", "European Central Bank", "2026-11-19",
    )  # fmt: skip
    assert codes(row, "error", "warning") == set()
    page = re.sub(r"<[^>]+>", "", document_html(document, Settlement()))
    assert "VAT in PLN" in page
    assert "1 EUR = 4.25 PLN (European Central Bank, Nov 19, 2026)" in page
    assert '<ram:TaxTotalAmount currencyID="PLN">97.75</ram:TaxTotalAmount>' in xml(document)
    for number, money in (("r-1", "40.00"), ("r-2", "41.00"), ("r-3", "42.00")):
        await shop.send("standard", refunded(refund=number, money=money, at=f"2026-11-20T0{number[-1]}:00:00Z"))
    await shop.run_due(without=WITHOUT)
    notes = [note.national_tax for row, note in await shop.documents() if row.kind == "credit_note"]
    assert [note and (str(note.rate), str(note.rate_date)) for note in notes] == [("4.2500", "2026-11-19")] * 3
    assert sum(note.tax for note in notes if note) == 9775


async def test_a_rate_that_is_not_known_is_said(shop: House) -> None:
    await sell(shop, "PL", POLISH)
    row, document = await issued(shop, charged("123.00", "23.00", "0.23", buyer=to("PL")))
    assert document.national_tax is None
    assert codes(row, "error", "warning") == {"exchange_rate_missing"}


async def test_rates_from_a_table_of_the_merchants_own(shop: House, clock: SimulatedClock) -> None:
    table = "day,base,quote,rate,source\n2026-11-18,EUR,PLN,4.31,NBP\n2026-10-01,EUR,PLN,4.11,NBP\n"
    assert await store_rates(parse_rates(table.encode()), clock.now()) == 2
    assert [(rate.source, str(rate.rate)) for rate in await rates_around(clock.now().date())] == [("NBP", "4.31")]
    for broken, told in (
        ("day,base\n", "line 1"),
        (table.replace("4.31", "4,31"), "line 2"),
        (table.replace("4.11", "-1"), "line 3: rate"),
    ):
        with pytest.raises(GiveUp, match=told):
            parse_rates(broken.encode())


# Credit notes


async def test_credit_notes_inherit_reasons_and_mentions(shop: House) -> None:
    await sell(shop)
    _, invoice = await issued(shop, charged("119.00", "0.00", None, buyer=to("FR", FRENCH), progress={"financial": "paid"}))
    await shop.send("standard", refunded(money="59.50"))
    await shop.run_due(without=WITHOUT)
    note = (await shop.documents())[-1][1]
    assert groups(note) == [("K", "0", 5950, 0)]
    assert (note.mentions, note.taxes[0].exemption, note.taxes[0].exemption_code) == (
        invoice.mentions, invoice.taxes[0].exemption, "VATEX-EU-IC",
    )  # fmt: skip
    assert (note.supply_date, "VATEX-EU-IC" in xml(note)) == (invoice.supply_date, True)
