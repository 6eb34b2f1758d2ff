"""What history can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists

from mlc_service.store.selecting import VariableCondition, equals, one_of
from mlc_service.store.tables import (
    historic_activity_instances,
    historic_process_instances,
    historic_tasks,
    historic_variables,
    incidents,
    process_definitions,
)
from mlc_service.store.variable_conditions import variable_holds


@dataclass(frozen=True, slots=True)
class InstanceHistoryFilter:
    """Conditions a past or present instance must meet; None asks for nothing. `…_like` are SQL patterns."""

    ids: Sequence[str] | None = None
    without_ids: Sequence[str] | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    definition_keys: Sequence[str] | None = None
    without_definition_keys: Sequence[str] | None = None
    definition_name: str | None = None
    definition_name_like: str | None = None
    business_key: str | None = None
    business_keys: Sequence[str] | None = None
    business_key_like: str | None = None
    state: str | None = None
    states: Sequence[str] | None = None
    finished: bool | None = None
    with_incident: bool | None = None
    started_by: str | None = None
    started_before: datetime | None = None
    started_after: datetime | None = None
    ended_before: datetime | None = None
    ended_after: datetime | None = None
    executed_activity_ids: Sequence[str] | None = None
    active_activity_ids: Sequence[str] | None = None
    # the topmost caller
    root_id: str | None = None
    # True: nobody called it
    is_root: bool | None = None
    caller_id: str | None = None
    called_id: str | None = None
    # of the instance itself, as they are or last were
    variables: Sequence[VariableCondition] = ()


@dataclass(frozen=True, slots=True)
class ActivityHistoryFilter:
    """Conditions a past or present activity instance must meet; None asks for nothing."""

    id: str | None = None
    instance_id: str | None = None
    instance_ids: Sequence[str] | None = None
    definition_id: str | None = None
    activity_id: str | None = None
    activity_name: str | None = None
    activity_type: str | None = None
    finished: bool | None = None
    canceled: bool | None = None
    # True: an end event that was reached, False: anything else
    complete_scope: bool | None = None
    # of the user task that the activity is
    assignee: str | None = None
    started_before: datetime | None = None
    started_after: datetime | None = None
    ended_before: datetime | None = None
    ended_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaskHistoryFilter:
    """Conditions a past or present task must meet; None asks for nothing."""

    id: str | None = None
    instance_id: str | None = None
    instance_ids: Sequence[str] | None = None
    # of instances with that topmost caller
    root_id: str | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    activity_id: str | None = None
    activity_ids: Sequence[str] | None = None
    name: str | None = None
    name_like: str | None = None
    assignee: str | None = None
    finished: bool | None = None
    delete_reason: str | None = None
    started_before: datetime | None = None
    started_after: datetime | None = None
    ended_before: datetime | None = None
    ended_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class VariableHistoryFilter:
    """Conditions a variable on record must meet; None asks for nothing. `scope` 0 is the instance itself."""

    instance_id: str | None = None
    instance_ids: Sequence[str] | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    scope: int | None = None
    name: str | None = None
    names: Sequence[str] | None = None
    name_like: str | None = None
    include_deleted: bool = False


def instance_conditions(wanted: InstanceHistoryFilter) -> list[ColumnElement[bool]]:
    columns = historic_process_instances.c
    found = equals(
        (
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
            (columns.business_key, wanted.business_key),
            (columns.state, wanted.state),
            (columns.start_user, wanted.started_by),
            (columns.root_id, wanted.root_id),
            (columns.caller_id, wanted.caller_id),
        )
    )
    found += one_of(columns.business_key, wanted.business_keys)
    for column, unwanted in (
        (columns.id, wanted.without_ids),
        (columns.definition_key, wanted.without_definition_keys),
    ):
        if unwanted is not None:
            found.append(column.not_in(unwanted))
    found += _definition(wanted) + _callers(wanted)
    found += [_last_held(condition) for condition in wanted.variables]
    found += one_of(columns.id, wanted.ids) + one_of(columns.definition_key, wanted.definition_keys)
    found += one_of(columns.state, wanted.states)
    found += _span(columns, wanted)
    if wanted.business_key_like is not None:
        found.append(columns.business_key.like(wanted.business_key_like))
    if wanted.with_incident is not None:
        has_incident = exists().where(incidents.c.instance_id == columns.id)
        found.append(has_incident if wanted.with_incident else ~has_incident)
    activities = historic_activity_instances.c
    if wanted.executed_activity_ids is not None:
        found.append(
            exists().where(
                activities.instance_id == columns.id,
                activities.activity_id.in_(wanted.executed_activity_ids),
                activities.ended.is_not(None),
            )
        )
    if wanted.active_activity_ids is not None:
        found.append(
            exists().where(
                activities.instance_id == columns.id,
                activities.activity_id.in_(wanted.active_activity_ids),
                activities.ended.is_(None),
            )
        )
    return found


def activity_conditions(wanted: ActivityHistoryFilter) -> list[ColumnElement[bool]]:
    columns = historic_activity_instances.c
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.activity_id, wanted.activity_id),
            (columns.activity_name, wanted.activity_name),
            (columns.activity_type, wanted.activity_type),
        )
    )
    found += one_of(columns.instance_id, wanted.instance_ids) + _span(columns, wanted)
    if wanted.canceled is not None:
        found.append(columns.canceled.is_(wanted.canceled))
    if wanted.complete_scope is not None:
        completes = and_(columns.activity_type.like("%EndEvent"), columns.ended.is_not(None), ~columns.canceled)
        found.append(completes if wanted.complete_scope else ~completes)
    if wanted.assignee is not None:
        task = historic_tasks.c
        found.append(
            exists().where(
                task.instance_id == columns.instance_id,
                task.activity == columns.number,
                task.assignee == wanted.assignee,
            )
        )
    return found


def _definition(wanted: InstanceHistoryFilter) -> list[ColumnElement[bool]]:
    asked = equals(((process_definitions.c.name, wanted.definition_name),))
    if wanted.definition_name_like is not None:
        asked.append(process_definitions.c.name.like(wanted.definition_name_like))
    if not asked:
        return []
    its_own = process_definitions.c.id == historic_process_instances.c.definition_id
    return [exists().where(its_own, *asked)]


def _callers(wanted: InstanceHistoryFilter) -> list[ColumnElement[bool]]:
    columns, called = historic_process_instances.c, historic_process_instances.alias("called").c
    found: list[ColumnElement[bool]] = []
    if wanted.is_root is not None:
        found.append(columns.caller_id.is_(None) if wanted.is_root else columns.caller_id.is_not(None))
    if wanted.called_id is not None:
        is_called = exists().where(called.id == wanted.called_id, called.caller_id == columns.id)
        found.append(is_called.correlate(historic_process_instances))
    return found


def _last_held(condition: VariableCondition) -> ColumnElement[bool]:
    variable = historic_variables.c
    return exists().where(
        variable.instance_id == historic_process_instances.c.id,
        variable.scope == 0,
        variable.name == condition.name,
        variable.state == "CREATED",
        # the column holds {"value": …}
        variable_holds(variable.value, replace(condition, name="value")),
    )


def task_conditions(wanted: TaskHistoryFilter) -> list[ColumnElement[bool]]:
    columns = historic_tasks.c
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
            (columns.activity_id, wanted.activity_id),
            (columns.name, wanted.name),
            (columns.assignee, wanted.assignee),
            (columns.delete_reason, wanted.delete_reason),
        )
    )
    found += one_of(columns.activity_id, wanted.activity_ids) + one_of(columns.instance_id, wanted.instance_ids)
    found += _span(columns, wanted) + _rooted(columns, wanted.root_id)
    if wanted.name_like is not None:
        found.append(columns.name.like(wanted.name_like))
    return found


def variable_conditions(wanted: VariableHistoryFilter) -> list[ColumnElement[bool]]:
    columns = historic_variables.c
    found = equals(
        (
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
            (columns.scope, wanted.scope),
            (columns.name, wanted.name),
        )
    )
    found += one_of(columns.instance_id, wanted.instance_ids) + one_of(columns.name, wanted.names)
    if wanted.name_like is not None:
        found.append(columns.name.like(wanted.name_like))
    if not wanted.include_deleted:
        found.append(columns.state == "CREATED")
    return found


def _rooted(columns: Any, root_id: str | None) -> list[ColumnElement[bool]]:
    if root_id is None:
        return []
    instance = historic_process_instances.c
    return [exists().where(instance.id == columns.instance_id, instance.root_id == root_id)]


def _span(
    columns: Any, wanted: InstanceHistoryFilter | ActivityHistoryFilter | TaskHistoryFilter
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.finished is not None:
        found.append(columns.ended.is_not(None) if wanted.finished else columns.ended.is_(None))
    for column, after, before in (
        (columns.started, wanted.started_after, wanted.started_before),
        (columns.ended, wanted.ended_after, wanted.ended_before),
    ):
        if after is not None:
            found.append(column > after)
        if before is not None:
            found.append(column < before)
    return found
