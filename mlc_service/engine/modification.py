"""Modification: tokens are cancelled and begun by hand, scopes that are missing around them are begun, too.

Camunda manual, "Process Instance Modification". The process instance itself stays alive until all instructions are
carried out, whatever they leave of it in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from SpiffWorkflow.util.task import TaskState

from .elements.boundary import BoundaryEvent
from .elements.events import CatchEvent
from .elements.gateways import EventBasedGateway
from .elements.sub_process import EventStart, EventSubProcess
from .errors import InvalidModification
from .variables import write, write_local

if TYPE_CHECKING:
    from .elements.node import Flow, Node
    from .instance import Instance
    from .tokens import Token

Kind = Literal["cancel", "startBeforeActivity", "startAfterActivity", "startTransition"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One thing to do; numbers are those of activity instances and of continuations (transition instances).

    `cancel` names what to cancel by `number`, or all of `activity_id`. The others name where to begin by
    `activity_id` or `transition_id`, and with `ancestor` in which of several scopes. `variables` are triples of name,
    value, and whether it is local to what is begun.
    """

    kind: Kind
    activity_id: str | None = None
    transition_id: str | None = None
    number: int | None = None
    ancestor: int | None = None
    variables: Sequence[tuple[str, Any, bool]] = ()


def begin(instance: Instance, variables: Mapping[str, Any], instructions: Sequence[Instruction]) -> None:
    """The new instance has its variables and begins where the instructions say, not at a start event."""
    root = instance.task_tree
    instance.started_with = dict(variables)
    for name, value in variables.items():
        write_local(root, name, value)
    instance.root_node.begin(root)
    carry_out(instance, instructions)


def carry_out(instance: Instance, instructions: Sequence[Instruction]) -> None:
    """The instructions are carried out in order; an instance that has nothing left to do has ended."""
    root = instance.task_tree
    instance.is_kept = True
    for position, instruction in enumerate(instructions):
        try:
            if instruction.kind == "cancel":
                _cancel(instance, instruction)
            else:
                _start(instance, instruction)
        except InvalidModification as invalid:
            raise InvalidModification(f"instruction {position + 1} ({instruction.kind}): {invalid}") from None
        instance.hierarchy.run()
    instance.is_kept = False
    if root.has_children or instance.completed:
        return
    if instructions[-1].kind == "cancel":
        instance.delete()
    else:
        instance.end("COMPLETED", instance.last_activity)


def _cancel(instance: Instance, instruction: Instruction) -> None:
    if instruction.number is None:
        # an activity that is not there has no instances either: nothing to do, as in Camunda
        wanted = [one for one in instance.tasks.values() if one.task_spec.name == instruction.activity_id]
        for found in wanted:
            if not found.is_gone and found.parent is not None:
                _cancel_with_empty_scopes(found)
        return
    token: Token | None = instance.tasks.get(instruction.number)
    if token is None:
        wait = instance.waits.get(instruction.number)
        token = wait.token if wait is not None and wait.kind == "async" else None
    if token is None:
        raise InvalidModification("there is no such activity instance or transition instance")
    if token.parent is None:
        # the whole instance: all that is in it, since it is kept until the end of the modification
        instance.cancel_children(token)
    else:
        _cancel_with_empty_scopes(token)


def _cancel_with_empty_scopes(token: Token) -> None:
    instance = token.workflow
    scope = token.scope
    while not (scope.parent is None or any(child is not token for child in scope.children)):
        token, scope = scope, scope.scope
    instance.cancel_token(token)
    body = token.task_spec.body
    if body is not None and not scope.is_gone:
        body.one_less(scope)


def _start(instance: Instance, instruction: Instruction) -> None:
    flow: Flow | None = None
    if instruction.kind == "startBeforeActivity":
        node = _begun_by(instance, _node(instance, instruction.activity_id))
    else:
        node, flow = _flow_to_take(instance, instruction)
    scope = _scope(instance, node, instruction.ancestor)
    for name, value, is_local in instruction.variables:
        if not is_local:
            write(scope, name, value)
    if flow is None:
        token = _enter(scope, node)
    else:
        if not instance.skips_listeners:
            for listener in flow.take_listeners:
                listener.value(scope)
        token = instance.enter(flow.target, scope)
        instance.arrive([token])
    # local is what the branch has of its own; alone in its scope it shares the scope's, as in Camunda
    owner = scope if scope.child_count == 1 else token
    for name, value, is_local in instruction.variables:
        if is_local:
            write_local(owner, name, value)


def _begun_by(instance: Instance, node: Node) -> Node:
    """The event sub-process, if the node is its start event and it is yet to begin; else the node itself."""
    if isinstance(node, EventStart) and node.starts is not None:
        starts = node.starts
        if not any(one.task_spec is starts and one.is_started for one in instance.tasks.values()):
            return starts
    return node


def _enter(scope: Token, node: Node) -> Token:
    """A token at the node, which has displaced what the node would displace if it were its turn."""
    instance = scope.workflow
    if node.body is not None:
        token = node.body.one_more(scope)
        instance.arrive([token])
        return token
    displaced = [child for child in scope.children if _displaces(node, child)]
    if len(displaced) > 1:
        raise InvalidModification(
            f"there are {len(displaced)} instances of {displaced[0].task_spec.name!r} that {node.name!r} could end"
        )
    if displaced:
        token = instance.replace(displaced[0], node)
    else:
        token = instance.enter(node, scope)
        instance.arrive([token])
    if isinstance(node, CatchEvent) and any(isinstance(one, EventBasedGateway) for one in _before(node)):
        # it has no life of its own: to begin it is to let it happen
        token.internal_data["fired"] = True
    if isinstance(node, EventSubProcess) and node.event_start.is_interrupting:
        instance.cancel_children(scope, but=token)
    return token


def _displaces(node: Node, token: Token) -> bool:
    if isinstance(node, BoundaryEvent):
        return node.is_interrupting and node in token.task_spec.boundary_events
    return isinstance(token.task_spec, EventBasedGateway) and token.task_spec in _before(node)


def _before(node: Node) -> list[Node]:
    """The nodes from which a flow leads to this one."""
    return [one for one in node.process.task_specs.values() if any(flow.target is node for flow in one.flows)]


def _flow_to_take(instance: Instance, instruction: Instruction) -> tuple[Node, Flow]:
    """The flow that is named, or the only one that leaves the activity, and where it leaves."""
    if instruction.kind == "startTransition":
        for node in instance.nodes.values():
            for flow in node.flows:
                if flow.id == instruction.transition_id and not isinstance(node, EventBasedGateway):
                    return node, flow
        raise InvalidModification(
            f"transition {instruction.transition_id!r} does not exist in process {instance.definition.key!r}"
        )
    node = _node(instance, instruction.activity_id)
    if len(node.flows) != 1:
        many = "several outgoing flows" if node.flows else "no outgoing flow"
        raise InvalidModification(f"activity {node.name!r} has {many}: name the transition to start")
    return node, node.flows[0]


def _node(instance: Instance, activity_id: str | None) -> Node:
    node = instance.nodes.get(activity_id or "")
    if node is None or node is instance.root_node:
        raise InvalidModification(f"element {activity_id!r} does not exist in process {instance.definition.key!r}")
    return node


def _scope(instance: Instance, node: Node, ancestor: int | None) -> Token:
    """The token of the scope around the node; those that are missing are begun."""
    path: list[Node] = []
    parent_id = node.parent_id
    while parent_id is not None:
        parent = instance.nodes[parent_id]
        path.insert(0, parent)
        parent_id = parent.parent_id
    scope = instance.task_tree
    if ancestor is not None:
        chosen = instance.tasks.get(ancestor)
        if chosen is None:
            raise InvalidModification("there is no such ancestor activity instance")
        if chosen.parent is not None:
            if chosen.task_spec not in path:
                raise InvalidModification(
                    f"activity instance of {chosen.task_spec.name!r} is no ancestor of {node.name!r}"
                )
            path = path[path.index(chosen.task_spec) + 1 :]
            scope = chosen
        return begin_scopes(scope, path)
    while path:
        inside = [child for child in scope.children if child.task_spec is path[0] and child.is_started]
        if len(inside) > 1:
            raise InvalidModification(
                f"there are {len(inside)} instances of {path[0].name!r}: say which by ancestorActivityInstanceId"
            )
        if not inside:
            break
        scope = inside[0]
        path = path[1:]
    return begin_scopes(scope, path)


def begin_scopes(scope: Token, path: Sequence[Node]) -> Token:
    """The innermost of the scopes that have begun inside each other, outermost first."""
    for node in path:
        instance = scope.workflow
        scope = instance.enter(node, scope) if node.body is None else node.body.one_more(scope)
        scope._set_state(TaskState.STARTED)
        node.begin(scope)
    return scope
