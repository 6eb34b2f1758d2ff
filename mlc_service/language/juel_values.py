"""EL's coercions and operators on plain JSON values, as JUEL does them (Jakarta EL 4.0 §1.23 and §1.7-§1.10)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

MAX_TEXT = 1_000_000

_JAVA_CLASSES: tuple[tuple[type, str], ...] = (
    (bool, "java.lang.Boolean"),
    (int, "java.lang.Long"),
    (float, "java.lang.Double"),
    (str, "java.lang.String"),
    (list, "java.util.ArrayList"),
    (tuple, "java.util.ArrayList"),
    (Mapping, "java.util.LinkedHashMap"),
    (datetime, "java.util.Date"),
    (date, "java.time.LocalDate"),
    (time, "java.time.LocalTime"),
)
# Double.valueOf, without its hexadecimal form
_DOUBLE = re.compile(r"[+-]?(?:(NaN|Infinity)|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?")


class CannotCoerce(ValueError):
    """A value that has no meaning as the wanted kind; the message is JUEL's."""


class HostValue:
    """A value that exists only inside an expression, such as a Spin node: how it is written, and what leaves it."""

    __slots__ = ()
    java_class = "java.lang.Object"

    def text(self) -> str:
        """What Java's `toString` writes."""
        raise NotImplementedError

    def plain(self) -> Any:
        """The JSON value handed on when the expression's value, or an argument of a host's method, is this."""
        raise NotImplementedError


def java_class(value: Any) -> str:
    """The Java class an author knows this kind of value by."""
    if isinstance(value, HostValue):
        return value.java_class
    for kind, name in _JAVA_CLASSES:
        if isinstance(value, kind):
            return name
    return type(value).__name__


def refused(value: Any, wanted: str) -> CannotCoerce:
    """The error for a value that does not become a `wanted`."""
    shown = f"'{value[:60]}'" if isinstance(value, str) else f"from class {java_class(value)}"
    return CannotCoerce(f"Cannot coerce {shown} to class java.lang.{wanted}")


def to_boolean(value: Any) -> bool:
    """null and "" are false; a string is true if it reads "true"; a number is no boolean."""
    if value is True or value is False:
        return bool(value)
    if value is None or value == "":
        return False
    if isinstance(value, str):
        return value.lower() == "true"
    raise refused(value, "Boolean")


def to_long(value: Any) -> int:
    """null and "" are 0; a fraction is cut off; a string must read as a whole number of 64 bits."""
    if type(value) is int:
        return value
    if value is None or value == "":
        return 0
    if type(value) is float and math.isfinite(value):
        return int(value)
    if isinstance(value, str) and len(value) <= 20:
        digits = value[1:] if value[0] in "+-" else value
        if digits.isdecimal() and -(2**63) <= int(value) < 2**63:
            return int(value)
    raise refused(value, "Long")


def to_double(value: Any) -> float:
    """null and "" are 0.0; a string is read as Java's Double.valueOf reads it."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise refused(value, "Double") from None
    if value is None or value == "":
        return 0.0
    if isinstance(value, str) and len(value) <= 400:
        found = _DOUBLE.fullmatch(value.strip())
        if found:
            return float(found.group() if found.group(1) else found.group().rstrip("fFdD"))
    raise refused(value, "Double")


def _has_fraction(value: Any) -> bool:
    return type(value) is float or (isinstance(value, str) and not {".", "e", "E"}.isdisjoint(value))


def _fits(value: int) -> int:
    # Java would wrap around in silence; a wrong number is worse than an incident
    if -(2**63) <= value < 2**63:
        return value
    raise CannotCoerce("the result does not fit into 64 bits")


def add(left: Any, right: Any) -> Any:
    if type(left) is int and type(right) is int:
        return _fits(left + right)
    if _has_fraction(left) or _has_fraction(right):
        return to_double(left) + to_double(right)
    return _fits(to_long(left) + to_long(right))


def subtract(left: Any, right: Any) -> Any:
    if _has_fraction(left) or _has_fraction(right):
        return to_double(left) - to_double(right)
    return _fits(to_long(left) - to_long(right))


def multiply(left: Any, right: Any) -> Any:
    if _has_fraction(left) or _has_fraction(right):
        return to_double(left) * to_double(right)
    return _fits(to_long(left) * to_long(right))


def divide(left: Any, right: Any) -> float:
    """Always a Double, by IEEE rules: `1 / 0` is Infinity, as in Java."""
    if left is None and right is None:
        return 0
    above, below = to_double(left), to_double(right)
    if below == 0.0:
        if above == 0.0 or math.isnan(above):
            return math.nan
        return math.copysign(math.inf, above) * math.copysign(1.0, below)
    return above / below


def remainder(left: Any, right: Any) -> Any:
    """The sign follows the dividend, as in Java."""
    if left is None and right is None:
        return 0
    if _has_fraction(left) or _has_fraction(right):
        above, below = to_double(left), to_double(right)
        return math.nan if below == 0.0 or math.isinf(above) else math.fmod(above, below)
    whole, divisor = to_long(left), to_long(right)
    if divisor == 0:
        raise CannotCoerce("/ by zero")
    rest = abs(whole) % abs(divisor)
    return -rest if whole < 0 else rest


def negate(value: Any) -> Any:
    if isinstance(value, bool):
        raise CannotCoerce("Cannot negate 'class java.lang.Boolean'")
    return -to_double(value) if _has_fraction(value) else _fits(-to_long(value))


def _same_double(left: float, right: float) -> bool:
    # Double.equals: NaN is itself, and 0.0 is not -0.0
    if left == right:
        return left != 0.0 or math.copysign(1.0, left) == math.copysign(1.0, right)
    return math.isnan(left) and math.isnan(right)


def equal(left: Any, right: Any) -> bool:
    """EL's `==`: the kinds are tried in the order Double, Long, Boolean, String, and both sides coerced."""
    kind, other = type(left), type(right)
    if kind is str and other is str:
        return bool(left == right)
    if left is right:
        return True
    if left is None or right is None:
        return False
    if kind is float or other is float:
        return _same_double(to_double(left), to_double(right))
    if kind is int or other is int:
        return to_long(left) == to_long(right)
    if kind is bool or other is bool:
        return to_boolean(left) == to_boolean(right)
    if isinstance(left, str) or isinstance(right, str):
        return to_text(left) == to_text(right)
    return bool(left == right)


def _is_less(left: Any, right: Any) -> bool:
    kind, other = type(left), type(right)
    if kind is float or other is float:
        return to_double(left) < to_double(right)
    if kind is int or other is int:
        return to_long(left) < to_long(right)
    if isinstance(left, str) or isinstance(right, str):
        return to_text(left) < to_text(right)
    if kind is other and isinstance(left, bool | date | time):
        try:
            return bool(left < right)
        except TypeError:
            pass  # a moment with a zone and one without
    raise CannotCoerce(f"Cannot compare 'class {java_class(left)}' and 'class {java_class(right)}'")


def less(left: Any, right: Any) -> bool:
    if type(left) is int and type(right) is int:
        return bool(left < right)
    return left is not right and left is not None and right is not None and _is_less(left, right)


def greater(left: Any, right: Any) -> bool:
    return less(right, left)


def less_or_equal(left: Any, right: Any) -> bool:
    """JUEL's `<=`: identical, or both there and not greater; so NaN is `<=` anything."""
    if type(left) is int and type(right) is int:
        return bool(left <= right)
    return left is right or (left is not None and right is not None and not _is_less(right, left))


def greater_or_equal(left: Any, right: Any) -> bool:
    return less_or_equal(right, left)


def is_empty(value: Any) -> bool:
    """EL's `empty`: null, "", and collections without elements."""
    return value is None or (isinstance(value, str | list | tuple | Mapping) and len(value) == 0)


def bounded(text: str) -> str:
    """The text, if it is not beyond the limit."""
    if len(text) > MAX_TEXT:
        raise CannotCoerce(f"the text is longer than {MAX_TEXT} characters")
    return text


def to_text(value: Any) -> str:
    """What Java's coercion to String gives; null is ""."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return _written(value, 0)


_WRITERS: dict[type, Callable[[Any], str]] = {}


def _written(value: Any, depth: int) -> str:
    if depth > 50:
        raise CannotCoerce("the value is nested too deeply to be written as text")
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return bounded("[" + ", ".join([_written(item, depth + 1) for item in value]) + "]")
    if isinstance(value, Mapping):
        return bounded("{" + ", ".join([f"{key}={_written(item, depth + 1)}" for key, item in value.items()]) + "}")
    if isinstance(value, HostValue):
        return bounded(value.text())
    for kind, writer in _WRITERS.items():
        if isinstance(value, kind):
            return writer(value)
    return type(value).__name__


def datetime_text(value: datetime) -> str:
    """ISO 8601 with milliseconds, as Joda writes a DateTime: `2026-11-21T08:56:00.000Z`."""
    text = value.isoformat(timespec="milliseconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def _double_text(value: float) -> str:
    """As Java's Double.toString: `1.0`, `0.001`, `1.0E7`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    exact = Decimal(repr(value))
    digits = "".join(map(str, exact.as_tuple().digits)).rstrip("0")
    return f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:] or '0'}E{exact.adjusted()}"


def _whole_text(value: int) -> str:
    if abs(value) >> 1000:
        raise CannotCoerce("the number is too large to be written as text")
    return str(value)


# bool before int and datetime before date, which they are kinds of
_WRITERS.update(
    {
        str: str,
        bool: lambda value: "true" if value else "false",
        int: _whole_text,
        float: _double_text,
        datetime: datetime_text,
        date: lambda value: value.isoformat(),
        time: lambda value: value.isoformat(timespec="milliseconds"),
    }
)
