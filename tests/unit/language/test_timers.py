"""When timers are due: dates, durations, cycles and retry cycles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlc_service.language.errors import TimerError
from mlc_service.language.timers import TimerKind, check, first_due, next_due, parse_retry_cycle

NOW = datetime(2024, 1, 31, 12, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "text", "due", "remaining"),
    [
        ("date", "2024-02-01T10:00:00Z", "2024-02-01T10:00", 0),
        ("date", "2024-02-01T10:00:00+02:00", "2024-02-01T08:00", 0),
        ("date", "2024-02-01T10:00", "2024-02-01T10:00", 0),
        ("date", " 2024-02-01T10:00:00.250 ", "2024-02-01T10:00:00.250", 0),
        ("date", "2024-02-01", "2024-02-01T00:00", 0),
        ("date", "20240201T100000Z", "2024-02-01T10:00", 0),
        ("date", "2011-03-11T12:13:14Z", "2011-03-11T12:13:14", 0),
        ("duration", "PT15M", "2024-01-31T12:15", 0),
        ("duration", "PT0S", "2024-01-31T12:00", 0),
        ("duration", "P1D", "2024-02-01T12:00", 0),
        ("duration", "P2W", "2024-02-14T12:00", 0),
        ("duration", "P1M", "2024-02-29T12:00", 0),
        ("duration", "P1Y1M1DT1H1M1S", "2025-03-01T13:01:01", 0),
        ("duration", "PT0.5S", "2024-01-31T12:00:00.500", 0),
        ("duration", "PT1,5H", "2024-01-31T13:30", 0),
        ("duration", "P0.5Y", "2024-07-31T12:00", 0),
        ("cycle", "R3/PT10M", "2024-01-31T12:10", 2),
        ("cycle", "R/PT10M", "2024-01-31T12:10", None),
        ("cycle", "R/P1M", "2024-02-29T12:00", None),
        ("cycle", "R1/PT10M", "2024-01-31T12:10", 0),
        ("cycle", "R3/2024-02-01T00:00:00Z/PT1H", "2024-02-01T00:00", 2),
        ("cycle", "R3/2024-01-31T10:30:00Z/PT1H", "2024-01-31T12:30", 0),
        ("cycle", "R/2024-01-31T10:30:00Z/PT1H", "2024-01-31T12:30", None),
        ("cycle", "R/2023-01-15T00:00:00Z/P1M", "2024-02-15T00:00", None),
        ("cycle", "R3/2020-01-01T00:00:00Z/PT1H", "2020-01-01T02:00", 0),
        ("cycle", "R3/PT10M/2024-01-31T13:00:00Z", "2024-01-31T12:40", 2),
        ("cycle", "R99/PT10M/2024-01-31T13:00:00Z", "2024-01-31T12:00", 6),
        ("cycle", "R/PT10M/2024-01-31T13:00:00Z", "2024-01-31T12:00", None),
        ("cycle", "R2/P1M/2024-05-15T00:00:00Z", "2024-04-15T00:00", 1),
        ("cycle", "R3/PT10M/2020-01-01T00:00:00Z", "2020-01-01T00:00", 0),
        ("cycle", "0 0/5 * * * ?", "2024-01-31T12:05", None),
        ("cycle", " 0 0 9 ? * MON-FRI ", "2024-02-01T09:00", None),
        ("cycle", "0 0 9 ? * 5#2", "2024-02-09T09:00", None),
        ("cycle", "0 0 9 1 * ? 2026", "2026-01-01T09:00", None),
        ("cycle", "@daily", "2024-02-01T00:00", None),
    ],
)
def test_a_timer_is_first_due_when_its_text_says(kind: TimerKind, text: str, due: str, remaining: int | None) -> None:
    assert check(kind, text) is None
    assert first_due(kind, text, NOW) == (at(due), remaining)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("date", "tomorrow", "is not an ISO 8601 date"),
        ("date", "2024-13-01T00:00:00Z", "is not a date in the calendar"),
        ("date", "2024-02-30", "is not a date in the calendar"),
        ("date", "", "is empty"),
        ("date", "PT1H", "is not an ISO 8601 date"),
        ("duration", "10 minutes", "is not an ISO 8601 duration"),
        ("duration", "P", "is not an ISO 8601 duration"),
        ("duration", "PT", "is not an ISO 8601 duration"),
        ("duration", "P1DT", "is not an ISO 8601 duration"),
        ("duration", "-PT1H", "is not an ISO 8601 duration"),
        ("duration", "2024-02-01", "is not an ISO 8601 duration"),
        ("duration", "P1.5M", "fraction of a month"),
        ("duration", "P" + "9" * 400 + "D", "too long"),
        ("cycle", "PT10M", "is not a repeating interval"),
        ("cycle", "R3", "is not a repeating interval"),
        ("cycle", "R3/PT10M/PT10M", "is not an ISO 8601 date"),
        ("cycle", "R/PT0S", "without any time between"),
        ("cycle", "R-1/PT1S", "is not a repeating interval"),
        ("cycle", "tomorrow", "nor a cron expression such as 0 0/5 * * * ?"),
        ("cycle", "*/5 * * * *", "has 5 fields; a cron expression has 6 or 7: seconds minutes hours"),
        ("cycle", "0 0/60 * * * ?", "minutes '0/60': a step is 1 to 59"),
        ("cycle", "R 0/5 * * * ?", "is not a repeating interval"),
    ],
)
def test_a_text_that_names_no_time_is_refused_with_a_reason(kind: TimerKind, text: str, message: str) -> None:
    found = check(kind, text)
    assert found is not None
    assert message in found
    with pytest.raises(TimerError):
        first_due(kind, text, NOW)


def test_a_cron_expression_whose_last_firing_has_passed_is_refused_when_it_is_armed() -> None:
    assert check("cycle", "0 0 9 1 * ? 2023") is None
    with pytest.raises(TimerError, match="has no firing left between now and the end of 2099"):
        first_due("cycle", "0 0 9 1 * ? 2023", NOW)


def test_a_cron_expression_speaks_of_the_clocks_of_a_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert first_due("cycle", "0 0 9 * * ?", NOW, zone=berlin) == (at("2024-02-01T08:00"), None)
    before_summer = at("2024-03-30T08:00")
    assert next_due("0 0 9 * * ?", before_summer, None, before_summer, zone=berlin) == (at("2024-03-31T07:00"), None)


def test_a_cron_expression_may_number_the_days_of_the_week_as_quartz_does() -> None:
    assert first_due("cycle", "0 0 9 ? * 6", NOW) == (at("2024-02-03T09:00"), None)
    assert first_due("cycle", "0 0 9 ? * 6", NOW, dialect="quartz") == (at("2024-02-02T09:00"), None)
    assert next_due("0 0 9 ? * 6", NOW, None, NOW, dialect="quartz") == (at("2024-02-02T09:00"), None)
    assert check("cycle", "0 0 9 ? * 0") is None
    assert check("cycle", "0 0 9 ? * 0", dialect="quartz") is not None


def test_a_due_date_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(TimerError, match="beyond the year 9999"):
        first_due("duration", "P9999Y", NOW)


def firings(text: str, limit: int = 20) -> list[datetime]:
    """All firings of a cycle when every one is handled on time."""
    due, remaining = first_due("cycle", text, NOW)
    found = [due]
    while len(found) < limit:
        following = next_due(text, due, remaining, due)
        if following is None:
            break
        due, remaining = following
        found.append(due)
    return found


def test_a_counted_cycle_fires_so_many_times() -> None:
    assert firings("R3/PT10M") == [at("2024-01-31T12:10"), at("2024-01-31T12:20"), at("2024-01-31T12:30")]
    assert len(firings("R3/2024-02-01T00:00:00Z/PT1H")) == 3


def test_a_cycle_with_an_end_fires_last_at_the_end() -> None:
    assert firings("R3/PT10M/2024-01-31T13:00:00Z")[-1] == at("2024-01-31T13:00")
    assert firings("R/PT10M/2024-01-31T13:00:00Z")[-1] == at("2024-01-31T13:00")
    assert firings("R2/P1M/2024-05-15T00:00:00Z") == [at("2024-04-15T00:00"), at("2024-05-15T00:00")]


def test_an_endless_cycle_goes_on() -> None:
    assert len(firings("R/PT10M", 20)) == 20
    assert firings("0 0/5 * * * ?", 20)[-1] == at("2024-01-31T13:40")


def test_a_late_worker_causes_no_drift() -> None:
    late = at("2024-01-31T12:14")
    assert next_due("R3/PT10M", at("2024-01-31T12:10"), 2, late) == (at("2024-01-31T12:20"), 1)
    assert next_due("0 0/10 * * * ?", at("2024-01-31T12:10"), None, late) == (at("2024-01-31T12:20"), None)


def test_a_timer_that_is_fired_by_hand_before_it_is_due_does_not_fire_at_that_time_again() -> None:
    assert next_due("R/PT10M", at("2024-01-31T12:10"), None, NOW) == (at("2024-01-31T12:20"), None)
    assert next_due("0 0/10 * * * ?", at("2024-01-31T12:10"), None, NOW) == (at("2024-01-31T12:20"), None)


def test_a_cron_expression_ends_with_its_last_year() -> None:
    last = at("2024-12-01T09:00")
    assert next_due("0 0 9 1 * ? 2024", last, None, last) is None


def test_missed_firings_of_an_endless_cycle_are_skipped() -> None:
    assert next_due("R/PT10M", at("2024-01-31T12:10"), None, at("2024-02-02T00:03")) == (at("2024-02-02T00:10"), None)
    assert next_due("R/P1M", at("2024-01-15T00:00"), None, at("2024-05-16T00:00")) == (at("2024-06-15T00:00"), None)
    assert next_due("* * * * * ?", at("2024-01-31T12:10"), None, at("2034-02-02")) == (at("2034-02-02"), None)
    assert next_due("0 0 9 L * ?", at("2024-01-31T09:00"), None, at("2024-05-16")) == (at("2024-05-31T09:00"), None)


def test_missed_firings_of_a_counted_cycle_are_made_up() -> None:
    assert next_due("R3/PT10M", at("2024-01-31T12:10"), 2, at("2024-02-02T00:00")) == (at("2024-01-31T12:20"), 1)


@pytest.mark.parametrize(("step", "long_after"), [("PT1M", "2024-02-02T00:00"), ("P1M", "2054-01-01T00:00")])
def test_of_many_missed_firings_of_a_counted_cycle_the_last_ten_are_made_up_for(step: str, long_after: str) -> None:
    now = at(long_after)
    due, remaining = at("2024-01-31T12:00"), 100_000
    made_up = []
    while due < now:
        following = next_due(f"R100001/{step}", due, remaining, now)
        assert following is not None
        due, left = following
        assert left is not None
        remaining = left
        if due < now:
            made_up.append(due)
    assert len(made_up) == 10
    assert remaining < 100_000 - 10


def test_a_counted_cycle_that_was_missed_whole_fires_its_last_ones() -> None:
    assert next_due("R50/PT1M", at("2024-01-31T12:00"), 49, at("2024-02-02T00:00")) == (at("2024-01-31T12:40"), 9)


@given(st.integers(1, 50), st.integers(1, 10_000))
def test_a_counted_cycle_is_evenly_spaced(count: int, seconds: int) -> None:
    times = firings(f"R{count}/PT{seconds}S", 100)
    assert times == [NOW + timedelta(seconds=seconds) * (turn + 1) for turn in range(count)]


@given(st.integers(1, 10**6), st.integers(-(10**6), 10**6), st.integers(1, 10**4), st.integers(1, 100))
def test_a_start_in_the_past_only_ever_leaves_firings_out(step: int, offset: int, minutes: int, count: int) -> None:
    start = NOW + timedelta(seconds=offset)
    due, remaining = first_due("cycle", f"R{count}/{start.isoformat()}/PT{step}S", NOW)
    assert remaining is not None
    assert (due - start) % timedelta(seconds=step) == timedelta(0)
    assert due == start + timedelta(seconds=step) * (count - 1 - remaining)
    assert due >= NOW or remaining == 0


@given(st.integers(1, 10**6), st.integers(0, 10**8))
def test_the_next_firing_of_an_endless_cycle_is_the_first_one_not_yet_past(step: int, late: int) -> None:
    now = NOW + timedelta(seconds=late)
    following = next_due(f"R/PT{step}S", NOW, None, now)
    assert following is not None
    assert following[0] > NOW
    assert (following[0] - NOW) % timedelta(seconds=step) == timedelta(0)
    assert now <= following[0] or following[0] == NOW + timedelta(seconds=step)
    assert following[0] - timedelta(seconds=step) < now or following[0] == NOW + timedelta(seconds=step)


@pytest.mark.parametrize(
    ("text", "retries", "waits"),
    [
        ("R3/PT10M", 3, [10, 10, 10]),
        ("R1/PT10M", 1, [10]),
        ("PT10M", 2, [10, 10]),
        ("PT10M,PT20M", 3, [10, 20, 20]),
        ("PT10M, PT20M, PT1H", 4, [10, 20, 60, 60]),
    ],
)
def test_a_retry_cycle_says_how_often_and_how_long_to_wait(text: str, retries: int, waits: list[int]) -> None:
    cycle = parse_retry_cycle(text)
    assert cycle.retries == retries
    for failures, minutes in enumerate(waits, start=1):
        assert cycle.next_try(failures, NOW) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "R3", "R/PT10M", "soon", "R3/", "PT10M,,PT20M", "R3/PT10M,PT20M"])
def test_a_text_that_is_no_retry_cycle_is_refused(text: str) -> None:
    with pytest.raises(TimerError):
        parse_retry_cycle(text)
