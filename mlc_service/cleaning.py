"""`mlc cleanup`: removes what is due from history, or says what that would be, on the database itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlc_service.clock import Clock, SystemClock
from mlc_service.process.cleanup import clean_all
from mlc_service.settings import Settings
from mlc_service.store.schema import SchemaState
from mlc_service.store.units import Units


class NoDatabase(RuntimeError):
    """There is no database of this version to clean; the message says what to do."""


def lines_of_cleanup(settings: Settings, *, only_say: bool, clock: Clock | None = None) -> Iterator[str]:
    """A line per definition that has something due, then one per table. Raises NoDatabase.

    Unless it is `only_say`, all of it is gone when the last line comes.
    """
    if settings.is_embedded and not Path(settings.database.removeprefix("sqlite:///")).exists():
        # opening it would make an empty one
        raise NoDatabase(f"there is no database at {settings.database}: is it another --data?")
    units = Units(settings.database)
    try:
        state = units.schema_state()
        if state is not SchemaState.UP_TO_DATE:
            raise NoDatabase(f"the database's schema is {state.value}: run `mlc migrate` first")
        yield from _lines(units, clock or SystemClock(), settings.retention.batch_rows, only_say=only_say)
    finally:
        units.close()


def _lines(units: Units, clock: Clock, batch_rows: int, *, only_say: bool) -> Iterator[str]:
    due = units.read(lambda unit: unit.retention.due(clock.now()))
    rows: dict[tuple[str, str], int] = {}
    tables: dict[str, int] = {}
    for one in due:
        definition = (one.kind, one.definition_id or one.definition_key)
        rows[definition] = rows.get(definition, 0) + one.rows
        tables[one.table] = tables.get(one.table, 0) + one.rows
    for (kind, definition_id), count in rows.items():
        yield f"{kind} {definition_id}: {count} rows are due"
    removed: Mapping[str, int] = tables if only_say else clean_all(units, clock, batch_rows)
    would_be = "would be removed" if only_say else "removed"
    for table, count in sorted(removed.items()):
        yield f"{table}: {count} {would_be}"
    if not removed:
        yield "nothing is due"
