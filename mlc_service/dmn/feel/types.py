"""FEEL's types as authors write them, and whether a value has one (DMN 1.5 §10.3.2.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlc_service.dmn.feel import tree
from mlc_service.dmn.feel.arithmetic import at_midnight
from mlc_service.dmn.feel.times import Date, DaysTime, YearsMonths
from mlc_service.dmn.feel.tree import TypeOf
from mlc_service.dmn.feel.values import Function, Range, type_name

_DURATIONS = {"days and time duration": DaysTime, "years and months duration": YearsMonths}
_SPELLINGS = {
    "dateTime": "date and time",
    "day time duration": "days and time duration",
    "dayTimeDuration": "days and time duration",
    "year month duration": "years and months duration",
    "yearMonthDuration": "years and months duration",
    "null": "Null",
}
_SIMPLE = frozenset(["number", "string", "boolean", "date", "time", "date and time"])
ANY = TypeOf("Any")


def spelled(declared: TypeOf) -> str:
    """The type's name as the standard writes it."""
    return _SPELLINGS.get(declared.name, declared.name)


def conforms(value: Any, declared: TypeOf) -> bool | None:
    """Whether the value is of that type; null is of no type but Null. Null for a type nobody knows."""
    name = spelled(declared)
    if name == "Null" or value is None:
        return value is None and name == "Null"
    if name == "Any":
        return True
    if name in _DURATIONS:
        return isinstance(value, _DURATIONS[name])
    if name in _INSIDE:
        return _INSIDE[name](value, declared)
    return type_name(value) == name if name in _SIMPLE else None


def _is_or_null(value: Any, declared: TypeOf) -> bool:
    return value is None or conforms(value, declared) is True


def _list(value: Any, declared: TypeOf) -> bool:
    inner = declared.inner
    return isinstance(value, list) and (not inner or all(_is_or_null(item, inner[0]) for item in value))


def _range(value: Any, declared: TypeOf) -> bool:
    inner = declared.inner
    return isinstance(value, Range) and (
        not inner or all(_is_or_null(end, inner[0]) for end in (value.low, value.high))
    )


def _context(value: Any, declared: TypeOf) -> bool:
    return isinstance(value, dict) and all(
        name in value and _is_or_null(value[name], kind) for name, kind in declared.fields
    )


def _function(value: Any, declared: TypeOf) -> bool:
    if not isinstance(value, Function):
        return False
    if not declared.inner or value.is_built_in:
        return True
    types = value.types or (None,) * len(value.parameters)
    return includes(declared, TypeOf("function", tuple(kind or ANY for kind in (*types, value.result))), unknown=ANY)


def includes(wider: TypeOf, narrower: TypeOf, *, unknown: TypeOf | None = None) -> bool:
    """Whether every value of the narrower type is of the wider; `unknown` stands for a type that may turn out right."""
    name = spelled(wider)
    if name == "Any" or narrower is unknown:
        return True
    if name != spelled(narrower):
        return False
    if name == "context":
        own = dict(narrower.fields)
        return all(field in own and includes(kind, own[field], unknown=unknown) for field, kind in wider.fields)
    if name == "function" and wider.inner:
        (*wanted, answer), (*taken, given) = wider.inner, narrower.inner
        # a function that takes more than is asked for will do, and so will one that answers less
        return (
            len(wanted) == len(taken) and all(map(includes, taken, wanted)) and includes(answer, given, unknown=unknown)
        )
    return not wider.inner or (
        len(wider.inner) == len(narrower.inner)
        and all(includes(*pair, unknown=unknown) for pair in zip(wider.inner, narrower.inner, strict=True))
    )


def coerced(value: Any, declared: TypeOf) -> Any:
    """The value as that type: a list of one becomes its item, a date its midnight, all else null."""
    if value is None or conforms(value, declared) is not False:
        return value
    if isinstance(value, list) and len(value) == 1 and conforms(value[0], declared):
        return value[0]
    if declared.name == "list" and declared.inner and conforms(value, declared.inner[0]):
        return [value]
    if spelled(declared) == "date and time" and isinstance(value, Date):
        return at_midnight(value)
    return None


def type_of(node: tree.Node) -> TypeOf | None:
    """The type that the expression's value will have, as far as its own form tells."""
    if isinstance(node, tree.Literal):
        return TypeOf(type_name(node.value))
    if isinstance(node, tree.ContextOf):
        return TypeOf("context", fields=tuple((name, type_of(value) or ANY) for name, value in node.entries))
    if isinstance(node, tree.FunctionOf):
        return TypeOf("function", (*(kind or ANY for _, kind in node.parameters), type_of(node.body) or ANY))
    return TypeOf("boolean") if isinstance(node, tree.Comparison | tree.Logic) else None


_INSIDE: dict[str, Callable[[Any, TypeOf], bool]] = {
    "list": _list,
    "range": _range,
    "context": _context,
    "function": _function,
}
