"""The step in which a live instance goes over to another definition, as a plan says.

What is active keeps its number and what it waits for. Scopes that the plan does not map end and leave what is inside to
the scope around them; scopes that the new definition has in addition begin (Camunda manual, "Process Instance
Migration"). No token moves on because of it, but for those at an inclusive join that nothing can reach any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import compensation, modification
from . import effects as fx
from .compensation import Record
from .elements.activities import ReceiveTask
from .elements.boundary import BoundaryEvent
from .elements.events import CatchEvent
from .elements.gateways import EventBasedGateway, arrivals
from .elements.node import Flow, Node, ProcessRoot
from .elements.sub_process import SubProcess
from .elements.triggers import TimerTrigger
from .elements.user_task import UserTask
from .errors import BpmnErrorThrown, HostFailed, InvalidPlan, NotMigratable
from .migration import MigrationInstruction, enclosing, problems, rests

if TYPE_CHECKING:
    from .definition import Definition
    from .host import Host
    from .instance import Instance
    from .tokens import Token, Wait

_NO_INSTRUCTION = "there is no migration instruction for its activity"


@dataclass(frozen=True, slots=True)
class Unfit:
    """An activity instance or (`is_continuation`) a waiting continuation that cannot be migrated, and why not.

    Number 0 is the instance itself, whose activity is its definition.
    """

    number: int
    activity_id: str
    instruction: MigrationInstruction | None
    is_continuation: bool
    failures: Sequence[str]

    def __str__(self) -> str:
        return f"{self.activity_id!r}: {', '.join(self.failures)}"


def carry_out(
    instance: Instance, target: Definition, target_id: str, host: Host, plan: Sequence[MigrationInstruction]
) -> None:
    """The instance follows the target definition. Raises InvalidPlan, NotMigratable; then nothing has happened."""
    found = problems(instance.definition, target, plan)
    if found:
        raise InvalidPlan(found)
    step = _Step(instance, instance.definition, target, {one.source_id: one for one in plan})
    unfit = list(step.unfit())
    if unfit:
        raise NotMigratable(instance.instance_id, unfit)
    try:
        step.carry_out(target_id, host)
    except BpmnErrorThrown as thrown:
        # of a listener or a parameter of a scope that ends or begins: nobody can catch it on the way
        raise HostFailed(f"the migration threw {thrown}") from thrown


@dataclass(slots=True)
class _Step:
    instance: Instance
    source: Definition
    target: Definition
    plan: Mapping[str, MigrationInstruction]
    # scopes that have begun because of the migration, by the number of the scope around them and their own id
    begun: dict[tuple[int, str], Token] = field(default_factory=dict)
    # numbers of the records of scopes that count as finished because of it
    finished: set[int] = field(default_factory=set)

    def successor(self, node: Node) -> Node | None:
        """What takes over from an element of the source."""
        instruction = self.plan.get(str(node.name))
        return None if instruction is None else self.target.nodes[instruction.target_id]

    # -- does the plan fit? -----------------------------------------------------------------------------------------

    def unfit(self) -> Iterator[Unfit]:
        for token in _outside_in(self.instance.task_tree):
            continuation = next((wait for wait in token.waits.values() if wait.kind == "async"), None)
            records = compensation.records(token)
            failures = [*self._misfits(token, continuation), *self._lost(records, self._scope_left_of(token))]
            if failures:
                yield Unfit(
                    token.id if continuation is None else continuation.number,
                    str(token.task_spec.name if token.parent is not None else self.instance.definition_id),
                    self.plan.get(str(token.task_spec.name)),
                    continuation is not None,
                    failures,
                )

    def _misfits(self, token: Token, continuation: Wait | None) -> Iterator[str]:
        node = token.task_spec
        if isinstance(node, ProcessRoot):
            return
        target = self.successor(node)
        if target is None and not token.has_children:
            yield _NO_INSTRUCTION
        if continuation is None:
            if not rests(node):
                yield "activity instances of this type cannot be migrated"
        elif target is not None:
            if continuation.detail == "before":
                if not target.async_before:
                    yield "the target activity is not asyncBefore"
            elif not target.async_after:
                yield "the target activity is not asyncAfter"
            elif continuation.detail != "after" and _flow_after(continuation, target) is None:
                yield f"the target activity has no sequence flow {continuation.detail[1]!r}, and not just one"
        chosen = token.internal_data.get("chosen")
        if chosen is not None and chosen not in self.plan:
            yield f"there is no migration instruction for the event that has happened, {chosen!r}"

    def _scope_left_of(self, token: Token) -> Node:
        """What takes over from the token's scope, or from the closest one around it that has a successor."""
        while token.parent is not None:
            node = self.successor(token.task_spec)
            if node is not None:
                return node
            token = token.parent
        return self.target.root

    def _lost(self, records: Sequence[Record], scope: Node) -> Iterator[str]:
        """What could not be undone any more of what has completed in the scope."""
        for record in records:
            before: Any = self.source.nodes[record["node"]]
            after = self._completed(record)
            if after is not None and not (scope is self.target.root or scope in enclosing(after, self.target)):
                yield f"{before.name!r}, which can be undone, is mapped to {after.name!r}, outside {scope.name!r}"
            if "handler" in record:
                if after is None:
                    yield f"there is no migration instruction for the compensation boundary event of {before.name!r}"
                elif after.compensation_handler is None:
                    yield f"no compensation handler belongs to {after.name!r}"
                continue
            if before.undoes_itself:
                starts = [inner.event_start for inner in before.event_sub_processes if inner.is_compensation]
                if self.successor(starts[0]) is None:
                    yield f"there is no migration instruction for the compensation start event {starts[0].name!r}"
            yield from self._lost(record["inside"], scope if after is None else after)

    def _completed(self, record: Record) -> Node | None:
        """What counts as completed in the target: the host of a compensation event, or a scope."""
        if "handler" not in record:
            return self.successor(self.source.nodes[record["node"]])
        boundary = self.successor(self._compensation_boundary(record))
        return boundary.host if isinstance(boundary, BoundaryEvent) else None

    def _compensation_boundary(self, record: Record) -> BoundaryEvent:
        return next(
            node
            for node in self.source.nodes.values()
            if isinstance(node, BoundaryEvent)
            and node.kind == "compensation"
            and node.host is not None
            and node.host.name == record["node"]
        )

    # -- carrying it out --------------------------------------------------------------------------------------------

    def carry_out(self, target_id: str, host: Host) -> None:
        instance = self.instance
        root = instance.task_tree
        joins = self._leave_joins()
        self._end_scopes()
        records = {token.id: compensation.take(token) for token in _outside_in(root)}
        instance.follow(self.target, target_id, host)
        renamed = {one.source_id: one.target_id for one in self.plan.values() if one.source_id != one.target_id}
        scopes = tuple(token.id for token in _outside_in(root) if token.data)
        instance.effects.append(fx.Migrated(target_id, renamed, scopes))
        self._move_events(root, self.source.root, self.target.root)
        for token in [token for token in _outside_in(root) if token is not root]:
            self._move(token)
        for arrived in joins:
            self._join_again(arrived)
        for number, completed in records.items():
            token = instance.tasks[number]
            compensation.put(token, self._moved_records(completed, token.task_spec))

    def _leave_joins(self) -> list[list[int]]:
        """Numbers of the tokens that wait at the same join, in the order of their arrival."""
        self.instance.open_joins.clear()
        found = [token.internal_data.pop("joins", {}) for token in _outside_in(self.instance.task_tree)]
        return [arrived for joins in found for arrived in joins.values()]

    def _join_again(self, arrived: Sequence[int]) -> None:
        for number in arrived:
            token = self.instance.tasks[number]
            gateway = token.task_spec
            arrivals(gateway, token).append(number)
            if gateway.is_inclusive:
                self.instance.open_joins.add((token.scope.id, str(gateway.name)))

    def _end_scopes(self) -> None:
        """Scopes without an instruction are over; what was inside is in the scope around them, from the inside out."""
        for token in reversed(list(_outside_in(self.instance.task_tree))):
            if isinstance(token.task_spec, ProcessRoot) or self.successor(token.task_spec) is not None:
                continue
            around = token.scope
            for child in token.children:
                child.move_to(around)
            if compensation.has_records(token):
                compensation.put(around, [*compensation.take(around), *compensation.take(token)])
            self.instance.cancel_token(token)

    def _move(self, token: Token) -> None:
        before = token.task_spec
        node = self.successor(before)
        assert node is not None, "what has no instruction has ended"
        scope = self._scope_for(node, token.scope)
        if scope is not token.scope:
            token.move_to(scope)
        token.task_spec = node
        chosen = token.internal_data.get("chosen")
        if chosen is not None:
            token.internal_data["chosen"] = self.plan[chosen].target_id
        self._move_work(token, before, node)
        self._move_events(token, before, node)
        if token.is_started and node.is_in_history:
            self.instance.effects.append(
                fx.ActivityMigrated(token.id, str(node.name), node.bpmn_name, node.activity_type, scope.id)
            )

    def _scope_for(self, node: Node, around: Token) -> Token:
        """The token of the scope in which the node stands; `around` is of one of the scopes that enclose it."""
        for scope in self._between(node, around.task_spec):
            place = (around.id, str(scope.name))
            if place not in self.begun:
                self.begun[place] = modification.begin_scopes(around, [scope])
            around = self.begun[place]
        return around

    def _move_work(self, token: Token, before: Node, node: Any) -> None:
        """What the activity itself waits for goes on under its new name."""
        for wait in list(token.waits.values()):
            if wait.node is not before or wait.kind in ("signal", "message", "conditional", "timer"):
                continue
            wait.node = node
            if wait.kind == "task":
                self.instance.effects.append(fx.TaskMigrated(wait.number, *node.form_at(token)))
            elif wait.kind in ("async", "delegate"):
                self._move_job(wait, before, node)
            elif wait.kind == "trigger" and node.trigger is not None:
                # it waits for a message now
                self.instance.end_wait(wait)

    def _move_job(self, wait: Wait, before: Any, node: Any) -> None:
        changes: dict[str, Any] = {}
        if wait.kind == "async" and wait.detail not in ("before", "after"):
            flow = _flow_after(wait, node)
            assert flow is not None, "checked by _misfits"
            wait.detail = ["after", flow.id]
        if node.retry_cycle != before.retry_cycle:
            changes["retry_cycle"] = node.retry_cycle
        # a delegate task may also wait before or behind itself, with a job that calls nobody
        if wait.kind == "delegate" and node.implementation != before.implementation:
            changes["implementation"] = node.implementation
        if changes:
            self.instance.effects.append(fx.JobChanged(wait.number, changes))

    def _move_events(self, token: Token, before: Node, node: Node) -> None:
        """Mapped events are waited for as before, others not any more; those that are new are waited for, too."""
        if any(wait.kind == "async" for wait in token.waits.values()):
            return
        awaited = _events_at(node)
        for wait in list(token.waits.values()):
            if wait.kind in ("signal", "message", "conditional", "timer") and not _is_timeout(wait):
                self._move_event(wait, awaited)
        # an event that has fired already, or whose scope was interrupted, is not a new one
        known = [self.successor(event) for event in _events_at(before).values()]
        for event in awaited.values():
            if event not in known:
                event.trigger.subscribe(token, event)
        if isinstance(before, UserTask) and isinstance(node, UserTask):
            self._move_timeouts(token, before, node)

    def _move_event(self, wait: Wait, awaited: Mapping[str, Any]) -> None:
        before = wait.node
        event = self.successor(before)
        if event is None or str(event.name) not in awaited:
            self.instance.end_wait(wait)
        else:
            wait.node = event
            self._move_trigger(wait, before.trigger, awaited[str(event.name)].trigger, str(before.name))

    def _move_trigger(self, wait: Wait, before: Any, trigger: Any, source_id: str) -> None:
        if self.plan[source_id].updates_trigger:
            trigger.renew(wait)
        elif isinstance(trigger, TimerTrigger) and trigger.cycle_kind != before.cycle_kind:
            # it fires as it was planned, and then no more: the two count differently
            wait.detail = [*wait.detail[:2], 0, *wait.detail[3:]]

    def _move_timeouts(self, token: Token, before: UserTask, node: UserTask) -> None:
        index_of = {timeout.id: index for index, timeout in enumerate(node.form.timeouts)}
        for wait in list(token.waits.values()):
            if not _is_timeout(wait):
                continue
            timeout = before.form.timeouts[wait.detail[-1]]
            if timeout.id not in index_of:
                self.instance.end_wait(wait)
                continue
            index = index_of[timeout.id]
            wait.node = node
            wait.detail = [*wait.detail[:-1], index]
            self._move_trigger(wait, timeout.timer, node.form.timeouts[index].timer, str(before.name))
        known = {timeout.id for timeout in before.form.timeouts}
        for index, timeout in enumerate(node.form.timeouts):
            if timeout.id not in known:
                node.arm_timeout(timeout, token, index)

    # -- compensation -----------------------------------------------------------------------------------------------

    def _moved_records(self, records: Sequence[Record], scope: Node) -> list[Record]:
        """The records as the target has them, for those that stand in the scope."""
        moved: list[Record] = []
        for record in records:
            done = self._completed(record)
            if done is None:
                # a finished scope that is gone leaves what has completed inside, as a live one does
                moved += self._moved_records(record["inside"], scope)
                continue
            if "handler" in record:
                assert done.compensation_handler is not None
                one = {**record, "node": done.name, "handler": done.compensation_handler.name}
            else:
                one = {**record, "node": done.name, "inside": self._moved_records(record["inside"], done)}
            self._place(moved, one, done, scope)
        return moved

    def _place(self, records: list[Record], record: Record, done: Node, scope: Node) -> None:
        """The record is among those of the scope, inside a finished scope each for those that are new around it."""
        for one in self._between(done, scope):
            begun = [other for other in records if other["n"] in self.finished and other["node"] == one.name]
            if not begun:
                begun = [{"n": self.instance.new_number(), "node": one.name, "data": {}, "inside": []}]
                self.finished.add(begun[0]["n"])
                records += begun
            records = begun[0]["inside"]
        records.append(record)

    def _between(self, node: Node, scope: Node) -> list[Node]:
        """The scopes of the target that stand between the two, the outermost first."""
        found: list[Node] = []
        for one in enclosing(node, self.target):
            if one is scope:
                break
            found.insert(0, one)
        return found


def _outside_in(token: Token) -> Iterator[Token]:
    """The token and all it encloses, scopes first."""
    yield token
    for child in token.children:
        yield from _outside_in(child)


def _events_at(node: Node) -> dict[str, Any]:
    """Events that are waited for as long as the activity is active, by id."""
    found: list[Any] = list(node.boundary_events)
    if isinstance(node, (SubProcess, ProcessRoot)):
        found += [inner.event_start for inner in node.event_sub_processes]
    elif isinstance(node, EventBasedGateway):
        found += [flow.target for flow in node.flows]
    elif isinstance(node, (CatchEvent, ReceiveTask)):
        found.append(node)
    return {str(event.name): event for event in found if event.trigger is not None}


def _flow_after(continuation: Wait, target: Node) -> Flow | None:
    """The flow of the target that a token behind its activity takes: the one of that id, else its only one."""
    same = [flow for flow in target.flows if flow.id == continuation.detail[1]]
    found = same or (target.flows if len(target.flows) == 1 else [])
    return found[0] if found else None


def _is_timeout(wait: Wait) -> bool:
    return wait.kind == "timer" and isinstance(wait.node, UserTask)
