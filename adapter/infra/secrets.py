"""Secrets at rest: encrypted with a key that can be rotated."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from adapter.errors import Misconfigured

SETTING = "ADAPTER_SECRET_KEYS"


class Vault:
    """Seals with the first of its keys and opens what any of them sealed (AES-128-CBC with HMAC-SHA256,
    https://github.com/fernet/spec). To rotate: put a new key first, `rotate` every stored value, then take the old key away."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` newest first. Raises `Misconfigured` when there is none or one is not a key."""
        if not keys:
            raise Misconfigured(SETTING, "has no key; leave the setting out to have one made in the data folder")
        fernets = []
        for place, key in enumerate(keys, 1):
            try:
                fernets.append(Fernet(key))
            except ValueError:
                raise Misconfigured(SETTING, f"key {place} of {len(keys)} is not 32 bytes in URL-safe base64") from None
        self._fernet = MultiFernet(fernets)

    def seal(self, text: str) -> str:
        """The text, encrypted and authenticated with the newest key, in ASCII. The same text seals differently every time."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text of a sealed value. Raises `Misconfigured` when none of the keys made it or it was changed."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except (InvalidToken, ValueError):
            raise _unreadable() from None

    def rotate(self, sealed: str) -> str:
        """The same secret under the newest key, with its original time. Raises as `open`."""
        try:
            return self._fernet.rotate(sealed).decode()
        except (InvalidToken, ValueError):
            raise _unreadable() from None

    @staticmethod
    def new_key() -> str:
        """A fresh random key, as `ADAPTER_SECRET_KEYS` takes it."""
        return Fernet.generate_key().decode()


def _unreadable() -> Misconfigured:
    return Misconfigured(SETTING, "holds none of the keys that a stored secret was encrypted with; put that key back, behind the new one")
