"""How long history is kept, and when it may be cleaned."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

DEFAULT_BATCH_ROWS = 1000

_FORM = re.compile(r"(\d\d?):(\d\d)(?: ?(Z|[+-]\d\d:?\d\d)| ([A-Za-z][\w+\-/]*))?", re.ASCII)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A time that comes once a day, in its own time zone."""

    time: time
    zone: tzinfo = UTC

    def last(self, now: datetime) -> datetime:
        """When it came last, `now` included; UTC."""
        return max(moment for moment in self._around(now) if moment <= now)

    def next(self, now: datetime) -> datetime:
        """When it comes next, after `now`; UTC."""
        return min(moment for moment in self._around(now) if moment > now)

    def _around(self, now: datetime) -> list[datetime]:
        today = now.astimezone(self.zone).date()
        return [self._on(datetime.combine(today + days * _DAY, self.time)) for days in (-2, -1, 0, 1, 2)]

    def _on(self, local: datetime) -> datetime:
        moment = local.replace(tzinfo=self.zone).astimezone(UTC)
        # a time that the clocks skip comes when they have skipped it; one that they show twice, the first time
        while moment.astimezone(self.zone).replace(tzinfo=None) != local:
            local += _MINUTE
            moment = local.replace(tzinfo=self.zone).astimezone(UTC)
        return moment


def parse_time_of_day(text: str) -> TimeOfDay:
    """`22:00` is in UTC, `22:00+01:00` and `22:00 Europe/Berlin` say where. Raises ValueError."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time of day such as 22:00, 22:00+01:00 or 22:00 Europe/Berlin")
    hour, minute, offset, name = match.groups()
    try:
        return TimeOfDay(time(int(hour), int(minute)), _zone(offset, name))
    except (ValueError, LookupError, OSError):
        raise ValueError(f"{text!r} is not a time of day, or its time zone is not known here") from None


def _zone(offset: str | None, name: str | None) -> tzinfo:
    if name is not None:
        return ZoneInfo(name)
    if offset is None or offset == "Z":
        return UTC
    distance = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    return timezone(-distance if offset[0] == "-" else distance)


@dataclass(frozen=True, slots=True)
class CleanupWindow:
    """The part of every day in which history is cleaned; it may lie over midnight."""

    start: TimeOfDay
    end: TimeOfDay

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError("a cleanup window must not end when it starts")

    def is_open(self, now: datetime) -> bool:
        """Whether history may be cleaned now. The end is no part of the window."""
        return self.start.last(now) > self.end.last(now)

    def start_at(self, now: datetime) -> datetime:
        """When the window that is open now, or else the next one, starts."""
        return self.start.last(now) if self.is_open(now) else self.start.next(now)

    def end_at(self, now: datetime) -> datetime:
        """When that one ends."""
        return self.end.next(self.start_at(now))


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """`time_to_live` is in days, for definitions that say nothing at their deployment; None keeps for ever.

    Without a window history is cleaned on demand only. `batch_rows` go in one transaction.
    """

    window: CleanupWindow | None = None
    batch_rows: int = DEFAULT_BATCH_ROWS
    time_to_live: int | None = None


def removal_time(ended: datetime, days: int | None) -> datetime | None:
    """From when on something that ended then may be removed; None is never."""
    if days is None:
        return None
    try:
        return ended + timedelta(days=days)
    except OverflowError:
        # beyond the calendar
        return None
