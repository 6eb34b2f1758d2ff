"""The engine's door: one running instance, fed with an event, answering with effects.

    execution = Execution.start(definition, host, instance_id=…, now=…)
    execution.complete_task(number, {"approved": True})
    state, effects = execution.dump(), execution.effects

Every input runs to the next wait. If it raises, throw the execution away: its state is undefined by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import state as stored_form
from .definition import Definition
from .effects import Effect
from .elements.node import Node
from .errors import ExecutionFailed, NotWaiting
from .host import Host
from .instance import _FAILURES, Instance, failed
from .tokens import Token, Wait
from .values import from_stored, to_stored
from .variables import remove, visible, visible_plain, write_all, write_local


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
    """One process instance in memory. Inputs are the methods, outputs `effects`, `dump()` and `changed_scopes()`."""

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
    ) -> Execution:
        """A new instance that has run to its first wait, from the start event `at` (default: the none start event).

        Raises ExecutionFailed, also if the process has no such start event.
        """
        instance = Instance(
            definition.nodes,
            definition.root,
            host,
            instance_id=instance_id,
            definition_id=definition_id,
            business_key=business_key,
            user=user,
            now=now,
        )
        node = definition.start_node(at)
        execution = cls(instance)
        try:
            for name, value in (variables or {}).items():
                write_local(instance.task_tree, name, value)
            if node.initiator:
                write_local(instance.task_tree, node.initiator, user)
            for listener in definition.root.start_listeners:
                listener.value(instance.task_tree)
            instance.arrive([instance.enter(node, instance.task_tree)])
        except _FAILURES as failure:
            raise failed(failure, node.name) from failure
        instance.do_engine_steps()
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
    ) -> Execution:
        """The instance as it was stored; `scopes` are the stored variables by scope number (0: process instance)."""
        instance = Instance(
            definition.nodes,
            definition.root,
            host,
            instance_id=instance_id,
            definition_id=definition_id,
            business_key=business_key,
            user=user,
            now=now,
        )
        stored_form.load(instance, state)
        for number, variables in scopes.items():
            token = instance.tasks.get(number)
            if token is not None:
                token.data = {name: from_stored(value) for name, value in variables.items()}
                instance.stored_scopes.add(number)
        return cls(instance)

    # -- inputs -----------------------------------------------------------------------------------------------------

    def complete_task(self, number: int, variables: Mapping[str, Any] | None = None) -> None:
        """The user task is complete, with the variables written from its scope."""
        wait = self._instance.answered(number, ("task",))
        self._go_on(wait, lambda: wait.node.answer(wait, variables or {}))

    def receive(self, number: int, variables: Mapping[str, Any] | None = None) -> None:
        """The message or signal that subscription `number` waits for has arrived."""
        wait = self._instance.answered(number, ("signal", "message"))
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
        """The variables that the delegate of job `number` sees, plain, its input parameters included."""
        return visible_plain(self._instance.answered(number, ("delegate",)).token)

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
        wait = self._instance.answered(number, ("delegate",))
        caught = []

        def throw() -> None:
            caught.append(wait.node.fail(wait.token, error_code, message, variables or {}))

        self._go_on(wait, throw)
        return caught[0]

    def set_variables(
        self, written: Mapping[str, Any], deleted: Iterable[str] = (), *, scope: int = 0, local: bool = True
    ) -> None:
        """The variables are written and deleted; from `scope` upwards unless `local`."""
        token = self._token(scope)
        try:
            if local:
                for name, value in written.items():
                    write_local(token, name, value)
            else:
                write_all(token, written)
            remove(token, deleted)
        except _FAILURES as failure:
            raise failed(failure, token.task_spec.name) from failure

    def cancel(self, state: str = "EXTERNALLY_TERMINATED") -> None:
        """The instance is over before its end."""
        self._instance.end(state, None)

    def _go_on(self, wait: Wait, step: Any) -> None:
        instance = self._instance
        try:
            step()
        except _FAILURES as failure:
            raise failed(failure, wait.node.name) from failure
        instance.do_engine_steps()

    # -- outputs ----------------------------------------------------------------------------------------------------

    @property
    def effects(self) -> list[Effect]:
        """What has happened since start or load, in order."""
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

    def _token(self, number: int) -> Token:
        token = self._instance.tasks.get(number)
        if token is None:
            raise NotWaiting(number)
        return token


def _tree(token: Token) -> ActivityInstance:
    node: Node = token.task_spec
    tree = ActivityInstance(token.id, node.name, node.bpmn_name, node.activity_type)
    for child in token.children:
        continuation = next((wait for wait in child.waits.values() if wait.kind == "async"), None)
        if continuation is not None:
            tree.transitions.append((continuation.number, child.task_spec.name))
        else:
            tree.children.append(_tree(child))
    return tree


__all__ = ["ActivityInstance", "Execution", "ExecutionFailed", "NotWaiting"]
