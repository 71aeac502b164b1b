"""The whole suite: signatures, facts, hostile bodies, and the form of a connector's package."""

import re
import typing

import pytest
from pydantic import SecretBytes, SecretStr

from adapter.conformance.facts import FactTests
from adapter.conformance.hostile import HostileTests
from adapter.conformance.purity import impurities
from adapter.conformance.signatures import SignatureTests
from adapter.connector import Connector, SourceSettings

_SECRET_NAMES = re.compile(r"(^|_)(secrets?|tokens?|passwords?|key)$")


class FormTests(SignatureTests, FactTests, HostileTests):
    """The package itself."""

    def test_it_is_a_connector(self) -> None:
        """A frozen value with a name that can stand in a configuration and in a path, and headers in lower case."""
        assert isinstance(self.connector, Connector)
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,62}", self.connector.name)
        assert self.connector.title.strip()
        assert self.connector.events
        assert all(name == name.lower() for name in self.connector.headers)
        assert self.connector.short_secret >= 16

    def test_code_is_pure(self) -> None:
        """No import of I/O, clocks or randomness, nothing of the adapter beyond the contract, no other connector."""
        package = self.connector.readme or self.connector.hint.__module__.rpartition(".")[0]
        assert impurities(self.folder(), package) == []

    def test_settings_are_described(self) -> None:
        """Forms and docs are made from the settings: every field has a description, and what must stay secret is a `SecretStr`."""
        settings = self.connector.settings
        assert issubclass(settings, SourceSettings)
        for name, field in settings.model_fields.items():
            assert field.description, f"{name} has no description"
            if _SECRET_NAMES.search(name):
                assert _mentions_secret(field.annotation), f"{name} is not a SecretStr"

    def test_readme_mentions_every_topic(self) -> None:
        """The merchant reads there what each topic leads to."""
        readme = (self.folder() / "README.md").read_text(encoding="utf-8")
        assert [topic for topic in self.connector.events if topic not in readme] == []


class ConnectorSuite(FormTests):
    """What every connector must pass. A subclass names its `connector`; see `adapter.conformance.base.Suite` for the rest."""

    def test_no_override(self) -> None:
        """A standard test is neither removed nor replaced. One that cannot pass yet is overridden with `@pytest.mark.xfail(reason=…)`."""
        replaced = [name for name in dir(ConnectorSuite) if name.startswith("test_") and not _kept(type(self), name)]
        assert replaced == [], "give each of them @pytest.mark.xfail(reason=…), or remove it from the suite"


def _kept(suite: type, name: str) -> bool:
    own = getattr(suite, name, None)
    marks: list[pytest.Mark] = getattr(own, "pytestmark", [])
    return own is getattr(ConnectorSuite, name) or any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)


def _mentions_secret(annotation: object) -> bool:
    return annotation in (SecretStr, SecretBytes) or any(_mentions_secret(part) for part in typing.get_args(annotation))
