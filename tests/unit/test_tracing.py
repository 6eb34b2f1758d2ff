"""Spans that really appear: of a request, of its statements, of a job; and what happens where nobody wants them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from mlc_service import logs, tracing
from mlc_service.clock import Clock, SystemClock
from mlc_service.identity import OpenDoor
from mlc_service.jobs.one import Workbench
from mlc_service.jobs.runner import execute_now
from mlc_service.jobs.work import Done, Failed, Lease
from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.surroundings import Surroundings
from mlc_service.rest.application import create_app
from mlc_service.rest.dependencies import Dependencies
from mlc_service.store.rows import JobRow, new_job
from mlc_service.store.units import Units
from mlc_service.tracing import start_tracing


class Traced:
    """A service of which everything is traced: one that can do jobs of kind `good` and `bad`."""

    def __init__(self, database_url: str, clock: Clock) -> None:
        self.units = Units(database_url)
        self.exporter = InMemorySpanExporter()
        self._clock = clock
        handlers = {"good": self._done, "bad": lambda job, lease: Failed("no")}
        bench = Workbench(self.units, clock, handlers)
        app = create_app(
            Dependencies(
                units=self.units,
                clock=clock,
                gate=OpenDoor(),
                process=Surroundings(clock, ScriptRunner(), frozenset()),
                run_job=lambda job_id: execute_now(bench, job_id),
            )
        )
        self.tracing = start_tracing(
            "api", is_wanted=True, version="1", app=app, units=self.units, exporter=self.exporter
        )
        self.client = TestClient(app)

    def _done(self, job: JobRow, lease: Lease) -> Done:
        self.units.run(lambda unit: unit.jobs.finish(job.id, job.attempt))
        return Done()

    def execute(self, kind: str) -> None:
        """A job of that kind has been carried out by request."""
        id = str(uuid4())
        job = new_job(id, kind, self._clock.now())._replace(definition_key="deploy", activity_id="review")
        self.units.run(lambda unit: unit.jobs.insert([job]))
        self.client.post(f"/mlc-service/rest/job/{id}/execute")

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name.startswith(name)]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Traced]:
    """OpenTelemetry knows one provider a process: all tests share it."""
    database = tmp_path_factory.mktemp("traced") / "mlc.db"
    shutil.copy(sqlite_template, database)
    with ExitStack() as ending:
        traced = Traced(f"sqlite:///{database}", SystemClock())
        ending.callback(traced.units.close)
        ending.enter_context(traced.tracing)
        ending.enter_context(traced.client)
        yield traced


@pytest.fixture(autouse=True)
def nothing_yet(request: pytest.FixtureRequest) -> None:
    if "traced" in request.fixturenames:
        request.getfixturevalue("traced").exporter.clear()


def test_a_request_its_job_and_their_statements_are_one_trace(traced: Traced) -> None:
    traced.execute("good")
    (request,) = traced.spans("POST /mlc-service/rest/job/{id}/execute")
    (job,) = traced.spans("job good")
    assert job.attributes is not None
    assert {
        "mlc.definition_key": "deploy",
        "mlc.activity_id": "review",
        "mlc.attempt": 1,
        "mlc.outcome": "done",
    }.items() <= dict(job.attributes).items()
    (deletion,) = traced.spans("DELETE")
    assert traced.spans("SELECT"), "those that only read are traced, too"
    assert request.context is not None
    assert job.context is not None
    assert deletion.parent is not None
    assert deletion.parent.span_id == job.context.span_id
    assert {span.context.trace_id for span in (request, job, deletion) if span.context} == {request.context.trace_id}
    assert request.resource.attributes["service.name"] == "mlc-api"


def test_a_job_that_failed_says_so(traced: Traced) -> None:
    traced.execute("bad")
    (job,) = traced.spans("job bad")
    assert job.attributes is not None
    assert job.attributes["mlc.outcome"] == "retried"


def test_lines_of_the_log_name_their_trace(traced: Traced) -> None:
    with capture_logs(processors=[logs._add_trace]) as lines:
        traced.execute("bad")
    (job,) = traced.spans("job bad")
    (line,) = [line for line in lines if line["event"] == "job_retried"]
    assert job.context is not None
    assert (line["trace_id"], line["span_id"]) == (f"{job.context.trace_id:032x}", f"{job.context.span_id:016x}")


def test_probes_are_not_traced(traced: Traced) -> None:
    assert traced.client.get("/healthz").status_code == 200
    assert traced.spans("GET") == []


def test_without_an_endpoint_nothing_is_traced() -> None:
    with start_tracing("api", is_wanted=False, version="1"):
        assert tracing.current_ids() == {}


def test_without_the_packages_a_line_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with capture_logs() as lines, start_tracing("api", is_wanted=True, version="1"):
        pass
    assert [line["event"] for line in lines] == ["tracing_unavailable"]
    assert "mlc-service[otel]" in lines[0]["remedy"]


def test_spans_without_opentelemetry_are_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_trace", None)
    with tracing.span("job", job_id="j") as note:
        note("outcome", "done")
    assert tracing.current_ids() == {}
