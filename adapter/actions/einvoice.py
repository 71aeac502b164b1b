"""A document's e-invoices: written with what has been paid, asked of the rules, kept, and told of where they cannot leave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from adapter.domain.document import Document, Settlement
from adapter.domain.einvoice import EInvoice, NotRepresentable, Standing, Verdict, standing
from adapter.domain.entity import Entity
from adapter.domain.frozen import digest
from adapter.domain.tax.adopt import Finding, Severity
from adapter.errors import GiveUp, TryAgain, described
from adapter.infra import metrics
from adapter.infra.database import after_commit
from adapter.infra.einvoices import EInvoiceRow, einvoices_of
from adapter.infra.models import DocumentRow
from adapter.infra.services import Services

log = structlog.get_logger()

PREFIX = "einvoice_"
"""What the codes of findings about e-invoices begin with."""


@dataclass(frozen=True)
class Made:
    """One e-invoice as it stands. `reason` says why there is no XML or no verdict; `recorded` whether the table says the same."""

    kind: EInvoice
    xml: bytes | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    recorded: bool = False

    @property
    def standing(self) -> Standing:
        """What became of it."""
        return standing(self.xml is not None, self.verdict)

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules that it breaks."""
        found = self.verdict.findings if self.verdict else ()
        return tuple(dict.fromkeys(finding.rule for finding in found if finding.severity is Severity.ERROR))

    @property
    def problem(self) -> str | None:
        """Why it does not leave; None where it does. Names rules and figures, no person."""
        if self.standing is Standing.VALID:
            return None
        return f"{self.kind}: " + (self.reason or f"breaks {', '.join(self.rules)}")

    def row(self) -> dict[str, Any]:
        """What the table keeps of it."""
        return {
            "xml_sha256": digest(self.xml) if self.xml is not None else None,
            "verdict": self.verdict.model_dump(mode="json") if self.verdict else None,
            "reason": self.reason,
        }


async def make(services: Services, row: DocumentRow, document: Document, paid: Settlement, entity: Entity) -> tuple[Made, ...]:
    """Every e-invoice that the entity wants and the buyer can have. What says what it said before keeps its verdict, while the rules are
    the same; nothing is written to the database."""
    known = {each.profile: each for each in await einvoices_of(row.id)}
    made = []
    for kind in (kind for kind in dict.fromkeys(entity.einvoices) if kind.concerns(document)):
        before = known.get(kind.value)
        each = await _make(services, document, paid, kind, before)
        recorded = before is not None and all(getattr(before, name) == value for name, value in each.row().items())
        made.append(replace(each, recorded=recorded))
    return tuple(made)


async def _make(services: Services, document: Document, paid: Settlement, kind: EInvoice, before: EInvoiceRow | None) -> Made:
    try:
        xml = kind.write(document, paid)
    except NotRepresentable as error:
        return Made(kind, reason=error.reason)
    except Exception as error:  # a mistake of ours in a file beside the invoice must not keep the invoice from its buyer
        log.error("an e-invoice could not be written", profile=kind.value, error=described(error))
        return Made(kind, reason=f"could not be written: {described(error)}")
    said = before.said if before is not None and before.xml_sha256 == digest(xml) else None
    try:
        if said is not None and services.validator.is_current(said):
            return Made(kind, xml, said)
        return Made(kind, xml, await services.validator.validate(xml, kind.profile))
    except (GiveUp, TryAgain) as error:
        return Made(kind, xml, reason=f"not checked, {error}")


def is_recorded(row: DocumentRow, made: Sequence[Made]) -> bool:
    """Whether the tables say the same already."""
    return all(each.recorded for each in made) and row.findings == _findings(row, made)


async def record(services: Services, document_id: str, made: Sequence[Made]) -> None:
    """Keep how a document's e-invoices stand, and findings about those that do not leave.

    Called in a transaction that holds the order's lock, after the files were stored.
    """
    for each in made:
        if not each.recorded:
            values = {**each.row(), "created_at": services.clock.now()}
            if not await EInvoiceRow.filter(document_id=document_id, profile=each.kind.value).update(**values):
                await EInvoiceRow.create(document_id=document_id, profile=each.kind.value, **values)
            after_commit(partial(_tell, document_id, each))
    row = await DocumentRow.get(id=document_id)
    findings = _findings(row, made)
    if findings != row.findings:
        await DocumentRow.filter(id=document_id).update(findings=findings)


def _tell(document_id: str, made: Made) -> None:
    metrics.EINVOICES.labels(made.kind.value, made.standing.value).inc()
    if made.problem is not None:
        tell = log.info if made.standing is Standing.NOT_REPRESENTABLE else log.warning
        tell("an e-invoice does not leave", document=document_id, profile=made.kind.value, verdict=made.standing.value, reason=made.problem)


def _findings(row: DocumentRow, made: Sequence[Made]) -> list[dict[str, Any]]:
    """The document's findings, those about e-invoices brought up to date."""
    others = [finding for finding in row.findings if not finding["code"].startswith(PREFIX)]
    return others + [
        Finding(severity=_severity(each), code=f"{PREFIX}{each.standing.value}", message=each.problem).model_dump(mode="json")
        for each in made
        if each.problem is not None
    ]


def _severity(made: Made) -> Severity:
    """What cannot be said in an e-invoice is nobody's mistake; what breaks a rule, or was not checked, wants a look."""
    return Severity.INFO if made.standing is Standing.NOT_REPRESENTABLE else Severity.WARNING
