"""What history may be removed, and removing it in short transactions.

A hierarchy of instances leaves as a whole, a decision that no instance asked for with those that it required. The
topmost of them, the head, has a `removal`: the time from which on all of it may go. While anything of a hierarchy is
alive nothing of it is due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    Subquery,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    union,
)

from mlc_service.store.selecting import ALL, Page, one_of, paged
from mlc_service.store.tables import (
    decision_definitions,
    historic_activity_instances,
    historic_decisions,
    historic_process_instances,
    historic_tasks,
    historic_variables,
    process_definitions,
    process_instances,
)
from mlc_service.store.transaction import Transaction

# more are not looked at for one batch: their rows have to be counted first
_MOST_HEADS = 100


class _Kind(NamedTuple):
    """History that is removed alike: `heads` are those of its rows that fulfil `is_head`, the others name theirs."""

    name: str
    heads: Table
    head: ColumnElement[Any]
    is_head: ColumnElement[bool]
    definition_id: ColumnElement[Any]
    definition_key: ColumnElement[Any]
    # what leaves, and the column by which it is found: the heads' own table comes last
    tables: tuple[tuple[Table, ColumnElement[Any]], ...]


_instances, _decisions = historic_process_instances.c, historic_decisions.c
_PROCESS = _Kind(
    "process",
    historic_process_instances,
    _instances.root_id,
    ~exists().where(process_instances.c.root_id == _instances.id),
    _instances.definition_id,
    _instances.definition_key,
    (
        *(
            (table, table.c.instance_id)
            for table in (historic_activity_instances, historic_tasks, historic_variables, historic_decisions)
        ),
        (historic_process_instances, _instances.id),
    ),
)
_DECISION = _Kind(
    "decision",
    historic_decisions,
    _decisions.root,
    _decisions.root.is_(None),
    _decisions.decision_id,
    _decisions.decision_key,
    ((historic_decisions, _decisions.id),),
)
_KINDS = (_PROCESS, _DECISION)


class DueRows(NamedTuple):
    """How many rows of a table may be removed because the time to live of that definition is over.

    `kind` is process or decision. The definition is that of the head, which decides for all below it.
    """

    kind: str
    definition_id: str | None
    definition_key: str
    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class CleanableFilter:
    """Which definitions a report has; what may be removed is that which may be `at` that time."""

    at: datetime
    definition_ids: Sequence[str] | None = None
    definition_keys: Sequence[str] | None = None
    # only definitions of which something is finished
    compact: bool = False


class CleanableRow(NamedTuple):
    """How much history a definition has, and how much of it may be removed."""

    id: str
    key: str
    name: str | None
    version: int
    history_time_to_live: int | None
    finished: int
    cleanable: int


class Retention:
    """History whose time is over."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def due(self, now: datetime) -> list[DueRows]:
        """All that may be removed, by definition and table."""
        return [
            DueRows(kind.name, row.definition_id, row.definition_key, table.name, row.rows)
            for kind in _KINDS
            for table, row in self._counted(kind, _is_due(kind, now), "definition_key", "definition_id")
        ]

    def remove(self, now: datetime, most_rows: int) -> dict[str, int]:
        """What has been due longest is gone; answers how many rows by table, nothing if nothing is due.

        It is as much as has `most_rows` rows, but one hierarchy at least. What somebody else is just removing is
        passed over, not waited for.
        """
        for kind in _KINDS:
            heads = self._chosen(kind, now, most_rows)
            if heads:
                return dict(self._removed(kind, heads))
        return {}

    def _chosen(self, kind: _Kind, now: datetime, most_rows: int) -> list[str]:
        """Heads that are due and ours until the transaction ends."""
        table = kind.heads
        due = (
            select(table.c.id)
            .where(_is_due(kind, now))
            .order_by(table.c.removal, table.c.id)
            .limit(_MOST_HEADS)
            .with_for_update(skip_locked=True, of=table)
        )
        heads = list(self._transaction.execute(due).scalars())
        if not heads:
            return []
        sizes = dict.fromkeys(heads, 0)
        for _, row in self._counted(kind, table.c.id.in_(heads), "head"):
            sizes[row.head] += row.rows
        chosen = heads[:1]
        rows = sizes[heads[0]]
        for head in heads[1:]:
            rows += sizes[head]
            if rows > most_rows:
                break
            chosen.append(head)
        return chosen

    def _removed(self, kind: _Kind, heads: Sequence[str]) -> Iterator[tuple[str, int]]:
        all_of_them = or_(kind.head.in_(heads), kind.heads.c.id.in_(heads))
        for table, owner in kind.tables:
            which = all_of_them if table is kind.heads else owner.in_(select(kind.heads.c.id).where(all_of_them))
            count = self._transaction.execute(delete(table).where(which)).rowcount
            if count:
                yield table.name, count

    def _counted(self, kind: _Kind, which: ColumnElement[bool], *by: str) -> Iterator[tuple[Table, Any]]:
        """Of each table the `rows` below these heads, by columns of the members."""
        members = _members(kind, which)
        groups = [members.c[name] for name in by]
        for table, owner in kind.tables:
            statement = (
                select(*groups, func.count().label("rows"))
                .select_from(table)
                .join(members, members.c.id == owner)
                .group_by(*groups)
                .order_by(*groups)
            )
            for row in self._transaction.execute(statement):
                yield table, row

    # --- reports ----------------------------------------------------------------------------------------------

    def report_processes(self, wanted: CleanableFilter, page: Page = ALL) -> list[CleanableRow]:
        """Process definitions with the instances that have ended, by key and version."""
        return self._report(process_definitions, _ended_instances(wanted.at), wanted, page)

    def count_processes(self, wanted: CleanableFilter) -> int:
        return self._count(process_definitions, _ended_instances(wanted.at), wanted)

    def report_decisions(self, wanted: CleanableFilter, page: Page = ALL) -> list[CleanableRow]:
        """Decision definitions with their evaluations, by key and version."""
        return self._report(decision_definitions, _evaluations(wanted.at), wanted, page)

    def count_decisions(self, wanted: CleanableFilter) -> int:
        return self._count(decision_definitions, _evaluations(wanted.at), wanted)

    def _report(self, table: Table, history: Subquery, wanted: CleanableFilter, page: Page) -> list[CleanableRow]:
        columns = table.c
        finished = func.coalesce(history.c.finished, 0)
        statement = select(
            columns.id, columns.key, columns.name, columns.version, columns.history_time_to_live,
            finished, func.coalesce(history.c.cleanable, 0),
        )  # fmt: skip
        ordered = paged(
            _of(statement, table, history, wanted),
            page,
            {"finished": finished},
            (columns.key, columns.version, columns.id),
        )
        return [CleanableRow._make(row) for row in self._transaction.execute(ordered)]

    def _count(self, table: Table, history: Subquery, wanted: CleanableFilter) -> int:
        return int(self._transaction.execute(_of(select(func.count()), table, history, wanted)).scalar_one())


def _is_due(kind: _Kind, now: datetime) -> ColumnElement[bool]:
    return and_(kind.heads.c.removal <= now, kind.is_head)


def _members(kind: _Kind, which: ColumnElement[bool]) -> CTE:
    """Everybody below the heads and they themselves, each with its head and the head's definition."""
    table = kind.heads
    found = (
        table.c.id.label("head"),
        kind.definition_id.label("definition_id"),
        kind.definition_key.label("definition_key"),
    )
    below = table.alias("below")
    return union(
        select(*found, table.c.id).where(which),
        select(*found, below.c.id).join(below, below.c[kind.head.key or ""] == table.c.id).where(which),
    ).cte("members")


def _ended_instances(at: datetime) -> Subquery:
    ended = historic_process_instances
    root = ended.alias("root")
    removal = func.coalesce(ended.c.removal, root.c.removal)
    return (
        _by_definition(ended.c.definition_id, removal <= at)
        .select_from(ended.outerjoin(root, root.c.id == ended.c.root_id))
        .where(ended.c.ended.is_not(None))
        .subquery("history")
    )


def _evaluations(at: datetime) -> Subquery:
    made = historic_decisions
    instance = historic_process_instances.alias("instance")
    root = historic_process_instances.alias("root")
    removal = func.coalesce(made.c.removal, instance.c.removal, root.c.removal)
    return (
        _by_definition(made.c.decision_id, removal <= at)
        .select_from(
            made.outerjoin(instance, instance.c.id == made.c.instance_id).outerjoin(
                root, root.c.id == instance.c.root_id
            )
        )
        .subquery("history")
    )


def _by_definition(definition_id: ColumnElement[Any], may_be_removed: ColumnElement[bool]) -> Select[Any]:
    cleanable = func.sum(case((may_be_removed, 1), else_=0)).label("cleanable")
    return select(definition_id.label("definition_id"), func.count().label("finished"), cleanable).group_by(
        definition_id
    )


def _of(statement: Select[Any], table: Table, history: Subquery, wanted: CleanableFilter) -> Select[Any]:
    """The statement about the definitions that are asked for, each beside its history."""
    joined = statement.select_from(table.outerjoin(history, history.c.definition_id == table.c.id))
    found = one_of(table.c.id, wanted.definition_ids) + one_of(table.c.key, wanted.definition_keys)
    if wanted.compact:
        found.append(history.c.finished > 0)
    return joined.where(*found)


def by_table(rows: Sequence[DueRows]) -> Mapping[str, int]:
    """The rows of all definitions together."""
    found: dict[str, int] = {}
    for one in rows:
        found[one.table] = found.get(one.table, 0) + one.rows
    return found
