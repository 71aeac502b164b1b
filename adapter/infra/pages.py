"""A frozen document as the HTML that is printed, and as the mail that brings it.

All text that somebody typed is escaped, and cleaned of what cannot be drawn.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import css_inline
from markupsafe import Markup

from adapter.domain.clearance import ClearanceMark
from adapter.domain.document import Branding, Document, DocumentKind, DocumentParty, LineTax, Mode, Seller, Settlement, due
from adapter.domain.money import Minor
from adapter.domain.payment_code import PaymentScheme, payment_code, payment_reference, spaced_reference
from adapter.domain.phrases import Phrase, in_english, say
from adapter.domain.tax.requirements import title
from adapter.domain.text import one_line
from adapter.errors import GiveUp, Misconfigured
from adapter.infra.coverage import shown
from adapter.infra.language import Language, same
from adapter.infra.language import language as _language
from adapter.infra.layout import both, colours, environment, fonts, furniture, has_rate, page_count, tax_label
from adapter.infra.payment_drawing import drawn_code, drawn_slip, drawn_symbol

PLACEHOLDERS = ("order_number", "invoice_number", "total", "due_date", "seller", "buyer", "amount_due")
"""What a merchant may write in braces in a subject or a message."""

_IMAGES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb'<svg xmlns="http://www.w3.org/2000/svg"'), "image/svg+xml"),
)
_PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")


def document_title(document: Document) -> str:
    """What the file calls itself: `Invoice INV-2026-0001`, in the document's language."""
    return one_line(f"{_language(document.language).translate(title(document))} {document.number}")


def document_html(document: Document, settlement: Settlement, logo: bytes | None = None) -> str:
    """The page. `logo` is what `adapter.infra.logo` makes of a merchant's; without one the seller's name is set in its place.

    Characters that no installed font can draw are shown as code points in brackets. Raises `GiveUp` for a logo of another kind.
    """
    words = _language(document.language)
    twice = document.second_language is not None and not same(document.second_language, document.language)
    second = _language(document.second_language) if document.second_language and twice else None
    seller, buyer = document.seller, document.buyer
    parties = (buyer, document.ship_to, seller)
    code, mark, notes = payment_code(document, settlement), settlement.clearance, _notes(document, words)
    template = environment(words.tag, second.tag if second else None).get_template("document/document.html.j2")
    page = template.render(
        document=document,
        settlement=settlement,
        due=due(document, settlement),
        credit_note=document.kind is DocumentKind.CREDIT_NOTE,
        heading=title(document),
        title=document_title(document),
        logo=None if logo is None else _data_url(logo),
        facts=_facts(document, settlement, words, second),
        ship_to=_elsewhere(document),
        bank=_bank(document, words, second),
        code=drawn_code(code) if code and code.scheme is not PaymentScheme.SWISS else None,
        slip=drawn_slip(document, settlement),
        fiscal_code=drawn_symbol(mark.qr) if mark and mark.qr else None,
        notes=notes,
        remarks_are_short=_fit_beside_totals([document.reason or "", *document.mentions, *notes]),
        seller_lines=furniture(seller, words),
        page_count=page_count(words),
        several_taxes=any(len(line.taxes) > 1 for line in document.lines),
        fonts=fonts(words.tag, [party.address.country for party in parties if party and party.address], document.branding.font),
        money=lambda amount: words.money(amount, document.currency),
        price=lambda amount: words.price(amount, document.currency),
        line_tax=lambda tax, named: _line_tax(tax, named, words),
        **colours(document.branding.accent),
    )
    return shown(page)


def _facts(document: Document, settlement: Settlement, words: Language, second: Language | None) -> list[tuple[Markup, str]]:
    """The labelled facts under the heading, without those that the document has not."""
    _ = partial(both, words=words, second=second)

    def day(when: date | None) -> str | None:
        return words.day(when) if when else None

    original = document.original
    corrected = f"{words.isolated(original.number)} ({words.isolated(words.day(original.issue_date))})" if original else None
    found = [
        (_("Issue date"), day(document.issue_date)),
        (_("Date of supply"), day(document.supply_date)),
        (_("Due date"), day(document.due_date) if due(document, settlement) else None),
        (_("Order"), _orders(document)),
        (_("Order date"), day(document.orders[0].placed_on) if len(document.orders) == 1 else None),
        (_("Customer no."), document.buyer.customer_id if document.buyer else None),
        (_("Corrects invoice"), corrected),
        (_("Clearance number"), _cleared(settlement.clearance, words)),
    ]
    return [(label, value) for label, value in found if value]


def _cleared(mark: ClearanceMark | None, words: Language) -> str | None:
    """What the authority called the document, and when."""
    if mark is None or mark.id is None:
        return None
    return f"{words.isolated(mark.id)} ({words.isolated(words.day(mark.on))})" if mark.on else words.isolated(mark.id)


def _orders(document: Document) -> str:
    """The numbers of the orders, without the `#` that templates put before them."""
    return ", ".join(order.number.removeprefix("#") for order in document.orders)


def _elsewhere(document: Document) -> DocumentParty | None:
    """The recipient, where that is somebody or somewhere else than the buyer."""
    there, buyer = document.ship_to, document.buyer
    if there is None or (buyer and (there.name, there.company, there.address) == (buyer.name, buyer.company, buyer.address)):
        return None
    return there


def _notes(document: Document, words: Language) -> list[str]:
    """The notes as they are, but for ours: the one that names the order is frozen in English and printed in the document's language, and
    those that name another invoice hold its date as `2026-11-20`, which is printed as other dates are."""
    numbers = [order.number.lstrip("#") for order in document.orders]
    said = {say(Phrase.ORDER, in_english, number=number): say(Phrase.ORDER, words.translate, number=number) for number in numbers}
    return [said.get(note) or _with_day(note, words) for note in document.notes]


def _with_day(note: str, words: Language) -> str:
    for phrase in (Phrase.IN_ADDITION, Phrase.ALSO_CONCERNS):
        pattern = re.escape(words.translate(phrase.value)).replace(r"%\(number\)s", r"(?P<number>.+)")
        pattern = pattern.replace(r"%\(date\)s", r"(?P<date>\d{4}-\d\d-\d\d)")
        if found := re.fullmatch(pattern, note):
            with suppress(ValueError):  # somebody else's words, with a date that does not exist
                day = words.day(date.fromisoformat(found["date"]))
                return say(phrase, words.translate, number=words.isolated(found["number"]), date=words.isolated(day))
    return note


def _fit_beside_totals(remarks: Sequence[str]) -> bool:
    """Whether reason, mentions and notes take no more room than there is beside the totals."""
    return len(remarks) <= 5 and sum(map(len, remarks)) <= 240 and not any("\n" in text for text in remarks)


def _bank(document: Document, words: Language, second: Language | None) -> list[tuple[Markup, str]]:
    """Where to pay, an IBAN in groups of four; empty when the seller has nothing to pay to."""
    _ = partial(both, words=words, second=second)
    bank = document.seller.bank
    if bank is None or not (bank.iban or bank.upi):
        return []
    iban = re.sub(r"(.{4})(?=.)", r"\1 ", re.sub(r"\s", "", bank.iban or ""))
    found = [
        (_("Account holder"), bank.holder or document.seller.name),
        (Markup("IBAN"), iban),
        (Markup("BIC"), bank.bic),
        (_("Bank"), bank.name),
        (Markup("UPI"), bank.upi),
        (_("Reference"), spaced_reference(payment_reference(document))),
    ]
    return [(label, value) for label, value in found if value]


def _line_tax(tax: LineTax, named: bool, words: Language) -> str:
    """A line's tax: the rate alone where that says it, name and rate where a line bears several; a dash where none is charged."""
    if not named and not has_rate(tax):
        return "–"
    return tax_label(tax, words) if named or tax.rate is None else words.percent(tax.rate)


def _data_url(logo: bytes) -> str:
    for magic, mime in _IMAGES:
        if magic.match(logo):
            return f"data:{mime};base64,{b64encode(logo).decode()}"
    raise GiveUp("branding.logo: the stored image is not a PNG, JPEG, GIF, WebP or SVG; apply the configuration with one of these")


@dataclass(frozen=True)
class MailParts:
    """A mail's subject (one line) and its two bodies, which say the same."""

    subject: str
    text: str
    html: str


def check_template(setting: str, template: str) -> None:
    """Raise `Misconfigured` when a merchant's subject or message names a placeholder that does not exist."""
    for name in _PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            raise Misconfigured(setting, f"{{{name}}} is not a placeholder; there are {known}")


def mail_parts(
    kind: str,
    *,
    document: Document,
    settlement: Settlement,
    seller: Seller,
    language: str,
    subject_template: str | None = None,
    message_template: str | None = None,
    brand: Branding,
) -> MailParts:
    """The mail that brings a document: `kind` is `invoice`, `credit_note` or `reminder`.

    A merchant's templates are plain text in which the `PLACEHOLDERS` are put in; an unknown one raises `Misconfigured`. They contain no
    code. Without them subject and message are ours, in `language`.
    """
    if kind not in {"invoice", "credit_note", "reminder"}:
        raise ValueError(f"{kind!r} is no kind of mail: invoice, credit_note or reminder")
    words = _language(language)
    left = due(document, settlement)
    stated = {
        "order_number": _orders(document),
        "invoice_number": document.number,
        "total": words.money(document.totals.gross, document.currency),
        "due_date": words.day(document.due_date) if document.due_date else "",
        "seller": seller.name,
        "buyer": document.buyer.name if document.buyer else "",
        "amount_due": words.money(left, document.currency),
    }
    values = {name: words.isolated(value) for name, value in stated.items()}
    made = environment(words.tag)
    context: dict[str, Any] = {
        **values,
        "kind": kind,
        "greeted": "" if _is_nameless(document) else values["buyer"],
        "original_number": words.isolated(document.original.number if document.original else ""),
        "document": document,
        "settlement": settlement,
        "seller_party": seller,
        "due": left,
        "test": document.mode is Mode.TEST,
        "heading": words.translate(title(document)),
        "facts": _mail_facts(kind, values, left, words),
        **colours(brand.accent),
    }
    if subject_template:
        subject = _filled("subject_template", subject_template, values)
    else:
        subject = made.get_template("email/subject.txt.j2").render(context)
    if message_template:
        message = _filled("message_template", message_template, values)
    else:
        message = made.get_template(f"email/{kind}.txt.j2").render(context)
    context["paragraphs"] = [paragraph.strip() for paragraph in re.split(r"\n\s*\n", message) if paragraph.strip()]
    return MailParts(
        subject=one_line(subject),
        text=made.get_template("email/mail.txt.j2").render(context).strip() + "\n",
        html=css_inline.inline(made.get_template("email/mail.html.j2").render(context)),
    )


def _is_nameless(document: Document) -> bool:
    """Whether a word or the e-mail address stands for the buyer's name, with which nobody is greeted."""
    buyer = document.buyer
    return buyer is None or buyer.name in {say(Phrase.CUSTOMER, _language(document.language).translate), buyer.email}


def _mail_facts(kind: str, values: dict[str, str], left: Minor, words: Language) -> list[tuple[str, str]]:
    """The few facts that a mail shows beneath its message."""
    _ = words.words.gettext
    found = [
        (_("Credit note") if kind == "credit_note" else _("Invoice"), values["invoice_number"]),
        (_("Order"), values["order_number"]),
        (_("Total credited") if kind == "credit_note" else _("Total"), values["total"]),
        (_("Amount due"), values["amount_due"] if left else ""),
        (_("Due date"), values["due_date"] if left else ""),
    ]
    return [(label, value) for label, value in found if value]


def _filled(setting: str, template: str, values: dict[str, str]) -> str:
    check_template(setting, template)
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)
