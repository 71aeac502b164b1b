"""Retention: kept to the day, then gone with everything that told of it; and nothing goes that is still needed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from adapter.clock import SimulatedClock
from adapter.domain.entity import Entity
from adapter.domain.order import Address, Party
from adapter.domain.state import OrderState
from adapter.flow.sweep import sweep
from adapter.infra.archive import FileRow
from adapter.infra.database import connection
from adapter.infra.einvoices import EInvoiceRow
from adapter.infra.models import (
    ActionRow,
    AttemptRow,
    CounterRow,
    DeliveryRow,
    DocumentRow,
    EmailRow,
    EntityRow,
    EventRow,
    MessageRow,
    OrderRow,
)
from adapter.infra.numbers import NumberRow, report
from adapter.infra.vat_checks import VatCheckRow
from tests.house import House
from tests.orders import an_order, completed, event, refunded

NEW_YEAR = datetime(2037, 1, 1, 0, 30, tzinfo=UTC)
"""The first day after ten years from the end of 2026."""
UNDRAWN = ("render", "notify", "deliver", "send_invoice", "send_credit_note", "send_reminder")


async def a_day(house: House, clock: SimulatedClock, moment: datetime) -> dict[str, Any] | None:
    """Go to a moment, do what the day brings, and return what the retention step counted; None where it had run that day."""
    clock.advance(moment - clock.now())
    before = await ActionRow.filter(kind="retention").count()
    await sweep(house.app.services)
    await house.run_due()
    if await ActionRow.filter(kind="retention").count() == before:
        return None
    found: dict[str, Any] = (await ActionRow.filter(kind="retention").order_by("-created_at").first()).outcome  # type: ignore[union-attr]
    return found


def stored(house: House) -> set[str]:
    """The digests of the files in the store."""
    folder = house.app.services.files.folder
    assert folder is not None
    return {path.parent.name + path.name for path in folder.glob("*/*")}


async def settings(**changes: object) -> None:
    """Change the entity's settings as `apply` would."""
    row = await EntityRow.get()
    await EntityRow.filter(id=row.id).update(settings={**row.settings, **changes})


async def test_everything_of_an_order_goes_when_its_time_is_over(still_houses: House, clock: SimulatedClock) -> None:
    """Until the last second of the tenth year all of it is there; the day after, nothing but two numbers and the digests of deliveries.

    The invoice was drawn twice and mailed: the superseded file goes too. The order of the next year stays whole.
    """
    house = still_houses
    await house.send("standard", completed("o-1"))
    await house.run_due()
    await house.send("standard", event("payment.confirmed", {"order_id": "o-1"}))
    await house.send("standard", refunded("o-1"))
    await house.run_due()
    assert await DocumentRow.all().order_by("id").values_list("number", flat=True) == ["INV-2026-000001", "CN-2026-000001"]
    assert await EmailRow.all().count() == 2
    kinds = await FileRow.all().order_by("kind").values_list("kind", flat=True)
    assert (kinds, len(stored(house))) == (["eml"] * 2 + ["pdf"] * 3 + ["xml"] * 3, 8)
    messages = await MessageRow.all().count()
    clock.advance(timedelta(days=60))
    await house.send("standard", completed("o-2", paid=True, buyer={"name": "Ole Winter", "email": "ole@winter.example"}))
    await house.run_due()
    kept = {
        str(digest)
        for digest in await FileRow.filter(document_id=(await DocumentRow.get(order_id="o-2")).id).values_list("sha256", flat=True)
    }

    assert await a_day(house, clock, NEW_YEAR - timedelta(days=1)) == {"deliveries_erased": 0}
    assert await DocumentRow.all().count() == 3
    before = REGISTRY.get_sample_value("adapter_removed_total", {"what": "documents"}) or 0
    assert await a_day(house, clock, NEW_YEAR) == {
        "deliveries_erased": 0, "documents": 2, "files": 8, "mails": 2, "messages": messages, "deliveries": 3
    }  # fmt: skip
    assert REGISTRY.get_sample_value("adapter_removed_total", {"what": "documents"}) == before + 2
    assert await a_day(house, clock, NEW_YEAR + timedelta(hours=1)) is None

    assert await DocumentRow.all().values_list("number", flat=True) == ["INV-2027-000001"]
    assert stored(house) == kept
    assert {row.order_id for row in await OrderRow.all()} == {row.order_id for row in await EventRow.all()} == {"o-2"}
    assert {row.order_id for row in await ActionRow.exclude(kind="retention") if row.order_id} == {"o-2"}
    assert await EmailRow.all().count() == 1
    assert {row.document_id for row in await EInvoiceRow.all()} <= {row.id for row in await DocumentRow.all()}
    assert await AttemptRow.all().count() == await MessageRow.all().count() > 0
    removed = await NumberRow.filter(removed_on__isnull=False).order_by("number").values_list("number", "removed_on")
    assert removed == [(number, NEW_YEAR.date()) for number in ("CN-2026-000001", "INV-2026-000001")]
    assert [each.missing for each in await report(clock.now())] == [(), ()]
    assert [(each.drawn, each.removed) for series in await report(clock.now()) for each in series.periods] == [(1, 1), (1, 1), (1, 0)]
    assert await holding("ida@sommer.example", "Ida Sommer") == set()

    assert await house.send("standard", completed("o-1")) == 200
    await house.run_due()
    assert await DocumentRow.all().count() == 1
    assert await CounterRow.filter(period="2027").values_list("drawn", flat=True) == [1]


async def holding(*texts: str) -> set[str]:
    """The tables that hold one of these texts."""
    found = set()
    listing = (
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
        if connection().capabilities.dialect == "postgres"
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    for table in await connection().execute_query_dict(listing):
        for row in await connection().execute_query_dict(f'SELECT * FROM "{table["name"]}"'):  # noqa: S608
            if any(
                text in str({name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()})
                for text in texts
            ):
                found.add(table["name"])
    return found


async def test_what_is_younger_or_held_stays(still_house: House, clock: SimulatedClock) -> None:
    """A credit note of a later year keeps its invoice; a legal hold keeps everything; a shorter time ends sooner."""
    await still_house.send("standard", completed("o-1", paid=True))
    await still_house.send("standard", completed("o-2", paid=True))
    await still_house.run_due(without=UNDRAWN)
    clock.advance(timedelta(days=100))
    await still_house.send("standard", refunded("o-1", at=clock.now().isoformat()))
    await still_house.run_due(without=UNDRAWN)
    await ActionRow.filter(state="due").update(state="cancelled")
    await settings(legal_hold=True)
    assert await a_day(still_house, clock, NEW_YEAR) == {"deliveries_erased": 0}
    await settings(legal_hold=False, retention_years=11)
    assert await a_day(still_house, clock, NEW_YEAR + timedelta(days=1)) == {"deliveries_erased": 0}
    await settings(legal_hold=False, retention_years=10)
    gone = await a_day(still_house, clock, NEW_YEAR + timedelta(days=2))
    assert gone is not None
    assert gone["documents"] == 1
    assert await DocumentRow.all().order_by("id").values_list("number", flat=True) == ["INV-2026-000001", "CN-2027-000001"]
    gone = await a_day(still_house, clock, NEW_YEAR + timedelta(days=365))
    assert gone is not None
    assert gone["documents"] == 2


async def test_a_shared_file_stays_and_a_crash_in_between_loses_nothing(still_house: House, clock: SimulatedClock) -> None:
    """Two documents with the same file: it goes with the second one. What was half done when the process died is done the next day."""
    await still_house.send("standard", completed("o-1", paid=True))
    await still_house.run_due(without=UNDRAWN)
    first = await DocumentRow.get()
    files, now = still_house.app.services.files, clock.now()
    digest = await files.put(b"shared")
    for document in (first.id, "another"):
        await FileRow.create(created_at=now, document_id=document, kind="pdf", sha256=digest)
    lost = await files.put(b"deleted before the crash")
    await FileRow.create(created_at=now, document_id=first.id, kind="eml", sha256=lost)
    await files.delete(lost)
    await files.delete(lost)
    await ActionRow.filter(state="due").update(state="cancelled")
    gone = await a_day(still_house, clock, NEW_YEAR)
    assert gone is not None
    assert (gone["documents"], gone["files"]) == (1, 2)
    assert stored(still_house) == {digest}


async def test_an_order_that_is_being_worked_on_is_left_for_the_next_day(still_house: House, clock: SimulatedClock) -> None:
    """Nothing is taken away under a running action."""
    await still_house.send("standard", completed("o-1", paid=True))
    await still_house.run_due(without=UNDRAWN)
    await ActionRow.filter(state="due").update(state="cancelled")
    await ActionRow.filter(kind="render").update(state="running")
    assert await a_day(still_house, clock, NEW_YEAR) == {"deliveries_erased": 0}
    await ActionRow.filter(kind="render").update(state="done")
    gone = await a_day(still_house, clock, NEW_YEAR + timedelta(days=1))
    assert gone is not None
    assert gone["documents"] == 1


async def test_bodies_that_led_to_no_document_are_erased_after_their_time(still_house: House, clock: SimulatedClock) -> None:
    """Ninety days later: what nobody could read and an order that was never completed are empty; the evidence for an invoice is not, nor
    what said nothing new about it, nor an order whose invoice still waits for something."""
    await still_house.send("standard", completed("o-1", paid=True))
    await still_house.send("standard", event("order.updated", an_order("o-1", paid=True)))
    await still_house.send("standard", event("order.created", an_order("o-2", progress={"financial": "pending", "stage": "pending"})))
    await still_house.send("standard", refunded("o-3"))
    await still_house.send("standard", b"Ida Sommer, unreadable")
    await still_house.run_due(without=UNDRAWN)
    await ActionRow.filter(kind="issue_credit_note").update(waits_since=clock.now() + timedelta(days=88))
    assert await a_day(still_house, clock, clock.now() + timedelta(days=90)) == {"deliveries_erased": 0}
    assert await a_day(still_house, clock, clock.now() + timedelta(days=1)) == {"deliveries_erased": 2}
    bodies = [bytes(row.body)[:60] for row in await DeliveryRow.all().order_by("id")]
    assert [bool(body) for body in bodies] == [True, True, False, True, False]
    assert [row.headers == {} for row in await DeliveryRow.all().order_by("id")] == [False, False, True, False, True]
    assert await a_day(still_house, clock, clock.now() + timedelta(days=30)) == {"deliveries_erased": 1}


async def test_people_in_orders_that_led_to_no_document_are_forgotten(still_houses: House, clock: SimulatedClock) -> None:
    """Two years after the last news of it, an order without a document has nobody in it any more, and still its sums. One with an invoice,
    one whose invoice is held and one that there was news of stay whole; as does everything under a legal hold."""
    cart = {"progress": {"financial": "pending", "stage": "pending"}, "notes": "for Ida Sommer"}
    await still_houses.send("standard", completed("o-1", paid=True))
    await still_houses.send("standard", event("order.created", an_order("o-2", **cart)))
    await still_houses.send("standard", completed("o-3", totals={"total": "124.00", "tax": "19.00"}))
    await still_houses.send("standard", event("order.created", an_order("o-4", **cart)))
    await still_houses.run_due(without=UNDRAWN)
    await ActionRow.filter(state="due").update(state="cancelled")
    assert {row.order_id: row.state for row in await ActionRow.filter(kind="issue_invoice")} == {"o-1": "done", "o-3": "held"}
    started = clock.now()
    await a_day(still_houses, clock, started + timedelta(days=100))
    await still_houses.send("standard", event("order.updated", an_order("o-4", version="2027-03-01T09:00:00Z", tags=["seen"], **cart)))
    await still_houses.run_due(without=UNDRAWN)

    async def named() -> list[str]:
        return [row.order_id for row in await OrderRow.all().order_by("order_id") if "Sommer" in row.state or "sommer" in row.state]

    async def erased(moment: datetime) -> int:
        return (await a_day(still_houses, clock, moment) or {}).get("orders_erased", 0)

    assert await erased(started + timedelta(days=730)) == 0
    assert await named() == ["o-1", "o-2", "o-3", "o-4"]
    await settings(legal_hold=True)
    assert await erased(started + timedelta(days=731)) == 0
    await settings(legal_hold=False)
    assert await erased(started + timedelta(days=732)) == 1
    assert await named() == ["o-1", "o-3", "o-4"]
    forgotten = OrderState.model_validate_json((await OrderRow.get(order_id="o-2")).state).effective()
    assert forgotten is not None
    assert (forgotten.totals.total, forgotten.buyer) == (119, Party(address=Address(country="DE")))
    assert await erased(started + timedelta(days=733)) == 0
    assert await erased(started + timedelta(days=831)) == 1
    assert await named() == ["o-1", "o-3"]

    await still_houses.send("standard", completed("o-2", paid=True, version="2029-03-01T09:00:00Z"))
    await still_houses.run_due(without=UNDRAWN)
    (document,) = [document for row, document in await still_houses.documents() if row.order_id == "o-2"]
    assert (document.buyer.name if document.buyer else None) == "Ida Sommer"


async def test_proofs_of_vat_numbers_go_a_year_after_the_invoices_that_rest_on_them(still_house: House, clock: SimulatedClock) -> None:
    """A check of December may be that of an invoice of January."""
    await VatCheckRow.create(
        created_at=clock.now(), entity_id="lighthouse", number="ATU12345675", state="valid", content="{}", action_id="a"
    )
    assert await a_day(still_house, clock, NEW_YEAR) == {"deliveries_erased": 0}
    assert await a_day(still_house, clock, NEW_YEAR + timedelta(days=365)) == {"deliveries_erased": 0, "vat_checks": 1}


def test_the_last_day_of_retention() -> None:
    """The end of the calendar year, so many years later; the settings of an entity that names none stay as they were."""
    entity = Entity(id="a", name="A", address=Address(country="DE"))
    day = datetime(2026, 1, 1, tzinfo=UTC).date()
    assert entity.retained_until(day).isoformat() == "2036-12-31"
    assert entity.model_copy(update={"retention_years": 8}).retained_until(day).isoformat() == "2034-12-31"
    with pytest.raises(ValueError, match="retention_years"):
        Entity(id="a", name="A", address=Address(country="DE"), retention_years=0)
