"""FEEL's dates, times and durations (DMN 1.5 §10.3.2.3), for years -999999999 to 999999999 and to the nanosecond.

Python's own `datetime` stops at year 9999, at microseconds, and keeps no zone in a bare time; DMN asks for all three.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from functools import lru_cache

NANOS = 1_000_000_000
DAY = 86_400 * NANOS
_MAX_YEAR = 999_999_999
_MAX_OFFSET = 18 * 3600
_YEAR = r"(?P<year>-?(?:[1-9]\d{4,8}|\d{4}))"
_DATE = rf"{_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK = (
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,18}))?"
    r"(?P<zone>Z|z|[+-]\d\d:?\d\d(?::\d\d)?|@[\w+\-]+(?:/[\w+\-]+)*)?"
)
_DATE_TEXT = re.compile(_DATE, re.ASCII)
_TIME_TEXT = re.compile("T?" + _CLOCK, re.ASCII)
_DATE_TIME_TEXT = re.compile(f"{_DATE}T{_CLOCK}", re.ASCII)
_MONTHS_TEXT = re.compile(r"(-?)P(?=\d)(?:(\d{1,18})Y)?(?:(\d{1,18})M)?", re.ASCII)
_DAYS_TEXT = re.compile(
    r"(-?)P(?=\d|T\d)(?:(\d{1,18})D)?(?:T(?=\d)(?:(\d{1,18})H)?(?:(\d{1,18})M)?(?:(\d{1,18})(?:\.(\d{0,18}))?S)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class YearsMonths:
    """A years-and-months duration."""

    months: int

    def __str__(self) -> str:
        years, months = divmod(abs(self.months), 12)
        body = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
        return ("-" if self.months < 0 else "") + "P" + (body or "0M")


@dataclass(frozen=True, slots=True, order=True)
class DaysTime:
    """A days-and-time duration, counted in nanoseconds."""

    nanos: int

    def parts(self) -> tuple[int, int, int, int, int]:
        """Days, hours, minutes, seconds, nanoseconds; all carry the duration's sign."""
        sign = -1 if self.nanos < 0 else 1
        seconds, nanos = divmod(abs(self.nanos), NANOS)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        return sign * days, sign * hours, sign * minutes, sign * seconds, sign * nanos

    def __str__(self) -> str:
        days, hours, minutes, seconds, nanos = (abs(part) for part in self.parts())
        clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
        if seconds or nanos:
            clock += f"{seconds}{_fraction(nanos)}S"
        body = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
        return ("-" if self.nanos < 0 else "") + "P" + (body or "T0S")


@dataclass(frozen=True, slots=True, order=True)
class Date:
    """A day of the proleptic Gregorian calendar; year 0 is 1 BC."""

    year: int
    month: int
    day: int

    def __str__(self) -> str:
        return f"{'-' if self.year < 0 else ''}{abs(self.year):04d}-{self.month:02d}-{self.day:02d}"

    def ordinal(self) -> int:
        """Days since 1970-01-01 (H. Hinnant, days_from_civil)."""
        year = self.year - (self.month <= 2)
        era, year_of_era = divmod(year, 400)
        day_of_year = (153 * (self.month + (-3 if self.month > 2 else 9)) + 2) // 5 + self.day - 1
        return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468

    def weekday(self) -> int:
        """1 for Monday to 7 for Sunday."""
        return (self.ordinal() + 3) % 7 + 1


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day in nanoseconds, with its offset from UTC in seconds or the name of its zone, or neither."""

    nanos: int
    offset: int | None = None
    zone: str | None = None

    def clock(self) -> tuple[int, int, int, int]:
        """Hour, minute, second, nanosecond."""
        seconds, nanos = divmod(self.nanos, NANOS)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return hours, minutes, seconds, nanos

    def offset_on(self, date: Date | None) -> int | None:
        """Seconds east of UTC on that date; a zone without a date is read in winter of the north (2000-01-01)."""
        if self.zone is None:
            return self.offset
        date = date or Date(2000, 1, 1)
        year = date.year if 1 < date.year < 9999 else 2000
        hour, minute, second, _ = self.clock()
        day = date.day if year == date.year else min(date.day, 28)
        local = dt.datetime(year, date.month, day, hour, minute, second, tzinfo=_zone(self.zone))
        offset = local.utcoffset()
        return None if offset is None else int(offset.total_seconds())

    def __str__(self) -> str:
        hour, minute, second, nanos = self.clock()
        return f"{hour:02d}:{minute:02d}:{second:02d}{_fraction(nanos)}{self._suffix()}"

    def _suffix(self) -> str:
        if self.zone is not None:
            return "@" + self.zone
        if self.offset is None:
            return ""
        if self.offset == 0:
            return "Z"
        minutes, seconds = divmod(abs(self.offset), 60)
        tail = f":{seconds:02d}" if seconds else ""
        return f"{'-' if self.offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}{tail}"


@dataclass(frozen=True, slots=True)
class DateTime:
    """A date with a time of day."""

    date: Date
    time: Time

    def __str__(self) -> str:
        return f"{self.date}T{self.time}"

    def offset(self) -> int | None:
        return self.time.offset_on(self.date)

    def local(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00 of its own clock."""
        return self.date.ordinal() * DAY + self.time.nanos

    def instant(self) -> int | None:
        """Nanoseconds since 1970-01-01T00:00:00Z, or None when it has no offset."""
        offset = self.offset()
        return None if offset is None else self.local() - offset * NANOS


Duration = YearsMonths | DaysTime


def date_of_ordinal(days: int) -> Date | None:
    """Inverse of `Date.ordinal`; None outside the years FEEL knows."""
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return make_date(year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1)


def date_time_of_local(nanos: int, like: Time) -> DateTime | None:
    """The date and time whose own clock shows `nanos`, in the zone of `like`."""
    days, rest = divmod(nanos, DAY)
    date = date_of_ordinal(days)
    return None if date is None else DateTime(date, Time(rest, like.offset, like.zone))


def make_date(year: int, month: int, day: int) -> Date | None:
    """The date, or None if there is no such day."""
    if abs(year) > _MAX_YEAR or not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        return None
    return Date(year, month, day)


def make_time(hour: int, minute: int, second: int, nanos: int = 0, offset: int | None = None) -> Time | None:
    """The time of day, or None if there is no such time or offset."""
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60 and 0 <= nanos < NANOS):
        return None
    if offset is not None and abs(offset) > _MAX_OFFSET:
        return None
    return Time(((hour * 60 + minute) * 60 + second) * NANOS + nanos, offset)


def days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def add_months(date: Date, months: int) -> Date | None:
    """The date that many months on; a day that month lacks becomes its last (31 January + P1M = 28 February)."""
    total = date.year * 12 + date.month - 1 + months
    year, month = divmod(total, 12)
    return make_date(year, month + 1, min(date.day, days_in_month(year, month + 1)))


def parse_date(text: str) -> Date | None:
    found = _DATE_TEXT.fullmatch(text)
    return _read_date(found) if found else None


def parse_time(text: str) -> Time | None:
    found = _TIME_TEXT.fullmatch(text)
    return _read_time(found) if found else None


def parse_date_time(text: str) -> DateTime | None:
    found = _DATE_TIME_TEXT.fullmatch(text)
    if not found:
        return None
    date, time = _read_date(found), _read_time(found)
    if date is None or time is None:
        return None
    if found["hour"] == "24":
        tomorrow = date_of_ordinal(date.ordinal() + 1)
        return None if tomorrow is None else DateTime(tomorrow, time)
    return DateTime(date, time)


def parse_duration(text: str) -> Duration | None:
    found = _MONTHS_TEXT.fullmatch(text)
    if found:
        months = int(found[2] or 0) * 12 + int(found[3] or 0)
        return YearsMonths(-months if found[1] else months)
    found = _DAYS_TEXT.fullmatch(text)
    if not found:
        return None
    days, hours, minutes, seconds = (int(found[group] or 0) for group in range(2, 6))
    nanos = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * NANOS + _nanos(found[6])
    return DaysTime(-nanos if found[1] else nanos)


def parse_any(text: str) -> Date | Time | DateTime | Duration | None:
    """The value of an `@"..."` literal."""
    return parse_date(text) or parse_date_time(text) or parse_time(text) or parse_duration(text)


def _read_date(found: re.Match[str]) -> Date | None:
    return make_date(int(found["year"]), int(found["month"]), int(found["day"]))


def _read_time(found: re.Match[str]) -> Time | None:
    zone, offset = found["zone"], None
    if zone and zone[0] == "@":
        if not _is_zone(zone[1:]):
            return None
    elif zone:
        offset = _read_offset(zone)
    nanos = _nanos(found["fraction"])
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    if (hour, minute, second, nanos) == (24, 0, 0, 0):
        hour = 0  # the end of a day is the start of the next (XML Schema)
    time = make_time(hour, minute, second, nanos, offset)
    if time is not None and zone and zone[0] == "@":
        return Time(time.nanos, None, zone[1:])
    return time


def _read_offset(text: str) -> int:
    if text in "Zz":
        return 0
    digits = text[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6])
    return -seconds if text[0] == "-" else seconds


def _nanos(fraction: str | None) -> int:
    return int(fraction[:9].ljust(9, "0")) if fraction else 0


def _fraction(nanos: int) -> str:
    return f".{nanos:09d}".rstrip("0") if nanos else ""


@lru_cache(maxsize=256)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


def _is_zone(name: str) -> bool:
    try:
        _zone(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
