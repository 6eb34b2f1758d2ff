"""Which way a token goes: tasks, gateways, conditions, ends."""

from __future__ import annotations

import pytest

from mlc_service.engine import ExecutionFailed, NotWaiting, hierarchy
from tests.unit.engine.driver import Driver, diagram, flow, flows


def test_an_instance_runs_to_its_first_task_and_ends_when_that_is_complete() -> None:
    run = Driver(
        diagram('<bpmn:startEvent id="s"/><bpmn:userTask id="t"/><bpmn:endEvent id="e"/>' + flows("s", "t", "e"))
    )
    assert run.active == ["t"]
    run.complete("t", {"approved": True})
    assert run.ended is not None
    assert (run.ended.state, run.ended.end_activity_id) == ("COMPLETED", "e")
    assert run.done == ["s", "t", "e"]
    assert run.variables == {"approved": True}


def test_an_instance_without_a_wait_ends_at_once() -> None:
    run = Driver(
        diagram('<bpmn:startEvent id="s"/><bpmn:task id="t"/><bpmn:manualTask id="m"/>' + flows("s", "t", "m"))
    )
    assert run.is_ended
    assert run.done == ["s", "t", "m"]


EXCLUSIVE = diagram(
    '<bpmn:startEvent id="s"/><bpmn:exclusiveGateway id="g" default="g-c"/>'
    '<bpmn:userTask id="a"/><bpmn:userTask id="b"/><bpmn:userTask id="c"/>'
    + flow("s", "g")
    + flow("g", "a", "${n &gt; 10}")
    + flow("g", "b", "${n &gt; 5}")
    + flow("g", "c")
)


@pytest.mark.parametrize(("n", "task"), [(11, "a"), (6, "b"), (1, "c")])
def test_an_exclusive_gateway_takes_the_first_flow_that_holds_or_the_default(n: int, task: str) -> None:
    assert Driver(EXCLUSIVE, {"n": n}).active == [task]


def test_an_exclusive_gateway_without_a_way_out_fails_naming_itself() -> None:
    source = diagram(
        '<bpmn:startEvent id="s"/><bpmn:exclusiveGateway id="g"/><bpmn:task id="a"/><bpmn:task id="b"/>'
        + flow("s", "g")
        + flow("g", "a", "${n == 1}")
        + flow("g", "b", "${n == 2}")
    )
    with pytest.raises(ExecutionFailed, match="could be selected") as failure:
        Driver(source, {"n": 3})
    assert failure.value.element_id == "g"


def test_a_condition_must_be_boolean() -> None:
    with pytest.raises(ExecutionFailed, match="non-Boolean"):
        Driver(diagram(
            '<bpmn:startEvent id="s"/><bpmn:exclusiveGateway id="g" default="g-b"/><bpmn:task id="a"/><bpmn:task id="b"/>'
            + flow("s", "g") + flow("g", "a", "${n}") + flow("g", "b")
        ), {"n": "yes"})  # fmt: skip


def test_an_unknown_name_in_a_condition_is_named() -> None:
    with pytest.raises(ExecutionFailed, match="Cannot resolve identifier 'n'") as failure:
        Driver(EXCLUSIVE)
    assert failure.value.element_id == "g"


def test_conditional_flows_of_a_task_are_all_taken_that_hold() -> None:
    source = diagram(
        '<bpmn:startEvent id="s"/><bpmn:task id="t" default="t-c"/>'
        '<bpmn:userTask id="a"/><bpmn:userTask id="b"/><bpmn:userTask id="c"/>'
        + flow("s", "t")
        + flow("t", "a", "${n &gt; 1}")
        + flow("t", "b", "${n &gt; 2}")
        + flow("t", "c")
    )
    assert Driver(source, {"n": 3}).active == ["a", "b"]
    assert Driver(source, {"n": 0}).active == ["c"]


FORK = diagram(
    '<bpmn:startEvent id="s"/><bpmn:parallelGateway id="fork"/><bpmn:parallelGateway id="join"/>'
    '<bpmn:userTask id="a"/><bpmn:userTask id="b"/><bpmn:userTask id="after"/><bpmn:endEvent id="e"/>'
    + flow("s", "fork")
    + flows("fork", "a", "join")
    + flows("fork", "b", "join")
    + flows("join", "after", "e")
)


def test_a_parallel_join_waits_for_every_branch() -> None:
    run = Driver(FORK)
    assert run.active == ["a", "b"]
    run.complete("b", {"b": 1})
    assert run.active == ["a", "join"]
    run.complete("a", {"a": 2})
    assert run.active == ["after"]
    assert run.variables == {"a": 2, "b": 1}
    run.complete("after")
    assert run.is_ended
    assert run.running == {}


def test_a_branch_that_does_not_touch_a_variable_does_not_undo_it() -> None:
    run = Driver(FORK, {"n": 0})
    run.complete("a", {"n": 1})
    run.complete("b")
    assert run.variables["n"] == 1


def test_a_branch_runs_to_its_wait_before_its_sibling_starts() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:parallelGateway id="f"/>'
        '<bpmn:task id="a1"/><bpmn:task id="a2"/><bpmn:task id="b1"/><bpmn:task id="b2"/>'
        + flow("s", "f") + flows("f", "a1", "a2") + flows("f", "b1", "b2")
    ))  # fmt: skip
    assert run.done == ["s", "f", "a1", "a2", "b1", "b2"]


def test_a_loop_with_split_and_join_goes_round_as_often_as_it_should() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:exclusiveGateway id="m"/><bpmn:parallelGateway id="f"/>'
        '<bpmn:serviceTask id="a" camunda:expression="${n + 1}" camunda:resultVariable="n"/><bpmn:task id="b"/>'
        '<bpmn:parallelGateway id="j"/><bpmn:exclusiveGateway id="x" default="x-e"/><bpmn:endEvent id="e"/>'
        + flows("s", "m", "f") + flows("f", "a", "j") + flows("f", "b", "j") + flow("j", "x")
        + flow("x", "m", "${n &lt; 100}") + flow("x", "e")
    ), {"n": 0})  # fmt: skip
    assert run.is_ended
    assert run.variables["n"] == 100
    assert run.done.count("b") == 100


def test_a_terminate_end_event_ends_everything() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:parallelGateway id="f"/><bpmn:userTask id="a"/><bpmn:userTask id="b"/>'
        '<bpmn:endEvent id="stop"><bpmn:terminateEventDefinition/></bpmn:endEvent>'
        + flow("s", "f") + flow("f", "a") + flows("f", "b", "stop")
    ))  # fmt: skip
    run.complete("b")
    assert run.ended is not None
    assert (run.ended.state, run.ended.end_activity_id) == ("COMPLETED", "stop")
    assert run.canceled == ["a"]
    assert run.tasks == {}
    assert run.running == {}


def test_cancelling_an_instance_cancels_what_is_open() -> None:
    run = Driver(FORK)
    run.cancel()
    assert run.ended is not None
    assert run.ended.state == "EXTERNALLY_TERMINATED"
    assert sorted(run.canceled) == ["a", "b"]
    assert run.tasks == {}


def test_a_task_cannot_be_completed_twice() -> None:
    run = Driver(FORK)
    number = next(iter(run.tasks))
    execution = run.load()
    execution.complete_task(number)
    with pytest.raises(NotWaiting):
        execution.complete_task(number)


def test_ids_that_spiff_uses_itself_are_ordinary_ids() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="Start"/><bpmn:userTask id="Root"/><bpmn:endEvent id="End"/>' + flows("Start", "Root", "End")
    ))  # fmt: skip
    run.complete("Root")
    assert run.done == ["Start", "Root", "End"]


def test_two_flows_may_join_the_same_pair_of_nodes() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:task id="t"/><bpmn:userTask id="u"/>'
        + flow("s", "t") + flow("t", "u", flow_id="one") + flow("t", "u", flow_id="two")
    ))  # fmt: skip
    assert run.active == ["u", "u"]


def test_a_thousand_parallel_branches_are_joined() -> None:
    branches = "".join(f'<bpmn:task id="t{i}"/>' + flows("f", f"t{i}", "j") for i in range(1000))
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/><bpmn:parallelGateway id="f"/><bpmn:parallelGateway id="j"/><bpmn:endEvent id="e"/>'
        + flow("s", "f") + flow("j", "e") + branches
    ))  # fmt: skip
    assert run.is_ended
    assert run.done.count("e") == 1


def test_two_thousand_tasks_in_a_row_need_no_recursion() -> None:
    names = [f"t{i}" for i in range(2000)]
    run = Driver(
        diagram('<bpmn:startEvent id="s"/>' + "".join(f'<bpmn:task id="{n}"/>' for n in names) + flows("s", *names))
    )
    assert run.is_ended
    assert len(run.done) == 2001


def test_a_loop_that_never_waits_fails_with_the_element_it_was_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "_MOST_STEPS", 50)
    source = diagram('<bpmn:startEvent id="s"/><bpmn:task id="round"/>' + flows("s", "round", "round"))
    with pytest.raises(ExecutionFailed, match="does not come to rest: 50 steps") as failed:
        Driver(source)
    assert failed.value.element_id == "round"
