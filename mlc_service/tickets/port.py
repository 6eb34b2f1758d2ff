"""Tickets: people decide in a tracker, the process reads what they decided. One port, many trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from mlc_service.tickets.text import Block

Kind = Literal["review", "rejection", "failure", "error"]
"""review: approve or reject a snapshot. rejection: it was rejected, and why. failure: a test failed, and Done
means "run it again". error: something else went wrong on the way (ModelOp overview, steps 3, 4 and 6)."""

Priority = Literal["low", "normal", "high", "urgent"]

Decision = Literal["open", "done", "rejected"]
"""What a status means to the process. Done: approved, or "try again" on a failure ticket. Everything that the
connection's settings call neither done nor rejected is open."""

System = Literal["board", "jira"]


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """A ticket that shall exist.

    `key` is the idempotency key: any text, at most 255 characters, the same over all retries of the same step
    (a delegate uses the one it was given). `summary` is one line; adapters cut it to what the tracker takes.
    `assignee` is a name of ours; a connection's settings may map it to the tracker's user. `links` are
    (title, address) pairs, shown below the description.
    """

    key: str
    summary: str
    description: tuple[Block, ...] = ()
    priority: Priority = "normal"
    labels: tuple[str, ...] = ()
    assignee: str | None = None
    links: tuple[tuple[str, str], ...] = ()
    kind: Kind = "review"


@dataclass(frozen=True, slots=True)
class TicketRef:
    """Where a ticket is: `id` never changes, `key` is what people call it (`MLC-12`), `url` opens it."""

    system: System
    id: str
    key: str
    url: str


@dataclass(frozen=True, slots=True)
class TicketState:
    """What a ticket said when it was read.

    `status` is the tracker's own word. `closed_by`, `closed_at` (aware, UTC) and `comment` (the closing
    person's own words, None if they wrote none) are set only while `decision` is not "open". `closed_by` is
    the name people know, `closed_by_id` what the tracker identifies the person by (Jira Cloud: account id).
    """

    status: str
    decision: Decision
    closed_by: str | None = None
    closed_at: datetime | None = None
    comment: str | None = None
    closed_by_id: str | None = None


class TicketsUnavailable(RuntimeError):
    """The tracker cannot answer now: outage, rate limit, time-out, half an answer. Repeat the call later.

    `retry_after_seconds` is how long to wait at least, None if nobody said.
    """

    def __init__(self, system: str, reason: str, retry_after_seconds: float | None = None) -> None:
        self.system = system
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        wait = "" if retry_after_seconds is None else f"; try again in {retry_after_seconds:g} s"
        super().__init__(f"{system} cannot be reached: {reason}{wait}")


class TicketRefused(RuntimeError):
    """The tracker said no, and will say so again until somebody changes something: `advice` says what.

    `field` is the field it complained about, in the tracker's name for it, None if it named none.
    """

    def __init__(self, system: str, reason: str, *, field: str | None = None, advice: str = "") -> None:
        self.system = system
        self.reason = reason
        self.field = field
        self.advice = advice
        place = f" (field {field})" if field else ""
        what_to_do = f" {advice}." if advice else ""
        super().__init__(f"{system} refused{place}: {reason.rstrip('.')}." + what_to_do)


class TicketNotFound(LookupError):
    """No ticket there, or none that the service's account may see."""

    def __init__(self, ref: TicketRef) -> None:
        self.ref = ref
        super().__init__(f"{ref.system} has no ticket {ref.key or ref.id}")


class Tickets(Protocol):
    """A tracker as the process needs it. Each method is a short exchange, callable from any thread."""

    def open(self, request: TicketRequest) -> TicketRef:
        """The ticket exists, exactly once.

        Safe to repeat: `request.key` finds the one already opened, also after a crash between the tracker's
        creation and the caller's record of it. The first request wins; a repeat changes nothing in it.
        Raises TicketsUnavailable (it may or may not exist by now: repeat), TicketRefused.
        """
        ...

    def read(self, ref: TicketRef) -> TicketState:
        """What the ticket says now. Safe to repeat: changes nothing.

        Raises TicketNotFound, TicketsUnavailable, TicketRefused (the account may not read).
        """
        ...

    def read_many(self, refs: Sequence[TicketRef]) -> Mapping[TicketRef, TicketState]:
        """What each of the tickets says now, in as few requests as the tracker allows (polling).

        A ticket that is not found is absent from the answer, so that a lost one does not stop the others.
        Safe to repeat. Raises TicketsUnavailable, TicketRefused.
        """
        ...

    def comment(self, ref: TicketRef, text: str, key: str) -> None:
        """The ticket carries this comment of ours once. Safe to repeat: `key` finds the one already written.

        `text` is plain text. Raises TicketNotFound, TicketsUnavailable, TicketRefused.
        """
        ...
