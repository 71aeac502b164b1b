"""Temporary folders that do not outlive their process."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapter.infra import scratch
from adapter.infra.scratch import Scratch

KILLED = """
import os, signal
from pathlib import Path
from adapter.infra.scratch import Scratch
folder = Scratch()
(Path(folder.name) / "page").write_text("left behind")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def test_a_folder_is_there_until_it_is_cleaned_up(temporary: Path) -> None:
    one, other = Scratch(), Scratch()
    assert sorted(temporary.iterdir()) == sorted([Path(one.name), Path(other.name)])
    one.cleanup()
    one.cleanup()
    assert list(temporary.iterdir()) == [Path(other.name)]
    other.cleanup()


def test_a_folder_that_is_taken_for_left_over_is_made_again(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that starts looks between the making of a folder and its lock."""
    make, made = scratch.mkdtemp, []

    def taken_at_once(prefix: str) -> str:
        made.append(make(prefix=prefix))
        if len(made) == 1:
            scratch.remove_left_over()
        return made[-1]

    monkeypatch.setattr(scratch, "mkdtemp", taken_at_once)
    folder = Scratch()
    assert (len(made), folder.name) == (2, made[1])
    assert list(temporary.iterdir()) == [Path(folder.name)]
    folder.cleanup()


def test_the_folder_of_a_killed_process_goes_with_the_next_one(temporary: Path) -> None:
    process = subprocess.run([sys.executable, "-c", KILLED], cwd=Path(__file__).parents[2], check=False)
    assert process.returncode == -9
    assert [[path.name for path in folder.iterdir()] for folder in temporary.iterdir()] == [["page"]]
    folder = Scratch()
    assert list(temporary.iterdir()) == [Path(folder.name)]
    folder.cleanup()
