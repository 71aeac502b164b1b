"""Judging a document before it is frozen: everything that was noticed about it, and whether the entity wants it looked at first."""

from collections.abc import Sequence

from adapter.domain.document import Document
from adapter.domain.tax.adopt import Finding
from adapter.domain.tax.classify import holding
from adapter.domain.tax.requirements import missing_on
from adapter.domain.tax.settings import TaxSettings
from adapter.errors import Held


def judged(document: Document, findings: Sequence[Finding], settings: TaxSettings, original: Document | None = None) -> tuple[Finding, ...]:
    """`findings`, and what the document lacks in law. Raises `Held` with those that hold it (`holding`).

    A credit note carries the tax, the buyer and the words of its `original`: what that lacks already holds no correction of it.
    """
    every = tuple(dict.fromkeys((*findings, *missing_on(document))))
    before = {finding.code for finding in missing_on(original)} if original else set()
    held = [finding for finding in holding(every, settings) if finding.code not in before]
    if held:
        raise Held("; ".join(f"{finding.code}: {finding.message}" for finding in held), accept=[finding.code for finding in held])
    return every
