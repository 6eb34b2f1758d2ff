"""The board's two tables as lists: what `BoardRows` means, without a database."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from datetime import datetime
from typing import TypeVar

from mlc_service.tickets.board_rows import BoardEntry, BoardTicketRow, NewBoardTicket

T = TypeVar("T")


class BoardRowsInMemory:
    """Is its own unit of work, and gives itself out; nothing is ever rolled back."""

    def __init__(self) -> None:
        self._rows: dict[int, BoardTicketRow] = {}
        self._entries: dict[int, list[BoardEntry]] = {}

    @property
    def board_tickets(self) -> BoardRowsInMemory:
        return self

    def run(self, work: Callable[[BoardRowsInMemory], T]) -> T:
        return work(self)

    def read(self, work: Callable[[BoardRowsInMemory], T]) -> T:
        return work(self)

    def insert_if_absent(self, ticket: NewBoardTicket) -> BoardTicketRow:
        for row in self._rows.values():
            if row.opening_key == ticket.opening_key:
                return row
        number = len(self._rows) + 1
        self._rows[number] = BoardTicketRow(number=number, **asdict(ticket))
        self._entries[number] = []
        return self._rows[number]

    def get(self, number: int) -> BoardTicketRow | None:
        return self._rows.get(number)

    def get_many(self, numbers: Collection[int]) -> list[BoardTicketRow]:
        return [self._rows[number] for number in numbers if number in self._rows]

    def newest(
        self, *, statuses: Collection[str] | None = None, before: int | None = None, limit: int = 100
    ) -> list[BoardTicketRow]:
        fitting = [
            row
            for number, row in self._rows.items()
            if (statuses is None or row.status in statuses) and (before is None or number < before)
        ]
        return sorted(fitting, key=lambda row: -row.number)[:limit]

    def move(
        self,
        number: int,
        entry: BoardEntry,
        *,
        closed_by: str | None,
        closed_at: datetime | None,
        closing_comment: str | None,
    ) -> bool:
        row = self._rows.get(number)
        if row is None or row.status != entry.from_status or entry.to_status is None:
            return False
        self._rows[number] = replace(
            row,
            status=entry.to_status,
            closed_by=closed_by,
            closed_at=closed_at,
            closing_comment=closing_comment,
        )
        self._entries[number].append(entry)
        return True

    def add_comment(self, number: int, entry: BoardEntry) -> bool:
        journal = self._entries[number]
        if entry.key is not None and any(known.key == entry.key for known in journal):
            return False
        journal.append(entry)
        return True

    def entries(self, number: int) -> list[BoardEntry]:
        return list(self._entries[number])
