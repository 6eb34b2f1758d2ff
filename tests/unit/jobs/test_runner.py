"""Running jobs: what a handler answers decides what becomes of the job; nothing runs twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event, Lock
from typing import Any
from uuid import uuid4

import pytest

from mlc_service.jobs.failures import RetryPolicy
from mlc_service.jobs.heartbeat import Heartbeat
from mlc_service.jobs.one import Workbench, run_one
from mlc_service.jobs.runner import ThreadRunner, execute_now, release_all_leases, run_due
from mlc_service.jobs.work import Done, Failed, Handler, JobFailed, Lease
from mlc_service.store.errors import IllegalMove, NotFound
from mlc_service.store.rows import JobRow, new_job
from mlc_service.store.units import Units

PATIENCE_SECONDS = 30


class Workshop:
    """A workbench whose one handler can be swapped, and a record of what it was given."""

    def __init__(self, units: Units, clock: Any) -> None:
        self.units = units
        self.clock = clock
        self.seen: list[str] = []
        self.answer: Handler = self.finish
        self.bench = Workbench(units, clock, {"work": self._handle}, RetryPolicy(3, (5.0, 30.0), 3))
        self._lock = Lock()

    def _handle(self, job: JobRow, lease: Lease) -> Done | Failed:
        with self._lock:
            self.seen.append(job.id)
        return self.answer(job, lease)

    def finish(self, job: JobRow, lease: Lease) -> Done | Failed:
        self.units.run(lambda unit: unit.jobs.finish(job.id, job.attempt))
        return Done()

    def add(self, count: int = 1, **fields: Any) -> list[str]:
        now = self.clock.now()
        rows = [new_job(str(uuid4()), "work", now)._replace(**fields) for _ in range(count)]
        self.units.run(lambda unit: unit.jobs.insert(rows))
        return [row.id for row in rows]

    def left(self) -> list[JobRow]:
        return self.units.read(lambda unit: unit.jobs.find())

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """`holds` is asked after every commit that touches jobs or is worth a look, until it is true."""
        pulse = Event()
        for _ in range(PATIENCE_SECONDS * 100):
            if holds():
                return
            pulse.wait(0.01)
        raise AssertionError("did not come true")


@pytest.fixture
def shop(units: Units, clock: Any) -> Workshop:
    return Workshop(units, clock)


@pytest.fixture
def running(shop: Workshop) -> Iterator[ThreadRunner]:
    """A started runner that polls so rarely that only wake-ups can make it look."""
    runner = ThreadRunner(shop.bench, threads=3, poll_seconds=600)
    runner.start()
    yield runner
    runner.stop()


# --- one job --------------------------------------------------------------------------------------------------------


def test_a_done_job_is_gone(shop: Workshop) -> None:
    ids = shop.add(3)
    assert run_due(shop.bench) == 3
    assert sorted(shop.seen) == sorted(ids)
    assert shop.left() == []


def test_a_failed_try_waits_for_its_next_one(shop: Workshop) -> None:
    shop.add()
    shop.answer = lambda job, lease: Failed("no runtime", "Traceback …")
    run_due(shop.bench)
    (job,) = shop.left()
    assert (job.state, job.retries, job.exception_message) == ("ready", 2, "no runtime")
    shop.clock.forward(seconds=5)
    run_due(shop.bench)
    shop.clock.forward(seconds=30)
    run_due(shop.bench)
    (job,) = shop.left()
    assert (job.state, len(shop.seen)) == ("failed", 3)
    (incident,) = shop.units.read(lambda unit: unit.incidents.find())
    assert incident.message == "no runtime"


def test_a_handler_that_breaks_counts_as_a_failed_try(shop: Workshop) -> None:
    def broken(job: JobRow, lease: Lease) -> Done | Failed:
        raise ZeroDivisionError("our fault")

    shop.add()
    shop.answer = broken
    run_due(shop.bench)
    (job,) = shop.left()
    assert job.retries == 2
    assert job.exception_message == "ZeroDivisionError: our fault"
    assert "Traceback" in (job.stacktrace or "")


def test_a_kind_that_nobody_handles_becomes_an_incident(shop: Workshop) -> None:
    shop.add(kind="dance", retries=1)
    run_due(shop.bench)
    (incident,) = shop.units.read(lambda unit: unit.incidents.find())
    assert "'dance'" in (incident.message or "")


def test_a_stale_worker_neither_finishes_nor_fails_a_job(shop: Workshop) -> None:
    shop.add()
    lease = Lease("stale", 30)
    now = shop.clock.now()
    (stale,) = shop.units.run(lambda unit: unit.jobs.claim("stale", now, lease.until(now), 1))
    later = shop.clock.forward(seconds=31)
    shop.units.run(lambda unit: unit.jobs.expire(later, 3, ""))
    (fresh,) = shop.units.run(lambda unit: unit.jobs.claim("fresh", later, lease.until(later), 1))

    assert run_one(shop.bench, stale, lease) is None
    shop.answer = lambda job, lease: Failed("no")
    assert run_one(shop.bench, stale, lease) is None
    (job,) = shop.left()
    assert (job.worker, job.attempt, job.retries) == ("fresh", fresh.attempt, 3)


def test_the_worker_goes_on_with_what_the_handler_hands_back(shop: Workshop) -> None:
    """`next` is claimed already: it is run without being found in the queue."""
    following = new_job(str(uuid4()), "work", shop.clock.now())._replace(
        due=shop.clock.now() + timedelta(days=1), state="running", worker="run-due", attempt=1
    )

    def chain(job: JobRow, lease: Lease) -> Done | Failed:
        assert lease.goes_on
        claimed = following._replace(lease_until=lease.until(shop.clock.now()))
        shop.answer = shop.finish

        def work(unit: Any) -> None:
            unit.jobs.finish(job.id, job.attempt)
            unit.jobs.insert([claimed])

        shop.units.run(work)
        return Done(claimed)

    first = shop.add()
    shop.answer = chain
    assert run_due(shop.bench) == 2
    assert shop.seen == [*first, following.id]
    assert shop.left() == []


# --- on request -----------------------------------------------------------------------------------------------------


def test_a_job_can_be_run_before_it_is_due(shop: Workshop) -> None:
    (id,) = shop.add(due=shop.clock.now() + timedelta(days=1))
    execute_now(shop.bench, id)
    assert shop.left() == []


def test_whoever_runs_a_job_now_hears_that_it_failed(shop: Workshop) -> None:
    (id,) = shop.add()
    shop.answer = lambda job, lease: Failed("no runtime")
    with pytest.raises(JobFailed, match="no runtime"):
        execute_now(shop.bench, id)
    assert shop.left()[0].retries == 2
    with pytest.raises(NotFound):
        execute_now(shop.bench, str(uuid4()))


def test_a_running_job_is_not_run_beside_itself(shop: Workshop) -> None:
    def again(job: JobRow, lease: Lease) -> Done | Failed:
        with pytest.raises(IllegalMove):
            execute_now(shop.bench, job.id)
        return shop.finish(job, lease)

    (id,) = shop.add()
    shop.answer = again
    execute_now(shop.bench, id)
    assert shop.seen == [id]


def test_on_request_the_next_job_is_not_taken_along(shop: Workshop) -> None:
    def look(job: JobRow, lease: Lease) -> Done | Failed:
        assert not lease.goes_on
        return shop.finish(job, lease)

    (id,) = shop.add()
    shop.answer = look
    execute_now(shop.bench, id)


# --- in threads -----------------------------------------------------------------------------------------------------


def test_new_jobs_are_run_as_soon_as_they_are_committed(shop: Workshop, running: ThreadRunner) -> None:
    ids = shop.add(20)
    shop.wait_until(lambda: shop.left() == [])
    assert sorted(shop.seen) == sorted(ids)


def test_jobs_that_are_there_at_the_start_are_run(shop: Workshop) -> None:
    shop.add(5)
    runner = ThreadRunner(shop.bench, threads=2, poll_seconds=600)
    runner.start()
    shop.wait_until(lambda: shop.left() == [])
    runner.stop()
    assert len(shop.seen) == 5


def test_timers_are_run_when_they_are_due(shop: Workshop, running: ThreadRunner) -> None:
    shop.add(due=shop.clock.now() + timedelta(hours=1))
    shop.add()
    shop.wait_until(lambda: len(shop.seen) == 1)
    shop.clock.forward(hours=1)
    running.wake()
    shop.wait_until(lambda: shop.left() == [])


def test_a_long_job_does_not_stop_the_others(shop: Workshop, running: ThreadRunner) -> None:
    release, started = Event(), Event()
    (long,) = shop.add()

    def wait(job: JobRow, lease: Lease) -> Done | Failed:
        if job.id == long:
            started.set()
            assert release.wait(PATIENCE_SECONDS)
        return shop.finish(job, lease)

    shop.answer = wait
    assert started.wait(PATIENCE_SECONDS)
    shop.add(10)
    shop.wait_until(lambda: [job.id for job in shop.left()] == [long])
    release.set()
    shop.wait_until(lambda: shop.left() == [])


def test_a_graceful_stop_finishes_what_runs_and_leaves_the_rest(shop: Workshop) -> None:
    release, started = Event(), Event()

    def wait(job: JobRow, lease: Lease) -> Done | Failed:
        started.set()
        assert release.wait(PATIENCE_SECONDS)
        return shop.finish(job, lease)

    shop.answer = wait
    runner = ThreadRunner(shop.bench, threads=1, poll_seconds=600)
    shop.add(3)
    runner.start()
    assert started.wait(PATIENCE_SECONDS)
    release.set()
    runner.stop()
    assert {job.state for job in shop.left()} <= {"ready"}
    assert len(shop.seen) + len(shop.left()) == 3


def test_what_is_not_finished_in_time_is_left_to_others(shop: Workshop) -> None:
    release, started, ended = Event(), Event(), Event()

    def wait(job: JobRow, lease: Lease) -> Done | Failed:
        started.set()
        assert release.wait(PATIENCE_SECONDS)
        try:
            return shop.finish(job, lease)
        finally:
            ended.set()

    shop.answer = wait
    runner = ThreadRunner(shop.bench, threads=1, poll_seconds=600)
    shop.add()
    runner.start()
    assert started.wait(PATIENCE_SECONDS)
    runner.stop(grace_seconds=0)
    (left,) = shop.left()
    assert (left.state, left.expiries) == ("ready", 0)
    # the abandoned thread comes too late
    release.set()
    assert ended.wait(PATIENCE_SECONDS)
    assert [job.state for job in shop.left()] == ["ready"]


def test_two_runners_share_the_work(shop: Workshop) -> None:
    runners = [ThreadRunner(shop.bench, threads=2, poll_seconds=600, name=name) for name in ("a", "b")]
    for runner in runners:
        runner.start()
    ids = shop.add(60)
    shop.wait_until(lambda: shop.left() == [])
    for runner in runners:
        runner.stop()
    assert sorted(shop.seen) == sorted(ids)


def test_the_lease_of_a_long_job_is_renewed(shop: Workshop) -> None:
    shop.add()
    lease = Lease("me", 30)
    now = shop.clock.now()
    (job,) = shop.units.run(lambda unit: unit.jobs.claim("me", now, lease.until(now), 1))
    heartbeat = Heartbeat(shop.units, shop.clock, lease)
    with heartbeat.keeping(job):
        later = shop.clock.forward(seconds=29)
        heartbeat.beat()
        assert shop.left()[0].lease_until == lease.until(later)
    shop.clock.forward(seconds=20)
    heartbeat.beat()
    assert shop.left()[0].lease_until == lease.until(later)


def test_at_the_start_of_a_service_that_is_alone_all_leases_end(shop: Workshop) -> None:
    shop.add(2)
    now = shop.clock.now()
    shop.units.run(lambda unit: unit.jobs.claim("killed", now, now + timedelta(hours=1), 2))
    assert run_due(shop.bench) == 0
    release_all_leases(shop.bench)
    assert run_due(shop.bench) == 2


def test_expired_leases_of_others_are_picked_up(shop: Workshop) -> None:
    shop.add()
    now = shop.clock.now()
    shop.units.run(lambda unit: unit.jobs.claim("killed", now, now + timedelta(seconds=30), 1))
    shop.clock.forward(seconds=31)
    runner = ThreadRunner(shop.bench, threads=1, poll_seconds=600)
    runner.start()
    shop.wait_until(lambda: shop.left() == [])
    runner.stop()
    assert len(shop.seen) == 1
