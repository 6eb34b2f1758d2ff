"""Jira when things go wrong, and what only Jira has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlc_service.tickets import (
    Heading,
    Paragraph,
    TicketNotFound,
    TicketRef,
    TicketRefused,
    TicketRequest,
    TicketsUnavailable,
)
from mlc_service.tickets.jira import JiraSettings, JiraTickets
from mlc_service.tickets.openings import OpeningsInMemory
from tests.conftest import SettableClock
from tests.contract.tickets.conftest import JiraDesk
from tests.jira_stand_in.tracker import account_id

REVIEW = TicketRequest(key="instance-1/create_review", summary="Review German credit, snapshot 4")


def requests_to(desk: JiraDesk, method: str, end: str) -> int:
    return sum(1 for each in desk.jira.exchanges if each.method == method and each.path.endswith(end))


# One key, one issue


def test_a_connection_dropped_after_creation_leaves_one_issue(jira_desk: JiraDesk) -> None:
    jira_desk.jira.faults.drop_after(on="POST /issue")
    with pytest.raises(TicketsUnavailable):
        jira_desk.tickets.open(REVIEW)
    assert jira_desk.count() == 1
    ref = jira_desk.tickets.open(REVIEW)
    assert ref.key == "MLC-1"
    assert jira_desk.count() == 1


def test_half_an_answer_to_the_creation_leaves_one_issue(jira_desk: JiraDesk) -> None:
    jira_desk.jira.faults.half_answer_after(on="POST /issue")
    with pytest.raises(TicketsUnavailable):
        jira_desk.tickets.open(REVIEW)
    assert jira_desk.tickets.open(REVIEW).key == "MLC-1"
    assert jira_desk.count() == 1


def test_a_crash_between_creation_and_record_leaves_one_issue(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    assert jira_desk.after_restart().open(REVIEW) == ref
    assert jira_desk.count() == 1


def test_while_the_search_is_late_a_repeat_waits_instead_of_creating(jira_desk: JiraDesk) -> None:
    jira_desk.jira.tracker.index_held = True
    jira_desk.jira.faults.drop_after(on="POST /issue")
    with pytest.raises(TicketsUnavailable):
        jira_desk.tickets.open(REVIEW)
    jira_desk.clock.forward(seconds=10)
    with pytest.raises(TicketsUnavailable) as caught:
        jira_desk.tickets.open(REVIEW)
    assert caught.value.retry_after_seconds == 20
    jira_desk.jira.tracker.index()
    assert jira_desk.tickets.open(REVIEW).key == "MLC-1"
    assert jira_desk.count() == 1


def test_openings_that_outlive_the_process_cover_a_crash_while_the_search_is_late(jira_desk: JiraDesk) -> None:
    openings = OpeningsInMemory()
    jira_desk.jira.tracker.index_held = True
    jira_desk.jira.faults.drop_after(on="POST /issue")
    before = JiraTickets(jira_desk.settings, jira_desk.clock, openings)
    with pytest.raises(TicketsUnavailable):
        before.open(REVIEW)
    before.close()
    after = JiraTickets(jira_desk.settings, jira_desk.clock, openings)
    with pytest.raises(TicketsUnavailable):
        after.open(REVIEW)
    jira_desk.jira.tracker.index()
    assert after.open(REVIEW).key == "MLC-1"
    after.close()
    assert jira_desk.count() == 1


def test_an_attempt_that_created_nothing_is_made_again_once_the_search_must_show_it(jira_desk: JiraDesk) -> None:
    jira_desk.jira.faults.answer(503, on="POST /issue")
    with pytest.raises(TicketsUnavailable):
        jira_desk.tickets.open(REVIEW)
    with pytest.raises(TicketsUnavailable):
        jira_desk.tickets.open(REVIEW)
    assert jira_desk.count() == 0
    jira_desk.clock.forward(seconds=31)
    jira_desk.tickets.open(REVIEW)
    assert jira_desk.count() == 1


def test_a_rate_limited_creation_is_made_again_at_once(jira_desk: JiraDesk) -> None:
    jira_desk.jira.faults.answer(429, on="POST /issue", retry_after="7")
    with pytest.raises(TicketsUnavailable) as caught:
        jira_desk.tickets.open(REVIEW)
    assert caught.value.retry_after_seconds == 7
    jira_desk.tickets.open(REVIEW)
    assert jira_desk.count() == 1


def test_a_second_worker_does_not_create_beside_the_first(clock: SettableClock) -> None:
    openings = OpeningsInMemory()
    assert openings.attempt("key", clock.now(), None)
    assert not openings.attempt("key", clock.now(), None)
    first = openings.find("key")
    clock.forward(seconds=60)
    assert openings.attempt("key", clock.now(), first)
    assert not openings.attempt("key", clock.now(), first)


def test_a_cloned_issue_does_not_take_the_place_of_the_first(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    tracker = jira_desk.jira.tracker
    tracker.create(
        {
            "project": {"key": "MLC"},
            "issuetype": {"name": "Task"},
            "summary": "Clone",
            "labels": tracker.issue(ref.id).labels,
        },
        "rita.reviewer",
        {},
    )
    assert jira_desk.after_restart().open(REVIEW) == ref


def test_a_comment_whose_answer_was_lost_is_not_written_again(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    jira_desk.jira.faults.drop_after(on="POST /comment")
    with pytest.raises(TicketsUnavailable):
        jira_desk.tickets.comment(ref, "Hello", "key")
    jira_desk.tickets.comment(ref, "Hello", "key")
    assert len(jira_desk.comments(ref)) == 1


def test_a_comment_is_found_behind_a_hundred_others(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    jira_desk.tickets.comment(ref, "Hello", "key")
    for number in range(100):
        jira_desk.jira.tracker.add_comment(ref.id, f"chatter {number}", "olaf.other")
    jira_desk.tickets.comment(ref, "Hello", "key")
    assert len(jira_desk.comments(ref)) == 101


# Jira is away


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_an_outage_is_said_once_and_with_the_wait_it_asked_for(jira_desk: JiraDesk, status: int) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    jira_desk.jira.faults.answer(status, on=f"GET /issue/{ref.id}", retry_after="30")
    with pytest.raises(TicketsUnavailable) as caught:
        jira_desk.tickets.read(ref)
    assert caught.value.retry_after_seconds == 30
    assert requests_to(jira_desk, "GET", f"/issue/{ref.id}") == 1
    assert jira_desk.tickets.read(ref).decision == "open"


def test_a_wait_given_as_a_date_is_understood(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    jira_desk.jira.faults.answer(503, on=f"GET /issue/{ref.id}", retry_after="Mon, 02 Mar 2026 09:31:30 GMT")
    with pytest.raises(TicketsUnavailable) as caught:
        jira_desk.tickets.read(ref)
    assert caught.value.retry_after_seconds == 90


def test_an_outage_at_the_first_call_is_over_at_the_next(jira_desk: JiraDesk) -> None:
    jira_desk.jira.faults.answer(503, on="GET /serverInfo")
    with pytest.raises(TicketsUnavailable):
        jira_desk.tickets.open(REVIEW)
    jira_desk.tickets.open(REVIEW)
    assert jira_desk.count() == 1


def test_jira_that_hangs_is_given_up_in_time(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    tickets = jira_desk.after_restart(read_timeout_seconds=0.2)
    jira_desk.jira.faults.hang(on=f"GET /issue/{ref.id}")
    with pytest.raises(TicketsUnavailable, match="no answer in time"):
        tickets.read(ref)


def test_nobody_at_the_address_is_an_outage_and_blocks_no_later_try(jira_desk: JiraDesk) -> None:
    gone = JiraTickets(replace(jira_desk.settings, url="http://127.0.0.1:1"), jira_desk.clock)
    for _ in range(2):
        with pytest.raises(TicketsUnavailable) as caught:
            gone.open(REVIEW)
        assert caught.value.retry_after_seconds is None


def test_a_proxys_page_instead_of_jira_is_an_outage(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    jira_desk.jira.faults.answer_text("<html>Please log in</html>", on=f"GET /issue/{ref.id}")
    with pytest.raises(TicketsUnavailable):
        jira_desk.tickets.read(ref)
    jira_desk.jira.faults.answer_text("<html>Please log in</html>", on="GET /serverInfo")
    with pytest.raises(TicketsUnavailable):
        jira_desk.after_restart().read(ref)


def test_an_outage_while_polling_is_said(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    search = "GET /search/jql" if jira_desk.jira.tracker.flavour == "cloud" else "GET /search"
    jira_desk.jira.faults.answer(503, on=search, retry_after="5")
    with pytest.raises(TicketsUnavailable) as caught:
        jira_desk.tickets.read_many([ref])
    assert caught.value.retry_after_seconds == 5


# Jira says no


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"priorities": {"normal": "Blocker"}}, "priority"),
        ({"issue_type": "Epic"}, "issuetype"),
        ({"project": "NONE"}, "project"),
        ({"extra_fields": {"cost_centre": "42"}}, "cost_centre"),
    ],
)
def test_a_refused_field_is_named_with_what_to_do(jira_desk: JiraDesk, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(TicketRefused) as caught:
        jira_desk.after_restart(**changed).open(REVIEW)
    assert caught.value.field == field
    assert caught.value.advice
    assert jira_desk.count() == 0


def test_after_a_refusal_the_corrected_connection_opens_at_once(jira_desk: JiraDesk) -> None:
    jira_desk.jira.tracker.required_fields["customfield_10010"] = "Cost centre is required."
    openings = OpeningsInMemory()
    with pytest.raises(TicketRefused) as caught:
        JiraTickets(jira_desk.settings, jira_desk.clock, openings).open(REVIEW)
    assert (caught.value.field, caught.value.reason) == ("customfield_10010", "Cost centre is required.")
    corrected = replace(jira_desk.settings, extra_fields={"customfield_10010": "42"})
    JiraTickets(corrected, jira_desk.clock, openings).open(REVIEW)
    assert jira_desk.jira.tracker.issues[0].other_fields == {"customfield_10010": "42"}


def test_an_unknown_assignee_is_refused_by_that_field(jira_desk: JiraDesk) -> None:
    with pytest.raises(TicketRefused) as caught:
        jira_desk.tickets.open(replace(REVIEW, assignee="nobody"))
    assert caught.value.field == "assignee"


def test_a_wrong_token_is_refused_with_advice(jira_desk: JiraDesk) -> None:
    settings = JiraSettings(url=jira_desk.jira.url, project="MLC", user="eve", token="guess")
    tickets = JiraTickets(settings, jira_desk.clock)
    with pytest.raises(TicketRefused, match="token") as caught:
        tickets.open(REVIEW)
    assert caught.value.field is None
    assert "guess" not in repr(settings)
    tickets.close()


def test_an_address_without_jira_is_refused_with_advice(jira_desk: JiraDesk) -> None:
    tickets = JiraTickets(replace(jira_desk.settings, url=f"{jira_desk.jira.url}/stand-in"), jira_desk.clock)
    with pytest.raises(TicketRefused, match="address"):
        tickets.open(REVIEW)


@pytest.mark.parametrize("strange", ["../../myself", "MLC-1", "1/comment", ""])
def test_an_id_that_jira_did_not_make_reaches_no_other_resource(jira_desk: JiraDesk, strange: str) -> None:
    with pytest.raises(TicketNotFound):
        jira_desk.tickets.read(TicketRef("jira", strange, "MLC-1", ""))
    assert jira_desk.jira.exchanges == []


# What an issue has


def test_an_issue_has_the_fields_that_were_asked_for(jira_desk: JiraDesk) -> None:
    tracker = jira_desk.jira.tracker
    tracker.people.add("rita.reviewer")
    user = account_id("rita.reviewer") if tracker.flavour == "cloud" else "rita.reviewer"
    request = TicketRequest(
        key="k",
        summary=f"Review\n{'x' * 300}",
        description=(Heading("Model"), Paragraph("{noformat}*"), Paragraph("y" * 40_000)),
        priority="urgent",
        labels=("german credit", "mlc"),
        assignee="rita",
        links=(("Snapshot", "http://mlc.test/snapshots/4"),),
        kind="rejection",
    )
    ref = jira_desk.after_restart(assignees={"rita": user}).open(request)
    issue = tracker.issue(ref.id)
    assert ref.url == f"{jira_desk.jira.url}/browse/{issue.key}"
    assert len(issue.summary) == 255
    assert issue.summary.startswith("Review x")
    assert issue.summary.endswith("…")
    assert issue.description.startswith("h3. Model\n\n\\{noformat\\}")
    assert len(issue.description) == 32_767
    assert issue.priority == "Highest"
    assert issue.assignee == "rita.reviewer"
    assert issue.labels[0].startswith("mlc-key-")
    assert issue.labels[1:] == ["mlc-rejection", "mlc", "german-credit"]


def test_links_stand_below_the_description(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(replace(REVIEW, links=(("Snapshot", "http://mlc.test/snapshots/4_a"),)))
    assert jira_desk.text(ref).endswith("h3. Links\n\n* Snapshot: http://mlc.test/snapshots/4_a")


def test_no_priority_is_sent_where_none_is_mapped(jira_desk: JiraDesk) -> None:
    jira_desk.after_restart(priorities={}).open(REVIEW)
    (created,) = [each for each in jira_desk.jira.exchanges if each.method == "POST"]
    assert b"priority" not in created.body


def test_statuses_mean_what_the_settings_say(jira_desk: JiraDesk) -> None:
    tickets = jira_desk.after_restart(done_statuses=("in progress",), rejected_statuses=("Done", "REJECTED"))
    ref = tickets.open(REVIEW)
    jira_desk.move(ref, "In Progress", "rita.reviewer", "")
    assert tickets.read(ref).decision == "done"
    jira_desk.move(ref, "Done", "rita.reviewer", "")
    assert tickets.read_many([ref])[ref].decision == "rejected"


def test_a_closed_issue_opened_again_and_closed_by_another_names_the_other(jira_desk: JiraDesk) -> None:
    ref = jira_desk.tickets.open(REVIEW)
    jira_desk.move(ref, "Done", "rita.reviewer", "Yes")
    jira_desk.jira.tracker.move(ref.id, "To Do", "olaf.other")
    assert jira_desk.tickets.read(ref).decision == "open"
    jira_desk.clock.forward(seconds=5)
    jira_desk.move(ref, "Done", "olaf.other", "Now yes")
    state = jira_desk.tickets.read(ref)
    assert (state.closed_by, state.comment) == ("Olaf Other", "Now yes")


def test_open_tickets_are_polled_in_one_request_per_hundred(jira_desk: JiraDesk) -> None:
    refs = [jira_desk.tickets.open(TicketRequest(key=str(n), summary="Review")) for n in range(120)]
    jira_desk.jira.exchanges.clear()
    assert len(jira_desk.tickets.read_many(refs)) == 120
    assert len(jira_desk.jira.exchanges) == 2


def test_an_issue_that_the_search_does_not_show_yet_is_read_by_itself(jira_desk: JiraDesk) -> None:
    jira_desk.jira.tracker.index_held = True
    ref = jira_desk.tickets.open(REVIEW)
    assert jira_desk.tickets.read_many([ref])[ref].decision == "open"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "jira.example.com"},
        {"token": None},
        {"personal_access_token": "both"},
        {"rejected_statuses": ("DONE",)},
    ],
)
def test_settings_that_cannot_work_are_not_accepted(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"url": "https://j.example", "project": "MLC", "user": "u", "token": "t"}
    JiraSettings(**right)
    with pytest.raises(ValueError, match=r"Jira|status"):
        JiraSettings(**{**right, **wrong})
