"""Jobs of one kind that are done in one transaction: the same comes of it as of each by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlc_service.jobs.heartbeat import Heartbeat
from mlc_service.jobs.one import run_together
from mlc_service.jobs.work import Done, DoneTogether, Lease
from mlc_service.process import work
from mlc_service.process.instances import delete_instance
from mlc_service.store.incidents import IncidentFilter
from mlc_service.store.rows import JobRow
from tests.unit.process.service import Service, path

START, END = '<bpmn:startEvent id="s"/>', '<bpmn:endEvent id="e"/>'
TASK = '<bpmn:userTask id="t"/>'
LEASE = Lease("me", 30)


def later(id: str, expression: str) -> str:
    """A service task that is a job of its own."""
    return f'<bpmn:serviceTask id="{id}" camunda:asyncBefore="true" camunda:expression="{expression}"/>'


def claim(service: Service, most: int = 50) -> list[JobRow]:
    now = service.clock.now()
    return service.units.run(lambda unit: unit.jobs.claim(LEASE.worker, now, LEASE.until(now), most))


def run(service: Service, jobs: list[JobRow]) -> None:
    run_together(service.bench, Heartbeat(service.units, service.clock, LEASE), jobs, LEASE, lambda: False)


def test_all_go_on_to_their_end_with_what_they_made_due(service: Service) -> None:
    process = path(START, later("a", "${n + 1}"), later("b", "${n * 2}"), TASK, END)
    first = service.begin(process, variables={"n": 1})
    ids = [first.id, *(service.start(variables={"n": n}).id for n in (2, 3))]
    run(service, claim(service))
    assert service.jobs() == []
    for id in ids:
        assert service.trail(id) == ["s", "a", "b", "t*"]
    assert len(service.tasks()) == 3


def test_they_are_never_done_one_by_one_if_nothing_is_wrong(service: Service) -> None:
    process = path(START, later("a", "${1}"), later("b", "${2}"), later("c", "${3}"), END)
    service.begin(process)
    service.start()
    # there is nobody who could do one by itself
    bench = replace(service.bench, handlers={})
    run_together(bench, Heartbeat(service.units, service.clock, LEASE), claim(service), LEASE, lambda: False)
    assert service.jobs() == []
    assert service.units.read(lambda unit: unit.instances.count()) == 0


def test_one_that_fails_fails_alone(service: Service) -> None:
    process = path(START, later("a", "${n == 0 ? missing : n}"), TASK, END)
    ids = [service.begin(process, variables={"n": 0}).id, *(service.start(variables={"n": n}).id for n in (1, 2))]
    run(service, claim(service))
    assert service.trail(ids[0]) == ["s"]
    assert [service.trail(id) for id in ids[1:]] == [["s", "a", "t*"]] * 2
    (job,) = service.jobs()
    assert (job.instance_id, job.retries, job.state) == (ids[0], 2, "ready")
    assert job.exception_message


def test_those_that_wait_for_their_turn_keep_their_leases(service: Service) -> None:
    process = path(START, later("a", "${1}"), TASK, END)
    service.begin(process)
    for _ in range(2):
        service.start()
    heartbeat = Heartbeat(service.units, service.clock, LEASE)
    left: list[list[float]] = []

    def not_together(jobs: object, lease: Lease) -> DoneTogether:
        raise RuntimeError("something is wrong with one of them")

    def slow(job: JobRow, lease: Lease) -> Done:
        now = service.clock.forward(seconds=25)
        heartbeat.beat()
        left.append([(one.lease_until - now).total_seconds() for one in service.jobs() if one.lease_until is not None])
        return Done()

    bench = replace(service.bench, handlers={"async": slow}, together={"async": not_together})
    run_together(bench, heartbeat, claim(service), LEASE, lambda: False)
    # nobody ends them here, so that all three are there to the end; who is through does not keep his
    assert left == [[30.0] * 3, [5.0, 30.0, 30.0], [-20.0, 5.0, 30.0]]


def test_one_whose_lease_another_has_taken_is_left_to_it(service: Service) -> None:
    process = path(START, later("a", "${1}"), TASK, END)
    mine, other = service.begin(process).id, service.start().id
    jobs = claim(service)
    (taken,) = [job for job in jobs if job.instance_id == other]
    service.units.run(lambda unit: unit.jobs.release([(taken.id, taken.attempt)]))
    (again,) = service.units.run(
        lambda unit: unit.jobs.claim("you", service.clock.now(), LEASE.until(service.clock.now()), 5)
    )
    run(service, jobs)
    assert service.trail(mine) == ["s", "a", "t*"]
    (job,) = service.jobs()
    assert (job.id, job.worker, job.attempt) == (again.id, "you", again.attempt)


def test_one_whose_instance_is_gone_is_passed_over(service: Service) -> None:
    process = path(START, later("a", "${1}"), TASK, END)
    kept, gone = service.begin(process).id, service.start().id
    jobs = claim(service)
    service.run(delete_instance, gone)
    run(service, jobs)
    assert service.trail(kept) == ["s", "a", "t*"]
    assert service.jobs() == []


def test_what_there_was_no_time_for_is_given_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_TOGETHER_SECONDS", -1.0)
    process = path(START, later("a", "${1}"), TASK, END)
    ids = [service.begin(process).id, *(service.start().id for _ in range(2))]
    run(service, claim(service))
    assert len(service.tasks()) == 1
    assert [(job.state, job.worker, job.retries) for job in service.jobs()] == [("ready", None, 3)] * 2
    run(service, claim(service))
    run(service, claim(service))
    assert [service.trail(id) for id in ids] == [["s", "a", "t*"]] * 3


def test_two_jobs_of_one_instance_come_one_after_the_other(service: Service) -> None:
    both = "".join(
        f'<bpmn:sequenceFlow id="to_{id}" sourceRef="fork" targetRef="{id}"/>'
        f'<bpmn:serviceTask id="{id}" camunda:asyncBefore="true" camunda:exclusive="false" camunda:expression="${{1}}"/>'
        for id in ("a", "b")
    )
    started = service.begin(path(START, '<bpmn:parallelGateway id="fork"/>') + both)
    jobs = claim(service)
    assert len(jobs) == 2
    run(service, jobs)
    (left,) = service.jobs()
    assert left.state == "ready"
    assert service.run_jobs() == 1
    assert service.jobs() == []
    assert sorted(service.trail(started.id)) == ["a", "b", "fork", "s"]


def test_a_slow_delegate_that_comes_next_is_left_to_any_worker(service: Service) -> None:
    train = '<bpmn:serviceTask id="train" camunda:delegateExpression="${train}"/>'
    process = path(START, later("a", "${1}"), train, END)
    service.begin(process)
    service.start()
    run(service, claim(service))
    assert service.calls == []
    assert [(job.kind, job.state) for job in service.jobs()] == [("delegate", "ready")] * 2
    assert service.read(lambda unit: unit.incidents.find(IncidentFilter())) == []
