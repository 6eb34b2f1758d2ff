"""Readers of events."""

from __future__ import annotations

from typing import Any

from lxml import etree

from ..elements.boundary import BoundaryEvent
from ..elements.catching import Catcher
from ..elements.events import (
    CancelEndEvent,
    CatchEvent,
    CompensationThrow,
    EndEvent,
    ErrorEndEvent,
    EscalationThrow,
    LinkCatch,
    LinkThrow,
    SignalThrow,
    StartEvent,
    TerminateEndEvent,
    ThrowEvent,
)
from ..elements.node import Node
from ..elements.sub_process import EventStart
from ..elements.triggers import ConditionTrigger, TimerTrigger
from .names import camunda, unqualified
from .node_reader import EVERYWHERE, TRUE, NodeReader, outer
from .task_readers import ServiceTaskReader

_WAITING = ("signal", "message", "timer", "conditional")
_THROWN = ("error", "escalation", "compensation")


class StartEventReader(NodeReader):
    """Start events of processes, sub-processes and event sub-processes."""

    EXTENSIONS = EVERYWHERE | {"formData"}
    ATTRIBUTES = frozenset({"initiator", "formKey", "formRef", "formRefBinding", "formRefVersion", "formHandlerClass"})
    MAPS_INPUTS = False

    def read(self) -> Node:
        kind, definition = self.event_definition()
        parent = self.node.getparent()
        if outer(self.node) == "process":
            node = self._of_process(kind, definition)
        elif parent.get("triggeredByEvent") == TRUE:
            node = self._of_event_sub_process(kind, definition)
        else:
            if definition is not None:
                self.problem("the start event of an embedded sub-process must be a none start event", definition)
            node = StartEvent(self.spec, self.bpmn_id, self.name, "none")
        node.initiator = camunda(self.node, "initiator")
        self.sources.form(self.node, node)
        return node

    def _of_process(self, kind: str, definition: etree._Element | None) -> Node:
        event_name = None
        timer: TimerTrigger | None = None
        condition: ConditionTrigger | None = None
        if definition is None or kind not in _WAITING:
            if definition is not None:
                self.problem(f"a process cannot be started by a {kind} event", definition)
            kind = "none"
        elif kind == "timer":
            timer = self.sources.timer(definition)
        elif kind == "conditional":
            condition = self.condition(definition)
        else:
            event_name = self.signal_name(definition) if kind == "signal" else self.message_name(definition)
        node = StartEvent(self.spec, self.bpmn_id, self.name, kind)
        self.process_parser.start_found(node, self.node, kind, event_name, timer, condition)
        return node

    def _of_event_sub_process(self, kind: str, definition: etree._Element | None) -> Node:
        interrupting = self.node.get("isInterrupting") != "false"
        if definition is None:
            self.problem("the start event of an event sub-process needs an event definition")
            return EventStart(self.spec, self.bpmn_id, self.name, "none", None, interrupting=interrupting)
        if kind not in _WAITING + _THROWN:
            self.problem(f"an event sub-process cannot be started by a {kind} event", definition)
            return EventStart(self.spec, self.bpmn_id, self.name, "none", None, interrupting=interrupting)
        if kind == "error" and not interrupting:
            self.problem("an error start event always interrupts: isInterrupting must not be false", definition)
        trigger = self.trigger(kind, definition) if kind in _WAITING else None
        node = EventStart(self.spec, self.bpmn_id, self.name, kind, trigger, interrupting=interrupting)
        node.catcher = catcher_of(self, kind, definition, node)
        return node


def catcher_of(reader: NodeReader, kind: str, definition: etree._Element, event: Any) -> Catcher | None:
    """What an event that something thrown can make fire catches; None for other events."""
    if kind == "error":
        return Catcher(
            kind,
            reader.error_code(definition),
            event,
            camunda(definition, "errorCodeVariable"),
            camunda(definition, "errorMessageVariable"),
        )
    if kind == "escalation":
        return Catcher(
            kind, reader.escalation_code(definition) or None, event, camunda(definition, "escalationCodeVariable")
        )
    return None


class BoundaryEventReader(NodeReader):
    """Boundary events, interrupting or not."""

    MAPS_INPUTS = False

    def read(self) -> Node:
        kind, definition = self.event_definition()
        interrupting = self.node.get("cancelActivity") != "false"
        if definition is None or kind not in (*_WAITING, *_THROWN, "cancel"):
            self.problem(f"a boundary event of kind {kind} is not possible")
            return BoundaryEvent(self.spec, self.bpmn_id, self.name, "message", interrupting=interrupting)
        if not interrupting and kind in ("error", "cancel"):
            self.warning(f"a boundary {kind} event always interrupts, whatever cancelActivity says")
            interrupting = True
        trigger = self.trigger(kind, definition) if kind in _WAITING else None
        node = BoundaryEvent(self.spec, self.bpmn_id, self.name, kind, trigger, interrupting=interrupting)
        node.catcher = catcher_of(self, kind, definition, node)
        return node


class CatchEventReader(NodeReader):
    """Intermediate catch events."""

    def read(self) -> Node:
        kind, definition = self.event_definition()
        if definition is not None and kind == "link":
            node = LinkCatch(self.spec, self.bpmn_id, self.name)
            self.process_parser.link_found(node, self.node, definition.get("name"), is_throw=False)
            return node
        if definition is None or kind not in _WAITING:
            self.problem(f"an intermediate catch event of kind {kind} is not possible")
            return StartEvent(self.spec, self.bpmn_id, self.name, "none")
        return CatchEvent(self.spec, self.bpmn_id, self.name, self.trigger(kind, definition))


class ThrowingReader(NodeReader):
    """What intermediate throw events and end events share."""

    EXTENSIONS = EVERYWHERE | {"in", "out", "field", "connector", "errorEventDefinition"}

    def signal_throw(self, definition: etree._Element) -> SignalThrow:
        name = self.sources.expression(self.signal_name(definition), definition, "signal name")
        return SignalThrow(name, self.mapped(definition, "in"), is_async=camunda(definition, "async") == TRUE)

    def escalation_throw(self, definition: etree._Element) -> EscalationThrow:
        code = self.escalation_code(definition)
        if not code:
            self.problem("a throwing escalation event needs an escalationRef to an escalation with a code", definition)
        return EscalationThrow(code or "")

    def message_throw(self, definition: etree._Element, activity_type: str) -> Node | None:
        """A message is sent by an implementation, as a send task does; None if none is given."""
        reader = ServiceTaskReader(self.process_parser, self.spec_class, self.node, self.nsmap)
        return reader.implementation(definition, activity_type)

    def compensation_throw(self, definition: etree._Element, *, is_end: bool) -> Node:
        if definition.get("waitForCompletion") == "false":
            self.warning('waitForCompletion="false" is not carried out: the event waits for its handlers', definition)
        reference = definition.get("activityRef")
        if reference:
            self.process_parser.compensation_refs.append((self.node, definition, reference))
        return CompensationThrow(
            self.spec, self.bpmn_id, self.name, is_end=is_end, activity_ref=unqualified(reference or "") or None
        )


class ThrowEventReader(ThrowingReader):
    """Intermediate throw events."""

    def read(self) -> Node:
        kind, definition = self.event_definition()
        make = (self.spec, self.bpmn_id, self.name)
        if definition is None:
            return ThrowEvent(*make, "intermediateNoneThrowEvent")
        if kind == "signal":
            return ThrowEvent(*make, "intermediateSignalThrow", self.signal_throw(definition))
        if kind == "escalation":
            return ThrowEvent(*make, "intermediateEscalationThrowEvent", self.escalation_throw(definition))
        if kind == "message":
            sent = self.message_throw(definition, "intermediateMessageThrowEvent")
            return sent or self._unsent(definition, ThrowEvent(*make, "intermediateMessageThrowEvent"))
        if kind == "compensation":
            return self.compensation_throw(definition, is_end=False)
        if kind == "link":
            node = LinkThrow(*make)
            self.process_parser.link_found(node, self.node, definition.get("name"), is_throw=True)
            return node
        self.problem(f"an intermediate throw event of kind {kind} is not possible", definition)
        return ThrowEvent(*make, "intermediateNoneThrowEvent")

    def _unsent(self, definition: etree._Element, node: Node) -> Node:
        self.warning("the message event has no implementation: nothing is sent", definition)
        return node


class EndEventReader(ThrowingReader):
    """End events."""

    MAPS_OUTPUTS = False

    def read(self) -> Node:
        kind, definition = self.event_definition()
        make = (self.spec, self.bpmn_id, self.name)
        if definition is None:
            return EndEvent(*make)
        if kind == "signal":
            return EndEvent(*make, "signalEndEvent", self.signal_throw(definition))
        if kind == "escalation":
            return EndEvent(*make, "escalationEndEvent", self.escalation_throw(definition))
        if kind == "terminate":
            return TerminateEndEvent(*make)
        if kind == "compensation":
            return self.compensation_throw(definition, is_end=True)
        if kind == "cancel":
            if outer(self.node) != "transaction":
                self.problem("a cancel end event is possible inside a transaction only", definition)
            return CancelEndEvent(*make)
        if kind == "message":
            sent = self.message_throw(definition, "messageEndEvent")
            if sent is None:
                self.warning("the message event has no implementation: nothing is sent", definition)
            return sent or EndEvent(*make, "messageEndEvent")
        if kind == "error":
            code = self.error_code(definition)
            if not code:
                self.problem("the error end event needs an errorRef to an error with an errorCode", definition)
            source = self.sources.expression(code or "", definition, "error code")
            return ErrorEndEvent(*make, source, self.error_message(definition))
        self.problem(f"an end event of kind {kind} is not possible", definition)
        return EndEvent(*make)
