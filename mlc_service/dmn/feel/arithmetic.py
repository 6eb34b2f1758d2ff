"""+ - * / ** of FEEL values (DMN 1.5 §10.3.2.14); whatever has no meaning gives null."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel import times
from mlc_service.dmn.feel.times import DAY, Date, DateTime, DaysTime, Time, YearsMonths
from mlc_service.dmn.feel.values import NUMBERS, EvaluationLimit

_MAX_TEXT = 1_000_000
_MAX_DAYS = 100_000
_MAX_DURATION = Decimal(10) ** 34


def finite(number: Decimal) -> Decimal | None:
    """The number, or null for what is too large or undefined (division by zero)."""
    return number if number.is_finite() else None


def add(left: Any, right: Any) -> Any:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return finite(NUMBERS.add(left, right))
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > _MAX_TEXT:
            raise EvaluationLimit(f"a text grew beyond {_MAX_TEXT} characters")
        return left + right
    if isinstance(left, YearsMonths | DaysTime):
        return _shift(left, right) if type(left) is type(right) else _shift(right, left)
    return _shift(left, right)


def subtract(left: Any, right: Any) -> Any:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return finite(NUMBERS.subtract(left, right))
    if isinstance(right, YearsMonths | DaysTime):
        return _shift(left, negative(right))
    if isinstance(left, Time) and isinstance(right, Time):
        mine, theirs = left.offset_on(None), right.offset_on(None)
        if (mine is None) != (theirs is None):
            return None
        return DaysTime(left.nanos - right.nanos - ((mine or 0) - (theirs or 0)) * times.NANOS)
    if isinstance(left, Date | DateTime) and isinstance(right, Date | DateTime):
        mine_at, theirs_at = at_midnight(left), at_midnight(right)
        start, end = theirs_at.instant(), mine_at.instant()
        if start is None and end is None:
            return DaysTime(mine_at.local() - theirs_at.local())
        return None if start is None or end is None else DaysTime(end - start)
    return None


def at_midnight(value: Date | DateTime) -> DateTime:
    """A date taken as a date and time is its midnight in UTC (DMN 1.5 §10.3.2.3.6)."""
    return DateTime(value, Time(0, 0)) if isinstance(value, Date) else value


def _shift(value: Any, by: Any) -> Any:
    """A date, time or duration moved by a duration."""
    if isinstance(by, YearsMonths):
        if isinstance(value, YearsMonths):
            return YearsMonths(value.months + by.months)
        if isinstance(value, Date):
            return times.add_months(value, by.months)
        if isinstance(value, DateTime):
            date = times.add_months(value.date, by.months)
            return None if date is None else DateTime(date, value.time)
    if isinstance(by, DaysTime):
        if isinstance(value, DaysTime):
            return DaysTime(value.nanos + by.nanos)
        if isinstance(value, Date):
            return times.date_of_ordinal((value.ordinal() * DAY + by.nanos) // DAY)
        if isinstance(value, DateTime):
            return times.date_time_of_local(value.local() + by.nanos, value.time)
        if isinstance(value, Time):
            return Time((value.nanos + by.nanos) % DAY, value.offset, value.zone)
    return None


def days_between(first: Any, last: Any) -> list[Date | None] | None:
    """Each day from first to last, both included, in either direction; null if they are no dates."""
    if not (isinstance(first, Date) and isinstance(last, Date)):
        return None
    start, end = first.ordinal(), last.ordinal()
    if abs(end - start) > _MAX_DAYS:
        raise EvaluationLimit(f"a loop over more than {_MAX_DAYS} days")
    step = 1 if start <= end else -1
    return [times.date_of_ordinal(day) for day in range(start, end + step, step)]


def _months(count: Decimal) -> YearsMonths | None:
    return YearsMonths(int(count)) if abs(count) < _MAX_DURATION else None


def _nanos(count: Decimal) -> DaysTime | None:
    return DaysTime(int(count)) if abs(count) < _MAX_DURATION else None


def multiply(left: Any, right: Any) -> Any:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return finite(NUMBERS.multiply(left, right))
    if isinstance(left, Decimal) and isinstance(right, YearsMonths | DaysTime):
        left, right = right, left
    if isinstance(right, Decimal) and right.is_finite():
        if isinstance(left, YearsMonths):
            return _months(NUMBERS.multiply(Decimal(left.months), right))
        if isinstance(left, DaysTime):
            return _nanos(NUMBERS.multiply(Decimal(left.nanos), right))
    return None


def divide(left: Any, right: Any) -> Any:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return None if right == 0 else finite(NUMBERS.divide(left, right))
    if isinstance(right, Decimal) and right != 0 and right.is_finite():
        if isinstance(left, YearsMonths):
            return _months(NUMBERS.divide(Decimal(left.months), right))
        if isinstance(left, DaysTime):
            return _nanos(NUMBERS.divide(Decimal(left.nanos), right))
    if isinstance(left, YearsMonths) and isinstance(right, YearsMonths) and right.months:
        return NUMBERS.divide(Decimal(left.months), Decimal(right.months))
    if isinstance(left, DaysTime) and isinstance(right, DaysTime) and right.nanos:
        return NUMBERS.divide(Decimal(left.nanos), Decimal(right.nanos))
    return None


def power(left: Any, right: Any) -> Any:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        # decimal arithmetic leaves 0 ** 0 undefined; Java's and JavaScript's engines agree on 1
        return finite(NUMBERS.power(left, right)) if right else Decimal(1)
    return None


def negative(value: Any) -> Any:
    if isinstance(value, Decimal):
        return NUMBERS.minus(value)
    if isinstance(value, YearsMonths):
        return YearsMonths(-value.months)
    return DaysTime(-value.nanos) if isinstance(value, DaysTime) else None


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "**": power,
}
