"""What makes time pass: tells workers of what is due, ends leases of the dead, does what one process does for all.

Any number of schedulers may run. Each due job is told by one of them, each duty has one of them, and if none runs
nothing is lost: what is due waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Event, Thread

import structlog

from mlc_service.jobs.one import Workbench, look_after_leases
from mlc_service.store.jobs import DueJob

log = structlog.get_logger(__name__)

# in one round: enough to wake every slot there may be
_AT_ONCE = 100
# a duty that its holder does not take again for so long is somebody else's
_DUTY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that one scheduler does now and then for all. What it raises is logged; it is done again next time."""

    name: str
    seconds: float
    do: Callable[[], object]


class Scheduler:
    """Threads that look after due jobs, leases and duties. `start` and `stop` once each.

    `tell` lets workers know of due jobs; what nobody has claimed is told again no later than `resend_seconds` after.
    """

    def __init__(
        self,
        bench: Workbench,
        name: str,
        *,
        tell: Callable[[Sequence[DueJob]], None],
        duties: Sequence[Duty] = (),
        resend_seconds: float = 5.0,
        poll_seconds: float = 1.0,
    ) -> None:
        self._bench = bench
        self._name = name
        self._tell = tell
        # what is not told in this round has to wait for the next
        self._resend = timedelta(seconds=max(0.0, resend_seconds - poll_seconds))
        self._poll_seconds = poll_seconds
        self._stopping = Event()
        self._threads = [
            self._thread(self._tell_of_due, "scheduler-due"),
            self._thread(partial(look_after_leases, bench, poll_seconds, self._stopping), "scheduler-leases"),
            *(self._thread(partial(self._keep, duty), f"duty-{duty.name}") for duty in duties),
        ]

    @staticmethod
    def _thread(target: Callable[[], None], name: str) -> Thread:
        return Thread(target=target, name=name, daemon=True)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Nothing is begun any more and the duties are free for others."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=10)
        try:
            self._bench.units.run(lambda unit: unit.duties.leave(self._name))
        except Exception:
            log.exception("duties_not_left")

    def tell_of_due(self) -> int:
        """Workers are told of some jobs that are due and unclaimed; answers of how many.

        Of some, because a worker that has been woken goes on until nothing is due.
        """
        now = self._bench.clock.now()
        told_before = now - self._resend
        due = self._bench.units.run(lambda unit: unit.jobs.take_unannounced(now, told_before, _AT_ONCE))
        self._tell(due)
        return len(due)

    def _tell_of_due(self) -> None:
        while not self._stopping.is_set():
            pause = self._poll_seconds
            try:
                self.tell_of_due()
                next_due = self._bench.units.read(lambda unit: unit.jobs.next_due())
                until = None if next_due is None else (next_due - self._bench.clock.now()).total_seconds()
                if until is not None and until > 0:
                    pause = min(pause, until)
            except Exception:
                log.exception("job_announcement_failed")
            self._stopping.wait(pause)

    def _keep(self, duty: Duty) -> None:
        while not self._stopping.is_set():
            try:
                if self._has(duty):
                    duty.do()
            except Exception:
                log.exception("duty_failed", duty=duty.name)
            self._stopping.wait(duty.seconds)

    def _has(self, duty: Duty) -> bool:
        now = self._bench.clock.now()
        until = now + timedelta(seconds=max(_DUTY_SECONDS, 3 * duty.seconds))
        return self._bench.units.run(lambda unit: unit.duties.take(duty.name, self._name, now, until))
