"""Which jobs a definition can ask for: Camunda's job definitions, read off the diagram."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..language import juel
from ..language.juel import Expression
from ..language.timers import TimerKind
from .definition import Definition
from .elements.activities import DelegateTask
from .elements.boundary import BoundaryEvent
from .elements.events import CatchEvent, StartEvent
from .elements.node import Node

CONTINUATION = "async-continuation"
BEFORE, AFTER = "async-before", "async-after"
TIMER_START = "timer-start-event"
_TIMERS: tuple[tuple[type[Node], str], ...] = (
    (BoundaryEvent, "timer-transition"),
    (CatchEvent, "timer-intermediate-transition"),
    # a start event with a trigger of its own is that of an event sub-process
    (StartEvent, "timer-start-event-subprocess"),
)
_TIMEOUT = "timer-task-listener"


class JobKind(NamedTuple):
    """Jobs of one kind at one activity. `job_type` and `configuration` are in Camunda's words."""

    activity_id: str
    job_type: str
    configuration: str

    @property
    def is_timer(self) -> bool:
        return self.job_type != CONTINUATION


def job_kinds(definition: Definition) -> tuple[JobKind, ...]:
    """All of them, each once: starts first, then in the order of the diagram."""
    return tuple(dict.fromkeys(_found(definition)))


def timer_of(definition: Definition, activity_id: str) -> tuple[TimerKind, Expression] | None:
    """What the timer event of that id waits for, None if it is none."""
    for start in definition.starts:
        if start.activity_id == activity_id and start.timer is not None:
            return start.timer.kind, juel.compile(start.timer.text)
    trigger: Any = getattr(definition.nodes.get(activity_id), "trigger", None)
    if trigger is None or trigger.kind != "timer":
        return None
    return trigger.cycle_kind, trigger.source.expression


def _found(definition: Definition) -> Iterator[JobKind]:
    for start in definition.starts:
        if start.timer is not None:
            text = f"{start.timer.kind.upper()}: {start.timer.text}"
            yield JobKind(start.activity_id, TIMER_START, text)
    for node in definition.nodes.values():
        name = str(node.name)
        # a delegate runs as a job here, also where the diagram does not ask for one
        if node.async_before or isinstance(node, DelegateTask):
            yield JobKind(name, CONTINUATION, BEFORE)
        if node.async_after:
            yield JobKind(name, CONTINUATION, AFTER)
        trigger = getattr(node, "trigger", None)
        if trigger is not None and trigger.kind == "timer":
            kinds = [job_type for element, job_type in _TIMERS if isinstance(node, element)]
            yield from (JobKind(name, job_type, _configuration(trigger)) for job_type in kinds[:1])
        for timeout in getattr(getattr(node, "form", None), "timeouts", ()):
            yield JobKind(name, _TIMEOUT, _configuration(timeout.timer))


def _configuration(timer: Any) -> str:
    return f"{timer.cycle_kind.upper()}: {timer.source.expression.text}"
