"""Waiting for what other processes and threads bring about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(what: str, look: Callable[[], T | None], seconds: float, report: Callable[[], str] = str) -> T:
    """What `look` finds as soon as it finds something. If that is in vain, `report` says what there was instead."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"waited in vain for {what}\n{report()}"
        time.sleep(0.05)
