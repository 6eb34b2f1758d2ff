"""Scripts of a diagram: variables in, a result and a journal of writes out, whatever the language.

A script reads variables as bare names or through `execution.getVariable`, and changes them only through
`execution.setVariable` and `execution.removeVariable`; its own assignments stay its own, as in Camunda 7 with
autoStoreScriptVariables off. A run touches nothing outside itself, so it can be repeated or thrown away. A script may
also throw a BPMN error, by Camunda's BpmnError; that is an outcome, not a failure.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mlc_service.language import juel, script_full_python, script_javascript, script_python, walls
from mlc_service.language.errors import ExpressionError, ScriptError
from mlc_service.language.groovy_toolchain import GroovySettings
from mlc_service.language.script_groovy import GroovyScripts
from mlc_service.language.script_outcome import FACTS, Journal, ScriptLimits, ScriptOutcome, ThrownError, outcome
from mlc_service.language.walls import SandboxKind

__all__ = [
    "FACTS",
    "GroovySettings",
    "ScriptError",
    "ScriptLanguages",
    "ScriptOutcome",
    "ScriptRunner",
    "ThrownError",
    "check",
    "supported",
    "why_unsupported",
]

Evaluate = Callable[[str, Mapping[str, Any]], Any]
Check = Callable[[str], ScriptError | None]

_SPELLINGS = {
    "python": "python",
    "py": "python",
    "python3": "python",
    "javascript": "javascript",
    "js": "javascript",
    "ecmascript": "javascript",
    "juel": "juel",
    "python-full": "python-full",
    "cpython": "python-full",
    "groovy": "groovy",
}
_ALWAYS = ("python", "javascript", "juel")


class ScriptLanguages(Protocol):
    """What whoever reads a diagram asks about the scripts in it."""

    def why_unsupported(self, language: str) -> str | None:
        """Why scripts of this format do not run here and what helps, as a sentence; None if they run."""

    def check(self, language: str, source: str) -> ScriptError | None:
        """The first syntax error, or None; runs nothing of the script."""


class ScriptRunner:
    """Runs scripts within limits; safe to share between threads, and of use in a forked child.

    `full_python` allows the script format `python-full`. `extra` adds formats that other rooms evaluate, such as
    FEEL: source and variables in, result out; what it raises fails the script. `extra_checks` reads their syntax.
    Up to `workers` processes per language that needs any; they start with the first script, and `close()` ends them.
    """

    def __init__(
        self,
        *,
        sandbox: SandboxKind = "landlock",
        groovy: GroovySettings | None = None,
        full_python: bool = False,
        extra: Mapping[str, Evaluate] | None = None,
        extra_checks: Mapping[str, Check] | None = None,
        workers: int = 2,
    ) -> None:
        self._sandbox: SandboxKind = sandbox
        self._python = script_python.PythonScripts(workers)
        self._groovy = GroovyScripts(groovy or GroovySettings(), sandbox, workers)
        self._full_python = script_full_python.FullPythonScripts(sandbox, workers)
        self._allows_full_python = full_python
        self._extra = {_plain(name): evaluate for name, evaluate in (extra or {}).items()}
        self._extra_checks = {_plain(name): each for name, each in (extra_checks or {}).items()}

    def run(
        self,
        language: str,
        source: str,
        variables: Mapping[str, Any],
        *,
        deadline_seconds: float = 5.0,
        memory_bytes: int = 64 * 1024 * 1024,
        facts: Mapping[str, Any] | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> ScriptOutcome:
        """The outcome; raises ScriptError if the script fails, cannot be read or hits a limit.

        `variables` are plain values. `facts` answers what `execution` tells besides variables (see FACTS). `names`
        are further names for JUEL, such as `__now__`. Groovy scripts share one JVM's memory (256 MiB), whatever
        `memory_bytes` says.
        """
        spoken = _spoken(language)
        limits = ScriptLimits(deadline_seconds, memory_bytes)
        known = facts or {}
        if spoken == "python":
            return self._python.run(source, variables, known, limits)
        if spoken == "javascript":
            return script_javascript.run(source, variables, known, limits)
        if spoken == "juel":
            return _run_juel(source, variables, known, names or {})
        if spoken in self._extra:
            return _run_extra(self._extra[spoken], source, variables)
        why_not = self.why_unsupported(language)
        if why_not is not None:
            raise ScriptError(why_not)
        if spoken == "groovy":
            return self._groovy.run(source, variables, known, limits)
        return self._full_python.run(source, variables, known, limits)

    def supported(self, language: str) -> bool:
        """Whether scripts of this format run here."""
        return self.why_unsupported(language) is None

    def why_unsupported(self, language: str) -> str | None:
        """Why scripts of this format do not run here and what helps, as a sentence; None if they run."""
        spoken = _spoken(language)
        if spoken in _ALWAYS or spoken in self._extra:
            return None
        if spoken == "groovy":
            return self._groovy.why_not()
        if spoken == "python-full":
            if not self._allows_full_python:
                return (
                    "Scripts in 'python-full' are not allowed here: an administrator can allow them "
                    "(MLC_FULL_PYTHON=1); the format 'python' always runs."
                )
            return walls.why_no_wall(self._sandbox)
        return _unknown(language)

    def check(self, language: str, source: str) -> ScriptError | None:
        """The first syntax error, or None; for deploy time, runs nothing of the script."""
        why_not = self.why_unsupported(language)
        if why_not is not None:
            return ScriptError(why_not)
        spoken = _spoken(language)
        if spoken in self._extra:
            return self._extra_checks[spoken](source) if spoken in self._extra_checks else None
        if spoken == "groovy":
            return self._groovy.check(source)
        if spoken == "python-full":
            return script_full_python.check(source)
        return check(language, source)

    @property
    def processes(self) -> list[int]:
        """Ids of the worker processes that are running for Groovy and full Python."""
        return [*self._groovy.processes, *self._full_python.processes]

    def close(self) -> None:
        """No worker process is left; a later run starts new ones."""
        self._python.close()
        self._groovy.close()
        self._full_python.close()


def supported(language: str) -> bool:
    """Whether scripts of this format run everywhere, whatever the service's settings."""
    return why_unsupported(language) is None


def why_unsupported(language: str) -> str | None:
    """As ScriptRunner.why_unsupported, of the languages that are always there."""
    return None if _spoken(language) in _ALWAYS else _unknown(language)


def check(language: str, source: str) -> ScriptError | None:
    """As ScriptRunner.check, of the languages that are always there."""
    checks: dict[str, Check] = {
        "python": script_python.check,
        "javascript": script_javascript.check,
        "juel": _check_juel,
    }
    known = checks.get(_spoken(language))
    return ScriptError(_unknown(language)) if known is None else known(source)


def _plain(language: str) -> str:
    return language.strip().lower()


def _spoken(language: str) -> str:
    return _SPELLINGS.get(_plain(language), _plain(language))


def _unknown(language: str) -> str:
    return f"Scripts in '{language}' are not supported."


def _check_juel(source: str) -> ScriptError | None:
    try:
        juel.compile(source)
    except ExpressionError as error:
        return ScriptError(error.message, 1)
    return None


def _run_juel(
    source: str, variables: Mapping[str, Any], facts: Mapping[str, Any], names: Mapping[str, Any]
) -> ScriptOutcome:
    journal = Journal(variables, facts)
    scope = ChainMap({"execution": journal}, dict(variables), dict(names))
    try:
        result = juel.compile(source).evaluate(scope)
    except ExpressionError as error:
        raise ScriptError(error.message, 1) from None
    return outcome(result, journal.written, journal.removed)


def _run_extra(evaluate: Evaluate, source: str, variables: Mapping[str, Any]) -> ScriptOutcome:
    try:
        result = evaluate(source, variables)
    except ScriptError:
        raise
    except Exception as error:  # of a room above, whose errors are not known here
        raise ScriptError(str(error) or type(error).__name__) from error
    return outcome(result, {}, [])
