"""Transactions: committed in one place, rolled back as a whole, repeated when others were in the way."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Barrier, Thread
from typing import Any

import pytest

from mlc_service.store.documents import document_row
from mlc_service.store.rows import UserRow
from mlc_service.store.units import UnitOfWork, Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def user(id: str) -> UserRow:
    return UserRow(id, None, None, None, None, [], NOW)


def test_what_raises_leaves_nothing_behind(units: Units) -> None:
    def half(unit: UnitOfWork) -> None:
        unit.users.insert(user("ann"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        units.run(half)
    assert units.read(lambda unit: unit.users.count()) == 0


def test_hooks_run_after_the_commit_and_never_without(units: Units) -> None:
    seen: list[int] = []
    with units.begin() as unit:
        unit.users.insert(user("ann"))
        unit.after_commit(lambda: seen.append(units.read(lambda other: other.users.count())))
        assert seen == []
    assert seen == [1]


def test_hooks_of_a_failed_transaction_do_not_run(units: Units) -> None:
    seen: list[int] = []

    def fail(unit: UnitOfWork) -> None:
        unit.after_commit(lambda: seen.append(1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        units.run(fail)
    assert seen == []


def test_a_reading_unit_keeps_nothing(units: Units) -> None:
    with units.begin_read() as unit:
        unit.users.count()
    units.run(lambda unit: unit.users.insert(user("ann")))
    assert units.read(lambda unit: unit.users.count()) == 1


def test_readers_do_not_wait_for_a_writer(units: Units) -> None:
    with units.begin() as writing:
        writing.users.insert(user("ann"))
        assert units.read(lambda unit: unit.users.count()) == 0


def test_work_that_lost_a_race_is_done_again(units: Units) -> None:
    """Two create the same setting at once: one wins, the other finds it on its second try."""
    together = Barrier(2)
    tries: list[str] = []

    def create(name: str) -> Any:
        def work(unit: UnitOfWork) -> None:
            tries.append(name)
            if unit.users.look_up("ann") is None:
                if tries.count(name) == 1 and "postgresql" in units.database_url:
                    together.wait(10)
                unit.users.insert(user("ann"))

        return lambda: units.run(work)

    threads = [Thread(target=create(name)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert units.read(lambda unit: unit.users.count()) == 1
    if "postgresql" in units.database_url:
        assert len(tries) == 3


def test_two_that_lock_each_other_out_both_get_through(units: Units) -> None:
    if "postgresql" not in units.database_url:
        pytest.skip("SQLite has one lock only")
    units.run(lambda unit: [unit.documents("engines").insert(document_row(name, {}, NOW)) for name in ("a", "b")])
    together = Barrier(2)
    tries: list[str] = []

    def lock(first: str, second: str) -> Any:
        def work(unit: UnitOfWork) -> None:
            tries.append(first)
            unit.documents("engines").get(first, lock=True)
            if len(tries) <= 2:
                together.wait(10)
            unit.documents("engines").get(second, lock=True)

        return lambda: units.run(work)

    threads = [Thread(target=lock("a", "b")), Thread(target=lock("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == 3


def test_many_writers_at_once_all_get_through(units: Units) -> None:
    def write(worker: int) -> None:
        for number in range(20):
            units.run(lambda unit, number=number: unit.users.insert(user(f"{worker}-{number}")))  # type: ignore[misc]

    threads = [Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert units.read(lambda unit: unit.users.count()) == 160


def test_writing_inside_of_writing_is_refused_where_it_would_never_end(units: Units) -> None:
    if "sqlite" not in units.database_url:
        pytest.skip("PostgreSQL has a transaction for each")
    with units.begin() as outer:
        outer.users.insert(user("ann"))
        with pytest.raises(RuntimeError, match="inside another one"):
            units.run(lambda unit: unit.users.insert(user("ben")))
    assert units.read(lambda unit: unit.users.count()) == 1
