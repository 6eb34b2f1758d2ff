"""Process and decision definitions: one row a version of a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, delete, func, insert, literal_column, select, update

from mlc_service.store.errors import NotFound
from mlc_service.store.rows import DecisionDefinitionRow, ProcessDefinitionRow
from mlc_service.store.selecting import ALL, Page, equals, one_of, paged
from mlc_service.store.tables import decision_definitions, process_definitions
from mlc_service.store.transaction import Statement, Transaction


@dataclass(frozen=True, slots=True)
class DefinitionFilter:
    """Conditions a definition must meet, all of them; None asks for nothing. `…_like` are SQL patterns."""

    id: str | None = None
    ids: Sequence[str] | None = None
    id_like: str | None = None
    key: str | None = None
    keys: Sequence[str] | None = None
    key_like: str | None = None
    name: str | None = None
    name_like: str | None = None
    version: int | None = None
    version_tag: str | None = None
    latest_version: bool = False
    deployment_id: str | None = None
    resource_name: str | None = None
    # these two say nothing about decisions
    suspended: bool | None = None
    startable_in_tasklist: bool | None = None


EVERY = DefinitionFilter()

# built once: putting a statement together takes longer than running it
_PROCESS, _DECISION = (
    Statement(select(table).where(table.c.id == bindparam("id")))
    for table in (process_definitions, decision_definitions)
)
_LATEST_PROCESS, _LATEST_DECISION = (
    Statement(
        select(table)
        .where(table.c.key == bindparam("key"))
        .order_by(table.c.version.desc())
        # not a parameter: PostgreSQL must see that it is one
        .limit(literal_column("1"))
    )
    for table in (process_definitions, decision_definitions)
)
_TIME_TO_LIVE = Statement(
    select(process_definitions.c.history_time_to_live).where(process_definitions.c.id == bindparam("id"))
)


class Definitions:
    """Process definitions, by key and then version."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        # as this transaction has read them
        self._times_to_live: dict[str, int | None] = {}

    def insert(self, definition: ProcessDefinitionRow) -> None:
        self._transaction.execute(insert(process_definitions), definition._asdict())

    def get(self, id: str) -> ProcessDefinitionRow:
        """Raises NotFound."""
        found = self._transaction.ask(_PROCESS, id=id)
        if not found:
            raise NotFound("process definition", id)
        return self._read(found[0])

    def latest(self, key: str) -> ProcessDefinitionRow | None:
        """The highest version of a key."""
        found = self._transaction.ask(_LATEST_PROCESS, key=key)
        return self._read(found[0]) if found else None

    def _read(self, row: tuple[Any, ...]) -> ProcessDefinitionRow:
        definition = ProcessDefinitionRow._make(row)
        self._times_to_live[definition.id] = definition.history_time_to_live
        return definition

    def find(self, wanted: DefinitionFilter = EVERY, page: Page = ALL) -> list[ProcessDefinitionRow]:
        rows = _find(self._transaction, process_definitions, wanted, page)
        return [ProcessDefinitionRow._make(row) for row in rows]

    def count(self, wanted: DefinitionFilter = EVERY) -> int:
        return _count(self._transaction, process_definitions, wanted)

    def ids_of(self, key: str) -> list[str]:
        """Ids of all versions of a key."""
        statement = select(process_definitions.c.id).where(process_definitions.c.key == key)
        return list(self._transaction.execute(statement).scalars())

    def time_to_live(self, id: str) -> int | None:
        """For how many days the history of its instances is kept; None is for ever."""
        if id not in self._times_to_live:
            self._times_to_live[id] = next((days for (days,) in self._transaction.ask(_TIME_TO_LIVE, id=id)), None)
        return self._times_to_live[id]

    def set_time_to_live(self, id: str, days: int | None) -> None:
        """Raises NotFound."""
        self._times_to_live[id] = days
        _set_time_to_live(self._transaction, process_definitions, "process definition", id, days)

    def set_suspended(self, id: str, suspended: bool) -> None:
        self._transaction.execute(
            update(process_definitions).where(process_definitions.c.id == id).values(suspended=suspended)
        )

    def delete(self, id: str) -> None:
        """The definition and its start subscriptions are gone; its instances must be gone before."""
        self._transaction.execute(delete(process_definitions).where(process_definitions.c.id == id))


class DecisionDefinitions:
    """Decision definitions, by key and then version."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def insert(self, definition: DecisionDefinitionRow) -> None:
        self._transaction.execute(insert(decision_definitions), definition._asdict())

    def get(self, id: str) -> DecisionDefinitionRow:
        """Raises NotFound."""
        found = self._transaction.ask(_DECISION, id=id)
        if not found:
            raise NotFound("decision definition", id)
        return DecisionDefinitionRow._make(found[0])

    def latest(self, key: str) -> DecisionDefinitionRow | None:
        """The highest version of a key."""
        found = self._transaction.ask(_LATEST_DECISION, key=key)
        return DecisionDefinitionRow._make(found[0]) if found else None

    def find(self, wanted: DefinitionFilter = EVERY, page: Page = ALL) -> list[DecisionDefinitionRow]:
        rows = _find(self._transaction, decision_definitions, wanted, page)
        return [DecisionDefinitionRow._make(row) for row in rows]

    def count(self, wanted: DefinitionFilter = EVERY) -> int:
        return _count(self._transaction, decision_definitions, wanted)

    def set_time_to_live(self, id: str, days: int | None) -> None:
        """Raises NotFound."""
        _set_time_to_live(self._transaction, decision_definitions, "decision definition", id, days)

    def delete(self, id: str) -> None:
        self._transaction.execute(delete(decision_definitions).where(decision_definitions.c.id == id))


def _set_time_to_live(transaction: Transaction, table: Table, kind: str, id: str, days: int | None) -> None:
    if not transaction.execute(update(table).where(table.c.id == id).values(history_time_to_live=days)).rowcount:
        raise NotFound(kind, id)


def _find(transaction: Transaction, table: Table, wanted: DefinitionFilter, page: Page) -> Any:
    statement = select(table).where(*_conditions(table, wanted))
    return transaction.read(paged(statement, page, table.c, (table.c.key, table.c.version, table.c.id)))


def _count(transaction: Transaction, table: Table, wanted: DefinitionFilter) -> int:
    return transaction.execute(select(func.count()).select_from(table).where(*_conditions(table, wanted))).scalar_one()


def _conditions(table: Table, wanted: DefinitionFilter) -> list[ColumnElement[bool]]:
    columns = table.c
    found = equals(
        (
            (columns.id, wanted.id),
            (columns.key, wanted.key),
            (columns.name, wanted.name),
            (columns.version, wanted.version),
            (columns.version_tag, wanted.version_tag),
            (columns.deployment_id, wanted.deployment_id),
            (columns.resource_name, wanted.resource_name),
        )
    )
    found += one_of(columns.id, wanted.ids) + one_of(columns.key, wanted.keys)
    if wanted.id_like is not None:
        found.append(columns.id.like(wanted.id_like))
    if wanted.key_like is not None:
        found.append(columns.key.like(wanted.key_like))
    if wanted.name_like is not None:
        found.append(columns.name.like(wanted.name_like))
    if wanted.suspended is not None:
        found.append(columns.suspended.is_(wanted.suspended))
    if wanted.startable_in_tasklist is not None:
        found.append(columns.startable_in_tasklist.is_(wanted.startable_in_tasklist))
    if wanted.latest_version:
        newer = table.alias("newer")
        found.append(
            ~select(newer.c.id)
            .where(newer.c.key == columns.key, newer.c.version > columns.version)
            .correlate(table)
            .exists()
        )
    return found
