"""A clock that several processes share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mlc_service.clock import SharedClock, SystemClock

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_it_says_what_the_shared_clock_said_and_goes_on_from_there() -> None:
    clock = SharedClock(lambda: LONG_AGO)
    first, second = clock.now(), clock.now()
    assert timedelta(0) <= first - LONG_AGO < timedelta(minutes=1)
    assert second >= first


def test_it_knows_how_far_this_machine_is_ahead() -> None:
    clock = SharedClock(lambda: SystemClock().now() - timedelta(hours=1))
    assert abs(clock.ahead_seconds - 3600) < 60


def test_it_tells_when_the_shared_clock_was_set() -> None:
    said = [LONG_AGO, LONG_AGO + timedelta(days=1)]
    clock = SharedClock(lambda: said.pop(0))
    behind = clock.read()
    assert abs(behind - 86400) < 60
    assert clock.now() - LONG_AGO >= timedelta(days=1)
