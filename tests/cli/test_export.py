"""`export`: the PDFs under names of our own, and an index that a spreadsheet opens safely."""

import csv
import json
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from pikepdf import Pdf

from adapter.infra.export import COLUMNS, cell
from tests.cli.conftest import Service, run


def test_every_document_with_an_index(day: Service, tmp_path: Path) -> None:
    """One row and one file per document; the digests are those of the files."""
    out = tmp_path / "books"
    told = day.run("export", "--out", str(out)).stdout
    assert told.startswith("2 of 2 documents written to ")

    raw = (out / "index.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfnumber,kind,status,")
    with (out / "index.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [tuple(row) for row in rows] == [COLUMNS, COLUMNS]
    invoice, note = rows
    amounts = ("currency", "net", "tax", "total", "paid", "credited")
    assert [invoice[name] for name in amounts] == ["EUR", "115.67", "19.46", "135.13", "135.13", "53.91"]
    assert [note[name] for name in amounts] == ["EUR", "45.30", "8.61", "53.91", "0.00", "0.00"]
    assert (note["original"], note["order_number"], note["source"]) == (invoice["number"], "1001", "shopify")
    assert (invoice["buyer_name"], invoice["buyer_country"]) == ("Mira Sommer", "DE")
    for row in rows:
        assert re.fullmatch(r"lighthouse_live_(invoice|credit_note)_[A-Z0-9-]+_[0-9a-f]{12}\.pdf", row["file"])
        assert sha256((out / row["file"]).read_bytes()).hexdigest() == row["sha256"]
        assert row["einvoices"] == row["file"].replace(".pdf", "_factur-x.xml")
        with Pdf.open(out / row["file"]) as pdf:
            assert pdf.attachments["factur-x.xml"].get_file().read_bytes() == (out / row["einvoices"]).read_bytes()
        assert row["content"] == row["file"].replace(".pdf", ".json")
        assert row["mails"] == row["file"].replace(".pdf", "_mail-1.eml")
        for name in ("einvoices", "content", "mails"):
            assert sha256((out / row[name]).read_bytes()).hexdigest() == row[f"{name}_sha256"]
    assert json.loads((out / note["content"]).read_bytes())["original"]["number"] == invoice["number"]
    assert b"ubject: " in (out / invoice["mails"]).read_bytes()
    names = {row[name] for row in rows for name in ("file", "einvoices", "content", "mails")}
    assert {path.name for path in out.iterdir()} == {"index.csv", "SHA256SUMS", *names}
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, check=False).returncode == 0


def test_a_zip_holds_the_same(day: Service, tmp_path: Path) -> None:
    """The ending decides; the files and their hashes are those of the folder, and what it replaces stays until it is whole."""
    day.run("export", "--out", str(tmp_path / "books"))
    archive = tmp_path / "new" / "books.ZIP"
    assert day.run("export", "--out", str(archive)).stdout.startswith("2 of 2 documents written to ")
    with ZipFile(archive) as found:
        assert found.testzip() is None
        assert {name: found.read(name) for name in found.namelist()} == {
            path.name: path.read_bytes() for path in (tmp_path / "books").iterdir()
        }
    assert [path.name for path in archive.parent.iterdir()] == ["books.ZIP"]
    assert day.run("export", "--out", str(archive), "--verify").stdout == f"9 files are what was written to {archive}\n"


@pytest.mark.parametrize("ending", ["", ".zip"])
def test_verifying_tells_what_is_wrong(day: Service, tmp_path: Path, ending: str) -> None:
    """A changed file, a missing one and one too many are named; nothing is written, and no database is needed."""
    out = tmp_path / f"books{ending}"
    day.run("export", "--out", str(tmp_path / "folder"))
    folder = tmp_path / "folder"
    changed, gone = sorted(folder.glob("*.pdf"))
    changed.write_bytes(changed.read_bytes()[:-1] + b"?")
    gone.unlink()
    (folder / "more.txt").write_text("not ours")
    if ending:
        with ZipFile(out, "w") as archive:
            for path in folder.iterdir():
                archive.write(path, path.name)
    else:
        folder.rename(out)
    done = run("export", "--out", str(out), "--verify", "--data", str(tmp_path / "nowhere"))
    assert (done.returncode, done.stdout) == (1, f"7 files are what was written to {out}, 3 are not\n")
    assert sorted(line.split(" ", 1)[0] for line in done.stderr.splitlines()) == sorted([changed.name, gone.name, "more.txt"])
    assert f"{gone.name} is missing\n" in done.stderr
    assert f"{changed.name} was changed: its SHA-256 is " in done.stderr
    assert "more.txt is not a part of the export\n" in done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_verifying_what_is_no_export(tmp_path: Path) -> None:
    """A folder without hashes, half a ZIP, a path that names nothing: each is told."""
    (tmp_path / "half.zip").write_bytes(b"PK half")
    told = {
        name: run("export", "--out", str(tmp_path / name), "--verify").stderr.removeprefix("storefront-adapter: --out: ")
        for name in ("", "half.zip", "none", "none.zip")
    }
    assert told[""] == "there is no SHA256SUMS in it, so it is no whole export\n"
    assert told["half.zip"] == f"{tmp_path / 'half.zip'} is no whole ZIP: File is not a zip file\n"
    assert told["none"] == f"{tmp_path / 'none'} cannot be read: No such file or directory\n"
    assert told["none.zip"] == f"{tmp_path / 'none.zip'} cannot be read: No such file or directory\n"


def test_a_selection_and_a_missing_file(day: Service, tmp_path: Path) -> None:
    """What was asked for only; a PDF that is gone is told and ends with an error after the rest was written."""
    notes = day.run(
        "export",
        "--out",
        str(tmp_path / "b"),
        "--kind",
        "credit_note",
        "--entity",
        "lighthouse",
        "--from",
        "2001-01-01",
        "--to",
        "2199-12-31",
    ).stdout
    assert notes.startswith("1 of 1 documents")

    number, digest = day.rows("SELECT number, pdf_sha256 FROM document WHERE kind = 'invoice'")[0]
    stored = day.data / "files" / digest[:2] / digest[2:]
    content = stored.read_bytes()
    stored.unlink()
    try:
        done = day.run("export", "--out", str(tmp_path / "c"), code=1)
    finally:
        stored.write_bytes(content)
    assert done.stdout.startswith("1 of 2 documents written")
    assert done.stderr == f"missing: {number}: the file {digest} is not in the store: restore it from a backup\n"
    assert len(list((tmp_path / "c").glob("*.pdf"))) == 1
    assert len((tmp_path / "c" / "index.csv").read_text(encoding="utf-8-sig").splitlines()) == 3


def test_wrong_choices_are_named(day: Service, tmp_path: Path) -> None:
    """A day that is none, an entity that is none: refused, and nothing written."""
    out = tmp_path / "out"
    assert (
        "--from: 'yesterday' is not a day such as 2026-01-31" in day.run("export", "--out", str(out), "--from", "yesterday", code=2).stderr
    )
    assert (
        "--entity: 'acme' does not exist; there are: lighthouse" in day.run("export", "--out", str(out), "--entity", "acme", code=2).stderr
    )
    assert not (out / "index.csv").exists()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+49 40 1234", "'+49 40 1234"),
        ("-cmd", "'-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1+1", "'=1+1"),
        ("\r=1+1", "'=1+1"),
        ("＝1+1", "'＝1+1"),
        ("two\nlines", "two lines"),
        ("-12.30", "-12.30"),
        ("12.30", "12.30"),
        ("-1-1", "'-1-1"),
        ("Mira = Sommer", "Mira = Sommer"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(value: str, written: str) -> None:
    """What begins like a formula is text; numbers stay numbers."""
    assert cell(value) == written
