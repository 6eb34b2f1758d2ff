"""Date, time and duration functions (DMN 1.5 §10.3.4.1, §10.3.4.8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mlc_service.dmn.feel import times
from mlc_service.dmn.feel.functions.registry import function
from mlc_service.dmn.feel.scope import Run
from mlc_service.dmn.feel.times import Date, DateTime, DaysTime, Time, YearsMonths

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@function("date", "from:string")
def date_of_text(text: str) -> Date | None:
    return times.parse_date(text)


@function("date", "from:date")
def date_of_date(value: Date) -> Date:
    return value


@function("date", "from:date and time")
def date_of_date_time(value: DateTime) -> Date:
    return value.date


@function("date", "year:number, month:number, day:number")
def date_of_numbers(year: Decimal, month: Decimal, day: Decimal) -> Date | None:
    return times.make_date(int(year), int(month), int(day))


@function("time", "from:string")
def time_of_text(text: str) -> Time | None:
    return times.parse_time(text)


@function("time", "from:time")
def time_of_time(value: Time) -> Time:
    return value


@function("time", "from:date and time")
def time_of_date_time(value: DateTime) -> Time:
    return value.time


@function("time", "hour:number, minute:number, second:number, offset:duration?")
def time_of_numbers(
    hour: Decimal, minute: Decimal, second: Decimal, offset: DaysTime | YearsMonths | None = None
) -> Time | None:
    if isinstance(offset, YearsMonths):
        return None
    seconds = int(second)
    nanos = int((second - seconds) * times.NANOS)
    return times.make_time(
        int(hour), int(minute), seconds, nanos, None if offset is None else offset.nanos // times.NANOS
    )


@function("date and time", "from:string")
def date_time_of_text(text: str) -> DateTime | None:
    day = times.parse_date(text)
    return times.parse_date_time(text) if day is None else DateTime(day, Time(0))


@function("date and time", "from:date and time")
def date_time_of_date_time(value: DateTime) -> DateTime:
    return value


@function("date and time", "date:date, time:time")
def date_time_of_parts(date: Date, time: Time) -> DateTime:
    return DateTime(date, time)


@function("date and time", "date:date and time, time:time")
def date_time_of_date_time_and_time(date: DateTime, time: Time) -> DateTime:
    return DateTime(date.date, time)


@function("duration", "from:string")
def duration_of_text(text: str) -> times.Duration | None:
    return times.parse_duration(text)


@function("duration", "from:duration")
def duration_of_duration(value: times.Duration) -> times.Duration:
    return value


@function("years and months duration", "from:date and time, to:date and time")
def years_and_months(start: DateTime, end: DateTime) -> YearsMonths:
    first, last, sign = (start, end, 1) if start.local() <= end.local() else (end, start, -1)
    months = (last.date.year - first.date.year) * 12 + last.date.month - first.date.month
    if last.date.day < first.date.day:
        months -= 1
    return YearsMonths(sign * months)


@function("now", "", needs_run=True)
def now(run: Run) -> Any:
    """The moment the caller gave as `__now__`; null if it gave none: time is passed in."""
    moment = run.variable("__now__")
    return moment if isinstance(moment, DateTime) else None


@function("today", "", needs_run=True)
def today(run: Run) -> Any:
    moment = now(run)
    return None if moment is None else moment.date


def _of_day(name: str) -> Callable[[Callable[[Date], Any]], Callable[[Date], Any]]:
    """Declares the function for a date and for a date and time."""

    def declare(implementation: Callable[[Date], Any]) -> Callable[[Date], Any]:
        function(name, "date:date")(implementation)
        function(name, "date:date and time")(lambda value: implementation(value.date))
        return implementation

    return declare


@_of_day("day of week")
def day_of_week(date: Date) -> str:
    return _DAYS[date.weekday() - 1]


@_of_day("month of year")
def month_of_year(date: Date) -> str:
    return _MONTHS[date.month - 1]


@_of_day("day of year")
def day_of_year(date: Date) -> Decimal:
    return Decimal(date.ordinal() - Date(date.year, 1, 1).ordinal() + 1)


@_of_day("week of year")
def week_of_year(date: Date) -> Decimal:
    # the calendar repeats every 400 years, and Python's ends at 9999
    return Decimal(dt.date(date.year % 400 + 2000, date.month, date.day).isocalendar().week)


@_of_day("last day of month")
def last_day_of_month(date: Date) -> Date:
    return Date(date.year, date.month, times.days_in_month(date.year, date.month))
