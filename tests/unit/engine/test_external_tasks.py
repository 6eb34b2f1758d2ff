"""External tasks as the engine sees them: asked for, done, failed, and turned into errors by what a worker reports."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed, NotWaiting
from mlc_service.engine import effects as fx
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import Driver
from tests.unit.engine.shapes import (
    MESSAGE,
    START,
    boundary,
    gateway,
    listeners,
    log,
    mapping,
    node,
    of_type,
    process,
    told,
    users,
    ways,
)

ON = users("z") + ways("s > t > z")
AWAY = users("y") + ways("b > y")
CATCH = boundary(
    "b", "t", '<bpmn:errorEventDefinition camunda:errorCodeVariable="code" camunda:errorMessageVariable="why"/>'
)


def external(*inside: str, kind: str = "serviceTask", topic: str = "ship", **attributes: str) -> str:
    return node(kind, "t", *inside, camunda_type="external", camunda_topic=topic, **attributes)


def error_if(expression: str, error: str = "e1") -> str:
    """A camunda:errorEventDefinition, its expression without `${}`."""
    return f'<camunda:errorEventDefinition errorRef="{error}" expression="${{{expression}}}"/>'


def run_of(*inside: str, variables: dict[str, Any] | None = None, beside: str = "", **attributes: str) -> Driver:
    return Driver(process(START, external(*inside, **attributes), ON, beside), variables)


def number(run: Driver) -> int:
    (found,) = run.external
    return found


def done(run: Driver, **given: Any) -> None:
    one = number(run)
    run.feed(lambda execution: execution.complete_external_task(one, **given))


def failed(run: Driver, facts: dict[str, Any] | None = None, **given: Any) -> bool:
    one = number(run)
    is_error: bool = run.feed(lambda execution: execution.fail_external_task(one, facts or {}, **given))
    return is_error


# -- asked for ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["serviceTask", "sendTask", "businessRuleTask"])
def test_work_waits_for_a_worker_under_its_topic(kind: str) -> None:
    run = run_of(kind=kind)
    (made,) = run.external.values()
    assert (made.activity_id, made.topic, made.priority) == ("t", "ship", 0)
    assert run.running[made.activity].activity_type == kind
    assert (run.tree, run.jobs, run.tasks) == ("t", {}, {})


@pytest.mark.parametrize("kind", ["intermediateThrowEvent", "endEvent"])
def test_a_message_may_be_sent_by_a_worker(kind: str) -> None:
    definition = '<bpmn:messageEventDefinition messageRef="m1" camunda:type="external" camunda:topic="mail"/>'
    run = Driver(process(START, node(kind, "t", definition), ways("s > t")))
    assert [made.topic for made in run.external.values()] == ["mail"]
    done(run)
    assert run.is_ended


def test_the_topic_is_worked_out() -> None:
    (made,) = run_of(topic="ship-${to}", variables={"to": "oslo"}).external.values()
    assert made.topic == "ship-oslo"


@pytest.mark.parametrize(
    ("of_process", "of_task", "priority"),
    [(None, None, 0), ("7", None, 7), ("7", "5", 5), (None, "${x}", 9), ("7", "${missing}", 0)],
)
def test_the_priority_of_an_external_task(of_process: str | None, of_task: str | None, priority: int) -> None:
    own = {} if of_task is None else {"camunda_taskPriority": of_task}
    source = process(START, external(**own), ON)
    if of_process is not None:
        source = source.replace(b'id="p"', f'id="p" camunda:taskPriority="{of_process}"'.encode())
    (made,) = Driver(source, {"x": 9}).external.values()
    assert made.priority == priority


def test_a_priority_that_is_no_number_fails() -> None:
    with pytest.raises(ExecutionFailed, match="task priority 'high' is not a number"):
        run_of(camunda_taskPriority="${x}", variables={"x": "high"})


@pytest.mark.parametrize(
    ("inside", "attributes", "message"),
    [("", {"topic": ""}, "needs a camunda:topic"), ("", {"camunda_taskPriority": "high"}, "no whole number"),
     ("", {"camunda_expression": "${1}"}, "exactly one implementation"),
     ('<camunda:errorEventDefinition errorRef="e1"/>', {}, "needs an expression"),
     ('<camunda:errorEventDefinition expression="${true}"/>', {}, "needs an errorRef")],
)  # fmt: skip
def test_an_external_task_that_cannot_be_done_is_refused(inside: str, attributes: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidResource, match=message):
        run_of(inside, **attributes)


# -- done --------------------------------------------------------------------------------------------------------------


def test_what_the_worker_writes_goes_to_the_process_or_stays_local() -> None:
    run = run_of(mapping({"own": "${1}"}, {"seen": "${near + own}"}), listeners("t"), variables={"a": 0, "log": ""})
    done(run, variables={"a": 1, "own": 10, "new": True}, local_variables={"near": 5})
    assert run.tree == "z"
    assert run.variables == {"a": 1, "log": "t.start t.end ", "new": True, "seen": 15}
    assert of_type(run, fx.ExternalTaskEnded) == [fx.ExternalTaskEnded(of_type(run, fx.ExternalTaskCreated)[0].number)]
    assert log(run) == ["t.start", "t.end"]


def test_an_external_task_cannot_be_done_twice() -> None:
    run = run_of()
    one = number(run)
    done(run)
    for again in (
        lambda execution: execution.complete_external_task(one),
        lambda execution: execution.fail_external_task(one, {}),
        lambda execution: execution.external_task_error(one, "E1"),
    ):
        with pytest.raises(NotWaiting):
            run.feed(again)


def test_a_user_task_is_no_external_task() -> None:
    run = Driver(process(START, users("t"), ON))
    with pytest.raises(NotWaiting):
        run.feed(lambda execution: execution.complete_external_task(next(iter(run.tasks))))


def test_an_interrupted_external_task_is_there_no_more() -> None:
    run = run_of(beside=boundary("b", "t", MESSAGE) + AWAY)
    run.receive("M1")
    assert run.tree == "y"
    assert run.external == {}


def test_external_tasks_of_a_deleted_instance_are_there_no_more() -> None:
    run = run_of()
    run.cancel()
    assert run.external == {}
    assert run.canceled == ["t"]


def test_external_tasks_in_two_branches_are_told_apart() -> None:
    other = external(topic="bill").replace('id="t"', 'id="u"')
    run = Driver(
        process(
            START, gateway("parallel", "f", "j"), external(), other, users("z"), ways("s > f > t > j", "f > u > j > z")
        )
    )
    run.external_done("u", {"from": "u"})
    assert run.tree == "t j"
    run.external_done("t")
    assert run.tree == "z"


# -- errors of the worker ----------------------------------------------------------------------------------------------


def test_a_worker_reports_an_error_that_a_boundary_event_catches() -> None:
    run = run_of(beside=CATCH + AWAY)
    one = number(run)
    assert run.feed(lambda execution: execution.external_task_error(one, "LOST", "no parcel", {"seen": 1}))
    assert run.tree == "y"
    assert run.variables == {"seen": 1, "code": "LOST", "why": "no parcel"}
    assert run.canceled == ["t"]
    assert run.external == {}


def test_an_error_that_nobody_catches_ends_the_token() -> None:
    run = run_of(listeners("t"), variables={"log": ""})
    one = number(run)
    assert not run.feed(lambda execution: execution.external_task_error(one, "LOST"))
    assert run.ended == fx.InstanceEnded("COMPLETED", "t")
    assert told(run) == ["+s", "-s", "+t", "-t"]
    assert log(run) == ["t.start", "t.end"]


# -- camunda:errorEventDefinition --------------------------------------------------------------------------------------


def test_a_failure_without_a_definition_leaves_the_task_waiting() -> None:
    run = run_of()
    assert not failed(run, variables={"a": 1}, local_variables={"b": 2})
    assert run.tree == "t"
    assert run.variables == {"a": 1}
    assert number(run)


FACTS = {"errorMessage": "boom", "errorDetails": "trace", "retries": 2, "topicName": "ship", "workerId": "w"}


@pytest.mark.parametrize(
    ("expression", "is_error"),
    [("true", True), ("false", False), ("externalTask.errorMessage == 'boom'", True), ("externalTask.errorDetails == 'trace'", True),
     ("externalTask.workerId == 'x'", False), ("externalTask.retries > 1", True), ("nothing", False), ("externalTask.nothing", False),
     ("5", False), ("r == 1", True), ("near == 2", True)],
)  # fmt: skip
def test_what_a_failure_is_taken_for(expression: str, is_error: bool) -> None:
    run = run_of(error_if(expression), beside=CATCH + AWAY)
    assert failed(run, FACTS, variables={"r": 1}, local_variables={"near": 2}) is is_error
    if is_error:
        assert run.tree == "y"
        assert run.variables == {"r": 1, "code": "E1", "why": "boom"}
        assert run.external == {}
    else:
        assert run.tree == "t"
        assert run.variables == {"r": 1}


@pytest.mark.parametrize("expression", ["true", "r == 1", "near == 2", "externalTask.workerId == 'w'"])
def test_what_is_done_may_be_taken_for_an_error(expression: str) -> None:
    run = run_of(error_if(expression), beside=CATCH + AWAY)
    done(run, variables={"r": 1}, local_variables={"near": 2}, facts=FACTS | {"errorMessage": None})
    assert run.tree == "y"
    assert run.variables == {"r": 1, "code": "E1", "why": None}


def test_an_expression_that_cannot_be_evaluated_fails_what_is_done() -> None:
    run = run_of(error_if("nothing"), beside=CATCH + AWAY)
    with pytest.raises(ExecutionFailed, match="'nothing'"):
        done(run)
    assert run.tree == "t"


def test_the_first_definition_that_holds_says_which_error_it_is() -> None:
    run = run_of(error_if("false"), error_if("true", "e2"), error_if("true"), beside=CATCH + AWAY)
    done(run)
    assert run.variables["code"] == "E2"


def test_the_message_is_the_workers_not_that_of_the_diagram() -> None:
    source = process(START, external(error_if("true")), CATCH, ON, AWAY)
    source = source.replace(b'errorCode="E1"', b'errorCode="E1" camunda:errorMessage="of the diagram"')
    run = Driver(source)
    failed(run, FACTS)
    assert run.variables["why"] == "boom"


def test_a_definition_whose_error_nobody_catches_ends_the_token() -> None:
    run = run_of(error_if("true"))
    assert failed(run)
    assert run.ended == fx.InstanceEnded("COMPLETED", "t")
    assert told(run) == ["+s", "-s", "+t", "-t"]
