"""`doctor`'s look at the rules of e-invoices: a made-up invoice in every profile goes through the real validator."""

from datetime import date
from decimal import Decimal
from importlib.util import find_spec

from adapter.domain.document import (
    Document,
    DocumentKind,
    DocumentLine,
    DocumentParty,
    DocumentTotals,
    LineTax,
    Mode,
    OrderReference,
    Seller,
    Settlement,
    TaxCategory,
    TaxGroup,
)
from adapter.domain.einvoice import EInvoice
from adapter.domain.order import Address, LineKind, TaxId
from adapter.domain.tax.adopt import Severity
from adapter.errors import GiveUp
from adapter.infra.validation import Validator
from adapter.settings import Settings

PACKAGES = ("saxonche", "facturx", "lxml")
"""What the process of the validator imports."""
TAX = LineTax(category=TaxCategory.STANDARD, name="VAT", rate=Decimal("0.19"), amount=19)
SAMPLE = Document(
    kind=DocumentKind.INVOICE,
    mode=Mode.TEST,
    number="TEST-1",
    issue_date=date(2026, 1, 31),
    currency="EUR",
    prices_include_tax=False,
    seller=Seller(
        name="Sample Seller",
        email="seller@sample.example",
        phone="+49 30 5550100",
        address=Address(street="Sample Street 1", postcode="10115", city="Berlin", country="DE"),
        tax_ids=(TaxId(kind="eu_vat", value="DE123456788"),),
    ),
    buyer=DocumentParty(
        name="Sample Buyer",
        email="buyer@sample.example",
        address=Address(street="Sample Street 2", postcode="20457", city="Hamburg", country="DE"),
        tax_ids=(TaxId(kind="eu_vat", value="DE136695976"),),
    ),
    lines=(
        DocumentLine(
            position=1, kind=LineKind.GOODS, name="Sample", quantity=Decimal(1), unit_price=Decimal("1.00"),
            net=100, tax=19, gross=119, taxes=(TAX,),
        ),
    ),
    taxes=(TaxGroup(category=TaxCategory.STANDARD, name="VAT", rate=Decimal("0.19"), base=100, tax=19),),
    totals=DocumentTotals(net=100, tax=19, gross=119),
    orders=(OrderReference(source="sample", id="1", number="1"),),
)  # fmt: skip
"""Nobody's invoice: one euro and its tax."""


async def rule_sets(settings: Settings) -> tuple[dict[str, str], list[str]]:
    """The rule sets that were run, with their versions or digests, those that no e-invoice is asked by, and by which rules they refuse the
    sample.

    Raises `AdapterError` where they cannot be run.
    """
    lacking = next((name for name in PACKAGES if find_spec(name) is None), None)
    if lacking is not None:
        raise GiveUp(f"the package {lacking} is not installed")
    validator = Validator(settings.rules)
    artefacts: dict[str, str] = {}
    refusals: list[str] = []
    try:
        for kind in EInvoice:
            verdict = await validator.validate(kind.write(SAMPLE, Settlement()), kind.profile)
            artefacts |= verdict.artefacts
            refusals += [f"{finding.rule} ({kind})" for finding in verdict.findings if finding.severity is Severity.ERROR]
    finally:
        await validator.close()
    artefacts |= {name: "is never run: its name says neither cii nor ubl" for name in _lying(settings) if name not in artefacts}
    return artefacts, refusals


def _lying(settings: Settings) -> list[str]:
    """The rule sets in the folder for them, by the names that verdicts give them."""
    if settings.rules is None:
        return []
    found = sorted(path.relative_to(settings.rules) for path in settings.rules.rglob("*.xsl*") if path.suffix in {".xsl", ".xslt"})
    return [f"rules/{path}" for path in found]
