"""Generated and deployed forms; what is expected here was tried out on Camunda 7.24, but for the status of refusals."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

HERE = Path(__file__).parent
NOBODY = "00000000-0000-4000-8000-000000000000"
FORM = b'{"id": "send-it", "type": "default", "components": []}'
PACK = b'{"id": "pack-it", "type": "default", "components": []}'


@pytest.fixture
def forms(client):
    """Ids of the two definitions by key."""
    named = {
        "test_forms.bpmn": (HERE / "test_forms.bpmn").read_bytes(),
        "pack.form": PACK,
        "send.form": FORM,
        "quick.html": b"<form>hi</form>",
    }
    answer = client.post("/deployment/create", files=[(name, (name, content)) for name, content in named.items()])
    assert answer.status_code == 200, answer.text
    return {one["key"]: one["id"] for one in answer.json()["deployedProcessDefinitions"].values()}


def submit(client, forms, **values):
    variables = {name: {"value": value} for name, value in values.items()}
    return client.post(f"/process-definition/{forms['order']}/submit-form", json={"variables": variables})


def task_at(client, activity):
    [task] = client.get(f"/task?taskDefinitionKey={activity}").json()
    return task


def walk_to(client, forms, activity):
    """The task at the activity, in an instance whose other tasks before it are complete."""
    assert submit(client, forms, customer="Ann").status_code == 200
    while (task := client.get("/task").json()[0])["taskDefinitionKey"] != activity:
        assert client.post(f"/task/{task['id']}/complete", json={}).status_code == 204
    return task


def test_fields_that_were_left_out_get_their_defaults(client, forms, camunda):
    answer = submit(client, forms, customer="Ann", extra=5)
    assert answer.status_code == 200
    assert camunda.problems("POST", "/process-definition/{id}/submit-form", 200, answer.json()) == []
    variables = client.get(f"/process-instance/{answer.json()['id']}/variables").json()
    assert {name: (one["type"], one["value"]) for name, one in variables.items()} == {
        "customer": ("String", "Ann"),
        "pieces": ("Long", 42),
        "gift": ("Boolean", True),
        "due": ("Date", "2025-03-17T00:00:00.000+0000"),
        "colour": ("String", "b"),
        "origin": ("String", "web"),
        "extra": ("Integer", 5),
    }


def test_the_business_key_is_that_of_the_request(client, forms):
    body = {"variables": {"customer": {"value": "Ann"}}, "businessKey": "o-7"}
    assert client.post("/process-definition/key/order/submit-form", json=body).json()["businessKey"] == "o-7"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Invalid value submitted for form field 'customer': validation of required failed."),
        ({"customer": ""}, "Invalid value submitted for form field 'customer': validation of required failed."),
        ({"customer": None}, "Invalid value submitted for form field 'customer': validation of required failed."),
        ({"customer": "A"}, "Invalid value submitted for form field 'customer': validation of minlength(2) failed."),
        (
            {"customer": "A" * 9},
            "Invalid value submitted for form field 'customer': validation of maxlength(8) failed.",
        ),
        ({"pieces": 0}, "Invalid value submitted for form field 'pieces': validation of min(1) failed."),
        ({"pieces": 101}, "Invalid value submitted for form field 'pieces': validation of max(100) failed."),
        ({"pieces": "x"}, "Value 'x' is not of type Long."),
        ({"pieces": 5.5}, "Value '5.5' is not of type Long."),
        ({"pieces": True}, "Value 'True' is not of type Long."),
        ({"gift": 1}, "Value '1' is not of type Boolean."),
        ({"due": "soon"}, "Could not parse value 'soon' as date using date format 'dd/MM/yyyy'."),
        ({"due": 5}, "Value '5' is not of type Date."),
        ({"colour": "zz"}, "Invalid value for enum form property: zz"),
        ({"colour": 5}, "Value '5' is not of type String."),
        ({"origin": "web"}, "Invalid value submitted for form field 'origin': validation of readonly failed."),
    ],
)
def test_what_does_not_fit_a_field_is_refused(client, forms, values, message):
    answer = submit(client, forms, **({"customer": "Ann"} if values and "customer" not in values else {}), **values)
    assert answer.status_code == 400
    what = f"Cannot instantiate process definition {forms['order']}: "
    assert answer.json()["message"] == what + message
    assert client.get("/process-instance/count").json() == {"count": 0}


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("pieces", "50", ("Long", 50)),
        ("pieces", None, ("Long", None)),
        ("gift", "yes", ("Boolean", False)),
        ("gift", "TRUE", ("Boolean", True)),
        ("due", "", ("Date", None)),
        ("due", "01/02/2025", ("Date", "2025-02-01T00:00:00.000+0000")),
        ("customer", 77, ("String", "77")),
        ("colour", None, ("String", None)),
    ],
)
def test_values_become_those_of_their_field(client, forms, name, given, kept):
    id = submit(client, forms, **{"customer": "Ann", name: given}).json()["id"]
    variable = client.get(f"/process-instance/{id}/variables/{name}").json()
    assert (variable["type"], variable["value"]) == kept


def test_a_start_form_shows_defaults(client, forms):
    shown = client.get(f"/process-definition/{forms['order']}/form-variables").json()
    assert {name: (one["type"], one["value"]) for name, one in shown.items()} == {
        "customer": ("String", None),
        "pieces": ("Long", 42),
        "gift": ("Boolean", True),
        "due": ("String", "17/03/2025"),
        "colour": ("String", "b"),
        "origin": ("String", "web"),
    }
    some = client.get("/process-definition/key/order/form-variables?variableNames=gift,nothing").json()
    assert list(some) == ["gift"]


def test_a_task_form_shows_what_the_task_sees(client, forms):
    task = walk_to(client, forms, "check")
    shown = client.get(f"/task/{task['id']}/form-variables").json()
    assert shown["due"] == {"type": "String", "value": "2025-03-17 00:00", "valueInfo": {}}
    assert shown["place"]["value"] == task["processInstanceId"]
    assert shown["pieces"]["value"] == 42


def test_a_submitted_task_form_completes_the_task(client, forms):
    task = walk_to(client, forms, "check")
    path = f"/task/{task['id']}/submit-form"
    refused = client.post(path, json={"variables": {"customer": {"value": ""}}})
    assert refused.status_code == 400
    assert refused.json()["message"].startswith(f"Cannot submit task form {task['id']}: ")
    body = {"variables": {"due": {"value": "2026-01-02 03:04"}}, "withVariablesInReturn": True}
    answer = client.post(path, json=body)
    # the required customer is there already
    assert answer.status_code == 200
    assert answer.json()["due"]["value"] == "2026-01-02T03:04:00.000+0000"
    assert client.post(path, json={}).status_code == 404


def test_a_generated_form_is_well_formed_and_labelled(client, forms):
    answer = client.get(f"/process-definition/{forms['order']}/rendered-form")
    assert answer.headers["content-type"].startswith("application/xhtml+xml")
    assert "sandbox" in answer.headers["content-security-policy"]
    form = ElementTree.fromstring(answer.text)
    controls = {one.get("name"): one for one in form.iter() if one.tag in ("input", "select")}
    labels = {one.get("for"): one.text for one in form.iter("label")}
    assert list(controls) == ["number", "customer", "pieces", "gift", "due", "colour", "origin"]
    assert labels["customer"] == "Customer <b>"
    for name, control in controls.items():
        assert control.get("id") == name
        assert name in labels or control.get("aria-label") == name
    assert controls["number"].get("cam-variable-name") is None
    assert controls["customer"].get("required") == "required"
    assert controls["customer"].get("maxlength") == "8"
    assert controls["customer"].get("cam-variable-type") == "String"
    assert (controls["pieces"].get("value"), controls["pieces"].get("max")) == ("42", "100")
    assert controls["gift"].get("checked") == "checked"
    assert controls["due"].get("placeholder") == "dd/MM/yyyy"
    assert [one.text for one in controls["colour"].iter("option") if one.get("selected")] == ["Blue"]
    assert controls["origin"].get("disabled") == "disabled"


def test_labels_of_a_task_form_are_worked_out(client, forms):
    task = walk_to(client, forms, "check")
    assert "Place of Ann" in client.get(f"/task/{task['id']}/rendered-form").text


@pytest.mark.parametrize(
    ("activity", "place"),
    [
        ("check", {"key": "embedded:engine://engine/:engine/task/{id}/rendered-form", "camundaFormRef": None}),
        ("pack", {"key": "camunda-forms:deployment:pack.form", "camundaFormRef": None}),
        ("send", {"key": None, "camundaFormRef": {"key": "send-it", "binding": "latest", "version": None}}),
        ("bill", {"key": "embedded:app:forms/Ann.html", "camundaFormRef": None}),
        ("thank", {"key": None, "camundaFormRef": None}),
    ],
)
def test_where_the_form_of_a_task_is(client, forms, camunda, activity, place):
    task = walk_to(client, forms, activity)
    expected = {**place, "contextPath": None}
    if place["key"]:
        expected["key"] = place["key"].replace("{id}", task["id"])
    answer = client.get(f"/task/{task['id']}/form").json()
    assert answer == expected
    assert camunda.problems("GET", "/task/{id}/form", 200, answer) == []
    assert task["camundaFormRef"] == place["camundaFormRef"]


def test_where_the_start_form_is(client, forms, camunda):
    order, quick = (client.get(f"/process-definition/{forms[key]}/startForm").json() for key in ("order", "quick"))
    assert order["key"] == f"embedded:engine://engine/:engine/process-definition/{forms['order']}/rendered-form"
    assert quick["key"] == "embedded:deployment:quick.html"
    assert client.get("/process-definition/key/order/startForm").json() == order
    assert camunda.problems("GET", "/process-definition/{id}/startForm", 200, order) == []


def test_deployed_forms_are_files_and_no_pages_of_ours(client, forms):
    start = client.get("/process-definition/key/quick/deployed-start-form")
    assert start.content == b"<form>hi</form>"
    assert "sandbox" in start.headers["content-security-policy"]
    pack = client.get(f"/task/{walk_to(client, forms, 'pack')['id']}/deployed-form")
    assert (pack.content, pack.headers["content-type"]) == (PACK, "application/json")


def test_the_latest_form_of_an_id_is_found(client, forms, clock):
    clock.forward(minutes=1)
    newer = FORM.replace(b"default", b"newer")
    client.post("/deployment/create", files=[("a.form", ("a.form", newer)), ("b.form", ("b.form", b"no json"))])
    task = walk_to(client, forms, "send")
    assert client.get(f"/task/{task['id']}/deployed-form").content == newer


@pytest.mark.parametrize(
    ("activity", "what", "status", "message"),
    [
        ("bill", "deployed-form", 400, "The form key 'embedded:app:forms/Ann.html' does not reference a deployed form."),
        (
            "thank", "deployed-form", 400,
            "One of the attributes 'formKey' and 'camunda:formRef' must be supplied but none were set.",
        ),
        ("pack", "rendered-form", 404, "No matching rendered form for task with the id {id} found."),
    ],
)  # fmt: skip
def test_forms_that_are_not_there(client, forms, activity, what, status, message):
    task = walk_to(client, forms, activity)
    answer = client.get(f"/task/{task['id']}/{what}")
    assert (answer.status_code, answer.json()["message"]) == (status, message.replace("{id}", task["id"]))


@pytest.mark.parametrize("what", ["form", "form-variables", "rendered-form", "deployed-form", "submit-form"])
def test_a_task_that_is_not_there_is_a_404(client, what):
    method = "POST" if what == "submit-form" else "GET"
    assert client.request(method, f"/task/{NOBODY}/{what}", json={}).status_code == 404


@pytest.mark.parametrize("what", ["startForm", "form-variables", "rendered-form", "deployed-start-form", "submit-form"])
def test_a_definition_that_is_not_there_is_a_404(client, what):
    method = "POST" if what == "submit-form" else "GET"
    for owner in ("nothing", "key/nothing"):
        assert client.request(method, f"/process-definition/{owner}/{what}", json={}).status_code == 404


def test_a_definition_without_a_generated_form_renders_none(client, forms):
    answer = client.get("/process-definition/key/quick/rendered-form")
    assert answer.status_code == 404
    message = f"No matching rendered start form for process definition with the id {forms['quick']} found."
    assert answer.json()["message"] == message
