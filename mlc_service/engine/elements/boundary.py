"""Boundary events: armed with their host, fired by a signal, a message, a timer, a condition or something thrown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..variables import write_all
from .catching import Catcher
from .node import Node, ProcessSpec
from .triggers import TimerTrigger, Trigger

if TYPE_CHECKING:
    from ..tokens import Token, Wait

_TYPES = {
    "timer": "boundaryTimer",
    "signal": "boundarySignal",
    "message": "boundaryMessage",
    "conditional": "boundaryConditional",
    "error": "boundaryError",
    "escalation": "boundaryEscalation",
    "cancel": "cancelBoundaryCatch",
    "compensation": "compensationBoundaryCatch",
}


class BoundaryEvent(Node):
    """A boundary event; with a `trigger` it is waited for as long as the host is active.

    Errors, escalations and cancellation look for it when they are thrown. A compensation boundary event only says
    which activity undoes its host (`Node.compensation_handler`) and never fires itself.
    """

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        kind: str,
        trigger: Trigger | None = None,
        *,
        interrupting: bool,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.kind = kind
        self.trigger = trigger
        self.is_interrupting = interrupting
        self.activity_type = _TYPES[kind]
        # the activity it is attached to
        self.host: Node | None = None
        # what it catches, if what it waits for is thrown
        self.catcher: Catcher | None = None

    @property
    def is_cancel(self) -> bool:
        return self.kind == "cancel"

    def wait_at(self, host: Token) -> None:
        """The host waits for this event too."""
        if self.trigger is not None:
            self.trigger.subscribe(host, self)

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        """The event has fired: the host is cancelled, or goes on beside it."""
        host = wait.token
        if wait.kind == "timer":
            host.workflow.end_wait(wait)
        self.catch(host, variables)
        if wait.kind == "timer" and not self.is_interrupting and not host.is_gone:
            assert isinstance(self.trigger, TimerTrigger)
            self.trigger.rearm(host, self, wait.detail)

    def catch(self, host: Token, variables: Mapping[str, Any]) -> None:
        """The event has fired at its host, which is cancelled if it interrupts."""
        instance = host.workflow
        if self.is_interrupting:
            instance.replace(host, self, variables)
            return
        write_all(host, variables)
        instance.arrive([instance.enter(self, host.scope)])
