"""The process instances that one command has in its hands: the one it is about, its callers, and what they called.

A called process is an instance of its own, with a state and history of its own; it runs on the ready stack of all, so
that a call activity and what it called take turns as one process would. The others are loaded when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..language.errors import ExpressionError
from . import state as stored_form
from .errors import FAILURES, BpmnErrorThrown, ExecutionFailed, failed
from .host import Host
from .values import from_stored

if TYPE_CHECKING:
    from .definition import Definition
    from .instance import Instance
    from .tokens import Token

# a process that calls itself would go on for ever
_DEEPEST_CALL = 100
# and so would a loop that never waits: by then it has taken a few seconds and some hundred megabytes
_MOST_STEPS = 500_000


@dataclass(frozen=True, slots=True)
class Caller:
    """The call activity that waits for an instance: the wait `number` of another instance."""

    instance_id: str
    number: int


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance as it was stored, with all that is needed to load it; `scopes` by number, 0 the instance itself."""

    instance_id: str
    definition: Definition
    definition_id: str | None
    host: Host
    state: bytes
    scopes: Mapping[int, Mapping[str, Any]]
    business_key: str | None = None
    caller: Caller | None = None


@dataclass(slots=True)
class Hierarchy:
    """Instances by id, in the order in which they came in, and the tokens of all of them that are ready."""

    now: datetime
    user: str | None
    instances: dict[str, Instance] = field(default_factory=dict)
    # a stack, not a queue: a branch runs to its wait before its sibling starts, as in Camunda
    ready: list[Token] = field(default_factory=list)
    # whether somebody takes the tokens from the stack already
    is_running: bool = False

    def run(self) -> None:
        """No token is ready any more, unless this is called by one: then they have their turn after that.

        Raises ExecutionFailed, after which the instances are of no use.
        """
        if self.is_running:
            return
        with self.running():
            self._run()

    @contextmanager
    def running(self) -> Iterator[None]:
        """What becomes ready in the meantime has its turn later."""
        before, self.is_running = self.is_running, True
        try:
            yield
        finally:
            self.is_running = before

    def _run(self) -> None:
        ready = self.ready
        steps = 0
        while True:
            while ready:
                token = ready.pop()
                if token.is_gone:
                    continue
                steps += 1
                if steps > _MOST_STEPS:
                    raise ExecutionFailed(
                        f"the process does not come to rest: {_MOST_STEPS} steps without a wait state",
                        token.task_spec.name,
                    )
                attempt(token.run, token)
            for instance in list(self.instances.values()):
                if instance.open_joins:
                    instance.look_at_joins()
            if not ready:
                return

    def loaded(self, instance_id: str, asker: Host) -> Instance:
        """The instance, loaded if nobody needed it so far."""
        found = self.instances.get(instance_id)
        return self.load(asker.stored(instance_id)) if found is None else found

    def load(self, stored: StoredInstance) -> Instance:
        """The instance as it was stored."""
        from .instance import Instance

        instance = Instance(
            self,
            stored.definition,
            stored.host,
            instance_id=stored.instance_id,
            definition_id=stored.definition_id,
            business_key=stored.business_key,
            caller=stored.caller,
        )
        stored_form.load(instance, stored.state)
        instance.first_number = instance.next_number
        for number, variables in stored.scopes.items():
            token = instance.tasks.get(number)
            if token is not None:
                token.data = {name: from_stored(value) for name, value in variables.items()}
                instance.stored_scopes.add(number)
        return instance

    def check_depth(self, instance: Instance, element_id: str) -> None:
        """Raises ExpressionError if the instance is called by too many callers in a row to call another one."""
        depth, current = 1, instance
        while current.caller is not None:
            depth += 1
            if depth > _DEEPEST_CALL:
                raise ExpressionError(
                    f"call activities are nested more than {_DEEPEST_CALL} deep: does {element_id!r} call its own "
                    "process?",
                    "",
                )
            current = self.loaded(current.caller.instance_id, current.host)


def attempt(step: Callable[[], object], token: Token, element_id: str | None = None) -> None:
    """The step has been taken; a BPMN error in it is one of the token. Raises ExecutionFailed."""
    try:
        try:
            step()
        except BpmnErrorThrown as thrown:
            token.workflow.fail(token, thrown)
    except FAILURES as failure:
        raise failed(failure, element_id or token.task_spec.name) from failure
