"""Execution and task listeners, and scripts that stand in other files of the deployment."""

from __future__ import annotations

import pytest

from mlc_service.engine import parse_bpmn
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import KNOWN_DELEGATES, Driver, diagram, flow, flows


def _listener(event: str, expression: str, kind: str = "executionListener") -> str:
    return f'<camunda:{kind} event="{event}" expression="{expression}"/>'


def _log(entry: str) -> str:
    return f"${{execution.setVariable('log', log.concat('{entry} '))}}"


def _with(node: str, *extensions: str) -> str:
    name = node.split()[0]
    return f"<bpmn:{node}><bpmn:extensionElements>{''.join(extensions)}</bpmn:extensionElements></bpmn:{name}>"


def test_listeners_run_at_their_event_in_the_order_of_the_file() -> None:
    run = Driver(diagram(
        "<bpmn:extensionElements>" + _listener("start", _log("process")) + _listener("end", _log("over")) + "</bpmn:extensionElements>"
        + '<bpmn:startEvent id="s"/>'
        + _with('task id="t"', _listener("start", _log("in1")), _listener("start", _log("in2")), _listener("end", _log("out")))
        + '<bpmn:sequenceFlow id="f" sourceRef="s" targetRef="t"><bpmn:extensionElements>' + _listener("take", _log("flow"))
        + "</bpmn:extensionElements></bpmn:sequenceFlow>"
    ), {"log": ""})  # fmt: skip
    assert run.variables == {} or run.is_ended
    written = [effect.value for effect in run.effects if type(effect).__name__ == "VariableWritten"]
    assert written[-1] == "process flow in1 in2 out over "


def test_a_listener_may_be_a_script_in_any_language() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/>'
        + _with('userTask id="u"', '<camunda:executionListener event="start"><camunda:script scriptFormat="javascript">'
                "execution.setVariable('seen', execution.getVariable('n') + 1)</camunda:script></camunda:executionListener>")
        + flow("s", "u")
    ), {"n": 1})  # fmt: skip
    assert run.variables["seen"] == 2


def test_input_parameters_are_there_for_start_listeners_and_end_listeners_come_before_output_parameters() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/>'
        + _with('userTask id="u"', '<camunda:inputOutput><camunda:inputParameter name="local">${1}</camunda:inputParameter>'
                '<camunda:outputParameter name="out">${local}</camunda:outputParameter></camunda:inputOutput>',
                _listener("start", "${execution.setVariable('local', local + 1)}"), _listener("end", "${execution.setVariable('local', local * 10)}"))
        + flow("s", "u")
    ))  # fmt: skip
    run.complete("u")
    assert run.variables == {"out": 20}


def test_end_listeners_run_for_a_cancelled_activity_too() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/>' + _with('userTask id="u"', _listener("end", _log("gone")))
        + '<bpmn:boundaryEvent id="b" attachedToRef="u"><bpmn:timerEventDefinition><bpmn:timeDuration>PT1M</bpmn:timeDuration>'
        '</bpmn:timerEventDefinition></bpmn:boundaryEvent><bpmn:userTask id="late"/>' + flow("s", "u") + flow("b", "late")
    ), {"log": ""})  # fmt: skip
    run.job("b", "timer")
    assert run.variables["log"] == "gone "


def test_a_create_listener_decides_what_the_task_will_be_and_a_complete_listener_sees_the_answer() -> None:
    run = Driver(diagram(
        '<bpmn:startEvent id="s"/>'
        + _with('userTask id="u" name="Review"', _listener("create", "${task.setAssignee(owner)}", "taskListener"),
                _listener("create", "${task.setPriority(90)}", "taskListener"),
                _listener("complete", "${execution.setVariable('who', task.name.concat(' said ').concat(answer))}", "taskListener"))
        + flow("s", "u")
    ), {"owner": "gonzo"})  # fmt: skip
    (task,) = run.tasks.values()
    assert (task.assignee, task.priority) == ("gonzo", 90)
    run.complete("u", {"answer": "yes"})
    assert run.variables["who"] == "Review said yes"


@pytest.mark.parametrize(
    ("extension", "message"),
    [
        ('<camunda:executionListener event="take" expression="${1}"/>', "has no event 'take' here"),
        ('<camunda:executionListener event="start"/>', "needs a script, an expression or a delegate"),
        ('<camunda:executionListener event="start" delegateExpression="${deplyo}"/>', "did you mean 'deploy'"),
        ('<camunda:executionListener expression="${1}"/>', "needs an event: start or end"),
        ('<camunda:taskListener event="finish" expression="${1}"/>', "has no event 'finish'"),
        ('<camunda:taskListener event="timeout" expression="${1}"/>', "needs a timerEventDefinition"),
        ('<camunda:taskListener expression="${1}"/>', "needs an event"),
        ('<camunda:executionListener event="start" expression="${"/>', "listener"),
    ],
)
def test_a_listener_that_cannot_run_is_refused(extension: str, message: str) -> None:
    with pytest.raises(InvalidResource, match=message):
        parse_bpmn(
            diagram('<bpmn:startEvent id="s"/>' + _with('userTask id="u"', extension) + flow("s", "u")),
            "x",
            KNOWN_DELEGATES,
        )


SCRIPT_FILE = diagram(
    '<bpmn:startEvent id="s"/><bpmn:scriptTask id="t" scriptFormat="python" camunda:resource="deployment://double.py"'
    ' camunda:resultVariable="r"/>' + flows("s", "t")
)


def test_a_script_may_stand_in_another_file_of_the_deployment() -> None:
    files = {"double.py": b"n * 2"}
    (definition,) = parse_bpmn(SCRIPT_FILE, "x", KNOWN_DELEGATES, files.get)
    assert definition.nodes["t"].script.source == "n * 2"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("resource", "content", "message"),
    [
        ("deployment://gone.py", None, "has no resource 'gone.py'"),
        ("deployment://double.py", b"\xff\xfe", "is not UTF-8"),
        ("deployment://double.py", b"n = = 2", "python script"),
        ("double.py", b"n", "deployment://double.py"),
    ],
)
def test_a_script_file_that_cannot_be_used_is_named(resource: str, content: bytes | None, message: str) -> None:
    source = SCRIPT_FILE.replace(b"deployment://double.py", resource.encode())
    files = {} if content is None else {"double.py": content}
    with pytest.raises(InvalidResource, match=message):
        parse_bpmn(source, "x", KNOWN_DELEGATES, files.get)
