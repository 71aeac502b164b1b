"""The files of documents: each is known before it is stored, so that all of them can be shown, checked and, in the end, deleted."""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Any

from tortoise import fields

from adapter.domain.rules import ActionKind
from adapter.infra.files import Files
from adapter.infra.models import ActionRow, Row, new_id


class FileRow(Row):
    """A file that was stored for a document, written before the file is, so that all of them can be found when the document goes."""

    document_id = fields.CharField(max_length=36)
    kind = fields.CharField(max_length=8)
    """pdf, xml or eml."""
    sha256 = fields.CharField(max_length=64, db_index=True)

    class Meta:
        table = "file"
        unique_together = (("document_id", "sha256"),)


async def keep(files: Files, document_id: str, kind: str, content: bytes, now: datetime) -> str:
    """Store a file of a document, `kind` being pdf, xml or eml, and return its SHA-256."""
    digest = sha256(content).hexdigest()
    row = FileRow(id=new_id(), created_at=now, document_id=document_id, kind=kind, sha256=digest)
    await FileRow.bulk_create([row], ignore_conflicts=True)
    return await files.put(content)


async def delete_files(files: Files, document_ids: Collection[str]) -> set[str]:
    """Delete from the store what belongs to these documents and to no other one. Returns the SHA-256 of what belonged to them."""
    own = FileRow.filter(document_id__in=list(document_ids))
    digests = {str(digest) for digest in await own.values_list("sha256", flat=True)}
    others = FileRow.filter(sha256__in=list(digests)).exclude(document_id__in=list(document_ids))
    shared = {str(digest) for digest in await others.values_list("sha256", flat=True)} if digests else set()
    for digest in sorted(digests - shared):
        await files.delete(digest)
    return digests


async def file_facts(document_id: str, files: Files) -> list[dict[str, Any]]:
    """Every file that was stored for a document, oldest first, read again: its `state` is `ok`, `missing` or `changed`."""
    rows = await FileRow.filter(document_id=document_id).order_by("created_at", "id")
    return [
        {"kind": row.kind, "sha256": row.sha256, "time": row.created_at.isoformat(), "state": await files.state(row.sha256)} for row in rows
    ]


async def drawings_of(document_id: str) -> list[ActionRow]:
    """The actions that made a document's files, oldest first; a replay of the newest one makes again what is missing or was changed."""
    return await ActionRow.filter(kind=ActionKind.RENDER.value, subject=document_id).order_by("created_at", "id")
