"""Work for workers outside: who may take what, and until when.

    free    -> locked   lock_next (the worker fetches), lock
    locked  -> locked   extend, and fail with a pause: nobody gets it before that is over
    locked  -> free     unlock, or the lock runs out: time alone does that, no row changes
    any     -> gone     the engine is through with it, or does not need it any more

A task whose retries are 0 is an incident and is not fetched until somebody sets more. `worker` stays the last one
that had it after the lock has run out: that worker may still complete it, until another one takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.dml import ReturningUpdate

from mlc_service.store.errors import NotFound
from mlc_service.store.row_writes import DeleteRows, InsertRows
from mlc_service.store.rows import ExternalTaskRow
from mlc_service.store.selecting import ALL, Page, VariableCondition, equals, one_of, paged
from mlc_service.store.tables import external_tasks, process_definitions, process_instances
from mlc_service.store.transaction import Statement, Transaction
from mlc_service.store.variable_conditions import variable_holds


@dataclass(frozen=True, slots=True)
class ExternalTaskFilter:
    """Conditions an external task must meet, all of them; None asks for nothing. `…_like` are SQL patterns.

    `locked_at` and `unlocked_at` ask whether somebody has it at that time. `places` are pairs of an instance's id and
    the number of an activity instance.
    """

    id: str | None = None
    ids: Sequence[str] | None = None
    topic: str | None = None
    worker: str | None = None
    locked_at: datetime | None = None
    unlocked_at: datetime | None = None
    lock_until_after: datetime | None = None
    lock_until_before: datetime | None = None
    with_retries_left: bool | None = None
    activity_id: str | None = None
    activity_ids: Sequence[str] | None = None
    places: Sequence[tuple[str, int]] | None = None
    instance_id: str | None = None
    instance_ids: Sequence[str] | None = None
    definition_id: str | None = None
    definition_key: str | None = None
    definition_keys: Sequence[str] | None = None
    definition_name: str | None = None
    definition_name_like: str | None = None
    priority_at_least: int | None = None
    priority_at_most: int | None = None
    suspended: bool | None = None
    # process variables (scope 0)
    variables: Sequence[VariableCondition] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """What a worker takes of one topic; None asks for nothing."""

    name: str
    business_key: str | None = None
    definition_id: str | None = None
    definition_ids: Sequence[str] | None = None
    definition_key: str | None = None
    definition_keys: Sequence[str] | None = None
    version_tag: str | None = None
    # process variables (scope 0)
    variables: Sequence[VariableCondition] = ()


@dataclass(frozen=True, slots=True)
class FetchOrder:
    """What comes first: if asked for the most urgent, and of equals the oldest or newest."""

    by_priority: bool = False
    newest_first: bool = False


class ExternalTaskInfo(NamedTuple):
    """What lists show: the task, its instance's business key and its definition's version tag."""

    task: ExternalTaskRow
    business_key: str | None
    version_tag: str | None


EVERY = ExternalTaskFilter()
OLDEST_FIRST = FetchOrder()

_COLUMNS = external_tasks.c
_AGE = (_COLUMNS.created, _COLUMNS.id)
_HAS_RETRIES = or_(_COLUMNS.retries.is_(None), _COLUMNS.retries > 0)

# built once: putting a statement together takes longer than running it
_ONE = select(external_tasks).where(_COLUMNS.id == bindparam("id"))
_GET = Statement(_ONE)
_LOCK = Statement(_ONE.with_for_update(), holds=True)
_INSERT = InsertRows(external_tasks)
_DELETE = DeleteRows(external_tasks)
_INFO = (
    select(external_tasks, process_instances.c.business_key, process_definitions.c.version_tag)
    .join(process_instances, process_instances.c.id == _COLUMNS.instance_id)
    .join(process_definitions, process_definitions.c.id == _COLUMNS.definition_id)
)
_INFO_OF_ONE = Statement(_INFO.where(_COLUMNS.id == bindparam("id")))


class ExternalTasks:
    """External tasks, oldest first. `announce` is given topics in which there is new work, for after the commit."""

    def __init__(self, transaction: Transaction, announce: Callable[[Iterable[str]], None]) -> None:
        self._transaction = transaction
        self._announce = announce

    def insert(self, rows: Sequence[ExternalTaskRow]) -> None:
        if rows:
            self._transaction.later(_INSERT, [row._asdict() for row in rows])
            self._announce(row.topic for row in rows)

    def delete(self, ids: Sequence[str]) -> None:
        """The tasks are gone, whoever has them; a worker that has one will find out when it reports."""
        if ids:
            self._transaction.later(_DELETE, [{"id": id} for id in ids])

    def get(self, id: str, lock: bool = False) -> ExternalTaskRow:
        """Raises NotFound. `lock` keeps it from everybody else until the transaction ends."""
        found = self._transaction.ask(_LOCK if lock else _GET, id=id)
        if not found:
            raise NotFound("external task", id)
        return ExternalTaskRow._make(found[0])

    # --- lists ------------------------------------------------------------------------------------------------

    def find(self, wanted: ExternalTaskFilter = EVERY, page: Page = ALL) -> list[ExternalTaskInfo]:
        statement = paged(_INFO.where(*_conditions(wanted)), page, _COLUMNS, _AGE)
        return [_info(row) for row in self._transaction.execute(statement)]

    def count(self, wanted: ExternalTaskFilter = EVERY) -> int:
        statement = select(func.count()).select_from(external_tasks).where(*_conditions(wanted))
        return self._transaction.execute(statement).scalar_one()

    def ids(self, wanted: ExternalTaskFilter = EVERY) -> list[str]:
        """Ids of the matching tasks in id order."""
        statement = select(_COLUMNS.id).where(*_conditions(wanted)).order_by(_COLUMNS.id)
        return list(self._transaction.execute(statement).scalars())

    def info(self, id: str) -> ExternalTaskInfo:
        """What lists show, of one task. Raises NotFound."""
        found = self._transaction.ask(_INFO_OF_ONE, id=id)
        if not found:
            raise NotFound("external task", id)
        return _info(found[0])

    def instances_with_prefix(self, prefix: str) -> list[str]:
        """Ids of instances that have external tasks and whose id begins so."""
        statement = select(_COLUMNS.instance_id).where(_COLUMNS.instance_id.startswith(prefix, autoescape=True))
        return list(self._transaction.execute(statement.distinct()).scalars())

    def topics(self, wanted: ExternalTaskFilter = EVERY) -> list[str]:
        """Topics of the matching tasks, by name."""
        statement = select(_COLUMNS.topic).where(*_conditions(wanted)).distinct().order_by(_COLUMNS.topic)
        return list(self._transaction.execute(statement).scalars())

    # --- what workers do --------------------------------------------------------------------------------------

    def next_free(self, topics: Sequence[Topic]) -> datetime | None:
        """When a task of these topics is, or was, free to be fetched first; None if there is none at all."""
        free_since = func.min(func.coalesce(_COLUMNS.lock_until, _COLUMNS.created), type_=_COLUMNS.created.type)
        statement = select(free_since).where(_is_fetchable(topics))
        return self._transaction.execute(statement).scalar()

    def lock_next(
        self,
        worker: str,
        now: datetime,
        wanted: Sequence[tuple[Topic, datetime]],
        limit: int,
        order: FetchOrder = OLDEST_FIRST,
        *,
        by_itself: bool = False,
    ) -> list[ExternalTaskRow]:
        """Up to `limit` free tasks of these topics (no name twice) are the worker's, each until the time beside it.

        Rows that somebody else is just taking are passed over, not waited for. `by_itself`: the worker may have them
        at once and for good, whatever becomes of the transaction.
        """
        if not wanted or limit == 0:
            return []
        given: dict[str, Any] = {"new_worker": worker, "now": now}
        for number, (topic, until) in enumerate(wanted):
            given |= {f"wanted_topic_{number}": topic.name, f"wanted_until_{number}": until}
        if all(topic == Topic(topic.name) for topic, _ in wanted):
            found = self._transaction.ask(_lock_next_of_names(len(wanted), limit, order), by_itself=by_itself, **given)
        else:
            conditions = [_of_topic(topic) for topic, _ in wanted]
            found = list(map(tuple, self._transaction.execute(_lock_next(conditions, limit, order), given)))
        return _sorted([ExternalTaskRow._make(row) for row in found], order)

    def lock(self, id: str, worker: str, now: datetime, until: datetime) -> bool:
        """The task is the worker's until then; False if somebody else has it, or if it is gone."""
        is_free = or_(_COLUMNS.lock_until.is_(None), _COLUMNS.lock_until <= now, _COLUMNS.worker == worker)
        return self._update(id, is_free, worker=worker, lock_until=until) is not None

    def extend(self, id: str, worker: str, now: datetime, until: datetime) -> bool:
        """The worker has the task until then; False if it does not have it now."""
        return self._update(id, _COLUMNS.worker == worker, _COLUMNS.lock_until >= now, lock_until=until) is not None

    def unlock(self, id: str) -> None:
        """Nobody has the task. Raises NotFound."""
        self._announce([self._must_update(id, worker=None, lock_until=None)])

    def fail(self, id: str, lock_until: datetime, message: str | None, details: str | None, retries: int) -> bool:
        """The task has that many tries left and nobody gets it until then; False if it is gone.

        `details` None leaves those of an earlier failure.
        """
        values: dict[str, Any] = {"lock_until": lock_until, "error_message": message, "retries": retries}
        if details is not None:
            values["error_details"] = details
        topic = self._update(id, **values)
        if topic is not None and retries > 0:
            self._announce([topic])
        return topic is not None

    # --- what people do ---------------------------------------------------------------------------------------

    def set_retries(self, id: str, retries: int) -> None:
        """The task has that many tries left. Raises NotFound."""
        topic = self._must_update(id, retries=retries)
        if retries > 0:
            self._announce([topic])

    def set_priority(self, id: str, priority: int) -> None:
        """Raises NotFound."""
        self._must_update(id, priority=priority)

    def _must_update(self, id: str, **values: Any) -> str:
        topic = self._update(id, **values)
        if topic is None:
            raise NotFound("external task", id)
        return topic

    def _update(self, id: str, *guards: ColumnElement[bool], **values: Any) -> str | None:
        statement = update(external_tasks).where(_COLUMNS.id == id, *guards).values(**values).returning(_COLUMNS.topic)
        return self._transaction.execute(statement).scalar()


def _info(row: Any) -> ExternalTaskInfo:
    *task, business_key, version_tag = row
    return ExternalTaskInfo(ExternalTaskRow._make(task), business_key, version_tag)


def _sort_keys(order: FetchOrder, columns: ReadOnlyColumnCollection[str, Any]) -> list[ColumnElement[Any]]:
    age = [column.desc() if order.newest_first else column.asc() for column in (columns.created, columns.id)]
    return [columns.priority.desc(), *age] if order.by_priority else age


def _sorted(rows: list[ExternalTaskRow], order: FetchOrder) -> list[ExternalTaskRow]:
    by_age = sorted(rows, key=lambda row: (row.created, row.id), reverse=order.newest_first)
    return sorted(by_age, key=lambda row: -row.priority) if order.by_priority else by_age


def _lock_next(conditions: Sequence[ColumnElement[bool]], limit: int, order: FetchOrder) -> ReturningUpdate[Any]:
    """The worker `:new_worker` has up to `limit` tasks that are free `:now`, of topic n until `:wanted_until_n`.

    Each topic has a condition. Its first tasks are found by themselves: the index has them in order, for one topic.
    """
    until_type = _COLUMNS.lock_until.type
    is_free = or_(_COLUMNS.lock_until.is_(None), _COLUMNS.lock_until <= bindparam("now", type_=until_type))
    of_topics = [
        select(_COLUMNS.id, _COLUMNS.priority, _COLUMNS.created)
        .where(_COLUMNS.suspended.is_(False), _HAS_RETRIES, is_free, condition)
        .order_by(*_sort_keys(order, _COLUMNS))
        # not a parameter: PostgreSQL must see that they are few
        .limit(literal_column(str(limit)))
        .with_for_update(skip_locked=True)
        # a CTE, because PostgreSQL may run a subquery with LIMIT more than once and so lock more than that
        .cte(f"of_topic_{number}")
        for number, condition in enumerate(conditions)
    ]
    candidates = union_all(*(select(*one.c) for one in of_topics)).subquery()
    first = select(candidates.c.id).order_by(*_sort_keys(order, candidates.c)).limit(literal_column(str(limit)))
    until = case(
        {
            bindparam(f"wanted_topic_{number}", type_=_COLUMNS.topic.type): bindparam(
                f"wanted_until_{number}", type_=until_type
            )
            for number in range(len(conditions))
        },
        value=_COLUMNS.topic,
    )
    return (
        update(external_tasks)
        .where(_COLUMNS.id.in_(first))
        .values(worker=bindparam("new_worker"), lock_until=until)
        .returning(*_COLUMNS)
    )


@lru_cache(maxsize=100)
def _lock_next_of_names(topics: int, limit: int, order: FetchOrder) -> Statement:
    """`_lock_next` for so many topics of which nothing but the name is asked, which is what most workers do."""
    conditions = [_COLUMNS.topic == bindparam(f"wanted_topic_{number}") for number in range(topics)]
    return Statement(_lock_next(conditions, limit, order), holds=True)


def _is_fetchable(topics: Sequence[Topic]) -> ColumnElement[bool]:
    """Of one of the topics, whoever has it now."""
    return and_(_COLUMNS.suspended.is_(False), _HAS_RETRIES, or_(false(), *(_of_topic(topic) for topic in topics)))


def _of_topic(topic: Topic) -> ColumnElement[bool]:
    found = [_COLUMNS.topic == topic.name]
    found += equals(((_COLUMNS.definition_id, topic.definition_id), (_COLUMNS.definition_key, topic.definition_key)))
    found += one_of(_COLUMNS.definition_id, topic.definition_ids)
    found += one_of(_COLUMNS.definition_key, topic.definition_keys)
    if topic.version_tag is not None:
        found.append(_definition(process_definitions.c.version_tag == topic.version_tag))
    found += _of_instance(topic.business_key, topic.variables)
    return and_(*found)


def _conditions(wanted: ExternalTaskFilter) -> list[ColumnElement[bool]]:
    columns = _COLUMNS
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.topic, wanted.topic),
            (columns.worker, wanted.worker),
            (columns.activity_id, wanted.activity_id),
            (columns.instance_id, wanted.instance_id),
            (columns.definition_id, wanted.definition_id),
            (columns.definition_key, wanted.definition_key),
        )
    )
    found += one_of(columns.id, wanted.ids) + one_of(columns.activity_id, wanted.activity_ids)
    found += one_of(columns.instance_id, wanted.instance_ids) + one_of(columns.definition_key, wanted.definition_keys)
    found += _locks(wanted)
    if wanted.with_retries_left is not None:
        found.append(_HAS_RETRIES if wanted.with_retries_left else columns.retries == 0)
    if wanted.places is not None:
        places = (and_(columns.instance_id == id, columns.activity == activity) for id, activity in wanted.places)
        found.append(or_(false(), *places))
    if wanted.definition_name is not None:
        found.append(_definition(process_definitions.c.name == wanted.definition_name))
    if wanted.definition_name_like is not None:
        found.append(_definition(process_definitions.c.name.like(wanted.definition_name_like)))
    if wanted.priority_at_least is not None:
        found.append(columns.priority >= wanted.priority_at_least)
    if wanted.priority_at_most is not None:
        found.append(columns.priority <= wanted.priority_at_most)
    if wanted.suspended is not None:
        found.append(columns.suspended.is_(wanted.suspended))
    return found + _of_instance(None, wanted.variables)


def _locks(wanted: ExternalTaskFilter) -> list[ColumnElement[bool]]:
    until = _COLUMNS.lock_until
    found: list[ColumnElement[bool]] = []
    if wanted.locked_at is not None:
        found.append(until > wanted.locked_at)
    if wanted.unlocked_at is not None:
        found.append(or_(until.is_(None), until <= wanted.unlocked_at))
    if wanted.lock_until_after is not None:
        found.append(until > wanted.lock_until_after)
    if wanted.lock_until_before is not None:
        found.append(until < wanted.lock_until_before)
    return found


def _definition(holds: ColumnElement[bool]) -> ColumnElement[bool]:
    return _COLUMNS.definition_id.in_(select(process_definitions.c.id).where(holds))


def _of_instance(business_key: str | None, variables: Sequence[VariableCondition]) -> list[ColumnElement[bool]]:
    if business_key is None and not variables:
        return []
    holds = equals(((process_instances.c.business_key, business_key),))
    holds += [variable_holds(process_instances.c.variables, condition) for condition in variables]
    # lists have the instances joined already: this one is its own
    return [exists().where(process_instances.c.id == _COLUMNS.instance_id, *holds).correlate(external_tasks)]
