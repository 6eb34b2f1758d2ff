"""Keeping leases alive while their jobs run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from types import TracebackType

import structlog

from mlc_service.clock import Clock
from mlc_service.jobs.work import Lease
from mlc_service.store.rows import JobRow
from mlc_service.store.units import Units

log = structlog.get_logger(__name__)


class Heartbeat:
    """A thread that renews the leases of all jobs in hand, three times a lease. `start` and `stop`, or a context."""

    def __init__(self, units: Units, clock: Clock, lease: Lease) -> None:
        self._units = units
        self._clock = clock
        self._lease = lease
        self._held: dict[str, int] = {}
        self._lock = Lock()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="job-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[tuple[str, int]]:
        """No lease is renewed any more; answers the jobs (id, attempt) that are still in hand."""
        self._stopping.set()
        self._thread.join()
        with self._lock:
            return list(self._held.items())

    def __enter__(self) -> Heartbeat:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @contextmanager
    def keeping(self, job: JobRow) -> Iterator[None]:
        """The job's lease does not run out within this block, as long as the database can be reached."""
        with self._lock:
            self._held[job.id] = job.attempt
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(job.id, None)

    def beat(self) -> None:
        """The leases of all jobs in hand end no sooner than a full lease from now."""
        with self._lock:
            held = list(self._held.items())
        if held:
            until = self._lease.until(self._clock.now())
            self._units.run(lambda unit: unit.jobs.renew(self._lease.worker, held, until))

    def _run(self) -> None:
        while not self._stopping.wait(self._lease.seconds / 3):
            try:
                self.beat()
            except Exception:
                # the database may be back before the lease ends; if not, the fencing number keeps order
                log.exception("job_heartbeat_missed")
