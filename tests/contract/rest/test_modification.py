"""Modifying instances, starting them elsewhere than at their start, and starts by a condition."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def definitions(client):
    """Ids of the definitions by key."""
    name = "test_modification.bpmn"
    answer = client.post("/deployment/create", files=[(name, (name, (HERE / name).read_bytes()))])
    assert answer.status_code == 200, answer.text
    return {one["key"]: one["id"] for one in answer.json()["deployedProcessDefinitions"].values()}


@pytest.fixture
def instance(client, definitions):
    return client.post("/process-definition/key/moved/start", json={}).json()["id"]


def modify(client, instance, *instructions, **more):
    return client.post(f"/process-instance/{instance}/modification", json={"instructions": instructions, **more})


def active(client, instance):
    tree = client.get(f"/process-instance/{instance}/activity-instances").json()
    children = tree["childActivityInstances"] + tree["childTransitionInstances"]
    return {child["activityId"]: child["id"] for child in children}


def test_tokens_are_cancelled_and_begun(client, instance):
    begin = {"type": "startAfterActivity", "activityId": "first", "variables": {"a": {"value": 1}}}
    cancel = {"type": "cancel", "activityInstanceId": active(client, instance)["first"]}
    assert modify(client, instance, begin, cancel, skipCustomListeners=True, annotation="why").status_code == 204
    assert list(active(client, instance)) == ["second"]
    assert client.get(f"/process-instance/{instance}/variables/a").json()["value"] == 1
    waiting = active(client, instance)["second"]
    again = {"type": "startBeforeActivity", "activityId": "first", "variables": {"b": {"value": 2, "local": True}}}
    assert modify(client, instance, again, {"type": "cancel", "transitionInstanceId": waiting}).status_code == 204
    assert list(active(client, instance)) == ["first"]
    [task] = client.get("/task").json()
    assert client.get(f"/task/{task['id']}/variables").json()["b"]["value"] == 2
    assert "b" not in client.get(f"/process-instance/{instance}/variables").json()
    assert modify(client, instance, {"type": "startTransition", "transitionId": "f2"}).status_code == 204
    assert sorted(active(client, instance)) == ["first", "second"]


def test_an_instance_that_has_nothing_left_has_ended(client, instance):
    assert modify(client, instance, {"type": "cancel", "activityId": "first"}).status_code == 204
    assert client.get(f"/process-instance/{instance}").status_code == 404


EXACTLY_ONE = (
    "For instruction type 'cancel': exactly one, 'activityId', 'activityInstanceId', or 'transitionInstanceId'"
)


@pytest.mark.parametrize(
    ("instruction", "message"),
    [
        ({}, "The type of an instruction must be one of"),
        ({"type": "zz"}, "The type of an instruction must be one of"),
        ({"type": "cancel"}, EXACTLY_ONE),
        ({"type": "cancel", "activityId": "first", "activityInstanceId": NOBODY}, EXACTLY_ONE),
        ({"type": "cancel", "activityInstanceId": "nope"}, "'nope' is no activity instance"),
        ({"type": "cancel", "activityInstanceId": NOBODY}, "is no activity instance"),
        ({"type": "startBeforeActivity"}, "For instruction type 'startBeforeActivity': 'activityId' must be set"),
        ({"type": "startAfterActivity"}, "For instruction type 'startAfterActivity': 'activityId' must be set"),
        ({"type": "startTransition"}, "For instruction type 'startTransition': 'transitionId' must be set"),
        ({"type": "startBeforeActivity", "activityId": "nope"}, "nope"),
        ({"type": "startAfterActivity", "activityId": "second"}, "second"),
        ({"type": "startTransition", "transitionId": "nope"}, "nope"),
        ({"type": "startBeforeActivity", "activityId": "first", "variables": []}, "an object of typed values"),
        (
            {"type": "startBeforeActivity", "activityId": "first", "variables": {"a": {"value": "x", "type": "Long"}}},
            "to type Long",
        ),
        ({"type": "startBeforeActivity", "activityId": "first", "ancestorActivityInstanceId": NOBODY}, "instruction 1"),
    ],
)
def test_instructions_that_make_no_sense_are_refused(client, instance, instruction, message):
    answer = modify(client, instance, instruction)
    assert answer.status_code == 400, answer.text
    assert message in answer.json()["message"]
    assert list(active(client, instance)) == ["first"]


def test_an_instance_that_is_not_there_cannot_be_modified(client, definitions):
    instruction = {"type": "startBeforeActivity", "activityId": "first"}
    assert modify(client, NOBODY, instruction).status_code == 404


def test_an_instance_is_started_elsewhere(client, definitions):
    instructions = [
        {"type": "startBeforeActivity", "activityId": "second", "variables": {"a": {"value": 1}}},
        {"type": "startTransition", "transitionId": "f0"},
    ]
    body = {"startInstructions": instructions, "variables": {"b": {"value": 2}}}
    answer = client.post("/process-definition/key/moved/start", json=body)
    assert answer.status_code == 200, answer.text
    id = answer.json()["id"]
    assert sorted(active(client, id)) == ["first", "second"]
    assert set(client.get(f"/process-instance/{id}/variables").json()) == {"a", "b"}


@pytest.mark.parametrize(
    "instruction",
    [
        {},
        {"type": "startBeforeActivity"},
        {"type": "startBeforeActivity", "activityId": "nope"},
        {"type": "cancel", "activityId": "first"},
        {"type": "startBeforeActivity", "activityId": "first", "ancestorActivityInstanceId": NOBODY},
    ],
)
def test_a_start_that_makes_no_sense_is_refused(client, definitions, instruction):
    answer = client.post("/process-definition/key/moved/start", json={"startInstructions": [instruction]})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Cannot instantiate process definition moved: ")
    assert client.get("/process-instance/count").json() == {"count": 0}


def test_a_condition_starts_what_it_holds_for(client, definitions, camunda):
    body = {"variables": {"degrees": {"value": 41}}, "businessKey": "july"}
    answer = client.post("/condition", json=body)
    assert answer.status_code == 200
    [started] = answer.json()
    assert (started["definitionKey"], started["businessKey"], started["links"]) == ("moved", "july", [])
    assert camunda.problems("POST", "/condition", 200, answer.json()) == []
    assert client.get(f"/history/process-instance/{started['id']}").json()["startActivityId"] == "hot"
    only = {"processDefinitionId": definitions["moved"], "withoutTenantId": True}
    assert len(client.post("/condition", json=body | only).json()) == 1


@pytest.mark.parametrize("variables", [{}, {"degrees": {"value": 40}}, {"other": {"value": 41}}])
def test_a_condition_that_does_not_hold_starts_nothing(client, definitions, variables):
    assert client.post("/condition", json={"variables": variables}).json() == []


def test_conditions_that_cannot_be_looked_at_are_refused(client, definitions):
    warm = {"variables": {"degrees": {"value": 41}}}
    unknown = client.post("/condition", json=warm | {"processDefinitionId": "nope"})
    assert unknown.status_code == 404
    cold = client.post("/condition", json=warm | {"processDefinitionId": definitions["cold"]})
    assert cold.status_code == 400
    assert "does not declare conditional start event" in cold.json()["message"]
    assert client.post("/condition", json=warm | {"tenantId": "x"}).status_code == 400
    broken = client.post("/condition", json={"variables": {"degrees": {"value": 1, "type": "zz"}}})
    assert broken.json()["message"] == "Unsupported value type 'zz'"
