"""What events wait for: a signal, a message, a point in time, a condition."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from ...language import timers
from .. import effects as fx
from .values import Condition, ExpressionSource

if TYPE_CHECKING:
    from ..tokens import Token, Wait
    from .node import Node

TimerKind = Literal["date", "duration", "cycle"]


class EventTrigger:
    """Waits for a signal or a message; the name may hold expressions."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: str, name: ExpressionSource) -> None:
        self.kind = kind
        self.name = name

    def subscribe(self, token: Token, node: Node) -> bool:
        """The token waits for the event on behalf of `node`; False: the event is yet to come."""
        event_name = self.name.text(token) or ""
        instance = token.workflow
        wait = instance.wait(token, self.kind, node, event_name)
        instance.effects.append(fx.Subscribed(wait.number, self.kind, event_name, token.id, node.name))
        return False

    def renew(self, wait: Wait) -> None:
        """The wait is for the name that this event has now."""
        event_name = self.name.text(wait.token) or ""
        if event_name != wait.detail:
            wait.detail = event_name
            wait.token.workflow.effects.append(fx.Resubscribed(wait.number, event_name))

    def awaited_name(self, wait: Wait) -> str:
        """The name that was worked out when the wait began (the first states did not keep it)."""
        return wait.detail if wait.detail is not None else self.name.text(wait.token) or ""


class TimerTrigger:
    """Waits for a point in time."""

    __slots__ = ("cycle_kind", "source")

    kind = "timer"

    def __init__(self, cycle_kind: TimerKind, source: ExpressionSource) -> None:
        self.cycle_kind = cycle_kind
        self.source = source

    def subscribe(self, token: Token, node: Node) -> bool:
        """The timer is armed on behalf of `node`; False: it has not fired yet."""
        self._arm(token, node, *self._first(token))
        return False

    def renew(self, wait: Wait) -> None:
        """The wait is for the point in time that this timer has now, counted from now."""
        text, due, remaining = self._first(wait.token)
        wait.detail = [text, due.isoformat(), remaining, *wait.detail[3:]]
        wait.token.workflow.effects.append(fx.JobChanged(wait.number, {"due": due}))

    def _first(self, token: Token) -> tuple[str, datetime, int | None]:
        value = self.source.value(token)
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        instance = token.workflow
        return text, *timers.first_due(self.cycle_kind, text, instance.now, zone=instance.host.zone)

    def rearm(self, token: Token, node: Node, detail: Any) -> None:
        """The next firing of a repeating timer is armed, if one is left."""
        text, due_text, remaining = detail
        if self.cycle_kind != "cycle" or remaining == 0:
            return
        instance, before = token.workflow, datetime.fromisoformat(due_text)
        following = timers.next_due(text, before, remaining, instance.now, zone=instance.host.zone)
        if following is not None:
            self._arm(token, node, text, *following)

    def _arm(self, token: Token, node: Node, text: str, due: datetime, remaining: int | None) -> None:
        wait = token.workflow.wait(token, "timer", node, [text, due.isoformat(), remaining])
        node.ask_for_job(wait, due=due)


class ConditionTrigger:
    """Waits for a condition; looked at when a variable that it can see changes.

    `variable_name` and `variable_events` (create, update, delete) narrow the changes that count (Camunda manual,
    "Conditional Events").
    """

    __slots__ = ("condition", "variable_events", "variable_name")

    kind = "conditional"

    def __init__(self, condition: Condition, variable_name: str | None, variable_events: Container[str]) -> None:
        self.condition = condition
        self.variable_name = variable_name
        self.variable_events = variable_events

    def subscribe(self, token: Token, node: Node) -> None:
        """The token waits for the condition on behalf of `node`; whether it holds already is not looked at here."""
        instance = token.workflow
        wait = instance.wait(token, "conditional", node)
        instance.effects.append(fx.Subscribed(wait.number, "conditional", None, token.id, node.name))

    def renew(self, wait: Wait) -> None:
        """Nothing is kept of a condition: it is looked at as it stands when a variable changes."""

    def is_met(self, token: Token) -> bool:
        """Whether the condition holds now; a variable that is not there yet is no failure."""
        return self.condition.can_hold(token)

    def concerns(self, name: str, event: str) -> bool:
        """Whether this change of a variable is one that counts."""
        return (self.variable_name is None or self.variable_name == name) and (
            not self.variable_events or event in self.variable_events
        )


Trigger = EventTrigger | TimerTrigger | ConditionTrigger
