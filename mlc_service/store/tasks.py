"""Open user tasks and who may claim them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, insert, or_, select, update

from mlc_service.store.errors import NotFound
from mlc_service.store.executions import of_execution
from mlc_service.store.row_writes import DeleteRows, InsertRows
from mlc_service.store.rows import CandidateRow, TaskRow
from mlc_service.store.selecting import ALL, Page, VariableCondition, equals, one_of, paged
from mlc_service.store.tables import process_instances, task_candidates, tasks
from mlc_service.store.transaction import Statement, Transaction
from mlc_service.store.variable_conditions import variable_holds


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Conditions an open task must meet, all of them; None asks for nothing. `…_like` are SQL patterns.

    `candidate_user` alone means that user by name; with `candidate_groups` either is enough. Camunda leaves assigned
    tasks out of candidate queries: say `assigned=False` for that.
    """

    id: str | None = None
    ids: Sequence[str] | None = None
    instance_id: str | None = None
    instance_ids: Sequence[str] | None = None
    execution_id: str | None = None
    business_key: str | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    definition_keys: Sequence[str] | None = None
    activity_id: str | None = None
    activity_ids: Sequence[str] | None = None
    name: str | None = None
    name_like: str | None = None
    description_like: str | None = None
    assignee: str | None = None
    assignees: Sequence[str] | None = None
    assigned: bool | None = None
    owner: str | None = None
    delegation_state: str | None = None
    candidate_user: str | None = None
    candidate_groups: Sequence[str] | None = None
    with_candidates: bool | None = None
    priority: int | None = None
    priority_at_least: int | None = None
    priority_at_most: int | None = None
    created_before: datetime | None = None
    created_after: datetime | None = None
    due_before: datetime | None = None
    due_after: datetime | None = None
    follow_up_before: datetime | None = None
    follow_up_after: datetime | None = None
    suspended: bool | None = None
    # process variables (scope 0)
    variables: Sequence[VariableCondition] = ()


EVERY = TaskFilter()

# built once: putting a statement together takes longer than running it
_ONE = select(tasks).where(tasks.c.id == bindparam("id"))
_GET = Statement(_ONE)
_LOCK = Statement(_ONE.with_for_update(), holds=True)
_INSERT = InsertRows(tasks)
_INSERT_CANDIDATES = InsertRows(task_candidates)
_DELETE = DeleteRows(tasks)


class Tasks:
    """Open user tasks, oldest first. A completed one is in history only."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def insert(self, rows: Sequence[TaskRow], candidates: Sequence[CandidateRow] = ()) -> None:
        self._transaction.later(_INSERT, [row._asdict() for row in rows])
        self._transaction.later(_INSERT_CANDIDATES, [row._asdict() for row in candidates])

    def get(self, id: str, lock: bool = False) -> TaskRow:
        """Raises NotFound. `lock` keeps it from everybody else until the transaction ends."""
        found = self._transaction.ask(_LOCK if lock else _GET, id=id)
        if not found:
            raise NotFound("task", id)
        return TaskRow._make(found[0])

    def update(self, id: str, **fields: Any) -> None:
        """The task has these values in these columns."""
        self._transaction.execute(update(tasks).where(tasks.c.id == id).values(**fields))

    def delete(self, ids: Sequence[str]) -> None:
        self._transaction.later(_DELETE, [{"id": id} for id in ids])

    def find(self, wanted: TaskFilter = EVERY, page: Page = ALL) -> list[TaskRow]:
        statement = paged(select(tasks).where(*_conditions(wanted)), page, tasks.c, (tasks.c.created, tasks.c.id))
        return [TaskRow._make(row) for row in self._transaction.execute(statement)]

    def count(self, wanted: TaskFilter = EVERY) -> int:
        statement = select(func.count()).select_from(tasks).where(*_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()

    def candidates(self, task_id: str) -> list[CandidateRow]:
        """Who may claim it, users and groups, by name."""
        statement = (
            select(task_candidates)
            .where(task_candidates.c.task_id == task_id)
            .order_by(task_candidates.c.kind, task_candidates.c.candidate)
        )
        return [CandidateRow._make(row) for row in self._transaction.execute(statement)]

    def add_candidate(self, candidate: CandidateRow) -> None:
        """The candidate may claim the task; adding one twice changes nothing."""
        if candidate not in self.candidates(candidate.task_id):
            self._transaction.execute(insert(task_candidates), candidate._asdict())

    def remove_candidate(self, candidate: CandidateRow) -> None:
        self._transaction.execute(
            delete(task_candidates).where(
                task_candidates.c.task_id == candidate.task_id,
                task_candidates.c.kind == candidate.kind,
                task_candidates.c.candidate == candidate.candidate,
            )
        )


def _conditions(wanted: TaskFilter) -> list[ColumnElement[bool]]:
    columns = tasks.c
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
            (columns.activity_id, wanted.activity_id),
            (columns.name, wanted.name),
            (columns.assignee, wanted.assignee),
            (columns.owner, wanted.owner),
            (columns.delegation_state, wanted.delegation_state),
            (columns.priority, wanted.priority),
        )
    )
    found += one_of(columns.id, wanted.ids) + one_of(columns.instance_id, wanted.instance_ids)
    found += one_of(columns.definition_key, wanted.definition_keys) + one_of(columns.activity_id, wanted.activity_ids)
    found += one_of(columns.assignee, wanted.assignees)
    if wanted.execution_id is not None:
        found.append(of_execution(columns.instance_id, columns.activity, wanted.execution_id))
    if wanted.name_like is not None:
        found.append(columns.name.like(wanted.name_like))
    if wanted.description_like is not None:
        found.append(columns.description.like(wanted.description_like))
    if wanted.assigned is not None:
        found.append(columns.assignee.is_not(None) if wanted.assigned else columns.assignee.is_(None))
    if wanted.suspended is not None:
        found.append(columns.suspended.is_(wanted.suspended))
    found += _ranges(wanted) + _candidates(wanted)
    if wanted.business_key is not None or wanted.variables:
        of_instance = [process_instances.c.id == columns.instance_id]
        if wanted.business_key is not None:
            of_instance.append(process_instances.c.business_key == wanted.business_key)
        of_instance += [variable_holds(process_instances.c.variables, condition) for condition in wanted.variables]
        found.append(exists().where(*of_instance))
    return found


def _ranges(wanted: TaskFilter) -> list[ColumnElement[bool]]:
    columns = tasks.c
    found: list[ColumnElement[bool]] = []
    for column, before, after in (
        (columns.created, wanted.created_before, wanted.created_after),
        (columns.due, wanted.due_before, wanted.due_after),
        (columns.follow_up, wanted.follow_up_before, wanted.follow_up_after),
    ):
        if before is not None:
            found.append(column < before)
        if after is not None:
            found.append(column > after)
    if wanted.priority_at_least is not None:
        found.append(columns.priority >= wanted.priority_at_least)
    if wanted.priority_at_most is not None:
        found.append(columns.priority <= wanted.priority_at_most)
    return found


def _candidates(wanted: TaskFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    of_task = task_candidates.c.task_id == tasks.c.id
    if wanted.candidate_user is not None or wanted.candidate_groups is not None:
        either = []
        if wanted.candidate_user is not None:
            either.append((task_candidates.c.kind == "user") & (task_candidates.c.candidate == wanted.candidate_user))
        if wanted.candidate_groups is not None:
            either.append(
                (task_candidates.c.kind == "group") & task_candidates.c.candidate.in_(wanted.candidate_groups)
            )
        found.append(exists().where(of_task, or_(*either)))
    if wanted.with_candidates is not None:
        any_candidate = exists().where(of_task)
        found.append(any_candidate if wanted.with_candidates else ~any_candidate)
    return found
