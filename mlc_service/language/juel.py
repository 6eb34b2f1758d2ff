"""Expressions of a diagram: `${…}` in Jakarta EL, as Camunda 7 uses it.

    compile("${amount > 9 && client.level == 'gold'}").evaluate({"amount": 10, "client": {"level": "gold"}})

An expression reaches plain JSON values, points in time, and host objects through their `__juel__` table;
nothing else of Python can be named in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mlc_service.language.errors import ExpressionError
from mlc_service.language.juel_budget import allowance
from mlc_service.language.juel_evaluate import Closure, Compiler
from mlc_service.language.juel_methods import handed_on
from mlc_service.language.juel_parse import parse
from mlc_service.language.juel_values import CannotCoerce

__all__ = ["Expression", "ExpressionError", "coerce_boolean", "compile"]


class Expression:
    """A text read once and ready to be worked out any number of times, from any thread.

    `is_literal` means that there is no `${…}` in it: it stands for its own text. `names` are the identifiers it
    reads.
    """

    __slots__ = ("_closure", "is_literal", "names", "text")

    def __init__(self, text: str) -> None:
        compiler = Compiler(text)
        trees = parse(text)
        parts: list[str | Closure] = [p if isinstance(p, str) else compiler.closure(p) for p in trees]
        self.text = text
        self.is_literal = all(isinstance(part, str) for part in parts)
        self._closure: Closure
        if self.is_literal:
            whole = "".join(part for part in parts if isinstance(part, str))
            self._closure = lambda _: whole
        elif len(parts) == 1 and not isinstance(parts[0], str):
            self._closure = parts[0]
        else:
            self._closure = compiler.text_of(parts)
        if compiler.makes_nodes:
            self._closure = _handing_on(self._closure)
        if compiler.may_be_slow:
            self._closure = _within_its_time(self._closure)
        self.names = frozenset(compiler.names)

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """The native value for a single `${…}`, a string for mixed text. Raises ExpressionError.

        `names` answers variables and `execution`, `task`, `authenticatedUserId`, `authenticatedUserGroups`;
        its `__now__` is the aware datetime behind `now()` and `dateTime()`; no expression can name that itself.
        """
        try:
            return self._closure(names)
        except CannotCoerce as error:
            message = f"Error while evaluating expression: {self.text[:500]}. Cause: {error}"
            raise ExpressionError(message, self.text, 1) from None
        except RecursionError:
            message = f"Error while evaluating expression: {self.text[:500]}. Cause: nested too deeply"
            raise ExpressionError(message, self.text, 1) from None

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def _handing_on(closure: Closure) -> Closure:
    return lambda names: handed_on(closure(names))


def _within_its_time(closure: Closure) -> Closure:
    def evaluated(names: Mapping[str, Any]) -> Any:
        with allowance():
            return closure(names)

    return evaluated


@lru_cache(maxsize=4096)
def compile(text: str) -> Expression:
    """The expression, from the cache if this text was seen before. Raises ExpressionError."""
    return Expression(text)


def coerce_boolean(value: Any, text: str = "") -> bool:
    """The value, if it is a boolean; anything else raises ExpressionError, as a condition in Camunda does.

    Camunda refuses null too: "condition expression returns null".
    """
    if value is True or value is False:
        return bool(value)
    what = "null" if value is None else "non-Boolean"
    shown = "" if value is None else f" (value '{value!s:.80}', {type(value).__name__})"
    raise ExpressionError(f"condition expression returns {what}: {text}{shown}", text, 1)
