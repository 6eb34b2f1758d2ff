"""Readers of tasks, sub-processes and call activities."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from ..elements.activities import (
    ConnectorTask,
    DecisionTask,
    DelegateTask,
    ExpressionTask,
    PlainTask,
    ReceiveTask,
    ScriptTask,
)
from ..elements.call_activity import CallActivity
from ..elements.external_task import ErrorMapping, ExternalTaskNode
from ..elements.node import Node
from ..elements.sub_process import EventSubProcess, SubProcess, Transaction
from ..elements.triggers import EventTrigger
from ..elements.user_task import TaskForm, UserTask
from .names import camunda, camunda_children, camunda_elements, child, children, foreign, local_name, own_text
from .node_reader import EVERYWHERE, TRUE, NodeReader

_RESULT_MAPPINGS = ("singleEntry", "singleResult", "collectEntries", "resultList")
_BINDINGS = ("latest", "deployment", "version", "versionTag")
_SERVICE = frozenset(
    {
        "class",
        "delegateExpression",
        "expression",
        "resultVariable",
        "resultVariableName",
        "type",
        "topic",
        "taskPriority",
    }
)
# what a resource assignment may say: user(kermit), group(managers), or a bare name, which is a group
_OWNER = re.compile(r"\s*(?:(user|group)\(((?:[$#]\{[^}]*\}|[^)])*)\)|([^,()]+))\s*(?:,|$)")
_CONNECTORS = ("http-connector",)


class PlainTaskReader(NodeReader):
    def read(self) -> Node:
        return PlainTask(self.spec, self.bpmn_id, self.name, local_name(self.node))


class ServiceTaskReader(NodeReader):
    """Service and send tasks: exactly one of class, delegateExpression, expression, an external topic, a connector."""

    EXTENSIONS = EVERYWHERE | {"field", "connector", "errorEventDefinition"}
    ATTRIBUTES = _SERVICE

    def read(self) -> Node:
        return self.implementation(self.node, local_name(self.node)) or self.none_found()

    def implementation(self, element: etree._Element, activity_type: str) -> Node | None:
        """What carries the work out, as the element (a task, or the definition of a message event) says."""
        make = (self.spec, self.bpmn_id, self.name, activity_type)
        connectors = camunda_elements(element, "connector")
        named = [name for name in ("class", "delegateExpression", "expression", "type") if camunda(element, name)]
        if len(named) + len(connectors) > 1:
            found = " and ".join([*(f"camunda:{name}" for name in named), *("camunda:connector" for _ in connectors)])
            self.problem(f"exactly one implementation is allowed, found {found}", element)
        if camunda(element, "type") is not None:
            return self._external(element, activity_type)
        if connectors:
            return self._connector(connectors[0], activity_type)
        delegate = self.sources.delegate(element)
        if delegate is not None:
            task = DelegateTask(*make, delegate)
            task.fields = self.sources.fields(element)
            return task
        text = camunda(element, "expression")
        if text is not None:
            source = self.sources.expression(text.strip(), element, "expression")
            result = camunda(element, "resultVariable") or camunda(element, "resultVariableName")
            return ExpressionTask(*make, source, result)
        return None

    def none_found(self) -> Node:
        self.problem(
            'one of camunda:class, camunda:delegateExpression, camunda:expression, camunda:type="external" or '
            f"camunda:connector is needed{self._not_ours()}"
        )
        return PlainTask(self.spec, self.bpmn_id, self.name, local_name(self.node))

    def _not_ours(self) -> str:
        found = foreign(self.node)
        return f"; another engine's {', '.join(found)} is not carried out here" if found else ""

    def _external(self, element: etree._Element, activity_type: str) -> Node:
        kind, topic = camunda(element, "type"), camunda(element, "topic")
        if kind != "external":
            self.problem(f"camunda:type={kind!r} is not supported: it can be external", element)
        elif not topic:
            self.problem("an external task needs a camunda:topic", element)
        return ExternalTaskNode(
            self.spec,
            self.bpmn_id,
            self.name,
            activity_type,
            topic=self.sources.expression(topic, element, "topic"),
            task_priority=self.sources.number(camunda(element, "taskPriority"), element, "taskPriority"),
            error_mappings=[self._error_mapping(one) for one in camunda_elements(element, "errorEventDefinition")],
        )

    def _error_mapping(self, element: etree._Element) -> ErrorMapping:
        expression = element.get("expression")
        code = self.error_code(element)
        if not expression:
            self.problem("camunda:errorEventDefinition needs an expression", element)
        if not code:
            self.problem("camunda:errorEventDefinition needs an errorRef to an error with an errorCode", element)
        return ErrorMapping(
            code or "",
            self.sources.expression(expression, element, "camunda:errorEventDefinition"),
        )

    def _connector(self, connector: etree._Element, activity_type: str) -> Node:
        id_element = next(iter(camunda_children(connector, "connectorId")), None)
        connector_id = "" if id_element is None else (id_element.text or "").strip()
        if connector_id not in _CONNECTORS:
            self.problem(f"unknown connector {connector_id!r}; there is {', '.join(_CONNECTORS)}", connector)
        elif connector_id not in self.sources.known_delegates:
            self.problem(f"the connector {connector_id!r} is not installed here", connector)
        return ConnectorTask(
            self.spec,
            self.bpmn_id,
            self.name,
            activity_type,
            connector_id,
            self.sources.parameters_in(camunda_children(connector, "inputOutput"), "inputParameter"),
            self.sources.parameters_in(camunda_children(connector, "inputOutput"), "outputParameter"),
        )


class BusinessRuleTaskReader(ServiceTaskReader):
    ATTRIBUTES = _SERVICE | {
        "decisionRef", "decisionRefBinding", "decisionRefVersion", "decisionRefVersionTag", "decisionRefTenantId",
        "mapDecisionResult",
    }  # fmt: skip

    def read(self) -> Node:
        element = self.node
        reference = camunda(element, "decisionRef")
        if reference is None:
            return super().read()
        binding = camunda(element, "decisionRefBinding") or "latest"
        if binding not in _BINDINGS:
            self.problem(f"decisionRefBinding {binding!r} is none of {', '.join(_BINDINGS)}")
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
        self.problem(
            f"camunda:decisionRef, or an implementation such as camunda:delegateExpression, is needed{self._not_ours()}"
        )
        return PlainTask(self.spec, self.bpmn_id, self.name, "businessRuleTask")


class ScriptTaskReader(NodeReader):
    ATTRIBUTES = frozenset({"resultVariable", "resource"})

    def read(self) -> Node:
        element = self.node
        body = child(element, "script")
        resource = camunda(element, "resource")
        if body is None and resource is None:
            self.problem("the script task has no script")
        place = element if body is None else body
        inline = "" if body is None else body.text
        script = self.sources.script_from(element.get("scriptFormat"), resource, inline, place)
        return ScriptTask(self.spec, self.bpmn_id, self.name, script, camunda(element, "resultVariable"))


class ReceiveTaskReader(NodeReader):
    def read(self) -> Node:
        trigger = None
        if self.node.get("messageRef"):
            name = self.message_name(self.node)
            trigger = EventTrigger("message", self.sources.expression(name, self.node, "message name"))
        return ReceiveTask(self.spec, self.bpmn_id, self.name, trigger)


class UserTaskReader(NodeReader):
    EXTENSIONS = EVERYWHERE | {"taskListener", "formData"}
    ATTRIBUTES = frozenset(
        {"assignee", "candidateUsers", "candidateGroups", "dueDate", "followUpDate", "priority", "formKey", "formRef",
         "formRefBinding", "formRefVersion", "formHandlerClass"}
    )  # fmt: skip

    def read(self) -> Node:
        element, sources = self.node, self.sources
        documentation = child(element, "documentation")

        def text(name: str) -> Any:
            return sources.optional(camunda(element, name), element, name)

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
            priority=sources.number(camunda(element, "priority"), element, "priority"),
            listeners=sources.task_listeners(element),
            timeouts=sources.timeouts(element),
        )
        self._owners(form)
        node = UserTask(self.spec, self.bpmn_id, self.name, form)
        sources.form(element, node)
        return node

    def _owners(self, form: TaskForm) -> None:
        """BPMN's own way of naming who does it."""
        for performer in children(self.node, "humanPerformer"):
            if form.assignee is not None:
                self.problem("the task has an assignee already", performer)
            form.assignee = form.assignee or self.sources.optional(
                self._assignment(performer), performer, "humanPerformer"
            )
        for owner in children(self.node, "potentialOwner"):
            for kind, name, bare in _OWNER.findall(self._assignment(owner) or ""):
                listed = form.candidate_users if kind == "user" else form.candidate_groups
                listed.append(self.sources.expression((name or bare).strip(), owner, "potentialOwner"))

    def _assignment(self, element: etree._Element) -> str | None:
        expression = child(element, "resourceAssignmentExpression")
        formal = None if expression is None else child(expression, "formalExpression")
        if expression is None and child(element, "resourceRef") is not None:
            self.warning(
                f"<bpmn:{local_name(element)}>: a resourceRef gives the task to nobody, as in Camunda", element
            )
            return None
        if formal is None:
            self.problem(f"<bpmn:{local_name(element)}> needs a resourceAssignmentExpression", element)
            return None
        return own_text(formal)


class SubProcessReader(NodeReader):
    """Embedded sub-processes, event sub-processes and transactions."""

    @property
    def MAPS_INPUTS(self) -> bool:  # type: ignore[override]  # noqa: N802
        return str(self.node.get("triggeredByEvent")) != TRUE

    def read(self) -> Node:
        if self.node.get("triggeredByEvent") == TRUE:
            return EventSubProcess(self.spec, self.bpmn_id, self.name)
        if local_name(self.node) == "transaction":
            return Transaction(self.spec, self.bpmn_id, self.name)
        return SubProcess(self.spec, self.bpmn_id, self.name)


class CallActivityReader(NodeReader):
    EXTENSIONS = EVERYWHERE | {"in", "out"}
    ATTRIBUTES = frozenset(
        {"calledElementBinding", "calledElementVersion", "calledElementVersionTag", "calledElementTenantId", "caseRef",
         "caseBinding", "caseVersion", "caseTenantId", "variableMappingClass", "variableMappingDelegateExpression"}
    )  # fmt: skip

    def read(self) -> Node:
        element, sources = self.node, self.sources
        called = element.get("calledElement")
        if camunda(element, "caseRef") is not None:
            self.problem("camunda:caseRef calls a CMMN case, which this service does not run")
        elif not called:
            self.problem("the call activity has no calledElement")
        for name in ("variableMappingClass", "variableMappingDelegateExpression"):
            if camunda(element, name) is not None:
                self.problem(f"camunda:{name} is not supported; map the variables with camunda:in and camunda:out")
        binding = camunda(element, "calledElementBinding") or "latest"
        if binding not in _BINDINGS:
            self.problem(f"calledElementBinding {binding!r} is none of {', '.join(_BINDINGS)}")
        version = camunda(element, "calledElementVersion" if binding == "version" else "calledElementVersionTag")
        if binding in ("version", "versionTag") and not version:
            self.problem(f"calledElementBinding {binding!r} needs the {binding} to bind to")
        return CallActivity(
            self.spec,
            self.bpmn_id,
            self.name,
            called=sources.expression(called, element, "calledElement"),
            binding=binding,
            version=sources.optional(version, element, "called version")
            if binding in ("version", "versionTag")
            else None,
            business_key=self.business_key(element),
            taken_in=self.mapped(element, "in"),
            handed_back=self.mapped(element, "out"),
        )


class GatewayReader(NodeReader):
    """Gateways map nothing."""

    MAPS_INPUTS = False

    def read(self) -> Node:
        if local_name(self.node) == "eventBasedGateway" and camunda(self.node, "asyncAfter") == TRUE:
            self.problem("camunda:asyncAfter is not possible on an event-based gateway")
        return super().read()
