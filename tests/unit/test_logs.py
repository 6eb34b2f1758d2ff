"""What a log line carries, and what never gets into one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import structlog

from mlc_service.clock import Clock
from mlc_service.jobs.one import Workbench
from mlc_service.jobs.runner import run_due
from mlc_service.jobs.work import Done, Failed, Lease
from mlc_service.logs import mask_values, masked
from mlc_service.store.rows import JobRow, new_job
from mlc_service.store.units import Units


def lines(program: str) -> list[dict[str, Any]]:
    """What a program of its own writes to standard error."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


_EVERYBODY = """
import logging, warnings
import structlog, uvicorn
from celery import Celery
from celery.signals import setup_logging
from mlc_service import logs, server

logs.configure("info", "json")
setup_logging.connect(lambda **_: None, weak=False)
Celery("mlc", set_as_current=False).log.setup(loglevel="INFO")
server._server(None)
with logs.about(instance_id="i1", job_id=None):
    structlog.get_logger().info("ours", password="hunter2", headers={"Authorization": "Basic abc"})
    logging.getLogger("celery.worker").warning("consumer: Cannot connect to redis://:%s@here:6379/0", "hunter2")
logging.getLogger("uvicorn.error").error("Exception in ASGI application")
logging.getLogger("celery.worker").info("mingle: searching for neighbors")
warnings.warn("getting old")
try:
    raise RuntimeError("postgresql://me:hunter2@here/mlc")
except RuntimeError:
    structlog.get_logger().exception("broke")
"""


def test_libraries_write_the_same_form_and_nobody_writes_secrets() -> None:
    found = lines(_EVERYBODY)
    assert "hunter2" not in json.dumps(found)
    ours, celery, uvicorn, warning, broke = found
    assert (ours["event"], ours["level"], ours["instance_id"], "job_id" in ours) == ("ours", "info", "i1", False)
    assert (ours["password"], ours["headers"]) == ("***", {"Authorization": "***"})
    assert (celery["logger"], celery["level"], celery["instance_id"]) == ("celery.worker", "warning", "i1")
    assert celery["event"] == "consumer: Cannot connect to redis://:***@here:6379/0"
    assert (uvicorn["logger"], uvicorn["event"]) == ("uvicorn.error", "Exception in ASGI application")
    assert "instance_id" not in uvicorn
    assert warning["logger"] == "py.warnings"
    assert "RuntimeError: postgresql://me:***@here/mlc" in broke["exception"]
    assert all(line["timestamp"].endswith("Z") for line in found)


def test_a_terminal_gets_readable_lines_without_secrets() -> None:
    program = (
        "import structlog; from mlc_service import logs; logs.configure('warning', 'console')\n"
        "structlog.get_logger().info('quiet'); structlog.get_logger().warning('loud', url='redis://:hunter2@here')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "loud" in done.stderr
    assert "quiet" not in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("postgresql://me:s3cret@here/mlc", "postgresql://me:***@here/mlc"),
        ("redis://:s3cret@here:6379/0", "redis://:***@here:6379/0"),
        ("http://here:8080/a", "http://here:8080/a"),
        ("Authorization: Basic YWRtaW46YWRtaW4=", "Authorization: Basic ***"),
        ("sent Bearer eyJhbGciOi.J9.abc_def", "sent Bearer ***"),
        ("Basic realm=default", "Basic realm=default"),
        ("host=here password=s3cret user=me", "host=here password=*** user=me"),
        ("/token?access_token=s3cret&x=1", "/token?access_token=***&x=1"),
        ('{"client_secret": "s3cret", "x": 1}', '{"client_secret": "***", "x": 1}'),
        ("a token is at the gateway", "a token is at the gateway"),
    ],
)
def test_secrets_in_texts_are_hidden_and_nothing_else_is(text: str, safe: str) -> None:
    assert masked(text) == safe


def test_values_whose_names_are_secret_are_hidden_at_any_depth() -> None:
    event = {"event": "x", "jira_token": "s", "tokens": 3, "nested": [{"api_key": "s", "key": "MLC-1"}]}
    assert mask_values(None, "", event) == {
        "event": "x",
        "jira_token": "***",
        "tokens": 3,
        "nested": [{"api_key": "***", "key": "MLC-1"}],
    }


def test_all_that_is_written_while_a_job_runs_says_which_job(units: Units, clock: Clock) -> None:
    heard: list[dict[str, Any]] = []

    def work(job: JobRow, lease: Lease) -> Done | Failed:
        heard.append(structlog.contextvars.get_contextvars())
        units.run(lambda unit: unit.jobs.finish(job.id, job.attempt))
        return Done()

    job = new_job("j1", "work", clock.now())._replace(definition_key="deploy", activity_id="review")
    units.run(lambda unit: unit.jobs.insert([job]))
    run_due(Workbench(units, clock, {"work": work}))
    assert heard == [{"job_id": "j1", "definition_key": "deploy", "activity_id": "review"}]
    assert structlog.contextvars.get_contextvars() == {}
