"""From a document to its executable process definitions, on the frame of Spiff's parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from typing import Any, ClassVar

from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.parser.ProcessParser import ProcessParser

from ...language.scripts import ScriptLanguages
from ..definition import Definition, StartTrigger, TimerSpec
from ..elements.boundary import BoundaryEvent
from ..elements.events import CatchEvent, LinkCatch, LinkThrow, StartEvent
from ..elements.node import Flow, Node, ProcessSpec
from ..elements.sub_process import EventSubProcess, SubProcess, Transaction
from ..elements.triggers import ConditionTrigger, TimerTrigger
from .checks import END_NODES, check_process
from .document import Document
from .elements import READERS
from .names import BPMN, bpmn, camunda, camunda_elements, child, children, local_name, unqualified
from .sources import Sources

_NO_FLOW_NODES = frozenset(
    {
        "artifact", "association", "auditing", "dataObject", "dataObjectReference", "dataStoreReference",
        "documentation", "extensionElements", "group", "incoming", "ioSpecification", "laneSet", "monitoring",
        "outgoing", "property", "sequenceFlow", "textAnnotation", "dataInputAssociation", "dataOutputAssociation",
        "multiInstanceLoopCharacteristics", "standardLoopCharacteristics",
        "supportedInterfaceRef", "ioBinding", "correlationSubscription", "resourceRole", "performer",
        "humanPerformer", "potentialOwner", "supports", "completionCondition",
    }
)  # fmt: skip
_PROCESS_EXTENSIONS = frozenset({"properties", "executionListener"})
_DAYS = re.compile(r"(?:P(\d{1,6})D|(\d{1,6}))", re.ASCII)


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

    def _add_processes(self, _bpmn: Any, filename: str | None = None) -> None:
        """The others are drawings here, and need no ids; stock refuses two without."""
        for process in _executable(self.document):
            self.create_parser(process, filename)

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
        # compensation throw events that name an activity: their element, its definition, the id
        self.compensation_refs: list[tuple[etree._Element, etree._Element, str]] = []
        self._links: dict[tuple[str, str], list[tuple[Node, etree._Element, bool]]] = {}
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
        self._join_links()
        self._attach_boundaries()
        self._read_process()
        check_process(self, self._elements)

    def _read_process(self) -> None:
        root, element = self.spec.start, self.node
        root.start_listeners = self.sources.listeners(element, "start")
        root.end_listeners = self.sources.listeners(element, "end")
        root.properties = self.sources.properties(element)
        self.sources.check_listeners(element, "executionListener", ("start", "end"))
        self.spec.priority = self.sources.number(camunda(element, "jobPriority"), element, "jobPriority")
        self.spec.task_priority = self.sources.number(camunda(element, "taskPriority"), element, "taskPriority")
        for extension in camunda_elements(element):
            if local_name(extension) not in _PROCESS_EXTENSIONS:
                self.document.problem(f"camunda:{local_name(extension)} is not supported on a process", extension)

    def nodes(self) -> dict[str, Node]:
        return self.spec.task_specs  # type: ignore[no-any-return]

    def start_found(
        self,
        node: StartEvent,
        element: etree._Element,
        kind: str,
        event_name: str | None,
        timer: TimerTrigger | None,
        condition: ConditionTrigger | None,
    ) -> None:
        """The process can be started here."""
        if kind == "none" and any(start.kind == "none" for start in self.starts):
            self.document.problem("a process can have one none start event only", element)
        spec = None if timer is None else TimerSpec(timer.cycle_kind, timer.source.expression.text)
        self.starts.append(StartTrigger(str(node.name), kind, event_name, spec, condition))

    def link_found(self, node: Node, element: etree._Element, name: str | None, *, is_throw: bool) -> None:
        """A link event; those of one name and one scope belong together."""
        if not name:
            self.document.problem("the link event has no name", element)
            return
        parent = element.getparent()
        scope = "" if parent is None else parent.get("id", "")
        self._links.setdefault((scope, name), []).append((node, element, is_throw))

    # -- nodes --------------------------------------------------------------------------------------------------------

    def _read_nodes(self, container: etree._Element, scope: Node | None) -> None:
        for element in container.iterchildren("*"):
            if etree.QName(element).namespace != BPMN:
                continue
            kind = local_name(element)
            if kind in _NO_FLOW_NODES or kind.endswith("EventDefinition"):
                continue
            if element.tag not in READERS:
                self.document.problem(f"<bpmn:{kind}> is not supported", element)
                continue
            node_id = element.get("id")
            if not node_id:
                self.document.problem(f"<bpmn:{kind}> has no id", element)
                continue
            if node_id in self.nodes():
                # said once for the whole file, by the check for duplicate ids
                continue
            node = self.parse_node(element)
            outer_id = None if scope is None else str(scope.name)
            node.parent_id = outer_id
            if node.body is not None:
                node.parent_id, node.body.parent_id = str(node.body.name), outer_id
            self._elements[node_id] = element
            if isinstance(node, SubProcess):
                self._read_nodes(element, node)
                if isinstance(node, EventSubProcess):
                    around = self.spec.start if scope is None else scope
                    around.event_sub_processes.append(node)

    # -- flows --------------------------------------------------------------------------------------------------------

    def _read_flows(self, container: etree._Element) -> None:
        for element in container.iter(bpmn("sequenceFlow")):
            source = self._flow_end(element, "sourceRef")
            target = self._flow_end(element, "targetRef")
            if source is None or target is None:
                continue
            source, target = source.entry, target.entry
            if source.parent_id != target.parent_id:
                self.document.problem(
                    f"the sequence flow crosses the border of a sub-process: {source.name!r} to {target.name!r}",
                    element,
                )
                continue
            if isinstance(target, (LinkCatch, EventSubProcess)) or target.is_for_compensation:
                self.document.problem(f"no sequence flow can lead to {target.name!r}", element)
            if isinstance(source, (LinkThrow, EventSubProcess)) or source.is_for_compensation:
                self.document.problem(f"no sequence flow can leave {source.name!r}", element)
            if isinstance(source, END_NODES):
                self.document.problem(f"no token leaves the end event {source.name!r}", element, severity="warning")
                continue
            condition = self.sources.condition(child(element, "conditionExpression"))
            if source.async_after and not element.get("id"):
                self.document.problem(f"the sequence flow needs an id, since {source.name!r} uses asyncAfter", element)
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
        node = self.nodes().get(reference) or self.nodes().get(unqualified(reference))
        if node is None and not self._is_unread(reference):
            self.document.problem(
                f"the sequence flow's {attribute} {reference!r} is no element of this process", element
            )
        return node

    def _is_unread(self, reference: str) -> bool:
        """It is an element of this process that could not be read, which has its own problem already."""
        element = self.document.element(reference)
        if element is None:
            element = self.document.element(unqualified(reference))
        return (
            element is not None
            and etree.QName(element).namespace == BPMN
            and local_name(element) not in _NO_FLOW_NODES
            and self.node in element.iterancestors()
        )

    def _join_links(self) -> None:
        for (_, name), ends in self._links.items():
            catches = [(node, element) for node, element, is_throw in ends if not is_throw]
            for _, element in catches[1:]:
                self.document.problem(f"the link {name!r} has more than one catch event in this scope", element)
            for node, element, is_throw in ends:
                if is_throw and not catches:
                    self.document.problem(f"the link {name!r} has no catch event in this scope", element)
                elif is_throw:
                    node.flows.append(Flow(f"#link{len(catches[0][0].flows)}of{node.name}", catches[0][0], None))
                    catches[0][0].incoming_count += 1

    def _attach_boundaries(self) -> None:
        associated = self._associated()
        for node_id, node in list(self.nodes().items()):
            if not isinstance(node, BoundaryEvent):
                continue
            element = self._elements[node_id]
            reference = element.get("attachedToRef") or ""
            host = self.nodes().get(reference) or self.nodes().get(reference.rpartition(":")[2])
            if host is None:
                self.document.problem(f"the boundary event is attached to {reference!r}, which does not exist", element)
            elif host.activity_type.endswith(("Event", "Gateway")) or isinstance(host, (BoundaryEvent, CatchEvent)):
                self.document.problem(
                    f"a boundary event can be attached to an activity only, not to {reference!r}", element
                )
            elif isinstance(host, EventSubProcess):
                self.document.problem(
                    f"a boundary event cannot be attached to the event sub-process {reference!r}", element
                )
            elif node.parent_id != host.entry.parent_id:
                self.document.problem(f"the boundary event and {reference!r} are not in the same scope", element)
            elif node.is_cancel and not isinstance(host, Transaction):
                self.document.problem("a cancel boundary event can be attached to a transaction only", element)
            else:
                node.host = host
                if node.kind == "compensation":
                    self._attach_handler(node, host, element, associated)
                else:
                    host.entry.boundary_events.append(node)

    def _associated(self) -> dict[str, list[str]]:
        """By the id at either end of an association, the ids at the other; wherever in the file they lie."""
        associated: dict[str, list[str]] = {}
        for association in self.document.root.iter(bpmn("association")):
            source, target = (unqualified(association.get(end, "")) for end in ("sourceRef", "targetRef"))
            if source != target:
                associated.setdefault(source, []).append(target)
                associated.setdefault(target, []).append(source)
        return associated

    def _attach_handler(
        self, node: BoundaryEvent, host: Node, element: etree._Element, associated: Mapping[str, list[str]]
    ) -> None:
        """The activity that undoes the host is the one that an association leads to, wherever the association lies."""
        for other_end in associated.get(str(node.name), ()):
            handler = self.nodes().get(other_end)
            if handler is None:
                continue
            if not handler.is_for_compensation:
                self.document.problem(
                    f'{handler.name!r} undoes {host.name!r} and needs isForCompensation="true"',
                    self._elements[str(handler.name)],
                )
            host.compensation_handler = handler.entry
            return
        self.document.problem(
            "the compensation boundary event has no association to an activity: nothing undoes its host",
            element,
            severity="warning",
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
            candidate_starter_users=_names(camunda(element, "candidateStarterUsers")),
            candidate_starter_groups=_names(camunda(element, "candidateStarterGroups")),
            root=spec.start,
            nodes=dict(spec.task_specs),
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


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _executable(document: Document) -> list[etree._Element]:
    return [process for process in children(document.root, "process") if process.get("isExecutable") == "true"]


DiagramReader.PROCESS_PARSER_CLASS = ProcessReader


def read_definitions(
    document: Document,
    known_delegates: Container[str],
    resource: Callable[[str], bytes | None],
    languages: ScriptLanguages,
) -> list[Definition]:
    """Every executable process of the document; problems are in `document.problems`."""
    reader = DiagramReader(document, known_delegates, resource, languages)
    executable = _executable(document)
    for process in children(document.root, "process"):
        if process not in executable:
            which = f"process {process.get('id')!r}" if process.get("id") else "a process without an id"
            document.problem(f"{which} is not executable and is skipped", process, severity="warning")
    for choreography in children(document.root, "choreography"):
        document.problem("a choreography is not executable and is skipped", choreography, severity="warning")
    if not document.problems and not executable:
        document.problem("the file has no process: there is nothing to run in it", document.root, severity="warning")
    nameless = [process for process in executable if not process.get("id")]
    for process in nameless:
        document.problem("the process has no id", process)
    if nameless or document.errors:
        return []
    reader.add_bpmn_xml(document.root, document.resource)
    return [reader.get_process_parser(process.get("id")).definition() for process in executable]
