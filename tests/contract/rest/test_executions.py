"""Executions: instances, live activity instances, and tokens that wait in a continuation."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def instance(client):
    files = [("everything.bpmn", ("everything.bpmn", (HERE / "everything.bpmn").read_bytes()))]
    client.post("/deployment/create", data={"deployment-name": "test"}, files=files)
    body = {"businessKey": "order-1", "variables": {"amount": {"value": "five"}, "n": {"value": 5}}}
    return client.post("/process-definition/key/everything/start", json=body).json()["id"]


def ids(client, query):
    answer = client.get(f"/execution?{query}")
    assert answer.status_code == 200, answer.text
    counted = client.get(f"/execution/count?{query}").json()["count"]
    found = [one["id"] for one in answer.json()]
    assert counted == len(found)
    return found


def test_whatever_waits_is_listed_behind_its_instance(client, instance):
    found = ids(client, f"processInstanceId={instance}")
    tree = client.get(f"/process-instance/{instance}/activity-instances").json()
    inside = [execution for child in tree["childActivityInstances"] for execution in child["executionIds"]]
    waiting = [child["executionId"] for child in tree["childTransitionInstances"]]
    assert found[0] == instance
    assert sorted(found[1:]) == sorted(inside + waiting)
    assert client.get(f"/execution/{found[1]}").json() == {
        "id": found[1], "processInstanceId": instance, "ended": False, "tenantId": None,
    }  # fmt: skip


def test_jobs_tasks_and_subscriptions_name_executions_that_are_listed(client, instance):
    known = ids(client, "")
    for kind in ("job", "task", "event-subscription"):
        for row in client.get(f"/{kind}?processInstanceId={instance}").json():
            assert row["executionId"] in known
            same = client.get(f"/{kind}?executionId={row['executionId']}").json()
            assert row["id"] in [one["id"] for one in same]
            assert {one["executionId"] for one in same} == {row["executionId"]}
        assert client.get(f"/{kind}?executionId={NOBODY}").json() == []


@pytest.mark.parametrize(
    ("query", "activities"),
    [
        ("businessKey=order-1&activityId=review", ["review"]),
        ("businessKey=order-2", []),
        ("activityId=later", ["later"]),
        ("messageEventSubscriptionName=paid", ["payment"]),
        ("messageEventSubscriptionName=unpaid", []),
        ("signalEventSubscriptionName=paid", []),
        ("suspended=true", []),
        ("active=true&activityId=book", ["book"]),
        ("processDefinitionKey=everything&activityId=book", ["book"]),
        ("processDefinitionKey=nothing", []),
        ("processVariables=amount_eq_five&activityId=book", ["book"]),
        ("processVariables=amount_eq_six", []),
        ("variables=amount_eq_five&activityId=book", []),
        ("variables=own_eq_yes", ["review"]),
        ("tenantIdIn=a", []),
    ],
)
def test_executions_are_found_by(client, instance, query, activities):
    [task] = client.get("/task").json()
    client.put(f"/execution/{task['executionId']}/localVariables/own", json={"value": "yes"})
    expected = [id for activity in activities for id in ids(client, f"activityId={activity}")]
    assert ids(client, query) == expected


def test_the_query_may_be_a_body(client, instance):
    body = {
        "variables": [{"name": "n", "operator": "gteq", "value": 5}],
        "sorting": [{"sortBy": "definitionKey", "sortOrder": "desc"}, {"sortBy": "instanceId", "sortOrder": "asc"}],
    }
    assert [one["id"] for one in client.post("/execution", json=body).json()] == [instance]
    assert client.post("/execution/count", json=body).json() == {"count": 1}


def test_an_incident_belongs_to_the_execution_that_failed(client, instance):
    [book] = client.get("/job?activityId=book").json()
    for _ in range(3):
        client.post(f"/job/{book['id']}/execute")
    [incident] = client.get("/incident").json()
    assert incident["executionId"] == book["executionId"] != instance
    for query in (f"incidentId={incident['id']}", "incidentType=failedJob", "incidentMessageLike=%25broken%25"):
        assert ids(client, query) == [book["executionId"]]
    assert ids(client, "incidentType=other") == []


def test_an_executions_variables_are_its_own(client, instance):
    [task] = client.get("/task").json()
    own = f"/execution/{task['executionId']}/localVariables"
    assert client.get(own).json() == {}
    assert client.post(own, json={"modifications": {"a": {"value": 1}, "b": {"value": 2}}}).status_code == 204
    assert client.post(own, json={"modifications": {"c": {"value": 3}}, "deletions": ["a"]}).status_code == 204
    assert client.delete(f"{own}/b").status_code == 204
    assert client.get(own).json() == {"c": {"type": "Integer", "value": 3, "valueInfo": {}}}
    assert client.get(f"/task/{task['id']}/variables").json()["c"]["value"] == 3
    assert "c" not in client.get(f"/process-instance/{instance}/variables").json()
    assert client.get(f"/execution/{instance}/localVariables").json()["n"]["value"] == 5


def test_a_continuation_has_variables_before_its_activity_begins(client, instance):
    [later] = ids(client, "activityId=later")
    client.put(f"/execution/{later}/localVariables/early", json={"value": True})
    assert client.get(f"/execution/{later}/localVariables").json()["early"]["value"] is True


def test_files_are_uploaded_and_downloaded(client, instance):
    path = f"/execution/{instance}/localVariables/report"
    form = {"files": {"data": ("r.txt", b"hi", "text/plain; encoding=utf-8")}, "data": {"valueType": "File"}}
    assert client.post(f"{path}/data", **form).status_code == 204
    kept = client.get(path).json()
    assert kept["valueInfo"] == {"filename": "r.txt", "mimeType": "text/plain", "encoding": "utf-8"}
    answer = client.get(f"{path}/data")
    assert (answer.content, answer.headers["content-type"]) == (b"hi", "text/plain; charset=utf-8")
    assert client.post(f"{path}/data", files={"data": ("r.txt", b"hi")}).status_code == 204
    assert client.get(path).json() == {"type": "Bytes", "value": "aGk=", "valueInfo": {}}
    parts = {"data": (None, b'{"a": 1}'), "type": (None, "java.util.HashMap")}
    assert client.post(f"{path}/data", files=parts).status_code == 204
    assert client.get(path).json()["value"] == {"a": 1}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"valueType": (None, "File")}, "The form needs a part named data"),
        ({"data": (None, b"hi"), "valueType": (None, "File")}, "A File needs valueInfo.filename"),
        ({"data": (None, b"hi"), "valueType": (None, "zz")}, "Unsupported value type 'zz'"),
    ],
)
def test_an_upload_that_is_no_value_is_refused(client, instance, files, message):
    answer = client.post(f"/execution/{instance}/localVariables/report/data", files=files)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


@pytest.mark.parametrize("id", ["nope", NOBODY])
def test_an_execution_that_is_not_there_is_a_404(client, instance, id):
    own = f"/execution/{id}/localVariables"
    answers = [
        client.get(f"/execution/{id}"),
        client.get(own),
        client.post(own, json={"modifications": {"a": {"value": 1}}}),
        client.get(f"{own}/a"),
        client.put(f"{own}/a", json={"value": 1}),
        client.delete(f"{own}/a"),
        client.get(f"{own}/a/data"),
    ]
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json()["message"] == f"Execution with id {id} does not exist"
    message = client.get(f"/execution/{id}/messageSubscriptions/paid")
    assert message.status_code == 404
    assert message.json()["message"] == f"Message event subscription for execution {id} named paid does not exist"


def test_the_message_an_execution_waits_for_is_told(client, instance, camunda):
    [payment] = ids(client, "activityId=payment")
    path = "/execution/{id}/messageSubscriptions/{messageName}"
    answer = client.get(f"/execution/{payment}/messageSubscriptions/paid")
    assert camunda.problems("GET", path, 200, answer.json()) == []
    assert answer.json()["executionId"] == payment
    assert client.get(f"/execution/{payment}/messageSubscriptions/unpaid").status_code == 404
