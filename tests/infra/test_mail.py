"""Composed mails, read back by the standard library."""

import email
import socket
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import getaddresses, quote
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import GiveUp
from adapter.infra.mail import Attachment, Mail, compose
from tests.infra.sample_mail import MAIL, PDF


def read(mail: Mail) -> EmailMessage:
    """What a receiver reads from the bytes."""
    return email.message_from_bytes(compose(mail).as_bytes(), _class=EmailMessage, policy=default)


def mailboxes(mail: Mail, header: str) -> list[tuple[str, str]]:
    """Names and addresses as RFC 2047 reads them. (`headerregistry` of Python 3.11 puts spaces between encoded words of a name.)"""
    raw = email.message_from_bytes(compose(mail).as_bytes())[header]
    return [(str(make_header(decode_header(name))), address) for name, address in getaddresses([raw])]


def test_a_mail_reads_back_as_it_was_meant() -> None:
    message = read(MAIL)
    assert message["From"].addresses[0].display_name == "Müller & Söhne, Bücher"
    assert message["From"].addresses[0].addr_spec == "billing@shop.example"
    assert [(one.display_name, one.addr_spec) for one in message["To"].addresses] == [("Jane Doe", "jane@buyer.example")]
    assert message["Subject"] == MAIL.subject
    assert message["Message-ID"] == "<0190.invoice@shop.example>"
    assert message["Date"].datetime == MAIL.date
    assert (message["Reply-To"], message["X-Order"]) == ("help@shop.example", "1001")
    assert (message["Auto-Submitted"], message["Content-Language"]) == ("auto-generated", "de")
    assert message.get_content_type() == "multipart/mixed"
    assert message.get_body(["plain"]).get_content().replace("\r\n", "\n") == MAIL.text
    assert '<p style="color: red;">Guten Tag</p>' in message.get_body(["html"]).get_content()
    [attachment] = message.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content_type()) == (PDF.filename, "application/pdf")
    assert attachment.get_content() == PDF.content
    assert message.defects == []


def test_the_same_mail_has_the_same_bytes() -> None:
    content = compose(MAIL).as_bytes()
    assert compose(replace(MAIL)).as_bytes() == content
    assert compose(replace(MAIL, message_id="<other@shop.example>")).as_bytes() != content
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 100


@given(st.text(max_size=150), st.text(max_size=60), st.text(max_size=60))
def test_names_and_subjects_survive_or_are_refused(subject: str, sender: str, recipient: str) -> None:
    mail = replace(MAIL, subject=subject, sender=f"{sender} <a@shop.example>", to=(f"{recipient} <b@buyer.example>", "c@buyer.example"))
    try:
        message = read(mail)
    except GiveUp as refused:
        assert str(refused).startswith("invalid_header: ")  # noqa: PT017 - both ends are right, the other is judged below
        return
    assert [one.addr_spec for one in message["From"].addresses] == ["a@shop.example"]
    assert [one.addr_spec for one in message["To"].addresses] == ["b@buyer.example", "c@buyer.example"]
    assert "".join(str(message["Subject"]).split()) == "".join(subject.split())
    assert set(message.keys()) == set(read(MAIL).keys())


@pytest.mark.parametrize(
    "name",
    [
        'A "quoted" name, with a comma, and so very long that it must be folded somewhere: here',
        "O'Neil; Sons",
        "日本語の名前" * 20,
        "Ünï, Cöde",
        "=?utf-8?q?x?=",
        "a\\b",
    ],
)
def test_difficult_display_names(name: str) -> None:
    mail = replace(MAIL, sender=f"{name} <a@shop.example>", to=(f'"{quote(name)}" <b@buyer.example>', "c@buyer.example"))
    assert mailboxes(mail, "From") == [(name, "a@shop.example")]
    assert mailboxes(mail, "To") == [(name, "b@buyer.example"), ("", "c@buyer.example")]
    assert [one.addr_spec for one in read(mail)["To"].addresses] == ["b@buyer.example", "c@buyer.example"]


@pytest.mark.parametrize(
    "character", ["\r", "\n", "\r\nBcc: x@evil.example", "\v", "\f", "\x00", "\x1b", "\x85", "\u2028", "\u2029", "\ud800", "\t"]
)
@pytest.mark.parametrize("place", ["subject", "sender", "to", "reply_to", "language", "headers", "attachments", "message_id"])
def test_headers_cannot_be_injected(place: str, character: str) -> None:
    value = {
        "sender": f"a{character}b <a@shop.example>",
        "to": (f"a{character}b <a@shop.example>",),
        "reply_to": f"a@shop.example{character}b",
        "headers": {"X-Order": f"a{character}b"},
        "attachments": (Attachment(f"a{character}b.pdf", "application/pdf", b""),),
        "message_id": f"<a{character}b@shop.example>",
    }.get(place, f"a{character}b")
    with pytest.raises(GiveUp, match=r"^invalid_header: "):
        compose(replace(MAIL, **{place: value}))


@pytest.mark.parametrize(
    "address",
    [
        "", "jane", "jane@", "@buyer.example", "a@b.example, c@d.example", "jane@buyer..example", "jane@[127.0.0.1]", "<jane@buyer.example",
        "jane doe@buyer.example", "jörg@buyer.example", '"a b"@c.example', "a" * 500 + "@b.example", "jane@buyer.example>",
    ],
)  # fmt: skip
def test_invalid_recipients_are_named_by_place_only(address: str) -> None:
    with pytest.raises(GiveUp, match=r"^invalid_recipient: recipient 2 ") as caught:
        compose(replace(MAIL, to=("ok@buyer.example", address)))
    assert "buyer" not in str(caught.value)
    assert "jane" not in str(caught.value)
    with pytest.raises(GiveUp, match=r"^invalid_sender: "):
        compose(replace(MAIL, sender=address))


def test_no_recipient() -> None:
    with pytest.raises(GiveUp, match=r"^invalid_recipient: there is none"):
        compose(replace(MAIL, to=()))


def test_international_domains_become_punycode() -> None:
    assert read(replace(MAIL, to=("Jörg <joerg@bücher.example>",)))["To"].addresses[0].addr_spec == "joerg@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "headers",
    [
        {"Subject": "x"},
        {"from": "x"},
        {"Content-Type": "x"},
        {"MIME-Version": "2"},
        {"Bcc": "x"},
        {"Resent-To": "x"},
        {"X Y": "z"},
        {"X:": "y"},
        {"": "x"},
    ],
)
def test_headers_that_are_ours(headers: dict[str, str]) -> None:
    with pytest.raises(GiveUp, match=r"^invalid_header: "):
        compose(replace(MAIL, headers=headers))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../etc/passwd", "application/pdf"), ("a\\b", "application/pdf"), ("", "application/pdf"), ("..", "application/pdf"),
        ("a" * 71, "application/pdf"), ('a"b', "application/pdf"), ("a", "message/rfc822"), ("a", "multipart/mixed"), ("a", "pdf"),
        ("a", "application/pdf\r\nX: y"),
    ],
)  # fmt: skip
def test_attachments_that_are_refused(name: str, kind: str) -> None:
    with pytest.raises(GiveUp, match=r"^invalid_header: "):
        compose(replace(MAIL, attachments=(Attachment(name, kind, b""),)))


def test_file_names_in_other_scripts() -> None:
    names = ["請求書-1001.pdf", "Rechnung; Größe=1, 2.pdf", "😀" * 60]
    message = read(replace(MAIL, attachments=tuple(Attachment(name, "application/pdf", b"x") for name in names)))
    assert [part.get_filename() for part in message.iter_attachments()] == names


def test_nothing_is_loaded_for_the_html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "style.css").write_text("p{color:blue}")
    opened = []
    monkeypatch.setattr(socket.socket, "connect", lambda *arguments: opened.append(arguments))
    html = (
        f'<link rel="stylesheet" href="file://{tmp_path}/style.css"><link rel="stylesheet" href="http://127.0.0.1:9/style.css">'
        '<style>@import url("http://127.0.0.1:9/a.css"); p{margin:0}</style><p>Hi</p>'
    )
    content = read(replace(MAIL, html=html)).get_body(["html"]).get_content()
    assert "blue" not in content
    assert "margin: 0" in content
    assert opened == []


def test_a_mail_that_is_too_large() -> None:
    with pytest.raises(GiveUp, match=r"^too_large: "):
        compose(replace(MAIL, attachments=(replace(PDF, content=b"x" * 20_000_000),)))


def test_without_attachments_the_alternatives_are_the_mail() -> None:
    assert read(replace(MAIL, attachments=())).get_content_type() == "multipart/alternative"


def test_the_message_survives_another_policy() -> None:
    """Whoever writes the message with the library's own policy gets the same mail."""
    message = email.message_from_bytes(compose(MAIL).as_bytes(policy=SMTP), _class=EmailMessage, policy=default)
    assert message["Subject"] == MAIL.subject
    assert message["From"].addresses[0].display_name == "Müller & Söhne, Bücher"
