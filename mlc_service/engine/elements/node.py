"""What every flow node does: wait before, start, map variables, arm its boundary events, end, go on.

Spiff's life cycle of a task calls these hooks: `_update` when a token arrives, `_run` from the ready stack,
`_on_complete` when it is done. Each element kind adds `execute` and, if it waits, `answer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec
from SpiffWorkflow.util.task import TaskState

from ...language.errors import ExpressionError
from .. import effects as fx
from ..variables import write, write_all, write_local
from .values import Condition, ExpressionSource, Source

if TYPE_CHECKING:
    from ..tokens import Token, Wait
    from .boundary import BoundaryEvent, ErrorBoundaryEvent

ROOT_ID = "#process"


class Flow:
    """A sequence flow. An object of its own, since two may join the same pair of nodes with different conditions."""

    __slots__ = ("condition", "id", "take_listeners", "target")

    def __init__(
        self, flow_id: str, target: Node, condition: Condition | None, take_listeners: Sequence[Source] = ()
    ) -> None:
        self.id = flow_id
        self.target = target
        self.condition = condition
        self.take_listeners = take_listeners


class ProcessSpec(BpmnProcessSpec):
    """All nodes of one process, those in sub-processes included: ids are unique in a file."""

    def __init__(self, name: str, description: str | None = None, filename: str | None = None) -> None:
        # BpmnProcessSpec.__init__ is left out: it adds nodes named Start and End, which a diagram may use as ids
        WorkflowSpec.__init__(self, name=name, filename=filename)
        self.description = description
        self.data_objects: dict[str, Any] = {}
        self.bpmn_start_events: list[Any] = []
        self.start = ProcessRoot(self)


class Node(BpmnSpecMixin):
    """A flow node. Read-only once parsed: definitions are shared by all instances and threads."""

    activity_type = "task"

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None = None) -> None:
        super().__init__(process, node_id, bpmn_name=bpmn_name)
        self.process = process
        # the id of the embedded sub-process this node stands in, or None
        self.parent_id: str | None = None
        self.incoming_count = 0
        self.flows: list[Flow] = []
        self.default_flow: str | None = None
        self.async_before = False
        self.async_after = False
        self.exclusive = True
        self.priority: ExpressionSource | None = None
        self.retry_cycle: str | None = None
        self.input_parameters: list[tuple[str, Source]] = []
        self.output_parameters: list[tuple[str, Source]] = []
        self.start_listeners: Sequence[Source] = ()
        self.end_listeners: Sequence[Source] = ()
        self.boundary_events: list[BoundaryEvent] = []
        self.initiator: str | None = None

    # -- Spiff's life cycle -----------------------------------------------------------------------------------------

    def _update(self, token: Token) -> None:
        if self._update_hook(token):
            token._ready()

    def _update_hook(self, token: Token) -> bool:
        if not self.async_before:
            return True
        self.continue_later(token, "before")
        return False

    def _on_ready(self, token: Token) -> None:
        """Nothing: stock checks the whole graph for every token here."""

    def _run(self, token: Token) -> bool | None:
        return self._run_hook(token)

    def _run_hook(self, token: Token) -> bool | None:
        token.workflow.start_activity(token)
        for name, source in self.input_parameters:
            write_local(token, name, source.value(token))
        for listener in self.start_listeners:
            listener.value(token)
        for boundary in self.boundary_events:
            boundary.arm(token)
        return self.execute(token)

    def _on_complete(self, token: Token) -> None:
        self._on_complete_hook(token)
        if self.async_after:
            self.continue_later(token, "after")
        else:
            self.take_outgoing(token)

    def _on_complete_hook(self, token: Token) -> None:
        for listener in self.end_listeners:
            listener.value(token)
        for name, source in self.output_parameters:
            write(token.scope, name, source.value(token))
        instance = token.workflow
        if token.waits:
            instance.end_waits(token)
        instance.end_activity(token, canceled=False)

    # -- what element kinds add -------------------------------------------------------------------------------------

    def execute(self, token: Token) -> bool | None:  # noqa: ARG002
        """The element's own work: True when it is done, None when it waits."""
        return True

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        """What the token waited for has come: the variables are written from its scope and it is complete."""
        token = wait.token
        token.workflow.end_wait(wait, "completed")
        write_all(token, variables)
        token.complete()

    def scope_done(self, token: Token) -> None:  # noqa: ARG002
        """The last token inside this scope has left."""
        raise AssertionError(f"{self.name} is no scope")

    # -- going on ---------------------------------------------------------------------------------------------------

    def continue_later(self, token: Token, where: str) -> None:
        """The token waits for a job that takes it on, before or after the activity."""
        wait = token.workflow.wait(token, "async", self, where)
        token._set_state(TaskState.WAITING)
        self.ask_for_job(wait)

    def ask_for_job(self, wait: Wait, *, due: datetime | None = None, implementation: str | None = None) -> None:
        """The outside world is asked for the job that the wait stands for."""
        token = wait.token
        token.workflow.effects.append(
            fx.JobCreated(
                wait.number,
                wait.kind,
                token.id,
                self.name,
                due=due,
                implementation=implementation,
                priority=self.job_priority(token),
                exclusive=self.exclusive,
                retry_cycle=self.retry_cycle,
            )
        )

    def go_on(self, wait: Wait) -> None:
        """The job of `continue_later` has come."""
        token = wait.token
        token.workflow.end_wait(wait)
        if wait.detail == "before":
            token._ready()
        else:
            self.take_outgoing(token)

    def take_outgoing(self, token: Token) -> None:
        """The token's successors stand at the targets of the chosen flows; the token is gone."""
        instance = token.workflow
        scope = token.scope
        flows = self.chosen_flows(token)
        for flow in flows:
            for listener in flow.take_listeners:
                listener.value(token)
        successors = [instance.enter(flow.target, scope) for flow in flows]
        instance.leave(token)
        if successors:
            instance.arrive(successors)

    def chosen_flows(self, token: Token) -> list[Flow]:
        """Every flow whose condition holds; the default flow if there is none (BPMN 2.0 §13.3.1)."""
        flows = self.flows
        if len(flows) == 1 and flows[0].condition is None:
            return flows
        chosen = [
            flow
            for flow in flows
            if flow.id != self.default_flow and (flow.condition is None or flow.condition.holds(token))
        ]
        if chosen or not flows:
            return chosen
        if self.default_flow is not None:
            return [flow for flow in flows if flow.id == self.default_flow]
        raise ExpressionError(f"No outgoing sequence flow of {self.name!r} could be selected for continuing", "")

    def job_priority(self, token: Token) -> int:
        if self.priority is None:
            return 0
        value = self.priority.value(token)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ExpressionError(f"job priority {value!r} is not a number", self.priority.expression.text) from None

    # -- errors -----------------------------------------------------------------------------------------------------

    def error_boundary(self, code: str) -> ErrorBoundaryEvent | None:
        """The boundary event of this node that catches the error code, the most special first."""
        catch_all = None
        for boundary in self.boundary_events:
            catches = boundary.catches_error(code)
            if catches == "code":
                return boundary.as_error()
            if catches == "any":
                catch_all = boundary.as_error()
        return catch_all

    def fail(self, token: Token, code: str, message: str | None, variables: Mapping[str, Any]) -> bool:
        """The error is caught, or (False) the token has ended as at a none end event: Camunda's rule for both."""
        instance = token.workflow
        if instance.throw_error(token, code, message, variables):
            return True
        instance.end_waits(token)
        instance.end_activity(token, canceled=True)
        instance.leave(token)
        return False


class ProcessRoot(Node):
    """Stands for the process itself: its token is the process instance. Its id is none that a diagram can have."""

    activity_type = "processDefinition"

    def __init__(self, process: ProcessSpec) -> None:
        super().__init__(process, ROOT_ID)

    def scope_done(self, token: Token) -> None:
        token.workflow.end("COMPLETED", token.internal_data.get("last"))
