"""`kill -9` of a worker process: what it held goes on elsewhere, and nothing happens twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO
from uuid import uuid4

from mlc_service.clock import Clock
from mlc_service.jobs.failures import RetryPolicy
from mlc_service.jobs.one import Workbench
from mlc_service.jobs.runner import release_all_leases, run_due
from mlc_service.jobs.work import Done, Lease
from mlc_service.store.rows import JobRow, new_job
from mlc_service.store.units import Units

KILLABLE = Path(__file__).with_name("killable.py")
REPOSITORY = Path(__file__).parents[3]


@contextmanager
def killable(units: Units) -> Iterator[IO[str]]:
    """A worker process on the database, and what it says; killed without a word at the end of the block."""
    with subprocess.Popen(
        [sys.executable, str(KILLABLE), units.database_url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.send_signal(signal.SIGKILL)
            # what it had said before it died must not keep it as a zombie
            process.stdout.read()


def heard(lines: IO[str], what: str, times: int = 1) -> None:
    """The process has said this so many times."""
    for line in lines:
        times -= line.startswith(what)
        if times == 0:
            return
    raise AssertionError(f"the worker ended before it said {what!r}")


def added(units: Units, kind: str, count: int = 1) -> list[str]:
    now = datetime.now(UTC)
    rows = [new_job(str(uuid4()), kind, now) for _ in range(count)]
    units.run(lambda unit: unit.jobs.insert(rows))
    return [row.id for row in rows]


def finishing(units: Units, clock: Clock) -> Workbench:
    """A workbench that finishes every job."""

    def finish(job: JobRow, lease: Lease) -> Done:
        units.run(lambda unit: unit.jobs.finish(job.id, job.attempt))
        return Done()

    policy = RetryPolicy(expiries=3)
    return Workbench(units, clock, {"hang": finish, "write": finish}, policy)


class Now:
    """The real time, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def test_what_a_killed_process_held_goes_on_when_its_service_starts_again(units: Units) -> None:
    (id,) = added(units, "hang")
    with killable(units) as worker:
        heard(worker, "hangs")
    held = units.read(lambda unit: unit.jobs.get(id))
    assert (held.state, held.attempt) == ("running", 1)

    bench = finishing(units, Now())
    assert run_due(bench) == 0
    release_all_leases(bench)
    assert run_due(bench) == 1


def test_what_a_killed_process_held_goes_on_elsewhere_when_its_lease_has_run_out(units: Units) -> None:
    added(units, "hang")
    with killable(units) as worker:
        heard(worker, "hangs")
    clock = Now()
    bench = finishing(units, clock)
    units.run(lambda unit: unit.jobs.expire(clock.now(), 3, ""))
    assert run_due(bench) == 0
    clock.ahead = timedelta(seconds=6)
    units.run(lambda unit: unit.jobs.expire(clock.now(), 3, ""))
    assert run_due(bench) == 1


def test_a_job_that_kills_its_process_each_time_becomes_an_incident(units: Units) -> None:
    (id,) = added(units, "hang")
    for _ in range(3):
        with killable(units) as worker:
            heard(worker, "hangs")
    release_all_leases(finishing(units, Now()))
    assert units.read(lambda unit: unit.jobs.get(id)).state == "failed"
    (incident,) = units.read(lambda unit: unit.incidents.find())
    assert incident.job_id == id


def test_every_effect_happens_once_over_many_kills(units: Units) -> None:
    ids = added(units, "write", 150)
    for _ in range(3):
        with killable(units) as worker:
            heard(worker, "wrote", 20)
    with killable(units) as worker:
        while units.read(lambda unit: unit.jobs.count()):
            heard(worker, "wrote")
    effects = units.read(lambda unit: [row.id for row in unit.documents("effects").find()])
    assert sorted(effects) == sorted(ids)
