"""Tokens that wait for a job before or after an element, and what their jobs say."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed
from mlc_service.engine import effects as fx
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import Driver, flow
from tests.unit.engine.shapes import (
    MESSAGE,
    START,
    TERMINATE,
    boundary,
    catch,
    does,
    end,
    event_sub,
    gateway,
    listener,
    listeners,
    log,
    many,
    mapping,
    node,
    of_type,
    process,
    sub,
    throw,
    timer,
    told,
    user,
    users,
    way,
    ways,
)

BEFORE: dict[str, Any] = {"camunda_asyncBefore": "true"}
AFTER: dict[str, Any] = {"camunda_asyncAfter": "true"}


def path(run: Driver, steps: dict[str, str]) -> list[str]:
    """The trees on the way: jobs are run, and where there is none the tree says what to do in `steps`."""
    seen = []
    while not run.is_ended and run.tree != "z":
        seen.append(run.tree)
        if run.jobs:
            run.job(next(iter(run.jobs.values())).activity_id)
        elif steps[run.tree].startswith("M"):
            run.receive(steps[run.tree])
        else:
            run.complete(steps[run.tree])
    return seen


ELEMENTS = {
    "task": (does("t"), ["~t", "~t"], {}),
    "user task": (user("t"), ["~t", "t", "~t"], {"t": "t"}),
    "throw event": (throw("t", ""), ["~t", "~t"], {}),
    "catch event": (catch("t", MESSAGE), ["~t", "t", "~t"], {"t": "M1"}),
    "receive task": (node("receiveTask", "t", messageRef="m1"), ["~t", "t", "~t"], {"t": "M1"}),
    "exclusive gateway": (gateway("exclusive", "t"), ["~t", "~t"], {}),
    "parallel gateway": (gateway("parallel", "t"), ["~t", "~t"], {}),
    "inclusive gateway": (gateway("inclusive", "t"), ["~t", "~t"], {}),
    "sub-process": (sub("t", node("startEvent", "i"), users("u"), ways("i > u")), ["~t", "t(u)", "~t"], {"t(u)": "u"}),
    "call activity": (node("callActivity", "t", calledElement="q"), ["~t", "t", "~t"], {"t": "qt"}),
}


@pytest.mark.parametrize("kind", ELEMENTS)
def test_any_element_can_wait_before_and_after(kind: str) -> None:
    element, expected, steps = ELEMENTS[kind]
    element = element.replace('id="t"', 'id="t" camunda:asyncBefore="true" camunda:asyncAfter="true"', 1)
    called = process(START, users("qt"), ways("s > qt"), key="q")
    run = Driver(process(START, element, users("z"), ways("s > t > z")), calls=[called])
    assert path(run, steps) == expected
    assert run.jobs == {}
    assert run.done.count("t") == 1


def test_start_and_end_events_can_wait_before_and_after() -> None:
    run = Driver(
        process(node("startEvent", "s", **BEFORE, **AFTER), node("endEvent", "e", **BEFORE, **AFTER), ways("s > e"))
    )
    assert path(run, {}) == ["~s", "~s", "~e", "~e"]
    assert told(run) == ["+s", "-s", "+e", "-e"]


def test_history_knows_nothing_of_an_activity_that_has_yet_to_begin() -> None:
    run = Driver(process(START, user("t", **BEFORE), ways("s > t")))
    assert run.tree == "~t"
    assert told(run) == ["+s", "-s"]
    run.job("t")
    assert told(run) == ["+s", "-s", "+t"]


def test_inputs_and_start_listeners_wait_for_the_job_and_flow_listeners_do_not() -> None:
    taken = (
        '<bpmn:sequenceFlow id="f" sourceRef="s" targetRef="t"><bpmn:extensionElements>'
        + listener("take", "f")
        + "</bpmn:extensionElements></bpmn:sequenceFlow>"
    )
    run = Driver(process(START, user("t", mapping({"own": "${1}"}), listeners("t"), **BEFORE), taken), {"log": ""})
    assert log(run) == ["f"]
    assert run.scopes == {0: {"log": "f "}}
    run.job("t")
    assert log(run) == ["f", "t.start"]
    assert [held for number, held in run.scopes.items() if number] == [{"own": 1}]


def test_end_listeners_and_outputs_come_before_the_job_and_flow_listeners_after_it() -> None:
    taken = flow("t", "z").replace(
        "></bpmn:sequenceFlow>",
        "><bpmn:extensionElements>" + listener("take", "f") + "</bpmn:extensionElements></bpmn:sequenceFlow>",
    )
    run = Driver(
        process(
            START, user("t", mapping({}, {"out": "${1}"}), listeners("t"), **AFTER), users("z"), ways("s > t"), taken
        ),
        {"log": ""},
    )
    run.complete("t")
    assert log(run) == ["t.start", "t.end"]
    assert run.variables["out"] == 1
    assert told(run)[-1] == "-t"
    run.job("t")
    assert log(run) == ["t.start", "t.end", "f"]


@pytest.mark.parametrize("kind", ["exclusive", "inclusive"])
def test_the_way_is_chosen_before_the_job(kind: str) -> None:
    run = Driver(
        process(
            START, gateway(kind, "g", **AFTER), users("a", "b"), ways("s > g"), way("g", "a", "x"), way("g", "b", "!x")
        ),
        {"x": True},
    )
    run.write(x=False)
    run.job("g")
    assert run.tree == "a"


@pytest.mark.parametrize("kind", ["parallel", "inclusive"])
def test_each_flow_that_is_taken_later_has_a_job_of_its_own(kind: str) -> None:
    run = Driver(process(START, gateway(kind, "g", **AFTER), users("a", "b"), ways("s > g > a", "g > b")))
    assert run.tree == "~g ~g"
    assert told(run) == ["+s", "-s", "+g", "-g"]
    run.job("g")
    assert run.tree == "a ~g"
    run.job("g")
    assert run.tree == "a b"


def test_a_task_whose_conditions_do_not_hold_fails_before_its_job() -> None:
    run = Driver(process(START, user("t", **AFTER), users("a"), ways("s > t"), way("t", "a", "x")), {"x": False})
    with pytest.raises(ExecutionFailed, match="could be selected"):
        run.complete("t")


def test_a_state_that_says_only_that_a_token_waits_after_an_activity_goes_on() -> None:
    """As version 2 of the stored form was first written: the way is chosen when the job comes."""
    run = Driver(
        process(START, user("t", **AFTER), users("a", "b"), ways("s > t"), way("t", "a", "x"), way("t", "b", "!x")),
        {"x": True},
    )
    run.complete("t")
    run.state = run.state.replace(b'["after","t-a"]', b'"after"')
    run.write(x=False)
    run.job("t")
    assert run.tree == "b"


def test_a_join_that_waits_before_takes_each_token_by_its_job() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("parallel", "j", **BEFORE, **AFTER), users("a", "b", "z"),
        ways("s > f > a > j", "f > b > j > z"),
    ))  # fmt: skip
    run.complete("a")
    run.complete("b")
    assert run.tree == "~j ~j"
    run.job("j")
    assert run.tree == "j ~j"
    run.job("j")
    assert run.tree == "~j"
    run.job("j")
    assert run.tree == "z"


def test_boundary_events_are_not_armed_before_the_activity_begins_nor_after_it_has_ended() -> None:
    run = Driver(
        process(
            START, user("t", **BEFORE, **AFTER), boundary("b", "t", MESSAGE), users("z"), ways("s > t > z", "b > z")
        )
    )
    assert run.subscriptions == {}
    run.job("t")
    assert len(run.subscriptions) == 1
    run.complete("t")
    assert run.subscriptions == {}
    assert run.tree == "~t"


def test_a_boundary_event_can_wait_before_and_after() -> None:
    event = boundary("b", "t", MESSAGE).replace('id="b"', 'id="b" camunda:asyncBefore="true" camunda:asyncAfter="true"')
    run = Driver(process(START, users("t", "z"), event, ways("s > t", "b > z")))
    run.receive("M1")
    assert (run.tree, run.canceled) == ("~b", ["t"])
    run.job("b")
    assert run.tree == "~b"
    run.job("b")
    assert run.tree == "z"


def test_an_event_sub_process_can_wait_before() -> None:
    inner = event_sub("e", MESSAGE, users("u"), ways("e_start > u")).replace(
        'id="e"', 'id="e" camunda:asyncBefore="true"'
    )
    run = Driver(process(START, users("t"), inner, ways("s > t")))
    run.receive("M1")
    assert run.tree == "~e"
    run.job("e")
    assert run.tree == "e(u)"


def test_an_event_behind_an_event_based_gateway_can_wait_before_and_after() -> None:
    run = Driver(
        process(
            START,
            gateway("eventBased", "g", **BEFORE),
            catch("m", MESSAGE, **BEFORE, **AFTER),
            users("z"),
            ways("s > g > m > z"),
        )
    )
    assert run.subscriptions == {}
    run.job("g")
    run.receive("M1")
    assert run.tree == "~m"
    run.job("m")
    assert run.tree == "~m"
    run.job("m")
    assert run.tree == "z"


def test_a_compensation_handler_and_a_link_begin_at_once_whatever_they_say() -> None:
    handler = user("h", isForCompensation="true", **BEFORE, **AFTER)
    undone = (
        boundary("c", "t", "<bpmn:compensateEventDefinition/>")
        + '<bpmn:association id="as" sourceRef="c" targetRef="h"/>'
    )
    link = '<bpmn:linkEventDefinition name="L"/>'
    run = Driver(process(
        START, users("t", "z"), undone, handler, throw("undo", "<bpmn:compensateEventDefinition/>"),
        throw("leave", link, **BEFORE, **AFTER), catch("come", link), ways("s > t > undo > leave", "come > z"),
    ))  # fmt: skip
    run.complete("t")
    assert run.tree == "undo h"
    run.complete("h")
    assert run.tree == "z"
    assert of_type(run, fx.JobCreated) == []


def test_a_token_that_waits_for_a_job_can_be_cancelled() -> None:
    run = Driver(process(
        START, sub("u", node("startEvent", "i"), gateway("parallel", "f"), user("a", **BEFORE), user("b", **AFTER), users("c"), end("stop", TERMINATE),
                   ways("i > f > a", "f > b", "f > c > stop")),
        users("z"), ways("s > u > z"),
    ))  # fmt: skip
    run.complete("b")
    assert run.tree == "u(c ~a ~b)"
    run.complete("c")
    assert run.tree == "z"
    assert run.jobs == {}
    assert run.canceled == []


def test_deleting_an_instance_drops_its_jobs() -> None:
    run = Driver(process(START, user("t", **BEFORE), ways("s > t")))
    run.cancel()
    assert run.jobs == {}
    assert told(run) == ["+s", "-s"]


def test_a_failing_job_can_be_tried_again_from_the_stored_state() -> None:
    run = Driver(process(START, does("t", "x.length()", **BEFORE), users("z"), ways("s > t > z")))
    for _ in range(2):
        with pytest.raises(ExecutionFailed):
            run.job("t")
        assert run.tree == "~t"
    run.write(x="now")
    run.job("t")
    assert run.tree == "z"


# -- what jobs say -----------------------------------------------------------------------------------------------------


def job(source: bytes, variables: dict[str, Any] | None = None) -> fx.JobCreated:
    (found,) = Driver(source, variables).jobs.values()
    return found


def test_a_job_is_exclusive_and_has_no_priority_and_no_retry_cycle_by_default() -> None:
    made = job(process(START, user("t", **BEFORE), ways("s > t")))
    assert (made.kind, made.activity_id, made.exclusive, made.priority, made.retry_cycle, made.due) == (
        "async", "t", True, 0, None, None,
    )  # fmt: skip


def test_a_job_may_run_beside_others_of_its_instance() -> None:
    assert not job(process(START, user("t", camunda_exclusive="false", **BEFORE), ways("s > t"))).exclusive


def test_the_old_name_of_the_attribute_is_known() -> None:
    assert job(process(START, user("t", camunda_async="true"), ways("s > t"))).activity_id == "t"


@pytest.mark.parametrize(
    ("of_process", "of_activity", "priority"),
    [(None, None, 0), ("7", None, 7), ("7", "3", 3), ("${x}", None, 9), ("7", "${x}", 9), (None, "${x + 0.5}", 9),
     (None, "-5", -5), ("7", "${missing}", 0)],
)  # fmt: skip
def test_the_priority_of_a_job(of_process: str | None, of_activity: str | None, priority: int) -> None:
    own = {} if of_activity is None else {"camunda_jobPriority": of_activity}
    source = process(START, user("t", **own, **BEFORE), ways("s > t"))
    if of_process is not None:
        source = source.replace(b'id="p"', f'id="p" camunda:jobPriority="{of_process}"'.encode())
    assert job(source, {"x": 9}).priority == priority


def test_a_priority_that_is_no_number_fails() -> None:
    source = process(START, user("t", camunda_jobPriority="${x}", **BEFORE), ways("s > t"))
    with pytest.raises(ExecutionFailed, match="job priority 'high' is not a number"):
        Driver(source, {"x": "high"})
    with pytest.raises(InvalidResource, match="jobPriority 'high' is no whole number"):
        Driver(source.replace(b"${x}", b"high"))


def test_the_priority_is_worked_out_when_the_job_is_made() -> None:
    run = Driver(process(START, user("t", camunda_jobPriority="${x}", **AFTER), ways("s > t")), {"x": 1})
    run.complete("t", {"x": 5})
    assert [made.priority for made in run.jobs.values()] == [5]


@pytest.mark.parametrize(
    ("element", "priority"),
    [(users("t") + boundary("b", "t", timer("PT1H")), 7),
     (users("t") + boundary("b", "t", timer("PT1H")).replace('id="b"', 'id="b" camunda:jobPriority="4"'), 4),
     (user("t", camunda_jobPriority="4") + boundary("b", "t", timer("PT1H")), 7),
     (catch("t", timer("PT1H"), camunda_jobPriority="4"), 4),
     (node("serviceTask", "t", camunda_delegateExpression="${deploy}", camunda_jobPriority="4"), 4),
     (user("t", many(1), camunda_jobPriority="4", **BEFORE), 7),
     (user("t", many(1, **BEFORE), camunda_jobPriority="4"), 4)],
    ids=["boundary timer", "its own", "not that of its host", "catch", "delegate", "multi-instance body", "instance"],
)  # fmt: skip
def test_the_priority_of_other_jobs(element: str, priority: int) -> None:
    source = process(START, element, ways("s > t")).replace(b'id="p"', b'id="p" camunda:jobPriority="7"')
    assert job(source).priority == priority


@pytest.mark.parametrize("cycle", ["R5/PT1M", "PT1S,PT10S,PT1M"])
def test_a_retry_cycle_goes_with_the_job(cycle: str) -> None:
    written = f"<camunda:failedJobRetryTimeCycle>{cycle}</camunda:failedJobRetryTimeCycle>"
    assert job(process(START, user("t", written, **BEFORE), ways("s > t"))).retry_cycle == cycle
    delegate = node("serviceTask", "t", written, camunda_delegateExpression="${deploy}")
    assert job(process(START, delegate, ways("s > t"))).retry_cycle == cycle
    assert job(process(START, catch("t", timer("PT1H"), written), ways("s > t"))).retry_cycle == cycle


def test_before_and_after_are_two_jobs_of_the_same_terms() -> None:
    written = "<camunda:failedJobRetryTimeCycle>R5/PT1M</camunda:failedJobRetryTimeCycle>"
    run = Driver(
        process(
            START,
            does("t", "1", written, camunda_exclusive="false", camunda_jobPriority="3", **BEFORE, **AFTER),
            ways("s > t"),
        )
    )
    run.job("t")
    first, second = of_type(run, fx.JobCreated)
    assert first.number != second.number
    assert first._replace(number=0) == second._replace(number=0)
    assert [one.number for one in of_type(run, fx.JobDropped)] == [first.number]
