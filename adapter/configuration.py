"""The merchant's configuration as a TOML file: entities, series, sources, rules and endpoints, described declaratively.

Secrets are never written in the file: `env:NAME` names an environment variable, `file:PATH` a file (relative to the TOML file).
`check` says line by line what is wrong and touches nothing; `adapter.infra.apply` brings the database to what the file says.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import Field, SecretStr, ValidationError

from adapter import signature
from adapter.connector import Connector, connector
from adapter.domain.document import DocumentKind
from adapter.domain.entity import Entity, EntityId
from adapter.domain.frozen import Frozen
from adapter.domain.numbering import NumberFormat, Reset
from adapter.domain.rules import EventPattern, Rule
from adapter.domain.source import SourceOptions
from adapter.errors import Misconfigured
from adapter.infra.language import is_translated
from adapter.infra.layout import check_accent
from adapter.infra.logo import read_logo
from adapter.infra.numbers import default_format
from adapter.infra.outbound_rules import check_endpoint_headers, check_endpoint_url
from adapter.infra.pages import check_template
from adapter.signature import STANDARD_WEBHOOKS, Scheme

MAX_SECRETS = 10
_TABLES = {"entities": "entity", "sources": "source", "endpoints": "endpoint"}
"""What holds them here, to the name of the table in the file."""


class SeriesConfiguration(Frozen):
    """A number sequence: `format` such as `INV-{year}-{n:06}`, and from where it counts on when it is taken over from another system."""

    format: str
    reset: Reset = Reset.YEARLY
    next_number: int | None = Field(default=None, ge=1)


class EntityConfiguration(Entity):
    """An entity with what is kept beside it."""

    logo: Path | None = None
    series: dict[Literal["invoice", "credit_note"], SeriesConfiguration] = Field(default_factory=dict)

    def entity(self) -> Entity:
        """The entity alone."""
        return Entity.model_validate(self.model_dump(exclude={"logo", "series"}))


def _check_series(entity: EntityConfiguration) -> None:
    """Each kind of document needs numbers of its own: a credit note is an invoice in law, whose number must be unique."""
    formats = {kind: default_format(kind, entity.mode) for kind in DocumentKind}
    formats |= {DocumentKind(kind): series.format for kind, series in entity.series.items()}
    invoices, credit_notes = (NumberFormat(text=formats[kind]) for kind in (DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE))
    if invoices.same_numbers(credit_notes):
        raise Misconfigured(f"number format {credit_notes.text!r}", "gives credit notes the numbers of invoices: begin it with CN-, say")


class SourceConfiguration(Frozen):
    """A store: its connector, its signing secrets (newest first) and what its connector wants to know in `settings`."""

    id: EntityId
    entity: EntityId
    connector: str
    secrets: tuple[str, ...] = Field(min_length=1, max_length=MAX_SECRETS)
    active: bool = True
    settings: dict[str, Any] = Field(default_factory=dict)
    options: SourceOptions = SourceOptions()
    rules: tuple[Rule, ...] = ()


class EndpointConfiguration(Frozen):
    """A consumer of our webhooks."""

    name: EntityId
    entity: EntityId
    url: str
    events: tuple[EventPattern, ...] = ("invoice.*", "credit_note.*")
    secrets: tuple[str, ...] = Field(min_length=1, max_length=MAX_SECRETS)
    headers: dict[str, str] = Field(default_factory=dict)
    active: bool = True


class Configuration(Frozen):
    """A whole file."""

    entities: tuple[EntityConfiguration, ...] = ()
    sources: tuple[SourceConfiguration, ...] = ()
    endpoints: tuple[EndpointConfiguration, ...] = ()


class Problem(Frozen):
    """What is wrong, and where: the line counts from 1, and is None where the file has no such line."""

    line: int | None
    where: str
    message: str

    def __str__(self) -> str:
        return f"{f'line {self.line}: ' if self.line else ''}{self.where}: {self.message}"


class Reader:
    """Reads one configuration file. Problems are gathered, so that all of them are told at once."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None = None, allowed_networks: tuple[str, ...] = ()) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._environment = os.environ if environment is None else environment
        self._networks = allowed_networks
        self._lines: list[str] = []

    def read(self) -> Configuration | None:
        """The configuration with its secrets looked up, or None when there are `problems`."""
        raw = self._parse()
        if raw is None:
            return None
        fields = {table: field for field, table in _TABLES.items()}
        renamed = {fields.get(key, key): value for key, value in raw.items()}
        try:
            found = Configuration.model_validate(renamed)
        except ValidationError as error:
            for item in error.errors():
                shown = not isinstance(item["input"], dict) and not {"secrets", "settings", "headers"} & set(item["loc"])
                self._problem(tuple(item["loc"]), item["msg"] + (f" (is {str(item['input'])!r:.60})" if shown else ""))
            return None
        resolved = self._resolve(found)
        return None if self.problems else resolved

    def _parse(self) -> dict[str, Any] | None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            told = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self.problems.append(Problem(line=None, where="the file", message=f"cannot be read: {told}"))
            return None
        self._lines = text.splitlines()
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            self.problems.append(Problem(line=int(line[1]) if line else None, where="the file", message=f"is not valid TOML: {error}"))
            return None

    def _resolve(self, found: Configuration) -> Configuration:
        for index, entity in enumerate(found.entities):
            self._guard(("entities", index, "language"), self._check_language, entity.language)
            if entity.second_language:
                self._guard(("entities", index, "second_language"), self._check_language, entity.second_language)
            self._guard(("entities", index, "logo"), self._check_logo, entity.logo)
            self._guard(("entities", index, "branding", "accent"), check_accent, entity.branding.accent)
            place = ("entities", index, "series")
            formats = [self._guard((*place, kind), NumberFormat.parse, each.format, each.reset) for kind, each in entity.series.items()]
            if formats and None not in formats:
                self._guard((*place, next(iter(entity.series))), _check_series, entity)
        entities = tuple(self._clearance(index, entity) for index, entity in enumerate(found.entities))
        sources = tuple(self._source(index, source) for index, source in enumerate(found.sources))
        endpoints = tuple(self._endpoint(index, endpoint) for index, endpoint in enumerate(found.endpoints))
        self._unique("entities", [entity.id for entity in found.entities])
        self._unique("sources", [source.id for source in found.sources])
        self._unique("endpoints", [f"{endpoint.entity}/{endpoint.name}" for endpoint in found.endpoints])
        return found.model_copy(update={"entities": entities, "sources": sources, "endpoints": endpoints})

    def _clearance(self, index: int, entity: EntityConfiguration) -> EntityConfiguration:
        """The entity with the secrets of its clearance service looked up."""
        place, wanted = ("entities", index, "clearance"), entity.clearance
        if wanted is None:
            return entity
        if wanted.url is not None:
            self._guard((*place, "url"), self._check_url, wanted.url)
        return entity.model_copy(update={"clearance": wanted.model_copy(update={"secrets": self._signing(place, wanted.secrets)})})

    def _signing(self, place: tuple[str | int, ...], references: tuple[str, ...]) -> tuple[str, ...]:
        """The secrets that we sign with ourselves."""
        secrets = tuple(self._secret((*place, "secrets"), reference) for reference in references)
        for secret in filter(None, secrets):
            self._guard((*place, "secrets"), signature.check_secret, STANDARD_WEBHOOKS, secret, 24)
        return secrets

    def _source(self, index: int, source: SourceConfiguration) -> SourceConfiguration:
        place = ("sources", index)
        used: Connector | None = self._guard((*place, "connector"), connector, source.connector)
        secrets = tuple(self._secret((*place, "secrets"), secret) for secret in source.secrets)
        if used is None:
            return source
        settings = self._settings(place, used, source.settings)
        if isinstance(used.signature, Scheme):
            for secret in filter(None, secrets):
                self._guard((*place, "secrets"), signature.check_secret, used.signature, secret, used.short_secret)
        for name, languages in source.options.mail.items():
            for language, texts in languages.items():
                for text in filter(None, (texts.subject, texts.message)):
                    self._guard((*place, "options", "mail", name, language), check_template, f"mail.{name}.{language}", text)
        return source.model_copy(update={"secrets": secrets, "settings": settings})

    def _settings(self, place: tuple[str | int, ...], used: Connector, given: Mapping[str, Any]) -> dict[str, Any]:
        """The connector's settings, checked by its model, with secret fields looked up."""
        settings = dict(given)
        for name, field in used.settings.model_fields.items():
            if name in settings and _is_secret(field.annotation):
                settings[name] = self._secret((*place, "settings", name), settings[name])
        try:
            used.settings.model_validate(settings)
        except ValidationError as error:
            for item in error.errors():
                self._problem((*place, "settings", *item["loc"]), item["msg"])
        return settings

    def _endpoint(self, index: int, endpoint: EndpointConfiguration) -> EndpointConfiguration:
        place = ("endpoints", index)
        secrets = self._signing(place, endpoint.secrets)
        self._guard((*place, "url"), self._check_url, endpoint.url)
        self._guard((*place, "headers"), check_endpoint_headers, endpoint.headers)
        return endpoint.model_copy(update={"secrets": secrets})

    def _check_url(self, url: str) -> str:
        return check_endpoint_url(url, allowed_networks=self._networks, allowed_ports=frozenset({80, 443, 8080, 8443}))

    def _secret(self, place: tuple[str | int, ...], reference: object) -> str:
        kind, _, name = str(reference).partition(":")
        if kind == "env" and name:
            value = self._environment.get(name, "")
            if not value:
                self._problem(place, f"the environment variable {name} is not set, or empty")
            return value
        if kind == "file" and name:
            try:
                return (self.path.parent / name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self._problem(place, f"the file {name} cannot be read: {error}")
                return ""
        self._problem(place, "secrets are not written here: use env:NAME or file:PATH")
        return ""

    def _check_language(self, tag: str) -> None:
        if not is_translated(tag):
            raise Misconfigured("language", f"{tag!r} has no catalogue under templates/locale")

    def _check_logo(self, logo: Path | None) -> None:
        if logo is not None and not (self.path.parent / logo).is_file():
            raise Misconfigured("logo", f"there is no file {logo} beside {self.path.name}")
        if logo is not None:
            read_logo(self.path.parent / logo)

    def _guard(self, place: tuple[str | int, ...], check: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return check(*arguments)
        except Misconfigured as problem:
            self._problem(place, problem.problem)
        except ValueError as problem:
            self._problem(place, str(problem))
        return None

    def _unique(self, table: str, names: list[str]) -> None:
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._problem((table,), f"{name!r} stands there twice")

    def _problem(self, place: tuple[str | int, ...], message: str) -> None:
        shown = ".".join(str(part + 1) if isinstance(part, int) else _TABLES.get(part, part) for part in place)
        self.problems.append(Problem(line=self._line(place), where=shown, message=message))

    def _line(self, place: tuple[str | int, ...]) -> int | None:
        """The line of the key that a place names, found by its table's header and then by its name."""
        if not place:
            return None
        table = _TABLES.get(str(place[0]), str(place[0]))
        index = place[1] if len(place) > 1 and isinstance(place[1], int) else 0
        headers = [n for n, line in enumerate(self._lines) if re.match(rf"\s*\[\[{table}\]\]", line)]
        if index >= len(headers):
            return None
        found, end = headers[index], headers[index + 1] if index + 1 < len(headers) else len(self._lines)
        name = table
        for part in place[2:]:
            if isinstance(part, int):  # the table of that number in an array of them; a number in a list has no line of its own
                each = [*self._matching(rf"\[\[.*\b{re.escape(name)}\s*\]\]", found, end), end]
                found, end = (each[part], each[part + 1]) if part + 1 < len(each) else (found, end)
            else:
                name = part
                quoted = rf"[\"']?{re.escape(name)}[\"']?"
                found = next(iter(self._matching(rf"(\[(.*\.)?{quoted}\s*\]|\[\[(.*\.)?{quoted}\s*\]\]|{quoted}\s*=)", found, end)), found)
        return found + 1

    def _matching(self, pattern: str, start: int, end: int) -> list[int]:
        return [n for n in range(start, end) if re.match(rf"\s*{pattern}", self._lines[n])]


def _is_secret(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_secret(get_args(annotation)[0])
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))
