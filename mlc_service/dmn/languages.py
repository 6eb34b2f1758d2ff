"""The expression languages of a cell, behind two shapes: an expression that has a value, tests that hold or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mlc_service.dmn import feel
from mlc_service.dmn.feel import Scope
from mlc_service.dmn.feel.tree import TypeOf
from mlc_service.language import ExpressionError, ScriptError, juel, scripts


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


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the cells of a file may speak of: the names it declares, and its types by name."""

    names: frozenset[str] = frozenset()
    types: Mapping[str, TypeOf] = field(default_factory=dict)
    # which script languages run here; by default those that always do
    languages: scripts.ScriptLanguages = scripts


def compile_expression(language: str | None, text: str, known: Vocabulary, *, strict: bool) -> Expression:
    """The expression, in FEEL unless another language is named; `strict` as for FEEL. Raises CellError."""
    spoken = language_of(language)
    if spoken == "juel":
        return _JuelExpression(_juel(text))
    if spoken != "feel":
        return _Script(spoken, _checked(spoken, text, known.languages), known.names)
    try:
        return FeelExpression(feel.expression(text, known.names, strict=strict, types=known.types))
    except feel.FeelSyntaxError as error:
        raise CellError(error.message, error.offset) from None


def compile_tests(language: str | None, text: str, known: Vocabulary, input_name: str | None) -> Tests | None:
    """The tests of an input cell, None if any value passes. Raises CellError.

    Outside FEEL a cell sees the column's value as `cellInput` and under the column's `input_name` (Camunda manual,
    DMN).
    """
    if text.strip() in ("", "-"):
        return None
    spoken = language_of(language)
    if spoken == "juel":
        return _JuelTests(_juel(text), input_name)
    if spoken != "feel":
        return _ScriptTests(_Script(spoken, _checked(spoken, text, known.languages), known.names), input_name)
    try:
        return FeelTests(feel.unary_tests(text, known.names, known.types))
    except feel.FeelSyntaxError as error:
        raise CellError(error.message, error.offset) from None


def language_of(name: str | None) -> str:
    """`feel`, `juel`, or the name of a script language, which need not be one that is run here."""
    spelled = (name or "feel").strip().lower()
    return "feel" if "/feel" in spelled else spelled


def _checked(language: str, source: str, languages: scripts.ScriptLanguages) -> str:
    """The script, which reads well. Raises CellError, also for a language that is not run here."""
    trouble = languages.check(language, source)
    if trouble is not None:
        lines = source.splitlines(keepends=True)
        raise CellError(trouble.message, sum(map(len, lines[: max(0, (trouble.line or 1) - 1)])))
    return source


def _juel(text: str) -> juel.Expression:
    # Camunda's DMN engine takes the bare condition too
    opening = "" if "${" in text or "#{" in text else "${"
    try:
        return juel.compile(opening + text.strip() + ("}" if opening else ""))
    except ExpressionError as error:
        before = len(text) - len(text.lstrip()) - len(opening)
        raise CellError(error.message, max(0, error.column - 1 + before)) from None


class FeelExpression:
    """A FEEL expression; one that is a literal `is_constant`."""

    def __init__(self, expression: feel.Expression) -> None:
        self._expression = expression

    @property
    def is_constant(self) -> bool:
        return self._expression.is_constant

    def value(self, scope: Scope) -> Any:
        try:
            return self._expression.value(scope)
        except (feel.EvaluationLimit, feel.FeelSyntaxError) as error:
            raise EvaluationFailed(str(error)) from None


class FeelTests:
    """Unary tests; `tests` is what the table's index looks into."""

    __test__ = False

    def __init__(self, tests: feel.Tests) -> None:
        self._tests = tests

    @property
    def tests(self) -> feel.Tests:
        return self._tests

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
        return _passes(feel.to_feel(_evaluate(self._expression, _Names(scope, own))), value)


class _Script:
    """A cell in a script language. It sees the variables as bare names; one that nobody set is null."""

    def __init__(self, language: str, source: str, names: frozenset[str]) -> None:
        self._language = language
        self._source = source
        self._absent = {name: None for name in names if name.isidentifier()}

    def value(self, scope: Scope) -> Any:
        return self.value_with(scope, {})

    def value_with(self, scope: Scope, own: Mapping[str, Any]) -> Any:
        """The value, with further variables of the cell's own."""
        run = scope.run
        if run.scripts is None:
            raise EvaluationFailed(f"nobody runs scripts in '{self._language}' here")
        variables = {**self._absent, **scope.all_plain(), **own}
        try:
            with run.timed(STEPS_PER_SCRIPT):
                outcome = run.scripts.run(self._language, self._source, variables)
                if outcome.error is not None:
                    raise EvaluationFailed(f"the script threw the BPMN error {outcome.error.code!r}")
                return feel.to_feel(outcome.result)
        except ScriptError as error:
            raise EvaluationFailed(error.message) from None
        except feel.EvaluationLimit as error:
            raise EvaluationFailed(str(error)) from None


class _ScriptTests:
    def __init__(self, script: _Script, input_name: str | None) -> None:
        self._script = script
        self._input_name = input_name

    def hold(self, value: Any, scope: Scope) -> bool:
        given = feel.to_plain(value)
        own = {"cellInput": given}
        if self._input_name:
            own[self._input_name] = given
        return _passes(self._script.value_with(scope, own), value)


def _passes(answer: Any, value: Any) -> bool:
    """Whether a cell outside FEEL holds: it answers so, or it answers the value itself."""
    if isinstance(answer, bool) and not isinstance(value, bool):
        return answer
    return answer is not None and bool(answer == value)


# of the steps of one evaluation: a thousand scripts at most
STEPS_PER_SCRIPT = 1_000


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
