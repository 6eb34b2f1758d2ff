"""Running due jobs: in threads of this process, one by one on request, or all at once for a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from time import monotonic

import structlog

from mlc_service.jobs.failures import RetryPolicy
from mlc_service.jobs.heartbeat import Heartbeat
from mlc_service.jobs.one import Workbench, end_leases, look_after_leases, run_in_a_row, run_one, run_together
from mlc_service.jobs.work import Done, Failed, JobFailed, Lease
from mlc_service.store.ids import new_id
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork

log = structlog.get_logger(__name__)

# jobs that a worker does together at most: beyond that a transaction only grows longer
_SHARE = 50


def release_all_leases(bench: Workbench) -> None:
    """Every job is free again, at once. For a service that owns its database alone and has just started.

    What a killed process held is not waited for; it counts as an expired lease.
    """
    end_leases(bench, all_of_them=True)


def execute_now(bench: Workbench, job_id: str, *, lease_seconds: float = 30.0) -> None:
    """The job has been run in this thread, due or not. Jobs that come out of it wait for their own turn.

    Raises NotFound, IllegalMove if it is running already, JobFailed if the try failed (retries are counted).
    """
    lease = Lease(f"request-{new_id(bench.clock.now())}", lease_seconds, goes_on=False)
    job = bench.units.run(lambda unit: unit.jobs.claim_one(job_id, lease.worker, lease.until(bench.clock.now())))
    with Heartbeat(bench.units, bench.clock, lease) as heartbeat, heartbeat.keeping(job):
        outcome = run_one(bench, job, lease)
    if isinstance(outcome, Failed):
        raise JobFailed(job_id, outcome.message)


def run_due(bench: Workbench, *, lease_seconds: float = 30.0, most: int = 10_000) -> int:
    """Every job that is due now, and what became due by it, has been run in this thread; answers how many.

    For tests and tools: it does not look after expired leases and renews none.
    """
    lease = Lease("run-due", lease_seconds)
    done = 0
    while done < most:
        now = bench.clock.now()
        claimed = bench.units.run(lambda unit, now=now: unit.jobs.claim(lease.worker, now, lease.until(now), 1))  # type: ignore[misc]
        if not claimed:
            return done
        job: JobRow | None = claimed[0]
        while job is not None:
            outcome = run_one(bench, job, lease)
            done += 1
            job = outcome.next if isinstance(outcome, Done) else None
    raise RuntimeError(f"jobs do not come to rest: {done} were run")


class ThreadRunner:
    """Runs due jobs in threads of this process.

    `start` and `stop` once each. It looks for work when a commit announces some (`Units.on_new_jobs`), when the next
    timer is due, and every `poll_seconds`, for what other processes have left.
    """

    def __init__(
        self,
        bench: Workbench,
        *,
        threads: int = 4,
        lease_seconds: float = 30.0,
        poll_seconds: float = 1.0,
        name: str = "worker",
    ) -> None:
        self._bench = bench
        self._lease = Lease(f"{name}-{new_id(bench.clock.now())}", lease_seconds)
        self._poll_seconds = poll_seconds
        self._threads = threads
        self._heartbeat = Heartbeat(bench.units, bench.clock, self._lease)
        self._claimed: SimpleQueue[list[JobRow] | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._wake = Event()
        self._stopping = Event()
        self._workers = [self._thread(self._work, f"job-worker-{number}") for number in range(threads)]
        self._dispatcher = self._thread(self._dispatch, "job-dispatcher")
        self._caretaker = self._thread(
            partial(look_after_leases, bench, lease_seconds / 3, self._stopping), "job-caretaker"
        )
        bench.units.on_new_jobs(lambda _due: self._wake.set())

    @staticmethod
    def _thread(target: Callable[[], None], name: str) -> Thread:
        # daemons: a delegate that hangs must not keep the process from ending; its lease runs out
        return Thread(target=target, name=name, daemon=True)

    def start(self) -> None:
        """Due jobs are run from now on."""
        self._heartbeat.start()
        for thread in (*self._workers, self._dispatcher, self._caretaker):
            thread.start()
        log.info("job_runner_started", worker=self._lease.worker, threads=self._threads)

    def stop(self, grace_seconds: float = 10.0) -> None:
        """No job is claimed any more; those in hand are finished, or after the grace free for others to take."""
        deadline = monotonic() + grace_seconds
        self._stopping.set()
        self._wake.set()
        for _ in self._workers:
            self._claimed.put(None)
        for worker in self._workers:
            worker.join(max(0.0, deadline - monotonic()))
        # the dispatcher waits for an idle worker; there may be none
        self._idle.release()
        self._dispatcher.join()
        self._caretaker.join()
        unfinished = self._heartbeat.stop()
        while not self._claimed.empty():
            unfinished += [(job.id, job.attempt) for job in self._claimed.get() or ()]
        if unfinished:
            # whoever takes one over has a higher attempt: a thread of ours that still works on it cannot commit
            self._bench.units.run(lambda unit: unit.jobs.release(unfinished))
        log.info("job_runner_stopped", worker=self._lease.worker, unfinished=len(unfinished))

    def wake(self) -> None:
        """The runner looks for due jobs now. Needed only if the clock was moved."""
        self._wake.set()

    def _dispatch(self) -> None:
        while True:
            free = self._idle_workers()
            # cleared before looking: work that is announced meanwhile makes the wait below end at once
            self._wake.clear()
            if self._stopping.is_set():
                return
            found: list[JobRow] = []
            pause = self._poll_seconds
            try:
                found, pause = self._claim(free)
            except Exception:
                log.exception("job_claim_failed")
            shares = self._shares(found, free)
            for share in shares:
                self._claimed.put(share)
            if len(shares) < free:
                self._idle.release(free - len(shares))
                self._wake.wait(pause)

    def _idle_workers(self) -> int:
        self._idle.acquire()
        free = 1
        while free < self._threads and self._idle.acquire(blocking=False):
            free += 1
        return free

    def _claim(self, most: int) -> tuple[list[JobRow], float]:
        """Up to `most` jobs that are ours now, and how long to wait before looking again if they are fewer."""
        now = self._bench.clock.now()
        # looking first costs a read; claiming in vain would make writers wait on SQLite
        next_due = self._bench.units.read(lambda unit: unit.jobs.next_due())
        if next_due is None:
            return [], self._poll_seconds
        if next_due > now:
            return [], min((next_due - now).total_seconds(), self._poll_seconds)
        found = self._bench.units.run(lambda unit: self._claimed_by(unit, now, most))
        return found, self._poll_seconds

    def _claimed_by(self, unit: UnitOfWork, now: datetime, most: int) -> list[JobRow]:
        until = self._lease.until(now)
        found = unit.jobs.claim(self._lease.worker, now, until, most)
        together = sum(job.kind in self._bench.together for job in found)
        if together and len(found) == most:
            # there may be many more of them
            kinds = list(self._bench.together)
            found += unit.jobs.claim(self._lease.worker, now, until, together * (_SHARE - 1), kinds=kinds)
        return found

    def _shares(self, found: Sequence[JobRow], workers: int) -> list[list[JobRow]]:
        """What each of up to so many workers is to do: one job, or several of a kind that can be done together."""
        alone = [[job] for job in found if job.kind not in self._bench.together]
        kinds: dict[str, list[JobRow]] = {}
        for job in found:
            if job.kind in self._bench.together:
                kinds.setdefault(job.kind, []).append(job)
        shares = list(kinds.values())
        while shares and len(alone) + len(shares) < workers and len(shares[0]) > 1:
            shares.sort(key=len, reverse=True)
            largest = shares.pop(0)
            half = len(largest) // 2
            shares += [largest[:half], largest[half:]]
        return alone + shares

    def _work(self) -> None:
        while True:
            self._idle.release()
            share = self._claimed.get()
            if share is None:
                return
            try:
                if len(share) == 1:
                    run_in_a_row(self._bench, self._heartbeat, share[0], self._lease, self._stopping.is_set)
                else:
                    run_together(self._bench, self._heartbeat, share, self._lease, self._stopping.is_set)
            except Exception:
                # not even the failure could be recorded (is the database gone?): the lease will run out
                log.exception("job_outcome_lost", job_ids=[job.id for job in share])
            # another exclusive job of that instance may have waited for this one
            self._wake.set()


__all__ = ["RetryPolicy", "ThreadRunner", "Workbench", "execute_now", "release_all_leases", "run_due"]
