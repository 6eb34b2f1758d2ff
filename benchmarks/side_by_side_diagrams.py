"""What both engines run in `side_by_side.py`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

RULES = 50
KEYS = ("expressions", "asynchronous", "user", "external", "waiting", "timers")

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' id="definitions" targetNamespace="side_by_side">'
)
_START, _END = '<bpmn:startEvent id="start"/>', '<bpmn:endEvent id="end"/>'


def files() -> dict[str, str]:
    """All diagrams and the decision, by file name."""
    asynchronous = [
        f'<bpmn:serviceTask id="step{number}" camunda:asyncBefore="true" camunda:expression="${{1}}"/>'
        for number in range(5)
    ]
    signal = '<bpmn:signal id="go" name="go"/>'
    caught = (
        '<bpmn:intermediateCatchEvent id="wait"><bpmn:signalEventDefinition signalRef="go"/>'
        "</bpmn:intermediateCatchEvent>"
    )
    timer = (
        '<bpmn:intermediateCatchEvent id="wait"><bpmn:timerEventDefinition><bpmn:timeDate>${due}</bpmn:timeDate>'
        "</bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>"
    )
    return {
        "expressions.bpmn": _expressions(),
        "asynchronous.bpmn": _row("asynchronous", asynchronous),
        "user.bpmn": _row("user", ['<bpmn:userTask id="task" camunda:assignee="demo"/>']),
        "external.bpmn": _row(
            "external", ['<bpmn:serviceTask id="task" camunda:type="external" camunda:topic="work"/>']
        ),
        "waiting.bpmn": _row("waiting", [caught], signal),
        "timers.bpmn": _row("timers", [timer]),
        "rules.dmn": _rules(),
    }


def _row(key: str, elements: list[str], beside: str = "") -> str:
    """Start event, the elements one after the other, end event."""
    ids = ["start", *(element.split('id="', 1)[1].split('"', 1)[0] for element in elements), "end"]
    return (
        f'{_HEAD}{beside}<bpmn:process id="{key}" isExecutable="true">{_START}{"".join(elements)}{_END}{_flows(ids)}'
        "</bpmn:process></bpmn:definitions>"
    )


def _flows(ids: Sequence[str]) -> str:
    return "".join(
        f'<bpmn:sequenceFlow id="f{number}" sourceRef="{one}" targetRef="{other}"/>'
        for number, (one, other) in enumerate(pairwise(ids))
    )


def _expressions() -> str:
    tasks = "".join(
        f'<bpmn:serviceTask id="{id}" camunda:expression="{expression}" camunda:resultVariable="{result}"/>'
        for id, expression, result in (("one", "${a + 1}", "b"), ("two", "${b * 2}", "c"), ("three", "${c + b}", "d"))
    )
    ids = ("start", "one", "two", "three", "gateway")
    return (
        f'{_HEAD}<bpmn:process id="expressions" isExecutable="true">{_START}{tasks}{_flows(ids)}'
        '<bpmn:exclusiveGateway id="gateway" default="to_low"/>'
        '<bpmn:sequenceFlow id="to_high" sourceRef="gateway" targetRef="high"><bpmn:conditionExpression'
        ' xsi:type="bpmn:tFormalExpression">${d > 10}</bpmn:conditionExpression></bpmn:sequenceFlow>'
        '<bpmn:sequenceFlow id="to_low" sourceRef="gateway" targetRef="low"/>'
        '<bpmn:endEvent id="high"/><bpmn:endEvent id="low"/></bpmn:process></bpmn:definitions>'
    )


def _rules() -> str:
    """Bands of an amount and a country, a grade for each."""
    rules = "".join(
        f'<rule id="r{number}"><inputEntry id="i{number}"><text>[{number * 10}..{number * 10 + 10})</text></inputEntry>'
        f'<inputEntry id="c{number}"><text>"DE","FR"</text></inputEntry>'
        f'<outputEntry id="o{number}"><text>"grade {number}"</text></outputEntry></rule>'
        for number in range(RULES)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="definitions" name="rules"'
        ' namespace="side_by_side"><decision id="rules" name="rules"><decisionTable id="table" hitPolicy="FIRST">'
        '<input id="amount"><inputExpression id="ae" typeRef="integer"><text>amount</text></inputExpression></input>'
        '<input id="country"><inputExpression id="ce" typeRef="string"><text>country</text></inputExpression></input>'
        f'<output id="grade" name="grade" typeRef="string"/>{rules}</decisionTable></decision></definitions>'
    )
