"""Time, asked for in one place. Everything else is handed an aware UTC instant."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)


class SimulatedClock(Clock):
    """A clock that stands still until it is told to move, for tests and rehearsals."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant that was last set."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move forward (or, with a negative span, back) and return the new present."""
        self._now += by
        return self._now
