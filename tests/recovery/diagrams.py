"""Diagrams of the recovery tests, drawn in code: a row of nodes from a start to an end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'id="definitions" targetNamespace="recovery">\n'
)


def row(key: str, nodes: Sequence[str], *, beside: str = "", start: str = "") -> str:
    """A process of these nodes one after the other; in each, `ID` stands for its id, n1, n2 …"""
    ids = ["start", *(f"n{number}" for number in range(1, len(nodes) + 1)), "end"]
    drawn = [node.replace("ID", id) for node, id in zip(nodes, ids[1:], strict=False)]
    flows = [
        f'<bpmn:sequenceFlow id="f{number}" sourceRef="{source}" targetRef="{target}"/>'
        for number, (source, target) in enumerate(pairwise(ids))
    ]
    return (
        f'{_HEAD}{beside}<bpmn:process id="{key}" isExecutable="true" camunda:historyTimeToLive="P30D">'
        f'<bpmn:startEvent id="start">{start}</bpmn:startEvent>{"".join(drawn)}<bpmn:endEvent id="end"/>'
        f"{''.join(flows)}</bpmn:process></bpmn:definitions>"
    )


def http_call(url: str) -> str:
    """A delegate with an effect out there: it posts its business key and its own id."""
    return f"""<bpmn:serviceTask id="ID"><bpmn:extensionElements><camunda:connector>
      <camunda:connectorId>http-connector</camunda:connectorId><camunda:inputOutput>
      <camunda:inputParameter name="url">{url}</camunda:inputParameter>
      <camunda:inputParameter name="method">POST</camunda:inputParameter>
      <camunda:inputParameter name="payload">${{execution.processBusinessKey}}/ID</camunda:inputParameter>
      <camunda:outputParameter name="ID_status">${{statusCode}}</camunda:outputParameter>
      </camunda:inputOutput></camunda:connector></bpmn:extensionElements></bpmn:serviceTask>"""


EXPRESSION = '<bpmn:serviceTask id="ID" camunda:asyncBefore="true" camunda:expression="${1}"/>'
USER_TASK = '<bpmn:userTask id="ID"/>'
TIMER = (
    '<bpmn:intermediateCatchEvent id="ID"><bpmn:timerEventDefinition id="ID_timer">'
    '<bpmn:timeDate xsi:type="bpmn:tFormalExpression">${due}</bpmn:timeDate>'
    "</bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>"
)
SIGNAL = '<bpmn:signal id="go" name="go"/>'
WAIT_FOR_SIGNAL = (
    '<bpmn:intermediateCatchEvent id="ID"><bpmn:signalEventDefinition id="ID_signal" signalRef="go"/>'
    "</bpmn:intermediateCatchEvent>"
)
