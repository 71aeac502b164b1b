"""What all commands have in common: help, settings that refuse, and configurations that are checked line by line."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapter.cli.commands import application
from tests.cli.conftest import run

COMMANDS = [
    ("serve",), ("work",), ("migrate",), ("apply",), ("check",), ("show", "order"), ("show", "document"), ("show", "sources"),
    ("show", "dead"), ("rates",), ("replay", "delivery"), ("replay", "action"), ("replay", "source"), ("replay", "dead"), ("export",),
    ("doctor",), ("dismiss",), ("connector", "list"), ("connector", "new"),
]  # fmt: skip


def test_the_installed_command_explains_itself() -> None:
    """The overview names every command."""
    done = run("--help", environment={**os.environ, "COLUMNS": "100"})

    assert done.returncode == 0
    assert [command[0] for command in COMMANDS if command[0] not in done.stdout] == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    """`--help` works everywhere and names the options."""
    helped = CliRunner().invoke(application, [*command, "--help"], env={"COLUMNS": "100"})

    assert helped.exit_code == 0
    assert f"{' '.join(command)} [OPTIONS]" in helped.stdout
    assert "--data" in helped.stdout or command[0] == "connector"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("ADAPTER_PORTT", "80", "ADAPTER_PORTT: is not a setting of this version"),
        ("ADAPTER_PORT", "eighty", "ADAPTER_PORT: 'eighty' is not accepted"),
    ],
)
def test_settings_that_are_wrong_refuse_by_name(tmp_path: Path, variable: str, value: str, told: str) -> None:
    """Before anything is made."""
    done = run("serve", "--data", str(tmp_path / "data"), environment={**os.environ, variable: value})

    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_check_names_the_line(tmp_path: Path) -> None:
    """Every mistake at once, each with its line; nothing is made."""
    path = tmp_path / "shop.toml"
    path.write_text(
        """[[entity]]
id = "lighthouse"
name = "Lighthouse Goods Ltd"
address = { country = "DE" }
language = "tlh"

[[source]]
id = "shop"
entity = "lighthouse"
connector = "shopify"
secrets = ["a secret in plain sight"]
""",
        encoding="utf-8",
    )
    done = run("check", str(path), "--data", str(tmp_path / "data"))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"{path}: line 5: entity.1.language: 'tlh' has no catalogue under templates/locale",
        f"{path}: line 11: source.1.secrets: secrets are not written here: use env:NAME or file:PATH",
    ]
    assert not (tmp_path / "data").exists()


def test_rates_are_fed_and_a_seller_hears_what_its_country_wants(tmp_path: Path) -> None:
    """Rates are kept once; what is no file of rates is refused by name, and `check` speaks of the law without refusing anything."""
    (tmp_path / "shop.toml").write_text(
        '[[entity]]\nid = "kiln"\nname = "Kiln sp. z o.o."\ntime_zone = "Europe/Warsaw"\n'
        'address = { street = "ul. Gliniana 4", postcode = "80-001", city = "Gdansk", country = "PL" }\n',
        encoding="utf-8",
    )
    (tmp_path / "rates.csv").write_text("day,base,quote,rate,source\n2026-11-19,EUR,PLN,4.3127,NBP\n", encoding="utf-8")
    shop, rates, data = str(tmp_path / "shop.toml"), str(tmp_path / "rates.csv"), str(tmp_path / "data")

    told = run("check", shop, "--data", data)
    assert (told.returncode, told.stderr) == (0, "")
    assert "seller kiln, error: tax_ids: add the seller's VAT number" in told.stdout
    assert "seller kiln, warning: PL, sales to businesses: a PDF alone is not the invoice: KSeF" in told.stdout
    assert run("apply", shop, "--data", data).returncode == 0
    assert [run("rates", rates, "--data", data).stdout for _ in range(2)] == [
        f"{rates}: 1 exchange rates, 1 of them new\n",
        f"{rates}: 1 exchange rates, 0 of them new\n",
    ]
    refused = run("rates", shop, "--data", data)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"{shop}: line 1: a file of exchange rates begins with day,base,quote,rate,source" in refused.stderr
