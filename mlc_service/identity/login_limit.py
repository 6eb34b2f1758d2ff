"""Slows down guessing: after too many failures for a user, or from one address, the next try must wait."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from datetime import datetime, timedelta
from threading import Lock

from mlc_service.clock import Clock


class TooManyAttempts(Exception):
    """Logging in is refused for a while; `retry_after_seconds` says how long."""

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"Too many failed logins. Try again in {retry_after_seconds} seconds.")


class LoginLimit:
    """Counts failures in a sliding window, in memory: a restart forgets them, each process counts its own.

    The limit per user is per address too, so that a stranger cannot lock a person out from elsewhere.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        failures_per_user: int = 5,
        failures_per_address: int = 50,
        window_seconds: int = 60,
        remembered: int = 10_000,
    ) -> None:
        self._clock = clock
        self._per_user = failures_per_user
        self._per_address = failures_per_address
        self._window = timedelta(seconds=window_seconds)
        self._remembered = remembered
        self._failures: OrderedDict[Hashable, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def check(self, user_id: str, address: str) -> None:
        """Returns if an attempt is allowed now, else raises `TooManyAttempts`."""
        now = self._clock.now()
        with self._lock:
            for key, allowed in self._keys(user_id, address):
                recent = self._recent(key, now)
                if len(recent) >= allowed:
                    wait = recent[0] + self._window - now
                    raise TooManyAttempts(max(1, int(wait.total_seconds())))

    def failed(self, user_id: str, address: str) -> None:
        """The failure counts against the user and the address."""
        now = self._clock.now()
        with self._lock:
            for key, _ in self._keys(user_id, address):
                self._failures.setdefault(key, deque()).append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > self._remembered:
                self._failures.popitem(last=False)

    def succeeded(self, user_id: str, address: str) -> None:
        """The user's failures from this address are forgiven; the address's own count stays."""
        with self._lock:
            self._failures.pop((address, user_id), None)

    def _keys(self, user_id: str, address: str) -> tuple[tuple[Hashable, int], ...]:
        return ((address, user_id), self._per_user), (address, self._per_address)

    def _recent(self, key: Hashable, now: datetime) -> deque[datetime]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= now - self._window:
            failures.popleft()
        if not failures:
            self._failures.pop(key, None)
        return failures
