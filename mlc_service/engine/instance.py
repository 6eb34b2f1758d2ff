"""One running process instance: its tree of tokens and the index of what they wait for.

Subclasses Spiff's `BpmnWorkflow` and replaces its scheduling: nothing here walks the tree, so a step costs the same
after ten turns of a loop and after ten thousand. The ready stack belongs to the hierarchy (`hierarchy.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.workflow import BpmnWorkflow

from . import compensation, throwing
from . import effects as fx
from .elements.node import Node
from .errors import BpmnErrorThrown, HostFailed, NotWaiting
from .hierarchy import Caller, Hierarchy
from .host import Callee, Host
from .tokens import Token, Wait
from .variables import write_all, write_local
from .waits import ConditionalWaits, SignalWaits

if TYPE_CHECKING:
    from .definition import Definition

_JOB_KINDS = frozenset({"async", "timer", "delegate"})
# kinds of waits that the outside world has no row of
_SILENT_KINDS = frozenset({"call", "trigger"})


class Instance(BpmnWorkflow):
    """The tokens of one instance and everything that moves them. Not safe to share between threads."""

    def __init__(
        self,
        hierarchy: Hierarchy,
        definition: Definition,
        host: Host,
        *,
        instance_id: str,
        definition_id: str | None,
        business_key: str | None,
        caller: Caller | None = None,
        is_new: bool = False,
    ) -> None:
        # BpmnWorkflow.__init__ is left out: it builds the root with Task and predicts the whole graph
        root = definition.root
        self.spec = root.process
        self.definition = definition
        self.nodes = definition.nodes
        self.root_node = root
        self.host = host
        self.hierarchy = hierarchy
        self.ready = hierarchy.ready
        self.now = hierarchy.now
        self.user = hierarchy.user
        self.instance_id = instance_id
        self.definition_id = definition_id
        self.business_key = business_key
        self.caller = caller
        self.is_new = is_new
        self.data: dict[str, Any] = {}
        self.tasks: dict[int, Token] = {}
        self.waits: dict[int, Wait] = {}
        self.signal_waits = SignalWaits()
        self.conditional_waits = ConditionalWaits()
        # what conditional events have yet to look at: scope, name, create | update | delete
        self.variable_events: list[tuple[Token, str, str]] = []
        # inclusive joins with tokens that wait: number of the scope, id of the gateway
        self.open_joins: set[tuple[int, str]] = set()
        self.last_activity: str | None = None
        # the typed value that a multi-instance activity has last read as a collection, and what it was read as
        self.last_collection: tuple[Any, Any] = (None, None)
        self.effects: list[fx.Effect] = []
        self.changed: set[int] = set()
        self.stored_scopes: set[int] = set()
        self.gone_scopes: set[int] = set()
        self.next_number = 1
        # what was the next number when the instance was loaded
        self.first_number = 1
        # fields of the user task that an input is about, for its listeners
        self.task_facts: Mapping[str, Any] = {}
        self.skips_listeners = False
        self.skips_mappings = False
        self.started_with: dict[str, Any] = {}
        self.is_deleted = False
        # whether the instance lives on without a token: while it is modified
        self.is_kept = False
        self.completed = False
        self.success = True
        hierarchy.instances[instance_id] = self
        self.task_tree = Token(self, root, None, 0)
        self.task_tree.is_started = True

    # -- scheduling -------------------------------------------------------------------------------------------------

    def do_engine_steps(self, will_complete_task: Any = None, did_complete_task: Any = None) -> None:  # noqa: ARG002
        """No token is ready any more, here or in the instances this one calls. Raises ExecutionFailed."""
        self.hierarchy.run()

    def new_number(self) -> int:
        number = self.next_number
        self.next_number = number + 1
        return number

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
        self.remember_wait(wait)
        return wait

    def remember_wait(self, wait: Wait) -> None:
        """The wait is in every index it belongs to."""
        self.waits[wait.number] = wait
        wait.token.waits[wait.number] = wait
        if wait.kind == "signal":
            self.signal_waits.add(wait)
        elif wait.kind == "conditional":
            self.conditional_waits.add(wait)

    def answered(self, number: int, kinds: tuple[str, ...]) -> Wait:
        """The wait of that number, if it is of one of the kinds; raises NotWaiting."""
        wait = self.waits.get(number)
        if wait is None or wait.kind not in kinds:
            raise NotWaiting(number)
        return wait

    def end_wait(self, wait: Wait, reason: str = "deleted") -> None:
        """The question is not open any more."""
        number = wait.number
        del self.waits[number]
        del wait.token.waits[number]
        kind = wait.kind
        if kind == "task":
            self.effects.append(fx.TaskEnded(number, reason))
        elif kind in _JOB_KINDS:
            self.effects.append(fx.JobDropped(number))
        elif kind == "external":
            self.effects.append(fx.ExternalTaskEnded(number))
        elif kind not in _SILENT_KINDS:
            if kind == "signal":
                self.signal_waits.remove(wait)
            elif kind == "conditional":
                self.conditional_waits.remove(wait)
            self.effects.append(fx.Unsubscribed(number))

    def end_waits(self, token: Token) -> None:
        for wait in list(token.waits.values()):
            self.end_wait(wait)

    def signal(self, event_name: str, variables: Mapping[str, Any]) -> None:
        """Whoever waits for the signal in this instance has received it."""
        # those who wait now; who begins to wait because of it comes too late
        for wait in self.signal_waits.of(event_name):
            if wait.number in self.waits:
                wait.node.answer(wait, variables)

    def look_at_conditions(self, but: Token | None = None) -> None:
        """Conditional events that a changed variable makes true have fired, once for each change that does.

        Camunda looks when a listener, an element or a command is done, not at the writing itself. What fires has its
        turn after the token that is running; if none is, it goes on at once. The events of `but` are left out: it is
        about to begin or to end.
        """
        events, self.variable_events = self.variable_events, []
        for scope, name, event in events:
            for wait in self.conditional_waits.concerned(scope, name):
                if wait.number not in self.waits or wait.token is but:
                    continue
                trigger = wait.node.trigger
                if trigger.concerns(name, event) and trigger.is_met(wait.token):
                    wait.node.answer(wait, {})
                    self.hierarchy.run()

    def look_at_new_conditions(self, token: Token) -> bool:
        """Conditional events of what begins have fired if they hold already; False if one interrupts it."""
        if not self.conditional_waits:
            return True
        for wait in [wait for wait in token.waits.values() if wait.kind == "conditional"]:
            if wait.number in self.waits and wait.node.trigger.is_met(token):
                wait.node.answer(wait, {})
                if wait.node.is_interrupting:
                    return False
        return True

    # -- the tree ---------------------------------------------------------------------------------------------------

    def start_activity(self, token: Token) -> None:
        """History knows that the activity instance of this token exists."""
        node = token.task_spec
        token.is_started = True
        if self._is_recorded(token):
            self.effects.append(
                fx.ActivityStarted(token.id, node.name, node.bpmn_name, node.activity_type, token.scope.id)
            )

    def end_activity(self, token: Token, *, canceled: bool) -> None:
        if token.is_started:
            token.is_started = False
            if self._is_recorded(token):
                self.effects.append(fx.ActivityEnded(token.id, canceled))

    @staticmethod
    def _is_recorded(token: Token) -> bool:
        """Whether history has a row of the token: none of link events and of finished scopes that are undone."""
        return token.task_spec.is_in_history and compensation.UNDOING not in token.internal_data

    def leave(self, token: Token) -> None:
        """The token is gone; a scope that it was the last of is done. Successors must be in the tree already."""
        scope = token.scope
        self.forget(token)
        if compensation.is_handler(token):
            compensation.handler_left(token)
        if not scope.has_children and not scope.is_gone:
            self.last_activity = str(token.task_spec.name)
            scope.task_spec.scope_done(scope)

    def look_at_joins(self) -> None:
        """Inclusive joins that nothing can reach any more have fired. To be asked when no token is ready."""
        for number, gateway in sorted(self.open_joins):
            scope = self.tasks.get(number)
            if scope is None or gateway not in scope.internal_data.get("joins", {}):
                self.open_joins.discard((number, gateway))
            else:
                self.nodes[gateway].look_again(scope)

    def cancel_token(self, token: Token) -> None:
        """The token and all it encloses are cancelled, innermost first; its scope is not asked whether it is done."""
        # no recursion: scopes may be nested deeper than Python's stack, with what they call
        outer_first = []
        to_visit = [token]
        while to_visit:
            visited = to_visit.pop()
            outer_first.append(visited)
            to_visit.extend(visited.each_child())
        for one in reversed(outer_first):
            self._cancel_alone(one)

    def _cancel_alone(self, token: Token) -> None:
        self.end_calls(token)
        if token.is_started:
            self._tell_canceled(token, task_first=self.is_deleted and self.caller is None)
        self.end_waits(token)
        compensation.drop(token)
        self.end_activity(token, canceled=True)
        self.forget(token)

    @staticmethod
    def _tell_canceled(token: Token, *, task_first: bool) -> None:
        """Listeners know that the activity is cancelled; end listeners, too, as in Camunda.

        Its task is told last, but in an instance that is deleted, and where `interrupt` says so.
        """
        node = token.task_spec
        try:
            if task_first:
                node.canceled(token)
            node.conclude(token, is_canceled=True)
            if not task_first:
                node.canceled(token)
        except BpmnErrorThrown as thrown:
            raise HostFailed(f"a listener of the cancelled {node.name!r} threw {thrown}") from thrown

    def cancel_children(self, scope: Token, but: Token | None = None) -> None:
        """Everything inside the scope is cancelled."""
        for child in scope.children:
            if child is not but:
                self.cancel_token(child)
        scope.internal_data.pop("joins", None)

    def forget(self, token: Token) -> None:
        """The token is in the tree no more."""
        if token.id in self.stored_scopes:
            self.gone_scopes.add(token.id)
        self.changed.discard(token.id)
        token.leave_tree()

    def interrupt(self, scope: Token, but: Token) -> None:
        """An event of the scope has cancelled all that went on in there; `but` takes over."""
        others = [child for child in scope.children if child is not but]
        if len(others) == 1:
            self._interrupt_only(others[0])
        self.leave_only(but)

    def leave_only(self, token: Token) -> None:
        """All else that went on in the token's scope is cancelled, and nothing is waited for there any more."""
        self.cancel_children(token.scope, but=token)
        self.end_waits(token.scope)

    def _interrupt_only(self, token: Token) -> None:
        """Listeners are called as Camunda calls them for a token that has its scope for itself.

        End listeners even of an activity that it has come to and not begun; those of a user task after the task's own,
        unless the activity is a scope.
        """
        node = token.task_spec
        if not token.is_started:
            if not token.waits and token.flow is None:
                node.call_end_listeners(token)
        elif node.is_plain_task:
            self._tell_canceled(token, task_first=True)
            self.end_waits(token)
            self.end_activity(token, canceled=True)

    def replace(self, host: Token, node: Node, variables: Mapping[str, Any] | None = None) -> Token:
        """The host is cancelled and a token of `node` (its boundary event) has its place; answers that token."""
        if variables:
            write_all(host, variables)
        # the new one first: the scope must never look empty in between
        successor = self.enter(node, host.scope)
        compensation.hand_on(host, successor)
        self.cancel_token(host)
        self.arrive([successor])
        return successor

    def begin(self, variables: Mapping[str, Any], node: Node | None = None) -> None:
        """The new instance has its variables and stands at its start event."""
        root = self.task_tree
        self.started_with = dict(variables)
        for name, value in variables.items():
            write_local(root, name, value)
        node = node or self.definition.start_node(None)
        if node.initiator:
            write_local(root, node.initiator, self.user)
        self.last_activity = str(node.name)
        try:
            self.root_node.begin(root)
        except BpmnErrorThrown as thrown:
            raise HostFailed(f"the process threw {thrown}") from thrown
        first = self.enter(node, root)
        with self.hierarchy.running():
            self.look_at_new_conditions(root)
        if self.conditional_waits:
            # what it is started with counts as written
            self.variable_events.extend((root, name, "create") for name in variables)
        if not first.is_gone:
            self.arrive([first])

    def end(self, state: str, end_activity_id: str | None) -> None:
        """The instance is over. Its variables leave with it; who called it goes on if it has completed."""
        root = self.task_tree
        self.cancel_children(root)
        try:
            self.root_node.call_end_listeners(root)
        except BpmnErrorThrown as thrown:
            raise HostFailed(f"the process threw {thrown}") from thrown
        self.end_waits(root)
        compensation.drop(root)
        self.completed = True
        root.is_gone = True
        self.effects.append(fx.InstanceEnded(state, end_activity_id))
        if state == "COMPLETED":
            calling = self.calling_wait()
            if calling is not None:
                calling.node.pass_out(calling, self)
                calling.node.answer(calling, {})

    def follow(self, definition: Definition, definition_id: str, host: Host) -> None:
        """The instance is one of that definition; its tokens are yet to be given elements of it."""
        self.definition, self.definition_id, self.host = definition, definition_id, host
        self.nodes, self.root_node = definition.nodes, definition.root
        self.spec = definition.root.process
        self.task_tree.task_spec = definition.root

    # -- calling ----------------------------------------------------------------------------------------------------

    def call(self, wait: Wait, callee: Callee, business_key: str | None) -> Instance:
        """A new instance of the called process, its variables yet to be given."""
        called = Instance(
            self.hierarchy,
            callee.definition,
            callee.host,
            instance_id=callee.instance_id,
            definition_id=callee.definition_id,
            business_key=business_key,
            caller=Caller(self.instance_id, wait.number),
            is_new=True,
        )
        self.effects.append(fx.CallStarted(wait.token.id, called.instance_id))
        return called

    def calling_wait(self) -> Wait | None:
        """What the call activity that called this instance waits with, or None if nobody called it or waits."""
        if self.caller is None:
            return None
        caller = self.hierarchy.loaded(self.caller.instance_id, self.host)
        return caller.waits.get(self.caller.number)

    def end_calls(self, token: Token) -> None:
        """What the token has called is over."""
        for wait in list(token.waits.values()):
            if wait.kind == "call":
                called = self.hierarchy.loaded(wait.detail, self.host)
                if called.completed:
                    continue
                called.is_deleted = self.is_deleted
                called.skips_listeners, called.skips_mappings = self.skips_listeners, self.skips_mappings
                called.end("EXTERNALLY_TERMINATED" if self.is_deleted else "INTERNALLY_TERMINATED", None)

    def delete(self) -> None:
        """The instance is over before its end, and so are all that called it, up to the first."""
        root = self
        while root.caller is not None:
            root = self.hierarchy.loaded(root.caller.instance_id, root.host)
        root.is_deleted = True
        root.skips_listeners, root.skips_mappings = self.skips_listeners, self.skips_mappings
        root.end("EXTERNALLY_TERMINATED", None)

    # -- errors -----------------------------------------------------------------------------------------------------

    def fail(self, token: Token, thrown: BpmnErrorThrown) -> bool:
        """The BPMN error is caught, or (False) its token has ended as at a none end event: Camunda's rule for both."""
        if token.parent is None:
            # a listener of the process itself: nobody is left who could catch it
            raise HostFailed(f"the process threw {thrown}")
        if throwing.throw_error(token.scope if thrown.is_outside else token, thrown):
            return True
        write_all(token, thrown.variables)
        self.cancel_children(token)
        if token.is_started and not self._leaves(token):
            return False
        self.end_waits(token)
        self.end_activity(token, canceled=False)
        body = token.task_spec.body
        if body is None:
            self.leave(token)
        else:
            body.inner_done(token)
        return False

    def _leaves(self, token: Token) -> bool:
        """Listeners know that the token ends; False if one of them throws in its turn, and that is caught."""
        try:
            token.task_spec.call_end_listeners(token)
        except BpmnErrorThrown as thrown:
            if throwing.throw_error(token, thrown):
                return False
        self._tell_canceled(token, task_first=False)
        return True
