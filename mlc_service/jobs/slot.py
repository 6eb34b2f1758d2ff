"""One place of a worker, in which one job runs at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from threading import Lock, Timer
from time import monotonic

import structlog

from mlc_service.jobs.heartbeat import Heartbeat
from mlc_service.jobs.one import Workbench, run_in_a_row, run_together
from mlc_service.jobs.work import Lease
from mlc_service.store.jobs import DueJob
from mlc_service.store.rows import JobRow

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a slot takes on at once.

    Up to `batch` jobs are claimed together: claiming one by one costs more than a small job. Those that have not begun
    `patience_seconds` later are given back, so that a slow job holds up nobody. After `slice_seconds` the slot passes
    on what else is due and ends its turn.
    """

    batch: int = 20
    patience_seconds: float = 0.25
    slice_seconds: float = 5.0


class Slot:
    """Does the jobs of one queue that are due, most urgent first, whenever it is told that there are some."""

    def __init__(
        self,
        bench: Workbench,
        heartbeat: Heartbeat,
        lease: Lease,
        queue: str,
        *,
        tell: Callable[[Sequence[DueJob]], None],
        is_stopping: Callable[[], bool],
        pace: Pace | None = None,
    ) -> None:
        """`tell` lets workers know of due jobs; the heartbeat renews leases of the same worker."""
        self._bench = bench
        self._heartbeat = heartbeat
        self._lease = lease
        self._queue = queue
        self._tell = tell
        self._is_stopping = is_stopping
        self._pace = pace or Pace()
        self._taken = Lock()

    def work(self) -> int:
        """What was due is done, or others do it; answers how many jobs were begun here.

        Never raises: what could not be put on record is found again when its lease runs out.
        """
        with self._taken:
            return self._work()

    def look(self, overdue_seconds: float) -> None:
        """As `work`, if jobs are overdue and nothing is done here just now: Redis may be away, or out of its mind."""
        if not self._taken.acquire(blocking=False):
            return
        try:
            next_due = self._bench.units.read(lambda unit: unit.jobs.next_due())
            if next_due is not None and (self._bench.clock.now() - next_due).total_seconds() > overdue_seconds:
                self._work()
        except Exception:
            log.exception("job_claim_failed", worker=self._lease.worker)
        finally:
            self._taken.release()

    def _work(self) -> int:
        until = monotonic() + self._pace.slice_seconds
        begun = 0
        try:
            claimed = self._claim()
            while claimed:
                begun += self._run(claimed)
                if self._is_stopping():
                    return begun
                if monotonic() > until:
                    self._pass_on()
                    return begun
                claimed = self._claim()
        except Exception:
            # not even the failure could be recorded (is the database gone?)
            log.exception("job_outcome_lost", worker=self._lease.worker)
        return begun

    def _claim(self) -> list[JobRow]:
        if self._is_stopping():
            return []
        now = self._bench.clock.now()
        return self._bench.units.run(
            lambda unit: unit.jobs.claim(self._lease.worker, now, self._lease.until(now), self._pace.batch, self._queue)
        )

    def _run(self, claimed: Sequence[JobRow]) -> int:
        waiting = _Waiting(claimed, self._give_back)
        begun = 0
        patience = Timer(self._pace.patience_seconds, waiting.give_back)
        patience.daemon = True
        if len(claimed) > 1:
            patience.start()
        try:
            while jobs := waiting.pop(self._bench.together):
                begun += len(jobs)
                if len(jobs) == 1:
                    run_in_a_row(self._bench, self._heartbeat, jobs[0], self._lease, self._is_stopping)
                else:
                    run_together(self._bench, self._heartbeat, jobs, self._lease, self._is_stopping)
                if self._is_stopping():
                    break
        finally:
            patience.cancel()
            if patience.ident is not None:
                # what it is just giving back must be there for the next claim
                patience.join()
            waiting.give_back()
        return begun

    def _give_back(self, unbegun: Sequence[JobRow]) -> None:
        try:
            self._bench.units.run(lambda unit: unit.jobs.release([(job.id, job.attempt) for job in unbegun]))
        except Exception:
            log.exception("job_release_failed", worker=self._lease.worker, jobs=len(unbegun))

    def _pass_on(self) -> None:
        """Somebody, perhaps this slot, is told that there is more."""
        now = self._bench.clock.now()
        self._tell(self._bench.units.run(lambda unit: unit.jobs.take_unannounced(now, now, self._pace.batch)))


class _Waiting:
    """Claimed jobs that have not begun. Each is begun or given back, by whichever thread comes first."""

    def __init__(self, jobs: Sequence[JobRow], give_back: Callable[[Sequence[JobRow]], None]) -> None:
        self._jobs = deque(jobs)
        self._lock = Lock()
        self._give_back = give_back

    def pop(self, together: Container[str]) -> list[JobRow]:
        """The first of them, with the others of its kind if that is one of those; none if there is none."""
        with self._lock:
            if not self._jobs:
                return []
            first = self._jobs.popleft()
            if first.kind not in together:
                return [first]
            others = [job for job in self._jobs if job.kind == first.kind]
            self._jobs = deque(job for job in self._jobs if job.kind != first.kind)
            return [first, *others]

    def give_back(self) -> None:
        with self._lock:
            unbegun = list(self._jobs)
            self._jobs.clear()
        if unbegun:
            self._give_back(unbegun)
