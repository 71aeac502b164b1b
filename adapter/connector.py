"""THE CONTRACT of a connector, and how connectors are found.

A connector is one frozen value of data and pure functions: no base class, no state, no socket, no clock. It says how one platform's
webhooks are recognised, authenticated and read; everything else (storing, de-duplicating, folding, routing, retrying) is the core's.

Built-in and third-party connectors are found the same way, by an entry point in the group `storefront_adapter.connectors`. It names a
`Connector`, or a package each of whose sub-packages has a `connector`: so a new folder under `connectors/` needs no edit elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict

from adapter.domain.event import Event
from adapter.errors import Misconfigured
from adapter.signature import Scheme, Verify

ENTRY_POINTS = "storefront_adapter.connectors"

Json = Any
"""A parsed JSON value: numbers with a point are Decimals, integers are ints, nothing is a float."""

Headers = Mapping[str, str]
"""Header names in lower case. Only the allow-listed ones of `Connector.headers` are kept with a delivery."""


class SourceSettings(BaseModel):
    """Base of what a merchant fills in for a source. Secrets are `SecretStr`; every field has a description, shown in forms and docs."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Hint:
    """What unsigned headers claim. Used to pick a translator, to show and to search; never as a fact that money depends on."""

    topic: str = ""
    delivery_id: str = ""
    shop: str = ""


@dataclass(frozen=True)
class Answer:
    """A reply to a handshake, given instead of storing a delivery."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True)
class Inbound:
    """A request at the door, before verification. `url` is built from the configured public address, never from the Host header."""

    method: str
    url: str
    headers: Headers
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pull:
    """A request to the platform that is needed to read a delivery, described as data. The core executes it (GET unless said) and hands the
    parsed JSON to `translate` as `context.pulled[name]`. `optional`: a failure leaves the name out instead of failing the delivery."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: Json = None
    optional: bool = False


@dataclass(frozen=True)
class Context:
    """What a translator may know beside the payload."""

    topic: str
    settings: SourceSettings
    hint: Hint = Hint()
    pulled: Mapping[str, Json] = field(default_factory=dict)


Translate = Callable[[Json, Context], Sequence[Event]]
"""Payload to facts. Raises `GiveUp` (with the field and what was expected) for a body that is not what its topic promises, and `Ignored`
for one that is deliberately nothing (a draft, a sample)."""


def topic_from_hint(payload: Json, hint: Hint) -> str:
    """The topic that the headers claim: right for platforms whose body does not name its topic."""
    return hint.topic


@dataclass(frozen=True)
class Connector:
    """How one platform's webhooks are recognised, authenticated and read."""

    name: str
    """Lower case, the folder's name and the value of `connector = …` in a configuration."""
    title: str
    signature: Scheme | Verify
    """A scheme as data, or a function where the platform has a scheme of its own."""
    events: Mapping[str, Translate]
    """Topic to translator. A topic in neither `events` nor `ignored` is recorded as unknown, once with a notice."""
    hint: Callable[[Headers], Hint]
    headers: frozenset[str] = frozenset()
    """The headers (lower case) that are kept with a delivery."""
    topic: Callable[[Json, Hint], str] = topic_from_hint
    """The topic of a verified, parsed body; platforms that name it inside the body read it from there."""
    ignored: frozenset[str] = frozenset()
    handshake: Callable[[Inbound, SourceSettings], Answer | None] | None = None
    """Pings and challenges: an answer, or None when the request is an ordinary delivery. Runs before verification."""
    check: Callable[[Inbound, SourceSettings], str | None] | None = None
    """After verification: why this request, although signed, is not for this source (another shop's), or None."""
    pull: Callable[[Json, Context], Sequence[Pull]] | None = None
    """The requests that a payload needs, given the source's settings; empty when the credentials for them are not set."""
    settings: type[SourceSettings] = SourceSettings
    short_secret: int = 16
    """Signing secrets with fewer characters are refused."""
    readme: str = ""
    """The connector's package, for `connector list` and the docs table."""


def _loaded(value: object, origin: str) -> Iterator[Connector]:
    if isinstance(value, Connector):
        yield value
    elif isinstance(value, ModuleType) and hasattr(value, "__path__"):
        for module in iter_modules(value.__path__):
            if module.ispkg:
                yield from _loaded(
                    getattr(import_module(f"{value.__name__}.{module.name}"), "connector", None), f"{value.__name__}.{module.name}"
                )
    else:
        raise Misconfigured(f"connector {origin}", "has no `connector` that is a Connector value")


@cache
def connectors() -> Mapping[str, Connector]:
    """Every installed connector by name. Raises `Misconfigured` when two share a name or an entry point names no `Connector`."""
    found: dict[str, Connector] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        for connector in _loaded(entry.load(), entry.value):
            if connector.name in found:
                raise Misconfigured(f"connector {connector.name}", "is installed twice; uninstall one of them")
            found[connector.name] = connector
    return dict(sorted(found.items()))


def connector(name: str) -> Connector:
    """The connector of that name. Raises `Misconfigured` naming those that exist."""
    try:
        return connectors()[name]
    except KeyError:
        raise Misconfigured("connector", f"{name!r} is not installed; there are: {', '.join(connectors())}") from None
