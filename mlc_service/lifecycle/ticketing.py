"""Opens tickets: a notification first, then the ticket, then the reference to it on the notification.

    1. transaction  the notification exists, with an assignment that has no ticket yet (`decision: OPENING`)
    2. tracker      the ticket is opened under the same key; the tracker's adapter finds it again after a crash
    3. transaction  the assignment names the ticket, and the watcher looks after it from now on

Repeating the whole after a crash anywhere between finds what is there and goes on.
"""

from __future__ import annotations

from mlc_service.delegate_api import JsonObject, TicketOrder
from mlc_service.lifecycle.bookkeeping import SYSTEM, Bookkeeping
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.changes import changes_between
from mlc_service.lifecycle.documents import Kind
from mlc_service.lifecycle.errors import LifecycleProblem, UnknownDocument
from mlc_service.lifecycle.links import Links
from mlc_service.lifecycle.snapshots import snapshot_before
from mlc_service.lifecycle.test_results import verdict_on
from mlc_service.lifecycle.ticket_texts import Facts, reason, ticket_request
from mlc_service.tickets.port import TicketRef, TicketRequest, Tickets

_NOTIFICATION_TYPE = {
    "MODEL_APPROVAL": "MODEL_APPROVAL_NOTIFICATION",
    "MODEL_REVIEW": "MODEL_REVIEW_NOTIFICATION",
    "TEST_REVIEW": "MODEL_TEST_NOTIFICATION",
    "JOB_NOTIFICATION": "JOB_NOTIFICATION",
    "MODEL_NOTIFICATION": "MODEL_NOTIFICATION",
    "SIMPLE_NOTIFICATION": "PROCESS_NOTIFICATION",
}


class Ticketing:
    """Opens tickets in whichever tracker is configured."""

    def __init__(self, bookkeeping: Bookkeeping, tickets: Tickets, links: Links) -> None:
        self._bookkeeping = bookkeeping
        self._tickets = tickets
        self._links = links

    def open(self, order: TicketOrder, process_instance_id: str, key: str, by: str = SYSTEM) -> JsonObject:
        """The notification, its assignment naming the ticket. Safe to repeat.

        Raises tickets.TicketsUnavailable and TicketRefused: the notification stays, the ticket is still to come.
        """
        notification = self._bookkeeping.change(
            lambda books: self._announce(books, order, process_instance_id, key), by
        )
        if notification["assignment"]["decision"] != "OPENING":
            return notification
        request = self._bookkeeping.read(
            lambda books: self._request(books, order, process_instance_id, notification["ticketKey"])
        )
        ref = self._tickets.open(request)
        return self._bookkeeping.change(lambda books: _record(books, notification["id"], ref, request), by)

    def _announce(self, books: Books, order: TicketOrder, process_instance_id: str, key: str) -> JsonObject:
        if known := books.find_by_key(Kind.NOTIFICATION, key):
            return known
        model = (order.snapshot or {}).get("storedModel") or {}
        return books.add(
            Kind.NOTIFICATION,
            {
                "group": (order.snapshot or {}).get("group"),
                "notificationType": _NOTIFICATION_TYPE[order.kind],
                "message": order.title or reason(order) or _NOTIFICATION_TYPE[order.kind],
                "severity": "INFO" if order.kind in ("MODEL_APPROVAL", "MODEL_REVIEW") and not order.cause else "ERROR",
                "open": True,
                "elevatedPriority": order.priority.lower() in ("high", "highest", "urgent"),
                "rejectionCause": order.cause,
                "storedModelId": model.get("id"),
                "deployableModelId": (order.snapshot or {}).get("id"),
                "jobId": (order.job or {}).get("id"),
                "modelTestResults": [order.test_result["id"]]
                if order.test_result and order.test_result.get("id")
                else [],
                "processInstanceId": process_instance_id or None,
                "ticketKey": key,
                "awaited": False,
                "assignment": {"decision": "OPENING", "customFields": order.custom_fields},
            },
            key=key,
        )

    def _request(self, books: Books, order: TicketOrder, process_instance_id: str, key: str) -> TicketRequest:
        links = self._links.of(order, process_instance_id)
        if order.snapshot is None:
            return ticket_request(order, Facts(links=links), key)
        before = snapshot_before(books, order.snapshot)
        verdict = None
        if order.test_result:
            try:
                verdict = verdict_on(books, order.test_result)
            except (LifecycleProblem, UnknownDocument):
                # the ticket is about something else then; its text says what is known
                verdict = None
        whole = books.find(Kind.DEPLOYABLE_MODEL, str(order.snapshot.get("id"))) or order.snapshot
        facts = Facts(
            changes=tuple(changes_between(before, whole)),
            compared_with=None if before is None else str(before["metaData"].get("name") or before["id"]),
            verdict=verdict,
            links=links,
        )
        return ticket_request(order, facts, key)


def _record(books: Books, notification_id: str, ref: TicketRef, request: TicketRequest) -> JsonObject:
    notification = books.get(Kind.NOTIFICATION, notification_id, lock=True)
    if notification["assignment"]["decision"] != "OPENING":
        return notification
    assignment = notification["assignment"] | {
        "assignmentType": "JIRA_NOTIFICATION_ASSIGNMENT" if ref.system == "jira" else "BOARD_NOTIFICATION_ASSIGNMENT",
        "system": ref.system,
        "issueId": ref.id,
        "issueKey": ref.key,
        "issueLink": ref.url,
        "summary": request.summary,
        "priority": request.priority,
        "currentStatus": "open",
        "decision": "OPEN",
        "closedBy": None,
    }
    if ref.system == "jira":
        # ModelOp's older names for the same; diagrams and the inventory read them
        assignment |= {"jiraIssueKey": ref.key, "jiraIssueLink": ref.url, "jiraCurrentStatus": "open"}
    return books.replace(
        Kind.NOTIFICATION, notification | {"assignment": assignment, "awaited": True}, notification["version"]
    )
