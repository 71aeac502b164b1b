"""What a clearance service may say, and who clears what."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from adapter.domain.clearance import Answer, Clearance, ClearanceMark, ClearanceState, read_answer, rehearsal
from adapter.domain.document import Settlement
from adapter.domain.tax.advice import advice
from adapter.errors import GiveUp
from adapter.infra.pages import document_html
from tests.domain.sales import seller
from tests.domain.tax.test_requirements import document


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"state": "pending", "id": "7", "more": [1.5]}', Answer(state="pending", id="7")),
        (b'{"state": "rejected"}', Answer(state="rejected")),
        (b'{"state": "rejected", "errors": ["a\\nb"]}', Answer(state="rejected", errors=("a b",))),
        (b'{"state": "cleared", "id": " x\\u0007 ", "qr": " exactly "}', Answer(state="cleared", id="x", qr=" exactly ")),
    ],
)
def test_answers_are_read(body: bytes, answer: Answer) -> None:
    assert read_answer(body) == answer


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", GiveUp),
        (b'{"state": "cleared", "state": "rejected", "id": "1"}', GiveUp),
        (b'{"state": "cleared", "id": ""}', ValidationError),
        (b'{"state": "cleared", "id": "' + b"1" * 256 + b'"}', ValidationError),
        (b'{"state": "cleared", "id": 7}', ValidationError),
        (b'{"state": "CLEARED", "id": "7"}', ValidationError),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_answer(body)


def test_the_sandbox_answers_as_a_service_does() -> None:
    states = [read_answer(rehearsal("S-1", asked=asked, rejected=rejected)).state for asked, rejected in
              ((False, False), (False, True), (True, False), (True, True))]  # fmt: skip
    assert states == ["pending", "pending", "cleared", "rejected"]


def test_a_service_has_an_address_and_a_secret() -> None:
    assert Clearance(connector="sandbox").documents == ("invoice", "credit_note")
    for lacking in ({}, {"url": "https://x.example"}, {"secrets": ("env:X",)}):
        given: dict[str, Any] = {"connector": "http", **lacking}
        with pytest.raises(ValidationError, match="needs `url`"):
            Clearance.model_validate(given)


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (None, set()),
        (ClearanceMark(state=ClearanceState.AWAITING), {"Freigabe durch die Behörde ausstehend"}),
        (ClearanceMark(state=ClearanceState.REJECTED), {"Freigabe abgelehnt"}),
        (ClearanceMark(state=ClearanceState.CLEARED, id="K-1", qr="x" * 2_000), {"Freigabenummer", "K-1", 'class="fiscal"'}),
    ],
)
def test_a_page_says_how_it_stands_in_its_language(mark: ClearanceMark | None, words: set[str]) -> None:
    page = document_html(document(language="de"), Settlement(clearance=mark))
    said = {"Freigabe durch die Behörde ausstehend", "Freigabe abgelehnt", "Freigabenummer", "K-1", 'class="fiscal"'}
    assert {word for word in said if word in page} == words


@pytest.mark.parametrize(
    ("clearance", "said"),
    [
        (None, "no clearance service is set"),
        ({"connector": "sandbox"}, "clears nothing"),
        ({"connector": "http", "url": "https://x.example", "secrets": ["x"]}, "what it does with them is its own"),
    ],
)
def test_a_seller_where_a_pdf_is_not_the_invoice_is_told_who_clears(clearance: dict[str, Any] | None, said: str) -> None:
    """Italy clears everything; what is told claims nothing of a service."""
    entity = seller("IT").model_copy(update={"clearance": Clearance.model_validate(clearance) if clearance else None})
    told = [finding.message for finding in advice(entity, date(2026, 11, 20)) if finding.code == "duty_clearance"]
    assert len(told) == 2
    assert all("a PDF alone is not the invoice" in message and said in message for message in told)
