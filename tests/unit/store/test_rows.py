"""Rows are tuples in column order: a column added to a table must be added to its row at the same place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table

from mlc_service.engine.values import from_stored, to_stored
from mlc_service.store import rows, tables
from mlc_service.store.errors import UnstorableText
from mlc_service.store.history import HistoricVariableRow
from mlc_service.store.ids import new_id
from mlc_service.store.people import Settings
from mlc_service.store.units import Units

PAIRS: list[tuple[Table, Any]] = [
    (tables.deployments, rows.DeploymentRow),
    (tables.resources, rows.ResourceRow),
    (tables.process_definitions, rows.ProcessDefinitionRow),
    (tables.decision_definitions, rows.DecisionDefinitionRow),
    (tables.process_instances, rows.InstanceRow),
    (tables.tasks, rows.TaskRow),
    (tables.task_candidates, rows.CandidateRow),
    (tables.jobs, rows.JobRow),
    (tables.event_subscriptions, rows.SubscriptionRow),
    (tables.external_tasks, rows.ExternalTaskRow),
    (tables.incidents, rows.IncidentRow),
    (tables.historic_process_instances, rows.HistoricInstanceRow),
    (tables.historic_activity_instances, rows.HistoricActivityRow),
    (tables.historic_tasks, rows.HistoricTaskRow),
    (tables.historic_variables, rows.HistoricVariableRow),
    (tables.users, rows.UserRow),
]


@pytest.mark.parametrize(("table", "row"), PAIRS, ids=lambda value: getattr(value, "name", ""))
def test_a_row_has_the_columns_of_its_table(table: Table, row: Any) -> None:
    assert [column.name for column in table.c] == list(row._fields)


def test_a_document_row_has_the_columns_of_its_table_but_the_kind() -> None:
    columns = [column.name for column in tables.documents.c if column.name != "kind"]
    assert [name.replace("group_name", "group") for name in columns] == list(rows.DocumentRow._fields)


def test_times_come_back_in_utc_to_the_microsecond(units: Units) -> None:
    moment = datetime(2026, 3, 1, 23, 59, 59, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    user = rows.UserRow("ann", "Ann", None, None, None, ["reviewers"], moment)
    units.run(lambda unit: unit.users.insert(user))
    found = units.read(lambda unit: unit.users.get("ann"))
    assert found.created == moment
    assert found.created.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(units: Units) -> None:
    user = rows.UserRow("ann", None, None, None, None, [], datetime(2026, 3, 1))  # noqa: DTZ001
    with pytest.raises(Exception, match="without a time zone"):
        units.run(lambda unit: unit.users.insert(user))


def test_ids_of_one_moment_are_neighbours_and_version_4() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    ids = [new_id(moment) for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {(id[14], id[19] in "89ab") for id in ids} == {("4", True)}
    assert max(ids) < new_id(moment + timedelta(milliseconds=1))


# PostgreSQL's JSONB has no NUL in its strings; whoever lets text in from outside refuses it before
json_texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | json_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_texts, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(value=json_values)
def test_json_comes_back_with_the_same_types(units: Units, value: Any) -> None:
    def keep(value: Any) -> Any:
        with units.begin() as unit:
            settings: Settings = unit.settings
            settings.put("value", {"it": to_stored(value)}, datetime(2026, 3, 1, tzinfo=UTC))
        with units.begin_read() as unit:
            found = unit.settings.get("value")
            assert found is not None
            return from_stored(found["it"])

    found = keep(value)
    assert found == value
    assert repr_types(found) == repr_types(value)


def repr_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: repr_types(item) for name, item in value.items()}
    if isinstance(value, list):
        return [repr_types(item) for item in value]
    return type(value).__name__


def test_a_variable_that_is_null_differs_from_none_at_all(units: Units) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    row = HistoricVariableRow("i", 0, "x", "p:1:a", "p", None, "CREATED", now, now)
    units.run(lambda unit: unit.history.write_variables([row]))
    assert units.read(lambda unit: unit.history.find_variables()) == [row]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_texts_that_postgresql_cannot_keep_are_refused_by_both(units: Units, text: str) -> None:
    with pytest.raises(UnstorableText):
        units.run(lambda unit: unit.settings.put("value", {"it": [text]}, datetime(2026, 3, 1, tzinfo=UTC)))


def test_an_escaped_backslash_before_u0000_is_no_nul(units: Units) -> None:
    units.run(lambda unit: unit.settings.put("value", "\\u0000", datetime(2026, 3, 1, tzinfo=UTC)))
    assert units.read(lambda unit: unit.settings.get("value")) == "\\u0000"
