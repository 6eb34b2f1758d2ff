"""Cron expressions of timer cycles: `seconds minutes hours day-of-month month day-of-week [year]`.

Two dialects differ in the numbers of the days of the week. Camunda 7.24 reads them as Spring does, 0 and 7 for Sunday
and 1 for Monday; Camunda before it, and Quartz, from 1 for Sunday to 7 for Saturday. Names mean the same in both.

Pure functions. Days are found month by month, times by the sorted values of their fields, so that an answer costs the
same however far away it lies.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from mlc_service.language.errors import TimerError

Dialect = Literal["spring", "quartz"]
CAMUNDA: Dialect = "spring"

LAST_YEAR = 2099
_FIRST_YEAR = 1970
_START = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SHORTHANDS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * SUN",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_SHAPE = "seconds minutes hours day-of-month month day-of-week, and a year if need be, such as 0 0/5 * * * ?"
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Field:
    """What one place of the expression may hold; `names` stand for the numbers from `lowest` on.

    Counting goes round after `turn` values, so that `FRI-MON` and `22-2` are ranges; years do not come round.
    """

    name: str
    lowest: int
    highest: int
    turn: int = 0
    names: tuple[str, ...] = ()
    also: str = ""

    @property
    def allowed(self) -> str:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.lowest} to {self.highest}{names}, lists 1,2, ranges 1-5, steps 1/5, *{self.also}"


_SECONDS = Field("seconds", 0, 59, 60)
_MINUTES = Field("minutes", 0, 59, 60)
_HOURS = Field("hours", 0, 23, 24)
_DAYS = Field("day-of-month", 1, 31, 31, also=", ?, L, L-3, LW, 15W")
_MONTH = Field("month", 1, 12, 12, _MONTHS)
_DAYS_OF_WEEK = {
    "spring": Field("day-of-week", 0, 7, 7, _WEEKDAYS, also=", ?, L, FRIL, FRI#3"),
    "quartz": Field("day-of-week", 1, 7, 7, _WEEKDAYS, also=", ?, L, FRIL, FRI#3"),
}
_YEAR = Field("year", _FIRST_YEAR, LAST_YEAR)

_VALUE = r"[0-9]{1,4}|[A-Z]{3}"
_PART = re.compile(rf"(?:\*|(?P<low>{_VALUE})(?:-(?P<high>{_VALUE}))?|(?=/))(?:/(?P<step>[0-9]{{1,4}}))?")
_CLOSE_DAY = re.compile(r"(?:L(?:-(?P<back>[0-9]{1,2}))?(?P<end_working>W)?|(?P<day>[0-9]{1,2})W)")
_TURN_DAY = re.compile(rf"(?P<day>{_VALUE})(?:L|#(?P<turn>[1-5]))")
_NUMBERED_DAY = re.compile(r"(?:^|[,-])(?:[0-9]|L)")


@dataclass(frozen=True, slots=True)
class CloseDay:
    """A day of the month counted from its end (0 is the last), or the working day closest to a day in the month."""

    day: int
    working: bool

    def of(self, first: int, length: int) -> int | None:
        """The day in a month of that length whose first day is that weekday (Monday is 0)."""
        day = self.day if self.day > 0 else length + self.day
        if not 1 <= day <= length:
            return None
        weekday = (first + day - 1) % 7
        if not self.working or weekday < 5:
            return day
        if weekday == 5:
            return day - 1 if day > 1 else day + 2
        return day + 1 if day < length else day - 2


@dataclass(frozen=True, slots=True)
class TurnDay:
    """The first to fifth of a day of the week (Sunday is 0) in the month; turn 0 is the last of them."""

    weekday: int
    turn: int

    def of(self, first: int, length: int) -> int | None:
        day = 1 + (self.weekday - 1 - first) % 7
        if self.turn:
            day += 7 * (self.turn - 1)
            return day if day <= length else None
        return day + (length - day) // 7 * 7


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """The times of the calendar that an expression names. A day has to fit its day of the month and of the week."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    close_days: tuple[CloseDay, ...]
    months: tuple[int, ...]
    weekdays: frozenset[int]
    turn_days: tuple[TurnDay, ...]
    years: tuple[int, ...]

    def next_after(self, moment: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first firing after the moment, by the clocks of the zone, in UTC; None if there is none up to 2099.

        When clocks go forward, what they leave out fires once, at the moment they jump; when they go back, what they
        show twice fires the first time only. A schedule of every hour has no need of either and follows elapsed time.
        """
        if moment.year > LAST_YEAR:
            return None
        since = max(moment.astimezone(UTC).replace(microsecond=0) + _SECOND, _START)
        for day in self._days_from(since.astimezone(zone).date()):
            for stretch in self._stretches(day, zone):
                found = self._first_in(stretch, since)
                if found is not None:
                    return found
        return None

    def _days_from(self, start: date) -> Iterator[date]:
        for year in self.years[bisect_left(self.years, start.year) :]:
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self._days_of(year, month):
                    found = date(year, month, day)
                    if found >= start:
                        yield found

    def _days_of(self, year: int, month: int) -> list[int]:
        first, length = monthrange(year, month)
        days = self.days.union(rule.of(first, length) or 0 for rule in self.close_days)
        by_week = {rule.of(first, length) for rule in self.turn_days}
        return [
            day
            for day in range(1, length + 1)
            if day in days and ((first + day) % 7 in self.weekdays or day in by_week)
        ]

    def _stretches(self, day: date, zone: tzinfo) -> Iterator[_Stretch]:
        """The day in parts between which the clocks change; at most once a day, everywhere."""
        midnight = datetime.combine(day, time())
        morrow = midnight + _DAY
        before, after = _offset(midnight, zone), _offset(morrow, zone)
        if before == after:
            yield _Stretch(midnight, morrow, before)
            return
        change = _change(_utc(midnight, before), _utc(morrow, after), after, zone)
        until, resumed = ((change + offset).replace(tzinfo=None) for offset in (before, after))
        yield _Stretch(midnight, until, before)
        if self._is_hourly:
            yield _Stretch(max(midnight, resumed), morrow, after)
            return
        if until < resumed:
            yield _Stretch(max(midnight, until), resumed, before, change)
        yield _Stretch(max(midnight, until, resumed), morrow, after)

    def _first_in(self, stretch: _Stretch, since: datetime) -> datetime | None:
        if stretch.skipped_at is not None:
            start = stretch.start if stretch.skipped_at >= since else stretch.end
        else:
            start = max(stretch.start, (since + stretch.offset).replace(tzinfo=None))
        if start >= stretch.end:
            return None
        clock = self._time_from(start.time())
        if clock is None:
            return None
        found = datetime.combine(start.date(), clock)
        if found >= stretch.end:
            return None
        return stretch.skipped_at or _utc(found, stretch.offset)

    def _time_from(self, clock: time) -> time | None:
        """The first time of a day from this one on."""
        hour, minute, second = clock.hour, clock.minute, clock.second
        if hour in self.hours:
            if minute in self.minutes:
                found = _from(self.seconds, second)
                if found is not None:
                    return time(hour, minute, found)
            found = _from(self.minutes, minute + 1)
            if found is not None:
                return time(hour, found, self.seconds[0])
        found = _from(self.hours, hour + 1)
        return None if found is None else time(found, self.minutes[0], self.seconds[0])

    @property
    def _is_hourly(self) -> bool:
        return len(self.hours) == _HOURS.turn


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of a day by the clock, of one offset from UTC; what `skipped_at` is given for, no clock ever shows."""

    start: datetime
    end: datetime
    offset: timedelta
    skipped_at: datetime | None = None


def parse_cron(text: str, dialect: Dialect = CAMUNDA) -> CronSchedule:
    """Reads the expression. Raises TimerError, naming the field and what it may hold.

    A year is Quartz's; where numbers of the days of the week are Spring's, they have to be named beside a year.
    """
    shown = text.strip()
    if len(shown) > _LONGEST:
        raise TimerError("the cron expression is too long")
    fields = _SHORTHANDS.get(shown.lower(), shown).upper().split()
    if shown.startswith("@") and len(fields) == 1:
        raise TimerError(f"'{shown}' is not one of {', '.join(_SHORTHANDS)}")
    if len(fields) not in (6, 7):
        count = f"{len(fields)} field{'' if len(fields) == 1 else 's'}"
        raise TimerError(f"'{shown}' has {count}; a cron expression has 6 or 7: {_SHAPE}")
    if fields[3] == "?" == fields[5]:
        raise TimerError(f"'{shown}' has ? for both day-of-month and day-of-week; one of them has to tell the days")
    week = _DAYS_OF_WEEK[dialect]
    if len(fields) == 7 and dialect == "spring" and _NUMBERED_DAY.search(fields[5]):
        raise TimerError(
            f"day-of-week '{fields[5]}' in '{shown}': beside a year, days of the week are written by name, SUN to SAT, "
            "because their numbers mean other days in Quartz"
        )
    days, close_days = _days_of_month(fields[3])
    weekdays, turn_days = _days_of_week(fields[5], week)
    schedule = CronSchedule(
        seconds=_values(fields[0], _SECONDS),
        minutes=_values(fields[1], _MINUTES),
        hours=_values(fields[2], _HOURS),
        days=days,
        close_days=close_days,
        months=_values(fields[4], _MONTH),
        weekdays=weekdays,
        turn_days=turn_days,
        years=_values(fields[6] if len(fields) == 7 else "*", _YEAR),
    )
    if schedule.next_after(_START - _SECOND) is None:
        raise TimerError(f"'{shown}' never fires: its day-of-month, month, day-of-week and year exclude each other")
    return schedule


def _days_of_month(text: str) -> tuple[frozenset[int], tuple[CloseDay, ...]]:
    plain: list[str] = []
    close: list[CloseDay] = []
    for part in _parts(text):
        match = _CLOSE_DAY.fullmatch(part)
        if match is None:
            plain.append(part)
        elif match["day"]:
            close.append(CloseDay(_number(match["day"], text, _DAYS), working=True))
        else:
            back = int(match["back"] or 0)
            if match["back"] and not 1 <= back < _DAYS.highest:
                raise _refused(text, _DAYS)
            close.append(CloseDay(-back, working=match["end_working"] is not None))
    return frozenset(_all(plain, text, _DAYS)), tuple(close)


def _days_of_week(text: str, field: Field) -> tuple[frozenset[int], tuple[TurnDay, ...]]:
    plain: list[str] = []
    turns: list[TurnDay] = []
    for part in _parts(text):
        match = _TURN_DAY.fullmatch(part)
        if match is None:
            # the last day of the week, which is no rule of the month
            plain.append(str(field.highest) if part == "L" else part)
        else:
            weekday = (_number(match["day"], text, field) - field.lowest) % field.turn
            turns.append(TurnDay(weekday, int(match["turn"] or 0)))
    return frozenset((value - field.lowest) % field.turn for value in _all(plain, text, field)), tuple(turns)


def _parts(text: str) -> list[str]:
    return ["*"] if text == "?" else text.split(",")


def _values(text: str, field: Field) -> tuple[int, ...]:
    return tuple(sorted(_all(text.split(","), text, field)))


def _all(parts: Iterable[str], text: str, field: Field) -> set[int]:
    return {value for part in parts for value in _range(part, text, field)}


def _range(part: str, text: str, field: Field) -> Iterable[int]:
    match = _PART.fullmatch(part)
    if match is None:
        raise _refused(text, field)
    step = int(match["step"] or 1)
    if not 1 <= step <= field.highest:
        raise TimerError(f"{field.name} '{text}': a step is 1 to {field.highest}")
    low = field.lowest if match["low"] is None else _number(match["low"], text, field)
    if match["high"] is None:
        if match["low"] is not None and match["step"] is None:
            return (low,)
        # the last number of a week may be its first day again, as a start it is that
        low = low if not field.turn else (low - field.lowest) % field.turn + field.lowest
        return range(low, field.highest + 1, step)
    high = _number(match["high"], text, field)
    if low <= high:
        return range(low, high + 1, step)
    if not field.turn:
        raise TimerError(f"{field.name} '{text}': a range goes upwards")
    return ((value - field.lowest) % field.turn + field.lowest for value in range(low, high + field.turn + 1, step))


def _number(text: str, whole: str, field: Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.lowest
    if not text.isdecimal() or not field.lowest <= int(text) <= field.highest:
        raise _refused(whole, field)
    return int(text)


def _refused(text: str, field: Field) -> TimerError:
    return TimerError(f"{field.name} '{text}' cannot be read; allowed are {field.allowed}")


def _from(values: tuple[int, ...], lowest: int) -> int | None:
    place = bisect_left(values, lowest)
    return values[place] if place < len(values) else None


def _utc(local: datetime, offset: timedelta) -> datetime:
    return (local - offset).replace(tzinfo=UTC)


def _offset(local: datetime, zone: tzinfo) -> timedelta:
    """How far the zone's clocks are ahead; of a time that they skip or repeat, before they change."""
    return local.replace(tzinfo=zone).utcoffset() or timedelta(0)


def _change(start: datetime, end: datetime, after: timedelta, zone: tzinfo) -> datetime:
    """The moment in [start, end] from which on the zone has the offset `after`, to the second."""
    low, high = -1, (end - start) // _SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if (start + middle * _SECOND).astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return start + high * _SECOND
