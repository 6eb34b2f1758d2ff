"""Pieces of diagrams: a test puts a few of them together and sees all of it at a glance.

    run = Driver(process(start(), task("t"), boundary("b", "t", timer()), end(), flows("s", "t"), flows("b", "e")))

`heard` lets every element tell the driver's log when it begins and ends.
"""

from __future__ import annotations

from lxml import etree

from tests.unit.engine.driver import diagram, flow

_BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
_CAMUNDA = "{http://camunda.org/schema/1.0/bpmn}"
# messages M1…, signals S1…, errors E1…, escalations C1…
ROOTS = "".join(
    f'<bpmn:message id="_m{n}" name="M{n}"/><bpmn:signal id="_g{n}" name="S{n}"/>'
    f'<bpmn:error id="_x{n}" errorCode="E{n}"/><bpmn:escalation id="_c{n}" escalationCode="C{n}"/>'
    for n in (1, 2, 3)
)


def process(*pieces: str, roots: str = "") -> bytes:
    """A file with the process `p` of these pieces."""
    return diagram("".join(pieces), ROOTS + roots)


def node(kind: str, node_id: str, *inside: str, **attributes: str) -> str:
    """An element; `camunda_x` is the attribute `camunda:x`."""
    return f'<bpmn:{kind} id="{node_id}"{_written(attributes)}>{"".join(inside)}</bpmn:{kind}>'


def _written(attributes: dict[str, str]) -> str:
    return "".join(f' {name.replace("camunda_", "camunda:")}="{value}"' for name, value in attributes.items())


def start(node_id: str = "s", *inside: str, **attributes: str) -> str:
    return node("startEvent", node_id, *inside, **attributes)


def end(node_id: str = "e", *inside: str, **attributes: str) -> str:
    return node("endEvent", node_id, *inside, **attributes)


def task(node_id: str, *inside: str, **attributes: str) -> str:
    """A user task."""
    return node("userTask", node_id, *inside, **attributes)


def sets(node_id: str, *inside: str, **values: str) -> str:
    """A service task that writes variables; the values are expressions."""
    writes = " ".join(f"${{execution.setVariable('{name}', {value})}}" for name, value in values.items())
    return node("serviceTask", node_id, *inside, camunda_expression=writes)


def sub(node_id: str, *inside: str, **attributes: str) -> str:
    return node("subProcess", node_id, *inside, **attributes)


def handler(node_id: str, definition: str, *inside: str, interrupting: bool = True) -> str:
    """An event sub-process `h` whose start event `h_s` waits for the definition, then goes to the first of `inside`."""
    first = etree.fromstring(f'<x xmlns:bpmn="b" xmlns:camunda="c">{inside[0]}</x>')[0].get("id") or ""
    begins = start(f"{node_id}_s", definition, **({} if interrupting else {"isInterrupting": "false"}))
    return sub(node_id, begins, *inside, flow(f"{node_id}_s", first), triggeredByEvent="true")


def boundary(node_id: str, host: str, definition: str, *inside: str, interrupting: bool = True) -> str:
    more = {} if interrupting else {"cancelActivity": "false"}
    return node("boundaryEvent", node_id, *inside, definition, attachedToRef=host, **more)


def undone_by(host: str, handler_id: str) -> str:
    """The host's compensation boundary event `undo_host` and the way to its handler."""
    return (
        boundary(f"undo_{host}", host, compensation())
        + f'<bpmn:association id="a_{host}" sourceRef="undo_{host}" targetRef="{handler_id}" associationDirection="One"/>'
    )


def catch(node_id: str, definition: str, *inside: str) -> str:
    return node("intermediateCatchEvent", node_id, *inside, definition)


def throw(node_id: str, definition: str = "", *inside: str) -> str:
    return node("intermediateThrowEvent", node_id, *inside, definition)


def fork(node_id: str = "f") -> str:
    """A parallel gateway."""
    return node("parallelGateway", node_id)


def call(node_id: str, called: str, *inside: str, **attributes: str) -> str:
    return node("callActivity", node_id, *inside, calledElement=called, **attributes)


def several(count: str = "3", *inside: str, sequential: bool = False, **attributes: str) -> str:
    """Makes the activity it stands in a multi-instance one."""
    return (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}"{_written(attributes)}>'
        f"{_expression('loopCardinality', count)}{''.join(inside)}</bpmn:multiInstanceLoopCharacteristics>"
    )


# -- event definitions ------------------------------------------------------------------------------------------------


def _definition(kind: str, reference: str | None, attributes: dict[str, str], *inside: str) -> str:
    if reference is not None:
        attributes = {**attributes, f"{kind}Ref": reference}
    return f"<bpmn:{kind}EventDefinition{_written(attributes)}>{''.join(inside)}</bpmn:{kind}EventDefinition>"


TERMINATE = _definition("terminate", None, {})
CANCEL = _definition("cancel", None, {})


def message(number: int = 1) -> str:
    return _definition("message", f"_m{number}", {})


def signal(number: int = 1, *inside: str, **attributes: str) -> str:
    return _definition("signal", f"_g{number}", attributes, *inside)


def error(number: int | None = 1, **attributes: str) -> str:
    return _definition("error", f"_x{number}" if number else None, attributes)


def escalation(number: int | None = 1, **attributes: str) -> str:
    return _definition("escalation", f"_c{number}" if number else None, attributes)


def condition(expression: str, **attributes: str) -> str:
    return _definition("conditional", None, attributes, _expression("condition", f"${{{expression}}}"))


def timer(text: str = "PT1H", kind: str = "timeDuration") -> str:
    return _definition("timer", None, {}, _expression(kind, text))


def compensation(activity_id: str | None = None) -> str:
    return _definition("compensate", None, {"activityRef": activity_id} if activity_id else {})


def link(name: str = "L") -> str:
    return _definition("link", None, {"name": name})


def _expression(name: str, text: str) -> str:
    return f'<bpmn:{name} xsi:type="bpmn:tFormalExpression">{text}</bpmn:{name}>'


# -- listeners and mappings -------------------------------------------------------------------------------------------


def extensions(*inside: str) -> str:
    return f"<bpmn:extensionElements>{''.join(inside)}</bpmn:extensionElements>"


def listener(event: str, expression: str) -> str:
    return f'<camunda:executionListener event="{event}" expression="${{{expression}}}"/>'


def throwing_listener(event: str, code: str = "E1", kind: str = "executionListener") -> str:
    """A listener that throws a BPMN error."""
    return f'<camunda:{kind} event="{event}">{throwing_script(code)}</camunda:{kind}>'


def throwing_script(code: str = "E1") -> str:
    return f'<camunda:script scriptFormat="javascript">throw "{code}"</camunda:script>'


def throws(node_id: str, code: str = "E1", *inside: str) -> str:
    """A script task that throws a BPMN error."""
    script = f'<bpmn:script>throw "{code}"</bpmn:script>'
    return node("scriptTask", node_id, *inside, script, scriptFormat="javascript")


def mapped(*parameters: str) -> str:
    return f"<camunda:inputOutput>{''.join(parameters)}</camunda:inputOutput>"


def taken(name: str, value: str) -> str:
    """An input parameter."""
    return f'<camunda:inputParameter name="{name}">{value}</camunda:inputParameter>'


def given(name: str, value: str) -> str:
    """An output parameter."""
    return f'<camunda:outputParameter name="{name}">{value}</camunda:outputParameter>'


_ACTIVITIES = ("Task", "subProcess", "transaction", "callActivity")


def heard(source: bytes, *with_mappings: str) -> bytes:
    """The same file, in which all that has listeners says so in the driver's log.

    `t.start` and `t.end` come from the activity, `t:create` and its like from its user task, `a-b` from the flow. The
    activities `with_mappings` say `t.in` and `t.out`, too.
    """
    root = etree.fromstring(source)
    for element in root.iter():
        kind = etree.QName(element).localname
        if kind == "sequenceFlow":
            _listen(element, "executionListener", "take", str(element.get("id")))
        elif kind.endswith(("Event", "Gateway", "process", *_ACTIVITIES)) or kind == "task":
            for event in ("start", "end"):
                _listen(element, "executionListener", event, f"{element.get('id')}.{event}")
        if kind == "userTask":
            for event in ("create", "complete", "delete"):
                _listen(element, "taskListener", event, f"{element.get('id')}:{event}")
        if element.get("id") in with_mappings:
            mappings = etree.SubElement(_extensions(element), f"{_CAMUNDA}inputOutput")
            for way in ("in", "out"):
                parameter = etree.SubElement(mappings, f"{_CAMUNDA}{way}putParameter", name=f"said_{way}")
                _say(parameter, f"{element.get('id')}.{way}")
    return bytes(etree.tostring(root))


def _listen(element: etree._Element, kind: str, event: str, said: str) -> None:
    _say(etree.SubElement(_extensions(element), f"{_CAMUNDA}{kind}", event=event), said)


def _say(element: etree._Element, said: str) -> None:
    etree.SubElement(element, f"{_CAMUNDA}script", scriptFormat="javascript").text = f'log("{said}")'


def _extensions(element: etree._Element) -> etree._Element:
    found = element.find(f"{_BPMN}extensionElements")
    if found is None:
        found = etree.Element(f"{_BPMN}extensionElements")
        element.insert(0, found)
    return found
