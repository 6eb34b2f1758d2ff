"""The stored form of an instance: what is alive, without variables and without the diagram.

    [format, next number, [token, …]]
    token  = [number, element id, state, parent, is started, internal data or null, [wait, …]]
    wait   = [number, kind, element id, detail]

as JSON, behind one byte that says how it is packed. Tokens stand in the order of their numbers, but behind their
parents (a migration may have put a younger scope around a token), so that order rebuilds the tree. The root (number 0)
is stored for its waits and joins.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson
from SpiffWorkflow.util.task import TaskState

from .errors import StateUnreadable
from .tokens import Token, Wait

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from .instance import Instance

FORMAT = 2
# format 1 kept no names of awaited signals (`triggers.EventTrigger.awaited_name`); all else is the same
_READABLE = frozenset({1, FORMAT})
_PLAIN = b"\x00"
_ZSTD = b"\x01"
# below this size zstd saves less than its frame costs
_PACK_FROM_BYTES = 512


def dump(instance: Instance) -> bytes:
    """The instance at rest; nothing may be ready."""
    tokens = []
    for token in _parents_first(instance):
        waits = [[wait.number, wait.kind, wait.node.name, wait.detail] for wait in token.waits.values()]
        parent = token.parent.id if token.parent is not None else None
        tokens.append(
            [
                token.id,
                token.task_spec.name,
                token._state,
                parent,
                int(token.is_started),
                token.internal_data or None,
                waits,
            ]
        )
    raw = orjson.dumps([FORMAT, instance.next_number, tokens])
    if len(raw) < _PACK_FROM_BYTES:
        return _PLAIN + raw
    return _ZSTD + zstd.compress(raw, 3)


def _parents_first(instance: Instance) -> list[Token]:
    placed: dict[int, Token] = {}
    for number in sorted(instance.tasks):
        token: Token | None = instance.tasks[number]
        inside_out = []
        while token is not None and token.id not in placed:
            inside_out.append(token)
            token = token.parent
        for one in reversed(inside_out):
            placed[one.id] = one
    return list(placed.values())


def load(instance: Instance, stored: bytes) -> None:
    """The fresh instance has the tokens and waits that were stored. Raises StateUnreadable."""
    content = _unpacked(stored)
    version = content[0]
    if version not in _READABLE:
        raise StateUnreadable(f"the instance is stored in format {version}; this version reads up to format {FORMAT}")
    _, instance.next_number, tokens = content
    for number, element_id, state, parent, is_started, internal, waits in tokens:
        if parent is None:
            token = instance.task_tree
        else:
            token = Token(instance, _node(instance, element_id), instance.tasks[parent], number)
        token._state = state
        token.is_started = bool(is_started)
        if internal:
            token.internal_data = internal
        for wait_number, kind, node_id, detail in waits:
            instance.remember_wait(Wait(wait_number, kind, token, _node(instance, node_id), detail))
        for gateway in token.internal_data.get("joins", ()):
            if instance.nodes[gateway].is_inclusive:
                instance.open_joins.add((number, gateway))
        if state == TaskState.READY:
            instance.ready.append(token)


def _node(instance: Instance, element_id: str) -> Any:
    node = instance.nodes.get(element_id)
    if node is None:
        raise StateUnreadable(f"the stored instance is at element {element_id!r}, which its definition does not have")
    return node


def _unpacked(stored: bytes) -> list[Any]:
    try:
        packing, body = stored[:1], stored[1:]
        raw = zstd.decompress(body) if packing == _ZSTD else body
        content = orjson.loads(raw)
    except (zstd.ZstdError, orjson.JSONDecodeError) as broken:
        raise StateUnreadable(f"the stored instance is damaged: {broken}") from broken
    if not isinstance(content, list) or not content:
        raise StateUnreadable("the stored instance is damaged: not a state")
    return content
