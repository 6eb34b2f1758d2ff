"""A process of the service says that it lives, and keeps its clock."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Literal

import structlog

from mlc_service.clock import Clock, SharedClock
from mlc_service.store.ids import new_id
from mlc_service.store.rows import ServiceProcessRow
from mlc_service.store.units import Units

log = structlog.get_logger(__name__)

Role = Literal["api", "worker", "scheduler", "runtime"]

BEAT_SECONDS = 5.0
# after so long without a beat a process counts as lost
LOST_SECONDS = 3 * BEAT_SECONDS
# long enough for somebody to look up in the table what was lost
_REMEMBERED = timedelta(hours=1)
# a shared clock that moves more than this between two beats was set by somebody, or this machine slept
_STEP_SECONDS = 1.0


def lost_before(now: datetime) -> datetime:
    """Processes whose last sign of life is older than this are lost."""
    return now - timedelta(seconds=LOST_SECONDS)


def forget_lost(units: Units, clock: Clock) -> None:
    """Processes that have been lost for an hour leave no row behind; one that comes back says so itself."""
    units.run(lambda unit: unit.service_processes.forget(clock.now() - _REMEMBERED))


class LifeSigns:
    """Keeps the row of this process in `service_processes`. `start` and `stop` once each.

    `each_beat` is called with every beat, in the same thread.
    """

    def __init__(
        self,
        units: Units,
        clock: SharedClock,
        role: Role,
        version: str,
        *,
        queue: str | None = None,
        concurrency: int | None = None,
        each_beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._units = units
        self._clock = clock
        self._each_beat = each_beat
        now = clock.now()
        self._row = ServiceProcessRow(
            id=new_id(now),
            role=role,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version,
            queue=queue,
            concurrency=concurrency,
            clock_ahead_seconds=clock.ahead_seconds,
            started=now,
            seen=now,
        )
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="life-signs", daemon=True)

    @property
    def name(self) -> str:
        """What this process is called where names must differ: host, process and a part by chance."""
        return f"{self._row.host}-{self._row.pid}-{self._row.id[-6:]}"

    def start(self) -> None:
        """The process is known."""
        self._units.run(lambda unit: unit.service_processes.add(self._row))
        self._thread.start()

    def stop(self) -> None:
        """The process is not known any more, if the database can be reached; it will be forgotten otherwise."""
        self._stopping.set()
        self._thread.join()
        try:
            self._units.run(lambda unit: unit.service_processes.remove(self._row.id))
        except Exception:
            log.exception("life_sign_missed", role=self._row.role)

    def beat(self) -> None:
        """The process was alive just now, by the shared clock."""
        behind = self._clock.read()
        if abs(behind) > _STEP_SECONDS:
            log.warning("clock_stepped", seconds=round(behind, 3))
        seen, ahead = self._clock.now(), self._clock.ahead_seconds
        is_known = self._units.run(lambda unit: unit.service_processes.beat(self._row.id, seen, ahead))
        if not is_known:
            # others took it for lost while it could not reach the database
            row = self._row._replace(seen=seen, clock_ahead_seconds=ahead)
            self._units.run(lambda unit: unit.service_processes.add(row))

    def _run(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            try:
                self.beat()
            except Exception:
                log.exception("life_sign_missed", role=self._row.role)
            self._each_beat()
