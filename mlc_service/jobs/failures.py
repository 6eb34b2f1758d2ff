"""What becomes of a job that failed: another try later, or an incident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from mlc_service.jobs.work import Failed
from mlc_service.language.timers import parse_retry_cycle
from mlc_service.store.ids import new_id
from mlc_service.store.rows import IncidentRow, JobRow
from mlc_service.store.units import UnitOfWork

log = structlog.get_logger(__name__)

FAILED_JOB = "failedJob"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How jobs without a retry cycle of their own are tried again.

    `retries` counts all tries, the first included; `delay_seconds` are the pauses after the first, second … failure,
    the last serving all later ones. `expiries` is how many leases may run out before the job has failed for good.
    """

    retries: int = 3
    delay_seconds: tuple[float, ...] = (5.0, 30.0)
    expiries: int = 10

    def next_try(self, job: JobRow, now: datetime) -> datetime:
        """When the job is to be tried again, after a failure of the try that `job.retries` still counts."""
        if job.retry_cycle is not None:
            cycle = parse_retry_cycle(job.retry_cycle)
            return cycle.next_try(max(1, cycle.retries - job.retries + 1), now)
        failures = max(1, self.retries - job.retries + 1)
        return now + timedelta(seconds=self.delay_seconds[min(failures, len(self.delay_seconds)) - 1])

    def retries_of(self, retry_cycle: str | None) -> int:
        """How many tries a new job has."""
        return self.retries if retry_cycle is None else parse_retry_cycle(retry_cycle).retries


# What else is put on record, in the same transaction, when jobs of a kind have failed for good; by kind.
GivenUp = Mapping[str, Callable[[UnitOfWork, JobRow, str], None]]
_NOTHING_ELSE: GivenUp = {}


def record_failure(
    unit: UnitOfWork,
    job: JobRow,
    failure: Failed,
    policy: RetryPolicy,
    now: datetime,
    given_up: GivenUp = _NOTHING_ELSE,
) -> None:
    """One try is used up: the job waits for the next one, or has failed and an incident is open.

    Raises LeaseLost if the job is not held any more.
    """
    facts = {"job_id": job.id, "kind": job.kind, "instance_id": job.instance_id, "attempt": job.attempt}
    if job.retries > 1:
        due = policy.next_try(job, now)
        unit.jobs.retry(job.id, job.attempt, due, failure.message, failure.stacktrace)
        log.warning("job_retried", **facts, due=due.isoformat(), message=failure.message)
    else:
        unit.jobs.fail(job.id, job.attempt, failure.message, failure.stacktrace)
        _give_up(unit, job, failure.message, now, given_up)
        log.error("job_failed", **facts, message=failure.message)


def record_expiries(
    unit: UnitOfWork,
    policy: RetryPolicy,
    now: datetime,
    given_up: GivenUp = _NOTHING_ELSE,
    *,
    all_leases: bool = False,
) -> None:
    """Jobs whose lease ran out are ready again, or have failed with an incident if that happened too often.

    `all_leases` ends every lease: only for a service that owns the database alone and has just started.
    """
    message = f"The worker that ran this job went away without a word, {policy.expiries} times."
    if all_leases:
        failed = unit.jobs.expire_all(policy.expiries, message)
    else:
        failed = unit.jobs.expire(now, policy.expiries, message)
    for job in failed:
        _give_up(unit, job, message, now, given_up)
        log.error("job_expired", job_id=job.id, kind=job.kind, instance_id=job.instance_id, expiries=job.expiries)


def _give_up(unit: UnitOfWork, job: JobRow, message: str, now: datetime, given_up: GivenUp) -> None:
    open_incident(unit, job, message, now)
    if job.kind in given_up:
        given_up[job.kind](unit, job, message)


def open_incident(unit: UnitOfWork, job: JobRow, message: str, now: datetime) -> None:
    """The job has one open incident, with this message."""
    unit.incidents.resolve_job(job.id)
    unit.incidents.open(
        IncidentRow(
            id=new_id(now),
            kind=FAILED_JOB,
            instance_id=job.instance_id,
            definition_id=job.definition_id,
            activity_id=job.activity_id,
            job_id=job.id,
            message=message,
            created=now,
            execution_id=job.execution_id,
        )
    )
