"""FEEL values as Python objects, and the way in and out.

null None · boolean bool · number Decimal (34 digits, as decimal128) · string str · list list · context dict · dates and
durations from `times` · range `Range` · function `Function`. A NaN does not exist in FEEL: it comes in as null.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from numbers import Integral, Real
from typing import Any

from mlc_service.dmn.feel import times
from mlc_service.dmn.feel.tree import TypeOf

NUMBERS = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144, traps=[])
_INT64 = Decimal(2**63)


@dataclass(frozen=True, slots=True)
class Range:
    """The values between two ends; an end that is None is open to infinity. `(=5)` holds `only` what `[5..5]` does,
    and is not equal to it (TCK 0068)."""

    low: Any
    high: Any
    low_included: bool = True
    high_included: bool = True
    only: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """Something that can be called; `parameters` are the names a named call may use, in order.

    `types` are those of the parameters, None for any; `result` is the type of the answer, None if nobody knows.
    """

    name: str
    parameters: tuple[str, ...]
    call: Callable[[list[Any]], Any]
    types: tuple[TypeOf | None, ...] = ()
    result: TypeOf | None = None
    is_built_in: bool = False


class EvaluationLimit(Exception):
    """An expression did more work than one evaluation is allowed to do."""


def to_feel(value: Any) -> Any:
    """The FEEL value of a Python value; what FEEL has no type for becomes null."""
    if value is None or isinstance(value, bool | str | Decimal):
        return None if isinstance(value, Decimal) and value.is_nan() else value
    if isinstance(value, Integral):
        return NUMBERS.create_decimal(int(value))
    if isinstance(value, Real):
        number = float(value)
        return None if number != number else NUMBERS.create_decimal(repr(number))
    if isinstance(value, Mapping):
        return {str(key): to_feel(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_feel(item) for item in value]
    if isinstance(value, dt.datetime):
        return times.parse_date_time(value.isoformat())
    if isinstance(value, dt.date):
        return times.Date(value.year, value.month, value.day)
    if isinstance(value, dt.time):
        return times.parse_time(value.isoformat())
    if isinstance(value, dt.timedelta):
        micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        return times.DaysTime(micros * 1000)
    return value if isinstance(value, _OWN) else None


def to_plain(value: Any) -> Any:
    """The JSON-safe Python value: whole numbers int, others float, dates and durations ISO 8601 text."""
    if isinstance(value, Decimal):
        return _plain_number(value)
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, _TEMPORAL):
        return str(value)
    if isinstance(value, Range):
        return to_text(value)
    return None if isinstance(value, Function) else value


def _plain_number(value: Decimal) -> int | float | None:
    if not value.is_finite():
        return None
    # beyond 64 bits most JSON readers would lose digits silently; a float says that it is approximate
    if abs(value) < _INT64 and is_whole(value):
        return int(value)
    number = float(value)
    return number if abs(number) != float("inf") else None


def to_text(value: Any, *, nested: bool = False) -> str:
    """What FEEL's `string()` gives: strings bare at the top, quoted inside lists and contexts."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if nested else value
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, list):
        return "[" + ", ".join(to_text(item, nested=True) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {to_text(item, nested=True)}" for key, item in value.items()) + "}"
    if isinstance(value, Range):
        low = "" if value.low is None else to_text(value.low, nested=True)
        high = "" if value.high is None else to_text(value.high, nested=True)
        return f"{'[' if value.low_included else '('}{low}..{high}{']' if value.high_included else ')'}"
    if isinstance(value, Function):
        return f"function({', '.join(value.parameters)})"
    return f'@"{value}"' if nested and isinstance(value, _TEMPORAL) else str(value)


def number_text(value: Decimal) -> str:
    """Plain digits without exponent or trailing zeros."""
    if not value.is_finite():
        return str(value)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def is_whole(value: Decimal) -> bool:
    """Whether the number has no fraction."""
    return value.is_finite() and value == value.to_integral_value()


def _key(key: str) -> str:
    return key if key and all(letter not in '{}",:' for letter in key) else '"' + key.replace('"', '\\"') + '"'


_TEMPORAL = (times.Date, times.Time, times.DateTime, times.YearsMonths, times.DaysTime)
_OWN = (*_TEMPORAL, Range, Function)


def type_name(value: Any) -> str:
    """FEEL's name of the value's type."""
    if value is None:
        return "Null"
    for kind, name in _NAMES:
        if isinstance(value, kind):
            return name
    return "Any"


# bool first: nothing else here is one
_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (Decimal, "number"),
    (str, "string"),
    (list, "list"),
    (dict, "context"),
    (times.Date, "date"),
    (times.Time, "time"),
    (times.DateTime, "date and time"),
    (times.YearsMonths, "years and months duration"),
    (times.DaysTime, "days and time duration"),
    (Range, "range"),
    (Function, "function"),
)
