"""What leaves history together, what stays, and what two that remove at once do to each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from mlc_service.store.decision_history import HistoricDecisionRow
from mlc_service.store.definitions import DefinitionFilter
from mlc_service.store.errors import NotFound
from mlc_service.store.history_filters import InstanceHistoryFilter
from mlc_service.store.retention import CleanableFilter, DueRows, by_table
from mlc_service.store.rows import (
    DecisionDefinitionRow,
    DeploymentRow,
    HistoricActivityRow,
    HistoricInstanceRow,
    HistoricTaskRow,
    HistoricVariableRow,
    InstanceRow,
    ProcessDefinitionRow,
)
from mlc_service.store.selecting import ALL, Page
from mlc_service.store.units import UnitOfWork, Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
PLENTY = 10_000
OF_ONE_INSTANCE = {
    "historic_activity_instances": 1,
    "historic_tasks": 1,
    "historic_variables": 1,
    "historic_decisions": 1,
    "historic_process_instances": 1,
}


@pytest.fixture(autouse=True)
def deployed(units: Units) -> None:
    """Definitions p, q and the decision d."""

    def deploy(unit: UnitOfWork) -> None:
        unit.deployments.insert(DeploymentRow("dep", None, None, NOW), [])
        for key, days in (("p", 30), ("q", None)):
            unit.definitions.insert(
                ProcessDefinitionRow(f"{key}:1", key, 1, None, key, None, "f.bpmn", "dep", False, days, True)
            )
        unit.decisions.insert(DecisionDefinitionRow("d:1", "d", 1, None, "D", "d.dmn", "dep", 5))

    units.run(deploy)


def instance(
    unit: UnitOfWork, id: str, removal: datetime | None, *, root: str | None = None, key: str = "p", ended: bool = True
) -> None:
    """A row about the instance in every table of history; `root` called it."""
    then = NOW - DAY
    of = (f"{key}:1", key)
    over = then if ended else None
    state = "COMPLETED" if ended else "ACTIVE"
    row = HistoricInstanceRow(
        id, *of, None, "s", "e", None, state, then, over, None, root or id, root, None, removal
    )  # fmt: skip
    unit.history.insert_instance(row)
    unit.history.insert_activities(
        [HistoricActivityRow(f"a-{id}", id, 1, 0, *of, "s", None, "startEvent", then, over, False)]
    )
    unit.history.insert_tasks(
        [HistoricTaskRow(f"t-{id}", id, *of, "t", 1, None, None, None, None, 50, None, None, then, over, None)]
    )
    unit.history.write_variables([HistoricVariableRow(id, 0, "x", *of, 1, "CREATED", then, then)])
    unit.decision_history.insert([decision(f"d-{id}", instance_id=id)])


def decision(
    id: str, *, root: str | None = None, instance_id: str | None = None, removal: datetime | None = None
) -> HistoricDecisionRow:
    definition = (None, None) if instance_id is None else ("p:1", "p")
    return HistoricDecisionRow(
        id, root, "d:1", "d", "D", NOW - DAY, instance_id, *definition, None, None, None, [], [], None, removal
    )


def alive(unit: UnitOfWork, id: str, root: str) -> None:
    caller = None if root == id else root
    unit.instances.insert(
        InstanceRow(id, "p:1", "p", None, root, caller, None if caller is None else 1, b"", {}, False, 1, NOW), {}
    )


def left(units: Units) -> list[str]:
    """The instances that are on record, those of which any table still has a row."""

    def ids(unit: UnitOfWork) -> set[str]:
        found = {row.id for row in unit.history.find_instances()}
        found |= {row.instance_id for row in unit.history.find_activities()}
        found |= {row.instance_id for row in unit.history.find_tasks()}
        found |= {row.instance_id for row in unit.history.find_variables()}
        return found | {row.instance_id for row in unit.decision_history.find() if row.instance_id is not None}

    return sorted(units.read(ids))


def removed(units: Units, most_rows: int = PLENTY, now: datetime = NOW) -> dict[str, int]:
    return units.run(lambda unit: unit.retention.remove(now, most_rows))


def due(units: Units, now: datetime = NOW) -> list[DueRows]:
    return units.read(lambda unit: unit.retention.due(now))


def test_what_is_due_leaves_every_table_and_what_is_not_stays(units: Units) -> None:
    def record(unit: UnitOfWork) -> None:
        instance(unit, "due", NOW)
        instance(unit, "later", NOW + DAY)
        instance(unit, "for ever", None)

    units.run(record)
    assert removed(units) == OF_ONE_INSTANCE
    assert left(units) == ["for ever", "later"]
    assert removed(units) == {}
    assert removed(units, now=NOW + DAY) == OF_ONE_INSTANCE
    assert left(units) == ["for ever"]


def test_a_hierarchy_leaves_as_a_whole_by_the_removal_of_its_root(units: Units) -> None:
    def record(unit: UnitOfWork) -> None:
        instance(unit, "root", NOW)
        instance(unit, "called", None, root="root", key="q")
        instance(unit, "other", NOW + DAY)
        instance(unit, "called by other", None, root="other", key="q")

    units.run(record)
    assert removed(units, most_rows=1) == dict.fromkeys(OF_ONE_INSTANCE, 2)
    assert left(units) == ["called by other", "other"]


@pytest.mark.parametrize("living", ["root", "called"])
def test_nothing_leaves_while_anything_of_a_hierarchy_lives(units: Units, living: str) -> None:
    def record(unit: UnitOfWork) -> None:
        instance(unit, "root", NOW)
        instance(unit, "called", None, root="root")
        alive(unit, living, "root")

    units.run(record)
    assert due(units) == []
    assert removed(units) == {}
    assert left(units) == ["called", "root"]


def test_a_batch_takes_whole_hierarchies_longest_due_first(units: Units) -> None:
    def record(unit: UnitOfWork) -> None:
        for days in (1, 3, 2):
            instance(unit, f"i{days}", NOW - days * DAY)

    units.run(record)
    assert removed(units, most_rows=14) == dict.fromkeys(OF_ONE_INSTANCE, 2)
    assert left(units) == ["i1"]


def test_one_hierarchy_leaves_even_if_it_is_larger_than_a_batch(units: Units) -> None:
    units.run(lambda unit: instance(unit, "large", NOW))
    assert removed(units, most_rows=1) == OF_ONE_INSTANCE


def test_what_would_be_removed_is_what_is_removed(units: Units) -> None:
    def record(unit: UnitOfWork) -> None:
        for number in range(7):
            instance(unit, f"root{number}", NOW)
            instance(unit, f"called{number}", None, root=f"root{number}", key="q")
        instance(unit, "later", NOW + DAY)
        unit.decision_history.insert([decision(f"asked{number}", removal=NOW) for number in range(3)])

    units.run(record)
    expected = due(units)
    assert {(one.kind, one.definition_id) for one in expected} == {("process", "p:1"), ("decision", "d:1")}
    gone: dict[str, int] = {}
    while batch := removed(units, most_rows=25):
        for table, rows in batch.items():
            gone[table] = gone.get(table, 0) + rows
    assert gone == by_table(expected)
    assert due(units) == []
    assert left(units) == ["later"]


def test_a_decision_leaves_with_those_it_required(units: Units) -> None:
    rows = [
        decision("required", root="asked", removal=NOW),
        decision("asked", removal=NOW),
        decision("later", removal=NOW + DAY),
        decision("for ever"),
    ]
    units.run(lambda unit: unit.decision_history.insert(rows))
    assert removed(units, most_rows=1) == {"historic_decisions": 2}
    assert removed(units) == {}
    assert sorted(row.id for row in units.read(lambda unit: unit.decision_history.find())) == ["for ever", "later"]


def test_a_rolled_back_batch_has_removed_nothing(units: Units) -> None:
    units.run(lambda unit: instance(unit, "due", NOW))

    def killed(unit: UnitOfWork) -> None:
        unit.retention.remove(NOW, PLENTY)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        units.run(killed)
    assert left(units) == ["due"]
    assert removed(units) == OF_ONE_INSTANCE


def test_two_that_remove_at_once_take_different_hierarchies_and_wait_for_nobody(units: Units) -> None:
    if "postgresql" not in units.database_url:
        pytest.skip("SQLite lets one writer in at a time")

    def record(unit: UnitOfWork) -> None:
        for number in range(150):
            instance(unit, f"i{number:03}", NOW - number * timedelta(minutes=1))

    units.run(record)
    with units.begin() as one:
        first = one.retention.remove(NOW, PLENTY)
        with units.begin() as two:
            # not committed yet: the second passes over what the first is just removing
            second = two.retention.remove(NOW, PLENTY)
    assert first == dict.fromkeys(OF_ONE_INSTANCE, 100)
    assert second == dict.fromkeys(OF_ONE_INSTANCE, 50)
    assert left(units) == []


def test_what_a_deleted_definition_called_stays_as_long_as_it_would_have_stayed(units: Units) -> None:
    def record(unit: UnitOfWork) -> None:
        instance(unit, "root", NOW + DAY)
        instance(unit, "called", None, root="root", key="q")
        unit.history.delete_of(["p:1"])

    units.run(record)
    assert removed(units) == {}
    assert left(units) == ["called"]
    assert removed(units, now=NOW + DAY) == OF_ONE_INSTANCE


# --- reports ------------------------------------------------------------------------------------------------------


def report(
    units: Units, *, decisions: bool = False, page: Page = ALL, **wanted: Sequence[str] | bool
) -> list[tuple[str, int, int]]:
    def ask(unit: UnitOfWork) -> list[tuple[str, int, int]]:
        filter = CleanableFilter(NOW, **wanted)  # type: ignore[arg-type]
        found = unit.retention.report_decisions if decisions else unit.retention.report_processes
        count = unit.retention.count_decisions if decisions else unit.retention.count_processes
        rows = found(filter, page)
        assert page != ALL or count(filter) == len(rows)
        return [(row.id, row.finished, row.cleanable) for row in rows]

    return units.read(ask)


def test_a_report_counts_what_has_ended_and_what_may_leave_by_definition(units: Units) -> None:
    def record(unit: UnitOfWork) -> None:
        instance(unit, "root", NOW)
        instance(unit, "called", None, root="root", key="q")
        instance(unit, "later", NOW + DAY)
        instance(unit, "runs", None, ended=False)

    units.run(record)
    assert report(units) == [("p:1", 2, 1), ("q:1", 1, 1)]
    assert report(units, definition_ids=["q:1"]) == [("q:1", 1, 1)]
    assert report(units, definition_keys=["p"]) == [("p:1", 2, 1)]
    assert report(units, page=Page(size=1, sort=(("finished", "asc"),))) == [("q:1", 1, 1)]


def test_a_compact_report_leaves_out_definitions_without_history(units: Units) -> None:
    units.run(lambda unit: instance(unit, "one", None))
    assert report(units) == [("p:1", 1, 0), ("q:1", 0, 0)]
    assert report(units, compact=True) == [("p:1", 1, 0)]


def test_a_report_of_decisions_counts_those_of_instances_too(units: Units) -> None:
    def record(unit: UnitOfWork) -> None:
        instance(unit, "root", NOW)
        instance(unit, "called", None, root="root")
        instance(unit, "later", NOW + DAY)
        unit.decision_history.insert([decision("asked", removal=NOW), decision("for ever")])

    assert report(units, decisions=True, compact=True) == []
    units.run(record)
    assert report(units, decisions=True) == [("d:1", 5, 3)]


# --- definitions --------------------------------------------------------------------------------------------------


def test_a_definition_has_the_time_to_live_that_was_set_last(units: Units) -> None:
    def change(unit: UnitOfWork) -> None:
        unit.definitions.set_time_to_live("p:1", None)
        unit.definitions.set_time_to_live("q:1", 7)
        unit.decisions.set_time_to_live("d:1", 0)

    units.run(change)
    rows = units.read(lambda unit: unit.definitions.find(DefinitionFilter()))
    assert [(row.id, row.history_time_to_live) for row in rows] == [("p:1", None), ("q:1", 7)]
    assert units.read(lambda unit: unit.definitions.time_to_live("q:1")) == 7
    assert units.read(lambda unit: unit.decisions.get("d:1")).history_time_to_live == 0


def test_a_definition_that_is_not_there_has_no_time_to_live(units: Units) -> None:
    with pytest.raises(NotFound):
        units.run(lambda unit: unit.definitions.set_time_to_live("x:1", 1))
    with pytest.raises(NotFound):
        units.run(lambda unit: unit.decisions.set_time_to_live("x:1", 1))


def test_a_removal_comes_back_as_it_was_recorded(units: Units) -> None:
    units.run(lambda unit: instance(unit, "one", NOW + DAY))
    (row,) = units.read(lambda unit: unit.history.find_instances(InstanceHistoryFilter(ids=["one"])))
    assert row.removal == NOW + DAY
