"""FEEL: `expression(text)` and `unary_tests(text)` are read once and evaluated often, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from mlc_service.dmn.feel import range_text as range_text  # declares range()
from mlc_service.dmn.feel.compiler import Test, compile_node, compile_tests
from mlc_service.dmn.feel.parser import Types, parse_expression, parse_tests
from mlc_service.dmn.feel.scanner import FeelSyntaxError, ambiguous_names
from mlc_service.dmn.feel.scope import Evaluate, Run, Scope
from mlc_service.dmn.feel.tree import Literal, Negative, UnaryTests
from mlc_service.dmn.feel.values import EvaluationLimit, to_feel, to_plain

__all__ = [
    "EvaluationLimit",
    "Expression",
    "FeelSyntaxError",
    "Run",
    "Scope",
    "Tests",
    "expression",
    "to_feel",
    "to_plain",
    "unary_tests",
]
_Compiled = TypeVar("_Compiled")
_Tree = TypeVar("_Tree")
_MAX_READINGS = 32


class _Readings(Generic[_Compiled]):
    """One text, compiled once for each set of its ambiguous names that turned out to be variables.

    `a-b` is a difference, unless there is a variable of that name: only the variables at hand can tell.
    """

    __slots__ = ("_ambiguous", "_compile", "_known", "_readings", "text")

    def __init__(
        self, text: str, known: Iterable[str], compile_text: Callable[[str, Iterable[str]], _Compiled]
    ) -> None:
        self.text = text
        self._known = frozenset(known)
        self._compile = compile_text
        self._ambiguous = ambiguous_names(text)
        self._readings: dict[frozenset[str], _Compiled] = {}
        self._readings[_NONE] = self._read(_NONE)

    def for_scope(self, scope: Scope) -> _Compiled:
        present = frozenset(name for name in self._ambiguous if scope.knows(name)) if self._ambiguous else _NONE
        found = self._readings.get(present)
        if found is None:
            found = self._read(present)
            if len(self._readings) < _MAX_READINGS:
                self._readings[present] = found
        return found

    @property
    def known(self) -> frozenset[str]:
        return self._known

    def read_once(self, read: Callable[[str, frozenset[str]], _Tree]) -> _Tree | None:
        """What `read` makes of the text, or None if the variables at hand decide how it is read."""
        return None if self._ambiguous else read(self.text, self._known)

    def _read(self, names: frozenset[str]) -> _Compiled:
        try:
            return self._compile(self.text, self._known | names)
        except RecursionError:
            raise FeelSyntaxError("nested too deeply", 0) from None


class Expression:
    """A FEEL expression."""

    __slots__ = ("_readings", "text")

    def __init__(self, text: str, known: Iterable[str], types: Types | None, *, strict: bool) -> None:
        self.text = text
        self._readings: _Readings[Evaluate] = _Readings(
            text, known, lambda text, names: compile_node(parse_expression(text, names, strict=strict, types=types))
        )

    @property
    def is_constant(self) -> bool:
        """Whether the expression is a literal, whatever the variables."""
        node = self._readings.read_once(lambda text, names: parse_expression(text, names))
        return isinstance(node.operand if isinstance(node, Negative) else node, Literal)

    def value(self, scope: Scope) -> Any:
        """The FEEL value. Raises EvaluationLimit; any other failure is null, as FEEL has it."""
        try:
            return self._readings.for_scope(scope)(scope)
        except _NO_VALUE as error:
            raise EvaluationLimit(_explain(error)) from None


class Tests:
    """The unary tests of one input cell."""

    __slots__ = ("_readings", "_types", "text")
    __test__ = False  # not a test class, whatever pytest thinks of the name

    def __init__(self, text: str, known: Iterable[str], types: Types | None) -> None:
        self.text = text
        self._types = types
        self._readings: _Readings[Test | None] = _Readings(
            text, known, lambda text, names: compile_tests(parse_tests(text, names, types))
        )

    def parsed(self) -> tuple[UnaryTests, frozenset[str]] | None:
        """The syntax tree and the names it was read with; None if the variables at hand decide how it is read."""
        node = self._readings.read_once(lambda text, names: parse_tests(text, names, self._types))
        return None if node is None else (node, self._readings.known)

    def hold(self, value: Any, scope: Scope) -> bool:
        """Whether the FEEL value passes. A null compared with anything does not. Raises EvaluationLimit."""
        try:
            test = self._readings.for_scope(scope)
            return test is None or test(value, scope) is True
        except _NO_VALUE as error:
            raise EvaluationLimit(_explain(error)) from None


def expression(text: str, known: Iterable[str] = (), *, strict: bool = False, types: Types | None = None) -> Expression:
    """The compiled expression; `known` are names that may hold operators or keywords. Raises FeelSyntaxError.

    `types` are those a file declares, for `instance of` and for the parameters of functions.

    What is FEEL but can only ever be null (a date that does not exist, a key twice) raises as well if `strict`.
    """
    return Expression(text, known, types, strict=strict)


def unary_tests(text: str, known: Iterable[str] = (), types: Types | None = None) -> Tests:
    """The compiled input cell; nothing or `-` passes every value. Strict. Raises FeelSyntaxError."""
    return Tests(text, known, types)


def _explain(error: Exception) -> str:
    if isinstance(error, FeelSyntaxError):
        return error.message
    return "nested too deeply" if isinstance(error, RecursionError) else f"out of range: {error}"


# numbers of thousands of digits, dates beyond the calendar: whatever a function did not foresee
_NO_VALUE = (RecursionError, ArithmeticError, ValueError)
_NONE: frozenset[str] = frozenset()
