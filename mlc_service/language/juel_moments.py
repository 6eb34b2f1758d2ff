"""Points in time inside expressions: the everyday methods of Joda's DateTime, java.util.Date and java.time's days."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from mlc_service.language.juel_date_patterns import written
from mlc_service.language.juel_values import CannotCoerce, datetime_text, refused, to_long, to_text

Day = TypeVar("Day", datetime, date)


def plus_months(moment: Day, months: int) -> Day:
    """The same day so many months on, or that month's last day where it is shorter (Joda, java.time)."""
    index = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise CannotCoerce("the date is out of range")
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _shift(moment: Day, **step: int) -> Day:
    try:
        return moment + timedelta(**step)
    except OverflowError:
        raise CannotCoerce("the date is out of range") from None


def _amount(value: Any) -> int:
    # EL leaves the method unfound where a text is no number
    return to_long(value)


def _steps(units: tuple[tuple[str, str], ...]) -> dict[str, Callable[..., Any]]:
    """plusDays, minusDays and so on for every unit."""
    methods: dict[str, Callable[..., Any]] = {}
    for java, unit in units:
        methods[f"plus{java}"] = lambda m, amount, unit=unit: _shift(m, **{unit: _amount(amount)})
        methods[f"minus{java}"] = lambda m, amount, unit=unit: _shift(m, **{unit: -_amount(amount)})
    for java, months in (("Months", 1), ("Years", 12)):
        methods[f"plus{java}"] = lambda m, amount, months=months: plus_months(m, months * _amount(amount))
        methods[f"minus{java}"] = lambda m, amount, months=months: plus_months(m, -months * _amount(amount))
    return methods


_DAY_UNITS = (("Weeks", "weeks"), ("Days", "days"))
_TIME_UNITS = (("Hours", "hours"), ("Minutes", "minutes"), ("Seconds", "seconds"), ("Millis", "milliseconds"))


def _with_time(moment: datetime, hour: Any, minute: Any, second: Any = 0, millis: Any = 0) -> datetime:
    return moment.replace(
        hour=to_long(hour), minute=to_long(minute), second=to_long(second), microsecond=to_long(millis) * 1000
    )


def _with_month(moment: Day, month: Any) -> Day:
    wanted = to_long(month)
    if not 1 <= wanted <= 12:
        raise CannotCoerce(f"Value {wanted} for monthOfYear must be in the range [1,12]")
    return plus_months(moment, wanted - moment.month)


def _with_year(moment: Day, year: Any) -> Day:
    return plus_months(moment, (to_long(year) - moment.year) * 12)


def _with_week_day(moment: Day, day: Any) -> Day:
    wanted = to_long(day)
    if not 1 <= wanted <= 7:
        raise CannotCoerce(f"Value {wanted} for dayOfWeek must be in the range [1,7]")
    return _shift(moment, days=wanted - moment.isoweekday())


def _millis(moment: datetime) -> int:
    exact = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (exact - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _other(moment: Any, other: Any) -> Any:
    """The other one of the same kind, a zone added where only one has it."""
    if isinstance(moment, datetime) and isinstance(other, datetime):
        return other if bool(other.tzinfo) == bool(moment.tzinfo) else other.replace(tzinfo=moment.tzinfo)
    if type(moment) is type(other):
        return other
    raise refused(other, "Comparable")


def _compared(moment: Any, other: Any) -> int:
    peer = _other(moment, other)
    return int(moment > peer) - int(moment < peer)


def _text(moment: Any, pattern: Any = None) -> str:
    return to_text(moment) if pattern is None else written(moment, to_text(pattern))


_COMPARISONS: dict[str, Callable[..., Any]] = {
    "isBefore": lambda m, other: m < _other(m, other),
    "isAfter": lambda m, other: m > _other(m, other),
    "isEqual": lambda m, other: m == _other(m, other),
    "equals": lambda m, other: m == other,
    "compareTo": _compared,
    "toString": _text,
}

_DAY_PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "year": lambda m: m.year,
    "monthOfYear": lambda m: m.month,
    "monthValue": lambda m: m.month,
    "dayOfMonth": lambda m: m.day,
    "dayOfWeek": lambda m: m.isoweekday(),
    "dayOfYear": lambda m: m.timetuple().tm_yday,
    "weekOfWeekyear": lambda m: m.isocalendar().week,
    "weekyear": lambda m: m.isocalendar().year,
}
_CLOCK_PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "hourOfDay": lambda m: m.hour,
    "minuteOfHour": lambda m: m.minute,
    "secondOfMinute": lambda m: m.second,
    "millisOfSecond": lambda m: m.microsecond // 1000,
    "minuteOfDay": lambda m: m.hour * 60 + m.minute,
    "secondOfDay": lambda m: (m.hour * 60 + m.minute) * 60 + m.second,
    "millisOfDay": lambda m: ((m.hour * 60 + m.minute) * 60 + m.second) * 1000 + m.microsecond // 1000,
    "hour": lambda m: m.hour,
    "minute": lambda m: m.minute,
    "second": lambda m: m.second,
}


def _getters(properties: dict[str, Callable[[Any], Any]]) -> dict[str, Callable[..., Any]]:
    return {f"get{name[0].upper()}{name[1:]}": read for name, read in properties.items()}


MOMENT_PROPERTIES: dict[str, Callable[[datetime], Any]] = {
    **_DAY_PROPERTIES,
    **_CLOCK_PROPERTIES,
    "millis": _millis,
    "time": _millis,
    # java.util.Date's own
    "hours": lambda m: m.hour,
    "minutes": lambda m: m.minute,
    "seconds": lambda m: m.second,
    "date": lambda m: m.day,
    "day": lambda m: m.isoweekday() % 7,
    "month": lambda m: m.month - 1,
}
DAY_PROPERTIES = _DAY_PROPERTIES
TIME_PROPERTIES = _CLOCK_PROPERTIES

MOMENT_METHODS: dict[str, Callable[..., Any]] = {
    **_steps((*_DAY_UNITS, *_TIME_UNITS)),
    **_getters(MOMENT_PROPERTIES),
    **_COMPARISONS,
    "withTime": _with_time,
    "withTimeAtStartOfDay": lambda m: _with_time(m, 0, 0),
    "withDate": lambda m, year, month, day: m.replace(year=to_long(year), month=to_long(month), day=to_long(day)),
    "withYear": _with_year,
    "withMonthOfYear": _with_month,
    "withDayOfMonth": lambda m, day: m.replace(day=to_long(day)),
    "withDayOfWeek": _with_week_day,
    "withHourOfDay": lambda m, hour: m.replace(hour=to_long(hour)),
    "withMinuteOfHour": lambda m, minute: m.replace(minute=to_long(minute)),
    "withSecondOfMinute": lambda m, second: m.replace(second=to_long(second)),
    "withMillisOfSecond": lambda m, millis: m.replace(microsecond=to_long(millis) * 1000),
    "toDate": lambda m: m,
    "toDateTime": lambda m: m,
    "toDateTimeISO": lambda m: m,
    "toInstant": lambda m: m,
    "toLocalDate": lambda m: m.date(),
    "toLocalTime": lambda m: m.time(),
    "toLocalDateTime": lambda m: m.replace(tzinfo=None),
    "before": lambda m, other: m < _other(m, other),
    "after": lambda m, other: m > _other(m, other),
}

DAY_METHODS: dict[str, Callable[..., Any]] = {
    **_steps(_DAY_UNITS),
    **_getters(_DAY_PROPERTIES),
    **_COMPARISONS,
    "withYear": _with_year,
    "withMonth": _with_month,
    "withMonthOfYear": _with_month,
    "withDayOfMonth": lambda m, day: m.replace(day=to_long(day)),
    "isLeapYear": lambda m: calendar.isleap(m.year),
    "lengthOfMonth": lambda m: calendar.monthrange(m.year, m.month)[1],
    "toDate": lambda m: datetime(m.year, m.month, m.day, tzinfo=UTC),
}

TIME_METHODS: dict[str, Callable[..., Any]] = {**_getters(_CLOCK_PROPERTIES), **_COMPARISONS}

# compared with the evaluation's own now
NOW_METHODS: dict[str, Callable[[datetime, datetime], bool]] = {
    "isBeforeNow": lambda m, now: m < _other(m, now),
    "isAfterNow": lambda m, now: m > _other(m, now),
    "isEqualNow": lambda m, now: m == _other(m, now),
}

__all__ = [
    "DAY_METHODS", "DAY_PROPERTIES", "MOMENT_METHODS", "MOMENT_PROPERTIES", "NOW_METHODS", "TIME_METHODS",
    "TIME_PROPERTIES", "datetime_text", "plus_months",
]  # fmt: skip
