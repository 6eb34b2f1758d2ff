"""Plans from one definition to another, and instances that follow them. What holds was asked of Camunda 7.24 itself."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given

from mlc_service.engine import (
    ExecutionFailed,
    InvalidPlan,
    MigrationInstruction,
    NotMigratable,
    generate_plan,
    parse_bpmn,
    problems,
)
from mlc_service.engine import effects as fx
from tests.unit.engine.driver import KNOWN_DELEGATES, START, Driver, flow
from tests.unit.engine.shapes import ERROR, ESCALATION, MESSAGE, SIGNAL, many, node, process, timer, user
from tests.unit.engine.test_random_processes import MOST_MOVES, Process, checked, moves, processes
from tests.unit.engine.test_state import EVERYTHING

HOUR = timer("PT1H")
OTHER = '<bpmn:messageEventDefinition messageRef="m2"/>'
COMPENSATE = "<bpmn:compensateEventDefinition/>"


def condition(text: str) -> str:
    return f"<bpmn:conditionalEventDefinition><bpmn:condition>{text}</bpmn:condition></bpmn:conditionalEventDefinition>"


def line(*elements: str, start: str = "s", end: str = "e", extra: str = "") -> str:
    """A start event, the elements one after the other, an end event."""
    whole = [node("startEvent", start), *elements, node("endEvent", end)]
    ids = [one.split('id="', 1)[1].split('"', 1)[0] for one in whole]
    return "".join(whole) + "".join(flow(one, other) for one, other in pairwise(ids)) + extra


def sub(id: str, *elements: str, extra: str = "", inner: str = "", kind: str = "subProcess") -> str:
    return node(kind, id, inner + line(*elements, start=f"{id}_s", end=f"{id}_e", extra=extra))


def boundary(id: str, host: str, event: str, *, interrupts: bool = True) -> str:
    """A boundary event that leads to the user task `after_<id>`."""
    cancel = str(interrupts).lower()
    return (
        f'<bpmn:boundaryEvent id="{id}" attachedToRef="{host}" cancelActivity="{cancel}">{event}</bpmn:boundaryEvent>'
        + user(f"after_{id}")
        + flow(id, f"after_{id}")
    )


def event_sub(id: str, event: str, *, interrupts: bool = True) -> str:
    """An event sub-process with the user task `in_<id>`."""
    start = node("startEvent", f"{id}_s", event, isInterrupting=str(interrupts).lower())
    inside = start + user(f"in_{id}") + node("endEvent", f"{id}_e")
    flows = flow(f"{id}_s", f"in_{id}") + flow(f"in_{id}", f"{id}_e")
    return node("subProcess", id, inside + flows, triggeredByEvent="true")


def undone(host: str, event: str = "cb", handler: str = "undo") -> str:
    """The host is undone by the user task `handler`."""
    return (
        f'<bpmn:boundaryEvent id="{event}" attachedToRef="{host}">{COMPENSATE}</bpmn:boundaryEvent>'
        + user(handler, isForCompensation="true")
        + f'<bpmn:association id="as_{event}" sourceRef="{event}" targetRef="{handler}"/>'
    )


def fork(*branches: str, join: str = "", kind: str = "parallelGateway") -> str:
    """A gateway that begins the branches, one element each; `join` is where they meet."""
    ids = [one.split('id="', 1)[1].split('"', 1)[0] for one in branches]
    text = node("startEvent", "s") + node(kind, "fork") + "".join(branches) + flow("s", "fork")
    text += "".join(flow("fork", one) for one in ids)
    if join:
        text += node(kind, join) + node("endEvent", "e") + flow(join, "e")
        text += "".join(flow(one, join) for one in ids)
    return text


def to(source: str, target: str | None = None, *, updated: bool = False) -> MigrationInstruction:
    return MigrationInstruction(source, target or source, updated)


def plan(source: str, target: str, *, updated: bool = False) -> list[str]:
    """The generated plan: ids, those with an exclamation mark update their trigger."""
    before, after = (parse_bpmn(process(one), "p.bpmn", KNOWN_DELEGATES)[0] for one in (source, target))
    found = generate_plan(before, after, updates_triggers=updated)
    assert all(one.source_id == one.target_id for one in found)
    assert problems(before, after, found) == []
    return [one.source_id + "!" * one.updates_trigger for one in found]


def faults(source: str, target: str, *instructions: MigrationInstruction) -> list[tuple[str, str]]:
    """Kinds of problems, with the activity they are about."""
    before, after = (parse_bpmn(process(one), "p.bpmn", KNOWN_DELEGATES)[0] for one in (source, target))
    return [(one.instruction.source_id, one.kind) for one in problems(before, after, instructions)]


# -- generated plans --------------------------------------------------------------------------------------------------

SERVICE = node("serviceTask", "a", camunda_class="train")
EXTERNAL = node("serviceTask", "a", camunda_type="external", camunda_topic="t")
TWO = line(user("a"), user("b"))


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (line(user("a")), TWO, ["a"]),
        (line(user("a")), line(user("b")), []),
        (line(user("a")), line(node("receiveTask", "a")), []),
        (line(sub("x", user("a"))), line(sub("x", user("a"))), ["x", "a"]),
        (line(sub("x", user("a"))), line(user("a")), []),
        (line(sub("x", user("a"))), line(sub("y", user("a"))), []),
        (line(sub("x", user("a")), user("b")), line(sub("x", user("b")), user("a")), ["x"]),
        (line(sub("x", user("a"), kind="transaction")), line(sub("x", user("a"))), ["x", "a"]),
        (line(user("a", many(2))), line(user("a", many(3))), ["a", "a#multiInstanceBody"]),
        (line(user("a", many(2))), line(user("a", many(2, sequential=True))), []),
        (line(user("a", many(2))), line(user("a")), []),
        (line(node("callActivity", "a", calledElement="q")), line(node("callActivity", "a", calledElement="r")), ["a"]),
        (line(EXTERNAL), line(EXTERNAL), ["a"]),
        # a delegate is called by a job here: an instance rests there, as behind camunda:asyncBefore
        (line(SERVICE), line(SERVICE), ["a"]),
        (line(node("scriptTask", "a", "<bpmn:script>1</bpmn:script>", scriptFormat="python")),) * 2 + ([],),
        (line(node("task", "a", camunda_asyncBefore="true")), line(node("task", "a", camunda_asyncAfter="true")), ["a"]),
        (line(node("task", "a", camunda_asyncBefore="true")), line(node("task", "a")), []),
        (line(node("task", "a", camunda_asyncBefore="true")), line(node("manualTask", "a", camunda_asyncBefore="true")), []),
        (fork(user("a"), user("b"), join="j"),) * 2 + (["fork", "a", "b", "j"],),
        (fork(user("a"), user("b"), user("c"), join="j"), fork(user("a"), user("b"), join="j"), ["fork", "a", "b"]),
        (line(node("intermediateCatchEvent", "a", MESSAGE)), line(node("intermediateCatchEvent", "a", SIGNAL)), []),
        (line(node("receiveTask", "a", messageRef="m1")), line(node("receiveTask", "a")), []),
        (line(node("receiveTask", "a")), line(node("receiveTask", "a", messageRef="m1")), ["a"]),
    ],
)  # fmt: skip
def test_equal_activities_at_which_an_instance_can_rest_are_mapped(
    source: str, target: str, expected: list[str]
) -> None:
    assert plan(source, target) == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [(MESSAGE, "b!"), (SIGNAL, "b!"), (HOUR, "b!"), (condition("${x}"), "b!"), (ERROR, ""), (ESCALATION, "")],
)
def test_events_that_are_waited_for_are_mapped_with_their_host(event: str, expected: str) -> None:
    attached = line(user("a"), extra=boundary("b", "a", event))
    assert plan(attached, attached, updated=True) == [one for one in ("a", expected, "after_b") if one]
    inside = line(user("a"), extra=event_sub("b", event))
    started = [expected.replace("b", "b_s")] if expected else []
    assert plan(inside, inside, updated=True) == ["a", "b", *started, "in_b"]


def test_a_condition_has_no_trigger_to_keep() -> None:
    attached = line(user("a"), extra=boundary("b", "a", condition("${x}")))
    assert plan(attached, attached) == ["a", "b!", "after_b"]


def test_a_boundary_event_of_another_host_is_not_the_same() -> None:
    assert plan(TWO + boundary("x", "a", MESSAGE), TWO + boundary("x", "b", MESSAGE)) == ["a", "b", "after_x"]


def test_compensation_handlers_follow_their_events() -> None:
    both = line(user("a"), user("z"), extra=undone("a"))
    assert plan(both, both) == ["a", "z", "cb"]
    inside = line(sub("x", user("a"), extra=event_sub("v", COMPENSATE)))
    assert plan(inside, inside) == ["x", "a", "v_s"]


JOIN_INSIDE = line(node("subProcess", "x", fork(user("a"), user("b"), join="j")), start="s0", end="e0")

# -- problems ---------------------------------------------------------------------------------------------------------


def test_unknown_activities_are_named() -> None:
    assert faults(line(user("a")), line(user("a")), to("a", "zz"), to("q")) == [
        ("a", "unknown"), ("q", "unknown"), ("q", "unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target", "instructions", "expected"),
    [
        (line(user("a")), TWO, [to("a"), to("a", "b")], [("a", "repeated"), ("a", "repeated")]),
        (TWO, line(user("a")), [to("a"), to("b", "a")], []),
        (line(user("a")), line(user("a")), [to("a", "s")], [("a", "type")]),
        (line(user("a")), line(user("a")), [to("a", updated=True)], [("a", "trigger")]),
        (line(sub("x", user("a"))), line(user("a")), [to("a")], []),
        (line(user("a")), line(sub("x", user("a"))), [to("a")], []),
        (line(sub("x", user("a")), user("b")), line(sub("x", user("b")), user("a")), [to("x"), to("a")], [("a", "scope")]),
        (line(sub("x", sub("y", user("a")))), line(sub("y", sub("x", user("a")))), [to("x"), to("y")], [("y", "scope")]),
        (line(user("a", many(2))), line(user("a", many(2))), [to("a")], [("a", "loop")]),
        (line(user("a", many(2))), line(user("a", many(2))), [to("a#multiInstanceBody")],
         [("a#multiInstanceBody", "loop"), ("a#multiInstanceBody", "loop")]),
        (line(user("a", many(2))), line(user("a")), [to("a")], []),
        (TWO + boundary("x", "a", MESSAGE), TWO + boundary("x", "b", MESSAGE), [to("a"), to("x")], [("x", "event scope")]),
        (TWO + boundary("x", "a", MESSAGE), TWO + boundary("x", "b", MESSAGE), [to("a", "b"), to("x")], []),
        (TWO + boundary("x", "a", MESSAGE), TWO + boundary("x", "a", SIGNAL), [to("a"), to("x")], [("x", "event")]),
        (TWO + boundary("x", "a", condition("${x}")), TWO + boundary("x", "a", condition("${y}")), [to("a"), to("x")],
         [("x", "trigger")]),
        (line(user("a"), extra=event_sub("v", MESSAGE)), line(sub("v", user("in_v")), user("a")), [to("v"), to("in_v")], []),
        (line(node("receiveTask", "a", messageRef="m1")), line(node("receiveTask", "a")), [to("a")],
         [("a", "event scope")]),
        (fork(user("a"), user("b"), join="j"), fork(user("a"), user("b"), join="j"), [to("j"), to("fork", "j")],
         [("j", "gateway"), ("fork", "gateway")]),
        (JOIN_INSIDE, JOIN_INSIDE, [to("j")], [("j", "gateway")]),
        (line(user("a"), user("z"), extra=undone("a")), line(user("b"), user("z"), extra=undone("b")), [to("cb")], []),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_instruction_is_told(
    source: str, target: str, instructions: list[MigrationInstruction], expected: list[tuple[str, str]]
) -> None:
    assert faults(source, target, *instructions) == expected


def test_a_plan_with_problems_is_not_carried_out() -> None:
    run = Driver(process(line(user("a"))))
    with pytest.raises(InvalidPlan) as refused:
        run.migrate(process(line(user("a"))), [to("a", "zz")])
    assert [one.message for one in refused.value.problems] == ["there is no target activity 'zz'"]


# -- what is active follows -------------------------------------------------------------------------------------------


def test_a_user_task_goes_on_under_its_new_name() -> None:
    run = Driver(process(line(user("a", name="one", camunda_formKey="old", camunda_assignee="kermit"))))
    [number] = run.tasks
    run.migrate(process(line(user("b", name="two", camunda_formKey="new"), user("c"))), [to("a", "b")])
    task = run.tasks[number]
    assert (task.activity_id, task.name, task.form_key, task.assignee) == ("b", "one", "new", "kermit")
    [row] = run.running.values()
    assert (row.activity_id, row.activity_name) == ("b", "two")
    run.complete("b")
    run.complete("c")
    assert run.done == ["s", "b", "c", "e"]


def test_an_instance_that_is_migrated_to_the_same_process_is_as_it_was() -> None:
    run = Driver(EVERYTHING, {"n": 1})
    before = (run.state, run.tasks.copy(), run.jobs.copy(), run.subscriptions.copy(), run.running.copy(), run.tree)
    run.migrate(EVERYTHING)
    assert (run.state, run.tasks, run.jobs, run.subscriptions, run.running, run.tree) == before


@checked
@given(processes())
def test_an_instance_that_is_migrated_after_every_step_comes_to_the_same_end(process: Process) -> None:
    run = Driver(process.source, calls=process.called)
    for move in range(MOST_MOVES):
        possible = moves(run)
        if not possible:
            break
        possible[process.order[move % len(process.order)] % len(possible) if process.order else 0]()
        if not run.is_ended:
            # what throws a compensation cannot be migrated until all is undone
            with suppress(NotMigratable):
                run.migrate(process.source)
    assert run.is_ended
    assert Counter(run.done) == process.completes


def test_everything_that_has_no_instruction_is_named_at_once() -> None:
    run = Driver(process(fork(user("a"), user("b"), node("task", "c", camunda_asyncBefore="true"))))
    with pytest.raises(NotMigratable) as refused:
        run.migrate(process(line(user("b"))), [to("b")])
    unfit = refused.value.unfit
    assert [(one.activity_id, one.is_continuation) for one in unfit] == [("a", False), ("c", True)]
    assert [one.number for one in unfit] == [
        next(iter(run.tasks.values())).activity, next(number for number, job in run.jobs.items()),
    ]  # fmt: skip
    assert run.active == ["a", "b"]


def test_a_continuation_needs_one_of_its_own_side() -> None:
    before, after = ({f"camunda_async{side}": "true"} for side in ("Before", "After"))
    run = Driver(process(line(node("task", "a", **before))))
    for target in (node("task", "b"), node("task", "b", **after)):
        with pytest.raises(NotMigratable, match="the target activity is not asyncBefore"):
            run.migrate(process(line(target)), [to("a", "b")])
    run.migrate(process(line(node("task", "b", **before), user("c"))), [to("a", "b")])
    run.job("b")
    assert (run.done, run.active) == (["s", "b"], ["c"])

    run = Driver(process(line(node("task", "a", **after))))
    with pytest.raises(NotMigratable, match="the target activity is not asyncAfter"):
        run.migrate(process(line(node("task", "b", **before))), [to("a", "b")])
    run.migrate(process(line(node("task", "b", **after), user("c"))), [to("a", "b")])
    run.job("b")
    assert (run.done, run.active) == (["s", "a"], ["c"])


def test_a_token_behind_an_activity_takes_the_flow_of_that_name_or_the_only_one() -> None:
    after = {"camunda_asyncAfter": "true"}
    two = node("task", "a", **after) + user("c") + user("d")
    fork = flow("s", "a") + flow("a", "c", flow_id="left") + flow("a", "d", flow_id="right")
    run = Driver(process('<bpmn:startEvent id="s"/>' + two + fork))
    assert run.tree == "~a ~a"
    renamed = fork.replace("right", "other")
    with pytest.raises(NotMigratable, match="no sequence flow 'right', and not just one"):
        run.migrate(process('<bpmn:startEvent id="s"/>' + two + renamed), [to("a", "a")])
    run.migrate(process('<bpmn:startEvent id="s"/>' + two + fork), [to("a", "a")])
    run.job("a")
    run.job("a")
    assert run.active == ["c", "d"]


def test_a_delegate_that_has_yet_to_work_is_the_new_one() -> None:
    retry = "<bpmn:extensionElements><camunda:failedJobRetryTimeCycle>R9/PT1M</camunda:failedJobRetryTimeCycle></bpmn:extensionElements>"
    run = Driver(process(line(SERVICE)))
    run.migrate(process(line(node("serviceTask", "b", retry, camunda_class="deploy"))), [to("a", "b")])
    [job] = run.jobs.values()
    assert (job.activity_id, job.implementation, job.retry_cycle) == ("b", "deploy", "R9/PT1M")
    run.delegate("b")
    assert run.done == ["s", "b", "e"]


def test_an_external_task_keeps_its_topic() -> None:
    run = Driver(process(line(EXTERNAL)))
    run.migrate(process(line(node("serviceTask", "b", camunda_type="external", camunda_topic="other"))), [to("a", "b")])
    [task] = run.external.values()
    assert (task.activity_id, task.topic) == ("b", "t")
    run.external_done("b")
    assert run.is_ended


def test_a_called_process_goes_on_under_its_call_activity() -> None:
    call = '<bpmn:extensionElements><camunda:out source="x" target="{}"/></bpmn:extensionElements>'
    called = process(line(user("inner"))).replace(b'id="p"', b'id="q"')
    run = Driver(
        process(line(node("callActivity", "a", call.format("old"), calledElement="q"), user("z"))), calls=[called]
    )
    run.migrate(
        process(line(node("callActivity", "b", call.format("new"), calledElement="q"), user("z"))), [to("a", "b")]
    )
    run.complete("inner", {"x": 1})
    assert (run.active, run.variables) == (["z"], {"new": 1})


def test_a_receive_task_gets_the_message_it_has_now() -> None:
    run = Driver(process(line(node("receiveTask", "a"))), {"id": 7})
    target = process(line(node("receiveTask", "a", messageRef="m1"))).replace(b'name="M1"', b'name="of-${id}"')
    run.migrate(target, [to("a")])
    [subscription] = run.subscriptions.values()
    assert (subscription.kind, subscription.event_name) == ("message", "of-7")
    run.receive("of-7")
    assert run.is_ended


@pytest.mark.parametrize("kind", ["parallelGateway", "inclusiveGateway"])
def test_tokens_at_a_join_go_on_waiting(kind: str) -> None:
    run = Driver(process(fork(user("a"), user("b"), join="j", kind=kind)))
    run.complete("a")
    run.migrate(process(fork(user("a"), user("b"), join="k", kind=kind)), [to("b"), to("j", "k")])
    assert run.tree == "b k"
    run.complete("b")
    assert run.done[-3:] == ["k", "k", "e"]
    assert run.is_ended


def test_a_join_that_has_more_to_wait_for_waits_for_it() -> None:
    run = Driver(process(fork(user("a"), user("b"), join="j")))
    run.complete("a")
    run.migrate(process(fork(user("a"), user("b"), user("c"), join="j")))
    run.complete("b")
    assert run.tree == "j j"


def test_an_inclusive_join_that_nothing_can_reach_any_more_fires() -> None:
    run = Driver(process(fork(user("a"), user("b"), join="j", kind="inclusiveGateway")))
    run.complete("a")
    elsewhere = fork(user("a"), user("b"), join="j", kind="inclusiveGateway") + line(user("w"), start="s0", end="e0")
    run.migrate(process(elsewhere.replace('<bpmn:startEvent id="s0"></bpmn:startEvent>', "").replace(flow("s0", "w"), "")),
                [to("j"), to("b", "w")])  # fmt: skip
    assert run.active == ["w"]
    assert run.done[-1] == "e"


@pytest.mark.parametrize("sequential", [False, True])
def test_loops_go_on_counting(sequential: bool) -> None:
    run = Driver(process(line(user("a", many(3, sequential=sequential)), user("z"))))
    [first, *_] = run.tasks
    run.feed(lambda execution: execution.complete_task(first))
    run.migrate(process(line(user("b", many(3, sequential=sequential)), user("z"))),
                [to("a", "b"), to("a#multiInstanceBody", "b#multiInstanceBody")])  # fmt: skip
    for _ in range(2):
        assert run.active[0] == "b"
        [following, *_] = run.tasks
        run.feed(lambda execution, number=following: execution.complete_task(number))
    assert run.active == ["z"]


def test_a_loop_that_is_gone_leaves_its_instances() -> None:
    run = Driver(process(line(user("a", many(2)), user("z"))))
    run.migrate(process(line(user("a"), user("z"))), [to("a")])
    assert (run.tree, run.canceled) == ("a a", ["a#multiInstanceBody"])
    run.complete("a")
    assert run.active == ["a", "z"]


def test_what_must_not_be_moved_is_refused() -> None:
    throw = node("intermediateThrowEvent", "t", COMPENSATE)
    run = Driver(process(line(user("a"), throw, extra=undone("a"))))
    run.complete("a")
    with pytest.raises(NotMigratable) as refused:
        run.migrate(process(line(user("a"), throw, extra=undone("a"))), [to("t"), to("undo"), to("cb")])
    assert [one.activity_id for one in refused.value.unfit] == ["t"]


# -- scopes -----------------------------------------------------------------------------------------------------------

HEARS = (
    "<bpmn:extensionElements>"
    '<camunda:executionListener event="start" class="train"/><camunda:executionListener event="end" class="train"/>'
    '<camunda:inputOutput><camunda:inputParameter name="inside">5</camunda:inputParameter>'
    '<camunda:outputParameter name="out">${inside}</camunda:outputParameter></camunda:inputOutput>'
    "</bpmn:extensionElements>"
)


def test_a_scope_that_is_gone_ends_as_it_would_and_leaves_what_is_inside() -> None:
    run = Driver(process(line(sub("x", user("a"), inner=HEARS), user("z"))))
    [task] = run.tasks.values()
    run.migrate(process(line(user("a"), user("z"))), [to("a")])
    assert (run.tree, run.canceled) == ("a", ["x"])
    assert run.variables == {"heard": ["train:start", "train:end"], "out": "5"}
    assert run.running[task.activity].parent == 0
    assert set(run.scopes) == {0}
    run.complete("a")
    assert run.active == ["z"]


def test_a_scope_that_is_new_begins_as_it_would_around_all_that_is_in_it() -> None:
    run = Driver(process(fork(user("a"), user("b"))))
    inside = line(sub("x", user("q"), inner=HEARS, extra=user("a") + user("b")), user("z"))
    run.migrate(process(inside), [to("a"), to("b")])
    assert run.tree == "x(a b)"
    scope = next(row for row in run.running.values() if row.activity_id == "x")
    assert {row.parent for row in run.running.values() if row is not scope} == {scope.number}
    assert run.scopes[scope.number] == {"inside": "5"}
    run.complete("a")
    assert run.tree == "x(b)"
    run.complete("b")
    assert (run.active, run.variables) == (["z"], {"heard": ["train:start", "train:end"], "out": "5"})


def test_listeners_and_mappings_can_be_skipped() -> None:
    run = Driver(process(line(sub("x", user("a"), inner=HEARS), user("z"))))
    run.migrate(process(line(sub("y", user("a"), inner=HEARS))), [to("a")], skips_listeners=True, skips_mappings=True)
    assert run.tree == "y(a)"
    assert run.variables == {"heard": ["train:start"]}


def test_who_comes_into_a_scope_that_lives_gets_one_of_their_own() -> None:
    run = Driver(process(fork(sub("x", user("a")), user("b"))))
    run.migrate(process(line(sub("x", user("a"), extra=user("b")))), [to("x"), to("a"), to("b")])
    assert sorted(run.tree.split(" ")) == ["x(a)", "x(b)"]


def test_a_scope_without_instruction_is_another_one_even_under_the_same_name() -> None:
    run = Driver(process(fork(sub("x", user("a")), user("b"))))
    run.migrate(process(line(sub("x", user("a"), extra=user("b")))), [to("a"), to("b")])
    assert run.canceled == ["x"]
    assert sorted(run.tree[2:-1].split(" ")) == ["a", "b"]


def test_scopes_change_places() -> None:
    run = Driver(process(line(sub("x", sub("y", user("a"))), user("z"))))
    run.migrate(process(line(sub("y", sub("x", user("a"))), user("z"))), [to("y"), to("a")])
    assert run.tree == "y(x(a))"
    run.complete("a")
    assert run.active == ["z"]


def test_a_failing_listener_fails_the_migration() -> None:
    broken = HEARS.replace('class="train"', 'expression="${nothing.here}"')
    run = Driver(process(line(user("a"))))
    with pytest.raises(ExecutionFailed):
        run.migrate(process(line(sub("x", user("a"), inner=broken))), [to("a")])
    thrower = HEARS.replace(
        '<camunda:executionListener event="start" class="train"/>',
        '<camunda:executionListener event="start"><camunda:script scriptFormat="javascript">'
        "throw new org.camunda.bpm.engine.delegate.BpmnError('E1')</camunda:script></camunda:executionListener>",
    )
    with pytest.raises(ExecutionFailed, match="the migration threw BPMN error 'E1'"):
        run.migrate(process(line(sub("x", user("a"), inner=thrower), extra=boundary("b", "x", ERROR))), [to("a")])


# -- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [boundary, lambda id, _, event, **how: event_sub(id, event, **how)])
def test_mapped_events_keep_what_they_wait_for_unless_they_are_updated(shape) -> None:
    before = process(line(user("a"), extra=shape("b", "a", MESSAGE) + shape("c", "a", HOUR)))
    after = process(line(user("a"), extra=shape("b", "a", OTHER) + shape("c", "a", timer("PT9H"))))
    for updated, name, hours in ((False, "M1", 1), (True, "M2", 9)):
        run = Driver(before)
        numbers = {*run.subscriptions, *run.jobs}
        run.migrate(after, updates_triggers=updated)
        assert {*run.subscriptions, *run.jobs} == numbers
        assert [one.event_name for one in run.subscriptions.values()] == [name]
        assert [(job.due - START).total_seconds() / 3600 for job in run.jobs.values()] == [hours]
        run.receive(name)
        assert run.canceled == ["a"]


def test_events_without_instruction_end_and_those_of_the_target_begin() -> None:
    before = process(line(user("a"), extra=boundary("b", "a", MESSAGE) + boundary("t", "a", HOUR)))
    after = process(line(user("a"), extra=boundary("b", "a", OTHER) + boundary("u", "a", timer("PT9H"))))
    run = Driver(before)
    numbers = {*run.subscriptions, *run.jobs}
    run.migrate(after, [to("a")])
    assert numbers.isdisjoint({*run.subscriptions, *run.jobs})
    assert [one.event_name for one in run.subscriptions.values()] == ["M2"]
    assert run.in_seconds("u") == 9 * 3600
    run.job("u", "timer")
    assert run.active == ["after_u"]


def test_events_of_another_host_are_not_waited_for_by_the_old_one() -> None:
    run = Driver(process(line(user("a"), user("b"), extra=boundary("x", "a", MESSAGE))))
    run.migrate(process(line(user("a"), user("b"), extra=boundary("x", "b", MESSAGE))))
    assert run.subscriptions == {}
    run.complete("a")
    assert len(run.subscriptions) == 1


def test_a_timer_that_has_fired_is_not_armed_again() -> None:
    before = process(line(user("a"), extra=boundary("b", "a", HOUR, interrupts=False)))
    after = process(line(user("a"), extra=boundary("b", "a", timer("PT9H"), interrupts=False)))
    run = Driver(before)
    run.job("b", "timer")
    run.migrate(after)
    assert run.jobs == {}
    assert run.active == ["a", "after_b"]


def test_a_scope_that_an_event_has_taken_over_waits_for_that_event_no_more() -> None:
    run = Driver(process(line(user("a"), extra=event_sub("v", MESSAGE))))
    run.receive("M1")
    run.migrate(process(line(user("a"), extra=event_sub("v", OTHER))))
    assert (run.tree, run.subscriptions) == ("v(in_v)", {})


def test_a_repeating_timer_repeats_as_before() -> None:
    cycle = timer("R3/PT1H", "timeCycle")
    run = Driver(process(line(user("a"), extra=boundary("b", "a", cycle, interrupts=False))))
    run.migrate(process(line(user("a"), extra=boundary("b", "a", cycle.replace("PT1H", "PT9H"), interrupts=False))))
    for hours in (1, 2, 3):
        assert run.in_seconds("b") == hours * 3600
        run.job("b", "timer")
    assert run.jobs == {}


@pytest.mark.parametrize("ends", [(timer("R3/PT1H", "timeCycle"), HOUR), (HOUR, timer("R3/PT1H", "timeCycle"))])
def test_a_timer_of_another_sort_fires_once_as_planned(ends: tuple[str, str]) -> None:
    before, after = ends
    run = Driver(process(line(user("a"), extra=boundary("b", "a", before, interrupts=False))))
    run.migrate(process(line(user("a"), extra=boundary("b", "a", after, interrupts=False))))
    run.job("b", "timer")
    assert run.jobs == {}


def test_a_condition_is_the_new_one_and_looked_at_when_a_variable_changes() -> None:
    run = Driver(process(line(user("a"), extra=boundary("b", "a", condition("${old}")))), {"new": True, "old": False})
    run.migrate(process(line(user("a"), extra=boundary("b", "a", condition("${new}")))))
    assert run.active == ["a"]
    run.write(new=True)
    assert run.active == ["after_b"]


def test_a_condition_that_holds_already_does_not_fire_because_of_a_migration() -> None:
    run = Driver(process(line(user("a"))), {"x": True})
    run.migrate(process(line(user("a"), extra=boundary("b", "a", condition("${x}")))), [to("a")])
    assert (run.active, len(run.subscriptions)) == (["a"], 1)
    run.write(x=True)
    assert run.active == ["after_b"]


def test_an_event_based_gateway_waits_for_the_events_behind_it() -> None:
    def behind(first: str, second: str) -> bytes:
        gateway = node("startEvent", "s") + node("eventBasedGateway", "g")
        events = node("intermediateCatchEvent", "first", first) + node("intermediateCatchEvent", "second", second)
        return process(gateway + events + flow("s", "g") + flow("g", "first") + flow("g", "second"))

    run = Driver(behind(MESSAGE, HOUR))
    run.migrate(behind(OTHER, SIGNAL), [to("g"), to("first")])
    assert run.jobs == {}
    assert sorted(str(one.event_name) for one in run.subscriptions.values()) == ["M1", "S1"]
    run.receive("M1")
    assert run.done == ["s", "first"]


def test_timeouts_of_a_task_are_known_by_their_ids() -> None:
    def task(**hours: int) -> bytes:
        listeners = "".join(
            f'<camunda:taskListener event="timeout" id="{id}" class="{id}">{timer(f"PT{after}H")}</camunda:taskListener>'
            for id, after in hours.items()
        )
        return process(line(user("a", f"<bpmn:extensionElements>{listeners}</bpmn:extensionElements>")))

    run = Driver(task(train=1, gone=1).replace(b'class="gone"', b'class="train"'))
    numbers = list(run.jobs)
    run.migrate(task(deploy=2, train=5))
    kept, begun = run.jobs
    assert kept in numbers
    assert [(run.jobs[one].due - START).total_seconds() / 3600 for one in (kept, begun)] == [1, 2]
    run.feed(lambda execution: execution.fire_timer(kept))
    run.feed(lambda execution: execution.fire_timer(begun))
    assert run.variables["heard"] == ["train:timeout", "deploy:timeout"]
    run = Driver(task(train=1))
    run.migrate(task(train=5), updates_triggers=True)
    assert run.in_seconds("a") == 5 * 3600


# -- compensation -----------------------------------------------------------------------------------------------------

THROW = node("intermediateThrowEvent", "t", COMPENSATE)


def undoing(done: str, *more: str, extra: str = "") -> bytes:
    return process(line(done, *more, user("z"), THROW, extra=extra))


def test_what_has_completed_is_undone_by_the_new_handler() -> None:
    run = Driver(undoing(user("a"), extra=undone("a")))
    run.complete("a")
    [number] = run.subscriptions
    with pytest.raises(NotMigratable, match="no migration instruction for the compensation boundary event of 'a'"):
        run.migrate(undoing(user("b"), extra=undone("b", "cc", "undo_b")), [to("z")])
    run.migrate(undoing(user("b"), extra=undone("b", "cc", "undo_b")), [to("z"), to("cb", "cc")])
    assert [(one, row.activity_id) for one, row in run.subscriptions.items()] == [(number, "undo_b")]
    run.complete("z")
    assert run.active == ["t", "undo_b"]
    run.complete("undo_b")
    assert run.is_ended


def test_a_finished_scope_is_undone_under_its_new_name() -> None:
    run = Driver(undoing(sub("x", user("a"), extra=undone("a"))))
    run.complete("a")
    run.migrate(undoing(sub("y", user("a"), extra=undone("a"))), [to("z"), to("x", "y"), to("cb")])
    assert sorted(row.activity_id for row in run.subscriptions.values()) == ["undo", "y"]
    run.complete("z")
    assert run.tree == "t y(undo)"
    run.complete("undo")
    assert (run.is_ended, run.subscriptions) == (True, {})


def test_a_finished_scope_that_is_gone_leaves_what_completed_inside() -> None:
    run = Driver(undoing(sub("x", user("a"), extra=undone("a"))))
    run.complete("a")
    run.migrate(undoing(user("a"), extra=undone("a")), [to("z"), to("cb")])
    assert [row.activity_id for row in run.subscriptions.values()] == ["undo"]
    run.complete("z")
    assert run.tree == "t undo"


def test_a_finished_scope_that_is_new_is_undone_with_what_is_inside() -> None:
    run = Driver(undoing(user("a"), user("b"), extra=undone("a") + undone("b", "cb2", "undo2")))
    run.complete("a")
    run.complete("b")
    inside = sub("x", user("a"), user("b"), extra=undone("a") + undone("b", "cb2", "undo2"))
    run.migrate(undoing(inside), [to("z"), to("cb"), to("cb2")])
    scope = next(row for row in run.subscriptions.values() if row.activity_id == "x")
    assert {row.activity for row in run.subscriptions.values() if row is not scope} == {scope.number}
    run.complete("z")
    assert run.tree == "t x(undo2 undo)"


def test_what_completed_in_a_live_scope_that_is_gone_can_still_be_undone() -> None:
    run = Driver(process(line(sub("x", user("a"), user("z"), THROW, extra=undone("a")))))
    run.complete("a")
    run.migrate(undoing(user("a"), extra=undone("a")), [to("z"), to("cb")])
    assert [row.activity for row in run.subscriptions.values()] == [0]
    run.complete("z")
    assert run.tree == "t undo"


def test_a_scope_that_says_itself_how_it_is_undone_needs_its_start_event() -> None:
    run = Driver(undoing(sub("x", user("a"), extra=event_sub("v", COMPENSATE))))
    run.complete("a")
    target = undoing(sub("y", user("a"), extra=event_sub("w", COMPENSATE)))
    with pytest.raises(NotMigratable, match="no migration instruction for the compensation start event 'v_s'"):
        run.migrate(target, [to("z"), to("x", "y")])
    run.migrate(target, [to("z"), to("x", "y"), to("v_s", "w_s")])
    assert [row.activity_id for row in run.subscriptions.values()] == ["w"]
    run.complete("z")
    assert run.tree == "t y(w(in_w))"


def test_what_completed_in_a_loop_stays_in_it() -> None:
    loop = user("a", many(2))
    run = Driver(undoing(loop, extra=undone("a")))
    for number in list(run.tasks):
        run.feed(lambda execution, number=number: execution.complete_task(number))
    mapped = [to("z"), to("a#multiInstanceBody"), to("a")]
    elsewhere = undoing(loop, user("b"), extra=undone("b", "cb"))
    with pytest.raises(
        NotMigratable, match="'a', which can be undone, is mapped to 'b', outside 'a#multiInstanceBody'"
    ):
        run.migrate(elsewhere, [*mapped, to("cb")])
    run.migrate(undoing(loop, extra=undone("a")), [*mapped, to("cb")])
    run.complete("z")
    assert run.tree == "t a#multiInstanceBody(undo undo)"


# -- what the outside is told -----------------------------------------------------------------------------------------


def test_the_outside_is_told_once_what_has_new_names() -> None:
    run = Driver(process(line(sub("x", user("a", many(2))))), {"v": 1})
    run.migrate(process(line(sub("y", user("a", many(2))))), [to("x", "y"), to("a"), to("a#multiInstanceBody")])
    told = [one for one in run.effects if isinstance(one, (fx.Migrated, fx.ActivityMigrated))]
    assert isinstance(told[0], fx.Migrated)
    assert (told[0].definition_id, told[0].renamed) == ("target", {"x": "y"})
    assert set(told[0].scopes) == {number for number, held in run.scopes.items() if held}
    assert [one.activity_id for one in told[1:]] == ["y", "a#multiInstanceBody", "a", "a"]
    assert run.ended is None


def test_a_younger_scope_around_an_older_token_survives_being_stored() -> None:
    run = Driver(process(line(user("a"), user("z"))))
    run.migrate(process(line(sub("x", sub("y", user("a")), user("z")))), [to("a")])
    assert run.tree == "x(y(a))"
    run.migrate(process(line(sub("x", user("a"), user("z")))), [to("x"), to("a")])
    run.complete("a")
    assert run.tree == "x(z)"
