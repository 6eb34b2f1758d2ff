"""Delegates that open tickets. "Jira" is ModelOp's name: the ticket goes to the tracker that is configured.

Each writes NEW_NOTIFICATION: a notification whose `assignment` names the ticket. When the ticket is closed, the process
gets the message `com.modelop.mlc.definitions.Messages_ticket_closed`.

All of them read TICKET_TITLE, TICKET_MESSAGE, TICKET_PRIORITY and TICKET_CUSTOM_FIELDS, if they are there. A ticket
that reports a rejection has its cause in REJECTION_CAUSE: MISSING_TEST_DATA, JOB_FAILED, DMN_NOT_PASSED or
REVIEW_REJECTED.
"""

from __future__ import annotations

from typing import get_args

from delegates.variables import document, optional_document, optional_snapshot, snapshot_of, text
from mlc_service.delegate_api import (
    DelegateExecution,
    JsonObject,
    MissingVariable,
    RejectionCause,
    TicketKind,
    TicketOrder,
    delegate,
)

_WORDS = ("TICKET_TITLE", "TICKET_MESSAGE", "TICKET_PRIORITY", "TICKET_CUSTOM_FIELDS")
_CAUSES: tuple[RejectionCause, ...] = get_args(RejectionCause)


@delegate(
    "CreateJiraModelApproval",
    reads=("DEPLOYABLE_MODEL", "MODEL_TEST_RESULT", *_WORDS),
    writes=("NEW_NOTIFICATION",),
)
def create_jira_model_approval(execution: DelegateExecution) -> None:
    """A reviewer is asked to approve the snapshot: model facts, changes, test results. Done approves, Rejected not."""
    _open(execution, "MODEL_APPROVAL", snapshot_of(execution), test_result=_test_result(execution))


@delegate(
    "CreateJiraModelReview",
    reads=(
        "DEPLOYABLE_MODEL",
        "REJECTION_CAUSE",
        "MODEL_TEST_RESULT",
        "TEST_RESULT_MESSAGE",
        "JOB",
        "TICKET_CLOSED_BY",
        "TICKET_COMMENT",
        *_WORDS,
    ),
    writes=("NEW_NOTIFICATION",),
)
def create_jira_model_review(execution: DelegateExecution) -> None:
    """Somebody is asked to look at the snapshot; with REJECTION_CAUSE the ticket reports why it was rejected.

    Each cause has a text of its own: missing test data; the job's error (JOB); the rules that did not pass
    (MODEL_TEST_RESULT, TEST_RESULT_MESSAGE); who rejected with which words (TICKET_CLOSED_BY, TICKET_COMMENT).
    """
    cause = _cause(execution)
    _open(
        execution,
        "MODEL_REVIEW",
        snapshot_of(execution),
        cause=cause,
        job=document(execution, "JOB", "TEST_JOB") if cause == "JOB_FAILED" else None,
        test_result=_test_result(execution) if cause not in ("MISSING_TEST_DATA", "JOB_FAILED") else None,
        message=text(execution, "TEST_RESULT_MESSAGE") if cause == "DMN_NOT_PASSED" else "",
        reviewed=cause == "REVIEW_REJECTED",
    )


@delegate("CreateJiraTestReview", reads=("DEPLOYABLE_MODEL", "JOB", *_WORDS), writes=("NEW_NOTIFICATION",))
def create_jira_test_review(execution: DelegateExecution) -> None:
    """Somebody is asked to repair a failed test; Done runs it again, Rejected gives up. JOB brings the failure."""
    _open(execution, "TEST_REVIEW", snapshot_of(execution), job=optional_document(execution, "JOB"))


@delegate("CreateJiraJobNotification", reads=("JOB", "DEPLOYABLE_MODEL", *_WORDS), writes=("NEW_NOTIFICATION",))
def create_jira_job_notification(execution: DelegateExecution) -> None:
    """People hear about the model job JOB: its status, its error, its last messages."""
    _open(execution, "JOB_NOTIFICATION", optional_snapshot(execution), job=document(execution, "JOB"))


@delegate(
    "CreateJiraModelNotification",
    reads=("DEPLOYABLE_MODEL", "ERROR_MESSAGE", *_WORDS),
    writes=("NEW_NOTIFICATION",),
)
def create_jira_model_notification(execution: DelegateExecution) -> None:
    """The error ticket: something else went wrong with the snapshot, ERROR_MESSAGE (or TICKET_MESSAGE) says what."""
    message = text(execution, "ERROR_MESSAGE")
    _open(execution, "MODEL_NOTIFICATION", snapshot_of(execution), message=message)


@delegate(
    "CreateJiraSimpleNotification",
    reads=("ERROR_MESSAGE", *_WORDS),
    writes=("NEW_NOTIFICATION",),
)
def create_jira_simple_notification(execution: DelegateExecution) -> None:
    """People hear TICKET_MESSAGE (else ERROR_MESSAGE); it is about no model."""
    _open(execution, "SIMPLE_NOTIFICATION", None, message=text(execution, "ERROR_MESSAGE"))


def _open(
    execution: DelegateExecution,
    kind: TicketKind,
    snapshot: JsonObject | None,
    *,
    job: JsonObject | None = None,
    test_result: JsonObject | None = None,
    cause: RejectionCause | None = None,
    message: str = "",
    reviewed: bool = False,
) -> None:
    order = TicketOrder(
        kind=kind,
        snapshot=snapshot,
        job=job,
        test_result=test_result,
        cause=cause,
        title=text(execution, "TICKET_TITLE"),
        message=text(execution, "TICKET_MESSAGE") or message,
        # what the reviewer said belongs to the rejection of this review only
        closed_by=text(execution, "TICKET_CLOSED_BY") if reviewed else "",
        comment=text(execution, "TICKET_COMMENT") if reviewed else "",
        priority=text(execution, "TICKET_PRIORITY"),
        custom_fields=optional_document(execution, "TICKET_CUSTOM_FIELDS") or {},
    )
    opened = execution.ports.notifications.open_ticket(order, execution.process_instance_id, execution.idempotency_key)
    execution.log("ticket_opened", ticket=(opened.get("assignment") or {}).get("issueKey"), kind=kind, cause=cause)
    execution.set("NEW_NOTIFICATION", opened)


def _test_result(execution: DelegateExecution) -> JsonObject | None:
    return optional_document(execution, "MODEL_TEST_RESULT")


def _cause(execution: DelegateExecution) -> RejectionCause | None:
    wanted = text(execution, "REJECTION_CAUSE")
    if not wanted:
        return None
    for cause in _CAUSES:
        if cause == wanted:
            return cause
    raise MissingVariable("REJECTION_CAUSE", execution.activity_id, wanted, f"one of {', '.join(_CAUSES)}")
