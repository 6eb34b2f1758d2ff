"""Compensation: what has completed is remembered in its scope, and undone in reverse order when somebody throws.

A record is plain data in the scope's token:
    {"n": number of its subscription, "node": what has completed, "handler": who undoes it}
    {"n": …, "node": a finished scope, "data": its variables, "inside": the records of what completed in it}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import effects as fx
from .values import from_stored, to_stored

if TYPE_CHECKING:
    from .elements.node import Node
    from .instance import Instance
    from .tokens import Token

Record = dict[str, Any]
BODY = "#multiInstanceBody"

_KEPT = "compensations"
# marks a finished scope that is there again for as long as it is undone
UNDOING = "undoing"
# of a handler, the number of the event that waits for it; of that event, how many it waits for
_THROWER, _OPEN = "thrower", "handlers"


def keep(token: Token) -> None:
    """The completed activity can be compensated, as long as its scope lives.

    A scope is remembered with a snapshot of its variables and with what can be undone inside it.
    """
    instance, node = token.workflow, token.task_spec
    inside: list[Record] = token.internal_data.pop(_KEPT, [])
    if inside or node.undoes_itself:
        number = instance.new_number()
        for one in inside:
            _unsubscribe(token, one)
            one["n"] = instance.new_number()
            _subscribe(token, one, number)
        data = {name: to_stored(value) for name, value in token.data.items()}
        _remember(token.scope, {"n": number, "node": node.name, "data": data, "inside": inside})
    if node.compensation_handler is not None:
        handler = node.compensation_handler.name
        _remember(token.scope, {"n": instance.new_number(), "node": node.name, "handler": handler})


def has_records(token: Token) -> bool:
    """Whether something has completed inside that can be undone."""
    return _KEPT in token.internal_data


def drop(token: Token) -> None:
    """Nothing that has completed inside the token can be compensated any more."""
    for record in token.internal_data.pop(_KEPT, ()):
        _unsubscribe_all(token, record)


def records(token: Token) -> list[Record]:
    """What has completed inside the token and can be undone."""
    kept: list[Record] = token.internal_data.get(_KEPT, [])
    return kept


def take(token: Token) -> list[Record]:
    """As `records`, which the token does not know of any more."""
    taken: list[Record] = token.internal_data.pop(_KEPT, [])
    for record in taken:
        _unsubscribe_all(token, record)
    return taken


def put(scope: Token, completed: list[Record]) -> None:
    """These have completed inside the scope, and nothing else."""
    if completed:
        scope.internal_data[_KEPT] = completed
    for record in completed:
        _subscribe_all(scope, record, scope.id)


def throw(thrower: Token, activity_id: str | None) -> bool:
    """The handlers of all that has completed in the thrower's scope have begun; False if there is nothing to undo.

    With `activity_id` only that activity is undone. The last one completed comes first. An event sub-process also
    undoes what the scope around it has done. The thrower's `scope_done` says when all have ended.
    """
    scope: Token | None = thrower.scope
    chosen = _taken(scope, activity_id)
    while scope is not None and scope.task_spec.is_event_sub_process:
        scope = scope.parent
        chosen += _taken(scope, activity_id)
    if not chosen:
        return False
    thrower.internal_data[_OPEN] = len(chosen)
    _undo(chosen, thrower)
    return True


def undo_inside(scope: Token) -> None:
    """The handlers of all that has completed in the finished scope have begun."""
    _undo(_taken(scope, None), None)


def _taken(scope: Token | None, activity_id: str | None) -> list[tuple[Token, Record]]:
    """What is to be undone, with its scope, which remembers it no more."""
    if scope is None:
        return []
    kept: list[Record] = scope.internal_data.pop(_KEPT, [])
    chosen = [record for record in kept if activity_id is None or record["node"].removesuffix(BODY) == activity_id]
    left = [record for record in kept if record not in chosen]
    if left:
        scope.internal_data[_KEPT] = left
    return [(scope, record) for record in chosen]


def handler_left(handler: Token) -> None:
    """The event that waits for this handler goes on if it was the last one."""
    thrower = handler.workflow.tasks.get(handler.internal_data[_THROWER])
    if thrower is None:
        return
    thrower.internal_data[_OPEN] -= 1
    if not thrower.internal_data[_OPEN]:
        thrower.task_spec.scope_done(thrower)


def hand_on(handler: Token, heir: Token) -> None:
    """Whoever waits for the handler waits for what comes after it instead."""
    if _THROWER in handler.internal_data:
        heir.internal_data[_THROWER] = handler.internal_data.pop(_THROWER)


def is_handler(token: Token) -> bool:
    """Whether an event waits for this token."""
    return _THROWER in token.internal_data


def _undo(records: list[tuple[Token, Record]], thrower: Token | None) -> None:
    handlers = []
    for scope, record in sorted(records, key=lambda one: int(one[1]["n"]), reverse=True):
        instance = scope.workflow
        _unsubscribe(scope, record)
        node = _node(instance, record)
        handler = instance.enter(node, scope)
        if thrower is not None:
            handler.internal_data[_THROWER] = thrower.id
        if "handler" not in record:
            handler.internal_data[UNDOING] = True
            handler.internal_data[_KEPT] = record["inside"]
            handler.data = {name: from_stored(value) for name, value in record["data"].items()}
            if handler.data:
                instance.changed.add(handler.id)
        handlers.append(handler)
    for handler in reversed(handlers):
        if UNDOING in handler.internal_data:
            # no asynchronous continuation: the activity does not begin again
            handler.is_due = True
        handler._ready()


def _node(instance: Instance, record: Record) -> Node:
    """Who undoes it: a handler, or a finished scope itself."""
    return instance.nodes[str(record.get("handler", record["node"]))]


def _remember(scope: Token, record: Record) -> None:
    scope.internal_data.setdefault(_KEPT, []).append(record)
    _subscribe(scope, record, scope.id)


def _subscribe(scope: Token, record: Record, scope_number: int) -> None:
    node = _node(scope.workflow, record)
    activity_id = node.name if "handler" in record else node.undone_by
    scope.workflow.effects.append(fx.Subscribed(record["n"], "compensate", None, scope_number, str(activity_id)))


def _subscribe_all(scope: Token, record: Record, scope_number: int) -> None:
    _subscribe(scope, record, scope_number)
    for inner in record.get("inside", ()):
        _subscribe_all(scope, inner, record["n"])


def _unsubscribe_all(token: Token, record: Record) -> None:
    _unsubscribe(token, record)
    for inner in record.get("inside", ()):
        _unsubscribe_all(token, inner)


def _unsubscribe(token: Token, record: Record) -> None:
    token.workflow.effects.append(fx.Unsubscribed(record["n"]))
