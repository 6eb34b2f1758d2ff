"""Moments written by a pattern such as `dd.MM.yyyy HH:mm` (Joda's DateTimeFormat, in English)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, datetime, time

from mlc_service.language.juel_values import CannotCoerce

_MAX_LENGTH = 200
_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_MONTHS = calendar.month_name
_DAYS = calendar.day_name


def _year(moment: datetime, width: int) -> str:
    return f"{moment.year % 100:02}" if width == 2 else f"{moment.year:0{width}}"


def _zone(moment: datetime, width: int) -> str:
    offset = moment.isoformat()[-6:] if moment.tzinfo else "+00:00"
    return offset if width == 2 else offset.replace(":", "")


def _zone_name(moment: datetime, _width: int) -> str:
    return moment.tzname() or ""


def _number(read: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda moment, width: f"{read(moment):0{width}}"


_LETTERS: dict[str, Callable[[datetime, int], str]] = {
    "y": _year,
    "Y": _year,
    "u": _year,
    "x": lambda moment, width: f"{moment.isocalendar().year:0{width}}",
    "w": _number(lambda moment: moment.isocalendar().week),
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "M": lambda moment, width: (
        f"{moment.month:0{width}}" if width < 3 else _MONTHS[moment.month][:3] if width == 3 else _MONTHS[moment.month]
    ),
    "d": _number(lambda moment: moment.day),
    "e": _number(lambda moment: moment.isoweekday()),
    "E": lambda moment, width: _DAYS[moment.weekday()] if width > 3 else _DAYS[moment.weekday()][:3],
    "a": lambda moment, _width: "AM" if moment.hour < 12 else "PM",
    "H": _number(lambda moment: moment.hour),
    "k": _number(lambda moment: moment.hour or 24),
    "K": _number(lambda moment: moment.hour % 12),
    "h": _number(lambda moment: moment.hour % 12 or 12),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": lambda moment, width: f"{moment.microsecond:06}".ljust(width, "0")[:width],
    "Z": _zone,
    "z": _zone_name,
}


def written(moment: datetime | date | time, pattern: str) -> str:
    """The moment in the pattern's form. Raises CannotCoerce for a letter that has no meaning."""
    if len(pattern) > _MAX_LENGTH:
        raise CannotCoerce("the date pattern is too long")
    whole = _whole(moment)
    out: list[str] = []
    place = 0
    while place < len(pattern):
        part = _PART.match(pattern, place)
        if part is None:
            raise CannotCoerce(f"the date pattern '{pattern}' has a quote without an end")
        place = part.end()
        if part.group(2):
            letter = _LETTERS.get(part.group(2))
            if letter is None:
                raise CannotCoerce(f"Illegal pattern component: {part.group(2)}")
            out.append(letter(whole, len(part.group())))
        elif part.group(1) is not None:
            out.append(part.group(1).replace("''", "'") or "'")
        else:
            out.append(part.group())
    return "".join(out)


def _whole(moment: datetime | date | time) -> datetime:
    if isinstance(moment, datetime):
        return moment
    if isinstance(moment, date):
        return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  a day has no zone
    return datetime(1970, 1, 1, moment.hour, moment.minute, moment.second, moment.microsecond)  # noqa: DTZ001
