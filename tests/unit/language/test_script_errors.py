"""BPMN errors that scripts throw, as Camunda's scripts do: an outcome with a code, in every language."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mlc_service.language.errors import ScriptError
from mlc_service.language.script_outcome import ScriptLimits
from mlc_service.language.script_python import PythonScripts
from mlc_service.language.scripts import ScriptOutcome, ScriptRunner, ThrownError, check

JAVA = "org.camunda.bpm.engine.delegate.BpmnError"
# a loop is beyond the quick evaluator: what follows runs in the sandbox
SANDBOXED = "for _ in [1]: pass\n"
NO_CODE = "the error code of a BpmnError must be a text that is not empty"


@pytest.fixture(scope="module")
def plain_runner() -> Iterator[ScriptRunner]:
    runner = ScriptRunner()
    yield runner
    runner.close()


@pytest.fixture
def runner(language: str, request: pytest.FixtureRequest) -> ScriptRunner:
    fixture = {"groovy": "groovy_runner", "python-full": "full_runner"}.get(language, "plain_runner")
    found: ScriptRunner = request.getfixturevalue(fixture)
    return found


PYTHON: dict[str, tuple[str, ScriptOutcome]] = {
    "code": ("raise BpmnError('c')", ScriptOutcome(error=ThrownError("c"))),
    "message": ("raise BpmnError('c', f'no {n}')", ScriptOutcome(error=ThrownError("c", "no 1"))),
    "condition": ("if n > 0:\n    raise BpmnError('c', 'm')\nn", ScriptOutcome(error=ThrownError("c", "m"))),
    "not thrown": ("if n > 1:\n    raise BpmnError('c', 'm')\nn", ScriptOutcome(1)),
    "written": (
        "execution.setVariable('a', n)\nexecution.removeVariable('n')\nraise BpmnError('c')\nexecution.setVariable('b', 1)",
        ScriptOutcome(None, {"a": 1}, ["n"], ThrownError("c")),
    ),
    "names": ("raise BpmnError(code='c', message='m')", ScriptOutcome(error=ThrownError("c", "m"))),
    "no message": ("raise BpmnError('c', None)", ScriptOutcome(error=ThrownError("c"))),
    "empty message": ("raise BpmnError('c', '')", ScriptOutcome(error=ThrownError("c"))),
    "function": ("def f():\n    raise BpmnError('ü€', 'ü')\nx = 'ü'; f()", ScriptOutcome(error=ThrownError("ü€", "ü"))),
    "import": (f"from {JAVA.rpartition('.')[0]} import BpmnError\nraise BpmnError('c')", ScriptOutcome(error=ThrownError("c"))),
    "import in lines": (
        f"from {JAVA.rpartition('.')[0]} import (\n    BpmnError\n)\nraise BpmnError('c')",
        ScriptOutcome(error=ThrownError("c")),
    ),
    "instead of another": (
        "try:\n    1 / 0\nexcept ZeroDivisionError as wrong:\n    raise BpmnError('c', wrong) from wrong",
        ScriptOutcome(error=ThrownError("c", "division by zero")),
    ),
    "again": (
        "try:\n    raise BpmnError('c')\nexcept BpmnError:\n    execution.setVariable('a', 1)\n    raise",
        ScriptOutcome(None, {"a": 1}, [], ThrownError("c")),
    ),
    "the first of two": ("e = BpmnError('c')\nf = BpmnError('d')\nraise e", ScriptOutcome(error=ThrownError("c"))),
    "caught": ("try:\n    raise BpmnError('c', 'm')\nexcept BpmnError as e:\n    x = str(e)\nx", ScriptOutcome("m (errorCode='c')")),
    "made only": ("e = BpmnError('c')\nstr(e)", ScriptOutcome("(errorCode='c')")),
    "own class": ("def BpmnError(x):\n    return x\nBpmnError(n)", ScriptOutcome(1)),
}  # fmt: skip
JAVASCRIPT: dict[str, tuple[str, ScriptOutcome]] = {
    "code": ("throw new BpmnError('c')", ScriptOutcome(error=ThrownError("c"))),
    "message": ("throw new BpmnError('c', `no ${n}`)", ScriptOutcome(error=ThrownError("c", "no 1"))),
    "not thrown": ("if (n > 1) throw new BpmnError('c'); n", ScriptOutcome(1)),
    "written": (
        "execution.setVariable('a', n); execution.removeVariable('n'); throw new BpmnError('c')",
        ScriptOutcome(None, {"a": 1}, ["n"], ThrownError("c")),
    ),
    "no message": ("throw new BpmnError('c', null)", ScriptOutcome(error=ThrownError("c"))),
    "Java's name": (f"throw new {JAVA}('c', 'm')", ScriptOutcome(error=ThrownError("c", "m"))),
    "Packages": (f"throw new Packages.{JAVA}('c')", ScriptOutcome(error=ThrownError("c"))),
    "Java.type": (
        f"const BpmnError = Java.type('{JAVA}');\nthrow new BpmnError('c', 'm')",
        ScriptOutcome(error=ThrownError("c", "m")),
    ),
    "function": ("(function () { throw new BpmnError('ü€', 'ü') })()", ScriptOutcome(error=ThrownError("ü€", "ü"))),
    "subclass": (
        "class Mine extends BpmnError { constructor() { super('c') } }\nthrow new Mine()",
        ScriptOutcome(error=ThrownError("c")),
    ),
    "caught": (
        "let x; try { throw new BpmnError('c', 'm') } catch (e) { "
        "x = [e.errorCode, e.message, e.getErrorCode(), e.getMessage(), '' + e, e instanceof BpmnError] }; x",
        ScriptOutcome(["c", "m", "c", "m", "BpmnError: m", True]),
    ),
    "made only": ("new BpmnError('c').getMessage()", ScriptOutcome(None)),
    "no JSON": ("BpmnError; 10n", ScriptOutcome(None)),
    "a function": ("BpmnError; (x) => x", ScriptOutcome(None)),
    "own value": ("n = 7; execution.setVariable('n', 2); BpmnError; n", ScriptOutcome(7, {"n": 2})),
}
GROOVY: dict[str, tuple[str, ScriptOutcome]] = {
    "code": (f"throw new {JAVA}('c');", ScriptOutcome(error=ThrownError("c"))),
    "message": (f"throw new {JAVA}('c', \"no ${{n}}\")", ScriptOutcome(error=ThrownError("c", "no 1"))),
    "not thrown": (f"if (n > 1) throw new {JAVA}('c')\nn", ScriptOutcome(1)),
    "import": (f"import {JAVA}\nthrow new BpmnError(\"c${{n}}\")", ScriptOutcome(error=ThrownError("c1"))),
    "import of all": (f"import {JAVA.rpartition('.')[0]}.*\nthrow new BpmnError('c')", ScriptOutcome(error=ThrownError("c"))),
    "written": (
        f"execution.setVariable('a', n); execution.removeVariable('n'); throw new {JAVA}('c')",
        ScriptOutcome(None, {"a": 1}, ["n"], ThrownError("c")),
    ),
    "cause": (f"throw new {JAVA}('c', 'm', new RuntimeException('x'))", ScriptOutcome(error=ThrownError("c", "m"))),
    "as a cause": (f"throw new RuntimeException('x', new {JAVA}('c', 'm'))", ScriptOutcome(error=ThrownError("c", "m"))),
    "closure": (f"[1].each {{ throw new {JAVA}('ü€', 'ü') }}", ScriptOutcome(error=ThrownError("ü€", "ü"))),
    "empty message": (f"throw new {JAVA}('c', '')", ScriptOutcome(error=ThrownError("c"))),
    "caught": (
        f"try {{ throw new {JAVA}('c', 'm') }} catch ({JAVA} e) {{ [e.errorCode, e.message, e.toString()] }}",
        ScriptOutcome(["c", "m", f"{JAVA}: m (errorCode='c')"]),
    ),
    "caught without a message": (
        f"try {{ throw new {JAVA}('c') }} catch (RuntimeException e) {{ [e.message, e.toString()] }}",
        ScriptOutcome([None, f"{JAVA} (errorCode='c')"]),
    ),
    "made only": (f"new {JAVA}('c')", ScriptOutcome(None)),
}  # fmt: skip
CASES = [
    pytest.param(language, before + source, expected, id=f"{name}{': sandbox' if before else ''}: {case}")
    for name, language, before, cases in (
        ("python", "python", "", PYTHON),
        ("python", "python", SANDBOXED, PYTHON),
        ("python-full", "python-full", "", PYTHON),
        ("javascript", "javascript", "", JAVASCRIPT),
        ("groovy", "groovy", "", GROOVY),
    )
    for case, (source, expected) in cases.items()
]


@pytest.mark.parametrize(("language", "source", "expected"), CASES)
def test_a_script_throws_a_bpmn_error_unless_it_catches_it(
    runner: ScriptRunner, language: str, source: str, expected: ScriptOutcome
) -> None:
    assert runner.run(language, source, {"n": 1}) == expected


def test_javas_names_hide_no_variable_in_javascript(plain_runner: ScriptRunner) -> None:
    source = f"const E = Java.type('{JAVA}'); org + Packages"
    assert plain_runner.run("javascript", source, {"org": "a", "Packages": "b"}).result == "ab"


@pytest.mark.parametrize(
    ("language", "source", "line"),
    [
        *(
            (language, before + f"x = 1\n\nraise {raised}", 3 + before.count("\n"))
            for language, before in (("python", ""), ("python", SANDBOXED), ("python-full", ""))
            for raised in ("BpmnError('')", "BpmnError(None)", "BpmnError(5)", "BpmnError()", "BpmnError")
        ),
        *(("javascript", f"let x = 1;\n\nthrow new BpmnError({given})", 3) for given in ("''", "null", "5", "")),
        *(("groovy", f"def x = 1\n\nthrow new {JAVA}({given})", 3) for given in ("''", "null")),
    ],
)
def test_an_error_without_a_code_is_a_failure_that_says_so(
    runner: ScriptRunner, language: str, source: str, line: int
) -> None:
    with pytest.raises(ScriptError, match=NO_CODE) as caught:
        runner.run(language, source, {})
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("language", "source", "message", "line"),
    [
        ("python", "def f():\n    raise ValueError('no')\n\nf(); BpmnError", "ValueError: no", 2),
        ("python", "BpmnError\nraise NotADirectoryError('no')", "NotADirectoryError: no", 2),
        ("python", "class BpmnError:\n    pass\nraise BpmnError()", "must derive from BaseException", 3),
        ("python", "from org.camunda.bpm.engine.delegate import DelegateExecution", "No module named", 1),
        ("python-full", "class Mine(BpmnError):\n    def __init__(self): pass\nraise Mine()", NO_CODE, 0),
        ("javascript", "BpmnError;\n\nmissing", "ReferenceError", 3),
        ("javascript", "BpmnError;\nlet x = = 1", "SyntaxError", 2),
        ("javascript", "\nthrow BpmnError('c')", "must be invoked with 'new'", 2),
        ("javascript", "BpmnError;\nJava.type('java.lang.Runtime')", "no Java class java.lang.Runtime", 2),
        ("javascript", "BpmnError;\nthrow new Error('no')", "Error: no", 2),
        ("groovy", "throw new BpmnError('c')", "unable to resolve class BpmnError", 1),
        ("groovy", f"class Mine extends {JAVA} {{ Mine() {{ super('c') }}\nString getErrorCode() {{ }} }}\nthrow new Mine()", NO_CODE, 0),
        ("groovy", "\nthrow new org.camunda.bpm.engine.ProcessEngineException('no')", "ProcessEngineException: no", 2),
    ],
)  # fmt: skip
def test_other_errors_beside_a_bpmn_error_stay_failures(
    runner: ScriptRunner, language: str, source: str, message: str, line: int
) -> None:
    with pytest.raises(ScriptError) as caught:
        runner.run(language, source, {})
    assert message in caught.value.message
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", SANDBOXED + "execution.setVariable('f', len)\nraise BpmnError('c')"),
        ("python-full", "execution.setVariable('f', len)\nraise BpmnError('c')"),
        ("javascript", "execution.setVariable('f', 10n); throw new BpmnError('c')"),
        ("groovy", f"execution.setVariable('f', {{ it }}); throw new {JAVA}('c')"),
    ],
)
def test_a_thrown_error_does_not_hide_a_variable_that_cannot_be_stored(
    runner: ScriptRunner, language: str, source: str
) -> None:
    with pytest.raises(ScriptError):
        runner.run(language, source, {})


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "p = execution.getProcessInstance()\np.setVariable('sum', p.getVariable('n') + 1)"),
        ("python-full", "p = execution.getProcessInstance()\np.setVariable('sum', p.getVariable('n') + 1)"),
        ("javascript", "const p = execution.getProcessInstance(); p.setVariable('sum', p.getVariable('n') + 1)"),
        ("groovy", "def p = execution.processInstance\ndef int n = p.getVariable('n')\np.setVariable('sum', n + 1)"),
        ("juel", "${execution.getProcessInstance().setVariable('sum', n + 1)}"),
    ],
)
def test_the_process_instance_is_read_and_written_as_the_execution_is(
    runner: ScriptRunner, language: str, source: str
) -> None:
    assert runner.run(language, source, {"n": 1}).written == {"sum": 2}


@pytest.mark.parametrize("source", ["raise BpmnError('c')", "from org.camunda.bpm.engine.delegate import BpmnError"])
def test_throwing_is_known_at_deployment(source: str) -> None:
    assert check("python", source) is None
    assert check("javascript", "throw new BpmnError('c')") is None


def test_lines_that_end_as_on_windows_are_lines(plain_runner: ScriptRunner) -> None:
    assert plain_runner.run("python", "x = [i for i in '''a\r\nb''']\r\nx", {}).result == ["a", "\n", "b"]
    with pytest.raises(ScriptError) as caught:
        plain_runner.run("python", "x = [1]\r\n\r\nraise BpmnError('')", {})
    assert caught.value.line == 3


def test_a_table_that_the_script_forged_throws_nothing_else() -> None:
    scripts = PythonScripts()
    limits = ScriptLimits(5.0, 64 * 1024 * 1024)
    try:
        for forged in ("5", "{'(errorCode=\\'c\\')': 5}", "{'(errorCode=\\'c\\')': ['', 'm']}"):
            with pytest.raises(ScriptError):
                scripts.run(f"e = BpmnError('c')\n_mlc_thrown = {forged}\nraise e", {}, {}, limits)
    finally:
        scripts.close()


def test_a_forked_child_throws_too() -> None:
    program = """
import os
from mlc_service.language.scripts import ScriptRunner, ThrownError
runner = ScriptRunner()
source = "x = [i for i in range(3)]\\nexecution.setVariable('x', x)\\nraise BpmnError('c', 'm')"
assert runner.run("python", source, {}).error == ThrownError("c", "m")
child = os.fork()
if child == 0:
    found = runner.run("python", source, {})
    assert found.error == ThrownError("c", "m"), found
    assert found.written == {"x": [0, 1, 2]}, found
    runner.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
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
