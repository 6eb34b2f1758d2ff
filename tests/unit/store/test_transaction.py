"""What can wait is written before anybody could miss it, and all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from mlc_service.store.errors import NotFound, UnstorableText
from mlc_service.store.rows import DeploymentRow, HistoricActivityRow, InstanceRow, ProcessDefinitionRow, new_job
from mlc_service.store.tables import process_instances
from mlc_service.store.units import UnitOfWork, Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
STATE = bytes(range(256))


@pytest.fixture
def definition_id(units: Units) -> str:
    deployment = DeploymentRow(str(uuid4()), None, None, NOW)
    with units.begin() as unit:
        unit.deployments.insert(deployment, [])
        unit.definitions.insert(
            ProcessDefinitionRow("p:1:x", "p", 1, None, None, None, "p.bpmn", deployment.id, False, None, True)
        )
    return "p:1:x"


def instance(definition_id: str, **fields: Any) -> InstanceRow:
    id = str(uuid4())
    return InstanceRow(id, definition_id, "p", None, id, None, None, STATE, {}, False, 1, NOW)._replace(**fields)


def activity(instance_id: str, number: int, **fields: Any) -> HistoricActivityRow:
    return HistoricActivityRow(
        id=str(uuid4()), instance_id=instance_id, number=number, parent=0, definition_id="p:1:x", definition_key="p",
        activity_id=f"a{number}", activity_name=None, activity_type="task", started=NOW, ended=None, canceled=False,
    )._replace(**fields)  # fmt: skip


def test_what_waits_is_there_for_the_next_question(units: Units, definition_id: str) -> None:
    row = instance(definition_id, variables={"a": {"deep": [1, None, "ü\\u0000"]}, "big": 1e17})
    with units.begin() as unit:
        unit.instances.insert(row, {3: {"inner": 1}})
        assert unit.instances.get(row.id) == row
        assert unit.instances.scopes(row.id) == {3: {"inner": 1}}
    assert units.read(lambda unit: unit.instances.get(row.id)) == row


@pytest.mark.parametrize(
    "ask",
    [
        lambda unit, id: unit.instances.lock(id),
        lambda unit, id: unit.instances.get(id),
        lambda unit, id: unit.subscriptions.find(),
        lambda unit, id: unit.jobs.find(),
        lambda unit, id: unit.instances.update(id, b"again", None),
    ],
)
def test_nothing_is_kept_of_a_unit_that_breaks(
    units: Units, definition_id: str, ask: Callable[[UnitOfWork, str], object]
) -> None:
    row = instance(definition_id)

    def breaks(unit: UnitOfWork) -> None:
        unit.instances.insert(row, {})
        # it must see what waits, which is then sent before the end
        ask(unit, row.id)
        unit.jobs.insert([new_job(str(uuid4()), "async", NOW, instance_id=row.id)])
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        units.run(breaks)
    assert units.read(lambda unit: unit.instances.count()) == 0
    assert units.read(lambda unit: unit.jobs.count()) == 0


def test_the_same_row_may_be_written_again_and_again(units: Units, definition_id: str) -> None:
    row = instance(definition_id)
    one, two = activity(row.id, 1), activity(row.id, 2)
    with units.begin() as unit:
        unit.instances.insert(row, {1: {"x": 1}})
        unit.instances.update(row.id, b"1", None)
        unit.instances.update(row.id, b"2", {"n": 2})
        unit.instances.write_scopes(row.id, {1: None, 2: {"y": 2}})
        unit.instances.write_scopes(row.id, {2: {"y": 3}})
        unit.history.insert_activities([one, two])
        unit.history.end_activities([(one.id, True)], NOW)
    with units.begin_read() as unit:
        found = unit.instances.get(row.id)
        assert (found.state, found.variables, found.revision) == (b"2", {"n": 2}, 3)
        assert unit.instances.scopes(row.id) == {2: {"y": 3}}
        assert unit.history.find_activities() == [one._replace(ended=NOW, canceled=True), two]


def test_an_instance_takes_along_what_was_written_for_it_just_before(units: Units, definition_id: str) -> None:
    row = instance(definition_id)
    with units.begin() as unit:
        unit.instances.insert(row, {1: {"x": 1}})
        unit.jobs.insert([new_job(str(uuid4()), "async", NOW, instance_id=row.id)])
        unit.instances.delete(row.id)
    with units.begin_read() as unit:
        assert unit.jobs.find() == []
        with pytest.raises(NotFound):
            unit.instances.get(row.id)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 33])
def test_as_many_rows_as_there_are(units: Units, definition_id: str, count: int) -> None:
    row = instance(definition_id)
    rows = [activity(row.id, number) for number in range(count)]
    with units.begin() as unit:
        unit.history.insert_activities(rows)
    with units.begin() as unit:
        unit.history.end_activities([(one.id, False) for one in rows], NOW)
    assert units.read(lambda unit: unit.history.find_activities()) == [one._replace(ended=NOW) for one in rows]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_a_text_that_no_database_keeps_is_refused(units: Units, definition_id: str, text: str) -> None:
    with pytest.raises(UnstorableText), units.begin() as unit:
        unit.instances.insert(instance(definition_id, variables={"text": text}), {})
    assert units.read(lambda unit: unit.instances.count()) == 0


def test_a_time_without_a_zone_is_refused(units: Units, definition_id: str) -> None:
    with pytest.raises(Exception, match="without a time zone"), units.begin() as unit:
        unit.instances.insert(instance(definition_id, started=NOW.replace(tzinfo=None)), {})


def test_who_only_reads_cannot_write(units: Units, definition_id: str) -> None:
    row = instance(definition_id)
    with units.begin_read() as unit, pytest.raises(RuntimeError, match="only reads"):
        unit.instances.insert(row, {})
    with units.begin_read() as unit, pytest.raises(RuntimeError, match="only reads"):
        unit.instances.lock(row.id)
    with units.begin_read() as unit, pytest.raises(RuntimeError, match="only reads"):
        unit.definitions.set_suspended(definition_id, True)
    with units.begin_read() as unit:
        assert unit._transaction.read(select(process_instances)).all() == []
