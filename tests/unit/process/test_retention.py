"""The cleanup window over midnight, in time zones and when the clocks change; when something may be removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mlc_service.process.retention import CleanupWindow, parse_time_of_day, removal_time


def window(start: str, end: str) -> CleanupWindow:
    return CleanupWindow(parse_time_of_day(start), parse_time_of_day(end))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def opens_and_closes(one: CleanupWindow, now: str) -> tuple[datetime, datetime]:
    return one.start_at(at(now)), one.end_at(at(now))


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-03-02T21:59:59Z", False),
        ("2026-03-02T22:00:00Z", True),
        ("2026-03-03T00:00:00Z", True),
        ("2026-03-03T04:59:59Z", True),
        ("2026-03-03T05:00:00Z", False),
    ],
)
def test_a_window_over_midnight_is_open_from_its_start_up_to_its_end(now: str, is_open: bool) -> None:
    assert window("22:00", "05:00").is_open(at(now)) is is_open


def test_a_window_within_a_day_is_closed_around_it() -> None:
    one = window("01:00", "02:00")
    assert [one.is_open(at(f"2026-03-02T{hour:02}:30:00Z")) for hour in range(4)] == [False, True, False, False]


def test_a_closed_window_is_the_next_one_and_an_open_one_is_the_current_one() -> None:
    one = window("22:00", "05:00")
    tonight = at("2026-03-02T22:00Z"), at("2026-03-03T05:00Z")
    assert opens_and_closes(one, "2026-03-02T12:00Z") == tonight
    assert opens_and_closes(one, "2026-03-03T04:00Z") == tonight


def test_a_window_keeps_to_the_clocks_of_its_zone_in_summer_and_winter() -> None:
    one = window("22:00 Europe/Berlin", "23:00 Europe/Berlin")
    assert opens_and_closes(one, "2026-01-10T12:00Z") == (at("2026-01-10T21:00Z"), at("2026-01-10T22:00Z"))
    assert opens_and_closes(one, "2026-07-10T12:00Z") == (at("2026-07-10T20:00Z"), at("2026-07-10T21:00Z"))


def test_a_window_that_starts_in_the_hour_that_is_skipped_starts_when_that_is_over() -> None:
    # in Berlin, 2:00 becomes 3:00 on 29 March 2026, at 1:00 UTC
    one = window("02:30 Europe/Berlin", "03:15 Europe/Berlin")
    assert opens_and_closes(one, "2026-03-29T00:00Z") == (at("2026-03-29T01:00Z"), at("2026-03-29T01:15Z"))
    assert not one.is_open(at("2026-03-29T02:00Z"))


def test_a_window_within_the_hour_that_is_skipped_does_not_open_that_day() -> None:
    one = window("02:10 Europe/Berlin", "02:50 Europe/Berlin")
    minutes = [at("2026-03-29T00:00Z") + timedelta(minutes=number) for number in range(24 * 60)]
    assert not any(one.is_open(minute) for minute in minutes)
    assert one.is_open(at("2026-03-30T00:30Z"))


def test_a_window_in_the_hour_that_comes_twice_opens_once() -> None:
    # in Berlin, 3:00 becomes 2:00 on 25 October 2026, at 1:00 UTC
    one = window("02:10 Europe/Berlin", "02:50 Europe/Berlin")
    minutes = [at("2026-10-24T23:00Z") + timedelta(minutes=number) for number in range(240)]
    opened = [minute for minute in minutes if one.is_open(minute)]
    assert (opened[0], opened[-1], len(opened)) == (at("2026-10-25T00:10Z"), at("2026-10-25T00:49Z"), 40)


@pytest.mark.parametrize(
    ("text", "utc"), [("22:00", "22:00"), ("22:00Z", "22:00"), ("22:00+0130", "20:30"), ("9:05 -05:00", "14:05")]
)
def test_a_time_of_day_is_in_utc_or_says_where(text: str, utc: str) -> None:
    assert parse_time_of_day(text).next(at("2026-03-02T00:00Z")) == at(f"2026-03-02T{utc}Z")


@pytest.mark.parametrize("text", ["", "22", "24:00", "22:60", "22:00 Nowhere/At_All", "22:00 ../../etc", "22:00+99:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time of day"):
        parse_time_of_day(text)


def test_a_window_that_ends_when_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="must not end when it starts"):
        window("22:00", "22:00")


def test_removal_is_days_after_the_end_or_never() -> None:
    ended = at("2026-03-02T09:30Z")
    assert removal_time(ended, 30) == at("2026-04-01T09:30Z")
    assert removal_time(ended, 0) == ended
    assert removal_time(ended, None) is None
    assert removal_time(ended, 2**31 - 1) is None
