"""Every setting of the process: typed, documented, checked at start.

Settings come from the environment (prefix `ADAPTER_`; `ADAPTER_…_FILE` names a file that holds the value) and, with lower precedence, from
an optional TOML file named by `ADAPTER_CONFIG`. Unknown or bad values refuse to start. Entities, sources, rules, series and endpoints are
not settings but data: see `adapter.configuration`.
"""

import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from adapter.errors import Misconfigured

PREFIX = "ADAPTER_"
VIES_URL = "https://ec.europa.eu/taxation_customs/vies/rest-api/check-vat-number"
_NOT_SETTINGS = ("ADAPTER_TEST_", "ADAPTER_CONFIG")


class Settings(BaseModel):
    """The settings of one process. Each is the environment variable `ADAPTER_<NAME>` in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(default=Path("adapter-data"), description="Folder for the embedded database, the files and the keys.")
    database_url: SecretStr | None = Field(
        default=None, description="postgres://user:password@host:5432/name; SQLite in the data folder where it is not set."
    )
    files_url: str | None = Field(
        default=None, description="Folder, or s3://bucket/prefix, for PDFs and mails; `files` in the data folder where it is not set."
    )
    secret_keys: SecretStr | None = Field(
        default=None,
        description="Keys that stored secrets are encrypted with, newest first, comma-separated; made in the data folder where not set.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(
        default=None, description="The address under which storefronts reach this service, such as https://hooks.shop.example."
    )
    max_body: int = Field(default=1_048_576, ge=1_024, le=10_485_760, description="Largest webhook body in bytes.")
    body_timeout: int = Field(default=10, ge=1, le=60, description="Seconds in which a webhook's body must have arrived.")
    rejections_per_minute: int = Field(default=60, ge=1, description="Wrong signatures per client address and minute before it gets 429.")

    smtp_host: str | None = Field(default=None, description="Mail server; without one, mail stays in the outbox.")
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="Port of the mail server.")
    smtp_username: str | None = Field(default=None, description="User name for the mail server.")
    smtp_password: SecretStr | None = Field(default=None, description="Password for the mail server.")
    smtp_security: Literal["none", "starttls", "tls"] = Field(default="starttls", description="How the connection is protected.")
    mail_from: str | None = Field(default=None, description="Sender of mails where an entity names neither mail_from nor email.")

    chromium: Path | None = Field(default=None, description="Executable of a headless Chromium; found by itself where it is not set.")
    render_pages: int = Field(default=2, ge=1, le=16, description="Pages that are rendered at the same time.")
    render_timeout: int = Field(default=20, ge=1, le=300, description="Seconds after which a page that does not finish is killed.")
    rules: Path | None = Field(
        default=None,
        description="Folder of further official rule sets (XSLT) that e-invoices are checked with, such as XRechnung's and Peppol's.",
    )

    concurrency: int = Field(default=20, ge=1, le=200, description="Actions that one process works on at the same time.")
    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Private networks that outbound webhooks and pulls may reach, such as 10.1.0.0/16; none by default."
    )
    vies_url: str = Field(default=VIES_URL, description="Where buyers' VAT numbers are asked about, for entities that want that.")
    wait_days: int = Field(default=7, ge=1, le=365, description="Days that an action waits for the fact it needs.")
    silent_hours: int = Field(default=48, ge=1, description="Hours without a delivery after which a source counts as silent.")
    delivery_days: int = Field(
        default=90,
        ge=1,
        le=3_650,
        description=(
            "Days after which the body of a webhook that led to no document is erased. What led to an invoice or credit note is "
            "evidence for it, and is kept as long as that is: see retention_years of an entity. Ninety days leave time to find out what "
            "went wrong with the others."
        ),
    )
    order_days: int = Field(
        default=730,
        ge=1,
        le=3_650,
        description=(
            "Days after the last news of an order that led to no document, and for which nothing is to be done, after which its people's "
            "details are erased. Two years are more than carts, drafts and unpaid orders take to become a sale or nothing."
        ),
    )
    sweep_seconds: int = Field(default=15, ge=1, le=3_600, description="Seconds between two looks for what time alone brings about.")

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least severity that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto` is readable in a terminal and JSON elsewhere."
    )

    @field_validator("allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        items = tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
        for item in items if isinstance(items, (tuple, list)) else ():
            ip_network(item)
        return items

    @property
    def is_postgres(self) -> bool:
        """Whether the database is PostgreSQL, and so work is spread over processes."""
        return self.database_url is not None and self.database_url.get_secret_value().startswith("postgres")

    @property
    def address(self) -> str:
        """The base of public addresses, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def files(self) -> str:
        """Where files are stored."""
        return self.files_url or str(self.data / "files")


def load_settings(environment: Mapping[str, str] | None = None, **given: object) -> Settings:
    """The settings from `given` (command line), the environment and the TOML file, in this precedence.

    Raises `Misconfigured` naming the variable for an unknown name, a bad value or a file that cannot be read.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    if path := environment.get("ADAPTER_CONFIG"):
        values.update(_toml(Path(path)))
    for name, value in environment.items():
        if name.startswith(PREFIX) and not name.startswith(_NOT_SETTINGS):
            key = name.removeprefix(PREFIX).lower()
            if key.endswith("_file") and key.removesuffix("_file") in Settings.model_fields:
                values[key.removesuffix("_file")] = _read(name, Path(value)).strip()
            else:
                values[key] = value
    values.update({key: value for key, value in given.items() if value is not None})
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise Misconfigured(name, _problem(first)) from None
    if settings.database_url is not None and not settings.database_url.get_secret_value().startswith(("postgres://", "sqlite://")):
        raise Misconfigured("ADAPTER_DATABASE_URL", "must start with postgres:// or sqlite://")
    return settings


def _problem(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a setting of this version; see the README for those that exist"
    return f"{str(error['input'])!r:.60} is not accepted: {error['msg']}"


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misconfigured(name, f"cannot read {path}: {error.strerror}") from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read("ADAPTER_CONFIG", path))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured("ADAPTER_CONFIG", f"{path} is not valid TOML: {error}") from None
