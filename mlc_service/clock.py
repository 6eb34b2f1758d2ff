"""Time is passed in: the one place that reads the system clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Answers what time it is; always an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SharedClock:
    """The clock that all processes of a service share, such as their database's, read now and then.

    In between it goes on with this machine's steady clock, which counts on while the machine sleeps. So neither
    machines whose clocks differ nor somebody who sets one make a lease end early or a timer fire at the wrong time.
    """

    def __init__(self, shared: Callable[[], datetime]) -> None:
        """Reads the shared clock. Raises whatever `shared` does."""
        self._shared = shared
        self._read_at = 0.0
        self._said = datetime.min.replace(tzinfo=UTC)
        self.ahead_seconds = 0.0
        self.read()

    def read(self) -> float:
        """What `now` says is what the shared clock says; answers by how many seconds it was behind that.

        `ahead_seconds` is how far this machine's own clock is ahead of the shared one.
        """
        before = _steady_seconds()
        said = self._shared()
        after = _steady_seconds()
        # half way between asking and being told
        read_at = (before + after) / 2
        behind = (said - self._said).total_seconds() - (read_at - self._read_at) if self._read_at else 0.0
        self._read_at, self._said = read_at, said
        self.ahead_seconds = (SystemClock().now() - self.now()).total_seconds()
        return behind

    def now(self) -> datetime:
        return self._said + timedelta(seconds=_steady_seconds() - self._read_at)


def _steady_seconds() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
