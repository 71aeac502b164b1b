"""A mail as bytes: composed with the standard library, the same mail always as the same bytes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, quote
from typing import Any

from css_inline import CSSInliner, InlineError
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from adapter.domain.frozen import digest
from adapter.errors import GiveUp

# Whether a name is reachable is the mail server's to say: `shop.test`, `office.local` and `localhost` are real inside a network. Changing
# this list is the library's documented way.
SPECIAL_USE_DOMAIN_NAMES.clear()

MAXIMUM_BYTES = 25 * 1024 * 1024
"""Larger mails are refused by many receivers; send a link instead."""
MAXIMUM_FILENAME = 70

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_OUR_HEADERS = re.compile(r"(?:content-|mime-|resent-|received|return-path$|sender$|cc$|bcc$)", re.IGNORECASE)
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}")
_PLAIN = re.compile(r"[\x20-\x7e]{0,60}")
_LINE = "\r\n"

_inliner = CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, keep_at_rules=True)


@dataclass(frozen=True)
class Attachment:
    """A file in a mail; `filename` without path, at most 70 characters, `content_type` such as `application/pdf`."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    """A mail to be sent. Addresses are `name@host` or `Name <name@host>`; `message_id` is `<…@…>`, stable over attempts; `date` is aware;
    `language` is a BCP 47 tag."""

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    message_id: str
    date: datetime
    reply_to: str | None = None
    language: str = "en"
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class _Written(EmailPolicy):
    """Headers are written as they were set. The folding of `email.headerregistry` in Python 3.11 loses the quotes of a long display name
    (so that a comma in it makes a second recipient) and spaces between encoded words; so names and subjects are folded here."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        return name, value


_POLICY = _Written(linesep=_LINE, refold_source="none", cte_type="7bit")


def compose(mail: Mail) -> EmailMessage:
    """The message: text and HTML as alternatives, attachments beside them, everything in seven-bit encodings, so that no server changes it.

    Deterministic: part boundaries derive from the message id. Style sheets inside the HTML are inlined; nothing is ever loaded. Raises
    `GiveUp` with `invalid_header`, `invalid_sender`, `invalid_recipient`, `invalid_html` or `too_large` before the colon, never naming an
    address.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = _mailbox(mail.sender, "invalid_sender", "the sender")
    if not mail.to:
        raise GiveUp("invalid_recipient: there is none")
    message["To"] = f",{_LINE} ".join(_mailbox(to, "invalid_recipient", f"recipient {place}") for place, to in enumerate(mail.to, 1))
    if mail.reply_to is not None:
        message["Reply-To"] = _mailbox(mail.reply_to, "invalid_sender", "the reply address")
    message["Subject"] = _text(mail.subject, "Subject")
    message["Date"] = format_datetime(mail.date)
    if not _MESSAGE_ID.fullmatch(mail.message_id) or len(mail.message_id) > 250:
        raise GiveUp("invalid_header: the message id is not of the form <…@…>")
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    for name, value in mail.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name in message or _OUR_HEADERS.match(name):
            raise GiveUp(f"invalid_header: {name!r:.40} cannot be set")
        message[name] = _text(value, name)
    _fill(message, mail)
    # After the parts: making a multipart moves headers of this kind into its first part.
    message["Content-Language"] = _text(mail.language, "Content-Language")
    if len(message.as_bytes()) > MAXIMUM_BYTES:
        raise GiveUp(f"too_large: the mail has more than {MAXIMUM_BYTES} bytes; send a link instead of the attachments")
    return message


def _fill(message: EmailMessage, mail: Mail) -> None:
    try:
        html = _inliner.inline(mail.html)
    except InlineError as error:
        raise GiveUp(f"invalid_html: the style sheet cannot be inlined: {error}"[:300]) from None
    message.set_content(_body(mail.text), cte="quoted-printable")
    message.add_alternative(_body(html), subtype="html", cte="quoted-printable")
    message.set_boundary(_boundary(mail, "alternative"))
    for attachment in mail.attachments:
        name, kind = attachment.filename, attachment.content_type
        if not name or len(name) > MAXIMUM_FILENAME or _FORBIDDEN.search(name) or set(name) & set('/\\"') or set(name) <= {"."}:
            raise GiveUp(
                f"invalid_header: a file name must be 1 to {MAXIMUM_FILENAME} characters without path, quotes or control characters"
            )
        if not _CONTENT_TYPE.fullmatch(kind) or kind.startswith(("message/", "multipart/")):
            raise GiveUp(f"invalid_header: {kind!r:.60} is not the content type of a file")
        maintype, _, subtype = kind.partition("/")
        message.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=name)
    if mail.attachments:
        message.set_boundary(_boundary(mail, "mixed"))


def _boundary(mail: Mail, kind: str) -> str:
    """`=_` occurs in neither quoted-printable nor base64, so a boundary is never part of a content."""
    return f"=_{kind}_{digest(mail.message_id)[:32]}"


def _body(text: str) -> str:
    """Line ends are CRLF once encoded, whatever they were (RFC 5321, 2.3.8: a bare CR or LF could smuggle a second message)."""
    return "\n".join(re.sub("[\x00\ud800-\udfff]", "\ufffd", text).splitlines()) + "\n"


def _checked(text: str, what: str) -> str:
    if _FORBIDDEN.search(text):
        raise GiveUp(f"invalid_header: {what} contains a line break or another control character")
    return text


def _text(value: str, name: str) -> str:
    """An unstructured header value: as it is when it is short ASCII, else RFC 2047 encoded words on folded lines."""
    _checked(value, name)
    if _PLAIN.fullmatch(value) and "=?" not in value and value == value.strip():
        return value
    return Header(value, "utf-8", header_name=name).encode(linesep=_LINE)


def _mailbox(text: str, code: str, what: str) -> str:
    name, address = split_address(text, code, what)
    if not name:
        return address
    if _PLAIN.fullmatch(name) and "=?" not in name:
        return f'"{quote(name)}"{_LINE} <{address}>'
    return f"{Header(name, 'utf-8', maxlinelen=70).encode(linesep=_LINE)}{_LINE} <{address}>"


def split_address(text: str, code: str, what: str) -> tuple[str, str]:
    """Display name and address (ASCII, international domains in punycode) of one mailbox. Raises `GiveUp` starting with `code`; names
    `what`, not the address. Addresses whose local part is not ASCII are refused: hardly a server takes them (RFC 6531)."""
    _checked(text, what)
    name, address = "", text.strip()
    if address.endswith(">") and "<" in address:
        name, _, address = address[:-1].rpartition("<")
        name = name.strip()
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
    try:
        checked = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        problem = "is not one address" if "@" in str(error).replace("@-sign", "") else str(error)
        raise GiveUp(f"{code}: {what} is not a valid e-mail address: {problem}") from None
    if checked.ascii_email is None:
        raise GiveUp(f"{code}: {what} has other letters than a-z before the @, which mail servers do not take")
    return name, checked.ascii_email
