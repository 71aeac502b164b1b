"""Files that leave together: in a folder or in a ZIP, under flat names, with a list of their hashes that `sha256sum -c` reads too."""

import hashlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\\\x00-\x1f]+)")
_CHUNK = 1 << 20
_COMPRESSED = (".pdf",)
"""What a ZIP would not make smaller."""
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""The first time that a ZIP can name."""


class _Place(Protocol):
    def open(self, name: str, at: datetime) -> AbstractContextManager[IO[bytes]]:
        """A new file to write."""


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def open(self, name: str, at: datetime) -> Iterator[IO[bytes]]:
        unfinished = self._path / f"{name}.part"
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(self._path / name)


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    @contextmanager
    def open(self, name: str, at: datetime) -> Iterator[IO[bytes]]:
        info = zipfile.ZipInfo(name, max(at, _EARLIEST).astimezone(UTC).timetuple()[:6])
        info.compress_type = zipfile.ZIP_STORED if name.endswith(_COMPRESSED) else zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        with self._archive.open(info, "w", force_zip64=True) as file:
            yield file


class Bundle:
    """A bundle that is being written, one file at a time; nothing of it is kept in memory but the names."""

    def __init__(self, place: _Place, sums: IO[bytes]) -> None:
        self._place = place
        self._sums = sums

    def put(self, name: str, content: bytes, at: datetime) -> None:
        """Write a file; `at` is the time that a ZIP says of it."""
        with self._place.open(name, at) as file:
            file.write(content)
        self._note(name, hashlib.sha256(content).hexdigest())

    def copy(self, name: str, source: IO[bytes], at: datetime) -> None:
        """Write a file from another, from its beginning."""
        source.seek(0)
        digest = hashlib.sha256()
        with self._place.open(name, at) as file:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
        self._note(name, digest.hexdigest())

    def finish(self, at: datetime) -> None:
        """Write the list of hashes, the last file."""
        self._sums.seek(0)
        with self._place.open(SUMS, at) as file:
            shutil.copyfileobj(self._sums, file)

    def _note(self, name: str, digest: str) -> None:
        self._sums.write(f"{digest}  {name}\n".encode())


def is_zip(path: Path) -> bool:
    """Whether a path asks for a ZIP: its ending decides."""
    return path.suffix.lower() == ".zip"


@contextmanager
def bundle(path: Path) -> Iterator[Bundle]:
    """A new bundle; a ZIP is there once it is whole, and a folder is made when it is missing. Raises OSError when it cannot be written."""
    with tempfile.TemporaryFile() as sums:
        if not is_zip(path):
            path.mkdir(parents=True, exist_ok=True)
            yield Bundle(_Folder(path), sums)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.part")
        try:
            with zipfile.ZipFile(unfinished, "w") as archive:
                yield Bundle(_Zip(archive), sums)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def verify(path: Path) -> Iterator[tuple[str, str | None]]:
    """Read every file of a bundle again: its name, and what is wrong with it, None where it is what was written.

    Raises OSError when there is no such bundle, ValueError when it cannot be read as one.
    """
    if not is_zip(path):
        yield from _verified({each.name for each in path.iterdir()}, lambda name: (path / name).open("rb"))
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _verified(set(archive.namelist()), archive.open)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is no whole ZIP: {error}") from error


class _Open(Protocol):
    def __call__(self, name: str, /) -> IO[bytes]:
        """A file to read."""


def _verified(names: set[str], opened: _Open) -> Iterator[tuple[str, str | None]]:
    if SUMS not in names:
        raise ValueError(f"there is no {SUMS} in it, so it is no whole export")
    listed: set[str] = {SUMS}
    with opened(SUMS) as sums:
        for number, line in enumerate(sums, start=1):
            match = _LINE.fullmatch(line.decode("utf-8", errors="replace").rstrip("\n"))
            if match is None:
                yield SUMS, f"line {number} is not a hash and a name"
                continue
            digest, name = match.groups()
            listed.add(name)
            yield name, _problem(opened, name, digest) if name in names else "is missing"
    for name in sorted(names - listed):
        yield name, "is not a part of the export"


def _problem(opened: _Open, name: str, digest: str) -> str | None:
    try:
        with opened(name) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except (OSError, zipfile.BadZipFile) as error:
        return f"cannot be read: {error}"
    return None if found == digest else f"was changed: its SHA-256 is {found}, not {digest}"
