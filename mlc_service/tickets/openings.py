"""What we remember about opening tickets elsewhere, because a tracker's search is late by some seconds.

An opening is remembered before the tracker is asked to create, and the ticket after it answered. If the
worker dies in between, the next attempt knows that a ticket may exist which the search does not show yet, and
waits for the search to catch up rather than opening a second one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mlc_service.tickets.port import TicketRef


@dataclass(frozen=True, slots=True)
class Opening:
    """`attempted_at` is when the tracker was last asked to create; `ref` what came of it, None if unknown."""

    attempted_at: datetime
    ref: TicketRef | None = None


class Openings(Protocol):
    """A small table by `opening_key`. Each call commits before it returns, or a crash would undo it."""

    def find(self, key: str) -> Opening | None:
        """What is remembered about this key, None if nothing. Safe to repeat."""
        ...

    def attempt(self, key: str, at: datetime, instead_of: Opening | None) -> bool:
        """True if this attempt is now the one remembered; False if another caller came between.

        `instead_of` is what `find` answered: INSERT when None, else UPDATE … WHERE attempted_at = that one's
        AND no ticket is recorded.
        """
        ...

    def opened(self, key: str, ref: TicketRef, at: datetime) -> None:
        """The ticket of this key is `ref`. Safe to repeat."""
        ...

    def forget(self, key: str) -> None:
        """Nothing is remembered: the tracker certainly created nothing. Safe to repeat."""
        ...


class OpeningsInMemory:
    """Remembers while the process lives.

    Enough where a killed worker's job comes back only after the search has caught up (the job's lease is
    longer than that); a durable one is the store's.
    """

    def __init__(self) -> None:
        self._openings: dict[str, Opening] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> Opening | None:
        with self._lock:
            return self._openings.get(key)

    def attempt(self, key: str, at: datetime, instead_of: Opening | None) -> bool:
        with self._lock:
            if self._openings.get(key) != instead_of or (instead_of is not None and instead_of.ref is not None):
                return False
            self._openings[key] = Opening(at)
            return True

    def opened(self, key: str, ref: TicketRef, at: datetime) -> None:
        with self._lock:
            self._openings[key] = Opening(at, ref)

    def forget(self, key: str) -> None:
        with self._lock:
            self._openings.pop(key, None)
