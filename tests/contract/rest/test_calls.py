"""Who called whom, among what is alive and in history; several instances at once."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def family(client):
    """Ids of an instance and of the one it has called."""
    name = "test_calls.bpmn"
    answer = client.post("/deployment/create", files=[(name, (name, (HERE / name).read_bytes()))])
    assert answer.status_code == 200, answer.text
    outer = client.post("/process-definition/key/outer/start", json={"variables": {"n": {"value": 5}}}).json()["id"]
    [inner] = client.get("/process-instance?processDefinitionKey=inner").json()
    return {"outer": outer, "inner": inner["id"]}


def keys(client, path, family, query):
    for name, id in family.items():
        query = query.replace("{" + name + "}", id)
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    assert client.get(f"{path}/count?{query}").json() == {"count": len(answer.json())}
    return sorted(one.get("definitionKey") or one["processDefinitionKey"] for one in answer.json())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("superProcessInstance={outer}", ["inner"]),
        ("superProcessInstance={inner}", []),
        ("subProcessInstance={inner}", ["outer"]),
        ("subProcessInstance={outer}", []),
        ("rootProcessInstances=true", ["outer"]),
        ("leafProcessInstances=true", ["inner"]),
        ("rootProcessInstanceId={outer}", ["inner", "outer"]),
        ("rootProcessInstanceId={inner}", []),
        ("processDefinitionKeyNotIn=outer", ["inner"]),
        ("incidentType=lost", ["inner", "outer"]),
        ("incidentMessageLike=no%25", ["inner"]),
        ("incidentId=nope", []),
    ],
)
def test_instances_are_found_by_who_called_whom(client, family, query, expected):
    client.post(f"/execution/{family['inner']}/create-incident", json={"incidentType": "lost", "message": "no key"})
    assert keys(client, "/process-instance", family, query) == expected


def test_an_incident_of_a_called_instance_is_one_of_its_caller_too(client, family):
    first = client.post(f"/execution/{family['inner']}/create-incident", json={"incidentType": "lost"}).json()
    [second] = client.get(f"/incident?processInstanceId={family['outer']}").json()
    assert (second["causeIncidentId"], second["rootCauseIncidentId"]) == (first["id"], first["id"])
    assert (second["activityId"], second["failedActivityId"]) == ("call", "call")
    assert client.get("/incident?failedActivityId=call").json() == [second]
    tree = client.get(f"/process-instance/{family['outer']}/activity-instances").json()
    assert second["executionId"] == tree["childActivityInstances"][0]["id"]
    assert client.delete(f"/incident/{second['id']}").status_code == 400
    assert client.delete(f"/incident/{first['id']}").status_code == 204
    assert client.get("/incident").json() == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("superProcessInstanceId={outer}", ["inner"]),
        ("subProcessInstanceId={inner}", ["outer"]),
        ("subProcessInstanceId={outer}", []),
        ("rootProcessInstances=true", ["outer"]),
        ("rootProcessInstanceId={outer}", ["inner", "outer"]),
        ("processInstanceIdNotIn={outer}", ["inner"]),
        ("processDefinitionKeyNotIn=inner", ["outer"]),
        ("processDefinitionName=Inner", ["inner"]),
        ("processDefinitionNameLike=%25ter", ["outer"]),
        ("processInstanceBusinessKeyIn=a,b", []),
    ],
)
def test_records_are_found_by_who_called_whom(client, family, query, expected):
    assert keys(client, "/history/process-instance", family, query) == expected


def test_records_are_found_by_the_last_value_of_a_variable(client, family):
    def found(operator, value):
        body = {"variables": [{"name": "n", "operator": operator, "value": value}]}
        return [one["id"] for one in client.post("/history/process-instance", json=body).json()]

    assert found("gteq", 5) == [family["outer"]]
    client.delete(f"/process-instance/{family['outer']}/variables/n")
    assert found("gteq", 5) == []


def test_a_record_names_its_caller_and_the_topmost_one(client, family):
    inner = client.get(f"/history/process-instance/{family['inner']}").json()
    outer = client.get(f"/history/process-instance/{family['outer']}").json()
    assert (inner["superProcessInstanceId"], inner["rootProcessInstanceId"]) == (family["outer"], family["outer"])
    assert (outer["superProcessInstanceId"], outer["rootProcessInstanceId"]) == (None, family["outer"])
    for kind in ("task", "activity-instance"):
        rows = client.get(f"/history/{kind}?processInstanceId={family['inner']}").json()
        assert {row["rootProcessInstanceId"] for row in rows} == {family["outer"]}
    assert [
        row["taskDefinitionKey"] for row in client.get(f"/history/task?rootProcessInstanceId={family['outer']}").json()
    ] == ["work"]


def test_the_history_of_activities_tells_calls_tasks_and_ends(client, family):
    [task] = client.get("/task").json()
    client.post(f"/task/{task['id']}/complete", json={})
    rows = {row["activityId"]: row for row in client.get("/history/activity-instance").json()}
    assert rows["call"]["calledProcessInstanceId"] == family["inner"]
    assert (rows["work"]["taskId"], rows["work"]["assignee"]) == (task["id"], "ann")
    assert (rows["start"]["taskId"], rows["start"]["assignee"]) == (None, None)
    assert {id for id, row in rows.items() if row["completeScope"]} == {"end", "done"}
    ends = client.get("/history/activity-instance?completeScope=true").json()
    assert {row["activityId"] for row in ends} == {"end", "done"}
    [work] = client.get("/history/activity-instance?taskAssignee=ann").json()
    assert client.get(f"/history/activity-instance/{work['id']}").json() == work == rows["work"]
    assert client.get("/history/activity-instance?canceled=true").json() == []


def test_activities_are_listed_in_the_order_in_which_they_happened(client, family):
    query = f"processInstanceId={family['inner']}&sortBy=occurrence&sortOrder"
    there = [row["activityId"] for row in client.get(f"/history/activity-instance?{query}=asc").json()]
    back = [row["activityId"] for row in client.get(f"/history/activity-instance?{query}=desc").json()]
    assert there == ["begin", "work"] == back[::-1]


@pytest.mark.parametrize("kind", ["process-instance", "activity-instance", "task"])
def test_records_are_sorted_by_how_long_they_took(client, clock, family, kind):
    clock.forward(hours=1)
    second = client.post("/process-definition/key/inner/start", json={}).json()["id"]
    for task in client.get("/task?sortBy=created&sortOrder=desc").json():
        clock.forward(minutes=1)
        client.post(f"/task/{task['id']}/complete", json={})
    name = "duration" if kind == "task" else "durationInMillis"
    answer = client.get(f"/history/{kind}?sortBy=duration&sortOrder=asc&finished=true").json()
    took = [row[name] for row in answer]
    assert took == sorted(took)
    assert len(set(took)) > 1
    assert second in [row.get("processInstanceId", row.get("id")) for row in answer]


@pytest.mark.parametrize(
    ("body", "resting"),
    [
        ({"processInstanceIds": ["{inner}", NOBODY]}, ["inner"]),
        ({"processDefinitionKey": "outer"}, ["outer"]),
        ({"processDefinitionKey": "nothing"}, []),
        ({"processInstanceQuery": {"superProcessInstance": "{outer}"}}, ["inner"]),
        ({"historicProcessInstanceQuery": {"rootProcessInstances": True}}, ["outer"]),
        ({"processInstanceIds": ["{outer}"], "processInstanceQuery": {"processDefinitionKey": "inner"}}, ["inner", "outer"]),
    ],
)  # fmt: skip
def test_several_instances_rest_and_go_on(client, family, body, resting):
    def filled(value):
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        return value.format(**family) if isinstance(value, str) else value

    answer = client.put("/process-instance/suspended", json={**filled(body), "suspended": True})
    assert answer.status_code == 204, answer.text
    assert keys(client, "/process-instance", family, "suspended=true") == resting
    assert client.put("/process-instance/suspended", json={**filled(body), "suspended": False}).status_code == 204
    assert keys(client, "/process-instance", family, "suspended=true") == []


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/process-instance", {"suspended": True}, "Either processDefinitionId or processDefinitionKey should be set"),
        (
            "/process-instance", {"processDefinitionId": "a", "processDefinitionKey": "b", "suspended": True},
            "Only one of processDefinitionId or processDefinitionKey should be set",
        ),
        (
            "/process-instance", {"processDefinitionKey": "b", "processInstanceIds": ["a"], "suspended": True},
            "Choose either a single processInstance",
        ),
        ("/process-instance", {"processInstanceIds": [], "suspended": True}, "No process instance ids given"),
        (
            "/process-instance", {"processInstanceQuery": {"processDefinitionKey": "nothing"}, "suspended": True},
            "No process instance ids given",
        ),
        ("/process-instance", {"processInstanceQuery": {"tenantIdIn": ["a"]}, "suspended": True}, "No process instance"),
        ("/process-instance", {"processInstanceQuery": [], "suspended": True}, "must be an object"),
        ("/process-instance", {"processDefinitionKey": "outer"}, "suspended must be true or false"),
        ("/process-definition", {"suspended": True}, "Either processDefinitionId or processDefinitionKey should be set"),
        (
            "/process-definition", {"processDefinitionId": "a", "suspended": True},
            "Only processDefinitionKey can be set to update the suspension state.",
        ),
    ],
)  # fmt: skip
def test_a_suspension_of_nothing_is_refused(client, family, path, body, message):
    answer = client.put(f"{path}/suspended", json=body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_a_definition_rests_with_its_instances(client, family):
    body = {"processDefinitionKey": "outer", "includeProcessInstances": True, "suspended": True}
    assert client.put("/process-definition/suspended", json=body).status_code == 204
    assert keys(client, "/process-instance", family, "suspended=true") == ["outer"]
    assert client.post("/process-definition/key/outer/start", json={}).status_code == 400
