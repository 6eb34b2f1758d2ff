"""One running process instance: the ready stack, the tree of tokens, the index of waits.

Subclasses Spiff's `BpmnWorkflow` and replaces its scheduling: nothing here walks the tree, so a step costs the same
after ten turns of a loop and after ten thousand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from SpiffWorkflow.bpmn.workflow import BpmnWorkflow

from ..language.errors import ExpressionError, ScriptError, TimerError
from . import effects as fx
from .elements.node import Node, ProcessRoot
from .errors import ExecutionFailed, HostFailed, NotWaiting
from .host import Host
from .tokens import Token, Wait
from .values import UnstorableValue
from .variables import write_all

_FAILURES = (ExpressionError, ScriptError, TimerError, HostFailed, UnstorableValue)
_JOB_KINDS = frozenset({"async", "timer", "delegate"})


class Instance(BpmnWorkflow):
    """The tokens of one instance and everything that moves them. Not safe to share between threads."""

    def __init__(
        self,
        nodes: Mapping[str, Node],
        root: ProcessRoot,
        host: Host,
        *,
        instance_id: str,
        definition_id: str | None,
        business_key: str | None,
        user: str | None,
        now: datetime,
    ) -> None:
        # BpmnWorkflow.__init__ is left out: it builds the root with Task and predicts the whole graph
        self.spec = root.process
        self.nodes = nodes
        self.root_node = root
        self.host = host
        self.instance_id = instance_id
        self.definition_id = definition_id
        self.business_key = business_key
        self.user = user
        self.now = now
        self.data: dict[str, Any] = {}
        self.tasks: dict[int, Token] = {}
        self.waits: dict[int, Wait] = {}
        # a stack, not a queue: a branch runs to its wait before its sibling starts, as in Camunda
        self.ready: list[Token] = []
        self.effects: list[fx.Effect] = []
        self.changed: set[int] = set()
        self.stored_scopes: set[int] = set()
        self.gone_scopes: set[int] = set()
        self.next_number = 1
        self.completed = False
        self.success = True
        self.task_tree = Token(self, root, None, 0)
        self.task_tree.is_started = True

    # -- scheduling -------------------------------------------------------------------------------------------------

    def do_engine_steps(self, will_complete_task: Any = None, did_complete_task: Any = None) -> None:  # noqa: ARG002
        """No token is ready any more. Raises ExecutionFailed, after which this instance is of no use."""
        ready = self.ready
        while ready:
            token = ready.pop()
            if token.is_gone:
                continue
            with_element = token.task_spec
            try:
                token.run()
            except _FAILURES as failure:
                raise failed(failure, with_element.name) from failure

    def enter(self, node: Node, scope: Token) -> Token:
        """A new token in the scope, about to arrive at the node (`arrive` brings it there)."""
        number = self.next_number
        self.next_number = number + 1
        return Token(self, node, scope, number)

    def arrive(self, tokens: list[Token]) -> None:
        """The tokens are at their nodes; the first of them runs first."""
        for token in reversed(tokens):
            token.task_spec._update(token)

    # -- waiting ----------------------------------------------------------------------------------------------------

    def wait(self, token: Token, kind: str, node: Node, detail: Any = None) -> Wait:
        """The token has an open question; the caller adds the effect that asks it."""
        number = self.next_number
        self.next_number = number + 1
        wait = Wait(number, kind, token, node, detail)
        self.waits[number] = wait
        token.waits[number] = wait
        return wait

    def answered(self, number: int, kinds: tuple[str, ...]) -> Wait:
        """The wait of that number, if it is of one of the kinds; raises NotWaiting."""
        wait = self.waits.get(number)
        if wait is None or wait.kind not in kinds:
            raise NotWaiting(number)
        return wait

    def end_wait(self, wait: Wait, reason: str = "deleted") -> None:
        """The question is not open any more."""
        del self.waits[wait.number]
        del wait.token.waits[wait.number]
        if wait.kind == "task":
            self.effects.append(fx.TaskEnded(wait.number, reason))
        elif wait.kind in _JOB_KINDS:
            self.effects.append(fx.JobDropped(wait.number))
        else:
            self.effects.append(fx.Unsubscribed(wait.number))

    def end_waits(self, token: Token) -> None:
        for wait in list(token.waits.values()):
            self.end_wait(wait)

    # -- the tree ---------------------------------------------------------------------------------------------------

    def start_activity(self, token: Token) -> None:
        """History knows that the activity instance of this token exists."""
        node = token.task_spec
        token.is_started = True
        self.effects.append(fx.ActivityStarted(token.id, node.name, node.bpmn_name, node.activity_type, token.scope.id))

    def end_activity(self, token: Token, *, canceled: bool) -> None:
        if token.is_started:
            token.is_started = False
            self.effects.append(fx.ActivityEnded(token.id, canceled))

    def leave(self, token: Token) -> None:
        """The token is gone; a scope that it was the last of is done. Successors must be in the tree already."""
        scope = token.scope
        self._forget(token)
        if not scope.has_children and not scope.is_gone:
            scope.task_spec.scope_done(scope)

    def cancel_token(self, token: Token) -> None:
        """The token and all it encloses are cancelled, innermost first; its scope is not asked whether it is done."""
        for child in token.children:
            self.cancel_token(child)
        if token.is_started:
            # Camunda calls them for a cancelled activity, too
            for listener in token.task_spec.end_listeners:
                listener.value(token)
        self.end_waits(token)
        self.end_activity(token, canceled=True)
        self._forget(token)

    def _forget(self, token: Token) -> None:
        if token.id in self.stored_scopes:
            self.gone_scopes.add(token.id)
        self.changed.discard(token.id)
        token.leave_tree()

    def replace(self, host: Token, node: Node, variables: Mapping[str, Any] | None = None) -> None:
        """The host is cancelled and a token of `node` (its boundary event) has its place."""
        # the new one first: the scope must never look empty in between
        successor = self.enter(node, host.scope)
        self.cancel_token(host)
        if variables:
            write_all(successor, variables)
        self.arrive([successor])

    def end(self, state: str, end_activity_id: str | None) -> None:
        """The instance is over. Its variables leave with it."""
        root = self.task_tree
        for child in root.children:
            self.cancel_token(child)
        for listener in self.root_node.end_listeners:
            listener.value(root)
        self.end_waits(root)
        self.completed = True
        self.ready.clear()
        root.is_gone = True
        self.effects.append(fx.InstanceEnded(state, end_activity_id))

    # -- errors -----------------------------------------------------------------------------------------------------

    def throw_error(self, token: Token, code: str, message: str | None, variables: Mapping[str, Any]) -> bool:
        """The innermost boundary event that catches the code has fired; False if none does.

        A boundary event with that very code goes before one that catches any (BPMN 2.0 §10.5.6, Camunda manual).
        """
        host: Token | None = token
        while host is not None and host.parent is not None:
            catcher = host.task_spec.error_boundary(code)
            if catcher is not None:
                caught = dict(variables)
                if catcher.error_code_variable:
                    caught[catcher.error_code_variable] = code
                if catcher.error_message_variable:
                    caught[catcher.error_message_variable] = message
                self.replace(host, catcher, caught)
                return True
            host = host.parent
        return False


def failed(failure: Exception, element_id: str) -> ExecutionFailed:
    """What the caller of the engine hears of a failure at an element."""
    if isinstance(failure, ExpressionError):
        where = f" (column {failure.column} of {failure.text!r})" if failure.column else ""
        return ExecutionFailed(f"{failure.message}{where}", element_id)
    if isinstance(failure, ScriptError):
        where = f" (script line {failure.line})" if failure.line else ""
        return ExecutionFailed(f"{failure.message}{where}", element_id)
    return ExecutionFailed(str(failure), element_id)
