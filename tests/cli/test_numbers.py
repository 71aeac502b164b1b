"""`numbers`: every series, what comes next, and which numbers are missing."""

import sqlite3
from pathlib import Path

from tests.cli.conftest import Service, run
from tests.house import PATIENCE


def test_every_series(day: Service) -> None:
    """In words and as JSON; nothing is missing."""
    year = day.rows("SELECT period FROM counter")[0][0]
    told = day.run("numbers", "lighthouse").stdout
    assert told == (
        f"lighthouse live credit_note: CN-{{year}}-{{n:06}}, starts again every year; "
        f"next CN-{year}-000002, CN-{year}-000003, CN-{year}-000004\n"
        f"  {year}: last CN-{year}-000001 (no. 1), none missing\n"
        f"lighthouse live invoice: INV-{{year}}-{{n:06}}, starts again every year; "
        f"next INV-{year}-000002, INV-{year}-000003, INV-{year}-000004\n"
        f"  {year}: last INV-{year}-000001 (no. 1), none missing\n"
    )
    found = day.json("numbers")
    assert [(each["kind"], each["missing"], each["warnings"]) for each in found] == [("credit_note", [], []), ("invoice", [], [])]
    assert "'acme' does not exist; there are: lighthouse" in day.run("numbers", "acme", code=2).stderr


def test_a_gap_is_named_and_ends_with_an_error(day: Service, tmp_path: Path) -> None:
    """A number that was drawn past the service, in a copy of its data: it is named."""
    with sqlite3.connect(day.data / "adapter.db", timeout=PATIENCE) as original:
        original.execute("VACUUM INTO ?", (str(tmp_path / "adapter.db"),))
    original.close()
    with sqlite3.connect(tmp_path / "adapter.db") as connection:
        series, period = connection.execute(
            "SELECT series.id, counter.period FROM counter JOIN series ON counter.series_id = series.id WHERE series.kind = 'invoice'"
        ).fetchone()
        connection.execute("INSERT INTO number (id, series_id, period, n, number) VALUES ('x', ?, ?, 2, 'INV-LOST')", (series, period))
        connection.execute("UPDATE counter SET drawn = 2 WHERE series_id = ?", (series,))
    connection.close()
    done = run("numbers", "--data", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "missing: lighthouse live invoice: INV-LOST\n"
    assert f"{period}: last INV-LOST (no. 2), 1 missing" in done.stdout
