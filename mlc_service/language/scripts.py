"""Scripts of a diagram: variables in, a result and a journal of writes out, whatever the language.

A script reads variables as bare names or through `execution.getVariable`, and changes them only through
`execution.setVariable` and `execution.removeVariable`; its own assignments stay its own, as in Camunda 7 with
autoStoreScriptVariables off. A run touches nothing outside itself, so it can be repeated or thrown away.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

from mlc_service.language import juel, script_javascript, script_python
from mlc_service.language.errors import ExpressionError, ScriptError
from mlc_service.language.script_outcome import FACTS, Journal, ScriptLimits, ScriptOutcome, outcome

__all__ = ["FACTS", "ScriptError", "ScriptOutcome", "ScriptRunner", "check", "supported"]

_SPELLINGS = {
    "python": "python",
    "py": "python",
    "python3": "python",
    "javascript": "javascript",
    "js": "javascript",
    "ecmascript": "javascript",
    "juel": "juel",
}


class ScriptRunner:
    """Runs scripts within limits; safe to share between threads. `close()` ends its worker processes."""

    def __init__(self) -> None:
        self._python = script_python.PythonScripts()

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
        are further names for JUEL, such as `__now__`.
        """
        spoken = _SPELLINGS.get(language.strip().lower())
        limits = ScriptLimits(deadline_seconds, memory_bytes)
        known = facts or {}
        if spoken == "python":
            return self._python.run(source, variables, known, limits)
        if spoken == "javascript":
            return script_javascript.run(source, variables, known, limits)
        if spoken == "juel":
            return _run_juel(source, variables, known, names or {})
        raise ScriptError(f"scripts in '{language}' are not supported")

    def close(self) -> None:
        """No worker process is left; a later run starts new ones."""
        self._python.close()


def supported(language: str) -> bool:
    """Whether scripts of this format run here."""
    return language.strip().lower() in _SPELLINGS


def check(language: str, source: str) -> ScriptError | None:
    """The first syntax error, or None; for deploy time, runs nothing of the script."""
    checks: dict[str, Callable[[str], ScriptError | None]] = {
        "python": script_python.check,
        "javascript": script_javascript.check,
        "juel": _check_juel,
    }
    spoken = _SPELLINGS.get(language.strip().lower())
    if spoken is None:
        return ScriptError(f"scripts in '{language}' are not supported")
    return checks[spoken](source)


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
