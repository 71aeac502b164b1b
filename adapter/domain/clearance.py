"""Clearance: who is asked to accept a document where a PDF alone is not the invoice, what the answer is, and what is printed of it.

A document that has to be cleared is submitted once, as it was frozen, to the merchant's clearance service, which speaks with the
authority (KSeF, SdI, SPV, myDATA, …). Nothing here claims more than what that service answered.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, model_validator

from adapter.domain.frozen import Frozen
from adapter.domain.parsing import parse_json
from adapter.domain.text import one_line

MAXIMUM_CODE = 2_000
"""Bytes of a fiscal QR code: what level M of the largest symbol (version 40) holds is 2,331."""


class ClearanceState(StrEnum):
    """Where a document stands that has to be cleared."""

    AWAITING = "awaiting_clearance"
    CLEARED = "cleared"
    REJECTED = "rejected"


class Clearance(Frozen):
    """Who clears an entity's documents, and which.

    `http` is the merchant's own service at `url`; `sandbox` answers by itself, clears nothing and is for rehearsals in test mode.
    """

    connector: Literal["sandbox", "http"]
    url: str | None = None
    secrets: tuple[str, ...] = Field(default=(), max_length=10)
    """What requests are signed with by Standard Webhooks, newest first; encrypted where they are stored."""
    documents: tuple[Literal["invoice", "credit_note"], ...] = ("invoice", "credit_note")
    hold_mail: bool = True
    """Whether a document's mails wait until it is cleared."""

    @model_validator(mode="after")
    def _reachable(self) -> "Clearance":
        if self.connector == "http" and not (self.url and self.secrets):
            raise ValueError("the connector http needs `url`, the address of the clearance service, and `secrets` to sign requests with")
        return self


def _plain(value: str) -> str:
    """As it can be stored and drawn, in one line."""
    return one_line(value)[:2_000]


def _code(value: str) -> str:
    if len(value.encode()) > MAXIMUM_CODE:
        raise ValueError(f"the code has {len(value.encode())} bytes; at most {MAXIMUM_CODE} can be printed")
    return value


def _name(value: str) -> str:
    name = one_line(value)
    if not 1 <= len(name) <= 255 or not name.strip("."):
        raise ValueError("an id has 1 to 255 characters, and not only full stops")
    return name


class Answer(Frozen):
    """What a clearance service said. Further members are passed over."""

    model_config = ConfigDict(extra="ignore", str_max_length=1_000_000)

    state: Literal["pending", "cleared", "rejected"]
    id: Annotated[str, AfterValidator(_name)] | None = None
    """The authority's name of the document, or the service's name of the request while it is pending."""
    time: AwareDatetime | None = None
    qr: Annotated[str, AfterValidator(_code)] | None = None
    """What the fiscal QR code says, exactly as it must be printed."""
    errors: tuple[Annotated[str, AfterValidator(_plain)], ...] = Field(default=(), max_length=100)

    @model_validator(mode="after")
    def _named(self) -> "Answer":
        if self.state != "rejected" and self.id is None:
            raise ValueError(f"an answer that is {self.state} names its `id`")
        return self


def read_answer(body: bytes) -> Answer:
    """The answer that a body holds. Raises `GiveUp` for what is not strict JSON, `ValueError` for another shape."""
    return Answer.model_validate(parse_json(body))


class ClearanceMark(Frozen):
    """What a page says of a document's clearance."""

    state: ClearanceState
    id: str | None = None
    on: date | None = None
    """The day of the clearance in the seller's time zone."""
    qr: str | None = None


def rehearsal(name: str, *, asked: bool, rejected: bool) -> bytes:
    """What the sandbox answers about a document: pending at first, and when `asked` again cleared or rejected."""
    if not asked:
        return f'{{"state":"pending","id":"{name}"}}'.encode()
    if rejected:
        return f'{{"state":"rejected","id":"{name}","errors":["the sandbox rejects what is sold to REJECT"]}}'.encode()
    return f'{{"state":"cleared","id":"{name}","qr":"{name}","receipt":"the sandbox clears nothing"}}'.encode()
