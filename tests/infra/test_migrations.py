"""The database guards what is final, also against our own mistakes; and one with documents in it is brought to the newest schema."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tortoise.exceptions import BaseORMException
from tortoise.migrations.executor import MigrationTarget

from adapter.domain.document import DocumentKind
from adapter.infra import database
from adapter.infra.archive import FileRow
from adapter.infra.database import APP, connection, transaction
from adapter.infra.models import CounterRow, DocumentRow, EmailRow, EntityRow, SeriesRow, SourceRow
from adapter.infra.numbers import NumberRow, draw
from adapter.settings import load_settings
from tests.infra.test_numbers import ENTITY, NOW

BEFORE = "0001_initial"


def document(number: str, day: date = date(2026, 11, 20), kind: str = "invoice", **more: Any) -> dict[str, Any]:
    """The values of a document's row."""
    values: dict[str, Any] = {
        "id": f"id-{number}", "created_at": NOW, "key": f"{kind}:shop:{number}", "entity_id": ENTITY.id, "source_id": "shop",
        "order_id": f"o-{number}", "mode": "live", "kind": kind, "number": number, "currency": "EUR", "total": 11_900, "tax_total": 1_900,
        "issue_date": day, "due_date": date(2026, 12, 4), "content": "{}", "sha256": "0" * 64, "findings": [], "status": "open",
        "paid": 0, "credited": 0,
    }  # fmt: skip
    return values | more


async def made(number: str, **more: Any) -> DocumentRow:
    """A document of an entity and a source that are there."""
    await EntityRow.get_or_create(id=ENTITY.id, defaults={"mode": "live", "settings": ENTITY.model_dump(mode="json", exclude_none=True)})
    await SourceRow.get_or_create(id="shop", defaults={"entity_id": ENTITY.id, "connector": "standard", "sealed": "", "options": {}})
    return await DocumentRow.create(**document(number, **more))


@pytest.fixture
async def opened(tmp_path: Path, database_url: str | None) -> AsyncIterator[None]:
    """An open database of each kind with the newest schema."""
    await database.connect(load_settings({}, data=tmp_path, database_url=database_url))
    await database.migrate()
    yield
    await database.disconnect()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("content", "{ }"), ("sha256", "1" * 64), ("number", "X-1"), ("kind", "credit_note"), ("mode", "test"), ("entity_id", "other"),
        ("source_id", "other"), ("order_id", "other"), ("currency", "USD"), ("total", 1), ("tax_total", 1),
        ("issue_date", date(2020, 1, 1)),
        ("due_date", None), ("original_id", "other"), ("key", "other"), ("created_at", datetime(2020, 1, 1, tzinfo=UTC)),
        ("retained_until", date(2026, 11, 19)),
    ],
)  # fmt: skip
async def test_an_issued_document_is_never_changed(opened: None, column: str, value: object) -> None:
    """Whatever program tries: the statement fails, the row stays."""
    await made("R-1")
    before = await DocumentRow.filter(id="id-R-1").values()
    with pytest.raises(BaseORMException, match="an issued document is never changed: correct it by another document"):
        await DocumentRow.filter(id="id-R-1").update(**{column: value})
    assert await DocumentRow.filter(id="id-R-1").values() == before


async def test_what_is_not_final_may_change(opened: None) -> None:
    """Its status, its sums and what is drawn from it, also when the whole row is written."""
    row = await made("R-1")
    row.status, row.paid, row.credited, row.pdf_sha256, row.pdf_of = "paid", 11_900, 100, "2" * 64, "3" * 64
    await row.save()
    assert (await DocumentRow.get(id=row.id)).status == "paid"


async def test_a_document_is_deleted_only_after_its_retention(opened: None) -> None:
    """Not by row, not with all others; with the end of its retention written down, it is."""
    row = await made("R-1")
    for deletion in (row.delete, DocumentRow.all().delete):
        with pytest.raises(BaseORMException, match="a document is not deleted before its retention is over"):
            await deletion()
    if database.is_postgres():
        for table in ("document", "number", "counter"):
            with pytest.raises(BaseORMException, match=re.escape("is not deleted") if table == "document" else "never forgotten"):
                await connection().execute_query(f"TRUNCATE {table} CASCADE")
    assert await DocumentRow.all().count() == 1
    await DocumentRow.filter(id=row.id).update(retained_until=date(2036, 12, 31))
    await DocumentRow.filter(id=row.id).delete()
    assert await DocumentRow.all().count() == 0


async def test_counters_and_numbers_only_go_forward(opened: None) -> None:
    """A counter never goes down and is never deleted; a drawn number stays what it is."""
    await EntityRow.create(id=ENTITY.id, mode="live", settings={})
    for _ in range(3):
        async with transaction():
            await draw(ENTITY, DocumentKind.INVOICE, NOW)
    refused = {
        "a counter never goes down": (CounterRow.all().update(drawn=2), CounterRow.all().update(period="2025")),
        "a counter is never forgotten": (CounterRow.all().delete(),),
        "a drawn number is never changed": (NumberRow.filter(n=3).update(n=4), NumberRow.filter(n=3).update(number="X")),
        "a drawn number is never forgotten": (NumberRow.filter(n=3).delete(),),
    }
    for reason, statements in refused.items():
        for statement in statements:
            with pytest.raises(BaseORMException, match=reason):
                await statement
    await NumberRow.filter(n=3).update(removed_on=date(2037, 1, 1))
    assert await NumberRow.all().order_by("n").values_list("period", "n", "number") == [("2026", n, f"INV-2026-{n:06}") for n in (1, 2, 3)]
    assert (await CounterRow.get()).drawn == 3


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest) -> str | None:
    """An empty database of each kind: None is the embedded one."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else None


@pytest.fixture
async def old(tmp_path: Path, empty_url: str | None) -> AsyncIterator[None]:
    """An open database of each kind as a former version made it."""
    await database.connect(load_settings({}, data=tmp_path, database_url=empty_url))
    await database._executor().migrate([MigrationTarget(APP, BEFORE)])
    yield
    await database.disconnect()


async def upgrade(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Fill the database past the models, which have more columns by now, and migrate it."""
    for table, values in rows.items():
        for value in values:
            columns = ", ".join(f'"{name}"' for name in value)
            literals = ", ".join(_literal(each) for each in value.values())
            await connection().execute_script(f'INSERT INTO "{table}" ({columns}) VALUES ({literals})')  # noqa: S608
    assert (await database.migrate())[0] == "0002_archive"
    assert await database.pending_migrations() == []


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + str("[]" if value == [] else value) + "'"


async def test_a_database_with_documents_is_upgraded(old: None) -> None:
    """Numbers, what was taken over at 500, a jump that the configuration made, files and mails: all is known afterwards, and guarded."""
    numbers = ["R-2026-500", "R-2026-501", "R-2026-600"]
    await upgrade(
        {
            "entity": [{"id": ENTITY.id, "mode": "live", "settings": ENTITY.model_dump_json(exclude_none=True)}],
            "source": [{"id": "shop", "entity_id": ENTITY.id, "connector": "standard", "sealed": "", "options": "{}",
                        "active": True}],
            "series": [
                {"id": "s1", "entity_id": ENTITY.id, "mode": "live", "kind": "invoice", "format": "R-{year}-{n}", "reset": "yearly"},
                {"id": "s2", "entity_id": ENTITY.id, "mode": "live", "kind": "credit_note", "format": "CN{yy}{month:02}-{n:03}",
                 "reset": "never"},
            ],
            "counter": [
                {"id": "c1", "series_id": "s1", "period": "2026", "drawn": 600, "last_date": "2026-11-20"},
                {"id": "c2", "series_id": "s1", "period": "2025", "drawn": 2, "last_date": "2025-11-20"},
                {"id": "c3", "series_id": "s2", "period": "all", "drawn": 2, "last_date": "2026-11-20"},
            ],
            "document": [
                *({**document(number), "pdf_sha256": "a" * 64} for number in numbers),
                document("OLD/1", date(2025, 5, 1)),
                document("R-2025-2", date(2025, 6, 1)),
                document("CN2610-001", date(2026, 10, 1), "credit_note"),
                document("CN2611-002", date(2026, 11, 1), "credit_note"),
            ],
            "email": [
                {"id": "m1", "created_at": NOW, "action_key": "k", "document_id": "id-R-2026-500", "kind": "invoice", "message_id": "<1@x>",
                 "recipient": "mira@shop.example", "subject": "s", "state": "sent", "eml_sha256": "b" * 64},
            ],
        },
    )  # fmt: skip
    drawn = await NumberRow.all().order_by("series_id", "period", "n").values_list("series_id", "period", "n", "number")
    assert drawn == [
        ("s1", "2025", 1, "OLD/1"), ("s1", "2025", 2, "R-2025-2"),
        ("s1", "2026", 500, "R-2026-500"), ("s1", "2026", 501, "R-2026-501"), ("s1", "2026", 600, "R-2026-600"),
        ("s2", "all", 1, "CN2610-001"), ("s2", "all", 2, "CN2611-002"),
    ]  # fmt: skip
    elsewhere = {row.id: row.elsewhere for row in await CounterRow.all()}
    assert elsewhere == {"c1": [[1, 499], [502, 599]], "c2": None, "c3": None}
    assert {row.id: row.next_number for row in await SeriesRow.all()} == {"s1": 500, "s2": None}
    files = await FileRow.all().order_by("kind", "document_id").values_list("document_id", "kind", "sha256")
    assert files == [("id-R-2026-500", "eml", "b" * 64), *((f"id-{number}", "pdf", "a" * 64) for number in numbers)]
    assert await EmailRow.all().count() == 1
    with pytest.raises(BaseORMException, match="an issued document is never changed"):
        await DocumentRow.filter(number="OLD/1").update(total=1)
    async with transaction():
        assert (await draw(ENTITY, DocumentKind.INVOICE, NOW))[0] == "R-2026-601"
