"""The expression languages of a cell, behind two shapes: an expression that has a value, tests that hold or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from mlc_service.dmn import feel
from mlc_service.dmn.feel import Scope
from mlc_service.language import ExpressionError, juel


class CellError(ValueError):
    """A cell's text cannot be read; `offset` counts its characters from 0."""

    def __init__(self, message: str, offset: int = 0) -> None:
        self.message = message
        self.offset = offset
        super().__init__(message)


class EvaluationFailed(Exception):
    """A cell that reads well gave no value this time."""


class Expression(Protocol):
    def value(self, scope: Scope) -> Any:
        """The FEEL value. Raises EvaluationFailed."""


class Tests(Protocol):
    def hold(self, value: Any, scope: Scope) -> bool:
        """Whether the FEEL value of the input column passes. Raises EvaluationFailed."""


def compile_expression(language: str | None, text: str, known: Iterable[str], *, strict: bool) -> Expression:
    """The expression, in FEEL unless another language is named; `strict` as for FEEL. Raises CellError."""
    if language_of(language) == "juel":
        return _JuelExpression(_juel(text))
    try:
        return _FeelExpression(feel.expression(text, known, strict=strict))
    except feel.FeelSyntaxError as error:
        raise CellError(error.message, error.offset) from None


def compile_tests(language: str | None, text: str, known: Iterable[str], input_name: str | None) -> Tests | None:
    """The tests of an input cell, None if any value passes. Raises CellError.

    A JUEL cell sees the column's value as `cellInput` and under the column's `input_name` (Camunda manual, DMN).
    """
    if text.strip() in ("", "-"):
        return None
    if language_of(language) == "juel":
        return _JuelTests(_juel(text), input_name)
    try:
        return _FeelTests(feel.unary_tests(text, known))
    except feel.FeelSyntaxError as error:
        raise CellError(error.message, error.offset) from None


def language_of(name: str | None) -> str:
    """`feel` or `juel`. Raises CellError for a language that is not run."""
    spelled = (name or "feel").strip().lower()
    if spelled == "juel":
        return "juel"
    if spelled == "feel" or "/feel" in spelled:
        return "feel"
    raise CellError(f"the expression language '{name}' is not supported yet; write the cell in FEEL or JUEL")


def _juel(text: str) -> juel.Expression:
    # Camunda's DMN engine takes the bare condition too
    opening = "" if "${" in text or "#{" in text else "${"
    try:
        return juel.compile(opening + text.strip() + ("}" if opening else ""))
    except ExpressionError as error:
        before = len(text) - len(text.lstrip()) - len(opening)
        raise CellError(error.message, max(0, error.column - 1 + before)) from None


class _FeelExpression:
    def __init__(self, expression: feel.Expression) -> None:
        self._expression = expression

    def value(self, scope: Scope) -> Any:
        try:
            return self._expression.value(scope)
        except (feel.EvaluationLimit, feel.FeelSyntaxError) as error:
            raise EvaluationFailed(str(error)) from None


class _FeelTests:
    def __init__(self, tests: feel.Tests) -> None:
        self._tests = tests

    def hold(self, value: Any, scope: Scope) -> bool:
        try:
            return self._tests.hold(value, scope)
        except (feel.EvaluationLimit, feel.FeelSyntaxError) as error:
            raise EvaluationFailed(str(error)) from None


class _JuelExpression:
    def __init__(self, expression: juel.Expression) -> None:
        self._expression = expression

    def value(self, scope: Scope) -> Any:
        return feel.to_feel(_evaluate(self._expression, _Names(scope)))


class _JuelTests:
    def __init__(self, expression: juel.Expression, input_name: str | None) -> None:
        self._expression = expression
        self._input_name = input_name

    def hold(self, value: Any, scope: Scope) -> bool:
        given = feel.to_plain(value)
        own = {"cellInput": given}
        if self._input_name:
            own[self._input_name] = given
        answer = feel.to_feel(_evaluate(self._expression, _Names(scope, own)))
        if isinstance(answer, bool) and not isinstance(value, bool):
            return answer
        return answer is not None and bool(answer == value)


def _evaluate(expression: juel.Expression, names: Mapping[str, Any]) -> Any:
    try:
        return expression.evaluate(names)
    except ExpressionError as error:
        raise EvaluationFailed(error.message) from None


class _Names(Mapping[str, Any]):
    """The run's variables for JUEL. Every name is there, null if nobody set it: a metric that was not measured must
    not stop the decision (ModelOp, DMN practice)."""

    def __init__(self, scope: Scope, own: Mapping[str, Any] | None = None) -> None:
        self._scope = scope
        self._own = own or {}

    def __getitem__(self, name: str) -> Any:
        return self._own[name] if name in self._own else self._scope.plain(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)
