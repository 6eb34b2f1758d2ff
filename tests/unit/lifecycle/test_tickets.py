from __future__ import annotations

import pytest

from mlc_service.delegate_api import TicketOrder
from mlc_service.lifecycle.documents import Kind
from mlc_service.lifecycle.errors import ImmutableDocument
from mlc_service.lifecycle.links import Links
from mlc_service.lifecycle.notifications import change_notification, create_notification, remove_notification
from mlc_service.lifecycle.ticket_watch import TicketWatcher
from mlc_service.lifecycle.ticketing import Ticketing
from mlc_service.tickets.port import TicketRef, TicketState, TicketsUnavailable
from mlc_service.tickets.text import as_markdown


@pytest.fixture
def ticketing(bookkeeping, tickets):
    return Ticketing(bookkeeping, tickets, Links("http://mlc:8080/"))


@pytest.fixture
def watcher(bookkeeping, tickets):
    return TicketWatcher(bookkeeping, tickets)


@pytest.fixture
def stored(bookkeeping):
    return lambda notification: bookkeeping.read(lambda books: books.get(Kind.NOTIFICATION, notification["id"]))


def test_a_ticket_is_first_a_notification_with_an_assignment(ticketing, a_snapshot):
    snapshot = a_snapshot()
    opened = ticketing.open(TicketOrder("MODEL_APPROVAL", snapshot), "instance-1", "key")
    assert opened["notificationType"] == "MODEL_APPROVAL_NOTIFICATION"
    assert opened["deployableModelId"] == snapshot["id"]
    assert (opened["open"], opened["processInstanceId"]) == (True, "instance-1")
    assert opened["assignment"]["issueKey"] == "MLC-1"
    assert opened["assignment"]["decision"] == "OPEN"


def test_a_step_that_is_repeated_opens_one_ticket(ticketing, tickets, a_snapshot, bookkeeping):
    order = TicketOrder("MODEL_APPROVAL", a_snapshot())
    first = ticketing.open(order, "instance-1", "key")
    assert ticketing.open(order, "instance-1", "key") == first
    assert len(tickets.requests) == 1
    assert bookkeeping.read(lambda books: books.count(Kind.NOTIFICATION)) == 1


def test_a_tracker_that_is_down_leaves_the_notification_and_the_next_try_opens_the_ticket(
    ticketing, tickets, a_snapshot, stored, watcher
):
    tickets.down = True
    order = TicketOrder("MODEL_APPROVAL", a_snapshot())
    with pytest.raises(TicketsUnavailable):
        ticketing.open(order, "instance-1", "key")
    assert watcher.poll() == 0
    tickets.down = False
    opened = ticketing.open(order, "instance-1", "key")
    assert stored(opened)["assignment"]["issueKey"] == "MLC-1"


def test_a_worker_that_dies_after_the_tracker_created_the_ticket_finds_it_again(
    ticketing, tickets, a_snapshot, monkeypatch
):
    real_open = tickets.open

    def create_and_die(request):
        real_open(request)
        raise KeyboardInterrupt

    monkeypatch.setattr(tickets, "open", create_and_die)
    order = TicketOrder("MODEL_APPROVAL", a_snapshot())
    with pytest.raises(KeyboardInterrupt):
        ticketing.open(order, "instance-1", "key")
    monkeypatch.setattr(tickets, "open", real_open)
    assert ticketing.open(order, "instance-1", "key")["assignment"]["issueKey"] == "MLC-1"
    assert len(tickets.states) == 1


@pytest.mark.parametrize(("decision", "status"), [("done", "DONE"), ("rejected", "REJECTED")])
def test_a_closed_ticket_comes_home_once_with_who_and_why(
    ticketing, tickets, watcher, a_snapshot, stored, outgoing, decision, status
):
    opened = ticketing.open(TicketOrder("MODEL_APPROVAL", a_snapshot()), "instance-1", "key")
    assert watcher.poll() == 0
    tickets.close("MLC-1", decision, "rita", "looks right")
    assert watcher.poll() == 1
    assert watcher.poll() == 0
    [(name, instance_id, variables)] = outgoing.messages
    assert (name, instance_id) == ("Messages_ticket_closed", "instance-1")
    assert variables["TICKET_STATUS"] == status
    assert (variables["TICKET_CLOSED_BY"], variables["TICKET_COMMENT"]) == ("rita", "looks right")
    assert variables["TICKET_KEY"] == "MLC-1"
    assignment = stored(opened)["assignment"]
    assert (assignment["decision"], assignment["closedBy"], stored(opened)["open"]) == (status, "rita", False)


def test_a_ticket_that_only_moved_shows_its_status_and_stays_awaited(
    ticketing, tickets, watcher, a_snapshot, stored, outgoing
):
    opened = ticketing.open(TicketOrder("MODEL_APPROVAL", a_snapshot()), "instance-1", "key")
    tickets.states[TicketRef("board", "1", "MLC-1", "http://board/1")] = TicketState("In progress", "open")
    assert watcher.poll() == 0
    assert stored(opened)["assignment"]["currentStatus"] == "In progress"
    assert outgoing.messages == []


def test_a_word_about_one_ticket_is_checked_with_the_tracker(ticketing, tickets, watcher, a_snapshot, outgoing):
    ticketing.open(TicketOrder("MODEL_APPROVAL", a_snapshot()), "instance-1", "key")
    ref = TicketRef("board", "1", "MLC-1", "http://board/1")
    assert not watcher.ticket_closed(ref)
    tickets.close("MLC-1", "done")
    assert watcher.ticket_closed(ref)
    assert len(outgoing.messages) == 1


def test_a_tracker_that_is_down_is_asked_again_later(ticketing, tickets, watcher, a_snapshot, outgoing):
    ticketing.open(TicketOrder("MODEL_APPROVAL", a_snapshot()), "instance-1", "key")
    tickets.close("MLC-1", "done")
    tickets.down = True
    assert watcher.poll() == 0
    tickets.down = False
    assert watcher.poll() == 1


def test_the_ticket_of_no_process_closes_its_notification_and_sends_no_message(
    ticketing, tickets, watcher, stored, outgoing
):
    opened = ticketing.open(TicketOrder("SIMPLE_NOTIFICATION", message="disk is full"), "", "key")
    tickets.close("MLC-1", "done")
    assert watcher.poll() == 1
    assert stored(opened)["open"] is False
    assert outgoing.messages == []


def test_an_approval_ticket_shows_model_changes_results_and_links(
    ticketing, tickets, a_snapshot, a_model, a_file, a_dmn, clock
):
    first = a_snapshot(model=a_model(assets=[a_file("t.dmn", a_dmn("0.9"))], modelRisk="Low"))
    clock.forward(minutes=1)
    model = first["storedModel"]
    changed = model | {"modelMetaData": model["modelMetaData"] | {"modelRisk": "High"}}
    second = a_snapshot(model=changed)
    result = {"id": "r1", "testResults": {"auc": 0.8, "roc": [1]}, "deployableModel": {"id": second["id"]}}
    ticketing.open(TicketOrder("MODEL_APPROVAL", second, test_result=result), "instance-1", "key")
    request = tickets.requests["key"]
    text = as_markdown(request.description)
    assert "modelRisk: Low -> High" in text
    assert f"Changes since {first['metaData']['name']}" in text
    assert "| auc | 0.8 |" in text
    assert "auc is under 0.9" in text
    assert ("Snapshot", f"http://mlc:8080/model-manage/api/deployableModels/{second['id']}") in request.links
    assert request.kind == "review"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"cause": "MISSING_TEST_DATA"}, "no asset with the role TEST_DATA"),
        ({"cause": "JOB_FAILED", "job": {"id": "j", "jobError": "KeyError: 'x'"}}, "KeyError: 'x'"),
        ({"cause": "DMN_NOT_PASSED", "message": "auc is under 0.9"}, "auc is under 0.9"),
        (
            {"cause": "REVIEW_REJECTED", "closed_by": "rita", "comment": "too risky"},
            'rita rejected the review ticket and wrote: "too risky"',
        ),
    ],
)
def test_each_cause_of_rejection_has_its_own_text(ticketing, tickets, a_snapshot, order, expected):
    ticketing.open(TicketOrder("MODEL_REVIEW", a_snapshot(), **order), "instance-1", "key")
    request = tickets.requests["key"]
    assert expected in as_markdown(request.description)
    assert (request.kind, request.priority) == ("rejection", "high")
    assert request.summary.startswith("credit-20260302_0930 rejected")


def test_the_error_ticket_says_what_went_wrong(ticketing, tickets, a_snapshot):
    order = TicketOrder("MODEL_NOTIFICATION", a_snapshot(), message="a: service tag is none, wanted svc")
    ticketing.open(order, "instance-1", "key")
    request = tickets.requests["key"]
    assert "a: service tag is none, wanted svc" in as_markdown(request.description)
    assert (request.kind, request.summary) == ("error", "Error while deploying credit-20260302_0930")


def test_a_notification_whose_ticket_is_awaited_is_closed_by_the_ticket_only(ticketing, bookkeeping, a_snapshot):
    opened = ticketing.open(TicketOrder("MODEL_APPROVAL", a_snapshot()), "instance-1", "key")
    for patch in ({"open": False}, {"awaited": False}, {"assignment": {"decision": "DONE"}}):
        with pytest.raises(ImmutableDocument):
            bookkeeping.change(lambda books, patch=patch: change_notification(books, opened["id"], patch, None))
    with pytest.raises(ImmutableDocument):
        bookkeeping.change(lambda books: remove_notification(books, opened["id"]))


def test_a_plain_notification_can_be_closed_and_removed(books):
    notification = create_notification(books, {"message": "test passed", "awaited": True})
    assert "awaited" not in notification
    closed = change_notification(books, notification["id"], {"open": False}, notification["version"])
    assert closed["open"] is False
    remove_notification(books, notification["id"])
    assert books.find(Kind.NOTIFICATION, notification["id"]) is None
