"""Exclusive and parallel gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...language.errors import ExpressionError
from .node import Flow, Node

if TYPE_CHECKING:
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
        raise ExpressionError(
            f"No outgoing sequence flow of the exclusive gateway '{self.name}' could be selected "
            "for continuing the process",
            "",
        )


class ParallelGateway(Node):
    """Waits for as many tokens as it has incoming flows, then takes every outgoing flow."""

    activity_type = "parallelGateway"

    def execute(self, token: Token) -> bool | None:
        if self.incoming_count <= 1:
            return True
        # kept as a list in the scope: counting the waiting tokens anew at each arrival is quadratic
        joins: dict[str, list[int]] = token.scope.internal_data.setdefault("joins", {})
        arrived = joins.setdefault(self.name, [])
        if len(arrived) + 1 < self.incoming_count:
            arrived.append(token.id)
            return None
        instance = token.workflow
        for number in arrived:
            other = instance.tasks[number]
            instance.end_activity(other, canceled=False)
            # the last arrival is still in the scope, so the scope cannot look done
            instance.leave(other)
        del joins[self.name]
        if not joins:
            del token.scope.internal_data["joins"]
        return True

    def chosen_flows(self, token: Token) -> list[Flow]:  # noqa: ARG002
        return self.flows
