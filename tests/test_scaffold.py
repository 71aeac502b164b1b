"""A new connector is one new folder, which works at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapter.errors import Misconfigured
from adapter.scaffold import new_connector, suite_name

ROOT = Path(__file__).parents[1]
TITLE = "Crème & Sugar (EU)"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A package `connectors` like this project's, without any connector, that stands before it on the path of `run`."""
    package = tmp_path / "connectors"
    package.mkdir()
    (package / "__init__.py").write_text((ROOT / "connectors/__init__.py").read_text(encoding="utf-8"), encoding="utf-8")
    return package


def run(target: Path, *arguments: str) -> str:
    """Run a Python module or program text next to `target` and return what it prints."""
    path = os.pathsep.join([str(target.parent), str(ROOT)])
    result = subprocess.run(
        [sys.executable, *arguments], cwd=target.parent, env={**os.environ, "PYTHONPATH": path, "MYPYPATH": path},
        capture_output=True, text=True, timeout=540, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_it_writes_one_folder(target: Path) -> None:
    written = new_connector("my_shop", TITLE, target)
    assert [str(file.relative_to(target)) for file in written] == [
        "my_shop/README.md",
        "my_shop/__init__.py",
        "my_shop/connector.py",
        "my_shop/fixtures/expected/order.created--minimal.json",
        "my_shop/fixtures/order.created--minimal.json",
        "my_shop/normalise.py",
        "my_shop/payload.py",
    ]
    assert written == sorted(file for file in (target / "my_shop").rglob("*") if file.is_file())
    assert not [file for file in written if "$" in file.read_text(encoding="utf-8")]
    assert (target / "my_shop/README.md").read_text(encoding="utf-8").startswith(f"# {TITLE}\n")


def test_it_is_found_without_any_other_edit_and_passes_the_kit(target: Path) -> None:
    new_connector("my_shop", TITLE, target)
    assert run(
        target, "-c", "from adapter.connector import connectors; print({n: c.title for n, c in connectors().items()})"
    ).strip() == str({"my_shop": TITLE})
    (target.parent / "test_my_shop.py").write_text(
        "from adapter.conformance import ConnectorSuite\n"
        "from connectors.my_shop import connector as tested\n\n\n"
        "class TestMyShop(ConnectorSuite):\n"
        "    connector = tested\n",
        encoding="utf-8",
    )
    printed = run(target, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", "test_my_shop.py")
    assert " passed" in printed
    assert "skipped" not in printed


def test_it_is_found_beside_the_others(target: Path) -> None:
    for package in (ROOT / "connectors").iterdir():
        if (package / "__init__.py").exists():
            (target / package.name).symlink_to(package, target_is_directory=True)
    before = set(run(target, "-c", "from adapter.connector import connectors; print(*connectors())").split())
    new_connector("my_shop", TITLE, target)
    assert set(run(target, "-c", "from adapter.connector import connectors; print(*connectors())").split()) == before | {"my_shop"}
    assert "standard" in before


def test_it_is_typed_and_formatted(target: Path) -> None:
    new_connector("my_shop", TITLE, target)
    configuration = ["--config", str(ROOT / "pyproject.toml"), "--config", f"src = ['{ROOT}']", "--no-cache", "connectors"]
    run(target, "-m", "ruff", "check", *configuration)
    run(target, "-m", "ruff", "format", "--check", *configuration)
    cache = str(ROOT / ".mypy_cache")
    run(target, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", cache, "-p", "connectors.my_shop")


@pytest.mark.parametrize("name", ["", "My_Shop", "9shop", "my-shop", "my.shop", "../shop", "class", "é", "x" * 64, "shop\n"])
def test_an_unusable_name_is_refused(target: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match="connector name"):
        new_connector(name, TITLE, target)
    assert [file.name for file in target.iterdir()] == ["__init__.py"]


@pytest.mark.parametrize("title", ["", " ", 'a"b', "a\\b", "a\nb", "a$b", "x" * 81, " padded"])
def test_an_unusable_title_is_refused(target: Path, title: str) -> None:
    with pytest.raises(Misconfigured, match="connector title"):
        new_connector("my_shop", title, target)
    assert [file.name for file in target.iterdir()] == ["__init__.py"]


def test_what_exists_is_left_alone(target: Path) -> None:
    (target / "my_shop").mkdir()
    with pytest.raises(Misconfigured, match="exists already"):
        new_connector("my_shop", TITLE, target)
    assert not list((target / "my_shop").iterdir())


def test_a_missing_target_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere is not a folder"):
        new_connector("my_shop", TITLE, tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "expected"), [("shop", "Shop"), ("my_shop", "MyShop"), ("shop2go", "Shop2go")])
def test_a_suite_is_named_after_its_connector(name: str, expected: str) -> None:
    assert suite_name(name) == expected
