"""One transaction's way to the database: what is asked now, and what can wait until somebody would see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVarTuple, overload

import psycopg
from sqlalchemy import Connection, CursorResult, Dialect, Executable
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.selectable import TypedReturnsRows

from mlc_service.store.columns import UtcDateTime
from mlc_service.store.row_writes import DeleteRows, InsertRows, Row, RowWrite, write_rows

Columns = TypeVarTuple("Columns")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_INSTANCES = "process_instances"
_PSYCOPG = psycopg_dialect()  # type: ignore[no-untyped-call]


class Statement:
    """A statement that is run all the time. Make one for the module: it is put together once.

    Its parameters are texts, numbers, times or lists of them, given by name. It `holds` if it locks or writes.
    """

    def __init__(self, statement: TypedReturnsRows[*tuple[Any, ...]], *, holds: bool = False) -> None:
        self.statement = statement
        self.holds = holds

    @cached_property
    def compiled(self) -> tuple[str, Mapping[str, Any]]:
        """For psycopg: the text, and the parameters that are always the same."""
        compiled = self.statement.compile(dialect=_PSYCOPG)
        return str(compiled), {name: value for name, value in compiled.params.items() if value is not None}

    @cached_property
    def times(self) -> tuple[int, ...]:
        """Where in a row times stand."""
        columns = self.statement.exported_columns
        return tuple(place for place, column in enumerate(columns) if isinstance(column.type, UtcDateTime))


class Presumption(NamedTuple):
    """What was read by an earlier transaction and is taken to be so still, which is checked with what is written by it.

    `check` is a SELECT of a number that is 0 if it is not so, of these parameters; `forget` is called then.
    """

    check: str
    given: tuple[Any, ...]
    forget: Callable[[], None]


class Outdated(Exception):
    """What was presumed is not so any more: nothing was written, and the work has to be done again."""


class Transaction:
    """What the repositories of a unit of work talk to.

    On PostgreSQL the connection commits each statement by itself until something has to hold until the end: then, and
    not before, a transaction begins. Rows that nobody has to see yet (`later`) go together in one statement: before the
    next statement, or with the commit. On SQLite, where a statement costs no round trip, all happens at once.
    """

    def __init__(self, connection: Connection, *, reads_only: bool = False, is_repeatable: bool = False) -> None:
        self._connection = connection
        self._reads_only = reads_only
        self._is_postgresql = connection.dialect.name == "postgresql"
        # whether it spares a round trip to presume, and somebody is there to do the work again
        self.may_presume = is_repeatable and self._is_postgresql and not reads_only
        self._presumptions: list[Presumption] = []
        self._has_begun = not self._is_postgresql
        self._pending: dict[RowWrite, list[Row]] = {}
        # of what is pending: the rows by table and key, and the instances they belong to
        self._rows: set[tuple[Any, ...]] = set()
        self._instances: set[str] = set()

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    @overload
    def execute(
        self, statement: TypedReturnsRows[*Columns], parameters: Parameters | None = None
    ) -> CursorResult[*Columns]: ...
    @overload
    def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> CursorResult[*tuple[Any, ...]]: ...
    def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[*tuple[Any, ...]]:
        """What the statement answers, which may lock or write and holds until the end of the transaction."""
        if self._reads_only:
            return self.read(statement, parameters)
        self._begin()
        self._flush()
        return self._connection.execute(statement, parameters)

    @overload
    def read(
        self, statement: TypedReturnsRows[*Columns], parameters: Parameters | None = None
    ) -> CursorResult[*Columns]: ...
    @overload
    def read(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[*tuple[Any, ...]]: ...
    def read(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[*tuple[Any, ...]]:
        """What a SELECT that locks nothing answers; no transaction is begun for it."""
        if not statement.is_select:
            raise RuntimeError(f"this only reads, and was told: {statement}")
        self._flush()
        return self._connection.execute(statement, parameters)

    def ask(self, statement: Statement, *, by_itself: bool = False, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows that the statement answers. What it does is not undone with the rest if it may be `by_itself`."""
        if statement.holds:
            if self._reads_only:
                raise RuntimeError(f"this only reads, and was told: {statement.statement}")
            if not by_itself:
                self._begin()
        self._flush()
        if not self._is_postgresql:
            return [tuple(row) for row in self._connection.execute(statement.statement, parameters)]
        sql, constants = statement.compiled
        found = self._run(sql, {**constants, **parameters}).fetchall()
        return [_in_utc(row, statement.times) for row in found] if statement.times else list(map(tuple, found))

    def exec_driver_sql(
        self, statement: str, parameters: tuple[Any, ...] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """`execute` for SQL that is not SQLAlchemy's."""
        if not self._reads_only:
            self._begin()
            self._flush()
        return self._connection.exec_driver_sql(statement, parameters)

    def later(self, write: RowWrite, rows: Sequence[Row]) -> None:
        """The rows are written before anybody could miss them."""
        if not rows:
            return
        if self._reads_only:
            raise RuntimeError(f"this only reads, and was given rows of {write.table.name}")
        if not self._is_postgresql:
            write.run(self._connection, rows)
            return
        table, key = write.table.name, write.key
        keys = {(table, *(row[name] for name in key)) for row in rows}
        # the parts of a statement do not see one another
        if not self._rows.isdisjoint(keys) or (
            table == _INSTANCES and isinstance(write, DeleteRows) and any(row["id"] in self._instances for row in rows)
        ):
            self._flush()
        self._rows |= keys
        if table == _INSTANCES:
            self._instances.update(row["id"] for row in rows)
        elif "instance_id" in write.fields:
            self._instances.update(row["instance_id"] for row in rows)
        self._pending.setdefault(write, []).extend(map(write.sent, rows))

    def presume(self, presumption: Presumption) -> None:
        """Nothing is written, or kept, unless it is so. Only where `may_presume`."""
        self._presumptions.append(presumption)

    def commit(self) -> None:
        """All of it is in the database for good. Raises Outdated."""
        self._send()
        if not self._is_postgresql:
            self._connection.commit()
        elif self._has_begun:
            self._run("COMMIT")

    def _begin(self) -> None:
        if not self._has_begun:
            self._run("BEGIN")
            self._has_begun = True

    def _flush(self) -> None:
        """What waits is sent before the end, and so must not be kept without the rest."""
        if self._pending:
            self._begin()
            self._send()

    def _send(self) -> None:
        if not (self._pending or self._presumptions):
            return
        pending, self._pending = self._pending, {}
        presumptions, self._presumptions = self._presumptions, []
        self._rows.clear()
        self._instances.clear()
        freed = _freed_first(pending)
        if freed:
            self._begin()
            self._send_rows(freed, ())
        try:
            # alone and outside a transaction it is one by itself
            self._send_rows(pending, presumptions)
        except DBAPIError as error:
            if not (presumptions and isinstance(error.orig, psycopg.errors.DivisionByZero)):
                raise
            for presumption in presumptions:
                presumption.forget()
            raise Outdated from error

    def _send_rows(self, pending: Mapping[RowWrite, list[Row]], presumptions: Sequence[Presumption]) -> None:
        writes = enumerate(pending.items())
        parts = ", ".join([f"w{number} AS ({write.part(len(rows))})" for number, (write, rows) in writes])
        # a division by zero undoes all of the statement
        checks = ", ".join([f"1 / ({presumption.check})" for presumption in presumptions]) or "1"
        given: list[Any] = [write_rows(rows) for rows in pending.values()]
        for presumption in presumptions:
            given += presumption.given
        self._run(f"{'WITH ' if parts else ''}{parts} SELECT {checks}", tuple(given))

    @cached_property
    def _cursor(self) -> psycopg.Cursor[Any]:
        driver = self._connection.connection.driver_connection
        assert driver is not None
        cursor: psycopg.Cursor[Any] = driver.cursor()
        return cursor

    def _run(
        self, sql: str, given: Mapping[str, Any] | tuple[Any, ...] | None = None
    ) -> psycopg.Cursor[Any] | CursorResult[*tuple[Any, ...]]:
        """By the driver itself: SQLAlchemy would take several times as long. What it raises is SQLAlchemy's."""
        if self._connection.dispatch.before_cursor_execute:
            # somebody traces statements: SQLAlchemy tells them
            return self._connection.exec_driver_sql(sql, given)
        try:
            return self._cursor.execute(sql, given, prepare=given is not None)
        except psycopg.Error as error:
            is_lost = self._cursor.connection.broken
            if is_lost:
                self._connection.invalidate(error)
            raise DBAPIError.instance(sql, None, error, psycopg.Error, connection_invalidated=is_lost) from error


def _freed_first(pending: dict[RowWrite, list[Row]]) -> dict[RowWrite, list[Row]]:
    """Takes out of `pending` deletions from tables that get new rows, too, of which some must be one of a kind.

    The parts of a statement run in no order, and a new row may be so only when an old one is gone.
    """
    if len(pending) == 1:
        return {}
    filled = {write.table for write in pending if isinstance(write, InsertRows) and write.is_one_of_a_kind}
    return {
        write: pending.pop(write) for write in list(pending) if isinstance(write, DeleteRows) and write.table in filled
    }


def _in_utc(row: tuple[Any, ...], times: tuple[int, ...]) -> tuple[Any, ...]:
    values = list(row)
    for place in times:
        time: datetime | None = values[place]
        if time is not None:
            values[place] = time.astimezone(UTC)
    return tuple(values)
