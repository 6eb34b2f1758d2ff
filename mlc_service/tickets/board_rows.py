"""What the board needs of the database, so that it can be tested without one. The store answers to all of it.

Two tables: `board_tickets` (one row per ticket) and `board_entries` (its journal of moves and comments,
append-only). Every method works inside the caller's transaction and commits nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol, TypeVar

from mlc_service.store.board import BoardEntry, BoardTicketRow, NewBoardTicket

__all__ = ["BoardEntry", "BoardRows", "BoardTicketRow", "BoardUnit", "BoardUnits", "NewBoardTicket"]

T = TypeVar("T")


class BoardRows(Protocol):
    """The two tables. `unit.board_tickets` of the store."""

    def insert_if_absent(self, ticket: NewBoardTicket) -> BoardTicketRow:
        """The row with this `opening_key`: the one already there, unchanged, or a new one.

        INSERT … ON CONFLICT (opening_key) DO NOTHING, then SELECT; two transactions at once end with one row.
        """
        ...

    def get(self, number: int) -> BoardTicketRow | None:
        """The row, None if there is none."""
        ...

    def get_many(self, numbers: Collection[int]) -> list[BoardTicketRow]:
        """The rows that exist among these, in one query, in any order."""
        ...

    def newest(
        self, *, statuses: Collection[str] | None = None, before: int | None = None, limit: int = 100
    ) -> list[BoardTicketRow]:
        """Rows, newest (highest number) first; only these statuses; only numbers below `before` (paging)."""
        ...

    def move(
        self,
        number: int,
        entry: BoardEntry,
        *,
        closed_by: str | None,
        closed_at: datetime | None,
        closing_comment: str | None,
    ) -> bool:
        """True if the ticket moved: its status is `entry.to_status` and the entry is in the journal.

        UPDATE … SET status = to_status, closed_by = …, closed_at = …, closing_comment = … WHERE
        number = :number AND status = :from_status must touch one row; if it touches none, nothing is
        written and this is False.
        """
        ...

    def add_comment(self, number: int, entry: BoardEntry) -> bool:
        """True if the comment was written; False, with nothing changed, if one with `entry.key` is there."""
        ...

    def entries(self, number: int) -> list[BoardEntry]:
        """The ticket's journal, oldest first."""
        ...


class BoardUnit(Protocol):
    """The part of a unit of work that the board uses."""

    @property
    def board_tickets(self) -> BoardRows: ...


class BoardUnits(Protocol):
    """Gives out transactions: `Units` of the store."""

    def run(self, work: Callable[[BoardUnit], T]) -> T:
        """Answers `work(unit)` after its commit; may run it again where transactions stood in each other's way."""
        ...

    def read(self, work: Callable[[BoardUnit], T]) -> T:
        """Answers `work(unit)` of a unit that only reads."""
        ...
