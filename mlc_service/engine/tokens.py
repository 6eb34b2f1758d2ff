"""Tokens: the live activity instances of one process instance.

Spiff's `Task` keeps its place in a tree of everything that ever happened. A `Token` keeps its place in the tree of
what is alive now: its parent is the token of the enclosing scope, and a token that is done puts its successors beside
itself and leaves. Every state change still goes through Spiff's `_set_state`, which here feeds the ready stack.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from .errors import BpmnErrorThrown

if TYPE_CHECKING:
    from .elements.node import Flow, Node
    from .instance import Instance


class Wait:
    """One open question of a token: a task, a job or a subscription that the outside world will answer.

    `kind` is one of
      `task`, `external`                      a person, a worker outside
      `async`, `timer`, `delegate`            jobs
      `signal`, `message`, `conditional`      subscriptions
      `call`                                  the process instance that a call activity has called
      `trigger`                               somebody who triggers the execution (a receive task without message)
    `node` is the element it stands for, which is not the token's own for boundary events, event sub-processes and
    behind an event-based gateway; `detail` is JSON: what has to be known when the answer comes.
    """

    __slots__ = ("detail", "kind", "node", "number", "token")

    def __init__(self, number: int, kind: str, token: Token, node: Node, detail: Any = None) -> None:
        self.number = number
        self.kind = kind
        self.token = token
        self.node = node
        self.detail = detail


class Token(Task):
    """A live activity instance; `id` is its number and the number of its variable scope."""

    def __init__(self, instance: Instance, node: Node, parent: Token | None, number: int) -> None:
        # Task.__init__ is left out: it takes a random id and reads the clock, and both must come from outside
        self.id = number
        self.workflow = instance
        self.task_spec = node
        self._state = TaskState.FUTURE
        self._parent = parent
        self._children: dict[int, Token] = {}
        self.data: dict[str, Any] = {}
        self.internal_data: dict[str, Any] = {}
        self.waits: dict[int, Wait] = {}
        # whether history knows this activity instance (false before an asynchronous continuation)
        self.is_started = False
        # the flow that the token is about to take; it still stands at the flow's source
        self.flow: Flow | None = None
        # whether the asynchronous continuation before the activity has come
        self.is_due = False
        # whether the element has done its work and only waits for its turn to complete
        self.is_executed = False
        # whether the activity's end listeners have been called, or are being called
        self.is_leaving = False
        self.is_gone = False
        instance.tasks[number] = self
        if parent is not None:
            parent._children[number] = self

    @property
    def parent(self) -> Token | None:
        return self._parent

    @property
    def scope(self) -> Token:
        """The token of the enclosing scope. Only the process instance itself has none."""
        assert self._parent is not None
        return self._parent

    @property
    def children(self) -> list[Token]:
        return list(self._children.values())

    def each_child(self) -> Iterable[Token]:
        """The children, oldest first; to be gone through while none comes or goes."""
        return self._children.values()

    @property
    def has_children(self) -> bool:
        return bool(self._children)

    @property
    def child_count(self) -> int:
        return len(self._children)

    @property
    def heading(self) -> Node:
        """Where the token is, or where the flow that it is about to take leads."""
        return self.task_spec if self.flow is None else self.flow.target

    @property
    def is_arriving(self) -> bool:
        """Whether the token has yet to begin at its node: on its way there, or before an asynchronous continuation."""
        return not self.is_started and all(wait.detail == "before" for wait in self.waits.values())

    def is_inside(self, scope: Token) -> bool:
        """Whether the scope is this token or encloses it."""
        current: Token | None = self
        while current is not None:
            if current is scope:
                return True
            current = current._parent
        return False

    def _set_state(self, value: int) -> None:
        self._state = value
        if value == TaskState.READY:
            self.workflow.ready.append(self)

    def run(self) -> bool | None:
        """The token's turn has come: it has taken its flow, and its node is executed (True) or waits (None)."""
        if self.is_executed:
            self.finish()
            return True
        if (self.flow is not None and not self._takes_flow()) or not self.task_spec.reach(self):
            return None
        result: bool | None = self.task_spec._run(self)
        # a hook may have ended this very token (error end, interrupted): it must not come back to life
        if self.is_gone:
            return result
        if result is None:
            self._set_state(TaskState.STARTED)
        else:
            self.finish()
        return result

    def _takes_flow(self) -> bool:
        """The token has come to the flow's target; False if it was interrupted there."""
        assert self.flow is not None
        flow, self.flow = self.flow, None
        flow.take(self)
        self.task_spec = flow.target
        self.workflow.look_at_conditions()
        return not self.is_gone

    def finish(self, *, is_scope: bool = False) -> None:
        """The element has done its work: the token goes on, unless what was written makes somebody interrupt it.

        A scope in which the last token has left does not look at its own events any more.
        """
        self.workflow.look_at_conditions(but=self if is_scope else None)
        if not self.is_gone:
            self.complete()

    def complete(self) -> None:
        """As Spiff's; a BPMN error on the way out of the activity is one of the activity."""
        try:
            super().complete()
        except BpmnErrorThrown as thrown:
            self.workflow.fail(self, thrown)

    def complete_in_turn(self) -> None:
        """The element has done its work; the token goes on when its turn on the ready stack comes."""
        self.is_executed = True
        self.workflow.ready.append(self)

    def move_to(self, scope: Token) -> None:
        """The token is inside that scope, and in no other."""
        self.scope._children.pop(self.id)
        self._parent = scope
        scope._children[self.id] = self

    def leave_tree(self) -> None:
        """The token is nobody's child and in no index any more."""
        self.is_gone = True
        self.workflow.tasks.pop(self.id, None)
        if self._parent is not None:
            self._parent._children.pop(self.id, None)
