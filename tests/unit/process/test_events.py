"""Signals and messages: who is reached, in which transaction, and what the outboxes promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed
from mlc_service.engine.ids import derived_id
from mlc_service.jobs.runner import execute_now, run_due
from mlc_service.process.errors import MismatchingCorrelation, NotSubscribed, SignalStorm
from mlc_service.process.instances import delete_instance, set_instance_suspended
from mlc_service.process.messages import CorrelateMessage, correlate_message, emit_message, message_execution
from mlc_service.process.signals import broadcast_signal, emit_signal, signal_execution
from mlc_service.store.subscriptions import SubscriptionFilter
from tests.unit.process.service import Service, diagram, flow, path

EVENTS = (
    '<bpmn:signal id="sig" name="changed"/><bpmn:signal id="other" name="other"/><bpmn:message id="msg" name="closed"/>'
)
START, END = '<bpmn:startEvent id="s"/>', '<bpmn:endEvent id="e"/>'
SIGNAL_START = '<bpmn:startEvent id="s"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:startEvent>'
MESSAGE_START = '<bpmn:startEvent id="s"><bpmn:messageEventDefinition messageRef="msg"/></bpmn:startEvent>'
CATCH = (
    '<bpmn:intermediateCatchEvent id="c"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:intermediateCatchEvent>'
)
CATCH_MESSAGE = (
    '<bpmn:intermediateCatchEvent id="m"><bpmn:messageEventDefinition messageRef="msg"/></bpmn:intermediateCatchEvent>'
)
RECEIVE = '<bpmn:receiveTask id="m" messageRef="msg"/>'
TASK = '<bpmn:userTask id="t"/>'


def throw(id: str, signal: str = "sig", payload: str = "") -> str:
    return (
        f'<bpmn:intermediateThrowEvent id="{id}"><bpmn:signalEventDefinition signalRef="{signal}">{payload}'
        "</bpmn:signalEventDefinition></bpmn:intermediateThrowEvent>"
    )


def keyed(process: str, key: str) -> bytes:
    return diagram(process, EVENTS).replace(b'<bpmn:process id="p"', f'<bpmn:process id="{key}"'.encode())


def waiting(service: Service) -> int:
    return service.read(lambda unit: unit.subscriptions.count(SubscriptionFilter(of_instances=True)))


# --- signals ------------------------------------------------------------------------------------------------------


def test_everybody_who_waits_for_a_signal_gets_it(service: Service) -> None:
    service.deploy(keyed(path(START, CATCH, END), "waits"))
    service.deploy(keyed(path(SIGNAL_START, TASK, END), "begins"), "b.bpmn")
    waiters = [service.start("waits").id for _ in range(3)]
    assert service.run(broadcast_signal, "changed", {"JOB": {"id": 7}}) == 4
    for id in waiters:
        assert service.record(id).state == "COMPLETED"
        assert service.variables(id) == {"JOB": {"id": 7}}
    (begun,) = service.records(definition_key="begins")
    assert begun.start_activity_id == "s"
    assert service.variables(begun.id) == {"JOB": {"id": 7}}
    assert waiting(service) == 0


def open_tasks(service: Service, instance_id: str) -> list[str]:
    return [task.activity_id for task in service.tasks(instance_id=instance_id)]


def many_wait(service: Service, at_once: int) -> list[str]:
    """Instances that wait for a signal which, from so many on, is received by jobs."""
    service.around = replace(service.around, at_once=at_once)
    service.deploy(keyed(path(START, CATCH, TASK, END), "waits"))
    return [service.start("waits").id for _ in range(4)]


def test_a_signal_to_many_is_received_by_a_job_each(service: Service) -> None:
    waiters = many_wait(service, at_once=3)
    service.deploy(keyed(path(SIGNAL_START, TASK, END), "begins"), "b.bpmn")
    assert service.run(broadcast_signal, "changed", {"JOB": {"id": 7}, "n": 2**60, "text": 'a"b'}) == 5
    # nobody has moved yet, and who comes now comes too late
    assert waiting(service) == 4
    too_late = service.start("waits").id
    assert run_due(service.bench) == 5
    for id in waiters:
        assert open_tasks(service, id) == ["t"]
        assert service.variables(id) == {"JOB": {"id": 7}, "n": 2**60, "text": 'a"b'}
    assert open_tasks(service, too_late) == []
    (begun,) = service.records(definition_key="begins")
    assert service.variables(begun.id)["JOB"] == {"id": 7}


def test_a_signal_to_few_is_received_at_once(service: Service) -> None:
    waiters = many_wait(service, at_once=4)
    assert service.run(broadcast_signal, "changed") == 4
    assert [open_tasks(service, id) for id in waiters] == [["t"]] * 4


def test_a_thrown_signal_to_many_is_received_by_a_job_each(service: Service) -> None:
    waiters = many_wait(service, at_once=3)
    service.deploy(keyed(path(START, throw("t"), END), "throws"), "t.bpmn")
    service.start("throws")
    assert waiting(service) == 4
    assert run_due(service.bench) == 4
    assert [open_tasks(service, id) for id in waiters] == [["t"]] * 4


def test_one_receiver_of_many_that_fails_does_not_undo_the_others(service: Service) -> None:
    service.around = replace(service.around, at_once=1)
    fails = '<bpmn:serviceTask id="f" camunda:expression="${missing}"/>'
    service.deploy(keyed(path(START, CATCH, TASK, END), "waits"))
    service.deploy(keyed(path(START, CATCH, fails, END), "fails"), "f.bpmn")
    good, bad = service.start("waits").id, service.start("fails").id
    service.run(broadcast_signal, "changed")
    run_due(service.bench)
    assert open_tasks(service, good) == ["t"]
    (job,) = service.read(lambda unit: unit.jobs.find())
    assert (job.instance_id, job.kind, job.retries) == (bad, "signal_receipt", 2)


def test_a_message_to_many_is_received_by_a_job_each_if_nobody_wants_the_result(service: Service) -> None:
    service.around = replace(service.around, at_once=3)
    service.deploy(keyed(path(START, RECEIVE, TASK, END), "waits"))
    waiters = [service.start("waits").id for _ in range(4)]
    told = CorrelateMessage("closed", all=True, later=True, variables={"x": 1}, local_variables={"y": 2})
    assert service.run(correlate_message, told) == []
    assert run_due(service.bench) == 4
    for id in waiters:
        assert open_tasks(service, id) == ["t"]
        assert service.variables(id)["x"] == 1


def test_a_signal_that_nobody_waits_for_is_no_error(service: Service) -> None:
    assert service.run(broadcast_signal, "changed") == 0


def test_a_thrown_signal_reaches_others_in_the_same_command(service: Service) -> None:
    payload = '<bpmn:extensionElements><camunda:in source="x" target="y"/></bpmn:extensionElements>'
    service.deploy(keyed(path(START, CATCH, END), "waits"))
    service.deploy(keyed(path(START, throw("t", payload=payload), END), "throws"), "t.bpmn")
    waiter = service.start("waits")
    service.start("throws", variables={"x": 5})
    assert service.record(waiter.id).state == "COMPLETED"
    assert service.variables(waiter.id) == {"y": 5}


def test_a_signal_is_lost_on_whoever_begins_to_wait_after_it(service: Service) -> None:
    started = service.begin(path(START, throw("t"), CATCH, END), EVENTS)
    assert service.trail(started.id) == ["s", "t", "c*"]


def test_a_signal_reaches_the_other_branch_of_its_own_instance(service: Service) -> None:
    process = (
        f'{START}<bpmn:parallelGateway id="fork"/>{CATCH}{throw("t")}'
        + flow("s", "fork")
        + flow("fork", "c")
        + flow("fork", "t")
    )
    started = service.begin(process, EVENTS)
    assert service.record(started.id).state == "COMPLETED"


def test_signals_that_cause_each_other_without_end_are_undone(service: Service, monkeypatch: Any) -> None:
    monkeypatch.setattr("mlc_service.process.running._MOST_DELIVERIES", 20)
    service.deploy(keyed(path(SIGNAL_START, throw("x"), TASK), "echo"))
    with pytest.raises(SignalStorm):
        service.run(broadcast_signal, "changed")
    assert service.records() == []


def test_one_receiver_that_fails_undoes_the_broadcast(service: Service) -> None:
    broken = '<bpmn:serviceTask id="x" camunda:expression="${nothing}"/>'
    service.deploy(keyed(path(START, CATCH, END), "a"))
    service.deploy(keyed(path(START, CATCH, broken, END), "b"), "b.bpmn")
    for key in ("a", "b"):
        service.start(key)
    with pytest.raises(ExecutionFailed):
        service.run(broadcast_signal, "changed")
    assert waiting(service) == 2


def test_a_suspended_instance_does_not_hear_a_signal(service: Service) -> None:
    started = service.begin(path(START, CATCH, END), EVENTS)
    service.run(set_instance_suspended, started.id, True)
    assert service.run(broadcast_signal, "changed") == 0
    assert waiting(service) == 1


def test_one_execution_can_be_signalled(service: Service) -> None:
    service.deploy(keyed(path(START, CATCH, END), "waits"))
    one, two = service.start("waits"), service.start("waits")
    (subscription,) = service.read(lambda unit: unit.subscriptions.find(SubscriptionFilter(instance_id=one.id)))
    execution_id = derived_id(one.id, subscription.activity or 0)
    with pytest.raises(NotSubscribed):
        service.run(signal_execution, execution_id, "other")
    service.run(signal_execution, execution_id, "changed", {"a": 1})
    assert service.record(one.id).state == "COMPLETED"
    with pytest.raises(NotSubscribed):
        service.run(signal_execution, execution_id, "changed")
    (subscription,) = service.read(lambda unit: unit.subscriptions.find(SubscriptionFilter(instance_id=two.id)))
    service.run(signal_execution, subscription.id, "changed")
    assert service.record(two.id).state == "COMPLETED"


# --- the outbox for signals ---------------------------------------------------------------------------------------


def emit(service: Service, name: str, variables: dict[str, Any] | None = None) -> None:
    service.units.run(lambda unit: emit_signal(unit, service.clock.now(), name, variables))


def test_an_emitted_signal_is_a_job_for_each_receiver(service: Service) -> None:
    broken = '<bpmn:serviceTask id="x" camunda:expression="${nothing}"/>'
    service.deploy(keyed(path(START, CATCH, END), "good"))
    service.deploy(keyed(path(START, CATCH, broken, END), "bad"), "bad.bpmn")
    service.deploy(keyed(path(SIGNAL_START, END), "begins"), "begins.bpmn")
    good, bad = service.start("good"), service.start("bad")
    emit(service, "changed", {"DEPLOYABLE_MODEL": {"id": "m", "$type": "x"}})
    assert waiting(service) == 2
    assert service.run_jobs() == 4
    assert service.record(good.id).state == "COMPLETED"
    assert service.variables(good.id) == {
        "DEPLOYABLE_MODEL": {"$type": "Object", "info": {}, "value": {"id": "m", "$type": "x"}}
    }
    assert [record.state for record in service.records(definition_key="begins")] == ["COMPLETED"]
    # the one that failed has its own tries and does not hold up the others
    (job,) = service.jobs()
    assert (job.kind, job.instance_id, job.retries) == ("signal_receipt", bad.id, 2)


def test_a_signal_that_is_rolled_back_is_never_heard(service: Service) -> None:
    def fail(unit: Any) -> None:
        emit_signal(unit, service.clock.now(), "changed")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        service.units.run(fail)
    assert service.jobs() == []


def test_whoever_went_on_meanwhile_misses_the_signal(service: Service) -> None:
    boundary = '<bpmn:boundaryEvent id="b" attachedToRef="t"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:boundaryEvent>'
    process = path(START, TASK, '<bpmn:userTask id="u"/>', END) + boundary + flow("b", "e")
    started = service.begin(process, EVENTS)
    emit(service, "changed")
    (job,) = service.jobs()
    # the fan-out has happened, the receipt has not
    execute_now(service.bench, job.id)
    service.complete(activity_id="t")
    assert service.run_jobs() == 1
    assert service.trail(started.id) == ["s", "t", "u*"]
    assert service.jobs() == []


# --- messages -----------------------------------------------------------------------------------------------------


def test_a_message_finds_its_receiver_by_business_key(service: Service) -> None:
    service.deploy(keyed(path(START, CATCH_MESSAGE, END), "waits"))
    for key in ("a", "b"):
        service.start("waits", business_key=key)
    (reached,) = service.run(correlate_message, CorrelateMessage("closed", business_key="b", variables={"x": 1}))
    assert (reached.kind, reached.instance.business_key, reached.instance.ended) == ("execution", "b", True)
    assert reached.instance.variables == {"x": 1}
    assert reached.execution_id is not None
    assert [record.business_key for record in service.records(finished=True)] == ["b"]


def test_a_message_finds_its_receiver_by_variables(service: Service) -> None:
    service.deploy(keyed(path(START, CATCH_MESSAGE, END), "waits"))
    for order in (1, 2):
        service.start("waits", variables={"order": order, "kind": "x"})
    command = CorrelateMessage("closed", correlation_keys={"order": 2, "kind": "x"})
    (reached,) = service.run(correlate_message, command)
    assert reached.instance.variables["order"] == 2
    with pytest.raises(MismatchingCorrelation):
        service.run(correlate_message, command)


def test_a_message_finds_its_receiver_by_local_variables(service: Service) -> None:
    local = RECEIVE.replace(
        "/>",
        '><bpmn:extensionElements><camunda:inputOutput><camunda:inputParameter name="ticket">${id}'
        "</camunda:inputParameter></camunda:inputOutput></bpmn:extensionElements></bpmn:receiveTask>",
    )
    service.deploy(keyed(path(START, local, END), "waits"))
    for id in ("T-1", "T-2"):
        service.start("waits", variables={"id": id})
    (reached,) = service.run(correlate_message, CorrelateMessage("closed", local_keys={"ticket": "T-2"}))
    assert reached.instance.variables["id"] == "T-2"


def test_a_message_for_nobody_or_for_several_is_refused(service: Service) -> None:
    service.deploy(keyed(path(START, CATCH_MESSAGE, END), "waits"))
    with pytest.raises(MismatchingCorrelation) as nobody:
        service.run(correlate_message, CorrelateMessage("closed"))
    assert nobody.value.matches == 0
    started = [service.start("waits").id for _ in range(2)]
    with pytest.raises(MismatchingCorrelation) as several:
        service.run(correlate_message, CorrelateMessage("closed"))
    assert several.value.matches == 2
    (reached,) = service.run(correlate_message, CorrelateMessage("closed", instance_id=started[0]))
    assert reached.instance.id == started[0]
    service.start("waits")
    assert len(service.run(correlate_message, CorrelateMessage("closed", all=True))) == 2


def test_a_message_starts_a_definition_when_nobody_waits(service: Service) -> None:
    service.deploy(keyed(path(MESSAGE_START, TASK, END), "begins"))
    service.deploy(keyed(path(START, CATCH_MESSAGE, END), "waits"), "w.bpmn")
    waiter = service.start("waits")
    command = CorrelateMessage("closed", business_key="k", variables={"x": 1})
    (reached,) = service.run(correlate_message, command)
    assert (reached.kind, reached.instance.definition_key, reached.instance.business_key) == (
        "definition",
        "begins",
        "k",
    )
    (reached,) = service.run(correlate_message, CorrelateMessage("closed"))
    assert (reached.kind, reached.instance.id) == ("execution", waiter.id)
    with pytest.raises(MismatchingCorrelation):
        service.run(correlate_message, CorrelateMessage("closed", instance_id=waiter.id))


def test_a_receive_task_can_be_triggered_by_its_execution(service: Service) -> None:
    started = service.begin(path(START, RECEIVE, END), EVENTS)
    service.run(message_execution, started.id, None, {"x": 1})
    assert service.variables(started.id) == {"x": 1}
    with pytest.raises(NotSubscribed):
        service.run(message_execution, started.id, None)


# --- the outbox for messages --------------------------------------------------------------------------------------


def test_an_emitted_message_waits_for_its_receiver(service: Service) -> None:
    started = service.begin(path(START, TASK, RECEIVE, END), EVENTS)

    def emit(unit: Any) -> None:
        emit_message(unit, service.clock.now(), "closed", instance_id=started.id, variables={"status": "Done"})

    service.units.run(emit)
    service.run_jobs()
    assert service.record(started.id).state == "ACTIVE"
    service.complete()
    service.clock.forward(seconds=1)
    assert service.run_jobs() == 1
    assert service.record(started.id).state == "COMPLETED"
    assert service.variables(started.id) == {"status": "Done"}


def test_a_message_to_an_instance_that_is_gone_is_dropped(service: Service) -> None:
    started = service.begin(path(START, TASK, RECEIVE, END), EVENTS)

    def emit(unit: Any) -> None:
        emit_message(unit, service.clock.now(), "closed", instance_id=started.id)

    service.units.run(emit)
    service.run(delete_instance, started.id)
    service.units.run(emit)
    assert service.run_jobs() == 0
    assert service.jobs() == []


def test_a_message_that_is_never_waited_for_becomes_an_incident(service: Service) -> None:
    started = service.begin(path(START, TASK, END), EVENTS)
    service.units.run(lambda unit: emit_message(unit, service.clock.now(), "closed", instance_id=started.id))
    tries = 0
    while not service.read(lambda unit: unit.incidents.count()):
        service.clock.forward(hours=1)
        tries += service.run_jobs()
    assert tries == 10
    (incident,) = service.read(lambda unit: unit.incidents.find())
    assert (incident.instance_id, incident.kind) == (started.id, "failedJob")
    assert "'closed'" in (incident.message or "")
