"""The README is true: its tables are those of the code, its files pass, its commands are run as they are printed."""

import base64
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic.fields import FieldInfo
from standardwebhooks.webhooks import WebhookVerificationError

from adapter.actions.notify import SCHEDULE
from adapter.cli.commands import application
from adapter.connector import connectors
from adapter.domain.event import EventType
from adapter.domain.rules import DEFAULT_TABLE, Conditions, Parameters
from adapter.domain.tax.settings import TaxSettings
from adapter.infra.secrets import Vault
from adapter.settings import Settings
from adapter.signature import Scheme, new_secret, standard_headers
from tests.house import PATIENCE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND = Path(sys.executable).with_name("storefront-adapter")
BLOCK = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECRET = new_secret(b"readme" * 5)
SECRETS = dict.fromkeys(re.findall(r'"env:(\w+)"', README), SECRET)
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ADAPTER_")}


def blocks(name: str) -> list[str]:
    """The texts of the code blocks of that name."""
    return [text for _, block, text in BLOCK.findall(README) if block == name]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first row begins with `heading`."""
    table = README.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def names(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return re.findall(r"`([^`]+)`", cell)


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=ENVIRONMENT | SECRETS | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


# What it says


def test_settings_are_those_of_the_process() -> None:
    def default(field: FieldInfo) -> str:
        value = field.default
        return "" if value is None or value == () else f"`{value}`"

    expected = [
        [f"`ADAPTER_{name.upper()}`", default(field), str(field.description).replace("|", "\\|")]
        for name, field in Settings.model_fields.items()
    ]
    assert rows("setting") == expected


def test_platforms_are_those_that_are_installed() -> None:
    """Every pattern of events stands for some topic, and every topic is stood for."""
    told = {names(row[1])[0]: row for row in rows("platform")}
    assert sorted(told) == list(connectors())
    for name, connector in connectors().items():
        title, _, events, header, settings = told[name]
        assert title == f"[{connector.title}](connectors/{name}/README.md)"
        patterns = names(events)
        assert [topic for topic in connector.events if not any(fnmatchcase(topic, pattern) for pattern in patterns)] == []
        assert [pattern for pattern in patterns if not any(fnmatchcase(topic, pattern) for topic in connector.events)] == []
        assert isinstance(connector.signature, Scheme)
        assert names(header) == [connector.signature.header]
        assert names(settings) == list(connector.settings.model_fields)
        assert [field for field, info in connector.settings.model_fields.items() if info.is_required()] == []


def test_the_table_of_actions_is_the_default_one() -> None:
    assert [(names(row[0])[0], names(row[1])[0]) for row in rows("event")] == [(rule.event, rule.action.value) for rule in DEFAULT_TABLE]


def test_conditions_and_parameters_are_all_told() -> None:
    assert [name for row in rows("conditions") for name in names(row[0])] == list(Conditions.model_fields)
    assert [name for row in rows("parameters") for name in names(row[0])] == list(Parameters.model_fields)


def test_the_tax_of_a_seller_is_all_told() -> None:
    assert sorted(name for row in rows("tax") for name in names(row[0])) == sorted(TaxSettings.model_fields)


def test_commands_are_all_told() -> None:
    told = [names(row[0])[0].split()[0] for row in rows("command")]
    callbacks = [command.name or command.callback.__name__ for command in application.registered_commands if command.callback]
    assert sorted(set(told)) == sorted([*callbacks, *(str(group.name) for group in application.registered_groups)])


def test_metrics_exist() -> None:
    told = set(re.findall(r"`(adapter_[a-z_]+)`", README))
    counted = {metric.name for metric in REGISTRY.collect()} | {f"{metric.name}_total" for metric in REGISTRY.collect()}
    assert told
    assert told - counted == set()


def test_outbound_events_and_retries_are_those_of_the_code() -> None:
    section = README.partition("## Webhooks that you receive")[2].partition("\n## ")[0]
    ours = [type.value for type in EventType if type.value.startswith(("invoice.", "credit_note."))]
    assert names(section.partition("by\n[Standard")[0]) == ours
    units = {"s": 1, "min": 60, "h": 3600}
    pauses = re.findall(r"(\d+) (s|min|h)\b", section.partition("after 5 s")[2].partition(", each")[0])
    assert [5, *(int(number) * units[unit] for number, unit in pauses)] == [pause.total_seconds() for pause in SCHEDULE]


def test_promises_name_tests_that_exist() -> None:
    section = README.partition("## What you can rely on")[2].partition("\n## ")[0]
    promises = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", section)
    assert len(promises) >= 10
    for file, test in promises:
        assert (ROOT / file).is_file(), file
        assert not test or f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_links_lead_somewhere() -> None:
    assert [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link and not (ROOT / link).exists()] == []


# What it prints can be run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the README's files, the secrets that they name, and a logo of one pixel."""
    for name in ("shop.toml", "order.json", "complete.toml"):
        (tmp_path / name).write_text(blocks(name)[0], encoding="utf-8")
    for name in re.findall(r'"file:([^"]+)"', README):
        (tmp_path / name).write_text(SECRET, encoding="utf-8")
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    (tmp_path / "logo.png").write_bytes(base64.b64decode(pixel))
    return tmp_path


def test_the_complete_configuration_applies_twice(folder: Path) -> None:
    checked = run(folder, "check", "complete.toml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "complete.toml: ok (1 entities, 3 sources, 1 endpoints)" in checked.stdout
    outcomes = []
    for _ in range(2):
        applied = run(folder, "apply", "complete.toml", ADAPTER_PUBLIC_URL="https://hooks.lighthouse.example")
        assert (applied.returncode, applied.stderr) == (0, "")
        outcomes.append(re.findall(r"^(?:entity|source|endpoint) \S+: (\w+)", applied.stdout, re.MULTILINE))
    assert outcomes == [["created"] * 5, ["updated"] * 5]
    assert "webhooks of shopify-eu go to https://hooks.lighthouse.example/hooks/shopify-eu" in applied.stdout


def test_applying_again_encrypts_with_the_new_key(folder: Path) -> None:
    """As it stands under "Changing a secret": new key first, apply, old key away."""
    old, new = Vault.new_key(), Vault.new_key()
    assert run(folder, "apply", "complete.toml", ADAPTER_SECRET_KEYS=old).returncode == 0
    assert run(folder, "apply", "complete.toml", ADAPTER_SECRET_KEYS=f"{new},{old}").returncode == 0
    with sqlite3.connect(folder / "adapter-data/adapter.db") as database:
        stored = [row[0] for row in database.execute("SELECT sealed FROM source UNION ALL SELECT sealed FROM endpoint")]
    assert len(stored) == 4
    assert all(SECRET in Vault([new]).open(sealed) for sealed in stored)
    assert run(folder, "apply", "complete.toml", ADAPTER_SECRET_KEYS=new).returncode == 0


@pytest.fixture
def shell(folder: Path, own_port: int) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A shell in the folder, as a reader has it, with the port that the README names replaced by a free one; ends with all it started."""
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    environment = ENVIRONMENT | {"PATH": path, "ADAPTER_PORT": str(own_port)}
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            ["sh", "-eu"], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=said, stderr=said, text=True, start_new_session=True
        )
        yield process, environment
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE)


def test_the_first_invoice(folder: Path, shell: tuple[subprocess.Popen[str], dict[str, str]]) -> None:
    """The blocks under "Your first invoice", in one shell, then what they promise."""
    process, environment = shell
    assert process.stdin is not None
    process.stdin.write("".join(blocks("first-invoice")).replace("8080", environment["ADAPTER_PORT"]) + "touch sent\n")
    process.stdin.flush()

    def ready() -> bool:
        shown = run(folder, "show", "order", "shop", "1001", "--json")
        return shown.returncode == 0 and any(document["pdf_sha256"] for document in json.loads(shown.stdout)["documents"])

    end = time.monotonic() + PATIENCE
    while not ((folder / "sent").exists() and ready()):
        assert time.monotonic() < end, (folder / "said").read_text()
        assert process.poll() is None, (folder / "said").read_text()
        time.sleep(0.5)
    look = subprocess.run(
        ["sh", "-eu"],
        cwd=folder,
        env=environment,
        input=blocks("first-look")[0],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert look.returncode == 0, look.stdout + look.stderr + (folder / "said").read_text()
    assert "23.80" in look.stdout
    pdfs = list((folder / "invoices").rglob("*.pdf"))
    assert [pdf.read_bytes()[:5] for pdf in pdfs] == [b"%PDF-"]


def test_what_verifies_our_messages(tmp_path: Path) -> None:
    scope: dict[str, Any] = {}
    exec(blocks("verify.py")[0], scope)  # noqa: S102 - the README's own code
    body = blocks("message")[0].encode()
    headers = standard_headers("msg_1", datetime.now(UTC), body, [SECRET])
    assert scope["event"](SECRET, body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        scope["event"](SECRET, body.replace(b"23.80", b"0.01"), headers)
