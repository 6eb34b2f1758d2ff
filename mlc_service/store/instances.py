"""Live process instances and their variable scopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, or_, select, update

from mlc_service.store.errors import NotFound
from mlc_service.store.row_writes import DeleteRows, InsertRows, UpdateRows
from mlc_service.store.rows import InstanceInfo, InstanceRow
from mlc_service.store.selecting import ALL, Page, VariableCondition, equals, one_of, paged, renamed_to
from mlc_service.store.tables import (
    event_subscriptions,
    external_tasks,
    incidents,
    jobs,
    process_definitions,
    process_instances,
    tasks,
    variable_scopes,
)
from mlc_service.store.transaction import Statement, Transaction
from mlc_service.store.variable_conditions import variable_holds

_INFO = (
    process_instances.c.id,
    process_instances.c.definition_id,
    process_instances.c.definition_key,
    process_instances.c.business_key,
    process_instances.c.root_id,
    process_instances.c.caller_id,
    process_instances.c.suspended,
    process_instances.c.started,
)


@dataclass(frozen=True, slots=True)
class InstanceFilter:
    """Conditions a live instance must meet, all of them; None asks for nothing. `…_like` are SQL patterns."""

    ids: Sequence[str] | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    definition_keys: Sequence[str] | None = None
    without_definition_keys: Sequence[str] | None = None
    deployment_id: str | None = None
    business_key: str | None = None
    business_key_like: str | None = None
    suspended: bool | None = None
    with_incident: bool | None = None
    incident_id: str | None = None
    incident_kind: str | None = None
    incident_message: str | None = None
    incident_message_like: str | None = None
    # the topmost caller
    root_id: str | None = None
    # True: nobody called it
    is_root: bool | None = None
    # True: it has called nobody who is alive
    is_leaf: bool | None = None
    caller_id: str | None = None
    called_id: str | None = None
    # waits at one of these user or external tasks or in a job of one of these activities
    activity_ids: Sequence[str] | None = None
    variables: Sequence[VariableCondition] = ()


EVERY = InstanceFilter()

# built once: putting a statement together takes longer than running it
_GET = Statement(select(process_instances).where(process_instances.c.id == bindparam("id")))
# the row of the root is the lock of the whole hierarchy; its id never changes, so looking it up needs no lock
_ROOT_OF = select(process_instances.c.root_id).where(process_instances.c.id == bindparam("id")).scalar_subquery()
_LOCK = Statement(select(process_instances).where(process_instances.c.id == _ROOT_OF).with_for_update(), holds=True)
_OF_EXTERNAL_TASK = select(external_tasks.c.instance_id).where(external_tasks.c.id == bindparam("id")).scalar_subquery()
_ROOT_OF_EXTERNAL_TASK = (
    select(process_instances.c.root_id).where(process_instances.c.id == _OF_EXTERNAL_TASK).scalar_subquery()
)
_LOCK_OF_EXTERNAL_TASK = Statement(
    select(process_instances, _OF_EXTERNAL_TASK.label("wanted"))
    .where(process_instances.c.id == _ROOT_OF_EXTERNAL_TASK)
    .with_for_update(),
    holds=True,
)
_SCOPES = Statement(
    select(variable_scopes.c.number, variable_scopes.c.variables).where(
        variable_scopes.c.instance_id == bindparam("id")
    )
)
_INSERT = InsertRows(process_instances)
_UPDATE_STATE = UpdateRows(process_instances, ("state",), counted="revision")
_UPDATE = UpdateRows(process_instances, ("state", "variables"), counted="revision")
_DELETE = DeleteRows(process_instances)
_WRITE_SCOPES = InsertRows(variable_scopes, newer=("variables",))
_DELETE_SCOPES = DeleteRows(variable_scopes)


class Instances:
    """Live process instances, oldest first. An ended one is in history only."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def insert(self, instance: InstanceRow, scopes: Mapping[int, dict[str, Any]]) -> None:
        """The instance exists with its variable scopes (number of the activity instance -> stored variables)."""
        self._transaction.later(_INSERT, [instance._asdict()])
        self.write_scopes(instance.id, scopes)

    def lock(self, id: str) -> InstanceRow:
        """The instance, locked until the transaction ends with all that called it and all that it calls.

        Whoever else wants one of them waits. Raises NotFound.
        """
        found = self._transaction.ask(_LOCK, id=id)
        if not found:
            raise NotFound("process instance", id)
        root = InstanceRow._make(found[0])
        return root if root.id == id else self.get(id)

    def lock_of_external_task(self, id: str) -> InstanceRow:
        """As `lock`, of the instance to which the task belongs, whose id the caller need not know. Raises NotFound."""
        found = self._transaction.ask(_LOCK_OF_EXTERNAL_TASK, id=id)
        if not found:
            raise NotFound("external task", id)
        *row, wanted = found[0]
        root = InstanceRow._make(row)
        return root if root.id == wanted else self.get(wanted)

    def lock_all(self, ids: Sequence[str]) -> dict[str, InstanceRow]:
        """Those of these instances that live, by id, locked like `lock` does it."""
        roots = select(process_instances.c.root_id).where(process_instances.c.id.in_(ids))
        statement = (
            select(process_instances)
            .where(process_instances.c.id.in_(roots))
            .order_by(process_instances.c.id)
            .with_for_update()
        )
        locked = map(InstanceRow._make, self._transaction.execute(statement))
        found = {row.id: row for row in locked if row.id in ids}
        called = [id for id in ids if id not in found]
        if called:
            others = select(process_instances).where(process_instances.c.id.in_(called))
            found |= {row.id: InstanceRow._make(row) for row in self._transaction.execute(others)}
        return found

    def get(self, id: str) -> InstanceRow:
        """The instance as it is now, not locked. Raises NotFound."""
        found = self._transaction.ask(_GET, id=id)
        if not found:
            raise NotFound("process instance", id)
        return InstanceRow._make(found[0])

    def scopes(self, id: str) -> dict[int, dict[str, Any]]:
        """Stored variables of every scope but 0, by number of the activity instance."""
        return dict(self._transaction.ask(_SCOPES, id=id))

    def scopes_of(self, ids: Sequence[str]) -> dict[str, dict[int, dict[str, Any]]]:
        """As `scopes`, of several instances; one without any is left out."""
        columns = variable_scopes.c
        statement = select(columns.instance_id, columns.number, columns.variables).where(columns.instance_id.in_(ids))
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for instance_id, number, variables in self._transaction.read(statement):
            found.setdefault(instance_id, {})[number] = variables
        return found

    def update(self, id: str, state: bytes, variables: dict[str, Any] | None) -> None:
        """The instance has moved on; `variables` None leaves those of scope 0 as they are."""
        if variables is None:
            self._transaction.later(_UPDATE_STATE, [{"id": id, "state": state}])
        else:
            self._transaction.later(_UPDATE, [{"id": id, "state": state, "variables": variables}])

    def write_scopes(self, id: str, changed: Mapping[int, dict[str, Any] | None]) -> None:
        """Each scope has its new variables; those with None are gone."""
        rows = [{"instance_id": id, "number": number, "variables": values} for number, values in changed.items()]
        self._transaction.later(_DELETE_SCOPES, [row for row in rows if row["variables"] is None])
        self._transaction.later(_WRITE_SCOPES, [row for row in rows if row["variables"] is not None])

    def set_suspended(self, id: str, suspended: bool) -> None:
        """The instance, its tasks, external tasks and jobs rest, or go on."""
        self._transaction.execute(
            update(process_instances).where(process_instances.c.id == id).values(suspended=suspended)
        )
        for table in (tasks, external_tasks, jobs):
            self._transaction.execute(update(table).where(table.c.instance_id == id).values(suspended=suspended))

    def migrate(self, id: str, definition_id: str, definition_key: str, renamed: Mapping[str, str]) -> None:
        """The instance and all it has open belong to that definition; who was at an activity of `renamed` moved on.

        History is not touched.
        """
        self._transaction.execute(
            update(process_instances)
            .where(process_instances.c.id == id)
            .values(definition_id=definition_id, definition_key=definition_key)
        )
        for table in (tasks, external_tasks, jobs, event_subscriptions, incidents):
            # a message on its way belongs to no definition
            of_definition = update(table).where(table.c.instance_id == id, table.c.definition_id.is_not(None))
            values: dict[str, Any] = {"definition_id": definition_id}
            if "definition_key" in table.c:
                values["definition_key"] = definition_key
            if renamed:
                values["activity_id"] = renamed_to(table.c.activity_id, renamed)
            self._transaction.execute(of_definition.values(values))

    def delete(self, id: str) -> None:
        """The instance is gone with all that hung on it. History is not touched."""
        self._transaction.later(_DELETE, [{"id": id}])

    def roots_beyond(self, definition_ids: Sequence[str]) -> list[str]:
        """Roots of hierarchies in which these definitions have instances and others do, too; in id order."""
        theirs = process_instances.alias("theirs")
        statement = (
            select(process_instances.c.root_id)
            .distinct()
            .join(theirs, theirs.c.root_id == process_instances.c.root_id)
            .where(process_instances.c.definition_id.in_(definition_ids), theirs.c.definition_id.not_in(definition_ids))
            .order_by(process_instances.c.root_id)
        )
        return list(self._transaction.execute(statement).scalars())

    def delete_of(self, definition_ids: Sequence[str]) -> None:
        """No instance of these definitions lives any more. History is not touched."""
        self._transaction.execute(
            delete(process_instances).where(process_instances.c.definition_id.in_(definition_ids))
        )

    def find(self, wanted: InstanceFilter = EVERY, page: Page = ALL) -> list[InstanceInfo]:
        statement = paged(
            select(*_INFO).where(*_conditions(wanted)),
            page,
            process_instances.c,
            (process_instances.c.started, process_instances.c.id),
        )
        return [InstanceInfo._make(row) for row in self._transaction.execute(statement)]

    def ids(self, wanted: InstanceFilter = EVERY) -> list[str]:
        """Ids of the matching instances in id order: the order in which several may be locked."""
        statement = select(process_instances.c.id).where(*_conditions(wanted)).order_by(process_instances.c.id)
        return list(self._transaction.execute(statement).scalars())

    def count(self, wanted: InstanceFilter = EVERY) -> int:
        statement = select(func.count()).select_from(process_instances).where(*_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()

    def info(self, id: str) -> InstanceInfo:
        """What lists show, of one instance. Raises NotFound."""
        row = self._transaction.execute(select(*_INFO).where(process_instances.c.id == id)).first()
        if row is None:
            raise NotFound("process instance", id)
        return InstanceInfo._make(row)

    def count_by_definition(self) -> dict[str, int]:
        """How many instances live, by definition id."""
        statement = select(process_instances.c.definition_id, func.count()).group_by(process_instances.c.definition_id)
        return {row.definition_id: row[1] for row in self._transaction.execute(statement)}


def _conditions(wanted: InstanceFilter) -> list[ColumnElement[bool]]:
    columns = process_instances.c
    found = equals(
        (
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
            (columns.business_key, wanted.business_key),
        )
    )
    found += one_of(columns.id, wanted.ids) + one_of(columns.definition_key, wanted.definition_keys)
    if wanted.deployment_id is not None:
        found.append(
            columns.definition_id.in_(
                select(process_definitions.c.id).where(process_definitions.c.deployment_id == wanted.deployment_id)
            )
        )
    if wanted.business_key_like is not None:
        found.append(columns.business_key.like(wanted.business_key_like))
    if wanted.suspended is not None:
        found.append(columns.suspended.is_(wanted.suspended))
    if wanted.with_incident is not None:
        has_incident = exists().where(incidents.c.instance_id == columns.id)
        found.append(has_incident if wanted.with_incident else ~has_incident)
    found += _incident(wanted) + _hierarchy(wanted)
    if wanted.without_definition_keys is not None:
        found.append(columns.definition_key.not_in(wanted.without_definition_keys))
    if wanted.activity_ids is not None:
        found.append(
            or_(
                *(
                    exists().where(table.c.instance_id == columns.id, table.c.activity_id.in_(wanted.activity_ids))
                    for table in (tasks, external_tasks, jobs)
                )
            )
        )
    found += [variable_holds(process_instances.c.variables, condition) for condition in wanted.variables]
    return found


def _incident(wanted: InstanceFilter) -> list[ColumnElement[bool]]:
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
    return [exists().where(incidents.c.instance_id == process_instances.c.id, *asked)]


def _hierarchy(wanted: InstanceFilter) -> list[ColumnElement[bool]]:
    columns, called = process_instances.c, process_instances.alias("called").c
    found = equals(((columns.root_id, wanted.root_id), (columns.caller_id, wanted.caller_id)))
    if wanted.is_root is not None:
        found.append(columns.caller_id.is_(None) if wanted.is_root else columns.caller_id.is_not(None))
    if wanted.is_leaf is not None:
        has_called = exists().where(called.caller_id == columns.id).correlate(process_instances)
        found.append(~has_called if wanted.is_leaf else has_called)
    if wanted.called_id is not None:
        found.append(
            exists().where(called.id == wanted.called_id, called.caller_id == columns.id).correlate(process_instances)
        )
    return found
