"""What scripts may do, what they answer, and how the quick evaluator agrees with the sandbox."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlc_service.language.errors import ScriptError
from mlc_service.language.script_outcome import ScriptLimits
from mlc_service.language.script_python import PythonScripts
from mlc_service.language.script_quick import quick
from mlc_service.language.script_quick_values import Unfit
from mlc_service.language.scripts import ScriptOutcome, ScriptRunner, check, supported, why_unsupported

LIMITS = ScriptLimits(5.0, 64 * 1024 * 1024)
LANGUAGES = ("python", "javascript")


@pytest.fixture(scope="module")
def runner() -> Iterator[ScriptRunner]:
    runner = ScriptRunner()
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[PythonScripts]:
    scripts = PythonScripts()
    yield scripts
    scripts.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("source", "variables", "expected"),
    [
        ("execution.setVariable('n', n + 1)", {"n": 1}, ScriptOutcome(None, {"n": 2}, [])),
        ("n + 1", {"n": 1}, ScriptOutcome(2, {}, [])),
        ("execution.getVariable('a b')", {"a b": "x"}, ScriptOutcome("x", {}, [])),
        ("execution.getVariable('missing')", {}, ScriptOutcome(None, {}, [])),
        ("execution.hasVariable('n')", {"n": None}, ScriptOutcome(True, {}, [])),
        ("execution.removeVariable('n'); execution.hasVariable('n')", {"n": 1}, ScriptOutcome(False, {}, ["n"])),
        (
            "execution.removeVariable('n'); execution.setVariable('n', 2); execution.getVariable('n')",
            {"n": 1},
            ScriptOutcome(2, {"n": 2}, []),
        ),
        (
            "execution.setVariable('n', 2); execution.removeVariable('n'); execution.getVariable('n')",
            {"n": 1},
            ScriptOutcome(None, {}, ["n"]),
        ),
        ("execution.getVariables()", {"a": 1, "b": [2]}, ScriptOutcome({"a": 1, "b": [2]}, {}, [])),
        ("m = n + 1\nexecution.setVariable('out', m)", {"n": 1}, ScriptOutcome(None, {"out": 2}, [])),
        ("x = 5", {}, ScriptOutcome(None, {}, [])),
        ("execution.setVariable('d', {'a': [1, 'two']})", {}, ScriptOutcome(None, {"d": {"a": [1, "two"]}}, [])),
        ("order['lines'][0]['sku']", {"order": {"lines": [{"sku": "a"}]}}, ScriptOutcome("a", {}, [])),
    ],
)
def test_a_script_reads_variables_and_journals_its_writes(
    runner: ScriptRunner, language: str, source: str, variables: dict[str, Any], expected: ScriptOutcome
) -> None:
    found = runner.run(language, source, variables)
    if language == "javascript" and source == "x = 5":
        expected = ScriptOutcome(5, {}, [])  # an assignment is an expression there
    assert found == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_script_cannot_change_the_callers_variables(runner: ScriptRunner, language: str) -> None:
    push = {"python": "items.append(2)", "javascript": "items.push(2)"}[language]
    variables = {"items": [1]}
    found = runner.run(language, f"{push}\nexecution.setVariable('out', items)", variables)
    assert found.written == {"out": [1, 2]}
    assert variables == {"items": [1]}


def test_a_written_value_is_not_the_callers_own(runner: ScriptRunner) -> None:
    variables = {"items": [1]}
    found = runner.run("python", "execution.setVariable('copy', items)", variables)
    assert found.written["copy"] == [1]
    assert found.written["copy"] is not variables["items"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_execution_tells_where_it_is(runner: ScriptRunner, language: str) -> None:
    source = "execution.processInstanceId + execution.getProcessBusinessKey()"
    found = runner.run(language, source, {}, facts={"processInstanceId": "p", "processBusinessKey": "k"})
    assert found.result == "pk"


def test_python_of_some_length_runs(runner: ScriptRunner) -> None:
    source = """
import json
def total(lines):
    return sum(line['price'] * line.get('count', 1) for line in lines)  # with a default
lines = json.loads(text)
if total(lines) > 10:
    execution.setVariable('total', total(lines))
    execution.setVariable('kinds', sorted({line['kind'] for line in lines}))
total(lines)  # the answer
"""
    lines = '[{"price": 4, "count": 2, "kind": "b"}, {"price": 3, "kind": "a"}]'
    assert runner.run("python", source, {"text": lines}) == ScriptOutcome(11, {"total": 11, "kinds": ["a", "b"]}, [])


def test_javascript_of_some_length_runs(runner: ScriptRunner) -> None:
    source = """
const total = lines.map(({price, count = 1}) => price * count).reduce((a, b) => a + b, 0);
execution.setVariable('total', total);
execution.setVariable('when', new Date(0));
`total ${total}`
"""
    found = runner.run("javascript", source, {"lines": [{"price": 4, "count": 2}, {"price": 3}]})
    assert found == ScriptOutcome("total 11", {"total": 11, "when": "1970-01-01T00:00:00.000Z"}, [])


def test_a_bare_name_in_javascript_follows_set_variable_until_it_is_assigned(runner: ScriptRunner) -> None:
    assert runner.run("javascript", "execution.setVariable('n', 2); n", {"n": 1}).result == 2
    assert runner.run("javascript", "n = 7; execution.setVariable('n', 2); n", {"n": 1}).result == 7


def test_juel_is_a_script_language_too(runner: ScriptRunner) -> None:
    assert runner.run("juel", "${n + 1}", {"n": 1}) == ScriptOutcome(2, {}, [])
    assert runner.run("JUEL", "${execution.setVariable('n', n + 1)}", {"n": 1}) == ScriptOutcome(None, {"n": 2}, [])
    with pytest.raises(ScriptError, match="Cannot resolve identifier 'm'"):
        runner.run("juel", "${m}", {})


def test_a_language_is_supported_or_refused() -> None:
    assert all(supported(name) for name in ("python", "Python", "javascript", "JavaScript", "ecmascript", "juel"))
    assert not any(supported(name) for name in ("groovy", "ruby", "", "jython"))
    assert why_unsupported("ruby") == "Scripts in 'ruby' are not supported."
    error = check("groovy", "1")
    assert error is not None
    assert "not supported" in error.message


@pytest.mark.parametrize(
    ("language", "source", "line"),
    [
        ("python", "x = 1\ny = = 2", 2),
        ("python", "x = 1\ndef f():\n    yield 1", 3),
        ("python", "class A(B): pass", 1),
        ("python", "from math import *", 1),
        ("python", "x = '" + "a" * 200_001 + "'", 0),
        ("python", "(" * 5000, 1),
        ("javascript", "var x = 1;\n\nvar y = ;", 3),
        ("javascript", "var x = '", 1),
        ("juel", "${1 +}", 1),
    ],
)
def test_a_syntax_error_is_found_without_running(language: str, source: str, line: int) -> None:
    error = check(language, source)
    assert error is not None
    assert error.line == line


@pytest.mark.parametrize(
    ("language", "source"),
    [("python", "while True: pass"), ("javascript", "while (true) {}"), ("javascript", "throw 1"), ("juel", "${x}")],
)
def test_checking_a_script_does_not_run_it(language: str, source: str) -> None:
    assert check(language, source) is None


@pytest.mark.parametrize(
    ("language", "source", "message", "line"),
    [
        ("python", "x = 1\n\nmissing + 1", "NameError", 3),
        ("python", "execution.setVariable('a', 1)\n1 / 0", "ZeroDivisionError", 2),
        ("python", "def f():\n    raise ValueError('no')\n\nf()", "ValueError: no", 2),
        ("python", "n = = 1", "SyntaxError", 1),
        ("javascript", "let x = 1;\n\nmissing + 1", "ReferenceError", 3),
        ("javascript", "\nthrow new Error('no')", "no", 2),
        ("javascript", "var = 1", "SyntaxError", 1),
    ],
)
def test_a_failing_script_names_the_error_and_the_line(
    runner: ScriptRunner, language: str, source: str, message: str, line: int
) -> None:
    with pytest.raises(ScriptError, match=message) as caught:
        runner.run(language, source, {})
    assert caught.value.line == line


ATTACKS = [
    ("python", "import os\nos.system('true')"),
    ("python", "import subprocess"),
    ("python", "import socket"),
    ("python", "import urllib.request"),
    ("python", "open('/etc/passwd').read()"),
    ("python", "from pathlib import Path\nPath('/etc/passwd').read_text()"),
    ("python", "''.__class__.__mro__"),
    ("python", "execution.__class__.__init__.__globals__"),
    ("python", "__import__('os')"),
    ("python", "'a' * 10**10"),
    ("python", "[0] * 10**9"),
    ("python", "2 ** 10**10"),
    ("python", "x = []\nwhile True: x.append('a' * 1000)"),
    ("python", "def f(): return f()\nf()"),
    ("python", "a = [1]\n" + "a = [a, a]\n" * 60 + "execution.setVariable('a', a)"),
    ("python", "a = [1]\nb = [1]\n" + "a = [a, a]\nb = [b, b]\n" * 60 + "a == b"),
    ("python", "s = 'aaaaaaaa'\n" + "s = s + s\n" * 60),
    ("python", "_mlc_written = 5"),
    ("python", "execution.setVariable('f', len)\nexecution.setVariable('f', execution)"),
    ("python", "execution.setVariable('f', float('nan'))"),
    ("javascript", "require('fs')"),
    ("javascript", "process.exit(1)"),
    ("javascript", "std.open('/etc/passwd')"),
    ("javascript", "fetch('http://localhost')"),
    ("javascript", "'a'.repeat(2 ** 30)"),
    ("javascript", "let a = []; while (true) a.push('x'.repeat(1000))"),
    ("javascript", "function f() { return f() } f()"),
    ("javascript", "let o = {}; o.o = o; o"),
    ("javascript", "Function.prototype.call = null; execution = 1; execution.setVariable('x', 1)"),
]


@pytest.mark.parametrize(("language", "source"), ATTACKS)
def test_an_attack_ends_in_an_error_and_the_next_script_runs(runner: ScriptRunner, language: str, source: str) -> None:
    with pytest.raises(ScriptError):
        runner.run(language, source, {}, deadline_seconds=2.0, memory_bytes=16 * 1024 * 1024)
    assert runner.run(language, "n + 1", {"n": 1}).result == 2


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "while True: pass"),
        ("python", "sum(range(10**12))"),
        ("python", "def f(n):\n    return f(n - 1) + f(n - 1) if n else 1\nf(60)"),
        ("javascript", "while (true) {}"),
        ("javascript", "/(a+)+$/.test('a'.repeat(40) + 'b')"),
        ("javascript", "Array.prototype.toJSON = function () { while (true) {} }; [1]"),
    ],
)
def test_a_runaway_script_is_stopped_at_its_deadline(runner: ScriptRunner, language: str, source: str) -> None:
    began = time.monotonic()
    with pytest.raises(ScriptError):
        runner.run(language, source, {}, deadline_seconds=0.3)
    assert 0.2 < time.monotonic() - began < 5
    assert runner.run(language, "n + 1", {"n": 1}).result == 2


def test_a_busy_neighbour_does_not_shorten_a_scripts_deadline(runner: ScriptRunner) -> None:
    def burn() -> None:
        with pytest.raises(ScriptError):
            runner.run("javascript", "while (true) {}", {}, deadline_seconds=1.0)

    neighbours = [threading.Thread(target=burn) for _ in range(3)]
    for neighbour in neighbours:
        neighbour.start()
    began = time.monotonic()
    with pytest.raises(ScriptError):
        runner.run("javascript", "while (true) {}", {}, deadline_seconds=0.5)
    assert time.monotonic() - began >= 0.45
    for neighbour in neighbours:
        neighbour.join()


def test_many_threads_share_one_runner(runner: ScriptRunner) -> None:
    answers: list[Any] = []

    def work(start: int) -> None:
        for number in range(start, start + 20):
            answers.append(runner.run("python", "[i for i in range(n)][-1]", {"n": number + 1}).result - number)
            answers.append(runner.run("javascript", "n + 1", {"n": number}).result - number - 1)

    threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [0] * 240


def test_a_closed_runner_starts_again() -> None:
    runner = ScriptRunner()
    assert runner.run("python", "[i for i in range(3)]", {}).result == [0, 1, 2]
    runner.close()
    assert runner.run("python", "[i for i in range(3)]", {}).result == [0, 1, 2]
    runner.close()


def test_a_forked_child_runs_scripts_of_its_own_and_its_parent_goes_on() -> None:
    # in a process of its own: pytest's has threads, and forking those is not what Celery does
    program = """
import os
from mlc_service.language.scripts import ScriptError, ScriptRunner
runner = ScriptRunner(full_python=True)
source = "[i for i in range(3)]"
assert runner.run("python", source, {}).result == [0, 1, 2]
full = runner.supported("python-full")
if full:
    assert runner.run("python-full", source, {}).result == [0, 1, 2]
    theirs = runner.processes
child = os.fork()
if child == 0:
    assert runner.processes == []
    assert runner.run("python", source, {}).result == [0, 1, 2]
    assert runner.run("python", "execution.setVariable('x', [y for y in n])", {"n": [1]}).written == {"x": [1]}
    try:
        runner.run("python", "x = 1\\nmissing + [z for z in 'a']", {})
    except ScriptError as error:
        assert error.line == 2, error
    else:
        os._exit(4)
    if full:
        assert runner.run("python-full", source, {}).result == [0, 1, 2]
        assert not set(runner.processes) & set(theirs)
    runner.close()
    assert runner.processes == []
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert runner.run("python", source, {}).result == [0, 1, 2]
if full:
    assert set(theirs) <= set(runner.processes)
    assert runner.run("python-full", source, {}).result == [0, 1, 2]
runner.close()
print("fine")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.stdout == "fine\n", done.stderr


def test_formats_of_other_rooms_are_handed_in() -> None:
    def feel(source: str, variables: Mapping[str, Any]) -> Any:
        if source == "boom":
            raise ValueError("not FEEL")
        return [source, dict(variables)]

    def feel_check(source: str) -> ScriptError | None:
        return ScriptError("not FEEL", 1) if source == "boom" else None

    runner = ScriptRunner(extra={"feel": feel}, extra_checks={"feel": feel_check})
    assert runner.supported("FEEL")
    assert runner.run("feel", "a + 1", {"a": 1}) == ScriptOutcome(["a + 1", {"a": 1}], {}, [])
    assert runner.check("feel", "a") is None
    error = runner.check("feel", "boom")
    assert error is not None
    assert error.line == 1
    with pytest.raises(ScriptError, match="not FEEL"):
        runner.run("feel", "boom", {})
    assert ScriptRunner().why_unsupported("feel") == "Scripts in 'feel' are not supported."


def test_ten_thousand_one_line_scripts_are_quick(runner: ScriptRunner) -> None:
    variables: dict[str, Any] = {"n": 0}
    began = time.process_time()
    for _ in range(10_000):
        variables.update(runner.run("python", "execution.setVariable('n', n + 1)", variables).written)
    assert variables == {"n": 10_000}
    assert time.process_time() - began < 0.7


# ---- the quick evaluator against the sandbox

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.text("aäZ0 ", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2),
    max_leaves=4,
)
NAMES = ("a", "b", "c")
ATOMS = st.sampled_from(
    [*NAMES, "(1)", "(0)", "(-3)", "(2.5)", "'k'", "'x'", "True", "None", "[]", "[a, 1]", "{'k': b}"]
)


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = ["+", "-", "*", "/", "//", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
    return st.one_of(
        st.tuples(inner, st.sampled_from(operators), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} < {p[1]} <= {p[2]})"),
        inner.map(lambda p: f"(not {p})"),
        inner.map(lambda p: f"(-{p})"),
        inner.map(lambda p: f"({p} is None)"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}[{p[1]}]"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}.get({p[1]})"),
        st.tuples(st.sampled_from(["len", "str", "int", "float", "abs", "bool"]), inner).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
        inner.map(lambda p: f"execution.getVariable({p})"),
        inner.map(lambda p: f"execution.hasVariable({p})"),
        st.sampled_from(NAMES).map(lambda name: "f'<{" + name + "}>'"),
    )


EXPRESSIONS = st.recursive(ATOMS, _grow, max_leaves=6)
LINES = st.one_of(
    st.tuples(st.sampled_from(NAMES), EXPRESSIONS).map(lambda p: f"{p[0]} = {p[1]}"),
    st.tuples(st.sampled_from(NAMES), st.sampled_from("+-*"), EXPRESSIONS).map(lambda p: f"{p[0]} {p[1]}= {p[2]}"),
    st.tuples(st.sampled_from(["a", "out"]), EXPRESSIONS).map(lambda p: f"execution.setVariable('{p[0]}', {p[1]})"),
    st.sampled_from(["a", "out"]).map(lambda name: f"execution.removeVariable('{name}')"),
    st.tuples(EXPRESSIONS, st.sampled_from(NAMES), EXPRESSIONS).map(lambda p: f"if {p[0]}:\n    {p[1]} = {p[2]}"),
    st.tuples(EXPRESSIONS, EXPRESSIONS).map(lambda p: f"raise BpmnError({p[0]}, {p[1]})"),
    st.tuples(EXPRESSIONS, st.sampled_from(["'c'", "a"])).map(lambda p: f"if {p[0]}:\n    raise BpmnError({p[1]})"),
    EXPRESSIONS,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LINES, min_size=1, max_size=4), st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)))
def test_what_the_quick_evaluator_answers_the_sandbox_answers_too(
    sandbox: PythonScripts, lines: list[str], variables: Mapping[str, Any]
) -> None:
    source = "\n".join(lines)
    script = quick(ast.parse(source), source)
    if script is None:
        return
    try:
        found = script.run(variables)
    except Unfit:
        return
    expected = sandbox.run_in_sandbox(source, variables, {}, LIMITS)
    assert repr(found) == repr(expected), source


def test_the_quick_evaluator_leaves_to_the_sandbox_what_it_does_not_know() -> None:
    for source in ("for i in a: pass", "a.append(1)", "[x for x in a]", "a ** b", "import os", "execution = 1", "_x"):
        assert quick(ast.parse(source), source) is None
    for source in ("a * 'x'", "a[0:1]", "missing", "a == a", "1 / 0", "len(len)"):
        script = quick(ast.parse(source), source)
        if script is not None:
            with pytest.raises(Unfit):
                script.run({"a": [1]})
