"""Running one claimed job and recording what came of it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

import structlog

from mlc_service import logs, metrics, tracing
from mlc_service.clock import Clock
from mlc_service.jobs.failures import RetryPolicy, record_failure
from mlc_service.jobs.work import Done, Failed, Handler, Lease
from mlc_service.store.errors import LeaseLost
from mlc_service.store.rows import JobRow
from mlc_service.store.units import Units

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Workbench:
    """All that is needed to run jobs: the database, the time, a handler for each kind, the retry policy."""

    units: Units
    clock: Clock
    handlers: Mapping[str, Handler]
    policy: RetryPolicy = field(default_factory=RetryPolicy)


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
        bench.units.run(lambda unit: record_failure(unit, job, failure, bench.policy, bench.clock.now()))
    except LeaseLost:
        log.warning("job_lease_lost", job_id=job.id, kind=job.kind, attempt=job.attempt)
        return None
    return outcome


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
