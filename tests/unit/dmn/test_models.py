"""What a file holds beside plain decisions: services, imports, types, functions from outside; and what is warned of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from mlc_service.dmn import DecisionError, parse_dmn, read_model
from mlc_service.problems import InvalidResource

File = Callable[..., bytes]

LIBRARY = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" namespace="urn:lib" id="l" name="lib">
  <itemDefinition name="tPerson"><itemComponent name="born"><typeRef>date</typeRef></itemComponent></itemDefinition>
  <businessKnowledgeModel id="year" name="year of"><encapsulatedLogic><formalParameter name="d" typeRef="date"/>
    <literalExpression><text>d.year</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>
  <decision id="base" name="base"><literalExpression><text>x * 2</text></literalExpression></decision>
</definitions>"""
USER = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" namespace="urn:user" id="u" name="user">
  <import name="lib" namespace="urn:lib" importType="https://www.omg.org/spec/DMN/20191111/MODEL/"/>
  <inputData id="p" name="person"><variable name="person" typeRef="lib.tPerson"/></inputData>
  <decision id="top" name="top">
    <informationRequirement><requiredInput href="#p"/></informationRequirement>
    <informationRequirement><requiredDecision href="urn:lib#base"/></informationRequirement>
    <knowledgeRequirement><requiredKnowledge href="urn:lib#year"/></knowledgeRequirement>
    <literalExpression><text>lib.year of(person.born) + lib.base</text></literalExpression></decision>
</definitions>"""


def literal(key: str, text: str, *, more: str = "", kind: str = "", variable: str = "") -> str:
    type_ref = f' typeRef="{kind}"' if kind else ""
    return (
        f'<decision id="{key}" name="{key}"><variable name="{variable or key}"{type_ref}/>{more}'
        f"<literalExpression><text>{text}</text></literalExpression></decision>"
    )


def requires(kind: str, *ids: str) -> str:
    return "".join(f'<informationRequirement><{kind} href="#{id}"/></informationRequirement>' for id in ids)


def only_row(source: bytes, key: str, variables: dict[str, Any]) -> dict[str, Any]:
    decision = next(one for one in parse_dmn(source, "a.dmn") if one.key == key)
    (row,) = decision.evaluate(variables).rows
    return row


def test_an_imported_file_gives_types_functions_and_decisions_under_its_name() -> None:
    (top,) = parse_dmn(USER, "user.dmn", imports=[LIBRARY])
    assert top.evaluate({"person": {"born": "1999-07-04"}, "x": 4}).rows == [{"top": 2007}]


def test_an_import_that_is_not_at_hand_is_named() -> None:
    with pytest.raises(InvalidResource) as caught:
        parse_dmn(USER, "user.dmn")
    messages = [problem.message for problem in caught.value.problems]
    assert any("urn:lib#base" in message for message in messages)
    assert caught.value.problems[-1].severity == "warning"
    assert "the import 'lib' of urn:lib" in caught.value.problems[-1].message


SERVICE = (
    '<decisionService id="s" name="greet"><variable name="greet"/><outputDecision href="#out"/>'
    '<inputDecision href="#who"/><inputData href="#word"/></decisionService>',
    '<inputData id="word" name="word"><variable name="word" typeRef="string"/></inputData>',
    literal("who", '"nobody"', kind="string"),
    literal("out", 'word + " " + who', more=requires("requiredDecision", "who") + requires("requiredInput", "word")),
)


def test_a_decision_service_takes_what_it_is_given_for_its_input_decisions(dmn_file: File) -> None:
    (service,) = read_model(dmn_file(*SERVICE), "a.dmn").services
    assert service.evaluate({"word": "Hello", "who": "Anna"}).rows == [{"out": "Hello Anna"}]
    assert service.evaluate({"word": 5, "who": "Anna"}).rows == [{"out": None}]


def test_a_decision_calls_a_service_with_data_first_and_decisions_after(dmn_file: File) -> None:
    needs = '<knowledgeRequirement><requiredKnowledge href="#s"/></knowledgeRequirement>'
    source = dmn_file(*SERVICE, literal("top", 'greet("Hi", "Bob") + greet(who: "Eve", word: "!")', more=needs))
    assert only_row(source, "top", {"word": "not", "who": "seen"}) == {"top": "Hi Bob! Eve"}


def test_parts_of_an_input_are_read_as_their_types(dmn_file: File) -> None:
    source = dmn_file(
        '<itemDefinition name="tLoan"><itemComponent name="start"><typeRef>date</typeRef></itemComponent>'
        '<itemComponent name="terms" isCollection="true"><typeRef>dayTimeDuration</typeRef></itemComponent>'
        "</itemDefinition>",
        '<inputData id="i" name="loan"><variable name="loan" typeRef="tLoan"/></inputData>',
        literal("end", "string(loan.start + loan.terms[1])", more=requires("requiredInput", "i")),
    )
    assert only_row(source, "end", {"loan": {"start": "2024-01-31", "terms": ["P1D"]}}) == {"end": "2024-02-01"}
    assert only_row(source, "end", {"loan": {"start": date(2024, 1, 31), "terms": ["P1D"]}}) == {"end": "2024-02-01"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2] instance of tNumbers", True),
        ('[1, "a"] instance of tNumbers', False),
        ('{a: 1, b: "x"} instance of tPair', True),
        ("{a: 1} instance of tPair", False),
        ("(function(n: number) n) instance of tFunction", True),
        ("(function(n: string) n) instance of tFunction", False),
        ("1 instance of tLoop", True),
        ("(function(p: tPair) p.a)({a: 1})", None),
    ],
)
def test_types_of_the_file_are_known_to_feel(text: str, says: Any, dmn_file: File) -> None:
    source = dmn_file(
        '<itemDefinition name="tNumbers" isCollection="true"><typeRef>number</typeRef></itemDefinition>',
        '<itemDefinition name="tPair"><itemComponent name="a"><typeRef>number</typeRef></itemComponent>'
        '<itemComponent name="b"><typeRef>string</typeRef></itemComponent></itemDefinition>',
        '<itemDefinition name="tFunction"><functionItem outputTypeRef="Any"><parameters name="n" typeRef="number"/>'
        "</functionItem></itemDefinition>",
        '<itemDefinition name="tLoop"><typeRef>tLoop</typeRef></itemDefinition>',
        literal("d", text),
    )
    assert only_row(source, "d", {}) == {"d": says}


def test_a_value_is_converted_to_the_declared_type_as_in_camunda_in_files_that_camunda_reads(dmn_file: File) -> None:
    newer = "https://www.omg.org/spec/DMN/20230324/MODEL/"
    assert only_row(dmn_file(literal("d", "1 + 1", kind="string")), "d", {}) == {"d": "2"}
    (decision,) = parse_dmn(dmn_file(literal("d", "1 + 1", kind="string"), namespace=newer), "a.dmn")
    with pytest.raises(DecisionError, match="2 is a number, and cannot be taken as string"):
        decision.evaluate({})


def test_a_decision_without_id_goes_by_its_name_and_one_without_logic_by_its_variable(dmn_file: File) -> None:
    source = dmn_file(
        '<decision name="first"><literalExpression><text>1</text></literalExpression></decision>',
        '<decision id="given" name="given"/>',
        literal("top", "given + 1", more=requires("requiredDecision", "given")),
    )
    decisions = {decision.key: decision for decision in parse_dmn(source, "a.dmn")}
    assert list(decisions) == ["first", "given", "top"]
    assert decisions["top"].evaluate({"given": 4}).rows == [{"top": 5}]
    warnings = decisions["first"].warnings
    assert [warning.severity for warning in warnings] == ["warning", "warning"]
    assert "'first' has no id" in warnings[0].message
    assert warnings[0].line == 2
    assert "'given' has no logic" in warnings[1].message


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ('external {java: {class: "java.lang.Math", method signature: "max(double, double)"}})(2, 3.5)', 3.5),
        ('external {java: {class: "java.lang.String", method signature: '
         '"format(java.lang.String, [Ljava.lang.Object;)"}})("%s!", 3)', "3!"),
        ('external {java: {class: "java.lang.Math", method signature: "max(int, int)"}})(2, "3")', None),
    ],
)  # fmt: skip
def test_pure_methods_of_java_can_be_named(call: str, says: Any, dmn_file: File) -> None:
    assert only_row(dmn_file(literal("d", f"(function(a, b) {call}")), "d", {}) == {"d": says}


@pytest.mark.parametrize("method", ["java.lang.Runtime", "java.lang.System", "os"])
def test_no_other_method_of_java_can_be_named(method: str, dmn_file: File) -> None:
    text = f'(function(a) external {{java: {{class: "{method}", method signature: "exec(java.lang.String)"}}}})("ls")'
    (decision,) = parse_dmn(dmn_file(literal("d", text)), "a.dmn")
    with pytest.raises(DecisionError, match="is not among the Java functions"):
        decision.evaluate({})
