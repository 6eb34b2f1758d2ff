"""Running one claimed job and recording what came of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from time import monotonic

import structlog

from mlc_service import logs, metrics, tracing
from mlc_service.clock import Clock
from mlc_service.jobs.failures import GivenUp, RetryPolicy, record_expiries, record_failure
from mlc_service.jobs.heartbeat import Heartbeat
from mlc_service.jobs.work import Done, DoneTogether, Failed, Handler, Lease, Together
from mlc_service.store.errors import LeaseLost
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork, Units

log = structlog.get_logger(__name__)

# after so many jobs of one instance in a row the worker asks the queue again: others must not starve
_MOST_IN_A_ROW = 100


@dataclass(frozen=True, slots=True)
class Workbench:
    """All that is needed to run jobs: the database, the time, a handler for each kind, what to do about failures."""

    units: Units
    clock: Clock
    handlers: Mapping[str, Handler]
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    given_up: GivenUp = field(default_factory=dict)
    # for kinds of which several can be done in one transaction
    together: Mapping[str, Together] = field(default_factory=dict)


def run_one(bench: Workbench, job: JobRow, lease: Lease) -> Done | Failed | None:
    """The claimed job has been run and its outcome is on record; None if it is not ours any more.

    Logs, metrics and traces tell of it.
    """
    waited = (bench.clock.now() - job.due).total_seconds()
    # a job that somebody wants to see done now may not be due yet
    metrics.JOB_WAIT_SECONDS.labels(job.kind).observe(max(0.0, waited))
    facts = {
        "job_id": job.id,
        "instance_id": job.instance_id,
        "definition_key": job.definition_key,
        "activity_id": job.activity_id,
    }
    began = monotonic()
    with logs.about(**facts), tracing.span(f"job {job.kind}", **facts, attempt=job.attempt) as note:
        outcome = _recorded(bench, job, lease)
        word = _in_a_word(job, outcome)
        note("outcome", word)
    metrics.JOB_SECONDS.labels(job.kind, word).observe(monotonic() - began)
    return outcome


def _in_a_word(job: JobRow, outcome: Done | Failed | None) -> str:
    if outcome is None:
        return "lease_lost"
    if isinstance(outcome, Done):
        return "done"
    return "retried" if job.retries > 1 else "failed"


def _recorded(bench: Workbench, job: JobRow, lease: Lease) -> Done | Failed | None:
    outcome = _handled(bench, job, lease)
    if not isinstance(outcome, Failed):
        return outcome
    failure = outcome
    try:
        bench.units.run(
            lambda unit: record_failure(unit, job, failure, bench.policy, bench.clock.now(), bench.given_up)
        )
    except LeaseLost:
        log.warning("job_lease_lost", job_id=job.id, kind=job.kind, attempt=job.attempt)
        return None
    return outcome


def run_together(
    bench: Workbench, heartbeat: Heartbeat, first: Sequence[JobRow], lease: Lease, is_stopping: Callable[[], bool]
) -> None:
    """The claimed jobs of one kind have been run in one transaction, and in others what they made due.

    Whatever cannot be done that way is done one by one, or given back.
    """
    jobs = list(first)
    for turn in range(_MOST_IN_A_ROW):
        if len(jobs) < 2:
            break
        goes_on = turn < _MOST_IN_A_ROW - 1 and not is_stopping()
        with ExitStack() as held:
            for job in jobs:
                held.enter_context(heartbeat.keeping(job))
            together = _done_together(bench, jobs, Lease(lease.worker, lease.seconds, goes_on, together=True))
        if together is None:
            break
        if together.left:
            bench.units.run(lambda unit, left=together.left: unit.jobs.release([(job.id, job.attempt) for job in left]))  # type: ignore[misc]
        jobs = [outcome.next for outcome in together.done.values() if outcome.next is not None]
    # those that come later are still ours when their turn comes
    with ExitStack() as held:
        for job in jobs:
            held.enter_context(heartbeat.keeping(job))
        for job in jobs:
            if is_stopping():
                bench.units.run(partial(_release, job=job))
            else:
                run_in_a_row(bench, heartbeat, job, lease, is_stopping)


def _done_together(bench: Workbench, jobs: Sequence[JobRow], lease: Lease) -> DoneTogether | None:
    """None if it does not work: nothing was done then."""
    kind = jobs[0].kind
    now, began = bench.clock.now(), monotonic()
    try:
        with tracing.span(f"jobs {kind}", jobs=len(jobs)):
            together = bench.together[kind](jobs, lease)
    except Exception as error:
        # the one that is to blame will say so when it is done by itself
        log.info("jobs_not_done_together", kind=kind, jobs=len(jobs), error=str(error))
        return None
    each = (monotonic() - began) / max(1, len(together.done))
    for job in jobs:
        if job.id in together.done:
            metrics.JOB_WAIT_SECONDS.labels(job.kind).observe(max(0.0, (now - job.due).total_seconds()))
            metrics.JOB_SECONDS.labels(job.kind, "done").observe(each)
    return together


def run_in_a_row(
    bench: Workbench, heartbeat: Heartbeat, first: JobRow, lease: Lease, is_stopping: Callable[[], bool]
) -> None:
    """The claimed job has been run, and what it made due in the same instance, until there is no more of that."""
    job: JobRow | None = first
    for turn in range(_MOST_IN_A_ROW):
        assert job is not None
        goes_on = turn < _MOST_IN_A_ROW - 1 and not is_stopping()
        with heartbeat.keeping(job):
            outcome = run_one(bench, job, Lease(lease.worker, lease.seconds, goes_on))
        job = outcome.next if isinstance(outcome, Done) else None
        if job is None:
            return
        if is_stopping():
            bench.units.run(partial(_release, job=job))
            return


def end_leases(bench: Workbench, *, all_of_them: bool = False) -> None:
    """Jobs whose lease ran out are ready again, or have failed. `all_of_them`: see `failures.record_expiries`."""
    bench.units.run(
        lambda unit: record_expiries(unit, bench.policy, bench.clock.now(), bench.given_up, all_leases=all_of_them)
    )


def look_after_leases(bench: Workbench, seconds: float, stopping: Event) -> None:
    """Ends leases every so many seconds until it is asked to stop. What goes wrong is logged and tried again."""
    while not stopping.is_set():
        try:
            end_leases(bench)
        except Exception:
            log.exception("job_expiry_check_failed")
        stopping.wait(seconds)


def _release(unit: UnitOfWork, job: JobRow) -> None:
    unit.jobs.release([(job.id, job.attempt)])


def _handled(bench: Workbench, job: JobRow, lease: Lease) -> Done | Failed | None:
    handler = bench.handlers.get(job.kind)
    if handler is None:
        return Failed(f"this service does not know what to do with jobs of kind {job.kind!r}")
    try:
        return handler(job, lease)
    except LeaseLost:
        # whoever has it now does the work; what we did was rolled back
        log.warning("job_lease_lost", job_id=job.id, kind=job.kind, attempt=job.attempt)
        return None
    except Exception as error:
        # a handler answers with Failed for all that may go wrong: this one did not expect what happened
        log.exception("job_handler_broke", job_id=job.id, kind=job.kind)
        return Failed(f"{type(error).__name__}: {error}", traceback.format_exc())
