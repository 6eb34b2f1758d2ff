"""FEEL as a script format: one expression over the variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlc_service.dmn import feel
from mlc_service.language import ScriptError


def feel_script(source: str, variables: Mapping[str, Any]) -> Any:
    """The expression's value as plain Python. Raises ScriptError."""
    try:
        expression = feel.expression(source, variables)
        return feel.to_plain(expression.value(feel.Scope(feel.Run(variables))))
    except feel.FeelSyntaxError as error:
        raise _unreadable(source, error) from None
    except feel.EvaluationLimit as error:
        raise ScriptError(str(error)) from None


def check_feel_script(source: str) -> ScriptError | None:
    """The first syntax error, or None."""
    try:
        feel.expression(source)
    except feel.FeelSyntaxError as error:
        return _unreadable(source, error)
    return None


def _unreadable(source: str, error: feel.FeelSyntaxError) -> ScriptError:
    return ScriptError(error.message, source.count("\n", 0, error.offset) + 1)
