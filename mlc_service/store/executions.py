"""Executions, as the outside world calls whatever in a live instance can wait. There is no table of them.

An execution is an instance (its own id), a live activity instance (its id), or a token that waits in an asynchronous
continuation, where no activity instance exists: it is named by its job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from mlc_service.store.columns import Number
from mlc_service.store.errors import NotFound
from mlc_service.store.rows import CONTINUATION, ExecutionRow
from mlc_service.store.selecting import ALL, Page, VariableCondition, equals, paged
from mlc_service.store.tables import (
    event_subscriptions,
    historic_activity_instances,
    incidents,
    jobs,
    process_instances,
    variable_scopes,
)
from mlc_service.store.transaction import Transaction
from mlc_service.store.variable_conditions import variable_holds


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Conditions an execution must meet, all of them; None asks for nothing. `…_like` are SQL patterns."""

    id: str | None = None
    instance_id: str | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    business_key: str | None = None
    activity_id: str | None = None
    suspended: bool | None = None
    # waits for this event
    signal_name: str | None = None
    message_name: str | None = None
    incident_id: str | None = None
    incident_kind: str | None = None
    incident_message: str | None = None
    incident_message_like: str | None = None
    # its own variables, and those of its instance
    variables: Sequence[VariableCondition] = ()
    instance_variables: Sequence[VariableCondition] = ()


EVERY = ExecutionFilter()


def _executions() -> Any:
    """The three kinds as one list; `place` keeps instances before what is in them."""
    instance, activity = process_instances.c, historic_activity_instances.c
    of_instance = (
        instance.definition_id,
        instance.definition_key,
        instance.business_key,
        instance.suspended,
        instance.started,
    )
    instances = select(
        instance.id,
        instance.id.label("instance_id"),
        literal(0, Number).label("number"),
        null().cast(Text).label("activity_id"),
        *of_instance,
        literal(0, Integer).label("place"),
    )
    activities = (
        select(
            activity.id,
            activity.instance_id,
            activity.number,
            activity.activity_id,
            *of_instance,
            literal(1, Integer).label("place"),
        )
        .join(process_instances, instance.id == activity.instance_id)
        .where(activity.ended.is_(None))
    )
    continuations = (
        select(
            jobs.c.id,
            jobs.c.instance_id,
            jobs.c.activity.label("number"),
            jobs.c.activity_id,
            *of_instance,
            literal(1, Integer).label("place"),
        )
        .join(process_instances, instance.id == jobs.c.instance_id)
        .where(jobs.c.kind == CONTINUATION, jobs.c.activity.is_not(None))
    )
    return union_all(instances, activities, continuations).subquery("executions")


_EXECUTIONS = _executions()
_COLUMNS = tuple(_EXECUTIONS.c[name] for name in ExecutionRow._fields)

# built once: putting a statement together takes longer than running it
_GET = select(*_COLUMNS).where(_EXECUTIONS.c.id == bindparam("id"))


class Executions:
    """Executions of live instances, each instance before what waits in it."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def get(self, id: str) -> ExecutionRow:
        """Raises NotFound."""
        row = self._transaction.execute(_GET, {"id": id}).first()
        if row is None:
            raise NotFound("execution", id)
        return ExecutionRow._make(row)

    def find(self, wanted: ExecutionFilter = EVERY, page: Page = ALL) -> list[ExecutionRow]:
        columns = _EXECUTIONS.c
        order = (columns.started, columns.instance_id, columns.place, columns.number, columns.id)
        statement = paged(select(*_COLUMNS).where(*_conditions(wanted)), page, columns, order)
        return [ExecutionRow._make(row) for row in self._transaction.execute(statement)]

    def count(self, wanted: ExecutionFilter = EVERY) -> int:
        statement = select(func.count()).select_from(_EXECUTIONS).where(*_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()


def of_execution(
    instance_id: ColumnElement[Any], activity: ColumnElement[Any], execution_id: str
) -> ColumnElement[bool]:
    """A row with these columns belongs to that instance or activity instance (`activity` NULL or 0: the instance)."""
    open_activity = historic_activity_instances.c
    return or_(
        and_(instance_id == execution_id, func.coalesce(activity, 0) == 0),
        exists().where(
            open_activity.id == execution_id,
            open_activity.instance_id == instance_id,
            open_activity.number == activity,
        ),
    )


def _conditions(wanted: ExecutionFilter) -> list[ColumnElement[bool]]:
    columns = _EXECUTIONS.c
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
            (columns.business_key, wanted.business_key),
            (columns.activity_id, wanted.activity_id),
        )
    )
    if wanted.suspended is not None:
        found.append(columns.suspended.is_(wanted.suspended))
    for kind, name in (("signal", wanted.signal_name), ("message", wanted.message_name)):
        if name is not None:
            found.append(_waits_for(kind, name))
    found += _incident(wanted)
    found += [_has_variable(condition) for condition in wanted.variables]
    found += [_instance_has_variable(condition) for condition in wanted.instance_variables]
    return found


def _waits_for(kind: str, name: str) -> ColumnElement[bool]:
    waiting = event_subscriptions.c
    return exists().where(
        waiting.instance_id == _EXECUTIONS.c.instance_id,
        func.coalesce(waiting.activity, 0) == _EXECUTIONS.c.number,
        waiting.kind == kind,
        waiting.event_name == name,
    )


def _incident(wanted: ExecutionFilter) -> list[ColumnElement[bool]]:
    asked = equals(
        (
            (incidents.c.id, wanted.incident_id),
            (incidents.c.kind, wanted.incident_kind),
            (incidents.c.message, wanted.incident_message),
        )
    )
    if wanted.incident_message_like is not None:
        asked.append(incidents.c.message.like(wanted.incident_message_like))
    if not asked:
        return []
    its_own = func.coalesce(incidents.c.execution_id, incidents.c.instance_id) == _EXECUTIONS.c.id
    return [exists().where(incidents.c.instance_id == _EXECUTIONS.c.instance_id, its_own, *asked)]


def _has_variable(condition: VariableCondition) -> ColumnElement[bool]:
    scope = variable_scopes.c
    in_scope = exists().where(
        scope.instance_id == _EXECUTIONS.c.instance_id,
        scope.number == _EXECUTIONS.c.number,
        variable_holds(scope.variables, condition),
    )
    return or_(and_(_EXECUTIONS.c.place == 0, _instance_has_variable(condition)), in_scope)


def _instance_has_variable(condition: VariableCondition) -> ColumnElement[bool]:
    instance = process_instances.c
    return exists().where(instance.id == _EXECUTIONS.c.instance_id, variable_holds(instance.variables, condition))
