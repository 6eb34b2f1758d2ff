"""Dates as generated forms write and read them: by a pattern of Java's SimpleDateFormat, in UTC."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from ..language.juel_date_patterns import written
from ..language.juel_values import CannotCoerce

DEFAULT_PATTERN = "dd/MM/yyyy"
_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_MONTHS = [name.lower() for name in calendar.month_name]
# what a letter stands for; others can be written but not read
_PARTS = {
    "y": "year", "M": "month", "d": "day", "H": "hour", "h": "hour_of_half", "a": "half", "m": "minute",
    "s": "second", "S": "millisecond",
}  # fmt: skip


class _Reading(NamedTuple):
    form: re.Pattern[str]
    parts: tuple[str, ...]


def why_unreadable(pattern: str) -> str | None:
    """What is wrong with the pattern, None if dates can be read by it."""
    try:
        _reading(pattern)
    except ValueError as error:
        return str(error)
    return None


def write_date(moment: datetime, pattern: str) -> str:
    """The moment by the pattern, in UTC. Raises ValueError for a pattern without a meaning."""
    try:
        return written(moment.astimezone(UTC), pattern)
    except CannotCoerce as error:
        raise ValueError(str(error)) from None


def read_date(text: str, pattern: str) -> datetime:
    """The moment in UTC that the text means by the pattern; what the pattern leaves out is as small as it can be.

    Raises ValueError.
    """
    reading = _reading(pattern)
    match = reading.form.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not of the form {pattern}")
    found = dict(zip(reading.parts, match.groups(), strict=True))
    hour = int(found.get("hour") or 0)
    if "hour_of_half" in found:
        hour = int(found["hour_of_half"]) % 12 + (12 if found.get("half", "").lower() == "pm" else 0)
    return datetime(
        _year(found.get("year") or "1970"),
        _month(found.get("month") or "1"),
        int(found.get("day") or 1),
        hour,
        int(found.get("minute") or 0),
        int(found.get("second") or 0),
        int((found.get("millisecond") or "0").ljust(3, "0")[:3]) * 1000,
        UTC,
    )


@lru_cache(maxsize=256)
def _reading(pattern: str) -> _Reading:
    form, parts, place = "", [], 0
    while place < len(pattern):
        part = _PART.match(pattern, place)
        if part is None:
            raise ValueError(f"the date pattern {pattern!r} has a quote without an end")
        place = part.end()
        letter = part[2]
        if letter is None:
            quoted = part[1]
            form += re.escape(part[0] if quoted is None else quoted.replace("''", "'") or "'")
        elif letter not in _PARTS or _PARTS[letter] in parts:
            raise ValueError(f"the date pattern {pattern!r} cannot be read by: {part[0]!r}")
        else:
            parts.append(_PARTS[letter])
            form += _form_of(letter, len(part[0]))
    return _Reading(re.compile(form, re.ASCII), tuple(parts))


def _form_of(letter: str, width: int) -> str:
    if letter == "a":
        return "([AaPp][Mm])"
    if letter == "M" and width > 2:
        return "([A-Za-z]{3,9})"
    return r"(\d{1,4})" if letter == "y" and width != 2 else r"(\d{1,3})" if letter == "S" else r"(\d{1,2})"


def _year(text: str) -> int:
    return 2000 + int(text) if len(text) == 2 else int(text)


def _month(text: str) -> int:
    if text.isdigit():
        return int(text)
    found = [number for number, name in enumerate(_MONTHS) if number and name.startswith(text.lower())]
    if len(found) != 1:
        raise ValueError(f"{text!r} is no month")
    return found[0]
