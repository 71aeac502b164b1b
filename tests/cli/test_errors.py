"""Whatever is wrong outside of the product is one line that says what to do, and an exit code; never a traceback."""

import os
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import run

PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("ADAPTER_")}


def told(*arguments: str, code: int = 2, **environment: str) -> str:
    """The one line with which a command refuses."""
    done = run(*arguments, environment=PLAIN | environment)
    assert done.returncode == code, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    "command", [("show", "dead"), ("serve", "--port", "0"), ("migrate",), ("numbers",)], ids=lambda command: command[0]
)
def test_a_file_that_is_no_database(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "adapter.db").write_bytes(b"this is no database" * 200)
    line = told(*command, "--data", str(tmp_path))
    assert line == f"storefront-adapter: ADAPTER_DATA: {tmp_path}/adapter.db cannot be used as the database: file is not a database"


def test_a_folder_where_the_database_belongs(tmp_path: Path) -> None:
    (tmp_path / "adapter.db").mkdir()
    line = told("show", "dead", "--data", str(tmp_path))
    assert line.endswith("adapter.db cannot be used as the database: unable to open database file")


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    line = told("serve", "--port", "0", "--data", str(tmp_path / "data"))
    assert line == f"storefront-adapter: ADAPTER_DATA: {tmp_path}/data cannot be made: File exists"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("postgres://postgres@127.0.0.1:{port}/none", "ADAPTER_DATABASE_URL: the database cannot be reached: "),
        ("postgres://postgres@127.0.0.1:port/none", "ADAPTER_DATABASE_URL: must name a host and a database: postgres://user"),
        ("mysql://127.0.0.1/none", "ADAPTER_DATABASE_URL: must start with postgres:// or sqlite://"),
    ],
    ids=["nobody listens", "no port", "another database"],
)
def test_a_server_that_cannot_be_reached(address: str, problem: str, own_port: int) -> None:
    line = told("work", ADAPTER_DATABASE_URL=address.format(port=own_port))
    assert line.startswith(f"storefront-adapter: {problem}")


def test_a_server_that_refuses_this_user(postgres_server: str) -> None:
    address = postgres_server.replace("postgres://postgres", "postgres://nobody_of_this_name", 1)
    line = told("show", "dead", ADAPTER_DATABASE_URL=address)
    assert line.startswith("storefront-adapter: ADAPTER_DATABASE_URL: the database cannot be reached: ")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = told("serve", "--no-work", "--port", str(port), "--data", str(tmp_path / "data"))
    assert line.startswith(f"storefront-adapter: ADAPTER_PORT: cannot listen at 127.0.0.1:{port}: ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    gone, broken = tmp_path / "gone.toml", tmp_path / "broken.toml"
    broken.write_text("x = [", encoding="utf-8")
    assert told("check", str(gone), code=1) == f"{gone}: the file: cannot be read: No such file or directory"
    assert told("apply", str(broken), code=1).startswith(f"{broken}: the file: is not valid TOML: ")
    assert told("rates", str(gone)) == f"storefront-adapter: {gone}: cannot be read: No such file or directory"


def test_a_folder_that_cannot_be_written() -> None:
    assert told("demo", "--out", "/proc/nowhere").startswith("storefront-adapter: /proc/nowhere: No such file or directory; ")


@pytest.mark.parametrize(
    "command", [("show", "dead"), ("numbers",), ("export", "--out", "x"), ("dismiss", "x", "--because", "y")], ids=" ".join
)
def test_a_folder_without_a_service(tmp_path: Path, command: tuple[str, ...]) -> None:
    line = told(*command, "--data", str(tmp_path / "nowhere"))
    assert line.endswith(f"there is no database in {tmp_path}/nowhere: name the folder that `serve` uses with --data")
    assert list(tmp_path.iterdir()) == []
