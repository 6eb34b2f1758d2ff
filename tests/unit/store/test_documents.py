"""Documents of the life cycle, blobs, settings and the board."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from mlc_service.store.board import BoardEntry, NewBoardTicket
from mlc_service.store.documents import DocumentFilter, document_row
from mlc_service.store.errors import NotFound, UnknownSort, VersionConflict
from mlc_service.store.rows import DocumentRow
from mlc_service.store.selecting import Page
from mlc_service.store.units import Units

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def stored(units: Units, id: str, kind: str = "engines", **fields: object) -> DocumentRow:
    keys = fields.pop("keys", None)
    row = document_row(id, {"id": id}, NOW + timedelta(seconds=len(id)))._replace(**fields)
    return units.run(lambda unit: unit.documents(kind).insert(row, keys))  # type: ignore[arg-type]


def test_a_document_comes_back_as_stored(units: Units) -> None:
    row = stored(units, "a", name="prod", state="ACTIVE", group="ops", created_by="ann")
    assert units.read(lambda unit: unit.documents("engines").get("a")) == row
    assert row.version == 1


def test_a_document_belongs_to_its_kind(units: Units) -> None:
    stored(units, "a")
    with pytest.raises(NotFound):
        units.read(lambda unit: unit.documents("model_jobs").get("a"))
    assert units.read(lambda unit: unit.documents("model_jobs").look_up("a")) is None
    assert units.read(lambda unit: unit.documents("model_jobs").count()) == 0
    with pytest.raises(NotFound):
        units.run(lambda unit: unit.documents("model_jobs").delete("a"))


def test_an_update_needs_the_version_that_was_read(units: Units) -> None:
    first = stored(units, "a")
    second = units.run(lambda unit: unit.documents("engines").update(first._replace(document={"x": 1})))
    assert second.version == 2
    with pytest.raises(VersionConflict) as conflict:
        units.run(lambda unit: unit.documents("engines").update(first._replace(document={"x": 2})))
    assert (conflict.value.expected, conflict.value.found) == (1, 2)
    assert units.read(lambda unit: unit.documents("engines").get("a")).document == {"x": 1}


def test_a_creation_repeated_under_its_key_finds_the_first(units: Units) -> None:
    first = stored(units, "a", idempotency_key="ticket-7")
    assert stored(units, "b", idempotency_key="ticket-7") == first
    assert units.read(lambda unit: unit.documents("engines").with_key("ticket-7")) == first
    # the same key means something else for another kind
    assert stored(units, "c", kind="model_jobs", idempotency_key="ticket-7").id == "c"


def test_documents_are_found_by_columns_and_keys(units: Units) -> None:
    stored(units, "a", name="prod-1", state="ACTIVE", keys={"tag": ["eu", "gpu"], "storedModelId": "m1"})
    stored(units, "bb", name="prod-2", state="GONE", keys={"tag": "eu"})

    def found(wanted: DocumentFilter) -> list[str]:
        return [row.id for row in units.read(lambda unit: unit.documents("engines").find(wanted))]

    assert found(DocumentFilter()) == ["a", "bb"]
    assert found(DocumentFilter(name="prod-2")) == ["bb"]
    assert found(DocumentFilter(name_like="prod%")) == ["a", "bb"]
    assert found(DocumentFilter(state="ACTIVE")) == ["a"]
    assert found(DocumentFilter(keys={"tag": "eu"})) == ["a", "bb"]
    assert found(DocumentFilter(keys={"tag": "eu", "storedModelId": "m1"})) == ["a"]
    assert found(DocumentFilter(keys={"tag": ["gpu", "tpu"]})) == ["a"]
    assert found(DocumentFilter(keys={"tag": "tpu"})) == []
    assert found(DocumentFilter(states=[])) == []


def test_keys_are_replaced_when_given_and_kept_when_not(units: Units) -> None:
    row = stored(units, "a", keys={"tag": "eu"})
    row = units.run(lambda unit: unit.documents("engines").update(row))
    assert units.read(lambda unit: unit.documents("engines").count(DocumentFilter(keys={"tag": "eu"}))) == 1
    units.run(lambda unit: unit.documents("engines").update(row, {"tag": "us"}))
    assert units.read(lambda unit: unit.documents("engines").count(DocumentFilter(keys={"tag": "eu"}))) == 0


def test_lists_are_sorted_and_cut(units: Units) -> None:
    for id, name in (("a", "x"), ("bb", "z"), ("ccc", "y")):
        stored(units, id, name=name)

    def found(page: Page) -> list[str]:
        return [row.id for row in units.read(lambda unit: unit.documents("engines").find(DocumentFilter(), page))]

    assert found(Page(sort=(("name", "desc"),))) == ["bb", "ccc", "a"]
    assert found(Page(first=1, size=1)) == ["bb"]
    assert found(Page(first=2)) == ["ccc"]
    assert found(Page(size=0)) == []
    with pytest.raises(UnknownSort):
        found(Page(sort=(("colour", "asc"),)))


def test_the_same_bytes_are_kept_once(units: Units) -> None:
    first = units.run(lambda unit: unit.blobs.put(b"weights", NOW))
    second = units.run(lambda unit: unit.blobs.put(b"weights", NOW))
    assert first == second == hashlib.sha256(b"weights").hexdigest()
    assert units.read(lambda unit: unit.blobs.get(first)) == b"weights"
    with pytest.raises(NotFound):
        units.read(lambda unit: unit.blobs.get("0" * 64))


def test_a_secret_is_decided_once(units: Units) -> None:
    assert units.run(lambda unit: unit.settings.get_or_put("key", "fresh", NOW)) == "fresh"
    assert units.run(lambda unit: unit.settings.get_or_put("key", "fresher", NOW)) == "fresh"
    units.run(lambda unit: unit.settings.put("key", ["other"], NOW))
    assert units.read(lambda unit: unit.settings.get("key")) == ["other"]
    assert units.read(lambda unit: unit.settings.get("nothing")) is None


# --- the board ------------------------------------------------------------------------------------------------------


def opened(units: Units, key: str) -> int:
    ticket = NewBoardTicket(key, "MODEL_REVIEW", "Look", "**at** it", "High", ("m",), None, (("r", "/r"),), "Open", NOW)
    return units.run(lambda unit: unit.board_tickets.insert_if_absent(ticket)).number


def test_a_ticket_is_opened_once_per_key(units: Units) -> None:
    assert opened(units, "k1") == opened(units, "k1") == 1
    assert opened(units, "k2") > 1
    found = units.read(lambda unit: unit.board_tickets.get(1))
    assert found is not None
    assert (found.labels, found.links, found.created_at) == (("m",), (("r", "/r"),), NOW)
    assert [row.opening_key for row in units.read(lambda unit: unit.board_tickets.newest())] == ["k2", "k1"]
    assert [row.opening_key for row in units.read(lambda unit: unit.board_tickets.newest(before=2))] == ["k1"]
    assert [row.number for row in units.read(lambda unit: unit.board_tickets.get_many([1, 99]))] == [1]


def test_a_ticket_moves_only_from_where_it_is(units: Units) -> None:
    number = opened(units, "k1")
    done = BoardEntry("move", NOW, "ann", "fine", "Open", "Done")

    def move() -> bool:
        return units.run(
            lambda unit: unit.board_tickets.move(number, done, closed_by="ann", closed_at=NOW, closing_comment="fine")
        )

    assert move() is True
    assert move() is False
    found = units.read(lambda unit: unit.board_tickets.get(number))
    assert found is not None
    assert (found.status, found.closed_by, found.closed_at) == ("Done", "ann", NOW)
    assert units.read(lambda unit: unit.board_tickets.entries(number)) == [done]
    assert units.read(lambda unit: unit.board_tickets.newest(statuses=["Open"])) == []


def test_a_comment_is_written_once_per_key(units: Units) -> None:
    number = opened(units, "k1")
    keyed = BoardEntry("comment", NOW, "ann", "a", key="c1")
    plain = BoardEntry("comment", NOW, "ann", "b")
    comments = [
        units.run(lambda unit, e=entry: unit.board_tickets.add_comment(number, e))  # type: ignore[misc]
        for entry in (keyed, keyed, plain, plain)
    ]
    assert comments == [True, False, True, True]
    assert [entry.text for entry in units.read(lambda unit: unit.board_tickets.entries(number))] == ["a", "b", "b"]
