"""Events, boundaries, jobs, delegates, sub-processes."""

from __future__ import annotations

import pytest

from mlc_service.engine import ExecutionFailed
from mlc_service.engine import effects as fx
from tests.unit.engine.driver import Driver, diagram, flow, flows

SIGNALS = (
    '<bpmn:signal id="sig" name="model_changed"/><bpmn:signal id="dyn" name="done-${id}"/>'
    '<bpmn:message id="msg" name="ticket_closed"/><bpmn:error id="err" errorCode="FAILURE"/>'
    '<bpmn:error id="other" errorCode="OTHER"/>'
)
SIGNAL = '<bpmn:signalEventDefinition signalRef="sig"/>'


def _timer(text: str, kind: str = "timeDuration") -> str:
    return f"<bpmn:timerEventDefinition><bpmn:{kind}>{text}</bpmn:{kind}></bpmn:timerEventDefinition>"


def _boundary(node_id: str, host: str, definition: str, *, interrupting: bool = True) -> str:
    cancel = "" if interrupting else ' cancelActivity="false"'
    return f'<bpmn:boundaryEvent id="{node_id}" attachedToRef="{host}"{cancel}>{definition}</bpmn:boundaryEvent>'


def test_a_receive_task_waits_for_its_message() -> None:
    run = Driver(
        diagram('<bpmn:startEvent id="s"/><bpmn:receiveTask id="r" messageRef="msg"/>' + flow("s", "r"), SIGNALS)
    )
    assert [(sub.kind, sub.event_name) for sub in run.subscriptions.values()] == [("message", "ticket_closed")]
    run.receive("ticket_closed", {"status": "DONE"})
    assert run.is_ended
    assert run.variables == {"status": "DONE"}
    assert run.subscriptions == {}


def test_event_names_are_worked_out_when_the_wait_begins() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:intermediateCatchEvent id="c"><bpmn:signalEventDefinition signalRef="dyn"/>'
        "</bpmn:intermediateCatchEvent>" + flow("s", "c"), SIGNALS
    ), {"id": 7})  # fmt: skip
    run.receive("done-7")
    assert run.is_ended


@pytest.mark.parametrize(
    ("definition", "seconds"),
    [(_timer("PT5M"), 300.0), (_timer("${wait}"), 60.0), (_timer("2026-03-01T13:00:00Z", "timeDate"), 3600.0)],
)
def test_a_timer_is_due_when_it_says(definition: str, seconds: float) -> None:
    run = Driver(diagram(
        f'<bpmn:startEvent id="s"/><bpmn:intermediateCatchEvent id="c">{definition}</bpmn:intermediateCatchEvent>' + flow("s", "c")
    ), {"wait": "PT1M"})  # fmt: skip
    assert run.in_seconds("c") == seconds
    run.job("c", "timer")
    assert run.is_ended


WAIT = diagram(
    '<bpmn:startEvent id="s"/><bpmn:receiveTask id="wait" messageRef="msg"/>'
    + _boundary("changed", "wait", SIGNAL)
    + _boundary("poll", "wait", _timer("R3/PT30S", "timeCycle"))
    + '<bpmn:userTask id="check"/><bpmn:userTask id="after"/>'
    + flows("s", "wait", "after")
    + flow("changed", "check")
    + flow("poll", "check"),
    SIGNALS,
)


def test_an_interrupting_boundary_signal_takes_the_place_of_its_host() -> None:
    run = Driver(WAIT)
    assert len(run.subscriptions) == 2
    run.receive("model_changed", {"JOB": {"jobStatus": "COMPLETE"}})
    assert run.active == ["check"]
    assert run.canceled == ["wait"]
    assert (run.subscriptions, run.jobs) == ({}, {})
    assert run.variables == {"JOB": {"jobStatus": "COMPLETE"}}


def test_an_interrupting_boundary_timer_fires_once_even_if_it_repeats() -> None:
    run = Driver(WAIT)
    run.job("poll", "timer")
    assert run.active == ["check"]
    assert run.jobs == {}


def test_the_boundary_is_disarmed_when_the_host_completes() -> None:
    run = Driver(WAIT)
    run.receive("ticket_closed")
    assert run.active == ["after"]
    assert (run.subscriptions, run.jobs) == ({}, {})


def test_a_non_interrupting_timer_repeats_as_often_as_it_says_and_keeps_its_beat() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:userTask id="t"/>'
        + _boundary("b", "t", _timer("R3/PT10S", "timeCycle"), interrupting=False)
        + '<bpmn:task id="remind"/>' + flow("s", "t") + flow("b", "remind")
    ))  # fmt: skip
    beats = []
    while run.jobs:
        beats.append(run.in_seconds("b"))
        run.job("b", "timer")
    assert beats == [10.0, 20.0, 30.0]
    assert run.done.count("remind") == 3
    assert run.active == ["t"]


def test_a_non_interrupting_timer_with_a_cron_expression_goes_on_for_ever() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:userTask id="t"/>'
        + _boundary("b", "t", _timer("0/10 * * * * ?", "timeCycle"), interrupting=False)
        + '<bpmn:task id="remind"/>' + flow("s", "t") + flow("b", "remind")
    ))  # fmt: skip
    beats = []
    for _ in range(5):
        beats.append(run.in_seconds("b"))
        run.job("b", "timer")
    assert beats == [10.0, 20.0, 30.0, 40.0, 50.0]
    assert run.done.count("remind") == 5
    assert len(run.jobs) == 1


def test_a_non_interrupting_signal_can_come_again() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:userTask id="t"/>' + _boundary("b", "t", SIGNAL, interrupting=False)
        + '<bpmn:userTask id="extra"/>' + flow("s", "t") + flow("b", "extra"), SIGNALS
    ))  # fmt: skip
    run.receive("model_changed")
    run.receive("model_changed")
    assert run.active == ["extra", "extra", "t"]


DELEGATE = diagram(
    '<bpmn:startEvent id="s"/><bpmn:serviceTask id="d" camunda:delegateExpression="${deploy}" camunda:jobPriority="${5}">'
    "<bpmn:extensionElements><camunda:inputOutput>"
    '<camunda:inputParameter name="TAG">${tag}-x</camunda:inputParameter>'
    '<camunda:outputParameter name="RESULT">${DEPLOYED.id}</camunda:outputParameter></camunda:inputOutput>'
    "<camunda:failedJobRetryTimeCycle>R5/PT1M</camunda:failedJobRetryTimeCycle>"
    "</bpmn:extensionElements></bpmn:serviceTask>"
    + _boundary("failed", "d", '<bpmn:errorEventDefinition errorRef="err" camunda:errorCodeVariable="code" camunda:errorMessageVariable="why"/>')
    + _boundary("any", "d", "<bpmn:errorEventDefinition/>")
    + '<bpmn:userTask id="review"/><bpmn:userTask id="wild"/><bpmn:endEvent id="e"/>'
    + flows("s", "d", "e")
    + flow("failed", "review")
    + flow("any", "wild"),
    SIGNALS,
)  # fmt: skip


def test_an_error_brings_its_code_and_its_message_worked_out_where_it_was_thrown() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:subProcess id="sub"><bpmn:startEvent id="i"/><bpmn:endEvent id="bad">'
        '<bpmn:errorEventDefinition errorRef="e"/></bpmn:endEvent>' + flow("i", "bad") + "</bpmn:subProcess>"
        + _boundary("b", "sub", '<bpmn:errorEventDefinition camunda:errorCodeVariable="code" camunda:errorMessageVariable="why"/>')
        + '<bpmn:userTask id="u"/>' + flow("s", "sub") + flow("b", "u"),
        '<bpmn:error id="e" errorCode="NO_RUNTIME" camunda:errorMessage="none of ${n} fits"/>',
    ), {"n": 3})  # fmt: skip
    assert (run.variables["code"], run.variables["why"]) == ("NO_RUNTIME", "none of 3 fits")


def test_a_delegate_is_a_job_that_sees_its_input_parameters() -> None:
    run = Driver(DELEGATE, {"tag": "credit", "drop": 1})
    (job,) = run.jobs.values()
    assert (job.kind, job.implementation, job.priority, job.retry_cycle) == ("delegate", "deploy", 5, "R5/PT1M")
    assert run.delegate_sees("d") == {"tag": "credit", "drop": 1, "TAG": "credit-x"}
    run.delegate("d", {"DEPLOYED": {"id": 9}}, removed=["drop"])
    assert run.is_ended
    assert run.variables == {"tag": "credit", "DEPLOYED": {"id": 9}, "RESULT": 9}


def test_a_bpmn_error_goes_to_the_boundary_with_its_code_before_one_that_takes_any() -> None:
    run = Driver(DELEGATE, {"tag": "credit"})
    assert run.delegate_error("d", "FAILURE", "no runtime")
    assert run.active == ["review"]
    assert (run.variables["code"], run.variables["why"]) == ("FAILURE", "no runtime")
    run = Driver(DELEGATE, {"tag": "credit"})
    assert run.delegate_error("d", "SOMETHING", None)
    assert run.active == ["wild"]


def test_an_uncaught_bpmn_error_ends_its_token() -> None:
    run = Driver(
        diagram(
            '<bpmn:startEvent id="s"/><bpmn:serviceTask id="d" camunda:class="com.example.Deploy"/><bpmn:task id="t"/>'
            + flows("s", "d", "t")
        )
    )
    assert not run.delegate_error("d", "FAILURE")
    assert run.is_ended
    assert "t" not in run.done


SUB = diagram(
    '<bpmn:startEvent id="s"/><bpmn:subProcess id="sub"><bpmn:startEvent id="i"/><bpmn:parallelGateway id="f"/>'
    '<bpmn:serviceTask id="d" camunda:delegateExpression="${deploy}"/><bpmn:userTask id="u"/><bpmn:endEvent id="ie"/>'
    '<bpmn:exclusiveGateway id="x" default="x-ie"/><bpmn:endEvent id="bad"><bpmn:errorEventDefinition errorRef="err"/></bpmn:endEvent>'
    + flows("i", "f", "d", "ie") + flow("f", "u") + flow("u", "x") + flow("x", "bad", "${reject}") + flow("x", "ie")
    + "</bpmn:subProcess>"
    + _boundary("caught", "sub", "<bpmn:errorEventDefinition/>")
    + _boundary("late", "sub", _timer("PT1H"))
    + '<bpmn:userTask id="ticket"/><bpmn:userTask id="after"/>' + flows("s", "sub", "after") + flow("caught", "ticket") + flow("late", "ticket"),
    SIGNALS,
)  # fmt: skip


def test_a_sub_process_is_complete_when_its_last_token_is() -> None:
    run = Driver(SUB)
    assert run.active == ["d", "u"]
    run.delegate("d")
    assert run.active == ["u"]
    run.complete("u", {"reject": False})
    assert run.active == ["after"]
    assert run.jobs == {}
    assert run.done[-1] == "sub"


def test_an_error_end_event_leaves_the_sub_process_by_its_boundary() -> None:
    run = Driver(SUB)
    run.complete("u", {"reject": True})
    assert run.active == ["ticket"]
    assert sorted(run.canceled) == ["bad", "d", "sub"]
    assert run.jobs == {}


def test_an_error_inside_a_sub_process_is_caught_outside() -> None:
    run = Driver(SUB)
    assert run.delegate_error("d", "WHATEVER")
    assert run.active == ["ticket"]
    assert run.tasks.keys() == {next(iter(run.tasks))}


def test_a_timer_on_a_sub_process_cancels_all_of_it() -> None:
    run = Driver(SUB)
    run.job("late", "timer")
    assert run.active == ["ticket"]
    assert sorted(run.canceled) == ["d", "sub", "u"]


def test_terminate_in_a_sub_process_ends_only_that() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:subProcess id="sub"><bpmn:startEvent id="i"/><bpmn:parallelGateway id="f"/>'
        '<bpmn:userTask id="a"/><bpmn:userTask id="b"/><bpmn:endEvent id="stop"><bpmn:terminateEventDefinition/></bpmn:endEvent>'
        + flow("i", "f") + flow("f", "a") + flows("f", "b", "stop")
        + '</bpmn:subProcess><bpmn:userTask id="after"/>' + flows("s", "sub", "after")
    ))  # fmt: skip
    run.complete("b")
    assert run.active == ["after"]
    assert run.canceled == ["a"]


def test_async_before_and_after_are_jobs_and_transitions() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:task id="t" camunda:asyncBefore="true" camunda:asyncAfter="true" camunda:exclusive="false"/>'
        '<bpmn:userTask id="u"/>' + flows("s", "t", "u")
    ))  # fmt: skip
    assert run.active == []
    tree = run.load().activity_tree()
    assert [activity for _, activity in tree.transitions] == ["t"]
    assert run.done == ["s"]
    assert not next(iter(run.jobs.values())).exclusive
    run.job("t")
    assert run.done == ["s", "t"]
    run.job("t")
    assert run.active == ["u"]
    assert run.jobs == {}


def test_an_instance_starts_where_its_trigger_is() -> None:
    source = diagram(
        '<bpmn:startEvent id="none"/><bpmn:startEvent id="sig">' + SIGNAL + '</bpmn:startEvent><bpmn:startEvent id="m">'
        '<bpmn:messageEventDefinition messageRef="msg"/></bpmn:startEvent>'
        '<bpmn:userTask id="a"/><bpmn:userTask id="b"/><bpmn:userTask id="c"/>'
        + flow("none", "a") + flow("sig", "b") + flow("m", "c"),
        SIGNALS.replace('id="sig"', 'id="sig1"'),
    ).replace(b'signalRef="sig"', b'signalRef="sig1"')  # fmt: skip
    assert Driver(source).active == ["a"]
    run = Driver(source, {"DEPLOYABLE_MODEL": {"id": "1"}}, at="sig")
    assert run.active == ["b"]
    assert run.variables == {"DEPLOYABLE_MODEL": {"id": "1"}}
    assert {(start.activity_id, start.kind, start.event_name) for start in run.definition.starts} == {
        ("none", "none", None), ("sig", "signal", "model_changed"), ("m", "message", "ticket_closed"),
    }  # fmt: skip


def test_a_process_without_a_none_start_says_so_unless_it_has_one_start_only() -> None:
    one = '<bpmn:startEvent id="x">' + SIGNAL + "</bpmn:startEvent>"
    assert Driver(diagram(one, SIGNALS)).is_ended
    source = diagram(
        one + '<bpmn:startEvent id="y">' + SIGNAL.replace('"sig"', '"dyn"') + "</bpmn:startEvent>", SIGNALS
    )
    with pytest.raises(ExecutionFailed, match="no none start event"):
        Driver(source)


def test_a_thrown_signal_carries_what_its_mapping_says() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:intermediateThrowEvent id="t"><bpmn:signalEventDefinition signalRef="sig">'
        '<bpmn:extensionElements><camunda:in source="a" target="b"/><camunda:in sourceExpression="${a + 1}" target="c"/>'
        "</bpmn:extensionElements></bpmn:signalEventDefinition></bpmn:intermediateThrowEvent>" + flow("s", "t"), SIGNALS
    ), {"a": 1})  # fmt: skip
    assert [effect for effect in run.effects if isinstance(effect, fx.SignalThrown)] == [
        fx.SignalThrown("model_changed", {"b": 1, "c": 2}, {})
    ]
