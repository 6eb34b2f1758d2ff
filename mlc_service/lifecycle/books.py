"""The life cycle's documents inside one transaction.

`Books` is what every use case here is given: documents by kind, blobs, signals and jobs that go out with the same
commit, who acts and what time it is. It opens and commits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from mlc_service.delegate_api import JsonObject
from mlc_service.language.scripts import ScriptRunner
from mlc_service.lifecycle.documents import ENVELOPE, Kind, checked_id, id_from_key, iso, without_nul
from mlc_service.lifecycle.errors import InvalidDocument, StaleVersion, UnknownDocument
from mlc_service.lifecycle.ports import Outgoing
from mlc_service.store.documents import DocumentFilter, Documents, document_row
from mlc_service.store.errors import NotFound, UnknownSort, VersionConflict
from mlc_service.store.rows import DocumentRow
from mlc_service.store.selecting import Page
from mlc_service.store.units import UnitOfWork

_TABLE_NAME: Mapping[Kind, str] = {
    Kind.STORED_MODEL: "stored_models",
    Kind.DEPLOYABLE_MODEL: "deployable_models",
    Kind.DEPLOYED_MODEL: "deployed_models",
    Kind.ENGINE: "engines",
    Kind.JOB: "model_jobs",
    Kind.MODEL_TEST_RESULT: "model_test_results",
    Kind.NOTIFICATION: "notifications",
}
_SORT_FIELDS = {
    "createdDate": "created",
    "lastModifiedDate": "modified",
    "name": "name",
    "group": "group",
    "version": "version",
    "id": "id",
    "state": "state",
    "jobStatus": "state",
}


class BookBlobs:
    """Blobs of one transaction; `get` answers None for what is not there."""

    def __init__(self, unit: UnitOfWork, now: datetime) -> None:
        self._unit = unit
        self._now = now

    def put(self, content: bytes) -> str:
        return self._unit.blobs.put(content, self._now)

    def get(self, sha256: str) -> bytes | None:
        try:
            return self._unit.blobs.get(sha256)
        except NotFound:
            return None


class Books:
    """All documents, inside one transaction. `by` and `now` go onto every change, `scripts` runs those in tables."""

    def __init__(
        self, unit: UnitOfWork, outgoing: Outgoing, now: datetime, by: str, scripts: ScriptRunner | None = None
    ) -> None:
        self.unit = unit
        self.scripts = scripts
        self.now = now
        self.by = by
        self.blobs = BookBlobs(unit, now)
        self._outgoing = outgoing

    # --- documents ----------------------------------------------------------------------------------------------

    def find(self, kind: Kind, document_id: str) -> JsonObject | None:
        """The document, None if there is none with that id."""
        row = self._shelf(kind).look_up(document_id)
        return None if row is None else _document(row)

    def get(self, kind: Kind, document_id: str, lock: bool = False) -> JsonObject:
        """The document. Raises UnknownDocument. `lock` keeps it from others until the transaction ends."""
        try:
            return _document(self._shelf(kind).get(document_id, lock))
        except NotFound:
            raise UnknownDocument(kind.value, document_id) from None

    def find_by_key(self, kind: Kind, key: str) -> JsonObject | None:
        """What was created under that idempotency key."""
        row = self._shelf(kind).with_key(key)
        return None if row is None else _document(row)

    def add(self, kind: Kind, body: Mapping[str, Any], key: str | None = None) -> JsonObject:
        """The document exists; with a key that was used before, the answer is the first one."""
        if key is not None and (known := self.find_by_key(kind, key)):
            return known
        document_id = checked_id(body.get("id") or (id_from_key(f"{kind}:{key}") if key else uuid4()))
        if body.get("id") and any(self.find(other, document_id) for other in Kind):
            raise InvalidDocument("id", f"'{document_id}' is taken")
        content = _content(body)
        row = document_row(
            document_id,
            content,
            self.now,
            group=str(body.get("group") or "ALL"),
            name=_name(kind, content),
            state=_state(kind, content),
            user=self.by,
            idempotency_key=key,
        )
        return _document(self._shelf(kind).insert(row, _keys(kind, content)))

    def replace(self, kind: Kind, document: Mapping[str, Any], expected_version: int | None) -> JsonObject:
        """The document is as given, one version further. Raises UnknownDocument, StaleVersion.

        `expected_version` is the one the change was made to; None takes whichever is there.
        """
        document_id = str(document["id"])
        shelf = self._shelf(kind)
        try:
            row = shelf.get(document_id, lock=True)
            if expected_version is not None and expected_version != row.version:
                raise VersionConflict(kind, document_id, expected_version, row.version)
            content = _content(document)
            changed = row._replace(
                group=str(document.get("group") or row.group),
                name=_name(kind, content),
                state=_state(kind, content),
                modified=self.now,
                modified_by=self.by,
                document=content,
            )
            return _document(shelf.update(changed, _keys(kind, content)))
        except NotFound:
            raise UnknownDocument(kind.value, document_id) from None
        except VersionConflict as conflict:
            raise StaleVersion(kind.value, document_id, conflict.expected, conflict.found) from conflict

    def remove(self, kind: Kind, document_id: str) -> None:
        """The document is gone. Raises UnknownDocument."""
        try:
            self._shelf(kind).delete(document_id)
        except NotFound:
            raise UnknownDocument(kind.value, document_id) from None

    def search(
        self,
        kind: Kind,
        *,
        name: str | None = None,
        state: str | None = None,
        keys: Mapping[str, str] | None = None,
        sort: Sequence[tuple[str, str]] = (),
        first: int = 0,
        limit: int | None = None,
    ) -> list[JsonObject]:
        """Documents that meet all conditions, oldest first unless `sort` ((field, asc|desc), ...) says otherwise."""
        wanted = DocumentFilter(name=name, state=state, keys=dict(keys or {}))
        try:
            order = tuple((_SORT_FIELDS[field], direction) for field, direction in sort)
        except KeyError as unknown:
            raise UnknownSort(str(unknown.args[0])) from None
        return [_document(row) for row in self._shelf(kind).find(wanted, Page(first, limit, order))]

    def count(
        self, kind: Kind, *, name: str | None = None, state: str | None = None, keys: Mapping[str, str] | None = None
    ) -> int:
        """How many `search` finds."""
        return self._shelf(kind).count(DocumentFilter(name=name, state=state, keys=dict(keys or {})))

    # --- what leaves with the commit ----------------------------------------------------------------------------

    def signal(self, name: str, variables: Mapping[str, Any]) -> None:
        """Everybody who waits for the signal gets it after the commit."""
        self._outgoing.signal(self.unit, name, without_nul(dict(variables)))

    def message(self, name: str, process_instance_id: str, variables: Mapping[str, Any]) -> None:
        """That one process instance gets the message after the commit, as soon as it waits for it."""
        self._outgoing.message(self.unit, name, process_instance_id, without_nul(dict(variables)))

    def schedule(self, kind: str, payload: Mapping[str, Any]) -> None:
        """A job of that kind runs after the commit."""
        self._outgoing.schedule(self.unit, kind, payload)

    def _shelf(self, kind: Kind) -> Documents:
        return self.unit.documents(_TABLE_NAME[kind])


def _document(row: DocumentRow) -> JsonObject:
    return {
        "id": row.id,
        "group": row.group,
        "version": row.version,
        "createdDate": iso(row.created),
        "lastModifiedDate": iso(row.modified),
        "createdBy": row.created_by,
        "lastModifiedBy": row.modified_by,
    } | row.document


def _content(body: Mapping[str, Any]) -> JsonObject:
    content: JsonObject = without_nul({name: value for name, value in body.items() if name not in ENVELOPE})
    return content


def _name(kind: Kind, content: Mapping[str, Any]) -> str | None:
    path = {
        Kind.STORED_MODEL: ("modelMetaData", "name"),
        Kind.DEPLOYABLE_MODEL: ("metaData", "name"),
        Kind.ENGINE: ("name",),
        Kind.JOB: ("jobType",),
    }.get(kind)
    return _text(_at(content, *path)) if path else None


def _state(kind: Kind, content: Mapping[str, Any]) -> str | None:
    if kind == Kind.NOTIFICATION:
        return "OPEN" if content.get("open") else "CLOSED"
    return _text(content.get("jobStatus" if kind == Kind.JOB else "state"))


def _keys(kind: Kind, content: Mapping[str, Any]) -> dict[str, Iterable[str]]:
    """What a document is found by besides name and state."""
    found: dict[str, Any]
    match kind:
        case Kind.STORED_MODEL:
            found = {"tag": _at(content, "modelMetaData", "tags")}
        case Kind.DEPLOYABLE_MODEL:
            found = {"tag": _at(content, "metaData", "tags"), "storedModelId": _at(content, "storedModel", "id")}
        case Kind.ENGINE:
            found = {"tag": content.get("tags")}
        case Kind.NOTIFICATION:
            names = ("notificationType", "storedModelId", "deployableModelId", "jobId", "processInstanceId")
            found = {name: content.get(name) for name in names}
            found["awaited"] = "true" if content.get("awaited") else None
        case _:
            # jobs, deployed models and test results all point at a snapshot
            snapshot = content.get("referenceModel") or content.get("model") or content.get("deployableModel")
            found = {
                "deployableModelId": _at(snapshot, "id"),
                "storedModelId": _at(snapshot, "storedModel", "id"),
                "tag": _at(snapshot, "metaData", "tags"),
                "engineId": _at(content, "engine", "id"),
                "jobId": _at(content, "job", "id"),
            }
    keys = {name: value if isinstance(value, list) else [value] for name, value in found.items()}
    return {name: [one for one in values if isinstance(one, str)] for name, values in keys.items() if any(values)}


def _at(value: Any, *path: str) -> Any:
    """What is found down that path, None if it leads nowhere."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
