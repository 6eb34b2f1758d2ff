"""Exclusive, parallel, inclusive and event-based gateways."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from .events import CatchEvent
from .node import Flow, Node
from .triggers import ConditionTrigger

if TYPE_CHECKING:
    from ..instance import Instance
    from ..tokens import Token


class ExclusiveGateway(Node):
    """Takes the first flow, in the order of the file, whose condition holds; else the default flow."""

    activity_type = "exclusiveGateway"

    def chosen_flows(self, token: Token) -> list[Flow]:
        default = None
        for flow in self.flows:
            if flow.id == self.default_flow:
                default = flow
            elif flow.condition is None or flow.condition.holds(token):
                return [flow]
        if default is not None:
            return [default]
        if not self.flows:
            return []
        raise self.stuck()


class ParallelGateway(Node):
    """Waits for as many tokens as it has incoming flows, then takes every outgoing flow."""

    activity_type = "parallelGateway"

    def execute(self, token: Token) -> bool | None:
        if self.incoming_count <= 1:
            return True
        arrived = arrivals(self, token)
        if len(arrived) + 1 < self.incoming_count:
            arrived.append(token.id)
            return None
        join(self, token, arrived)
        return True

    def canceled(self, token: Token) -> None:
        withdraw(self, token)

    def chosen_flows(self, token: Token) -> list[Flow]:  # noqa: ARG002
        return self.flows


class InclusiveGateway(Node):
    """Takes every flow whose condition holds; as a join it waits until no other token can reach it any more.

    A token can reach the gateway if a path of flows leads from it there, out of the sub-process that it is in if need
    be (Camunda manual, "Inclusive Gateway"; BPMN 2.0 §13.4.3).
    """

    activity_type = "inclusiveGateway"
    is_inclusive = True

    def execute(self, token: Token) -> bool | None:
        if self.incoming_count <= 1:
            return True
        arrived = arrivals(self, token)
        if len(arrived) + 1 < self.incoming_count and self._is_awaited(token):
            arrived.append(token.id)
            token.workflow.open_joins.add((token.scope.id, str(self.name)))
            return None
        join(self, token, arrived)
        return True

    def chosen_flows(self, token: Token) -> list[Flow]:
        if not self.flows:
            raise self.stuck()
        return super().chosen_flows(token)

    def canceled(self, token: Token) -> None:
        withdraw(self, token)

    def look_again(self, scope: Token) -> None:
        """A token of the scope has moved on or ended: the join fires if it was the last that could come.

        No token moves by itself at this moment. One that waits at a join cannot come either: whoever could take it on
        is looked at itself. Else two joins would wait for each other, as they may in Camunda where the way from one to
        the other leads back by a loop.
        """
        joins: dict[str, list[int]] = scope.internal_data["joins"]
        arrived = joins[str(self.name)]
        last = scope.workflow.tasks[arrived[-1]]
        if self._is_awaited(last, {number for numbers in joins.values() for number in numbers}):
            return
        arrived.pop()
        join(self, last, arrived)
        last.finish()

    def _is_awaited(self, token: Token, at_joins: Container[int] = ()) -> bool:
        """Whether another token of the scope can still come here; those `at_joins` cannot."""
        # those that have not come yet are older than those that wait here, so one is mostly found at once
        for other in token.scope.each_child():
            if other.id in at_joins:
                continue
            if other.heading is self:
                if other is not token and other.is_arriving:
                    return True
            elif other.heading.name in self.process.leading_to(self):
                return True
        return False


class EventBasedGateway(Node):
    """Waits for all events behind it; the first that happens decides where the token goes."""

    activity_type = "eventBasedGateway"

    def execute(self, token: Token) -> bool | None:
        for flow in self.flows:
            event = flow.target
            assert isinstance(event, CatchEvent)
            if isinstance(event.trigger, ConditionTrigger) and event.trigger.is_met(token):
                token.workflow.end_waits(token)
                token.internal_data["chosen"] = event.name
                return True
            event.trigger.subscribe(token, event)
        return None

    def _on_complete_hook(self, token: Token) -> None:
        instance = token.workflow
        self.conclude(token)
        instance.end_waits(token)
        # history has it as canceled, as Camunda's has: its work was to be left
        instance.end_activity(token, canceled=True)

    def chosen_flows(self, token: Token) -> list[Flow]:  # noqa: ARG002
        # the flow to the event is not taken, and its listeners are not called
        return []

    def take(self, token: Token, flows: Sequence[Flow]) -> None:  # noqa: ARG002
        instance, scope = token.workflow, token.scope
        chosen = token.internal_data["chosen"]
        event = instance.enter(instance.nodes[chosen], scope)
        event.internal_data["fired"] = True
        instance.leave(token)
        instance.arrive([event])


def arrivals(gateway: Node, token: Token) -> list[int]:
    """Numbers of the tokens that wait at the join already.

    Kept as a list in the scope: counting the waiting tokens anew at each arrival is quadratic.
    """
    joins: dict[str, list[int]] = token.scope.internal_data.setdefault("joins", {})
    return joins.setdefault(str(gateway.name), [])


def withdraw(gateway: Node, token: Token) -> None:
    """The token does not wait at the join any more."""
    joins: dict[str, list[int]] = token.scope.internal_data.get("joins", {})
    arrived = joins.get(str(gateway.name), [])
    if token.id in arrived:
        arrived.remove(token.id)
        if not arrived:
            forget_join(gateway, token.scope)


def forget_join(gateway: Node, scope: Token) -> None:
    """Nobody waits at the join in that scope."""
    scope.workflow.open_joins.discard((scope.id, str(gateway.name)))
    joins = scope.internal_data["joins"]
    del joins[gateway.name]
    if not joins:
        del scope.internal_data["joins"]


def join(gateway: Node, token: Token, arrived: list[int]) -> None:
    """The tokens that waited are gone, and this one goes on for all of them."""
    instance: Instance = token.workflow
    for number in arrived:
        other = instance.tasks[number]
        gateway.call_end_listeners(other)
        instance.end_activity(other, canceled=False)
        # the one that goes on is still in the scope, so the scope cannot look done
        instance.leave(other)
    forget_join(gateway, token.scope)
