"""Start, intermediate and end events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import compensation, throwing
from .. import effects as fx
from ..errors import BpmnErrorThrown, HostFailed
from ..variables import write_all
from .mapped import Mapped
from .node import Node, ProcessSpec
from .triggers import ConditionTrigger, Trigger
from .values import ExpressionSource

if TYPE_CHECKING:
    from ..tokens import Token, Wait

_START_TYPES = {
    "none": "startEvent",
    "signal": "signalStartEvent",
    "message": "messageStartEvent",
    "timer": "startTimerEvent",
    "conditional": "conditionalStartEvent",
    "error": "errorStartEvent",
    "escalation": "escalationStartEvent",
    "compensation": "compensationStartEvent",
}
_CATCH_TYPES = {
    "signal": "intermediateSignalCatch",
    "message": "intermediateMessageCatch",
    "timer": "intermediateTimer",
    "conditional": "intermediateConditional",
}


class StartEvent(Node):
    """Where an instance or a sub-process begins; what triggers it is settled before."""

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, kind: str) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.kind = kind
        self.activity_type = _START_TYPES[kind]


class CatchEvent(Node):
    """An intermediate event that waits for its trigger, by itself or behind an event-based gateway."""

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, trigger: Trigger) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.trigger = trigger
        self.activity_type = _CATCH_TYPES[trigger.kind]

    def execute(self, token: Token) -> bool | None:
        if "fired" in token.internal_data:
            return True
        if isinstance(self.trigger, ConditionTrigger) and self.trigger.is_met(token):
            return True
        self.trigger.subscribe(token, self)
        return None

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        token = wait.token
        if token.task_spec is self:
            super().answer(wait, variables)
            return
        # the token stands at the event-based gateway in front: that is done, and this event has happened
        instance = token.workflow
        write_all(token, variables)
        instance.end_waits(token)
        token.internal_data["chosen"] = self.name
        token.finish()


class SignalThrow:
    """Sends a signal to everybody who waits for it, with the variables that its `camunda:in` mappings choose.

    `is_async` (`camunda:async`): each receiver gets it by a job of its own.
    """

    __slots__ = ("is_async", "name", "payload")

    def __init__(self, name: ExpressionSource, payload: Mapped, *, is_async: bool) -> None:
        self.name = name
        self.payload = payload
        self.is_async = is_async

    def throw(self, token: Token) -> None:
        instance = token.workflow
        event_name = self.name.text(token) or ""
        variables = self.payload.of(token)
        # a new instance in which nobody waits for a signal need not be told from one that comes later
        known = {
            one.instance_id: one.next_number
            for one in instance.hierarchy.instances.values()
            if one.signal_waits or not one.is_new
        }
        instance.effects.append(fx.SignalThrown(event_name, variables, known, self.is_async))
        if not self.is_async:
            instance.signal(event_name, variables)


class EscalationThrow:
    """Throws an escalation out of the scope; nobody has to catch it."""

    __slots__ = ("code",)

    def __init__(self, code: str) -> None:
        self.code = code

    def throw(self, token: Token) -> None:
        throwing.throw_escalation(token, self.code)


class ThrowEvent(Node):
    """An intermediate throw event: none (a mark in the history), a signal or an escalation."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        activity_type: str,
        throws: SignalThrow | EscalationThrow | None = None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type
        self.throws = throws

    def execute(self, token: Token) -> bool | None:
        if self.throws is not None:
            self.throws.throw(token)
        return True


class EndEvent(Node):
    """Ends its token: none, or throwing a signal or an escalation."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        activity_type: str = "noneEndEvent",
        throws: SignalThrow | EscalationThrow | None = None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type
        self.throws = throws

    def execute(self, token: Token) -> bool | None:
        if self.throws is not None:
            self.throws.throw(token)
        return True


class LinkThrow(Node):
    """Goes on at the link catch event of the same name, in the same scope."""

    activity_type = "intermediateLinkThrow"
    is_in_history = False

    def begin(self, token: Token) -> None:
        """Nothing: Camunda calls no listeners of it."""

    def call_end_listeners(self, token: Token) -> None:
        """Nothing, as in `begin`."""


class LinkCatch(Node):
    """Where a link throw event of the same name leads."""

    activity_type = "intermediateLinkCatch"
    is_in_history = False


class TerminateEndEvent(Node):
    """Ends its whole scope: the process instance, or the sub-process it stands in."""

    activity_type = "terminateEndEvent"

    def reach(self, token: Token) -> bool:
        """The token is the last one in its scope, already before a job that it may have to wait for."""
        if not token.is_due:
            token.workflow.leave_only(token)
        return super().reach(token)


class ErrorEndEvent(Node):
    """Throws a BPMN error out of its scope; not caught, it ends its token like a none end event."""

    activity_type = "errorEndEvent"

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        code: ExpressionSource,
        message: ExpressionSource | None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.code = code
        self.error_message = message

    def execute(self, token: Token) -> bool | None:
        code = self.code.text(token) or ""
        message = None if self.error_message is None else self.error_message.text(token)
        return None if throwing.throw_error(token, BpmnErrorThrown(code, message)) else True


class CompensationThrow(Node):
    """Undoes what has completed in its scope (or one activity of it), and goes on when that is done.

    As an end event (`is_end`) its token ends then; as a cancel end event it also cancels its transaction.
    """

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        *,
        is_end: bool,
        activity_ref: str | None = None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.is_end = is_end
        self.activity_ref = activity_ref
        self.activity_type = "compensationEndEvent" if is_end else "intermediateCompensationThrowEvent"

    def execute(self, token: Token) -> bool | None:
        return None if compensation.throw(token, self.activity_ref) else True

    def scope_done(self, token: Token) -> None:
        token.complete()


class CancelEndEvent(Node):
    """Undoes what the transaction has done, then leaves it by its cancel boundary event."""

    activity_type = "cancelEndEvent"

    def reach(self, token: Token) -> bool:
        """Whatever else went on in the transaction has stopped; only what has completed is undone."""
        if not token.is_due:
            token.workflow.leave_only(token)
        return super().reach(token)

    def execute(self, token: Token) -> bool | None:
        if not compensation.throw(token, None):
            self.scope_done(token)
        return None

    def scope_done(self, token: Token) -> None:
        transaction = token.scope
        boundary = transaction.task_spec.cancel_boundary
        if boundary is None:
            raise HostFailed(f"Could not find cancel boundary event for cancel end event {self.name!r}")
        # of several instances all are left
        token.workflow.replace(transaction if transaction.task_spec.body is None else transaction.scope, boundary)
