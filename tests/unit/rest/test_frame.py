"""One spelling of paths, one form of errors, who may come in: what holds for every route."""

from __future__ import annotations

import base64

import pytest
from openapi_spec_validator import validate

from mlc_service.identity import Identity, StoredAccounts
from mlc_service.rest.middleware import canonical_path


@pytest.fixture
def guarded(make_client, units, clock):
    """A client of an application with real accounts, and admin's password."""
    identity = Identity(StoredAccounts(units, clock), clock)
    password = identity.first_start()
    client = make_client(gate=identity)
    return client, password


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("root", ["/mlc-service/rest", "/engine-rest"])
@pytest.mark.parametrize("infix", ["", "/engine/default"])
@pytest.mark.parametrize("tail", ["/version", "//version", "/version/"])
def test_every_spelling_of_the_address_leads_to_the_same_place(client, root, infix, tail):
    assert client.get(root + infix + tail).json() == {"version": "7.24.0"}


def test_the_list_of_engines_is_no_engine(client):
    assert client.get("/engine-rest/engine").json() == [{"name": "default"}]
    assert client.get("/engine-rest/engine/default/engine").json() == [{"name": "default"}]


def test_another_engine_is_not_available(client):
    answer = client.get("/engine-rest/engine/other/version")
    assert answer.status_code == 404
    assert answer.json()["message"] == "Process engine other not available"


def test_paths_that_only_look_alike_are_left_alone():
    assert canonical_path("/engine-restless/version") == "/engine-restless/version"
    assert canonical_path("/mlc-service/rest") == "/mlc-service/rest"
    assert canonical_path("/") == "/"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/mlc-service/rest/nothing", 404),
        ("PATCH", "/mlc-service/rest/version", 405),
        ("GET", "/mlc-service/rest/signal", 405),
        ("GET", "/mlc-service/rest/task/%00", 400),
        ("GET", "/mlc-service/rest/task?name=%00", 400),
        ("GET", "/mlc-service/rest/task/no-such-task", 404),
        ("GET", "/mlc-service/rest/task/%ff%fe", 400),
    ],
)
def test_errors_have_one_form(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"type", "message", "code"}
    assert body["message"]


def test_an_unexpected_failure_is_told_without_its_secrets(make_client):
    def fail(job_id):
        raise RuntimeError("password=hunter2")

    answer = make_client(run_job=fail).post("/mlc-service/rest/job/x/execute")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.json()["type"] == "ProcessEngineException"


@pytest.mark.parametrize(
    "body",
    [b"{", b"nonsense", b'{"name": "\xff"}', b"[1]", b'"text"', b"1", b'{"name": "a\\u0000b"}', b'{"a":' * 5000,
     b'{"name": NaN}', b"[" * 300 + b"]" * 300, b'{"name":' + b"[" * 150 + b"]" * 150 + b"}"],
)  # fmt: skip
def test_a_body_that_is_no_good_json_object_is_a_bad_request(client, body):
    answer = client.post("/mlc-service/rest/signal", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert set(answer.json()) == {"type", "message", "code"}


def test_a_get_may_carry_a_body(client):
    answer = client.request(
        "GET", "/mlc-service/rest/task", content=b"null", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 200


def test_a_body_over_the_limit_is_refused_declared_or_not(make_client):
    client = make_client(max_body_bytes=1000)
    declared = client.post("/mlc-service/rest/signal", content=b"x" * 1001)
    streamed = client.post("/mlc-service/rest/signal", content=iter([b"x" * 600, b"x" * 600]))
    for answer in (declared, streamed):
        assert answer.status_code == 413
        assert answer.json()["message"] == "The body is larger than 1000 bytes"


@pytest.mark.parametrize("origin", ["file://", "null", "https://example.org"])
def test_no_origin_is_refused(client, origin):
    preflight = client.options(
        "/mlc-service/rest/process-definition/key/x/start",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    plain = client.get("/mlc-service/rest/version", headers={"Origin": origin})
    assert plain.status_code == 200
    assert plain.headers["access-control-allow-origin"] == "*"


def test_version_and_engine_need_no_login_all_else_does(guarded):
    client, password = guarded
    assert client.get("/mlc-service/rest/version").status_code == 200
    assert client.get("/mlc-service/rest/engine").status_code == 200
    refused = client.get("/mlc-service/rest/deployment?maxResults=0")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'Basic realm="default"'
    assert refused.json()["type"] == "AuthenticationException"
    allowed = client.get("/mlc-service/rest/deployment?maxResults=0", headers=basic("admin", password))
    assert (allowed.status_code, allowed.json()) == (200, [])


def test_who_may_not_come_in_is_told_so_before_the_body_is_looked_at(guarded):
    client, _ = guarded
    assert client.post("/mlc-service/rest/signal", content=b"nonsense").status_code == 401


def test_gocli_token_opens_the_api_and_renews(guarded):
    client, password = guarded
    pair = client.post("/gocli/token", data={"username": "admin", "password": password}).json()
    assert pair["token_type"] == "bearer"
    assert pair["expires_in"] == 3600
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    assert client.get("/mlc-service/rest/task", headers=bearer).status_code == 200
    renewed = client.post("/gocli/token", data={"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]})
    assert renewed.status_code == 200
    wrong = client.post("/gocli/token", data={"username": "admin", "password": "x"})
    assert wrong.status_code == 401
    assert wrong.json()["message"]


@pytest.mark.parametrize("form", [{}, {"username": "admin"}, {"grant_type": "magic"}, {"grant_type": "refresh_token"}])
def test_gocli_token_says_what_is_missing(guarded, form):
    client, _ = guarded
    answer = client.post("/gocli/token", data=form)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_too_many_wrong_passwords_must_wait(guarded):
    client, _ = guarded
    for _ in range(5):
        assert client.get("/mlc-service/rest/task", headers=basic("admin", "x")).status_code == 401
    waiting = client.get("/mlc-service/rest/task", headers=basic("admin", "x"))
    assert waiting.status_code == 429
    assert 0 < int(waiting.headers["retry-after"]) <= 60


def test_health_needs_no_login(guarded, make_client):
    client, _ = guarded
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "checks": {"database": "ok", "schema": "ok"}}


def test_our_own_description_names_every_operation(client):
    document = client.get("/openapi.json").json()
    operations = [(path, method) for path, item in document["paths"].items() for method in item]
    assert ("/mlc-service/rest/task/{id}/complete", "post") in operations
    assert ("/mlc-service/rest/execution/{id}/messageSubscriptions/{messageName}/trigger", "post") in operations
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))
    assert client.get("/docs").status_code == 200


def test_our_own_description_is_valid_and_says_how_to_log_in(make_client, units):
    document = make_client(board=units.begin, score=lambda engine, record: None).get("/openapi.json").json()
    validate(document)
    assert document["security"] == [{"basic": []}, {"bearer": []}]
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert not [one for one in operations if "422" in one["responses"]]
    assert document["paths"]["/gocli/token"]["post"]["security"] == []
