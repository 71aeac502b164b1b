"""What is installed is whole: a wheel, built as for a release and used apart from the repository."""

import os
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
CONNECTORS = sorted(path.parent.name for path in (ROOT / "connectors").glob("*/connector.py"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ADAPTER_", "PYTHON"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network by the locked build tool."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-cache-dir", "-q", "-w", folder, ROOT]
    built = subprocess.run(command, capture_output=True, text=True, timeout=540, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked: Path, folder: Path, *arguments: str) -> str:
    """Run Python in `folder` with the wheel's content before everything else that is installed."""
    result = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=folder,
        env=ENVIRONMENT | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_every_file_is_in_the_wheel(wheel: Path) -> None:
    """Everything of the three packages that is not made by running them, whatever its kind, and nothing else."""
    wanted = {
        str(path.relative_to(ROOT))
        for package in ("adapter", "connectors", "templates")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == wanted
    assert wanted >= {
        "adapter/py.typed",
        "adapter/infra/srgb.icc",
        "adapter/infra/migrations/0001_initial.py",
        "templates/document/document.html.j2",
        "templates/email/mail.html.j2",
        "templates/connector/connector.py.template",
        "templates/locale/de/LC_MESSAGES/documents.po",
        "templates/locale/en/LC_MESSAGES/documents.po",
        *(f"connectors/{name}/README.md" for name in CONNECTORS),
    }


def test_entry_points_and_licence(unpacked: Path) -> None:
    (info,) = unpacked.glob("*.dist-info")
    entries = ConfigParser()
    entries.read(info / "entry_points.txt")
    assert {section: dict(entries[section]) for section in entries.sections()} == {
        "console_scripts": {"storefront-adapter": "adapter.cli:main"},
        "storefront_adapter.connectors": {"builtin": "connectors"},
    }
    assert (info / "licenses/LICENSE").is_file()


def test_connectors_are_found(unpacked: Path, tmp_path: Path) -> None:
    listed = run(unpacked, tmp_path, "-c", "import adapter.connector as c; print(c.__file__, *c.connectors())").split()
    assert listed == [str(unpacked / "adapter/connector.py"), *CONNECTORS]


def test_migrations_run(unpacked: Path, tmp_path: Path) -> None:
    assert "0001_initial" in run(unpacked, tmp_path, "-m", "adapter.cli", "migrate", "--data", "data")
    assert (tmp_path / "data/adapter.db").is_file()


def test_documents_have_their_templates_and_words(unpacked: Path, tmp_path: Path) -> None:
    """Both catalogues are read, from the wheel."""
    program = """
from adapter.infra.language import TEMPLATES, is_translated
from adapter.infra.pages import environment
print(TEMPLATES, is_translated("de"), is_translated("en"), bool(environment("de").get_template("document/document.html.j2")))
"""
    assert run(unpacked, tmp_path, "-c", program).split() == [str(unpacked / "templates"), "True", "True", "True"]


def test_a_new_connector_can_be_made(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    run(unpacked, tmp_path, "-m", "adapter.cli", "connector", "new", "my_shop", "--into", "mine")
    assert (tmp_path / "mine/my_shop/connector.py").is_file()
