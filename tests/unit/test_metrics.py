"""What is counted, and when: committed facts, once. What is looked up in the database. Numbers of forked processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mlc_service.clock import SystemClock
from mlc_service.database_metrics import DatabaseMetrics
from mlc_service.jobs.failures import RetryPolicy, record_expiries
from mlc_service.jobs.one import Workbench
from mlc_service.jobs.runner import run_due
from mlc_service.jobs.work import Done, Failed, Lease
from mlc_service.metrics import COUNTED
from mlc_service.probes import Probes, scraped, serve_probes
from mlc_service.readiness import Check, Readiness, readiness
from mlc_service.store.errors import LeaseLost
from mlc_service.store.rows import IncidentRow, JobRow, ServiceProcessRow, new_job
from mlc_service.store.units import UnitOfWork, Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class Counting:
    """How much a sample has grown since this was made."""

    def __init__(self) -> None:
        self._before = self._samples()

    @staticmethod
    def _samples() -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for metric in COUNTED.collect()
            for sample in metric.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return self._samples().get(key, 0.0) - self._before.get(key, 0.0)


@pytest.fixture
def counted() -> Counting:
    return Counting()


def insert(units: Units, kind: str, **fields: Any) -> str:
    id = str(uuid4())
    units.run(lambda unit: unit.jobs.insert([new_job(id, kind, NOW)._replace(**fields)]))
    return id


# --- facts ------------------------------------------------------------------------------------------------------


def test_each_outcome_of_a_job_is_counted_with_its_duration_and_its_wait(
    units: Units, clock: Any, counted: Counting
) -> None:
    def done(job: JobRow, lease: Lease) -> Done:
        units.run(lambda unit: unit.jobs.finish(job.id, job.attempt))
        return Done()

    def lost(job: JobRow, lease: Lease) -> Done:
        units.run(lambda unit: unit.jobs.delete([job.id]))
        raise LeaseLost(job.id, job.attempt)

    handlers = {"good": done, "bad": lambda job, lease: Failed("no"), "late": lost}
    bench = Workbench(units, clock, handlers, RetryPolicy(retries=2))
    insert(units, "good")
    insert(units, "bad", retries=2)
    insert(units, "late")
    clock.forward(seconds=20)
    run_due(bench)
    clock.forward(minutes=1)
    run_due(bench)
    outcomes = {("good", "done"): 1, ("bad", "retried"): 1, ("bad", "failed"): 1, ("late", "lease_lost"): 1}
    for (kind, outcome), times in outcomes.items():
        assert counted("mlc_job_duration_seconds_count", kind=kind, outcome=outcome) == times
    assert counted("mlc_job_wait_seconds_sum", kind="good") == pytest.approx(20)
    assert counted("mlc_incidents_opened_total", kind="failedJob") == 1


def test_what_is_rolled_back_or_repeated_is_not_counted_twice(units: Units, counted: Counting) -> None:
    incident = IncidentRow("", "failedJob", None, None, None, None, "no", NOW)

    def fails(unit: UnitOfWork) -> None:
        unit.incidents.open(incident._replace(id=str(uuid4())))
        raise RuntimeError("after that, something else")

    with pytest.raises(RuntimeError):
        units.run(fails)
    assert counted("mlc_incidents_opened_total", kind="failedJob") == 0
    tries: list[int] = []
    job = insert(units, "work")

    def repeated(unit: UnitOfWork) -> None:
        tries.append(1)
        unit.incidents.open(incident._replace(id=str(uuid4())))
        # the second of two that create the same thing at once finds it there, and is run again
        if len(tries) == 1:
            unit.jobs.insert([new_job(job, "work", NOW)])

    units.run(repeated)
    assert len(tries) == 2
    assert counted("mlc_incidents_opened_total", kind="failedJob") == 1
    repeats = sum(
        counted("mlc_transactions_repeated_total", cause=cause) for cause in ("23505", "SQLITE_CONSTRAINT_PRIMARYKEY")
    )
    assert repeats == 1


def test_resolved_incidents_are_counted_under_the_kinds_there_are(units: Units, counted: Counting) -> None:
    ids = [str(uuid4()) for _ in range(2)]
    for id in ids:
        row = IncidentRow(id, f"made up {id}", None, None, None, None, None, NOW)
        units.run(lambda unit, row=row: unit.incidents.open(row))  # type: ignore[misc]
        units.run(lambda unit, id=id: unit.incidents.delete(id))  # type: ignore[misc]
    assert counted("mlc_incidents_resolved_total", kind="other") == 2


def test_leases_that_ran_out_are_counted(units: Units, counted: Counting) -> None:
    insert(units, "work")
    insert(units, "work", expiries=9)
    units.run(lambda unit: unit.jobs.claim("me", NOW, NOW + timedelta(seconds=30), 2))
    units.run(lambda unit: record_expiries(unit, RetryPolicy(), NOW + timedelta(seconds=31)))
    assert counted("mlc_job_leases_expired_total", kind="work") == 2
    assert counted("mlc_incidents_opened_total", kind="failedJob") == 1


# --- what is looked up ------------------------------------------------------------------------------------------


def gauges(found: DatabaseMetrics) -> dict[str, float]:
    """The samples by name and label."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for metric in found.collect()
        for sample in metric.samples
    }


def test_the_database_is_asked_for_a_scrape_and_not_again_for_some_seconds(units: Units, clock: Any) -> None:
    insert(units, "work")
    insert(units, "work", due=NOW + timedelta(hours=1))
    insert(units, "work", suspended=True)
    insert(units, "work", queue="gpu", state="failed", retries=0)
    insert(units, "work", state="running", worker="me", lease_until=NOW + timedelta(seconds=30))
    process = ServiceProcessRow("1", "worker", "here", 1, "0.1.0", "jobs", 2, -1.5, NOW, NOW)
    units.run(lambda unit: unit.service_processes.add(process))
    units.run(lambda unit: unit.service_processes.add(process._replace(id="2", seen=NOW - timedelta(minutes=1))))
    units.run(lambda unit: unit.incidents.open(IncidentRow("i", "mine", None, None, None, None, None, NOW)))
    clock.forward(seconds=4)
    looked = DatabaseMetrics(units, clock)
    found = gauges(looked)
    assert found["mlc_jobs_waiting jobs"] == 1
    assert found["mlc_jobs_oldest_due_seconds jobs"] == 4
    assert found["mlc_jobs_running jobs"] == 1
    assert (found["mlc_jobs_failed gpu"], found["mlc_jobs_failed jobs"]) == (1, 0)
    assert found["mlc_incidents_open other"] == 1
    assert (found["mlc_service_processes worker"], found["mlc_service_processes api"]) == (1, 0)
    assert found["mlc_clock_ahead_seconds here"] == -1.5
    assert (found["mlc_database_up"], found["mlc_instances_running"]) == (1, 0)
    insert(units, "work")
    clock.forward(seconds=4)
    assert gauges(looked)["mlc_jobs_waiting jobs"] == 1
    clock.forward(seconds=4)
    assert gauges(looked)["mlc_jobs_waiting jobs"] == 2


def test_a_database_that_is_away_does_not_break_a_scrape(tmp_path: Path) -> None:
    nothing = Units(f"sqlite:///{tmp_path}/empty.db")
    assert gauges(DatabaseMetrics(nothing, SystemClock())) == {"mlc_database_up": 0}
    nothing.close()


# --- processes without an API -----------------------------------------------------------------------------------


@pytest.fixture
def probes() -> Iterator[Callable[[Check], Probes]]:
    """Serves probes over one check."""
    served: list[Probes] = []

    def serve(check: Check) -> Probes:
        def is_ready() -> Readiness:
            return readiness([check])

        served.append(serve_probes(0, is_ready, scraped(COUNTED)))
        return served[-1]

    yield serve
    for one in served:
        one.close()


def get(probes: Probes, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{probes.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_process_without_an_api_answers_probes_and_scrapes(probes: Callable[[Check], Probes]) -> None:
    served = probes(Check("work", lambda: None))
    assert get(served, "/healthz") == (200, '{"status": "alive"}')
    assert get(served, "/readyz") == (200, '{"status": "ready", "checks": {"work": "ok"}}')
    status, body = get(served, "/metrics")
    assert (status, "process_resident_memory_bytes" in body) == (200, True)
    assert get(served, "/")[0] == 404


def test_what_is_missing_makes_a_process_unready_or_degraded(probes: Callable[[Check], Probes]) -> None:
    status, body = get(probes(Check("work", lambda: "It has stopped")), "/readyz")
    assert (status, json.loads(body)["checks"]) == (503, {"work": "It has stopped"})
    status, body = get(probes(Check("redis", lambda: "It is away", is_required=False)), "/readyz")
    assert (status, json.loads(body)["status"]) == (200, "degraded")


def test_a_check_that_breaks_says_nothing_of_how(probes: Callable[[Check], Probes]) -> None:
    def broken() -> str | None:
        raise RuntimeError("postgresql://me:s3cret@here")

    status, body = get(probes(Check("database", broken)), "/readyz")
    assert (status, json.loads(body)["checks"]) == (503, {"database": "The database does not answer"})


# --- numbers of forked processes --------------------------------------------------------------------------------

_FORKING = """
import os, sys
from pathlib import Path
from prometheus_client import generate_latest
from mlc_service import metrics
from mlc_service.probes import SharedMetrics, scraped

folder = Path(sys.argv[1])
metrics.LEASES_EXPIRED.labels("work").inc(1000)
shared = SharedMetrics(folder)
registry = scraped(shared)

def child(times):
    pid = os.fork()
    if pid == 0:
        for _ in range(times):
            metrics.LEASES_EXPIRED.labels("work").inc()
            metrics.JOB_WAIT_SECONDS.labels("work").observe(0.2)
        os._exit(0)
    os.waitpid(pid, 0)

def show():
    text = generate_latest(registry).decode()
    print(*sorted(line for line in text.splitlines() if line.startswith("mlc_") and "_bucket" not in line), sep="|")
    print(*sorted(path.name for path in folder.iterdir()))

metrics.LEASES_EXPIRED.labels("work").inc()
child(2)
child(3)
show()
child(4)
show()
shared.close()
print(folder.exists())
"""


def test_what_forked_processes_have_counted_is_shown_by_their_parent_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"left over from before")
    done = subprocess.run(
        [sys.executable, "-c", _FORKING, str(folder)], capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    first, files, second, files_later, is_left = done.stdout.splitlines()
    assert first == (
        'mlc_job_leases_expired_total{kind="work"} 6.0|'
        'mlc_job_wait_seconds_count{kind="work"} 5.0|mlc_job_wait_seconds_sum{kind="work"} 1.0'
    )
    assert second.startswith(
        'mlc_job_leases_expired_total{kind="work"} 10.0|mlc_job_wait_seconds_count{kind="work"} 9.0'
    )
    # one file for all that are gone, however many there were, beside the parent's own
    assert len(files.split()) == len(files_later.split()) == 3
    assert is_left == "False"
