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

if TYPE_CHECKING:
    from .elements.node import Node
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
        # whether the element has done its work and only waits for its turn to complete
        self.is_executed = False
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
        """The node has been executed: the token is complete (True) or waits (None)."""
        if self.is_executed:
            self.complete()
            return True
        result: bool | None = self.task_spec._run(self)
        if self.workflow.variable_events and not self.is_gone:
            self.workflow.look_at_conditions()
        # a hook may have ended this very token (error end, terminate): it must not come back to life
        if self.is_gone:
            return result
        if result is None:
            self._set_state(TaskState.STARTED)
        else:
            self.complete()
        return result

    def complete_in_turn(self) -> None:
        """What the token waited for has come: it completes when its turn on the ready stack comes."""
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
