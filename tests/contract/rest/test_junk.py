"""Whatever a client sends, it is never the service that fails."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlc_service.rest.camunda.routes import routes

HERE = Path(__file__).parent
ROUTES = [route for route in routes() if route.path != "/deployment/create"]
# what Camunda answers 500, too (camunda7.md §4.7 to §4.9): a task that is taken, an execution that does not wait, a
# worker without a name
CAMUNDAS_500 = {"TaskAlreadyClaimedException", "ProcessEngineException", "NullValueException"}

WORDS = st.sampled_from(
    ["", "null", "true", "-1", "0", "5", "1.5", "99999999999999999999", "x", "a,b", "a_eq_b", "gt_2013-01-01", "%", "'",
     "asc", "desc", "id", "2013-01-23T13:42:42.657+0200", "9999-12-31T23:59:59.999-1400", "\x00", "ü", "everything",
     "../..", "review", "amount", "paid"]
) | st.text(max_size=8)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(WORDS, children, max_size=3),
    max_leaves=6,
)
TYPED = st.fixed_dictionaries(
    {"value": JSON},
    optional={"type": st.sampled_from(["Integer", "Date", "Json", "File", "Object", "x"]), "valueInfo": JSON},
)
NAMES = [
    "variables", "processVariables", "modifications", "deletions", "name", "messageName", "businessKey", "userId",
    "groupId", "type", "retries", "dueDate", "duedate", "suspended", "executionId", "correlationKeys", "sorting", "value",
    "valueInfo", "processInstanceIds", "all", "resultEnabled", "withVariablesInReturn", "firstResult", "maxResults",
    "username", "password", "processDefinitionKey", "startInstructions", "executionDate",
    "instructions", "activityId", "processDefinitionId", "errorCode", "escalationCode", "incidentType", "annotation",
    "priority", "due", "delegationState", "processInstanceQuery", "historicProcessInstanceQuery", "jobDefinitionId",
    "workerId", "topics", "topicName", "maxTasks", "lockDuration", "newDuration", "errorCode", "errorMessage",
    "retryTimeout", "localVariables", "externalTaskIds", "externalTaskQuery", "processInstanceQuery", "priority",
    "migrationPlan", "instructions", "sourceProcessDefinitionId", "targetProcessDefinitionId", "initialVariables",
    "historicProcessInstanceQuery", "processDefinitionId", "annotation", "historyTimeToLive",
]  # fmt: skip


@st.composite
def requests(draw):
    route = draw(st.sampled_from(ROUTES))
    filters = [parameter["name"] for parameter in route.parameters] + ["sortBy", "sortOrder", "deserializeValues"]
    query = draw(st.dictionaries(st.sampled_from(filters), WORDS, max_size=3))
    body = draw(
        st.dictionaries(
            st.sampled_from([*NAMES, *filters]), JSON | st.dictionaries(WORDS, TYPED, max_size=2), max_size=4
        )
        | JSON
    )
    raw = json.dumps(body).encode() if draw(st.integers(0, 9)) else draw(st.binary(max_size=20))
    # most requests name a thing that there is
    ids = draw(st.sampled_from(["real", "real", "real", "junk"]))
    return route, ids, draw(WORDS), query, raw


def real_id(path, known):
    kind = path.removeprefix("/history").split("/")[1]
    return known.get(kind, known["process-instance"])


def fill(client):
    files = [(name, (name, (HERE / name).read_bytes())) for name in ("everything.bpmn", "dish.dmn")]
    deployed = client.post("/deployment/create", files=files).json()
    instance = client.post(
        "/process-definition/key/everything/start", json={"variables": {"amount": {"value": 5}}}
    ).json()
    return {
        "deployment": deployed["id"], "process-definition": next(iter(deployed["deployedProcessDefinitions"])),
        "decision-definition": next(iter(deployed["deployedDecisionDefinitions"])), "process-instance": instance["id"],
        "task": client.get("/task").json()[0]["id"], "job": client.get("/job").json()[0]["id"],
        "job-definition": client.get("/job-definition").json()[0]["id"],
        "incident": client.post(f"/execution/{instance['id']}/create-incident", json={"incidentType": "x"}).json()["id"],
        "external-task": client.get("/external-task").json()[0]["id"],
    }  # fmt: skip


def check(client, known, request):
    route, ids, word, query, raw = request
    path = route.path.replace(":path", "")
    id = real_id(path, known) if ids == "real" else (word or "-")
    for name, value in (("id", id), ("key", "everything"), ("varName", "amount"), ("messageName", "paid")):
        path = path.replace("{" + name + "}", quote(value, safe="", errors="replace"))
    path = path.replace("{resourceId}", "everything.bpmn")
    answer = client.request(route.method, path, params=query, content=raw, headers={"content-type": "application/json"})
    if answer.status_code == 500:
        assert answer.json()["type"] in CAMUNDAS_500, answer.text
        assert "could not carry out" not in answer.text, (route.method, path, query, raw)
    else:
        assert answer.status_code < 500 or answer.status_code == 501, answer.text
    if answer.status_code >= 400:
        assert {"type", "message", "code"} <= set(answer.json())
    elif route.method == "DELETE" or path.endswith(("/complete", "/submit-form", "/bpmnError", "/modification")):
        known.update(fill(client))


def test_no_junk_makes_the_service_fail(client):
    known = fill(client)

    @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    @given(requests())
    def every(request):
        check(client, known, request)

    every()


def test_junk_deployments_are_refused(client):
    name = st.text(min_size=1, max_size=12).map(
        lambda text: text.replace('"', "").replace("\r", "").replace("\n", "") or "x"
    )
    diagram = (HERE / "everything.bpmn").read_bytes()
    content = st.binary(max_size=60) | st.tuples(st.integers(0, len(diagram)), st.binary(max_size=6)).map(
        lambda cut: diagram[: cut[0]] + cut[1] + diagram[cut[0] + len(cut[1]) :]
    )

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    @given(name, name, st.sampled_from(["", ".bpmn", ".dmn", ".bpmn20.xml", ".txt"]), content)
    def every(part, filename, ending, content):
        body = (
            b'--b\r\nContent-Disposition: form-data; name="' + part.encode("utf-8", "replace") + b'"; filename="'
            + filename.encode("utf-8", "replace") + ending.encode() + b'"\r\n\r\n' + content + b"\r\n--b--\r\n"
        )  # fmt: skip
        answer = client.post(
            "/deployment/create", content=body, headers={"content-type": "multipart/form-data; boundary=b"}
        )
        assert answer.status_code in (200, 400), answer.text

    every()
