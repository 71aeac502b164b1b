"""What a validator says of an e-invoice; stored with the document and shown."""

from enum import StrEnum

from pydantic import Field

from adapter.domain.frozen import Frozen
from adapter.domain.tax.adopt import Severity


class RuleFinding(Frozen):
    """A rule that an e-invoice breaks. `rule` is the rule set's own id such as `BR-CO-15`, or `XSD`; `location` an XPath or a line."""

    rule: str
    severity: Severity
    message: str
    location: str = ""


class Verdict(Frozen):
    """Whether an e-invoice may leave: `valid` where no finding is an error. `artefacts` names the rule sets and tools with versions."""

    valid: bool
    findings: tuple[RuleFinding, ...] = ()
    artefacts: dict[str, str] = Field(default_factory=dict)


class Standing(StrEnum):
    """What became of an e-invoice; only what is `valid` leaves. `unchecked` is one that the rules could not be asked about."""

    VALID = "valid"
    INVALID = "invalid"
    NOT_REPRESENTABLE = "not_representable"
    UNCHECKED = "unchecked"


def standing(written: bool, verdict: Verdict | None) -> Standing:
    """The standing of an e-invoice that was written or could not be, by what was said of it."""
    if not written:
        return Standing.NOT_REPRESENTABLE
    if verdict is None:
        return Standing.UNCHECKED
    return Standing.VALID if verdict.valid else Standing.INVALID
