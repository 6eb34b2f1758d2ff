from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

import pytest

PLURALS = ["storedModels", "deployableModels", "deployedModels", "engines", "jobs", "modelTestResults", "notifications"]


@pytest.fixture
def post(client, api):
    def send(plural, body, status=201, **headers):
        answer = client.post(f"{api}/{plural}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


@pytest.fixture
def snapshot(post, a_model):
    model = post("storedModels", a_model)
    return post("deployableModels", {"storedModel": {"id": model["id"]}, "metaData": {"tags": ["run_test", "svc"]}})


def test_a_posted_document_has_an_envelope_an_address_and_a_link_to_itself(client, api, a_model):
    answer = client.post(f"{api}/storedModels", json=a_model)
    document = answer.json()
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/hal+json"
    assert answer.headers["location"] == f"http://mlc{api}/storedModels/{document['id']}"
    assert document["_links"]["self"]["href"] == answer.headers["location"]
    assert (document["version"], document["createdBy"], document["group"]) == (1, "ann", "ALL")
    assert document["createdDate"] == document["lastModifiedDate"] == "2026-03-02T09:30:00.000Z"
    assert client.get(answer.headers["location"]).json() == document


def test_asset_bytes_are_fetched_by_their_hash(client, api, post, a_model):
    model = post("storedModels", a_model)
    asset = model["modelAssets"][1]
    assert "fileContent" not in asset
    answer = client.get(f"{api}/assets/{asset['contentHash']['hexString']}")
    assert answer.content == b'{"x": 1}\n'
    assert hashlib.sha256(answer.content).hexdigest() == asset["contentHash"]["hexString"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("sha256", ["0" * 64, "nothing", "%00"])
def test_unknown_bytes_are_not_found(client, api, sha256):
    assert client.get(f"{api}/assets/{sha256}").status_code == 404


def test_a_list_has_pages_with_links(client, api, post):
    for number in range(5):
        post("engines", {"name": f"engine-{number}", "tags": ["a"]})
    first = client.get(f"{api}/engines?size=2&sort=name,asc").json()
    assert [one["name"] for one in first["_embedded"]["engines"]] == ["engine-0", "engine-1"]
    assert first["page"] == {"size": 2, "totalElements": 5, "totalPages": 3, "number": 0}
    names = []
    link = first["_links"]["first"]["href"]
    while link:
        page = client.get(f"{urlsplit(link).path}?{urlsplit(link).query}").json()
        names += [one["name"] for one in page["_embedded"]["engines"]]
        link = page["_links"].get("next", {}).get("href")
    assert names == [f"engine-{number}" for number in range(5)]


def test_a_list_can_be_narrowed(client, api, post):
    post("engines", {"name": "a", "tags": ["x"]})
    post("engines", {"name": "b", "tags": ["y"]})
    for query, expected in (("tag=x", ["a"]), ("name=b", ["b"]), ("state=INIT", ["a", "b"]), ("tag=z", [])):
        found = client.get(f"{api}/engines?sort=name&{query}").json()
        assert [one["name"] for one in found["_embedded"]["engines"]] == expected


@pytest.mark.parametrize("plural", PLURALS)
def test_every_list_answers_when_it_is_empty(client, api, plural):
    answer = client.get(f"{api}/{plural}").json()
    assert answer["_embedded"] == {plural: []}
    assert answer["page"]["totalElements"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=-1", "page"),
        ("page=x", "page"),
        ("size=0", "size"),
        ("size=100000", "size"),
        ("size=99999999999999999999", "size"),
        ("sort=nothing", "sort"),
        ("sort=name,sideways", "sort"),
        ("colour=red", "colour"),
    ],
)
def test_a_bad_query_is_refused_with_its_parameter(client, api, query, field):
    answer = client.get(f"{api}/engines?{query}")
    assert answer.status_code == 400
    assert (answer.json()["status"], answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("plural", PLURALS)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_document_is_not_found_or_cannot_be_changed_like_that(client, api, plural, method):
    for document_id in ("9f0c2f0e-0000-4000-8000-000000000000", "x", "a b", "%F0%9F%98%80"):
        answer = client.request(method, f"{api}/{plural}/{document_id}", json={"state": "UNDEPLOYED"})
        assert answer.status_code in (404, 409, 400), answer.text
        assert answer.status_code == 404 or plural in ("jobs", "deployedModels", "notifications", "modelTestResults")


@pytest.mark.parametrize("plural", PLURALS)
@pytest.mark.parametrize("body", ["", "[]", "7", "null", '"text"', "{", '{"a": "\\u0000"}', '{"id": 7}', "[" * 200])
def test_a_body_that_cannot_be_is_the_clients_mistake(client, api, plural, body):
    for method, path in (("POST", plural), ("PATCH", f"{plural}/9f0c2f0e-0000-4000-8000-000000000000")):
        answer = client.request(method, f"{api}/{path}", content=body)
        assert answer.status_code in (400, 404, 409), answer.text


def _rich_bodies(a_model, snapshot_id):
    """A body of each kind with something in every field the service reads."""
    asset = {"filename": "in.csv", "fileContentString": "x\n1\n", "contentHash": {"hexString": "ab"}, "metaData": {}}
    asset |= {
        "fileFormat": "CSV",
        "assetRole": "TEST_DATA",
        "usage": "INPUT_ASSET",
        "assetType": "FILE",
        "name": "in.csv",
    }
    meta = {"name": "credit", "tags": ["a"], "custom": {"owner": "ann"}}
    model = a_model | {"requiredAssets": [{"usage": "INPUT_ASSET"}], "modelMetaData": meta, "associatedModels": []}
    association = {"associatedModel": {"id": "x"}, "associationAssets": [asset]}
    target = {"tags": ["a"], "name": "n"}
    return {
        "storedModels": model,
        "deployableModels": {
            "storedModel": model, "metaData": meta | {"description": "d"}, "associatedModels": [association],
            "targetRuntimes": [target], "modelDocuments": [{"a": 1}], "group": "g",
        },
        "deployedModels": {"deployableModel": {"id": snapshot_id}, "engine": {"id": "x", "name": "e"}},
        "engines": {
            "name": "e", "tags": ["a"], "state": "INIT", "engineType": "t", "environmentName": "prod",
            "inputEndpoints": [{"endpointType": "REST"}], "outputEndpoints": [{"endpointType": "REST"}],
        },
        "jobs": {
            "jobType": "MODEL_BATCH_TEST_JOB", "jobStatus": "CREATED", "model": {"id": snapshot_id, "storedModel": model},
            "inputData": [asset], "outputData": [asset], "additionalAssets": [asset], "jobParameters": {"a": 1},
            "targetEngine": {"name": "e"}, "referenceModel": {"id": snapshot_id},
        },
        "modelTestResults": {
            "testResults": {"auc": 1}, "deployableModel": {"id": snapshot_id, "storedModel": {"id": "m"}, "metaData": meta},
            "associatedModel": {"id": "x"}, "outputNumber": 0, "comment": "c",
        },
        "notifications": {
            "message": "m", "severity": "INFO", "notificationType": "t", "assignment": {"issueKey": "k"}, "open": True,
            "deployableModelId": "d", "storedModelId": "s", "jobId": "j", "elevatedPriority": True,
        },
    }  # fmt: skip


def _with_one_place_changed(value, wrong):
    """Every copy of the value in which one place, at any depth, holds the wrong thing."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield f".{name}", value | {name: wrong}
            for place, changed in _with_one_place_changed(below, wrong):
                yield f".{name}{place}", value | {name: changed}
    if isinstance(value, list):
        for number, below in enumerate(value):
            yield f"[{number}]", [*value[:number], wrong, *value[number + 1 :]]
            for place, changed in _with_one_place_changed(below, wrong):
                yield f"[{number}]{place}", [*value[:number], changed, *value[number + 1 :]]


@pytest.mark.parametrize("plural", PLURALS)
@pytest.mark.parametrize("wrong", [None, 7, "text", [], [1], {"a": 1}, True, "😀" * 50])
def test_nothing_of_a_wrong_type_at_any_depth_makes_the_service_fail(client, api, a_model, snapshot, plural, wrong):
    bodies = _rich_bodies(a_model, snapshot["id"])
    for place, body in _with_one_place_changed(bodies[plural], wrong):
        answer = client.post(f"{api}/{plural}", json=body)
        assert answer.status_code in (201, 400, 404, 409), f"{place}: {answer.text}"


def test_a_patch_merges_and_needs_the_version_it_was_made_to(client, api, post, a_model):
    model = post("storedModels", a_model)
    path = f"{api}/storedModels/{model['id']}"
    patch = {"modelMetaData": {"modelRisk": "High"}, "version": 1}
    changed = client.patch(path, json=patch).json()
    assert (changed["version"], changed["modelMetaData"]["name"]) == (2, "credit")
    assert changed["modelMetaData"]["modelRisk"] == "High"
    stale = client.patch(path, json=patch)
    assert (stale.status_code, stale.json()["error"], stale.json()["field"]) == (409, "Conflict", "version")
    assert client.patch(path, json={"id": "other"}).json()["field"] == "id"


def test_a_snapshot_never_changes(client, api, snapshot):
    path = f"{api}/deployableModels/{snapshot['id']}"
    for method in ("PATCH", "DELETE"):
        answer = client.request(method, path, json={"metaData": {"tags": []}})
        assert answer.status_code == 409
        assert "snapshot" in answer.json()["message"]
    assert client.get(path).json() == snapshot


def test_a_snapshot_may_bring_its_whole_model(post, a_model):
    snapshot = post("deployableModels", {"storedModel": a_model, "metaData": {"tags": ["svc"]}})
    assert snapshot["storedModel"]["modelAssets"][0]["metricsFunction"] == "metrics"


def test_a_job_is_posted_narrowed_by_its_snapshot_and_cancelled(client, api, post, snapshot, units):
    asset = snapshot["storedModel"]["modelAssets"][1]
    job = post("jobs", {"jobType": "MODEL_BATCH_TEST_JOB", "model": {"id": snapshot["id"]}, "inputData": [asset]})
    assert (job["jobStatus"], job["jobResult"]) == ("CREATED", "UNKNOWN")
    assert units.read(lambda unit: unit.jobs.count()) == 1
    found = client.get(f"{api}/jobs?deployableModelId={snapshot['id']}&jobStatus=CREATED").json()
    assert [one["id"] for one in found["_embedded"]["jobs"]] == [job["id"]]
    cancelled = client.patch(f"{api}/jobs/{job['id']}", json={"jobStatus": "CANCELLED"}).json()
    assert (cancelled["jobStatus"], cancelled["jobError"]) == ("CANCELLED", "cancelled by ann")
    again = client.patch(f"{api}/jobs/{job['id']}", json={"jobStatus": "COMPLETE"})
    assert again.status_code == 400
    assert client.delete(f"{api}/jobs/{job['id']}").status_code == 409


def test_a_model_is_deployed_and_undeployed_over_http(client, api, post, snapshot):
    engine = post("engines", {"name": "batch", "tags": ["svc"]})
    body = {"deployableModel": {"id": snapshot["id"]}, "engine": {"name": "batch"}}
    deployed = post("deployedModels", body)
    assert (deployed["state"], deployed["engine"]["id"]) == ("DEPLOYED", engine["id"])
    assert client.delete(f"{api}/engines/{engine['id']}").status_code == 409
    path = f"{api}/deployedModels/{deployed['id']}"
    assert client.patch(path, json={"state": "DEPLOYED"}).json()["field"] == "state"
    assert client.patch(path, json={"state": "UNDEPLOYED"}).json()["state"] == "UNDEPLOYED"
    assert client.delete(f"{api}/engines/{engine['id']}").status_code == 204
    refused = post("deployedModels", {"deployableModel": {"id": snapshot["id"]}, "engine": {"name": "no"}}, 400)
    assert refused["field"] == "engine.name"


def test_the_same_idempotency_key_posts_once(post):
    first = post("notifications", {"message": "hello"}, **{"Idempotency-Key": "k1"})
    again = post("notifications", {"message": "hello"}, **{"Idempotency-Key": "k1"})
    other = post("notifications", {"message": "hello"}, **{"Idempotency-Key": "k2"})
    assert first["id"] == again["id"] != other["id"]


def test_a_document_may_bring_its_own_id_if_it_is_free(post, a_model):
    own = "9f0c2f0e-0000-4000-8000-000000000001"
    assert post("storedModels", a_model | {"id": own})["id"] == own
    assert post("storedModels", a_model | {"id": own}, 400)["field"] == "id"
    assert post("engines", {"name": "e", "id": own}, 400)["field"] == "id"
    assert post("engines", {"name": "e", "id": "no uuid"}, 400)["field"] == "id"


def test_what_a_test_result_found_out_cannot_be_changed(client, api, post, snapshot):
    result = post("modelTestResults", {"testResults": {"auc": 0.8}, "deployableModel": {"id": snapshot["id"]}})
    path = f"{api}/modelTestResults/{result['id']}"
    assert client.patch(path, json={"testResults": {"auc": 1}}).status_code == 409
    assert client.patch(path, json={"comment": "seen"}).json()["comment"] == "seen"
    found = client.get(f"{api}/modelTestResults?deployableModelId={snapshot['id']}").json()
    assert found["page"]["totalElements"] == 1
