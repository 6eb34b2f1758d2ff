"""What schedulers tell, end and do, one of them or several."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mlc_service.jobs.scheduler import Duty, Scheduler
from mlc_service.store.jobs import DueJob
from mlc_service.store.units import Units
from tests.unit.jobs.test_runner import Workshop


@pytest.fixture
def shop(units: Units, clock: Any) -> Workshop:
    return Workshop(units, clock)


def test_what_is_due_is_told_once_and_again_only_if_nobody_claims_it(shop: Workshop) -> None:
    told: list[DueJob] = []
    scheduler = Scheduler(shop.bench, "one", tell=told.extend, resend_seconds=5)
    (timer,) = shop.add(due=shop.clock.now() + timedelta(seconds=30))
    assert scheduler.tell_of_due() == 0
    shop.clock.forward(seconds=30)
    assert scheduler.tell_of_due() == 1
    assert scheduler.tell_of_due() == 0
    shop.clock.forward(seconds=6)
    assert scheduler.tell_of_due() == 1
    assert [one.id for one in told] == [timer, timer]
    now = shop.clock.now()
    shop.units.run(lambda unit: unit.jobs.claim("ann", now, now + timedelta(seconds=60), 1))
    shop.clock.forward(seconds=6)
    assert scheduler.tell_of_due() == 0


def test_of_two_each_tells_of_other_jobs(shop: Workshop) -> None:
    one: list[DueJob] = []
    other: list[DueJob] = []
    shop.add(7, due=shop.clock.now() + timedelta(seconds=1))
    shop.clock.forward(seconds=1)
    assert Scheduler(shop.bench, "one", tell=one.extend).tell_of_due() == 7
    assert Scheduler(shop.bench, "two", tell=other.extend).tell_of_due() == 0
    assert len({job.id for job in one}) == 7
    assert other == []


def test_a_duty_is_done_by_one_of_two_and_by_the_other_when_that_ends(shop: Workshop) -> None:
    done: list[str] = []

    def scheduler(name: str) -> Scheduler:
        return Scheduler(
            shop.bench, name, tell=lambda _: None, duties=[Duty("tickets", 0.01, lambda: done.append(name))]
        )

    one, two = scheduler("one"), scheduler("two")
    one.start()
    shop.wait_until(lambda: "one" in done)
    two.start()
    shop.wait_until(lambda: done.count("one") > 5)
    assert "two" not in done
    one.stop()
    shop.wait_until(lambda: "two" in done)
    two.stop()


def test_a_duty_that_fails_is_done_again(shop: Workshop) -> None:
    tries: list[int] = []

    def broken() -> None:
        tries.append(1)
        raise RuntimeError("the tracker is away")

    scheduler = Scheduler(shop.bench, "one", tell=lambda _: None, duties=[Duty("tickets", 0.01, broken)])
    scheduler.start()
    shop.wait_until(lambda: len(tries) > 2)
    scheduler.stop()


def test_leases_of_the_dead_end(shop: Workshop) -> None:
    shop.add()
    now = shop.clock.now()
    shop.units.run(lambda unit: unit.jobs.claim("dead", now, now + timedelta(seconds=1), 1))
    shop.clock.forward(seconds=2)
    scheduler = Scheduler(shop.bench, "one", tell=lambda _: None)
    scheduler.start()
    shop.wait_until(lambda: [job.state for job in shop.left()] == ["ready"])
    scheduler.stop()
