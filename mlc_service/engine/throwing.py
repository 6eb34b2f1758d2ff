"""Errors and escalations: nobody waits for them; they look for who catches them, from the inside out.

An error or escalation walks from where it is thrown through the scopes that enclose it, and through the call activity
that called the process. In each it asks the event sub-processes of the scope, then the boundary events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import BpmnErrorThrown

if TYPE_CHECKING:
    from .elements.catching import Catcher
    from .tokens import Token


def throw_error(token: Token, thrown: BpmnErrorThrown) -> bool:
    """The innermost event that catches the code has fired; False if none does."""
    return _throw(token, "error", thrown.code, thrown.message, thrown.variables)


def throw_escalation(token: Token, code: str, variables: Mapping[str, Any] | None = None) -> bool:
    """The innermost event that catches the escalation has fired; False if none does, which is no failure."""
    return _throw(token, "escalation", code, None, variables or {})


def _throw(token: Token, kind: str, code: str, message: str | None, variables: Mapping[str, Any]) -> bool:
    found = _find(token, kind, code)
    if found is None:
        return False
    host, catcher = found
    caught = dict(variables)
    if catcher.code_variable:
        caught[catcher.code_variable] = code
    if catcher.message_variable:
        caught[catcher.message_variable] = message
    catcher.event.catch(host, caught)
    return True


def _find(token: Token, kind: str, code: str) -> tuple[Token, Catcher] | None:
    """Where it is caught: the token that is the scope or host, and the event."""
    host: Token | None = token
    came_from: Token | None = None
    while host is not None:
        for catcher in host.task_spec.catchers:
            if catcher.catches(kind, code) and (came_from is None or came_from.task_spec is not catcher.inside):
                return host, catcher
        came_from, host = host, host.parent
        if host is None:
            called = came_from.workflow
            calling = called.calling_wait()
            if calling is not None:
                # what a called process has come to is handed over, whatever ended it
                calling.node.pass_out(calling, called)
                came_from, host = None, calling.token
    return None
