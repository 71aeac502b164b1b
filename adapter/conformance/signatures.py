"""Hostile signatures: only the exact bytes, signed with a secret of this source, come in."""

import json
from dataclasses import replace

import pytest

from adapter.conformance.base import NOW, URL, Suite
from adapter.errors import Rejected
from adapter.signature import Scheme, sign

_FLIPPED_BYTES = 512


class SignatureTests(Suite):
    """Every test signs a recorded body rightly and then changes one thing."""

    def test_signed_request_passes(self) -> None:
        """What the platform signs is accepted, for every recorded body."""
        secret, _ = self.secrets()
        for case in self.cases():
            self.verify(case.body, _lists(self.sign(case.body, secret)), [secret])

    def test_missing_signature_is_refused(self) -> None:
        """No header at all, or one without a value."""
        assert self._refused(self._with(None)).startswith("missing_")
        assert self._refused(self._with([])).startswith("missing_")

    @pytest.mark.parametrize("value", ["", " ", "\t "])
    def test_empty_signature_is_refused(self, value: str) -> None:
        """An empty value is no signature."""
        self._refused(self._with([value]))

    def test_signature_sent_twice_is_refused(self) -> None:
        """Which of two values counts is not for the sender to choose, even when one or both are right."""
        right = self._right
        for values in (["wrong", right], [right, "wrong"], [right, right]):
            self._refused(self._with(values))

    def test_every_changed_signature_is_refused(self) -> None:
        """One character of the header's value changed, at each place."""
        right = self._right
        for place, character in enumerate(right):
            changed = "A" if character != "A" else "B"
            self._refused(self._with([right[:place] + changed + right[place + 1 :]]))

    def test_other_secret_is_refused(self) -> None:
        """Signed with a secret that is not one of this source."""
        self._refused(_lists(self.sign(self._body, self.secrets()[1])))

    def test_empty_secret_never_verifies(self) -> None:
        """A source without a usable secret accepts nothing."""
        for secrets in ([], [""]):
            self._refused(self._headers(), secrets=secrets)

    def test_every_flipped_bit_is_refused(self) -> None:
        """One bit of the body changed, at each place of its beginning, and at its end."""
        headers, body = self._headers(), self._body
        for bit in [*range(min(len(body), _FLIPPED_BYTES) * 8), len(body) * 8 - 1]:
            changed = bytearray(body)
            changed[bit // 8] ^= 1 << bit % 8
            self._refused(headers, body=bytes(changed))

    def test_reserialised_body_is_refused(self) -> None:
        """The same JSON in other bytes was not signed."""
        value = json.loads(self._body)
        for changed in (json.dumps(value, indent=7).encode(), json.dumps(value, separators=(" ,", " :")).encode(), self._body + b"\n"):
            assert changed != self._body
            self._refused(self._headers(), body=changed)

    def test_other_encoding_is_refused(self) -> None:
        """The right digest in hexadecimal where base64 is expected, or the reverse."""
        scheme = self.connector.signature
        if not isinstance(scheme, Scheme):
            pytest.skip("the signature is a function of the connector's own")
        other = replace(scheme, encoding="hex" if scheme.encoding == "base64" else "base64")
        self._refused(_lists(sign(other, self._body, self.secrets()[0], id="msg_conformance", timestamp=NOW, url=URL)))

    @pytest.mark.parametrize("value", ["ünïcode", "\udcff\udcfe", "٠١٢", "a\x00b", "=" * 5_000], ids=ascii)
    def test_strange_signature_is_refused(self, value: str) -> None:
        """What is not ASCII is refused like any other wrong signature, alone and behind the right one: no other exception comes out."""
        self._refused(self._with([value]))
        self._refused(self._with([self._right + value]))

    def test_old_secret_is_accepted_while_listed(self) -> None:
        """During a rotation both secrets count; afterwards the old one does not."""
        new, old = self.secrets()
        headers = _lists(self.sign(self._body, old))
        self.verify(self._body, headers, [new, old])
        self._refused(headers, secrets=[new])

    @property
    def _body(self) -> bytes:
        return self.cases()[0].body

    @property
    def _header(self) -> str:
        """The header that holds the signature: where it is not data, the one that another secret changes."""
        if isinstance(self.connector.signature, Scheme):
            return self.connector.signature.header
        first, second = (self.sign(self._body, secret) for secret in self.secrets())
        return next(name.lower() for name, value in first.items() if value != second[name])

    @property
    def _right(self) -> str:
        return self._headers()[self._header][0]

    def _headers(self) -> dict[str, list[str]]:
        """Those of a rightly signed request."""
        return _lists(self.sign(self._body, self.secrets()[0]))

    def _with(self, values: list[str] | None) -> dict[str, list[str]]:
        """Right headers with these values of the signature in place of the right one; None leaves it out."""
        headers = self._headers()
        return {name: given for name, given in {**headers, self._header: values}.items() if given is not None}

    def _refused(self, headers: dict[str, list[str]], *, body: bytes | None = None, secrets: list[str] | None = None) -> str:
        """Assert that a request is refused, and give the reason."""
        with pytest.raises(Rejected) as refusal:
            self.verify(self._body if body is None else body, headers, [self.secrets()[0]] if secrets is None else secrets)
        assert refusal.value.reason
        return refusal.value.reason


def _lists(headers: dict[str, str]) -> dict[str, list[str]]:
    return {name.lower(): [value] for name, value in headers.items()}
