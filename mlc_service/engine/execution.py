"""The engine's door: one running instance, fed with an event, answering with effects.

    execution = Execution.start(definition, host, instance_id=…, now=…)
    execution.complete_task(number, {"approved": True})
    for one in execution.touched():
        state, effects = one.dump(), one.effects

Every input runs to the next wait. If it raises, throw the execution away: its state is undefined by then. What one
input does may reach other instances, those that were called and those that call; `touched` has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import migration_step, modification, throwing
from . import state as stored_form
from .definition import Definition
from .effects import Effect
from .elements.node import Node
from .errors import FAILURES, BpmnErrorThrown, ExecutionFailed, NotWaiting, failed
from .hierarchy import Caller, Hierarchy, StoredInstance, attempt
from .host import Host
from .instance import Instance
from .migration import MigrationInstruction
from .modification import Instruction
from .tokens import Token, Wait
from .values import all_to_stored, to_stored
from .variables import Names, remove, visible, write_all, write_local


@dataclass(slots=True)
class ActivityInstance:
    """A node of the activity-instance tree; `transitions` are tokens that wait in an asynchronous continuation."""

    number: int
    activity_id: str
    name: str | None
    type: str
    children: list[ActivityInstance] = field(default_factory=list)
    transitions: list[tuple[int, str]] = field(default_factory=list)


class Execution:
    """One process instance in memory. Inputs are the methods, outputs `touched()`: effects, state, changed scopes."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    @classmethod
    def start(
        cls,
        definition: Definition,
        host: Host,
        *,
        instance_id: str,
        now: datetime,
        at: str | None = None,
        variables: Mapping[str, Any] | None = None,
        business_key: str | None = None,
        user: str | None = None,
        definition_id: str | None = None,
        instructions: Sequence[Instruction] = (),
        skips_listeners: bool = False,
        skips_mappings: bool = False,
    ) -> Execution:
        """A new instance that has run to its first wait, from the start event `at` (default: the none start event).

        With `instructions` it begins where they say instead. Raises ExecutionFailed, also if the process has no such
        start event, and InvalidModification.
        """
        instance = Instance(
            Hierarchy(now, user),
            definition,
            host,
            instance_id=instance_id,
            definition_id=definition_id,
            business_key=business_key,
            is_new=True,
        )
        instance.skips_listeners, instance.skips_mappings = skips_listeners, skips_mappings
        execution = cls(instance)
        if instructions:
            execution._run("", lambda: modification.begin(instance, variables or {}, instructions))
        else:
            node = definition.start_node(at)
            execution._run(str(node.name), lambda: instance.begin(variables or {}, node))
        return execution

    @classmethod
    def load(
        cls,
        definition: Definition,
        host: Host,
        *,
        instance_id: str,
        now: datetime,
        state: bytes,
        scopes: Mapping[int, Mapping[str, Any]],
        business_key: str | None = None,
        user: str | None = None,
        definition_id: str | None = None,
        caller: Caller | None = None,
    ) -> Execution:
        """The instance as it was stored; `scopes` are the stored variables by scope number (0: process instance)."""
        stored = StoredInstance(instance_id, definition, definition_id, host, state, scopes, business_key, caller)
        return cls.of(stored, now=now, user=user)

    @classmethod
    def conditions_met(
        cls,
        definition: Definition,
        host: Host,
        *,
        instance_id: str,
        now: datetime,
        variables: Mapping[str, Any],
        user: str | None = None,
    ) -> list[str]:
        """Ids of the conditional start events whose condition holds for these variables; nothing is started."""
        instance = Instance(
            Hierarchy(now, user), definition, host, instance_id=instance_id, definition_id=None, business_key=None
        )
        root = instance.task_tree
        for name, value in variables.items():
            write_local(root, name, value)
        return [
            start.activity_id
            for start in definition.starts
            if start.condition is not None and start.condition.is_met(root)
        ]

    @classmethod
    def of(cls, stored: StoredInstance, *, now: datetime, user: str | None = None) -> Execution:
        """The instance as it was stored."""
        return cls(Hierarchy(now, user).load(stored))

    # -- inputs -----------------------------------------------------------------------------------------------------

    def complete_task(
        self, number: int, variables: Mapping[str, Any] | None = None, facts: Mapping[str, Any] | None = None
    ) -> None:
        """The user task is complete, with the variables written from its scope.

        `facts` are the task's fields as they are now (`task_view.TaskView.as_fields`), for its listeners.
        """
        wait = self._instance.answered(number, ("task",))
        self._instance.task_facts = facts or {}
        self._go_on(wait, lambda: wait.node.answer(wait, variables or {}))

    def change_task(self, number: int, changes: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> None:
        """A person has changed fields of the user task; its `update` and `assignment` listeners know."""
        wait = self._instance.answered(number, ("task",))
        self._go_on(wait, lambda: wait.node.change(wait, facts or {}, changes))

    def task_error(
        self, number: int, code: str, message: str | None = None, variables: Mapping[str, Any] | None = None
    ) -> bool:
        """The user task has ended with a BPMN error; somebody caught it, or (False) its token ended, as in Camunda."""
        return self._fail(self._instance.answered(number, ("task",)), code, message, variables)

    def task_escalation(self, number: int, code: str, variables: Mapping[str, Any] | None = None) -> bool:
        """The user task has escalated; False if nobody catches that."""
        wait = self._instance.answered(number, ("task",))
        caught: list[bool] = []
        self._go_on(wait, lambda: caught.append(throwing.throw_escalation(wait.token, code, variables)))
        return caught[0]

    def complete_external_task(
        self,
        number: int,
        variables: Mapping[str, Any] | None = None,
        local_variables: Mapping[str, Any] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """The worker has done the external task; its BPMN error definitions are looked at first.

        `facts` is what their expressions see as `externalTask`.
        """
        wait = self._instance.answered(number, ("external",))
        self._go_on(wait, lambda: wait.node.completed(wait, facts or {}, variables or {}, local_variables or {}))

    def fail_external_task(
        self,
        number: int,
        facts: Mapping[str, Any],
        variables: Mapping[str, Any] | None = None,
        local_variables: Mapping[str, Any] | None = None,
    ) -> bool:
        """The worker's variables are written; True if the diagram takes the failure for a BPMN error.

        `facts` is what the expressions of `camunda:errorEventDefinition` see as `externalTask`. Otherwise the task
        goes on waiting.
        """
        wait = self._instance.answered(number, ("external",))
        thrown: list[bool] = []

        def report() -> None:
            thrown.append(wait.node.reported(wait, facts, variables or {}, local_variables or {}))

        self._go_on(wait, report)
        return thrown[0]

    def external_task_error(
        self, number: int, code: str, message: str | None = None, variables: Mapping[str, Any] | None = None
    ) -> bool:
        """The worker has reported a BPMN error; somebody caught it, or (False) its token ended."""
        return self._fail(self._instance.answered(number, ("external",)), code, message, variables)

    def receive(
        self,
        number: int,
        variables: Mapping[str, Any] | None = None,
        local_variables: Mapping[str, Any] | None = None,
    ) -> None:
        """The message or signal that subscription `number` waits for has arrived.

        `local_variables` belong to the scope that waits.
        """
        wait = self._instance.answered(number, ("signal", "message"))

        def receive() -> None:
            for name, value in (local_variables or {}).items():
                write_local(wait.token, name, value)
            wait.node.answer(wait, variables or {})

        self._go_on(wait, receive)

    def trigger(self, number: int, variables: Mapping[str, Any] | None = None) -> None:
        """The activity instance that waits for a trigger (a receive task, with a message or without) has gone on."""
        token = self._token(number)
        kinds = ("trigger", "message", "signal", "conditional")
        waiting = [wait for wait in token.waits.values() if wait.kind in kinds and wait.node is token.task_spec]
        if not waiting:
            raise NotWaiting(number)
        wait = waiting[0]
        self._go_on(wait, lambda: wait.node.answer(wait, variables or {}))

    def fire_timer(self, number: int) -> None:
        """The timer has fired; a repeating one is armed again under a new number."""
        wait = self._instance.answered(number, ("timer",))
        self._go_on(wait, lambda: wait.node.answer(wait, {}))

    def continue_job(self, number: int) -> None:
        """The token that waited in an asynchronous continuation has gone on."""
        wait = self._instance.answered(number, ("async",))
        self._go_on(wait, lambda: wait.node.go_on(wait))

    def delegate_variables(self, number: int) -> dict[str, Any]:
        """The variables that the delegate of job `number` sees, plain, its input parameters included.

        Raises ExecutionFailed if a field or an input of a connector cannot be worked out.
        """
        wait = self._instance.answered(number, ("delegate",))
        try:
            inputs: dict[str, Any] = wait.node.delegate_inputs(wait.token)
        except FAILURES as failure:
            raise failed(failure, str(wait.node.name)) from failure
        return inputs

    def delegate_completed(self, number: int, written: Mapping[str, Any], removed: Iterable[str] = ()) -> None:
        """The delegate has done its work; its writes are recorded and the token has gone on."""
        wait = self._instance.answered(number, ("delegate",))

        def record() -> None:
            remove(wait.token, removed)
            wait.node.answer(wait, written)

        self._go_on(wait, record)

    def delegate_failed(
        self,
        number: int,
        error_code: str,
        message: str | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> bool:
        """The delegate raised a BPMN error; a boundary event took it, or (False) the token ended, as in Camunda."""
        return self._fail(self._instance.answered(number, ("delegate",)), error_code, message, variables)

    def set_variables(
        self, written: Mapping[str, Any], deleted: Iterable[str] = (), *, scope: int = 0, local: bool = True
    ) -> None:
        """The variables are written and deleted, from `scope` upwards unless `local`; who waited for that goes on."""
        token = self._token(scope)

        def write() -> None:
            if local:
                for name, value in written.items():
                    write_local(token, name, value)
            else:
                write_all(token, written)
            remove(token, deleted, local=local)

        self._run(str(token.task_spec.name), write)

    def modify(
        self,
        instructions: Sequence[Instruction],
        *,
        skips_listeners: bool = False,
        skips_mappings: bool = False,
    ) -> None:
        """Tokens are cancelled and begun as the instructions say, one after the other. Raises InvalidModification."""
        instance = self._instance
        instance.skips_listeners, instance.skips_mappings = skips_listeners, skips_mappings
        self._run("", lambda: modification.carry_out(instance, instructions))

    def migrate(
        self,
        target: Definition,
        target_id: str,
        host: Host,
        plan: Sequence[MigrationInstruction],
        *,
        skips_listeners: bool = False,
        skips_mappings: bool = False,
    ) -> None:
        """The instance follows the target definition from now on; no token moves on because of that.

        `host` is the target's. Raises InvalidPlan, NotMigratable.
        """
        instance = self._instance
        instance.skips_listeners, instance.skips_mappings = skips_listeners, skips_mappings
        self._run("", lambda: migration_step.carry_out(instance, target, target_id, host, plan))
        # what comes after it is none of the migration
        instance.skips_listeners = instance.skips_mappings = False

    def cancel(self, *, skips_listeners: bool = False, skips_mappings: bool = False) -> None:
        """The instance is over before its end, with all it has called and all that called it, as in Camunda."""
        instance = self._instance
        instance.skips_listeners, instance.skips_mappings = skips_listeners, skips_mappings
        self._run("", instance.delete)

    def _fail(self, wait: Wait, code: str, message: str | None, variables: Mapping[str, Any] | None) -> bool:
        instance = self._instance
        caught: list[bool] = []
        thrown = BpmnErrorThrown(code, message, variables)
        self._go_on(wait, lambda: caught.append(instance.fail(wait.token, thrown)))
        return caught[0]

    def _go_on(self, wait: Wait, step: Callable[[], object]) -> None:
        self._run(str(wait.node.name), step, wait.token)

    def _run(self, element_id: str, step: Callable[[], object], token: Token | None = None) -> None:
        instance = self._instance
        attempt(step, token or instance.task_tree, element_id)
        if instance.variable_events and not instance.ready:
            # no token goes on because of it: what was written is all there is to look at
            attempt(instance.look_at_conditions, token or instance.task_tree, element_id)
        instance.do_engine_steps()

    # -- outputs ----------------------------------------------------------------------------------------------------

    def touched(self) -> list[Execution]:
        """All instances that the input has reached, this one included; who calls comes before who is called."""
        return [Execution(instance) for instance in self._instance.hierarchy.instances.values()]

    @property
    def instance_id(self) -> str:
        return self._instance.instance_id

    @property
    def definition_id(self) -> str | None:
        return self._instance.definition_id

    @property
    def business_key(self) -> str | None:
        return self._instance.business_key

    @property
    def caller(self) -> Caller | None:
        return self._instance.caller

    @property
    def is_new(self) -> bool:
        """Whether the input has created this instance."""
        return self._instance.is_new

    @property
    def first_number(self) -> int:
        """The number of the first thing that the input has given birth to here, if it has."""
        return self._instance.first_number

    @property
    def started_with(self) -> dict[str, Any]:
        """The stored variables that a new instance was given."""
        return all_to_stored(self._instance.started_with)

    @property
    def effects(self) -> list[Effect]:
        """What has happened to this instance since start or load, in order."""
        return self._instance.effects

    @property
    def is_ended(self) -> bool:
        return self._instance.completed

    def dump(self) -> bytes:
        """The state to store, without variables."""
        return stored_form.dump(self._instance)

    def changed_scopes(self) -> dict[int, dict[str, Any] | None]:
        """Stored variables of every scope that changed since start or load; None for one that is gone."""
        instance = self._instance
        changes: dict[int, dict[str, Any] | None] = {}
        for number in sorted(instance.changed):
            token = instance.tasks.get(number)
            if token is not None:
                changes[number] = {name: to_stored(value) for name, value in token.data.items()}
        for number in instance.gone_scopes:
            changes[number] = None
        return changes

    def variables(self, scope: int = 0, *, local: bool = False) -> dict[str, Any]:
        """The variables visible from a scope (or held by it), typed values as they are."""
        token = self._token(scope)
        return dict(token.data) if local else visible(token)

    def activity_tree(self) -> ActivityInstance:
        """What is active now, as Camunda's activity-instance tree; the root stands for the process instance."""
        return _tree(self._instance.task_tree)

    def names(self, number: int) -> Mapping[str, Any]:
        """What an expression at the activity instance can name. Raises NotWaiting."""
        return Names(self._token(number))

    def node_of(self, number: int) -> Node:
        """The element that the activity instance is of. Raises NotWaiting."""
        node: Node = self._token(number).task_spec
        return node

    def _token(self, number: int) -> Token:
        token = self._instance.tasks.get(number)
        if token is None:
            raise NotWaiting(number)
        return token


def _tree(token: Token) -> ActivityInstance:
    node: Node = token.task_spec
    tree = ActivityInstance(token.id, str(node.name), node.bpmn_name, node.activity_type)
    for child in token.children:
        continuation = next((wait for wait in child.waits.values() if wait.kind == "async"), None)
        if continuation is not None:
            tree.transitions.append((continuation.number, str(child.task_spec.name)))
        else:
            tree.children.append(_tree(child))
    return tree


__all__ = ["ActivityInstance", "Execution", "ExecutionFailed", "NotWaiting"]
