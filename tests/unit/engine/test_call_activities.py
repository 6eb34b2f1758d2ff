"""Processes that call processes: what goes in and comes back, what happens beside the call, and how either side ends."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.engine import CalledElement, ExecutionFailed, Instruction
from mlc_service.engine import effects as fx
from mlc_service.engine.values import TypedValue
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import INSTANCE_ID, Driver
from tests.unit.engine.shapes import (
    ANY_ERROR,
    ERROR,
    ESCALATION,
    MESSAGE,
    START,
    TERMINATE,
    boundary,
    does,
    end,
    event_sub,
    gateway,
    listener,
    listeners,
    log,
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
    ways,
)

Q_START = node("startEvent", "qs")


def call(*inside: str, calls: str = "q", node_id: str = "c", **attributes: str) -> str:
    return node("callActivity", node_id, *inside, calledElement=calls, **attributes)


def called(*parts: str, key: str = "q") -> bytes:
    return process(Q_START, *parts, key=key)


ON = users("z") + ways("s > c > z")
AWAY = users("y") + ways("b > y")
Q = called(users("qt"), ways("qs > qt"))


def calling(
    *inside: str, variables: dict[str, Any] | None = None, beside: str = "", q: bytes = Q, **attributes: str
) -> Driver:
    return Driver(process(START, call(*inside, **attributes), ON, beside), variables, calls=[q])


# -- the call ----------------------------------------------------------------------------------------------------------


def test_a_called_process_is_an_instance_of_its_own_that_its_caller_waits_for() -> None:
    run = calling()
    assert run.tree == "c"
    assert len(run.instances) == 2
    q = run.called
    assert q.caller is not None
    assert q.caller.instance_id == INSTANCE_ID
    assert [task.activity_id for task in q.tasks.values()] == ["qt"]
    assert of_type(run, fx.CallStarted) == [fx.CallStarted(number_of(run, "c"), list(run.instances)[1])]
    run.complete("qt")
    assert q.ended == fx.InstanceEnded("COMPLETED", "qt")
    assert (run.tree, run.done) == ("z", ["s", "c"])
    run.complete("z")
    assert run.is_ended


def number_of(run: Driver, activity_id: str) -> int:
    return next(number for number, one in run.running.items() if one.activity_id == activity_id)


def test_a_called_process_that_does_not_wait_is_over_within_the_step() -> None:
    run = calling(q=called(does("qd"), ways("qs > qd")))
    assert run.tree == "z"
    assert run.called.finished == [("qs", False), ("qd", False)]


def test_listeners_and_mappings_come_in_camundas_order() -> None:
    def say(name: str) -> str:
        return f"${{execution.setVariable('log', log.concat('{name} ')) == null ? 1 : 1}}"

    whole = '<camunda:{} variables="all"/>'
    parts = [mapping({"x": say("c.in")}, {"y": say("c.out")}), listeners("c"), whole.format("in"), whole.format("out")]
    q_listeners = "<bpmn:extensionElements>" + listeners("Q") + "</bpmn:extensionElements>"
    q = called(q_listeners, user("qt", listeners("qt")), ways("qs > qt"))
    run = calling(*parts, variables={"log": ""}, q=q)
    run.complete("qt")
    assert log(run) == ["c.in", "c.start", "Q.start", "qt.start", "qt.end", "Q.end", "c.end", "c.out"]


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [({}, CalledElement("q", "latest", None)),
     ({"camunda_calledElementBinding": "latest", "camunda_calledElementVersion": "3"}, CalledElement("q", "latest", None)),
     ({"camunda_calledElementBinding": "deployment"}, CalledElement("q", "deployment", None)),
     ({"camunda_calledElementBinding": "version", "camunda_calledElementVersion": "3"}, CalledElement("q", "version", "3")),
     ({"camunda_calledElementBinding": "version", "camunda_calledElementVersion": "${n + 1}"}, CalledElement("q", "version", "3")),
     ({"camunda_calledElementBinding": "versionTag", "camunda_calledElementVersionTag": "v${n}"}, CalledElement("q", "versionTag", "v2"))],
)  # fmt: skip
def test_the_host_is_asked_for_the_process_that_is_meant(attributes: dict[str, str], wanted: CalledElement) -> None:
    assert calling(variables={"n": 2}, **attributes).host.wanted == [wanted]


def test_what_is_called_may_be_worked_out() -> None:
    assert calling(calls="${which}", variables={"which": "q"}).host.wanted[0].key == "q"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [({"calls": ""}, "has no calledElement"), ({"camunda_calledElementBinding": "newest"}, "'newest' is none of"),
     ({"camunda_calledElementBinding": "version"}, "needs the version"),
     ({"camunda_calledElementBinding": "versionTag"}, "needs the versionTag"),
     ({"camunda_caseRef": "case"}, "CMMN"), ({"camunda_variableMappingClass": "x"}, "variableMappingClass")],
)  # fmt: skip
def test_a_call_that_cannot_be_made_is_refused(attributes: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidResource, match=message):
        calling(**attributes)


def test_a_process_that_is_not_there_fails_the_step_at_the_call_activity() -> None:
    with pytest.raises(ExecutionFailed, match="no process 'nope'") as failure:
        calling(calls="nope")
    assert failure.value.element_id == "c"


def test_a_failure_in_the_called_process_fails_the_step_of_the_caller() -> None:
    with pytest.raises(ExecutionFailed, match="'nothing'") as failure:
        calling(q=called(does("qd", "nothing"), ways("qs > qd")))
    assert failure.value.element_id == "qd"


def test_a_process_that_starts_by_a_message_only_may_be_called() -> None:
    run = calling(q=process(node("startEvent", "qs", MESSAGE), users("qt"), ways("qs > qt"), key="q"))
    assert [task.activity_id for task in run.called.tasks.values()] == ["qt"]


def test_calls_in_two_branches_are_two_instances() -> None:
    run = Driver(process(
        START, gateway("parallel", "f", "j"), call(node_id="c"), call(node_id="d"), users("z"), ways("s > f > c > j", "f > d > j > z")
    ), calls=[Q])  # fmt: skip
    run.complete("qt")
    assert run.tree == "d j"
    run.complete("qt")
    assert run.tree == "z"


def test_a_call_may_wait_for_a_job_before_and_after() -> None:
    run = calling(camunda_asyncBefore="true", camunda_asyncAfter="true")
    assert (run.tree, len(run.instances)) == ("~c", 1)
    run.job("c")
    run.complete("qt")
    assert run.tree == "~c"
    run.job("c")
    assert run.tree == "z"


def test_jobs_and_events_of_the_called_process_are_its_own() -> None:
    q = called(
        node("receiveTask", "qr", messageRef="m1"), does("qd", "1", camunda_asyncBefore="true"), ways("qs > qr > qd")
    )
    run = calling(q=q)
    assert (run.subscriptions, len(run.called.subscriptions)) == ({}, 1)
    run.receive("M1")
    assert (run.jobs, len(run.called.jobs)) == ({}, 1)
    run.job("qd")
    assert run.tree == "z"


# -- what goes in ------------------------------------------------------------------------------------------------------

GIVEN = {"a": 1, "b": "x"}


def map_in(**attributes: str) -> str:
    return "<camunda:in " + " ".join(f'{name}="{text}"' for name, text in attributes.items()) + "/>"


def map_out(**attributes: str) -> str:
    return map_in(**attributes).replace("<camunda:in", "<camunda:out")


OWN = mapping({"own": "${5}", "b": "inner"})


@pytest.mark.parametrize(
    ("inside", "taken"),
    [([], {}),
     ([map_in(variables="all")], {"a": 1, "b": "x"}),
     ([map_in(source="a", target="t")], {"t": 1}),
     ([map_in(source="missing", target="t")], {"t": None}),
     ([map_in(source="${a}", target="t")], {"t": None}),
     ([map_in(sourceExpression="${a + 1}", target="t")], {"t": 2}),
     ([map_in(sourceExpression="text", target="t")], {"t": "text"}),
     ([map_in(variables="all"), map_in(source="a", target="b")], {"a": 1, "b": 1}),
     ([map_in(source="a", target="b"), map_in(variables="all")], {"a": 1, "b": "x"}),
     ([OWN, map_in(variables="all")], {"a": 1, "b": "inner", "own": 5}),
     ([OWN, map_in(variables="all", local="true")], {"b": "inner", "own": 5}),
     ([OWN, map_in(source="own", target="t", local="true")], {"t": 5}),
     ([OWN, map_in(source="a", target="t", local="true")], {"t": None}),
     ([OWN, map_in(sourceExpression="${own + 1}", target="t", local="true")], {"t": 6}),
     ([map_in(businessKey="key")], {})],
)  # fmt: skip
def test_what_the_called_process_is_given(inside: list[str], taken: dict[str, Any]) -> None:
    run = calling(*inside, variables=GIVEN)
    assert run.called.scopes.get(0, {}) == taken
    assert run.variables == GIVEN


def test_a_local_expression_does_not_see_what_is_outside() -> None:
    with pytest.raises(ExecutionFailed, match=r"Cannot resolve identifier 'a' \(column"):
        calling(map_in(sourceExpression="${a}", target="t", local="true"), variables=GIVEN)


def test_values_keep_their_types() -> None:
    given = {"when": TypedValue("Date", "2026-03-01T12:00:00.000+00:00"), "doc": {"k": [1, None]}}
    run = calling(map_in(variables="all"), variables=given)
    assert run.load(list(run.instances)[1]).variables() == given


def test_what_it_is_given_is_there_for_its_start_listener() -> None:
    q = called(
        "<bpmn:extensionElements>" + listener("start", "Q") + "</bpmn:extensionElements>", users("qt"), ways("qs > qt")
    )
    run = calling(map_in(source="log", target="log"), variables={"log": "caller "}, q=q)
    assert run.called.scopes[0] == {"log": "caller Q "}


def test_both_sides_write_what_is_theirs() -> None:
    run = calling(map_in(variables="all"), variables=GIVEN)
    run.write(a=2)
    assert run.called.scopes[0] == GIVEN
    run.complete("qt", {"b": "changed", "more": True})
    assert run.variables == {"a": 2, "b": "x"}


@pytest.mark.parametrize(
    ("inside", "key"),
    [([], None), ([map_in(businessKey="key-${a}")], "key-1"),
     ([map_in(businessKey="${execution.processBusinessKey}")], "order-7")],
)  # fmt: skip
def test_the_business_key_goes_over_only_if_it_is_mapped(inside: list[str], key: str | None) -> None:
    run = Driver(process(START, call(*inside), ON), GIVEN, calls=[Q], business_key="order-7")
    assert run.called.business_key == key


@pytest.mark.parametrize("broken", [map_in(source="a"), map_in(target="t"), map_out(sourceExpression="${a}"), map_in()])
def test_a_mapping_that_says_too_little_is_refused(broken: str) -> None:
    with pytest.raises(InvalidResource, match="needs variables"):
        calling(broken)


# -- what comes back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "left"),
    [([], {"a": 1}),
     ([map_out(variables="all")], {"a": 2, "r": 7}),
     ([map_out(source="r", target="t")], {"a": 1, "t": 7}),
     ([map_out(source="missing", target="t")], {"a": 1, "t": None}),
     ([map_out(sourceExpression="${r * 2}", target="t")], {"a": 1, "t": 14}),
     ([map_out(variables="all"), map_out(source="r", target="a")], {"a": 7, "r": 7}),
     ([mapping({"r": "${0}"}), map_out(variables="all")], {"a": 2}),
     ([mapping({"r": "${0}"}, {"kept": "${r}"}), map_out(variables="all")], {"a": 2, "kept": 7}),
     ([map_out(variables="all", local="true")], {"a": 1}),
     ([mapping({}, {"kept": "${t}"}), map_out(source="r", target="t", local="true")], {"a": 1, "kept": 7}),
     ([mapping({}, {"kept": "${t}"}), map_out(sourceExpression="${r + 1}", target="t", local="true")], {"a": 1, "kept": 8})],
)  # fmt: skip
def test_what_the_caller_gets_back(inside: list[str], left: dict[str, Any]) -> None:
    run = calling(*inside, variables={"a": 1})
    run.complete("qt", {"a": 2, "r": 7})
    assert run.variables == left
    assert run.scopes.keys() == {0}


def test_an_expression_that_comes_back_sees_the_called_process_only() -> None:
    run = calling(map_out(sourceExpression="${a}", target="t"), variables={"a": 1})
    with pytest.raises(ExecutionFailed, match="Cannot resolve identifier 'a'"):
        run.complete("qt")


# -- boundary events on the call ---------------------------------------------------------------------------------------


def test_an_interrupting_event_ends_the_called_process_before_it_fires() -> None:
    parts = [mapping({}, {"kept": "${1}"}), map_in(variables="all"), map_out(variables="all"), listeners("c")]
    run = calling(*parts, variables={"log": ""}, beside=boundary("b", "c", MESSAGE) + AWAY)
    run.feed(lambda execution: execution.set_variables({"inner": 1}), list(run.instances)[1])
    run.receive("M1")
    assert run.tree == "y"
    assert run.canceled == ["c"]
    assert run.called.ended == fx.InstanceEnded("INTERNALLY_TERMINATED", None)
    assert [one.reason for one in run.called.effects if isinstance(one, fx.TaskEnded)] == ["deleted"]
    # output parameters are mapped, camunda:out is not
    assert run.variables == {"log": "c.start c.end ", "kept": 1}


def test_an_event_that_does_not_interrupt_leaves_the_called_process_alone() -> None:
    run = calling(beside=boundary("b", "c", MESSAGE, interrupting=False) + AWAY)
    run.receive("M1")
    run.receive("M1")
    assert run.tree == "c y y"
    run.complete("qt")
    assert run.tree == "y y z"
    assert run.subscriptions == {}


def test_a_timer_ends_the_called_process() -> None:
    run = calling(beside=boundary("b", "c", timer("PT1H")) + AWAY)
    run.job("b", "timer")
    assert run.tree == "y"
    assert run.called.ended is not None


THROWS = called(gateway("parallel", "qg"), users("qt", "qo"), end("qe", ERROR), ways("qs > qg > qt > qe", "qg > qo"))


@pytest.mark.parametrize("definition", [ERROR, ANY_ERROR])
def test_an_error_of_the_called_process_is_caught_at_the_call(definition: str) -> None:
    run = calling(
        map_out(variables="all"),
        listeners("c"),
        variables={"log": ""},
        beside=boundary("b", "c", definition) + AWAY,
        q=THROWS,
    )
    run.complete("qt", {"inner": 1})
    assert (run.tree, run.canceled) == ("y", ["c"])
    assert run.called.ended == fx.InstanceEnded("INTERNALLY_TERMINATED", None)
    assert sorted(activity for activity, canceled in run.called.finished if canceled) == ["qe", "qo"]
    # what it has come to is handed over, whatever ended it
    assert run.variables == {"log": "c.start c.end ", "inner": 1}


@pytest.mark.parametrize("beside", ["", boundary("b", "c", '<bpmn:errorEventDefinition errorRef="e2"/>') + AWAY])
def test_an_error_that_nobody_catches_ends_its_own_token_only(beside: str) -> None:
    run = calling(map_out(variables="all"), beside=beside, q=THROWS)
    run.complete("qt")
    assert run.tree == "c"
    assert [task.activity_id for task in run.called.tasks.values()] == ["qo"]
    run.complete("qo", {"inner": 1})
    assert run.tree == "z"
    assert run.called.ended == fx.InstanceEnded("COMPLETED", "qo")
    assert run.variables == {"inner": 1}


def test_an_error_goes_to_an_event_sub_process_around_the_call() -> None:
    run = calling(beside=event_sub("e", ERROR, users("u"), ways("e_start > u")), q=THROWS)
    run.complete("qt")
    assert run.tree == "e(u)"
    assert run.canceled == ["c"]


def test_an_error_of_a_called_process_is_caught_inside_before_outside() -> None:
    inner = called(sub("qu", node("startEvent", "qi"), users("qt"), end("qe", ERROR), ways("qi > qt > qe")),
                   boundary("qb", "qu", ANY_ERROR), users("qy"), ways("qs > qu", "qb > qy"))  # fmt: skip
    run = calling(beside=boundary("b", "c", ERROR) + AWAY, q=inner)
    run.complete("qt")
    assert run.tree == "c"
    assert [task.activity_id for task in run.called.tasks.values()] == ["qy"]


def test_error_variables_are_written_in_the_caller() -> None:
    definition = '<bpmn:errorEventDefinition camunda:errorCodeVariable="code" camunda:errorMessageVariable="why"/>'
    run = calling(beside=boundary("b", "c", definition) + AWAY, q=called(users("qt"), ways("qs > qt")))
    number = next(iter(run.called.tasks))
    caught = run.feed(
        lambda execution: execution.task_error(number, "E9", "too late", {"seen": True}), list(run.instances)[1]
    )
    assert caught
    assert run.variables == {"code": "E9", "why": "too late", "seen": True}


ESCALATES = called(users("qt", "qo"), throw("qe", ESCALATION), ways("qs > qt > qe > qo"))


def test_an_escalation_interrupts_the_call() -> None:
    run = calling(map_out(variables="all"), beside=boundary("b", "c", ESCALATION) + AWAY, q=ESCALATES)
    run.complete("qt", {"inner": 1})
    assert (run.tree, run.canceled) == ("y", ["c"])
    assert run.called.ended == fx.InstanceEnded("INTERNALLY_TERMINATED", None)
    assert run.variables == {"inner": 1}


def test_an_escalation_that_does_not_interrupt_hands_over_what_there_is_so_far() -> None:
    run = calling(
        map_out(variables="all"), beside=boundary("b", "c", ESCALATION, interrupting=False) + AWAY, q=ESCALATES
    )
    run.complete("qt", {"inner": 1})
    assert run.tree == "c y"
    assert run.variables == {"inner": 1}
    run.complete("qo", {"inner": 2})
    assert run.tree == "y z"
    assert run.variables == {"inner": 2}


def test_an_escalation_that_nobody_catches_changes_nothing() -> None:
    run = calling(q=ESCALATES)
    run.complete("qt")
    run.complete("qo")
    assert run.tree == "z"


def test_terminating_the_called_process_is_its_ordinary_end() -> None:
    q = called(gateway("parallel", "qg"), users("qt", "qo"), end("qe", TERMINATE), ways("qs > qg > qt > qe", "qg > qo"))
    run = calling(map_out(variables="all"), q=q)
    run.complete("qt", {"inner": 1})
    assert run.tree == "z"
    assert run.called.ended == fx.InstanceEnded("COMPLETED", "qe")
    assert run.variables == {"inner": 1}


# -- cancelling and deleting -------------------------------------------------------------------------------------------


def test_what_is_called_in_a_scope_ends_with_it() -> None:
    run = Driver(process(
        START, sub("u", node("startEvent", "i"), call(), ways("i > c")), boundary("b", "u", MESSAGE), users("y"), ways("s > u", "b > y")
    ), calls=[Q])  # fmt: skip
    run.receive("M1")
    assert run.tree == "y"
    assert run.canceled == ["c", "u"]
    assert run.called.ended == fx.InstanceEnded("INTERNALLY_TERMINATED", None)


CHAIN = [process(Q_START, call(calls="r", node_id="qc"), ways("qs > qc"), key="q"),
         process(node("startEvent", "rs"), users("rt"), ways("rs > rt"), key="r")]  # fmt: skip


@pytest.mark.parametrize("which", [0, 1, 2])
def test_deleting_any_instance_deletes_its_whole_hierarchy(which: int) -> None:
    run = Driver(process(START, call(), ON), calls=CHAIN)
    assert len(run.instances) == 3
    run.feed(lambda execution: execution.cancel(), list(run.instances)[which])
    assert [kept.ended for kept in run.instances.values()] == [fx.InstanceEnded("EXTERNALLY_TERMINATED", None)] * 3
    assert run.canceled == ["c"]
    assert run.called.tasks == {}


def test_deleting_calls_the_end_listeners_of_both_sides() -> None:
    q = called(
        "<bpmn:extensionElements>" + listeners("Q") + "</bpmn:extensionElements>",
        user("qt", listeners("qt")),
        ways("qs > qt"),
    )
    run = calling(map_in(variables="all"), map_out(variables="all"), listeners("c"), variables={"log": ""}, q=q)
    run.cancel()
    assert logs_of_called(run)[-1] == "c.start Q.start qt.start qt.end Q.end "
    # camunda:out is not mapped: the caller has a log of its own
    assert log(run) == ["c.start", "c.end"]


def logs_of_called(run: Driver) -> list[str]:
    return [one.value for one in run.called.effects if isinstance(one, fx.VariableWritten) and one.name == "log"]


def test_deleting_without_listeners_skips_those_of_all() -> None:
    q = called("<bpmn:extensionElements>" + listeners("Q") + "</bpmn:extensionElements>", users("qt"), ways("qs > qt"))
    run = calling(map_in(variables="all"), listeners("c"), variables={"log": ""}, q=q)
    run.feed(lambda execution: execution.cancel(skips_listeners=True))
    assert log(run) == ["c.start"]
    assert logs_of_called(run) == ["c.start ", "c.start Q.start "]


def test_a_modification_that_leaves_nothing_of_the_called_process_deletes_all() -> None:
    run = calling()
    run.feed(lambda execution: execution.modify([Instruction("cancel", "qt")]), list(run.instances)[1])
    assert [kept.ended for kept in run.instances.values()] == [fx.InstanceEnded("EXTERNALLY_TERMINATED", None)] * 2


def test_a_modification_of_the_called_process_may_bring_it_to_its_end() -> None:
    run = calling(q=called(users("qt"), end("qe"), ways("qs > qt > qe")))
    run.feed(
        lambda execution: execution.modify([Instruction("cancel", "qt"), Instruction("startBeforeActivity", "qe")]),
        list(run.instances)[1],
    )
    assert run.tree == "z"
    assert run.called.ended == fx.InstanceEnded("COMPLETED", "qe")


def test_a_call_can_be_cancelled_and_begun_by_hand() -> None:
    run = calling()
    run.modify(Instruction("startBeforeActivity", "c"))
    assert run.tree == "c c"
    assert len(run.instances) == 3
    run.modify(Instruction("cancel", number=number_of(run, "c")))
    assert run.tree == "c"
    assert [kept.ended is None for kept in run.instances.values()] == [True, False, True]
    run.complete("qt")
    assert run.tree == "z"


def test_the_called_process_can_end_without_its_caller_being_asked_again() -> None:
    run = calling()
    _, q = run.instances
    execution = run.load(q)
    execution.complete_task(next(iter(run.called.tasks)))
    assert [one.instance_id for one in execution.touched()] == [q, INSTANCE_ID]


# -- calls in calls ----------------------------------------------------------------------------------------------------


def test_variables_go_through_a_chain_of_calls_and_back() -> None:
    whole = map_in(variables="all") + map_out(variables="all")
    middle = process(Q_START, call(whole, calls="r", node_id="qc"), ways("qs > qc"), key="q")
    run = Driver(process(START, call(whole), ON), {"a": 1}, calls=[middle, CHAIN[1]])
    run.complete("rt", {"a": 2, "deep": True})
    assert run.tree == "z"
    assert run.variables == {"a": 2, "deep": True}


@pytest.mark.parametrize("catches", [0, 1])
def test_an_error_goes_up_a_chain_of_calls_to_who_catches_it(catches: int) -> None:
    middle = process(Q_START, call(calls="r", node_id="qc"), boundary("qb", "qc", ERROR if catches else '<bpmn:errorEventDefinition errorRef="e2"/>'),
                     users("qy"), ways("qs > qc", "qb > qy"), key="q")  # fmt: skip
    deep = process(node("startEvent", "rs"), users("rt"), end("re", ERROR), ways("rs > rt > re"), key="r")
    run = Driver(process(START, call(), boundary("b", "c", ERROR), ON, AWAY), calls=[middle, deep])
    run.complete("rt")
    states = [kept.ended and kept.ended.state for kept in run.instances.values()]
    if catches:
        assert (run.tree, states) == ("c", [None, None, "INTERNALLY_TERMINATED"])
    else:
        assert (run.tree, states) == ("y", [None, "INTERNALLY_TERMINATED", "INTERNALLY_TERMINATED"])


DEEP = process(
    START, gateway("exclusive", "x", default="x-t"), users("t"),
    call(map_in(sourceExpression="${n - 1}", target="n"), map_out(variables="all"), calls="p"), ways("s > x > t"),
    '<bpmn:sequenceFlow id="f" sourceRef="x" targetRef="c"><bpmn:conditionExpression>${n > 0}</bpmn:conditionExpression></bpmn:sequenceFlow>',
)  # fmt: skip


def test_calls_nest_twenty_deep_and_come_back() -> None:
    run = Driver(DEEP, {"n": 20})
    assert len(run.instances) == 21
    assert run.called.scopes[0] == {"n": 0}
    run.complete("t", {"found": "at the bottom"})
    assert all(kept.ended == fx.InstanceEnded("COMPLETED", "c") for kept in list(run.instances.values())[:-1])
    assert run.variables == {"n": 0, "found": "at the bottom"}


def test_deleting_twenty_levels_deep() -> None:
    run = Driver(DEEP, {"n": 20})
    run.feed(lambda execution: execution.cancel(), list(run.instances)[-1])
    assert all(kept.ended is not None for kept in run.instances.values())


def test_a_process_that_calls_itself_without_end_is_stopped_with_a_word_why() -> None:
    with pytest.raises(ExecutionFailed, match="nested more than 100 deep: does 'c' call its own process") as failure:
        Driver(process(START, call(calls="p"), ways("s > c")))
    assert failure.value.element_id == "c"


def test_a_hundred_calls_in_calls_are_not_too_many() -> None:
    run = Driver(DEEP, {"n": 100})
    assert len(run.instances) == 101
    with pytest.raises(ExecutionFailed, match="nested more than"):
        Driver(DEEP, {"n": 101})


def test_history_of_the_caller_has_the_call_from_its_start_to_the_end_of_the_called_process() -> None:
    run = calling()
    assert told(run) == ["+s", "-s", "+c"]
    run.complete("qt")
    assert told(run) == ["+s", "-s", "+c", "-c", "+z"]
