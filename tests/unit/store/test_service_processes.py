"""Signs of life of the service's processes, and duties that one of them has."""

from __future__ import annotations

from datetime import timedelta

from mlc_service.store.rows import ServiceProcessRow
from mlc_service.store.units import Units
from tests.conftest import SettableClock


def process(clock: SettableClock, id: str, role: str = "worker", queue: str | None = "jobs") -> ServiceProcessRow:
    now = clock.now()
    return ServiceProcessRow(id, role, "host", 17, "0.1.0", queue, 2 if queue else None, 0.0, now, now)


def test_a_process_is_known_until_it_ends(units: Units, clock: SettableClock) -> None:
    units.run(lambda unit: unit.service_processes.add(process(clock, "a")))
    later = clock.forward(seconds=5)
    assert units.run(lambda unit: unit.service_processes.beat("a", later, 1.5))
    (found,) = units.read(lambda unit: unit.service_processes.find())
    assert found == process(clock, "a")._replace(started=found.started, clock_ahead_seconds=1.5, seen=later)
    units.run(lambda unit: unit.service_processes.remove("a"))
    assert units.read(lambda unit: unit.service_processes.find()) == []
    assert not units.run(lambda unit: unit.service_processes.beat("a", later, 0.0))


def test_a_queue_is_served_while_one_of_its_processes_lives(units: Units, clock: SettableClock) -> None:
    units.run(lambda unit: unit.service_processes.add(process(clock, "a", "runtime", "runtime.x")))
    units.run(lambda unit: unit.service_processes.add(process(clock, "b", "api", None)))
    clock.forward(seconds=30)
    units.run(lambda unit: unit.service_processes.add(process(clock, "c")))
    since = clock.now() - timedelta(seconds=10)
    assert units.read(lambda unit: unit.service_processes.queues(since)) == ["jobs"]
    assert [one.id for one in units.read(lambda unit: unit.service_processes.find(since))] == ["c"]
    units.run(lambda unit: unit.service_processes.forget(since))
    assert [one.id for one in units.read(lambda unit: unit.service_processes.find())] == ["c"]


def test_a_duty_is_one_holders_until_its_time_is_over(units: Units, clock: SettableClock) -> None:
    def take(holder: str) -> bool:
        now = clock.now()
        return units.run(lambda unit: unit.duties.take("tickets", holder, now, now + timedelta(seconds=10)))

    assert take("ann")
    assert not take("bob")
    clock.forward(seconds=9)
    assert take("ann")
    clock.forward(seconds=9)
    assert not take("bob")
    clock.forward(seconds=2)
    assert take("bob")
    assert not take("ann")
    units.run(lambda unit: unit.duties.leave("bob"))
    assert take("ann")
