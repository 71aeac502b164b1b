"""Signature schemes as data; signing and verifying. One implementation for all platforms, constant in time, total over hostile input."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Literal

from adapter.domain.parsing import parse_json
from adapter.errors import GiveUp, Misconfigured, Rejected

MAXIMUM_SIGNATURES = 16
"""More signatures than this in one header are refused, so that the work for a request is bounded."""

STANDARD_PREFIX = "whsec_"
"""What Standard Webhooks write before a base64 key."""

_PLACEHOLDER = re.compile(r"\{(body|id|timestamp|url|json:[^{}]+)\}")
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDPRESS_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|#0*(?:34|38|39|60|62)|#x0*(?:22|26|27|3[cC]|3[eE]));")


@dataclass(frozen=True)
class Scheme:
    """How a platform signs a request with HMAC-SHA256.

    `message` is a template over `{body}`, `{id}`, `{timestamp}`, `{url}` and `{json:name}` (a text or whole number at the top of a JSON
    body, for platforms that sign only a part of it). `style` says how the header is written: `plain` (the signature alone), `spaced`
    (Standard Webhooks: `v1,<signature>` separated by spaces), `pairs` (`t=…,v1=…` separated by `separator`, with the names
    `timestamp_pair` and `signature_pair`). `key` says what the secret's text stands for: `utf8` its own bytes, `base64` (with or without
    `whsec_`), `hex`, `html` its bytes after decoding the entities that WordPress writes. `aliases` gives a header's other name.
    """

    header: str
    encoding: Literal["base64", "hex"] = "base64"
    key: Literal["utf8", "base64", "hex", "html"] = "utf8"
    message: str = "{body}"
    style: Literal["plain", "spaced", "pairs"] = "plain"
    version: str = "v1"
    signature_pair: str = "v1"
    timestamp_pair: str = "t"
    separator: Literal[",", ";"] = ","
    id_header: str | None = None
    timestamp_header: str | None = None
    tolerance: timedelta | None = None
    """How far the signed time may be from now, both ways; None where nothing is to be checked."""
    aliases: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.header != self.header.lower():
            raise ValueError(f"the header {self.header} must be written in lower case")
        if "{id}" in self.message and self.id_header is None:
            raise ValueError(f"the scheme of {self.header} signs an id: name its `id_header`")
        if not self.timed and ("{timestamp}" in self.message or self.tolerance is not None):
            raise ValueError(f"the scheme of {self.header} needs a time: name its `timestamp_header` or use pairs")

    @property
    def timed(self) -> bool:
        """Whether a request of this scheme carries a time."""
        return self.timestamp_header is not None or self.style == "pairs"


Verify = Callable[[bytes, Mapping[str, Sequence[str]], Sequence[str], str, datetime], None]
"""(body, headers with all their values by lower-case name, accepted secrets, url, now) -> None, or raises `Rejected`."""

STANDARD_WEBHOOKS = Scheme(
    header="webhook-signature",
    key="base64",
    message="{id}.{timestamp}.{body}",
    style="spaced",
    id_header="webhook-id",
    timestamp_header="webhook-timestamp",
    tolerance=timedelta(minutes=5),
    aliases={"webhook-id": "svix-id", "webhook-timestamp": "svix-timestamp", "webhook-signature": "svix-signature"},
)
"""Standard Webhooks 1.0, symmetric keys: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""


def verify(scheme: Scheme, body: bytes, headers: Mapping[str, Sequence[str]], secrets: Sequence[str], url: str, now: datetime) -> None:
    """Return when one of `secrets` signed this request, else raise `Rejected`; nothing else comes out, whatever the sender wrote.

    `headers` holds every value of each header by lower-case name, `url` is the public address of the source, `now` is aware. Reasons:
    `missing_…`, `ambiguous_…` and `bad_…` with `signature`, `id` or `timestamp`; `too_many_signatures`, `bad_body`, `wrong_encoding`
    (rightly signed, but hexadecimal for base64 or the reverse), `old_timestamp`, `future_timestamp`, `no_secret`. The times are judged
    last, so that their reasons are only said of requests that were really signed.
    """
    written = _one(scheme, headers, scheme.header, "signature")
    signatures, paired_timestamp = _read(scheme, written)
    id = _one(scheme, headers, scheme.id_header, "id") if scheme.id_header else ""
    if scheme.id_header and not _ID.fullmatch(id):
        raise Rejected("bad_id", f"{scheme.id_header} is not 1 to 256 visible ASCII characters without a full stop")
    timestamp = _one(scheme, headers, scheme.timestamp_header, "timestamp") if scheme.timestamp_header else paired_timestamp
    if scheme.timed and not _TIMESTAMP.fullmatch(timestamp):
        raise Rejected("bad_timestamp", "the signed time is not a whole number of seconds")
    message = _message(scheme, body, id, timestamp, url)
    _match(scheme, message, signatures, _usable_keys(scheme, secrets))
    if scheme.tolerance is not None:
        age = now - _EPOCH - timedelta(seconds=int(timestamp))
        if age > scheme.tolerance:
            raise Rejected("old_timestamp", f"signed {int(age.total_seconds())} s ago; only {scheme.tolerance} are accepted")
        if -age > scheme.tolerance:
            raise Rejected("future_timestamp", f"signed {-int(age.total_seconds())} s in the future; compare the clocks")


def sign(scheme: Scheme, body: bytes, secret: str, *, id: str = "", timestamp: datetime | None = None, url: str = "") -> dict[str, str]:
    """The headers that a sender of this scheme sets. Raises `ValueError` when the scheme needs an `id` or a `timestamp` that is not given,
    `Misconfigured` for an unusable secret."""
    return _signed(scheme, body, [secret], id=id, timestamp=timestamp, url=url)


def standard_headers(id: str, timestamp: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The Standard Webhooks headers of one attempt, signed with every one of `secrets`, newest first: consumers that have already changed
    to the new secret and those that have not both find theirs. Raises as `sign`."""
    return _signed(STANDARD_WEBHOOKS, body, secrets, id=id, timestamp=timestamp)


def key_bytes(scheme: Scheme, secret: str) -> bytes:
    """The HMAC key that a secret's text stands for. Raises `Misconfigured` when it cannot be decoded or is empty. Never name the value."""
    try:
        key = _DECODERS[scheme.key](secret)
    except (ValueError, binascii.Error):
        raise Misconfigured("secret", f"is not valid {_KEY_NAMES[scheme.key]}; copy it again from where it is shown") from None
    if not key:
        raise Misconfigured("secret", "is empty; copy it from where the platform shows it")
    return key


def check_secret(scheme: Scheme, secret: str, minimum: int) -> None:
    """Raise `Misconfigured` for a secret that is empty, undecodable, framed by white space or whose key has fewer than `minimum` bytes."""
    if secret != secret.strip():
        raise Misconfigured("secret", "starts or ends with white space; copy it again without")
    length = len(key_bytes(scheme, secret))
    if length < minimum:
        raise Misconfigured("secret", f"is too short: its key has {length} bytes, at least {minimum} are needed; make a longer one")


def new_secret(random: bytes) -> str:
    """A Standard Webhooks secret from 24 to 64 random bytes, which the caller draws."""
    if not 24 <= len(random) <= 64:
        raise ValueError(f"a secret is made of 24 to 64 random bytes, not of {len(random)}")
    return STANDARD_PREFIX + base64.b64encode(random).decode()


def _one(scheme: Scheme, headers: Mapping[str, Sequence[str]], name: str, what: str) -> str:
    """The only value of a header, or of its alias where it is absent."""
    values = headers.get(name) or headers.get((scheme.aliases or {}).get(name, "")) or ()
    if len(values) > 1:
        raise Rejected(f"ambiguous_{what}", f"{name} was sent {len(values)} times")
    value = values[0].strip(" \t") if values else ""
    if not value:
        raise Rejected(f"missing_{what}", f"{name} is missing or empty")
    return value


def _read(scheme: Scheme, written: str) -> tuple[list[str], str]:
    """The signatures of the scheme's own version in a header, and the time where the header holds it. Others are passed over: which
    algorithm counts is ours to say, not the sender's."""
    if scheme.style == "plain":
        return [written], ""
    parts = written.split(" " if scheme.style == "spaced" else scheme.separator, MAXIMUM_SIGNATURES + 1)
    if len(parts) > MAXIMUM_SIGNATURES + (scheme.style == "pairs"):
        raise Rejected("too_many_signatures", f"more than {MAXIMUM_SIGNATURES} signatures in {scheme.header}")
    if scheme.style == "spaced":
        return [value for name, _, value in (part.partition(",") for part in parts) if name == scheme.version], ""
    pairs = [(name.strip(" \t"), value) for name, _, value in (part.partition("=") for part in parts)]
    times = [value for name, value in pairs if name == scheme.timestamp_pair]
    if not times:
        raise Rejected("missing_timestamp", f"{scheme.header} has no {scheme.timestamp_pair}=")
    if len(times) > 1:
        raise Rejected("ambiguous_timestamp", f"{scheme.header} has more than one {scheme.timestamp_pair}=")
    return [value for name, value in pairs if name == scheme.signature_pair], times[0]


def _message(scheme: Scheme, body: bytes, id: str, timestamp: str, url: str) -> bytes:
    """What is signed. Every second part of the split template is the name of a placeholder."""
    message = b""
    for index, part in enumerate(_PLACEHOLDER.split(scheme.message)):
        if index % 2 == 0:
            message += part.encode()
        elif part == "body":
            message += body
        elif part.startswith("json:"):
            message += _json_value(body, part.removeprefix("json:"))
        else:
            message += {"id": id, "timestamp": timestamp, "url": url}[part].encode("utf-8", "surrogatepass")
    return message


def _json_value(body: bytes, name: str) -> bytes:
    try:
        payload = parse_json(body)
    except GiveUp as error:
        raise Rejected("bad_body", f"the signed {name} cannot be read: {error}") from None
    value = payload.get(name) if isinstance(payload, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Rejected("bad_body", f"the signed {name} is missing from the body, or neither a text nor a whole number")
    return str(value).encode()


def _usable_keys(scheme: Scheme, secrets: Sequence[str]) -> list[bytes]:
    """The keys of all secrets that have one: an empty secret must never verify, and one bad secret must not disable the others."""
    keys = []
    for secret in secrets:
        try:
            keys.append(key_bytes(scheme, secret))
        except Misconfigured:
            continue
    if not keys:
        raise Rejected("no_secret", "this source has no usable secret, so that nothing can be verified")
    return keys


def _match(scheme: Scheme, message: bytes, signatures: Sequence[str], keys: Sequence[bytes]) -> None:
    """Raise `Rejected` unless a signature is the scheme's only spelling of a right digest.

    Our digest is encoded and compared as text; the sender's is never decoded. So there is no second spelling (other letter case, missing
    padding, loose base64 bits, junk) that could pass. No early exit: the time does not tell which secret or which signature was near.
    """
    given = [signature.encode("utf-8", "surrogatepass") for signature in signatures]
    other: Literal["base64", "hex"] = "hex" if scheme.encoding == "base64" else "base64"
    matched = misencoded = False
    for key in keys:
        digest = hmac.digest(key, message, hashlib.sha256)
        for signature in given:
            matched |= hmac.compare_digest(_encoded(digest, scheme.encoding), signature)
            misencoded |= hmac.compare_digest(_encoded(digest, other), signature)
    if misencoded and not matched:
        raise Rejected("wrong_encoding", f"rightly signed, but written as {other} where {scheme.encoding} is expected")
    if not matched:
        raise Rejected("bad_signature", "no accepted secret made this signature: another secret, or the body was changed on its way")


def _signed(scheme: Scheme, body: bytes, secrets: Sequence[str], *, id: str, timestamp: datetime | None, url: str = "") -> dict[str, str]:
    if scheme.id_header and not _ID.fullmatch(id):
        raise ValueError(f"{scheme.id_header} must be 1 to 256 visible ASCII characters without a full stop")
    if scheme.timed and timestamp is None:
        raise ValueError(f"the scheme of {scheme.header} needs a timestamp")
    if not secrets:
        raise Misconfigured("secret", "there is none to sign with")
    seconds = str((timestamp - _EPOCH) // timedelta(seconds=1)) if timestamp is not None else ""
    message = _message(scheme, body, id, seconds, url)
    signatures = [_encoded(hmac.digest(key_bytes(scheme, secret), message, hashlib.sha256), scheme.encoding).decode() for secret in secrets]
    if scheme.style == "plain":
        written = signatures[0]
    elif scheme.style == "spaced":
        written = " ".join(f"{scheme.version},{signature}" for signature in signatures)
    else:
        pairs = [f"{scheme.timestamp_pair}={seconds}", *(f"{scheme.signature_pair}={signature}" for signature in signatures)]
        written = scheme.separator.join(pairs)
    headers = {scheme.id_header: id, scheme.timestamp_header: seconds, scheme.header: written}
    return {name: value for name, value in headers.items() if name is not None}


def _encoded(digest: bytes, encoding: Literal["base64", "hex"]) -> bytes:
    return base64.b64encode(digest) if encoding == "base64" else digest.hex().encode()


def _base64_key(secret: str) -> bytes:
    """Standard Webhooks keys, padded or not."""
    text = secret.removeprefix(STANDARD_PREFIX).rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _hex_key(secret: str) -> bytes:
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})*", secret):
        raise ValueError("not pairs of hexadecimal digits")
    return bytes.fromhex(secret)


def _html_key(secret: str) -> bytes:
    """WooCommerce stores `a&b` as `a&amp;b` and signs with `wp_specialchars_decode(…, ENT_QUOTES)`: these entities only, in one pass."""
    return _WORDPRESS_ENTITY.sub(lambda entity: unescape(entity[0]), secret).encode()


_DECODERS: Mapping[str, Callable[[str], bytes]] = {"utf8": str.encode, "base64": _base64_key, "hex": _hex_key, "html": _html_key}
_KEY_NAMES = {"utf8": "Unicode text", "html": "Unicode text", "base64": "base64", "hex": "pairs of hexadecimal digits"}
