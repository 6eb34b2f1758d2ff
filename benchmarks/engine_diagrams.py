"""The diagrams that `benchmarks/engine.py` measures, as many of each element as is asked for.

Where SpiffWorkflow as it comes can run the same diagram, `Dialect` holds what has to be written differently: how a
script sets a variable, how a condition is marked, and how a collection is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="definitions" targetNamespace="benchmark">\n'
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine wants its scripts and expressions."""

    assignment: Callable[[str, str], str]
    expression: Callable[[str], str]
    duration: str


OURS = Dialect(lambda name, value: f"execution.setVariable('{name}', {value})", lambda text: f"${{{text}}}", "PT1H")
STOCK = Dialect(lambda name, value: f"{name} = {value}", lambda text: text, '"PT1H"')


def definitions(process: str, outside: str = "", key: str = "p") -> bytes:
    """A file with one executable process."""
    return (
        f'{_HEAD}<bpmn:process id="{key}" isExecutable="true">{process}</bpmn:process>{outside}</bpmn:definitions>'
    ).encode()


def flow(source: str, target: str, condition: str = "") -> str:
    inner = f"<bpmn:conditionExpression>{_escaped(condition)}</bpmn:conditionExpression>" if condition else ""
    return node("sequenceFlow", f"{source}-{target}", inner, sourceRef=source, targetRef=target)


def path(*nodes: str) -> str:
    """Flows along a path."""
    return "".join(flow(source, target) for source, target in pairwise(nodes))


def start(node_id: str = "start") -> str:
    return f'<bpmn:startEvent id="{node_id}" />'


def end(node_id: str = "end") -> str:
    return f'<bpmn:endEvent id="{node_id}" />'


def node(kind: str, node_id: str, inner: str = "", **attributes: str) -> str:
    """Any element; double underscores in attribute names stand for the colon."""
    written = "".join(f' {name.replace("__", ":")}="{_escaped(value)}"' for name, value in attributes.items())
    return f'<bpmn:{kind} id="{node_id}"{written}>{inner}</bpmn:{kind}>'


def script(node_id: str, source: str, inner: str = "") -> str:
    return node("scriptTask", node_id, f"{inner}<bpmn:script>{_escaped(source)}</bpmn:script>", scriptFormat="python")


def user_task(node_id: str) -> str:
    return node("userTask", node_id)


def boundary(node_id: str, host: str, event: str, *, interrupting: bool = True) -> str:
    return node("boundaryEvent", node_id, event, attachedToRef=host, cancelActivity=str(interrupting).lower())


def timer(duration: str) -> str:
    written = f"<bpmn:timeDuration>{_escaped(duration)}</bpmn:timeDuration>"
    return f"<bpmn:timerEventDefinition>{written}</bpmn:timerEventDefinition>"


def signal_event(reference: str) -> str:
    return f'<bpmn:signalEventDefinition signalRef="{reference}" />'


def signals(references: Iterable[str]) -> str:
    return "".join(f'<bpmn:signal id="{one}" name="{one}" />' for one in references)


def condition_event(condition: str, variable: str = "") -> str:
    named = f' camunda:variableName="{variable}"' if variable else ""
    return (
        f"<bpmn:conditionalEventDefinition{named}><bpmn:condition>{_escaped(condition)}</bpmn:condition>"
        "</bpmn:conditionalEventDefinition>"
    )


def multi_instance(cardinality: str = "", *, is_sequential: bool, collection: str = "") -> str:
    items = f' camunda:collection="{collection}" camunda:elementVariable="item"' if collection else ""
    count = f"<bpmn:loopCardinality>{_escaped(cardinality)}</bpmn:loopCardinality>" if cardinality else ""
    return (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(is_sequential).lower()}"{items}>{count}'
        "</bpmn:multiInstanceLoopCharacteristics>"
    )


def split_and_join(branches: Iterable[tuple[str, str, str]], gateway: str = "parallelGateway") -> str:
    """Start, a split into the branches (their content, first and last node), a join, end."""
    parts = [start(), node(gateway, "split"), node(gateway, "join"), end(), path("start", "split"), path("join", "end")]
    for content, first, last in branches:
        parts += [content, path("split", first), path(last, "join")]
    return "".join(parts)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
