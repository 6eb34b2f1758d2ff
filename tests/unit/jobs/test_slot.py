"""One place of a worker: what it takes on, what it gives back, and when it stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from mlc_service.jobs.heartbeat import Heartbeat
from mlc_service.jobs.slot import Pace, Slot
from mlc_service.jobs.work import Done, Failed, Lease
from mlc_service.store.jobs import DueJob, JobFilter
from mlc_service.store.rows import JobRow
from mlc_service.store.units import Units
from tests.unit.jobs.test_runner import Workshop


class Place:
    """A slot of the queue `jobs`, what it has told others, and whether it is to stop."""

    def __init__(self, shop: Workshop, pace: Pace) -> None:
        self.told: list[DueJob] = []
        self.is_stopping = False
        lease = Lease("one", 30.0)
        self.slot = Slot(
            shop.bench,
            Heartbeat(shop.units, shop.clock, lease),
            lease,
            "jobs",
            tell=self.told.extend,
            is_stopping=lambda: self.is_stopping,
            pace=pace,
        )


@pytest.fixture
def shop(units: Units, clock: Any) -> Workshop:
    return Workshop(units, clock)


@pytest.fixture
def release() -> Iterator[Event]:
    """Lets a slow job go on; it does so at the end of the test in any case."""
    event = Event()
    yield event
    event.set()


def test_everything_that_is_due_is_done_most_urgent_first(shop: Workshop) -> None:
    usual = shop.add(3)
    urgent = shop.add(2, priority=70)
    shop.add(due=shop.clock.now() + timedelta(seconds=1))
    shop.add(queue="runtime.x")
    assert Place(shop, Pace(batch=2)).slot.work() == 5
    assert sorted(shop.seen[:2]) == sorted(urgent)
    assert sorted(shop.seen[2:]) == sorted(usual)
    assert len(shop.left()) == 2


def test_a_slow_job_holds_up_none_that_was_claimed_with_it(shop: Workshop, release: Event) -> None:
    shop.add(3)

    def slow(job: JobRow, lease: Lease) -> Done | Failed:
        if len(shop.seen) == 1:
            assert release.wait(30)
        return shop.finish(job, lease)

    shop.answer = slow
    busy, idle = Place(shop, Pace(patience_seconds=0.01)), Place(shop, Pace())
    working = Thread(target=busy.slot.work)
    working.start()
    shop.wait_until(lambda: shop.units.read(lambda unit: unit.jobs.count(JobFilter(state="ready"))) == 2)
    assert idle.slot.work() == 2
    release.set()
    working.join()
    assert shop.left() == []
    assert len(shop.seen) == 3


def test_after_its_time_it_passes_on_what_is_left(shop: Workshop) -> None:
    shop.add(5)
    shop.clock.forward(seconds=1)
    place = Place(shop, Pace(batch=2, slice_seconds=-1.0))
    assert place.slot.work() == 2
    assert {one.id for one in place.told} <= {job.id for job in shop.left()}
    assert len(place.told) == 2


def test_one_that_is_to_stop_finishes_its_job_and_gives_back_the_others(shop: Workshop) -> None:
    shop.add(3)
    place = Place(shop, Pace())

    def last(job: JobRow, lease: Lease) -> Done | Failed:
        place.is_stopping = True
        return shop.finish(job, lease)

    shop.answer = last
    assert place.slot.work() == 1
    assert [(job.state, job.expiries) for job in shop.left()] == [("ready", 0)] * 2
    assert place.slot.work() == 0


def test_what_an_outcome_is_lost_of_is_left_to_its_lease(shop: Workshop) -> None:
    shop.add(2)

    def gone(job: JobRow, lease: Lease) -> Done | Failed:
        raise KeyboardInterrupt

    shop.answer = gone
    place = Place(shop, Pace())
    with pytest.raises(KeyboardInterrupt):
        place.slot.work()
    assert sorted(job.state for job in shop.left()) == ["ready", "running"]


def test_it_looks_by_itself_only_if_something_is_overdue(shop: Workshop) -> None:
    shop.add()
    place = Place(shop, Pace())
    shop.clock.forward(seconds=9)
    place.slot.look(overdue_seconds=10)
    assert shop.seen == []
    shop.clock.forward(seconds=2)
    place.slot.look(overdue_seconds=10)
    assert len(shop.seen) == 1
