"""Signatures: official vectors, the vendors' own packages as oracles, and everything hostile that a header can hold."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook

from adapter.errors import Misconfigured, Rejected
from adapter.signature import STANDARD_WEBHOOKS, Scheme, check_secret, key_bytes, new_secret, sign, standard_headers, verify

SHOPIFY = Scheme(header="x-shopify-hmac-sha256", aliases={"x-shopify-hmac-sha256": "shopify-hmac-sha256"})
WOOCOMMERCE = Scheme(header="x-wc-webhook-signature", key="html")
HEX_BODY = Scheme(header="signature", encoding="hex")
SQUARESPACE = Scheme(header="squarespace-signature", encoding="hex", key="hex")
BIGCOMMERCE = replace(STANDARD_WEBHOOKS, key="utf8")
STRIPE = Scheme(header="stripe-signature", encoding="hex", message="{timestamp}.{body}", style="pairs", tolerance=timedelta(minutes=5))
PADDLE = Scheme(
    header="paddle-signature", encoding="hex", message="{timestamp}:{body}", style="pairs",
    separator=";", timestamp_pair="ts", signature_pair="h1", tolerance=timedelta(seconds=30),
)  # fmt: skip
SQUARE = Scheme(header="x-square-hmacsha256-signature", message="{url}{body}")
ECWID = Scheme(header="x-ecwid-webhook-signature", message="{json:eventCreated}.{json:eventId}")
SCHEMES = [SHOPIFY, WOOCOMMERCE, HEX_BODY, SQUARESPACE, BIGCOMMERCE, STANDARD_WEBHOOKS, STRIPE, PADDLE, SQUARE, ECWID]

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
URL = "https://hooks.shop.example/hooks/1"
BODY = b'{"eventId":"e-1","eventCreated":1763640000,"total":"19.99"}'
WORDS = "word" * 8  # every key type can read it: text, base64 and (below) hexadecimal
SECRET = base64.b64encode(WORDS.encode()).decode()


def secret_for(scheme: Scheme, word: str = "word") -> str:
    return {"hex": (word * 8).encode().hex(), "base64": "whsec_" + base64.b64encode((word * 8).encode()).decode()}.get(scheme.key, word * 8)


def signed(scheme: Scheme, body: bytes = BODY, word: str = "word", at: datetime = NOW) -> dict[str, list[str]]:
    headers = sign(
        scheme, body, secret_for(scheme, word), id="msg_1" if scheme.id_header else "", timestamp=at if scheme.timed else None, url=URL
    )
    return {name: [value] for name, value in headers.items()}


def accept(
    scheme: Scheme, headers: dict[str, list[str]], body: bytes = BODY, secrets: list[str] | None = None, now: datetime = NOW
) -> None:
    verify(scheme, body, headers, [secret_for(scheme)] if secrets is None else secrets, URL, now)


def reason(scheme: Scheme, headers: dict[str, list[str]], body: bytes = BODY, secrets: list[str] | None = None, now: datetime = NOW) -> str:
    with pytest.raises(Rejected) as caught:
        accept(scheme, headers, body, secrets, now)
    return caught.value.reason


def by_header(scheme: Scheme) -> str:
    return f"{scheme.header}-{scheme.key}"


# ---- official vectors -------------------------------------------------------------------------------------------------------------------


def test_shopify_vector() -> None:
    secret = "7008c5f4da4718b9b45d26d3fcbbb157"
    body = b'{"foo":"bar"}'
    verify(SHOPIFY, body, {"x-shopify-hmac-sha256": ["+R9TwYM4mbLTk3hEAOBkpA7zW2lc9vNFmVKs2u2jtyY="]}, [secret], "", NOW)
    verify(SHOPIFY, body, {"shopify-hmac-sha256": ["+R9TwYM4mbLTk3hEAOBkpA7zW2lc9vNFmVKs2u2jtyY="]}, [secret], "", NOW)


def test_shopware_vectors() -> None:
    scheme = Scheme(header="shopware-shop-signature", encoding="hex")
    signature = "dc46983557fea127b43af721467eb9b3fde2338fe3e14f51952aa8478c13d355"
    verify(scheme, b"body", {"shopware-shop-signature": [signature]}, ["secret"], "", NOW)
    query = b"shop-id=123&shop-url=https://my-shop.com&timestamp=1234567890"
    assert sign(scheme, query, "my-secret") == {
        "shopware-shop-signature": "96c91f86c822e11444b7a57b54ef125ed86b1a639c5360d45c5397daa8c3f70b"
    }


def test_square_vector() -> None:
    body = b'{"data":{"type":"webhooks","id":">id<"}}'
    headers = {"x-square-hmacsha256-signature": ["Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U="]}
    verify(SQUARE, body, headers, ["signature-key"], "https://webhook.site/webhooks", NOW)
    with pytest.raises(Rejected, match="no accepted secret"):
        verify(SQUARE, body, headers, ["signature-key"], "https://webhook.site/webhook", NOW)


def test_paddle_vector_with_junk_beside_the_signature_and_old_secrets() -> None:
    prefix = "pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_"
    secrets = [prefix + "TjIG2BXbm83HPXqNfziwe506sBEdqL/4", prefix + "WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh"]
    written = "ts=1696195954;h1=dummy;h1=d96299976a6eb066f484d7fde011ac56fc32b38fc9940bc419d6e537fdc6ef02"
    verify(PADDLE, b"hello-world", {"paddle-signature": [written]}, secrets, "", datetime.fromtimestamp(1696195954, UTC))


def test_svix_vector() -> None:
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    sent_at = datetime.fromtimestamp(1614265330, UTC)
    headers = standard_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at, b'{"test": 2432232314}', [secret])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    ("scheme", "secret", "key", "message"),
    [
        (WOOCOMMERCE, "a&amp;b&#039;c&quot;d&lt;&gt;&#x26;", b"a&b'c\"d<>&", BODY),
        (WOOCOMMERCE, "a&amp;lt;b&copy;&AMP;", b"a&lt;b&copy;&AMP;", BODY),  # one pass, WordPress' entities only
        (SQUARESPACE, "00ff10", b"\x00\xff\x10", BODY),
        (BIGCOMMERCE, SECRET, SECRET.encode(), b"msg_1.1795176000." + BODY),
        (STANDARD_WEBHOOKS, "whsec_" + SECRET, WORDS.encode(), b"msg_1.1795176000." + BODY),
        (STANDARD_WEBHOOKS, SECRET.rstrip("="), WORDS.encode(), b"msg_1.1795176000." + BODY),
        (STRIPE, "whsec_" + SECRET, ("whsec_" + SECRET).encode(), b"1795176000." + BODY),
        (PADDLE, "notification", b"notification", b"1795176000:" + BODY),
        (SQUARE, "key", b"key", URL.encode() + BODY),
        (ECWID, "client", b"client", b"1763640000.e-1"),
    ],
)
def test_key_and_message_of_each_scheme(scheme: Scheme, secret: str, key: bytes, message: bytes) -> None:
    digest = hmac.new(key, message, hashlib.sha256).digest()
    expected = digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()
    written = sign(scheme, BODY, secret, id="msg_1", timestamp=NOW, url=URL)[scheme.header]
    assert key_bytes(scheme, secret) == key
    assert expected in written


# ---- the vendors' packages as oracles ---------------------------------------------------------------------------------------------------


@given(body=st.text().map(str.encode), key=st.binary(min_size=24, max_size=64))
def test_standardwebhooks_and_svix_accept_what_we_sign(body: bytes, key: bytes) -> None:
    secrets = [new_secret(bytes(reversed(key))), new_secret(key)]
    headers = standard_headers("msg_2f", datetime.now(UTC), body, secrets)
    for secret in secrets:
        StandardWebhook(secret).verify(body, headers, json_parse=False)
        SvixWebhook(secret).verify(body, headers)
        SvixWebhook(secret).verify(body, {name.replace("webhook", "svix"): value for name, value in headers.items()})


@given(body=st.text(), key=st.binary(min_size=24, max_size=64))
def test_we_accept_what_standardwebhooks_and_svix_sign(body: str, key: bytes) -> None:
    secret = new_secret(key)
    for oracle, prefix in ((StandardWebhook(secret), "webhook"), (SvixWebhook(secret), "svix")):
        signature = oracle.sign("msg_2f", NOW.replace(tzinfo=None), body)
        headers = {f"{prefix}-id": ["msg_2f"], f"{prefix}-timestamp": [str(int(NOW.timestamp()))], f"{prefix}-signature": [signature]}
        verify(STANDARD_WEBHOOKS, body.encode(), headers, [secret], URL, NOW)


# ---- every scheme -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES, ids=by_header)
def test_a_signed_request_is_accepted_under_any_of_the_secrets(scheme: Scheme) -> None:
    accept(scheme, signed(scheme))
    accept(scheme, signed(scheme), secrets=[secret_for(scheme, "else"), "", secret_for(scheme)])
    assert reason(scheme, signed(scheme), secrets=[secret_for(scheme, "else")]) == "bad_signature"


@pytest.mark.parametrize("scheme", SCHEMES, ids=by_header)
def test_without_a_usable_secret_nothing_verifies(scheme: Scheme) -> None:
    empty_key = hmac.new(b"", BODY, hashlib.sha256).digest()
    forged = signed(scheme) | ({scheme.header: [empty_key.hex()]} if scheme.style == "plain" else {})
    assert reason(scheme, forged, secrets=[]) == "no_secret"
    assert reason(scheme, forged, secrets=["", ""]) == "no_secret"


@pytest.mark.parametrize("scheme", SCHEMES, ids=by_header)
def test_missing_empty_and_ambiguous_signature(scheme: Scheme) -> None:
    headers = signed(scheme)
    right = headers[scheme.header][0]
    assert reason(scheme, headers | {scheme.header: []}) == "missing_signature"
    assert reason(scheme, {name: values for name, values in headers.items() if name != scheme.header}) == "missing_signature"
    assert reason(scheme, headers | {scheme.header: [""]}) == "missing_signature"
    assert reason(scheme, headers | {scheme.header: [" \t "]}) == "missing_signature"
    assert reason(scheme, headers | {scheme.header: ["a", right]}) == "ambiguous_signature"
    assert reason(scheme, headers | {scheme.header: [right, right]}) == "ambiguous_signature"


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme is not ECWID], ids=by_header)
def test_every_flipped_bit_of_a_body_is_noticed(scheme: Scheme) -> None:
    body = (BODY * 20)[:128]
    headers = signed(scheme, body)
    accept(scheme, headers, body)
    for bit in range(len(body) * 8):
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        assert reason(scheme, headers, bytes(changed)) == "bad_signature"


@pytest.mark.parametrize("scheme", SCHEMES, ids=by_header)
def test_every_changed_character_of_a_signature_is_noticed(scheme: Scheme) -> None:
    headers = signed(scheme)
    written = headers[scheme.header][0]
    start = written.rindex({"plain": "", "spaced": ",", "pairs": "="}[scheme.style]) + 1 if scheme.style != "plain" else 0
    if scheme.encoding == "base64" and scheme.style == "plain":
        start = 0
    for place in range(start, len(written)):
        for other in {"A", "a", "B", "0", "=", "-", "é", written[place].swapcase()} - {written[place]}:
            changed = written[:place] + other + written[place + 1 :]
            assert reason(scheme, headers | {scheme.header: [changed]}) == "bad_signature", changed


@pytest.mark.parametrize("scheme", SCHEMES, ids=by_header)
@given(written=st.one_of(st.text(max_size=40), st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))))
def test_hostile_headers_are_only_ever_rejected(scheme: Scheme, written: str) -> None:
    for name in signed(scheme):
        with pytest.raises(Rejected):
            accept(scheme, signed(scheme) | {name: [written]})


@pytest.mark.parametrize(
    "written", ["\x00", "\udcff", "a\ud800", "ÿ" * 44, "5" * 5000, "=" * 44, "a,b,c", ",", ";", "t=", "t=1,t=2", "v1,", "٣" * 12, "sha1=00"]
)
@pytest.mark.parametrize("scheme", SCHEMES, ids=by_header)
def test_known_hostile_headers(scheme: Scheme, written: str) -> None:
    for name in signed(scheme):
        with pytest.raises(Rejected):
            accept(scheme, signed(scheme) | {name: [written]})


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"\x00" * 100, "ünïcode 漢字".encode()])
@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme is not ECWID], ids=by_header)
def test_bodies_need_not_be_text(scheme: Scheme, body: bytes) -> None:
    accept(scheme, signed(scheme, body), body)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nonsense", b"\xff", b'{"eventId":"e"}', b'{"eventId":null,"eventCreated":1}', b"[" * 100_000]
)
def test_a_signed_part_of_a_body_that_cannot_be_read(body: bytes) -> None:
    assert reason(ECWID, signed(ECWID), body) == "bad_body"


# ---- single rows of the threat table ----------------------------------------------------------------------------------------------------


def test_a_list_of_signatures_is_bounded() -> None:
    headers = signed(STANDARD_WEBHOOKS)
    right, wrong = headers["webhook-signature"][0], "v1," + "A" * 43 + "="
    accept(STANDARD_WEBHOOKS, headers | {"webhook-signature": [" ".join([*[wrong] * 15, right])]})
    assert reason(STANDARD_WEBHOOKS, headers | {"webhook-signature": [" ".join([right, *[wrong] * 16])]}) == "too_many_signatures"
    assert reason(STANDARD_WEBHOOKS, headers | {"webhook-signature": [" ".join([right, *[wrong] * 1000])]}) == "too_many_signatures"
    pairs = signed(STRIPE)
    time, signature = pairs["stripe-signature"][0].split(",")
    accept(STRIPE, pairs | {"stripe-signature": [",".join([time, *["v1=00"] * 15, signature])]})
    assert reason(STRIPE, pairs | {"stripe-signature": [",".join([time, signature, *["v1=00"] * 16])]}) == "too_many_signatures"


def test_other_spellings_of_the_same_digest_are_refused() -> None:
    headers = signed(SHOPIFY)
    right = headers[SHOPIFY.header][0]
    last = right[-2]  # of the last character before the padding two bits are not used: three other characters decode alike
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = [alphabet[alphabet.index(last) & ~3 | bits] for bits in range(4)]
    spellings = {right[:-2] + other + "=" for other in loose} - {right}
    assert len(spellings) == 3
    assert {base64.b64decode(spelling) for spelling in spellings} == {base64.b64decode(right)}
    for spelling in [*spellings, right.rstrip("="), right + "=", right[:10] + "\n" + right[10:], right[:10] + "!" + right[10:]]:
        assert reason(SHOPIFY, {SHOPIFY.header: [spelling]}) == "bad_signature"
    assert reason(HEX_BODY, {"signature": [signed(HEX_BODY)["signature"][0].upper()]}) == "bad_signature"


def test_the_wrong_encoding_is_named() -> None:
    digest = base64.b64decode(signed(SHOPIFY)[SHOPIFY.header][0])
    assert reason(SHOPIFY, {SHOPIFY.header: [digest.hex()]}) == "wrong_encoding"
    assert reason(HEX_BODY, {"signature": [base64.b64encode(digest).decode()]}) == "wrong_encoding"


@pytest.mark.parametrize("name", ["v0", "v1a", "V1", "none", "", "alg=none"])
def test_the_sender_cannot_choose_the_algorithm(name: str) -> None:
    headers = signed(STANDARD_WEBHOOKS)
    signature = headers["webhook-signature"][0].removeprefix("v1,")
    assert reason(STANDARD_WEBHOOKS, headers | {"webhook-signature": [f"{name},{signature}"]}) == "bad_signature"
    pairs = signed(STRIPE)["stripe-signature"][0].replace("v1=", f"{name}=")
    assert reason(STRIPE, {"stripe-signature": [pairs]}) == "bad_signature"


@pytest.mark.parametrize("scheme", [STANDARD_WEBHOOKS, STRIPE], ids=by_header)
def test_the_tolerance_is_exact_both_ways(scheme: Scheme) -> None:
    for seconds in (0, 299, 300):
        accept(scheme, signed(scheme, at=NOW - timedelta(seconds=seconds)))
        accept(scheme, signed(scheme, at=NOW + timedelta(seconds=seconds)))
    assert reason(scheme, signed(scheme, at=NOW - timedelta(seconds=301))) == "old_timestamp"
    assert reason(scheme, signed(scheme, at=NOW + timedelta(seconds=301))) == "future_timestamp"
    assert reason(scheme, signed(scheme, at=NOW - timedelta(days=90)), secrets=[secret_for(scheme, "else")]) == "bad_signature"


@pytest.mark.parametrize("written", ["nan", "1e9", "1_700_000_000", "17 00", "١٧٠٠", "+1", "-1", "1" * 13, "9" * 5000, "1.5", "0x10"])
def test_timestamps_are_plain_digits(written: str) -> None:
    assert reason(STANDARD_WEBHOOKS, signed(STANDARD_WEBHOOKS) | {"webhook-timestamp": [written]}) == "bad_timestamp"
    assert reason(STRIPE, {"stripe-signature": [f"t={written},v1=00"]}) == "bad_timestamp"


def test_the_largest_timestamp_is_only_in_the_future() -> None:
    message = b"msg_1.999999999999." + BODY
    signature = base64.b64encode(hmac.digest(WORDS.encode(), message, "sha256")).decode()
    headers = {"webhook-id": ["msg_1"], "webhook-timestamp": ["999999999999"], "webhook-signature": [f"v1,{signature}"]}
    assert reason(STANDARD_WEBHOOKS, headers) == "future_timestamp"


def test_timestamps_once_and_only_once() -> None:
    headers = signed(STANDARD_WEBHOOKS)
    assert reason(STANDARD_WEBHOOKS, headers | {"webhook-timestamp": headers["webhook-timestamp"] * 2}) == "ambiguous_timestamp"
    assert reason(STANDARD_WEBHOOKS, headers | {"webhook-timestamp": []}) == "missing_timestamp"
    assert reason(STRIPE, {"stripe-signature": ["t=1,t=2,v1=00"]}) == "ambiguous_timestamp"
    assert reason(STRIPE, {"stripe-signature": ["v1=00"]}) == "missing_timestamp"


@pytest.mark.parametrize("written", ["a.b", "x" * 257, "a\x01b", "a b", "ä"])
def test_ids_are_visible_ascii_without_a_full_stop(written: str) -> None:
    assert reason(STANDARD_WEBHOOKS, signed(STANDARD_WEBHOOKS) | {"webhook-id": [written]}) == "bad_id"
    with pytest.raises(ValueError, match="webhook-id"):
        standard_headers(written, NOW, BODY, ["whsec_" + SECRET])


def test_an_absent_or_repeated_id() -> None:
    assert reason(STANDARD_WEBHOOKS, signed(STANDARD_WEBHOOKS) | {"webhook-id": []}) == "missing_id"
    assert reason(STANDARD_WEBHOOKS, signed(STANDARD_WEBHOOKS) | {"webhook-id": ["a", "b"]}) == "ambiguous_id"


# ---- secrets ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "secret", "problem"),
    [
        (SHOPIFY, "", "is empty"),
        (SHOPIFY, "brief", "is too short: its key has 5 bytes, at least 16"),
        (SHOPIFY, " " + "long" * 8, "white space"),
        (STANDARD_WEBHOOKS, "whsec_", "is empty"),
        (STANDARD_WEBHOOKS, "whsec_" + "!" * 40, "not valid base64"),
        (STANDARD_WEBHOOKS, "whsec_ä", "not valid base64"),
        (STANDARD_WEBHOOKS, "whsec_" + base64.b64encode(b"short").decode(), "has 5 bytes"),
        (SQUARESPACE, "0" * 63, "not valid pairs of hexadecimal digits"),
        (SQUARESPACE, "٠" * 64, "not valid pairs of hexadecimal digits"),
        (SHOPIFY, "\ud800" * 20, "not valid Unicode text"),
    ],
)
def test_bad_secrets_are_named_but_not_shown(scheme: Scheme, secret: str, problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem) as caught:
        check_secret(scheme, secret, 16)
    assert caught.value.setting == "secret"
    assert not secret.strip() or secret.strip() not in str(caught.value)


@pytest.mark.parametrize("scheme", SCHEMES, ids=by_header)
def test_good_secrets_pass(scheme: Scheme) -> None:
    check_secret(scheme, secret_for(scheme), 32)


def test_new_secrets_are_standard() -> None:
    secret = new_secret(b"word" * 8)
    assert secret == "whsec_" + base64.b64encode(b"word" * 8).decode()
    check_secret(STANDARD_WEBHOOKS, secret, 24)
    for length in (0, 23, 65):
        with pytest.raises(ValueError, match="24 to 64"):
            new_secret(b"x" * length)


def test_signing_needs_what_the_scheme_signs() -> None:
    with pytest.raises(ValueError, match="timestamp"):
        sign(STRIPE, BODY, "secret")
    with pytest.raises(Misconfigured, match="none to sign with"):
        standard_headers("msg_1", NOW, BODY, [])


def test_schemes_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="id_header"):
        Scheme(header="x", message="{id}")
    with pytest.raises(ValueError, match="timestamp_header"):
        Scheme(header="x", tolerance=timedelta(minutes=5))
    with pytest.raises(ValueError, match="lower case"):
        Scheme(header="X-Signature")
