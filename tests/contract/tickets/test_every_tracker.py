"""What the port promises, at every tracker."""

from __future__ import annotations

import pytest

from mlc_service.tickets import (
    Bullets,
    Heading,
    Paragraph,
    Table,
    TicketNotFound,
    TicketRefused,
    TicketRequest,
)
from tests.contract.tickets.conftest import Desk

REVIEW = TicketRequest(
    key="instance-1/create_review",
    summary="Review German credit, snapshot 4",
    description=(
        Heading("Model"),
        Bullets(("German credit", "version 1.4")),
        Heading("Test results"),
        Table(("metric", "value", "wanted"), (("auc", "0.81", ">= 0.7"), ("f1", "0.66", ">= 0.6"))),
        Paragraph("The last approved snapshot was number 3."),
    ),
    priority="high",
    labels=("german-credit",),
    links=(("Snapshot", "http://mlc.test/snapshots/4"),),
)


def another(key: str) -> TicketRequest:
    return TicketRequest(key=key, summary=f"Ticket {key}")


def test_an_opened_ticket_is_open_and_says_where_it_is(desk: Desk) -> None:
    ref = desk.tickets.open(REVIEW)
    state = desk.tickets.read(ref)
    assert ref.key.startswith("MLC-")
    assert ref.url.endswith(ref.key)
    assert state.decision == "open"
    assert (state.closed_by, state.closed_at, state.comment, state.closed_by_id) == (None, None, None, None)


def test_a_ticket_carries_its_text(desk: Desk) -> None:
    text = desk.text(desk.tickets.open(REVIEW))
    for words in ("German credit", "auc", "0.81", ">= 0.6", "The last approved snapshot was number 3."):
        assert words in text


def test_opening_twice_with_one_key_gives_one_ticket(desk: Desk) -> None:
    first = desk.tickets.open(REVIEW)
    assert desk.tickets.open(REVIEW) == first
    assert desk.count() == 1


def test_two_keys_give_two_tickets(desk: Desk) -> None:
    first, second = desk.tickets.open(another("a")), desk.tickets.open(another("b"))
    assert first != second
    assert desk.count() == 2


def test_a_closed_ticket_is_found_by_its_key_and_not_opened_again(desk: Desk) -> None:
    ref = desk.tickets.open(REVIEW)
    desk.move(ref, "Done", "rita.reviewer", "Fine")
    assert desk.tickets.open(REVIEW) == ref
    assert desk.count() == 1


@pytest.mark.parametrize(("status", "decision"), [("Done", "done"), ("Rejected", "rejected")])
def test_a_closed_ticket_says_who_closed_it_when_and_why(desk: Desk, status: str, decision: str) -> None:
    ref = desk.tickets.open(REVIEW)
    desk.clock.forward(seconds=3600)
    desk.move(ref, "In Progress", "olaf.other", "I am looking at it")
    desk.clock.forward(seconds=3600)
    desk.move(ref, status, "rita.reviewer", "Recall is too low for small loans")
    state = desk.tickets.read(ref)
    assert state.status == status
    assert state.decision == decision
    assert state.closed_by in ("rita.reviewer", "Rita Reviewer")
    assert state.closed_by_id is not None
    assert state.closed_at == desk.clock.now()
    assert state.comment == "Recall is too low for small loans"


def test_a_ticket_closed_without_a_word_has_no_comment(desk: Desk) -> None:
    ref = desk.tickets.open(REVIEW)
    desk.move(ref, "Done", "rita.reviewer", "")
    state = desk.tickets.read(ref)
    assert state.decision == "done"
    assert state.comment is None


def test_a_ticket_in_progress_is_still_open(desk: Desk) -> None:
    ref = desk.tickets.open(REVIEW)
    desk.move(ref, "In Progress", "rita.reviewer", "")
    state = desk.tickets.read(ref)
    assert (state.status, state.decision, state.closed_by) == ("In Progress", "open", None)


def test_many_are_read_together_and_a_lost_one_is_left_out(desk: Desk) -> None:
    first, second, third = (desk.tickets.open(another(key)) for key in "abc")
    desk.move(second, "Done", "rita.reviewer", "Yes")
    desk.move(third, "Rejected", "olaf.other", "No")
    states = desk.tickets.read_many([first, second, third, desk.missing()])
    assert {ref: state.decision for ref, state in states.items()} == {
        first: "open",
        second: "done",
        third: "rejected",
    }
    assert states[second] == desk.tickets.read(second)
    assert states[third].comment == "No"


def test_reading_none_gives_none(desk: Desk) -> None:
    assert desk.tickets.read_many([]) == {}


def test_a_ticket_that_is_not_there_is_not_found(desk: Desk) -> None:
    with pytest.raises(TicketNotFound) as caught:
        desk.tickets.read(desk.missing())
    assert caught.value.ref == desk.missing()
    with pytest.raises(TicketNotFound):
        desk.tickets.comment(desk.missing(), "Hello", "key")


def test_a_comment_is_written_once_per_key(desk: Desk) -> None:
    ref = desk.tickets.open(REVIEW)
    for key in ("first", "first", "second"):
        desk.tickets.comment(ref, "The test ran again", key)
    comments = desk.comments(ref)
    assert len(comments) == 2
    assert all(comment.startswith("The test ran again") for comment in comments)


def test_our_own_comment_is_not_the_closers_word(desk: Desk) -> None:
    ref = desk.tickets.open(REVIEW)
    desk.tickets.comment(ref, "Waiting for you", "key")
    desk.move(ref, "Done", "mlc-service", "")
    assert desk.tickets.read(ref).comment is None


def test_a_ticket_without_a_summary_is_refused_by_that_field(desk: Desk) -> None:
    with pytest.raises(TicketRefused) as caught:
        desk.tickets.open(TicketRequest(key="a", summary="  "))
    assert caught.value.field == "summary"
    assert caught.value.advice
    assert desk.count() == 0
