"""Asking VIES, the European Commission's register of VAT numbers, through its REST interface.

`POST {url}` with `countryCode`, `vatNumber` and, for a proof, `requesterMemberStateCode` and `requesterNumber`. An answer has `valid` (a
boolean), `requestDate`, `requestIdentifier` (the consultation number; empty without a requester), `name` and `address` (`---` where the
state does not tell). When a member state does not answer, it is `{"actionSucceed": false, "errorWrappers": [{"error": "MS_UNAVAILABLE"}]}`,
also with status 200, or `userError` beside a `valid` that then means nothing; `INVALID_REQUESTER_INFO` is about who asks, not about the
number. (https://ec.europa.eu/taxation_customs/vies; shapes as public clients record them.)
"""

import json
from datetime import datetime

from adapter.connector import Json, Pull
from adapter.domain.tax.vat_id import VIES, VatIdCheck, VatIdState, VatNumber
from adapter.errors import GiveUp, TryAgain
from adapter.infra.outbound import Outbound
from adapter.settings import VIES_URL

SOURCE = "VIES"
_ANSWER_LENGTH = 10_000
_REQUESTER_REFUSED = "INVALID_REQUESTER_INFO"
_VERDICTS = frozenset({"", "VALID", "INVALID"})
"""The values of `userError` beside which `valid` is an answer."""


async def check_vat_number(
    outbound: Outbound, number: VatNumber, *, requester: VatNumber | None, now: datetime, url: str = VIES_URL
) -> VatIdCheck:
    """Ask VIES whether a number is registered, in the name of `requester`, whose question gets a consultation number; where it does not
    know who asks, in nobody's name: an answer without a proof is better than none, and its reason says so.

    Never raises: what is no answer is `unavailable` with the reason, and a number that VIES does not know of (GB, CH, …) `not_checked`.
    `now` is kept as the time of the check.
    """
    asked = VatIdCheck(number=str(number), checked_at=now, requester=str(requester) if requester else None, source=SOURCE)
    if number.prefix not in VIES:
        return asked.model_copy(update={"reason": f"{number.prefix} is not in VIES", "checked_at": None})
    body = {"countryCode": number.prefix, "vatNumber": number.number}
    if requester is None or requester.prefix not in VIES:
        return asked.model_copy(update={"requester": None, **await _asked(outbound, url, body)})
    named = body | {"requesterMemberStateCode": requester.prefix, "requesterNumber": requester.number}
    told = await _asked(outbound, url, named)
    if told.get("reason") == _REQUESTER_REFUSED:
        told = await _asked(outbound, url, body)
        told |= {"requester": None, "reason": told.get("reason") or f"{_REQUESTER_REFUSED}: no proof for {requester}"}
    return asked.model_copy(update=told)


async def _asked(outbound: Outbound, url: str, body: Json) -> dict[str, object]:
    try:
        answer = await outbound.fetch(Pull(name="vat_number", url=url, method="POST", body=body))
    except (TryAgain, GiveUp) as error:
        return {"state": VatIdState.UNAVAILABLE, "reason": str(error)[:500]}
    kept = json.dumps(answer, default=str, ensure_ascii=False, sort_keys=True)
    return {"answer": kept[:_ANSWER_LENGTH], **_answer(answer)}


def _answer(answer: Json) -> dict[str, object]:
    if not isinstance(answer, dict):
        return {"state": VatIdState.UNAVAILABLE, "reason": "the answer is no object"}
    code = _error(answer)
    if code not in _VERDICTS:
        return {"state": VatIdState.UNAVAILABLE, "reason": code}
    valid = answer.get("valid")
    if not isinstance(valid, bool):
        return {"state": VatIdState.UNAVAILABLE, "reason": "the answer does not say whether the number is valid"}
    return {
        "state": VatIdState.VALID if valid else VatIdState.INVALID,
        "consultation_number": _told(answer.get("requestIdentifier")),
        "name": _told(answer.get("name")),
        "address": _told(answer.get("address")),
    }


def _error(answer: dict[str, Json]) -> str:
    wrappers = answer.get("errorWrappers")
    if isinstance(wrappers, list) and wrappers:
        first = wrappers[0]
        return str(first.get("error") if isinstance(first, dict) else first)[:100] or "unknown"
    if answer.get("actionSucceed") is False:
        return "unknown"
    return str(answer.get("userError") or "")[:100].upper()


def _told(value: Json) -> str | None:
    """A text that the state really tells: VIES writes `---` for what it keeps to itself."""
    text = value.strip() if isinstance(value, str) else ""
    return text[:2_000] if text.strip("-") else None
