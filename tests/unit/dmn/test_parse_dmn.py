"""What a DMN file may look like, and what is said about one that is broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlc_service.dmn import parse_dmn
from mlc_service.problems import InvalidResource, Problem

Table = Callable[..., str]
File = Callable[..., bytes]


def problems_of(source: bytes) -> list[Problem]:
    with pytest.raises(InvalidResource) as caught:
        parse_dmn(source, "broken.dmn")
    assert caught.value.resource == "broken.dmn"
    return caught.value.problems


def only_problem_of(source: bytes) -> Problem:
    (problem,) = problems_of(source)
    return problem


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<definitions>&lol2;</definitions>"""
OUTSIDE = b"""<!DOCTYPE d [<!ENTITY secret SYSTEM "file:///etc/passwd">]><definitions>&secret;</definitions>"""


@pytest.mark.parametrize(
    ("source", "says", "line"),
    [
        (b"", "not XML", 1),
        (b"not xml at all", "not XML", 1),
        (b"\x89PNG\r\n\x1a\n\x00", "not XML", 1),
        (b"<definitions>\n<decision id='a'>\n", "ends too early", 3),
        (b"<definitions>\n</other>", "mismatched tag", 2),
        (b"<a>&unknown;</a>", "undefined entity", 1),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "not XML", 1),
        (BOMB, "DOCTYPE", 2),
        (OUTSIDE, "DOCTYPE", 1),
        (b"<a><b/></a>", "not the definitions of DMN", 1),
        (b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>', "not the definitions of DMN", 1),
    ],
)
def test_what_is_no_dmn_is_refused_with_its_place(source: bytes, says: str, line: int) -> None:
    problem = only_problem_of(source)
    assert says in problem.message
    assert problem.line == line
    assert problem.column >= 1
    assert "root:" not in problem.message


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20191111/MODEL/",
        "https://www.omg.org/spec/DMN/20211108/MODEL/",
        "https://www.omg.org/spec/DMN/20230324/MODEL/",
    ],
)
def test_dmn_1_1_to_1_5_are_read(namespace: str, table: Table, dmn_file: File) -> None:
    source = dmn_file(table(["auc"], ["passes"], ("< 0.5", "false")), namespace=namespace)
    (decision,) = parse_dmn(source, "a.dmn")
    assert decision.evaluate({"auc": 0.4}).rows == [{"passes": False}]


def test_prefixes_comments_and_cdata_do_not_matter() -> None:
    source = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- drawn by hand -->
<dmn:definitions xmlns:dmn="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d">
 <dmn:decision id="k" name="n"><dmn:decisionTable>
  <dmn:input label="auc"><dmn:inputExpression><dmn:text><![CDATA[auc]]></dmn:text></dmn:inputExpression></dmn:input>
  <dmn:output name="ok"/>
  <dmn:rule id="r"><dmn:inputEntry><dmn:text><![CDATA[< ]]>0.<!-- five -->5</dmn:text></dmn:inputEntry>
   <dmn:outputEntry><dmn:text>false</dmn:text></dmn:outputEntry></dmn:rule>
 </dmn:decisionTable></dmn:decision>
</dmn:definitions>"""
    (decision,) = parse_dmn(source, "a.dmn")
    assert decision.evaluate({"auc": 0.1}).rows == [{"ok": False}]


def test_a_broken_cell_is_reported_with_decision_rule_cell_and_place(table: Table, dmn_file: File) -> None:
    source = dmn_file(table(["auc"], ["passes"], ("> 1", "true"), ("if <0 or >10 then true else false", "true")))
    problem = only_problem_of(source)
    assert problem.message == (
        "decision 'check', rule 2 (r2), cell input 'auc': a value expected, but '<' found, "
        "in: if <0 or >10 then true else false"
    )
    assert problem.element_id == "r2_0"
    line = source.decode().splitlines()[problem.line - 1]
    # the place is that of the '<', which stands in the file as an entity
    assert line[problem.column - 1 :].startswith("&lt;0 or")


def test_every_broken_cell_is_reported(table: Table, dmn_file: File) -> None:
    source = dmn_file(
        table(["risk", "auc"], ["reason"], ('"High"r', "<", '"a"'), ("-", "1", '"…High Risk Models"r')),
        table(["x"], ["y"], (">", "1"), key="second"),
    )
    problems = problems_of(source)
    assert [(problem.element_id, problem.severity) for problem in problems] == [
        ("r1_0", "error"),
        ("r1_1", "error"),
        ("r2_2", "error"),
        ("r1_0", "error"),
    ]
    assert "rule 2 (r2), cell output 'reason'" in problems[2].message
    assert "decision 'second'" in problems[3].message


def test_a_place_on_a_later_line_of_a_cell_is_found(table: Table, dmn_file: File) -> None:
    source = dmn_file(table(["a"], ["b"], ("1", "1 +\n  2 +\n  * 3")))
    problem = only_problem_of(source)
    line = source.decode().splitlines()[problem.line - 1]
    assert line[problem.column - 1] == "*"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('id="check" name="check"', ""), "neither id nor name"),
        (('id="check" name="check"', 'id="check"'), "has no name"),
        (('hitPolicy="COLLECT"', 'hitPolicy="SOMETIMES"'), "there is no hit policy 'SOMETIMES'"),
        (('hitPolicy="COLLECT"', 'hitPolicy="COLLECT" aggregation="AVG"'), "there is no aggregation 'AVG'"),
        (('hitPolicy="COLLECT"', 'hitPolicy="FIRST" aggregation="SUM"'), "needs the hit policy COLLECT"),
        (('hitPolicy="COLLECT"', 'hitPolicy="PRIORITY"'), "need the output values"),
        (('<inputEntry id="r1_0"><text>1</text></inputEntry>', ""), "rule 1 (r1): 0 input cells for 1 input columns"),
        (('<output id="o_b" name="b"></output>', ""), "there is no output column"),
        (("<text>a</text>", "<text> </text>"), "neither an input expression nor an input variable"),
        (('<inputEntry id="r1_0">', '<inputEntry id="r1_0" expressionLanguage="cobol">'), "'cobol'"),
        (("<text>1</text>", "<text>1 +</text>"), "expected"),
        (("<decision id", '<decision camunda:historyTimeToLive="soon" id'), "neither a number of days"),
        (
            (
                "<decisionTable",
                "<informationRequirement><requiredDecision href='#gone'/></informationRequirement><decisionTable",
            ),
            "which is not here",
        ),
        (
            (
                "<decisionTable",
                "<informationRequirement><requiredDecision href='#check'/></informationRequirement><decisionTable",
            ),
            "requires itself",
        ),
    ],
)
def test_a_broken_table_is_reported(change: tuple[str, str], says: str, table: Table, dmn_file: File) -> None:
    sound = dmn_file(table(["a"], ["b"], ("1", "2")))
    assert len(parse_dmn(sound, "sound.dmn")) == 1
    broken = sound.decode().replace(*change)
    assert broken != sound.decode()
    problems = problems_of(broken.encode())
    assert any(says in problem.message for problem in problems), problems
    assert all(problem.line > 0 and problem.column > 0 for problem in problems)


def test_two_decisions_cannot_have_one_id(table: Table, dmn_file: File) -> None:
    assert "is there twice" in only_problem_of(dmn_file(*[table(["a"], ["b"], ("1", "2"))] * 2)).message


def test_a_file_without_decisions_is_reported(dmn_file: File) -> None:
    assert "no decision" in only_problem_of(dmn_file()).message


def test_an_endless_file_is_refused(dmn_file: File) -> None:
    deep = "<decision id='a' name='a'>" + "<list>" * 200 + "</list>" * 200 + "</decision>"
    parse_dmn(dmn_file(deep), "deep.dmn")
    deeper = "<decision id='a' name='a'>" + "<list>" * 5000 + "</list>" * 5000 + "</decision>"
    assert only_problem_of(dmn_file(deeper))
    chain = [
        f"<decision id='d{at}' name='d{at}'><informationRequirement><requiredDecision href='#d{at + 1}'/>"
        f"</informationRequirement><literalExpression><text>1</text></literalExpression></decision>"
        for at in range(200)
    ]
    last = "<decision id='d200' name='d200'><literalExpression><text>1</text></literalExpression></decision>"
    assert any("stands below" in problem.message for problem in problems_of(dmn_file(*chain, last)))


def test_camunda_attributes_are_read(table: Table, dmn_file: File) -> None:
    text = table(["a"], ["b"], ("1", "2")).replace(
        "<decision id", '<decision camunda:versionTag="1.2" camunda:historyTimeToLive="P30D" id'
    )
    (decision,) = parse_dmn(dmn_file(text), "a.dmn")
    assert (decision.key, decision.name, decision.version_tag, decision.history_time_to_live) == (
        "check",
        "check",
        "1.2",
        30,
    )


def test_an_input_variable_stands_in_for_an_empty_expression(table: Table, dmn_file: File) -> None:
    text = (
        table(["a"], ["b"], ("> 1", "2"))
        .replace("<text>a</text>", "<text></text>")
        .replace('<input id="i_a"', '<input camunda:inputVariable="Kolmogorov-Smirnov p" id="i_a"')
    )
    (decision,) = parse_dmn(dmn_file(text), "a.dmn")
    assert decision.evaluate({"Kolmogorov-Smirnov p": 3}).rows == [{"b": 2}]
    assert decision.evaluate({}).rows == []


@pytest.mark.parametrize("name", ["DataDrift_maxKolmogorov-SmirnovPValue", "Service Response Time", "p/q", "x+y"])
def test_metric_names_of_all_kinds_work_as_input_expressions(name: str, table: Table, dmn_file: File) -> None:
    (decision,) = parse_dmn(dmn_file(table([name + ":double"], ["passes"], ("< 0.05", "false"))), "a.dmn")
    assert decision.evaluate({name: 0.01}).rows == [{"passes": False}]
    assert decision.evaluate({name: 0.06}).rows == []
    assert decision.evaluate({}).rows == []
