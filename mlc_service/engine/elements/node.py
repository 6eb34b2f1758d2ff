"""What every flow node does: wait before, start, map variables, arm its boundary events, end, go on.

Spiff's life cycle of a task calls these hooks: `_update` when a token arrives, `_run` from the ready stack,
`_on_complete` when it is done. Each element kind adds `execute` and, if it waits, `answer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec
from SpiffWorkflow.util.task import TaskState

from ...language.errors import ExpressionError
from .. import compensation
from .. import effects as fx
from ..errors import FAILURES, BpmnErrorThrown, HostFailed
from ..variables import write, write_all, write_local
from .values import Condition, ExpressionSource, Source

if TYPE_CHECKING:
    from ..forms import FormField
    from ..tokens import Token, Wait
    from .boundary import BoundaryEvent
    from .catching import Catcher
    from .multi_instance import MultiInstance
    from .sub_process import EventSubProcess
    from .triggers import EventTrigger

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

    def take(self, token: Token) -> None:
        """The listeners of the flow have been called. A BPMN error of theirs is not one of the activity before."""
        try:
            for listener in self.take_listeners:
                listener.value(token)
        except BpmnErrorThrown as thrown:
            thrown.is_outside = True
            raise


@dataclass(frozen=True, slots=True)
class FormRef:
    """A Camunda Form by its id (`camunda:formRef`); `binding` is latest, deployment or version."""

    key: ExpressionSource
    binding: str
    version: ExpressionSource | None


class ProcessSpec(BpmnProcessSpec):
    """All nodes of one process, those in sub-processes included: ids are unique in a file."""

    def __init__(self, name: str, description: str | None = None, filename: str | None = None) -> None:
        # BpmnProcessSpec.__init__ is left out: it adds nodes named Start and End, which a diagram may use as ids
        WorkflowSpec.__init__(self, name=name, filename=filename)
        self.description = description
        self.priority: ExpressionSource | None = None
        self.task_priority: ExpressionSource | None = None
        self._leading_to: dict[str, frozenset[str]] = {}
        self.data_objects: dict[str, Any] = {}
        self.bpmn_start_events: list[Any] = []
        self.start = ProcessRoot(self)

    def leading_to(self, node: Node) -> frozenset[str]:
        """Ids of all nodes from which a path of sequence flows leads to this one; worked out once."""
        known = self._leading_to.get(str(node.name))
        if known is not None:
            return known
        sources: dict[str, list[str]] = {}
        for one in self.task_specs.values():
            for flow in one.flows:
                sources.setdefault(str(flow.target.name), []).append(str(one.name))
        found: set[str] = set()
        open_ends = [str(node.name)]
        while open_ends:
            for source in sources.get(open_ends.pop(), ()):
                if source not in found:
                    found.add(source)
                    open_ends.append(source)
        self._leading_to[str(node.name)] = frozenset(found)
        return self._leading_to[str(node.name)]


class Node(BpmnSpecMixin):
    """A flow node. Read-only once parsed: definitions are shared by all instances and threads."""

    activity_type = "task"
    # Camunda keeps no history of link events
    is_in_history = True
    # a join that has to look again when other tokens have moved
    is_inclusive = False

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None = None) -> None:
        super().__init__(process, node_id, bpmn_name=bpmn_name)
        self.process = process
        # the id of the sub-process or multi-instance body this node stands in, or None
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
        # errors and escalations that are caught here, those that come first in the order in which they are asked
        self.catchers: list[Catcher] = []
        # the multi-instance body that runs this node several times
        self.body: MultiInstance | None = None
        self.is_for_compensation = False
        self.compensation_handler: Node | None = None
        self.initiator: str | None = None
        self.properties: dict[str, str] = {}
        self.form_key: ExpressionSource | None = None
        self.form_ref: FormRef | None = None
        self.form_fields: tuple[FormField, ...] = ()

    @property
    def entry(self) -> Node:
        """Where a sequence flow to this node leads, and whose flows leave it: the multi-instance body if it has one."""
        return self if self.body is None else self.body

    @property
    def is_scope(self) -> bool:
        """Whether tokens can live inside: a process, a sub-process, a multi-instance body."""
        return False

    @property
    def is_event_sub_process(self) -> bool:
        return False

    @property
    def is_compensation(self) -> bool:
        """Whether this is an event sub-process that compensates the scope around it."""
        return False

    @property
    def undoes_itself(self) -> bool:
        """Whether a compensation event sub-process inside says how this scope is undone."""
        return False

    @property
    def is_plain_task(self) -> bool:
        """Whether this is a user task without events and variables of its own."""
        return False

    @property
    def undone_by(self) -> str:
        """The id that Camunda shows for the compensation of this finished scope."""
        return str(self.name)

    # -- Spiff's life cycle -----------------------------------------------------------------------------------------

    def _update(self, token: Token) -> None:
        token._ready()

    def _on_ready(self, token: Token) -> None:
        """Nothing: stock checks the whole graph for every token here."""

    def _run(self, token: Token) -> bool | None:
        return self._run_hook(token)

    def _run_hook(self, token: Token) -> bool | None:
        instance = token.workflow
        self.begin(token)
        # a listener may have changed what a condition waits for
        instance.look_at_conditions(but=token)
        if token.is_gone or not instance.look_at_new_conditions(token):
            return None
        return self.execute(token)

    def reach(self, token: Token) -> bool:
        """The token has come here; False if a job is to take it on."""
        if token.is_due or not self.async_before:
            return True
        self.continue_later(token, "before")
        return False

    def begin(self, token: Token) -> None:
        """The activity has begun: inputs, what is waited for beside it, start listeners (Camunda's order)."""
        instance = token.workflow
        instance.start_activity(token)
        if self.input_parameters and not instance.skips_mappings:
            # none of them sees another
            values = [(name, _parameter(source, token)) for name, source in self.input_parameters]
            for name, value in values:
                write_local(token, name, value)
        self.arm_events(token)
        if self.start_listeners and not instance.skips_listeners:
            for listener in self.start_listeners:
                listener.value(token)

    def arm_events(self, token: Token) -> None:
        """What can happen to the activity while it is active is waited for."""
        for boundary in self.boundary_events:
            boundary.wait_at(token)

    def _on_complete(self, token: Token) -> None:
        # before end listeners and outputs, which come too late to have a say in it
        flows = [] if self.body is not None else self.chosen_flows(token)
        if flows and self.end_listeners:
            self.call_end_listeners(token)
            token.workflow.look_at_conditions(but=token)
            if token.is_gone:
                return
        self._on_complete_hook(token)
        if self.async_after:
            self.continue_after(token, flows)
        else:
            self.take(token, flows)

    def _on_complete_hook(self, token: Token) -> None:
        instance = token.workflow
        self.conclude(token)
        if token.waits:
            instance.end_waits(token)
        if self.compensation_handler is not None or self.undoes_itself or compensation.has_records(token):
            compensation.keep(token)
        instance.end_activity(token, canceled=False)

    def conclude(self, token: Token, *, is_canceled: bool = False) -> None:
        """The activity's end listeners have been called and its outputs are mapped.

        Also for a cancelled one, as in Camunda; but what it has not come to produce is left out there, where Camunda
        fails.
        """
        instance = token.workflow
        self.call_end_listeners(token)
        if self.output_parameters and not instance.skips_mappings:
            for name, source in self.output_parameters:
                try:
                    value = _parameter(source, token)
                except FAILURES:
                    if is_canceled:
                        continue
                    raise
                write(token.scope, name, value)

    def call_end_listeners(self, token: Token) -> None:
        """The activity's end listeners have been called, once."""
        if token.is_leaving:
            return
        token.is_leaving = True
        if self.end_listeners and not token.workflow.skips_listeners:
            for listener in self.end_listeners:
                listener.value(token)

    # -- what element kinds add -------------------------------------------------------------------------------------

    def execute(self, token: Token) -> bool | None:  # noqa: ARG002
        """The element's own work: True when it is done, None when it waits."""
        return True

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        """What the token waited for has come: the variables are written from its scope and it is complete."""
        token = wait.token
        token.workflow.end_wait(wait, "completed")
        write_all(token, variables)
        token.finish()

    def signal_name(self, wait: Wait) -> str:
        """The name of the signal that is waited for."""
        trigger: EventTrigger = self.trigger
        return trigger.awaited_name(wait)

    def canceled(self, token: Token) -> None:
        """The activity has been cancelled."""

    def scope_done(self, token: Token) -> None:  # noqa: ARG002
        """The last token inside this scope has left."""
        raise AssertionError(f"{self.name} is no scope")

    # -- going on ---------------------------------------------------------------------------------------------------

    def continue_after(self, token: Token, flows: Sequence[Flow]) -> None:
        """A token waits at each of the chosen flows for a job that takes it on."""
        if not flows:
            self.continue_later(token, "after")
        for position, flow in enumerate(flows):
            waiting = token.workflow.enter(self, token.scope) if position else token
            self.continue_later(waiting, ["after", flow.id])

    def continue_later(self, token: Token, where: str | list[str]) -> None:
        """The token waits for a job that takes it on, before or after the activity (there with the flow to take)."""
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
            token.is_due = True
            token._ready()
            return
        if wait.detail == "after":
            # an inner instance, nothing to take, or a state of before the choice was kept
            self.take(token, [] if self.body is not None else self.chosen_flows(token))
        else:
            _, flow_id = wait.detail
            self.take(token, [flow for flow in self.flows if flow.id == flow_id])

    def take(self, token: Token, flows: Sequence[Flow]) -> None:
        """The token's successors take the flows, each in its turn; the token is gone."""
        if self.body is not None:
            self.body.inner_done(token)
            return
        if not flows:
            token.workflow.leave(token)
            return
        instance = token.workflow
        scope = token.scope
        successors = [self._successor(flow, scope) for flow in flows]
        if compensation.is_handler(token):
            compensation.hand_on(token, successors[0])
        instance.leave(token)
        instance.arrive(successors)

    def _successor(self, flow: Flow, scope: Token) -> Token:
        instance = scope.workflow
        if not flow.take_listeners or instance.skips_listeners:
            return instance.enter(flow.target, scope)
        # the flow is taken when the token's turn comes, and until then it stands here
        successor = instance.enter(self, scope)
        successor.flow = flow
        return successor

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
        raise self.stuck()

    def stuck(self) -> ExpressionError:
        """No flow leads on."""
        return ExpressionError(
            f"No outgoing sequence flow of {self.name!r} could be selected for continuing the process", ""
        )

    def job_priority(self, token: Token) -> int:
        """The priority of the node's jobs: its own, else that of its process, else 0 (Camunda manual)."""
        return priority_of(self.priority or self.process.priority, token, "job priority")


def priority_of(source: ExpressionSource | None, token: Token, what: str) -> int:
    """The number that an expression comes to; 0 if it cannot be evaluated, as in Camunda. Raises ExpressionError."""
    if source is None:
        return 0
    try:
        value = source.value(token)
    except ExpressionError:
        return 0
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ExpressionError(f"{what} {value!r} is not a number", source.expression.text) from None


def _parameter(source: Source, token: Token) -> Any:
    """The value of a parameter; a BPMN error thrown there is caught by nobody, as in Camunda."""
    try:
        return source.value(token)
    except BpmnErrorThrown as thrown:
        raise HostFailed(f"a parameter threw {thrown}") from thrown


class ProcessRoot(Node):
    """Stands for the process itself: its token is the process instance. Its id is none that a diagram can have."""

    activity_type = "processDefinition"
    is_in_history = False

    def __init__(self, process: ProcessSpec) -> None:
        super().__init__(process, ROOT_ID)
        self.event_sub_processes: list[EventSubProcess] = []

    @property
    def is_scope(self) -> bool:
        return True

    def arm_events(self, token: Token) -> None:
        for event_sub_process in self.event_sub_processes:
            event_sub_process.event_start.wait_at(token)

    def scope_done(self, token: Token) -> None:
        instance = token.workflow
        if not instance.is_kept:
            instance.end("COMPLETED", instance.last_activity)
