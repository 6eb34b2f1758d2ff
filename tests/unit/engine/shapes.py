"""Pieces of diagrams, for tests whose point is how they go together; `told` and `log` show what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlc_service.engine import effects as fx
from tests.unit.engine.driver import Driver, diagram, flow, flows

# what events refer to: messages m1 and m2 (M1, M2), signals s1 and s2, errors e1 and e2, escalations c1 and c2
EVENTS = "".join(
    f'<bpmn:message id="m{n}" name="M{n}"/><bpmn:signal id="s{n}" name="S{n}"/>'
    f'<bpmn:error id="e{n}" errorCode="E{n}"/><bpmn:escalation id="c{n}" escalationCode="C{n}"/>'
    for n in (1, 2)
)
START = '<bpmn:startEvent id="s"/>'
MESSAGE = '<bpmn:messageEventDefinition messageRef="m1"/>'
SIGNAL = '<bpmn:signalEventDefinition signalRef="s1"/>'
ERROR = '<bpmn:errorEventDefinition errorRef="e1"/>'
ANY_ERROR = "<bpmn:errorEventDefinition/>"
ESCALATION = '<bpmn:escalationEventDefinition escalationRef="c1"/>'
TERMINATE = "<bpmn:terminateEventDefinition/>"


def process(*parts: str, key: str = "p") -> bytes:
    """A file with one process of these parts, and everything of EVENTS."""
    return diagram("".join(parts), EVENTS).replace(b'<bpmn:process id="p"', f'<bpmn:process id="{key}"'.encode())


def ways(*paths: str) -> str:
    """Flows along paths written `a > b > c`."""
    return "".join(flows(*(end.strip() for end in path.split(">"))) for path in paths)


def way(source: str, target: str, condition: str) -> str:
    """A flow with a condition, written without its `${}`."""
    return flow(source, target, "${" + condition.replace("<", "&lt;") + "}")


def node(kind: str, node_id: str, *inside: str, **attributes: str) -> str:
    """A flow node; attributes that begin with `camunda_` are Camunda's. Extensions among `inside` come first."""
    written = "".join(f' {name.replace("camunda_", "camunda:")}="{text}"' for name, text in attributes.items())
    extensions = "".join(part for part in inside if part.startswith("<camunda:"))
    if extensions:
        extensions = f"<bpmn:extensionElements>{extensions}</bpmn:extensionElements>"
    rest = "".join(part for part in inside if not part.startswith("<camunda:"))
    return f'<bpmn:{kind} id="{node_id}"{written}>{extensions}{rest}</bpmn:{kind}>'


def users(*node_ids: str) -> str:
    """User tasks, plain ones."""
    return "".join(node("userTask", node_id) for node_id in node_ids)


def user(node_id: str, *inside: str, **attributes: str) -> str:
    return node("userTask", node_id, *inside, **attributes)


def does(node_id: str, expression: str = "1", *inside: str, **attributes: str) -> str:
    """A service task that evaluates an expression, written without its `${}`."""
    return node("serviceTask", node_id, *inside, camunda_expression="${" + expression + "}", **attributes)


def end(node_id: str, definition: str = "") -> str:
    return node("endEvent", node_id, definition)


def gateway(kind: str, *node_ids: str, **attributes: str) -> str:
    """Gateways of a kind: `parallel`, `exclusive`, `inclusive`, `eventBased`."""
    return "".join(node(f"{kind}Gateway", node_id, **attributes) for node_id in node_ids)


def sub(node_id: str, *inside: str, **attributes: str) -> str:
    """An embedded sub-process."""
    return node("subProcess", node_id, *inside, **attributes)


def event_sub(node_id: str, definition: str, *inside: str, interrupting: bool = True) -> str:
    """An event sub-process; its start event is `<node_id>_start`."""
    cancels = {} if interrupting else {"isInterrupting": "false"}
    start = node("startEvent", f"{node_id}_start", definition, **cancels)
    return node("subProcess", node_id, start, *inside, triggeredByEvent="true")


def boundary(node_id: str, host: str, definition: str, *inside: str, interrupting: bool = True) -> str:
    cancels = {} if interrupting else {"cancelActivity": "false"}
    return node("boundaryEvent", node_id, *inside, definition, attachedToRef=host, **cancels)


def catch(node_id: str, definition: str, *inside: str, **attributes: str) -> str:
    return node("intermediateCatchEvent", node_id, *inside, definition, **attributes)


def throw(node_id: str, definition: str, *inside: str, **attributes: str) -> str:
    return node("intermediateThrowEvent", node_id, *inside, definition, **attributes)


def timer(text: str, kind: str = "timeDuration") -> str:
    return f"<bpmn:timerEventDefinition><bpmn:{kind}>{text}</bpmn:{kind}></bpmn:timerEventDefinition>"


def many(
    number: str | int | None = None,
    *,
    of: str | None = None,
    item: str = "item",
    until: str | None = None,
    sequential: bool = False,
    **attributes: str,
) -> str:
    """Multi-instance: so many times, or once for each element of a collection, until a condition (no `${}`) holds."""
    written = "".join(f' {name.replace("camunda_", "camunda:")}="{text}"' for name, text in attributes.items())
    if of is not None:
        written += f' camunda:collection="{of}" camunda:elementVariable="{item}"'
    inside = "" if number is None else f"<bpmn:loopCardinality>{number}</bpmn:loopCardinality>"
    if until is not None:
        condition = until.replace(">", "&gt;")
        inside += f"<bpmn:completionCondition>${{{condition}}}</bpmn:completionCondition>"
    return (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}"{written}>{inside}'
        "</bpmn:multiInstanceLoopCharacteristics>"
    )


def mapping(inputs: Mapping[str, str] | None = None, outputs: Mapping[str, str] | None = None) -> str:
    """`camunda:inputOutput` of texts."""
    written = [
        f'<camunda:{kind}Parameter name="{name}">{text}</camunda:{kind}Parameter>'
        for kind, parameters in (("input", inputs or {}), ("output", outputs or {}))
        for name, text in parameters.items()
    ]
    return f"<camunda:inputOutput>{''.join(written)}</camunda:inputOutput>"


def listener(event: str, entry: str, kind: str = "executionListener") -> str:
    """A listener that adds the entry to the variable `log`, which has to be there."""
    return (
        f"<camunda:{kind} event=\"{event}\" expression=\"${{execution.setVariable('log', log.concat('{entry} '))}}\"/>"
    )


def listeners(name: str) -> str:
    """Listeners for the start and the end of an activity."""
    return listener("start", f"{name}.start") + listener("end", f"{name}.end")


def task_listeners(name: str, events: Iterable[str] = ("create", "assignment", "update", "complete", "delete")) -> str:
    """Listeners for what happens to a task; `log` must be there."""
    return "".join(listener(event, f"{name}.{event}", "taskListener") for event in events)


def log(run: Driver) -> list[str]:
    """What listeners have added to `log`, also if the instance has ended."""
    written = [effect for effect in run.effects if isinstance(effect, fx.VariableWritten) and effect.name == "log"]
    return str(written[-1].value).split()


def told(run: Driver) -> list[str]:
    """What history was told, in order: `+t` began, `-t` completed, `!t` was canceled."""
    names: dict[int, str] = {}
    found = []
    for effect in run.effects:
        if isinstance(effect, fx.ActivityStarted):
            names[effect.number] = effect.activity_id
            found.append(f"+{effect.activity_id}")
        elif isinstance(effect, fx.ActivityEnded):
            found.append(("!" if effect.canceled else "-") + names[effect.number])
    return found


def of_type(run: Driver, kind: type[Any]) -> list[Any]:
    """The effects of one type, in order."""
    return [effect for effect in run.effects if isinstance(effect, kind)]
