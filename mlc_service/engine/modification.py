"""Modification: tokens are cancelled and begun by hand, scopes that are missing around them are begun, too.

Camunda manual, "Process Instance Modification". The process instance itself stays alive until all instructions are
carried out, whatever they leave of it in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from SpiffWorkflow.util.task import TaskState

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
        node = _node(instance, instruction.activity_id)
        for found in [one for one in instance.tasks.values() if one.task_spec is node]:
            if not found.is_gone:
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
    if instruction.kind == "startTransition":
        source, flow = _flow(instance, instruction.transition_id)
        node = source
    else:
        node = _node(instance, instruction.activity_id)
        flow = None
        if instruction.kind == "startAfterActivity":
            flows = node.entry.flows
            if len(flows) != 1:
                many = "several outgoing flows" if flows else "no outgoing flow"
                raise InvalidModification(f"activity {node.name!r} has {many}: name the transition to start")
            flow = flows[0]
    anchor = node if flow is None else node.entry
    scope = _scope(instance, anchor, instruction.ancestor)
    if flow is not None and not instance.skips_listeners:
        for listener in flow.take_listeners:
            listener.value(scope)
    target = anchor if flow is None else flow.target
    token = target.body.one_more(scope) if flow is None and target.body is not None else instance.enter(target, scope)
    for name, value, is_local in instruction.variables:
        if is_local:
            write_local(token, name, value)
        else:
            write(scope, name, value)
    instance.arrive([token])


def _node(instance: Instance, activity_id: str | None) -> Node:
    node = instance.nodes.get(activity_id or "")
    if node is None or node is instance.root_node:
        raise InvalidModification(f"element {activity_id!r} does not exist in process {instance.definition.key!r}")
    return node


def _flow(instance: Instance, transition_id: str | None) -> tuple[Node, Flow]:
    for node in instance.nodes.values():
        for flow in node.flows:
            if flow.id == transition_id:
                return node, flow
    raise InvalidModification(f"transition {transition_id!r} does not exist in process {instance.definition.key!r}")


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
