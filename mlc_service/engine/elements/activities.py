"""Tasks that the engine or a delegate carries out, and the receive task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import HostFailed
from ..values import expression_value
from ..variables import visible, visible_plain, write, write_all
from .node import Node, ProcessSpec
from .triggers import EventTrigger
from .values import ExpressionSource, Facts, Source

if TYPE_CHECKING:
    from ..tokens import Token, Wait


class PlainTask(Node):
    """An undefined or manual task: history notes it, nothing waits (Camunda manual)."""

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, activity_type: str) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type


class DelegateTask(Node):
    """A service-like task that a delegate carries out, outside the transaction: as a job.

    `fields` (`camunda:field`) are among the variables that the delegate sees.
    """

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        activity_type: str,
        implementation: str,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type
        self.implementation = implementation
        self.fields: Mapping[str, Source] = {}

    def execute(self, token: Token) -> None:
        self.ask_for_job(token.workflow.wait(token, "delegate", self), implementation=self.implementation)

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        token = wait.token
        token.workflow.end_wait(wait, "completed")
        write_all(token, variables)
        # in its turn: a delegate is part of what is running, as Camunda's are
        token.complete_in_turn()

    def delegate_inputs(self, token: Token) -> dict[str, Any]:
        """The variables that the delegate sees, plain."""
        seen = visible_plain(token)
        seen.update({name: source.value(token) for name, source in self.fields.items()})
        return seen


class ConnectorTask(DelegateTask):
    """A service-like task done by a connector: a delegate that sees its input parameters only.

    What it writes is seen by its output parameters, whose values become variables (Camunda manual, "Connectors").
    """

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        activity_type: str,
        connector: str,
        request: list[tuple[str, Source]],
        response: list[tuple[str, Source]],
    ) -> None:
        super().__init__(process, node_id, bpmn_name, activity_type, connector)
        self.request = request
        self.response = response

    def delegate_inputs(self, token: Token) -> dict[str, Any]:
        return {name: source.value(token) for name, source in self.request}

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        token = wait.token
        instance = token.workflow
        # the connector's own scope, for as long as its outputs are mapped
        scope = instance.enter(self, token)
        scope.data = dict(variables)
        values = [(name, source.value(scope)) for name, source in self.response]
        instance.forget(scope)
        for name, value in values:
            write(token, name, value)
        super().answer(wait, {})


class ExpressionTask(Node):
    """A service-like task whose work is one expression; the value may go into a variable."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        activity_type: str,
        expression: ExpressionSource,
        result_variable: str | None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type
        self.expression = expression
        self.result_variable = result_variable

    def execute(self, token: Token) -> bool:
        value = self.expression.value(token)
        if self.result_variable:
            write(token, self.result_variable, value)
        return True


class ScriptTask(Node):
    """Runs a script in the command; its last value may go into a variable."""

    activity_type = "scriptTask"

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        script: Source,
        result_variable: str | None,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.script = script
        self.result_variable = result_variable

    def execute(self, token: Token) -> bool:
        value = self.script.value(token)
        if self.result_variable:
            write(token, self.result_variable, value)
        return True


class DecisionTask(Node):
    """A business rule task that evaluates a deployed decision (`camunda:decisionRef`)."""

    activity_type = "businessRuleTask"

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        *,
        decision: ExpressionSource,
        binding: str,
        version: ExpressionSource | None,
        result_variable: str | None,
        map_result: str,
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.decision = decision
        self.binding = binding
        self.version = version
        self.result_variable = result_variable
        self.map_result = map_result

    def execute(self, token: Token) -> bool:
        key = self.decision.text(token) or ""
        version = self.version.text(token) if self.version else None
        # a decision compares dates as dates
        variables = {name: expression_value(value) for name, value in visible(token).items()}
        rows = token.workflow.host.decide(key, self.binding, version, variables, Facts(token))
        if self.result_variable:
            write(token, self.result_variable, _mapped(rows, self.map_result, key))
        return True


def _mapped(rows: list[dict[str, Any]], how: str, key: str) -> Any:
    """The rows as `camunda:mapDecisionResult` wants them (Camunda manual, business rule task)."""
    if how == "resultList":
        return rows
    if how == "collectEntries":
        if any(len(row) > 1 for row in rows):
            raise HostFailed(f"decision {key!r}: collectEntries needs rows of one output")
        return [next(iter(row.values())) for row in rows if row]
    if len(rows) > 1:
        raise HostFailed(f"decision {key!r} gave {len(rows)} rows where {how} takes one")
    row = rows[0] if rows else None
    if how == "singleResult":
        return row
    if row is not None and len(row) > 1:
        raise HostFailed(f"decision {key!r}: singleEntry needs one output, the row has {len(row)}")
    return next(iter(row.values())) if row else None


class ReceiveTask(Node):
    """Waits for a message; without one, for somebody who triggers its execution."""

    activity_type = "receiveTask"

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None, trigger: EventTrigger | None) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.trigger = trigger

    def execute(self, token: Token) -> None:
        if self.trigger is not None:
            self.trigger.subscribe(token, self)
        else:
            token.workflow.wait(token, "trigger", self)
