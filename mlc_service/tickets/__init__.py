"""Tickets: one port (`port.py`), a built-in board (`board.py`) and Jira (`jira.py`) behind it.

The text of a ticket is made of the blocks in `text.py`.
"""

from mlc_service.tickets.port import (
    Decision,
    Kind,
    Priority,
    TicketNotFound,
    TicketRef,
    TicketRefused,
    TicketRequest,
    Tickets,
    TicketState,
    TicketsUnavailable,
)
from mlc_service.tickets.text import Block, Bullets, Heading, Paragraph, Table, as_markdown

__all__ = [
    "Block",
    "Bullets",
    "Decision",
    "Heading",
    "Kind",
    "Paragraph",
    "Priority",
    "Table",
    "TicketNotFound",
    "TicketRef",
    "TicketRefused",
    "TicketRequest",
    "TicketState",
    "Tickets",
    "TicketsUnavailable",
    "as_markdown",
]
