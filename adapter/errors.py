"""Errors, named by what to do next. `flow.act` maps each class to one outcome; nothing else decides.

Messages name the field or setting, the value, and what to do. They never carry personal data or secrets.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from traceback import extract_tb


class AdapterError(Exception):
    """Something that this product understands went wrong."""


class Rejected(AdapterError):
    """The request is not from whom it claims to be, or is not acceptable: refuse the sender, keep nothing."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason
        """A short, stable code for counters and samples, such as `missing_signature`."""


class Ignored(AdapterError):
    """There is deliberately nothing to do. Recorded as skipped, with the reason; no alarm."""


class NotYet(AdapterError):
    """The work came before a fact that it needs: wait for the fact, do not retry blindly.

    `fact` names what is awaited, for example `invoice:shop-1:1001`; whoever establishes the fact releases what waits for it.
    """

    def __init__(self, fact: str, message: str = "") -> None:
        super().__init__(message or f"waits for {fact}")
        self.fact = fact


class TryAgain(AdapterError):
    """A fault that passes by itself (network, a server that is busy): the same work later, after `after` if given."""

    def __init__(self, message: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class GiveUp(AdapterError):
    """Trying again cannot help: dead letter, a person looks."""


class Held(AdapterError):
    """It does not go on until a person has looked: the reason says what does not add up, and by how much.

    `accept` are the codes of what that person may let pass (`replay action --accept`); without any, only other data can help. `fact` is
    what would release it by itself.
    """

    def __init__(self, message: str, accept: Iterable[str] = (), fact: str | None = None) -> None:
        super().__init__(message)
        self.accept = tuple(accept)
        self.fact = fact


class Misconfigured(AdapterError):
    """A setting is wrong: refuse to start, or to apply, and name the setting, the value and what to do."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
        self.problem = problem


_OWN = {"adapter", "connectors"}


def described(error: BaseException) -> str:
    """What may be kept and logged of an error: the message of one of ours; of every other its type and where it arose, because its message
    may repeat what a customer wrote."""
    if isinstance(error, AdapterError):
        return str(error)[:2_000] or type(error).__name__
    frames = extract_tb(error.__traceback__)
    own = [frame for frame in frames if _OWN & set(Path(frame.filename).parts)]
    places = dict.fromkeys(f"{Path(frame.filename).name}:{frame.lineno}" for frame in [*own[-2:], *frames[-1:]])
    return f"{type(error).__name__} in {' > '.join(places)}" if places else type(error).__name__
