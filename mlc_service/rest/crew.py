"""Threads that do a request's work, so that the event loop goes on. Leaner than a general-purpose pool.

A request is handed over once and its answer once: each hand-over costs more than many a request's work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")

# of threads that compute only one runs at a time: more of them get in each other's way
_AT_FIRST = 4
# after that, those at work seem to wait for something, and there may be another one
_PATIENCE_SECONDS = 0.05


class Crew:
    """Up to `threads` threads, made when they are needed: a few at once, more when work waits for long.

    They end with the process.
    """

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = Lock()
        self._made = 0
        self._looks = False
        # how many pieces of work were begun
        self._taken = 0
        # threads that wait for work, less the pieces of work that wait for a thread
        self._free = 0

    async def run(self, do: Callable[..., T], *given: Any) -> T:
        """What `do(*given)` answers in one of the threads; what it raises is raised here.

        If the caller is cancelled the work is finished all the same, and nobody hears of it.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        context = copy_context()

        def tell(result: T | None, error: BaseException | None) -> None:
            if answer.cancelled():
                return
            if error is None:
                answer.set_result(result)  # type: ignore[arg-type]
            else:
                answer.set_exception(error)

        def work() -> None:
            result: T | None = None
            error: BaseException | None = None
            try:
                result = context.run(do, *given)
            except BaseException as raised:
                error = raised
            try:
                loop.call_soon_threadsafe(tell, result, error)
            except RuntimeError:
                # the loop was closed meanwhile: nobody is there to be told
                return

        self._work.put(work)
        with self._lock:
            self._free -= 1
            if self._free < 0 and self._made < min(_AT_FIRST, self._most):
                self._add_thread()
            self._look_later(loop)
        return await answer

    def _add_thread(self) -> None:
        self._made += 1
        self._free += 1
        Thread(target=self._run, name=f"request-{self._made}", daemon=True).start()

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._free < 0 and self._made < self._most and not self._looks:
            self._looks = True
            loop.call_later(_PATIENCE_SECONDS, self._look, loop, self._taken)

    def _look(self, loop: asyncio.AbstractEventLoop, taken: int) -> None:
        with self._lock:
            self._looks = False
            if self._free < 0 and self._taken == taken:
                # nothing was begun since: all threads wait for something
                self._add_thread()
            self._look_later(loop)

    def _run(self) -> None:
        while True:
            work = self._work.get()
            self._taken += 1
            work()
            with self._lock:
                self._free += 1
