"""From a frozen document to its PDF."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, time

from adapter.domain.document import Document, Settlement
from adapter.infra.chromium import Chromium
from adapter.infra.finisher import Attached, finish
from adapter.infra.language import language
from adapter.infra.pages import document_html, document_title


class Renderer:
    """Page, print, finish. The same document, settlement and logo give the same bytes from the same Chromium and fonts."""

    def __init__(self, chromium: Chromium) -> None:
        self.chromium = chromium

    async def pdf(
        self, document: Document, settlement: Settlement, logo: bytes | None = None, attachments: Sequence[Attached] = ()
    ) -> bytes:
        """The finished PDF/A-3a, with these files in it.

        Raises `TryAgain` when the browser fails, `GiveUp` for a document that cannot be printed.
        """
        printed = await self.chromium.pdf(document_html(document, settlement, logo))
        return await asyncio.to_thread(
            finish,
            printed,
            title=document_title(document),
            language=language(document.language).tag,
            created=datetime.combine(document.issue_date, time(), UTC),
            attachments=attachments,
        )
