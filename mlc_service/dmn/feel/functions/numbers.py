"""Number functions (DMN 1.5 §10.3.4.5)."""

from __future__ import annotations

import re
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
)
from typing import Any

from mlc_service.dmn.feel.arithmetic import finite
from mlc_service.dmn.feel.compare import equal, negate
from mlc_service.dmn.feel.functions.registry import function
from mlc_service.dmn.feel.times import DateTime, DaysTime, Time, YearsMonths
from mlc_service.dmn.feel.values import NUMBERS, is_whole

_EXACT = Context(prec=20_000, Emin=-20_000, Emax=20_000, traps=[])
_SCALES = range(-6111, 6177)
_NUMERAL = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@function("number", "from:number")
def number_of_number(value: Decimal) -> Decimal:
    return value


@function("number", "from:string, grouping separator:string?, decimal separator:string?")
def number(text: str, grouping: str | None = None, decimal_separator: str | None = None) -> Decimal | None:
    if grouping not in (None, " ", ",", ".") or decimal_separator not in (None, ",", "."):
        return None
    if grouping is not None:
        if grouping == decimal_separator:
            return None
        text = text.replace(grouping, "")
    if decimal_separator is not None:
        text = text.replace(decimal_separator, ".")
    return finite(NUMBERS.create_decimal(text)) if _NUMERAL.fullmatch(text) else None


def _scaled(value: Decimal, scale: Decimal | None, rounding: str) -> Decimal | None:
    places = int(scale or 0)
    if places not in _SCALES:
        return None
    if value.as_tuple().exponent == -places:  # quantizing is not needed
        return value
    return finite(NUMBERS.plus(value.quantize(Decimal((0, (1,), -places)), rounding=rounding, context=_EXACT)))


def _rounder(name: str, signature: str, rounding: str) -> None:
    function(name, signature)(lambda value, scale=None: _scaled(value, scale, rounding))


_rounder("decimal", "n:number, scale:number", ROUND_HALF_EVEN)
_rounder("floor", "n:number", ROUND_FLOOR)
_rounder("floor", "n:number, scale:number", ROUND_FLOOR)
_rounder("ceiling", "n:number", ROUND_CEILING)
_rounder("ceiling", "n:number, scale:number", ROUND_CEILING)
_rounder("round up", "n:number, scale:number", ROUND_UP)
_rounder("round down", "n:number, scale:number", ROUND_DOWN)
_rounder("round half up", "n:number, scale:number", ROUND_HALF_UP)
_rounder("round half down", "n:number, scale:number", ROUND_HALF_DOWN)


@function("abs", "n:number")
def absolute(value: Decimal) -> Decimal:
    return abs(value)


@function("abs", "n:duration")
def absolute_duration(value: YearsMonths | DaysTime) -> YearsMonths | DaysTime:
    return YearsMonths(abs(value.months)) if isinstance(value, YearsMonths) else DaysTime(abs(value.nanos))


@function("modulo", "dividend:number, divisor:number")
def modulo(dividend: Decimal, divisor: Decimal) -> Decimal | None:
    if divisor == 0:
        return None
    rest = NUMBERS.remainder(dividend, divisor)
    # the result has the sign of the divisor
    return finite(NUMBERS.add(rest, divisor) if rest and (rest < 0) != (divisor < 0) else rest)


@function("sqrt", "number:number")
def square_root(value: Decimal) -> Decimal | None:
    return finite(NUMBERS.sqrt(value)) if value >= 0 else None


@function("log", "number:number")
def logarithm(value: Decimal) -> Decimal | None:
    return finite(NUMBERS.ln(value)) if value > 0 else None


@function("exp", "number:number")
def exponential(value: Decimal) -> Decimal | None:
    return finite(NUMBERS.exp(value))


@function("odd", "number:number")
def odd(value: Decimal) -> bool | None:
    return NUMBERS.remainder(value, Decimal(2)) != 0 if _has_parity(value) else None


@function("even", "number:number")
def even(value: Decimal) -> bool | None:
    return NUMBERS.remainder(value, Decimal(2)) == 0 if _has_parity(value) else None


def _has_parity(value: Decimal) -> bool:
    # beyond 34 digits the remainder itself is not defined
    return is_whole(value) and abs(value) < Decimal(10) ** 34


@function("not", "negand:any")
def logical_not(value: Any) -> bool | None:
    return negate(value)


@function("is", "value1:any, value2:any")
def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, Time | DateTime):
        return bool(left == right)
    return equal(left, right) is True
