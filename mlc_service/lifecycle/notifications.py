"""Notifications: words to people. One with an `assignment` has a ticket behind it (modelop.md section 3.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind, iso, merged, object_at, text_at
from mlc_service.lifecycle.errors import ImmutableDocument, InvalidDocument

SEVERITIES = frozenset({"INFO", "WARNING", "ERROR"})
# what belongs to the ticket and its way back into the process
_OF_THE_SERVICE = ("awaited", "processInstanceId", "ticketKey")


def create_notification(books: Books, body: Mapping[str, Any], key: str | None = None) -> JsonObject:
    """The notification is stored and open. Safe to repeat with a key."""
    text_at(body, "message", required=True)
    return books.add(
        Kind.NOTIFICATION,
        {name: value for name, value in body.items() if name not in _OF_THE_SERVICE}
        | {
            "notificationType": text_at(body, "notificationType") or "MODEL_NOTIFICATION",
            "severity": _severity(body),
            "open": body.get("open") is not False,
            "elevatedPriority": body.get("elevatedPriority") is True,
            "assignment": object_at(body, "assignment") or None,
        },
        key=key,
    )


def change_notification(
    books: Books, notification_id: str, patch: Mapping[str, Any], version: int | None
) -> JsonObject:
    """The notification after a merge patch. One with a ticket is closed by its ticket only."""
    current = books.get(Kind.NOTIFICATION, notification_id)
    for name in (*_OF_THE_SERVICE, "assignment"):
        if name in patch and current.get("assignment") and patch[name] != current.get(name):
            raise ImmutableDocument(f"'{name}' follows the ticket and cannot be set", name)
    if current.get("awaited") and patch.get("open") is False:
        raise ImmutableDocument("a process waits for the ticket of this notification: close the ticket", "open")
    changed = merged(current, patch)
    if not isinstance(changed.get("open"), bool):
        raise InvalidDocument("open", "must be true or false")
    return books.replace(Kind.NOTIFICATION, changed | {"severity": _severity(changed)}, version)


def remove_notification(books: Books, notification_id: str) -> None:
    """The notification is gone. Raises ImmutableDocument if a ticket belongs to it."""
    if books.get(Kind.NOTIFICATION, notification_id).get("assignment"):
        raise ImmutableDocument("a notification with a ticket is part of the record and stays")
    books.remove(Kind.NOTIFICATION, notification_id)


def close_notification(
    books: Books, notification: JsonObject, status: str, decision: str, closed_by: str, comment: str
) -> JsonObject:
    """The notification is closed and says who closed its ticket, as what, and with which words."""
    assignment: JsonObject = dict(notification.get("assignment") or {})
    assignment |= {
        "currentStatus": status,
        "decision": decision,
        "closedBy": closed_by,
        "comment": comment,
        "closedDate": iso(books.now),
    }
    if assignment.get("assignmentType") == "JIRA_NOTIFICATION_ASSIGNMENT":
        assignment["jiraCurrentStatus"] = status
    changed = notification | {"assignment": assignment, "open": False}
    return books.replace(Kind.NOTIFICATION, changed, notification["version"])


def _severity(body: Mapping[str, Any]) -> str:
    severity = text_at(body, "severity") or "INFO"
    if severity not in SEVERITIES:
        raise InvalidDocument("severity", f"'{severity}' is not one of {', '.join(sorted(SEVERITIES))}")
    return severity
