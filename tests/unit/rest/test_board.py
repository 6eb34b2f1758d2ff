"""The built-in ticket board over HTTP."""

from __future__ import annotations

import pytest

from mlc_service.tickets.board import Board
from mlc_service.tickets.port import TicketRequest


@pytest.fixture
def board(make_client, units, clock):
    """A client of a board with one ticket."""
    with units.begin() as unit:
        Board(unit.board_tickets, clock).open(
            TicketRequest(key="k1", kind="review", summary="Review the model", description=())
        )
    return make_client(board=units.begin)


def test_a_ticket_is_listed_and_read(board):
    [ticket] = board.get("/board/api/tickets").json()
    assert (ticket["key"], ticket["status"], ticket["decision"]) == ("MLC-1", "Open", "open")
    assert ticket["allowedStatuses"] == ["Done", "In Progress", "Rejected"]
    assert ticket["created"] == "2026-03-02T09:30:00.000+0000"
    read = board.get("/board/api/tickets/MLC-1").json()
    assert read == {**ticket, "journal": []}
    assert board.get("/board/api/tickets/1").json() == read
    assert board.get("/board/api/tickets?status=Done").json() == []
    assert board.get("/board/api/tickets?before=1").json() == []


def test_a_move_is_on_record_with_who_and_why(board):
    moved = board.post("/board/api/tickets/MLC-1/move", json={"status": "Done", "comment": "fine"}).json()
    assert (moved["status"], moved["closedBy"], moved["closingComment"]) == ("Done", "admin", "fine")
    assert [(entry["from"], entry["to"], entry["by"]) for entry in moved["journal"]] == [("Open", "Done", "admin")]
    again = board.post("/board/api/tickets/MLC-1/move", json={"status": "Rejected"})
    assert again.status_code == 409
    assert again.json()["allowed"] == ["Open"]


def test_a_comment_is_in_the_journal(board):
    commented = board.post("/board/api/tickets/MLC-1/comments", json={"text": "looking"}).json()
    assert [(entry["kind"], entry["text"]) for entry in commented["journal"]] == [("comment", "looking")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/tickets/MLC-9", None, 404),
        ("GET", "/tickets/nonsense", None, 404),
        ("GET", "/tickets/MLC-99999999999999999999", None, 404),
        ("GET", "/tickets?status=Nowhere", None, 400),
        ("GET", "/tickets?limit=0", None, 400),
        ("GET", "/tickets?limit=x", None, 400),
        ("POST", "/tickets/MLC-9/move", {"status": "Done"}, 404),
        ("POST", "/tickets/MLC-1/move", {"status": "Nowhere"}, 400),
        ("POST", "/tickets/MLC-1/move", {}, 400),
        ("POST", "/tickets/MLC-1/move", [], 400),
        ("POST", "/tickets/MLC-1/comments", {"text": ""}, 400),
        ("POST", "/tickets/MLC-9/comments", {"text": "x"}, 404),
    ],
)
def test_what_cannot_be_is_told(board, method, path, body, status):
    answer = board.request(method, f"/board/api{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]
