"""Requests that wait until there is something to answer. None of them holds a thread while it waits.

A commit of this process calls those who wait for its topics. Another process may have committed, too, so that everybody
looks again after a few seconds anyway, or earlier if it is known when something becomes free.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# what is just being taken by somebody else looks free until he commits
_SHORTEST_PAUSE_SECONDS = 0.1
# attempts of waiting requests run in threads of their own: a crowd that is called must not hold up everybody else
_THREADS = 4


class RoomFull(Exception):
    """So many requests wait already that one more would be too many."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        super().__init__(f"{waiting} requests wait already")


@dataclass(frozen=True, slots=True)
class Attempt(Generic[T_co]):
    """What there was to get; if nothing, in how many seconds there may be something (None: nobody knows)."""

    found: T_co | None = None
    again_in_seconds: float | None = None


@dataclass(eq=False, slots=True)
class _Seat:
    topics: frozenset[str]
    called: asyncio.Event = field(default_factory=asyncio.Event)


class WaitingRoom:
    """Who waits for which topics. `call` may come from any thread, everything else belongs to the event loop."""

    def __init__(self, most: int = 1000, look_again_seconds: float = 5.0) -> None:
        self._most = most
        self._look_again_seconds = look_again_seconds
        # in the order in which they came: who has waited longest is served first
        self._seats: list[_Seat] = []
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = False

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._seats)

    def open(self) -> None:
        """Requests may wait from now on."""
        self._loop = asyncio.get_running_loop()
        self._is_open = True

    def close(self) -> None:
        """Whoever waits is told that there is nothing, and so is everybody who comes later."""
        self._is_open = False
        for seat in self._seats:
            seat.called.set()

    def call(self, topics: frozenset[str]) -> None:
        """Whoever waits for one of these topics looks again."""
        if self._seats and self._loop is not None:
            # a loop that is closed has nobody left to call
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._call, topics)

    def _call(self, topics: frozenset[str]) -> None:
        for seat in self._seats:
            if not seat.topics.isdisjoint(topics):
                seat.called.set()

    async def wait(self, topics: Collection[str], seconds: float, attempt: Callable[[], Attempt[T]]) -> T | None:
        """What `attempt` finds, as soon as it finds something; None after so many seconds, or if the room is closed.

        `attempt` runs in a thread. Raises RoomFull.
        """
        if len(self._seats) >= self._most:
            raise RoomFull(len(self._seats))
        seat = _Seat(frozenset(topics))
        self._seats.append(seat)
        try:
            return await self._sit(seat, asyncio.get_running_loop().time() + seconds, attempt)
        finally:
            self._seats.remove(seat)

    async def _sit(self, seat: _Seat, deadline: float, attempt: Callable[[], Attempt[T]]) -> T | None:
        clock = asyncio.get_running_loop().time
        while True:
            # before the attempt: what is committed while it looks calls again
            seat.called.clear()
            attempted = await anyio.to_thread.run_sync(attempt, limiter=self._threads)
            left = deadline - clock()
            if attempted.found is not None or left <= 0 or not self._is_open:
                return attempted.found
            again = math.inf if attempted.again_in_seconds is None else attempted.again_in_seconds
            pause = min(left, self._look_again_seconds, max(again, _SHORTEST_PAUSE_SECONDS))
            with anyio.move_on_after(pause):
                await seat.called.wait()
