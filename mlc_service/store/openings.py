"""What is remembered about opening tickets elsewhere; `tickets.stored_openings` makes the tickets room's port of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mlc_service.store.tables import ticket_openings
from mlc_service.store.transaction import Transaction


class TicketOpeningRow(NamedTuple):
    """The last attempt to open a ticket under a key, and the ticket that came of it, if that is known."""

    opening_key: str
    attempted_at: datetime
    system: str | None = None
    ticket_id: str | None = None
    ticket_key: str | None = None
    url: str | None = None


class TicketOpenings:
    """One row a key."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def look_up(self, key: str) -> TicketOpeningRow | None:
        row = self._transaction.execute(select(ticket_openings).where(ticket_openings.c.opening_key == key)).first()
        return None if row is None else TicketOpeningRow._make(row)

    def insert_if_absent(self, row: TicketOpeningRow) -> bool:
        """True if this is the first attempt under its key."""
        dialect = postgresql if self._transaction.dialect.name == "postgresql" else sqlite
        inserted = self._transaction.execute(
            dialect.insert(ticket_openings).on_conflict_do_nothing(index_elements=["opening_key"]), row._asdict()
        )
        return bool(inserted.rowcount)

    def attempt_again(self, key: str, at: datetime, instead_of: datetime) -> bool:
        """True if the attempt of `instead_of` was still the last one, without a ticket; now it is the one of `at`."""
        moved = self._transaction.execute(
            update(ticket_openings)
            .where(
                ticket_openings.c.opening_key == key,
                ticket_openings.c.attempted_at == instead_of,
                ticket_openings.c.ticket_id.is_(None),
            )
            .values(attempted_at=at)
        )
        return bool(moved.rowcount)

    def record(self, row: TicketOpeningRow) -> None:
        """The row is as given, whether there was one or not."""
        if not self.insert_if_absent(row):
            self._transaction.execute(
                update(ticket_openings).where(ticket_openings.c.opening_key == row.opening_key).values(row._asdict())
            )

    def delete(self, key: str) -> None:
        self._transaction.execute(delete(ticket_openings).where(ticket_openings.c.opening_key == key))
