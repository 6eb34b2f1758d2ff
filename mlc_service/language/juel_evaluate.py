"""Turns a parsed expression into one closure that works it out: `closure(names) -> value`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from mlc_service.language import juel_values as values
from mlc_service.language.errors import ExpressionError
from mlc_service.language.juel_budget import check
from mlc_service.language.juel_functions import FUNCTIONS, NOW, Names
from mlc_service.language.juel_hints import for_name, near_names, static_member
from mlc_service.language.juel_methods import NoSuchMethod, NoSuchProperty, call_method, read_property
from mlc_service.language.juel_moments import NOW_METHODS
from mlc_service.language.juel_parse import (
    Choice,
    Constant,
    FunctionCall,
    Infix,
    Logic,
    Member,
    MethodCall,
    Name,
    Node,
    Prefix,
)

Closure = Callable[[Names], Any]

_INFIX: dict[str, Callable[[Any, Any], Any]] = {
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.remainder,
    "==": values.equal,
    "!=": lambda left, right: not values.equal(left, right),
    "<": values.less,
    ">": values.greater,
    "<=": values.less_or_equal,
    ">=": values.greater_or_equal,
}

_PREFIX: dict[str, Callable[[Any], Any]] = {
    "!": lambda value: not values.to_boolean(value),
    "empty": values.is_empty,
    "-": values.negate,
}
_CAN_BE_SLOW = frozenset({"matches", "replaceAll", "replaceFirst", "split", "jsonPath", "xPath"})
# what may leave a value behind that exists in expressions only
_NEEDS_UNWRAPPING = frozenset({"prop", "elements", "jsonPath", "entrySet", "iterator", "toLocalTime"})
_MANY_CALLS = 20
_SHOWN = 500


class Compiler:
    """Compiles the trees of one text; `names` collects the identifiers they read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        self.makes_nodes = False
        self._slow = False
        self._calls = 0

    @property
    def may_be_slow(self) -> bool:
        """Whether an evaluation needs a deadline."""
        return self._slow or self._calls > _MANY_CALLS

    def closure(self, node: Node) -> Closure:
        """The function that works this part out. Raises ExpressionError for an unknown function."""
        match node:
            case Constant(value=value):
                return lambda _: value
            case Name():
                return self._name(node)
            case Member():
                return self._member(node)
            case MethodCall():
                return self._method(node)
            case FunctionCall():
                return self._function(node)
            case Prefix():
                return self._prefix(node)
            case Infix():
                return self._infix(node)
            case Logic():
                return self._logic(node)
            case Choice():
                return self._choice(node)
        raise AssertionError(node)

    def text_of(self, parts: list[str | Closure]) -> Closure:
        """The function that writes all parts one after the other."""

        def written(names: Names) -> str:
            return values.bounded("".join([p if isinstance(p, str) else values.to_text(p(names)) for p in parts]))

        return written

    def failed(self, cause: Exception | str, at: int, hint: str = "") -> NoReturn:
        if isinstance(cause, NoSuchProperty):
            kind = "Unknown property used in expression"
        elif isinstance(cause, NoSuchMethod):
            kind = "Unknown method used in expression"
        else:
            kind = "Error while evaluating expression"
        shown = self.text if len(self.text) <= _SHOWN else self.text[:_SHOWN] + "…"
        raise ExpressionError(f"{kind}: {shown}. Cause: {cause} (column {at}){hint}", self.text, at) from None

    def _name(self, node: Name) -> Closure:
        name, at = node.name, node.at
        self.names.add(name)
        if name.startswith("__"):
            return lambda names: self._unknown(name, at, names)

        def read(names: Names) -> Any:
            try:
                return names[name]
            except KeyError:
                self._unknown(name, at, names)

        return read

    def _unknown(self, name: str, at: int, names: Names) -> NoReturn:
        hint = for_name(self.text, name, at, names)
        self.failed(NoSuchProperty(f"Cannot resolve identifier '{name}'"), at, hint)

    def _member(self, node: Member) -> Closure:
        base, at = self.closure(node.base), node.at
        if isinstance(node.key, Constant):
            constant = node.key.value
            if isinstance(constant, str):
                return self._named_member(base, constant, at)
        key = self.closure(node.key)

        def read(names: Names) -> Any:
            owner = base(names)
            if owner is None:
                return None
            wanted = key(names)
            try:
                return read_property(owner, wanted)
            except (NoSuchProperty, values.CannotCoerce) as error:
                self.failed(error, at)

        return read

    def _named_member(self, base: Closure, name: str, at: int) -> Closure:
        def read(names: Names) -> Any:
            owner = base(names)
            if type(owner) is dict:
                return owner.get(name)
            if owner is None:
                return None
            try:
                return read_property(owner, name)
            except (NoSuchProperty, values.CannotCoerce) as error:
                self.failed(error, at)

        return read

    def _method(self, node: MethodCall) -> Closure:
        base, at, source = self.closure(node.base), node.at, node.source
        arguments = [self.closure(argument) for argument in node.arguments]
        named = values.to_text(node.method.value) if isinstance(node.method, Constant) else None
        method = None if named is not None else self.closure(node.method)
        self._calls += 1
        self._slow = self._slow or named is None or named in _CAN_BE_SLOW
        self.makes_nodes = self.makes_nodes or named is None or named in _NEEDS_UNWRAPPING
        if named in NOW_METHODS and not arguments:
            arguments = [lambda names: names.get(NOW)]

        def call(names: Names) -> Any:
            owner = base(names)
            if owner is None:
                unreachable = f"Target unreachable, base expression '{source}' resolved to null"
                self.failed(NoSuchProperty(unreachable), at)
            given = tuple([argument(names) for argument in arguments])
            try:
                if self.may_be_slow:
                    check()
                return call_method(owner, named or values.to_text(method(names) if method else ""), given)
            except (NoSuchMethod, NoSuchProperty, values.CannotCoerce) as error:
                self.failed(error, at)

        return call

    def _function(self, node: FunctionCall) -> Closure:
        found = FUNCTIONS.get(node.function)
        if found is None:
            hint = static_member(self.text, node.function, node.at) or near_names(node.function, FUNCTIONS)
            self._unreadable(f"Could not resolve function '{node.function}'", node.at, hint)
        if found[0] != len(node.arguments):
            self._unreadable(
                f"Parameters for function '{node.function}' do not match: {len(node.arguments)} instead of {found[0]}",
                node.at,
            )
        function, at = found[1], node.at
        arguments = [self.closure(argument) for argument in node.arguments]
        self._slow = self._slow or found[0] > 0
        self.makes_nodes = self.makes_nodes or found[0] > 0

        def call(names: Names) -> Any:
            given = [argument(names) for argument in arguments]
            try:
                return function(names, *given)
            except values.CannotCoerce as error:
                self.failed(error, at)

        return call

    def _unreadable(self, what: str, at: int, hint: str = "") -> NoReturn:
        more = "" if not hint else f"; did you mean {hint}?" if hint.startswith("'") else f"; {hint}"
        raise ExpressionError(f"Error parsing '{self.text[:_SHOWN]}': {what} (column {at}){more}", self.text, at)

    def _prefix(self, node: Prefix) -> Closure:
        apply, operand, at = _PREFIX[node.operator], self.closure(node.operand), node.at

        def work_out(names: Names) -> Any:
            value = operand(names)
            try:
                return apply(value)
            except values.CannotCoerce as error:
                self.failed(error, at)

        return work_out

    def _infix(self, node: Infix) -> Closure:
        apply, at = _INFIX[node.operator], node.at
        left = self.closure(node.left)
        if isinstance(node.right, Constant):
            return self._with_constant(apply, left, node.right.value, at)
        right = self.closure(node.right)

        def work_out(names: Names) -> Any:
            one, other = left(names), right(names)
            try:
                return apply(one, other)
            except values.CannotCoerce as error:
                self.failed(error, at)

        return work_out

    def _with_constant(self, apply: Callable[[Any, Any], Any], left: Closure, right: Any, at: int) -> Closure:
        def work_out(names: Names) -> Any:
            try:
                return apply(left(names), right)
            except values.CannotCoerce as error:
                self.failed(error, at)

        return work_out

    def _truth(self, value: Any, at: int) -> bool:
        try:
            return values.to_boolean(value)
        except values.CannotCoerce as error:
            self.failed(error, at)

    def _logic(self, node: Logic) -> Closure:
        decides, at = node.operator == "||", node.at
        parts = [self.closure(part) for part in node.parts]

        def work_out(names: Names) -> bool:
            for part in parts:
                value = part(names)
                if (value if value is True or value is False else self._truth(value, at)) is decides:
                    return decides
            return not decides

        return work_out

    def _choice(self, node: Choice) -> Closure:
        condition, at = self.closure(node.condition), node.at
        yes, no = self.closure(node.yes), self.closure(node.no)
        return lambda names: yes(names) if self._truth(condition(names), at) else no(names)
