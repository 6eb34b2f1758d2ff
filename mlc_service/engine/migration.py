"""Migration plans: which activity of one definition takes over from which of another, and what is wrong with that.

Camunda manual, "Process Instance Migration". A plan is looked at without any instance; whether it fits what is active
in one is seen when it is carried out (`migration_step`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .definition import Definition
from .elements.activities import ConnectorTask, DelegateTask, ExpressionTask, ReceiveTask
from .elements.boundary import BoundaryEvent
from .elements.call_activity import CallActivity
from .elements.events import CatchEvent, CompensationThrow, EndEvent, SignalThrow, StartEvent, ThrowEvent
from .elements.external_task import ExternalTaskNode
from .elements.gateways import EventBasedGateway, InclusiveGateway, ParallelGateway
from .elements.multi_instance import MultiInstance
from .elements.node import ROOT_ID, Node
from .elements.sub_process import EventStart, SubProcess
from .elements.user_task import UserTask

ProblemKind = Literal["unknown", "repeated", "type", "event", "loop", "gateway", "event scope", "trigger", "scope"]

_JOINS = (ParallelGateway, InclusiveGateway)
_EVENTS = (BoundaryEvent, EventStart, CatchEvent)
# where an instance can rest. A delegate is called by a job, whatever the diagram says of asynchronous continuations
_RESTING = (
    *(SubProcess, MultiInstance, UserTask, ReceiveTask, CallActivity, ExternalTaskNode, DelegateTask),
    *(CatchEvent, EventBasedGateway, *_JOINS),
)

# what is alike whatever it is called in the history; the first that fits
_TYPES: tuple[tuple[type[Node], str], ...] = (
    (SubProcess, "sub-process"),
    (EventStart, "start event of an event sub-process"),
    (StartEvent, "start event"),
    (BoundaryEvent, "boundary event"),
    (CatchEvent, "intermediate catch event"),
    (ThrowEvent, "intermediate throw event"),
    (EndEvent, "end event"),
    (CompensationThrow, "compensation event"),
    (ExternalTaskNode, "external task"),
    (ConnectorTask, "connector task"),
    (DelegateTask, "delegate task"),
    (ExpressionTask, "expression task"),
)


@dataclass(frozen=True, slots=True)
class MigrationInstruction:
    """Whatever is at the one activity goes on at the other.

    `updates_trigger`: an event is waited for as the new definition has it, a timer counted from the migration on.
    """

    source_id: str
    target_id: str
    updates_trigger: bool = False


@dataclass(frozen=True, slots=True)
class PlanProblem:
    """Something that is wrong with an instruction; the message is fit for a person."""

    instruction: MigrationInstruction
    kind: ProblemKind
    message: str

    def __str__(self) -> str:
        return f"{self.instruction.source_id!r} to {self.instruction.target_id!r}: {self.message}"


def generate_plan(
    source: Definition, target: Definition, *, updates_triggers: bool = False
) -> list[MigrationInstruction]:
    """An instruction for everything that is the same in both definitions and at which an instance can rest.

    The same is what has the same id, kind, and enclosing scopes. In the order of the source's file.
    """
    found = _generate(source, target, ROOT_ID, ROOT_ID, _Plan(source, target, []), updates_triggers)
    pairs = _sound(found, _CHECKS).pairs
    order = {str(name): position for position, name in enumerate(source.nodes)}
    return [pair.instruction for pair in sorted(pairs, key=lambda pair: order[pair.instruction.source_id])]


def problems(source: Definition, target: Definition, plan: Iterable[MigrationInstruction]) -> list[PlanProblem]:
    """All that is wrong with the plan, in its order."""
    plan = list(plan)
    known = _Plan(source, target, [pair for one in plan for pair in _pairs(one, source, target)])
    found = []
    for instruction in plan:
        for pair in _pairs(instruction, source, target):
            found += [PlanProblem(instruction, kind, message) for kind, message in _findings(pair, known, _CHECKS)]
        for role, definition, id in (
            ("source", source, instruction.source_id),
            ("target", target, instruction.target_id),
        ):
            if _node(definition, id) is None:
                found.append(PlanProblem(instruction, "unknown", f"there is no {role} activity {id!r}"))
    return found


def rests(node: Node) -> bool:
    """Whether an activity instance can be found there between two steps, and moved."""
    return isinstance(node, _RESTING)


def enclosing(node: Node, definition: Definition) -> Iterator[Node]:
    """The scopes around the node, the innermost first; the process itself is not among them."""
    parent_id = node.parent_id
    while parent_id is not None:
        scope = definition.nodes[parent_id]
        yield scope
        parent_id = scope.parent_id


# -- generating -------------------------------------------------------------------------------------------------------


def _generate(
    source: Definition, target: Definition, source_scope: str, target_scope: str, so_far: _Plan, updates: bool
) -> _Plan:
    """What is equal in these two scopes, then what is inside it."""
    in_target = {str(node.name): node for node in _inside(target, target_scope)}
    equal = []
    for node in _inside(source, source_scope):
        other = in_target.get(str(node.name))
        if other is None or str(node.name) in so_far.by_source or not (_is_generated(node) and _is_generated(other)):
            continue
        # a condition has no trigger of its own to keep
        updated = _is_conditional(node) or (updates and _has_trigger(node))
        equal.append(_Pair(MigrationInstruction(str(node.name), str(other.name), updated), node, other))
    plan = _sound(_Plan(source, target, [*so_far.pairs, *equal]), _CHECKS_OF_A_PART)
    for pair in equal:
        if pair.instruction.source_id in plan.by_source:
            plan = _generate(source, target, str(pair.source.name), str(pair.target.name), plan, updates)
    return plan


def _inside(definition: Definition, scope: str) -> list[Node]:
    """Elements in the scope, and the start events that wait there for event sub-processes."""
    nodes = [node for node in definition.nodes.values() if node.name != ROOT_ID]
    return [
        *(node for node in nodes if _flow_scope(node) == scope),
        *(node for node in nodes if isinstance(node, EventStart) and _scope_that_waits(node) == scope),
    ]


def _is_generated(node: Node) -> bool:
    if node.is_for_compensation or node.is_compensation:
        return False
    if isinstance(node, (BoundaryEvent, EventStart)):
        return node.trigger is not None or node.kind == "compensation"
    return rests(node) or node.async_before or node.async_after


def _sound(plan: _Plan, checks: Iterable[Check]) -> _Plan:
    """The plan without what is wrong in it, and without what is wrong because of that."""
    while True:
        kept = [pair for pair in plan.pairs if not list(_findings(pair, plan, checks))]
        if len(kept) == len(plan.pairs):
            return plan
        plan = _Plan(plan.source, plan.target, kept)


# -- looking at instructions ------------------------------------------------------------------------------------------


class _Pair(NamedTuple):
    instruction: MigrationInstruction
    source: Node
    target: Node


class _Plan:
    """Instructions whose activities exist, to be found by either end."""

    def __init__(self, source: Definition, target: Definition, pairs: list[_Pair]) -> None:
        self.source = source
        self.target = target
        self.pairs = pairs
        self.behind_in_source = _behind_gateways(source)
        self.behind_in_target = _behind_gateways(target)
        self.by_source: dict[str, list[_Pair]] = {}
        self.by_target: dict[str, list[_Pair]] = {}
        for pair in pairs:
            self.by_source.setdefault(pair.instruction.source_id, []).append(pair)
            self.by_target.setdefault(pair.instruction.target_id, []).append(pair)

    def taken_over(self, source_id: str) -> str | None:
        """The id of what takes over from an activity, or from the process."""
        if source_id == ROOT_ID:
            return ROOT_ID
        pairs = self.by_source.get(source_id)
        return pairs[0].instruction.target_id if pairs else None


Finding = tuple[ProblemKind, str]
Check = Callable[[_Pair, _Plan], Iterator[Finding]]


def _findings(pair: _Pair, plan: _Plan, checks: Iterable[Check]) -> Iterator[Finding]:
    for check in checks:
        yield from check(pair, plan)


def _once(pair: _Pair, plan: _Plan) -> Iterator[Finding]:
    others = plan.by_source[pair.instruction.source_id]
    if len(others) > 1:
        # no more than a person reads
        listed = " and to ".join(repr(one.instruction.target_id) for one in others[:5])
        yield "repeated", f"the source activity is mapped more than once: to {listed}"


def _same_type(pair: _Pair, _: _Plan) -> Iterator[Finding]:
    before, after = _type(pair.source), _type(pair.target)
    if before != after:
        yield "type", f"the types of the activities are not compatible: {before} and {after}"


def _same_event(pair: _Pair, _: _Plan) -> Iterator[Finding]:
    # of intermediate catch events, too, where Camunda lets an instance wait for both
    before, after = pair.source.activity_type, pair.target.activity_type
    if isinstance(pair.source, _EVENTS) and _type(pair.source) == _type(pair.target) and before != after:
        yield "event", f"the events are not of the same type: {before} and {after}"


def _no_new_loop(pair: _Pair, plan: _Plan) -> Iterator[Finding]:
    for scope in enclosing(pair.target, plan.target):
        if str(scope.name) in plan.by_target:
            return
        if isinstance(scope, MultiInstance):
            yield "loop", f"the target activity is inside the multi-instance body {scope.name!r}, which is not mapped"
            return


def _whole_loop(pair: _Pair, plan: _Plan) -> Iterator[Finding]:
    if isinstance(pair.target, MultiInstance) and str(pair.target.inner.name) not in plan.by_target:
        yield "loop", f"the multi-instance body is mapped, so {pair.target.inner.name!r} inside must be mapped to, too"
    if isinstance(pair.source, MultiInstance) and str(pair.source.inner.name) not in plan.by_source:
        yield "loop", f"the multi-instance body is mapped, so {pair.source.inner.name!r} inside must be mapped, too"


def _room_at_join(pair: _Pair, plan: _Plan) -> Iterator[Finding]:
    """A join must never hold more tokens than it waits for."""
    if not isinstance(pair.target, _JOINS):
        return
    if pair.source.incoming_count > pair.target.incoming_count:
        yield "gateway", "the target gateway must have at least as many incoming sequence flows as the source gateway"
    if pair.source.parent_id is not None and pair.source.parent_id not in plan.by_source:
        yield "gateway", f"the scope of the gateway, {pair.source.parent_id!r}, must be mapped"
    if len(plan.by_target[pair.instruction.target_id]) > 1:
        yield "gateway", f"only one gateway can be mapped to {pair.target.name!r}"


def _same_host(pair: _Pair, plan: _Plan) -> Iterator[Finding]:
    """Where an event is waited for must be mapped to where the other one is waited for."""
    before = _event_scope(pair.source, plan.behind_in_source)
    if before is None or before == _flow_scope(pair.source) or _is_compensation_boundary(pair.source):
        return
    after = _event_scope(pair.target, plan.behind_in_target)
    shown = _shown(before, plan.source)
    if after is None:
        yield "event scope", f"the event is waited for at {shown}, its target at no activity"
    elif plan.taken_over(before) != after:
        yield "event scope", f"the event is waited for at {shown}, which must be mapped to {_shown(after, plan.target)}"


def _updatable(pair: _Pair, _: _Plan) -> Iterator[Finding]:
    if pair.instruction.updates_trigger and not _has_trigger(pair.source):
        yield "trigger", "there is no trigger to update: the activity does not wait for an event by itself"
    if not pair.instruction.updates_trigger and _is_conditional(pair.source):
        yield "trigger", "a conditional event can be migrated only with its trigger updated"


def _same_hierarchy(pair: _Pair, plan: _Plan) -> Iterator[Finding]:
    around = next((one for one in enclosing(pair.source, plan.source) if str(one.name) in plan.by_source), None)
    if around is None:
        return
    successor = plan.taken_over(str(around.name))
    if not any(scope.name == successor for scope in enclosing(pair.target, plan.target)):
        yield (
            "scope",
            f"the closest mapped scope around the source, {around.name!r}, is mapped to {successor!r}, "
            f"which does not enclose {pair.target.name!r}",
        )


# while a plan is generated, what is inside a loop is still to come
_CHECKS_OF_A_PART: tuple[Check, ...] = (
    *(_same_type, _same_event, _once, _no_new_loop, _room_at_join, _same_host, _updatable, _same_hierarchy),
)
_CHECKS: tuple[Check, ...] = (*_CHECKS_OF_A_PART, _whole_loop)


# -- looking at elements ----------------------------------------------------------------------------------------------


def _node(definition: Definition, id: str) -> Node | None:
    return None if id == ROOT_ID else definition.nodes.get(id)


def _pairs(instruction: MigrationInstruction, source: Definition, target: Definition) -> Iterator[_Pair]:
    before, after = _node(source, instruction.source_id), _node(target, instruction.target_id)
    if before is not None and after is not None:
        yield _Pair(instruction, before, after)


def _type(node: Node) -> str:
    """What an element does, whether it is a sub-process of one sort or another, or an end event or not."""
    if isinstance(node, MultiInstance):
        return "sequential multi-instance body" if node.is_sequential else "parallel multi-instance body"
    if isinstance(node, (ThrowEvent, EndEvent)) and node.throws is not None:
        return "signal event" if isinstance(node.throws, SignalThrow) else "escalation event"
    return next((name for element, name in _TYPES if isinstance(node, element)), node.activity_type)


def _is_conditional(node: Node) -> bool:
    return isinstance(node, _EVENTS) and node.trigger is not None and node.trigger.kind == "conditional"


def _is_compensation_boundary(node: Node) -> bool:
    return isinstance(node, BoundaryEvent) and node.kind == "compensation"


def _has_trigger(node: Node) -> bool:
    if isinstance(node, UserTask):
        return bool(node.form.timeouts)
    return isinstance(node, (*_EVENTS, ReceiveTask)) and node.trigger is not None


def _flow_scope(node: Node) -> str:
    return ROOT_ID if node.parent_id is None else node.parent_id


def _scope_that_waits(start: EventStart) -> str:
    """The scope around the event sub-process."""
    assert start.starts is not None
    return _flow_scope(start.starts)


def _event_scope(node: Node, behind_gateways: Mapping[str, str]) -> str | None:
    """The id of what waits for the event, None if the element waits for none."""
    if isinstance(node, BoundaryEvent):
        return None if node.host is None else str(node.host.entry.name)
    if isinstance(node, EventStart):
        return _scope_that_waits(node)
    if isinstance(node, CatchEvent):
        return behind_gateways.get(str(node.name), str(node.name))
    return str(node.name) if isinstance(node, ReceiveTask) and node.trigger is not None else None


def _behind_gateways(definition: Definition) -> dict[str, str]:
    """Ids of the events that an event-based gateway waits for, with its own."""
    gateways = [node for node in definition.nodes.values() if isinstance(node, EventBasedGateway)]
    return {str(flow.target.name): str(gateway.name) for gateway in gateways for flow in gateway.flows}


def _shown(scope: str, definition: Definition) -> str:
    return f"the process {definition.key!r}" if scope == ROOT_ID else repr(scope)
