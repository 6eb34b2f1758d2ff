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
from mlc_service.store.transaction import Presumption, Statement, Transaction


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
# whether what a definition does is as it was: which it is, whether it rests, how long its history is kept
_IS_SAME = """SELECT count(*) FROM process_definitions
WHERE id = %s AND suspended = %s AND history_time_to_live IS NOT DISTINCT FROM %s::integer"""
_IS_SAME_AND_LATEST = """SELECT count(*) FROM (
    SELECT id, suspended, history_time_to_live FROM process_definitions WHERE key = %s ORDER BY version DESC LIMIT 1
) AS latest WHERE id = %s AND suspended = %s AND history_time_to_live IS NOT DISTINCT FROM %s::integer"""
_MOST_KNOWN = 1000


class KnownDefinitions:
    """Definitions as transactions of this process have read them. They may have changed meanwhile."""

    def __init__(self) -> None:
        self.by_id: dict[str, ProcessDefinitionRow] = {}
        self.latest: dict[str, ProcessDefinitionRow] = {}

    def note(self, definition: ProcessDefinitionRow, *, is_latest: bool) -> None:
        """It was read just now. One that rests is not kept: nobody must be turned away by what may have changed."""
        if definition.suspended:
            self.forget(definition)
            return
        if len(self.by_id) + len(self.latest) > _MOST_KNOWN:
            self.by_id.clear()
            self.latest.clear()
        self.by_id[definition.id] = definition
        if is_latest:
            self.latest[definition.key] = definition

    def forget(self, definition: ProcessDefinitionRow) -> None:
        """It is not so any more."""
        self.by_id.pop(definition.id, None)
        self.latest.pop(definition.key, None)


class Definitions:
    """Process definitions, by key and then version."""

    def __init__(self, transaction: Transaction, known: KnownDefinitions) -> None:
        self._transaction = transaction
        self._known = known
        # as this transaction has read them, or presumes them to be
        self._read: dict[str, ProcessDefinitionRow] = {}

    def insert(self, definition: ProcessDefinitionRow) -> None:
        # another one of its key is not the latest any more
        self._known.forget(definition)
        self._transaction.execute(insert(process_definitions), definition._asdict())

    def get(self, id: str) -> ProcessDefinitionRow:
        """Raises NotFound."""
        found = self._transaction.ask(_PROCESS, id=id)
        if not found:
            raise NotFound("process definition", id)
        return self._noted(found[0])

    def latest(self, key: str) -> ProcessDefinitionRow | None:
        """The highest version of a key."""
        found = self._transaction.ask(_LATEST_PROCESS, key=key)
        return self._noted(found[0], is_latest=True) if found else None

    def presumed(self, id: str) -> ProcessDefinitionRow:
        """As `get`, for a command that writes: if it was read before and has changed, the command runs again."""
        known = self._read.get(id)
        if known is not None:
            return known
        known = self._known.by_id.get(id) if self._transaction.may_presume else None
        return self.get(id) if known is None else self._presume(known, _IS_SAME)

    def presumed_latest(self, key: str) -> ProcessDefinitionRow | None:
        """As `latest`, for a command that writes: if it was read before and has changed, the command runs again."""
        known = self._known.latest.get(key) if self._transaction.may_presume else None
        return self.latest(key) if known is None else self._presume(known, _IS_SAME_AND_LATEST, key)

    def _noted(self, row: tuple[Any, ...], *, is_latest: bool = False) -> ProcessDefinitionRow:
        definition = ProcessDefinitionRow._make(row)
        self._read[definition.id] = definition
        if self._transaction.may_presume:
            self._known.note(definition, is_latest=is_latest)
        return definition

    def _presume(self, known: ProcessDefinitionRow, count: str, *key: str) -> ProcessDefinitionRow:
        given = (*key, known.id, known.suspended, known.history_time_to_live)
        self._transaction.presume(Presumption(count, given, lambda: self._known.forget(known)))
        self._read[known.id] = known
        return known

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
        """For how many days the history of its instances is kept; None is for ever, also of one that is gone."""
        try:
            return self.presumed(id).history_time_to_live
        except NotFound:
            return None

    def set_time_to_live(self, id: str, days: int | None) -> None:
        """Raises NotFound."""
        self._read.pop(id, None)
        _set_time_to_live(self._transaction, process_definitions, "process definition", id, days)

    def set_suspended(self, id: str, suspended: bool) -> None:
        self._read.pop(id, None)
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
