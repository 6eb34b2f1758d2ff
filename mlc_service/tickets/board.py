"""The built-in board: tickets in the service's own database, for those who have no tracker."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from mlc_service.clock import Clock
from mlc_service.tickets.board_rows import BoardEntry, BoardRows, BoardTicketRow, BoardUnit, BoardUnits, NewBoardTicket
from mlc_service.tickets.port import (
    Decision,
    TicketNotFound,
    TicketRef,
    TicketRefused,
    TicketRequest,
    TicketState,
)
from mlc_service.tickets.text import as_markdown

SYSTEM: Final = "board"
OPEN, IN_PROGRESS, DONE, REJECTED = "Open", "In Progress", "Done", "Rejected"

MOVES: Mapping[str, frozenset[str]] = {
    OPEN: frozenset({IN_PROGRESS, DONE, REJECTED}),
    IN_PROGRESS: frozenset({OPEN, DONE, REJECTED}),
    DONE: frozenset({OPEN}),
    REJECTED: frozenset({OPEN}),
}
"""Where a ticket may go from where it is. A closed one is reopened before it can be decided otherwise, so
that nobody's decision is replaced unseen."""

# no more digits than the database has room for
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)

DECISIONS: Mapping[str, Decision] = {OPEN: "open", IN_PROGRESS: "open", DONE: "done", REJECTED: "rejected"}


class IllegalTicketMove(ValueError):
    """The ticket is not where this move starts; `allowed` says where it can go from `status`."""

    def __init__(self, number: int, status: str, wanted: str) -> None:
        self.number = number
        self.status = status
        self.wanted = wanted
        self.allowed = sorted(MOVES.get(status, ()))
        choices = " or ".join(self.allowed)
        super().__init__(f"MLC-{number} is {status}: it can become {choices}, not {wanted}")


class Board:
    """The board inside one transaction: what a person does with tickets, and what the adapter below needs.

    Build one per unit of work: `Board(unit.board_tickets, clock)`. Nothing here commits.
    """

    def __init__(self, rows: BoardRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock

    def open(self, request: TicketRequest) -> BoardTicketRow:
        """The ticket of this key is on the board, in Open unless it was there before."""
        return self._rows.insert_if_absent(
            NewBoardTicket(
                opening_key=request.key,
                kind=request.kind,
                summary=" ".join(request.summary.split()),
                description=as_markdown(request.description),
                priority=request.priority,
                labels=request.labels,
                assignee=request.assignee,
                links=request.links,
                status=OPEN,
                created_at=self._clock.now(),
            )
        )

    def move(self, number: int, to: str, *, by: str, comment: str | None = None) -> BoardTicketRow | None:
        """The ticket is in `to`, with who, when and comment on record; None if there is no such ticket.

        Raises IllegalTicketMove if it cannot go there from where it is, also when somebody moved it meanwhile.
        """
        row = self._rows.get(number)
        if row is None:
            return None
        if to not in MOVES[row.status]:
            raise IllegalTicketMove(number, row.status, to)
        now = self._clock.now()
        closes = DECISIONS[to] != "open"
        text = _written(comment)
        moved = self._rows.move(
            number,
            BoardEntry(kind="move", at=now, by=by, text=text, from_status=row.status, to_status=to),
            closed_by=by if closes else None,
            closed_at=now if closes else None,
            closing_comment=text if closes else None,
        )
        after = self._rows.get(number)
        if not moved:
            raise IllegalTicketMove(number, after.status if after else row.status, to)
        return after

    def comment(self, number: int, text: str, *, by: str, key: str | None = None) -> bool:
        """The ticket carries the comment, once per `key`; False if there is no such ticket."""
        if self._rows.get(number) is None:
            return False
        self._rows.add_comment(number, BoardEntry(kind="comment", at=self._clock.now(), by=by, text=text, key=key))
        return True


class BoardTickets:
    """The `Tickets` port on the board. Each call is one short transaction of its own.

    `service_name` signs the service's comments. `base_url` is the address people reach the service at; a
    ticket's own is `<base_url>/board/<key>`.
    """

    def __init__(
        self, units: BoardUnits, clock: Clock, *, base_url: str = "", service_name: str = "mlc-service"
    ) -> None:
        self._units = units
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._service_name = service_name

    def open(self, request: TicketRequest) -> TicketRef:
        if not request.summary.strip():
            raise TicketRefused(SYSTEM, "a ticket needs a summary", field="summary", advice="Give it one line")
        return self.ref(self._units.run(lambda unit: self._board(unit).open(request)))

    def read(self, ref: TicketRef) -> TicketState:
        state = self.read_many([ref]).get(ref)
        if state is None:
            raise TicketNotFound(ref)
        return state

    def read_many(self, refs: Sequence[TicketRef]) -> Mapping[TicketRef, TicketState]:
        numbers = {ref: number for ref in refs if (number := _number(ref)) is not None}
        if not numbers:
            return {}
        rows = self._units.read(lambda unit: unit.board_tickets.get_many(set(numbers.values())))
        states = {row.number: board_state(row) for row in rows}
        return {ref: states[number] for ref, number in numbers.items() if number in states}

    def comment(self, ref: TicketRef, text: str, key: str) -> None:
        number = _number(ref)
        if number is None or not self._units.run(
            lambda unit: self._board(unit).comment(number, text, by=self._service_name, key=key)
        ):
            raise TicketNotFound(ref)

    def _board(self, unit: BoardUnit) -> Board:
        return Board(unit.board_tickets, self._clock)

    def ref(self, row: BoardTicketRow) -> TicketRef:
        """Where this row's ticket is."""
        key = f"MLC-{row.number}"
        return TicketRef(system=SYSTEM, id=str(row.number), key=key, url=f"{self._base_url}/board/{key}")


def board_state(row: BoardTicketRow) -> TicketState:
    """What the row says, in the port's words."""
    return TicketState(
        status=row.status,
        decision=DECISIONS[row.status],
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        comment=row.closing_comment,
        closed_by_id=row.closed_by,
    )


def _number(ref: TicketRef) -> int | None:
    return int(ref.id) if ref.system == SYSTEM and _NUMBER.fullmatch(ref.id) else None


def _written(comment: str | None) -> str | None:
    return (comment or "").strip() or None
