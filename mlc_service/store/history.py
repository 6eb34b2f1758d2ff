"""What happened: append-only rows, written in the transaction in which it happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, bindparam, delete, func, select, update

from mlc_service.store.durations import with_duration
from mlc_service.store.errors import NotFound
from mlc_service.store.history_filters import (
    ActivityHistoryFilter,
    InstanceHistoryFilter,
    TaskHistoryFilter,
    VariableHistoryFilter,
    activity_conditions,
    instance_conditions,
    task_conditions,
    variable_conditions,
)
from mlc_service.store.row_writes import InsertRows, UpdateRows
from mlc_service.store.rows import HistoricActivityRow, HistoricInstanceRow, HistoricTaskRow, HistoricVariableRow
from mlc_service.store.selecting import ALL, Page, paged, renamed_to
from mlc_service.store.tables import (
    historic_activity_instances,
    historic_decisions,
    historic_process_instances,
    historic_tasks,
    historic_variables,
)
from mlc_service.store.transaction import Transaction

EVERY_INSTANCE = InstanceHistoryFilter()
EVERY_ACTIVITY = ActivityHistoryFilter()
EVERY_TASK = TaskHistoryFilter()
EVERY_VARIABLE = VariableHistoryFilter()


# built once: putting a statement together takes longer than running it
_INSERT_INSTANCE = InsertRows(historic_process_instances)
_END_INSTANCE = UpdateRows(
    historic_process_instances, ("state", "ended", "end_activity_id", "delete_reason", "removal")
)
_INSERT_ACTIVITIES = InsertRows(historic_activity_instances)
_END_ACTIVITIES = UpdateRows(historic_activity_instances, ("ended", "canceled"))
_INSERT_TASKS = InsertRows(historic_tasks)
_END_TASKS = UpdateRows(historic_tasks, ("ended", "delete_reason"))
_WRITE_VARIABLES = InsertRows(historic_variables, newer=("value", "state", "updated"))
_DELETE_VARIABLES = UpdateRows(historic_variables, ("state", "updated"))
_MIGRATE_ACTIVITY = (
    update(historic_activity_instances)
    .where(historic_activity_instances.c.id == bindparam("of"))
    .values(
        definition_id=bindparam("of_definition"),
        definition_key=bindparam("of_key"),
        activity_id=bindparam("now"),
        activity_name=bindparam("called"),
        activity_type=bindparam("type"),
        parent=bindparam("inside"),
    )
)


class MigratedActivity(NamedTuple):
    """What the record of the activity instance `of` says since it was migrated; `inside` is its scope's number."""

    of: str
    now: str
    called: str | None
    type: str
    inside: int


class History:
    """Past and present instances, activity instances, tasks and variables."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    # --- process instances ------------------------------------------------------------------------------------

    def insert_instance(self, row: HistoricInstanceRow) -> None:
        self._transaction.later(_INSERT_INSTANCE, [row._asdict()])

    def end_instance(
        self,
        id: str,
        *,
        state: str,
        at: datetime,
        end_activity_id: str | None,
        delete_reason: str | None,
        removal: datetime | None,
    ) -> None:
        """The instance is over since then; its history may be removed after `removal`, never if that is None."""
        self._transaction.later(
            _END_INSTANCE,
            [
                {
                    "id": id,
                    "state": state,
                    "ended": at,
                    "end_activity_id": end_activity_id,
                    "delete_reason": delete_reason,
                    "removal": removal,
                }
            ],
        )

    def update_instance(self, id: str, **fields: Any) -> None:
        """The instance's record has these values in these columns."""
        self._transaction.execute(
            update(historic_process_instances).where(historic_process_instances.c.id == id).values(**fields)
        )

    def migrate_instance(
        self,
        id: str,
        definition_id: str,
        definition_key: str,
        renamed: Mapping[str, str],
        scopes: Sequence[int],
    ) -> None:
        """The record of the instance, its open tasks and the variables of its live scopes are of that definition.

        What is over stays as it was. Activity instances: `migrate_activities`.
        """
        definition = {"definition_id": definition_id, "definition_key": definition_key}
        self.update_instance(id, **definition)
        open_tasks = update(historic_tasks).where(historic_tasks.c.instance_id == id, historic_tasks.c.ended.is_(None))
        if renamed:
            open_tasks = open_tasks.values(activity_id=renamed_to(historic_tasks.c.activity_id, renamed))
        self._transaction.execute(open_tasks.values(definition))
        if scopes:
            of_scope = update(historic_variables).where(
                historic_variables.c.instance_id == id,
                historic_variables.c.scope == bindparam("of"),
                historic_variables.c.state == "CREATED",
            )
            self._transaction.execute(of_scope.values(definition), [{"of": scope} for scope in scopes])

    def instance(self, id: str) -> HistoricInstanceRow:
        """Raises NotFound."""
        table = historic_process_instances
        row = self._transaction.execute(select(table).where(table.c.id == id)).first()
        if row is None:
            raise NotFound("historic process instance", id)
        return HistoricInstanceRow._make(row)

    def find_instances(
        self, wanted: InstanceHistoryFilter = EVERY_INSTANCE, page: Page = ALL
    ) -> list[HistoricInstanceRow]:
        """Oldest start first."""
        table = historic_process_instances
        statement = paged(
            select(table).where(*instance_conditions(wanted)), page, with_duration(table), (table.c.started, table.c.id)
        )
        return [HistoricInstanceRow._make(row) for row in self._transaction.execute(statement)]

    def count_instances(self, wanted: InstanceHistoryFilter = EVERY_INSTANCE) -> int:
        return self._count(historic_process_instances, instance_conditions(wanted))

    def delete_instances(self, ids: Sequence[str]) -> None:
        """Everything that is on record about these instances is gone."""
        if not ids:
            return
        for table in (historic_activity_instances, historic_decisions, historic_tasks, historic_variables):
            self._transaction.execute(delete(table).where(table.c.instance_id.in_(ids)))
        self._transaction.execute(delete(historic_process_instances).where(historic_process_instances.c.id.in_(ids)))

    def delete_of(self, definition_ids: Sequence[str]) -> None:
        """Everything that is on record about instances of these definitions is gone.

        Of a migrated one it is what happened before, too; of one that is of another definition now, nothing. What
        they called stays as long as it would have stayed with them.
        """
        instances = historic_process_instances.c
        of_these = instances.definition_id.in_(definition_ids)
        theirs = select(instances.id).where(of_these)
        root = historic_process_instances.alias("root")
        self._transaction.execute(
            update(historic_process_instances)
            .where(
                instances.root_id == root.c.id,
                root.c.definition_id.in_(definition_ids),
                root.c.removal.is_not(None),
                instances.id != root.c.id,
            )
            .values(removal=root.c.removal)
        )
        for table in (historic_activity_instances, historic_decisions, historic_tasks, historic_variables):
            self._transaction.execute(delete(table).where(table.c.instance_id.in_(theirs)))
        self._transaction.execute(delete(historic_process_instances).where(of_these))

    # --- activity instances -----------------------------------------------------------------------------------

    def insert_activities(self, rows: Sequence[HistoricActivityRow]) -> None:
        self._transaction.later(_INSERT_ACTIVITIES, [row._asdict() for row in rows])

    def end_activities(self, ended: Sequence[tuple[str, bool]], at: datetime) -> None:
        """These activity instances (id, canceled) were over at that time."""
        rows = [{"id": id, "ended": at, "canceled": canceled} for id, canceled in ended]
        self._transaction.later(_END_ACTIVITIES, rows)

    def migrate_activities(self, definition_id: str, definition_key: str, rows: Sequence[MigratedActivity]) -> None:
        """The live activity instances are of that definition, and as the rows say."""
        if rows:
            definition = {"of_definition": definition_id, "of_key": definition_key}
            self._transaction.execute(_MIGRATE_ACTIVITY, [row._asdict() | definition for row in rows])

    def find_activities(
        self, wanted: ActivityHistoryFilter = EVERY_ACTIVITY, page: Page = ALL
    ) -> list[HistoricActivityRow]:
        """In the order in which they began."""
        table = historic_activity_instances
        statement = paged(
            select(table).where(*activity_conditions(wanted)),
            page,
            with_duration(table),
            (table.c.started, table.c.number, table.c.id),
        )
        return [HistoricActivityRow._make(row) for row in self._transaction.execute(statement)]

    def count_activities(self, wanted: ActivityHistoryFilter = EVERY_ACTIVITY) -> int:
        return self._count(historic_activity_instances, activity_conditions(wanted))

    # --- tasks ------------------------------------------------------------------------------------------------

    def insert_tasks(self, rows: Sequence[HistoricTaskRow]) -> None:
        self._transaction.later(_INSERT_TASKS, [row._asdict() for row in rows])

    def update_task(self, id: str, **fields: Any) -> None:
        """The task's record has these values in these columns."""
        if fields:
            self._transaction.execute(update(historic_tasks).where(historic_tasks.c.id == id).values(**fields))

    def end_tasks(self, ended: Sequence[tuple[str, str]], at: datetime) -> None:
        """These tasks (id, completed or deleted) were over at that time."""
        rows = [{"id": id, "ended": at, "delete_reason": reason} for id, reason in ended]
        self._transaction.later(_END_TASKS, rows)

    def find_tasks(self, wanted: TaskHistoryFilter = EVERY_TASK, page: Page = ALL) -> list[HistoricTaskRow]:
        """Oldest first."""
        table = historic_tasks
        statement = paged(
            select(table).where(*task_conditions(wanted)), page, with_duration(table), (table.c.started, table.c.id)
        )
        return [HistoricTaskRow._make(row) for row in self._transaction.execute(statement)]

    def count_tasks(self, wanted: TaskHistoryFilter = EVERY_TASK) -> int:
        return self._count(historic_tasks, task_conditions(wanted))

    # --- variables --------------------------------------------------------------------------------------------

    def write_variables(self, rows: Sequence[HistoricVariableRow]) -> None:
        """Each variable has its latest value; the first `created` is kept."""
        values = [row._asdict() | {"value": {"value": row.value}} for row in rows]
        self._transaction.later(_WRITE_VARIABLES, values)

    def delete_variables(self, instance_id: str, deleted: Sequence[tuple[int, str]], at: datetime) -> None:
        """These variables (scope, name) are gone since then; their last value stays on record."""
        rows = [
            {"instance_id": instance_id, "scope": scope, "name": name, "state": "DELETED", "updated": at}
            for scope, name in deleted
        ]
        self._transaction.later(_DELETE_VARIABLES, rows)

    def find_variables(
        self, wanted: VariableHistoryFilter = EVERY_VARIABLE, page: Page = ALL
    ) -> list[HistoricVariableRow]:
        """By name, then scope; `value` is the stored form."""
        table = historic_variables
        statement = paged(
            select(table).where(*variable_conditions(wanted)),
            page,
            table.c,
            (table.c.name, table.c.scope, table.c.instance_id),
        )
        rows = [HistoricVariableRow._make(row) for row in self._transaction.execute(statement)]
        return [row._replace(value=row.value["value"]) for row in rows]

    def count_variables(self, wanted: VariableHistoryFilter = EVERY_VARIABLE) -> int:
        return self._count(historic_variables, variable_conditions(wanted))

    def _count(self, table: Table, conditions: Sequence[ColumnElement[bool]]) -> int:
        return self._transaction.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
