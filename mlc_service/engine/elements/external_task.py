"""The external task: work that a worker outside fetches by its topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...language.errors import ExpressionError
from .. import effects as fx
from ..errors import BpmnErrorThrown
from ..variables import Names, write_all, write_local
from .node import Node, ProcessSpec, priority_of
from .values import ExpressionSource

if TYPE_CHECKING:
    from ..tokens import Token, Wait


@dataclass(frozen=True, slots=True)
class ErrorMapping:
    """`camunda:errorEventDefinition`: what a worker reports is a BPMN error if the expression holds."""

    code: str
    expression: ExpressionSource


class ExternalTaskNode(Node):
    """A service-like activity whose work is done outside."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        activity_type: str,
        *,
        topic: ExpressionSource,
        task_priority: ExpressionSource | None,
        error_mappings: Sequence[ErrorMapping],
    ) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.activity_type = activity_type
        self.topic = topic
        self.task_priority = task_priority
        self.error_mappings = error_mappings

    def execute(self, token: Token) -> None:
        instance = token.workflow
        topic = self.topic.text(token) or ""
        priority = priority_of(self.task_priority or self.process.task_priority, token, "task priority")
        wait = instance.wait(token, "external", self, topic)
        instance.effects.append(fx.ExternalTaskCreated(wait.number, token.id, str(self.name), topic, priority))

    def completed(
        self,
        wait: Wait,
        facts: Mapping[str, Any],
        variables: Mapping[str, Any],
        local_variables: Mapping[str, Any],
    ) -> None:
        """The worker has done the work; or what it reports is a BPMN error of the diagram."""
        if not self.reported(wait, facts, variables, local_variables, must_evaluate=True):
            self.answer(wait, {})

    def reported(
        self,
        wait: Wait,
        facts: Mapping[str, Any],
        variables: Mapping[str, Any],
        local_variables: Mapping[str, Any],
        *,
        must_evaluate: bool = False,
    ) -> bool:
        """The worker's variables are written; True if what it reports was a BPMN error, which has been thrown.

        Unless they `must_evaluate`, expressions that cannot be evaluated do not hold, as in Camunda.
        """
        token = wait.token
        for name, value in local_variables.items():
            write_local(token, name, value)
        write_all(token, variables)
        for mapping in self.error_mappings:
            if self._holds(mapping, token, facts, must_evaluate):
                # not the message that the diagram has for the error, but what the worker said last (Camunda)
                token.workflow.fail(token, BpmnErrorThrown(mapping.code, facts.get("errorMessage")))
                return True
        return False

    def _holds(self, mapping: ErrorMapping, token: Token, facts: Mapping[str, Any], must_evaluate: bool) -> bool:
        try:
            value = mapping.expression.expression.evaluate(Names(token, objects={"externalTask": dict(facts)}))
        except ExpressionError:
            if must_evaluate:
                raise
            return False
        return value is True
