"""The recorded deliveries of a connector, found by their file names; and the facts that they must become.

`fixtures/<topic>--<case>.json` is a body as the platform sends it; a topic's `/` is written `_` (`orders_create--gift-card.json`).
Beside a case there may be, with the same `<case>`:

- `pulled-<name>--<case>.json`: what `context.pulled[name]` is,
- `settings--<case>.json`: the source's settings; `fixtures/settings.json` holds those of all other cases,
- `expected/<topic>--<case>.json`: the golden, written by a run with `UPDATE_GOLDENS=1` and then read by a person.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from adapter.connector import Connector, Context, Hint, Json, SourceSettings
from adapter.domain.event import Event
from adapter.domain.parsing import parse_json
from adapter.errors import GiveUp, Ignored

EXPECTED = "expected"
_SETTINGS = "settings"
_PULLED = "pulled-"


@dataclass(frozen=True)
class Case:
    """One recorded delivery and what a translator may know beside it."""

    connector: Connector
    path: Path
    topic: str
    context: Context

    def __str__(self) -> str:
        return self.path.stem

    @property
    def body(self) -> bytes:
        """The file's exact bytes."""
        return self.path.read_bytes()

    @cached_property
    def payload(self) -> Json:
        """The parsed body, as the core would hand it over."""
        return parse_json(self.body)

    @property
    def golden(self) -> Path:
        """Where the expected facts stand."""
        return self.path.parent / EXPECTED / self.path.name

    @property
    def translated(self) -> bool:
        """Whether the topic has a translator; an ignored topic has none."""
        return self.topic in self.connector.events

    def translate(self, payload: Json) -> list[Event]:
        """What the translator makes of a body in this one's place. Raises what the translator raises."""
        return list(self.connector.events[self.topic](payload, self.context))

    def events(self) -> list[Event]:
        """The facts of this delivery; none where there is deliberately nothing, or nothing can be read."""
        try:
            return self.translate(self.payload)
        except (Ignored, GiveUp):
            return []

    def outcome(self) -> Json:
        """The golden's content: the events as JSON, or the reason why there are none."""
        try:
            return [event.model_dump(mode="json", exclude_none=True) for event in self.translate(self.payload)]
        except Ignored as reason:
            return {"ignored": str(reason)}
        except GiveUp as reason:
            return {"give_up": str(reason)}


def package_folder(connector: Connector) -> Path:
    """The folder of a connector's package: the one it names in `readme`, else the one in which its `hint` is written."""
    package = connector.readme or connector.hint.__module__.rpartition(".")[0]
    file = import_module(package).__file__
    if file is None:
        raise ValueError(f"connector {connector.name}: {package} is not a package with an __init__.py")
    return Path(file).parent


def topic_of(prefix: str, connector: Connector) -> str:
    """The topic that a file's name stands for: a known one whose `/` were written `_`, else with the first `_` read as `/`."""
    known = sorted({*connector.events, *connector.ignored})
    if prefix in known:
        return prefix
    slashed = next((topic for topic in known if topic.replace("/", "_") == prefix), None)
    if slashed is None and any("/" in topic for topic in known):
        return prefix.replace("_", "/", 1)
    return slashed or prefix


def discover(connector: Connector, folder: Path, settings: SourceSettings | None = None) -> list[Case]:
    """Every case of a fixtures folder, sorted by name. `settings` are those of cases without their own file.

    Raises ValueError naming a file whose name has no `--`, or the settings that the connector needs and nobody gave.
    """
    files = sorted(file for file in folder.glob("*.json") if file.stem != _SETTINGS)
    for file in files:
        if "--" not in file.stem:
            raise ValueError(f"{file}: name it <topic>--<case>.json")
    named = {file: tuple(file.stem.split("--", 1)) for file in files}
    pulled: dict[str, dict[str, Json]] = {}
    own_settings: dict[str, Path] = {}
    for file, (prefix, case) in named.items():
        if prefix.startswith(_PULLED):
            pulled.setdefault(case, {})[prefix.removeprefix(_PULLED)] = parse_json(file.read_bytes())
        elif prefix == _SETTINGS:
            own_settings[case] = file
    cases = []
    for file, (prefix, case) in named.items():
        if not prefix.startswith(_PULLED) and prefix != _SETTINGS:
            topic = topic_of(prefix, connector)
            context = Context(
                topic=topic,
                settings=_settings(connector, own_settings.get(case, folder / f"{_SETTINGS}.json"), settings),
                hint=Hint(topic=topic),
                pulled=pulled.get(case, {}),
            )
            cases.append(Case(connector, file, topic, context))
    return cases


def _settings(connector: Connector, file: Path, given: SourceSettings | None) -> SourceSettings:
    if file.exists():
        stated: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    elif given is not None:
        return given
    else:
        stated = {}
    try:
        return connector.settings.model_validate(stated)
    except ValueError as error:
        raise ValueError(f"{file}: write the settings that the fixtures of {connector.name} need there as JSON: {error}") from error
