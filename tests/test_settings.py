"""The process's settings: typed, checked, and refused by their names."""

from pathlib import Path

import pytest

from adapter.errors import Misconfigured
from adapter.settings import load_settings


def test_defaults_are_enough() -> None:
    """A bare machine: embedded database, this machine only."""
    settings = load_settings({})
    assert (settings.is_postgres, settings.host, settings.port, settings.data) == (False, "127.0.0.1", 8080, Path("adapter-data"))
    assert settings.address == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("ADAPTER_PROT", "1", "ADAPTER_PROT: is not a setting of this version"),
        ("ADAPTER_PORT", "http", "ADAPTER_PORT: 'http' is not accepted"),
        ("ADAPTER_PORT", "65536", "ADAPTER_PORT: '65536' is not accepted"),
        ("ADAPTER_MAX_BODY", "1023", "ADAPTER_MAX_BODY: '1023' is not accepted"),
        ("ADAPTER_SMTP_SECURITY", "ssl", "ADAPTER_SMTP_SECURITY: 'ssl' is not accepted"),
        ("ADAPTER_DATABASE_URL", "mysql://x", "ADAPTER_DATABASE_URL: must start with postgres:// or sqlite://"),
        ("ADAPTER_ALLOWED_NETWORKS", "10.1.0.0/99", "ADAPTER_ALLOWED_NETWORKS: "),
        ("ADAPTER_SMTP_PASSWORD_FILE", "/nowhere/secret", "ADAPTER_SMTP_PASSWORD_FILE: cannot read /nowhere/secret"),
        ("ADAPTER_CONFIG", "/nowhere/adapter.toml", "ADAPTER_CONFIG: cannot read /nowhere/adapter.toml"),
    ],
)
def test_bad_values_name_the_setting(name: str, value: str, problem: str) -> None:
    """The variable, the value, and what is wrong with it."""
    with pytest.raises(Misconfigured) as refused:
        load_settings({name: value})
    assert str(refused.value).startswith(problem)


def test_secrets_are_read_from_files_and_not_shown(tmp_path: Path) -> None:
    """`…_FILE` names a file; a line break at its end does not belong to the secret."""
    (tmp_path / "password").write_text("a made-up password\n")
    settings = load_settings({"ADAPTER_SMTP_PASSWORD_FILE": str(tmp_path / "password")})
    assert settings.smtp_password is not None
    assert settings.smtp_password.get_secret_value() == "a made-up password"
    assert "a made-up password" not in f"{settings} {settings!r}"


def test_precedence(tmp_path: Path) -> None:
    """Command line over environment over file over default."""
    config = tmp_path / "adapter.toml"
    config.write_text('port = 1001\nhost = "192.0.2.1"\nconcurrency = 3\n')
    environment = {"ADAPTER_CONFIG": str(config), "ADAPTER_PORT": "1002", "ADAPTER_HOST": "192.0.2.2"}
    settings = load_settings(environment, port=1003, host=None)
    assert (settings.port, settings.host, settings.concurrency, settings.render_pages) == (1003, "192.0.2.2", 3, 2)


@pytest.mark.parametrize(("text", "problem"), [("port = ", "is not valid TOML"), ("prot = 1", "ADAPTER_PROT: is not a setting")])
def test_a_file_that_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    """TOML is checked as the environment is."""
    config = tmp_path / "adapter.toml"
    config.write_text(text)
    with pytest.raises(Misconfigured, match=problem):
        load_settings({"ADAPTER_CONFIG": str(config)})


def test_every_setting_is_described() -> None:
    """The README's table is made from these."""
    fields = type(load_settings({})).model_fields
    assert [name for name, field in fields.items() if not (field.description or "").endswith(".")] == []


def test_a_bad_secret_is_not_repeated() -> None:
    """Passwords stand in URLs, and messages in logs."""
    with pytest.raises(Misconfigured) as refused:
        load_settings({"ADAPTER_DATABASE_URL": "mysql://user:made-up@host/name"})
    assert "made-up" not in str(refused.value)
