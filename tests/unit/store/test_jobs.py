"""The job table's state moves, held by the database itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from mlc_service.store.errors import IllegalMove, LeaseLost, NotFound
from mlc_service.store.jobs import JobFilter
from mlc_service.store.rows import DeploymentRow, InstanceRow, JobRow, ProcessDefinitionRow, new_job
from mlc_service.store.units import Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def job(**fields: Any) -> JobRow:
    return new_job(str(uuid4()), "async", NOW)._replace(**fields)


def added(units: Units, *rows: JobRow) -> None:
    units.run(lambda unit: unit.jobs.insert(rows))


def claimed(units: Units, worker: str = "one", now: datetime = NOW, limit: int = 10) -> list[JobRow]:
    return units.run(lambda unit: unit.jobs.claim(worker, now, now + seconds(30), limit))


def state_of(units: Units, id: str) -> JobRow:
    return units.read(lambda unit: unit.jobs.get(id))


@pytest.fixture
def instance_id(units: Units) -> str:
    """An instance that jobs can belong to."""
    id = str(uuid4())
    deployment = DeploymentRow(str(uuid4()), None, None, NOW)
    definition = ProcessDefinitionRow("p:1:x", "p", 1, None, None, None, "p.bpmn", deployment.id, False, None, True)
    with units.begin() as unit:
        unit.deployments.insert(deployment, [])
        unit.definitions.insert(definition)
        unit.instances.insert(InstanceRow(id, "p:1:x", "p", None, id, None, None, b"", {}, False, 1, NOW), {})
    return id


# --- claiming -----------------------------------------------------------------------------------------------------


def test_a_claimed_job_cannot_be_claimed_twice(units: Units) -> None:
    added(units, job(), job())
    first, second = claimed(units, "one"), claimed(units, "two")
    assert len(first) == 2
    assert second == []
    assert {(row.state, row.worker, row.attempt) for row in first} == {("running", "one", 1)}


def test_workers_claiming_at_once_share_the_jobs(units: Units) -> None:
    if "postgresql" not in units.database_url:
        pytest.skip("SQLite lets one writer in at a time")
    added(units, *(job() for _ in range(4)))
    with units.begin() as one:
        first = one.jobs.claim("one", NOW, LATER, 2)
        with units.begin() as two:
            # not committed yet: the second worker passes over what the first one is just taking
            second = two.jobs.claim("two", NOW, LATER, 4)
    assert len(first) == 2
    assert len(second) == 2
    assert not {row.id for row in first} & {row.id for row in second}


def test_jobs_are_claimed_by_priority_and_then_by_age(units: Units) -> None:
    old, new, urgent = job(due=NOW - seconds(9)), job(due=NOW - seconds(1)), job(priority=7)
    added(units, new, urgent, old)
    assert [row.id for row in claimed(units)] == [urgent.id, old.id, new.id]


def test_a_batch_takes_the_most_urgent_ones(units: Units) -> None:
    low, high = job(), job(priority=1)
    added(units, low, high)
    assert [row.id for row in claimed(units, limit=1)] == [high.id]


def test_a_batch_is_filled_up_with_the_next_lower_priorities(units: Units) -> None:
    urgent, high, low, lowest = (
        job(priority=7),
        job(priority=1),
        job(priority=-2, due=NOW - seconds(5)),
        job(priority=-9),
    )
    added(units, lowest, low, job(priority=4, due=LATER), job(priority=1, suspended=True), high, urgent)
    assert [row.id for row in claimed(units, limit=3)] == [urgent.id, high.id, low.id]
    assert [row.id for row in claimed(units, limit=3)] == [lowest.id]


def test_jobs_that_are_not_due_or_suspended_are_not_claimed(units: Units) -> None:
    added(units, job(due=NOW + seconds(1)), job(suspended=True))
    assert claimed(units) == []
    assert len(claimed(units, now=NOW + seconds(1))) == 1


def test_of_an_instances_exclusive_jobs_one_runs_at_a_time(units: Units, instance_id: str) -> None:
    first = job(instance_id=instance_id, number=3, exclusive=True)
    second = job(instance_id=instance_id, number=8, exclusive=True, priority=5)
    beside = job(instance_id=instance_id, number=9)
    added(units, second, first, beside)
    assert {row.id for row in claimed(units)} == {first.id, beside.id}
    assert claimed(units) == []
    units.run(lambda unit: unit.jobs.finish(first.id, 1))
    assert [row.id for row in claimed(units)] == [second.id]


def test_an_exclusive_job_that_waits_for_its_retry_lets_others_pass(units: Units, instance_id: str) -> None:
    waiting = job(instance_id=instance_id, number=3, exclusive=True, due=LATER)
    ready = job(instance_id=instance_id, number=8, exclusive=True)
    added(units, waiting, ready)
    assert [row.id for row in claimed(units)] == [ready.id]


def test_the_database_refuses_two_running_exclusive_jobs_of_an_instance(units: Units, instance_id: str) -> None:
    running = {"state": "running", "lease_until": LATER, "exclusive": True, "instance_id": instance_id}
    with pytest.raises(IntegrityError):
        added(units, job(number=1, **running), job(number=2, **running))


def test_a_certain_job_can_be_claimed_before_it_is_due(units: Units) -> None:
    later = job(due=LATER)
    added(units, later)
    row = units.run(lambda unit: unit.jobs.claim_one(later.id, "me", LATER))
    assert (row.state, row.attempt) == ("running", 1)
    with pytest.raises(IllegalMove):
        units.run(lambda unit: unit.jobs.claim_one(later.id, "you", LATER))
    with pytest.raises(NotFound):
        units.run(lambda unit: unit.jobs.claim_one("nothing", "you", LATER))


def test_a_certain_exclusive_job_waits_for_the_running_one(units: Units, instance_id: str) -> None:
    first = job(instance_id=instance_id, number=1, exclusive=True)
    second = job(instance_id=instance_id, number=2, exclusive=True)
    added(units, first, second)
    claimed(units)
    with pytest.raises(IllegalMove):
        units.run(lambda unit: unit.jobs.claim_one(second.id, "me", LATER))


# --- leases and fencing ------------------------------------------------------------------------------------------


def test_an_expired_lease_is_claimed_again_and_the_stale_worker_is_refused(units: Units) -> None:
    added(units, job())
    stale = claimed(units, "one")[0]
    units.run(lambda unit: unit.jobs.expire(NOW + seconds(31), 3, "gone"))
    fresh = claimed(units, "two", NOW + seconds(31))[0]
    assert (fresh.id, fresh.attempt) == (stale.id, stale.attempt + 1)

    written = ("settings", "by the stale worker")

    def stale_commit(unit: Any) -> None:
        unit.settings.put(*written, NOW)
        unit.jobs.finish(stale.id, stale.attempt)

    with pytest.raises(LeaseLost):
        units.run(stale_commit)
    assert units.read(lambda unit: unit.settings.get("settings")) is None
    units.run(lambda unit: unit.jobs.finish(fresh.id, fresh.attempt))
    with pytest.raises(NotFound):
        state_of(units, fresh.id)


@pytest.mark.parametrize(
    "move",
    [
        lambda unit, row: unit.jobs.finish(row.id, row.attempt),
        lambda unit, row: unit.jobs.retry(row.id, row.attempt, LATER, "failed", ""),
        lambda unit, row: unit.jobs.fail(row.id, row.attempt, "failed", ""),
        lambda unit, row: unit.jobs.check_held(row.id, row.attempt),
    ],
    ids=["finish", "retry", "fail", "check_held"],
)
def test_every_end_of_a_lease_shows_its_attempt(units: Units, move: Callable[[Any, JobRow], None]) -> None:
    added(units, job())
    row = claimed(units)[0]
    with pytest.raises(LeaseLost):
        units.run(lambda unit: move(unit, row._replace(attempt=row.attempt - 1)))
    units.run(lambda unit: move(unit, row))


def test_a_renewed_lease_does_not_expire(units: Units) -> None:
    added(units, job())
    row = claimed(units)[0]
    units.run(lambda unit: unit.jobs.renew("one", [(row.id, row.attempt)], NOW + seconds(60)))
    units.run(lambda unit: unit.jobs.expire(NOW + seconds(31), 3, "gone"))
    assert state_of(units, row.id).state == "running"


def test_nobody_renews_what_belongs_to_somebody_else(units: Units) -> None:
    added(units, job())
    row = claimed(units, "one")[0]
    units.run(lambda unit: unit.jobs.renew("two", [(row.id, row.attempt)], LATER))
    assert state_of(units, row.id).lease_until == row.lease_until


def test_a_released_job_is_as_if_it_had_not_been_claimed(units: Units) -> None:
    added(units, job())
    row = claimed(units)[0]
    units.run(lambda unit: unit.jobs.release([(row.id, row.attempt)]))
    released = state_of(units, row.id)
    assert (released.state, released.worker, released.lease_until, released.retries) == ("ready", None, None, 3)


def test_a_job_whose_leases_keep_running_out_has_failed(units: Units) -> None:
    added(units, job())
    failed: list[JobRow] = []
    now = NOW
    for _ in range(3):
        assert failed == []
        claimed(units, now=now)
        now += seconds(31)
        failed = units.run(lambda unit, now=now: unit.jobs.expire(now, 3, "it kills its worker"))  # type: ignore[misc]
    assert [(row.state, row.retries, row.expiries) for row in failed] == [("failed", 0, 3)]
    assert failed[0].exception_message == "it kills its worker"


def test_all_leases_can_be_ended_at_once(units: Units) -> None:
    added(units, job(), job())
    claimed(units)
    assert units.run(lambda unit: unit.jobs.expire_all(3, "gone")) == []
    assert len(claimed(units, "two")) == 2


def test_a_job_that_is_running_has_a_lease(units: Units) -> None:
    with pytest.raises(IntegrityError):
        added(units, job(state="running"))


# --- retries ------------------------------------------------------------------------------------------------------


def test_a_retried_job_keeps_its_error_and_comes_back_when_due(units: Units) -> None:
    added(units, job())
    row = claimed(units)[0]
    units.run(lambda unit: unit.jobs.retry(row.id, row.attempt, LATER, "no", "Traceback"))
    waiting = state_of(units, row.id)
    assert (waiting.state, waiting.retries, waiting.due) == ("ready", 2, LATER)
    assert (waiting.exception_message, waiting.stacktrace) == ("no", "Traceback")
    assert claimed(units) == []
    assert claimed(units, now=LATER)[0].attempt == 2


def test_a_failed_job_runs_again_only_after_retries_are_set(units: Units) -> None:
    added(units, job())
    row = claimed(units)[0]
    units.run(lambda unit: unit.jobs.fail(row.id, row.attempt, "no", "Traceback"))
    assert claimed(units, now=LATER) == []
    units.run(lambda unit: unit.jobs.set_retries(row.id, 2))
    assert [(found.id, found.retries) for found in claimed(units, now=LATER)] == [(row.id, 2)]


def test_retries_of_a_running_job_cannot_be_set(units: Units) -> None:
    added(units, job())
    row = claimed(units)[0]
    with pytest.raises(IllegalMove):
        units.run(lambda unit: unit.jobs.set_retries(row.id, 2))


def test_a_state_that_does_not_exist_is_refused(units: Units) -> None:
    with pytest.raises(IntegrityError):
        added(units, job(state="lost"))


# --- lists and listeners -----------------------------------------------------------------------------------------


def test_jobs_are_found_by_what_people_ask(units: Units) -> None:
    timer = job(kind="timer", due=LATER, activity_id="wait")
    broken = job(retries=0, state="failed", exception_message="no")
    added(units, timer, broken)
    for wanted, expected in [
        (JobFilter(kinds=["timer"]), timer),
        (JobFilter(activity_id="wait"), timer),
        (JobFilter(due_after=NOW), timer),
        (JobFilter(executable_at=LATER), timer),
        (JobFilter(with_retries_left=False), broken),
        (JobFilter(with_exception=True), broken),
        (JobFilter(state="failed"), broken),
        (JobFilter(due_before=LATER), broken),
    ]:
        assert [row.id for row in units.read(lambda unit, w=wanted: unit.jobs.find(w))] == [expected.id], wanted  # type: ignore[misc]
        assert units.read(lambda unit, w=wanted: unit.jobs.count(w)) == 1  # type: ignore[misc]
    assert units.read(lambda unit: unit.jobs.find(JobFilter(ids=[]))) == []


def test_the_next_due_job_is_known(units: Units) -> None:
    assert units.read(lambda unit: unit.jobs.next_due()) is None
    added(units, job(due=LATER), job(due=LATER + seconds(1)), job(due=NOW, suspended=True))
    assert units.read(lambda unit: unit.jobs.next_due()) == LATER


def test_listeners_are_given_the_new_jobs_that_are_due_at_once(units: Units) -> None:
    heard: list[str] = []
    units.on_new_jobs(lambda due: heard.extend(one.id for one in due))
    now, later = job(), job(due=LATER)
    added(units, now, later)
    assert heard == [now.id]
    # and nobody needs to be told of it again for a while
    found = units.run(lambda unit: unit.jobs.take_unannounced(NOW, NOW - timedelta(seconds=5), 10))
    assert found == []
    soon = NOW + timedelta(minutes=2)
    found = units.run(lambda unit: unit.jobs.take_unannounced(soon, soon - timedelta(seconds=5), 10))
    assert {one.id for one in found} == {now.id, later.id}
    assert units.run(lambda unit: unit.jobs.take_unannounced(soon, soon - timedelta(seconds=5), 10)) == []


def test_only_the_jobs_of_a_queue_are_claimed(units: Units) -> None:
    general, of_runtime = job(), job(queue="runtime.x")
    added(units, general, of_runtime)

    def claim(queue: str | None) -> list[str]:
        return [one.id for one in units.run(lambda unit: unit.jobs.claim("ann", NOW, NOW + seconds(30), 10, queue))]

    assert claim("runtime.x") == [of_runtime.id]
    assert claim("runtime.x") == []
    assert claim(None) == [general.id]


def test_a_job_that_is_handed_over_waits_in_the_other_queue(units: Units) -> None:
    added(units, job())
    (held,) = units.run(lambda unit: unit.jobs.claim("ann", NOW, NOW + timedelta(seconds=30), 1))
    units.run(lambda unit: unit.jobs.hand_over(held.id, held.attempt, "runtime.x", NOW))
    found = units.read(lambda unit: unit.jobs.get(held.id))
    assert (found.state, found.queue, found.worker, found.retries) == ("ready", "runtime.x", None, held.retries)
    with pytest.raises(LeaseLost):
        units.run(lambda unit: unit.jobs.hand_over(held.id, held.attempt, "runtime.y", NOW))


def test_listeners_hear_of_new_jobs_after_the_commit_only(units: Units) -> None:
    heard: list[int] = []
    units.on_new_jobs(lambda _due: heard.append(units.read(lambda unit: unit.jobs.count())))
    added(units, job(), job())
    assert heard == [2]

    def broken(unit: Any) -> None:
        unit.jobs.insert([job()])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        units.run(broken)
    assert heard == [2]
