"""How long one evaluation may take: a cap on regular expressions, paths and long chains of calls, all together.

Only expressions that can be slow ask for it (see `Compiler.may_be_slow`); the others pay nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mlc_service.language.juel_values import CannotCoerce

SECONDS = 2.0
_running = threading.local()


class OutOfTime(CannotCoerce):
    """The expression has used up its time."""

    def __init__(self) -> None:
        super().__init__(f"it takes longer than {SECONDS:g} s")


@contextmanager
def allowance() -> Iterator[None]:
    """Within, the evaluation on this thread has `SECONDS` in all; an evaluation inside another shares its time."""
    if getattr(_running, "deadline", None) is not None:
        yield
        return
    _running.deadline = time.monotonic() + SECONDS
    try:
        yield
    finally:
        _running.deadline = None


def remaining_seconds() -> float:
    """What is left of the time, above 0. Raises OutOfTime."""
    deadline: float | None = getattr(_running, "deadline", None)
    if deadline is None:
        return SECONDS
    left = deadline - time.monotonic()
    if left <= 0:
        raise OutOfTime
    return left


def check() -> None:
    """There is time left. Raises OutOfTime."""
    remaining_seconds()
