"""Turns a parsed expression into one closure that works it out: `closure(names) -> value`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from mlc_service.language import juel_values as values
from mlc_service.language.errors import ExpressionError
from mlc_service.language.juel_methods import (
    NoSuchMethod,
    NoSuchProperty,
    bounded,
    call_method,
    read_property,
)
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

Names = Mapping[str, Any]
Closure = Callable[[Names], Any]

NOW = "__now__"
USER = "authenticatedUserId"
GROUPS = "authenticatedUserGroups"


def _needed(names: Names, key: str, function: str) -> Any:
    try:
        return names[key]
    except KeyError:
        raise values.CannotCoerce(f"{function}() is not available here") from None


def _json(_: Names, source: Any) -> Any:
    if not isinstance(source, str):
        return source
    try:
        return json.loads(source)
    except (ValueError, RecursionError) as error:
        raise values.CannotCoerce(f"Unable to parse JSON: {error}") from None


# name -> (number of arguments, function of the names and the arguments)
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "currentUser": (0, lambda names: names.get(USER)),
    "currentUserGroups": (0, lambda names: list(names.get(GROUPS) or ())),
    "now": (0, lambda names: _needed(names, NOW, "now")),
    "dateTime": (0, lambda names: _needed(names, NOW, "dateTime")),
    "JSON": (1, _json),
    "S": (1, _json),
}

_INFIX: dict[str, Callable[[Any, Any], Any]] = {
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.remainder,
    "==": values.equal,
    "!=": lambda left, right: not values.equal(left, right),
    "<": values.less,
    ">": lambda left, right: values.less(right, left),
    "<=": values.less_or_equal,
    ">=": lambda left, right: values.less_or_equal(right, left),
}

_PREFIX: dict[str, Callable[[Any], Any]] = {
    "!": lambda value: not values.to_boolean(value),
    "empty": values.is_empty,
    "-": values.negate,
}


class Compiler:
    """Compiles the trees of one text; `names` collects the identifiers they read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()

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
            return bounded("".join(p if isinstance(p, str) else values.to_text(p(names)) for p in parts))

        return written

    def failed(self, cause: Exception | str, at: int) -> NoReturn:
        if isinstance(cause, NoSuchProperty):
            kind = "Unknown property used in expression"
        elif isinstance(cause, NoSuchMethod):
            kind = "Unknown method used in expression"
        else:
            kind = "Error while evaluating expression"
        raise ExpressionError(f"{kind}: {self.text}. Cause: {cause}", self.text, at) from None

    def _name(self, node: Name) -> Closure:
        name, at = node.name, node.at
        self.names.add(name)
        hidden = name.startswith("__")

        def read(names: Names) -> Any:
            try:
                if hidden:
                    raise KeyError(name)
                return names[name]
            except KeyError:
                self.failed(NoSuchProperty(f"Cannot resolve identifier '{name}'"), at)

        return read

    def _member(self, node: Member) -> Closure:
        base, key, at = self.closure(node.base), self.closure(node.key), node.at

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

    def _method(self, node: MethodCall) -> Closure:
        base, method, at, source = self.closure(node.base), node.method, node.at, node.source
        arguments = [self.closure(argument) for argument in node.arguments]

        def call(names: Names) -> Any:
            owner = base(names)
            if owner is None:
                unreachable = f"Target unreachable, base expression '{source}' resolved to null"
                self.failed(NoSuchProperty(unreachable), at)
            given = tuple([argument(names) for argument in arguments])
            try:
                return call_method(owner, method, given)
            except (NoSuchMethod, NoSuchProperty, values.CannotCoerce) as error:
                self.failed(error, at)

        return call

    def _function(self, node: FunctionCall) -> Closure:
        found = _FUNCTIONS.get(node.function)
        if found is None or found[0] != len(node.arguments):
            raise ExpressionError(
                f"Error parsing '{self.text}': Could not resolve function '{node.function}'"
                + (f" with {len(node.arguments)} arguments" if found else ""),
                self.text,
                node.at,
            )
        function, at = found[1], node.at
        arguments = [self.closure(argument) for argument in node.arguments]

        def call(names: Names) -> Any:
            given = [argument(names) for argument in arguments]
            try:
                return function(names, *given)
            except values.CannotCoerce as error:
                self.failed(error, at)

        return call

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
        left, right = self.closure(node.left), self.closure(node.right)

        def work_out(names: Names) -> Any:
            one, other = left(names), right(names)
            try:
                return apply(one, other)
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
