"""User tasks: what they say, who may do them, and when their listeners hear of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mlc_service.engine import ExecutionFailed, NotWaiting
from mlc_service.engine import effects as fx
from mlc_service.engine.values import TypedValue
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import Driver
from tests.unit.engine.shapes import (
    ERROR,
    ESCALATION,
    MESSAGE,
    START,
    TERMINATE,
    boundary,
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

ON = users("z") + ways("s > t > z")
AWAY = users("y") + ways("b > y")
HEARD = task_listeners("T") + listeners("t")


def task(run: Driver) -> fx.TaskCreated:
    (found,) = run.tasks.values()
    return found


def one(*inside: str, variables: dict[str, Any] | None = None, **attributes: str) -> fx.TaskCreated:
    return task(Driver(process(START, user("t", *inside, **attributes), ON), variables))


def on(event: str, expression: str) -> str:
    """A task listener with an expression, written without its `${}`."""
    return f'<camunda:taskListener event="{event}" expression="${{{expression}}}"/>'


def with_log(*parts: str, **more: Any) -> Driver:
    return Driver(process(START, *parts), {"log": ""} | more.pop("variables", {}), **more)


def error(run: Driver, code: str = "E1") -> bool:
    number = next(iter(run.tasks))
    caught: bool = run.feed(lambda execution: execution.task_error(number, code))
    return caught


def escalate(run: Driver, code: str = "C1") -> bool:
    number = next(iter(run.tasks))
    caught: bool = run.feed(lambda execution: execution.task_escalation(number, code))
    return caught


def change(run: Driver, **changes: Any) -> None:
    number, known = next(iter(run.tasks.items()))
    facts = {name: getattr(known, name) for name in ("name", "description", "assignee", "due", "follow_up", "priority")}
    run.feed(lambda execution: execution.change_task(number, changes, facts))


# -- what a task says --------------------------------------------------------------------------------------------------


def test_a_task_that_says_nothing() -> None:
    assert one()[3:] == (None, None, None, (), (), None, None, 50, None, None)


def test_name_and_description_are_worked_out() -> None:
    made = one("<bpmn:documentation>about ${n}</bpmn:documentation>", variables={"n": 7}, name="Review ${n}")
    assert (made.name, made.description) == ("Review 7", "about 7")


@pytest.mark.parametrize(
    ("attributes", "users_", "groups"),
    [({"camunda_candidateUsers": "a, b,${s}", "camunda_candidateGroups": "${l}, z"}, ("a", "b", "p", "q"), ("x", "y", "z")),
     ({"camunda_candidateUsers": "a,a"}, ("a",), ()),
     ({"camunda_candidateGroups": "${none}"}, (), ()),
     ({"camunda_candidateGroups": " , a ,"}, (), ("a",))],
)  # fmt: skip
def test_candidates_come_from_lists_texts_and_expressions(
    attributes: dict[str, str], users_: tuple[str, ...], groups: tuple[str, ...]
) -> None:
    made = one(variables={"l": ["x", "y"], "s": "p, q", "none": None}, **attributes)
    assert (made.candidate_users, made.candidate_groups) == (users_, groups)


def resource(kind: str, text: str) -> str:
    return (
        f"<bpmn:{kind}><bpmn:resourceAssignmentExpression><bpmn:formalExpression>{text}</bpmn:formalExpression>"
        f"</bpmn:resourceAssignmentExpression></bpmn:{kind}>"
    )


@pytest.mark.parametrize(
    ("text", "users_", "groups"),
    [("user(a), group(b), c", ("a",), ("b", "c")), ("user(${s}), group(${l.get(0)})", ("p", "q"), ("x",)), ("managers", (), ("managers",))],
)  # fmt: skip
def test_potential_owners_are_candidates(text: str, users_: tuple[str, ...], groups: tuple[str, ...]) -> None:
    made = one(resource("potentialOwner", text), variables={"l": ["x"], "s": "p, q"})
    assert (made.candidate_users, made.candidate_groups) == (users_, groups)


def test_potential_owners_come_beside_candidates() -> None:
    made = one(resource("potentialOwner", "group(g2)"), camunda_candidateGroups="g1")
    assert made.candidate_groups == ("g1", "g2")


def test_a_human_performer_is_the_assignee() -> None:
    assert one(resource("humanPerformer", "${who}"), variables={"who": "gonzo"}).assignee == "gonzo"


@pytest.mark.parametrize(
    ("inside", "attributes", "message"),
    [(resource("humanPerformer", "a"), {"camunda_assignee": "b"}, "has an assignee already"),
     ("<bpmn:potentialOwner/>", {}, "needs a resourceAssignmentExpression"),
     ("", {"camunda_priority": "high"}, "'high' is no whole number"),
     ("", {"camunda_formKey": "a", "camunda_formRef": "b", "camunda_formRefBinding": "latest"}, "exclude each other"),
     ("", {"camunda_formRef": "b"}, "formRefBinding '' is none of"),
     ("", {"camunda_formRef": "b", "camunda_formRefBinding": "version"}, "needs a camunda:formRefVersion")],
)  # fmt: skip
def test_a_task_that_makes_no_sense_is_refused(inside: str, attributes: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidResource, match=message):
        one(inside, **attributes)


@pytest.mark.parametrize(
    ("text", "due"),
    [("2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)), ("2030-01-01T00:00:00", datetime(2030, 1, 1, tzinfo=UTC)),
     ("PT1H", datetime(2026, 3, 1, 13, tzinfo=UTC)), ("${text}", datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)),
     ("${date}", datetime(2032, 1, 1, tzinfo=UTC)), ("${now()}", datetime(2026, 3, 1, 12, tzinfo=UTC)), ("${none}", None), ("${blank}", None)],
)  # fmt: skip
def test_due_and_follow_up_dates(text: str, due: datetime | None) -> None:
    given = {
        "text": "2031-02-03T04:05:06Z",
        "date": TypedValue("Date", "2032-01-01T00:00:00.000+00:00"),
        "none": None,
        "blank": "",
    }
    made = one(variables=given, camunda_dueDate=text, camunda_followUpDate=text)
    assert (made.due, made.follow_up) == (due, due)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [({"camunda_dueDate": "${x}"}, "due date: "), ({"camunda_followUpDate": "${x}"}, "follow-up date: "),
     ({"camunda_priority": "${x}"}, "task priority 'tomorrow' is not a number"), ({"camunda_assignee": "${nobody}"}, "'nobody'")],
)  # fmt: skip
def test_what_cannot_be_worked_out_fails_at_the_task(attributes: dict[str, str], message: str) -> None:
    with pytest.raises(ExecutionFailed, match=message) as failure:
        one(variables={"x": "tomorrow"}, **attributes)
    assert failure.value.element_id == "t"


@pytest.mark.parametrize(("text", "priority"), [("7", 7), ("${2.5}", 2), ("${text}", 12)])
def test_the_priority(text: str, priority: int) -> None:
    assert one(variables={"text": "12"}, camunda_priority=text).priority == priority


def test_forms_are_named_by_key_or_by_reference() -> None:
    assert one(variables={"x": 1}, camunda_formKey="embedded:${x}").form_key == "embedded:1"
    made = one(
        variables={"x": 1, "v": "3"},
        camunda_formRef="form-${x}",
        camunda_formRefBinding="version",
        camunda_formRefVersion="${v}",
    )
    assert made.form_ref == {"key": "form-1", "binding": "version", "version": 3}
    made = one(camunda_formRef="form", camunda_formRefBinding="deployment")
    assert made.form_ref == {"key": "form", "binding": "deployment", "version": None}


def test_inputs_are_seen_by_what_the_task_says() -> None:
    assert one(mapping({"who": "kermit"}), camunda_assignee="${who}").assignee == "kermit"


# -- the life of a task as its listeners hear it -----------------------------------------------------------------------


def test_a_task_is_created_and_completed_between_the_start_and_the_end_of_its_activity() -> None:
    run = with_log(user("t", HEARD), ON)
    assert log(run) == ["t.start", "T.create"]
    run.complete("t", {"a": 1})
    assert log(run)[2:] == ["T.complete", "t.end"]
    assert [(ended.reason) for ended in of_type(run, fx.TaskEnded)] == ["completed"]


def test_a_task_with_an_assignee_is_created_then_assigned() -> None:
    run = with_log(user("t", HEARD, camunda_assignee="gonzo"), ON)
    assert log(run) == ["t.start", "T.create", "T.assignment"]


def test_a_create_listener_that_sets_the_assignee_makes_it_assigned() -> None:
    run = with_log(user("t", on("create", "task.setAssignee('gonzo')"), HEARD), ON)
    assert log(run) == ["t.start", "T.create", "T.assignment"]
    assert task(run).assignee == "gonzo"


def test_an_assignment_listener_has_the_last_word() -> None:
    run = with_log(user("t", on("assignment", "task.setAssignee('kermit')"), HEARD, camunda_assignee="gonzo"), ON)
    assert log(run) == ["t.start", "T.create", "T.assignment"]
    assert task(run).assignee == "kermit"


def test_the_complete_listener_sees_the_answer_and_what_people_made_of_the_task() -> None:
    told_who = on("complete", "task.setVariable('who', task.assignee.concat(' ').concat(answer))")
    run = Driver(process(START, user("t", told_who), ON))
    change(run, assignee="gonzo")
    run.complete("t", {"answer": "yes"})
    assert run.variables["who"] == "gonzo yes"


def test_listeners_are_asked_in_the_order_of_the_file_and_see_each_other() -> None:
    inside = [
        on("create", "task.setPriority(1)"),
        on("create", "task.setPriority(task.priority + 1)"),
        on("create", "task.setName(task.eventName)"),
    ]
    made = one(*inside)
    assert (made.priority, made.name) == (2, "create")


def test_a_create_listener_says_what_the_task_will_be() -> None:
    made = one(
        on("create", "task.setName('n')"), on("create", "task.setDescription('d')"), on("create", "task.setDueDate(now())"),
        on("create", "task.setFollowUpDate(now())"), on("create", "task.addCandidateUser('a')"), on("create", "task.addCandidateGroup('g')"),
        camunda_candidateGroups="f",
    )  # fmt: skip
    assert made[3:10] == (
        "n",
        "d",
        None,
        ("a",),
        ("f", "g"),
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        datetime(2026, 3, 1, 12, tzinfo=UTC),
    )


def test_task_listeners_reach_the_execution_and_the_task_by_its_id() -> None:
    run = with_log(
        user(
            "t",
            on("create", "task.setVariable('seen', task.execution.currentActivityId.concat(task.taskDefinitionKey))"),
        ),
        ON,
    )
    assert run.variables["seen"] == "tt"


def test_a_script_may_listen() -> None:
    script = '<camunda:taskListener event="create"><camunda:script scriptFormat="python">execution.setVariable("seen", task["name"])</camunda:script></camunda:taskListener>'
    run = Driver(process(START, user("t", script, name="Look"), ON))
    assert run.variables["seen"] == "Look"


def test_a_delegate_may_listen_and_sees_its_fields() -> None:
    listening = '<camunda:taskListener event="create" delegateExpression="${train}"><camunda:field name="x" stringValue="y"/></camunda:taskListener>'
    run = Driver(process(START, user("t", listening), ON))
    assert run.variables == {"heard": ["train:create"]}


# -- changed by people -------------------------------------------------------------------------------------------------


def test_a_changed_task_is_updated() -> None:
    run = with_log(user("t", HEARD), ON)
    change(run, name="new", priority=3)
    assert log(run)[2:] == ["T.update"]
    assert (task(run).name, task(run).priority) == ("new", 3)
    assert of_type(run, fx.TaskChanged) == [fx.TaskChanged(task(run).number, {"name": "new", "priority": 3})]


def test_an_assigned_task_is_updated_then_assigned() -> None:
    run = with_log(user("t", HEARD), ON)
    change(run, assignee="gonzo")
    change(run, assignee=None)
    assert log(run)[2:] == ["T.update", "T.assignment"] * 2
    assert task(run).assignee is None


def test_a_task_assigned_to_who_has_it_is_only_updated() -> None:
    run = with_log(user("t", HEARD, camunda_assignee="gonzo"), ON)
    change(run, assignee="gonzo")
    assert log(run)[3:] == ["T.update"]


def test_an_update_listener_may_change_more() -> None:
    run = with_log(user("t", on("update", "task.setPriority(9)"), on("update", "task.setAssignee('eve')"), HEARD), ON)
    change(run, name="new")
    assert log(run)[2:] == ["T.update", "T.assignment"]
    assert (task(run).name, task(run).priority, task(run).assignee) == ("new", 9, "eve")


def test_a_task_that_is_over_cannot_be_changed() -> None:
    run = Driver(process(START, users("t"), ON))
    number = task(run).number
    run.complete("t")
    with pytest.raises(NotWaiting):
        run.feed(lambda execution: execution.change_task(number, {"name": "x"}))


def test_a_condition_may_become_true_by_what_an_update_listener_writes() -> None:
    condition = '<bpmn:conditionalEventDefinition><bpmn:condition xsi:type="bpmn:tFormalExpression">${x == 1}</bpmn:condition></bpmn:conditionalEventDefinition>'
    run = Driver(
        process(START, user("t", on("update", "task.setVariable('x', 1)")), boundary("b", "t", condition), ON, AWAY)
    )
    change(run, name="new")
    assert run.tree == "y"


# -- timeouts ----------------------------------------------------------------------------------------------------------


def timeout(
    duration: str,
    expression: str = "execution.setVariable('log', log.concat('T.timeout '))",
    kind: str = "timeDuration",
) -> str:
    return (
        on("timeout", expression)
        .replace('expression="', 'id="x" expression="')
        .replace("/>", f">{timer(duration, kind)}</camunda:taskListener>")
    )


def test_a_timeout_listener_hears_when_its_timer_fires_and_the_task_goes_on() -> None:
    run = with_log(user("t", timeout("PT1H"), HEARD), ON)
    (job,) = run.jobs.values()
    assert (job.kind, job.activity_id, run.in_seconds("t")) == ("timer", "t", 3600.0)
    run.job("t", "timer")
    assert log(run)[2:] == ["T.timeout"]
    assert run.jobs == {}
    run.complete("t")
    assert run.tree == "z"


def test_a_repeating_timeout_fires_as_often_as_it_says() -> None:
    run = with_log(user("t", timeout("R2/PT1H", kind="timeCycle")), ON)
    beats = []
    while run.jobs:
        beats.append(run.in_seconds("t"))
        run.job("t", "timer")
    assert beats == [3600.0, 7200.0]
    assert log(run) == ["T.timeout"] * 2


def test_several_timeouts_of_a_task_are_kept_apart() -> None:
    first, second = (timeout(text, f"execution.setVariable('log', log.concat('{text} '))") for text in ("PT2H", "PT1H"))
    run = with_log(user("t", first, second), ON)
    for number, job in sorted(run.jobs.items(), key=lambda item: item[1].due):  # type: ignore[arg-type, return-value]
        assert job.due is not None
        run.feed(lambda execution, number=number: execution.fire_timer(number))
    assert log(run) == ["PT1H", "PT2H"]


@pytest.mark.parametrize("ends", ["complete", "interrupt", "delete"])
def test_a_timeout_is_dropped_with_its_task(ends: str) -> None:
    run = with_log(user("t", timeout("PT1H")), boundary("b", "t", MESSAGE), ON, AWAY)
    if ends == "complete":
        run.complete("t")
    elif ends == "interrupt":
        run.receive("M1")
    else:
        run.cancel()
    assert run.jobs == {}
    assert len(of_type(run, fx.JobDropped)) == 1


def test_a_timeout_listener_sees_the_task_as_it_is_and_may_change_it() -> None:
    run = with_log(
        user("t", timeout("PT1H", "task.setAssignee(task.assignee.concat('-late'))"), HEARD, camunda_assignee="gonzo"),
        ON,
    )
    change(run, assignee="kermit")
    heard = log(run)
    run.job("t", "timer")
    assert task(run).assignee == "kermit-late"
    # Camunda tells nobody of that
    assert log(run) == heard


# -- other ends --------------------------------------------------------------------------------------------------------


def test_an_interrupted_task_is_deleted_after_the_end_of_its_activity() -> None:
    run = with_log(user("t", HEARD), boundary("b", "t", MESSAGE), ON, AWAY)
    run.receive("M1")
    assert log(run)[2:] == ["t.end", "T.delete"]
    assert [ended.reason for ended in of_type(run, fx.TaskEnded)] == ["deleted"]


def test_a_task_beside_an_event_that_does_not_interrupt_hears_nothing() -> None:
    run = with_log(user("t", HEARD), boundary("b", "t", MESSAGE, interrupting=False), ON, AWAY)
    run.receive("M1")
    assert log(run) == ["t.start", "T.create"]


def test_tasks_of_a_cancelled_scope_are_deleted_from_the_inside_out() -> None:
    inner = sub("u", listeners("u"), node("startEvent", "i"), user("t", HEARD), ways("i > t"))
    run = with_log(inner, boundary("b", "u", MESSAGE), users("y"), ways("s > u", "b > y"))
    run.receive("M1")
    assert log(run)[3:] == ["t.end", "T.delete", "u.end"]


def test_a_terminate_end_event_deletes_tasks() -> None:
    run = with_log(
        gateway("parallel", "f"),
        user("t", HEARD),
        users("o"),
        end("stop", TERMINATE),
        ways("s > f > t", "f > o > stop"),
    )
    run.complete("o")
    assert log(run)[2:] == ["t.end", "T.delete"]


def test_an_event_sub_process_deletes_the_tasks_of_its_scope() -> None:
    run = with_log(
        gateway("parallel", "f"),
        user("t", HEARD),
        users("o"),
        event_sub("e", MESSAGE, users("u"), ways("e_start > u")),
        ways("s > f > t", "f > o"),
    )
    run.receive("M1")
    assert log(run)[2:] == ["t.end", "T.delete"]


def test_a_deleted_instance_deletes_its_tasks_before_the_end_of_their_activities() -> None:
    run = Driver(process(
        "<bpmn:extensionElements>" + listener("end", "P.end") + "</bpmn:extensionElements>", START, user("t", HEARD), ON
    ), {"log": ""})  # fmt: skip
    run.cancel()
    assert log(run)[2:] == ["T.delete", "t.end", "P.end"]
    run = with_log(user("t", HEARD), ON)
    run.feed(lambda execution: execution.cancel(skips_listeners=True))
    assert log(run) == ["t.start", "T.create"]


def test_a_delete_listener_sees_the_task_as_it_is() -> None:
    run = Driver(
        process(
            START,
            user("t", on("delete", "execution.setVariable('had', task.assignee)")),
            boundary("b", "t", MESSAGE),
            ON,
            AWAY,
        )
    )
    change(run, assignee="gonzo")
    run.receive("M1")
    assert run.variables["had"] == "gonzo"


def test_a_delete_listener_sees_a_task_that_is_not_older_than_the_step() -> None:
    run = Driver(process(
        START, gateway("parallel", "f"), user("t", on("delete", "execution.setVariable('had', task.assignee)"), camunda_assignee="gonzo"),
        end("stop", TERMINATE), ways("s > f > t", "f > stop"),
    ))  # fmt: skip
    assert run.is_ended
    assert [effect.value for effect in of_type(run, fx.VariableWritten)] == ["gonzo"]


def test_what_a_complete_listener_sets_is_told_to_history() -> None:
    run = Driver(process(START, user("t", on("complete", "task.setAssignee('eve')")), ON))
    number = task(run).number
    run.complete("t")
    assert of_type(run, fx.TaskChanged) == [fx.TaskChanged(number, {"assignee": "eve"})]
    kinds = [type(effect) for effect in run.effects]
    assert kinds.index(fx.TaskChanged) < kinds.index(fx.TaskEnded)


def test_tasks_that_a_completion_condition_makes_needless_are_deleted() -> None:
    run = with_log(user("t", HEARD, many(2, until="true")), ON)
    run.complete("t")
    assert log(run)[4:] == ["T.complete", "t.end", "t.end", "T.delete"]


def test_a_task_that_ends_with_an_error_is_deleted_not_completed() -> None:
    run = with_log(user("t", HEARD), boundary("b", "t", ERROR), ON, AWAY)
    assert error(run)
    assert run.tree == "y"
    assert log(run)[2:] == ["t.end", "T.delete"]
    assert run.canceled == ["t"]


def test_an_error_of_a_task_that_nobody_catches_ends_its_token() -> None:
    run = with_log(gateway("parallel", "f"), user("t", HEARD), users("o", "z"), ways("s > f > t > z", "f > o"))
    number = next(number for number, made in run.tasks.items() if made.activity_id == "t")
    assert not run.feed(lambda execution: execution.task_error(number, "E9", variables={"why": 1}))
    assert run.tree == "o"
    assert log(run)[2:] == ["t.end", "T.delete"]
    assert run.done[-1] == "t"
    assert run.variables["why"] == 1


def test_a_task_may_escalate() -> None:
    run = with_log(user("t", HEARD), boundary("b", "t", ESCALATION), ON, AWAY)
    assert escalate(run)
    assert run.tree == "y"
    assert log(run)[2:] == ["t.end", "T.delete"]
    run = with_log(user("t", HEARD), boundary("b", "t", ESCALATION, interrupting=False), ON, AWAY)
    assert escalate(run)
    assert run.tree == "t y"
    assert log(run)[2:] == []


def test_an_escalation_of_a_task_that_nobody_catches_leaves_the_task() -> None:
    run = with_log(user("t", HEARD), ON)
    assert not escalate(run)
    assert run.tree == "t"


@pytest.mark.parametrize("event", ["create", "complete"])
def test_an_error_thrown_by_a_task_listener_is_one_of_the_activity(event: str) -> None:
    script = f'<camunda:taskListener event="{event}"><camunda:script scriptFormat="python">raise BpmnError("E1")</camunda:script></camunda:taskListener>'
    run = with_log(
        user("t", script, task_listeners("T", ["delete"]), listeners("t")), boundary("b", "t", ERROR), ON, AWAY
    )
    if event == "complete":
        run.complete("t")
    assert run.tree == "y"
    assert log(run) == ["t.start", "t.end", "T.delete"]
    # the task has been there, if only for a moment
    assert [type(effect) for effect in run.effects if isinstance(effect, (fx.TaskCreated, fx.TaskEnded))] == [
        fx.TaskCreated, fx.TaskEnded, fx.TaskCreated,
    ]  # fmt: skip
    assert told(run)[2:] == ["+t", "!t", "+b", "-b", "+y"]


def test_a_task_listener_that_fails_fails_the_step() -> None:
    run = Driver(process(START, user("t", on("complete", "nothing")), ON))
    with pytest.raises(ExecutionFailed, match="'nothing'") as failure:
        run.complete("t")
    assert failure.value.element_id == "t"
    assert run.tree == "t"
