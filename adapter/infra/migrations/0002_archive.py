"""Numbers for ever, the files of documents, the end of their retention; and what is final is guarded by the database itself.

Guards are triggers because they hold for every program that reaches the database, ours with a mistake in it included. A document may be
deleted only where `retained_until` is set: a column and not a flag of the session, since SQLite's triggers see none, and since the row
then says itself that, and until when, it was kept. The guards do not ask the database's clock: a service and its database must not
disagree about a day, and what sets the column (`flow.retention`) has asked the service's.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from adapter.infra.models import new_id

FINAL = {
    "document": (
        "id", "created_at", "key", "entity_id", "source_id", "order_id", "mode", "kind", "number", "original_id", "currency", "total",
        "tax_total", "issue_date", "due_date", "content", "sha256",
    ),
    "number": ("id", "series_id", "period", "n", "number"),
    "counter": ("id", "series_id", "period"),
}  # fmt: skip
"""Columns that never change once a row is written."""
REFUSED = {
    ("document", "UPDATE"): "an issued document is never changed: correct it by another document",
    ("document", "DELETE"): "a document is not deleted before its retention is over",
    ("number", "UPDATE"): "a drawn number is never changed",
    ("number", "DELETE"): "a drawn number is never forgotten",
    ("counter", "UPDATE"): "a counter never goes down",
    ("counter", "DELETE"): "a counter is never forgotten",
}


async def guard(apps: Any, editor: Any) -> None:
    """Triggers that refuse to change or delete what is final."""
    is_postgres = editor.client.capabilities.dialect == "postgres"
    for (table, verb), reason in REFUSED.items():
        condition = _condition(table, verb, "IS DISTINCT FROM" if is_postgres else "IS NOT")
        when = f"WHEN ({condition})" if condition else ""
        name = f"{table}_{verb.lower()}_refused"
        if is_postgres:
            await _postgres_guard(editor.client, name, table, verb, when, reason)
        else:
            refusal = f"SELECT RAISE(ABORT, '{reason}');"
            await editor.client.execute_query(f'CREATE TRIGGER {name} BEFORE {verb} ON "{table}" FOR EACH ROW {when} BEGIN {refusal} END')


def _condition(table: str, verb: str, differs: str) -> str:
    """When a change is refused; empty for always."""
    if verb == "DELETE":
        return "OLD.retained_until IS NULL" if table == "document" else ""
    changed = [f'OLD."{column}" {differs} NEW."{column}"' for column in FINAL[table]]
    changed += ["NEW.retained_until < NEW.issue_date"] if table == "document" else []
    changed += ["NEW.drawn < OLD.drawn"] if table == "counter" else []
    return " OR ".join(changed)


async def _postgres_guard(client: Any, name: str, table: str, verb: str, when: str, reason: str) -> None:
    refusal = f"RAISE EXCEPTION '{reason}' USING ERRCODE = 'integrity_constraint_violation';"
    await client.execute_query(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refusal} END $$")
    await client.execute_query(f'CREATE TRIGGER {name} BEFORE {verb} ON "{table}" FOR EACH ROW {when} EXECUTE FUNCTION {name}()')
    if verb == "DELETE":
        await client.execute_query(
            f'CREATE TRIGGER {table}_truncate_refused BEFORE TRUNCATE ON "{table}" FOR EACH STATEMENT EXECUTE FUNCTION {name}()'
        )


async def remember(apps: Any, editor: Any) -> None:
    """The numbers and the files of the documents that are there. What a counter passed without a document was given elsewhere: until now
    nothing could delete one."""
    client = editor.client
    is_postgres = client.capabilities.dialect == "postgres"

    async def write(statement: str, *values: object) -> None:
        for position in range(1, len(values) + 1):
            statement = statement.replace("?", f"${position}", 1) if is_postgres else statement
        await client.execute_query(statement, list(values))

    documents = await client.execute_query_dict(
        "SELECT id, created_at, entity_id, mode, kind, number, issue_date, pdf_sha256 FROM document"
    )
    mails = await client.execute_query_dict("SELECT document_id, created_at, eml_sha256 FROM email")
    counters = await client.execute_query_dict("SELECT id, series_id, period, drawn FROM counter")
    insert_file = "INSERT INTO file (id, created_at, document_id, kind, sha256) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    for row in documents:
        if row["pdf_sha256"]:
            await write(insert_file, new_id(), row["created_at"], row["id"], "pdf", row["pdf_sha256"])
    for row in mails:
        await write(insert_file, new_id(), row["created_at"], row["document_id"], "eml", row["eml_sha256"])
    for series in await client.execute_query_dict("SELECT * FROM series"):
        own = [row for row in documents if all(row[name] == series[name] for name in ("entity_id", "mode", "kind"))]
        for counter in counters:
            if counter["series_id"] != series["id"]:
                continue
            drawn = _drawn(series, counter, own)
            for n, number in drawn.items():
                await write(
                    "INSERT INTO number (id, series_id, period, n, number) VALUES (?, ?, ?, ?, ?)",
                    new_id(), series["id"], counter["period"], n, number,
                )  # fmt: skip
            elsewhere = _ranges(n for n in range(1, counter["drawn"] + 1) if n not in drawn)
            if elsewhere:
                await write("UPDATE counter SET elsewhere = ? WHERE id = ?", json.dumps(elsewhere), counter["id"])
                await write("UPDATE series SET next_number = ? WHERE id = ?", elsewhere[0][1] + 1, series["id"])


def _drawn(series: dict[str, Any], counter: dict[str, Any], documents: list[dict[str, Any]]) -> dict[int, str]:
    """The numbers of a counter's documents by their running number, read by the format, else from the last digits."""
    parts = re.split(r"\{(\w+)[^}]*\}", series["format"])
    written = "".join((r"(\d+)" if part == "n" else r"\d+") if index % 2 else re.escape(part) for index, part in enumerate(parts))
    length = {"never": 0, "yearly": 4, "monthly": 7}[series["reset"]]
    found: dict[int, str] = {}
    for row in documents:
        if (str(row["issue_date"])[:length] or "all") == counter["period"]:
            match = re.fullmatch(written, row["number"]) or re.search(r"(\d+)\D*$", row["number"])
            if match is not None and 1 <= int(match[1]) <= counter["drawn"]:
                found.setdefault(int(match[1]), row["number"])
    return found


def _ranges(numbers: Iterable[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for n in numbers:
        if ranges and ranges[-1][1] == n - 1:
            ranges[-1][1] = n
        else:
            ranges.append([n, n])
    return ranges


class Migration(migrations.Migration):
    dependencies = [("adapter", "0001_initial")]

    initial = False

    operations = [
        ops.CreateModel(
            name="FileRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("document_id", fields.CharField(max_length=36)),
                ("kind", fields.CharField(max_length=8)),
                ("sha256", fields.CharField(db_index=True, max_length=64)),
            ],
            options={
                "table": "file",
                "app": "adapter",
                "unique_together": (("document_id", "sha256"),),
                "pk_attr": "id",
                "table_description": "A file that was stored for a document, written before the file is, so that all of them can be found when the document goes.",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="NumberRow",
            fields=[
                ("id", fields.CharField(primary_key=True, default=new_id, unique=True, db_index=True, max_length=36)),
                (
                    "series",
                    fields.ForeignKeyField(
                        "adapter.SeriesRow", source_field="series_id", db_constraint=True, to_field="id", on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("period", fields.CharField(max_length=10)),
                ("n", fields.BigIntField()),
                ("number", fields.CharField(max_length=64)),
                ("removed_on", fields.DateField(null=True)),
            ],
            options={
                "table": "number",
                "app": "adapter",
                "unique_together": (("series_id", "period", "n"), ("series_id", "number")),
                "pk_attr": "id",
                "table_description": "A number that was drawn, for ever: it stays when its document is gone, so that the series can be shown to be complete.",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="CounterRow", name="elsewhere", field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
        ops.AddField(model_name="DocumentRow", name="retained_until", field=fields.DateField(null=True)),
        ops.AddField(model_name="SeriesRow", name="next_number", field=fields.BigIntField(null=True)),
        ops.RunPython(remember),
        ops.RunPython(guard),
    ]
