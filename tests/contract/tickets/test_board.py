"""The built-in board: what people do with its tickets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlc_service.tickets import TicketNotFound, TicketRef, TicketRequest
from mlc_service.tickets.board import MOVES, Board, IllegalTicketMove
from mlc_service.tickets.board_rows import BoardEntry
from tests.conftest import SettableClock
from tests.contract.tickets.board_rows_in_memory import BoardRowsInMemory
from tests.contract.tickets.conftest import BoardDesk


@pytest.fixture
def ref(board_desk: BoardDesk) -> TicketRef:
    return board_desk.tickets.open(TicketRequest(key="a", summary="Review"))


@pytest.mark.parametrize("start", MOVES)
@pytest.mark.parametrize("to", MOVES)
def test_a_ticket_moves_along_the_table_and_nowhere_else(
    board_desk: BoardDesk, ref: TicketRef, start: str, to: str
) -> None:
    if start != "Open":
        board_desk.move(ref, start, by="rita")
    if to in MOVES[start]:
        board_desk.move(ref, to, by="rita")
        assert board_desk.row(1).status == to
    else:
        with pytest.raises(IllegalTicketMove):
            board_desk.move(ref, to, by="rita")
        assert board_desk.row(1).status == start


def test_every_move_is_on_record(board_desk: BoardDesk, ref: TicketRef) -> None:
    board_desk.move(ref, "In Progress", by="rita")
    board_desk.clock.forward(seconds=60)
    board_desk.move(ref, "Rejected", by="olaf", comment="  No test data ")
    first, second = board_desk.journal(1)
    assert (first.by, first.from_status, first.to_status, first.text) == ("rita", "Open", "In Progress", None)
    assert (second.by, second.from_status, second.to_status) == ("olaf", "In Progress", "Rejected")
    assert second.text == "No test data"
    assert (second.at - first.at).total_seconds() == 60


def test_a_reopened_ticket_forgets_who_closed_it(board_desk: BoardDesk, ref: TicketRef) -> None:
    board_desk.move(ref, "Rejected", by="olaf", comment="No")
    board_desk.move(ref, "Open", by="rita")
    state = board_desk.tickets.read(ref)
    assert (state.decision, state.closed_by, state.closed_at, state.comment) == ("open", None, None, None)


def test_a_move_from_where_the_ticket_no_longer_is_changes_nothing(clock: SettableClock) -> None:
    rows = BoardRowsInMemory()
    desk = BoardDesk(rows, clock)
    ref = desk.tickets.open(TicketRequest(key="a", summary="Review"))
    as_olaf_saw_it = rows.get(1)
    desk.move(ref, "Done", by="rita", comment="Yes")
    seen = iter([as_olaf_saw_it, rows.get(1)])
    rows.get = lambda number: next(seen)  # type: ignore[method-assign]
    with pytest.raises(IllegalTicketMove) as caught:
        desk.move(ref, "Rejected", by="olaf", comment="No")
    assert caught.value.status == "Done"
    assert desk.tickets.read(ref).closed_by == "rita"
    assert len(desk.journal(1)) == 1


def test_the_database_moves_a_ticket_only_from_where_the_mover_saw_it(board_desk: BoardDesk, ref: TicketRef) -> None:
    board_desk.move(ref, "Done", by="rita")
    late = BoardEntry(kind="move", at=board_desk.clock.now(), by="olaf", from_status="Open", to_status="Rejected")
    moved = board_desk.units.run(
        lambda unit: unit.board_tickets.move(
            1, late, closed_by="olaf", closed_at=board_desk.clock.now(), closing_comment=None
        )
    )
    assert not moved
    assert board_desk.tickets.read(ref).closed_by == "rita"
    assert len(board_desk.journal(1)) == 1


def test_moving_a_ticket_that_is_not_there_says_so(board_desk: BoardDesk) -> None:
    clock = board_desk.clock
    answer = board_desk.units.run(lambda unit: Board(unit.board_tickets, clock).move(7, "Done", by="rita"))
    assert answer is None


@pytest.mark.parametrize("strange", ["", "x", "-1", "9" * 30, "١"])
def test_an_id_that_is_no_number_of_ours_is_not_found(board_desk: BoardDesk, strange: str) -> None:
    with pytest.raises(TicketNotFound):
        board_desk.tickets.read(TicketRef("board", strange, "MLC-1", ""))


def test_many_workers_opening_with_one_key_open_one_ticket(board_desk: BoardDesk) -> None:
    request = TicketRequest(key="a", summary="Review")
    with ThreadPoolExecutor(8) as workers:
        refs = set(workers.map(lambda _: board_desk.tickets.open(request), range(16)))
    assert len(refs) == 1
    assert board_desk.count() == 1


def test_a_ref_of_another_tracker_is_not_read_as_ours(board_desk: BoardDesk, ref: TicketRef) -> None:
    assert board_desk.tickets.read_many([TicketRef("jira", ref.id, ref.key, "")]) == {}
