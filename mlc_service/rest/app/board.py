"""The built-in ticket board over HTTP: see tickets, move them, comment on them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from mlc_service.identity import Authenticated
from mlc_service.rest.camunda.body import Body, as_integer, as_texts
from mlc_service.rest.camunda.dates import format_moment
from mlc_service.rest.dependencies import Dependencies, current_user, dependencies_of
from mlc_service.rest.errors import HttpProblem, bad_request, not_found
from mlc_service.rest.json_body import json_body
from mlc_service.tickets.board import DECISIONS, MOVES, Board, IllegalTicketMove
from mlc_service.tickets.board_rows import BoardEntry, BoardTicketRow, BoardUnit

router = APIRouter(prefix="/board/api", tags=["Ticket board"])

_MOST = 500
_KEY = re.compile(r"(?:MLC-)?([1-9][0-9]{0,8})", re.ASCII | re.IGNORECASE)


@router.get("/tickets", summary="List tickets, newest first")
def list_tickets(
    request: Request, status: str | None = None, before: str | None = None, limit: str = "100"
) -> list[dict[str, Any]]:
    """Tickets with one of the statuses (divided by commas); `before` is a ticket's number, for the next page."""
    statuses = as_texts("status", status) if status else None
    unknown = sorted(set(statuses or ()) - set(MOVES))
    if unknown:
        raise bad_request(f"There is no status {', '.join(unknown)}; there are {', '.join(MOVES)}")
    most = as_integer("limit", limit)
    if not 1 <= most <= _MOST:
        raise bad_request(f"limit must be a number from 1 to {_MOST}")
    below = None if before is None else _number(before)
    with _begin(dependencies_of(request)) as unit:
        rows = unit.board_tickets.newest(statuses=statuses, before=below, limit=most)
    return [_ticket(row) for row in rows]


@router.get("/tickets/{key}", summary="Get a ticket with its journal")
def get_ticket(key: str, request: Request) -> dict[str, Any]:
    """The ticket and what happened to it, oldest first."""
    number = _number(key)
    with _begin(dependencies_of(request)) as unit:
        return _with_journal(unit, unit.board_tickets.get(number), key)


@router.post("/tickets/{key}/move", summary="Move a ticket to another status")
def move_ticket(
    key: str,
    request: Request,
    caller: Annotated[Authenticated, Depends(current_user)],
    document: Annotated[Any, Depends(json_body)],
) -> dict[str, Any]:
    """The ticket is in the wanted status: `{"status": "Done", "comment": "…"}`. 409 if it cannot go there."""
    number, body, deps = _number(key), Body(document), dependencies_of(request)
    status = body.required_text("status", f"status must be one of {', '.join(MOVES)}")
    if status not in MOVES:
        raise bad_request(f"There is no status {status[:50]}; there are {', '.join(MOVES)}")
    comment = body.text("comment")
    with _begin(deps) as unit:
        board = Board(unit.board_tickets, deps.clock)
        try:
            row = board.move(number, status, by=caller.user_id, comment=comment)
        except IllegalTicketMove as error:
            extra = {"status": error.status, "allowed": error.allowed}
            raise HttpProblem(409, "IllegalTicketMove", str(error), extra=extra) from error
        return _with_journal(unit, row, key)


@router.post("/tickets/{key}/comments", summary="Comment on a ticket")
def comment_on_ticket(
    key: str,
    request: Request,
    caller: Annotated[Authenticated, Depends(current_user)],
    document: Annotated[Any, Depends(json_body)],
) -> dict[str, Any]:
    """The ticket carries the comment: `{"text": "…"}`."""
    number, deps = _number(key), dependencies_of(request)
    text = Body(document).required_text("text", "A comment needs a text")
    with _begin(deps) as unit:
        Board(unit.board_tickets, deps.clock).comment(number, text, by=caller.user_id)
        return _with_journal(unit, unit.board_tickets.get(number), key)


def _begin(deps: Dependencies) -> Any:
    assert deps.board is not None
    return deps.board()


def _number(key: str) -> int:
    match = _KEY.fullmatch(key)
    if match is None:
        raise not_found(f"There is no ticket {key[:50]}")
    return int(match[1])


def _with_journal(unit: BoardUnit, row: BoardTicketRow | None, key: str) -> dict[str, Any]:
    if row is None:
        raise not_found(f"There is no ticket {key}")
    entries = unit.board_tickets.entries(row.number)
    return {**_ticket(row), "journal": [_entry(entry) for entry in entries]}


def _ticket(row: BoardTicketRow) -> dict[str, Any]:
    return {
        "key": f"MLC-{row.number}",
        "number": row.number,
        "kind": row.kind,
        "summary": row.summary,
        "description": row.description,
        "priority": row.priority,
        "labels": list(row.labels),
        "assignee": row.assignee,
        "links": [{"title": title, "url": url} for title, url in row.links],
        "status": row.status,
        "decision": DECISIONS[row.status],
        "allowedStatuses": sorted(MOVES[row.status]),
        "created": format_moment(row.created_at),
        "closedBy": row.closed_by,
        "closed": format_moment(row.closed_at),
        "closingComment": row.closing_comment,
    }


def _entry(entry: BoardEntry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "at": format_moment(entry.at),
        "by": entry.by,
        "text": entry.text,
        "from": entry.from_status,
        "to": entry.to_status,
    }
