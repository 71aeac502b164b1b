"""What a suite is told about its connector, and how its tests get their cases."""

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from adapter.conformance.fixtures import Case, discover, package_folder
from adapter.connector import Connector, SourceSettings
from adapter.signature import Scheme, sign, verify

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
URL = "https://adapter.example/hooks/conformance"


class Suite:
    """A subclass names its connector. The rest has defaults that suit most."""

    connector: ClassVar[Connector]
    settings: ClassVar[SourceSettings | None] = None
    """The source's settings for cases without a file of their own; default: what `connector.settings` is without any."""
    secret: ClassVar[str | None] = None
    """A signing secret in the platform's form; default: one made for the scheme."""
    fixtures: ClassVar[Path | None] = None
    """Default: `fixtures/` in the connector's package."""
    mutation_limit: ClassVar[int] = 3_000
    """About how many changed bodies are tried for each case."""

    @classmethod
    def folder(cls) -> Path:
        """The connector's package."""
        return package_folder(cls.connector)

    @classmethod
    def cases(cls) -> list[Case]:
        """Every recorded delivery."""
        return discover(cls.connector, cls.fixtures or cls.folder() / "fixtures", cls.settings)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """`case` is every delivery whose topic has a translator, `any_case` is every delivery."""
        if {"case", "any_case"} & set(metafunc.fixturenames):
            cases = self.cases()
            for name, wanted in (("case", [case for case in cases if case.translated]), ("any_case", cases)):
                if name in metafunc.fixturenames:
                    metafunc.parametrize(name, wanted, ids=str)

    def secrets(self) -> tuple[str, str]:
        """The source's secret, and another one that is just as well formed."""
        scheme = self.connector.signature
        key = scheme.key if isinstance(scheme, Scheme) else "utf8"
        made = [_secret(key, word * 8) for word in (b"conform!", b"another!")]
        return self.secret or made[0], made[1]

    def sign(self, body: bytes, secret: str) -> dict[str, str]:
        """The headers of a signed request. A connector whose signature is a function of its own overrides this."""
        scheme = self.connector.signature
        if not isinstance(scheme, Scheme):
            pytest.fail("the connector's signature is a function: override `sign` in the suite with the platform's way of signing")
        return sign(scheme, body, secret, id="msg_conformance", timestamp=NOW, url=URL)

    def verify(self, body: bytes, headers: dict[str, list[str]], secrets: list[str]) -> None:
        """Verify as the door does. Raises `Rejected`."""
        scheme = self.connector.signature
        if isinstance(scheme, Scheme):
            verify(scheme, body, headers, secrets, URL, NOW)
        else:
            scheme(body, headers, secrets, URL, NOW)


def _secret(key: str, raw: bytes) -> str:
    if key == "base64":
        return "whsec_" + base64.b64encode(raw).decode()
    return raw.hex() if key == "hex" else raw.decode()
