"""Instances: what their rows, history, variables and tree say while they live and afterwards."""

from __future__ import annotations

import pytest

from mlc_service.engine import ExecutionFailed
from mlc_service.engine.ids import derived_id
from mlc_service.engine.values import TypedValue
from mlc_service.process.activity_tree import activity_tree
from mlc_service.process.definitions import set_definition_suspended
from mlc_service.process.errors import AlreadyClaimed, NotFound, Suspended
from mlc_service.process.instances import (
    StartInstance,
    delete_instance,
    instance_variables,
    set_instance_suspended,
    set_instance_variables,
    start_instance,
)
from mlc_service.process.tasks import (
    assign_task,
    claim_task,
    complete_task,
    set_task_variables,
    task_variables,
    unclaim_task,
)
from mlc_service.store.history_filters import VariableHistoryFilter
from tests.unit.process.service import Service, diagram, flow, path

START, END = '<bpmn:startEvent id="s"/>', '<bpmn:endEvent id="e"/>'
REVIEW = (
    '<bpmn:userTask id="review" name="Review it" camunda:candidateGroups="reviewers,ops" camunda:candidateUsers="ann"/>'
)
LOCAL = """<bpmn:userTask id="local"><bpmn:extensionElements><camunda:inputOutput>
  <camunda:inputParameter name="x">${y + 1}</camunda:inputParameter>
</camunda:inputOutput></bpmn:extensionElements></bpmn:userTask>"""


def script(id: str, text: str) -> str:
    return f'<bpmn:scriptTask id="{id}" scriptFormat="python"><bpmn:script>{text}</bpmn:script></bpmn:scriptTask>'


def test_an_instance_that_ends_at_once_leaves_history_only(service: Service) -> None:
    started = service.begin(
        path(START, script("double", "execution.setVariable('n', n * 2)"), END),
        variables={"n": 21},
        business_key="order-7",
    )
    assert started.ended
    assert started.variables == {"n": 42}
    assert service.read(lambda unit: unit.instances.count()) == 0
    record = service.record(started.id)
    assert (record.state, record.business_key) == ("COMPLETED", "order-7")
    assert (record.start_activity_id, record.end_activity_id) == ("s", "e")
    assert record.ended == service.clock.now()
    assert service.trail(started.id) == ["s", "double", "e"]
    assert service.variables(started.id) == {"n": 42}


def test_an_instance_waits_at_its_user_task(service: Service) -> None:
    started = service.begin(path(START, REVIEW, END), user="ben")
    assert not started.ended
    (task,) = service.tasks()
    assert (task.name, task.activity_id, task.instance_id) == ("Review it", "review", started.id)
    assert service.tasks(candidate_groups=["ops"]) == [task]
    assert service.tasks(candidate_user="ann") == [task]
    assert service.record(started.id).start_user == "ben"
    assert service.trail(started.id) == ["s", "review*"]

    service.clock.forward(minutes=5)
    service.complete({"ok": True})
    record = service.record(started.id)
    assert (record.state, record.ended) == ("COMPLETED", service.clock.now())
    assert service.trail(started.id) == ["s", "review", "e"]
    (past,) = service.read(lambda unit: unit.history.find_tasks())
    assert (past.id, past.delete_reason, past.ended) == (task.id, "completed", service.clock.now())
    assert service.variables(started.id) == {"ok": True}


def test_a_step_that_fails_leaves_the_instance_where_it_was(service: Service) -> None:
    started = service.begin(path(START, REVIEW, script("broken", "1 / 0"), END))
    (task,) = service.tasks()
    with pytest.raises(ExecutionFailed) as failed:
        service.complete({"ok": True})
    assert failed.value.element_id == "broken"
    assert service.tasks() == [task]
    assert service.variables(started.id) == {}
    assert service.trail(started.id) == ["s", "review*"]


def test_a_start_that_fails_leaves_nothing(service: Service) -> None:
    with pytest.raises(ExecutionFailed):
        service.begin(path(START, script("broken", "1 / 0"), END))
    assert service.records() == []


def test_only_the_latest_version_is_started_by_key(service: Service) -> None:
    service.deploy(diagram(path(START, END)))
    (second,) = service.deploy(diagram(path(START, END))).processes
    assert service.start().definition_id == second.id
    with pytest.raises(NotFound):
        service.run(start_instance, StartInstance(definition_id="nothing"))


def test_a_deleted_instance_was_terminated_from_outside(service: Service) -> None:
    started = service.begin(path(START, REVIEW, END))
    service.run(delete_instance, started.id, reason="not needed")
    record = service.record(started.id)
    assert (record.state, record.delete_reason) == ("EXTERNALLY_TERMINATED", "not needed")
    assert service.trail(started.id) == ["s", "review✗"]
    assert service.tasks() == []
    with pytest.raises(NotFound):
        service.run(delete_instance, started.id)


# --- variables --------------------------------------------------------------------------------------------------


def test_typed_values_come_back_typed(service: Service) -> None:
    variables = {
        "date": TypedValue("Date", "2026-03-01T12:00:00.000+00:00"),
        "json": TypedValue("Json", '{"a": 1}'),
        "plain": {"$type": "mine"},
        "nothing": None,
    }
    started = service.begin(path(START, REVIEW, END), variables=variables)
    assert service.read(lambda unit: instance_variables(unit, started.id)) == variables


def test_variables_are_written_and_deleted(service: Service) -> None:
    started = service.begin(path(START, REVIEW, END), variables={"a": 1, "b": 2})
    service.run(set_instance_variables, started.id, {"a": 3, "c": [1, {"x": None}]}, ["b"])
    assert service.read(lambda unit: instance_variables(unit, started.id)) == {"a": 3, "c": [1, {"x": None}]}
    wanted = VariableHistoryFilter(instance_id=started.id, include_deleted=True)
    history = service.read(lambda unit: unit.history.find_variables(wanted))
    assert [(row.name, row.value, row.state) for row in history] == [
        ("a", 3, "CREATED"),
        ("b", 2, "DELETED"),
        ("c", [1, {"x": None}], "CREATED"),
    ]
    with pytest.raises(NotFound):
        service.run(set_instance_variables, "nothing", {})


def test_variables_of_a_task_hide_those_of_its_instance(service: Service) -> None:
    started = service.begin(path(START, LOCAL, END), variables={"y": 1, "x": "outer"})
    (task,) = service.tasks()
    assert service.run(task_variables, task.id) == {"y": 1, "x": 2}
    assert service.run(task_variables, task.id, local=True) == {"x": 2}
    service.run(set_task_variables, task.id, {"x": 3, "y": 4})
    service.run(set_task_variables, task.id, {"z": 5}, local=True)
    assert service.run(task_variables, task.id, local=True) == {"x": 3, "z": 5}
    assert service.read(lambda unit: instance_variables(unit, started.id)) == {"y": 4, "x": "outer"}
    service.complete({"z": 6})
    assert service.variables(started.id) == {"y": 4, "x": "outer"}


# --- who has a task -----------------------------------------------------------------------------------------------


def test_a_task_is_claimed_by_one(service: Service) -> None:
    service.begin(path(START, REVIEW, END))
    (task,) = service.tasks()
    service.run(claim_task, task.id, "ann")
    service.run(claim_task, task.id, "ann")
    with pytest.raises(AlreadyClaimed) as taken:
        service.run(claim_task, task.id, "ben")
    assert taken.value.assignee == "ann"
    service.run(assign_task, task.id, "ben")
    assert [row.assignee for row in service.read(lambda unit: unit.history.find_tasks())] == ["ben"]
    service.run(unclaim_task, task.id)
    service.run(claim_task, task.id, "cat")
    assert service.tasks()[0].assignee == "cat"
    with pytest.raises(NotFound):
        service.run(claim_task, "nothing", "ann")


def test_a_task_is_completed_once(service: Service) -> None:
    service.begin(path(START, REVIEW, END))
    (task,) = service.tasks()
    assert service.run(complete_task, task.id, {"a": 1}) == {"a": 1}
    with pytest.raises(NotFound):
        service.run(complete_task, task.id)


# --- resting ------------------------------------------------------------------------------------------------------


def test_a_suspended_instance_does_nothing(service: Service) -> None:
    timer = (
        '<bpmn:boundaryEvent id="late" attachedToRef="review"><bpmn:timerEventDefinition>'
        "<bpmn:timeDuration>PT1M</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:boundaryEvent>"
    )
    started = service.begin(path(START, REVIEW, END) + timer + flow("late", "e"))
    service.run(set_instance_suspended, started.id, True)
    (task,) = service.tasks()
    for use_case in (complete_task, unclaim_task):
        with pytest.raises(Suspended):
            service.run(use_case, task.id)
    service.clock.forward(minutes=2)
    assert service.run_jobs() == 0
    assert service.record(started.id).state == "SUSPENDED"
    service.run(set_instance_suspended, started.id, False)
    assert service.record(started.id).state == "ACTIVE"
    assert service.run_jobs() == 1
    assert service.trail(started.id) == ["s", "review✗", "late", "e"]


def test_a_suspended_definition_is_not_started(service: Service) -> None:
    (definition,) = service.deploy(diagram(path(START, REVIEW, END))).processes
    started = service.start()
    service.run(set_definition_suspended, definition.id, True, with_instances=True)
    with pytest.raises(Suspended):
        service.start()
    assert service.record(started.id).state == "SUSPENDED"
    service.run(set_definition_suspended, definition.id, False, with_instances=True)
    service.start()
    assert len(service.tasks(suspended=False)) == 2


# --- the tree -------------------------------------------------------------------------------------------------------


def test_the_tree_shows_what_is_active_and_what_waits_for_a_job(service: Service) -> None:
    later = '<bpmn:userTask id="later" name="Later" camunda:asyncBefore="true"/>'
    inside = path('<bpmn:startEvent id="is"/>', REVIEW, '<bpmn:endEvent id="ie"/>')
    process = (
        f'{START}<bpmn:parallelGateway id="fork"/>{later}'
        f'<bpmn:subProcess id="sub" name="Inside">{inside}</bpmn:subProcess>'
        + flow("s", "fork")
        + flow("fork", "later")
        + flow("fork", "sub")
    )
    started = service.begin(process)
    root = service.read(lambda unit: activity_tree(unit, service.around, started.id))
    assert (root.id, root.activity_id, root.activity_type) == (started.id, started.definition_id, "processDefinition")
    (waiting,) = root.transitions
    assert (waiting.activity_id, waiting.activity_name, waiting.activity_type) == ("later", "Later", "userTask")
    (sub,) = root.children
    assert (sub.activity_id, sub.activity_type, sub.parent_id) == ("sub", "subProcess", started.id)
    (leaf,) = sub.children
    (task,) = service.tasks()
    assert leaf.id == derived_id(started.id, task.activity)
    assert leaf.parent_id == sub.id
    with pytest.raises(NotFound):
        service.read(lambda unit: activity_tree(unit, service.around, "nothing"))
