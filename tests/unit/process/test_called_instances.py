"""Processes that call processes, in the database: rows, history, signals between them, and commands that meet."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed
from mlc_service.engine.ids import derived_id
from mlc_service.jobs.runner import ThreadRunner
from mlc_service.process.definitions import set_definition_suspended
from mlc_service.process.deployments import Deploy, delete_deployment, deploy
from mlc_service.process.errors import MismatchingCorrelation, NotFound, Suspended
from mlc_service.process.instances import (
    delete_instance,
    instance_variables,
    set_instance_suspended,
    set_instance_variables,
)
from mlc_service.process.messages import CorrelateMessage, correlate_message
from mlc_service.process.signals import broadcast_signal
from mlc_service.process.tasks import complete_task
from mlc_service.store.history_filters import ActivityHistoryFilter
from mlc_service.store.rows import InstanceRow
from mlc_service.store.subscriptions import SubscriptionFilter
from tests.unit.engine.shapes import (
    ERROR,
    MESSAGE,
    SIGNAL,
    START,
    boundary,
    catch,
    does,
    end,
    gateway,
    many,
    mapping,
    node,
    process,
    sub,
    throw,
    timer,
    users,
    ways,
)
from tests.unit.process.service import Service
from tests.unit.process.test_concurrency import at_once, wait_until

Q_START = node("startEvent", "qs")
IN, OUT = '<camunda:in variables="all"/>', '<camunda:out variables="all"/>'
Q = process(Q_START, users("qt"), ways("qs > qt"), key="q")


def call(*inside: str, calls: str = "q", node_id: str = "c", **attributes: str) -> str:
    return node("callActivity", node_id, *inside, calledElement=calls, **attributes)


def calling(service: Service, *inside: str, beside: str = "", q: bytes = Q, **options: Any) -> tuple[str, str]:
    """Ids of a new instance that has called `q`, and of what it has called."""
    service.deploy(q, "q.bpmn")
    service.deploy(process(START, call(*inside), users("z"), ways("s > c > z"), beside))
    return with_called(service, service.start(**options).id)


def with_called(service: Service, id: str) -> tuple[str, str]:
    (record,) = [one for one in service.records() if one.caller_id == id]
    return id, record.id


def row(service: Service, id: str) -> InstanceRow:
    return service.read(lambda unit: unit.instances.get(id))


def is_alive(service: Service, id: str) -> bool:
    try:
        row(service, id)
    except NotFound:
        return False
    return True


def states(service: Service, *ids: str) -> list[str]:
    return [service.record(id).state for id in ids]


def called_of(service: Service, id: str) -> list[str | None]:
    """What history says the call activities of an instance have called."""
    rows = service.read(lambda unit: unit.history.find_activities(ActivityHistoryFilter(instance_id=id)))
    return [one.called_instance_id for one in rows if one.activity_type == "callActivity"]


def waiting(service: Service) -> int:
    return service.read(lambda unit: unit.subscriptions.count(SubscriptionFilter(of_instances=True)))


# -- rows and history --------------------------------------------------------------------------------------------------


def test_a_called_instance_has_a_row_that_knows_its_caller_and_its_root(service: Service) -> None:
    caller, called = calling(service, IN, variables={"a": 1}, business_key="order-7")
    own, other = row(service, caller), row(service, called)
    assert (own.root_id, own.caller_id, own.caller_number) == (caller, None, None)
    assert (other.root_id, other.caller_id) == (caller, caller)
    assert other.caller_number is not None
    assert (other.definition_key, other.business_key, other.variables) == ("q", None, {"a": 1})
    assert [task.instance_id for task in service.tasks()] == [called]


def test_history_of_both_sides_knows_of_the_call_from_its_beginning(service: Service) -> None:
    caller, called = calling(service, user="ann")
    assert called_of(service, caller) == [called]
    own, other = service.record(caller), service.record(called)
    assert (own.root_id, own.caller_id, own.start_user) == (caller, None, "ann")
    assert (other.root_id, other.caller_id, other.start_user) == (caller, caller, "ann")
    assert (other.state, other.start_activity_id) == ("ACTIVE", "qs")
    service.complete()
    assert called_of(service, caller) == [called]
    other = service.record(called)
    assert (other.state, other.end_activity_id, other.ended) == ("COMPLETED", "qt", service.clock.now())


def test_the_root_is_the_topmost_caller(service: Service) -> None:
    service.deploy(process(node("startEvent", "rs"), users("rt"), ways("rs > rt"), key="r"), "r.bpmn")
    caller, middle = calling(service, q=process(Q_START, call(calls="r", node_id="qc"), ways("qs > qc"), key="q"))
    _, deepest = with_called(service, middle)
    found = row(service, deepest)
    assert (found.root_id, found.caller_id) == (caller, middle)
    assert (service.record(deepest).root_id, service.record(deepest).caller_id) == (caller, middle)
    service.complete()
    assert states(service, caller, middle, deepest) == ["ACTIVE", "COMPLETED", "COMPLETED"]
    assert [is_alive(service, id) for id in (caller, middle, deepest)] == [True, False, False]


def test_a_call_that_is_over_within_the_command_leaves_history_only(service: Service) -> None:
    caller, called = calling(
        service, OUT, q=process(Q_START, does("qd", "7", camunda_resultVariable="x"), ways("qs > qd"), key="q")
    )
    assert not is_alive(service, called)
    assert called_of(service, caller) == [called]
    assert service.trail(called) == ["qs", "qd"]
    assert service.trail(caller) == ["s", "c", "z*"]
    assert instance_variables_of(service, caller) == {"x": 7}
    assert service.record(called).state == "COMPLETED"


def instance_variables_of(service: Service, id: str) -> dict[str, Any]:
    return service.read(lambda unit: instance_variables(unit, id))


def test_a_call_within_which_everything_is_over(service: Service) -> None:
    service.deploy(process(Q_START, key="q"), "q.bpmn")
    service.deploy(process(START, call(), ways("s > c")))
    started = service.start()
    assert started.ended
    assert service.read(lambda unit: unit.instances.count()) == 0
    assert [one.state for one in service.records()] == ["COMPLETED", "COMPLETED"]


def test_completing_the_called_instance_takes_its_caller_on(service: Service) -> None:
    caller, called = calling(service, IN, OUT, variables={"a": 1})
    service.clock.forward(minutes=5)
    service.complete({"a": 2, "b": True})
    assert not is_alive(service, called)
    assert service.trail(caller) == ["s", "c", "z*"]
    assert row(service, caller).variables == {"a": 2, "b": True}
    assert service.variables(called) == {"a": 2, "b": True}
    (task,) = service.tasks()
    assert (task.instance_id, task.activity_id, task.created) == (caller, "z", service.clock.now())


def test_a_caller_goes_on_with_its_next_call(service: Service) -> None:
    service.deploy(Q, "q.bpmn")
    service.deploy(process(START, call(node_id="c"), call(node_id="d"), ways("s > c > d")))
    caller = service.start().id
    (first,) = [one.id for one in service.records(definition_key="q")]
    service.complete()
    second = next(one.id for one in service.records(definition_key="q") if one.id != first)
    assert (row(service, second).root_id, row(service, second).caller_id) == (caller, caller)
    assert called_of(service, caller) == [first, second]
    service.complete()
    assert states(service, caller, first, second) == ["COMPLETED"] * 3


def test_scopes_of_both_sides_are_kept_apart(service: Service) -> None:
    own = mapping({"near": "${1}"})
    caller, called = calling(
        service, own, q=process(Q_START, node("userTask", "qt", mapping({"near": "${2}"})), ways("qs > qt"), key="q")
    )
    scopes = [service.read(lambda unit, id=id: unit.instances.scopes(id)) for id in (caller, called)]
    assert [list(one.values()) for one in scopes] == [[{"near": 1}], [{"near": 2}]]
    service.complete()
    assert service.read(lambda unit: unit.instances.scopes(caller)) == {}


def test_several_calls_at_once_are_instances_beside_each_other(service: Service) -> None:
    service.deploy(Q, "q.bpmn")
    service.deploy(process(START, call(many(3)), ways("s > c")))
    caller = service.start().id
    called = [one.id for one in service.records(definition_key="q")]
    assert sorted(filter(None, called_of(service, caller))) == sorted(called)
    assert len({row(service, id).caller_number for id in called}) == 3
    for task in service.tasks():
        service.run(complete_task, task.id)
    assert states(service, caller, *called) == ["COMPLETED"] * 4


def test_a_failure_of_the_called_process_undoes_the_whole_command(service: Service) -> None:
    service.deploy(process(Q_START, does("qd", "nothing"), ways("qs > qd"), key="q"), "q.bpmn")
    service.deploy(process(START, call(), ways("s > c")))
    with pytest.raises(ExecutionFailed, match="'nothing'"):
        service.start()
    assert service.records() == []


def test_a_failure_of_the_caller_undoes_what_the_called_instance_did(service: Service) -> None:
    service.deploy(Q, "q.bpmn")
    service.deploy(process(START, call(), does("d", "nothing"), ways("s > c > d")))
    _, called = with_called(service, service.start().id)
    with pytest.raises(ExecutionFailed, match="'nothing'"):
        service.complete({"a": 1})
    assert is_alive(service, called)
    assert len(service.tasks()) == 1
    assert row(service, called).variables == {}


# -- jobs, messages, delegates -----------------------------------------------------------------------------------------


def test_jobs_of_the_called_instance_take_its_caller_on(service: Service) -> None:
    later = process(
        Q_START, does("qd", "1", camunda_asyncBefore="true"), catch("qw", timer("PT1H")), ways("qs > qd > qw"), key="q"
    )
    caller, called = calling(service, q=later)
    assert [job.instance_id for job in service.jobs()] == [called]
    service.run_jobs()
    assert service.trail(called) == ["qs", "qd", "qw*"]
    service.clock.forward(hours=1)
    service.run_jobs()
    assert service.trail(caller) == ["s", "c", "z*"]
    assert service.jobs() == []


def test_a_worker_goes_on_with_the_called_instance_and_then_with_its_caller(service: Service) -> None:
    delegated = [node("serviceTask", name, camunda_delegateExpression="${deploy}") for name in ("qd", "d")]
    service.deploy(process(Q_START, delegated[0], ways("qs > qd"), key="q"), "q.bpmn")
    service.deploy(process(START, call(IN, OUT), delegated[1], ways("s > c > d")))
    service.delegates["deploy"] = lambda found: {found.activity_id: found.instance_id}
    caller, called = with_called(service, service.start(business_key="order-7").id)
    while service.run_jobs():
        pass
    assert [(one.activity_id, one.instance_id, one.definition_key, one.business_key) for one in service.calls] == [
        ("qd", called, "q", None), ("d", caller, "p", "order-7"),
    ]  # fmt: skip
    assert states(service, caller, called) == ["COMPLETED", "COMPLETED"]
    assert service.variables(caller) == {"qd": called, "d": caller}


def test_a_call_may_wait_for_its_job(service: Service) -> None:
    service.deploy(Q, "q.bpmn")
    service.deploy(
        process(START, call(camunda_asyncBefore="true", camunda_asyncAfter="true"), users("z"), ways("s > c > z"))
    )
    caller = service.start().id
    assert [one.id for one in service.records()] == [caller]
    service.run_jobs()
    _, called = with_called(service, caller)
    assert called_of(service, caller) == [called]
    service.complete()
    assert service.trail(caller) == ["s", "c"]
    service.run_jobs()
    assert service.trail(caller) == ["s", "c", "z*"]


def test_a_message_finds_the_called_instance_by_what_is_its_own(service: Service) -> None:
    receives = process(Q_START, node("receiveTask", "qr", messageRef="m1"), ways("qs > qr"), key="q")
    caller, called = calling(
        service,
        '<camunda:in businessKey="sub-key"/>',
        '<camunda:in source="a" target="b"/>',
        q=receives,
        variables={"a": 1},
        business_key="key",
    )
    for wrong in ({"business_key": "key"}, {"instance_id": caller}, {"correlation_keys": {"a": 1}}):
        with pytest.raises(MismatchingCorrelation):
            service.run(correlate_message, CorrelateMessage("M1", **wrong))
    command = CorrelateMessage("M1", business_key="sub-key", instance_id=called, correlation_keys={"b": 1})
    (reached,) = service.run(correlate_message, command)
    assert reached.instance.id == called
    assert reached.instance.ended
    assert service.trail(caller) == ["s", "c", "z*"]


# -- how either side ends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
def test_deleting_either_side_deletes_both(service: Service, which: int) -> None:
    busy = process(
        Q_START, gateway("parallel", "qg"), users("qt"), does("qd", "1", camunda_asyncBefore="true"), node("receiveTask", "qr", messageRef="m1"),
        node("serviceTask", "qx", camunda_type="external", camunda_topic="x"), ways("qs > qg > qt", "qg > qd", "qg > qr", "qg > qx"), key="q",
    )  # fmt: skip
    ids = calling(service, q=busy, beside=boundary("b", "c", timer("PT1H")))
    service.run(delete_instance, ids[which], reason="not needed")
    assert [(service.record(id).state, service.record(id).delete_reason) for id in ids] == [
        ("EXTERNALLY_TERMINATED", "not needed")
    ] * 2
    assert service.read(lambda unit: unit.instances.count()) == 0
    assert (service.tasks(), service.jobs(), waiting(service)) == ([], [], 0)
    assert service.read(lambda unit: unit.external_tasks.count()) == 0
    assert service.trail(ids[0]) == ["s", "c✗"]
    assert all(one.endswith("✗") for one in service.trail(ids[1])[2:])


def test_deleting_in_the_middle_deletes_the_whole_chain_and_nothing_else(service: Service) -> None:
    service.deploy(process(node("startEvent", "rs"), users("rt"), ways("rs > rt"), key="r"), "r.bpmn")
    middle_calls = process(Q_START, call(calls="r", node_id="qc"), ways("qs > qc"), key="q")
    caller, middle = calling(service, q=middle_calls)
    _, deepest = with_called(service, middle)
    other = service.start().id
    service.run(delete_instance, middle)
    assert states(service, caller, middle, deepest) == ["EXTERNALLY_TERMINATED"] * 3
    assert states(service, other) == ["ACTIVE"]
    assert service.read(lambda unit: unit.instances.count()) == 3


def test_an_interrupted_call_takes_the_called_instance_along(service: Service) -> None:
    caller, called = calling(service, beside=boundary("b", "c", MESSAGE) + users("y") + ways("b > y"))
    service.run(correlate_message, CorrelateMessage("M1"))
    assert service.trail(caller) == ["s", "c✗", "b", "y*"]
    assert service.trail(called) == ["qs", "qt✗"]
    assert states(service, caller, called) == ["ACTIVE", "INTERNALLY_TERMINATED"]
    assert not is_alive(service, called)
    assert [task.activity_id for task in service.tasks()] == ["y"]


def test_an_error_of_the_called_instance_is_caught_by_its_caller(service: Service) -> None:
    throws = process(Q_START, users("qt"), end("qe", ERROR), ways("qs > qt > qe"), key="q")
    caller, called = calling(service, OUT, q=throws, beside=boundary("b", "c", ERROR) + users("y") + ways("b > y"))
    service.complete({"x": 1})
    assert service.trail(caller) == ["s", "c✗", "b", "y*"]
    assert service.trail(called) == ["qs", "qt", "qe✗"]
    assert states(service, caller, called) == ["ACTIVE", "INTERNALLY_TERMINATED"]
    assert row(service, caller).variables == {"x": 1}


def test_a_called_instance_cannot_be_reached_any_more_when_it_is_over(service: Service) -> None:
    _, called = calling(service)
    (task,) = service.tasks()
    service.complete()
    for late in (
        lambda: service.run(complete_task, task.id),
        lambda: service.run(delete_instance, called),
        lambda: service.run(set_instance_variables, called, {"a": 1}),
    ):
        with pytest.raises(NotFound):
            late()


# -- which process is called -------------------------------------------------------------------------------------------


def tagged(key: str, tag: str, task: str) -> bytes:
    source = process(Q_START, users(task), ways(f"qs > {task}"), key=key)
    return source.replace(b'isExecutable="true"', f'isExecutable="true" camunda:versionTag="{tag}"'.encode())


@pytest.mark.parametrize(
    ("attributes", "task"),
    [({}, "third"), ({"camunda_calledElementBinding": "deployment"}, "second"),
     ({"camunda_calledElementBinding": "version", "camunda_calledElementVersion": "${1}"}, "first"),
     ({"camunda_calledElementBinding": "versionTag", "camunda_calledElementVersionTag": "two"}, "second")],
)  # fmt: skip
def test_the_binding_says_which_version_is_called(service: Service, attributes: dict[str, str], task: str) -> None:
    service.deploy(tagged("q", "one", "first"), "q.bpmn")
    own = process(START, call(**attributes), ways("s > c"))
    service.run(deploy, Deploy([("p.bpmn", own), ("q.bpmn", tagged("q", "two", "second"))]))
    service.deploy(tagged("q", "three", "third"), "q.bpmn")
    service.start()
    assert [one.activity_id for one in service.tasks()] == [task]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [({"calls": "nope"}, "no processes deployed with key 'nope'"), ({"calls": "${none}"}, "came to nothing"),
     ({"camunda_calledElementBinding": "deployment"}, "in the deployment of this process"),
     ({"camunda_calledElementBinding": "version", "camunda_calledElementVersion": "9"}, "in version 9"),
     ({"camunda_calledElementBinding": "version", "camunda_calledElementVersion": "x"}, "'x' is not a version"),
     ({"camunda_calledElementBinding": "versionTag", "camunda_calledElementVersionTag": "x"}, "with version tag 'x'")],
)  # fmt: skip
def test_a_process_that_is_not_there_cannot_be_called(
    service: Service, attributes: dict[str, str], message: str
) -> None:
    service.deploy(Q, "q.bpmn")
    service.deploy(process(START, call(**attributes), ways("s > c")))
    with pytest.raises(ExecutionFailed, match=message) as failure:
        service.start(variables={"none": None})
    assert failure.value.element_id == "c"
    assert service.records() == []


def test_a_suspended_definition_can_still_be_called(service: Service) -> None:
    """As in Camunda, which asks only those who start it."""
    (definition,) = service.deploy(Q, "q.bpmn").processes
    service.run(set_definition_suspended, definition.id, True)
    service.deploy(process(START, call(), ways("s > c")))
    service.start()
    assert len(service.tasks()) == 1
    with pytest.raises(Suspended):
        service.start("q")


def test_a_called_instance_cannot_take_a_suspended_caller_on(service: Service) -> None:
    caller, called = calling(service)
    service.run(set_instance_suspended, caller, True)
    with pytest.raises(Suspended):
        service.complete()
    assert service.trail(called) == ["qs", "qt*"]
    service.run(set_instance_suspended, caller, False)
    service.complete()
    assert service.trail(caller) == ["s", "c", "z*"]


def test_a_suspended_caller_can_be_deleted_from_either_side(service: Service) -> None:
    caller, called = calling(service)
    service.run(set_instance_suspended, caller, True)
    service.run(delete_instance, called)
    assert states(service, caller, called) == ["EXTERNALLY_TERMINATED"] * 2


def test_deleting_the_deployment_of_the_caller_ends_what_it_has_called(service: Service) -> None:
    service.deploy(process(node("startEvent", "rs"), users("rt"), ways("rs > rt"), key="r"), "r.bpmn")
    service.deploy(
        process(
            Q_START,
            gateway("parallel", "qg"),
            call(calls="r", node_id="qc"),
            users("qt"),
            ways("qs > qg > qc", "qg > qt"),
            key="q",
        ),
        "q.bpmn",
    )
    deployed = service.deploy(process(START, call(), ways("s > c")))
    caller, called = with_called(service, service.start().id)
    _, deepest = with_called(service, called)
    other = service.start("q").id
    service.run(delete_deployment, deployed.deployment.id, cascade=True)
    assert [is_alive(service, id) for id in (caller, called, deepest, other)] == [False, False, False, True]
    assert states(service, called, deepest) == ["EXTERNALLY_TERMINATED"] * 2
    assert [one for one in service.trail(called) if one.endswith("*")] == []
    assert service.trail(deepest) == ["rs", "rt✗"]
    with pytest.raises(NotFound):
        service.record(caller)
    assert sorted(task.activity_id for task in service.tasks()) == ["qt", "rt"]


def test_deleting_the_deployment_of_the_called_process_ends_who_has_called_it(service: Service) -> None:
    """In Camunda the caller would wait for ever."""
    deployed = service.deploy(Q, "q.bpmn")
    service.deploy(process(START, call(), ways("s > c")))
    caller, called = with_called(service, service.start().id)
    service.run(delete_deployment, deployed.deployment.id, cascade=True)
    assert [is_alive(service, id) for id in (caller, called)] == [False, False]
    assert service.trail(caller) == ["s", "c✗"]
    with pytest.raises(NotFound):
        service.record(called)


# -- signals within one hierarchy --------------------------------------------------------------------------------------


def test_a_caller_that_waits_hears_a_signal_of_what_it_has_called(service: Service) -> None:
    service.deploy(
        process(Q_START, users("qt"), throw("qx", SIGNAL), users("qo"), ways("qs > qt > qx > qo"), key="q"), "q.bpmn"
    )
    service.deploy(
        process(START, gateway("parallel", "f"), call(), catch("w", SIGNAL), users("z"), ways("s > f > w > z", "f > c"))
    )
    caller = service.start().id
    service.complete()
    assert service.trail(caller) == ["s", "f", "w", "c*", "z*"]
    assert waiting(service) == 0


@pytest.mark.parametrize(("first", "hears"), [("w", True), ("c", False)])
def test_a_caller_hears_a_signal_of_the_same_command_if_it_waited_before(
    service: Service, first: str, hears: bool
) -> None:
    service.deploy(process(Q_START, throw("qx", SIGNAL), users("qo"), ways("qs > qx > qo"), key="q"), "q.bpmn")
    order = ["f > w", "f > c"] if first == "w" else ["f > c", "f > w"]
    service.deploy(
        process(START, gateway("parallel", "f"), call(), catch("w", SIGNAL), users("z"), ways("s > f", *order, "w > z"))
    )
    caller = service.start().id
    assert ("w" in service.trail(caller)) is hears
    assert waiting(service) == (0 if hears else 1)


@pytest.mark.parametrize(("first", "hears"), [("c", True), ("x", False)])
def test_a_called_instance_hears_a_signal_of_the_same_command_if_it_waited_before(
    service: Service, first: str, hears: bool
) -> None:
    service.deploy(process(Q_START, catch("qw", SIGNAL), users("qo"), ways("qs > qw > qo"), key="q"), "q.bpmn")
    order = ["f > c", "f > x"] if first == "c" else ["f > x", "f > c"]
    service.deploy(process(START, gateway("parallel", "f"), call(), throw("x", SIGNAL), ways("s > f", *order)))
    _, called = with_called(service, service.start().id)
    assert service.trail(called) == (["qs", "qw", "qo*"] if hears else ["qs", "qw*"])


def test_an_instance_called_because_of_a_signal_does_not_hear_it(service: Service) -> None:
    service.deploy(process(Q_START, catch("qw", SIGNAL), ways("qs > qw"), key="q"), "q.bpmn")
    service.deploy(process(START, catch("w", SIGNAL), call(), ways("s > w > c")))
    service.deploy(process(START, throw("x", SIGNAL), ways("s > x"), key="thrower"), "t.bpmn")
    caller = service.start().id
    service.start("thrower")
    _, called = with_called(service, caller)
    assert service.trail(called) == ["qs", "qw*"]
    service.start("thrower")
    assert states(service, caller, called) == ["COMPLETED", "COMPLETED"]


def test_a_signal_may_interrupt_the_very_call_that_threw_it(service: Service) -> None:
    service.deploy(
        process(Q_START, users("qt"), throw("qx", SIGNAL), users("qo"), ways("qs > qt > qx > qo"), key="q"), "q.bpmn"
    )
    service.deploy(process(START, call(), boundary("b", "c", SIGNAL), users("y"), ways("s > c", "b > y")))
    caller, called = with_called(service, service.start().id)
    service.complete()
    assert service.trail(caller) == ["s", "c✗", "b", "y*"]
    assert states(service, called) == ["INTERNALLY_TERMINATED"]
    assert service.trail(called)[:3] == ["qs", "qt", "qx"]


def test_a_signal_of_the_called_instance_comes_too_early_for_what_its_caller_goes_on_to(
    service: Service,
) -> None:
    service.deploy(process(Q_START, users("qt"), end("qe", SIGNAL), ways("qs > qt > qe"), key="q"), "q.bpmn")
    service.deploy(process(START, call(), catch("w", SIGNAL), users("z"), ways("s > c > w > z")))
    caller = service.start().id
    service.complete()
    assert service.trail(caller) == ["s", "c", "w*"]


def test_a_signal_is_lost_on_who_begins_to_wait_because_of_an_earlier_signal_of_the_same_command(
    service: Service,
) -> None:
    second = SIGNAL.replace("s1", "s2")
    service.deploy(process(START, catch("w", SIGNAL), catch("v", second), ways("s > w > v")))
    service.deploy(process(START, throw("x", SIGNAL), throw("y", second), ways("s > x > y"), key="thrower"), "t.bpmn")
    waiter = service.start().id
    service.start("thrower")
    assert service.trail(waiter) == ["s", "w", "v*"]


def test_brothers_hear_each_other(service: Service) -> None:
    service.deploy(
        process(Q_START, users("qt"), throw("qx", SIGNAL), users("qo"), ways("qs > qt > qx > qo"), key="q"), "q.bpmn"
    )
    service.deploy(
        process(node("startEvent", "rs"), catch("rw", SIGNAL), users("ro"), ways("rs > rw > ro"), key="r"), "r.bpmn"
    )
    service.deploy(
        process(START, gateway("parallel", "f"), call(), call(calls="r", node_id="d"), ways("s > f > c", "f > d"))
    )
    service.start()
    (brother,) = [one.id for one in service.records(definition_key="r")]
    service.complete()
    assert service.trail(brother) == ["rs", "rw", "ro*"]


def test_a_broadcast_reaches_caller_and_called_once_each(service: Service) -> None:
    service.deploy(process(Q_START, catch("qw", SIGNAL), users("qo"), ways("qs > qw > qo"), key="q"), "q.bpmn")
    service.deploy(
        process(START, gateway("parallel", "f"), call(), catch("w", SIGNAL), users("z"), ways("s > f > c", "f > w > z"))
    )
    caller, called = with_called(service, service.start().id)
    assert service.run(broadcast_signal, "S1", {"x": 1}) == 2
    assert (service.trail(caller), service.trail(called)) == (["s", "f", "c*", "w", "z*"], ["qs", "qw", "qo*"])
    assert (service.variables(caller), service.variables(called)) == ({"x": 1}, {"x": 1})


# -- commands that meet ------------------------------------------------------------------------------------------------


def test_tasks_of_caller_and_called_completed_at_once_do_not_block_each_other(service: Service) -> None:
    service.deploy(process(Q_START, users("qt"), ways("qs > qt"), key="q"), "q.bpmn")
    service.deploy(
        process(
            START, gateway("parallel", "f", "j"), call(OUT), users("t", "z"), ways("s > f > c > j", "f > t > j > z")
        )
    )
    for _ in range(10):
        caller, called = with_called(service, service.start().id)
        tasks = service.tasks(instance_id=caller) + service.tasks(instance_id=called)
        assert len(tasks) == 2
        raised = at_once(*[lambda t=task: service.run(complete_task, t.id, {t.activity_id: 1}) for task in tasks])  # type: ignore[misc]
        assert raised == []
        assert sorted(service.trail(caller)) == ["c", "f", "j", "j", "s", "t", "z*"]
        assert row(service, caller).variables == {"t": 1, "qt": 1}


def test_what_called_instances_bring_back_at_once_is_added_up(service: Service) -> None:
    calls = [call(mapping({}, {"total": "${total + 1}"}), node_id=f"call{number}") for number in range(6)]
    service.deploy(Q, "q.bpmn")
    service.deploy(
        process(
            START,
            gateway("parallel", "f", "j"),
            *calls,
            users("z"),
            *(ways(f"f > call{number} > j") for number in range(6)),
            ways("s > f", "j > z"),
        )
    )
    caller = service.start(variables={"total": 0}).id
    raised = at_once(*[lambda t=task: service.run(complete_task, t.id) for task in service.tasks()])  # type: ignore[misc]
    assert raised == []
    assert row(service, caller).variables == {"total": 6}
    assert service.trail(caller)[-1] == "z*"


def test_variables_written_on_both_sides_at_once_are_all_kept(service: Service) -> None:
    ids = calling(service)
    raised = at_once(
        *[lambda n=n: service.run(set_instance_variables, ids[n % 2], {f"v{n}": n}) for n in range(8)]  # type: ignore[misc]
    )
    assert raised == []
    assert [row(service, id).variables for id in ids] == [{f"v{n}": n for n in range(start, 8, 2)} for start in (0, 1)]


def test_a_command_waits_for_another_one_in_the_same_hierarchy(service: Service) -> None:
    caller, called = calling(service)
    held, wants = Event(), Event()
    order: list[str] = []

    def first() -> None:
        with service.units.begin() as unit:
            unit.instances.lock(called)
            held.set()
            wants.wait(60)
            # time enough for the other one to come through, if it could
            for _ in range(50):
                unit.instances.get(called)
            order.append("first")

    def second() -> None:
        held.wait(60)
        wants.set()
        with service.units.begin() as unit:
            unit.instances.lock(caller)
            order.append("second")

    assert at_once(first, second) == []
    assert order == ["first", "second"]


def test_a_caller_deleted_while_its_called_instance_completes_ends_one_way_or_the_other(service: Service) -> None:
    for _ in range(5):
        caller, called = calling(service)
        (task,) = service.tasks()
        raised = at_once(lambda: service.run(complete_task, task.id), lambda: service.run(delete_instance, caller))  # noqa: B023
        assert [type(error) for error in raised] in ([], [NotFound])
        assert states(service, caller) == ["EXTERNALLY_TERMINATED"]
        assert states(service, called) == (["EXTERNALLY_TERMINATED"] if raised else ["COMPLETED"])
        assert (service.tasks(), service.read(lambda unit: unit.instances.count())) == ([], 0)


def test_signals_that_cross_between_hierarchies_are_all_received(service: Service) -> None:
    """Each thread locks its own hierarchy first and the other one then: a deadlock that is undone and tried again."""
    other = SIGNAL.replace("s1", "s2")
    service.deploy(Q, "q.bpmn")
    for key, throws, hears in (("a", SIGNAL, other), ("b", other, SIGNAL)):
        parts = [START, gateway("parallel", "f"), call(), users("t"), throw("x", throws), catch("w", hears), users("z")]
        service.deploy(process(*parts, ways("s > f > w > z", "f > c", "f > t > x"), key=key), f"{key}.bpmn")
    for _ in range(5):
        ids = [service.start(key).id for key in ("a", "b")]
        tasks = [service.tasks(instance_id=id, activity_id="t")[0] for id in ids]
        assert at_once(*[lambda t=task: service.run(complete_task, t.id) for task in tasks]) == []  # type: ignore[misc]
        for id in ids:
            assert "w" in service.trail(id)
            service.run(delete_instance, id)


def test_jobs_of_many_called_instances_are_run_by_many_threads(service: Service) -> None:
    inner = process(
        Q_START, node("serviceTask", "qd", camunda_delegateExpression="${deploy}"), ways("qs > qd"), key="q"
    )
    service.deploy(inner, "q.bpmn")
    outer = call(IN, mapping({}, {"total": "${total + 1}"}))
    service.deploy(process(START, sub("u", node("startEvent", "i"), many(4), outer, ways("i > c")), ways("s > u")))
    runner = ThreadRunner(service.bench, threads=4, poll_seconds=0.05)
    runner.start()
    ids = [service.start(variables={"total": 0}).id for _ in range(5)]
    wait_until(lambda: len(service.records(finished=True)) == 25)
    runner.stop()
    assert states(service, *ids) == ["COMPLETED"] * 5
    assert [service.variables(id) for id in ids] == [{"total": 4}] * 5
    assert service.read(lambda unit: unit.incidents.count()) == 0


def test_ids_of_the_called_instance_lead_to_its_own_things(service: Service) -> None:
    _, called = calling(service)
    (task,) = service.tasks()
    numbers = range(1, row(service, called).revision + 20)
    assert task.id in {derived_id(called, number) for number in numbers}
