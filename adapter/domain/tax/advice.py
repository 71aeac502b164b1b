"""What a seller is told when it is configured: what its invoices lack in law, and what is owed in its country beside a PDF."""

from datetime import date

from adapter.domain.einvoice.advice import einvoice_advice
from adapter.domain.entity import Entity
from adapter.domain.tax.adopt import Finding, Severity
from adapter.domain.tax.duties import NO_DUTY, Duty, clearance, coming
from adapter.domain.tax.requirements import missing
from adapter.domain.tax.territory import place


def advice(entity: Entity, today: date) -> tuple[Finding, ...]:
    """What lacks (`missing`), also of the e-invoices that are wanted, then what is owed today to businesses and to consumers, then what
    will be. None of it stops anything."""
    if entity.address.country is None:
        return missing(entity)
    country = place(entity.address.country).country
    told: list[Finding] = []
    for audience, business in (("businesses", True), ("consumers", False)):
        duty, for_large = (clearance(country, today, business=business, large=large) for large in (False, True))
        if duty is not NO_DUTY:
            told.append(_owed(entity, country, audience, duty))
        elif for_large is not NO_DUTY:
            told.append(_owed(entity, country, audience, for_large))
    told += [
        Finding(
            severity=Severity.INFO,
            code="duty_coming",
            message=f"{country}, from {row.since.isoformat()}, sales to {_AUDIENCES[row.audience.value]}: {row.duty.note}",
        )
        for row in coming(country, today)
    ]
    return (*missing(entity), *einvoice_advice(entity), *told)


_AUDIENCES = {"business": "businesses", "consumer": "consumers", "all": "everybody"}


def _who_clears(entity: Entity) -> str:
    """What becomes of documents, as far as it is configured."""
    if entity.clearance is None:
        return "this adapter sends nothing of that kind by itself, and no clearance service is set: see `clearance`"
    if entity.clearance.connector == "sandbox":
        return "the sandbox that is set as clearance service clears nothing"
    return "documents are submitted to the clearance service that is set; what it does with them is its own"


def _owed(entity: Entity, country: str, audience: str, duty: Duty) -> Finding:
    worth = "a PDF is enough, and beside it" if duty.pdf_enough else "a PDF alone is not the invoice:"
    severity = Severity.INFO if duty.pdf_enough else Severity.WARNING
    unsure = "" if duty.verified else " (from general knowledge: have it checked)"
    message = f"{country}, sales to {audience}: {worth} {duty.note}{unsure}; {_who_clears(entity)}"
    return Finding(severity=severity, code=f"duty_{duty.kind.value}", message=message)
