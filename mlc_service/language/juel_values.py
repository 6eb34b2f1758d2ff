"""EL's coercions and operators on plain JSON values, as JUEL does them (Jakarta EL 4.0 §1.23 and §1.9)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

MAX_TEXT = 1_000_000

_JAVA_CLASSES: tuple[tuple[type, str], ...] = (
    (bool, "java.lang.Boolean"),
    (int, "java.lang.Long"),
    (float, "java.lang.Double"),
    (str, "java.lang.String"),
    (list, "java.util.List"),
    (tuple, "java.util.List"),
    (Mapping, "java.util.Map"),
    (date, "java.util.Date"),
)


class CannotCoerce(ValueError):
    """A value that has no meaning as the wanted kind; the message is JUEL's."""


def java_class(value: Any) -> str:
    """The Java class an author knows this kind of value by."""
    for kind, name in _JAVA_CLASSES:
        if isinstance(value, kind):
            return name
    return type(value).__name__


def _refuse(value: Any, wanted: str) -> CannotCoerce:
    shown = f"'{value[:60]}' of class" if isinstance(value, str) else "from class"
    return CannotCoerce(f"Cannot coerce {shown} {java_class(value)} to class java.lang.{wanted}")


def to_boolean(value: Any) -> bool:
    """null and "" are false; a string is true if it reads "true"; a number is no boolean."""
    if value is True or value is False:
        return bool(value)
    if value is None or value == "":
        return False
    if isinstance(value, str):
        return value.lower() == "true"
    raise _refuse(value, "Boolean")


def to_long(value: Any) -> int:
    """null and "" are 0; a fraction is cut off; a string must read as a whole number."""
    if type(value) is int:
        return value
    if value is None or value == "":
        return 0
    if type(value) is float and math.isfinite(value):
        return int(value)
    if isinstance(value, str) and len(value) <= 20 and value.isascii():
        digits = value[1:] if value[0] in "+-" else value
        if digits.isdigit():
            return int(value)
    raise _refuse(value, "Long")


def to_double(value: Any) -> float:
    """null and "" are 0.0."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _refuse(value, "Double") from None
    if value is None or value == "":
        return 0.0
    if isinstance(value, str) and len(value) <= 400 and value.isascii() and "_" not in value:
        try:
            return float(value)
        except ValueError:
            pass
    raise _refuse(value, "Double")


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
    return -to_double(value) if _has_fraction(value) else _fits(-to_long(value))


def _is_whole(value: Any) -> bool:
    return type(value) is int


def equal(left: Any, right: Any) -> bool:
    """EL's `==`: the kinds are tried in the order Double, Long, Boolean, String, and both sides coerced."""
    if left is right:
        return not (type(left) is float and math.isnan(left))
    if left is None or right is None:
        return False
    if type(left) is float or type(right) is float:
        return to_double(left) == to_double(right)
    if _is_whole(left) or _is_whole(right):
        return to_long(left) == to_long(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return to_boolean(left) == to_boolean(right)
    if isinstance(left, str) or isinstance(right, str):
        return to_text(left) == to_text(right)
    return bool(left == right)


def _ordered(left: Any, right: Any, holds: Callable[[Any, Any], bool]) -> bool:
    if left is None or right is None:
        return False
    if type(left) is float or type(right) is float:
        return holds(to_double(left), to_double(right))
    if _is_whole(left) or _is_whole(right):
        return holds(to_long(left), to_long(right))
    if isinstance(left, str) or isinstance(right, str):
        return holds(to_text(left), to_text(right))
    if (isinstance(left, bool) and isinstance(right, bool)) or (
        isinstance(left, datetime) and isinstance(right, datetime)
    ):
        return holds(left, right)
    raise CannotCoerce(f"Cannot compare {java_class(left)} with {java_class(right)}")


def less(left: Any, right: Any) -> bool:
    return left is not right and _ordered(left, right, lambda one, other: bool(one < other))


def less_or_equal(left: Any, right: Any) -> bool:
    return left is right or _ordered(left, right, lambda one, other: bool(one <= other))


def is_empty(value: Any) -> bool:
    """EL's `empty`: null, "", and collections without elements."""
    return value is None or (isinstance(value, str | list | tuple | Mapping) and len(value) == 0)


def to_text(value: Any) -> str:
    """What Java's coercion to String gives; null is ""."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return _written(value, 0)


def _written(value: Any, depth: int) -> str:
    if depth > 50:
        raise CannotCoerce("the value is nested too deeply to be written as text")
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _double_text(value)
    if isinstance(value, datetime):
        return datetime_text(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(item, depth + 1) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_written(item, depth + 1)}" for key, item in value.items()) + "}"
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
