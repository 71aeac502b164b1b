"""Folders for temporary files that do not outlive their process, even where it was killed."""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

PREFIX = ".storefront-adapter-scratch-"


class Scratch:
    """A temporary folder, `name`. `cleanup` removes it; after a kill, whoever makes the next one does.

    The process holds a lock on its folder, which the system takes from a dead one: so that a folder which nobody holds is known to be
    left over, whatever process numbers were given out since.
    """

    def __init__(self) -> None:
        remove_left_over()
        while True:
            self.name = mkdtemp(prefix=PREFIX)
            # Another process may take it for left over before it is locked: before it is opened, or after that.
            with suppress(FileNotFoundError):
                self._held = os.open(self.name, os.O_RDONLY)
                fcntl.flock(self._held, fcntl.LOCK_EX)
                if Path(self.name).exists():
                    return
                os.close(self._held)

    def cleanup(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.name, ignore_errors=True)
        with suppress(OSError):
            os.close(self._held)
        self._held = -1


def remove_left_over() -> None:
    """Remove the folders of processes that were killed."""
    for path in Path(gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(held)
