"""Incidents: those of failed jobs, and those that people open and close."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def instance(client):
    files = [("everything.bpmn", ("everything.bpmn", (HERE / "everything.bpmn").read_bytes()))]
    client.post("/deployment/create", files=files)
    return client.post("/process-definition/key/everything/start", json={}).json()["id"]


@pytest.fixture
def failed(client, instance):
    """The job of a delegate that has failed for good."""
    [job] = client.get("/job?activityId=book").json()
    for _ in range(3):
        client.post(f"/job/{job['id']}/execute")
    return job


def report(client, execution_id, **body):
    return client.post(f"/execution/{execution_id}/create-incident", json=body)


def test_a_person_opens_notes_and_closes_an_incident(client, instance, camunda):
    [task] = client.get("/task").json()
    made = report(client, task["executionId"], incidentType="lost", configuration="drawer 7", message="no key")
    assert made.status_code == 200
    incident = made.json()
    assert camunda.problems("POST", "/execution/{id}/create-incident", 200, incident) == []
    assert (incident["activityId"], incident["executionId"]) == ("review", task["executionId"])
    assert (incident["configuration"], incident["failedActivityId"]) == ("drawer 7", None)
    assert incident["causeIncidentId"] == incident["rootCauseIncidentId"] == incident["id"]
    path = f"/incident/{incident['id']}"
    assert client.get(path).json() == incident
    assert client.put(f"{path}/annotation", json={"annotation": "under the mat"}).status_code == 204
    assert client.get(path).json()["annotation"] == "under the mat"
    assert client.delete(f"{path}/annotation").status_code == 204
    assert client.get(path).json()["annotation"] is None
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_an_incident_of_a_job_ends_with_its_job(client, failed):
    [incident] = client.get("/incident").json()
    answer = client.delete(f"/incident/{incident['id']}")
    assert answer.status_code == 400
    assert answer.json()["message"] == "Cannot resolve an incident of type failedJob"
    assert client.delete(f"/job/{failed['id']}").status_code == 204
    assert client.get("/incident").json() == []


def test_incidents_are_found_by(client, instance, failed, clock):
    [ours] = client.get("/incident").json()
    clock.forward(hours=1)
    lost = report(client, instance, incidentType="lost", configuration="drawer 7").json()
    for query, expected in (
        (f"configuration={failed['id']}", ours),
        ("configuration=drawer%207", lost),
        (f"executionId={failed['executionId']}", ours),
        (f"executionId={instance}", lost),
        ("failedActivityId=book", ours),
        ("activityId=book", ours),
        (f"causeIncidentId={ours['id']}", ours),
        (f"rootCauseIncidentId={lost['id']}", lost),
        ("incidentType=lost", lost),
        ("incidentTimestampBefore=2026-03-02T10:00:00.000%2B0000", ours),
        ("incidentTimestampAfter=2026-03-02T10:00:00.000%2B0000", lost),
        (f"jobDefinitionIdIn={failed['jobDefinitionId']}", ours),
        ("sortBy=incidentTimestamp&sortOrder=desc&maxResults=1", lost),
    ):
        assert client.get(f"/incident?{query}").json() == [expected], query
    assert client.get(f"/incident/count?jobDefinitionIdIn={NOBODY}").json() == {"count": 0}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", f"/execution/{NOBODY}/create-incident", {"incidentType": "x"}, 400, "Cannot find an execution"),
        ("POST", "/execution/{id}/create-incident", {"message": "x"}, 400, "incidentType is null"),
        ("GET", f"/incident/{NOBODY}", None, 404, "No matching incident with id"),
        ("DELETE", "/incident/nope", None, 404, "No matching incident with id nope"),
        ("PUT", "/incident/nope/annotation", {"annotation": "x"}, 404, "No matching incident with id nope"),
        ("DELETE", "/incident/nope/annotation", None, 404, "No matching incident with id nope"),
    ],
)
def test_what_is_not_there_or_not_right_is_refused(client, instance, method, path, body, status, message):
    answer = client.request(method, path.replace("{id}", instance), json=body)
    assert answer.status_code == status
    assert message in answer.json()["message"]
