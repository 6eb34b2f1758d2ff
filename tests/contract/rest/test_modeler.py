"""The requests Camunda Modeler sends (camunda7.md §2), replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
DIAGRAM = (HERE / "everything.bpmn").read_bytes()
BOUNDARY = "----WebKitFormBoundaryx7Zq"


def modeler_form(*files, tenant=None, name="everything"):
    """The form in the Modeler's order: part name and file name are the same, forms are text/xml, too."""
    fields = [
        ("deployment-name", name),
        ("deployment-source", "Camunda Modeler"),
        ("enable-duplicate-filtering", "true"),
    ]
    if tenant is not None:
        fields.append(("tenant-id", tenant))
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields]
    for filename, content, kind in files:
        head = (
            f'Content-Disposition: form-data; name="{filename}"; filename="{filename}"\r\nContent-Type: {kind}\r\n\r\n'
        )
        parts.append(head.encode() + content)
    body = b"".join(f"--{BOUNDARY}\r\n".encode() + part + b"\r\n" for part in parts)
    return body + f"--{BOUNDARY}--\r\n".encode()


def deploy(client, *files, **more):
    headers = {
        "accept": "application/json", "content-type": f"multipart/form-data; boundary={BOUNDARY}", "origin": "file://"
    }  # fmt: skip
    # an address typed with a slash at its end
    return client.post(
        "http://testserver/mlc-service/rest//deployment/create", content=modeler_form(*files, **more), headers=headers
    )


def test_check_version_deploy_redeploy_start(client):
    assert client.get("/deployment?maxResults=0", headers={"accept": "application/json"}).json() == []
    assert client.get("/version").json()["version"] == "7.24.0"

    files = [("everything.bpmn", DIAGRAM, "text/xml"), ("note.txt", b"hello", "application/octet-stream")]
    first = deploy(client, *files)
    assert first.status_code == 200
    [definition] = first.json()["deployedProcessDefinitions"].values()
    assert definition["key"] == "everything"
    assert definition["id"].startswith("everything:1:")
    assert first.json()["source"] == "Camunda Modeler"

    again = deploy(client, *files)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["deployedProcessDefinitions"] is None

    changed = deploy(client, ("everything.bpmn", DIAGRAM + b"\n", "text/xml"), files[1])
    [newer] = changed.json()["deployedProcessDefinitions"].values()
    assert newer["version"] == 2

    started = client.post(
        f"/process-definition/{definition['id']}/start", json={"businessKey": None, "variables": None}
    )
    assert started.status_code == 200
    assert started.json()["id"]
    assert started.json()["definitionId"] == definition["id"]


def test_a_broken_diagram_is_told_in_the_form_the_modeler_knows(client):
    broken = DIAGRAM.replace(b'targetRef="review"', b'targetRef="nowhere"')
    answer = deploy(client, ("everything.bpmn", broken, "text/xml"))
    assert answer.status_code == 400
    body = answer.json()
    assert body["type"] == "ParseException"
    head, _, problems = body["message"].partition("Errors: \n* ")
    assert head == "ENGINE-09005 Could not parse BPMN process. "
    assert " | resource everything.bpmn | line " in problems.split("\n* ")[0]
    [problem, *_] = body["details"]["everything.bpmn"]["errors"]
    assert problem["line"] > 1
    assert problem["column"] >= 1
    assert problem["\u0435lementIds"] == problem["elementIds"]
    assert body["details"]["everything.bpmn"]["warnings"] == []
    assert client.get("/deployment/count").json() == {"count": 0}


@pytest.mark.parametrize("content", [b"", b"not xml", DIAGRAM[:500], b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_what_is_no_diagram_is_a_parse_error(client, content):
    answer = deploy(client, ("x.bpmn", content, "text/xml"))
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("ENGINE-09005 Could not parse BPMN process. Errors: \n* ")


def test_a_form_without_a_file_says_so(client):
    assert deploy(client).json()["message"] == "No deployment resources contained in the form upload."


def test_a_python_client_says_true_with_a_capital(client):
    def post():
        return client.post(
            "/deployment/create",
            data={"deployment-name": "x", "enable-duplicate-filtering": "True"},
            files={"data": ("everything.bpmn", DIAGRAM)},
        ).json()

    assert post()["id"] == post()["id"]


def test_of_two_parts_with_one_name_the_last_counts(client):
    files = [("data", ("a.txt", b"1")), ("data", ("b.txt", b"2"))]
    deployed = client.post("/deployment/create", files=files).json()
    names = [one["name"] for one in client.get(f"/deployment/{deployed['id']}/resources").json()]
    assert names == ["b.txt"]


def test_two_files_of_one_name_are_one(client):
    files = [("a", ("x.txt", b"1")), ("b", ("x.txt", b"2"))]
    assert client.post("/deployment/create", files=files).status_code == 200


def test_a_part_without_a_file_name_is_refused(client):
    answer = client.post("/deployment/create", data={"data": "x"}, files={"other": ("a.txt", b"1")})
    assert answer.status_code == 400
    assert "No file name found" in answer.json()["message"]
