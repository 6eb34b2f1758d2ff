"""External tasks: who gets which, and for how long, held by the database itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from mlc_service.store.errors import NotFound
from mlc_service.store.external_tasks import OLDEST_FIRST, ExternalTaskFilter, FetchOrder, Topic
from mlc_service.store.incidents import IncidentFilter
from mlc_service.store.instances import InstanceFilter
from mlc_service.store.rows import DeploymentRow, ExternalTaskRow, IncidentRow, InstanceRow, ProcessDefinitionRow
from mlc_service.store.selecting import Page, VariableCondition
from mlc_service.store.units import UnitOfWork, Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


LATER = NOW + seconds(60)
VARIABLES: dict[str, dict[str, Any]] = {"i1": {"amount": 5, "name": "ann"}, "i2": {"amount": "5"}}


@pytest.fixture
def units(units: Units) -> Units:
    """Instance i1 of p:1 (tagged `old`) with key `order-1`, i2 of q:2 (tagged `new`) with key `order-2`."""
    with units.begin() as unit:
        unit.deployments.insert(DeploymentRow("d", None, None, NOW), [])
        for number, (id, variables) in enumerate(VARIABLES.items(), 1):
            key, tag = ("p", "old") if number == 1 else ("q", "new")
            definition_id = f"{key}:{number}"
            unit.definitions.insert(
                ProcessDefinitionRow(
                    definition_id, key, number, tag, key.upper(), None, "p.bpmn", "d", False, None, True
                )
            )
            unit.instances.insert(
                InstanceRow(
                    id, definition_id, key, f"order-{number}", id, None, None, b"", variables, False, 1, NOW
                ),
                {},
            )  # fmt: skip
    return units


def task(instance_id: str = "i1", **fields: Any) -> ExternalTaskRow:
    key, number = ("p", 1) if instance_id == "i1" else ("q", 2)
    return ExternalTaskRow(
        str(uuid4()), instance_id, f"{key}:{number}", key, "ship", 7, "orders", 0,
        None, None, None, None, None, False, NOW,
    )._replace(**fields)  # fmt: skip


def added(units: Units, *rows: ExternalTaskRow) -> None:
    units.run(lambda unit: unit.external_tasks.insert(rows))


def fetched(
    units: Units,
    *topics: Topic | str,
    worker: str = "one",
    now: datetime = NOW,
    limit: int = 10,
    order: FetchOrder = OLDEST_FIRST,
) -> list[str]:
    wanted = [(topic if isinstance(topic, Topic) else Topic(topic), now + seconds(30)) for topic in topics]
    rows = units.run(lambda unit: unit.external_tasks.lock_next(worker, now, wanted, limit, order))
    return [row.id for row in rows]


def row_of(units: Units, id: str) -> ExternalTaskRow:
    return units.read(lambda unit: unit.external_tasks.get(id))


# --- fetching -----------------------------------------------------------------------------------------------------


def test_a_fetched_task_is_locked_for_its_worker(units: Units) -> None:
    one = task()
    added(units, one)
    assert fetched(units, "orders") == [one.id]
    assert row_of(units, one.id) == one._replace(worker="one", lock_until=NOW + seconds(30))
    assert fetched(units, "orders", worker="two") == []


def test_a_lock_that_ran_out_is_nobodys(units: Units) -> None:
    added(units, task())
    fetched(units, "orders")
    assert fetched(units, "orders", worker="two", now=NOW + seconds(29)) == []
    [id] = fetched(units, "orders", worker="two", now=NOW + seconds(30))
    assert row_of(units, id).worker == "two"


def test_workers_fetching_at_once_share_the_tasks(units: Units) -> None:
    if "postgresql" not in units.database_url:
        pytest.skip("SQLite lets one writer in at a time")
    added(units, *(task() for _ in range(4)))
    wanted = [(Topic("orders"), LATER)]
    with units.begin() as one:
        first = one.external_tasks.lock_next("one", NOW, wanted, 2)
        with units.begin() as two:
            # not committed yet: the second worker passes over what the first one is just taking
            second = two.external_tasks.lock_next("two", NOW, wanted, 4)
    assert len(first) == 2
    assert len(second) == 2
    assert not {row.id for row in first} & {row.id for row in second}


def test_each_topic_has_its_own_lock(units: Units) -> None:
    order, letter = task(), task(topic="letters")
    added(units, order, letter, task(topic="others"))
    wanted = [(Topic("orders"), NOW + seconds(5)), (Topic("letters"), NOW + seconds(9))]
    rows = units.run(lambda unit: unit.external_tasks.lock_next("one", NOW, wanted, 10))
    assert {row.id: row.lock_until for row in rows} == {order.id: NOW + seconds(5), letter.id: NOW + seconds(9)}


def test_suspended_tasks_and_those_without_retries_are_not_fetched(units: Units) -> None:
    left = task(retries=2)
    added(units, task(suspended=True), task(retries=0), left)
    assert fetched(units, "orders") == [left.id]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (FetchOrder(), ["oldest", "middle", "newest"]),
        (FetchOrder(newest_first=True), ["newest", "middle", "oldest"]),
        (FetchOrder(by_priority=True), ["middle", "oldest", "newest"]),
        (FetchOrder(by_priority=True, newest_first=True), ["middle", "newest", "oldest"]),
    ],
)
def test_a_batch_is_taken_and_answered_in_the_wanted_order(
    units: Units, order: FetchOrder, expected: list[str]
) -> None:
    added(
        units,
        task(id="newest", created=NOW + seconds(2)),
        task(id="middle", created=NOW + seconds(1), priority=3_000_000_000),
        task(id="oldest"),
    )
    assert fetched(units, "orders", now=LATER, limit=2, order=order) == expected[:2]
    assert fetched(units, "orders", now=LATER, order=order) == expected[2:]


def condition(value: Any, name: str = "amount") -> Sequence[VariableCondition]:
    return (VariableCondition(name, "eq", value),)


def test_a_topic_can_ask_for_tasks_of_some_instances_only(units: Units) -> None:
    one, two = task("i1"), task("i2")
    added(units, one, two)
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [one.id, two.id]),
        ({"business_key": "order-1"}, [one.id]),
        ({"business_key": ""}, []),
        ({"definition_id": "q:2"}, [two.id]),
        ({"definition_ids": ["q:2", "p:1"]}, [one.id, two.id]),
        ({"definition_ids": []}, []),
        ({"definition_key": "p"}, [one.id]),
        ({"definition_keys": ["q"]}, [two.id]),
        ({"version_tag": "old"}, [one.id]),
        ({"variables": condition(5)}, [one.id]),
        ({"variables": (*condition(5), *condition("bob", "name"))}, []),
        ({"business_key": "order-2", "variables": condition("5")}, [two.id]),
    ]
    now = NOW
    for wanted, expected in cases:
        now += seconds(60)
        assert sorted(fetched(units, Topic("orders", **wanted), now=now)) == sorted(expected), wanted


def test_conditions_of_one_topic_are_not_those_of_another(units: Units) -> None:
    letter, order = task("i1", topic="letters"), task("i2")
    added(units, letter, task("i1"), order, task("i2", topic="letters"))
    wanted = (Topic("letters", definition_key="p"), Topic("orders", business_key="order-2"))
    assert set(fetched(units, *wanted)) == {letter.id, order.id}


def test_nothing_is_fetched_from_no_topics_and_in_no_number(units: Units) -> None:
    added(units, task())
    assert fetched(units) == []
    assert fetched(units, "orders", limit=0) == []


def test_the_next_free_task_is_known_without_taking_it(units: Units) -> None:
    def next_free(*topics: str) -> datetime | None:
        return units.read(lambda unit: unit.external_tasks.next_free([Topic(name) for name in topics]))

    assert next_free("orders") is None
    assert next_free() is None
    added(units, task(), task(topic="letters", retries=0), task(topic="letters", suspended=True))
    assert next_free("orders", "letters") == NOW
    fetched(units, "orders")
    assert next_free("orders", "letters") == NOW + seconds(30)
    assert next_free("letters") is None


# --- holding ------------------------------------------------------------------------------------------------------


def test_a_free_task_can_be_locked_and_a_held_one_only_by_its_holder(units: Units) -> None:
    one = task()
    added(units, one)

    def lock(worker: str, now: datetime) -> bool:
        return units.run(lambda unit: unit.external_tasks.lock(one.id, worker, now, now + seconds(30)))

    assert lock("one", NOW)
    assert lock("one", NOW + seconds(10))
    assert not lock("two", NOW + seconds(30))
    assert lock("two", NOW + seconds(40))
    assert row_of(units, one.id).lock_until == NOW + seconds(70)


def test_only_the_holder_can_extend_its_lock_and_only_while_it_lasts(units: Units) -> None:
    one = task(worker="one", lock_until=NOW + seconds(30))
    added(units, one)

    def extend(worker: str, now: datetime) -> bool:
        return units.run(lambda unit: unit.external_tasks.extend(one.id, worker, now, LATER))

    assert not extend("two", NOW)
    assert extend("one", NOW)
    assert row_of(units, one.id).lock_until == LATER
    assert not extend("one", LATER + seconds(1))


def test_an_unlocked_task_is_nobodys(units: Units) -> None:
    one = task(worker="one", lock_until=LATER)
    added(units, one)
    units.run(lambda unit: unit.external_tasks.unlock(one.id))
    assert row_of(units, one.id) == one._replace(worker=None, lock_until=None)


def test_a_failed_task_rests_and_keeps_its_worker_and_the_details_it_had(units: Units) -> None:
    one = task(worker="one", lock_until=LATER)
    added(units, one)
    units.run(lambda unit: unit.external_tasks.fail(one.id, NOW + seconds(5), "no paper", "tray 2", 2))
    failed = one._replace(lock_until=NOW + seconds(5), error_message="no paper", error_details="tray 2", retries=2)
    assert row_of(units, one.id) == failed
    units.run(lambda unit: unit.external_tasks.fail(one.id, NOW, None, None, 0))
    assert row_of(units, one.id) == failed._replace(lock_until=NOW, error_message=None, retries=0)


def test_what_is_gone_can_not_be_changed(units: Units) -> None:
    one = task()
    added(units, one)
    units.run(lambda unit: unit.external_tasks.delete([one.id]))
    with units.begin() as unit:
        tasks = unit.external_tasks
        assert not tasks.lock(one.id, "one", NOW, LATER)
        assert not tasks.extend(one.id, "one", NOW, LATER)
        assert not tasks.fail(one.id, NOW, None, None, 0)
        for change in (
            lambda: tasks.get(one.id),
            lambda: tasks.info(one.id),
            lambda: tasks.unlock(one.id),
            lambda: tasks.set_retries(one.id, 1),
            lambda: tasks.set_priority(one.id, 1),
        ):
            with pytest.raises(NotFound):
                change()


# --- what else there is to an instance ----------------------------------------------------------------------------


def test_tasks_rest_with_their_instance(units: Units) -> None:
    one, other = task("i1"), task("i2")
    added(units, one, other)
    units.run(lambda unit: unit.instances.set_suspended("i1", True))
    assert fetched(units, "orders") == [other.id]
    units.run(lambda unit: unit.instances.set_suspended("i1", False))
    assert fetched(units, "orders") == [one.id]


def test_tasks_leave_with_their_instance_and_incidents_with_their_task(units: Units) -> None:
    one, other = task("i1"), task("i2")
    added(units, one, other)
    incidents = [
        IncidentRow(row.id, "failedExternalTask", row.instance_id, None, "ship", None, None, NOW, row.id)
        for row in (one, other)
    ]
    units.run(lambda unit: unit.incidents.insert(incidents))
    assert units.read(lambda unit: unit.incidents.find(IncidentFilter(configuration=one.id))) == incidents[:1]
    units.run(lambda unit: unit.external_tasks.delete([one.id]))
    assert units.read(lambda unit: unit.incidents.find()) == incidents[1:]
    units.run(lambda unit: unit.instances.delete("i2"))
    assert units.read(lambda unit: (unit.external_tasks.count(), unit.incidents.count())) == (0, 0)


def test_an_incident_of_an_external_task_is_resolved_once(units: Units) -> None:
    one = task()
    incident = IncidentRow("inc", "failedExternalTask", "i1", None, "ship", None, None, NOW, one.id)
    added(units, one)
    with units.begin() as unit:
        unit.incidents.insert([incident])
        assert unit.incidents.resolve_external_task(one.id)
        assert not unit.incidents.resolve_external_task(one.id)


def test_an_instance_is_found_by_the_activity_of_its_external_task(units: Units) -> None:
    added(units, task("i2"))
    found = units.read(lambda unit: unit.instances.find(InstanceFilter(activity_ids=["ship"])))
    assert [row.id for row in found] == ["i2"]


# --- lists --------------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(units: Units) -> Units:
    """Task a of i1, locked by `one`; b of i1, without retries; c of i2, suspended, whose lock ran out."""
    added(
        units,
        task("i1", id="a", worker="one", lock_until=LATER, priority=5, retries=3),
        task("i1", id="b", topic="letters", activity_id="write", activity=8, retries=0, created=NOW + seconds(1)),
        task("i2", id="c", worker="two", lock_until=NOW, suspended=True, created=NOW + seconds(2)),
    )
    return units


def test_tasks_are_found_and_counted_by_each_condition(listed: Units) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "abc"),
        ({"id": "a"}, "a"),
        ({"ids": ["a", "c"]}, "ac"),
        ({"ids": []}, ""),
        ({"topic": "letters"}, "b"),
        ({"worker": "two"}, "c"),
        ({"locked_at": NOW}, "a"),
        ({"unlocked_at": NOW}, "bc"),
        ({"lock_until_after": NOW}, "a"),
        ({"lock_until_before": LATER}, "c"),
        ({"with_retries_left": True}, "ac"),
        ({"with_retries_left": False}, "b"),
        ({"activity_id": "write"}, "b"),
        ({"activity_ids": ["write", "ship"]}, "abc"),
        ({"places": [("i1", 8), ("i2", 7)]}, "bc"),
        ({"places": []}, ""),
        ({"instance_id": "i2"}, "c"),
        ({"instance_ids": ["i1"]}, "ab"),
        ({"definition_id": "p:1"}, "ab"),
        ({"definition_key": "q"}, "c"),
        ({"definition_keys": ["p", "x"]}, "ab"),
        ({"definition_name": "Q"}, "c"),
        ({"definition_name_like": "P%"}, "ab"),
        ({"priority_at_least": 5}, "a"),
        ({"priority_at_most": 4}, "bc"),
        ({"suspended": True}, "c"),
        ({"suspended": False}, "ab"),
        ({"variables": condition(5)}, "ab"),
        ({"variables": condition("ann", "name"), "topic": "letters"}, "b"),
    ]
    with listed.begin_read() as unit:
        for wanted, expected in cases:
            of = ExternalTaskFilter(**wanted)
            assert "".join(one.task.id for one in unit.external_tasks.find(of)) == expected, wanted
            assert unit.external_tasks.count(of) == len(expected), wanted
            assert unit.external_tasks.ids(of) == list(expected), wanted


def test_lists_know_the_business_key_and_the_version_tag(listed: Units) -> None:
    with listed.begin_read() as unit:
        found = unit.external_tasks.find()
        assert [(one.business_key, one.version_tag) for one in found] == [
            ("order-1", "old"), ("order-1", "old"), ("order-2", "new"),
        ]  # fmt: skip
        assert unit.external_tasks.info("c") == found[2]


def test_a_list_is_cut_and_sorted(listed: Units) -> None:
    with listed.begin_read() as unit:
        found = unit.external_tasks.find(page=Page(1, 1, (("topic", "desc"), ("created", "desc"))))
    assert [one.task.id for one in found] == ["a"]


def test_topics_are_listed_once(listed: Units) -> None:
    added(listed, task())
    with listed.begin_read() as unit:
        assert unit.external_tasks.topics() == ["letters", "orders"]
        assert unit.external_tasks.topics(ExternalTaskFilter(with_retries_left=False)) == ["letters"]


def test_instances_are_found_by_the_beginning_of_their_id(listed: Units) -> None:
    with listed.begin_read() as unit:
        assert sorted(unit.external_tasks.instances_with_prefix("i")) == ["i1", "i2"]
        assert unit.external_tasks.instances_with_prefix("%1") == []


# --- telling who waits --------------------------------------------------------------------------------------------


def test_topics_with_new_work_are_told_once_and_after_the_commit(units: Units) -> None:
    told: list[frozenset[str]] = []
    units.on_new_external_tasks(told.append)
    one = task(worker="one", lock_until=LATER)
    with units.begin() as unit:
        unit.external_tasks.insert([one, task(topic="letters")])
        unit.external_tasks.insert([task(topic="letters"), task(topic="others")])
        assert told == []
    assert told == [frozenset({"orders", "letters", "others"})]


def test_a_freed_task_is_told_and_a_rolled_back_one_is_not(units: Units) -> None:
    told: list[frozenset[str]] = []
    one = task(worker="one", lock_until=LATER)
    added(units, one)
    units.on_new_external_tasks(told.append)

    def changed(change: Any) -> int:
        told.clear()
        units.run(lambda unit: change(unit.external_tasks))
        return len(told)

    assert changed(lambda tasks: tasks.unlock(one.id)) == 1
    assert changed(lambda tasks: tasks.fail(one.id, NOW, None, None, 1)) == 1
    assert changed(lambda tasks: tasks.fail(one.id, NOW, None, None, 0)) == 0
    assert changed(lambda tasks: tasks.set_retries(one.id, 2)) == 1
    assert changed(lambda tasks: tasks.set_retries(one.id, 0)) == 0
    assert changed(lambda tasks: tasks.insert([])) == 0

    def work_in_vain(unit: UnitOfWork) -> None:
        unit.external_tasks.insert([task()])
        raise ZeroDivisionError

    told.clear()
    with pytest.raises(ZeroDivisionError):
        units.run(work_in_vain)
    assert told == []
