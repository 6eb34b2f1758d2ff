"""From a document to its executable process definitions, on the frame of Spiff's parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any, ClassVar

from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.parser.ProcessParser import ProcessParser

from ...language.scripts import ScriptLanguages
from ..definition import Definition, StartTrigger, TimerSpec
from ..elements.activities import SubProcess
from ..elements.boundary import BoundaryEvent
from ..elements.events import StartEvent, TimerTrigger
from ..elements.gateways import ExclusiveGateway
from ..elements.node import Flow, Node, ProcessSpec
from .document import Document
from .elements import READERS
from .names import BPMN, bpmn, camunda, camunda_elements, child, children, local_name
from .sources import Sources

_NO_FLOW_NODES = frozenset(
    {
        "artifact", "association", "auditing", "dataObject", "dataObjectReference", "dataStoreReference",
        "documentation", "extensionElements", "group", "incoming", "ioSpecification", "laneSet", "monitoring",
        "outgoing", "property", "sequenceFlow", "textAnnotation", "dataInputAssociation", "dataOutputAssociation",
        "multiInstanceLoopCharacteristics", "standardLoopCharacteristics",
    }
)  # fmt: skip
_DAYS = re.compile(r"(?:P(\d+)D|(\d+))")


class DiagramReader(BpmnParser):
    """Spiff's parser with our readers; it keeps the tables of signals, messages and errors."""

    OVERRIDE_PARSER_CLASSES = READERS
    PARSER_CLASSES: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        document: Document,
        known_delegates: Container[str],
        resource: Callable[[str], bytes | None],
        languages: ScriptLanguages,
    ) -> None:
        super().__init__()
        self.document = document
        self.sources = Sources(document, known_delegates, resource, languages)

    def _add_data_stores(self, bpmn: Any) -> None:
        """Data stores are drawings here; stock refuses every one it has no Python class for."""

    def _add_diagram_indexes(self, bpmn: Any) -> None:
        """Positions mean nothing; stock fails on coordinates that are no numbers."""

    def _add_correlations(self, bpmn: Any) -> None:
        """Correlation keys are not Camunda's way of correlating."""


class ProcessReader(ProcessParser):
    """Reads one process: every node in document order, then flows and boundary events, then what must hold."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.starts: list[StartTrigger] = []
        self._elements: dict[str, etree._Element] = {}

    @property
    def document(self) -> Document:
        return self.parser.document  # type: ignore[no-any-return]

    @property
    def sources(self) -> Sources:
        return self.parser.sources  # type: ignore[no-any-return]

    def _parse(self) -> None:
        self.spec = ProcessSpec(self.bpmn_id, self.get_name(), self.filename)
        self.add_tasks()

    def add_tasks(self) -> None:
        self._read_nodes(self.node, None)
        self._read_flows(self.node)
        self._attach_boundaries()
        self._check_nodes()
        self.spec.start.start_listeners = self.sources.listeners(self.node, "start")
        self.spec.start.end_listeners = self.sources.listeners(self.node, "end")
        self.sources.check_listeners(self.node, "executionListener", ("start", "end"))
        for extension in camunda_elements(self.node):
            if local_name(extension) not in ("properties", "executionListener"):
                self.document.problem(f"camunda:{local_name(extension)} is not supported yet", extension)

    def nodes(self) -> dict[str, Node]:
        return self.spec.task_specs  # type: ignore[no-any-return]

    def start_found(
        self,
        node: StartEvent,
        kind: str,
        event_name: str | None,
        timer: TimerTrigger | None,
        element: etree._Element,
    ) -> None:
        """The process can be started here."""
        if kind == "none" and any(start.kind == "none" for start in self.starts):
            self.document.problem("a process can have one none start event only", element)
        spec = None if timer is None else TimerSpec(timer.cycle_kind, timer.source.expression.text)
        self.starts.append(StartTrigger(str(node.name), kind, event_name, spec))

    # -- nodes --------------------------------------------------------------------------------------------------------

    def _read_nodes(self, container: etree._Element, parent_id: str | None) -> None:
        for element in container.iterchildren("*"):
            if etree.QName(element).namespace != BPMN:
                continue
            kind = local_name(element)
            if kind in _NO_FLOW_NODES or kind.endswith("EventDefinition"):
                continue
            if element.tag not in READERS:
                self.document.problem(f"<bpmn:{kind}> is not supported yet", element)
                continue
            node_id = element.get("id")
            if not node_id:
                self.document.problem(f"<bpmn:{kind}> has no id", element)
                continue
            if node_id in self.nodes():
                # said once for the whole file, by the check for duplicate ids
                continue
            node = self.parse_node(element)
            node.parent_id = parent_id
            self._elements[node_id] = element
            if isinstance(node, SubProcess):
                self._read_nodes(element, node_id)

    # -- flows --------------------------------------------------------------------------------------------------------

    def _read_flows(self, container: etree._Element) -> None:
        for element in container.iter(bpmn("sequenceFlow")):
            source = self._flow_end(element, "sourceRef")
            target = self._flow_end(element, "targetRef")
            if source is None or target is None:
                continue
            if source.parent_id != target.parent_id:
                self.document.problem(
                    f"the sequence flow crosses the border of a sub-process: {source.name!r} to {target.name!r}",
                    element,
                )
                continue
            if isinstance(target, (StartEvent, BoundaryEvent)):
                self.document.problem(f"no sequence flow can lead to {target.name!r}", element)
            condition = self.sources.condition(child(element, "conditionExpression"))
            flow_id = element.get("id") or f"#flow{len(source.flows)}of{source.name}"
            listeners = self.sources.listeners(element, "take")
            self.sources.check_listeners(element, "executionListener", ("take",))
            source.flows.append(Flow(flow_id, target, condition, listeners))
            target.incoming_count += 1

    def _flow_end(self, element: etree._Element, attribute: str) -> Node | None:
        reference = element.get(attribute)
        if not reference:
            self.document.problem(f"the sequence flow has no {attribute}", element)
            return None
        node = self.nodes().get(reference)
        if node is None:
            # an element that could not be read has its own problem already
            known = self.document.root.xpath("//*[@id=$id]", id=reference)
            if not known:
                self.document.problem(
                    f"the sequence flow's {attribute} {reference!r} is no element of this process", element
                )
        return node

    def _attach_boundaries(self) -> None:
        for node_id, node in list(self.nodes().items()):
            if not isinstance(node, BoundaryEvent):
                continue
            element = self._elements[node_id]
            reference = element.get("attachedToRef")
            host = self.nodes().get(reference or "")
            if host is None:
                self.document.problem(f"the boundary event is attached to {reference!r}, which does not exist", element)
            elif host.activity_type.endswith(("Event", "Gateway")) or isinstance(host, BoundaryEvent):
                self.document.problem(
                    f"a boundary event can be attached to an activity only, not to {reference!r}", element
                )
            else:
                host.boundary_events.append(node)

    # -- what must hold -----------------------------------------------------------------------------------------------

    def _check_nodes(self) -> None:
        if not self.starts and self._has_nodes():
            self.document.problem("the process has no start event", self.node)
        for node_id, element in self._elements.items():
            node = self.nodes()[node_id]
            if isinstance(node, SubProcess):
                self._check_sub_process(node, element)
            if node.default_flow is not None and all(flow.id != node.default_flow for flow in node.flows):
                self.document.problem(f"the default flow {node.default_flow!r} does not leave {node_id!r}", element)
            if isinstance(node, ExclusiveGateway):
                self._check_exclusive(node, element)

    def _has_nodes(self) -> bool:
        if self._elements:
            return True
        self.document.problem("the process is empty", self.node)
        return False

    def _check_sub_process(self, node: SubProcess, element: etree._Element) -> None:
        starts = [
            inner for inner in self.nodes().values() if isinstance(inner, StartEvent) and inner.parent_id == node.name
        ]
        if len(starts) != 1:
            self.document.problem(f"an embedded sub-process needs one start event, found {len(starts)}", element)
        else:
            node.start_event = starts[0]

    def _check_exclusive(self, node: ExclusiveGateway, element: etree._Element) -> None:
        if len(node.flows) < 2:
            return
        for flow in node.flows:
            if flow.id == node.default_flow:
                if flow.condition is not None:
                    self.document.problem(f"the default flow {flow.id!r} must not have a condition", element)
            elif flow.condition is None:
                self.document.problem(
                    f"flow {flow.id!r} leaves the exclusive gateway without a condition and is not its default flow",
                    element,
                )

    # -- the definition -----------------------------------------------------------------------------------------------

    def definition(self) -> Definition:
        """The process as an executable definition; sound only if the document has no errors."""
        spec = self.get_spec()
        element = self.node
        documentation = child(element, "documentation")
        return Definition(
            key=self.bpmn_id,
            name=element.get("name"),
            version_tag=camunda(element, "versionTag"),
            history_time_to_live=self._time_to_live(),
            startable_in_tasklist=camunda(element, "isStartableInTasklist") != "false",
            documentation=documentation.text if documentation is not None else None,
            starts=tuple(self.starts),
            root=spec.start,
            nodes=dict(spec.task_specs),
            warnings=tuple(self.document.warnings),
        )

    def _time_to_live(self) -> int | None:
        text = camunda(self.node, "historyTimeToLive")
        if text is None or not text.strip():
            return None
        match = _DAYS.fullmatch(text.strip())
        if match is None:
            self.document.problem(f"historyTimeToLive {text!r} is no number of days (e.g. 30 or P30D)", self.node)
            return None
        return int(match.group(1) or match.group(2))


DiagramReader.PROCESS_PARSER_CLASS = ProcessReader


def read_definitions(
    document: Document,
    known_delegates: Container[str],
    resource: Callable[[str], bytes | None],
    languages: ScriptLanguages,
) -> list[Definition]:
    """Every executable process of the document; problems are in `document.problems`."""
    reader = DiagramReader(document, known_delegates, resource, languages)
    executable = [
        process for process in children(document.root, "process") if process.get("isExecutable", "false") == "true"
    ]
    for process in children(document.root, "process"):
        if process not in executable:
            document.problem(
                f"process {process.get('id')!r} is not executable and is skipped", process, severity="warning"
            )
    nameless = [process for process in executable if not process.get("id")]
    for process in nameless:
        document.problem("the process has no id", process)
    if nameless or document.errors:
        return []
    reader.add_bpmn_xml(document.root, document.resource)
    return [reader.get_process_parser(process.get("id")).definition() for process in executable]
