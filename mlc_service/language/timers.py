"""When a timer is due: ISO 8601 dates, durations and repeating intervals, or cron expressions, as Camunda 7 reads them.

Pure functions. `now` is an aware datetime and comes from the caller; every answer is aware and in UTC. Months and
years follow the calendar (31 January plus a month is the last of February). `zone` is where the clocks hang that a cron
expression speaks of, `dialect` whose numbers its days of the week have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

import isodate

from mlc_service.language.errors import TimerError
from mlc_service.language.juel_moments import plus_months
from mlc_service.language.quartz import CAMUNDA, LAST_YEAR, CronSchedule, Dialect, parse_cron

TimerKind = Literal["date", "duration", "cycle"]

# isodate reads any of its formats from a prefix of the text; the shape is checked here first
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}(T\d{2}(:?\d{2}(:?\d{2}([.,]\d{1,9})?)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?")
_NUMBER = r"\d{1,9}([.,]\d{1,9})?"
_DURATION = re.compile(
    rf"P(?=[\dT])({_NUMBER}W|({_NUMBER}Y)?({_NUMBER}M)?({_NUMBER}D)?"
    rf"(T(?=\d)({_NUMBER}H)?({_NUMBER}M)?({_NUMBER}S)?)?)"
)
_REPEATS = re.compile(r"R(\d{0,9})")
_LONGEST = 64
# firings of a counted cycle that nothing ran for; more at once would be a storm
MOST_MADE_UP = 10


@dataclass(frozen=True, slots=True)
class Step:
    """A length of time: months of the calendar, then an exact rest."""

    months: int
    rest: timedelta


@dataclass(frozen=True, slots=True)
class Cycle:
    """A repeating interval; `repeats` is None for endless. At most one of `start` and `end` is given."""

    repeats: int | None
    step: Step
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryCycle:
    """How often a failing job is tried in all, and how long it waits after the first, second … failure."""

    retries: int
    delays: tuple[Step, ...]

    def next_try(self, failures: int, now: datetime) -> datetime:
        """When to try again after so many failures (from 1); the last delay serves all later ones."""
        return _plus(now, self.delays[min(failures, len(self.delays)) - 1])


def check(kind: TimerKind, text: str, *, dialect: Dialect = CAMUNDA) -> str | None:
    """What is wrong with a literal timer text, or None."""
    try:
        if kind == "date":
            parse_date(text)
        elif kind == "duration":
            parse_duration(text)
        else:
            parse_cycle(text, dialect)
    except TimerError as error:
        return str(error)
    return None


def first_due(
    kind: TimerKind, text: str, now: datetime, *, zone: tzinfo = UTC, dialect: Dialect = CAMUNDA
) -> tuple[datetime, int | None]:
    """When the timer fires first, and how many firings follow: None endless, 0 none. Raises TimerError.

    A date that has passed is due at once. A cycle without a start fires one interval from now. Of a cycle that started
    in the past, the firings gone by are left out; if all are, the last one is due at once.
    """
    if kind == "date":
        return parse_date(text), 0
    if kind == "duration":
        return _plus(now, parse_duration(text)), 0
    cycle = parse_cycle(text, dialect)
    if isinstance(cycle, CronSchedule):
        due = cycle.next_after(now, zone)
        if due is None:
            raise TimerError(f"'{text.strip()}' has no firing left between now and the end of {LAST_YEAR}")
        return due, None
    if cycle.end is not None:
        return _first_before_end(cycle.end, cycle, now)
    if cycle.start is None:
        return _plus(now, cycle.step), None if cycle.repeats is None else cycle.repeats - 1
    due, remaining = cycle.start, None if cycle.repeats is None else cycle.repeats - 1
    if due < now and not cycle.step.months:
        missed = -((due - now) // cycle.step.rest)
        skipped = missed if remaining is None else min(missed, remaining)
        return _plus(due, cycle.step, skipped), None if remaining is None else remaining - skipped
    while due < now and remaining != 0:
        due, remaining = _plus(due, cycle.step), None if remaining is None else remaining - 1
    return due, remaining


def next_due(
    text: str,
    previous_due: datetime,
    remaining: int | None,
    now: datetime,
    *,
    zone: tzinfo = UTC,
    dialect: Dialect = CAMUNDA,
) -> tuple[datetime, int | None] | None:
    """The cycle's firing after the one due at `previous_due`, with how many follow it; None if there is none.

    `remaining` is what the last answer said. Counted from `previous_due`, so a late worker causes no drift. Firings
    missed while nothing ran are not made up for, all at once, when it runs again: of an endless cycle, which a cron
    expression is too, they are skipped; of a counted cycle the last `MOST_MADE_UP` are made up for.
    """
    if remaining == 0:
        return None
    cycle = parse_cycle(text, dialect)
    if isinstance(cycle, CronSchedule):
        following = cycle.next_after(max(previous_due, now - timedelta.resolution), zone)
        return None if following is None else (following, None)
    due = _plus(previous_due, cycle.step)
    if remaining is None and due < now:
        due = _first_not_before(due, cycle.step, now)
    if remaining is not None:
        skipped = max(0, min(_missed(due, cycle.step, now), remaining) - MOST_MADE_UP)
        due, remaining = _plus(due, cycle.step, skipped), remaining - 1 - skipped
    if cycle.end is not None and due > cycle.end:
        return None
    return due, remaining


def parse_date(text: str) -> datetime:
    """The moment in UTC; a text without zone is taken as UTC. Raises TimerError."""
    shown = _trimmed(text, "date")
    if not _DATE.fullmatch(shown):
        raise TimerError(f"'{shown}' is not an ISO 8601 date and time such as 2026-11-21T09:00:00Z")
    try:
        if "T" not in shown:
            day = isodate.parse_date(shown)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment: datetime = isodate.parse_datetime(shown)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, isodate.ISO8601Error) as error:
        raise TimerError(f"'{shown}' is not a date in the calendar: {error}") from None


def parse_duration(text: str) -> Step:
    """The length of time. Raises TimerError."""
    shown = _trimmed(text, "duration")
    if not _DURATION.fullmatch(shown):
        raise TimerError(f"'{shown}' is not an ISO 8601 duration such as PT15M, P1D or P1M")
    try:
        read = isodate.parse_duration(shown)
    except (ValueError, OverflowError, isodate.ISO8601Error) as error:
        raise TimerError(f"'{shown}' is not a usable duration: {error}") from None
    if isinstance(read, timedelta):
        return Step(0, read)
    months = read.years * 12 + read.months
    if months % 1:
        raise TimerError(f"'{shown}' has a fraction of a month, which has no fixed length")
    return Step(int(months), read.tdelta)


def parse_cycle(text: str, dialect: Dialect = CAMUNDA) -> Cycle | CronSchedule:
    """Reads `R3/PT10M`, `R/P1D`, `R3/<start>/PT1H`, `R3/PT1H/<end>`, or a cron expression. Raises TimerError.

    `R0` counts as one firing and a bare `R` as endless, as Camunda reads them.
    """
    shown = _trimmed(text, "cycle")
    if not shown.startswith("R") and (len(shown.split()) > 1 or shown.startswith("@")):
        return parse_cron(shown, dialect)
    parts = shown.split("/")
    repeats = _REPEATS.fullmatch(parts[0])
    if not repeats or not 2 <= len(parts) <= 3:
        raise TimerError(
            f"'{shown}' is not a repeating interval such as R3/PT10M, nor a cron expression such as 0 0/5 * * * ?"
        )
    count = max(1, int(repeats.group(1))) if repeats.group(1) else None
    if len(parts) == 2:
        cycle = Cycle(count, parse_duration(parts[1]))
    elif parts[1].startswith("P"):
        cycle = Cycle(count, parse_duration(parts[1]), end=parse_date(parts[2]))
    else:
        cycle = Cycle(count, parse_duration(parts[2]), start=parse_date(parts[1]))
    if not cycle.step.months and not cycle.step.rest:
        raise TimerError(f"'{shown}' repeats without any time between")
    return cycle


def parse_retry_cycle(text: str) -> RetryCycle:
    """Reads camunda:failedJobRetryTimeCycle: `R3/PT10M`, one duration, or a list `PT10M,PT20M`. Raises TimerError.

    The number in front counts tries in all: `R3` sets retries to 3 before the first. A list of n delays allows n + 1
    tries, one after each delay (Camunda manual, "Retry Time Cycle").
    """
    shown = _trimmed(text, "retry cycle")
    if not shown.startswith("R"):
        delays = tuple(parse_duration(part) for part in shown.split(","))
        return RetryCycle(len(delays) + 1, delays)
    head, slash, rest = shown.partition("/")
    repeats = _REPEATS.fullmatch(head)
    if not repeats or not repeats.group(1) or not slash:
        raise TimerError(f"'{shown}' is not a retry cycle such as R3/PT10M or PT10M,PT20M")
    return RetryCycle(max(1, int(repeats.group(1))), (parse_duration(rest),))


def _trimmed(text: str, kind: str) -> str:
    shown = text.strip()
    if not shown:
        raise TimerError(f"the timer's {kind} is empty")
    if len(shown) > _LONGEST * 4:
        raise TimerError(f"the timer's {kind} is too long")
    return shown


def _plus(moment: datetime, step: Step, times: int = 1) -> datetime:
    try:
        return plus_months(moment.astimezone(UTC), step.months * times) + step.rest * times
    except (OverflowError, ValueError):
        raise TimerError("the timer's due date lies beyond the year 9999") from None


def _first_before_end(end: datetime, cycle: Cycle, now: datetime) -> tuple[datetime, int | None]:
    """The firings are counted back from the end, the last of them at the end itself (Camunda's DurationHelper)."""
    due, following = end, 0
    limit = None if cycle.repeats is None else cycle.repeats - 1
    if not cycle.step.months:
        following = max(0, (end - now) // cycle.step.rest)
        following = following if limit is None else min(following, limit)
        due = _plus(end, cycle.step, -following)
    else:
        while limit is None or following < limit:
            earlier = _plus(due, cycle.step, -1)
            if earlier < now:
                break
            due, following = earlier, following + 1
    return due, None if limit is None else following


def _missed(due: datetime, step: Step, now: datetime) -> int:
    """How many firings, the one at `due` included, lie before now."""
    if not step.months:
        return max(0, -((due - now) // step.rest))
    missed = 0
    while _plus(due, step, missed) < now:
        missed += 1
    return missed


def _first_not_before(due: datetime, step: Step, now: datetime) -> datetime:
    if not step.months:
        return _plus(due, step, max(0, -((due - now) // step.rest)))
    while due < now:
        due = _plus(due, step)
    return due
