"""Files by their content: what is stored under a SHA-256 is that content or an error, in a local folder or an S3-compatible bucket."""

from asyncio import to_thread
from hashlib import sha256
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from adapter.errors import GiveUp, Misconfigured, TryAgain

_DIGITS = frozenset("0123456789abcdef")


def _key(digest: str) -> str:
    """`ab/cdef…`: two digits as the folder, so that no folder grows without bound. Raises ValueError for what is no SHA-256."""
    if len(digest) != 64 or not _DIGITS.issuperset(digest):
        raise ValueError(f"{digest!r:.80} is not a SHA-256: 64 hexadecimal digits in lower case")
    return f"{digest[:2]}/{digest[2:]}"


class Files:
    """A content-addressed store.

    `url_or_path` is a folder, which is made when it is missing, or a URL that obstore knows, such as `s3://bucket/prefix` (credentials
    and region from the usual `AWS_…` variables). Raises `Misconfigured` when neither works.

    The library's plain calls run in threads that the event loop waits for when it ends. Those of its asynchronous calls are the library's
    own, touch Python's objects from there, and let a process that ends meanwhile abort.
    """

    def __init__(self, url_or_path: str) -> None:
        self.folder: Path | None = None
        try:
            if len(urlsplit(url_or_path).scheme) > 1 and not url_or_path.startswith("file:"):
                self._store: ObjectStore = from_url(url_or_path)
            else:
                self.folder = Path(url_or_path.removeprefix("file://")).resolve()
                self.folder.mkdir(parents=True, exist_ok=True)
                self._store = LocalStore(self.folder)
        except (BaseError, OSError, ValueError) as error:
            raise Misconfigured(
                "ADAPTER_FILES_URL",
                f"{url_or_path!r} is neither a writable folder nor an object store's URL such as s3://bucket/prefix: {error}",
            ) from error

    async def put(self, content: bytes) -> str:
        """Store the content and return its SHA-256. What is already there is kept as it is; a reader never sees a part of it."""
        digest = sha256(content).hexdigest()
        try:
            await to_thread(self._store.put, _key(digest), content, mode="create")
        except AlreadyExistsError:
            if await self._content(digest) != content:
                await to_thread(self._store.put, _key(digest), content, mode="overwrite")
        except (BaseError, OSError) as error:
            raise TryAgain(f"the file store does not take {digest}: {error}") from error
        return digest

    async def get(self, digest: str) -> bytes:
        """The content, checked against its digest.

        Raises `GiveUp` when it is missing or is not what was stored, `TryAgain` when the store does not answer.
        """
        content = await self._content(digest)
        if content is None:
            raise GiveUp(f"the file {digest} is not in the store: restore it from a backup")
        if sha256(content).hexdigest() != digest:
            raise GiveUp(f"the file {digest} was changed after it had been stored: restore it from a backup")
        return content

    async def find(self, digest: str) -> bytes | None:
        """The content; None when it is missing or is not what was stored. Raises `TryAgain` when the store does not answer."""
        content = await self._content(digest)
        return content if content is not None and sha256(content).hexdigest() == digest else None

    async def state(self, digest: str) -> Literal["ok", "missing", "changed"]:
        """How the content is, read again."""
        content = await self._content(digest)
        if content is None:
            return "missing"
        return "ok" if sha256(content).hexdigest() == digest else "changed"

    async def delete(self, digest: str) -> None:
        """Delete the content, if it is there. Raises `TryAgain` when the store does not do it."""
        try:
            await to_thread(self._store.delete, _key(digest))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise TryAgain(f"the file store does not delete {digest}: {error}") from error

    async def exists(self, digest: str) -> bool:
        """Whether there is a file under this digest; its content is not read."""
        try:
            await to_thread(self._store.head, _key(digest))
        except (NotFoundError, FileNotFoundError):
            return False
        except (BaseError, OSError) as error:
            raise TryAgain(f"the file store does not say whether it has {digest}: {error}") from error
        return True

    def path(self, digest: str) -> Path | None:
        """Where the file lies in a local store; None for a remote one."""
        return None if self.folder is None else self.folder / _key(digest)

    async def _content(self, digest: str) -> bytes | None:
        try:
            return await to_thread(self._read, _key(digest))
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise TryAgain(f"the file store does not give {digest}: {error}") from error

    def _read(self, key: str) -> bytes:
        return bytes(self._store.get(key).bytes())
