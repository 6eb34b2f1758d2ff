"""What becomes of a failed job: tries with pauses in between, then an incident that a person can resolve."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlc_service.jobs.failures import RetryPolicy, record_expiries, record_failure
from mlc_service.jobs.work import Failed
from mlc_service.store.errors import LeaseLost
from mlc_service.store.rows import JobRow, new_job
from mlc_service.store.units import Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
POLICY = RetryPolicy(retries=3, delay_seconds=(5.0, 30.0), expiries=2)


def claimed(units: Units, now: datetime = NOW, **fields: Any) -> JobRow:
    """A new job if there is none, held by a worker."""

    def work(unit: Any) -> JobRow:
        if not unit.jobs.count():
            unit.jobs.insert([new_job(str(uuid4()), "work", NOW)._replace(**fields)])
        found: list[JobRow] = unit.jobs.claim("me", now, now + timedelta(seconds=30), 1)
        return found[0]

    return units.run(work)


def test_each_failure_uses_up_a_try_and_the_last_opens_an_incident(units: Units) -> None:
    now = NOW
    for retries, pause in ((2, 5), (1, 30)):
        job = claimed(units, now)
        units.run(lambda unit, j=job, n=now: record_failure(unit, j, Failed("no", "Traceback"), POLICY, n))  # type: ignore[misc]
        after = units.read(lambda unit, j=job: unit.jobs.get(j.id))  # type: ignore[misc]
        assert (after.state, after.retries, after.due) == ("ready", retries, now + timedelta(seconds=pause))
        assert units.read(lambda unit: unit.incidents.count()) == 0
        now = after.due
    job = claimed(units, now)
    units.run(lambda unit: record_failure(unit, job, Failed("no, really", "Traceback"), POLICY, now))
    after = units.read(lambda unit: unit.jobs.get(job.id))
    assert (after.state, after.retries, after.exception_message) == ("failed", 0, "no, really")
    (incident,) = units.read(lambda unit: unit.incidents.find())
    assert (incident.kind, incident.job_id, incident.message) == ("failedJob", job.id, "no, really")


def test_a_failure_of_a_stale_worker_is_not_recorded(units: Units) -> None:
    job = claimed(units)
    with pytest.raises(LeaseLost):
        units.run(lambda unit: record_failure(unit, job._replace(attempt=7), Failed("no"), POLICY, NOW))
    assert units.read(lambda unit: unit.jobs.get(job.id)).state == "running"


def test_a_job_that_fails_again_after_its_incident_keeps_one_incident(units: Units) -> None:
    for message in ("first", "second"):
        job = units.run(
            lambda unit: (
                unit.jobs.claim_one(unit.jobs.find()[0].id, "me", NOW + timedelta(seconds=30))
                if unit.jobs.count()
                else None
            )
        )
        job = job or claimed(units, retries=1)
        units.run(lambda unit, j=job, m=message: record_failure(unit, j, Failed(m), POLICY, NOW))  # type: ignore[misc]
    assert [row.message for row in units.read(lambda unit: unit.incidents.find())] == ["second"]


def test_leases_that_run_out_too_often_open_an_incident(units: Units) -> None:
    job = claimed(units)
    late = NOW + timedelta(seconds=31)
    units.run(lambda unit: record_expiries(unit, POLICY, late))
    assert units.read(lambda unit: unit.incidents.count()) == 0
    claimed(units, late)
    units.run(lambda unit: record_expiries(unit, POLICY, late, all_leases=True))
    (incident,) = units.read(lambda unit: unit.incidents.find())
    assert incident.job_id == job.id
    assert "went away" in (incident.message or "")


def test_a_cycle_in_the_diagram_sets_tries_and_pauses() -> None:
    assert POLICY.retries_of("R5/PT10M") == 5
    assert POLICY.retries_of(None) == 3
    job = new_job("j", "work", NOW, retries=5, retry_cycle="R5/PT10M")
    assert POLICY.next_try(job, NOW) == NOW + timedelta(minutes=10)
    listed = new_job("j", "work", NOW, retries=POLICY.retries_of("PT1S,PT1M"), retry_cycle="PT1S,PT1M")
    pauses = [POLICY.next_try(listed._replace(retries=left), NOW) - NOW for left in range(listed.retries, 1, -1)]
    assert pauses[0] == timedelta(seconds=1)
    assert pauses[-1] == timedelta(minutes=1)


@given(
    retries=st.integers(1, 10),
    left=st.integers(1, 20),
    delays=st.lists(st.floats(0, 3600), min_size=1, max_size=5).map(lambda found: tuple(sorted(found))),
)
def test_pauses_never_get_shorter(retries: int, left: int, delays: tuple[float, ...]) -> None:
    policy = RetryPolicy(retries, delays)
    earlier = policy.next_try(new_job("j", "work", NOW, retries=left + 1), NOW)
    later = policy.next_try(new_job("j", "work", NOW, retries=left), NOW)
    assert NOW <= earlier <= later
