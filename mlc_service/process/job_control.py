"""What people do with jobs. Lists: `unit.jobs.find(JobFilter(…))`; running one now: `jobs.runner.execute_now`."""

from __future__ import annotations

from datetime import datetime

from mlc_service.jobs.failures import open_incident
from mlc_service.process.surroundings import Surroundings
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
