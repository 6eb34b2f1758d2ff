"""Every operation we have answers in the shape of Camunda's document, on a database with something of everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlc_service.rest.camunda.routes import routes

HERE = Path(__file__).parent
# the first is answered by ModelOp's service only, the second by ours
OURS = {("POST", "/signalResponsive"), ("GET", "/history/cleanup/dry-run")}


# files and pages, and nothing of the kind is deployed here: see test_forms.py
FORMS = ("/rendered-form", "/deployed-start-form", "/deployed-form")


def deploy(client, *names, **fields):
    files = [(name, (name, (HERE / name).read_bytes(), "text/xml")) for name in names]
    return client.post("/deployment/create", data={"deployment-name": "test", **fields}, files=files)


@pytest.fixture
def filled(client):
    """Ids of one thing of each kind."""
    deployed = deploy(client, "everything.bpmn", "dish.dmn").json()
    [definition] = deployed["deployedProcessDefinitions"].values()
    [decision] = deployed["deployedDecisionDefinitions"].values()
    body = {
        "businessKey": "order-1",
        "variables": {
            "amount": {"value": 5},
            "file": {"value": "YQ==", "type": "File", "valueInfo": {"filename": "a"}},
        },
    }
    started = client.post(f"/process-definition/{definition['id']}/start", json=body).json()
    at = f"?processInstanceId={started['id']}"
    [job] = client.get(f"/job{at}&activityId=book").json()
    for _ in range(3):
        client.post(f"/job/{job['id']}/execute")
    [task] = client.get(f"/task{at}").json()
    [incident] = client.get(f"/incident{at}").json()
    activity = client.get(f"/history/activity-instance{at}").json()[0]
    client.post("/decision-definition/key/dish/evaluate", json={})
    client.post("/history/cleanup?immediatelyDue=false")
    [decided] = client.get("/history/decision-instance").json()
    [waiting] = client.get(f"/event-subscription{at}").json()
    kinds = client.get("/job-definition").json()
    topics = [{"topicName": "picking", "lockDuration": 60000}]
    [picking] = client.post(
        "/external-task/fetchAndLock", json={"workerId": "w", "maxTasks": 1, "topics": topics}
    ).json()
    failure = {"workerId": "w", "errorMessage": "empty", "errorDetails": "shelf 7", "retries": 1}
    client.post(f"/external-task/{picking['id']}/failure", json=failure)
    return {
        "deployment": deployed, "process-definition": definition, "decision-definition": decision,
        "process-instance": started, "job": job, "task": task, "incident": incident, "activity": activity,
        "decided": decided, "execution": {"id": waiting["executionId"]}, "job-definition": kinds[0],
        "external-task": picking,
    }  # fmt: skip


def every_read():
    return sorted({route.path for route in routes() if route.method == "GET" and ("GET", route.path) not in OURS})


def address(path, filled):
    key = "everything" if path.startswith("/process-definition") else "dish"
    kind = path.split("/")[1]
    if path.startswith("/history/"):
        kind = {"activity-instance": "activity", "decision-instance": "decided"}.get(
            path.split("/")[2], "process-instance"
        )
    path = path.replace("{key}", key).replace("{varName}", "file" if path.endswith("/data") else "amount")
    path = path.replace("{messageName:path}", "paid")
    if "{resourceId}" in path:
        path = path.replace("{resourceId}", filled["resource"])
    return path.replace("{id}", filled[kind]["id"]) if "{id}" in path else path


def test_every_read_answers_in_the_documented_shape(client, filled, camunda):
    resources = client.get(f"/deployment/{filled['deployment']['id']}/resources").json()
    filled["resource"] = resources[0]["id"]
    for kind in ("task", "execution"):
        own = f"/{kind}/{filled[kind]['id']}/localVariables"
        client.put(f"{own}/amount", json={"value": 1})
        client.put(f"{own}/file", json={"value": "YQ==", "type": "Bytes"})
    problems = []
    for path in every_read():
        if path.endswith(FORMS):
            continue
        answer = client.get(address(path, filled))
        if answer.status_code not in (200, 204):
            problems.append(f"GET {path}: {answer.status_code} {answer.text}")
        elif "json" in answer.headers.get("content-type", ""):
            body = answer.json()
            documented = path.replace(":path", "")
            problems += [f"GET {path}: {one}" for one in camunda.problems("GET", documented, answer.status_code, body)]
            if isinstance(body, list) and not body:
                problems.append(f"GET {path}: answers nothing to look at")
    assert problems == []


def test_every_query_by_body_answers_as_the_query_string_does(client, filled, camunda):
    problems = []
    reads = every_read()
    for route in routes():
        is_query = route.path in reads and (route.path.endswith("/count") or f"{route.path}/count" in reads)
        if route.method == "POST" and is_query:
            posted, got = client.post(route.path, json={}), client.get(route.path)
            if posted.status_code != 200 or posted.json() != got.json():
                problems.append(f"POST {route.path}: {posted.status_code} {posted.text} differs from {got.text}")
            problems += camunda.problems("POST", route.path, 200, posted.json())
    assert problems == []


def test_every_operation_of_ours_is_one_of_camundas(camunda):
    known = {(method.upper(), path) for path, item in camunda.paths.items() for method in item}
    ours = {(route.method, route.path.replace(":path", "")) for route in routes()}
    assert ours - known == OURS


def test_filters_sort_keys_and_parameters_are_camundas(camunda):
    problems = []
    for route in routes():
        described = camunda.paths.get(route.path, {}).get(route.method.lower(), {}).get("parameters", [])
        if not route.parameters or not described:
            continue
        documented = {parameter["name"]: parameter["schema"] for parameter in described}
        ours = {parameter["name"]: parameter["schema"] for parameter in route.parameters}
        if route.path in every_read() and "sortBy" in ours:
            missing = set(documented) - set(ours) - {"deserializeValues"}
            problems += [f"{route.path}: {name} is missing" for name in sorted(missing)]
            keys = {key.strip() for key in documented["sortBy"].get("enum", [])}
            problems += [f"{route.path}: no sort key {key}" for key in sorted(keys - set(ours["sortBy"]["enum"]))]
    assert problems == []


@pytest.mark.parametrize("with_variables", [False, True])
def test_a_start_answers_variables_only_when_asked(client, filled, camunda, with_variables):
    body = {"variables": {"a": {"value": 1}}, "withVariablesInReturn": with_variables}
    answer = client.post("/process-definition/key/everything/start", json=body)
    assert answer.status_code == 200
    assert camunda.problems("POST", "/process-definition/key/{key}/start", 200, answer.json()) == []
    assert ("variables" in answer.json()) is with_variables
    assert answer.json()["links"][0]["rel"] == "self"


def test_writing_operations_answer_as_documented(client, filled, camunda):
    task, job, instance = (filled[kind]["id"] for kind in ("task", "job", "process-instance"))
    steps = [
        ("POST", "/task/{id}/claim", task, {"userId": "kermit"}, 204),
        ("POST", "/task/{id}/claim", task, {"userId": "gonzo"}, 500),
        ("POST", "/task/{id}/unclaim", task, None, 204),
        ("POST", "/task/{id}/assignee", task, {"userId": "gonzo"}, 204),
        ("POST", "/task/{id}/variables", task, {"modifications": {"b": {"value": 1}}, "deletions": ["b"]}, 204),
        ("POST", "/task/{id}/identity-links", task, {"groupId": "x", "type": "candidate"}, 204),
        ("POST", "/task/{id}/identity-links/delete", task, {"groupId": "x", "type": "candidate"}, 204),
        ("PUT", "/job/{id}/retries", job, {"retries": 2}, 204),
        ("PUT", "/job/{id}/duedate", job, {"duedate": "2030-01-01T00:00:00.000+0000"}, 204),
        ("PUT", "/job/{id}/priority", job, {"priority": 7}, 204),
        ("PUT", "/job/{id}/suspended", job, {"suspended": True}, 204),
        ("PUT", "/job/{id}/suspended", job, {"suspended": False}, 204),
        ("POST", "/job/{id}/duedate/recalculate", job, None, 204),
        ("PUT", "/job-definition/{id}/retries", filled["job-definition"]["id"], {"retries": 2}, 204),
        ("POST", "/job/{id}/execute", job, None, 500),
        ("DELETE", "/job/{id}", job, None, 204),
        ("DELETE", "/job/{id}", job, None, 404),
        ("POST", "/process-instance/{id}/variables", instance, {"modifications": {"c": {"value": 1}}}, 204),
        ("PUT", "/process-instance/{id}/suspended", instance, {"suspended": True}, 204),
        ("POST", "/task/{id}/complete", task, {}, 400),
        ("PUT", "/process-instance/{id}/suspended", instance, {"suspended": False}, 204),
        ("POST", "/task/{id}/complete", task, {"withVariablesInReturn": True}, 200),
        ("POST", "/task/{id}/complete", task, {}, 404),
        ("DELETE", "/process-instance/{id}", instance, None, 204),
        ("DELETE", "/process-instance/{id}", instance, None, 404),
    ]  # fmt: skip
    for method, path, id, body, status in steps:
        answer = client.request(method, path.replace("{id}", id), json=body)
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
        if answer.content:
            assert camunda.problems(method, path, status, answer.json()) == []


def test_signals_and_messages_answer_as_documented(client, filled, camunda):
    assert client.post("/signal", json={"name": "model-changed"}).status_code == 204
    assert client.post("/signal", json={"name": "nobody listens"}).status_code == 204
    assert client.post("/signal", json={}).json()["message"] == "No signal name given"
    reached = client.post(
        "/signalResponsive", json={"name": "model-changed", "variables": {"MODEL_ID": {"value": "x"}}}
    )
    [started] = reached.json()["startedProcessInstances"]
    assert reached.json()["processInstanceIds"] == [started["id"]]
    assert client.get(f"/process-instance/{started['id']}/variables").json()["MODEL_ID"]["value"] == "x"

    begun = client.post("/message", json={"messageName": "begin", "resultEnabled": True, "businessKey": "m"})
    assert begun.status_code == 200
    assert camunda.problems("POST", "/message", 200, begun.json()) == []
    assert begun.json()[0]["resultType"] == "ProcessDefinition"
    paid = {"messageName": "paid", "businessKey": "m", "resultEnabled": True, "variablesInResultEnabled": True}
    received = client.post("/message", json=paid)
    assert received.json()[0]["resultType"] == "Execution"
    assert camunda.problems("POST", "/message", 200, received.json()) == []
    again = client.post("/message", json=paid)
    assert again.status_code == 400
    assert again.json()["type"] == "MismatchingMessageCorrelationException"
    many = client.post("/message", json={"messageName": "paid"})
    assert many.status_code == 400
    assert client.post("/message", json={"messageName": "paid", "all": True}).status_code == 204


def test_one_execution_gets_its_message(client, filled):
    [waiting] = client.get(f"/event-subscription?processInstanceId={filled['process-instance']['id']}").json()
    path = f"/execution/{waiting['executionId']}/messageSubscriptions/paid/trigger"
    assert client.post(path, json={"variables": {"sum": {"value": 3}}}).status_code == 204
    assert client.post(path, json={}).status_code == 500


def test_a_decision_is_evaluated(client, filled, camunda):
    body = {"variables": {"guests": {"value": 4, "type": "Integer"}}}
    answer = client.post("/decision-definition/key/dish/evaluate", json=body)
    assert [row["dish"]["value"] for row in answer.json()] == ["Steak", "Salad"]
    assert camunda.problems("POST", "/decision-definition/key/{key}/evaluate", 200, answer.json()) == []


def test_a_candidate_sees_the_tasks_of_their_groups(client, filled):
    of_group = client.get("/task/count?candidateGroup=approvers").json()
    assert of_group == {"count": 1}
    client.post(f"/task/{filled['task']['id']}/claim", json={"userId": "kermit"})
    assert client.get("/task/count?candidateGroup=approvers").json() == {"count": 0}
    assert client.get("/task/count?candidateGroup=approvers&includeAssignedTasks=true").json() == {"count": 1}
    assert client.get("/task/count?assignee=kermit").json() == {"count": 1}
    assert client.get("/task/count?processVariables=amount_eq_5").json() == {"count": 0}
    query = {"processVariables": [{"name": "amount", "operator": "gteq", "value": 5}]}
    assert client.post("/task/count", json=query).json() == {"count": 1}


def test_a_stacktrace_is_plain_text(client, filled):
    answer = client.get(f"/job/{filled['job']['id']}/stacktrace", headers={"Accept": "text/plain"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "com.acme.Book is broken" in answer.text


def test_a_used_deployment_goes_only_with_its_instances(client, filled):
    path = f"/deployment/{filled['deployment']['id']}"
    assert client.delete(path).status_code == 400
    assert client.delete(f"{path}?cascade=true").status_code == 204
    assert client.get("/history/process-instance/count").json() == {"count": 0}
    assert client.delete(path).status_code == 404
