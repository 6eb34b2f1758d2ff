"""What people do with jobs. Lists: `unit.jobs.find(JobFilter(…))`; running one now: `jobs.runner.execute_now`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mlc_service.engine import NotWaiting
from mlc_service.engine.job_kinds import timer_of
from mlc_service.engine.values import plain
from mlc_service.jobs.failures import open_incident
from mlc_service.language import timers
from mlc_service.process.running import read_execution
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import NotFound
from mlc_service.store.rows import JobRow
from mlc_service.store.units import UnitOfWork


def set_job_retries(unit: UnitOfWork, around: Surroundings, id: str, retries: int) -> None:
    """The job has that many tries: more than none resolves its incident, none raises one.

    Raises NotFound, IllegalMove while it runs, ValueError for less than none.
    """
    if retries < 0:
        raise ValueError("the number of retries cannot be negative")
    unit.jobs.set_retries(id, retries)
    if retries > 0:
        unit.incidents.resolve_job(id)
    else:
        job = unit.jobs.get(id)
        open_incident(unit, job, job.exception_message or "its retries were set to 0", around.clock.now())


def set_job_due(unit: UnitOfWork, around: Surroundings, id: str, due: datetime | None) -> None:
    """The job is due at that time; None means now. Raises NotFound."""
    unit.jobs.set_due(id, around.clock.now() if due is None else due)


def recalculate_job_due(unit: UnitOfWork, around: Surroundings, id: str, *, from_creation: bool = False) -> None:
    """The timer is due as its diagram says, counted from now or from when it was armed; other jobs stay as they are.

    Raises NotFound, and what is wrong with the timer (ExpressionError, TimerError).
    """
    job = unit.jobs.get(id)
    if job.definition_id is None or job.activity_id is None:
        return
    timer = timer_of(around.parsed.known(unit, job.definition_id).definition, job.activity_id)
    if timer is None:
        return
    kind, expression = timer
    now = around.clock.now()
    text = expression.text
    if not expression.is_literal:
        value = expression.evaluate(_names(unit, around, job) | {"__now__": now})
        text = value.isoformat() if isinstance(value, datetime) else str(value)
    due, _ = timers.first_due(kind, text, job.created if from_creation else now, zone=around.zone)
    unit.jobs.set_due(id, due)


def set_job_priority(unit: UnitOfWork, around: Surroundings, id: str, priority: int) -> None:  # noqa: ARG001
    """Jobs of a higher priority come first. Raises NotFound."""
    unit.jobs.set_priority(id, priority)


def set_job_suspended(unit: UnitOfWork, around: Surroundings, id: str, suspended: bool) -> None:  # noqa: ARG001
    """The job is not run by workers, or is again. Raises NotFound."""
    unit.jobs.set_suspended(id, suspended)


def delete_job(unit: UnitOfWork, around: Surroundings, id: str) -> None:  # noqa: ARG001
    """The job and its incident are gone; what waited for it waits until it is cancelled. Raises NotFound."""
    job = unit.jobs.get(id)
    unit.jobs.delete([job.id])


def _names(unit: UnitOfWork, around: Surroundings, job: JobRow) -> dict[str, Any]:
    """The variables that the job's execution sees."""
    if job.instance_id is None:
        return {}
    try:
        visible = read_execution(unit, around, job.instance_id).variables(job.activity or 0)
    except NotWaiting:
        raise NotFound("job", job.id) from None
    return {name: plain(value) for name, value in visible.items()}
