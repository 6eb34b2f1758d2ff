"""Migration, restart and modification of many over the API, in the shapes that Camunda 7.24 itself answers with."""

from __future__ import annotations

import pytest

from tests.unit.engine.shapes import boundary, node, process, users, ways

START, END = node("startEvent", "s"), node("endEvent", "e")
ONE = START + users("a") + END + ways("s > a > e")
TWO = START + users("a", "b") + END + ways("s > a > b > e")


@pytest.fixture
def versions(client):
    """Ids of two versions of a process: `a`, then `a` and `b`."""
    return [deploy(client, ONE), deploy(client, TWO)]


def deploy(client, content):
    files = [("p.bpmn", ("p.bpmn", process(content), "text/xml"))]
    (id,) = client.post("/deployment/create", files=files).json()["deployedProcessDefinitions"]
    return id


def start(client, definition_id, **body):
    return client.post(f"/process-definition/{definition_id}/start", json=body).json()["id"]


def maps(source, target=None, updates=False):
    return {"sourceActivityIds": [source], "targetActivityIds": [target or source], "updateEventTrigger": updates}


def plan(versions, *instructions, **more):
    source, target = versions
    ends = {"sourceProcessDefinitionId": source, "targetProcessDefinitionId": target}
    return {**ends, "instructions": list(instructions), **more}


def refused(answer, status, kind):
    body = answer.json()
    assert (answer.status_code, body["type"]) == (status, kind), body
    return body


# --- plans ------------------------------------------------------------------------------------------------------


def test_a_plan_is_generated_and_found_to_be_sound(client, versions, camunda):
    source, target = versions
    ends = {"sourceProcessDefinitionId": source, "targetProcessDefinitionId": target}
    generated = client.post("/migration/generate", json={**ends, "updateEventTriggers": True})
    assert generated.json() == {**ends, "instructions": [maps("a")], "variables": None}
    assert camunda.problems("POST", "/migration/generate", 200, generated.json()) == []
    with_variables = client.post("/migration/generate", json={**ends, "variables": {"x": {"value": 1}}}).json()
    assert with_variables["variables"] == {"x": {"type": "Integer", "value": 1, "valueInfo": {}}}
    report = client.post("/migration/validate", json=with_variables)
    assert report.json() == {"instructionReports": [], "variableReports": {}}
    assert camunda.problems("POST", "/migration/validate", 200, report.json()) == []


def test_events_are_generated_with_their_triggers_updated_if_asked_for(client):
    hour = "<bpmn:timerEventDefinition><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>"
    late = ONE + boundary("late", "a", hour)
    source, target = deploy(client, late), deploy(client, late)
    ends = {"sourceProcessDefinitionId": source, "targetProcessDefinitionId": target}
    for updates in (False, True):
        found = client.post("/migration/generate", json={**ends, "updateEventTriggers": updates}).json()
        assert found["instructions"] == [maps("a"), maps("late", updates=updates)]


def test_what_is_wrong_with_a_plan_is_reported_by_instruction(client, versions, camunda):
    instructions = [maps("a", "zz"), maps("q"), maps("s", "a")]
    report = client.post("/migration/validate", json=plan(versions, *instructions))
    assert report.status_code == 200
    assert camunda.problems("POST", "/migration/validate", 200, report.json()) == []
    found = {
        tuple(one["instruction"]["sourceActivityIds"]): len(one["failures"])
        for one in report.json()["instructionReports"]
    }
    assert found == {("a",): 1, ("q",): 2, ("s",): 1}
    twice = client.post("/migration/validate", json=plan(versions, maps("a"), maps("a"))).json()["instructionReports"]
    assert [len(one["failures"]) for one in twice] == [1, 1]


@pytest.mark.parametrize("path", ["/migration/generate", "/migration/validate"])
def test_a_plan_has_two_definitions(client, versions, path):
    source, target = versions
    for ends, message in (
        ((None, target), "Source process definition id is null"),
        ((source, None), "Target process definition id is null"),
        (("nope", target), "ENGINE-23008 Source process definition with id 'nope' does not exist"),
        ((source, "nope"), "ENGINE-23008 Target process definition with id 'nope' does not exist"),
    ):
        assert refused(client.post(path, json=plan(ends)), 400, "InvalidRequestException")["message"] == message


def test_an_instruction_has_one_id_at_either_end(client, versions):
    for ids in ([], ["a", "b"], [None], None):
        instruction = {"sourceActivityIds": ids, "targetActivityIds": ["a"]}
        refused(client.post("/migration/validate", json=plan(versions, instruction)), 400, "InvalidRequestException")


# --- migrating --------------------------------------------------------------------------------------------------


def test_instances_are_migrated_by_id_and_by_query(client, versions):
    source, target = versions
    first, second = start(client, source), start(client, source, businessKey="x")
    body = {
        "migrationPlan": plan(versions, maps("a"), variables={"x": {"value": 5}}),
        "processInstanceIds": [first],
        "processInstanceQuery": {"businessKey": "x"},
        "skipCustomListeners": True,
    }
    answer = client.post("/migration/execute", json=body)
    assert (answer.status_code, answer.content) == (204, b"")
    for id in (first, second):
        assert client.get(f"/process-instance/{id}").json()["definitionId"] == target
        assert client.get(f"/process-instance/{id}/variables").json()["x"]["value"] == 5
        (task,) = client.get(f"/task?processInstanceId={id}").json()
        assert task["processDefinitionId"] == target
        client.post(f"/task/{task['id']}/complete", json={})
        assert [one["taskDefinitionKey"] for one in client.get(f"/task?processInstanceId={id}").json()] == ["b"]


def test_a_plan_that_is_not_valid_is_answered_with_its_report(client, versions):
    body = {"migrationPlan": plan(versions, maps("a", "zz")), "processInstanceIds": [start(client, versions[0])]}
    problem = refused(client.post("/migration/execute", json=body), 400, "MigrationPlanValidationException")
    assert problem["validationReport"]["variableReports"] == {}
    (report,) = problem["validationReport"]["instructionReports"]
    assert report["instruction"] == maps("a", "zz")
    assert report["failures"] == ["there is no target activity 'zz'"]


def test_an_instance_that_does_not_fit_is_answered_with_what_does_not(client):
    waiting = START + users("a") + node("task", "t", camunda_asyncBefore="true") + ways("s > a", "s > t")
    ends = [deploy(client, waiting), deploy(client, waiting.replace("asyncBefore", "asyncAfter"))]
    id = start(client, ends[0])
    tree = client.get(f"/process-instance/{id}/activity-instances").json()
    (active,), (transition,) = tree["childActivityInstances"], tree["childTransitionInstances"]
    body = {"migrationPlan": plan(ends, maps("t")), "processInstanceIds": [id]}
    problem = refused(client.post("/migration/execute", json=body), 400, "MigratingProcessInstanceValidationException")
    assert problem["validationReport"] == {
        "processInstanceId": id,
        "failures": [],
        "activityInstanceValidationReports": [
            {
                "activityInstanceId": active["id"],
                "sourceScopeId": "a",
                "migrationInstruction": None,
                "failures": ["there is no migration instruction for its activity"],
            }
        ],
        "transitionInstanceValidationReports": [
            {
                "transitionInstanceId": transition["id"],
                "sourceScopeId": "t",
                "migrationInstruction": maps("t"),
                "failures": ["the target activity is not asyncBefore"],
            }
        ],
    }


def test_who_is_to_be_migrated_must_be_there(client, versions):
    source, target = versions
    id = start(client, source)
    good = plan(versions, maps("a"))
    for body, status, kind in (
        ({"migrationPlan": good}, 400, "BadUserRequestException"),
        ({"migrationPlan": good, "processInstanceQuery": {"businessKey": "nobody"}}, 400, "BadUserRequestException"),
        ({"migrationPlan": good, "processInstanceIds": [id, "nope"]}, 500, "ProcessEngineException"),
        ({"migrationPlan": plan((target, source), maps("a")), "processInstanceIds": [id]}, 500, "ProcessEngineException"),
        ({"processInstanceIds": [id]}, 400, "InvalidRequestException"),
    ):  # fmt: skip
        refused(client.post("/migration/execute", json=body), status, kind)
    assert client.get(f"/process-instance/{id}").json()["definitionId"] == source


# --- restarting -------------------------------------------------------------------------------------------------

AT_B = [{"type": "startBeforeActivity", "activityId": "b"}]


def test_ended_instances_are_restarted(client):
    definition_id = deploy(client, TWO)
    old = start(client, definition_id, businessKey="k", variables={"v": {"value": 1}})
    client.put(f"/process-instance/{old}/variables/v", json={"value": 2})
    path = f"/process-definition/{definition_id}/restart"
    refused(client.post(path, json={"processInstanceIds": [old], "instructions": AT_B}), 500, "ProcessEngineException")
    client.delete(f"/process-instance/{old}")
    for more, key, value in (
        ({"processInstanceIds": [old]}, "k", 2),
        ({"historicProcessInstanceQuery": {"processInstanceId": old}}, "k", 2),
        ({"processInstanceIds": [old], "initialVariables": True, "withoutBusinessKey": True}, None, 1),
    ):
        answer = client.post(path, json={"instructions": AT_B, **more})
        assert (answer.status_code, answer.content) == (204, b"")
        (new,) = client.get("/process-instance").json()
        assert (new["businessKey"], new["definitionId"]) == (key, definition_id)
        assert client.get(f"/process-instance/{new['id']}/variables").json()["v"]["value"] == value
        assert [one["taskDefinitionKey"] for one in client.get("/task").json()] == ["b"]
        client.delete(f"/process-instance/{new['id']}")


def test_a_restart_says_whom_and_where(client, versions):
    source, target = versions
    old = start(client, source)
    client.delete(f"/process-instance/{old}")
    at_a = [{"type": "startBeforeActivity", "activityId": "a"}]
    for id, body, status, kind in (
        (source, {"processInstanceIds": [old]}, 400, "InvalidRequestException"),
        (source, {"instructions": at_a}, 400, "InvalidRequestException"),
        (source, {"processInstanceIds": ["nope"], "instructions": at_a}, 400, "InvalidRequestException"),
        (source, {"processInstanceIds": [old], "instructions": [{"type": "x"}]}, 400, "InvalidRequestException"),
        (source, {"processInstanceIds": [old], "instructions": AT_B}, 400, "NotValidException"),
        (target, {"processInstanceIds": [old], "instructions": at_a}, 500, "ProcessEngineException"),
        ("nope", {"processInstanceIds": [old], "instructions": at_a}, 400, "InvalidRequestException"),
    ):
        refused(client.post(f"/process-definition/{id}/restart", json=body), status, kind)
    assert client.get("/process-instance/count").json() == {"count": 0}


# --- modifying many ---------------------------------------------------------------------------------------------


def test_many_instances_are_modified_alike(client):
    definition_id = deploy(client, TWO)
    ids = [start(client, definition_id) for _ in range(3)]
    instructions = [*AT_B, {"type": "cancel", "activityId": "a", "cancelCurrentActiveActivityInstances": True}]
    body = {
        "processDefinitionId": definition_id,
        "processInstanceIds": ids[:1],
        "historicProcessInstanceQuery": {"processInstanceId": ids[1]},
        "instructions": instructions,
        "annotation": "on request",
    }
    answer = client.post("/modification/execute", json=body)
    assert (answer.status_code, answer.content) == (204, b"")
    at = {one["processInstanceId"]: one["taskDefinitionKey"] for one in client.get("/task").json()}
    assert [at[id] for id in ids] == ["b", "b", "a"]


def test_a_modification_of_many_says_whom_and_what(client, versions):
    source, target = versions
    id = start(client, source)
    cancel = [{"type": "cancel", "activityId": "a"}]
    whole = {"processDefinitionId": source, "processInstanceIds": [id], "instructions": cancel}
    for changed, status, kind in (
        ({"processDefinitionId": None}, 400, "InvalidRequestException"),
        ({"processDefinitionId": "nope"}, 400, "InvalidRequestException"),
        ({"processDefinitionId": target}, 500, "ProcessEngineException"),
        ({"processInstanceIds": []}, 400, "InvalidRequestException"),
        ({"processInstanceIds": ["nope"]}, 500, "ProcessEngineException"),
        ({"instructions": []}, 400, "InvalidRequestException"),
        ({"instructions": [{"type": "cancel"}]}, 400, "InvalidRequestException"),
        ({"instructions": AT_B}, 400, "NotValidException"),
    ):
        refused(client.post("/modification/execute", json=whole | changed), status, kind)
    assert client.get("/task/count").json() == {"count": 1}
