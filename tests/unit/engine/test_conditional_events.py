"""Conditional events: when they are looked at, which writes concern them, and who goes on first."""

from __future__ import annotations

import pytest

from mlc_service.engine import Execution, ExecutionFailed, parse_bpmn
from tests.unit.engine.driver import INSTANCE_ID, KNOWN_DELEGATES, START, Driver, TestHost, flow, flows
from tests.unit.engine.pieces import (
    boundary,
    call,
    catch,
    condition,
    end,
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
    start,
    sub,
    taken,
    task,
)

X = condition("x == 1")
SET_X = "execution.setVariable('x', 1)"


# -- when a condition is looked at ------------------------------------------------------------------------------------


def test_an_intermediate_event_whose_condition_holds_on_entry_is_passed_at_once() -> None:
    run = Driver(process(start(), catch("c", X), task("t"), flows("s", "c", "t")), {"x": 1})
    assert (run.tree, run.waits, run.done) == ("t", [], ["s", "c"])


def test_an_intermediate_event_waits_until_a_write_makes_its_condition_hold() -> None:
    run = Driver(process(start(), catch("c", X), task("t"), flows("s", "c", "t")), {"x": 0})
    assert (run.tree, run.waits) == ("c", ["conditional c"])
    run.write(y=1)
    assert run.tree == "c"
    run.write(x=1)
    assert (run.tree, run.waits) == ("t", [])


def test_a_variable_that_is_not_there_makes_a_condition_false_and_is_no_failure() -> None:
    run = Driver(process(
        start(), catch("c", X), task("t"), flows("s", "c", "t"), handler("h", condition("y > 1"), task("u"))
    ))  # fmt: skip
    run.write(z=1)
    assert run.tree == "c"
    run.write(y=2)
    assert run.tree == "h(u)"


def test_a_write_of_a_parallel_branch_reaches_who_waits_already() -> None:
    run = Driver(heard(process(
        start(), fork(), catch("c", X), sets("w", x="1"), task("t"), task("v"),
        flows("s", "f", "c", "t"), flows("f", "w", "v")
    )), {"x": 0})  # fmt: skip
    assert run.tree == "t v"
    assert run.heard() == (
        "p.start s.start s.end s-f f.start f.end f-c c.start f-w w.start c.end w.end w-v v.start v:create c-t t.start t:create"
    )


TASK_WITH_BOUNDARY = heard(process(
    start(), task("t"), boundary("b", "t", X), task("u"), task("n"), flows("s", "t", "n"), flows("b", "u")
))  # fmt: skip
TASK_WITH_SIDE_BOUNDARY = heard(process(
    start(), task("t"), boundary("b", "t", X, interrupting=False), task("u"), task("n"), flows("s", "t", "n"), flows("b", "u")
))  # fmt: skip


def test_an_interrupting_boundary_event_that_holds_on_entry_leaves_no_time_for_the_task() -> None:
    run = Driver(TASK_WITH_BOUNDARY, {"x": 1})
    assert run.heard() == "p.start s.start s.end s-t t.start t.end b.start b.end b-u u.start u:create"
    assert (run.tree, run.canceled) == ("u", ["t"])


def test_a_non_interrupting_boundary_event_that_holds_on_entry_fires_beside_its_task() -> None:
    run = Driver(TASK_WITH_SIDE_BOUNDARY, {"x": 1})
    assert run.heard() == "p.start s.start s.end s-t t.start t:create b.start b.end b-u u.start u:create"
    assert (run.tree, run.waits) == ("t u", ["conditional b"])


def test_a_non_interrupting_event_fires_for_every_write_while_its_condition_holds() -> None:
    run = Driver(TASK_WITH_SIDE_BOUNDARY, {"x": 0})
    run.write(x=1, y=1, z=1)
    assert run.tree == "t u u u"
    run.write(x=1)
    run.write(other=1)
    assert run.tree == "t u u u u u"
    run.write(x=0)
    assert run.tree == "t u u u u u"


def test_removing_a_variable_counts_as_a_write() -> None:
    run = Driver(process(
        start(), task("t"), boundary("b", "t", condition("!execution.hasVariable('x')"), interrupting=False), task("u"),
        flows("s", "t"), flows("b", "u")
    ), {"x": 0, "y": 0})  # fmt: skip
    run.remove("x")
    assert run.tree == "t u"
    run.remove("y")
    assert run.tree == "t u u"


def test_an_event_sub_process_that_holds_at_the_start_counts_the_start_variables_too() -> None:
    source = process(start(), task("t"), flows("s", "t"), handler("h", X, task("u"), interrupting=False))
    assert Driver(source, {"x": 1}).tree == "h(u) h(u) t"
    assert Driver(source, {"x": 1, "y": 1, "z": 1}).tree == "h(u) h(u) h(u) h(u) t"
    always = process(
        start(), task("t"), flows("s", "t"), handler("h", condition("true"), task("u"), interrupting=False)
    )
    assert Driver(always).tree == "h(u) t"


def test_an_interrupting_event_sub_process_that_holds_at_the_start_comes_before_the_start_event() -> None:
    run = Driver(heard(process(start(), task("t"), flows("s", "t"), handler("h", X, task("u")))), {"x": 1})
    assert (run.tree, run.waits) == ("h(u)", [])
    assert run.heard() == "p.start s.end h.start h_s.start h_s.end h_s-u u.start u:create"
    assert [*run.done, *run.canceled] == ["h_s"]


def test_an_interrupting_event_sub_process_that_holds_on_entry_of_its_sub_process_comes_before_what_is_in_it() -> None:
    run = Driver(heard(process(
        start(), sub("p1", start("i"), task("t"), flows("i", "t"), handler("h", X, task("u"))), task("n"), flows("s", "p1", "n")
    )), {"x": 1})  # fmt: skip
    assert run.tree == "p1(h(u))"
    run.complete("u")
    assert run.tree == "n"


# -- a condition is looked at late, not at the write -------------------------------------------------------------------


def test_a_value_that_is_gone_when_the_element_is_done_has_made_nothing_fire() -> None:
    run = Driver(process(
        start(), task("t"), sets("w", x="1"), task("n"), flows("s", "t"), flow("t", "w"), flow("w", "n"),
        handler("h", X, task("u")),
    ).replace(b"${execution.setVariable('x', 1)}", b"${execution.setVariable('x', 1)}${execution.setVariable('x', 0)}"), {"x": 0})  # fmt: skip
    run.complete("t")
    assert run.tree == "n"


def test_every_write_of_an_element_counts_though_all_are_looked_at_together() -> None:
    run = Driver(process(
        start(), task("t"), sets("w", y="1", x="1", z="1"), task("n"), flows("s", "t", "w", "n"),
        handler("h", X, task("u"), interrupting=False)
    ), {"x": 0})  # fmt: skip
    run.complete("t")
    assert run.tree == "h(u) h(u) h(u) n"


def test_all_conditions_see_what_is_written_at_once() -> None:
    run = Driver(process(
        start(), task("t"), boundary("b", "t", condition("x == 1 &amp;&amp; y == 1"), interrupting=False), task("u"),
        flows("s", "t"), flows("b", "u")
    ), {"x": 0, "y": 0})  # fmt: skip
    run.write(x=1, y=1)
    assert run.tree == "t u u"


# -- which writes concern an event ------------------------------------------------------------------------------------


def _narrowed(variables: dict[str, object], **narrow: str) -> Driver:
    return Driver(process(
        start(), task("t"), boundary("b", "t", condition("x == 1", **narrow), interrupting=False), task("u"),
        flows("s", "t"), flows("b", "u")
    ), variables)  # fmt: skip


def test_a_variable_name_narrows_the_writes_that_count() -> None:
    run = _narrowed({"x": 0}, camunda_variableName="x")
    run.write(y=1)
    run.write(x=1)
    assert run.tree == "t u"
    run.write(y=2)
    assert run.tree == "t u"
    run.write(x=1)
    assert run.tree == "t u u"


def test_variable_events_narrow_the_writes_that_count() -> None:
    run = _narrowed({"x": 0}, camunda_variableEvents="create, delete")
    run.write(x=1)
    assert run.tree == "t"
    run.write(y=1)
    assert run.tree == "t u"
    run.write(y=2)
    assert run.tree == "t u"
    run.remove("y")
    assert run.tree == "t u u"


def test_writing_the_same_value_is_an_update() -> None:
    run = _narrowed({"x": 0, "y": 1}, camunda_variableEvents="update", camunda_variableName="y")
    run.write(x=1)
    assert run.tree == "t"
    run.write(y=1)
    assert run.tree == "t u"


def test_name_and_events_do_not_narrow_the_look_on_entry() -> None:
    assert _narrowed({"x": 1}, camunda_variableName="other", camunda_variableEvents="delete").tree == "t u"


# -- an element that makes the condition of an interrupting event hold --------------------------------------------------


def _interrupted(piece: str, *more: str, take: str = "") -> str:
    """`t`, the piece `w`, `n`, and an event sub-process that interrupts when x is 1; what is heard once t is complete."""
    between = '<bpmn:sequenceFlow id="t-w" sourceRef="t" targetRef="w">' + extensions(take) + "</bpmn:sequenceFlow>"
    run = Driver(
        heard(process(start(), task("t"), piece, task("n"), flows("s", "t"), between, flows("w", "n"),
                      handler("h", X, task("u")), *more)), {"x": 0}
    )  # fmt: skip
    run.heard()
    run.complete("t")
    assert (run.tree, run.waits) == ("h(u)", [])
    said = run.heard()
    assert said.startswith("t:complete t.end t-w ")
    assert said.endswith(" h.start h_s.start h_s.end h_s-u u.start u:create")
    return (
        said.removeprefix("t:complete t.end t-w")
        .removesuffix("h.start h_s.start h_s.end h_s-u u.start u:create")
        .strip()
    )


def test_behaviour_that_makes_the_condition_hold_is_cancelled_and_its_flow_not_taken() -> None:
    assert _interrupted(sets("w", x="1")) == "w.start w.end"


def test_a_start_listener_that_makes_the_condition_hold_leaves_the_behaviour_undone() -> None:
    piece = sets("w", extensions(listener("start", SET_X)), y="1")
    assert _interrupted(piece) == "w.start w.end"


def test_an_input_parameter_that_writes_outside_leaves_the_behaviour_undone() -> None:
    piece = sets("w", extensions(mapped(taken("q", f"${{{SET_X}}}"))), y="1")
    assert _interrupted(piece) == "w.start w.end"


def test_an_end_listener_that_makes_the_condition_hold_has_been_called_once() -> None:
    assert _interrupted(sets("w", extensions(listener("end", SET_X)), y="1")) == "w.start w.end"


def test_a_take_listener_that_makes_the_condition_hold_keeps_the_next_activity_from_beginning() -> None:
    assert _interrupted(task("w"), take=listener("take", SET_X)) == "w.end"


def test_an_output_parameter_that_makes_the_condition_hold_keeps_the_next_activity_from_beginning() -> None:
    assert _interrupted(sets("w", extensions(mapped(given("x", "${1}"))), y="1")) == "w.start w.end w-n n.end"


def test_what_a_called_process_hands_back_can_make_the_condition_hold() -> None:
    called = process(start("i"), sets("c", x="1"), flows("i", "c")).replace(b'id="p"', b'id="q"')
    run = Driver(heard(process(
        start(), call("w", "q", extensions('<camunda:out variables="all"/>')), task("n"), flows("s", "w", "n"),
        handler("h", X, task("u"))
    )), {"x": 0}, calls=[called])  # fmt: skip
    assert run.tree == "h(u)"
    assert run.heard() == "p.start s.start s.end s-w w.start w.end h.start h_s.start h_s.end h_s-u u.start u:create"
    assert run.canceled == ["w"]


def test_a_workers_variables_can_make_the_condition_hold() -> None:
    run = Driver(heard(process(
        start(), node("serviceTask", "w", camunda_type="external", camunda_topic="t"), task("n"), flows("s", "w", "n"),
        handler("h", X, task("u"))
    )), {"x": 0})  # fmt: skip
    run.heard()
    run.external_done("w", {"x": 1})
    assert run.heard() == "w.end h.start h_s.start h_s.end h_s-u u.start u:create"
    assert (run.tree, run.canceled) == ("h(u)", ["w"])


def test_a_messages_variables_can_make_the_condition_hold() -> None:
    run = Driver(heard(process(
        start(), node("receiveTask", "w", messageRef="_m1"), task("n"), flows("s", "w", "n"), handler("h", X, task("u"))
    )), {"x": 0})  # fmt: skip
    run.heard()
    run.receive("M1", {"x": 1})
    assert run.heard() == "w.end h.start h_s.start h_s.end h_s-u u.start u:create"
    assert (run.tree, run.canceled) == ("h(u)", ["w"])


@pytest.mark.parametrize("where", ["boundary event", "event sub-process"])
def test_a_tasks_answer_can_make_the_condition_hold(where: str) -> None:
    event = (
        boundary("b", "t", X) + flow("b", "u") + task("u") if where == "boundary event" else handler("h", X, task("u"))
    )
    run = Driver(heard(process(start(), task("t"), task("n"), flows("s", "t", "n"), event)), {"x": 0})
    run.heard()
    run.complete("t", {"x": 1})
    assert run.tree == ("u" if where == "boundary event" else "h(u)")
    assert run.canceled == ["t"]
    assert run.heard().startswith("t:complete t.end ")


def test_a_complete_listener_can_make_the_condition_hold() -> None:
    completing = '<camunda:taskListener event="complete" expression="${task.setVariable(\'x\', 1)}"/>'
    run = Driver(process(
        start(), task("t", extensions(completing)), boundary("b", "t", X), task("n"), task("u"), flows("s", "t", "n"), flows("b", "u")
    ), {"x": 0})  # fmt: skip
    run.complete("t")
    assert (run.tree, run.canceled) == ("u", ["t"])


@pytest.mark.parametrize("how", [listener("start", SET_X), mapped(taken("q", f"${{{SET_X}}}"))])
def test_a_boundary_event_sees_what_its_own_activity_begins_with(how: str) -> None:
    run = Driver(process(
        start(), task("t", extensions(how)), boundary("b", "t", X), task("u"), flows("s", "t"), flows("b", "u")
    ), {"x": 0})  # fmt: skip
    assert (run.tree, run.canceled) == ("u", ["t"])


@pytest.mark.parametrize("how", [listener("end", SET_X), mapped(given("x", "${1}"))])
@pytest.mark.parametrize("interrupting", [True, False])
def test_a_boundary_event_does_not_see_what_its_activity_leaves_with(how: str, interrupting: bool) -> None:
    run = Driver(process(
        start(), task("t", extensions(how)), boundary("b", "t", X, interrupting=interrupting), task("u"), task("n"),
        flows("s", "t", "n"), flows("b", "u")
    ), {"x": 0})  # fmt: skip
    run.complete("t")
    assert (run.tree, run.variables["x"]) == ("n", 1)


@pytest.mark.parametrize("interrupting", [True, False])
def test_a_boundary_event_does_not_see_what_a_create_listener_writes(interrupting: bool) -> None:
    creating = '<camunda:taskListener event="create" expression="${task.setVariable(\'x\', 1)}"/>'
    run = Driver(process(
        start(), task("t", extensions(creating)), boundary("b", "t", X, interrupting=interrupting), task("u"), task("n"),
        flows("s", "t", "n"), flows("b", "u")
    ), {"x": 0})  # fmt: skip
    assert run.tree == "t"
    run.complete("t")
    assert run.tree == "n"


# -- who goes on first --------------------------------------------------------------------------------------------------


def test_who_makes_a_non_interrupting_condition_hold_goes_on_first() -> None:
    run = Driver(heard(process(
        start(), task("t"), sets("a", x="1"), sets("b", y="1"), task("n"), flows("s", "t", "a", "b", "n"),
        handler("h", condition("x == 1", camunda_variableName="x"), task("u"), interrupting=False)
    )), {"x": 0})  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == (
        "t:complete t.end t-a a.start a.end a-b b.start b.end b-n n.start n:create "
        "h.start h_s.start h_s.end h_s-u u.start u:create"
    )
    assert run.tree == "h(u) n"


def test_a_boundary_event_that_an_answer_makes_fire_comes_before_the_task_is_left() -> None:
    run = Driver(TASK_WITH_SIDE_BOUNDARY, {"x": 0})
    run.heard()
    run.complete("t", {"x": 1})
    assert run.heard() == "t:complete b.start b.end b-u u.start u:create t.end t-n n.start n:create"
    assert run.tree == "u n"


def test_a_boundary_event_fires_once_for_each_variable_of_an_answer() -> None:
    run = Driver(TASK_WITH_SIDE_BOUNDARY, {"x": 0})
    run.complete("t", {"x": 1, "y": 1, "z": 1})
    assert run.tree == "u u u n"


def test_events_fire_in_the_order_in_which_their_waits_began() -> None:
    run = Driver(heard(process(
        start(), fork(), catch("b", X), catch("a", X), catch("c", X), end(), flow("s", "f"),
        flows("f", "b", "e"), flows("f", "a", "e"), flows("f", "c", "e")
    )), {"x": 0})  # fmt: skip
    run.heard()
    run.write(x=1)
    assert run.heard() == "b.end b-e e.start e.end a.end a-e e.start e.end c.end c-e e.start e.end p.end"


NESTED = process(
    start(), sub("q", start("i"), task("t"), flows("i", "t"), handler("hi", X, task("ui"))), boundary("b", "q", X), task("ub"),
    flows("s", "q"), flows("b", "ub"), handler("hp", X, task("up"))
)  # fmt: skip


def test_the_outermost_of_several_interrupting_events_wins() -> None:
    run = Driver(NESTED, {"x": 0})
    run.write(x=1)
    assert (run.tree, run.waits) == ("hp(up)", [])
    run = Driver(NESTED.replace(b'id="hp_s"', b'id="hp_s" isInterrupting="false"'), {"x": 0})
    run.write(x=1)
    assert run.tree == "hp(up) ub"


def test_all_of_several_non_interrupting_events_fire() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), task("t"), flows("i", "t"), handler("hi", X, task("ui"), interrupting=False)),
        boundary("b", "q", X, interrupting=False), task("ub"), flows("s", "q"), flows("b", "ub"),
        handler("hp", X, task("up"), interrupting=False)
    ), {"x": 0})  # fmt: skip
    run.write(x=1)
    assert run.tree == "q(t hi(ui)) hp(up) ub"


# -- scopes -------------------------------------------------------------------------------------------------------------

SCOPES = process(
    start(), fork(),
    sub("q", start("i"), task("t"), boundary("bt", "t", X, interrupting=False), task("ut"), flows("i", "t"), flows("bt", "ut"),
        handler("hi", X, task("ui"), interrupting=False)),
    boundary("bq", "q", X, interrupting=False), task("uq"),
    task("other"), boundary("bo", "other", X, interrupting=False), task("uo"),
    flows("s", "f", "q"), flows("f", "other"), flows("bq", "uq"), flows("bo", "uo"),
    handler("hp", X, task("up"), interrupting=False),
)  # fmt: skip


def test_a_variable_of_the_process_concerns_everybody() -> None:
    run = Driver(SCOPES, {"x": 0})
    run.write(x=1)
    assert run.tree == "q(t hi(ui) ut) other hp(up) uq uo"


def test_a_variable_of_a_sub_process_concerns_who_waits_there_and_its_own_boundary_event() -> None:
    run = Driver(SCOPES, {"x": 0})
    run.write_at("q", x=1)
    assert run.tree == "q(t hi(ui) ut) other uq"


def test_a_variable_of_an_activity_concerns_its_boundary_event_alone() -> None:
    run = Driver(SCOPES, {"x": 0})
    run.write_at("t", x=1)
    assert run.tree == "q(t ut) other"


def test_a_variable_that_hides_another_of_its_name_is_the_one_that_counts() -> None:
    run = Driver(SCOPES, {"x": 0})
    run.write_at("q", x=5)
    run.write(x=1)
    assert run.tree == "q(t) other hp(up) uo"


def test_an_input_parameter_does_not_concern_who_waits_outside() -> None:
    run = Driver(process(
        start(), task("t", extensions(mapped(taken("x", "${1}")))), flows("s", "t"), handler("h", X, task("u"))
    ), {"x": 0})  # fmt: skip
    assert run.tree == "t"


def test_a_condition_behind_an_event_based_gateway_that_holds_already_is_chosen_at_once() -> None:
    run = Driver(heard(process(
        start(), node("eventBasedGateway", "g"), catch("c", X), catch("m", message()), task("t"), task("u"),
        flows("s", "g", "c", "t"), flows("g", "m", "u")
    )), {"x": 1})  # fmt: skip
    assert (run.tree, run.waits, run.done, run.canceled) == ("t", [], ["s", "c"], ["g"])
    assert run.heard() == "p.start s.start s.end s-g g.start g.end c.start c.end c-t t.start t:create"


# -- the finer points of when Camunda looks -------------------------------------------------------------------------------


def test_what_a_create_listener_writes_is_looked_at_by_whoever_looks_next_in_the_command() -> None:
    creating = '<camunda:taskListener event="create" expression="${task.setVariable(\'x\', 1)}"/>'
    alone = process(start(), task("t", extensions(creating)), flows("s", "t"), handler("h", X, task("u")))
    assert Driver(alone, {"x": 0}).tree == "t"
    branches = process(
        start(), fork(), task("t", extensions(creating)), task("n"), flows("s", "f", "t"), flow("f", "n"), handler("h", X, task("u"))
    )  # fmt: skip
    assert Driver(branches, {"x": 0}).tree == "h(u)"


def test_a_start_listener_that_makes_a_side_boundary_event_of_its_activity_hold_makes_it_fire_once() -> None:
    run = Driver(heard(process(
        start(), task("t", extensions(listener("start", SET_X))), boundary("b", "t", X, interrupting=False), task("u"), flows("s", "t"), flows("b", "u")
    )), {"x": 0})  # fmt: skip
    assert run.tree == "t u"
    assert run.heard().endswith("t.start t:create b.start b.end b-u u.start u:create")


@pytest.mark.parametrize("how", [listener("start", SET_X), mapped(taken("x", "${1}"))])
@pytest.mark.parametrize("interrupting", [True, False])
def test_a_sub_process_that_begins_with_the_condition_starts_its_event_sub_process_once(
    how: str, interrupting: bool
) -> None:
    run = Driver(process(
        start(), sub("q", extensions(how), start("i"), task("t"), flows("i", "t"), handler("h", X, task("u"), interrupting=interrupting)), flows("s", "q")
    ), {"x": 0})  # fmt: skip
    assert run.tree == ("q(h(u))" if interrupting else "q(h(u) t)")


@pytest.mark.parametrize(("where", "times"), [("process", 3), ("start event", 2)])
def test_a_listener_of_the_start_makes_earlier_writes_count_too(where: str, times: int) -> None:
    setting = extensions(listener("start", SET_X))
    before, first = (setting, start()) if where == "process" else ("", start("s", setting))
    run = Driver(heard(process(
        before, first, task("t"), flows("s", "t"), handler("h", X, task("u"), interrupting=False)
    )), {"x": 0})  # fmt: skip
    assert run.active == ["t", *["u"] * times]
    # the start goes on first
    assert run.heard().startswith("p.start s.start s.end s-t t.start t:create h.start")


def test_a_start_event_that_makes_the_condition_hold_is_interrupted() -> None:
    run = Driver(heard(process(
        start("s", extensions(listener("start", SET_X))), task("t"), flows("s", "t"), handler("h", X, task("u"))
    )), {"x": 0})  # fmt: skip
    assert run.heard() == "p.start s.start s.end h.start h_s.start h_s.end h_s-u u.start u:create"
    assert (run.tree, run.canceled) == ("h(u)", ["s"])


def test_what_an_event_brings_is_looked_at_when_what_it_starts_begins() -> None:
    run = Driver(heard(process(
        start(), task("t"), boundary("b", "t", message()), task("n"), flows("s", "t"), flow("b", "n"), handler("h", X, task("u"))
    )), {"x": 0})  # fmt: skip
    run.heard()
    run.receive("M1", {"x": 1})
    assert run.heard() == "t.end t:delete b.start b.end h.start h_s.start h_s.end h_s-u u.start u:create"
    assert (run.tree, run.canceled) == ("h(u)", ["t", "b"])


def test_what_an_event_brings_lets_it_go_on_before_a_side_handler() -> None:
    run = Driver(heard(process(
        start(), task("t"), boundary("b", "t", message()), task("n"), flows("s", "t"), flow("b", "n"), handler("h", X, task("u"), interrupting=False)
    )), {"x": 0})  # fmt: skip
    run.heard()
    run.receive("M1", {"x": 1})
    assert run.heard() == (
        "t.end t:delete b.start b.end b-n n.start n:create h.start h_s.start h_s.end h_s-u u.start u:create"
    )


def test_one_event_sub_process_may_interrupt_another_that_has_just_begun() -> None:
    run = Driver(process(
        start(), task("t"), flows("s", "t"), handler("h", X, task("u")), handler("k", message(), task("v"), interrupting=False)
    ), {"x": 0})  # fmt: skip
    run.receive("M1", {"x": 1})
    assert run.tree == "h(u)"
    assert sorted(run.canceled) == ["k", "t"]


@pytest.mark.parametrize("interrupting", [True, False])
def test_the_last_end_listener_of_a_scope_comes_too_late_for_the_scopes_own_events(interrupting: bool) -> None:
    last = extensions(listener("end", SET_X))
    run = Driver(process(
        start(), sub("q", start("i"), end("ie", last), handler("h", X, task("u"), interrupting=interrupting), flows("i", "ie")), task("n"), flows("s", "q", "n")
    ), {"x": 0})  # fmt: skip
    assert run.tree == "n"
    whole = process(start(), end("e", last), handler("h", X, task("u"), interrupting=interrupting), flows("s", "e"))
    assert Driver(whole, {"x": 0}).is_ended


def test_the_last_end_listener_of_a_scope_is_heard_by_the_scopes_around_it() -> None:
    run = Driver(process(
        start(), sub("q", start("i"), end("ie", extensions(listener("end", SET_X))), flows("i", "ie")), task("n"), flows("s", "q", "n"),
        handler("h", X, task("u"))
    ), {"x": 0})  # fmt: skip
    assert run.tree == "h(u)"


def test_an_end_listener_of_a_sub_process_lets_a_side_handler_run_before_its_flow_is_taken_if_a_person_ended_it() -> (
    None
):
    run = Driver(heard(process(
        start(), sub("q", extensions(listener("end", SET_X)), start("i"), task("t"), flows("i", "t")), task("n"), flows("s", "q", "n"),
        handler("h", X, task("u"), interrupting=False)
    )), {"x": 0})  # fmt: skip
    run.heard()
    run.complete("t")
    assert run.heard() == (
        "t:complete t.end q.end h.start h_s.start h_s.end h_s-u u.start u:create q-n n.start n:create"
    )


@pytest.mark.parametrize("how", ["take", "end", "output"])
def test_a_boundary_event_around_sees_what_happens_between_two_activities(how: str) -> None:
    extension = {"take": "", "end": listener("end", SET_X), "output": mapped(given("x", "${1}"))}[how]
    between = f'<bpmn:sequenceFlow id="w-n" sourceRef="w" targetRef="n">{extensions(listener("take", SET_X)) if how == "take" else ""}</bpmn:sequenceFlow>'
    run = Driver(heard(process(
        start(), sub("q", start("i"), sets("w", extensions(extension), y="1"), task("n"), flows("i", "w"), between), boundary("b", "q", X), task("u"),
        flows("s", "q"), flows("b", "u")
    )), {"x": 0})  # fmt: skip
    assert run.tree == "u"
    assert "n.start" not in run.heard()


THREE = "".join(handler(f"h{n}", X, task(f"u{n}"), interrupting=False) for n in (1, 2, 3))


def _handlers(said: str) -> list[str]:
    return [word.removesuffix(".start") for word in said.split() if word in ("h1.start", "h2.start", "h3.start")]


def test_what_a_command_makes_fire_runs_in_the_order_in_which_the_waits_began() -> None:
    run = Driver(heard(process(start(), task("t"), task("n"), flows("s", "t", "n"), THREE)), {"x": 0})
    run.write(x=1)
    assert _handlers(run.heard()) == ["h1", "h2", "h3"]
    run = Driver(heard(process(start(), task("t"), task("n"), flows("s", "t", "n"), THREE)), {"x": 0})
    run.complete("t", {"x": 1})
    assert _handlers(run.heard()) == ["h1", "h2", "h3"]


def test_what_an_element_makes_fire_runs_in_the_opposite_order() -> None:
    run = Driver(heard(process(start(), sets("w", x="1"), task("n"), flows("s", "w", "n"), THREE)), {"x": 0})
    assert _handlers(run.heard()) == ["h3", "h2", "h1"]


def test_a_side_handler_that_writes_makes_itself_fire_until_somebody_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlc_service.engine.hierarchy._MOST_STEPS", 1000)
    source = process(start(), task("t"), flows("s", "t"), handler("h", X, sets("w", n="1"), interrupting=False))
    with pytest.raises(ExecutionFailed, match="does not come to rest"):
        Driver(source, {"x": 0}).write(x=1)


# -- multi-instance -----------------------------------------------------------------------------------------------------


def _several_with_boundary(expression: str, *, interrupting: bool, sequential: bool = False) -> Driver:
    return Driver(process(
        start(), task("t", several("3", sequential=sequential)), boundary("b", "t", condition(expression), interrupting=interrupting), task("u"), task("n"),
        flows("s", "t", "n"), flows("b", "u")
    ), {"x": 0})  # fmt: skip


def test_a_boundary_event_of_a_multi_instance_activity_sees_its_counters() -> None:
    run = _several_with_boundary("nrOfCompletedInstances == 1", interrupting=True)
    run.complete("t")
    assert run.tree == "u"


def test_each_counter_of_a_multi_instance_activity_counts_as_a_write() -> None:
    run = _several_with_boundary("x == 1", interrupting=False)
    run.complete("t", {"x": 1})
    assert run.active == ["t", "t", "u", "u", "u"]


def test_a_boundary_event_that_holds_on_entry_leaves_no_time_for_any_instance() -> None:
    run = _several_with_boundary("x == 0", interrupting=True)
    assert (run.tree, run.canceled) == ("u", ["t#multiInstanceBody"])


def test_a_boundary_event_of_a_sequential_multi_instance_activity_sees_its_counters() -> None:
    run = _several_with_boundary("nrOfCompletedInstances == 2", interrupting=True, sequential=True)
    run.complete("t")
    assert run.active == ["t"]
    run.complete("t")
    assert run.tree == "u"


def test_the_last_of_parallel_instances_is_seen_and_the_last_of_sequential_ones_is_not() -> None:
    for sequential, active in ((True, ["n"]), (False, ["n", "u", "u"])):
        run = _several_with_boundary("nrOfCompletedInstances == 3", interrupting=False, sequential=sequential)
        for _ in range(3):
            run.complete("t")
        assert run.active == active
    run = _several_with_boundary("nrOfCompletedInstances == 3", interrupting=True)
    for _ in range(3):
        run.complete("t")
    assert run.tree == "u"


def test_which_conditional_start_events_hold_is_told_without_starting_anything() -> None:
    source = process(
        start("a", condition("x == 1")), start("b", condition("y == 1")), start("c", condition("x == 1", camunda_variableName="z")), end(),
        flows("a", "e"), flow("b", "e"), flow("c", "e")
    )  # fmt: skip
    (definition,) = parse_bpmn(source, "x.bpmn", KNOWN_DELEGATES)
    met = Execution.conditions_met(
        definition, TestHost(), instance_id=INSTANCE_ID, now=START, variables={"x": 1, "y": 2}
    )
    assert met == ["a", "c"]
