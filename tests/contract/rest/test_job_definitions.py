"""The kinds of jobs a diagram can ask for, and the jobs that belong to them; the words are those of Camunda 7.24."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOBODY = "00000000-0000-4000-8000-000000000000"
KINDS = {
    ("both", "async-continuation", "async-before"),
    ("both", "async-continuation", "async-after"),
    ("wait", "timer-intermediate-transition", "DURATION: ${pause}"),
    ("remind", "timer-transition", "CYCLE: R3/PT1H"),
    ("work", "async-continuation", "async-before"),
    ("midnight", "timer-start-event", "CYCLE: R/P1D"),
    # asyncBefore of the activity is that of its multi-instance body, asyncBefore of the loop that of each instance
    ("each#multiInstanceBody", "async-continuation", "async-before"),
    ("each", "async-continuation", "async-before"),
    ("each", "async-continuation", "async-after"),
    ("each", "timer-task-listener", "DATE: 2030-01-01T00:00:00Z"),
    ("tooLate", "timer-start-event-subprocess", "DURATION: P1D"),
}
# those that no job waits for at first
LATER = {kind for kind in KINDS if kind[0] == "each" or kind == ("both", "async-continuation", "async-after")}


def kind(row):
    return row["activityId"], row["jobType"], row["jobConfiguration"]


@pytest.fixture
def instance(client):
    name = "test_job_definitions.bpmn"
    client.post("/deployment/create", files=[(name, (name, (HERE / name).read_bytes()))])
    body = {"variables": {"pause": {"value": "PT2H"}}}
    return client.post("/process-definition/key/kinds/start", json=body).json()["id"]


def job_of(client, activity, configuration):
    [found] = [one for one in client.get("/job-definition").json() if kind(one)[::2] == (activity, configuration)]
    [job] = client.get(f"/job?jobDefinitionId={found['id']}").json()
    assert job["jobDefinitionId"] == found["id"]
    return job


def test_every_kind_of_job_is_listed_once(client, instance, camunda):
    found = client.get("/job-definition").json()
    assert {kind(row) for row in found} == KINDS
    assert len(found) == len(KINDS)
    assert client.get("/job-definition/count").json() == {"count": len(KINDS)}
    for row in found:
        assert client.get(f"/job-definition/{row['id']}").json() == row
        assert camunda.problems("GET", "/job-definition/{id}", 200, row) == []


def test_every_job_belongs_to_one(client, instance):
    kinds = {row["id"]: kind(row) for row in client.get("/job-definition").json()}
    jobs = client.get("/job").json()
    assert {kinds[job["jobDefinitionId"]] for job in jobs} == KINDS - LATER


def test_jobs_of_each_instance_of_a_loop_belong_to_their_kinds(client, instance):
    body = job_of(client, "each#multiInstanceBody", "async-before")
    assert client.post(f"/job/{body['id']}/execute").status_code == 204
    [kind] = client.get("/job-definition?activityIdIn=each&jobConfiguration=async-before").json()
    first, second = client.get(f"/job?jobDefinitionId={kind['id']}").json()
    assert client.post(f"/job/{first['id']}/execute").status_code == 204
    [timeout] = client.get("/job-definition?activityIdIn=each&jobType=timer-task-listener").json()
    assert [job["jobDefinitionId"] for job in client.get("/job?activityId=each&timers=true").json()] == [timeout["id"]]
    [task] = client.get("/task?taskDefinitionKey=each").json()
    assert client.post(f"/task/{task['id']}/complete", json={}).status_code == 204
    [after] = client.get("/job-definition?activityIdIn=each&jobConfiguration=async-after").json()
    assert client.get(f"/job/count?jobDefinitionId={after['id']}").json() == {"count": 1}
    assert client.get(f"/job?jobDefinitionId={kind['id']}").json() == [second]


def test_a_continuation_behind_its_activity_is_told_from_one_before(client, instance):
    before = job_of(client, "both", "async-before")
    assert client.post(f"/job/{before['id']}/execute").status_code == 204
    after = job_of(client, "both", "async-after")
    assert after["id"] != before["id"]
    assert client.get(f"/job/count?jobDefinitionId={before['jobDefinitionId']}").json() == {"count": 0}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("activityIdIn=both,work&jobType=async-continuation", 3),
        ("jobConfiguration=async-after", 2),
        ("jobType=timer-transition", 1),
        ("processDefinitionKey=nightly", 1),
        ("processDefinitionId=nothing", 0),
        ("active=true", len(KINDS)),
        ("suspended=true", 0),
        ("withOverridingJobPriority=true", 0),
        ("tenantIdIn=a", 0),
        (f"jobDefinitionId={NOBODY}", 0),
        ("jobDefinitionId=nonsense", 0),
        ("sortBy=activityId&sortOrder=asc&firstResult=1", len(KINDS) - 1),
    ],
)
def test_kinds_are_found_by(client, instance, query, expected):
    assert len(client.get(f"/job-definition?{query}").json()) == expected


def test_kinds_rest_with_their_definition(client, instance):
    client.put("/process-definition/key/nightly/suspended", json={"suspended": True})
    assert [row["activityId"] for row in client.get("/job-definition?suspended=true").json()] == ["midnight"]


def test_a_query_as_a_body_sorts_and_filters(client, instance):
    body = {"activityIdIn": ["both"], "sorting": [{"sortBy": "jobConfiguration", "sortOrder": "asc"}]}
    found = client.post("/job-definition", json=body).json()
    assert [row["jobConfiguration"] for row in found] == ["async-after", "async-before"]


def test_retries_of_a_kind_are_given_to_its_failed_jobs_only(client, instance):
    work, before = job_of(client, "work", "async-before"), job_of(client, "both", "async-before")
    for _ in range(3):
        client.post(f"/job/{work['id']}/execute")
    assert client.get("/incident/count").json() == {"count": 1}
    for job in (work, before):
        path = f"/job-definition/{job['jobDefinitionId']}/retries"
        assert client.put(path, json={"retries": 5, "dueDate": "2030-01-01T00:00:00.000+0000"}).status_code == 204
    after = {job["id"]: job for job in client.get("/job").json()}
    assert (after[work["id"]]["retries"], after[before["id"]]["retries"]) == (5, 3)
    assert after[work["id"]]["dueDate"] == "2030-01-01T00:00:00.000+0000"
    assert client.get("/incident/count").json() == {"count": 0}


def test_an_incident_names_the_kind_of_its_job(client, instance):
    work = job_of(client, "work", "async-before")
    for _ in range(3):
        client.post(f"/job/{work['id']}/execute")
    [incident] = client.get("/incident").json()
    assert incident["jobDefinitionId"] == work["jobDefinitionId"]
    assert client.get(f"/incident?jobDefinitionIdIn={work['jobDefinitionId']}").json() == [incident]
    assert client.get(f"/incident?jobDefinitionIdIn={NOBODY}").json() == []


@pytest.mark.parametrize("from_creation", ["true", "false"])
def test_a_timer_is_worked_out_anew(client, instance, clock, from_creation):
    timer = job_of(client, "wait", "DURATION: ${pause}")
    client.put(f"/process-instance/{instance}/variables/pause", json={"value": "PT3H"})
    clock.forward(hours=1)
    path = f"/job/{timer['id']}/duedate/recalculate?creationDateBased={from_creation}"
    assert client.post(path).status_code == 204
    due = {"true": "2026-03-02T12:30:00.000+0000", "false": "2026-03-02T13:30:00.000+0000"}
    assert client.get(f"/job/{timer['id']}").json()["dueDate"] == due[from_creation]


def test_a_timer_that_cannot_be_worked_out_is_the_clients_mistake(client, instance):
    timer = job_of(client, "wait", "DURATION: ${pause}")
    client.put(f"/process-instance/{instance}/variables/pause", json={"value": "soon"})
    assert client.post(f"/job/{timer['id']}/duedate/recalculate").status_code == 400


@pytest.mark.parametrize("owner", ["jobId", "processInstanceId", "jobDefinitionId"])
def test_jobs_rest_alone_or_together(client, instance, owner):
    job = job_of(client, "both", "async-before")
    value = {"jobId": job["id"], "processInstanceId": instance, "jobDefinitionId": job["jobDefinitionId"]}[owner]
    assert client.put("/job/suspended", json={owner: value, "suspended": True}).status_code == 204
    resting = [one["id"] for one in client.get("/job?suspended=true").json()]
    assert job["id"] in resting
    assert len(resting) == (6 if owner == "processInstanceId" else 1)
    assert client.put(f"/job/{job['id']}/suspended", json={"suspended": False}).status_code == 204
    assert job["id"] not in [one["id"] for one in client.get("/job?suspended=true").json()]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/job-definition/{nobody}", None, 404),
        ("GET", "/job-definition/nonsense", None, 404),
        ("PUT", "/job-definition/{nobody}/retries", {"retries": 1}, 404),
        ("PUT", "/job-definition/{nobody}/retries", {"retries": -1}, 400),
        ("PUT", "/job-definition/{nobody}/retries", {}, 400),
        ("PUT", "/job/{nobody}/suspended", {"suspended": True}, 404),
        ("PUT", "/job/{nobody}/suspended", {}, 400),
        ("PUT", "/job/suspended", {"suspended": True}, 400),
        ("PUT", "/job/suspended", {"suspended": True, "jobId": "a", "processInstanceId": "b"}, 400),
        ("PUT", "/job/suspended", {"suspended": True, "jobDefinitionId": "b"}, 204),
        ("PUT", "/job/{nobody}/priority", {"priority": 1}, 404),
        ("PUT", "/job/{nobody}/priority", {}, 400),
        ("PUT", "/job/{nobody}/priority", {"priority": 2**40}, 400),
        ("POST", "/job/{nobody}/duedate/recalculate", None, 404),
        ("DELETE", "/job/{nobody}", None, 404),
    ],
)
def test_what_is_not_there_or_not_right_is_refused(client, instance, method, path, body, status):
    answer = client.request(method, path.replace("{nobody}", NOBODY), json=body)
    assert answer.status_code == status, answer.text
    if status == 404:
        assert NOBODY in answer.json()["message"] or "nonsense" in answer.json()["message"]
