"""Jobs of instances: continuations, timers, delegates outside the transaction, retries and incidents."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread
from typing import Any

import pytest

from mlc_service.jobs.one import run_one
from mlc_service.jobs.runner import execute_now
from mlc_service.jobs.work import Done, JobFailed, Lease
from mlc_service.process.activity_tree import activity_tree
from mlc_service.process.instances import delete_instance, set_instance_variables
from mlc_service.process.job_control import set_job_due, set_job_retries
from mlc_service.process.running import Step
from mlc_service.process.work import DelegateCall
from mlc_service.store.rows import JobRow
from tests.unit.process.service import BpmnError, Service, flow, path

START, END = '<bpmn:startEvent id="s"/>', '<bpmn:endEvent id="e"/>'
TRAIN = '<bpmn:serviceTask id="train" camunda:delegateExpression="${train}"/>'
TASK = '<bpmn:userTask id="t"/>'
ERROR = '<bpmn:error id="err" errorCode="FAILURE"/>'
CAUGHT = (
    '<bpmn:boundaryEvent id="caught" attachedToRef="train"><bpmn:errorEventDefinition errorRef="err"'
    ' camunda:errorMessageVariable="why"/></bpmn:boundaryEvent>'
)


def service_task(id: str, name: str, attributes: str = "", extension: str = "") -> str:
    inner = f"<bpmn:extensionElements>{extension}</bpmn:extensionElements>" if extension else ""
    return (
        f'<bpmn:serviceTask id="{id}" camunda:delegateExpression="${{{name}}}" {attributes}>{inner}</bpmn:serviceTask>'
    )


def timer(text: str, kind: str = "timeDuration", attributes: str = "") -> str:
    return (
        f'<bpmn:boundaryEvent id="late" attachedToRef="t" {attributes}><bpmn:timerEventDefinition>'
        f"<bpmn:{kind}>{text}</bpmn:{kind}></bpmn:timerEventDefinition></bpmn:boundaryEvent>"
    )


def claim(service: Service, lease: Lease | None = None) -> JobRow:
    lease = lease or Lease("me", 30)
    now = service.clock.now()
    (job,) = service.units.run(lambda unit: unit.jobs.claim(lease.worker, now, lease.until(now), 1))
    return job


# --- continuations and timers -------------------------------------------------------------------------------------


def test_an_asynchronous_start_runs_as_a_job(service: Service) -> None:
    started = service.begin(path('<bpmn:startEvent id="s" camunda:asyncBefore="true"/>', TASK, END))
    assert service.trail(started.id) == []
    (job,) = service.jobs()
    assert (job.kind, job.activity_id, job.instance_id) == ("async", "s", started.id)
    assert service.run_jobs() == 1
    assert service.trail(started.id) == ["s", "t*"]
    assert service.jobs() == []


def test_a_timer_fires_when_it_is_due_and_not_before(service: Service) -> None:
    started = service.begin(path(START, TASK, END) + timer("PT10M") + flow("late", "e"))
    service.clock.forward(minutes=9)
    assert service.run_jobs() == 0
    service.clock.forward(minutes=1)
    assert service.run_jobs() == 1
    assert service.trail(started.id) == ["s", "t✗", "late", "e"]


def test_a_timer_of_a_finished_activity_is_gone(service: Service) -> None:
    service.begin(path(START, TASK, '<bpmn:userTask id="u"/>') + timer("PT10M") + flow("late", "u"))
    assert len(service.jobs()) == 1
    service.complete()
    assert service.jobs() == []


def test_a_repeating_timer_is_armed_again(service: Service) -> None:
    process = (
        path(START, TASK, END) + timer("R2/PT1H", "timeCycle", 'cancelActivity="false"') + '<bpmn:endEvent id="again"/>'
    )
    started = service.begin(process + flow("late", "again"))
    for _ in range(3):
        service.clock.forward(hours=1)
        service.run_jobs()
    assert service.trail(started.id).count("again") == 2
    assert service.jobs() == []
    assert len(service.tasks()) == 1


def test_a_timer_can_be_fired_before_it_is_due(service: Service) -> None:
    started = service.begin(path(START, TASK, END) + timer("P1D") + flow("late", "e"))
    (job,) = service.jobs()
    execute_now(service.bench, job.id)
    assert service.record(started.id).state == "COMPLETED"


def test_a_due_date_can_be_moved(service: Service) -> None:
    started = service.begin(path(START, TASK, END) + timer("P1D") + flow("late", "e"))
    (job,) = service.jobs()
    service.run(set_job_due, job.id, None)
    assert service.run_jobs() == 1
    assert service.record(started.id).state == "COMPLETED"


# --- delegates ----------------------------------------------------------------------------------------------------


def test_a_delegate_sees_the_variables_and_writes_some(service: Service) -> None:
    parameters = (
        '<camunda:inputOutput><camunda:inputParameter name="MODEL_ID">${model.id}</camunda:inputParameter>'
        '<camunda:outputParameter name="auc">${result.auc}</camunda:outputParameter></camunda:inputOutput>'
    )
    service.delegates["train"] = lambda call: {"result": {"auc": 0.8}}
    started = service.begin(
        path(START, service_task("train", "train", extension=parameters), END),
        variables={"model": {"id": "m-1"}},
        business_key="order",
    )
    assert service.calls == []
    assert service.run_jobs() == 1
    (call,) = service.calls
    assert (call.implementation, call.activity_id, call.definition_key) == ("train", "train", "p")
    assert (call.instance_id, call.business_key) == (started.id, "order")
    assert call.variables["MODEL_ID"] == "m-1"
    assert service.variables(started.id)["auc"] == 0.8
    assert service.record(started.id).state == "COMPLETED"


def test_a_delegate_runs_outside_every_transaction(service: Service) -> None:
    """While it runs, others read and write its very instance."""
    started = service.begin(path(START, TRAIN, END), variables={"n": 1})

    def meanwhile(call: DelegateCall) -> Mapping[str, Any]:
        other = Thread(target=lambda: service.run(set_instance_variables, started.id, {"other": True}))
        other.start()
        other.join(30)
        assert not other.is_alive()
        return {"n": 2}

    service.delegates["train"] = meanwhile
    service.run_jobs()
    assert service.variables(started.id) == {"n": 2, "other": True}


def test_a_delegate_that_fails_is_tried_again_under_the_same_key_and_then_an_incident(service: Service) -> None:
    started = service.begin(path(START, TRAIN, END))

    def fail(call: DelegateCall) -> Mapping[str, Any]:
        raise ConnectionError("no runtime answers")

    service.delegates["train"] = fail
    for pause in (0, 5, 30):
        service.clock.forward(seconds=pause)
        assert service.run_jobs() == 1
    assert {call.idempotency_key for call in service.calls} == {f"{started.id}/{service.jobs()[0].number}"}
    (incident,) = service.read(lambda unit: unit.incidents.find())
    assert (incident.kind, incident.activity_id, incident.message) == ("failedJob", "train", "no runtime answers")
    (job,) = service.jobs()
    assert "ConnectionError" in (job.stacktrace or "")
    tree = service.read(lambda unit: activity_tree(unit, service.around, started.id))
    assert [[found.id for found in child.incidents] for child in tree.children] == [[incident.id]]

    service.delegates["train"] = lambda call: {}
    service.run(set_job_retries, job.id, 1)
    assert service.read(lambda unit: unit.incidents.count()) == 0
    assert service.run_jobs() == 1
    assert service.record(started.id).state == "COMPLETED"


def test_retries_set_to_none_open_an_incident(service: Service) -> None:
    service.begin(path(START, TRAIN, END))
    (job,) = service.jobs()
    service.run(set_job_retries, job.id, 0)
    assert service.read(lambda unit: unit.incidents.count()) == 1
    assert service.run_jobs() == 0
    with pytest.raises(ValueError, match="negative"):
        service.run(set_job_retries, job.id, -1)


def test_the_diagram_says_how_often_and_when_to_try_again(service: Service) -> None:
    cycle = "<camunda:failedJobRetryTimeCycle>R2/PT10M</camunda:failedJobRetryTimeCycle>"

    def fail(call: DelegateCall) -> Mapping[str, Any]:
        raise ConnectionError

    service.delegates["train"] = fail
    service.begin(path(START, service_task("train", "train", extension=cycle), END))
    assert service.run_jobs() == 1
    service.clock.forward(minutes=9)
    assert service.run_jobs() == 0
    service.clock.forward(minutes=1)
    assert service.run_jobs() == 1
    assert service.read(lambda unit: unit.incidents.count()) == 1


def test_a_bpmn_error_takes_the_boundary_event(service: Service) -> None:
    def fail(call: DelegateCall) -> Mapping[str, Any]:
        raise BpmnError("FAILURE", "no runtime", {"cause": "tag"})

    service.delegates["train"] = fail
    process = path(START, TRAIN, END) + CAUGHT + '<bpmn:userTask id="repair"/>' + flow("caught", "repair")
    started = service.begin(process, ERROR)
    assert service.run_jobs() == 1
    assert service.trail(started.id) == ["s", "train✗", "caught", "repair*"]
    assert service.variables(started.id) == {"cause": "tag", "why": "no runtime"}


def test_what_follows_a_delegate_fails_with_the_delegates_job(service: Service) -> None:
    """The step after the delegate is part of its job's transaction: the delegate runs again, under the same key."""
    broken = '<bpmn:serviceTask id="x" camunda:expression="${nothing}"/>'
    started = service.begin(path(START, TRAIN, broken, END))
    service.run_jobs()
    (job,) = service.jobs()
    assert (job.kind, job.retries) == ("delegate", 2)
    assert "nothing" in (job.exception_message or "")
    assert service.trail(started.id) == ["s", "train*"]


def test_the_worker_goes_on_with_the_same_instance(service: Service) -> None:
    """The next delegate's job is stored as claimed by the worker that finished the one before."""
    steps = [service_task(f"d{number}", f"d{number}") for number in range(3)]
    service.begin(path(START, *steps, END))
    first = claim(service)
    outcome = run_one(service.bench, first, Lease("me", 30))
    assert isinstance(outcome, Done)
    assert outcome.next is not None
    (stored,) = service.jobs()
    assert stored == outcome.next
    assert (stored.state, stored.worker, stored.attempt, stored.activity_id) == ("running", "me", 1, "d1")
    # on request, a job does not take the next one along
    last = run_one(service.bench, stored, Lease("me", 30, goes_on=False))
    assert last == Done(None)
    assert [(job.state, job.activity_id) for job in service.jobs()] == [("ready", "d2")]


def test_delegates_of_one_instance_run_one_after_the_other(service: Service) -> None:
    process = (
        f'{START}<bpmn:parallelGateway id="fork"/>{service_task("a", "a")}{service_task("b", "b")}'
        f"{service_task('c', 'c', attributes='camunda:exclusive=' + chr(34) + 'false' + chr(34))}"
        + flow("s", "fork")
        + flow("fork", "a")
        + flow("fork", "b")
        + flow("fork", "c")
    )
    service.begin(process)
    now = service.clock.now()
    first = service.units.run(lambda unit: unit.jobs.claim("me", now, Lease("me", 30).until(now), 10))
    assert sorted(job.activity_id or "" for job in first) == ["a", "c"]
    assert service.units.run(lambda unit: unit.jobs.claim("you", now, Lease("you", 30).until(now), 10)) == []


# --- what happens meanwhile -----------------------------------------------------------------------------------------


def test_a_delegate_of_an_instance_that_ended_meanwhile_changes_nothing(service: Service) -> None:
    started = service.begin(path(START, TRAIN, END))

    def cancel(call: DelegateCall) -> Mapping[str, Any]:
        service.run(delete_instance, started.id)
        return {"n": 1}

    service.delegates["train"] = cancel
    assert service.run_jobs() == 1
    assert service.record(started.id).state == "EXTERNALLY_TERMINATED"
    assert service.variables(started.id) == {}
    assert service.jobs() == []


def test_a_delegate_that_was_interrupted_meanwhile_changes_nothing(service: Service) -> None:
    boundary = timer("PT1M").replace('attachedToRef="t"', 'attachedToRef="train"')
    process = path(START, TRAIN, END) + boundary + TASK + flow("late", "t")
    started = service.begin(process)

    def too_long(call: DelegateCall) -> Mapping[str, Any]:
        service.clock.forward(minutes=2)
        (late,) = [job for job in service.jobs() if job.kind == "timer"]
        service.units.run(lambda unit: unit.jobs.delete([late.id]))  # the queue would refuse two exclusive ones
        service.run(interrupt, started.id, late.number)
        return {"n": 1}

    def interrupt(unit: Any, around: Any, instance_id: str, number: int) -> None:
        Step(unit, around).feed(instance_id, lambda execution: execution.fire_timer(number))

    service.delegates["train"] = too_long
    service.run_jobs()
    assert service.trail(started.id) == ["s", "train✗", "late", "t*"]
    assert service.variables(started.id) == {}


def test_a_stale_workers_delegate_is_refused(service: Service) -> None:
    """Two workers carry out the same delegate after a lease has run out; the outcome of one counts."""
    started = service.begin(path(START, TRAIN, END))
    stale = claim(service)
    later = service.clock.forward(seconds=31)
    service.units.run(lambda unit: unit.jobs.expire(later, 3, ""))
    fresh = claim(service)
    service.delegates["train"] = lambda call: {"by": len(service.calls)}
    assert run_one(service.bench, stale, Lease("me", 30)) is None
    assert service.variables(started.id) == {}
    assert run_one(service.bench, fresh, Lease("me", 30)) == Done(None)
    assert service.variables(started.id) == {"by": 2}
    assert len({call.idempotency_key for call in service.calls}) == 1


def test_whoever_executes_a_job_hears_why_it_failed(service: Service) -> None:
    def fail(call: DelegateCall) -> Mapping[str, Any]:
        raise ConnectionError("no runtime answers")

    service.delegates["train"] = fail
    service.begin(path(START, TRAIN, END))
    (job,) = service.jobs()
    with pytest.raises(JobFailed, match="no runtime answers"):
        execute_now(service.bench, job.id)
