"""An executable process definition: what the parser made of one `bpmn:process`. Frozen and shared by all instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .elements.events import StartEvent
from .elements.node import Node, ProcessRoot
from .elements.triggers import ConditionTrigger
from .errors import ExecutionFailed


@dataclass(frozen=True, slots=True)
class TimerSpec:
    """The timer of a start event, as written."""

    kind: Literal["date", "duration", "cycle"]
    text: str


@dataclass(frozen=True, slots=True)
class StartTrigger:
    """One way to start the process: `kind` is `none`, `signal`, `message`, `timer` or `conditional`."""

    activity_id: str
    kind: str
    event_name: str | None = None
    timer: TimerSpec | None = None
    condition: ConditionTrigger | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A process that can be started; `nodes` holds every flow node by id, sub-processes' included."""

    key: str
    name: str | None
    version_tag: str | None
    history_time_to_live: int | None
    startable_in_tasklist: bool
    documentation: str | None
    starts: tuple[StartTrigger, ...]
    root: ProcessRoot
    nodes: Mapping[str, Node]
    candidate_starter_users: tuple[str, ...] = ()
    candidate_starter_groups: tuple[str, ...] = ()

    def start_node(self, activity_id: str | None) -> StartEvent:
        """The start event with that id, or the none start event. Raises ExecutionFailed if there is none.

        The only start event of a process serves too, whatever it waits for, as in Camunda.
        """
        if activity_id is None and len(self.starts) == 1:
            activity_id = self.starts[0].activity_id
        for start in self.starts:
            if activity_id == start.activity_id or (activity_id is None and start.kind == "none"):
                node = self.nodes[start.activity_id]
                assert isinstance(node, StartEvent)
                return node
        if activity_id is None:
            raise ExecutionFailed(f"Process definition {self.key!r} has no none start event", None)
        raise ExecutionFailed(f"Process definition {self.key!r} has no start event {activity_id!r}", activity_id)
