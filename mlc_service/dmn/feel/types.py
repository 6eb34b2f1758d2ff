"""FEEL's types as authors write them, and whether a value has one."""

from __future__ import annotations

from typing import Any

from mlc_service.dmn.feel import tree
from mlc_service.dmn.feel.arithmetic import at_midnight
from mlc_service.dmn.feel.times import Date, DaysTime, YearsMonths
from mlc_service.dmn.feel.values import Function, Range, type_name

_DURATIONS = {
    "days and time duration": DaysTime,
    "day time duration": DaysTime,
    "years and months duration": YearsMonths,
    "year month duration": YearsMonths,
}
_SPELLINGS = {"dateTime": "date and time", "dayTimeDuration": "days and time duration"}
_SPELLINGS["yearMonthDuration"] = "years and months duration"


def conforms(value: Any, declared: tree.TypeOf) -> bool | None:
    """Whether the value is of that type; null is of no type but Null. Null for a type nobody knows."""
    name = _SPELLINGS.get(declared.name, declared.name)
    if name == "Null" or name == "null":
        return value is None
    if value is None:
        return False
    if name == "Any":
        return True
    if name in _DURATIONS:
        return isinstance(value, _DURATIONS[name])
    if name == "list":
        return isinstance(value, list) and (
            not declared.inner or all(item is None or conforms(item, declared.inner[0]) for item in value)
        )
    if name == "range":
        return isinstance(value, Range) and (
            not declared.inner
            or all(end is None or conforms(end, declared.inner[0]) for end in (value.low, value.high))
        )
    if name == "context":
        return isinstance(value, dict) and all(
            field in value and (value[field] is None or conforms(value[field], kind)) for field, kind in declared.fields
        )
    if name == "function":
        return isinstance(value, Function) and (not declared.inner or len(value.parameters) == len(declared.inner) - 1)
    if name not in _SIMPLE:
        return None
    return type_name(value) == name


def coerced(value: Any, declared: tree.TypeOf) -> Any:
    """The value as that type: a list of one becomes its item, a date its midnight, all else null."""
    if value is None or conforms(value, declared) is not False:
        return value
    if isinstance(value, list) and len(value) == 1 and conforms(value[0], declared):
        return value[0]
    if declared.name == "list" and declared.inner and conforms(value, declared.inner[0]):
        return [value]
    if _SPELLINGS.get(declared.name, declared.name) == "date and time" and isinstance(value, Date):
        return at_midnight(value)
    return None


_SIMPLE = frozenset(["number", "string", "boolean", "date", "time", "date and time"])
