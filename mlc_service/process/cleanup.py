"""Cleaning history: the one job that removes what is due, in its window or when somebody asks for it.

The job's row is there for ever and is planned anew after each run, so that there is never a second one. Without a
window it rests, suspended, between what people ask for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from mlc_service.clock import Clock
from mlc_service.jobs.work import Done, Lease
from mlc_service.process.retention import CleanupWindow
from mlc_service.process.surroundings import Surroundings
from mlc_service.store.errors import IllegalMove
from mlc_service.store.jobs import JobFilter
from mlc_service.store.rows import JobRow, new_job
from mlc_service.store.units import UnitOfWork, Units

log = structlog.get_logger(__name__)

HISTORY_CLEANUP = "history_cleanup"
# any id, as long as all processes use the same: the job table takes it once
CLEANUP_JOB_ID = "c1ea0000-0000-4000-8000-000000000001"

# then the job goes back to the table, where more urgent ones come first
_BATCHES_IN_A_RUN = 50


def cleanup_job(unit: UnitOfWork) -> JobRow | None:
    """The job that cleans history, None as long as nobody has planned it."""
    found = unit.jobs.find(JobFilter(id=CLEANUP_JOB_ID))
    return found[0] if found else None


def plan_cleanup(unit: UnitOfWork, around: Surroundings) -> None:
    """If there is a cleanup window, the job is there and due in it. Safe to repeat, and for many processes at once.

    For every start of a service: the window may be another than before. What somebody asked for is left alone, and
    so is a job that has failed.
    """
    window = around.retention.window
    if window is None:
        return
    now = around.clock.now()
    due = _due_in(window, now)
    job = cleanup_job(unit)
    if job is None:
        unit.jobs.insert([_new_job(around, now, due, on_demand=False)])
    elif job.state == "ready" and not job.payload["on_demand"]:
        unit.jobs.change(job.id, due=due, suspended=False)


def ask_for_cleanup(unit: UnitOfWork, around: Surroundings, *, immediately: bool) -> JobRow:
    """The job is due now, or else in the window; failed tries are forgotten. One that is at work is left alone.

    Neither immediately nor with a window it rests, as in Camunda.
    """
    now = around.clock.now()
    window = around.retention.window
    due = now if immediately or window is None else _due_in(window, now)
    rests = not immediately and window is None
    job = cleanup_job(unit)
    if job is None:
        job = _new_job(around, now, due, on_demand=immediately)._replace(suspended=rests)
        unit.jobs.insert([job])
        return job
    try:
        unit.jobs.set_retries(job.id, around.retries.retries_of(None))
    except IllegalMove:
        return unit.jobs.get(job.id)
    unit.incidents.resolve_job(job.id)
    forgotten = {"exception_message": None, "stacktrace": None}
    unit.jobs.change(job.id, due=due, suspended=rests, payload={"on_demand": immediately}, **forgotten)
    return unit.jobs.get(job.id)


def clean(units: Units, around: Surroundings, job: JobRow, lease: Lease) -> Done:  # noqa: ARG001
    """What was due is gone, as far as one run goes, and the next run is planned.

    Each batch is a transaction of its own that does not touch the job: killed at any moment, the job is run again
    and goes on. It stops when the window closes.
    """
    on_demand = bool(job.payload["on_demand"])
    window = around.retention.window
    removed: Counter[str] = Counter()
    is_over = False
    for _ in range(_BATCHES_IN_A_RUN):
        now = around.clock.now()
        is_over = not (on_demand or (window is not None and window.is_open(now)))
        if not is_over:
            gone = _remove_batch(units, now, around.retention.batch_rows)
            removed.update(gone)
            is_over = not gone
        if is_over:
            break

    def plan_next(unit: UnitOfWork) -> None:
        now = around.clock.now()
        following: dict[str, Any] = {"due": now, "suspended": False, "payload": job.payload}
        if is_over:
            due = now if window is None else window.start.next(now)
            following = {"due": due, "suspended": window is None, "payload": {"on_demand": False}}
        unit.incidents.resolve_job(job.id)
        unit.jobs.wait_again(job.id, job.attempt, retries=around.retries.retries_of(None), **following)

    units.run(plan_next)
    log.info("history_cleaned", is_over=is_over, **removed)
    return Done()


def clean_all(units: Units, clock: Clock, batch_rows: int) -> Mapping[str, int]:
    """Everything that is due is gone, whatever the window; answers how many rows by table."""
    removed: Counter[str] = Counter()
    while gone := _remove_batch(units, clock.now(), batch_rows):
        removed.update(gone)
    return removed


def _remove_batch(units: Units, now: datetime, batch_rows: int) -> Mapping[str, int]:
    return units.run(lambda unit: unit.retention.remove(now, batch_rows))


def _due_in(window: CleanupWindow, now: datetime) -> datetime:
    return now if window.is_open(now) else window.start.next(now)


def _new_job(around: Surroundings, now: datetime, due: datetime, *, on_demand: bool) -> JobRow:
    return new_job(
        CLEANUP_JOB_ID,
        HISTORY_CLEANUP,
        now,
        payload={"on_demand": on_demand},
        due=due,
        retries=around.retries.retries_of(None),
    )
