"""Tickets of the built-in board and their journal.

The repository answers to `tickets.board_rows.BoardRows`; the rows live here because the store is below the tickets.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mlc_service.store.tables import board_entries, board_tickets
from mlc_service.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class NewBoardTicket:
    """A ticket before it has a number; `opening_key` is unique, `description` is Markdown."""

    opening_key: str
    kind: str
    summary: str
    description: str
    priority: str
    labels: tuple[str, ...]
    assignee: str | None
    links: tuple[tuple[str, str], ...]
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BoardTicketRow:
    """A ticket as stored; the `clos…` fields are set while it is in a final status."""

    number: int
    opening_key: str
    kind: str
    summary: str
    description: str
    priority: str
    labels: tuple[str, ...]
    assignee: str | None
    links: tuple[tuple[str, str], ...]
    status: str
    created_at: datetime
    closed_by: str | None = None
    closed_at: datetime | None = None
    closing_comment: str | None = None


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """One line of a ticket's journal. A move has both statuses, a comment has text; `key` makes a comment unique."""

    kind: Literal["move", "comment"]
    at: datetime
    by: str
    text: str | None = None
    from_status: str | None = None
    to_status: str | None = None
    key: str | None = None


class BoardTickets:
    """The board's two tables."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def insert_if_absent(self, ticket: NewBoardTicket) -> BoardTicketRow:
        """The row with this `opening_key`: the one already there, unchanged, or a new one."""
        dialect = postgresql if self._transaction.dialect.name == "postgresql" else sqlite
        self._transaction.execute(
            dialect.insert(board_tickets).on_conflict_do_nothing(index_elements=["opening_key"]), asdict(ticket)
        )
        row = self._transaction.execute(
            select(board_tickets).where(board_tickets.c.opening_key == ticket.opening_key)
        ).one()
        return _ticket(row)

    def get(self, number: int) -> BoardTicketRow | None:
        row = self._transaction.execute(select(board_tickets).where(board_tickets.c.number == number)).first()
        return None if row is None else _ticket(row)

    def get_many(self, numbers: Collection[int]) -> list[BoardTicketRow]:
        """The rows that exist among these."""
        rows = self._transaction.execute(select(board_tickets).where(board_tickets.c.number.in_(list(numbers))))
        return [_ticket(row) for row in rows]

    def newest(
        self, *, statuses: Collection[str] | None = None, before: int | None = None, limit: int = 100
    ) -> list[BoardTicketRow]:
        """Rows with the highest numbers first; only these statuses; only numbers below `before`."""
        statement = select(board_tickets).order_by(board_tickets.c.number.desc()).limit(limit)
        if statuses is not None:
            statement = statement.where(board_tickets.c.status.in_(list(statuses)))
        if before is not None:
            statement = statement.where(board_tickets.c.number < before)
        return [_ticket(row) for row in self._transaction.execute(statement)]

    def move(
        self,
        number: int,
        entry: BoardEntry,
        *,
        closed_by: str | None,
        closed_at: datetime | None,
        closing_comment: str | None,
    ) -> bool:
        """The ticket went from the entry's one status to its other; False, nothing written, if it was not there."""
        moved = self._transaction.execute(
            update(board_tickets)
            .where(board_tickets.c.number == number, board_tickets.c.status == entry.from_status)
            .values(status=entry.to_status, closed_by=closed_by, closed_at=closed_at, closing_comment=closing_comment)
        )
        if not moved.rowcount:
            return False
        self._transaction.execute(insert(board_entries), asdict(entry) | {"ticket": number})
        return True

    def add_comment(self, number: int, entry: BoardEntry) -> bool:
        """The comment is written; False if one with its key is there already."""
        dialect = postgresql if self._transaction.dialect.name == "postgresql" else sqlite
        added = self._transaction.execute(
            dialect.insert(board_entries)
            .on_conflict_do_nothing(index_elements=["ticket", "key"])
            .returning(board_entries.c.id),
            asdict(entry) | {"ticket": number},
        )
        return added.first() is not None

    def entries(self, number: int) -> list[BoardEntry]:
        """The ticket's journal, oldest first."""
        columns = board_entries.c
        statement = (
            select(
                columns.kind,
                columns.at,
                columns.by,
                columns.text,
                columns.from_status,
                columns.to_status,
                columns.key,
            )
            .where(columns.ticket == number)
            .order_by(columns.id)
        )
        return [BoardEntry(*row) for row in self._transaction.execute(statement)]


def _ticket(row: Any) -> BoardTicketRow:
    fields = row._asdict()
    fields["labels"] = tuple(fields["labels"])
    fields["links"] = tuple((title, address) for title, address in fields["links"])
    return BoardTicketRow(**fields)
