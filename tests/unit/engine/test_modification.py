"""Instances that are changed by hand: what is cancelled, what is begun, and what is begun around it."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed, Instruction, InvalidModification
from mlc_service.engine import effects as fx
from tests.unit.engine.driver import Driver, flow
from tests.unit.engine.shapes import (
    ERROR,
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
    task_listeners,
    timer,
    told,
    user,
    users,
    ways,
)


def before(activity_id: str, **more: Any) -> Instruction:
    return Instruction("startBeforeActivity", activity_id, **more)


def after(activity_id: str, **more: Any) -> Instruction:
    return Instruction("startAfterActivity", activity_id, **more)


def along(transition_id: str, **more: Any) -> Instruction:
    return Instruction("startTransition", transition_id=transition_id, **more)


def cancel(activity_id: str) -> Instruction:
    return Instruction("cancel", activity_id)


def number_of(run: Driver, activity_id: str) -> int:
    return next(number for number, one in run.running.items() if one.activity_id == activity_id)


def heard(source: str, target: str) -> str:
    """A flow that its listener tells of."""
    inside = (
        "<bpmn:extensionElements>"
        + listener("take", f"{source}-{target}")
        + "</bpmn:extensionElements></bpmn:sequenceFlow>"
    )
    return flow(source, target).replace("</bpmn:sequenceFlow>", inside)


NESTED = process(
    "<bpmn:extensionElements>" + listeners("P") + "</bpmn:extensionElements>",
    node("startEvent", "s"),
    user("t", listeners("t")),
    sub("u", listeners("u"), mapping({"of_u": "${1}"}), node("startEvent", "ui"),
        sub("v", listeners("v"), mapping({"of_v": "${of_u + 1}"}), node("startEvent", "vi"), user("b", listeners("b")), user("c", listeners("c")),
            ways("vi > b"), heard("b", "c")),
        ways("ui > v")),
    boundary("out", "u", MESSAGE),
    users("z"),
    ways("s > t > u > z", "out > z"),
)  # fmt: skip


def nested() -> Driver:
    return Driver(NESTED, {"log": ""})


# -- beginning ---------------------------------------------------------------------------------------------------------


def test_scopes_that_are_missing_around_are_begun_with_their_mappings_and_listeners() -> None:
    run = nested()
    run.modify(cancel("t"), before("b"))
    assert run.tree == "u(v(b))"
    assert log(run) == ["P.start", "t.start", "t.end", "u.start", "v.start", "b.start"]
    assert told(run)[2:] == ["+t", "!t", "+u", "+v", "+b"]
    assert [held for number, held in sorted(run.scopes.items()) if number] == [{"of_u": 1}, {"of_v": 2}]
    assert [one.activity_id for one in run.subscriptions.values()] == ["out"]
    run.complete("b")
    run.complete("c")
    assert run.tree == "z"


def test_scopes_that_are_there_are_used() -> None:
    run = nested()
    run.modify(before("b"))
    run.modify(before("c"))
    assert run.tree == "t u(v(b c))"
    run.complete("c")
    assert run.tree == "t u(v(b))"


def test_what_is_begun_in_a_scope_ends_with_it() -> None:
    run = nested()
    run.modify(before("b"))
    run.receive("M1")
    assert run.tree == "t z"


def test_an_activity_in_the_scope_of_the_process_begins_beside_the_others() -> None:
    run = nested()
    run.modify(before("z"))
    assert run.tree == "t z"


def test_a_sub_process_begins_at_its_start_event() -> None:
    run = nested()
    run.modify(before("u"))
    assert run.tree == "t u(v(b))"
    assert "+ui" in told(run)


def test_the_start_event_of_the_process_can_begin_once_more() -> None:
    run = nested()
    run.modify(before("s"))
    assert run.tree == "t t"
    assert log(run).count("P.start") == 1


def test_beginning_after_an_activity_takes_its_flow_without_the_activity() -> None:
    run = nested()
    run.modify(cancel("t"), after("b"))
    assert run.tree == "u(v(c))"
    assert log(run)[3:] == ["u.start", "v.start", "b-c", "c.start"]
    assert "+b" not in told(run)


def test_beginning_with_a_transition_takes_it() -> None:
    run = nested()
    run.modify(along("b-c"))
    assert run.tree == "t u(v(c))"
    assert log(run)[-2:] == ["b-c", "c.start"]


@pytest.mark.parametrize(
    ("instruction", "message"),
    [(after("c"), "no outgoing flow"), (after("h"), "several outgoing flows"), (before("nope"), "'nope' does not exist"),
     (after("nope"), "'nope' does not exist"), (along("nope"), "transition 'nope' does not exist"),
     (Instruction("startBeforeActivity"), "does not exist"), (Instruction("startTransition"), "does not exist"),
     (before("#process"), "does not exist")],
)  # fmt: skip
def test_what_cannot_begin_is_named_with_its_place_among_the_instructions(
    instruction: Instruction, message: str
) -> None:
    source = process(START, users("h", "a", "c"), ways("s > h > a", "h > c"))
    run = Driver(source)
    with pytest.raises(InvalidModification, match=rf"instruction 2 \({instruction.kind}\): .*{message}"):
        run.modify(before("a"), instruction)
    assert run.tree == "h"


def test_an_asynchronous_activity_begins_with_its_job() -> None:
    run = Driver(
        process(START, users("t"), user("a", camunda_asyncBefore="true", camunda_jobPriority="${x}"), ways("s > t > a"))
    )
    run.modify(before("a", variables=[("x", 7, False)]))
    assert run.tree == "t ~a"
    (job,) = run.jobs.values()
    assert job.priority == 7
    run.job("a")
    assert run.tree == "t a"


JOIN = process(
    START, users("t", "a", "b", "z"), gateway("parallel", "f", "j"), ways("s > t > f > a > j", "f > b > j > z")
)  # fmt: skip


def test_a_fork_begins_with_all_its_branches() -> None:
    run = Driver(JOIN)
    run.modify(before("f"))
    assert run.tree == "t a b"


def test_a_token_that_begins_at_a_join_is_one_that_has_come() -> None:
    run = Driver(JOIN)
    run.modify(before("j"))
    assert run.tree == "t j"
    run.modify(along("b-j"))
    assert run.tree == "t z"


def test_a_token_cancelled_at_a_join_has_not_come() -> None:
    run = Driver(JOIN)
    run.modify(cancel("t"), before("f"))
    run.complete("a")
    assert run.tree == "b j"
    run.modify(cancel("j"))
    assert run.tree == "b"
    run.complete("b")
    assert run.tree == "j"
    run.modify(before("j"))
    assert run.tree == "z"


def test_one_of_several_tokens_at_a_join_can_be_cancelled() -> None:
    run = Driver(process(
        START, gateway("parallel", "f", "j"), users("a", "b", "c", "z"), ways("s > f > a > j", "f > b > j", "f > c > j > z")
    ))  # fmt: skip
    run.complete("a")
    run.complete("b")
    run.modify(Instruction("cancel", number=number_of(run, "j")))
    assert run.tree == "c j"
    run.complete("c")
    assert run.tree == "j j"


def test_a_token_cancelled_at_an_inclusive_join_has_not_come() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("inclusive", "j"), users("a", "b", "z"), ways("s > f > a > j", "f > b > j > z")
    ))  # fmt: skip
    run.complete("a")
    run.modify(cancel("j"))
    assert run.tree == "b"
    run.complete("b")
    assert run.tree == "z"
    assert run.done.count("j") == 1


def test_an_inclusive_join_fires_when_what_it_waited_for_is_cancelled() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), gateway("inclusive", "j"), users("a", "b", "z"), ways("s > f > a > j", "f > b > j > z")
    ))  # fmt: skip
    run.complete("a")
    run.modify(cancel("b"))
    assert run.tree == "z"


def test_an_end_event_that_begins_ends_its_token_only() -> None:
    run = Driver(process(START, users("t"), end("e"), ways("s > t > e")))
    run.modify(before("e"))
    assert run.tree == "t"
    assert not run.is_ended


def test_a_terminate_end_event_that_begins_ends_all() -> None:
    run = Driver(process(START, users("t"), end("e", TERMINATE), ways("s > t > e")))
    run.modify(before("e"))
    assert run.ended == fx.InstanceEnded("COMPLETED", "e")


def test_an_error_end_event_that_begins_is_caught_around() -> None:
    run = Driver(process(
        START, users("t", "y"), sub("u", node("startEvent", "i"), users("a"), end("bad", ERROR), ways("i > a > bad")), boundary("b", "u", ERROR),
        ways("s > t > u", "b > y"),
    ))  # fmt: skip
    run.modify(before("bad"))
    assert run.tree == "t y"


def test_what_begins_may_run_to_the_end_of_its_branch() -> None:
    run = Driver(process(START, users("t"), does("d"), end("e"), ways("s > t > d > e")))
    run.modify(before("d"))
    assert run.tree == "t"
    assert run.done == ["s", "d", "e"]


def test_a_failure_on_the_way_is_one_of_the_step() -> None:
    run = Driver(process(START, users("t"), does("d", "nothing"), ways("s > t > d")))
    with pytest.raises(ExecutionFailed, match="'nothing'"):
        run.modify(before("d"))


# -- events that begin -------------------------------------------------------------------------------------------------


def test_a_boundary_event_that_begins_takes_the_place_of_its_host() -> None:
    run = Driver(
        process(
            START,
            gateway("parallel", "f"),
            users("t", "o", "y"),
            boundary("b", "t", MESSAGE),
            ways("s > f > t", "f > o", "b > y"),
        )
    )
    run.modify(before("b"))
    assert run.tree == "o y"
    assert run.canceled == ["t"]
    assert run.subscriptions == {}


def test_a_boundary_event_that_does_not_interrupt_begins_beside_its_host() -> None:
    run = Driver(
        process(START, users("t", "y"), boundary("b", "t", MESSAGE, interrupting=False), ways("s > t", "b > y"))
    )
    run.modify(before("b"))
    assert run.tree == "t y"


def test_a_boundary_event_begins_without_its_host() -> None:
    run = Driver(process(START, users("o", "t", "y"), boundary("b", "t", timer("PT1H")), ways("s > o > t", "b > y")))
    run.modify(before("b"))
    assert run.tree == "o y"


def test_a_boundary_event_does_not_choose_between_hosts() -> None:
    run = Driver(process(START, users("t", "y"), boundary("b", "t", MESSAGE), ways("s > t", "b > y")))
    run.modify(before("t"))
    with pytest.raises(InvalidModification, match="2 instances of 't'"):
        run.modify(before("b"))


def test_what_follows_a_boundary_event_begins_beside_its_host() -> None:
    run = Driver(process(START, users("t", "y"), boundary("b", "t", MESSAGE), ways("s > t", "b > y")))
    run.modify(after("b"))
    assert run.tree == "t y"


def with_event_sub(*, interrupting: bool = True) -> Driver:
    return Driver(process(
        START, gateway("parallel", "f"), users("t", "o"), event_sub("e", MESSAGE, users("u"), ways("e_start > u"), interrupting=interrupting),
        ways("s > f > t", "f > o"),
    ))  # fmt: skip


@pytest.mark.parametrize("where", ["e", "e_start"])
def test_an_event_sub_process_that_begins_interrupts_its_scope(where: str) -> None:
    run = with_event_sub()
    run.modify(before(where))
    assert run.tree == "e(u)"
    assert run.canceled == ["t", "o"]
    assert run.done[-1] == "e_start"
    run.complete("u")
    assert run.is_ended


@pytest.mark.parametrize("where", ["e", "e_start"])
def test_an_event_sub_process_that_does_not_interrupt_begins_beside_the_rest(where: str) -> None:
    run = with_event_sub(interrupting=False)
    run.modify(before(where))
    assert run.tree == "t o e(u)"


def test_an_activity_inside_an_event_sub_process_interrupts_nothing() -> None:
    run = with_event_sub()
    run.modify(before("u"))
    assert run.tree == "t o e(u)"
    run.modify(before("e_start"))
    assert run.tree == "t o e(u u)"
    run.receive("M1")
    assert run.tree == "e(u)"


def race(*first: str) -> Driver:
    more = '<bpmn:messageEventDefinition messageRef="m2"/>'
    return Driver(process(
        START, gateway("eventBased", "g"), *first, catch("m", MESSAGE), catch("n", more), users("z"), ways("g > m > z", "g > n > z"),
        ways("s > o > g" if first else "s > g"),
    ))  # fmt: skip


def test_an_event_behind_an_event_based_gateway_that_begins_has_happened() -> None:
    run = race()
    run.modify(before("m"))
    assert run.tree == "z"
    assert (run.canceled, run.done) == (["g"], ["s", "m"])
    assert run.subscriptions == {}
    run = race(users("o"))
    run.modify(before("m"))
    assert run.tree == "o z"


def test_no_flow_of_an_event_based_gateway_can_be_taken_by_hand() -> None:
    with pytest.raises(InvalidModification, match="does not exist"):
        race().modify(along("g-m"))


# -- which scope -------------------------------------------------------------------------------------------------------

TWICE = process(
    START, sub("u", node("startEvent", "i"), users("a", "b"), ways("i > a > b")), users("z"), ways("s > u > z")
)


def test_several_scopes_to_begin_in_are_not_chosen_between() -> None:
    run = Driver(TWICE)
    run.modify(before("u"))
    assert run.tree == "u(a) u(a)"
    with pytest.raises(InvalidModification, match=r"2 instances of 'u'.*ancestorActivityInstanceId"):
        run.modify(before("b"))


def test_an_ancestor_says_which_scope_is_meant() -> None:
    run = Driver(TWICE)
    run.modify(before("u"))
    run.modify(before("b", ancestor=number_of(run, "u")))
    assert run.tree == "u(a b) u(a)"


def test_the_process_instance_as_ancestor_begins_new_scopes() -> None:
    run = Driver(TWICE)
    run.modify(before("b", ancestor=0))
    assert run.tree == "u(a) u(b)"


def test_an_ancestor_half_way_begins_the_rest() -> None:
    run = nested()
    run.modify(before("b"))
    run.modify(before("c", ancestor=number_of(run, "u")))
    assert run.tree == "t u(v(b) v(c))"


@pytest.mark.parametrize(
    ("of", "where", "message"), [("a", "b", "'a' is no ancestor of 'b'"), ("u", "z", "no ancestor of 'z'")]
)
def test_what_is_no_ancestor_is_refused(of: str, where: str, message: str) -> None:
    run = Driver(TWICE)
    with pytest.raises(InvalidModification, match=message):
        run.modify(before(where, ancestor=number_of(run, of)))


def test_an_ancestor_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidModification, match="no such ancestor"):
        Driver(TWICE).modify(before("b", ancestor=4711))


# -- cancelling --------------------------------------------------------------------------------------------------------


def test_every_instance_of_an_activity_is_cancelled() -> None:
    run = nested()
    run.modify(before("z"), before("z"), cancel("z"))
    assert run.tree == "t"
    assert run.canceled == ["z", "z"]


def test_one_instance_is_cancelled_by_its_number() -> None:
    run = nested()
    run.modify(before("z"), before("z"))
    run.modify(Instruction("cancel", number=number_of(run, "z")))
    assert run.tree == "t z"


def test_a_token_that_waits_for_a_job_is_cancelled_by_the_number_of_its_transition() -> None:
    run = Driver(process(START, users("t"), user("a", camunda_asyncBefore="true"), ways("s > t > a")))
    run.modify(before("a"))
    run.modify(Instruction("cancel", number=next(iter(run.jobs))))
    assert run.tree == "t"
    assert run.jobs == {}
    run.modify(before("a"))
    run.modify(cancel("a"))
    assert run.tree == "t"


def test_scopes_go_with_what_was_last_in_them() -> None:
    run = nested()
    run.modify(before("b"))
    run.modify(cancel("b"))
    assert run.tree == "t"
    assert run.canceled == ["b", "v", "u"]
    assert log(run)[-3:] == ["b.end", "v.end", "u.end"]
    assert run.subscriptions == {}


def test_cancelling_first_and_beginning_in_the_same_scope_begins_it_anew() -> None:
    run = nested()
    run.modify(before("b"))
    run.modify(cancel("b"), before("c"))
    assert run.tree == "t u(v(c))"
    assert run.canceled == ["b", "v", "u"]
    run.modify(before("b"), cancel("c"))
    assert run.tree == "t u(v(b))"
    assert run.canceled == ["b", "v", "u", "c"]


def test_a_scope_is_cancelled_with_all_it_encloses() -> None:
    run = nested()
    run.modify(before("b"), before("c"), cancel("u"))
    assert run.tree == "t"
    assert run.canceled == ["b", "c", "v", "u"]


def test_cancelling_all_ends_the_instance() -> None:
    run = nested()
    run.modify(cancel("t"))
    assert run.ended == fx.InstanceEnded("EXTERNALLY_TERMINATED", None)
    assert log(run) == ["P.start", "t.start", "t.end", "P.end"]


def test_an_instance_lives_while_it_is_modified() -> None:
    run = nested()
    run.modify(cancel("t"), before("z"))
    assert run.tree == "z"
    assert log(run)[-1] == "t.end"


def test_an_instance_that_runs_to_its_end_by_hand_has_completed() -> None:
    run = Driver(process(START, users("t"), end("e"), ways("s > t > e")))
    run.modify(cancel("t"), before("e"))
    assert run.ended == fx.InstanceEnded("COMPLETED", "e")


def test_the_whole_instance_can_be_emptied_and_begun_again() -> None:
    run = Driver(JOIN)
    run.modify(before("f"))
    run.modify(Instruction("cancel", number=0), before("z"))
    assert run.tree == "z"
    assert sorted(run.canceled) == ["a", "b", "t"]


@pytest.mark.parametrize("activity_id", ["b", "nope", "#process", None])
def test_cancelling_what_is_not_active_changes_nothing(activity_id: str | None) -> None:
    run = nested()
    run.modify(Instruction("cancel", activity_id))
    assert run.tree == "t"


def test_no_instructions_change_nothing() -> None:
    run = nested()
    run.modify()
    assert run.tree == "t"


def test_a_number_that_is_nobodys_is_refused() -> None:
    with pytest.raises(InvalidModification, match="no such activity instance or transition instance"):
        nested().modify(Instruction("cancel", number=4711))


def test_a_cancelled_task_is_told_to_its_listeners() -> None:
    run = Driver(
        process(START, user("t", listeners("t"), task_listeners("T")), users("z"), ways("s > t > z")), {"log": ""}
    )
    run.modify(before("z"), cancel("t"))
    assert log(run)[2:] == ["t.end", "T.delete"]
    assert [one.reason for one in of_type(run, fx.TaskEnded)] == ["deleted"]


def test_instructions_are_carried_out_in_turn_each_to_its_wait() -> None:
    run = Driver(
        process(
            START,
            users("t"),
            does("d", "n + 1", camunda_resultVariable="n"),
            does("x", "n * 10", camunda_resultVariable="n"),
            ways("s > t > d"),
            flow("x", "e"),
            end("e"),
        ),
        {"n": 1},
    )
    run.modify(before("x"), before("d"))
    assert run.variables == {"n": 11}


# -- variables, listeners and mappings ---------------------------------------------------------------------------------


def test_variables_of_an_instruction_go_to_the_process_or_stay_local() -> None:
    run = nested()
    run.modify(before("b", variables=[("wide", 1, False), ("near", 2, True)]))
    assert run.variables["wide"] == 1
    # alone in its scope, the activity shares that scope's variables
    assert run.scopes[number_of(run, "v")] == {"of_v": 2, "near": 2}


def test_local_variables_beside_others_are_the_activitys_own() -> None:
    run = nested()
    run.modify(before("z", variables=[("near", 2, True)]))
    assert run.scopes[number_of(run, "z")] == {"near": 2}


def test_a_variable_that_is_not_local_is_written_where_it_is() -> None:
    run = nested()
    run.modify(before("b"))
    run.modify(before("c", variables=[("of_v", 7, False)]))
    assert run.scopes[number_of(run, "v")] == {"of_v": 7}


def test_inputs_see_the_variables_of_the_instruction() -> None:
    run = Driver(process(START, users("t"), user("a", mapping({"own": "${x + y}"})), ways("s > t > a")))
    run.modify(before("a", variables=[("x", 1, False), ("y", 2, True)]))
    assert run.scopes[number_of(run, "a")] == {"y": 2, "own": 3}


def test_listeners_and_mappings_can_be_left_out() -> None:
    run = nested()
    run.feed(lambda execution: execution.modify([cancel("t"), before("b")], skips_listeners=True, skips_mappings=True))
    assert run.tree == "u(v(b))"
    assert log(run) == ["P.start", "t.start"]
    assert run.scopes.keys() == {0}
    run.complete("b")
    assert log(run)[2:] == ["b.end", "b-c", "c.start"]


# -- starting somewhere ------------------------------------------------------------------------------------------------


def test_an_instance_may_begin_where_its_instructions_say() -> None:
    run = Driver(NESTED, {"log": ""}, instructions=[before("b"), before("z")])
    assert run.tree == "u(v(b)) z"
    assert log(run) == ["P.start", "u.start", "v.start", "b.start"]
    assert "+s" not in told(run)


def test_an_instance_begins_along_a_transition() -> None:
    run = Driver(NESTED, {"log": ""}, instructions=[along("t-u")])
    assert run.tree == "u(v(b))"
    assert [one.activity_id for one in run.subscriptions.values()] == ["out"]


def test_an_instance_may_be_over_with_its_instructions() -> None:
    run = Driver(process(START, users("t"), end("e"), ways("s > t > e")), instructions=[before("e")])
    assert run.ended == fx.InstanceEnded("COMPLETED", "e")


def test_instructions_of_a_start_that_cannot_be_followed_are_refused() -> None:
    with pytest.raises(InvalidModification, match="instruction 1"):
        Driver(NESTED, {"log": ""}, instructions=[before("nope")])


def test_a_multi_instance_activity_begins_as_one_instance_or_as_a_whole() -> None:
    source = process(START, users("o"), user("t", many(3)), users("z"), ways("s > o > t > z"))
    run = Driver(source, instructions=[before("t")])
    assert run.tree == "t#multiInstanceBody(t)"
    run.complete("t")
    assert run.tree == "z"
    run = Driver(source, instructions=[before("t#multiInstanceBody")])
    assert run.tree == "t#multiInstanceBody(t t t)"
    run.modify(after("t#multiInstanceBody"))
    assert run.tree == "t#multiInstanceBody(t t t) z"
    with pytest.raises(InvalidModification, match="no outgoing flow"):
        run.modify(after("t"))


def test_a_sequential_multi_instance_activity_has_one_instance_at_a_time() -> None:
    run = Driver(process(START, user("t", many(3, sequential=True)), ways("s > t")))
    with pytest.raises(InvalidModification, match="is active already"):
        run.modify(before("t"))
