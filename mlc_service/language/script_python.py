"""Python by pydantic-monty: an interpreter of its own in worker processes, without files, network or processes.

A dead or runaway worker is replaced by the pool; the service never notices. What monty does not know of Python is
named at deployment by `check`.
"""

from __future__ import annotations

import ast
import keyword
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import pydantic_monty as monty

from mlc_service.language.errors import ScriptError
from mlc_service.language.script_outcome import FACTS, ScriptLimits, ScriptOutcome, ThrownError, outcome
from mlc_service.language.script_python_host import start_host
from mlc_service.language.script_python_throw import BEFORE, LEFT_BEHIND, STAND_IN, Edit, edited, throwing, thrown
from mlc_service.language.script_quick import QuickScript, quick
from mlc_service.language.script_quick_values import Unfit
from mlc_service.language.script_workers import NoWorker, WorkerFailed, WorkerPool, outcome_of, request_line

_LONGEST_SOURCE = 200_000
_PRINTED_BYTES = 64 * 1024
_HOST_SECONDS = 5.0

# each method stands alone, so that a script pays only for those it names
_METHODS = {
    "getVariable": "def getVariable(self, name): return _mlc_variables.get(name)",
    "hasVariable": "def hasVariable(self, name): return name in _mlc_variables",
    "getVariables": "def getVariables(self): return dict(_mlc_variables)",
    "setVariable": """def setVariable(self, name, value):
        if name in _mlc_removed: _mlc_removed.remove(name)
        _mlc_variables[name] = value
        _mlc_written[name] = value""",
    "removeVariable": """def removeVariable(self, name):
        _mlc_variables.pop(name, None)
        _mlc_written.pop(name, None)
        if name not in _mlc_removed: _mlc_removed.append(name)""",
    "getProcessInstance": "def getProcessInstance(self): return self",
}
_UNKNOWN_SYNTAX: tuple[tuple[type[ast.AST], str], ...] = (
    (ast.Yield, "yield"),
    (ast.YieldFrom, "yield from"),
    (ast.Delete, "the del statement"),
    (ast.AsyncFor, "async for"),
    (ast.AsyncWith, "async with"),
    (ast.TryStar, "except*"),
)
_METHOD_DECORATORS = "decorators on methods (property, staticmethod, classmethod)"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A source ready for the sandbox: what comes before and after the author's lines, and the names they read."""

    code: str
    lines_before: int
    bare_names: frozenset[str] | None  # None: any, the script evaluates text of its own
    uses_execution: bool
    throws: bool
    quick: QuickScript | None


class PythonScripts:
    """Runs Python scripts; its worker processes start with the first script that needs one."""

    def __init__(self, workers: int = 2) -> None:
        self._lock = threading.Lock()
        self._pool: monty.Monty | None = None
        self._hosts = WorkerPool(start_host, workers)

    def run(
        self, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any], limits: ScriptLimits
    ) -> ScriptOutcome:
        """The outcome; raises ScriptError."""
        prepared = _prepare(source)
        if prepared.quick is not None:
            try:
                return prepared.quick.run(variables)
            except Unfit:
                pass
        if not _process.is_this_one():
            return self._run_in_host(source, variables, facts, limits)
        return self._run_in_sandbox(prepared, variables, facts, limits)

    def run_in_sandbox(
        self, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any], limits: ScriptLimits
    ) -> ScriptOutcome:
        """As `run`, but never by the quick evaluator; the two must agree, and tests compare them."""
        return self._run_in_sandbox(_prepare(source), variables, facts, limits)

    def close(self) -> None:
        """No worker process of this object is left."""
        self._hosts.close()
        if not _process.is_this_one():
            return
        with self._lock:
            if self._pool is not None:
                self._pool.__exit__(None, None, None)
                self._pool = None

    def _run_in_sandbox(
        self, prepared: _Prepared, variables: Mapping[str, Any], facts: Mapping[str, Any], limits: ScriptLimits
    ) -> ScriptOutcome:
        monty_limits = monty.ResourceLimits(
            max_feed_duration_secs=limits.deadline_seconds, max_memory=limits.memory_bytes
        )
        try:
            with self._workers().checkout(limits=monty_limits, os_policy={"sleep": "zero"}) as session:
                answer, error = _feed(session, prepared, _inputs(prepared, variables, facts))
        except monty.MontyCrashedError as crash:
            reason = "ran too long" if crash.timed_out else "broke its interpreter"
            raise ScriptError(f"the script {reason} and was stopped") from None
        except monty.MontyError as wrong:
            raise ScriptError(str(wrong), _line(wrong, prepared.lines_before)) from None
        except (TypeError, ValueError, RecursionError, OverflowError) as wrong:
            raise ScriptError(f"a variable cannot be given to a script: {wrong}") from None
        match answer:
            case [result, dict() as written, list() as removed]:
                return outcome(result, {str(name): value for name, value in written.items()}, removed, error)
        raise ScriptError("the script overwrote the journal of its variables")

    def _run_in_host(
        self, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any], limits: ScriptLimits
    ) -> ScriptOutcome:
        """As in the sandbox, which another process holds for this one."""
        request = {
            "source": source,
            "variables": dict(variables),
            "facts": {fact: facts.get(fact) for fact in FACTS},
            "seconds": limits.deadline_seconds,
            "memory": limits.memory_bytes,
        }
        line = request_line(request)
        try:
            with self._hosts.lease() as lease:
                return outcome_of(orjson.loads(lease.worker.ask(line, limits.deadline_seconds + _HOST_SECONDS)))
        except WorkerFailed as failed:
            raise ScriptError(f"the script {failed} and was stopped") from None
        except NoWorker as none:
            raise ScriptError(str(none)) from None

    def _workers(self) -> monty.Monty:
        with self._lock:
            if self._pool is None:
                self._pool = monty.Monty(min_processes=1).__enter__()
            return self._pool


class _Process:
    """The process that monty's threads live in: the first to use it.

    They do not survive a fork, and monty would wait for them for ever. So a child of a process that has run scripts
    has them run by a fresh process (`script_python_host.py`); its siblings before the first script need none.
    """

    def __init__(self) -> None:
        self._id: int | None = None

    def is_this_one(self) -> bool:
        if self._id is None:
            self._id = os.getpid()
        return self._id == os.getpid()


_process = _Process()


def check(source: str) -> ScriptError | None:
    """The first error of syntax, or the first thing monty does not know; runs nothing."""
    try:
        tree = _parse(source)
    except ScriptError as error:
        return error
    for node in ast.walk(tree):
        unknown = _unknown_syntax(node)
        if unknown is not None:
            return ScriptError(f"{unknown} is not supported in scripts", getattr(node, "lineno", 0))
    return None


def _unknown_syntax(node: ast.AST) -> str | None:
    """What about this node monty 1.4 does not know."""
    match node:
        case ast.ClassDef(bases=bases, keywords=keywords) if bases or keywords:
            return "class inheritance"
        case ast.ClassDef(body=body) if any(getattr(member, "decorator_list", ()) for member in body):
            return _METHOD_DECORATORS
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            return "import *"
    return next((name for kind, name in _UNKNOWN_SYNTAX if isinstance(node, kind)), None)


def _parse(source: str) -> ast.Module:
    if len(source) > _LONGEST_SOURCE:
        raise ScriptError(f"the script is longer than {_LONGEST_SOURCE} characters")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise ScriptError(f"SyntaxError: {error.msg}", error.lineno or 0) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ScriptError(f"SyntaxError: {str(error) or 'nested too deeply'}") from None


@lru_cache(maxsize=1024)
def _prepare(source: str) -> _Prepared:
    """The script with its surroundings. Raises ScriptError, which is not cached."""
    # as Python itself reads a source
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    tree = _parse(source)
    throw = throwing(tree, source)
    names = frozenset(_names(tree))
    uses_execution = "execution" in names
    evaluates = bool(names & {"eval", "exec"})
    before = "_mlc_result, _mlc_written, _mlc_removed = None, {}, []\n"
    if uses_execution or evaluates:
        before += _execution_class(source)
    if throw is not None:
        before += BEFORE
    code = before + edited(source, [*_result_kept(tree), *(throw or ())])
    return _Prepared(
        code + "\n[_mlc_result, _mlc_written, _mlc_removed]",
        before.count("\n"),
        None if evaluates else names,
        uses_execution or evaluates,
        throw is not None,
        quick(tree, source),
    )


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names


def _execution_class(source: str) -> str:
    everything = "eval" in source or "exec(" in source
    methods = [text for name, text in _METHODS.items() if everything or name in source]
    for fact in FACTS:
        getter = f"get{fact[0].upper()}{fact[1:]}"
        if everything or getter in source:
            methods.append(f"def {getter}(self): return _mlc_facts[{fact!r}]")
    lines = "".join(f"    {method}\n" for method in methods) or "    pass\n"
    facts = "".join(
        f"execution.{fact} = _mlc_facts[{fact!r}]\n" for fact in FACTS if everything or f".{fact}" in source
    )
    return f"class _MlcExecution:\n{lines}execution = _MlcExecution()\n{facts}"


def _result_kept(tree: ast.Module) -> Iterator[Edit]:
    """The last statement's value is the result, if that is an expression."""
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        yield Edit(last.lineno - 1, last.col_offset, last.col_offset, "_mlc_result = ")


def _feed(session: monty.MontySession, prepared: _Prepared, inputs: dict[str, Any]) -> tuple[Any, ThrownError | None]:
    """The result and the journal; or the BPMN error that the script threw, and the journal up to there."""
    printed = monty.CollectString(max_bytes=_PRINTED_BYTES)
    try:
        return session.feed_run(prepared.code, inputs=inputs, print_callback=printed), None
    except monty.MontyRuntimeError as error:
        wrong = error.exception()
        if not prepared.throws or not isinstance(wrong, STAND_IN):
            raise
        match session.feed_run(LEFT_BEHIND):
            case [table, written, removed]:
                found = thrown(table, str(wrong))
                if found is not None:
                    return [None, written, removed], found
        raise


def _inputs(prepared: _Prepared, variables: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        name: variables[name]
        for name in (variables if prepared.bare_names is None else prepared.bare_names)
        if name in variables and name != "execution" and _is_plain_name(name)
    }
    if prepared.uses_execution:
        given["_mlc_variables"] = dict(variables)
        if "_mlc_facts" in prepared.code:
            given["_mlc_facts"] = {fact: facts.get(fact) for fact in FACTS}
    return given


def _is_plain_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_mlc_")


def _line(error: monty.MontyError, lines_before: int) -> int:
    """The author's line where it went wrong: the innermost frame that is in the author's text."""
    if not isinstance(error, monty.MontySyntaxError | monty.MontyRuntimeError):
        return 0
    lines = [frame.line - lines_before for frame in error.traceback()]
    return next((line for line in reversed(lines) if line > 0), 0)
