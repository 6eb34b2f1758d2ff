"""Diagrams as other tools write them: each runs to its end, or is refused with the place of what cannot run.

The files are written by ourselves in the manner of the tool that they are named after. Their users wait for nothing
but what `_run` gives them: tasks are completed, messages come, timers are due.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlc_service.engine import Definition, parse_bpmn
from mlc_service.problems import InvalidResource, Problem
from tests.unit.engine.driver import KNOWN_DELEGATES, Driver

FOLDER = Path(__file__).with_name("dialects")
VARIABLES = {"amount": 20, "due": "2026-04-01T00:00:00", "employee": "group(hr)"}

# file: the activities that complete, in order
RUNS = {
    "bpmn2_prefix.bpmn": "asked large check paid",
    "semantic_prefix.bpmn": "_6-61 _6-74 _6-127 _6-180 _6-200 _6-200 _6-219",
    "model_prefix.bpmn": "s wait answer e",
    "signavio.bpmn": "sid-10 sid-11 sid-14 sid-12 sid-15 sid-15 sid-16",
    "bizagi.bpmn": "Id_a1 Id_b1 Id_b2 Id_b3 Id_a2 Id_a3",
    "visual_paradigm.bpmn": "lxF.start lxF.catch lxF.sub-start lxF.on-late lxF.late-task lxF.end",
    "enterprise_architect.bpmn": "EAID_S1 EAID_T1 EAID_E1",
    "modelio.bpmn": "_s _t _g _u _e",
    "activiti.bpmn": "startevent1 servicetask1 usertask1 scripttask1 endevent1",
    "flowable.bpmn": "startNoneEvent1 look endEvent1",
    "jbpm.bpmn": "_8 _9 _10 _11",
    "zeebe_user_task.bpmn": "Start_1 Approve End_1",
    "several_processes.bpmn": "r1 r2",
    "comments_and_instructions.bpmn": "s count u t g e",
    "odd_ids.bpmn": "_ 受信-1 Aufgabe.äöü _.-·é",
    "qualified_references.bpmn": "s book s2 up onErr onUp e1 unbook back e2",
}

# file: every error, as (element, "line:column", what the message says)
REFUSED = {
    "zeebe.bpmn": [
        ("Charge", "5:5", "another engine's zeebe:taskDefinition is not carried out here"),
        ("Rate", "8:5", "another engine's zeebe:calledDecision is not carried out here"),
    ],
    "flowable_http.bpmn": [("t", "5:5", "another engine's flowable:type='http', ")],
    "activiti_mail.bpmn": [("t", "5:5", "camunda:type='mail' is not supported: it can be external")],
    "activiti_form_property.bpmn": [("amount", "6:26", "camunda:formProperty is not supported on <bpmn:userTask>")],
    "jbpm_java.bpmn": [
        ("_2", "6:7", "Scripts in 'http://www.java.com/java' are not supported"),
        ("_4", "9:5", "another engine's drools:serviceimplementation='Java' is not carried out here"),
        ("_5", "10:5", "another engine's drools:ruleFlowGroup='rates' is not carried out here"),
        ("_f3", "14:7", "Scripts in 'http://www.java.com/java' are not supported"),
        ("_f4", "17:7", "Scripts in 'http://www.w3.org/1999/XPath' are not supported"),
    ],
    "signavio_unlinked_call.bpmn": [("t", "5:5", "the call activity has no calledElement")],
    "ad_hoc.bpmn": [("t", "5:5", "<bpmn:adHocSubProcess> is not supported")],
    "complex_gateway.bpmn": [("t", "5:5", "<bpmn:complexGateway> is not supported")],
    "choreography_task.bpmn": [("t", "5:5", "<bpmn:choreographyTask> is not supported")],
    "flow_into_other_pool.bpmn": [
        ("across", "5:5", "targetRef 's2' is no element of this process"),
        ("toPaper", "7:5", "targetRef 'paper' is no element of this process"),
    ],
    "bpmn_1.bpmn": [("_d", "3:1", "<BpmnDiagram> is not <bpmn:definitions> in namespace")],
    "xpdl.bpmn": [(None, "2:1", "<Package> is not <bpmn:definitions> in namespace")],
    "draft_namespace.bpmn": [("beta", "2:1", "no BPMN 2.0 file")],
}

# file: what is said of a file that deploys, as in Camunda, and has nothing to run
NOTHING_TO_RUN = {
    "choreography.bpmn": ("dance", "a choreography is not executable and is skipped"),
    "conversation.bpmn": ("talks", "the file has no process: there is nothing to run in it"),
}


def _source(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def _run(source: bytes) -> Driver:
    """An instance of the file's first process, given whatever it waits for until it ends."""
    run = Driver(source, VARIABLES)
    for _ in range(20):
        if run.is_ended:
            return run
        if run.tasks:
            run.complete(next(iter(run.tasks.values())).activity_id)
        elif run.external:
            run.external_done(next(iter(run.external.values())).activity_id)
        elif run.subscriptions:
            run.receive(next(iter(run.subscriptions.values())).event_name or "")
        else:
            job = next(iter(run.jobs.values()))
            run.job(job.activity_id, job.kind)
    raise AssertionError(f"still waiting in {run.tree}")


def _refused(source: bytes) -> list[Problem]:
    with pytest.raises(InvalidResource) as refused:
        parse_bpmn(source, "refused.bpmn", KNOWN_DELEGATES)
    return [problem for problem in refused.value.problems if problem.severity == "error"]


def _read(source: bytes) -> tuple[list[Definition], list[Problem]]:
    warnings: list[Problem] = []
    return parse_bpmn(source, "read.bpmn", KNOWN_DELEGATES, warn=warnings.append), warnings


def test_every_file_has_an_outcome() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted([*RUNS, *REFUSED, *NOTHING_TO_RUN])


@pytest.mark.parametrize("name", RUNS)
def test_it_runs_to_its_end(name: str) -> None:
    assert _run(_source(name)).done == RUNS[name].split()


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_place_of_all_that_cannot_run(name: str) -> None:
    found = _refused(_source(name))
    places = [(problem.element_id, f"{problem.line}:{problem.column}") for problem in found]
    assert places == [(element_id, place) for element_id, place, _ in REFUSED[name]]
    for problem, (_, _, message) in zip(found, REFUSED[name], strict=True):
        assert message in problem.message


@pytest.mark.parametrize("name", NOTHING_TO_RUN)
def test_it_deploys_nothing_and_says_so(name: str) -> None:
    definitions, warnings = _read(_source(name))
    assert definitions == []
    assert [(warning.element_id, warning.message) for warning in warnings] == [NOTHING_TO_RUN[name]]


# -- what the outcome alone does not show -----------------------------------------------------------------------------


def test_processes_that_do_not_run_are_named() -> None:
    definitions, warnings = _read(_source("several_processes.bpmn"))
    assert [definition.key for definition in definitions] == ["runs"]
    skipped = [warning.line for warning in warnings if "is not executable and is skipped" in warning.message]
    assert skipped == [3, 4, 5, 6, 7]


def test_texts_are_whole_where_comments_and_instructions_interrupt_them() -> None:
    run = Driver(_source("comments_and_instructions.bpmn"), VARIABLES)
    (task,) = run.tasks.values()
    assert task.description == "what is done"
    assert run.variables["n"] == 21
    assert {"k": "vw"} in run.scopes.values()
    run.complete("u")
    assert run.in_seconds("t") == 300


def test_what_activiti_says_of_a_task_is_read() -> None:
    run = Driver(_source("activiti.bpmn"), VARIABLES)
    (task,) = run.tasks.values()
    assert task.assignee == "kermit"
    assert run.variables["days"] == 40
    assert run.variables["seen"] is True
    run.complete("usertask1")
    assert run.variables["sum"] == "few"


def test_names_keep_the_letters_of_their_encoding() -> None:
    (definition,), _ = _read(_source("enterprise_architect.bpmn"))
    assert definition.name == "Käufer"
    (definition,), _ = _read(_source("odd_ids.bpmn"))
    assert definition.key == "Prüfung.v1-2_x"


def test_an_error_found_by_a_qualified_reference_has_its_message() -> None:
    assert _run(_source("qualified_references.bpmn")).variables["why"] == "it broke"


def test_a_resource_gives_a_task_to_nobody() -> None:
    _, warnings = _read(_source("signavio.bpmn"))
    assert ("sid-13", "<bpmn:potentialOwner>: a resourceRef gives the task to nobody, as in Camunda") in [
        (warning.element_id, warning.message) for warning in warnings
    ]


# -- bytes ------------------------------------------------------------------------------------------------------------

PLAIN = """<?xml version="1.0" encoding="ENCODING"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="urn:b">
  <process id="Größe" name="fünf &#8364; &lt; &quot;&#x65;ins&quot;" isExecutable="true">
    <startEvent id="Anfang"/>
    <userTask id="prüfen" name="é&amp;ü"/>
    <endEvent id="Ende"/>
    <sequenceFlow id="a" sourceRef="Anfang" targetRef="prüfen"/>
    <sequenceFlow id="ö" sourceRef="prüfen" targetRef="Ende"/>
  </process>
</definitions>
"""
# the declared encoding, the one of the bytes, what stands before them
BYTES = {
    "UTF-8": ("UTF-8", "utf-8", b""),
    "UTF-8 with BOM": ("UTF-8", "utf-8", b"\xef\xbb\xbf"),
    "UTF-16 little-endian": ("UTF-16", "utf-16-le", b"\xff\xfe"),
    "UTF-16 big-endian": ("UTF-16", "utf-16-be", b"\xfe\xff"),
    "ISO-8859-1": ("ISO-8859-1", "iso-8859-1", b""),
    "ISO-8859-15": ("iso-8859-15", "iso-8859-15", b""),
    "windows-1252": ("windows-1252", "cp1252", b""),
}


def _encoded(text: str, case: str) -> bytes:
    declared, codec, mark = BYTES[case]
    return mark + text.replace("ENCODING", declared).encode(codec)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("case", BYTES)
def test_every_encoding_runs(case: str, line_end: str) -> None:
    run = Driver(_encoded(PLAIN.replace("\n", line_end), case))
    assert run.definition.key == "Größe"
    assert run.definition.name == 'fünf € < "eins"'
    (task,) = run.tasks.values()
    assert task.name == "é&ü"
    run.complete("prüfen")
    assert run.done == ["Anfang", "prüfen", "Ende"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("case", BYTES)
def test_places_count_characters_in_every_encoding(case: str, line_end: str) -> None:
    broken = PLAIN.replace('<endEvent id="Ende"/>', '<!-- äöü --><?ß?><endEvent id="Ende"/><complexGateway id="ä"/>')
    (problem,) = _refused(_encoded(broken.replace("\n", line_end), case))
    assert (problem.element_id, problem.line, problem.column) == ("ä", 6, 43)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("<![CDATA[amount < 30 && amount > 1 ? 1 : 2]]>", 1),
        ("amount &lt; 30 &#38;&#x26; amount &gt; 1 ? 1 : 2", 1),
        ("<![CDATA[ `]]]]><![CDATA[>`.length ]]>", 3),
        ("\n<![CDATA[\n1]]>\n+<!-- plus -->1\n", 2),
    ],
)
def test_a_script_is_read_as_the_author_meant_it(text: str, n: int) -> None:
    source = PLAIN.replace("ENCODING", "UTF-8").replace(
        '<userTask id="prüfen" name="é&amp;ü"/>',
        '<scriptTask id="prüfen" scriptFormat="javascript" c:resultVariable="n" '
        f'xmlns:c="http://camunda.org/schema/1.0/bpmn"><script>{text}</script></scriptTask>',
    )
    run = Driver(source.encode(), VARIABLES)
    assert run.is_ended
    assert run.variables["n"] == n


@pytest.mark.parametrize("prefix", ["", "bpmn:", "bpmn2:", "semantic:", "x-1.y:"])
@pytest.mark.parametrize(
    "condition",
    [
        '<conditionExpression XSI:type="tFormalExpression">TEXT</conditionExpression>',
        '<conditionExpression XSI:type="PREFIXtFormalExpression" evaluatesToTypeRef="xs:boolean">TEXT</conditionExpression>',
        '<conditionExpression XSI:type="PREFIXtExpression" id="c">TEXT</conditionExpression>',
        '<conditionExpression language="JUEL">TEXT</conditionExpression>',
        "<conditionExpression><documentation>why</documentation>TEXT</conditionExpression>",
        "<documentation/><conditionExpression>\n  <![CDATA[TEXT]]>\n</conditionExpression><extensionElements/>",
    ],
)
def test_conditions_of_every_type_are_evaluated(prefix: str, condition: str) -> None:
    def run(text: str) -> list[str]:
        inner = condition.replace("TEXT", text).replace("PREFIX", prefix).replace("XSI", "i")
        source = (
            '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
            '<process id="p" isExecutable="true"><startEvent id="s"/><exclusiveGateway id="g" default="no"/><task id="t"/>'
            '<sequenceFlow id="1" sourceRef="s" targetRef="g"/><sequenceFlow id="no" sourceRef="g" targetRef="t"/>'
            f'<sequenceFlow id="yes" sourceRef="g" targetRef="e">{inner}</sequenceFlow><endEvent id="e"/></process></definitions>'
        )
        if prefix:
            source = re.sub(r"<(/?)(?=[a-zA-Z])", rf"<\1{prefix}", source).replace("xmlns=", f"xmlns:{prefix[:-1]}=")
        return Driver(source.encode(), VARIABLES).done

    assert run("${amount == 20}") == ["s", "g", "e"]
    assert run("${amount == 21}") == ["s", "g", "t"]
