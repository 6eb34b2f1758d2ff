"""How long history is kept, cleaning it, and what cleaning would remove, as Camunda's clients ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPORTS = {
    "process": "/history/process-definition/cleanable-process-instance-report",
    "decision": "/history/decision-definition/cleanable-decision-instance-report",
}
# 30 and 5 days after half past nine on 2 March
KEPT_UNTIL, CALLER_UNTIL = "2026-04-01T09:30:00.000+0000", "2026-03-07T09:30:00.000+0000"


@pytest.fixture
def deployed(client):
    files = [(name, (name, (HERE / name).read_bytes())) for name in ("test_cleanup.bpmn", "dish.dmn")]
    answer = client.post("/deployment/create", files=files)
    assert answer.status_code == 200, answer.text
    return {
        one["key"]: one["id"]
        for kind in ("deployedProcessDefinitions", "deployedDecisionDefinitions")
        for one in answer.json()[kind].values()
    }


def ended(client, key="kept"):
    """Id of an instance that has run to its end."""
    body = {"variables": {"amount": {"value": 5}}}
    started = client.post(f"/process-definition/key/{key}/start", json=body).json()
    [task] = client.get("/task").json()
    assert client.post(f"/task/{task['id']}/complete", json={}).status_code == 204
    return started["id"]


def clean(client):
    job = client.post("/history/cleanup").json()
    assert client.post(f"/job/{job['id']}/execute").status_code == 204


def removals(client, instance_id):
    """What each list says about when the instance's rows may be removed."""
    at = f"?processInstanceId={instance_id}"
    lists = ("process-instance", "activity-instance", "task", "variable-instance")
    return {one["removalTime"] for name in lists for one in client.get(f"/history/{name}{at}").json()}


# --- time to live -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "key"), [("process", "kept"), ("decision", "dish")])
@pytest.mark.parametrize("by_key", [True, False])
@pytest.mark.parametrize("days", [0, 7, 2**31 - 1, None])
def test_a_definition_is_given_another_time_to_live(client, deployed, kind, key, by_key, days):
    at = f"/{kind}-definition/key/{key}" if by_key else f"/{kind}-definition/{deployed[key]}"
    answer = client.put(f"{at}/history-time-to-live", json={"historyTimeToLive": days})
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(f"/{kind}-definition/{deployed[key]}").json()["historyTimeToLive"] == days


@pytest.mark.parametrize("days", [-1, 2**31, "soon", 1.5, [], True])
def test_what_is_no_number_of_days_is_refused(client, deployed, days):
    at = f"/process-definition/{deployed['kept']}"
    answer = client.put(f"{at}/history-time-to-live", json={"historyTimeToLive": days})
    assert answer.status_code == 400
    assert "historyTimeToLive" in answer.json()["message"]
    assert client.get(at).json()["historyTimeToLive"] == 30


@pytest.mark.parametrize("at", ["/process-definition/no", "/process-definition/key/no", "/decision-definition/no"])
def test_a_definition_that_is_not_there_is_given_no_time_to_live(client, at):
    answer = client.put(f"{at}/history-time-to-live", json={"historyTimeToLive": 5})
    assert answer.status_code == 404
    assert answer.json()["type"] == "InvalidRequestException"


def test_history_says_from_when_on_it_may_be_removed(client, deployed):
    assert removals(client, ended(client)) == {KEPT_UNTIL}


def test_history_that_runs_or_is_kept_for_ever_has_no_removal_time(client, deployed):
    client.put("/process-definition/key/kept/history-time-to-live", json={"historyTimeToLive": None})
    assert removals(client, ended(client)) == {None}
    running = client.post("/process-definition/key/caller/start", json={}).json()["id"]
    assert removals(client, running) == {None}


def test_a_called_instance_may_be_removed_when_its_caller_may(client, deployed):
    caller = ended(client, "caller")
    [called] = client.get(f"/history/process-instance?superProcessInstanceId={caller}").json()
    assert removals(client, caller) | removals(client, called["id"]) == {CALLER_UNTIL}


def test_a_decision_says_from_when_on_it_may_be_removed(client, deployed):
    client.put("/decision-definition/key/dish/history-time-to-live", json={"historyTimeToLive": 5})
    client.post("/decision-definition/key/dish/evaluate", json={})
    [decided] = client.get("/history/decision-instance?includeInputs=true&includeOutputs=true").json()
    parts = [decided, *decided["inputs"], *decided["outputs"]]
    assert {part["removalTime"] for part in parts} == {CALLER_UNTIL}


# --- cleaning -----------------------------------------------------------------------------------------------------


def test_cleaning_removes_what_is_due(client, deployed, clock):
    kept, called = ended(client), ended(client, "caller")
    clock.forward(days=5)
    clean(client)
    assert [one["id"] for one in client.get("/history/process-instance").json()] == [kept]
    assert client.get(f"/history/process-instance/{called}").status_code == 404
    clock.forward(days=25)
    clean(client)
    assert client.get("/history/process-instance").json() == []
    assert client.get("/history/activity-instance/count").json() == {"count": 0}


def test_the_job_that_cleans_is_one(client, clock):
    asked = client.post("/history/cleanup").json()
    again = client.post("/history/cleanup?immediatelyDue=true").json()
    assert (asked["id"], asked["suspended"], asked["retries"]) == (again["id"], False, 3)
    assert asked["dueDate"] == "2026-03-02T09:30:00.000+0000"
    assert client.get("/history/cleanup/job").json() == again
    assert client.get("/history/cleanup/jobs").json() == [again]
    assert client.get(f"/job/{asked['id']}").json() == again


def test_without_a_window_there_is_nothing_to_wait_for(client):
    assert client.post("/history/cleanup?immediatelyDue=false").json()["suspended"] is True
    found = client.get("/history/cleanup/configuration").json()
    assert found == {"batchWindowStartTime": None, "batchWindowEndTime": None, "enabled": True}


def test_before_anybody_asked_there_is_no_job(client):
    assert client.get("/history/cleanup/job").status_code == 404
    assert client.get("/history/cleanup/jobs").status_code == 404


def test_neither_true_nor_false_is_refused(client):
    answer = client.post("/history/cleanup?immediatelyDue=soon")
    assert (answer.status_code, answer.json()["type"]) == (400, "InvalidRequestException")


def test_a_dry_run_says_what_cleaning_then_removes_and_removes_nothing(client, deployed, clock):
    ended(client, "caller")
    ended(client)
    client.put("/decision-definition/key/dish/history-time-to-live", json={"historyTimeToLive": 1})
    client.post("/decision-definition/key/dish/evaluate", json={})
    assert client.get("/history/cleanup/dry-run").json()["definitions"] == []
    clock.forward(days=5)
    before = {name: client.get(f"/history/{name}/count").json()["count"] for name in LISTS}
    found = client.get("/history/cleanup/dry-run").json()
    assert {name: client.get(f"/history/{name}/count").json()["count"] for name in LISTS} == before
    of_caller = {
        "historic_activity_instances": 6,
        "historic_tasks": 1,
        "historic_variables": 1,
        "historic_process_instances": 2,
    }
    assert found == {
        "at": CALLER_UNTIL,
        "rows": of_caller | {"historic_decisions": 1},
        "definitions": [
            {"kind": "process", "definitionId": deployed["caller"], "definitionKey": "caller", "rows": of_caller},
            {
                "kind": "decision",
                "definitionId": deployed["dish"],
                "definitionKey": "dish",
                "rows": {"historic_decisions": 1},
            },
        ],
    }
    clean(client)
    after = {name: client.get(f"/history/{name}/count").json()["count"] for name in LISTS}
    assert {LISTS[name]: before[name] - after[name] for name in LISTS} == found["rows"]


LISTS = {
    "process-instance": "historic_process_instances",
    "activity-instance": "historic_activity_instances",
    "task": "historic_tasks",
    "variable-instance": "historic_variables",
    "decision-instance": "historic_decisions",
}


# --- reports ------------------------------------------------------------------------------------------------------


def test_a_report_counts_finished_and_cleanable_instances_of_each_definition(client, deployed, clock):
    ended(client, "caller")
    ended(client)
    clock.forward(days=5)
    found = client.get(REPORTS["process"] + "?sortBy=finished&sortOrder=desc").json()
    assert found == [
        {
            "processDefinitionId": deployed[key], "processDefinitionKey": key, "processDefinitionName": name,
            "processDefinitionVersion": 1, "historyTimeToLive": days, "finishedProcessInstanceCount": finished,
            "cleanableProcessInstanceCount": 1, "tenantId": None,
        }
        for key, name, days, finished in (("kept", "Kept", 30, 2), ("caller", "Caller", 5, 1))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("processDefinitionKeyIn=kept,caller", ["caller", "kept"]),
        ("processDefinitionKeyIn=caller", ["caller"]),
        ("processDefinitionIdIn={kept}", ["kept"]),
        ("compact=true", ["kept"]),
        ("withoutTenantId=true&firstResult=1", ["kept"]),
        ("tenantIdIn=a", []),
    ],
)
def test_a_report_has_the_definitions_that_are_asked_for(client, deployed, query, expected):
    ended(client)
    query = query.format(**deployed)
    found = [one["processDefinitionKey"] for one in client.get(f"{REPORTS['process']}?{query}").json()]
    assert found == expected
    if "firstResult" not in query:
        assert client.get(f"{REPORTS['process']}/count?{query}").json() == {"count": len(expected)}


def test_a_report_of_decisions_counts_evaluations(client, deployed, clock):
    client.post("/decision-definition/key/dish/evaluate", json={})
    client.put("/decision-definition/key/dish/history-time-to-live", json={"historyTimeToLive": 1})
    client.post("/decision-definition/key/dish/evaluate", json={})
    clock.forward(days=1)
    [found] = client.get(f"{REPORTS['decision']}?decisionDefinitionKeyIn=dish").json()
    assert (found["finishedDecisionInstanceCount"], found["cleanableDecisionInstanceCount"]) == (2, 1)
    assert found["historyTimeToLive"] == 1


@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_cannot_be_sorted_by_anything_else(client, kind):
    answer = client.get(f"{REPORTS[kind]}?sortBy=name&sortOrder=asc")
    assert (answer.status_code, answer.json()["type"]) == (400, "InvalidRequestException")
