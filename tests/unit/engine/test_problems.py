"""What is refused at deployment, and where it says the mistake is."""

from __future__ import annotations

import pytest

from mlc_service.engine import parse_bpmn
from mlc_service.problems import InvalidResource, Problem
from tests.unit.engine.driver import KNOWN_DELEGATES, diagram, flow, flows


def problems_of(source: bytes) -> list[Problem]:
    with pytest.raises(InvalidResource) as refused:
        parse_bpmn(source, "broken.bpmn", KNOWN_DELEGATES)
    assert refused.value.problems
    return refused.value.problems


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "no element found"),
        (b"hello", "syntax error"),
        (b"PK\x03\x04\x00\x00", "not well-formed"),
        (b'{"not": "xml"}', "not well-formed"),
        (diagram('<bpmn:startEvent id="s"/>')[:-30], "not well-formed"),
        (b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><d>&b;</d>', "DOCTYPE"),
        (b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>', "DOCTYPE"),
        (b"<a>" * 5000, "nested more than"),
        (b"<other/>", "no BPMN 2.0 file"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "unknown encoding"),
    ],
)
def test_what_is_no_bpmn_file_is_refused_with_a_place(source: bytes, message: str) -> None:
    (problem,) = problems_of(source)
    assert message in problem.message
    assert problem.line >= 1


CASES = {
    "dangling flow": ('<bpmn:startEvent id="s"/>\n' + flow("s", "nowhere"), "'nowhere' is no element", "s-nowhere"),
    "flow without source": ('<bpmn:startEvent id="s"/>\n<bpmn:sequenceFlow id="f" targetRef="s"/>', "no sourceRef", "f"),
    "unknown delegate": (
        '<bpmn:startEvent id="s"/>\n<bpmn:serviceTask id="t" camunda:delegateExpression="${deplyo}"/>' + flow("s", "t"),
        "unknown delegate 'deplyo'; did you mean 'deploy'?", "t",
    ),
    "unknown class": (
        '<bpmn:startEvent id="s"/>\n<bpmn:serviceTask id="t" camunda:class="com.acme.Nothing"/>' + flow("s", "t"),
        "unknown delegate 'com.acme.Nothing'", "t",
    ),
    "no implementation": ('<bpmn:startEvent id="s"/>\n<bpmn:serviceTask id="t"/>' + flow("s", "t"), "is needed", "t"),
    "external task": (
        '<bpmn:startEvent id="s"/>\n<bpmn:serviceTask id="t" camunda:type="external"/>' + flow("s", "t"),
        "needs a camunda:topic", "t",
    ),
    "broken expression": (
        '<bpmn:startEvent id="s"/>\n<bpmn:serviceTask id="t" camunda:expression="${a +}"/>' + flow("s", "t"), "expression", "t",
    ),
    "broken condition": (
        '<bpmn:startEvent id="s"/><bpmn:task id="t"/>\n' + flow("s", "t", "${a ==}"), "condition", "s-t",
    ),
    "broken timer": (
        '<bpmn:startEvent id="s"/>\n<bpmn:intermediateCatchEvent id="t"><bpmn:timerEventDefinition>'
        "<bpmn:timeDuration>5 minutes</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>" + flow("s", "t"),
        "timer '5 minutes'", "t",
    ),
    "unknown signal": (
        '<bpmn:startEvent id="s"/>\n<bpmn:intermediateCatchEvent id="t"><bpmn:signalEventDefinition signalRef="gone"/>'
        "</bpmn:intermediateCatchEvent>" + flow("s", "t"), "unknown signal 'gone'", "t",
    ),
    "unknown message": (
        '<bpmn:startEvent id="s"/>\n<bpmn:receiveTask id="t" messageRef="gone"/>' + flow("s", "t"), "unknown message 'gone'", "t",
    ),
    "duplicate id": ('<bpmn:startEvent id="s"/>\n<bpmn:task id="s"/>', "duplicate id 's', first used in line 3", "s"),
    "element we do not run": ('<bpmn:startEvent id="s"/>\n<bpmn:complexGateway id="g"/>' + flow("s", "g"), "complexGateway", "g"),
    "multi-instance": (
        '<bpmn:startEvent id="s"/>\n<bpmn:userTask id="t"><bpmn:multiInstanceLoopCharacteristics/></bpmn:userTask>' + flow("s", "t"),
        "needs a loopCardinality or a camunda:collection", "t",
    ),
    "listener": (
        '<bpmn:startEvent id="s"/>\n<bpmn:userTask id="t"><bpmn:extensionElements><camunda:taskListener event="create" class="x"/>'
        "</bpmn:extensionElements></bpmn:userTask>" + flow("s", "t"), "unknown delegate 'x'", "t",
    ),
    "no start": ('\n<bpmn:task id="t"/>', "no start event", "p"),
    "two none starts": ('<bpmn:startEvent id="s"/>\n<bpmn:startEvent id="z"/>', "one none start event only", "z"),
    "script language": (
        '<bpmn:startEvent id="s"/>\n<bpmn:scriptTask id="t" scriptFormat="cobol"><bpmn:script>x</bpmn:script></bpmn:scriptTask>' + flow("s", "t"),
        "Scripts in 'cobol' are not supported", "t",
    ),
    "script syntax": (
        '<bpmn:startEvent id="s"/>\n<bpmn:scriptTask id="t" scriptFormat="python"><bpmn:script>x = = 1</bpmn:script></bpmn:scriptTask>' + flow("s", "t"),
        "python script", "t",
    ),
    "gateway flow without condition": (
        '<bpmn:startEvent id="s"/>\n<bpmn:exclusiveGateway id="g"/><bpmn:task id="a"/><bpmn:task id="b"/>'
        + flow("s", "g") + flow("g", "a") + flow("g", "b"), "without a condition", "g",
    ),
    "unknown default": (
        '<bpmn:startEvent id="s"/>\n<bpmn:exclusiveGateway id="g" default="zz"/><bpmn:task id="a"/>' + flows("s", "g", "a"), "'zz' does not leave", "g",
    ),
    "boundary of nothing": (
        '<bpmn:startEvent id="s"/>\n<bpmn:boundaryEvent id="b" attachedToRef="gone"><bpmn:errorEventDefinition/></bpmn:boundaryEvent>',
        "attached to 'gone'", "b",
    ),
    "flow across a border": (
        '<bpmn:startEvent id="s"/>\n<bpmn:subProcess id="sub"><bpmn:startEvent id="i"/></bpmn:subProcess><bpmn:task id="t"/>' + flow("i", "t"),
        "crosses the border", "i-t",
    ),
    "retry cycle": (
        '<bpmn:startEvent id="s"/>\n<bpmn:task id="t" camunda:asyncBefore="true"><bpmn:extensionElements>'
        "<camunda:failedJobRetryTimeCycle>often</camunda:failedJobRetryTimeCycle></bpmn:extensionElements></bpmn:task>" + flow("s", "t"),
        "failedJobRetryTimeCycle 'often'", "t",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_broken_process_is_refused_with_line_column_and_element(case: str) -> None:
    process, message, element_id = CASES[case]
    found = [problem for problem in problems_of(diagram(process)) if message in problem.message]
    assert found, [problem.message for problem in problems_of(diagram(process))]
    assert found[0].element_id == element_id
    assert found[0].line == (3 if element_id == "p" else 4)
    assert found[0].column >= 1


def test_every_problem_of_a_file_is_reported_at_once() -> None:
    process = (
        '<bpmn:serviceTask id="a"/>\n<bpmn:complexGateway id="b"/>\n<bpmn:serviceTask id="c" camunda:expression="${"/>'
        + flow("a", "zz")
    )
    assert {problem.element_id for problem in problems_of(diagram(process))} == {"a", "b", "c", "p", "a-zz"}


def test_columns_are_those_of_the_start_tag() -> None:
    source = diagram('\n   <bpmn:startEvent id="s"/> <bpmn:complexGateway id="g"/>')
    problem = problems_of(source)[0]
    line = source.decode().splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("<bpmn:complexGateway")


def test_comments_and_processing_instructions_do_not_shift_places() -> None:
    source = diagram('<!-- a --><?x y?>\n<bpmn:startEvent id="s"/><!-- b -->\n<bpmn:complexGateway id="g"/>')
    problem = problems_of(source)[0]
    assert source.decode().splitlines()[problem.line - 1][problem.column - 1 :].startswith("<bpmn:complexGateway")


def test_a_process_that_is_not_executable_is_skipped() -> None:
    source = diagram('<bpmn:startEvent id="s"/>').replace(b'isExecutable="true"', b'isExecutable="false"')
    assert parse_bpmn(source, "x.bpmn", KNOWN_DELEGATES) == []


def test_definitions_carry_what_camunda_shows_of_them() -> None:
    source = diagram('<bpmn:documentation>what it does</bpmn:documentation><bpmn:startEvent id="s"/>').replace(
        b'id="p"',
        b'id="p" name="Process" camunda:versionTag="1.2" camunda:historyTimeToLive="P30D" camunda:isStartableInTasklist="false"',
    )
    (definition,) = parse_bpmn(source, "x.bpmn", KNOWN_DELEGATES)
    assert (definition.key, definition.name, definition.version_tag) == ("p", "Process", "1.2")
    assert (definition.history_time_to_live, definition.startable_in_tasklist) == (30, False)
    assert definition.documentation == "what it does"


def test_lanes_data_and_notes_are_drawings_only() -> None:
    source = diagram(
        '<bpmn:laneSet id="l"><bpmn:lane id="l1" name="people"><bpmn:flowNodeRef>s</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>'
        '<bpmn:startEvent id="s"/><bpmn:dataObject id="o"/><bpmn:dataObjectReference id="r" dataObjectRef="o"/>'
        '<bpmn:dataStoreReference id="ds" dataStoreRef="x"/><bpmn:textAnnotation id="n"/><bpmn:group id="g"/>'
        '<bpmn:association id="as" sourceRef="s" targetRef="n"/>',
        '<bpmn:dataStore id="x" name="store"/>',
    )  # fmt: skip
    assert len(parse_bpmn(source, "x.bpmn", KNOWN_DELEGATES)) == 1
