"""A worker's day, in the shapes of Camunda's document."""

from __future__ import annotations

from pathlib import Path

import pytest

DIAGRAM = Path(__file__).with_suffix(".bpmn")
FETCH = {
    "workerId": "w",
    "maxTasks": 2,
    "usePriority": True,
    "asyncResponseTimeout": 1000,
    "sorting": [{"sortBy": "createTime", "sortOrder": "asc"}],
    "topics": [{"topicName": "parcels", "lockDuration": 60000, "includeExtensionProperties": True}],
}


@pytest.fixture
def instance_id(client):
    """An instance whose external task is waiting."""
    deployed = client.post("/deployment/create", files={"d": (DIAGRAM.name, DIAGRAM.read_bytes(), "text/xml")})
    assert deployed.status_code == 200, deployed.text
    body = {
        "businessKey": "order-1",
        "variables": {
            "name": {"value": "ann"},
            "items": {
                "value": "[1]",
                "type": "Object",
                "valueInfo": {
                    "objectTypeName": "java.util.ArrayList",
                    "serializationDataFormat": "application/json",
                },
            },
            "slip": {"value": "YQ==", "type": "File", "valueInfo": {"filename": "slip.txt"}},
        },
    }
    return client.post("/process-definition/key/shipping/start", json=body).json()["id"]


def test_a_fetched_task_has_everything_its_worker_needs(client, instance_id, camunda):
    fetched = client.post("/external-task/fetchAndLock", json=FETCH)
    assert fetched.status_code == 200
    assert camunda.problems("POST", "/external-task/fetchAndLock", 200, fetched.json()) == []
    [task] = fetched.json()
    assert task["processInstanceId"] == instance_id
    assert task["extensionProperties"] == {"printer": "left"}
    assert (task["businessKey"], task["processDefinitionVersionTag"], task["priority"]) == ("order-1", "1.2", 3)
    assert {name: value["value"] for name, value in task["variables"].items()} == {
        # objects come as text, and a file's content has to be fetched
        "name": "ann", "items": "[1]", "slip": None, "label": "to ann",
    }  # fmt: skip
    assert client.post("/external-task/fetchAndLock", json=FETCH | {"asyncResponseTimeout": 0}).json() == []


def test_a_topic_chooses_what_its_worker_is_told(client, instance_id, camunda):
    topic = {"topicName": "parcels", "lockDuration": 60000, "variables": ["items"], "deserializeValues": True}
    [task] = client.post("/external-task/fetchAndLock", json=FETCH | {"topics": [topic]}).json()
    assert {name: value["value"] for name, value in task["variables"].items()} == {"items": [1]}
    assert task["extensionProperties"] == {}


def test_every_report_answers_as_documented(client, instance_id, camunda):
    [task] = client.post("/external-task/fetchAndLock", json=FETCH).json()
    everything = {"workerId": "w", "errorCode": "x", "newDuration": 5, "lockDuration": 5}
    steps = [
        ("POST", "extendLock", {"workerId": "w", "newDuration": 90000}, 204),
        ("POST", "complete", {"workerId": "x"}, 400),
        ("GET", "errorDetails", None, 204),
        ("POST", "failure", {"workerId": "w", "errorDetails": "why", "retries": 1}, 204),
        ("GET", "errorDetails", None, 200),
        ("POST", "lock", {"workerId": "w", "lockDuration": 90000}, 204),
        ("POST", "unlock", None, 204),
        ("PUT", "retries", {"retries": 0}, 204),
        ("PUT", "retries", {"retries": -1}, 400),
        ("PUT", "priority", {"priority": 7}, 204),
        ("POST", "lock", {"workerId": "w", "lockDuration": 90000}, 204),
        ("POST", "complete", {"workerId": "w", "variables": {"sent": {"value": True}}}, 204),
        ("GET", "errorDetails", None, 500),
        ("POST", "complete", everything, 404),
        ("POST", "failure", everything, 404),
        ("POST", "bpmnError", everything, 404),
        ("POST", "extendLock", everything, 404),
        ("POST", "lock", everything, 404),
        ("POST", "unlock", None, 404),
        ("PUT", "retries", {"retries": 1}, 404),
        ("PUT", "priority", {"priority": 7}, 404),
    ]
    for method, operation, body, status in steps:
        answer = client.request(method, f"/external-task/{task['id']}/{operation}", json=body)
        assert answer.status_code == status, f"{method} {operation}: {answer.text}"
        if "json" in answer.headers.get("content-type", ""):
            path = "/external-task/{id}/" + operation
            assert camunda.problems(method, path, status, answer.json()) == []
    assert client.get(f"/external-task/{task['id']}").status_code == 404
    assert client.get(f"/process-instance/{instance_id}/variables").json()["sent"]["value"] is True
    assert [one["taskDefinitionKey"] for one in client.get("/task").json()] == ["thank"]


def test_a_bpmn_error_goes_where_the_diagram_says(client, instance_id):
    [task] = client.post("/external-task/fetchAndLock", json=FETCH).json()
    error = {"workerId": "w", "errorCode": "LOST", "variables": {"where": {"value": "bridge"}}}
    assert client.post(f"/external-task/{task['id']}/bpmnError", json=error).status_code == 204
    assert [one["taskDefinitionKey"] for one in client.get("/task").json()] == ["search"]
    assert client.get(f"/process-instance/{instance_id}/variables").json()["where"]["value"] == "bridge"


def test_retries_of_many_are_set_together(client, instance_id, camunda):
    path = "/external-task/retries"
    assert client.put(path, json={"retries": 0, "processInstanceIds": [instance_id]}).status_code == 204
    [incident] = client.get("/incident").json()
    [task] = client.get("/external-task?noRetriesLeft=true").json()
    assert (incident["incidentType"], incident["configuration"]) == ("failedExternalTask", task["id"])
    assert client.put(path, json={"retries": 2, "externalTaskQuery": {"topicName": "parcels"}}).status_code == 204
    assert client.get("/incident/count").json() == {"count": 0}
    missing = client.put(path, json={"retries": 2, "externalTaskIds": ["nothing"]})
    assert missing.status_code == 404
    assert camunda.problems("PUT", path, 404, missing.json()) == []
