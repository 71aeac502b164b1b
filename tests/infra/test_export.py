"""Exports of many documents: names that are safe and unique whatever the numbers are, and memory that does not grow with them."""

import os
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest

from adapter.domain.frozen import digest
from adapter.infra import database
from adapter.infra.bundle import verify
from adapter.infra.export import Selection, export
from adapter.infra.files import Files
from adapter.infra.models import EntityRow, SourceRow
from adapter.settings import load_settings
from tests.infra.conftest import Make
from tests.infra.test_numbers import ENTITY, add_document

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
MEGABYTE = 2**20


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[None]:
    """An embedded database with an entity and a source."""
    await database.connect(load_settings({}, data=tmp_path))
    await database.migrate()
    await EntityRow.create(id=ENTITY.id, mode="live", settings=ENTITY.model_dump(mode="json", exclude_none=True))
    await SourceRow.create(id="shop", entity_id=ENTITY.id, connector="standard", sealed="", options={})
    yield
    await database.disconnect()


async def test_names_are_safe_and_unique(opened: None, tmp_path: Path, make: Make) -> None:
    """Numbers that look like paths, or alike once they are made safe, each get a flat name of their own."""
    files = Files(str(tmp_path / "files"))
    numbers = ["../../etc/passwd", "..-..-etc-passwd", "A/1", "A+1", "A-1", "CON", "ä\u202eb"]
    for number in numbers:
        content = make(1, number=number).canonical()
        await add_document(number, content=content, sha256=digest(content), pdf_sha256=await files.put(b"%PDF"))
    exported = [each async for each in export(tmp_path / "books.zip", Selection(), files, NOW)]
    assert [(each.number, each.problem) for each in exported] == [(number, None) for number in numbers]
    with ZipFile(tmp_path / "books.zip") as archive:
        names = archive.namelist()
    assert len(set(names)) == len(names) == 2 * len(numbers) + 2
    assert all(name.isascii() and not set(name) & set('/\\:*?"<>|') and not name.startswith(".") for name in names)
    assert [problem for _, problem in verify(tmp_path / "books.zip") if problem] == []


async def test_memory_does_not_grow_with_the_number_of_documents(opened: None, tmp_path: Path, make: Make) -> None:
    """Forty documents of a megabyte each take the room of a few."""
    files = Files(str(tmp_path / "files"))
    content = make(1).canonical()
    for number in range(40):
        stored = await files.put(os.urandom(MEGABYTE))
        await add_document(f"N-{number}", content=content, sha256=digest(content), pdf_sha256=stored)
    tracemalloc.start()
    count = len([each async for each in export(tmp_path / "books.zip", Selection(), files, NOW)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 40
    assert peak < 10 * MEGABYTE
    assert (tmp_path / "books.zip").stat().st_size > 40 * MEGABYTE


async def test_content_that_was_changed_is_told(opened: None, tmp_path: Path, make: Make) -> None:
    """Somebody wrote past the guards: the export says so, and holds what is there."""
    await add_document("N-1", content=make(1).canonical(), sha256="0" * 64)
    exported = [each async for each in export(tmp_path / "books", Selection(), Files(str(tmp_path / "files")), NOW)]
    assert exported[0].problem is not None
    assert exported[0].problem.startswith("its content was changed after it was issued: its SHA-256 is ")
    assert list(exported[0].files) == ["lighthouse_live_invoice_N-1_000000000000.json"]


async def test_an_export_that_fails_leaves_the_old_one(opened: None, tmp_path: Path) -> None:
    """A document that cannot be read ends it; the ZIP of last year is still there, and nothing half done beside it."""
    old = tmp_path / "out" / "books.zip"
    old.parent.mkdir()
    old.write_bytes(b"last year's")
    await add_document("N-1", content="{broken")
    with pytest.raises(ValueError, match="Invalid JSON"):
        _ = [each async for each in export(old, Selection(), Files(str(tmp_path / "files")), NOW)]
    assert [(path.name, path.read_bytes()) for path in old.parent.iterdir()] == [("books.zip", b"last year's")]
