"""The types a column may name, and values turned into them as Camunda does (Camunda manual, DMN data types).

Camunda's: string, boolean, integer, long, double, date. DMN's number, time and durations are read from text. A type
nobody knows leaves the value as it is. Null has every type.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel import times, to_plain, types
from mlc_service.dmn.feel.times import Date, DateTime
from mlc_service.dmn.feel.tree import TypeOf
from mlc_service.dmn.feel.values import NUMBERS, is_whole, to_text, type_name

# a simple type by its name, Camunda's or DMN's; any other as FEEL describes it
Declared = str | TypeOf | None
_CAMUNDA_DATE = re.compile(r"(.*T\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)(\d\d)")


class CannotCoerce(ValueError):
    """The value is not of the type and cannot be made so."""

    def __init__(self, value: Any, type_name_wanted: str) -> None:
        shown = to_text(value, nested=True)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        super().__init__(f"{shown} is a {type_name(value)}, and cannot be taken as {type_name_wanted}")


def coerce(value: Any, type_ref: Declared) -> Any:
    """The FEEL value as that type. Raises CannotCoerce."""
    if isinstance(type_ref, TypeOf):
        taken = types.coerced(value, type_ref)
        if taken is None and value is not None:
            raise CannotCoerce(value, type_ref.name)
        return taken
    convert = _CONVERSIONS.get(local_name(type_ref))
    if value is None or convert is None:
        return value
    converted = convert(value[0] if isinstance(value, list) and len(value) == 1 else value)
    if converted is None:
        raise CannotCoerce(value, local_name(type_ref))
    return None if isinstance(converted, Decimal) and converted.is_nan() else converted


def coerce_strictly(value: Any, type_ref: Declared) -> Any:
    """The FEEL value as that type: no text becomes a number, nor the other way round. Raises CannotCoerce.

    A value that lacks parts of its type is null (DMN 1.5 §10.3.2.9.4).
    """
    if isinstance(type_ref, TypeOf):
        return types.coerced(value, type_ref)
    if local_name(type_ref) not in _STRICT:
        return coerce(value, type_ref)
    taken = types.coerced(value, TypeOf(local_name(type_ref)))
    if taken is None and value is not None:
        raise CannotCoerce(value, local_name(type_ref))
    return taken


def coerced_or_null(value: Any, type_ref: Declared) -> Any:
    """The FEEL value as that type, or null, as DMN has it for parameters and results (DMN 1.5 §10.3.2.9.4)."""
    if isinstance(type_ref, str) and type_ref in _FEEL_TYPES:
        return types.coerced(value, TypeOf(type_ref))
    try:
        return coerce(value, type_ref)
    except CannotCoerce:
        return None


def plain_as(value: Any, type_ref: Declared) -> Any:
    """The JSON-safe form of a value already coerced: a double stays a float even when it is whole."""
    plain = to_plain(value)
    if local_name(type_ref) == "double" and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    return plain


def local_name(type_ref: Declared) -> str:
    """`double` for `feel:double` and `xsd:double` too; empty for a type with parts."""
    return (type_ref if isinstance(type_ref, str) else "").rpartition(":")[2].strip()


def _string(value: Any) -> str | None:
    return None if isinstance(value, list | dict) else to_text(value)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _double(value: Any) -> Decimal | None:
    if isinstance(value, str):
        number = NUMBERS.create_decimal(value.strip()) if _NUMERAL.fullmatch(value.strip()) else None
        return Decimal("NaN") if value.strip() == "NaN" else number
    return value if isinstance(value, Decimal) else None


def _whole(bits: int) -> Callable[[Any], Decimal | None]:
    limit = 2 ** (bits - 1)

    def convert(value: Any) -> Decimal | None:
        number = _double(value)
        if number is None or number.is_nan():
            return number
        return number if is_whole(number) and -limit <= number < limit else None

    return convert


def _number(value: Any) -> Any:
    number = _double(value)
    return value if number is None else number


def _date(value: Any) -> Any:
    """A date, or a date and time: Camunda's type of that name is a point in time, DMN's is a day."""
    if isinstance(value, str):
        zoned = _CAMUNDA_DATE.fullmatch(value)
        text = f"{zoned[1]}{zoned[2]}:{zoned[3]}" if zoned else value
        return times.parse_date(text) or times.parse_date_time(text)
    return value if isinstance(value, Date | DateTime) else None


def _day(value: Any) -> Any:
    """DMN's `date` of an input: a point in time at midnight, as Camunda clients send days, is that day."""
    found = _date(value)
    return found.date if isinstance(found, DateTime) and found.time.nanos == 0 else found


def _date_time(value: Any) -> Any:
    found = _date(value)
    return DateTime(found, times.Time(0)) if isinstance(found, Date) else found


def _from_text(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: parse(value) if isinstance(value, str) else value


_NUMERAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _whole(32),
    "long": _whole(64),
    "double": _double,
    "number": _number,
    "date": _date,
    "dateTime": _date_time,
    "date and time": _date_time,
    "time": _from_text(times.parse_time),
    "dayTimeDuration": _from_text(times.parse_duration),
    "yearMonthDuration": _from_text(times.parse_duration),
    "days and time duration": _from_text(times.parse_duration),
    "years and months duration": _from_text(times.parse_duration),
}
_TEMPORAL_INPUTS: dict[str, Callable[[Any], Any]] = {
    **{name: found for name, found in _CONVERSIONS.items() if name[:4] in ("date", "time", "dayT", "year", "days")},
    "date": _day,
}


def read_input(value: Any, type_ref: Declared) -> Any:
    """An input of the diagram as its declared type: dates, times and durations arrive as text, the rest as it is."""
    if isinstance(type_ref, TypeOf):
        return _read_parts(value, type_ref)
    convert = _TEMPORAL_INPUTS.get(local_name(type_ref))
    if convert is None or not isinstance(value, str | DateTime):
        return value
    converted = convert(value)
    return value if converted is None else converted


def _read_parts(value: Any, declared: TypeOf) -> Any:
    if declared.inner and declared.name == "list" and isinstance(value, list):
        return [read_input(item, declared.inner[0]) for item in value]
    if declared.fields and isinstance(value, dict):
        kinds = dict(declared.fields)
        return {name: read_input(part, kinds.get(name)) for name, part in value.items()}
    return value if declared.inner or declared.fields else read_input(value, declared.name)


_FEEL_TYPES = frozenset(["string", "number", "boolean", *(name for name in _TEMPORAL_INPUTS if name != "dateTime")])
_STRICT = frozenset(["string", "number", "boolean"])
