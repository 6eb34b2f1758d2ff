"""Writes of rows by their primary key, in the one form in which many of them make one statement on PostgreSQL.

Rows travel as one JSON text for each kind of write, and the kinds as parts of one `WITH`: a step of an instance costs
one round trip, whatever it touches, and its statement's text stays the same, so that PostgreSQL plans it once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import JSON, Connection, LargeBinary, Table, and_, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from mlc_service.store.columns import UtcDateTime
from mlc_service.store.database import NUL, write_json
from mlc_service.store.errors import UnstorableText

Row = Mapping[str, Any]
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]


def write_rows(rows: Sequence[Row]) -> str:
    """The rows, as `RowWrite.sent` gives them, as the JSON text that travels. Raises UnstorableText."""
    try:
        text = orjson.dumps(rows).decode()
    except TypeError as error:
        raise UnstorableText("a text with half a surrogate pair cannot be stored") from error
    if "\\u0000" in text and NUL.search(text):
        raise UnstorableText("a text with a NUL character cannot be stored")
    return text


class RowWrite(ABC):
    """One kind of write. Make one for the module, not one for each call: it keeps what it has worked out."""

    def __init__(self, table: Table, fields: Iterable[str]) -> None:
        self.table = table
        self.fields = tuple(fields)
        self.key = tuple(column.name for column in table.primary_key.columns)
        self._times = tuple(name for name in self.fields if isinstance(table.c[name].type, UtcDateTime))
        self._documents = tuple(name for name in self.fields if isinstance(table.c[name].type, JSON))
        self._bytes = tuple(name for name in self.fields if isinstance(table.c[name].type, LargeBinary))

    @abstractmethod
    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """The rows are written, now, on any database."""

    @abstractmethod
    def part(self, count: int) -> str:
        """The statement for PostgreSQL, whose one parameter is `count` rows as JSON (`write_rows`)."""

    def sent(self, row: Row) -> Row:
        """The row as its JSON says it. Raises ValueError for a time without a zone."""
        for name in self._times:
            time: datetime | None = row[name]
            if time is not None and time.tzinfo is None:
                raise ValueError(f"A time without a time zone cannot be stored: {time!r}")
        if not (self._bytes or self._documents):
            return row
        sent = dict(row)
        for name in self._bytes:
            if sent[name] is not None:
                sent[name] = "\\x" + sent[name].hex()
        for name in self._documents:
            if sent[name] is not None:
                sent[name] = orjson.Fragment(write_json(sent[name]))
        return sent

    @cached_property
    def _recordset(self) -> str:
        columns = (self.table.c[name] for name in self.fields)
        declared = ", ".join(f"{_quoted(column.name)} {column.type.compile(_POSTGRESQL)}" for column in columns)
        return f"json_to_recordset(%s::json) AS r({declared})"

    def _few(self, count: int) -> str:
        """A recordset of which PostgreSQL knows that it is small: it would read a whole table for a hundred rows."""
        most = 1 << (count - 1).bit_length()
        return f"(SELECT * FROM {self._recordset} LIMIT {most}) AS r"

    @cached_property
    def _same_row(self) -> str:
        return " AND ".join(f"t.{_quoted(name)} = r.{_quoted(name)}" for name in self.key)


class InsertRows(RowWrite):
    """New rows; where a row of that key exists, its fields of `newer` are those of the new one."""

    def __init__(self, table: Table, newer: Sequence[str] = ()) -> None:
        super().__init__(table, (column.name for column in table.c))
        self._newer = newer
        # by other things than its key
        self.is_one_of_a_kind = any(index.unique for index in table.indexes)

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        connection.execute(self._statement[connection.dialect.name], list(rows))

    @cached_property
    def _statement(self) -> Mapping[str, Any]:
        return {"postgresql": self._upsert(postgresql.insert), "sqlite": self._upsert(sqlite.insert)}

    def _upsert(self, insert_of_dialect: Any) -> Any:
        if not self._newer:
            return insert(self.table)
        statement = insert_of_dialect(self.table)
        newer = {name: statement.excluded[name] for name in self._newer}
        return statement.on_conflict_do_update(index_elements=list(self.key), set_=newer)

    def part(self, count: int) -> str:  # noqa: ARG002
        return self._part

    @cached_property
    def _part(self) -> str:
        names = ", ".join(map(_quoted, self.fields))
        statement = f"INSERT INTO {_quoted(self.table.name)} ({names}) SELECT {names} FROM {self._recordset}"
        if self._newer:
            newer = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in self._newer)
            statement += f" ON CONFLICT ({', '.join(map(_quoted, self.key))}) DO UPDATE SET {newer}"
        return statement


class UpdateRows(RowWrite):
    """Rows of those keys have new values in these fields; `counted` is a number that grows by one."""

    def __init__(self, table: Table, fields: Sequence[str], counted: str | None = None) -> None:
        super().__init__(table, (*(column.name for column in table.primary_key.columns), *fields))
        self._set = tuple(fields)
        self._counted = counted

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        connection.execute(self._statement, [{f"new_{name}": row[name] for name in self.fields} for row in rows])

    @cached_property
    def _statement(self) -> Any:
        columns = self.table.c
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in self._set}
        if self._counted:
            values[self._counted] = columns[self._counted] + 1
        same = and_(*(columns[name] == bindparam(f"new_{name}") for name in self.key))
        return update(self.table).where(same).values(values)

    def part(self, count: int) -> str:
        source = self._few(count)
        return f"UPDATE {_quoted(self.table.name)} AS t SET {self._values} FROM {source} WHERE {self._same_row}"

    @cached_property
    def _values(self) -> str:
        values = [f"{_quoted(name)} = r.{_quoted(name)}" for name in self._set]
        if self._counted:
            values.append(f"{_quoted(self._counted)} = t.{_quoted(self._counted)} + 1")
        return ", ".join(values)


class DeleteRows(RowWrite):
    """Rows of those keys are gone, with all that hangs on them."""

    def __init__(self, table: Table) -> None:
        super().__init__(table, (column.name for column in table.primary_key.columns))

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        connection.execute(self._statement, [{f"old_{name}": row[name] for name in self.key} for row in rows])

    @cached_property
    def _statement(self) -> Any:
        return delete(self.table).where(and_(*(self.table.c[name] == bindparam(f"old_{name}") for name in self.key)))

    def part(self, count: int) -> str:
        return f"DELETE FROM {_quoted(self.table.name)} AS t USING {self._few(count)} WHERE {self._same_row}"


def _quoted(name: str) -> str:
    return f'"{name}"'
