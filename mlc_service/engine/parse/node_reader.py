"""What the readers of all flow nodes share. They note problems in the document instead of raising."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lxml import etree
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser

from ..elements.events import LinkThrow
from ..elements.mapped import Mapped, Mapping
from ..elements.multi_instance import MultiInstance
from ..elements.node import Node
from ..elements.triggers import ConditionTrigger, EventTrigger, Trigger
from ..elements.values import ExpressionSource
from .names import CAMUNDA, bpmn, camunda, camunda_elements, child, children, local_name, own_text, unqualified
from .sources import Sources

if TYPE_CHECKING:
    from .processes import ProcessReader

TRUE = "true"
EVERYWHERE = frozenset({"inputOutput", "failedJobRetryTimeCycle", "properties", "executionListener"})
ATTRIBUTES_EVERYWHERE = frozenset(
    {"async", "asyncBefore", "asyncAfter", "exclusive", "jobPriority", "modelerTemplate", "modelerTemplateVersion"}
)
_VARIABLE_EVENTS = frozenset({"create", "update", "delete"})


class NodeReader(TaskParser):
    """Reads what all flow nodes have; `read` is what a kind adds.

    `EXTENSIONS` and `ATTRIBUTES` are the camunda extension elements and attributes of the kind; others are named in a
    problem or a warning, so that nothing is left out in silence.
    """

    process_parser: ProcessReader
    EXTENSIONS: ClassVar[frozenset[str]] = EVERYWHERE
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset()
    # gateways and events take no outputs or no mapping at all, as in Camunda
    MAPS_INPUTS: ClassVar[bool] = True
    MAPS_OUTPUTS: ClassVar[bool] = True

    def parse_node(self) -> Node:
        """The node, entered in the process spec. Stock goes on to the neighbours from here; ours does not."""
        node = self.read()
        element, sources = self.node, self.sources
        node.async_before = TRUE in (camunda(element, "asyncBefore"), camunda(element, "async"))
        node.async_after = camunda(element, "asyncAfter") == TRUE
        node.exclusive = camunda(element, "exclusive") != "false"
        node.priority = sources.number(camunda(element, "jobPriority"), element, "jobPriority")
        node.retry_cycle = sources.retry_cycle(element)
        node.input_parameters = sources.parameters(element, "inputParameter")
        node.output_parameters = sources.parameters(element, "outputParameter")
        node.start_listeners = sources.listeners(element, "start")
        node.end_listeners = sources.listeners(element, "end")
        sources.check_listeners(element, "executionListener", ("start", "end"))
        node.properties = sources.properties(element)
        node.default_flow = self._default_flow()
        node.is_for_compensation = element.get("isForCompensation") == TRUE
        if node.is_for_compensation or isinstance(node, LinkThrow):
            self._at_once(node)
        self._check_mapping(node)
        self._check_extensions()
        self._wrap(node)
        return node

    def _default_flow(self) -> str | None:
        reference = self.node.get("default")
        if reference is None or self.process_parser.document.element(reference) is not None:
            return reference  # type: ignore[no-any-return]
        return unqualified(reference)

    def read(self) -> Node:
        return self.spec_class(self.spec, self.bpmn_id, self.name)  # type: ignore[no-any-return]

    @property
    def sources(self) -> Sources:
        return self.process_parser.sources

    @property
    def name(self) -> str | None:
        return self.node.get("name")  # type: ignore[no-any-return]

    def problem(self, message: str, element: etree._Element | None = None) -> None:
        self.process_parser.document.problem(message, self.node if element is None else element)

    def warning(self, message: str, element: etree._Element | None = None) -> None:
        place = self.node if element is None else element
        self.process_parser.document.problem(message, place, severity="warning")

    def _at_once(self, node: Node) -> None:
        """Camunda carries out compensation handlers and link throw events at once, whatever they say."""
        if node.async_before or node.async_after:
            self.warning("an asynchronous continuation has no effect here")
        node.async_before = node.async_after = False

    def _check_mapping(self, node: Node) -> None:
        kind = local_name(self.node)
        for mapping in camunda_elements(self.node, "inputOutput"):
            if not self.MAPS_INPUTS:
                self.problem(f"camunda:inputOutput is not possible on <bpmn:{kind}>", mapping)
            elif node.output_parameters and not self.MAPS_OUTPUTS:
                self.problem(f"camunda:outputParameter is not possible on <bpmn:{kind}>", mapping)
            elif node.output_parameters and child(self.node, "multiInstanceLoopCharacteristics") is not None:
                self.problem("camunda:outputParameter is not possible on a multi-instance activity", mapping)

    def _check_extensions(self) -> None:
        for extension in camunda_elements(self.node):
            if local_name(extension) not in self.EXTENSIONS:
                self.problem(
                    f"camunda:{local_name(extension)} is not supported on <bpmn:{local_name(self.node)}>", extension
                )
        for name in self.node.attrib:
            namespace, _, local = str(name).rpartition("}")
            if namespace[1:] in CAMUNDA and local not in ATTRIBUTES_EVERYWHERE and local not in self.ATTRIBUTES:
                self.warning(f"camunda:{local} has no meaning on <bpmn:{local_name(self.node)}>")

    # -- multi-instance -----------------------------------------------------------------------------------------------

    def _wrap(self, node: Node) -> None:
        """A node that runs several times gets a multi-instance body around it."""
        standard = child(self.node, "standardLoopCharacteristics")
        if standard is not None:
            self.warning("Camunda 7 does not carry out standard loops: the activity runs once", standard)
        loop = child(self.node, "multiInstanceLoopCharacteristics")
        if loop is None:
            return
        cardinality = child(loop, "loopCardinality")
        completion = child(loop, "completionCondition")
        collection = camunda(loop, "collection") or self._text(child(loop, "loopDataInputRef"))
        item = child(loop, "inputDataItem")
        element_variable = camunda(loop, "elementVariable") or (None if item is None else item.get("name"))
        if cardinality is None and not collection:
            self.problem("a multi-instance activity needs a loopCardinality or a camunda:collection", loop)
        if element_variable and not collection:
            self.problem("camunda:elementVariable needs a camunda:collection", loop)
        body = MultiInstance(
            self.spec,
            node,
            is_sequential=loop.get("isSequential") == TRUE,
            cardinality=None
            if cardinality is None
            else self.sources.expression(self._text(cardinality), cardinality, "loopCardinality"),
            collection=self.sources.optional(collection, loop, "collection"),
            element_variable=element_variable,
            completion=None if completion is None else self.sources.condition(completion),
        )
        # what is said of the activity is said of the whole; the loop's own attributes are those of each instance
        for name in ("async_before", "async_after", "exclusive", "default_flow", "retry_cycle"):
            setattr(body, name, getattr(node, name))
        body.is_for_compensation = node.is_for_compensation
        node.async_before = TRUE in (camunda(loop, "asyncBefore"), camunda(loop, "async"))
        node.async_after = camunda(loop, "asyncAfter") == TRUE
        node.exclusive = camunda(loop, "exclusive") != "false"
        node.retry_cycle = self.sources.retry_cycle(loop) or node.retry_cycle
        node.default_flow = None
        node.body = body

    @staticmethod
    def _text(element: etree._Element | None) -> str | None:
        return None if element is None else own_text(element)

    # -- events -------------------------------------------------------------------------------------------------------

    def event_definition(self) -> tuple[str, etree._Element | None]:
        """The kind of the event (`none`, `timer`, `signal` …) and its definition."""
        found = [
            item
            for item in self.node.iterchildren("*")
            if item.tag.startswith(bpmn("")) and local_name(item).endswith("EventDefinition")
        ]
        for reference in children(self.node, "eventDefinitionRef"):
            definition = self.process_parser.document.element((reference.text or "").strip().rpartition(":")[2])
            if definition is None:
                self.problem(f"unknown event definition {(reference.text or '').strip()!r}", reference)
            else:
                found.append(definition)
        if not found:
            return "none", None
        if len(found) > 1:
            self.problem("several event definitions on one event are not supported", found[1])
        kind = local_name(found[0]).removesuffix("EventDefinition")
        return {"compensate": "compensation"}.get(kind, kind), found[0]

    def signal_name(self, definition: etree._Element) -> str:
        return self._referenced(definition, "signalRef", "signal")

    def message_name(self, definition: etree._Element) -> str:
        return self._referenced(definition, "messageRef", "message")

    def _referenced(self, definition: etree._Element, attribute: str, kind: str) -> str:
        reference = definition.get(attribute)
        if not reference:
            self.problem(f"the {kind} event has no {attribute}", definition)
            return ""
        table: dict[str, str | None] = getattr(self.process_parser.parser, f"{kind}s")
        local = reference.rpartition(":")[2]
        if reference not in table and local not in table:
            self.problem(f"unknown {kind} {reference!r}: the file has no <bpmn:{kind}> with that id", definition)
            return ""
        name = table.get(reference) or table.get(local)
        if not name:
            self.problem(f"{kind} {reference!r} has no name", definition)
        return name or ""

    def error_code(self, definition: etree._Element) -> str | None:
        reference = definition.get("errorRef")
        if not reference:
            return None
        errors: dict[str, dict[str, str | None]] = self.process_parser.parser.errors
        known = errors.get(reference) or errors.get(reference.rpartition(":")[2])
        # Camunda takes a reference to no error element for the code itself
        return reference if known is None else known.get("error_code")

    def error_message(self, definition: etree._Element) -> ExpressionSource | None:
        """`camunda:errorMessage` of the error that an event refers to."""
        for error in children(self.process_parser.document.root, "error"):
            if error.get("id") in (definition.get("errorRef"), unqualified(definition.get("errorRef", ""))):
                return self.sources.optional(camunda(error, "errorMessage"), error, "errorMessage")
        return None

    def escalation_code(self, definition: etree._Element) -> str | None:
        """The code of the escalation that an event refers to; None refers to none."""
        reference = definition.get("escalationRef")
        if not reference:
            return None
        escalations: dict[str, dict[str, str | None]] = self.process_parser.parser.escalations
        known = escalations.get(reference) or escalations.get(reference.rpartition(":")[2])
        if known is None:
            self.problem(
                f"unknown escalation {reference!r}: the file has no <bpmn:escalation> with that id", definition
            )
            return None
        return known.get("escalation_code")

    def trigger(self, kind: str, definition: etree._Element) -> Trigger:
        """What an event of that kind waits for."""
        if kind == "timer":
            return self.sources.timer(definition)
        if kind == "conditional":
            return self.condition(definition)
        name = self.signal_name(definition) if kind == "signal" else self.message_name(definition)
        return EventTrigger(kind, self.sources.expression(name, definition, f"{kind} name"))

    def condition(self, definition: etree._Element) -> ConditionTrigger:
        element = child(definition, "condition")
        if element is None:
            self.problem("the conditional event has no condition", definition)
        condition = self.sources.condition(element) or self.sources.never()
        events = frozenset(
            part.strip() for part in (camunda(definition, "variableEvents") or "").split(",") if part.strip()
        )
        for unknown in sorted(events - _VARIABLE_EVENTS):
            self.problem(f"camunda:variableEvents {unknown!r} is none of create, update, delete", definition)
        return ConditionTrigger(condition, camunda(definition, "variableName"), events)

    # -- mappings -----------------------------------------------------------------------------------------------------

    def mapped(self, element: etree._Element, kind: str) -> Mapped:
        """The `camunda:in` or `camunda:out` of an element."""
        mappings = []
        for mapping in camunda_elements(element, kind):
            if mapping.get("businessKey") is not None:
                continue
            is_local = mapping.get("local") == TRUE
            if mapping.get("variables") == "all":
                mappings.append(Mapping(None, is_local=is_local))
                continue
            target, source, text = mapping.get("target"), mapping.get("source"), mapping.get("sourceExpression")
            if not target or not (source or text):
                self.problem(
                    f'camunda:{kind} needs variables="all", or a target and a source or sourceExpression', mapping
                )
                continue
            expression = self.sources.expression(text, mapping, f"camunda:{kind}") if text else None
            mappings.append(Mapping(target, source, expression, is_local))
        return Mapped(mappings)

    def business_key(self, element: etree._Element) -> ExpressionSource | None:
        """The business key of `<camunda:in businessKey="…">`."""
        for mapping in camunda_elements(element, "in"):
            if mapping.get("businessKey") is not None:
                return self.sources.expression(mapping.get("businessKey"), mapping, "businessKey")
        return None


def outer(element: etree._Element) -> str:
    """The local name of the element around this one."""
    parent = element.getparent()
    return "" if parent is None else local_name(parent)
