"""Boundary events: armed with their host, fired by a signal, a message, a timer or an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..variables import write_all
from .events import EventTrigger, TimerTrigger
from .node import Node, ProcessSpec

if TYPE_CHECKING:
    from ..tokens import Token, Wait


class BoundaryEvent(Node):
    """A boundary event that waits for its trigger as long as its host is active."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        trigger: EventTrigger | TimerTrigger | None,
        *,
        interrupting: bool,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.trigger = trigger
        self.is_interrupting = interrupting
        self.activity_type = f"boundary{trigger.kind.capitalize()}" if trigger else "boundaryError"

    def arm(self, host: Token) -> None:
        """The host waits for this event too."""
        if self.trigger is not None:
            self.trigger.subscribe(host, self)

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        """The event has fired: the host is cancelled, or goes on beside it."""
        host = wait.token
        instance = host.workflow
        if self.is_interrupting:
            instance.end_wait(wait)
            instance.replace(host, self, variables)
            return
        token = instance.enter(self, host.scope)
        write_all(token, variables)
        if wait.kind == "timer":
            instance.end_wait(wait)
            assert isinstance(self.trigger, TimerTrigger)
            self.trigger.rearm(host, self, wait.detail)
        instance.arrive([token])

    def catches_error(self, code: str) -> str | None:  # noqa: ARG002
        return None

    def as_error(self) -> ErrorBoundaryEvent:
        raise AssertionError(f"{self.name} catches no error")


class ErrorBoundaryEvent(BoundaryEvent):
    """Catches the BPMN errors of its host, and of everything inside it; `error_code` None catches any."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        *,
        error_code: str | None,
        error_code_variable: str | None,
        error_message_variable: str | None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name, None, interrupting=True)
        self.error_code = error_code
        self.error_code_variable = error_code_variable
        self.error_message_variable = error_message_variable

    def catches_error(self, code: str) -> str | None:
        if self.error_code is None:
            return "any"
        return "code" if self.error_code == code else None

    def as_error(self) -> ErrorBoundaryEvent:
        return self
