"""`show`: one story, a document, the sources and what wants a look, beside a running service."""

import re
from pathlib import Path

from adapter.cli.tree import line
from tests.cli.conftest import Service, run

ORDER, ORPHAN_ORDER = "6123456789012345678", "6123456789012345703"


def test_an_order_s_story_as_json(day: Service) -> None:
    """Every stage is there, with amounts as texts and files that exist."""
    story = day.json("show", "order", "shopify", "1001")

    assert {name: story["order"][name] for name in ("id", "number", "source", "currency", "total", "status")} == {
        "id": ORDER,
        "number": "1001",
        "source": "shopify",
        "currency": "EUR",
        "total": "135.13",
        "status": "paid",
    }
    assert [(delivery["topic"], delivery["copies"], delivery["erased"]) for delivery in story["deliveries"]] == [
        ("orders/create", 2, False),
        ("refunds/create", 1, False),
    ]
    assert {event["type"] for event in story["events"]} >= {"order.completed", "payment.confirmed", "refund.issued", "invoice.created"}
    actions = [(action["kind"], action["state"]) for action in story["actions"]]
    assert actions.count(("normalise", "done")) == 2
    assert {("issue_invoice", "done"), ("send_invoice", "done"), ("issue_credit_note", "done"), ("send_credit_note", "done")} <= set(
        actions
    )

    invoice, note = story["documents"]
    assert [invoice[name] for name in ("kind", "status", "currency", "total", "tax_total")] == ["invoice", "paid", "EUR", "135.13", "19.46"]
    assert [(tax["rate"], tax["base"], tax["tax"]) for tax in invoice["taxes"]] == [("0.19", "94.73", "17.99"), ("0.07", "20.94", "1.47")]
    assert [line["total"] for line in invoice["lines"]] == ["107.82", "22.41", "4.90"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", invoice["issue_date"])
    assert (note["kind"], note["total"], note["original"]) == ("credit_note", "53.91", invoice["number"])
    assert invoice["credit_notes"] == [note["number"]]
    for document in (invoice, note):
        assert Path(document["pdf_path"]).read_bytes().startswith(b"%PDF-")
        assert document["pdf_sha256"].endswith(Path(document["pdf_path"]).name)

    assert [(mail["kind"], mail["document"], mail["recipient"], mail["state"]) for mail in story["emails"]] == [
        ("invoice", invoice["number"], "mira.sommer@kunde.example", "sent"),
        ("credit_note", note["number"], "mira.sommer@kunde.example", "sent"),
    ]
    assert all(mail["message_id"].encode() in Path(mail["eml_path"]).read_bytes() and mail["reply"] for mail in story["emails"])

    messages = {message["type"]: message for message in story["messages"]}
    assert set(messages) >= {"invoice.created", "invoice.paid", "credit_note.created"}
    assert {message["endpoint"] for message in messages.values()} == {"consumer"}
    assert messages["credit_note.created"]["state"] == "delivered"
    assert [attempt["status"] for attempt in messages["credit_note.created"]["attempts"]] == [200]
    first = [message for message in story["messages"] if message["attempts"][0]["status"] == 503]
    assert len(first) == 1
    assert first[0]["attempts"][0]["milliseconds"] >= 0


def test_an_order_s_story_in_words(day: Service) -> None:
    """Found by the platform's id; a tree without colours, as it is not shown in a terminal."""
    shown = day.run("show", "order", "shopify", ORDER).stdout

    assert shown.startswith(f"order 1001 (id {ORDER}) of shopify: ")
    assert "\x1b" not in shown
    places = [shown.index(part) for part in ("delivery orders/create (came 2 times)", "event order.completed", "issue_invoice done")]
    places += [shown.index("invoice INV-", places[-1]), shown.index("mail invoice sent to mira.sommer@kunde.example")]
    assert places == sorted(places)
    assert "message credit_note.created delivered to consumer http://127.0.0.1" in shown
    assert "attempt 1 HTTP 503" in shown


def test_what_waits_says_for_what(day: Service) -> None:
    """A refund without its order: the story is there by the platform's id, and says what it waits for."""
    shown = day.run("show", "order", "shopify", f"{ORPHAN_ORDER}").stdout

    assert shown.startswith(f"order without a number (id {ORPHAN_ORDER}) of shopify: what is in it has not come yet")
    assert f"issue_credit_note waiting for order:shopify:{ORPHAN_ORDER} since 20" in shown


def test_an_unknown_order_is_a_message_and_an_error(day: Service) -> None:
    """Nothing on standard output, so that nobody takes it for an answer."""
    missing = day.run("show", "order", "shopify", "#7777", "--json", code=1)
    assert (missing.stdout, missing.stderr.splitlines()[-1][:62]) == ("", "source shopify has no order with the number or id '#7777'; `sh")

    nowhere = day.run("show", "order", "etsy", "1001", code=1)
    assert nowhere.stderr.splitlines()[-1] == "there is no source 'etsy'; there are: shopify"


def test_a_document_with_its_mails(day: Service) -> None:
    """By its number, in full."""
    number = day.rows("SELECT number FROM document WHERE kind = 'credit_note'")[0][0]
    document = day.json("show", "document", number)

    assert (document["kind"], document["total"], document["mode"]) == ("credit_note", "53.91", "live")
    assert [mail["state"] for mail in document["emails"]] == ["sent"]
    assert "there is no document with the number 'INV-1'" in day.run("show", "document", "INV-1", code=1).stderr


def test_the_files_of_a_document_are_checked(day: Service) -> None:
    """Each with its hash; a missing and a changed one are told, with the command that makes them again, which does it."""
    number = day.rows("SELECT number FROM document WHERE kind = 'invoice'")[0][0]
    before = day.json("show", "document", number)
    assert before["content_intact"] is True
    assert {each["state"] for each in before["files"]} == {"ok"}
    assert [each["kind"] for each in before["files"]].count("eml") == 1
    current = {before["pdf_sha256"], *(each["xml_sha256"] for each in before["einvoices"])}
    assert current <= {each["sha256"] for each in before["files"]}
    pdf, xml = Path(before["pdf_path"]), Path(before["einvoices"][0]["xml_path"])
    pdf.unlink()
    xml.write_bytes(xml.read_bytes() + b" ")
    told = day.run("show", "document", number).stdout
    assert f"pdf {before['pdf_sha256']} missing" in told
    assert f"xml {before['einvoices'][0]['xml_sha256']} changed" in told
    command = re.search(r"made again by: storefront-adapter (replay action \S+)", told)
    assert command is not None
    day.run(*command[1].split())
    day.until(lambda: {each["state"] for each in day.json("show", "document", number)["files"]} == {"ok"})
    assert day.json("show", "document", number) == before


def test_sources_and_what_wants_a_look(day: Service) -> None:
    """The forgery is counted by its reason, the unreadable delivery is dead, the early refund waits; each with its id."""
    (source,) = day.json("show", "sources")
    assert (source["id"], source["connector"], source["silent"], source["rejections"]) == (
        "shopify",
        "shopify",
        False,
        {"bad_signature": 1},
    )
    assert source["last_delivery_at"] is not None

    dead, waiting = day.run("show", "dead").stdout.splitlines()
    (reading,) = day.rows("SELECT id FROM action WHERE state = 'dead'")
    assert "normalise dead" in dead
    assert f"[{reading[0]}]" in dead
    assert f"issue_credit_note waiting for order:shopify:{ORPHAN_ORDER}" in waiting


def test_nothing_that_somebody_wrote_reaches_the_terminal_as_a_command() -> None:
    """Escape sequences and markup of the console are text, on one line."""
    assert line("mail", "\x1b[2J[red]Invoice\x9b31m\nfor you[/red]").plain == "mail [2J[red]Invoice31m for you[/red]"


def test_a_mistyped_folder_is_refused_and_not_made(tmp_path: Path) -> None:
    """Reading must not bring a service about."""
    done = run("show", "sources", "--data", str(tmp_path / "dta"))

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == f"storefront-adapter: ADAPTER_DATA: there is no database in {tmp_path / 'dta'}: name the folder that `serve` uses with --data\n"
    )
    assert list(tmp_path.iterdir()) == []
