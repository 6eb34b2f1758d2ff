"""Equality, order and membership of FEEL values in three-valued logic (DMN 1.5 §10.3.2.13).

Every answer is True, False or None, where None (null) says that the two values cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel.times import Date, DateTime, DaysTime, Time, YearsMonths
from mlc_service.dmn.feel.values import Range

_BY_CLOCK = (DateTime, Time, Date)


def equal(left: Any, right: Any) -> bool | None:
    """True or False for two values of one type, and for null against anything; null for different types."""
    if left is None or right is None:
        return left is right
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return left == right
    if isinstance(left, _BY_CLOCK) and isinstance(right, _BY_CLOCK):
        return _same_clock(left, right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(*pair) is True for pair in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(item, right[key]) is True for key, item in left.items())
    if isinstance(left, Range) and isinstance(right, Range):
        return (
            left.only == right.only
            and left.low_included == right.low_included
            and left.high_included == right.high_included
            and equal(left.low, right.low) is True
            and equal(left.high, right.high) is True
        )
    if isinstance(left, _DURATION) and isinstance(right, _DURATION) and type(left) is not type(right):
        return None
    return left == right if type(left) is type(right) else None


def order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 as left comes before, with or after right; None if they have no order."""
    if isinstance(left, _BY_CLOCK) and isinstance(right, _BY_CLOCK):
        return _clock_order(left, right)
    if type(left) is not type(right) or not isinstance(left, _ORDERED):
        return None
    if left == right:
        return 0
    return -1 if left < right else 1


def _same_clock(left: Date | Time | DateTime, right: Date | Time | DateTime) -> bool | None:
    if type(left) is not type(right):
        found = _clock_order(left, right)
        return None if found is None else found == 0
    mine, theirs = _position(left, right), _position(right, left)
    # a local time and a time with an offset are not the same time, though neither is the earlier one;
    # `second` is a whole number in FEEL, and equality looks at the parts (DMN 1.5 §10.3.2.13)
    unit = 1 if isinstance(left, Date) else 1_000_000_000
    return mine is not None and theirs is not None and mine // unit == theirs // unit


def _clock_order(left: Date | Time | DateTime, right: Date | Time | DateTime) -> int | None:
    before, after = _position(left, right), _position(right, left)
    if before is None or after is None:
        return None
    return (before > after) - (before < after)


def _position(value: Date | Time | DateTime, other: Date | Time | DateTime) -> int | None:
    if isinstance(value, Time):
        if not isinstance(other, Time):
            return None
        mine, theirs = value.offset_on(None), other.offset_on(None)
        if (mine is None) != (theirs is None):
            return None
        return value.nanos - (mine or 0) * 1_000_000_000
    if isinstance(other, Time):
        return None
    if isinstance(value, Date):
        if isinstance(other, Date):
            return value.ordinal()
        # a date against a date and time counts as its midnight, in the other's zone
        value = DateTime(value, Time(0, other.time.offset, other.time.zone))
    elif isinstance(other, DateTime) and (value.offset() is None) != (other.offset() is None):
        return None
    instant = value.instant()
    return value.local() if instant is None else instant


def less(left: Any, right: Any) -> bool | None:
    found = order(left, right)
    return None if found is None else found < 0


def at_most(left: Any, right: Any) -> bool | None:
    found = order(left, right)
    return None if found is None else found <= 0


def more(left: Any, right: Any) -> bool | None:
    return less(right, left)


def at_least(left: Any, right: Any) -> bool | None:
    return at_most(right, left)


def unequal(left: Any, right: Any) -> bool | None:
    return negate(equal(left, right))


def negate(value: Any) -> bool | None:
    return (not value) if isinstance(value, bool) else None


def both(left: Any, right: Any) -> bool | None:
    """`and`: false wins over null."""
    if left is False or right is False:
        return False
    return True if left is True and right is True else None


def either(left: Any, right: Any) -> bool | None:
    """`or`: true wins over null."""
    if left is True or right is True:
        return True
    return False if left is False and right is False else None


def within(value: Any, span: Range) -> bool | None:
    """Whether the range holds the value; null if it cannot be compared with an end."""
    low = True if span.low is None else (at_least if span.low_included else more)(value, span.low)
    high = True if span.high is None else (at_most if span.high_included else less)(value, span.high)
    return None if low is None or high is None else low and high


def belongs(value: Any, group: Any) -> bool | None:
    """Whether `value in group` holds: an equal value, a member of a list, or inside a range."""
    if isinstance(group, Range):
        return True if equal(value, group) is True else within(value, group)
    if isinstance(group, list):
        if isinstance(value, list) and equal(value, group) is True:
            return True
        return any(equal(value, item) is True or (isinstance(item, Range) and within(value, item)) for item in group)
    return equal(value, group)


COMPARISONS: dict[str, Callable[[Any, Any], bool | None]] = {
    "=": equal,
    "!=": unequal,
    "<": less,
    "<=": at_most,
    ">": more,
    ">=": at_least,
}
_DURATION = (YearsMonths, DaysTime)
_ORDERED = (Decimal, str, YearsMonths, DaysTime)
