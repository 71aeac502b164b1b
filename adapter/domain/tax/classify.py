"""Classifying: the legal category of every tax on a document, the reason where none is charged, and what does not fit together.

What was charged is never changed, only named and judged. A tax above zero is a taxed sale (S); a line without tax needs a legal reason, and
`domain.tax.supply` says which one the law has. The findings are for the merchant: `holding` says which of them keep a document back.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

from adapter.domain.document import Document, DocumentLine, LineTax, TaxCategory, TaxGroup
from adapter.domain.frozen import Frozen
from adapter.domain.order import LineKind, Name
from adapter.domain.tax import checks
from adapter.domain.tax.adopt import Adopted, Finding, tax_groups
from adapter.domain.tax.mentions import EXEMPT_BECAUSE, Mention, printed, unverified
from adapter.domain.tax.settings import MarginScheme, TaxSettings
from adapter.domain.tax.supply import SALES_TAX, Nature, Sale, Scheme, Treatment, due, natures

TAX_NAME = "VAT"
_ASKED_FOR = frozenset({"vat_id_invalid"})
"""What is found only where the entity has registers asked, and which would be for nothing if the document went out all the same."""
_MARGINS = {
    MarginScheme.SECOND_HAND: (Mention.MARGIN_SECOND_HAND, "VATEX-EU-F"),
    MarginScheme.ART: (Mention.MARGIN_ART, "VATEX-EU-I"),
    MarginScheme.COLLECTORS: (Mention.MARGIN_COLLECTORS, "VATEX-EU-J"),
    MarginScheme.TRAVEL: (Mention.MARGIN_TRAVEL, "VATEX-EU-D"),
}
_ZERO_RATED = frozenset({"GB", "IE", "MT"})
"""Countries with a zero rate of their own, for books, food or medicine (VAT Directive Art. 110; UK VATREC5010)."""


class Reason(Frozen):
    """Why a group of lines bears no tax: what is said (BT-120), and the code (BT-121)."""

    category: TaxCategory
    mention: Mention | None = None
    code: Name | None = None
    text: Name | None = None
    """The merchant's own words, in place of the mention's."""


class Classified(Frozen):
    """An adopted order with its legal categories. Amounts are as they were; `taxes` carries the codes, the words come with `worded`."""

    lines: tuple[DocumentLine, ...]
    taxes: tuple[TaxGroup, ...]
    reasons: tuple[Reason, ...] = ()
    mentions: tuple[Mention, ...] = ()
    findings: tuple[Finding, ...] = ()


def classify(sale: Sale, adopted: Adopted, name: str = TAX_NAME) -> Classified:
    """The categories of an adopted order's taxes, with the mentions and findings that follow.

    Every line but cash rounding ends in exactly one category, so that a breakdown holds the whole base; an untaxed line gets a tax of zero
    at 0 %, called `name`. Sellers in countries with sales tax instead of VAT keep their lines as they are.
    """
    if sale.home.country in SALES_TAX:
        return Classified(lines=adopted.lines, taxes=adopted.taxes)
    kinds = natures(line.kind for line in adopted.lines)
    treatments = {nature: due(sale, nature) for nature in dict.fromkeys(kinds)}
    findings = list(checks.of_seller(sale, charged=any(_is_charged(line) for line in adopted.lines)))
    usual = _usual_tax(adopted.lines)
    reasons: list[Reason | None] = []
    placed: list[DocumentLine] = []
    for stated, nature in zip(adopted.lines, kinds, strict=True):
        line, treatment = stated, treatments[nature]
        if _is_charged(line) or line.kind is LineKind.ROUNDING or (not line.gross and usual):
            line = _of_its_place(sale, line, nature, treatment)
            if nature is not Nature.NONE:  # a single-purpose voucher is taxed when it is sold, and a tip where the shop says so
                findings.extend(checks.of_charged(sale, line, treatment))
            reasons.append(None)
        else:
            reason, found = _reason(sale, line, nature, treatment)
            findings.extend(found)
            reasons.append(reason)
        placed.append(line)
    usual = _usual_tax(placed)
    present = [reason for reason in reasons if reason is not None]
    mixed = any(reason.category is not TaxCategory.OUT_OF_SCOPE for reason in present) or any(map(_is_charged, adopted.lines))
    final = [_alone(reason) if reason is not None and mixed else reason for reason in reasons]
    lines = tuple(_with_reason(line, reason, usual, name) for line, reason in zip(placed, final, strict=True))
    kept = tuple(dict.fromkeys(reason for reason in final if reason is not None))
    findings.extend(checks.of_buyer(sale, {reason.category for reason in kept}))
    mentions = [reason.mention for reason in kept if reason.mention]
    if Mention.REVERSE_CHARGE in mentions and any(treatment.scheme is Scheme.TRIANGULAR for treatment in treatments.values()):
        mentions.append(Mention.TRIANGULAR)
        findings.extend(checks.of_triangle(sale))
    if sale.settings.cash_accounting and any(_is_charged(line) for line in lines):
        mentions.append(Mention.CASH_ACCOUNTING)
    groups = tax_groups(lines)
    findings.extend(checks.of_rounding(sale, groups))
    return Classified(
        lines=lines,
        taxes=_coded(groups, kept),
        reasons=kept,
        mentions=tuple(dict.fromkeys(mentions)),
        findings=tuple(dict.fromkeys(findings)),
    )


def worded(
    classified: Classified, country: str, language: str, translate: Callable[[str], str]
) -> tuple[tuple[TaxGroup, ...], tuple[str, ...], tuple[Finding, ...]]:
    """The tax groups with their exemptions in words, the document's mentions, and warnings about words that nobody has verified.

    `country` is the seller's, `language` the document's, `translate` its catalogue's gettext.
    """
    groups = []
    for group in classified.taxes:
        reasons = [reason for reason in classified.reasons if reason.category is group.category and not group.tax]
        texts = dict.fromkeys(text for reason in reasons if (text := _words(reason, country, language, translate)))
        groups.append(group.model_copy(update={"exemption": "; ".join(texts)}) if texts else group)
    own = [_words(reason, country, language, translate) or "" for reason in classified.reasons if reason.text]
    return (
        tuple(groups),
        (*printed(classified.mentions, country, language, translate), *own),
        unverified(classified.mentions, country, language, translate),
    )


def inherited(groups: Sequence[TaxGroup], invoice: Document) -> tuple[TaxGroup, ...]:
    """The groups of a credit note with the exemption, words and code, of its invoice's group of the same category."""
    reasons = {group.category: (group.exemption, group.exemption_code) for group in reversed(invoice.taxes) if not group.tax}
    return tuple(
        group.model_copy(update=dict(zip(("exemption", "exemption_code"), reasons[group.category], strict=True)))
        if group.category in reasons and not group.tax
        else group
        for group in groups
    )


def holding(findings: Sequence[Finding], settings: TaxSettings) -> tuple[Finding, ...]:
    """The findings that keep a document back: those whose code or severity the entity names, and a number that the register it had asked
    calls invalid; never what it tolerates."""
    named = {*settings.holding, *_ASKED_FOR}
    return tuple(
        finding
        for finding in findings
        if finding.code not in settings.tolerated and not named.isdisjoint({finding.code, finding.severity.value})
    )


def _is_charged(line: DocumentLine) -> bool:
    return any(tax.amount or (tax.rate is not None and tax.rate > 0) for tax in line.taxes)


def _usual_tax(lines: Sequence[DocumentLine]) -> LineTax | None:
    """The tax that most lines bear: a gift in the parcel stands in its group, since nothing is exempt about it."""
    counted = Counter((tax.category, tax.name, tax.rate) for line in lines for tax in line.taxes if tax.rate)
    if not counted:
        return None
    category, name, rate = max(counted, key=lambda key: counted[key])
    return LineTax(category=category, name=name, rate=rate, amount=0)


def _of_its_place(sale: Sale, line: DocumentLine, nature: Nature, treatment: Treatment) -> DocumentLine:
    """A charged line under the category and the name of the tax that is due where it is supplied: IGIC or IPSI instead of VAT. So is a tax
    that the storefront calls by that name for a place that has it."""
    there = sale.destination(nature)
    own = there.territory.tax if there and there.territory else None
    if there is None or own is None:
        return line

    def placed(tax: LineTax) -> LineTax:
        named = own.casefold() in tax.name.casefold()
        if not tax.category.taxed or not (named or treatment.tax == own):
            return tax
        return tax.model_copy(update={"category": there.category, "name": tax.name if named else own})

    return line.model_copy(update={"taxes": tuple(placed(tax) for tax in line.taxes)})


def _reason(sale: Sale, line: DocumentLine, nature: Nature, treatment: Treatment) -> tuple[Reason, tuple[Finding, ...]]:
    """Why a line bears no tax."""
    if line.kind is LineKind.GIFT_CARD:
        return Reason(category=TaxCategory.OUT_OF_SCOPE, mention=Mention.VOUCHER, code=treatment.code), ()
    if not treatment.category.taxed:
        return Reason(category=treatment.category, mention=treatment.mention, code=treatment.code), ()
    if nature is Nature.GOODS and sale.settings.margin_scheme is not None:
        margin, code = _MARGINS[sale.settings.margin_scheme]
        return Reason(category=TaxCategory.EXEMPT, mention=margin, code=code), ()
    exemption = sale.settings.exemption
    if exemption is not None and treatment.country == sale.home.vat_country(goods=nature is Nature.GOODS):
        mention = None if exemption.reason else Mention.EXEMPT
        return Reason(category=TaxCategory.EXEMPT, mention=mention, code=exemption.code, text=exemption.reason), ()
    if not line.gross:
        return Reason(category=TaxCategory.ZERO), ()
    zero = Reason(category=TaxCategory.ZERO, mention=Mention.ZERO_RATED if treatment.country in _ZERO_RATED else None)
    return zero, (checks.without_reason(sale, nature, treatment, zero_rated=zero.mention is not None),)


def _alone(reason: Reason) -> Reason:
    """What is outside the scope beside other lines: EN 16931 allows category O only where it is the only one (BR-O-11 to BR-O-14)."""
    if reason.category is not TaxCategory.OUT_OF_SCOPE:
        return reason
    return Reason(category=TaxCategory.EXEMPT, mention=reason.mention)


def _with_reason(line: DocumentLine, reason: Reason | None, usual: LineTax | None, name: str) -> DocumentLine:
    if reason is None:
        gift = not line.gross and not line.taxes and usual is not None and line.kind is not LineKind.ROUNDING
        return line.model_copy(update={"taxes": (usual,)}) if gift else line
    stated = line.taxes[0].name if line.taxes else name
    rate = None if reason.category is TaxCategory.OUT_OF_SCOPE else Decimal(0)
    taxes = (LineTax(category=reason.category, name=stated, rate=rate, amount=0),)
    return line.model_copy(update={"taxes": taxes})


def _coded(groups: Sequence[TaxGroup], reasons: Sequence[Reason]) -> tuple[TaxGroup, ...]:
    codes = {reason.category: reason.code for reason in reversed(reasons) if reason.code}
    return tuple(
        group.model_copy(update={"exemption_code": codes[group.category]}) if not group.tax and group.category in codes else group
        for group in groups
    )


def _words(reason: Reason, country: str, language: str, translate: Callable[[str], str]) -> str | None:
    if reason.text:
        return translate(EXEMPT_BECAUSE) % {"reason": reason.text}
    if reason.mention is None:
        return None
    return printed([reason.mention], country, language, translate)[0]
