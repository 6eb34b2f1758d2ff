"""Decisions deployed beside diagrams: used by business rule tasks, evaluated over the API, on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlc_service.settings import Settings
from tests.process.world import CAMUNDA, World, running_world
from tests.unit.engine.driver import diagram, flows

DMN = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="test">
  <decision id="risk" name="Risk class"><decisionTable id="t" hitPolicy="FIRST">
    <input id="in_auc" label="AUC"><inputExpression id="ie" typeRef="double"><text>auc</text></inputExpression></input>
    <output id="out_class" label="Class" name="class" typeRef="string"/>
    <rule id="low"><inputEntry id="a1"><text>&gt;= 0.9</text></inputEntry><outputEntry id="b1"><text>"low"</text></outputEntry></rule>
    <rule id="high"><inputEntry id="a2"><text>-</text></inputEntry><outputEntry id="b2"><text>"high"</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>"""

PROCESS = diagram(
    '<bpmn:startEvent id="s"/><bpmn:businessRuleTask id="rule" camunda:decisionRef="risk" camunda:resultVariable="risk_class"'
    ' camunda:mapDecisionResult="singleEntry"/><bpmn:userTask id="u"/>' + flows("s", "rule", "u")
)


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    settings = Settings(data=tmp_path / "data", database_url=database_url, authentication=False, runs_jobs=False)
    with running_world(settings) as running:
        files = {"p.bpmn": ("p.bpmn", PROCESS), "risk.dmn": ("risk.dmn", DMN)}
        answer = running.http.post(f"{CAMUNDA}/deployment/create", files=files)
        assert answer.status_code == 200, answer.text
        yield running


def _history(world: World, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.get(
        f"{CAMUNDA}/history/decision-instance", includeInputs="true", includeOutputs="true", **query
    )
    return found


def test_a_business_rule_task_uses_the_decision_and_history_says_which_rule_fired(world: World) -> None:
    start = {"variables": {"auc": {"value": 0.95, "type": "Double"}}}
    instance = world.http.post(f"{CAMUNDA}/process-definition/key/p/start", json=start).json()
    assert world.get(f"{CAMUNDA}/process-instance/{instance['id']}/variables")["risk_class"]["value"] == "low"
    (decided,) = _history(world, processInstanceId=instance["id"])
    assert (decided["decisionDefinitionKey"], decided["decisionDefinitionName"]) == ("risk", "Risk class")
    assert (decided["activityId"], decided["processDefinitionKey"]) == ("rule", "p")
    (activity,) = world.get(f"{CAMUNDA}/history/activity-instance", processInstanceId=instance["id"], activityId="rule")
    assert decided["activityInstanceId"].endswith(activity["id"].rpartition(":")[2])
    assert [(one["clauseName"], one["value"]) for one in decided["inputs"]] == [("AUC", 0.95)]
    assert [(one["ruleId"], one["variableName"], one["value"]) for one in decided["outputs"]] == [
        ("low", "class", "low")
    ]


def test_an_evaluation_over_the_api_is_on_record_too(world: World) -> None:
    body = {"variables": {"auc": {"value": 0.1}}}
    answer = world.http.post(f"{CAMUNDA}/decision-definition/key/risk/evaluate", json=body)
    assert answer.json() == [{"class": {"value": "high", "type": "String", "valueInfo": {}}}]
    (decided,) = _history(world, decisionDefinitionKey="risk")
    assert decided["processInstanceId"] is None
    assert [one["ruleId"] for one in decided["outputs"]] == ["high"]
    assert world.get(f"{CAMUNDA}/history/decision-instance/{decided['id']}")["inputs"][0]["value"] == 0.1
    assert world.get(f"{CAMUNDA}/history/decision-instance/count") == {"count": 1}
    assert world.get(f"{CAMUNDA}/history/decision-instance")[0]["inputs"] is None


def test_a_decision_that_cannot_answer_leaves_nothing_on_record(world: World) -> None:
    body = {"variables": {"auc": {"value": "not a number"}}}
    answer = world.http.post(f"{CAMUNDA}/decision-definition/key/risk/evaluate", json=body)
    assert answer.status_code >= 400
    assert "risk" in answer.json()["message"]
    assert _history(world) == []


def test_a_date_variable_is_a_date_to_the_decision(world: World) -> None:
    source = DMN.replace(b'id="risk" name="Risk class"', b'id="young" name="Young"')
    source = source.replace(b'typeRef="double"><text>auc</text>', b'typeRef="dateTime"><text>trained</text>')
    source = source.replace(b"&gt;= 0.9", b'&gt;= date and time("2026-01-01T00:00:00Z")')
    answer = world.http.post(f"{CAMUNDA}/deployment/create", files={"young.dmn": ("young.dmn", source)})
    assert answer.status_code == 200, answer.text
    for moment, expected in (("2026-03-01T00:00:00.000+0000", "low"), ("2025-03-01T00:00:00.000+0000", "high")):
        body = {"variables": {"trained": {"value": moment, "type": "Date"}}}
        rows = world.http.post(f"{CAMUNDA}/decision-definition/key/young/evaluate", json=body).json()
        assert rows[0]["class"]["value"] == expected


def test_a_decision_may_import_another_file_of_its_deployment(world: World) -> None:
    library = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="l" name="l" namespace="library">
  <decision id="limit" name="limit"><variable name="limit" typeRef="number"/><literalExpression><text>40 + 2</text></literalExpression></decision>
</definitions>"""
    user = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="u" name="u" namespace="user">
  <import name="lib" namespace="library" importType="https://www.omg.org/spec/DMN/20191111/MODEL/"/>
  <decision id="double" name="double"><variable name="double" typeRef="number"/>
    <informationRequirement><requiredDecision href="library#limit"/></informationRequirement>
    <literalExpression><text>lib.limit * 2</text></literalExpression></decision>
</definitions>"""
    files = {"user.dmn": ("user.dmn", user), "library.dmn": ("library.dmn", library)}
    answer = world.http.post(f"{CAMUNDA}/deployment/create", files=files)
    assert answer.status_code == 200, answer.text
    rows = world.http.post(f"{CAMUNDA}/decision-definition/key/double/evaluate", json={}).json()
    assert [row["double"]["value"] for row in rows] == [84]
    assert [one["decisionDefinitionKey"] for one in _history(world, rootDecisionInstancesOnly="true")] == ["double"]
    assert {one["decisionDefinitionKey"] for one in _history(world)} == {"double", "limit"}


def test_the_record_of_a_decision_goes_with_the_deployment_that_is_deleted_with_all_of_it(world: World) -> None:
    start = {"variables": {"auc": {"value": 0.95}}}
    world.http.post(f"{CAMUNDA}/process-definition/key/p/start", json=start)
    assert len(_history(world)) == 1
    (deployment,) = world.get(f"{CAMUNDA}/deployment")
    assert world.http.delete(f"{CAMUNDA}/deployment/{deployment['id']}?cascade=true").status_code == 204
    assert _history(world) == []
