"""The client of VIES against a server on loopback that answers like it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapter.domain.tax.vat_id import VatIdState, VatNumber
from adapter.infra.outbound import Outbound
from adapter.infra.vies import check_vat_number
from tests.house import PATIENCE

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
BUYER = VatNumber("EL", "094259216")
SELLER = VatNumber("DE", "136695976")
PATH = "/taxation_customs/vies/rest-api/check-vat-number"
VALID = {
    "countryCode": "EL", "vatNumber": "094259216", "requestDate": "2026-11-20T09:30:00.000Z", "valid": True,
    "requestIdentifier": "WAPIAAAAexample1", "name": "Kiln & Clay", "address": "Odos 1\nAthina", "traderName": "---",
    "traderNameMatch": "NOT_PROCESSED",
}  # fmt: skip


class Vies:
    """Answers every question with `reply` and `status`, and remembers what was asked."""

    def __init__(self) -> None:
        self.reply: Any = VALID
        self.replies: list[Any] = []
        self.status = 200
        self.asked: list[Any] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path, await request.json()))
        if self.replies:
            return web.json_response(self.replies.pop(0))
        if isinstance(self.reply, str):
            return web.Response(text=self.reply, status=self.status)
        return web.json_response(self.reply, status=self.status)


@pytest.fixture
def vies() -> Vies:
    return Vies()


@pytest.fixture
async def url(vies: Vies) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post(PATH, vies.handle)
    async with TestServer(app) as server:
        yield str(server.make_url(PATH))


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    client = Outbound(allowed_networks=["127.0.0.0/8"], timeout=PATIENCE, user_agent="Test/1")
    await client.start()
    yield client
    await client.close()


async def test_a_valid_number_with_the_consultation_number_as_proof(vies: Vies, url: str, outbound: Outbound) -> None:
    check = await check_vat_number(outbound, BUYER, requester=SELLER, now=NOW, url=url)
    assert vies.asked == [
        (
            "POST",
            PATH,
            {
                "countryCode": "EL",
                "vatNumber": "094259216",
                "requesterMemberStateCode": "DE",
                "requesterNumber": "136695976",
            },
        )
    ]
    assert check.state is VatIdState.VALID
    assert check.consultation_number == "WAPIAAAAexample1"
    assert (check.number, check.requester, check.source) == ("EL094259216", "DE136695976", "VIES")
    assert (check.name, check.address) == ("Kiln & Clay", "Odos 1\nAthina")
    assert check.checked_at == NOW
    assert json.loads(check.answer or "") == VALID


async def test_a_requester_that_vies_does_not_know_costs_the_proof_and_not_the_answer(vies: Vies, url: str, outbound: Outbound) -> None:
    refused = {"actionSucceed": False, "errorWrappers": [{"error": "INVALID_REQUESTER_INFO"}]}
    vies.replies = [refused, {**VALID, "requestIdentifier": ""}]
    check = await check_vat_number(outbound, BUYER, requester=SELLER, now=NOW, url=url)
    assert [sorted(body) for _, _, body in vies.asked] == [
        ["countryCode", "requesterMemberStateCode", "requesterNumber", "vatNumber"], ["countryCode", "vatNumber"],
    ]  # fmt: skip
    assert (check.state, check.requester, check.consultation_number) == (VatIdState.VALID, None, None)
    assert check.reason == "INVALID_REQUESTER_INFO: no proof for DE136695976"
    vies.replies = [refused, {"valid": False, "userError": "MS_UNAVAILABLE"}]
    check = await check_vat_number(outbound, BUYER, requester=SELLER, now=NOW, url=url)
    assert (check.state, check.reason) == (VatIdState.UNAVAILABLE, "MS_UNAVAILABLE")


@pytest.mark.parametrize("requester", [VatNumber("GB", "980780684"), VatNumber("CH", "E100155212MWST")])
async def test_a_requester_outside_of_vies_is_not_named(vies: Vies, url: str, outbound: Outbound, requester: VatNumber) -> None:
    vies.reply = {**VALID, "requestIdentifier": ""}
    check = await check_vat_number(outbound, VatNumber("XI", "980780684"), requester=requester, now=NOW, url=url)
    assert vies.asked[0][2] == {"countryCode": "XI", "vatNumber": "980780684"}
    assert (check.state, check.requester) == (VatIdState.VALID, None)


async def test_without_a_requester_none_is_sent_and_there_is_no_proof(vies: Vies, url: str, outbound: Outbound) -> None:
    vies.reply = {**VALID, "requestIdentifier": ""}
    check = await check_vat_number(outbound, BUYER, requester=None, now=NOW, url=url)
    assert vies.asked[0][2] == {"countryCode": "EL", "vatNumber": "094259216"}
    assert (check.state, check.consultation_number, check.requester) == (VatIdState.VALID, None, None)


async def test_an_invalid_number_and_what_the_state_does_not_tell(vies: Vies, url: str, outbound: Outbound) -> None:
    vies.reply = {**VALID, "valid": False, "userError": "INVALID", "name": "---", "address": "---"}
    check = await check_vat_number(outbound, BUYER, requester=SELLER, now=NOW, url=url)
    assert (check.state, check.name, check.address) == (VatIdState.INVALID, None, None)


@pytest.mark.parametrize(
    "code", ["MS_UNAVAILABLE", "MS_MAX_CONCURRENT_REQ", "GLOBAL_MAX_CONCURRENT_REQ", "SERVICE_UNAVAILABLE", "TIMEOUT", "INVALID_INPUT"]
)
@pytest.mark.parametrize("wrapped", [True, False])
async def test_an_error_is_never_an_invalid_number(vies: Vies, url: str, outbound: Outbound, code: str, wrapped: bool) -> None:
    vies.reply = {"actionSucceed": False, "errorWrappers": [{"error": code}]} if wrapped else {"valid": False, "userError": code}
    check = await check_vat_number(outbound, BUYER, requester=SELLER, now=NOW, url=url)
    assert (check.state, check.reason) == (VatIdState.UNAVAILABLE, code)
    assert check.consultation_number is None


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (VALID, 500), (VALID, 503), (VALID, 429), ({"error": "x"}, 400), (VALID, 302), ("<html>maintenance</html>", 200), ("[]", 200),
        ({}, 200), ({"valid": "true"}, 200), ({"valid": 1}, 200), ({"actionSucceed": False}, 200), ({"errorWrappers": ["?"]}, 200),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_unavailable(vies: Vies, url: str, outbound: Outbound, reply: Any, status: int) -> None:
    vies.reply, vies.status = reply, status
    check = await check_vat_number(outbound, BUYER, requester=SELLER, now=NOW, url=url)
    assert check.state is VatIdState.UNAVAILABLE
    assert check.reason


async def test_a_server_that_is_not_there_is_unavailable(outbound: Outbound, own_port: int) -> None:
    url = f"http://127.0.0.1:{own_port}{PATH}"
    check = await check_vat_number(outbound, BUYER, requester=SELLER, now=NOW, url=url)
    assert check.state is VatIdState.UNAVAILABLE
    assert "connect" in str(check.reason)


async def test_a_country_that_vies_does_not_know_is_not_asked_about(vies: Vies, url: str, outbound: Outbound) -> None:
    check = await check_vat_number(outbound, VatNumber("GB", "980780684"), requester=SELLER, now=NOW, url=url)
    assert (check.state, check.reason) == (VatIdState.NOT_CHECKED, "GB is not in VIES")
    assert vies.asked == []
