"""In which order listeners, mappings, subscriptions and branches come: what a diagram's author can rely on."""

from __future__ import annotations

import pytest

from mlc_service.engine import effects as fx
from tests.unit.engine.driver import Driver, flow, flows
from tests.unit.engine.pieces import (
    boundary,
    call,
    catch,
    end,
    error,
    extensions,
    fork,
    given,
    handler,
    heard,
    listener,
    mapped,
    message,
    node,
    process,
    sets,
    several,
    signal,
    start,
    sub,
    taken,
    task,
    throw,
    timer,
)

STRAIGHT = heard(process(start(), task("t", camunda_assignee="kermit"), end(), flows("s", "t", "e")), "t")


def _said_after(run: Driver, step: str, *arguments: object) -> str:
    run.heard()
    getattr(run, step)(*arguments)
    return run.heard()


# -- one activity after the other -----------------------------------------------------------------------------------------


def test_a_task_from_the_flow_to_it_to_the_end_of_the_process() -> None:
    run = Driver(STRAIGHT)
    assert run.heard() == "p.start s.start s.end s-t t.in t.start t:create"
    assert _said_after(run, "complete", "t") == "t:complete t.end t.out t-e e.start e.end p.end"


def test_a_sub_process_is_around_what_is_in_it() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), sets("w", n="1"), end("ie"), flows("i", "w", "ie")), end(), flows("s", "q", "e")
    ), "q"))  # fmt: skip
    assert run.heard() == (
        "p.start s.start s.end s-q q.in q.start i.start i.end i-w w.start w.end w-ie ie.start ie.end q.end q.out q-e "
        "e.start e.end p.end"
    )


def test_a_called_process_is_between_the_start_and_the_end_of_the_call() -> None:
    called = process(start("i"), sets("w", n="1"), end("ie"), flows("i", "w", "ie")).replace(b'id="p"', b'id="q"')
    run = Driver(heard(process(start(), call("c", "q"), end(), flows("s", "c", "e")), "c"), calls=[heard(called)])
    assert run.heard() == (
        "p.start s.start s.end s-c c.in c.start q.start i.start i.end i-w w.start w.end w-ie ie.start ie.end q.end c.end c.out "
        "c-e e.start e.end p.end"
    )


def test_input_parameters_see_what_is_around_the_activity_and_not_each_other() -> None:
    inputs = mapped(taken("x", "${x + 1}"), taken("y", "${x}"))
    run = Driver(
        process(start(), sets("w", extensions(inputs), seen="y", own="x"), task("t"), flows("s", "w", "t")), {"x": 5}
    )
    assert run.variables == {"x": 5, "seen": 5, "own": 6}


def test_output_parameters_see_each_other() -> None:
    outputs = mapped(given("a", "${x + 1}"), given("b", "${a + 1}"))
    run = Driver(process(start(), sets("w", extensions(outputs), y="1"), task("t"), flows("s", "w", "t")), {"x": 5})
    assert run.variables == {"x": 5, "y": 1, "a": 6, "b": 7}


@pytest.mark.parametrize("late", [listener("end", "execution.setVariable('x', 1)"), mapped(given("x", "${1}"))])
def test_flows_are_chosen_before_end_listeners_and_outputs(late: str) -> None:
    run = Driver(process(
        start(), task("t", extensions(late), default="t-b"), task("a"), task("b"), flows("s", "t"), flow("t", "a", "${x == 1}"), flow("t", "b")
    ), {"x": 0})  # fmt: skip
    run.complete("t")
    assert (run.tree, run.variables) == ("b", {"x": 1})


def test_flows_are_chosen_before_the_job_that_takes_them() -> None:
    run = Driver(process(
        start(), task("t", default="t-b", camunda_asyncAfter="true"), task("a"), task("b"), flows("s", "t"), flow("t", "a", "${x == 1}"), flow("t", "b")
    ), {"x": 0})  # fmt: skip
    run.complete("t")
    run.write(x=1)
    run.job("t")
    assert run.tree == "b"


def test_flows_of_a_sub_process_are_chosen_by_its_own_variables() -> None:
    run = Driver(process(
        start(), sub("q", extensions(mapped(taken("x", "${1}"))), start("i"), task("t"), flows("i", "t"), default="q-b"), task("a"), task("b"),
        flows("s", "q"), flow("q", "a", "${x == 1}"), flow("q", "b")
    ), {"x": 0})  # fmt: skip
    run.complete("t")
    assert run.tree == "a"


def test_a_flow_is_taken_while_the_activity_that_is_left_is_the_current_one() -> None:
    taking = extensions(listener("take", "execution.setVariable('at', execution.currentActivityId)"))
    run = Driver(
        process(
            start(),
            task("t"),
            task("n"),
            flows("s", "t"),
            f'<bpmn:sequenceFlow id="x" sourceRef="t" targetRef="n">{taking}</bpmn:sequenceFlow>',
        )
    )
    run.complete("t")
    assert run.variables == {"at": "t"}


def test_listeners_of_the_process_are_told_where_it_begins_and_where_it_has_ended() -> None:
    asking = [
        listener(event, f"execution.setVariable('{event}', execution.currentActivityId)") for event in ("start", "end")
    ]
    run = Driver(process(extensions(*asking), start(), task("n"), flows("s", "n")))
    run.complete("n")
    assert run.variables == {"start": "s", "end": "n"}


def test_events_are_waited_for_after_the_inputs_and_before_the_start_listeners() -> None:
    run = Driver(process(
        start(),
        task("t", extensions(mapped(taken("n", "${1}")), listener("start", "execution.setVariable('m', 1)"))), boundary("b", "t", message()),
        flows("s", "t"), flow("b", "e"), end()
    ))  # fmt: skip
    kinds = [
        (type(effect).__name__, getattr(effect, "name", None))
        for effect in run.effects
        if isinstance(effect, (fx.VariableWritten, fx.Subscribed, fx.TaskCreated))
    ]
    assert kinds == [("VariableWritten", "n"), ("Subscribed", None), ("VariableWritten", "m"), ("TaskCreated", None)]


def test_the_events_of_the_process_are_waited_for_before_its_start_listeners() -> None:
    run = Driver(process(
        extensions(listener("start", "execution.setVariable('m', 1)")), start(), task("t"), flows("s", "t"), handler("h", message(), task("u"))
    ))  # fmt: skip
    kinds = [
        type(effect).__name__
        for effect in run.effects
        if isinstance(effect, (fx.VariableWritten, fx.Subscribed, fx.ActivityStarted))
    ]
    assert kinds == ["Subscribed", "VariableWritten", "ActivityStarted", "ActivityStarted"]


def test_an_asynchronous_activity_is_reached_by_its_flow_before_the_job_and_begun_by_it() -> None:
    run = Driver(heard(process(
        start(), task("t", camunda_asyncBefore="true", camunda_asyncAfter="true"), end(), flows("s", "t", "e")
    ), "t"))  # fmt: skip
    assert (run.heard(), run.tree) == ("p.start s.start s.end s-t", "~t")
    assert _said_after(run, "job", "t") == "t.in t.start t:create"
    assert _said_after(run, "complete", "t") == "t:complete t.end t.out"
    assert _said_after(run, "job", "t") == "t-e e.start e.end p.end"


def test_a_listener_of_the_flow_sees_what_the_activity_has_given() -> None:
    taking = extensions(listener("take", "execution.setVariable('seen', out)"))
    giving = extensions(mapped(given("out", "${7}")))
    run = Driver(process(
        start(), task("t", giving), task("n"), flows("s", "t"), f'<bpmn:sequenceFlow id="x" sourceRef="t" targetRef="n">{taking}</bpmn:sequenceFlow>'
    ))  # fmt: skip
    run.complete("t")
    assert run.variables == {"out": 7, "seen": 7}


# -- branches -----------------------------------------------------------------------------------------------------------

BRANCHES = (
    sets("a1", n="1") + sets("a2", n="1") + sets("b1", n="1") + task("b2") + sets("c1", n="1") + end()
    + flow("f", "b1") + flow("f", "a1") + flow("f", "c1") + flow("a1", "a2") + flow("b1", "b2") + flow("a2", "e") + flow("c1", "e")
)  # fmt: skip


@pytest.mark.parametrize("kind", ["parallelGateway", "inclusiveGateway", "task"])
def test_a_branch_runs_to_its_wait_before_the_flow_to_the_next_is_taken(kind: str) -> None:
    run = Driver(heard(process(start(), node(kind, "f"), BRANCHES, flow("s", "f"))))
    assert run.heard() == (
        "p.start s.start s.end s-f f.start f.end f-b1 b1.start b1.end b1-b2 b2.start b2:create "
        "f-a1 a1.start a1.end a1-a2 a2.start a2.end a2-e e.start e.end f-c1 c1.start c1.end c1-e e.start e.end"
    )


def test_forks_within_forks_run_depth_first() -> None:
    run = Driver(heard(process(
        start(), fork(), fork("g"), task("a"), task("b"), task("c"), flows("s", "f", "g", "a"), flow("g", "b"), flow("f", "c")
    )))  # fmt: skip
    assert run.heard() == (
        "p.start s.start s.end s-f f.start f.end f-g g.start g.end g-a a.start a:create g-b b.start b:create f-c c.start c:create"
    )


def test_a_join_begins_for_each_branch_and_ends_for_all_at_once() -> None:
    run = Driver(heard(process(
        start(), fork(), sets("a", n="1"), sets("b", n="1"), fork("j"), task("t"), flows("s", "f", "a", "j", "t"), flows("f", "b", "j")
    )))  # fmt: skip
    assert run.heard() == (
        "p.start s.start s.end s-f f.start f.end f-a a.start a.end a-j j.start f-b b.start b.end b-j j.start j.end j.end "
        "j-t t.start t:create"
    )


def test_parallel_instances_run_one_after_the_other_to_their_wait() -> None:
    run = Driver(heard(process(
        start(), sub("q", several("2"), start("i"), sets("w", n="1"), task("t"), flows("i", "w", "t")), flows("s", "q")
    )))  # fmt: skip
    one = "q.start i.start i.end i-w w.start w.end w-t t.start t:create"
    assert run.heard() == f"p.start s.start s.end s-q {one} {one}"


# -- tasks --------------------------------------------------------------------------------------------------------------


def test_an_error_end_event_is_left_after_what_it_cancels() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), fork(), task("v"), task("t"), end("ee", error()), flows("i", "f", "v"), flows("f", "t", "ee")),
        boundary("b", "q", error()), task("u"), flows("s", "q"), flows("b", "u")
    ), "v", "q"))  # fmt: skip
    assert _said_after(run, "complete", "t") == (
        "t:complete t.end t-ee ee.start v.end v.out v:delete ee.end q.end q.out b.start b.end b-u u.start u:create"
    )


# -- cancellation -------------------------------------------------------------------------------------------------------


def test_a_cancelled_task_ends_gives_and_is_deleted_before_the_boundary_event_begins() -> None:
    run = Driver(
        heard(
            process(start(), task("t"), boundary("b", "t", message()), task("u"), flows("s", "t"), flows("b", "u")), "t"
        )
    )
    assert _said_after(run, "receive", "M1") == "t.end t.out t:delete b.start b.end b-u u.start u:create"


def test_a_cancelled_sub_process_ends_after_what_is_in_it() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), fork(), task("t"), task("v"), flows("i", "f", "t"), flow("f", "v")), boundary("b", "q", message()), task("u"),
        flows("s", "q"), flows("b", "u")
    ), "t", "v", "q"))  # fmt: skip
    assert _said_after(run, "receive", "M1") == (
        "t.end t.out t:delete v.end v.out v:delete q.end q.out b.start b.end b-u u.start u:create"
    )


def test_an_event_that_does_not_interrupt_is_heard_alone() -> None:
    run = Driver(heard(process(
        start(), task("t"), boundary("b", "t", message(), interrupting=False), task("u"), flows("s", "t"), flows("b", "u")
    ), "t"))  # fmt: skip
    assert _said_after(run, "receive", "M1") == "b.start b.end b-u u.start u:create"


def test_an_interrupting_event_sub_process_does_not_end_the_process() -> None:
    run = Driver(
        heard(
            process(
                start(), task("t"), flows("s", "t"), handler("h", message(), task("u"), end("he"), flows("u", "he"))
            ),
            "t",
        )
    )
    assert _said_after(run, "receive", "M1") == "t.end t.out t:delete h.start h_s.start h_s.end h_s-u u.start u:create"
    assert _said_after(run, "complete", "u") == "u:complete u.end u-he he.start he.end h.end p.end"


def test_a_task_that_is_alone_in_its_scope_is_told_first_that_an_event_sub_process_interrupts_it() -> None:
    run = Driver(heard(process(start(), task("t"), flows("s", "t"), handler("h", message(), task("u")))))
    assert _said_after(run, "receive", "M1") == "t:delete t.end h.start h_s.start h_s.end h_s-u u.start u:create"
    run = Driver(heard(process(
        start(), sub("q", start("i"), task("t"), flows("i", "t"), handler("h", error(), task("u"))), flows("s", "q")
    )))  # fmt: skip
    assert (
        _said_after(run, "task_error", "t", "E1") == "t:delete t.end h.start h_s.start h_s.end h_s-u u.start u:create"
    )


def test_a_task_with_company_is_told_last() -> None:
    run = Driver(heard(process(
        start(), fork(), task("t"), task("v"), flows("s", "f", "t"), flow("f", "v"), handler("h", message(), task("u"))
    )))  # fmt: skip
    assert _said_after(run, "receive", "M1") == (
        "t.end t:delete v.end v:delete h.start h_s.start h_s.end h_s-u u.start u:create"
    )


def test_a_deleted_instance_tells_its_task_first() -> None:
    run = Driver(STRAIGHT)
    assert _said_after(run, "cancel") == "t:delete t.end t.out p.end"
    assert run.ended is not None
    assert run.ended.state == "EXTERNALLY_TERMINATED"


def test_deleting_an_instance_ends_what_it_has_called_first() -> None:
    called = process(start("i"), task("qt"), flows("i", "qt")).replace(b'id="p"', b'id="q"')
    run = Driver(heard(process(start(), call("c", "q"), flows("s", "c")), "c"), calls=[heard(called)])
    assert _said_after(run, "cancel") == "qt.end qt:delete q.end c.end c.out p.end"


def test_what_waits_for_a_job_before_it_begins_is_not_heard_when_it_is_cancelled() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), task("t", camunda_asyncBefore="true"), flows("i", "t")), boundary("b", "q", message()), task("u"),
        flows("s", "q"), flows("b", "u")
    )))  # fmt: skip
    assert _said_after(run, "receive", "M1") == "q.end b.start b.end b-u u.start u:create"


def test_what_waits_for_a_job_after_it_has_ended_is_not_heard_again_when_it_is_cancelled() -> None:
    run = Driver(heard(process(
        start(), sub("q", start("i"), task("t", camunda_asyncAfter="true"), task("n"), flows("i", "t", "n")), boundary("b", "q", message()), task("u"),
        flows("s", "q"), flows("b", "u")
    )))  # fmt: skip
    run.complete("t")
    assert _said_after(run, "receive", "M1") == "q.end b.start b.end b-u u.start u:create"


def test_a_join_that_waits_is_told_that_it_is_cancelled() -> None:
    run = Driver(heard(process(
        start(),
        sub("q", start("i"), fork(), task("a"), task("b"), fork("j"), end("ie"), flows("i", "f", "a", "j", "ie"), flows("f", "b", "j")),
        boundary("x", "q", message()), task("u"), flows("s", "q"), flows("x", "u")
    )))  # fmt: skip
    run.complete("a")
    said = _said_after(run, "receive", "M1")
    assert sorted(said.removesuffix(" q.end x.start x.end x-u u.start u:create").split()) == [
        "b.end",
        "b:delete",
        "j.end",
    ]


def test_parallel_instances_are_cancelled_in_their_order() -> None:
    run = Driver(heard(process(
        start(), sub("q", several("2"), start("i"), task("t"), flows("i", "t")), boundary("b", "q", message()), task("u"), flows("s", "q"), flows("b", "u")
    )))  # fmt: skip
    assert (
        _said_after(run, "receive", "M1")
        == "t.end t:delete q.end t.end t:delete q.end b.start b.end b-u u.start u:create"
    )


# -- who goes on first -----------------------------------------------------------------------------------------------------


def test_a_timer_that_does_not_interrupt_is_heard_beside_its_task() -> None:
    run = Driver(heard(process(
        start(), task("t"), boundary("b", "t", timer(), interrupting=False), sets("w", n="1"), end(), flows("s", "t"), flows("b", "w", "e")
    )))  # fmt: skip
    assert _said_after(run, "job", "b", "timer") == "b.start b.end b-w w.start w.end w-e e.start e.end"


def test_a_message_is_received_before_the_activity_is_left() -> None:
    run = Driver(heard(process(start(), catch("c", message()), end(), flows("s", "c", "e")), "c"))
    assert run.heard() == "p.start s.start s.end s-c c.in c.start"
    assert _said_after(run, "receive", "M1") == "c.end c.out c-e e.start e.end p.end"


def test_a_thrown_signal_of_an_end_event_lets_the_process_end_before_others_go_on() -> None:
    run = Driver(heard(process(
        start(), task("t"), boundary("b", "t", signal(), interrupting=False), sets("w", n="1"), task("a"), throw("thr", signal()), end(),
        fork(), flows("s", "f", "t"), flows("f", "a", "thr", "e"), flows("b", "w", "e")
    )))  # fmt: skip
    assert _said_after(run, "complete", "a") == (
        "a:complete a.end a-thr thr.start thr.end thr-e e.start e.end b.start b.end b-w w.start w.end w-e e.start e.end"
    )
