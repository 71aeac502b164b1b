"""What a PDF is worth in a country: whether it is the invoice, or an e-invoice, a clearance or a report is owed beside or instead of it.

State of knowledge: November 2026, from published guidance (`GUIDES`); rows marked unverified are general knowledge. Nothing here sends or
clears anything: it says what the merchant owes. It is no legal advice.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class DutyKind(StrEnum):
    """What is owed beside the document itself."""

    NONE = "none"
    E_INVOICE = "e_invoice"
    """A structured invoice that reaches the buyer in a prescribed way; the PDF is only its picture."""
    CLEARANCE = "clearance"
    """The invoice exists only once the authority has numbered or accepted it."""
    FISCALISATION = "fiscalisation"
    """A registered system whose code or signature stands on the document."""
    REPORTING = "reporting"
    """The document stands, and its data are reported."""


class Audience(StrEnum):
    """Which sales a duty is about: to domestic businesses, to consumers, or all."""

    BUSINESS = "business"
    CONSUMER = "consumer"
    ALL = "all"


@dataclass(frozen=True)
class Duty:
    """What is owed for a sale. `pdf_enough`: whether the PDF can be the invoice in law. `source` names where it was read, `verified` is
    False for what is general knowledge only."""

    kind: DutyKind
    pdf_enough: bool
    note: str
    source: str = ""
    verified: bool = True


GUIDES = "vatcalc, vatupdate, edicomgroup, fiscalsolutions, x-rech.de, finway.de, kpmg.fr, crowe.pl, icaib.org, iberferr.es, solutionbox.cz"
"""Where the rows were read, in November 2026."""

NO_DUTY = Duty(DutyKind.NONE, True, "no e-invoicing or reporting duty is known")


@dataclass(frozen=True)
class Row:
    """One duty of sellers established in a country, from `since` on. `large` restricts it to those above the size that `note` names."""

    country: str
    since: date
    audience: Audience
    duty: Duty
    large: bool = False


def _row(
    country: str,
    since: str,
    audience: Audience,
    kind: DutyKind,
    note: str,
    *,
    pdf_enough: bool = False,
    large: bool = False,
    verified: bool = True,
) -> Row:
    return Row(country, date.fromisoformat(since), audience, Duty(kind, pdf_enough, note, GUIDES if verified else "", verified), large)


TABLE = (
    _row("BE", "2026-01-01", Audience.BUSINESS, DutyKind.E_INVOICE, "structured invoice (Peppol BIS) over Peppol"),
    _row(
        "DE", "2027-01-01", Audience.BUSINESS, DutyKind.E_INVOICE,
        "XRechnung or ZUGFeRD (EN 16931), by e-mail too; above 800,000 EUR turnover in the year before; not up to 250 EUR", large=True,
    ),
    _row(
        "DE", "2028-01-01", Audience.BUSINESS, DutyKind.E_INVOICE,
        "XRechnung or ZUGFeRD (EN 16931), by e-mail too; not up to 250 EUR, not small enterprises",
    ),
    _row(
        "ES", "2027-01-01", Audience.ALL, DutyKind.FISCALISATION,
        "Veri*factu: chained records and a QR code; companies (others from 1 July 2027)", large=True,
    ),
    _row("ES", "2027-07-01", Audience.ALL, DutyKind.FISCALISATION, "Veri*factu: chained records and a QR code"),
    _row(
        "FR", "2026-09-01", Audience.BUSINESS, DutyKind.E_INVOICE,
        "UBL, CII or Factur-X through an approved platform; large and medium-sized companies", large=True,
    ),
    _row("FR", "2027-09-01", Audience.BUSINESS, DutyKind.E_INVOICE, "UBL, CII or Factur-X through an approved platform"),
    _row(
        "FR", "2026-09-01", Audience.CONSUMER, DutyKind.REPORTING,
        "e-reporting of sales to consumers and abroad; large and medium-sized companies", pdf_enough=True, large=True,
    ),
    _row(
        "FR", "2027-09-01", Audience.CONSUMER, DutyKind.REPORTING, "e-reporting of sales to consumers and abroad", pdf_enough=True,
    ),
    _row(
        "GR", "2026-02-02", Audience.BUSINESS, DutyKind.CLEARANCE, "myDATA with a MARK; above 1,000,000 EUR turnover", large=True,
    ),
    _row("GR", "2026-10-01", Audience.BUSINESS, DutyKind.CLEARANCE, "myDATA with a MARK", verified=False),
    _row("HR", "2026-01-01", Audience.BUSINESS, DutyKind.CLEARANCE, "eRačun (HR-CIUS UBL), fiscalised"),
    _row(
        "HR", "2026-01-01", Audience.CONSUMER, DutyKind.FISCALISATION, "fiscalisation for every way of paying: JIR, ZKI and a QR code",
    ),
    _row("HU", "2021-01-04", Audience.ALL, DutyKind.REPORTING, "real-time report to NAV (XML)", pdf_enough=True),
    _row("IT", "2019-01-01", Audience.BUSINESS, DutyKind.CLEARANCE, "FatturaPA through SdI"),
    _row(
        "IT", "2019-01-01", Audience.CONSUMER, DutyKind.CLEARANCE,
        "FatturaPA through SdI; distance sales of goods to consumers need no invoice unless one is asked for", verified=False,
    ),
    _row("PL", "2026-02-01", Audience.BUSINESS, DutyKind.CLEARANCE, "KSeF (FA(3)); above 200,000,000 PLN turnover", large=True),
    _row(
        "PL", "2026-04-01", Audience.BUSINESS, DutyKind.CLEARANCE,
        "KSeF (FA(3)), which numbers the invoice; the smallest from 1 January 2027; no penalties in 2026",
    ),
    _row(
        "PT", "2023-01-01", Audience.ALL, DutyKind.FISCALISATION,
        "ATCUD and QR code from certified software, for sellers without establishment too",
    ),
    _row("RO", "2024-01-01", Audience.BUSINESS, DutyKind.CLEARANCE, "RO e-Factura (RO_CIUS) through SPV within 5 days"),
    _row("RO", "2025-01-01", Audience.CONSUMER, DutyKind.CLEARANCE, "RO e-Factura (RO_CIUS) through SPV within 5 days"),
    _row("SK", "2027-01-01", Audience.BUSINESS, DutyKind.E_INVOICE, "structured invoice and report"),
    _row("SI", "2028-01-01", Audience.BUSINESS, DutyKind.E_INVOICE, "structured invoice"),
    _row("LV", "2028-01-01", Audience.BUSINESS, DutyKind.E_INVOICE, "structured invoice"),
    _row("AE", "2027-01-01", Audience.BUSINESS, DutyKind.E_INVOICE, "structured invoice through an accredited provider"),
)  # fmt: skip
"""The duties of established sellers for domestic sales, as far as they are known."""


def clearance(country: str, on: date, *, business: bool, large: bool = False, domestic: bool = True) -> Duty:
    """What a seller established in `country` owes for a sale on a day.

    `business` is the buyer, `large` whether the seller is above the size at which its country begins (the row's note names it). Sales to
    buyers abroad have no duty of this kind but reporting, which is told for consumers' rows only; `NO_DUTY` where none is known.
    """
    audience = Audience.BUSINESS if business and domestic else Audience.CONSUMER
    rows = [
        row
        for row in TABLE
        if row.country == country and row.since <= on and (large or not row.large) and row.audience in {audience, Audience.ALL}
        if domestic or row.duty.kind is DutyKind.REPORTING or row.audience is Audience.ALL
    ]
    return max(rows, key=lambda row: row.since).duty if rows else NO_DUTY


def coming(country: str, on: date) -> tuple[Row, ...]:
    """The duties that will begin in a country after a day, in the order of their beginning: to be told while there is time."""
    return tuple(sorted((row for row in TABLE if row.country == country and row.since > on), key=lambda row: row.since))
