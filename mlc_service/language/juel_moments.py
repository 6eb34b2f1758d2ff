"""Points in time inside expressions: the everyday methods of Joda's DateTime and of java.util.Date."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from mlc_service.language.juel_values import CannotCoerce, datetime_text, to_long


def plus_months(moment: datetime, months: int) -> datetime:
    """The same day so many months on, or that month's last day where it is shorter (Joda, java.time)."""
    index = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise CannotCoerce("the date is out of range")
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def _shift(moment: datetime, **step: int) -> datetime:
    try:
        return moment + timedelta(**step)
    except OverflowError:
        raise CannotCoerce("the date is out of range") from None


def _steps() -> dict[str, Callable[..., Any]]:
    """plusDays, minusDays and so on for every unit."""
    methods: dict[str, Callable[..., Any]] = {}
    for java, unit in (
        ("Weeks", "weeks"),
        ("Days", "days"),
        ("Hours", "hours"),
        ("Minutes", "minutes"),
        ("Seconds", "seconds"),
        ("Millis", "milliseconds"),
    ):
        methods[f"plus{java}"] = lambda m, n, unit=unit: _shift(m, **{unit: to_long(n)})
        methods[f"minus{java}"] = lambda m, n, unit=unit: _shift(m, **{unit: -to_long(n)})
    for java, months in (("Months", 1), ("Years", 12)):
        methods[f"plus{java}"] = lambda m, n, months=months: plus_months(m, months * to_long(n))
        methods[f"minus{java}"] = lambda m, n, months=months: plus_months(m, -months * to_long(n))
    return methods


def _with_time(moment: datetime, hour: Any, minute: Any, second: Any = 0, millis: Any = 0) -> datetime:
    return moment.replace(
        hour=to_long(hour), minute=to_long(minute), second=to_long(second), microsecond=to_long(millis) * 1000
    )


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _other(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    raise CannotCoerce("a date is expected")


MOMENT_PROPERTIES: dict[str, Callable[[datetime], Any]] = {
    "year": lambda m: m.year,
    "monthOfYear": lambda m: m.month,
    "dayOfMonth": lambda m: m.day,
    "dayOfWeek": lambda m: m.isoweekday(),
    "dayOfYear": lambda m: m.timetuple().tm_yday,
    "hourOfDay": lambda m: m.hour,
    "minuteOfHour": lambda m: m.minute,
    "secondOfMinute": lambda m: m.second,
    "millis": _millis,
    "time": _millis,
}

MOMENT_METHODS: dict[str, Callable[..., Any]] = {
    **_steps(),
    **{f"get{name[0].upper()}{name[1:]}": read for name, read in MOMENT_PROPERTIES.items()},
    "withTime": _with_time,
    "withTimeAtStartOfDay": lambda m: _with_time(m, 0, 0),
    "withDayOfMonth": lambda m, n: m.replace(day=to_long(n)),
    "withHourOfDay": lambda m, n: m.replace(hour=to_long(n)),
    "withMinuteOfHour": lambda m, n: m.replace(minute=to_long(n)),
    "withSecondOfMinute": lambda m, n: m.replace(second=to_long(n)),
    "toDate": lambda m: m,
    "toDateTime": lambda m: m,
    "isBefore": lambda m, other: m < _other(other),
    "isAfter": lambda m, other: m > _other(other),
    "isEqual": lambda m, other: m == _other(other),
    "before": lambda m, other: m < _other(other),
    "after": lambda m, other: m > _other(other),
    "equals": lambda m, other: m == other,
    "compareTo": lambda m, other: (m > _other(other)) - (m < _other(other)),
    "toString": datetime_text,
}
