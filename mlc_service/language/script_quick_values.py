"""What values the quick evaluator handles, and what it does with them; anything else is Unfit.

Every operation here is as quick as its operands are short: no power, no repetition of text, no comparison of lists.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

LONGEST_TEXT = 50_000
LONGEST_LIST = 5_000
_WIDEST = 2**63
_NUMBERS = (int, float, bool)
SCALARS = (int, float, str, bool, type(None))
PLAIN = frozenset({int, float, str, bool, type(None), list, dict})


class Unfit(Exception):
    """Not for this evaluator: the script goes to the sandbox."""


def plain(value: Any) -> Any:
    if type(value) not in PLAIN:
        raise Unfit
    return value


def variable_name(name: Any) -> str:
    if type(name) is not str:
        raise Unfit
    return name


ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def arithmetic(apply: Callable[[Any, Any], Any], one: Any, other: Any, *, scalars_only: bool) -> Any:
    """`one` and `other` put together; numbers by any operator, texts and lists by + only."""
    if type(one) in _NUMBERS and type(other) in _NUMBERS:
        result = apply(one, other)
        if type(result) is int and not -_WIDEST <= result < _WIDEST:
            raise Unfit
        return result
    if apply is operator.add and type(one) is str and type(other) is str and len(one) + len(other) <= LONGEST_TEXT:
        return one + other
    if apply is operator.add and not scalars_only and type(one) is list and type(other) is list:
        if len(one) + len(other) > LONGEST_LIST:
            raise Unfit
        return one + other
    raise Unfit


def signed(apply: Callable[[Any], Any], value: Any) -> Any:
    """The number with its sign applied."""
    if type(value) not in _NUMBERS:
        raise Unfit
    return apply(value)


def element(container: Any, key: Any) -> Any:
    """`container[key]`."""
    if (type(container) is dict and type(key) is str) or (type(container) in (list, str) and type(key) is int):
        return container[key]
    raise Unfit


def _contains(item: Any, container: Any) -> bool:
    if type(container) is str and type(item) is str:
        return item in container
    if (type(container) is list and type(item) in SCALARS) or (type(container) is dict and type(item) is str):
        return item in container
    raise Unfit


def _equal(one: Any, other: Any) -> bool:
    # two lists that share their parts many times over can take for ever to compare
    if type(one) not in SCALARS and type(other) not in SCALARS:
        raise Unfit
    return bool(one == other)


def _is(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    raise Unfit


def _ordered(apply: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(one: Any, other: Any) -> bool:
        if (type(one) in _NUMBERS and type(other) in _NUMBERS) or (type(one) is str and type(other) is str):
            return apply(one, other)
        raise Unfit

    return compare


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: _equal,
    ast.NotEq: lambda one, other: not _equal(one, other),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: _contains,
    ast.NotIn: lambda item, container: not _contains(item, container),
    ast.Is: _is,
    ast.IsNot: lambda one, other: not _is(one, other),
}


def text_of(value: Any) -> str:
    if type(value) not in SCALARS:
        raise Unfit
    return str(value)


def _length(value: Any) -> int:
    if type(value) not in (str, list, dict):
        raise Unfit
    return len(value)


def _whole(value: Any) -> int:
    if type(value) not in _NUMBERS or (type(value) is float and not math.isfinite(value)):
        raise Unfit
    return int(value)


def _fraction(value: Any) -> float:
    if type(value) not in _NUMBERS:
        raise Unfit
    return float(value)


def _absolute(value: Any) -> Any:
    if type(value) not in _NUMBERS:
        raise Unfit
    return abs(value)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "len": _length,
    "str": text_of,
    "int": _whole,
    "float": _fraction,
    "abs": _absolute,
    "bool": bool,
}
