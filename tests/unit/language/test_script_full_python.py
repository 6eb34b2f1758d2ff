"""Full Python for scripts: only where an administrator allows it, and the same protocol as everywhere."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mlc_service.language.errors import ScriptError
from mlc_service.language.scripts import ScriptOutcome, ScriptRunner


def test_full_python_has_to_be_allowed() -> None:
    runner = ScriptRunner()
    why = runner.why_unsupported("python-full")
    assert why is not None
    assert "MLC_FULL_PYTHON" in why
    with pytest.raises(ScriptError, match="not allowed here"):
        runner.run("python-full", "1", {})
    error = runner.check("python-full", "1")
    assert error is not None
    assert runner.processes == []


@pytest.mark.parametrize(
    ("source", "variables", "expected"),
    [
        ("execution.setVariable('n', n + 1)", {"n": 1}, ScriptOutcome(None, {"n": 2}, [])),
        ("n + 1", {"n": 1}, ScriptOutcome(2, {}, [])),
        ("execution.getVariable('a b')", {"a b": "x"}, ScriptOutcome("x", {}, [])),
        ("execution.hasVariable('n')", {"n": None}, ScriptOutcome(True, {}, [])),
        ("execution.removeVariable('n'); execution.setVariable('n', 2)", {"n": 1}, ScriptOutcome(None, {"n": 2}, [])),
        ("execution.setVariable('n', 2); execution.removeVariable('n')", {"n": 1}, ScriptOutcome(None, {}, ["n"])),
        ("execution.getVariables()", {"a": 1, "b": [2]}, ScriptOutcome({"a": 1, "b": [2]}, {}, [])),
        ("def squares():\n    yield 1\n    yield 4\nlist(squares())", {}, ScriptOutcome([1, 4], {}, [])),
        ("import statistics\nstatistics.median(l)", {"l": [3, 1, 2]}, ScriptOutcome(2, {}, [])),
        ("class A:\n    @property\n    def b(self): return 1\nclass C(A): pass\nC().b", {}, ScriptOutcome(1, {}, [])),
        ("import uuid, contextlib\nlen(str(uuid.uuid4()))", {}, ScriptOutcome(36, {}, [])),
        ("from datetime import date\n{'d': date(2026, 1, 2), 's': {1}, 't': (1,)}", {},
         ScriptOutcome({"d": "2026-01-02", "s": [1], "t": [1]}, {}, [])),
        ("print('x'); x = 1", {}, ScriptOutcome(None, {}, [])),
        ("", {}, ScriptOutcome(None, {}, [])),
    ],
)  # fmt: skip
def test_a_full_python_script_reads_variables_and_journals_its_writes(
    full_runner: ScriptRunner, source: str, variables: dict[str, Any], expected: ScriptOutcome
) -> None:
    assert full_runner.run("python-full", source, variables) == expected


def test_execution_tells_a_full_python_script_where_it_is(full_runner: ScriptRunner) -> None:
    source = "execution.processInstanceId + execution.getProcessBusinessKey()"
    facts = {"processInstanceId": "p", "processBusinessKey": "k"}
    assert full_runner.run("python-full", source, {}, facts=facts).result == "pk"


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("x = 1\n\nmissing + 1", "NameError: name 'missing' is not defined", 3),
        ("def f():\n    raise ValueError('no')\n\nf()", "ValueError: no", 2),
        ("n = = 1", "SyntaxError", 1),
        ("execution.setVariable('f', len)", "variable 'f': a value of type builtin_function_or_method", 0),
        ("execution.setVariable('f', float('inf'))", "variable 'f': inf is not a number", 0),
        ("import numpy", "ModuleNotFoundError", 1),
        ("import sys\nsys.exit(0)", "ended its interpreter", 0),
    ],
)
def test_a_failing_full_python_script_names_the_error_and_the_line(
    full_runner: ScriptRunner, source: str, message: str, line: int
) -> None:
    with pytest.raises(ScriptError) as caught:
        full_runner.run("python-full", source, {})
    assert message in caught.value.message
    assert caught.value.line == line


def test_runs_of_full_python_share_nothing(full_runner: ScriptRunner) -> None:
    source = "import json\nfound = getattr(json, 'left', None)\njson.left = 1\nfound"
    assert [full_runner.run("python-full", source, {}).result for _ in range(3)] == [None, None, None]


def test_a_stopped_script_leaves_the_warm_worker_as_it_was(full_runner: ScriptRunner) -> None:
    full_runner.run("python-full", "1", {})
    before = set(full_runner.processes)
    began = time.monotonic()
    with pytest.raises(ScriptError, match=r"ran longer than 0\.3 s"):
        full_runner.run("python-full", "while True: pass", {}, deadline_seconds=0.3)
    assert time.monotonic() - began < 2.5
    assert before <= set(full_runner.processes)


def test_a_syntax_error_in_full_python_is_found_at_deployment(full_runner: ScriptRunner) -> None:
    error = full_runner.check("python-full", "x = 1\ny = = 2")
    assert error is not None
    assert error.line == 2
    assert full_runner.check("python-full", "def f():\n    yield 1") is None
