"""Activities that run several times: all at once or one after the other.

Two things are not as in Camunda, on purpose: what has finished is not shown in the tree, and input parameters see the
variables of the loop.
"""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed, Instruction
from mlc_service.engine import effects as fx
from mlc_service.engine.values import TypedValue
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import Driver
from tests.unit.engine.shapes import (
    ERROR,
    MESSAGE,
    START,
    TERMINATE,
    boundary,
    does,
    end,
    gateway,
    listeners,
    log,
    many,
    mapping,
    node,
    of_type,
    process,
    sub,
    task_listeners,
    timer,
    told,
    user,
    users,
    way,
    ways,
)

BODY = "t#multiInstanceBody"
ON = users("z") + ways("s > t > z")
INNER_START = node("startEvent", "i")


def local(run: Driver, activity_id: str) -> list[dict[str, Any]]:
    """The own variables of the running instances of an activity."""
    return [run.scopes.get(number, {}) for number, one in run.running.items() if one.activity_id == activity_id]


def counters(run: Driver, body: str = BODY) -> tuple[int, int, int]:
    """All, active and completed instances, as the body's variables have them."""
    (held,) = local(run, body)
    return held["nrOfInstances"], held["nrOfActiveInstances"], held["nrOfCompletedInstances"]


# -- all at once -------------------------------------------------------------------------------------------------------


def test_as_many_instances_as_the_cardinality_says_run_beside_each_other() -> None:
    run = Driver(process(START, user("t", many(3)), ON))
    assert run.tree == f"{BODY}(t t t)"
    assert counters(run) == (3, 3, 0)
    assert [held["loopCounter"] for held in local(run, "t")] == [0, 1, 2]
    run.complete("t")
    assert run.tree == f"{BODY}(t t)"
    assert counters(run) == (3, 2, 1)
    run.complete("t")
    assert counters(run) == (3, 1, 2)
    run.complete("t")
    assert run.tree == "z"
    assert run.scopes.keys() <= {0}


def test_history_has_a_row_of_the_body_and_one_of_each_instance_inside() -> None:
    run = Driver(process(START, user("t", many(2)), ON))
    body, *inner = of_type(run, fx.ActivityStarted)[1:]
    assert (body.activity_id, body.activity_type, body.parent) == (BODY, "multiInstanceBody", 0)
    assert [(one.activity_id, one.activity_type, one.parent) for one in inner] == [("t", "userTask", body.number)] * 2
    run.complete("t")
    run.complete("t")
    assert told(run) == ["+s", "-s", f"+{BODY}", "+t", "+t", "-t", "-t", f"-{BODY}", "+z"]


def test_each_instance_has_an_element_of_the_collection() -> None:
    run = Driver(process(START, user("t", many(of="models", item="model")), ON), {"models": ["a", {"id": 7}, None]})
    assert [(held["loopCounter"], held["model"]) for held in local(run, "t")] == [(0, "a"), (1, {"id": 7}), (2, None)]
    assert "model" not in local(run, BODY)[0]


@pytest.mark.parametrize("collection", ["models", "${models}"])
def test_a_collection_is_named_or_worked_out(collection: str) -> None:
    run = Driver(process(START, user("t", many(of=collection)), ON), {"models": ["a", "b"]})
    assert run.tree == f"{BODY}(t t)"


def test_a_collection_may_be_a_list_in_json() -> None:
    given = TypedValue("Object", '["a", "b"]', {"serializationDataFormat": "application/json"})
    run = Driver(process(START, user("t", many(of="models")), ON), {"models": given})
    assert [held["item"] for held in local(run, "t")] == ["a", "b"]


@pytest.mark.parametrize("models", [None, "abc", 5, {"a": 1}])
def test_what_is_no_list_cannot_be_gone_through(models: Any) -> None:
    with pytest.raises(ExecutionFailed, match="models") as failure:
        Driver(process(START, user("t", many(of="models")), ON), {"models": models})
    assert failure.value.element_id == BODY


def test_a_collection_that_does_not_exist_is_named() -> None:
    with pytest.raises(ExecutionFailed, match="Variable 'models' is not found"):
        Driver(process(START, user("t", many(of="models")), ON))


@pytest.mark.parametrize(
    ("number", "count"), [("2", 2), ("${n}", 2), ("${2.9}", 2), ("${text}", 3), ("${models.size()}", 1)]
)
def test_the_cardinality_is_worked_out_and_cut_off(number: str, count: int) -> None:
    run = Driver(process(START, user("t", many(number)), ON), {"n": 2, "text": "3", "models": [1]})
    assert len(run.tasks) == count


@pytest.mark.parametrize("number", ["${-1}", "${'many'}", "${null}"])
def test_a_cardinality_that_is_no_number_of_times_fails(number: str) -> None:
    with pytest.raises(ExecutionFailed) as failure:
        Driver(process(START, user("t", many(number)), ON))
    assert failure.value.element_id == BODY


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("loop", [{"number": 0}, {"of": "none"}])
def test_nothing_to_do_is_done_at_once(loop: dict[str, Any], sequential: bool) -> None:
    inner = user("t", listeners("t"), many(**loop, sequential=sequential))
    run = Driver(process(START, inner, ON), {"none": [], "log": ""})
    assert run.tree == "z"
    assert told(run) == ["+s", "-s", f"+{BODY}", f"-{BODY}", "+z"]
    assert run.variables["log"] == ""


def test_instances_that_do_not_wait_run_one_by_one_each_to_its_end() -> None:
    inner = sub("t", many(2), INNER_START, does("a"), does("b"), ways("i > a > b"))
    run = Driver(process(START, inner, ON))
    assert run.done[1:-1] == ["i", "a", "b", "t", "i", "a", "b", "t"]
    assert run.done[-1] == BODY


def test_listeners_belong_to_the_instances_and_see_the_counters_of_before_their_end() -> None:
    seen = "${execution.setVariable('log', log.concat(nrOfActiveInstances).concat('/').concat(nrOfCompletedInstances).concat(' '))}"
    told_at_end = f'<camunda:executionListener event="end" expression="{seen}"/>'
    run = Driver(process(START, user("t", told_at_end, many(3)), ON), {"log": ""})
    for _ in range(3):
        run.complete("t")
    assert log(run) == ["3/0", "2/1", "1/2"]


def test_what_one_instance_writes_goes_to_the_process_but_for_what_it_has_of_its_own() -> None:
    run = Driver(process(START, user("t", many(of="models")), ON), {"models": ["a", "b"]})
    run.complete("t", {"item": "mine", "result": 1})
    assert run.variables == {"models": ["a", "b"], "result": 1}
    assert [held["item"] for held in local(run, "t")] == ["b"]


def test_counters_that_somebody_overwrites_do_not_decide_who_is_still_at_work() -> None:
    run = Driver(process(START, user("t", many(3)), ON))
    run.complete("t", {"nrOfCompletedInstances": 2, "nrOfInstances": 1})
    assert run.tree == f"{BODY}(t t)"
    run.complete("t")
    run.complete("t")
    assert run.tree == "z"


@pytest.mark.parametrize("sequential", [False, True])
def test_a_counter_that_is_no_number_any_more_fails_with_its_name(sequential: bool) -> None:
    run = Driver(process(START, user("t", many(3, sequential=sequential)), ON))
    with pytest.raises(ExecutionFailed, match="nrOfCompletedInstances"):
        run.complete("t", {"nrOfCompletedInstances": "many"})


# -- one after the other -----------------------------------------------------------------------------------------------


def test_one_instance_follows_the_other() -> None:
    run = Driver(process(START, user("t", many(of="models", sequential=True)), ON), {"models": ["a", "b", "c"]})
    seen = []
    while run.tree != "z":
        assert run.tree == f"{BODY}(t)"
        (held,) = local(run, BODY)
        seen.append((held["loopCounter"], held["item"], counters(run)))
        assert local(run, "t") == [{}]
        run.complete("t")
    assert seen == [(0, "a", (3, 1, 0)), (1, "b", (3, 1, 1)), (2, "c", (3, 1, 2))]
    assert told(run)[2:] == [f"+{BODY}", "+t", "-t", "+t", "-t", "+t", "-t", f"-{BODY}", "+z"]


def test_a_collection_that_shrinks_on_the_way_fails_where_an_element_is_missing() -> None:
    run = Driver(process(START, user("t", many(of="models", sequential=True)), ON), {"models": ["a", "b"]})
    with pytest.raises(ExecutionFailed, match="no element 1 any more"):
        run.complete("t", {"models": ["a"]})


def test_a_collection_that_grows_on_the_way_stays_as_long_as_it_was() -> None:
    run = Driver(process(START, user("t", many(of="models", sequential=True)), ON), {"models": ["a", "b"]})
    run.complete("t", {"models": ["a", "b", "c"]})
    run.complete("t")
    assert run.tree == "z"


def test_a_thousand_instances_in_a_row_that_do_not_wait_need_no_recursion() -> None:
    run = Driver(process(
        START, does("t", "sum + loopCounter", many(1000, sequential=True), camunda_resultVariable="sum"), ON
    ), {"sum": 0})  # fmt: skip
    assert run.variables["sum"] == 499500


def test_a_thousand_instances_at_once() -> None:
    run = Driver(
        process(START, does("t", "sum + loopCounter", many(1000), camunda_resultVariable="sum"), ON), {"sum": 0}
    )
    assert run.variables["sum"] == 499500


# -- until a condition holds -------------------------------------------------------------------------------------------


def test_the_rest_is_cancelled_when_the_completion_condition_holds() -> None:
    inner = user("t", listeners("t"), task_listeners("T"), many(3, until="nrOfCompletedInstances >= 2"))
    run = Driver(process(START, inner, ON), {"log": ""})
    run.complete("t")
    assert run.tree == f"{BODY}(t t)"
    run.complete("t")
    assert run.tree == "z"
    assert told(run)[-4:] == ["-t", "!t", f"-{BODY}", "+z"]
    assert log(run)[-4:] == ["T.complete", "t.end", "t.end", "T.delete"]
    assert [one.reason for one in of_type(run, fx.TaskEnded)] == ["completed", "completed", "deleted"]


def test_no_further_instance_begins_when_the_completion_condition_holds() -> None:
    run = Driver(process(START, user("t", many(3, sequential=True, until="enough")), ON), {"enough": False})
    run.complete("t")
    run.complete("t", {"enough": True})
    assert run.tree == "z"
    assert run.done.count("t") == 2


def test_the_completion_condition_is_not_asked_before_an_instance_has_completed() -> None:
    run = Driver(process(START, user("t", many(3, until="true")), ON))
    assert run.tree == f"{BODY}(t t t)"
    run.complete("t")
    assert run.tree == "z"


@pytest.mark.parametrize("sequential", [False, True])
def test_instances_that_do_not_wait_stop_where_the_condition_holds(sequential: bool) -> None:
    inner = does("t", "1", many(5, sequential=sequential, until="nrOfCompletedInstances >= 2"))
    run = Driver(process(START, inner, ON))
    assert run.tree == "z"
    # those that never began are not known to history
    assert told(run)[2:-1] == [f"+{BODY}", "+t", "-t", "+t", "-t", f"-{BODY}"]


def test_the_completion_condition_sees_what_the_instance_had() -> None:
    run = Driver(process(START, user("t", many(of="models", until="item == 'b'")), ON), {"models": ["a", "b", "c"]})
    run.complete("t")
    assert run.tree == f"{BODY}(t t)"
    run.complete("t")
    assert run.tree == "z"


def test_a_completion_condition_that_is_not_boolean_fails() -> None:
    run = Driver(process(START, user("t", many(3, until="'yes'")), ON))
    with pytest.raises(ExecutionFailed, match="non-Boolean"):
        run.complete("t")


# -- mappings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequential", [False, True])
def test_input_parameters_see_the_element_and_the_counter(sequential: bool) -> None:
    inner = user("t", mapping({"name": "${item}-${loopCounter}"}), many(of="models", sequential=sequential))
    run = Driver(process(START, inner, ON), {"models": ["a", "b"]})
    seen = []
    while run.tree != "z":
        seen.append(local(run, "t")[0]["name"])
        run.complete("t")
    assert seen == ["a-0", "b-1"]


def test_output_parameters_of_a_multi_instance_activity_are_refused() -> None:
    with pytest.raises(InvalidResource, match="multi-instance"):
        Driver(process(START, user("t", mapping({}, {"x": "1"}), many(2)), ON))


@pytest.mark.parametrize(
    ("loop", "message"),
    [(node("multiInstanceLoopCharacteristics", "l"), "needs a loopCardinality"),
     (node("multiInstanceLoopCharacteristics", "l", camunda_elementVariable="x"), "needs a camunda:collection")],
)  # fmt: skip
def test_a_loop_that_does_not_say_how_often_is_refused(loop: str, message: str) -> None:
    with pytest.raises(InvalidResource, match=message):
        Driver(process(START, user("t", loop), ON))


# -- boundary events ---------------------------------------------------------------------------------------------------

AWAY = users("y") + ways("b > y")


def test_a_boundary_event_waits_once_for_all_and_cancels_all() -> None:
    inner = user("t", listeners("t"), many(3))
    run = Driver(process(START, inner, boundary("b", "t", MESSAGE), ON, AWAY), {"log": ""})
    assert len(run.subscriptions) == 1
    run.complete("t")
    run.receive("M1")
    assert run.tree == "y"
    assert run.canceled == ["t", "t", BODY]
    assert log(run)[-3:] == ["t.end"] * 3
    assert run.subscriptions == {}
    assert run.scopes.keys() <= {0}


def test_a_boundary_event_that_does_not_interrupt_goes_on_beside_the_body() -> None:
    run = Driver(
        process(START, user("t", many(2, sequential=True)), boundary("b", "t", MESSAGE, interrupting=False), ON, AWAY)
    )
    run.receive("M1")
    assert run.tree == f"{BODY}(t) y"
    run.complete("t")
    run.receive("M1")
    assert run.tree == f"{BODY}(t) y y"
    run.complete("t")
    assert run.tree == "y y z"
    assert run.subscriptions == {}


def test_a_boundary_timer_runs_for_the_whole_not_for_each() -> None:
    run = Driver(process(START, user("t", many(2, sequential=True)), boundary("b", "t", timer("PT1H")), ON, AWAY))
    (job,) = run.jobs.values()
    run.complete("t")
    assert list(run.jobs.values()) == [job]
    run.job("b", "timer")
    assert run.tree == "y"


def test_an_error_in_one_instance_that_a_boundary_event_catches_cancels_all() -> None:
    inner = sub("t", many(3), INNER_START, users("u"), gateway("exclusive", "x"), end("ok"), end("bad", ERROR),
                ways("i > u > x"), way("x", "ok", "!wrong"), way("x", "bad", "wrong"))  # fmt: skip
    run = Driver(process(START, inner, boundary("b", "t", ERROR), ON, AWAY))
    run.complete("u", {"wrong": False})
    assert run.tree == f"{BODY}(t(u) t(u))"
    run.complete("u", {"wrong": True})
    assert run.tree == "y"
    assert sorted(run.canceled) == ["bad", "t", "t", BODY, "u"]


@pytest.mark.parametrize("sequential", [False, True])
def test_an_error_that_nobody_catches_ends_one_instance_as_if_it_were_complete(sequential: bool) -> None:
    inner = sub("t", many(2, sequential=sequential), INNER_START, users("u"), end("bad", ERROR), ways("i > u > bad"))
    run = Driver(process(START, inner, ON))
    run.complete("u")
    assert run.tree == f"{BODY}(t(u))"
    run.complete("u")
    assert run.tree == "z"
    assert run.canceled == []


@pytest.mark.parametrize("sequential", [False, True])
def test_a_task_that_ends_with_an_error_nobody_catches_counts_as_complete(sequential: bool) -> None:
    run = Driver(process(START, user("t", many(2, sequential=sequential)), ON))
    for _ in range(2):
        number = next(iter(run.tasks))
        assert not run.feed(lambda execution, number=number: execution.task_error(number, "E1"))
    assert run.tree == "z"
    assert run.done.count("t") == 2


def test_a_task_that_ends_with_an_error_may_make_the_completion_condition_true() -> None:
    run = Driver(process(START, user("t", many(3, until="nrOfCompletedInstances == 1")), ON))
    number = next(iter(run.tasks))
    run.feed(lambda execution: execution.task_error(number, "E1"))
    assert run.tree == "z"
    assert run.canceled == ["t", "t"]


@pytest.mark.parametrize("sequential", [False, True])
def test_terminating_inside_ends_one_instance(sequential: bool) -> None:
    inner = sub("t", many(2, sequential=sequential), INNER_START, gateway("parallel", "g"), users("u", "v"), end("stop", TERMINATE),
                ways("i > g > u > stop", "g > v"))  # fmt: skip
    run = Driver(process(START, inner, ON))
    run.complete("u")
    assert run.tree == f"{BODY}(t(u v))"
    run.complete("u")
    assert run.tree == "z"
    assert run.canceled == ["v", "v"]


def test_a_failing_instance_fails_the_step() -> None:
    with pytest.raises(ExecutionFailed, match="'nothing'") as failure:
        Driver(process(START, does("t", "nothing", many(2)), ON))
    assert failure.value.element_id == "t"


def test_deleting_the_instance_cancels_every_instance_of_the_activity() -> None:
    run = Driver(process(START, user("t", many(3)), ON))
    run.complete("t")
    run.cancel()
    assert run.canceled == ["t", "t", BODY]


# -- loops in loops, and other activities ------------------------------------------------------------------------------


@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize("inner", [False, True])
def test_loops_in_loops(outer: bool, inner: bool) -> None:
    inside = user("u", many(of="columns", item="column", sequential=inner))
    around = sub("t", many(of="rows", item="row", sequential=outer), INNER_START, inside, ways("i > u"))
    run = Driver(process(START, around, ON), {"rows": [1, 2], "columns": ["a", "b"]})
    seen = []
    while run.tree != "z":
        task = next(iter(run.tasks.values()))
        visible = run.load().variables(task.activity)
        seen.append((visible["row"], visible["column"]))
        run.complete("u")
    assert sorted(seen) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert run.done.count("u#multiInstanceBody") == 2
    assert run.scopes.keys() <= {0}


def test_counters_of_the_inner_loop_hide_those_of_the_outer() -> None:
    around = sub("t", many(2), INNER_START, user("u", many(5)), ways("i > u"))
    run = Driver(process(START, around, ON))
    task = next(iter(run.tasks.values()))
    assert run.load().variables(task.activity)["nrOfInstances"] == 5


def test_a_sub_process_that_runs_several_times_keeps_its_variables_apart() -> None:
    around = sub("t", mapping({"mine": "${loopCounter}"}), many(2), INNER_START, users("u"), ways("i > u"))
    run = Driver(process(START, around, ON))
    run.complete("u", {"mine": "first"})
    assert [held["mine"] for held in local(run, "t")] == [1]
    assert "mine" not in run.variables


def test_receive_tasks_wait_each_for_a_message_of_their_own() -> None:
    run = Driver(process(START, node("receiveTask", "t", many(2), messageRef="m1"), ON))
    assert len(run.subscriptions) == 2
    run.receive("M1")
    assert run.tree == f"{BODY}(t)"
    run.receive("M1")
    assert run.tree == "z"


def test_delegates_are_a_job_each_that_sees_its_element() -> None:
    inner = node("serviceTask", "t", many(of="models"), camunda_delegateExpression="${deploy}")
    run = Driver(process(START, inner, ON), {"models": ["a", "b"]})
    assert len(run.jobs) == 2
    seen = []
    for _ in range(2):
        seen.append(run.delegate_sees("t")["item"])
        run.delegate("t")
    assert seen == ["a", "b"]
    assert run.tree == "z"


def test_external_tasks_are_one_each() -> None:
    inner = node("serviceTask", "t", many(of="models"), camunda_type="external", camunda_topic="${item}")
    run = Driver(process(START, inner, ON), {"models": ["a", "b"]})
    assert [task.topic for task in run.external.values()] == ["a", "b"]
    run.external_done("t")
    run.external_done("t")
    assert run.tree == "z"


@pytest.mark.parametrize("sequential", [False, True])
def test_a_call_activity_calls_once_for_each(sequential: bool) -> None:
    inner = node("callActivity", "t", '<camunda:in source="item" target="given"/>', '<camunda:out source="given" target="last"/>',
                 many(of="models", sequential=sequential), calledElement="q")  # fmt: skip
    called = process(START, users("qt"), ways("s > qt"), key="q")
    run = Driver(process(START, inner, ON), {"models": ["a", "b"]}, calls=[called])
    assert len(run.instances) == (2 if sequential else 3)
    run.complete("qt")
    assert run.tree == f"{BODY}(t)"
    run.complete("qt")
    assert run.tree == "z"
    assert [stored.scopes[0] for stored in list(run.instances.values())[1:]] == [{"given": "a"}, {"given": "b"}]
    assert run.variables["last"] == "b"


# -- continuing later --------------------------------------------------------------------------------------------------

LATER = {"camunda_asyncBefore": "true", "camunda_asyncAfter": "true"}


def test_asynchronous_on_the_activity_is_a_job_for_the_whole() -> None:
    run = Driver(process(START, user("t", many(2), **LATER), ON))
    assert run.tree == f"~{BODY}"
    (job,) = run.jobs.values()
    assert (job.kind, job.activity_id) == ("async", BODY)
    run.job(BODY)
    assert run.tree == f"{BODY}(t t)"
    run.complete("t")
    run.complete("t")
    assert run.tree == f"~{BODY}"
    run.job(BODY)
    assert run.tree == "z"


@pytest.mark.parametrize("sequential", [False, True])
def test_asynchronous_on_the_loop_is_a_job_for_each(sequential: bool) -> None:
    run = Driver(process(START, user("t", many(2, sequential=sequential, **LATER)), ON))
    assert run.tree == (f"{BODY}(~t)" if sequential else f"{BODY}(~t ~t)")
    assert {job.activity_id for job in run.jobs.values()} == {"t"}
    for _ in range(2):
        run.job("t")
        run.complete("t")
        if sequential:
            run.job("t")
    if not sequential:
        assert run.tree == f"{BODY}(~t ~t)"
        assert counters(run) == (2, 2, 0)
        run.job("t")
        run.job("t")
    assert run.tree == "z"


def test_asynchronous_on_both_is_a_job_for_the_whole_and_then_for_each() -> None:
    run = Driver(process(START, user("t", many(2, sequential=True, **LATER), **LATER), ON))
    seen = []
    while run.tree != "z":
        seen.append(run.tree)
        if run.tasks:
            run.complete("t")
        else:
            run.job(next(iter(run.jobs.values())).activity_id)
    each = [f"{BODY}(~t)", f"{BODY}(t)", f"{BODY}(~t)"]
    assert seen == [f"~{BODY}", *each, *each, f"~{BODY}"]


def test_instances_that_have_not_begun_are_cancelled_without_a_trace_in_history() -> None:
    run = Driver(process(START, user("t", many(3, until="true", camunda_asyncBefore="true")), ON))
    run.job("t")
    run.complete("t")
    assert run.tree == "z"
    assert run.jobs == {}
    assert told(run)[2:-1] == [f"+{BODY}", "+t", "-t", f"-{BODY}"]


def test_exclusive_and_retries_of_the_loop_are_those_of_each_instance() -> None:
    cycle = "<camunda:failedJobRetryTimeCycle>{}</camunda:failedJobRetryTimeCycle>"
    loop = many(1, camunda_asyncBefore="true", camunda_exclusive="false").replace(
        "<bpmn:loopCardinality>",
        f"<bpmn:extensionElements>{cycle.format('R2/PT1M')}</bpmn:extensionElements><bpmn:loopCardinality>",
    )
    run = Driver(process(START, user("t", cycle.format("R7/PT1M"), loop, camunda_asyncBefore="true"), ON))
    (body,) = run.jobs.values()
    assert (body.exclusive, body.retry_cycle) == (True, "R7/PT1M")
    run.job(BODY)
    (each,) = run.jobs.values()
    assert (each.exclusive, each.retry_cycle) == (False, "R2/PT1M")


# -- changed by hand ---------------------------------------------------------------------------------------------------


def test_an_instance_begun_by_hand_counts_with_the_others() -> None:
    run = Driver(process(START, user("t", many(2)), ON))
    run.modify(Instruction("startBeforeActivity", "t"))
    assert run.tree == f"{BODY}(t t t)"
    assert counters(run) == (3, 3, 0)
    assert [held["loopCounter"] for held in local(run, "t")] == [0, 1, 2]
    for _ in range(3):
        run.complete("t")
    assert run.tree == "z"


def test_an_instance_cancelled_by_hand_is_not_waited_for() -> None:
    run = Driver(process(START, user("t", many(3)), ON))
    number = next(number for number, one in run.running.items() if one.activity_id == "t")
    run.modify(Instruction("cancel", number=number))
    assert run.tree == f"{BODY}(t t)"
    assert counters(run) == (3, 2, 0)
    run.complete("t")
    run.complete("t")
    assert run.tree == "z"


def test_the_body_goes_with_its_last_instance_that_is_cancelled_by_hand() -> None:
    run = Driver(
        process(START, gateway("parallel", "f"), user("t", many(2)), users("o", "z"), ways("s > f > t > z", "f > o"))
    )
    run.modify(Instruction("cancel", "t"))
    assert run.tree == "o"
    assert run.canceled == ["t", "t", BODY]
