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


class Crew:
    """Up to `threads` threads, made when they are needed. They end with the process."""

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = Lock()
        self._made = 0
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

        self._put(work)
        return await answer

    def _put(self, work: Callable[[], None]) -> None:
        with self._lock:
            self._free -= 1
            if self._free < 0 and self._made < self._most:
                self._made += 1
                self._free += 1
                Thread(target=self._run, name=f"request-{self._made}", daemon=True).start()
        self._work.put(work)

    def _run(self) -> None:
        while True:
            self._work.get()()
            with self._lock:
                self._free += 1
