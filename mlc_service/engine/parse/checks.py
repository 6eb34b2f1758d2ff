"""What must hold in a process once all of it has been read, and what only looks wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lxml import etree

from ..elements.boundary import BoundaryEvent
from ..elements.catching import Catcher
from ..elements.events import (
    CancelEndEvent,
    CatchEvent,
    EndEvent,
    ErrorEndEvent,
    LinkCatch,
    StartEvent,
    TerminateEndEvent,
)
from ..elements.gateways import EventBasedGateway, ExclusiveGateway, InclusiveGateway, ParallelGateway
from ..elements.multi_instance import MultiInstance
from ..elements.node import Node
from ..elements.sub_process import EventStart, EventSubProcess, SubProcess, Transaction
from ..elements.triggers import EventTrigger
from .names import camunda

if TYPE_CHECKING:
    from .processes import ProcessReader

END_NODES = (EndEvent, TerminateEndEvent, ErrorEndEvent, CancelEndEvent)


def check_process(reader: ProcessReader, elements: Mapping[str, etree._Element]) -> None:
    """Everything that is wrong is noted in the document; the nodes know who catches what is thrown."""
    checks = _Checks(reader, elements)
    checks.starts()
    for node_id, element in elements.items():
        checks.node(reader.nodes()[node_id], element)
    checks.compensation_refs()
    checks.catchers()
    if not reader.document.errors:
        # with a flow or an element missing it would be said of half the diagram
        checks.reachability()
        checks.time_to_live()


class _Checks:
    def __init__(self, reader: ProcessReader, elements: Mapping[str, etree._Element]) -> None:
        self._reader = reader
        self._elements = elements
        self._nodes: dict[str, Node] = reader.nodes()
        self._starts: dict[str, list[StartEvent]] = {}
        for node in self._nodes.values():
            if isinstance(node, StartEvent) and node.parent_id is not None:
                self._starts.setdefault(node.parent_id, []).append(node)
        self._handlers = {
            node.compensation_handler.name for node in self._nodes.values() if node.compensation_handler is not None
        }

    def _problem(self, message: str, element: etree._Element) -> None:
        self._reader.document.problem(message, element)

    def _warning(self, message: str, element: etree._Element) -> None:
        self._reader.document.problem(message, element, severity="warning")

    def starts(self) -> None:
        element = self._reader.node
        if not self._elements:
            self._problem("the process is empty", element)
        elif not self._reader.starts:
            self._problem("the process has no start event", element)

    def node(self, node: Node, element: etree._Element) -> None:
        """The checks that each kind of node has."""
        entry = node.entry
        if isinstance(node, SubProcess):
            self._sub_process(node, element)
        if isinstance(node, EventBasedGateway):
            self._event_based(node, element)
        if isinstance(node, CancelEndEvent):
            transaction = self._nodes.get(node.parent_id or "")
            if isinstance(transaction, Transaction) and transaction.cancel_boundary is None:
                self._warning(
                    f"the transaction {transaction.name!r} has no cancel boundary event: this event will fail", element
                )
        if entry.default_flow is not None and all(flow.id != entry.default_flow for flow in entry.flows):
            self._problem(f"the default flow {entry.default_flow!r} does not leave {node.name!r}", element)
        if isinstance(node, ExclusiveGateway):
            self._exclusive(node, element)
        if isinstance(node, InclusiveGateway):
            self._no_default(node, element)
        if isinstance(node, (ParallelGateway, EventBasedGateway)):
            for flow in node.flows:
                if flow.condition is not None:
                    self._warning(f"the condition of flow {flow.id!r} is not evaluated behind this gateway", element)
        if node.is_for_compensation and not isinstance(node, EventSubProcess) and node.entry.name not in self._handlers:
            self._warning(f"{node.name!r} is for compensation, but no compensation boundary event leads to it", element)

    def _sub_process(self, node: SubProcess, element: etree._Element) -> None:
        inside = node.name
        starts = self._starts.get(str(inside), [])
        what = "an event sub-process" if isinstance(node, EventSubProcess) else "an embedded sub-process"
        if len(starts) != 1:
            self._problem(f"{what} needs one start event, found {len(starts)}", element)
            if not starts and isinstance(node, EventSubProcess):
                node.start_event = EventStart(node.process, f"{inside}#start", None, "none", None, interrupting=True)
            elif not starts:
                return
        if starts:
            node.start_event = starts[0]
        if isinstance(node.start_event, EventStart) and isinstance(node, EventSubProcess):
            node.start_event.starts = node

    def _event_based(self, node: EventBasedGateway, element: etree._Element) -> None:
        if not node.flows:
            self._problem("the event-based gateway has no outgoing flow", element)
        for flow in node.flows:
            if not isinstance(flow.target, CatchEvent):
                self._problem(
                    f"an event-based gateway leads to intermediate catch events only, not to {flow.target.name!r}",
                    element,
                )
            elif flow.target.incoming_count > 1:
                self._problem(
                    f"{flow.target.name!r} stands behind an event-based gateway and has other flows, too", element
                )

    def _exclusive(self, node: ExclusiveGateway, element: etree._Element) -> None:
        if len(node.flows) < 2:
            return
        always = [flow for flow in node.flows if flow.condition is None and flow.id != node.default_flow]
        for flow in node.flows:
            if flow.id == node.default_flow and flow.condition is not None:
                self._problem(f"the default flow {flow.id!r} must not have a condition", element)
        for flow in always:
            text = f"flow {flow.id!r} leaves the exclusive gateway without a condition and is not its default flow"
            if len(always) > 1:
                self._problem(text, element)
            else:
                # Camunda takes it for a condition that always holds
                self._warning(f"{text}: it is taken if no flow before it is", element)
        self._no_default(node, element)

    def _no_default(self, node: Node, element: etree._Element) -> None:
        if len(node.flows) > 1 and node.default_flow is None and all(flow.condition for flow in node.flows):
            self._warning("no default flow: if no condition holds, the process cannot go on here", element)

    def compensation_refs(self) -> None:
        """A compensation throw event names an activity of its own scope (or, in a handler, of the scope around)."""
        for event, definition, reference in self._reader.compensation_refs:
            throwing = self._nodes[event.get("id", "")]
            activity = self._nodes.get(reference.rpartition(":")[2])
            scope = throwing.parent_id
            outer = self._nodes.get(scope or "")
            if isinstance(outer, EventSubProcess) and outer.is_compensation:
                scope = outer.parent_id
            if activity is None or activity.entry.parent_id != scope:
                self._problem(f"activityRef: there is no activity {reference!r} in the scope of the event", definition)

    def reachability(self) -> None:
        """Elements that no token can come to."""
        reached: set[str] = set()
        open_ends: list[Node] = [node for node in self._nodes.values() if self._begins(node)]
        while open_ends:
            node = open_ends.pop()
            if node.name in reached:
                continue
            reached.add(str(node.name))
            open_ends += [flow.target for flow in node.flows]
            open_ends += node.boundary_events
            if isinstance(node, MultiInstance):
                open_ends.append(node.inner)
            if node.compensation_handler is not None:
                open_ends.append(node.compensation_handler)
        for node_id, element in self._elements.items():
            node = self._nodes[node_id]
            if node_id not in reached and not (isinstance(node, BoundaryEvent) and node.kind == "compensation"):
                self._warning(f"{node_id!r} cannot be reached by any token", element)

    @staticmethod
    def _begins(node: Node) -> bool:
        return isinstance(node, (StartEvent, EventSubProcess)) or (
            isinstance(node, LinkCatch) and not node.incoming_count
        )

    def catchers(self) -> None:
        """Each scope and host knows what catches there, event sub-processes before boundary events."""
        root: Node = self._reader.spec.start
        for node in [root, *self._nodes.values()]:
            starts = [inner.start_event for inner in getattr(node, "event_sub_processes", ())]
            found: list[Catcher] = []
            for start in starts:
                if isinstance(start, EventStart) and start.catcher is not None:
                    found.append(Catcher(
                        start.catcher.kind, start.catcher.code, start, start.catcher.code_variable,
                        start.catcher.message_variable, start.starts,
                    ))  # fmt: skip
            boundaries = [event.catcher for event in node.boundary_events if event.catcher is not None]
            # a code of its own goes before catching all
            node.catchers = [one for group in (found, boundaries) for one in sorted(group, key=_is_catch_all)]
            self._subscriptions(node)

    def _subscriptions(self, node: Node) -> None:
        """Camunda refuses two subscriptions to one message or signal in the same scope."""
        seen: set[tuple[str, str]] = set()
        starts = [inner.start_event for inner in getattr(node, "event_sub_processes", ())]
        for event in [*node.boundary_events, *(start for start in starts if isinstance(start, EventStart))]:
            trigger = event.trigger
            if not isinstance(trigger, EventTrigger):
                continue
            key = (trigger.kind, trigger.name.expression.text)
            if key in seen and str(event.name) in self._elements:
                self._problem(
                    f"{trigger.kind} {key[1]!r} is waited for more than once in the same scope",
                    self._elements[str(event.name)],
                )
            seen.add(key)

    def time_to_live(self) -> None:
        """History without an end grows for ever."""
        if camunda(self._reader.node, "historyTimeToLive") is None:
            self._warning(
                "no camunda:historyTimeToLive: history is kept for ever, or as long as the service's settings say",
                self._reader.node,
            )


def _is_catch_all(catcher: Catcher) -> bool:
    return catcher.code is None
