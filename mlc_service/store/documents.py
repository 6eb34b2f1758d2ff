"""The life cycle's documents, one repository a kind, and the bytes they point at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, update

from mlc_service.store.errors import NotFound, VersionConflict
from mlc_service.store.rows import DocumentRow
from mlc_service.store.selecting import ALL, Page, equals, one_of, paged
from mlc_service.store.tables import blobs, document_keys, documents
from mlc_service.store.transaction import Transaction

# what a document can be found by besides its columns: a value, or several
Keys = Mapping[str, str | Iterable[str]]

_COLUMNS = [column for column in documents.c if column.name != "kind"]


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Conditions a document must meet, all of them; None asks for nothing.

    `keys` are the names given on `insert` and `update`; a list of values means any of them.
    """

    ids: Sequence[str] | None = None
    group: str | None = None
    groups: Sequence[str] | None = None
    name: str | None = None
    name_like: str | None = None
    state: str | None = None
    states: Sequence[str] | None = None
    keys: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


EVERY = DocumentFilter()


class Documents:
    """Documents of one kind, oldest first. Sortable by name, state, group, created, modified, version, id."""

    def __init__(self, transaction: Transaction, kind: str) -> None:
        self._transaction = transaction
        self._kind = kind

    def insert(self, row: DocumentRow, keys: Keys | None = None) -> DocumentRow:
        """The document is stored; `keys` are what it can be found by, besides its columns.

        With an idempotency key that is taken already, nothing is stored and the first document is the answer.
        """
        if row.idempotency_key is not None:
            # the unique constraint decides between two that come at the same moment; Units.run runs the loser again
            taken = self._first(documents.c.idempotency_key == row.idempotency_key)
            if taken is not None:
                return taken
        values = row._asdict()
        values["group_name"] = values.pop("group")
        self._transaction.execute(insert(documents), values | {"kind": self._kind})
        self._insert_keys(row.id, keys or {})
        return row

    def get(self, id: str, lock: bool = False) -> DocumentRow:
        """Raises NotFound. `lock` keeps it from everybody else until the transaction ends."""
        found = self._first(documents.c.id == id, lock)
        if found is None:
            raise NotFound(self._kind, id)
        return found

    def look_up(self, id: str) -> DocumentRow | None:
        return self._first(documents.c.id == id)

    def with_key(self, idempotency_key: str) -> DocumentRow | None:
        """The document that was created under that idempotency key."""
        return self._first(documents.c.idempotency_key == idempotency_key)

    def update(self, row: DocumentRow, keys: Keys | None = None) -> DocumentRow:
        """The document is as given, one version further; the answer holds the new version.

        `row.version` is the version that was read: raises VersionConflict if it has another now, NotFound if it is
        gone. `keys` None leaves what it can be found by.
        """
        values = row._asdict()
        values["group_name"] = values.pop("group")
        values["version"] = row.version + 1
        changed = self._transaction.execute(
            update(documents)
            .where(documents.c.kind == self._kind, documents.c.id == row.id, documents.c.version == row.version)
            .values(values)
        )
        if not changed.rowcount:
            raise VersionConflict(self._kind, row.id, row.version, self.get(row.id).version)
        if keys is not None:
            self._transaction.execute(delete(document_keys).where(document_keys.c.document_id == row.id))
            self._insert_keys(row.id, keys)
        return row._replace(version=row.version + 1)

    def delete(self, id: str) -> None:
        """Raises NotFound."""
        gone = self._transaction.execute(delete(documents).where(documents.c.kind == self._kind, documents.c.id == id))
        if not gone.rowcount:
            raise NotFound(self._kind, id)

    def find(self, wanted: DocumentFilter = EVERY, page: Page = ALL) -> list[DocumentRow]:
        columns = documents.c
        sortable = {column.name: column for column in columns} | {"group": columns.group_name}
        statement = paged(
            select(*_COLUMNS).where(*self._conditions(wanted)), page, sortable, (columns.created, columns.id)
        )
        return [DocumentRow._make(row) for row in self._transaction.execute(statement)]

    def count(self, wanted: DocumentFilter = EVERY) -> int:
        statement = select(func.count()).select_from(documents).where(*self._conditions(wanted))
        return self._transaction.execute(statement).scalar_one()

    def _first(self, condition: ColumnElement[bool], lock: bool = False) -> DocumentRow | None:
        statement = select(*_COLUMNS).where(documents.c.kind == self._kind, condition)
        row = self._transaction.execute(statement.with_for_update() if lock else statement).first()
        return None if row is None else DocumentRow._make(row)

    def _insert_keys(self, id: str, keys: Keys) -> None:
        rows = {
            (name, value)
            for name, values in keys.items()
            for value in ([values] if isinstance(values, str) else values)
        }
        if rows:
            self._transaction.execute(
                insert(document_keys),
                [{"document_id": id, "name": name, "value": value} for name, value in sorted(rows)],
            )

    def _conditions(self, wanted: DocumentFilter) -> list[ColumnElement[bool]]:
        columns = documents.c
        found = [columns.kind == self._kind]
        found += equals(
            ((columns.group_name, wanted.group), (columns.name, wanted.name), (columns.state, wanted.state))
        )
        found += one_of(columns.id, wanted.ids) + one_of(columns.group_name, wanted.groups)
        found += one_of(columns.state, wanted.states)
        if wanted.name_like is not None:
            found.append(columns.name.like(wanted.name_like))
        for name, values in wanted.keys.items():
            anyof = [values] if isinstance(values, str) else list(values)
            found.append(
                exists().where(
                    document_keys.c.document_id == columns.id,
                    document_keys.c.name == name,
                    document_keys.c.value.in_(anyof),
                )
            )
        return found


class Blobs:
    """Bytes by the SHA-256 of themselves, as hexadecimal digits."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def put(self, content: bytes, now: datetime) -> str:
        """The bytes are kept; answers their SHA-256. Putting the same bytes twice keeps them once."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.has(sha256):
            self._transaction.execute(
                insert(blobs), {"sha256": sha256, "size": len(content), "content": content, "created": now}
            )
        return sha256

    def get(self, sha256: str) -> bytes:
        """Raises NotFound."""
        content: bytes | None = self._transaction.execute(
            select(blobs.c.content).where(blobs.c.sha256 == sha256)
        ).scalar()
        if content is None:
            raise NotFound("blob", sha256)
        return content

    def has(self, sha256: str) -> bool:
        return self._transaction.execute(select(blobs.c.size).where(blobs.c.sha256 == sha256)).first() is not None


def document_row(
    id: str,
    document: dict[str, Any],
    now: datetime,
    *,
    group: str | None = None,
    name: str | None = None,
    state: str | None = None,
    user: str | None = None,
    idempotency_key: str | None = None,
) -> DocumentRow:
    """A new document at version 1, created and modified now by the same user."""
    return DocumentRow(id, group, name, state, 1, now, user, now, user, idempotency_key, document)
