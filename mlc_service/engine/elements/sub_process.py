"""Embedded sub-processes, event sub-processes, transactions: scopes whose tokens are children of their own token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import compensation
from ..variables import write_all
from .catching import Catcher
from .events import StartEvent
from .node import Node, ProcessSpec
from .triggers import TimerTrigger, Trigger

if TYPE_CHECKING:
    from ..tokens import Token, Wait
    from .boundary import BoundaryEvent


class SubProcess(Node):
    """An embedded sub-process."""

    activity_type = "subProcess"

    def __init__(self, process: ProcessSpec, node_id: str, bpmn_name: str | None) -> None:
        super().__init__(process, node_id, bpmn_name)
        self.start_event: StartEvent | None = None
        self.event_sub_processes: list[EventSubProcess] = []

    @property
    def is_scope(self) -> bool:
        return True

    @property
    def undoes_itself(self) -> bool:
        return any(inner.is_compensation for inner in self.event_sub_processes)

    @property
    def undone_by(self) -> str:
        inner = next((inner for inner in self.event_sub_processes if inner.is_compensation), self)
        return str(inner.name)

    def arm_events(self, token: Token) -> None:
        super().arm_events(token)
        for event_sub_process in self.event_sub_processes:
            event_sub_process.event_start.wait_at(token)

    def _run_hook(self, token: Token) -> bool | None:
        if compensation.UNDOING in token.internal_data:
            self._undo(token)
            return None
        return super()._run_hook(token)

    def execute(self, token: Token) -> bool | None:
        instance = token.workflow
        assert self.start_event is not None
        instance.arrive([instance.enter(self.start_event, token)])
        return None

    def _undo(self, token: Token) -> None:
        instance = token.workflow
        instance.start_activity(token)
        for inner in self.event_sub_processes:
            if inner.is_compensation:
                instance.arrive([instance.enter(inner, token)])
                return
        compensation.undo_inside(token)

    def scope_done(self, token: Token) -> None:
        if compensation.UNDOING in token.internal_data:
            instance = token.workflow
            compensation.drop(token)
            instance.end_activity(token, canceled=False)
            instance.leave(token)
        else:
            token.finish(is_scope=True)


class Transaction(SubProcess):
    """A sub-process that can be cancelled: what it has done is compensated, and its cancel boundary event fires."""

    activity_type = "transaction"

    @property
    def cancel_boundary(self) -> BoundaryEvent | None:
        return next((boundary for boundary in self.entry.boundary_events if boundary.is_cancel), None)


class EventSubProcess(SubProcess):
    """A sub-process that no flow leads to: an event starts it as long as the scope around it lives."""

    @property
    def is_event_sub_process(self) -> bool:
        return True

    @property
    def is_compensation(self) -> bool:
        return self.event_start.kind == "compensation"

    @property
    def event_start(self) -> EventStart:
        """The start event, which says what starts this."""
        assert isinstance(self.start_event, EventStart)
        return self.start_event


class EventStart(StartEvent):
    """The start event of an event sub-process; waits in the scope around that."""

    def __init__(
        self,
        process: ProcessSpec,
        node_id: str,
        bpmn_name: str | None,
        kind: str,
        trigger: Trigger | None,
        *,
        interrupting: bool,
    ) -> None:
        super().__init__(process, node_id, bpmn_name, kind)
        self.trigger = trigger
        self.is_interrupting = interrupting
        # what it catches, if what it waits for is thrown
        self.catcher: Catcher | None = None
        # the event sub-process it starts
        self.starts: EventSubProcess | None = None

    def wait_at(self, scope: Token) -> None:
        """The scope waits for the event too; errors, escalations and compensation are looked for when thrown."""
        if self.trigger is not None:
            self.trigger.subscribe(scope, self)

    def answer(self, wait: Wait, variables: Mapping[str, Any]) -> None:
        scope = wait.token
        if wait.kind == "timer" or self.is_interrupting:
            scope.workflow.end_wait(wait)
        if wait.kind == "timer" and not self.is_interrupting:
            assert isinstance(self.trigger, TimerTrigger)
            self.trigger.rearm(scope, self, wait.detail)
        self.catch(scope, variables)

    def catch(self, host: Token, variables: Mapping[str, Any]) -> None:
        """The event sub-process has begun in the scope `host`, instead of all that was there if it interrupts."""
        assert self.starts is not None
        instance = host.workflow
        write_all(host, variables)
        begun = instance.enter(self.starts, host)
        if self.is_interrupting:
            instance.interrupt(host, but=begun)
        instance.arrive([begun])
