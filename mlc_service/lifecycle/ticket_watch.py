"""Brings closed tickets home: onto their notification and, as a message, into the process that waits for them.

A ticket is `awaited` from the moment it is opened until it is brought home, exactly once: the closed notification,
the end of the waiting and the message to the process are one transaction. The message waits in the process room's
outbox for an instance that does not wait for it yet; to an instance that is gone it does nothing.
"""

from __future__ import annotations

import structlog

from mlc_service.delegate_api import JsonObject
from mlc_service.lifecycle.bookkeeping import Bookkeeping
from mlc_service.lifecycle.books import Books
from mlc_service.lifecycle.documents import Kind
from mlc_service.lifecycle.notifications import close_notification
from mlc_service.tickets.port import TicketRef, Tickets, TicketState, TicketsUnavailable

log = structlog.get_logger(__name__)

TICKET_CLOSED = "com.modelop.mlc.definitions.Messages_ticket_closed"
TICKET_POLL_KIND = "ticket_poll"
_AT_ONCE = 200


class TicketWatcher:
    """One `poll()` reads every awaited ticket once. Any number of watchers may run at the same time."""

    def __init__(self, bookkeeping: Bookkeeping, tickets: Tickets) -> None:
        self._bookkeeping = bookkeeping
        self._tickets = tickets

    def poll(self) -> int:
        """How many tickets were brought home. A tracker that cannot be reached is asked again next time."""
        awaited = self._bookkeeping.read(lambda books: books.search(Kind.NOTIFICATION, keys={"awaited": "true"}))
        by_ref = {_ref(one): one for one in awaited}
        refs = list(by_ref)
        home = 0
        for start in range(0, len(refs), _AT_ONCE):
            try:
                states = self._tickets.read_many(refs[start : start + _AT_ONCE])
            except TicketsUnavailable as unavailable:
                log.warning("tickets_unavailable", reason=str(unavailable))
                return home
            for ref, state in states.items():
                home += self._bring_home(by_ref[ref]["id"], state)
        return home

    def ticket_closed(self, ref: TicketRef) -> bool:
        """True if the ticket was brought home: `poll` for one ticket of which somebody says that it changed.

        The tracker is asked again, so that a false word changes nothing.
        """
        awaited = self._bookkeeping.read(lambda books: books.search(Kind.NOTIFICATION, keys={"awaited": "true"}))
        for notification in awaited:
            found = _ref(notification)
            if (found.system, found.id) == (ref.system, ref.id):
                return self._bring_home(notification["id"], self._tickets.read(found))
        return False

    def _bring_home(self, notification_id: str, state: TicketState) -> bool:
        known = self._bookkeeping.read(lambda books: books.find(Kind.NOTIFICATION, notification_id))
        if known is None or (state.decision == "open" and known["assignment"]["currentStatus"] == state.status):
            return False
        return self._bookkeeping.change(lambda books: self._record(books, notification_id, state))

    def _record(self, books: Books, notification_id: str, state: TicketState) -> bool:
        notification = books.get(Kind.NOTIFICATION, notification_id, lock=True)
        if not notification.get("awaited"):
            return False
        if state.decision == "open":
            assignment = notification["assignment"] | {"currentStatus": state.status}
            books.replace(Kind.NOTIFICATION, notification | {"assignment": assignment}, notification["version"])
            return False
        decision = "REJECTED" if state.decision == "rejected" else "DONE"
        notification = close_notification(
            books,
            notification | {"awaited": False},
            state.status,
            decision,
            state.closed_by or "",
            state.comment or "",
        )
        instance_id = notification.get("processInstanceId")
        if instance_id:
            books.message(TICKET_CLOSED, instance_id, _message_variables(notification))
        key = notification["assignment"]["issueKey"]
        log.info("ticket_closed", ticket=key, decision=decision, process_instance_id=instance_id)
        return True


def _message_variables(notification: JsonObject) -> JsonObject:
    assignment = notification["assignment"]
    return {
        "TICKET_STATUS": assignment["decision"],
        "TICKET_KEY": assignment["issueKey"],
        "TICKET_CLOSED_BY": assignment["closedBy"],
        "TICKET_COMMENT": assignment["comment"],
        "NOTIFICATION": notification,
    }


def _ref(notification: JsonObject) -> TicketRef:
    assignment = notification["assignment"]
    return TicketRef(assignment["system"], assignment["issueId"], assignment["issueKey"], assignment["issueLink"])
