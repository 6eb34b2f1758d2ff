"""Variable values with Camunda's types, and their stored form.

Inside the engine most values are plain Python (None, bool, int, float, str, list, dict) and their type follows from
the value, as Camunda infers it. Only where the type says more than the value (a Date, a Json text, a File) is the
value wrapped in a `TypedValue`. Expressions always see the plain value.

Stored form: plain JSON for plain values, `{"$type": ..., "value": ..., "info": {...}}` for wrapped ones. A plain
object that itself has a `$type` key is stored wrapped, so that the two can never be mistaken for each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson

MARK = "$type"
_INT32 = 2**31
_JSON_TEXT_TYPES = frozenset({"Json", "Object"})


@dataclass(frozen=True, slots=True)
class TypedValue:
    """A value whose Camunda type cannot be told from the value; `info` is Camunda's `valueInfo`.

    A Date is held as ISO 8601 text with offset, Json and serialised Object values as their JSON text.
    """

    type: str
    value: Any
    info: Mapping[str, Any] = field(default_factory=dict)


class UnstorableValue(TypeError):
    """A value that no variable can hold."""

    def __init__(self, value: object) -> None:
        super().__init__(f"a value of type {type(value).__name__} cannot be stored in a variable")


def plain(value: Any) -> Any:
    """The value as decisions, scripts and delegates see it; Json and Object texts are parsed."""
    if not isinstance(value, TypedValue):
        return value
    if value.type in _JSON_TEXT_TYPES and isinstance(value.value, str):
        try:
            return orjson.loads(value.value)
        except orjson.JSONDecodeError:
            return value.value
    return value.value


def expression_value(value: Any) -> Any:
    """The value as JUEL sees it: as `plain`, but a Date is a datetime."""
    if isinstance(value, TypedValue) and value.type == "Date" and isinstance(value.value, str):
        return datetime.fromisoformat(value.value)
    return plain(value)


def as_variable(value: Any) -> Any:
    """What a variable holds for a computed value: dates become typed, decimals floats, tuples lists.

    Raises `UnstorableValue` for anything that is not data.
    """
    if value is None or isinstance(value, (bool, int, float, str, TypedValue)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return TypedValue("Date", _aware(value).isoformat(timespec="milliseconds"))
    return _as_json(value)


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_as_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
    if isinstance(value, datetime):
        return _aware(value).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, TypedValue):
        return _as_json(plain(value))
    raise UnstorableValue(value)


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def type_of(value: Any) -> str:
    """Camunda's type name, capitalised: Null, Boolean, Integer, Long, Double, String, Object, or the wrapped one."""
    if isinstance(value, TypedValue):
        return value.type
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Integer" if -_INT32 <= value < _INT32 else "Long"
    if isinstance(value, float):
        return "Double"
    if isinstance(value, str):
        return "String"
    return "Object"


def to_stored(value: Any) -> Any:
    """A JSON value that `from_stored` turns back into an equal one."""
    if isinstance(value, TypedValue):
        return {MARK: value.type, "value": value.value, "info": dict(value.info)}
    if isinstance(value, dict) and MARK in value:
        return {MARK: "Object", "value": value, "info": {}}
    return value


def all_to_stored(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables in the form in which a row or a job carries them. Raises `UnstorableValue`."""
    return {name: to_stored(as_variable(value)) for name, value in variables.items()}


def from_stored(stored: Any) -> Any:
    """Inverse of `to_stored`."""
    if isinstance(stored, dict) and MARK in stored:
        info = stored.get("info") or {}
        if stored[MARK] == "Object" and not info and isinstance(stored["value"], dict):
            return stored["value"]
        return TypedValue(stored[MARK], stored["value"], info)
    return stored
