"""Deploying: versions, the duplicate filter, who listens for start events, and taking it all back."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_service.problems import InvalidResource
from mlc_service.process.definitions import definition_xml
from mlc_service.process.deployments import Deploy, delete_deployment, deploy
from mlc_service.process.errors import DefinitionNotFound, DeploymentInUse, NoResources, NotFound
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.subscriptions import SubscriptionFilter
from tests.unit.process.service import Service, diagram, path

START, END = '<bpmn:startEvent id="s"/>', '<bpmn:endEvent id="e"/>'
WAIT = '<bpmn:userTask id="t" name="Wait"/>'
SIGNAL_START = '<bpmn:startEvent id="s"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:startEvent>'
MESSAGE_START = '<bpmn:startEvent id="s"><bpmn:messageEventDefinition messageRef="msg"/></bpmn:startEvent>'
EVENTS = '<bpmn:signal id="sig" name="model_changed"/><bpmn:message id="msg" name="order"/>'
SIMPLE = diagram(path(START, END))
CYCLE_START = (
    '<bpmn:startEvent id="s"><bpmn:timerEventDefinition><bpmn:timeCycle>R3/PT1H</bpmn:timeCycle>'
    "</bpmn:timerEventDefinition></bpmn:startEvent>"
)
DMN = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">
  <decision id="verdict" name="Verdict">
    <decisionTable hitPolicy="FIRST">
      <input id="i"><inputExpression id="ie" typeRef="number"><text>score</text></inputExpression></input>
      <output id="o" name="passed" typeRef="boolean"/>
      <rule id="r1"><inputEntry id="a"><text>&gt;= 0.7</text></inputEntry><outputEntry id="b"><text>true</text></outputEntry></rule>
      <rule id="r2"><inputEntry id="c"><text></text></inputEntry><outputEntry id="d2"><text>false</text></outputEntry></rule>
    </decisionTable>
  </decision>
</definitions>"""


def renamed(content: bytes, key: str) -> bytes:
    return content.replace(b'<bpmn:process id="p"', f'<bpmn:process id="{key}"'.encode())


def counts(service: Service) -> tuple[int, int]:
    return service.read(lambda unit: (unit.deployments.count(), unit.definitions.count()))


# --- versions ---------------------------------------------------------------------------------------------------


def test_each_deployment_is_a_new_version_of_its_keys(service: Service) -> None:
    first, second = service.deploy(SIMPLE), service.deploy(SIMPLE)
    assert [row.version for row in (*first.processes, *second.processes)] == [1, 2]
    (row,) = second.processes
    assert row.id.startswith("p:2:")
    assert len(row.id.split(":")[2]) == 36
    latest = service.read(lambda unit: unit.definitions.find(DefinitionFilter(latest_version=True)))
    assert [found.id for found in latest] == [row.id]


def test_an_id_that_would_be_too_long_is_the_bare_uuid(service: Service) -> None:
    (row,) = service.deploy(renamed(SIMPLE, "k" * 40)).processes
    assert len(row.id) == 36
    assert service.start("k" * 40).definition_id == row.id


def test_a_file_that_cannot_be_read_leaves_nothing_behind(service: Service) -> None:
    broken = diagram(path(START, '<bpmn:serviceTask id="t" camunda:class="unknown"/>', END))
    with pytest.raises(InvalidResource) as refused:
        service.run(deploy, Deploy([("good.bpmn", renamed(SIMPLE, "good")), ("bad.bpmn", broken)]))
    (problem,) = refused.value.problems
    assert refused.value.resource == "bad.bpmn"
    assert problem.element_id == "t"
    assert problem.line > 0
    assert counts(service) == (0, 0)


def test_a_deployment_needs_a_file(service: Service) -> None:
    with pytest.raises(NoResources):
        service.run(deploy, Deploy([]))


def test_one_key_cannot_be_defined_twice_at_once(service: Service) -> None:
    with pytest.raises(InvalidResource, match=r"defined in a\.bpmn"):
        service.run(deploy, Deploy([("a.bpmn", SIMPLE), ("b.bpmn", SIMPLE)]))
    assert counts(service) == (0, 0)


def test_files_of_other_kinds_are_kept_and_decisions_defined(service: Service) -> None:
    deployed = service.run(deploy, Deploy([("p.bpmn", SIMPLE), ("v.dmn", DMN), ("notes.txt", b"hello")], name="all"))
    assert [row.key for row in deployed.decisions] == ["verdict"]
    names = service.read(lambda unit: [file.name for file in unit.deployments.resource_list(deployed.deployment.id)])
    assert names == ["notes.txt", "p.bpmn", "v.dmn"]
    xml = service.read(lambda unit: definition_xml(unit, deployed.processes[0].id))
    assert xml.encode() == SIMPLE


# --- the duplicate filter ----------------------------------------------------------------------------------------


def test_an_unchanged_deployment_is_found_again(service: Service) -> None:
    options: dict[str, Any] = {"name": "p", "source": "Modeler", "filter_duplicates": True}
    first = service.deploy(SIMPLE, **options)
    again = service.deploy(SIMPLE, **options)
    assert (again.is_new, again.deployment, again.processes) == (False, first.deployment, ())
    assert service.deploy(SIMPLE, **options | {"source": "other"}).is_new
    assert service.deploy(SIMPLE, **options | {"filter_duplicates": False}).is_new
    assert service.deploy(diagram(path(START, WAIT, END)), **options).is_new


def test_one_change_deploys_all_files_again_unless_only_changes_are_wanted(service: Service) -> None:
    changed = renamed(diagram(path(START, WAIT, END)), "b")
    before = [("a.bpmn", renamed(SIMPLE, "a")), ("b.bpmn", renamed(SIMPLE, "b"))]
    after = [before[0], ("b.bpmn", changed)]
    service.run(deploy, Deploy(before, name="n"))
    service.clock.forward(seconds=1)
    everything = service.run(deploy, Deploy(after, name="n", filter_duplicates=True))
    assert [(row.key, row.version) for row in everything.processes] == [("a", 2), ("b", 2)]
    again = [before[0], before[1]]
    service.clock.forward(seconds=1)
    only = service.run(deploy, Deploy(again, name="n", changed_only=True))
    assert [(row.key, row.version) for row in only.processes] == [("b", 3)]
    # a.bpmn is not in the latest deployment, but has not changed since the one before
    assert not service.run(deploy, Deploy(again, name="n", changed_only=True)).is_new


# --- start events -------------------------------------------------------------------------------------------------


def starts(service: Service) -> list[tuple[str, str]]:
    found = service.read(lambda unit: unit.subscriptions.find(SubscriptionFilter(of_instances=False)))
    return [(row.event_name, row.definition_id.split(":")[1]) for row in found]


def test_only_the_latest_version_is_started_by_events(service: Service) -> None:
    listening = diagram(path(SIGNAL_START, END), EVENTS)
    service.deploy(listening)
    second = service.deploy(listening)
    assert starts(service) == [("model_changed", "2")]
    service.run(delete_deployment, second.deployment.id)
    assert starts(service) == [("model_changed", "1")]
    service.deploy(SIMPLE)
    assert starts(service) == []


def test_a_message_starts_one_definition_only(service: Service) -> None:
    listening = diagram(path(MESSAGE_START, END), EVENTS)
    service.deploy(listening)
    with pytest.raises(InvalidResource, match="starts the process 'p' already"):
        service.deploy(renamed(listening, "q"), "q.bpmn")
    assert service.deploy(listening).processes[0].version == 2


def test_a_timer_starts_the_latest_version_again_and_again(service: Service) -> None:
    service.deploy(diagram(path(CYCLE_START, END)))
    (latest,) = service.deploy(diagram(path(CYCLE_START, END))).processes
    assert len(service.jobs()) == 1
    for _ in range(3):
        assert service.run_jobs() == 0
        service.clock.forward(hours=1)
        assert service.run_jobs() == 1
    assert service.jobs() == []
    assert {record.definition_id for record in service.records()} == {latest.id}
    assert len(service.records()) == 3


def test_a_timer_whose_start_fails_is_tried_again(service: Service) -> None:
    failing = '<bpmn:serviceTask id="x" camunda:expression="${nothing}"/>'
    service.deploy(diagram(path(CYCLE_START, failing, END)))
    service.clock.forward(hours=1)
    service.run_jobs()
    (job,) = service.jobs()
    assert (job.kind, job.retries) == ("timer_start", 2)
    assert "nothing" in (job.exception_message or "")
    assert service.records() == []


# --- taking it back -----------------------------------------------------------------------------------------------


def test_a_deployment_in_use_is_not_deleted_unless_wanted(service: Service) -> None:
    started = service.begin(path(START, WAIT, END))
    deployment = service.read(lambda unit: unit.deployments.find()[0])
    with pytest.raises(DeploymentInUse):
        service.run(delete_deployment, deployment.id)
    assert service.tasks() != []
    service.run(delete_deployment, deployment.id, cascade=True)
    assert counts(service) == (0, 0)
    assert service.tasks() == []
    with pytest.raises(NotFound):
        service.record(started.id)
    with pytest.raises(NotFound):
        service.run(delete_deployment, deployment.id)
    with pytest.raises(DefinitionNotFound):
        service.start()


def test_history_outlives_its_definition(service: Service) -> None:
    started = service.begin(path(START, END))
    service.run(delete_deployment, service.read(lambda unit: unit.deployments.find()[0]).id)
    assert service.record(started.id).state == "COMPLETED"


# --- decisions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("binding", "passed"),
    [
        ("", False),
        ('camunda:decisionRefBinding="deployment"', True),
        ('camunda:decisionRefBinding="version" camunda:decisionRefVersion="1"', True),
    ],
    ids=["latest", "deployment", "version"],
)
def test_a_business_rule_task_finds_the_decision_it_means(service: Service, binding: str, passed: bool) -> None:
    rule = (
        f'<bpmn:businessRuleTask id="rule" camunda:decisionRef="verdict" {binding}'
        ' camunda:mapDecisionResult="singleEntry" camunda:resultVariable="passed"/>'
    )
    service.run(deploy, Deploy([("p.bpmn", diagram(path(START, rule, END))), ("v.dmn", DMN)]))
    service.deploy(DMN.replace(b"0.7", b"0.9"), "v.dmn")
    assert service.start(variables={"score": 0.8}).variables["passed"] is passed


@pytest.mark.parametrize("goes", ["caller", "called"])
def test_deleting_one_deployment_of_a_hierarchy_ends_all_of_it(service: Service, goes: str) -> None:
    called = service.deploy(renamed(diagram(path(START, WAIT)), "q"), "q.bpmn")
    caller = service.deploy(diagram(path(START, '<bpmn:callActivity id="c" calledElement="q"/>')))
    service.start()
    deployments = {"caller": caller, "called": called}
    service.run(delete_deployment, deployments[goes].deployment.id, cascade=True)
    assert service.read(lambda unit: unit.instances.find()) == []
    assert service.tasks() == []
    # what is left of it in history is over
    assert [record.state for record in service.records()] == ["EXTERNALLY_TERMINATED"]
