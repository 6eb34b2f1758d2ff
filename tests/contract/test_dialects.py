"""Diagrams as other tools write them: each runs to its end, or is refused with the place of what cannot run.

The files are written by ourselves in the manner of the tool that they are named after. Their users wait for nothing
but what `_run` gives them: tasks are completed, messages come, timers are due.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mlc_service.engine import Definition, parse_bpmn
from mlc_service.problems import InvalidResource, Problem
from tests.unit.engine.driver import KNOWN_DELEGATES, Driver

FOLDER = Path(__file__).with_name("dialects")
VARIABLES = {"amount": 20, "due": "2026-04-01T00:00:00", "employee": "group(hr)"}

# file: the activities that complete, in order
RUNS = {
}

# file: every error, as (element, "line:column", what the message says)
REFUSED = {
}

# file: what is said of a file that deploys and has nothing to run
NOTHING_TO_RUN = {
}


def _source(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def _run(source: bytes) -> Driver:
    """An instance of the file's first process, given whatever it waits for until it ends."""
    run = Driver(source, VARIABLES)
    for _ in range(20):
        if run.is_ended:
            return run
        if run.tasks:
            run.complete(next(iter(run.tasks.values())).activity_id)
        elif run.external:
            run.external_done(next(iter(run.external.values())).activity_id)
        elif run.subscriptions:
            run.receive(next(iter(run.subscriptions.values())).event_name or "")
        else:
            job = next(iter(run.jobs.values()))
            run.job(job.activity_id, job.kind)
    raise AssertionError(f"still waiting in {run.tree}")


def _refused(source: bytes) -> list[Problem]:
    with pytest.raises(InvalidResource) as refused:
        parse_bpmn(source, "refused.bpmn", KNOWN_DELEGATES)
    return [problem for problem in refused.value.problems if problem.severity == "error"]


def _read(source: bytes) -> tuple[list[Definition], list[Problem]]:
    warnings: list[Problem] = []
    return parse_bpmn(source, "read.bpmn", KNOWN_DELEGATES, warn=warnings.append), warnings


def test_every_file_has_an_outcome() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted([*RUNS, *REFUSED, *NOTHING_TO_RUN])


@pytest.mark.parametrize("name", RUNS)
def test_it_runs_to_its_end(name: str) -> None:
    assert _run(_source(name)).done == RUNS[name].split()


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_place_of_all_that_cannot_run(name: str) -> None:
    found = _refused(_source(name))
    places = [(problem.element_id, f"{problem.line}:{problem.column}") for problem in found]
    assert places == [(element_id, place) for element_id, place, _ in REFUSED[name]]
    for problem, (_, _, message) in zip(found, REFUSED[name], strict=True):
        assert message in problem.message
