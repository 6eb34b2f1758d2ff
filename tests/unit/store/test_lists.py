"""What instances, tasks, subscriptions, incidents and history can be asked for, the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.deployments import DeploymentFilter
from mlc_service.store.history_filters import (
    ActivityHistoryFilter,
    InstanceHistoryFilter,
    TaskHistoryFilter,
    VariableHistoryFilter,
)
from mlc_service.store.incidents import IncidentFilter
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.rows import (
    CandidateRow,
    DecisionDefinitionRow,
    DeploymentRow,
    HistoricActivityRow,
    HistoricInstanceRow,
    HistoricTaskRow,
    HistoricVariableRow,
    IncidentRow,
    InstanceRow,
    ProcessDefinitionRow,
    ResourceRow,
    SubscriptionRow,
    TaskRow,
    new_job,
)
from mlc_service.store.selecting import Page, VariableCondition
from mlc_service.store.subscriptions import SubscriptionFilter
from mlc_service.store.tasks import TaskFilter
from mlc_service.store.units import Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def minutes(number: int) -> datetime:
    return NOW + timedelta(minutes=number)


VARIABLES: dict[str, dict[str, Any]] = {
    "i1": {"score": 7, "name": "credit", "approved": True, "none": None, "odd name.'\"": 1, "list": [1]},
    "i2": {"score": 0.5, "name": "Credit", "approved": False},
    "i3": {"score": "7", "name": 7},
}


@pytest.fixture
def filled(units: Units) -> Units:
    """Two versions of p and one of q; instances i1 and i2 of p:2 and i3 of q, each with a task and history."""
    with units.begin() as unit:
        for number, name in enumerate(("first", "second")):
            id = f"d{number}"
            unit.deployments.insert(
                DeploymentRow(id, name, "test", minutes(number)),
                [
                    ResourceRow(f"r{number}", id, "p.bpmn", b"<p/>%d" % number),
                    ResourceRow(f"x{number}", id, "a.txt", b""),
                ],
            )
        for key, version, deployment in (("p", 1, "d0"), ("p", 2, "d1"), ("q", 1, "d1")):
            row = ProcessDefinitionRow(
                f"{key}:{version}", key, version, f"tag{version}", key.upper(), None, "p.bpmn", deployment, False, None, True
            )  # fmt: skip
            unit.definitions.insert(row)
        unit.decisions.insert(DecisionDefinitionRow("m:1", "m", 1, None, "M", "m.dmn", "d0"))
        for number, (id, variables) in enumerate(VARIABLES.items()):
            definition, key = ("q:1", "q") if id == "i3" else ("p:2", "p")
            unit.instances.insert(
                InstanceRow(
                    id, definition, key, f"order-{id}", id, None, None, b"s", variables, False, 1, minutes(number)
                ),
                {5: {"x": 1}},
            )
            task = TaskRow(
                f"t-{id}", id, definition, key, "review", 5, "Review it", None, None, None, None,
                50 + number, minutes(number), None, minutes(number), None, None, False, None,
            )  # fmt: skip
            unit.tasks.insert([task], [CandidateRow(task.id, "group", "reviewers"), CandidateRow(task.id, "user", id)])
            unit.history.insert_instance(
                HistoricInstanceRow(
                    id,
                    definition,
                    key,
                    f"order-{id}",
                    "start",
                    None,
                    "ann",
                    "ACTIVE",
                    minutes(number),
                    None,
                    None,
                    id,
                    None,
                    {},
                )
            )
            unit.history.insert_activities(
                [
                    HistoricActivityRow(
                        f"{name}-{id}", id, place, 0, definition, key, name, None, kind, minutes(number),
                        minutes(number) if place == 1 else None, False,
                    )
                    for place, (name, kind) in enumerate((("start", "startEvent"), ("review", "userTask")), 1)
                ]
            )  # fmt: skip
            unit.history.insert_tasks(
                [
                    HistoricTaskRow(
                        task.id, id, definition, key, "review", 5, "Review it", None, None, None, 50, None, None,
                        minutes(number), None, None,
                    )
                ]
            )  # fmt: skip
        unit.tasks.update("t-i2", assignee="ben", suspended=True)
        unit.subscriptions.insert(
            [
                SubscriptionRow("s1", "i1", "p:2", "message", "closed", "wait", 6, NOW),
                SubscriptionRow("s2", "i2", "p:2", "message", "closed", "wait", 6, NOW),
                SubscriptionRow("s3", None, "q:1", "signal", "changed", "start", None, NOW),
            ]
        )
        unit.jobs.insert([new_job("j1", "async", NOW, instance_id="i1", activity_id="train")])
        unit.incidents.insert([IncidentRow("n1", "failedJob", "i1", "p:2", "train", "j1", "no runtime", NOW)])
    return units


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (VariableCondition("score", "eq", 7), ["i1"]),
        (VariableCondition("score", "eq", 7.0), ["i1"]),
        (VariableCondition("score", "eq", "7"), ["i3"]),
        (VariableCondition("score", "neq", 7), ["i2", "i3"]),
        (VariableCondition("score", "gt", 0.4), ["i1", "i2"]),
        (VariableCondition("score", "gteq", 7), ["i1"]),
        (VariableCondition("score", "lt", 7), ["i2"]),
        (VariableCondition("score", "lteq", 7), ["i1", "i2"]),
        (VariableCondition("approved", "eq", True), ["i1"]),
        (VariableCondition("approved", "eq", False), ["i2"]),
        (VariableCondition("approved", "eq", 1), []),
        (VariableCondition("name", "eq", "credit"), ["i1"]),
        (VariableCondition("name", "like", "cred%"), ["i1"]),
        (VariableCondition("name", "gt", "D"), ["i1"]),
        (VariableCondition("none", "eq", None), ["i1"]),
        (VariableCondition("score", "eq", None), []),
        (VariableCondition("score", "gt", None), []),
        (VariableCondition("odd name.'\"", "eq", 1), ["i1"]),
        (VariableCondition("missing", "neq", 1), []),
        (VariableCondition("list", "neq", 1), ["i1"]),
    ],
    ids=str,
)
def test_instances_are_found_by_variables(filled: Units, condition: VariableCondition, expected: list[str]) -> None:
    assert filled.read(lambda unit: unit.instances.ids(InstanceFilter(variables=[condition]))) == expected


def test_a_comparison_nobody_knows_is_refused(filled: Units) -> None:
    for condition in (VariableCondition("score", "near", 7), VariableCondition("score", "eq", [7])):
        with pytest.raises(ValueError, match=r"unknown operator|cannot be compared"):
            filled.read(lambda unit, c=condition: unit.instances.ids(InstanceFilter(variables=[c])))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (InstanceFilter(), ["i1", "i2", "i3"]),
        (InstanceFilter(ids=["i2", "nothing"]), ["i2"]),
        (InstanceFilter(definition_key="q"), ["i3"]),
        (InstanceFilter(definition_keys=["p", "q"], definition_id="p:2"), ["i1", "i2"]),
        (InstanceFilter(deployment_id="d1"), ["i1", "i2", "i3"]),
        (InstanceFilter(deployment_id="d0"), []),
        (InstanceFilter(business_key="order-i2"), ["i2"]),
        (InstanceFilter(business_key_like="order%"), ["i1", "i2", "i3"]),
        (InstanceFilter(suspended=True), []),
        (InstanceFilter(with_incident=True), ["i1"]),
        (InstanceFilter(with_incident=False), ["i2", "i3"]),
        (InstanceFilter(incident_message="no runtime"), ["i1"]),
        (InstanceFilter(activity_ids=["train"]), ["i1"]),
        (InstanceFilter(activity_ids=["review"]), ["i1", "i2", "i3"]),
    ],
    ids=str,
)
def test_instances_are_found(filled: Units, wanted: InstanceFilter, expected: list[str]) -> None:
    assert [row.id for row in filled.read(lambda unit: unit.instances.find(wanted))] == expected
    assert filled.read(lambda unit: unit.instances.count(wanted)) == len(expected)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (TaskFilter(), ["t-i1", "t-i2", "t-i3"]),
        (TaskFilter(instance_id="i2"), ["t-i2"]),
        (TaskFilter(business_key="order-i3"), ["t-i3"]),
        (TaskFilter(definition_key="q"), ["t-i3"]),
        (TaskFilter(activity_id="review", name_like="Rev%"), ["t-i1", "t-i2", "t-i3"]),
        (TaskFilter(assignee="ben"), ["t-i2"]),
        (TaskFilter(assigned=False), ["t-i1", "t-i3"]),
        (TaskFilter(candidate_user="i1"), ["t-i1"]),
        (TaskFilter(candidate_groups=["reviewers"]), ["t-i1", "t-i2", "t-i3"]),
        (TaskFilter(candidate_groups=["nobody"], candidate_user="i2"), ["t-i2"]),
        (TaskFilter(candidate_groups=["nobody"]), []),
        (TaskFilter(with_candidates=False), []),
        (TaskFilter(priority_at_least=51, priority_at_most=51), ["t-i2"]),
        (TaskFilter(due_before=minutes(1)), ["t-i1"]),
        (TaskFilter(created_after=minutes(1)), ["t-i3"]),
        (TaskFilter(suspended=True), ["t-i2"]),
        (TaskFilter(variables=[VariableCondition("score", "eq", 7)]), ["t-i1"]),
    ],
    ids=str,
)
def test_tasks_are_found(filled: Units, wanted: TaskFilter, expected: list[str]) -> None:
    assert [row.id for row in filled.read(lambda unit: unit.tasks.find(wanted))] == expected
    assert filled.read(lambda unit: unit.tasks.count(wanted)) == len(expected)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (SubscriptionFilter(kind="message", event_name="closed"), ["s1", "s2"]),
        (SubscriptionFilter(business_key="order-i2"), ["s2"]),
        (SubscriptionFilter(of_instances=False), ["s3"]),
        (SubscriptionFilter(is_active=True), ["s1", "s2", "s3"]),
        (SubscriptionFilter(activity=6, instance_id="i1"), ["s1"]),
        (SubscriptionFilter(definition_id="q:1"), ["s3"]),
    ],
    ids=str,
)
def test_subscriptions_are_found(filled: Units, wanted: SubscriptionFilter, expected: list[str]) -> None:
    found = filled.read(lambda unit: unit.subscriptions.find(wanted))
    assert sorted(row.id for row in found) == expected
    assert filled.read(lambda unit: unit.subscriptions.count(wanted)) == len(expected)


def test_who_rests_is_not_reached(filled: Units) -> None:
    with filled.begin() as unit:
        unit.instances.set_suspended("i1", True)
        unit.definitions.set_suspended("q:1", True)
    found = filled.read(lambda unit: unit.subscriptions.find(SubscriptionFilter(is_active=True)))
    assert [row.id for row in found] == ["s2"]
    assert filled.read(lambda unit: unit.jobs.get("j1")).suspended
    assert filled.read(lambda unit: unit.tasks.get("t-i1")).suspended


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (DefinitionFilter(), ["p:1", "p:2", "q:1"]),
        (DefinitionFilter(latest_version=True), ["p:2", "q:1"]),
        (DefinitionFilter(key="p", latest_version=True), ["p:2"]),
        (DefinitionFilter(key_like="p%", version=1), ["p:1"]),
        (DefinitionFilter(name="Q"), ["q:1"]),
        (DefinitionFilter(version_tag="tag2"), ["p:2"]),
        (DefinitionFilter(deployment_id="d0"), ["p:1"]),
        (DefinitionFilter(suspended=True), []),
        (DefinitionFilter(startable_in_tasklist=True, keys=["q"]), ["q:1"]),
    ],
    ids=str,
)
def test_definitions_are_found(filled: Units, wanted: DefinitionFilter, expected: list[str]) -> None:
    assert [row.id for row in filled.read(lambda unit: unit.definitions.find(wanted))] == expected
    assert filled.read(lambda unit: unit.definitions.count(wanted)) == len(expected)


def test_decisions_and_deployments_are_found(filled: Units) -> None:
    with filled.begin_read() as unit:
        assert [row.id for row in unit.decisions.find(DefinitionFilter(key="m", latest_version=True))] == ["m:1"]
        assert [row.id for row in unit.deployments.find()] == ["d1", "d0"]
        assert [row.id for row in unit.deployments.find(DeploymentFilter(name_like="fir%"))] == ["d0"]
        assert unit.deployments.count(DeploymentFilter(after=minutes(0))) == 1
        latest = unit.deployments.latest("second", "test")
        assert latest is not None
        assert latest.id == "d1"
        assert unit.deployments.latest("second", None) is None
        assert [file.name for file in unit.deployments.resource_list("d0")] == ["a.txt", "p.bpmn"]
        assert unit.deployments.resource("d0", "p.bpmn") == unit.deployments.resource("d0", "r0")
        assert unit.deployments.latest_content("first", "test", "p.bpmn") == b"<p/>0"


def test_incidents_are_found(filled: Units) -> None:
    with filled.begin_read() as unit:
        for wanted in (
            IncidentFilter(),
            IncidentFilter(instance_id="i1", kind="failedJob"),
            IncidentFilter(definition_keys=["p"]),
            IncidentFilter(message_like="no %"),
            IncidentFilter(job_id="j1"),
        ):
            assert [row.id for row in unit.incidents.find(wanted)] == ["n1"]
        assert unit.incidents.count(IncidentFilter(definition_keys=["q"])) == 0


def test_an_incident_leaves_with_its_job(filled: Units) -> None:
    filled.run(lambda unit: unit.jobs.delete(["j1"]))
    assert filled.read(lambda unit: unit.incidents.count()) == 0


def test_an_instance_leaves_with_all_that_is_alive_of_it(filled: Units) -> None:
    filled.run(lambda unit: unit.instances.delete("i1"))
    with filled.begin_read() as unit:
        assert unit.tasks.count(TaskFilter(instance_id="i1")) == 0
        assert unit.tasks.candidates("t-i1") == []
        assert unit.jobs.count() == 0
        assert unit.incidents.count() == 0
        assert unit.instances.scopes("i1") == {}
        assert unit.subscriptions.count(SubscriptionFilter(instance_id="i1")) == 0
        assert unit.history.instance("i1").state == "ACTIVE"


def test_history_is_found(filled: Units) -> None:
    with filled.begin() as unit:
        unit.history.update_instance("i3", state="COMPLETED", ended=minutes(9), end_activity_id="end")
        unit.history.end_activities([("review-i3", True)], minutes(9))
        unit.history.end_tasks([("t-i3", "deleted")], minutes(9))
    with filled.begin_read() as unit:
        history = unit.history
        for wanted, expected in (
            (InstanceHistoryFilter(finished=True), ["i3"]),
            (InstanceHistoryFilter(finished=False, definition_key="p"), ["i1", "i2"]),
            (InstanceHistoryFilter(states=["COMPLETED", "ACTIVE"], started_before=minutes(1)), ["i1"]),
            (InstanceHistoryFilter(ended_after=minutes(8)), ["i3"]),
            (InstanceHistoryFilter(started_by="ann", business_key="order-i1"), ["i1"]),
            (InstanceHistoryFilter(with_incident=True), ["i1"]),
            (InstanceHistoryFilter(active_activity_ids=["review"]), ["i1", "i2"]),
            (InstanceHistoryFilter(executed_activity_ids=["review"]), ["i3"]),
        ):
            assert [row.id for row in history.find_instances(wanted)] == expected, wanted
            assert history.count_instances(wanted) == len(expected)
        assert [row.activity_id for row in history.find_activities(ActivityHistoryFilter(instance_id="i1"))] == [
            "start",
            "review",
        ]
        assert [row.id for row in history.find_activities(ActivityHistoryFilter(canceled=True))] == ["review-i3"]
        assert history.count_activities(ActivityHistoryFilter(activity_type="userTask", finished=False)) == 2
        assert [row.id for row in history.find_tasks(TaskHistoryFilter(finished=True))] == ["t-i3"]
        assert history.count_tasks(TaskHistoryFilter(delete_reason="deleted")) == 1
        newest = Page(size=1, sort=(("started", "desc"),))
        assert [row.id for row in history.find_instances(page=newest)] == ["i3"]


def test_history_of_a_variable_is_its_latest_value(filled: Units) -> None:
    row = HistoricVariableRow("i1", 0, "x", "p:2", "p", 1, "CREATED", NOW, NOW)
    with filled.begin() as unit:
        unit.history.write_variables([row, row._replace(name="y")])
    with filled.begin() as unit:
        unit.history.write_variables([row._replace(value=2, created=minutes(1), updated=minutes(1))])
        unit.history.delete_variables("i1", [(0, "y")], minutes(2))
    with filled.begin_read() as unit:
        assert unit.history.find_variables(VariableHistoryFilter(instance_id="i1")) == [
            row._replace(value=2, updated=minutes(1))
        ]
        gone = unit.history.find_variables(VariableHistoryFilter(names=["y"], include_deleted=True))
        assert [(found.state, found.value) for found in gone] == [("DELETED", 1)]


def test_scopes_are_written_and_forgotten(filled: Units) -> None:
    with filled.begin() as unit:
        unit.instances.write_scopes("i1", {5: {"x": 2}, 9: {"y": None}})
    assert filled.read(lambda unit: unit.instances.scopes("i1")) == {5: {"x": 2}, 9: {"y": None}}
    filled.run(lambda unit: unit.instances.write_scopes("i1", {5: None, 77: None}))
    assert filled.read(lambda unit: unit.instances.scopes("i1")) == {9: {"y": None}}


def test_candidates_are_added_once_and_removed(filled: Units) -> None:
    ann = CandidateRow("t-i1", "user", "ann")
    with filled.begin() as unit:
        unit.tasks.add_candidate(ann)
        unit.tasks.add_candidate(ann)
        assert unit.tasks.candidates("t-i1") == [
            CandidateRow("t-i1", "group", "reviewers"),
            ann,
            CandidateRow("t-i1", "user", "i1"),
        ]
        unit.tasks.remove_candidate(ann)
        assert ann not in unit.tasks.candidates("t-i1")
