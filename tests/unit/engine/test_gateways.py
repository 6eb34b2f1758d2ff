"""Where tokens part and meet. Camunda is the measure but for one thing: no inclusive join waits for what cannot come."""

from __future__ import annotations

import pytest

from mlc_service.engine import ExecutionFailed
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import Driver, diagram, flow, flows
from tests.unit.engine.shapes import (
    MESSAGE,
    START,
    TERMINATE,
    boundary,
    catch,
    does,
    end,
    gateway,
    listeners,
    log,
    many,
    mapping,
    node,
    process,
    sub,
    told,
    user,
    users,
    way,
    ways,
)

# -- parting -----------------------------------------------------------------------------------------------------------


def test_branches_run_one_after_the_other_each_to_its_wait_in_the_order_of_the_flows() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), *(does(name) for name in ("a1", "a2", "b1", "b2")),
        ways("s > f", "f > b1 > b2", "f > a1 > a2"),
    ))  # fmt: skip
    assert run.done == ["s", "f", "b1", "b2", "a1", "a2"]


def test_a_fork_inside_a_branch_is_finished_before_the_next_branch() -> None:
    run = Driver(process(
        START, gateway("parallel", "f", "g"), *(does(name) for name in "abc"), ways("s > f > g > a", "g > b", "f > c")
    ))  # fmt: skip
    assert run.done == ["s", "f", "g", "a", "b", "c"]


def test_a_branch_with_a_sub_process_is_finished_before_the_next_branch() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), sub("u", node("startEvent", "i"), does("a"), ways("i > a")), does("b"), does("c"),
        ways("s > f > u > b", "f > c"),
    ))  # fmt: skip
    assert run.done == ["s", "f", "i", "a", "u", "b", "c"]


INCLUSIVE = process(
    START, gateway("inclusive", "f", default="f-c"), users("a", "b", "c"),
    ways("s > f", "f > c"), way("f", "a", "x > 1"), way("f", "b", "x > 2"),
)  # fmt: skip


@pytest.mark.parametrize(("x", "taken"), [(0, ["c"]), (2, ["a"]), (3, ["a", "b"])])
def test_an_inclusive_gateway_takes_every_flow_that_holds_or_the_default(x: int, taken: list[str]) -> None:
    assert Driver(INCLUSIVE, {"x": x}).active == taken


def test_a_condition_on_the_default_flow_of_an_inclusive_gateway_is_not_asked() -> None:
    run = Driver(process(
        START, gateway("inclusive", "f", default="f-b"), users("a", "b"), ways("s > f"), way("f", "a", "false"),
        way("f", "b", "false"),
    ))  # fmt: skip
    assert run.active == ["b"]


def test_an_inclusive_gateway_takes_a_flow_without_condition_beside_those_that_hold() -> None:
    run = Driver(process(
        START, gateway("inclusive", "f"), users("a", "b", "c"), ways("s > f > b"), way("f", "a", "true"), way("f", "c", "false")
    ))  # fmt: skip
    assert run.active == ["a", "b"]


@pytest.mark.parametrize("flows_out", ["", way("f", "a", "false") + way("f", "b", "false")])
def test_an_inclusive_gateway_without_a_way_out_fails_naming_itself(flows_out: str) -> None:
    with pytest.raises(ExecutionFailed, match="could be selected") as failure:
        Driver(process(START, gateway("inclusive", "f"), users("a", "b"), ways("s > f"), flows_out))
    assert failure.value.element_id == "f"


def test_a_parallel_gateway_without_a_way_out_ends_its_token() -> None:
    assert Driver(process(START, gateway("parallel", "f"), ways("s > f"))).is_ended


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [(flow("g", "a"), way("g", "b", "true"), "a"), (way("g", "b", "true"), flow("g", "a"), "b"),
     (way("g", "b", "false"), flow("g", "a"), "a")],
)  # fmt: skip
def test_a_flow_without_condition_behind_an_exclusive_gateway_always_holds_in_its_turn(
    first: str, second: str, taken: str
) -> None:
    run = Driver(process(START, gateway("exclusive", "g"), users("a", "b"), ways("s > g"), first, second))
    assert run.active == [taken]


def test_a_parallel_gateway_asks_no_condition() -> None:
    run = Driver(process(START, gateway("parallel", "g"), users("a"), ways("s > g"), way("g", "a", "false")))
    assert run.active == ["a"]


def test_every_flow_out_of_a_start_event_is_taken() -> None:
    run = Driver(
        process(START, users("a", "b", "z"), gateway("parallel", "j"), ways("s > a > j", "s > b > j", "j > z"))
    )
    run.complete("a")
    assert run.tree == "b j"
    run.complete("b")
    assert run.tree == "z"


def test_conditions_on_the_flows_of_a_start_event_are_asked() -> None:
    source = process(START, users("a", "b"), way("s", "a", "x"), way("s", "b", "!x"))
    assert Driver(source, {"x": True}).active == ["a"]
    assert Driver(source, {"x": False}).active == ["b"]


def test_a_task_none_of_whose_conditional_flows_holds_fails() -> None:
    with pytest.raises(ExecutionFailed, match="could be selected"):
        Driver(process(START, does("t"), users("a"), ways("s > t"), way("t", "a", "false")))


def test_a_task_takes_its_flow_without_condition_beside_those_that_hold() -> None:
    source = process(START, does("t"), users("a", "b"), ways("s > t > a"), way("t", "b", "x"))
    assert Driver(source, {"x": True}).active == ["a", "b"]
    assert Driver(source, {"x": False}).active == ["a"]


def test_each_start_event_leads_its_own_way() -> None:
    source = process(
        START, node("startEvent", "m", MESSAGE), users("a", "b", "z"), gateway("exclusive", "g"),
        ways("s > a > g", "m > b > g > z"),
    )  # fmt: skip
    assert Driver(source).active == ["a"]
    run = Driver(source, at="m")
    assert run.active == ["b"]
    run.complete("b")
    assert run.active == ["z"]


# -- meeting: parallel -------------------------------------------------------------------------------------------------

FORK = [START, gateway("parallel", "f", "j"), users("a", "b", "z")]


def test_each_token_that_waits_at_a_join_is_an_activity_of_its_own() -> None:
    run = Driver(process(*FORK, users("c"), ways("s > f > a > j", "f > b > j", "f > c > j > z")))
    run.complete("a")
    run.complete("c")
    assert run.tree == "b j j"
    assert [one.activity_id for one in run.running.values()] == ["b", "j", "j"]
    assert run.done == ["s", "f", "a", "c"]
    run.complete("b")
    assert run.tree == "z"
    assert run.done.count("j") == 3


def test_listeners_of_a_join_hear_each_token_come_and_all_go_when_it_fires() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), node("parallelGateway", "j", listeners("j")), does("a"), does("b"), does("z"),
        ways("s > f > a > j", "f > b > j > z"),
    ), {"log": ""})  # fmt: skip
    assert log(run) == ["j.start", "j.start", "j.end", "j.end"]
    assert told(run)[4:] == ["+a", "-a", "+j", "+b", "-b", "+j", "-j", "-j", "+z", "-z"]


def test_a_parallel_join_counts_tokens_not_flows() -> None:
    run = Driver(process(
        START, gateway("parallel", "f", "j"), gateway("exclusive", "m"), users("a", "b", "c", "z"),
        ways("s > f > a > m", "f > b > m > j", "c > j > z"),
    ))  # fmt: skip
    run.complete("a")
    assert run.tree == "b j"
    run.complete("b")
    assert run.tree == "z"


def test_a_join_goes_on_waiting_when_a_token_ends_that_would_have_come() -> None:
    run = Driver(process(*FORK, end("e"), users("c"), ways("s > f > a > j", "f > b > e", "c > j > z")))
    run.complete("a")
    run.complete("b")
    assert run.tree == "j"
    assert not run.is_ended


def test_an_interrupted_branch_may_come_to_the_join_by_its_boundary_event() -> None:
    run = Driver(process(
        START, gateway("parallel", "f", "j"), users("a", "z"), sub("u", node("startEvent", "i"), users("b"), ways("i > b")),
        boundary("late", "u", MESSAGE), ways("s > f > a > j", "f > u", "late > j > z"),
    ))  # fmt: skip
    run.complete("a")
    run.receive("M1")
    assert run.tree == "z"


def test_a_token_of_a_boundary_event_that_does_not_interrupt_counts_at_a_join() -> None:
    run = Driver(process(
        *FORK, boundary("more", "b", MESSAGE, interrupting=False),
        ways("s > f > a > j", "f > b > j", "more > j > z"),
    ))  # fmt: skip
    run.complete("a")
    run.receive("M1")
    assert run.tree == "b j j"
    run.complete("b")
    assert run.tree == "z"


def test_terminating_takes_the_tokens_along_that_wait_at_a_join() -> None:
    run = Driver(process(*FORK, end("stop", TERMINATE), users("c"), ways("s > f > a > j > z", "c > j", "f > b > stop")))
    run.complete("a")
    run.complete("b")
    assert run.ended is not None
    assert run.ended.state == "COMPLETED"
    assert run.canceled == ["j"]


def test_an_interrupted_sub_process_forgets_who_waited_at_its_join() -> None:
    run = Driver(process(
        START, sub("u", node("startEvent", "i"), gateway("parallel", "f", "j"), users("a", "b"), ways("i > f > a > j", "f > b > j")),
        boundary("again", "u", MESSAGE), ways("s > u", "again > u"),
    ))  # fmt: skip
    run.complete("a")
    assert run.tree == "u(b j)"
    run.receive("M1")
    assert run.tree == "u(a b)"
    run.complete("b")
    assert run.tree == "u(a j)"
    run.complete("a")
    assert run.is_ended


def test_joins_of_several_instances_of_a_sub_process_do_not_mix() -> None:
    run = Driver(process(
        START, sub("u", many(2), node("startEvent", "i"), gateway("parallel", "f", "j"), users("a", "b"),
                   ways("i > f > a > j", "f > b > j")),
        ways("s > u"),
    ))  # fmt: skip
    run.complete("a")
    run.complete("a")
    assert run.tree == "u#multiInstanceBody(u(b j) u(b j))"
    run.complete("b")
    assert run.tree == "u#multiInstanceBody(u(b j))"
    run.complete("b")
    assert run.is_ended


def test_variables_of_both_branches_are_there_behind_the_join() -> None:
    run = Driver(process(
        START, gateway("parallel", "f", "j"), user("a", mapping({"own": "${1}"}, {"of_a": "${own}"})),
        user("b", mapping({"own": "${2}"}, {"of_b": "${own}"})), users("z"), ways("s > f > a > j", "f > b > j > z"),
    ))  # fmt: skip
    run.complete("b")
    run.complete("a")
    assert run.variables == {"of_a": 1, "of_b": 2}


def test_a_hundred_branches_meet_whatever_their_order() -> None:
    names = [f"t{number}" for number in range(100)]
    run = Driver(process(
        START, gateway("parallel", "f", "j"), users(*names, "z"), *(ways(f"f > {name} > j") for name in names), ways("s > f", "j > z")
    ))  # fmt: skip
    for name in sorted(names, reverse=True):
        run.complete(name)
    assert run.tree == "z"


# -- meeting: inclusive ------------------------------------------------------------------------------------------------

MEET = [START, gateway("parallel", "f"), gateway("inclusive", "j"), users("a", "b", "z")]


def test_an_inclusive_join_waits_for_who_was_sent() -> None:
    source = process(
        START, gateway("inclusive", "f", "j"), users("a", "b", "c", "z"), ways("s > f > a > j", "b > j", "c > j > z"),
        way("f", "b", "x > 0"), way("f", "c", "x > 1"),
    )  # fmt: skip
    run = Driver(source, {"x": 0})
    run.complete("a")
    assert run.tree == "z"
    run = Driver(source, {"x": 1})
    run.complete("a")
    assert run.tree == "b j"
    run.complete("b")
    assert run.tree == "z"
    run = Driver(source, {"x": 2})
    for name in "cba":
        run.complete(name)
    assert run.tree == "z"
    assert run.done.count("j") == 3


@pytest.mark.parametrize("order", [("f > a > j", "f > j"), ("f > j", "f > a > j")])
def test_a_fork_may_lead_to_the_join_directly(order: tuple[str, str]) -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("inclusive", "j"), does("a"), users("z"), ways("s > f", *order, "j > z")
    ))  # fmt: skip
    assert run.tree == "z"
    assert run.done.count("j") == 2


def test_two_flows_from_the_fork_to_the_join_make_one_token_behind_it() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("inclusive", "j"), users("z"), ways("s > f"),
        flow("f", "j", flow_id="one"), flow("f", "j", flow_id="two"), ways("j > z"),
    ))  # fmt: skip
    assert run.tree == "z"


def test_an_inclusive_join_fires_when_the_other_token_ends_elsewhere() -> None:
    """Camunda looks when a token arrives only, and waits for ever here."""
    run = Driver(process(*MEET, end("e"), gateway("exclusive", "x"), ways("s > f > a > j > z", "f > b > x"),
                         way("x", "j", "false"), way("x", "e", "true")))  # fmt: skip
    run.complete("a")
    assert run.tree == "b j"
    run.complete("b")
    assert run.tree == "z"


def test_an_inclusive_join_fires_when_the_other_token_turns_elsewhere() -> None:
    run = Driver(process(*MEET, users("w"), gateway("exclusive", "x"), ways("s > f > a > j > z", "f > b > x"),
                         way("x", "j", "go == 2"), way("x", "w", "go == 1")), {"go": 1})  # fmt: skip
    run.complete("a")
    run.complete("b")
    assert run.tree == "w z"


def test_an_inclusive_join_fires_when_the_other_token_is_interrupted() -> None:
    run = Driver(
        process(*MEET, users("w"), boundary("away", "b", MESSAGE), ways("s > f > a > j > z", "f > b > j", "away > w"))
    )
    run.complete("a")
    assert run.tree == "b j"
    run.receive("M1")
    assert run.tree == "w z"


def test_an_inclusive_join_fires_at_once_if_the_other_token_is_elsewhere_already() -> None:
    run = Driver(process(*MEET, users("w"), ways("s > f > a > j > z", "f > b > w"), flow("w", "e"), end("e")))
    run.complete("b")
    run.complete("a")
    assert run.tree == "w z"


def test_only_the_shape_of_the_diagram_says_who_can_come() -> None:
    run = Driver(process(*MEET, ways("s > f > a > j > z", "f > b"), way("b", "j", "false"), end("e"), ways("b > e")))
    run.complete("a")
    assert run.tree == "b j"


def test_a_boundary_event_that_leads_to_the_join_is_not_waited_for() -> None:
    run = Driver(process(
        *MEET, end("e"), boundary("more", "b", MESSAGE, interrupting=False), ways("s > f > a > j", "f > b > e", "more > j > z")
    ))  # fmt: skip
    run.complete("a")
    assert run.tree == "b z"
    run.receive("M1")
    assert run.tree == "b z z"


def test_a_token_behind_the_join_that_can_come_back_is_waited_for() -> None:
    run = Driver(process(*MEET, end("e"), gateway("exclusive", "x"), ways("s > f > a > j", "f > b > z", "j > z > x"),
                         way("x", "j", "again"), way("x", "e", "!again")), {"again": True})  # fmt: skip
    run.complete("a")
    run.complete("b")
    assert run.tree == "j z"
    run.complete("z")
    assert run.tree == "z"
    run.complete("z", {"again": False})
    assert run.is_ended


def test_an_inclusive_split_and_join_can_be_gone_through_many_times() -> None:
    run = Driver(process(
        START, gateway("inclusive", "f", "j"), gateway("exclusive", "x"), does("a", "n + 1", camunda_resultVariable="n"), does("b"), does("c"),
        end("e"), ways("s > f > a > j", "b > j", "c > j > x"), way("f", "b", "n % 2 == 0"), way("f", "c", "n % 3 == 0"),
        way("x", "f", "n < 30"), way("x", "e", "n == 30"),
    ), {"n": 0})  # fmt: skip
    assert run.is_ended
    assert (run.done.count("a"), run.done.count("b"), run.done.count("c"), run.done.count("e")) == (30, 15, 10, 1)


def test_a_token_in_a_sub_process_that_leads_to_the_join_is_waited_for() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("inclusive", "j"), users("a", "z"),
        sub("u", node("startEvent", "i"), users("b"), ways("i > b")), ways("s > f > a > j", "f > u > j > z"),
    ))  # fmt: skip
    run.complete("a")
    assert run.tree == "u(b) j"
    run.complete("b")
    assert run.tree == "z"


def test_tokens_outside_do_not_keep_a_join_inside_a_sub_process_waiting() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), users("o"), ways("s > f > o", "f > u"),
        sub("u", node("startEvent", "i"), gateway("parallel", "g"), gateway("inclusive", "j"), users("a", "b", "z"),
            ways("i > g > a > j", "g > b > j > z")),
    ))  # fmt: skip
    run.complete("a")
    run.complete("b")
    assert run.tree == "o u(z)"


def test_a_token_that_waits_for_a_job_before_the_join_is_waited_for() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), node("inclusiveGateway", "j", camunda_asyncBefore="true"), users("a", "b", "z"),
        ways("s > f > a > j", "f > b > j > z"),
    ))  # fmt: skip
    run.complete("a")
    run.complete("b")
    assert run.tree == "~j ~j"
    run.job("j")
    assert run.tree == "j ~j"
    run.job("j")
    assert run.tree == "z"


def test_a_token_in_a_multi_instance_activity_that_leads_to_the_join_is_waited_for() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("inclusive", "j"), users("a", "z"), user("m", many(2)),
        ways("s > f > a > j", "f > m > j > z"),
    ))  # fmt: skip
    run.complete("a")
    run.complete("m")
    assert run.tree == "m#multiInstanceBody(m) j"
    run.complete("m")
    assert run.tree == "z"


def test_an_inclusive_gateway_with_one_flow_in_lets_every_token_pass() -> None:
    run = Driver(process(
        START, gateway("exclusive", "m"), gateway("inclusive", "j"), users("a", "b", "z"), ways("s > a > m", "s > b > m > j > z")
    ))  # fmt: skip
    run.complete("a")
    assert run.tree == "b z"
    run.complete("b")
    assert run.tree == "z z"


def test_as_many_tokens_as_flows_fire_an_inclusive_join_whatever_else_can_come() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("exclusive", "m"), gateway("inclusive", "j"), users("a", "b", "c", "d", "z"),
        ways("s > f > a > m", "f > b > m > j", "f > c > d > j > z"),
    ))  # fmt: skip
    run.complete("a")
    assert run.tree == "b c j"
    run.complete("b")
    assert run.tree == "c z"
    run.complete("c")
    run.complete("d")
    assert run.tree == "z z"


def test_inclusive_joins_in_a_row_fire_in_a_row() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("inclusive", "j", "k"), users("a", "b", "c", "z"),
        ways("s > f > a > j", "f > b > j > k", "f > c > k > z"),
    ))  # fmt: skip
    run.complete("c")
    assert run.tree == "a b k"
    run.complete("a")
    assert run.tree == "b k j"
    run.complete("b")
    assert run.tree == "z"


def test_two_inclusive_joins_that_lead_to_each_other_do_not_wait_for_each_other() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("inclusive", "j", "k"), users("a", "b", "c", "d"),
        ways("s > f > a > j > c > k", "f > b > k > d > j"),
    ))  # fmt: skip
    run.complete("a")
    run.complete("b")
    # Camunda would show j and k here for ever; the first of them goes on, and the other waits for what comes of that
    assert run.tree == "k c"


def test_an_inclusive_join_inside_a_cancelled_scope_is_forgotten() -> None:
    run = Driver(process(
        START, sub("u", node("startEvent", "i"), gateway("parallel", "f"), gateway("inclusive", "j"), users("a", "b"),
                   ways("i > f > a > j", "f > b > j")),
        boundary("out", "u", MESSAGE), users("z"), ways("s > u", "out > z"),
    ))  # fmt: skip
    run.complete("a")
    run.receive("M1")
    assert run.tree == "z"
    run.complete("z")
    assert run.is_ended


# -- meeting: exclusive, and no gateway at all -------------------------------------------------------------------------


def test_an_exclusive_gateway_and_a_task_let_every_token_pass() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("exclusive", "m"), users("a", "b", "z"), ways("s > f > a > m", "f > b > m > z")
    ))  # fmt: skip
    run.complete("a")
    run.complete("b")
    assert run.tree == "z z"
    run.complete("z")
    assert not run.is_ended
    run.complete("z")
    assert run.is_ended


# -- event-based -------------------------------------------------------------------------------------------------------

RACE = process(
    START, gateway("eventBased", "g"), catch("m", MESSAGE), catch("n", '<bpmn:messageEventDefinition messageRef="m2"/>'),
    users("a", "b"), ways("s > g > m > a", "g > n > b"),
)  # fmt: skip


def test_the_first_event_behind_an_event_based_gateway_decides() -> None:
    run = Driver(RACE)
    assert run.tree == "g"
    assert [one.activity_id for one in run.subscriptions.values()] == ["m", "n"]
    run.receive("M2", {"why": "second"})
    assert run.tree == "b"
    assert run.subscriptions == {}
    assert run.variables == {"why": "second"}
    # the gateway counts as canceled in Camunda's history
    assert (run.canceled, run.done) == (["g"], ["s", "n"])


def test_an_event_based_gateway_cannot_continue_later() -> None:
    with pytest.raises(InvalidResource, match="asyncAfter"):
        Driver(RACE.replace(b'id="g"', b'id="g" camunda:asyncAfter="true"'))


def test_a_join_in_a_loop_does_not_wait_for_a_token_that_waits_for_it() -> None:
    """The token at the parallel join could come round to the inclusive one, if only that let the other token go."""
    run = Driver(
        diagram(
            '<bpmn:startEvent id="s"/><bpmn:exclusiveGateway id="m"/><bpmn:parallelGateway id="f"/><bpmn:task id="a"/>'
            '<bpmn:inclusiveGateway id="i"/><bpmn:task id="b"/><bpmn:task id="c"/><bpmn:inclusiveGateway id="ij"/>'
            '<bpmn:parallelGateway id="j"/><bpmn:exclusiveGateway id="again" default="out"/><bpmn:endEvent id="e"/>'
            + flows("s", "m", "f", "a", "j", "again")
            + flow("f", "i")
            + flow("i", "b", "${false}")
            + flow("i", "c", "${true}")
            + flow("b", "ij")
            + flows("c", "ij", "j")
            + flow("again", "m", "${false}")
            + flow("again", "e", flow_id="out")
        )
    )
    assert run.is_ended
    assert run.done.count("ij") == 1
