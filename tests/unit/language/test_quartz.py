"""Cron expressions fire when Camunda 7.24 fires them: the table beside this file, and the list of what differs on purpose.

The table was checked on 2026-11-26 against camunda-engine 7.24.0 on OpenJDK 17: each expression went through the engine's
own CycleBusinessCalendar, time zone of the JVM and moment as the rule says. Beside it stand about 4,500 random
expressions that were compared once in the same way; what they differed in is in DELIBERATE too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlc_service.language.errors import TimerError
from mlc_service.language.quartz import CAMUNDA, CronSchedule, Dialect, parse_cron

REFUSED = "refused"
NOW = datetime(2024, 1, 31, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)

# --- what Camunda does ------------------------------------------------------------------------------------------


def table() -> Iterator[Any]:
    zone, asked, rule = "", "", ""
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            zone, asked, rule = line[3:].split(" ", 2)
        elif rule and line:
            text, _, expected = line.partition("  =>  ")
            yield pytest.param(text, zone, asked, expected, id=f"{text} | {rule}")


def firings(
    text: str, count: int, after: datetime = NOW, zone: str = "UTC", dialect: Dialect = CAMUNDA
) -> list[datetime]:
    """The first firings after the moment, as the zone's clocks show them."""
    schedule = parse_cron(text, dialect)
    found: list[datetime] = []
    while len(found) < count:
        following = schedule.next_after(found[-1] if found else after, ZoneInfo(zone))
        if following is None:
            break
        found.append(following.astimezone(ZoneInfo(zone)))
    return found


def days(text: str, count: int = 3, dialect: Dialect = CAMUNDA) -> str:
    return " ".join(f"{found:%m-%d}" for found in firings(text, count, dialect=dialect))


@pytest.mark.parametrize(("text", "zone", "asked", "expected"), list(table()))
def test_an_expression_fires_when_camunda_fires_it(text: str, zone: str, asked: str, expected: str) -> None:
    if expected == REFUSED:
        with pytest.raises(TimerError):
            parse_cron(text)
        return
    times = expected.split(", ")
    found = firings(text, len(times), datetime.fromisoformat(asked), zone)
    assert [f"{moment:%Y-%m-%dT%H:%M:%S}{'' if zone == 'UTC' else f'{moment:%z}'}" for moment in found] == times


def test_the_table_is_whole() -> None:
    assert len(list(table())) >= 150


AT_ONCE = "at once, again and again"

# expression, Camunda's answer, ours: days of the firings after 31 January 2024
DELIBERATE = [
    # what can never be is refused, not fired without end
    ("0 0 12 30 2 ?", AT_ONCE, REFUSED),
    ("0 0 12 31 2,4 ?", AT_ONCE, REFUSED),
    ("0 0 12 7 * MON#2", AT_ONCE, REFUSED),
    ("0 0 12 ? * ?", AT_ONCE, REFUSED),
    ("0 0 12 L-31 * ?", AT_ONCE, REFUSED),
    ("0 0 12 ? * 6#6", AT_ONCE, REFUSED),
    # what would be left out without a word counts, or is refused
    ("0 0 12 15,L * ?", "02-15 03-15 04-15", "02-15 02-29 03-15"),
    ("0 0 12 2,LW * ?", "02-02 03-02 04-02", "02-02 02-29 03-02"),
    ("0 0 12 28-2 * ?", "02-28 03-28 04-28", "02-01 02-02 02-28"),
    ("0 0 12 1 NOV-FEB ?", "11-01 11-01 11-01", "02-01 11-01 12-01"),
    ("0 0 12 ? * L-2", "02-04 02-11 02-18", REFUSED),
    ("0 0 12 * * ?,MON", "02-05 02-12 02-19", REFUSED),
    # the working day closest to a Sunday that ends the month is in the month, and no Sunday
    ("0 0 12 30W 6 ?", "06-30 06-30 06-30", "06-28 06-30 06-30"),
    # what Quartz reads is read
    ("0 0 12 31W * ?", REFUSED, "03-29 05-31 07-31"),
    ("0 0 12 L-3W * ?", REFUSED, "02-26 03-28 04-26"),
    ("0 0 22-2 1 * ?", REFUSED, "02-01 02-01 02-01"),
    ("0 0 12 ? * FRI-MON/2", REFUSED, "02-02 02-04 02-09"),
    ("0 0 12 1 * ? 2025", REFUSED, "01-01 02-01 03-01"),
    ("@DAILY", REFUSED, "02-01 02-02 02-03"),
    # alternatives of a whole expression are not
    ("0 0 12 ? * MON|FRI", "02-02 02-05 02-09", REFUSED),
    ("0 0 12 1 * ? || 0 0 12 2 * ?", "02-01 02-02 03-01", REFUSED),
]


@pytest.mark.parametrize(("text", "camunda", "ours"), DELIBERATE)
def test_what_differs_from_camunda_differs_on_purpose(text: str, camunda: str, ours: str) -> None:
    assert camunda != ours
    if ours == REFUSED:
        with pytest.raises(TimerError):
            parse_cron(text)
    else:
        assert days(text) == ours


def test_quartz_counts_the_days_of_the_week_from_sunday() -> None:
    assert days("0 0 12 ? * 6#3") == days("0 0 12 ? * SAT#3") == "02-17 03-16 04-20"
    assert days("0 0 12 ? * 6#3", dialect="quartz") == days("0 0 12 ? * FRI#3") == "02-16 03-15 04-19"
    assert days("0 0 12 ? * 2-6", dialect="quartz") == days("0 0 12 ? * MON-FRI")
    assert days("0 0 12 ? * L", dialect="quartz") == days("0 0 12 ? * SAT")
    assert days("0 0 12 ? * 1", dialect="quartz") == days("0 0 12 ? * SUN")
    with pytest.raises(TimerError, match="1 to 7 or SUN to SAT"):
        parse_cron("0 0 12 ? * 0", "quartz")


def test_a_year_may_be_given() -> None:
    assert [found.year for found in firings("0 0 12 1 1 ? 2024-2030/3", 9)] == [2027, 2030]
    assert days("0 15 10 ? * FRIL 2024") == "02-23 03-29 04-26"
    assert days("0 15 10 ? * 6L 2024", dialect="quartz") == "02-23 03-29 04-26"


@pytest.mark.parametrize("days_of_week", ["6L", "6#3", "2-6", "MON,3", "MON-6", "L"])
def test_beside_a_year_days_of_the_week_have_names_because_their_numbers_are_not_those_of_quartz(
    days_of_week: str,
) -> None:
    with pytest.raises(TimerError, match="written by name, SUN to SAT"):
        parse_cron(f"0 15 10 ? * {days_of_week} 2024")


# --- messages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("60 * * * * ?", "seconds '60' cannot be read; allowed are 0 to 59, lists 1,2, ranges 1-5, steps 1/5, *"),
        ("0 ? * * * ?", "minutes '?' cannot be read; allowed are 0 to 59"),
        ("0 0 9-x * * ?", "hours '9-X' cannot be read; allowed are 0 to 23"),
        (
            "0 0 9 L2 * ?",
            "day-of-month 'L2' cannot be read; allowed are 1 to 31, lists 1,2, ranges 1-5, steps 1/5, *, ?, L,",
        ),
        ("0 0 9 1 13 ?", "month '13' cannot be read; allowed are 1 to 12 or JAN to DEC"),
        ("0 0 9 ? * 1,MO", "day-of-week '1,MO' cannot be read; allowed are 0 to 7 or SUN to SAT"),
        ("0 0 9 1 1 ? 2100", "year '2100' cannot be read; allowed are 1970 to 2099"),
        ("0 0 9 1 1 ? 2030-2020", "year '2030-2020': a range goes upwards"),
        ("0 0/60 * * * ?", "minutes '0/60': a step is 1 to 59"),
        ("0 9 * * MON", "has 5 fields; a cron expression has 6 or 7: seconds minutes hours"),
        ("@never", "'@never' is not one of @yearly,"),
        ("0 0 9 ? * ?", "has ? for both day-of-month and day-of-week"),
        ("0 0 9 30 2 ?", "never fires: its day-of-month, month, day-of-week and year exclude each other"),
        ("0 0 9 29 2 ? 2023", "never fires"),
        ("0 0 9 ٣ * ?", "day-of-month '٣' cannot be read"),
        ("0 " * 200, "too long"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_field_and_what_it_may_hold(text: str, message: str) -> None:
    with pytest.raises(TimerError) as refused:
        parse_cron(text)
    assert message in str(refused.value)


# --- times ------------------------------------------------------------------------------------------------------


def test_a_firing_is_strictly_later_and_on_the_second() -> None:
    schedule = parse_cron("0 0 12 * * ?")
    assert schedule.next_after(NOW) == NOW + timedelta(days=1)
    assert schedule.next_after(NOW - timedelta.resolution) == NOW
    assert schedule.next_after(NOW + timedelta.resolution) == NOW + timedelta(days=1)


def test_there_is_an_end() -> None:
    schedule = parse_cron("0 0 12 29 2 MON")
    assert [found.year for found in firings("0 0 12 29 2 MON", 9)] == [2044, 2072]
    assert schedule.next_after(datetime(2072, 3, 1, tzinfo=UTC)) is None
    assert parse_cron("0 0 12 1 1 ? 2020").next_after(NOW) is None
    assert parse_cron("* * * * * ?").next_after(datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)) is None
    assert parse_cron("* * * * * ?").next_after(datetime.max.replace(tzinfo=UTC), BERLIN) is None
    assert parse_cron("0 0 0 * * ?").next_after(datetime.min.replace(tzinfo=UTC), ZoneInfo("America/Lima")) is not None


def clock(text: str, zone: str, after: str, count: int) -> list[str]:
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    return [f"{found:%d %H:%M %z}" for found in firings(text, count, start, zone)]


def test_a_time_that_the_clocks_skip_fires_when_they_jump() -> None:
    assert clock("0 30 2 * * ?", "Europe/Berlin", "2024-03-30T12:00", 2) == ["31 03:00 +0200", "01 02:30 +0200"]
    # all that was skipped fires once, together with what is due then anyhow
    assert clock("0 0/10 2,3 * * ?", "Europe/Berlin", "2024-03-30T12:00", 2) == ["31 03:00 +0200", "31 03:10 +0200"]
    assert clock("0 0 0 * * ?", "America/Santiago", "2024-09-07T12:00", 2) == ["08 01:00 -0300", "09 00:00 -0300"]
    assert clock("0 30 23 * * ?", "America/Nuuk", "2024-03-30T12:00", 2) == ["31 00:00 -0100", "31 23:30 -0100"]
    # in 2011 Samoa had no 30 December
    assert clock("0 0 9 30 12 ?", "Pacific/Apia", "2011-12-01T12:00", 1) == ["31 00:00 +1400"]


def test_a_time_that_the_clocks_show_twice_fires_the_first_time() -> None:
    assert clock("0 30 2 * * ?", "Europe/Berlin", "2024-10-26T12:00", 2) == ["27 02:30 +0200", "28 02:30 +0100"]
    between = datetime(2024, 10, 27, 0, 45, tzinfo=UTC)
    again = datetime(2024, 10, 28, 1, 30, tzinfo=UTC)
    assert parse_cron("0 30 2 * * ?").next_after(between, BERLIN) == again
    assert parse_cron("0 30 2 * * ?").next_after(between + timedelta(minutes=15), BERLIN) == again


# --- properties -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A field as text, and which values it stands for, worked out by the test itself."""

    text: str
    values: frozenset[int]


def pieces(lowest: int, highest: int) -> st.SearchStrategy[Piece]:
    number = st.integers(lowest, highest)
    step = st.integers(1, highest)
    every = st.just(Piece("*", frozenset(range(lowest, highest + 1))))
    one = number.map(lambda value: Piece(str(value), frozenset({value})))
    spread = st.builds(
        lambda value, by: Piece(
            f"{value}/{by}", frozenset(v for v in range(value, highest + 1) if (v - value) % by == 0)
        ),
        number,
        step,
    )
    span = st.builds(
        lambda low, high: Piece(
            f"{low}-{high}",
            frozenset(
                v for v in range(lowest, highest + 1) if (low <= v <= high if low <= high else v >= low or v <= high)
            ),
        ),
        number,
        number,
    )
    listed = st.lists(one | spread | span, min_size=1, max_size=3).map(
        lambda parts: Piece(",".join(part.text for part in parts), frozenset().union(*(part.values for part in parts)))
    )
    return every | listed


def weekday_of(day: date) -> int:
    """Sunday is 0."""
    return day.isoweekday() % 7


def month_of(day: date) -> list[date]:
    first = day.replace(day=1)
    return [found for found in (first + timedelta(days=n) for n in range(31)) if found.month == day.month]


def closest_working_day(target: int, month: list[date]) -> date | None:
    if not 1 <= target <= len(month):
        return None
    working = [found for found in month if 1 <= weekday_of(found) <= 5]
    return min(working, key=lambda found: abs(found.day - target))


def days_of_month() -> st.SearchStrategy[tuple[str, Any]]:
    plain = pieces(1, 31).map(lambda piece: (piece.text, lambda day: day.day in piece.values))
    last = st.integers(0, 30).map(
        lambda back: (f"L-{back}" if back else "L", lambda day: day.day == len(month_of(day)) - back)
    )
    near = st.integers(1, 31).map(lambda n: (f"{n}W", lambda day: day == closest_working_day(n, month_of(day))))
    end = st.just(("LW", lambda day: day == closest_working_day(len(month_of(day)), month_of(day))))
    return plain | last | near | end


def days_of_week() -> st.SearchStrategy[tuple[str, Any]]:
    # 7 is Sunday too; 7/2 counts on from Sunday, which the table shows
    plain = (
        pieces(0, 7)
        .filter(lambda piece: "7/" not in piece.text)
        .map(lambda piece: (piece.text, lambda day: not piece.values.isdisjoint({weekday_of(day), day.isoweekday()})))
    )
    turn = st.builds(
        lambda n, t: (f"{n}#{t}", lambda day: weekday_of(day) == n and (day.day - 1) // 7 + 1 == t),
        st.integers(0, 6),
        st.integers(1, 5),
    )
    last = st.integers(0, 6).map(
        lambda n: (f"{n}L", lambda day: weekday_of(day) == n and (day + timedelta(days=7)).month != day.month)
    )
    return plain | turn | last


@dataclass(frozen=True)
class Cron:
    """An expression, and whether a moment on the clock fits it, worked out by the test itself."""

    text: str
    fits_day: Any
    hours: frozenset[int]
    minutes: frozenset[int]
    seconds: frozenset[int]

    def fits(self, clock: datetime) -> bool:
        return (
            clock.second in self.seconds
            and clock.minute in self.minutes
            and clock.hour in self.hours
            and self.fits_day(clock.date())
        )

    def schedule(self) -> CronSchedule | None:
        """None if its pieces exclude each other."""
        try:
            return parse_cron(self.text)
        except TimerError as error:
            if "never fires" in str(error):
                return None
            raise


NO_SECONDS = st.just(Piece("0", frozenset({0})))
EVERY_DAY = st.just(("*", lambda day: True))


def crons(seconds: st.SearchStrategy[Piece], rare: bool = True) -> st.SearchStrategy[Cron]:
    dated = st.one_of(
        st.tuples(days_of_month(), EVERY_DAY, pieces(1, 12)),
        st.tuples(EVERY_DAY, days_of_week(), pieces(1, 12)),
        st.tuples(days_of_month(), days_of_week(), pieces(1, 12)),
    )
    usual = st.tuples(EVERY_DAY, EVERY_DAY, st.just(Piece("*", frozenset(range(1, 13)))))
    return st.builds(
        lambda second, minute, hour, day: Cron(
            f"{second.text} {minute.text} {hour.text} {day[0][0]} {day[2].text} {day[1][0]}",
            lambda found: found.month in day[2].values and day[0][1](found) and day[1][1](found),
            hour.values,
            minute.values,
            second.values,
        ),
        seconds,
        pieces(0, 59),
        pieces(0, 23),
        dated if rare else usual,
    )


MOMENTS = st.integers(0, 3600 * 24 * 3650 * 1000).map(lambda millis: NOW + timedelta(milliseconds=millis))


@settings(deadline=None)
@given(crons(pieces(0, 59)), MOMENTS)
def test_the_next_firing_fits_the_expression_and_is_later(cron: Cron, moment: datetime) -> None:
    schedule = cron.schedule()
    following = schedule and schedule.next_after(moment)
    if following is not None:
        assert following > moment
        assert following.microsecond == 0
        assert cron.fits(following)


@settings(deadline=None)
@given(crons(pieces(0, 59), rare=False), MOMENTS)
def test_no_second_between_a_moment_and_the_next_firing_fits(cron: Cron, moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    seconds = (moment + timedelta(seconds=n) for n in range(1, 3600))
    expected = next((second for second in seconds if cron.fits(second)), None)
    schedule = cron.schedule()
    assert schedule is not None
    following = schedule.next_after(moment)
    assert following is not None
    assert following == expected or (expected is None and following >= moment + timedelta(seconds=3600))


@settings(deadline=None)
@given(crons(NO_SECONDS), MOMENTS)
def test_no_day_between_a_moment_and_the_next_firing_fits(cron: Cron, moment: datetime) -> None:
    first = datetime.combine(moment.date(), time(), tzinfo=UTC) - timedelta(seconds=1)
    dates = (moment.date() + timedelta(days=n) for n in range(1000))
    expected = next((day for day in dates if cron.fits_day(day)), None)
    schedule = cron.schedule()
    if schedule is None:
        assert expected is None
        return
    following = schedule.next_after(first)
    if expected is None:
        assert following is None or following >= first + timedelta(days=1000)
    else:
        assert following == datetime.combine(expected, time(min(cron.hours), min(cron.minutes)), tzinfo=UTC)


@settings(deadline=None)
@given(crons(pieces(0, 59)), MOMENTS, MOMENTS)
def test_a_later_moment_has_no_earlier_firing(cron: Cron, one: datetime, other: datetime) -> None:
    schedule = cron.schedule()
    if schedule is None:
        return
    end = datetime.max.replace(tzinfo=UTC)
    first, second = (schedule.next_after(moment) or end for moment in sorted([one, other]))
    assert first <= second


# a day before the clocks change: by an hour, half an hour, two hours, at midnight, around midnight, by a whole day
CHANGES = [
    ("Europe/Berlin", "2024-03-30"),
    ("Europe/Berlin", "2024-10-26"),
    ("America/New_York", "2024-03-09"),
    ("America/New_York", "2024-11-02"),
    ("Australia/Lord_Howe", "2024-04-06"),
    ("Australia/Lord_Howe", "2024-10-05"),
    ("Antarctica/Troll", "2024-03-30"),
    ("Antarctica/Troll", "2024-10-26"),
    ("America/Santiago", "2024-04-06"),
    ("America/Santiago", "2024-09-07"),
    ("America/Havana", "2024-03-09"),
    ("America/Havana", "2024-11-02"),
    ("America/Nuuk", "2024-03-30"),
    ("America/Nuuk", "2024-10-26"),
    ("Africa/Cairo", "2024-04-25"),
    ("Africa/Cairo", "2024-10-31"),
    ("Asia/Beirut", "2024-03-30"),
    ("Asia/Beirut", "2024-10-26"),
    ("Africa/Casablanca", "2024-03-09"),
    ("Africa/Casablanca", "2024-04-13"),
    ("Pacific/Apia", "2011-12-29"),
]


def expected_firings(cron: Cron, zone: ZoneInfo, start: datetime, minutes: int) -> list[datetime]:
    """Minute by minute, what the clocks show: what they skip fires when they jump, what they repeat does not again."""
    hourly = len(cron.hours) == 24
    shown = start.astimezone(zone).replace(tzinfo=None)
    latest = shown
    found = []
    for n in range(1, minutes):
        moment = start + n * MINUTE
        now_shown = moment.astimezone(zone).replace(tzinfo=None)
        skipped = (shown + m * MINUTE for m in range(1, (now_shown - shown) // MINUTE))
        due = (hourly or now_shown > latest) and cron.fits(now_shown)
        if due or (not hourly and any(cron.fits(each) for each in skipped)):
            found.append(moment)
        shown, latest = now_shown, max(latest, now_shown)
    return found


@pytest.mark.parametrize(("name", "day"), CHANGES)
@settings(deadline=None, max_examples=8)
@given(cron=crons(NO_SECONDS, rare=False), dated=crons(NO_SECONDS))
def test_over_the_night_in_which_clocks_change_nothing_is_lost_or_fires_twice(
    name: str, day: str, cron: Cron, dated: Cron
) -> None:
    zone = ZoneInfo(name)
    start = datetime.fromisoformat(f"{day}T18:00").replace(tzinfo=zone).astimezone(UTC)
    minutes = 15 * 60
    for tried in (cron, dated):
        schedule = tried.schedule()
        if schedule is None:
            continue
        found = []
        following = schedule.next_after(start, zone)
        while following is not None and following < start + minutes * MINUTE:
            found.append(following)
            following = schedule.next_after(following, zone)
        assert found == expected_firings(tried, zone, start, minutes)


@settings(deadline=None)
@given(st.text(alphabet="0123456789*?,-/LW#MONFRIJA @", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        schedule = parse_cron(text)
    except TimerError:
        return
    assert schedule.next_after(datetime(1990, 1, 1, tzinfo=UTC)) is None or schedule.years
