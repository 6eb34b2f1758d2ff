"""What people do with tasks besides claiming and completing them; tried out on Camunda 7.24."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOBODY = "00000000-0000-4000-8000-000000000000"
PROCESSES = ["plain", "told"]


@pytest.fixture(autouse=True)
def deployed(client):
    name = "test_tasks.bpmn"
    answer = client.post("/deployment/create", files=[(name, (name, (HERE / name).read_bytes()))])
    assert answer.status_code == 200, answer.text


def task_of(client, process):
    id = client.post(f"/process-definition/key/{process}/start", json={}).json()["id"]
    [task] = client.get(f"/task?processInstanceId={id}").json()
    return task["id"], id


def facts(client, id, *names):
    row = client.get(f"/task/{id}").json()
    return tuple(row[name] for name in names)


def variables(client, instance):
    return {name: one["value"] for name, one in client.get(f"/process-instance/{instance}/variables").json().items()}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_task_is_delegated_and_resolved(client, process):
    id, instance = task_of(client, process)
    people = ("assignee", "owner", "delegationState")
    client.post(f"/task/{id}/assignee", json={"userId": "ann"})
    assert client.post(f"/task/{id}/delegate", json={"userId": "ben"}).status_code == 204
    assert facts(client, id, *people) == ("ben", "ann", "PENDING")
    assert client.post(f"/task/{id}/delegate", json={"userId": "cid"}).status_code == 204
    assert facts(client, id, *people) == ("cid", "ann", "PENDING")
    assert [one["id"] for one in client.get("/task?delegationState=PENDING").json()] == [id]
    assert client.post(f"/task/{id}/resolve", json={"variables": {"done": {"value": True}}}).status_code == 204
    assert facts(client, id, *people, "taskState") == ("ann", "ann", "RESOLVED", "Updated")
    assert variables(client, instance)["done"] is True
    [past] = client.get("/history/task").json()
    assert (past["assignee"], past["owner"]) == ("ann", "ann")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_task_of_nobody_is_resolved(client, process):
    id, _ = task_of(client, process)
    assert client.post(f"/task/{id}/resolve", json={}).status_code == 204
    assert facts(client, id, "assignee", "delegationState") == (None, "RESOLVED")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_task_has_the_values_that_were_put(client, process):
    id, _ = task_of(client, process)
    sent = {
        "name": "Other", "description": "More", "assignee": "ann", "owner": "ben", "priority": 7,
        "due": "2030-01-01T00:00:00.000+0000", "followUp": "2029-01-01T00:00:00.000+0000", "delegationState": "pending",
    }  # fmt: skip
    assert client.put(f"/task/{id}", json=sent).status_code == 204
    assert facts(client, id, *sent) == tuple({**sent, "delegationState": "PENDING"}.values())
    [past] = client.get("/history/task").json()
    assert (past["name"], past["priority"], past["due"]) == ("Other", 7, "2030-01-01T00:00:00.000+0000")
    assert client.put(f"/task/{id}", json={}).status_code == 204
    assert facts(client, id, *sent) == (None, None, None, None, 0, None, None, None)


def test_listeners_are_told_what_changed(client):
    id, instance = task_of(client, "told")
    client.post(f"/task/{id}/claim", json={"userId": "ann"})
    assert variables(client, instance) == {"assigned": "ann", "updated": "Work"}
    client.put(f"/task/{id}", json={"name": "Other", "assignee": "ann"})
    assert variables(client, instance) == {"assigned": "ann", "updated": "Other"}
    client.post(f"/task/{id}/unclaim")
    assert variables(client, instance)["assigned"] is None
    client.post(f"/task/{id}/delegate", json={"userId": "ben"})
    assert variables(client, instance)["assigned"] == "ben"


@pytest.mark.parametrize("process", PROCESSES)
def test_who_claims_what_is_taken_is_refused(client, process):
    id, _ = task_of(client, process)
    assert client.post(f"/task/{id}/claim", json={"userId": "ann"}).status_code == 204
    before = facts(client, id, "lastUpdated")
    assert client.post(f"/task/{id}/claim", json={"userId": "ann"}).status_code == 204
    assert facts(client, id, "lastUpdated") == before
    assert client.post(f"/task/{id}/claim", json={"userId": "ben"}).json()["type"] == "TaskAlreadyClaimedException"
    assert facts(client, id, "assignee") == ("ann",)


def test_an_error_ends_the_task_where_it_is_caught(client):
    id, instance = task_of(client, "plain")
    body = {"errorCode": "LOST", "errorMessage": "gone", "variables": {"place": {"value": "cellar"}}}
    assert client.post(f"/task/{id}/bpmnError", json=body).status_code == 204
    assert [task["taskDefinitionKey"] for task in client.get("/task").json()] == ["search"]
    assert variables(client, instance) == {"place": "cellar", "why": "gone"}


def test_an_error_that_nobody_catches_ends_the_token(client):
    id, instance = task_of(client, "plain")
    assert client.post(f"/task/{id}/bpmnError", json={"errorCode": "OTHER"}).status_code == 204
    assert client.get(f"/history/process-instance/{instance}").json()["state"] == "COMPLETED"


def test_an_escalation_goes_on_beside_the_task(client):
    id, instance = task_of(client, "plain")
    body = {"escalationCode": "LATE", "variables": {"days": {"value": 3}}}
    assert client.post(f"/task/{id}/bpmnEscalation", json=body).status_code == 204
    assert sorted(task["taskDefinitionKey"] for task in client.get("/task").json()) == ["hurry", "work"]
    assert variables(client, instance) == {"days": 3}


def test_an_escalation_that_nobody_catches_changes_nothing(client):
    id, instance = task_of(client, "plain")
    body = {"escalationCode": "OTHER", "variables": {"days": {"value": 3}}}
    answer = client.post(f"/task/{id}/bpmnEscalation", json=body)
    assert answer.status_code == 400
    assert "no escalation handler was defined" in answer.json()["message"]
    assert variables(client, instance) == {}


@pytest.mark.parametrize(
    ("method", "what", "body", "message"),
    [
        ("POST", "/bpmnError", {}, "errorCode is null"),
        ("POST", "/bpmnError", {"errorCode": ""}, "errorCode is empty"),
        ("POST", "/bpmnEscalation", {}, "escalationCode is null"),
        ("PUT", "", {"delegationState": "x"}, "Valid values for property 'delegationState' are"),
        ("PUT", "", {"priority": "x"}, "priority must be a whole number"),
        ("PUT", "", {"priority": 2**40}, "priority is out of range"),
        ("PUT", "", {"due": "soon"}, "due: 'soon' is not a date"),
        ("PUT", "", {"parentTaskId": "x"}, "Cannot set parentTaskId"),
        ("PUT", "", {"tenantId": "x"}, "Cannot set tenantId"),
    ],
)
def test_wrong_values_are_refused(client, method, what, body, message):
    id, _ = task_of(client, "plain")
    answer = client.request(method, f"/task/{id}{what}", json=body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


OPERATIONS = [
    ("POST", "/bpmnError", {"errorCode": "LOST"}), ("POST", "/bpmnEscalation", {"escalationCode": "LATE"}),
    ("POST", "/delegate", {"userId": "ann"}), ("POST", "/resolve", {}), ("PUT", "", {"name": "x"}),
    ("POST", "/claim", {"userId": "ann"}), ("POST", "/unclaim", {}), ("POST", "/assignee", {"userId": "ann"}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "what", "body"), OPERATIONS)
def test_a_task_that_is_not_there_is_a_404(client, method, what, body):
    answer = client.request(method, f"/task/{NOBODY}{what}", json=body)
    assert (answer.status_code, answer.json()["message"]) == (404, f"No matching task with id {NOBODY}")


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize(("method", "what", "body"), OPERATIONS)
def test_a_resting_task_is_left_alone(client, process, method, what, body):
    id, instance = task_of(client, process)
    client.put(f"/process-instance/{instance}/suspended", json={"suspended": True})
    answer = client.request(method, f"/task/{id}{what}", json=body)
    assert (answer.status_code, answer.json()["type"]) == (400, "SuspendedEntityInteractionException")


def test_variables_of_a_resting_task_can_be_set(client):
    id, instance = task_of(client, "plain")
    client.put(f"/process-instance/{instance}/suspended", json={"suspended": True})
    assert client.put(f"/task/{id}/localVariables/a", json={"value": 1}).status_code == 204
    assert client.get(f"/task/{id}/localVariables").json()["a"]["value"] == 1
