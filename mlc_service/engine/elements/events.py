"""Start, intermediate and end events, and the triggers that events wait for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from ...language import timers
from .. import effects as fx
from ..values import as_variable
from ..variables import visible
from .node import Node, ProcessSpec
from .values import ExpressionSource, Source

if TYPE_CHECKING:
    from ..tokens import Token

TimerKind = Literal["date", "duration", "cycle"]


class EventTrigger:
    """Waits for a signal or a message; the name may hold expressions."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: str, name: ExpressionSource) -> None:
        self.kind = kind
        self.name = name

    def subscribe(self, token: Token, node: Node) -> None:
        """The token waits for the event on behalf of `node`."""
        event_name = self.name.text(token) or ""
        instance = token.workflow
        wait = instance.wait(token, self.kind, node)
        instance.effects.append(fx.Subscribed(wait.number, self.kind, event_name, token.id, node.name))


class TimerTrigger:
    """Waits for a point in time."""

    __slots__ = ("cycle_kind", "source")

    kind = "timer"

    def __init__(self, cycle_kind: TimerKind, source: ExpressionSource) -> None:
        self.cycle_kind = cycle_kind
        self.source = source

    def subscribe(self, token: Token, node: Node) -> None:
        value = self.source.value(token)
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        due, remaining = timers.first_due(self.cycle_kind, text, token.workflow.now)
        self._arm(token, node, text, due, remaining)

    def rearm(self, token: Token, node: Node, detail: Any) -> None:
        """The next firing of a repeating timer is armed, if one is left."""
        text, due_text, remaining = detail
        if self.cycle_kind != "cycle" or remaining == 0:
            return
        following = timers.next_due(text, datetime.fromisoformat(due_text), remaining, token.workflow.now)
        if following is not None:
            self._arm(token, node, text, *following)

    def _arm(self, token: Token, node: Node, text: str, due: datetime, remaining: int | None) -> None:
        wait = token.workflow.wait(token, "timer", node, [text, due.isoformat(), remaining])
        node.ask_for_job(wait, due=due)


_START_TYPES = {
    "none": "startEvent",
    "signal": "signalStartEvent",
    "message": "messageStartEvent",
    "timer": "startTimerEvent",
}
_CATCH_TYPES = {
    "signal": "intermediateSignalCatch",
    "message": "intermediateMessageCatch",
    "timer": "intermediateTimer",
}


class StartEvent(Node):
    """Where an instance or an embedded sub-process begins; what triggers it is settled before."""

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, kind: str) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.kind = kind
        self.activity_type = _START_TYPES[kind]


class CatchEvent(Node):
    """An intermediate event that waits for its trigger."""

    def __init__(
        self, process: ProcessSpec, node_id: str, bpmn_name: str | None, trigger: EventTrigger | TimerTrigger
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.trigger = trigger
        self.activity_type = _CATCH_TYPES[trigger.kind]

    def execute(self, token: Token) -> None:
        self.trigger.subscribe(token, self)


class SignalPayload:
    """What a thrown signal carries: `camunda:in` of its event definition."""

    __slots__ = ("all_variables", "mappings")

    def __init__(self, mappings: Mapping[str, Source], *, all_variables: bool) -> None:
        self.mappings = mappings
        self.all_variables = all_variables

    def of(self, token: Token) -> dict[str, Any]:
        payload = visible(token) if self.all_variables else {}
        payload.update({target: as_variable(source.value(token)) for target, source in self.mappings.items()})
        return payload


class SignalThrow:
    """Sends a signal to everybody who waits for it."""

    __slots__ = ("name", "payload")

    def __init__(self, name: ExpressionSource, payload: SignalPayload) -> None:
        self.name = name
        self.payload = payload

    def throw(self, token: Token) -> None:
        event_name = self.name.text(token) or ""
        token.workflow.effects.append(fx.SignalThrown(event_name, self.payload.of(token)))


class ThrowEvent(Node):
    """An intermediate throw event: none (a mark in the history) or signal."""

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, signal: SignalThrow | None) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.signal = signal
        self.activity_type = "intermediateSignalThrow" if signal else "intermediateNoneThrowEvent"

    def execute(self, token: Token) -> bool:
        if self.signal is not None:
            self.signal.throw(token)
        return True


class EndEvent(Node):
    """Ends its token: none or signal."""

    def __init__(
        self, process: ProcessSpec, node_id: str, bpmn_name: str | None, signal: SignalThrow | None = None
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.signal = signal
        self.activity_type = "signalEndEvent" if signal else "noneEndEvent"

    def execute(self, token: Token) -> bool:
        if self.signal is not None:
            self.signal.throw(token)
        remember_end(token)
        return True


class TerminateEndEvent(Node):
    """Ends its whole scope: the process instance, or the embedded sub-process it stands in."""

    activity_type = "terminateEndEvent"

    def execute(self, token: Token) -> None:
        instance = token.workflow
        scope = token.scope
        remember_end(token)
        instance.end_activity(token, canceled=False)
        for sibling in scope.children:
            if sibling is not token:
                instance.cancel_token(sibling)
        scope.internal_data.pop("joins", None)
        instance.leave(token)


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
        instance = token.workflow
        code = self.code.text(token) or ""
        message = None if self.error_message is None else self.error_message.text(token)
        instance.end_activity(token, canceled=False)
        if instance.throw_error(token.scope, code, message, {}):
            return None
        remember_end(token)
        return True


def remember_end(token: Token) -> None:
    """History names the end event that an instance came to last."""
    if token.scope.parent is None:
        token.scope.internal_data["last"] = token.task_spec.name


__all__ = [
    "CatchEvent",
    "EndEvent",
    "ErrorEndEvent",
    "EventTrigger",
    "SignalPayload",
    "SignalThrow",
    "StartEvent",
    "TerminateEndEvent",
    "ThrowEvent",
    "TimerTrigger",
]
