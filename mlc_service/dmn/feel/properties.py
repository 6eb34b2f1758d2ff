"""What stands behind a dot: entries of contexts, parts of dates, times, durations and ranges (DMN 1.5 §10.3.2.15)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel.times import NANOS, Date, DateTime, DaysTime, Time, YearsMonths
from mlc_service.dmn.feel.values import Range


def property_of(value: Any, name: str) -> Any:
    """The named part of the value, of each item for a list; null if there is none."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list):
        return [property_of(item, name) for item in value]
    found = _PROPERTIES.get(type(value), {}).get(name)
    return None if found is None else found(value)


def _offset(seconds: int | None) -> DaysTime | None:
    return None if seconds is None else DaysTime(seconds * NANOS)


def _number(number: int) -> Decimal:
    return Decimal(number)


def _years(value: YearsMonths, part: int) -> Decimal:
    sign = -1 if value.months < 0 else 1
    return Decimal(sign * divmod(abs(value.months), 12)[part])


_Getter = Callable[[Any], Any]
_DATE: dict[str, _Getter] = {
    "year": lambda date: _number(date.year),
    "month": lambda date: _number(date.month),
    "day": lambda date: _number(date.day),
    "weekday": lambda date: _number(date.weekday()),
}
_TIME: dict[str, _Getter] = {
    "hour": lambda time: _number(time.clock()[0]),
    "minute": lambda time: _number(time.clock()[1]),
    "second": lambda time: _number(time.clock()[2]),
    "time offset": lambda time: _offset(time.offset_on(None)),
    "timezone": lambda time: time.zone,
}


def _of_part(part: str, getter: _Getter) -> _Getter:
    return lambda value: getter(getattr(value, part))


_PROPERTIES: dict[type, dict[str, _Getter]] = {
    Date: _DATE,
    Time: _TIME,
    DateTime: {
        **{name: _of_part("date", getter) for name, getter in _DATE.items()},
        **{name: _of_part("time", getter) for name, getter in _TIME.items()},
        "time offset": lambda value: _offset(value.offset()),
    },
    YearsMonths: {"years": lambda value: _years(value, 0), "months": lambda value: _years(value, 1)},
    DaysTime: {
        "days": lambda value: _number(value.parts()[0]),
        "hours": lambda value: _number(value.parts()[1]),
        "minutes": lambda value: _number(value.parts()[2]),
        "seconds": lambda value: _number(value.parts()[3]),
    },
    Range: {
        "start": lambda span: span.low,
        "end": lambda span: span.high,
        "start included": lambda span: span.low_included,
        "end included": lambda span: span.high_included,
    },
}
