"""One reader per kind of flow node: from its XML to the node that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxml import etree
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser

from ..elements.activities import (
    DecisionTask,
    DelegateTask,
    ExpressionTask,
    PlainTask,
    ReceiveTask,
    ScriptTask,
    SubProcess,
    TaskForm,
    UserTask,
)
from ..elements.boundary import BoundaryEvent, ErrorBoundaryEvent
from ..elements.events import (
    CatchEvent,
    EndEvent,
    ErrorEndEvent,
    EventTrigger,
    SignalPayload,
    SignalThrow,
    StartEvent,
    TerminateEndEvent,
    ThrowEvent,
    TimerTrigger,
)
from ..elements.gateways import ExclusiveGateway, ParallelGateway
from ..elements.node import Node
from ..elements.values import ExpressionSource, Source
from .names import bpmn, camunda, camunda_elements, child, children, local_name
from .sources import Sources

if TYPE_CHECKING:
    from .processes import ProcessReader

_EVALUATED_EXTENSIONS = frozenset(
    {"inputOutput", "failedJobRetryTimeCycle", "properties", "in", "out", "executionListener"}
)
_DISPLAY_ONLY_EXTENSIONS = frozenset({"formData", "formProperty"})
_RESULT_MAPPINGS = ("singleEntry", "singleResult", "collectEntries", "resultList")
_TRUE = "true"


class NodeReader(TaskParser):
    """Reads what all flow nodes share; `read` is what a kind adds. Notes problems instead of raising."""

    process_parser: ProcessReader
    EXTENSIONS = _EVALUATED_EXTENSIONS

    def parse_node(self) -> Node:
        """The node, entered in the process spec. Stock goes on to the neighbours from here; ours does not."""
        node = self.read()
        element = self.node
        node.async_before = _TRUE in (camunda(element, "asyncBefore"), camunda(element, "async"))
        node.async_after = camunda(element, "asyncAfter") == _TRUE
        node.exclusive = camunda(element, "exclusive") != "false"
        node.priority = self.sources.optional(camunda(element, "jobPriority"), element, "jobPriority")
        node.retry_cycle = self.sources.retry_cycle(element)
        node.input_parameters = self.sources.parameters(element, "inputParameter")
        node.output_parameters = self.sources.parameters(element, "outputParameter")
        node.start_listeners = self.sources.listeners(element, "start")
        node.end_listeners = self.sources.listeners(element, "end")
        self.sources.check_listeners(element, "executionListener", ("start", "end"))
        node.default_flow = element.get("default")
        self._refuse_unsupported()
        return node

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

    def _refuse_unsupported(self) -> None:
        element = self.node
        for tag in ("multiInstanceLoopCharacteristics", "standardLoopCharacteristics"):
            loop = child(element, tag)
            if loop is not None:
                self.problem(f"{tag} is not supported yet", loop)
        if element.get("isForCompensation") == _TRUE:
            self.problem("compensation is not supported yet")
        for extension in camunda_elements(element):
            kind = local_name(extension)
            if kind in _DISPLAY_ONLY_EXTENSIONS:
                self.process_parser.document.problem(
                    f"camunda:{kind} is kept in the file but not evaluated yet", extension, severity="warning"
                )
            elif kind not in self.EXTENSIONS:
                self.problem(f"camunda:{kind} is not supported yet", extension)

    # -- event definitions --------------------------------------------------------------------------------------------

    def event_definition(self) -> tuple[str, etree._Element | None]:
        """The kind of the event (`none`, `timer`, `signal` …) and its definition."""
        found = [
            item
            for item in self.node.iterchildren("*")
            if item.tag.startswith(bpmn("")) and local_name(item).endswith("EventDefinition")
        ]
        if not found:
            return "none", None
        if len(found) > 1:
            self.problem("several event definitions on one event are not supported", found[1])
        return local_name(found[0]).removesuffix("EventDefinition"), found[0]

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
            if error.get("id") == definition.get("errorRef"):
                return self.sources.optional(camunda(error, "errorMessage"), error, "errorMessage")
        return None

    def trigger(self, kind: str, definition: etree._Element) -> EventTrigger | TimerTrigger:
        if kind == "timer":
            return self.sources.timer(definition)
        name = self.signal_name(definition) if kind == "signal" else self.message_name(definition)
        return EventTrigger(kind, self.sources.expression(name, definition, f"{kind} name"))

    def signal_throw(self, definition: etree._Element) -> SignalThrow:
        name = self.sources.expression(self.signal_name(definition), definition, "signal name")
        mappings: dict[str, Source] = {}
        all_variables = False
        for mapping in camunda_elements(definition, "in"):
            if mapping.get("variables") == "all":
                all_variables = True
                continue
            target = mapping.get("target")
            source = mapping.get("source")
            text = mapping.get("sourceExpression") or (f"${{{source}}}" if source else None)
            if not target or not text:
                self.problem("camunda:in needs a target and a source or sourceExpression", mapping)
                continue
            mappings[target] = self.sources.expression(text, mapping, "camunda:in")
        return SignalThrow(name, SignalPayload(mappings, all_variables=all_variables))


class StartEventReader(NodeReader):
    KINDS = ("none", "signal", "message", "timer")

    def read(self) -> Node:
        kind, definition = self.event_definition()
        if kind not in self.KINDS:
            self.problem(f"a start event of kind {kind} is not supported yet")
            kind = "none"
        event_name = None
        timer = None
        in_sub_process = local_name(self.node.getparent()) == "subProcess"
        if definition is not None and in_sub_process:
            self.problem("the start event of an embedded sub-process must be a none start event")
        elif definition is not None and kind == "timer":
            timer = self.sources.timer(definition)
            if not timer.source.expression.is_literal:
                self.problem("the timer of a start event cannot use expressions: no instance exists yet", definition)
        elif definition is not None and kind in ("signal", "message"):
            event_name = self.signal_name(definition) if kind == "signal" else self.message_name(definition)
            if "${" in event_name or "#{" in event_name:
                self.problem(f"the {kind} name of a start event cannot use expressions", definition)
        node = StartEvent(self.spec, self.bpmn_id, self.name, kind)
        node.initiator = camunda(self.node, "initiator")
        if not in_sub_process:
            self.process_parser.start_found(node, kind, event_name, timer, self.node)
        return node


class EndEventReader(NodeReader):
    def read(self) -> Node:
        kind, definition = self.event_definition()
        if definition is None:
            return EndEvent(self.spec, self.bpmn_id, self.name)
        if kind == "signal":
            return EndEvent(self.spec, self.bpmn_id, self.name, self.signal_throw(definition))
        if kind == "terminate":
            return TerminateEndEvent(self.spec, self.bpmn_id, self.name)
        if kind == "error":
            code = self.error_code(definition)
            if not code:
                self.problem("the error end event needs an errorRef to an error with an errorCode", definition)
            source = self.sources.expression(code or "", definition, "error code")
            return ErrorEndEvent(self.spec, self.bpmn_id, self.name, source, self.error_message(definition))
        self.problem(f"an end event of kind {kind} is not supported yet", definition)
        return EndEvent(self.spec, self.bpmn_id, self.name)


class CatchEventReader(NodeReader):
    def read(self) -> Node:
        kind, definition = self.event_definition()
        if definition is None or kind not in ("signal", "message", "timer"):
            self.problem(f"an intermediate catch event of kind {kind} is not supported yet")
            return PlainTask(self.spec, self.bpmn_id, self.name, "intermediateCatchEvent")
        return CatchEvent(self.spec, self.bpmn_id, self.name, self.trigger(kind, definition))


class ThrowEventReader(NodeReader):
    def read(self) -> Node:
        kind, definition = self.event_definition()
        if definition is None:
            return ThrowEvent(self.spec, self.bpmn_id, self.name, None)
        if kind == "signal":
            return ThrowEvent(self.spec, self.bpmn_id, self.name, self.signal_throw(definition))
        self.problem(f"an intermediate throw event of kind {kind} is not supported yet", definition)
        return ThrowEvent(self.spec, self.bpmn_id, self.name, None)


class BoundaryEventReader(NodeReader):
    def read(self) -> Node:
        kind, definition = self.event_definition()
        interrupting = self.node.get("cancelActivity") != "false"
        if definition is not None and kind == "error":
            if not interrupting:
                self.problem("an error boundary event always interrupts: cancelActivity must not be false")
            return ErrorBoundaryEvent(
                self.spec,
                self.bpmn_id,
                self.name,
                error_code=self.error_code(definition),
                error_code_variable=camunda(definition, "errorCodeVariable"),
                error_message_variable=camunda(definition, "errorMessageVariable"),
            )
        trigger: Any = None
        if definition is not None and kind in ("signal", "message", "timer"):
            trigger = self.trigger(kind, definition)
        else:
            self.problem(f"a boundary event of kind {kind} is not supported yet")
        return BoundaryEvent(self.spec, self.bpmn_id, self.name, trigger, interrupting=interrupting)


class PlainTaskReader(NodeReader):
    def read(self) -> Node:
        return PlainTask(self.spec, self.bpmn_id, self.name, local_name(self.node))


class ServiceTaskReader(NodeReader):
    """Service and send tasks: exactly one of class, delegateExpression, expression."""

    def read(self) -> Node:
        return self.implementation() or self.none_found()

    def implementation(self) -> Node | None:
        element, kind = self.node, local_name(self.node)
        named = [name for name in ("class", "delegateExpression", "expression", "type") if camunda(element, name)]
        if len(named) > 1:
            self.problem(f"exactly one implementation is allowed, found camunda:{' and camunda:'.join(named)}")
        if camunda(element, "type") is not None:
            self.problem(f"camunda:type={camunda(element, 'type')!r} is not supported yet")
            return PlainTask(self.spec, self.bpmn_id, self.name, kind)
        delegate = self.sources.delegate(element)
        if delegate is not None:
            return DelegateTask(self.spec, self.bpmn_id, self.name, kind, delegate)
        text = camunda(element, "expression")
        if text is not None:
            source = self.sources.expression(text.strip(), element, "expression")
            result = camunda(element, "resultVariable") or camunda(element, "resultVariableName")
            return ExpressionTask(self.spec, self.bpmn_id, self.name, kind, source, result)
        return None

    def none_found(self) -> Node:
        self.problem("one of camunda:class, camunda:delegateExpression or camunda:expression is needed")
        return PlainTask(self.spec, self.bpmn_id, self.name, local_name(self.node))


class BusinessRuleTaskReader(ServiceTaskReader):
    def read(self) -> Node:
        element = self.node
        reference = camunda(element, "decisionRef")
        if reference is None:
            return super().read()
        binding = camunda(element, "decisionRefBinding") or "latest"
        if binding not in ("latest", "deployment", "version", "versionTag"):
            self.problem(f"decisionRefBinding {binding!r} is none of latest, deployment, version, versionTag")
        version = camunda(element, "decisionRefVersion" if binding == "version" else "decisionRefVersionTag")
        if binding in ("version", "versionTag") and not version:
            self.problem(f"decisionRefBinding {binding!r} needs the {binding} to bind to")
        mapping = camunda(element, "mapDecisionResult") or "resultList"
        if mapping not in _RESULT_MAPPINGS:
            self.problem(f"mapDecisionResult {mapping!r} is none of {', '.join(_RESULT_MAPPINGS)}")
        return DecisionTask(
            self.spec,
            self.bpmn_id,
            self.name,
            decision=self.sources.expression(reference.strip(), element, "decisionRef"),
            binding=binding,
            version=self.sources.optional(version, element, "decision version"),
            result_variable=camunda(element, "resultVariable"),
            map_result=mapping,
        )

    def none_found(self) -> Node:
        self.problem("camunda:decisionRef, or an implementation such as camunda:delegateExpression, is needed")
        return PlainTask(self.spec, self.bpmn_id, self.name, "businessRuleTask")


class ScriptTaskReader(NodeReader):
    def read(self) -> Node:
        element = self.node
        body = child(element, "script")
        resource = camunda(element, "resource")
        if body is None and resource is None:
            self.problem("the script task has no script")
        place = element if body is None else body
        text = self.sources.script_text(resource, body.text if body is not None else "", place)
        script = self.sources.script(element.get("scriptFormat"), text, place)
        return ScriptTask(self.spec, self.bpmn_id, self.name, script, camunda(element, "resultVariable"))


class ReceiveTaskReader(NodeReader):
    def read(self) -> Node:
        name = self.message_name(self.node)
        trigger = EventTrigger("message", self.sources.expression(name, self.node, "message name"))
        return ReceiveTask(self.spec, self.bpmn_id, self.name, trigger)


class UserTaskReader(NodeReader):
    EXTENSIONS = _EVALUATED_EXTENSIONS | {"taskListener"}

    def read(self) -> Node:
        element, sources = self.node, self.sources
        documentation = child(element, "documentation")

        def text(name: str) -> Any:
            return sources.optional(camunda(element, name), element, name)

        if camunda(element, "formRef") is not None:
            self.process_parser.document.problem(
                "camunda:formRef is kept in the file but not evaluated yet", element, severity="warning"
            )
        form = TaskForm(
            name=sources.optional(self.name, element, "name"),
            description=sources.optional(
                documentation.text if documentation is not None else None, element, "documentation"
            ),
            assignee=text("assignee"),
            candidate_users=sources.comma_list(camunda(element, "candidateUsers"), element, "candidateUsers"),
            candidate_groups=sources.comma_list(camunda(element, "candidateGroups"), element, "candidateGroups"),
            due=text("dueDate"),
            follow_up=text("followUpDate"),
            priority=text("priority"),
            form_key=text("formKey"),
            create_listeners=sources.task_listeners(element, "create"),
            complete_listeners=sources.task_listeners(element, "complete"),
        )
        sources.check_listeners(element, "taskListener", ("create", "complete"))
        for tag in ("potentialOwner", "humanPerformer"):
            for owner in children(element, tag):
                self.problem(f"{tag} is not supported yet; use camunda:assignee or camunda:candidateGroups", owner)
        return UserTask(self.spec, self.bpmn_id, self.name, form)


class SubProcessReader(NodeReader):
    def read(self) -> Node:
        if self.node.get("triggeredByEvent") == _TRUE:
            self.problem("event sub-processes are not supported yet")
        return SubProcess(self.spec, self.bpmn_id, self.name)


READERS: dict[str, tuple[type[NodeReader], type[Node]]] = {
    bpmn("startEvent"): (StartEventReader, StartEvent),
    bpmn("endEvent"): (EndEventReader, EndEvent),
    bpmn("intermediateCatchEvent"): (CatchEventReader, CatchEvent),
    bpmn("intermediateThrowEvent"): (ThrowEventReader, ThrowEvent),
    bpmn("boundaryEvent"): (BoundaryEventReader, BoundaryEvent),
    bpmn("task"): (PlainTaskReader, PlainTask),
    bpmn("manualTask"): (PlainTaskReader, PlainTask),
    bpmn("userTask"): (UserTaskReader, UserTask),
    bpmn("serviceTask"): (ServiceTaskReader, DelegateTask),
    bpmn("sendTask"): (ServiceTaskReader, DelegateTask),
    bpmn("scriptTask"): (ScriptTaskReader, ScriptTask),
    bpmn("receiveTask"): (ReceiveTaskReader, ReceiveTask),
    bpmn("businessRuleTask"): (BusinessRuleTaskReader, DecisionTask),
    bpmn("exclusiveGateway"): (NodeReader, ExclusiveGateway),
    bpmn("parallelGateway"): (NodeReader, ParallelGateway),
    bpmn("subProcess"): (SubProcessReader, SubProcess),
}
