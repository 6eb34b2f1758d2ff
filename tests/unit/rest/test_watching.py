"""What is known of a request: its id, its lines in the log, its place in the metrics."""

from __future__ import annotations

import base64

import pytest
from structlog.testing import capture_logs

from mlc_service import logs
from mlc_service.identity import Identity, StoredAccounts
from mlc_service.metrics import COUNTED
from mlc_service.probes import scraped
from mlc_service.readiness import Check


def requests_counted(**labels):
    return COUNTED.get_sample_value("mlc_http_request_duration_seconds_count", labels) or 0.0


def done(client, method, path, **given):
    """The answer, and the line that tells of it."""
    with capture_logs(processors=[logs._add_request]) as lines:
        answer = client.request(method, path, **given)
    (line,) = [line for line in lines if line["event"] == "request_done"]
    return answer, line


def test_an_answer_carries_the_id_under_which_the_request_is_logged(client):
    answer, line = done(client, "GET", "/engine-rest/version", headers={"X-Request-ID": "from-the-proxy/1"})
    assert answer.headers["x-request-id"] == line["request_id"] == "from-the-proxy/1"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/mlc-service/rest/version", 200)
    assert line["seconds"] >= 0


@pytest.mark.parametrize("given", ["", "two words", 'a"b', "x" * 129])
def test_a_request_without_a_well_formed_id_is_given_one(client, given):
    answer, line = done(client, "GET", "/mlc-service/rest/version", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == line["request_id"] != given
    assert len(line["request_id"]) == 32


def test_a_line_says_who_asked_and_what_about(make_client, units, clock):
    identity = Identity(StoredAccounts(units, clock), clock)
    password = identity.first_start()
    credentials = base64.b64encode(f"admin:{password}".encode()).decode()
    answer, line = done(
        make_client(gate=identity),
        "GET",
        "/mlc-service/rest/process-instance/no-such/variables",
        headers={"Authorization": f"Basic {credentials}"},
    )
    assert answer.status_code == line["status"]
    assert (line["user"], line["instance_id"]) == ("admin", "no-such")
    assert line["route"] == "/mlc-service/rest/process-instance/{id}/variables"
    _, refused = done(make_client(gate=identity), "GET", "/mlc-service/rest/task")
    assert (refused["status"], "user" in refused) == (401, False)


def test_an_unexpected_failure_is_told_with_the_id_of_its_request(make_client):
    def fail(job_id):
        raise RuntimeError("no")

    before = requests_counted(method="POST", route="/mlc-service/rest/job/{id}/execute", status="500")
    with capture_logs(processors=[logs._add_request]) as lines:
        answer = make_client(run_job=fail).post("/mlc-service/rest/job/j1/execute")
    done_line, failed_line = lines
    assert answer.headers["x-request-id"] == done_line["request_id"] == failed_line["request_id"]
    assert (done_line["status"], failed_line["event"], failed_line["job_id"]) == (500, "request_failed", "j1")
    assert requests_counted(method="POST", route="/mlc-service/rest/job/{id}/execute", status="500") == before + 1


def test_requests_are_counted_by_route_never_by_address(client):
    route = "/mlc-service/rest/task/{id}"
    before = requests_counted(method="GET", route=route, status="404")
    nowhere = requests_counted(method="GET", route="none", status="404")
    for number in range(3):
        client.get(f"/engine-rest/task/t{number}")
        client.get(f"/nothing/here/{number}")
    client.request("BREW", "/engine-rest/task/t1")
    assert requests_counted(method="GET", route=route, status="404") == before + 3
    assert requests_counted(method="GET", route="none", status="404") == nowhere + 3
    labels = {sample.labels.get("method") for metric in COUNTED.collect() for sample in metric.samples}
    assert "BREW" not in labels


def test_probes_are_not_logged(make_client):
    client = make_client(metrics=scraped(COUNTED))
    with capture_logs() as lines:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert client.get(path).status_code == 200
    assert lines == []


def test_metrics_are_shown_where_they_are_wanted(make_client):
    shown = make_client(metrics=scraped(COUNTED)).get("/metrics")
    assert shown.headers["content-type"].startswith("text/plain")
    assert "mlc_http_request_duration_seconds_bucket" in shown.text
    assert make_client().get("/metrics").status_code == 404


def test_what_is_not_required_makes_the_service_degraded_not_unready(make_client):
    redis = Check("redis", lambda: "Redis does not answer", is_required=False)
    answer = make_client(checks=[redis]).get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["redis"] == "Redis does not answer"
    work = Check("work", lambda: "Background work is not running")
    answer = make_client(checks=[redis, work]).get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "NotReady")
    assert answer.json()["message"] == "Redis does not answer; Background work is not running"
    assert answer.json()["checks"]["database"] == "ok"
